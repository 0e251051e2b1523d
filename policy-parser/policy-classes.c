/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Classes of peers: see policy-classes.h
 *
 * Of all rules two kinds matter: an allow without any condition on what is in a
 * message (it matches every one), and a deny with whatever conditions (some message
 * may meet them).  If the last of these in a sequence is an allow, every message is
 * allowed: the rules behind it are allows that may or may not match, and denies that
 * cannot.
 *
 * Groups: a peer may be in any of them, so a deny for any group counts for everybody,
 * and an allow for a group only for a peer of which it is known, and only if no other
 * group has a deny: in which order two groups of a peer apply is not to be relied upon.
 */
#include "policy-parser/policy-classes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "policy-parser/policy-users.h"

/* PLACEHOLDERS */

static uint32_t next_placeholder(const struct policy *policy, uint32_t id)
{
	do
		id--;
	while (policy_users_get_user_name(policy->users, id) ||
	       policy_users_get_group_name(policy->users, id) ||
	       policy_find_tier(policy, POLICY_SECTION_USER, id) < policy->n_tiers ||
	       policy_find_tier(policy, POLICY_SECTION_GROUP, id) < policy->n_tiers);
	return id;
}

/* gives each name that nobody has an id that nobody has */
static int add_placeholders(struct policy_classes *classes, const struct policy *policy,
			    struct policy_users *users)
{
	uint32_t id = POLICY_UID_UNRESOLVED, known;
	size_t position = 0;
	const char *name;
	bool is_group;

	while ((name = policy_next_unresolved(policy, &position, &is_group))) {
		__cleanup(freep) char *line = NULL;
		int r;

		/* what no file could hold is nobody's name for ever */
		if (!*name || strpbrk(name, ":\n,") || strchr("+-#", *name) ||
		    (is_group ? policy_users_find_group(users, name, &known)
			      : policy_users_find_user(users, name, &known)))
			continue;
		id = next_placeholder(policy, id);
		r = asprintf(&line, is_group ? "%s:x:%u:" : "%s:x:%u:%u", name, id, id);
		if (r < 0) {
			line = NULL;
			return -ENOMEM;
		}
		r = is_group ? policy_users_add_group(users, line, r)
			     : policy_users_add_passwd(users, line, r);
		if (r < 0)
			return r;
	}
	classes->first_placeholder = id;
	return 0;
}

static int classes_make_policy(struct policy_classes *classes, const struct policy *policy)
{
	__cleanup(policy_users_unrefp) struct policy_users *users = NULL;
	int r;

	r = policy_users_new_overlay(policy->users, &users);
	if (r < 0)
		return r;
	r = add_placeholders(classes, policy, users);
	if (r < 0)
		return r;
	return policy_new(policy->rules, users, policy->first_console_uid, &classes->policy);
}

/* OUTCOMES */

static const enum policy_rule_kind ask_kinds[POLICY_N_ASKS] = {
	[POLICY_ASK_SEND_CALL] = POLICY_RULE_SEND,
	[POLICY_ASK_SEND_SIGNAL] = POLICY_RULE_SEND,
	[POLICY_ASK_RECEIVE_CALL] = POLICY_RULE_RECEIVE,
	[POLICY_ASK_RECEIVE_SIGNAL] = POLICY_RULE_RECEIVE,
	[POLICY_ASK_OWN] = POLICY_RULE_OWN,
};

static enum policy_outcome_value test_outcome(const struct policy_classes *classes,
					      const struct policy_test *test, enum policy_ask ask)
{
	bool is_allow = classes->policy->rules->rules[test->rule].is_allow;
	bool is_signal = ask == POLICY_ASK_SEND_SIGNAL || ask == POLICY_ASK_RECEIVE_SIGNAL;
	uint32_t type = POLICY_STATE_TYPE(is_signal ? POLICY_TYPE_SIGNAL : POLICY_TYPE_CALL);
	uint32_t addressed = test->skip & POLICY_STATE_ADDRESSED;
	uint32_t broadcast = test->skip & POLICY_STATE_BROADCAST;

	if (ask == POLICY_ASK_OWN)
		return is_allow ? POLICY_ALWAYS : POLICY_MAYBE;
	/* not about messages of this type; nobody eavesdrops without a proxy */
	if ((test->skip & type) || (test->skip & POLICY_STATE_MEANT) || (!is_signal && addressed))
		return POLICY_UNDECIDED;
	if (!is_allow)
		return POLICY_MAYBE;
	if (test->path || test->interface || test->member || test->error || test->min_fds ||
	    test->max_fds < POLICY_MAX_FDS || (is_signal && (addressed || broadcast)))
		return POLICY_UNDECIDED;
	return POLICY_ALWAYS;
}

