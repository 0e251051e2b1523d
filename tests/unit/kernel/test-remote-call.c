/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Synchronous calls of other processes: reference 4.6
 *
 * The caller is not blocked here: it starts a call, and collects when it likes.  Each test
 * must leave no object and no descriptor with the server (remote-util.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernel/engine/engine-items.h"
#include "kernel/engine/remote-client.h"
#include "tests/harness/tap.h"
#include "tests/unit/kernel/remote-util.h"

#define POOL_SIZE (1u << 20)
#define FOREVER	  (1ULL << 62)
/* of the server, and what that lets it have of calls */
#define N_FILES 1024
#define N_CALLS (N_FILES / 16)

/**
 * struct peer - a connection
 * @client: its socket
 * @id: on the bus
 * @pool: mapped
 */
struct peer {
	struct remote_client client;
	uint64_t id;
	const uint8_t *pool;
};

/**
 * struct scene - a bus, who calls and who answers
 */
struct scene {
	struct remote_server server;
	struct remote_client owner;
	char endpoint[160];
	struct peer a, b;
};

/**
 * struct call - a SEND
 * @cmd: the command; behind it there may be a CANCEL_FD
 * @msg: the message
 * @state: what remote_client_start() says of it
 */
struct call {
	union {
		struct kdbus_cmd_send cmd;
		uint64_t space[32];
	};
	struct kdbus_msg msg;
	struct remote_client_call state;
};

static int peer_init(struct peer *peer, const char *path)
{
	struct kdbus_cmd_hello cmd = {
		.size = sizeof(cmd),
		.flags = KDBUS_HELLO_ACCEPT_FD,
		.pool_size = POOL_SIZE,
	};
	void *pool;
	int r;

	r = remote_client_open(&peer->client, path, REMOTE_CLIENT_EXACT);
	if (r < 0)
		return r;
	expect_eq(remote_client_command(&peer->client, KDBUS_CMD_HELLO, &cmd), 0);
	expect_eq(remote_client_map(&peer->client, POOL_SIZE, PROT_READ, MAP_SHARED, 0, &pool), 0);
	peer->id = cmd.id;
	peer->pool = pool;
	return 0;
}

static void scene_open(struct scene *scene)
{
	const struct kdbus_bloom_parameter bloom = {.size = 64, .n_hash = 8};
	struct rlimit limit;
	uint64_t space[32];
	struct kdbus_cmd *cmd = (void *)space;
	struct engine_items items;
	char path[160], name[32];

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = N_FILES;
	expect_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	remote_server_start(&scene->server, true, NULL);
	snprintf(path, sizeof(path), "%s/control", scene->server.dir);
	expect_eq(remote_client_open(&scene->owner, path, REMOTE_CLIENT_EXACT), 0);
	snprintf(name, sizeof(name), "%u-test", geteuid());
	engine_items_init(&items, cmd, sizeof(*cmd), sizeof(space));
	cmd->flags = KDBUS_MAKE_ACCESS_WORLD;
	engine_items_add(&items, KDBUS_ITEM_BLOOM_PARAMETER, &bloom, sizeof(bloom));
	engine_items_add(&items, KDBUS_ITEM_MAKE_NAME, name, strlen(name) + 1);
	expect_eq(remote_client_command(&scene->owner, KDBUS_CMD_BUS_MAKE, cmd), 0);
	snprintf(scene->endpoint, sizeof(scene->endpoint), "%s/%s/bus", scene->server.dir, name);
	expect_eq(peer_init(&scene->a, scene->endpoint), 0);
	expect_eq(peer_init(&scene->b, scene->endpoint), 0);
}

static void scene_close(struct scene *scene)
{
	remote_client_close_last(&scene->a.client);
	remote_client_close_last(&scene->b.client);
	remote_client_close_last(&scene->owner);
	remote_server_stop(&scene->server);
}

static uint64_t in_ms(unsigned ms)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec + ms * 1000000ULL;
}

