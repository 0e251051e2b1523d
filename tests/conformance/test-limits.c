/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Limits of the configuration: those of connections, and how limits change.  What a limit does that
 * belongs to a subject is tested with it: of match rules in test-match, names in test-names,
 * replies in test-replies, descriptors in test-fds, the size of messages in test-large, Hello in
 * test-hello. */
#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LIMIT(name, value) "<limit name=\"" name "\">" value "</limit>"

/* gets an answer within ms */
static bool is_served(struct conn *conn, int ms)
{
	struct pollfd p = {conn->fd, POLLIN, 0};
	char byte;

	conn_text(conn, "AUTH ANY\r\n");
	return poll(&p, 1, ms) == 1 && recv(conn->fd, &byte, 1, MSG_PEEK) == 1;
}

static bool is_closed(struct conn *conn)
{
	char byte;

	return recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0 && errno != EAGAIN;
}

/* connects and says nothing */
static struct conn *connect_silently(const char *address)
{
	struct conn *conn = conn_open(address);

	conn_write(conn, "", 1);
	return conn;
}

/* Authentication */

TEST(auth_timeout_of_none)
{
	struct subject *subject = subject_start(LIMIT("auth_timeout", "0"));
	struct conn *conn = conn_open(subject->address);

	expect_eof(conn);
	conn_close(conn);
	subject_stop(subject);
}

TEST(auth_timeout_changes)
{
	struct subject *subject = subject_start(LIMIT("auth_timeout", "30000"));
	struct conn *good = conn_new(subject->address), *first, *second;

	/* less for those that come, and then for those that are there */
	first = connect_silently(subject->address);
	expect(subject_reload(subject, good, LIMIT("auth_timeout", "200")));
	second = connect_silently(subject->address);
	expect_eof(second);
	expect_eof(first);
	conn_close(first);
	conn_close(second);
	/* more for those that are there */
	first = connect_silently(subject->address);
	expect(subject_reload(subject, good, LIMIT("auth_timeout", "30000")));
	expect_silence(first, 500);
	conn_text(first, "AUTH ANY\r\n");
	expect_line_like(first, "REJECTED");
	conn_close(first);
	conn_close(good);
	subject_stop(subject);
}

/* one place there always is */
TEST(no_incomplete_connections)
{
	struct subject *subject = subject_start(LIMIT("max_incomplete_connections", "0"));

	conn_close(conn_new(subject->address));
	/* it counts wrong then, and stays closed */
	if (!subject_is_reference())
		conn_close(conn_new(subject->address));
	subject_stop(subject);
}

#define EVERYBODY "<policy context=\"default\"><allow user=\"*\"/></policy>"

/* Somebody takes all places and does not use them.  On dbus-daemon everybody waits until they time
 * out; here another one gets in soon: DIFFERENCES incomplete-flood */
TEST(others_get_in_during_a_flood)
{
	enum { N = 40 };
	struct subject *subject = subject_start(LIMIT("max_incomplete_connections", "4") EVERYBODY);
	struct conn *flood[N], *good;
	int n_closed = 0;

	/* the first four get a place */
	for (int i = 0; i < N; i++)
		flood[i] = conn_open_nobody(subject->address);
	good = connect_silently(subject->address);
	if (subject_is_reference()) {
		expect(!is_served(good, 3000));
	} else {
		expect(is_served(good, WAIT_MS));
		/* the places stay where they are, more or less: one at least gave way */
		for (int i = 0; i < N; i++)
			n_closed += is_closed(flood[i]);
		expect_ge(n_closed, N - 5);
		expect_lt(n_closed, N);
	}
	for (int i = 0; i < N; i++)
		conn_close(flood[i]);
	conn_close(good);
	subject_stop(subject);
}

/* who is about to log in is not disturbed by others who want to */
TEST(a_crowd_gets_in)
{
	enum { N = 40 };
	struct subject *subject = subject_start(LIMIT("max_incomplete_connections", "4") EVERYBODY);
	struct conn *conns[N];

	for (int i = 0; i < N; i++)
		conns[i] = conn_open_nobody(subject->address);
	for (int i = 0; i < N; i++) {
		expect(is_served(conns[i], WAIT_MS));
		conn_close(conns[i]);
	}
	subject_stop(subject);
}

/* Zero */

