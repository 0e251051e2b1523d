/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What ABI tests are made of
 *
 * A test is an ABI_TEST(): it finds the bus B and may make peers; all that it
 * leaves is closed behind it.  Before each thing that it checks it says which
 * row of tests/abi/rows that is: row("3.12.cookie-reply").  The row that was named last
 * is the one that a failure is charged to.
 *
 * ABI_CARRIER (embedded, remote, file) chooses the implementation, ABI_PROFILE (P2, P1)
 * the revision.
 */
#pragma once

#include <fcntl.h>
#include <linux/kdbus.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/abi/carrier.h"
#include "tests/harness/command.h"
#include "tests/harness/tap.h"

#define MiB	    (1024 * 1024ULL)
#define ANY	    KDBUS_MATCH_ID_ANY
#define BROADCAST   KDBUS_DST_ID_BROADCAST
#define OTHER_UID   4711
#define ALIGN8(n)   (((n) + 7) & ~7ULL)
#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

#define ABI_TEST(test_name)                                                                        \
	static void abi_##test_name(void);                                                         \
	TEST(test_name)                                                                            \
	{                                                                                          \
		abi_begin();                                                                       \
		abi_##test_name();                                                                 \
		abi_end();                                                                         \
	}                                                                                          \
	static void abi_##test_name(void)

void abi_begin(void);
void abi_end(void);

/* what follows is this row of the contract */
void row(const char *id);
/* is it P1 that is tested */
bool p1(void);
/* ends the test as skipped unless the carrier has @feature */
void need(unsigned feature);
extern const struct abi_carrier *carrier;

/* system calls; whatever stays open is closed by abi_end() */
int node_open(const char *path, const struct abi_cred *cred, void **handle_out);
void node_close(void *handle);
int node_ioctl(void *handle, unsigned long nr, void *cmd);
/* @path of the bus B, for node_open() */
const char *node_path(const char *endpoint);

/* commands */

/* the valid form of each command; @peer_id: whom it may be about */
void cmd_fill(struct cmd *cmd, struct cmd *msg, unsigned long nr, uint64_t peer_id);

/* items of any list */
#define ITEM_NEXT(item)                                                                            \
	((const struct kdbus_item *)((const uint8_t *)(item) + ALIGN8((item)->size)))
#define FOR_EACH_ITEM(item, first, end)                                                            \
	for (const struct kdbus_item *item = (first);                                              \
	     (const uint8_t *)item < (const uint8_t *)(end); item = ITEM_NEXT(item))

/* bus */

struct bus {
	void *owner;
	char name[64];
	char path[80];
	uint64_t id;
};

/* the bus every test has: bloom filters of 64 bytes, the world may enter, its creator hides
 * nothing */
extern struct bus B;
/* BUS_MAKE as cmd; @bloom_size 0: no such item, @name NULL likewise */
void bus_cmd(struct cmd *cmd, const char *name, uint64_t bloom_size, uint64_t flags);
/* a name that no other test has */
const char *bus_fresh_name(void);

/* peers */

struct peer {
	void *h;
	uint64_t id;
	uint64_t pool_size;
	const uint8_t *pool;
};

/* ACCEPT_FD, all metadata offered, none asked for, 16 MiB */
void hello_init(struct cmd *hello, uint64_t flags);
/* @endpoint NULL: "bus"; the slice with the bloom parameters is freed */
int hello(struct peer **peer_out, struct cmd *cmd, const char *endpoint,
	  const struct abi_cred *cred);
struct peer *peer_hello(struct cmd *cmd, const char *endpoint, const struct abi_cred *cred);
/* an ordinary peer */
struct peer *peer(void);
struct peer *peer_flags(uint64_t flags);
struct peer *peer_recv_flags(uint64_t attach_flags_recv);
struct peer *peer_pool(uint64_t size);
struct peer *peer_uid(uint32_t uid);
struct peer *peer_at(const char *endpoint, const struct abi_cred *cred);
struct peer *peer_monitor(void);
struct peer *peer_activator(const char *name);
/* a policy holder with one record, none if @type is 0 */
struct peer *peer_holder(const char *name, uint64_t type, uint64_t access, uint64_t id);
void peer_close(struct peer *peer);
/* a custom endpoint; the handle that owns it */
void *endpoint_make(const char *name, uint64_t flags);
const char *endpoint_name(const char *name);

