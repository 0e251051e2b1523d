/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Many threads, one bus
 *
 *	stress-core [SECONDS]
 *
 * Each thread takes one of the handles and does something with it, by dice: all
 * commands, in all states, valid most of the time.  A handle is shared by all who use it and
 * closed by one alone, which is what a descriptor is to the kernel.  Connections,
 * endpoints and the bus itself come and go under those who use them; names change
 * hands; calls wait for replies of other threads, time out, are cancelled and lose
 * either side.  One thread lets deadlines pass.  One has a direct connection, and a host that
 * is asked about broadcasts and about each delivery.  All of it once more with payloads that are
 * read with no lock held, as the kernel does.
 *
 * It is for ThreadSanitizer and AddressSanitizer to find something, and for the
 * checks of the locks that the shim has; at the end nothing may be left, and no thread
 * may hang.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "kernel/core/connection.h"
#include "kernel/core/delivery.h"
#include "kernel/core/message.h"
#include "kernel/core/pool.h"
#include "kernel/embedded/embedded.h"
#include "kernel/embedded/host.h"
#include "kernel/embedded/payload.h"
#include "kernel/embedded/shim/shim-alloc.h"
#include "kernel/engine/engine.h"

#define N_THREADS 8
#define N_HANDLES 20
#define N_ENDS	  2 /* endpoints that come and go */
#define POOL_SIZE (64 * 1024)
#define HANG_S	  60

/* what is not a handle of a peer */
enum { CONTROL, ENDPOINT, FIRST_PEER = ENDPOINT + N_ENDS };

#define require(cond)                                                                              \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			printf("# %s:%d: %s is false\n", __FILE__, __LINE__, #cond);               \
			fflush(stdout);                                                            \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/**
 * struct slot - a handle that all threads share
 * @lock: for reading by those who use it, for writing by who opens and closes
 * @handle: or NULL
 * @id: of the connection, a hint for senders
 * @pool: mapping, while connected
 */
struct slot {
	pthread_rwlock_t lock;
	struct kdbus_embedded_handle *handle;
	_Atomic uint64_t id;
	const uint8_t *_Atomic pool;
};

/* of one thread */
struct worker {
	pthread_t thread;
	uint64_t seed;
	uint64_t n_done;
	uint64_t n_ok;
	_Alignas(8) uint8_t cmd[2048];
	_Alignas(8) uint8_t msg[2048];
	int event;
};

static struct kdbus_embedded *embedded;
static struct slot slots[N_HANDLES];
static struct worker workers[N_THREADS];
static atomic_bool has_stopped;
static _Atomic uint64_t n_synchronous, n_replied, n_direct;
static char bus_name[32], payload[4096];
static int memory;

static const char *const names[] = {"com.example.a", "com.example.b", "com.example.c", "a.b"};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/* dice */

static uint64_t roll(struct worker *w)
{
	w->seed ^= w->seed << 13;
	w->seed ^= w->seed >> 7;
	w->seed ^= w->seed << 17;
	return w->seed;
}

static unsigned below(struct worker *w, unsigned n)
{
	return (roll(w) >> 20) % n;
}

static bool one_in(struct worker *w, unsigned n)
{
	return below(w, n) == 0;
}

static const char *any_name(struct worker *w)
{
	return names[below(w, sizeof(names) / sizeof(names[0]))];
}

static uint64_t any_id(struct worker *w)
{
	return slots[FIRST_PEER + below(w, N_HANDLES - FIRST_PEER)].id;
}

/* commands */

static void *cmd_init(uint8_t *space, size_t size, uint64_t flags)
{
	struct kdbus_cmd *cmd = (void *)space;

	memset(space, 0, size);
	cmd->size = size;
	cmd->flags = flags;
	return cmd;
}

static struct kdbus_item *cmd_add(uint8_t *space, uint64_t type, const void *data, size_t size)
{
	struct kdbus_cmd *cmd = (void *)space;
	size_t at = KDBUS_ALIGN8(cmd->size);
	struct kdbus_item *item = (void *)(space + at);

	memset(item, 0, KDBUS_ITEM_PADDED_SIZE(size));
	item->size = KDBUS_ITEM_SIZE(size);
	item->type = type;
	if (data)
		memcpy(item->data, data, size);
	cmd->size = at + item->size;
	return item;
}

