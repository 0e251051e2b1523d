/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Eavesdroppers: match rules with eavesdrop='true'.
 *
 * What one hears is written down as lines: "call Ask :1.0 :1.1", "return - :1.1 :1.0".
 * Its own driver calls are among it; those that expect_heard() makes are left out. */
#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ALL "eavesdrop='true'"

struct fixture {
	struct subject *subject;
	struct conn *a, *b, *eve; /* :1.0, :1.1 and :1.2, see subject_names() */
};

static struct fixture fixture_start(const char *xml, const char *rule)
{
	struct fixture f = {subject_start(xml)};

	f.a = conn_new(f.subject->address);
	f.b = conn_new(f.subject->address);
	f.eve = conn_new(f.subject->address);
	if (rule)
		add_match(f.eve, rule);
	return f;
}

static void fixture_stop(struct fixture *f)
{
	conn_close(f->a);
	conn_close(f->b);
	conn_close(f->eve);
	subject_stop(f->subject);
}

static const char *short_name(const char *name)
{
	if (!name)
		return "-";
	return strcmp(name, DRIVER_NAME) ? name : "driver";
}

/* everything in the inbox, in order, each line ended by a newline */
static void expect_lines_at(struct conn *conn, const char *want, const char *file, int line)
{
	static const char *const types[] = {"", "call", "return", "error", "signal"};
	char got[4096], *p = got;

	for (struct msg *msg = conn->inbox; msg; msg = msg->next) {
		bool is_own = msg->sender && !strcmp(msg->sender, conn->unique) &&
			      !strcmp(short_name(msg->destination), "driver");

		if (!is_own && p < got + sizeof(got) - 600)
			p += sprintf(p, "%s %s %s %s\n", types[msg->type], msg->member ?: "-",
				     short_name(msg->sender), short_name(msg->destination));
	}
	*p = 0;
	want = subject_names(want);
	if (strcmp(got, want))
		fail_at(file, line, "heard:\n%swanted:\n%s", got, want);
	conn_drop(conn);
}

/* what has happened on the bus until now, as the eavesdropper heard it */
#define expect_heard(f, want)                                                                      \
	do {                                                                                       \
		conn_sync((f)->eve);                                                               \
		expect_lines_at((f)->eve, want, __FILE__, __LINE__);                               \
	} while (0)

static struct msg *ask(const struct conn *to, const char *member)
{
	return msg_call(to->unique, "/", "a.b", member);
}

/* it is there once it was read */
static void deliver(struct conn *from, struct conn *to, struct msg *msg)
{
	struct msg *copy;

	conn_send(from, msg);
	copy = conn_next(to);
	while (copy->sender && strcmp(copy->sender, from->unique)) {
		msg_free(copy);
		copy = conn_next(to);
	}
	msg_free(copy);
}

/* asks and gets an answer */
static void converse(struct conn *from, struct conn *to, bool is_error)
{
	uint32_t serial = conn_send(from, ask(to, "Ask"));
	struct msg *call = conn_find_call(to, "Ask");

	conn_send(to, is_error ? msg_error(call, "a.b.Error") : msg_return(call));
	msg_free(call);
	msg_free(conn_reply(from, serial));
}

TEST(messages_of_others)
{
	struct fixture f = fixture_start(NULL, ALL);

	converse(f.a, f.b, false);
	converse(f.b, f.a, true);
	deliver(f.a, f.b, msg_to(msg_signal("/", "a.b", "Directed"), f.b->unique));
	conn_send(f.a, msg_signal("/", "a.b", "Broadcast"));
	deliver(f.a, f.b, msg_flags(ask(f.b, "Tell"), MSG_NO_REPLY));
	deliver(f.a, f.a, ask(f.a, "Self"));
	expect_heard(&f, "call Ask :1.0 :1.1\n"
			 "return - :1.1 :1.0\n"
			 "call Ask :1.1 :1.0\n"
			 "error - :1.0 :1.1\n"
			 "signal Directed :1.0 :1.1\n"
			 "signal Broadcast :1.0 -\n"
			 "call Tell :1.0 :1.1\n"
			 "call Self :1.0 :1.0\n");
	fixture_stop(&f);
}

