/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* proxy/match.h, rules: the grammar that dbus-daemon has */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/match.h"
#include "tests/harness/fault.h"
#include "tests/harness/tap.h"
#include "tests/unit/proxy/rule-text.h"

static char *parse_to_string(const char *text, int *outcome_out, char *reason)
{
	struct match_rule *rule = NULL;
	char *result = NULL;

	*outcome_out = match_rule_parse(text, strlen(text), reason, &rule);
	if (*outcome_out == MATCH_OK)
		result = rule_to_string(rule);
	else
		expect(!rule);
	match_rule_free(rule);
	return result;
}

/* what is accepted, and what it means */
static const struct {
	const char *text, *means;
} good[] = {
	{"", ""},
	{"  \t\r\n", ""},
	{"type='signal'", "type='signal'"},
	{"type=method_call", "type='method_call'"},
	{"type='method_return'", "type='method_return'"},
	{"type='error'", "type='error'"},
	{"type='signal',", "type='signal'"},
	{"type='signal', ", "type='signal'"},
	{"type='signal',  member='x'", "type='signal',member='x'"},
	{"\tmember='x'", "member='x'"},
	{"member ='x'", "member='x'"},
	{"member\r='x'", "member='x'"},
	{"member='a'b", "member='ab'"},
	{"type='sig''nal'", "type='signal'"},
	{"arg0=\\'", "arg0=''\\'''"},
	{"arg0=x\\'y'z,w'", "arg0='x'\\''yz,w'"},
	{"arg0='\\'", "arg0='\\'"},
	{"arg0=\\", "arg0='\\'"},
	{"arg0=\\\\", "arg0='\\\\'"},
	{"arg0=a\\b", "arg0='a\\b'"},
	{"arg0=a\\,b", "arg0='a\\,b'"},
	{"arg0=a\\\\'b'", "arg0='a\\\\b'"},
	{"arg0=a b ", "arg0='a b '"},
	{"arg0= q", "arg0=' q'"},
	{"arg0=''", "arg0=''"},
	{"arg0path=''", "arg0path=''"},
	{"arg00='x'", "arg0='x'"},
	{"arg+1='x'", "arg1='x'"},
	{"arg-0='x'", "arg0='x'"},
	{"arg01path='x'", "arg1path='x'"},
	{"arg63='x'", "arg63='x'"},
	{"arg010='x'", "arg8='x'"},
	{"arg0x3f='x'", "arg63='x'"},
	{"arg2='b',arg1='a',arg0path='/'", "arg0path='/',arg1='a',arg2='b'"},
	{"arg0namespace='foo'", "arg0namespace='foo'"},
	{"arg0namespace='a.b'", "arg0namespace='a.b'"},
	{"arg0namespace=':1'", "arg0namespace=':1'"},
	{"arg0namespace=':1.5'", "arg0namespace=':1.5'"},
	{"sender=':1'", "sender=':1'"},
	{"sender=':'", "sender=':'"},
	{"sender='a.b'", "sender='a.b'"},
	{"destination=':1.x'", "destination=':1.x'"},
	{"path_namespace='/'", "path_namespace='/'"},
	{"path='/a'", "path='/a'"},
	{"interface='org.freedesktop.DBus.Local'", "interface='org.freedesktop.DBus.Local'"},
	{"path='/org/freedesktop/DBus/Local'", "path='/org/freedesktop/DBus/Local'"},
	{"eavesdrop='true'", "eavesdrop='true'"},
	{"eavesdrop='false'", ""},
	{"eavesdrop='true',eavesdrop='false'", ""},
	{"member='x',eavesdrop=true", "member='x',eavesdrop='true'"},
	{"type='signal',sender='a.b',interface='i.i',member='m',path='/p',destination='c.d'",
	 "type='signal',sender='a.b',interface='i.i',member='m',path='/p',destination='c.d'"},
	/* an empty key is the end of the rule */
	{"=", ""},
	{" ='x'", ""},
	{"type='signal',=x,foo=1", "type='signal'"},
	/* and so are sixteen pairs */
	{"arg63=x,arg62=x,arg61=x,arg60=x,arg59=x,arg58=x,arg57=x,arg56=x,arg55=x,arg54=x,arg53=x,"
	 "arg52=x,arg51=x,arg50=x,arg49=x,eavesdrop=false,type='bogus",
	 "arg49='x',arg50='x',arg51='x',arg52='x',arg53='x',arg54='x',arg55='x',arg56='x',"
	 "arg57='x',arg58='x',arg59='x',arg60='x',arg61='x',arg62='x',arg63='x'"},
};

