/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* UPDATE, BYEBYE, FREE, CONN_INFO, BUS_CREATOR_INFO, LIST; and slices of the pool */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/abi/client.h"

static struct cmd c;

/* UPDATE */

ABI_TEST(update)
{
	static const uint64_t none, bad = 1ULL << 40, pids = KDBUS_ATTACH_PIDS;
	struct peer *p = peer_recv_flags(_KDBUS_ATTACH_ALL), *s = peer(), *h, *h2;
	const struct kdbus_info *info;
	struct kdbus_cmd_recv recv;
	const struct kdbus_msg *msg;

	row("3.5.send-invalid");
	expect_eq(peer_update_flags(p, &bad, NULL), -EINVAL);
	row("3.5.recv-invalid");
	expect_eq(peer_update_flags(p, NULL, &bad), -EINVAL);
	row("3.5.all-or-nothing");
	expect_eq(peer_update_flags(s, &none, &bad), -EINVAL);
	expect_eq(peer_info(p, s->id, NULL, KDBUS_ATTACH_PIDS, &info), 0);
	expect(items_find(info->items, INFO_END(info), KDBUS_ITEM_PIDS));
	row("3.5.empty");
	expect_eq(peer_update_flags(p, NULL, NULL), 0);
	row("3.5.recv-of-later-messages");
	expect_eq(peer_send_to(s, p->id, 1, 1), 0);
	expect_eq(peer_update_flags(p, NULL, &pids), 0);
	expect_eq(peer_send_to(s, p->id, 2, 1), 0);
	msg = peer_get_raw(p, &recv);
	expect(items_find(msg->items, MSG_END(msg), KDBUS_ITEM_CREDS));
	msg = peer_get_raw(p, &recv);
	expect(!items_find(msg->items, MSG_END(msg), KDBUS_ITEM_CREDS));
	expect(items_find(msg->items, MSG_END(msg), KDBUS_ITEM_PIDS));
	row("3.5.send");
	expect_eq(peer_update_flags(s, &none, NULL), 0);
	expect_eq(peer_info(p, s->id, NULL, KDBUS_ATTACH_PIDS, &info), 0);
	expect(!items_find(info->items, INFO_END(info), KDBUS_ITEM_PIDS));

	row("3.5.policy-of-ordinary");
	expect_eq(peer_update_policy(p, "a.b", 0, 0, 0), -EOPNOTSUPP);
	expect_eq(peer_update_policy(p, NULL, 3, 0, 0), -EOPNOTSUPP);
	h = peer_holder("com.example.h", 0, 0, 0);
	row("3.5.two-names");
	cmd_init(&c, sizeof(c.cmd), 0);
	cmd_add_str(&c, KDBUS_ITEM_NAME, "com.example.h");
	cmd_add_str(&c, KDBUS_ITEM_NAME, "com.example.i");
	expect_eq(peer_ioctl(h, KDBUS_CMD_UPDATE, &c), -E2BIG);
	row("3.5.other-name");
	expect_eq(peer_update_policy(h, "com.example.i", 0, 0, 0), 0);
	h2 = peer_holder("com.example.h", 0, 0, 0);
	row("3.5.conflict");
	expect_eq(peer_update_policy(h2, "com.example.i", 0, 0, 0), -EEXIST);
	row("3.5.access-without-name");
	expect_eq(peer_update_policy(h, NULL, KDBUS_POLICY_ACCESS_WORLD, 0, 0), -EINVAL);
	row("3.5.invalid-name");
	expect_eq(peer_update_policy(h, "nodot", 0, 0, 0), -EINVAL);
	row("3.5.policy-kind-before-send-kind");
	cmd_init(&c, sizeof(c.cmd), 0);
	cmd_add_u64(&c, KDBUS_ITEM_ATTACH_FLAGS_SEND, bad);
	cmd_add_str(&c, KDBUS_ITEM_NAME, "com.example.h");
	expect_eq(peer_ioctl(h, KDBUS_CMD_UPDATE, &c), -EOPNOTSUPP);
	expect_eq(peer_ioctl(p, KDBUS_CMD_UPDATE, &c), -EINVAL);
}

