/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Large payload over a stream of the server: the stage that it is read from, and the pool in which
 * it can stay
 *
 * A child serves a bus of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/engine/engine-items.h"
#include "kernel/engine/remote-client.h"
#include "kernel/engine/remote-stage.h"
#include "kernel/engine/remote-stream.h"
#include "tests/harness/tap.h"
#include "tests/unit/kernel/remote-util.h"

#define POOL_SIZE (32u << 20)
#define NOBODY	  9999
#define BIG	  100000

/* a stream that sends to itself */
struct stream {
	struct remote_client client;
	uint64_t id;
	const uint8_t *pool;
	unsigned n_refused;
	int error;
};

/**
 * struct scene - a bus, and somebody with a stream on it
 * @server: the child
 * @path: of the endpoint
 */
struct scene {
	struct remote_server server;
	char path[160];
	struct stream stream;
};

/* bytes of every message, from any place of them on */
static uint8_t *pattern(void)
{
	static uint8_t *bytes;

	if (bytes)
		return bytes;
	bytes = malloc(2 * REMOTE_STAGE_SIZE);
	expect(bytes);
	for (size_t i = 0; i < 2 * REMOTE_STAGE_SIZE; i++)
		bytes[i] = i * 7 + i / 251;
	return bytes;
}

static void told(void *userdata, const struct engine_stream_news *news)
{
	struct stream *stream = userdata;

	stream->n_refused += news->error != 0;
	if (news->error)
		stream->error = news->error;
}

static void stream_open(struct scene *scene, struct stream *stream)
{
	struct kdbus_cmd_hello cmd = {
		.size = sizeof(cmd), .flags = KDBUS_HELLO_ACCEPT_FD, .pool_size = POOL_SIZE};
	void *pool;

	*stream = (struct stream){0};
	expect_eq(remote_client_open(&stream->client, scene->path, 0), 0);
	expect_eq(remote_client_stream(&stream->client), 0);
	stream->client.stream->told = told;
	stream->client.stream->userdata = stream;
	expect_eq(remote_client_command(&stream->client, KDBUS_CMD_HELLO, &cmd), 0);
	stream->id = cmd.id;
	expect_eq(remote_client_map(&stream->client, POOL_SIZE, PROT_READ, MAP_SHARED, 0, &pool),
		  0);
	stream->pool = pool;
}

static void stream_close(struct stream *stream)
{
	remote_client_close_last(&stream->client);
	munmap((void *)stream->pool, POOL_SIZE);
}

static void scene_open(struct scene *scene)
{
	remote_server_start_with_bus(&scene->server);
	snprintf(scene->path, sizeof(scene->path), "%s/%u-own/bus", scene->server.dir, geteuid());
	stream_open(scene, &scene->stream);
}

static void scene_close(struct scene *scene)
{
	stream_close(&scene->stream);
	remote_server_stop(&scene->server);
}

/* a message of @size bytes of the pattern from @from on; a vector has 2 MiB at most */
static struct kdbus_cmd_send *message(uint64_t dst_id, uint64_t cookie, size_t from, size_t size)
{
	static struct kdbus_cmd_send cmd;
	static uint64_t space[64];
	struct kdbus_msg *msg = (void *)space;
	struct engine_items items;
	struct kdbus_vec vec;

	engine_items_init(&items, msg, sizeof(*msg), sizeof(space));
	msg->dst_id = dst_id;
	msg->cookie = cookie;
	msg->payload_type = KDBUS_PAYLOAD_DBUS;
	for (size_t done = 0; done < size; done += vec.size) {
		vec.size = size - done < 2 << 20 ? size - done : 2 << 20;
		vec.address = (uintptr_t)pattern() + from + done;
		engine_items_add(&items, KDBUS_ITEM_PAYLOAD_VEC, &vec, sizeof(vec));
	}
	cmd = (struct kdbus_cmd_send){.size = sizeof(cmd), .msg_address = (uintptr_t)msg};
	return &cmd;
}

static int post(struct stream *stream, uint64_t dst_id, uint64_t cookie, size_t from, size_t size)
{
	return remote_stream_post(stream->client.stream, message(dst_id, cookie, from, size));
}

