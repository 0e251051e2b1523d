/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How another process reaches the core in this one
 *
 * A node is a SOCK_SEQPACKET socket where kdbusfs has a file, and a connected socket
 * is what an open file is there: it can be inherited and passed on, and closing
 * the last copy is the last close.  Credentials are those that the kernel keeps for
 * the socket.  Numbers are in the byte order of the machine.
 *
 * A request is one packet, an answer is one packet, and there is one answer to each
 * request.  A command travels as the memory that it is about: the caller says at
 * which of its addresses there is what, and gets back what is to be written where.
 * So the structs are those of linux/kdbus.h, and an address that cannot be read is one
 * that is missing.
 *
 * Descriptors.  The numbers that a message names are those of the caller; a request
 * brings the descriptors along and the list of their numbers.  In an answer they
 * come with the slots they are for, and the caller says in one more request,
 * INSTALLED, which numbers they got, for that is what the message in the pool has
 * to say; before that its RECV is not over.
 *
 * Synchronous calls.  The answer to a SEND that has to wait is that it waits: a number for
 * the call, and the end of a pipe, on which the other end is closed when it is over.  The
 * caller waits for that, or gives up, and asks for the result by COLLECT; the answer to that
 * is the one to SEND.  Other requests may be made meanwhile.  Who closes the pipe without
 * that will not come back.
 *
 * Readiness.  Between answers the server sends a packet of kind WAKE while there is
 * something to receive and no such packet is on its way; who waits for an answer
 * drops those in front of it.  So the socket is readable when the ABI's poll()
 * would say POLLIN, or when the connection is dead.
 *
 * Streams.  Who is as good as the owner of the bus, and asks for it before HELLO, gets its
 * messages without asking: in packets of kind PUSHED, which say where in the pool they are, as
 * RECV would.  At most REMOTE_WINDOW of them are out; the offsets of those that are done with
 * travel with the next request.  What has descriptors has to be asked for all the same, and counts
 * as the others do.  And what it sends by REMOTE_SEND is answered only if it is refused; any packet
 * of kind PUSHED says how many are over, and an answer that all that came before its request are.
 * The owner of the bus judges each message between a stream and anybody else by all of its rules,
 * so neither end has to; what is for one receiver carries no metadata to judge by.
 *
 * Stages.  A memory file costs more to make and to get rid of than most payload costs to copy.  So
 * a stream may leave one with the server, its stage, and say in a request where in it the payload
 * is; what is there has to stay until the request is over.  The server reads it as it reads any
 * other file: once, and into memory of its own.
 */
#pragma once

#include <stdint.h>

#define REMOTE_VERSION 2

/* payload that travels in the request itself; all that is more goes in a file */
#define REMOTE_INLINE_MAX (64u * 1024)
/* the ABI's limit for a command or a message */
#define REMOTE_STRUCT_MAX (32u * 1024)
/* a command, a message, and as many vectors as a message has room for */
#define REMOTE_SEGMENTS_MAX 1026
/* bytes of all segments: twice the largest D-Bus message */
#define REMOTE_BYTES_MAX (256u * 1024 * 1024)
/* what the kernel carries at once */
#define REMOTE_FDS_MAX 253
/* messages of a stream that are out */
#define REMOTE_WINDOW 32
/* bytes of a packet, either way */
#define REMOTE_PACKET_MAX (192u * 1024)

/**
 * enum remote_op - what a request asks for
 * @REMOTE_OPEN: the result of open(); the first request
 * @REMOTE_COMMAND: run a command
 * @REMOTE_INSTALLED: the numbers that the descriptors of the last answer got
 * @REMOTE_POLL: what poll() would say
 * @REMOTE_POOL: the descriptor of the pool, once more
 * @REMOTE_PUBLISHED: the file that the owner of the bus has published, for those who are as
 *	good as the owner; from then on a packet of kind WAKE says that there is another
 * @REMOTE_COLLECT: what came of a SEND that had to wait; EINTR if it is not over, and will not
 *	be unless it is sent again
 * @REMOTE_CLOSE: the last close, whatever copies of the socket there are; the answer
 *	is that the server closes it, when everything has taken effect
 * @REMOTE_STREAM: there shall be a stream, once HELLO is said; EPERM to those who must not
 * @REMOTE_SEND: of a stream: the command SEND, without an answer if it goes well
 * @REMOTE_FREE: of a stream: nothing else than what every request can do; no answer
 * @REMOTE_CONFIRM: of a stream: a packet of kind PUSHED is to come, there be messages or not
 * @REMOTE_STAGE: of a stream: a memory file comes along that is to be its stage from now on; EMFILE
 *	if there are too many, EALREADY if it has one
 */