static void cmd_add_str(uint8_t *space, uint64_t type, const char *text)
{
	cmd_add(space, type, text, strlen(text) + 1);
}

static int run(struct worker *w, struct slot *slot, unsigned long nr, void *cmd)
{
	int r = kdbus_embedded_command(slot->handle, nr, cmd);

	require(r <= 0 && r > -4096);
	w->n_done++;
	w->n_ok += r == 0;
	return r;
}

/* setup; with the slot for writing */

static void open_node(struct slot *slot, const char *node)
{
	char path[80];

	if (strcmp(node, "control") == 0)
		snprintf(path, sizeof(path), "control");
	else
		snprintf(path, sizeof(path), "%s/%s", bus_name, node);
	if (kdbus_embedded_open(embedded, path, NULL, &slot->handle) < 0)
		slot->handle = NULL;
}

static void close_slot(struct slot *slot)
{
	slot->id = 0;
	slot->pool = NULL;
	slot->handle = kdbus_embedded_close(slot->handle);
}

static void make_bus(struct worker *w)
{
	struct kdbus_bloom_parameter bloom = {.size = 64, .n_hash = 1};
	struct slot *slot = &slots[CONTROL];

	open_node(slot, "control");
	require(slot->handle);
	cmd_init(w->cmd, sizeof(struct kdbus_cmd), KDBUS_MAKE_ACCESS_WORLD);
	cmd_add(w->cmd, KDBUS_ITEM_BLOOM_PARAMETER, &bloom, sizeof(bloom));
	cmd_add(w->cmd, KDBUS_ITEM_ATTACH_FLAGS_SEND, &(uint64_t){_KDBUS_ATTACH_ALL}, 8);
	cmd_add_str(w->cmd, KDBUS_ITEM_MAKE_NAME, bus_name);
	require(run(w, slot, KDBUS_CMD_BUS_MAKE, w->cmd) == 0);
}

static void endpoint_policy(struct worker *w, struct slot *slot)
{
	struct kdbus_policy_access access = {.type = KDBUS_POLICY_ACCESS_WORLD};

	cmd_init(w->cmd, sizeof(struct kdbus_cmd), 0);
	for (unsigned i = below(w, 3); i > 0; i--) {
		access.access = below(w, 3);
		cmd_add_str(w->cmd, KDBUS_ITEM_NAME, names[i]);
		cmd_add(w->cmd, KDBUS_ITEM_POLICY_ACCESS, &access, sizeof(access));
	}
	run(w, slot, KDBUS_CMD_ENDPOINT_UPDATE, w->cmd);
}

static void make_endpoint(struct worker *w, struct slot *slot, unsigned i)
{
	char name[32];

	open_node(slot, "bus");
	if (!slot->handle)
		return;
	snprintf(name, sizeof(name), "%u-ep%u", geteuid(), i);
	cmd_init(w->cmd, sizeof(struct kdbus_cmd), KDBUS_MAKE_ACCESS_WORLD);
	cmd_add_str(w->cmd, KDBUS_ITEM_MAKE_NAME, name);
	if (run(w, slot, KDBUS_CMD_ENDPOINT_MAKE, w->cmd) == 0)
		endpoint_policy(w, slot);
}

/* with the slot for reading: of several, one succeeds */
static void say_hello(struct worker *w, struct slot *slot)
{
	struct kdbus_policy_access access = {.type = KDBUS_POLICY_ACCESS_WORLD,
					     .access = below(w, 3)};
	struct kdbus_cmd_hello *hello;
	const void *pool;
	size_t size;
	uint64_t flags = one_in(w, 3) ? 0 : KDBUS_HELLO_ACCEPT_FD;
	unsigned kind = below(w, 12);

	if (kind == 0)
		flags |= KDBUS_HELLO_MONITOR;
	else if (kind == 1)
		flags |= KDBUS_HELLO_POLICY_HOLDER;
	else if (kind <= 3)
		flags |= KDBUS_HELLO_ACTIVATOR;
	hello = cmd_init(w->cmd, sizeof(*hello), flags);
	hello->attach_flags_send = roll(w) & _KDBUS_ATTACH_ALL;
	hello->attach_flags_recv = one_in(w, 2) ? roll(w) & _KDBUS_ATTACH_ALL : 0;
	hello->pool_size = POOL_SIZE;
	if (one_in(w, 2))
		cmd_add_str(w->cmd, KDBUS_ITEM_CONN_DESCRIPTION, "stress");
	if (one_in(w, 6))
		cmd_add(w->cmd, KDBUS_ITEM_PIDS, &(struct kdbus_pids){.pid = 1}, 24);
	if (kind >= 1 && kind <= 3) {
		cmd_add_str(w->cmd, KDBUS_ITEM_NAME, any_name(w));
		cmd_add(w->cmd, KDBUS_ITEM_POLICY_ACCESS, &access, sizeof(access));
	}
	if (run(w, slot, KDBUS_CMD_HELLO, w->cmd) < 0)
		return;
	if (kdbus_embedded_pool(slot->handle, &pool, &size) == 0)
		slot->pool = pool;
	slot->id = hello->id;
}

