/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where messages go: by unique and well-known name, directed and broadcast
 * signals, to nobody, to the peer object of the bus; and what becomes of the
 * header on the way. */
#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEER "org.freedesktop.DBus.Peer"
#define NAME "org.example.Name"

struct fixture {
	struct subject *subject;
	struct conn *a, *b, *c;
};

static struct fixture fixture_start(void)
{
	struct fixture f = {subject_start(NULL)};

	f.a = conn_new(f.subject->address);
	f.b = conn_new(f.subject->address);
	f.c = conn_new(f.subject->address);
	expect_eq(request_name(f.b, NAME, 0), 1);
	conn_drop(f.b);
	return f;
}

static void fixture_stop(struct fixture *f)
{
	conn_close(f->a);
	conn_close(f->b);
	conn_close(f->c);
	subject_stop(f->subject);
}

/* b answers whatever call comes next */
static void answer(struct conn *b, const char *text)
{
	struct msg *call = conn_find_call(b, "Ask");

	conn_send(b, msg_append(msg_return(call), "s", text));
	msg_free(call);
}

static void expect_answer(struct conn *a, uint32_t serial, const char *sender, const char *text)
{
	struct msg *reply = conn_reply(a, serial);
	const char *value;

	expect_eq(reply->type, MSG_RETURN);
	expect_str(reply->sender, sender);
	expect_str(reply->destination, a->unique);
	msg_read(reply, "s", &value);
	expect_str(value, text);
	msg_free(reply);
}

TEST(call_by_unique_name)
{
	struct fixture f = fixture_start();
	uint32_t serial = conn_send(f.a, msg_call(f.b->unique, "/x", "a.b", "Ask"));

	answer(f.b, "unique");
	expect_answer(f.a, serial, f.b->unique, "unique");
	expect_quiet(f.a);
	expect_quiet(f.b);
	expect_quiet(f.c);
	fixture_stop(&f);
}

TEST(call_by_well_known_name)
{
	struct fixture f = fixture_start();
	uint32_t serial = conn_send(f.a, msg_call(NAME, "/x", "a.b", "Ask"));

	answer(f.b, "well-known");
	/* the answer comes from the unique name */
	expect_answer(f.a, serial, f.b->unique, "well-known");
	fixture_stop(&f);
}

TEST(call_is_delivered_as_it_was_sent)
{
	struct fixture f = fixture_start();
	struct msg *call = msg_call(NAME, "/a/b_c/D1", "in.ter.Face", "Member");
	struct msg *got;
	const char *s;
	uint64_t t;

	call->flags = MSG_INTERACTIVE | MSG_NO_AUTO_START | 0x40;
	call->serial = 0xfedcba98;
	conn_send(f.a, msg_append(call, "st", "text", 0x123456789abcdef0ull));
	got = conn_next(f.b);
	expect_eq(got->type, MSG_CALL);
	expect_eq(got->serial, 0xfedcba98);
	/* bits that nobody knows stay */
	expect_eq(got->flags, MSG_INTERACTIVE | MSG_NO_AUTO_START | 0x40);
	expect_str(got->path, "/a/b_c/D1");
	expect_str(got->interface, "in.ter.Face");
	expect_str(got->member, "Member");
	expect_str(got->destination, NAME);
	expect_str(got->sender, f.a->unique);
	expect_str(got->signature, "st");
	msg_read(got, "st", &s, &t);
	expect_str(s, "text");
	expect_eq(t, 0x123456789abcdef0ull);
	msg_free(got);
	fixture_stop(&f);
}

TEST(sender_cannot_be_forged)
{
	struct fixture f = fixture_start();
	static const char *const forged[] = {":1.1", "org.freedesktop.DBus", ":1.999",
					     ":1.12345678901234567890", "a.b"};

	add_match(f.c, "type='signal'");
	for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++) {
		struct msg *call = msg_call(NAME, "/", "a.b", "C"), *got;

		call->sender = strdup(forged[i]);
		conn_send(f.a, call);
		got = conn_next(f.b);
		expect_str(got->sender, f.a->unique);
		msg_free(got);
		call = msg_signal("/", "a.b", "C");
		call->sender = strdup(forged[i]);
		conn_send(f.a, call);
		got = conn_next(f.c);
		expect_str(got->sender, f.a->unique);
		msg_free(got);
	}
	fixture_stop(&f);
}

