/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inbound: from the bytes of a client's socket to whole messages
 *
 * Takes bytes and descriptors, returns messages; does no I/O.  A message comes
 * out only when all of it has arrived and has been validated, with the bus' own
 * SENDER in its header; nothing of an unfinished message is visible to anybody.
 *
 * Bytes are read into a chunk that all clients share; only what is left of an
 * unfinished message stays with the client: the start of a header ("raw"), or a
 * message whose body is being filled, into which the rest is read directly.
 *
 *	n = inbound_prepare(in, &chunk, iov);
 *	size = recvmsg(fd, iov, n, ...);
 *	inbound_commit(in, &chunk, size);
 *	inbound_add_fds(in, fds, n_fds);
 *	while (!(r = inbound_next(in, &chunk, limits, sender, sender_len, &message)))
 *		...
 */
#pragma once

#include <sys/uio.h>

#include "proxy/message.h"

struct inbound {
	struct inbound_chunk *kept; /* to be consumed before anything is read, or NULL */
	struct message *message;    /* header complete, body coming */
	uint8_t *raw;		    /* start of a header that is not complete */
	struct inbound_fds *fds;    /* received, not yet claimed by a message; NULL: none */
	uint32_t n_filled;	    /* bytes of @message, or of @raw, that have come */
	uint32_t raw_need;	    /* bytes to read before @raw is worth another look */
};

struct inbound_fds {
	uint32_t n;
	int fds[];
};

struct inbound_chunk {
	uint8_t *bytes;
	size_t capacity;
	size_t at, end; /* not yet consumed */
};

struct inbound_limits {
	uint32_t max_message_size; /* header and body */
	uint32_t max_message_fds;
	uint32_t min_tail; /* bytes that are worth one (inbound_may_tail()); 0: nothing is */
};

/* outcomes beside WIRE_*: all but INBOUND_MORE mean that the client is to be disconnected */
enum inbound_outcome {
	INBOUND_MORE = 1000,  /* nothing complete is left */
	INBOUND_TOO_BIG,      /* above max_message_size */
	INBOUND_TOO_MANY_FDS, /* above max_message_fds */
	INBOUND_FDS_MISSING,  /* the message announces more than came with it */
};

/* what a wire or inbound outcome means, for the log */
const char *inbound_outcome_text(int outcome);

/* idempotent; closes descriptors that no message claimed; zeroed memory is an empty inbound */
void inbound_deinit(struct inbound *in);

/* something of a message has arrived, but not all */
static inline bool inbound_is_partial(const struct inbound *in)
{
	return in->raw || in->message;
}

/* descriptors that no message has claimed */
static inline uint32_t inbound_n_fds(const struct inbound *in)
{
	return in->fds ? in->fds->n : 0;
}

/* bytes that are there of what is not complete, or not to be looked at yet */
size_t inbound_n_bytes(const struct inbound *in);

/* resets @chunk; returns how many of @iov to read into, in order */
int inbound_prepare(struct inbound *in, struct inbound_chunk *chunk, struct iovec iov[2]);
/* @size bytes were read as prepared */
void inbound_commit(struct inbound *in, struct inbound_chunk *chunk, size_t size);

/**
 * inbound_may_tail() - may the rest of the message under way go elsewhere, unseen (tail.h)?
 *
 * It is long and needs no check, and no descriptors are about.  Once it has a tail what is moved
 * there is told by inbound_commit_tail(), and nothing is prepared.
 */
bool inbound_may_tail(const struct inbound *in, const struct inbound_limits *limits);

/* @size more bytes are in the tail; true: it is complete */
bool inbound_commit_tail(struct inbound *in, struct inbound_chunk *chunk, size_t size);

/* takes the descriptors, also on failure: then they are closed; 0 or -ENOMEM */
int inbound_add_fds(struct inbound *in, const int *fds, uint32_t n_fds);
/**
 * inbound_keep() - what is left of a chunk is for later
 * @chunk: empty afterwards; may be in->kept
 *
 * Nothing may be read until inbound_next() has consumed in->kept, and
 * inbound_keep(in, in->kept) has freed it.
 *
 * Return: 0 or -ENOMEM.
 */
int inbound_keep(struct inbound *in, struct inbound_chunk *chunk);

/* closes those that no message has claimed */
void inbound_drop_fds(struct inbound *in);

/**
 * inbound_next() - the next whole message
 * @sender: what SENDER shall say
 *
 * Return: 0 and a message; INBOUND_MORE; or an outcome of wire.h or above that
 * ends the client; or -ENOMEM.
 */
int inbound_next(struct inbound *in, struct inbound_chunk *chunk,
		 const struct inbound_limits *limits, const char *sender, size_t sender_len,
		 struct message **message_out);