/* @cancel_fd: or -1 */
static int call_start(struct call *call, struct peer *from, uint64_t dst_id, uint64_t cookie,
		      uint64_t deadline_ns, int cancel_fd)
{
	struct engine_items items;

	engine_items_init(&items, call->space, sizeof(call->cmd), sizeof(call->space));
	call->cmd.flags = KDBUS_SEND_SYNC_REPLY;
	call->cmd.msg_address = (uintptr_t)&call->msg;
	if (cancel_fd >= 0)
		engine_items_add(&items, KDBUS_ITEM_CANCEL_FD, &cancel_fd, sizeof(cancel_fd));
	call->msg = (struct kdbus_msg){
		.size = sizeof(call->msg),
		.flags = KDBUS_MSG_EXPECT_REPLY,
		.dst_id = dst_id,
		.payload_type = KDBUS_PAYLOAD_DBUS,
		.cookie = cookie,
		.timeout_ns = deadline_ns,
	};
	return remote_client_start(&from->client, KDBUS_CMD_SEND, call, &call->state);
}

static void call_begin(struct call *call, struct peer *from, const struct peer *to)
{
	expect_eq(call_start(call, from, to->id, 5, FOREVER, -1), REMOTE_CLIENT_WAITS);
}

static bool is_over(const struct call *call)
{
	struct pollfd pollfd = {.fd = call->state.fd, .events = POLLIN};

	return poll(&pollfd, 1, 0) == 1;
}

static int call_wait(struct call *call, struct peer *from)
{
	remote_client_wait(&call->state);
	return remote_client_end(&from->client, &call->state);
}

/* what is next in the queue: its sender; 0 if there is nothing */
static uint64_t receive(struct peer *peer)
{
	struct kdbus_cmd_recv cmd = {.size = sizeof(cmd)};
	const struct kdbus_msg *msg;

	if (remote_client_command(&peer->client, KDBUS_CMD_RECV, &cmd) < 0)
		return 0;
	msg = (const void *)(peer->pool + cmd.msg.offset);
	return msg->src_id;
}

/* to the call with cookie 5; with a descriptor, unless that is -1 */
static int reply(struct peer *peer, uint64_t dst_id, int fd)
{
	uint64_t space[32];
	struct kdbus_msg *msg = (void *)space;
	struct kdbus_cmd_send cmd = {.size = sizeof(cmd), .msg_address = (uintptr_t)msg};
	struct engine_items items;
	struct kdbus_vec vec = {.size = 6, .address = (uintptr_t) "a word"};

	engine_items_init(&items, msg, sizeof(*msg), sizeof(space));
	msg->dst_id = dst_id;
	msg->payload_type = KDBUS_PAYLOAD_DBUS;
	msg->cookie = 1005;
	msg->cookie_reply = 5;
	engine_items_add(&items, KDBUS_ITEM_PAYLOAD_VEC, &vec, sizeof(vec));
	if (fd >= 0)
		engine_items_add(&items, KDBUS_ITEM_FDS, &fd, sizeof(fd));
	return remote_client_command(&peer->client, KDBUS_CMD_SEND, &cmd);
}

static const struct kdbus_msg *reply_of(const struct call *call, const struct peer *a)
{
	return (const void *)(a->pool + call->cmd.reply.offset);
}

TEST(others_use_the_handle_until_there_is_a_reply)
{
	const struct kdbus_msg *msg;
	struct scene s;
	struct call call, other;

	scene_open(&s);
	call_begin(&call, &s.a, &s.b);
	expect_eq(receive(&s.b), s.a.id);
	expect(!is_over(&call));
	expect_eq(receive(&s.a), 0);
	/* even for a call of its own */
	expect_eq(call_start(&other, &s.a, s.b.id, 6, in_ms(50), -1), REMOTE_CLIENT_WAITS);
	expect_ne(other.state.id, call.state.id);
	expect_eq(call_wait(&other, &s.a), -ETIMEDOUT);
	expect(!is_over(&call));
	expect_eq(reply(&s.b, s.a.id, -1), 0);
	expect(is_over(&call));
	/* it is not in the queue */
	expect_eq(remote_client_poll(&s.a.client) & POLLIN, 0);
	expect_eq(call_wait(&call, &s.a), 0);
	msg = reply_of(&call, &s.a);
	expect_eq(msg->src_id, s.b.id);
	expect_eq((uint64_t)msg->items[0].type, (uint64_t)KDBUS_ITEM_PAYLOAD_OFF);
	expect(!memcmp((const char *)msg + msg->items[0].vec.offset, "a word", 6));
	scene_close(&s);
}

