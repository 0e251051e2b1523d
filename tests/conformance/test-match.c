/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Match rules: their grammar, what each key selects, and how rules are counted.
 *
 * Selection is one table: a rule, and for each of the signals below whether the
 * rule lets it through. */
#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))
#define NAME	    "org.example.Sender"

struct fixture {
	struct subject *subject;
	struct conn *from, *other, *to;
};

static struct fixture fixture_start(const char *xml)
{
	struct fixture f = {subject_start(xml)};

	f.from = conn_new(f.subject->address);
	f.other = conn_new(f.subject->address);
	f.to = conn_new(f.subject->address);
	return f;
}

static void fixture_stop(struct fixture *f)
{
	conn_close(f->from);
	conn_close(f->other);
	conn_close(f->to);
	subject_stop(f->subject);
}

/* Grammar */

static const struct rule {
	const char *text;
	bool valid;
} rules[] = {
	{"", true},
	{"type='signal'", true},
	{"type=signal", true},
	{"type='signal',", true},
	{",type='signal'", false},
	{"type='signal',,member='A'", false},
	{",", false},
	{"type", false},
	{"type=", false},
	{"type='signal", false},
	/* an empty key ends the rule, whatever follows */
	{"='signal'", true},
	{"=", true},
	{"type='signal', ='x',nonsense", true},
	{"type='signal''", false},
	{"nonsense='x'", false},
	{"Type='signal'", false},
	{"type='Signal'", false},
	/* quoting */
	{"type='sig''nal'", true},
	{"type=sig'nal'", true},
	{"member='A\\B'", false},
	{"arg0='it'\\''s'", true},
	{"arg0='a,b'", true},
	/* the character behind a backslash is taken as it is, a comma, too */
	{"arg0=a\\,b", true},
	{"arg0=a\\,b,c", false},
	{"arg0=\\", true},
	{"arg0=\"x\"", true},
	/* blanks: in front of a key and of the equals sign only */
	{" type='signal'", true},
	{"type='signal', member='A'", true},
	{"type ='signal'", true},
	{"type= 'signal'", false},
	{"type='signal' ", false},
	{"type='signal' ,member='A'", false},
	{"\t\ntype='signal'", true},
	/* types */
	{"type='method_call'", true},
	{"type='method_return'", true},
	{"type='error'", true},
	{"type='invalid'", false},
	{"type=''", false},
	/* names and paths */
	{"sender='a.b'", true},
	{"sender=':1.5'", true},
	{"sender=':1'", true},
	{"sender='a'", false},
	{"sender=''", false},
	{"sender='a..b'", false},
	{"destination='a.b'", true},
	{"destination=':1.5'", true},
	{"destination='a'", false},
	{"interface='a.b'", true},
	{"interface='a'", false},
	{"interface='a.b-c'", false},
	{"interface=':1.5'", false},
	{"member='A'", true},
	{"member='A.B'", false},
	{"member='1A'", false},
	{"member=''", false},
	{"path='/'", true},
	{"path='/a/b'", true},
	{"path='/a/'", false},
	{"path='a'", false},
	{"path=''", false},
	{"path_namespace='/'", true},
	{"path_namespace='/a/b'", true},
	{"path_namespace='/a/'", false},
	{"path='/a',path_namespace='/a'", false},
	/* arguments */
	{"arg0='x'", true},
	{"arg0=''", true},
	{"arg0=", true},
	{"arg63='x'", true},
	{"arg64='x'", false},
	{"arg01='x'", true},
	{"arg000063='x'", true},
	{"arg='x'", false},
	{"arg-1='x'", false},
	{"arg0x='x'", false},
	{"arg99999999999='x'", false},
	{"arg4294967296='x'", false},
	{"arg0path='/a/'", true},
	{"arg0path='x'", true},
	{"arg0path=''", true},
	{"arg63path='/'", true},
	{"arg64path='/'", false},
	{"arg0paths='/'", false},
	{"arg0namespace='a.b'", true},
	{"arg0namespace='a'", true},
	{"arg0namespace=':1'", true},
	{"arg0namespace=''", false},
	{"arg0namespace='a.'", false},
	{"arg1namespace='a.b'", false},
	{"arg0='x',arg1='y',arg2path='/z'", true},
	{"arg0='x',arg0path='/x'", false},
	{"arg0='x',arg0namespace='x'", false},
	{"arg0path='/x',arg0namespace='x'", false},
	{"arg0='x',arg00='y'", false},
	/* a key twice */
	{"type='signal',type='signal'", false},
	{"sender='a.b',sender='a.b'", false},
	{"interface='a.b',interface='a.c'", false},
	{"member='A',member='A'", false},
	{"path='/a',path='/a'", false},
	{"destination='a.b',destination='a.b'", false},
	{"path_namespace='/a',path_namespace='/a'", false},
	{"arg5='x',arg5='x'", false},
	{"eavesdrop='false'", true},
	{"eavesdrop='false',eavesdrop='false'", true},
	{"eavesdrop='yes'", false},
	{"eavesdrop=''", false},
	{"eavesdrop='TRUE'", false},
	/* sixteen pairs count, the rest is not even looked at */
	{"arg0='x',arg1='x',arg2='x',arg3='x',arg4='x',arg5='x',arg6='x',arg7='x',arg8='x',"
	 "arg9='x',arg10='x',arg11='x',arg12='x',arg13='x',arg14='x',arg15='x',nonsense='y'",
	 true},
	{"arg0='x',arg1='x',arg2='x',arg3='x',arg4='x',arg5='x',arg6='x',arg7='x',arg8='x',"
	 "arg9='x',arg10='x',arg11='x',arg12='x',arg13='x',arg14='x',nonsense='y'",
	 false},
};