TEST(messages_of_its_own)
{
	struct fixture f = fixture_start(NULL, ALL);

	converse(f.eve, f.b, false);
	/* what is for it comes once, as to anybody */
	expect_heard(&f, "call Ask :1.2 :1.1\n");
	deliver(f.a, f.eve, msg_flags(ask(f.eve, "Tell"), MSG_NO_REPLY));
	expect_heard(&f, "");
	/* also what it says to the bus: the answer first */
	conn_drop(f.eve);
	expect_eq(request_name(f.eve, "x.y", 0), 1);
	msg_free(conn_find_call(f.eve, "RequestName"));
	fixture_stop(&f);
}

TEST(calls_to_the_driver)
{
	struct fixture f = fixture_start(NULL, ALL);
	struct conn *conn;

	conn_drop(f.eve);
	msg_free(driver_call(f.a, "GetNameOwner", "s", f.b->unique));
	conn_send(f.a, msg_to(msg_signal("/", "a.b", "ToTheDriver"), DRIVER_NAME));
	/* what fails has not happened */
	expect_error(driver_call(f.a, "GetNameOwner", "s", "no.such"), "NameHasNoOwner");
	expect_error(driver_call(f.a, "NoSuchMethod", ""), "UnknownMethod");
	/* its effect comes first, and nothing that the driver says to others alone */
	expect_eq(request_name(f.a, "x.y", 0), 1);
	add_match(f.a, "type='signal'");
	expect_heard(&f, "call GetNameOwner :1.0 driver\n"
			 "signal ToTheDriver :1.0 driver\n"
			 "signal NameOwnerChanged driver -\n"
			 "call RequestName :1.0 driver\n"
			 "call AddMatch :1.0 driver\n");
	/* a client that comes has its name already; what it tries before is refused */
	conn = conn_auth(f.subject->address, true);
	expect_error(driver_call(conn, "GetId", ""), "AccessDenied");
	conn_hello(conn);
	expect_heard(&f, "signal NameOwnerChanged driver -\n"
			 "call Hello :1.3 driver\n");
	/* what is for nobody is nobody's business */
	expect_return(conn_call(conn, msg_call(NULL, "/", DRIVER_NAME ".Peer", "Ping")));
	expect_heard(&f, "");
	conn_close(conn);
	fixture_stop(&f);
}

TEST(what_is_not_delivered)
{
	static const char policy[] =
		"<policy context=\"mandatory\">"
		"<deny send_interface=\"a.b\" send_member=\"Denied\"/>"
		"<deny receive_interface=\"a.b\" receive_member=\"Unwelcome\"/>"
		"</policy>";
	struct fixture f = fixture_start(policy, ALL ",interface='a.b'");
	struct conn *plain = conn_auth(f.subject->address, false);
	int fd = open("/dev/null", O_RDONLY);

	conn_hello(plain);
	expect_error(conn_call(f.a, ask(f.b, "Denied")), "AccessDenied");
	expect_error(conn_call(f.a, ask(f.b, "Unwelcome")), "AccessDenied");
	expect_error(conn_call(f.a, msg_call(":1.77", "/", "a.b", "ToNobody")), "ServiceUnknown");
	expect_error(conn_call(f.a, msg_call("no.such", "/", "a.b", "ToNobody")), "ServiceUnknown");
	expect_error(conn_call(f.a, msg_attach(ask(plain, "WithFd"), fd)), "NotSupported");
	deliver(f.a, f.b, ask(f.b, "End"));
	expect_heard(&f, "call End :1.0 :1.1\n");
	close(fd);
	conn_close(plain);
	fixture_stop(&f);
}

