/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Large messages, up to the format's 128 MiB, and the limits on them. */
#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#include <stdlib.h>
#include <string.h>

#define MIB (1u << 20)

/* a string of 'a's is too slow to check in the sender; an array of bytes is not */
static struct msg *big_msg(struct msg *msg, size_t n_bytes)
{
	struct blob body = {0};

	blob_u32(&body, n_bytes);
	blob_zero(&body, n_bytes);
	/* something to recognise at both ends */
	body.data[4] = 0x5a;
	body.data[body.size - 1] = 0xa5;
	msg_body(msg, "ay", body.data, body.size);
	blob_free(&body);
	return msg;
}

static void expect_big(struct msg *msg, size_t n_bytes)
{
	expect_eq(msg->body.size, n_bytes + 4);
	expect_eq(msg->body.data[4], 0x5a);
	expect_eq(msg->body.data[msg->body.size - 1], 0xa5);
	for (size_t i = 5; i < msg->body.size - 1; i += 4093)
		expect_eq(msg->body.data[i], 0);
	msg_free(msg);
}

/* Sends while the receiver reads: no socket takes all of it at once. */
static void send_and_receive(struct conn *from, struct conn *to, struct msg *msg)
{
	struct blob blob = {0};
	size_t step = 256 * 1024;

	msg->serial = ++from->serial;
	msg_encode(msg, &blob);
	msg_free(msg);
	for (size_t done = 0; done < blob.size; done += step) {
		size_t left = blob.size - done;

		expect(conn_write(from, blob.data + done, left < step ? left : step));
		conn_fill(to, 0);
	}
	blob_free(&blob);
}

static void exchange(const char *xml, size_t n_bytes)
{
	struct subject *subject = subject_start(xml);
	struct conn *a = conn_new(subject->address), *b = conn_new(subject->address);
	struct msg *call;
	uint32_t serial;

	send_and_receive(a, b, big_msg(msg_call(b->unique, "/", "a.b", "Big"), n_bytes));
	serial = a->serial;
	call = conn_find_call(b, "Big");
	expect_eq(call->serial, serial);
	expect_str(call->sender, a->unique);
	send_and_receive(b, a, big_msg(msg_return(call), n_bytes));
	expect_big(call, n_bytes);
	expect_big(conn_reply(a, serial), n_bytes);
	expect_quiet(a);
	expect_quiet(b);
	conn_close(a);
	conn_close(b);
	subject_stop(subject);
}

#define RAISED                                                                                     \
	"<limit name=\"max_message_size\">1000000000</limit>"                                      \
	"<limit name=\"max_incoming_bytes\">1000000000</limit>"                                    \
	"<limit name=\"max_outgoing_bytes\">1000000000</limit>"

TEST(around_sizes_that_matter)
{
	static const size_t sizes[] = {0,      1,	4095,	 4096,	  8192,	   16384,  32768,
				       65535,  65536,	65537,	 131072,  200000,  524287, 524288,
				       600000, 1048575, 1048576, 2097151, 2097152, 3000000};
	struct subject *subject = subject_start(NULL);
	struct conn *a = conn_new(subject->address), *b = conn_new(subject->address);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t n = sizes[i] + 2;

		send_and_receive(a, b,
				 big_msg(msg_to(msg_signal("/", "a.b", "Big"), b->unique), n));
		expect_big(conn_find_signal(b, "Big"), n);
	}
	conn_close(a);
	conn_close(b);
	subject_stop(subject);
}

TEST(one_mib)
{
	exchange(NULL, MIB);
}

TEST(thirty_mib_with_default_limits)
{
	exchange(NULL, 30 * MIB);
}

TEST_TIMEOUT(largest_array, 60)
{
	exchange(RAISED, 64 * MIB);
}

/* exactly 128 MiB, in two arrays since one may have 64 only */
TEST_TIMEOUT(largest_message, 60)
{
	struct subject *subject = subject_start(RAISED);
	struct conn *a = conn_new(subject->address), *b = conn_new(subject->address);
	struct msg *msg = msg_to(msg_signal("/", "a.b", "Largest"), b->unique);
	struct blob body = {0}, header = {0};
	size_t rest;

	msg->serial = 1;
	msg->signature = strdup("ayay");
	msg_encode(msg, &header);
	/* the bus adds a SENDER, which must fit as well */
	rest = MSG_MAX_SIZE - header.size - 64;
	blob_u32(&body, 64 * MIB);
	blob_zero(&body, 64 * MIB);
	blob_u32(&body, rest - body.size - 4);
	blob_zero(&body, rest - body.size);
	msg_body(msg, NULL, body.data, body.size);
	blob_free(&body);
	blob_free(&header);
	send_and_receive(a, b, msg);
	msg = conn_find_signal(b, "Largest");
	expect_eq(msg->body.size, rest);
	msg_free(msg);
	conn_close(a);
	conn_close(b);
	subject_stop(subject);
}

