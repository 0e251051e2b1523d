/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Long messages of numbers, which a bus may move from socket to socket and not copy:
 * whatever happens meanwhile, every byte of them arrives, and nothing of one that is
 * not complete.  Most are larger than a socket holds. */
#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MIB (1u << 20)

struct fixture {
	struct subject *subject;
	struct conn *a, *b;
};

static struct fixture fixture_start(void)
{
	struct fixture f = {.subject = subject_start(NULL)};

	f.a = conn_new(f.subject->address);
	f.b = conn_new(f.subject->address);
	return f;
}

static void fixture_stop(struct fixture *f)
{
	conn_close(f->a);
	conn_close(f->b);
	subject_stop(f->subject);
}

/* no two places look the same, in no two messages */
static void put_numbers(struct blob *body, size_t size, uint32_t seed)
{
	size_t from = body->size;

	blob_zero(body, size);
	for (size_t i = 0; i < size; i++)
		body->data[from + i] = (i + seed) * 2654435761u >> 24;
}

/* @front, and behind that an array of numbers of @size bytes */
static void make_body(struct blob *body, const char *signature, size_t size, uint32_t seed)
{
	if (!strncmp(signature, "so", 2)) {
		blob_string(body, "some text");
		blob_align(body, 4);
		blob_string(body, "/a/path");
	} else if (!strncmp(signature, "as", 2)) {
		blob_u32(body, 0);
	} else if (!strncmp(signature, "vy", 2)) {
		blob_signature(body, "u");
		blob_align(body, 4);
		blob_u32(body, 7);
		blob_u8(body, 7);
	}
	blob_align(body, 4);
	if (!strncmp(signature, "aay", 3))
		blob_u32(body, size + 4);
	blob_u32(body, size);
	if (strchr("xtd(", signature[strlen(signature) - 1]) || strchr(signature, '('))
		blob_align(body, 8);
	put_numbers(body, size, seed);
}

static struct msg *numbers(const struct conn *to, const char *signature, size_t size, uint32_t seed)
{
	struct msg *msg = msg_to(msg_signal("/", "a.b", "Numbers"), to->unique);
	struct blob body = {0};

	make_body(&body, signature, size, seed);
	msg_body(msg, signature, body.data, body.size);
	blob_free(&body);
	return msg;
}

static void expect_numbers(struct conn *conn, const char *signature, size_t size, uint32_t seed)
{
	struct msg *msg = conn_find_signal(conn, "Numbers");
	struct blob body = {0};

	make_body(&body, signature, size, seed);
	expect_str(msg->signature, signature);
	expect_eq(msg->body.size, body.size);
	for (size_t i = 0; i < body.size; i++)
		if (msg->body.data[i] != body.data[i])
			fail("byte %zu of %zu is %d and not %d", i, body.size, msg->body.data[i],
			     body.data[i]);
	blob_free(&body);
	msg_free(msg);
}

static struct blob encode(struct conn *from, struct msg *msg)
{
	struct blob blob = {0};

	msg->serial = ++from->serial;
	msg_encode(msg, &blob);
	msg_free(msg);
	return blob;
}

/* in pieces; @to reads meanwhile, if there is one */
static void write_pieces(struct conn *from, const struct blob *blob, size_t begin, size_t end,
			 size_t piece, struct conn *to)
{
	for (size_t at = begin; at < end; at += piece) {
		expect(conn_write(from, blob->data + at, at + piece < end ? piece : end - at));
		if (to)
			conn_fill(to, 0);
	}
}

static void pass(struct fixture *f, const char *signature, size_t size, uint32_t seed, size_t piece)
{
	struct blob blob = encode(f->a, numbers(f->b, signature, size, seed));

	write_pieces(f->a, &blob, 0, blob.size, piece, f->b);
	expect_numbers(f->b, signature, size, seed);
	blob_free(&blob);
}

TEST_TIMEOUT(every_byte_arrives, 120)
{
	static const char *const signatures[] = {"ay",	 "ad",	 "an",	"soay",
						 "asat", "vyay", "aay", "a(tt)"};
	static const size_t sizes[] = {4096,   34000, 40000,   65536,
				       250000, MIB,   2 * MIB, 2 * MIB + 65536};
	static const size_t pieces[] = {4 * MIB, 100003, 4096};
	struct fixture f = fixture_start();
	uint32_t seed = 0;

	for (size_t s = 0; s < sizeof(signatures) / sizeof(signatures[0]); s++)
		for (size_t n = 0; n < sizeof(sizes) / sizeof(sizes[0]); n++, seed++)
			pass(&f, signatures[s], sizes[n] & ~(size_t)15, seed,
			     pieces[seed % (sizeof(pieces) / sizeof(pieces[0]))]);
	expect_quiet(f.a);
	expect_quiet(f.b);
	fixture_stop(&f);
}

