/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the two revisions differ, as far as no other test says so by the way */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/abi/client.h"

static struct cmd c;

static const char *id_of(bool is_p1, const char *p1_row, const char *p2_row)
{
	return is_p1 ? p1_row : p2_row;
}

ABI_TEST(name_flags)
{
	struct peer *a = peer();
	const struct kdbus_info *info;
	uint64_t flags;

	row(id_of(p1(), "0.2.2.p1", "0.2.2.p2"));
	expect_eq(peer_acquire_flags(a, "x.y", 0, &flags), 0);
	expect_eq(peer_info(a, a->id, NULL, KDBUS_ATTACH_NAMES, &info), 0);
	expect_eq(info->items[0].name.flags, p1() ? 0 : (uint64_t)KDBUS_NAME_PRIMARY);
	row(id_of(p1(), "0.2.5.p1", "0.2.5.p2"));
	expect_eq(flags, p1() ? 0 : (uint64_t)(KDBUS_NAME_PRIMARY | KDBUS_NAME_ACQUIRED));
}

/* the bus B again, with a required mask */
static int bus_requires(uint64_t mask)
{
	struct cmd cmd;
	void *h;
	int r;

	expect_eq(node_open("control", NULL, &h), 0);
	snprintf(B.name, sizeof(B.name), "%s", bus_fresh_name());
	bus_cmd(&cmd, B.name, 64, KDBUS_MAKE_ACCESS_WORLD);
	cmd_add_u64(&cmd, KDBUS_ITEM_ATTACH_FLAGS_RECV, mask);
	r = node_ioctl(h, KDBUS_CMD_BUS_MAKE, &cmd);
	if (r < 0)
		node_close(h);
	return r;
}

static int hello_sending(uint64_t mask, struct peer **peer_out)
{
	hello_init(&c, 0);
	c.hello.attach_flags_send = mask;
	return hello(peer_out, &c, NULL, NULL);
}

ABI_TEST(required_metadata)
{
	uint64_t all = _KDBUS_ATTACH_ALL, pids = KDBUS_ATTACH_PIDS, creds = KDBUS_ATTACH_CREDS;
	uint64_t none = 0, both = pids | creds;
	struct peer *p;

	if (!p1()) {
		row("0.2.9.p2");
		expect_eq(bus_requires(all), -EINVAL);
		abi_end();
		abi_begin();
		row("0.2.10.p2");
		expect_eq(hello_sending(0, &p), 0);
		row("0.2.11.p2");
		expect_eq(peer_update_flags(p, &none, NULL), 0);
		return;
	}
	row("0.2.9.p1");
	expect_eq(bus_requires(1ULL << 30), -EINVAL);
	expect_eq(bus_requires(all), 0);
	row("11.29.required-all");
	expect_eq(hello_sending(0, NULL), -ECONNREFUSED);
	expect_eq(hello_sending(creds, NULL), -ECONNREFUSED);
	expect_eq(hello_sending(all, &p), 0);
	expect_eq(peer_update_flags(p, &both, NULL), -EINVAL);
	expect_eq(peer_update_flags(p, &all, NULL), 0);
	expect_eq(bus_requires(pids), 0);
	row("0.2.10.p1");
	expect_eq(hello_sending(0, NULL), -ECONNREFUSED);
	expect_eq(hello_sending(all & ~pids, NULL), -ECONNREFUSED);
	expect_eq(hello_sending(all, &p), 0);
	row("0.2.11.p1");
	expect_eq(peer_update_flags(p, &creds, NULL), -EINVAL);
	expect_eq(peer_update_flags(p, &none, NULL), -EINVAL);
	expect_eq(peer_update_flags(p, &pids, NULL), 0);
	row("11.29.required-nothing");
	expect_eq(bus_requires(0), 0);
	expect_eq(hello_sending(0, &p), 0);
	expect_eq(peer_update_flags(p, &none, NULL), 0);
}

