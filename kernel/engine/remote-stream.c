/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stream: see remote-stream.h
 *
 * The server has no more than REMOTE_WINDOW messages out, and what is done with it is told with
 * whatever is requested next; where nothing is, once it is half of that, or takes room in the pool
 * that others' messages may need.
 *
 * How many are under way of what was sent is limited here: each may be refused, and what that
 * takes has to fit into the socket.  What of their payload is in the stage stays there until they
 * are over.
 */
#include "kernel/engine/remote-stream.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/engine/remote-inner.h"
#include "kernel/engine/remote-stage.h"
#include "kernel/include/uapi/linux/kdbus.h"

/* so many are not confirmed, and no more */
#define UNDER_WAY_MAX 64
/* what part of the pool may be done with and not told: half of it is for messages that wait */
#define FREED_SHARE 8

uint8_t *remote_stream_put_freed(struct remote_stream *stream, uint8_t *at)
{
	return remote_put(at, stream->freed, stream->n_freed * sizeof(stream->freed[0]));
}

static void stream_tell(struct remote_stream *stream, const struct remote_pushed *pushed)
{
	const struct engine_stream_news news = {
		.n_over = pushed->n_sends,
		.error = pushed->result,
		.n_before = stream->n_messages + pushed->n_queued,
		.is_all = pushed->more == REMOTE_MORE_NONE,
	};

	stream->n_over = pushed->n_sends;
	if (stream->stage)
		remote_stage_release(stream->stage, stream->n_over);
	if (stream->n_confirmed < stream->n_over)
		stream->n_confirmed = stream->n_over;
	if (stream->told)
		stream->told(stream->userdata, &news);
}

void remote_stream_answered(struct remote_stream *stream, bool is_readable)
{
	const struct remote_pushed none = {
		.n_sends = stream->n_sent,
		.more = stream->more,
	};

	stream->n_promised += is_readable;
	/* that of the command that was answered, too */
	if (stream->stage)
		remote_stage_release(stream->stage, UINT64_MAX);
	if (stream->n_over != stream->n_sent)
		stream_tell(stream, &none);
}

void remote_stream_asked(struct remote_stream *stream)
{
	stream->more = REMOTE_MORE_NONE;
}

int remote_stream_take_note(struct remote_stream *stream, const void *packet, size_t size)
{
	const struct remote_message *messages;
	struct remote_pushed head;
	uint32_t at;

	if (size < sizeof(head))
		return -EPROTO;
	memcpy(&head, packet, sizeof(head));
	if (head.n_messages > REMOTE_WINDOW - stream->n_messages ||
	    size != sizeof(head) + head.n_messages * sizeof(*messages) ||
	    head.n_sends < stream->n_over || head.n_sends > stream->n_sent || head.result > 0)
		return -EPROTO;
	messages = (const void *)((const uint8_t *)packet + sizeof(head));
	for (uint32_t i = 0; i < head.n_messages; i++) {
		at = (stream->first + stream->n_messages++) % REMOTE_WINDOW;
		stream->messages[at] = messages[i];
	}
	stream->n_dropped += head.n_dropped;
	stream->more = head.more;
	if (stream->n_promised > 0)
		stream->n_promised--;
	stream_tell(stream, &head);
	return 0;
}

/* a request that is nothing but what goes along with every one */
static int stream_request(struct remote_stream *stream, enum remote_op op)
{
	struct remote_request *head = (void *)stream->client->buffer;
	uint8_t *end;

	*head = (struct remote_request){
		.version = REMOTE_VERSION,
		.op = op,
		.n_freed = stream->n_freed,
	};
	end = remote_stream_put_freed(stream, (uint8_t *)(head + 1));
	return remote_packet_send(stream->client, end - (uint8_t *)head, NULL, 0);
}

/* a packet is to come */
static int stream_demand(struct remote_stream *stream)
{
	int r;

	r = stream_request(stream, REMOTE_CONFIRM);
	if (r < 0)
		return r;
	stream->n_promised++;
	stream->n_confirmed = stream->n_sent;
	return 0;
}

