/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Policy: compilation of the rules, see policy-private.h for what comes out
 *
 * The sections that resolve are sorted into tiers, their rules into one array of
 * tests by (tier, kind, list, rule), in which each list is a range.  Rules that no
 * message can match are left out, and within a tier those in front of one that
 * matches whatever there is.  Nothing changes afterwards.
 *
 * The cost is that of sorting the rules; how many peers there are, or how many
 * groups they are in, makes no difference.
 */
#include "policy-parser/policy.h"

#include <errno.h>
#include <string.h>

#include "policy-parser/policy-private.h"
#include "policy-parser/policy-users.h"

/* of a name in a rule; in the order in which they lie in policy.lists */
enum list_kind {
	LIST_ANY,
	LIST_NAME,
	LIST_PREFIX,
};

/**
 * struct item - a test on its way to its place
 * @tier: index of its tier
 * @set: enum policy_rule_kind
 * @list: enum list_kind
 * @symbol: of the name
 * @depth: number of elements of a prefix
 */
struct item {
	uint32_t tier;
	uint8_t set;
	uint8_t list;
	uint8_t depth;
	uint32_t symbol;
	struct policy_test test;
};

struct items {
	struct item *items;
	size_t n_items;
};

static void items_deinit(struct items *items)
{
	free(items->items);
}

