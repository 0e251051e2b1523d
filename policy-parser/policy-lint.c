/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Policy: rules that do not do what somebody meant, see policy-lint.h
 *
 * A rule *covers* another if it matches every message that the other one matches.
 * Covering is looked for along the lists of the compiled policy: a rule about a name
 * can be covered by one about the same name, about a prefix of it, or about any name,
 * further on in the same tier, or anywhere in the mandatory one.
 */
#include "policy-parser/policy-lint.h"

#include <errno.h>
#include <string.h>

#include "policy-parser/policy-explain.h"
#include "policy-parser/policy-private.h"
#include "policy-parser/policy-users.h"

/* how far ahead to look for a rule that covers another */
#define MAX_AHEAD 1000
#define MAX_NAME  255

static const char *const names[POLICY_N_FINDINGS] = {
	[POLICY_FINDING_NEVER_MATCHES] = "never-matches",
	[POLICY_FINDING_NEVER_DECIDES] = "never-decides",
	[POLICY_FINDING_NEVER_APPLIES] = "never-applies",
	[POLICY_FINDING_UNKNOWN_USER] = "unknown-user",
	[POLICY_FINDING_UNKNOWN_GROUP] = "unknown-group",
	[POLICY_FINDING_OPENS_INTERFACE] = "opens-interface",
	[POLICY_FINDING_OPENS_EVERYTHING] = "opens-everything",
	[POLICY_FINDING_LOOKS_UNCONDITIONAL] = "looks-unconditional",
	[POLICY_FINDING_DENIES_BROADCASTS] = "denies-broadcasts",
	[POLICY_FINDING_DENIES_NO_INTERFACE] = "denies-no-interface",
};

struct linter {
	const struct policy *policy;
	const struct policy_rules *rules;
	unsigned flags;
	struct policy_findings *findings;
	size_t n_allocated;
	bool *is_listed; /* by rule: it lies in a list of the compiled policy */
};

static void linter_deinit(struct linter *linter)
{
	free(linter->is_listed);
}

static int linter_add(struct linter *linter, enum policy_finding_kind kind, uint32_t section,
		      uint32_t rule, uint32_t other, uint32_t n_other)
{
	struct policy_findings *findings = linter->findings;

	if (findings->n_findings == linter->n_allocated) {
		size_t wanted = linter->n_allocated ? 2 * linter->n_allocated : 16;
		struct policy_finding *grown =
			reallocarray(findings->findings, wanted, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		findings->findings = grown;
		linter->n_allocated = wanted;
	}
	findings->findings[findings->n_findings++] = (struct policy_finding){
		.kind = kind,
		.section = section,
		.rule = rule,
		.other = other,
		.n_other = n_other,
	};
	return 0;
}

static int linter_add_rule(struct linter *linter, enum policy_finding_kind kind, uint32_t rule)
{
	return linter_add(linter, kind, linter->rules->rules[rule].section, rule, POLICY_RULE_NONE,
			  0);
}

/* NAMES THAT CANNOT BE */

static bool is_word_char(char c, bool is_first, const char *more)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (!is_first && c >= '0' && c <= '9') || (c && strchr(more, c));
}

/* words between @separator; *n_words_out of them */
static bool are_words(const char *text, char separator, bool digits_first, const char *more,
		      size_t *n_words_out)
{
	size_t n_words = 0;

	for (;; text++) {
		if (!is_word_char(*text, !digits_first, more))
			return false;
		while (is_word_char(*text, false, more))
			text++;
		n_words++;
		if (!*text)
			break;
		if (*text != separator)
			return false;
	}
	*n_words_out = n_words;
	return true;
}

static bool is_bus_name(const char *text, size_t min_words)
{
	size_t n_words;

	if (strlen(text) > MAX_NAME)
		return false;
	if (*text == ':')
		return are_words(text + 1, '.', true, "-", &n_words) && n_words >= 2;
	return are_words(text, '.', false, "-", &n_words) && n_words >= min_words;
}

static bool is_interface(const char *text)
{
	size_t n_words;

	return strlen(text) <= MAX_NAME && are_words(text, '.', false, "", &n_words) &&
	       n_words >= 2;
}

static bool is_member(const char *text)
{
	size_t n_words;

	return strlen(text) <= MAX_NAME && are_words(text, '.', false, "", &n_words) &&
	       n_words == 1;
}

static bool is_path(const char *text)
{
	size_t n_words;

	return *text == '/' && (!text[1] || are_words(text + 1, '/', true, "", &n_words));
}

