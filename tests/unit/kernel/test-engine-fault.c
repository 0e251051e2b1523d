/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The seam while memory runs out
 *
 * One scenario, run again and again with its first, second, third... allocation
 * failing.  Whatever fails says ENOMEM, or what follows from a message that got
 * lost; everything can be closed; nothing leaks.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "kernel/engine/engine-items.h"
#include "kernel/engine/engine.h"
#include "tests/harness/fault.h"
#include "tests/harness/tap.h"

#define NAME "org.example.Name"

static struct engine_conn *conns[3];

static void payload_release(struct engine_payload *payload)
{
	fail("the test holds a reference");
}

static int devnull = -1;
static struct engine_payload with_fd = {
	.refcount = 1,
	.size = 5,
	.data = "hello",
	.fds = &devnull,
	.n_fds = 1,
	.release = payload_release,
};
static struct engine_payload without_fd = {
	.refcount = 1,
	.size = 5,
	.data = "hello",
	.release = payload_release,
};

static void host_broadcast_candidates(void *userdata, const struct engine_broadcast *broadcast,
				      struct engine_candidates *candidates)
{
	for (int i = 0; i < 3; i++)
		if (conns[i])
			engine_candidates_add(candidates, conns[i], 1);
}

static int try_connect(struct engine *engine, int i)
{
	uint32_t groups[] = {1, 2};
	struct creds creds = { .uid = 1000, .gid = 1000, .pid = getpid(), .pidfd = -1,
			       .n_groups = 2, .groups = groups, .seclabel = (char *)"label" };
	struct engine_hello hello = { .flags = KDBUS_HELLO_ACCEPT_FD, .creds = &creds,
				      .description = "description" };

	return engine_connect(engine, &hello, &conns[i]);
}

static int try_acquire(struct engine_conn *conn, const char *name)
{
	uint64_t buffer[32];
	struct kdbus_cmd *cmd = (void *)buffer;
	struct engine_items items;

	engine_items_init(&items, cmd, sizeof(*cmd), sizeof(buffer));
	engine_items_add(&items, KDBUS_ITEM_NAME, name, strlen(name) + 1);
	return engine_command(conn, KDBUS_CMD_NAME_ACQUIRE, cmd);
}

static int try_list(struct engine_conn *conn)
{
	struct kdbus_cmd_list cmd = { .size = sizeof(cmd), .flags = KDBUS_LIST_UNIQUE };
	int r;

	r = engine_command(conn, KDBUS_CMD_LIST, &cmd);
	if (r == 0)
		engine_slice_free(conn, cmd.offset);
	return r;
}

/* all there is; ENOMEM ends it */
static int try_drain(struct engine_conn *conn)
{
	struct engine_received received;
	int r;

	for (;;) {
		r = engine_recv(conn, &received);
		if (r < 0)
			return r == -EAGAIN ? 0 : r;
		engine_received_release(&received);
	}
}

static int try_traffic(struct engine *engine)
{
	struct engine_send call = { .flags = KDBUS_MSG_EXPECT_REPLY, .dst_name = NAME, .cookie = 1,
				    .timeout_ns = ENGINE_NO_TIMEOUT, .payload = &with_fd };
	struct engine_send reply = { .cookie = 1, .cookie_reply = 1,
				     .dst_id = engine_conn_id(conns[0]), .payload = &with_fd };
	struct engine_send broadcast = { .flags = KDBUS_MSG_SIGNAL, .cookie = 2,
					 .dst_id = KDBUS_DST_ID_BROADCAST,
					 .payload = &without_fd };
	int r;

	r = engine_conn_subscribe(conns[0],
				  ENGINE_SUBSCRIBE_SIGNALS | ENGINE_SUBSCRIBE_NOTIFICATIONS);
	r = r ?: try_acquire(conns[1], NAME);
	r = r ?: engine_send(conns[0], &call);
	r = r ?: engine_send(conns[1], &reply);
	r = r ?: engine_send(conns[1], &broadcast);
	if (r < 0)
		return r;
	engine_conn_position(conns[0]);
	r = try_drain(conns[0]);
	r = r ?: try_drain(conns[1]);
	r = r ?: try_list(conns[0]);
	return r;
}

static int try_everything(const char *address)
{
	static const struct engine_host host = {
		.broadcast_candidates = host_broadcast_candidates,
	};
	struct engine_options options = { .host = &host };
	struct engine *engine;
	int r;

	r = engine_open(address, &options, &engine);
	if (r < 0)
		return r;
	for (int i = 0; i < 3 && r == 0; i++)
		r = try_connect(engine, i);
	r = r ?: try_traffic(engine);
	for (int i = 0; i < 3; i++)
		conns[i] = engine_conn_close(conns[i]);
	engine_close(engine);
	return r;
}

static void fail_each(const char *address)
{
	int r, n_fds;
	unsigned long n;

	devnull = open("/dev/null", O_RDONLY | O_CLOEXEC);
	n_fds = count_fds();
	for (n = 1;; n++) {
		fault_at(n);
		r = try_everything(address);
		if (!fault_disarm())
			break;
		if (r != 0 && r != -ENOMEM)
			fail("allocation %lu: %d", n, r);
		expect_eq(count_fds(), n_fds);
		expect_eq(with_fd.refcount, 1u);
		expect_eq(without_fd.refcount, 1u);
	}
	expect_eq(r, 0);
	note("%lu allocations", n - 1);
	expect_gt(n, 30u);
	close(devnull);
}

TEST(each_allocation_fails_direct)
{
	fail_each("embedded");
}

TEST(each_allocation_fails_pool)
{
	fail_each("embedded:pool");
}
