/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls and their replies: who may answer what, and who learns that no answer
 * will come. */
#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fixture {
	struct subject *subject;
	struct conn *a, *b, *c; /* a calls, b answers */
};

static struct fixture fixture_start(const char *xml)
{
	struct fixture f = {subject_start(xml)};

	f.a = conn_new(f.subject->address);
	f.b = conn_new(f.subject->address);
	f.c = conn_new(f.subject->address);
	return f;
}

static void fixture_stop(struct fixture *f)
{
	conn_close(f->a);
	conn_close(f->b);
	conn_close(f->c);
	subject_stop(f->subject);
}

static struct msg *ask(struct fixture *f)
{
	return msg_call(f->b->unique, "/", "a.b", "Ask");
}

TEST(errors_are_replies_too)
{
	struct fixture f = fixture_start(NULL);
	uint32_t serial = conn_send(f.a, ask(&f));
	struct msg *call = conn_find_call(f.b, "Ask"), *reply;
	const char *text;

	conn_send(f.b, msg_append(msg_error(call, "org.example.Error.No"), "s", "because"));
	reply = conn_reply(f.a, serial);
	expect_str(reply->sender, f.b->unique);
	msg_read(reply, "s", &text);
	expect_str(text, "because");
	expect_error(reply, "org.example.Error.No");
	msg_free(call);
	fixture_stop(&f);
}

TEST(replies_in_any_order)
{
	enum { N = 50 };
	struct fixture f = fixture_start(NULL);
	struct msg *calls[N];
	uint32_t serials[N];

	for (int i = 0; i < N; i++)
		serials[i] = conn_send(f.a, ask(&f));
	for (int i = 0; i < N; i++)
		calls[i] = conn_find_call(f.b, "Ask");
	for (int i = N - 1; i >= 0; i--) {
		conn_send(f.b, msg_return(calls[i]));
		msg_free(calls[i]);
	}
	for (int i = N - 1; i >= 0; i--) {
		struct msg *reply = conn_next(f.a);

		expect_eq(reply->reply_serial, serials[i]);
		msg_free(reply);
	}
	fixture_stop(&f);
}

TEST(reply_may_be_addressed_to_any_name_of_the_caller)
{
	struct fixture f = fixture_start(NULL);
	uint32_t serial;
	struct msg *call;

	request_name(f.a, "org.example.Caller", 0);
	serial = conn_send(f.a, ask(&f));
	call = conn_find_call(f.b, "Ask");
	conn_send(f.b, msg_to(msg_return(call), "org.example.Caller"));
	expect_return(conn_reply(f.a, serial));
	msg_free(call);
	fixture_stop(&f);
}

TEST(callee_may_change_its_names_before_it_replies)
{
	struct fixture f = fixture_start(NULL);
	uint32_t serial;
	struct msg *call;

	request_name(f.b, "org.example.Callee", 0);
	serial = conn_send(f.a, msg_call("org.example.Callee", "/", "a.b", "Ask"));
	call = conn_find_call(f.b, "Ask");
	release_name(f.b, "org.example.Callee");
	request_name(f.c, "org.example.Callee", 0);
	conn_send(f.b, msg_return(call));
	expect_return(conn_reply(f.a, serial));
	msg_free(call);
	fixture_stop(&f);
}

TEST(reply_without_destination_is_dropped)
{
	struct fixture f = fixture_start(NULL);
	uint32_t serial = conn_send(f.a, ask(&f));
	struct msg *call = conn_find_call(f.b, "Ask");

	conn_send(f.b, msg_to(msg_return(call), NULL));
	expect_quiet(f.b);
	expect_quiet(f.a);
	conn_send(f.b, msg_return(call));
	expect_return(conn_reply(f.a, serial));
	msg_free(call);
	fixture_stop(&f);
}

/* Unrequested replies.  The session policy of the reference lets them through:
 * DIFFERENCES unrequested-reply. */

static void expect_unrequested(struct conn *from, struct msg *reply, struct conn *to)
{
	conn_send(from, reply);
	conn_sync(from);
	conn_drop(from);
	conn_sync(to);
	if (subject_is_reference()) {
		msg_free(conn_next(to));
	} else {
		expect_quiet(to);
	}
}

TEST(reply_to_what_was_never_asked)
{
	struct fixture f = fixture_start(NULL);
	struct msg fake = {.serial = 4711, .sender = f.a->unique};

	expect_unrequested(f.b, msg_return(&fake), f.a);
	expect_unrequested(f.b, msg_error(&fake, "a.b.C"), f.a);
	fixture_stop(&f);
}

TEST(second_reply)
{
	struct fixture f = fixture_start(NULL);
	uint32_t serial = conn_send(f.a, ask(&f));
	struct msg *call = conn_find_call(f.b, "Ask");

	conn_send(f.b, msg_return(call));
	expect_return(conn_reply(f.a, serial));
	expect_unrequested(f.b, msg_return(call), f.a);
	msg_free(call);
	fixture_stop(&f);
}

