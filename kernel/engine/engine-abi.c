/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ABI carrier: a bus behind command structs, pools and descriptors
 *
 * The engine owns a handle on the control node, if it made the bus, and each
 * connection one on the endpoint.  Nothing is known of the bus but what commands
 * answer, so what the seam promises is put together here, and in
 * engine-abi-queue.c (what comes out), engine-abi-match.c (which broadcasts do),
 * engine-abi-stream.c (what is on its way), engine-abi-listener.c (what passes
 * between others) and engine-abi-activator.c.
 *
 * Limits.  Payload goes in pieces of 2 MiB; what is too much for the receiver's
 * pool is refused by the bus and the errno passed up.
 */
#include <linux/rbtree.h>

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "kernel/engine/engine-abi.h"
#include "kernel/engine/engine-abi-stream.h"
#include "kernel/engine/engine-abi-view.h"
#include "kernel/engine/engine-carrier.h"
#include "kernel/engine/engine-items.h"
#include "kernel/engine/engine-message.h"
#include "kernel/engine/engine-transport.h"
#include "proxy/base/list.h"

#define POOL_SIZE_DEFAULT (16u * 1024 * 1024)
/* what the D-Bus clients of kdbus have always used */
#define BLOOM_SIZE   64
#define BLOOM_N_HASH 8
/* the ABI's limit */
#define BLOOM_SIZE_MAX 4096

static const struct engine_transport_ops *conn_transport(const struct abi_conn *conn)
{
	return abi_engine(conn->base.engine)->transport->ops;
}

int abi_conn_command(struct abi_conn *conn, unsigned long nr, void *cmd)
{
	const struct engine_transport_ops *transport = conn_transport(conn);
	int r;

	r = transport->command(conn->handle, nr, cmd);
	/* these two are not what anybody waits for an answer to */
	if (transport->position && nr != KDBUS_CMD_RECV && nr != KDBUS_CMD_FREE) {
		conn->has_commanded = true;
		conn->n_commanded = transport->position(conn->handle);
	}
	return r;
}

void abi_conn_free_slice(struct abi_conn *conn, uint64_t offset)
{
	struct kdbus_cmd_free cmd = {
		.size = sizeof(cmd),
		.offset = offset,
	};

	abi_conn_command(conn, KDBUS_CMD_FREE, &cmd);
}

/* pools are whole pages */
static void engine_set_pool_size(struct abi_engine *engine, const struct engine_limits *limits)
{
	uint64_t page = sysconf(_SC_PAGESIZE), size = limits->pool_size ?: POOL_SIZE_DEFAULT;

	engine->pool_size = (size + page - 1) & ~(page - 1);
}

/* connections by id */

static struct engine_conn *abi_find_conn(struct engine *base, uint64_t id)
{
	struct rb_node *node = abi_engine(base)->conns.rb_node;
	struct abi_conn *conn;

	while (node) {
		conn = rb_entry(node, struct abi_conn, by_id);
		if (id == conn->base.id)
			return &conn->base;
		node = id < conn->base.id ? node->rb_left : node->rb_right;
	}
	return NULL;
}

static void engine_link_conn(struct abi_engine *engine, struct abi_conn *conn)
{
	struct rb_node **link = &engine->conns.rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = conn->base.id < rb_entry(parent, struct abi_conn, by_id)->base.id
			       ? &parent->rb_left
			       : &parent->rb_right;
	}
	rb_link_node(&conn->by_id, parent, link);
	rb_insert_color(&conn->by_id, &engine->conns);
}

