/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Findings, rule by rule */
#include <string.h>

#include "policy-parser/policy-lint.h"
#include "tests/harness/tap.h"
#include "tests/unit/policy/policy-fixture.h"

#define DEFAULT(rules) "<policy context=\"default\">\n" rules "</policy>\n"
#define RULE(text)     "<" text "/>\n"

struct row {
	const char *body;
	const char
		*expected; /* "KIND LINE", more of them separated by commas; line 1 is the first */
	unsigned flags;
};

static void check(const struct row *rows, size_t n_rows)
{
	for (size_t i = 0; i < n_rows; i++) {
		struct policy_findings findings;
		struct policy *policy = fixture_load(rows[i].body);
		char found[512] = "";

		expect_eq(policy_lint(policy, rows[i].flags, &findings), 0);
		for (size_t k = 0; k < findings.n_findings; k++) {
			unsigned line;

			expect_str(policy_finding_place(policy, &findings.findings[k], &line),
				   "/m.conf");
			sprintf(found + strlen(found), "%s%s %u", k ? "," : "",
				policy_finding_name(findings.findings[k].kind), line - 1);
		}
		if (strcmp(found, rows[i].expected))
			fail("%s\nfinds '%s', not '%s'", rows[i].body, found, rows[i].expected);
		policy_findings_deinit(&findings);
	}
	fixture_reset();
}

#define CHECK(rows) check(rows, sizeof(rows) / sizeof((rows)[0]))

TEST(rules_that_never_match)
{
	static const struct row rows[] = {
		{DEFAULT(RULE("allow own=\"a.b\"") RULE("allow own=\"b-x._b\"") RULE(
			 "allow own_prefix=\"c\"") RULE("allow receive_sender=\":1.5\"")
				 RULE("allow receive_path=\"/\"")
					 RULE("allow receive_path=\"/a/b_1/2\"")
						 RULE("allow receive_interface=\"a.b1\" "
						      "receive_member=\"_M1\"")),
		 ""},
		{DEFAULT(RULE("allow own=\"\"")), "never-matches 1"},
		{DEFAULT(RULE("allow own=\"a\"")), "never-matches 1"},
		{DEFAULT(RULE("allow own=\"a.*\"")), "never-matches 1"},
		{DEFAULT(RULE("allow own=\"a..b\"")), "never-matches 1"},
		{DEFAULT(RULE("allow own=\"a.1b\"")), "never-matches 1"},
		{DEFAULT(RULE("allow own_prefix=\"*\"")), "never-matches 1"},
		{DEFAULT(RULE("allow own_prefix=\"a.\"")), "never-matches 1"},
		{DEFAULT(RULE("allow receive_path=\"a\"")), "never-matches 1"},
		{DEFAULT(RULE("allow receive_path=\"/a/\"")), "never-matches 1"},
		{DEFAULT(RULE("allow receive_interface=\"a\"")), "never-matches 1"},
		{DEFAULT(RULE("allow receive_interface=\"a.b-c\"")), "never-matches 1"},
		{DEFAULT(RULE("allow receive_path=\"/\" receive_member=\"a.b\"")),
		 "never-matches 1"},
		{DEFAULT(RULE("allow receive_error=\"a\"")), "never-matches 1"},
		{DEFAULT(RULE("allow receive_sender=\"a.b\" min_fds=\"2\" max_fds=\"1\"")),
		 "never-matches 1"},
		{DEFAULT(RULE("allow send_broadcast=\"true\" send_type=\"error\"")),
		 "never-matches 1"},
	};

	CHECK(rows);
}

TEST(rules_that_never_decide)
{
	static const struct row rows[] = {
		{DEFAULT(RULE("allow own=\"a.b\"") RULE("deny own=\"a.b\"")), "never-decides 1"},
		{DEFAULT(RULE("allow own=\"a.b\"") RULE("allow own=\"a.c\"")), ""},
		{DEFAULT(RULE("allow own=\"a.b\"") RULE("deny own=\"*\"")), "never-decides 1"},
		{DEFAULT(RULE("deny own=\"*\"") RULE("allow own=\"a.b\"")), ""},
		{DEFAULT(RULE("allow own=\"a.b.c\"") RULE("deny own_prefix=\"a\"")),
		 "never-decides 1"},
		{DEFAULT(RULE("allow own_prefix=\"a.b\"") RULE("deny own_prefix=\"a\"")),
		 "never-decides 1"},
		{DEFAULT(RULE("allow own_prefix=\"a\"") RULE("deny own_prefix=\"a.b\"")), ""},
		{DEFAULT(RULE("allow receive_sender=\"a.b\" receive_type=\"signal\"")
				 RULE("deny receive_sender=\"a.b\"")),
		 "never-decides 1"},
		{DEFAULT(RULE("allow receive_sender=\"a.b\"")
				 RULE("deny receive_sender=\"a.b\" receive_type=\"signal\"")),
		 ""},
		/* a deny with an interface is about messages without one, an allow is not */
		{DEFAULT(RULE("deny receive_interface=\"i.j\"")
				 RULE("allow receive_interface=\"i.j\"")),
		 "denies-no-interface 1"},
		{DEFAULT(RULE("allow receive_interface=\"i.j\" receive_type=\"signal\"")
				 RULE("deny receive_interface=\"i.j\" receive_type=\"signal\"")),
		 "never-decides 1"},
		/* what is no signal is no broadcast */
		{DEFAULT(RULE("allow send_destination=\"a.b\" send_type=\"method_call\"")
				 RULE("allow send_destination=\"a.b\" send_broadcast=\"false\"")),
		 "never-decides 1"},
		{DEFAULT(RULE("deny receive_sender=\"a.b\" min_fds=\"2\" max_fds=\"3\"")
				 RULE("deny receive_sender=\"a.b\" min_fds=\"1\"")),
		 "never-decides 1"},
		{DEFAULT(RULE("deny receive_sender=\"a.b\" max_fds=\"3\"")
				 RULE("deny receive_sender=\"a.b\" min_fds=\"1\"")),
		 ""},
		/* in another section: the mandatory one alone is for everybody */
		{"<policy context=\"mandatory\">\n" RULE("deny own=\"*\"") "</policy>\n" DEFAULT(
			 RULE("allow own=\"a.b\"")),
		 "never-decides 4"},
		{"<policy user=\"alice\">\n" RULE("deny own=\"*\"") "</policy>\n" DEFAULT(
			 RULE("allow own=\"a.b\"")),
		 ""},
		{"<policy user=\"alice\">\n" RULE(
			 "allow own=\"a.b\"") "</policy>\n"
					      "<policy user=\"1001\">\n" RULE(
						      "deny own=\"*\"") "</policy>\n",
		 "never-decides 1"},
	};

	CHECK(rows);
}