static void open_peer(struct worker *w, struct slot *slot)
{
	char node[32];

	if (one_in(w, 4))
		snprintf(node, sizeof(node), "%u-ep%u", geteuid(), ENDPOINT + below(w, N_ENDS));
	else
		snprintf(node, sizeof(node), "bus");
	open_node(slot, node);
}

static void reopen(struct worker *w, unsigned i)
{
	struct slot *slot = &slots[i];

	pthread_rwlock_wrlock(&slot->lock);
	close_slot(slot);
	if (i == CONTROL)
		make_bus(w);
	else if (i < FIRST_PEER)
		make_endpoint(w, slot, i);
	else
		open_peer(w, slot);
	pthread_rwlock_unlock(&slot->lock);
}

/* messages */

static void free_slice(struct worker *w, struct slot *slot, uint64_t offset)
{
	struct kdbus_cmd_free cmd = {.size = sizeof(cmd), .offset = offset};

	run(w, slot, KDBUS_CMD_FREE, &cmd);
}

static void close_fds(const struct kdbus_msg *msg)
{
	const struct kdbus_item *item;

	kdbus_items_for_each(item, msg->items, (const u8 *)msg + msg->size) {
		require(item->size >= 16);
		if (item->type == KDBUS_ITEM_PAYLOAD_MEMFD && item->memfd.fd >= 0)
			close(item->memfd.fd);
		if (item->type != KDBUS_ITEM_FDS)
			continue;
		for (size_t i = 0; i < kdbus_item_payload_size(item) / sizeof(int); i++)
			if (item->fds[i] >= 0)
				close(item->fds[i]);
	}
}

static int send_msg(struct worker *w, struct slot *slot, uint64_t send_flags)
{
	struct kdbus_cmd_send *cmd;
	bool is_sync = send_flags & KDBUS_SEND_SYNC_REPLY;
	int r;

	cmd = cmd_init(w->cmd, sizeof(*cmd), send_flags);
	cmd->msg_address = (uintptr_t)w->msg;
	if (is_sync && one_in(w, 4)) {
		if (one_in(w, 4) && write(w->event, &(uint64_t){1}, 8) < 0)
			abort();
		cmd_add(w->cmd, KDBUS_ITEM_CANCEL_FD, &w->event, sizeof(w->event));
	}
	r = run(w, slot, KDBUS_CMD_SEND, cmd);
	if (is_sync) {
		n_synchronous++;
		if (r == 0)
			n_replied++;
		if (r == 0 && cmd->reply.offset != POOL_SIZE) {
			uint64_t offset = cmd->reply.offset;

			close_fds((const void *)(slot->pool + offset));
			free_slice(w, slot, offset);
		}
		/* whatever may have been written */
		if (read(w->event, w->msg, 8) < 0)
			require(errno == EAGAIN);
	}
	return r;
}

static struct kdbus_msg *msg_init(struct worker *w, uint64_t flags, uint64_t dst_id)
{
	struct kdbus_msg *msg = cmd_init(w->msg, sizeof(*msg), flags);

	msg->dst_id = dst_id;
	msg->payload_type = KDBUS_PAYLOAD_DBUS;
	msg->cookie = 1 + below(w, 50);
	msg->priority = (int)below(w, 5) - 2;
	return msg;
}

