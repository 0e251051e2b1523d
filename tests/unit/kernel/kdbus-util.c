/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/kernel/kdbus-util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/core/connection-info.h"
#include "kernel/core/delivery.h"
#include "kernel/core/handle.h"
#include "kernel/core/message.h"
#include "kernel/core/names.h"
#include "kernel/embedded/payload.h"

static const uint64_t zero_bloom[8];

/* bus */

static void hook_wake(struct kdbus_conn *conn)
{
	container_of(conn->host, struct peer, caller)->n_wakes++;
}

static void hook_lost(struct kdbus_conn *conn, uint64_t src_id)
{
	struct bus *bus = container_of(conn->host, struct peer, caller)->bus;

	bus->n_lost++;
	bus->lost_src = src_id;
}

static void hook_deadline(void *userdata, struct kdbus_bus *core, uint64_t deadline_ns)
{
	((struct bus *)userdata)->deadline = deadline_ns;
}

static int hook_may_deliver(void *userdata, struct kdbus_conn *src, struct kdbus_conn *dst,
			    const struct kdbus_message *msg, bool is_reply)
{
	struct bus *bus = userdata;

	bus->n_refusals_asked++;
	return bus->refuses;
}

static int hook_may_move(void *userdata, struct kdbus_conn *src, struct kdbus_conn *dst,
			 const struct kdbus_queue_entry *entry)
{
	const struct bus *bus = userdata;

	return bus->refuses;
}

static void hook_candidates(void *userdata, struct kdbus_bus *core, const struct kdbus_message *msg,
			    struct kdbus_candidates *candidates)
{
	struct bus *bus = userdata;

	bus->n_asked++;
	for (unsigned i = 0; i < bus->n_candidates; i++)
		kdbus_candidates_add(candidates, bus->candidates[i], bus->tags[i]);
}

void bus_init_limits(struct bus *bus, unsigned flags, const struct kdbus_limits *limits)
{
	struct kdbus_embedded_hooks hooks = {
		.wake = hook_wake,
		.lost = hook_lost,
		.deadline = hook_deadline,
		.may_deliver = hook_may_deliver,
		.may_move = hook_may_move,
		.broadcast_candidates = hook_candidates,
	};
	struct kdbus_embedded_options options = {
		.limits = limits,
		.strict = flags & BUS_STRICT,
		.hooks = &hooks,
		.userdata = bus,
	};
	struct kdbus_bloom_parameter bloom = {.size = 64, .n_hash = 1};
	struct cmd cmd;

	*bus = (struct bus){.deadline = UINT64_MAX};
	expect_eq(kdbus_embedded_new(&options, &bus->embedded), 0);
	expect_eq(kdbus_embedded_open(bus->embedded, "control", NULL, &bus->owner), 0);
	snprintf(bus->name, sizeof(bus->name), "%u-test", geteuid());
	snprintf(bus->path, sizeof(bus->path), "%s/bus", bus->name);
	cmd_init(&cmd, sizeof(cmd.cmd), KDBUS_MAKE_ACCESS_WORLD);
	cmd_add(&cmd, KDBUS_ITEM_BLOOM_PARAMETER, &bloom, sizeof(bloom));
	cmd_add_u64(&cmd, KDBUS_ITEM_ATTACH_FLAGS_SEND, _KDBUS_ATTACH_ALL);
	cmd_add_str(&cmd, KDBUS_ITEM_MAKE_NAME, bus->name);
	expect_eq(kdbus_embedded_command(bus->owner, KDBUS_CMD_BUS_MAKE, &cmd), 0);
	bus->core = kdbus_embedded_bus(bus->owner);
}

void bus_init(struct bus *bus, unsigned flags)
{
	bus_init_limits(bus, flags, NULL);
}

void bus_deinit(struct bus *bus)
{
	kdbus_embedded_close(bus->owner);
	kdbus_embedded_free(bus->embedded);
}

/* peers */

void hello_init(struct cmd *hello)
{
	cmd_init(hello, sizeof(hello->hello), KDBUS_HELLO_ACCEPT_FD);
	hello->hello.attach_flags_send = _KDBUS_ATTACH_ALL;
	hello->hello.pool_size = 16 * MiB;
}