ABI_TEST(update_of_policy_grants)
{
	struct peer *own = peer(), *other = peer_uid(OTHER_UID), *h;

	expect_eq(peer_acquire(own, "com.example.n", 0), 0);
	row("3.5.replaces");
	h = peer_holder("com.example.n", KDBUS_POLICY_ACCESS_WORLD, KDBUS_POLICY_TALK, 0);
	expect_eq(peer_send_to(other, own->id, 1, 0), 0);
	row("3.5.grants-nothing");
	expect_eq(peer_update_policy(h, "com.example.n", 0, 0, 0), 0);
	expect_eq(peer_send_to(other, own->id, 1, 0), -EPERM);
	row("D.policy-at-once");
	expect_eq(peer_update_policy(h, "com.example.n", KDBUS_POLICY_ACCESS_WORLD,
				     KDBUS_POLICY_TALK, 0),
		  0);
	expect_eq(peer_send_to(other, own->id, 1, 0), 0);
	row("3.5.failed-changes-nothing");
	expect_eq(peer_update_policy(h, "com.example.n", 9, 0, 0), -EINVAL);
	expect_eq(peer_send_to(other, own->id, 1, 0), 0);
	row("7.1.entries-vanish");
	peer_close(h);
	expect_eq(peer_send_to(other, own->id, 1, 0), -EPERM);
}

/* BYEBYE */

ABI_TEST(byebye)
{
	struct peer *a = peer(), *b = peer();
	struct kdbus_cmd_recv recv;
	const struct kdbus_msg *msg;

	peer_match_type(b, KDBUS_ITEM_ID_REMOVE);
	expect_eq(peer_send_to(b, a->id, 1, 8), 0);
	row("3.6.busy");
	expect_eq(peer_byebye(a), -EBUSY);
	expect_nothing(b);
	msg = peer_get_raw(a, &recv);
	row("3.6.unfreed-is-not-busy");
	expect_eq(peer_byebye(a), 0);
	expect_id(b, KDBUS_ITEM_ID_REMOVE, a->id);
	row("3.6.pool-stays");
	expect_eq(msg->src_id, b->id);
	expect_eq(msg->cookie, 1);
}

ABI_TEST(byebye_after_dropping)
{
	struct peer *a = peer(), *b = peer();
	struct kdbus_cmd_recv recv;

	row("C30");
	expect_eq(peer_send_to(b, a->id, 1, 8), 0);
	expect_eq(peer_send_to(b, a->id, 2, 8), 0);
	expect_eq(peer_byebye(a), -EBUSY);
	expect_eq(peer_recv_raw(a, KDBUS_RECV_DROP, 0, &recv), 0);
	expect_eq(peer_byebye(a), -EBUSY);
	expect_eq(peer_recv_raw(a, KDBUS_RECV_DROP, 0, &recv), 0);
	expect_eq(peer_byebye(a), 0);
	expect_eq(peer_events(a), POLLERR | POLLHUP);
	expect_eq(peer_recv_raw(a, 0, 0, &recv), -ECONNRESET);
}

/* FREE and the pool */

ABI_TEST(freeing)
{
	struct peer *a = peer_pool(8192), *b = peer();
	struct kdbus_cmd_recv recv;

	row("3.7.nothing-there");
	expect_eq(peer_free(a, 0), -ENXIO);
	row("3.7.empty-slice");
	expect_eq(peer_free(a, 8192), 0);
	expect_eq(peer_free(a, 8192), 0);
	row("3.7.out-of-range");
	expect_eq(peer_free(a, 8193), -ENXIO);
	expect_eq(peer_free(a, ~0ULL), -ENXIO);
	row("3.7.queued");
	expect_eq(peer_send_to(b, a->id, 1, 8), 0);
	expect_eq(peer_free(a, 0), -ENXIO);
	peer_get_raw(a, &recv);
	row("3.7.inside");
	expect_eq(peer_free(a, recv.msg.offset + 8), -ENXIO);
	row("3.7.published");
	expect_eq(peer_free(a, recv.msg.offset), 0);
	row("3.7.twice");
	expect_eq(peer_free(a, recv.msg.offset), -ENXIO);
}

