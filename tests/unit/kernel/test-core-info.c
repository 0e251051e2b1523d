/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CONN_INFO, BUS_CREATOR_INFO, LIST and metadata: reference sections 3.8 to 3.10, 6.6, 8 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/kernel/kdbus-util.h"

/* a copy of a result, so that it can be looked at after it was freed */
struct info {
	int r;
	uint64_t info_size;
	union {
		struct kdbus_info info;
		uint64_t space[1024];
	};
};

static const void *result_of(struct peer *peer, uint64_t offset)
{
	return peer->conn ? kdbus_conn_result(peer->conn, offset) : peer->pool + offset;
}

static struct info ask(struct peer *peer, unsigned long nr, uint64_t id, const char *name,
		       uint64_t attach_flags)
{
	static struct info info;
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.info), 0);
	cmd.info.id = id;
	cmd.info.attach_flags = attach_flags;
	if (name)
		cmd_add_str(&cmd, KDBUS_ITEM_NAME, name);
	info.r = peer_command(peer, nr, &cmd);
	if (info.r < 0)
		return info;
	info.info_size = cmd.info.info_size;
	expect_le(info.info_size, sizeof(info.space));
	memcpy(info.space, result_of(peer, cmd.info.offset), info.info_size);
	expect_eq(info.info.size, info.info_size);
	expect_eq(info.info_size % 8, 0);
	expect_eq(kdbus_items_check(info.info.items, info.info.size - sizeof(info.info)), 0);
	expect_eq(peer_free(peer, cmd.info.offset), 0);
	return info;
}

static struct info conn_info(struct peer *peer, uint64_t id, const char *name, uint64_t flags)
{
	return ask(peer, KDBUS_CMD_CONN_INFO, id, name, flags);
}

/* the n-th item of a type */
static const struct kdbus_item *find(const struct info *info, uint64_t type, unsigned n)
{
	const struct kdbus_item *item;

	kdbus_items_for_each(item, info->info.items, (const uint8_t *)info->space + info->info_size)
		if (item->type == type && n-- == 0)
			return item;
	return NULL;
}

static unsigned count(const struct info *info)
{
	const struct kdbus_item *item;
	unsigned n = 0;

	kdbus_items_for_each(item, info->info.items, (const uint8_t *)info->space + info->info_size)
		n++;
	return n;
}

/* 3.8, C28 */
TEST(conn_info_errors)
{
	struct peer a, b;
	struct bus bus;
	struct cmd cmd;

	FOR_EACH_KIND(kind) {
		bus_init(&bus, 0);
		peer_init(&a, &bus, kind);
		peer_init(&b, &bus, 0);
		expect_eq(peer_acquire(&b, "x.y", 0, NULL), 0);
		/* flags before everything else */
		expect_eq(conn_info(&a, 0, NULL, 1ULL << 20).r, -EINVAL);
		expect_eq(conn_info(&a, 4711, "no.such", 1ULL << 20).r, -EINVAL);
		expect_eq(conn_info(&a, 0, NULL, 0).r, -EINVAL);
		expect_eq(conn_info(&a, 4711, NULL, 0).r, -ENXIO);
		expect_eq(conn_info(&a, 0, "no.such", 0).r, -ESRCH);
		expect_eq(conn_info(&a, 0, "invalid", 0).r, -ESRCH);
		expect_eq(conn_info(&a, a.id, "x.y", 0).r, -ESRCH);
		expect_eq(conn_info(&a, b.id, "x.y", 0).info.id, b.id);
		expect_eq(conn_info(&a, 0, "x.y", 0).info.id, b.id);
		/* a name that its item cuts */
		cmd_init(&cmd, sizeof(cmd.info), 0);
		cmd_add(&cmd, KDBUS_ITEM_NAME, "x", 1);
		expect_eq(peer_command(&a, KDBUS_CMD_CONN_INFO, &cmd), -EINVAL);
		peer_deinit(&b);
		peer_deinit(&a);
		bus_deinit(&bus);
	}
}

