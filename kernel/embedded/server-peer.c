/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Peers of the server: one connected socket each
 *
 *	connected --OPEN--> open --close of its socket, or a breach--> closed
 *
 * A request is read, run and answered before the next one is looked at.  An answer
 * that the socket has no room for is kept, and nothing is read until it is gone:
 * one who does not read costs that much memory, and no time.  What breaks the
 * protocol ends that peer.
 *
 * The core sees the peer as a process (struct embedded_process) whose memory is what
 * the request brought along.  Payload in a file, or in the stage, is copied with pread() while the
 * message is taken in, before anybody looks at it: that it shrinks is a short
 * read, and that it changes later is of no interest.  No mapping of a file of a
 * peer exists.  A peer's pool is sealed, the descriptor that it gets can be read only.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/core/call.h"
#include "kernel/core/pool.h"
#include "kernel/embedded/namespace.h"
#include "kernel/embedded/server-inner.h"

/* requests of one peer in one turn */
#define N_REQUESTS 16

static struct server_peer *peer_of(struct embedded_process *process)
{
	return container_of(process, struct server_peer, process);
}

/* what the core asks of the process */

static int peer_read(struct embedded_process *process, void *dst, u64 address, size_t size)
{
	struct server_peer *peer = peer_of(process);
	struct remote_range range;
	size_t done = 0;
	ssize_t n;
	int fd;

	if (remote_call_find(&peer->call, address, size, &peer->cursor, &range) < 0)
		return -EFAULT;
	if (range.place == REMOTE_IN_PACKET) {
		memcpy(dst, range.bytes, size);
		return 0;
	}
	fd = range.place == REMOTE_IN_STAGE ? peer->stage_fd : peer->fds[peer->n_fds - 1];
	while (done < size) {
		n = pread(fd, (u8 *)dst + done, size - done, range.offset + done);
		if (n <= 0)
			return -EFAULT;
		done += n;
	}
	return 0;
}

/* @size bytes more in the answer, padded; or NULL */
static void *answer_extend(struct server_peer *peer, size_t size)
{
	u8 *end = (u8 *)peer->server->answer + peer->answer_size;
	size_t padded = KDBUS_ALIGN8(size);

	if (size > REMOTE_PACKET_MAX || padded > REMOTE_PACKET_MAX - peer->answer_size)
		return NULL;
	memset(end + size, 0, padded - size);
	peer->answer_size += padded;
	return end;
}

static int peer_write(struct embedded_process *process, u64 address, const void *src, size_t size)
{
	struct server_peer *peer = peer_of(process);
	struct remote_write *write;

	if (peer->is_discarding)
		return 0;
	write = answer_extend(peer, sizeof(*write) + size);
	if (!write)
		return -EFAULT;
	write->address = address;
	write->size = size;
	memcpy(write + 1, src, size);
	peer->n_writes++;
	return 0;
}

static int peer_get_fd(struct embedded_process *process, int number)
{
	struct server_peer *peer = peer_of(process);

	for (u32 i = 0; i < peer->call.head.n_numbers; i++)
		if (peer->call.numbers[i] == number)
			return peer->fds[i];
	return -EBADF;
}

static int peer_give_fd(struct embedded_process *process, int fd)
{
	struct server_peer *peer = peer_of(process);

	if (peer->is_discarding || peer->n_slots >= REMOTE_FDS_MAX)
		return -EMFILE;
	if (!peer->slots) {
		peer->slots = kmalloc_array(REMOTE_FDS_MAX, sizeof(*peer->slots), GFP_KERNEL);
		peer->given = kmalloc_array(REMOTE_FDS_MAX, sizeof(*peer->given), GFP_KERNEL);
		if (!peer->slots || !peer->given)
			return -ENOMEM;
	}
	if (fd >= 0)
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (fd >= 0)
		peer->given[peer->n_given] = fd;
	peer->slots[peer->n_slots++] = fd < 0 ? -1 : (s32)peer->n_given++;
	return fd < 0 ? -EMFILE : 0;
}

