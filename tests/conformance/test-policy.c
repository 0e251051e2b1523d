/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rules that refuse, seen from outside: sending, receiving, owning, the driver,
 * broadcasts, replies, reload.  Whom they are for is in test-policy-users.c.
 *
 * Every configuration ends in what config_text() says: the default section allows
 * everything.  What refuses is in the sections that are applied after it.
 */
#include "tests/conformance/policy-rules.h"
#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

/* how many messages of others have come */
static unsigned int take_all(struct conn *to)
{
	unsigned int n = 0;

	conn_sync(to);
	while (to->inbox) {
		struct msg *msg = conn_recv(to, 0);

		n += msg->sender && strcmp(msg->sender, DRIVER_NAME);
		msg_free(msg);
	}
	return n;
}

/* Messages: a sends, b receives.  a has OTHER, b has NAME. */

struct rule_case {
	const char *rules;
	const char *message; /* TYPE PATH INTERFACE MEMBER, "-": without */
	bool is_allowed;
	bool is_unique; /* addressed by the unique name, else by NAME */
	uint8_t n_fds;
};

static struct msg *case_message(const struct rule_case *c, const struct conn *to)
{
	char type[16], path[32], interface[32], member[32];
	struct msg *msg;

	expect_eq(sscanf(c->message, "%15s %31s %31s %31s", type, path, interface, member), 4);
	if (!strcmp(type, "call")) {
		msg = msg_call(NULL, path, strcmp(interface, "-") ? interface : NULL, member);
		msg = msg_flags(msg, MSG_NO_REPLY);
	} else {
		expect_str(type, "signal");
		msg = msg_signal(path, interface, member);
	}
	for (int i = 0; i < c->n_fds; i++)
		msg_attach(msg, STDIN_FILENO);
	return msg_to(msg, c->is_unique ? to->unique : NAME);
}

static void try_cases(const struct rule_case *cases, size_t n_cases)
{
	struct subject *subject = subject_start(NULL);
	struct conn *a = conn_new(subject->address), *b = conn_new(subject->address);

	expect_eq(request_name(a, OTHER, 0), 1);
	expect_eq(request_name(b, NAME, 0), 1);
	for (size_t i = 0; i < n_cases; i++) {
		const struct rule_case *c = &cases[i];
		char xml[1024];
		uint32_t serial;
		bool refused;

		snprintf(xml, sizeof(xml), MANDATORY("%s"), c->rules);
		expect(subject_reload(subject, a, xml));
		conn_drop(b);
		serial = conn_send(a, case_message(c, b));
		refused = conn_is_refused(a, serial);
		if (refused == c->is_allowed || take_all(b) != c->is_allowed)
			fail("%s: \"%s\" is %s", c->rules, c->message,
			     refused ? "refused" : "not refused");
	}
	conn_close(a);
	conn_close(b);
	subject_stop(subject);
}