TEST(descriptors_of_a_reply_are_installed)
{
	int event = eventfd(0, EFD_CLOEXEC), fd = -1;
	const struct kdbus_item *item;
	const struct kdbus_msg *msg;
	uint64_t count = 7;
	struct scene s;
	struct call call;

	scene_open(&s);
	call_begin(&call, &s.a, &s.b);
	expect_eq(reply(&s.b, s.a.id, event), 0);
	expect_eq(call_wait(&call, &s.a), 0);
	msg = reply_of(&call, &s.a);
	for (item = msg->items; (const uint8_t *)item < (const uint8_t *)msg + msg->size;
	     item = (const void *)((const uint8_t *)item + ((item->size + 7) & ~7ULL)))
		if (item->type == KDBUS_ITEM_FDS)
			fd = item->fds[0];
	expect_ge(fd, 0);
	expect_eq(write(fd, &count, 8), 8);
	expect_eq(read(event, &count, 8), 8);
	expect_eq(count, 7);
	close(fd);
	close(event);
	scene_close(&s);
}

TEST(ends_without_a_reply)
{
	struct scene s;
	struct peer c;
	struct kdbus_cmd bye = {.size = sizeof(bye)};
	struct call call;

	scene_open(&s);
	expect_eq(call_start(&call, &s.a, s.b.id, 5, in_ms(30), -1), REMOTE_CLIENT_WAITS);
	expect_eq(call_wait(&call, &s.a), -ETIMEDOUT);
	expect_eq(reply(&s.b, s.a.id, -1), -EBADSLT);
	expect_eq(call_start(&call, &s.a, s.b.id, 5, 1, -1), -ETIMEDOUT);
	expect_eq(call_start(&call, &s.a, 0xffffff, 5, FOREVER, -1), -ENXIO);
	/* who was to answer goes */
	expect_eq(peer_init(&c, s.endpoint), 0);
	call_begin(&call, &s.a, &c);
	remote_client_close_last(&c.client);
	expect_eq(call_wait(&call, &s.a), -EPIPE);
	/* who waits goes */
	expect_eq(peer_init(&c, s.endpoint), 0);
	call_begin(&call, &c, &s.b);
	expect_eq(remote_client_command(&c.client, KDBUS_CMD_BYEBYE, &bye), 0);
	expect_eq(call_wait(&call, &c), -ECONNRESET);
	remote_client_close_last(&c.client);
	/* the bus goes */
	call_begin(&call, &s.a, &s.b);
	remote_client_close_last(&s.owner);
	expect_eq(call_wait(&call, &s.a), -ECONNRESET);
	scene_close(&s);
}

TEST(interrupted_calls_are_resumed)
{
	struct scene s;
	struct call call, again;

	scene_open(&s);
	call_begin(&call, &s.a, &s.b);
	expect_eq(remote_client_end(&s.a.client, &call.state), -EINTR);
	call_begin(&again, &s.a, &s.b);
	expect_eq(receive(&s.b), s.a.id);
	expect_eq(receive(&s.b), 0);
	expect_eq(remote_client_end(&s.a.client, &again.state), -EINTR);
	/* the reply does not wait for somebody who waits */
	expect_eq(reply(&s.b, s.a.id, -1), 0);
	call_begin(&call, &s.a, &s.b);
	expect(is_over(&call));
	expect_eq(call_wait(&call, &s.a), 0);
	expect_eq(reply_of(&call, &s.a)->src_id, s.b.id);
	/* one that is over cannot be interrupted */
	call_begin(&call, &s.a, &s.b);
	expect_eq(reply(&s.b, s.a.id, -1), 0);
	expect_eq(remote_client_end(&s.a.client, &call.state), 0);
	scene_close(&s);
}

