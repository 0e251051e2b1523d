/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Policy for the engine: see policy-compile.h
 *
 * Per name and principal, talking needs four things:
 *
 *	call		the principal may send the owner every call
 *	receive call	every peer that may own the name receives every call from it
 *	signal		the principal receives every signal from the owner
 *	send signal	every peer that may own the name may send it every signal
 *
 * The first and the third depend on the name, the other two on who may own it; these
 * are worked out once per principal, as sets of classes that are in the way.  A group
 * or WORLD consists of all classes: a grant cannot be taken back from some of them.
 *
 * The bus owner is no principal, as it needs no grant, but it is an owner of names as
 * others are.
 */
#include "policy-parser/policy-compile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "policy-parser/policy-classes.h"
#include "policy-parser/policy-grants.h"

#define DRIVER_NAME "org.freedesktop.DBus"
#define MAX_NAME    255

/* some name below a prefix: an element that no name can have, so that no rule means it */
#define SOME_ELEMENT ".\x01"

#define NO_NAME UINT32_MAX

/**
 * struct name - a name that rules mention, or a wildcard
 * @text: name; wildcard: with SOME_ELEMENT at its end
 * @size: without SOME_ELEMENT
 * @owners: set of classes that may own it, with some groups
 */
struct name {
	const char *text;
	char *allocated;
	size_t size;
	bool is_wildcard;
	bool is_denied;
	uint64_t *owners;
};

/**
 * struct candidate - a principal
 * @class: of a USER
 * @group_tier: of a GROUP, else POLICY_NO_TIER
 * @deaf: set of classes that do not receive every call from it
 * @mute: set of classes that may not send it every signal
 */
struct candidate {
	struct policy_principal principal;
	size_t class;
	size_t group_tier;
	uint64_t *deaf;
	uint64_t *mute;
};

/**
 * struct compiler - a compilation
 * @n_words: of a set of classes
 * @sets: all sets
 * @name_of_symbol: index of a name, or NO_NAME
 * @own, @call, @signal, @pair: outcomes per tier, of what is being looked at
 * @grants: what comes out
 * @some_grants, @some_obstacles: of the name that is being looked at, with room for all
 */
struct compiler {
	struct policy_classes classes;
	unsigned flags;
	struct name *names;
	size_t n_names;
	uint32_t *name_of_symbol;
	struct candidate *candidates;
	size_t n_candidates;
	size_t n_words;
	uint64_t *sets;
	uint64_t *anybody;
	struct policy_outcome *own;
	struct policy_outcome *call;
	struct policy_outcome *signal;
	struct policy_outcome *pair;
	struct policy_grants *grants;
	struct policy_grant *some_grants;
	struct policy_obstacle *some_obstacles;
};

/* SETS OF CLASSES */

static void set_add(uint64_t *set, size_t i)
{
	set[i / 64] |= UINT64_C(1) << i % 64;
}

static bool set_has(const uint64_t *set, size_t i)
{
	return set[i / 64] >> i % 64 & 1;
}

/* the first class that is in both; SIZE_MAX: none */
static size_t set_first_common(const struct compiler *compiler, const uint64_t *a,
			       const uint64_t *b)
{
	for (size_t i = 0; i < compiler->n_words; i++)
		if (a[i] & b[i])
			return 64 * i + __builtin_ctzll(a[i] & b[i]);
	return SIZE_MAX;
}

/* NAMES */

static bool is_element_char(char c, bool is_first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' ||
	       (!is_first && c >= '0' && c <= '9');
}

/* what can be owned, and is not the driver's */
static bool is_name(const char *text, size_t min_elements)
{
	size_t n_elements = 0;

	if (strlen(text) > MAX_NAME || !strcmp(text, DRIVER_NAME))
		return false;
	for (const char *c = text;; c++) {
		if (!is_element_char(*c, true))
			return false;
		while (is_element_char(*c, false))
			c++;
		n_elements++;
		if (!*c)
			return n_elements >= min_elements;
		if (*c != '.')
			return false;
	}
}

