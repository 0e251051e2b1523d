/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The seam, on every carrier: what it says in kernel/engine/engine.h */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/engine/engine-items.h"
#include "tests/unit/kernel/engine-util.h"

#define NAME "org.example.Name"

/* engine and connections */

TEST(address_of_unknown_kind)
{
	struct engine_options options = {0};
	struct engine *engine;

	expect_eq(engine_open("embedded:", &options, &engine), -EPROTONOSUPPORT);
	expect_eq(engine_open("", &options, &engine), -EPROTONOSUPPORT);
	expect_eq(engine_open("unix:path=/run/bus", &options, &engine), -EPROTONOSUPPORT);
	expect(!engine_close(NULL));
	expect(!engine_conn_close(NULL));
}

CARRIER_TEST(ids_are_dense_and_found)
{
	struct peer *a, *b, *c;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 0);
	/* a bus that others can be on as well shows the ids as they are */
	expect_eq(a->id - engine_id_offset(bus->engine), (uint64_t)bus->is_remote);
	expect_eq(b->id, a->id + 1);
	peer_close(b);
	c = bus_connect(bus, 0);
	expect_eq(c->id, a->id + 2);
	expect(engine_find_conn(bus->engine, a->id) == a->conn);
	expect(engine_find_conn(bus->engine, c->id) == c->conn);
	expect(!engine_find_conn(bus->engine, b->id));
	expect(!engine_find_conn(bus->engine, 0));
	expect(!engine_find_conn(bus->engine, UINT64_MAX));
	expect(engine_conn_userdata(c->conn) == c);
	bus_close(bus);
}

CARRIER_TEST(bus_has_an_id_of_its_own)
{
	static const uint8_t zero[16];
	static struct bus other;
	size_t size;
	unsigned n_hash;

	bus_open(bus, address, NULL);
	bus_open(&other, address, NULL);
	expect(memcmp(engine_bus_id(bus->engine), zero, 16) != 0);
	expect(memcmp(engine_bus_id(bus->engine), engine_bus_id(other.engine), 16) != 0);
	engine_bloom_parameters(bus->engine, &size, &n_hash);
	expect_eq(size, 64u);
	expect_eq(n_hash, 8u);
	bus_close(&other);
	bus_close(bus);
}

CARRIER_TEST(connections_of_a_user_are_limited)
{
	struct engine_limits limits = {.n_conns_user = 2};
	struct peer *peer;
	bool has_limits;

	bus_open(bus, address, &limits);
	bus_connect(bus, 1);
	bus_connect(bus, 1);
	expect_eq(bus_try_connect(bus, 0, 1, &peer), -EMFILE);
	bus_connect(bus, 2);
	limits.n_conns_user = 3;
	/* those of another process' domain are not ours to set: DIFFERENCES kernel-limits */
	has_limits = !bus->is_remote || bus->is_mounted;
	expect_eq(engine_set_limits(bus->engine, &limits), has_limits ? 0 : -EOPNOTSUPP);
	if (has_limits)
		bus_connect(bus, 1);
	bus_close(bus);
}

/* unicast */

CARRIER_TEST(message_by_id)
{
	struct engine_received received;
	struct peer *a, *b;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 1);
	expect_eq(peer_send(a, (struct engine_send){.dst_id = b->id, .cookie = 77}, "hello"), 0);
	expect_eq(engine_recv(b->conn, &received), 0);
	expect_eq(received.position, 1u);
	expect_eq(received.src_id, a->id);
	expect_eq(received.dst_id, b->id);
	expect(!received.dst_name);
	expect_eq(received.flags, 0u);
	expect_eq(received.cookie, 77u);
	expect_eq(received.cookie_reply, 0u);
	expect_eq(received.payload_type, (uint64_t)KDBUS_PAYLOAD_DBUS);
	expect_mem(received.payload->data, received.payload->size, "hello", 5);
	expect_eq(received.payload->n_fds, 0u);
	expect_eq(received.is_shared, bus->is_direct);
	engine_received_release(&received);
	peer_expect_empty(b);
	expect_eq(peer_unicast(a, 12345, "x"), -ENXIO);
	bus_close(bus);
}

CARRIER_TEST(message_by_name)
{
	struct engine_received received;
	struct engine_send send = {.dst_name = NAME, .cookie = 1};
	struct peer *a, *b;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 1);
	expect_eq(peer_send(a, send, "x"), -ESRCH);
	expect_eq(peer_acquire(b, NAME, 0, NULL), 0);
	peer_drain(b);
	expect_eq(peer_send(a, send, "by name"), 0);
	expect_eq(engine_recv(b->conn, &received), 0);
	expect_eq(received.dst_id, (uint64_t)KDBUS_DST_ID_NAME);
	expect_str(received.dst_name, NAME);
	engine_received_release(&received);

	send.dst_id = b->id;
	expect_eq(peer_send(a, send, "by both"), 0);
	peer_expect(b, "%llu by both", (unsigned long long)a->id);
	send.dst_id = a->id;
	expect_eq(peer_send(a, send, "by both"), -EREMCHG);
	bus_close(bus);
}

CARRIER_TEST(message_to_oneself)
{
	struct peer *a;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	expect_eq(peer_unicast(a, a->id, "me"), 0);
	peer_expect(a, "%llu me", (unsigned long long)a->id);
	expect_eq(peer_call(a, a->id, 5, ENGINE_NO_TIMEOUT), 0);
	peer_expect(a, "%llu call", (unsigned long long)a->id);
	expect_eq(peer_reply(a, a->id, 5, "reply"), 0);
	peer_expect(a, "%llu reply", (unsigned long long)a->id);
	bus_close(bus);
}

