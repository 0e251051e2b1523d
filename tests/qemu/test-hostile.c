/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a hostile process can do to descriptors, memory and the kernel's patience
 *
 * Runs in the guest, as root, with a strict kdbusfs at ABI_ROOT.  Each test is a storm of its own
 * kind; that the kernel has nothing to say about it is seen by who reads its log, and that nothing
 * is left by who unmounts and unloads.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/abi/client.h"

#define PAGE 4096UL

static const char *bus_path(void)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", getenv("ABI_ROOT"), B.path);
	return path;
}

static int fd_of(struct peer *peer)
{
	return carrier->fd(peer->h);
}

static uint64_t now_ms(void)
{
	return in_ms(0) / 1000000;
}

/* the bus is as good as before */
static void expect_works(void)
{
	struct peer *a = peer(), *b = peer();

	expect_eq(peer_send_to(a, b->id, 1, 5000), 0);
	expect_message(b, a->id, 1);
	expect_eq(peer_call(a, b->id, 2, in_ms(100000)), 0);
	expect_message(b, a->id, 2);
	expect_eq(peer_reply(b, a->id, 2), 0);
	expect_message(a, b->id, 1002);
	peer_close(a);
	peer_close(b);
}

/* descriptors that are closed and used at the same time */

#define N_NUMBERS 6
#define FIRST_NUM 100

static atomic_bool is_over;

/* with the numbers FIRST_NUM and up, which all threads share */
static void *closing_thread(void *data)
{
	unsigned seed = (uintptr_t)data;
	char bytes[3000] = {};

	while (!is_over) {
		int number = FIRST_NUM + rand_r(&seed) % N_NUMBERS, fd;
		struct kdbus_cmd_recv recv = {.size = sizeof(recv)};
		struct cmd cmd, msg;
		void *pool;

		switch (rand_r(&seed) % 8) {
		case 0:
			fd = open(bus_path(), O_RDWR | O_CLOEXEC);
			if (fd >= 0) {
				dup3(fd, number, O_CLOEXEC);
				close(fd);
			}
			break;
		case 1:
			close(number);
			break;
		case 2:
		case 3:
			hello_init(&cmd, KDBUS_HELLO_ACCEPT_FD);
			cmd.hello.pool_size = 16 * PAGE;
			ioctl(number, KDBUS_CMD_HELLO, &cmd);
			break;
		case 4:
			pool = mmap(NULL, 16 * PAGE, PROT_READ, MAP_SHARED, number, 0);
			if (pool != MAP_FAILED)
				munmap(pool, 16 * PAGE);
			break;
		case 5:
			ioctl(number, KDBUS_CMD_RECV, &recv);
			poll(&(struct pollfd){.fd = number, .events = POLLIN}, 1, 1);
			break;
		default:
			/* ids are dense: some of them are there */
			msg_init(&msg,
				 &(struct send){.flags = rand_r(&seed) % 2 ? KDBUS_MSG_EXPECT_REPLY
									   : 0,
						.dst_id = 1 + rand_r(&seed) % 4000,
						.cookie = 1,
						.cookie_reply = 0,
						.data = bytes,
						.size = sizeof(bytes)});
			cmd_init(&cmd, sizeof(cmd.send), 0);
			if (msg.msg.flags) {
				msg.msg.cookie_reply = in_ms(3);
				cmd.send.flags = KDBUS_SEND_SYNC_REPLY;
			}
			cmd.send.msg_address = (uintptr_t)&msg;
			ioctl(number, KDBUS_CMD_SEND, &cmd);
		}
	}
	return NULL;
}

ABI_TEST(closed_while_it_is_used)
{
	pthread_t threads[4];

	is_over = false;
	for (size_t i = 0; i < N_OF(threads); i++)
		expect_eq(pthread_create(&threads[i], NULL, closing_thread, (void *)(i + 1)), 0);
	sleep(2);
	is_over = true;
	for (size_t i = 0; i < N_OF(threads); i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < N_NUMBERS; i++)
		close(FIRST_NUM + i);
	expect_works();
}