/* the next message, with that payload */
static void expect_payload(struct stream *stream, uint64_t cookie, size_t from, size_t size)
{
	struct remote_message message;
	struct engine_item item;
	const struct kdbus_msg *msg;
	const struct kdbus_vec *vec;
	size_t at = sizeof(*msg), done = 0;

	while (!stream->client.stream->n_messages) {
		struct pollfd pollfd = {.fd = stream->client.fd, .events = POLLIN};

		expect_eq(poll(&pollfd, 1, 20000), 1);
		expect_eq(remote_stream_read(stream->client.stream, false), 0);
		expect_eq(stream->error, 0);
	}
	expect_eq(remote_stream_take(stream->client.stream, &message), 0);
	msg = (const void *)(stream->pool + message.offset);
	expect_eq(msg->cookie, cookie);
	while (engine_items_next(msg, msg->size, &at, &item)) {
		if (item.type != KDBUS_ITEM_PAYLOAD_OFF)
			continue;
		vec = item.data;
		expect(!memcmp((const uint8_t *)msg + vec->offset, pattern() + from + done,
			       vec->size));
		done += vec->size;
	}
	expect_eq(done, size);
	expect_eq(remote_stream_free(stream->client.stream, &message), 0);
}

static bool has_stage(const struct stream *stream)
{
	const struct remote_stage *stage = stream->client.stream->stage;

	return stage && stage->bytes;
}

/* the pieces of a stage */

TEST(pieces_in_use_do_not_overlap)
{
	struct {
		uint64_t n;
		uint32_t start, end;
	} used[REMOTE_STAGE_PIECES];
	struct remote_stage stage = {0};
	unsigned n_used = 0, n_taken = 0, n_full = 0, n_wrapped = 0;
	uint32_t random = 1, size, offset, last = 0;

	for (uint64_t n = 1; n < 20000; n++) {
		random = random * 1103515245 + 12345;
		size = 1 + (random >> 8) % (random & 0x40 ? 600000 : 9000);
		if (!remote_stage_take(&stage, size, n, &offset)) {
			expect_le(offset + (uint64_t)size, REMOTE_STAGE_SIZE);
			for (unsigned i = 0; i < n_used; i++)
				expect(offset + size <= used[i].start || offset >= used[i].end);
			n_wrapped += n_used > 0 && offset < last;
			last = offset;
			expect_lt(n_used, REMOTE_STAGE_PIECES);
			used[n_used].n = n;
			used[n_used].start = offset;
			used[n_used++].end = offset + size;
			n_taken++;
			if ((random >> 28) % 3)
				continue;
		} else {
			n_full++;
		}
		/* some of the oldest are over */
		while (n_used > 0 && (random = random * 5 + 1) >> 31) {
			remote_stage_release(&stage, used[0].n);
			memmove(used, used + 1, --n_used * sizeof(used[0]));
		}
	}
	expect_gt(n_taken, 5000);
	expect_gt(n_full, 100);
	expect_gt(n_wrapped, 100);
}

TEST(all_of_the_stage_can_be_one_piece)
{
	struct remote_stage stage = {0};
	uint32_t offset;

	expect_eq(remote_stage_take(&stage, REMOTE_STAGE_SIZE, 1, &offset), 0);
	expect_eq(remote_stage_take(&stage, 1, 2, &offset), -EAGAIN);
	remote_stage_release(&stage, 1);
	expect_eq(remote_stage_take(&stage, 1, 2, &offset), 0);
	expect_eq(remote_stage_take(&stage, REMOTE_STAGE_SIZE, 3, &offset), -EAGAIN);
	remote_stage_release(&stage, 2);
	expect_eq(remote_stage_take(&stage, REMOTE_STAGE_SIZE + 1, 3, &offset), -EAGAIN);
	expect_eq(offset, 0);
}

/* what goes through it */

TEST(payload_of_every_size_arrives)
{
	static const size_t sizes[] = {
		1,
		8191,
		8192,
		8193,
		65535,
		65536,
		65537,
		500001,
		1048576,
		2097151,
		REMOTE_STAGE_SIZE,
		REMOTE_STAGE_SIZE + 1,
		3000000,
	};
	struct scene scene;

	scene_open(&scene);
	expect(!has_stage(&scene.stream));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		expect_eq(post(&scene.stream, scene.stream.id, i, i, sizes[i]), 0);
		expect_payload(&scene.stream, i, i, sizes[i]);
		expect_eq(has_stage(&scene.stream), sizes[i] >= 8192);
	}
	scene_close(&scene);
}

/* they are posted faster than they are over, and each is whole */
TEST(stage_goes_round)
{
	enum { N = 300, AHEAD = 12 };
	struct scene scene;
	uint64_t next = 0;

	scene_open(&scene);
	for (uint64_t i = 0; i < N; i++) {
		if (i - next == AHEAD) {
			expect_payload(&scene.stream, next, next, BIG + next);
			next++;
		}
		expect_eq(post(&scene.stream, scene.stream.id, i, i, BIG + i), 0);
	}
	for (; next < N; next++)
		expect_payload(&scene.stream, next, next, BIG + next);
	expect_eq(scene.stream.n_refused, 0);
	scene_close(&scene);
}

