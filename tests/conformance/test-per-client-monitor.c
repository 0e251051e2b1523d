/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What monitors and eavesdroppers see of clients that have a proxy process each: what passes
 * between those and the bus, what was refused, and all of it once.
 */
#include "tests/conformance/activation.h"
#include "tests/harness/proxied.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MONITORING DRIVER_NAME ".Monitoring"

/**
 * struct fixture - a monitor, and whom it sees
 * @a, @b: behind proxies
 * @c: of the owner
 * @monitor: of the owner, or @m
 */
struct fixture {
	struct bus bus;
	struct proxied a, b, m;
	struct conn *c, *monitor;
};

static struct msg *become_msg(void)
{
	return msg_append(msg_call(DRIVER_NAME, DRIVER_PATH, MONITORING, "BecomeMonitor"), "asu", 0,
			  0u);
}

/* there is a bus; nobody monitors yet */
static void fixture_connect(struct fixture *f, bool is_proxied)
{
	f->a = proxied_new(&f->bus);
	f->b = proxied_new(&f->bus);
	f->c = conn_new(f->bus.address);
	if (is_proxied)
		f->m = proxied_new(&f->bus);
	f->monitor = is_proxied ? f->m.conn : conn_new(f->bus.address);
}

static void fixture_open_with(struct fixture *f, const char *xml, bool is_proxied)
{
	*f = (struct fixture){0};
	bus_open(&f->bus, xml);
	fixture_connect(f, is_proxied);
	expect_return(conn_call(f->monitor, become_msg()));
}

static void fixture_open(struct fixture *f, const char *xml)
{
	fixture_open_with(f, xml, false);
}

static void fixture_close(struct fixture *f)
{
	proxied_close(&f->bus, &f->a);
	proxied_close(&f->bus, &f->b);
	conn_close(f->c);
	if (f->m.conn)
		proxied_close(&f->bus, &f->m);
	else
		conn_close(f->monitor);
	bus_close(&f->bus);
}

static const char *short_name(const struct fixture *f, const char *name)
{
	if (!name)
		return "-";
	if (!strcmp(name, DRIVER_NAME))
		return "driver";
	if (!strcmp(name, f->a.conn->unique))
		return "a";
	if (!strcmp(name, f->b.conn->unique))
		return "b";
	return strcmp(name, f->c->unique) ? name : "c";
}

/* a line for the next message: "call GetId a driver" */
static void expect_seen(struct fixture *f, const char *want)
{
	static const char *const types[] = {"", "call", "return", "error", "signal"};
	const char *what;
	struct msg *msg;
	char line[512];

	do {
		msg = conn_next(f->monitor);
		if (tells_loss_of(msg, f->monitor))
			msg = msg_free(msg);
	} while (!msg);
	what = msg->member ?: "";
	if (msg->type == MSG_ERROR)
		what = strrchr(msg->error_name, '.') + 1;
	snprintf(line, sizeof(line), "%s%s%s %s %s", types[msg->type], *what ? " " : "", what,
		 short_name(f, msg->sender), short_name(f, msg->destination));
	if (strcmp(line, want))
		fail("the monitor sees \"%s\", not \"%s\"", line, want);
	msg_free(msg);
}

static void expect_seen_no_more(struct fixture *f)
{
	conn_send(f->c, msg_to(msg_signal("/", "a.b", "End"), f->c->unique));
	expect_seen(f, "signal End c c");
	msg_free(conn_find_signal(f->c, "End"));
}

static void see_calls_of_the_driver(bool is_proxied)
{
	struct fixture f;

	fixture_open_with(&f, NULL, is_proxied);
	expect_return(conn_call(f.a.conn, driver_msg("GetId")));
	expect_seen(&f, "call GetId a driver");
	expect_seen(&f, "return driver a");
	expect_error(conn_call(f.b.conn, driver_msg("Nonsense")), "UnknownMethod");
	expect_seen(&f, "call Nonsense b driver");
	expect_seen(&f, "error UnknownMethod driver b");
	expect_eq(request_name(f.a.conn, "a.b", 0), 1u);
	expect_seen(&f, "call RequestName a driver");
	expect_seen(&f, "signal NameOwnerChanged driver -");
	expect_seen(&f, "signal NameAcquired driver a");
	expect_seen(&f, "return driver a");
	expect_seen_no_more(&f);
	fixture_close(&f);
}

TEST(calls_of_the_driver)
{
	see_calls_of_the_driver(false);
}