static int name_compare(const void *ap, const void *bp)
{
	const struct name *a = ap, *b = bp;

	return policy_holder_compare(a->text, a->size, a->is_wildcard, b->text, b->size,
				     b->is_wildcard);
}

static int compiler_add_name(struct compiler *compiler, const char *text, bool is_wildcard)
{
	struct name *name = &compiler->names[compiler->n_names];

	*name = (struct name){.text = text, .size = strlen(text), .is_wildcard = is_wildcard};
	if (is_wildcard) {
		if (asprintf(&name->allocated, "%s" SOME_ELEMENT, text) < 0) {
			name->allocated = NULL;
			return -ENOMEM;
		}
		name->text = name->allocated;
	}
	compiler->n_names++;
	return 0;
}

static void compiler_sort_names(struct compiler *compiler)
{
	size_t n = 0;

	if (compiler->n_names)
		qsort(compiler->names, compiler->n_names, sizeof(*compiler->names), name_compare);
	for (size_t i = 0; i < compiler->n_names; i++) {
		struct name *name = &compiler->names[i];

		if (n && !name_compare(&compiler->names[n - 1], name))
			free(name->allocated);
		else
			compiler->names[n++] = *name;
	}
	compiler->n_names = n;
}

static int compiler_collect_names(struct compiler *compiler)
{
	const struct policy_rules *rules = compiler->classes.policy->rules;
	int r;

	compiler->names = calloc(2 * rules->n_rules + 1, sizeof(*compiler->names));
	if (!compiler->names)
		return -ENOMEM;
	for (size_t i = 0; i < rules->n_rules; i++) {
		const struct policy_rule *rule = &rules->rules[i];

		if (rule->kind >= POLICY_N_SETS || !rule->name)
			continue;
		/* a prefix is a name as well, if it has two elements */
		r = is_name(rule->name, 2) ? compiler_add_name(compiler, rule->name, false) : 0;
		if (!r && rule->is_prefix && is_name(rule->name, 1) &&
		    strlen(rule->name) + strlen(".*") <= MAX_NAME)
			r = compiler_add_name(compiler, rule->name, true);
		if (r < 0)
			return r;
	}
	compiler_sort_names(compiler);
	return 0;
}

static void compiler_index_names(struct compiler *compiler)
{
	const struct policy *policy = compiler->classes.policy;

	for (size_t i = 0; i <= policy->symbols.n_symbols; i++)
		compiler->name_of_symbol[i] = NO_NAME;
	for (size_t i = 0; i < compiler->n_names; i++) {
		const struct name *name = &compiler->names[i];
		uint32_t symbol = policy_symbols_find(&policy->symbols, name->text, name->size);

		if (!name->is_wildcard)
			compiler->name_of_symbol[symbol] = i;
	}
}

static void compiler_find_owners(struct compiler *compiler)
{
	const struct policy_classes *classes = &compiler->classes;

	for (size_t i = 0; i < compiler->n_names; i++) {
		struct name *name = &compiler->names[i];

		policy_classes_ask(classes, POLICY_ASK_OWN, name->text, compiler->own);
		for (size_t k = 0; k < classes->n_classes; k++) {
			if (!policy_class_may(classes, compiler->own, &classes->classes[k]))
				continue;
			set_add(name->owners, k);
			if (k != POLICY_CLASS_OWNER)
				set_add(compiler->anybody, i);
		}
	}
}

/* is there a rule that denies something about this very name? */
static void compiler_find_denied(struct compiler *compiler)
{
	const struct policy_rules *rules = compiler->classes.policy->rules;

	for (size_t i = 0; i < rules->n_rules; i++) {
		const struct policy_rule *rule = &rules->rules[i];
		struct name key;
		struct name *name;

		if (rule->is_allow || !rule->name || rule->kind > POLICY_RULE_RECEIVE)
			continue;
		key = (struct name){
			.text = rule->name, .size = strlen(rule->name), .is_wildcard = false};
		name = bsearch(&key, compiler->names, compiler->n_names, sizeof(key), name_compare);
		if (name)
			name->is_denied = true;
		key.is_wildcard = true;
		name = bsearch(&key, compiler->names, compiler->n_names, sizeof(key), name_compare);
		if (name && rule->is_prefix)
			name->is_denied = true;
	}
}

