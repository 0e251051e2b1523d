/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listener: a socket that clients connect to */
#pragma once

#include "proxy/loop.h"

struct daemon;

/**
 * struct listener - a socket that accepts clients
 * @link: in daemon->listeners, in the order of the configuration
 * @source: the socket
 * @daemon: set by daemon_listen()
 * @address: as clients would write it, without guid
 * @guid: of this address, 32 hex digits
 * @unlink_path: the socket file that this process made, or NULL
 * @ready_turn: the last turn of the loop in which somebody waited
 */
struct listener {
	struct list_head link;
	struct loop_source source;
	struct daemon *daemon;
	char *address;
	char guid[33];
	char *unlink_path;
	uint64_t ready_turn;
};

#define LISTENER_MAX_ERROR 512

/**
 * listeners_open() - listen on an address
 * @listeners: gets one listener; for "systemd:" as many as were passed
 * @address: as in <listen>: of alternatives separated by ";" the first that works
 * @error: what went wrong, for people
 *
 * Section "Server Addresses" of the specification: unix: (path, abstract, dir,
 * tmpdir, runtime) and systemd:.
 *
 * Return: 0 or a negative errno, and @error.
 */
int listeners_open(struct list_head *listeners, const char *address,
		   char error[LISTENER_MAX_ERROR]);

/* closes the sockets, unlinks their files; @loop may be NULL when it does not watch them */
void listeners_close(struct list_head *listeners, struct loop *loop);

/* the addresses of all, ";" between, last configured first, each with its guid; from malloc(),
 * or NULL */
char *listeners_address(const struct list_head *listeners);
