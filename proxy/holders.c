/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Holders: see holders.h.
 *
 * The compiler says what the entries are, its plan in which order to change them.  A
 * step that is taken leaves in the plan what the entry had before, so a plan that fails
 * half way is walked back the way it came, through states that were fine the first time.
 * If there is no way back either, all entries go: wildcards first, that none shows
 * through where a name was.
 */
#include "proxy/holders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/base/cleanup.h"
#include "proxy/base/htable.h"
#include "proxy/base/log.h"

/* compiling takes time that grows with the square of the rules, in which no client is served:
 * some tenths of a second for so many, a second at worst */
#define MAX_RULES 4000

/**
 * struct holder - an entry that the engine has
 * @node: in holders.entries
 * @policy: the engine's, owned
 * @grants: what it holds
 * @is_wildcard: it is one
 * @name: as the engine knows it, with ".*" behind a wildcard's
 * @len: of it, without that
 */
struct holder {
	struct htable_node node;
	struct engine_policy *policy;
	struct policy_grant *grants;
	size_t n_grants;
	bool is_wildcard;
	size_t len;
	char name[];
};

/**
 * struct holders - all of them
 * @engine: borrowed
 * @entries: struct holder by name
 * @grants: what they come from; NULL: nothing
 */
struct holders {
	struct engine *engine;
	struct htable entries;
	struct policy_grants *grants;
};

int holders_new(struct engine *engine, struct holders **holders_out)
{
	struct holders *holders = calloc(1, sizeof(*holders));

	if (!holders)
		return -ENOMEM;
	holders->engine = engine;
	htable_init(&holders->entries);
	*holders_out = holders;
	return 0;
}

static void holder_free(struct holder *holder)
{
	engine_policy_remove(holder->policy);
	free(holder->grants);
	free(holder);
}

static void holders_close(struct holders *holders, bool wildcards)
{
	struct holder *holder;
	struct hlist_node *tmp;
	size_t i;

	htable_for_each_safe(holder, tmp, i, &holders->entries, node) {
		if (holder->is_wildcard != wildcards)
			continue;
		htable_unlink(&holders->entries, &holder->node);
		holder_free(holder);
	}
}

static void holders_close_all(struct holders *holders)
{
	holders_close(holders, true);
	holders_close(holders, false);
	holders->grants = policy_grants_free(holders->grants);
}

struct holders *holders_free(struct holders *holders)
{
	if (!holders)
		return NULL;
	holders_close_all(holders);
	htable_deinit(&holders->entries);
	free(holders);
	return NULL;
}

/* STEPS */

static struct holder *holders_find(struct holders *holders, const struct policy_plan_step *step)
{
	size_t len = strlen(step->name);
	uint64_t hash = htable_hash(step->name, len);
	struct holder *holder;

	htable_for_each_match(holder, &holders->entries, node, hash)
		if (holder->is_wildcard == step->is_wildcard && holder->len == len &&
		    !memcmp(holder->name, step->name, len))
			return holder;
	return NULL;
}

/* the grants of a step as the engine wants them; to be freed */
static struct kdbus_policy_access *step_grants(const struct policy_plan_step *step)
{
	struct kdbus_policy_access *records = calloc(step->n_grants + 1, sizeof(*records));

	for (size_t i = 0; records && i < step->n_grants; i++) {
		/* the numbers are the same */
		records[i] = (struct kdbus_policy_access){
			.type = step->grants[i].principal.kind,
			.access = step->grants[i].access,
			.id = step->grants[i].principal.id,
		};
	}
	return records;
}

static void holder_exchange(struct holder *holder, struct policy_plan_step *step)
{
	struct policy_grant *grants = holder->grants;
	size_t n_grants = holder->n_grants;

	holder->grants = step->grants;
	holder->n_grants = step->n_grants;
	step->grants = grants;
	step->n_grants = n_grants;
}