TEST(limits_of_zero)
{
	struct subject *subject = subject_start(NULL);
	struct conn *a = conn_new(subject->address), *b = conn_new(subject->address), *c;
	struct msg *call;

	expect(subject_reload(subject, a, LIMIT("max_connections_per_user", "0")));
	c = conn_auth(subject->address, true);
	expect_error(conn_call(c, driver_msg("Hello")), "LimitsExceeded");
	expect(subject_reload(subject, a, LIMIT("max_completed_connections", "0")));
	expect_error(conn_call(c, driver_msg("Hello")), "LimitsExceeded");
	conn_close(c);
	expect(subject_reload(subject, a, LIMIT("max_names_per_connection", "0")));
	expect_error(driver_call(a, "RequestName", "su", "a.b", 0), "LimitsExceeded");
	expect(subject_reload(subject, a, LIMIT("max_match_rules_per_connection", "0")));
	expect_error(driver_call(a, "AddMatch", "s", "type='signal'"), "LimitsExceeded");
	expect(subject_reload(subject, a, LIMIT("max_replies_per_connection", "0")));
	expect_error(conn_call(a, msg_call(b->unique, "/", "a.b", "M")), "LimitsExceeded");
	conn_send(a, msg_flags(msg_call(b->unique, "/", "a.b", "N"), MSG_NO_REPLY));
	msg_free(conn_find_call(b, "N"));
	/* a message always passes */
	expect(subject_reload(subject, a,
			      LIMIT("max_outgoing_bytes", "0") LIMIT("max_incoming_bytes", "10")
				      LIMIT("max_outgoing_unix_fds", "0")));
	conn_send(a, msg_append(msg_call(b->unique, "/", "a.b", "O"), "ssss", "some", "bytes", "of",
				"text"));
	call = conn_find_call(b, "O");
	conn_send(b, msg_return(call));
	expect_return(conn_reply(a, call->serial));
	msg_free(call);
	conn_close(a);
	conn_close(b);
	subject_stop(subject);
}

/* Bytes and descriptors that wait */

struct fixture {
	struct subject *subject;
	struct conn *sender, *stuck, *good;
};

static struct fixture fixture_start(const char *xml)
{
	struct fixture f = {.subject = subject_start(xml)};

	f.sender = conn_new(f.subject->address);
	f.stuck = conn_new(f.subject->address);
	f.good = conn_new(f.subject->address);
	return f;
}

static void fixture_stop(struct fixture *f)
{
	conn_close(f->sender);
	conn_close(f->stuck);
	conn_close(f->good);
	subject_stop(f->subject);
}

static struct msg *tell(const struct conn *to, size_t size)
{
	struct msg *msg = msg_flags(msg_call(to->unique, "/", "a.b", "Tell"), MSG_NO_REPLY);
	struct blob body = {0};

	blob_u32(&body, size);
	blob_zero(&body, size);
	msg_body(msg, "ay", body.data, body.size);
	blob_free(&body);
	return msg;
}

/* as much as the bus takes within a while; returns the number of messages */
static int tell_all(struct conn *from, const struct conn *to, int n_max)
{
	struct blob bytes = {0};
	struct msg *msg = tell(to, 8000);
	size_t at = 0, size;
	int n_waits = 0;

	/* all are the same message */
	msg->serial = 77;
	msg_encode(msg, &bytes);
	msg_free(msg);
	size = bytes.size * n_max;
	while (at < size && n_waits < 20) {
		size_t offset = at % bytes.size;
		ssize_t n = send(from->fd, bytes.data + offset, bytes.size - offset,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0) {
			at += n;
			n_waits = 0;
		} else {
			usleep(20000);
			n_waits++;
		}
	}
	/* the message that was begun is finished once there is room */
	fcntl(from->fd, F_SETFL, fcntl(from->fd, F_GETFL) & ~O_NONBLOCK);
	blob_free(&bytes);
	return at / 8000;
}

/* Who has sent more than is received is not read from until some of it is. */
TEST(incoming_bytes)
{
	enum { N = 1000 };
	struct fixture f = fixture_start(LIMIT("max_incoming_bytes", "100000"));
	int n;

	if (subject_is_pooled() || subject_is_per_client())
		skip("the engine copies what it takes");
	n = tell_all(f.sender, f.stuck, N);
	/* what two sockets hold, and the limit */
	expect_lt(n, 200);
	expect_gt(n, 12);
	/* others are served */
	conn_sync(f.good);
	/* it goes on as the other one reads */
	while (conn_fill(f.stuck, 200))
		conn_drop(f.stuck);
	n = tell_all(f.sender, f.stuck, 10);
	expect_ge(n, 10);
	fixture_stop(&f);
}

