/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Activators of the direct carrier, and programs that use the same bus without the seam
 *
 * The peers here have no pool, the native program has one: what passes between them has
 * to be rendered, or put together again.  The native program is a child, as it waits
 * for the answers that the parent gives.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/engine/engine-items.h"
#include "kernel/engine/remote-client.h"
#include "tests/unit/kernel/engine-util.h"

#define NAME	  "org.example.Name"
#define POOL_SIZE (1u << 20)

/* the child: a step that fails ends it with the number of its line */
#define must(what)                                                                                 \
	do {                                                                                       \
		if (!(what))                                                                       \
			_exit(__LINE__ % 251 + 1);                                                 \
	} while (0)

/**
 * struct native - a connection of a native program
 * @client: its node
 * @id: of the connection
 * @pool: its memory
 */
struct native {
	struct remote_client client;
	uint64_t id;
	const uint8_t *pool;
};

static void native_connect(struct native *native, const char *dir)
{
	struct kdbus_cmd_hello hello = {
		.size = sizeof(hello),
		.flags = KDBUS_HELLO_ACCEPT_FD,
		.attach_flags_send = _KDBUS_ATTACH_ALL,
		.pool_size = POOL_SIZE,
	};
	char path[256];
	void *pool;

	snprintf(path, sizeof(path), "%s/%u-test/bus", dir, geteuid());
	must(remote_client_open(&native->client, path, 0) == 0);
	must(remote_client_command(&native->client, KDBUS_CMD_HELLO, &hello) == 0);
	must(remote_client_map(&native->client, POOL_SIZE, PROT_READ, MAP_SHARED, 0, &pool) == 0);
	native->id = hello.id;
	native->pool = pool;
}

static void native_acquire(struct native *native)
{
	uint64_t buffer[16];
	struct engine_items items;

	engine_items_init(&items, buffer, sizeof(struct kdbus_cmd), sizeof(buffer));
	must(engine_items_add(&items, KDBUS_ITEM_NAME, NAME, sizeof(NAME)));
	must(remote_client_command(&native->client, KDBUS_CMD_NAME_ACQUIRE, buffer) == 0);
}

/* @flags, and @number: the deadline or what it answers */
static int native_send(struct native *native, uint64_t dst_id, uint64_t flags, uint64_t cookie,
		       uint64_t number, const char *text)
{
	struct kdbus_vec vec = {.size = strlen(text), .address = (uintptr_t)text};
	struct kdbus_cmd_send cmd = {.size = sizeof(cmd)};
	uint64_t buffer[64];
	struct kdbus_msg *msg = (void *)buffer;
	struct engine_items items;

	engine_items_init(&items, msg, sizeof(*msg), sizeof(buffer));
	msg->flags = flags;
	msg->dst_id = dst_id;
	msg->cookie = cookie;
	msg->cookie_reply = number;
	msg->payload_type = KDBUS_PAYLOAD_DBUS;
	if (!dst_id)
		must(engine_items_add(&items, KDBUS_ITEM_DST_NAME, NAME, sizeof(NAME)));
	must(engine_items_add(&items, KDBUS_ITEM_PAYLOAD_VEC, &vec, sizeof(vec)));
	cmd.msg_address = (uintptr_t)msg;
	return remote_client_command(&native->client, KDBUS_CMD_SEND, &cmd);
}

/* waits for a message, which stays in the pool */
static const struct kdbus_msg *native_recv(struct native *native)
{
	struct pollfd pollfd = {.fd = native->client.fd, .events = POLLIN};
	struct kdbus_cmd_recv cmd = {.size = sizeof(cmd)};
	int r;

	while ((r = remote_client_command(&native->client, KDBUS_CMD_RECV, &cmd)) == -EAGAIN)
		must(poll(&pollfd, 1, 5000) > 0);
	must(r == 0);
	return (const void *)(native->pool + cmd.msg.offset);
}

static bool msg_has_text(const struct kdbus_msg *msg, const char *text)
{
	size_t at = sizeof(*msg);
	struct engine_item item;

	while (engine_items_next(msg, msg->size, &at, &item)) {
		const struct kdbus_vec *vec = item.data;

		if (item.type == KDBUS_ITEM_PAYLOAD_OFF)
			return vec->size == strlen(text) &&
			       !memcmp((const char *)msg + vec->offset, text, vec->size);
	}
	return false;
}

static uint64_t msg_type(const struct kdbus_msg *msg)
{
	return ((const struct kdbus_item *)(msg + 1))->type;
}

/* the parent */

static pid_t native_start(struct bus *bus, void (*run)(struct native *native))
{
	struct native native;
	pid_t pid = fork();

	expect(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		native_connect(&native, bus->server.dir);
		run(&native);
		remote_client_close_last(&native.client);
		_exit(0);
	}
	return pid;
}

static void bus_serve(struct bus *bus)
{
	struct pollfd pollfd = {.fd = engine_poll_fd(bus->engine), .events = POLLIN};

	if (poll(&pollfd, 1, 20) > 0)
		expect_eq(engine_dispatch(bus->engine), 0);
}

