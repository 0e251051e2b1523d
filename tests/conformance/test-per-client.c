/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Clients that have a proxy process of their own, beside those that the owner of the bus
 * serves itself.
 */
#include "tests/conformance/activation.h"
#include "tests/harness/proxied.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "org.example.Name"

struct fixture {
	struct bus bus;
	struct proxied a, b;
	struct conn *c; /* of the owner */
};

static void fixture_open(struct fixture *f, const char *xml)
{
	bus_open(&f->bus, xml);
	f->a = proxied_new(&f->bus);
	f->b = proxied_new(&f->bus);
	f->c = conn_new(f->bus.address);
}

static void fixture_close(struct fixture *f)
{
	proxied_close(&f->bus, &f->a);
	proxied_close(&f->bus, &f->b);
	conn_close(f->c);
	bus_close(&f->bus);
}

/* a call, and its answer */
static void expect_talk(struct conn *from, struct conn *to, const char *destination)
{
	uint32_t serial = conn_send(
		from, msg_append(msg_call(destination, "/x", "a.b", "Ask"), "s", "question"));
	struct msg *call = conn_find_call(to, "Ask"), *reply;
	const char *text;

	expect_str(call->sender, from->unique);
	msg_read(call, "s", &text);
	expect_str(text, "question");
	conn_send(to, msg_append(msg_return(call), "s", "answer"));
	msg_free(call);
	reply = conn_reply(from, serial);
	expect_eq(reply->type, MSG_RETURN);
	expect_str(reply->sender, to->unique);
	msg_read(reply, "s", &text);
	expect_str(text, "answer");
	msg_free(reply);
}

TEST(calls_between_all_kinds_of_clients)
{
	struct fixture f;

	fixture_open(&f, NULL);
	expect_talk(f.a.conn, f.b.conn, f.b.conn->unique);
	expect_talk(f.a.conn, f.c, f.c->unique);
	expect_talk(f.c, f.a.conn, f.a.conn->unique);
	expect_eq(request_name(f.b.conn, NAME, 0), 1);
	expect_talk(f.a.conn, f.b.conn, NAME);
	expect_talk(f.c, f.b.conn, NAME);
	fixture_close(&f);
}

TEST(signals_to_all_who_asked)
{
	struct fixture f;

	fixture_open(&f, NULL);
	add_match(f.a.conn, "type='signal',interface='a.b',member='S'");
	add_match(f.b.conn, "type='signal',sender='" NAME "'");
	add_match(f.c, "type='signal',interface='a.b',member='S'");
	conn_send(f.a.conn, msg_signal("/", "a.b", "S"));
	expect_next(f.a.conn, MSG_SIGNAL, "S");
	expect_next(f.c, MSG_SIGNAL, "S");
	expect_eq(request_name(f.c, NAME, 0), 1);
	conn_drop(f.c);
	conn_send(f.c, msg_signal("/", "a.b", "T"));
	expect_next(f.b.conn, MSG_SIGNAL, "T");
	conn_send(f.c, msg_to(msg_signal("/", "a.b", "Directed"), f.a.conn->unique));
	expect_next(f.a.conn, MSG_SIGNAL, "Directed");
	conn_send(f.b.conn, msg_to(msg_signal("/", "a.b", "Directed"), f.c->unique));
	expect_next(f.c, MSG_SIGNAL, "Directed");
	expect_quiet(f.a.conn);
	expect_quiet(f.b.conn);
	fixture_close(&f);
}

