/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Streams of the server: messages that come by themselves, SENDs that are not waited for
 *
 * A child serves a bus of its own, which is what a stream is given on.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/engine/engine-items.h"
#include "kernel/engine/remote-client.h"
#include "kernel/engine/remote-stream.h"
#include "tests/harness/tap.h"
#include "tests/unit/kernel/remote-util.h"

#define POOL_SIZE (1u << 20)
#define NOBODY	  9999

/**
 * struct scene - a bus, and a stream on it
 * @server: the child
 * @path: of the endpoint
 * @client: who has the stream
 * @id: of it
 * @pool: its memory
 * @news: what it was told last
 * @n_refused: how often it was told of a refusal
 * @errors: the sum of their errnos
 */
struct scene {
	struct remote_server server;
	char path[160];
	struct remote_client client;
	uint64_t id;
	const uint8_t *pool;
	struct engine_stream_news news;
	unsigned n_refused;
	int errors;
};

static void told(void *userdata, const struct engine_stream_news *news)
{
	struct scene *scene = userdata;

	scene->news = *news;
	scene->n_refused += news->error != 0;
	scene->errors += news->error;
}

static uint64_t say_hello(struct remote_client *client)
{
	struct kdbus_cmd_hello cmd = {
		.size = sizeof(cmd),
		.flags = KDBUS_HELLO_ACCEPT_FD,
		.attach_flags_send = _KDBUS_ATTACH_ALL,
		.attach_flags_recv = _KDBUS_ATTACH_ALL,
		.pool_size = POOL_SIZE,
	};

	expect_eq(remote_client_command(client, KDBUS_CMD_HELLO, &cmd), 0);
	return cmd.id;
}

static void scene_open(struct scene *scene)
{
	void *pool;

	*scene = (struct scene){0};
	remote_server_start_with_bus(&scene->server);
	snprintf(scene->path, sizeof(scene->path), "%s/%u-own/bus", scene->server.dir, geteuid());
	expect_eq(remote_client_open(&scene->client, scene->path, 0), 0);
	expect_eq(remote_client_stream(&scene->client), 0);
	scene->client.stream->told = told;
	scene->client.stream->userdata = scene;
	scene->id = say_hello(&scene->client);
	expect_eq(remote_client_map(&scene->client, POOL_SIZE, PROT_READ, MAP_SHARED, 0, &pool), 0);
	scene->pool = pool;
}

static void scene_close(struct scene *scene)
{
	remote_client_close_last(&scene->client);
	remote_server_stop(&scene->server);
}

static void peer_open(struct scene *scene, struct remote_client *peer)
{
	expect_eq(remote_client_open(peer, scene->path, 0), 0);
	say_hello(peer);
}

/* a message with @number as its cookie, and a descriptor unless @fd is -1 */
static struct kdbus_cmd_send *message(uint64_t dst_id, uint64_t number, int fd)
{
	static const char text[] = "hello";
	static struct kdbus_cmd_send cmd;
	static uint64_t space[64];
	struct kdbus_vec vec = {.size = sizeof(text), .address = (uintptr_t)text};
	struct kdbus_msg *msg = (void *)space;
	struct engine_items items;

	engine_items_init(&items, msg, sizeof(*msg), sizeof(space));
	msg->dst_id = dst_id;
	msg->cookie = number;
	msg->payload_type = KDBUS_PAYLOAD_DBUS;
	engine_items_add(&items, KDBUS_ITEM_PAYLOAD_VEC, &vec, sizeof(vec));
	if (fd >= 0)
		engine_items_add(&items, KDBUS_ITEM_FDS, &fd, sizeof(fd));
	cmd = (struct kdbus_cmd_send){.size = sizeof(cmd), .msg_address = (uintptr_t)msg};
	return &cmd;
}

static int send_to(struct remote_client *peer, uint64_t dst_id, uint64_t number)
{
	return remote_client_command(peer, KDBUS_CMD_SEND, message(dst_id, number, -1));
}