/* a header that promises more than the limit is enough */
static void expect_header_disconnects(const char *xml, uint32_t body_size, bool disconnects)
{
	struct subject *subject = subject_start(xml);
	struct conn *a = conn_new(subject->address), *b = conn_new(subject->address);
	struct blob blob = {0};
	struct msg *msg = msg_to(msg_signal("/", "a.b", "Big"), b->unique);

	msg->serial = 1;
	msg->signature = strdup("ay");
	msg_encode(msg, &blob);
	blob_put_u32(&blob, 4, body_size);
	conn_write(a, blob.data, 16);
	if (disconnects)
		expect_eof(a);
	else
		expect_silence(a, 50);
	expect_quiet(b);
	blob_free(&blob);
	msg_free(msg);
	conn_close(a);
	conn_close(b);
	subject_stop(subject);
}

TEST(more_than_the_format_allows)
{
	expect_header_disconnects(RAISED, MSG_MAX_SIZE, true);
	expect_header_disconnects(RAISED, 0xffffffff, true);
	expect_header_disconnects(RAISED, 0xffffff00, true);
	expect_header_disconnects(RAISED, MSG_MAX_SIZE - 1024, false);
}

TEST(default_limit_is_32_mib)
{
	expect_header_disconnects(NULL, 32 * MIB, true);
	expect_header_disconnects(NULL, 32 * MIB - 1024, false);
}

TEST(configured_limit)
{
	const char *xml = "<limit name=\"max_message_size\">4096</limit>";
	struct subject *subject = subject_start(xml);
	struct conn *a = conn_new(subject->address), *b = conn_new(subject->address);
	struct msg *msg = msg_to(msg_signal("/", "a.b", "Fits"), b->unique);
	struct blob header = {0};
	size_t room;

	/* equal passes: header and body together */
	msg->serial = ++a->serial;
	msg->signature = strdup("ay");
	msg_encode(msg, &header);
	msg_free(msg);
	room = 4096 - header.size - 4;
	conn_send(a, big_msg(msg_to(msg_signal("/", "a.b", "Fits"), b->unique), room));
	expect_big(conn_find_signal(b, "Fits"), room);
	conn_send(a, big_msg(msg_to(msg_signal("/", "a.b", "Over"), b->unique), room + 1));
	expect_eof(a);
	expect_quiet(b);
	blob_free(&header);
	conn_close(a);
	conn_close(b);
	subject_stop(subject);
}

/* a sender that stops in mid-message costs nobody anything */
TEST(half_a_message_waits)
{
	struct subject *subject = subject_start(NULL);
	struct conn *a = conn_new(subject->address), *b = conn_new(subject->address);
	struct conn *slow = conn_new(subject->address);
	struct msg *msg = big_msg(msg_to(msg_signal("/", "a.b", "Slow"), b->unique), MIB);
	struct blob blob = {0};

	msg->serial = 99;
	msg_encode(msg, &blob);
	msg_free(msg);
	conn_write(slow, blob.data, blob.size / 2);
	for (int i = 0; i < 100; i++) {
		conn_send(a, msg_to(msg_signal("/", "a.b", "Fast"), b->unique));
		expect_next(b, MSG_SIGNAL, "Fast");
	}
	for (size_t done = blob.size / 2; done < blob.size; done += 64 * 1024) {
		size_t left = blob.size - done;

		conn_write(slow, blob.data + done, left < 64 * 1024 ? left : 64 * 1024);
		conn_fill(b, 0);
	}
	expect_big(conn_find_signal(b, "Slow"), MIB);
	blob_free(&blob);
	conn_close(a);
	conn_close(b);
	conn_close(slow);
	subject_stop(subject);
}

/* memory is given back */
TEST(memory_does_not_grow)
{
	struct subject *subject = subject_start(NULL);
	struct conn *a = conn_new(subject->address), *b = conn_new(subject->address);
	size_t first = 0;

	if (subject_is_sanitized())
		skip("the sanitizer keeps freed memory");
	for (int i = 0; i < 12; i++) {
		send_and_receive(
			a, b, big_msg(msg_to(msg_signal("/", "a.b", "Big"), b->unique), 8 * MIB));
		expect_big(conn_find_signal(b, "Big"), 8 * MIB);
		if (i == 3)
			first = subject_rss_kib(subject);
	}
	expect_lt(subject_rss_kib(subject), first + 16 * 1024);
	conn_close(a);
	conn_close(b);
	subject_stop(subject);
}