TEST(names_and_credentials_are_those_of_the_client)
{
	struct fixture f;
	char *owner;

	fixture_open(&f, NULL);
	expect_eq(request_name(f.a.conn, NAME, 0), 1);
	owner = name_owner(f.c, NAME);
	expect_str(owner, f.a.conn->unique);
	free(owner);
	owner = name_owner(f.b.conn, NAME);
	expect_str(owner, f.a.conn->unique);
	free(owner);
	expect_eq(request_name(f.b.conn, NAME, 0), 2);
	/* the test has made both ends of the socket */
	expect_eq(driver_u32(f.c, "GetConnectionUnixProcessID", "s", f.a.conn->unique),
		  (uint32_t)getpid());
	add_match(f.c, "type='signal',member='NameOwnerChanged',arg0='" NAME "'");
	conn_close(f.a.conn);
	expect_eq(sandbox_wait(&f.bus.sandbox, f.a.pid), 0);
	expect_next(f.c, MSG_SIGNAL, "NameOwnerChanged");
	owner = name_owner(f.c, NAME);
	expect_str(owner, f.b.conn->unique);
	free(owner);
	proxied_close(&f.bus, &f.b);
	conn_close(f.c);
	bus_close(&f.bus);
}

TEST(descriptors_and_large_messages)
{
	struct fixture f;
	struct msg *msg;
	char *text = malloc(3000001);
	const char *got;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	memset(text, 'x', 3000000);
	text[3000000] = '\0';
	fixture_open(&f, NULL);
	for (int i = 0; i < 2; i++) {
		struct conn *to = i ? f.c : f.b.conn;

		msg = msg_append(msg_call(to->unique, "/x", "a.b", "Large"), "s", text);
		conn_send(f.a.conn, msg);
		msg = conn_find_call(to, "Large");
		msg_read(msg, "s", &got);
		expect(!strcmp(got, text));
		msg_free(msg);
		msg = msg_call(to->unique, "/x", "a.b", "Descriptor");
		msg_attach(msg, fd);
		conn_send(f.a.conn, msg);
		msg = conn_find_call(to, "Descriptor");
		expect_eq(msg->n_fds, 1u);
		msg_free(msg);
	}
	fixture_close(&f);
	close(fd);
	free(text);
}

/* policy */

static bool is_refused(struct conn *from, struct conn *to, const char *member)
{
	return conn_is_refused(from, conn_send(from, msg_call(to->unique, "/x", "a.b", member)));
}

/* each of the three as sender and as receiver */
static void expect_refused_everywhere(struct fixture *f, const char *member)
{
	struct conn *conns[] = {f->a.conn, f->b.conn, f->c};

	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 3; j++)
			if (i != j && !is_refused(conns[i], conns[j], member))
				fail("%s passes from %d to %d", member, i, j);
}

TEST(rules_of_both_sides_hold_across_processes)
{
	struct fixture f;

	fixture_open(&f, "<policy context=\"mandatory\">"
			 "<deny send_interface=\"a.b\" send_member=\"NotSent\"/>"
			 "<deny receive_interface=\"a.b\" receive_member=\"NotReceived\"/>"
			 "<deny send_interface=\"a.b\" send_member=\"NotBroadcast\"/>"
			 "<deny own=\"org.example.Denied\"/></policy>");
	expect_refused_everywhere(&f, "NotSent");
	expect_refused_everywhere(&f, "NotReceived");
	add_match(f.b.conn, "type='signal'");
	add_match(f.c, "type='signal'");
	conn_drop(f.b.conn);
	conn_drop(f.c);
	conn_send(f.a.conn, msg_signal("/", "a.b", "NotBroadcast"));
	conn_send(f.a.conn, msg_signal("/", "a.b", "Broadcast"));
	expect_next(f.b.conn, MSG_SIGNAL, "Broadcast");
	expect_next(f.c, MSG_SIGNAL, "Broadcast");
	expect_error(conn_call(f.a.conn, msg_append(driver_msg("RequestName"), "su",
						    "org.example.Denied", 0)),
		     "AccessDenied");
	fixture_close(&f);
}

