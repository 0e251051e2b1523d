/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bus under test
 *
 * The environment says what it is:
 *	BP_SUBJECT=embedded	bus-proxyd of this build (default)
 *	BP_SUBJECT=pool		the same, its connections pooled as in the ABI
 *	BP_SUBJECT=remote	the same, its bus in another process, on a socket
 *	BP_SUBJECT=ioctl	the same, but to it that is kdbusfs: under kdbus-run
 *	BP_SUBJECT=kernel	its bus in this machine's kernel, which has kdbus
 *	BP_SUBJECT=per-client	each client with a proxy process of its own
 *	BP_SUBJECT=reference	dbus-daemon from PATH
 *
 * Each subject has a directory of its own for its configuration, sockets and
 * output.  A keeper process removes it in the end and ends what is still
 * running, also when the test fails in between; it then shows the end of what
 * the subject wrote on stderr.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct conn;

bool subject_is_reference(void);
/* one of those above */
const char *subject_name(void);
/* are its connections pooled?  Then the bus tells it no more than the ABI does */
bool subject_is_pooled(void);
/* is its domain its own, with the limits of its configuration? */
bool subject_has_own_limits(void);
/* whether each client has a proxy process; what they receive is pooled then, too */
bool subject_is_per_client(void);
/* whether this build has AddressSanitizer: memory figures mean nothing then */
bool subject_is_sanitized(void);
/* @text with the unique names that this subject gives, where it has those of a bus whose first
 * client is ":1.0"; a static buffer, good for four calls */
const char *subject_names(const char *text);
/* The program alone */
const char *subject_program(void);
/* The start of the subject's command line: writes up to 3 strings. */
size_t subject_command(const char **argv);

/* A temporary directory and whoever looks after it */
struct sandbox {
	char dir[64];
	int keeper_fd; /* tells the keeper; its end tells it to end */
	pid_t keeper;
};

void sandbox_open(struct sandbox *sandbox);
/* removes the directory */
void sandbox_close(struct sandbox *sandbox);
/* path of a file in it; a static buffer, good for four calls */
const char *sandbox_path(const struct sandbox *sandbox, const char *name);
/* the keeper ends this process if the test fails */
void sandbox_watch(const struct sandbox *sandbox, pid_t pid);
void sandbox_forget(const struct sandbox *sandbox, pid_t pid);
void file_write(const char *path, const char *text);
/* whole file as a string, NULL if there is none; the caller frees */
char *file_read(const char *path);
/* runs a command in a sandbox, output into its files "stdout" and "stderr";
 * fds: n_fds pairs of own and child's number */
pid_t sandbox_spawn(const struct sandbox *sandbox, const char *const *argv, const int *fds,
		    size_t n_fds);
/* waits for the end of a child: wait status; ends the test after WAIT_MS */
int sandbox_wait(const struct sandbox *sandbox, pid_t pid);
/* no process in it has written a sanitizer's report, nor of an assertion that failed */
void sandbox_check(const struct sandbox *sandbox);

/* Configuration: what a test says, in a frame that lets everybody do everything.
 * listen may be NULL: a socket in the sandbox.  xml comes in front of the
 * policy.  The caller frees. */
char *config_text(const struct sandbox *sandbox, const char *listen, const char *xml);

struct subject_options {
	const char *xml;	 /* more elements of the configuration */
	const char *listen;	 /* <listen> elements as XML; NULL: a path */
	const char *const *args; /* more arguments, NULL-terminated */
	unsigned int n_files;	 /* RLIMIT_NOFILE, 0: inherited */
	const char *program;	 /* below the build directory; NULL: bus-proxyd */
	const int *fds;		 /* see sandbox_spawn() */
	size_t n_fds;
};

struct subject {
	struct sandbox sandbox;
	pid_t pid;
	char *address; /* as printed, without the newline */
};

/* Starts it and waits for its address. */
struct subject *subject_start(const char *xml);
/* NULL where it ends without printing one: *status_out is its wait status, *stderr_out what it
 * wrote, for the caller to free */
struct subject *subject_try(const struct subject_options *options, int *status_out,
			    char **stderr_out);
struct subject *subject_start_with(const struct subject_options *options);
/* Waits until it ends by itself: its wait status, and what it wrote, for the caller to free. */
int subject_reap(struct subject *subject, char **stderr_out);
/* SIGTERM; it must end with status 0 and without a sanitizer's report. */
void subject_stop(struct subject *subject);

/* Another configuration for a bus that runs, as in subject_start(); conn asks for it.
 * Returns whether it was taken. */
bool subject_reload(struct subject *subject, struct conn *conn, const char *xml);

/* What /proc says of the daemon */

size_t subject_rss_kib(const struct subject *subject);
/* of it what is not shared with files and pools: the heap */
size_t subject_own_kib(const struct subject *subject);
unsigned int subject_n_mappings(const struct subject *subject);
/* processor time that it has used */
unsigned long subject_cpu_ms(const struct subject *subject);
/* how many descriptors it has open, now */
unsigned int subject_n_fds(const struct subject *subject);
/* how many without a client; *per_client_out: how many more for each */
unsigned int subject_idle_fds(const struct subject *subject, unsigned int *per_client_out);
/* waits until it has so many descriptors, at most WAIT_MS; returns the number */
unsigned int subject_settle_fds(const struct subject *subject, unsigned int n_fds);
