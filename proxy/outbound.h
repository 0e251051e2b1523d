/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Outbound: what waits to be written to a client's socket
 *
 * Two things can wait beside the engine's queue of the connection:
 *
 *	answers		what the bus itself says to this client (replies of the driver,
 *			errors), each due once the engine's queue has been received up to
 *			the position at which it took effect
 *	unsent		messages taken out of both that the socket did not accept yet; at
 *			most one batch, so a full socket leaves the rest to the engine's
 *			quota
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proxy/message.h"
#include "proxy/reserve.h"

struct outbound {
	/* these two tell whether there is anything in the rest */
	uint32_t n_unsent;
	uint32_t n_answers;
	struct unsent *unsent; /* owned; NULL: none */
	struct list_head answers;
	size_t n_answer_bytes;
	uint32_t n_answer_fds;
	uint32_t peak_fds; /* of answers */
	size_t peak_bytes;
};

void outbound_init(struct outbound *out);
void outbound_deinit(struct outbound *out); /* idempotent */

/**
 * outbound_answer() - queue what the bus says
 * @message: a reference is taken
 * @position: of the engine's queue after which it is due
 *
 * Return: 0 or -ENOMEM.
 */
int outbound_answer(struct outbound *out, struct message *message, uint64_t position);

/* the same in front of all others, due at once */
int outbound_answer_first(struct outbound *out, struct message *message);

/* moves the answers of @from behind those of @out */
void outbound_move_answers(struct outbound *out, struct outbound *from);

/* the next answer if it is due once @position was received; its reference is the caller's */
struct message *outbound_take_answer(struct outbound *out, uint64_t position);

/* what there is besides what the engine has: messages, bytes and descriptors */
void outbound_count(const struct outbound *out, uint32_t *n_messages_out, uint64_t *n_bytes_out,
		    uint32_t *n_fds_out);

/* hands over what is unsent, if there is anything: at most one batch, for which @batch has room */
uint32_t outbound_take_unsent(struct outbound *out, struct message **batch, size_t *n_sent_out);

enum outbound_outcome {
	OUTBOUND_FULL = 1, /* the socket takes no more just now; the rest was kept */
	OUTBOUND_BROKEN,   /* the other end is gone */
	OUTBOUND_FDS,	   /* too many descriptors are in flight; the rest was kept */
};

/**
 * outbound_write() - write a batch to a socket
 * @batch: messages in order; their references are consumed
 * @n_sent: bytes of batch[0] that went out earlier
 * @reserve: what the socket does not take is kept in its room, which then is gone
 *
 * One sendmsg() for all, or one for each message that starts with descriptors.
 * What the socket did not take becomes "unsent".
 *
 * Return: 0 or an enum outbound_outcome.
 */
int outbound_write(struct outbound *out, int fd, struct message **batch, uint32_t n, size_t n_sent,
		   struct reserve *reserve);

/**
 * outbound_write_lone() - write a single message that has neither descriptors nor a tail
 * @message: its reference is consumed
 *
 * The same as a batch of it, where nothing was unsent.  In a conversation, and of a broadcast to
 * many, every write is of one: there is no vector to make, nor for the kernel to read.
 *
 * Return: as outbound_write().
 */
int outbound_write_lone(struct outbound *out, int fd, struct message *message,
			struct reserve *reserve);
