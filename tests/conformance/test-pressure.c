/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Back-pressure: one client does not read.  Whoever sends to it is told, or its
 * broadcasts are lost; nobody else notices, nobody is disconnected, and the bus
 * keeps its memory. */
#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* small enough to be reached soon, large enough for everybody else */
#define OUTGOING                                                                                   \
	"<limit name=\"max_outgoing_bytes\">2000000</limit>"                                       \
	"<limit name=\"max_incoming_bytes\">1000000000</limit>"                                    \
	"<limit name=\"max_incoming_unix_fds\">100000</limit>"                                     \
	"<limit name=\"max_replies_per_connection\">50000</limit>"

struct fixture {
	struct subject *subject;
	struct conn *sender, *stuck; /* stuck does not read until it is told to */
	struct conn *good[2];
	size_t rss_kib;
};

static struct fixture fixture_start(void)
{
	struct fixture f = {.subject = subject_start(OUTGOING)};

	f.sender = conn_new(f.subject->address);
	f.stuck = conn_new(f.subject->address);
	f.good[0] = conn_new(f.subject->address);
	f.good[1] = conn_new(f.subject->address);
	f.rss_kib = subject_rss_kib(f.subject);
	return f;
}

static void fixture_stop(struct fixture *f)
{
	conn_close(f->sender);
	conn_close(f->stuck);
	conn_close(f->good[0]);
	conn_close(f->good[1]);
	subject_stop(f->subject);
}

/* two others talk as ever, and so does the sender with one of them */
static void expect_others_unaffected(struct fixture *f)
{
	struct conn *pairs[][2] = {{f->good[0], f->good[1]}, {f->sender, f->good[0]}};

	for (int i = 0; i < 2; i++) {
		struct conn *from = pairs[i][0], *to = pairs[i][1];
		uint32_t serial = conn_send(from, msg_call(to->unique, "/", "a.b", "Ask"));
		struct msg *call = conn_find_call(to, "Ask");

		conn_send(to, msg_return(call));
		msg_free(call);
		expect_return(conn_reply(from, serial));
	}
	conn_close(conn_new(f->subject->address));
	if (!subject_is_sanitized())
		expect_lt(subject_rss_kib(f->subject), f->rss_kib + 32 * 1024);
}

static struct msg *with_body(struct msg *msg, size_t size)
{
	struct blob body = {0};

	blob_u32(&body, size);
	blob_zero(&body, size);
	msg_body(msg, "ay", body.data, body.size);
	blob_free(&body);
	return msg;
}

/* Sends calls until some are refused; returns how many were not. */
static uint32_t fill(struct fixture *f, size_t size)
{
	uint32_t n_sent = 0, n_refused = 0;

	while (!n_refused && n_sent < 50000) {
		for (int i = 0; i < 16; i++, n_sent++)
			conn_send(f->sender,
				  with_body(msg_call(f->stuck->unique, "/", "a.b", "Fill"), size));
		conn_sync(f->sender);
		for (; f->sender->inbox; n_refused++)
			expect_error(conn_next(f->sender), "LimitsExceeded");
	}
	if (!n_refused)
		fail("the bus takes everything for a client that does not read");
	return n_sent - n_refused;
}

/* It reads at last: an answer may be refused as long as its queue is full. */
static void unstick(struct fixture *f)
{
	while (conn_fill(f->stuck, 200))
		;
	conn_sync(f->stuck);
}

TEST(calls_to_a_client_that_does_not_read)
{
	struct fixture f = fixture_start();
	uint32_t n = fill(&f, 16 * 1024);

	expect_gt(n, 10);
	expect_others_unaffected(&f);
	/* every call that was not refused is there when it reads at last */
	unstick(&f);
	for (uint32_t i = 0; i < n; i++)
		msg_free(conn_find_call(f.stuck, "Fill"));
	expect_quiet(f.stuck);
	/* and all is as before */
	conn_send(f.sender, msg_call(f.stuck->unique, "/", "a.b", "Again"));
	msg_free(conn_find_call(f.stuck, "Again"));
	expect_quiet(f.sender);
	fixture_stop(&f);
}

TEST(many_small_calls)
{
	struct fixture f = fixture_start();
	uint32_t n = fill(&f, 8);

	expect_gt(n, 10);
	expect_others_unaffected(&f);
	unstick(&f);
	for (uint32_t i = 0; i < n; i++)
		msg_free(conn_find_call(f.stuck, "Fill"));
	fixture_stop(&f);
}

TEST(calls_without_reply)
{
	struct fixture f = fixture_start();

	/* whether their sender hears of it or not, they do not pile up */
	for (int i = 0; i < 2000; i++) {
		conn_send(f.sender,
			  with_body(msg_flags(msg_call(f.stuck->unique, "/", "a.b", "Fill"),
					      MSG_NO_REPLY),
				    32 * 1024));
		conn_fill(f.sender, 0);
		conn_drop(f.sender);
	}
	expect_others_unaffected(&f);
	unstick(&f);
	fixture_stop(&f);
}

TEST(broadcasts_to_a_client_that_does_not_read)
{
	struct fixture f = fixture_start();
	enum { N = 2000 };

	add_match(f.stuck, "interface='a.b'");
	add_match(f.good[0], "interface='a.b'");
	for (uint32_t i = 0; i < N; i++) {
		struct msg *msg;
		uint32_t number;

		conn_send(
			f.sender,
			msg_append(with_body(msg_signal("/", "a.b", "Flood"), 16 * 1024), "u", i));
		/* who reads gets every one of them */
		msg = conn_find_signal(f.good[0], "Flood");
		memcpy(&number, msg->body.data + msg->body.size - 4, 4);
		expect_eq(number, i);
		msg_free(msg);
	}
	expect_quiet(f.sender);
	expect_others_unaffected(&f);
	/* some were lost, the rest is in order; and it hears the next one */
	unstick(&f);
	expect(f.stuck->inbox != NULL);
	conn_drop(f.stuck);
	conn_send(f.sender, msg_signal("/", "a.b", "Again"));
	msg_free(conn_find_signal(f.stuck, "Again"));
	fixture_stop(&f);
}