static bool rule_can_match(const struct policy_rule *rule)
{
	struct policy_test test;

	if (rule->kind >= POLICY_N_SETS)
		return true;
	return policy_test_init(&test, rule, 0) &&
	       (!rule->name || is_bus_name(rule->name, rule->is_prefix ? 1 : 2)) &&
	       (!rule->path || is_path(rule->path)) &&
	       (!rule->interface || is_interface(rule->interface)) &&
	       (!rule->member || is_member(rule->member)) &&
	       (!rule->error || is_interface(rule->error));
}

static int lint_never_matches(struct linter *linter)
{
	int r = 0;

	for (uint32_t i = 0; !r && i < linter->rules->n_rules; i++)
		if (!rule_can_match(&linter->rules->rules[i]))
			r = linter_add_rule(linter, POLICY_FINDING_NEVER_MATCHES, i);
	return r;
}

/* COVERING */

/* with what follows from the type: what is no signal is no broadcast, and what is neither return
 * nor error is no reply */
static uint32_t full_skip(const struct policy_test *test)
{
	uint32_t skip = test->skip, replies = POLICY_STATE_TYPE(2) | POLICY_STATE_TYPE(3);

	if (skip & POLICY_STATE_TYPE(POLICY_TYPE_SIGNAL))
		skip |= POLICY_STATE_BROADCAST;
	if ((skip & replies) == replies)
		skip |= POLICY_STATE_REQUESTED | POLICY_STATE_UNREQUESTED;
	return skip;
}

/* whatever @a matches, @b does; their names apart */
static bool test_is_covered(const struct policy_test *a, const struct policy_test *b)
{
	return !(b->skip & ~full_skip(a)) && b->min_fds <= a->min_fds && b->max_fds >= a->max_fds &&
	       (!b->path || b->path == a->path) &&
	       (!b->interface || b->interface == a->interface) &&
	       (!b->member || b->member == a->member) && (!b->error || b->error == a->error);
}

/* the last test of the list that is behind @floor and covers @test */
static const struct policy_test *list_find_cover(const struct policy *policy,
						 const struct policy_list *list,
						 const struct policy_test *test, uint32_t floor)
{
	const struct policy_test *first = &policy->tests[list->first];
	uint32_t low = 0, high = list->n_tests;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (first[middle].rule < floor)
			low = middle + 1;
		else
			high = middle;
	}
	for (uint32_t i = low; i < list->n_tests && i < low + MAX_AHEAD; i++)
		if (test_is_covered(test, &first[i]))
			return &first[i];
	return NULL;
}

static const struct policy_test *set_find_cover(const struct policy *policy,
						const struct policy_rule_set *set,
						const struct policy_list *list,
						const struct policy_test *test, uint32_t floor)
{
	const struct policy_rule *rule = &policy->rules->rules[test->rule];
	const struct policy_test *cover = list_find_cover(policy, &set->any, test, floor);
	size_t size = rule->name ? strlen(rule->name) : 0;
	const struct policy_list *other;

	if (cover || !rule->name)
		return cover;
	other = policy_set_find(set, list->symbol, rule->is_prefix);
	cover = other ? list_find_cover(policy, other, test, floor) : NULL;
	for (size_t n = 0; !cover && size && (n = policy_next_prefix(rule->name, size, n));) {
		uint32_t symbol = policy_symbols_find(&policy->symbols, rule->name, n);

		other = symbol ? policy_set_find(set, symbol, true) : NULL;
		cover = other ? list_find_cover(policy, other, test, floor) : NULL;
	}
	return cover;
}

static int lint_list(struct linter *linter, const struct policy_tier *tier, unsigned kind,
		     const struct policy_list *list)
{
	const struct policy *policy = linter->policy;
	size_t mandatory = policy_find_tier(policy, POLICY_SECTION_MANDATORY, 0);
	int r = 0;

	for (uint32_t i = 0; !r && i < list->n_tests; i++) {
		const struct policy_test *test = &policy->tests[list->first + i];
		const struct policy_test *cover =
			set_find_cover(policy, &tier->sets[kind], list, test, test->rule + 1);

		linter->is_listed[test->rule] = true;
		if (!rule_can_match(&linter->rules->rules[test->rule]))
			continue;
		if (!cover && mandatory < policy->n_tiers && tier->kind != POLICY_SECTION_MANDATORY)
			cover = set_find_cover(policy, &policy->tiers[mandatory].sets[kind], list,
					       test, 0);
		if (cover)
			r = linter_add(linter, POLICY_FINDING_NEVER_DECIDES,
				       linter->rules->rules[test->rule].section, test->rule,
				       cover->rule, 0);
	}
	return r;
}

