/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* HELLO, UPDATE, BYEBYE, FREE and the disconnect: reference sections 3.4 to 3.7, 10.3, 10.4 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/kernel/kdbus-util.h"

static int hello_result(struct bus *bus, struct cmd *hello)
{
	struct peer peer;
	int r;

	r = peer_hello(&peer, bus, 0, hello, NULL);
	if (r == 0)
		peer_deinit(&peer);
	return r;
}

/* dense from 1 for ordinary connections, so that the first client is :1.0; one counter if strict */
TEST(ids)
{
	struct peer a, b, holder, c;
	struct bus bus;

	bus_init(&bus, 0);
	peer_init(&a, &bus, 0);
	peer_init(&b, &bus, PEER_DIRECT);
	peer_init_holder(&holder, &bus, "x.y", 0, 0, 0);
	expect_eq(a.id, 1);
	expect_eq(b.id, 2);
	expect_ge(holder.id, KDBUS_SPECIAL_ID_BASE);
	peer_deinit(&b);
	/* a failed HELLO uses none up, an id is never used again */
	struct cmd hello;

	hello_init(&hello);
	hello.hello.pool_size = 0;
	expect_eq(hello_result(&bus, &hello), -EINVAL);
	peer_init(&c, &bus, 0);
	expect_eq(c.id, 3);
	peer_deinit(&c);
	peer_deinit(&holder);
	peer_deinit(&a);
	bus_deinit(&bus);

	bus_init(&bus, BUS_STRICT);
	peer_init(&a, &bus, 0);
	peer_init_holder(&holder, &bus, "x.y", 0, 0, 0);
	peer_init(&b, &bus, 0);
	expect_lt(a.id, holder.id);
	expect_lt(holder.id, b.id);
	expect_lt(b.id, KDBUS_SPECIAL_ID_BASE);
	/* not that of the bus */
	expect_ne(a.id, bus.core->id);
	peer_deinit(&b);
	peer_deinit(&holder);
	peer_deinit(&a);
	bus_deinit(&bus);
}

/* what HELLO gives back; B.1 */
TEST(hello_outputs)
{
	const struct kdbus_item *item;
	struct kdbus_embedded_handle *handle;
	const void *pool;
	struct cmd hello;
	struct bus bus;
	size_t size;

	bus_init(&bus, 0);
	expect_eq(kdbus_embedded_open(bus.embedded, bus.path, NULL, &handle), 0);
	hello_init(&hello);
	cmd_add_str(&hello, KDBUS_ITEM_CONN_DESCRIPTION, "abc");
	expect_eq(hello.hello.size, 116);
	expect_eq(kdbus_embedded_command(handle, KDBUS_CMD_HELLO, &hello), 0);
	expect_eq(hello.hello.size, 116);
	expect_eq(hello.hello.flags, KDBUS_HELLO_ACCEPT_FD);
	expect_eq(hello.hello.bus_flags, KDBUS_MAKE_ACCESS_WORLD);
	expect_eq(hello.hello.id, 1);
	expect_mem(hello.hello.id128, 16, bus.core->id128, 16);
	/* RFC 4122, version 4, DCE variant */
	expect_eq(hello.hello.id128[6] >> 4, 4);
	expect_eq(hello.hello.id128[8] >> 6, 2);
	expect_eq(hello.hello.items_size, 32);
	expect_eq(hello.hello.offset, 0);
	expect_eq(kdbus_embedded_pool(handle, &pool, &size), 0);
	item = pool;
	expect_eq(item->size, 32);
	expect_eq(item->type, KDBUS_ITEM_BLOOM_PARAMETER);
	expect_eq(item->bloom_parameter.size, 64);
	expect_eq(item->bloom_parameter.n_hash, 1);
	kdbus_embedded_close(handle);
	bus_deinit(&bus);
}