/* who waits for a name is not the one it stands for */
TEST(names_stand_for_their_owner)
{
	struct peer a, b;
	struct bus bus;

	bus_init(&bus, 0);
	peer_init(&a, &bus, 0);
	peer_init(&b, &bus, 0);
	expect_eq(peer_acquire(&b, "x.y", 0, NULL), 0);
	expect_eq(peer_acquire(&a, "x.y", KDBUS_NAME_QUEUE, NULL), 0);
	expect_eq(conn_info(&a, 0, "x.y", 0).info.id, b.id);
	expect_eq(peer_release(&b, "x.y"), 0);
	expect_eq(conn_info(&a, 0, "x.y", 0).info.id, a.id);
	peer_deinit(&b);
	peer_deinit(&a);
	bus_deinit(&bus);
}

/* 11.19; 8.3: the order of the items */
TEST(real_metadata)
{
	const struct kdbus_item *item;
	struct info info;
	struct peer a;
	struct bus bus;
	struct cmd hello;
	uint64_t last = 0;

	bus_init(&bus, 0);
	hello_init(&hello);
	cmd_add_str(&hello, KDBUS_ITEM_CONN_DESCRIPTION, "this-is-my-name");
	expect_eq(peer_hello(&a, &bus, 0, &hello, NULL), 0);
	expect_eq(peer_acquire(&a, "x.y", KDBUS_NAME_ALLOW_REPLACEMENT, NULL), 0);
	expect_eq(peer_acquire(&a, "x.z", 0, NULL), 0);
	info = conn_info(&a, a.id, NULL, _KDBUS_ATTACH_ANY);
	expect_eq(info.r, 0);
	expect_eq(info.info.id, a.id);
	expect_eq(info.info.flags, KDBUS_HELLO_ACCEPT_FD);
	item = find(&info, KDBUS_ITEM_CREDS, 0);
	expect_eq(item->creds.uid, getuid());
	expect_eq(item->creds.euid, geteuid());
	expect_eq(item->creds.gid, getgid());
	expect_eq(item->creds.fsgid, getegid());
	item = find(&info, KDBUS_ITEM_PIDS, 0);
	expect_eq(item->pids.pid, getpid());
	expect_eq(item->pids.tid, getpid());
	expect_eq(item->pids.ppid, getppid());
	expect(find(&info, KDBUS_ITEM_AUXGROUPS, 0));
	expect(find(&info, KDBUS_ITEM_PID_COMM, 0));
	expect(find(&info, KDBUS_ITEM_TID_COMM, 0));
	expect(find(&info, KDBUS_ITEM_EXE, 0));
	expect(find(&info, KDBUS_ITEM_CMDLINE, 0));
	item = find(&info, KDBUS_ITEM_CAPS, 0);
	expect_eq(item->size, 52);
	expect_lt(item->caps.last_cap, 64);
	item = find(&info, KDBUS_ITEM_OWNED_NAME, 0);
	expect_str(item->name.name, "x.y");
	expect_eq(item->name.flags, KDBUS_NAME_PRIMARY | KDBUS_NAME_ALLOW_REPLACEMENT);
	expect_str(find(&info, KDBUS_ITEM_OWNED_NAME, 1)->name.name, "x.z");
	expect_str(find(&info, KDBUS_ITEM_CONN_DESCRIPTION, 0)->str, "this-is-my-name");
	expect(!find(&info, KDBUS_ITEM_TIMESTAMP, 0));
	kdbus_items_for_each(item, info.info.items, (const uint8_t *)info.space + info.info_size) {
		static const uint64_t order[] = {
			KDBUS_ITEM_CREDS,
			KDBUS_ITEM_PIDS,
			KDBUS_ITEM_AUXGROUPS,
			KDBUS_ITEM_TID_COMM,
			KDBUS_ITEM_PID_COMM,
			KDBUS_ITEM_EXE,
			KDBUS_ITEM_CMDLINE,
			KDBUS_ITEM_CGROUP,
			KDBUS_ITEM_CAPS,
			KDBUS_ITEM_SECLABEL,
			KDBUS_ITEM_AUDIT,
			KDBUS_ITEM_OWNED_NAME,
			KDBUS_ITEM_CONN_DESCRIPTION,
		};
		uint64_t place = 0;

		while (order[place] != item->type)
			place++;
		expect_ge(place, last);
		last = place;
	}
	/* only what was asked for */
	info = conn_info(&a, a.id, NULL, KDBUS_ATTACH_PIDS);
	expect_eq(count(&info), 1);
	expect(find(&info, KDBUS_ITEM_PIDS, 0));
	info = conn_info(&a, a.id, NULL, 0);
	expect_eq(count(&info), 0);
	expect_eq(info.info_size, 24);
	peer_deinit(&a);
	bus_deinit(&bus);
}

