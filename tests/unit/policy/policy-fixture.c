/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A policy of a few lines: see policy-fixture.h */
#include "tests/unit/policy/policy-fixture.h"

#include <stdlib.h>
#include <string.h>

#include "policy-parser/policy-explain.h"
#include "tests/harness/tap.h"
#include "tests/unit/policy/memory-files.h"

#define MAX_WORDS 32

static const char passwd[] = "root:x:0:0::/:/bin/sh\n"
			     "messagebus:x:100:100::/:/bin/false\n"
			     "avahi:x:110:110::/:/bin/false\n"
			     "polkitd:x:111:111::/:/bin/false\n"
			     "colord:x:112:112::/:/bin/false\n"
			     "systemd-network:x:113:113::/:/bin/false\n"
			     "systemd-timesync:x:114:114::/:/bin/false\n"
			     "alice:x:1001:2001::/:/bin/sh\n"
			     "bob:x:1002:2002::/:/bin/sh\n"
			     "carol:x:1003:2003::/:/bin/sh\n"
			     "seated:x:2000:3000::/:/bin/sh\n";
static const char group[] = "root:x:0:\n"
			    "avahi:x:110:\n"
			    "polkitd:x:111:\n"
			    "netdev:x:115:alice\n"
			    "bluetooth:x:116:\n"
			    "red:x:2001:carol\n"
			    "green:x:2002:alice,carol\n"
			    "blue:x:2003:\n";

static struct config *config;
static struct policy *policy;
static struct policy_users *users;

struct policy_users *fixture_users(void)
{
	if (!users) {
		expect_eq(policy_users_new(&users), 0);
		expect_eq(policy_users_add_passwd(users, passwd, sizeof(passwd) - 1), 0);
		expect_eq(policy_users_add_group(users, group, sizeof(group) - 1), 0);
	}
	return users;
}

void fixture_reset(void)
{
	policy = policy_unref(policy);
	config = config_free(config);
	users = policy_users_unref(users);
}

struct policy *fixture_load(const char *body)
{
	__cleanup(config_messages_deinit) struct config_messages messages = CONFIG_MESSAGES_NULL;

	fixture_reset();
	if (memory_load_body(body, &config, &messages))
		fail("%s: %s", body, messages.n_items ? messages.items[0].text : "no message");
	expect_eq(policy_new(&config->policy, fixture_users(), 2000, &policy), 0);
	return policy;
}

static void check_same(const struct policy_question *question, const struct policy_verdict *verdict,
		       const char *words)
{
	struct policy_explanation explanation = POLICY_EXPLANATION_NULL;

	expect_eq(policy_explain(policy, question, &explanation), 0);
	if (explanation.verdict.is_allowed != verdict->is_allowed ||
	    explanation.verdict.rule != verdict->rule || explanation.verdict.log != verdict->log)
		fail("%s: %d by rule %d, but explained as %d by rule %d", words,
		     verdict->is_allowed, (int)verdict->rule, explanation.verdict.is_allowed,
		     (int)explanation.verdict.rule);
	policy_explanation_deinit(&explanation);
}

static void ask_side(struct policy_query *query, enum policy_rule_kind kind, const char *words,
		     struct policy_verdict *verdict)
{
	struct policy_query_side *asked =
		kind == POLICY_RULE_RECEIVE ? &query->receiver : &query->sender;
	struct policy_query_side *other =
		kind == POLICY_RULE_RECEIVE ? &query->sender : &query->receiver;
	struct policy_question question = {
		.kind = kind,
		.creds = &asked->creds,
		.name = query->name,
		.message = &query->message,
		.peer = &other->peer,
		.owner_uid = query->owner_uid,
	};
	__cleanup(policy_identity_unrefp) struct policy_identity *identity = NULL;
	bool is_allowed;

	expect_eq(policy_identity_get(policy, &asked->creds, &identity), 0);
	if (kind == POLICY_RULE_USER)
		is_allowed = policy_may_connect(policy, &asked->creds, query->owner_uid, verdict);
	else if (kind == POLICY_RULE_OWN)
		is_allowed = policy_may_own(identity, query->name, verdict);
	else if (kind == POLICY_RULE_SEND)
		is_allowed = policy_may_send(identity, &query->message, &other->peer, verdict);
	else
		is_allowed = policy_may_receive(identity, &query->message, &other->peer, verdict);
	expect_eq(is_allowed, verdict->is_allowed);
	/* the short cut says no more than the long way */
	if ((kind == POLICY_RULE_SEND || kind == POLICY_RULE_RECEIVE) &&
	    policy_allows_all(identity, kind))
		expect(is_allowed && !verdict->log);
	check_same(&question, verdict, words);
}

struct policy_verdict fixture_ask(const char *words)
{
	__cleanup(freep) char *copy = strdup(words);
	const char *list[MAX_WORDS];
	char error[POLICY_QUERY_MAX_ERROR];
	struct policy_verdict verdict = {.is_allowed = false};
	struct policy_query query;
	size_t n = 0;
	char *rest = copy;

	for (char *word; (word = strsep(&rest, " "));)
		if (*word && n < MAX_WORDS)
			list[n++] = word;
	if (policy_query_init(&query, users, list, n, error))
		fail("%s: %s", words, error);
	switch (query.kind) {
	case POLICY_QUERY_CONNECT:
		ask_side(&query, POLICY_RULE_USER, words, &verdict);
		break;
	case POLICY_QUERY_OWN:
		ask_side(&query, POLICY_RULE_OWN, words, &verdict);
		break;
	case POLICY_QUERY_MESSAGE:
		if (query.sender.has_creds)
			ask_side(&query, POLICY_RULE_SEND, words, &verdict);
		if (query.receiver.has_creds && (!query.sender.has_creds || verdict.is_allowed))
			ask_side(&query, POLICY_RULE_RECEIVE, words, &verdict);
		break;
	}
	policy_query_deinit(&query);
	return verdict;
}

void fixture_check(const struct fixture_row *rows, size_t n_rows)
{
	const char *body = NULL;

	for (size_t i = 0; i < n_rows; i++) {
		struct policy_verdict verdict;
		unsigned line;

		/* a row without rules asks those of the row before it */
		if (rows[i].body)
			fixture_load(body = rows[i].body);
		verdict = fixture_ask(rows[i].words);
		if (verdict.is_allowed != rows[i].is_allowed)
			fail("%s\n%s: %s", body, rows[i].words,
			     verdict.is_allowed ? "allowed" : "denied");
		if (!policy_rule_place(policy, verdict.rule, &line)) {
			if (rows[i].line != -1)
				fail("%s\n%s: no rule decided", body, rows[i].words);
		} else if ((int)line - 1 != rows[i].line && rows[i].line != -2) {
			fail("%s\n%s: line %u decided", body, rows[i].words, line - 1);
		}
	}
	fixture_reset();
}