CARRIER_TEST(messages_stay_in_order)
{
	unsigned long long from;
	struct peer *a, *b;
	char text[16];

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 1);
	from = a->id;
	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "%d", i);
		expect_eq(peer_unicast(a, b->id, text), 0);
	}
	for (int i = 0; i < 200; i++)
		peer_expect(b, "%llu %d", from, i);
	peer_expect_empty(b);
	bus_close(bus);
}

CARRIER_TEST(payload_outlives_its_sender)
{
	struct engine_received received;
	struct peer *a, *b;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 1);
	expect_eq(peer_unicast(a, b->id, "last words"), 0);
	peer_close(a);
	expect_eq(engine_recv(b->conn, &received), 0);
	peer_close(b);
	expect_mem(received.payload->data, received.payload->size, "last words", 10);
	engine_received_release(&received);
	engine_received_release(&received);
	bus_close(bus);
}

CARRIER_TEST(direct_payload_is_the_senders_own)
{
	struct engine_payload *payload = payload_new("x", 1, NULL, 0), *kept;
	struct engine_received received;
	struct engine_send send = {.cookie = 1, .payload = payload};
	struct peer *a, *b;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 1);
	send.dst_id = b->id;
	expect_eq(engine_send(a->conn, &send), 0);
	expect_eq(engine_recv(b->conn, &received), 0);
	expect_eq(received.payload == payload, bus->is_direct);
	kept = engine_payload_ref(received.payload);
	engine_received_release(&received);
	expect_mem(kept->data, kept->size, "x", 1);
	engine_payload_unref(kept);
	expect_eq(payload->refcount, 1u);
	engine_payload_unref(payload);
	bus_close(bus);
}

CARRIER_TEST(large_message)
{
	struct engine_limits limits = {.pool_size = 256 * 1024 * 1024};
	size_t size = 5 * 1024 * 1024 + 3;
	struct engine_received received;
	struct engine_send send = {.cookie = 1};
	char *bytes = malloc(size);
	struct peer *a, *b;

	for (size_t i = 0; i < size; i++)
		bytes[i] = (char)(i * 7 + i / 4096);
	bus_open(bus, address, &limits);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 1);
	send.dst_id = b->id;
	send.payload = payload_new(bytes, size, NULL, 0);
	expect_eq(engine_send(a->conn, &send), 0);
	engine_payload_unref(send.payload);
	expect_eq(engine_recv(b->conn, &received), 0);
	expect_eq(received.payload->size, size);
	expect(!memcmp(received.payload->data, bytes, size));
	engine_received_release(&received);
	free(bytes);
	bus_close(bus);
}

/* The ABI delivers a unicast signal only where a match hits, silently otherwise; the permanent
 * matches of the ABI carrier hit what is addressed to the connection. */
CARRIER_TEST(directed_signal_reaches_its_destination)
{
	struct engine_send send = {.flags = KDBUS_MSG_SIGNAL, .cookie = 1};
	struct peer *a, *b;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 1);
	expect_eq(peer_acquire(b, NAME, 0, NULL), 0);
	peer_drain(b);
	send.bloom = engine_needs_bloom(bus->engine) ? (uint8_t[64]){0} : NULL;
	send.dst_id = b->id;
	expect_eq(peer_send(a, send, "by id"), 0);
	peer_expect(b, "%llu by id", (unsigned long long)a->id);
	send.dst_id = 0;
	send.dst_name = NAME;
	expect_eq(peer_send(a, send, "by name"), 0);
	peer_expect(b, "%llu by name", (unsigned long long)a->id);
	bus_close(bus);
}

/* replies */

CARRIER_TEST(reply_is_delivered_once)
{
	struct engine_received received;
	struct peer *a, *b;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 1);
	expect_eq(peer_reply(b, a->id, 5, "unasked"), -EBADSLT);
	expect_eq(peer_call(a, b->id, 5, ENGINE_NO_TIMEOUT), 0);
	expect_eq(engine_recv(b->conn, &received), 0);
	expect_eq(received.flags, (uint64_t)KDBUS_MSG_EXPECT_REPLY);
	expect_eq(received.cookie_reply, 0u);
	engine_received_release(&received);
	expect_eq(peer_reply(b, a->id, 6, "to another"), -EBADSLT);
	expect_eq(peer_reply(b, a->id, 5, "reply"), 0);
	expect_eq(peer_reply(b, a->id, 5, "again"), -EBADSLT);
	expect_eq(engine_recv(a->conn, &received), 0);
	expect_eq(received.cookie_reply, 5u);
	engine_received_release(&received);
	peer_expect_empty(a);
	bus_close(bus);
}

CARRIER_TEST(cookie_of_a_pending_call_is_refused)
{
	struct peer *a, *b, *c;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 1);
	c = bus_connect(bus, 2);
	expect_eq(peer_call(a, b->id, 5, ENGINE_NO_TIMEOUT), 0);
	expect_eq(peer_call(a, b->id, 5, ENGINE_NO_TIMEOUT), -EEXIST);
	expect_eq(peer_call(a, c->id, 5, ENGINE_NO_TIMEOUT), 0);
	expect_eq(peer_drain(b), 1u);
	expect_eq(peer_reply(b, a->id, 5, "reply"), 0);
	expect_eq(peer_call(a, b->id, 5, ENGINE_NO_TIMEOUT), 0);
	bus_close(bus);
}

