/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A node that another process serves: see remote-client.h
 *
 * A command becomes a request in three steps: which pieces of memory it is about is
 * found out by reading it as far as it can be read (struct request), then those pieces and
 * the descriptors that it names are packed, then what the answer says is written back.  Whether any
 * of it makes sense is for the server to say, in its order: a piece that cannot be
 * read is left out, a number that is no descriptor too.
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

#include "kernel/embedded/remote-protocol.h"
#include "kernel/include/uapi/linux/kdbus.h"

union fds_control {
	struct cmsghdr header;
	char space[CMSG_SPACE((1 + REMOTE_FDS_MAX) * sizeof(int))];
};

static size_t padded(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

/* memory of the caller */

/* false: it cannot be read */
static bool memory_read(const struct remote_client *client, void *dst, uint64_t address,
			size_t size)
{
	struct iovec local = {.iov_base = dst, .iov_len = size};
	struct iovec remote = {.iov_base = (void *)(uintptr_t)address, .iov_len = size};
	ssize_t n;

	if (client->flags & REMOTE_CLIENT_EXACT) {
		n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
		if (n == (ssize_t)size)
			return true;
		if (n >= 0 || (errno != ENOSYS && errno != EPERM))
			return false;
	}
	memcpy(dst, remote.iov_base, size);
	return true;
}

static bool memory_write(const struct remote_client *client, uint64_t address, const void *src,
			 size_t size)
{
	struct iovec local = {.iov_base = (void *)src, .iov_len = size};
	struct iovec remote = {.iov_base = (void *)(uintptr_t)address, .iov_len = size};
	ssize_t n;

	if (client->flags & REMOTE_CLIENT_EXACT) {
		n = process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
		if (n == (ssize_t)size)
			return true;
		if (n >= 0 || (errno != ENOSYS && errno != EPERM))
			return false;
	}
	memcpy(remote.iov_base, src, size);
	return true;
}

/* a request under construction */

/**
 * struct request - what a command is about
 * @client: whose
 * @segments: pieces of memory
 * @n_segments: number of them
 * @numbers: descriptors
 * @n_numbers: number of them
 * @structs: copies of the command and the message, one behind the other; they are the
 *	first segments
 * @structs_size: bytes there
 * @payload_size: bytes of the other segments
 * @file: the payload, if it does not go in the packet
 */
struct request {
	struct remote_client *client;
	struct remote_segment segments[REMOTE_SEGMENTS_MAX];
	uint32_t n_segments;
	int32_t numbers[REMOTE_FDS_MAX];
	uint32_t n_numbers;
	uint64_t structs[2 * REMOTE_STRUCT_MAX / sizeof(uint64_t)];
	size_t structs_size;
	uint64_t payload_size;
	int file;
};

static void request_add_segment(struct request *request, uint64_t address, uint64_t size)
{
	if (request->n_segments < REMOTE_SEGMENTS_MAX)
		request->segments[request->n_segments++] =
			(struct remote_segment){.address = address, .size = size};
}

/* one that is not open need not be sent; neither need more than a message may have */
static void request_add_fd(struct request *request, int fd)
{
	if (fd < 0 || request->n_numbers >= REMOTE_FDS_MAX || fcntl(fd, F_GETFD) < 0)
		return;
	for (uint32_t i = 0; i < request->n_numbers; i++)
		if (request->numbers[i] == fd)
			return;
	request->numbers[request->n_numbers++] = fd;
}

/* a struct that begins with its size, as much of it as there is; its copy, if that is all */
static const void *request_add_struct(struct request *request, uint64_t address)
{
	uint8_t *copy = (uint8_t *)request->structs + request->structs_size;
	uint64_t size;

	if (address % 8 || !memory_read(request->client, &size, address, sizeof(size)))
		return NULL;
	if (size >= sizeof(size) && size <= REMOTE_STRUCT_MAX &&
	    memory_read(request->client, copy, address, size)) {
		/* another thread may have changed it */
		memcpy(copy, &size, sizeof(size));
		request_add_segment(request, address, size);
		request->structs_size += padded(size);
		return copy;
	}
	memcpy(copy, &size, sizeof(size));
	request_add_segment(request, address, sizeof(size));
	request->structs_size += sizeof(size);
	return NULL;
}

/* walks the items behind @fixed bytes of @base as far as they hold together */
static void request_add_items(struct request *request, const void *base, size_t fixed,
			      void (*add)(struct request *request, const struct kdbus_item *item,
					  size_t size))
{
	uint64_t end = *(const uint64_t *)base;
	const struct kdbus_item *item;

	for (uint64_t at = fixed; at + 2 * sizeof(uint64_t) <= end; at += padded(item->size)) {
		item = (const void *)((const uint8_t *)base + at);
		if (item->size < 2 * sizeof(uint64_t) || item->size > end - at)
			return;
		add(request, item, item->size - 2 * sizeof(uint64_t));
	}
}

static void add_command_item(struct request *request, const struct kdbus_item *item, size_t size)
{
	if (item->type == KDBUS_ITEM_CANCEL_FD && size == sizeof(int32_t))
		request_add_fd(request, item->fds[0]);
}

static void add_message_item(struct request *request, const struct kdbus_item *item, size_t size)
{
	switch (item->type) {
	case KDBUS_ITEM_PAYLOAD_VEC:
		/* what is too much is refused without being looked at */
		if (size != sizeof(item->vec) || !item->vec.address || !item->vec.size ||
		    item->vec.size > REMOTE_BYTES_MAX / 2 - request->payload_size)
			return;
		request_add_segment(request, item->vec.address, item->vec.size);
		request->payload_size += item->vec.size;
		break;
	case KDBUS_ITEM_PAYLOAD_MEMFD:
		if (size == sizeof(item->memfd))
			request_add_fd(request, item->memfd.fd);
		break;
	case KDBUS_ITEM_FDS:
		for (size_t i = 0; i < size / sizeof(int32_t); i++)
			request_add_fd(request, item->fds[i]);
		break;
	}
}

static void request_fill(struct request *request, unsigned long nr, uint64_t address)
{
	const struct kdbus_cmd_send *cmd = request_add_struct(request, address);
	const struct kdbus_msg *msg;

	if (nr != KDBUS_CMD_SEND || !cmd || cmd->size < sizeof(*cmd))
		return;
	request_add_items(request, cmd, sizeof(*cmd), add_command_item);
	if (!cmd->msg_address)
		return;
	msg = request_add_struct(request, cmd->msg_address);
	if (msg && msg->size >= sizeof(*msg))
		request_add_items(request, msg, sizeof(*msg), add_message_item);
}

/* the segments that are not structs begin behind those that are */
static uint32_t request_first_payload(const struct request *request)
{
	size_t size = 0;
	uint32_t i = 0;

	while (size < request->structs_size)
		size += padded(request->segments[i++].size);
	return i;
}

static void request_remove_segment(struct request *request, uint32_t i)
{
	request->n_segments--;
	memmove(&request->segments[i], &request->segments[i + 1],
		(request->n_segments - i) * sizeof(request->segments[0]));
}

/* the payload into a file; what cannot be read is left out */
static int request_write_file(struct request *request)
{
	uint32_t i = request_first_payload(request);
	off_t end = 0;
	ssize_t n;

	request->file = memfd_create("kdbus-payload", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (request->file < 0)
		return -errno;
	while (i < request->n_segments) {
		struct remote_segment *segment = &request->segments[i];
		uint64_t done = 0;

		while (done < segment->size) {
			n = pwrite(request->file, (void *)(uintptr_t)(segment->address + done),
				   segment->size - done, end + done);
			if (n < 0 && errno == EINTR)
				continue;
			if (n < 0 && errno != EFAULT)
				return -errno;
			if (n <= 0)
				break;
			done += n;
		}
		if (done < segment->size) {
			request_remove_segment(request, i);
			continue;
		}
		segment->is_in_file = 1;
		end += segment->size;
		i++;
	}
	return 0;
}

static uint8_t *put(uint8_t *at, const void *src, size_t size)
{
	memcpy(at, src, size);
	memset(at + size, 0, padded(size) - size);
	return at + padded(size);
}

/* the packet of a command, in the client's buffer; its size */
static size_t request_pack(struct request *request, unsigned long nr, uint64_t address)
{
	struct remote_client *client = request->client;
	struct remote_request head = {
		.version = REMOTE_VERSION,
		.op = REMOTE_COMMAND,
		.nr = nr,
		.address = address,
		.n_numbers = request->n_numbers,
		.has_file = request->file >= 0,
	};
	uint8_t *start = (uint8_t *)client->buffer, *at, *bytes;
	uint32_t i = request_first_payload(request);

	/* behind room for all segments, as some may turn out to be missing */
	bytes = start + sizeof(head) + request->n_segments * sizeof(request->segments[0]) +
		padded(request->n_numbers * sizeof(int32_t));
	at = put(bytes, request->structs, request->structs_size);
	while (request->file < 0 && i < request->n_segments) {
		struct remote_segment *segment = &request->segments[i];

		if (!memory_read(client, at, segment->address, segment->size)) {
			request_remove_segment(request, i);
			continue;
		}
		memset(at + segment->size, 0, padded(segment->size) - segment->size);
		at += padded(segment->size);
		i++;
	}
	head.n_segments = request->n_segments;
	start = put(start, &head, sizeof(head));
	start = put(start, request->segments, request->n_segments * sizeof(request->segments[0]));
	start = put(start, request->numbers, request->n_numbers * sizeof(int32_t));
	memmove(start, bytes, at - bytes);
	return start + (at - bytes) - (uint8_t *)client->buffer;
}

/* packets */

/* what is left when the server has gone away */
static int send_packet(struct remote_client *client, size_t size, const int *fds, size_t n_fds)
{
	union fds_control control;
	struct iovec iov = {.iov_base = client->buffer, .iov_len = size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

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
		struct pollfd pollfd = {.fd = client->fd, .events = POLLOUT};

		if (sendmsg(client->fd, &msg, MSG_NOSIGNAL) >= 0)
			return 0;
		if (errno == EAGAIN)
			poll(&pollfd, 1, -1);
		else if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
			return -ECONNRESET;
		else if (errno != EINTR)
			return -errno;
	}
}

/**
 * struct answer - an answer
 * @head: its head
 * @at: what follows that, in the client's buffer
 * @end: where that ends
 * @fds: descriptors that came along, owned
 * @n_fds: number of them
 */
struct answer {
	struct remote_answer head;
	const uint8_t *at;
	const uint8_t *end;
	int fds[1 + REMOTE_FDS_MAX];
	uint32_t n_fds;
};

static void answer_take_fds(struct answer *answer, struct msghdr *msg)
{
	struct cmsghdr *control;

	for (control = CMSG_FIRSTHDR(msg); control; control = CMSG_NXTHDR(msg, control)) {
		uint32_t n = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(answer->fds + answer->n_fds, CMSG_DATA(control), n * sizeof(int));
		answer->n_fds += n;
	}
}

/* the next packet: 0, or a negative errno when there will be none */
static int receive_packet(struct remote_client *client, struct answer *answer)
{
	union fds_control control;
	struct iovec iov = {.iov_base = client->buffer, .iov_len = REMOTE_PACKET_MAX};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct pollfd pollfd = {.fd = client->fd, .events = POLLIN};
	ssize_t n;

	do {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		n = recvmsg(client->fd, &msg, MSG_CMSG_CLOEXEC);
		if (n < 0 && errno == EAGAIN)
			poll(&pollfd, 1, -1);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	if (n <= 0)
		return -ECONNRESET;
	answer->n_fds = 0;
	answer_take_fds(answer, &msg);
	if ((size_t)n < sizeof(answer->head)) {
		while (answer->n_fds > 0)
			close(answer->fds[--answer->n_fds]);
		return -EPROTO;
	}
	memcpy(&answer->head, client->buffer, sizeof(answer->head));
	answer->at = (uint8_t *)client->buffer + sizeof(answer->head);
	answer->end = (uint8_t *)client->buffer + n;
	return 0;
}

static void keep_pool(struct remote_client *client, struct answer *answer)
{
	if (!answer->head.has_pool || !answer->n_fds)
		return;
	if (client->pool_fd >= 0)
		close(client->pool_fd);
	client->pool_fd = answer->fds[0];
	client->pool_size = answer->head.pool_size;
	answer->n_fds--;
	memmove(answer->fds, answer->fds + 1, answer->n_fds * sizeof(int));
}

static int receive_answer(struct remote_client *client, struct answer *answer)
{
	struct pollfd pollfd = {.fd = client->fd, .events = POLLIN};
	int r;

	do {
		r = receive_packet(client, answer);
		if (r < 0)
			return r;
	} while (answer->head.kind == REMOTE_WAKE);
	client->position = answer->head.position;
	client->is_readable = answer->head.is_readable;
	keep_pool(client, answer);
	if (answer->head.is_readable && client->flags & REMOTE_CLIENT_EXACT)
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

/* a request without anything, and its answer */
static int exchange(struct remote_client *client, enum remote_op op, uint64_t nr,
		    struct answer *answer)
{
	struct remote_request *head = (void *)client->buffer;
	int r;

	*head = (struct remote_request){.version = REMOTE_VERSION, .op = op, .nr = nr};
	r = send_packet(client, sizeof(*head), NULL, 0);
	return r < 0 ? r : receive_answer(client, answer);
}

/* answers of commands */

static bool answer_next_write(struct answer *answer, struct remote_write *write,
			      const void **bytes_out)
{
	size_t left = answer->end - answer->at;

	if (left < sizeof(*write))
		return false;
	memcpy(write, answer->at, sizeof(*write));
	left -= sizeof(*write);
	if (write->size > left || padded(write->size) > left)
		return false;
	*bytes_out = answer->at + sizeof(*write);
	answer->at += sizeof(*write) + padded(write->size);
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
			uint32_t n, struct answer *answer)
{
	struct remote_write write;
	const void *bytes;
	int r = 0;

	for (uint32_t i = 0; i < answer->head.n_writes; i++) {
		if (!answer_next_write(answer, &write, &bytes) ||
		    !segments_have(segments, n, &write))
			return -EPROTO;
		if (!memory_write(client, write.address, bytes, write.size))
			r = -EFAULT;
	}
	return r;
}

/* which numbers the descriptors got; how many slots are empty that need not be is returned */
static uint32_t fill_slots(const struct answer *answer, int32_t *numbers)
{
	const uint8_t *slots = answer->at;
	uint32_t n_missing = 0;
	int32_t slot;

	for (uint32_t i = 0; i < answer->head.n_slots; i++) {
		memcpy(&slot, slots + i * sizeof(slot), sizeof(slot));
		numbers[i] = slot >= 0 && (uint32_t)slot < answer->n_fds ? answer->fds[slot] : -1;
		n_missing += slot >= 0 && numbers[i] < 0;
	}
	return n_missing;
}

static void set_incomplete(struct remote_client *client, unsigned long nr, uint64_t address)
{
	size_t offset = nr == KDBUS_CMD_RECV ? offsetof(struct kdbus_cmd_recv, msg.return_flags)
					     : offsetof(struct kdbus_cmd_send, reply.return_flags);
	uint64_t flags;

	if (!memory_read(client, &flags, address + offset, sizeof(flags)))
		return;
	flags |= KDBUS_RECV_RETURN_INCOMPLETE_FDS;
	memory_write(client, address + offset, &flags, sizeof(flags));
}

/* tells the server the numbers, so that the message in the pool has them */
static int install(struct remote_client *client, unsigned long nr, uint64_t address,
		   struct answer *answer)
{
	struct remote_request *head = (void *)client->buffer;
	uint32_t n = answer->head.n_slots;
	int32_t numbers[REMOTE_FDS_MAX];
	size_t size;
	int r;

	if (n > REMOTE_FDS_MAX || n * sizeof(int32_t) > (size_t)(answer->end - answer->at))
		return -EPROTO;
	if (fill_slots(answer, numbers) > 0)
		set_incomplete(client, nr, address);
	/* they are the caller's now */
	answer->n_fds = 0;
	*head = (struct remote_request){
		.version = REMOTE_VERSION, .op = REMOTE_INSTALLED, .n_numbers = n};
	size = put((uint8_t *)(head + 1), numbers, n * sizeof(int32_t)) - (uint8_t *)head;
	r = send_packet(client, size, NULL, 0);
	return r < 0 ? r : receive_answer(client, answer) ?: answer->head.result;
}

static void close_fds(struct answer *answer)
{
	while (answer->n_fds > 0)
		close(answer->fds[--answer->n_fds]);
}

/* the answer to a command that is over: its result */
static int apply(struct remote_client *client, const struct remote_segment *segments, uint32_t n,
		 unsigned long nr, uint64_t address, struct answer *answer)
{
	int result = answer->head.result;
	int w;

	w = apply_writes(client, segments, n, answer);
	if (w != -EPROTO && answer->head.n_slots > 0)
		w = install(client, nr, address, answer) ?: w;
	return result < 0 ? result : w;
}

static void call_init(struct remote_client_call *call, const struct request *request,
		      unsigned long nr, uint64_t address, struct answer *answer)
{
	*call = (struct remote_client_call){
		.fd = -1,
		.id = answer->head.call,
		.nr = nr,
		.address = address,
		.size = request->n_segments > 0 ? request->segments[0].size : 0,
	};
	if (answer->n_fds > 0)
		call->fd = answer->fds[--answer->n_fds];
}

static int run(struct request *request, unsigned long nr, uint64_t address, struct answer *answer,
	       struct remote_client_call *call_out)
{
	struct remote_client *client = request->client;
	int fds[1 + REMOTE_FDS_MAX];
	size_t size;
	int r;

	if (request->payload_size > REMOTE_INLINE_MAX) {
		if (request->n_numbers == REMOTE_FDS_MAX)
			return -EMFILE;
		r = request_write_file(request);
		if (r < 0)
			return r;
	}
	size = request_pack(request, nr, address);
	memcpy(fds, request->numbers, request->n_numbers * sizeof(int));
	fds[request->n_numbers] = request->file;
	r = send_packet(client, size, fds, request->n_numbers + (request->file >= 0));
	r = r < 0 ? r : receive_answer(client, answer);
	if (r < 0)
		return r;
	if (answer->head.call) {
		call_init(call_out, request, nr, address, answer);
		return REMOTE_CLIENT_WAITS;
	}
	/* nothing but the command and the message is written to */
	return apply(client, request->segments, request->n_segments < 2 ? request->n_segments : 2,
		     nr, address, answer);
}

int remote_client_start(struct remote_client *client, unsigned long nr, void *cmd,
			struct remote_client_call *call_out)
{
	struct request request;
	struct answer answer;
	int r;

	/* not as an initialiser: it is large, and hardly any of it is used */
	request.client = client;
	request.n_segments = 0;
	request.n_numbers = 0;
	request.structs_size = 0;
	request.payload_size = 0;
	request.file = -1;
	answer.n_fds = 0;
	request_fill(&request, nr, (uintptr_t)cmd);
	r = run(&request, nr, (uintptr_t)cmd, &answer, call_out);
	close_fds(&answer);
	if (request.file >= 0)
		close(request.file);
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
	struct answer answer;
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
	client->buffer = malloc(REMOTE_PACKET_MAX);
	if (!client->buffer) {
		close(fd);
		return -ENOMEM;
	}
	return 0;
}

int remote_client_open(struct remote_client *client, const char *path, unsigned flags)
{
	struct remote_client opened;
	struct answer answer;
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
		r = answer.head.result;
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
	*client = (struct remote_client){.fd = -1, .pool_fd = -1};
}

void remote_client_close_last(struct remote_client *client)
{
	struct answer answer;

	if (client->fd >= 0 && exchange(client, REMOTE_CLOSE, 0, &answer) >= 0)
		close_fds(&answer);
	remote_client_close(client);
}

int remote_client_published(struct remote_client *client, int *fd_out, uint64_t *generation_out)
{
	struct answer answer;
	int r;

	r = exchange(client, REMOTE_PUBLISHED, 0, &answer);
	if (r < 0)
		return r;
	if (answer.head.result >= 0 && answer.n_fds == 1) {
		*fd_out = answer.fds[0];
		if (generation_out)
			*generation_out = answer.head.generation;
		return 0;
	}
	close_fds(&answer);
	return answer.head.result < 0 ? answer.head.result : -EMFILE;
}

int remote_client_poll(struct remote_client *client)
{
	struct answer answer;
	int r;

	r = exchange(client, REMOTE_POLL, 0, &answer);
	if (r < 0)
		return r;
	close_fds(&answer);
	return answer.head.result;
}

int remote_client_map(struct remote_client *client, size_t size, int prot, int flags,
		      uint64_t offset, void **address_out)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct answer answer;
	void *address;
	int r;

	if (client->pool_fd < 0) {
		r = exchange(client, REMOTE_POOL, 0, &answer);
		if (r < 0)
			return r;
		close_fds(&answer);
		if (client->pool_fd < 0)
			return answer.head.result < 0 ? answer.head.result : -EMFILE;
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