TEST(reply_by_another_than_the_callee)
{
	struct fixture f = fixture_start(NULL);
	uint32_t serial = conn_send(f.a, ask(&f));
	struct msg *call = conn_find_call(f.b, "Ask");

	expect_unrequested(f.c, msg_return(call), f.a);
	conn_send(f.b, msg_return(call));
	expect_return(conn_reply(f.a, serial));
	msg_free(call);
	fixture_stop(&f);
}

TEST(reply_to_a_call_that_wants_none)
{
	struct fixture f = fixture_start(NULL);
	struct msg *call;

	conn_send(f.a, msg_flags(ask(&f), MSG_NO_REPLY));
	call = conn_find_call(f.b, "Ask");
	expect_unrequested(f.b, msg_return(call), f.a);
	msg_free(call);
	fixture_stop(&f);
}

TEST(replier_to_the_gone_stays_connected)
{
	struct fixture f = fixture_start(NULL);
	struct msg *call;
	uint32_t serial;
	char *owner;

	conn_send(f.a, ask(&f));
	call = conn_find_call(f.b, "Ask");
	f.a = conn_close(f.a);
	while ((owner = name_owner(f.c, call->sender)))
		free(owner);
	serial = conn_send(f.b, msg_return(call));
	/* the reference tells the replier; it need not be told */
	if (subject_is_reference())
		expect_error(conn_reply(f.b, serial), "ServiceUnknown");
	conn_sync(f.b);
	msg_free(call);
	fixture_stop(&f);
}

/* REPLY_SERIAL on what is no reply */

TEST(reply_serial_on_a_signal_or_call_means_nothing)
{
	struct fixture f = fixture_start(NULL);
	uint32_t serial = conn_send(f.a, ask(&f));
	struct msg *call = conn_find_call(f.b, "Ask");
	struct msg *signal = msg_to(msg_signal("/", "a.b", "C"), f.a->unique);
	struct msg *back = msg_call(f.a->unique, "/", "a.b", "Back");

	signal->reply_serial = 999;
	conn_send(f.b, signal);
	expect_next(f.a, MSG_SIGNAL, "C");
	back->reply_serial = 998;
	conn_send(f.b, back);
	expect_next(f.a, MSG_CALL, "Back");
	conn_send(f.b, msg_return(call));
	expect_return(conn_reply(f.a, serial));
	msg_free(call);
	fixture_stop(&f);
}

/* The reference takes it for the reply, and tells nobody when the real one does
 * not come: DIFFERENCES reply-serial. */
TEST(reply_serial_on_a_signal_leaves_the_call_pending)
{
	struct fixture f = fixture_start(NULL);
	uint32_t serial = conn_send(f.a, ask(&f));
	struct msg *signal = msg_to(msg_signal("/", "a.b", "C"), f.a->unique);
	char *owner, unique[32];

	snprintf(unique, sizeof(unique), "%s", f.b->unique);
	msg_free(conn_find_call(f.b, "Ask"));
	signal->reply_serial = serial;
	conn_send(f.b, signal);
	expect_next(f.a, MSG_SIGNAL, "C");
	while ((owner = name_owner(f.c, unique))) {
		free(owner);
		f.b = conn_close(f.b);
	}
	if (subject_is_reference())
		expect_quiet(f.a);
	else
		expect_error(conn_reply(f.a, serial), "NoReply");
	fixture_stop(&f);
}

/* Serials */

TEST(serial_may_not_be_pending_twice_with_one_callee)
{
	struct fixture f = fixture_start(NULL);
	struct msg *call, *again;

	call = ask(&f);
	call->serial = 77;
	conn_send(f.a, call);
	call = conn_find_call(f.b, "Ask");
	again = ask(&f);
	again->serial = 77;
	conn_send(f.a, again);
	expect_error(conn_reply(f.a, 77), "AccessDenied");
	expect_quiet(f.b);
	/* the first one is still pending */
	conn_send(f.b, msg_return(call));
	expect_return(conn_reply(f.a, 77));
	/* and now the serial is free again */
	again = ask(&f);
	again->serial = 77;
	conn_send(f.a, again);
	msg_free(call);
	call = conn_find_call(f.b, "Ask");
	conn_send(f.b, msg_return(call));
	expect_return(conn_reply(f.a, 77));
	msg_free(call);
	fixture_stop(&f);
}

TEST(one_serial_with_two_callees)
{
	struct fixture f = fixture_start(NULL);
	struct msg *call, *of_b, *of_c;

	call = ask(&f);
	call->serial = 77;
	conn_send(f.a, call);
	call = msg_call(f.c->unique, "/", "a.b", "Ask");
	call->serial = 77;
	conn_send(f.a, call);
	of_b = conn_find_call(f.b, "Ask");
	of_c = conn_find_call(f.c, "Ask");
	conn_send(f.c, msg_append(msg_return(of_c), "s", "c"));
	call = conn_reply(f.a, 77);
	expect_str(call->sender, f.c->unique);
	msg_free(call);
	conn_send(f.b, msg_append(msg_return(of_b), "s", "b"));
	call = conn_reply(f.a, 77);
	expect_str(call->sender, f.b->unique);
	msg_free(call);
	msg_free(of_b);
	msg_free(of_c);
	fixture_stop(&f);
}