CARRIER_TEST(caller_learns_that_the_callee_is_gone)
{
	struct peer *a, *b;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 1);
	expect_eq(peer_call(a, b->id, 5, ENGINE_NO_TIMEOUT), 0);
	expect_eq(peer_call(a, b->id, 6, ENGINE_NO_TIMEOUT), 0);
	/* one read, one not */
	peer_expect(b, "%llu call", (unsigned long long)a->id);
	peer_close(b);
	peer_expect(a, "dead 6");
	peer_expect(a, "dead 5");
	peer_expect_empty(a);
	bus_close(bus);
}

CARRIER_TEST(reply_to_a_caller_that_is_gone)
{
	struct peer *a, *b;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 1);
	expect_eq(peer_call(a, b->id, 5, ENGINE_NO_TIMEOUT), 0);
	peer_drain(b);
	peer_close(a);
	expect_eq(peer_reply(b, a->id, 5, "reply"), -ENXIO);
	bus_close(bus);
}

CARRIER_TEST(call_times_out_when_told_to)
{
	struct peer *a, *b;

	bus_open(bus, address, NULL);
	if (bus->is_remote) {
		bus_close(bus);
		skip("who serves the bus watches its deadlines");
	}
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 1);
	expect_eq(bus->deadline_ns, UINT64_MAX);
	expect_eq(peer_call(a, b->id, 5, 2000), 0);
	expect_eq(bus->deadline_ns, 2000u);
	expect_eq(peer_call(a, b->id, 6, 1000), 0);
	expect_eq(bus->deadline_ns, 1000u);
	engine_expire(bus->engine, 999);
	peer_expect_empty(a);
	engine_expire(bus->engine, 1000);
	peer_expect(a, "timeout 6");
	peer_expect_empty(a);
	expect_eq(bus->deadline_ns, 2000u);
	engine_expire(bus->engine, 5000);
	peer_expect(a, "timeout 5");
	expect_eq(bus->deadline_ns, UINT64_MAX);
	peer_drain(b);
	expect_eq(peer_reply(b, a->id, 5, "late"), -EBADSLT);
	bus_close(bus);
}

/* broadcasts */

CARRIER_TEST(broadcast_reaches_who_wants_it)
{
	struct engine_received received;
	struct peer *a, *b, *c;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 1);
	c = bus_connect(bus, 2);
	peer_want(b, WANT_SIGNALS);
	peer_want(c, WANT_NAMES);
	expect_eq(peer_broadcast(a, "news"), 0);
	expect_eq(engine_recv(b->conn, &received), 0);
	expect_eq(received.src_id, a->id);
	expect_eq(received.dst_id, (uint64_t)KDBUS_DST_ID_BROADCAST);
	expect_eq(received.flags, (uint64_t)KDBUS_MSG_SIGNAL);
	expect_eq(received.tag, 0x100 + b->id);
	engine_received_release(&received);
	peer_expect_empty(a);
	peer_expect_empty(b);
	peer_expect_empty(c);
	bus_close(bus);
}

CARRIER_TEST(broadcast_comes_back_to_a_sender_who_wants_it)
{
	struct peer *a;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	peer_want(a, WANT_SIGNALS);
	expect_eq(peer_broadcast(a, "news"), 0);
	peer_expect(a, "%llu news", (unsigned long long)a->id);
	peer_expect_empty(a);
	bus_close(bus);
}

CARRIER_TEST(wish_ends_with_the_subscription)
{
	struct peer *a, *b;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 1);
	peer_want(b, WANT_SIGNALS | WANT_IDS);
	expect_eq(peer_broadcast(a, "1"), 0);
	peer_want(b, 0);
	expect_eq(peer_broadcast(a, "2"), 0);
	bus_connect(bus, 2);
	peer_want(b, WANT_SIGNALS);
	expect_eq(peer_broadcast(a, "3"), 0);
	peer_expect(b, "%llu 1", (unsigned long long)a->id);
	peer_expect(b, "%llu 3", (unsigned long long)a->id);
	peer_expect_empty(b);
	bus_close(bus);
}

CARRIER_TEST(broadcast_that_does_not_fit_is_lost_for_that_receiver_alone)
{
	struct engine_limits limits = {.n_msgs_user = 3};
	struct engine_stats stats;
	struct peer *a, *b, *c;

	bus_open(bus, address, &limits);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 1);
	c = bus_connect(bus, 2);
	peer_want(b, WANT_SIGNALS);
	peer_want(c, WANT_SIGNALS);
	for (int i = 0; i < 5; i++) {
		expect_eq(peer_broadcast(a, "news"), 0);
		peer_expect(c, "%llu news", (unsigned long long)a->id);
	}
	expect_eq(peer_drain(b), 3u);
	expect_eq(b->n_lost, 2u);
	expect_eq(b->lost_src, bus->is_direct ? a->id : 0);
	expect_eq(c->n_lost, 0u);
	engine_get_stats(bus->engine, &stats);
	expect_eq(stats.n_lost, 2u);
	expect_eq(peer_broadcast(a, "news"), 0);
	expect_eq(peer_drain(b), 1u);
	bus_close(bus);
}

/* names and notifications */