TEST(grammar)
{
	struct fixture f = fixture_start(NULL);
	int n_wrong = 0;

	for (size_t i = 0; i < N_OF(rules); i++) {
		struct msg *reply = driver_call(f.to, "AddMatch", "s", rules[i].text);

		if ((reply->type == MSG_RETURN) != rules[i].valid) {
			note("%s: %s", rules[i].text, reply->error_name ?: "accepted");
			n_wrong++;
			msg_free(reply);
			continue;
		}
		if (!rules[i].valid) {
			expect_error(reply, "MatchRuleInvalid");
			reply = driver_call(f.to, "RemoveMatch", "s", rules[i].text);
			expect_error(reply, "MatchRuleInvalid");
			continue;
		}
		expect_return(reply);
		reply = driver_call(f.to, "RemoveMatch", "s", rules[i].text);
		if (reply->type != MSG_RETURN)
			fail("%s cannot be removed: %s", rules[i].text, reply->error_name);
		expect_return(reply);
	}
	expect_eq(n_wrong, 0);
	fixture_stop(&f);
}

TEST(length_of_a_rule)
{
	struct fixture f = fixture_start(NULL);
	char rule[1100];

	memset(rule, 'x', sizeof(rule));
	memcpy(rule, "arg0='", 6);
	strcpy(rule + 1023, "'");
	expect_eq(strlen(rule), 1024);
	add_match(f.to, rule);
	remove_match(f.to, rule);
	memset(rule, 'x', sizeof(rule));
	memcpy(rule, "arg0='", 6);
	strcpy(rule + 1024, "'");
	expect_error(driver_call(f.to, "AddMatch", "s", rule), "LimitsExceeded");
	fixture_stop(&f);
}

/* Selection */

struct signal {
	const char *path, *interface, *member, *signature;
	const char *args[3];
};

static const struct signal signals[] = {
	{"/", "a.b", "M", ""},				/* 0 */
	{"/foo", "a.b", "M", "s", {"x"}},		/* 1 */
	{"/foo/bar", "a.b", "N", "s", {""}},		/* 2 */
	{"/foobar", "a.b.c", "M", "ss", {"x", "y"}},	/* 3 */
	{"/foo", "a.b", "M", "o", {"/aa/bb/"}},		/* 4: see make_signal() */
	{"/foo", "a.b", "M", "s", {"/aa/"}},		/* 5 */
	{"/foo", "a.b", "M", "s", {"/aa/bb"}},		/* 6 */
	{"/foo", "a.b", "M", "s", {"com.example"}},	/* 7 */
	{"/foo", "a.b", "M", "s", {"com.example.sub"}}, /* 8 */
	{"/foo", "a.b", "M", "s", {"com.examples"}},	/* 9 */
	{"/foo", "a.b", "M", "g", {"x"}},		/* 10 */
	{"/foo", "a.b", "M", "us", {"7", "y"}},		/* 11: a number first */
	{"/foo", "a.b", "M", "o", {"/aa/bb/cc"}},	/* 12 */
	{"/foo", "a.b", "M", "ass", {"x", "x", "y"}},	/* 13: an array first */
};