/* CONN_INFO gives what the other is ready to send, no more */
TEST(metadata_is_masked_by_its_subject)
{
	struct cmd hello;
	struct peer a, b;
	struct info info;
	struct bus bus;

	bus_init(&bus, 0);
	peer_init(&a, &bus, 0);
	hello_init(&hello);
	hello.hello.attach_flags_send = KDBUS_ATTACH_PIDS;
	cmd_add_str(&hello, KDBUS_ITEM_CONN_DESCRIPTION, "b");
	expect_eq(peer_hello(&b, &bus, 0, &hello, NULL), 0);
	info = conn_info(&a, b.id, NULL, _KDBUS_ATTACH_ALL);
	expect_eq(count(&info), 1);
	expect(find(&info, KDBUS_ITEM_PIDS, 0));
	/* it may change its mind */
	cmd_init(&hello, sizeof(hello.cmd), 0);
	cmd_add_u64(&hello, KDBUS_ITEM_ATTACH_FLAGS_SEND, KDBUS_ATTACH_CONN_DESCRIPTION);
	expect_eq(peer_command(&b, KDBUS_CMD_UPDATE, &hello), 0);
	info = conn_info(&a, b.id, NULL, _KDBUS_ATTACH_ALL);
	expect_eq(count(&info), 1);
	expect_str(find(&info, KDBUS_ITEM_CONN_DESCRIPTION, 0)->str, "b");
	peer_deinit(&b);
	peer_deinit(&a);
	bus_deinit(&bus);
}

static void hello_fake(struct cmd *hello, bool with_groups)
{
	struct kdbus_creds creds = {-1U, 1234, -1U, -1U, -1U, -1U, -1U, -1U};
	uint64_t groups[] = {5, 6, 7};

	hello_init(hello);
	cmd_add(hello, KDBUS_ITEM_CREDS, &creds, sizeof(creds));
	cmd_add_str(hello, KDBUS_ITEM_SECLABEL, "some:label");
	if (with_groups)
		cmd_add(hello, KDBUS_ITEM_AUXGROUPS, groups, sizeof(groups));
}

/* C43: what was not given does not exist */
TEST(false_metadata)
{
	const struct kdbus_item *item;
	struct cmd hello;
	struct peer a, b;
	struct info info;
	struct bus bus;

	FOR_EACH_KIND(kind) {
		bus_init(&bus, 0);
		peer_init(&a, &bus, 0);
		hello_fake(&hello, true);
		expect_eq(peer_hello(&b, &bus, kind, &hello, NULL), 0);
		info = conn_info(&a, b.id, NULL, _KDBUS_ATTACH_ALL);
		expect_eq(count(&info), 3);
		item = find(&info, KDBUS_ITEM_CREDS, 0);
		expect_eq(item->creds.euid, 1234);
		expect_eq(item->creds.uid, 0xffffffff);
		expect_eq(item->creds.fsgid, 0xffffffff);
		expect_str(find(&info, KDBUS_ITEM_SECLABEL, 0)->str, "some:label");
		item = find(&info, KDBUS_ITEM_AUXGROUPS, 0);
		expect_eq(kdbus_item_payload_size(item), 24);
		expect_eq(item->data64[2], 7);
		peer_deinit(&b);
		peer_deinit(&a);
		bus_deinit(&bus);
	}
}