/* OTHER NAMES OF THE SAME PEER, if they count */

/* the last deny of a list: an allow about a name that a peer may not have decides nothing */
static struct policy_outcome list_last_deny(const struct compiler *compiler,
					    const struct policy_list *list, enum policy_ask ask)
{
	for (uint32_t n = list->n_tests; n--;) {
		struct policy_list one = {.first = list->first + n, .n_tests = 1};
		struct policy_outcome outcome = policy_list_outcome(&compiler->classes, &one, ask);

		if (outcome.value == POLICY_MAYBE)
			return outcome;
	}
	return (struct policy_outcome){POLICY_UNDECIDED, POLICY_RULE_NONE};
}

typedef bool (*may_have_fn)(const struct compiler *compiler, const struct name *name,
			    const void *userdata);

/* may the peers in question have the name, or a name below the prefix, of a list besides? */
static bool list_counts(const struct compiler *compiler, const struct policy_list *list,
			may_have_fn may_have, const void *userdata)
{
	const struct policy *policy = compiler->classes.policy;
	const struct policy_rule *rule = &policy->rules->rules[policy->tests[list->first].rule];
	uint32_t index = compiler->name_of_symbol[list->symbol];

	/* a unique name is had by whoever has it */
	if (rule->name[0] == ':')
		return true;
	if (!(compiler->flags & POLICY_COMPILE_STRICT))
		return false;
	return rule->is_prefix ||
	       (index != NO_NAME && may_have(compiler, &compiler->names[index], userdata));
}

/* denies about names that the peers in question may have besides */
static void compiler_merge_denies(struct compiler *compiler, enum policy_ask ask,
				  may_have_fn may_have, const void *userdata,
				  struct policy_outcome *outcomes)
{
	const struct policy *policy = compiler->classes.policy;
	unsigned kind = ask == POLICY_ASK_SEND_CALL || ask == POLICY_ASK_SEND_SIGNAL
				? POLICY_RULE_SEND
				: POLICY_RULE_RECEIVE;

	if (!(compiler->flags & POLICY_COMPILE_STRICT) && !policy->has_unique_names)
		return;
	for (size_t i = 0; i < policy->n_tiers; i++) {
		const struct policy_rule_set *set = &policy->tiers[i].sets[kind];

		for (size_t k = 0; k < set->n_names + set->n_prefixes; k++) {
			const struct policy_list *list = k < set->n_names
								 ? &set->names[k]
								 : &set->prefixes[k - set->n_names];
			struct policy_outcome outcome;

			if (!list_counts(compiler, list, may_have, userdata))
				continue;
			outcome = list_last_deny(compiler, list, ask);
			policy_outcome_merge(&outcomes[i], &outcome);
		}
	}
}

/* may somebody have this name together with the one that @userdata is? */
static bool is_co_owned(const struct compiler *compiler, const struct name *name,
			const void *userdata)
{
	const struct name *other = userdata;

	return set_first_common(compiler, name->owners, other->owners) != SIZE_MAX;
}

static bool is_owned_by(const struct compiler *compiler, const struct name *name,
			const void *userdata)
{
	const struct candidate *candidate = userdata;

	if (candidate->principal.kind == POLICY_USER)
		return set_has(name->owners, candidate->class);
	return set_has(compiler->anybody, name - compiler->names);
}

/* CANDIDATES */

static const struct policy_class *candidate_class(const struct compiler *compiler,
						  const struct candidate *candidate, size_t i)
{
	if (candidate->principal.kind == POLICY_USER)
		return i ? NULL : &compiler->classes.classes[candidate->class];
	/* all but the bus owner */
	i += POLICY_CLASS_OWNER + 1;
	return i < compiler->classes.n_classes ? &compiler->classes.classes[i] : NULL;
}

