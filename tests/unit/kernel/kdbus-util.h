/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bus to test the core with
 *
 * A peer is a connection, reached in one of two ways that the tests do not have to
 * tell apart: by handle, with ABI structs, a pool and an eventfd; or directly, as
 * the hosted proxies do.  Commands are built in a struct cmd and messages in a
 * struct msg; whatever arrives becomes a struct got.
 *
 * Functions that return int return what the core does, so errors can be compared;
 * the others end the test when something goes wrong.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/core/connection.h"
#include "kernel/embedded/embedded.h"
#include "kernel/embedded/host.h"
#include "kernel/engine/engine.h"
#include "tests/harness/command.h"
#include "tests/harness/tap.h"

#define MiB (1024 * 1024)

/* bus */

#define BUS_STRICT (1u << 0)

/**
 * struct bus - a bus in a domain of its own
 * @embedded: the domain
 * @owner: handle that made the bus
 * @path: of its default endpoint
 * @name: of its directory
 * @core: the bus itself
 * @candidates: who wants broadcasts, of those that are indexed
 * @tags: what is said about them
 * @n_candidates: number of both
 * @n_asked: how often the host was asked for them
 * @refuses: what may_deliver() and may_move() say
 * @n_refusals_asked: how often it was asked
 * @deadline: last one that was announced
 * @lost_src: sender of the last broadcast that a direct peer lost
 * @n_lost: how many they lost
 */
struct bus {
	struct kdbus_embedded *embedded;
	struct kdbus_embedded_handle *owner;
	char path[64];
	char name[56];
	struct kdbus_bus *core;

	struct kdbus_conn *candidates[4];
	uint64_t tags[4];
	unsigned n_candidates;
	unsigned n_asked;
	int refuses;
	unsigned n_refusals_asked;
	uint64_t deadline;
	uint64_t lost_src;
	unsigned n_lost;
};

/* bloom filters of 64 bytes, everybody may enter */
void bus_init(struct bus *bus, unsigned flags);
void bus_init_limits(struct bus *bus, unsigned flags, const struct kdbus_limits *limits);
void bus_deinit(struct bus *bus);

/* peers */

#define PEER_DIRECT  (1u << 0)
#define PEER_INDEXED (1u << 1) /* with PEER_DIRECT */
#define PEER_NO_FDS  (1u << 2)

struct peer {
	struct bus *bus;
	unsigned flags;
	uint64_t id;
	uint64_t pool_size;
	const uint8_t *pool;
	struct kdbus_embedded_handle *handle;
	struct kdbus_conn *conn;
	struct embedded_caller caller; /* direct */
	unsigned n_wakes;
};

/* HELLO as in cmd; @cred NULL: this process */
int peer_hello(struct peer *peer, struct bus *bus, unsigned flags, struct cmd *hello,
	       const struct kdbus_embedded_cred *cred);
/* same through another endpoint, handles only */
int peer_hello_at(struct peer *peer, struct bus *bus, const char *path, struct cmd *hello,
		  const struct kdbus_embedded_cred *cred);
/* HELLO with flags ACCEPT_FD, everything sent, nothing asked for, a pool of 16 MiB */
void hello_init(struct cmd *hello);
/* an ordinary peer of ours, or of @uid who has no privileges */
void peer_init(struct peer *peer, struct bus *bus, unsigned flags);
void peer_init_uid(struct peer *peer, struct bus *bus, uint32_t uid);
/* a policy holder for @name, with one access record unless @type is 0 */
void peer_init_holder(struct peer *peer, struct bus *bus, const char *name, uint64_t type,
		      uint64_t access, uint64_t id);
/* an activator of @name, by handle or direct, with one access record unless @type is 0 */
void peer_init_activator(struct peer *peer, struct bus *bus, unsigned flags, const char *name,
			 uint64_t type, uint64_t access, uint64_t id);
void peer_deinit(struct peer *peer);
/* credentials of somebody who is not us */
struct kdbus_embedded_cred cred_of(uint32_t uid);

int peer_command(struct peer *peer, unsigned long nr, struct cmd *cmd);
int peer_acquire(struct peer *peer, const char *name, uint64_t flags, uint64_t *return_flags_out);
int peer_release(struct peer *peer, const char *name);
int peer_byebye(struct peer *peer);
int peer_free(struct peer *peer, uint64_t offset);
/* one rule: ID any; everything that comes from userspace */
void peer_match_all(struct peer *peer);
/* a match without rules */
void peer_match_everything(struct peer *peer);
/* a match for each kind of notification */
void peer_match_notifications(struct peer *peer);

/* messages */

struct send {
	uint64_t flags;
	uint64_t dst_id;
	const char *dst_name;
	uint64_t cookie;
	uint64_t cookie_reply; /* or timeout_ns */
	int64_t priority;
	const void *data;
	size_t size;
	const int *fds;
	size_t n_fds;
	const uint64_t *bloom; /* 8 words; for signals, zeros if NULL */
	uint64_t generation;
};

/* the message in ABI form */
void msg_init(struct cmd *msg, const struct send *send);
/* SEND of a message in ABI form; handles only */
int peer_send_msg(struct peer *peer, struct cmd *msg);
int peer_send(struct peer *peer, const struct send *send);
/* @size zero bytes to an id */
int peer_send_to(struct peer *peer, uint64_t dst_id, uint64_t cookie, size_t size);
int peer_call(struct peer *peer, uint64_t dst_id, uint64_t cookie, uint64_t deadline_ns);
int peer_reply(struct peer *peer, uint64_t dst_id, uint64_t cookie_reply);
/* the same to a name: its text, and a call */
int peer_send_name(struct peer *peer, const char *name, uint64_t cookie);
int peer_call_name(struct peer *peer, const char *name, uint64_t cookie);
int peer_broadcast(struct peer *peer, uint64_t cookie);

/**
 * struct got - what RECV gave
 * @type: of a notification, else 0
 * @text: what was sent, or the name of a notification; NUL-terminated, cut
 */
struct got {
	uint64_t src_id, dst_id, flags, cookie, cookie_reply, payload_type;
	uint64_t type, old_id, old_flags, new_id, new_flags;
	char text[300];
	size_t size;
	int fds[16];
	size_t n_fds;
	uint64_t return_flags, dropped, tag;
	uint64_t offset, slice_size;
};

/* takes one out of the queue; its slice is freed, its descriptors are the caller's */
int peer_recv(struct peer *peer, struct got *got);
/* same, and the test ends unless there is one */
struct got peer_get(struct peer *peer);
void expect_nothing(struct peer *peer);
void expect_message(struct peer *peer, uint64_t src_id, uint64_t cookie);
void expect_name(struct peer *peer, uint64_t type, const char *name, uint64_t old_id,
		 uint64_t old_flags, uint64_t new_id, uint64_t new_flags);
void expect_id(struct peer *peer, uint64_t type, uint64_t id);
void expect_reply_note(struct peer *peer, uint64_t type, uint64_t cookie);
/* receives until the queue is empty; how many */
unsigned peer_drain(struct peer *peer);

/* LIST as text: "id:name/flags id:name/flags ..." in hex flags; "id" for one without name */
const char *peer_list(struct peer *peer, uint64_t flags);
/* "id/flags id/flags": owners of a name as LIST(NAMES|QUEUED) shows them, by position */
const char *name_queue(struct bus *bus, const char *name);

/* runs what follows for both ways to reach a peer */
#define FOR_EACH_KIND(kind)                                                                        \
	for (unsigned kind##_i = 0, kind = 0; kind##_i < 2; kind##_i++, kind = PEER_DIRECT)
