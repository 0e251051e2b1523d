/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bus and proxies: see proxied.h. */
#include "tests/harness/proxied.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *program(void)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/bus-proxyd", getenv("top_builddir") ?: ".");
	return path;
}

void bus_write_config(struct bus *bus, const char *xml)
{
	char *text = config_text(&bus->sandbox, NULL, xml);

	file_write(sandbox_path(&bus->sandbox, "bus.conf"), text);
	free(text);
}

void bus_open_with(struct bus *bus, const char *xml, const char *option)
{
	char config[300], engine[300];
	const char *argv[] = {program(), config, "--nofork", "--print-address=8",
			      engine,	 option, NULL};
	int pipe_fds[2], fds[2];
	ssize_t n;

	if (subject_is_reference())
		skip("dbus-daemon serves all clients itself");
	sandbox_open(&bus->sandbox);
	bus_write_config(bus, xml);
	snprintf(config, sizeof(config), "--config-file=%s",
		 sandbox_path(&bus->sandbox, "bus.conf"));
	snprintf(engine, sizeof(engine), "--engine-socket=%s",
		 sandbox_path(&bus->sandbox, "kdbus"));
	expect_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
	fds[0] = pipe_fds[1];
	fds[1] = 8;
	bus->owner = sandbox_spawn(&bus->sandbox, argv, fds, 1);
	close(pipe_fds[1]);
	n = read(pipe_fds[0], bus->address, sizeof(bus->address) - 1);
	expect_gt(n, 10);
	bus->address[n - 1] = '\0';
	close(pipe_fds[0]);
	/* the address is printed before the bus is there */
	conn_close(conn_new(bus->address));
	snprintf(bus->engine, sizeof(bus->engine), "--bus=kernel:path=%s/%u-user/bus",
		 sandbox_path(&bus->sandbox, "kdbus"), geteuid());
}

void bus_open(struct bus *bus, const char *xml)
{
	bus_open_with(bus, xml, NULL);
}

void bus_close(struct bus *bus)
{
	expect_eq(kill(bus->owner, SIGTERM), 0);
	expect_eq(sandbox_wait(&bus->sandbox, bus->owner), 0);
	sandbox_close(&bus->sandbox);
}

struct proxied proxied_open(struct bus *bus)
{
	const char *argv[] = {program(), "--per-client", bus->engine, NULL};
	struct proxied p;
	int pair[2], fds[2];

	expect_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	fds[0] = pair[1];
	fds[1] = 0;
	p.pid = sandbox_spawn(&bus->sandbox, argv, fds, 1);
	close(pair[1]);
	p.conn = conn_take_fd(pair[0]);
	return p;
}

struct proxied proxied_new(struct bus *bus)
{
	struct proxied p = proxied_open(bus);

	conn_login(p.conn, true);
	conn_hello(p.conn);
	return p;
}

void proxied_close(struct bus *bus, struct proxied *p)
{
	conn_close(p->conn);
	expect_eq(sandbox_wait(&bus->sandbox, p->pid), 0);
}
