/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rules that refuse, seen from outside: sending, receiving, owning, connecting, the
 * driver, broadcasts, replies, reload, other users.
 *
 * Every configuration ends in what config_text() says: the default section allows
 * everything.  What refuses is in the sections that are applied after it.
 */
#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define N_OF(array)	   (sizeof(array) / sizeof((array)[0]))
#define NAME		   "org.example.Name"
#define OTHER		   "org.example.Other"
#define MANDATORY(rules)   "<policy context=\"mandatory\">\n" rules "\n</policy>\n"
#define FOR_USER(u, rule)  "<policy user=\"" u "\">" rule "</policy>\n"
#define FOR_GROUP(g, rule) "<policy group=\"" g "\">" rule "</policy>\n"
#define EVERYBODY_COMES	   "<policy context=\"default\"><allow user=\"*\"/></policy>\n"

/* Another configuration for a bus that runs: true if it was taken */
static bool reload(struct subject *subject, struct conn *conn, const char *xml)
{
	char *text = config_text(&subject->sandbox, NULL, xml);
	struct msg *reply;
	bool is_taken;

	file_write(sandbox_path(&subject->sandbox, "bus.conf"), text);
	free(text);
	reply = conn_call(conn, driver_msg("ReloadConfig"));
	is_taken = reply->type == MSG_RETURN;
	msg_free(reply);
	return is_taken;
}

/* from here on what was sent before is through: true if it was refused */
static bool is_refused(struct conn *from, uint32_t serial)
{
	struct msg *msg;
	bool is_refused = false;

	conn_sync(from);
	while (from->inbox) {
		msg = conn_recv(from, 0);
		if (msg->type == MSG_ERROR && msg->reply_serial == serial) {
			expect_str(msg->error_name, DRIVER_ERROR "AccessDenied");
			expect_str(msg->sender, DRIVER_NAME);
			is_refused = true;
		}
		msg_free(msg);
	}
	return is_refused;
}

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
		expect(reload(subject, a, xml));
		conn_drop(b);
		serial = conn_send(a, case_message(c, b));
		refused = is_refused(a, serial);
		if (refused == c->is_allowed || take_all(b) != c->is_allowed)
			fail("%s: \"%s\" is %s", c->rules, c->message,
			     refused ? "refused" : "not refused");
	}
	conn_close(a);
	conn_close(b);
	subject_stop(subject);
}

#define DENY(attributes)  "<deny " attributes "/>"
#define ALLOW(attributes) "<allow " attributes "/>"
#define DENY_NAME	  DENY("send_destination=\"" NAME "\"")
#define ALLOW_NAME	  ALLOW("send_destination=\"" NAME "\"")

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
		expect(reload(subject, conn, xml));
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
	expect(reload(subject, a, MANDATORY(DENY("own=\"" NAME "\""))));
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
	expect(reload(subject, a, MANDATORY(DENY("own=\"" NAME "\""))));
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
	expect(!is_refused(a, conn_send(a, case_message(&call, b))));
	expect_eq(request_name(b, OTHER, 0), 2);
	expect(is_refused(a, conn_send(a, case_message(&call, b))));
	/* it gives up waiting */
	expect_eq(release_name(b, OTHER), 1);
	expect(!is_refused(a, conn_send(a, case_message(&call, b))));
	expect_eq(request_name(b, OTHER, 0), 2);
	conn_sync(b);
	conn_drop(b);
	c = conn_close(c);
	msg_free(conn_find_signal(b, "NameAcquired"));
	expect(is_refused(a, conn_send(a, case_message(&call, b))));
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
		expect(reload(subject, a, xml));
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
	return is_refused(b, serial);
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
		expect(reload(subject, a, xml));
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
	expect_eq(is_refused(b, conn_send(b, msg_return(&fake))), subject_is_reference());
	expect_eq(is_refused(b, conn_send(b, msg_error(&fake, "a.b.E"))), subject_is_reference());
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
	expect(reload(subject, a, NULL));
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
		expect(!is_refused(a, conn_send(a, case_message(&call, b))));
		expect(reload(subject, b, MANDATORY(DENY_NAME)));
		expect(is_refused(a, conn_send(a, case_message(&call, b))));
		expect(reload(subject, b, NULL));
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
		if (reload(subject, a, broken[i]))
			fail("%s is taken", broken[i]);
		expect(is_refused(a, conn_send(a, case_message(&call, b))));
		expect_eq(request_name(a, OTHER, 0), 1);
		expect_eq(release_name(a, OTHER), 1);
	}
	conn_close(a);
	conn_close(b);
	subject_stop(subject);
}

