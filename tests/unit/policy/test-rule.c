/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <allow> and <deny>
 *
 * The verdicts are those of dbus-daemon 1.14.10; test-config-reference.py asks
 * the one that is installed about every pair of attributes.
 */
#include <stdio.h>
#include <string.h>

#include "policy-parser/config-xml.h"
#include "policy-parser/rule-parse.h"
#include "tests/harness/tap.h"
#include "tests/unit/policy/dump.h"
#include "tests/unit/policy/memory-files.h"

struct row {
	const char *element;
	const char *expected; /* the dump of the rule, or a part of the error */
};

static void load(const char *element, int expected, struct config **config,
		 struct config_messages *messages)
{
	char body[1024];
	int r;

	snprintf(body, sizeof(body), "<policy context=\"default\">%s</policy>", element);
	*config = NULL;
	r = memory_load_body(body, config, messages);
	if (r != expected)
		fail("%s: %d (%s)", element, r,
		     messages->n_items ? messages->items[0].text : "no message");
}

static void check_good(const struct row *rows, size_t n_rows)
{
	for (size_t i = 0; i < n_rows; i++) {
		struct config_messages messages = CONFIG_MESSAGES_NULL;
		struct config *config;

		load(rows[i].element, 0, &config, &messages);
		expect_eq(config->policy.n_rules, 1);
		if (strcmp(rule_dump(config->policy.rules), rows[i].expected))
			fail("%s gives '%s', not '%s'", rows[i].element,
			     rule_dump(config->policy.rules), rows[i].expected);
		config_free(config);
		config_messages_deinit(&messages);
	}
}

static void check_bad(const struct row *rows, size_t n_rows)
{
	for (size_t i = 0; i < n_rows; i++) {
		struct config_messages messages = CONFIG_MESSAGES_NULL;
		struct config *config;

		load(rows[i].element, CONFIG_REFUSED, &config, &messages);
		expect_eq(messages.n_items, 1);
		if (!strstr(messages.items[0].text, rows[i].expected))
			fail("%s says '%s', not '%s'", rows[i].element, messages.items[0].text,
			     rows[i].expected);
		config_messages_deinit(&messages);
	}
}

#define CHECK(which, rows) check_##which(rows, sizeof(rows) / sizeof((rows)[0]))

TEST(own_user_and_group)
{
	static const struct row rows[] = {
		{"<allow own=\"a.b\"/>", "allow own name=a.b"},
		{"<deny own=\"a.b\"/>", "deny own name=a.b"},
		{"<allow own=\"*\"/>", "allow own"},
		{"<allow own=\"\"/>", "allow own name="},
		{"<allow own_prefix=\"a.b\"/>", "allow own prefix=a.b"},
		{"<allow own_prefix=\"*\"/>", "allow own prefix=*"},
		{"<allow own_prefix=\"\"/>", "allow own prefix="},
		{"<allow user=\"*\"/>", "allow user"},
		{"<allow user=\"root\"/>", "allow user name=root"},
		{"<deny user=\"0\"/>", "deny user name=0"},
		{"<allow user=\"nosuchuser\"/>", "allow user name=nosuchuser"},
		{"<allow user=\"\"/>", "allow user name="},
		{"<deny group=\"*\"/>", "deny group"},
		{"<allow group=\"staff\"/>", "allow group name=staff"},
		{"<allow own=\"a.b\"> \n\t</allow>", "allow own name=a.b"},
	};

	CHECK(good, rows);
}

TEST(constraints_on_messages)
{
	static const struct row rows[] = {
		{"<allow send_destination=\"a.b\"/>", "allow send name=a.b"},
		{"<allow send_destination=\"*\"/>", "allow send"},
		{"<allow send_destination=\"a.*\"/>", "allow send name=a.*"},
		{"<allow send_destination_prefix=\"a\"/>", "allow send prefix=a"},
		{"<allow send_destination_prefix=\"*\"/>", "allow send prefix=*"},
		{"<allow send_interface=\"a..b\"/>", "allow send interface=a..b"},
		{"<deny send_interface=\"i\" send_member=\"m\"/>",
		 "deny send interface=i member=m"},
		{"<deny send_path=\"x\" send_member=\"m\"/>", "deny send path=x member=m"},
		{"<deny send_interface=\"*\" send_member=\"m\"/>", "deny send member=m"},
		{"<deny send_path=\"*\" send_member=\"*\"/>", "deny send"},
		{"<allow send_error=\"e\"/>", "allow send error=e"},
		{"<allow send_error=\"e\" send_path=\"/\"/>", "allow send path=/ error=e"},
		{"<allow send_error=\"e\" send_type=\"signal\"/>",
		 "allow send type=signal error=e"},
		{"<allow send_type=\"method_call\"/>", "allow send type=method_call"},
		{"<allow send_type=\"method_return\"/>", "allow send type=method_return"},
		{"<allow send_type=\"error\"/>", "allow send type=error"},
		{"<allow send_type=\"signal\"/>", "allow send type=signal"},
		{"<allow send_type=\"*\"/>", "allow send"},
		{"<allow send_requested_reply=\"true\"/>", "allow send requested_reply=true"},
		{"<allow send_requested_reply=\"false\"/>", "allow send requested_reply=false"},
		{"<allow send_broadcast=\"true\"/>", "allow send broadcast=true"},
		{"<allow send_broadcast=\"false\" send_destination=\"a.b\"/>",
		 "allow send name=a.b broadcast=false"},
		{"<allow send_broadcast=\"true\" send_destination=\"*\"/>",
		 "allow send broadcast=true"},
		{"<allow send_broadcast=\"true\" send_destination_prefix=\"a\"/>",
		 "allow send prefix=a broadcast=true"},
		{"<allow send_broadcast=\"true\" send_type=\"method_call\"/>",
		 "allow send type=method_call broadcast=true"},
		{"<allow receive_sender=\"a.b\"/>", "allow receive name=a.b"},
		{"<allow receive_sender=\"*\"/>", "allow receive"},
		{"<allow receive_interface=\"i\" receive_member=\"m\" receive_path=\"/\" "
		 "receive_type=\"signal\" receive_requested_reply=\"true\"/>",
		 "allow receive type=signal path=/ interface=i member=m requested_reply=true"},
		{"<deny receive_error=\"e\" receive_sender=\"s\"/>", "deny receive name=s error=e"},
	};

	CHECK(good, rows);
}

