/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The index finds what looking at each rule finds
 *
 * policy_may_send() and the like on random policies of any shape, beside
 * policy_explain(), which shares neither the index nor the conditions with them.
 */
#include <stdlib.h>
#include <string.h>

#include "policy-parser/config.h"
#include "policy-parser/policy-explain.h"
#include "policy-parser/policy-users.h"
#include "proxy/base/creds.h"
#include "tests/harness/message.h"
#include "tests/harness/tap.h"
#include "tests/policy/generate.h"
#include "tests/unit/policy/memory-files.h"

#define N_POLICIES  1500
#define N_QUESTIONS 200
#define SEED	    7
#define MAX_NAMES   6

static const char *const unique_names[] = {":1.1", ":1.2"};
static const char *const more_names[] = {"a.a.a", "a.b.c.d", "a.bc", "b.a.c", "x.y"};

static const struct universe universe = {
	.uids = {1, 2, 3, 4},
	.gids = {10, 20, 30, 40},
	.unique_names = unique_names,
	.n_unique = 2,
};

struct names {
	const char *names[MAX_NAMES];
	unsigned n_names;
};

static const char *next_name(void *userdata, void **position)
{
	const struct names *names = userdata;
	uintptr_t i = (uintptr_t)*position;

	if (i == names->n_names)
		return NULL;
	*position = (void *)(i + 1);
	return names->names[i];
}

static const char *pick_name(struct random *random)
{
	return random_percent(random, 70) ? random_pick(random, generate_names)
					  : random_pick(random, more_names);
}

static void choose_peer(struct random *random, struct names *names, struct policy_peer *peer)
{
	*peer = (struct policy_peer){.userdata = names};
	names->n_names = 0;
	if (random_percent(random, 15)) {
		peer->header_name = random_percent(random, 20) ? DRIVER_NAME : pick_name(random);
		return;
	}
	peer->unique_name = random_pick(random, unique_names);
	if (random_percent(random, 85))
		peer->next_name = next_name;
	while (names->n_names < MAX_NAMES && random_percent(random, 60)) {
		const char *name = pick_name(random);
		bool is_new = true;

		for (unsigned i = 0; i < names->n_names; i++)
			is_new &= names->names[i] != name;
		if (is_new)
			names->names[names->n_names++] = name;
	}
}

static void choose_creds(struct random *random, struct creds *creds, uint32_t *groups)
{
	*creds = (struct creds)CREDS_NULL;
	creds->groups = groups;
	if (random_percent(random, 5))
		return;
	creds->uid = random_percent(random, 90) ? random_pick(random, universe.uids) : 77;
	creds->gid = random_pick(random, universe.gids);
	/* in any order, also twice */
	for (unsigned i = 0; i < 3; i++)
		groups[creds->n_groups++] = random_pick(random, universe.gids);
}

static void choose_message(struct random *random, struct policy_message *message)
{
	struct random_message chosen = generate_message(random, 0);

	*message = (struct policy_message){
		.type = chosen.type,
		.path = chosen.path,
		.interface = chosen.interface,
		.member = chosen.member,
		.error = chosen.error,
		.n_fds = chosen.n_fds,
		.flags = random_below(random, 8),
		.destination = random_percent(random, 60) ? "d.d" : NULL,
	};
}

static void ask(struct policy *policy, struct random *random)
{
	uint32_t groups[4];
	struct creds creds;
	struct names names;
	struct policy_peer peer;
	struct policy_message message;
	struct policy_identity *identity;
	struct policy_explanation explanation = POLICY_EXPLANATION_NULL;
	struct policy_question question = {
		.kind = random_below(random, 4),
		.creds = &creds,
		.name = pick_name(random),
		.message = &message,
		.peer = &peer,
		.owner_uid = 2,
	};
	struct policy_verdict verdict;
	bool is_allowed;

	choose_creds(random, &creds, groups);
	choose_peer(random, &names, &peer);
	choose_message(random, &message);
	expect_eq(policy_identity_get(policy, &creds, &identity), 0);
	if (question.kind == POLICY_RULE_SEND)
		is_allowed = policy_may_send(identity, &message, &peer, &verdict);
	else if (question.kind == POLICY_RULE_RECEIVE)
		is_allowed = policy_may_receive(identity, &message, &peer, &verdict);
	else if (question.kind == POLICY_RULE_OWN)
		is_allowed = policy_may_own(identity, question.name, &verdict);
	else
		is_allowed = policy_may_connect(policy, &creds, 2, &verdict);
	policy_identity_unref(identity);
	expect_eq(policy_explain(policy, &question, &explanation), 0);
	expect_eq(is_allowed, verdict.is_allowed);
	expect_eq(verdict.is_allowed, explanation.verdict.is_allowed);
	expect_eq(verdict.rule, explanation.verdict.rule);
	expect_eq(verdict.log, explanation.verdict.log);
	/* no more than all that matched, and at least the one that decided */
	if (!is_allowed && question.kind <= POLICY_RULE_RECEIVE) {
		expect_le(verdict.n_matched, explanation.verdict.n_matched);
		expect_eq(verdict.n_matched > 0, verdict.rule != POLICY_RULE_NONE);
	}
	policy_explanation_deinit(&explanation);
}

TEST_TIMEOUT(index_and_explanation_agree, 120)
{
	for (unsigned i = 0; i < N_POLICIES; i++) {
		struct config_messages messages = CONFIG_MESSAGES_NULL;
		struct random random = {SEED + i};
		struct policy_users *users;
		struct config *config;
		struct policy *policy;
		char *text;
		size_t size;
		FILE *file = open_memstream(&text, &size);

		expect(file != NULL);
		generate_policy(&random, &universe, GENERATE_CONNECT, file);
		fclose(file);
		expect_eq(memory_load_body(text, &config, &messages), 0);
		expect_eq(policy_users_new(&users), 0);
		expect_eq(policy_new(&config->policy, users, 3, &policy), 0);
		for (unsigned k = 0; k < N_QUESTIONS; k++)
			ask(policy, &random);
		policy_unref(policy);
		policy_users_unref(users);
		config_free(config);
		config_messages_deinit(&messages);
		free(text);
	}
}