/* Other users */

struct user {
	uid_t uid;
	gid_t gid;
	gid_t groups[4];
	size_t n_groups;
};

static void skip_unless_root(void)
{
	if (getuid())
		skip("only root can become another user");
}

static struct user find_user(const char *name, const char *group)
{
	struct passwd *entry = getpwnam(name);
	struct user user;
	struct group *more;

	if (!entry)
		skip("no user %s", name);
	user = (struct user){.uid = entry->pw_uid, .gid = entry->pw_gid};
	if (!group)
		return user;
	more = getgrnam(group);
	if (!more)
		skip("no group %s", group);
	user.groups[user.n_groups++] = more->gr_gid;
	return user;
}

/* connected as somebody else: what counts is who calls connect() */
static struct conn *connect_as(const char *address, const struct user *user)
{
	struct conn *conn;

	expect_eq(setgroups(user->n_groups, user->groups), 0);
	expect_eq(setresgid(user->gid, user->gid, 0), 0);
	expect_eq(setresuid(user->uid, user->uid, 0), 0);
	conn = conn_auth(address, true);
	expect_eq(setresuid(0, 0, 0), 0);
	expect_eq(setresgid(0, 0, 0), 0);
	return conn;
}

static struct conn *conn_new_as(const char *address, const struct user *user)
{
	struct conn *conn = connect_as(address, user);

	conn_hello(conn);
	return conn;
}

TEST(connect_rules)
{
	static const struct {
		const char *rules;
		bool is_allowed;
	} cases[] = {
		{"", false},
		{ALLOW("user=\"*\""), true},
		{ALLOW("user=\"nobody\""), true},
		{ALLOW("user=\"daemon\""), false},
		{ALLOW("user=\"*\"") DENY("user=\"nobody\""), false},
		{DENY("user=\"nobody\"") ALLOW("user=\"*\""), true},
		{ALLOW("user=\"*\"") DENY("user=\"daemon\""), true},
		/* of nobody, by the group file */
		{ALLOW("group=\"nogroup\""), true},
		{ALLOW("group=\"*\""), true},
		{ALLOW("user=\"*\"") DENY("group=\"nogroup\""), false},
		{ALLOW("user=\"*\"") DENY("user=\"no-such-user\""), true},
	};
	struct subject *subject;
	struct conn *root;
	struct user nobody;

	skip_unless_root();
	nobody = find_user("nobody", NULL);
	subject = subject_start(NULL);
	root = conn_new(subject->address);
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct conn *conn;
		char xml[512];

		snprintf(xml, sizeof(xml), MANDATORY("%s"), cases[i].rules);
		expect(reload(subject, root, xml));
		conn = connect_as(subject->address, &nobody);
		if (cases[i].is_allowed)
			conn_hello(conn);
		else
			expect_eof(conn);
		conn_close(conn);
	}
	/* who is there may stay */
	expect(reload(subject, root, EVERYBODY_COMES));
	{
		struct conn *conn = conn_new_as(subject->address, &nobody);

		expect(reload(subject, root, NULL));
		expect_return(conn_call(conn, driver_msg("GetId")));
		conn_close(conn);
	}
	conn_close(root);
	subject_stop(subject);
}

