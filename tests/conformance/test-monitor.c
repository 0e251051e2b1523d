/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Monitors: BecomeMonitor, what it ends, and what a monitor then sees.
 *
 * What a monitor sees is written down as lines: "call Ask :1.0 :1.1",
 * "return :1.1 :1.0", "error NoReply driver :1.0", "signal S :1.0 -". */
#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MONITORING "org.freedesktop.DBus.Monitoring"

struct fixture {
	struct subject *subject;
	struct conn *a, *b, *monitor; /* :1.0, :1.1 and :1.2 */
};

static struct fixture fixture_start(void)
{
	struct fixture f = {subject_start(NULL)};

	f.a = conn_new(f.subject->address);
	f.b = conn_new(f.subject->address);
	f.monitor = conn_new(f.subject->address);
	return f;
}

static void fixture_stop(struct fixture *f)
{
	conn_close(f->a);
	conn_close(f->b);
	conn_close(f->monitor);
	subject_stop(f->subject);
}

static struct msg *become_msg(void)
{
	return msg_call(DRIVER_NAME, DRIVER_PATH, MONITORING, "BecomeMonitor");
}

/* a monitor with one rule, or none at all */
static void become_monitor(struct conn *conn, const char *rule)
{
	struct msg *call = rule ? msg_append(become_msg(), "asu", 1, rule, 0)
				: msg_append(become_msg(), "asu", 0, 0);
	uint32_t serial = conn_send(conn, call);
	struct msg *reply = conn_next(conn);

	expect_eq(reply->reply_serial, serial);
	expect_str(reply->destination, conn->unique);
	expect_return(reply);
}

/* where native programs are on the bus as well its numbers begin later */
static int number_of_first(const struct fixture *f)
{
	const struct conn *first = f->a ?: f->monitor;

	return atoi(first->unique + 3);
}

static const char *short_name(const struct fixture *f, const char *name, char text[32])
{
	int number;

	if (name && sscanf(name, ":1.%d", &number) == 1) {
		snprintf(text, 32, ":1.%d", number - number_of_first(f));
		return text;
	}
	if (!name)
		return "-";
	return strcmp(name, DRIVER_NAME) ? name : "driver";
}

static void expect_seen(struct fixture *f, const char *want)
{
	static const char *const types[] = {"", "call", "return", "error", "signal"};
	const char *what;
	struct msg *msg;
	char line[512], sender[32], destination[32];

	do {
		msg = conn_next(f->monitor);
		if (tells_loss_of(msg, f->monitor))
			msg = msg_free(msg);
	} while (!msg);
	expect_le(msg->type, 4);
	what = msg->member ?: "";
	if (msg->type == MSG_ERROR)
		what = strrchr(msg->error_name, '.') + 1;
	snprintf(line, sizeof(line), "%s%s%s %s %s", types[msg->type], *what ? " " : "", what,
		 short_name(f, msg->sender, sender), short_name(f, msg->destination, destination));
	if (strcmp(line, want))
		fail("the monitor sees \"%s\", not \"%s\"", line, want);
	msg_free(msg);
}

/* marks the end of what is seen */
static void expect_seen_no_more(struct fixture *f)
{
	conn_send(f->a, msg_to(msg_signal("/", "a.b", "End"), f->a->unique));
	expect_seen(f, "signal End :1.0 :1.0");
	msg_free(conn_find_signal(f->a, "End"));
}

TEST(arguments)
{
	struct fixture f = fixture_start();

	expect_error(conn_call(f.a, msg_append(become_msg(), "asu", 0, 1)), "InvalidArgs");
	expect_error(conn_call(f.a, msg_append(become_msg(), "as", 0)), "InvalidArgs");
	expect_error(conn_call(f.a, msg_append(become_msg(), "asu", 1, "nonsense", 0)),
		     "MatchRuleInvalid");
	expect_error(
		conn_call(f.a, msg_append(become_msg(), "asu", 2, "type='signal'", "nonsense", 0)),
		"MatchRuleInvalid");
	/* nothing of it has happened */
	expect_quiet(f.a);
	become_monitor(f.monitor, "type='signal',eavesdrop='true'");
	fixture_stop(&f);
}

TEST(reply_is_suppressed_if_unwanted)
{
	struct fixture f = fixture_start();

	conn_send(f.monitor, msg_flags(msg_append(become_msg(), "asu", 1, "interface='a.b'", 0),
				       MSG_NO_REPLY));
	expect_seen_no_more(&f);
	fixture_stop(&f);
}

