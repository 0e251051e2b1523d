/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Policy: rules that do not do what somebody meant
 *
 * Everything here is a policy that works, and is evaluated as written; see
 * bus-policy-check(1) for what each finding is about and what to write instead.
 */
#pragma once

#include <stdio.h>

#include "policy-parser/policy.h"

enum policy_finding_kind {
	POLICY_FINDING_NEVER_MATCHES, /* contradicts itself, or a name that cannot be */
	POLICY_FINDING_NEVER_DECIDES, /* @other matches whatever it matches, and is behind it */
	POLICY_FINDING_NEVER_APPLIES, /* about connecting, where that is not asked */
	POLICY_FINDING_UNKNOWN_USER,  /* nobody has this name */
	POLICY_FINDING_UNKNOWN_GROUP,
	POLICY_FINDING_OPENS_INTERFACE,	    /* on every peer, as there is no destination */
	POLICY_FINDING_OPENS_EVERYTHING,    /* to calls, on a system bus */
	POLICY_FINDING_LOOKS_UNCONDITIONAL, /* dbus-daemon forgets @n_other rules in front of it */
	POLICY_FINDING_DENIES_BROADCASTS,   /* that would reach the owner of the name */
	POLICY_FINDING_DENIES_NO_INTERFACE, /* messages that do not say an interface */
	POLICY_N_FINDINGS,
};

/**
 * struct policy_finding - something to look at
 * @kind: what
 * @section: index, if @rule is POLICY_RULE_NONE
 * @rule: index, or POLICY_RULE_NONE: it is about a section
 * @other: NEVER_DECIDES: index of the rule that decides instead
 * @n_other: LOOKS_UNCONDITIONAL: number of rules
 */
struct policy_finding {
	enum policy_finding_kind kind;
	uint32_t section;
	uint32_t rule;
	uint32_t other;
	uint32_t n_other;
};

/**
 * struct policy_findings - in the order of kinds, then of places
 */
struct policy_findings {
	struct policy_finding *findings;
	size_t n_findings;
};

#define POLICY_FINDINGS_NULL                                                                       \
	{                                                                                          \
		NULL, 0                                                                            \
	}

/* idempotent */
void policy_findings_deinit(struct policy_findings *findings);

/* the bus is shared by users that do not trust each other */
#define POLICY_LINT_SYSTEM (1u << 0)

/**
 * policy_lint() - look for rules that were probably meant otherwise
 * @flags: POLICY_LINT_*
 * @findings: overwritten; to be released with policy_findings_deinit()
 *
 * Return: 0 or -ENOMEM.
 */
int policy_lint(const struct policy *policy, unsigned flags, struct policy_findings *findings);

/* "never-matches" and so on: the name in the manual */
const char *policy_finding_name(enum policy_finding_kind kind);
/* where it is; never NULL */
const char *policy_finding_place(const struct policy *policy, const struct policy_finding *finding,
				 unsigned *line_out);
/* what it is, a sentence without a full stop */
void policy_finding_print(const struct policy *policy, const struct policy_finding *finding,
			  FILE *file);