/* identity of a client, in place of that of this process; what is not known is not said */
static int hello_add_creds(struct engine_items *items, const struct creds *creds, bool with_groups)
{
	struct kdbus_creds ids = {
		.uid = creds->uid,
		.euid = creds->uid,
		.suid = CREDS_UNKNOWN,
		.fsuid = CREDS_UNKNOWN,
		.gid = creds->gid,
		.egid = creds->gid,
		.sgid = CREDS_UNKNOWN,
		.fsgid = CREDS_UNKNOWN,
	};
	struct kdbus_pids pids = {.pid = creds->pid};
	uint64_t *groups;

	if (!engine_items_add(items, KDBUS_ITEM_CREDS, &ids, sizeof(ids)))
		return -EMSGSIZE;
	if (creds->pid && !engine_items_add(items, KDBUS_ITEM_PIDS, &pids, sizeof(pids)))
		return -EMSGSIZE;
	if (creds->seclabel && !engine_items_add(items, KDBUS_ITEM_SECLABEL, creds->seclabel,
						 strlen(creds->seclabel) + 1))
		return -EMSGSIZE;
	if (!with_groups || !creds->n_groups)
		return 0;
	groups = engine_items_add(items, KDBUS_ITEM_AUXGROUPS, NULL,
				  creds->n_groups * sizeof(*groups));
	if (!groups)
		return -EMSGSIZE;
	for (uint32_t i = 0; i < creds->n_groups; i++)
		groups[i] = creds->groups[i];
	return 0;
}

int abi_hello(struct abi_engine *engine, struct engine_handle *handle,
	      const struct engine_hello *hello, struct kdbus_cmd_hello **cmd_out)
{
	struct kdbus_cmd_hello *cmd = (void *)engine->scratch;
	struct engine_items items;
	int r;

	engine_items_init(&items, cmd, sizeof(*cmd), sizeof(engine->scratch));
	cmd->flags = hello->flags;
	cmd->attach_flags_send = _KDBUS_ATTACH_ALL;
	/* match rules ask for the names of a sender at the time of sending */
	cmd->attach_flags_recv = KDBUS_ATTACH_NAMES;
	/* Strangers, and who is gone when its broadcast is looked at, are judged by what came with
	 * it.  Without the additions to the ABI that would say what this process is. */
	if (engine->transport->has_auxgroups)
		cmd->attach_flags_recv |=
			KDBUS_ATTACH_CREDS | KDBUS_ATTACH_PIDS | KDBUS_ATTACH_AUXGROUPS;
	cmd->pool_size = engine->pool_size;
	if (hello->description &&
	    !engine_items_add(&items, KDBUS_ITEM_CONN_DESCRIPTION, hello->description,
			      strlen(hello->description) + 1))
		return -EMSGSIZE;
	if (hello->creds) {
		r = hello_add_creds(&items, hello->creds, engine->transport->has_auxgroups);
		if (r < 0)
			return r;
	}
	r = engine->transport->ops->command(handle, KDBUS_CMD_HELLO, cmd);
	if (r < 0)
		return r;
	*cmd_out = cmd;
	return 0;
}

/* HELLO, pool, readiness and permanent matches of a new connection */
static int conn_open(struct abi_engine *engine, struct abi_conn *conn,
		     const struct engine_hello *hello)
{
	const struct engine_transport_ops *transport = engine->transport->ops;
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLET,
		.data.ptr = &conn->source,
	};
	struct kdbus_cmd_hello *cmd;
	const void *pool;
	int r;

	conn->handle = engine->spare;
	engine->spare = NULL;
	if (!conn->handle) {
		r = transport->open(engine->transport, engine->endpoint, &conn->handle);
		if (r < 0)
			return r;
	}
	if (engine->is_joined && transport->stream) {
		r = abi_stream_open(conn);
		if (r < 0)
			return r;
	}
	r = abi_hello(engine, conn->handle, hello, &cmd);
	if (r < 0)
		return r;
	conn->base.id = cmd->id;
	conn->pool_size = cmd->pool_size;
	abi_conn_free_slice(conn, cmd->offset);
	r = transport->map_pool(conn->handle, conn->pool_size, &pool);
	if (r < 0)
		return r;
	conn->pool = pool;
	if (epoll_ctl(engine->epoll_fd, EPOLL_CTL_ADD, transport->poll_fd(conn->handle), &event) <
	    0)
		return -errno;
	return abi_match_permanent(conn);
}