/* rules that were dropped in front of one that matches whatever there is */
static int lint_dropped(struct linter *linter)
{
	int r = 0;

	for (uint32_t i = 0; !r && i < linter->rules->n_rules; i++) {
		const struct policy_rule *rule = &linter->rules->rules[i];
		const struct policy_section *section = &linter->rules->sections[rule->section];
		const struct policy_rule_set *set;
		uint32_t id;

		if (linter->is_listed[i] || rule->kind >= POLICY_N_SETS || !rule_can_match(rule) ||
		    !policy_section_resolve(section, linter->policy->users, &id))
			continue;
		set = &linter->policy->tiers[policy_find_tier(linter->policy, section->kind, id)]
			       .sets[rule->kind];
		r = linter_add(linter, POLICY_FINDING_NEVER_DECIDES, rule->section, i,
			       linter->policy->tests[set->any.first].rule, 0);
	}
	return r;
}

static int lint_never_decides(struct linter *linter)
{
	const struct policy *policy = linter->policy;
	int r = 0;

	for (size_t i = 0; !r && i < policy->n_tiers; i++) {
		const struct policy_tier *tier = &policy->tiers[i];

		for (unsigned kind = 0; !r && kind < POLICY_N_SETS; kind++) {
			const struct policy_rule_set *set = &tier->sets[kind];

			r = lint_list(linter, tier, kind, &set->any);
			for (uint32_t k = 0; !r && k < set->n_names; k++)
				r = lint_list(linter, tier, kind, &set->names[k]);
			for (uint32_t k = 0; !r && k < set->n_prefixes; k++)
				r = lint_list(linter, tier, kind, &set->prefixes[k]);
		}
	}
	return r ? r : lint_dropped(linter);
}

/* ONE RULE AT A TIME */

static enum policy_section_kind rule_section_kind(const struct linter *linter,
						  const struct policy_rule *rule)
{
	return linter->rules->sections[rule->section].kind;
}

static bool rule_never_applies(const struct linter *linter, const struct policy_rule *rule)
{
	enum policy_section_kind kind = rule_section_kind(linter, rule);

	return rule->kind >= POLICY_N_SETS && kind != POLICY_SECTION_DEFAULT &&
	       kind != POLICY_SECTION_MANDATORY;
}

static bool rule_opens_interface(const struct linter *linter, const struct policy_rule *rule)
{
	return rule->kind == POLICY_RULE_SEND && rule->is_allow && !rule->name &&
	       (rule->interface || rule->member || rule->path) &&
	       (!rule->type || rule->type == POLICY_TYPE_CALL);
}

/* on a system bus, for others than root */
static bool rule_opens_everything(const struct linter *linter, const struct policy_rule *rule)
{
	const struct policy_section *section = &linter->rules->sections[rule->section];
	uint32_t id;

	if (!(linter->flags & POLICY_LINT_SYSTEM) || rule->kind != POLICY_RULE_SEND ||
	    !rule->is_allow || rule->name || rule->interface || rule->member || rule->path ||
	    rule->error || rule->broadcast == POLICY_TRUE)
		return false;
	if (section->kind == POLICY_SECTION_USER &&
	    policy_section_resolve(section, linter->policy->users, &id) && !id)
		return false;
	return !rule->type ? rule->requested_reply != POLICY_TRUE : rule->type == POLICY_TYPE_CALL;
}

static bool rule_denies_broadcasts(const struct linter *linter, const struct policy_rule *rule)
{
	return rule->kind == POLICY_RULE_SEND && !rule->is_allow && rule->name && !rule->type &&
	       rule->broadcast == POLICY_UNSET && !rule->interface && !rule->member &&
	       !rule->path && !rule->error;
}

static bool rule_denies_no_interface(const struct linter *linter, const struct policy_rule *rule)
{
	return rule->kind <= POLICY_RULE_RECEIVE && !rule->is_allow && rule->interface &&
	       (!rule->type || rule->type == POLICY_TYPE_CALL);
}

static int lint_rules(struct linter *linter, enum policy_finding_kind kind,
		      bool (*is_finding)(const struct linter *linter,
					 const struct policy_rule *rule))
{
	int r = 0;

	for (uint32_t i = 0; !r && i < linter->rules->n_rules; i++)
		if (is_finding(linter, &linter->rules->rules[i]))
			r = linter_add_rule(linter, kind, i);
	return r;
}