TEST(serial_of_a_call_without_reply_is_free)
{
	struct fixture f = fixture_start(NULL);

	for (int i = 0; i < 3; i++) {
		struct msg *call = msg_flags(ask(&f), MSG_NO_REPLY);

		call->serial = 77;
		conn_send(f.a, call);
		msg_free(conn_find_call(f.b, "Ask"));
	}
	expect_quiet(f.a);
	fixture_stop(&f);
}

/* Limits and time */

TEST(limit_of_pending_replies)
{
	struct fixture f = fixture_start("<limit name=\"max_replies_per_connection\">3</limit>");
	struct msg *calls[3];
	uint32_t serials[3], over;

	for (int i = 0; i < 3; i++)
		serials[i] = conn_send(f.a, ask(&f));
	over = conn_send(f.a, ask(&f));
	expect_error(conn_reply(f.a, over), "LimitsExceeded");
	/* another caller has a limit of its own, calls without reply have none */
	conn_send(f.c, ask(&f));
	conn_send(f.a, msg_flags(ask(&f), MSG_NO_REPLY));
	for (int i = 0; i < 3; i++)
		calls[i] = conn_find_call(f.b, "Ask");
	msg_free(conn_find_call(f.b, "Ask"));
	msg_free(conn_find_call(f.b, "Ask"));
	for (int i = 0; i < 3; i++) {
		conn_send(f.b, msg_return(calls[i]));
		expect_return(conn_reply(f.a, serials[i]));
		msg_free(calls[i]);
	}
	conn_send(f.a, ask(&f));
	msg_free(conn_find_call(f.b, "Ask"));
	expect_quiet(f.a);
	fixture_stop(&f);
}

TEST(reply_timeout)
{
	struct fixture f = fixture_start("<limit name=\"reply_timeout\">200</limit>");
	int64_t start = now_ms();
	uint32_t serial = conn_send(f.a, ask(&f));
	struct msg *call = conn_find_call(f.b, "Ask"), *reply;

	reply = conn_reply(f.a, serial);
	expect_ge(now_ms() - start, 150);
	expect_str(reply->sender, DRIVER_NAME);
	expect_error(reply, "NoReply");
	/* too late: unrequested by now */
	expect_unrequested(f.b, msg_return(call), f.a);
	msg_free(call);
	fixture_stop(&f);
}

TEST(reply_in_time_is_followed_by_nothing)
{
	struct fixture f = fixture_start("<limit name=\"reply_timeout\">500</limit>");
	uint32_t serial = conn_send(f.a, ask(&f));
	struct msg *call = conn_find_call(f.b, "Ask");

	conn_send(f.b, msg_return(call));
	expect_return(conn_reply(f.a, serial));
	usleep(700000);
	expect_quiet(f.a);
	msg_free(call);
	fixture_stop(&f);
}

/* A callee leaves */

TEST(callee_leaves)
{
	enum { N = 3 };
	struct fixture f = fixture_start(NULL);
	uint32_t serials[N];
	char *unique = strdup(f.b->unique);

	add_match(f.a, "type='signal',member='NameOwnerChanged'");
	for (int i = 0; i < N; i++)
		serials[i] = conn_send(f.a, ask(&f));
	conn_send(f.a, msg_flags(ask(&f), MSG_NO_REPLY));
	for (int i = 0; i < N + 1; i++)
		msg_free(conn_find_call(f.b, "Ask"));
	f.b = conn_close(f.b);
	/* after the news that it has gone, newest call first */
	expect_driver_signal(f.a, "NameOwnerChanged", unique, unique, "");
	for (int i = N - 1; i >= 0; i--) {
		struct msg *reply = conn_next(f.a);

		expect_eq(reply->reply_serial, serials[i]);
		expect_str(reply->sender, DRIVER_NAME);
		expect_error(reply, "NoReply");
	}
	expect_quiet(f.a);
	free(unique);
	fixture_stop(&f);
}

TEST(callee_leaves_without_having_read)
{
	struct fixture f = fixture_start(NULL);
	uint32_t serial = conn_send(f.a, ask(&f));

	conn_sync(f.a);
	f.b = conn_close(f.b);
	expect_error(conn_reply(f.a, serial), "NoReply");
	fixture_stop(&f);
}

TEST(caller_calls_itself_and_leaves)
{
	struct fixture f = fixture_start(NULL);

	conn_send(f.a, msg_call(f.a->unique, "/", "a.b", "Ask"));
	conn_send(f.a, ask(&f));
	conn_send(f.b, msg_call(f.a->unique, "/", "a.b", "Ask"));
	conn_sync(f.b);
	f.a = conn_close(f.a);
	msg_free(conn_find_call(f.b, "Ask"));
	expect_error(conn_next(f.b), "NoReply");
	fixture_stop(&f);
}
