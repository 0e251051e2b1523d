/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Expected replies: reference sections 4.3, 4.5, 4.9 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "kernel/core/bus.h"
#include "kernel/embedded/shim/shim-alloc.h"
#include "tests/unit/kernel/kdbus-util.h"

#define NEVER (1ULL << 62)

struct scene {
	struct bus bus;
	struct peer a, b, c;
};

static void scene_init(struct scene *s, unsigned bus_flags, unsigned kind_a, unsigned kind_b)
{
	bus_init(&s->bus, bus_flags);
	peer_init(&s->a, &s->bus, kind_a);
	peer_init(&s->b, &s->bus, kind_b);
	peer_init(&s->c, &s->bus, kind_b);
}

static void scene_deinit(struct scene *s)
{
	peer_deinit(&s->c);
	peer_deinit(&s->b);
	peer_deinit(&s->a);
	bus_deinit(&s->bus);
}

#define FOR_EACH_PAIR(from, to)                                                                    \
	FOR_EACH_KIND(from)                                                                        \
		FOR_EACH_KIND(to)

static void drop_one(struct peer *peer)
{
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.recv), KDBUS_RECV_DROP);
	expect_eq(peer_command(peer, KDBUS_CMD_RECV, &cmd), 0);
}

/* C6 */
TEST(reply_once)
{
	struct scene s;
	struct got got;

	FOR_EACH_PAIR(from, to) {
		scene_init(&s, 0, from, to);
		expect_eq(peer_call(&s.a, s.b.id, 7, NEVER), 0);
		got = peer_get(&s.b);
		expect_eq(got.flags, KDBUS_MSG_EXPECT_REPLY);
		expect_eq(got.cookie, 7);
		expect_eq(got.cookie_reply, NEVER);
		/* only he who was asked, only what was asked, only who asked */
		expect_eq(peer_reply(&s.c, s.a.id, 7), -EBADSLT);
		expect_eq(peer_reply(&s.b, s.a.id, 8), -EBADSLT);
		expect_eq(peer_reply(&s.b, s.c.id, 7), -EBADSLT);
		expect_eq(peer_reply(&s.b, s.a.id, 7), 0);
		expect_eq(peer_reply(&s.b, s.a.id, 7), -EBADSLT);
		got = peer_get(&s.a);
		expect_eq(got.cookie_reply, 7);
		expect_eq(got.src_id, s.b.id);
		expect_nothing(&s.a);
		scene_deinit(&s);
	}
}

/* a reply may come before the request was taken out of the queue, and go to a name */
TEST(reply_to_a_name)
{
	struct scene s;

	FOR_EACH_KIND(kind) {
		scene_init(&s, 0, kind, kind);
		struct send reply = {.dst_name = "x.y", .cookie = 1, .cookie_reply = 7};

		expect_eq(peer_acquire(&s.a, "x.y", 0, NULL), 0);
		expect_eq(peer_call(&s.a, s.b.id, 7, NEVER), 0);
		expect_eq(peer_send(&s.b, &reply), 0);
		expect_eq(peer_get(&s.a).cookie_reply, 7);
		expect_message(&s.b, s.a.id, 7);
		scene_deinit(&s);
	}
}

/* EXPECT_REPLY with cookie 0 is fine */
TEST(cookie_zero)
{
	struct scene s;

	scene_init(&s, BUS_STRICT, 0, 0);
	expect_eq(peer_call(&s.a, s.b.id, 0, NEVER), 0);
	/* but nobody can say that he answers it */
	expect_eq(peer_drain(&s.b), 1);
	expect_eq(peer_reply(&s.b, s.a.id, 0), 0);
	expect_eq(peer_get(&s.a).cookie_reply, 0);
	peer_deinit(&s.b);
	expect_reply_note(&s.a, KDBUS_ITEM_REPLY_DEAD, 0);
	scene_deinit(&s);
}

