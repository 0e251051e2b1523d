/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Server: the core in this process for others
 *
 * It shows the nodes of a domain as sockets in a directory, laid out as kdbusfs
 * would be:
 *
 *	control			BUS_MAKE
 *	<uid>-<bus>/bus		HELLO, ENDPOINT_MAKE
 *	<uid>-<bus>/<uid>-<endpoint>
 *
 * and runs the commands of whoever connects: remote-protocol.h.  Everything happens in
 * kdbus_server_dispatch() of the process that has the domain.
 */
#pragma once

#include <stdint.h>

struct kdbus_bus;
struct kdbus_embedded;
struct kdbus_server;

/**
 * kdbus_server_new() - serve a domain
 * @embedded: must outlive the server
 * @path: of the directory, made if need be
 * @epoll_fd: a set of the caller to watch everything in; its events have a struct loop_source
 *	(proxy/base/loop-source.h) as data, which may be gone after kdbus_server_finish().  -1: the
 *	server has its own, which is asked for by kdbus_server_fd()
 *
 * The directory belongs to this server alone: what another one left there is removed.
 *
 * Return: 0, -EADDRINUSE if another server has the directory, -EPERM if it is somebody
 * else's, or the errno of what else failed.
 */
int kdbus_server_new(struct kdbus_embedded *embedded, const char *path, int epoll_fd,
		     struct kdbus_server **server_out);
/* who is still connected is disconnected, and the nodes are removed; NULL is fine */
struct kdbus_server *kdbus_server_free(struct kdbus_server *server);

/* a node for the default endpoint of a bus that this process made; 0 or a negative errno */
int kdbus_server_add_bus(struct kdbus_server *server, struct kdbus_bus *bus);

/**
 * kdbus_server_publish() - leave a file for those who join a bus
 * @fd: sealed; taken
 *
 * It is handed to peers of the bus of kdbus_server_add_bus() that are root or the same
 * user as this process.  Those who have the one before are told.
 */
void kdbus_server_publish(struct kdbus_server *server, int fd);

/* to be called behind each batch of the caller's set, and before that waits */
void kdbus_server_finish(struct kdbus_server *server);

/* without such a set: becomes readable when there is something to do */
int kdbus_server_fd(const struct kdbus_server *server);
/* does some of it, a bounded amount; 0 or the negative errno of epoll_wait() */
int kdbus_server_dispatch(struct kdbus_server *server);
/* a deadline of a bus in the domain has changed: kdbus_embedded_hooks.deadline() */
void kdbus_server_deadline(struct kdbus_server *server);
