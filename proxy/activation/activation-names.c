/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Activation: what can be started.
 *
 * The names of the service files, and with --systemd-activation systemd's own, which has
 * no need of a file: it comes by itself.  A name that is in no file any more stays as
 * long as somebody waits for it.
 *
 * Two things read the files: a reload of the configuration, and a change that was
 * noticed.  Both make what will be beside what is (activation_prepare()), let the engine
 * have the activators for it (holders_load(), holders_rename()), and then commit or abort.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "proxy/activation/activation-internal.h"
#include "proxy/activation/services-watch.h"
#include "proxy/activation/services.h"
#include "proxy/activation/systemd.h"
#include "proxy/config-log.h"
#include "proxy/daemon.h"

enum {
	LOG_INTERVAL_MS = 10000,
	LOG_BURST = 200, /* a session starts with many */
};

struct activatable *activation_find(const struct activation *activation, const char *name)
{
	uint64_t hash = htable_hash(name, strlen(name));
	struct activatable *activatable;

	htable_for_each_match(activatable, &activation->names, node, hash)
		if (!strcmp(activatable->name, name))
			return activatable;
	return NULL;
}

int activation_list(const struct activation *activation,
		    int (*fn)(void *userdata, const char *name), void *userdata)
{
	int r = 0;

	for (size_t i = 0; i < services_count(activation->services) && !r; i++)
		r = fn(userdata, services_at(activation->services, i)->name);
	return r;
}

/* NAMES */

static int activation_get(struct activation *activation, const char *name,
			  struct activatable **activatable_out)
{
	struct activatable *activatable = activation_find(activation, name);
	size_t len = strlen(name);

	if (!activatable) {
		activatable = calloc(1, sizeof(*activatable) + len + 1);
		if (!activatable)
			return -ENOMEM;
		memcpy(activatable->name, name, len + 1);
		activatable_init(activatable, activation);
		htable_add(&activation->names, &activatable->node, htable_hash(name, len));
	}
	*activatable_out = activatable;
	return 0;
}

/* whether something is under way that has to end before the name can go */
static bool activatable_is_busy(const struct activatable *activatable)
{
	return activatable->state != ACTIVATABLE_IDLE || activatable->n_entries;
}

static void activatable_free(struct activatable *activatable)
{
	assert(!activatable_is_busy(activatable) && !activatable->held.activator);
	list_del(&activatable->held.link);
	list_del(&activatable->note_link);
	free(activatable);
}

/* those that nothing needs any more; the others in @held */
static void activation_sort(struct activation *activation)
{
	struct activatable *activatable;
	struct hlist_node *tmp;
	size_t i;

	htable_for_each_safe(activatable, tmp, i, &activation->names, node) {
		list_del(&activatable->held.link);
		if (activatable_is_provided(activatable) || activatable->next_service ||
		    activatable_is_busy(activatable)) {
			list_add_tail(&activatable->held.link, &activation->held);
		} else if (!activatable->held.activator) {
			htable_unlink(&activation->names, &activatable->node);
			activatable_free(activatable);
		}
	}
}

/* the list of those that will have an activator, where others come and go */
static void activation_hold_next(struct activation *activation)
{
	struct activatable *activatable;
	struct hlist_node *tmp;
	size_t i;

	htable_for_each_safe(activatable, tmp, i, &activation->names, node) {
		list_del(&activatable->held.link);
		if (activatable->next_service || activatable->is_builtin ||
		    activatable_is_busy(activatable))
			list_add_tail(&activatable->held.link, &activation->held);
	}
}

void activation_release(struct activation *activation)
{
	activation->is_stale = false;
	activation_sort(activation);
	if (holders_rename(activation->daemon->holders, &activation->held) < 0)
		return;
	activation_sort(activation);
}

/* FILES */

static int activation_load(struct activation *activation, const struct config *config)
{
	__cleanup(config_messages_deinit) struct config_messages messages = CONFIG_MESSAGES_NULL;
	int r;

	r = services_load(config->servicedirs, config->n_servicedirs, NULL, activation->services,
			  &messages, &activation->next_services);
	config_log(&messages);
	if (r < 0)
		log_error("The service files cannot be read: %s", strerror(-r));
	return r;
}

static void activation_changed(void *userdata);

static void activation_watch(struct activation *activation, const struct config *config)
{
	int r = 0;

	if (!activation->watch)
		r = services_watch_new(&activation->daemon->loop, activation_changed, activation,
				       &activation->watch);
	if (!r)
		r = services_watch_set(activation->watch, config->servicedirs,
				       config->n_servicedirs);
	if (r < 0)
		log_warning("Changes of service files may go unnoticed until the next reload: %s",
			    strerror(-r));
}