/* C7 and its like */
TEST(replier_disconnects)
{
	struct scene s;

	FOR_EACH_PAIR(from, to) {
		scene_init(&s, 0, from, to);
		expect_eq(peer_call(&s.a, s.b.id, 7, NEVER), 0);
		expect_eq(peer_drain(&s.b), 1);
		expect_eq(peer_call(&s.a, s.b.id, 8, NEVER), 0);
		peer_deinit(&s.b);
		/* one per request, read or not */
		expect_reply_note(&s.a, KDBUS_ITEM_REPLY_DEAD, 8);
		expect_reply_note(&s.a, KDBUS_ITEM_REPLY_DEAD, 7);
		expect_nothing(&s.a);
		scene_deinit(&s);
	}
}

/* the order of D-Bus: who is gone, then what will not be answered, the newest first */
TEST(disconnect_order)
{
	struct scene s;
	uint64_t id;

	scene_init(&s, 0, 0, 0);
	peer_match_notifications(&s.a);
	expect_eq(peer_acquire(&s.b, "x.y", 0, NULL), 0);
	for (uint64_t cookie = 1; cookie <= 3; cookie++)
		expect_eq(peer_call(&s.a, s.b.id, cookie, NEVER), 0);
	peer_drain(&s.a);
	id = s.b.id;
	peer_deinit(&s.b);
	expect_name(&s.a, KDBUS_ITEM_NAME_REMOVE, "x.y", id, KDBUS_NAME_PRIMARY, 0, 0);
	expect_id(&s.a, KDBUS_ITEM_ID_REMOVE, id);
	for (uint64_t cookie = 3; cookie >= 1; cookie--)
		expect_reply_note(&s.a, KDBUS_ITEM_REPLY_DEAD, cookie);
	scene_deinit(&s);

	/* as published: the id comes last (10.3) */
	scene_init(&s, BUS_STRICT, 0, 0);
	peer_match_notifications(&s.a);
	for (uint64_t cookie = 1; cookie <= 2; cookie++)
		expect_eq(peer_call(&s.a, s.b.id, cookie, NEVER), 0);
	id = s.b.id;
	peer_deinit(&s.b);
	expect_reply_note(&s.a, KDBUS_ITEM_REPLY_DEAD, 1);
	expect_reply_note(&s.a, KDBUS_ITEM_REPLY_DEAD, 2);
	expect_id(&s.a, KDBUS_ITEM_ID_REMOVE, id);
	scene_deinit(&s);
}

/* C9 */
TEST(requester_disconnects)
{
	struct scene s;
	uint64_t id;

	FOR_EACH_PAIR(from, to) {
		scene_init(&s, 0, from, to);
		expect_eq(peer_call(&s.a, s.b.id, 7, NEVER), 0);
		expect_eq(peer_call(&s.a, s.b.id, 8, NEVER), 0);
		/* the second is still queued when he goes */
		expect_message(&s.b, s.a.id, 7);
		id = s.a.id;
		peer_deinit(&s.a);
		expect_eq(peer_reply(&s.b, id, 7), -ENXIO);
		expect_message(&s.b, id, 8);
		scene_deinit(&s);
	}
}

