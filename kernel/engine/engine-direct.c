/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The carrier "embedded": direct connections of the core in this process
 *
 * A message is handed on by reference.  SEND copies its few fields to the stack,
 * the core copies them to a queue entry, and RECV hands out that entry: the
 * payload, and the name the message was addressed to, live as long as it.
 *
 * All connections are indexed: the host, asked through broadcast_candidates(),
 * decides who gets a broadcast.  Of somebody who did not come through this engine it
 * is told what his messages say of themselves: engine-direct-stranger.h.
 *
 * Connections that hold policy are direct as well, but nobody's: they have no
 * descriptor and no pool, and the host never meets one.  Only to those that are
 * activators anything is sent; the host knows them under another name.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel/core/connection-info.h"
#include "kernel/core/delivery.h"
#include "kernel/core/handle.h"
#include "kernel/core/message.h"
#include "kernel/core/names.h"
#include "kernel/embedded/host.h"
#include "kernel/embedded/payload.h"
#include "kernel/embedded/server.h"
#include "kernel/engine/engine-carrier.h"
#include "kernel/engine/engine-direct-stranger.h"

/* of a bus that is made here; what others use as well */
#define BLOOM_SIZE   64
#define BLOOM_N_HASH 8

_Static_assert(ENGINE_HELLO_APART == KDBUS_HELLO_APART, "one flag, two names");

struct direct_engine {
	struct engine base;
	struct kdbus_embedded *embedded;
	struct kdbus_server *server;	     /* or NULL */
	struct direct_stranger *stranger;    /* who sent last, or NULL */
	struct direct_stranger *other;	     /* whom that went to, or NULL */
	struct kdbus_embedded_handle *owner; /* its bus goes when this is closed */
	struct kdbus_bus *bus;
};

/* a connection; or one that holds policy, or the activator @activator */
struct direct_conn {
	struct engine_conn base;
	struct embedded_caller caller;
	struct kdbus_conn *conn;
	struct engine_activator *activator;
};

static struct direct_engine *to_direct(const struct engine *engine)
{
	return container_of(engine, struct direct_engine, base);
}

static struct direct_conn *to_direct_conn(struct engine_conn *conn)
{
	return container_of(conn, struct direct_conn, base);
}

/* the connection of this engine that is behind one of the core; NULL for a stranger */
static struct direct_conn *from_core(struct kdbus_conn *conn)
{
	if (!kdbus_conn_is_direct(conn))
		return NULL;
	return container_of(conn->host, struct direct_conn, caller);
}

/* hooks */

static void direct_wake(struct kdbus_conn *conn)
{
	struct direct_conn *direct = from_core(conn);

	if (direct->base.is_closing)
		return;
	if (direct->activator)
		engine_activator_waits(direct->activator);
	else
		engine_wake(&direct->base);
}

static void direct_lost(struct kdbus_conn *conn, uint64_t src_id)
{
	/* that a message could not pass back to an activator is told to its sender */
	if (!from_core(conn)->activator)
		engine_lost(&from_core(conn)->base, src_id, 1);
}

static void direct_deadline(void *userdata, struct kdbus_bus *bus, uint64_t deadline_ns)
{
	struct direct_engine *direct = userdata;
	struct engine_host *host = &direct->base.host;

	if (bus != direct->bus && direct->server)
		kdbus_server_deadline(direct->server);
	else if (host->deadline)
		host->deadline(host->userdata, deadline_ns);
}

/* what a stranger gets to hear of a refusal is what the ABI has for it; who asks to be judged
 * understands the host */
static int stranger_error(const struct kdbus_conn *src, int r)
{
	if (direct_is_judged(src))
		return r;
	if (r == -EACCES)
		return -EPERM;
	return r == -EUSERS ? -ENOBUFS : r;
}

/* a stranger's message, to one of ours or to an activator */
static int direct_may_receive(struct direct_engine *direct, const struct kdbus_conn *src,
			      const struct engine_received *received, struct direct_conn *to,
			      bool is_reply)
{
	struct engine_host *host = &direct->base.host;
	int r;

	if (!received)
		return -ENOMEM;
	if (to->activator)
		r = host->may_await(host->userdata, to->activator->userdata, received);
	else
		r = host->may_receive(host->userdata, &to->base, received, is_reply);
	return stranger_error(src, r);
}

/* whether a unicast between strangers is the host's business */
static bool direct_judges(const struct engine_host *host, const struct kdbus_conn *src,
			  const struct kdbus_conn *dst)
{
	return host->may_pass && (direct_is_judged(src) || direct_is_judged(dst));
}