static void add_payload(struct worker *w)
{
	struct kdbus_memfd memfd = {.size = 16, .fd = memory};
	struct kdbus_vec vec;

	for (unsigned i = below(w, 3); i > 0; i--) {
		vec.size = 1 + below(w, sizeof(payload));
		vec.address = one_in(w, 8) ? 0 : (uintptr_t)payload;
		cmd_add(w->msg, KDBUS_ITEM_PAYLOAD_VEC, &vec, sizeof(vec));
	}
	if (one_in(w, 8))
		cmd_add(w->msg, KDBUS_ITEM_PAYLOAD_MEMFD, &memfd, sizeof(memfd));
}

static void send_something(struct worker *w, struct slot *slot)
{
	uint64_t flags = 0, send_flags = 0, dst_id = any_id(w);
	unsigned kind = below(w, 10);
	struct kdbus_msg *msg;
	int fds[2] = {memory, w->event};

	if (kind == 0)
		dst_id = KDBUS_DST_ID_BROADCAST;
	if (kind <= 1)
		flags = KDBUS_MSG_SIGNAL;
	else if (kind <= 5)
		flags = KDBUS_MSG_EXPECT_REPLY;
	if (kind <= 3 && kind >= 2 && slot->pool)
		send_flags = KDBUS_SEND_SYNC_REPLY;
	if (kind > 0 && one_in(w, 3))
		dst_id = 0;
	msg = msg_init(w, flags, dst_id);
	if (flags & KDBUS_MSG_EXPECT_REPLY)
		msg->timeout_ns = now_ns() + (one_in(w, 2) ? 500000 : 20000000);
	if (dst_id == 0)
		cmd_add_str(w->msg, KDBUS_ITEM_DST_NAME, any_name(w));
	if (flags & KDBUS_MSG_SIGNAL)
		cmd_add(w->msg, KDBUS_ITEM_BLOOM_FILTER, NULL, 8 + 64);
	add_payload(w);
	if (kind > 0 && one_in(w, 10))
		cmd_add(w->msg, KDBUS_ITEM_FDS, fds, sizeof(fds));
	send_msg(w, slot, send_flags);
}

static void reply_to(struct worker *w, struct slot *slot, uint64_t dst_id, uint64_t cookie)
{
	struct kdbus_msg *msg = msg_init(w, 0, dst_id);

	msg->cookie_reply = cookie;
	add_payload(w);
	send_msg(w, slot, 0);
}

static void receive(struct worker *w, struct slot *slot)
{
	static const uint64_t all_flags[] = {
		0, 0, 0, 0, KDBUS_RECV_PEEK, KDBUS_RECV_DROP, KDBUS_RECV_USE_PRIORITY};
	uint64_t flags = all_flags[below(w, sizeof(all_flags) / sizeof(all_flags[0]))];
	struct kdbus_cmd_recv cmd = {.size = sizeof(cmd), .flags = flags, .priority = 1};
	uint64_t src_id = 0, cookie = 0;
	const struct kdbus_msg *msg;

	/* what it would be given is only found there */
	if (!slot->pool)
		return;
	if (run(w, slot, KDBUS_CMD_RECV, &cmd) < 0 || flags == KDBUS_RECV_DROP)
		return;
	/* One that was only looked at may be received by somebody else just now: it is for them to
	 * free it, as there is one slice, and who frees it takes it away from both. */
	if (flags == KDBUS_RECV_PEEK)
		return;
	msg = (const void *)(slot->pool + cmd.msg.offset);
	require(msg->size >= sizeof(*msg) && msg->size <= cmd.msg.msg_size);
	close_fds(msg);
	if (msg->flags & KDBUS_MSG_EXPECT_REPLY) {
		src_id = msg->src_id;
		cookie = msg->cookie;
	}
	free_slice(w, slot, cmd.msg.offset);
	if (cookie && !one_in(w, 4))
		reply_to(w, slot, src_id, cookie);
}

/* the other commands */

static void name_command(struct worker *w, struct slot *slot, unsigned long nr)
{
	uint64_t flags = nr == KDBUS_CMD_NAME_ACQUIRE ? roll(w) & 7 : 0;

	cmd_init(w->cmd, sizeof(struct kdbus_cmd), flags);
	cmd_add_str(w->cmd, KDBUS_ITEM_NAME, any_name(w));
	run(w, slot, nr, w->cmd);
}