/* the table of 3.4, in its order */
TEST(hello_errors)
{
	static const uint64_t sizes[] = {0, 4095, 4097};
	struct kdbus_creds creds = {1, 1, 1, 1, 1, 1, 1, 1};
	struct kdbus_embedded_cred stranger = cred_of(65534);
	struct kdbus_pids pids = {.pid = 0x7fffffff};
	struct peer peer;
	struct cmd hello;
	struct bus bus;

	bus_init(&bus, BUS_STRICT);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		hello_init(&hello);
		hello.hello.pool_size = sizes[i];
		/* before the attach flags */
		hello.hello.attach_flags_send = 1ULL << 20;
		expect_eq(hello_result(&bus, &hello), -EINVAL);
	}
	/* two special flags */
	hello_init(&hello);
	hello.hello.flags = KDBUS_HELLO_POLICY_HOLDER | KDBUS_HELLO_MONITOR;
	cmd_add_str(&hello, KDBUS_ITEM_NAME, "x.y");
	expect_eq(hello_result(&bus, &hello), -EINVAL);
	/* name without a reason, reason without a name, name that is none */
	hello_init(&hello);
	cmd_add_str(&hello, KDBUS_ITEM_NAME, "x.y");
	expect_eq(hello_result(&bus, &hello), -EINVAL);
	hello_init(&hello);
	hello.hello.flags = KDBUS_HELLO_POLICY_HOLDER;
	expect_eq(hello_result(&bus, &hello), -EINVAL);
	cmd_add_str(&hello, KDBUS_ITEM_NAME, "xy");
	expect_eq(hello_result(&bus, &hello), -EINVAL);
	/* privileges */
	hello_init(&hello);
	hello.hello.flags = KDBUS_HELLO_MONITOR;
	expect_eq(peer_hello(&peer, &bus, 0, &hello, &stranger), -EPERM);
	hello_init(&hello);
	hello.hello.flags = KDBUS_HELLO_POLICY_HOLDER;
	cmd_add_str(&hello, KDBUS_ITEM_NAME, "x.y");
	expect_eq(peer_hello(&peer, &bus, 0, &hello, &stranger), -EPERM);
	/* C42, before bad attach flags */
	hello_init(&hello);
	hello.hello.attach_flags_send = 1ULL << 20;
	cmd_add(&hello, KDBUS_ITEM_CREDS, &creds, sizeof(creds));
	expect_eq(peer_hello(&peer, &bus, 0, &hello, &stranger), -EPERM);
	hello_init(&hello);
	cmd_add_str(&hello, KDBUS_ITEM_SECLABEL, "x");
	expect_eq(peer_hello(&peer, &bus, 0, &hello, &stranger), -EPERM);
	/* attach flags: every bit, or those that exist */
	hello_init(&hello);
	hello.hello.attach_flags_send = _KDBUS_ATTACH_ALL + 1;
	expect_eq(hello_result(&bus, &hello), -EINVAL);
	hello_init(&hello);
	hello.hello.attach_flags_recv = 1ULL << 14;
	expect_eq(hello_result(&bus, &hello), -EINVAL);
	hello.hello.attach_flags_recv = _KDBUS_ATTACH_ANY;
	expect_eq(hello_result(&bus, &hello), 0);
	/* false metadata that cannot be */
	creds.sgid = ~0ULL;
	hello_init(&hello);
	cmd_add(&hello, KDBUS_ITEM_CREDS, &creds, sizeof(creds));
	expect_eq(hello_result(&bus, &hello), -EINVAL);
	hello_init(&hello);
	cmd_add(&hello, KDBUS_ITEM_PIDS, &pids, sizeof(pids));
	expect_eq(hello_result(&bus, &hello), -EINVAL);
	creds.sgid = 0xffffffff;
	hello_init(&hello);
	cmd_add(&hello, KDBUS_ITEM_CREDS, &creds, sizeof(creds));
	expect_eq(hello_result(&bus, &hello), 0);
	/* 1.4 */
	hello_init(&hello);
	cmd_add_str(&hello, KDBUS_ITEM_CONN_DESCRIPTION,
		    "0123456789012345678901234567890123456789012345678901234567890123");
	expect_eq(hello_result(&bus, &hello), -ENAMETOOLONG);
	hello_init(&hello);
	cmd_add_str(&hello, KDBUS_ITEM_CONN_DESCRIPTION, "-x");
	expect_eq(hello_result(&bus, &hello), -EINVAL);
	/* ours alone */
	hello_init(&hello);
	cmd_add(&hello, KDBUS_ITEM_AUXGROUPS, &creds, 16);
	expect_eq(hello_result(&bus, &hello), -EINVAL);
	bus_deinit(&bus);
}

