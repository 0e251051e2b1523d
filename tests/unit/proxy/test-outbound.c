/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* proxy/outbound: order of answers, batches, short writes, descriptors */
#include "proxy/outbound.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/harness/tap.h"

static struct message *new_message(uint8_t fill, size_t size, uint32_t n_fds)
{
	struct message *message;

	expect_eq(message_new(size, n_fds, &message), 0);
	memset(message->bytes, fill, size);
	for (uint32_t i = 0; i < n_fds; i++)
		message->payload.fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return message;
}

static void add_answer(struct outbound *out, uint8_t fill, uint64_t position)
{
	struct message *message = new_message(fill, 8, 0);

	expect_eq(outbound_answer(out, message, position), 0);
	message_unref(message);
}

static int take(struct outbound *out, uint64_t position)
{
	struct message *message = outbound_take_answer(out, position);
	int fill = message ? message->bytes[0] : -1;

	message_unref(message);
	return fill;
}

TEST(an_answer_waits_for_its_position)
{
	struct outbound out;

	outbound_init(&out);
	add_answer(&out, 1, 5);
	add_answer(&out, 2, 5);
	add_answer(&out, 3, 9);
	expect_eq(take(&out, 4), -1);
	expect_eq(take(&out, 5), 1);
	expect_eq(take(&out, 8), 2);
	expect_eq(take(&out, 8), -1);
	expect_eq(out.n_answers, 1);
	expect_eq(take(&out, 9), 3);
	expect_eq(out.n_answer_bytes, 0);
	add_answer(&out, 4, 1);
	outbound_deinit(&out);
	outbound_deinit(&out);
}

static int write_batch(struct outbound *out, int fd, struct message **batch, uint32_t n,
		       size_t n_sent)
{
	struct reserve reserve = {0};
	int r;

	expect_eq(reserve_fill(&reserve, n), 0);
	r = outbound_write(out, fd, batch, n, n_sent, &reserve);
	reserve_deinit(&reserve);
	return r;
}

TEST(short_writes_lose_nothing)
{
	enum { N = 200, SIZE = 5000 };
	static uint8_t received[N * SIZE + 1];
	struct message *batch[N];
	struct outbound out;
	size_t n_received = 0, n_sent = 0;
	uint32_t n = N;
	int fds[2], r;

	expect_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	outbound_init(&out);
	for (uint32_t i = 0; i < N; i++)
		batch[i] = new_message(i, SIZE, 0);
	do {
		ssize_t size;

		r = write_batch(&out, fds[0], batch, n, n_sent);
		expect(r == 0 || r == OUTBOUND_FULL);
		n = r ? outbound_take_unsent(&out, batch, &n_sent) : 0;
		size = recv(fds[1], received + n_received, 3333, 0);
		expect_gt(size, 0);
		n_received += size;
	} while (n);
	for (ssize_t size; (size = recv(fds[1], received + n_received, SIZE, 0)) > 0;)
		n_received += size;
	expect_eq(n_received, (size_t)N * SIZE);
	for (size_t i = 0; i < n_received; i++)
		if (received[i] != (uint8_t)(i / SIZE))
			fail("byte %zu is %d", i, received[i]);
	outbound_deinit(&out);
	close(fds[0]);
	close(fds[1]);
}

static int receive_fds(int fd, size_t size)
{
	char bytes[64], control[CMSG_SPACE(16 * sizeof(int))];
	struct iovec iov = {bytes, size};
	struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
				.msg_controllen = sizeof(control)};
	struct cmsghdr *first;
	int n;

	expect_eq(recvmsg(fd, &header, MSG_WAITALL), (ssize_t)size);
	first = CMSG_FIRSTHDR(&header);
	if (!first)
		return 0;
	n = (first->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	for (int i = 0; i < n; i++)
		close(((int *)CMSG_DATA(first))[i]);
	return n;
}

TEST(descriptors_go_with_the_first_byte_of_their_message)
{
	struct message *batch[] = {new_message(1, 8, 0), new_message(2, 8, 2), new_message(3, 8, 0),
				   new_message(4, 8, 1)};
	struct outbound out;
	int fds[2];

	expect_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	outbound_init(&out);
	expect_eq(write_batch(&out, fds[0], batch, 4, 0), 0);
	expect_eq(receive_fds(fds[1], 8), 0);
	expect_eq(receive_fds(fds[1], 8), 2);
	expect_eq(receive_fds(fds[1], 8), 0);
	expect_eq(receive_fds(fds[1], 8), 1);
	outbound_deinit(&out);
	close(fds[0]);
	close(fds[1]);
}

TEST(a_closed_peer_is_an_outcome)
{
	struct message *batch[] = {new_message(1, 8, 1), new_message(2, 8, 0)};
	struct outbound out;
	int fds[2];

	expect_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	close(fds[1]);
	outbound_init(&out);
	expect_eq(write_batch(&out, fds[0], batch, 2, 0), OUTBOUND_BROKEN);
	expect_eq(out.n_unsent, 0);
	close(fds[0]);
}