TEST(modifiers)
{
	static const struct row rows[] = {
		{"<allow eavesdrop=\"true\"/>", "allow receive eavesdrop=true"},
		{"<deny eavesdrop=\"false\"/>", "deny receive eavesdrop=false"},
		{"<allow eavesdrop=\"true\" min_fds=\"1\"/>",
		 "allow receive eavesdrop=true min_fds=1"},
		{"<allow send_destination=\"*\" eavesdrop=\"true\"/>", "allow send eavesdrop=true"},
		{"<deny send_destination=\"*\" min_fds=\"1\" max_fds=\"5\"/>",
		 "deny send min_fds=1 max_fds=5"},
		{"<deny receive_sender=\"*\" min_fds=\"0x10\"/>", "deny receive min_fds=16"},
		{"<deny send_type=\"*\" min_fds=\" 012x\"/>", "deny send min_fds=10"},
		{"<deny send_type=\"*\" min_fds=\"5\" max_fds=\"2\"/>",
		 "deny send min_fds=5 max_fds=2"},
		{"<deny send_type=\"*\" min_fds=\"33554432\"/>", "deny send min_fds=33554432"},
		{"<deny send_type=\"*\" max_fds=\"33554432\"/>", "deny send"},
		{"<deny send_type=\"*\" max_fds=\"0\"/>", "deny send max_fds=0"},
		{"<allow send_destination=\"a\" log=\"true\"/>", "allow send name=a log"},
		{"<allow send_destination=\"a\" log=\"false\"/>", "allow send name=a"},
		{"<allow send_destination=\"a\" log=\"x\"/>", "allow send name=a"},
		{"<deny own=\"a\" log=\"true\"/>", "deny own name=a log"},
		{"<allow user=\"root\" log=\"true\"/>", "allow user name=root log"},
	};

	CHECK(good, rows);
}

TEST(no_attribute_that_makes_a_rule)
{
	static const struct row rows[] = {
		{"<allow/>", "no attribute"},
		{"<deny/>", "no attribute"},
		{"<allow min_fds=\"1\"/>", "no attribute"},
		{"<allow max_fds=\"1\"/>", "no attribute"},
		{"<allow log=\"true\"/>", "no attribute"},
		{"<allow min_fds=\"1\" max_fds=\"2\" log=\"true\"/>", "no attribute"},
	};

	CHECK(bad, rows);
}

TEST(attributes_that_do_not_go_together)
{
	static const struct row rows[] = {
		{"<allow own=\"a\" own_prefix=\"b\"/>", "own, own_prefix"},
		{"<allow own=\"a\" user=\"b\"/>", "own, own_prefix"},
		{"<allow user=\"a\" group=\"b\"/>", "own, own_prefix"},
		{"<allow own=\"a\" send_type=\"signal\"/>", "own, own_prefix"},
		{"<allow own_prefix=\"a\" receive_type=\"signal\"/>", "own, own_prefix"},
		{"<allow own=\"a\" min_fds=\"1\"/>", "own, own_prefix"},
		{"<allow user=\"*\" max_fds=\"1\"/>", "own, own_prefix"},
		{"<allow group=\"*\" eavesdrop=\"true\"/>", "own, own_prefix"},
		{"<allow send_type=\"signal\" receive_type=\"signal\"/>", "of receiving"},
		{"<allow send_member=\"m\"/>", "send_member needs"},
		{"<allow send_member=\"*\"/>", "send_member needs"},
		{"<allow send_member=\"m\" send_destination=\"a\"/>", "send_member needs"},
		{"<allow receive_member=\"m\" receive_sender=\"a\"/>", "receive_member needs"},
		{"<allow send_interface=\"i\" send_error=\"*\"/>", "send_error does not"},
		{"<allow send_interface=\"*\" send_error=\"e\"/>", "send_error does not"},
		{"<allow send_error=\"*\" send_member=\"*\" send_path=\"*\"/>",
		 "send_error does not"},
		{"<allow receive_error=\"e\" receive_interface=\"i\"/>", "receive_error does not"},
		{"<allow send_destination=\"a\" send_destination_prefix=\"a\"/>",
		 "send_destination_prefix"},
		{"<allow send_destination=\"*\" send_destination_prefix=\"*\"/>",
		 "send_destination_prefix"},
		{"<allow send_broadcast=\"true\" send_destination=\"a.b\"/>", "never match"},
	};

	CHECK(bad, rows);
}