/* each piece takes a place of its own, wherever they are kept */
TEST(of_small_pieces)
{
	struct fixture f = fixture_start();

	for (uint32_t i = 0; i < 3; i++)
		pass(&f, "ay", 400000, i, 701);
	fixture_stop(&f);
}

/* one after the other, with others between them, in one write */
TEST(in_a_row)
{
	struct fixture f = fixture_start();
	struct blob stream = {0};

	for (uint32_t i = 0; i < 12; i++) {
		struct blob blob = encode(f.a, numbers(f.b, "ay", i % 3 ? 150000 : 10, i));

		blob_bytes(&stream, blob.data, blob.size);
		blob_free(&blob);
	}
	write_pieces(f.a, &stream, 0, stream.size, 1000000, f.b);
	for (uint32_t i = 0; i < 12; i++)
		expect_numbers(f.b, "ay", i % 3 ? 150000 : 10, i);
	blob_free(&stream);
	fixture_stop(&f);
}

TEST_TIMEOUT(of_many_senders_at_a_time, 60)
{
	enum { N = 40, SIZE = 300000, PIECE = 50000, FIRST = 3 * PIECE };
	struct fixture f = fixture_start();
	struct conn *senders[N];
	struct blob blobs[N];

	for (uint32_t i = 0; i < N; i++) {
		senders[i] = conn_new(f.subject->address);
		blobs[i] = encode(senders[i], numbers(f.b, "ay", SIZE, i));
		/* read before the next */
		for (size_t at = 0; at < FIRST; at += PIECE) {
			write_pieces(senders[i], &blobs[i], at, at + PIECE, PIECE, NULL);
			conn_sync(f.a);
		}
	}
	for (size_t at = FIRST; at < blobs[0].size; at += PIECE)
		for (uint32_t i = 0; i < N; i++) {
			size_t end = at + PIECE < blobs[i].size ? at + PIECE : blobs[i].size;

			write_pieces(senders[i], &blobs[i], at, end, PIECE, NULL);
		}
	/* in whatever order they are complete */
	for (uint32_t i = 0; i < N; i++) {
		struct msg *msg = conn_find_signal(f.b, "Numbers");
		uint32_t seed = 0;

		while (seed < N && strcmp(msg->sender, senders[seed]->unique) != 0)
			seed++;
		expect_lt(seed, (uint32_t)N);
		expect_eq(msg->body.size, (size_t)SIZE + 4);
		for (size_t k = 0; k < SIZE; k++)
			if (msg->body.data[k + 4] != (uint8_t)((k + seed) * 2654435761u >> 24))
				fail("byte %zu from %s", k, msg->sender);
		msg_free(msg);
	}
	expect_quiet(f.b);
	for (uint32_t i = 0; i < N; i++) {
		blob_free(&blobs[i]);
		conn_close(senders[i]);
	}
	fixture_stop(&f);
}

/* what receivers do not read is kept for them, and the others are served */
TEST_TIMEOUT(for_receivers_that_do_not_read, 60)
{
	enum { N = 40, SIZE = 1900000 };
	struct fixture f = fixture_start();
	struct conn *receivers[N];

	for (uint32_t i = 0; i < N; i++) {
		struct blob blob;

		receivers[i] = conn_new(f.subject->address);
		blob = encode(f.a, numbers(receivers[i], "ay", SIZE, i));
		write_pieces(f.a, &blob, 0, blob.size, SIZE, NULL);
		blob_free(&blob);
	}
	pass(&f, "ay", MIB, 99, MIB);
	for (uint32_t i = 0; i < N; i++) {
		expect_numbers(receivers[i], "ay", SIZE, i);
		expect_quiet(receivers[i]);
		conn_close(receivers[i]);
	}
	fixture_stop(&f);
}

static void become_monitor(struct conn *conn)
{
	struct msg *call = msg_append(msg_call(DRIVER_NAME, DRIVER_PATH,
					       "org.freedesktop.DBus.Monitoring", "BecomeMonitor"),
				      "asu", 1, "member='Numbers'", 0);

	expect_return(conn_call(conn, call));
}