/* what holds for all peers that it consists of; *class_out: the first for which it does not */
static struct policy_outcome candidate_outcome(const struct compiler *compiler,
					       const struct candidate *candidate,
					       const struct policy_outcome *outcomes,
					       uint32_t *uid_out)
{
	struct policy_outcome outcome = {POLICY_MAYBE, POLICY_RULE_NONE};
	const struct policy_class *class;

	for (size_t i = 0; (class = candidate_class(compiler, candidate, i)); i++) {
		outcome = policy_class_outcome(&compiler->classes, outcomes, class,
					       candidate->group_tier);
		*uid_out = class->uid;
		if (outcome.value == POLICY_MAYBE)
			return outcome;
	}
	return outcome;
}

static void candidate_find_partners(struct compiler *compiler, struct candidate *candidate)
{
	const struct policy_classes *classes = &compiler->classes;
	size_t size = classes->policy->n_tiers * sizeof(struct policy_outcome);

	memcpy(compiler->call, classes->any[POLICY_ASK_RECEIVE_CALL], size);
	compiler_merge_denies(compiler, POLICY_ASK_RECEIVE_CALL, is_owned_by, candidate,
			      compiler->call);
	memcpy(compiler->signal, classes->any[POLICY_ASK_SEND_SIGNAL], size);
	compiler_merge_denies(compiler, POLICY_ASK_SEND_SIGNAL, is_owned_by, candidate,
			      compiler->signal);
	for (size_t i = 0; i < classes->n_classes; i++) {
		const struct policy_class *class = &classes->classes[i];

		if (policy_class_outcome(classes, compiler->call, class, POLICY_NO_TIER).value ==
		    POLICY_MAYBE)
			set_add(candidate->deaf, i);
		if (policy_class_outcome(classes, compiler->signal, class, POLICY_NO_TIER).value ==
		    POLICY_MAYBE)
			set_add(candidate->mute, i);
	}
}

static void compiler_add_candidate(struct compiler *compiler, enum policy_principal_kind kind,
				   uint32_t id, size_t class, size_t group_tier)
{
	compiler->candidates[compiler->n_candidates++] = (struct candidate){
		.principal = {kind, id}, .class = class, .group_tier = group_tier};
}

static int compiler_make_candidates(struct compiler *compiler)
{
	const struct policy_classes *classes = &compiler->classes;
	const struct policy *policy = classes->policy;

	compiler->candidates =
		calloc(classes->n_classes + policy->n_tiers + 1, sizeof(*compiler->candidates));
	if (!compiler->candidates)
		return -ENOMEM;
	for (size_t i = POLICY_CLASS_OWNER + 1; i < classes->n_classes; i++)
		if (classes->classes[i].uid < POLICY_UID_UNRESOLVED)
			compiler_add_candidate(compiler, POLICY_USER, classes->classes[i].uid, i,
					       POLICY_NO_TIER);
	for (size_t i = classes->first_group_tier; i < classes->end_group_tiers; i++)
		if (policy->tiers[i].id < classes->first_placeholder)
			compiler_add_candidate(compiler, POLICY_GROUP, policy->tiers[i].id, 0, i);
	compiler_add_candidate(compiler, POLICY_WORLD, 0, 0, POLICY_NO_TIER);
	return 0;
}

/* memory for all sets */
static int compiler_make_sets(struct compiler *compiler)
{
	size_t n_sets = compiler->n_names + 2 * compiler->n_candidates;
	size_t n_anybody = compiler->n_names / 64 + 1;
	uint64_t *set;

	compiler->n_words = compiler->classes.n_classes / 64 + 1;
	compiler->sets = calloc(n_sets * compiler->n_words + n_anybody, sizeof(*compiler->sets));
	if (!compiler->sets)
		return -ENOMEM;
	compiler->anybody = compiler->sets;
	set = compiler->sets + n_anybody;
	for (size_t i = 0; i < compiler->n_names; i++, set += compiler->n_words)
		compiler->names[i].owners = set;
	for (size_t i = 0; i < compiler->n_candidates; i++) {
		compiler->candidates[i].deaf = set;
		set += compiler->n_words;
		compiler->candidates[i].mute = set;
		set += compiler->n_words;
	}
	return 0;
}

