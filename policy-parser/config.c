/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bus configuration: the object
 *
 * What there is before anything was read, and what is asked of a configuration
 * once everything was: config-load.c does what lies between.
 */
#include "policy-parser/config.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "policy-parser/config-private.h"

enum {
	KIB = 1024,
	MIB = 1024 * KIB,
};

/* Amounts of bytes and descriptors may be as large as a long; the rest, and the times,
 * as an int. */
static const struct {
	const char *name;
	int64_t value;
	bool is_amount;
} limit_table[CONFIG_LIMIT_N] = {
	[CONFIG_LIMIT_MAX_INCOMING_BYTES] = {"max_incoming_bytes", 127 * MIB, true},
	[CONFIG_LIMIT_MAX_INCOMING_UNIX_FDS] = {"max_incoming_unix_fds", 64, true},
	[CONFIG_LIMIT_MAX_OUTGOING_BYTES] = {"max_outgoing_bytes", 127 * MIB, true},
	[CONFIG_LIMIT_MAX_OUTGOING_UNIX_FDS] = {"max_outgoing_unix_fds", 64, true},
	[CONFIG_LIMIT_MAX_MESSAGE_SIZE] = {"max_message_size", 32 * MIB, true},
	[CONFIG_LIMIT_MAX_MESSAGE_UNIX_FDS] = {"max_message_unix_fds", 16, true},
	[CONFIG_LIMIT_SERVICE_START_TIMEOUT] = {"service_start_timeout", 25000},
	[CONFIG_LIMIT_AUTH_TIMEOUT] = {"auth_timeout", 30000},
	[CONFIG_LIMIT_PENDING_FD_TIMEOUT] = {"pending_fd_timeout", 150000},
	[CONFIG_LIMIT_MAX_COMPLETED_CONNECTIONS] = {"max_completed_connections", 2048},
	[CONFIG_LIMIT_MAX_INCOMPLETE_CONNECTIONS] = {"max_incomplete_connections", 64},
	[CONFIG_LIMIT_MAX_CONNECTIONS_PER_USER] = {"max_connections_per_user", 256},
	[CONFIG_LIMIT_MAX_PENDING_SERVICE_STARTS] = {"max_pending_service_starts", 512},
	[CONFIG_LIMIT_MAX_NAMES_PER_CONNECTION] = {"max_names_per_connection", 512},
	[CONFIG_LIMIT_MAX_MATCH_RULES_PER_CONNECTION] = {"max_match_rules_per_connection", 512},
	[CONFIG_LIMIT_MAX_REPLIES_PER_CONNECTION] = {"max_replies_per_connection", 128},
	[CONFIG_LIMIT_REPLY_TIMEOUT] = {"reply_timeout", -1},
	[CONFIG_LIMIT_MAX_CONTAINERS] = {"max_containers", 512},
	[CONFIG_LIMIT_MAX_CONTAINERS_PER_USER] = {"max_containers_per_user", 16},
	[CONFIG_LIMIT_MAX_CONTAINER_METADATA_BYTES] = {"max_container_metadata_bytes", 4 * KIB},
	[CONFIG_LIMIT_MAX_CONNECTIONS_PER_CONTAINER] = {"max_connections_per_container", 8},
};

const char *config_limit_name(enum config_limit_id id)
{
	return limit_table[id].name;
}

bool config_find_limit(const char *name, enum config_limit_id *id_out)
{
	for (unsigned i = 0; i < CONFIG_LIMIT_N; i++) {
		if (!strcmp(name, limit_table[i].name)) {
			*id_out = i;
			return true;
		}
	}
	return false;
}

int64_t config_limit_max(enum config_limit_id id)
{
	return limit_table[id].is_amount ? LONG_MAX : INT_MAX;
}