TEST(send_rules)
{
	static const struct rule_case cases[] = {
		{"", "call /p a.b C", true},
		{DENY_NAME, "call /p a.b C", false},
		/* it is about who receives, not about the address */
		{DENY_NAME, "call /p a.b C", false, true},
		{DENY_NAME, "signal /p a.b C", false},
		{DENY("send_destination=\"" OTHER "\""), "call /p a.b C", true},
		{DENY("send_destination=\"org.example.*\""), "call /p a.b C", true},
		/* whole elements */
		{DENY("send_destination_prefix=\"org.example\""), "call /p a.b C", false},
		{DENY("send_destination_prefix=\"" NAME "\""), "call /p a.b C", false},
		{DENY("send_destination_prefix=\"org.exam\""), "call /p a.b C", true},
		/* the last one that matches */
		{DENY_NAME ALLOW_NAME, "call /p a.b C", true},
		{ALLOW_NAME DENY_NAME, "call /p a.b C", false},
		{DENY_NAME ALLOW("send_destination=\"" OTHER "\""), "call /p a.b C", false},
		/* without an interface a deny rule applies, and an allow rule does not */
		{DENY("send_destination=\"" NAME "\" send_interface=\"a.b\""), "call /p a.b C",
		 false},
		{DENY("send_destination=\"" NAME "\" send_interface=\"a.b\""), "call /p a.c C",
		 true},
		{DENY("send_destination=\"" NAME "\" send_interface=\"a.b\""), "call /p - C",
		 false},
		{DENY_NAME ALLOW("send_destination=\"" NAME "\" send_interface=\"a.b\""),
		 "call /p a.b C", true},
		{DENY_NAME ALLOW("send_destination=\"" NAME "\" send_interface=\"a.b\""),
		 "call /p - C", false},
		/* an interface without destination opens it on everybody */
		{DENY_NAME ALLOW("send_interface=\"a.b\""), "call /p a.b C", true},
		{DENY("send_interface=\"a.b\" send_member=\"C\""), "call /p a.b C", false},
		{DENY("send_interface=\"a.b\" send_member=\"C\""), "call /p a.b D", true},
		{DENY("send_path=\"/p\""), "call /p a.b C", false},
		{DENY("send_path=\"/p\""), "call /p/q a.b C", true},
		{DENY("send_destination=\"" NAME "\" send_type=\"signal\""), "call /p a.b C", true},
		{DENY("send_destination=\"" NAME "\" send_type=\"signal\""), "signal /p a.b C",
		 false},
		{DENY("send_destination=\"" NAME "\" send_error=\"a.b.E\""), "call /p a.b C",
		 false},
		{DENY("send_broadcast=\"false\" send_interface=\"a.b\""), "signal /p a.b C", false},
		{DENY("send_broadcast=\"true\" send_interface=\"a.b\""), "signal /p a.b C", true},
		/* descriptors */
		{DENY("send_destination=\"" NAME "\" min_fds=\"1\""), "call /p a.b C", true},
		{DENY("send_destination=\"" NAME "\" min_fds=\"1\""), "call /p a.b C", false, false,
		 1},
		{DENY("send_destination=\"" NAME "\" min_fds=\"2\" max_fds=\"3\""), "call /p a.b C",
		 true, false, 1},
		{DENY("send_destination=\"" NAME "\" min_fds=\"2\" max_fds=\"3\""), "call /p a.b C",
		 false, false, 3},
		{DENY("send_destination=\"" NAME "\" min_fds=\"2\" max_fds=\"3\""), "call /p a.b C",
		 true, false, 4},
		/* rules of the sender's side say nothing of owning and receiving */
		{DENY("own=\"" NAME "\""), "call /p a.b C", true},
	};

	try_cases(cases, N_OF(cases));
}

TEST(receive_rules)
{
	static const struct rule_case cases[] = {
		{DENY("receive_sender=\"" OTHER "\""), "call /p a.b C", false},
		{DENY("receive_sender=\"" OTHER "\""), "call /p a.b C", false, true},
		{DENY("receive_sender=\"" OTHER "\""), "signal /p a.b C", false},
		{DENY("receive_sender=\"" NAME "\""), "call /p a.b C", true},
		{DENY("receive_sender=\"" OTHER "\"") ALLOW("receive_sender=\"" OTHER "\""),
		 "call /p a.b C", true},
		{DENY("receive_interface=\"a.b\""), "call /p a.b C", false},
		{DENY("receive_interface=\"a.b\""), "call /p a.c C", true},
		{DENY("receive_interface=\"a.b\""), "call /p - C", false},
		{DENY("receive_interface=\"a.b\" receive_member=\"C\""), "call /p a.b D", true},
		{DENY("receive_path=\"/p\""), "call /p a.b C", false},
		{DENY("receive_path=\"/p\""), "call /q a.b C", true},
		{DENY("receive_sender=\"" OTHER "\" receive_type=\"signal\""), "call /p a.b C",
		 true},
		{DENY("receive_sender=\"" OTHER "\" receive_type=\"signal\""), "signal /p a.b C",
		 false},
		{DENY("receive_sender=\"" OTHER "\" min_fds=\"1\""), "call /p a.b C", false, false,
		 1},
		/* for others' messages only */
		{DENY("eavesdrop=\"true\" receive_sender=\"" OTHER "\""), "call /p a.b C", true},
	};

	try_cases(cases, N_OF(cases));
}