/* C8; 4.5: never early, in the order of the deadlines, and a later reply has no taker */
TEST(deadlines)
{
	struct scene s;

	FOR_EACH_PAIR(from, to) {
		scene_init(&s, 0, from, to);
		expect_eq(s.bus.deadline, UINT64_MAX);
		expect_eq(peer_call(&s.a, s.b.id, 1, 3000), 0);
		expect_eq(s.bus.deadline, 3000);
		expect_eq(peer_call(&s.a, s.c.id, 2, 1000), 0);
		expect_eq(s.bus.deadline, 1000);
		expect_eq(peer_call(&s.a, s.b.id, 3, 2000), 0);
		expect_eq(peer_call(&s.a, s.b.id, 4, NEVER), 0);
		expect_eq(s.bus.deadline, 1000);

		kdbus_embedded_expire(s.bus.embedded, 999);
		expect_nothing(&s.a);
		kdbus_embedded_expire(s.bus.embedded, 2000);
		expect_eq(s.bus.deadline, 3000);
		expect_reply_note(&s.a, KDBUS_ITEM_REPLY_TIMEOUT, 2);
		expect_reply_note(&s.a, KDBUS_ITEM_REPLY_TIMEOUT, 3);
		expect_nothing(&s.a);
		expect_eq(peer_reply(&s.c, s.a.id, 2), -EBADSLT);
		expect_eq(peer_reply(&s.b, s.a.id, 1), 0);
		expect_eq(s.bus.deadline, UINT64_MAX);
		kdbus_embedded_expire(s.bus.embedded, NEVER - 1);
		expect_eq(peer_get(&s.a).cookie_reply, 1);
		expect_nothing(&s.a);
		/* the requests are still there */
		expect_message(&s.b, s.a.id, 1);
		expect_message(&s.b, s.a.id, 3);
		scene_deinit(&s);
	}
}

/* a deadline that has passed is accepted */
TEST(deadline_in_the_past)
{
	struct scene s;

	scene_init(&s, 0, 0, 0);
	expect_eq(peer_call(&s.a, s.b.id, 1, 1), 0);
	expect_eq(s.bus.deadline, 1);
	kdbus_embedded_expire(s.bus.embedded, 2);
	expect_reply_note(&s.a, KDBUS_ITEM_REPLY_TIMEOUT, 1);
	scene_deinit(&s);
}

/* C10 */
TEST(request_is_dropped)
{
	struct scene s;

	FOR_EACH_KIND(kind) {
		scene_init(&s, 0, kind, 0);
		expect_eq(peer_call(&s.a, s.b.id, 7, NEVER), 0);
		drop_one(&s.b);
		expect_reply_note(&s.a, KDBUS_ITEM_REPLY_DEAD, 7);
		expect_eq(peer_reply(&s.b, s.a.id, 7), -EBADSLT);
		/* one that has timed out is not told of twice */
		expect_eq(peer_call(&s.a, s.b.id, 8, 10), 0);
		kdbus_embedded_expire(s.bus.embedded, 20);
		drop_one(&s.b);
		expect_reply_note(&s.a, KDBUS_ITEM_REPLY_TIMEOUT, 8);
		expect_nothing(&s.a);
		/* nor one that was answered */
		expect_eq(peer_call(&s.a, s.b.id, 9, NEVER), 0);
		expect_eq(peer_reply(&s.b, s.a.id, 9), 0);
		drop_one(&s.b);
		expect_eq(peer_get(&s.a).cookie_reply, 9);
		expect_nothing(&s.a);
		scene_deinit(&s);
	}
}

/* C46: a request counts until it is resolved and taken out of the queue */
TEST(number_of_requests_is_limited)
{
	struct scene s;

	FOR_EACH_PAIR(from, to) {
		scene_init(&s, 0, from, to);
		for (int i = 0; i < 64; i++) {
			expect_eq(peer_call(&s.a, s.b.id, i, 10), 0);
			expect_eq(peer_call(&s.a, s.c.id, i, 10), 0);
		}
		expect_eq(peer_call(&s.a, s.b.id, 64, 10), -EMLINK);
		kdbus_embedded_expire(s.bus.embedded, 20);
		expect_eq(peer_drain(&s.a), 128);
		expect_eq(peer_call(&s.a, s.b.id, 64, 10), -EMLINK);
		/* messages that expect nothing are not concerned, nor are others */
		expect_eq(peer_send_to(&s.a, s.b.id, 100, 0), 0);
		expect_eq(peer_call(&s.c, s.b.id, 64, NEVER), 0);
		expect_message(&s.b, s.a.id, 0);
		expect_eq(peer_call(&s.a, s.b.id, 64, NEVER), 0);
		expect_eq(peer_call(&s.a, s.b.id, 65, NEVER), -EMLINK);
		/* answered, but not read: it counts */
		expect_eq(peer_reply(&s.b, s.a.id, 64), 0);
		expect_eq(peer_call(&s.a, s.b.id, 65, NEVER), -EMLINK);
		peer_deinit(&s.b);
		expect_eq(peer_call(&s.a, s.c.id, 65, NEVER), 0);
		scene_deinit(&s);
	}
}

