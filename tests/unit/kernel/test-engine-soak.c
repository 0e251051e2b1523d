/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The carriers in lockstep
 *
 * Random operations are carried out on a bus of each carrier at once.  Every
 * answer, and everything received, must be the same: an index of who wants a
 * broadcast delivers exactly what the bus' own matches, filtered afterwards,
 * deliver.
 *
 * What the host wants changes only after the positions were asked for, because
 * one carrier judges broadcasts when they are sent and the other when they are
 * taken out of the bus.  Queues are drained before quota could matter: messages
 * that a position made the ABI carrier take are no longer in the bus' quota.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/kernel/engine-util.h"

#define N_SLOTS	  8
#define N_NAMES	  5
#define N_PENDING 16
#define QUEUE_MAX 100

/**
 * struct slot - a connection on each bus
 * @peer: of direct and pool; NULL while closed
 * @n_queued: upper bound of what is in its queue
 * @pending: calls it has received and not answered
 */
struct slot {
	struct peer *peer[2];
	unsigned n_queued;
	unsigned n_pending;
	struct {
		uint64_t id, cookie;
	} pending[N_PENDING];
};

static struct bus buses[2];
static struct slot slots[N_SLOTS];
static unsigned long n_received;
static uint64_t last_cookie;
static uint64_t now_ns = 1000;

static unsigned below(unsigned n)
{
	return (unsigned)random() % n;
}

static const char *random_name(void)
{
	static const char *const names[N_NAMES] = {
		"org.example.A", "org.example.B", "org.example.C", "org.example.D", "org.example.E",
	};

	return names[below(N_NAMES)];
}

static struct slot *random_slot(void)
{
	struct slot *slot = &slots[below(N_SLOTS)];

	return slot->peer[0] ? slot : NULL;
}

/* an id that is, was or will never be */
static uint64_t random_id(void)
{
	struct slot *slot = random_slot();

	if (slot)
		return slot->peer[0]->id;
	return below(4) ? 1 + below(buses[0].n_peers) : UINT64_MAX - 1 - below(3);
}

/* receives one thing on both; false when both have nothing */
static bool slot_recv(struct slot *slot)
{
	struct engine_received got[2];
	char lines[2][512];
	int r[2];

	for (int i = 0; i < 2; i++)
		r[i] = engine_recv(slot->peer[i]->conn, &got[i]);
	if (r[0] != r[1]) {
		int i = r[0] == 0 ? 0 : 1;

		received_describe(&got[i], lines[0], sizeof(lines[0]));
		fail("%s alone has \"%s\" for %llu", i ? "pool" : "direct", lines[0],
		     (unsigned long long)slot->peer[i]->id);
	}
	if (r[0] < 0) {
		expect_eq(r[0], -EAGAIN);
		slot->n_queued = 0;
		return false;
	}
	for (int i = 0; i < 2; i++)
		received_describe(&got[i], lines[i], sizeof(lines[i]));
	expect_str(lines[0], lines[1]);
	expect_eq(got[0].position, got[1].position);
	expect_eq(got[0].dst_id, got[1].dst_id);
	expect_str(got[0].dst_name, got[1].dst_name);
	expect_eq(got[0].flags, got[1].flags);
	expect_eq(got[0].cookie, got[1].cookie);
	expect_eq(got[0].cookie_reply, got[1].cookie_reply);
	expect_eq(got[0].payload_type, got[1].payload_type);
	expect_eq(got[0].tag, got[1].tag);
	if (got[0].src_id == KDBUS_SRC_ID_KERNEL) {
		expect_eq(got[0].notification.old_flags, got[1].notification.old_flags);
		expect_eq(got[0].notification.new_flags, got[1].notification.new_flags);
	}
	if (got[0].flags & KDBUS_MSG_EXPECT_REPLY && slot->n_pending < N_PENDING) {
		slot->pending[slot->n_pending].id = got[0].src_id;
		slot->pending[slot->n_pending++].cookie = got[0].cookie;
	}
	for (int i = 0; i < 2; i++)
		engine_received_release(&got[i]);
	n_received++;
	return true;
}

static void slot_drain(struct slot *slot)
{
	while (slot_recv(slot))
		continue;
}

/* everybody may get one more; whoever has a long queue is drained */
static void all_may_get_one(void)
{
	for (unsigned i = 0; i < N_SLOTS; i++) {
		if (!slots[i].peer[0])
			continue;
		if (++slots[i].n_queued > QUEUE_MAX)
			slot_drain(&slots[i]);
	}
}

static void open_or_close(struct slot *slot)
{
	unsigned user = below(3);

	if (slot->peer[0]) {
		for (int i = 0; i < 2; i++)
			peer_close(slot->peer[i]);
		*slot = (struct slot){0};
	} else if (buses[0].n_peers < BUS_PEERS_MAX) {
		for (int i = 0; i < 2; i++)
			slot->peer[i] = bus_connect(&buses[i], user);
		expect_eq(slot->peer[0]->id, slot->peer[1]->id);
		slot->n_queued = 0;
	}
	/* names that it had, calls to it */
	for (int i = 0; i < 8; i++)
		all_may_get_one();
}

static void change_wants(struct slot *slot)
{
	unsigned wants = below(8);

	for (int i = 0; i < 2; i++)
		peer_want(slot->peer[i], wants);
}