TEST(room_in_the_stage_is_waited_for)
{
	enum { N = 200 };
	struct scene scene;

	scene_open(&scene);
	for (uint64_t i = 0; i < N; i++)
		expect_eq(post(&scene.stream, NOBODY, i, i, 4 * BIG), 0);
	expect_eq(remote_stream_settle(scene.stream.client.stream), 0);
	expect_eq(scene.stream.n_refused, N);
	expect_eq(scene.stream.error, -ENXIO);
	expect_eq(scene.stream.client.stream->stage->n_pieces, 0);
	scene_close(&scene);
}

/* a SEND that is answered goes through it as well, between others that are under way */
TEST(commands_use_the_stage)
{
	struct scene scene;
	struct stream *stream = &scene.stream;

	scene_open(&scene);
	for (uint64_t i = 0; i < 30; i += 3) {
		expect_eq(post(stream, stream->id, i, i, BIG), 0);
		expect_eq(remote_client_command(&stream->client, KDBUS_CMD_SEND,
						message(stream->id, i + 1, i + 1, 2 * BIG)),
			  0);
		expect_eq(stream->client.stream->stage->n_pieces, 0);
		expect_eq(post(stream, stream->id, i + 2, i + 2, BIG), 0);
		expect_payload(stream, i, i, BIG);
		expect_payload(stream, i + 1, i + 1, 2 * BIG);
		expect_payload(stream, i + 2, i + 2, BIG);
	}
	scene_close(&scene);
}

/* of those for whom the server has no descriptors the payload arrives all the same */
TEST(stages_are_limited)
{
	/* an eighth of them are for stages */
	enum { N_FDS = 64, N = 12, N_STAGES = N_FDS / 8 };
	struct rlimit old, limit;
	struct stream streams[N];
	unsigned n_staged = 0;
	struct scene scene;

	expect_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	limit = (struct rlimit){N_FDS, old.rlim_max};
	expect_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	scene_open(&scene);
	expect_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	for (unsigned i = 0; i < N; i++) {
		stream_open(&scene, &streams[i]);
		expect_eq(post(&streams[i], streams[i].id, i, i, BIG), 0);
		expect_payload(&streams[i], i, i, BIG);
		n_staged += has_stage(&streams[i]);
	}
	expect_eq(n_staged, N_STAGES);
	/* it is asked for once */
	expect_eq(post(&streams[N - 1], streams[N - 1].id, N, 0, BIG), 0);
	expect(!has_stage(&streams[N - 1]));
	/* who leaves makes room */
	stream_close(&streams[0]);
	expect_eq(post(&scene.stream, scene.stream.id, 1, 1, BIG), 0);
	expect(has_stage(&scene.stream));
	for (unsigned i = 1; i < N; i++)
		stream_close(&streams[i]);
	scene_close(&scene);
}

/* those who are not nice */

static void send_with_fd(int fd, const void *packet, size_t size, int file)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {
		.header =
			{
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS,
				.cmsg_len = CMSG_LEN(sizeof(int)),
			},
	};
	struct iovec iov = {.iov_base = (void *)packet, .iov_len = size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (file >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		memcpy(CMSG_DATA(&control.header), &file, sizeof(file));
	}
	expect_eq(sendmsg(fd, &msg, 0), (ssize_t)size);
}

/* leaves @file there: the packet says what the op says */
static void offer_stage(struct stream *stream, int file)
{
	const struct remote_request request = {
		.version = REMOTE_VERSION, .op = REMOTE_STAGE, .has_file = 1};

	send_with_fd(stream->client.fd, &request, sizeof(request), file);
}

static int answer_of(struct stream *stream)
{
	union {
		struct remote_answer answer;
		char bytes[1024];
	} packet;

	do {
		expect_ge(recv(stream->client.fd, &packet, sizeof(packet), 0), 4);
	} while (packet.answer.kind != REMOTE_ANSWER);
	return packet.answer.result;
}