TEST(accepted_rules)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char reason[MATCH_MAX_REASON], *means;
		int outcome;

		means = parse_to_string(good[i].text, &outcome, reason);
		if (outcome != MATCH_OK)
			fail("<%s> is refused: %s", good[i].text, reason);
		if (strcmp(means, good[i].means) != 0)
			fail("<%s> means <%s>, not <%s>", good[i].text, means, good[i].means);
		free(means);
	}
}

static const struct {
	const char *text, *reason;
} bad[] = {
	{"type", "Match rule has a key with no subsequent '=' character"},
	{"'", "Match rule has a key with no subsequent '=' character"},
	{"a b=c", "Match rule has a key with no subsequent '=' character"},
	{"arg 1='x'", "Match rule has a key with no subsequent '=' character"},
	{"type='signal', ,", "Match rule has a key with no subsequent '=' character"},
	{"type='", "Unbalanced quotation marks in match rule"},
	{"foo='x',type='", "Unbalanced quotation marks in match rule"},
	{"arg0=\\\\'", "Unbalanced quotation marks in match rule"},
	{"foo='x'", "Unknown key \"foo\" in match rule"},
	{"Member='x'", "Unknown key \"Member\" in match rule"},
	{"\vmember='x'", "Unknown key \"\vmember\" in match rule"},
	{"type=signal,,member=x", "Unknown key \",member\" in match rule"},
	{",member=x", "Unknown key \",member\" in match rule"},
	{"type''='signal'", "Unknown key \"type''\" in match rule"},
	{"x='y'", "Unknown key \"x\" in match rule"},
	{"type='bogus'", "Invalid message type (bogus) in match rule\n"},
	{"type='invalid'", "Invalid message type (invalid) in match rule\n"},
	{"type='signal' ", "Invalid message type (signal ) in match rule\n"},
	{"type=", "Invalid message type () in match rule\n"},
	{"type='signal',type='bogus'", "Key type specified twice in match rule\n"},
	{"sender='a'", "Sender name 'a' is invalid\n"},
	{"sender=''", "Sender name '' is invalid\n"},
	{"interface='x'", "Interface name 'x' is invalid\n"},
	{"member='a.b'", "Member name 'a.b' is invalid\n"},
	{"member= 'x'", "Member name ' x' is invalid\n"},
	{"member='x' ,type='signal'", "Member name 'x ' is invalid\n"},
	{"path='x'", "Path 'x' is invalid\n"},
	{"path_namespace='/a/'", "Path '/a/' is invalid\n"},
	{"path='/a',path='/b'", "path or path_namespace specified twice in match rule\n"},
	{"path='/a',path_namespace='x'", "path or path_namespace specified twice in match rule\n"},
	{"path_namespace='/a',path='/b'", "path or path_namespace specified twice in match rule\n"},
	{"destination='x'", "Destination name 'x' is invalid\n"},
	{"eavesdrop='x'", "eavesdrop='x' is invalid, it should be 'true' or 'false'\n"},
	{"eavesdrop='bogus',eavesdrop='true'",
	 "eavesdrop='bogus' is invalid, it should be 'true' or 'false'\n"},
	{"arg='x'", "Key 'arg' in match rule starts with 'arg' but lacks an arg number. Should be "
		    "'arg0' or 'arg7' for example.\n"},
	{"argx='x'", "Key 'argx' in match rule starts with 'arg' but could not parse arg number. "
		     "Should be 'arg0' or 'arg7' for example.\n"},
	{"arg18446744073709551616='x'",
	 "Key 'arg18446744073709551616' in match rule starts with 'arg' but could not parse arg "
	 "number. Should be 'arg0' or 'arg7' for example.\n"},
	{"arg08='x'", "Key 'arg08' in match rule contains junk after argument number (0). Only "
		      "'arg0path' (for example) or 'arg0namespace' are valid"},
	{"arg00namespace='a'", "Key 'arg00namespace' in match rule contains junk after argument "
			       "number (0). Only 'arg0path' (for example) or 'arg0namespace' are "
			       "valid"},
	{"arg0100='x'", "Key 'arg0100' in match rule has arg number 64 but the maximum is 63.\n"},
	{"arg64='x'", "Key 'arg64' in match rule has arg number 64 but the maximum is 63.\n"},
	{"arg-1='x'", "Key 'arg-1' in match rule has arg number 18446744073709551615 but the "
		      "maximum is 63.\n"},
	{"arg0foo='x'", "Key 'arg0foo' in match rule contains junk after argument number (0). Only "
			"'arg0path' (for example) or 'arg0namespace' are valid"},
	{"arg1namespace='x'", "Key 'arg1namespace' in match rule contains junk after argument "
			      "number (1). Only 'arg1path' (for example) or 'arg0namespace' are "
			      "valid"},
	{"arg0namespace='a..b'", "arg0namespace='a..b' is not a valid prefix of a bus name"},
	{"arg0namespace=''", "arg0namespace='' is not a valid prefix of a bus name"},
	{"arg0='x',arg0='y'", "Argument arg0 matched more than once in match rule\n"},
	{"arg1='x',arg01='y'", "Argument arg01 matched more than once in match rule\n"},
	{"arg1path='x',arg1='y'", "Argument arg1 matched more than once in match rule\n"},
	{"arg0='x',arg0namespace='y'",
	 "Argument arg0namespace matched more than once in match rule\n"},
	{"arg0namespace='a',arg0path='y'",
	 "Argument arg0path matched more than once in match rule\n"},
	{"arg0='x',arg0namespace='..'", "arg0namespace='..' is not a valid prefix of a bus name"},
};