/* a request that could not be queued is not pending */
TEST(failed_request_leaves_no_trace)
{
	struct scene s;

	FOR_EACH_PAIR(from, to) {
		scene_init(&s, 0, from, to);
		for (int i = 0; i < 256; i++)
			expect_eq(peer_send_to(&s.c, s.b.id, i, 0), 0);
		for (int i = 0; i < 200; i++)
			expect_eq(peer_call(&s.a, s.b.id, 5, 100), -ENOBUFS);
		expect_eq(s.bus.deadline, UINT64_MAX);
		expect_eq(peer_reply(&s.b, s.a.id, 5), -EBADSLT);
		expect_eq(peer_drain(&s.b), 256);
		expect_eq(peer_call(&s.a, s.b.id, 5, NEVER), 0);
		scene_deinit(&s);
	}
}

/* the same cookie twice: D-Bus refuses it for the same pair, kdbus finds the newest */
TEST(same_cookie_again)
{
	struct scene s;

	FOR_EACH_PAIR(from, to) {
		scene_init(&s, 0, from, to);
		expect_eq(peer_call(&s.a, s.b.id, 5, NEVER), 0);
		expect_eq(peer_call(&s.a, s.b.id, 5, NEVER), -EEXIST);
		expect_eq(peer_call(&s.a, s.c.id, 5, NEVER), 0);
		expect_eq(peer_call(&s.c, s.b.id, 5, NEVER), 0);
		expect_eq(peer_reply(&s.b, s.a.id, 5), 0);
		expect_eq(peer_call(&s.a, s.b.id, 5, NEVER), 0);
		scene_deinit(&s);
	}

	scene_init(&s, BUS_STRICT, 0, 0);
	expect_eq(peer_call(&s.a, s.b.id, 5, 1000), 0);
	expect_eq(peer_call(&s.a, s.b.id, 5, 2000), 0);
	expect_eq(s.bus.deadline, 1000);
	/* the newest is the one with the later deadline */
	expect_eq(peer_reply(&s.b, s.a.id, 5), 0);
	expect_eq(s.bus.deadline, 1000);
	expect_eq(peer_reply(&s.b, s.a.id, 5), 0);
	expect_eq(s.bus.deadline, UINT64_MAX);
	expect_eq(peer_reply(&s.b, s.a.id, 5), -EBADSLT);
	scene_deinit(&s);
}

/* a consumed reply stays consumed when it cannot be delivered */
static void fail_to_reply(unsigned flags, unsigned from, unsigned to)
{
	struct scene s;

	scene_init(&s, flags, from, to);
	expect_eq(peer_call(&s.a, s.b.id, 5, NEVER), 0);
	for (int i = 0; i < 256; i++)
		expect_eq(peer_send_to(&s.c, s.a.id, i, 0), 0);
	expect_eq(peer_reply(&s.b, s.a.id, 5), -ENOBUFS);
	for (int i = 0; i < 256; i++)
		expect_message(&s.a, s.c.id, i);
	if (flags & BUS_STRICT)
		expect_nothing(&s.a);
	else
		expect_reply_note(&s.a, KDBUS_ITEM_REPLY_DEAD, 5);
	expect_eq(peer_reply(&s.b, s.a.id, 5), -EBADSLT);
	scene_deinit(&s);
}