CARRIER_TEST(own_names_are_told_without_a_subscription)
{
	unsigned long long ia, ib;
	struct peer *a, *b, *c;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 1);
	c = bus_connect(bus, 2);
	ia = a->id;
	ib = b->id;
	expect_eq(peer_acquire(a, NAME, KDBUS_NAME_ALLOW_REPLACEMENT, NULL), 0);
	peer_expect(a, "+name %s %llu", NAME, ia);
	expect_eq(peer_acquire(b, NAME, KDBUS_NAME_REPLACE_EXISTING, NULL), 0);
	peer_expect(a, "name %s %llu %llu", NAME, ia, ib);
	peer_expect(b, "name %s %llu %llu", NAME, ia, ib);
	expect_eq(peer_release(b, NAME), 0);
	peer_expect(b, "-name %s %llu", NAME, ib);
	peer_expect_empty(a);
	peer_expect_empty(b);
	peer_expect_empty(c);
	bus_close(bus);
}

CARRIER_TEST(own_names_come_once_beside_a_subscription)
{
	struct peer *a, *b;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 1);
	peer_want(a, WANT_NAMES);
	peer_want(b, WANT_NAMES);
	expect_eq(peer_acquire(a, NAME, 0, NULL), 0);
	peer_expect(a, "+name %s %llu", NAME, (unsigned long long)a->id);
	peer_expect(b, "+name %s %llu", NAME, (unsigned long long)a->id);
	peer_expect_empty(a);
	peer_expect_empty(b);
	bus_close(bus);
}

CARRIER_TEST(notification_carries_flags_and_tag)
{
	struct engine_received received;
	struct peer *a;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	expect_eq(peer_acquire(a, NAME, KDBUS_NAME_ALLOW_REPLACEMENT, NULL), 0);
	expect_eq(engine_recv(a->conn, &received), 0);
	expect_eq(received.src_id, 0u);
	expect_eq(received.tag, 0x100 + a->id);
	expect(!received.payload);
	expect_eq(received.notification.old_id, 0u);
	expect_eq(received.notification.old_flags, 0u);
	expect_eq(received.notification.new_flags,
		  (uint64_t)(KDBUS_NAME_PRIMARY | KDBUS_NAME_ALLOW_REPLACEMENT));
	engine_received_release(&received);
	bus_close(bus);
}

CARRIER_TEST(coming_and_going)
{
	unsigned long long ia, ib;
	struct peer *a, *b;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	peer_want(a, WANT_IDS | WANT_NAMES);
	b = bus_connect(bus, 1);
	ia = a->id;
	ib = b->id;
	peer_expect(a, "+id %llu", ib);
	peer_expect_empty(b);
	expect_eq(peer_acquire(b, "org.example.First", 0, NULL), 0);
	expect_eq(peer_acquire(b, "org.example.Second", 0, NULL), 0);
	expect_eq(peer_acquire(a, "org.example.First", KDBUS_NAME_QUEUE, NULL), 0);
	peer_expect(a, "+name org.example.First %llu", ib);
	peer_expect(a, "+name org.example.Second %llu", ib);
	expect_eq(peer_call(a, b->id, 9, ENGINE_NO_TIMEOUT), 0);
	peer_close(b);
	/* the latest name first, then the connection, then what it owes */
	peer_expect(a, "-name org.example.Second %llu", ib);
	peer_expect(a, "name org.example.First %llu %llu", ib, ia);
	peer_expect(a, "-id %llu", ib);
	peer_expect(a, "dead 9");
	peer_expect_empty(a);
	bus_close(bus);
}

CARRIER_TEST(queue_for_a_name)
{
	uint64_t flags;
	struct peer *a, *b, *c;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 1);
	c = bus_connect(bus, 2);
	expect_eq(peer_acquire(a, NAME, 0, &flags), 0);
	expect_eq(flags, (uint64_t)(KDBUS_NAME_PRIMARY | KDBUS_NAME_ACQUIRED));
	expect_eq(peer_acquire(b, NAME, 0, NULL), -EEXIST);
	expect_eq(peer_acquire(b, NAME, KDBUS_NAME_QUEUE, &flags), 0);
	expect(flags & KDBUS_NAME_IN_QUEUE);
	expect_eq(peer_acquire(c, NAME, KDBUS_NAME_QUEUE, NULL), 0);
	expect_eq(peer_release(c, "org.example.Other"), -ESRCH);
	peer_drain(a);
	peer_close(a);
	peer_expect(b, "name %s %llu %llu", NAME, (unsigned long long)a->id,
		    (unsigned long long)b->id);
	expect_eq(peer_release(b, NAME), 0);
	expect_eq(peer_release(b, NAME), -EADDRINUSE);
	peer_expect(b, "name %s %llu %llu", NAME, (unsigned long long)b->id,
		    (unsigned long long)c->id);
	peer_expect(c, "name %s %llu %llu", NAME, (unsigned long long)b->id,
		    (unsigned long long)c->id);
	bus_close(bus);
}

CARRIER_TEST(names_of_a_connection_in_order)
{
	void *position = NULL;
	char list[256] = "";
	struct peer *a, *b;
	const char *name;
	bool queued;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 1);
	expect_eq(peer_acquire(b, "org.example.B", 0, NULL), 0);
	expect_eq(peer_acquire(a, "org.example.A", 0, NULL), 0);
	expect_eq(peer_acquire(a, "org.example.B", KDBUS_NAME_QUEUE, NULL), 0);
	expect_eq(peer_acquire(a, "org.example.C", 0, NULL), 0);
	expect_eq(peer_acquire(a, "org.example.D", 0, NULL), 0);
	while ((name = engine_conn_next_name(a->conn, &position, &queued))) {
		strcat(list, queued ? "?" : "!");
		strcat(list, name);
	}
	expect_str(list, "!org.example.A?org.example.B!org.example.C!org.example.D");
	bus_close(bus);
}