/* signals, all the time */

static atomic_uint n_signals;

static void on_alarm(int signal)
{
	n_signals++;
}

static void *answering_thread(void *data)
{
	struct peer *b = data;
	struct got got;

	while (!is_over) {
		if (!peer_wait(b, 100))
			continue;
		while (peer_recv(b, &got) == 0)
			if (got.cookie)
				peer_reply(b, got.src_id, got.cookie);
	}
	return NULL;
}

ABI_TEST(signals_at_any_point)
{
	struct peer *a = peer(), *b = peer();
	struct itimerval every = {{0, 300}, {0, 300}}, never = {};
	struct sigaction action = {.sa_handler = on_alarm};
	unsigned n_done = 0, n_interrupted = 0;
	uint64_t end;
	pthread_t thread;
	sigset_t set;
	int r;

	/* they come to this thread alone */
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	is_over = false;
	expect_eq(pthread_create(&thread, NULL, answering_thread, b), 0);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	n_signals = 0;
	end = now_ms() + 2000;
	for (uint64_t cookie = 1; now_ms() < end; cookie++) {
		static struct cmd cmd, msg;
		static char bytes[64 * 1024];

		/* restarted, or not */
		action.sa_flags = cookie % 2 ? SA_RESTART : 0;
		sigaction(SIGALRM, &action, NULL);
		setitimer(ITIMER_REAL, &every, NULL);
		msg_init(&msg, &(struct send){.flags = KDBUS_MSG_EXPECT_REPLY,
					      .dst_id = b->id,
					      .cookie = cookie,
					      .cookie_reply = in_ms(100000),
					      .data = bytes,
					      .size = cookie % sizeof(bytes)});
		cmd_init(&cmd, sizeof(cmd.send), KDBUS_SEND_SYNC_REPLY);
		cmd.send.msg_address = (uintptr_t)&msg;
		do {
			r = peer_ioctl(a, KDBUS_CMD_SEND, &cmd);
			n_interrupted += r == -EINTR;
		} while (r == -EINTR);
		setitimer(ITIMER_REAL, &never, NULL);
		expect_eq(r, 0);
		expect_eq(peer_free(a, cmd.send.reply.offset), 0);
		n_done++;
	}
	is_over = true;
	expect_eq(pthread_join(thread, NULL), 0);
	expect_lt(0, n_done);
	expect_lt(0, n_signals);
	expect_works();
}

/* memory */

ABI_TEST(huge_pools)
{
	static const uint64_t sizes[] = {
		1ULL << 63, ~(PAGE - 1), 1ULL << 62, 1ULL << 50, 1ULL << 40, 1ULL << 32, PAGE,
	};
	char bytes[100] = {};
	struct kdbus_cmd_recv recv;
	struct peer *a = peer();

	for (size_t i = 0; i < N_OF(sizes); i++) {
		struct cmd cmd;
		void *pool, *h;
		int r;

		expect_eq(node_open(B.path, NULL, &h), 0);
		hello_init(&cmd, 0);
		cmd.hello.pool_size = sizes[i];
		r = node_ioctl(h, KDBUS_CMD_HELLO, &cmd);
		if (sizes[i] >= 1ULL << 63)
			expect_lt(r, 0);
		if (r == 0) {
			expect_eq(peer_send(a, &(struct send){.dst_id = cmd.hello.id,
							      .cookie = 1,
							      .data = bytes,
							      .size = sizeof(bytes)}),
				  0);
			/* no more than is there can be mapped */
			pool = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, carrier->fd(h), 0);
			expect_eq(pool != MAP_FAILED, sizes[i] > PAGE);
			recv = (struct kdbus_cmd_recv){.size = sizeof(recv)};
			expect_eq(node_ioctl(h, KDBUS_CMD_RECV, &recv), 0);
			if (pool != MAP_FAILED)
				munmap(pool, 2 * PAGE);
		}
		node_close(h);
	}
	expect_works();
}

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool is_done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return is_done;
}