/* a message of a stranger, to another one */
static int direct_may_pass(struct direct_engine *direct, const struct kdbus_conn *src,
			   const struct engine_received *received, const struct kdbus_conn *dst,
			   bool is_reply)
{
	struct engine_host *host = &direct->base.host;
	const struct engine_stranger *other;

	other = received ? direct_stranger_meet(&direct->other, dst) : NULL;
	if (!other)
		return -ENOMEM;
	return stranger_error(src, host->may_pass(host->userdata, other, received, is_reply));
}

/* a message of ours to a stranger */
static int direct_may_send(struct direct_engine *direct, struct direct_conn *from,
			   const struct kdbus_conn *dst, const struct engine_send *send,
			   bool is_reply)
{
	struct engine_host *host = &direct->base.host;
	const struct engine_stranger *stranger;

	if (!host->may_send)
		return 0;
	stranger = direct_stranger_meet(&direct->stranger, dst);
	return stranger ? host->may_send(host->userdata, &from->base, stranger, send, is_reply)
			: -ENOMEM;
}

static bool host_judges_strangers(const struct engine_host *host, const struct direct_conn *to)
{
	return to->activator ? host->may_await != NULL : host->may_receive != NULL;
}

static int direct_may_deliver(void *userdata, struct kdbus_conn *src, struct kdbus_conn *dst,
			      const struct kdbus_message *msg, bool is_reply)
{
	struct direct_conn *from = from_core(src), *to = from_core(dst);
	struct direct_engine *direct = userdata;
	struct engine_host *host = &direct->base.host;

	if (from && to && !to->activator)
		return host->may_deliver ? host->may_deliver(host->userdata, &from->base, &to->base,
							     msg->host, is_reply)
					 : 0;
	/* between strangers the policy of the bus itself decides, and who judges broadcasts for
	 * himself */
	if (!from && !to &&
	    (msg->dst_id == KDBUS_DST_ID_BROADCAST || !direct_judges(host, src, dst)))
		return 0;
	if (!from && !to)
		return direct_may_pass(direct, src,
				       direct_stranger_look(&direct->stranger, msg, false), dst,
				       is_reply);
	if (!from && !host_judges_strangers(host, to))
		return 0;
	if (!from)
		return direct_may_receive(direct, src,
					  direct_stranger_look(&direct->stranger, msg, false), to,
					  is_reply);
	if (!to)
		return direct_may_send(direct, from, dst, msg->host, is_reply);
	return host->may_wait ? host->may_wait(host->userdata, &from->base, to->activator->userdata,
					       msg->host)
			      : 0;
}

/* struct engine_candidates is what the core gives, under another name */
static void direct_broadcast_candidates(void *userdata, struct kdbus_bus *bus,
					const struct kdbus_message *msg,
					struct kdbus_candidates *candidates)
{
	const struct kdbus_notification *n = &msg->notification;
	struct direct_engine *direct = userdata;
	struct engine_host *host = &direct->base.host;
	struct engine_notification notification;
	struct engine_broadcast broadcast = {};

	/* strangers may have buses of their own */
	if (bus != direct->bus)
		return;
	if (msg->is_notification) {
		notification = (struct engine_notification){
			.type = n->type,
			.old_id = n->old_id,
			.old_flags = n->old_flags,
			.new_id = n->new_id,
			.new_flags = n->new_flags,
			.name = msg->name ? msg->name->name : NULL,
		};
		broadcast.notification = &notification;
	} else if (kdbus_conn_is_direct(msg->src)) {
		broadcast.src = &from_core(msg->src)->base;
		broadcast.send = msg->host;
	} else {
		broadcast.received = direct_stranger_look(&direct->stranger, msg, false);
		if (!broadcast.received)
			return;
	}
	host->broadcast_candidates(host->userdata, &broadcast,
				   (struct engine_candidates *)candidates);
}

static void direct_overheard(void *userdata, struct kdbus_bus *bus, const struct kdbus_message *msg,
			     const struct kdbus_conn *dst)
{
	struct direct_engine *direct = userdata;
	struct engine_host *host = &direct->base.host;
	const struct engine_received *received;

	if (bus != direct->bus || !host->is_listening(host->userdata))
		return;
	received = direct_stranger_look(&direct->stranger, msg, true);
	if (received)
		host->overheard(host->userdata, received, dst ? dst->id : KDBUS_DST_ID_BROADCAST);
}

