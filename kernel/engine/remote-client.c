/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A node that another process serves: see remote-client.h
 *
 * A command is sent by remote-command.c; what the answer says is written back here, to nothing
 * but what was sent.
 *
 * For a synchronous SEND there are two answers.  Between them the caller reads from a pipe,
 * which only ends: so that system call is interrupted or restarted as the ioctl() would be.
 */
#include "kernel/engine/remote-client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "kernel/engine/remote-inner.h"
#include "kernel/engine/remote-stage.h"
#include "kernel/engine/remote-stream.h"
#include "kernel/include/uapi/linux/kdbus.h"

/* packets */

union fds_control {
	struct cmsghdr header;
	char space[CMSG_SPACE((1 + REMOTE_FDS_MAX) * sizeof(int))];
};

/* room in the socket; what a stream says meanwhile is taken note of, as the server does not read
 * while it has something to say */
static int wait_for_room(struct remote_client *client)
{
	struct pollfd pollfd = {.fd = client->fd, .events = POLLOUT};
	/* the client's buffer has what is to be sent */
	uint64_t packet[REMOTE_PUSHED_MAX / sizeof(uint64_t)];
	ssize_t n;

	if (client->stream)
		pollfd.events |= POLLIN;
	if (poll(&pollfd, 1, -1) < 0 || !(pollfd.revents & POLLIN))
		return 0;
	n = recv(client->fd, packet, sizeof(packet), MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -ECONNRESET;
	return n ? remote_stream_take_note(client->stream, packet, n) : -ECONNRESET;
}

/* what could go along with the request has */
static int packet_sent(struct remote_client *client)
{
	const struct remote_request *head = (const void *)client->buffer;

	if (head->n_freed) {
		client->stream->n_freed = 0;
		client->stream->freed_size = 0;
	}
	return 0;
}

int remote_packet_send(struct remote_client *client, size_t size, const int *fds, size_t n_fds)
{
	union fds_control control;
	struct iovec iov = {.iov_base = client->buffer, .iov_len = size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	int r, flags = MSG_NOSIGNAL | (client->stream ? MSG_DONTWAIT : 0);

	if (n_fds) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		memset(&control, 0, msg.msg_controllen);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
	}
	for (;;) {
		if (sendmsg(client->fd, &msg, flags) >= 0)
			return packet_sent(client);
		if (errno == EAGAIN) {
			r = wait_for_room(client);
			if (r < 0)
				return r;
		} else if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN) {
			return -ECONNRESET;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
}

static void close_fds(struct remote_packet *packet)
{
	while (packet->n_fds > 0)
		close(packet->fds[--packet->n_fds]);
}

static void packet_take_fds(struct remote_packet *packet, struct msghdr *msg)
{
	struct cmsghdr *control;

	for (control = CMSG_FIRSTHDR(msg); control; control = CMSG_NXTHDR(msg, control)) {
		uint32_t n = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(packet->fds + packet->n_fds, CMSG_DATA(control), n * sizeof(int));
		packet->n_fds += n;
	}
}

/* @size bytes of it are in the client's buffer */
static int packet_parse(struct remote_client *client, struct remote_packet *packet, size_t size)
{
	if (size < sizeof(packet->kind))
		return -EPROTO;
	memcpy(&packet->kind, client->buffer, sizeof(packet->kind));
	if (packet->kind == REMOTE_PUSHED)
		return client->stream
			       ? remote_stream_take_note(client->stream, client->buffer, size)
			       : -EPROTO;
	if (size < sizeof(packet->answer))
		return -EPROTO;
	memcpy(&packet->answer, client->buffer, sizeof(packet->answer));
	packet->at = (uint8_t *)client->buffer + sizeof(packet->answer);
	packet->end = (uint8_t *)client->buffer + size;
	return 0;
}

int remote_packet_receive(struct remote_client *client, int flags, struct remote_packet *packet)
{
	union fds_control control;
	struct iovec iov = {.iov_base = client->buffer, .iov_len = REMOTE_PACKET_MAX};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct pollfd pollfd = {.fd = client->fd, .events = POLLIN};
	ssize_t n;
	int r;

	do {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		n = recvmsg(client->fd, &msg, MSG_CMSG_CLOEXEC | flags);
		if (n < 0 && errno == EAGAIN && flags & MSG_DONTWAIT)
			return -EAGAIN;
		if (n < 0 && errno == EAGAIN)
			poll(&pollfd, 1, -1);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	if (n < 0)
		return -ECONNRESET;
	packet->n_fds = 0;
	packet_take_fds(packet, &msg);
	/* an empty packet looks like the end, and may have brought descriptors all the same */
	r = n ? packet_parse(client, packet, n) : -ECONNRESET;
	if (r < 0)
		close_fds(packet);
	return r;
}

static void keep_pool(struct remote_client *client, struct remote_packet *answer)
{
	if (!answer->answer.has_pool || !answer->n_fds)
		return;
	if (client->pool_fd >= 0)
		close(client->pool_fd);
	client->pool_fd = answer->fds[0];
	client->pool_size = answer->answer.pool_size;
	answer->n_fds--;
	memmove(answer->fds, answer->fds + 1, answer->n_fds * sizeof(int));
}

static int receive_answer(struct remote_client *client, struct remote_packet *answer)
{
	struct pollfd pollfd = {.fd = client->fd, .events = POLLIN};
	int r;

	for (;;) {
		r = remote_packet_receive(client, 0, answer);
		if (r < 0)
			return r;
		if (answer->kind == REMOTE_ANSWER)
			break;
		/* there should be none */
		close_fds(answer);
	}
	/* the server does one thing after the other */
	if (client->stream)
		remote_stream_answered(client->stream, answer->answer.is_readable);
	client->position = answer->answer.position;
	client->is_readable = answer->answer.is_readable;
	keep_pool(client, answer);
	if (answer->answer.is_readable && client->flags & REMOTE_CLIENT_EXACT)
		poll(&pollfd, 1, -1);
	return 0;
}

bool remote_client_is_empty(struct remote_client *client)
{
	struct remote_answer packet;
	ssize_t n;

	if (client->is_readable)
		return false;
	/* between answers there is nothing but what says that there is something */
	n = recv(client->fd, &packet, sizeof(packet), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	client->is_readable = true;
	return false;
}

int remote_client_exchange(struct remote_client *client, enum remote_op op, uint64_t nr, int fd,
			   struct remote_packet *answer)
{
	struct remote_request *head = (void *)client->buffer;
	int r;

	*head = (struct remote_request){
		.version = REMOTE_VERSION, .op = op, .nr = nr, .has_file = fd >= 0};
	r = remote_packet_send(client, sizeof(*head), &fd, fd >= 0);
	return r < 0 ? r : receive_answer(client, answer);
}

/* a request without anything, and its answer */
static int exchange(struct remote_client *client, enum remote_op op, uint64_t nr,
		    struct remote_packet *answer)
{
	return remote_client_exchange(client, op, nr, -1, answer);
}

/* answers of commands */

static bool answer_next_write(struct remote_packet *answer, struct remote_write *write,
			      const void **bytes_out)
{
	size_t left = answer->end - answer->at;

	if (left < sizeof(*write))
		return false;
	memcpy(write, answer->at, sizeof(*write));
	left -= sizeof(*write);
	if (write->size > left || remote_padded(write->size) > left)
		return false;
	*bytes_out = answer->at + sizeof(*write);
	answer->at += sizeof(*write) + remote_padded(write->size);
	return true;
}

/* only what was sent is written to */
static bool segments_have(const struct remote_segment *segments, uint32_t n,
			  const struct remote_write *write)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct remote_segment *segment = &segments[i];

		if (write->address >= segment->address && write->size <= segment->size &&
		    write->address - segment->address <= segment->size - write->size)
			return true;
	}
	return false;
}

static int apply_writes(struct remote_client *client, const struct remote_segment *segments,
			uint32_t n, struct remote_packet *answer)
{
	struct remote_write write;
	const void *bytes;
	int r = 0;

	for (uint32_t i = 0; i < answer->answer.n_writes; i++) {
		if (!answer_next_write(answer, &write, &bytes) ||
		    !segments_have(segments, n, &write))
			return -EPROTO;
		if (!remote_memory_write(client, write.address, bytes, write.size))
			r = -EFAULT;
	}
	return r;
}

/* Which numbers the descriptors got; those that no slot asks for are closed.  How many slots are
 * empty that need not be is returned.
 */
static uint32_t fill_slots(struct remote_packet *answer, int32_t *numbers)
{
	bool is_used[1 + REMOTE_FDS_MAX] = {};
	const uint8_t *slots = answer->at;
	uint32_t n_missing = 0;
	int32_t slot;

	for (uint32_t i = 0; i < answer->answer.n_slots; i++) {
		memcpy(&slot, slots + i * sizeof(slot), sizeof(slot));
		numbers[i] = -1;
		if (slot >= 0 && (uint32_t)slot < answer->n_fds && !is_used[slot]) {
			numbers[i] = answer->fds[slot];
			is_used[slot] = true;
		}
		n_missing += slot >= 0 && numbers[i] < 0;
	}
	for (uint32_t i = 0; i < answer->n_fds; i++) {
		if (is_used[i])
			continue;
		close(answer->fds[i]);
		answer->fds[i] = -1;
	}
	return n_missing;
}

static void set_incomplete(struct remote_client *client, unsigned long nr, uint64_t address)
{
	size_t offset = nr == KDBUS_CMD_RECV ? offsetof(struct kdbus_cmd_recv, msg.return_flags)
					     : offsetof(struct kdbus_cmd_send, reply.return_flags);
	uint64_t flags;

	if (!remote_memory_read(client, &flags, address + offset, sizeof(flags)))
		return;
	flags |= KDBUS_RECV_RETURN_INCOMPLETE_FDS;
	remote_memory_write(client, address + offset, &flags, sizeof(flags));
}

/* tells the server the numbers, so that the message in the pool has them */
static int install(struct remote_client *client, unsigned long nr, uint64_t address,
		   struct remote_packet *answer)
{
	struct remote_request *head = (void *)client->buffer;
	uint32_t n = answer->answer.n_slots;
	int32_t numbers[REMOTE_FDS_MAX];
	size_t size;
	int r;

	if (n > REMOTE_FDS_MAX || n * sizeof(int32_t) > (size_t)(answer->end - answer->at))
		return -EPROTO;
	if (fill_slots(answer, numbers) > 0)
		set_incomplete(client, nr, address);
	*head = (struct remote_request){
		.version = REMOTE_VERSION, .op = REMOTE_INSTALLED, .n_numbers = n};
	size = remote_put((uint8_t *)(head + 1), numbers, n * sizeof(int32_t)) - (uint8_t *)head;
	/* they are the caller's now, unless the caller does not hear of them */
	answer->n_fds = 0;
	r = remote_packet_send(client, size, NULL, 0);
	r = r < 0 ? r : receive_answer(client, answer) ?: answer->answer.result;
	for (uint32_t i = 0; r < 0 && i < n; i++)
		if (numbers[i] >= 0)
			close(numbers[i]);
	return r;
}

/* the answer to a command that is over: its result */
static int apply(struct remote_client *client, const struct remote_segment *segments, uint32_t n,
		 unsigned long nr, uint64_t address, struct remote_packet *answer)
{
	int result = answer->answer.result;
	int w;

	w = apply_writes(client, segments, n, answer);
	if (w != -EPROTO && answer->answer.n_slots > 0)
		w = install(client, nr, address, answer) ?: w;
	return result < 0 ? result : w;
}

static void call_init(struct remote_client_call *call, const struct remote_command *command,
		      unsigned long nr, uint64_t address, struct remote_packet *answer)
{
	*call = (struct remote_client_call){
		.fd = -1,
		.id = answer->answer.call,
		.nr = nr,
		.address = address,
		.size = command->n_segments > 0 ? command->segments[0].size : 0,
	};
	if (answer->n_fds > 0)
		call->fd = answer->fds[--answer->n_fds];
}

static int run(struct remote_command *command, unsigned long nr, uint64_t address,
	       struct remote_packet *answer, struct remote_client_call *call_out)
{
	struct remote_client *client = command->client;
	int r;

	r = remote_command_place(command, false);
	r = r < 0 ? r : remote_command_send(command, REMOTE_COMMAND, nr, address);
	r = r < 0 ? r : receive_answer(client, answer);
	if (r < 0)
		return r;
	if (client->stream && nr == KDBUS_CMD_RECV)
		remote_stream_asked(client->stream);
	if (answer->answer.call) {
		call_init(call_out, command, nr, address, answer);
		return REMOTE_CLIENT_WAITS;
	}
	/* nothing but the command and the message is written to */
	return apply(client, command->segments, command->n_segments < 2 ? command->n_segments : 2,
		     nr, address, answer);
}

int remote_client_start(struct remote_client *client, unsigned long nr, void *cmd,
			struct remote_client_call *call_out)
{
	struct remote_packet answer;
	int r;

	answer.n_fds = 0;
	remote_command_init(client->command, client, nr, cmd);
	r = run(client->command, nr, (uintptr_t)cmd, &answer, call_out);
	close_fds(&answer);
	remote_command_deinit(client->command);
	return r;
}

void remote_client_wait(const struct remote_client_call *call)
{
	char byte;

	/* it ends, or is interrupted: the server knows more than its result does */
	if (call->fd >= 0 && read(call->fd, &byte, sizeof(byte)) < 0)
		return;
}

int remote_client_end(struct remote_client *client, struct remote_client_call *call)
{
	struct remote_segment segment = {.address = call->address, .size = call->size};
	struct remote_packet answer;
	int r;

	r = exchange(client, REMOTE_COLLECT, call->id, &answer);
	if (r >= 0) {
		r = apply(client, &segment, 1, call->nr, call->address, &answer);
		close_fds(&answer);
	}
	if (call->fd >= 0)
		close(call->fd);
	else if (r < 0)
		/* there was no room for it */
		r = -EMFILE;
	return r;
}

int remote_client_command(struct remote_client *client, unsigned long nr, void *cmd)
{
	struct remote_client_call call;
	int r;

	r = remote_client_start(client, nr, cmd, &call);
	if (r != REMOTE_CLIENT_WAITS)
		return r;
	remote_client_wait(&call);
	return remote_client_end(client, &call);
}

/* life */

/* an address has room for less than a path may be */
static int connect_path(int fd, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int node, r = 0;

	if (strlen(path) < sizeof(address.sun_path)) {
		strcpy(address.sun_path, path);
		return connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	}
	node = open(path, O_PATH | O_CLOEXEC);
	if (node < 0)
		return -errno;
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", node);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		r = -errno;
	close(node);
	return r;
}

int remote_client_attach(struct remote_client *client, int fd, unsigned flags)
{
	*client = (struct remote_client){.fd = fd, .flags = flags, .pool_fd = -1};
	/* not on the stack, of which a thread of somebody's program may have little */
	client->buffer = malloc(REMOTE_PACKET_MAX + sizeof(struct remote_command));
	if (!client->buffer) {
		close(fd);
		return -ENOMEM;
	}
	client->command = (void *)((char *)client->buffer + REMOTE_PACKET_MAX);
	return 0;
}

int remote_client_open(struct remote_client *client, const char *path, unsigned flags)
{
	struct remote_client opened;
	struct remote_packet answer;
	int fd, r;

	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	r = connect_path(fd, path);
	if (r < 0) {
		close(fd);
		return r;
	}
	r = remote_client_attach(&opened, fd, flags);
	if (r < 0)
		return r;
	r = exchange(&opened, REMOTE_OPEN, 0, &answer);
	if (r >= 0) {
		close_fds(&answer);
		r = answer.answer.result;
	}
	if (r < 0) {
		remote_client_close(&opened);
		return r;
	}
	*client = opened;
	return 0;
}

void remote_client_close(struct remote_client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	if (client->pool_fd >= 0)
		close(client->pool_fd);
	free(client->buffer);
	if (client->stream)
		remote_stage_free(client->stream->stage);
	free(client->stream);
	*client = (struct remote_client){.fd = -1, .pool_fd = -1};
}

void remote_client_close_last(struct remote_client *client)
{
	struct remote_packet answer;

	if (client->fd >= 0 && exchange(client, REMOTE_CLOSE, 0, &answer) >= 0)
		close_fds(&answer);
	remote_client_close(client);
}

int remote_client_published(struct remote_client *client, int *fd_out, uint64_t *generation_out)
{
	struct remote_packet answer;
	int r;

	r = exchange(client, REMOTE_PUBLISHED, 0, &answer);
	if (r < 0)
		return r;
	if (answer.answer.result >= 0 && answer.n_fds == 1) {
		*fd_out = answer.fds[0];
		if (generation_out)
			*generation_out = answer.answer.generation;
		return 0;
	}
	close_fds(&answer);
	return answer.answer.result < 0 ? answer.answer.result : -EMFILE;
}

int remote_client_stream(struct remote_client *client)
{
	struct remote_packet answer;
	struct remote_stream *stream;
	int r;

	r = exchange(client, REMOTE_STREAM, 0, &answer);
	if (r < 0)
		return r;
	close_fds(&answer);
	if (answer.answer.result < 0)
		return answer.answer.result;
	stream = calloc(1, sizeof(*stream));
	if (!stream)
		return -ENOMEM;
	stream->client = client;
	client->stream = stream;
	return 0;
}

int remote_client_poll(struct remote_client *client)
{
	struct remote_packet answer;
	int r;

	r = exchange(client, REMOTE_POLL, 0, &answer);
	if (r < 0)
		return r;
	close_fds(&answer);
	return answer.answer.result;
}

int remote_client_map(struct remote_client *client, size_t size, int prot, int flags,
		      uint64_t offset, void **address_out)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct remote_packet answer;
	void *address;
	int r;

	if (client->pool_fd < 0) {
		r = exchange(client, REMOTE_POOL, 0, &answer);
		if (r < 0)
			return r;
		close_fds(&answer);
		if (client->pool_fd < 0)
			return answer.answer.result < 0 ? answer.answer.result : -EMFILE;
	}
	if (prot & PROT_WRITE)
		return -EPERM;
	if (offset > client->pool_size || size > UINT64_MAX - page ||
	    ((size + page - 1) & ~(page - 1)) > client->pool_size)
		return -EFAULT;
	/* a private one could be made writable later */
	if ((flags & MAP_TYPE) == MAP_PRIVATE)
		flags = (flags & ~MAP_TYPE) | MAP_SHARED;
	address = mmap(NULL, size, prot, flags, client->pool_fd, offset);
	if (address == MAP_FAILED)
		return -errno;
	*address_out = address;
	return 0;
}
