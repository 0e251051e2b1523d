/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the public selftests look at, as far as no other test does it on the way
 *
 * And the rules about concurrency that one process can see.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/abi/client.h"

static struct cmd c;

ABI_TEST(bus_make)
{
	const struct kdbus_info *info;
	char name[64], bad[80];
	void *h1, *h2;

	row("11.2");
	expect_eq(node_open("control", NULL, &h1), 0);
	expect_eq(node_open("control", NULL, &h2), 0);
	snprintf(name, sizeof(name), "%s", bus_fresh_name());
	bus_cmd(&c, "foo", 64, 0);
	expect_eq(node_ioctl(h1, KDBUS_CMD_BUS_MAKE, &c), -EINVAL);
	snprintf(bad, sizeof(bad), "%u-blah@123", geteuid());
	bus_cmd(&c, bad, 64, 0);
	expect_eq(node_ioctl(h1, KDBUS_CMD_BUS_MAKE, &c), -EINVAL);
	snprintf(bad, sizeof(bad), "%u-blah-", geteuid());
	bus_cmd(&c, bad, 64, 0);
	expect_eq(node_ioctl(h1, KDBUS_CMD_BUS_MAKE, &c), -EINVAL);
	bus_cmd(&c, name, 64, 0);
	expect_eq(node_ioctl(h1, KDBUS_CMD_BUS_MAKE, &c), 0);
	expect_eq(node_ioctl(h2, KDBUS_CMD_BUS_MAKE, &c), -EEXIST);
	snprintf(B.name, sizeof(B.name), "%s", name);
	expect(carrier->exists(node_path("bus")));
	expect_eq(peer_creator_info(peer(), _KDBUS_ATTACH_ALL, &info), 0);
	expect_str(items_find(info->items, INFO_END(info), KDBUS_ITEM_MAKE_NAME)->str, name);
	bus_cmd(&c, bus_fresh_name(), 64, 0);
	expect_eq(node_ioctl(h1, KDBUS_CMD_BUS_MAKE, &c), -EBADFD);
	expect_eq(node_ioctl(h2, KDBUS_CMD_BUS_MAKE, &c), 0);
}

ABI_TEST(hello_selftest)
{
	uint64_t offset;
	void *h;

	row("11.3");
	expect_eq(node_open(B.path, NULL, &h), 0);
	hello_init(&c, 0);
	expect_eq(node_ioctl(h, KDBUS_CMD_HELLO, (char *)&c + 1), -EFAULT);
	c.size = 1;
	expect_eq(node_ioctl(h, KDBUS_CMD_HELLO, &c), -EINVAL);
	hello_init(&c, 1ULL << 32);
	expect_eq(node_ioctl(h, KDBUS_CMD_HELLO, &c), -EINVAL);
	hello_init(&c, 0);
	c.hello.pool_size = 0;
	expect_eq(node_ioctl(h, KDBUS_CMD_HELLO, &c), -EINVAL);
	c.hello.pool_size = 4097;
	expect_eq(node_ioctl(h, KDBUS_CMD_HELLO, &c), -EINVAL);
	c.hello.pool_size = 16 * MiB;
	c.hello.offset = offset = ~0ULL;
	expect_eq(node_ioctl(h, KDBUS_CMD_HELLO, &c), 0);
	expect_ne(c.hello.offset, offset);
	expect_eq(node_open(B.path, NULL, &h), 0);
	c.hello.flags = KDBUS_HELLO_ACTIVATOR;
	expect_eq(node_ioctl(h, KDBUS_CMD_HELLO, &c), -EINVAL);
}

ABI_TEST(byebye_selftest)
{
	struct peer *a = peer(), *b = peer();

	row("11.4");
	peer_match_all(b);
	expect_eq(peer_broadcast(a, 1), 0);
	expect_eq(peer_byebye(b), -EBUSY);
	expect_message(b, a->id, 1);
	expect_eq(peer_byebye(b), 0);
	expect_eq(peer_byebye(b), -ECONNRESET);
}