static void direct_candidates_add(struct engine_candidates *candidates, struct engine_conn *conn,
				  uint64_t tag)
{
	kdbus_candidates_add((struct kdbus_candidates *)candidates, to_direct_conn(conn)->conn,
			     tag);
}

/* engine */

static int direct_set_limits(struct engine *engine, const struct engine_limits *limits)
{
	engine_limits_apply(limits, kdbus_embedded_domain(to_direct(engine)->embedded));
	return 0;
}

/* one item, padded; where the next one goes is returned */
static void *put_item(void *pos, uint64_t type, const void *data, size_t size)
{
	struct kdbus_item *item = pos;

	item->size = KDBUS_ITEM_SIZE(size);
	item->type = type;
	memcpy(item->data, data, size);
	return (uint8_t *)pos + KDBUS_ITEM_PADDED_SIZE(size);
}

static int make_bus(struct direct_engine *direct, const char *name)
{
	struct kdbus_bloom_parameter bloom = {.size = BLOOM_SIZE, .n_hash = BLOOM_N_HASH};
	uint64_t attach_flags = _KDBUS_ATTACH_ANY;
	union {
		struct kdbus_cmd cmd;
		uint64_t space[64];
	} buf = {};
	char full_name[KDBUS_SYSNAME_MAX_LEN + 1];
	void *pos = buf.cmd.items;
	int n;

	n = snprintf(full_name, sizeof(full_name), "%u-%s", geteuid(), name);
	if (n < 0 || (size_t)n >= sizeof(full_name))
		return -ENAMETOOLONG;
	pos = put_item(pos, KDBUS_ITEM_BLOOM_PARAMETER, &bloom, sizeof(bloom));
	pos = put_item(pos, KDBUS_ITEM_ATTACH_FLAGS_SEND, &attach_flags, sizeof(attach_flags));
	pos = put_item(pos, KDBUS_ITEM_MAKE_NAME, full_name, n + 1);
	buf.cmd.size = (uint8_t *)pos - (uint8_t *)&buf;
	buf.cmd.flags = KDBUS_MAKE_ACCESS_WORLD;
	return kdbus_embedded_command(direct->owner, KDBUS_CMD_BUS_MAKE, &buf);
}

static void direct_close(struct engine *engine)
{
	struct direct_engine *direct = to_direct(engine);

	kdbus_server_free(direct->server);
	direct_stranger_forget(&direct->stranger);
	direct_stranger_forget(&direct->other);
	kdbus_embedded_close(direct->owner);
	kdbus_embedded_free(direct->embedded);
	kfree(direct);
}

static int direct_poll_fd(const struct engine *engine)
{
	const struct kdbus_server *server = to_direct(engine)->server;

	return server ? kdbus_server_fd(server) : -1;
}

static int direct_dispatch(struct engine *engine)
{
	struct kdbus_server *server = to_direct(engine)->server;
	int r = 0;

	if (server && kdbus_server_fd(server) >= 0)
		r = kdbus_server_dispatch(server);
	else if (server)
		kdbus_server_finish(server);

	direct_stranger_forget(&to_direct(engine)->stranger);
	direct_stranger_forget(&to_direct(engine)->other);
	return r;
}

static int direct_publish(struct engine *engine, int fd)
{
	struct kdbus_server *server = to_direct(engine)->server;

	if (!server) {
		close(fd);
		return -EOPNOTSUPP;
	}
	kdbus_server_publish(server, fd);
	return 0;
}

static bool direct_needs_bloom(const struct engine *engine)
{
	return kdbus_bus_needs_bloom(to_direct(engine)->bus);
}

static void direct_expire(struct engine *engine, uint64_t now_ns)
{
	kdbus_bus_expire(to_direct(engine)->bus, now_ns);
}

/* connections */

struct hello_sizes {
	size_t groups, seclabel, description, total;
};

static struct hello_sizes hello_measure(const struct engine_hello *hello)
{
	const struct creds *creds = hello->creds;
	struct hello_sizes sizes = {
		.groups = creds->n_groups * sizeof(uint64_t),
		.seclabel = creds->seclabel ? strlen(creds->seclabel) + 1 : 0,
		.description = hello->description ? strlen(hello->description) + 1 : 0,
	};