TEST(names_and_matches_are_lost)
{
	struct fixture f = fixture_start();
	char *unique = strdup(f.monitor->unique);
	uint32_t serial;

	add_match(f.a, "type='signal',sender='" DRIVER_NAME "',member='NameOwnerChanged'");
	request_name(f.monitor, "org.example.One", 0);
	request_name(f.b, "org.example.Two", 0);
	request_name(f.monitor, "org.example.Two", 0);
	add_match(f.monitor, "interface='c.d'");
	conn_sync(f.a);
	conn_drop(f.a);
	/* it owes an answer */
	serial = conn_send(f.a, msg_call(unique, "/", "a.b", "Ask"));
	msg_free(conn_find_call(f.monitor, "Ask"));
	conn_drop(f.monitor);
	become_monitor(f.monitor, "interface='a.b'");
	/* unique name first, or as when it leaves the bus: DIFFERENCES monitor-names */
	if (subject_is_reference())
		expect_driver_signal(f.a, "NameOwnerChanged", unique, unique, "");
	expect_driver_signal(f.a, "NameOwnerChanged", "org.example.One", unique, "");
	if (!subject_is_reference())
		expect_driver_signal(f.a, "NameOwnerChanged", unique, unique, "");
	expect_error(conn_reply(f.a, serial), "NoReply");
	expect_str(name_owner(f.a, unique), NULL);
	expect_str(name_owner(f.a, "org.example.One"), NULL);
	expect_eq(driver_u32(f.a, "NameHasOwner", "s", unique), 0);
	expect_error(conn_call(f.a, msg_call(unique, "/", "c.d", "C")), "ServiceUnknown");
	expect_error(driver_call(f.a, "GetConnectionUnixUser", "s", unique), "NameHasNoOwner");
	conn_send(f.a, msg_signal("/", "c.d", "Unmatched"));
	expect_seen_no_more(&f);
	free(unique);
	fixture_stop(&f);
}

/* busctl shows nothing until it has seen this */
TEST(first_thing_seen_is_the_loss_of_its_own_name)
{
	struct fixture f;

	f = fixture_start();

	become_monitor(f.monitor, NULL);
	expect_driver_signal(f.monitor, "NameLost", f.monitor->unique);
	fixture_stop(&f);
}

TEST(monitor_on_an_empty_bus)
{
	struct fixture f = {NULL};

	f.subject = subject_start(NULL);
	f.monitor = conn_new(f.subject->address);
	become_monitor(f.monitor, NULL);
	expect_driver_signal(f.monitor, "NameLost", f.monitor->unique);
	f.a = conn_new(f.subject->address);
	expect_seen(&f, "call Hello :1.0 driver");
	expect_seen(&f, "return driver :1.0");
	expect_seen(&f, "signal NameOwnerChanged driver -");
	expect_seen(&f, "signal NameAcquired driver :1.0");
	fixture_stop(&f);
}

TEST(what_is_refused_when_it_arrives)
{
	struct fixture f = {
		subject_start("<policy context=\"mandatory\"><deny receive_interface=\"t.Secret\"/>"
			      "</policy>")};

	f.a = conn_new(f.subject->address);
	f.b = conn_new(f.subject->address);
	f.monitor = conn_new(f.subject->address);
	add_match(f.b, "type='signal',interface='t.Secret'");
	become_monitor(f.monitor, NULL);
	conn_send(f.a, msg_signal("/", "t.Secret", "Told"));
	expect_seen(&f, "signal Told :1.0 -");
	expect_seen(&f, "error AccessDenied driver :1.0");
	expect_seen_no_more(&f);
	expect_quiet(f.b);
	fixture_stop(&f);
}

TEST(monitor_that_speaks_is_disconnected)
{
	struct fixture f = fixture_start();

	become_monitor(f.monitor, "interface='a.b'");
	conn_send(f.monitor, driver_msg("GetId"));
	expect_eof(f.monitor);
	expect_quiet(f.a);
	fixture_stop(&f);
}

