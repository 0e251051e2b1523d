/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Activators at the seam, on every carrier: what kernel/engine/engine.h says of them */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/kernel/engine-util.h"

#define NAME  "org.example.Name"
#define OTHER "org.example.Other"

static void expect_waiting(const struct bus *bus, const struct startable *startable, uint32_t n)
{
	/* the others know only that there are some */
	expect_eq(engine_activator_n_waiting(startable->activator), bus->is_direct ? n : n > 0);
}

static int expect_change(struct peer *peer)
{
	struct engine_received received;
	int type;

	expect_eq(engine_recv(peer->conn, &received), 0);
	expect_eq(received.src_id, KDBUS_SRC_ID_KERNEL);
	type = received.notification.type;
	engine_received_release(&received);
	return type;
}

static unsigned long long id_of(const struct peer *peer)
{
	return peer->id;
}

CARRIER_TEST(what_waits_goes_to_the_owner_in_order)
{
	struct engine_received received;
	struct startable name;
	struct peer *client, *service;

	bus_open(bus, address, NULL);
	client = bus_connect(bus, 0);
	service = bus_connect(bus, 1);
	startable_open(&name, bus, NAME);
	expect(engine_activator_is_holder(name.activator));
	expect_waiting(bus, &name, 0);

	expect_eq(peer_unicast_name(client, NAME, "one"), 0);
	bus_dispatch(bus);
	expect_eq(name.n_waits, 1u);
	expect_eq(peer_unicast_name(client, NAME, "two"), 0);
	expect_waiting(bus, &name, 2);
	expect_eq(peer_acquire(service, NAME, 0, NULL), 0);
	expect_eq(name.n_taken, 1u);
	expect(!engine_activator_is_holder(name.activator));
	expect_waiting(bus, &name, 0);
	expect_eq(peer_unicast_name(client, NAME, "three"), 0);

	/* the activator has an id that is nobody's, and the name is the owner's before all else */
	expect_eq(engine_recv(service->conn, &received), 0);
	expect_eq(received.notification.type, KDBUS_ITEM_NAME_CHANGE);
	expect_eq(received.notification.new_id, service->id);
	expect(received.notification.old_flags & KDBUS_NAME_ACTIVATOR);
	engine_received_release(&received);
	peer_expect(service, "%llu one", id_of(client));
	peer_expect(service, "%llu two", id_of(client));
	peer_expect(service, "%llu three", id_of(client));
	peer_expect_empty(service);
	startable_close(&name);
	bus_close(bus);
}

CARRIER_TEST(activator_is_no_owner)
{
	struct startable name;
	struct peer *a, *b;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	startable_open(&name, bus, NAME);
	b = bus_connect(bus, 0);
	expect_eq(b->id, a->id + 1);
	expect_str(engine_activator_name(name.activator), NAME);
	expect(!engine_find_owner(bus->engine, NAME));
	expect_eq(peer_send(a,
			    (struct engine_send){
				    .flags = KDBUS_MSG_NO_AUTO_START,
				    .dst_name = NAME,
			    },
			    "no"),
		  -EADDRNOTAVAIL);
	expect_eq(peer_acquire(a, NAME, 0, NULL), 0);
	expect(engine_find_owner(bus->engine, NAME) == a->conn);
	expect_eq(peer_release(a, NAME), 0);
	expect(!engine_find_owner(bus->engine, NAME));
	expect_eq(name.n_waits, 0u);
	startable_close(&name);
	expect_eq(peer_unicast_name(a, NAME, "x"), -ESRCH);
	bus_close(bus);
}

CARRIER_TEST(activator_behind_an_owner)
{
	struct startable name;
	struct peer *a, *b;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 0);
	expect_eq(peer_acquire(a, NAME, 0, NULL), 0);
	startable_open(&name, bus, NAME);
	expect(!engine_activator_is_holder(name.activator));
	expect_eq(peer_unicast_name(b, NAME, "x"), 0);
	expect_eq(expect_change(a), KDBUS_ITEM_NAME_ADD);
	expect_eq(name.n_taken, 0u);
	/* what it left unread starts it again */
	peer_close(a);
	bus_dispatch(bus);
	expect(engine_activator_is_holder(name.activator));
	expect_eq(name.n_waits, 1u);
	expect_waiting(bus, &name, 1);
	expect_eq(peer_acquire(b, NAME, 0, NULL), 0);
	expect_eq(name.n_taken, 1u);
	expect_eq(expect_change(b), KDBUS_ITEM_NAME_CHANGE);
	peer_expect(b, "%llu x", id_of(b));
	peer_expect_empty(b);
	startable_close(&name);
	bus_close(bus);
}