int activation_prepare(struct activation *activation, const struct config *config)
{
	struct activatable *activatable;
	const struct service *service;
	int r;

	/* before they are read: nothing falls in between */
	activation_watch(activation, config);
	r = activation_load(activation, config);
	for (size_t i = 0; !r && i < services_count(activation->next_services); i++) {
		service = services_at(activation->next_services, i);
		r = activation_get(activation, service->name, &activatable);
		if (!r)
			activatable->next_service = service;
	}
	if (!r && activation->is_systemd) {
		r = activation_get(activation, SYSTEMD_NAME, &activatable);
		if (!r)
			activatable->is_builtin = true;
	}
	if (r < 0) {
		activation_abort(activation);
		return r;
	}
	activation_hold_next(activation);
	return 0;
}

void activation_commit(struct activation *activation)
{
	struct activatable *activatable;
	struct hlist_node *tmp;
	size_t i;

	htable_for_each_safe(activatable, tmp, i, &activation->names, node)
		activatable->service = steal(activatable->next_service);
	services_free(activation->services);
	activation->services = steal(activation->next_services);
	activation_sort(activation);
}

void activation_abort(struct activation *activation)
{
	struct activatable *activatable;
	struct hlist_node *tmp;
	size_t i;

	htable_for_each_safe(activatable, tmp, i, &activation->names, node)
		activatable->next_service = NULL;
	activation->next_services = services_free(activation->next_services);
	activation_watch(activation, activation->daemon->config);
	activation_sort(activation);
}

/* The directory for services of this session alone has to be there for them to be put into;
 * others are not ours to make. */
void activation_make_directories(const struct config *config)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	size_t len = runtime ? strlen(runtime) : 0;

	for (size_t i = 0; len && i < config->n_servicedirs; i++) {
		const char *path = config->servicedirs[i].path;
		const char *last = strrchr(path, '/');
		__cleanup(freep) char *parent = NULL;

		if (!(config->servicedirs[i].flags & CONFIG_SERVICEDIR_UNWATCHED) ||
		    strncmp(path, runtime, len) || path[len] != '/')
			continue;
		parent = strndup(path, last - path);
		/* without it nothing is in it */
		if (parent && (!mkdir(parent, 0700) || errno == EEXIST))
			mkdir(path, 0700);
	}
}

/* CHANGES */

static void activation_changed(void *userdata)
{
	struct activation *activation = userdata;
	struct daemon *daemon = activation->daemon;
	int r;

	activation->is_changed = true;
	r = activation_prepare(activation, daemon->config);
	if (r < 0)
		return;
	r = holders_rename(daemon->holders, &activation->held);
	if (r < 0) {
		activation_abort(activation);
		return;
	}
	activation_commit(activation);
	activation_tell_changed(activation);
}

bool activation_refresh(struct activation *activation)
{
	activation->is_changed = false;
	if (activation->watch)
		services_watch_settle(activation->watch);
	return activation->is_changed;
}

void activation_tell_changed(struct activation *activation)
{
	struct message *message;

	if (synthetic_activatable_services_changed(&message) < 0)
		return;
	daemon_broadcast(activation->daemon, message);
	message_unref(message);
}

/* LIFE */

void activation_init(struct activation *activation, struct daemon *daemon, bool is_systemd)
{
	*activation = (struct activation){
		.daemon = daemon,
		.is_systemd = is_systemd,
	};
	htable_init(&activation->names);
	INIT_LIST_HEAD(&activation->held);
	INIT_LIST_HEAD(&activation->starting);
	INIT_LIST_HEAD(&activation->noted);
	spawns_init(&activation->spawns, &daemon->loop);
	log_limit_init(&activation->log_started, LOG_INTERVAL_MS, LOG_BURST);
}

void activation_deinit(struct activation *activation)
{
	struct activatable *activatable;
	struct hlist_node *tmp;
	size_t i;

	if (!activation->daemon)
		return;
	activation->watch = services_watch_free(activation->watch);
	spawns_deinit(&activation->spawns);
	htable_for_each_safe(activatable, tmp, i, &activation->names, node) {
		htable_unlink(&activation->names, &activatable->node);
		loop_timer_disarm(&activatable->timer);
		list_del(&activatable->link);
		list_del(&activatable->note_link);
		message_unref(activatable->request);
		free(activatable->unit);
		free(activatable);
	}
	htable_deinit(&activation->names);
	activation->services = services_free(activation->services);
	environment_deinit(&activation->told);
	environment_deinit(&activation->untold);
}
