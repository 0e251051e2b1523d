/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* proxy/inbound: messages come out whole and in order, however the bytes are cut */
#include "proxy/inbound.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proxy/wire-writer.h"
#include "tests/harness/tap.h"

#define SENDER ":1.42"

static const struct inbound_limits wide = {WIRE_MAX_SIZE, 16};

static uint8_t chunk_bytes[4096];

/* appends a signal with @size bytes of text and @n_fds announced descriptors */
static void add_signal(struct wire_writer *stream, uint32_t serial, size_t size, uint32_t n_fds)
{
	struct wire_writer writer;
	char *text = calloc(1, size + 1);
	uint8_t *bytes;
	size_t n;

	memset(text, 'x', size);
	wire_writer_init(&writer, WIRE_SIGNAL, 0, serial);
	wire_put_field_string(&writer, WIRE_FIELD_PATH, "/a");
	wire_put_field_string(&writer, WIRE_FIELD_INTERFACE, "a.b");
	wire_put_field_string(&writer, WIRE_FIELD_MEMBER, "c");
	if (n_fds)
		wire_put_field_u32(&writer, WIRE_FIELD_UNIX_FDS, n_fds);
	wire_put_body(&writer, "s");
	wire_put_string(&writer, text);
	expect_eq(wire_writer_finish(&writer, &bytes, &n), 0);
	stream->bytes = realloc(stream->bytes, stream->size + n);
	memcpy(stream->bytes + stream->size, bytes, n);
	stream->size += n;
	free(bytes);
	free(text);
}

/* what one recvmsg() of at most @max bytes does */
static size_t feed(struct inbound *in, struct inbound_chunk *chunk, const uint8_t *bytes,
		   size_t size, size_t max)
{
	struct iovec iov[2];
	int n = inbound_prepare(in, chunk, iov);
	size_t done = 0;

	size = size < max ? size : max;
	for (int i = 0; i < n && done < size; i++) {
		size_t part = size - done < iov[i].iov_len ? size - done : iov[i].iov_len;

		memcpy(iov[i].iov_base, bytes + done, part);
		done += part;
	}
	inbound_commit(in, chunk, done);
	return done;
}

static void check_stream(const struct wire_writer *stream, uint32_t n_messages, size_t step)
{
	struct inbound_chunk chunk = {.bytes = chunk_bytes, .capacity = sizeof(chunk_bytes)};
	struct inbound in = {0};
	struct message *message;
	uint32_t serial = 0;
	size_t at = 0;
	int r;

	while (at < stream->size) {
		at += feed(&in, &chunk, stream->bytes + at, stream->size - at, step);
		while (!(r = inbound_next(&in, &chunk, &wide, SENDER, strlen(SENDER), &message))) {
			expect_eq(message->header.serial, ++serial);
			expect_str(message_sender(message), SENDER);
			expect_str(message_member(message), "c");
			expect_eq(message->payload.size,
				  message->header.header_size + message->header.body_size);
			message_unref(message);
		}
		expect_eq(r, INBOUND_MORE);
	}
	expect_eq(serial, n_messages);
	expect(!inbound_is_partial(&in));
	inbound_deinit(&in);
}

TEST(any_cut_gives_the_same_messages)
{
	static const size_t sizes[] = {0, 1, 5000, 20, 100000, 3};
	struct wire_writer stream = {0};
	uint32_t n = 0;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		add_signal(&stream, ++n, sizes[i], 0);
	for (size_t step = 1; step < 40; step++)
		check_stream(&stream, n, step);
	for (size_t step = 40; step < stream.size; step += step / 3)
		check_stream(&stream, n, step);
	check_stream(&stream, n, stream.size);
	free(stream.bytes);
}

TEST(a_header_larger_than_the_chunk)
{
	struct wire_writer stream = {0}, writer;
	char *path = malloc(30000);
	uint8_t *bytes;
	size_t n;

	memset(path, 'p', 30000);
	path[0] = '/';
	path[29999] = '\0';
	wire_writer_init(&writer, WIRE_SIGNAL, 0, 1);
	wire_put_field_string(&writer, WIRE_FIELD_PATH, path);
	wire_put_field_string(&writer, WIRE_FIELD_INTERFACE, "a.b");
	wire_put_field_string(&writer, WIRE_FIELD_MEMBER, "c");
	wire_put_body(&writer, "");
	expect_eq(wire_writer_finish(&writer, &bytes, &n), 0);
	stream.bytes = bytes;
	stream.size = n;
	add_signal(&stream, 2, 10, 0);
	check_stream(&stream, 2, 1);
	check_stream(&stream, 2, 1000);
	check_stream(&stream, 2, 100000);
	free(stream.bytes);
	free(path);
}

