/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From bytes to messages, however they are cut.  Four bytes, then what a client sends:
 *
 *	0	limits: two bits choose max_message_size, two max_message_fds
 *	1	how many descriptors come with the first byte
 *	2, 3	how the rest is cut, and where a message is the last for a while
 *
 * The messages that come out and how it ends must be those of the bytes in one piece; and those of
 * which ends go through pipes, where they may.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/inbound.h"
#include "tests/fuzz/fuzz.h"

#define SENDER ":1.42"

enum { CHUNK_SIZE = 4096, MAX_FDS = 8, MAX_BYTES = 1 << 16 };

struct outcome {
	uint8_t bytes[2 * MAX_BYTES]; /* of all messages */
	size_t size;
	uint32_t n_messages, n_fds;
	int r;
};

/* a sequence of numbers that the input chooses; 0: nothing is cut */
static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 16;
}

static void check_message(struct message *message, struct outcome *outcome)
{
	const struct wire_header *header = &message->header;

	message_gather(message);
	fuzz_expect(!message->tail);
	fuzz_expect(message->payload.size == (size_t)header->header_size + header->body_size);
	fuzz_expect(message->payload.n_fds == header->n_fds);
	fuzz_expect(!strcmp(message_sender(message), SENDER));
	for (uint32_t i = 0; i < header->n_fds; i++)
		fuzz_expect(fcntl(message->payload.fds[i], F_GETFD) == FD_CLOEXEC);
	outcome->n_fds += header->n_fds;
	outcome->n_messages++;
	/* each has its own SENDER, so they are somewhat more than what came */
	if (outcome->size + message->payload.size <= sizeof(outcome->bytes))
		memcpy(outcome->bytes + outcome->size, message->bytes, message->payload.size);
	outcome->size += message->payload.size;
}

/* all messages that are there; sometimes what follows one is kept for later */
static void take_messages(struct inbound *in, struct inbound_chunk *chunk,
			  const struct inbound_limits *limits, uint32_t *cut,
			  struct outcome *outcome)
{
	struct message *message;

	while (!(outcome->r = inbound_next(in, chunk, limits, SENDER, strlen(SENDER), &message))) {
		check_message(message, outcome);
		message_unref(message);
		if (*cut && next_random(cut) & 1) {
			fuzz_expect(!inbound_keep(in, chunk));
			if (!in->kept)
				return;
			chunk = in->kept;
		}
	}
	if (outcome->r == INBOUND_MORE)
		fuzz_expect(!inbound_keep(in, chunk) && !in->kept);
}

/* what one recvmsg() of @size bytes does */
static void receive(struct inbound *in, struct inbound_chunk *chunk, const uint8_t *bytes,
		    size_t *size)
{
	struct iovec iov[2];
	int n = inbound_prepare(in, chunk, iov);
	size_t done = 0;

	for (int i = 0; i < n && done < *size; i++) {
		size_t part = *size - done < iov[i].iov_len ? *size - done : iov[i].iov_len;

		fuzz_expect(iov[i].iov_len);
		memcpy(iov[i].iov_base, bytes + done, part);
		done += part;
	}
	inbound_commit(in, chunk, done);
	*size = done;
}

/* what one splice() of @size bytes does, if the message under way has a tail or may have one; @pair
 * is a pair of sockets */
static bool receive_tail(struct inbound *in, struct inbound_chunk *chunk,
			 const struct inbound_limits *limits, struct tail_pool *tails,
			 const int pair[2], const uint8_t *bytes, size_t *size)
{
	size_t rest;
	ssize_t n;

	if (inbound_may_tail(in, limits) && !in->message->tail)
		tail_begin(tails, in->message, in->n_filled);
	if (!in->message || !in->message->tail)
		return false;
	rest = in->message->payload.size - in->n_filled;
	*size = *size < rest ? *size : rest;
	fuzz_expect(write(pair[0], bytes, *size) == (ssize_t)*size);
	n = tail_fill(in->message->tail, pair[1], *size);
	fuzz_expect(n > 0 || n == -ENOSPC);
	n = n < 0 ? 0 : n;
	if (n < (ssize_t)*size) {
		/* no more places: the rest is read as of any other message */
		message_gather(in->message);
		fuzz_expect(read(pair[1], in->message->bytes + in->n_filled + n, *size - n) ==
			    (ssize_t)*size - n);
	}
	fuzz_expect(inbound_commit_tail(in, chunk, *size) == (*size == rest));
	return true;
}