CARRIER_TEST(owner_of_a_name)
{
	struct peer *a, *b;

	bus_open(bus, address, NULL);
	expect(!engine_find_owner(bus->engine, NAME));
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 1);
	expect(!engine_find_owner(bus->engine, NAME));
	expect_eq(peer_acquire(b, NAME, 0, NULL), 0);
	expect_eq(peer_acquire(a, NAME, KDBUS_NAME_QUEUE, NULL), 0);
	expect(engine_find_owner(bus->engine, NAME) == b->conn);
	peer_close(b);
	expect(engine_find_owner(bus->engine, NAME) == a->conn);
	expect(!engine_find_owner(bus->engine, "no name"));
	bus_close(bus);
}

/* positions */

CARRIER_TEST(position_covers_what_a_command_caused)
{
	struct engine_received received;
	uint64_t before, after;
	struct peer *a, *b;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 1);
	expect_eq(engine_conn_position(a->conn), 0u);
	expect_eq(peer_unicast(b, a->id, "before"), 0);
	before = engine_conn_position(a->conn);
	expect_eq(before, 1u);
	expect_eq(peer_acquire(a, NAME, 0, NULL), 0);
	after = engine_conn_position(a->conn);
	expect_eq(after, 2u);
	expect_eq(peer_unicast(b, a->id, "after"), 0);
	for (uint64_t i = 1; i <= 3; i++) {
		expect_eq(engine_recv(a->conn, &received), 0);
		expect_eq(received.position, i);
		expect_eq(received.src_id == KDBUS_SRC_ID_KERNEL, i == after);
		engine_received_release(&received);
	}
	expect_eq(engine_conn_position(a->conn), 3u);
	bus_close(bus);
}

CARRIER_TEST(what_nobody_wants_has_no_position)
{
	struct engine_received received;
	struct peer *a, *b;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 1);
	/* for the ABI one subscription, for the host two */
	peer_want(a, WANT_IDS);
	expect_eq(peer_acquire(b, NAME, 0, NULL), 0);
	expect_eq(peer_release(b, NAME), 0);
	bus_connect(bus, 2);
	expect_eq(engine_conn_position(a->conn), 1u);
	expect_eq(engine_recv(a->conn, &received), 0);
	expect_eq(received.position, 1u);
	expect_eq(received.notification.type, (uint64_t)KDBUS_ITEM_ID_ADD);
	engine_received_release(&received);
	peer_expect_empty(a);
	bus_close(bus);
}

/* wake */

CARRIER_TEST(woken_once_until_found_empty)
{
	struct peer *a, *b;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 1);
	peer_expect_empty(b);
	for (int i = 0; i < 3; i++) {
		expect_eq(peer_unicast(a, b->id, "x"), 0);
		bus_dispatch(bus);
		expect_eq(b->n_wakes, 1u);
	}
	/* received, but not all of it */
	peer_expect(b, "%llu x", (unsigned long long)a->id);
	expect_eq(peer_unicast(a, b->id, "x"), 0);
	bus_dispatch(bus);
	expect_eq(b->n_wakes, 1u);
	expect_eq(peer_drain(b), 3u);
	expect_eq(peer_unicast(a, b->id, "x"), 0);
	bus_dispatch(bus);
	expect_eq(b->n_wakes, 2u);
	expect_eq(a->n_wakes, 0u);
	bus_close(bus);
}

CARRIER_TEST(position_does_not_swallow_the_wake)
{
	struct peer *a, *b;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 1);
	peer_expect_empty(b);
	bus_dispatch(bus);
	expect_eq(peer_unicast(a, b->id, "x"), 0);
	expect_eq(engine_conn_position(b->conn), 1u);
	bus_dispatch(bus);
	expect_eq(b->n_wakes, 1u);
	expect_eq(peer_drain(b), 1u);
	bus_close(bus);
}

/* descriptors */

static void pipe_end(int *fd_out)
{
	int fds[2];

	expect_eq(pipe(fds), 0);
	expect_eq(write(fds[1], "!", 1), 1);
	close(fds[1]);
	*fd_out = fds[0];
}

static int send_fds(struct peer *from, struct engine_send send, const int *fds, unsigned n)
{
	int r;

	send.cookie = 1;
	send.payload = payload_new("fds", 3, fds, n);
	r = engine_send(from->conn, &send);
	engine_payload_unref(send.payload);
	return r;
}

CARRIER_TEST(descriptors_travel)
{
	struct engine_received received;
	struct peer *a, *b;
	int fds[3];
	char c;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 1);
	for (int i = 0; i < 3; i++)
		pipe_end(&fds[i]);
	expect_eq(send_fds(a, (struct engine_send){.dst_id = b->id}, fds, 3), 0);
	expect_eq(engine_recv(b->conn, &received), 0);
	expect_eq(received.payload->n_fds, 3u);
	for (int i = 0; i < 3; i++) {
		expect_eq(read(received.payload->fds[i], &c, 1), 1);
		expect_eq(read(received.payload->fds[i], &c, 1), 0);
	}
	engine_received_release(&received);
	bus_close(bus);
}

CARRIER_TEST(descriptors_in_a_message_nobody_reads)
{
	struct peer *a, *b;
	int fd;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 1);
	pipe_end(&fd);
	expect_eq(send_fds(a, (struct engine_send){.dst_id = b->id}, &fd, 1), 0);
	expect_eq(engine_conn_position(b->conn), 1u);
	bus_close(bus);
}