static struct msg *make_signal(const struct signal *signal)
{
	struct msg *msg = msg_signal(signal->path, signal->interface, signal->member);
	const char *const *args = signal->args;

	if (!strcmp(signal->signature, "s"))
		return msg_append(msg, "s", args[0]);
	if (!strcmp(signal->signature, "ss"))
		return msg_append(msg, "ss", args[0], args[1]);
	if (!strcmp(signal->signature, "us"))
		return msg_append(msg, "us", 7, args[1]);
	if (!strcmp(signal->signature, "ass"))
		return msg_append(msg, "ass", 2, args[0], args[1], args[2]);
	if (!strcmp(signal->signature, "g"))
		return msg_append(msg, "g", "s");
	if (!strcmp(signal->signature, "o") && !strcmp(args[0], "/aa/bb/"))
		return msg_append(msg, "o", "/aa/bb");
	if (!strcmp(signal->signature, "o"))
		return msg_append(msg, "o", args[0]);
	return msg;
}

/* what is sent for the quoting of values */
static const char *const quoted[] = {"it's", "a,b", "a\\,b", "a\\", "\\'", "signal"};

static const struct quoting {
	const char *rule;
	int matched; /* index, -1: none */
} quotings[] = {
	{"arg0='it'\\''s'", 0}, {"arg0=it\\'s", 0},	{"arg0='a,b'", 1},    {"arg0=a','b", 1},
	{"arg0=a\\,b", 2},	{"arg0='a\\,b'", 2},	{"arg0=a\\", 3},      {"arg0='a\\'", 3},
	{"arg0='\\'\\'", 4},	{"arg0='sig''nal'", 5}, {"arg0=sig'nal'", 5}, {"arg0='signal ", -1},
	{"arg0= signal", -1},
};

static const struct selection {
	const char *rule;
	const char *matched; /* numbers of signals */
} selections[] = {
	{"", "0 1 2 3 4 5 6 7 8 9 10 11 12 13"},
	{"type='signal'", "0 1 2 3 4 5 6 7 8 9 10 11 12 13"},
	{"type='method_call'", ""},
	{"type='error'", ""},
	{"interface='a.b.c'", "3"},
	{"interface='a.b',member='N'", "2"},
	{"member='N'", "2"},
	{"member='n'", ""},
	/* paths */
	{"path='/'", "0"},
	{"path='/foo/bar'", "2"},
	{"path_namespace='/'", "0 1 2 3 4 5 6 7 8 9 10 11 12 13"},
	{"path_namespace='/foo',member='M',arg0='x'", "1"},
	{"path_namespace='/foo/bar'", "2"},
	{"path_namespace='/foo',member='N'", "2"},
	{"path_namespace='/foobar'", "3"},
	{"path_namespace='/fo'", ""},
	/* senders */
	{"sender=':1.0',path='/'", "0"},
	{"sender=':1.1'", ""},
	{"sender=':1'", ""},
	{"sender='" NAME "',path='/'", "0"},
	{"sender='org.example.Queued'", ""},
	{"sender='org.example.None'", ""},
	{"sender='org.freedesktop.DBus'", ""},
	/* destination= without eavesdropping selects nothing */
	{"destination=':1.2'", ""},
	{"destination=':1.0'", ""},
	{"destination='org.example.To'", ""},
	/* arguments: strings only, by position */
	{"arg0='x'", "1 3"},
	{"arg0=''", "2"},
	{"arg1='y'", "3 11 13"},
	{"arg1='y',arg0='x'", "3"},
	{"arg2='y'", ""},
	{"arg1=''", ""},
	{"arg0='7'", ""},
	{"arg00='x'", "1 3"},
	{"arg0='/aa/bb'", "6"},
	{"arg0='s'", ""},
	{"arg63='x'", ""},
	/* paths in arguments: equal, or one is a directory of the other */
	{"arg0path='/aa/bb'", "4 5 6"},
	{"arg0path='/aa/'", "4 5 6 12"},
	{"arg0path='/aa/bb/'", "5 12"},
	{"arg0path='/aa'", ""},
	{"arg0path='/'", "4 5 6 12"},
	{"arg0path='/aa/bb/cc/dd'", "5"},
	{"arg0path='x'", "1 3"},
	{"arg0path='y'", ""},
	{"arg1path='y'", "3 11 13"},
	{"arg0path=''", "2"},
	/* namespaces */
	{"arg0namespace='com.example'", "7 8"},
	{"arg0namespace='com'", "7 8 9"},
	{"arg0namespace='com.example.sub'", "8"},
	{"arg0namespace='x'", "1 3"},
	/* unknown keys behind the sixteenth do not count */
	{"type='signal',interface='a.b.c',member='M',path='/foobar',arg0='x',arg1='y'", "3"},
	{"type='signal',interface='a.b.c',member='M',path='/foobar',arg0='x',arg1='z'", ""},
};