static void native_finish(struct bus *bus, pid_t pid)
{
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0)
		bus_serve(bus);
	expect(WIFEXITED(status));
	expect_eq(WEXITSTATUS(status), 0);
	bus_dispatch(bus);
}

static void run_owner(struct native *native)
{
	const struct kdbus_msg *msg;

	native_acquire(native);
	msg = native_recv(native);
	must(msg->cookie == 7);
	must(msg->flags == KDBUS_MSG_EXPECT_REPLY);
	must(msg_has_text(msg, "call"));
	must(native_send(native, msg->src_id, 0, 1, 7, "reply") == 0);
}

TEST(native_owner_gets_what_waits)
{
	struct startable name;
	static struct bus bus;
	struct peer *a;

	bus_open_served(&bus);
	a = bus_connect(&bus, 0);
	startable_open(&name, &bus, NAME);
	expect_eq(peer_call_name(a, NAME, 7, ENGINE_NO_TIMEOUT), 0);
	native_finish(&bus, native_start(&bus, run_owner));
	expect_eq(name.n_taken, 1u);
	expect_eq(name.n_waits, 1u);
	/* the id of the native program is the next one */
	peer_expect(a, "%llu reply", (unsigned long long)a->id + 1);
	peer_expect_empty(a);
	expect(engine_activator_is_holder(name.activator));
	expect_str(bus.undelivered, "");
	startable_close(&name);
	bus_close(&bus);
}

static void run_reads_one(struct native *native)
{
	native_acquire(native);
	must(native_recv(native)->cookie == 7);
}

TEST(what_a_native_owner_did_not_read_waits_again)
{
	struct engine_received received;
	struct startable name;
	static struct bus bus;
	struct peer *a;

	bus_open_served(&bus);
	a = bus_connect(&bus, 0);
	startable_open(&name, &bus, NAME);
	expect_eq(peer_call_name(a, NAME, 7, ENGINE_NO_TIMEOUT), 0);
	expect_eq(peer_call_name(a, NAME, 8, ENGINE_NO_TIMEOUT), 0);
	native_finish(&bus, native_start(&bus, run_reads_one));
	peer_expect(a, "dead 7");
	peer_expect_empty(a);
	expect_eq(name.n_waits, 3u);
	expect_eq(engine_activator_n_waiting(name.activator), 1u);
	expect_eq(engine_activator_drop(name.activator, &received), 0);
	expect_eq(received.cookie, 8u);
	expect_eq(received.src_id, a->id);
	expect_eq(received.payload->size, 4u);
	expect(!memcmp(received.payload->data, "call", 4));
	expect(!received.is_reply_dead);
	engine_received_release(&received);
	peer_expect_empty(a);
	startable_close(&name);
	bus_close(&bus);
}

static void run_caller(struct native *native)
{
	must(native_send(native, 0, KDBUS_MSG_EXPECT_REPLY, 5, ENGINE_NO_TIMEOUT, "native") == 0);
	must(msg_has_text(native_recv(native), "reply"));
}

TEST(native_caller_waits)
{
	struct startable name;
	unsigned long long id;
	static struct bus bus;
	struct peer *a;
	pid_t pid;

	bus_open_served(&bus);
	a = bus_connect(&bus, 0);
	id = a->id + 1;
	startable_open(&name, &bus, NAME);
	/* the host is asked about its own clients only */
	bus.deny_wait = -EACCES;
	pid = native_start(&bus, run_caller);
	while (!name.n_waits)
		bus_serve(&bus);
	expect_eq(peer_acquire(a, NAME, 0, NULL), 0);
	expect_eq(name.n_taken, 1u);
	peer_expect(a, "name " NAME " %llu %llu", (unsigned long long)(1ULL << 48) + 0,
		    (unsigned long long)a->id);
	peer_expect(a, "%llu native", id);
	expect_eq(peer_reply(a, id, 5, "reply"), 0);
	native_finish(&bus, pid);
	startable_close(&name);
	bus_close(&bus);
}

static void run_disappointed(struct native *native)
{
	must(native_send(native, 0, KDBUS_MSG_EXPECT_REPLY, 5, ENGINE_NO_TIMEOUT, "native") == 0);
	must(msg_type(native_recv(native)) == KDBUS_ITEM_REPLY_DEAD);
}

TEST(native_caller_learns_that_nobody_comes)
{
	struct engine_received received;
	struct startable name;
	static struct bus bus;
	pid_t pid;

	bus_open_served(&bus);
	startable_open(&name, &bus, NAME);
	pid = native_start(&bus, run_disappointed);
	while (!name.n_waits)
		bus_serve(&bus);
	expect_eq(engine_activator_drop(name.activator, &received), 0);
	expect(received.is_reply_dead);
	expect(!received.is_shared);
	expect_eq(received.payload->size, 6u);
	engine_received_release(&received);
	native_finish(&bus, pid);
	startable_close(&name);
	bus_close(&bus);
}