	sizes.total = sizeof(struct kdbus_cmd_hello) +
		      KDBUS_ITEM_PADDED_SIZE(sizeof(struct kdbus_creds)) +
		      KDBUS_ITEM_PADDED_SIZE(sizeof(struct kdbus_pids)) +
		      KDBUS_ITEM_PADDED_SIZE(sizes.groups) +
		      KDBUS_ITEM_PADDED_SIZE(sizes.seclabel) +
		      KDBUS_ITEM_PADDED_SIZE(sizes.description);
	return sizes;
}

/* HELLO with the identity of the client; what is not known is not said */
static struct kdbus_cmd_hello *hello_make(const struct engine_hello *hello, bool strict,
					  uint64_t pool_size)
{
	const struct creds *creds = hello->creds;
	struct hello_sizes sizes = hello_measure(hello);
	struct kdbus_cmd_hello *cmd;
	struct kdbus_creds ids;
	struct kdbus_pids pids = {.pid = creds->pid};
	struct kdbus_item *item;
	void *pos;

	cmd = kzalloc(sizes.total, GFP_KERNEL_ACCOUNT);
	if (!cmd)
		return NULL;
	cmd->flags = hello->flags;
	cmd->attach_flags_send = _KDBUS_ATTACH_ANY;
	cmd->pool_size = pool_size;

	pos = cmd->items;
	ids = (struct kdbus_creds){
		.uid = creds->uid,
		.euid = creds->uid,
		.suid = CREDS_UNKNOWN,
		.fsuid = CREDS_UNKNOWN,
		.gid = creds->gid,
		.egid = creds->gid,
		.sgid = CREDS_UNKNOWN,
		.fsgid = CREDS_UNKNOWN,
	};
	pos = put_item(pos, KDBUS_ITEM_CREDS, &ids, sizeof(ids));
	if (creds->pid > 0)
		pos = put_item(pos, KDBUS_ITEM_PIDS, &pids, sizeof(pids));
	if (creds->n_groups > 0 && !strict) {
		item = pos;
		item->type = KDBUS_ITEM_AUXGROUPS;
		item->size = KDBUS_ITEM_SIZE(sizes.groups);
		for (uint32_t i = 0; i < creds->n_groups; i++)
			item->data64[i] = creds->groups[i];
		pos = (uint8_t *)pos + KDBUS_ITEM_PADDED_SIZE(sizes.groups);
	}
	if (creds->seclabel)
		pos = put_item(pos, KDBUS_ITEM_SECLABEL, creds->seclabel, sizes.seclabel);
	if (hello->description)
		pos = put_item(pos, KDBUS_ITEM_CONN_DESCRIPTION, hello->description,
			       sizes.description);
	cmd->size = (uint8_t *)pos - (uint8_t *)cmd;
	return cmd;
}

static struct embedded_caller direct_caller(const struct direct_engine *direct)
{
	return (struct embedded_caller){
		.embedded = direct->embedded,
		.cred = embedded_self_cred(direct->embedded),
	};
}

static int direct_connect(struct engine *engine, const struct engine_hello *hello,
			  struct engine_conn **conn_out)
{
	struct direct_engine *direct = to_direct(engine);
	struct kdbus_domain *domain = kdbus_embedded_domain(direct->embedded);
	struct kdbus_cmd_hello *cmd;
	struct direct_conn *conn;
	int r;

	conn = kzalloc(sizeof(*conn), GFP_KERNEL_ACCOUNT);
	if (!conn)
		return -ENOMEM;
	conn->base.engine = engine;
	conn->base.userdata = hello->userdata;
	conn->caller = direct_caller(direct);

	cmd = hello_make(hello, domain->strict, domain->limits.pool_size);
	if (!cmd) {
		r = -ENOMEM;
		goto exit_conn;
	}
	r = kdbus_cmd_hello(direct->bus->default_ep, &conn->caller, conn->caller.cred,
			    KDBUS_CONN_DIRECT | KDBUS_CONN_INDEXED, cmd, &conn->conn);
	kfree(cmd);
	if (r < 0)
		goto exit_conn;
	conn->base.id = conn->conn->id;
	*conn_out = &conn->base;
	return 0;

exit_conn:
	kfree(conn);
	return r;
}

static void direct_conn_close(struct engine_conn *base)
{
	struct direct_conn *conn = to_direct_conn(base);

	conn->base.is_closing = true;
	kdbus_conn_disconnect(conn->conn);
	kdbus_conn_unref(conn->conn);
	kfree(conn);
}

static struct kdbus_conn *name_owner(struct kdbus_bus *bus, const char *name)
{
	struct kdbus_name_entry *entry = kdbus_name_find(bus, name, strlen(name));
	struct kdbus_name_owner *holder = entry ? kdbus_name_holder(entry) : NULL;