static void match_command(struct worker *w, struct slot *slot)
{
	struct kdbus_notify_id_change change = {.id = KDBUS_MATCH_ID_ANY};
	struct kdbus_cmd_match *cmd;

	cmd = cmd_init(w->cmd, sizeof(*cmd), 0);
	cmd->cookie = below(w, 4);
	if (one_in(w, 3)) {
		run(w, slot, KDBUS_CMD_MATCH_REMOVE, cmd);
		return;
	}
	cmd->flags = KDBUS_MATCH_REPLACE;
	switch (below(w, 5)) {
	case 0:
		cmd_add(w->cmd, KDBUS_ITEM_ID, &(uint64_t){KDBUS_MATCH_ID_ANY}, 8);
		break;
	case 1:
		cmd_add(w->cmd, KDBUS_ITEM_ID_ADD + below(w, 2), &change, sizeof(change));
		break;
	case 2:
		cmd_add(w->cmd, KDBUS_ITEM_BLOOM_MASK, NULL, 64);
		break;
	case 3:
		cmd_add_str(w->cmd, KDBUS_ITEM_NAME, any_name(w));
		break;
	}
	run(w, slot, KDBUS_CMD_MATCH_ADD, cmd);
}

static void ask(struct worker *w, struct slot *slot)
{
	struct kdbus_cmd_list list = {.size = sizeof(list), .flags = roll(w) & 15};
	struct kdbus_cmd_info *info;
	unsigned long nr = one_in(w, 4) ? KDBUS_CMD_BUS_CREATOR_INFO : KDBUS_CMD_CONN_INFO;

	if (one_in(w, 3)) {
		if (run(w, slot, KDBUS_CMD_LIST, &list) == 0)
			free_slice(w, slot, list.offset);
		return;
	}
	info = cmd_init(w->cmd, sizeof(*info), 0);
	info->attach_flags = roll(w) & _KDBUS_ATTACH_ALL;
	if (nr == KDBUS_CMD_CONN_INFO && one_in(w, 2))
		cmd_add_str(w->cmd, KDBUS_ITEM_NAME, any_name(w));
	else if (nr == KDBUS_CMD_CONN_INFO)
		info->id = any_id(w);
	if (run(w, slot, nr, info) == 0)
		free_slice(w, slot, info->offset);
}

static void update(struct worker *w, struct slot *slot)
{
	struct kdbus_policy_access access = {.type = KDBUS_POLICY_ACCESS_WORLD};
	uint64_t mask = roll(w) & _KDBUS_ATTACH_ALL;

	cmd_init(w->cmd, sizeof(struct kdbus_cmd), 0);
	switch (below(w, 3)) {
	case 0:
		cmd_add(w->cmd, KDBUS_ITEM_ATTACH_FLAGS_SEND, &mask, 8);
		break;
	case 1:
		cmd_add(w->cmd, KDBUS_ITEM_ATTACH_FLAGS_RECV, &mask, 8);
		break;
	case 2:
		access.access = below(w, 3);
		cmd_add_str(w->cmd, KDBUS_ITEM_NAME, any_name(w));
		cmd_add(w->cmd, KDBUS_ITEM_POLICY_ACCESS, &access, sizeof(access));
		break;
	}
	run(w, slot, KDBUS_CMD_UPDATE, w->cmd);
}

static void look(struct slot *slot)
{
	struct pollfd pollfd = {.fd = kdbus_embedded_fd(slot->handle), .events = POLLIN};
	void *address;

	kdbus_embedded_poll(slot->handle);
	poll(&pollfd, 1, 0);
	if (kdbus_embedded_mmap(slot->handle, 4096, PROT_READ, MAP_SHARED, 0, &address) == 0)
		munmap(address, 4096);
}

static void use(struct worker *w, struct slot *slot)
{
	if (slot >= &slots[FIRST_PEER] && !slot->id && !one_in(w, 4)) {
		say_hello(w, slot);
		return;
	}
	switch (below(w, 40)) {
	case 0 ... 11:
		send_something(w, slot);
		break;
	case 12 ... 25:
		receive(w, slot);
		break;
	case 26 ... 28:
		name_command(w, slot, KDBUS_CMD_NAME_ACQUIRE);
		break;
	case 29 ... 31:
		name_command(w, slot, KDBUS_CMD_NAME_RELEASE);
		break;
	case 32 ... 33:
		match_command(w, slot);
		break;
	case 34 ... 35:
		ask(w, slot);
		break;
	case 36:
		update(w, slot);
		break;
	case 37:
		look(slot);
		break;
	case 38:
		endpoint_policy(w, slot);
		break;
	case 39:
		if (one_in(w, 4)) {
			cmd_init(w->cmd, sizeof(struct kdbus_cmd), 0);
			run(w, slot, KDBUS_CMD_BYEBYE, w->cmd);
		}
		break;
	}
}

