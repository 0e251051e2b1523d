/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each command, when any one thing that it asks the kernel for cannot be had
 *
 * Runs in a kernel with fault injection.  A scene is a bus with three peers; an act is one
 * system call on it.  The scene is set again for each n: the n-th allocation of the act, or
 * its n-th access to memory of the process, fails.  That must be said by its errno, unless it
 * is one that the act can do without.  An act that had no memory has done nothing: repeated,
 * it does what it should.  And whatever came of it, the bus works.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/abi/client.h"

/* acts ask for less than that */
#define N_MAX 1000

enum fault {
	FAULT_NONE,
	FAULT_MEMORY,
	FAULT_ACCESS,
};

/* descriptors that a scene looks at */
#define N_FDS 64

static struct scene {
	struct peer *a, *b, *c;
	struct peer *other;
	void *node;
	struct cmd cmd, msg;
	uint64_t id;
	int fd, memfd, r;
	bool is_open[N_FDS];
	char bytes[5000];
} S;

/* faults */

#define ACCESS_PATH "/sys/kernel/debug/fail_usercopy/times"

static int nth_fd;

static void faults_begin(void)
{
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth_fd < 0)
		skip("no fault injection");
	expect_eq(access(ACCESS_PATH, R_OK), 0);
}

static void faults_end(void)
{
	close(nth_fd);
}

/* how many accesses may still fail: it is counted down by each that does */
static long accesses_left(void)
{
	char text[32] = "";
	/* it cannot be read twice */
	int fd = open(ACCESS_PATH, O_RDONLY | O_CLOEXEC);

	expect_lt(0, read(fd, text, sizeof(text) - 1));
	close(fd);
	return strtol(text, NULL, 10);
}

/* what has failed since there were @accesses left */
static enum fault nth_end(long accesses)
{
	char text[32] = "";
	ssize_t n = pread(nth_fd, text, sizeof(text) - 1, 0);

	/* these two may themselves be what fails */
	(void)!pwrite(nth_fd, "0", 1, 0);
	(void)!pwrite(nth_fd, "0", 1, 0);
	if (n < 0 || strtol(text, NULL, 10) != 0)
		return FAULT_NONE;
	return accesses_left() != accesses ? FAULT_ACCESS : FAULT_MEMORY;
}

/* acts */

/**
 * struct act - a system call
 * @set: makes everything that is needed for it, in S
 * @run: it; 0 or a negative errno
 * @undo: what is to be done after it, whatever it said, before it is repeated
 * @result: what it says when nothing fails
 * @again: what it says when it is repeated, unless 0 or @result
 * @is_final: it does what it does, whatever fails
 */
struct act {
	void (*set)(void);
	int (*run)(void);
	void (*undo)(void);
	int result, again;
	bool is_final;
};

static void scene_begin(void)
{
	struct cmd match;

	abi_begin();
	S.a = peer();
	S.b = peer_recv_flags(_KDBUS_ATTACH_ALL);
	S.c = peer_recv_flags(_KDBUS_ATTACH_ALL);
	S.other = NULL;
	S.fd = -1;
	S.memfd = -1;
	S.node = NULL;
	memset(S.bytes, 'x', sizeof(S.bytes));
	peer_match_notifications(S.c);
	match_init(&match, 2, 0);
	cmd_add_u64(&match, KDBUS_ITEM_ID, S.a->id);
	expect_eq(peer_match(S.c, &match), 0);
}

/* as peer_drain(), and closes what came */
static void drain(struct peer *peer)
{
	struct got got;

	while (peer_recv(peer, &got) == 0)
		for (size_t i = 0; i < got.n_fds; i++)
			if (got.fds[i] >= 0)
				close(got.fds[i]);
}

static void scene_end(void)
{
	struct peer *d = peer();

	/* all of it still works */
	drain(S.b);
	expect_eq(peer_send_to(d, S.b->id, 4711, 100), 0);
	expect_message(S.b, d->id, 4711);
	peer_drain(S.c);
	expect_eq(peer_acquire(d, "at.last", 0), 0);
	expect_name(S.c, KDBUS_ITEM_NAME_ADD, "at.last", 0, 0, d->id, KDBUS_NAME_PRIMARY);
	if (S.fd >= 0)
		close(S.fd);
	if (S.memfd >= 0)
		close(S.memfd);
	abi_end();
}

