/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* serve-domain [--ioctl|--kernel] PROGRAM [ARGUMENT...]: runs PROGRAM with its bus elsewhere
 *
 *	(none)		--bus=kernel:path=DIR, which a process of its own serves
 *	--ioctl		the same, but to PROGRAM it is kdbusfs: under kdbus-run
 *	--kernel	--bus=kernel, mounted at a directory of its own, unless ARGUMENTs say where
 *
 * The process that serves ends when the bus that PROGRAM makes there is gone, or when PROGRAM
 * ends without having made one.
 */
#include <dirent.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/embedded/embedded.h"
#include "kernel/embedded/server.h"
#include "kernel/engine/engine-carrier.h"

static struct kdbus_server *server;
static char dir[64];

static void deadline(void *userdata, struct kdbus_bus *bus, uint64_t deadline_ns)
{
	if (server)
		kdbus_server_deadline(server);
}

static bool has_bus(void)
{
	bool found = false;
	struct dirent *entry;
	DIR *entries = opendir(dir);

	while (entries && (entry = readdir(entries)))
		found |= entry->d_name[0] >= '0' && entry->d_name[0] <= '9';
	if (entries)
		closedir(entries);
	return found;
}

/* @ready_fd is the only descriptor; readable as soon as PROGRAM has ended */
static int serve(int ready_fd)
{
	const struct kdbus_embedded_hooks hooks = {.deadline = deadline};
	const struct kdbus_embedded_options options = {.hooks = &hooks};
	/* PROGRAM can do nothing about them, so they are those that it would have set */
	const struct engine_limits limits = {
		.n_conns_user = 100000,
		.n_names_conn = 100000,
		.n_matches_conn = 100000,
		.n_replies_conn = 100000,
		.n_msgs_user = 1000000,
		.n_fds_user = 1024,
		.n_fds_msg = 253,
	};
	struct kdbus_embedded *embedded;
	bool had_bus = false;
	struct pollfd pollfd;

	if (kdbus_embedded_new(&options, &embedded) < 0)
		return EXIT_FAILURE;
	engine_limits_apply(&limits, kdbus_embedded_domain(embedded));
	if (kdbus_server_new(embedded, dir, -1, &server) < 0)
		return EXIT_FAILURE;
	close(ready_fd);
	pollfd = (struct pollfd){.fd = kdbus_server_fd(server), .events = POLLIN};
	for (int idle = 0; has_bus() || (!had_bus && idle < 100);) {
		had_bus |= has_bus();
		if (poll(&pollfd, 1, 100))
			kdbus_server_dispatch(server);
		else
			idle++;
	}
	kdbus_server_free(server);
	server = NULL;
	kdbus_embedded_free(embedded);
	return rmdir(dir) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int become(const char *const *first, char *const *program, const char *const *more)
{
	const char *args[80];
	int n = 0;

	while (*first)
		args[n++] = *first++;
	args[n++] = *program++;
	while (*more)
		args[n++] = *more++;
	while (*program)
		args[n++] = *program++;
	args[n] = NULL;
	execv(args[0], (char *const *)args);
	return 127;
}

static int become_mounted(char *const *program)
{
	char option[96];
	const char *const none[] = {NULL};
	const char *more[] = {"--bus=kernel", option, NULL};

	snprintf(option, sizeof(option), "--engine-socket=%s", dir);
	for (char *const *arg = program; *arg; arg++)
		if (!strncmp(*arg, "--engine-socket", strlen("--engine-socket")))
			more[1] = NULL;
	return become(none, program, more);
}

static int become_served(char *const *program)
{
	char option[96];
	const char *const none[] = {NULL}, *const more[] = {option, NULL};

	snprintf(option, sizeof(option), "--bus=kernel:path=%s", dir);
	return become(none, program, more);
}

static int become_run(char *const *program)
{
	char run[512], option[96], options[512];
	const char *const first[] = {run, option, "--", NULL};
	const char *const more[] = {"--bus=kernel:path=/sys/fs/kdbus", NULL};

	snprintf(run, sizeof(run), "%s/kdbus-run", getenv("top_builddir") ?: ".");
	snprintf(option, sizeof(option), "--directory=%s", dir);
	/* the library comes in front of a sanitizer's, and has none */
	snprintf(options, sizeof(options), "%s:verify_asan_link_order=0",
		 getenv("ASAN_OPTIONS") ?: "");
	setenv("ASAN_OPTIONS", options, 1);
	return become(first, program, more);
}

int main(int argc, char **argv)
{
	bool is_run = argc > 1 && !strcmp(argv[1], "--ioctl");
	bool is_mounted = argc > 1 && !strcmp(argv[1], "--kernel");
	char *const *program = argv + 1 + (is_run || is_mounted);
	int fds[2];
	char byte;
	pid_t pid;

	if (!*program || argc > 60)
		return EXIT_FAILURE;
	snprintf(dir, sizeof(dir), "/tmp/serve-domain-XXXXXX");
	if (!mkdtemp(dir))
		return EXIT_FAILURE;
	if (is_mounted)
		return become_mounted(program);
	if (pipe(fds) < 0)
		return EXIT_FAILURE;
	/* not a child that PROGRAM would have to know of */
	pid = fork();
	if (pid == 0) {
		if (fork() != 0)
			_exit(0);
		setsid();
		dup2(fds[1], 3);
		syscall(SYS_close_range, 4, ~0u, 0);
		for (int i = 0; i < 3; i++)
			close(i);
		_exit(serve(3));
	}
	close(fds[1]);
	if (read(fds[0], &byte, 1) != 0)
		return EXIT_FAILURE;
	close(fds[0]);
	return is_run ? become_run(program) : become_served(program);
}
