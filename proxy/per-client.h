/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Per client: a process that serves one client of a bus that another process owns
 *
 * It is started with the connected socket, by systemd (Accept=yes) or as inetd
 * starts things, and ends with it.
 */
#pragma once

#include <stdbool.h>

#include "proxy/loop.h"

/**
 * struct per_client_options - what to serve
 * @engine: address of the bus, kernel:path=SOCKET; NULL: the usual one
 * @is_system: the usual one is the system bus, else the user's
 */
struct per_client_options {
	const char *engine;
	bool is_system;
};

/**
 * per_client_take_socket() - the socket that this process was started with
 * @fd_out: the only descriptor that leads there; non-blocking
 * @is_stderr_lost_out: it had been the standard error as well
 *
 * One of systemd's, or the standard input.
 *
 * Return: 0, or -ENOTCONN: there is no connected socket of the right kind.
 */
int per_client_take_socket(int *fd_out, bool *is_stderr_lost_out);

/**
 * per_client_run() - serve it
 * @fd: taken
 *
 * Says by itself what goes wrong.  The process is another user afterwards, with no
 * privileges, and cannot be traced.
 *
 * Return: 0 when the client has left, or a negative errno.
 */
int per_client_run(const struct per_client_options *options, int fd);

struct daemon;

/* the owner's side: leaves the configuration in force for those that join; failures are logged */
void per_client_publish(struct daemon *daemon);
/* the end of a turn: tells them if somebody watches now, before he learns that he does; or, after a
 * while, that nobody does any more */
void per_client_announce(struct daemon *daemon);
/* that while is over: the timer of the desk */
void per_client_unwatch(struct loop_timer *timer);
/* the joining side: puts in force what the owner has published anew; failures are logged */
void per_client_reload(struct daemon *daemon);
