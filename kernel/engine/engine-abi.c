/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ABI carrier: a bus behind command structs, pools and descriptors
 *
 * The engine owns a handle on the control node, if it made the bus, and each
 * connection one on the endpoint.  Nothing is known of the bus but what commands
 * answer, so what the seam promises is put together here:
 *
 * Positions.  The bus' queue of a connection is emptied into a queue of our own
 * whenever the position is asked for; then everything that the bus had queued by
 * that time is numbered.  A bus in another process says with each command how much it
 * had queued when that took effect, and it is emptied so far.  What comes out of the bus counts only if the host
 * accepts it: matches are coarse, so the bus also delivers what nobody wants.
 *
 * Matches.  Every connection has permanent ones: for signals that are addressed
 * to it (the bus compares the destination as the sender wrote it, which is 0 in a
 * message that gives a name), and for changes of names that it had or gets.
 * Subscriptions add everything of one kind.  An entry that hits twice still
 * delivers once.
 *
 * Readiness.  The descriptors of the connections and activators are in one epoll set, watched
 * for edges: a connection that is not drained (back-pressure) does not keep the
 * set readable.  A connection is woken once, and again only after engine_recv()
 * said that it is empty; also when messages got into our own queue that nobody
 * was woken for.
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

/* cookies of our match entries; those of others count up from 0 */
#define COOKIE_PERMANENT     UINT64_MAX
#define COOKIE_SIGNALS	     (UINT64_MAX - 1)
#define COOKIE_NOTIFICATIONS (UINT64_MAX - 2)

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
 * @queue: list of struct abi_queued: numbered, not received yet
 * @error: negative errno that ended the queue: what engine_recv() says behind it
 * @subscribed: ENGINE_SUBSCRIBE_* with match entries
 * @names: what the bus last said of its names, for abi_next_name()
 * @is_woken: the host was told and has not found it empty since
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
	struct list_head queue;
	int error;
	unsigned subscribed;
	char *names;
	bool is_woken;
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

static struct abi_conn *abi_conn(const struct engine_conn *conn)
{
	return container_of((struct engine_conn *)conn, struct abi_conn, base);
}

static const struct engine_transport_ops *conn_transport(const struct abi_conn *conn)
{
	return abi_engine(conn->base.engine)->transport->ops;
}

static int conn_command(struct abi_conn *conn, unsigned long nr, void *cmd)
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