/* Owning */

TEST(own_rules)
{
	static const struct {
		const char *rules, *name;
		bool is_allowed;
	} cases[] = {
		{DENY("own=\"a.b\""), "a.b", false},
		{DENY("own=\"a.b\""), "a.b.c", true},
		{DENY("own_prefix=\"a.b\""), "a.b", false},
		{DENY("own_prefix=\"a.b\""), "a.b.c.d", false},
		{DENY("own_prefix=\"a.b\""), "a.bc", true},
		{DENY("own=\"*\""), "a.b", false},
		{DENY("own=\"*\"") ALLOW("own=\"a.b\""), "a.b", true},
		{DENY("own=\"*\"") ALLOW("own_prefix=\"a\"") DENY("own=\"a.b\""), "a.b", false},
		{DENY("own=\"*\"") ALLOW("own_prefix=\"a\"") DENY("own=\"a.b\""), "a.b.c", true},
		{DENY("send_destination=\"a.b\""), "a.b", true},
	};
	struct subject *subject = subject_start(NULL);
	struct conn *conn = conn_new(subject->address);

	for (size_t i = 0; i < N_OF(cases); i++) {
		char xml[512];
		struct msg *reply;

		snprintf(xml, sizeof(xml), MANDATORY("%s"), cases[i].rules);
		expect(subject_reload(subject, conn, xml));
		reply = driver_call(conn, "RequestName", "su", cases[i].name, 0);
		if ((reply->type == MSG_RETURN) != cases[i].is_allowed)
			fail("%s: %s", cases[i].rules, cases[i].name);
		if (!cases[i].is_allowed) {
			expect_error(reply, "AccessDenied");
			continue;
		}
		msg_free(reply);
		expect_eq(release_name(conn, cases[i].name), 1);
	}
	conn_close(conn);
	subject_stop(subject);
}

TEST(waiting_for_a_name_needs_what_owning_needs)
{
	struct subject *subject = subject_start(NULL);
	struct conn *a = conn_new(subject->address), *b = conn_new(subject->address);

	expect_eq(request_name(a, NAME, 0), 1);
	expect(subject_reload(subject, a, MANDATORY(DENY("own=\"" NAME "\""))));
	expect_error(driver_call(b, "RequestName", "su", NAME, 0), "AccessDenied");
	expect_error(driver_call(b, "RequestName", "su", NAME, 4), "AccessDenied");
	conn_close(a);
	conn_close(b);
	subject_stop(subject);
}

/* who has a name, or waits for it, is not asked again */
TEST(owners_stay_owners_and_heirs_heirs)
{
	struct subject *subject = subject_start(NULL);
	struct conn *a = conn_new(subject->address), *b = conn_new(subject->address);
	char *owner;

	expect_eq(request_name(a, NAME, 0), 1);
	expect_eq(request_name(b, NAME, 0), 2);
	expect(subject_reload(subject, a, MANDATORY(DENY("own=\"" NAME "\""))));
	owner = name_owner(b, NAME);
	expect_str(owner, a->unique);
	free(owner);
	expect_eq(release_name(a, NAME), 1);
	owner = name_owner(b, NAME);
	expect_str(owner, b->unique);
	free(owner);
	conn_close(a);
	conn_close(b);
	subject_stop(subject);
}

/* "allow A, deny B" means: not to who has both, or waits for B */
TEST(names_that_are_waited_for_count)
{
	struct subject *subject = subject_start(MANDATORY(ALLOW_NAME DENY("send_destination="
									  "\"" OTHER "\"")));
	struct conn *a = conn_new(subject->address), *b = conn_new(subject->address);
	struct conn *c = conn_new(subject->address);
	const struct rule_case call = {.message = "call /p a.b C"};

	expect_eq(request_name(b, NAME, 0), 1);
	expect_eq(request_name(c, OTHER, 0), 1);
	expect(!conn_is_refused(a, conn_send(a, case_message(&call, b))));
	expect_eq(request_name(b, OTHER, 0), 2);
	expect(conn_is_refused(a, conn_send(a, case_message(&call, b))));
	/* it gives up waiting */
	expect_eq(release_name(b, OTHER), 1);
	expect(!conn_is_refused(a, conn_send(a, case_message(&call, b))));
	expect_eq(request_name(b, OTHER, 0), 2);
	conn_sync(b);
	conn_drop(b);
	c = conn_close(c);
	msg_free(conn_find_signal(b, "NameAcquired"));
	expect(conn_is_refused(a, conn_send(a, case_message(&call, b))));
	conn_close(a);
	conn_close(b);
	subject_stop(subject);
}

