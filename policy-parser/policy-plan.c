/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Policy for the engine: replacing one database by another, see policy-compile.h
 *
 * Each entry is replaced atomically, several are not, and an entry for a name hides
 * the wildcard above it.  So first each entry becomes what both databases grant (its
 * *meet*), and names that get an entry of their own get that, while the wildcard that
 * covered them is still as it was.  Then each becomes what is wanted, names before
 * wildcards, so that no wildcard grows over a name that is to be kept from it.  Last,
 * entries that are not wanted any more go: what had to be hidden by then is no more.
 */
#include <errno.h>
#include <string.h>

#include "policy-parser/policy-grants.h"

/* no access at all, less than POLICY_SEE */
#define NO_ACCESS (-1)

/* grants, owned or borrowed */
struct grant_set {
	const struct policy_grant *grants;
	size_t n_grants;
};

/**
 * struct change - an entry that is in one of the databases, or in both
 * @from, @to: the entry; empty: there is none
 * @has_from, @has_to: there is one
 * @from_covered, @to_covered: what holds without an entry: the wildcard above it
 * @meet: what both grant
 */
struct change {
	const char *name;
	bool is_wildcard;
	bool has_from;
	bool has_to;
	struct grant_set from;
	struct grant_set to;
	struct grant_set from_covered;
	struct grant_set to_covered;
	struct policy_grant *meet;
	size_t n_meet;
};

struct changes {
	struct change *changes;
	size_t n_changes;
};

static const struct policy_grants no_grants = {NULL, 0};

static void changes_deinit(struct changes *changes)
{
	for (size_t i = 0; i < changes->n_changes; i++)
		free(changes->changes[i].meet);
	free(changes->changes);
}

/* SETS OF GRANTS */

static int set_access(const struct grant_set *set, const struct policy_principal *principal)
{
	int access = NO_ACCESS;

	for (size_t i = 0; i < set->n_grants; i++) {
		const struct policy_grant *grant = &set->grants[i];

		if ((grant->principal.kind == POLICY_WORLD ||
		     (grant->principal.kind == principal->kind &&
		      grant->principal.id == principal->id)) &&
		    (int)grant->access > access)
			access = grant->access;
	}
	return access;
}

static bool set_is_within(const struct grant_set *a, const struct grant_set *b)
{
	for (size_t i = 0; i < a->n_grants; i++)
		if (set_access(b, &a->grants[i].principal) < (int)a->grants[i].access)
			return false;
	return true;
}

static bool set_is_equal(const struct grant_set *a, const struct grant_set *b)
{
	return set_is_within(a, b) && set_is_within(b, a);
}

/* adds what both grant to the principals of @a */
static size_t set_meet_half(const struct grant_set *a, const struct grant_set *b,
			    struct policy_grant *meet, size_t n_meet)
{
	for (size_t i = 0; i < a->n_grants; i++) {
		const struct policy_principal *principal = &a->grants[i].principal;
		struct grant_set present = {meet, n_meet};
		int access = set_access(a, principal), other = set_access(b, principal);

		if (other < access)
			access = other;
		if (access > set_access(&present, principal))
			meet[n_meet++] = (struct policy_grant){*principal, access};
	}
	return n_meet;
}

static int change_make_meet(struct change *change, const struct grant_set *a,
			    const struct grant_set *b)
{
	change->meet = calloc(a->n_grants + b->n_grants + 1, sizeof(*change->meet));
	if (!change->meet)
		return -ENOMEM;
	change->n_meet = set_meet_half(a, b, change->meet, 0);
	change->n_meet = set_meet_half(b, a, change->meet, change->n_meet);
	return 0;
}

/* CHANGES */

static struct grant_set holder_set(const struct policy_holder *holder)
{
	if (!holder)
		return (struct grant_set){NULL, 0};
	return (struct grant_set){holder->grants, holder->n_grants};
}

static struct grant_set covering_set(const struct policy_grants *grants, const char *name)
{
	const char *dot = strrchr(name, '.');

	return holder_set(dot ? policy_grants_find_entry(grants, name, dot - name, true) : NULL);
}

static int changes_add(struct changes *changes, const struct policy_grants *from,
		       const struct policy_grants *to, const struct policy_holder *holder)
{
	struct change *change = &changes->changes[changes->n_changes];
	struct grant_set before, after;

	*change = (struct change){
		.name = holder->name,
		.is_wildcard = holder->is_wildcard,
		.from = holder_set(policy_grants_find_entry(
			from, holder->name, strlen(holder->name), holder->is_wildcard)),
		.to = holder_set(policy_grants_find_entry(to, holder->name, strlen(holder->name),
							  holder->is_wildcard)),
	};
	change->has_from = change->from.n_grants;
	change->has_to = change->to.n_grants;
	if (!change->has_from && !change->has_to)
		return 0;
	changes->n_changes++;
	if (!change->is_wildcard) {
		change->from_covered = covering_set(from, change->name);
		change->to_covered = covering_set(to, change->name);
	}
	before = change->has_from ? change->from : change->from_covered;
	after = change->has_to ? change->to : change->to_covered;
	return change_make_meet(change, &before, &after);
}