CARRIER_TEST(one_activator_per_name)
{
	const struct kdbus_policy_access world = {
		.type = KDBUS_POLICY_ACCESS_WORLD,
		.access = KDBUS_POLICY_TALK,
	};
	const struct kdbus_policy_access bad = {.type = 9, .access = KDBUS_POLICY_TALK};
	struct startable name, other;
	struct engine_activator *activator;

	bus_open(bus, address, NULL);
	startable_open(&name, bus, NAME);
	startable_open(&other, bus, OTHER);
	expect_eq(engine_activator_add(bus->engine, NAME, NULL, 0, NULL, &activator), -EEXIST);
	expect_eq(engine_activator_add(bus->engine, "org.x.*", NULL, 0, NULL, &activator), -EINVAL);
	expect_eq(engine_activator_add(bus->engine, "x", NULL, 0, NULL, &activator), -EINVAL);
	expect_eq(engine_activator_add(bus->engine, "x.y", &bad, 1, NULL, &activator), -EINVAL);
	expect_eq(engine_activator_replace(name.activator, &world, 1), 0);
	expect_eq(engine_activator_replace(name.activator, &bad, 1), -EINVAL);
	expect(!engine_activator_remove(NULL));
	startable_close(&other);
	startable_close(&name);
	startable_open(&name, bus, NAME);
	startable_close(&name);
	bus_close(bus);
}

CARRIER_TEST(entry_of_the_policy_passes_over)
{
	struct engine_policy *policy, *again;
	struct startable name;

	bus_open(bus, address, NULL);
	expect_eq(engine_policy_add(bus->engine, NAME, NULL, 0, &policy), 0);
	startable_open(&name, bus, NAME);
	expect(!engine_policy_remove(policy));
	/* it is the activator's, which has it until it passes back */
	expect_eq(engine_policy_add(bus->engine, NAME, NULL, 0, &policy), 0);
	expect_eq(engine_policy_add(bus->engine, NAME, NULL, 0, &again), -EEXIST);
	startable_close(&name);
	expect_eq(engine_policy_add(bus->engine, NAME, NULL, 0, &again), -EEXIST);
	engine_policy_remove(policy);
	bus_close(bus);
}

CARRIER_TEST(waiting_messages_are_limited)
{
	struct engine_limits limits = {.n_msgs_user = 3};
	struct startable name;
	struct peer *a, *b;

	bus_open(bus, address, &limits);
	a = bus_connect(bus, 1);
	b = bus_connect(bus, 2);
	startable_open(&name, bus, NAME);
	for (unsigned i = 0; i < 3; i++)
		expect_eq(peer_unicast_name(a, NAME, "x"), 0);
	expect_eq(peer_unicast_name(a, NAME, "x"), -ENOBUFS);
	expect_eq(peer_unicast_name(b, NAME, "y"), 0);
	expect_waiting(bus, &name, 4);
	startable_expect(&name, "%llu x", id_of(a));
	expect_eq(peer_unicast_name(a, NAME, "x"), 0);
	startable_close(&name);
	bus_close(bus);
}

CARRIER_TEST(failed_start)
{
	struct engine_received received;
	struct startable name;
	struct peer *a, *b;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 0);
	startable_open(&name, bus, NAME);
	expect_eq(engine_activator_drop(name.activator, &received), -EAGAIN);
	expect_eq(peer_unicast_name(a, NAME, "one"), 0);
	expect_eq(peer_call_name(a, NAME, 7, ENGINE_NO_TIMEOUT), 0);
	expect_eq(peer_call_name(b, NAME, 8, ENGINE_NO_TIMEOUT), 0);
	startable_expect(&name, "%llu one", id_of(a));

	/* the host answers, or the bus */
	expect_eq(engine_activator_drop(name.activator, &received), 0);
	expect_eq(received.src_id, a->id);
	expect_eq(received.cookie, 7u);
	expect_eq(received.flags, KDBUS_MSG_EXPECT_REPLY);
	expect_str(received.dst_name, NAME);
	expect_eq(received.is_reply_dead, !bus->is_direct);
	expect_eq(received.is_shared, bus->is_direct);
	engine_received_release(&received);
	if (!bus->is_direct)
		peer_expect(a, "dead 7");
	peer_expect_empty(a);

	/* whose sender has gone */
	peer_close(b);
	expect_eq(engine_activator_drop(name.activator, &received), 0);
	expect(!engine_find_conn(bus->engine, received.src_id));
	engine_received_release(&received);
	expect_eq(engine_activator_drop(name.activator, &received), -EAGAIN);
	expect_waiting(bus, &name, 0);

	/* the cookie is free again, and the next attempt is as good as the first */
	name.n_waits = 0;
	expect_eq(peer_call_name(a, NAME, 7, ENGINE_NO_TIMEOUT), 0);
	bus_dispatch(bus);
	expect_eq(name.n_waits, 1u);
	b = bus_connect(bus, 0);
	expect_eq(peer_acquire(b, NAME, 0, NULL), 0);
	expect_eq(expect_change(b), KDBUS_ITEM_NAME_CHANGE);
	peer_expect(b, "%llu call", id_of(a));
	expect_eq(peer_reply(b, a->id, 7, "reply"), 0);
	peer_expect(a, "%llu reply", id_of(b));
	startable_close(&name);
	bus_close(bus);
}