TEST(reload_reaches_the_proxies)
{
	struct fixture f;
	bool refused = false;

	fixture_open(&f, NULL);
	expect(!is_refused(f.a.conn, f.c, "Ask"));
	bus_write_config(&f.bus,
			 "<policy context=\"mandatory\">"
			 "<deny receive_interface=\"a.b\" receive_member=\"Ask\"/></policy>");
	expect_eq(kill(f.bus.owner, SIGHUP), 0);
	/* when it has arrived nobody says */
	for (int64_t end = now_ms() + 5000; !refused && now_ms() < end;) {
		refused = is_refused(f.c, f.a.conn, "Ask");
		conn_drop(f.a.conn);
	}
	expect(refused);
	fixture_close(&f);
}

/* services */

/* "t.Service", whose program says that it was started: the test itself takes the name */
static void fixture_add_service(struct fixture *f)
{
	char text[1024];

	expect_eq(mkdir(sandbox_path(&f->bus.sandbox, "services"), 0755), 0);
	snprintf(text, sizeof(text),
		 "[D-BUS Service]\nName=t.Service\nExec=/bin/sh -c \"echo x >> %s/started\"\n",
		 f->bus.sandbox.dir);
	file_write(sandbox_path(&f->bus.sandbox, "services/t.Service.service"), text);
	expect_return(conn_call(f->c, driver_msg("ReloadConfig")));
}

static void expect_started(struct fixture *f)
{
	char *text = NULL;

	for (int64_t end = now_ms() + WAIT_MS; !text || !*text; usleep(5000)) {
		if (now_ms() > end)
			fail("the service was not started");
		free(text);
		text = file_read(sandbox_path(&f->bus.sandbox, "started"));
	}
	expect_str(text, "x\n");
	free(text);
}

TEST(what_can_be_started_is_known_to_all)
{
	struct fixture f;

	fixture_open(&f, SERVICEDIR);
	expect(!is_activatable(f.a.conn, "t.Service"));
	fixture_add_service(&f);
	expect(is_activatable(f.a.conn, "t.Service"));
	/* also while somebody has the name */
	expect_eq(request_name(f.b.conn, "t.Service", 0), 1u);
	expect(is_activatable(f.a.conn, "t.Service"));
	expect(!is_activatable(f.a.conn, f.b.conn->unique));
	fixture_close(&f);
}

TEST(message_has_its_destination_started)
{
	struct fixture f;
	struct msg *call;
	uint32_t serial;

	fixture_open(&f, SERVICEDIR);
	fixture_add_service(&f);
	serial = conn_send(f.a.conn, msg_call("t.Service", "/x", "a.b", "First"));
	expect_started(&f);
	/* behind a proxy as well */
	expect_eq(request_name(f.b.conn, "t.Service", 0), 1u);
	call = conn_find_call(f.b.conn, "First");
	expect_str(call->sender, f.a.conn->unique);
	conn_send(f.b.conn, msg_return(call));
	msg_free(call);
	expect_return(conn_reply(f.a.conn, serial));
	fixture_close(&f);
}

/* the bus waits for it, but has no file for it */
TEST(systemd_is_not_listed)
{
	struct bus bus;
	struct proxied a;
	struct conn *c;

	bus_open_with(&bus, NULL, "--systemd-activation");
	a = proxied_new(&bus);
	c = conn_new(bus.address);
	expect(!is_activatable(a.conn, "org.freedesktop.systemd1"));
	expect(!is_activatable(c, "org.freedesktop.systemd1"));
	conn_close(c);
	proxied_close(&bus, &a);
	bus_close(&bus);
}

static uint32_t started_u32(struct conn *conn, uint32_t serial)
{
	struct msg *reply = conn_reply(conn, serial);
	uint32_t result;

	expect_eq(reply->type, MSG_RETURN);
	expect_str(reply->sender, DRIVER_NAME);
	msg_read(reply, "u", &result);
	msg_free(reply);
	return result;
}