static bool is_selected(struct fixture *f, const struct selection *selection)
{
	char got[64], *p = got;
	struct msg *msg;

	add_match(f->to, subject_names(selection->rule));
	for (size_t i = 0; i < N_OF(signals); i++)
		conn_send(f->from, make_signal(&signals[i]));
	conn_sync(f->from);
	conn_sync(f->to);
	*p = 0;
	/* its serial says which one came */
	while ((msg = f->to->inbox)) {
		uint32_t first = f->from->serial - N_OF(signals);

		msg = conn_next(f->to);
		p += sprintf(p, "%s%u", p == got ? "" : " ", msg->serial - first);
		msg_free(msg);
	}
	remove_match(f->to, subject_names(selection->rule));
	if (!strcmp(got, selection->matched))
		return true;
	note("%s matches %s, not %s", selection->rule, got, selection->matched);
	return false;
}

TEST(selection)
{
	struct fixture f = fixture_start(NULL);
	int n_wrong = 0;

	expect_str(f.from->unique, subject_names(":1.0"));
	request_name(f.from, NAME, 0);
	request_name(f.other, "org.example.Queued", 0);
	request_name(f.from, "org.example.Queued", 0);
	request_name(f.to, "org.example.To", 0);
	conn_drop(f.from);
	conn_drop(f.to);
	for (size_t i = 0; i < N_OF(selections); i++)
		n_wrong += !is_selected(&f, &selections[i]);
	expect_eq(n_wrong, 0);
	fixture_stop(&f);
}

TEST(quoting)
{
	struct fixture f = fixture_start(NULL);

	for (size_t i = 0; i < N_OF(quotings); i++) {
		struct msg *msg = driver_call(f.to, "AddMatch", "s", quotings[i].rule);
		int matched = -1;

		if (msg->type == MSG_ERROR) {
			expect_eq(quotings[i].matched, -1);
			msg_free(msg);
			continue;
		}
		msg_free(msg);
		for (size_t j = 0; j < N_OF(quoted); j++)
			conn_send(f.from, msg_append(msg_signal("/", "a.b", "C"), "s", quoted[j]));
		conn_sync(f.from);
		conn_sync(f.to);
		if (f.to->inbox) {
			msg = conn_next(f.to);
			matched = msg->serial - (f.from->serial - N_OF(quoted));
			msg_free(msg);
		}
		if (matched != quotings[i].matched || f.to->inbox)
			fail("%s: %d, not %d", quotings[i].rule, matched, quotings[i].matched);
		remove_match(f.to, quotings[i].rule);
	}
	fixture_stop(&f);
}