int peer_ioctl(struct peer *peer, unsigned long nr, void *cmd);
int peer_acquire_flags(struct peer *peer, const char *name, uint64_t flags,
		       uint64_t *return_flags_out);
int peer_acquire(struct peer *peer, const char *name, uint64_t flags);
int peer_release(struct peer *peer, const char *name);
int peer_byebye(struct peer *peer);
int peer_free(struct peer *peer, uint64_t offset);
int peer_update_flags(struct peer *peer, const uint64_t *send, const uint64_t *recv);
int peer_update_policy(struct peer *peer, const char *name, uint64_t type, uint64_t access,
		       uint64_t id);
/* POLLIN and so on, now */
short peer_events(struct peer *peer);
bool peer_wait(struct peer *peer, int timeout_ms);

/* matches, all with cookie 1 unless given */
void match_init(struct cmd *match, uint64_t cookie, uint64_t flags);
int peer_match(struct peer *peer, struct cmd *match);
int peer_unmatch(struct peer *peer, uint64_t cookie);
/* one rule: ID any; no rule; one match per kind of notification */
void peer_match_all(struct peer *peer);
void peer_match_empty(struct peer *peer);
void peer_match_notifications(struct peer *peer);
void peer_match_type(struct peer *peer, uint64_t type);

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

void msg_init(struct cmd *msg, const struct send *send);
int peer_send_msg(struct peer *peer, struct cmd *msg);
int peer_send(struct peer *peer, const struct send *send);
/* @size zero bytes */
int peer_send_to(struct peer *peer, uint64_t dst_id, uint64_t cookie, size_t size);
int peer_send_name(struct peer *peer, const char *name, uint64_t cookie);
int peer_call(struct peer *peer, uint64_t dst_id, uint64_t cookie, uint64_t deadline_ns);
int peer_reply(struct peer *peer, uint64_t dst_id, uint64_t cookie_reply);
int peer_broadcast(struct peer *peer, uint64_t cookie);
/* CLOCK_MONOTONIC plus that */
uint64_t in_ms(unsigned ms);
/* a sealed memory file of @size bytes 'm'; @seals: which */
int memfd_sealed(size_t size, unsigned seals);
#define ALL_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

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
	uint64_t return_flags, dropped;
	uint64_t offset, slice_size;
};

/* takes one out of the queue; its slice is freed, its descriptors are the caller's */
int peer_recv(struct peer *peer, struct got *got);
struct got peer_get(struct peer *peer);
/* RECV as such */
int peer_recv_raw(struct peer *peer, uint64_t flags, int64_t priority, struct kdbus_cmd_recv *recv);
/* the same, and it must succeed: the message in the pool, not freed */
const struct kdbus_msg *peer_get_raw(struct peer *peer, struct kdbus_cmd_recv *recv);
void expect_nothing(struct peer *peer);
void expect_message(struct peer *peer, uint64_t src_id, uint64_t cookie);
void expect_name(struct peer *peer, uint64_t type, const char *name, uint64_t old_id,
		 uint64_t old_flags, uint64_t new_id, uint64_t new_flags);
void expect_id(struct peer *peer, uint64_t type, uint64_t id);
void expect_reply_note(struct peer *peer, uint64_t type, uint64_t cookie);
unsigned peer_drain(struct peer *peer);

/* results */

/* LIST as text: "id:name/flags id:name/flags ..." in hex flags, "id" for one without name */
const char *peer_list(struct peer *peer, uint64_t flags);
/* CONN_INFO; the record is in the pool and not freed */
int peer_info(struct peer *peer, uint64_t id, const char *name, uint64_t attach_flags,
	      const struct kdbus_info **info_out);
int peer_creator_info(struct peer *peer, uint64_t attach_flags, const struct kdbus_info **info_out);
/* attach flags of the items there are, and how many items of that flag */
uint64_t items_mask(const struct kdbus_item *first, const void *end);
const struct kdbus_item *items_find(const struct kdbus_item *first, const void *end, uint64_t type);
#define MSG_END(msg)   ((const uint8_t *)(msg) + (msg)->size)
#define INFO_END(info) ((const uint8_t *)(info) + (info)->size)

/* name flags as the profile reports them: P1 has neither PRIMARY nor ACQUIRED */
uint64_t nf(uint64_t flags);