static int holders_create(struct holders *holders, struct policy_plan_step *step,
			  const struct kdbus_policy_access *records)
{
	size_t len = strlen(step->name);
	struct holder *holder;
	int r;

	holder = calloc(1, sizeof(*holder) + len + sizeof(".*"));
	if (!holder)
		return -ENOMEM;
	holder->is_wildcard = step->is_wildcard;
	holder->len = len;
	stpcpy(stpcpy(holder->name, step->name), step->is_wildcard ? ".*" : "");
	r = engine_policy_add(holders->engine, holder->name, records, step->n_grants,
			      &holder->policy);
	if (r < 0) {
		free(holder);
		return r;
	}
	holder_exchange(holder, step);
	htable_add(&holders->entries, &holder->node, htable_hash(step->name, len));
	return 0;
}

static int holders_update(struct holders *holders, struct policy_plan_step *step,
			  const struct kdbus_policy_access *records)
{
	struct holder *holder = holders_find(holders, step);
	int r;

	r = engine_policy_replace(holder->policy, records, step->n_grants);
	if (r < 0)
		return r;
	holder_exchange(holder, step);
	return 0;
}

static void holders_remove(struct holders *holders, struct policy_plan_step *step)
{
	struct holder *holder = holders_find(holders, step);

	holder_exchange(holder, step);
	htable_remove(&holders->entries, &holder->node);
	holder_free(holder);
}

static int holders_run(struct holders *holders, struct policy_plan_step *step,
		       enum policy_step_kind kind)
{
	__cleanup(freep) struct kdbus_policy_access *records = NULL;

	if (kind == POLICY_STEP_CLOSE) {
		holders_remove(holders, step);
		return 0;
	}
	records = step_grants(step);
	if (!records)
		return -ENOMEM;
	if (kind == POLICY_STEP_CREATE)
		return holders_create(holders, step, records);
	return holders_update(holders, step, records);
}

int holders_take(struct holders *holders, struct policy_plan_step *step)
{
	return holders_run(holders, step, step->kind);
}

int holders_take_back(struct holders *holders, struct policy_plan_step *step)
{
	static const enum policy_step_kind inverse[] = {
		[POLICY_STEP_CREATE] = POLICY_STEP_CLOSE,
		[POLICY_STEP_UPDATE] = POLICY_STEP_UPDATE,
		[POLICY_STEP_CLOSE] = POLICY_STEP_CREATE,
	};

	return holders_run(holders, step, inverse[step->kind]);
}

/* ALL OF IT */

static void holders_walk_back(struct holders *holders, struct policy_plan *plan, size_t n_taken)
{
	while (n_taken--) {
		if (!holders_take_back(holders, &plan->steps[n_taken]))
			continue;
		holders_close_all(holders);
		log_error("Nor can the old one: peers without a proxy are granted nothing");
		return;
	}
}

int holders_replace(struct holders *holders, struct policy_grants *grants)
{
	__cleanup(policy_plan_freep) struct policy_plan *plan = NULL;
	int r;

	r = policy_plan_new(holders->grants, grants, &plan);
	if (r < 0)
		return r;
	for (size_t i = 0; i < plan->n_steps; i++) {
		const struct policy_plan_step *step = &plan->steps[i];

		r = holders_take(holders, &plan->steps[i]);
		if (r < 0) {
			log_error("The policy for %s%s cannot be put into the engine: %s",
				  step->name, step->is_wildcard ? ".*" : "", strerror(-r));
			holders_walk_back(holders, plan, i);
			return r;
		}
	}
	policy_grants_free(holders->grants);
	holders->grants = grants;
	return 0;
}

int holders_load(struct holders *holders, struct policy *policy, uint32_t owner_uid)
{
	__cleanup(policy_grants_freep) struct policy_grants *grants = NULL;
	int r;

	if (policy_get_rules(policy)->n_rules > MAX_RULES) {
		log_warning("More than %d rules: peers without a proxy are granted nothing",
			    MAX_RULES);
		holders_close_all(holders);
		return 0;
	}
	/* nobody keeps peers here from owning names side by side that rules tell apart */
	r = policy_compile(policy, owner_uid, POLICY_COMPILE_STRICT, &grants);
	if (!r)
		r = holders_replace(holders, grants);
	if (!r)
		steal(grants);
	return r;
}
