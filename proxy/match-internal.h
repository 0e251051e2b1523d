/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Match rules, what their parts share
 *
 * A rule is a sequence of terms in one canonical order, so that equal rules have
 * equal sequences, and the index can go from term to term.
 */
#pragma once

#include "proxy/match.h"

/* in the order in which the index asks for them */
enum match_key {
	MATCH_SENDER, /* first: their candidates are enumerated, so that this happens once */
	MATCH_DESTINATION,
	MATCH_INTERFACE,
	MATCH_MEMBER,
	MATCH_PATH,
	MATCH_PATH_NAMESPACE,
	MATCH_TYPE,
	MATCH_ARG,
	MATCH_ARG_PATH,
	MATCH_ARG_NAMESPACE,
	_MATCH_KEY_MAX,
};

/**
 * struct match_term - one key=value, the value unquoted
 * @arg: the N of argN..., else 0
 * @at, @len: where the value lies in the text that goes with the terms
 */
struct match_term {
	uint8_t key;
	uint8_t arg;
	uint16_t at;
	uint16_t len;
};

/**
 * struct match_rule - terms, and the text their values lie in
 * @text: MATCH_MAX_TEXT bytes suffice, as values are never longer than what they
 *	were read from
 */
struct match_rule {
	bool is_eavesdropping;
	uint8_t n_terms;
	uint16_t n_text;
	struct match_term terms[MATCH_MAX_TERMS];
	char text[];
};

/* a value seen from outside: no terminator */
struct match_value {
	uint8_t key;
	uint8_t arg;
	uint16_t len;
	const char *text;
};

/* room for match_values_format() of any rule: each byte quoted, sixteen keys, eavesdrop */
#define MATCH_MAX_FORMAT (4 * MATCH_MAX_TEXT + 32 * (MATCH_MAX_TERMS + 1))

/* the text of a rule with these values, NUL-terminated; returns its length */
size_t match_values_format(const struct match_value *values, unsigned n_values,
			   bool is_eavesdropping, char text_out[MATCH_MAX_FORMAT]);

/* MATCH_WANTS_* of a rule with these values */
unsigned match_values_want(const struct match_value *values, unsigned n_values);

/**
 * match_subject_text() - what a term of this kind is compared with
 * @key: not SENDER or DESTINATION, which are parties
 *
 * Return: false if the subject has nothing that such a term could match.
 */
bool match_subject_text(struct match_subject *subject, enum match_key key, unsigned arg,
			struct match_text *text_out);

/* whether one term matches; the definition, which the index must agree with */
bool match_subject_has(struct match_subject *subject, const struct match_value *value);