static int compiler_make_room(struct compiler *compiler)
{
	size_t n_tiers = compiler->classes.policy->n_tiers;

	compiler->name_of_symbol = calloc(compiler->classes.policy->symbols.n_symbols + 1,
					  sizeof(*compiler->name_of_symbol));
	compiler->own = calloc(4 * n_tiers + 1, sizeof(*compiler->own));
	compiler->some_grants = calloc(compiler->n_candidates, sizeof(*compiler->some_grants));
	if (!compiler->own || !compiler->name_of_symbol || !compiler->some_grants)
		return -ENOMEM;
	if (compiler->flags & POLICY_COMPILE_EXPLAIN) {
		compiler->some_obstacles =
			calloc(2 * compiler->n_candidates, sizeof(*compiler->some_obstacles));
		if (!compiler->some_obstacles)
			return -ENOMEM;
	}
	compiler->call = compiler->own + n_tiers;
	compiler->signal = compiler->call + n_tiers;
	compiler->pair = compiler->signal + n_tiers;
	return 0;
}

/* GRANTS */

static void add_obstacle(struct policy_holder *holder, const struct candidate *candidate,
			 enum policy_access access, enum policy_obstacle_kind kind, uint32_t uid,
			 uint32_t rule)
{
	/* there is room for some only if anybody wants to know */
	if (!holder->obstacles)
		return;
	holder->obstacles[holder->n_obstacles++] = (struct policy_obstacle){
		.principal = candidate->principal,
		.access = access,
		.kind = kind,
		.uid = uid,
		.rule = rule,
	};
}

static void add_grant(struct policy_holder *holder, const struct policy_principal *principal,
		      enum policy_access access)
{
	holder->grants[holder->n_grants++] =
		(struct policy_grant){.principal = *principal, .access = access};
}

/* the rule that keeps a class from receiving from, or sending to, a candidate */
static uint32_t find_partner_rule(struct compiler *compiler, const struct candidate *candidate,
				  size_t class, enum policy_ask ask)
{
	const struct policy_classes *classes = &compiler->classes;

	if (!(compiler->flags & POLICY_COMPILE_EXPLAIN))
		return POLICY_RULE_NONE;
	memcpy(compiler->pair, classes->any[ask],
	       classes->policy->n_tiers * sizeof(*compiler->pair));
	compiler_merge_denies(compiler, ask, is_owned_by, candidate, compiler->pair);
	return policy_class_outcome(classes, compiler->pair, &classes->classes[class],
				    POLICY_NO_TIER)
		.rule;
}

/* for the name that compiler->call and compiler->signal are about */
static bool may_talk(struct compiler *compiler, const struct name *name,
		     const struct candidate *candidate, struct policy_holder *holder)
{
	struct policy_outcome outcome;
	uint32_t uid = 0;
	size_t class;

	outcome = candidate_outcome(compiler, candidate, compiler->call, &uid);
	if (outcome.value == POLICY_MAYBE) {
		add_obstacle(holder, candidate, POLICY_TALK, POLICY_OBSTACLE_CALL, uid,
			     outcome.rule);
		return false;
	}
	class = set_first_common(compiler, name->owners, candidate->deaf);
	if (class != SIZE_MAX) {
		add_obstacle(
			holder, candidate, POLICY_TALK, POLICY_OBSTACLE_RECEIVE_CALL,
			compiler->classes.classes[class].uid,
			find_partner_rule(compiler, candidate, class, POLICY_ASK_RECEIVE_CALL));
		return false;
	}
	outcome = candidate_outcome(compiler, candidate, compiler->signal, &uid);
	if (outcome.value == POLICY_MAYBE) {
		add_obstacle(holder, candidate, POLICY_TALK, POLICY_OBSTACLE_SIGNAL, uid,
			     outcome.rule);
		return false;
	}
	class = set_first_common(compiler, name->owners, candidate->mute);
	if (class != SIZE_MAX) {
		add_obstacle(holder, candidate, POLICY_TALK, POLICY_OBSTACLE_SEND_SIGNAL,
			     compiler->classes.classes[class].uid,
			     find_partner_rule(compiler, candidate, class, POLICY_ASK_SEND_SIGNAL));
		return false;
	}
	return true;
}