int config_new(struct config **config_out)
{
	struct {
		struct config config;
		struct config_private private;
	} * both;

	both = calloc(1, sizeof(*both));
	if (!both)
		return -ENOMEM;
	both->config.private = &both->private;
	for (unsigned i = 0; i < CONFIG_LIMIT_N; i++)
		both->config.limits[i].value = limit_table[i].value;
	*config_out = &both->config;
	return 0;
}

struct config *config_free(struct config *config)
{
	if (!config)
		return NULL;
	free(config->listen);
	free(config->servicedirs);
	free(config->policy.sections);
	free(config->policy.rules);
	free(config->selinux);
	strings_deinit(&config->private->strings);
	free(config);
	return NULL;
}

int config_grow(void *items, size_t n_items, size_t *n_allocated, size_t size)
{
	void **array = items;
	size_t n;
	void *grown;

	if (n_items < *n_allocated)
		return 0;
	n = *n_allocated ? 2 * *n_allocated : 8;
	grown = reallocarray(*array, n, size);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*n_allocated = n;
	return 0;
}

/* adds a message; the outcome is @outcome unless that fails */
#define SAY(outcome, messages, severity, place, element, ...)                                      \
	({                                                                                         \
		const struct config_place place_ = place;                                          \
		int r_ = config_messages_add(messages, severity, place_.file, place_.line, 0,      \
					     element, __VA_ARGS__);                                \
		r_ < 0 ? r_ : (outcome);                                                           \
	})

static struct config_place whole_file(const struct config *config)
{
	return (struct config_place){.file = config->file};
}

static int check_auth(const struct config *config, struct config_messages *messages)
{
	if (!(config->auth & CONFIG_AUTH_COOKIE) || !config->auth_place.file)
		return 0;
	if (!(config->auth & CONFIG_AUTH_EXTERNAL))
		return SAY(CONFIG_REFUSED, messages, CONFIG_ERROR, config->auth_place, "auth",
			   "DBUS_COOKIE_SHA1 is not implemented, and EXTERNAL is not allowed");
	return SAY(0, messages, CONFIG_WARNING, config->auth_place, "auth",
		   "DBUS_COOKIE_SHA1 is not implemented and will not be offered");
}

/* what others mediate in the bus and this bus does not */
static int check_mediation(const struct config *config, const struct config_options *options,
			   struct config_messages *messages)
{
	const struct config_environment *environment = options ? options->environment : NULL;
	bool is_strict = options && options->flags & CONFIG_STRICT;
	enum config_severity severity = is_strict ? CONFIG_ERROR : CONFIG_WARNING;
	int outcome = is_strict ? CONFIG_REFUSED : 0;
	int r = 0;

	if (config->apparmor == CONFIG_APPARMOR_REQUIRED)
		return SAY(CONFIG_REFUSED, messages, CONFIG_ERROR, config->apparmor_place,
			   "apparmor", "mediation by AppArmor is required and not available");
	if (!environment)
		return 0;
	if (environment->has_apparmor && config->apparmor != CONFIG_APPARMOR_DISABLED)
		r = SAY(outcome, messages, severity, whole_file(config), NULL,
			"messages are not mediated by AppArmor, which is enabled on this system");
	if (r < 0 || !environment->is_selinux_enforcing)
		return r;
	return SAY(outcome, messages, severity, whole_file(config), NULL,
		   "messages are not mediated by SELinux, which is enforcing on this system");
}

int config_check_bus(const struct config *config, const struct config_options *options,
		     struct config_messages *messages)
{
	int outcome = 0;
	int r;

	if (!config->n_listen) {
		outcome = SAY(CONFIG_REFUSED, messages, CONFIG_ERROR, whole_file(config), NULL,
			      "there is no <listen> element, and a bus needs one");
		if (outcome < 0)
			return outcome;
	}
	r = check_auth(config, messages);
	if (r < 0)
		return r;
	outcome = r ? r : outcome;
	r = check_mediation(config, options, messages);
	return r ? r : outcome;
}