static int abi_connect(struct engine *base, const struct engine_hello *hello,
		       struct engine_conn **conn_out)
{
	struct abi_engine *engine = abi_engine(base);
	struct abi_conn *conn;
	int r;

	abi_listener_update(engine);
	conn = calloc(1, sizeof(*conn));
	if (!conn)
		return -ENOMEM;
	conn->base.engine = base;
	conn->base.userdata = hello->userdata;
	INIT_LIST_HEAD(&conn->queue);
	INIT_LIST_HEAD(&conn->views);
	r = conn_open(engine, conn, hello);
	if (r < 0) {
		if (conn->handle)
			engine->transport->ops->close(conn->handle);
		abi_stream_free_all(conn);
		free(conn);
		return r;
	}
	engine_link_conn(engine, conn);
	abi_listener_drain(engine);
	*conn_out = &conn->base;
	return 0;
}

static void abi_conn_close(struct engine_conn *base)
{
	struct abi_engine *engine = abi_engine(base->engine);
	struct abi_conn *conn = abi_conn(base);

	/* what it said is of no stranger */
	abi_listener_update(engine);
	abi_listener_drain(engine);
	abi_queue_deinit(conn);
	abi_view_leave_all(conn);
	rb_erase(&conn->by_id, &engine->conns);
	epoll_ctl(engine->epoll_fd, EPOLL_CTL_DEL, engine->transport->ops->poll_fd(conn->handle),
		  NULL);
	engine->transport->ops->close(conn->handle);
	abi_stream_free_all(conn);
	abi_listener_drain(engine);
	free(conn->names);
	free(conn);
}

/* names: looked up in the bus each time */

static struct engine_conn *abi_find_owner(struct engine *base, const char *name)
{
	struct rb_node *node = rb_first(&abi_engine(base)->conns);
	const struct kdbus_info *info;
	struct engine_items items;
	struct abi_conn *conn;
	union {
		struct kdbus_cmd_info cmd;
		uint64_t room[(sizeof(struct kdbus_cmd_info) + 16 + 256) / sizeof(uint64_t)];
	} query;
	uint64_t id;

	/* any connection can ask */
	if (!node)
		return NULL;
	conn = rb_entry(node, struct abi_conn, by_id);
	engine_items_init(&items, &query, sizeof(query.cmd), sizeof(query));
	if (!engine_items_add(&items, KDBUS_ITEM_NAME, name, strlen(name) + 1) ||
	    abi_conn_command(conn, KDBUS_CMD_CONN_INFO, &query.cmd) < 0)
		return NULL;
	info = (const void *)(conn->pool + query.cmd.offset);
	id = info->id;
	abi_conn_free_slice(conn, query.cmd.offset);
	return abi_find_conn(base, id);
}

/* the names of @id among the connections' records of LIST, each behind a byte that says
 * whether it waits; an empty record ends them */
static void copy_names(const void *list, size_t size, uint64_t id, char *names)
{
	const struct kdbus_info *info;
	struct engine_item item;
	size_t at, next;

	for (at = 0; at < size; at += info->size) {
		info = (const void *)((const char *)list + at);
		next = offsetof(struct kdbus_info, items);
		while (info->id == id && engine_items_next(info, info->size, &next, &item)) {
			const struct kdbus_name *name = item.data;

			if (item.type != KDBUS_ITEM_OWNED_NAME)
				continue;
			*names++ = name->flags & KDBUS_NAME_IN_QUEUE ? '?' : '!';
			names = stpcpy(names, name->name) + 1;
		}
	}
	*names = '\0';
}

/* asks the bus; what it says is kept in @conn until it is asked again */
static const char *conn_ask_names(struct abi_conn *conn)
{
	struct kdbus_cmd_list cmd = {
		.size = sizeof(cmd),
		.flags = KDBUS_LIST_NAMES | KDBUS_LIST_QUEUED,
	};
	char *names = NULL;

	if (abi_conn_command(conn, KDBUS_CMD_LIST, &cmd) < 0)
		return NULL;
	names = realloc(conn->names, cmd.list_size + 1);
	if (names) {
		conn->names = names;
		copy_names(conn->pool + cmd.offset, cmd.list_size, conn->base.id, names);
	}
	abi_conn_free_slice(conn, cmd.offset);
	return names;
}