TEST(reply_that_cannot_be_delivered)
{
	FOR_EACH_PAIR(from, to) {
		fail_to_reply(0, from, to);
		fail_to_reply(BUS_STRICT, from, to);
	}
}

/* a reply needs no permission to talk */
TEST(reply_is_not_subject_to_policy)
{
	struct peer stranger;
	struct scene s;

	scene_init(&s, 0, 0, 0);
	peer_init_uid(&stranger, &s.bus, 65534);
	expect_eq(peer_send_to(&stranger, s.a.id, 1, 0), -EPERM);
	expect_eq(peer_call(&s.a, stranger.id, 5, NEVER), 0);
	expect_eq(peer_reply(&stranger, s.a.id, 5), 0);
	expect_eq(peer_get(&s.a).cookie_reply, 5);
	peer_deinit(&stranger);
	scene_deinit(&s);
}

/* a call to oneself that is never answered */
TEST(call_to_oneself)
{
	struct scene s;

	FOR_EACH_KIND(kind) {
		scene_init(&s, 0, kind, kind);
		expect_eq(peer_call(&s.a, s.a.id, 5, NEVER), 0);
		expect_eq(peer_call(&s.a, s.a.id, 6, 1000), 0);
		expect_message(&s.a, s.a.id, 5);
		peer_deinit(&s.a);
		expect_eq(s.bus.deadline, UINT64_MAX);
		scene_deinit(&s);
	}
}

/* REPLY_* come through to a direct requester however full his queue is */
TEST(direct_requester_always_learns)
{
	struct kdbus_limits limits = KDBUS_LIMITS_DEFAULT;
	struct peer a, b;
	struct bus bus;

	limits.n_msgs_user = 4;
	bus_init_limits(&bus, 0, &limits);
	peer_init(&a, &bus, PEER_DIRECT);
	peer_init(&b, &bus, PEER_DIRECT);
	for (uint64_t i = 0; i < 10; i++) {
		expect_eq(peer_call(&a, b.id, i, NEVER), 0);
		expect_message(&b, a.id, i);
	}
	peer_deinit(&b);
	expect_eq(peer_drain(&a), 10);
	peer_deinit(&a);
	bus_deinit(&bus);
}

static struct kdbus_conn *conn_of(const struct peer *peer)
{
	struct kdbus_bus *bus = peer->bus->core;
	struct kdbus_conn *conn;

	down_read(&bus->registry);
	conn = kdbus_bus_find_conn(bus, peer->id);
	up_read(&bus->registry);
	return conn;
}

static void init_small_queues(struct bus *bus, unsigned flags, struct peer *a, struct peer *b)
{
	struct kdbus_limits limits = KDBUS_LIMITS_DEFAULT;

	limits.n_msgs_user = 4;
	limits.n_replies_conn = 10;
	bus_init_limits(bus, flags, &limits);
	peer_init(a, bus, 0);
	peer_init(b, bus, 0);
}

/* and one with a pool once it has read what is there, in order; until then they count */
TEST(pooled_requester_learns_when_there_is_room)
{
	struct peer a, b, c;
	struct bus bus;

	init_small_queues(&bus, 0, &a, &b);
	peer_init(&c, &bus, 0);
	for (uint64_t i = 0; i < 10; i++) {
		expect_eq(peer_call(&a, b.id, i, NEVER), 0);
		expect_message(&b, a.id, i);
	}
	peer_deinit(&b);
	/* four are queued */
	for (uint64_t i = 10; i < 14; i++) {
		expect_eq(peer_call(&a, c.id, i, NEVER), 0);
		expect_message(&c, a.id, i);
	}
	expect_eq(peer_call(&a, c.id, 14, NEVER), -EMLINK);
	for (uint64_t i = 10; i > 0; i--)
		expect_reply_note(&a, KDBUS_ITEM_REPLY_DEAD, i - 1);
	expect_nothing(&a);
	expect_eq(peer_call(&a, c.id, 14, NEVER), 0);
	expect_eq(conn_of(&a)->n_requests, 5u);
	peer_deinit(&c);
	expect_eq(peer_drain(&a), 5);
	expect_eq(conn_of(&a)->n_requests, 0u);
	peer_deinit(&a);
	bus_deinit(&bus);
}