ABI_TEST(chat)
{
	struct peer *a = peer(), *b = peer();
	uint64_t cookie = 1;
	struct got got;

	row("11.5");
	expect_eq(peer_acquire(a, "foo.bar.test", KDBUS_NAME_ALLOW_REPLACEMENT), 0);
	expect_eq(peer_acquire(a, "foo.bar.baz", 0), 0);
	expect_eq(peer_acquire(b, "foo.bar.baz", KDBUS_NAME_QUEUE), 0);
	expect_eq(peer_acquire(a, "foo.bar.double", 0), 0);
	expect_eq(peer_acquire(a, "foo.bar.double", 0), p1() ? -EALREADY : 0);
	expect_eq(peer_release(a, "foo.bar.double"), 0);
	expect_eq(peer_release(a, "foo.bar.double"), -ESRCH);
	peer_list(b, 0xf);
	peer_match_all(a);
	peer_match_all(b);
	expect_eq(peer_broadcast(b, cookie), 0);
	if (!p1())
		expect_eq(peer_drain(b), 1);
	for (unsigned round = 0; round < 10; round++) {
		expect(peer_wait(a, 1000));
		got = peer_get(a);
		expect_eq(got.src_id, b->id);
		if (round == 5)
			expect_eq(peer_release(a, "foo.bar.baz"), 0);
		expect_eq(peer_send_to(a, b->id, ++cookie, 131072), 0);
		expect(peer_wait(b, 1000));
		expect_message(b, a->id, cookie);
		expect_eq(peer_send_to(b, a->id, ++cookie, 13), 0);
	}
	expect_eq(peer_info(a, b->id, "foo.bar.baz", 0, NULL), 0);
}

ABI_TEST(fd_limits)
{
	struct peer *a = peer(), *b = peer();
	int memfd = memfd_sealed(64, ALL_SEALS), fds[17], pipes[2], pair[2];
	struct kdbus_memfd item = {.size = 16, .fd = memfd};
	static const struct {
		unsigned n_fds, n_memfds;
		int error;
	} cases[] = {
		{17, 0, -EMFILE},  {0, 129, -E2BIG},  {0, 17, -E2BIG},	{0, 16, 0},
		{17, 10, -EMFILE}, {16, 128, -E2BIG}, {16, 17, -E2BIG}, {16, 16, 0},
		{16, 0, -EMFILE},  {0, 16, 0},
	};
	static struct cmd msg;
	struct got got;

	row("11.7.limits");
	expect_eq(pipe(pipes), 0);
	for (unsigned i = 0; i < N_OF(fds); i++)
		fds[i] = pipes[0];
	for (size_t i = 0; i < N_OF(cases); i++) {
		msg_init(&msg, &(struct send){.dst_id = b->id});
		if (cases[i].n_fds)
			cmd_add(&msg, KDBUS_ITEM_FDS, fds, cases[i].n_fds * sizeof(int));
		for (unsigned j = 0; j < cases[i].n_memfds; j++)
			cmd_add(&msg, KDBUS_ITEM_PAYLOAD_MEMFD, &item, sizeof(item));
		expect_eq(peer_send_msg(a, &msg), cases[i].error);
		if (i == 3)
			expect_eq(peer_drain(b), 1);
		if (i < 7)
			expect_nothing(b);
	}
	got = peer_get(b);
	expect_eq(got.n_fds, 16);
	for (unsigned i = 0; i < 16; i++)
		close(got.fds[i]);
	got = peer_get(b);
	expect_eq(got.n_fds, 0);
	expect_nothing(b);
	row("11.7.unix");
	expect_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	expect_eq(peer_send(a, &(struct send){.dst_id = b->id, .fds = pair, .n_fds = 2}),
		  -EOPNOTSUPP);
	row("11.7.broadcast");
	expect_eq(peer_send(a, &(struct send){.flags = KDBUS_MSG_SIGNAL,
					      .dst_id = BROADCAST,
					      .fds = fds,
					      .n_fds = 1}),
		  -ENOTUNIQ);
	close(pair[0]);
	close(pair[1]);
	close(pipes[0]);
	close(pipes[1]);
	close(memfd);
}

