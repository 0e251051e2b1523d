/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Policy: two of them, by what they allow
 *
 * Both are asked the same questions: for each user and group that either mentions,
 * and for others, everything that some rule of either is about, and the same with
 * something else in the place of each condition.  So what they say of messages that
 * differ in two things at once from every rule may go unnoticed.
 */
#pragma once

#include "policy-parser/policy.h"

#define POLICY_DIFFERENCE_MAX_WORDS 1024

/**
 * struct policy_difference - questions that two policies answer differently
 * @kind: of the question: USER (may connect), OWN, SEND, RECEIVE
 * @words: the first such question, as policy_query_init() takes it
 * @before, @after: the answers, with the rules that decide
 * @n_questions: how many questions have answers by these two rules
 */
struct policy_difference {
	enum policy_rule_kind kind;
	char words[POLICY_DIFFERENCE_MAX_WORDS];
	struct policy_verdict before;
	struct policy_verdict after;
	unsigned long n_questions;
};

struct policy_differences {
	struct policy_difference **differences;
	size_t n_differences;
	unsigned long n_questions;
};

#define POLICY_DIFFERENCES_NULL                                                                    \
	{                                                                                          \
		NULL, 0, 0                                                                         \
	}

/* idempotent */
void policy_differences_deinit(struct policy_differences *differences);

/**
 * policy_diff() - ask two policies
 * @owner_uid: of the bus
 * @differences: overwritten; to be released with policy_differences_deinit()
 *
 * Return: 0 or -ENOMEM.
 */
int policy_diff(struct policy *before, struct policy *after, uint32_t owner_uid,
		struct policy_differences *differences);
