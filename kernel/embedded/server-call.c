/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Synchronous calls of peers of the server
 *
 * The server has others to serve, so the answer to a SEND that has to wait is that it
 * waits, and the end of a pipe.  Its other end is closed when there is something to
 * collect, which is then done by one more request:
 *
 *	waits --woken, CANCEL_FD--> over --COLLECT--> result of SEND
 *	  | \--COLLECT-----------------------------> the same, or EINTR
 *	  \--reader of the pipe gone---------------> nobody will come
 *
 * So the caller can wait as its own signals want it, whoever else uses the socket goes
 * on, and a caller that dies is noticed although others have copies of the socket.  An
 * interrupted call stays with the core, for one who comes back with the same cookie
 * (reference 4.6).  Deadlines are the core's.
 *
 * A call costs descriptors of this process, of which each user can have a part.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

#include "kernel/core/call.h"
#include "kernel/embedded/server-inner.h"

/* of all calls there may be, those of one user */
#define USER_SHARE 4

/**
 * struct server_call - a synchronous SEND under way
 * @pipe: its writing end; without a descriptor when the call is over
 * @cancel: CANCEL_FD, borrowed from @call
 * @link: in server_peer.calls, then in kdbus_server.closed_calls
 * @waiter: what the core knows of it
 * @peer: whose
 * @call: the core's
 * @id: how the peer names it
 * @error: what to say to embedded_end()
 */
struct server_call {
	struct server_source pipe;
	struct server_source cancel;
	struct list_head link;
	struct embedded_waiter waiter;
	struct server_peer *peer;
	struct kdbus_call *call;
	uint64_t id;
	int error;
};

static void call_wake(struct embedded_waiter *waiter)
{
	struct server_call *call = container_of(waiter, struct server_call, waiter);

	server_unwatch(call->peer->server, &call->pipe);
}

/* the descriptor is not ours to close */
static void call_unwatch_cancel(struct server_call *call)
{
	if (call->cancel.fd < 0)
		return;
	server_watch(call->peer->server, &call->cancel, 0);
	call->cancel.fd = -1;
}

/* what came of it; the call is freed when the batch is done */
static int call_end(struct server_call *call, int error)
{
	struct server_peer *peer = call->peer;
	struct kdbus_server *server = peer->server;

	call_unwatch_cancel(call);
	server_unwatch(server, &call->pipe);
	list_move_tail(&call->link, &server->closed_calls);
	peer->n_calls--;
	server->n_calls--;
	return call->call ? embedded_end(peer->handle, call->call, error) : 0;
}

/* nobody wants to know */
static void call_abandon(struct server_call *call, int error)
{
	struct server_peer *peer = call->peer;

	peer->is_discarding = true;
	call_end(call, error);
	peer->is_discarding = false;
}

static void pipe_ready(struct kdbus_server *server, struct server_source *source, uint32_t events)
{
	call_abandon(container_of(source, struct server_call, pipe), -EINTR);
}

static void cancel_ready(struct kdbus_server *server, struct server_source *source, uint32_t events)
{
	struct server_call *call = container_of(source, struct server_call, cancel);

	call_unwatch_cancel(call);
	/* else it will say nothing any more */
	if (events & EPOLLIN) {
		call->error = -ECANCELED;
		server_unwatch(server, &call->pipe);
	}
}

bool server_call_is_synchronous(struct server_peer *peer)
{
	u64 flags;

	return !peer->process.ops->read(&peer->process, &flags,
					peer->call.head.address +
						offsetof(struct kdbus_cmd_send, flags),
					sizeof(flags)) &&
	       flags & KDBUS_SEND_SYNC_REPLY;
}

static bool has_too_many(const struct server_peer *peer)
{
	const struct kdbus_server *server = peer->server;
	const struct server_peer *other;
	u64 n = 0;

	if (server->n_calls >= server->max_calls)
		return true;
	if (peer->creds.uid == 0 || peer->creds.uid == geteuid())
		return false;
	list_for_each_entry(other, &server->peers, link)
		if (other->creds.uid == peer->creds.uid)
			n += other->n_calls;
	return n >= server->max_calls / USER_SHARE;
}

/* @fd_out: what the peer waits for */
static int call_new(struct server_peer *peer, struct server_call **call_out, int *fd_out)
{
	struct kdbus_server *server = peer->server;
	struct server_call *call;
	int fds[2], r;

	if (has_too_many(peer))
		return -EMFILE;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	call = kzalloc(sizeof(*call), GFP_KERNEL_ACCOUNT);
	if (!call) {
		r = -ENOMEM;
		goto exit_pipe;
	}
	call->peer = peer;
	call->waiter.wake = call_wake;
	call->pipe = (struct server_source){.fd = fds[1], .ready = pipe_ready};
	call->cancel = (struct server_source){.fd = -1, .ready = cancel_ready};
	/* that nobody reads it any more is always told */
	r = server_watch(server, &call->pipe, EPOLLERR);
	if (r < 0)
		goto exit_call;
	call->id = ++server->last_call_id;
	list_add_tail(&call->link, &peer->calls);
	peer->n_calls++;
	server->n_calls++;
	*call_out = call;
	*fd_out = fds[0];
	return 0;

exit_call:
	kfree(call);
exit_pipe:
	close(fds[0]);
	close(fds[1]);
	return r;
}

static int call_watch_cancel(struct server_call *call)
{
	int r;

	call->cancel.fd = embedded_call_cancel_fd(call->call);
	if (call->cancel.fd < 0)
		return 0;
	r = server_watch(call->peer->server, &call->cancel, EPOLLIN);
	if (r < 0)
		call->cancel.fd = -1;
	return r;
}

int server_call_send(struct server_peer *peer, int *fd_out, uint64_t *id_out)
{
	u64 address = peer->call.head.address;
	struct server_call *call = NULL;
	int r, fd = -1;

	if (!server_call_is_synchronous(peer))
		return embedded_command_at(peer->handle, KDBUS_CMD_SEND, address);
	r = call_new(peer, &call, &fd);
	if (r < 0)
		return r;
	r = embedded_start_at(peer->handle, KDBUS_CMD_SEND, address, &call->waiter, &call->call);
	if (r != KDBUS_CALL_WAITS) {
		call->call = NULL;
		call_end(call, 0);
		close(fd);
		return r;
	}
	r = call_watch_cancel(call);
	if (r < 0) {
		call_abandon(call, -ECANCELED);
		close(fd);
		return r;
	}
	*fd_out = fd;
	*id_out = call->id;
	return KDBUS_CALL_WAITS;
}

int server_call_collect(struct server_peer *peer, uint64_t id)
{
	struct server_call *call;

	list_for_each_entry(call, &peer->calls, link)
		if (call->id == id)
			return call_end(call, call->pipe.fd < 0 ? call->error : -EINTR);
	return -ENOENT;
}

void server_call_end_all(struct server_peer *peer)
{
	while (!list_empty(&peer->calls))
		call_abandon(list_first_entry(&peer->calls, struct server_call, link), -ECANCELED);
}

void server_call_free_closed(struct kdbus_server *server)
{
	struct server_call *call, *tmp;

	list_for_each_entry_safe(call, tmp, &server->closed_calls, link)
		kfree(call);
	INIT_LIST_HEAD(&server->closed_calls);
}