/* what @nr says when its @n-th wish is not granted; in a scene of its own */
static enum fault act_once(const struct act *act, unsigned n)
{
	enum fault fault;
	char text[16];
	long accesses;
	int r;

	scene_begin();
	if (act->set)
		act->set();
	accesses = accesses_left();
	expect_le(0, snprintf(text, sizeof(text), "%u", n));
	expect_eq(pwrite(nth_fd, text, strlen(text), 0), (ssize_t)strlen(text));
	r = act->run();
	fault = nth_end(accesses);
	if (act->undo)
		act->undo();
	if (r != act->result) {
		int expected = fault == FAULT_ACCESS ? -EFAULT : -ENOMEM;

		if (fault == FAULT_NONE || act->is_final || r != expected)
			fail("wish %u of kind %d is not granted: %d", n, fault, r);
		/* who could not be told of what was done does not know; but nothing is broken */
		r = act->run();
		if (act->undo)
			act->undo();
		if (fault == FAULT_MEMORY && r != act->result && r != act->again)
			fail("wish %u was not granted, and once more: %d", n, r);
	}
	scene_end();
	return fault;
}

static void act_test(const struct act *act)
{
	unsigned n = 1, n_faults[3] = {};
	enum fault fault;

	faults_begin();
	do {
		expect_lt(n, N_MAX);
		fault = act_once(act, n++);
		n_faults[fault]++;
	} while (fault != FAULT_NONE);
	note("%u of memory, %u of access", n_faults[FAULT_MEMORY], n_faults[FAULT_ACCESS]);
	expect_lt(0, n_faults[FAULT_MEMORY] + n_faults[FAULT_ACCESS]);
	faults_end();
}

#define ACT(name, ...)                                                                             \
	TEST_TIMEOUT(name, 60)                                                                     \
	{                                                                                          \
		act_test(&(struct act){__VA_ARGS__});                                              \
	}

/* nodes */

static int run_open(const char *path)
{
	return carrier->open(path, NULL, &S.node);
}

static void undo_open(void)
{
	if (S.node)
		carrier->close(S.node);
	S.node = NULL;
}

static int run_open_control(void)
{
	return run_open("control");
}

static int run_open_endpoint(void)
{
	return run_open(B.path);
}

ACT(open_control, .run = run_open_control, .undo = undo_open)
ACT(open_endpoint, .run = run_open_endpoint, .undo = undo_open)

static int run_mount(void)
{
	return mount("kdbus", "/tmp/nth", "kdbusfs", 0, "strict,buses=3") < 0 ? -errno : 0;
}

static void undo_mount(void)
{
	umount("/tmp/nth");
}

static void set_mount(void)
{
	mkdir("/tmp/nth", 0700);
}

ACT(mount_domain, .set = set_mount, .run = run_mount, .undo = undo_mount)

static int run_cmd(void *node, unsigned long nr)
{
	struct cmd cmd;

	/* it is written to */
	memcpy(&cmd, &S.cmd, ALIGN8(S.cmd.size));
	return node_ioctl(node, nr, &cmd);
}

static void set_bus_make(void)
{
	expect_eq(node_open("control", NULL, &S.node), 0);
	bus_cmd(&S.cmd, bus_fresh_name(), 64, KDBUS_MAKE_ACCESS_WORLD);
	cmd_add_u64(&S.cmd, KDBUS_ITEM_ATTACH_FLAGS_SEND, _KDBUS_ATTACH_ALL);
}

static int run_bus_make(void)
{
	return run_cmd(S.node, KDBUS_CMD_BUS_MAKE);
}

ACT(make_bus, .set = set_bus_make, .run = run_bus_make)