static void peer_send_wake(struct server_peer *peer)
{
	const struct remote_answer wake = {.kind = REMOTE_WAKE};

	if (server_peer_has_stream(peer)) {
		server_stream_note(peer);
		return;
	}
	if (peer->is_woken || peer->source.fd < 0)
		return;
	/* behind an answer that waits it will be due anyway */
	if (!peer->unsent &&
	    send(peer->source.fd, &wake, sizeof(wake), MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(wake))
		peer->is_woken = true;
}

static void peer_wake(struct embedded_process *process)
{
	peer_send_wake(peer_of(process));
}

static const struct embedded_process_ops peer_process_ops = {
	.read = peer_read,
	.write = peer_write,
	.get_fd = peer_get_fd,
	.give_fd = peer_give_fd,
	.max_payload = REMOTE_BYTES_MAX,
	.wake = peer_wake,
};

/* descriptors */

static void close_all(int *fds, u32 *n_fds)
{
	while (*n_fds > 0)
		close(fds[--*n_fds]);
}

static void peer_drop_given(struct server_peer *peer)
{
	close_all(peer->given, &peer->n_given);
	kfree(peer->given);
	kfree(peer->slots);
	peer->given = NULL;
	peer->slots = NULL;
	peer->n_slots = 0;
}

/* answers */

/* the pool goes first; 0, or the errno of sendmsg() */
static int packet_send(struct server_peer *peer, const void *bytes, size_t size, int pool_fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE((1 + REMOTE_FDS_MAX) * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = (void *)bytes, .iov_len = size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	u32 n_fds = peer->n_given + (pool_fd >= 0);
	int *fds;

	if (n_fds > 0) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		memset(&control, 0, msg.msg_controllen);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		fds = (int *)CMSG_DATA(&control.header);
		if (pool_fd >= 0)
			*fds++ = pool_fd;
		if (peer->n_given > 0)
			memcpy(fds, peer->given, peer->n_given * sizeof(*fds));
	}
	if (sendmsg(peer->source.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

static int answer_pool_fd(const struct server_peer *peer, const struct remote_answer *answer)
{
	if (!answer->has_pool)
		return -1;
	return embedded_pool_fd(embedded_handle_conn(peer->handle)->pool->memory);
}

/* without descriptors, when there are too many in flight already */
static void answer_strip(struct server_peer *peer, struct remote_answer *answer, size_t size)
{
	s32 *slots = (s32 *)((u8 *)answer + size - KDBUS_ALIGN8(answer->n_slots * sizeof(*slots)));

	for (u32 i = 0; i < answer->n_slots; i++)
		slots[i] = -1;
	close_all(peer->given, &peer->n_given);
	if (answer->has_pool)
		answer->result = -ETOOMANYREFS;
	answer->has_pool = 0;
}

static bool peer_is_readable(const struct server_peer *peer)
{
	if (peer->generation && peer->generation != peer->server->generation)
		return true;
	return peer->handle && embedded_handle_conn(peer->handle) &&
	       kdbus_embedded_poll(peer->handle) != (POLLOUT | POLLWRNORM);
}

/* keeps what the socket had no room for: nothing is read until it is gone */
static void peer_keep(struct server_peer *peer, const void *packet, size_t size)
{
	int r;

	if (!peer->unsent) {
		peer->unsent = kmemdup(packet, size, GFP_KERNEL);
		peer->unsent_size = size;
	}
	r = peer->unsent ? server_watch(peer->server, &peer->source, EPOLLOUT) : -ENOMEM;
	if (r < 0)
		server_peer_close(peer);
}

/* it is gone */
static void peer_forget_unsent(struct server_peer *peer)
{
	kfree(peer->unsent);
	peer->unsent = NULL;
	peer_drop_given(peer);
	if (server_watch(peer->server, &peer->source, EPOLLIN) < 0)
		server_peer_close(peer);
}

static bool must_wait(int r)
{
	return r == -EAGAIN || r == -ENOBUFS || r == -ENOMEM || r == -EINTR;
}

/* who has got an answer that says so waits for the packet behind it; false: there will be none */
static bool peer_keep_promise(struct server_peer *peer, bool is_readable)
{
	/* who has got the answer has dropped what was in front of it */
	peer->is_woken = false;
	if (!is_readable)
		return true;
	if (server_peer_has_stream(peer)) {
		server_stream_promise(peer);
		return true;
	}
	peer_send_wake(peer);
	return peer->is_woken;
}

/* an answer, new or kept */
static void peer_flush(struct server_peer *peer, struct remote_answer *answer, size_t size)
{
	bool is_readable = peer_is_readable(peer);
	int r;

	answer->is_readable = is_readable;
	r = packet_send(peer, answer, size, answer_pool_fd(peer, answer));
	if (r == -ETOOMANYREFS) {
		answer_strip(peer, answer, size);
		r = packet_send(peer, answer, size, -1);
	}
	if (must_wait(r)) {
		peer_keep(peer, answer, size);
		return;
	}
	peer_forget_unsent(peer);
	if (r < 0 || !peer_keep_promise(peer, is_readable))
		server_peer_close(peer);
}

void server_peer_transmit(struct server_peer *peer, const void *packet, size_t size)
{
	int r;

	r = packet_send(peer, packet, size, -1);
	if (must_wait(r)) {
		peer_keep(peer, packet, size);
		return;
	}
	if (peer->unsent) {
		peer_forget_unsent(peer);
		server_stream_note(peer);
	}
	if (r < 0)
		server_peer_close(peer);
}

static void peer_send_unsent(struct server_peer *peer)
{
	struct remote_answer *answer = peer->unsent;

	if (answer->kind == REMOTE_ANSWER)
		peer_flush(peer, answer, peer->unsent_size);
	else
		server_peer_transmit(peer, peer->unsent, peer->unsent_size);
}

static void peer_answer(struct server_peer *peer, int result)
{
	struct remote_answer *answer = (void *)peer->server->answer;
	struct kdbus_conn *conn = peer->handle ? embedded_handle_conn(peer->handle) : NULL;
	s32 *slots;

	/* bytes for it are there: a message has so many slots only if its writes are few */
	slots = answer_extend(peer, peer->n_slots * sizeof(*slots));
	if (peer->n_slots > 0 && slots)
		memcpy(slots, peer->slots, peer->n_slots * sizeof(*slots));
	answer->kind = REMOTE_ANSWER;
	answer->result = result;
	answer->n_writes = peer->n_writes;
	answer->n_slots = peer->n_slots;
	if (conn) {
		answer->position = conn->queue.last_position;
		answer->pool_size = conn->pool_size;
	}
	peer_flush(peer, answer, peer->answer_size);
}

/* requests */

/* the offset of the message that a command has received, from the struct that it wrote back */
static u64 received_offset(const struct server_peer *peer, unsigned long nr)
{
	const struct remote_answer *answer = (void *)peer->server->answer;
	const struct remote_write *write = (const void *)(answer + 1);
	const void *cmd = write + 1;

	if (nr == KDBUS_CMD_RECV)
		return ((const struct kdbus_cmd_recv *)cmd)->msg.offset;
	return ((const struct kdbus_cmd_send *)cmd)->reply.offset;
}

/* what a command has made needs a node, or is unmade */
static int peer_make_node(struct server_peer *peer, unsigned long nr)
{
	struct kdbus_server *server = peer->server;
	struct kdbus_endpoint *ep;
	struct kdbus_bus *bus;
	int r = 0;

	if (nr == KDBUS_CMD_BUS_MAKE) {
		bus = kdbus_embedded_bus(peer->handle);
		if (!bus)
			return 0;
		r = server_node_open(server, peer, bus->name, bus->default_ep->name, bus->flags,
				     &peer->cred);
	} else {
		ep = embedded_handle_endpoint(peer->handle);
		if (!ep)
			return 0;
		r = server_node_open(server, peer, ep->bus->name, ep->name, ep->flags, &peer->cred);
	}
	if (r >= 0)
		return 0;
	peer->handle = kdbus_embedded_close(peer->handle);
	if (embedded_open_for(server->embedded, peer->path, &peer->cred, &peer->process,
			      &peer->handle) < 0)
		server_peer_close(peer);
	return r;
}

/* a descriptor that no slot of a message is for */
static int peer_give_plain_fd(struct server_peer *peer, int fd)
{
	int r = peer_give_fd(&peer->process, fd);

	peer->n_slots = 0;
	return r;
}

/* the numbers of what @nr has received are still to come */
static void peer_await_installed(struct server_peer *peer, unsigned long nr)
{
	if (peer->n_slots == 0)
		return;
	peer->install_offset = received_offset(peer, nr);
	peer->n_install = peer->n_slots;
}

static int peer_send(struct server_peer *peer)
{
	struct remote_answer *answer = (void *)peer->server->answer;
	int r, fd;

	r = server_call_send(peer, &fd, &answer->call);
	if (r != KDBUS_CALL_WAITS)
		return r;
	/* who gets none does not wait: it is gone already */
	peer_give_plain_fd(peer, fd);
	close(fd);
	return 0;
}

static int peer_collect(struct server_peer *peer)
{
	int r;

	peer->n_install = 0;
	r = server_call_collect(peer, peer->call.head.nr);
	if (r >= 0)
		peer_await_installed(peer, KDBUS_CMD_SEND);
	return r;
}

static int peer_command(struct server_peer *peer)
{
	struct remote_answer *answer = (void *)peer->server->answer;
	unsigned long nr = peer->call.head.nr;
	int r;

	/* who asks for something else will not say any more */
	peer->n_install = 0;
	if (nr == KDBUS_CMD_SEND)
		return peer_send(peer);
	if (nr == KDBUS_CMD_RECV)
		server_stream_asked(peer);
	r = embedded_command_at(peer->handle, nr, peer->call.head.address);
	if (r < 0)
		return r;
	if (nr == KDBUS_CMD_BUS_MAKE || nr == KDBUS_CMD_ENDPOINT_MAKE)
		return peer_make_node(peer, nr);
	if (nr == KDBUS_CMD_RECV)
		server_stream_received(peer);
	if (nr == KDBUS_CMD_HELLO && embedded_handle_conn(peer->handle)) {
		server_stream_hello(peer, embedded_handle_conn(peer->handle));
		answer->has_pool = 1;
	}
	peer_await_installed(peer, nr);
	return r;
}

/* the numbers go to where the core has left -1: memory files first, then the list */
static int peer_installed(struct server_peer *peer)
{
	struct kdbus_conn *conn = embedded_handle_conn(peer->handle);
	const s32 *numbers = peer->call.numbers;
	u32 n = peer->call.head.n_numbers, at = 0;
	const struct kdbus_item *item;
	const struct kdbus_msg *msg;
	const u8 *pool;

	if (!conn || n == 0 || n != peer->n_install)
		return -EBADMSG;
	peer->n_install = 0;
	pool = embedded_pool_data(conn->pool->memory);
	msg = (const void *)(pool + peer->install_offset);
	for (unsigned int type = KDBUS_ITEM_PAYLOAD_MEMFD; type <= KDBUS_ITEM_FDS; type++) {
		kdbus_items_for_each(item, msg->items, (const u8 *)msg + msg->size) {
			const void *where = item->fds;
			size_t n_here = 1;

			if (item->type != type)
				continue;
			if (type == KDBUS_ITEM_PAYLOAD_MEMFD)
				where = &item->memfd.fd;
			else
				n_here = kdbus_item_payload_size(item) / sizeof(s32);
			if (n_here > n - at)
				return -EBADMSG;
			embedded_pool_write(conn->pool->memory, (const u8 *)where - pool,
					    numbers + at, n_here * sizeof(s32));
			at += n_here;
		}
	}
	return 0;
}

static int peer_open(struct server_peer *peer)
{
	if (peer->handle)
		return -EBADMSG;
	return embedded_open_for(peer->server->embedded, peer->path, &peer->cred, &peer->process,
				 &peer->handle);
}

static int peer_pool(struct server_peer *peer)
{
	struct remote_answer *answer = (void *)peer->server->answer;

	if (!embedded_handle_conn(peer->handle))
		return -EBADFD;
	answer->has_pool = 1;
	return 0;
}

bool server_peer_is_trusted(const struct server_peer *peer)
{
	const struct server_node *node;

	if (peer->creds.uid != 0 && peer->creds.uid != geteuid())
		return false;
	list_for_each_entry(node, &peer->server->nodes, link)
		if (!node->owner && node->bus &&
		    strncmp(peer->path, node->bus, strlen(node->bus)) == 0 &&
		    strcmp(peer->path + strlen(node->bus), "/bus") == 0)
			return true;
	return false;
}

static int peer_published(struct server_peer *peer)
{
	struct remote_answer *answer = (void *)peer->server->answer;
	int r;

	if (!server_peer_is_trusted(peer))
		return -EPERM;
	if (peer->server->published_fd < 0)
		return -ENODATA;
	r = peer_give_plain_fd(peer, peer->server->published_fd);
	if (r < 0)
		return r;
	answer->generation = peer->server->generation;
	peer->generation = peer->server->generation;
	return 0;
}

/* the file must be one that does not make us wait */
static bool file_is_good(const struct server_peer *peer)
{
	return !peer->call.head.has_file || fcntl(peer->fds[peer->n_fds - 1], F_GET_SEALS) >= 0;
}

/* what is about a stream that it has not got is a breach */
static bool stream_is_meant(const struct server_peer *peer)
{
	const struct remote_request *head = &peer->call.head;

	return head->n_freed > 0 || head->op == REMOTE_SEND || head->op == REMOTE_FREE ||
	       head->op == REMOTE_CONFIRM || head->op == REMOTE_STAGE;
}

static bool request_is_good(const struct server_peer *peer)
{
	if (!file_is_good(peer) || peer->call.head.op == REMOTE_CLOSE)
		return false;
	if (peer->call.has_staged && peer->stage_fd < 0)
		return false;
	if (!peer->handle)
		return peer->call.head.op == REMOTE_OPEN && !peer->call.head.n_freed;
	return !stream_is_meant(peer) ||
	       (server_peer_has_stream(peer) && embedded_handle_conn(peer->handle));
}

static void peer_run(struct server_peer *peer, size_t size)
{
	struct remote_answer *answer = (void *)peer->server->answer;
	int r;

	if (remote_call_parse(peer->server->packet, size, peer->n_fds, &peer->call) < 0 ||
	    !request_is_good(peer)) {
		server_peer_close(peer);
		return;
	}
	if (stream_is_meant(peer))
		server_stream_free(peer);
	memset(answer, 0, sizeof(*answer));
	peer->answer_size = sizeof(*answer);
	peer->n_writes = 0;
	peer->cursor = (struct remote_cursor){0};
	switch (peer->call.head.op) {
	case REMOTE_SEND:
	case REMOTE_FREE:
	case REMOTE_CONFIRM:
		server_stream_run(peer);
		return;
	case REMOTE_STREAM:
		r = server_stream_open(peer);
		break;
	case REMOTE_STAGE:
		r = server_stream_stage(peer);
		break;
	case REMOTE_OPEN:
		r = peer_open(peer);
		break;
	case REMOTE_COMMAND:
		r = peer_command(peer);
		break;
	case REMOTE_INSTALLED:
		r = peer_installed(peer);
		break;
	case REMOTE_POLL:
		r = kdbus_embedded_poll(peer->handle);
		break;
	case REMOTE_COLLECT:
		r = peer_collect(peer);
		break;
	case REMOTE_PUBLISHED:
		r = peer_published(peer);
		break;
	default:
		r = peer_pool(peer);
		break;
	}
	if (peer->source.fd >= 0)
		peer_answer(peer, r);
}

/* the descriptors that came along, into peer->fds; false: not all of them did */
static bool peer_take_fds(struct server_peer *peer, struct msghdr *msg, int *fds)
{
	struct cmsghdr *control;
	u32 n;

	peer->fds = fds;
	peer->n_fds = 0;
	for (control = CMSG_FIRSTHDR(msg); control; control = CMSG_NXTHDR(msg, control)) {
		if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
			continue;
		n = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds + peer->n_fds, CMSG_DATA(control), n * sizeof(int));
		peer->n_fds += n;
	}
	return !(msg->msg_flags & MSG_CTRUNC);
}

/* one request; false: there is none, or there must not be one more now */
static bool peer_serve(struct server_peer *peer)
{
	struct kdbus_server *server = peer->server;
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE((1 + REMOTE_FDS_MAX) * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = server->packet, .iov_len = sizeof(server->packet)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int fds[1 + REMOTE_FDS_MAX];
	ssize_t size;
	bool is_whole;

	size = recvmsg(peer->source.fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	/* an empty packet may have brought descriptors, too */
	is_whole = size >= 0 && peer_take_fds(peer, &msg, fds) && size > 0 &&
		   !(msg.msg_flags & MSG_TRUNC);
	if (is_whole)
		peer_run(peer, size);
	else
		server_peer_close(peer);
	close_all(fds, &peer->n_fds);
	peer->fds = NULL;
	return is_whole && peer->source.fd >= 0 && !peer->unsent;
}

static void peer_ready(struct kdbus_server *server, struct server_source *source, uint32_t events)
{
	struct server_peer *peer = container_of(source, struct server_peer, source);
	bool goes_on;

	if (peer->unsent) {
		if (events & (EPOLLHUP | EPOLLERR))
			server_peer_close(peer);
		else
			peer_send_unsent(peer);
		return;
	}
	/* who goes on talking is listened to; else there is one request, and no need to be told so
	 */
	goes_on = peer->last_batch + 1 == server->n_batches;
	peer->last_batch = server->n_batches;
	for (int i = 0; i < N_REQUESTS && peer_serve(peer) && goes_on; i++)
		continue;
}

/* life */

void server_peer_free(struct server_peer *peer)
{
	embedded_namespaces_put(peer->process.opener);
	embedded_share_put(peer->process.share);
	creds_deinit(&peer->creds);
	kfree(peer->unsent);
	kfree(peer->path);
	kfree(peer);
}

void server_peer_init(struct server_peer *peer, struct kdbus_server *server, int fd)
{
	peer->creds = (struct creds)CREDS_NULL;
	peer->server = server;
	INIT_LIST_HEAD(&peer->calls);
	INIT_LIST_HEAD(&peer->stream_link);
	peer->source = (struct server_source){.fd = fd, .ready = peer_ready};
	peer->stage_fd = -1;
	peer->process.ops = &peer_process_ops;
	peer->process.max_fds = server->max_fds;
}

void server_peer_close(struct server_peer *peer)
{
	struct kdbus_server *server = peer->server;

	if (peer->source.fd < 0)
		return;
	/* nobody shall find the nodes of what is about to go, nor see the socket closed before it
	 * has gone */
	server_node_close_owned(server, peer);
	server_call_end_all(peer);
	peer->handle = kdbus_embedded_close(peer->handle);
	server_unwatch(server, &peer->source);
	peer_drop_given(peer);
	server_stream_drop_stage(peer);
	list_del_init(&peer->stream_link);
	list_move_tail(&peer->link, &server->closed_peers);
	server->n_peers--;
}

void server_peer_news(struct server_peer *peer)
{
	if (peer->generation)
		peer_send_wake(peer);
}

void server_peer_free_closed(struct kdbus_server *server)
{
	struct server_peer *peer, *tmp;

	list_for_each_entry_safe(peer, tmp, &server->closed_peers, link)
		server_peer_free(peer);
	INIT_LIST_HEAD(&server->closed_peers);
}