/* a SEND by @op whose payload is said to be @size bytes of the stage, from @offset on */
static void send_staged(struct stream *stream, uint32_t op, uint32_t offset, uint64_t size)
{
	struct {
		struct remote_request head;
		struct remote_segment segments[3];
		struct kdbus_cmd_send cmd;
		struct kdbus_msg msg;
		uint64_t vec[4];
	} packet = {
		.head = {.version = REMOTE_VERSION,
			 .op = op,
			 .nr = KDBUS_CMD_SEND,
			 .address = 0x1000,
			 .n_segments = 3},
		.segments = {{0x1000, sizeof(struct kdbus_cmd_send)},
			     {0x2000, sizeof(struct kdbus_msg) + 32},
			     {0x3000, size, REMOTE_IN_STAGE, offset}},
		.cmd = {.size = sizeof(struct kdbus_cmd_send), .msg_address = 0x2000},
		.msg = {.size = sizeof(struct kdbus_msg) + 32,
			.dst_id = stream->id,
			.payload_type = KDBUS_PAYLOAD_DBUS},
		.vec = {32, KDBUS_ITEM_PAYLOAD_VEC, size, 0x3000},
	};

	send_with_fd(stream->client.fd, &packet, sizeof(packet), -1);
}

static void expect_closed(struct stream *stream)
{
	struct pollfd pollfd = {.fd = stream->client.fd, .events = POLLIN};
	char bytes[512];

	do {
		expect_eq(poll(&pollfd, 1, 20000), 1);
	} while (recv(stream->client.fd, bytes, sizeof(bytes), 0) > 0);
	remote_client_close(&stream->client);
	munmap((void *)stream->pool, POOL_SIZE);
}

static int sized_file(off_t size)
{
	int file = memfd_create("test", MFD_CLOEXEC);

	expect_ge(file, 0);
	expect_eq(ftruncate(file, size), 0);
	return file;
}

TEST(stage_is_a_memory_file_and_there_is_one)
{
	int file = sized_file(BIG), pipe_fds[2];
	struct stream peer;
	struct scene scene;

	scene_open(&scene);
	expect_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
	stream_open(&scene, &peer);
	offer_stage(&peer, pipe_fds[0]);
	expect_closed(&peer);
	/* none at all */
	stream_open(&scene, &peer);
	offer_stage(&peer, -1);
	expect_closed(&peer);
	/* nothing has been left there */
	stream_open(&scene, &peer);
	send_staged(&peer, REMOTE_SEND, 0, 1);
	expect_closed(&peer);
	/* the second is not taken, and the first stays */
	stream_open(&scene, &peer);
	offer_stage(&peer, file);
	expect_eq(answer_of(&peer), 0);
	offer_stage(&peer, file);
	expect_eq(answer_of(&peer), -EALREADY);
	send_staged(&peer, REMOTE_COMMAND, BIG - 1, 1);
	expect_eq(answer_of(&peer), 0);
	stream_close(&peer);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	close(file);
	scene_close(&scene);
}