TEST(sender_is_looked_up_when_the_signal_is_sent)
{
	struct fixture f = fixture_start(NULL);

	add_match(f.to, "sender='" NAME "'");
	conn_send(f.from, msg_signal("/", "a.b", "Before"));
	request_name(f.from, NAME, 1);
	conn_send(f.from, msg_signal("/", "a.b", "Owner"));
	/* before the other one asks, wherever it is served */
	conn_sync(f.from);
	request_name(f.other, NAME, 2);
	conn_send(f.from, msg_signal("/", "a.b", "Queued"));
	conn_send(f.other, msg_signal("/", "a.b", "Other"));
	conn_sync(f.from);
	conn_sync(f.other);
	expect_next(f.to, MSG_SIGNAL, "Owner");
	expect_next(f.to, MSG_SIGNAL, "Other");
	expect_quiet(f.to);
	fixture_stop(&f);
}

TEST(driver_signals_match_the_driver_name)
{
	static const struct {
		const char *rule;
		bool matches;
	} cases[] = {
		{"sender='org.freedesktop.DBus'", true},
		{"sender='org.freedesktop.DBus',type='signal',interface='org.freedesktop.DBus',"
		 "member='NameOwnerChanged',path='/org/freedesktop/DBus'",
		 true},
		{"path_namespace='/org/freedesktop'", true},
		{"arg0='org.example.Changing'", true},
		{"arg0namespace='org.example'", true},
		{"arg1=''", true},
		{"arg2=':1.0'", true},
		{"sender='org.freedesktop.DBus',arg0='org.example.Other'", false},
		{"sender=':1.0'", false},
		{"arg0namespace='org.exam'", false},
	};
	struct fixture f = fixture_start(NULL);

	for (size_t i = 0; i < N_OF(cases); i++) {
		add_match(f.to, subject_names(cases[i].rule));
		request_name(f.from, "org.example.Changing", 0);
		conn_sync(f.to);
		if (!f.to->inbox == cases[i].matches)
			fail("%s", cases[i].rule);
		remove_match(f.to, subject_names(cases[i].rule));
		release_name(f.from, "org.example.Changing");
		conn_drop(f.to);
	}
	fixture_stop(&f);
}

TEST(own_broadcasts_come_back)
{
	struct fixture f = fixture_start(NULL);

	conn_send(f.to, msg_signal("/", "a.b", "Unmatched"));
	expect_quiet(f.to);
	add_match(f.to, "interface='a.b'");
	conn_send(f.to, msg_signal("/", "a.b", "Matched"));
	expect_next(f.to, MSG_SIGNAL, "Matched");
	expect_quiet(f.to);
	fixture_stop(&f);
}

TEST(several_rules_deliver_once)
{
	struct fixture f = fixture_start(NULL);

	add_match(f.to, "");
	add_match(f.to, "type='signal'");
	add_match(f.to, "interface='a.b'");
	add_match(f.to, "interface='a.b'");
	add_match(f.to, subject_names("sender=':1.0'"));
	add_match(f.to, "path_namespace='/'");
	conn_send(f.from, msg_signal("/", "a.b", "Once"));
	conn_sync(f.from);
	expect_next(f.to, MSG_SIGNAL, "Once");
	expect_quiet(f.to);
	fixture_stop(&f);
}

TEST(calls_are_no_broadcasts)
{
	struct fixture f = fixture_start(NULL);

	add_match(f.to, "");
	add_match(f.to, "type='method_call'");
	add_match(f.to, "type='method_return'");
	conn_send(f.from, msg_call(f.other->unique, "/", "a.b", "Private"));
	msg_free(conn_find_call(f.other, "Private"));
	expect_quiet(f.to);
	fixture_stop(&f);
}

/* Counting */

TEST(rules_are_counted)
{
	struct fixture f = fixture_start(NULL);

	add_match(f.to, "interface='a.b'");
	add_match(f.to, "interface='a.b'");
	remove_match(f.to, "interface='a.b'");
	conn_send(f.from, msg_signal("/", "a.b", "Still"));
	conn_sync(f.from);
	expect_next(f.to, MSG_SIGNAL, "Still");
	remove_match(f.to, "interface='a.b'");
	conn_send(f.from, msg_signal("/", "a.b", "Gone"));
	conn_sync(f.from);
	expect_quiet(f.to);
	expect_error(driver_call(f.to, "RemoveMatch", "s", "interface='a.b'"), "MatchRuleNotFound");
	fixture_stop(&f);
}