TEST(unknown_header_fields_are_removed)
{
	struct fixture f = fixture_start();
	struct msg *call = msg_call(NAME, "/", "a.b", "C"), *got;

	msg_field(call, 10, "o", "/container");
	msg_field(call, 11, "s", "eleven");
	msg_field(call, 200, "a{sv}", 1, "key", "u", 5);
	msg_field(call, 255, "v", "u", 7);
	msg_field(call, 11, "t", 1ull);
	conn_send(f.a, msg_append(call, "s", "body"));
	got = conn_next(f.b);
	expect_eq(got->n_unknown_fields, 0);
	expect_str(got->member, "C");
	expect_str(got->signature, "s");
	expect_str(got->sender, f.a->unique);
	msg_free(got);
	fixture_stop(&f);
}

TEST(directed_signal_needs_no_match)
{
	struct fixture f = fixture_start();
	struct msg *got;

	conn_send(f.a, msg_to(msg_signal("/", "a.b", "Unique"), f.b->unique));
	conn_send(f.a, msg_to(msg_signal("/", "a.b", "Named"), NAME));
	got = conn_next(f.b);
	expect_str(got->member, "Unique");
	expect_str(got->destination, f.b->unique);
	expect_str(got->sender, f.a->unique);
	msg_free(got);
	got = conn_next(f.b);
	expect_str(got->member, "Named");
	expect_str(got->destination, NAME);
	msg_free(got);
	expect_quiet(f.b);
	fixture_stop(&f);
}

TEST(directed_signal_reaches_nobody_else)
{
	struct fixture f = fixture_start();

	add_match(f.c, "");
	add_match(f.c, "interface='a.b'");
	conn_send(f.a, msg_to(msg_signal("/", "a.b", "C"), NAME));
	conn_sync(f.a);
	expect_quiet(f.c);
	fixture_stop(&f);
}

TEST(broadcast_reaches_those_who_asked)
{
	struct fixture f = fixture_start();
	struct msg *got;

	add_match(f.c, "type='signal',interface='a.b'");
	conn_send(f.a, msg_append(msg_signal("/x", "a.b", "C"), "u", 5));
	conn_sync(f.a);
	got = conn_next(f.c);
	expect_eq(got->type, MSG_SIGNAL);
	expect_str(got->sender, f.a->unique);
	expect_str(got->destination, NULL);
	msg_free(got);
	expect_quiet(f.b);
	expect_quiet(f.c);
	expect_quiet(f.a);
	fixture_stop(&f);
}

TEST(sending_to_oneself)
{
	struct fixture f = fixture_start();
	uint32_t serial = conn_send(f.b, msg_call(NAME, "/", "a.b", "Ask"));

	answer(f.b, "myself");
	expect_answer(f.b, serial, f.b->unique, "myself");
	conn_send(f.b, msg_to(msg_signal("/", "a.b", "Own"), f.b->unique));
	expect_next(f.b, MSG_SIGNAL, "Own");
	expect_quiet(f.b);
	fixture_stop(&f);
}

/* Nobody there */

static struct msg *to_nobody(struct conn *conn, const char *name, uint8_t flags)
{
	return conn_call(conn, msg_flags(msg_call(name, "/", "a.b", "C"), flags));
}

TEST(unknown_destinations)
{
	static const char *const names[] = {
		"org.example.None",	   ":1.999",	     ":2.0", ":1.00",
		":1.18446744073709551617", ":not.active.yet"};
	struct fixture f = fixture_start();
	struct msg *reply;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		reply = to_nobody(f.a, names[i], 0);
		expect_str(reply->sender, DRIVER_NAME);
		expect_str(reply->destination, f.a->unique);
		expect_error(reply, "ServiceUnknown");
		expect_error(to_nobody(f.a, names[i], MSG_NO_AUTO_START), "NameHasNoOwner");
	}
	fixture_stop(&f);
}