	return holder ? holder->conn : NULL;
}

/* whoever has that id, or else that name, of those whom unique names stand for */
static struct kdbus_conn *find_ordinary(struct kdbus_bus *bus, uint64_t id, const char *name)
{
	bool is_held = rwsem_is_locked(&bus->registry);
	struct kdbus_conn *conn;

	/* also asked from within may_deliver() and broadcast_candidates(), which hold it */
	if (!is_held)
		down_read(&bus->registry);
	conn = name ? name_owner(bus, name) : kdbus_bus_find_conn(bus, id);
	if (!is_held)
		up_read(&bus->registry);
	return conn && kdbus_conn_is_ordinary(conn) && !kdbus_conn_is_apart(conn) ? conn : NULL;
}

static struct engine_conn *direct_find_conn(struct engine *engine, uint64_t id)
{
	struct kdbus_conn *conn = find_ordinary(to_direct(engine)->bus, id, NULL);
	struct direct_conn *direct = conn ? from_core(conn) : NULL;

	return direct ? &direct->base : NULL;
}

static struct engine_conn *direct_find_owner(struct engine *engine, const char *name)
{
	struct kdbus_conn *conn = find_ordinary(to_direct(engine)->bus, 0, name);
	struct direct_conn *direct = conn ? from_core(conn) : NULL;

	return direct ? &direct->base : NULL;
}

static const struct engine_peer *direct_find_peer(struct engine *engine, uint64_t id,
						  const char *name)
{
	return (const struct engine_peer *)find_ordinary(to_direct(engine)->bus, id, name);
}

static int direct_command(struct engine_conn *conn, unsigned long nr, void *cmd)
{
	return kdbus_conn_command(to_direct_conn(conn)->conn, nr, cmd);
}

static const void *direct_slice(struct engine_conn *conn, uint64_t offset)
{
	return kdbus_conn_result(to_direct_conn(conn)->conn, offset);
}

static void direct_slice_free(struct engine_conn *conn, uint64_t offset)
{
	struct kdbus_cmd_free cmd = {.size = sizeof(cmd), .offset = offset};

	kdbus_cmd_free(to_direct_conn(conn)->conn, &cmd);
}

static const char *direct_next_name(struct engine_conn *base, void **position, bool *queued_out)
{
	const struct kdbus_conn *conn = to_direct_conn(base)->conn;

	return engine_peer_next_name((const struct engine_peer *)conn, position, queued_out);
}

static uint32_t direct_n_names(struct engine_conn *base)
{
	return to_direct_conn(base)->conn->n_names;
}

/* policy */

static int holder_open(struct engine *engine, struct engine_activator *activator,
		       struct kdbus_cmd_hello *cmd, void **holder_out)
{
	struct direct_engine *direct = to_direct(engine);
	struct direct_conn *holder;
	int r;

	holder = kzalloc(sizeof(*holder), GFP_KERNEL_ACCOUNT);
	if (!holder)
		return -ENOMEM;
	holder->base.engine = engine;
	holder->caller = direct_caller(direct);
	holder->activator = activator;
	r = kdbus_cmd_hello(direct->bus->default_ep, &holder->caller, holder->caller.cred,
			    KDBUS_CONN_DIRECT, cmd, &holder->conn);
	if (r < 0) {
		kfree(holder);
		return r;
	}
	*holder_out = holder;
	return 0;
}

static int direct_holder_open(struct engine *engine, struct kdbus_cmd_hello *cmd, void **holder_out)
{
	return holder_open(engine, NULL, cmd, holder_out);
}

static int direct_holder_update(struct engine *engine, void *holder, struct kdbus_cmd *cmd)
{
	struct direct_conn *conn = holder;

	return kdbus_conn_command(conn->conn, KDBUS_CMD_UPDATE, cmd);
}

static void direct_holder_close(struct engine *engine, void *holder)
{
	struct direct_conn *conn = holder;

	direct_conn_close(&conn->base);
}

/* messages */

static int direct_send(struct engine_conn *conn, const struct engine_send *send)
{
	bool expects_reply = send->flags & KDBUS_MSG_EXPECT_REPLY;
	struct kdbus_message msg = {
		.flags = send->flags,
		.dst_id = send->dst_id,
		.payload_type = KDBUS_PAYLOAD_DBUS,
		.cookie = send->cookie,
		.cookie_reply = expects_reply ? send->timeout_ns : send->cookie_reply,
		.dst_name = send->dst_name,
		.dst_name_len = send->dst_name ? strlen(send->dst_name) : 0,
		.bloom = send->bloom,
		.payload = embedded_payload(send->payload),
		.payload_size = send->payload->size,
		.n_fds = send->payload->n_fds,
		.host = send,
	};

	return kdbus_conn_send(to_direct_conn(conn)->conn, &msg);
}

