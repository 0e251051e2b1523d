/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client's socket: reading what it sends, writing what it gets.
 *
 * One recvmsg() per turn and client into the chunk that all clients share, at
 * most: level-triggered epoll says whether there is more, and no read is spent on
 * learning that there is nothing.  Descriptors end a read (the kernel does not
 * read past them), so those that came with a chunk belong to its last message.
 *
 * Nobody has to wait until all that somebody sent is done: where others are ready too,
 * a client gets so much work out of the daemon and is then put behind them; the rest of
 * what it sent is kept.  Alone it goes on, in the larger batches that this makes.
 *
 * Long messages are read on at the end of the turn, by turns, so much of all of them
 * together: their senders can be many, and nobody else waits for their sum.  Where nobody
 * needs to look at what they hold, it is moved and not copied (tail.h).
 *
 * Writing: what the engine queued and what the bus answered are put in order
 * here (client_next()) and go out in batches.  While the socket is full nothing
 * is taken out of the engine's queue: its quota then answers the senders.
 */
#include "proxy/client-io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/daemon.h"
#include "proxy/dispatch.h"
#include "proxy/errand.h"
#include "proxy/translate.h"

enum {
	BATCH_MESSAGES = 256,
	BATCH_BYTES = 512 * 1024,
	BATCH_FDS = 253,
	FLUSH_BATCHES = 4, /* per client and turn */
	CONTROL_FDS = 253, /* SCM_MAX_FD: more cannot come at once */
	SLICE_WORK = 32,   /* what a client gets before it is the turn of others */
	SLICE_BYTES = 64 * 1024,
	GREEDY_BYTES = 16 * 1024,
	LONG_BYTES = 64 * 1024,	 /* of long messages, per turn, where others are ready */
	HEAD_BYTES = 2048,	 /* of who sends long messages: the rest is not to be copied */
	ROOM_BYTES = 208 * 1024, /* for who is sent such; the kernel takes twice that */
	MOVED_ROOM_BYTES = 512 * 1024, /* where they are moved, and not the daemon's */
};

/* descriptors of a recvmsg(); false: some did not fit or there is no memory */
static bool client_take_fds(struct client *client, struct msghdr *header)
{
	bool is_good = !(header->msg_flags & MSG_CTRUNC);
	struct cmsghdr *control;

	for (control = CMSG_FIRSTHDR(header); control; control = CMSG_NXTHDR(header, control)) {
		size_t n_fds = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS &&
		    inbound_add_fds(&client->in, (const int *)CMSG_DATA(control), n_fds) < 0)
			is_good = false;
	}
	return is_good;
}

/**
 * struct client_fds_timer - of a client that ever had descriptors to wait
 * @timer: armed while there are some
 * @client: whose they are
 */
struct client_fds_timer {
	struct loop_timer timer;
	struct client *client;
};

static void client_arm_fds(struct client *client)
{
	struct daemon *daemon = client->daemon;

	loop_timer_arm(&daemon->loop, &client->fds_timer->timer,
		       loop_now_ns() + daemon->limits.pending_fd_timeout_ns);
}

static void client_fds_expired(struct loop_timer *timer)
{
	struct client *client = container_of(timer, struct client_fds_timer, timer)->client;

	if (!client->in.fds)
		return;
	/* not its fault: the rest may have been sent, and was not read */
	if (client->is_read_paused || client->in.kept)
		client_arm_fds(client);
	else
		client_close(client, "file descriptors were not claimed in time");
}

/* descriptors that wait for a message or for the rest of one do so for so long only: 0 or -ENOMEM
 */
static int client_watch_fds(struct client *client)
{
	struct client_fds_timer *fds_timer = client->fds_timer;

	if (!client->in.fds) {
		if (fds_timer)
			loop_timer_disarm(&fds_timer->timer);
		return 0;
	}
	if (!fds_timer) {
		fds_timer = malloc(sizeof(*fds_timer));
		if (!fds_timer)
			return -ENOMEM;
		loop_timer_init(&fds_timer->timer, client_fds_expired);
		fds_timer->client = client;
		client->fds_timer = fds_timer;
	}
	if (!loop_timer_is_armed(&fds_timer->timer))
		client_arm_fds(client);
	return 0;
}

void client_forget_fds(struct client *client)
{
	if (client->fds_timer)
		loop_timer_disarm(&client->fds_timer->timer);
	free(client->fds_timer);
	client->fds_timer = NULL;
}

/* why a socket failed; that its peer has gone, or does not read, is no news */
static const char *socket_reason(int error)
{
	return error == EPIPE || error == ECONNRESET || error == EAGAIN ? NULL : strerror(error);
}

