/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The other end of a stream: what a client does with packets of a server that may say anything
 *
 * The first bytes are what the client is asked to do, one each, up to END; behind them are packets,
 * each behind its size and how many descriptors come along.  The packets are in the socket before
 * anything is done, and behind them it ends, so nobody waits.  What is taken out of the stream is
 * looked for in a pool, as the engine does.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/engine/engine-items.h"
#include "kernel/engine/engine-message.h"
#include "kernel/engine/remote-client.h"
#include "kernel/engine/remote-stage.h"
#include "kernel/engine/remote-stream.h"
#include "kernel/include/uapi/linux/kdbus.h"
#include "tests/fuzz/fuzz.h"

#define N_ACTS	     64
#define PACKET_MAX   4096
#define POOL_SIZE    8192
#define PAYLOAD_SIZE 20000

enum act {
	POST,
	POST_STAGED,
	SEND,
	SEND_STAGED,
	RECEIVE,
	READ,
	READ_WAITING,
	TAKE,
	FREE,
	FLUSH,
	CONFIRM,
	SETTLE,
	END,
};

static uint64_t pool[POOL_SIZE / sizeof(uint64_t)];

/* how many SENDs the client has been told of */
static uint64_t n_over;

static void told(void *userdata, const struct engine_stream_news *news)
{
	const struct remote_client *client = userdata;

	fuzz_expect(news->error <= 0 && news->n_over >= n_over);
	fuzz_expect(news->n_over <= client->stream->n_sent);
	n_over = news->n_over;
}

/* what there is of a packet */
static bool send_packet(int fd, const uint8_t **bytes, size_t *size)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(7 * sizeof(int))];
	} control = {0};
	struct iovec iov;
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	unsigned n_fds;
	int fds[7];

	if (*size < 3)
		return false;
	iov.iov_len = (*bytes)[0] | ((*bytes)[1] & 7) << 8;
	n_fds = (*bytes)[2] & 7;
	*bytes += 3;
	*size -= 3;
	if (iov.iov_len > *size)
		iov.iov_len = *size;
	iov.iov_base = (void *)*bytes;
	*bytes += iov.iov_len;
	*size -= iov.iov_len;
	for (unsigned i = 0; i < n_fds; i++)
		fds[i] = fd;
	if (n_fds) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
	}
	return sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

static void view_release(struct engine_payload *payload)
{
}

/* numbers in the pool are the client's own, which the server does not make up */
static bool has_fds(const struct kdbus_msg *msg, size_t size)
{
	size_t at = sizeof(*msg);
	struct engine_item item;

	if (size < sizeof(*msg) || msg->size < sizeof(*msg) || msg->size > size)
		return false;
	while (engine_items_next(msg, msg->size, &at, &item))
		if (item.type == KDBUS_ITEM_FDS || item.type == KDBUS_ITEM_PAYLOAD_MEMFD)
			return true;
	return false;
}

/* as the engine does with what has come */
static void look_at(const struct remote_message *message)
{
	struct engine_payload view = {.refcount = 1, .release = view_release};
	struct engine_received received;
	const uint8_t *data;

	if (message->offset % 8 || message->offset > POOL_SIZE ||
	    message->size > POOL_SIZE - message->offset)
		return;
	if (has_fds((void *)((uint8_t *)pool + message->offset), message->size) ||
	    engine_message_parse((uint8_t *)pool + message->offset, message->size, &view,
				 &received) < 0)
		return;
	data = received.payload ? received.payload->data : NULL;
	if (data && received.payload == &view)
		fuzz_expect(data >= (uint8_t *)pool && view.size <= POOL_SIZE &&
			    data + view.size <= (uint8_t *)pool + POOL_SIZE);
	engine_message_release(&received);
}

static struct kdbus_cmd_send *command_of(size_t size)
{
	static uint8_t payload[PAYLOAD_SIZE];
	static struct kdbus_cmd_send cmd;
	static uint64_t space[64];
	const struct kdbus_vec vec = {.size = size, .address = (uintptr_t)payload};
	struct kdbus_msg *msg = (void *)space;
	struct engine_items items;