static void on_alarm(int number)
{
}

/* SA_RESTART decides, as for the ioctl() */
TEST(signals_interrupt_or_do_not)
{
	for (int restarts = 0; restarts < 2; restarts++) {
		struct sigaction action = {.sa_handler = on_alarm,
					   .sa_flags = restarts ? SA_RESTART : 0};
		struct scene s;
		struct call call;
		int status, r;
		pid_t pid;

		scene_open(&s);
		pid = fork();
		expect(pid >= 0);
		if (pid == 0) {
			sigaction(SIGALRM, &action, NULL);
			call_begin(&call, &s.a, &s.b);
			ualarm(20000, 20000);
			_exit(-call_wait(&call, &s.a));
		}
		/* nothing but a signal ends the one; some come to the other before its answer */
		if (restarts)
			usleep(100000);
		else
			expect_eq(waitpid(pid, &status, 0), pid);
		while ((r = reply(&s.b, s.a.id, -1)) == -EBADSLT)
			usleep(1000);
		expect_eq(r, 0);
		if (restarts)
			expect_eq(waitpid(pid, &status, 0), pid);
		expect_eq(WEXITSTATUS(status), restarts ? 0 : EINTR);
		scene_close(&s);
	}
}

/* nothing that could make the server wait is looked at */
TEST(what_can_cancel_a_call)
{
	int fds[2], sockets[2], event = eventfd(0, EFD_CLOEXEC);
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), file = open("/", O_RDONLY | O_CLOEXEC);
	struct scene s;
	struct call call;

	expect_eq(pipe2(fds, O_CLOEXEC), 0);
	expect_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	scene_open(&s);
	const struct {
		int fd;
		int write_fd;
	} good[] = {{event, event}, {fds[0], fds[1]}, {sockets[0], sockets[1]}};

	for (size_t i = 0; i < 3; i++) {
		expect_eq(call_start(&call, &s.a, s.b.id, 5, FOREVER, good[i].fd),
			  REMOTE_CLIENT_WAITS);
		expect(!is_over(&call));
		expect_eq(write(good[i].write_fd, "01234567", 8), 8);
		expect_eq(call_wait(&call, &s.a), -ECANCELED);
		expect_eq(reply(&s.b, s.a.id, -1), -EBADSLT);
		/* from the beginning */
		expect_eq(call_start(&call, &s.a, s.b.id, 5, FOREVER, good[i].fd),
			  REMOTE_CLIENT_WAITS);
		expect_eq(call_wait(&call, &s.a), -ECANCELED);
	}
	for (int i = 0; i < 6; i++)
		expect_eq(receive(&s.b), s.a.id);
	expect_eq(call_start(&call, &s.a, s.b.id, 5, FOREVER, epoll_fd), -EINVAL);
	expect_eq(call_start(&call, &s.a, s.b.id, 5, FOREVER, null), -EINVAL);
	expect_eq(call_start(&call, &s.a, s.b.id, 5, FOREVER, file), -EINVAL);
	expect_eq(call_start(&call, &s.a, s.b.id, 5, FOREVER, 12345), -EBADF);
	expect_eq(receive(&s.b), 0);
	/* one that hangs up and says nothing more does not end it */
	close(fds[0]);
	close(fds[1]);
	expect_eq(pipe2(fds, O_CLOEXEC), 0);
	expect_eq(call_start(&call, &s.a, s.b.id, 5, FOREVER, fds[0]), REMOTE_CLIENT_WAITS);
	close(fds[1]);
	usleep(20000);
	expect(!is_over(&call));
	expect_eq(reply(&s.b, s.a.id, -1), 0);
	expect_eq(call_wait(&call, &s.a), 0);
	close(fds[0]);
	close(sockets[0]);
	close(sockets[1]);
	close(event);
	close(epoll_fd);
	close(null);
	close(file);
	scene_close(&s);
}