/* Broadcasts */

TEST(broadcasts_are_judged_for_each_receiver)
{
	static const struct {
		const char *rules;
		unsigned int n_b, n_c;
	} cases[] = {
		{"", 1, 1},
		/* without send_type this is about signals as well */
		{DENY_NAME, 0, 1},
		{DENY("send_destination=\"" NAME "\" send_type=\"method_call\""), 1, 1},
		{DENY("send_broadcast=\"true\" send_interface=\"a.b\""), 0, 0},
		{DENY("send_broadcast=\"false\" send_interface=\"a.b\""), 1, 1},
		{DENY("receive_sender=\"" OTHER "\" receive_type=\"signal\""), 0, 0},
		{DENY("send_destination_prefix=\"org.example.Name\""), 0, 1},
	};
	struct subject *subject = subject_start(NULL);
	struct conn *a = conn_new(subject->address), *b = conn_new(subject->address);
	struct conn *c = conn_new(subject->address);

	expect_eq(request_name(a, OTHER, 0), 1);
	expect_eq(request_name(b, NAME, 0), 1);
	add_match(b, "interface='a.b'");
	add_match(c, "interface='a.b'");
	for (size_t i = 0; i < N_OF(cases); i++) {
		unsigned int n_b, n_c;
		char xml[512];

		snprintf(xml, sizeof(xml), MANDATORY("%s"), cases[i].rules);
		expect(subject_reload(subject, a, xml));
		conn_drop(a);
		conn_send(a, msg_signal("/p", "a.b", "C"));
		/* nobody is told */
		expect_quiet(a);
		n_b = take_all(b);
		n_c = take_all(c);
		if (n_b != cases[i].n_b || n_c != cases[i].n_c)
			fail("%s: %u and %u", cases[i].rules, n_b, n_c);
	}
	conn_close(a);
	conn_close(b);
	conn_close(c);
	subject_stop(subject);
}

/* Replies */

/* b answers a's call; what the answer became for b */
static bool is_answer_refused(struct conn *a, struct conn *b, bool is_error)
{
	struct msg *call;
	uint32_t serial;

	conn_send(a, msg_call(NAME, "/p", "a.b", "C"));
	call = conn_find_call(b, "C");
	serial = conn_send(b, is_error ? msg_error(call, "a.b.E") : msg_return(call));
	msg_free(call);
	return conn_is_refused(b, serial);
}

TEST(replies)
{
	static const struct {
		const char *rules;
		bool is_return_refused, is_error_refused;
	} cases[] = {
		{"", false, false},
		/* what was asked for is let through unless a rule says so itself */
		{DENY("send_type=\"method_return\""), false, false},
		{DENY("send_type=\"method_return\" send_requested_reply=\"true\""), true, false},
		{DENY("send_type=\"error\" send_requested_reply=\"true\""), false, true},
		{DENY("send_error=\"a.b.E\" send_requested_reply=\"true\" send_type=\"error\""),
		 false, true},
		{DENY("send_error=\"a.b.F\" send_requested_reply=\"true\" send_type=\"error\""),
		 false, false},
		{DENY("receive_type=\"method_return\" receive_requested_reply=\"true\" "
		      "receive_sender=\"" NAME "\""),
		 true, false},
		{DENY("receive_type=\"error\" receive_sender=\"" NAME "\""), false, false},
	};
	struct subject *subject = subject_start(NULL);
	struct conn *a = conn_new(subject->address), *b = conn_new(subject->address);

	expect_eq(request_name(b, NAME, 0), 1);
	for (size_t i = 0; i < N_OF(cases); i++) {
		char xml[512];

		snprintf(xml, sizeof(xml), MANDATORY("%s"), cases[i].rules);
		expect(subject_reload(subject, a, xml));
		if (is_answer_refused(a, b, false) != cases[i].is_return_refused ||
		    take_all(a) == cases[i].is_return_refused)
			fail("%s: the return", cases[i].rules);
		if (is_answer_refused(a, b, true) != cases[i].is_error_refused ||
		    take_all(a) == cases[i].is_error_refused)
			fail("%s: the error", cases[i].rules);
	}
	conn_close(a);
	conn_close(b);
	subject_stop(subject);
}