CARRIER_TEST(name_ceases_to_be_startable)
{
	struct startable name;
	struct peer *a;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	startable_open(&name, bus, NAME);
	expect_eq(peer_call_name(a, NAME, 7, ENGINE_NO_TIMEOUT), 0);
	expect_eq(peer_unicast_name(a, NAME, "one"), 0);
	startable_close(&name);
	peer_expect(a, "dead 7");
	peer_expect_empty(a);
	bus_close(bus);
}

CARRIER_TEST(reply_may_time_out_while_the_call_waits)
{
	struct startable name;
	struct peer *a, *b;

	bus_open(bus, address, NULL);
	if (bus->is_remote) {
		bus_close(bus);
		skip("who serves the bus watches its deadlines");
	}
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 0);
	startable_open(&name, bus, NAME);
	expect_eq(peer_call_name(a, NAME, 7, 1000), 0);
	engine_expire(bus->engine, 1000);
	peer_expect(a, "timeout 7");
	expect_eq(peer_acquire(b, NAME, 0, NULL), 0);
	expect_eq(expect_change(b), KDBUS_ITEM_NAME_CHANGE);
	peer_expect(b, "%llu call", id_of(a));
	expect_eq(peer_reply(b, a->id, 7, "reply"), -EBADSLT);
	startable_close(&name);
	bus_close(bus);
}

CARRIER_TEST(message_of_a_sender_who_has_gone_is_dropped)
{
	struct startable name;
	struct peer *a, *b;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 0);
	startable_open(&name, bus, NAME);
	expect_eq(peer_call_name(a, NAME, 7, ENGINE_NO_TIMEOUT), 0);
	expect_eq(peer_unicast_name(b, NAME, "two"), 0);
	peer_close(a);
	expect_eq(peer_acquire(b, NAME, 0, NULL), 0);
	expect_eq(expect_change(b), KDBUS_ITEM_NAME_CHANGE);
	peer_expect(b, "%llu two", id_of(b));
	peer_expect_empty(b);
	expect_str(bus->undelivered, "");
	startable_close(&name);
	bus_close(bus);
}

CARRIER_TEST(signals_wait_as_well)
{
	static const uint8_t bloom[64];
	struct startable name;
	struct peer *a, *b;

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 0);
	startable_open(&name, bus, NAME);
	expect_eq(peer_send(a,
			    (struct engine_send){
				    .flags = KDBUS_MSG_SIGNAL,
				    .dst_name = NAME,
				    .bloom = engine_needs_bloom(bus->engine) ? bloom : NULL,
			    },
			    "signal"),
		  0);
	expect_waiting(bus, &name, 1);
	expect_eq(peer_acquire(b, NAME, 0, NULL), 0);
	expect_eq(expect_change(b), KDBUS_ITEM_NAME_CHANGE);
	/* the ABI does not tell what matches it would have hit */
	if (bus->is_direct)
		peer_expect(b, "%llu signal", id_of(a));
	peer_expect_empty(b);
	startable_close(&name);
	bus_close(bus);
}

CARRIER_TEST(descriptors_wait_as_well)
{
	struct engine_received received;
	struct engine_send send = {.dst_name = NAME, .cookie = 1};
	struct startable name;
	struct peer *a, *b;
	int fd = dup(STDIN_FILENO);

	bus_open(bus, address, NULL);
	a = bus_connect(bus, 0);
	b = bus_connect(bus, 0);
	startable_open(&name, bus, NAME);
	send.payload = payload_new("x", 1, &fd, 1);
	expect_eq(engine_send(a->conn, &send), 0);
	engine_payload_unref(send.payload);
	expect_eq(peer_acquire(b, NAME, 0, NULL), 0);
	expect_eq(expect_change(b), KDBUS_ITEM_NAME_CHANGE);
	expect_eq(engine_recv(b->conn, &received), 0);
	expect_eq(received.payload->n_fds, 1u);
	expect_ge(received.payload->fds[0], 0);
	engine_received_release(&received);
	startable_close(&name);
	bus_close(bus);
}

/* what only the direct carrier asks its host, and tells it */