/* 8.7: with messages go names, description and time; unless the domain is ours */
TEST(false_metadata_with_messages)
{
	const struct kdbus_msg *msg;
	struct peer a, b;
	struct cmd hello, cmd;
	struct bus bus;
	struct info info;

	for (unsigned strict = 0; strict < 2; strict++) {
		bus_init(&bus, strict ? BUS_STRICT : 0);
		hello_init(&hello);
		hello.hello.attach_flags_recv = _KDBUS_ATTACH_ALL;
		expect_eq(peer_hello(&a, &bus, 0, &hello, NULL), 0);
		hello_fake(&hello, !strict);
		hello.hello.attach_flags_send = 0;
		cmd_add_str(&hello, KDBUS_ITEM_CONN_DESCRIPTION, "fake");
		expect_eq(peer_hello(&b, &bus, 0, &hello, NULL), 0);
		expect_eq(peer_acquire(&b, "x.y", 0, NULL), 0);
		expect_eq(peer_send_to(&b, a.id, 1, 10), 0);
		cmd_init(&cmd, sizeof(cmd.recv), 0);
		expect_eq(peer_command(&a, KDBUS_CMD_RECV, &cmd), 0);
		msg = (const void *)(a.pool + cmd.recv.msg.offset);
		info.info_size = msg->size - offsetof(struct kdbus_msg, items) + 24;
		memcpy(info.info.items, msg->items, info.info_size - 24);
		expect_str(find(&info, KDBUS_ITEM_CONN_DESCRIPTION, 0)->str, "fake");
		expect_str(find(&info, KDBUS_ITEM_OWNED_NAME, 0)->name.name, "x.y");
		expect(find(&info, KDBUS_ITEM_TIMESTAMP, 0));
		expect_eq(!find(&info, KDBUS_ITEM_CREDS, 0), strict);
		expect_eq(!find(&info, KDBUS_ITEM_AUXGROUPS, 0), strict);
		expect_eq(!find(&info, KDBUS_ITEM_SECLABEL, 0), strict);
		expect(!find(&info, KDBUS_ITEM_PIDS, 0));
		expect(!find(&info, KDBUS_ITEM_PID_COMM, 0));
		expect_eq(count(&info), strict ? 4 : 7);
		peer_deinit(&b);
		peer_deinit(&a);
		bus_deinit(&bus);
	}
}

