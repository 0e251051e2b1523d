/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Launch helper: starts a service of the system bus as its user
 *
 *	bus-proxyd-launch-helper NAME
 *
 * The bus of the system is no longer root when it has to start services, so it runs
 * this, which is root's and setuid, and executable by the bus' group alone.  The
 * caller is believed nothing: not what it says to be, nor what the service is, nor
 * where things are.  All it says is a name.  The rest is read from the configuration
 * of the system bus, whose path is compiled in: who may ask (<user>), which
 * directories have service files, and there, who the service runs as and what it is.
 *
 * In order: take over nothing from the caller; look at the name; read the
 * configuration; look who asks; read NAME.service; become its User; execute its
 * Exec.  Whatever fails ends it, with a line for the bus' log and a status for the
 * bus, enum launch_exit.  The line quotes no file, as the bus may not be allowed to
 * read it.
 *
 * Nothing is ever released, as the process ends or is replaced.  It does not fork:
 * from the bus' point of view it is the service.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy-parser/config.h"
#include "proxy/activation/service-exec.h"
#include "proxy/activation/service-file.h"
#include "proxy/launch-helper/launch-exit.h"
#include "proxy/launch-helper/launch-find.h"
#include "proxy/launch-helper/launch-process.h"
#include "proxy/wire.h"

/* The configuration; the build for tests has another one */
#ifndef LAUNCH_HELPER_CONFIG
#define LAUNCH_HELPER_CONFIG config_standard_file(CONFIG_TYPE_SYSTEM)
#endif

#define PROGRAM "bus-proxyd-launch-helper"

/* where libraries of clients look for the system bus by themselves */
static char address[] = "DBUS_STARTER_ADDRESS=unix:path=/run/dbus/system_bus_socket";
static char bus_type[] = "DBUS_STARTER_BUS_TYPE=system";
static char *const environment[] = {address, bus_type, NULL};

/* @name: valid, or NULL */
static void __attribute__((noreturn))
fail(enum launch_exit status, const char *name, const char *what)
{
	/* the status matters more than the line */
	signal(SIGPIPE, SIG_IGN);
	dprintf(STDERR_FILENO, PROGRAM ": %s%s%s\n", name ? name : "", name ? ": " : "", what);
	_exit(status);
}

/* the configuration of the system bus; what is wrong with it was said when the bus read it */
static const struct config *load_config(const char *name)
{
	struct config_messages messages = CONFIG_MESSAGES_NULL;
	struct config_environment surroundings;
	struct config_options options = {.environment = &surroundings};
	struct config *config;
	int r;

	config_environment_init(&surroundings);
	r = config_load(LAUNCH_HELPER_CONFIG, &options, &config, &messages);
	config_messages_deinit(&messages);
	if (r < 0)
		fail(LAUNCH_EXIT_NO_MEMORY, name, "out of memory");
	if (r)
		fail(LAUNCH_EXIT_CONFIG, name, "the configuration cannot be used");
	return config;
}

static void find(const struct config *config, const char *name, struct service_file *file_out)
{
	int r = launch_find(config, &config_files_system, name, file_out);

	if (r == LAUNCH_EXIT_NO_MEMORY)
		fail(r, name, "out of memory");
	if (r == LAUNCH_EXIT_NOT_FOUND)
		fail(r, name, "there is no service file of this name");
	if (r)
		fail(r, name, "its service file cannot be used");
}

static char **split(const char *name, const struct service_file *file)
{
	char **argv;
	int r = service_exec_split(file->exec, &argv);

	if (r == SERVICE_EXEC_INVALID)
		fail(LAUNCH_EXIT_ARGUMENTS, name, "quotes do not match in its Exec");
	if (r == SERVICE_EXEC_EMPTY)
		fail(LAUNCH_EXIT_EXEC, name, "its Exec is empty");
	if (r)
		fail(LAUNCH_EXIT_NO_MEMORY, name, "out of memory");
	if (argv[0][0] != '/')
		fail(LAUNCH_EXIT_EXEC, name, "its Exec is no absolute path");
	return argv;
}

int main(int argc, char **argv)
{
	const struct config *config;
	struct service_file file;
	const char *name;
	char **command;

	if (launch_prepare() < 0)
		fail(LAUNCH_EXIT_SETUP, NULL, "cannot get rid of what was handed over");
	/* COMPAT: not LAUNCH_EXIT_ARGUMENTS */
	if (argc != 2) {
		dprintf(STDERR_FILENO, "usage: " PROGRAM " NAME\n");
		return 0;
	}
	name = argv[1];
	if (!wire_well_known_name_is_valid(name, strlen(name)))
		fail(LAUNCH_EXIT_NAME, NULL, "that is no bus name");
	config = load_config(name);
	if (!launch_is_permitted(config->user))
		fail(LAUNCH_EXIT_PERMISSIONS, name,
		     "the bus alone may run this, and it has to be setuid root");
	find(config, name, &file);
	/* COMPAT: not LAUNCH_EXIT_FILE */
	if (!file.user)
		fail(LAUNCH_EXIT_FAILED, name, "its service file has no User");
	command = split(name, &file);
	if (launch_become(file.user) < 0)
		fail(LAUNCH_EXIT_SETUP, name, "its User does not exist, or cannot be taken");
	execve(command[0], command, environment);
	fail(LAUNCH_EXIT_EXEC, name, strerror(errno));
}
