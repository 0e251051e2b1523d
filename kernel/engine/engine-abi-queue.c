/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ABI carrier: what comes out of the bus
 *
 * Positions.  The bus' queue of a connection is emptied into a queue of our own
 * whenever the position is asked for; then everything that the bus had queued by
 * that time is numbered.  A bus in another process says with each command how much it
 * had queued when that took effect, and it is emptied so far; one in the kernel does not:
 * engine-abi-order.c.  What comes out of the bus counts
 * only if the host accepts it: matches are coarse, so the bus also delivers what nobody wants.
 *
 * Readiness.  The descriptors of the connections and activators are in one epoll set, watched
 * for edges: a connection that is not drained (back-pressure) does not keep the
 * set readable.  A connection is woken once, and again only after engine_recv()
 * said that it is empty; also when messages got into our own queue that nobody
 * was woken for.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "kernel/engine/engine-abi.h"
#include "kernel/engine/engine-abi-stream.h"
#include "kernel/engine/engine-abi-view.h"

void abi_queue_deinit(struct abi_conn *conn)
{
	struct abi_queued *queued, *tmp;

	list_for_each_entry_safe(queued, tmp, &conn->queue, link) {
		engine_message_release(&queued->received);
		free(queued);
	}
}

/* whether the bus delivered it to everybody with a match, not to this connection alone */
static bool received_is_broadcast(const struct engine_received *received)
{
	uint64_t type = received->notification.type;

	if (received->src_id == KDBUS_SRC_ID_KERNEL)
		return type != KDBUS_ITEM_REPLY_TIMEOUT && type != KDBUS_ITEM_REPLY_DEAD;
	return received->dst_id == KDBUS_DST_ID_BROADCAST;
}

static bool conn_accepts(struct abi_conn *conn, struct engine_received *received)
{
	struct engine_host *host = &conn->base.engine->host;

	if (!host->accepts || !received_is_broadcast(received))
		return true;
	return host->accepts(host->userdata, &conn->base, received, &received->tag);
}

/* what is in the pool, which is done with then unless it becomes @view */
static int conn_parse(struct abi_conn *conn, uint64_t offset, uint64_t size,
		      struct engine_payload *view, struct engine_received *received_out)
{
	conn->n_taken++;
	if (offset % 8 || offset > conn->pool_size || size > conn->pool_size - offset)
		return -EBADMSG;
	return engine_message_parse(conn->pool + offset, size, view, received_out);
}

/* one message asked for by RECV */
static int conn_ask(struct abi_conn *conn, struct engine_received *received_out)
{
	struct kdbus_cmd_recv cmd = {.size = sizeof(cmd)};
	struct engine_slice_at slice;
	int r, freed = 0;

	r = abi_conn_command(conn, KDBUS_CMD_RECV, &cmd);
	if (cmd.return_flags & KDBUS_RECV_RETURN_DROPPED_MSGS)
		engine_lost(&conn->base, 0, cmd.dropped_msgs);
	if (r < 0)
		return r;
	r = conn_parse(conn, cmd.msg.offset, cmd.msg.msg_size, NULL, received_out);
	slice = (struct engine_slice_at){.offset = cmd.msg.offset, .size = cmd.msg.msg_size};
	if (conn->stream)
		freed = abi_stream_free(conn, &slice);
	else
		abi_conn_free_slice(conn, cmd.msg.offset);
	if (freed < 0 && !r)
		engine_message_release(received_out);
	return freed < 0 ? freed : r;
}

/* one message that has come; @is_kept: it may be long before it is looked at */
static int conn_take_pushed(struct abi_conn *conn, bool waits, bool is_kept,
			    struct engine_received *received_out)
{
	struct abi_view *view = NULL;
	struct engine_slice_at slice;
	int r, freed;

	r = abi_stream_take(conn, waits, &slice);
	if (r == ENGINE_STREAM_ASK)
		return conn_ask(conn, received_out);
	if (r < 0)
		return r;
	if (!is_kept)
		view = abi_view_new(conn, &slice);
	r = conn_parse(conn, slice.offset, slice.size, view ? &view->payload : NULL, received_out);
	if (view && r >= 0 && received_out->payload == &view->payload)
		return r;
	abi_view_free(view);
	freed = abi_stream_free(conn, &slice);
	if (freed < 0 && !r)
		engine_message_release(received_out);
	return freed < 0 ? freed : r;
}

/* one message out of the bus, accepted or not; -EAGAIN when it has none */
static int conn_take(struct abi_conn *conn, bool waits, bool is_kept,
		     struct engine_received *received_out)
{
	int r;

	r = conn->stream ? conn_take_pushed(conn, waits, is_kept, received_out)
			 : conn_ask(conn, received_out);
	if (r >= 0)
		received_out->is_judged = conn->stream && !received_is_broadcast(received_out);
	return r;
}

