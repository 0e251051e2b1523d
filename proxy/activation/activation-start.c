/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Activation: how a service is started, and what is said of one that was not.
 *
 *	systemd		where the file names a unit and the bus was told to: a signal
 *	launch helper	on a bus that has one: it reads the file itself, and becomes the user
 *	Exec		else
 *
 * A program that ends well before its name is owned may have gone to the background: only
 * the time-out says that it will not come.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/activation/activation-internal.h"
#include "proxy/activation/service-exec.h"
#include "proxy/activation/services.h"
#include "proxy/activation/systemd.h"
#include "proxy/daemon.h"
#include "proxy/launch-helper/launch-exit.h"
#include "proxy/listener.h"
#include "proxy/monitor.h"
#include "proxy/process.h"

enum { MAX_TEXT = 512 };

/* FAILURES */

static void __attribute__((format(printf, 3, 4)))
launch_failed(struct activatable *activatable, enum driver_error error, const char *format, ...)
{
	char text[MAX_TEXT];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (log_limit_pass(&activatable->activation->log_started))
		log_info("Activated service '%s' failed: %s", activatable->name, text);
	activatable_fail(activatable, driver_error_name(error), text);
}

static void launch_out_of_memory(struct activatable *activatable)
{
	launch_failed(activatable, DRIVER_ERROR_NO_MEMORY, "%s",
		      driver_error_text(DRIVER_ERROR_NO_MEMORY));
}

/* the ways in which a launch helper exits; every other is ChildExited */
static const struct {
	enum driver_error error;
	const char *text; /* NULL: that of the error */
} helper_exits[] = {
	[LAUNCH_EXIT_NO_MEMORY] = {DRIVER_ERROR_NO_MEMORY,
				   "Launcher could not run (out of memory)"},
	[LAUNCH_EXIT_CONFIG] = {DRIVER_ERROR_SPAWN_CONFIG_INVALID, NULL},
	[LAUNCH_EXIT_SETUP] = {DRIVER_ERROR_SPAWN_FAILED_TO_SETUP, NULL},
	[LAUNCH_EXIT_NAME] = {DRIVER_ERROR_SPAWN_SERVICE_NOT_VALID, NULL},
	[LAUNCH_EXIT_NOT_FOUND] = {DRIVER_ERROR_SPAWN_SERVICE_NOT_FOUND, NULL},
	[LAUNCH_EXIT_PERMISSIONS] = {DRIVER_ERROR_SPAWN_PERMISSIONS_INVALID, NULL},
	/* COMPAT: one would expect FileInvalid */
	[LAUNCH_EXIT_FILE] =
		{DRIVER_ERROR_SPAWN_PERMISSIONS_INVALID,
		 "The service file is incorrect or does not have all required attributes"},
	[LAUNCH_EXIT_EXEC] = {DRIVER_ERROR_SPAWN_EXEC_FAILED, NULL},
	[LAUNCH_EXIT_ARGUMENTS] = {DRIVER_ERROR_INVALID_ARGS, "Invalid arguments to command line"},
	[LAUNCH_EXIT_SIGNALED] = {DRIVER_ERROR_SPAWN_CHILD_SIGNALED, NULL},
};

#define N_HELPER_EXITS (sizeof(helper_exits) / sizeof(helper_exits[0]))

static void helper_exited(struct activatable *activatable, int status)
{
	enum driver_error error = DRIVER_ERROR_NONE;

	if (status >= 0 && (size_t)status < N_HELPER_EXITS)
		error = helper_exits[status].error;
	if (error)
		launch_failed(activatable, error, "%s",
			      helper_exits[status].text ?: driver_error_text(error));
	else
		launch_failed(activatable, DRIVER_ERROR_SPAWN_CHILD_EXITED,
			      "Launch helper exited with unknown return code %d", status);
}

static void launch_ended(void *userdata, enum spawn_end end, int value)
{
	struct activatable *activatable = userdata;

	activatable->child = NULL;
	if (activatable_has_come(activatable))
		return;
	switch (end) {
	case SPAWN_NOT_EXECUTED:
		launch_failed(activatable, DRIVER_ERROR_SPAWN_EXEC_FAILED,
			      "Failed to execute program %s: %s", activatable->name,
			      strerror(value));
		break;
	case SPAWN_SIGNALED:
		launch_failed(activatable, DRIVER_ERROR_SPAWN_CHILD_SIGNALED,
			      "Process %s received signal %d", activatable->name, value);
		break;
	case SPAWN_EXITED:
		if (!value)
			break;
		if (activatable->uses_helper)
			helper_exited(activatable, value);
		else
			launch_failed(activatable, DRIVER_ERROR_SPAWN_CHILD_EXITED,
				      "Process %s exited with status %d", activatable->name, value);
		break;
	}
}

