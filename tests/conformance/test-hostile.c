/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client that means harm: it may harm itself.  Others are served, and the bus keeps its
 * memory, its descriptors and its processor time. */
#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MONITORING "org.freedesktop.DBus.Monitoring"

static void expect_served(const struct subject *subject)
{
	struct conn *a = conn_new(subject->address), *b = conn_new(subject->address);
	uint32_t serial = conn_send(a, msg_call(b->unique, "/", "a.b", "Ask"));
	struct msg *call = conn_find_call(b, "Ask");

	conn_send(b, msg_return(call));
	msg_free(call);
	expect_return(conn_reply(a, serial));
	conn_close(a);
	conn_close(b);
}

static void encode(struct conn *conn, struct msg *msg, struct blob *out)
{
	msg->serial = ++conn->serial;
	msg_encode(msg, out);
	msg_free(msg);
}

/* Sends calls until the bus takes no more, or @max; none of the answers is read.  Returns how
 * many; a call that was sent in part is completed by the caller with @rest. */
static uint32_t pour(struct conn *conn, const char *member, const char *arg, uint32_t max,
		     struct blob *rest)
{
	uint32_t n = 0;

	*rest = (struct blob){0};
	while (n < max) {
		struct msg *msg = driver_msg(member);
		struct blob blob = {0};
		ssize_t size;

		if (arg)
			msg_append(msg, "s", arg);
		encode(conn, msg, &blob);
		n++;
		size = send(conn->fd, blob.data, blob.size, MSG_NOSIGNAL | MSG_DONTWAIT);
		/* reading may go on after a moment */
		for (int i = 0; i < 20 && size < 0 && errno == EAGAIN; i++) {
			usleep(10000);
			size = send(conn->fd, blob.data, blob.size, MSG_NOSIGNAL | MSG_DONTWAIT);
		}
		if (size == (ssize_t)blob.size) {
			blob_free(&blob);
			continue;
		}
		size = size < 0 ? 0 : size;
		blob_bytes(rest, blob.data + size, blob.size - size);
		blob_free(&blob);
		break;
	}
	return n;
}

/* section "File descriptors": those that no message claims.  DIFFERENCES unclaimed-fds */
TEST(descriptors_of_an_unfinished_message_are_bounded)
{
	struct subject *subject = subject_start(NULL);
	struct conn *conn = conn_new(subject->address);
	unsigned int n_idle = subject_n_fds(subject);
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct msg *msg = msg_call(conn->unique, "/", "a.b", "Long");
	struct blob blob = {0};
	int fds[10];
	bool is_open = true;

	for (int i = 0; i < 10; i++)
		fds[i] = fd;
	msg_body(msg, "ay", (const uint8_t[104]){100}, 104);
	encode(conn, msg, &blob);
	for (size_t i = 0; i < 100 && is_open; i++)
		is_open = conn_write_fds(conn, blob.data + i, 1, fds, 10);
	if (!subject_is_reference())
		expect_eof(conn);
	else
		conn->fd = (close(conn->fd), open("/dev/null", O_RDONLY | O_CLOEXEC));
	expect_le(subject_settle_fds(subject, n_idle - 1), n_idle - 1);
	blob_free(&blob);
	close(fd);
	conn_close(conn);
	expect_served(subject);
	subject_stop(subject);
}

/* a descriptor with each answer, and nobody takes them */
TEST(answers_with_descriptors_are_bounded)
{
	struct subject *subject = subject_start(NULL);
	struct conn *conn = conn_new(subject->address);
	struct msg *reply = driver_call(conn, "GetConnectionCredentials", "s", conn->unique);
	bool has_fds = reply->n_fds;
	unsigned int n_idle = subject_n_fds(subject);
	struct blob rest;
	uint32_t n;

	msg_free(reply);
	if (!has_fds) {
		conn_close(conn);
		subject_stop(subject);
		skip("the bus or its kernel has no ProcessFD");
	}
	n = pour(conn, "GetConnectionCredentials", conn->unique, 4000, &rest);
	expect_gt(n, 500);
	/* max_outgoing_unix_fds is 64; one write's worth may wait for the socket as well */
	expect_lt(subject_n_fds(subject), n_idle + 64 + 253 + 16);
	expect_served(subject);
	/* all are answered, in order */
	for (uint32_t i = 1; i <= n; i++) {
		if (i == n)
			conn_write(conn, rest.data, rest.size);
		reply = conn_next(conn);
		expect_eq(reply->reply_serial, conn->serial - n + i);
		msg_free(reply);
	}
	expect_le(subject_settle_fds(subject, n_idle), n_idle);
	blob_free(&rest);
	conn_close(conn);
	subject_stop(subject);
}

#define FEW_BYTES "<limit name=\"max_outgoing_bytes\">4000</limit>"

/* more answers than it may have, out of one read */
TEST(who_asks_too_much_waits)
{
	enum { N = 1500 };
	struct subject *subject = subject_start(FEW_BYTES);
	struct conn *conn = conn_new(subject->address);
	struct blob blob = {0};

	if (subject_is_reference())
		skip("the limit is for others there");
	for (int i = 0; i < N; i++)
		encode(conn, driver_msg("ListNames"), &blob);
	expect(conn_write(conn, blob.data, blob.size));
	usleep(100000);
	expect_served(subject);
	for (int i = 1; i <= N; i++) {
		struct msg *reply = conn_next(conn);

		expect_eq(reply->reply_serial, conn->serial - N + i);
		expect_return(reply);
	}
	expect_quiet(conn);
	blob_free(&blob);
	conn_close(conn);
	subject_stop(subject);
}