/* 4.8: what the kdbus of the reference does not count, it loses */
TEST(strict_requester_misses_what_has_no_room)
{
	struct peer a, b;
	struct bus bus;

	init_small_queues(&bus, BUS_STRICT, &a, &b);
	for (uint64_t i = 0; i < 10; i++) {
		expect_eq(peer_call(&a, b.id, i, NEVER), 0);
		expect_message(&b, a.id, i);
	}
	peer_deinit(&b);
	expect_eq(peer_drain(&a), 4);
	expect_eq(conn_of(&a)->n_requests, 0u);
	peer_deinit(&a);
	bus_deinit(&bus);
}

/* timed out while the request is not read, while there is no room: it counts until both have changed */
TEST(requester_learns_of_timeouts_when_there_is_room)
{
	struct peer a, b;
	struct bus bus;

	init_small_queues(&bus, 0, &a, &b);
	for (uint64_t i = 0; i < 4; i++)
		expect_eq(peer_send_to(&b, a.id, i, 0), 0);
	for (uint64_t i = 0; i < 4; i++)
		expect_eq(peer_call(&a, b.id, i, 1000 + i), 0);
	kdbus_bus_expire(bus.core, 2000);
	expect_eq(bus.deadline, UINT64_MAX);
	/* those of the bus are counted apart */
	expect_eq(conn_of(&a)->n_untold, 0u);
	for (uint64_t i = 4; i < 6; i++) {
		expect_eq(peer_drain(&b), i == 4 ? 4 : 1);
		expect_eq(peer_call(&a, b.id, i, 1000), 0);
		kdbus_bus_expire(bus.core, 2000);
	}
	expect_eq(conn_of(&a)->n_untold, 2u);
	expect_eq(conn_of(&a)->n_requests, 2u);
	expect_eq(peer_drain(&b), 1);
	expect_eq(conn_of(&a)->n_requests, 2u);
	for (uint64_t i = 0; i < 4; i++)
		expect_message(&a, b.id, i);
	for (uint64_t i = 0; i < 6; i++)
		expect_reply_note(&a, KDBUS_ITEM_REPLY_TIMEOUT, i);
	expect_nothing(&a);
	expect_eq(conn_of(&a)->n_requests, 0u);
	peer_deinit(&b);
	peer_deinit(&a);
	bus_deinit(&bus);
}

/* receives and keeps the slice: its offset */
static uint64_t recv_and_keep(struct peer *peer)
{
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.recv), 0);
	expect_eq(peer_command(peer, KDBUS_CMD_RECV, &cmd), 0);
	return cmd.recv.msg.offset;
}

/* who keeps all of its pool learns when it gives some of it back */
TEST(requester_learns_when_its_pool_has_room)
{
	static const size_t sizes[] = {1 << 20, 65536, 4096, 512, 64, 8};
	uint64_t offset = 0;
	struct scene s;
	int r;

	scene_init(&s, 0, 0, 0);
	expect_eq(peer_call(&s.a, s.b.id, 7, NEVER), 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		while (!(r = peer_send_to(&s.c, s.a.id, 1, sizes[i])))
			offset = recv_and_keep(&s.a);
		expect_eq(r, -EXFULL);
	}
	peer_deinit(&s.b);
	expect_nothing(&s.a);
	expect(!kdbus_conn_is_readable(conn_of(&s.a)));
	expect_eq(peer_free(&s.a, offset), 0);
	expect(kdbus_conn_is_readable(conn_of(&s.a)));
	expect_reply_note(&s.a, KDBUS_ITEM_REPLY_DEAD, 7);
	scene_deinit(&s);
}