static void set_endpoint_make(void)
{
	expect_eq(node_open(B.path, NULL, &S.node), 0);
	cmd_init(&S.cmd, sizeof(S.cmd.cmd), 0);
	cmd_add_str(&S.cmd, KDBUS_ITEM_MAKE_NAME, endpoint_name("nth"));
}

static int run_endpoint_make(void)
{
	return run_cmd(S.node, KDBUS_CMD_ENDPOINT_MAKE);
}

ACT(make_endpoint, .set = set_endpoint_make, .run = run_endpoint_make)

static void set_endpoint_update(void)
{
	S.node = endpoint_make(endpoint_name("nth"), 0);
	cmd_init(&S.cmd, sizeof(S.cmd.cmd), 0);
	for (int i = 0; i < 3; i++) {
		char name[] = "a.b0";

		name[3] += i;
		cmd_add_str(&S.cmd, KDBUS_ITEM_NAME, name);
		cmd_add_access(&S.cmd, KDBUS_POLICY_ACCESS_USER, KDBUS_POLICY_TALK, 0);
		cmd_add_access(&S.cmd, KDBUS_POLICY_ACCESS_GROUP, KDBUS_POLICY_OWN, 0);
	}
}

static int run_endpoint_update(void)
{
	return run_cmd(S.node, KDBUS_CMD_ENDPOINT_UPDATE);
}

ACT(update_endpoint, .set = set_endpoint_update, .run = run_endpoint_update)

/* connections come and go */

static void set_hello(void)
{
	expect_eq(node_open(B.path, NULL, &S.node), 0);
	hello_init(&S.cmd, KDBUS_HELLO_ACCEPT_FD);
	cmd_add_str(&S.cmd, KDBUS_ITEM_CONN_DESCRIPTION, "nth");
}

static void set_hello_fake(void)
{
	struct kdbus_creds creds = {};
	struct kdbus_pids pids = {.pid = 1, .tid = 1, .ppid = 1};

	set_hello();
	cmd_add(&S.cmd, KDBUS_ITEM_CREDS, &creds, sizeof(creds));
	cmd_add(&S.cmd, KDBUS_ITEM_PIDS, &pids, sizeof(pids));
	cmd_add_str(&S.cmd, KDBUS_ITEM_SECLABEL, "nobody");
}

static void set_hello_monitor(void)
{
	set_hello();
	S.cmd.hello.flags |= KDBUS_HELLO_MONITOR;
}

static void set_hello_activator(void)
{
	set_hello();
	S.cmd.hello.flags |= KDBUS_HELLO_ACTIVATOR;
	cmd_add_str(&S.cmd, KDBUS_ITEM_NAME, "a.b");
	cmd_add_access(&S.cmd, KDBUS_POLICY_ACCESS_USER, KDBUS_POLICY_TALK, 0);
}

static void set_hello_holder(void)
{
	set_hello();
	S.cmd.hello.flags = KDBUS_HELLO_POLICY_HOLDER;
	cmd_add_str(&S.cmd, KDBUS_ITEM_NAME, "a.*");
	cmd_add_access(&S.cmd, KDBUS_POLICY_ACCESS_WORLD, KDBUS_POLICY_OWN, 0);
}

static int run_hello(void)
{
	return run_cmd(S.node, KDBUS_CMD_HELLO);
}

ACT(hello_ordinary, .set = set_hello, .run = run_hello)
ACT(hello_fake, .set = set_hello_fake, .run = run_hello)
ACT(hello_monitor, .set = set_hello_monitor, .run = run_hello)
ACT(hello_activator, .set = set_hello_activator, .run = run_hello)
ACT(hello_holder, .set = set_hello_holder, .run = run_hello)

static int run_mmap(void)
{
	void *address;

	/* in place of the one that is there */
	address = mmap((void *)S.a->pool, S.a->pool_size, PROT_READ, MAP_SHARED | MAP_FIXED,
		       carrier->fd(S.a->h), 0);
	return address == MAP_FAILED ? -errno : 0;
}

ACT(mmap_pool, .run = run_mmap)