TEST(stage_is_for_those_who_have_a_stream)
{
	struct kdbus_cmd_hello cmd = {.size = sizeof(cmd), .pool_size = POOL_SIZE};
	struct stream peer = {0};
	int file = sized_file(BIG);
	struct scene scene;

	scene_open(&scene);
	for (int i = 0; i < 2; i++) {
		expect_eq(remote_client_open(&peer.client, scene.path, 0), 0);
		/* HELLO without asking for one, or asking for one without HELLO */
		if (i)
			expect_eq(remote_client_stream(&peer.client), 0);
		else
			expect_eq(remote_client_command(&peer.client, KDBUS_CMD_HELLO, &cmd), 0);
		peer.pool = mmap(NULL, POOL_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		offer_stage(&peer, file);
		expect_closed(&peer);
	}
	close(file);
	scene_close(&scene);
}

TEST(stage_that_is_shorter_than_it_was_said_to_be)
{
	static const struct {
		const char *what;
		uint32_t offset;
		uint64_t size;
		int result;
	} rows[] = {
		{"all of it", 0, BIG, 0},
		{"more than all", 0, BIG + 1, -EFAULT},
		{"the last byte", BIG - 1, 1, 0},
		{"one byte behind it", BIG, 1, -EFAULT},
		{"far away", UINT32_MAX, 1, -EFAULT},
		{"from far away, farther", UINT32_MAX, 2 << 20, -EFAULT},
	};
	int file = sized_file(BIG);
	struct scene scene;

	scene_open(&scene);
	offer_stage(&scene.stream, file);
	expect_eq(answer_of(&scene.stream), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		note("%s", rows[i].what);
		send_staged(&scene.stream, REMOTE_COMMAND, rows[i].offset, rows[i].size);
		expect_eq(answer_of(&scene.stream), rows[i].result);
	}
	/* under the hands of the server */
	expect_eq(ftruncate(file, 0), 0);
	send_staged(&scene.stream, REMOTE_COMMAND, 0, 1);
	expect_eq(answer_of(&scene.stream), -EFAULT);
	close(file);
	scene_close(&scene);
}

/* truncates it again and again while the server reads it */
TEST(stage_that_shrinks_while_it_is_read)
{
	int file = sized_file(0), r;
	struct scene scene;
	pid_t pid;

	scene_open(&scene);
	offer_stage(&scene.stream, file);
	expect_eq(answer_of(&scene.stream), 0);
	pid = fork();
	expect(pid >= 0);
	while (pid == 0)
		if (ftruncate(file, 400000) < 0 || ftruncate(file, 0) < 0)
			_exit(1);
	for (int i = 0; i < 1000; i++) {
		send_staged(&scene.stream, REMOTE_COMMAND, 0, 400000);
		r = answer_of(&scene.stream);
		expect(r == 0 || r == -EFAULT || r == -ENOBUFS || r == -EXFULL);
	}
	expect_eq(kill(pid, SIGKILL), 0);
	expect_eq(waitpid(pid, NULL, 0), pid);
	close(file);
	scene_close(&scene);
}

/* the pool, over the seam */

static void payload_release(struct engine_payload *payload)
{
}

static void engine_open_joined(const struct scene *scene, struct engine **engine_out)
{
	const struct engine_options options = {.limits.pool_size = POOL_SIZE};
	char address[200];

	snprintf(address, sizeof(address), "kernel:path=%s", scene->path);
	expect_eq(engine_open(address, &options, engine_out), 0);
}

static struct engine_conn *conn_open(struct engine *engine)
{
	const struct engine_hello hello = {.flags = KDBUS_HELLO_ACCEPT_FD};
	struct engine_conn *conn;

	expect_eq(engine_connect(engine, &hello, &conn), 0);
	return conn;
}

static int conn_send(struct engine_conn *conn, struct engine_conn *to, uint64_t cookie, size_t size)
{
	struct engine_payload payload = {
		.refcount = 1, .size = size, .data = pattern(), .release = payload_release};
	const struct engine_send send = {
		.dst_id = engine_conn_id(to),
		.cookie = cookie,
		.payload = &payload,
		.is_awaited = true,
	};

	return engine_send(conn, &send);
}

static void conn_receive(struct engine *engine, struct engine_conn *conn, uint64_t cookie,
			 size_t size, struct engine_received *received_out)
{
	struct pollfd pollfd = {.fd = engine_poll_fd(engine), .events = POLLIN};

	while (engine_recv(conn, received_out) == -EAGAIN) {
		expect_eq(poll(&pollfd, 1, 20000), 1);
		expect_eq(engine_dispatch(engine), 0);
	}
	expect_eq(received_out->cookie, cookie);
	expect_eq(received_out->payload->size, size);
	expect(!memcmp(received_out->payload->data, pattern(), size));
}

TEST(payload_is_there_until_it_is_released)
{
	static const size_t sizes[] = {10, 4000, 4096, BIG, 3 << 20};
	enum { N = sizeof(sizes) / sizeof(sizes[0]) };
	struct engine_received received[N];
	struct engine_conn *a, *b;
	struct engine *engine;
	struct scene scene;

	scene_open(&scene);
	engine_open_joined(&scene, &engine);
	a = conn_open(engine);
	b = conn_open(engine);
	for (size_t i = 0; i < N; i++)
		expect_eq(conn_send(a, b, i + 1, sizes[i]), 0);
	for (size_t i = 0; i < N; i++)
		conn_receive(engine, b, i + 1, sizes[i], &received[i]);
	/* some before, some after there is a connection no more */
	engine_received_release(&received[3]);
	engine_conn_close(b);
	for (size_t i = 0; i < N; i++) {
		if (i == 3)
			continue;
		expect(!memcmp(received[i].payload->data, pattern(), sizes[i]));
		engine_received_release(&received[i]);
	}
	engine_conn_close(a);
	engine_close(engine);
	scene_close(&scene);
}

/* the pool would be full before long */
TEST(room_of_what_was_released_is_there_again)
{
	enum { N = 100, SIZE = 1 << 20 };
	struct engine_received received;
	struct engine_conn *a, *b;
	struct engine *engine;
	struct scene scene;

	scene_open(&scene);
	engine_open_joined(&scene, &engine);
	a = conn_open(engine);
	b = conn_open(engine);
	for (uint64_t i = 1; i <= N; i++) {
		expect_eq(conn_send(a, b, i, SIZE), 0);
		conn_receive(engine, b, i, SIZE, &received);
		engine_received_release(&received);
	}
	engine_conn_close(a);
	engine_conn_close(b);
	engine_close(engine);
	scene_close(&scene);
}