/* one that the candidate shares the name with; the bus owner does not count */
static size_t find_other_owner(const struct compiler *compiler, const struct name *name,
			       const struct candidate *candidate)
{
	for (size_t i = POLICY_CLASS_OWNER + 1; i < compiler->classes.n_classes; i++)
		if (set_has(name->owners, i) &&
		    (candidate->principal.kind != POLICY_USER || i != candidate->class))
			return i;
	return SIZE_MAX;
}

/* would the rules let it own the name, with the right groups? */
static bool is_would_be_owner(const struct compiler *compiler, const struct name *name,
			      const struct candidate *candidate)
{
	switch (candidate->principal.kind) {
	case POLICY_USER:
		return set_has(name->owners, candidate->class);
	case POLICY_GROUP:
		return compiler->own[candidate->group_tier].value == POLICY_ALWAYS;
	default:
		return set_has(name->owners, POLICY_CLASS_OTHER);
	}
}

static bool may_own(struct compiler *compiler, const struct name *name,
		    const struct candidate *candidate, bool is_talking,
		    struct policy_holder *holder)
{
	struct policy_outcome outcome;
	uint32_t uid = 0;
	size_t other;

	if (!is_would_be_owner(compiler, name, candidate))
		return false;
	outcome = candidate_outcome(compiler, candidate, compiler->own, &uid);
	if (outcome.value == POLICY_MAYBE) {
		add_obstacle(holder, candidate, POLICY_OWN, POLICY_OBSTACLE_OWN, uid, outcome.rule);
		return false;
	}
	if (is_talking)
		return true;
	other = find_other_owner(compiler, name, candidate);
	if (other == SIZE_MAX && candidate->principal.kind == POLICY_USER)
		return true;
	add_obstacle(holder, candidate, POLICY_OWN, POLICY_OBSTACLE_SHARED,
		     other == SIZE_MAX ? POLICY_UID_OTHER : compiler->classes.classes[other].uid,
		     POLICY_RULE_NONE);
	return false;
}

static void compile_grants(struct compiler *compiler, const struct name *name,
			   struct policy_holder *holder)
{
	const struct candidate *world = &compiler->candidates[compiler->n_candidates - 1];
	bool is_world_talking = may_talk(compiler, name, world, holder);

	if (may_own(compiler, name, world, is_world_talking, holder)) {
		add_grant(holder, &world->principal, POLICY_OWN);
		return;
	}
	for (const struct candidate *candidate = compiler->candidates; candidate < world;
	     candidate++) {
		bool is_talking = is_world_talking || may_talk(compiler, name, candidate, holder);

		if (may_own(compiler, name, candidate, is_talking, holder))
			add_grant(holder, &candidate->principal, POLICY_OWN);
		else if (is_talking && !is_world_talking)
			add_grant(holder, &candidate->principal, POLICY_TALK);
	}
	if (is_world_talking)
		add_grant(holder, &world->principal, POLICY_TALK);
}

/* copies of exactly so many; none: NULL */
static int copy_items(void *copy_out, const void *items, size_t n_items, size_t size)
{
	void *copy;

	*(void **)copy_out = NULL;
	if (!n_items)
		return 0;
	copy = calloc(n_items, size);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, items, n_items * size);
	*(void **)copy_out = copy;
	return 0;
}