/* Bytes of the authentication; what follows BEGIN stays in the chunk. */
static void client_read_auth(struct client *client, struct inbound_chunk *chunk)
{
	const char *output;
	size_t consumed, size;
	ssize_t sent;
	int r;

	r = auth_feed(client->auth, (const char *)chunk->bytes + chunk->at, chunk->end - chunk->at,
		      &consumed);
	if (r < 0) {
		client_close(client, "out of memory");
		return;
	}
	chunk->at += consumed;
	output = auth_take_output(client->auth, &size);
	sent = size ? send(client->source.fd, output, size, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
	/* a peer that does not read 16 KiB of answers does not want to log in */
	if (sent != (ssize_t)size) {
		client_close(client, sent < 0 ? socket_reason(errno) : NULL);
		return;
	}
	if (r == AUTH_FAILED)
		client_close(client, auth_reason(client->auth));
	else if (r == AUTH_DONE)
		client_authenticated(client);
}

static void client_pause(struct client *client, bool is_paused)
{
	client->is_read_paused = is_paused;
	client_await_relief(client, is_paused);
	/* what it waits for may be that it is told what became of what it sent; a connection that
	 * is dead says so when it is received from */
	if (is_paused && client->caller.conn)
		engine_conn_hasten(client->caller.conn);
}

/* has this list anybody but the client? */
static bool has_others(const struct list_head *ready, const struct client *client)
{
	return !list_empty(ready) &&
	       (ready->next != &client->ready_link || ready->prev != &client->ready_link);
}

/* does anybody wait for the end of the turn? */
static bool client_is_awaited(const struct client *client)
{
	return has_others(&client->daemon->ready, client) ||
	       has_others(&client->daemon->flushing, client);
}

/* does a message that is for one client get nowhere else? */
static bool daemon_may_tail(const struct daemon *daemon)
{
	return !daemon->is_joined && !daemon->is_served &&
	       engine_asks_may_deliver(daemon->engine) &&
	       !match_registry_n_nodes(daemon->monitor_matches) &&
	       !match_registry_n_eavesdropping(daemon->matches);
}

static bool client_may_tail(const struct client *client, const struct message *message)
{
	const char *destination = message_destination(message);

	return client->state == CLIENT_ACTIVE && destination && strcmp(destination, DRIVER_NAME) &&
	       daemon_may_tail(client->daemon);
}

/* of a message that is complete */
static void client_look_at_length(struct client *client, struct message *message)
{
	/* there may be monitors now */
	if (message->tail && !daemon_may_tail(client->daemon))
		message_gather(message);
	if (!message->tail && message->payload.size >= HEAD_BYTES + TAIL_MIN &&
	    client_may_tail(client, message) &&
	    wire_body_is_proven(&message->header, message->bytes, message_body(message),
				message->header.body_size))
		client->is_lengthy = true;
}

/* Stops where the answers are more than the client may have, and where it is the turn of others;
 * what is left is kept. */
static void client_read_messages(struct client *client, struct inbound_chunk *chunk)
{
	struct daemon *daemon = client->daemon;
	/* whom its own messages wake has to wait for as many of them as there are */
	bool is_awaited = client_is_awaited(client);
	uint64_t start = daemon->work;
	struct message *message;
	const char *sender;
	size_t sender_len;
	int r;

	while (client->state != CLIENT_CLOSED && !client->is_read_paused) {
		sender = client_sender(client, &sender_len);
		r = inbound_next(&client->in, chunk, &daemon->limits.inbound, sender, sender_len,
				 &message);
		if (r == INBOUND_MORE)
			break;
		if (r) {
			client_close(client, r < 0 ? "out of memory" : inbound_outcome_text(r));
			return;
		}
		/* what waits now came later */
		if (message->payload.n_fds && client->fds_timer)
			loop_timer_disarm(&client->fds_timer->timer);
		client_look_at_length(client, message);
		message_charge(message, &client->account);
		dispatch_message(client, message);
		message_unref(message);
		if (client->state == CLIENT_CLOSED)
			return;
		client_pause(client, client_must_pause(client));
		if (daemon->work - start < SLICE_WORK || chunk->at == chunk->end)
			continue;
		if (is_awaited || loop_has_others(&daemon->loop, &client->source))
			break;
		start = daemon->work;
	}
	if (client->state == CLIENT_CLOSED)
		return;
	client->is_greedy = chunk->at != chunk->end;
	if (inbound_keep(&client->in, chunk) < 0) {
		client_close(client, "out of memory");
		return;
	}
	/* all of a message's descriptors come with its bytes: more are of no use to anybody */
	if (!client->in.kept &&
	    inbound_n_fds(&client->in) > daemon->limits.inbound.max_message_fds) {
		client_close(client, inbound_outcome_text(INBOUND_TOO_MANY_FDS));
		return;
	}
	if (client->in.kept && !client->is_read_paused)
		client_set_ready(client);
	if (client_watch_fds(client) < 0) {
		client_close(client, "out of memory");
		return;
	}
	client_update_events(client);
}

/* as much as there is, unless that keeps others waiting */
static void client_limit_read(const struct client *client, struct msghdr *header, size_t limit)
{
	size_t left = limit;

	if (client->is_lengthy && !client->in.message && left > HEAD_BYTES)
		left = HEAD_BYTES;
	else if (client->is_greedy)
		left = GREEDY_BYTES;
	else if (client->daemon->loop.n_batch > 1 || client_is_awaited(client))
		left = SLICE_BYTES;
	for (size_t i = 0; i < header->msg_iovlen; i++) {
		if (header->msg_iov[i].iov_len > left)
			header->msg_iov[i].iov_len = left;
		left -= header->msg_iov[i].iov_len;
	}
}

/* @limit: bytes; how many were read */
static size_t client_read_bytes(struct client *client, size_t limit)
{
	struct inbound_chunk *chunk = &client->daemon->chunk;
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(CONTROL_FDS * sizeof(int))];
	} control;
	struct iovec iov[2];
	struct msghdr header = {
		.msg_iov = iov, .msg_control = &control, .msg_controllen = sizeof(control)};
	ssize_t size;

	header.msg_iovlen = inbound_prepare(&client->in, chunk, iov);
	client_limit_read(client, &header, limit);
	size = recvmsg(client->source.fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (size < 0) {
		if (errno != EAGAIN && errno != EINTR)
			client_close(client, socket_reason(errno));
		return 0;
	}
	inbound_commit(&client->in, chunk, size);
	if (header.msg_controllen && !client_take_fds(client, &header)) {
		client_close(client, "file descriptors did not arrive");
		return 0;
	}
	if (!size) {
		client_close(client, NULL);
		return 0;
	}
	if (client->state == CLIENT_AUTH)
		client_read_auth(client, chunk);
	/* descriptors that came before they were agreed on belong to nobody */
	if (client->in.fds && (client->state == CLIENT_AUTH || !client->is_fds_agreed))
		inbound_drop_fds(&client->in);
	if (client->state != CLIENT_AUTH && client->state != CLIENT_CLOSED)
		client_read_messages(client, chunk);
	return size;
}