void policy_outcome_merge(struct policy_outcome *outcome, const struct policy_outcome *other)
{
	if (other->value != POLICY_UNDECIDED &&
	    (outcome->value == POLICY_UNDECIDED || other->rule > outcome->rule))
		*outcome = *other;
}

struct policy_outcome policy_list_outcome(const struct policy_classes *classes,
					  const struct policy_list *list, enum policy_ask ask)
{
	for (uint32_t i = list->n_tests; i--;) {
		const struct policy_test *test = &classes->policy->tests[list->first + i];
		enum policy_outcome_value value = test_outcome(classes, test, ask);

		if (value != POLICY_UNDECIDED)
			return (struct policy_outcome){value, test->rule};
	}
	return (struct policy_outcome){POLICY_UNDECIDED, POLICY_RULE_NONE};
}

static void merge_symbol(const struct policy_classes *classes, enum policy_ask ask,
			 const char *text, size_t size, bool is_prefix,
			 struct policy_outcome *outcomes)
{
	const struct policy *policy = classes->policy;
	uint32_t symbol = policy_symbols_find(&policy->symbols, text, size);

	for (size_t i = 0; symbol != POLICY_SYMBOL_NONE && i < policy->n_tiers; i++) {
		const struct policy_rule_set *set = &policy->tiers[i].sets[ask_kinds[ask]];
		const struct policy_list *list = policy_set_find(set, symbol, is_prefix);
		struct policy_outcome outcome;

		if (!list)
			continue;
		outcome = policy_list_outcome(classes, list, ask);
		policy_outcome_merge(&outcomes[i], &outcome);
	}
}

void policy_classes_ask(const struct policy_classes *classes, enum policy_ask ask, const char *name,
			struct policy_outcome *outcomes)
{
	size_t size = strlen(name);

	memcpy(outcomes, classes->any[ask], classes->policy->n_tiers * sizeof(*outcomes));
	merge_symbol(classes, ask, name, size, false, outcomes);
	for (size_t n = 0; (n = policy_next_prefix(name, size, n));)
		merge_symbol(classes, ask, name, n, true, outcomes);
}

/* SEQUENCES */

static struct policy_outcome tier_outcome(const struct policy_outcome *outcomes, size_t tier,
					  const struct policy_classes *classes)
{
	if (tier >= classes->policy->n_tiers)
		return (struct policy_outcome){POLICY_UNDECIDED, POLICY_RULE_NONE};
	return outcomes[tier];
}

/* for whoever may or may not sit at the console, both must say the same to decide */
static struct policy_outcome console_outcome(const struct policy_classes *classes,
					     const struct policy_outcome *outcomes,
					     const struct policy_class *class)
{
	struct policy_outcome sit = tier_outcome(outcomes, classes->sit_tier, classes);
	struct policy_outcome stand = tier_outcome(outcomes, classes->stand_tier, classes);

	if (!class->may_stand)
		return sit;
	if (!class->may_sit || stand.value == POLICY_MAYBE)
		return stand;
	if (sit.value == POLICY_MAYBE || stand.value == POLICY_ALWAYS)
		return sit;
	return (struct policy_outcome){POLICY_UNDECIDED, POLICY_RULE_NONE};
}

static struct policy_outcome groups_outcome(const struct policy_classes *classes,
					    const struct policy_outcome *outcomes,
					    size_t group_tier)
{
	for (size_t i = classes->first_group_tier; i < classes->end_group_tiers; i++)
		if (outcomes[i].value == POLICY_MAYBE)
			return outcomes[i];
	if (group_tier != POLICY_NO_TIER)
		return outcomes[group_tier];
	return (struct policy_outcome){POLICY_UNDECIDED, POLICY_RULE_NONE};
}

struct policy_outcome policy_class_outcome(const struct policy_classes *classes,
					   const struct policy_outcome *outcomes,
					   const struct policy_class *class, size_t group_tier)
{
	struct policy_outcome outcome;

	outcome = tier_outcome(outcomes, classes->mandatory_tier, classes);
	if (outcome.value == POLICY_UNDECIDED)
		outcome = console_outcome(classes, outcomes, class);
	if (outcome.value == POLICY_UNDECIDED)
		outcome = tier_outcome(outcomes, class->tier, classes);
	if (outcome.value == POLICY_UNDECIDED)
		outcome = groups_outcome(classes, outcomes, group_tier);
	if (outcome.value == POLICY_UNDECIDED)
		outcome = tier_outcome(outcomes, classes->default_tier, classes);
	if (outcome.value == POLICY_UNDECIDED)
		outcome.value = POLICY_MAYBE;
	return outcome;
}