TEST(start_without_a_message)
{
	struct fixture f;
	uint32_t serial;

	fixture_open(&f, SERVICEDIR);
	fixture_add_service(&f);
	expect_error(conn_call(f.a.conn, start_msg("t.None")), "ServiceUnknown");
	expect_error(conn_call(f.a.conn, start_msg(f.b.conn->unique)), "ServiceUnknown");
	serial = conn_send(f.a.conn, start_msg("t.Service"));
	expect_started(&f);
	/* who waits for a start does not wait with the rest */
	expect_talk(f.a.conn, f.c, f.c->unique);
	expect_eq(request_name(f.b.conn, "t.Service", 0), 1u);
	expect_eq(started_u32(f.a.conn, serial), 1u);
	expect_eq(driver_u32(f.a.conn, "StartServiceByName", "su", "t.Service", 0), 2u);
	fixture_close(&f);
}

TEST(start_of_what_the_client_itself_becomes)
{
	struct fixture f;
	uint32_t serial;

	fixture_open(&f, SERVICEDIR);
	fixture_add_service(&f);
	serial = conn_send(f.a.conn, start_msg("t.Service"));
	expect_started(&f);
	expect_eq(request_name(f.a.conn, "t.Service", 0), 1u);
	expect_eq(started_u32(f.a.conn, serial), 1u);
	fixture_close(&f);
}

TEST(start_that_fails)
{
	struct fixture f;

	fixture_open(&f, SERVICEDIR);
	expect_eq(mkdir(sandbox_path(&f.bus.sandbox, "services"), 0755), 0);
	file_write(sandbox_path(&f.bus.sandbox, "services/t.Fails.service"),
		   "[D-BUS Service]\nName=t.Fails\nExec=/bin/false\n");
	file_write(sandbox_path(&f.bus.sandbox, "services/t.None.service"),
		   "[D-BUS Service]\nName=t.None\nExec=/does/not/exist\n");
	expect_return(conn_call(f.a.conn, driver_msg("ReloadConfig")));
	expect_error(conn_call(f.a.conn, start_msg("t.Fails")), "Spawn.ChildExited");
	expect_error(conn_call(f.a.conn, start_msg("t.None")), "Spawn.ExecFailed");
	/* and again */
	expect_error(conn_call(f.a.conn, start_msg("t.Fails")), "Spawn.ChildExited");
	fixture_close(&f);
}

TEST(start_limit)
{
	struct fixture f;
	uint32_t serial;

	fixture_open(&f, SERVICEDIR "<limit name='max_pending_service_starts'>1</limit>");
	fixture_add_service(&f);
	conn_send(f.a.conn, start_msg("t.Service"));
	expect_started(&f);
	expect_error(conn_call(f.b.conn, start_msg("t.Service")), "LimitsExceeded");
	/* who leaves takes its call along */
	conn_close(f.a.conn);
	expect_eq(sandbox_wait(&f.bus.sandbox, f.a.pid), 0);
	serial = conn_send(f.b.conn, start_msg("t.Service"));
	conn_sync(f.b.conn);
	expect_eq(request_name(f.c, "t.Service", 0), 1u);
	expect_eq(started_u32(f.b.conn, serial), 1u);
	proxied_close(&f.bus, &f.b);
	conn_close(f.c);
	bus_close(&f.bus);
}

TEST(start_that_a_rule_forbids)
{
	struct fixture f;

	fixture_open(&f, SERVICEDIR "<policy context=\"mandatory\">"
				    "<deny send_destination=\"org.freedesktop.DBus\" "
				    "send_interface=\"org.freedesktop.DBus\" "
				    "send_member=\"StartServiceByName\"/></policy>");
	fixture_add_service(&f);
	expect_error(conn_call(f.a.conn, start_msg("t.Service")), "AccessDenied");
	fixture_close(&f);
}

TEST(what_the_owner_alone_does)
{
	struct fixture f;

	fixture_open(&f, NULL);
	expect_return(conn_call(f.a.conn, driver_msg("ReloadConfig")));
	file_write(sandbox_path(&f.bus.sandbox, "bus.conf"), "<busconfig");
	expect_error(conn_call(f.a.conn, driver_msg("ReloadConfig")), "Failed");
	expect_error(conn_call(f.a.conn, msg_append(driver_msg("ReloadConfig"), "s", "x")),
		     "InvalidArgs");
	fixture_close(&f);
}