TEST(file_descriptors)
{
	struct fixture f = fixture_start(NULL, ALL ",member='WithFd'");
	struct conn *plain = conn_auth(f.subject->address, false);
	int fd = open("/dev/null", O_RDONLY);
	struct msg *msg;

	conn_hello(plain);
	add_match(plain, ALL ",interface='a.b'");
	deliver(f.a, f.b, msg_attach(ask(f.b, "WithFd"), fd));
	deliver(f.a, f.b, ask(f.b, "End"));
	msg = conn_find_call(f.eve, "WithFd");
	expect_eq(msg->n_fds, 1);
	msg_free(msg);
	/* who cannot take descriptors does not see the message */
	conn_sync(plain);
	expect_lines_at(plain, "call End :1.0 :1.1\n", __FILE__, __LINE__);
	close(fd);
	conn_close(plain);
	fixture_stop(&f);
}

static const struct {
	const char *rule;
	bool is_hit;
} rules[] = {
	{ALL ",type='method_call'", true},
	{ALL ",type='signal'", false},
	{ALL ",sender=':1.0'", true},
	{ALL ",sender=':1.1'", false},
	{ALL ",destination=':1.1'", true},
	{ALL ",destination='x.y'", true},
	{ALL ",destination=':1.2'", false},
	{ALL ",member='Ask',path='/',interface='a.b',arg0='text'", true},
	{ALL ",arg0='other'", false},
	{"eavesdrop='false',eavesdrop='true',interface='a.b'", true},
	{"eavesdrop='true',eavesdrop='false',interface='a.b'", false},
	{"interface='a.b'", false},
};

TEST(rules_apply)
{
	struct fixture f = fixture_start(NULL, NULL);
	int n_wrong = 0;

	expect_eq(request_name(f.b, "x.y", 0), 1);
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		size_t n = 0;

		add_match(f.eve, subject_names(rules[i].rule));
		deliver(f.a, f.b, msg_append(ask(f.b, "Ask"), "s", "text"));
		conn_sync(f.eve);
		for (struct msg *msg = f.eve->inbox; msg; msg = msg->next)
			n += msg->member && !strcmp(msg->member, "Ask");
		if (n != rules[i].is_hit) {
			note("%s: %zu", rules[i].rule, n);
			n_wrong++;
		}
		remove_match(f.eve, subject_names(rules[i].rule));
		conn_drop(f.eve);
	}
	expect_eq(n_wrong, 0);
	fixture_stop(&f);
}

TEST(one_copy_of_each_message)
{
	struct fixture f = fixture_start(NULL, ALL);

	add_match(f.eve, ALL);
	add_match(f.eve, ALL ",interface='a.b'");
	add_match(f.eve, "interface='a.b'");
	deliver(f.a, f.b, ask(f.b, "Tell"));
	conn_send(f.a, msg_signal("/", "a.b", "Broadcast"));
	conn_sync(f.a);
	expect_heard(&f, "call Tell :1.0 :1.1\n"
			 "signal Broadcast :1.0 -\n"
			 "call GetId :1.0 driver\n");
	/* until the last rule is gone */
	remove_match(f.eve, ALL);
	remove_match(f.eve, ALL ",interface='a.b'");
	deliver(f.a, f.b, ask(f.b, "Tell"));
	expect_heard(&f, "call Tell :1.0 :1.1\n");
	remove_match(f.eve, ALL);
	deliver(f.a, f.b, ask(f.b, "Tell"));
	conn_send(f.a, msg_signal("/", "a.b", "Broadcast"));
	conn_sync(f.a);
	expect_heard(&f, "signal Broadcast :1.0 -\n");
	fixture_stop(&f);
}

