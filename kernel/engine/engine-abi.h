/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside the ABI carrier: what its parts know of each other */
#ifndef KERNEL_ENGINE_ENGINE_ABI_H
#define KERNEL_ENGINE_ENGINE_ABI_H

#include <linux/rbtree.h>

#include "kernel/engine/engine-carrier.h"
#include "kernel/engine/engine-message.h"
#include "kernel/engine/engine-transport.h"
#include "proxy/base/list.h"

/**
 * struct abi_source - what a descriptor in the epoll set is of
 * @is_activator: of a struct abi_activator, not of a struct abi_conn
 */
struct abi_source {
	bool is_activator;
};

/**
 * struct abi_engine - a bus
 * @base: what the seam knows
 * @transport: owned
 * @control: handle that made the bus; of one that was joined, where its owner publishes
 * @spare: handle for the first connection, opened when the bus was joined: who joins may go
 *	on as another user
 * @is_joined: the bus is somebody else's
 * @epoll_fd: watches the connections
 * @pool_size: of new connections
 * @endpoint: node to connect to
 * @conns: struct abi_conn by id
 * @activators: struct abi_activator
 * @scratch: a message or a command under construction
 */
struct abi_engine {
	struct engine base;
	struct engine_transport *transport;
	struct engine_handle *control;
	struct engine_handle *spare;
	bool is_joined;
	int epoll_fd;
	uint64_t pool_size;
	char endpoint[160];
	struct rb_root conns;
	struct list_head activators;
	uint64_t scratch[ENGINE_MSG_SIZE_MAX / sizeof(uint64_t)];
};

static inline struct abi_engine *abi_engine(const struct engine *engine)
{
	return container_of((struct engine *)engine, struct abi_engine, base);
}

/* operations of struct engine_carrier */
int abi_activator_open(struct engine_activator *activator, struct kdbus_cmd_hello *cmd);
int abi_activator_update(struct engine_activator *activator, struct kdbus_cmd *cmd);
void abi_activator_close(struct engine_activator *activator);
bool abi_activator_is_holder(const struct engine_activator *activator);
uint32_t abi_activator_n_waiting(const struct engine_activator *activator);
int abi_activator_drop(struct engine_activator *activator, struct engine_received *received_out);

/* tells the host what a command of one of our connections did to an activator; it went well */
void abi_activators_watch(struct abi_engine *engine, unsigned long nr, const void *cmd);
/* the descriptor of an activator became readable */
void abi_activator_readable(struct abi_source *source);

#endif
