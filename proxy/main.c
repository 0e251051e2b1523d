/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bus-proxyd: a D-Bus message bus.
 *
 * The order of starting is part of the interface (dbus-daemon's): configuration,
 * pidfile, listen, fork, pidfile written, address and pid printed, ready.  This is
 * the only file that ends the process.
 */
#include "config.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "proxy/bus-place.h"
#include "proxy/config-log.h"
#include "proxy/daemon.h"
#include "proxy/listener.h"
#include "proxy/options.h"
#include "proxy/per-client.h"
#include "proxy/process.h"

static int run_version(void)
{
	printf("bus-proxyd (D-Bus Message Bus Daemon) " PACKAGE_VERSION "\n");
	return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run_introspect(void)
{
	__cleanup(freep) char *xml = driver_introspect();

	if (!xml || fputs(xml, stdout) < 0 || fflush(stdout))
		return EXIT_FAILURE;
	return EXIT_SUCCESS;
}

static void init_log(const struct options *options, const struct config *config)
{
	unsigned targets = LOG_TARGET_STDERR;

	switch (options->syslog) {
	case OPTIONS_SYSLOG_ONLY:
		targets = LOG_TARGET_SYSLOG;
		break;
	case OPTIONS_SYSLOG_YES:
		targets = LOG_TARGET_STDERR | LOG_TARGET_SYSLOG;
		break;
	case OPTIONS_SYSLOG_NO:
		break;
	case OPTIONS_SYSLOG_CONFIG:
		if (config && config->syslog)
			targets |= LOG_TARGET_SYSLOG;
		break;
	}
	log_init("bus-proxyd", targets);
}

static int load_config(const struct options *options, struct config **config_out)
{
	__cleanup(config_messages_deinit) struct config_messages messages = CONFIG_MESSAGES_NULL;
	__cleanup(config_freep) struct config *config = NULL;
	struct config_environment environment;
	struct config_options config_options = {.environment = &environment};
	__cleanup(freep) char *path = NULL;
	int r;

	/* absolute: a reload may come after a chdir() */
	path = realpath(options_config_file(options), NULL);
	if (!path)
		path = strdup(options_config_file(options));
	if (!path) {
		log_error("Failed to load the configuration: %s", strerror(ENOMEM));
		return -ENOMEM;
	}
	if (options->strict)
		config_options.flags |= CONFIG_STRICT;
	config_environment_init(&environment);
	r = config_load(path, &config_options, &config, &messages);
	if (!r)
		r = config_check_bus(config, &config_options, &messages);
	config_log(&messages);
	if (r < 0)
		log_error("Failed to load %s: %s", path, strerror(-r));
	if (r)
		return r < 0 ? r : -EINVAL;
	*config_out = steal(config);
	return 0;
}

static int open_listeners(const struct options *options, const struct config *config,
			  struct list_head *listeners)
{
	char error[LISTENER_MAX_ERROR];
	int r = 0;

	if (options->address) {
		r = listeners_open(listeners, options->address, error);
	} else {
		for (size_t i = 0; i < config->n_listen && !r; i++)
			r = listeners_open(listeners, config->listen[i].address, error);
	}
	if (r < 0)
		log_error("Failed to start message bus: %s", error);
	return r;
}

/* what whoever started the bus waits for: address, then pid */
static int print_start(const struct options *options, const struct list_head *listeners)
{
	__cleanup(freep) char *address = NULL;
	char pid[24];
	int r;

	if (options->print_address_fd >= 0) {
		address = listeners_address(listeners);
		r = address ? process_print(options->print_address_fd, address) : -ENOMEM;
		if (r < 0) {
			log_error("Failed to print the address: %s", strerror(-r));
			return r;
		}
	}
	if (options->print_pid_fd >= 0) {
		snprintf(pid, sizeof(pid), "%lu", (unsigned long)getpid());
		r = process_print(options->print_pid_fd, pid);
		if (r < 0) {
			log_error("Failed to print the pid: %s", strerror(-r));
			return r;
		}
	}
	return 0;
}

static const char *bus_hint(int error)
{
	switch (error) {
	case -EOPNOTSUPP:
		return "the domain is strict: it has nothing of what bus-proxyd adds to kdbus";
	case -EEXIST:
		return "the domain has another bus of that type and user";
	default:
		return strerror(-error);
	}
}

/* from the last fork on; takes the configuration */
static int serve(const struct options *options, struct config *taken_config, const char *pidfile,
		 struct list_head *listeners, int *ready_fd)
{
	__cleanup(config_freep) struct config *config = taken_config;
	struct daemon_options daemon_options = {
		.systemd_activation = options->systemd_activation,
	};
	__cleanup(bus_place_deinit) struct bus_place place = {0};
	__cleanup(daemon_freep) struct daemon *daemon = NULL;
	int r;

	if (pidfile) {
		r = process_write_pidfile(pidfile);
		if (r < 0) {
			log_error("Failed to write the pid file %s: %s", pidfile, strerror(-r));
			return r;
		}
	}
	r = bus_place_choose(options, config, &place);
	if (!r && config->user) {
		/* who has it in the domain says of each connection whose it is */
		r = process_become(config->user, place.is_mounted ? CAP_IPC_OWNER : -1);
		if (r < 0)
			log_error("Failed to become user \"%s\": %s", config->user,
				  r == -ENOENT ? "no such user" : strerror(-r));
	}
	if (!r) {
		daemon_options.engine = place.address;
		daemon_options.engine_dir = place.served;
		daemon_options.owns_domain = place.is_mounted;
		r = daemon_new(config, &daemon_options, &daemon);
		if (!r)
			steal(config);
		else
			log_error("Failed to make the bus: %s", bus_hint(r));
	}
	/* whoever reads the address finds a bus there */
	r = r ?: print_start(options, listeners);
	if (!r) {
		r = daemon_listen(daemon, listeners);
		if (r < 0)
			log_error("Failed to accept connections: %s", strerror(-r));
	}
	if (!r && *ready_fd >= 0) {
		r = process_detach();
		if (r < 0)
			log_error("Failed to let go of the terminal: %s", strerror(-r));
	}
	if (!r) {
		process_ready(ready_fd);
		sd_notify(0, "READY=1");
		r = daemon_run(daemon);
		if (r < 0)
			log_error("The event loop failed: %s", strerror(-r));
	}
	if (pidfile)
		unlink(pidfile);
	return r;
}

static int run_bus(const struct options *options)
{
	__cleanup(config_freep) struct config *config = NULL;
	__cleanup(freep) char *pidfile = NULL;
	bool is_forking;
	LIST_HEAD(listeners);
	int ready_fd = -1;
	int r;

	init_log(options, NULL);
	r = process_prepare();
	if (r < 0) {
		log_error("Failed to prepare the process: %s", strerror(-r));
		return r;
	}
	r = load_config(options, &config);
	if (r < 0)
		return r;
	init_log(options, config);
	if (config->pidfile && !options->no_pidfile) {
		pidfile = strdup(config->pidfile);
		r = pidfile ? process_check_pidfile(pidfile) : -ENOMEM;
		if (r == -EEXIST)
			log_error("The pid file \"%s\" exists, if the message bus is not running, "
				  "remove this file",
				  pidfile);
		else if (r < 0)
			log_error("The pid file \"%s\" cannot be checked: %s", config->pidfile,
				  strerror(-r));
		if (r < 0)
			return r;
	}
	r = open_listeners(options, config, &listeners);
	is_forking = options->fork == OPTIONS_FORK_YES ||
		     (options->fork == OPTIONS_FORK_CONFIG && config->fork);
	if (!r && is_forking) {
		r = process_fork(config->keep_umask, &ready_fd);
		if (r < 0)
			log_error("Failed to fork: %s", strerror(-r));
	}
	if (!r)
		r = serve(options, steal(config), pidfile, &listeners, &ready_fd);
	listeners_close(&listeners, NULL);
	if (ready_fd >= 0)
		close(ready_fd);
	return r;
}

static bool is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

static int run_client(const struct options *options)
{
	struct options log_options = *options;
	struct per_client_options client_options = {
		.engine = options->bus,
		.is_system = options->file == OPTIONS_FILE_SYSTEM,
	};
	bool is_stderr_lost;
	int fd, r;

	r = process_prepare();
	if (r < 0) {
		/* it may be the client's */
		if (is_socket(STDERR_FILENO))
			log_options.syslog = OPTIONS_SYSLOG_ONLY;
		init_log(&log_options, NULL);
		log_error("Failed to prepare the process: %s", strerror(-r));
		return r;
	}
	r = per_client_take_socket(&fd, &is_stderr_lost);
	if (!r && is_stderr_lost)
		log_options.syslog = OPTIONS_SYSLOG_ONLY;
	init_log(&log_options, NULL);
	if (r < 0) {
		log_error("Neither systemd nor the standard input gave a connected socket");
		return r;
	}
	return per_client_run(&client_options, fd);
}

int main(int argc, char **argv)
{
	struct options options;

	switch (options_parse(argc, argv, &options)) {
	case OPTIONS_RUN:
		if (options.per_client)
			return run_client(&options) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
		return run_bus(&options) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	case OPTIONS_VERSION:
		return run_version();
	case OPTIONS_INTROSPECT:
		return run_introspect();
	case OPTIONS_USAGE:
		if (*options.error)
			fprintf(stderr, "%s\n", options.error);
		options_print_usage(argc > 0 ? argv[0] : "bus-proxyd", stderr);
		return EXIT_FAILURE;
	case OPTIONS_ERROR:
		fprintf(stderr, "%s\n", options.error);
		return EXIT_FAILURE;
	}
	return EXIT_FAILURE;
}