ABI_TEST(message_basic)
{
	struct peer *a = peer(), *b = peer();

	row("11.11");
	peer_match_all(a);
	peer_match_all(b);
	expect_eq(peer_broadcast(a, 0x1234), 0);
	if (p1())
		expect_nothing(a);
	else
		expect_message(a, a->id, 0x1234);
	expect(peer_wait(b, 100));
	expect_message(b, a->id, 0x1234);
	expect_eq(peer_call(a, b->id, 0, 0), -EINVAL);
	expect_eq(peer_reply(a, b->id, 0xdeadbeef), p1() ? -EPERM : -EBADSLT);
}

ABI_TEST(pool_quota)
{
	struct peer *one = peer(), *two = peer(), *r = peer();

	row("11.13.pool");
	expect_eq(peer_send_to(one, r->id, 1, 2 * MiB), 0);
	expect_eq(peer_send_to(one, r->id, 2, 2 * MiB), -ENOBUFS);
	expect_eq(peer_send_to(two, r->id, 3, 131072), 0);
	expect_message(r, one->id, 1);
	expect_message(r, two->id, 3);
}

ABI_TEST(expected_replies)
{
	struct peer *receivers[9], *a = peer();

	row("11.13.replies");
	for (unsigned i = 0; i < 9; i++)
		receivers[i] = peer();
	for (unsigned i = 0; i < 128; i++)
		expect_eq(peer_call(a, receivers[i / 16]->id, i + 1, in_ms(100)), 0);
	expect_eq(peer_call(a, receivers[8]->id, 200, in_ms(100)), -EMLINK);
}

ABI_TEST(message_free)
{
	struct peer *a = peer();

	row("11.18");
	expect_eq(peer_free(a, 0), -ENXIO);
	expect_eq(peer_free(a, a->pool_size + 1), -ENXIO);
	cmd_init(&c, sizeof(c.list), KDBUS_LIST_QUEUED);
	expect_eq(peer_ioctl(a, KDBUS_CMD_LIST, &c), 0);
	expect_eq(peer_ioctl(a, KDBUS_CMD_LIST, &c), 0);
}

ABI_TEST(writable_pool)
{
	struct peer *a = peer();
	void *map;

	row("11.21");
	expect_lt(carrier->mmap(a->h, a->pool_size, PROT_READ | PROT_WRITE, false, 0, &map), 0);
	expect_eq(carrier->mmap(a->h, a->pool_size, PROT_READ, false, 0, &map), 0);
	expect_lt(mprotect(map, a->pool_size, PROT_READ | PROT_WRITE), 0);
	munmap(map, a->pool_size);
}

ABI_TEST(ping)
{
	static char bytes[8192];
	struct peer *a = peer(), *b = peer();
	struct kdbus_memfd memfd = {.size = 8, .fd = memfd_sealed(8, ALL_SEALS)};
	static struct cmd msg;

	row("11.28");
	for (unsigned i = 0; i < 2000; i++) {
		msg_init(&msg, &(struct send){.dst_id = a->id,
					      .cookie = i,
					      .data = bytes,
					      .size = sizeof(bytes)});
		cmd_add(&msg, KDBUS_ITEM_PAYLOAD_MEMFD, &memfd, sizeof(memfd));
		expect_eq(peer_send_msg(b, &msg), 0);
		expect_message(a, b->id, i);
	}
	close(memfd.fd);
}

ABI_TEST(endpoint_selftest)
{
	struct peer *reader, *a = peer(), *in;
	char name[80];
	void *ep, *h;

	row("11.8.names");
	expect_eq(node_open(B.path, NULL, &h), 0);
	snprintf(name, sizeof(name), "%u-%063d", geteuid(), 0);
	cmd_init(&c, sizeof(c.cmd), 0);
	cmd_add_str(&c, KDBUS_ITEM_MAKE_NAME, name);
	expect_eq(node_ioctl(h, KDBUS_CMD_ENDPOINT_MAKE, &c), -ENAMETOOLONG);
	row("11.8.notifications");
	ep = endpoint_make(endpoint_name("foo"), 0);
	reader = peer_at(endpoint_name("foo"), NULL);
	peer_match_type(reader, KDBUS_ITEM_ID_ADD);
	peer_match_type(reader, KDBUS_ITEM_ID_REMOVE);
	in = peer_at(endpoint_name("foo"), NULL);
	if (!p1())
		expect_id(reader, KDBUS_ITEM_ID_ADD, in->id);
	expect_nothing(reader);
	peer_match_type(in, KDBUS_ITEM_NAME_ADD);
	expect_eq(peer_acquire(a, "foo.bar.baz", 0), 0);
	expect_nothing(in);
	node_close(ep);
}