ABI_TEST(slices)
{
	struct peer *a = peer_pool(8192), *b = peer();
	struct kdbus_cmd_recv recv[3];
	const struct kdbus_info *info;

	row("C49");
	cmd_init(&c, sizeof(c.list), KDBUS_LIST_UNIQUE);
	expect_eq(peer_ioctl(a, KDBUS_CMD_LIST, &c), 0);
	expect_eq(c.list.offset, 0);
	expect_eq(peer_free(a, 0), 0);
	expect_eq(peer_info(a, a->id, NULL, 0, &info), 0);
	expect_eq((const uint8_t *)info - a->pool, 0);
	expect_eq(peer_free(a, 0), 0);

	row("10.4.placement");
	for (unsigned i = 0; i < 3; i++)
		expect_eq(peer_send_to(b, a->id, i, 8 + 16 * i), 0);
	for (unsigned i = 0; i < 3; i++)
		peer_get_raw(a, &recv[i]);
	expect_eq(recv[0].msg.offset, 0);
	expect_eq(recv[1].msg.offset, recv[0].msg.msg_size);
	expect_eq(recv[2].msg.offset, recv[1].msg.offset + recv[1].msg.msg_size);
	row("10.4.aligned");
	for (unsigned i = 0; i < 3; i++)
		expect_eq(recv[i].msg.offset % 8, 0);
	row("10.4.best-fit");
	expect_eq(peer_free(a, recv[0].msg.offset), 0);
	expect_eq(peer_send_to(b, a->id, 9, 8), 0);
	peer_get_raw(a, &recv[0]);
	expect_eq(recv[0].msg.offset, 0);
	row("10.4.same-place-again");
	expect_eq(peer_free(a, recv[1].msg.offset), 0);
	expect_eq(peer_send_to(b, a->id, 9, 24), 0);
	peer_get_raw(a, &recv[1]);
	expect_eq(recv[1].msg.offset, recv[0].msg.msg_size);
	row("10.4.coalesce");
	for (unsigned i = 0; i < 3; i++)
		expect_eq(peer_free(a, recv[(i + 1) % 3].msg.offset), 0);
	expect_eq(peer_send_to(b, a->id, 9, 1000), 0);
	peer_get_raw(a, &recv[0]);
	expect_eq(recv[0].msg.offset, 0);
}

ABI_TEST(full_pool)
{
	struct peer *a = peer_pool(4096), *b = peer();
	struct kdbus_cmd_recv recv;
	unsigned n = 0;

	row("3.8.exfull");
	while (peer_info(a, a->id, NULL, 0, NULL) == 0)
		n++;
	expect_eq(n, 4096 / 24);
	expect_eq(peer_info(a, a->id, NULL, 0, NULL), -EXFULL);
	row("3.9.exfull");
	expect_eq(peer_creator_info(a, 0, NULL), -EXFULL);
	row("3.10.exfull");
	cmd_init(&c, sizeof(c.list), KDBUS_LIST_UNIQUE);
	expect_eq(peer_ioctl(a, KDBUS_CMD_LIST, &c), -EXFULL);
	row("4.3.exfull");
	expect_eq(peer_send_to(b, a->id, 1, 0), -EXFULL);
	row("4.7.rollback");
	expect_eq(peer_send_to(b, a->id, 1, 0), -EXFULL);
	for (unsigned i = 0; i < n; i++)
		expect_eq(peer_free(a, i * 24), 0);
	/* a third of half of the pool: header, one item of 32 bytes, 8 bytes of payload */
	for (unsigned i = 0; i < 4096 / 2 / 3 / 104; i++)
		expect_eq(peer_send_to(b, a->id, i, 1), 0);
	expect_eq(peer_recv_raw(a, 0, 0, &recv), 0);
}