CARRIER_TEST(receiver_without_descriptors_refuses_them)
{
	struct peer *a, *b;
	int fd;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	expect_eq(bus_try_connect(bus, 0, 1, &b), 0);
	pipe_end(&fd);
	expect_eq(send_fds(a, (struct engine_send){.dst_id = b->id}, &fd, 1), -ECOMM);
	peer_expect_empty(b);
	bus_close(bus);
}

CARRIER_TEST(unix_sockets_travel_too)
{
	struct engine_received received;
	struct peer *a, *b;
	int fds[2];
	char c;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 1);
	expect_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	/* DIFFERENCES kernel-sockets */
	if (bus->is_mounted) {
		expect_eq(send_fds(a, (struct engine_send){.dst_id = b->id}, fds, 1), -EOPNOTSUPP);
		close(fds[1]);
		bus_close(bus);
		return;
	}
	expect_eq(send_fds(a, (struct engine_send){.dst_id = b->id}, fds, 1), 0);
	expect_eq(engine_recv(b->conn, &received), 0);
	expect_eq(write(fds[1], "!", 1), 1);
	expect_eq(read(received.payload->fds[0], &c, 1), 1);
	engine_received_release(&received);
	close(fds[1]);
	bus_close(bus);
}

CARRIER_TEST(broadcast_with_descriptors)
{
	struct engine_send send = {.flags = KDBUS_MSG_SIGNAL, .dst_id = KDBUS_DST_ID_BROADCAST};
	struct engine_received received;
	struct peer *a, *b, *c;
	int fd;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 1);
	expect_eq(bus_try_connect(bus, 0, 2, &c), 0);
	peer_want(b, WANT_SIGNALS);
	peer_want(c, WANT_SIGNALS);
	send.bloom = engine_needs_bloom(bus->engine) ? (uint8_t[64]){0} : NULL;
	pipe_end(&fd);
	expect_eq(send_fds(a, send, &fd, 1), 0);
	expect_eq(engine_recv(b->conn, &received), 0);
	expect_eq(received.payload->n_fds, 1u);
	engine_received_release(&received);
	peer_expect_empty(c);
	bus_close(bus);
}

CARRIER_TEST(too_many_descriptors)
{
	struct engine_limits limits = {.n_fds_msg = 2, .n_fds_user = 3};
	struct peer *a, *b;
	int fds[3];

	bus_open(bus, address, &limits);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 1);
	for (int i = 0; i < 3; i++)
		pipe_end(&fds[i]);
	expect_eq(send_fds(a, (struct engine_send){.dst_id = b->id}, fds, 3), -EMFILE);
	for (int i = 0; i < 3; i++)
		pipe_end(&fds[i]);
	expect_eq(send_fds(a, (struct engine_send){.dst_id = b->id}, fds, 2), 0);
	expect_eq(send_fds(a, (struct engine_send){.dst_id = b->id}, fds + 2, 1), 0);
	pipe_end(&fds[0]);
	expect_eq(send_fds(a, (struct engine_send){.dst_id = b->id}, fds, 1), -EMFILE);
	bus_close(bus);
}

/* quota */

CARRIER_TEST(queued_messages_of_a_user_are_limited)
{
	struct peer *a, *b, *c, *same;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 1);
	same = bus_connect(bus, 1);
	c = bus_connect(bus, 2);
	b = bus_connect(bus, 3);
	for (int i = 0; i < 256; i++)
		expect_eq(peer_unicast(i % 2 ? a : same, b->id, "x"), 0);
	expect_eq(peer_unicast(a, b->id, "x"), -ENOBUFS);
	expect_eq(peer_unicast(same, b->id, "x"), -ENOBUFS);
	expect_eq(peer_unicast(c, b->id, "other user"), 0);
	expect_eq(peer_unicast(a, c->id, "other receiver"), 0);
	peer_expect(b, "%llu x", (unsigned long long)same->id);
	expect_eq(peer_unicast(a, b->id, "x"), 0);
	bus_close(bus);
}

CARRIER_TEST(queued_bytes_of_a_user_are_limited)
{
	struct engine_send send = {.cookie = 1};
	size_t size = 2 * 1024 * 1024;
	char *bytes = calloc(1, size);
	struct peer *a, *b;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 1);
	b = bus_connect(bus, 2);
	send.dst_id = b->id;
	/* a third of half of 16 MiB: one message of 2 MiB, a second no more, 128 KiB still */
	send.payload = payload_new(bytes, size, NULL, 0);
	expect_eq(engine_send(a->conn, &send), 0);
	expect_eq(engine_send(a->conn, &send), -ENOBUFS);
	engine_payload_unref(send.payload);
	send.payload = payload_new(bytes, 128 * 1024, NULL, 0);
	expect_eq(engine_send(a->conn, &send), 0);
	engine_payload_unref(send.payload);
	expect_eq(peer_drain(b), 2u);
	free(bytes);
	bus_close(bus);
}

CARRIER_TEST(expected_replies_are_limited)
{
	struct engine_limits limits = {.n_replies_conn = 2};
	struct peer *a, *b;

	bus_open(bus, address, &limits);
	a = bus_connect(bus, 1);
	b = bus_connect(bus, 2);
	expect_eq(peer_call(a, b->id, 1, ENGINE_NO_TIMEOUT), 0);
	expect_eq(peer_call(a, b->id, 2, ENGINE_NO_TIMEOUT), 0);
	expect_eq(peer_call(a, b->id, 3, ENGINE_NO_TIMEOUT), -EMLINK);
	expect_eq(peer_drain(b), 2u);
	expect_eq(peer_reply(b, a->id, 1, "reply"), 0);
	expect_eq(peer_call(a, b->id, 3, ENGINE_NO_TIMEOUT), 0);
	bus_close(bus);
}

