/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Classes of peers, and what the rules say of all messages at once
 *
 * For policy-compile.c.  A class is everybody with one uid, whatever the groups; the
 * uids that sections are for, each name that nobody has yet, and all others.
 */
#pragma once

#include "policy-parser/policy-compile.h"
#include "policy-parser/policy-private.h"

/* questions about every message there could be, or about owning */
enum policy_ask {
	POLICY_ASK_SEND_CALL,
	POLICY_ASK_SEND_SIGNAL,
	POLICY_ASK_RECEIVE_CALL,
	POLICY_ASK_RECEIVE_SIGNAL,
	POLICY_ASK_OWN,
	POLICY_N_ASKS,
};

enum policy_outcome_value {
	POLICY_UNDECIDED,
	POLICY_ALWAYS, /* whatever is in it, it is allowed */
	POLICY_MAYBE,  /* some of it may be denied */
};

/**
 * struct policy_outcome - what a tier, or a sequence of tiers, says
 * @rule: that decides; POLICY_RULE_NONE: no rule does
 */
struct policy_outcome {
	enum policy_outcome_value value;
	uint32_t rule;
};

/**
 * struct policy_class - peers of one uid
 * @uid: or POLICY_UID_*
 * @tier: of the sections for it; n_tiers: there are none
 * @may_sit, @may_stand: at the console, or not
 */
struct policy_class {
	uint32_t uid;
	size_t tier;
	bool may_sit;
	bool may_stand;
};

/**
 * struct policy_classes - all peers
 * @policy: the rules once more; in it, names that nobody has stand for ids that
 *	nobody has
 * @first_placeholder: the least of these ids
 * @classes: POLICY_CLASS_OWNER, POLICY_CLASS_OTHER, then those of sections
 * @any: [ask][tier] what the rules about any name say
 * @first_group_tier, @end_group_tiers: all tiers of groups
 */
struct policy_classes {
	struct policy *policy;
	uint32_t first_placeholder;
	struct policy_class *classes;
	size_t n_classes;
	struct policy_outcome *any[POLICY_N_ASKS];
	size_t default_tier;
	size_t mandatory_tier;
	size_t sit_tier;
	size_t stand_tier;
	size_t first_group_tier;
	size_t end_group_tiers;
};

/* the bus owner, and everybody whom no section is for */
#define POLICY_CLASS_OWNER 0
#define POLICY_CLASS_OTHER 1

/* not for a group in particular */
#define POLICY_NO_TIER SIZE_MAX

/* 0 or -ENOMEM; released by policy_classes_deinit() in either case */
int policy_classes_init(struct policy_classes *classes, struct policy *policy, uint32_t owner_uid);
void policy_classes_deinit(struct policy_classes *classes);

/* which of the two is the later rule; @rule of an undecided one does not count */
void policy_outcome_merge(struct policy_outcome *outcome, const struct policy_outcome *other);

/* what a list says */
struct policy_outcome policy_list_outcome(const struct policy_classes *classes,
					  const struct policy_list *list, enum policy_ask ask);

/**
 * policy_classes_ask() - what each tier says about a name
 * @ask: SEND: to who has it; RECEIVE: from who has it; OWN: it
 * @name: a name; a wildcard: some name below it that no rule mentions
 * @outcomes: one per tier
 */
void policy_classes_ask(const struct policy_classes *classes, enum policy_ask ask, const char *name,
			struct policy_outcome *outcomes);

/**
 * policy_class_outcome() - what the sequence of a class says
 * @outcomes: one per tier
 * @group_tier: the peer is in this group, and perhaps in others; POLICY_NO_TIER: it may
 *	be in any
 *
 * Return: ALWAYS or MAYBE, never undecided.
 */
struct policy_outcome policy_class_outcome(const struct policy_classes *classes,
					   const struct policy_outcome *outcomes,
					   const struct policy_class *class, size_t group_tier);

/**
 * policy_class_may() - whether there are groups and a seat with which it is allowed
 * @outcomes: of POLICY_ASK_OWN
 */
bool policy_class_may(const struct policy_classes *classes, const struct policy_outcome *outcomes,
		      const struct policy_class *class);
