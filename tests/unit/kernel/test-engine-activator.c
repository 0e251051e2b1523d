/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Activators at the seam, on every carrier: what kernel/engine/engine.h says of them */
#include <errno.h>
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

CARRIER_TEST(what_waits_goes_to_the_owner_in_order)
{
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
	peer_drain(client);
	{
		struct engine_received received;

		expect_eq(engine_recv(service->conn, &received), 0);
		expect_eq(received.notification.type, KDBUS_ITEM_NAME_CHANGE);
		expect_eq(received.notification.new_id, service->id);
		expect(received.notification.old_flags & KDBUS_NAME_ACTIVATOR);
		engine_received_release(&received);
	}
	peer_expect(service, "%llu one", (unsigned long long)client->id);
	peer_expect(service, "%llu two", (unsigned long long)client->id);
	peer_expect(service, "%llu three", (unsigned long long)client->id);
	peer_expect_empty(service);
	startable_close(&name);
	bus_close(bus);
}
