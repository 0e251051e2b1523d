/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Policy: verdicts
 *
 * A question is a *subject* (the facts that rules have conditions on, as bits and
 * symbols) and the names of the other side.  The last rule that matches decides,
 * so every list is searched from its end, and only as far as it can beat what has
 * been found: first the rules about any name, then, unless they are all older than
 * what was found, those about each of the other side's names.  The cost grows with
 * the rules about these names, not with those about others.
 *
 * "What was found" is the set it lies in (a lower index overrides) and, within the
 * set, the index of the rule (a higher one overrides).
 */
#include <errno.h>
#include <string.h>

#include "policy-parser/policy-private.h"
#include "policy-parser/policy-users.h"
#include "proxy/base/creds.h"

/* a test build only: which deliberate mistake to make, see tests/policy/ */
#ifndef POLICY_MUTATION
#define POLICY_MUTATION 0
#endif

/* the symbol of a field that the message does not have: a string of a rule has a smaller one */
#define SYMBOL_ABSENT UINT32_MAX

/* lists of prefixes that are told apart when matches are counted; more may count twice */
#define MAX_COUNTED 64

struct subject {
	uint32_t state;
	uint32_t n_fds;
	uint32_t path;
	uint32_t interface;
	uint32_t member;
	uint32_t error;
};

/**
 * struct search - a question, and how far the answer is
 * @best: the rule found so far, or NULL
 * @best_set: its index in @sequence->sets; n_sets without one
 * @n_matched: rules that match, when they are counted
 * @counted: lists of prefixes that are in @n_matched already: several names may lie
 *	below one prefix
 * @n_counted: of them
 */
struct search {
	const struct policy *policy;
	const struct policy_sequence *sequence;
	const struct subject *subject;
	const struct policy_test *best;
	uint32_t best_set;
	uint32_t n_matched;
	uint32_t n_counted;
	const struct policy_list *counted[MAX_COUNTED];
};

/* RULES */

static uint32_t skip_of_message(const struct policy_rule *rule)
{
	uint32_t skip = 0;

	if (rule->type)
		skip |= POLICY_STATE_TYPES & ~POLICY_STATE_TYPE(rule->type);
	if (rule->is_allow && rule->interface && POLICY_MUTATION != 1)
		skip |= POLICY_STATE_NO_INTERFACE;
	/* these two have defaults that differ, and both hold for replies alone */
	if (rule->is_allow && rule->requested_reply != POLICY_FALSE &&
	    rule->eavesdrop != POLICY_TRUE)
		skip |= POLICY_STATE_UNREQUESTED;
	if (!rule->is_allow && rule->requested_reply != POLICY_TRUE && POLICY_MUTATION != 2)
		skip |= POLICY_STATE_REQUESTED;
	return skip;
}

static uint32_t skip_of_send(const struct policy_rule *rule)
{
	if (rule->broadcast == POLICY_TRUE)
		return POLICY_STATE_ADDRESSED |
		       (POLICY_STATE_TYPES & ~POLICY_STATE_TYPE(POLICY_TYPE_SIGNAL));
	return rule->broadcast == POLICY_FALSE ? POLICY_STATE_BROADCAST : 0;
}

static uint32_t skip_of_receive(const struct policy_rule *rule)
{
	if (rule->is_allow)
		return rule->eavesdrop == POLICY_TRUE ? 0 : POLICY_STATE_EAVESDROPPED;
	return rule->eavesdrop == POLICY_TRUE ? POLICY_STATE_MEANT : 0;
}

bool policy_test_init(struct policy_test *test, const struct policy_rule *rule, uint32_t index)
{
	test->rule = index;
	test->skip = 0;
	test->min_fds = rule->min_fds + (POLICY_MUTATION == 4);
	test->max_fds = rule->max_fds;
	if (rule->kind == POLICY_RULE_OWN) {
		test->min_fds = 0;
		test->max_fds = POLICY_MAX_FDS;
		return true;
	}
	test->skip = skip_of_message(rule);
	test->skip |= rule->kind == POLICY_RULE_SEND ? skip_of_send(rule) : skip_of_receive(rule);
	return (test->skip & POLICY_STATE_TYPES) != POLICY_STATE_TYPES &&
	       test->min_fds <= test->max_fds;
}