CARRIER_TEST(names_of_a_connection_are_limited)
{
	struct engine_limits limits = {.n_names_conn = 2};
	struct peer *a;

	bus_open(bus, address, &limits);
	a = bus_connect(bus, 1);
	expect_eq(peer_acquire(a, "org.example.A", 0, NULL), 0);
	expect_eq(peer_acquire(a, "org.example.B", 0, NULL), 0);
	expect_eq(peer_acquire(a, "org.example.C", 0, NULL), -E2BIG);
	expect_eq(peer_release(a, "org.example.A"), 0);
	expect_eq(peer_acquire(a, "org.example.C", 0, NULL), 0);
	bus_close(bus);
}

/* policy */

TEST(refusal_of_the_host_is_the_answer_of_send)
{
	static struct bus bus;
	struct peer *a, *b;

	bus_open(&bus, "embedded", NULL);
	a = bus_connect(&bus, 0);
	b = bus_connect(&bus, 1);
	peer_want(b, WANT_SIGNALS);
	bus.deny = -EACCES;
	bus.deny_src = a->id;
	bus.deny_dst = b->id;
	expect_eq(peer_unicast(a, b->id, "x"), -EACCES);
	expect_eq(peer_broadcast(a, "x"), 0);
	expect_eq(peer_unicast(b, a->id, "x"), 0);
	/* a pending call is answered all the same */
	expect_eq(peer_call(b, a->id, 5, ENGINE_NO_TIMEOUT), 0);
	expect_eq(peer_drain(a), 2u);
	expect_eq(peer_reply(a, b->id, 5, "reply"), 0);
	peer_expect(b, "%llu reply", (unsigned long long)a->id);
	peer_expect_empty(b);
	expect_eq(b->n_lost, 0u);
	bus_close(&bus);
}

/* commands and their results */

static const struct kdbus_item *find_item(const struct kdbus_info *info, uint64_t type)
{
	struct engine_item item;
	size_t at = sizeof(*info);

	while (engine_items_next(info, info->size, &at, &item))
		if (item.type == type)
			return (const void *)((const char *)item.data -
					      offsetof(struct kdbus_item, data));
	return NULL;
}

CARRIER_TEST(identity_of_a_client_is_on_record)
{
	uint32_t groups[] = {10, 20, 20};
	struct creds creds = {
		.uid = 1234,
		.gid = 5678,
		.pid = getpid(),
		.pidfd = -1,
		.n_groups = 3,
		.groups = groups,
		.seclabel = (char *)"a:label",
	};
	struct engine_hello hello = {.creds = &creds, .description = "a-description"};
	struct kdbus_cmd_info cmd = {
		.size = sizeof(cmd),
		.attach_flags = _KDBUS_ATTACH_ALL,
	};
	const struct kdbus_info *info;
	const struct kdbus_item *item;
	struct engine_conn *conn;

	bus_open(bus, address, NULL);
	expect_eq(engine_connect(bus->engine, &hello, &conn), 0);
	cmd.id = engine_conn_id(conn);
	expect_eq(engine_command(conn, KDBUS_CMD_CONN_INFO, &cmd), 0);
	info = engine_slice(conn, cmd.offset);
	expect_eq(info->size, cmd.info_size);
	expect_eq(info->id, cmd.id);
	item = find_item(info, KDBUS_ITEM_CREDS);
	expect_eq(item->creds.uid, 1234u);
	expect_eq(item->creds.euid, 1234u);
	expect_eq(item->creds.fsuid, (uint64_t)CREDS_UNKNOWN);
	expect_eq(item->creds.gid, 5678u);
	item = find_item(info, KDBUS_ITEM_PIDS);
	expect_eq(item->pids.pid, (uint64_t)getpid());
	expect_eq(item->pids.tid, 0u);
	item = find_item(info, KDBUS_ITEM_AUXGROUPS);
	expect_eq(item->size, 16u + 24u);
	expect_eq(item->data64[0], 10u);
	expect_eq(item->data64[2], 20u);
	expect_str(find_item(info, KDBUS_ITEM_SECLABEL)->str, "a:label");
	expect_str(find_item(info, KDBUS_ITEM_CONN_DESCRIPTION)->str, "a-description");
	expect(!find_item(info, KDBUS_ITEM_EXE));
	engine_slice_free(conn, cmd.offset);
	engine_conn_close(conn);
	bus_close(bus);
}

/* of the credentials, groups and labels that several clients have in common there may be one copy
 */
