/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Holders: see holders.h.
 *
 * The compiler says what the entries are, its plan in which order to change them.  A
 * step that is taken leaves in the plan what the entry had before, so a plan that fails
 * half way is walked back the way it came, through states that were fine the first time.
 * If there is no way back either, all entries go: wildcards first, that none shows
 * through where a name was.
 *
 * A name with an activator always has an entry of its own, which says the same as the
 * policy without it would.  So the plan knows nothing of activators; which entries are
 * some is settled behind it, and makes no difference to what is granted.
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
 * @policy: the engine's, owned; NULL: it is the activator of
 * @activated: this name
 * @grants: what it holds
 * @is_wildcard: it is one
 * @name: as the engine knows it, with ".*" behind a wildcard's
 * @len: of it, without that
 */
struct holder {
	struct htable_node node;
	struct engine_policy *policy;
	struct holders_name *activated;
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
 * @compiled: what the policy grants; NULL: nothing
 * @grants: the same, with the names that have activators; what @entries are
 * @before: struct holders_name, those that had one before the change that is under way
 */
struct holders {
	struct engine *engine;
	struct htable entries;
	struct policy_grants *compiled;
	struct policy_grants *grants;
	struct list_head before;
};

int holders_new(struct engine *engine, struct holders **holders_out)
{
	struct holders *holders = calloc(1, sizeof(*holders));

	if (!holders)
		return -ENOMEM;
	holders->engine = engine;
	htable_init(&holders->entries);
	INIT_LIST_HEAD(&holders->before);
	*holders_out = holders;
	return 0;
}

static void holder_free(struct holder *holder)
{
	engine_policy_remove(holder->policy);
	if (holder->activated)
		holder->activated->activator =
			engine_activator_remove(holder->activated->activator);
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
	holders->compiled = policy_grants_free(holders->compiled);
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

static struct holder *holders_find(struct holders *holders, const char *name, bool is_wildcard)
{
	size_t len = strlen(name);
	uint64_t hash = htable_hash(name, len);
	struct holder *holder;

	htable_for_each_match(holder, &holders->entries, node, hash)
		if (holder->is_wildcard == is_wildcard && holder->len == len &&
		    !memcmp(holder->name, name, len))
			return holder;
	return NULL;
}

/* grants as the engine wants them; to be freed */
static struct kdbus_policy_access *records_of(const struct policy_grant *grants, size_t n_grants)
{
	struct kdbus_policy_access *records = calloc(n_grants + 1, sizeof(*records));

	for (size_t i = 0; records && i < n_grants; i++) {
		/* the numbers are the same */
		records[i] = (struct kdbus_policy_access){
			.type = grants[i].principal.kind,
			.access = grants[i].access,
			.id = grants[i].principal.id,
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
	struct holder *holder = holders_find(holders, step->name, step->is_wildcard);
	int r;

	if (holder->activated)
		r = engine_activator_replace(holder->activated->activator, records, step->n_grants);
	else
		r = engine_policy_replace(holder->policy, records, step->n_grants);
	if (r < 0)
		return r;
	holder_exchange(holder, step);
	return 0;
}

static void holders_remove(struct holders *holders, struct policy_plan_step *step)
{
	struct holder *holder = holders_find(holders, step->name, step->is_wildcard);

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
	records = records_of(step->grants, step->n_grants);
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

/* ACTIVATORS */

/* the entry of @name becomes its activator */
static int holders_activate(struct holders *holders, struct holders_name *name)
{
	struct holder *holder = holders_find(holders, name->name, false);
	__cleanup(freep) struct kdbus_policy_access *records = NULL;
	int r;

	records = records_of(holder->grants, holder->n_grants);
	if (!records)
		return -ENOMEM;
	r = engine_activator_add(holders->engine, name->name, records, holder->n_grants,
				 name->userdata, &name->activator);
	if (r < 0)
		return r;
	holder->policy = engine_policy_remove(holder->policy);
	holder->activated = name;
	return 0;
}

/* the entry stays, its activator goes */
static int holder_deactivate(struct holders *holders, struct holder *holder)
{
	__cleanup(freep) struct kdbus_policy_access *records = NULL;
	int r;

	records = records_of(holder->grants, holder->n_grants);
	if (!records)
		return -ENOMEM;
	r = engine_policy_add(holders->engine, holder->name, records, holder->n_grants,
			      &holder->policy);
	if (r < 0)
		return r;
	holder->activated->activator = engine_activator_remove(holder->activated->activator);
	holder->activated = NULL;
	return 0;
}

/* entries with activators for which @is_meant holds */
static int holders_deactivate(struct holders *holders,
			      bool (*is_meant)(const struct holders_name *name))
{
	struct holder *holder;
	struct hlist_node *tmp;
	int r = 0;
	size_t i;

	htable_for_each_safe(holder, tmp, i, &holders->entries, node)
		if (!r && holder->activated && is_meant(holder->activated))
			r = holder_deactivate(holders, holder);
	return r;
}

static bool is_unwanted(const struct holders_name *name)
{
	return !name->is_wanted;
}

static bool is_new(const struct holders_name *name)
{
	return name->is_new;
}

static void holders_mark(struct holders *holders, struct list_head *names)
{
	struct holders_name *name;
	struct holder *holder;
	struct hlist_node *tmp;
	size_t i;

	INIT_LIST_HEAD(&holders->before);
	htable_for_each_safe(holder, tmp, i, &holders->entries, node) {
		if (holder->activated) {
			holder->activated->is_wanted = false;
			holder->activated->is_new = false;
			list_add_tail(&holder->activated->before, &holders->before);
		}
	}
	list_for_each_entry(name, names, link) {
		name->is_wanted = true;
		name->is_new = !name->activator;
	}
}

/* unless it has one */
static int holders_give_activator(struct holders *holders, struct holders_name *name)
{
	int r = name->activator ? 0 : holders_activate(holders, name);

	if (r < 0)
		log_error("Messages for %s cannot wait for it to be started: %s", name->name,
			  strerror(-r));
	return r;
}

static int holders_settle(struct holders *holders, struct list_head *names)
{
	struct holders_name *name;
	int r;

	list_for_each_entry(name, names, link) {
		r = holders_give_activator(holders, name);
		if (r < 0)
			return r;
	}
	return holders_deactivate(holders, is_unwanted);
}

/* ALL OF IT */

static void holders_walk_back(struct holders *holders, struct policy_plan *plan, size_t n_taken)
{
	int r = holders_deactivate(holders, is_new);
	struct holders_name *name;

	while (!r && n_taken--)
		r = holders_take_back(holders, &plan->steps[n_taken]);
	/* who has none now is not started any more; what is granted is the same */
	if (!r)
		list_for_each_entry(name, &holders->before, before)
			holders_give_activator(holders, name);
	if (!r)
		return;
	holders_close_all(holders);
	log_error("Nor can the old one: peers without a proxy are granted nothing");
}

/* what the grants are for these names */
static int holders_pin(const struct policy_grants *compiled, struct list_head *names,
		       struct policy_grants **grants_out)
{
	static const struct policy_grants none = {NULL, 0};
	__cleanup(freep) const char **array = NULL;
	struct holders_name *name;
	size_t n = 0;

	list_for_each_entry(name, names, link)
		n++;
	array = calloc(n + 1, sizeof(*array));
	if (!array)
		return -ENOMEM;
	n = 0;
	list_for_each_entry(name, names, link)
		array[n++] = name->name;
	return policy_grants_pin(compiled ?: &none, array, n, grants_out);
}

static int holders_apply(struct holders *holders, const struct policy_grants *compiled,
			 struct list_head *names)
{
	__cleanup(policy_grants_freep) struct policy_grants *grants = NULL;
	__cleanup(policy_plan_freep) struct policy_plan *plan = NULL;
	size_t n_taken;
	int r;

	r = holders_pin(compiled, names, &grants);
	if (!r)
		r = policy_plan_new(holders->grants, grants, &plan);
	if (r < 0)
		return r;
	holders_mark(holders, names);
	for (n_taken = 0; n_taken < plan->n_steps && !r; n_taken++) {
		const struct policy_plan_step *step = &plan->steps[n_taken];

		r = holders_take(holders, &plan->steps[n_taken]);
		if (r < 0) {
			log_error("The policy for %s%s cannot be put into the engine: %s",
				  step->name, step->is_wildcard ? ".*" : "", strerror(-r));
			holders_walk_back(holders, plan, n_taken);
			return r;
		}
	}
	r = holders_settle(holders, names);
	if (r < 0) {
		holders_walk_back(holders, plan, n_taken);
		return r;
	}
	policy_grants_free(holders->grants);
	holders->grants = steal(grants);
	return 0;
}

int holders_replace(struct holders *holders, struct policy_grants *grants, struct list_head *names)
{
	int r = holders_apply(holders, grants, names);

	if (r < 0)
		return r;
	policy_grants_free(holders->compiled);
	holders->compiled = grants;
	return 0;
}

int holders_rename(struct holders *holders, struct list_head *names)
{
	return holders_apply(holders, holders->compiled, names);
}

int holders_load(struct holders *holders, struct policy *policy, uint32_t owner_uid,
		 struct list_head *names)
{
	__cleanup(policy_grants_freep) struct policy_grants *grants = NULL;
	int r;

	if (policy_get_rules(policy)->n_rules > MAX_RULES) {
		log_warning("More than %d rules: peers without a proxy are granted nothing",
			    MAX_RULES);
		return holders_replace(holders, NULL, names);
	}
	/* nobody keeps peers here from owning names side by side that rules tell apart */
	r = policy_compile(policy, owner_uid, POLICY_COMPILE_STRICT, &grants);
	if (!r)
		r = holders_replace(holders, grants, names);
	if (!r)
		steal(grants);
	return r;
}
