/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* proxy/tail: what is moved arrives as what is copied does; pipes are few, and none is used again
 * with something in it */
#include "proxy/tail.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/message.h"
#include "proxy/outbound.h"
#include "tests/harness/tap.h"

enum { SIZE = 100000, HEAD = 1000 };

static uint8_t number_at(size_t at, unsigned seed)
{
	return (at + seed) * 2654435761u >> 24;
}

/* one of which the first bytes are in memory, and nothing else yet in its tail */
static struct message *new_message(struct tail_pool *pool, unsigned seed)
{
	struct message *message;

	expect_eq(message_new(SIZE, 0, &message), 0);
	memset(message->bytes, 0xee, SIZE);
	for (size_t i = 0; i < HEAD; i++)
		message->bytes[i] = number_at(i, seed);
	if (!pool)
		return message;
	expect_eq(tail_begin(pool, message, HEAD), 0);
	expect_eq(message->tail->at, 0);
	expect_eq(message->tail->size, HEAD);
	return message;
}

/* @size more bytes of it, sent in pieces */
static ssize_t fill(struct message *message, unsigned seed, size_t size, size_t piece)
{
	size_t from = message->tail->at + message->tail->size;
	static uint8_t bytes[SIZE];
	ssize_t n;
	int fds[2];

	expect_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	for (size_t at = 0; at < size; at += piece) {
		size_t part = size - at < piece ? size - at : piece;

		for (size_t i = 0; i < part; i++)
			bytes[i] = number_at(from + at + i, seed);
		expect_eq(write(fds[0], bytes, part), (ssize_t)part);
	}
	n = tail_fill(message->tail, fds[1], size);
	close(fds[0]);
	close(fds[1]);
	return n;
}

static void expect_numbers(const uint8_t *bytes, size_t from, size_t to, unsigned seed)
{
	for (size_t i = from; i < to; i++)
		if (bytes[i] != number_at(i, seed))
			fail("byte %zu is %d and not %d", i, bytes[i], number_at(i, seed));
}

TEST(what_is_gathered_is_a_message_like_any_other)
{
	struct tail_pool pool;
	struct message *message;

	tail_pool_init(&pool, 1);
	message = new_message(&pool, 3);
	message_gather(message);
	expect(!message->tail);
	expect_eq(tail_begin(&pool, message, HEAD), 0);
	expect_eq(fill(message, 3, 30000, 30000), 30000);
	expect_eq(fill(message, 3, SIZE - HEAD - 30000, 5000), SIZE - HEAD - 30000);
	message_gather(message);
	expect(!message->tail);
	expect_numbers(message->bytes, 0, SIZE, 3);
	message_gather(message);
	message_unref(message);
	expect_eq(pool.n, 1);
	tail_pool_deinit(&pool);
	expect_eq(pool.n, 0);
}

TEST(the_oldest_gives_way)
{
	struct message *messages[4];
	struct tail_pool pool;

	tail_pool_init(&pool, 3);
	for (unsigned i = 0; i < 3; i++) {
		messages[i] = new_message(&pool, i);
		expect_eq(fill(messages[i], i, 50000, 50000), 50000);
	}
	messages[3] = new_message(&pool, 3);
	expect(!messages[0]->tail);
	expect(messages[1]->tail && messages[2]->tail && messages[3]->tail);
	expect_numbers(messages[0]->bytes, 0, HEAD + 50000, 0);
	expect_eq(pool.n, 3);
	expect_eq(fill(messages[3], 3, SIZE - HEAD, 50000), SIZE - HEAD);
	for (unsigned i = 1; i < 4; i++)
		message_gather(messages[i]);
	expect_numbers(messages[1]->bytes, 0, HEAD + 50000, 1);
	expect_numbers(messages[2]->bytes, 0, HEAD + 50000, 2);
	expect_numbers(messages[3]->bytes, 0, SIZE, 3);
	for (unsigned i = 0; i < 4; i++)
		message_unref(messages[i]);
	/* one is kept, whatever was in them */
	expect_eq(pool.n, 1);
	expect_eq(pool.n_idle, 1);
	tail_pool_deinit(&pool);
}

TEST(nothing_of_one_is_left_for_the_next)
{
	struct tail_pool pool;
	struct message *message;

	tail_pool_init(&pool, 1);
	message = new_message(&pool, 1);
	expect_eq(fill(message, 1, 50000, 50000), 50000);
	message_unref(message);
	expect_eq(pool.n_idle, 1);
	message = new_message(&pool, 2);
	expect_eq(fill(message, 2, SIZE - HEAD, 50000), SIZE - HEAD);
	message_gather(message);
	expect_numbers(message->bytes, 0, SIZE, 2);
	message_unref(message);
	tail_pool_deinit(&pool);
}