static void change_name(struct slot *slot)
{
	const char *name = random_name();
	uint64_t flags = below(8), return_flags[2] = {0};
	bool acquire = below(5) > 1;
	int r[2];

	for (int i = 0; i < 2; i++)
		r[i] = acquire ? peer_acquire(slot->peer[i], name, flags, &return_flags[i])
			       : peer_release(slot->peer[i], name);
	expect_eq(r[0], r[1]);
	expect_eq(return_flags[0], return_flags[1]);
	all_may_get_one();
}

static void send_both(struct slot *slot, struct engine_send send)
{
	static const uint8_t bloom[64];
	char text[64];
	int r[2];

	snprintf(text, sizeof(text), "%llu from %llu", (unsigned long long)send.cookie,
		 (unsigned long long)slot->peer[0]->id);
	for (int i = 0; i < 2; i++) {
		if (send.flags & KDBUS_MSG_SIGNAL)
			send.bloom = engine_needs_bloom(buses[i].engine) ? bloom : NULL;
		r[i] = peer_send(slot->peer[i], send, text);
	}
	if (r[0] != r[1])
		fail("\"%s\" to %llu %s: %d or %d", text, (unsigned long long)send.dst_id,
		     send.dst_name ?: "", r[0], r[1]);
	all_may_get_one();
}

static void send_random(struct slot *slot)
{
	struct engine_send send = {.cookie = ++last_cookie};
	unsigned n;

	switch (below(8)) {
	case 0:
	case 1:
		send.flags = KDBUS_MSG_SIGNAL;
		send.dst_id = KDBUS_DST_ID_BROADCAST;
		break;
	case 2:
		send.flags = KDBUS_MSG_EXPECT_REPLY;
		send.dst_id = random_id();
		send.timeout_ns = below(3) ? ENGINE_NO_TIMEOUT : now_ns + below(100);
		break;
	case 3:
		send.flags = KDBUS_MSG_EXPECT_REPLY;
		send.dst_name = random_name();
		send.timeout_ns = ENGINE_NO_TIMEOUT;
		break;
	case 4:
		send.dst_name = random_name();
		send.dst_id = below(3) ? 0 : random_id();
		break;
	case 5:
		if (!slot->n_pending)
			return;
		n = below(slot->n_pending);
		send.dst_id = slot->pending[n].id;
		send.cookie_reply = slot->pending[n].cookie;
		slot->pending[n] = slot->pending[--slot->n_pending];
		break;
	case 6:
		send.dst_id = random_id();
		send.cookie_reply = below(4) ? 0 : 1 + below(100);
		break;
	default:
		send.dst_id = random_id();
		break;
	}
	send_both(slot, send);
}

static void compare_positions(struct slot *slot)
{
	expect_eq(engine_conn_position(slot->peer[0]->conn),
		  engine_conn_position(slot->peer[1]->conn));
}

static void expire(void)
{
	now_ns += below(50);
	for (int i = 0; i < 2; i++)
		engine_expire(buses[i].engine, now_ns);
	expect_eq(buses[0].deadline_ns, buses[1].deadline_ns);
	for (int i = 0; i < 3; i++)
		all_may_get_one();
}

static void step(void)
{
	struct slot *slot = random_slot();
	unsigned dice = below(1000);

	if (!below(1500)) {
		open_or_close(&slots[below(N_SLOTS)]);
		return;
	}
	if (dice < 20) {
		expire();
		return;
	}
	if (!slot)
		return;
	if (dice < 60)
		change_wants(slot);
	else if (dice < 200)
		change_name(slot);
	else if (dice < 250)
		compare_positions(slot);
	else if (dice < 600)
		send_random(slot);
	else
		slot_recv(slot);
}

static void soak(unsigned seed, unsigned n_steps, unsigned long n_at_least)
{
	struct engine_stats stats[2];

	srandom(seed);
	bus_open(&buses[0], "embedded", NULL);
	bus_open(&buses[1], "embedded:pool", NULL);
	for (unsigned i = 0; i < N_SLOTS; i++)
		open_or_close(&slots[i]);
	for (unsigned i = 0; i < n_steps; i++)
		step();
	for (unsigned i = 0; i < N_SLOTS; i++)
		if (slots[i].peer[0])
			slot_drain(&slots[i]);
	for (int i = 0; i < 2; i++)
		engine_get_stats(buses[i].engine, &stats[i]);
	expect_eq(stats[0].n_sends, stats[1].n_sends);
	expect_eq(stats[0].n_recvs, stats[1].n_recvs);
	expect_eq(stats[0].n_notifications, stats[1].n_notifications);
	expect_eq(stats[0].n_lost, 0u);
	expect_eq(stats[1].n_lost, 0u);
	note("%lu received, %llu of them messages", n_received,
	     (unsigned long long)stats[0].n_recvs);
	expect_ge(n_received, n_at_least);
	bus_close(&buses[0]);
	bus_close(&buses[1]);
}

TEST_TIMEOUT(carriers_deliver_the_same, 60)
{
	soak(1, 420000, 90000);
}

TEST_TIMEOUT(carriers_deliver_the_same_another_time, 60)
{
	soak(2, 420000, 90000);
}
