/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* serve-domain PROGRAM [ARGUMENT...]: runs PROGRAM --bus=kernel:path=DIR ARGUMENT...
 *
 * DIR is served by a process of its own, which ends when the bus that PROGRAM
 * makes there is gone, or when PROGRAM ends without having made one.
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
	if (kdbus_server_new(embedded, dir, &server) < 0)
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

int main(int argc, char **argv)
{
	char option[96], *args[64], byte;
	int fds[2], n = 0;
	pid_t pid;

	if (argc < 2 || argc > 60)
		return EXIT_FAILURE;
	snprintf(dir, sizeof(dir), "/tmp/serve-domain-XXXXXX");
	if (!mkdtemp(dir) || pipe(fds) < 0)
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
	snprintf(option, sizeof(option), "--bus=kernel:path=%s", dir);
	args[n++] = argv[1];
	args[n++] = option;
	for (int i = 2; i < argc; i++)
		args[n++] = argv[i];
	args[n] = NULL;
	execv(args[0], args);
	return 127;
}