TEST(names_of_the_gone_are_unknown)
{
	struct fixture f = fixture_start();
	char *unique = strdup(f.b->unique);
	int64_t deadline = now_ms() + WAIT_MS;
	char *owner;

	f.b = conn_close(f.b);
	while ((owner = name_owner(f.a, NAME))) {
		free(owner);
		expect_lt(now_ms(), deadline);
	}
	while ((owner = name_owner(f.a, unique))) {
		free(owner);
		expect_lt(now_ms(), deadline);
	}
	expect_error(to_nobody(f.a, NAME, 0), "ServiceUnknown");
	expect_error(to_nobody(f.a, unique, 0), "ServiceUnknown");
	free(unique);
	fixture_stop(&f);
}

/* Whatever the type, the sender hears of it */
TEST(unknown_destinations_of_other_types)
{
	struct fixture f = fixture_start();
	struct msg fake = {.serial = 77, .sender = (char *)"org.example.None"};
	uint32_t serial;

	serial = conn_send(f.a, msg_to(msg_signal("/", "a.b", "C"), "org.example.None"));
	expect_error(conn_reply(f.a, serial), "ServiceUnknown");
	serial = conn_send(f.a, msg_return(&fake));
	expect_error(conn_reply(f.a, serial), "ServiceUnknown");
	serial = conn_send(f.a, msg_error(&fake, "a.b.C"));
	expect_error(conn_reply(f.a, serial), "ServiceUnknown");
	expect_quiet(f.a);
	fixture_stop(&f);
}

TEST(error_for_a_call_without_reply)
{
	struct fixture f = fixture_start();
	uint32_t serial = conn_send(
		f.a, msg_flags(msg_call("org.example.None", "/", "a.b", "C"), MSG_NO_REPLY));

	/* the reference tells all the same; one that keeps quiet harms nobody */
	if (subject_is_reference())
		expect_error(conn_reply(f.a, serial), "ServiceUnknown");
	conn_sync(f.a);
	conn_drop(f.a);
	fixture_stop(&f);
}

TEST(unknown_types)
{
	struct fixture f = fixture_start();
	static const uint8_t types[] = {5, 42, 255};

	add_match(f.c, "");
	for (size_t i = 0; i < sizeof(types); i++) {
		struct msg *msg = msg_new(types[i]);
		uint32_t serial = conn_send(f.a, msg_to(msg, NAME));

		expect_error(conn_reply(f.a, serial), "AccessDenied");
		msg = msg_new(types[i]);
		serial = conn_send(f.a, msg_to(msg, "org.example.None"));
		expect_error(conn_reply(f.a, serial), "ServiceUnknown");
		/* without destination: dropped */
		msg = msg_new(types[i]);
		msg->path = strdup("/");
		msg->interface = strdup("a.b");
		msg->member = strdup("C");
		conn_send(f.a, msg);
	}
	expect_quiet(f.a);
	expect_quiet(f.b);
	expect_quiet(f.c);
	fixture_stop(&f);
}

/* Without destination: the peer object */

TEST(calls_without_destination)
{
	static const struct {
		const char *path, *interface, *member, *error;
	} cases[] = {
		{"/", PEER, "Ping", NULL},
		{"/any/path", PEER, "Ping", NULL},
		{"/", PEER, "GetMachineId", NULL},
		{"/", PEER, "Nothing", "UnknownMethod"},
		{"/", NULL, "Ping", "UnknownMethod"},
		{"/", NULL, "GetId", "UnknownMethod"},
		{DRIVER_PATH, DRIVER_NAME, "GetId", "UnknownMethod"},
		{DRIVER_PATH, DRIVER_NAME, "Hello", "UnknownMethod"},
		{"/", "a.b", "C", "UnknownMethod"},
		{"/", "org.freedesktop.DBus.Introspectable", "Introspect", NULL},
	};
	struct fixture f = fixture_start();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct msg *reply = conn_call(
			f.a, msg_call(NULL, cases[i].path, cases[i].interface, cases[i].member));

		expect_str(reply->sender, NULL);
		expect_str(reply->destination, NULL);
		if ((reply->type == MSG_RETURN) != !cases[i].error)
			fail("%s.%s", cases[i].interface ?: "", cases[i].member);
		if (cases[i].error)
			expect_error(reply, cases[i].error);
		else
			expect_return(reply);
	}
	fixture_stop(&f);
}