/* CONN_INFO */

ABI_TEST(conn_info_errors)
{
	struct peer *a = peer(), *b = peer();

	expect_eq(peer_acquire(b, "com.example.b", 0), 0);
	row("3.8.attach");
	expect_eq(peer_info(a, b->id, NULL, 1ULL << 50, NULL), -EINVAL);
	row("3.8.unknown-name");
	expect_eq(peer_info(a, 0, "com.example.none", 0, NULL), -ESRCH);
	row("3.8.id-differs");
	expect_eq(peer_info(a, a->id, "com.example.b", 0, NULL), -ESRCH);
	row("C28");
	expect_eq(peer_info(a, a->id, "com.example.b", 0, NULL), -ESRCH);
	expect_eq(peer_info(a, b->id, "com.example.b", 0, NULL), 0);
	row("3.8.unknown-id");
	expect_eq(peer_info(a, 0xfffffffULL, NULL, 0, NULL), -ENXIO);
	row("3.8.neither");
	expect_eq(peer_info(a, 0, NULL, 0, NULL), -EINVAL);
	row("3.8.attach-first");
	expect_eq(peer_info(a, 0, NULL, 1ULL << 50, NULL), -EINVAL);
	row("3.8.dead-id");
	expect_eq(peer_byebye(b), 0);
	expect_eq(peer_info(a, b->id, NULL, 0, NULL), -ENXIO);
	expect_eq(peer_info(a, 0, "com.example.b", 0, NULL), -ESRCH);
}

ABI_TEST(conn_info)
{
	static const uint64_t creds = KDBUS_ATTACH_CREDS;
	struct peer *a = peer(), *b = peer_flags(KDBUS_HELLO_ACCEPT_FD), *act;
	const struct kdbus_info *info;

	expect_eq(peer_acquire(b, "com.example.b", 0), 0);
	row("3.8.record");
	expect_eq(peer_info(a, 0, "com.example.b", 0, &info), 0);
	expect_eq(info->id, b->id);
	expect_eq(info->flags, (uint64_t)KDBUS_HELLO_ACCEPT_FD);
	expect_eq(info->size, 24);
	row("3.8.no-timestamp");
	expect_eq(peer_info(a, b->id, NULL, _KDBUS_ATTACH_ALL, &info), 0);
	expect(!items_find(info->items, INFO_END(info), KDBUS_ITEM_TIMESTAMP));
	row("3.8.size-padded");
	expect_eq(info->size % 8, 0);
	row("3.8.mask-of-subject");
	expect_eq(peer_update_flags(b, &creds, NULL), 0);
	expect_eq(peer_info(a, b->id, NULL, _KDBUS_ATTACH_ALL, &info), 0);
	expect_eq(items_mask(info->items, INFO_END(info)), creds);
	row("3.8.activator-name");
	act = peer_activator("com.example.act");
	expect_eq(peer_info(a, 0, "com.example.act", 0, &info), 0);
	expect_eq(info->id, act->id);
	expect_eq(info->flags, (uint64_t)(KDBUS_HELLO_ACTIVATOR | KDBUS_HELLO_ACCEPT_FD));
	row("3.8.see-only");
	expect_eq(peer_info(peer_uid(OTHER_UID), b->id, NULL, 0, NULL), 0);
	row("3.8.of-monitor-caller");
	{
		struct peer *monitor = peer_monitor();

		expect_eq(peer_info(monitor, b->id, NULL, 0, NULL), 0);
	}
}

/* BUS_CREATOR_INFO */

