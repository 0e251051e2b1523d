/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A policy of a few lines, and questions to it in words */
#pragma once

#include "policy-parser/config.h"
#include "policy-parser/policy-query.h"

/* alice 1001, bob 1002, carol 1003 with groups red 2001, green 2002, blue 2003; see the .c */
struct policy_users *fixture_users(void);

/**
 * fixture_load() - "/m.conf" with @body in a <busconfig>, compiled; ends the test on failure
 *
 * The uid from which on users are at the console is 2000.
 */
struct policy *fixture_load(const char *body);
/* the rules loaded last go away, and their policy */
void fixture_reset(void);

/**
 * fixture_ask() - the verdict on a question in the words of policy-query.h
 *
 * Of a message, the first side that refuses; with both, n_matched is that of the
 * refusal.  Ends the test if policy_explain() does not say the same.
 */
struct policy_verdict fixture_ask(const char *words);

/* a row of a table: rules, a question, the answer ("allow" or "deny"), the line that
 * decides: 0 is the first of the body, -1 none */
struct fixture_row {
	const char *body;
	const char *words;
	bool is_allowed;
	int line;
};

void fixture_check(const struct fixture_row *rows, size_t n_rows);
#define FIXTURE_CHECK(rows) fixture_check(rows, sizeof(rows) / sizeof((rows)[0]))