static bool client_may_read(const struct client *client)
{
	return client->state != CLIENT_CLOSED && !client->is_read_paused && !client->in.kept;
}

/* the same of a message that is moved */
static size_t client_read_tail(struct client *client, size_t limit)
{
	struct tail *tail = client->in.message->tail;
	size_t rest = client->in.message->payload.size - client->in.n_filled;
	ssize_t size = tail_fill(tail, client->source.fd, limit < rest ? limit : rest);

	if (size == -EINTR || size == -EAGAIN)
		return 0;
	/* the pipe is full, or the kernel does not do this: the rest is copied */
	if (size < 0) {
		tail_gather(tail);
		return 0;
	}
	if (!size) {
		client_close(client, NULL);
		return 0;
	}
	if (inbound_commit_tail(&client->in, &client->daemon->chunk, size))
		client_read_messages(client, &client->daemon->chunk);
	return size;
}

/* @limit: bytes; how many were read */
static size_t client_read(struct client *client, size_t limit)
{
	struct inbound *in = &client->in;
	size_t size;

	if (in->message && in->message->tail)
		return client_read_tail(client, limit);
	size = client_read_bytes(client, limit);
	if (inbound_may_tail(in, &client->daemon->limits.inbound) &&
	    client_may_tail(client, in->message) &&
	    !tail_begin(&client->daemon->tails, in->message, in->n_filled)) {
		client->is_lengthy = true;
		/* its head alone was read, and nobody else waits */
		if (size == HEAD_BYTES && size < limit && client_may_read(client) &&
		    client->daemon->loop.n_batch <= 1)
			size += client_read_tail(client, limit - size);
	} else if (size == HEAD_BYTES) {
		client->is_lengthy = false;
	}
	return size;
}

/* its socket stays ready meanwhile, and says so again each turn */
static void client_wait_for_long(struct client *client)
{
	if (list_empty(&client->long_link))
		list_add_tail(&client->long_link, &client->daemon->long_reads);
}

