/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Policy: identities
 *
 * An identity is a choice of tiers, and the same choice is the same identity: a
 * thousand users whom no section names share one.  A policy finds its identities
 * as long as somebody holds them; each holds its policy.
 */
#include <errno.h>
#include <string.h>

#include "policy-parser/policy-private.h"
#include "proxy/base/creds.h"

enum {
	MORE_TIERS = 5, /* than groups: the others that can apply to one peer */
	FEW_TIERS = 32,
};

static int index_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void add_tier(const struct policy *policy, enum policy_section_kind kind, uint32_t id,
		     uint32_t *tiers, uint32_t *n_tiers)
{
	size_t tier = policy_find_tier(policy, kind, id);

	if (tier < policy->n_tiers)
		tiers[(*n_tiers)++] = tier;
}

/* the tiers of a peer, ascending: the order in which they apply; @tiers has room for all */
static uint32_t choose_tiers(const struct policy *policy, const struct creds *creds,
			     uint32_t *tiers)
{
	uint32_t n_tiers = 0, n_unique = 0;
	bool is_at_console = creds->uid >= policy->first_console_uid;

	add_tier(policy, POLICY_SECTION_DEFAULT, 0, tiers, &n_tiers);
	add_tier(policy, POLICY_SECTION_MANDATORY, 0, tiers, &n_tiers);
	if (creds->uid != CREDS_UNKNOWN) {
		add_tier(policy, POLICY_SECTION_USER, creds->uid, tiers, &n_tiers);
		add_tier(policy,
			 is_at_console ? POLICY_SECTION_AT_CONSOLE : POLICY_SECTION_NOT_AT_CONSOLE,
			 0, tiers, &n_tiers);
		if (creds->gid != CREDS_UNKNOWN)
			add_tier(policy, POLICY_SECTION_GROUP, creds->gid, tiers, &n_tiers);
		for (uint32_t i = 0; i < creds->n_groups; i++)
			add_tier(policy, POLICY_SECTION_GROUP, creds->groups[i], tiers, &n_tiers);
	}
	qsort(tiers, n_tiers, sizeof(*tiers), index_compare);
	for (uint32_t i = 0; i < n_tiers; i++)
		if (!i || tiers[i] != tiers[n_unique - 1])
			tiers[n_unique++] = tiers[i];
	return n_unique;
}

static void sequence_init(struct policy_sequence *sequence, const struct policy_identity *identity,
			  unsigned kind, const struct policy_rule_set **sets)
{
	sequence->sets = sets;
	for (uint32_t i = identity->n_tiers; i--;) {
		const struct policy_rule_set *set =
			&identity->policy->tiers[identity->tiers[i]].sets[kind];

		if (!set->any.n_tests && !set->n_names && !set->n_prefixes)
			continue;
		sets[sequence->n_sets++] = set;
		if (set->max_depth > sequence->max_depth)
			sequence->max_depth = set->max_depth;
		sequence->has_fields |= set->has_fields;
		if (set->is_closed)
			break;
	}
	if (sequence->n_sets) {
		const struct policy_rule_set *top = sets[0];

		if (top->is_closed && top->any.n_tests == 1 && !top->n_names && !top->n_prefixes)
			sequence->constant = &identity->policy->tests[top->any.first];
	}
	if (sequence->constant) {
		const struct policy_rule *rule =
			&identity->policy->rules->rules[sequence->constant->rule];

		sequence->allows_all = rule->is_allow && !rule->log;
	}
}

static int identity_new(struct policy *policy, const uint32_t *tiers, uint32_t n_tiers,
			struct policy_identity **identity_out)
{
	size_t key_size = (n_tiers * sizeof(*tiers) + sizeof(void *) - 1) & -sizeof(void *);
	size_t base_size =
		(sizeof(struct policy_identity) + key_size + sizeof(void *) - 1) & -sizeof(void *);
	const struct policy_rule_set **sets;
	struct policy_identity *identity;

	identity = calloc(1, base_size + POLICY_N_SETS * n_tiers * sizeof(*sets));
	if (!identity)
		return -ENOMEM;
	identity->n_refs = 1;
	identity->policy = policy_ref(policy);
	identity->n_tiers = n_tiers;
	memcpy(identity->tiers, tiers, n_tiers * sizeof(*tiers));
	sets = (const struct policy_rule_set **)((char *)identity + base_size);
	for (unsigned kind = 0; kind < POLICY_N_SETS; kind++)
		sequence_init(&identity->sequences[kind], identity, kind, sets + kind * n_tiers);
	*identity_out = identity;
	return 0;
}

int policy_identity_get(struct policy *policy, const struct creds *creds,
			struct policy_identity **identity_out)
{
	__cleanup(freep) uint32_t *many = NULL;
	uint32_t few[FEW_TIERS], *tiers = few;
	struct policy_identity *identity;
	uint32_t n_tiers;
	uint64_t hash;
	int r;

	if (creds->n_groups + MORE_TIERS > FEW_TIERS) {
		many = calloc(creds->n_groups + MORE_TIERS, sizeof(*many));
		if (!many)
			return -ENOMEM;
		tiers = many;
	}
	n_tiers = choose_tiers(policy, creds, tiers);
	hash = htable_hash(tiers, n_tiers * sizeof(*tiers));
	htable_for_each_match(identity, &policy->identities, node, hash) {
		if (identity->n_tiers == n_tiers &&
		    !memcmp(identity->tiers, tiers, n_tiers * sizeof(*tiers))) {
			*identity_out = policy_identity_ref(identity);
			return 0;
		}
	}
	r = identity_new(policy, tiers, n_tiers, &identity);
	if (r < 0)
		return r;
	htable_add(&policy->identities, &identity->node, hash);
	*identity_out = identity;
	return 0;
}

struct policy_identity *policy_identity_ref(struct policy_identity *identity)
{
	identity->n_refs++;
	return identity;
}

struct policy_identity *policy_identity_unref(struct policy_identity *identity)
{
	if (!identity || --identity->n_refs)
		return NULL;
	htable_remove(&identity->policy->identities, &identity->node);
	policy_unref(identity->policy);
	free(identity);
	return NULL;
}
