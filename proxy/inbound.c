/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inbound: see inbound.h.
 *
 * The states of what is unfinished, each with one place where the next byte goes:
 *
 *	nothing		-> the shared chunk
 *	raw		-> raw + n_filled; raw_need is 16 until the fixed part is there,
 *			   then the size of the whole header
 *	message		-> message->bytes + n_filled
 *
 * Memory follows what has been announced, but is touched only as bytes arrive: a
 * client that announces 128 MiB and stops costs what it sent.
 */
#include "proxy/inbound.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *inbound_outcome_text(int outcome)
{
	switch (outcome) {
	case INBOUND_MORE:
		return "message is incomplete";
	case INBOUND_TOO_BIG:
		return "message is larger than max_message_size";
	case INBOUND_TOO_MANY_FDS:
		return "message has more file descriptors than max_message_unix_fds";
	case INBOUND_FDS_MISSING:
		return "message announces more file descriptors than came with it";
	default:
		return wire_outcome_text(outcome);
	}
}

static void inbound_drop_raw(struct inbound *in)
{
	free(in->raw);
	in->raw = NULL;
	in->raw_need = 0;
}

void inbound_drop_fds(struct inbound *in)
{
	for (uint32_t i = 0; i < inbound_n_fds(in); i++)
		close(in->fds->fds[i]);
	free(in->fds);
	in->fds = NULL;
}

void inbound_deinit(struct inbound *in)
{
	inbound_drop_raw(in);
	in->message = message_unref(in->message);
	in->n_filled = 0;
	inbound_drop_fds(in);
	free(in->kept);
	in->kept = NULL;
}

int inbound_keep(struct inbound *in, struct inbound_chunk *chunk)
{
	size_t size = chunk->end - chunk->at;
	struct inbound_chunk *kept;

	if (chunk == in->kept) {
		if (!size) {
			free(in->kept);
			in->kept = NULL;
		}
		return 0;
	}
	if (!size)
		return 0;
	kept = malloc(sizeof(*kept) + size);
	if (!kept)
		return -ENOMEM;
	*kept = (struct inbound_chunk){
		.bytes = (uint8_t *)(kept + 1), .capacity = size, .end = size};
	memcpy(kept->bytes, chunk->bytes + chunk->at, size);
	chunk->at = chunk->end;
	in->kept = kept;
	return 0;
}

size_t inbound_n_bytes(const struct inbound *in)
{
	return in->n_filled + (in->kept ? in->kept->end - in->kept->at : 0);
}

int inbound_prepare(struct inbound *in, struct inbound_chunk *chunk, struct iovec iov[2])
{
	int n = 0;

	chunk->at = 0;
	chunk->end = 0;
	if (in->message)
		iov[n++] = (struct iovec){in->message->bytes + in->n_filled,
					  in->message->payload.size - in->n_filled};
	else if (in->raw)
		iov[n++] = (struct iovec){in->raw + in->n_filled, in->raw_need - in->n_filled};
	iov[n++] = (struct iovec){chunk->bytes, chunk->capacity};
	return n;
}

void inbound_commit(struct inbound *in, struct inbound_chunk *chunk, size_t size)
{
	size_t direct = 0;

	if (in->message) {
		direct = in->message->payload.size - in->n_filled;
		direct = size < direct ? size : direct;
		in->n_filled += direct;
	} else if (in->raw) {
		direct = in->raw_need - in->n_filled;
		direct = size < direct ? size : direct;
		in->n_filled += direct;
	}
	chunk->end = size - direct;
}

/* of the message under way */
static size_t inbound_rest(const struct inbound *in)
{
	return in->message->payload.size - in->n_filled;
}

bool inbound_may_tail(const struct inbound *in, const struct inbound_limits *limits)
{
	return in->message && in->message->is_proven && inbound_rest(in) >= limits->min_tail &&
	       inbound_rest(in) <= TAIL_MAX && !in->fds && !in->message->header.n_fds;
}

bool inbound_commit_tail(struct inbound *in, struct inbound_chunk *chunk, size_t size)
{
	chunk->at = 0;
	chunk->end = 0;
	in->n_filled += size;
	return in->n_filled == in->message->payload.size;
}

int inbound_add_fds(struct inbound *in, const int *fds, uint32_t n_fds)
{
	uint32_t n = inbound_n_fds(in);
	struct inbound_fds *more;

	if (!n_fds)
		return 0;
	more = realloc(in->fds, sizeof(*more) + (n + n_fds) * sizeof(*fds));
	if (!more) {
		for (uint32_t i = 0; i < n_fds; i++)
			close(fds[i]);
		return -ENOMEM;
	}
	memcpy(more->fds + n, fds, n_fds * sizeof(*fds));
	more->n = n + n_fds;
	in->fds = more;
	return 0;
}

/* takes up to @n bytes out of the chunk; returns how many */
static size_t chunk_take(struct inbound_chunk *chunk, void *to, size_t n)
{
	size_t there = chunk->end - chunk->at;

	n = n < there ? n : there;
	memcpy(to, chunk->bytes + chunk->at, n);
	chunk->at += n;
	return n;
}