static const struct equality {
	const char *added, *removed;
	bool equal;
} equalities[] = {
	{"type='signal',member='A'", "member='A',type='signal'", true},
	{"type='signal',member='A'", "type=signal, member=A,", true},
	{"arg1='x'", "arg01='x'", true},
	{"member='A'", "member='A',eavesdrop='false'", true},
	{"member='A'", "member='B'", false},
	{"member='A'", "member='A',type='signal'", false},
	{"path='/a'", "path_namespace='/a'", false},
	{"arg0='a'", "arg0path='a'", false},
	{"arg0='a'", "arg0namespace='a'", false},
	{"arg0='a'", "arg1='a'", false},
	{"", "type='signal'", false},
	{"sender=':1.0'", "sender='" NAME "'", false},
	{"arg0='a'", "arg0='a',arg1='a'", false},
};

TEST(rules_are_compared_as_parsed)
{
	struct fixture f = fixture_start(NULL);

	for (size_t i = 0; i < N_OF(equalities); i++) {
		struct msg *reply;

		add_match(f.to, equalities[i].added);
		reply = driver_call(f.to, "RemoveMatch", "s", equalities[i].removed);
		if ((reply->type == MSG_RETURN) != equalities[i].equal)
			fail("%s and %s", equalities[i].added, equalities[i].removed);
		if (equalities[i].equal) {
			expect_return(reply);
			continue;
		}
		expect_error(reply, "MatchRuleNotFound");
		remove_match(f.to, equalities[i].added);
	}
	fixture_stop(&f);
}

TEST(rules_belong_to_one_client)
{
	struct fixture f = fixture_start(NULL);

	add_match(f.to, "interface='a.b'");
	expect_error(driver_call(f.other, "RemoveMatch", "s", "interface='a.b'"),
		     "MatchRuleNotFound");
	fixture_stop(&f);
}

TEST(limit_of_rules)
{
	struct fixture f =
		fixture_start("<limit name=\"max_match_rules_per_connection\">4</limit>");

	for (int i = 0; i < 4; i++)
		add_match(f.to, "interface='a.b'");
	expect_error(driver_call(f.to, "AddMatch", "s", "interface='a.c'"), "LimitsExceeded");
	expect_error(driver_call(f.to, "AddMatch", "s", "nonsense"), "LimitsExceeded");
	add_match(f.other, "interface='a.b'");
	remove_match(f.to, "interface='a.b'");
	add_match(f.to, "interface='a.c'");
	fixture_stop(&f);
}

/* beyond what a kdbus connection takes, and each of them still exact */
TEST(many_rules)
{
	enum { N = 2000 };
	struct fixture f = fixture_start("<limit name=\"max_match_rules_per_connection\">"
					 "10000</limit>");
	char rule[64], member[16];

	for (int i = 0; i < N; i++) {
		sprintf(rule, "interface='a.b',member='M%d'", i);
		conn_send(f.to,
			  msg_flags(msg_append(driver_msg("AddMatch"), "s", rule), MSG_NO_REPLY));
	}
	conn_sync(f.to);
	for (int i = 0; i < N; i += 100) {
		sprintf(member, "M%d", i);
		conn_send(f.from, msg_signal("/", "a.b", member));
		sprintf(member, "M%d", N + i);
		conn_send(f.from, msg_signal("/", "a.b", member));
	}
	conn_sync(f.from);
	for (int i = 0; i < N; i += 100) {
		sprintf(member, "M%d", i);
		expect_next(f.to, MSG_SIGNAL, member);
	}
	expect_quiet(f.to);
	for (int i = 0; i < N; i++) {
		sprintf(rule, "member='M%d',interface='a.b'", i);
		conn_send(f.to, msg_flags(msg_append(driver_msg("RemoveMatch"), "s", rule),
					  MSG_NO_REPLY));
	}
	expect_quiet(f.to);
	conn_send(f.from, msg_signal("/", "a.b", "M0"));
	conn_sync(f.from);
	expect_quiet(f.to);
	fixture_stop(&f);
}
