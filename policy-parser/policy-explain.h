/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Policy: why
 *
 * The same answers as policy.h, found the slow way: every rule that applies to a
 * peer is looked at in order, and says whether it matches or what it misses.  It
 * shares neither the index nor the conditions with the fast way, and is what that
 * is tested against.
 */
#pragma once

#include <stdio.h>

#include "policy-parser/policy.h"

enum policy_miss {
	POLICY_MATCHES,
	POLICY_MISSES_NAME,
	POLICY_MISSES_TYPE,
	POLICY_MISSES_PATH,
	POLICY_MISSES_INTERFACE,
	POLICY_MISSES_NO_INTERFACE, /* an allow rule about an interface, a message without one */
	POLICY_MISSES_MEMBER,
	POLICY_MISSES_ERROR,
	POLICY_MISSES_FDS,
	POLICY_MISSES_BROADCAST,
	POLICY_MISSES_REQUESTED,   /* a deny rule that spares replies that were asked for */
	POLICY_MISSES_UNREQUESTED, /* an allow rule for replies that were asked for */
	POLICY_MISSES_EAVESDROP,
	POLICY_MISSES_USER, /* rules about who may connect */
	POLICY_N_MISSES,
};

/* a few words: "does not match: ..." */
const char *policy_miss_text(enum policy_miss miss);

/**
 * struct policy_question - what is asked
 * @kind: SEND, RECEIVE, OWN; USER: may it connect?
 * @creds: of whom the rules are: for SEND the sender, for RECEIVE the receiver
 * @name: OWN
 * @message: SEND, RECEIVE
 * @peer: SEND: the receiver, RECEIVE: the sender
 * @owner_uid: USER: of the bus
 */
struct policy_question {
	enum policy_rule_kind kind;
	const struct creds *creds;
	const char *name;
	const struct policy_message *message;
	const struct policy_peer *peer;
	uint32_t owner_uid;
};

/* a rule that was looked at */
struct policy_step {
	uint32_t rule;
	enum policy_miss miss;
};

/**
 * struct policy_explanation - an answer, and how it came about
 * @verdict: the last step with POLICY_MATCHES decides; @n_matched counts them all
 * @steps: all rules of the kind that apply to the peer, in the order in which they do
 */
struct policy_explanation {
	struct policy_verdict verdict;
	struct policy_step *steps;
	size_t n_steps;
};

#define POLICY_EXPLANATION_NULL                                                                    \
	{                                                                                          \
		.steps = NULL                                                                      \
	}

/* idempotent */
void policy_explanation_deinit(struct policy_explanation *explanation);

/**
 * policy_explain() - answer a question, with reasons
 * @explanation: overwritten; to be released with policy_explanation_deinit()
 *
 * Return: 0 or -ENOMEM.
 */
int policy_explain(const struct policy *policy, const struct policy_question *question,
		   struct policy_explanation *explanation);

/**
 * policy_rule_misses() - whether one SEND or RECEIVE rule matches
 */
enum policy_miss policy_rule_misses(const struct policy_rule *rule,
				    const struct policy_message *message,
				    const struct policy_peer *peer);

/**
 * policy_rule_print() - a rule as XML, in the order of its attributes in the manual
 * @file: a stdio stream
 */
void policy_rule_print(const struct policy_rule *rule, FILE *file);