TEST(refused_rules)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char reason[MATCH_MAX_REASON] = "", *means;
		int outcome;

		means = parse_to_string(bad[i].text, &outcome, reason);
		if (outcome != MATCH_INVALID)
			fail("<%s> is accepted as <%s>", bad[i].text, means ? means : "");
		if (strcmp(reason, bad[i].reason) != 0)
			fail("<%s>: <%s>, not <%s>", bad[i].text, reason, bad[i].reason);
	}
}

TEST(a_rule_has_1024_bytes)
{
	char text[MATCH_MAX_TEXT + 2], reason[MATCH_MAX_REASON];
	struct match_rule *rule;

	memset(text, 'x', sizeof(text));
	memcpy(text, "arg0=", 5);
	expect_eq(match_rule_parse(text, MATCH_MAX_TEXT, reason, &rule), MATCH_OK);
	match_rule_free(rule);
	expect_eq(match_rule_parse(text, MATCH_MAX_TEXT + 1, reason, &rule), MATCH_TOO_LONG);
	expect_str(reason, "Match rule text is 1025 bytes, maximum is 1024");
	/* all of it in a reason, and all of it quoted in a text */
	text[0] = 'b';
	expect_eq(match_rule_parse(text, MATCH_MAX_TEXT, reason, &rule), MATCH_INVALID);
	for (size_t i = 5; i + 1 < MATCH_MAX_TEXT; i += 2)
		memcpy(text + i, "\\'", 2);
	text[0] = 'a';
	expect_eq(match_rule_parse(text, MATCH_MAX_TEXT - 1, reason, &rule), MATCH_OK);
	match_rule_free(rule);
}

static struct match_rule *must_parse(const char *text)
{
	char reason[MATCH_MAX_REASON];
	struct match_rule *rule;

	if (match_rule_parse(text, strlen(text), reason, &rule))
		fail("<%s>: %s", text, reason);
	return rule;
}