static int compile_name(struct compiler *compiler, const struct name *name)
{
	const struct policy_classes *classes = &compiler->classes;
	struct policy_holder *holder = &compiler->grants->holders[compiler->grants->n_holders];
	struct policy_holder found = {
		.is_wildcard = name->is_wildcard,
		.is_denied = name->is_denied,
		.grants = compiler->some_grants,
		.obstacles = compiler->some_obstacles,
	};
	int r;

	policy_classes_ask(classes, POLICY_ASK_OWN, name->text, compiler->own);
	policy_classes_ask(classes, POLICY_ASK_SEND_CALL, name->text, compiler->call);
	compiler_merge_denies(compiler, POLICY_ASK_SEND_CALL, is_co_owned, name, compiler->call);
	policy_classes_ask(classes, POLICY_ASK_RECEIVE_SIGNAL, name->text, compiler->signal);
	compiler_merge_denies(compiler, POLICY_ASK_RECEIVE_SIGNAL, is_co_owned, name,
			      compiler->signal);
	compile_grants(compiler, name, &found);
	*holder = found;
	holder->grants = NULL;
	holder->obstacles = NULL;
	holder->name = strndup(name->text, name->size);
	compiler->grants->n_holders++;
	if (!holder->name)
		return -ENOMEM;
	r = copy_items(&holder->obstacles, found.obstacles, found.n_obstacles,
		       sizeof(*found.obstacles));
	return r < 0 ? r
		     : copy_items(&holder->grants, found.grants, found.n_grants,
				  sizeof(*found.grants));
}

/* a name that has no grants, below a wildcard that has some, must hide it */
static int hide_wildcards(struct policy_grants *grants)
{
	static const struct policy_grant nothing = {{POLICY_WORLD, 0}, POLICY_SEE};

	for (size_t i = 0; i < grants->n_holders; i++) {
		struct policy_holder *holder = &grants->holders[i];
		char *dot = strrchr(holder->name, '.');
		const struct policy_holder *wildcard;

		if (holder->n_grants || holder->is_wildcard || !dot)
			continue;
		wildcard = policy_grants_find_entry(grants, holder->name, dot - holder->name, true);
		if (!wildcard || !wildcard->n_grants)
			continue;
		if (copy_items(&holder->grants, &nothing, 1, sizeof(nothing)) < 0)
			return -ENOMEM;
		holder->n_grants = 1;
	}
	return 0;
}

static void compiler_deinit(struct compiler *compiler)
{
	for (size_t i = 0; i < compiler->n_names; i++)
		free(compiler->names[i].allocated);
	free(compiler->names);
	free(compiler->name_of_symbol);
	free(compiler->candidates);
	free(compiler->sets);
	free(compiler->own);
	free(compiler->some_grants);
	free(compiler->some_obstacles);
	policy_grants_free(compiler->grants);
	policy_classes_deinit(&compiler->classes);
}

static int compiler_prepare(struct compiler *compiler)
{
	int r;

	r = compiler_collect_names(compiler);
	r = r < 0 ? r : compiler_make_candidates(compiler);
	r = r < 0 ? r : compiler_make_sets(compiler);
	r = r < 0 ? r : compiler_make_room(compiler);
	if (r < 0)
		return r;
	compiler_index_names(compiler);
	compiler_find_owners(compiler);
	compiler_find_denied(compiler);
	for (size_t i = 0; i < compiler->n_candidates; i++)
		candidate_find_partners(compiler, &compiler->candidates[i]);
	return 0;
}

int policy_compile(struct policy *policy, uint32_t owner_uid, unsigned flags,
		   struct policy_grants **grants_out)
{
	__cleanup(compiler_deinit) struct compiler compiler = {.flags = flags};
	int r;

	r = policy_classes_init(&compiler.classes, policy, owner_uid);
	r = r < 0 ? r : compiler_prepare(&compiler);
	if (r < 0)
		return r;
	compiler.grants = calloc(1, sizeof(*compiler.grants));
	if (!compiler.grants)
		return -ENOMEM;
	compiler.grants->holders = calloc(compiler.n_names + 1, sizeof(*compiler.grants->holders));
	if (!compiler.grants->holders)
		return -ENOMEM;
	for (size_t i = 0; i < compiler.n_names; i++) {
		r = compile_name(&compiler, &compiler.names[i]);
		if (r < 0)
			return r;
	}
	r = hide_wildcards(compiler.grants);
	if (r < 0)
		return r;
	*grants_out = steal(compiler.grants);
	return 0;
}