/* who writes all before it reads anything is heard to the end, whoever else is served meanwhile */
TEST(writes_before_it_reads)
{
	enum { N = 20000 };
	struct subject *subject = subject_start(NULL);
	struct conn *conn = conn_new(subject->address), *other = conn_new(subject->address);
	struct blob blob = {0};
	size_t at = 0;

	for (int i = 0; i < N; i++)
		encode(conn, driver_msg("GetId"), &blob);
	encode(conn, msg_to(msg_signal("/", "a.b", "Last"), other->unique), &blob);
	while (at < blob.size) {
		ssize_t n =
			send(conn->fd, blob.data + at, blob.size - at, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0)
			at += n;
		conn_sync(other);
	}
	msg_free(conn_find_signal(other, "Last"));
	for (int i = 0; i < N; i++)
		expect_return(conn_next(conn));
	blob_free(&blob);
	conn_close(conn);
	conn_close(other);
	subject_stop(subject);
}

/* section "Limits": what it had sent completely before it went is still delivered */
TEST(who_asks_too_much_and_goes_is_heard)
{
	struct subject *subject = subject_start(FEW_BYTES);
	struct conn *conn = conn_new(subject->address), *other = conn_new(subject->address);
	struct blob blob = {0};

	if (subject_is_reference())
		skip("the limit is for others there");
	for (int i = 0; i < 1500; i++)
		encode(conn, driver_msg("ListNames"), &blob);
	encode(conn, msg_to(msg_signal("/", "a.b", "Last"), other->unique), &blob);
	expect(conn_write(conn, blob.data, blob.size));
	blob_free(&blob);
	conn_close(conn);
	msg_free(conn_find_signal(other, "Last"));
	conn_close(other);
	subject_stop(subject);
}

/* it has not read, and says that it will not: but it stays, and reads what there is.
 * DIFFERENCES deaf-client */
TEST(who_shuts_down_reading_costs_nothing)
{
	struct subject *subject = subject_start(NULL);
	struct conn *conn = conn_new(subject->address);
	unsigned long before;
	struct blob rest;
	char bytes[4096];

	pour(conn, "ListNames", NULL, 4000, &rest);
	usleep(100000);
	expect_eq(shutdown(conn->fd, SHUT_RD), 0);
	while (recv(conn->fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	before = subject_cpu_ms(subject);
	usleep(500000);
	if (subject_is_reference())
		expect_gt(subject_cpu_ms(subject) - before, 250);
	else
		expect_lt(subject_cpu_ms(subject) - before, 150);
	expect_served(subject);
	blob_free(&rest);
	conn_close(conn);
	expect_served(subject);
	subject_stop(subject);
}

/* a Hello that fails, and a call that is refused behind it */
TEST(refused_after_a_failed_hello)
{
	struct subject *subject =
		subject_start("<limit name=\"max_connections_per_user\">2</limit>"
			      "<policy context=\"mandatory\">"
			      "<deny send_destination=\"" DRIVER_NAME
			      "\" send_interface=\"" DRIVER_NAME "\" send_member=\"GetId\"/>"
			      "</policy>");
	struct conn *monitor = conn_new(subject->address), *a, *b, *late;
	struct msg *seen;
	uint32_t serial;

	/* DIFFERENCES kernel-limits */
	if (!subject_has_own_limits())
		skip("the limits are of a domain that is somebody else's");
	expect_return(conn_call(
		monitor, msg_append(msg_call(DRIVER_NAME, DRIVER_PATH, MONITORING, "BecomeMonitor"),
				    "asu", 1, "type='method_call'", 0)));
	a = conn_new(subject->address);
	/* the reference counts the monitor as well */
	b = subject_is_reference() ? NULL : conn_new(subject->address);
	late = conn_auth(subject->address, false);
	expect_error(driver_call(late, "Hello", ""), "LimitsExceeded");
	expect_error(driver_call(late, "GetId", ""), "AccessDenied");
	conn_drop(monitor);
	serial = conn_send(a, driver_msg("ListNames"));
	expect_return(conn_reply(a, serial));
	do {
		seen = conn_next(monitor);
		if (!strcmp(seen->member, "ListNames"))
			break;
		/* no more than once */
		if (!strcmp(seen->member, "GetId") && !strcmp(seen->sender, a->unique))
			fail("a message of another one");
		msg_free(seen);
	} while (true);
	expect_str(seen->sender, a->unique);
	msg_free(seen);
	expect_silence(monitor, 100);
	conn_close(late);
	conn_close(a);
	if (b)
		conn_close(b);
	conn_close(monitor);
	subject_stop(subject);
}

/* section "Valid strings": what a process calls itself need not be one */
TEST(refused_by_a_process_without_a_proper_name)
{
	struct subject *subject = subject_start("<policy context=\"mandatory\">"
						"<deny send_interface=\"a.refused\"/></policy>");
	struct conn *from = conn_new(subject->address), *to = conn_new(subject->address);

	prctl(PR_SET_NAME, "bad\xff\xc3\x1b[1m\"");
	/* the harness takes nothing that is not valid */
	expect_error(conn_call(from, msg_call(to->unique, "/", "a.refused", "Ask")),
		     "AccessDenied");
	expect_quiet(from);
	conn_close(from);
	conn_close(to);
	subject_stop(subject);
}