static int hello_direct(struct peer *peer, struct bus *bus, struct cmd *hello)
{
	unsigned mode = KDBUS_CONN_DIRECT;

	if (peer->flags & PEER_INDEXED)
		mode |= KDBUS_CONN_INDEXED;
	peer->caller = (struct embedded_caller){
		.embedded = bus->embedded,
		.cred = embedded_self_cred(bus->embedded),
	};
	return kdbus_cmd_hello(bus->core->default_ep, &peer->caller, peer->caller.cred, mode,
			       &hello->hello, &peer->conn);
}

int peer_hello_at(struct peer *peer, struct bus *bus, const char *path, struct cmd *hello,
		  const struct kdbus_embedded_cred *cred)
{
	const void *address;
	size_t size;
	int r;

	*peer = (struct peer){.bus = bus};
	r = kdbus_embedded_open(bus->embedded, path, cred, &peer->handle);
	if (r < 0)
		return r;
	r = kdbus_embedded_command(peer->handle, KDBUS_CMD_HELLO, hello);
	if (r < 0) {
		peer->handle = kdbus_embedded_close(peer->handle);
		return r;
	}
	peer->id = hello->hello.id;
	peer->pool_size = hello->hello.pool_size;
	expect_eq(kdbus_embedded_pool(peer->handle, &address, &size), 0);
	expect_eq(size, peer->pool_size);
	peer->pool = address;
	if (hello->hello.flags & KDBUS_HELLO_POLICY_HOLDER)
		return 0;
	/* may fail where allocations are made to */
	r = peer_free(peer, hello->hello.offset);
	if (r < 0)
		peer_deinit(peer);
	return r;
}

int peer_hello(struct peer *peer, struct bus *bus, unsigned flags, struct cmd *hello,
	       const struct kdbus_embedded_cred *cred)
{
	int r;

	if (!(flags & PEER_DIRECT))
		return peer_hello_at(peer, bus, bus->path, hello, cred);

	*peer = (struct peer){.bus = bus, .flags = flags};
	r = hello_direct(peer, bus, hello);
	if (r < 0)
		return r;
	peer->id = hello->hello.id;
	peer->pool_size = hello->hello.pool_size;
	return 0;
}

void peer_init(struct peer *peer, struct bus *bus, unsigned flags)
{
	struct cmd hello;

	hello_init(&hello);
	if (flags & PEER_NO_FDS)
		hello.hello.flags = 0;
	expect_eq(peer_hello(peer, bus, flags, &hello, NULL), 0);
}

struct kdbus_embedded_cred cred_of(uint32_t uid)
{
	return (struct kdbus_embedded_cred){.uid = uid, .euid = uid, .gid = uid, .egid = uid};
}

void peer_init_uid(struct peer *peer, struct bus *bus, uint32_t uid)
{
	struct kdbus_embedded_cred cred = cred_of(uid);
	struct cmd hello;

	hello_init(&hello);
	expect_eq(peer_hello(peer, bus, 0, &hello, &cred), 0);
}

void peer_init_holder(struct peer *peer, struct bus *bus, const char *name, uint64_t type,
		      uint64_t access, uint64_t id)
{
	struct cmd hello;

	hello_init(&hello);
	hello.hello.flags = KDBUS_HELLO_POLICY_HOLDER;
	cmd_add_str(&hello, KDBUS_ITEM_NAME, name);
	if (type)
		cmd_add_access(&hello, type, access, id);
	expect_eq(peer_hello(peer, bus, 0, &hello, NULL), 0);
}

void peer_init_activator(struct peer *peer, struct bus *bus, unsigned flags, const char *name,
			 uint64_t type, uint64_t access, uint64_t id)
{
	struct cmd hello;

	hello_init(&hello);
	hello.hello.flags |= KDBUS_HELLO_ACTIVATOR;
	cmd_add_str(&hello, KDBUS_ITEM_NAME, name);
	if (type)
		cmd_add_access(&hello, type, access, id);
	expect_eq(peer_hello(peer, bus, flags, &hello, NULL), 0);
}

void peer_deinit(struct peer *peer)
{
	if (peer->handle)
		kdbus_embedded_close(peer->handle);
	if (peer->conn) {
		kdbus_conn_disconnect(peer->conn);
		kdbus_conn_unref(peer->conn);
	}
	*peer = (struct peer){};
}

int peer_command(struct peer *peer, unsigned long nr, struct cmd *cmd)
{
	if (peer->handle)
		return kdbus_embedded_command(peer->handle, nr, cmd);
	return kdbus_conn_command(peer->conn, nr, cmd);
}

