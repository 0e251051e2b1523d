/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ABI carrier: what passes on the bus
 *
 * While the host listens, a connection of the kind "monitor" gets a copy of everything, in the
 * order of the bus: the host is told what has changed about names and what strangers say.
 * What connections of this engine send it knows already.
 *
 *	nobody listens <--abi_listener_update()--> listening
 *
 * The copies are looked at right after each command of ours that may have changed a name, so
 * that they come before what the host says about the command; else when the
 * descriptor says that there are some.  What the pool has no room for is missed.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "kernel/engine/engine-abi.h"

/**
 * struct abi_listener - such a connection
 * @source: in the epoll set
 * @handle: owned
 * @pool: address of its pool
 * @pool_size: bytes of that
 * @is_busy: the host is being told something
 */
struct abi_listener {
	struct abi_source source;
	struct engine_handle *handle;
	const unsigned char *pool;
	uint64_t pool_size;
	bool is_busy;
};

static void listener_free_slice(struct abi_engine *engine, uint64_t offset)
{
	struct kdbus_cmd_free cmd = {.size = sizeof(cmd), .offset = offset};

	engine->transport->ops->command(engine->listener->handle, KDBUS_CMD_FREE, &cmd);
}

static int listener_hello(struct abi_engine *engine, struct abi_listener *listener)
{
	const struct engine_transport_ops *transport = engine->transport->ops;
	const struct engine_hello hello = {.flags = KDBUS_HELLO_MONITOR | KDBUS_HELLO_ACCEPT_FD};
	struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = &listener->source};
	struct kdbus_cmd_hello *cmd;
	const void *pool;
	int r;

	r = abi_hello(engine, listener->handle, &hello, &cmd);
	if (r < 0)
		return r;
	listener->pool_size = cmd->pool_size;
	r = transport->map_pool(listener->handle, listener->pool_size, &pool);
	if (r < 0)
		return r;
	listener->pool = pool;
	if (epoll_ctl(engine->epoll_fd, EPOLL_CTL_ADD, transport->poll_fd(listener->handle),
		      &event) < 0)
		return -errno;
	return 0;
}

static int listener_open(struct abi_engine *engine)
{
	const struct engine_transport_ops *transport = engine->transport->ops;
	struct abi_listener *listener = calloc(1, sizeof(*listener));
	int r;

	if (!listener)
		return -ENOMEM;
	listener->source.kind = ABI_SOURCE_LISTENER;
	r = transport->open(engine->transport, engine->endpoint, &listener->handle);
	if (r < 0)
		goto exit_listener;
	r = listener_hello(engine, listener);
	if (r < 0)
		goto exit_handle;
	engine->listener = listener;
	return 0;

exit_handle:
	transport->close(listener->handle);
exit_listener:
	free(listener);
	return r;
}

void abi_listener_close(struct abi_engine *engine)
{
	const struct engine_transport_ops *transport = engine->transport->ops;
	struct abi_listener *listener = engine->listener;

	if (!listener)
		return;
	engine->listener = NULL;
	epoll_ctl(engine->epoll_fd, EPOLL_CTL_DEL, transport->poll_fd(listener->handle), NULL);
	transport->close(listener->handle);
	free(listener);
}

void abi_listener_update(struct abi_engine *engine)
{
	const struct engine_host *host = &engine->base.host;
	bool is_wanted = host->news && host->is_listening && host->is_listening(host->userdata);

	if (is_wanted == !!engine->listener || (engine->listener && engine->listener->is_busy))
		return;
	/* who may not, or has no memory for it, misses something */
	if (is_wanted)
		listener_open(engine);
	else
		abi_listener_close(engine);
}

static void listener_tell(struct abi_engine *engine, const struct engine_received *received)
{
	const struct engine_host *host = &engine->base.host;

	switch (received->notification.type) {
	case KDBUS_ITEM_NAME_ADD:
	case KDBUS_ITEM_NAME_REMOVE:
	case KDBUS_ITEM_NAME_CHANGE:
	case KDBUS_ITEM_ID_ADD:
	case KDBUS_ITEM_ID_REMOVE:
		if (received->src_id == KDBUS_SRC_ID_KERNEL)
			host->news(host->userdata, &received->notification);
		return;
	}
	if (received->src_id != KDBUS_SRC_ID_KERNEL && host->overheard &&
	    !engine_find_conn(&engine->base, received->src_id))
		host->overheard(host->userdata, received, received->dst_id);
}

void abi_listener_drain(struct abi_engine *engine)
{
	struct abi_listener *listener = engine->listener;
	struct engine_received received;

	if (!listener || listener->is_busy)
		return;
	listener->is_busy = true;
	for (;;) {
		struct kdbus_cmd_recv cmd = {.size = sizeof(cmd)};
		int r;

		if (engine->transport->ops->command(listener->handle, KDBUS_CMD_RECV, &cmd) < 0)
			break;
		if (cmd.msg.offset > listener->pool_size ||
		    cmd.msg.msg_size > listener->pool_size - cmd.msg.offset)
			continue;
		r = engine_message_parse(listener->pool + cmd.msg.offset, cmd.msg.msg_size, NULL,
					 &received);
		listener_free_slice(engine, cmd.msg.offset);
		if (r < 0)
			continue;
		listener_tell(engine, &received);
		engine_message_release(&received);
	}
	listener->is_busy = false;
}