/* an addition of ours: part of the bus */
TEST(apart)
{
	struct kdbus_embedded_cred stranger = cred_of(65534);
	struct peer apart, next;
	struct cmd hello;
	struct bus bus;

	bus_init(&bus, 0);
	hello_init(&hello);
	hello.hello.flags = KDBUS_HELLO_APART;
	expect_eq(peer_hello(&next, &bus, 0, &hello, &stranger), -EPERM);
	expect_eq(peer_hello(&apart, &bus, 0, &hello, NULL), 0);
	expect_ge(hello.hello.id, KDBUS_SPECIAL_ID_BASE);
	peer_init(&next, &bus, 0);
	expect_eq(next.id, 1);
	peer_deinit(&next);
	peer_deinit(&apart);
	/* it is no kind beside another */
	hello_init(&hello);
	hello.hello.flags = KDBUS_HELLO_APART | KDBUS_HELLO_MONITOR;
	expect_eq(hello_result(&bus, &hello), -EINVAL);
	bus_deinit(&bus);

	bus_init(&bus, BUS_STRICT);
	hello_init(&hello);
	hello.hello.flags = KDBUS_HELLO_APART;
	expect_eq(hello_result(&bus, &hello), -EINVAL);
	bus_deinit(&bus);
}

TEST(a_failed_hello_may_be_repeated)
{
	struct kdbus_embedded_handle *handle;
	struct cmd hello, cmd;
	struct bus bus;

	bus_init(&bus, 0);
	expect_eq(kdbus_embedded_open(bus.embedded, bus.path, NULL, &handle), 0);
	hello_init(&hello);
	hello.hello.pool_size = 0;
	hello.hello.offset = 77;
	expect_eq(kdbus_embedded_command(handle, KDBUS_CMD_HELLO, &hello), -EINVAL);
	expect_eq(hello.hello.offset, 77);
	cmd_init(&cmd, sizeof(cmd.list), KDBUS_LIST_UNIQUE);
	expect_eq(kdbus_embedded_command(handle, KDBUS_CMD_LIST, &cmd), -EBADFD);
	hello.hello.pool_size = 4096;
	expect_eq(kdbus_embedded_command(handle, KDBUS_CMD_HELLO, &hello), 0);
	expect_eq(kdbus_embedded_command(handle, KDBUS_CMD_HELLO, &hello), -EBADFD);
	kdbus_embedded_close(handle);
	bus_deinit(&bus);
}

/* one uid's connections, wherever the metadata says who that is */
TEST(number_of_connections_is_limited_per_user)
{
	struct kdbus_limits limits = KDBUS_LIMITS_DEFAULT;
	struct kdbus_creds creds = {.uid = 1000, .euid = 1000};
	struct peer peers[4], extra;
	struct cmd hello;
	struct bus bus;

	limits.n_conns_user = 2;
	bus_init_limits(&bus, 0, &limits);
	peer_init(&peers[0], &bus, 0);
	peer_init(&peers[1], &bus, PEER_DIRECT);
	hello_init(&hello);
	expect_eq(peer_hello(&extra, &bus, 0, &hello, NULL), -EMFILE);
	expect_eq(peer_hello(&extra, &bus, PEER_DIRECT, &hello, NULL), -EMFILE);
	for (int i = 2; i < 4; i++) {
		hello_init(&hello);
		cmd_add(&hello, KDBUS_ITEM_CREDS, &creds, sizeof(creds));
		expect_eq(peer_hello(&peers[i], &bus, PEER_DIRECT, &hello, NULL), 0);
	}
	expect_eq(peer_hello(&extra, &bus, PEER_DIRECT, &hello, NULL), -EMFILE);
	/* who owns the bus may watch it nevertheless */
	hello_init(&hello);
	hello.hello.flags = KDBUS_HELLO_MONITOR;
	expect_eq(peer_hello(&extra, &bus, 0, &hello, NULL), 0);
	peer_deinit(&extra);
	/* a uid that is not known is not counted: the real one is */
	creds.uid = 0xffffffff;
	hello_init(&hello);
	cmd_add(&hello, KDBUS_ITEM_CREDS, &creds, sizeof(creds));
	expect_eq(peer_hello(&extra, &bus, PEER_DIRECT, &hello, NULL), -EMFILE);
	peer_deinit(&peers[0]);
	expect_eq(peer_hello(&extra, &bus, PEER_DIRECT, &hello, NULL), 0);
	peer_deinit(&extra);
	for (int i = 1; i < 4; i++)
		peer_deinit(&peers[i]);
	bus_deinit(&bus);
}