int peer_acquire(struct peer *peer, const char *name, uint64_t flags, uint64_t *return_flags_out)
{
	struct cmd cmd;
	int r;

	cmd_init(&cmd, sizeof(cmd.cmd), flags);
	cmd_add_str(&cmd, KDBUS_ITEM_NAME, name);
	r = peer_command(peer, KDBUS_CMD_NAME_ACQUIRE, &cmd);
	if (return_flags_out)
		*return_flags_out = cmd.cmd.return_flags;
	return r;
}

int peer_release(struct peer *peer, const char *name)
{
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	cmd_add_str(&cmd, KDBUS_ITEM_NAME, name);
	return peer_command(peer, KDBUS_CMD_NAME_RELEASE, &cmd);
}

int peer_byebye(struct peer *peer)
{
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	return peer_command(peer, KDBUS_CMD_BYEBYE, &cmd);
}

int peer_free(struct peer *peer, uint64_t offset)
{
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.free), 0);
	cmd.free.offset = offset;
	return peer_command(peer, KDBUS_CMD_FREE, &cmd);
}

void peer_match_all(struct peer *peer)
{
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.match), 0);
	cmd_add_u64(&cmd, KDBUS_ITEM_ID, KDBUS_MATCH_ID_ANY);
	expect_eq(peer_command(peer, KDBUS_CMD_MATCH_ADD, &cmd), 0);
}

void peer_match_everything(struct peer *peer)
{
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.match), 0);
	expect_eq(peer_command(peer, KDBUS_CMD_MATCH_ADD, &cmd), 0);
}

void peer_match_notifications(struct peer *peer)
{
	static const uint64_t types[] = {
		KDBUS_ITEM_NAME_ADD, KDBUS_ITEM_NAME_REMOVE, KDBUS_ITEM_NAME_CHANGE,
		KDBUS_ITEM_ID_ADD,   KDBUS_ITEM_ID_REMOVE,
	};
	struct cmd cmd;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		cmd_init(&cmd, sizeof(cmd.match), 0);
		if (types[i] == KDBUS_ITEM_ID_ADD || types[i] == KDBUS_ITEM_ID_REMOVE)
			cmd_add_id_change(&cmd, types[i], KDBUS_MATCH_ID_ANY);
		else
			cmd_add_name_change(&cmd, types[i], KDBUS_MATCH_ID_ANY, KDBUS_MATCH_ID_ANY,
					    NULL);
		expect_eq(peer_command(peer, KDBUS_CMD_MATCH_ADD, &cmd), 0);
	}
}

/* messages */

void msg_init(struct cmd *msg, const struct send *send)
{
	struct kdbus_vec vec = {.size = send->size, .address = (uintptr_t)send->data};
	struct kdbus_item *item;

	cmd_init(msg, sizeof(msg->msg), send->flags);
	msg->msg.priority = send->priority;
	msg->msg.dst_id = send->dst_id;
	msg->msg.payload_type = KDBUS_PAYLOAD_DBUS;
	msg->msg.cookie = send->cookie;
	msg->msg.cookie_reply = send->cookie_reply;
	if (send->dst_name)
		cmd_add_str(msg, KDBUS_ITEM_DST_NAME, send->dst_name);
	if (send->size > 0)
		cmd_add(msg, KDBUS_ITEM_PAYLOAD_VEC, &vec, sizeof(vec));
	if (send->n_fds > 0)
		cmd_add(msg, KDBUS_ITEM_FDS, send->fds, send->n_fds * sizeof(int));
	if (send->flags & KDBUS_MSG_SIGNAL) {
		item = cmd_add(msg, KDBUS_ITEM_BLOOM_FILTER, NULL,
			       sizeof(struct kdbus_bloom_filter) + 64);
		item->bloom_filter.generation = send->generation;
		memcpy(item->bloom_filter.data, send->bloom ?: zero_bloom, 64);
	}
}

int peer_send_msg(struct peer *peer, struct cmd *msg)
{
	struct cmd cmd;
	int r;

	cmd_init(&cmd, sizeof(cmd.send), 0);
	cmd.send.msg_address = (uintptr_t)msg;
	cmd.send.reply.offset = 1234;
	r = peer_command(peer, KDBUS_CMD_SEND, &cmd);
	/* reply is written on success only */
	expect_eq(cmd.send.reply.offset, r < 0 ? 1234 : peer->pool_size);
	return r;
}

