/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Identities are shared and counted; ludicrous policies; memory that runs out */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy-parser/policy-compile.h"
#include "policy-parser/policy-diff.h"
#include "policy-parser/policy-explain.h"
#include "policy-parser/policy-lint.h"
#include "proxy/base/creds.h"
#include "tests/harness/fault.h"
#include "tests/harness/tap.h"
#include "tests/unit/policy/memory-files.h"
#include "tests/unit/policy/policy-fixture.h"

static struct policy_identity *get(struct policy *policy, uint32_t uid, uint32_t gid)
{
	struct creds creds = CREDS_NULL;
	struct policy_identity *identity;

	creds.uid = uid;
	creds.n_groups = gid ? 1 : 0;
	creds.groups = &gid;
	expect_eq(policy_identity_get(policy, &creds, &identity), 0);
	return identity;
}

TEST(those_to_whom_the_same_applies_share_one)
{
	struct policy *policy =
		fixture_load("<policy context=\"default\"><allow own=\"a.b\"/></policy>"
			     "<policy user=\"alice\"><allow own=\"a.c\"/></policy>"
			     "<policy group=\"red\"><allow own=\"a.d\"/></policy>"
			     "<policy at_console=\"true\"><allow own=\"a.e\"/></policy>");
	struct policy_identity *nobody = get(policy, 1, 0), *other = get(policy, 2, 2002);
	struct policy_identity *alice = get(policy, 1001, 0), *red = get(policy, 2, 2001);
	struct policy_identity *seated = get(policy, 2000, 0);
	struct policy_identity *again = get(policy, 1001, 0);

	expect(nobody == other);
	expect(alice == again);
	expect(alice != nobody && red != nobody && seated != nobody && red != alice);
	policy_identity_unref(alice);
	expect(policy_may_own(again, "a.c", NULL));
	expect(!policy_may_own(red, "a.c", NULL));
	expect(policy_may_own(red, "a.d", NULL));
	policy_identity_unref(again);
	policy_identity_unref(nobody);
	policy_identity_unref(other);
	policy_identity_unref(red);
	policy_identity_unref(seated);
	fixture_reset();
}

