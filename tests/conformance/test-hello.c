/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Registration: Hello, what may come before it, and unique names. */
#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct msg *hello(const char *path, const char *interface)
{
	return msg_call(DRIVER_NAME, path, interface, "Hello");
}

TEST(reply_then_name_acquired)
{
	struct subject *subject = subject_start(NULL);
	struct conn *conn = conn_auth(subject->address, false);
	uint32_t serial = conn_send(conn, hello(DRIVER_PATH, DRIVER_NAME));
	struct msg *reply = conn_next(conn), *acquired = conn_next(conn);
	const char *unique, *name;

	expect_eq(reply->type, MSG_RETURN);
	expect_eq(reply->reply_serial, serial);
	expect_ne(reply->serial, 0);
	expect_eq(reply->flags & MSG_NO_REPLY, MSG_NO_REPLY);
	expect_str(reply->sender, DRIVER_NAME);
	expect_str(reply->signature, "s");
	msg_read(reply, "s", &unique);
	expect_str(reply->destination, unique);
	expect_eq(unique[0], ':');

	expect_eq(acquired->type, MSG_SIGNAL);
	expect_str(acquired->member, "NameAcquired");
	expect_str(acquired->interface, DRIVER_NAME);
	expect_str(acquired->path, DRIVER_PATH);
	expect_str(acquired->destination, unique);
	msg_read(acquired, "s", &name);
	expect_str(name, unique);
	expect_eq(acquired->flags & MSG_NO_REPLY, MSG_NO_REPLY);
	msg_free(reply);
	msg_free(acquired);
	conn_close(conn);
	subject_stop(subject);
}

/* The field's test-suites count on it.  Numbers of connections that others can see begin with 1:
 * DIFFERENCES kernel-first-name */
TEST(first_clients_are_0_and_1)
{
	struct subject *subject = subject_start(NULL);
	struct conn *a = conn_new(subject->address), *b = conn_new(subject->address);

	expect_str(a->unique, subject_names(":1.0"));
	expect_str(b->unique, subject_names(":1.1"));
	conn_close(a);
	conn_close(b);
	subject_stop(subject);
}

TEST(unique_names_are_not_reused)
{
	struct subject *subject = subject_start(NULL);
	char *last = NULL;

	for (int i = 0; i < 20; i++) {
		struct conn *conn = conn_new(subject->address);

		expect(!last || strcmp(last, conn->unique));
		free(last);
		last = strdup(conn->unique);
		conn_close(conn);
	}
	free(last);
	subject_stop(subject);
}

TEST(any_path_and_no_interface)
{
	struct subject *subject = subject_start(NULL);
	struct conn *conn = conn_auth(subject->address, false);

	expect_return(conn_call(conn, hello("/anywhere/at/all", DRIVER_NAME)));
	conn_close(conn);
	conn = conn_auth(subject->address, false);
	expect_return(conn_call(conn, hello("/", NULL)));
	conn_close(conn);
	subject_stop(subject);
}

TEST(no_reply_flag_is_ignored)
{
	struct subject *subject = subject_start(NULL);
	struct conn *conn = conn_auth(subject->address, false);

	expect_return(conn_call(conn, msg_flags(driver_msg("Hello"), MSG_NO_REPLY)));
	conn_close(conn);
	subject_stop(subject);
}

TEST(second_hello_fails)
{
	struct subject *subject = subject_start(NULL);
	struct conn *conn = conn_new(subject->address);

	expect_error(conn_call(conn, driver_msg("Hello")), "Failed");
	expect_quiet(conn);
	conn_close(conn);
	subject_stop(subject);
}

TEST(hello_with_arguments_may_be_retried)
{
	struct subject *subject = subject_start(NULL);
	struct conn *conn = conn_auth(subject->address, false);

	expect_error(conn_call(conn, msg_append(driver_msg("Hello"), "s", "x")), "InvalidArgs");
	conn_hello(conn);
	conn_close(conn);
	subject_stop(subject);
}

/* Before Hello: errors for what is addressed to the driver */

TEST(driver_calls_before_hello_are_denied)
{
	struct subject *subject = subject_start(NULL);
	struct conn *conn = conn_auth(subject->address, false);
	static const char *const members[] = {"ListNames", "GetId", "NoSuchMethod", "AddMatch"};
	struct msg *reply;

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		reply = conn_call(conn, driver_msg(members[i]));
		expect_str(reply->destination, ":not.active.yet");
		expect_str(reply->sender, DRIVER_NAME);
		expect_error(reply, "AccessDenied");
	}
	expect_error(
		conn_call(conn, msg_call(DRIVER_NAME, "/", "org.freedesktop.DBus.Peer", "Ping")),
		"AccessDenied");
	expect_error(conn_call(conn, hello(DRIVER_PATH, "org.example.Other")), "AccessDenied");
	conn_hello(conn);
	conn_close(conn);
	subject_stop(subject);
}

TEST(other_types_to_the_driver_before_hello_are_denied)
{
	struct subject *subject = subject_start(NULL);
	struct conn *conn = conn_auth(subject->address, false);
	struct msg *msg = msg_to(msg_signal("/", "a.b", "C"), DRIVER_NAME);
	struct msg fake = {.serial = 5, .sender = (char *)DRIVER_NAME};

	expect_error(conn_call(conn, msg), "AccessDenied");
	expect_error(conn_call(conn, msg_return(&fake)), "AccessDenied");
	expect_error(conn_call(conn, msg_error(&fake, "a.b.C")), "AccessDenied");
	conn_hello(conn);
	conn_close(conn);
	subject_stop(subject);
}