/* PROGRAMS */

static void log_program(struct activatable *activatable, const struct client *client)
{
	char who[ACCESS_MAX_PEER];

	if (!log_limit_pass(&activatable->activation->log_started))
		return;
	access_print_peer(client, who);
	log_info("Activating service name='%s' requested by '%s'%s%s", activatable->name,
		 client ? client->unique_name : "(unknown)", who,
		 activatable->uses_helper ? " (using servicehelper)" : "");
}

static void log_unit(struct activatable *activatable, const char *unit, const struct client *client,
		     bool has_systemd)
{
	char who[ACCESS_MAX_PEER];

	if (!log_limit_pass(&activatable->activation->log_started))
		return;
	access_print_peer(client, who);
	log_info("Activating %s: service name='%s' unit='%s' requested by '%s'%s",
		 has_systemd ? "via systemd" : "systemd to hand-off", activatable->name, unit,
		 client ? client->unique_name : "(unknown)", who);
}

static int set_address(struct environment *environment, const char *name,
		       const struct daemon *daemon)
{
	__cleanup(freep) char *address = listeners_address(&daemon->listeners);

	return address ? environment_set(environment, name, address) : -ENOMEM;
}

/* what the child finds in its environment besides that of the bus */
static int make_environment(const struct daemon *daemon, struct environment *environment_out)
{
	static const char *const variables[] = {
		[CONFIG_TYPE_NONE] = NULL,
		[CONFIG_TYPE_SESSION] = "DBUS_SESSION_BUS_ADDRESS",
		[CONFIG_TYPE_SYSTEM] = "DBUS_SYSTEM_BUS_ADDRESS",
		[CONFIG_TYPE_OTHER] = NULL,
	};
	const char *variable = variables[daemon->config->type];
	struct environment environment;
	int r;

	r = environment_init(&environment, daemon->environment.variables);
	if (r < 0)
		return r;
	r = set_address(&environment, "DBUS_STARTER_ADDRESS", daemon);
	if (!r && daemon->config->type_name)
		r = environment_set(&environment, "DBUS_STARTER_BUS_TYPE",
				    daemon->config->type_name);
	if (!r && variable)
		r = set_address(&environment, variable, daemon);
	if (r < 0) {
		environment_deinit(&environment);
		return r;
	}
	*environment_out = environment;
	return 0;
}

static void launch_program(struct activatable *activatable, char *const *argv,
			   const struct client *client)
{
	struct activation *activation = activatable->activation;
	const struct rlimit n_files = process_original_nofile();
	struct environment environment;
	int r;

	log_program(activatable, client);
	r = make_environment(activation->daemon, &environment);
	if (!r) {
		r = spawn_start(&activation->spawns, argv, environment.variables, &n_files,
				launch_ended, activatable, &activatable->child);
		environment_deinit(&environment);
	}
	if (r == -ENOMEM)
		launch_out_of_memory(activatable);
	else if (r < 0)
		launch_failed(activatable, DRIVER_ERROR_SPAWN_FORK_FAILED, "Failed to fork: %s",
			      strerror(-r));
}

static void launch_exec(struct activatable *activatable, const struct client *client)
{
	char **argv;
	int r;

	r = service_exec_split(activatable->service->exec, &argv);
	switch (r) {
	case 0:
		launch_program(activatable, argv, client);
		free(argv);
		break;
	case SERVICE_EXEC_INVALID:
		launch_failed(activatable, DRIVER_ERROR_INVALID_ARGS,
			      "Unclosed quotes in command line");
		break;
	case SERVICE_EXEC_EMPTY:
		launch_failed(activatable, DRIVER_ERROR_SPAWN_EXEC_FAILED,
			      "Failed to execute program %s: %s", activatable->name,
			      strerror(ENOENT));
		break;
	default:
		launch_out_of_memory(activatable);
	}
}