/* USERS */

static int lint_users(struct linter *linter, enum policy_finding_kind kind, bool wants_groups)
{
	const struct policy *policy = linter->policy;
	size_t position = 0;
	const char *name;
	bool is_group;
	int r = 0;

	for (size_t i = 0; !r && i < linter->rules->n_sections; i++) {
		const struct policy_section *section = &linter->rules->sections[i];
		uint32_t id;

		if ((section->kind == POLICY_SECTION_GROUP) == wants_groups &&
		    !policy_section_resolve(section, policy->users, &id))
			r = linter_add(linter, kind, i, POLICY_RULE_NONE, POLICY_RULE_NONE, 0);
	}
	while (!r && (name = policy_next_unresolved(policy, &position, &is_group)))
		if (position > linter->rules->n_sections && is_group == wants_groups)
			r = linter_add_rule(linter, kind, position - linter->rules->n_sections - 1);
	return r;
}

/* THE SHAPE THAT dbus-daemon TAKES FOR AN UNCONDITIONAL RULE */

static bool looks_unconditional(const struct policy_rule *rule)
{
	return rule->kind <= POLICY_RULE_RECEIVE && !rule->name && !rule->type && !rule->path &&
	       !rule->interface && !rule->member && !rule->error;
}

/* a plain allow may stand for an unconditional one: nobody writes rules for replies that nobody
 * asked for, or for eavesdroppers */
static bool is_plain_allow(const struct policy_rule *rule)
{
	return rule->is_allow && !rule->min_fds && rule->max_fds >= POLICY_MAX_FDS &&
	       rule->broadcast == POLICY_UNSET && rule->eavesdrop == POLICY_UNSET &&
	       rule->requested_reply == POLICY_UNSET;
}

static bool rule_misleads(const struct policy_rule *rule)
{
	struct policy_test test = {.rule = 0};

	return looks_unconditional(rule) && policy_test_init(&test, rule, 0) &&
	       !policy_test_is_unconditional(&test) && !is_plain_allow(rule);
}

