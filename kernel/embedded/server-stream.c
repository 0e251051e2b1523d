/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Streams of peers of the server
 *
 *	asks for one --HELLO--> empty <--taken, freed-- has messages --window is full--> waits
 *
 * A peer whose queue has become readable is noted (server_stream_note(), which the core calls with
 * locks held), and what it can have is taken out of the queue and sent when the core has returned:
 * all of it in one packet.  Nothing is taken while an earlier packet waits for room in the socket,
 * or while REMOTE_WINDOW messages are out: the rest stays in the queue, whose quota answers the
 * senders, as of anybody who does not read.  Who says that messages are done with which he never
 *had gets no more than his socket takes.
 *
 * A message with descriptors is left for RECV, and what comes behind it waits: only who receives
 * them knows their numbers.
 *
 * A stage costs a descriptor of this process; of these only so many are spent, as there is another
 * way for those that get none.
 */
#include <errno.h>
#include <unistd.h>

#include "kernel/core/message.h"
#include "kernel/embedded/server-inner.h"

/* noted, and not sent anything yet */
static bool is_noted(const struct server_peer *peer)
{
	return !list_empty(&peer->stream_link);
}

void server_stream_note(struct server_peer *peer)
{
	struct kdbus_server *server = peer->server;
	u64 one = 1;

	if (is_noted(peer) || peer->source.fd < 0)
		return;
	list_add_tail(&peer->stream_link, &server->streaming);
	/* somebody of this process has sent something: our turn will come.  It can only fail when
	 * it is readable anyway. */
	if (!server->is_busy && write(server->kick.fd, &one, sizeof(one)) < 0)
		return;
}

/* only RECV can hand it over */
static bool entry_has_fds(const struct kdbus_queue_entry *entry)
{
	const struct kdbus_item *item;
	const struct kdbus_msg *msg;

	if (!entry->body)
		return false;
	if (entry->n_fds > 0)
		return true;
	msg = &entry->body->msg;
	kdbus_items_for_each(item, msg->items, (const u8 *)msg + msg->size)
		if (item->type == KDBUS_ITEM_PAYLOAD_MEMFD)
			return true;
	return false;
}

/* is the first thing in the queue one that has to be asked for */
static bool must_be_asked_for(struct kdbus_conn *conn)
{
	struct kdbus_queue_entry *entry;
	bool must;

	mutex_lock(&conn->lock);
	entry = kdbus_queue_first(&conn->queue);
	must = !conn->is_connected || (entry && entry_has_fds(entry));
	mutex_unlock(&conn->lock);
	return must;
}

/* takes what the peer can have; the packet's size */
static size_t stream_fill(struct server_peer *peer, struct kdbus_conn *conn,
			  struct remote_pushed *packet)
{
	struct remote_message *messages = (void *)(packet + 1);
	struct kdbus_cmd_recv recv;
	int r;

	while (packet->more == REMOTE_MORE_NONE) {
		recv = (struct kdbus_cmd_recv){.size = sizeof(recv)};
		if (must_be_asked_for(conn)) {
			packet->more = REMOTE_MORE_ASK;
		} else if (peer->n_pushed >= REMOTE_WINDOW) {
			if (!kdbus_conn_is_readable(conn))
				break;
			packet->more = REMOTE_MORE_WAIT;
		} else {
			r = kdbus_cmd_recv(conn, &recv);
			packet->n_dropped += recv.dropped_msgs;
			if (r < 0)
				break;
			messages[packet->n_messages++] = (struct remote_message){
				.offset = recv.msg.offset,
				.size = recv.msg.msg_size,
			};
			peer->n_pushed++;
		}
	}
	return sizeof(*packet) + packet->n_messages * sizeof(*messages);
}

/* tells it what there is; with @must also that there is nothing, or that a SEND was refused */
static void stream_push(struct server_peer *peer, int result, bool must)
{
	struct kdbus_conn *conn = embedded_handle_conn(peer->handle);
	struct remote_pushed *packet = (void *)peer->server->pushed;
	size_t size;

	if (!conn)
		return;
	*packet = (struct remote_pushed){
		.kind = REMOTE_PUSHED,
		.result = result,
		.n_sends = peer->n_sends,
	};
	size = stream_fill(peer, conn, packet);
	packet->n_queued = conn->queue.n_entries;
	/* who was told that there is more is told that there is not: it may have gone another way
	 */
	if (must || packet->n_messages || packet->n_dropped || packet->more != peer->more)
		server_peer_transmit(peer, packet, size);
	peer->more = packet->more;
}

void server_stream_asked(struct server_peer *peer)
{
	peer->more = REMOTE_MORE_NONE;
}

void server_stream_received(struct server_peer *peer)
{
	peer->n_pushed++;
}

void server_stream_promise(struct server_peer *peer)
{
	peer->is_promised = true;
	server_stream_note(peer);
}

void server_stream_flush(struct kdbus_server *server)
{
	struct server_peer *peer;
	bool is_promised;

	while (!list_empty(&server->streaming)) {
		peer = list_first_entry(&server->streaming, struct server_peer, stream_link);
		list_del_init(&peer->stream_link);
		/* it will be noted again */
		if (peer->unsent)
			continue;
		is_promised = peer->is_promised;
		peer->is_promised = false;
		stream_push(peer, 0, is_promised);
	}
}

int server_stream_open(struct server_peer *peer)
{
	if (!server_peer_is_trusted(peer))
		return -EPERM;
	if (embedded_handle_conn(peer->handle))
		return -EBADFD;
	peer->process.is_judged = true;
	return 0;
}

int server_stream_stage(struct server_peer *peer)
{
	struct kdbus_server *server = peer->server;

	if (peer->stage_fd >= 0)
		return -EALREADY;
	if (server->n_stages >= server->max_stages)
		return -EMFILE;
	server->n_stages++;
	peer->stage_fd = peer->fds[--peer->n_fds];
	return 0;
}

void server_stream_drop_stage(struct server_peer *peer)
{
	if (peer->stage_fd < 0)
		return;
	close(peer->stage_fd);
	peer->stage_fd = -1;
	peer->server->n_stages--;
}

void server_stream_hello(struct server_peer *peer, struct kdbus_conn *conn)
{
	if (server_peer_has_stream(peer))
		conn->mode |= KDBUS_CONN_PLAIN;
}

void server_stream_free(struct server_peer *peer)
{
	struct kdbus_conn *conn = embedded_handle_conn(peer->handle);
	struct kdbus_cmd_free cmd;

	for (u32 i = 0; i < peer->call.head.n_freed; i++) {
		cmd = (struct kdbus_cmd_free){
			.size = sizeof(cmd),
			.offset = peer->call.freed[i],
		};
		if (kdbus_cmd_free(conn, &cmd) >= 0 && peer->n_pushed > 0)
			peer->n_pushed--;
	}
	/* there may be some that it could not have before */
	if (peer->call.head.n_freed > 0)
		server_stream_note(peer);
}

void server_stream_run(struct server_peer *peer)
{
	int r;

	switch (peer->call.head.op) {
	case REMOTE_SEND:
		/* nobody looks at what it writes back */
		peer->is_discarding = true;
		r = server_call_is_synchronous(peer)
			    ? -EINVAL
			    : embedded_command_at(peer->handle, KDBUS_CMD_SEND,
						  peer->call.head.address);
		peer->is_discarding = false;
		peer->n_sends++;
		if (r < 0)
			stream_push(peer, r, true);
		break;
	case REMOTE_CONFIRM:
		stream_push(peer, 0, true);
		break;
	}
}