ABI_TEST(global_mask)
{
	uint64_t pids = KDBUS_ATTACH_PIDS, ts = KDBUS_ATTACH_TIMESTAMP;
	struct peer *a, *r;
	const struct kdbus_info *info;
	const struct kdbus_msg *msg;
	struct kdbus_cmd_recv recv;

	if (!p1()) {
		row("0.2.12.p2");
		a = peer();
		expect_eq(peer_info(a, a->id, NULL, KDBUS_ATTACH_CMDLINE, &info), 0);
		expect_eq(items_mask(info->items, INFO_END(info)), (uint64_t)KDBUS_ATTACH_CMDLINE);
		return;
	}
	row("0.2.12.p1");
	a = peer();
	r = peer_recv_flags(_KDBUS_ATTACH_ALL);
	expect_eq(carrier->set_attach_mask(pids), 0);
	expect_eq(peer_info(a, a->id, NULL, _KDBUS_ATTACH_ALL, &info), 0);
	expect_eq(items_mask(info->items, INFO_END(info)), pids);
	expect_eq(peer_creator_info(a, _KDBUS_ATTACH_ALL, &info), 0);
	expect_eq(items_mask(info->items, INFO_END(info)), pids);
	expect_eq(peer_send_to(a, r->id, 1, 0), 0);
	msg = peer_get_raw(r, &recv);
	expect_eq(items_mask(msg->items, MSG_END(msg)), pids);
	row("11.29.mask-zero");
	expect_eq(carrier->set_attach_mask(0), 0);
	expect_eq(peer_info(a, a->id, NULL, _KDBUS_ATTACH_ALL, &info), 0);
	expect_eq(items_mask(info->items, INFO_END(info)), 0);
	row("11.29.mask-at-once");
	expect_eq(carrier->set_attach_mask(ts), 0);
	expect_eq(peer_send_to(a, r->id, 1, 0), 0);
	msg = peer_get_raw(r, &recv);
	expect_eq(items_mask(msg->items, MSG_END(msg)), ts);
	row("11.29.names-only");
	expect_eq(carrier->set_attach_mask(_KDBUS_ATTACH_ALL), 0);
	expect_eq(peer_info(a, a->id, NULL, KDBUS_ATTACH_NAMES, &info), 0);
	expect_eq(info->size, 24);
}

ABI_TEST(limits_of_a_message)
{
	struct peer *a = peer(), *b = peer();
	static struct cmd msg;
	struct kdbus_vec vec = {.size = 8};
	static char bytes[8];

	row(id_of(p1(), "0.2.20.p1", "0.2.20.p2"));
	msg_init(&msg, &(struct send){.dst_id = b->id});
	for (unsigned i = 0; i < 128; i++)
		cmd_add(&msg, KDBUS_ITEM_PAYLOAD_VEC, &vec, sizeof(vec));
	expect_eq(peer_send_msg(a, &msg), 0);
	cmd_add(&msg, KDBUS_ITEM_PAYLOAD_VEC, &vec, sizeof(vec));
	expect_eq(peer_send_msg(a, &msg), p1() ? -E2BIG : 0);

	row(id_of(p1(), "0.2.21.p1", "0.2.21.p2"));
	msg_init(&msg, &(struct send){.dst_id = b->id});
	vec.size = 1536 * 1024;
	cmd_add(&msg, KDBUS_ITEM_PAYLOAD_VEC, &vec, sizeof(vec));
	cmd_add(&msg, KDBUS_ITEM_PAYLOAD_VEC, &vec, sizeof(vec));
	expect_eq(peer_send_msg(a, &msg), p1() ? -EMSGSIZE : 0);
	row("9.vec");
	msg_init(&msg, &(struct send){.dst_id = b->id});
	vec.size = 2 * MiB;
	cmd_add(&msg, KDBUS_ITEM_PAYLOAD_VEC, &vec, sizeof(vec));
	expect_eq(peer_send_msg(a, &msg), 0);
	row("9.message-size");
	msg_init(&msg, &(struct send){.dst_id = b->id});
	vec = (struct kdbus_vec){.size = 8, .address = (uintptr_t)bytes};
	while (msg.size + 32 <= (p1() ? 64 + 128 * 32 : 32768))
		cmd_add(&msg, KDBUS_ITEM_PAYLOAD_VEC, &vec, sizeof(vec));
	expect_eq(peer_send_msg(a, &msg), 0);
}