/* 8.2: what the sender cannot refuse, and what procfs shows anyway; of the message, not of HELLO */
TEST(metadata_with_messages)
{
	const struct kdbus_item *item;
	const struct kdbus_msg *msg;
	struct cmd hello, cmd;
	struct peer a, b;
	struct info info;
	struct bus bus;
	uint64_t seqnum = 0;

	bus_init(&bus, BUS_STRICT);
	hello_init(&hello);
	hello.hello.attach_flags_recv =
		KDBUS_ATTACH_CREDS | KDBUS_ATTACH_PID_COMM | KDBUS_ATTACH_TIMESTAMP;
	expect_eq(peer_hello(&a, &bus, 0, &hello, NULL), 0);
	hello_init(&hello);
	hello.hello.attach_flags_send = 0;
	expect_eq(peer_hello(&b, &bus, 0, &hello, NULL), 0);
	for (int i = 0; i < 2; i++) {
		expect_eq(peer_send_to(&b, a.id, 1, 3), 0);
		cmd_init(&cmd, sizeof(cmd.recv), 0);
		expect_eq(peer_command(&a, KDBUS_CMD_RECV, &cmd), 0);
		msg = (const void *)(a.pool + cmd.recv.msg.offset);
		info.info_size = msg->size - offsetof(struct kdbus_msg, items) + 24;
		memcpy(info.info.items, msg->items, info.info_size - 24);
		/* PAYLOAD_OFF and these */
		expect_eq(count(&info), 4);
		expect(find(&info, KDBUS_ITEM_CREDS, 0));
		expect(find(&info, KDBUS_ITEM_PID_COMM, 0));
		item = find(&info, KDBUS_ITEM_TIMESTAMP, 0);
		expect_gt(item->timestamp.seqnum, seqnum);
		seqnum = item->timestamp.seqnum;
		expect_gt(item->timestamp.monotonic_ns, 0);
		expect_gt(item->timestamp.realtime_ns, item->timestamp.monotonic_ns);
		/* 4.2: the payload lies behind the metadata */
		expect_eq(find(&info, KDBUS_ITEM_PAYLOAD_OFF, 0)->vec.offset,
			  KDBUS_ALIGN8(msg->size));
	}
	/* what nobody asked for */
	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	cmd_add_u64(&cmd, KDBUS_ITEM_ATTACH_FLAGS_RECV, 0);
	expect_eq(peer_command(&a, KDBUS_CMD_UPDATE, &cmd), 0);
	expect_eq(peer_send_to(&b, a.id, 1, 3), 0);
	cmd_init(&cmd, sizeof(cmd.recv), 0);
	expect_eq(peer_command(&a, KDBUS_CMD_RECV, &cmd), 0);
	msg = (const void *)(a.pool + cmd.recv.msg.offset);
	expect_eq(msg->size, 64 + 32);
	peer_deinit(&b);
	peer_deinit(&a);
	bus_deinit(&bus);
}

/* B.3, to the byte; a notification carries the time though nobody asked for it */
TEST(layout_of_a_notification)
{
	const struct kdbus_item *item;
	const struct kdbus_msg *msg;
	struct peer a, b;
	struct bus bus;
	struct cmd cmd;

	bus_init(&bus, BUS_STRICT);
	peer_init(&a, &bus, 0);
	peer_init(&b, &bus, 0);
	peer_match_notifications(&a);
	expect_eq(peer_acquire(&b, "a.b", 0, NULL), 0);
	cmd_init(&cmd, sizeof(cmd.recv), 0);
	expect_eq(peer_command(&a, KDBUS_CMD_RECV, &cmd), 0);
	expect_eq(cmd.recv.msg.msg_size, 160);
	msg = (const void *)(a.pool + cmd.recv.msg.offset);
	expect_eq(msg->size, 160);
	expect_eq(msg->flags, KDBUS_MSG_SIGNAL);
	expect_eq(msg->priority, 0);
	expect_eq(msg->dst_id, ~0ULL);
	expect_eq(msg->src_id, 0);
	expect_eq(msg->payload_type, KDBUS_PAYLOAD_KERNEL);
	expect_eq(msg->cookie, 0);
	expect_eq(msg->cookie_reply, 0);
	item = &msg->items[0];
	expect_eq(item->size, 52);
	expect_eq(item->type, KDBUS_ITEM_NAME_ADD);
	expect_eq(item->name_change.old_id.id, 0);
	expect_eq(item->name_change.old_id.flags, 0);
	expect_eq(item->name_change.new_id.id, b.id);
	expect_eq(item->name_change.new_id.flags, 0x20);
	expect_mem(item->name_change.name, 4, "a.b", 4);
	item = kdbus_item_next(item);
	expect_eq((const uint8_t *)item - (const uint8_t *)msg, 120);
	expect_eq(item->size, 40);
	expect_eq(item->type, KDBUS_ITEM_TIMESTAMP);
	expect_gt(item->timestamp.seqnum, 0);
	peer_deinit(&b);
	peer_deinit(&a);
	bus_deinit(&bus);
}