/* keeps what there is of a header of which @need bytes are wanted */
static int inbound_keep_raw(struct inbound *in, struct inbound_chunk *chunk, uint32_t need)
{
	uint8_t *raw;

	raw = realloc(in->raw, need);
	if (!raw)
		return -ENOMEM;
	in->raw = raw;
	in->raw_need = need;
	in->n_filled += chunk_take(chunk, raw + in->n_filled, need - in->n_filled);
	return 0;
}

/* a complete header at @bytes becomes a message whose body is to be filled */
static int inbound_begin(struct inbound *in, const uint8_t *bytes,
			 const struct inbound_limits *limits, const char *sender, size_t sender_len)
{
	struct wire_header header;
	struct message *message;
	uint32_t size;
	int r;

	r = wire_header_parse(bytes, &header);
	if (r != WIRE_OK)
		return r;
	if (header.n_fds > limits->max_message_fds)
		return INBOUND_TOO_MANY_FDS;
	size = wire_relay_size(bytes, &header, sender_len);
	/* with our SENDER in it the message must still be one that receivers accept */
	if (size > WIRE_MAX_SIZE - header.body_size)
		return INBOUND_TOO_BIG;
	r = message_new((size_t)size + header.body_size, header.n_fds, &message);
	if (r < 0)
		return r;
	wire_relay_header(bytes, &header, sender, sender_len, message->bytes, &message->header);
	in->message = message;
	in->n_filled = size;
	return 0;
}

/* the oldest descriptors are those of @message; it announces some */
static int inbound_claim_fds(struct inbound *in, struct message *message)
{
	uint32_t n = message->header.n_fds;
	struct inbound_fds *fds = in->fds;

	if (n > inbound_n_fds(in))
		return INBOUND_FDS_MISSING;
	memcpy(message->payload.fds, fds->fds, n * sizeof(fds->fds[0]));
	fds->n -= n;
	memmove(fds->fds, fds->fds + n, fds->n * sizeof(fds->fds[0]));
	if (!fds->n) {
		free(fds);
		in->fds = NULL;
	}
	return 0;
}

/* the message is complete: its body and its descriptors must be as announced */
static int inbound_finish(struct inbound *in, struct message **message_out)
{
	struct message *message = in->message;
	int r;

	/* with a tail it has been proven to be good */
	if (!message->tail) {
		r = wire_body_check(&message->header, message->bytes, message_body(message));
		if (r != WIRE_OK)
			return r;
	}
	if (message->header.n_fds) {
		r = inbound_claim_fds(in, message);
		if (r)
			return r;
	}
	in->message = NULL;
	in->n_filled = 0;
	*message_out = message;
	return 0;
}

/* gets in->message to exist; INBOUND_MORE when its header is not complete yet */
static int inbound_header(struct inbound *in, struct inbound_chunk *chunk,
			  const struct inbound_limits *limits, const char *sender,
			  size_t sender_len)
{
	uint32_t header_size, size;
	const uint8_t *bytes;
	size_t there;
	int r;

	if (in->raw) {
		in->n_filled +=
			chunk_take(chunk, in->raw + in->n_filled, in->raw_need - in->n_filled);
		if (in->n_filled < in->raw_need)
			return INBOUND_MORE;
		bytes = in->raw;
		there = in->n_filled;
	} else {
		bytes = chunk->bytes + chunk->at;
		there = chunk->end - chunk->at;
		if (!there)
			return INBOUND_MORE;
	}
	if (there < WIRE_FIXED_SIZE) {
		r = inbound_keep_raw(in, chunk, WIRE_FIXED_SIZE);
		return r < 0 ? r : INBOUND_MORE;
	}
	r = wire_frame(bytes, &header_size, &size);
	if (r != WIRE_OK)
		return r;
	if (size > limits->max_message_size)
		return INBOUND_TOO_BIG;
	if (there < header_size) {
		r = inbound_keep_raw(in, chunk, header_size);
		if (r < 0)
			return r;
		if (in->n_filled < header_size)
			return INBOUND_MORE;
		bytes = in->raw;
	}
	r = inbound_begin(in, bytes, limits, sender, sender_len);
	if (r)
		return r;
	if (in->raw)
		inbound_drop_raw(in);
	else
		chunk->at += header_size;
	return 0;
}

int inbound_next(struct inbound *in, struct inbound_chunk *chunk,
		 const struct inbound_limits *limits, const char *sender, size_t sender_len,
		 struct message **message_out)
{
	bool is_new = !in->message;
	struct message *message;
	int r;

	if (is_new) {
		r = inbound_header(in, chunk, limits, sender, sender_len);
		if (r)
			return r;
	}
	message = in->message;
	in->n_filled += chunk_take(chunk, message->bytes + in->n_filled, inbound_rest(in));
	if (!inbound_rest(in))
		return inbound_finish(in, message_out);
	/* asked once: what it looks at may be long */
	if (is_new && limits->min_tail && inbound_rest(in) >= limits->min_tail)
		message->is_proven =
			wire_body_is_proven(&message->header, message->bytes, message_body(message),
					    in->n_filled - message->header.header_size);
	return INBOUND_MORE;
}