TEST(sections_of_users_and_groups)
{
	static const struct {
		const char *sections;
		bool nobody_may, daemon_may, root_may;
	} cases[] = {
		{"", true, true, true},
		{FOR_USER("nobody", DENY_NAME), false, true, true},
		{FOR_USER("root", DENY_NAME), true, true, false},
		{FOR_USER("no-such-user", DENY_NAME), true, true, true},
		/* nobody is in daemon by setgroups() alone, daemon by its primary group */
		{FOR_GROUP("daemon", DENY_NAME), false, false, true},
		{FOR_GROUP("nogroup", DENY_NAME), false, true, true},
		{FOR_GROUP("no-such-group", DENY_NAME), true, true, true},
		/* the user's section comes after the group's, wherever it is written */
		{FOR_USER("nobody", ALLOW_NAME) FOR_GROUP("daemon", DENY_NAME), true, false, true},
		{FOR_USER("nobody", DENY_NAME) FOR_GROUP("daemon", ALLOW_NAME), false, true, true},
		/* and among groups the highest number */
		{FOR_GROUP("nogroup", ALLOW_NAME) FOR_GROUP("daemon", DENY_NAME), true, false,
		 true},
		{FOR_GROUP("nogroup", DENY_NAME) FOR_GROUP("daemon", ALLOW_NAME), false, true,
		 true},
		/* mandatory comes last */
		{MANDATORY(DENY_NAME) FOR_USER("nobody", ALLOW_NAME), false, false, false},
	};
	const struct rule_case call = {.message = "call /p a.b C"};
	struct user nobody, daemon_user;
	struct conn *root, *a, *b, *to;
	struct subject *subject;

	skip_unless_root();
	nobody = find_user("nobody", "daemon");
	daemon_user = find_user("daemon", NULL);
	subject = subject_start(EVERYBODY_COMES);
	root = conn_new(subject->address);
	to = conn_new(subject->address);
	a = conn_new_as(subject->address, &nobody);
	b = conn_new_as(subject->address, &daemon_user);
	expect_eq(request_name(to, NAME, 0), 1);
	for (size_t i = 0; i < N_OF(cases); i++) {
		bool may[3];

		expect(reload(subject, root, cases[i].sections));
		may[0] = !is_refused(a, conn_send(a, case_message(&call, to)));
		may[1] = !is_refused(b, conn_send(b, case_message(&call, to)));
		may[2] = !is_refused(root, conn_send(root, case_message(&call, to)));
		if (may[0] != cases[i].nobody_may || may[1] != cases[i].daemon_may ||
		    may[2] != cases[i].root_may)
			fail("%s: %d %d %d", cases[i].sections, may[0], may[1], may[2]);
	}
	conn_close(root);
	conn_close(to);
	conn_close(a);
	conn_close(b);
	subject_stop(subject);
}

/* What is said of a refusal */

/* the last line of the log with this in it; to be freed */
static char *log_line(const struct subject *subject, const char *piece)
{
	char *text = file_read(sandbox_path(&subject->sandbox, "stderr")), *save = NULL;
	char *found = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (strstr(line, piece))
			found = line;
	if (found)
		found = strdup(found);
	free(text);
	return found;
}

/* the line of the configuration that has the deny rule */
static void rule_place(const struct subject *subject, char place[192])
{
	const char *path = sandbox_path(&subject->sandbox, "bus.conf");
	char *text = file_read(path), *rule = strstr(text, "<deny");
	unsigned int line = 1;

	for (const char *p = text; p < rule; p++)
		line += *p == '\n';
	snprintf(place, 192, "rule=\"%s:%u\"", path, line);
	free(text);
}

static char *refusal_text(struct conn *conn, struct msg *call)
{
	struct msg *reply = conn_call(conn, call);
	const char *text;
	char *copy;

	expect_str(reply->error_name, DRIVER_ERROR "AccessDenied");
	msg_read(reply, "s", &text);
	copy = strdup(text);
	msg_free(reply);
	return copy;
}