bool policy_test_is_unconditional(const struct policy_test *test)
{
	return !test->skip && !test->path && !test->interface && !test->member && !test->error &&
	       !test->min_fds && test->max_fds >= POLICY_MAX_FDS;
}

/* a condition on a field that is absent is met */
static bool field_matches(uint32_t rule, uint32_t message)
{
	return !rule || rule == message || message == SYMBOL_ABSENT;
}

static bool test_matches(const struct policy_test *test, const struct subject *subject)
{
	return !(test->skip & subject->state) && subject->n_fds >= test->min_fds &&
	       subject->n_fds <= test->max_fds && field_matches(test->member, subject->member) &&
	       field_matches(test->interface, subject->interface) &&
	       field_matches(test->path, subject->path) &&
	       field_matches(test->error, subject->error);
}

/* FINDING THE LAST RULE THAT MATCHES */

static void search_init(struct search *search, const struct policy_identity *identity,
			const struct policy_sequence *sequence, const struct subject *subject)
{
	/* member by member: @counted is large and hardly ever used */
	search->policy = identity->policy;
	search->sequence = sequence;
	search->subject = subject;
	search->best = NULL;
	search->best_set = sequence->n_sets;
	search->n_matched = 0;
	search->n_counted = 0;
}

static void search_list(struct search *search, uint32_t set, const struct policy_list *list)
{
	const struct policy_test *first = &search->policy->tests[list->first];
	uint32_t floor = set == search->best_set && POLICY_MUTATION != 5 ? search->best->rule : 0;

	for (const struct policy_test *test = first + list->n_tests; test-- > first;) {
		if (test->rule < floor)
			return;
		if (test_matches(test, search->subject)) {
			search->best = test;
			search->best_set = set;
			return;
		}
	}
}

static void search_any(struct search *search)
{
	for (uint32_t i = 0; i < search->sequence->n_sets && !search->best; i++)
		search_list(search, i, &search->sequence->sets[i]->any);
}

/* can a rule about a name override what was found? */
static bool search_is_open(const struct search *search)
{
	for (uint32_t i = 0; i < search->sequence->n_sets && i <= search->best_set; i++) {
		const struct policy_rule_set *set = search->sequence->sets[i];

		if ((set->n_names || set->n_prefixes) &&
		    (i < search->best_set || set->last_named > search->best->rule))
			return true;
	}
	return false;
}

static void search_symbol(struct search *search, uint32_t symbol, bool is_prefix)
{
	for (uint32_t i = 0; i < search->sequence->n_sets && i <= search->best_set; i++) {
		const struct policy_list *list =
			policy_set_find(search->sequence->sets[i], symbol, is_prefix);

		if (list)
			search_list(search, i, list);
	}
}

/* COUNTING: the same walk without shortcuts; for what somebody is told about alone */

static void count_list(struct search *search, const struct policy_list *list)
{
	for (uint32_t i = 0; i < list->n_tests; i++)
		search->n_matched +=
			test_matches(&search->policy->tests[list->first + i], search->subject);
}

static void count_any(struct search *search)
{
	for (uint32_t i = 0; i < search->sequence->n_sets; i++)
		count_list(search, &search->sequence->sets[i]->any);
}

static bool list_is_counted(struct search *search, const struct policy_list *list)
{
	for (uint32_t i = 0; i < search->n_counted; i++)
		if (search->counted[i] == list)
			return true;
	if (search->n_counted < MAX_COUNTED)
		search->counted[search->n_counted++] = list;
	return false;
}

