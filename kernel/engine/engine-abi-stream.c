/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ABI carrier: connections whose messages come by themselves
 *
 * What is sent is not waited for.  Its payload is kept, in the order of sending:
 *
 *	under way --over--> forgotten
 *	     \---refused--> waits until all has been taken that was queued before
 *			      --engine_recv()--> told to the host
 *
 * Readiness.  A packet that comes means one read, not a second one that finds nothing.  So whether
 * the socket is readable has to be seen as a level, and that is what the epoll set shows to whoever
 * polls it as long as the set itself is not asked: a set of one connection is not, but is
 * taken to mean it.  Only when the connection is not drained, or nothing was found, the set is
 * asked: then the edge is used up, and the socket is read until there is nothing.
 */
#include <errno.h>
#include <stdlib.h>

#include "kernel/engine/engine-abi-stream.h"

/**
 * struct abi_sent - what is under way, or was refused
 * @link: in abi_stream.sent or .refused
 * @payload: a reference
 * @n: number of the SEND
 * @error: negative errno, of one that was refused
 * @position: how many messages are taken before it is told
 */
struct abi_sent {
	struct list_head link;
	struct engine_payload *payload;
	uint64_t n;
	int error;
	uint64_t position;
};

/**
 * struct abi_stream - a stream
 * @sent: struct abi_sent under way, oldest first
 * @refused: those that were refused and are to be told
 * @n_sent: SENDs so far
 * @may_read: there may be something in the socket
 * @must_empty: nobody will tell of what is left there
 * @found: something has been read since the connection was woken
 * @has_guessed: it was woken without the set being asked
 */
struct abi_stream {
	struct list_head sent;
	struct list_head refused;
	uint64_t n_sent;
	bool may_read;
	bool must_empty;
	bool found;
	bool has_guessed;
};

static const struct engine_stream_ops *stream_ops(const struct abi_conn *conn)
{
	return abi_engine(conn->base.engine)->transport->ops->stream;
}

static void sent_free(struct abi_sent *sent)
{
	list_del(&sent->link);
	engine_payload_unref(sent->payload);
	free(sent);
}

static void sent_free_all(struct list_head *list)
{
	struct abi_sent *sent, *tmp;

	list_for_each_entry_safe(sent, tmp, list, link)
		sent_free(sent);
}

static void conn_wake(struct abi_conn *conn)
{
	if (conn->is_woken)
		return;
	conn->is_woken = true;
	engine_wake(&conn->base);
}

/* what had been queued before them has all come */
static void refused_are_next(struct abi_stream *stream, uint64_t position)
{
	struct abi_sent *sent;

	list_for_each_entry(sent, &stream->refused, link)
		if (sent->position > position)
			sent->position = position;
}

static void stream_told(void *userdata, const struct engine_stream_news *news)
{
	struct abi_conn *conn = userdata;
	struct abi_stream *stream = conn->stream;
	uint64_t position = conn->n_taken + news->n_before;
	struct abi_sent *sent, *tmp;

	if (news->is_all)
		refused_are_next(stream, position);
	list_for_each_entry_safe(sent, tmp, &stream->sent, link) {
		if (sent->n > news->n_over)
			break;
		if (!news->error || sent->n < news->n_over) {
			sent_free(sent);
			continue;
		}
		sent->error = news->error;
		sent->position = position;
		list_move_tail(&sent->link, &stream->refused);
	}
	/* it may come while nobody looks */
	conn_wake(conn);
}

int abi_stream_open(struct abi_conn *conn)
{
	struct abi_stream *stream;
	int r;

	stream = calloc(1, sizeof(*stream));
	if (!stream)
		return -ENOMEM;
	INIT_LIST_HEAD(&stream->sent);
	INIT_LIST_HEAD(&stream->refused);
	r = stream_ops(conn)->open(conn->handle, stream_told, conn);
	if (r < 0) {
		free(stream);
		/* then everything is asked for */
		return r == -EPERM ? 0 : r;
	}
	conn->stream = stream;
	conn->base.is_judged = true;
	return 0;
}

void abi_stream_free_all(struct abi_conn *conn)
{
	if (!conn->stream)
		return;
	sent_free_all(&conn->stream->sent);
	sent_free_all(&conn->stream->refused);
	free(conn->stream);
	conn->stream = NULL;
}