TEST(hello_and_goodbye_are_announced)
{
	struct peer watch, a;
	struct got got;
	struct bus bus;
	uint64_t id;

	FOR_EACH_KIND(kind) {
		bus_init(&bus, 0);
		peer_init(&watch, &bus, 0);
		peer_match_notifications(&watch);
		peer_init(&a, &bus, kind);
		got = peer_get(&watch);
		expect_eq(got.type, KDBUS_ITEM_ID_ADD);
		expect_eq(got.new_id, a.id);
		expect_eq(got.new_flags, KDBUS_HELLO_ACCEPT_FD);
		expect_eq(got.flags, KDBUS_MSG_SIGNAL);
		expect_eq(got.dst_id, KDBUS_DST_ID_BROADCAST);
		expect_eq(got.payload_type, KDBUS_PAYLOAD_KERNEL);
		id = a.id;
		peer_deinit(&a);
		got = peer_get(&watch);
		expect_eq(got.type, KDBUS_ITEM_ID_REMOVE);
		expect_eq(got.old_id, id);
		expect_eq(got.old_flags, KDBUS_HELLO_ACCEPT_FD);
		expect_nothing(&watch);
		peer_deinit(&watch);
		bus_deinit(&bus);
	}
}

/* 11.4, C30 */
TEST(byebye)
{
	struct peer a, b;
	struct bus bus;
	struct got got;

	FOR_EACH_KIND(kind) {
		bus_init(&bus, 0);
		peer_init(&a, &bus, 0);
		peer_init(&b, &bus, kind);
		peer_match_all(&b);
		expect_eq(peer_broadcast(&a, 1), 0);
		expect_eq(peer_byebye(&b), -EBUSY);
		expect_message(&b, a.id, 1);
		expect_eq(peer_byebye(&b), 0);
		expect_eq(peer_byebye(&b), -ECONNRESET);
		expect_eq(peer_recv(&b, &got), -ECONNRESET);
		expect_eq(peer_send_to(&a, b.id, 1, 0), -ENXIO);
		expect_eq(peer_send_to(&b, a.id, 1, 0), -ECONNRESET);
		expect_eq(peer_acquire(&b, "x.y", 0, NULL), -ECONNRESET);
		expect_eq(peer_free(&b, b.pool_size), -ECONNRESET);
		peer_deinit(&b);
		peer_deinit(&a);
		bus_deinit(&bus);
	}
}

/* C31 */
TEST(bus_owner_goes)
{
	struct kdbus_embedded_handle *unset, *late;
	struct peer a, direct;
	struct cmd hello;
	struct bus bus;

	bus_init(&bus, 0);
	peer_init(&a, &bus, 0);
	peer_init(&direct, &bus, PEER_DIRECT);
	expect_eq(peer_acquire(&a, "x.y", 0, NULL), 0);
	expect_eq(peer_send_to(&direct, a.id, 1, 100), 0);
	expect_eq(kdbus_embedded_open(bus.embedded, bus.path, NULL, &unset), 0);
	bus.owner = kdbus_embedded_close(bus.owner);
	expect_eq(kdbus_embedded_poll(a.handle), POLLERR | POLLHUP);
	expect_eq(peer_byebye(&a), -ECONNRESET);
	expect_eq(peer_byebye(&direct), -ECONNRESET);
	hello_init(&hello);
	expect_eq(kdbus_embedded_command(unset, KDBUS_CMD_HELLO, &hello), -ESHUTDOWN);
	expect_eq(kdbus_embedded_open(bus.embedded, bus.path, NULL, &late), -ENOENT);
	kdbus_embedded_close(unset);
	peer_deinit(&direct);
	peer_deinit(&a);
	bus_deinit(&bus);
}