CARRIER_TEST(clients_that_differ_in_one_thing_are_told_apart)
{
	uint32_t groups[][2] = {{10, 20}, {10, 21}};
	struct creds kinds[] = {
		{.uid = 1, .gid = 5, .n_groups = 2, .groups = groups[0]},
		{.uid = 17, .gid = 5, .n_groups = 2, .groups = groups[0]},
		{.uid = 1, .gid = 6, .n_groups = 2, .groups = groups[0]},
		{.uid = 1, .gid = 5, .n_groups = 2, .groups = groups[1]},
		{.uid = 1, .gid = 5, .n_groups = 1, .groups = groups[0]},
		{.uid = 1, .gid = 5, .n_groups = 2, .groups = groups[0], .seclabel = (char *)"one"},
		{.uid = 1, .gid = 5, .n_groups = 2, .groups = groups[0], .seclabel = (char *)"two"},
	};
	enum { N_KINDS = sizeof(kinds) / sizeof(kinds[0]), N_CONNS = 4 * N_KINDS };
	struct engine_conn *conns[N_CONNS];
	const struct kdbus_item *item;
	const struct kdbus_info *info;
	struct peer *asker;

	bus_open(bus, address, NULL);
	asker = bus_connect(bus, 0);
	/* one after the other twice, then each twice */
	for (unsigned i = 0; i < N_CONNS; i++) {
		unsigned kind = i < 2 * N_KINDS ? i % N_KINDS : i / 2 % N_KINDS;
		struct engine_hello hello = {.creds = &kinds[kind]};

		expect_eq(engine_connect(bus->engine, &hello, &conns[i]), 0);
		/* the first copy of some is gone, and they are not */
		if (i >= N_KINDS && i < 2 * N_KINDS)
			conns[i - N_KINDS] = engine_conn_close(conns[i - N_KINDS]);
	}
	for (unsigned i = N_KINDS; i < N_CONNS; i++) {
		const struct creds *creds = &kinds[i < 2 * N_KINDS ? i % N_KINDS : i / 2 % N_KINDS];
		struct kdbus_cmd_info cmd = {
			.size = sizeof(cmd),
			.attach_flags = _KDBUS_ATTACH_ALL,
			.id = engine_conn_id(conns[i]),
		};

		expect_eq(engine_command(asker->conn, KDBUS_CMD_CONN_INFO, &cmd), 0);
		info = engine_slice(asker->conn, cmd.offset);
		item = find_item(info, KDBUS_ITEM_CREDS);
		expect_eq(item->creds.uid, creds->uid);
		expect_eq(item->creds.gid, creds->gid);
		item = find_item(info, KDBUS_ITEM_AUXGROUPS);
		expect_eq(item->size, 16u + creds->n_groups * 8u);
		for (uint32_t k = 0; k < creds->n_groups; k++)
			expect_eq(item->data64[k], creds->groups[k]);
		item = find_item(info, KDBUS_ITEM_SECLABEL);
		expect_eq(!item, !creds->seclabel);
		if (item)
			expect_str(item->str, creds->seclabel);
		engine_slice_free(asker->conn, cmd.offset);
		engine_conn_close(conns[i]);
	}
	bus_close(bus);
}

CARRIER_TEST(connections_are_listed)
{
	struct kdbus_cmd_list cmd = {
		.size = sizeof(cmd),
		.flags = KDBUS_LIST_UNIQUE | KDBUS_LIST_NAMES,
	};
	const struct kdbus_info *info;
	unsigned n_ids = 0, n_names = 0;
	struct peer *a, *b;
	uint64_t at;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 1);
	expect_eq(peer_acquire(b, NAME, 0, NULL), 0);
	expect_eq(engine_command(a->conn, KDBUS_CMD_LIST, &cmd), 0);
	for (at = 0; at < cmd.list_size; at += info->size) {
		info = (const void *)((const char *)engine_slice(a->conn, cmd.offset) + at);
		n_ids += info->id == a->id || info->id == b->id;
		if (info->size > sizeof(*info)) {
			expect_str(find_item(info, KDBUS_ITEM_OWNED_NAME)->name.name, NAME);
			n_names++;
		}
	}
	expect_eq(at, cmd.list_size);
	expect_eq(n_ids, 2u);
	expect_eq(n_names, 1u);
	engine_slice_free(a->conn, cmd.offset);

	cmd.flags = 0;
	expect_eq(engine_command(a->conn, KDBUS_CMD_LIST, &cmd), 0);
	expect_eq(cmd.list_size, 0u);
	engine_slice_free(a->conn, cmd.offset);
	bus_close(bus);
}

CARRIER_TEST(command_that_fails_says_why)
{
	struct kdbus_cmd_info info = {.size = sizeof(info), .id = 99};
	struct kdbus_cmd_match match = {.size = sizeof(match), .cookie = 3};
	struct peer *a;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	expect_eq(engine_command(a->conn, KDBUS_CMD_CONN_INFO, &info), -ENXIO);
	expect_eq(engine_command(a->conn, KDBUS_CMD_MATCH_REMOVE, &match), -EBADSLT);
	info.size = 8;
	expect_eq(engine_command(a->conn, KDBUS_CMD_CONN_INFO, &info), -EINVAL);
	expect_eq(peer_acquire(a, "not-a-name", 0, NULL), -EINVAL);
	bus_close(bus);
}

/* counters */

CARRIER_TEST(every_message_is_counted)
{
	struct engine_stats stats;
	struct peer *a, *b, *c;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 1);
	c = bus_connect(bus, 2);
	peer_want(b, WANT_SIGNALS);
	peer_want(c, WANT_SIGNALS | WANT_NAMES);
	expect_eq(peer_unicast(a, b->id, "x"), 0);
	expect_eq(peer_unicast(a, 999, "x"), -ENXIO);
	expect_eq(peer_broadcast(a, "x"), 0);
	expect_eq(peer_acquire(a, NAME, 0, NULL), 0);
	peer_drain(a);
	peer_drain(b);
	peer_drain(c);
	engine_get_stats(bus->engine, &stats);
	expect_eq(stats.n_sends, 2u);
	expect_eq(stats.n_recvs, 3u);
	expect_eq(stats.n_notifications, 2u);
	expect_eq(stats.n_lost, 0u);
	bus_close(bus);
}