/* who is not read from and leaves costs nothing, and what it has said before is heard */
TEST(incoming_bytes_of_one_who_leaves)
{
	struct fixture f = fixture_start(LIMIT("max_incoming_bytes", "100000"));
	unsigned long cpu_ms;

	if (subject_is_pooled() || subject_is_per_client())
		skip("the engine copies what it takes");
	add_match(f.good, "member='NameOwnerChanged'");
	tell_all(f.sender, f.stuck, 1000);
	shutdown(f.sender->fd, SHUT_RDWR);
	cpu_ms = subject_cpu_ms(f.subject);
	if (!subject_is_reference())
		expect_driver_signal(f.good, "NameOwnerChanged", subject_names(":1.0"),
				     subject_names(":1.0"), "");
	usleep(300000);
	conn_sync(f.good);
	if (!subject_is_reference())
		expect_lt(subject_cpu_ms(f.subject) - cpu_ms, 200);
	fixture_stop(&f);
}

/* With the same limit for both sides one that does not read stops whoever sends to it, at
 * dbus-daemon; here the sender gets errors, and goes on: DIFFERENCES stuck-receiver */
TEST(one_stuck_receiver)
{
	struct fixture f = fixture_start(LIMIT("max_incoming_bytes", "300000")
						 LIMIT("max_outgoing_bytes", "300000"));
	int n = tell_all(f.sender, f.stuck, 400);

	if (subject_is_reference()) {
		expect_lt(n, 400);
	} else {
		expect_ge(n, 400);
		msg_free(conn_next(f.sender));
		conn_sync(f.sender);
	}
	fixture_stop(&f);
}

/* replies that are not read stop who sends them there, and do not here: DIFFERENCES stuck-receiver
 */
TEST(replies_that_nobody_reads)
{
	enum { N = 100, SIZE = 40000 };
	struct fixture f = fixture_start(LIMIT("max_incoming_bytes", "300000")
						 LIMIT("max_replies_per_connection", "1000"));
	struct msg *call, *reply;
	struct blob body = {0};

	blob_u32(&body, SIZE);
	blob_zero(&body, SIZE);
	for (int i = 0; i < N; i++)
		conn_send(f.stuck, msg_call(f.sender->unique, "/", "a.b", "Ask"));
	for (int i = 0; i < N; i++) {
		call = conn_find_call(f.sender, "Ask");
		reply = msg_body(msg_return(call), "ay", body.data, body.size);
		msg_free(call);
		if (!subject_is_reference() || i < 16)
			conn_send(f.sender, reply);
		else
			msg_free(reply);
	}
	blob_free(&body);
	conn_send(f.sender, driver_msg("GetId"));
	expect_eq(conn_fill(f.sender, subject_is_reference() ? 500 : WAIT_MS),
		  !subject_is_reference());
	fixture_stop(&f);
}

/* a message may be one too many; the next is refused until the receiver reads */
TEST(outgoing_bytes)
{
	struct fixture f = fixture_start(LIMIT("max_outgoing_bytes", "1000"));
	int n_refused = 0;

	if (subject_is_pooled() || subject_is_per_client())
		skip("a pool has a size");
	for (int i = 0; i < 10; i++) {
		conn_send(f.sender, tell(f.good, 20000));
		msg_free(conn_find_call(f.good, "Tell"));
	}
	conn_sync(f.sender);
	expect_eq(f.sender->inbox == NULL, true);
	for (int i = 0; i < 100; i++)
		conn_send(f.sender, tell(f.stuck, 20000));
	conn_sync(f.sender);
	for (; f.sender->inbox; n_refused++)
		expect_error(conn_next(f.sender), "LimitsExceeded");
	expect_gt(n_refused, 50);
	while (conn_fill(f.stuck, 200))
		conn_drop(f.stuck);
	conn_send(f.sender, tell(f.stuck, 20000));
	msg_free(conn_find_call(f.stuck, "Tell"));
	fixture_stop(&f);
}