static void expect_pieces(const char *text, const char *const *pieces)
{
	for (; *pieces; pieces++)
		if (!text || !strstr(text, *pieces))
			fail("\"%s\" has no \"%s\"", text ?: "(nothing)", *pieces);
}

TEST(text_of_a_refusal)
{
	struct subject *subject = subject_start(MANDATORY(DENY_NAME));
	struct conn *a = conn_new(subject->address), *b = conn_new(subject->address);
	char sender[64], who[64], *text;

	expect_eq(request_name(b, NAME, 0), 1);
	text = refusal_text(a, msg_call(NAME, "/p", "a.b", "C"));
	snprintf(sender, sizeof(sender), "sender=\"%s\" (uid=%d pid=%d comm=\"", a->unique,
		 getuid(), getpid());
	snprintf(who, sizeof(who), "destination=\"" NAME "\" (uid=%d pid=%d comm=\"", getuid(),
		 getpid());
	expect_pieces(text,
		      (const char *[]){"Rejected send message, ",
				       " matched rules; type=\"method_call\", ", sender,
				       "interface=\"a.b\" member=\"C\" error name=\"(unset)\" "
				       "requested_reply=\"0\" ",
				       who, NULL});
	free(text);
	text = refusal_text(a, msg_call(b->unique, "/p", NULL, "C"));
	expect_pieces(text, (const char *[]){"interface=\"(unset)\"", b->unique, NULL});
	free(text);
	expect(reload(subject, a, MANDATORY(DENY("receive_interface=\"a.b\""))));
	text = refusal_text(a, msg_call(NAME, "/p", "a.b", "C"));
	expect_pieces(text, (const char *[]){"Rejected receive message, ", NULL});
	free(text);
	conn_close(a);
	conn_close(b);
	subject_stop(subject);
}

/* the log always says by which rule, the answer only to those who may see everything */
TEST(rule_of_a_refusal)
{
	char place[192], *text, *line;
	struct subject *subject;
	struct conn *root, *conn;
	struct user nobody;

	skip_unless_root();
	if (subject_is_reference())
		skip("about bus-proxyd alone");
	nobody = find_user("nobody", NULL);
	subject = subject_start(EVERYBODY_COMES MANDATORY(DENY_NAME));
	rule_place(subject, place);
	root = conn_new(subject->address);
	conn = conn_new_as(subject->address, &nobody);
	expect_eq(request_name(root, NAME, 0), 1);

	text = refusal_text(root, msg_call(NAME, "/p", "a.b", "ByRoot"));
	line = log_line(subject, "ByRoot");
	expect_pieces(text, (const char *[]){place, NULL});
	expect_pieces(line, (const char *[]){place, text, NULL});
	free(line);
	free(text);
	text = refusal_text(conn, msg_call(NAME, "/p", "a.b", "ByNobody"));
	line = log_line(subject, "ByNobody");
	expect(!strstr(text, "rule="));
	expect(!strstr(text, "bus.conf"));
	expect_pieces(line, (const char *[]){place, text, NULL});
	free(line);
	free(text);

	expect(reload(subject, root, EVERYBODY_COMES MANDATORY(DENY("own=\"" OTHER "\""))));
	rule_place(subject, place);
	text = refusal_text(root, msg_append(driver_msg("RequestName"), "su", OTHER, 0));
	expect_pieces(text, (const char *[]){place, NULL});
	free(text);
	text = refusal_text(conn, msg_append(driver_msg("RequestName"), "su", OTHER, 0));
	expect(!strstr(text, "rule="));
	free(text);
	line = log_line(subject, OTHER);
	expect_pieces(line, (const char *[]){place, conn->unique, NULL});
	free(line);
	conn_close(conn);
	conn_close(root);
	subject_stop(subject);
}