static int stream_receive(struct remote_stream *stream, int flags)
{
	struct remote_packet packet;
	int r;

	r = remote_packet_receive(stream->client, flags, &packet);
	if (r < 0)
		return r;
	/* nothing else is on its way: nobody has asked for an answer */
	while (packet.n_fds > 0)
		close(packet.fds[--packet.n_fds]);
	return packet.kind == REMOTE_PUSHED ? 0 : -EPROTO;
}

int remote_stream_read(struct remote_stream *stream, bool waits)
{
	int r;

	if (!waits)
		return stream_receive(stream, MSG_DONTWAIT);
	if (!stream->n_promised && stream->more == REMOTE_MORE_WAIT) {
		r = stream_demand(stream);
		if (r < 0)
			return r;
	}
	return stream->n_promised ? stream_receive(stream, 0) : -EAGAIN;
}

int remote_stream_confirm(struct remote_stream *stream)
{
	if (stream->n_confirmed == stream->n_sent)
		return 0;
	return stream_demand(stream);
}

/* room for one more */
static int stream_make_room(struct remote_stream *stream)
{
	int r = 0;

	if (stream->n_sent - stream->n_confirmed >= UNDER_WAY_MAX / 2)
		r = remote_stream_confirm(stream);
	while (r >= 0 && stream->n_sent - stream->n_over >= UNDER_WAY_MAX)
		r = stream_receive(stream, 0);
	return r;
}

int remote_stream_post(struct remote_stream *stream, void *cmd)
{
	struct remote_command *command = stream->client->command;
	int r;

	r = stream_make_room(stream);
	if (r < 0)
		return r;
	remote_command_init(command, stream->client, KDBUS_CMD_SEND, cmd);
	r = remote_command_place(command, true);
	if (r >= 0) {
		/* what comes while it is being sent may be about it */
		stream->n_sent++;
		r = remote_command_send(command, REMOTE_SEND, KDBUS_CMD_SEND, (uintptr_t)cmd);
		/* a server that says it has had it all the same is believed */
		if (r < 0 && stream->n_over < stream->n_sent)
			stream->n_sent--;
	}
	remote_command_deinit(command);
	return r;
}

int remote_stream_stage(struct remote_stream *stream, size_t size, bool waits, uint32_t *offset_out)
{
	int r;

	if (size > REMOTE_STAGE_SIZE)
		return -EMSGSIZE;
	r = remote_stage_open(stream->client);
	while (r >= 0) {
		r = remote_stage_take(stream->stage, size, stream->n_sent + 1, offset_out);
		if (r != -EAGAIN || !waits || stream->n_over == stream->n_sent)
			break;
		r = remote_stream_confirm(stream);
		r = r < 0 ? r : stream_receive(stream, 0);
	}
	return r;
}

int remote_stream_take(struct remote_stream *stream, struct remote_message *message_out)
{
	if (!stream->n_messages && stream->more == REMOTE_MORE_ASK) {
		stream->more = REMOTE_MORE_NONE;
		return REMOTE_STREAM_ASK;
	}
	if (!stream->n_messages)
		return -EAGAIN;
	*message_out = stream->messages[stream->first];
	stream->first = (stream->first + 1) % REMOTE_WINDOW;
	stream->n_messages--;
	return 0;
}

int remote_stream_settle(struct remote_stream *stream)
{
	int r;

	r = remote_stream_confirm(stream);
	while (r >= 0 && stream->n_over < stream->n_sent)
		r = stream_receive(stream, 0);
	return r;
}

int remote_stream_flush(struct remote_stream *stream)
{
	return stream->n_freed ? stream_request(stream, REMOTE_FREE) : 0;
}

int remote_stream_free(struct remote_stream *stream, const struct remote_message *message)
{
	int r;

	/* what could not be told when it was due */
	if (stream->n_freed == REMOTE_WINDOW) {
		r = remote_stream_flush(stream);
		if (r < 0)
			return r;
	}
	stream->freed[stream->n_freed++] = message->offset;
	stream->freed_size += message->size;
	if (stream->n_freed < REMOTE_WINDOW / 2 &&
	    stream->freed_size < stream->client->pool_size / FREED_SHARE)
		return 0;
	return remote_stream_flush(stream);
}