/* what it sends next is looked at when its call has taken effect */
TEST(order_of_what_the_owner_does_and_what_follows)
{
	struct fixture f;
	uint32_t serials[2];

	fixture_open(&f, NULL);
	for (int i = 0; i < 20; i++) {
		bus_write_config(&f.bus, i % 2 ? NULL
					       : "<policy context=\"mandatory\">"
						 "<deny own=\"org.example.Denied\"/></policy>");
		serials[0] = conn_send(f.a.conn, driver_msg("ReloadConfig"));
		serials[1] = conn_send(f.a.conn, driver_msg("GetId"));
		expect_return(conn_reply(f.a.conn, serials[0]));
		expect_return(conn_reply(f.a.conn, serials[1]));
	}
	/* also of who does not wait */
	conn_send(f.a.conn, driver_msg("ReloadConfig"));
	conn_close(f.a.conn);
	expect_eq(sandbox_wait(&f.bus.sandbox, f.a.pid), 0);
	proxied_close(&f.bus, &f.b);
	conn_close(f.c);
	bus_close(&f.bus);
}

TEST(services_inherit_what_a_client_says)
{
	struct fixture f;
	char text[1024], *said = NULL;

	fixture_open(&f, SERVICEDIR);
	expect_return(conn_call(f.a.conn, msg_append(driver_msg("UpdateActivationEnvironment"),
						     "a{ss}", 1, "SAID", "hello")));
	expect_eq(mkdir(sandbox_path(&f.bus.sandbox, "services"), 0755), 0);
	snprintf(text, sizeof(text),
		 "[D-BUS Service]\nName=t.Service\nExec=/bin/sh -c \"echo $SAID >> %s/said\"\n",
		 f.bus.sandbox.dir);
	file_write(sandbox_path(&f.bus.sandbox, "services/t.Service.service"), text);
	expect_return(conn_call(f.a.conn, driver_msg("ReloadConfig")));
	conn_send(f.a.conn, start_msg("t.Service"));
	for (int64_t end = now_ms() + WAIT_MS; !said || !*said; usleep(5000)) {
		if (now_ms() > end)
			fail("the service was not started");
		free(said);
		said = file_read(sandbox_path(&f.bus.sandbox, "said"));
	}
	expect_str(said, "hello\n");
	free(said);
	fixture_close(&f);
}

static uint32_t stats_n_active(struct conn *conn)
{
	struct msg *reply = conn_call(
		conn, msg_call(DRIVER_NAME, DRIVER_PATH, DRIVER_NAME ".Debug.Stats", "GetStats"));
	const char *signature;
	struct reader r;
	uint32_t n;

	expect(msg_find(reply, "ActiveConnections", &signature, &r));
	expect_str(signature, "u");
	n = read_u32(&r);
	msg_free(reply);
	return n;
}

static uint32_t stats_of(struct conn *conn, const char *name, const char *key)
{
	struct msg *reply = conn_call(
		conn, msg_append(msg_call(DRIVER_NAME, DRIVER_PATH, DRIVER_NAME ".Debug.Stats",
					  "GetConnectionStats"),
				 "s", name));
	const char *signature;
	uint32_t n = UINT32_MAX;
	struct reader r;

	expect_eq(reply->type, MSG_RETURN);
	if (msg_find(reply, key, &signature, &r))
		n = read_u32(&r);
	msg_free(reply);
	return n;
}