ABI_TEST(creator_info)
{
	static const uint64_t never =
		KDBUS_ATTACH_TIMESTAMP | KDBUS_ATTACH_NAMES | KDBUS_ATTACH_CONN_DESCRIPTION;
	const struct kdbus_info *info;
	struct peer *a = peer();

	row("3.9.record");
	expect_eq(peer_creator_info(a, 0, &info), 0);
	expect_eq(info->flags, (uint64_t)KDBUS_MAKE_ACCESS_WORLD);
	expect_ne(info->id, a->id);
	row("3.9.make-name");
	expect_eq(info->items[0].type, (uint64_t)KDBUS_ITEM_MAKE_NAME);
	expect_str(info->items[0].str, B.name);
	row("3.9.mask");
	expect_eq(items_mask(info->items, INFO_END(info)), 0);
	expect_eq(peer_creator_info(a, KDBUS_ATTACH_CREDS | KDBUS_ATTACH_PIDS, &info), 0);
	expect_eq(items_mask(info->items, INFO_END(info)),
		  (uint64_t)(KDBUS_ATTACH_CREDS | KDBUS_ATTACH_PIDS));
	row("3.9.never");
	expect_eq(peer_creator_info(a, _KDBUS_ATTACH_ALL, &info), 0);
	expect_eq(items_mask(info->items, INFO_END(info)) & never, 0);
	row("3.9.attach");
	expect_eq(peer_creator_info(a, 1ULL << 50, NULL), -EINVAL);
	row("3.9.of-custom-endpoint");
	endpoint_make(endpoint_name("info"), 0);
	expect_eq(peer_creator_info(peer_at(endpoint_name("info"), NULL), 0, NULL), 0);
}

ABI_TEST(creator_that_hides)
{
	const struct kdbus_info *info;
	struct peer *a;
	struct cmd cmd;
	void *h;

	row("3.9.mask-of-maker");
	expect_eq(node_open("control", NULL, &h), 0);
	snprintf(B.name, sizeof(B.name), "%s", bus_fresh_name());
	bus_cmd(&cmd, B.name, 64, KDBUS_MAKE_ACCESS_WORLD);
	cmd_add_u64(&cmd, KDBUS_ITEM_ATTACH_FLAGS_SEND, KDBUS_ATTACH_PIDS);
	expect_eq(node_ioctl(h, KDBUS_CMD_BUS_MAKE, &cmd), 0);
	a = peer();
	expect_eq(peer_creator_info(a, _KDBUS_ATTACH_ALL, &info), 0);
	expect_eq(items_mask(info->items, INFO_END(info)), (uint64_t)KDBUS_ATTACH_PIDS);
	row("3.9.hides-all");
	expect_eq(node_open("control", NULL, &h), 0);
	snprintf(B.name, sizeof(B.name), "%s", bus_fresh_name());
	bus_cmd(&cmd, B.name, 64, KDBUS_MAKE_ACCESS_WORLD);
	expect_eq(node_ioctl(h, KDBUS_CMD_BUS_MAKE, &cmd), 0);
	a = peer();
	expect_eq(peer_creator_info(a, _KDBUS_ATTACH_ALL, &info), 0);
	expect_eq(items_mask(info->items, INFO_END(info)), 0);
}

/* LIST */

static const char *text(const char *format, uint64_t a, uint64_t b)
{
	static char out[256];

	snprintf(out, sizeof(out), format, (unsigned long long)a, (unsigned long long)b);
	return out;
}