static void count_symbol(struct search *search, uint32_t symbol, bool is_prefix)
{
	for (uint32_t i = 0; i < search->sequence->n_sets; i++) {
		const struct policy_list *list =
			policy_set_find(search->sequence->sets[i], symbol, is_prefix);

		if (list && (!is_prefix || !list_is_counted(search, list)))
			count_list(search, list);
	}
}

/* NAMES OF THE OTHER SIDE */

typedef void (*visit_fn)(struct search *search, uint32_t symbol, bool is_prefix);

static void visit_text(struct search *search, const char *text, size_t size, bool is_prefix,
		       visit_fn visit)
{
	uint32_t symbol = policy_symbols_find(&search->policy->symbols, text, size);

	if (symbol != POLICY_SYMBOL_NONE)
		visit(search, symbol, is_prefix);
}

static void visit_name(struct search *search, const char *name, visit_fn visit)
{
	uint32_t depth = search->sequence->max_depth;
	size_t size = strlen(name);

	visit_text(search, name, size, false, visit);
	for (size_t n = 0; depth && (n = policy_next_prefix(name, size, n)); depth--)
		visit_text(search, name, n, true, visit);
}

static void visit_peer(struct search *search, const struct policy_peer *peer, visit_fn visit)
{
	void *position = NULL;
	const char *name;

	if (!peer->unique_name) {
		if (peer->header_name)
			visit_name(search, peer->header_name, visit);
		return;
	}
	if (search->policy->has_unique_names)
		visit_name(search, peer->unique_name, visit);
	while (peer->next_name && (name = peer->next_name(peer->userdata, &position))) {
		visit_name(search, name, visit);
		if (POLICY_MUTATION == 3)
			return;
	}
}

/* QUESTIONS */

static bool verdict_init(struct policy_verdict *verdict, const struct policy *policy,
			 const struct policy_test *test, uint32_t n_matched)
{
	const struct policy_rule *rule = test ? &policy->rules->rules[test->rule] : NULL;
	bool is_allowed = rule && rule->is_allow;

	if (verdict)
		*verdict = (struct policy_verdict){
			.is_allowed = is_allowed,
			.log = rule && rule->log,
			.rule = rule ? test->rule : POLICY_RULE_NONE,
			.n_matched = n_matched,
		};
	return is_allowed;
}

/* by a rule in front of which nothing counts */
static bool verdict_init_constant(struct policy_verdict *verdict, const struct policy *policy,
				  const struct policy_test *test)
{
	bool is_allowed = verdict_init(verdict, policy, test, 1);

	if (verdict && is_allowed && !verdict->log)
		verdict->n_matched = 0;
	return is_allowed;
}

static uint32_t field_symbol(const struct policy *policy, const char *text)
{
	return text ? policy_symbols_find(&policy->symbols, text, strlen(text)) : SYMBOL_ABSENT;
}

static void message_prepare(struct policy_message *message, const struct policy *policy)
{
	if (message->private.policy == policy)
		return;
	message->private.policy = policy;
	message->private.path = field_symbol(policy, message->path);
	message->private.interface = field_symbol(policy, message->interface);
	message->private.member = field_symbol(policy, message->member);
	message->private.error = field_symbol(policy, message->error);
}

static uint32_t message_state(const struct policy_message *message)
{
	bool is_broadcast = message->type == POLICY_TYPE_SIGNAL && !message->destination;
	uint32_t state = POLICY_STATE_TYPE(message->type);

	state |= is_broadcast ? POLICY_STATE_BROADCAST : POLICY_STATE_ADDRESSED;
	if (message->flags & POLICY_MESSAGE_REPLY)
		state |= message->flags & POLICY_MESSAGE_REQUESTED ? POLICY_STATE_REQUESTED
								   : POLICY_STATE_UNREQUESTED;
	state |= message->flags & POLICY_MESSAGE_EAVESDROPPED ? POLICY_STATE_EAVESDROPPED
							      : POLICY_STATE_MEANT;
	if (!message->interface)
		state |= POLICY_STATE_NO_INTERFACE;
	return state;
}

