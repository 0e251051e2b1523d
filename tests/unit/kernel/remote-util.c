/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/kernel/remote-util.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/embedded/embedded.h"
#include "kernel/embedded/server.h"
#include "kernel/embedded/shim/shim-alloc.h"
#include "kernel/engine/engine-carrier.h"
#include "kernel/engine/engine-items.h"
#include "tests/harness/tap.h"

static struct kdbus_server *the_server;

static void deadline(void *userdata, struct kdbus_bus *bus, uint64_t deadline_ns)
{
	if (the_server)
		kdbus_server_deadline(the_server);
}

static int make_own_bus(struct kdbus_embedded *embedded, struct kdbus_embedded_handle **owner_out)
{
	const struct kdbus_bloom_parameter bloom = {.size = 64, .n_hash = 8};
	struct kdbus_embedded_handle *owner;
	struct engine_items items;
	uint64_t space[32];
	char name[32];
	int r;

	snprintf(name, sizeof(name), "%u-own", geteuid());
	engine_items_init(&items, space, sizeof(struct kdbus_cmd), sizeof(space));
	engine_items_add(&items, KDBUS_ITEM_BLOOM_PARAMETER, &bloom, sizeof(bloom));
	engine_items_add(&items, KDBUS_ITEM_MAKE_NAME, name, strlen(name) + 1);
	r = kdbus_embedded_open(embedded, "control", NULL, &owner);
	if (r < 0)
		return r;
	*owner_out = owner;
	r = kdbus_embedded_command(owner, KDBUS_CMD_BUS_MAKE, space);
	return r < 0 ? r : kdbus_server_add_bus(the_server, kdbus_embedded_bus(owner));
}

/* until @stop_fd is readable; the exit status says what went wrong */
static int serve(const char *dir, bool strict, const struct engine_limits *limits, bool has_bus,
		 int ready_fd, int stop_fd)
{
	const struct kdbus_embedded_hooks hooks = {.deadline = deadline};
	const struct kdbus_embedded_options options = {.strict = strict, .hooks = &hooks};
	struct kdbus_embedded_handle *owner = NULL;
	unsigned long n_objects = shim_alloc_count();
	struct kdbus_embedded *embedded;
	struct pollfd fds[2];
	uint64_t one = 1;
	int n_fds = count_fds();

	if (kdbus_embedded_new(&options, &embedded) < 0 ||
	    kdbus_server_new(embedded, dir, -1, &the_server) < 0)
		return 2;
	if (limits)
		engine_limits_apply(limits, kdbus_embedded_domain(embedded));
	if (has_bus && make_own_bus(embedded, &owner) < 0)
		return 8;
	if (write(ready_fd, &one, sizeof(one)) < 0)
		return 3;
	fds[0] = (struct pollfd){.fd = kdbus_server_fd(the_server), .events = POLLIN};
	fds[1] = (struct pollfd){.fd = stop_fd, .events = POLLIN};
	while (!(fds[1].revents & POLLIN)) {
		if (poll(fds, 2, -1) < 0)
			return 4;
		if (fds[0].revents && kdbus_server_dispatch(the_server) < 0)
			return 5;
	}
	kdbus_server_free(the_server);
	the_server = NULL;
	kdbus_embedded_close(owner);
	kdbus_embedded_free(embedded);
	if (shim_alloc_count() != n_objects)
		return 6;
	return count_fds() == n_fds ? 0 : 7;
}

static void start(struct remote_server *server, bool strict, const struct engine_limits *limits,
		  bool has_bus)
{
	int ready_fd = eventfd(0, EFD_CLOEXEC);
	uint64_t count;

	server->stop_fd = eventfd(0, EFD_CLOEXEC);
	server->pid = fork();
	expect(server->pid >= 0);
	if (server->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* to this process the sockets are sockets */
		unsetenv("KDBUS_RUN_ROOT");
		_exit(serve(server->dir, strict, limits, has_bus, ready_fd, server->stop_fd));
	}
	expect_eq(read(ready_fd, &count, sizeof(count)), (ssize_t)sizeof(count));
	close(ready_fd);
}

void remote_server_start(struct remote_server *server, bool strict,
			 const struct engine_limits *limits)
{
	snprintf(server->dir, sizeof(server->dir), "/tmp/test-remote-XXXXXX");
	expect(mkdtemp(server->dir) != NULL);
	start(server, strict, limits, false);
}

void remote_server_start_with_bus(struct remote_server *server)
{
	snprintf(server->dir, sizeof(server->dir), "/tmp/test-remote-XXXXXX");
	expect(mkdtemp(server->dir) != NULL);
	start(server, false, NULL, true);
}

void remote_server_start_in(struct remote_server *server, const char *dir)
{
	snprintf(server->dir, sizeof(server->dir), "%s", dir);
	start(server, true, NULL, false);
}

void remote_server_stop(struct remote_server *server)
{
	uint64_t one = 1;
	int status;

	expect_eq(write(server->stop_fd, &one, sizeof(one)), (ssize_t)sizeof(one));
	close(server->stop_fd);
	expect_eq(waitpid(server->pid, &status, 0), server->pid);
	expect(WIFEXITED(status));
	expect_eq(WEXITSTATUS(status), 0);
	/* it has removed everything in there */
	expect_eq(rmdir(server->dir), 0);
}