/* what it forgets are the rules of the kind in front of it in its tier, and the default ones */
static int lint_looks_unconditional(struct linter *linter)
{
	__cleanup(freep) uint32_t(*n_seen)[POLICY_N_SETS] = NULL;
	const struct policy_rules *rules = linter->rules;
	const struct policy *policy = linter->policy;
	size_t default_tier = policy_find_tier(policy, POLICY_SECTION_DEFAULT, 0);
	uint32_t id;

	n_seen = calloc(policy->n_tiers + 1, sizeof(*n_seen));
	if (!n_seen)
		return -ENOMEM;
	/* twice: the first time for the numbers of default rules */
	for (unsigned turn = 0; turn < 2; turn++) {
		uint32_t n_default[POLICY_N_SETS];

		memcpy(n_default, n_seen[default_tier], sizeof(n_default));
		memset(n_seen, 0, (policy->n_tiers + 1) * sizeof(*n_seen));
		for (uint32_t i = 0; i < rules->n_rules; i++) {
			const struct policy_rule *rule = &rules->rules[i];
			const struct policy_section *section = &rules->sections[rule->section];
			size_t tier;
			uint32_t n;
			int r;

			if (rule->kind >= POLICY_N_SETS ||
			    !policy_section_resolve(section, policy->users, &id))
				continue;
			tier = policy_find_tier(policy, section->kind, id);
			n = n_seen[tier][rule->kind]++;
			if (tier != default_tier)
				n += n_default[rule->kind];
			if (!turn || !n || !rule_misleads(rule))
				continue;
			r = linter_add(linter, POLICY_FINDING_LOOKS_UNCONDITIONAL, rule->section, i,
				       POLICY_RULE_NONE, n);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int linter_run(struct linter *linter)
{
	int r;

	linter->is_listed = calloc(linter->rules->n_rules + 1, sizeof(*linter->is_listed));
	if (!linter->is_listed)
		return -ENOMEM;
	r = lint_never_matches(linter);
	r = r ? r : lint_never_decides(linter);
	r = r ? r : lint_rules(linter, POLICY_FINDING_NEVER_APPLIES, rule_never_applies);
	r = r ? r : lint_users(linter, POLICY_FINDING_UNKNOWN_USER, false);
	r = r ? r : lint_users(linter, POLICY_FINDING_UNKNOWN_GROUP, true);
	r = r ? r : lint_rules(linter, POLICY_FINDING_OPENS_INTERFACE, rule_opens_interface);
	r = r ? r : lint_rules(linter, POLICY_FINDING_OPENS_EVERYTHING, rule_opens_everything);
	r = r ? r : lint_looks_unconditional(linter);
	r = r ? r : lint_rules(linter, POLICY_FINDING_DENIES_BROADCASTS, rule_denies_broadcasts);
	return r ? r
		 : lint_rules(linter, POLICY_FINDING_DENIES_NO_INTERFACE, rule_denies_no_interface);
}

static int finding_compare(const void *ap, const void *bp)
{
	const struct policy_finding *a = ap, *b = bp;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->section != b->section)
		return a->section < b->section ? -1 : 1;
	return a->rule < b->rule ? -1 : a->rule > b->rule;
}

void policy_findings_deinit(struct policy_findings *findings)
{
	free(findings->findings);
	*findings = (struct policy_findings)POLICY_FINDINGS_NULL;
}

int policy_lint(const struct policy *policy, unsigned flags, struct policy_findings *findings)
{
	__cleanup(linter_deinit) struct linter linter = {
		.policy = policy,
		.rules = policy->rules,
		.flags = flags,
		.findings = findings,
	};
	int r;

	*findings = (struct policy_findings)POLICY_FINDINGS_NULL;
	r = linter_run(&linter);
	if (r < 0) {
		policy_findings_deinit(findings);
		return r;
	}
	if (findings->n_findings)
		qsort(findings->findings, findings->n_findings, sizeof(*findings->findings),
		      finding_compare);
	return 0;
}

/* FINDINGS AS TEXT */

const char *policy_finding_name(enum policy_finding_kind kind)
{
	return names[kind];
}

const char *policy_finding_place(const struct policy *policy, const struct policy_finding *finding,
				 unsigned *line_out)
{
	const struct policy_section *section = &policy->rules->sections[finding->section];

	if (line_out)
		*line_out = finding->rule == POLICY_RULE_NONE
				    ? section->line
				    : policy->rules->rules[finding->rule].line;
	return section->file;
}

static void print_other(const struct policy *policy, const struct policy_finding *finding,
			FILE *file)
{
	unsigned line;
	const char *path = policy_rule_place(policy, finding->other, &line);

	fprintf(file, ", as %s:%u behind it matches whatever it does: ", path, line);
	policy_rule_print(&policy->rules->rules[finding->other], file);
}

void policy_finding_print(const struct policy *policy, const struct policy_finding *finding,
			  FILE *file)
{
	const struct policy_section *section = &policy->rules->sections[finding->section];

	if (finding->rule == POLICY_RULE_NONE)
		fprintf(file, "<policy %s=\"%s\">",
			section->kind == POLICY_SECTION_GROUP ? "group" : "user",
			section->name ?: "*");
	else
		policy_rule_print(&policy->rules->rules[finding->rule], file);
	switch (finding->kind) {
	case POLICY_FINDING_NEVER_MATCHES:
		fputs(" never matches", file);
		break;
	case POLICY_FINDING_NEVER_DECIDES:
		fputs(" never decides", file);
		print_other(policy, finding, file);
		break;
	case POLICY_FINDING_NEVER_APPLIES:
		fputs(" never applies: who may connect is said in default and mandatory sections",
		      file);
		break;
	case POLICY_FINDING_UNKNOWN_USER:
		fputs(" does not apply: there is no such user", file);
		break;
	case POLICY_FINDING_UNKNOWN_GROUP:
		fputs(" does not apply: there is no such group", file);
		break;
	case POLICY_FINDING_OPENS_INTERFACE:
		fputs(" opens this on every peer, as it has no destination", file);
		break;
	case POLICY_FINDING_OPENS_EVERYTHING:
		fputs(" allows calls to every peer", file);
		break;
	case POLICY_FINDING_LOOKS_UNCONDITIONAL:
		fprintf(file, " makes dbus-daemon forget up to %u rules in front of it",
			finding->n_other);
		break;
	case POLICY_FINDING_DENIES_BROADCASTS:
		fputs(" has no send_type: signals that reach the owner of the name are denied, too",
		      file);
		break;
	case POLICY_FINDING_DENIES_NO_INTERFACE:
		fputs(" also denies messages that name no interface", file);
		break;
	case POLICY_N_FINDINGS:
		break;
	}
}