int abi_stream_post(struct abi_conn *conn, struct kdbus_cmd_send *cmd,
		    struct engine_payload *payload)
{
	struct abi_stream *stream = conn->stream;
	struct abi_sent *sent;
	int r;

	sent = malloc(sizeof(*sent));
	if (!sent)
		return -ENOMEM;
	*sent = (struct abi_sent){
		.payload = engine_payload_ref(payload),
		.n = stream->n_sent + 1,
	};
	list_add_tail(&sent->link, &stream->sent);
	r = stream_ops(conn)->post(conn->handle, cmd);
	if (r < 0) {
		sent_free(sent);
		return r;
	}
	stream->n_sent++;
	return 0;
}

int abi_settle(struct engine_conn *base)
{
	struct abi_conn *conn = container_of(base, struct abi_conn, base);

	if (!conn->stream || list_empty(&conn->stream->sent))
		return 0;
	return stream_ops(conn)->settle(conn->handle);
}

int abi_hasten(struct engine_conn *base)
{
	struct abi_conn *conn = container_of(base, struct abi_conn, base);

	if (!conn->stream || list_empty(&conn->stream->sent))
		return 0;
	return stream_ops(conn)->confirm(conn->handle);
}

/* the first that was refused, if all has been taken that had been queued before */
static struct abi_sent *next_refused(const struct abi_conn *conn)
{
	struct abi_sent *sent;

	sent = list_first_entry_or_null(&conn->stream->refused, struct abi_sent, link);
	return sent && sent->position <= conn->n_taken ? sent : NULL;
}

bool abi_stream_next_refused(struct abi_conn *conn, struct engine_received *received_out)
{
	struct abi_sent *sent = next_refused(conn);

	if (!sent)
		return false;
	*received_out = (struct engine_received){
		.src_id = conn->base.id,
		.payload = sent->payload,
		.is_shared = true,
		.error = sent->error,
	};
	list_del(&sent->link);
	free(sent);
	return true;
}

/* what has come into the stream */
static int stream_read(struct abi_conn *conn, bool waits)
{
	struct abi_stream *stream = conn->stream;
	int r;

	if (!waits && !stream->may_read)
		return -EAGAIN;
	r = stream_ops(conn)->read(conn->handle, waits);
	if (r == -EAGAIN && !waits) {
		stream->may_read = false;
		stream->must_empty = false;
	}
	if (r < 0)
		return r;
	stream->found = true;
	if (!stream->must_empty)
		stream->may_read = false;
	return 0;
}

int abi_stream_take(struct abi_conn *conn, bool waits, struct engine_slice_at *slice_out)
{
	uint64_t n_dropped;
	int r;

	for (;;) {
		r = stream_ops(conn)->take(conn->handle, slice_out);
		if (r != -EAGAIN)
			break;
		r = stream_read(conn, waits);
		if (r < 0)
			break;
		/* that is what it brought */
		if (next_refused(conn)) {
			r = -EAGAIN;
			break;
		}
	}
	n_dropped = stream_ops(conn)->n_dropped(conn->handle);
	if (n_dropped)
		engine_lost(&conn->base, 0, n_dropped);
	return r;
}

int abi_stream_free(struct abi_conn *conn, const struct engine_slice_at *slice)
{
	return stream_ops(conn)->free(conn->handle, slice);
}

bool abi_stream_guess(struct abi_engine *engine)
{
	struct rb_node *node = rb_first(&engine->conns);
	struct abi_stream *stream;
	struct abi_conn *conn;

	if (!node)
		return false;
	conn = rb_entry(node, struct abi_conn, by_id);
	stream = conn->stream;
	if (!stream || conn->is_woken || rb_last(&engine->conns) != node)
		return false;
	if (!stream->found && stream->has_guessed) {
		stream->has_guessed = false;
		return false;
	}
	stream->has_guessed = true;
	stream->found = false;
	stream->may_read = true;
	conn_wake(conn);
	return true;
}

void abi_stream_readable(struct abi_conn *conn)
{
	conn->stream->may_read = true;
	conn->stream->must_empty = true;
}