/* what threads see */

#define N_MESSAGES 2000

static struct peer *from, *to;
static bool has_stopped;

static void *send_many(void *data)
{
	for (uint64_t i = 1; i <= N_MESSAGES; i++) {
		int r;

		while ((r = peer_send(from, &(struct send){.dst_id = to->id, .cookie = i})) ==
		       -ENOBUFS)
			sched_yield();
		if (r < 0)
			return (void *)(intptr_t)r;
	}
	return NULL;
}

ABI_TEST(order_between_threads)
{
	pthread_t thread;
	struct got got;
	uint64_t next = 1;
	void *result;

	row("D.order");
	from = peer();
	to = peer();
	expect_eq(pthread_create(&thread, NULL, send_many, NULL), 0);
	while (next <= N_MESSAGES) {
		if (peer_recv(to, &got) == -EAGAIN)
			continue;
		expect_eq(got.cookie, next++);
	}
	expect_eq(pthread_join(thread, &result), 0);
	expect(!result);
}

/* what send_by_name() has sent and nobody has received is less than this, so that a queue can
 * be drained while it sends */
enum { N_UNDER_WAY = 32 };

static uint64_t n_received;

static void *send_by_name(void *data)
{
	uint64_t n = 0;
	int r;

	while (!__atomic_load_n(&has_stopped, __ATOMIC_SEQ_CST)) {
		/* one may be received before it is counted here */
		if ((int64_t)(n - __atomic_load_n(&n_received, __ATOMIC_SEQ_CST)) >= N_UNDER_WAY) {
			sched_yield();
			continue;
		}
		r = peer_send(from, &(struct send){.dst_name = "x.y", .cookie = n + 1});
		if (r == 0)
			n++;
		else if (r != -ENOBUFS)
			return (void *)(intptr_t)r;
		else
			sched_yield();
	}
	return (void *)(intptr_t)n;
}

/* a message by name arrives at the old or the new holder, and never nowhere */
ABI_TEST(nothing_is_lost_between_owners)
{
	struct peer *a = peer(), *b = peer(), *act = peer_activator("x.y");
	uint64_t n = 0;
	pthread_t thread;
	void *result;

	row("D.names");
	from = peer();
	expect_eq(pthread_create(&thread, NULL, send_by_name, NULL), 0);
	for (unsigned i = 0; i < 500; i++) {
		struct peer *p = i % 2 ? a : b;

		expect_eq(peer_acquire(p, "x.y", 0), 0);
		n += peer_drain(p);
		expect_eq(peer_release(p, "x.y"), 0);
		n += peer_drain(p);
		n += peer_drain(act);
		__atomic_store_n(&n_received, n, __ATOMIC_SEQ_CST);
	}
	__atomic_store_n(&has_stopped, true, __ATOMIC_SEQ_CST);
	expect_eq(pthread_join(thread, &result), 0);
	n += peer_drain(a) + peer_drain(b) + peer_drain(act);
	expect_eq(n, (intptr_t)result);
}

ABI_TEST(buffers_may_be_reused)
{
	struct peer *a = peer(), *b = peer();
	char data[16] = "original";
	struct got got;

	row("D.buffers");
	expect_eq(peer_send(a, &(struct send){.dst_id = b->id, .data = data, .size = 8}), 0);
	memset(data, 'x', sizeof(data));
	got = peer_get(b);
	expect_str(got.text, "original");
	row("D.name-before-message");
	peer_match_type(b, KDBUS_ITEM_NAME_ADD);
	expect_eq(peer_acquire(a, "x.y", 0), 0);
	expect_eq(peer_send_to(a, b->id, 7, 0), 0);
	expect_eq(peer_get(b).type, (uint64_t)KDBUS_ITEM_NAME_ADD);
	expect_message(b, a->id, 7);
	row("D.monitors-first");
	{
		struct peer *m = peer_monitor();

		peer_match_all(b);
		expect_eq(peer_broadcast(a, 8), 0);
		expect_message(m, a->id, 8);
		expect_message(b, a->id, 8);
	}
}