bool policy_class_may(const struct policy_classes *classes, const struct policy_outcome *outcomes,
		      const struct policy_class *class)
{
	struct policy_outcome outcome = tier_outcome(outcomes, classes->mandatory_tier, classes);
	struct policy_outcome sit = tier_outcome(outcomes, classes->sit_tier, classes);
	struct policy_outcome stand = tier_outcome(outcomes, classes->stand_tier, classes);

	if (outcome.value != POLICY_UNDECIDED)
		return outcome.value == POLICY_ALWAYS;
	if ((class->may_sit && sit.value == POLICY_ALWAYS) ||
	    (class->may_stand && stand.value == POLICY_ALWAYS))
		return true;
	if ((!class->may_sit || sit.value == POLICY_MAYBE) &&
	    (!class->may_stand || stand.value == POLICY_MAYBE))
		return false;
	outcome = tier_outcome(outcomes, class->tier, classes);
	if (outcome.value != POLICY_UNDECIDED)
		return outcome.value == POLICY_ALWAYS;
	for (size_t i = classes->first_group_tier; i < classes->end_group_tiers; i++)
		if (outcomes[i].value == POLICY_ALWAYS)
			return true;
	return tier_outcome(outcomes, classes->default_tier, classes).value == POLICY_ALWAYS;
}

/* CLASSES */

static void add_class(struct policy_classes *classes, uint32_t uid, size_t tier)
{
	uint32_t first = classes->policy->first_console_uid;
	bool is_known = uid < POLICY_UID_UNRESOLVED;

	classes->classes[classes->n_classes++] = (struct policy_class){
		.uid = uid,
		.tier = tier,
		.may_sit = is_known ? uid >= first : first != UINT32_MAX,
		.may_stand = is_known ? uid < first : first > 0,
	};
}

static int classes_make_classes(struct policy_classes *classes, uint32_t owner_uid)
{
	const struct policy *policy = classes->policy;

	classes->classes = calloc(policy->n_tiers + 2, sizeof(*classes->classes));
	if (!classes->classes)
		return -ENOMEM;
	add_class(classes, owner_uid, policy_find_tier(policy, POLICY_SECTION_USER, owner_uid));
	add_class(classes, POLICY_UID_OTHER, policy->n_tiers);
	for (size_t i = 0; i < policy->n_tiers; i++) {
		const struct policy_tier *tier = &policy->tiers[i];

		if (tier->kind == POLICY_SECTION_GROUP) {
			if (!classes->end_group_tiers)
				classes->first_group_tier = i;
			classes->end_group_tiers = i + 1;
		}
		if (tier->kind != POLICY_SECTION_USER || tier->id == owner_uid)
			continue;
		add_class(classes,
			  tier->id >= classes->first_placeholder ? POLICY_UID_UNRESOLVED : tier->id,
			  i);
	}
	classes->default_tier = policy_find_tier(policy, POLICY_SECTION_DEFAULT, 0);
	classes->mandatory_tier = policy_find_tier(policy, POLICY_SECTION_MANDATORY, 0);
	classes->sit_tier = policy_find_tier(policy, POLICY_SECTION_AT_CONSOLE, 0);
	classes->stand_tier = policy_find_tier(policy, POLICY_SECTION_NOT_AT_CONSOLE, 0);
	return 0;
}

int policy_classes_init(struct policy_classes *classes, struct policy *policy, uint32_t owner_uid)
{
	int r;

	*classes = (struct policy_classes){NULL};
	r = classes_make_policy(classes, policy);
	if (r < 0)
		return r;
	policy = classes->policy;
	r = classes_make_classes(classes, owner_uid);
	if (r < 0)
		return r;
	for (unsigned ask = 0; ask < POLICY_N_ASKS; ask++) {
		classes->any[ask] = calloc(policy->n_tiers + 1, sizeof(*classes->any[ask]));
		if (!classes->any[ask])
			return -ENOMEM;
		for (size_t i = 0; i < policy->n_tiers; i++)
			classes->any[ask][i] = policy_list_outcome(
				classes, &policy->tiers[i].sets[ask_kinds[ask]].any, ask);
	}
	return 0;
}

void policy_classes_deinit(struct policy_classes *classes)
{
	for (unsigned ask = 0; ask < POLICY_N_ASKS; ask++)
		free(classes->any[ask]);
	free(classes->classes);
	policy_unref(classes->policy);
	*classes = (struct policy_classes){NULL};
}