static void launch_helper(struct activatable *activatable, const char *helper,
			  const struct client *client)
{
	char *argv[] = {(char *)helper, activatable->name, NULL};

	if (!activatable->service->user) {
		launch_failed(activatable, DRIVER_ERROR_SPAWN_FILE_INVALID, "%s",
			      driver_error_text(DRIVER_ERROR_SPAWN_FILE_INVALID));
		return;
	}
	activatable->uses_helper = true;
	launch_program(activatable, argv, client);
}

/* SYSTEMD */

struct client *activation_find_systemd(const struct activation *activation)
{
	struct engine_conn *conn = engine_find_owner(activation->daemon->engine, SYSTEMD_NAME);

	return conn ? engine_conn_userdata(conn)
		    : desk_find_owner(activation->daemon, SYSTEMD_NAME);
}

/* A systemd that has gone may not have read what it was asked, or forgotten it: the next one is
 * asked again. */
static void activation_deliver_requests(struct activation *activation, struct client *systemd)
{
	struct activatable *activatable;
	uint64_t id;

	id = client_id(systemd);
	list_for_each_entry(activatable, &activation->starting, link) {
		if (!activatable->request || activatable->asked_id == id)
			continue;
		activatable->asked_id = id;
		client_answer(systemd, activatable->request);
		if (systemd->state == CLIENT_CLOSED)
			return;
	}
}

int activatable_make_request(struct activatable *activatable)
{
	int r;

	if (activatable->request)
		return 0;
	r = systemd_new_request(activatable->service->systemd_service, &activatable->request);
	if (!r)
		monitor_feed(activatable->activation->daemon, activatable->request);
	return r;
}

static void launch_unit(struct activatable *activatable, const char *unit,
			const struct client *client)
{
	struct activation *activation = activatable->activation;
	struct client *systemd = activation_find_systemd(activation);

	log_unit(activatable, unit, client, !!systemd);
	activatable->unit = strdup(unit);
	if (!activatable->unit || activatable_make_request(activatable) < 0) {
		launch_out_of_memory(activatable);
		return;
	}
	if (systemd)
		activation_deliver_requests(activation, systemd);
}

int activation_tell_variable(struct activation *activation, const char *name, const char *value)
{
	return activation->is_systemd ? environment_set(&activation->told, name, value) : 0;
}

static int environment_merge(struct environment *environment, const struct environment *more)
{
	int r = 0;

	for (size_t i = 0; i < more->n_variables && !r; i++)
		r = environment_put(environment, more->variables[i]);
	return r;
}

int activation_tell_environment(struct activation *activation)
{
	struct client *systemd = activation_find_systemd(activation);
	struct message *message;
	int r;

	if (!activation->is_systemd)
		return 0;
	r = systemd_new_environment(systemd ? systemd->unique_name : SYSTEMD_NAME,
				    activation->told.variables, activation->told.n_variables,
				    &message);
	if (!r) {
		monitor_feed(activation->daemon, message);
		if (systemd)
			client_answer(systemd, message);
		else
			r = environment_merge(&activation->untold, &activation->told);
		activation->has_untold = !systemd;
		message_unref(message);
	}
	environment_deinit(&activation->told);
	return r;
}

void activation_serve_systemd(struct activation *activation)
{
	struct client *systemd = activation_find_systemd(activation);
	struct environment *untold = &activation->untold;
	struct message *message;

	if (!systemd)
		return;
	if (activation->has_untold && !systemd_new_environment(SYSTEMD_NAME, untold->variables,
							       untold->n_variables, &message)) {
		client_answer(systemd, message);
		message_unref(message);
	}
	/* for want of memory; all is for the next one */
	if (systemd->state == CLIENT_CLOSED)
		return;
	activation->has_untold = false;
	environment_deinit(untold);
	activation_deliver_requests(activation, systemd);
}

/* ANY */

void activatable_launch(struct activatable *activatable, const struct client *client)
{
	const struct activation *activation = activatable->activation;
	const struct service *service = activatable->service;
	const char *helper = activation->daemon->config->servicehelper;

	activatable->uses_helper = false;
	if (activatable->is_builtin)
		return;
	if (!service)
		launch_failed(activatable, DRIVER_ERROR_SERVICE_UNKNOWN,
			      "The name %s was not provided by any .service files",
			      activatable->name);
	else if (activation->is_systemd && service->systemd_service)
		launch_unit(activatable, service->systemd_service, client);
	else if (helper)
		launch_helper(activatable, helper, client);
	else
		launch_exec(activatable, client);
}