struct test_payload {
	struct engine_payload base;
	uint8_t *data;
};

static void test_payload_release(struct engine_payload *base)
{
	struct test_payload *payload = container_of(base, struct test_payload, base);

	for (uint32_t i = 0; i < base->n_fds; i++)
		close(base->fds[i]);
	free(base->fds);
	free(payload->data);
	free(payload);
}

static struct engine_payload *test_payload_new(const struct send *send)
{
	struct test_payload *payload = calloc(1, sizeof(*payload));

	payload->data = malloc(send->size + 1);
	if (send->data)
		memcpy(payload->data, send->data, send->size);
	else
		memset(payload->data, 0, send->size);
	payload->base = (struct engine_payload){
		.refcount = 1,
		.n_fds = send->n_fds,
		.size = send->size,
		.data = payload->data,
		.fds = send->n_fds > 0 ? calloc(send->n_fds, sizeof(int)) : NULL,
		.release = test_payload_release,
	};
	for (size_t i = 0; i < send->n_fds; i++)
		payload->base.fds[i] = fcntl(send->fds[i], F_DUPFD_CLOEXEC, 3);
	return &payload->base;
}

static int send_direct(struct peer *peer, const struct send *send)
{
	struct engine_payload *payload = test_payload_new(send);
	struct kdbus_message msg = {
		.flags = send->flags,
		.priority = send->priority,
		.dst_id = send->dst_id,
		.payload_type = KDBUS_PAYLOAD_DBUS,
		.cookie = send->cookie,
		.cookie_reply = send->cookie_reply,
		.dst_name = send->dst_name,
		.dst_name_len = send->dst_name ? strlen(send->dst_name) : 0,
		.payload = embedded_payload(payload),
		.payload_size = send->size,
		.n_fds = send->n_fds,
	};
	int r;

	if (send->flags & KDBUS_MSG_SIGNAL) {
		msg.bloom = (const u64 *)(send->bloom ?: zero_bloom);
		msg.bloom_generation = send->generation;
	}
	r = kdbus_conn_send(peer->conn, &msg);
	engine_payload_unref(payload);
	return r;
}

int peer_send(struct peer *peer, const struct send *send)
{
	struct cmd msg;

	if (peer->conn)
		return send_direct(peer, send);
	msg_init(&msg, send);
	return peer_send_msg(peer, &msg);
}

int peer_send_to(struct peer *peer, uint64_t dst_id, uint64_t cookie, size_t size)
{
	static const uint8_t zeros[4 * MiB];
	struct send send = {.dst_id = dst_id, .cookie = cookie, .data = zeros, .size = size};

	expect_le(size, sizeof(zeros));
	return peer_send(peer, &send);
}

int peer_call(struct peer *peer, uint64_t dst_id, uint64_t cookie, uint64_t deadline_ns)
{
	struct send send = {
		.flags = KDBUS_MSG_EXPECT_REPLY,
		.dst_id = dst_id,
		.cookie = cookie,
		.cookie_reply = deadline_ns,
	};

	return peer_send(peer, &send);
}

int peer_reply(struct peer *peer, uint64_t dst_id, uint64_t cookie_reply)
{
	struct send send = {.dst_id = dst_id, .cookie = 77, .cookie_reply = cookie_reply};

	return peer_send(peer, &send);
}

int peer_send_name(struct peer *peer, const char *name, uint64_t cookie)
{
	struct send send = {
		.dst_name = name,
		.cookie = cookie,
		.data = name,
		.size = strlen(name),
	};

	return peer_send(peer, &send);
}

int peer_call_name(struct peer *peer, const char *name, uint64_t cookie)
{
	struct send send = {
		.flags = KDBUS_MSG_EXPECT_REPLY,
		.dst_name = name,
		.cookie = cookie,
		.cookie_reply = 1ULL << 62,
	};

	return peer_send(peer, &send);
}

int peer_broadcast(struct peer *peer, uint64_t cookie)
{
	struct send send = {
		.flags = KDBUS_MSG_SIGNAL,
		.dst_id = KDBUS_DST_ID_BROADCAST,
		.cookie = cookie,
		.data = "signal",
		.size = 6,
	};

	return peer_send(peer, &send);
}