TEST(to_whom_everything_is_allowed)
{
	static const struct {
		const char *body;
		bool sends, receives;
	} rows[] = {
		{"<allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/>",
		 true, true},
		/* a deny that is overridden, and one that is not */
		{"<deny send_interface=\"i.j\"/><allow send_destination=\"*\" eavesdrop=\"true\"/>",
		 true, false},
		{"<allow send_destination=\"*\" eavesdrop=\"true\"/><deny send_interface=\"i.j\"/>",
		 false, false},
		{"<allow send_destination=\"*\" eavesdrop=\"true\"/><deny "
		 "send_destination=\"a.b\"/>",
		 false, false},
		/* not what nobody asked for; not without a word in the log; not by default */
		{"<allow send_destination=\"*\"/>", false, false},
		{"<allow send_destination=\"*\" eavesdrop=\"true\" log=\"true\"/>", false, false},
		{"<deny send_destination=\"*\" eavesdrop=\"true\"/>", false, false},
		{"", false, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct policy_identity *identity;
		char body[512];

		snprintf(body, sizeof(body), "<policy context=\"default\">%s</policy>",
			 rows[i].body);
		identity = get(fixture_load(body), 1, 0);
		expect_eq(policy_allows_all(identity, POLICY_RULE_SEND), rows[i].sends);
		expect_eq(policy_allows_all(identity, POLICY_RULE_RECEIVE), rows[i].receives);
		policy_identity_unref(identity);
		fixture_reset();
	}
}

TEST(an_identity_keeps_its_policy)
{
	struct config_messages messages = CONFIG_MESSAGES_NULL;
	struct policy_identity *identity;
	struct config *config;
	struct policy *policy;

	expect_eq(memory_load_body("<policy context=\"default\"><allow own=\"*\"/></policy>",
				   &config, &messages),
		  0);
	expect_eq(policy_new(&config->policy, fixture_users(), UINT32_MAX, &policy), 0);
	fixture_reset();
	identity = get(policy, 1, 0);
	policy_unref(policy);
	expect(policy_may_own(identity, "a.b", NULL));
	policy_identity_unref(identity);
	config_free(config);
}

TEST(unresolved_names_are_listed)
{
	struct policy *policy = fixture_load(
		"<policy user=\"nosuch\"><allow own=\"a.b\"/></policy>"
		"<policy user=\"alice\"><allow own=\"a.b\"/></policy>"
		"<policy group=\"nogroup\"><allow own=\"a.b\"/></policy>"
		"<policy context=\"default\"><allow user=\"nouser\"/><allow user=\"bob\"/>"
		"<deny group=\"none\"/><allow user=\"77\"/></policy>");
	static const struct {
		const char *name;
		bool is_group;
	} expected[] = {{"nosuch", false}, {"nogroup", true}, {"nouser", false}, {"none", true}};
	size_t position = 0;
	bool is_group;

	for (unsigned i = 0; i < 4; i++) {
		expect_str(policy_next_unresolved(policy, &position, &is_group), expected[i].name);
		expect_eq(is_group, expected[i].is_group);
	}
	expect_str(policy_next_unresolved(policy, &position, &is_group), NULL);
	expect(policy_has_unresolved(policy));
	fixture_reset();
}

/* that there are none is known at once, and whether it matters who is in which group */
TEST(what_a_policy_asks_of_peers)
{
	static const struct {
		const char *text;
		bool has_unresolved, asks_groups;
	} cases[] = {
		{"", false, false},
		{"<policy user=\"alice\"><allow own=\"a.b\"/></policy>", false, false},
		{"<policy user=\"nosuch\"><allow own=\"a.b\"/></policy>", true, false},
		{"<policy group=\"77\"><allow own=\"a.b\"/></policy>", false, true},
		{"<policy group=\"nogroup\"><allow own=\"a.b\"/></policy>", true, false},
		{"<policy context=\"default\"><allow user=\"alice\"/></policy>", false, false},
		{"<policy context=\"default\"><allow group=\"*\"/></policy>", false, true},
		{"<policy context=\"default\"><deny group=\"77\"/></policy>", false, true},
		{"<policy context=\"default\"><deny group=\"none\"/></policy>", true, false},
		{"<policy context=\"mandatory\"><deny group=\"77\"/></policy>", false, true},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct policy *policy = fixture_load(cases[i].text);

		if (policy_has_unresolved(policy) != cases[i].has_unresolved ||
		    policy_asks_groups(policy) != cases[i].asks_groups)
			fail("%s: %d %d", cases[i].text, policy_has_unresolved(policy),
			     policy_asks_groups(policy));
		fixture_reset();
	}
}

/* MANY */

#define N_RULES	     100000
#define N_IDENTITIES 1000

/* names from a few thousand, in sections for a thousand users */
static struct policy_rules many_rules(void)
{
	struct policy_rules rules = {
		.sections = calloc(N_IDENTITIES + 1, sizeof(*rules.sections)),
		.n_sections = N_IDENTITIES + 1,
		.rules = calloc(N_RULES, sizeof(*rules.rules)),
		.n_rules = N_RULES,
	};
	const uint32_t n_default = N_RULES / 2;
	const uint32_t n_each = (N_RULES - n_default) / N_IDENTITIES;

	expect(rules.sections && rules.rules);
	rules.sections[0] = (struct policy_section){
		.kind = POLICY_SECTION_DEFAULT, .file = "many", .n_rules = n_default};
	for (uint32_t i = 1; i <= N_IDENTITIES; i++) {
		char *name = malloc(16);

		expect(name != NULL);
		sprintf(name, "%u", 10000 + i);
		rules.sections[i] = (struct policy_section){
			.kind = POLICY_SECTION_USER,
			.name = name,
			.file = "many",
			.first_rule = n_default + (i - 1) * n_each,
			.n_rules = n_each,
		};
	}
	for (uint32_t i = 0; i < N_RULES; i++) {
		char *name = malloc(32);

		expect(name != NULL);
		sprintf(name, "com.example.n%u", i % 20000);
		rules.rules[i] = (struct policy_rule){
			.section = i < n_default ? 0 : 1 + (i - n_default) / n_each,
			.line = i,
			.kind = i % 7 ? POLICY_RULE_SEND : POLICY_RULE_OWN,
			.is_allow = i % 3,
			.is_prefix = i % 7 && !(i % 11),
			.max_fds = POLICY_MAX_FDS,
			.name = name,
			.interface = i % 7 && i % 5 ? "com.example.I" : NULL,
		};
	}
	return rules;
}

static const char *one_name(void *userdata, void **position)
{
	if (*position)
		return NULL;
	*position = userdata;
	return userdata;
}

TEST_TIMEOUT(many_rules_and_identities, 60)
{
	struct policy_rules rules = many_rules();
	struct policy_identity *identities[N_IDENTITIES];
	struct policy_peer peer = {
		.unique_name = ":1.1", .next_name = one_name, .userdata = "com.example.n77"};
	struct policy *policy;
	unsigned n_allowed = 0;

	expect_eq(policy_new(&rules, fixture_users(), UINT32_MAX, &policy), 0);
	for (unsigned i = 0; i < N_IDENTITIES; i++)
		identities[i] = get(policy, 10001 + i, 0);
	for (unsigned i = 0; i < 1000000; i++) {
		struct policy_message message = {
			.type = 1, .interface = "com.example.I", .destination = "com.example.n77"};

		n_allowed += policy_may_send(identities[i % N_IDENTITIES], &message, &peer, NULL);
	}
	expect_gt(n_allowed, 0u);
	for (unsigned i = 0; i < N_IDENTITIES; i++)
		policy_identity_unref(identities[i]);
	policy_unref(policy);
	fixture_reset();
	for (unsigned i = 0; i < N_RULES; i++)
		free((char *)rules.rules[i].name);
	for (unsigned i = 1; i <= N_IDENTITIES; i++)
		free((char *)rules.sections[i].name);
	free(rules.rules);
	free(rules.sections);
}

/* MEMORY THAT RUNS OUT */

static const char body[] =
	"<policy context=\"default\">"
	"<allow user=\"*\"/><deny group=\"red\"/><allow own_prefix=\"com.a\"/>"
	"<allow send_destination=\"com.a\"/><allow receive_sender=\"*\"/>"
	"<deny send_destination=\"com.a.b\" send_interface=\"i.j\" send_member=\"M\"/>"
	"<allow send_interface=\"i.j\"/>"
	"</policy>"
	"<policy user=\"alice\"><allow own=\"com.b\"/></policy>"
	"<policy user=\"nosuch\"><deny own=\"com.b\"/></policy>"
	"<policy group=\"red\"><allow send_destination=\"com.b\"/></policy>";

static int ask_everything(const struct config *config)
{
	__cleanup(policy_users_unrefp) struct policy_users *users = NULL;
	__cleanup(policy_unrefp) struct policy *policy = NULL;
	__cleanup(policy_unrefp) struct policy *empty = NULL;
	__cleanup(policy_identity_unrefp) struct policy_identity *identity = NULL;
	__cleanup(policy_grants_freep) struct policy_grants *grants = NULL;
	__cleanup(policy_plan_freep) struct policy_plan *plan = NULL;
	__cleanup(policy_findings_deinit) struct policy_findings findings = POLICY_FINDINGS_NULL;
	__cleanup(policy_differences_deinit) struct policy_differences differences =
		POLICY_DIFFERENCES_NULL;
	__cleanup(policy_explanation_deinit) struct policy_explanation explanation =
		POLICY_EXPLANATION_NULL;
	__cleanup(policy_query_deinit) struct policy_query query = POLICY_QUERY_NULL;
	static const char passwd[] = "alice:x:1001:2001::/:\n", group[] = "red:x:2001:alice\n";
	static const char *const words[] = {"message", "sender-user=alice", "sender-names=a.b,c.d",
					    "receiver-user=1", "receiver-groups=red,2"};
	static const struct policy_rules no_rules = {NULL, 0, NULL, 0};
	struct policy_question question = {.kind = POLICY_RULE_SEND};
	uint32_t gid = 2001;
	struct creds creds = {.uid = 1001, .gid = 2001, .n_groups = 1, .groups = &gid};
	char error[POLICY_QUERY_MAX_ERROR];
	int r;

	r = policy_users_new(&users);
	r = r ? r : policy_users_add_passwd(users, passwd, sizeof(passwd) - 1);
	r = r ? r : policy_users_add_group(users, group, sizeof(group) - 1);
	r = r ? r : policy_new(&config->policy, users, 1000, &policy);
	r = r ? r : policy_new(&no_rules, users, 1000, &empty);
	r = r ? r : policy_identity_get(policy, &creds, &identity);
	r = r ? r
	      : policy_compile(policy, 0, POLICY_COMPILE_STRICT | POLICY_COMPILE_EXPLAIN, &grants);
	r = r ? r : policy_plan_new(NULL, grants, &plan);
	r = r ? r : policy_lint(policy, POLICY_LINT_SYSTEM, &findings);
	r = r ? r : policy_diff(empty, policy, 0, &differences);
	r = r ? r : policy_query_init(&query, users, words, 5, error);
	if (r)
		return r;
	question.creds = &query.sender.creds;
	question.message = &query.message;
	question.peer = &query.receiver.peer;
	return policy_explain(policy, &question, &explanation);
}

TEST_TIMEOUT(memory_runs_out_at_every_point, 120)
{
	struct config_messages messages = CONFIG_MESSAGES_NULL;
	struct config *config;
	unsigned long n = 1;
	int r;

	expect_eq(memory_load_body(body, &config, &messages), 0);
	for (;; n++) {
		fault_at(n);
		r = ask_everything(config);
		if (!fault_disarm())
			break;
		/* a table that does not grow is slower, not wrong */
		if (r)
			expect_eq(r, -ENOMEM);
	}
	expect_eq(r, 0);
	expect_gt(n, 50ul);
	note("%lu allocations", n - 1);
	config_free(config);
}
