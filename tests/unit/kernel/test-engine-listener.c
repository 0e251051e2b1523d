/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What passes on a bus behind command structs, for a host that listens */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/kernel/engine-util.h"

static const char *const carriers[] = {"embedded:pool", "remote"};

#define FOR_EACH_CARRIER(i) for (size_t i = 0; i < sizeof(carriers) / sizeof(carriers[0]); i++)

/* and nothing else, since the last time */
static void expect_heard(struct bus *bus, const char *format, unsigned long long a,
			 unsigned long long b)
{
	char text[200];

	snprintf(text, sizeof(text), format, a, b);
	expect_str(bus->heard, text);
	bus->heard[0] = '\0';
}

/* who is told of a command next, a reply for example, is told after its news */
TEST(news_is_there_when_a_command_returns)
{
	FOR_EACH_CARRIER(i)
	{
		struct peer *a, *b;
		struct bus bus;

		bus_open(&bus, carriers[i], NULL);
		a = bus_connect(&bus, 0);
		expect_eq(peer_acquire(a, "a.b", KDBUS_NAME_ALLOW_REPLACEMENT, NULL), 0);
		expect_heard(&bus, "", 0, 0);
		bus.listens = true;
		b = bus_connect(&bus, 0);
		expect_heard(&bus, "+%llu ", b->id, 0);
		expect_eq(peer_acquire(b, "a.b", KDBUS_NAME_REPLACE_EXISTING, NULL), 0);
		expect_heard(&bus, "a.b:%llu>%llu ", a->id, b->id);
		expect_eq(peer_acquire(a, "a.c", 0, NULL), 0);
		expect_heard(&bus, "a.c:0>%llu ", a->id, 0);
		expect_eq(peer_release(a, "a.c"), 0);
		expect_heard(&bus, "a.c:%llu>0 ", a->id, 0);
		peer_close(b);
		expect_heard(&bus, "a.b:%llu>0 -%llu ", b->id, b->id);
		bus.listens = false;
		bus_dispatch(&bus);
		peer_close(bus_connect(&bus, 0));
		expect_heard(&bus, "", 0, 0);
		bus_close(&bus);
	}
}

TEST(own_messages_are_known_already)
{
	FOR_EACH_CARRIER(i)
	{
		struct peer *a, *b;
		struct bus bus;

		bus_open(&bus, carriers[i], NULL);
		bus.listens = true;
		a = bus_connect(&bus, 0);
		b = bus_connect(&bus, 0);
		bus.heard[0] = '\0';
		expect_eq(peer_send(a, (struct engine_send){.dst_id = b->id, .cookie = 1}, "own"),
			  0);
		/* of one who has gone, too */
		expect_eq(peer_send(a, (struct engine_send){.dst_id = b->id, .cookie = 2}, "own"),
			  0);
		peer_close(a);
		bus_dispatch(&bus);
		expect_heard(&bus, "-%llu ", a->id, 0);
		bus_close(&bus);
	}
}

TEST(strangers_are_overheard)
{
	struct bus bus, other;
	struct peer *a, *b;
	char text[100];

	bus_open(&bus, "remote", NULL);
	bus.listens = true;
	bus_connect(&bus, 0);
	bus.heard[0] = '\0';
	bus_join(&other, &bus);
	a = bus_connect(&other, 0);
	b = bus_connect(&other, 0);
	expect_eq(peer_send(a, (struct engine_send){.dst_id = b->id, .cookie = 1}, "text"), 0);
	snprintf(text, sizeof(text), "+%llu +%llu %llu to %llu:text ", (unsigned long long)a->id,
		 (unsigned long long)b->id, (unsigned long long)a->id, (unsigned long long)b->id);
	while (strlen(bus.heard) < strlen(text)) {
		struct pollfd pollfd = {.fd = engine_poll_fd(bus.engine), .events = POLLIN};

		expect_eq(poll(&pollfd, 1, 10000), 1);
		expect_eq(engine_dispatch(bus.engine), 0);
	}
	expect_str(bus.heard, text);
	bus_close(&other);
	bus_close(&bus);
}
