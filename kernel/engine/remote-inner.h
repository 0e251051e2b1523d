/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside the client of a server: remote-client.c, remote-command.c, remote-stream.c */
#ifndef KERNEL_ENGINE_REMOTE_INNER_H
#define KERNEL_ENGINE_REMOTE_INNER_H

#include <string.h>

#include "kernel/embedded/remote-protocol.h"
#include "kernel/engine/remote-client.h"

/* bytes of the largest packet of kind PUSHED */
#define REMOTE_PUSHED_MAX                                                                          \
	(sizeof(struct remote_pushed) + REMOTE_WINDOW * sizeof(struct remote_message))

static inline size_t remote_padded(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

/* @src and its padding go to @at; where the next goes is returned */
static inline uint8_t *remote_put(uint8_t *at, const void *src, size_t size)
{
	memcpy(at, src, size);
	memset(at + size, 0, remote_padded(size) - size);
	return at + remote_padded(size);
}

/* remote-command.c: a command becomes a packet */

/**
 * struct remote_command - what a command is about
 * @client: whose
 * @segments: pieces of memory
 * @n_segments: number of them
 * @numbers: descriptors
 * @n_numbers: number of them
 * @structs: copies of the command and the message, one behind the other; they are the
 *	first segments
 * @structs_size: bytes there
 * @payload_size: bytes of the other segments
 * @file: the payload, if it goes in a file, owned; or -1
 */
struct remote_command {
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

/* reads the command as far as it can be read */
void remote_command_init(struct remote_command *command, struct remote_client *client,
			 unsigned long nr, const void *cmd);
/* puts the payload where it goes; @waits: also for room in the stage.  0 or a negative errno */
int remote_command_place(struct remote_command *command, bool waits);
/* then sends it: 0 or a negative errno */
int remote_command_send(struct remote_command *command, enum remote_op op, unsigned long nr,
			uint64_t address);
void remote_command_deinit(struct remote_command *command);

/* false: the memory is not there */
bool remote_memory_read(const struct remote_client *client, void *dst, uint64_t address,
			size_t size);
bool remote_memory_write(const struct remote_client *client, uint64_t address, const void *src,
			 size_t size);

/* remote-client.c: packets */

struct remote_packet;

/* a request without anything but perhaps a descriptor, borrowed, or -1; and its answer */
int remote_client_exchange(struct remote_client *client, enum remote_op op, uint64_t nr, int fd,
			   struct remote_packet *answer);

/* what is in the client's buffer, with descriptors; 0 or a negative errno: -ECONNRESET when the
 * server has gone away */
int remote_packet_send(struct remote_client *client, size_t size, const int *fds, size_t n_fds);

/**
 * struct remote_packet - a packet of the server
 * @kind: of it
 * @answer: its head, if it is an answer
 * @at: what follows that, in the client's buffer
 * @end: where that ends
 * @fds: descriptors that came along, owned
 * @n_fds: number of them
 */
struct remote_packet {
	uint32_t kind;
	struct remote_answer answer;
	const uint8_t *at;
	const uint8_t *end;
	int fds[1 + REMOTE_FDS_MAX];
	uint32_t n_fds;
};

/* the next one: 0, -EAGAIN if there is none and @flags has MSG_DONTWAIT, or a negative errno when
 * there will be none.  Those of a stream are taken note of. */
int remote_packet_receive(struct remote_client *client, int flags, struct remote_packet *packet);

/* remote-stream.c */

/* RECV was answered: what the packets before said had to be asked for was that.  Who asks once more
 * overtakes what is pushed meanwhile.
 */
void remote_stream_asked(struct remote_stream *stream);
/* takes note of a packet of kind PUSHED, of @size bytes: 0 or -EPROTO */
int remote_stream_take_note(struct remote_stream *stream, const void *packet, size_t size);
/* the offsets of messages that are done with go along with a request; where the next goes */
uint8_t *remote_stream_put_freed(struct remote_stream *stream, uint8_t *at);
/* there was an answer: all that was sent is over, and if @is_readable a packet comes */
void remote_stream_answered(struct remote_stream *stream, bool is_readable);

#endif