static uint64_t direct_position(struct engine_conn *conn)
{
	return to_direct_conn(conn)->conn->queue.last_position;
}

static void direct_get_queue(const struct engine_conn *base, struct engine_queue *queue_out)
{
	const struct direct_conn *conn = container_of(base, struct direct_conn, base);
	const struct kdbus_queue *queue = &conn->conn->queue;

	*queue_out = (struct engine_queue){
		.n_msgs = queue->n_entries,
		.n_fds = queue->n_fds,
		.n_bytes = queue->memory,
		.peak_fds = queue->peak_fds,
		.peak_bytes = queue->peak_memory,
	};
}

/* what @entry says; what it refers to lives as long */
static inline void received_set(struct engine_received *received_out,
				const struct kdbus_queue_entry *entry,
				struct engine_payload *payload, bool is_shared)
{
	const struct kdbus_notification *n = &entry->notification;

	*received_out = (struct engine_received){
		.position = entry->position,
		.src_id = entry->src_id,
		.tag = entry->tag,
		.carrier = (void *)entry,
	};
	if (entry->src_id == KDBUS_SRC_ID_KERNEL) {
		received_out->notification = (struct engine_notification){
			.type = n->type,
			.old_id = n->old_id,
			.old_flags = n->old_flags,
			.new_id = n->new_id,
			.new_flags = n->new_flags,
			.cookie_reply = entry->cookie_reply,
			.name = entry->name ? entry->name->name : NULL,
		};
		return;
	}
	received_out->dst_id = entry->dst_id;
	received_out->dst_name = entry->name ? entry->name->name : NULL;
	received_out->flags = entry->flags;
	received_out->cookie = entry->cookie;
	/* of a call the ABI has a timeout there */
	if (!(entry->flags & KDBUS_MSG_EXPECT_REPLY))
		received_out->cookie_reply = entry->cookie_reply;
	received_out->payload_type = entry->payload_type;
	received_out->payload = payload;
	received_out->is_shared = is_shared;
}

/* the payload of @entry as one piece; the reference of @entry is used up */
static inline int take_payload(struct kdbus_queue_entry *entry, struct engine_payload **payload_out,
			       bool *is_shared_out)
{
	struct kdbus_payload *payload = entry->payload;
	int r;

	entry->payload = NULL;
	*is_shared_out = payload && embedded_payload_is_direct(payload);
	if (*is_shared_out) {
		*payload_out = (struct engine_payload *)payload;
		return 0;
	}
	r = embedded_payload_flat(payload, payload_out);
	if (payload)
		embedded_payload_put(payload);
	return r;
}

static int direct_recv(struct engine_conn *base, struct engine_received *received_out)
{
	struct kdbus_conn *conn = to_direct_conn(base)->conn;
	struct engine_payload *payload = NULL;
	struct kdbus_queue_entry *entry;
	bool is_shared = false;
	int r;

	for (;;) {
		r = kdbus_conn_recv(conn, &entry);
		if (r < 0)
			return r;
		if (entry->src_id == KDBUS_SRC_ID_KERNEL)
			break;
		r = take_payload(entry, &payload, &is_shared);
		if (r >= 0)
			break;
		/* no memory to put together what came in parts */
		engine_lost(base, entry->src_id, 1);
		kdbus_queue_entry_free(kdbus_conn_host(conn), entry);
	}
	received_set(received_out, entry, payload, is_shared);
	received_out->is_last = !conn->queue.n_entries;
	return 0;
}

static void direct_received_release(struct engine_received *received)
{
	engine_payload_unref(received->payload);
	/* nothing of the host's is left in it */
	kdbus_queue_entry_free(NULL, received->carrier);
}

/* activators: what waits is in the queue of the connection, as of any other */

static struct direct_conn *activator_conn(const struct engine_activator *activator)
{
	return activator->holder;
}

static int direct_activator_open(struct engine_activator *activator, struct kdbus_cmd_hello *cmd)
{
	struct engine *engine = activator->engine;

	cmd->pool_size = kdbus_embedded_domain(to_direct(engine)->embedded)->limits.pool_size;
	return holder_open(engine, activator, cmd, &activator->holder);
}