/* 11.18, 10.4 */
TEST(freeing)
{
	struct peer a;
	struct cmd cmd;
	struct bus bus;

	FOR_EACH_KIND(kind) {
		bus_init(&bus, 0);
		peer_init(&a, &bus, kind);
		expect_eq(peer_free(&a, 0), -ENXIO);
		expect_eq(peer_free(&a, a.pool_size + 1), -ENXIO);
		expect_eq(peer_free(&a, a.pool_size), 0);
		expect_eq(peer_free(&a, a.pool_size), 0);
		cmd_init(&cmd, sizeof(cmd.list), KDBUS_LIST_UNIQUE);
		expect_eq(peer_command(&a, KDBUS_CMD_LIST, &cmd), 0);
		expect_eq(peer_free(&a, cmd.list.offset + 8), -ENXIO);
		expect_eq(peer_free(&a, cmd.list.offset), 0);
		expect_eq(peer_free(&a, cmd.list.offset), -ENXIO);
		/* what is not freed goes with the connection */
		expect_eq(peer_command(&a, KDBUS_CMD_LIST, &cmd), 0);
		expect_eq(peer_command(&a, KDBUS_CMD_LIST, &cmd), 0);
		peer_deinit(&a);
		bus_deinit(&bus);
	}
}

/* a queued message cannot be freed by guessing where it is */
TEST(unreceived_slice_cannot_be_freed)
{
	struct peer a;
	struct bus bus;

	bus_init(&bus, 0);
	peer_init(&a, &bus, 0);
	expect_eq(peer_send_to(&a, a.id, 1, 10), 0);
	expect_eq(peer_free(&a, 0), -ENXIO);
	expect_message(&a, a.id, 1);
	peer_deinit(&a);
	bus_deinit(&bus);
}

static bool has_item(struct peer *peer, uint64_t type)
{
	const struct kdbus_item *item;
	const struct kdbus_msg *msg;
	bool found = false;
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.recv), 0);
	expect_eq(peer_command(peer, KDBUS_CMD_RECV, &cmd), 0);
	msg = (const void *)(peer->pool + cmd.recv.msg.offset);
	kdbus_items_for_each(item, msg->items, (const uint8_t *)msg + msg->size)
		found |= item->type == type;
	expect_eq(peer_free(peer, cmd.recv.msg.offset), 0);
	return found;
}

static int update_flags(struct peer *peer, uint64_t type, uint64_t flags)
{
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	cmd_add_u64(&cmd, type, flags);
	return peer_command(peer, KDBUS_CMD_UPDATE, &cmd);
}