static void set_update_flags(void)
{
	cmd_init(&S.cmd, sizeof(S.cmd.cmd), 0);
	cmd_add_u64(&S.cmd, KDBUS_ITEM_ATTACH_FLAGS_SEND, 0);
	cmd_add_u64(&S.cmd, KDBUS_ITEM_ATTACH_FLAGS_RECV, _KDBUS_ATTACH_ALL);
}

static int run_update_a(void)
{
	return run_cmd(S.a->h, KDBUS_CMD_UPDATE);
}

ACT(update_flags, .set = set_update_flags, .run = run_update_a)

static void set_update_policy(void)
{
	S.other = peer_holder("a.b", KDBUS_POLICY_ACCESS_USER, KDBUS_POLICY_TALK, 1);
	cmd_init(&S.cmd, sizeof(S.cmd.cmd), 0);
	cmd_add_str(&S.cmd, KDBUS_ITEM_NAME, "a.b");
	cmd_add_access(&S.cmd, KDBUS_POLICY_ACCESS_USER, KDBUS_POLICY_OWN, 2);
	cmd_add_access(&S.cmd, KDBUS_POLICY_ACCESS_WORLD, KDBUS_POLICY_TALK, 0);
}

static int run_update_other(void)
{
	return run_cmd(S.other->h, KDBUS_CMD_UPDATE);
}

ACT(update_policy, .set = set_update_policy, .run = run_update_other)

/* a leaves names, matches, calls and messages behind */
static void set_leave(void)
{
	expect_eq(peer_acquire(S.a, "a.b", 0), 0);
	expect_eq(peer_acquire(S.b, "a.b", KDBUS_NAME_QUEUE), 0);
	expect_eq(peer_acquire(S.a, "a.c", 0), 0);
	peer_match_notifications(S.a);
	expect_eq(peer_call(S.b, S.a->id, 5, in_ms(100000)), 0);
	expect_eq(peer_call(S.a, S.b->id, 6, in_ms(100000)), 0);
}

static void set_byebye(void)
{
	set_leave();
	peer_drain(S.a);
	cmd_init(&S.cmd, sizeof(S.cmd.cmd), 0);
}

static int run_byebye(void)
{
	return run_cmd(S.a->h, KDBUS_CMD_BYEBYE);
}

ACT(byebye, .set = set_byebye, .run = run_byebye)

static int run_close(void)
{
	close(carrier->fd(S.a->h));
	return 0;
}

/* whoever closes cannot be told */
static void set_close(void)
{
	set_leave();
	/* the last mapping of the pool is gone too */
	munmap((void *)S.a->pool, S.a->pool_size);
	S.a->pool = mmap((void *)S.a->pool, S.a->pool_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
}

ACT(close_connection, .set = set_close, .run = run_close, .is_final = true)

/* asking */

static void set_conn_info(void)
{
	expect_eq(peer_acquire(S.b, "a.b", 0), 0);
	cmd_init(&S.cmd, sizeof(S.cmd.info), 0);
	S.cmd.info.attach_flags = _KDBUS_ATTACH_ALL;
	cmd_add_str(&S.cmd, KDBUS_ITEM_NAME, "a.b");
}

static int run_conn_info(void)
{
	return run_cmd(S.a->h, KDBUS_CMD_CONN_INFO);
}

ACT(conn_info, .set = set_conn_info, .run = run_conn_info)

static void set_creator_info(void)
{
	cmd_init(&S.cmd, sizeof(S.cmd.info), 0);
	S.cmd.info.attach_flags = _KDBUS_ATTACH_ALL;
}

static int run_creator_info(void)
{
	return run_cmd(S.a->h, KDBUS_CMD_BUS_CREATOR_INFO);
}

ACT(bus_creator_info, .set = set_creator_info, .run = run_creator_info)

static void set_list(void)
{
	expect_eq(peer_acquire(S.b, "a.b", 0), 0);
	expect_eq(peer_acquire(S.c, "a.b", KDBUS_NAME_QUEUE), 0);
	S.other = peer_activator("a.c");
	cmd_init(&S.cmd, sizeof(S.cmd.list), 15);
}

static int run_list(void)
{
	return run_cmd(S.a->h, KDBUS_CMD_LIST);
}

ACT(list, .set = set_list, .run = run_list)

/* messages */

static int run_send(void)
{
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.send), 0);
	cmd.send.msg_address = (uintptr_t)&S.msg;
	return node_ioctl(S.a->h, KDBUS_CMD_SEND, &cmd);
}