TEST(only_its_own_calls_can_be_collected)
{
	struct scene s;
	struct call call;
	struct remote_client_call stolen;

	scene_open(&s);
	call_begin(&call, &s.a, &s.b);
	stolen = call.state;
	stolen.fd = dup(call.state.fd);
	expect_eq(remote_client_end(&s.b.client, &stolen), -ENOENT);
	expect_eq(reply(&s.b, s.a.id, -1), 0);
	stolen.fd = dup(call.state.fd);
	expect_eq(call_wait(&call, &s.a), 0);
	/* and once */
	expect_eq(remote_client_end(&s.a.client, &stolen), -ENOENT);
	scene_close(&s);
}

/* calls until there are too many */
static int call_until_refused(struct peer *from, uint64_t dst_id, int *fds)
{
	struct call call;
	int n = 0, r;

	while ((r = call_start(&call, from, dst_id, n + 1, FOREVER, -1)) == REMOTE_CLIENT_WAITS)
		fds[n++] = call.state.fd;
	return r == -EMFILE ? n : r;
}

TEST(calls_are_limited)
{
	int fds[2 * N_CALLS], status;
	struct scene s;
	struct call call;
	pid_t pid;

	scene_open(&s);
	if (geteuid() == 0) {
		pid = fork();
		expect(pid >= 0);
		if (pid == 0) {
			struct peer c, d;

			if (setgroups(0, NULL) < 0 || setresgid(65534, 65534, 65534) < 0 ||
			    setresuid(65534, 65534, 65534) < 0 || peer_init(&c, s.endpoint) < 0 ||
			    peer_init(&d, s.endpoint) < 0)
				_exit(1);
			/* of one user, not of one connection; of the others there are enough */
			_exit(call_until_refused(&c, d.id, fds) != N_CALLS / 4 ||
			      call_until_refused(&d, c.id, fds) != 0);
		}
		expect_eq(waitpid(pid, &status, 0), pid);
		expect_eq(status, 0);
	}
	/* the one who was killed has left nothing */
	expect_eq(call_until_refused(&s.a, s.b.id, fds), N_CALLS);
	expect_eq(receive(&s.b), s.a.id);
	/* who does not wait any more, without a word, makes room */
	close(fds[7]);
	usleep(20000);
	expect_eq(call_start(&call, &s.a, s.b.id, 500, FOREVER, -1), REMOTE_CLIENT_WAITS);
	close(call.state.fd);
	for (int i = 0; i < N_CALLS; i++)
		if (i != 7)
			close(fds[i]);
	scene_close(&s);
}

TEST(one_who_dies_while_he_waits)
{
	struct scene s;
	int status;
	pid_t pid;

	scene_open(&s);
	for (int shares = 0; shares < 2; shares++) {
		struct call call;
		struct peer c;
		uint64_t id;

		expect_eq(peer_init(&c, s.endpoint), 0);
		pid = fork();
		expect(pid >= 0);
		if (pid == 0) {
			call_begin(&call, &c, &s.b);
			call_wait(&call, &c);
			_exit(0);
		}
		while (!(id = receive(&s.b)))
			usleep(1000);
		if (!shares)
			remote_client_close(&c.client);
		expect_eq(kill(pid, SIGKILL), 0);
		expect_eq(waitpid(pid, &status, 0), pid);
		usleep(20000);
		/* his call is one that was interrupted, for the others who have the handle */
		expect_eq(reply(&s.b, id, -1), shares ? 0 : -ENXIO);
		if (!shares)
			continue;
		call_begin(&call, &c, &s.b);
		expect_eq(call_wait(&call, &c), 0);
		remote_client_close_last(&c.client);
	}
	scene_close(&s);
}

TEST(server_that_goes)
{
	struct scene s;
	struct call call;

	scene_open(&s);
	call_begin(&call, &s.a, &s.b);
	remote_server_stop(&s.server);
	expect_eq(call_wait(&call, &s.a), -ECONNRESET);
	remote_client_close(&s.a.client);
	remote_client_close(&s.b.client);
	remote_client_close(&s.owner);
}