TEST(host_says_what_may_wait)
{
	struct startable name;
	struct peer *a;
	static struct bus bus;

	bus_open(&bus, "embedded", NULL);
	a = bus_connect(&bus, 0);
	startable_open(&name, &bus, NAME);
	bus.deny_wait = -EACCES;
	expect_eq(peer_call_name(a, NAME, 7, ENGINE_NO_TIMEOUT), -EACCES);
	expect_eq(engine_activator_n_waiting(name.activator), 0u);
	expect_eq(name.n_waits, 0u);
	bus.deny_wait = 0;
	expect_eq(peer_call_name(a, NAME, 7, ENGINE_NO_TIMEOUT), 0);
	expect_eq(peer_call_name(a, NAME, 8, ENGINE_NO_TIMEOUT), 0);
	expect_eq(name.n_waits, 2u);
	startable_close(&name);
	bus_close(&bus);
}

TEST(host_is_asked_again_at_the_move)
{
	struct startable name;
	struct peer *a, *b, *c;
	static struct bus bus;
	char expected[64];

	bus_open(&bus, "embedded", NULL);
	a = bus_connect(&bus, 0);
	b = bus_connect(&bus, 0);
	c = bus_connect(&bus, 0);
	startable_open(&name, &bus, NAME);
	expect_eq(peer_call_name(a, NAME, 7, ENGINE_NO_TIMEOUT), 0);
	expect_eq(peer_unicast_name(c, NAME, "two"), 0);
	bus.deny = -EACCES;
	bus.deny_src = a->id;
	bus.deny_dst = b->id;
	expect_eq(peer_acquire(b, NAME, 0, NULL), 0);
	expect_eq(expect_change(b), KDBUS_ITEM_NAME_CHANGE);
	peer_expect(b, "%llu two", id_of(c));
	peer_expect_empty(b);
	snprintf(expected, sizeof(expected), "%llu %llu %d call\n", id_of(a), id_of(b), EACCES);
	expect_str(bus.undelivered, expected);
	/* nobody waits for a reply, and the bus says nothing of it */
	expect_eq(peer_reply(b, a->id, 7, "reply"), -EBADSLT);
	peer_expect_empty(a);
	expect_eq(b->n_lost, 0u);
	startable_close(&name);
	bus_close(&bus);
}

TEST(host_learns_what_does_not_fit)
{
	struct engine_limits limits = {.n_msgs_user = 2};
	struct engine_send send = {.dst_name = NAME, .cookie = 1};
	struct startable name;
	struct peer *a, *b;
	static struct bus bus;
	char expected[128];
	int fd = dup(STDIN_FILENO);

	bus_open(&bus, "embedded", &limits);
	a = bus_connect(&bus, 0);
	expect_eq(bus_try_connect(&bus, 0, 1, &b), 0);
	startable_open(&name, &bus, NAME);
	send.payload = payload_new("fds", 3, &fd, 1);
	expect_eq(engine_send(a->conn, &send), 0);
	engine_payload_unref(send.payload);
	expect_eq(peer_unicast_name(a, NAME, "full"), 0);
	expect_eq(peer_unicast(a, b->id, "x"), 0);
	expect_eq(peer_unicast(a, b->id, "y"), 0);
	expect_eq(peer_acquire(b, NAME, 0, NULL), 0);
	snprintf(expected, sizeof(expected), "%llu %llu %d fds\n%llu %llu %d full\n", id_of(a),
		 id_of(b), ECOMM, id_of(a), id_of(b), ENOBUFS);
	expect_str(bus.undelivered, expected);
	expect_eq(peer_drain(b), 3u);
	startable_close(&name);
	bus_close(&bus);
}

/* a message that cannot pass back is one that nobody will answer */
TEST(no_room_to_wait_again)
{
	struct engine_limits limits = {.n_msgs_user = 3};
	struct startable name;
	struct peer *a, *b;
	static struct bus bus;

	bus_open(&bus, "embedded", &limits);
	a = bus_connect(&bus, 0);
	b = bus_connect(&bus, 1);
	startable_open(&name, &bus, NAME);
	expect_eq(peer_acquire(b, NAME, 0, NULL), 0);
	for (unsigned i = 1; i <= 3; i++)
		expect_eq(peer_call_name(a, NAME, i, ENGINE_NO_TIMEOUT), 0);
	limits.n_msgs_user = 2;
	expect_eq(engine_set_limits(bus.engine, &limits), 0);
	expect_eq(peer_release(b, NAME), 0);
	expect_eq(engine_activator_n_waiting(name.activator), 2u);
	peer_expect(a, "dead 3");
	peer_expect_empty(a);
	expect_str(bus.undelivered, "");
	startable_close(&name);
	bus_close(&bus);
}