TEST(values_that_are_none)
{
	static const struct row rows[] = {
		{"<allow send_broadcast=\"yes\"/>", "send_broadcast is"},
		{"<allow send_broadcast=\"\"/>", "send_broadcast is"},
		{"<allow eavesdrop=\"yes\" send_type=\"signal\"/>", "eavesdrop is"},
		{"<allow send_requested_reply=\"1\"/>", "send_requested_reply is"},
		{"<allow receive_requested_reply=\"True\"/>", "receive_requested_reply is"},
		{"<allow send_type=\"bogus\"/>", "send_type: \"bogus\""},
		{"<allow send_type=\"\"/>", "send_type: \"\""},
		{"<allow send_type=\"Signal\"/>", "\"Signal\" is not a type"},
		{"<allow receive_type=\"invalid\"/>", "\"invalid\" is not a type"},
		{"<allow receive_type=\"1\"/>", "\"1\" is not a type"},
		{"<allow send_destination=\"*\" min_fds=\"-1\"/>", "min_fds is a number"},
		{"<allow send_destination=\"*\" min_fds=\"x\"/>", "min_fds is a number"},
		{"<allow send_destination=\"*\" min_fds=\"\"/>", "min_fds is a number"},
		{"<allow send_destination=\"*\" min_fds=\"33554433\"/>", "0 to 33554432"},
		{"<allow send_destination=\"*\" max_fds=\"-1\"/>", "max_fds is a number"},
		{"<allow send_destination=\"*\" max_fds=\"99999999999999999999\"/>",
		 "max_fds is a number"},
		{"<allow bogus=\"x\"/>", "unknown attribute \"bogus\""},
		{"<deny own=\"a.b\" bogus=\"x\"/>", "unknown attribute \"bogus\""},
		{"<allow send_max_fds=\"1\"/>", "unknown attribute"},
		{"<allow max_unix_fds=\"1\" send_type=\"signal\"/>", "unknown attribute"},
		{"<allow send_sender=\"x\"/>", "unknown attribute"},
		{"<allow receive_destination=\"x\"/>", "unknown attribute"},
		{"<allow context=\"default\"/>", "unknown attribute"},
		{"<allow own=\"a.b\">text</allow>", "no text"},
		{"<allow own=\"a.b\"><x/></allow>", "unknown element"},
		{"<allow own=\"a.b\"><deny own=\"c\"/></allow>", "not allowed in <allow>"},
	};

	CHECK(bad, rows);
}

TEST(who_may_connect_is_no_matter_of_users_and_groups)
{
	static const struct {
		const char *section;
		int expected;
		size_t n_messages;
	} rows[] = {
		{"context=\"default\"", 0, 0},
		{"context=\"mandatory\"", 0, 0},
		{"user=\"root\"", CONFIG_REFUSED, 2},
		{"group=\"root\"", CONFIG_REFUSED, 2},
		{"user=\"nosuchuser\"", CONFIG_REFUSED, 2},
		{"at_console=\"true\"", 0, 2},
		{"at_console=\"false\"", 0, 2},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config_messages messages = CONFIG_MESSAGES_NULL;
		struct config *config = NULL;
		char body[256];

		snprintf(body, sizeof(body),
			 "<policy %s><allow user=\"*\"/><deny group=\"x\"/></policy>",
			 rows[i].section);
		expect_eq(memory_load_body(body, &config, &messages), rows[i].expected);
		expect_eq(messages.n_items, rows[i].n_messages);
		config_free(config);
		config_messages_deinit(&messages);
	}
}

TEST(equal_strings_have_equal_addresses)
{
	struct config_messages messages = CONFIG_MESSAGES_NULL;
	struct config *config;
	struct policy_rule *rules;

	load("<allow send_destination=\"a.b\"/><allow own=\"a.b\"/>"
	     "<allow send_interface=\"a.b\" send_member=\"a.b\"/><allow own=\"a.c\"/>",
	     0, &config, &messages);
	rules = config->policy.rules;
	expect(rules[0].name == rules[1].name);
	expect(rules[0].name == rules[2].interface);
	expect(rules[0].name == rules[2].member);
	expect(rules[0].name != rules[3].name);
	config_free(config);
}

/* the size is what ten thousands of rules cost */
TEST(a_rule_is_small)
{
	expect_le(sizeof(struct policy_rule), 64);
}