/* who leaves does not want to know any more */
TEST(requester_leaves_untold)
{
	struct peer a, b;
	struct bus bus;

	init_small_queues(&bus, 0, &a, &b);
	for (uint64_t i = 0; i < 10; i++)
		expect_eq(peer_call(&a, b.id, i, 1000), i < 4 ? 0 : -ENOBUFS);
	kdbus_bus_expire(bus.core, 2000);
	expect_eq(peer_drain(&b), 4);
	expect_eq(peer_call(&a, b.id, 4, 1000), 0);
	kdbus_bus_expire(bus.core, 2000);
	expect_eq(conn_of(&a)->n_untold, 1u);
	peer_deinit(&a);
	expect_eq(peer_drain(&b), 1);
	peer_deinit(&b);
	bus_deinit(&bus);
	expect_eq(shim_alloc_count(), 0);
}

/* without memory it is tried again, after a while */
TEST(requester_learns_when_there_is_memory)
{
	bool has_failed = true;
	unsigned n_late = 0;

	for (unsigned n = 1; has_failed; n++) {
		struct scene s;

		scene_init(&s, 0, 0, 0);
		expect_eq(peer_call(&s.a, s.b.id, 7, 1000), 0);
		expect_eq(peer_call(&s.a, s.b.id, 8, 1001), 0);
		shim_alloc_fail_at(n);
		kdbus_bus_expire(s.bus.core, 2000);
		has_failed = shim_alloc_fail_disarm();
		if (s.bus.deadline != UINT64_MAX) {
			uint64_t deadline = s.bus.deadline;

			n_late++;
			expect_ge(conn_of(&s.a)->n_untold, 1u);
			kdbus_bus_expire(s.bus.core, deadline - 1);
			expect_eq(s.bus.deadline, deadline);
			kdbus_bus_expire(s.bus.core, deadline);
		}
		expect_eq(s.bus.deadline, UINT64_MAX);
		expect_reply_note(&s.a, KDBUS_ITEM_REPLY_TIMEOUT, 7);
		expect_reply_note(&s.a, KDBUS_ITEM_REPLY_TIMEOUT, 8);
		expect_nothing(&s.a);
		scene_deinit(&s);
		expect_eq(shim_alloc_count(), 0);
	}
	expect_ge(n_late, 2u);
}

/* many pending at once, answered in another order */
TEST(many_pending_replies)
{
	struct kdbus_limits limits = KDBUS_LIMITS_DEFAULT;
	struct peer a, b;
	struct bus bus;
	unsigned seed = 1;
	uint64_t cookies[1000];

	limits.n_replies_conn = 1000;
	limits.n_msgs_user = 1000;
	bus_init_limits(&bus, 0, &limits);
	peer_init(&a, &bus, PEER_DIRECT);
	peer_init(&b, &bus, PEER_DIRECT);
	for (size_t i = 0; i < 1000; i++) {
		cookies[i] = i * 7919 % 1009 + 1;
		expect_eq(peer_call(&a, b.id, cookies[i], i % 3 ? NEVER : 5000 + i), 0);
	}
	expect_eq(peer_drain(&b), 1000);
	for (size_t i = 1000; i > 1; i--) {
		seed = seed * 1103515245 + 12345;
		size_t j = (seed >> 8) % i;
		uint64_t tmp = cookies[j];

		cookies[j] = cookies[i - 1];
		cookies[i - 1] = tmp;
	}
	for (size_t i = 0; i < 1000; i++) {
		expect_eq(peer_reply(&b, a.id, cookies[i]), 0);
		expect_eq(peer_get(&a).cookie_reply, cookies[i]);
	}
	expect_eq(bus.deadline, UINT64_MAX);
	peer_deinit(&b);
	peer_deinit(&a);
	bus_deinit(&bus);
}