static bool check_message(const struct policy_identity *identity, unsigned kind,
			  struct policy_message *message, const struct policy_peer *peer,
			  struct policy_verdict *verdict_out)
{
	const struct policy_sequence *sequence = &identity->sequences[kind];
	const struct policy *policy = identity->policy;
	struct subject subject;
	struct search search;
	bool is_allowed;

	if (sequence->constant)
		return verdict_init_constant(verdict_out, policy, sequence->constant);
	if (sequence->has_fields)
		message_prepare(message, policy);
	subject = (struct subject){
		.state = message_state(message),
		.n_fds = message->n_fds,
		.path = message->private.path,
		.interface = message->private.interface,
		.member = message->private.member,
		.error = message->private.error,
	};
	search_init(&search, identity, sequence, &subject);
	search_any(&search);
	if (search_is_open(&search))
		visit_peer(&search, peer, search_symbol);
	is_allowed = verdict_init(verdict_out, policy, search.best, 0);
	if (verdict_out && (!is_allowed || verdict_out->log)) {
		count_any(&search);
		visit_peer(&search, peer, count_symbol);
		verdict_out->n_matched = search.n_matched;
	}
	return is_allowed;
}

bool policy_may_send(const struct policy_identity *sender, struct policy_message *message,
		     const struct policy_peer *receiver, struct policy_verdict *verdict_out)
{
	return check_message(sender, POLICY_RULE_SEND, message, receiver, verdict_out);
}

bool policy_may_receive(const struct policy_identity *receiver, struct policy_message *message,
			const struct policy_peer *sender, struct policy_verdict *verdict_out)
{
	return check_message(receiver, POLICY_RULE_RECEIVE, message, sender, verdict_out);
}

bool policy_allows_all(const struct policy_identity *identity, enum policy_rule_kind kind)
{
	return identity->sequences[kind].allows_all;
}

bool policy_may_own(const struct policy_identity *identity, const char *name,
		    struct policy_verdict *verdict_out)
{
	const struct policy_sequence *sequence = &identity->sequences[POLICY_RULE_OWN];
	struct subject subject = {.n_fds = 0};
	struct search search;

	search_init(&search, identity, sequence, &subject);
	search_any(&search);
	if (search_is_open(&search))
		visit_name(&search, name, search_symbol);
	return verdict_init(verdict_out, identity->policy, search.best, 0);
}

/* by the user database if it knows the uid, as for dbus-daemon; else by the socket */
static bool is_member(const struct policy *policy, const struct creds *creds, uint32_t gid)
{
	if (policy_users_get_user_name(policy->users, creds->uid))
		return policy_users_is_member(policy->users, creds->uid, gid);
	if (creds->gid == gid)
		return true;
	for (uint32_t i = 0; i < creds->n_groups; i++)
		if (creds->groups[i] == gid)
			return true;
	return false;
}

bool policy_may_connect(const struct policy *policy, const struct creds *creds, uint32_t owner_uid,
			struct policy_verdict *verdict_out)
{
	struct policy_verdict verdict = {
		.is_allowed = creds->uid == owner_uid && creds->uid != CREDS_UNKNOWN,
		.rule = POLICY_RULE_NONE,
	};

	for (size_t i = policy->n_connects; i-- && creds->uid != CREDS_UNKNOWN;) {
		const struct policy_connect *connect = &policy->connects[i];

		if (connect->is_any || (connect->is_group ? is_member(policy, creds, connect->id)
							  : creds->uid == connect->id)) {
			verdict.rule = connect->rule;
			verdict.is_allowed = policy->rules->rules[connect->rule].is_allow;
			break;
		}
	}
	if (verdict_out)
		*verdict_out = verdict;
	return verdict.is_allowed;
}
