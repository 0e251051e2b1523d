/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside the ABI carrier: what its parts know of each other */
#ifndef KERNEL_ENGINE_ENGINE_ABI_H
#define KERNEL_ENGINE_ENGINE_ABI_H

#include <linux/rbtree.h>

#include "kernel/engine/engine-carrier.h"
#include "kernel/engine/engine-message.h"
#include "kernel/engine/engine-transport.h"
#include "proxy/base/list.h"

/* what a descriptor in the epoll set is of: struct abi_conn, abi_activator or abi_listener */
enum abi_source_kind {
	ABI_SOURCE_CONN,
	ABI_SOURCE_ACTIVATOR,
	ABI_SOURCE_LISTENER,
};

/**
 * struct abi_source - a member of each of these
 * @kind: which
 */
struct abi_source {
	enum abi_source_kind kind;
};

struct abi_listener;

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
 * @listener: or NULL
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
	struct abi_listener *listener;
	uint64_t scratch[ENGINE_MSG_SIZE_MAX / sizeof(uint64_t)];
};

static inline struct abi_engine *abi_engine(const struct engine *engine)
{
	return container_of((struct engine *)engine, struct abi_engine, base);
}

struct abi_stream;

/**
 * struct abi_conn - a connection
 * @base: what the seam knows
 * @source: in the epoll set
 * @handle: owned
 * @by_id: in abi_engine.conns
 * @pool: address of its pool
 * @pool_size: bytes of that
 * @last_position: position of what was numbered last
 * @n_taken: messages that were taken out of the bus' queue, accepted or not
 * @has_commanded: a command has been run since abi_begin()
 * @n_commanded: messages that had been queued when it took effect
 * @has_answer: the same of a bus that does not say how far it was, and
 * @answer_position: where the answer belongs: engine-abi-order.c
 * @queue: list of struct abi_queued: numbered, not received yet
 * @error: negative errno that ended the queue: what engine_recv() says behind it
 * @subscribed: ENGINE_SUBSCRIBE_* with match entries
 * @names: what the bus last said of its names, for abi_next_name()
 * @is_woken: the host was told and has not found it empty since
 * @stream: its messages come by themselves; or NULL
 * @views: list of struct abi_view: payloads in the pool that somebody looks at
 */
struct abi_conn {
	struct engine_conn base;
	struct abi_source source;
	struct engine_handle *handle;
	struct rb_node by_id;
	const unsigned char *pool;
	uint64_t pool_size;
	uint64_t last_position;
	uint64_t n_taken;
	bool has_commanded;
	uint64_t n_commanded;
	bool has_answer;
	uint64_t answer_position;
	struct list_head queue;
	int error;
	unsigned subscribed;
	char *names;
	bool is_woken;
	struct abi_stream *stream;
	struct list_head views;
};

/**
 * struct abi_queued - a message taken out of the bus before its time
 * @link: in abi_conn.queue
 * @received: the message; @ops is not set
 */
struct abi_queued {
	struct list_head link;
	struct engine_received received;
};

static inline struct abi_conn *abi_conn(const struct engine_conn *conn)
{
	return container_of((struct engine_conn *)conn, struct abi_conn, base);
}

/* makes @handle a connection; the command is in engine->scratch afterwards */
int abi_hello(struct abi_engine *engine, struct engine_handle *handle,
	      const struct engine_hello *hello, struct kdbus_cmd_hello **cmd_out);
/* runs a command of a connection */
int abi_conn_command(struct abi_conn *conn, unsigned long nr, void *cmd);
void abi_conn_free_slice(struct abi_conn *conn, uint64_t offset);

/* engine-abi-match.c: what every connection wants; 0 or the errno of MATCH_ADD */
int abi_match_permanent(struct abi_conn *conn);
/* engine-abi-queue.c: forgets what has not been received */
void abi_queue_deinit(struct abi_conn *conn);
/* takes one message out of the bus' queue into ours, if there is one; *@received_out is NULL if it
 * does not count, else ours until it is received */
bool abi_queue_next(struct abi_conn *conn, const struct engine_received **received_out);
/* engine-abi-order.c: abi_conn_command(), and where its answer belongs */
int abi_ordered_command(struct abi_conn *conn, unsigned long nr, void *cmd);

/* engine-abi-listener.c: one begins or ceases to listen, as the host wants it now */
void abi_listener_update(struct abi_engine *engine);
/* tells the host what there is to tell */
void abi_listener_drain(struct abi_engine *engine);
/* there may be none */
void abi_listener_close(struct abi_engine *engine);

/* operations of struct engine_carrier */
int abi_subscribe(struct engine_conn *base, unsigned what);
int abi_recv(struct engine_conn *base, struct engine_received *received_out);
uint64_t abi_position(struct engine_conn *base);
void abi_begin(struct engine_conn *base);
uint64_t abi_answer_position(struct engine_conn *base);
int abi_dispatch(struct engine *base);
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