/* nobody has asked, and the policy lets only those answer who were asked */
TEST(replies_that_nobody_has_asked_for)
{
	struct subject *subject = subject_start(
		MANDATORY(DENY("send_type=\"method_return\"") DENY("send_type=\"error\"")));
	struct conn *a = conn_new(subject->address), *b = conn_new(subject->address);
	struct msg fake = {.serial = 4711, .sender = a->unique};

	/* the one refuses such a reply, the other drops it before anybody is asked:
	 * DIFFERENCES unrequested-reply */
	expect_eq(conn_is_refused(b, conn_send(b, msg_return(&fake))), subject_is_reference());
	expect_eq(conn_is_refused(b, conn_send(b, msg_error(&fake, "a.b.E"))),
		  subject_is_reference());
	expect_eq(take_all(a), 0);
	conn_close(a);
	conn_close(b);
	subject_stop(subject);
}

/* The driver */

#define TO_DRIVER "send_destination=\"" DRIVER_NAME "\" "
#define OF_DRIVER "receive_sender=\"" DRIVER_NAME "\" "
#define DRIVER_I  "send_interface=\"" DRIVER_NAME "\" "

TEST(calls_of_the_driver)
{
	struct subject *subject =
		subject_start(MANDATORY(DENY(TO_DRIVER DRIVER_I "send_member=\"ListNames\"") DENY(
			TO_DRIVER "send_interface=\"org.freedesktop.DBus.Introspectable\"")));
	struct conn *conn = conn_new(subject->address);

	expect_error(conn_call(conn, driver_msg("ListNames")), "AccessDenied");
	expect_return(conn_call(conn, driver_msg("GetId")));
	expect_error(conn_call(conn, msg_call(DRIVER_NAME, DRIVER_PATH,
					      "org.freedesktop.DBus.Introspectable", "Introspect")),
		     "AccessDenied");
	/* which interface it means cannot be known */
	expect_error(conn_call(conn, msg_call(DRIVER_NAME, DRIVER_PATH, NULL, "GetId")),
		     "AccessDenied");
	conn_close(conn);
	subject_stop(subject);
}

/* Hello, and what is addressed to nobody, is no matter of rules */
TEST(what_no_rule_forbids)
{
	struct subject *subject = subject_start(MANDATORY(DENY("send_destination=\"*\"")));
	struct conn *conn = conn_new(subject->address);
	uint32_t serial;

	expect_return(conn_call(conn, msg_call(NULL, "/", "org.freedesktop.DBus.Peer", "Ping")));
	serial = conn_send(conn, driver_msg("GetId"));
	expect_error(conn_reply(conn, serial), "AccessDenied");
	conn_close(conn);
	subject_stop(subject);
}