TEST(other_destinations_before_hello_disconnect)
{
	struct subject *subject = subject_start(NULL);
	struct conn *good = conn_new(subject->address), *conn;

	struct msg *messages[] = {
		msg_call(good->unique, "/", "a.b", "C"),
		msg_call("no.such.name", "/", "a.b", "C"),
		msg_signal("/", "a.b", "C"),
		msg_to(msg_signal("/", "a.b", "C"), good->unique),
	};
	add_match(good, "");
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		conn = conn_auth(subject->address, false);
		conn_send(conn, messages[i]);
		expect_eof(conn);
		expect_eq(conn->in.size, 0);
		conn_close(conn);
	}
	expect_quiet(good);
	conn_close(good);
	subject_stop(subject);
}

TEST(peer_is_answered_before_hello)
{
	struct subject *subject = subject_start(NULL);
	struct conn *conn = conn_auth(subject->address, false);
	struct msg *reply;

	reply = conn_call(conn, msg_call(NULL, "/", "org.freedesktop.DBus.Peer", "Ping"));
	expect_str(reply->sender, NULL);
	expect_str(reply->destination, NULL);
	expect_return(reply);
	conn_hello(conn);
	conn_close(conn);
	subject_stop(subject);
}

TEST(client_without_hello_is_not_listed)
{
	struct subject *subject = subject_start(NULL);
	struct conn *good = conn_new(subject->address);
	struct conn *silent = conn_auth(subject->address, false);
	struct msg *reply;
	size_t n;

	add_match(good, "type='signal',member='NameOwnerChanged'");
	reply = conn_call(good, driver_msg("ListNames"));
	free(msg_read_strings(reply, &n));
	msg_free(reply);
	expect_eq(n, 2);
	/* neither its coming nor its going is announced */
	conn_close(silent);
	conn_sync(good);
	usleep(20000);
	expect_quiet(good);
	conn_close(good);
	subject_stop(subject);
}

/* Limits: checked at Hello, which may be tried again */

static void expect_hello_limit(const char *xml)
{
	struct subject *subject = subject_start(xml);
	struct conn *a = conn_new(subject->address), *b = conn_new(subject->address);
	struct conn *c = conn_auth(subject->address, false);
	int64_t deadline = now_ms() + WAIT_MS;
	struct msg *reply;

	expect_error(conn_call(c, driver_msg("Hello")), "LimitsExceeded");
	expect_error(conn_call(c, driver_msg("Hello")), "LimitsExceeded");
	conn_close(b);
	do {
		expect_lt(now_ms(), deadline);
		reply = conn_call(c, driver_msg("Hello"));
	} while (reply->type == MSG_ERROR && (msg_free(reply), true));
	expect_return(reply);
	expect_quiet(a);
	conn_close(c);
	conn_close(a);
	subject_stop(subject);
}

TEST(limit_of_connections)
{
	expect_hello_limit("<limit name=\"max_completed_connections\">2</limit>");
}

TEST(limit_of_connections_per_user)
{
	expect_hello_limit("<limit name=\"max_connections_per_user\">2</limit>");
}

TEST(coming_and_going_is_announced)
{
	struct subject *subject = subject_start(NULL);
	struct conn *watch = conn_new(subject->address), *conn;
	char unique[32];

	add_match(watch, "type='signal',sender='org.freedesktop.DBus'");
	conn = conn_new(subject->address);
	expect_driver_signal(watch, "NameOwnerChanged", conn->unique, "", conn->unique);
	snprintf(unique, sizeof(unique), "%s", conn->unique);
	conn_close(conn);
	expect_driver_signal(watch, "NameOwnerChanged", unique, unique, "");
	expect_quiet(watch);
	conn_close(watch);
	subject_stop(subject);
}

/* They come, take names, match, call and go: nothing of them stays. */
TEST(clients_leave_nothing_behind)
{
	enum { N_ROUNDS = 40, N_AT_ONCE = 25 };
	struct subject *subject = subject_start(NULL);
	unsigned int n_fds = subject_idle_fds(subject, NULL);
	struct conn *watch = conn_new(subject->address);
	size_t first = 0;

	for (int i = 0; i < N_ROUNDS; i++) {
		struct conn *conns[N_AT_ONCE];
		char name[32];

		for (int j = 0; j < N_AT_ONCE; j++) {
			conns[j] = conn_new(subject->address);
			snprintf(name, sizeof(name), "leave.n%d.m%d", i, j);
			request_name(conns[j], name, 0);
			request_name(conns[j], "leave.common", 0);
			add_match(conns[j], "type='signal',interface='a.b',arg0='x'");
			add_match(conns[j], "type='signal',member='NameOwnerChanged'");
			conn_send(conns[j], msg_call(watch->unique, "/", "a.b", "Unanswered"));
		}
		for (int j = 0; j < N_AT_ONCE; j++)
			conn_close(conns[j]);
		conn_sync(watch);
		conn_drop(watch);
		if (i == N_ROUNDS / 4)
			first = subject_rss_kib(subject);
	}
	conn_close(watch);
	expect_eq(subject_settle_fds(subject, n_fds), n_fds);
	if (!subject_is_sanitized())
		expect_lt(subject_rss_kib(subject), first + 1024);
	subject_stop(subject);
}