TEST(rules_that_open_more_than_they_say)
{
	static const struct row rows[] = {
		{DEFAULT(RULE("allow send_interface=\"i.j\"")), "opens-interface 1"},
		{DEFAULT(RULE("allow send_path=\"/a\" send_member=\"M\"")), "opens-interface 1"},
		{DEFAULT(RULE("allow send_interface=\"i.j\" send_type=\"signal\"")), ""},
		{DEFAULT(RULE("allow send_interface=\"i.j\" send_destination=\"a.b\"")), ""},
		{DEFAULT(RULE("allow send_destination=\"*\"")), ""},
		{DEFAULT(RULE("allow send_destination=\"*\"")), "opens-everything 1",
		 POLICY_LINT_SYSTEM},
		{DEFAULT(RULE("allow send_type=\"method_call\"")), "opens-everything 1",
		 POLICY_LINT_SYSTEM},
		{DEFAULT(RULE("allow send_type=\"signal\"")), "", POLICY_LINT_SYSTEM},
		{DEFAULT(RULE("allow send_requested_reply=\"true\" send_type=\"error\"")), "",
		 POLICY_LINT_SYSTEM},
		{"<policy user=\"root\">\n" RULE("allow send_destination=\"*\"") "</policy>", "",
		 POLICY_LINT_SYSTEM},
		{"<policy user=\"alice\">\n" RULE("allow send_destination=\"*\"") "</policy>",
		 "opens-everything 1", POLICY_LINT_SYSTEM},
	};

	CHECK(rows);
}

TEST(rules_that_deny_more_than_they_say)
{
	static const struct row rows[] = {
		{DEFAULT(RULE("deny send_destination=\"a.b\"")), "denies-broadcasts 1"},
		{DEFAULT(RULE("deny send_destination=\"a.b\" send_type=\"method_call\"")), ""},
		{DEFAULT(RULE("deny send_destination=\"a.b\" send_broadcast=\"false\"")), ""},
		{DEFAULT(RULE("deny send_destination=\"a.b\" send_interface=\"i.j\"")),
		 "denies-no-interface 1"},
		{DEFAULT(RULE("deny send_destination=\"a.b\" send_interface=\"i.j\" "
			      "send_type=\"signal\"")),
		 ""},
	};

	CHECK(rows);
}

/* DIFFERENCES.md: narrow-rules */
TEST(rules_that_look_unconditional_to_others)
{
	static const struct row rows[] = {
		{DEFAULT(RULE("allow send_destination=\"*\"")
				 RULE("deny send_destination=\"*\" min_fds=\"1\"")),
		 "looks-unconditional 2"},
		/* there is nothing to forget */
		{DEFAULT(RULE("deny send_destination=\"*\" min_fds=\"1\"")), ""},
		{DEFAULT(RULE("allow receive_sender=\"a.b\"") RULE("deny eavesdrop=\"true\"")),
		 "looks-unconditional 2"},
		{DEFAULT(RULE("allow receive_sender=\"a.b\"")
				 RULE("deny send_destination=\"*\" send_broadcast=\"true\"")),
		 ""},
		/* the default section is in front of others, whatever the order of the file */
		{"<policy user=\"alice\">\n" RULE("deny eavesdrop=\"true\"") "</policy>\n" DEFAULT(
			 RULE("allow receive_sender=\"*\"")),
		 "looks-unconditional 1"},
		/* unconditional, or as good as that */
		{DEFAULT(RULE("deny receive_sender=\"a.b\"") RULE("allow receive_sender=\"*\"")),
		 ""},
		{DEFAULT(RULE("allow own=\"a.b\"") RULE("deny own=\"*\"")), "never-decides 1"},
	};

	CHECK(rows);
}

TEST(users_and_sections)
{
	static const struct row rows[] = {
		{"<policy user=\"alice\"/>\n<policy group=\"red\"/>\n<policy user=\"4711\"/>\n",
		 ""},
		{"<policy user=\"nosuch\"/>\n<policy user=\"*\"/>\n<policy user=\"-1\"/>\n"
		 "<policy group=\"nosuch\"/>\n",
		 "unknown-user 0,unknown-user 1,unknown-user 2,unknown-group 3"},
		{DEFAULT(RULE("allow user=\"nosuch\"") RULE("deny group=\"nosuch\"")
				 RULE("allow user=\"*\"") RULE("deny group=\"red\"")),
		 "unknown-user 1,unknown-group 2"},
		{"<policy at_console=\"true\">\n" RULE("allow user=\"alice\"") "</policy>",
		 "never-applies 1"},
	};

	CHECK(rows);
}
