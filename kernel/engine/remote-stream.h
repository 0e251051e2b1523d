/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The stream of a node that another process serves (kernel/embedded/remote-protocol.h)
 *
 * Messages come by themselves, and what is sent is not waited for.  What became of that is told
 * through a callback, which may come from within any function of the client, and takes note only.
 */
#ifndef KERNEL_ENGINE_REMOTE_STREAM_H
#define KERNEL_ENGINE_REMOTE_STREAM_H

#include "kernel/embedded/remote-protocol.h"
#include "kernel/engine/engine-transport.h"
#include "kernel/engine/remote-client.h"

/**
 * struct remote_stream - a stream
 * @client: whose
 * @told: called when something has come; NULL: nobody wants to know
 * @userdata: for @told
 * @messages: that have come and not been taken, from @first on, in a circle
 * @n_messages: number of them
 * @more: REMOTE_MORE_*: what is behind them
 * @n_promised: packets that will come, at least
 * @n_dropped: broadcasts that went missing
 * @freed: offsets of messages that are done with
 * @n_freed: number of them
 * @freed_size: bytes that these have in the pool
 * @n_sent: how many were sent
 * @n_over: how many are known to be over
 * @n_confirmed: how many will be known to be over without further asking
 * @stage: remote-stage.h, owned; NULL: there was no need for one yet
 */
struct remote_stream {
	struct remote_client *client;
	void (*told)(void *userdata, const struct engine_stream_news *news);
	void *userdata;
	struct remote_message messages[REMOTE_WINDOW];
	uint32_t first;
	uint32_t n_messages;
	uint32_t more;
	uint32_t n_promised;
	uint64_t n_dropped;
	uint64_t freed[REMOTE_WINDOW];
	uint32_t n_freed;
	uint64_t freed_size;
	uint64_t n_sent;
	uint64_t n_over;
	uint64_t n_confirmed;
	struct remote_stage *stage;
};

/**
 * remote_stream_post() - SEND, without waiting for what comes of it
 * @cmd: struct kdbus_cmd_send; not a synchronous one
 *
 * Where many are under way it waits for some of them.
 *
 * Return: 0, then @told will be; or a negative errno: it was not sent.
 */
int remote_stream_post(struct remote_stream *stream, void *cmd);

/**
 * remote_stream_stage() - room in the stage, for the next SEND
 * @size: bytes
 * @waits: until those that were sent before leave room
 * @offset_out: where it is
 *
 * Return: 0; a negative errno: there is none, but for -ECONNRESET.
 */
int remote_stream_stage(struct remote_stream *stream, size_t size, bool waits,
			uint32_t *offset_out);

/* sees to it that @told is called before long, of all that was posted; 0 or a negative errno */
int remote_stream_confirm(struct remote_stream *stream);

/* the same, at once */
int remote_stream_settle(struct remote_stream *stream);

/**
 * remote_stream_read() - take note of what has come
 * @waits: for what is to come: all that had been queued when the last answer was given
 *
 * Return: 0, -EAGAIN (nothing has come, or nothing is to come), or a negative errno when there will
 * be nothing more.
 */
int remote_stream_read(struct remote_stream *stream, bool waits);

#define REMOTE_STREAM_ASK 1
/* the next message that has come: 0; -EAGAIN: none; REMOTE_STREAM_ASK: it has to be asked for by
 * RECV, and is when this returns */
int remote_stream_take(struct remote_stream *stream, struct remote_message *message_out);

/* a message is done with; the server is told with the next request, or now; 0 or a negative errno
 */
int remote_stream_free(struct remote_stream *stream, const struct remote_message *message);
/* the server is told now */
int remote_stream_flush(struct remote_stream *stream);

#endif
