/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Command line
 *
 * dbus-daemon's, so that bus-proxyd can be started wherever dbus-daemon is, and
 * four options of our own.  Nothing here exits, prints, or looks at the world,
 * apart from options_config_file() and options_engine_dir().
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

enum options_outcome {
	OPTIONS_RUN = 0,    /* run a bus */
	OPTIONS_USAGE,	    /* print error if there is one, then the usage, on stderr; status 1 */
	OPTIONS_ERROR,	    /* print error on stderr; status 1 */
	OPTIONS_VERSION,    /* print the version on stdout; status 0 */
	OPTIONS_INTROSPECT, /* print the driver's introspection on stdout; status 0 */
};

enum options_file {
	OPTIONS_FILE_NONE,
	OPTIONS_FILE_SESSION, /* --session */
	OPTIONS_FILE_SYSTEM,  /* --system */
	OPTIONS_FILE_NAMED,   /* --config-file: config_file */
};

/* an option that overrides what the configuration says */
enum options_fork {
	OPTIONS_FORK_CONFIG, /* as <fork> says */
	OPTIONS_FORK_NO,
	OPTIONS_FORK_YES,
};

enum options_syslog {
	OPTIONS_SYSLOG_CONFIG, /* as <syslog> says */
	OPTIONS_SYSLOG_NO,     /* stderr */
	OPTIONS_SYSLOG_YES,    /* stderr and syslog */
	OPTIONS_SYSLOG_ONLY,   /* syslog */
};

/**
 * struct options - a parsed command line
 * @file: which configuration
 * @config_file: FILE_NAMED only: its path
 * @address: what to listen on instead of the configuration's addresses, or NULL
 * @bus: where the kdbus bus is (bus-place.h), or NULL
 * @engine_socket: directory in which to serve it to other processes, or to mount it, "" for
 *	the usual one (options_engine_dir()), or NULL
 * @print_address_fd: where to print the address, or -1
 * @print_pid_fd: where to print the pid, or -1
 * @fork: --fork, --nofork
 * @syslog: --syslog, --syslog-only, --nosyslog
 * @no_pidfile: --nopidfile
 * @systemd_activation: --systemd-activation
 * @per_client: --per-client; then @file says which bus, unless @bus does
 * @strict: --strict
 * @error: ERROR and USAGE: a line without a newline, or ""
 *
 * Strings are borrowed from argv.
 */
struct options {
	enum options_file file;
	const char *config_file;
	const char *address;
	const char *bus;
	const char *engine_socket;
	int print_address_fd;
	int print_pid_fd;
	enum options_fork fork;
	enum options_syslog syslog;
	bool no_pidfile;
	bool systemd_activation;
	bool per_client;
	bool strict;
	char error[256];
};

/**
 * options_parse() - read a command line
 * @argc, @argv: as main() got them
 * @options_out: written whatever the outcome, @error included
 *
 * From left to right: --help, --version and --introspect decide the outcome
 * when they are met, as does a mistake.  An empty value counts as none.
 */
enum options_outcome options_parse(int argc, char *const *argv, struct options *options_out);

/* the usage, one line */
void options_print_usage(const char *program, FILE *stream);

/**
 * options_engine_dir() - the directory in which the bus is to be seen by other processes
 * @is_needed: also without --engine-socket
 *
 * As --engine-socket says; by default "kdbus" in $XDG_RUNTIME_DIR, or in /run.
 *
 * Return: 0, -ENOMEM, or -EINVAL: the directory is not absolute.  NULL in *@dir_out: it
 * is not to be seen.
 */
int options_engine_dir(const struct options *options, bool is_needed, char **dir_out);

/**
 * options_config_file() - the path of the configuration to load
 *
 * --session and --system take the first of these that exists, else the last:
 * dbus-1/NAME.conf in the data directory of this installation, the same below
 * /usr/share, bus-proxyd/NAME.conf in the data directory of this installation.
 * A bus started in place of dbus-daemon shall find what that would have found.
 */
const char *options_config_file(const struct options *options);
