/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From bytes to messages, however they are cut.  Four bytes, then what a client sends:
 *
 *	0	limits: two bits choose max_message_size, two max_message_fds
 *	1	how many descriptors come with the first byte
 *	2, 3	how the rest is cut, and where a message is the last for a while
 *
 * The messages that come out and how it ends must be those of the bytes in one piece.
 */
#include <fcntl.h>
#include <string.h>
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

static void check_message(const struct message *message, struct outcome *outcome)
{
	const struct wire_header *header = &message->header;

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

static void feed(const uint8_t *bytes, size_t size, const struct inbound_limits *limits,
		 unsigned n_fds, uint32_t cut, struct outcome *outcome)
{
	struct inbound_chunk chunk = {.bytes = malloc(CHUNK_SIZE), .capacity = CHUNK_SIZE};
	struct inbound in = {0};
	int fds[MAX_FDS];
	size_t at = 0;

	fuzz_expect(chunk.bytes);
	memset(outcome, 0, offsetof(struct outcome, r));
	outcome->r = INBOUND_MORE;
	for (unsigned i = 0; i < n_fds; i++)
		fuzz_expect((fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0);
	fuzz_expect(!inbound_add_fds(&in, fds, n_fds));
	while (at < size && (outcome->r == INBOUND_MORE || !outcome->r)) {
		size_t n = size - at;

		if (cut)
			n = 1 + next_random(&cut) % (n < 40 ? n : 40);
		receive(&in, &chunk, bytes + at, &n);
		at += n;
		take_messages(&in, &chunk, limits, &cut, outcome);
	}
	if (outcome->r && outcome->r != INBOUND_MORE)
		fuzz_expect(*inbound_outcome_text(outcome->r));
	if (!outcome->r)
		outcome->r = INBOUND_MORE;
	inbound_deinit(&in);
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

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const uint32_t max_sizes[] = {64, 1024, 1 << 17, WIRE_MAX_SIZE};
	static const uint32_t max_fds[] = {0, 1, 4, 253};
	static struct outcome whole, cut;
	struct inbound_limits limits;
	unsigned n_fds;
	int before;

	if (size < 4)
		return 0;
	limits = (struct inbound_limits){max_sizes[bytes[0] & 3], max_fds[bytes[0] >> 2 & 3]};
	n_fds = bytes[1] % (MAX_FDS + 1);
	size = size - 4 < MAX_BYTES ? size - 4 : MAX_BYTES;
	before = next_fd();
	feed(bytes + 4, size, &limits, n_fds, 0, &whole);
	feed(bytes + 4, size, &limits, n_fds, 1 + bytes[2] + bytes[3] * 256, &cut);
	fuzz_expect(next_fd() == before);
	fuzz_expect(whole.r == cut.r);
	fuzz_expect(whole.n_messages == cut.n_messages && whole.n_fds == cut.n_fds);
	fuzz_expect(whole.size == cut.size);
	size = whole.size < sizeof(whole.bytes) ? whole.size : sizeof(whole.bytes);
	/* unless the last did not fit */
	if (size == whole.size)
		fuzz_expect(!memcmp(whole.bytes, cut.bytes, size));
	return 0;
}