static void got_text(struct got *got, const void *data, size_t size)
{
	size_t n = size < sizeof(got->text) - 1 ? size : sizeof(got->text) - 1;

	if (n > 0)
		memcpy(got->text, data, n);
	got->text[n] = '\0';
	got->size = size;
}

/* behind what there is already; @data NULL: zeros */
static void got_part(struct got *got, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size && got->size + i < sizeof(got->text) - 1; i++)
		got->text[got->size + i] = data ? data[i] : 0;
	got->size += size;
}

static void got_item(struct got *got, const struct kdbus_msg *msg, const struct kdbus_item *item)
{
	const struct kdbus_notify_name_change *change = &item->name_change;

	switch (item->type) {
	case KDBUS_ITEM_PAYLOAD_OFF:
		got_part(got,
			 item->vec.offset == ~0ULL ? NULL : (const uint8_t *)msg + item->vec.offset,
			 item->vec.size);
		break;
	case KDBUS_ITEM_FDS:
		got->n_fds = kdbus_item_payload_size(item) / sizeof(int);
		memcpy(got->fds, item->fds, got->n_fds * sizeof(int));
		break;
	case KDBUS_ITEM_ID_ADD:
		got->new_id = item->id_change.id;
		got->new_flags = item->id_change.flags;
		break;
	case KDBUS_ITEM_ID_REMOVE:
		got->old_id = item->id_change.id;
		got->old_flags = item->id_change.flags;
		break;
	case KDBUS_ITEM_NAME_ADD:
	case KDBUS_ITEM_NAME_REMOVE:
	case KDBUS_ITEM_NAME_CHANGE:
		got->old_id = change->old_id.id;
		got->old_flags = change->old_id.flags;
		got->new_id = change->new_id.id;
		got->new_flags = change->new_id.flags;
		got_text(got, change->name, strlen(change->name));
		break;
	}
}

static int recv_pooled(struct peer *peer, struct got *got)
{
	const struct kdbus_item *item;
	const struct kdbus_msg *msg;
	struct cmd cmd;
	int r;

	cmd_init(&cmd, sizeof(cmd.recv), 0);
	r = peer_command(peer, KDBUS_CMD_RECV, &cmd);
	got->dropped = cmd.recv.dropped_msgs;
	expect_eq(cmd.recv.return_flags,
		  got->dropped > 0 ? KDBUS_RECV_RETURN_DROPPED_MSGS : (uint64_t)0);
	if (r < 0)
		return r;

	got->offset = cmd.recv.msg.offset;
	got->slice_size = cmd.recv.msg.msg_size;
	got->return_flags = cmd.recv.msg.return_flags;
	msg = (const void *)(peer->pool + got->offset);
	got->src_id = msg->src_id;
	got->dst_id = msg->dst_id;
	got->flags = msg->flags;
	got->cookie = msg->cookie;
	got->cookie_reply = msg->cookie_reply;
	got->payload_type = msg->payload_type;
	if (msg->payload_type == KDBUS_PAYLOAD_KERNEL)
		got->type = msg->items[0].type;
	expect_eq(kdbus_items_check(msg->items, msg->size - sizeof(*msg)), 0);
	kdbus_items_for_each(item, msg->items, (const uint8_t *)msg + msg->size)
		got_item(got, msg, item);
	expect_eq(peer_free(peer, got->offset), 0);
	return 0;
}

static int recv_direct(struct peer *peer, struct got *got)
{
	struct engine_payload *payload;
	struct kdbus_queue_entry *entry;
	int r;

	r = kdbus_conn_recv(peer->conn, &entry);
	if (r < 0)
		return r;
	got->src_id = entry->src_id;
	got->cookie_reply = entry->cookie_reply;
	got->tag = entry->tag;
	if (entry->src_id == KDBUS_SRC_ID_KERNEL) {
		got->type = entry->notification.type;
		got->old_id = entry->notification.old_id;
		got->old_flags = entry->notification.old_flags;
		got->new_id = entry->notification.new_id;
		got->new_flags = entry->notification.new_flags;
		if (entry->name)
			got_text(got, entry->name->name, entry->name->len);
	} else {
		got->dst_id = entry->dst_id;
		got->flags = entry->flags;
		got->cookie = entry->cookie;
		got->payload_type = entry->payload_type;
		expect_eq(embedded_payload_flat(entry->payload, &payload), 0);
		got_text(got, payload->data, payload->size);
		got->n_fds = payload->n_fds;
		for (size_t i = 0; i < got->n_fds; i++)
			got->fds[i] = fcntl(payload->fds[i], F_DUPFD_CLOEXEC, 3);
		engine_payload_unref(payload);
	}
	kdbus_queue_entry_free(kdbus_conn_host(peer->conn), entry);
	return 0;
}