/* a monitor that comes while a message is on its way sees it, and so does its receiver */
TEST(with_a_monitor_that_comes_meanwhile)
{
	struct fixture f = fixture_start();
	struct conn *monitor = conn_new(f.subject->address);
	struct blob blob;

	pass(&f, "ay", MIB, 1, MIB);
	blob = encode(f.a, numbers(f.b, "ay", MIB, 2));
	write_pieces(f.a, &blob, 0, blob.size / 2, MIB, NULL);
	conn_sync(f.b);
	become_monitor(monitor);
	write_pieces(f.a, &blob, blob.size / 2, blob.size, 100000, f.b);
	expect_numbers(f.b, "ay", MIB, 2);
	expect_numbers(monitor, "ay", MIB, 2);
	blob_free(&blob);
	pass(&f, "ay", MIB, 3, MIB);
	expect_numbers(monitor, "ay", MIB, 3);
	conn_close(monitor);
	fixture_stop(&f);
}

TEST(with_an_eavesdropper_that_comes_meanwhile)
{
	struct fixture f = fixture_start();
	struct conn *eavesdropper = conn_new(f.subject->address);
	struct blob blob = encode(f.a, numbers(f.b, "ay", MIB, 2));

	write_pieces(f.a, &blob, 0, blob.size / 2, MIB, NULL);
	conn_sync(f.b);
	add_match(eavesdropper, "member='Numbers',eavesdrop='true'");
	write_pieces(f.a, &blob, blob.size / 2, blob.size, 100000, f.b);
	expect_numbers(f.b, "ay", MIB, 2);
	expect_numbers(eavesdropper, "ay", MIB, 2);
	blob_free(&blob);
	conn_close(eavesdropper);
	fixture_stop(&f);
}

/* nothing of a message that never became one is left in the next */
TEST(from_a_sender_that_dies)
{
	struct fixture f = fixture_start();

	for (uint32_t i = 0; i < 5; i++) {
		struct conn *dies = conn_new(f.subject->address);
		struct blob blob = encode(dies, numbers(f.b, "ay", MIB, 100));

		write_pieces(dies, &blob, 0, blob.size - 1, 100000, NULL);
		conn_sync(f.a);
		conn_close(dies);
		expect_quiet(f.b);
		blob_free(&blob);
		pass(&f, "ay", MIB, i, MIB);
	}
	fixture_stop(&f);
}

/* with a message in its socket, half written and in its queue */
TEST(to_a_receiver_that_dies)
{
	struct fixture f = fixture_start();

	for (uint32_t i = 0; i < 5; i++) {
		struct conn *dies = conn_new(f.subject->address);

		for (uint32_t k = 0; k < 5; k++) {
			struct blob blob = encode(f.a, numbers(dies, "ay", MIB, 100));

			write_pieces(f.a, &blob, 0, blob.size, MIB, NULL);
			blob_free(&blob);
		}
		conn_sync(f.a);
		conn_close(dies);
		pass(&f, "ay", MIB, i, MIB);
	}
	expect_quiet(f.a);
	fixture_stop(&f);
}

/* where clients are in one process, and the bus as well */
static bool is_moved(void)
{
	return !strcmp(subject_name(), "embedded");
}

/* section "File Descriptors": they may not be sent before the first byte of their message, as here
 * with the last bytes of the one before.  DIFFERENCES early-fds */
TEST(with_descriptors_of_the_next_message)
{
	struct fixture f = fixture_start();
	struct blob blob = {0}, next = {0};
	struct msg *msg = msg_to(msg_signal("/", "a.b", "Descriptors"), f.b->unique);
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	size_t half;

	/* the first tells the bus what comes */
	pass(&f, "ay", MIB, 1, MIB);
	blob = encode(f.a, numbers(f.b, "ay", MIB, 2));
	half = blob.size / 2;
	msg->unix_fds = 1;
	next = encode(f.a, msg);
	blob_bytes(&blob, next.data, next.size);
	write_pieces(f.a, &blob, 0, half, MIB, f.b);
	conn_sync(f.b);
	if (conn_write_fds(f.a, blob.data + half, blob.size - half, &fd, 1) && !is_moved())
		msg_free(conn_find_signal(f.b, "Descriptors"));
	if (is_moved())
		expect_eof(f.a);
	expect_numbers(f.b, "ay", MIB, 2);
	expect_quiet(f.b);
	blob_free(&blob);
	blob_free(&next);
	close(fd);
	fixture_stop(&f);
}