/* the next message that counts, numbered; what is no message is passed over */
static int conn_pull(struct abi_conn *conn, uint64_t n_max, bool is_kept,
		     struct engine_received *received_out)
{
	int r;

	for (;;) {
		if (conn->stream && abi_stream_next_refused(conn, received_out))
			break;
		if (conn->n_taken >= n_max)
			return -EAGAIN;
		r = conn_take(conn, n_max != UINT64_MAX, is_kept, received_out);
		if (r == -EAGAIN && conn->stream && abi_stream_next_refused(conn, received_out))
			break;
		if (r == -EBADMSG)
			continue;
		if (r < 0)
			return r;
		received_out->position = conn->last_position + 1;
		if (conn_accepts(conn, received_out))
			break;
		engine_message_release(received_out);
	}
	received_out->position = ++conn->last_position;
	return 0;
}

/* empties the bus' queue as far as its first @n_max messages of all time go */
static uint64_t conn_drain(struct abi_conn *conn, uint64_t n_max)
{
	struct abi_queued *queued;
	int r;

	while (!conn->error) {
		queued = malloc(sizeof(*queued));
		r = queued ? conn_pull(conn, n_max, true, &queued->received) : -ENOMEM;
		if (r < 0) {
			free(queued);
			if (r == -EAGAIN)
				break;
			conn->error = r;
			continue;
		}
		list_add_tail(&queued->link, &conn->queue);
	}
	if ((conn->error || !list_empty(&conn->queue)) && !conn->is_woken) {
		conn->is_woken = true;
		engine_wake(&conn->base);
	}
	return conn->last_position;
}

bool abi_queue_next(struct abi_conn *conn, const struct engine_received **received_out)
{
	uint64_t n_taken = conn->n_taken, position = conn->last_position;

	*received_out = NULL;
	if (conn_drain(conn, n_taken + 1) != position)
		*received_out = &list_last_entry(&conn->queue, struct abi_queued, link)->received;
	return conn->n_taken != n_taken;
}

uint64_t abi_position(struct engine_conn *base)
{
	return conn_drain(abi_conn(base), UINT64_MAX);
}

void abi_begin(struct engine_conn *base)
{
	abi_listener_update(abi_engine(base->engine));
	abi_conn(base)->has_commanded = false;
	abi_conn(base)->has_answer = false;
}

/* a command that does nothing, and tells how far the queue has come */
static void conn_ask_position(struct abi_conn *conn)
{
	struct kdbus_cmd cmd = {.size = sizeof(cmd), .flags = KDBUS_FLAG_NEGOTIATE};

	abi_conn_command(conn, KDBUS_CMD_UPDATE, &cmd);
}

/* What came since is for later: the answer knows nothing of it.  What comes by itself may be under
 * way: who answers without having asked the bus for anything has to ask for that. */
uint64_t abi_answer_position(struct engine_conn *base)
{
	struct abi_conn *conn = abi_conn(base);

	if (conn->has_answer)
		return conn->answer_position;
	if (conn->stream && !conn->has_commanded)
		conn_ask_position(conn);
	return conn_drain(conn, conn->has_commanded ? conn->n_commanded : UINT64_MAX);
}

int abi_recv(struct engine_conn *base, struct engine_received *received_out)
{
	struct abi_conn *conn = abi_conn(base);
	struct engine_received received;
	struct abi_queued *queued;
	int r;

	if (!list_empty(&conn->queue)) {
		queued = list_first_entry(&conn->queue, struct abi_queued, link);
		list_del(&queued->link);
		*received_out = queued->received;
		free(queued);
		return 0;
	}
	r = conn->error ?: conn_pull(conn, UINT64_MAX, false, &received);
	if (r < 0) {
		conn->is_woken = false;
		return r;
	}
	*received_out = received;
	return 0;
}

/* readiness */

int abi_dispatch(struct engine *base)
{
	struct epoll_event events[64];
	struct abi_source *source;
	struct abi_conn *conn;
	int n;

	if (abi_stream_guess(abi_engine(base)))
		return 0;
	abi_listener_update(abi_engine(base));
	n = epoll_wait(abi_engine(base)->epoll_fd, events, 64, 0);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		source = events[i].data.ptr;
		if (source->kind == ABI_SOURCE_ACTIVATOR) {
			abi_activator_readable(source);
			continue;
		}
		if (source->kind == ABI_SOURCE_LISTENER) {
			abi_listener_drain(abi_engine(base));
			continue;
		}
		conn = container_of(source, struct abi_conn, source);
		if (conn->stream)
			abi_stream_readable(conn);
		if (conn->is_woken)
			continue;
		conn->is_woken = true;
		engine_wake(&conn->base);
	}
	return 0;
}