/* Hello and what comes of it: the members that arrive, joined */
static void expect_after_hello(const char *rules, bool has_reply, bool has_signal)
{
	char xml[512];
	struct subject *subject;
	struct conn *conn;
	uint32_t hello;
	struct msg *msg;

	snprintf(xml, sizeof(xml), MANDATORY("%s"), rules);
	subject = subject_start(xml);
	conn = conn_auth(subject->address, true);
	hello = conn_send(conn, driver_msg("Hello"));
	/* this answer is without a sender, and no rule is about it */
	conn_send(conn, msg_call(NULL, "/", "org.freedesktop.DBus.Peer", "Ping"));
	for (;;) {
		bool is_reply;

		msg = conn_next(conn);
		is_reply = msg->reply_serial == hello;
		if (!is_reply && msg->type != MSG_SIGNAL)
			break;
		if (is_reply ? !has_reply : !has_signal)
			fail("%s: a %s", rules, is_reply ? "reply" : "signal");
		*(is_reply ? &has_reply : &has_signal) = false;
		msg_free(msg);
	}
	msg_free(msg);
	if (has_reply || has_signal)
		fail("%s: something is missing", rules);
	conn_close(conn);
	subject_stop(subject);
}

TEST(messages_of_the_driver)
{
	expect_after_hello("", true, true);
	expect_after_hello(DENY(OF_DRIVER "receive_type=\"signal\""), true, false);
	expect_after_hello(DENY("receive_interface=\"" DRIVER_NAME
				"\" receive_member=\"NameAcquired\" receive_type=\"signal\""),
			   true, false);
	/* its replies count as asked for */
	expect_after_hello(DENY(OF_DRIVER "receive_type=\"method_return\""), true, true);
	expect_after_hello(DENY(OF_DRIVER "receive_type=\"method_return\" "
					  "receive_requested_reply=\"true\""),
			   false, true);
	expect_after_hello(DENY(OF_DRIVER "receive_requested_reply=\"true\""), false, false);
}

TEST(changes_of_names)
{
	struct subject *subject = subject_start(
		MANDATORY(DENY("receive_interface=\"" DRIVER_NAME
			       "\" receive_member=\"NameOwnerChanged\" receive_type=\"signal\"")));
	struct conn *a = conn_new(subject->address), *b = conn_new(subject->address);

	add_match(b, "type='signal'");
	expect_eq(request_name(a, NAME, 0), 1);
	expect_quiet(b);
	expect(subject_reload(subject, a, NULL));
	conn_sync(b);
	conn_drop(b);
	expect_eq(release_name(a, NAME), 1);
	expect_next(b, MSG_SIGNAL, "NameOwnerChanged");
	conn_close(a);
	conn_close(b);
	subject_stop(subject);
}

/* Reload */

TEST(reload_is_for_those_who_are_there)
{
	struct subject *subject = subject_start(NULL);
	struct conn *a = conn_new(subject->address), *b = conn_new(subject->address);
	const struct rule_case call = {.message = "call /p a.b C"};

	expect_eq(request_name(b, NAME, 0), 1);
	for (int i = 0; i < 3; i++) {
		expect(!conn_is_refused(a, conn_send(a, case_message(&call, b))));
		expect(subject_reload(subject, b, MANDATORY(DENY_NAME)));
		expect(conn_is_refused(a, conn_send(a, case_message(&call, b))));
		expect(subject_reload(subject, b, NULL));
	}
	expect_eq(take_all(b), 3);
	conn_close(a);
	conn_close(b);
	subject_stop(subject);
}

TEST(broken_configuration_changes_nothing)
{
	static const char *const broken[] = {
		"<policy context=\"default\"><deny/></policy>",
		"<policy><deny own=\"*\"/></policy>",
		"<policy context=\"default\"><deny own=\"*\" send_type=\"signal\"/></policy>",
		"<policy user=\"root\"><allow user=\"*\"/></policy>",
		"<policy context=\"default\">",
	};
	struct subject *subject = subject_start(MANDATORY(DENY_NAME));
	struct conn *a = conn_new(subject->address), *b = conn_new(subject->address);
	const struct rule_case call = {.message = "call /p a.b C"};

	expect_eq(request_name(b, NAME, 0), 1);
	for (size_t i = 0; i < N_OF(broken); i++) {
		if (subject_reload(subject, a, broken[i]))
			fail("%s is taken", broken[i]);
		expect(conn_is_refused(a, conn_send(a, case_message(&call, b))));
		expect_eq(request_name(a, OTHER, 0), 1);
		expect_eq(release_name(a, OTHER), 1);
	}
	conn_close(a);
	conn_close(b);
	subject_stop(subject);
}