/* fills the pool of @to with what there is no memory for */
static void send_without_memory(struct peer *from, struct peer *to)
{
	static char bytes[2 * MiB];

	memset(bytes, 1, 4096);
	for (unsigned i = 0; i < 200; i++)
		peer_send(from, &(struct send){.dst_id = to->id,
					       .cookie = 1,
					       .data = bytes,
					       .size = sizeof(bytes)});
	for (unsigned i = 0; i < 5000; i++) {
		void *h;
		struct cmd cmd;

		if (node_open(B.path, NULL, &h) < 0)
			break;
		hello_init(&cmd, 0);
		node_ioctl(h, KDBUS_CMD_HELLO, &cmd);
	}
}

/* whose the message is pays, and nobody else */
ABI_TEST(sender_without_memory)
{
	struct peer *a = peer(), *b = peer_pool(256 * MiB), *c = peer_pool(256 * MiB);
	char text[32];
	int go[2], status;
	pid_t pid;

	write_text("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	mkdir("/sys/fs/cgroup/poor", 0755);
	if (!write_text("/sys/fs/cgroup/poor/memory.max", "12582912"))
		skip("no memory controller");
	expect_eq(pipe2(go, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		if (read(go[0], text, 1) != 1)
			_exit(1);
		send_without_memory(a, b);
		_exit(0);
	}
	snprintf(text, sizeof(text), "%d", pid);
	expect(write_text("/sys/fs/cgroup/poor/cgroup.procs", text));
	expect_eq(write(go[1], "x", 1), 1);
	/* others send to the same receiver meanwhile */
	for (uint64_t cookie = 2; waitpid(pid, &status, WNOHANG) == 0; cookie++) {
		struct got got;

		expect_eq(peer_send_to(c, b->id, cookie, 1000), 0);
		do
			got = peer_get(b);
		while (got.src_id == a->id);
		expect_eq(got.cookie, cookie);
	}
	peer_drain(b);
	expect_works();
	close(go[0]);
	close(go[1]);
	peer_close(b);
	/* what it has been charged goes with the pool */
	for (unsigned tries = 0; rmdir("/sys/fs/cgroup/poor") < 0 && tries < 500; tries++)
		usleep(10000);
}

/* commands and messages that change while they are read */

static void *scribbling_thread(void *data)
{
	uint64_t *words = data;
	unsigned seed = 1;

	while (!is_over) {
		unsigned i = rand_r(&seed) % 24;
		uint64_t old = words[i];

		words[i] = rand_r(&seed) % 3 ? old + (rand_r(&seed) % 64) - 32
					     : ~0ULL >> rand_r(&seed) % 64;
		words[i] = old;
	}
	return NULL;
}

ABI_TEST(commands_that_change)
{
	static const unsigned long commands[] = {
		KDBUS_CMD_SEND,		KDBUS_CMD_RECV,		KDBUS_CMD_LIST,
		KDBUS_CMD_NAME_ACQUIRE, KDBUS_CMD_NAME_RELEASE, KDBUS_CMD_MATCH_ADD,
		KDBUS_CMD_MATCH_REMOVE, KDBUS_CMD_UPDATE,	KDBUS_CMD_CONN_INFO,
		KDBUS_CMD_FREE,
	};
	struct peer *a = peer(), *b = peer();
	size_t size = 2 * sizeof(struct cmd);
	struct cmd *cmd, *msg;
	pthread_t threads[2];
	uint64_t end = now_ms() + 2000;

	cmd = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	expect(cmd != MAP_FAILED);
	msg = cmd + 1;
	is_over = false;
	expect_eq(pthread_create(&threads[0], NULL, scribbling_thread, cmd), 0);
	expect_eq(pthread_create(&threads[1], NULL, scribbling_thread, msg), 0);
	for (unsigned i = 0; now_ms() < end; i++) {
		cmd_fill(cmd, msg, commands[i % N_OF(commands)], b->id);
		ioctl(fd_of(a), commands[i % N_OF(commands)], cmd);
		if (i % 64 == 0) {
			peer_drain(a);
			peer_drain(b);
		}
	}
	is_over = true;
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	munmap(cmd, size);
	expect_works();
}

/* at the end of what is mapped, in what cannot be written, and in a pool */
ABI_TEST(commands_in_strange_places)
{
	struct peer *a = peer(), *b = peer();
	struct kdbus_cmd_recv recv;
	uint8_t *memory, *end;
	struct cmd cmd;

	memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	expect(memory != MAP_FAILED);
	expect_eq(mprotect(memory + PAGE, PAGE, PROT_NONE), 0);
	end = memory + PAGE;
	recv = (struct kdbus_cmd_recv){.size = sizeof(recv)};
	for (size_t n = 0; n <= sizeof(recv); n += 8) {
		memcpy(end - n, &recv, n);
		expect_eq(ioctl(fd_of(a), KDBUS_CMD_RECV, end - n) < 0 ? errno : 0,
			  n < sizeof(recv) ? EFAULT : EAGAIN);
	}
	/* what was done stays done, though nobody is told where */
	expect_eq(peer_send_to(b, a->id, 1, 10), 0);
	memcpy(memory, &recv, sizeof(recv));
	expect_eq(mprotect(memory, PAGE, PROT_READ), 0);
	expect_eq(ioctl(fd_of(a), KDBUS_CMD_RECV, memory), -1);
	expect_eq(errno, EFAULT);
	expect_nothing(a);
	munmap(memory, 2 * PAGE);

	/* a message in a message */
	msg_init(&cmd, &(struct send){.dst_id = b->id, .cookie = 7, .data = "inner", .size = 6});
	expect_eq(peer_send(a, &(struct send){.dst_id = a->id,
					      .cookie = 1,
					      .data = &cmd,
					      .size = cmd.msg.size}),
		  0);
	expect_eq(peer_recv_raw(a, 0, 0, &recv), 0);
	for (const uint8_t *p = a->pool + recv.msg.offset;
	     p < a->pool + recv.msg.offset + recv.msg.msg_size - 64; p += 8) {
		if (memcmp(p, &cmd, 64) != 0)
			continue;
		expect_eq(peer_send_msg(a, (void *)p), 0);
		expect_message(b, a->id, 7);
	}
	expect_works();
}

/* descriptors of descriptors */

ABI_TEST(handles_in_messages)
{
	struct peer *a = peer(), *b = peer();
	int pair[2], poll_fd, path_fd, fds[4];
	struct epoll_event event = {.events = EPOLLIN};
	struct got got;

	expect_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	poll_fd = epoll_create1(EPOLL_CLOEXEC);
	path_fd = open(bus_path(), O_PATH | O_CLOEXEC);
	expect_eq(epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd_of(b), &event), 0);
	expect_eq(epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd_of(a), &event), 0);
	/* what could hold who holds it is refused, alone and behind others */
	for (int i = 0; i < 4; i++) {
		int bad[] = {fd_of(a), fd_of(b), pair[0], carrier->fd(B.owner)};

		fds[0] = poll_fd;
		fds[1] = bad[i];
		expect_eq(peer_send(a, &(struct send){.dst_id = b->id,
						      .cookie = 1,
						      .fds = fds + 1,
						      .n_fds = 1}),
			  -EOPNOTSUPP);
		expect_eq(peer_send(a,
				    &(struct send){
					    .dst_id = b->id, .cookie = 1, .fds = fds, .n_fds = 2}),
			  -EOPNOTSUPP);
	}
	expect_nothing(b);
	/* what watches a handle does not hold it, nor does what names it; they wait in a queue that
	 * goes with the handle that they are about */
	fds[0] = poll_fd;
	fds[1] = path_fd;
	for (unsigned i = 0; i < 8; i++)
		expect_eq(peer_send(a,
				    &(struct send){
					    .dst_id = b->id, .cookie = 1, .fds = fds, .n_fds = 2}),
			  0);
	expect_eq(peer_recv(b, &got), 0);
	expect_eq(got.n_fds, 2);
	close(got.fds[0]);
	close(got.fds[1]);
	close(poll_fd);
	close(path_fd);
	close(pair[0]);
	close(pair[1]);
	peer_close(b);
	expect_works();
}