TEST(calls_of_the_driver_through_a_proxy)
{
	see_calls_of_the_driver(true);
}

/* the owner sees it for itself, and the proxy sees it as well */
static void see_calls_that_the_owner_answers(bool is_proxied)
{
	struct fixture f;
	uint32_t serial;

	fixture_open_with(&f, SERVICEDIR, is_proxied);
	expect_return(conn_call(f.a.conn, driver_msg("ReloadConfig")));
	expect_seen(&f, "call ReloadConfig a driver");
	expect_seen(&f, "signal ActivatableServicesChanged driver -");
	expect_seen(&f, "return driver a");
	expect_error(conn_call(f.a.conn, start_msg("t.None")), "ServiceUnknown");
	expect_seen(&f, "call StartServiceByName a driver");
	expect_seen(&f, "error ServiceUnknown driver a");
	expect_error(conn_call(f.a.conn, msg_append(driver_msg("ReloadConfig"), "s", "x")),
		     "InvalidArgs");
	expect_seen(&f, "call ReloadConfig a driver");
	expect_seen(&f, "error InvalidArgs driver a");
	serial = conn_send(f.a.conn, msg_flags(driver_msg("ReloadConfig"), MSG_NO_REPLY));
	expect_return(conn_reply(f.a.conn, serial));
	expect_seen(&f, "call ReloadConfig a driver");
	expect_seen(&f, "signal ActivatableServicesChanged driver -");
	expect_seen(&f, "return driver a");
	expect_seen_no_more(&f);
	fixture_close(&f);
}

TEST(calls_that_the_owner_answers)
{
	see_calls_that_the_owner_answers(false);
}

TEST(calls_that_the_owner_answers_through_a_proxy)
{
	see_calls_that_the_owner_answers(true);
}

/* DIFFERENCES per-client-hello */
TEST(hello)
{
	struct proxied new;
	struct fixture f;
	char line[128];

	fixture_open(&f, NULL);
	new = proxied_new(&f.bus);
	expect_seen(&f, "signal NameOwnerChanged driver -");
	snprintf(line, sizeof(line), "call Hello %s driver", new.conn->unique);
	expect_seen(&f, line);
	snprintf(line, sizeof(line), "return driver %s", new.conn->unique);
	expect_seen(&f, line);
	snprintf(line, sizeof(line), "signal NameAcquired driver %s", new.conn->unique);
	expect_seen(&f, line);
	expect_seen_no_more(&f);
	proxied_close(&f.bus, &new);
	fixture_close(&f);
}

static void see_messages_of_peers_are_seen_once(bool is_proxied)
{
	struct fixture f;
	struct msg *call;
	uint32_t serial;

	fixture_open_with(&f, NULL, is_proxied);
	serial = conn_send(f.a.conn, msg_call(f.b.conn->unique, "/x", "a.b", "Ask"));
	call = conn_find_call(f.b.conn, "Ask");
	conn_send(f.b.conn, msg_return(call));
	msg_free(call);
	expect_return(conn_reply(f.a.conn, serial));
	conn_send(f.a.conn, msg_signal("/", "a.b", "S"));
	expect_seen(&f, "call Ask a b");
	expect_seen(&f, "return b a");
	expect_seen(&f, "signal S a -");
	expect_seen_no_more(&f);
	fixture_close(&f);
}

TEST(messages_of_peers_are_seen_once)
{
	see_messages_of_peers_are_seen_once(false);
}

TEST(messages_of_peers_are_seen_once_through_a_proxy)
{
	see_messages_of_peers_are_seen_once(true);
}