	engine_items_init(&items, msg, sizeof(*msg), sizeof(space));
	msg->dst_id = 1;
	msg->payload_type = KDBUS_PAYLOAD_DBUS;
	engine_items_add(&items, KDBUS_ITEM_PAYLOAD_VEC, &vec, sizeof(vec));
	cmd = (struct kdbus_cmd_send){.size = sizeof(cmd), .msg_address = (uintptr_t)msg};
	return &cmd;
}

static int act(struct remote_client *client, enum act act)
{
	static struct remote_message message;
	struct remote_stream *stream = client->stream;
	struct kdbus_cmd_recv recv = {.size = sizeof(recv)};
	int r;

	switch (act) {
	case POST:
		return remote_stream_post(stream, command_of(8));
	case POST_STAGED:
		return remote_stream_post(stream, command_of(PAYLOAD_SIZE));
	case SEND:
		return remote_client_command(client, KDBUS_CMD_SEND, command_of(8));
	case SEND_STAGED:
		return remote_client_command(client, KDBUS_CMD_SEND, command_of(PAYLOAD_SIZE));
	case RECEIVE:
		return remote_client_command(client, KDBUS_CMD_RECV, &recv);
	case READ:
		return remote_stream_read(stream, false);
	case READ_WAITING:
		return remote_stream_read(stream, true);
	case TAKE:
		r = remote_stream_take(stream, &message);
		if (!r)
			look_at(&message);
		return r;
	case FREE:
		return remote_stream_free(stream, &message);
	case FLUSH:
		return remote_stream_flush(stream);
	case CONFIRM:
		return remote_stream_confirm(stream);
	default:
		return remote_stream_settle(stream);
	}
}

static void check_stream(const struct remote_stream *stream)
{
	const struct remote_stage *stage = stream->stage;

	fuzz_expect(stream->n_messages <= REMOTE_WINDOW && stream->first < REMOTE_WINDOW);
	fuzz_expect(stream->n_freed <= REMOTE_WINDOW);
	fuzz_expect(stream->n_over <= stream->n_sent && stream->n_confirmed <= stream->n_sent);
	if (stage)
		fuzz_expect(stage->n_pieces <= REMOTE_STAGE_PIECES &&
			    stage->end <= REMOTE_STAGE_SIZE);
}

/* descriptors that the client says it has given to whoever received a message */
static void close_installed(int fd)
{
	static struct {
		struct remote_request head;
		int32_t numbers[REMOTE_FDS_MAX];
	} packet;

	/* that the other end has gone before all was read is told once, before what it said */
	recv(fd, &packet, 0, MSG_DONTWAIT | MSG_PEEK);
	while (recv(fd, &packet, sizeof(packet), MSG_DONTWAIT) > 0)
		for (uint32_t i = 0;
		     packet.head.op == REMOTE_INSTALLED && i < packet.head.n_numbers; i++)
			if (packet.numbers[i] >= 0)
				close(packet.numbers[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct remote_client client;
	const uint8_t *acts = bytes;
	size_t n_acts = 0;
	unsigned n_fds = fuzz_count_fds();
	int fds[2];

	while (n_acts < size && n_acts < N_ACTS && bytes[n_acts] < END)
		n_acts++;
	bytes += n_acts < size ? n_acts + 1 : size;
	size -= n_acts < size ? n_acts + 1 : size;
	/* what the packets say is in the pool as well */
	memset(pool, 0, sizeof(pool));
	memcpy(pool, bytes, size < sizeof(pool) ? size : sizeof(pool));

	fuzz_expect(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0);
	while (send_packet(fds[1], &bytes, &size))
		continue;
	shutdown(fds[1], SHUT_WR);
	fuzz_expect(remote_client_attach(&client, fds[0], 0) == 0);
	/* as if it had been asked for */
	client.stream = calloc(1, sizeof(*client.stream));
	fuzz_expect(client.stream);
	client.stream->client = &client;
	client.stream->told = told;
	client.stream->userdata = &client;
	client.pool_size = POOL_SIZE;
	n_over = 0;
	for (size_t i = 0; i < n_acts; i++) {
		int r = act(&client, acts[i]);

		check_stream(client.stream);
		if (r == -ECONNRESET || r == -EPROTO)
			break;
	}
	remote_client_close(&client);
	close_installed(fds[1]);
	close(fds[1]);
	fuzz_expect(fuzz_count_fds() == n_fds);
	return 0;
}