/* REPLY_*: flags clear, addressed, an empty item */
TEST(layout_of_a_reply_notification)
{
	const struct kdbus_msg *msg;
	struct peer a, b;
	struct bus bus;
	struct cmd cmd;

	bus_init(&bus, BUS_STRICT);
	peer_init(&a, &bus, 0);
	peer_init(&b, &bus, 0);
	expect_eq(peer_call(&a, b.id, 9, 1000), 0);
	kdbus_embedded_expire(bus.embedded, 1000);
	cmd_init(&cmd, sizeof(cmd.recv), 0);
	expect_eq(peer_command(&a, KDBUS_CMD_RECV, &cmd), 0);
	msg = (const void *)(a.pool + cmd.recv.msg.offset);
	expect_eq(msg->size, 64 + 16 + 40);
	expect_eq(msg->flags, 0);
	expect_eq(msg->dst_id, a.id);
	expect_eq(msg->cookie, 0);
	expect_eq(msg->cookie_reply, 9);
	expect_eq(msg->items[0].size, 16);
	expect_eq(msg->items[0].type, KDBUS_ITEM_REPLY_TIMEOUT);
	peer_deinit(&b);
	peer_deinit(&a);
	bus_deinit(&bus);
}

/* 3.9 */
TEST(creator_info)
{
	struct info info;
	struct peer a;
	struct bus bus;

	FOR_EACH_KIND(kind) {
		bus_init(&bus, 0);
		peer_init(&a, &bus, kind);
		info = ask(&a, KDBUS_CMD_BUS_CREATOR_INFO, 0, NULL, _KDBUS_ATTACH_ALL);
		expect_eq(info.r, 0);
		expect_eq(info.info.id, bus.core->id);
		expect_eq(info.info.flags, KDBUS_MAKE_ACCESS_WORLD);
		expect_eq(info.info.items[0].type, KDBUS_ITEM_MAKE_NAME);
		expect_str(info.info.items[0].str, bus.name);
		expect_eq(find(&info, KDBUS_ITEM_PIDS, 0)->pids.pid, getpid());
		expect(!find(&info, KDBUS_ITEM_TIMESTAMP, 0));
		info = ask(&a, KDBUS_CMD_BUS_CREATOR_INFO, 0, NULL, 0);
		expect_eq(count(&info), 1);
		expect_eq(ask(&a, KDBUS_CMD_BUS_CREATOR_INFO, 0, NULL, 1ULL << 14).r, -EINVAL);
		peer_deinit(&a);
		bus_deinit(&bus);
	}
}

static void expect_list(struct peer *peer, uint64_t flags, const char *format, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	expect_str(peer_list(peer, flags), text);
}

/* 6.6, C22 */
TEST(list)
{
	struct peer a, b, monitor;
	struct cmd hello;
	struct bus bus;

	FOR_EACH_KIND(kind) {
		bus_init(&bus, 0);
		peer_init(&a, &bus, kind);
		peer_init(&b, &bus, kind);
		hello_init(&hello);
		hello.hello.flags = KDBUS_HELLO_MONITOR;
		expect_eq(peer_hello(&monitor, &bus, 0, &hello, NULL), 0);
		expect_eq(peer_acquire(&a, "a.a", 0, NULL), 0);
		expect_eq(peer_acquire(&a, "q.q", KDBUS_NAME_QUEUE, NULL), 0);
		expect_eq(peer_acquire(&a, "a.b", KDBUS_NAME_ALLOW_REPLACEMENT, NULL), 0);
		expect_eq(peer_acquire(&b, "q.q", KDBUS_NAME_QUEUE, NULL), 0);

		expect_list(&a, 0, "");
		expect_list(&a, KDBUS_LIST_UNIQUE, "1 2");
		expect_list(&a, KDBUS_LIST_NAMES, "1:a.a/20 1:q.q/24 1:a.b/22");
		expect_list(&a, KDBUS_LIST_QUEUED, "2:q.q/c");
		expect_list(&a, KDBUS_LIST_ACTIVATORS, "");
		expect_list(&b, KDBUS_LIST_NAMES | KDBUS_LIST_QUEUED,
			    "1:a.a/20 1:q.q/24 1:a.b/22 2:q.q/c");
		/* who has a name that is asked for is not listed without */
		expect_list(&b, KDBUS_LIST_UNIQUE | KDBUS_LIST_NAMES,
			    "1:a.a/20 1:q.q/24 1:a.b/22 2");
		expect_list(&monitor, KDBUS_LIST_UNIQUE | KDBUS_LIST_QUEUED, "1 2:q.q/c");
		peer_deinit(&monitor);
		peer_deinit(&b);
		peer_deinit(&a);
		bus_deinit(&bus);
	}
}