static int post(struct scene *scene, uint64_t dst_id, uint64_t number)
{
	return remote_stream_post(scene->client.stream, message(dst_id, number, -1));
}

static bool has_come(struct scene *scene, int timeout_ms)
{
	struct pollfd pollfd = {.fd = scene->client.fd, .events = POLLIN};

	return poll(&pollfd, 1, timeout_ms) > 0;
}

/* the next message, whenever it comes */
static void expect_message(struct scene *scene, uint64_t number, struct remote_message *message_out)
{
	struct remote_stream *stream = scene->client.stream;
	const struct kdbus_msg *msg;

	while (!stream->n_messages) {
		expect(has_come(scene, 20000));
		expect_eq(remote_stream_read(stream, false), 0);
	}
	expect_eq(remote_stream_take(stream, message_out), 0);
	msg = (const void *)(scene->pool + message_out->offset);
	expect_eq(msg->cookie, number);
}

static void expect_next(struct scene *scene, uint64_t number)
{
	struct remote_message message;

	expect_message(scene, number, &message);
	expect_eq(remote_stream_free(scene->client.stream, &message), 0);
}

TEST(messages_come_by_themselves)
{
	struct remote_client peer;
	struct scene scene;

	scene_open(&scene);
	peer_open(&scene, &peer);
	for (uint64_t i = 1; i <= 3; i++)
		expect_eq(send_to(&peer, scene.id, i), 0);
	for (uint64_t i = 1; i <= 3; i++)
		expect_next(&scene, i);
	remote_client_close_last(&peer);
	scene_close(&scene);
}

static bool has_item(const struct scene *scene, const struct remote_message *message, uint64_t type)
{
	const struct kdbus_msg *msg = (const void *)(scene->pool + message->offset);
	size_t at = sizeof(*msg);
	struct engine_item item;

	while (engine_items_next(msg, msg->size, &at, &item))
		if (item.type == type)
			return true;
	return false;
}

TEST(what_the_owner_judges_has_nothing_to_be_judged_by)
{
	struct remote_message message;
	struct remote_client peer;
	struct scene scene;

	scene_open(&scene);
	peer_open(&scene, &peer);
	expect_eq(send_to(&peer, scene.id, 1), 0);
	expect_message(&scene, 1, &message);
	expect(has_item(&scene, &message, KDBUS_ITEM_PAYLOAD_OFF));
	expect(!has_item(&scene, &message, KDBUS_ITEM_CREDS));
	expect(!has_item(&scene, &message, KDBUS_ITEM_TIMESTAMP));
	remote_client_close_last(&peer);
	scene_close(&scene);
}

TEST(so_many_are_out_and_no_more)
{
	enum { N = 3 * REMOTE_WINDOW };
	struct remote_message messages[REMOTE_WINDOW];
	struct remote_client peer;
	struct scene scene;
	uint64_t next = 1;

	scene_open(&scene);
	peer_open(&scene, &peer);
	for (uint64_t i = 1; i <= N; i++)
		expect_eq(send_to(&peer, scene.id, i), 0);
	for (int i = 0; i < REMOTE_WINDOW; i++)
		expect_message(&scene, next++, &messages[i]);
	/* it is told that there is more, and nothing else */
	while (has_come(&scene, 50))
		expect_eq(remote_stream_read(scene.client.stream, false), 0);
	expect_eq(scene.client.stream->n_messages, 0);
	expect_eq(scene.client.stream->more, REMOTE_MORE_WAIT);
	for (int i = 0; i < REMOTE_WINDOW; i++)
		expect_eq(remote_stream_free(scene.client.stream, &messages[i]), 0);
	while (next <= N)
		expect_next(&scene, next++);
	expect_eq(scene.client.stream->more, REMOTE_MORE_NONE);
	remote_client_close_last(&peer);
	scene_close(&scene);
}