static void message(uint64_t flags, uint64_t dst_id, const char *dst_name)
{
	msg_init(&S.msg, &(struct send){.flags = flags,
					.dst_id = dst_id,
					.dst_name = dst_name,
					.cookie = 7,
					.data = S.bytes,
					.size = sizeof(S.bytes)});
	if (flags & KDBUS_MSG_EXPECT_REPLY)
		S.msg.msg.timeout_ns = in_ms(100000);
}

static void message_fds(void)
{
	struct kdbus_memfd memfd = {.size = 100};
	int fds[2];

	S.memfd = memfd_sealed(4096, ALL_SEALS);
	memfd.fd = S.memfd;
	S.fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	fds[0] = S.fd;
	fds[1] = S.fd;
	cmd_add(&S.msg, KDBUS_ITEM_PAYLOAD_MEMFD, &memfd, sizeof(memfd));
	cmd_add(&S.msg, KDBUS_ITEM_FDS, fds, sizeof(fds));
}

static void set_send_unicast(void)
{
	message(0, S.b->id, NULL);
	message_fds();
}

ACT(send_unicast, .set = set_send_unicast, .run = run_send)

static void set_send_monitored(void)
{
	S.other = peer_monitor();
	set_send_unicast();
}

ACT(send_monitored, .set = set_send_monitored, .run = run_send)

static void set_send_call(void)
{
	message(KDBUS_MSG_EXPECT_REPLY, S.b->id, NULL);
}

ACT(send_call, .set = set_send_call, .run = run_send)

static void set_send_broadcast(void)
{
	peer_match_empty(S.b);
	S.other = peer_monitor();
	message(KDBUS_MSG_SIGNAL, BROADCAST, NULL);
}

ACT(send_broadcast, .set = set_send_broadcast, .run = run_send)

static void set_send_name(void)
{
	S.other = peer_activator("a.b");
	message(0, KDBUS_DST_ID_NAME, "a.b");
}

ACT(send_name, .set = set_send_name, .run = run_send)

static void set_send_reply(void)
{
	expect_eq(peer_call(S.b, S.a->id, 5, in_ms(100000)), 0);
	message(0, S.b->id, NULL);
	S.msg.msg.cookie_reply = 5;
}

/* whoever could not deliver the reply has had the chance */
ACT(send_reply, .set = set_send_reply, .run = run_send, .again = -EBADSLT)

/* nobody replies; when it is repeated it is too late from the beginning */
static void set_send_sync(void)
{
	message(KDBUS_MSG_EXPECT_REPLY, S.b->id, NULL);
	/* to ask for the time is a system call of its own on some machines */
	S.msg.msg.timeout_ns = in_ms(200);
}

static int run_send_sync(void)
{
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.send), KDBUS_SEND_SYNC_REPLY);
	cmd.send.msg_address = (uintptr_t)&S.msg;
	return node_ioctl(S.a->h, KDBUS_CMD_SEND, &cmd);
}

ACT(send_sync, .set = set_send_sync, .run = run_send_sync, .result = -ETIMEDOUT)

static bool fd_is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void set_recv(void)
{
	set_send_unicast();
	expect_eq(run_send(), 0);
	for (int fd = 0; fd < N_FDS; fd++)
		S.is_open[fd] = fd_is_open(fd);
}

/* who cannot be told where the message is has its descriptors all the same */
static void undo_recv(void)
{
	for (int fd = 0; fd < N_FDS; fd++)
		if (fd_is_open(fd) && !S.is_open[fd])
			close(fd);
}

static int run_recv_flags(uint64_t flags)
{
	struct kdbus_cmd_recv recv = {.size = sizeof(recv), .flags = flags};

	return node_ioctl(S.b->h, KDBUS_CMD_RECV, &recv);
}