static void feed(const uint8_t *bytes, size_t size, const struct inbound_limits *limits,
		 unsigned n_fds, uint32_t cut, struct outcome *outcome)
{
	struct tail_pool tails;
	int pair[2] = {-1, -1};
	struct inbound_chunk chunk = {.bytes = malloc(CHUNK_SIZE), .capacity = CHUNK_SIZE};
	struct inbound in = {0};
	int fds[MAX_FDS];
	size_t at = 0;

	fuzz_expect(chunk.bytes);
	memset(outcome, 0, offsetof(struct outcome, r));
	outcome->r = INBOUND_MORE;
	tail_pool_init(&tails, 1);
	if (limits->min_tail)
		fuzz_expect(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	for (unsigned i = 0; i < n_fds; i++)
		fuzz_expect((fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0);
	fuzz_expect(!inbound_add_fds(&in, fds, n_fds));
	while (at < size && (outcome->r == INBOUND_MORE || !outcome->r)) {
		size_t n = size - at;

		if (cut)
			n = 1 + next_random(&cut) % (n < 40 ? n : 40);
		if (!limits->min_tail ||
		    !receive_tail(&in, &chunk, limits, &tails, pair, bytes + at, &n))
			receive(&in, &chunk, bytes + at, &n);
		at += n;
		take_messages(&in, &chunk, limits, &cut, outcome);
	}
	if (outcome->r && outcome->r != INBOUND_MORE)
		fuzz_expect(*inbound_outcome_text(outcome->r));
	if (!outcome->r)
		outcome->r = INBOUND_MORE;
	inbound_deinit(&in);
	tail_pool_deinit(&tails);
	if (limits->min_tail) {
		close(pair[0]);
		close(pair[1]);
	}
	free(chunk.bytes);
}

/* the number that the next descriptor gets: nothing is left open */
static int next_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	fuzz_expect(fd >= 0);
	close(fd);
	return fd;
}

static void expect_same(const struct outcome *a, const struct outcome *b)
{
	fuzz_expect(a->r == b->r);
	fuzz_expect(a->n_messages == b->n_messages && a->n_fds == b->n_fds);
	fuzz_expect(a->size == b->size);
	/* unless the last did not fit */
	if (a->size < sizeof(a->bytes))
		fuzz_expect(!memcmp(a->bytes, b->bytes, a->size));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const uint32_t max_sizes[] = {64, 1024, 1 << 17, WIRE_MAX_SIZE};
	static const uint32_t max_fds[] = {0, 1, 4, 253};
	static struct outcome whole, cut;
	struct inbound_limits limits;
	uint32_t cuts;
	unsigned n_fds;
	int before;

	if (size < 4)
		return 0;
	limits = (struct inbound_limits){
		.max_message_size = max_sizes[bytes[0] & 3],
		.max_message_fds = max_fds[bytes[0] >> 2 & 3],
	};
	n_fds = bytes[1] % (MAX_FDS + 1);
	cuts = 1 + bytes[2] + bytes[3] * 256;
	size = size - 4 < MAX_BYTES ? size - 4 : MAX_BYTES;
	before = next_fd();
	feed(bytes + 4, size, &limits, n_fds, 0, &whole);
	feed(bytes + 4, size, &limits, n_fds, cuts, &cut);
	expect_same(&whole, &cut);
	limits.min_tail = 1;
	feed(bytes + 4, size, &limits, n_fds, cuts, &cut);
	fuzz_expect(next_fd() == before);
	expect_same(&whole, &cut);
	return 0;
}