/* it is gone: what is for it goes nowhere, and all that it has sent is still to be read */
static void client_hang_up(struct client *client)
{
	client->is_hung_up = true;
	client->is_write_broken = true;
	client->is_blocked = false;
	list_move_tail(&client->ready_link, &client->daemon->ready);
}

void client_dispatch(struct loop_source *source, uint32_t events)
{
	struct client *client = container_of(source, struct client, source);

	if (events & EPOLLHUP)
		client_hang_up(client);
	if (events & EPOLLOUT) {
		client->is_blocked = false;
		client_set_ready(client);
	}
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)) || !client_may_read(client))
		return;
	if (client->state == CLIENT_ACTIVE && client->in.message &&
	    client->daemon->loop.n_batch > 1)
		client_wait_for_long(client);
	else
		client_read(client, SIZE_MAX);
}

void client_read_long(struct daemon *daemon)
{
	size_t left = LONG_BYTES;
	struct client *client;

	while (left &&
	       (client = list_first_entry_or_null(&daemon->long_reads, struct client, long_link))) {
		list_del(&client->long_link);
		if (client_may_read(client))
			left -= client_read(client, left);
	}
}

void client_update_events(struct client *client)
{
	uint32_t events = 0;

	/* the answers pile up: no new work */
	if (!client->is_read_paused && !client->in.kept)
		events |= EPOLLIN;
	if (client->is_blocked)
		events |= EPOLLOUT;
	if (loop_modify(&client->daemon->loop, &client->source, events) < 0)
		client_close(client, "epoll failed");
}

void client_drop_held(struct client *client)
{
	if (client->held)
		engine_received_release(client->held);
	free(client->held);
	client->held = NULL;
}

/* the next thing in the queue, or what had to wait for memory */
static int client_receive(struct client *client, struct engine_received *received_out)
{
	if (!client->held)
		return engine_recv(client->caller.conn, received_out);
	*received_out = *client->held;
	/* it was then */
	received_out->is_last = false;
	free(client->held);
	client->held = NULL;
	return 0;
}

/* The next message for the socket, in the order of the bus; NULL: there is none just now.
 * *is_last_out: to ask again is of no use.  The reserve is full when this is called for the first
 * time. */
static struct message *client_next(struct client *client, bool *is_last_out)
{
	struct daemon *daemon = client->daemon;
	struct engine_received received;
	struct message *message;
	int r;

	*is_last_out = false;
	for (;;) {
		message = client->is_turning || !client->out.n_answers
				  ? NULL
				  : outbound_take_answer(&client->out, client->position);
		if (message)
			return message;
		if (!client->caller.conn)
			return outbound_take_answer(&client->out, UINT64_MAX);
		r = client_receive(client, &received);
		if (r == -EAGAIN && client->is_turning)
			return NULL;
		if (r == -EAGAIN) {
			message = outbound_take_answer(&client->out, UINT64_MAX);
			return message ?: activation_take_lost(client);
		}
		if (r < 0) {
			client_close(client, "connection to the bus was lost");
			return NULL;
		}
		r = translate_received(client, &received, &message);
		if (r < 0) {
			client->held = steal(daemon->reserve.held);
			*client->held = received;
			daemon_retry_later(daemon, client);
			return NULL;
		}
		client->position = received.position;
		*is_last_out = received.is_last && !client->out.n_answers && !client->waits;
		engine_received_release(&received);
		if (message || client->state == CLIENT_CLOSED)
			return message;
	}
}

int client_drain(struct client *client)
{
	struct message *message;
	struct outbound drained;
	bool is_last;
	int r;

	outbound_init(&drained);
	r = reserve_fill(&client->daemon->reserve, BATCH_MESSAGES);
	while (!r && (message = client_next(client, &is_last))) {
		r = outbound_answer(&drained, message, 0);
		message_unref(message);
	}
	if (client->held)
		r = -ENOMEM;
	/* one that was closed on the way has no use for them */
	if (client->state == CLIENT_CLOSED)
		r = -ENOTCONN;
	if (!r)
		outbound_move_answers(&client->out, &drained);
	outbound_deinit(&drained);
	return r;
}

/* a client that asks faster than it reads the answers is not read from for a while */
static void client_check_answers(struct client *client)
{
	const struct daemon_limits *limits = &client->daemon->limits;

	client_pause(client,
		     client_must_pause(client) ||
			     (client->is_read_paused &&
			      (client->out.n_answer_bytes > limits->max_outgoing_bytes / 2 ||
			       client->out.n_answer_fds > limits->max_outgoing_fds / 2)));
	/* what has been read of it already is the next thing to do */
	if (client->in.kept && !client->is_read_paused)
		client_set_ready(client);
}

