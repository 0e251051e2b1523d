/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ABI carrier: activators
 *
 * Each is a handle with a pool of its own, the descriptor of which is in the epoll set
 * of the engine.  What waits stays in the bus, and is looked at only to be thrown away.
 *
 * The ABI does not tell an activator that its name has got an owner.  What this engine
 * sees are the commands of its own connections.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "kernel/engine/engine-abi.h"
#include "kernel/engine/engine-items.h"

/**
 * struct abi_activator - an activator
 * @source: in the epoll set
 * @link: in abi_engine.activators
 * @base: what the seam knows
 * @handle: owned
 * @id: of the connection
 * @pool: address of its pool
 * @pool_size: bytes of that
 */
struct abi_activator {
	struct abi_source source;
	struct list_head link;
	struct engine_activator *base;
	struct engine_handle *handle;
	uint64_t id;
	const unsigned char *pool;
	uint64_t pool_size;
};

static struct abi_activator *abi_activator(const struct engine_activator *activator)
{
	return activator->holder;
}

static int activator_command(struct abi_activator *activator, unsigned long nr, void *cmd)
{
	return abi_engine(activator->base->engine)
		->transport->ops->command(activator->handle, nr, cmd);
}

static void activator_free_slice(struct abi_activator *activator, uint64_t offset)
{
	struct kdbus_cmd_free cmd = {
		.size = sizeof(cmd),
		.offset = offset,
	};

	activator_command(activator, KDBUS_CMD_FREE, &cmd);
}

static int activator_recv(struct abi_activator *activator, uint64_t flags,
			  struct kdbus_msg_info *msg_out)
{
	struct kdbus_cmd_recv cmd = {.size = sizeof(cmd), .flags = flags};
	int r;

	r = activator_command(activator, KDBUS_CMD_RECV, &cmd);
	if (r < 0)
		return r;
	*msg_out = cmd.msg;
	if (cmd.msg.offset > activator->pool_size ||
	    cmd.msg.msg_size > activator->pool_size - cmd.msg.offset)
		return -EBADMSG;
	return 0;
}

/* HELLO, pool and readiness */
static int activator_connect(struct abi_engine *engine, struct abi_activator *activator,
			     struct kdbus_cmd_hello *cmd)
{
	const struct engine_transport_ops *transport = engine->transport->ops;
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLET,
		.data.ptr = &activator->source,
	};
	const void *pool;
	int r;

	cmd->pool_size = engine->pool_size;
	cmd->attach_flags_send = _KDBUS_ATTACH_ALL;
	r = transport->command(activator->handle, KDBUS_CMD_HELLO, cmd);
	if (r < 0)
		return r;
	activator->id = cmd->id;
	activator->pool_size = cmd->pool_size;
	activator_free_slice(activator, cmd->offset);
	r = transport->map_pool(activator->handle, activator->pool_size, &pool);
	if (r < 0)
		return r;
	activator->pool = pool;
	if (epoll_ctl(engine->epoll_fd, EPOLL_CTL_ADD, transport->poll_fd(activator->handle),
		      &event) < 0)
		return -errno;
	return 0;
}

int abi_activator_open(struct engine_activator *base, struct kdbus_cmd_hello *cmd)
{
	struct abi_engine *engine = abi_engine(base->engine);
	struct abi_activator *activator;
	int r;

	activator = calloc(1, sizeof(*activator));
	if (!activator)
		return -ENOMEM;
	activator->source.kind = ABI_SOURCE_ACTIVATOR;
	activator->base = base;
	r = engine->transport->ops->open(engine->transport, engine->endpoint, &activator->handle);
	if (r < 0)
		goto exit_activator;
	r = activator_connect(engine, activator, cmd);
	if (r < 0)
		goto exit_handle;
	list_add_tail(&activator->link, &engine->activators);
	base->holder = activator;
	return 0;

exit_handle:
	engine->transport->ops->close(activator->handle);
exit_activator:
	free(activator);
	return r;
}

int abi_activator_update(struct engine_activator *base, struct kdbus_cmd *cmd)
{
	return activator_command(abi_activator(base), KDBUS_CMD_UPDATE, cmd);
}

void abi_activator_close(struct engine_activator *base)
{
	struct abi_engine *engine = abi_engine(base->engine);
	struct abi_activator *activator = abi_activator(base);

	list_del(&activator->link);
	epoll_ctl(engine->epoll_fd, EPOLL_CTL_DEL,
		  engine->transport->ops->poll_fd(activator->handle), NULL);
	engine->transport->ops->close(activator->handle);
	free(activator);
}

bool abi_activator_is_holder(const struct engine_activator *base)
{
	struct abi_activator *activator = abi_activator(base);
	struct engine_items items;
	union {
		struct kdbus_cmd_info cmd;
		uint64_t room[(sizeof(struct kdbus_cmd_info) + 16 + 256) / sizeof(uint64_t)];
	} query;

	/* with the id as well it is an error if somebody else holds the name */
	engine_items_init(&items, &query, sizeof(query.cmd), sizeof(query));
	query.cmd.id = activator->id;
	if (!engine_items_add(&items, KDBUS_ITEM_NAME, base->name, strlen(base->name) + 1) ||
	    activator_command(activator, KDBUS_CMD_CONN_INFO, &query.cmd) < 0)
		return false;
	activator_free_slice(activator, query.cmd.offset);
	return true;
}

uint32_t abi_activator_n_waiting(const struct engine_activator *base)
{
	struct abi_activator *activator = abi_activator(base);
	struct kdbus_msg_info msg;

	if (activator_recv(activator, KDBUS_RECV_PEEK, &msg) < 0)
		return 0;
	activator_free_slice(activator, msg.offset);
	return 1;
}

int abi_activator_drop(struct engine_activator *base, struct engine_received *received_out)
{
	struct abi_activator *activator = abi_activator(base);
	struct kdbus_msg_info msg, dropped;
	int r, parsed;

	/* descriptors are not installed when one peeks; the message is without them */
	do {
		r = activator_recv(activator, KDBUS_RECV_PEEK, &msg);
		if (r < 0)
			return r;
		parsed = engine_message_parse(activator->pool + msg.offset, msg.msg_size, NULL,
					      received_out);
		activator_free_slice(activator, msg.offset);
		r = activator_recv(activator, KDBUS_RECV_DROP, &dropped);
	} while (r >= 0 && parsed == -EBADMSG);
	if (parsed < 0)
		return parsed;
	received_out->position = 0;
	received_out->tag = 0;
	received_out->is_reply_dead = received_out->flags & KDBUS_MSG_EXPECT_REPLY;
	return 0;
}

void abi_activators_watch(struct abi_engine *engine, unsigned long nr, const void *address)
{
	const uint64_t taken = KDBUS_NAME_PRIMARY | KDBUS_NAME_ACQUIRED;
	const struct kdbus_cmd *cmd = address;
	size_t at = offsetof(struct kdbus_cmd, items);
	struct abi_activator *activator;
	struct engine_item item;

	if (nr != KDBUS_CMD_NAME_ACQUIRE || (cmd->return_flags & taken) != taken)
		return;
	while (engine_items_next(cmd, cmd->size, &at, &item))
		if (item.type == KDBUS_ITEM_NAME)
			break;
	list_for_each_entry(activator, &engine->activators, link)
		if (!strcmp(activator->base->name, item.data))
			engine_activator_taken(activator->base);
}

void abi_activator_readable(struct abi_source *source)
{
	engine_activator_waits(container_of(source, struct abi_activator, source)->base);
}