static void *work(void *data)
{
	struct worker *w = data;
	unsigned i;

	while (!has_stopped) {
		i = below(w, N_HANDLES);
		if (i == CONTROL && !one_in(w, 300))
			continue;
		if (i < FIRST_PEER ? one_in(w, 20) : one_in(w, 60)) {
			reopen(w, i);
			continue;
		}
		pthread_rwlock_rdlock(&slots[i].lock);
		if (slots[i].handle)
			use(w, &slots[i]);
		pthread_rwlock_unlock(&slots[i].lock);
	}
	return NULL;
}

/* lets deadlines pass, and changes limits */
static void *expire(void *data)
{
	struct kdbus_limits limits = KDBUS_LIMITS_DEFAULT;

	while (!has_stopped) {
		kdbus_embedded_expire(embedded, now_ns());
		limits.n_msgs_user ^= 64;
		limits.n_names_conn ^= 2;
		limits.n_fds_user ^= 8;
		kdbus_domain_set_limits(kdbus_embedded_domain(embedded), &limits);
		nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
	}
	return NULL;
}

/* a direct connection, whose host answers for all of its kind */

/*
 * @conn: or NULL; gone only when nobody has the registry of @bus any more
 * @bus: its bus; a hook that is called for another one must not look at @conn
 */
static struct {
	_Atomic(struct kdbus_conn *) conn;
	_Atomic(struct kdbus_bus *) bus;
	struct embedded_caller caller;
	atomic_int n_wakes;
} direct;

static void hook_wake(struct kdbus_conn *conn)
{
	direct.n_wakes++;
}

static int hook_may_deliver(void *userdata, struct kdbus_conn *src, struct kdbus_conn *dst,
			    const struct kdbus_message *msg, bool is_reply)
{
	return msg->cookie == 50 ? -EACCES : 0;
}

static void hook_candidates(void *userdata, struct kdbus_bus *bus, const struct kdbus_message *msg,
			    struct kdbus_candidates *candidates)
{
	struct kdbus_conn *conn;

	if (direct.bus != bus)
		return;
	conn = direct.conn;
	if (conn)
		kdbus_candidates_add(candidates, conn, 1);
}

static void direct_close(void)
{
	struct kdbus_conn *conn = direct.conn;
	struct kdbus_bus *bus;

	if (!conn)
		return;
	bus = conn->bus;
	kdbus_conn_disconnect(conn);
	/* who is asked for candidates holds the registry */
	kdbus_bus_lock(bus);
	direct.conn = NULL;
	direct.bus = NULL;
	kdbus_bus_unlock(bus);
	kdbus_conn_unref(conn);
}

static void direct_open(struct worker *w)
{
	struct kdbus_cmd_hello hello = {
		.size = sizeof(hello),
		.flags = KDBUS_HELLO_ACCEPT_FD,
		.pool_size = POOL_SIZE,
	};
	struct kdbus_conn *conn;
	struct kdbus_bus *bus;

	direct.caller = (struct embedded_caller){
		.embedded = embedded,
		.cred = embedded_self_cred(embedded),
	};
	pthread_rwlock_rdlock(&slots[CONTROL].lock);
	bus = kdbus_embedded_bus(slots[CONTROL].handle);
	if (kdbus_cmd_hello(bus->default_ep, &direct.caller, direct.caller.cred,
			    KDBUS_CONN_DIRECT | KDBUS_CONN_INDEXED, &hello, &conn) == 0) {
		direct.conn = conn;
		direct.bus = bus;
	}
	pthread_rwlock_unlock(&slots[CONTROL].lock);
}

static void payload_release(struct engine_payload *payload)
{
}

static void direct_send(struct worker *w)
{
	static struct engine_payload bytes = {
		.refcount = 1,
		.data = payload,
		.size = 100,
		.release = payload_release,
	};
	struct kdbus_message msg = {
		.flags = one_in(w, 2) ? KDBUS_MSG_EXPECT_REPLY : 0,
		.dst_id = any_id(w),
		.payload_type = KDBUS_PAYLOAD_DBUS,
		.cookie = 1 + below(w, 50),
		.payload = embedded_payload(&bytes),
		.payload_size = 100,
	};

	if (msg.flags)
		msg.cookie_reply = now_ns() + 1000000;
	kdbus_conn_send(direct.conn, &msg);
}