/* DIFFERENCES per-client-stats */
TEST(statistics_of_the_whole_bus)
{
	struct fixture f;

	fixture_open(&f, NULL);
	expect_eq(stats_n_active(f.a.conn), 3u);
	expect_eq(stats_n_active(f.c), 3u);
	conn_close(f.b.conn);
	expect_eq(sandbox_wait(&f.bus.sandbox, f.b.pid), 0);
	expect_eq(stats_n_active(f.a.conn), 2u);
	add_match(f.a.conn, "type='signal'");
	add_match(f.c, "type='signal'");
	expect_eq(stats_of(f.a.conn, f.c->unique, "MatchRules"), 1u);
	/* what a proxy has for its client nobody else knows */
	expect_eq(stats_of(f.a.conn, f.a.conn->unique, "BusNames"), 1u);
	expect_eq(stats_of(f.a.conn, f.a.conn->unique, "MatchRules"), UINT32_MAX);
	proxied_close(&f.bus, &f.a);
	conn_close(f.c);
	bus_close(&f.bus);
}

/* order */

/* DIFFERENCES per-client-concurrent */
TEST(clients_do_not_wait_for_each_other)
{
	struct fixture f;

	fixture_open(&f, NULL);
	expect_eq(kill(f.a.pid, SIGSTOP), 0);
	conn_send(f.a.conn, msg_call(f.c->unique, "/", "a.b", "First"));
	conn_send(f.b.conn, msg_call(f.c->unique, "/", "a.b", "Second"));
	expect_next(f.c, MSG_CALL, "Second");
	expect_eq(kill(f.a.pid, SIGCONT), 0);
	expect_next(f.c, MSG_CALL, "First");
	fixture_close(&f);
}

/* who has an answer of the bus, or was told of something, finds done what was sent before */
TEST(what_was_sent_before_an_answer_is_there)
{
	struct fixture f;

	fixture_open(&f, NULL);
	add_match(f.b.conn, "interface='a.b'");
	for (int i = 0; i < 100; i++) {
		conn_send(f.a.conn, msg_signal("/", "a.b", "S"));
		conn_sync(f.a.conn);
		conn_sync(f.b.conn);
		expect(f.b.conn->inbox);
		expect_next(f.b.conn, MSG_SIGNAL, "S");
	}
	fixture_close(&f);
}

TEST(one_message_with_descriptors_after_the_other)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct fixture f;

	fixture_open(&f, NULL);
	for (int i = 0; i < 20; i++) {
		conn_send(f.a.conn,
			  msg_attach(msg_call(f.b.conn->unique, "/x", "a.b", "Descriptor"), fd));
		msg_free(conn_find_call(f.b.conn, "Descriptor"));
	}
	fixture_close(&f);
	close(fd);
}

/* what clients see otherwise */

/* DIFFERENCES per-client-eavesdrop */
TEST(messages_of_others_are_not_heard)
{
	struct fixture f;

	fixture_open(&f, NULL);
	add_match(f.b.conn, "eavesdrop='true',member='Ask'");
	expect_talk(f.a.conn, f.c, f.c->unique);
	expect_quiet(f.b.conn);
	fixture_close(&f);
}

TEST(why_a_message_could_not_start_a_service)
{
	struct fixture f;
	uint32_t serial;

	fixture_open(&f, SERVICEDIR);
	expect_eq(mkdir(sandbox_path(&f.bus.sandbox, "services"), 0755), 0);
	file_write(sandbox_path(&f.bus.sandbox, "services/t.Missing.service"),
		   "[D-BUS Service]\nName=t.Missing\nExec=/t.Missing\n");
	expect_return(conn_call(f.c, driver_msg("ReloadConfig")));
	for (int i = 0; i < 3; i++) {
		expect_error(conn_call(f.a.conn, msg_call("t.Missing", "/", "a.b", "C")),
			     "Spawn.ExecFailed");
		expect_error(conn_call(f.c, msg_call("t.Missing", "/", "a.b", "C")),
			     "Spawn.ExecFailed");
	}
	/* as dbus-daemon does not only answer calls */
	serial = conn_send(f.a.conn, msg_to(msg_signal("/", "a.b", "S"), "t.Missing"));
	expect_error(conn_reply(f.a.conn, serial), "Spawn.ExecFailed");
	fixture_close(&f);
}