/* 11.20 */
TEST(update_of_attach_flags)
{
	struct peer a, b;
	struct cmd cmd;
	struct bus bus;

	bus_init(&bus, 0);
	peer_init(&a, &bus, 0);
	peer_init(&b, &bus, 0);
	expect_eq(update_flags(&b, KDBUS_ITEM_ATTACH_FLAGS_RECV, _KDBUS_ATTACH_ALL), 0);
	expect_eq(peer_send_to(&a, b.id, 1, 0), 0);
	expect(has_item(&b, KDBUS_ITEM_TIMESTAMP));
	/* all or nothing */
	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	cmd_add_u64(&cmd, KDBUS_ITEM_ATTACH_FLAGS_RECV, 0);
	cmd_add_u64(&cmd, KDBUS_ITEM_ATTACH_FLAGS_SEND, _KDBUS_ATTACH_ALL + 1);
	expect_eq(peer_command(&b, KDBUS_CMD_UPDATE, &cmd), -EINVAL);
	expect_eq(peer_send_to(&a, b.id, 1, 0), 0);
	expect(has_item(&b, KDBUS_ITEM_TIMESTAMP));
	expect_eq(update_flags(&b, KDBUS_ITEM_ATTACH_FLAGS_RECV,
			       _KDBUS_ATTACH_ALL & ~KDBUS_ATTACH_TIMESTAMP),
		  0);
	expect_eq(peer_send_to(&a, b.id, 1, 0), 0);
	expect(!has_item(&b, KDBUS_ITEM_TIMESTAMP));
	/* nothing to change */
	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	expect_eq(peer_command(&b, KDBUS_CMD_UPDATE, &cmd), 0);
	/* policy is not for it */
	cmd_add_str(&cmd, KDBUS_ITEM_NAME, "x.y");
	expect_eq(peer_command(&b, KDBUS_CMD_UPDATE, &cmd), -EOPNOTSUPP);
	peer_deinit(&b);
	peer_deinit(&a);
	bus_deinit(&bus);
}

/* the pool is divided the same way every time, and the peer cannot write to it */
TEST(pool_of_a_handle)
{
	struct cmd hello;
	struct peer a;
	struct bus bus;
	struct got got;

	bus_init(&bus, 0);
	hello_init(&hello);
	hello.hello.pool_size = 8192;
	expect_eq(peer_hello(&a, &bus, 0, &hello, NULL), 0);
	for (int i = 0; i < 10; i++) {
		expect_eq(peer_send_to(&a, a.id, 1, 100), 0);
		got = peer_get(&a);
		expect_eq(got.offset, 0);
		expect_eq(got.slice_size, 200);
	}
	expect_eq(mprotect((void *)a.pool, 4096, PROT_READ | PROT_WRITE), -1);
	expect_eq(errno, EACCES);
	peer_deinit(&a);
	bus_deinit(&bus);
}

/* C49 */
TEST(results_are_placed_at_the_start_of_an_empty_pool)
{
	struct peer a;
	struct cmd cmd;
	struct bus bus;

	bus_init(&bus, 0);
	peer_init(&a, &bus, 0);
	cmd_init(&cmd, sizeof(cmd.list), KDBUS_LIST_UNIQUE);
	expect_eq(peer_command(&a, KDBUS_CMD_LIST, &cmd), 0);
	expect_eq(cmd.list.offset, 0);
	expect_eq(peer_free(&a, 0), 0);
	cmd_init(&cmd, sizeof(cmd.info), 0);
	cmd.info.id = a.id;
	cmd.info.attach_flags = _KDBUS_ATTACH_ALL;
	expect_eq(peer_command(&a, KDBUS_CMD_CONN_INFO, &cmd), 0);
	expect_eq(cmd.info.offset, 0);
	peer_deinit(&a);
	bus_deinit(&bus);
}

/* a result that has no place is an error, and nothing is lost by it */
TEST(result_without_place)
{
	struct cmd hello, cmd;
	struct peer a;
	struct bus bus;

	bus_init(&bus, 0);
	hello_init(&hello);
	hello.hello.pool_size = 4096;
	expect_eq(peer_hello(&a, &bus, 0, &hello, NULL), 0);
	cmd_init(&cmd, sizeof(cmd.list), KDBUS_LIST_UNIQUE);
	for (int i = 0; i < 4096 / 24; i++)
		expect_eq(peer_command(&a, KDBUS_CMD_LIST, &cmd), 0);
	cmd.list.offset = 5;
	expect_eq(peer_command(&a, KDBUS_CMD_LIST, &cmd), -EXFULL);
	expect_eq(cmd.list.offset, 5);
	expect_eq(peer_free(&a, 240), 0);
	expect_eq(peer_command(&a, KDBUS_CMD_LIST, &cmd), 0);
	expect_eq(cmd.list.offset, 240);
	peer_deinit(&a);
	bus_deinit(&bus);
}