static int run_recv(void)
{
	return run_recv_flags(0);
}

static int run_recv_peek(void)
{
	return run_recv_flags(KDBUS_RECV_PEEK);
}

static int run_recv_drop(void)
{
	return run_recv_flags(KDBUS_RECV_DROP);
}

ACT(recv_message, .set = set_recv, .run = run_recv, .undo = undo_recv)
ACT(recv_peek, .set = set_recv, .run = run_recv_peek)
ACT(recv_drop, .set = set_recv, .run = run_recv_drop)

static void set_free(void)
{
	struct kdbus_cmd_recv recv;

	set_recv();
	expect_eq(peer_recv_raw(S.b, KDBUS_RECV_PEEK, 0, &recv), 0);
	cmd_init(&S.cmd, sizeof(S.cmd.free), 0);
	S.cmd.free.offset = recv.msg.offset;
}

static int run_free(void)
{
	return run_cmd(S.b->h, KDBUS_CMD_FREE);
}

ACT(free_slice, .set = set_free, .run = run_free)

/* names */

static void name_cmd(uint64_t flags)
{
	cmd_init(&S.cmd, sizeof(S.cmd.cmd), flags);
	cmd_add_str(&S.cmd, KDBUS_ITEM_NAME, "a.b");
}

static int run_acquire(void)
{
	return run_cmd(S.a->h, KDBUS_CMD_NAME_ACQUIRE);
}

static int run_release(void)
{
	return run_cmd(S.a->h, KDBUS_CMD_NAME_RELEASE);
}

static void set_acquire(void)
{
	name_cmd(0);
}

static void set_acquire_queue(void)
{
	expect_eq(peer_acquire(S.b, "a.b", 0), 0);
	name_cmd(KDBUS_NAME_QUEUE);
}

static void set_acquire_replace(void)
{
	expect_eq(peer_acquire(S.b, "a.b", KDBUS_NAME_ALLOW_REPLACEMENT | KDBUS_NAME_QUEUE), 0);
	name_cmd(KDBUS_NAME_REPLACE_EXISTING);
}

/* messages wait for it */
static void set_acquire_activated(void)
{
	S.other = peer_activator("a.b");
	message(KDBUS_MSG_EXPECT_REPLY, KDBUS_DST_ID_NAME, "a.b");
	message_fds();
	for (int i = 0; i < 3; i++) {
		S.msg.msg.cookie = 10 + i;
		expect_eq(peer_send_msg(S.b, &S.msg), 0);
	}
	name_cmd(0);
}

static void set_release(void)
{
	expect_eq(peer_acquire(S.a, "a.b", 0), 0);
	expect_eq(peer_acquire(S.b, "a.b", KDBUS_NAME_QUEUE), 0);
	name_cmd(0);
}

ACT(acquire_free, .set = set_acquire, .run = run_acquire)
ACT(acquire_queue, .set = set_acquire_queue, .run = run_acquire)
ACT(acquire_replace, .set = set_acquire_replace, .run = run_acquire)
ACT(acquire_activated, .set = set_acquire_activated, .run = run_acquire)
ACT(release_name, .set = set_release, .run = run_release)

/* matches */

static void set_match(void)
{
	match_init(&S.cmd, 9, KDBUS_MATCH_REPLACE);
	cmd_add(&S.cmd, KDBUS_ITEM_BLOOM_MASK, NULL, 128);
	cmd_add_str(&S.cmd, KDBUS_ITEM_NAME, "a.b");
	cmd_add_u64(&S.cmd, KDBUS_ITEM_ID, S.b->id);
}

static int run_match(void)
{
	return run_cmd(S.a->h, KDBUS_CMD_MATCH_ADD);
}

ACT(match_add, .set = set_match, .run = run_match)

static void set_unmatch(void)
{
	set_match();
	expect_eq(run_match(), 0);
	match_init(&S.cmd, 9, 0);
}

static int run_unmatch(void)
{
	return run_cmd(S.a->h, KDBUS_CMD_MATCH_REMOVE);
}

ACT(match_remove, .set = set_unmatch, .run = run_unmatch)