static int direct_activator_update(struct engine_activator *activator, struct kdbus_cmd *cmd)
{
	return direct_holder_update(activator->engine, activator->holder, cmd);
}

static void direct_activator_close(struct engine_activator *activator)
{
	direct_holder_close(activator->engine, activator->holder);
}

static bool direct_activator_is_holder(const struct engine_activator *activator)
{
	struct kdbus_conn *conn = activator_conn(activator)->conn;
	bool is_locked = rwsem_is_locked(&conn->bus->registry), is_holder;

	/* also asked from within the host's operations, which hold it */
	if (!is_locked)
		down_read(&conn->bus->registry);
	is_holder = kdbus_name_is_held_by(conn, activator->name);
	if (!is_locked)
		up_read(&conn->bus->registry);
	return is_holder;
}

static uint32_t direct_activator_n_waiting(const struct engine_activator *activator)
{
	return activator_conn(activator)->conn->queue.n_entries;
}

static int direct_activator_drop(struct engine_activator *activator,
				 struct engine_received *received_out)
{
	struct kdbus_conn *conn = activator_conn(activator)->conn;
	struct engine_payload *payload = NULL;
	struct kdbus_queue_entry *entry;
	bool is_shared, is_reply_dead;
	const struct kdbus_conn *src;
	int r;

	r = kdbus_conn_drop(conn, &entry, &is_reply_dead);
	if (r < 0)
		return r;
	/* whose it was can be told without it */
	if (take_payload(entry, &payload, &is_shared) < 0)
		payload = NULL;
	received_set(received_out, entry, payload, is_shared);
	received_out->is_reply_dead = is_reply_dead;
	src = find_ordinary(conn->bus, received_out->src_id, NULL);
	received_out->src_is_judged = src && direct_is_judged(src);
	return 0;
}

static void direct_taken(struct kdbus_conn *conn)
{
	engine_activator_taken(from_core(conn)->activator);
}

/* a message that waited, as its sender gave it; there is a payload, as the sender is direct */
static void send_from_entry(struct engine_send *send_out, const struct kdbus_queue_entry *entry)
{
	bool expects_reply = entry->flags & KDBUS_MSG_EXPECT_REPLY;

	*send_out = (struct engine_send){
		.flags = entry->flags,
		.dst_id = entry->dst_id,
		.dst_name = entry->name->name,
		.cookie = entry->cookie,
		.cookie_reply = expects_reply ? 0 : entry->cookie_reply,
		.timeout_ns = expects_reply ? entry->cookie_reply : 0,
		.payload = (struct engine_payload *)entry->payload,
	};
}

static int direct_may_move(void *userdata, struct kdbus_conn *src, struct kdbus_conn *dst,
			   const struct kdbus_queue_entry *entry)
{
	struct direct_conn *from = from_core(src), *to = from_core(dst);
	struct direct_engine *direct = userdata;
	struct engine_host *host = &direct->base.host;
	struct engine_send send;

	if (!from && !(to ? host->may_receive != NULL : direct_judges(host, src, dst)))
		return 0;
	if (!from && !to)
		return direct_may_pass(direct, src,
				       direct_stranger_remember(&direct->stranger, src, entry), dst,
				       false);
	if (!from)
		return direct_may_receive(direct, src,
					  direct_stranger_remember(&direct->stranger, src, entry),
					  to, false);
	send_from_entry(&send, entry);
	if (!to)
		return direct_may_send(direct, from, dst, &send, false);
	return host->may_deliver(host->userdata, &from->base, &to->base, &send, false);
}

/* strangers may have buses of their own, and activators there */
static bool direct_is_told(void *userdata, const struct kdbus_conn *src)
{
	const struct direct_engine *direct = userdata;

	return src->bus == direct->bus && direct_is_judged(src);
}

static void direct_undelivered(void *userdata, struct kdbus_conn *src, struct kdbus_conn *dst,
			       const struct kdbus_queue_entry *entry, int error)
{
	struct direct_conn *from = from_core(src), *to = from_core(dst);
	struct direct_engine *direct = userdata;
	struct engine_host *host = &direct->base.host;
	struct engine_conn *base = to ? &to->base : NULL;
	const struct engine_received *of_stranger = NULL;
	struct engine_received message;

	if (!from)
		of_stranger = direct_stranger_remember(&direct->stranger, src, entry);
	if (of_stranger) {
		host->undelivered(host->userdata, NULL, base, of_stranger, error);
		return;
	}
	received_set(&message, entry, from ? (struct engine_payload *)entry->payload : NULL, true);
	message.position = 0;
	message.src_is_judged = !from;
	host->undelivered(host->userdata, from ? &from->base : NULL, base, &message, error);
}