static void see_what_is_refused(bool is_proxied)
{
	struct fixture f;

	fixture_open_with(
		&f,
		"<policy context=\"mandatory\">"
		"<deny send_interface=\"a.b\" send_member=\"NotSent\"/>"
		"<deny send_destination=\"org.freedesktop.DBus\" "
		"send_interface=\"org.freedesktop.DBus\" send_member=\"GetId\"/></policy>",
		is_proxied);
	expect_error(conn_call(f.a.conn, msg_call(f.b.conn->unique, "/x", "a.b", "NotSent")),
		     "AccessDenied");
	expect_seen(&f, "call NotSent a b");
	expect_seen(&f, "error AccessDenied driver a");
	expect_error(conn_call(f.a.conn, msg_call("no.such", "/x", "a.b", "Ask")),
		     "ServiceUnknown");
	expect_seen(&f, "call Ask a no.such");
	expect_seen(&f, "error ServiceUnknown driver a");
	expect_error(conn_call(f.a.conn, driver_msg("GetId")), "AccessDenied");
	expect_seen(&f, "call GetId a driver");
	expect_seen(&f, "error AccessDenied driver a");
	/* whom nobody answers any more */
	conn_send(f.a.conn, msg_call(f.b.conn->unique, "/x", "a.b", "Ask"));
	msg_free(conn_find_call(f.b.conn, "Ask"));
	expect_seen(&f, "call Ask a b");
	conn_close(f.b.conn);
	expect_eq(sandbox_wait(&f.bus.sandbox, f.b.pid), 0);
	f.b = proxied_new(&f.bus);
	for (;;) {
		struct msg *msg = conn_next(f.monitor);
		bool is_it = msg->type == MSG_ERROR && !strcmp(msg->destination, f.a.conn->unique);

		msg_free(msg);
		if (is_it)
			break;
	}
	fixture_close(&f);
}

TEST(what_is_refused)
{
	see_what_is_refused(false);
}

TEST(what_is_refused_through_a_proxy)
{
	see_what_is_refused(true);
}

/* who sends on without waiting for errors */
TEST(what_is_refused_is_seen_in_its_place)
{
	struct fixture f;

	fixture_open(&f, "<policy context=\"mandatory\">"
			 "<deny send_interface=\"a.b\" send_member=\"Not\"/></policy>");
	for (int i = 0; i < 10; i++) {
		conn_send(f.a.conn, msg_to(msg_signal("/", "a.b", "Not"), f.b.conn->unique));
		conn_send(f.a.conn, msg_to(msg_signal("/", "a.b", "S"), f.b.conn->unique));
		conn_send(f.a.conn, msg_to(msg_signal("/", "a.b", "Nobody"), "no.such"));
		conn_send(f.a.conn, msg_to(msg_signal("/", "a.b", "T"), f.b.conn->unique));
	}
	for (int i = 0; i < 10; i++) {
		expect_seen(&f, "signal Not a b");
		expect_seen(&f, "error AccessDenied driver a");
		expect_seen(&f, "signal S a b");
		expect_seen(&f, "signal Nobody a no.such");
		expect_seen(&f, "error ServiceUnknown driver a");
		expect_seen(&f, "signal T a b");
	}
	fixture_close(&f);
}

/* what the bus says to a client that may not hear it */
TEST(signal_of_the_driver_that_is_refused)
{
	struct fixture f;

	fixture_open(&f, "<policy context=\"mandatory\">"
			 "<deny receive_interface=\"org.freedesktop.DBus\" "
			 "receive_member=\"NameLost\"/></policy>");
	expect_eq(request_name(f.a.conn, "a.b", 0), 1u);
	expect_return(conn_call(f.a.conn, msg_append(driver_msg("ReleaseName"), "s", "a.b")));
	expect_seen(&f, "call RequestName a driver");
	expect_seen(&f, "signal NameOwnerChanged driver -");
	expect_seen(&f, "signal NameAcquired driver a");
	expect_seen(&f, "return driver a");
	expect_seen(&f, "call ReleaseName a driver");
	expect_seen(&f, "signal NameLost driver a");
	expect_seen(&f, "error AccessDenied driver driver");
	expect_seen(&f, "signal NameOwnerChanged driver -");
	expect_seen(&f, "return driver a");
	expect_seen_no_more(&f);
	fixture_close(&f);
}

/* by the name that a client has, whichever of them a message says, whoever serves it */
static void see_destination(const char *destination, bool is_unique)
{
	struct fixture f = {0};
	char rule[128];

	bus_open(&f.bus, NULL);
	fixture_connect(&f, false);
	expect_eq(request_name(f.b.conn, "t.Name", 0), 1u);
	snprintf(rule, sizeof(rule), "type='signal',interface='a.b',destination='%s'",
		 is_unique ? f.b.conn->unique : destination);
	expect_return(conn_call(f.monitor, msg_append(msg_call(DRIVER_NAME, DRIVER_PATH, MONITORING,
							       "BecomeMonitor"),
						      "asu", 2, "member='End'", rule, 0u)));
	conn_send(f.a.conn, msg_to(msg_signal("/", "a.b", "ToName"), "t.Name"));
	conn_send(f.a.conn, msg_to(msg_signal("/", "a.b", "ToId"), f.b.conn->unique));
	conn_send(f.a.conn, msg_to(msg_signal("/", "a.b", "ToOther"), f.c->unique));
	conn_sync(f.a.conn);
	conn_send(f.c, msg_to(msg_signal("/", "a.b", "OfOwners"), "t.Name"));
	expect_seen(&f, "signal ToName a t.Name");
	expect_seen(&f, "signal ToId a b");
	expect_seen(&f, "signal OfOwners c t.Name");
	expect_seen_no_more(&f);
	fixture_close(&f);
}