ABI_TEST(order_of_items_received)
{
	static const uint64_t sent[] = {KDBUS_ITEM_FDS, KDBUS_ITEM_PAYLOAD_VEC,
					KDBUS_ITEM_BLOOM_FILTER, KDBUS_ITEM_DST_NAME};
	static const uint64_t as_p1[] = {KDBUS_ITEM_DST_NAME, KDBUS_ITEM_PAYLOAD_OFF,
					 KDBUS_ITEM_FDS};
	static const uint64_t as_p2[] = {KDBUS_ITEM_FDS, KDBUS_ITEM_PAYLOAD_OFF,
					 KDBUS_ITEM_BLOOM_FILTER, KDBUS_ITEM_DST_NAME};
	struct peer *a = peer(), *b = peer();
	int fd = eventfd(0, EFD_CLOEXEC);
	struct kdbus_vec vec = {.size = 5, .address = (uintptr_t) "12345"};
	const uint64_t *expected = p1() ? as_p1 : as_p2;
	const struct kdbus_msg *got;
	struct kdbus_cmd_recv recv;
	static struct cmd msg;
	size_t n = 0;

	row(id_of(p1(), "0.2.24.p1", "0.2.24.p2"));
	expect_eq(peer_acquire(b, "x.y", 0), 0);
	peer_match_all(b);
	cmd_init(&msg, sizeof(msg.msg), KDBUS_MSG_SIGNAL);
	msg.msg.payload_type = KDBUS_PAYLOAD_DBUS;
	for (size_t i = 0; i < N_OF(sent); i++) {
		switch (sent[i]) {
		case KDBUS_ITEM_FDS:
			cmd_add(&msg, sent[i], &fd, sizeof(fd));
			break;
		case KDBUS_ITEM_PAYLOAD_VEC:
			cmd_add(&msg, sent[i], &vec, sizeof(vec));
			break;
		case KDBUS_ITEM_BLOOM_FILTER:
			cmd_add(&msg, sent[i], NULL, 72);
			break;
		case KDBUS_ITEM_DST_NAME:
			cmd_add_str(&msg, sent[i], "x.y");
			break;
		}
	}
	expect_eq(peer_send_msg(a, &msg), 0);
	got = peer_get_raw(b, &recv);
	FOR_EACH_ITEM(item, got->items, MSG_END(got))
	{
		expect_eq(item->type, expected[n++]);
		if (item->type == KDBUS_ITEM_PAYLOAD_OFF)
			expect_mem((char *)got + item->vec.offset, 5, "12345", 5);
		if (item->type == KDBUS_ITEM_FDS) {
			expect_ge(item->fds[0], 0);
			close(item->fds[0]);
		}
	}
	expect_eq(n, p1() ? N_OF(as_p1) : N_OF(as_p2));
	close(fd);
}

ABI_TEST(bloom_is_matched_where_it_is_not_delivered)
{
	uint64_t bits[8] = {0x55}, other[8] = {0xaa};
	struct peer *a = peer(), *b = peer();
	struct send s = {.flags = KDBUS_MSG_SIGNAL, .dst_id = BROADCAST, .bloom = bits};

	row("2.9.match");
	match_init(&c, 1, 0);
	cmd_add(&c, KDBUS_ITEM_BLOOM_MASK, bits, sizeof(bits));
	expect_eq(peer_match(b, &c), 0);
	expect_eq(peer_send(a, &s), 0);
	expect_eq(peer_drain(b), 1);
	s.bloom = other;
	expect_eq(peer_send(a, &s), 0);
	expect_eq(peer_drain(b), 0);
}