/* refusals go into the log, but not without end */
TEST(flood_of_refusals_does_not_flood_the_log)
{
	struct subject *subject;
	struct conn *conn;
	unsigned int n = 0;
	char *text;

	if (subject_is_reference())
		skip("about bus-proxyd alone");
	subject = subject_start(MANDATORY(DENY("send_interface=\"a.b\"")));
	conn = conn_new(subject->address);
	for (int i = 0; i < 500; i++)
		conn_send(conn, msg_to(msg_signal("/p", "a.b", "C"), conn->unique));
	conn_sync(conn);
	text = file_read(sandbox_path(&subject->sandbox, "stderr"));
	for (const char *p = text; (p = strstr(p, "Rejected")); p++)
		n++;
	free(text);
	expect_ge(n, 1);
	expect_le(n, 60);
	conn_close(conn);
	subject_stop(subject);
}

/* Users that are made while the bus runs */

/* DIFFERENCES late-users */

/* a copy of the file, plus a line, takes its place for us and our children */
static void replace_file(const struct sandbox *sandbox, const char *path, const char *line)
{
	const char *copy = sandbox_path(sandbox, strrchr(path, '/') + 1);
	char *text = file_read(path), *all;

	expect(asprintf(&all, "%s%s", text, line) > 0);
	file_write(copy, all);
	expect_eq(chmod(copy, 0644), 0);
	free(all);
	free(text);
	if (mount(copy, path, NULL, MS_BIND, NULL) < 0)
		skip("%s cannot be replaced here", path);
}

static void append_file(const char *path, const char *line)
{
	char *text = file_read(path), *all;

	expect(asprintf(&all, "%s%s", text, line) > 0);
	file_write(path, all);
	free(all);
	free(text);
}

TEST(users_made_later)
{
	static const char rules[] =
		EVERYBODY_COMES FOR_USER("bp-late", DENY("send_interface=\"a.b\""))
			FOR_GROUP("bp-later", DENY("send_interface=\"a.c\""));
	const struct user late = {.uid = 54321, .gid = 54321};
	const struct user later = {.uid = 54322, .gid = 54321, .groups = {54322}, .n_groups = 1};
	const struct rule_case call = {.message = "call /p a.b C"};
	const struct rule_case other_call = {.message = "call /p a.c C"};
	struct conn *root, *early, *conn;
	struct subject *subject;
	struct sandbox files;

	skip_unless_root();
	if (subject_is_reference())
		skip("dbus-daemon looks when it reads its configuration");
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		skip("namespaces cannot be made here");
	sandbox_open(&files);
	replace_file(&files, "/etc/passwd", "");
	replace_file(&files, "/etc/group", "");
	subject = subject_start(rules);
	root = conn_new(subject->address);
	expect_eq(request_name(root, NAME, 0), 1);

	/* nobody knows them */
	early = conn_new_as(subject->address, &late);
	expect(!is_refused(early, conn_send(early, case_message(&call, root))));
	append_file("/etc/passwd", "bp-late:x:54321:54321::/:/bin/false\n");
	/* who comes now is known, and so is then who came before */
	expect(!is_refused(early, conn_send(early, case_message(&call, root))));
	conn = conn_new_as(subject->address, &late);
	expect(is_refused(conn, conn_send(conn, case_message(&call, root))));
	expect(is_refused(early, conn_send(early, case_message(&call, root))));
	expect(!is_refused(conn, conn_send(conn, case_message(&other_call, root))));
	conn_close(conn);

	append_file("/etc/group", "bp-later:x:54322:\n");
	conn = conn_new_as(subject->address, &later);
	expect(!is_refused(conn, conn_send(conn, case_message(&call, root))));
	expect(is_refused(conn, conn_send(conn, case_message(&other_call, root))));
	conn_close(conn);
	conn_close(early);
	conn_close(root);
	subject_stop(subject);
	umount("/etc/passwd");
	umount("/etc/group");
	sandbox_close(&files);
}