TEST(rule_about_a_destination_by_name)
{
	see_destination("t.Name", false);
}

TEST(rule_about_a_destination_by_unique_name)
{
	see_destination(NULL, true);
}

/* what the bus does so that a message can be delivered comes before it */
TEST(start_by_systemd)
{
	struct fixture f = {0};

	bus_open_with(&f.bus, SERVICEDIR, "--systemd-activation");
	fixture_connect(&f, false);
	expect_eq(mkdir(sandbox_path(&f.bus.sandbox, "services"), 0755), 0);
	file_write(sandbox_path(&f.bus.sandbox, "services/t.Service.service"),
		   "[D-BUS Service]\nName=t.Service\nExec=/bin/false\nSystemdService=a.service\n");
	/* for this one all changes are looked at */
	expect_error(conn_call(f.c, start_msg("t.None")), "ServiceUnknown");
	expect_return(conn_call(f.monitor, become_msg()));
	conn_send(f.a.conn, msg_to(msg_signal("/", "a.b", "S"), "t.Service"));
	conn_send(f.a.conn, msg_to(msg_signal("/", "a.b", "T"), "t.Service"));
	expect_seen(&f, "signal ActivationRequest driver org.freedesktop.systemd1");
	expect_seen(&f, "signal S a t.Service");
	expect_seen(&f, "signal T a t.Service");
	expect_seen_no_more(&f);
	fixture_close(&f);
}

/* DIFFERENCES per-client-refused: of who is served by the owner it is seen */
TEST(broadcast_that_is_refused)
{
	struct fixture f;

	fixture_open(&f, "<policy context=\"mandatory\">"
			 "<deny receive_interface=\"a.b\" receive_member=\"Not\"/></policy>");
	add_match(f.b.conn, "type='signal',interface='a.b'");
	expect_seen(&f, "call AddMatch b driver");
	expect_seen(&f, "return driver b");
	conn_send(f.a.conn, msg_signal("/", "a.b", "Not"));
	expect_seen(&f, "signal Not a -");
	conn_sync(f.a.conn);
	conn_sync(f.b.conn);
	expect_quiet(f.b.conn);
	for (int i = 0; i < 3; i++) {
		expect_seen(&f, i ? "call GetId b driver" : "call GetId a driver");
		expect_seen(&f, i ? "return driver b" : "return driver a");
	}
	add_match(f.c, "type='signal',interface='a.b'");
	expect_seen(&f, "call AddMatch c driver");
	expect_seen(&f, "return driver c");
	conn_send(f.a.conn, msg_signal("/", "a.b", "Not"));
	expect_seen(&f, "signal Not a -");
	expect_seen(&f, "error AccessDenied driver a");
	fixture_close(&f);
}

/* who comes and goes is told of; and nothing is lost in between */
TEST(monitors_come_and_go)
{
	struct fixture f;

	fixture_open(&f, NULL);
	for (int i = 0; i < 10; i++) {
		conn_close(f.monitor);
		if (i % 3 == 0)
			usleep(1200000);
		f.monitor = conn_new(f.bus.address);
		expect_return(conn_call(f.monitor, become_msg()));
		conn_send(f.a.conn, driver_msg("GetId"));
		msg_free(conn_find(f.monitor, MSG_CALL, "GetId"));
	}
	fixture_close(&f);
}

TEST(eavesdroppers)
{
	struct fixture f;

	fixture_open(&f, "<policy context=\"mandatory\"><allow eavesdrop=\"true\"/>"
			 "<allow send_destination=\"*\" eavesdrop=\"true\"/></policy>");
	add_match(f.c, "eavesdrop='true',type='method_call',member='ListNames'");
	add_match(f.c, "eavesdrop='true',type='method_call',member='ReloadConfig'");
	expect_return(conn_call(f.a.conn, driver_msg("ListNames")));
	expect_next(f.c, MSG_CALL, "ListNames");
	expect_return(conn_call(f.a.conn, driver_msg("ReloadConfig")));
	expect_next(f.c, MSG_CALL, "ReloadConfig");
	expect_quiet(f.c);
	fixture_close(&f);
}