/* the rules of the sender and of the eavesdropper hold for the copy, too */
TEST(policy_of_copies)
{
	static const char policy[] =
		"<policy context=\"mandatory\">"
		"<deny eavesdrop=\"true\" receive_interface=\"a.b\" receive_member=\"Secret\"/>"
		"<deny send_destination=\"eve.s\" send_interface=\"a.b\" send_member=\"NotToEve\"/>"
		"</policy>";
	struct fixture f = fixture_start(policy, ALL ",interface='a.b'");

	deliver(f.a, f.b, ask(f.b, "Secret"));
	deliver(f.a, f.b, ask(f.b, "NotToEve"));
	expect_heard(&f, "call NotToEve :1.0 :1.1\n");
	expect_eq(request_name(f.eve, "eve.s", 0), 1);
	conn_drop(f.eve);
	deliver(f.a, f.b, ask(f.b, "NotToEve"));
	deliver(f.a, f.b, ask(f.b, "End"));
	expect_heard(&f, "call End :1.0 :1.1\n");
	fixture_stop(&f);
}

/* who may not is told so; the rule is read first */
TEST(unprivileged_clients_may_not)
{
	struct subject *subject =
		subject_start("<policy context=\"default\"><allow user=\"*\"/></policy>");
	struct conn *conn = conn_new_nobody(subject->address);

	expect_error(driver_call(conn, "AddMatch", "s", ALL), "AccessDenied");
	expect_error(driver_call(conn, "AddMatch", "s", ALL ",nonsense="), "MatchRuleInvalid");
	expect_error(driver_call(conn, "AddMatch", "s", "eavesdrop='false'," ALL), "AccessDenied");
	expect_error(driver_call(conn, "RemoveMatch", "s", ALL), "MatchRuleNotFound");
	add_match(conn, ALL ",eavesdrop='false'");
	remove_match(conn, "");
	conn_close(conn);
	subject_stop(subject);
}

/* an eavesdropper that does not read loses its copies, and nobody anything else */
TEST(slow_eavesdroppers_miss_messages)
{
	enum { N = 400, SIZE = 64 << 10 };
	struct fixture f = fixture_start("<limit name=\"max_outgoing_bytes\">1000000</limit>",
					 ALL ",interface='a.b'");
	char *text = malloc(SIZE);
	int n = 0;

	memset(text, 'x', SIZE);
	text[SIZE - 1] = 0;
	for (int i = 0; i < N; i++)
		deliver(f.a, f.b, msg_append(msg_flags(ask(f.b, "Tell"), MSG_NO_REPLY), "s", text));
	free(text);
	while (conn_fill(f.eve, 100))
		continue;
	for (struct msg *msg = f.eve->inbox; msg; msg = msg->next)
		n++;
	expect_gt(n, 0);
	expect_lt(n, N);
	/* later ones come again */
	conn_drop(f.eve);
	deliver(f.a, f.b, ask(f.b, "End"));
	expect_heard(&f, "call End :1.0 :1.1\n");
	fixture_stop(&f);
}

/* What waited for its addressee to start is not shown once it is delivered, as it was sent before:
 * DIFFERENCES eavesdrop-activation */
TEST(calls_that_waited_for_a_service)
{
	struct sandbox files;
	struct fixture f;
	char xml[128];

	sandbox_open(&files);
	file_write(sandbox_path(&files, "a.waits.service"),
		   "[D-BUS Service]\nName=a.waits\nExec=/bin/sleep 60\n");
	sprintf(xml, "<servicedir>%s</servicedir>", files.dir);
	f = fixture_start(xml, ALL ",interface='a.b'");
	conn_send(f.a, msg_flags(msg_call("a.waits", "/", "a.b", "Waits"), MSG_NO_REPLY));
	conn_sync(f.a);
	expect_heard(&f, "");
	expect_eq(request_name(f.b, "a.waits", 0), 1);
	msg_free(conn_find_call(f.b, "Waits"));
	expect_heard(&f, subject_is_reference() ? "call Waits :1.0 a.waits\n" : "");
	deliver(f.a, f.b, msg_call("a.waits", "/", "a.b", "Follows"));
	expect_heard(&f, "call Follows :1.0 a.waits\n");
	fixture_stop(&f);
	sandbox_close(&files);
}