/* no number is free for a descriptor: the message comes without */
ABI_TEST(receiver_without_numbers)
{
	struct peer *a = peer(), *b = peer();
	struct rlimit old, none = {3, 3};
	int fds[] = {0, 1, 2};
	struct got got;

	getrlimit(RLIMIT_NOFILE, &old);
	none.rlim_max = old.rlim_max;
	expect_eq(
		peer_send(a, &(struct send){.dst_id = b->id, .cookie = 1, .fds = fds, .n_fds = 3}),
		0);
	setrlimit(RLIMIT_NOFILE, &none);
	got = peer_get(b);
	setrlimit(RLIMIT_NOFILE, &old);
	expect_eq(got.cookie, 1);
	expect(got.return_flags & KDBUS_RECV_RETURN_INCOMPLETE_FDS);
	for (size_t i = 0; i < got.n_fds; i++)
		expect_eq(got.fds[i], -1);
	expect_works();
}

/* limits that change under those who are counted */

static void *busy_thread(void *data)
{
	struct peer *p = data;

	while (!is_over) {
		peer_acquire(p, "a.b", KDBUS_NAME_QUEUE);
		peer_send_to(p, p->id, 1, 100);
		peer_release(p, "a.b");
		peer_drain(p);
	}
	return NULL;
}