TEST(messages_between_clients)
{
	struct fixture f = fixture_start();
	struct msg *call;
	uint32_t serial;

	become_monitor(f.monitor, NULL);
	serial = conn_send(f.a, msg_call(f.b->unique, "/", "a.b", "Ask"));
	call = conn_find_call(f.b, "Ask");
	conn_send(f.b, msg_return(call));
	expect_return(conn_reply(f.a, serial));
	conn_send(f.b, msg_signal("/", "a.b", "Broadcast"));
	conn_send(f.b, msg_to(msg_signal("/", "a.b", "Directed"), f.a->unique));
	msg_free(conn_find_signal(f.a, "Directed"));
	msg_free(call);
	expect_seen(&f, "call Ask :1.0 :1.1");
	expect_seen(&f, "return :1.1 :1.0");
	expect_seen(&f, "signal Broadcast :1.1 -");
	expect_seen(&f, "signal Directed :1.1 :1.0");
	expect_seen_no_more(&f);
	fixture_stop(&f);
}

/* what is said to the driver may bring descriptors; a monitor gets what the header promises */
TEST(descriptors_to_the_driver)
{
	struct fixture f = fixture_start();
	struct conn *conn = conn_auth(f.subject->address, true);
	int fd = open("/dev/null", O_RDONLY);
	struct msg *msg;

	become_monitor(f.monitor, NULL);
	expect_return(conn_call(f.a, msg_attach(driver_msg("GetId"), fd)));
	msg = conn_find_call(f.monitor, "GetId");
	expect_eq(msg->n_fds, 1);
	msg_free(msg);
	expect_return(conn_call(conn, msg_attach(driver_msg("Hello"), fd)));
	msg = conn_find_call(f.monitor, "Hello");
	expect_eq(msg->n_fds, 1);
	msg_free(msg);
	close(fd);
	conn_close(conn);
	fixture_stop(&f);
}

TEST(driver_traffic)
{
	struct fixture f = fixture_start();

	become_monitor(f.monitor, NULL);
	conn_sync(f.a);
	expect_seen(&f, "call GetId :1.0 driver");
	expect_seen(&f, "return driver :1.0");
	request_name(f.a, "org.example.Name", 0);
	expect_seen(&f, "call RequestName :1.0 driver");
	expect_seen(&f, "signal NameOwnerChanged driver -");
	expect_seen(&f, "signal NameAcquired driver :1.0");
	expect_seen(&f, "return driver :1.0");
	release_name(f.a, "org.example.Name");
	expect_seen(&f, "call ReleaseName :1.0 driver");
	expect_seen(&f, "signal NameLost driver :1.0");
	expect_seen(&f, "signal NameOwnerChanged driver -");
	expect_seen(&f, "return driver :1.0");
	expect_error(conn_call(f.a, driver_msg("Nonsense")), "UnknownMethod");
	expect_seen(&f, "call Nonsense :1.0 driver");
	expect_seen(&f, "error UnknownMethod driver :1.0");
	expect_error(conn_call(f.a, msg_call("org.example.None", "/", "a.b", "C")),
		     "ServiceUnknown");
	expect_seen(&f, "call C :1.0 org.example.None");
	expect_seen(&f, "error ServiceUnknown driver :1.0");
	/* a suppressed answer was never there */
	conn_send(f.a, msg_flags(msg_append(driver_msg("AddMatch"), "s", ""), MSG_NO_REPLY));
	expect_seen(&f, "call AddMatch :1.0 driver");
	/* nobody's business */
	expect_return(conn_call(f.a, msg_call(NULL, "/", "org.freedesktop.DBus.Peer", "Ping")));
	expect_seen_no_more(&f);
	fixture_stop(&f);
}

TEST(who_says_hello_is_seen)
{
	struct fixture f = fixture_start();
	struct conn *conn;

	become_monitor(f.monitor, NULL);
	conn = conn_auth(f.subject->address, false);
	expect_error(conn_call(conn, driver_msg("GetId")), "AccessDenied");
	expect_seen(&f, "call GetId :not.active.yet driver");
	expect_seen(&f, "error AccessDenied driver :not.active.yet");
	conn_hello(conn);
	expect_seen(&f, "call Hello :1.3 driver");
	expect_seen(&f, "return driver :1.3");
	expect_seen(&f, "signal NameOwnerChanged driver -");
	expect_seen(&f, "signal NameAcquired driver :1.3");
	conn_close(conn);
	expect_seen(&f, "signal NameLost driver :1.3");
	expect_seen(&f, "signal NameOwnerChanged driver -");
	fixture_stop(&f);
}