TEST(who_does_not_read_costs_its_senders_no_more_than_the_quota)
{
	struct remote_client peer;
	struct scene scene;
	int r = 0;

	scene_open(&scene);
	peer_open(&scene, &peer);
	for (uint64_t i = 1; i <= 4096 && !r; i++)
		r = send_to(&peer, scene.id, i);
	expect_eq(r, -ENOBUFS);
	/* others are served, and it finds what there was room for */
	remote_client_close_last(&peer);
	for (uint64_t i = 1; i <= 2 * REMOTE_WINDOW; i++)
		expect_next(&scene, i);
	scene_close(&scene);
}

TEST(nothing_is_said_of_what_goes_well)
{
	struct remote_client peer;
	struct scene scene;
	uint64_t id;

	scene_open(&scene);
	expect_eq(remote_client_open(&peer, scene.path, 0), 0);
	id = say_hello(&peer);
	for (uint64_t i = 1; i <= 5; i++)
		expect_eq(post(&scene, id, i), 0);
	expect(!has_come(&scene, 50));
	expect_eq(remote_stream_settle(scene.client.stream), 0);
	expect_eq(scene.news.n_over, 5);
	expect_eq(scene.n_refused, 0);
	/* nothing is under way: nobody is asked */
	expect_eq(remote_stream_settle(scene.client.stream), 0);
	remote_client_close_last(&peer);
	scene_close(&scene);
}

TEST(refusals_are_told_behind_what_was_queued_before)
{
	struct scene scene;

	scene_open(&scene);
	expect_eq(post(&scene, scene.id, 1), 0);
	expect_eq(post(&scene, NOBODY, 2), 0);
	expect_eq(post(&scene, scene.id, 3), 0);
	while (!scene.n_refused) {
		expect(has_come(&scene, 20000));
		expect_eq(remote_stream_read(scene.client.stream, false), 0);
	}
	expect_eq(scene.errors, -ENXIO);
	expect_eq(scene.news.n_over, 2);
	expect_eq(scene.news.n_before, 1);
	expect_next(&scene, 1);
	expect_next(&scene, 3);
	scene_close(&scene);
}

/* none of them is read before the last has been sent */
TEST(many_refusals)
{
	enum { N = 3000 };
	struct scene scene;

	scene_open(&scene);
	for (uint64_t i = 1; i <= N; i++)
		expect_eq(post(&scene, NOBODY, i), 0);
	expect_eq(remote_stream_settle(scene.client.stream), 0);
	expect_eq(scene.n_refused, N);
	expect_eq(scene.news.n_over, N);
	scene_close(&scene);
}

TEST(an_answer_is_the_answer_to_all_before)
{
	struct scene scene;

	scene_open(&scene);
	expect_eq(post(&scene, NOBODY, 1), 0);
	expect_eq(post(&scene, scene.id, 2), 0);
	expect_eq(send_to(&scene.client, NOBODY, 3), -ENXIO);
	expect_eq(scene.n_refused, 1);
	expect_eq(scene.news.n_over, 2);
	/* what had been queued by then is known to come */
	if (!scene.client.stream->n_messages)
		expect_eq(remote_stream_read(scene.client.stream, true), 0);
	expect_next(&scene, 2);
	expect_eq(remote_stream_read(scene.client.stream, true), -EAGAIN);
	scene_close(&scene);
}

TEST(synchronous_calls_are_not_posted)
{
	struct kdbus_cmd_send *cmd;
	struct scene scene;

	scene_open(&scene);
	cmd = message(scene.id, 1, -1);
	cmd->flags = KDBUS_SEND_SYNC_REPLY;
	expect_eq(remote_stream_post(scene.client.stream, cmd), 0);
	expect_eq(remote_stream_settle(scene.client.stream), 0);
	expect_eq(scene.errors, -EINVAL);
	scene_close(&scene);
}

