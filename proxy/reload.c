/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reload: read the configuration again, and apply what can change at run time.
 *
 * The new configuration is complete before anything of the old one goes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "proxy/admission.h"
#include "proxy/config-log.h"
#include "proxy/daemon.h"
#include "proxy/per-client.h"

/* the first error, for whoever asked for the reload */
static char *reload_text(const struct config_messages *messages)
{
	for (size_t i = 0; i < messages->n_items; i++)
		if (messages->items[i].severity == CONFIG_ERROR)
			return strdup(messages->items[i].text);
	return NULL;
}

static int reload_load(struct daemon *daemon, struct config **config_out,
		       struct config_messages *messages)
{
	__cleanup(config_freep) struct config *config = NULL;
	struct config_environment environment;
	/* a running bus loses nothing by refusing any error */
	struct config_options options = {.environment = &environment, .flags = CONFIG_STRICT};
	int r;

	config_environment_init(&environment);
	r = config_load(daemon->config->file, &options, &config, messages);
	if (!r)
		r = config_check_bus(config, &options, messages);
	if (r)
		return r;
	*config_out = steal(config);
	return 0;
}

int daemon_reload(struct daemon *daemon, char **text_out)
{
	__cleanup(config_messages_deinit) struct config_messages messages = CONFIG_MESSAGES_NULL;
	struct engine_limits limits;
	struct config *config = NULL;
	int r;

	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
		   (unsigned long long)loop_now_ns() / 1000);
	r = reload_load(daemon, &config, &messages);
	config_log(&messages);
	if (!r)
		r = activation_prepare(&daemon->activation, config);
	if (!r) {
		r = access_reload(daemon, config);
		if (r < 0)
			activation_abort(&daemon->activation);
	}
	if (!r) {
		activation_commit(&daemon->activation);
		daemon_set_limits(daemon, config);
		driver_set_limits(daemon->driver, &daemon->limits.driver);
		daemon_get_engine_limits(config, &limits);
		if (engine_set_limits(daemon->engine, &limits) == -EPERM)
			log_warning("The limits of the bus in the kernel stay as they were: only "
				    "root may change them");
		config_free(daemon->config);
		daemon->config = config;
		if (daemon->is_served)
			per_client_publish(daemon);
		learned_users_ask(daemon);
		admission_update(daemon);
		log_info("Configuration was reloaded");
	} else {
		config_free(config);
		log_error("Configuration was not reloaded, the old one stays in force");
		*text_out = r < 0 ? strdup(strerror(-r)) : reload_text(&messages);
	}
	sd_notify(0, "READY=1");
	/* dbus-daemon says so after a failed reload, too */
	activation_tell_changed(&daemon->activation);
	return r;
}