/* the rules are those of who came, when it came */
TEST(message_that_its_service_may_not_have)
{
	struct fixture f;
	uint32_t call, signal;

	fixture_open(&f, SERVICEDIR "<policy context=\"mandatory\">"
				    "<deny receive_interface=\"a.b\"/></policy>");
	fixture_add_service(&f);
	for (int i = 0; i < 2; i++) {
		struct conn *service = i ? f.c : f.b.conn;

		call = conn_send(f.a.conn, msg_call("t.Service", "/", "a.b", "C"));
		signal = conn_send(f.a.conn, msg_to(msg_signal("/", "a.b", "S"), "t.Service"));
		conn_sync(f.a.conn);
		expect_eq(request_name(service, "t.Service", 0), 1u);
		expect_error(conn_reply(f.a.conn, call), "AccessDenied");
		expect_error(conn_reply(f.a.conn, signal), "AccessDenied");
		expect_return(conn_call(service,
					msg_append(driver_msg("ReleaseName"), "s", "t.Service")));
	}
	fixture_close(&f);
}

/* DIFFERENCES per-client-changed-services */
TEST(services_that_have_changed)
{
	struct fixture f;

	fixture_open(&f, SERVICEDIR);
	add_match(f.a.conn, "member='ActivatableServicesChanged'");
	add_match(f.c, "member='ActivatableServicesChanged'");
	conn_drop(f.c);
	expect_return(conn_call(f.b.conn, driver_msg("ReloadConfig")));
	expect_next(f.c, MSG_SIGNAL, "ActivatableServicesChanged");
	expect_quiet(f.a.conn);
	fixture_close(&f);
}

/* DIFFERENCES per-client-limits */
TEST(number_of_clients_is_for_who_accepts_them)
{
	struct fixture f;

	bus_open(&f.bus, "<limit name=\"max_completed_connections\">1</limit>");
	f.a = proxied_new(&f.bus);
	f.b = proxied_new(&f.bus);
	f.c = conn_new(f.bus.address);
	fixture_close(&f);
}

/* DIFFERENCES per-client-unique */
TEST(names_count_from_one)
{
	struct bus bus;
	struct conn *c;

	bus_open(&bus, NULL);
	/* the first one was bus_open()'s own */
	c = conn_new(bus.address);
	expect_str(c->unique, ":1.2");
	conn_close(c);
	bus_close(&bus);
}

TEST(names_that_are_waited_for)
{
	struct fixture f;

	fixture_open(&f, "<policy context=\"mandatory\"><deny send_destination=\"" NAME
			 "\"/></policy>");
	expect_eq(request_name(f.c, NAME, 0), 1);
	expect_eq(request_name(f.b.conn, NAME, 0), 2);
	expect(is_refused(f.a.conn, f.c, "Ask"));
	expect(is_refused(f.a.conn, f.b.conn, "Ask"));
	expect(is_refused(f.c, f.b.conn, "Ask"));
	fixture_close(&f);
}

/* DIFFERENCES per-client-waiting: of who is served by the owner it holds */
TEST(names_that_a_sender_waits_for)
{
	struct fixture f;

	fixture_open(&f,
		     "<policy context=\"mandatory\"><deny receive_sender=\"" NAME "\"/></policy>");
	expect_eq(request_name(f.c, NAME, 0), 1);
	expect_eq(request_name(f.b.conn, NAME, 0), 2);
	add_match(f.a.conn, "interface='a.b'");
	add_match(f.c, "interface='a.b'");
	conn_drop(f.c);
	conn_send(f.b.conn, msg_signal("/", "a.b", "S"));
	expect_next(f.a.conn, MSG_SIGNAL, "S");
	conn_sync(f.b.conn);
	expect_quiet(f.c);
	/* of calls it holds for everybody */
	expect(is_refused(f.b.conn, f.a.conn, "Ask"));
	fixture_close(&f);
}

/* life */