static const char *abi_next_name(struct engine_conn *base, void **position, bool *queued_out)
{
	const char *name = *position;

	name = name ? name + strlen(name) + 1 : conn_ask_names(abi_conn(base));
	if (!name || !*name)
		return NULL;
	*queued_out = *name++ == '?';
	*position = (void *)name;
	return name;
}

static int abi_command(struct engine_conn *base, unsigned long nr, void *cmd)
{
	struct abi_conn *conn = abi_conn(base);
	int r;

	if (base->engine->has_strangers && !conn_transport(conn)->position)
		r = abi_ordered_command(conn, nr, cmd);
	else
		r = abi_conn_command(conn, nr, cmd);
	abi_listener_drain(abi_engine(base->engine));
	if (r >= 0)
		abi_activators_watch(abi_engine(base->engine), nr, cmd);
	return r;
}

static const void *abi_slice(struct engine_conn *base, uint64_t offset)
{
	struct abi_conn *conn = abi_conn(base);

	return offset < conn->pool_size ? conn->pool + offset : NULL;
}

static void abi_slice_free(struct engine_conn *base, uint64_t offset)
{
	abi_conn_free_slice(abi_conn(base), offset);
}

/* policy: a handle each */

static int abi_holder_open(struct engine *base, struct kdbus_cmd_hello *cmd, void **holder_out)
{
	struct engine_transport *transport = abi_engine(base)->transport;
	struct engine_handle *handle;
	int r;

	r = transport->ops->open(transport, abi_engine(base)->endpoint, &handle);
	if (r < 0)
		return r;
	r = transport->ops->command(handle, KDBUS_CMD_HELLO, cmd);
	if (r < 0) {
		transport->ops->close(handle);
		return r;
	}
	*holder_out = handle;
	return 0;
}

static int abi_holder_update(struct engine *base, void *holder, struct kdbus_cmd *cmd)
{
	return abi_engine(base)->transport->ops->command(holder, KDBUS_CMD_UPDATE, cmd);
}

static void abi_holder_close(struct engine *base, void *holder)
{
	abi_engine(base)->transport->ops->close(holder);
}

/* messages */

static int abi_send(struct engine_conn *base, const struct engine_send *send)
{
	struct abi_engine *engine = abi_engine(base->engine);
	struct abi_conn *conn = abi_conn(base);
	struct kdbus_cmd_send cmd = {.size = sizeof(cmd)};
	struct kdbus_msg *msg;

	msg = engine_message_build(send, engine->base.bloom_size, engine->scratch);
	if (!msg)
		return -EMSGSIZE;
	cmd.msg_address = (uintptr_t)msg;
	if (conn->stream && !send->is_awaited)
		return abi_stream_post(conn, &cmd, send->payload);
	return abi_conn_command(conn, KDBUS_CMD_SEND, &cmd);
}

/* engine */

static int abi_poll_fd(const struct engine *base)
{
	return abi_engine(base)->epoll_fd;
}

static void abi_expire(struct engine *base, uint64_t now_ns)
{
	struct engine_transport *transport = abi_engine(base)->transport;

	if (transport->ops->expire)
		transport->ops->expire(transport, now_ns);
}

static int abi_set_limits(struct engine *base, const struct engine_limits *limits)
{
	struct abi_engine *engine = abi_engine(base);
	int r;

	/* of a bus of somebody else's our share is the size of our pools */
	if (engine->is_joined) {
		engine_set_pool_size(engine, limits);
		return 0;
	}
	if (!engine->transport->ops->set_limits)
		return -EOPNOTSUPP;
	r = engine->transport->ops->set_limits(engine->transport, limits);
	if (r < 0)
		return r;
	engine_set_pool_size(engine, limits);
	return 0;
}