static void see_much_at_once(bool is_proxied)
{
	struct fixture f;
	unsigned n_calls = 0, n_returns = 0;
	struct msg *msg;

	fixture_open_with(&f, NULL, is_proxied);
	for (int i = 0; i < 500; i++)
		conn_send(f.a.conn, driver_msg("GetId"));
	while (n_returns < 500) {
		msg = conn_next(f.monitor);
		if (msg->type == MSG_CALL) {
			expect_str(msg->member, "GetId");
			n_calls++;
		} else if (msg->type == MSG_RETURN) {
			n_returns++;
		}
		expect_le(n_returns, n_calls);
		msg_free(msg);
	}
	expect_eq(n_calls, 500u);
	fixture_close(&f);
}

TEST(much_at_once)
{
	see_much_at_once(false);
}

TEST(much_at_once_through_a_proxy)
{
	see_much_at_once(true);
}

TEST(proxied_monitor_is_no_peer_any_more)
{
	struct fixture f;
	struct proxied m;
	struct msg *msg;
	uint32_t serial;

	fixture_open(&f, NULL);
	m = proxied_new(&f.bus);
	expect_eq(request_name(m.conn, "a.b", 0), 1u);
	conn_drop(m.conn);
	serial = conn_send(m.conn, become_msg());
	/* in this order: the answer, and the loss of its names */
	msg = conn_next(m.conn);
	expect_eq(msg->type, MSG_RETURN);
	expect_eq(msg->reply_serial, serial);
	expect_str(msg->destination, m.conn->unique);
	msg_free(msg);
	expect_next(m.conn, MSG_SIGNAL, "NameLost");
	expect_next(m.conn, MSG_SIGNAL, "NameLost");
	expect(!name_owner(f.c, "a.b"));
	expect_error(conn_call(f.c, msg_call(m.conn->unique, "/x", "a.b", "Ask")),
		     "ServiceUnknown");
	/* nobody else has heard of what takes its place */
	expect_eq(driver_u32(f.c, "GetConnectionUnixProcessID", "s", f.a.conn->unique),
		  (uint32_t)getpid());
	proxied_close(&f.bus, &m);
	fixture_close(&f);
}

TEST(proxied_monitor_that_talks_is_disconnected)
{
	struct fixture f;

	fixture_open_with(&f, NULL, true);
	conn_send(f.monitor, driver_msg("GetId"));
	for (;;) {
		struct msg *msg = conn_recv(f.monitor, WAIT_MS);

		if (!msg)
			break;
		msg_free(msg);
	}
	expect_eof(f.monitor);
	fixture_close(&f);
}

TEST(proxied_monitor_asks_for_nonsense)
{
	struct fixture f;

	fixture_open(&f, NULL);
	expect_error(conn_call(f.a.conn, msg_append(msg_call(DRIVER_NAME, DRIVER_PATH, MONITORING,
							     "BecomeMonitor"),
						    "asu", 1, "nonsense", 0u)),
		     "MatchRuleInvalid");
	expect_error(conn_call(f.a.conn, msg_append(msg_call(DRIVER_NAME, DRIVER_PATH, MONITORING,
							     "BecomeMonitor"),
						    "asu", 0, 1u)),
		     "InvalidArgs");
	/* nothing of it has happened */
	expect_return(conn_call(f.a.conn, driver_msg("GetId")));
	fixture_close(&f);
}

/* its own rules */
TEST(proxied_monitor_sees_what_it_asks_for)
{
	struct proxied m;
	struct fixture f;

	fixture_open(&f, NULL);
	m = proxied_new(&f.bus);
	expect_return(conn_call(
		m.conn, msg_append(msg_call(DRIVER_NAME, DRIVER_PATH, MONITORING, "BecomeMonitor"),
				   "asu", 1, "member='T'", 0u)));
	expect_next(m.conn, MSG_SIGNAL, "NameLost");
	conn_send(f.c, msg_signal("/", "a.b", "S"));
	conn_send(f.c, msg_signal("/", "a.b", "T"));
	conn_send(f.a.conn, msg_signal("/", "a.b", "S"));
	conn_send(f.a.conn, msg_signal("/", "a.b", "T"));
	expect_next(m.conn, MSG_SIGNAL, "T");
	expect_next(m.conn, MSG_SIGNAL, "T");
	proxied_close(&f.bus, &m);
	fixture_close(&f);
}