TEST(rules_select)
{
	struct fixture f = fixture_start();

	become_monitor(f.monitor, "type='method_call',destination='org.example.Service'");
	request_name(f.b, "org.example.Service", 0);
	conn_send(f.a,
		  msg_flags(msg_call("org.example.Service", "/", "a.b", "ByName"), MSG_NO_REPLY));
	/* destination= means whoever owns it, however addressed */
	conn_send(f.a, msg_flags(msg_call(f.b->unique, "/", "a.b", "ById"), MSG_NO_REPLY));
	conn_send(f.a, msg_flags(msg_call(f.a->unique, "/", "a.b", "Self"), MSG_NO_REPLY));
	conn_send(f.a, msg_to(msg_signal("/", "a.b", "Signal"), "org.example.Service"));
	conn_send(f.a,
		  msg_flags(msg_call("org.example.Service", "/", "a.b", "Last"), MSG_NO_REPLY));
	expect_seen(&f, "call ByName :1.0 org.example.Service");
	expect_seen(&f, "call ById :1.0 :1.1");
	expect_seen(&f, "call Last :1.0 org.example.Service");
	fixture_stop(&f);
}

TEST(several_monitors)
{
	struct fixture f = fixture_start();
	struct conn *second = conn_new(f.subject->address);

	become_monitor(f.monitor, "interface='a.b'");
	become_monitor(second, "interface='a.b'");
	conn_send(f.a, msg_signal("/", "a.b", "Both"));
	expect_seen(&f, "signal Both :1.0 -");
	msg_free(conn_find_signal(second, "Both"));
	conn_close(second);
	conn_sync(f.a);
	conn_send(f.a, msg_signal("/", "a.b", "One"));
	expect_seen(&f, "signal One :1.0 -");
	fixture_stop(&f);
}

TEST(order_of_what_is_seen)
{
	enum { N = 100 };
	struct fixture f = fixture_start();

	become_monitor(f.monitor, "interface='a.b'");
	for (int i = 0; i < N; i++) {
		uint32_t serial = conn_send(f.a, msg_call(f.b->unique, "/", "a.b", "Ask"));
		struct msg *call = conn_find_call(f.b, "Ask");

		conn_send(f.b, msg_to(msg_signal("/", "a.b", "Progress"), f.a->unique));
		conn_send(f.b, msg_return(call));
		msg_free(call);
		expect_next(f.a, MSG_SIGNAL, "Progress");
		expect_return(conn_reply(f.a, serial));
	}
	for (int i = 0; i < N; i++) {
		expect_seen(&f, "call Ask :1.0 :1.1");
		expect_seen(&f, "signal Progress :1.1 :1.0");
	}
	fixture_stop(&f);
}

TEST(descriptors)
{
	struct fixture f = fixture_start();
	struct conn *plain = conn_auth(f.subject->address, false);
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct msg *msg;

	conn_hello(plain);
	become_monitor(f.monitor, "interface='a.b'");
	become_monitor(plain, "interface='a.b'");
	conn_send(f.a, msg_append(msg_attach(msg_to(msg_signal("/", "a.b", "Fd"), f.b->unique), fd),
				  "h", 0));
	msg = conn_find_signal(f.b, "Fd");
	expect_eq(msg->n_fds, 1);
	msg_free(msg);
	msg = conn_find_signal(f.monitor, "Fd");
	expect_eq(msg->n_fds, 1);
	msg_free(msg);
	/* one that cannot take them does not see the message at all */
	conn_send(f.a, msg_signal("/", "a.b", "Next"));
	do {
		msg = conn_next(plain);
		expect(strcmp(msg->member, "Fd"));
	} while (strcmp(msg->member, "Next") && !msg_free(msg));
	msg_free(msg);
	close(fd);
	conn_close(plain);
	fixture_stop(&f);
}

TEST(monitor_that_does_not_read_disturbs_nobody)
{
	struct fixture f = fixture_start();
	struct blob data = {0};

	become_monitor(f.monitor, NULL);
	blob_u32(&data, 64 * 1024);
	blob_zero(&data, 64 * 1024);
	for (int i = 0; i < 200; i++) {
		struct msg *msg = msg_to(msg_signal("/", "a.b", "Big"), f.b->unique);

		conn_send(f.a, msg_body(msg, "ay", data.data, data.size));
		msg_free(conn_find_signal(f.b, "Big"));
	}
	expect_quiet(f.a);
	blob_free(&data);
	fixture_stop(&f);
}
