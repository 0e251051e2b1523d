/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bus-policy-check: what its own files share */
#pragma once

#include <stdio.h>

#include "policy-parser/config.h"
#include "policy-parser/json.h"
#include "policy-parser/policy-compile.h"
#include "policy-parser/policy-diff.h"
#include "policy-parser/policy-explain.h"
#include "policy-parser/policy-lint.h"
#include "policy-parser/policy-query.h"

/* exit statuses */
enum {
	CHECK_GOOD = 0,	   /* nothing found; allowed; no difference */
	CHECK_FOUND = 1,   /* warnings; denied; differences */
	CHECK_TROUBLE = 2, /* wrong usage, a configuration that is refused, out of memory */
};

/**
 * struct check_target - a configuration and its policy
 * @owner_uid: whom the bus belongs to: <user>, or whoever starts it
 * @engine_uid: whom the engine belongs to: whoever starts the bus
 */
struct check_target {
	struct config *config;
	struct policy *policy;
	uint32_t owner_uid;
	uint32_t engine_uid;
};

/**
 * struct check_report - where and how to print
 * @json: JSON instead of text
 * @verbose: also what did not matter
 */
struct check_report {
	FILE *file;
	bool json;
	bool verbose;
};

/* The commands: each prints its answer, and returns the exit status, or -ENOMEM. */

/* findings, and what the parser had to say (which has been printed as text already) */
int check_report_lint(const struct check_report *report, const struct check_target *target,
		      const struct config_messages *messages);
/* the verdict, the rule that decides, and those that lost */
int check_report_query(const struct check_report *report, const struct check_target *target,
		       const struct policy_query *query);
/* what an engine would be told; @flags: POLICY_COMPILE_* */
int check_report_compile(const struct check_report *report, const struct check_target *target,
			 const struct policy_users *users, unsigned flags);
/* questions with different answers */
int check_report_diff(const struct check_report *report, const struct check_target *before,
		      const struct check_target *after);

/* "FILE:LINE: <rule/>" of a rule, or "no rule" */
void check_print_rule(const struct check_report *report, const struct policy *policy,
		      uint32_t rule);
/* the same as members of an object: file, line, rule */
void check_json_rule(struct json *json, const struct policy *policy, uint32_t rule);