static void *work_directly(void *data)
{
	struct worker *w = data;
	struct kdbus_queue_entry *entry;

	while (!has_stopped) {
		if (!direct.conn) {
			direct_open(w);
			continue;
		}
		if (one_in(w, 100)) {
			direct_close();
			continue;
		}
		if (one_in(w, 2)) {
			direct_send(w);
			continue;
		}
		if (kdbus_conn_recv(direct.conn, &entry) < 0)
			continue;
		n_direct++;
		kdbus_queue_entry_free(kdbus_conn_host(direct.conn), entry);
	}
	direct_close();
	return NULL;
}

/* everything */

static int count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 4096; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void run_all(unsigned ms, uint64_t seed, bool strict, bool reads_late)
{
	static const struct kdbus_embedded_hooks hooks = {
		.wake = hook_wake,
		.may_deliver = hook_may_deliver,
		.broadcast_candidates = hook_candidates,
	};
	struct kdbus_embedded_options options = {
		.strict = strict,
		.reads_late = reads_late,
		.hooks = &hooks,
	};
	static struct worker host = {.seed = 77}, of_direct = {.seed = 99};
	pthread_t timer;

	host.event = of_direct.event = -1;
	require(kdbus_embedded_new(&options, &embedded) == 0);
	for (unsigned i = 0; i < N_HANDLES; i++)
		pthread_rwlock_init(&slots[i].lock, NULL);
	make_bus(&host);
	has_stopped = false;
	for (unsigned i = 0; i < N_THREADS; i++) {
		workers[i].seed = seed * 1000003 + i + 1;
		workers[i].event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		require(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
	}
	require(pthread_create(&timer, NULL, expire, NULL) == 0);
	require(pthread_create(&of_direct.thread, NULL, work_directly, &of_direct) == 0);
	nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
	has_stopped = true;
	/* who hangs is killed */
	alarm(HANG_S);
	for (unsigned i = 0; i < N_THREADS; i++)
		require(pthread_join(workers[i].thread, NULL) == 0);
	require(pthread_join(timer, NULL) == 0);
	require(pthread_join(of_direct.thread, NULL) == 0);
	for (unsigned i = 0; i < N_THREADS; i++)
		close(workers[i].event);
	for (unsigned i = 0; i < N_HANDLES; i++) {
		if (slots[i].handle)
			close_slot(&slots[i]);
		pthread_rwlock_destroy(&slots[i].lock);
	}
	embedded = kdbus_embedded_free(embedded);
	alarm(0);
}

int main(int argc, char **argv)
{
	unsigned seconds = argc > 1 ? atoi(argv[1]) : 2;
	unsigned long n_objects = shim_alloc_count();
	uint64_t n_done = 0, n_ok = 0;
	int n_fds;

	setvbuf(stdout, NULL, _IOLBF, 0);
	snprintf(bus_name, sizeof(bus_name), "%u-stress", geteuid());
	memory = memfd_create("stress", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	require(write(memory, payload, sizeof(payload)) == sizeof(payload));
	require(fcntl(memory, F_ADD_SEALS,
		      F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0);
	n_fds = count_fds();
	printf("1..4\n");
	for (unsigned i = 0; i < 4; i++) {
		run_all(seconds * 250, now_ns(), i % 2 == 0, i >= 2);
		require(shim_alloc_count() == n_objects);
		require(count_fds() == n_fds);
		printf("ok %u - %s%s\n", i + 1, i % 2 == 0 ? "strict" : "not_strict",
		       i >= 2 ? "_reading_late" : "");
	}
	for (unsigned i = 0; i < N_THREADS; i++) {
		n_done += workers[i].n_done;
		n_ok += workers[i].n_ok;
	}
	printf("# %llu commands, %llu of them succeeded; %llu calls waited, %llu got a reply; "
	       "%llu messages received directly\n",
	       (unsigned long long)n_done, (unsigned long long)n_ok,
	       (unsigned long long)n_synchronous, (unsigned long long)n_replied,
	       (unsigned long long)n_direct);
	close(memory);
	return 0;
}