/* all entries of both, each once */
static int changes_collect(struct changes *changes, const struct policy_grants *from,
			   const struct policy_grants *to)
{
	size_t i = 0, k = 0;
	int r = 0;

	changes->changes = calloc(from->n_holders + to->n_holders + 1, sizeof(*changes->changes));
	if (!changes->changes)
		return -ENOMEM;
	while (!r && (i < from->n_holders || k < to->n_holders)) {
		const struct policy_holder *a = i < from->n_holders ? &from->holders[i] : NULL;
		const struct policy_holder *b = k < to->n_holders ? &to->holders[k] : NULL;
		int order = !a	 ? 1
			    : !b ? -1
				 : policy_holder_compare(a->name, strlen(a->name), a->is_wildcard,
							 b->name, strlen(b->name), b->is_wildcard);

		r = changes_add(changes, from, to, order <= 0 ? a : b);
		i += order <= 0;
		k += order >= 0;
	}
	return r;
}

/* STEPS */

static int plan_add(struct policy_plan *plan, enum policy_step_kind kind,
		    const struct change *change, const struct policy_grant *grants, size_t n_grants)
{
	/* an entry has at least one grant; this one is what everybody has anyway */
	static const struct policy_grant nothing = {{POLICY_WORLD, 0}, POLICY_SEE};
	struct policy_plan_step *step = &plan->steps[plan->n_steps];

	if (!n_grants && kind != POLICY_STEP_CLOSE) {
		grants = &nothing;
		n_grants = 1;
	}
	*step = (struct policy_plan_step){
		.kind = kind,
		.name = change->name,
		.is_wildcard = change->is_wildcard,
		.grants = calloc(n_grants + 1, sizeof(*step->grants)),
		.n_grants = n_grants,
	};
	if (!step->grants)
		return -ENOMEM;
	if (n_grants)
		memcpy(step->grants, grants, n_grants * sizeof(*grants));
	plan->n_steps++;
	return 0;
}

/* names that a wildcard covers so far, and that get an entry of their own */
static int plan_uncover(struct policy_plan *plan, struct change *change)
{
	if (change->has_from || change->is_wildcard || !change->from_covered.n_grants)
		return 0;
	return plan_add(plan, POLICY_STEP_CREATE, change, change->meet, change->n_meet);
}

static bool change_goes_at_once(const struct change *change)
{
	return !change->has_to && !change->from_covered.n_grants && !change->to_covered.n_grants;
}

static int plan_shrink(struct policy_plan *plan, struct change *change)
{
	struct grant_set meet = {change->meet, change->n_meet};

	if (!change->has_from)
		return 0;
	if (change_goes_at_once(change))
		return plan_add(plan, POLICY_STEP_CLOSE, change, NULL, 0);
	if (set_is_equal(&meet, &change->from))
		return 0;
	return plan_add(plan, POLICY_STEP_UPDATE, change, change->meet, change->n_meet);
}

static int plan_grow(struct policy_plan *plan, struct change *change)
{
	struct grant_set meet = {change->meet, change->n_meet};
	bool is_there = change->has_from || (!change->is_wildcard && change->from_covered.n_grants);

	if (!change->has_to || (is_there && set_is_equal(&meet, &change->to)))
		return 0;
	return plan_add(plan, is_there ? POLICY_STEP_UPDATE : POLICY_STEP_CREATE, change,
			change->to.grants, change->to.n_grants);
}

static int plan_grow_names(struct policy_plan *plan, struct change *change)
{
	return change->is_wildcard ? 0 : plan_grow(plan, change);
}

static int plan_grow_wildcards(struct policy_plan *plan, struct change *change)
{
	return change->is_wildcard ? plan_grow(plan, change) : 0;
}

static int plan_close(struct policy_plan *plan, struct change *change)
{
	if (change->has_to || change_goes_at_once(change))
		return 0;
	return plan_add(plan, POLICY_STEP_CLOSE, change, NULL, 0);
}

static int (*const phases[])(struct policy_plan *plan, struct change *change) = {
	plan_uncover, plan_shrink, plan_grow_names, plan_grow_wildcards, plan_close,
};

#define N_PHASES (sizeof(phases) / sizeof(phases[0]))

int policy_plan_new(const struct policy_grants *from, const struct policy_grants *to,
		    struct policy_plan **plan_out)
{
	__cleanup(changes_deinit) struct changes changes = {NULL, 0};
	__cleanup(policy_plan_freep) struct policy_plan *plan = calloc(1, sizeof(*plan));
	int r;

	if (!plan)
		return -ENOMEM;
	r = changes_collect(&changes, from ?: &no_grants, to ?: &no_grants);
	if (r < 0)
		return r;
	/* each phase has at most one step for each entry */
	plan->steps = calloc(N_PHASES * changes.n_changes + 1, sizeof(*plan->steps));
	if (!plan->steps)
		return -ENOMEM;
	for (size_t phase = 0; phase < N_PHASES; phase++) {
		for (size_t i = 0; i < changes.n_changes; i++) {
			r = phases[phase](plan, &changes.changes[i]);
			if (r < 0)
				return r;
		}
	}
	*plan_out = steal(plan);
	return 0;
}

struct policy_plan *policy_plan_free(struct policy_plan *plan)
{
	if (!plan)
		return NULL;
	for (size_t i = 0; i < plan->n_steps; i++)
		free(plan->steps[i].grants);
	free(plan->steps);
	free(plan);
	return NULL;
}