static int first_outcome(const struct wire_writer *stream, const struct inbound_limits *limits)
{
	struct inbound_chunk chunk = {.bytes = chunk_bytes, .capacity = sizeof(chunk_bytes)};
	struct inbound in = {0};
	struct message *message = NULL;
	int r;

	feed(&in, &chunk, stream->bytes, stream->size, SIZE_MAX);
	r = inbound_next(&in, &chunk, limits, SENDER, strlen(SENDER), &message);
	message_unref(message);
	inbound_deinit(&in);
	return r;
}

TEST(max_message_size_is_inclusive)
{
	struct wire_writer stream = {0};
	struct inbound_limits limits = wide;

	add_signal(&stream, 1, 100, 0);
	limits.max_message_size = stream.size;
	expect_eq(first_outcome(&stream, &limits), 0);
	limits.max_message_size--;
	expect_eq(first_outcome(&stream, &limits), INBOUND_TOO_BIG);
	/* the fixed part of the header is enough to tell */
	stream.size = WIRE_FIXED_SIZE;
	expect_eq(first_outcome(&stream, &limits), INBOUND_TOO_BIG);
	free(stream.bytes);
}

TEST(descriptors_go_to_messages_in_order)
{
	struct inbound_chunk chunk = {.bytes = chunk_bytes, .capacity = sizeof(chunk_bytes)};
	struct wire_writer stream = {0};
	struct message *message;
	struct inbound in = {0};
	int fds[3];

	for (int i = 0; i < 3; i++)
		fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	add_signal(&stream, 1, 1, 1);
	add_signal(&stream, 2, 1, 0);
	add_signal(&stream, 3, 1, 2);
	add_signal(&stream, 4, 1, 1);
	feed(&in, &chunk, stream.bytes, stream.size, SIZE_MAX);
	expect_eq(inbound_add_fds(&in, fds, 3), 0);
	for (uint32_t serial = 1; serial <= 3; serial++) {
		expect_eq(inbound_next(&in, &chunk, &wide, SENDER, strlen(SENDER), &message), 0);
		expect_eq(message->payload.n_fds, message->header.n_fds);
		if (serial == 1)
			expect_eq(message->payload.fds[0], fds[0]);
		if (serial == 3) {
			expect_eq(message->payload.fds[0], fds[1]);
			expect_eq(message->payload.fds[1], fds[2]);
		}
		message_unref(message);
	}
	expect_eq(inbound_next(&in, &chunk, &wide, SENDER, strlen(SENDER), &message),
		  INBOUND_FDS_MISSING);
	inbound_deinit(&in);
	free(stream.bytes);
}

TEST(too_many_descriptors_are_refused_by_the_header)
{
	struct wire_writer stream = {0};
	struct inbound_limits limits = wide;

	add_signal(&stream, 1, 1, 17);
	expect_eq(first_outcome(&stream, &limits), INBOUND_TOO_MANY_FDS);
	free(stream.bytes);
}

TEST(what_is_left_over_is_freed)
{
	struct inbound_chunk chunk = {.bytes = chunk_bytes, .capacity = sizeof(chunk_bytes)};
	struct wire_writer stream = {0};
	struct message *message;

	add_signal(&stream, 1, 100, 0);
	for (size_t cut = 1; cut < stream.size; cut++) {
		int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		struct inbound in = {0};

		feed(&in, &chunk, stream.bytes, cut, SIZE_MAX);
		expect_eq(inbound_add_fds(&in, &fd, 1), 0);
		expect_eq(inbound_next(&in, &chunk, &wide, SENDER, strlen(SENDER), &message),
			  INBOUND_MORE);
		expect(inbound_is_partial(&in));
		inbound_deinit(&in);
		inbound_deinit(&in);
	}
	free(stream.bytes);
}