static void abi_close(struct engine *base)
{
	struct abi_engine *engine = abi_engine(base);

	abi_listener_close(engine);
	if (engine->spare)
		engine->transport->ops->close(engine->spare);
	if (engine->control)
		engine->transport->ops->close(engine->control);
	if (engine->epoll_fd >= 0)
		close(engine->epoll_fd);
	engine->transport->ops->free(engine->transport);
	free(engine);
}

static int abi_get_published(struct engine *base, int *fd_out)
{
	struct abi_engine *engine = abi_engine(base);

	if (!engine->is_joined || !engine->transport->ops->published)
		return -EOPNOTSUPP;
	return engine->transport->ops->published(engine->control, fd_out);
}

static int abi_news_fd(const struct engine *base)
{
	const struct abi_engine *engine = abi_engine(base);

	if (!engine->is_joined || !engine->transport->ops->published)
		return -1;
	return engine->transport->ops->poll_fd(engine->control);
}

static const struct engine_carrier abi_carrier = {
	.close = abi_close,
	.set_limits = abi_set_limits,
	.get_published = abi_get_published,
	.news_fd = abi_news_fd,
	.expire = abi_expire,
	.poll_fd = abi_poll_fd,
	.dispatch = abi_dispatch,
	.connect = abi_connect,
	.conn_close = abi_conn_close,
	.find_conn = abi_find_conn,
	.find_owner = abi_find_owner,
	.subscribe = abi_subscribe,
	.next_name = abi_next_name,
	.command = abi_command,
	.holder_open = abi_holder_open,
	.holder_update = abi_holder_update,
	.holder_close = abi_holder_close,
	.activator_open = abi_activator_open,
	.activator_update = abi_activator_update,
	.activator_close = abi_activator_close,
	.activator_is_holder = abi_activator_is_holder,
	.activator_n_waiting = abi_activator_n_waiting,
	.activator_drop = abi_activator_drop,
	.slice = abi_slice,
	.slice_free = abi_slice_free,
	.send = abi_send,
	.settle = abi_settle,
	.hasten = abi_hasten,
	.position = abi_position,
	.begin = abi_begin,
	.answer_position = abi_answer_position,
	.recv = abi_recv,
	.received_release = engine_message_release,
};

/* what every connection is told about the bus */
static int engine_learn(struct abi_engine *engine, struct engine_handle *handle,
			const struct kdbus_cmd_hello *cmd)
{
	const struct kdbus_bloom_parameter *bloom;
	struct engine_item item;
	const void *pool;
	size_t at = 0;
	int r;

	memcpy(engine->base.bus_id, cmd->id128, sizeof(engine->base.bus_id));
	r = engine->transport->ops->map_pool(handle, cmd->pool_size, &pool);
	if (r < 0)
		return r;
	if (cmd->offset > cmd->pool_size || cmd->items_size > cmd->pool_size - cmd->offset)
		return -EBADMSG;
	while (engine_items_next((const char *)pool + cmd->offset, cmd->items_size, &at, &item)) {
		bloom = item.data;
		if (item.type != KDBUS_ITEM_BLOOM_PARAMETER || item.size != sizeof(*bloom))
			continue;
		if (!bloom->n_hash || bloom->n_hash > UINT_MAX || bloom->size > BLOOM_SIZE_MAX)
			return -EBADMSG;
		engine->base.bloom_size = bloom->size;
		engine->base.bloom_n_hash = bloom->n_hash;
	}
	return 0;
}