ABI_TEST(limits_change_all_the_time)
{
	struct peer *peers[3] = {peer(), peer(), peer()};
	pthread_t threads[3];

	is_over = false;
	for (size_t i = 0; i < N_OF(threads); i++)
		expect_eq(pthread_create(&threads[i], NULL, busy_thread, peers[i]), 0);
	for (unsigned i = 0; i < 200; i++)
		expect_eq(mount("kdbus", getenv("ABI_ROOT"), "kdbusfs", MS_REMOUNT,
				i % 2 ? "msgs=1,names=0,conns=0,fds=0"
				      : "msgs=256,names=256,conns=256,fds=16"),
			  0);
	expect_eq(mount("kdbus", getenv("ABI_ROOT"), "kdbusfs", MS_REMOUNT,
			"msgs=256,names=256,conns=256,fds=16"),
		  0);
	is_over = true;
	for (size_t i = 0; i < N_OF(threads); i++)
		pthread_join(threads[i], NULL);
	expect_works();
}

/* who the sender is, for those who keep records */
ABI_TEST(audit_and_label)
{
	struct peer *a = peer(), *b = peer_recv_flags(KDBUS_ATTACH_AUDIT | KDBUS_ATTACH_SECLABEL);
	const struct kdbus_item *item;
	const struct kdbus_msg *msg;
	struct kdbus_cmd_recv recv;
	char label[256] = "";
	ssize_t n = -1;
	int fd;

	if (!write_text("/proc/self/loginuid", "4711"))
		skip("no audit in this kernel, or a login already");
	expect_eq(peer_send_to(a, b->id, 1, 10), 0);
	msg = peer_get_raw(b, &recv);
	item = items_find(msg->items, MSG_END(msg), KDBUS_ITEM_AUDIT);
	expect(item);
	expect_eq(item->audit.loginuid, 4711);
	expect(item->audit.sessionid != ~0u);
	fd = open("/proc/self/attr/current", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, label, sizeof(label) - 1);
		close(fd);
	}
	item = items_find(msg->items, MSG_END(msg), KDBUS_ITEM_SECLABEL);
	if (n > 0 && item) {
		label[strcspn(label, "\n ")] = '\0';
		expect_eq(strncmp(item->str, label, strlen(label)), 0);
	}
}