ABI_TEST(one_counter)
{
	struct peer *a = peer(), *b = peer_recv_flags(KDBUS_ATTACH_TIMESTAMP), *late;
	const struct kdbus_msg *msg;
	struct kdbus_cmd_recv recv;
	uint64_t seqnum;

	row(id_of(p1(), "0.2.27.p1", "0.2.27.p2"));
	expect_eq(peer_send_to(a, b->id, 1, 0), 0);
	msg = peer_get_raw(b, &recv);
	seqnum = items_find(msg->items, MSG_END(msg), KDBUS_ITEM_TIMESTAMP)->timestamp.seqnum;
	late = peer();
	if (p1())
		expect(seqnum > b->id && seqnum < late->id);
	else
		expect_eq(late->id, b->id + 1);
	row("0.4.ids-of-the-domain");
	expect_gt(a->id, 1);
}

ABI_TEST(credentials_without_a_caller)
{
	struct abi_cred cred = {OTHER_UID, OTHER_UID};
	struct peer *a = peer(), *b = peer_at("bus", &cred), *x = peer_at("bus", &cred);

	/* the two moments are one where a handle stays with who opened it */
	row(id_of(p1(), "0.2.29.p1", "0.2.29.p2"));
	peer_match_all(b);
	expect_eq(peer_broadcast(x, 1), 0);
	expect_message(b, x->id, 1);
	expect_eq(peer_broadcast(a, 1), 0);
	expect_nothing(b);
}

ABI_TEST(messages_of_a_taken_name)
{
	struct peer *a = peer(), *b = peer(), *act = peer_activator("x.y");

	row(id_of(p1(), "0.2.33.p1", "0.2.33.p2"));
	for (unsigned i = 0; i < 5; i++)
		expect_eq(peer_send_name(a, "x.y", i), 0);
	expect_eq(peer_acquire(b, "x.y", 0), 0);
	expect_eq(peer_drain(b), 5);
	expect_nothing(act);
}

ABI_TEST(mask_when_queued)
{
	static const uint64_t none, all = _KDBUS_ATTACH_ALL;
	struct peer *a = peer(), *b = peer_recv_flags(KDBUS_ATTACH_CREDS);
	const struct kdbus_msg *msg;
	struct kdbus_cmd_recv recv;

	row(id_of(p1(), "0.2.35.p1", "0.2.35.p2"));
	expect_eq(peer_send_to(a, b->id, 1, 0), 0);
	expect_eq(peer_update_flags(b, NULL, &all), 0);
	expect_eq(peer_update_flags(a, &none, NULL), 0);
	msg = peer_get_raw(b, &recv);
	expect_eq(items_mask(msg->items, MSG_END(msg)), (uint64_t)KDBUS_ATTACH_CREDS);
}

/* peers of an embedded bus share one namespace, in which both profiles say the same */
ABI_TEST(one_namespace)
{
	struct peer *a = peer(), *b = peer_recv_flags(KDBUS_ATTACH_CAPS | KDBUS_ATTACH_PIDS);
	const struct kdbus_msg *msg;
	struct kdbus_cmd_recv recv;

	row(id_of(p1(), "0.2.14.p1", "0.2.14.p2"));
	expect_eq(peer_send_to(a, b->id, 1, 0), 0);
	msg = peer_get_raw(b, &recv);
	expect_eq(items_find(msg->items, MSG_END(msg), KDBUS_ITEM_PIDS)->pids.pid, getpid());
	row(id_of(p1(), "0.2.15.p1", "0.2.15.p2"));
	expect(items_find(msg->items, MSG_END(msg), KDBUS_ITEM_CAPS));
	row("8.6.same-namespace");
	expect_ne(items_find(msg->items, MSG_END(msg), KDBUS_ITEM_CAPS)->caps.last_cap, 0);
}