TEST(peer_ignores_arguments)
{
	struct fixture f = fixture_start();

	expect_return(conn_call(f.a, msg_append(msg_call(NULL, "/", PEER, "Ping"), "su", "x", 1)));
	/* addressed to the driver they are refused */
	expect_error(conn_call(f.a, msg_append(msg_call(DRIVER_NAME, "/", PEER, "Ping"), "s", "x")),
		     "InvalidArgs");
	fixture_stop(&f);
}

TEST(text_of_an_unknown_peer_method)
{
	struct fixture f = fixture_start();
	struct msg *reply =
		conn_call(f.a, msg_append(msg_call(NULL, "/", "a.b", "Some"), "su", "x", 1));
	const char *text;

	msg_read(reply, "s", &text);
	expect_str(text, "Method \"Some\" with signature \"su\" on interface \"a.b\" doesn't "
			 "exist\n");
	msg_free(reply);
	fixture_stop(&f);
}

TEST(other_types_without_destination_are_dropped)
{
	struct fixture f = fixture_start();
	struct msg fake = {.serial = 77};

	add_match(f.c, "");
	conn_send(f.a, msg_return(&fake));
	conn_send(f.a, msg_error(&fake, "a.b.C"));
	expect_quiet(f.a);
	expect_quiet(f.b);
	expect_quiet(f.c);
	fixture_stop(&f);
}

/* Local messages never come from a wire */
TEST(local_interface_and_path_disconnect)
{
	struct subject *subject = subject_start(NULL);
	struct msg *messages[] = {
		msg_signal("/org/freedesktop/DBus/Local", "a.b", "C"),
		msg_signal("/", "org.freedesktop.DBus.Local", "Disconnected"),
		msg_call(NULL, "/org/freedesktop/DBus/Local", "a.b", "C"),
	};

	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		struct conn *conn = conn_new(subject->address);

		conn_send(conn, messages[i]);
		expect_eof(conn);
		conn_close(conn);
	}
	subject_stop(subject);
}

/* What was sent completely is still delivered when its sender leaves */
TEST(last_words_are_delivered)
{
	struct fixture f = fixture_start();
	char name[16];

	for (int i = 0; i < 20; i++) {
		sprintf(name, "Last%d", i);
		conn_send(f.a, msg_flags(msg_call(NAME, "/", "a.b", name), MSG_NO_REPLY));
	}
	f.a = conn_close(f.a);
	for (int i = 0; i < 20; i++) {
		sprintf(name, "Last%d", i);
		expect_next(f.b, MSG_CALL, name);
	}
	fixture_stop(&f);
}

/* a program that says one thing and ends */
TEST(last_words_to_all_are_heard)
{
	struct fixture f = fixture_start();

	add_match(f.a, "type='signal',interface='a.b'");
	for (uint32_t i = 0; i < 100; i++) {
		struct conn *conn = conn_new(f.subject->address);
		struct msg *msg;
		uint32_t value;

		conn_send(conn, msg_append(msg_signal("/", "a.b", "Last"), "u", i));
		conn_close(conn);
		msg = conn_find_signal(f.a, "Last");
		msg_read(msg, "u", &value);
		expect_eq(value, i);
		msg_free(msg);
	}
	fixture_stop(&f);
}

TEST(many_clients)
{
	enum { N = 100 };
	struct subject *subject = subject_start(NULL);
	struct conn *conns[N];
	unsigned int n_fds;

	n_fds = subject_idle_fds(subject, NULL);
	for (int i = 0; i < N; i++) {
		conns[i] = conn_new(subject->address);
		add_match(conns[i], "type='signal',interface='a.b'");
	}
	conn_send(conns[0], msg_signal("/", "a.b", "ToAll"));
	for (int i = 0; i < N; i++)
		expect_next(conns[i], MSG_SIGNAL, "ToAll");
	for (int i = 0; i < N; i++)
		conn_send(conns[i],
			  msg_flags(msg_call(conns[(i + 1) % N]->unique, "/", "a.b", "Round"),
				    MSG_NO_REPLY));
	for (int i = 0; i < N; i++)
		expect_next(conns[i], MSG_CALL, "Round");
	for (int i = 0; i < N; i++)
		conn_close(conns[i]);
	expect_eq(subject_settle_fds(subject, n_fds), n_fds);
	subject_stop(subject);
}