int peer_recv(struct peer *peer, struct got *got)
{
	*got = (struct got){};
	return peer->conn ? recv_direct(peer, got) : recv_pooled(peer, got);
}

struct got peer_get(struct peer *peer)
{
	struct got got;

	expect_eq(peer_recv(peer, &got), 0);
	return got;
}

void expect_nothing(struct peer *peer)
{
	struct got got;

	expect_eq(peer_recv(peer, &got), -EAGAIN);
}

void expect_message(struct peer *peer, uint64_t src_id, uint64_t cookie)
{
	struct got got = peer_get(peer);

	expect_eq(got.type, 0);
	expect_eq(got.src_id, src_id);
	expect_eq(got.cookie, cookie);
}

void expect_name(struct peer *peer, uint64_t type, const char *name, uint64_t old_id,
		 uint64_t old_flags, uint64_t new_id, uint64_t new_flags)
{
	struct got got = peer_get(peer);

	expect_eq(got.type, type);
	expect_str(got.text, name);
	expect_eq(got.old_id, old_id);
	expect_eq(got.old_flags, old_flags);
	expect_eq(got.new_id, new_id);
	expect_eq(got.new_flags, new_flags);
}

void expect_id(struct peer *peer, uint64_t type, uint64_t id)
{
	struct got got = peer_get(peer);

	expect_eq(got.type, type);
	expect_eq(type == KDBUS_ITEM_ID_ADD ? got.new_id : got.old_id, id);
}

void expect_reply_note(struct peer *peer, uint64_t type, uint64_t cookie)
{
	struct got got = peer_get(peer);

	expect_eq(got.type, type);
	expect_eq(got.src_id, KDBUS_SRC_ID_KERNEL);
	expect_eq(got.cookie_reply, cookie);
}

unsigned peer_drain(struct peer *peer)
{
	struct got got;
	unsigned n = 0;

	while (peer_recv(peer, &got) == 0)
		n++;
	return n;
}

static const void *peer_result(struct peer *peer, uint64_t offset)
{
	return peer->conn ? kdbus_conn_result(peer->conn, offset) : peer->pool + offset;
}

const char *peer_list(struct peer *peer, uint64_t flags)
{
	static char text[4096];
	const struct kdbus_info *info;
	const uint8_t *data;
	struct cmd cmd;
	size_t n = 0;

	text[0] = '\0';
	cmd_init(&cmd, sizeof(cmd.list), flags);
	expect_eq(peer_command(peer, KDBUS_CMD_LIST, &cmd), 0);
	if (cmd.list.list_size == 0) {
		expect_eq(cmd.list.offset, peer->pool_size);
		expect_eq(peer_free(peer, cmd.list.offset), 0);
		return text;
	}
	data = peer_result(peer, cmd.list.offset);
	for (uint64_t pos = 0; pos < cmd.list.list_size; pos += info->size) {
		info = (const void *)(data + pos);
		n += snprintf(text + n, sizeof(text) - n, "%s%llu", n > 0 ? " " : "",
			      (unsigned long long)info->id);
		if (info->size > sizeof(*info))
			n += snprintf(text + n, sizeof(text) - n, ":%s/%llx",
				      info->items[0].name.name,
				      (unsigned long long)info->items[0].name.flags);
	}
	expect_eq(peer_free(peer, cmd.list.offset), 0);
	return text;
}

const char *name_queue(struct bus *bus, const char *name)
{
	struct kdbus_name_owner *owner;
	struct kdbus_name_entry *entry;
	static char text[512];
	size_t n = 0;

	text[0] = '\0';
	down_read(&bus->core->registry);
	entry = kdbus_name_find(bus->core, name, strlen(name));
	if (entry)
		list_for_each_entry(owner, &entry->owners, entry_link)
			n += snprintf(text + n, sizeof(text) - n, "%s%llu/%llx", n > 0 ? " " : "",
				      (unsigned long long)owner->conn->id,
				      (unsigned long long)owner->flags);
	up_read(&bus->core->registry);
	return text;
}