TEST_TIMEOUT(driver_signals_to_a_client_that_does_not_read, 120)
{
	struct fixture f = fixture_start();

	add_match(f.stuck, "");
	for (int i = 0; i < 3000; i++) {
		request_name(f.sender, "org.example.Name", 0);
		release_name(f.sender, "org.example.Name");
		conn_drop(f.sender);
	}
	expect_others_unaffected(&f);
	unstick(&f);
	fixture_stop(&f);
}

/* It asks and asks, and never reads an answer. */
TEST(client_that_never_reads_its_answers)
{
	struct fixture f = fixture_start();
	struct conn *greedy = conn_new(f.subject->address);
	struct blob blob = {0};
	struct msg *call = msg_call(DRIVER_NAME, DRIVER_PATH, "org.freedesktop.DBus.Introspectable",
				    "Introspect");
	size_t total = 0;

	call->serial = 1;
	msg_encode(call, &blob);
	msg_free(call);
	/* up to the point where the bus stops reading, or for ever */
	while (total < 64 * 1024 * 1024) {
		ssize_t n = send(greedy->fd, blob.data, blob.size, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n != (ssize_t)blob.size)
			break;
		total += blob.size;
		if (total % (blob.size * 512) == 0)
			conn_sync(f.good[0]);
		if (!subject_is_sanitized() && subject_rss_kib(f.subject) > f.rss_kib + 160 * 1024)
			fail("memory grows with unread answers");
		if (total > 512 * blob.size && subject_is_reference())
			break; /* it has no limit here */
	}
	blob_free(&blob);
	conn_close(greedy);
	expect_others_unaffected(&f);
	fixture_stop(&f);
}

TEST(descriptors_to_a_client_that_does_not_read)
{
	struct fixture f = fixture_start();
	unsigned int before = subject_n_fds(f.subject), most = 0;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	bool refused = false;

	for (int i = 0; i < 1500 && !refused; i++) {
		struct msg *msg = with_body(msg_call(f.stuck->unique, "/", "a.b", "Fds"), 4096);
		unsigned int n;

		conn_send(f.sender, msg_attach(msg, fd));
		conn_sync(f.sender);
		if (f.sender->inbox) {
			expect_error(conn_next(f.sender), "LimitsExceeded");
			refused = true;
		}
		n = subject_n_fds(f.subject);
		if (n > most)
			most = n;
	}
	expect(refused);
	expect_lt(most, before + 600);
	close(fd);
	expect_others_unaffected(&f);
	/* what it holds is given back when it goes */
	f.stuck = conn_close(f.stuck);
	expect_lt(subject_settle_fds(f.subject, before - 1), before);
	fixture_stop(&f);
}

TEST(stuck_client_leaves)
{
	struct fixture f = fixture_start();
	uint32_t n = fill(&f, 64 * 1024);

	f.stuck = conn_close(f.stuck);
	/* each waiting call learns of it */
	for (uint32_t i = 0; i < n; i++)
		expect_error(conn_next(f.sender), "NoReply");
	expect_quiet(f.sender);
	expect_others_unaffected(&f);
	fixture_stop(&f);
}

/* not a limit of the receiver: a slow reader gets everything */
TEST(slow_reader_gets_everything)
{
	struct fixture f = fixture_start();
	enum { N = 150 };

	for (uint32_t i = 0; i < N; i++) {
		struct msg *msg = msg_to(msg_signal("/", "a.b", "Slow"), f.stuck->unique);

		conn_send(f.sender, with_body(msg_append(msg, "u", i), 8 * 1024));
		if (i % 50 == 49)
			usleep(5000);
	}
	for (uint32_t i = 0; i < N; i++) {
		struct msg *msg = conn_find_signal(f.stuck, "Slow");
		uint32_t number;

		msg_read(msg, "u", &number);
		expect_eq(number, i);
		msg_free(msg);
	}
	expect_quiet(f.sender);
	fixture_stop(&f);
}

/* what was said lasts longer than who said it, and what is known of him as long */
TEST(slow_reader_hears_those_who_have_left)
{
	struct fixture f = fixture_start();
	enum { N_BEFORE = 100, N_SENDERS = 20, N_EACH = 3 };

	/* more than its socket takes */
	for (uint32_t i = 0; i < N_BEFORE; i++)
		conn_send(f.sender,
			  with_body(msg_to(msg_signal("/", "a.b", "Before"), f.stuck->unique),
				    8 * 1024));
	conn_sync(f.sender);
	for (uint32_t i = 0; i < N_SENDERS; i++) {
		struct conn *conn = conn_new(f.subject->address);

		for (uint32_t k = 0; k < N_EACH; k++) {
			struct msg *msg = msg_to(msg_signal("/", "a.b", "Last"), f.stuck->unique);

			conn_send(conn, msg_append(msg, "u", i * N_EACH + k));
		}
		conn_sync(conn);
		conn_close(conn);
	}
	expect_others_unaffected(&f);
	for (uint32_t i = 0; i < N_SENDERS * N_EACH; i++) {
		struct msg *msg = conn_find_signal(f.stuck, "Last");
		uint32_t number;

		msg_read(msg, "u", &number);
		expect_eq(number, i);
		msg_free(msg);
	}
	fixture_stop(&f);
}