/* one that has a descriptor */
static void ask_for(struct scene *scene, uint64_t number, struct remote_message *message_out)
{
	struct kdbus_cmd_recv recv = {.size = sizeof(recv)};
	struct remote_stream *stream = scene->client.stream;
	struct engine_item item = {0};
	const struct kdbus_msg *msg;
	size_t at = sizeof(*msg);

	while (stream->more != REMOTE_MORE_ASK) {
		expect(has_come(scene, 20000));
		expect_eq(remote_stream_read(stream, false), 0);
	}
	expect_eq(remote_stream_take(stream, message_out), REMOTE_STREAM_ASK);
	expect_eq(remote_client_command(&scene->client, KDBUS_CMD_RECV, &recv), 0);
	*message_out = (struct remote_message){recv.msg.offset, recv.msg.msg_size};
	msg = (const void *)(scene->pool + recv.msg.offset);
	expect_eq(msg->cookie, number);
	while (item.type != KDBUS_ITEM_FDS)
		expect(engine_items_next(msg, msg->size, &at, &item));
	expect_eq(close(*(const int *)item.data), 0);
}

TEST(descriptors_have_to_be_asked_for)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct remote_message got;
	struct remote_client peer;
	struct scene scene;

	scene_open(&scene);
	peer_open(&scene, &peer);
	expect_eq(send_to(&peer, scene.id, 1), 0);
	expect_eq(remote_client_command(&peer, KDBUS_CMD_SEND, message(scene.id, 2, fd)), 0);
	expect_eq(send_to(&peer, scene.id, 3), 0);
	expect_next(&scene, 1);
	ask_for(&scene, 2, &got);
	expect_next(&scene, 3);
	remote_client_close_last(&peer);
	close(fd);
	scene_close(&scene);
}

/* a packet that comes before the answer says once more that there is what was just asked for */
TEST(descriptors_are_asked_for_once)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct remote_message got;
	struct remote_client peer;
	struct scene scene;

	scene_open(&scene);
	peer_open(&scene, &peer);
	expect_eq(remote_client_command(&peer, KDBUS_CMD_SEND, message(scene.id, 1, fd)), 0);
	expect(has_come(&scene, 20000));
	expect_eq(remote_stream_read(scene.client.stream, false), 0);
	expect_eq(scene.client.stream->more, REMOTE_MORE_ASK);
	expect_eq(post(&scene, NOBODY, 2), 0);
	expect(has_come(&scene, 20000));
	ask_for(&scene, 1, &got);
	expect_eq(scene.n_refused, 1);
	expect_eq(scene.client.stream->more, REMOTE_MORE_NONE);
	expect_eq(remote_stream_take(scene.client.stream, &got), -EAGAIN);
	expect_eq(send_to(&peer, scene.id, 3), 0);
	expect_next(&scene, 3);
	remote_client_close_last(&peer);
	close(fd);
	scene_close(&scene);
}

TEST(what_was_asked_for_is_out_as_well)
{
	struct remote_message messages[REMOTE_WINDOW];
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct remote_client peer;
	struct scene scene;

	scene_open(&scene);
	peer_open(&scene, &peer);
	for (uint64_t i = 0; i < REMOTE_WINDOW; i++) {
		expect_eq(remote_client_command(&peer, KDBUS_CMD_SEND, message(scene.id, i, fd)),
			  0);
		ask_for(&scene, i, &messages[i]);
	}
	expect_eq(send_to(&peer, scene.id, REMOTE_WINDOW), 0);
	while (has_come(&scene, 50))
		expect_eq(remote_stream_read(scene.client.stream, false), 0);
	expect_eq(scene.client.stream->n_messages, 0);
	expect_eq(scene.client.stream->more, REMOTE_MORE_WAIT);
	for (int i = 0; i < REMOTE_WINDOW; i++)
		expect_eq(remote_stream_free(scene.client.stream, &messages[i]), 0);
	expect_next(&scene, REMOTE_WINDOW);
	remote_client_close_last(&peer);
	close(fd);
	scene_close(&scene);
}

/* breaches */

static void expect_closed(struct remote_client *client)
{
	struct pollfd pollfd = {.fd = client->fd, .events = POLLIN};
	char bytes[512];

	do {
		expect_eq(poll(&pollfd, 1, 20000), 1);
	} while (recv(client->fd, bytes, sizeof(bytes), 0) > 0);
	remote_client_close(client);
}