enum remote_op {
	REMOTE_OPEN = 1,
	REMOTE_COMMAND,
	REMOTE_INSTALLED,
	REMOTE_POLL,
	REMOTE_POOL,
	REMOTE_PUBLISHED,
	REMOTE_CLOSE,
	REMOTE_COLLECT,
	REMOTE_STREAM,
	REMOTE_SEND,
	REMOTE_FREE,
	REMOTE_CONFIRM,
	REMOTE_STAGE,
};

/**
 * struct remote_request - a request
 * @version: REMOTE_VERSION
 * @op: REMOTE_*
 * @nr: COMMAND: KDBUS_CMD_*; COLLECT: number of the call
 * @address: COMMAND: of its struct
 * @n_segments: COMMAND: number of struct remote_segment that follow
 * @n_numbers: then as many int32_t, and padding to 8 bytes: COMMAND: the numbers of the
 *	descriptors that come along; INSTALLED: one for each slot, or -1
 * @has_file: COMMAND: behind those descriptors comes one more, of a memory file
 * @n_freed: then as many uint64_t: offsets of messages that were pushed, and are done with
 *
 * SEND is as COMMAND; STAGE has a file and nothing else.  Behind all that come the bytes of the
 * segments that are in the packet.
 */
struct remote_request {
	uint32_t version;
	uint32_t op;
	uint64_t nr;
	uint64_t address;
	uint32_t n_segments;
	uint32_t n_numbers;
	uint32_t has_file;
	uint32_t n_freed;
};

/**
 * enum remote_place - where the bytes of a segment are
 * @REMOTE_IN_PACKET: behind the lists, each padded to 8 bytes
 * @REMOTE_IN_FILE: in the file that comes along, one behind the other, without padding
 * @REMOTE_IN_STAGE: in the stage
 */
enum remote_place {
	REMOTE_IN_PACKET,
	REMOTE_IN_FILE,
	REMOTE_IN_STAGE,
};

/**
 * struct remote_segment - a piece of the caller's memory
 * @address: where it is
 * @size: its bytes
 * @place: REMOTE_IN_*
 * @offset: in the stage; else 0
 */
struct remote_segment {
	uint64_t address;
	uint64_t size;
	uint32_t place;
	uint32_t offset;
};

/**
 * enum remote_kind - what a packet from the server is
 * @REMOTE_ANSWER: to a request
 * @REMOTE_WAKE: there is something to receive; the rest of the packet is 0
 * @REMOTE_PUSHED: what a stream has to tell: struct remote_pushed
 */
enum remote_kind {
	REMOTE_ANSWER = 1,
	REMOTE_WAKE,
	REMOTE_PUSHED,
};

/**
 * struct remote_answer - an answer
 * @kind: REMOTE_*
 * @result: 0 or a negative errno; POLL: the events
 * @position: how far the queue of the connection has got (engine.h)
 * @pool_size: with @has_pool
 * @n_writes: number of struct remote_write that follow, each with its bytes
 * @n_slots: then as many int32_t: which of the descriptors that come along goes to each
 *	slot of the message received, its memory files first; or -1
 * @has_pool: before all other descriptors comes that of the pool
 * @generation: PUBLISHED: number of the file, which comes along
 * @call: COMMAND: number of the call if it has to wait, else 0; with that a pipe comes along
 * @is_readable: right behind this one comes a packet of kind WAKE, or PUSHED to a stream
 */
struct remote_answer {
	uint32_t kind;
	int32_t result;
	uint64_t position;
	uint64_t pool_size;
	uint64_t generation;
	uint64_t call;
	uint32_t n_writes;
	uint32_t n_slots;
	uint32_t has_pool;
	uint32_t is_readable;
};

/**
 * struct remote_write - something to be written to the caller's memory
 * @address: where
 * @size: bytes that follow, padded to 8
 */
struct remote_write {
	uint64_t address;
	uint64_t size;
};

/**
 * enum remote_more - why there is more than was pushed
 * @REMOTE_MORE_NONE: there is not
 * @REMOTE_MORE_ASK: it has to be asked for by RECV
 * @REMOTE_MORE_WAIT: there are too many out
 */
enum remote_more {
	REMOTE_MORE_NONE,
	REMOTE_MORE_ASK,
	REMOTE_MORE_WAIT,
};

/**
 * struct remote_pushed - what a stream has to tell
 * @kind: REMOTE_PUSHED
 * @result: 0, or the negative errno of the last SEND that is over
 * @n_queued: messages in the queue that are still to come
 * @n_sends: how many SENDs are over
 * @n_dropped: broadcasts that went missing since the last packet
 * @n_messages: number of struct remote_message that follow
 * @more: REMOTE_MORE_*: what is behind them
 */
struct remote_pushed {
	uint32_t kind;
	int32_t result;
	uint64_t n_queued;
	uint64_t n_sends;
	uint64_t n_dropped;
	uint32_t n_messages;
	uint32_t more;
};

/**
 * struct remote_message - a message that was received
 * @offset: in the pool
 * @size: its bytes
 */
struct remote_message {
	uint64_t offset;
	uint64_t size;
};