static const struct engine_carrier direct_carrier = {
	.close = direct_close,
	.set_limits = direct_set_limits,
	.needs_bloom = direct_needs_bloom,
	.expire = direct_expire,
	.poll_fd = direct_poll_fd,
	.dispatch = direct_dispatch,
	.publish = direct_publish,
	.connect = direct_connect,
	.conn_close = direct_conn_close,
	.find_conn = direct_find_conn,
	.find_owner = direct_find_owner,
	.find_peer = direct_find_peer,
	.command = direct_command,
	.slice = direct_slice,
	.slice_free = direct_slice_free,
	.next_name = direct_next_name,
	.n_names = direct_n_names,
	.asks_may_deliver = true,
	.holder_open = direct_holder_open,
	.holder_update = direct_holder_update,
	.holder_close = direct_holder_close,
	.activator_open = direct_activator_open,
	.activator_update = direct_activator_update,
	.activator_close = direct_activator_close,
	.activator_is_holder = direct_activator_is_holder,
	.activator_n_waiting = direct_activator_n_waiting,
	.activator_drop = direct_activator_drop,
	.send = direct_send,
	.position = direct_position,
	.get_queue = direct_get_queue,
	.recv = direct_recv,
	.received_release = direct_received_release,
	.candidates_add = direct_candidates_add,
};

int engine_direct_open(const struct engine_options *options, struct engine **engine_out)
{
	struct kdbus_embedded_hooks hooks = {
		.wake = direct_wake,
		.lost = direct_lost,
		.deadline = direct_deadline,
		.taken = direct_taken,
	};
	struct kdbus_embedded_options embedded_options = {
		.strict = options->strict,
		.hooks = &hooks,
	};
	struct direct_engine *direct;
	int r;

	direct = kzalloc(sizeof(*direct), GFP_KERNEL_ACCOUNT);
	if (!direct)
		return -ENOMEM;
	engine_init(&direct->base, &direct_carrier, options);
	if (direct->base.host.may_deliver || direct->base.host.may_wait ||
	    direct->base.host.may_receive || direct->base.host.may_send ||
	    direct->base.host.may_await || direct->base.host.may_pass)
		hooks.may_deliver = direct_may_deliver;
	if (direct->base.host.may_deliver)
		hooks.may_move = direct_may_move;
	if (direct->base.host.overheard && direct->base.host.is_listening)
		hooks.overheard = direct_overheard;
	if (direct->base.host.undelivered) {
		hooks.is_told = direct_is_told;
		hooks.undelivered = direct_undelivered;
	}
	if (direct->base.host.broadcast_candidates)
		hooks.broadcast_candidates = direct_broadcast_candidates;
	embedded_options.userdata = direct;

	r = kdbus_embedded_new(&embedded_options, &direct->embedded);
	if (r < 0)
		goto exit_direct;
	engine_limits_apply(&options->limits, kdbus_embedded_domain(direct->embedded));
	r = kdbus_embedded_open(direct->embedded, "control", NULL, &direct->owner);
	if (r < 0)
		goto exit_embedded;
	r = make_bus(direct, options->bus_name ?: "bus");
	if (r < 0)
		goto exit_owner;

	direct->bus = kdbus_embedded_bus(direct->owner);
	memcpy(direct->base.bus_id, direct->bus->id128, sizeof(direct->base.bus_id));
	if (options->serve_dir) {
		r = kdbus_server_new(direct->embedded, options->serve_dir,
				     options->has_epoll ? options->epoll_fd : -1, &direct->server);
		if (r < 0)
			goto exit_owner;
		r = kdbus_server_add_bus(direct->server, direct->bus);
		if (r < 0)
			goto exit_server;
	}
	direct->base.id_offset = options->strict || options->serve_dir ? 0 : 1;
	direct->base.bloom_size = BLOOM_SIZE;
	direct->base.bloom_n_hash = BLOOM_N_HASH;
	*engine_out = &direct->base;
	return 0;

exit_server:
	kdbus_server_free(direct->server);
exit_owner:
	kdbus_embedded_close(direct->owner);
exit_embedded:
	kdbus_embedded_free(direct->embedded);
exit_direct:
	kfree(direct);
	return r;
}