static void conn_free_slice(struct abi_conn *conn, uint64_t offset)
{
	struct kdbus_cmd_free cmd = {
		.size = sizeof(cmd),
		.offset = offset,
	};

	conn_command(conn, KDBUS_CMD_FREE, &cmd);
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

/* matches */

static int conn_match(struct abi_conn *conn, uint64_t cookie, uint64_t type, const void *rule,
		      size_t size)
{
	uint64_t buffer[32];
	struct kdbus_cmd_match *cmd = (void *)buffer;
	struct engine_items items;

	engine_items_init(&items, cmd, sizeof(*cmd), sizeof(buffer));
	cmd->cookie = cookie;
	if (!engine_items_add(&items, type, rule, size))
		return -EMSGSIZE;
	return conn_command(conn, KDBUS_CMD_MATCH_ADD, cmd);
}

static int conn_match_id(struct abi_conn *conn, uint64_t cookie, uint64_t type, uint64_t id)
{
	return conn_match(conn, cookie, type, &id, sizeof(id));
}

static int conn_match_name(struct abi_conn *conn, uint64_t cookie, uint64_t type, uint64_t old_id,
			   uint64_t new_id)
{
	struct kdbus_notify_name_change rule = {
		.old_id.id = old_id,
		.new_id.id = new_id,
	};

	return conn_match(conn, cookie, type, &rule, sizeof(rule));
}

static int conn_match_id_change(struct abi_conn *conn, uint64_t cookie, uint64_t type)
{
	struct kdbus_notify_id_change rule = {.id = KDBUS_MATCH_ID_ANY};

	return conn_match(conn, cookie, type, &rule, sizeof(rule));
}

static int conn_unmatch(struct abi_conn *conn, uint64_t cookie)
{
	struct kdbus_cmd_match cmd = {
		.size = sizeof(cmd),
		.cookie = cookie,
	};

	return conn_command(conn, KDBUS_CMD_MATCH_REMOVE, &cmd);
}

static int conn_match_permanent(struct abi_conn *conn)
{
	const uint64_t any = KDBUS_MATCH_ID_ANY, self = conn->base.id, cookie = COOKIE_PERMANENT;
	int r;

	r = conn_match_id(conn, cookie, KDBUS_ITEM_DST_ID, self);
	r = r ?: conn_match_id(conn, cookie, KDBUS_ITEM_DST_ID, KDBUS_DST_ID_NAME);
	r = r ?: conn_match_name(conn, cookie, KDBUS_ITEM_NAME_ADD, any, self);
	r = r ?: conn_match_name(conn, cookie, KDBUS_ITEM_NAME_REMOVE, self, any);
	r = r ?: conn_match_name(conn, cookie, KDBUS_ITEM_NAME_CHANGE, self, any);
	r = r ?: conn_match_name(conn, cookie, KDBUS_ITEM_NAME_CHANGE, any, self);
	return r;
}

static int conn_match_notifications(struct abi_conn *conn)
{
	const uint64_t any = KDBUS_MATCH_ID_ANY, cookie = COOKIE_NOTIFICATIONS;
	int r;

	r = conn_match_name(conn, cookie, KDBUS_ITEM_NAME_ADD, any, any);
	r = r ?: conn_match_name(conn, cookie, KDBUS_ITEM_NAME_REMOVE, any, any);
	r = r ?: conn_match_name(conn, cookie, KDBUS_ITEM_NAME_CHANGE, any, any);
	r = r ?: conn_match_id_change(conn, cookie, KDBUS_ITEM_ID_ADD);
	r = r ?: conn_match_id_change(conn, cookie, KDBUS_ITEM_ID_REMOVE);
	if (r < 0)
		conn_unmatch(conn, cookie);
	return r;
}

static int conn_match_signals(struct abi_conn *conn)
{
	return conn_match_id(conn, COOKIE_SIGNALS, KDBUS_ITEM_ID, KDBUS_MATCH_ID_ANY);
}

static int conn_subscribe_kind(struct abi_conn *conn, unsigned what, unsigned kind, uint64_t cookie,
			       int (*match)(struct abi_conn *conn))
{
	int r;

	if (!((what ^ conn->subscribed) & kind))
		return 0;
	r = what & kind ? match(conn) : conn_unmatch(conn, cookie);
	if (r < 0)
		return r;
	conn->subscribed ^= kind;
	return 0;
}

static int abi_subscribe(struct engine_conn *base, unsigned what)
{
	struct abi_conn *conn = abi_conn(base);
	int r;

	r = conn_subscribe_kind(conn, what, ENGINE_SUBSCRIBE_SIGNALS, COOKIE_SIGNALS,
				conn_match_signals);
	if (r < 0)
		return r;
	return conn_subscribe_kind(conn, what, ENGINE_SUBSCRIBE_NOTIFICATIONS, COOKIE_NOTIFICATIONS,
				   conn_match_notifications);
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

/* makes @handle a connection; the command is in engine->scratch afterwards */
static int handle_hello(struct abi_engine *engine, struct engine_handle *handle,
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
	r = handle_hello(engine, conn->handle, hello, &cmd);
	if (r < 0)
		return r;
	conn->base.id = cmd->id;
	conn->pool_size = cmd->pool_size;
	conn_free_slice(conn, cmd->offset);
	r = transport->map_pool(conn->handle, conn->pool_size, &pool);
	if (r < 0)
		return r;
	conn->pool = pool;
	if (epoll_ctl(engine->epoll_fd, EPOLL_CTL_ADD, transport->poll_fd(conn->handle), &event) <
	    0)
		return -errno;
	return conn_match_permanent(conn);
}

static int abi_connect(struct engine *base, const struct engine_hello *hello,
		       struct engine_conn **conn_out)
{
	struct abi_engine *engine = abi_engine(base);
	struct abi_conn *conn;
	int r;

	conn = calloc(1, sizeof(*conn));
	if (!conn)
		return -ENOMEM;
	conn->base.engine = base;
	conn->base.userdata = hello->userdata;
	INIT_LIST_HEAD(&conn->queue);
	r = conn_open(engine, conn, hello);
	if (r < 0) {
		if (conn->handle)
			engine->transport->ops->close(conn->handle);
		free(conn);
		return r;
	}
	engine_link_conn(engine, conn);
	*conn_out = &conn->base;
	return 0;
}

static void abi_conn_close(struct engine_conn *base)
{
	struct abi_engine *engine = abi_engine(base->engine);
	struct abi_conn *conn = abi_conn(base);
	struct abi_queued *queued, *tmp;

	list_for_each_entry_safe(queued, tmp, &conn->queue, link) {
		engine_message_release(&queued->received);
		free(queued);
	}
	rb_erase(&conn->by_id, &engine->conns);
	epoll_ctl(engine->epoll_fd, EPOLL_CTL_DEL, engine->transport->ops->poll_fd(conn->handle),
		  NULL);
	engine->transport->ops->close(conn->handle);
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
	    conn_command(conn, KDBUS_CMD_CONN_INFO, &query.cmd) < 0)
		return NULL;
	info = (const void *)(conn->pool + query.cmd.offset);
	id = info->id;
	conn_free_slice(conn, query.cmd.offset);
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

	if (conn_command(conn, KDBUS_CMD_LIST, &cmd) < 0)
		return NULL;
	names = realloc(conn->names, cmd.list_size + 1);
	if (names) {
		conn->names = names;
		copy_names(conn->pool + cmd.offset, cmd.list_size, conn->base.id, names);
	}
	conn_free_slice(conn, cmd.offset);
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
	int r;

	r = conn_command(abi_conn(base), nr, cmd);
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
	conn_free_slice(abi_conn(base), offset);
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
	return conn_command(conn, KDBUS_CMD_SEND, &cmd);
}

/* whether the bus delivered it to everybody with a match, not to this connection alone */
static bool received_is_broadcast(const struct engine_received *received)
{
	uint64_t type = received->notification.type;

	if (received->src_id == KDBUS_SRC_ID_KERNEL)
		return type != KDBUS_ITEM_REPLY_TIMEOUT && type != KDBUS_ITEM_REPLY_DEAD;
	return received->dst_id == KDBUS_DST_ID_BROADCAST;
}

static bool conn_accepts(struct abi_conn *conn, struct engine_received *received)
{
	struct engine_host *host = &conn->base.engine->host;

	if (!host->accepts || !received_is_broadcast(received))
		return true;
	return host->accepts(host->userdata, &conn->base, received, &received->tag);
}

/* one message out of the bus, accepted or not; -EAGAIN when it has none */
static int conn_take(struct abi_conn *conn, struct engine_received *received_out)
{
	struct kdbus_cmd_recv cmd = {.size = sizeof(cmd)};
	int r, parsed;

	r = conn_command(conn, KDBUS_CMD_RECV, &cmd);
	if (cmd.return_flags & KDBUS_RECV_RETURN_DROPPED_MSGS)
		engine_lost(&conn->base, 0, cmd.dropped_msgs);
	if (r < 0)
		return r;
	conn->n_taken++;
	if (cmd.msg.offset > conn->pool_size || cmd.msg.msg_size > conn->pool_size - cmd.msg.offset)
		return -EBADMSG;
	parsed = engine_message_parse(conn->pool + cmd.msg.offset, cmd.msg.msg_size, received_out);
	conn_free_slice(conn, cmd.msg.offset);
	return parsed;
}

/* the next message that counts, numbered; what is no message is passed over */
static int conn_pull(struct abi_conn *conn, uint64_t n_max, struct engine_received *received_out)
{
	int r;

	for (;;) {
		if (conn->n_taken >= n_max)
			return -EAGAIN;
		r = conn_take(conn, received_out);
		if (r == -EBADMSG)
			continue;
		if (r < 0)
			return r;
		received_out->position = conn->last_position + 1;
		if (conn_accepts(conn, received_out))
			break;
		engine_message_release(received_out);
	}
	conn->last_position++;
	return 0;
}

/* empties the bus' queue as far as its first @n_max messages of all time go */
static uint64_t conn_drain(struct abi_conn *conn, uint64_t n_max)
{
	struct abi_queued *queued;
	int r;

	while (!conn->error) {
		queued = malloc(sizeof(*queued));
		r = queued ? conn_pull(conn, n_max, &queued->received) : -ENOMEM;
		if (r < 0) {
			free(queued);
			if (r == -EAGAIN)
				break;
			conn->error = r;
			continue;
		}
		list_add_tail(&queued->link, &conn->queue);
	}
	if ((conn->error || !list_empty(&conn->queue)) && !conn->is_woken) {
		conn->is_woken = true;
		engine_wake(&conn->base);
	}
	return conn->last_position;
}

static uint64_t abi_position(struct engine_conn *base)
{
	return conn_drain(abi_conn(base), UINT64_MAX);
}

static void abi_begin(struct engine_conn *base)
{
	abi_conn(base)->has_commanded = false;
}

/* what came since is for later: the answer knows nothing of it */
static uint64_t abi_answer_position(struct engine_conn *base)
{
	struct abi_conn *conn = abi_conn(base);

	return conn_drain(conn, conn->has_commanded ? conn->n_commanded : UINT64_MAX);
}

static int abi_recv(struct engine_conn *base, struct engine_received *received_out)
{
	struct abi_conn *conn = abi_conn(base);
	struct engine_received received;
	struct abi_queued *queued;
	int r;

	if (!list_empty(&conn->queue)) {
		queued = list_first_entry(&conn->queue, struct abi_queued, link);
		list_del(&queued->link);
		*received_out = queued->received;
		free(queued);
		return 0;
	}
	r = conn->error ?: conn_pull(conn, UINT64_MAX, &received);
	if (r < 0) {
		conn->is_woken = false;
		return r;
	}
	*received_out = received;
	return 0;
}

/* readiness */

static int abi_poll_fd(const struct engine *base)
{
	return abi_engine(base)->epoll_fd;
}

static void abi_published(struct engine *base)
{
	if (base->host.published)
		base->host.published(base->host.userdata);
}

static int abi_dispatch(struct engine *base)
{
	struct epoll_event events[64];
	struct abi_source *source;
	struct abi_conn *conn;
	int n;

	n = epoll_wait(abi_engine(base)->epoll_fd, events, 64, 0);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		source = events[i].data.ptr;
		if (!source) {
			abi_published(base);
			continue;
		}
		if (source->is_activator) {
			abi_activator_readable(source);
			continue;
		}
		conn = container_of(source, struct abi_conn, source);
		if (conn->is_woken)
			continue;
		conn->is_woken = true;
		engine_wake(&conn->base);
	}
	return 0;
}

/* engine */

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

static const struct engine_carrier abi_carrier = {
	.close = abi_close,
	.set_limits = abi_set_limits,
	.get_published = abi_get_published,
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
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	int r;

	if (strlen(endpoint) >= sizeof(engine->endpoint))
		return -ENAMETOOLONG;
	strcpy(engine->endpoint, endpoint);
	engine->is_joined = true;
	r = transport->open(engine->transport, endpoint, &engine->control);
	r = r ?: transport->open(engine->transport, endpoint, &engine->spare);
	if (r < 0)
		return r;
	if (transport->published && epoll_ctl(engine->epoll_fd, EPOLL_CTL_ADD,
					      transport->poll_fd(engine->control), &event) < 0)
		return -errno;
	return 0;
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