static int compare(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int tier_compare(const void *ap, const void *bp)
{
	const struct policy_tier *a = ap, *b = bp;
	int r = compare(a->kind, b->kind);

	return r ? r : compare(a->id, b->id);
}

static int item_compare(const void *ap, const void *bp)
{
	const struct item *a = ap, *b = bp;
	int r = compare(a->tier, b->tier);

	r = r ? r : compare(a->set, b->set);
	r = r ? r : compare(a->list, b->list);
	r = r ? r : compare(a->symbol, b->symbol);
	return r ? r : compare(a->test.rule, b->test.rule);
}

static bool item_is_same_list(const struct item *a, const struct item *b)
{
	return a->tier == b->tier && a->set == b->set && a->list == b->list &&
	       a->symbol == b->symbol;
}

static bool resolve(const char *name, bool is_group, const struct policy_users *users,
		    uint32_t *id_out)
{
	if (policy_users_parse_id(name, id_out))
		return true;
	return is_group ? policy_users_find_group(users, name, id_out)
			: policy_users_find_user(users, name, id_out);
}

bool policy_section_resolve(const struct policy_section *section, const struct policy_users *users,
			    uint32_t *id_out)
{
	*id_out = 0;
	if (section->kind != POLICY_SECTION_GROUP && section->kind != POLICY_SECTION_USER)
		return true;
	/* "*" is nobody's name */
	return section->name &&
	       resolve(section->name, section->kind == POLICY_SECTION_GROUP, users, id_out);
}

size_t policy_find_tier(const struct policy *policy, enum policy_section_kind kind, uint32_t id)
{
	struct policy_tier key = {.kind = kind, .id = id};
	const struct policy_tier *tier;

	if (!policy->n_tiers)
		return 0;
	tier = bsearch(&key, policy->tiers, policy->n_tiers, sizeof(key), tier_compare);
	return tier ? (size_t)(tier - policy->tiers) : policy->n_tiers;
}

static int policy_make_tiers(struct policy *policy)
{
	const struct policy_rules *rules = policy->rules;
	size_t n = 0, n_unique = 0;

	policy->tiers = calloc(rules->n_sections + 1, sizeof(*policy->tiers));
	if (!policy->tiers)
		return -ENOMEM;
	for (size_t i = 0; i < rules->n_sections; i++) {
		struct policy_tier *tier = &policy->tiers[n];

		tier->kind = rules->sections[i].kind;
		if (policy_section_resolve(&rules->sections[i], policy->users, &tier->id))
			n++;
	}
	qsort(policy->tiers, n, sizeof(*policy->tiers), tier_compare);
	for (size_t i = 0; i < n; i++)
		if (!i || tier_compare(&policy->tiers[n_unique - 1], &policy->tiers[i]))
			policy->tiers[n_unique++] = policy->tiers[i];
	policy->n_tiers = n_unique;
	return 0;
}

static int add_symbol(struct policy *policy, const char *text, uint32_t *symbol_out)
{
	return text ? policy_symbols_add(&policy->symbols, text, symbol_out) : 0;
}

static int policy_make_item(struct policy *policy, const struct policy_rule *rule,
			    struct item *item)
{
	int r;

	item->set = rule->kind;
	item->list = !rule->name ? LIST_ANY : rule->is_prefix ? LIST_PREFIX : LIST_NAME;
	if (item->list == LIST_NAME && rule->name[0] == ':')
		policy->has_unique_names = true;
	if (item->list == LIST_PREFIX) {
		item->depth = 1;
		/* names have up to 128 elements, longer prefixes never match */
		for (const char *c = rule->name; *c && item->depth < UINT8_MAX; c++)
			item->depth += *c == '.';
	}
	r = add_symbol(policy, rule->name, &item->symbol);
	r = r < 0 ? r : add_symbol(policy, rule->path, &item->test.path);
	r = r < 0 ? r : add_symbol(policy, rule->interface, &item->test.interface);
	r = r < 0 ? r : add_symbol(policy, rule->member, &item->test.member);
	return r < 0 ? r : add_symbol(policy, rule->error, &item->test.error);
}

static int policy_make_items(struct policy *policy, struct items *items)
{
	const struct policy_rules *rules = policy->rules;
	uint32_t id;
	int r;

	items->items = calloc(rules->n_rules + 1, sizeof(*items->items));
	if (!items->items)
		return -ENOMEM;
	for (size_t i = 0; i < rules->n_sections; i++) {
		const struct policy_section *section = &rules->sections[i];
		size_t tier;

		if (!policy_section_resolve(section, policy->users, &id))
			continue;
		tier = policy_find_tier(policy, section->kind, id);
		for (uint32_t k = 0; k < section->n_rules; k++) {
			const struct policy_rule *rule = &rules->rules[section->first_rule + k];
			struct item *item = &items->items[items->n_items];

			*item = (struct item){.tier = tier};
			if (rule->kind >= POLICY_N_SETS ||
			    !policy_test_init(&item->test, rule, section->first_rule + k))
				continue;
			r = policy_make_item(policy, rule, item);
			if (r < 0)
				return r;
			items->n_items++;
		}
	}
	if (items->n_items)
		qsort(items->items, items->n_items, sizeof(*items->items), item_compare);
	return 0;
}

/* takes out what lies in front of a rule that matches whatever there is */
static void policy_prune_items(struct policy *policy, struct items *items)
{
	struct item *end = items->items + items->n_items, *kept = items->items;

	for (struct item *first = items->items, *next; first < end; first = next) {
		const struct item *closing = NULL;

		for (next = first;
		     next < end && next->tier == first->tier && next->set == first->set; next++)
			if (next->list == LIST_ANY && policy_test_is_unconditional(&next->test))
				closing = next;
		if (closing)
			policy->tiers[first->tier].sets[first->set].is_closed = true;
		uint32_t floor = closing ? closing->test.rule : 0;
		for (; first < next; first++)
			if (first->test.rule >= floor)
				*kept++ = *first;
	}
	items->n_items = kept - items->items;
}

static void rule_set_add(struct policy_rule_set *set, const struct item *item,
			 struct policy_list *list)
{
	switch (item->list) {
	case LIST_ANY:
		set->any = *list;
		return;
	case LIST_NAME:
		set->names = set->names ?: list;
		set->n_names++;
		break;
	case LIST_PREFIX:
		set->prefixes = set->prefixes ?: list;
		set->n_prefixes++;
		if (item->depth > set->max_depth)
			set->max_depth = item->depth;
		break;
	}
}

static int policy_make_lists(struct policy *policy, const struct items *items)
{
	size_t n_lists = 0;

	policy->tests = calloc(items->n_items + 1, sizeof(*policy->tests));
	policy->lists = calloc(items->n_items + 1, sizeof(*policy->lists));
	if (!policy->tests || !policy->lists)
		return -ENOMEM;
	for (size_t i = 0, next; i < items->n_items; i = next) {
		const struct item *first = &items->items[i];
		struct policy_rule_set *set = &policy->tiers[first->tier].sets[first->set];
		struct policy_list *list = &policy->lists[n_lists++];

		for (next = i;
		     next < items->n_items && item_is_same_list(first, &items->items[next]);
		     next++) {
			const struct policy_test *test = &items->items[next].test;

			policy->tests[next] = *test;
			set->has_fields |=
				test->path || test->interface || test->member || test->error;
		}
		*list = (struct policy_list){
			.symbol = first->symbol, .first = i, .n_tests = next - i};
		rule_set_add(set, first, list);
		if (first->list != LIST_ANY && policy->tests[next - 1].rule > set->last_named)
			set->last_named = policy->tests[next - 1].rule;
	}
	return 0;
}

static void policy_add_connects(struct policy *policy, enum policy_section_kind kind)
{
	const struct policy_rules *rules = policy->rules;

	for (size_t i = 0; i < rules->n_rules; i++) {
		const struct policy_rule *rule = &rules->rules[i];
		struct policy_connect *connect = &policy->connects[policy->n_connects];

		if (rules->sections[rule->section].kind != kind ||
		    (rule->kind != POLICY_RULE_USER && rule->kind != POLICY_RULE_GROUP))
			continue;
		*connect = (struct policy_connect){
			.rule = i,
			.is_group = rule->kind == POLICY_RULE_GROUP,
			.is_any = !rule->name,
		};
		if (!rule->name ||
		    resolve(rule->name, connect->is_group, policy->users, &connect->id))
			policy->n_connects++;
	}
}

static int policy_make_connects(struct policy *policy)
{
	size_t n = 0;

	for (size_t i = 0; i < policy->rules->n_rules; i++)
		n += policy->rules->rules[i].kind == POLICY_RULE_USER ||
		     policy->rules->rules[i].kind == POLICY_RULE_GROUP;
	policy->connects = calloc(n + 1, sizeof(*policy->connects));
	if (!policy->connects)
		return -ENOMEM;
	policy_add_connects(policy, POLICY_SECTION_DEFAULT);
	policy_add_connects(policy, POLICY_SECTION_MANDATORY);
	return 0;
}

static bool policy_has_group_rules(const struct policy *policy)
{
	for (size_t i = 0; i < policy->n_tiers; i++)
		if (policy->tiers[i].kind == POLICY_SECTION_GROUP)
			return true;
	for (size_t i = 0; i < policy->n_connects; i++)
		if (policy->connects[i].is_group)
			return true;
	return false;
}

int policy_new(const struct policy_rules *rules, struct policy_users *users,
	       uint32_t first_console_uid, struct policy **policy_out)
{
	__cleanup(items_deinit) struct items items = {NULL, 0};
	__cleanup(policy_unrefp) struct policy *policy = calloc(1, sizeof(*policy));
	size_t position = 0;
	bool is_group;
	int r;

	if (!policy)
		return -ENOMEM;
	policy->n_refs = 1;
	policy->rules = rules;
	policy->users = policy_users_ref(users);
	policy->first_console_uid = first_console_uid;
	htable_init(&policy->identities);
	r = policy_make_tiers(policy);
	if (r < 0)
		return r;
	r = policy_make_items(policy, &items);
	if (r < 0)
		return r;
	policy_prune_items(policy, &items);
	r = policy_make_lists(policy, &items);
	if (r < 0)
		return r;
	r = policy_make_connects(policy);
	if (r < 0)
		return r;
	policy->has_groups = policy_has_group_rules(policy);
	policy->has_unresolved = policy_next_unresolved(policy, &position, &is_group);
	*policy_out = steal(policy);
	return 0;
}

struct policy *policy_ref(struct policy *policy)
{
	policy->n_refs++;
	return policy;
}

struct policy *policy_unref(struct policy *policy)
{
	if (!policy || --policy->n_refs)
		return NULL;
	htable_deinit(&policy->identities);
	free(policy->connects);
	free(policy->tiers);
	free(policy->lists);
	free(policy->tests);
	policy_symbols_deinit(&policy->symbols);
	policy_users_unref(policy->users);
	free(policy);
	return NULL;
}

const struct policy_rules *policy_get_rules(const struct policy *policy)
{
	return policy->rules;
}

const char *policy_rule_place(const struct policy *policy, uint32_t rule, unsigned *line_out)
{
	const struct policy_rules *rules = policy->rules;

	if (rule == POLICY_RULE_NONE)
		return NULL;
	if (line_out)
		*line_out = rules->rules[rule].line;
	return rules->sections[rules->rules[rule].section].file;
}

const char *policy_next_unresolved(const struct policy *policy, size_t *position,
				   bool *is_group_out)
{
	const struct policy_rules *rules = policy->rules;
	uint32_t id;

	/* sections first, then rules */
	while (*position < rules->n_sections) {
		const struct policy_section *section = &rules->sections[(*position)++];

		if (section->name && !policy_section_resolve(section, policy->users, &id)) {
			*is_group_out = section->kind == POLICY_SECTION_GROUP;
			return section->name;
		}
	}
	while (*position - rules->n_sections < rules->n_rules) {
		const struct policy_rule *rule = &rules->rules[(*position)++ - rules->n_sections];
		bool is_group = rule->kind == POLICY_RULE_GROUP;

		if ((is_group || rule->kind == POLICY_RULE_USER) && rule->name &&
		    !resolve(rule->name, is_group, policy->users, &id)) {
			*is_group_out = is_group;
			return rule->name;
		}
	}
	return NULL;
}

bool policy_has_unresolved(const struct policy *policy)
{
	return policy->has_unresolved;
}

bool policy_asks_groups(const struct policy *policy)
{
	return policy->has_groups;
}