ABI_TEST(list)
{
	struct peer *a = peer(), *b = peer();

	row("C22");
	cmd_init(&c, sizeof(c.list), 0);
	expect_eq(peer_ioctl(a, KDBUS_CMD_LIST, &c), 0);
	expect_eq(c.list.offset, a->pool_size);
	expect_eq(c.list.list_size, 0);
	expect_eq(peer_free(a, c.list.offset), 0);
	row("3.10.empty");
	expect_str(peer_list(a, KDBUS_LIST_NAMES), "");
	row("6.6.unique");
	expect_str(peer_list(a, KDBUS_LIST_UNIQUE), text("%llu %llu", a->id, b->id));
	expect_eq(peer_acquire(a, "x.y", KDBUS_NAME_ALLOW_REPLACEMENT), 0);
	expect_eq(peer_acquire(b, "x.y", KDBUS_NAME_QUEUE), 0);
	row("6.6.names");
	expect_str(peer_list(b, KDBUS_LIST_NAMES),
		   text(p1() ? "%llu:x.y/2" : "%llu:x.y/22", a->id, 0));
	row("6.6.unique-and-names");
	expect_str(peer_list(b, KDBUS_LIST_NAMES | KDBUS_LIST_UNIQUE),
		   text(p1() ? "%llu:x.y/2 %llu" : "%llu:x.y/22 %llu", a->id, b->id));
	row(p1() ? "0.2.36.p1" : "0.2.36.p2");
	expect_str(peer_list(b, KDBUS_LIST_QUEUED),
		   text(p1() ? "%llu:x.y/2" : "%llu:x.y/c", b->id, 0));
	row("6.6.several-names");
	expect_eq(peer_acquire(a, "x.z", 0), 0);
	expect_str(peer_list(b, KDBUS_LIST_NAMES | KDBUS_LIST_UNIQUE),
		   text(p1() ? "%1$llu:x.y/2 %1$llu:x.z/0 %2$llu"
			     : "%1$llu:x.y/22 %1$llu:x.z/20 %2$llu",
			a->id, b->id));
}

ABI_TEST(list_of_activators)
{
	struct peer *a = peer(), *act = peer_activator("x.y");

	row(p1() ? "0.2.32.p1" : "0.2.32.p2");
	expect_str(peer_list(a, KDBUS_LIST_ACTIVATORS),
		   text(p1() ? "%llu:x.y/10" : "%llu:x.y/30", act->id, 0));
	row("6.6.activator-not-unique-name");
	expect_str(peer_list(a, KDBUS_LIST_NAMES), "");
	row(p1() ? "6.6.p1-unique-skips-activators" : "6.6.p2-unique-lists-activators");
	expect_str(peer_list(a, KDBUS_LIST_UNIQUE),
		   p1() ? text("%llu", a->id, 0) : text("%llu %llu", a->id, act->id));
	row("6.6.activator-behind-owner");
	expect_eq(peer_acquire(a, "x.y", 0), 0);
	expect_str(peer_list(a, KDBUS_LIST_ACTIVATORS),
		   text(p1() ? "%llu:x.y/0" : "%llu:x.y/18", act->id, 0));
}

ABI_TEST(list_layout)
{
	const struct kdbus_info *info;
	struct peer *a = peer();

	expect_eq(peer_acquire(a, "a.b", 0), 0);
	row("B5");
	cmd_init(&c, sizeof(c.list), KDBUS_LIST_NAMES);
	expect_eq(peer_ioctl(a, KDBUS_CMD_LIST, &c), 0);
	expect_eq(c.list.list_size, 56);
	info = (const void *)(a->pool + c.list.offset);
	expect_eq(info->size, 56);
	expect_eq(info->id, a->id);
	expect_eq(info->flags, (uint64_t)KDBUS_HELLO_ACCEPT_FD);
	expect_eq(info->items[0].size, 28);
	expect_eq(info->items[0].type, (uint64_t)KDBUS_ITEM_OWNED_NAME);
	expect_eq(info->items[0].name.flags, nf(KDBUS_NAME_PRIMARY));
	expect_str(info->items[0].name.name, "a.b");
}

ABI_TEST(list_on_a_custom_endpoint)
{
	struct peer *a = peer(), *inside;

	row("6.6.custom-endpoint");
	expect_eq(peer_acquire(a, "x.y", 0), 0);
	endpoint_make(endpoint_name("list"), 0);
	inside = peer_at(endpoint_name("list"), NULL);
	expect_str(peer_list(inside, KDBUS_LIST_NAMES), "");
	expect_str(peer_list(inside, KDBUS_LIST_UNIQUE), text("%llu %llu", a->id, inside->id));
	row(p1() ? "6.6.p1-hidden-name" : "6.6.p2-hidden-name");
	expect_str(peer_list(inside, KDBUS_LIST_UNIQUE | KDBUS_LIST_NAMES),
		   p1() ? text("%llu %llu", a->id, inside->id) : text("%llu", inside->id, 0));
}