/* @first: what was received already, or NULL; *is_full_out: it ended because there is no room for
 * more, not because there is nothing */
static uint32_t client_fill_batch(struct client *client, struct message *first,
				  struct message **batch, size_t *n_sent_out, bool *is_full_out)
{
	size_t n_bytes = 0, n_fds = 0;
	bool is_last = false;
	uint32_t n = 0;

	*n_sent_out = 0;
	if (client->out.n_unsent)
		n = outbound_take_unsent(&client->out, batch, n_sent_out);
	else if (first)
		batch[n++] = first;
	for (uint32_t i = 0; i < n; i++) {
		n_bytes += batch[i]->payload.size;
		n_fds += batch[i]->payload.n_fds;
	}
	*is_full_out = true;
	while (n < BATCH_MESSAGES && n_bytes < BATCH_BYTES && n_fds < BATCH_FDS) {
		batch[n] = is_last ? NULL : client_next(client, &is_last);
		if (!batch[n]) {
			*is_full_out = false;
			break;
		}
		n_bytes += batch[n]->payload.size;
		n_fds += batch[n++]->payload.n_fds;
	}
	return n;
}

/* Who is sent long messages gets a larger socket: fewer turns for as many bytes.  More of them that
 * were copied than this would only push each other out of the CPU's cache. */
static void client_make_room(struct client *client)
{
	const struct message *first = client->out.unsent->messages[0];
	int size = first->tail ? MOVED_ROOM_BYTES : ROOM_BYTES;

	if (first->tail ? client->is_roomier : client->is_roomy || first->payload.size < LONG_BYTES)
		return;
	client->is_roomy = true;
	client->is_roomier = first->tail;
	/* as large as the system allows */
	setsockopt(client->source.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

/* @outcome: of a write; true: there may be more to write at once */
static bool client_wrote(struct client *client, int outcome, bool is_full)
{
	switch (outcome) {
	case OUTBOUND_FULL:
		client->is_blocked = true;
		client_make_room(client);
		return false;
	case OUTBOUND_FDS:
		/* they land when their receivers read; nothing tells when */
		daemon_retry_later(client->daemon, client);
		return false;
	case OUTBOUND_BROKEN:
		/* the read side tells when it is time to close */
		client->is_write_broken = true;
		return true;
	default:
		return is_full;
	}
}

/* true: there may be more to write at once */
static bool client_write_batch(struct client *client, struct message *first)
{
	struct message *batch[BATCH_MESSAGES];
	bool is_full;
	size_t n_sent;
	uint32_t n;
	int r;

	n = client_fill_batch(client, first, batch, &n_sent, &is_full);
	if (client->state == CLIENT_CLOSED || client->is_write_broken) {
		for (uint32_t i = 0; i < n; i++)
			message_unref(batch[i]);
		return n;
	}
	if (!n)
		return false;
	r = outbound_write(&client->out, client->source.fd, batch, n, n_sent,
			   &client->daemon->reserve);
	return client_wrote(client, r, is_full);
}

/* Most of the time there is one message and no more: it has no batch to be put into.  True: there
 * may be more to write at once. */
static bool client_write(struct client *client)
{
	struct message *first;
	bool is_last;
	int r;

	if (reserve_fill(&client->daemon->reserve, BATCH_MESSAGES) < 0) {
		daemon_retry_later(client->daemon, client);
		return false;
	}
	if (client->out.n_unsent)
		return client_write_batch(client, NULL);
	first = client_next(client, &is_last);
	if (!first)
		return false;
	if (!is_last || first->payload.n_fds || first->tail || client->state == CLIENT_CLOSED ||
	    client->is_write_broken)
		return client_write_batch(client, first);
	r = outbound_write_lone(&client->out, client->source.fd, first, &client->daemon->reserve);
	return r && client_wrote(client, r, false);
}

void client_flush(struct client *client)
{
	bool has_more;

	if (client->is_elsewhere) {
		desk_flush(client);
		return;
	}
	if (client->in.kept && !client->is_read_paused)
		client_read_messages(client, client->in.kept);
	has_more = !client->is_blocked;
	for (int i = 0; i < FLUSH_BATCHES && has_more && client->state != CLIENT_CLOSED; i++)
		has_more = client_write(client);
	if (client->is_admitted && client->state != CLIENT_CLOSED)
		errand_become_monitor(client);
	if (client->state == CLIENT_CLOSED)
		return;
	if (has_more)
		client_set_ready(client);
	/* of who only listens there is nothing to look at */
	if (client->is_read_paused || client->is_held || client->in.kept || client->out.n_answers)
		client_check_answers(client);
	client_update_events(client);
}