TEST(bus_goes_away)
{
	struct fixture f;

	fixture_open(&f, NULL);
	expect_eq(kill(f.bus.owner, SIGKILL), 0);
	sandbox_wait(&f.bus.sandbox, f.bus.owner);
	expect_eof(f.a.conn);
	expect_eof(f.b.conn);
	expect_eq(sandbox_wait(&f.bus.sandbox, f.a.pid), 0);
	expect_eq(sandbox_wait(&f.bus.sandbox, f.b.pid), 0);
	conn_close(f.a.conn);
	conn_close(f.b.conn);
	conn_close(f.c);
	sandbox_close(&f.bus.sandbox);
}

/* there are few instances of inotify, and the owner has one */
TEST(proxies_watch_no_files)
{
	struct fixture f;
	char path[64], link[512], *log;
	struct dirent *entry;
	ssize_t n;
	DIR *dir;

	fixture_open(&f, SERVICEDIR);
	snprintf(path, sizeof(path), "/proc/%d/fd", f.a.pid);
	dir = opendir(path);
	if (!dir)
		skip("only root sees what a proxy has open");
	while ((entry = readdir(dir))) {
		n = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);
		link[n < 0 ? 0 : n] = '\0';
		if (strstr(link, "inotify"))
			fail("a proxy watches files");
	}
	closedir(dir);
	/* what it would say where there are no more */
	snprintf(path, sizeof(path), "[%d]: Changes of service files", f.a.pid);
	log = file_read(sandbox_path(&f.bus.sandbox, "stderr"));
	expect(!log || !strstr(log, path));
	free(log);
	fixture_close(&f);
}

TEST(no_bus)
{
	struct bus bus;
	struct proxied p;

	bus_open(&bus, NULL);
	strcat(bus.engine, "-there-is-not");
	p = proxied_open(&bus);
	expect_eof(p.conn);
	expect_eq(WEXITSTATUS(sandbox_wait(&bus.sandbox, p.pid)), 1);
	conn_close(p.conn);
	bus_close(&bus);
}

TEST(proxy_that_is_killed_takes_nobody_with_it)
{
	struct fixture f;
	int status;

	fixture_open(&f, NULL);
	expect_eq(request_name(f.a.conn, NAME, 0), 1);
	add_match(f.c, "type='signal',member='NameOwnerChanged',arg0='" NAME "'");
	expect_eq(kill(f.a.pid, SIGKILL), 0);
	status = sandbox_wait(&f.bus.sandbox, f.a.pid);
	expect_ne(status, 0);
	expect_next(f.c, MSG_SIGNAL, "NameOwnerChanged");
	expect_talk(f.c, f.b.conn, f.b.conn->unique);
	conn_close(f.a.conn);
	proxied_close(&f.bus, &f.b);
	conn_close(f.c);
	bus_close(&f.bus);
}

/* a process of another user, in the place of a client that does not like its proxy */
TEST(client_can_neither_signal_nor_trace_its_proxy)
{
	struct fixture f;
	char path[64], status[4096] = "";
	int fd, wait_status;
	pid_t pid;

	if (geteuid() != 0)
		skip("only root can become somebody else");
	fixture_open(&f, NULL);
	pid = fork();
	expect(pid >= 0);
	if (pid == 0) {
		if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
			_exit(1);
		if (kill(f.a.pid, SIGTERM) == 0 || errno != EPERM)
			_exit(2);
		if (ptrace(PTRACE_SEIZE, f.a.pid, 0, 0) == 0)
			_exit(3);
		_exit(0);
	}
	expect_eq(waitpid(pid, &wait_status, 0), pid);
	expect_eq(wait_status, 0);
	snprintf(path, sizeof(path), "/proc/%d/status", f.a.pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	expect(read(fd, status, sizeof(status) - 1) > 0);
	close(fd);
	expect(strstr(status, "NoNewPrivs:\t1") != NULL);
	fixture_close(&f);
}