TEST(rules_are_compared_by_what_they_mean)
{
	static const struct {
		const char *a, *b;
		bool equal;
	} cases[] = {
		{"type='signal',member='M'", "member=M , type='signal'", false},
		{"type='signal',member='M'", "member=M, type='signal'", true},
		{"eavesdrop='false'", "", true},
		{"eavesdrop='true'", "", false},
		{"path='/a'", "path_namespace='/a'", false},
		{"arg0='/a'", "arg0path='/a'", false},
		{"arg0='a'", "arg0namespace='a'", false},
		{"arg0='a'", "arg1='a'", false},
		{"arg0='a'", "arg0='b'", false},
		{"arg0='a'", "arg0='a',arg1='b'", false},
		{"arg01='a'", "arg1=a", true},
		{"arg1='bc',arg0='a'", "arg1='c',arg0='ab'", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char reason[MATCH_MAX_REASON];
		struct match_rule *a = must_parse(cases[i].a), *b;

		if (match_rule_parse(cases[i].b, strlen(cases[i].b), reason, &b) == MATCH_OK) {
			if (rule_equals(a, b) != cases[i].equal)
				fail("<%s> and <%s>", cases[i].a, cases[i].b);
			match_rule_free(b);
		} else {
			expect(!cases[i].equal);
		}
		match_rule_free(a);
	}
}

TEST(text_of_a_rule_is_an_equal_rule)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct match_rule *rule = must_parse(good[i].text), *again;
		char *text;

		text = rule_to_string(rule);
		again = must_parse(text);
		if (!rule_equals(rule, again))
			fail("<%s> and <%s>", good[i].text, text);
		free(text);
		match_rule_free(rule);
		match_rule_free(again);
	}
}

TEST(forgotten_eavesdropping)
{
	struct match_rule *rule = must_parse("member='M',eavesdrop='true'");
	struct match_rule *other = must_parse("member='M'");

	match_rule_clear_eavesdropping(rule);
	expect(rule_equals(rule, other));
	match_rule_free(rule);
	match_rule_free(other);
}

TEST(what_a_rule_could_see)
{
	static const struct {
		const char *text;
		unsigned wants;
	} cases[] = {
		{"", MATCH_WANTS_SIGNALS | MATCH_WANTS_NOTIFICATIONS},
		{"type='signal'", MATCH_WANTS_SIGNALS | MATCH_WANTS_NOTIFICATIONS},
		{"type='error'", 0},
		{"destination='a.b'", 0},
		{"sender='org.freedesktop.DBus'", MATCH_WANTS_NOTIFICATIONS},
		{"sender='org.freedesktop.DBus',member='NameLost'", 0},
		{"sender='org.freedesktop.DBus',interface='a.b'", 0},
		{"sender='org.freedesktop.DBus',path='/'", 0},
		{"sender='org.freedesktop.DBus',arg3='x'", 0},
		{"sender='org.freedesktop.DBus',arg2=''", MATCH_WANTS_NOTIFICATIONS},
		{"sender='org.freedesktop.DBus',arg0namespace='a'", MATCH_WANTS_NOTIFICATIONS},
		{"path_namespace='/org'", MATCH_WANTS_SIGNALS | MATCH_WANTS_NOTIFICATIONS},
		{"member='NameOwnerChanged'", MATCH_WANTS_SIGNALS | MATCH_WANTS_NOTIFICATIONS},
		{"sender=':1.1'", MATCH_WANTS_SIGNALS},
		{"sender='a.b'", MATCH_WANTS_SIGNALS},
		{"interface='a.b'", MATCH_WANTS_SIGNALS},
		{"path='/a'", MATCH_WANTS_SIGNALS},
		{"arg5path='/a'", MATCH_WANTS_SIGNALS},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct match_rule *rule = must_parse(cases[i].text);

		if (match_rule_wants(rule) != cases[i].wants)
			fail("<%s>: %u", cases[i].text, match_rule_wants(rule));
		match_rule_free(rule);
	}
}

TEST(out_of_memory)
{
	const char *text = "member='M',arg0='x'";
	char reason[MATCH_MAX_REASON];
	struct match_rule *rule = NULL;

	fault_at(1);
	expect_eq(match_rule_parse(text, strlen(text), reason, &rule), -ENOMEM);
	expect(fault_disarm());
	expect(!rule);
}
