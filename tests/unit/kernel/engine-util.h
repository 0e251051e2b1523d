/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bus for tests of the seam, over any carrier
 *
 * Peers are connections with a plain idea of what broadcasts they want, which the
 * host of the bus answers in the way the carrier asks.  Everything the host is
 * told is counted.
 */
#pragma once

#include "kernel/engine/engine.h"
#include "tests/harness/tap.h"
#include "tests/unit/kernel/remote-util.h"

#define BUS_PEERS_MAX 300

/* what a peer wants; changes of its own names come in any case */
#define WANT_SIGNALS (1u << 0)
#define WANT_NAMES   (1u << 1)
#define WANT_IDS     (1u << 2)

struct bus;

/**
 * struct peer - a connection
 * @bus: where
 * @conn: NULL once closed
 * @id: its id
 * @wants: WANT_*
 * @n_wakes: how often it was woken
 * @n_lost: broadcasts that went missing
 * @lost_src: sender of the last one of them, as far as the carrier knows
 */
struct peer {
	struct bus *bus;
	struct engine_conn *conn;
	uint64_t id;
	unsigned wants;
	unsigned n_wakes;
	unsigned n_lost;
	uint64_t lost_src;
};

/**
 * struct startable - a name with an activator
 * @bus: where
 * @activator: NULL once removed
 * @n_waits: how often it was told that a message waits
 * @n_taken: how often it was told that the name has an owner
 */
struct startable {
	struct bus *bus;
	struct engine_activator *activator;
	unsigned n_waits;
	unsigned n_taken;
};

/**
 * struct bus - an engine and its peers
 * @engine: the engine
 * @is_direct: payload travels by reference
 * @is_remote: it is not in this process: in one of this test's making, or in the kernel
 * @is_mounted: it is in the kernel
 * @address: where it is then
 * @is_served: other processes find it in server.dir
 * @deadline_ns: what the host was told last
 * @deny: errno of may_deliver() from @deny_src to @deny_dst
 * @deny_wait: errno of may_wait()
 * @undelivered: a line per message that was not delivered: sender, receiver, errno, text
 * @listens: somebody wants to see what passes between others
 * @heard: what was told of that, on the carriers that have news()
 * @n_peers: number of @peers, closed ones included
 */
struct bus {
	struct engine *engine;
	bool is_direct;
	bool is_remote;
	bool is_mounted;
	char address[64];
	bool is_served;
	struct remote_server server;
	struct engine_host host;
	uint64_t deadline_ns;
	int deny;
	uint64_t deny_src, deny_dst;
	int deny_wait;
	char undelivered[256];
	bool listens;
	char heard[512];
	unsigned n_peers;
	struct peer peers[BUS_PEERS_MAX];
};

/* @address: of an engine, or "remote".  How that is reached $ENGINE_CARRIER says: "socket", the
 * default; "run", as kdbusfs, under kdbus-run's library; "mount", as kdbusfs, in the kernel */
void bus_open(struct bus *bus, const char *address, const struct engine_limits *limits);
/* @bus is a second engine on the bus of @other, which is "remote" */
void bus_join(struct bus *bus, const struct bus *other);
/* "embedded", and served to other processes */
void bus_open_served(struct bus *bus);
/* closes all peers as well */
void bus_close(struct bus *bus);
/* has wake() called for all peers that became readable */
void bus_dispatch(struct bus *bus);

/* a peer that accepts descriptors, of uid 1000 + @user */
struct peer *bus_connect(struct bus *bus, unsigned user);
int bus_try_connect(struct bus *bus, uint64_t flags, unsigned user, struct peer **peer_out);
void peer_close(struct peer *peer);
void peer_want(struct peer *peer, unsigned wants);

/* NAME_ACQUIRE and NAME_RELEASE: errno or 0; *@flags_out gets return_flags unless NULL */
int peer_acquire(struct peer *peer, const char *name, uint64_t flags, uint64_t *flags_out);
int peer_release(struct peer *peer, const char *name);

/* a payload of its own, with a reference */
struct engine_payload *payload_new(const void *bytes, size_t size, const int *fds, unsigned n_fds);
/* an activator that grants nothing; closed by startable_close(), before the bus */
void startable_open(struct startable *startable, struct bus *bus, const char *name);
void startable_close(struct startable *startable);
/* takes the oldest waiting message out and compares it with a description */
void startable_expect(struct startable *startable, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* payloads that were not released yet */
unsigned payloads_alive(void);

/* sends @text with @send's other members */
int peer_send(struct peer *peer, struct engine_send send, const char *text);
/* the commonest of them */
int peer_unicast(struct peer *from, uint64_t dst_id, const char *text);
int peer_broadcast(struct peer *from, const char *text);
int peer_unicast_name(struct peer *from, const char *name, const char *text);
int peer_call_name(struct peer *from, const char *name, uint64_t cookie, uint64_t timeout_ns);
int peer_call(struct peer *from, uint64_t dst_id, uint64_t cookie, uint64_t timeout_ns);
int peer_reply(struct peer *from, uint64_t dst_id, uint64_t cookie_reply, const char *text);

/**
 * peer_expect() - receives one thing and compares it with a description
 * @format: "<src> <text>" for messages, else as in peer_describe()
 */
void peer_expect(struct peer *peer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* there is nothing more */
void peer_expect_empty(struct peer *peer);
/* receives and forgets everything; how much that was */
unsigned peer_drain(struct peer *peer);

/* one line that says what @received is:
 *	3 hello				text from connection 3
 *	+id 3, -id 3
 *	+name a.b 3, -name a.b 3	taken by, released by
 *	name a.b 3 4			handed over from, to
 *	dead 7, timeout 7		no reply to cookie
 */
void received_describe(const struct engine_received *received, char *line, size_t size);

/* each test runs on every carrier */
#define CARRIER_TEST(name)                                                                         \
	static void name(struct bus *bus, const char *address);                                    \
	TEST(name##_direct)                                                                        \
	{                                                                                          \
		static struct bus bus;                                                             \
		name(&bus, "embedded");                                                            \
	}                                                                                          \
	TEST(name##_pool)                                                                          \
	{                                                                                          \
		static struct bus bus;                                                             \
		name(&bus, "embedded:pool");                                                       \
	}                                                                                          \
	TEST(name##_remote)                                                                        \
	{                                                                                          \
		static struct bus bus;                                                             \
		name(&bus, "remote");                                                              \
	}                                                                                          \
	static void name(struct bus *bus, const char *address)