TEST(small_pieces_fill_it_with_little)
{
	struct tail_pool pool;
	struct message *message;
	ssize_t n = 0, r;

	tail_pool_init(&pool, 1);
	message = new_message(&pool, 1);
	while ((r = fill(message, 1, 1000, 10)) > 0)
		n += r;
	expect_eq(r, -ENOSPC);
	expect_gt(n, 0);
	expect_lt(n, SIZE - HEAD);
	message_gather(message);
	expect_numbers(message->bytes, 0, HEAD + n, 1);
	message_unref(message);
	tail_pool_deinit(&pool);
}

TEST(the_end_of_the_socket_is_told)
{
	struct tail_pool pool;
	struct message *message;
	int fds[2];

	tail_pool_init(&pool, 1);
	message = new_message(&pool, 1);
	expect_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	expect_eq(tail_fill(message->tail, fds[1], 100), -EAGAIN);
	close(fds[0]);
	expect_eq(tail_fill(message->tail, fds[1], 100), 0);
	close(fds[1]);
	message_unref(message);
	tail_pool_deinit(&pool);
}

TEST(a_pool_of_none_gives_none)
{
	struct message *message = new_message(NULL, 1);
	struct tail_pool pool;

	tail_pool_init(&pool, 0);
	expect_eq(tail_begin(&pool, message, HEAD), -EOPNOTSUPP);
	expect(!message->tail);
	message_unref(message);
	tail_pool_deinit(&pool);
}

/* a few messages into a socket that takes less at a time; every third is gathered half written */
static void write_all(struct tail_pool *pool, bool is_gathered)
{
	enum { N = 6 };
	static uint8_t received[N * SIZE];
	struct message *batch[N];
	struct reserve reserve = {0};
	struct outbound out;
	size_t n_received = 0, n_sent = 0;
	uint32_t n = N;
	int fds[2], r;

	expect_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	outbound_init(&out);
	for (unsigned i = 0; i < N; i++) {
		/* those without stand between */
		batch[i] = new_message(i % 2 ? pool : NULL, i);
		for (size_t k = HEAD; !batch[i]->tail && k < SIZE; k++)
			batch[i]->bytes[k] = number_at(k, i);
		if (batch[i]->tail)
			expect_eq(fill(batch[i], i, SIZE - HEAD, 50000), SIZE - HEAD);
	}
	while (n) {
		ssize_t size;

		expect_eq(reserve_fill(&reserve, n), 0);
		r = outbound_write(&out, fds[0], batch, n, n_sent, &reserve);
		expect(r == 0 || r == OUTBOUND_FULL);
		n = r ? outbound_take_unsent(&out, batch, &n_sent) : 0;
		if (n && is_gathered)
			message_gather(batch[0]);
		while ((size = recv(fds[1], received + n_received, 30011, 0)) > 0)
			n_received += size;
	}
	expect_eq(n_received, (size_t)N * SIZE);
	for (unsigned i = 0; i < N; i++)
		expect_numbers(received + i * SIZE, 0, SIZE, i);
	reserve_deinit(&reserve);
	outbound_deinit(&out);
	close(fds[0]);
	close(fds[1]);
}

TEST(batches_with_tails_are_written_in_order)
{
	struct tail_pool pool;

	tail_pool_init(&pool, 3);
	write_all(&pool, false);
	write_all(&pool, true);
	tail_pool_deinit(&pool);
}

TEST(who_does_not_read_any_more_is_noticed)
{
	struct reserve reserve = {0};
	struct tail_pool pool;
	struct outbound out;
	struct message *message;
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	tail_pool_init(&pool, 1);
	message = new_message(&pool, 1);
	expect_eq(fill(message, 1, SIZE - HEAD, 50000), SIZE - HEAD);
	expect_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	close(fds[1]);
	outbound_init(&out);
	expect_eq(reserve_fill(&reserve, 1), 0);
	expect_eq(outbound_write(&out, fds[0], &message, 1, 0, &reserve), OUTBOUND_BROKEN);
	reserve_deinit(&reserve);
	outbound_deinit(&out);
	close(fds[0]);
	expect_eq(pool.n, pool.n_idle);
	tail_pool_deinit(&pool);
}