static int engine_make_bus(struct abi_engine *engine, const char *name)
{
	const struct kdbus_bloom_parameter bloom = {
		.size = BLOOM_SIZE,
		.n_hash = BLOOM_N_HASH,
	};
	const uint64_t creator_metadata = _KDBUS_ATTACH_ALL;
	struct kdbus_cmd *cmd = (void *)engine->scratch;
	struct engine_items items;
	char full[64];
	int r;

	r = snprintf(full, sizeof(full), "%u-%s", (unsigned)geteuid(), name);
	if (r < 0 || (size_t)r >= sizeof(full))
		return -ENAMETOOLONG;
	snprintf(engine->endpoint, sizeof(engine->endpoint), "%s/bus", full);

	engine_items_init(&items, cmd, sizeof(*cmd), sizeof(engine->scratch));
	cmd->flags = KDBUS_MAKE_ACCESS_WORLD;
	if (!engine_items_add(&items, KDBUS_ITEM_BLOOM_PARAMETER, &bloom, sizeof(bloom)) ||
	    !engine_items_add(&items, KDBUS_ITEM_ATTACH_FLAGS_SEND, &creator_metadata,
			      sizeof(creator_metadata)) ||
	    !engine_items_add(&items, KDBUS_ITEM_MAKE_NAME, full, strlen(full) + 1))
		return -EMSGSIZE;
	r = engine->transport->ops->open(engine->transport, "control", &engine->control);
	if (r < 0)
		return r;
	return engine->transport->ops->command(engine->control, KDBUS_CMD_BUS_MAKE, cmd);
}

/* The facts about a bus are told to connections alone.  A monitor is one that nobody else hears
 * of, and takes no id from the ordinary ones.
 */
static int engine_learn_bus(struct abi_engine *engine)
{
	struct kdbus_cmd_hello *cmd = (void *)engine->scratch;
	struct engine_handle *handle;
	struct engine_items items;
	int r;

	r = engine->transport->ops->open(engine->transport, engine->endpoint, &handle);
	if (r < 0)
		return r;
	engine_items_init(&items, cmd, sizeof(*cmd), sizeof(engine->scratch));
	cmd->flags = KDBUS_HELLO_MONITOR;
	cmd->pool_size = engine->pool_size;
	/* a domain without the additions to the ABI would say so to the first client only */
	if (engine->transport->has_auxgroups)
		engine_items_add(&items, KDBUS_ITEM_AUXGROUPS, NULL, 0);
	r = engine->transport->ops->command(handle, KDBUS_CMD_HELLO, cmd);
	if (r >= 0)
		r = engine_learn(engine, handle, cmd);
	else if (r == -EINVAL && engine->transport->has_auxgroups)
		r = -EOPNOTSUPP;
	engine->transport->ops->close(handle);
	return r;
}

/* opens what is needed while this process is who it is now */
static int engine_join(struct abi_engine *engine, const char *endpoint)
{
	const struct engine_transport_ops *transport = engine->transport->ops;
	int r;

	if (strlen(endpoint) >= sizeof(engine->endpoint))
		return -ENAMETOOLONG;
	strcpy(engine->endpoint, endpoint);
	engine->is_joined = true;
	r = transport->open(engine->transport, endpoint, &engine->control);
	r = r ?: transport->open(engine->transport, endpoint, &engine->spare);
	return r;
}

int engine_abi_open(struct engine_transport *transport, const char *endpoint,
		    const struct engine_options *options, struct engine **engine_out)
{
	struct abi_engine *engine;
	int r;

	engine = calloc(1, sizeof(*engine));
	if (!engine) {
		transport->ops->free(transport);
		return -ENOMEM;
	}
	engine_init(&engine->base, &abi_carrier, options);
	engine->base.id_offset = transport->id_offset;
	engine->base.has_strangers = transport->has_strangers;
	engine->transport = transport;
	engine->conns = RB_ROOT;
	INIT_LIST_HEAD(&engine->activators);
	engine_set_pool_size(engine, &options->limits);
	engine->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r = engine->epoll_fd < 0 ? -errno : 0;
	if (endpoint)
		r = r ?: engine_join(engine, endpoint);
	else
		r = r ?: engine_make_bus(engine, options->bus_name ?: "bus");
	r = r ?: engine_learn_bus(engine);
	if (r < 0) {
		abi_close(&engine->base);
		return r;
	}
	*engine_out = &engine->base;
	return 0;
}
