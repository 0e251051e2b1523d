/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A command becomes a request, in two steps: which pieces of memory it is about is
 * found out by reading it as far as it can be read, then those pieces and the descriptors that it
 * names are packed.  Whether any of it makes sense is for the server to say, in its order: a piece
 * that cannot be read is left out, a number that is no descriptor too.
 *
 * Payload goes in the packet if there is little of it; else in the stage, if the client has a
 * stream, or in a file that is made for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "kernel/engine/remote-inner.h"
#include "kernel/engine/remote-stage.h"
#include "kernel/engine/remote-stream.h"
#include "kernel/include/uapi/linux/kdbus.h"

/* payload of so many bytes is copied through the stage, and not through the socket */
#define STAGED_MIN (8u * 1024)

/* memory of the caller */

/* false: it cannot be read */
bool remote_memory_read(const struct remote_client *client, void *dst, uint64_t address,
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

bool remote_memory_write(const struct remote_client *client, uint64_t address, const void *src,
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

static void command_add_segment(struct remote_command *command, uint64_t address, uint64_t size)
{
	if (command->n_segments < REMOTE_SEGMENTS_MAX)
		command->segments[command->n_segments++] =
			(struct remote_segment){.address = address, .size = size};
}

/* one that is not open need not be sent; neither need more than a message may have */
static void command_add_fd(struct remote_command *command, int fd)
{
	if (fd < 0 || command->n_numbers >= REMOTE_FDS_MAX || fcntl(fd, F_GETFD) < 0)
		return;
	for (uint32_t i = 0; i < command->n_numbers; i++)
		if (command->numbers[i] == fd)
			return;
	command->numbers[command->n_numbers++] = fd;
}

/* a struct that begins with its size, as much of it as there is; its copy, if that is all */
static const void *command_add_struct(struct remote_command *command, uint64_t address)
{
	uint8_t *copy = (uint8_t *)command->structs + command->structs_size;
	uint64_t size;

	if (address % 8 || !remote_memory_read(command->client, &size, address, sizeof(size)))
		return NULL;
	if (size >= sizeof(size) && size <= REMOTE_STRUCT_MAX &&
	    remote_memory_read(command->client, copy, address, size)) {
		/* another thread may have changed it */
		memcpy(copy, &size, sizeof(size));
		command_add_segment(command, address, size);
		command->structs_size += remote_padded(size);
		return copy;
	}
	memcpy(copy, &size, sizeof(size));
	command_add_segment(command, address, sizeof(size));
	command->structs_size += sizeof(size);
	return NULL;
}

/* walks the items behind @fixed bytes of @base as far as they hold together */
static void command_add_items(struct remote_command *command, const void *base, size_t fixed,
			      void (*add)(struct remote_command *command,
					  const struct kdbus_item *item, size_t size))
{
	uint64_t end = *(const uint64_t *)base;
	const struct kdbus_item *item;

	for (uint64_t at = fixed; at + 2 * sizeof(uint64_t) <= end;
	     at += remote_padded(item->size)) {
		item = (const void *)((const uint8_t *)base + at);
		if (item->size < 2 * sizeof(uint64_t) || item->size > end - at)
			return;
		add(command, item, item->size - 2 * sizeof(uint64_t));
	}
}

static void add_command_item(struct remote_command *command, const struct kdbus_item *item,
			     size_t size)
{
	if (item->type == KDBUS_ITEM_CANCEL_FD && size == sizeof(int32_t))
		command_add_fd(command, item->fds[0]);
}

static void add_message_item(struct remote_command *command, const struct kdbus_item *item,
			     size_t size)
{
	switch (item->type) {
	case KDBUS_ITEM_PAYLOAD_VEC:
		/* what is too much is refused without being looked at */
		if (size != sizeof(item->vec) || !item->vec.address || !item->vec.size ||
		    item->vec.size > REMOTE_BYTES_MAX / 2 - command->payload_size)
			return;
		command_add_segment(command, item->vec.address, item->vec.size);
		command->payload_size += item->vec.size;
		break;
	case KDBUS_ITEM_PAYLOAD_MEMFD:
		if (size == sizeof(item->memfd))
			command_add_fd(command, item->memfd.fd);
		break;
	case KDBUS_ITEM_FDS:
		for (size_t i = 0; i < size / sizeof(int32_t); i++)
			command_add_fd(command, item->fds[i]);
		break;
	}
}

void remote_command_init(struct remote_command *command, struct remote_client *client,
			 unsigned long nr, const void *address)
{
	const struct kdbus_cmd_send *cmd;
	const struct kdbus_msg *msg;

	/* not as an initialiser: it is large, and hardly any of it is used */
	command->client = client;
	command->n_segments = 0;
	command->n_numbers = 0;
	command->structs_size = 0;
	command->payload_size = 0;
	command->file = -1;
	cmd = command_add_struct(command, (uintptr_t)address);

	if (nr != KDBUS_CMD_SEND || !cmd || cmd->size < sizeof(*cmd))
		return;
	command_add_items(command, cmd, sizeof(*cmd), add_command_item);
	if (!cmd->msg_address)
		return;
	msg = command_add_struct(command, cmd->msg_address);
	if (msg && msg->size >= sizeof(*msg))
		command_add_items(command, msg, sizeof(*msg), add_message_item);
}

/* the segments that are not structs begin behind those that are */
static uint32_t command_first_payload(const struct remote_command *command)
{
	size_t size = 0;
	uint32_t i = 0;

	while (size < command->structs_size)
		size += remote_padded(command->segments[i++].size);
	return i;
}

static void command_remove_segment(struct remote_command *command, uint32_t i)
{
	command->n_segments--;
	memmove(&command->segments[i], &command->segments[i + 1],
		(command->n_segments - i) * sizeof(command->segments[0]));
}

/* the payload into a file; what cannot be read is left out */
static int command_write_file(struct remote_command *command)
{
	uint32_t i = command_first_payload(command);
	off_t end = 0;
	ssize_t n;

	command->file = memfd_create("kdbus-payload", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (command->file < 0)
		return -errno;
	while (i < command->n_segments) {
		struct remote_segment *segment = &command->segments[i];
		uint64_t done = 0;

		while (done < segment->size) {
			n = pwrite(command->file, (void *)(uintptr_t)(segment->address + done),
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
			command_remove_segment(command, i);
			continue;
		}
		segment->place = REMOTE_IN_FILE;
		end += segment->size;
		i++;
	}
	return 0;
}

/* the payload into the stage, at @offset; what cannot be read is left out */
static void command_fill_stage(struct remote_command *command, uint32_t offset)
{
	uint8_t *stage = command->client->stream->stage->bytes;
	uint32_t i = command_first_payload(command);

	while (i < command->n_segments) {
		struct remote_segment *segment = &command->segments[i];

		if (!remote_memory_read(command->client, stage + offset, segment->address,
					segment->size)) {
			command_remove_segment(command, i);
			continue;
		}
		segment->place = REMOTE_IN_STAGE;
		segment->offset = offset;
		offset += segment->size;
		i++;
	}
}

int remote_command_place(struct remote_command *command, bool waits)
{
	struct remote_stream *stream = command->client->stream;
	uint32_t offset;
	int r = -EAGAIN;

	if (stream && command->payload_size >= STAGED_MIN)
		r = remote_stream_stage(stream, command->payload_size, waits, &offset);
	if (r >= 0)
		command_fill_stage(command, offset);
	if (r >= 0 || r == -ECONNRESET || command->payload_size <= REMOTE_INLINE_MAX)
		return r == -ECONNRESET ? r : 0;
	if (command->n_numbers == REMOTE_FDS_MAX)
		return -EMFILE;
	return command_write_file(command);
}

/* the packet of a command, in the client's buffer; its size */
static size_t command_pack(struct remote_command *command, enum remote_op op, unsigned long nr,
			   uint64_t address)
{
	struct remote_client *client = command->client;
	struct remote_request head = {
		.version = REMOTE_VERSION,
		.op = op,
		.nr = nr,
		.address = address,
		.n_numbers = command->n_numbers,
		.has_file = command->file >= 0,
	};
	uint8_t *start = (uint8_t *)client->buffer, *at, *bytes;
	uint32_t i = command_first_payload(command);

	if (client->stream)
		head.n_freed = client->stream->n_freed;
	/* behind room for all segments, as some may turn out to be missing */
	bytes = start + sizeof(head) + command->n_segments * sizeof(command->segments[0]) +
		remote_padded(command->n_numbers * sizeof(int32_t)) +
		head.n_freed * sizeof(uint64_t);
	at = remote_put(bytes, command->structs, command->structs_size);
	while (i < command->n_segments) {
		struct remote_segment *segment = &command->segments[i];

		if (segment->place != REMOTE_IN_PACKET) {
			i++;
			continue;
		}
		if (!remote_memory_read(client, at, segment->address, segment->size)) {
			command_remove_segment(command, i);
			continue;
		}
		memset(at + segment->size, 0, remote_padded(segment->size) - segment->size);
		at += remote_padded(segment->size);
		i++;
	}
	head.n_segments = command->n_segments;
	start = remote_put(start, &head, sizeof(head));
	start = remote_put(start, command->segments,
			   command->n_segments * sizeof(command->segments[0]));
	start = remote_put(start, command->numbers, command->n_numbers * sizeof(int32_t));
	if (client->stream)
		start = remote_stream_put_freed(client->stream, start);
	memmove(start, bytes, at - bytes);
	return start + (at - bytes) - (uint8_t *)client->buffer;
}

int remote_command_send(struct remote_command *command, enum remote_op op, unsigned long nr,
			uint64_t address)
{
	int fds[1 + REMOTE_FDS_MAX];
	size_t size;

	size = command_pack(command, op, nr, address);
	memcpy(fds, command->numbers, command->n_numbers * sizeof(int));
	fds[command->n_numbers] = command->file;
	return remote_packet_send(command->client, size, fds,
				  command->n_numbers + (command->file >= 0));
}

void remote_command_deinit(struct remote_command *command)
{
	if (command->file >= 0)
		close(command->file);
}