/* one name, in the order of its queue, which the list of all connections does not show */
TEST(list_of_one_name)
{
	struct peer a, b, c;
	struct cmd cmd;
	struct bus bus;

	for (unsigned strict = 0; strict < 2; strict++) {
		bus_init(&bus, strict ? BUS_STRICT : 0);
		peer_init(&a, &bus, 0);
		peer_init(&b, &bus, 0);
		peer_init(&c, &bus, 0);
		expect_eq(peer_acquire(&c, "q.q", KDBUS_NAME_QUEUE, NULL), 0);
		expect_eq(peer_acquire(&b, "q.q", KDBUS_NAME_QUEUE, NULL), 0);
		expect_eq(peer_acquire(&a, "q.q", KDBUS_NAME_QUEUE, NULL), 0);
		expect_eq(peer_acquire(&a, "other.name", 0, NULL), 0);
		cmd_init(&cmd, sizeof(cmd.list), KDBUS_LIST_NAMES | KDBUS_LIST_QUEUED);
		cmd_add_str(&cmd, KDBUS_ITEM_NAME, "q.q");
		expect_eq(peer_command(&a, KDBUS_CMD_LIST, &cmd), strict ? -EINVAL : 0);
		if (!strict) {
			const struct kdbus_info *info = result_of(&a, cmd.list.offset);
			const uint64_t ids[] = {c.id, b.id, a.id};

			expect_eq(cmd.list.list_size, 3 * info->size);
			for (size_t i = 0; i < 3; i++) {
				expect_eq(info->id, ids[i]);
				expect_str(info->items[0].name.name, "q.q");
				info = (const void *)((const uint8_t *)info + info->size);
			}
			cmd_init(&cmd, sizeof(cmd.list), KDBUS_LIST_NAMES);
			cmd_add_str(&cmd, KDBUS_ITEM_NAME, "no.such");
			expect_eq(peer_command(&a, KDBUS_CMD_LIST, &cmd), 0);
			expect_eq(cmd.list.list_size, 0);
		}
		peer_deinit(&c);
		peer_deinit(&b);
		peer_deinit(&a);
		bus_deinit(&bus);
	}
}

/* B.5, to the byte */
TEST(layout_of_a_list)
{
	const struct kdbus_info *info;
	struct peer a;
	struct cmd cmd;
	struct bus bus;

	bus_init(&bus, 0);
	peer_init(&a, &bus, 0);
	expect_eq(peer_acquire(&a, "a.b", 0, NULL), 0);
	cmd_init(&cmd, sizeof(cmd.list), KDBUS_LIST_NAMES);
	expect_eq(peer_command(&a, KDBUS_CMD_LIST, &cmd), 0);
	expect_eq(cmd.list.list_size, 56);
	info = (const void *)(a.pool + cmd.list.offset);
	expect_eq(info->size, 56);
	expect_eq(info->id, a.id);
	expect_eq(info->flags, KDBUS_HELLO_ACCEPT_FD);
	expect_eq(info->items[0].size, 28);
	expect_eq(info->items[0].type, KDBUS_ITEM_OWNED_NAME);
	expect_eq(info->items[0].name.flags, KDBUS_NAME_PRIMARY);
	expect_str(info->items[0].name.name, "a.b");
	peer_deinit(&a);
	bus_deinit(&bus);
}