static void send_head(struct remote_client *client, uint32_t op, uint32_t n_freed, size_t size)
{
	struct {
		struct remote_request head;
		uint64_t freed[REMOTE_WINDOW + 1];
	} request = {{.version = REMOTE_VERSION, .op = op, .n_freed = n_freed}, {0}};

	expect_eq(send(client->fd, &request, size, MSG_NOSIGNAL), (ssize_t)size);
}

TEST(what_is_about_a_stream_is_for_those_who_have_one)
{
	static const struct {
		uint32_t op;
		uint32_t n_freed;
	} breaches[] = {
		{REMOTE_SEND, 0},    {REMOTE_FREE, 1}, {REMOTE_FREE, 0},
		{REMOTE_CONFIRM, 0}, {REMOTE_POLL, 1},
	};
	struct remote_client peer;
	struct scene scene;

	scene_open(&scene);
	for (size_t i = 0; i < sizeof(breaches) / sizeof(breaches[0]); i++) {
		peer_open(&scene, &peer);
		send_head(&peer, breaches[i].op, breaches[i].n_freed,
			  sizeof(struct remote_request) + breaches[i].n_freed * sizeof(uint64_t));
		expect_closed(&peer);
	}
	/* asked for, and HELLO not said */
	expect_eq(remote_client_open(&peer, scene.path, 0), 0);
	expect_eq(remote_client_stream(&peer), 0);
	send_head(&peer, REMOTE_CONFIRM, 0, sizeof(struct remote_request));
	expect_closed(&peer);
	scene_close(&scene);
}

TEST(streams_are_asked_for_before_hello)
{
	struct remote_client peer;
	struct scene scene;

	scene_open(&scene);
	peer_open(&scene, &peer);
	expect_eq(remote_client_stream(&peer), -EBADFD);
	remote_client_close_last(&peer);
	scene_close(&scene);
}

TEST(lists_of_what_is_freed_are_whole)
{
	struct remote_client peer;
	struct scene scene;

	scene_open(&scene);
	for (int i = 0; i < 2; i++) {
		expect_eq(remote_client_open(&peer, scene.path, 0), 0);
		expect_eq(remote_client_stream(&peer), 0);
		say_hello(&peer);
		/* shorter than it says, or longer than it may be */
		if (i)
			send_head(&peer, REMOTE_FREE, REMOTE_WINDOW + 1,
				  sizeof(struct remote_request) +
					  (REMOTE_WINDOW + 1) * sizeof(uint64_t));
		else
			send_head(&peer, REMOTE_FREE, 2, sizeof(struct remote_request) + 8);
		expect_closed(&peer);
	}
	scene_close(&scene);
}

/* what is not there is not freed, and does not count */
TEST(lies_about_what_is_done_with)
{
	struct remote_message messages[REMOTE_WINDOW], lie = {.offset = 8};
	struct remote_client peer;
	struct scene scene;

	scene_open(&scene);
	peer_open(&scene, &peer);
	for (uint64_t i = 1; i <= REMOTE_WINDOW + 1; i++)
		expect_eq(send_to(&peer, scene.id, i), 0);
	for (int i = 0; i < REMOTE_WINDOW; i++)
		expect_message(&scene, i + 1, &messages[i]);
	for (int i = 0; i < REMOTE_WINDOW; i++)
		expect_eq(remote_stream_free(scene.client.stream, &lie), 0);
	while (has_come(&scene, 50))
		expect_eq(remote_stream_read(scene.client.stream, false), 0);
	expect_eq(scene.client.stream->n_messages, 0);
	expect_eq(remote_stream_free(scene.client.stream, &messages[0]), 0);
	expect_eq(remote_stream_flush(scene.client.stream), 0);
	expect_next(&scene, REMOTE_WINDOW + 1);
	remote_client_close_last(&peer);
	scene_close(&scene);
}
