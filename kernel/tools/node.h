/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A node of a bus, for the tools: a file of kdbusfs, or the socket of a server
 *
 * What the path leads to decides; the commands are the ABI's either way.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kernel/engine/remote-client.h"
#include "kernel/include/uapi/linux/kdbus.h"

/**
 * struct node - an open node
 * @fd: to be polled for POLLIN
 * @remote: of a socket
 * @is_remote: it is one
 * @pool: mapped by node_hello(), or NULL
 * @pool_size: its bytes
 */
struct node {
	int fd;
	struct remote_client remote;
	int is_remote;
	const uint8_t *pool;
	size_t pool_size;
};

/* 0 or a negative errno */
int node_open(struct node *node, const char *path);
void node_close(struct node *node);
int node_command(struct node *node, unsigned long nr, void *cmd);
/**
 * node_hello() - HELLO, and the mapping of the pool
 * @flags: KDBUS_HELLO_*
 * @attach_recv: metadata to come with messages
 * @description: what others are told
 * @hello_out: what the bus answered; its slice was given back
 *
 * Return: 0 or a negative errno.
 */
int node_hello(struct node *node, uint64_t flags, uint64_t attach_recv, size_t pool_size,
	       const char *description, struct kdbus_cmd_hello *hello_out);
/* gives a slice back */
void node_free(struct node *node, uint64_t offset);
