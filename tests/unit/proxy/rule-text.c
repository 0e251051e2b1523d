/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Match rules from outside: see rule-text.h. */
#include "tests/unit/proxy/rule-text.h"

#include <string.h>

#include "proxy/match-internal.h"

bool rule_equals(const struct match_rule *a, const struct match_rule *b)
{
	if (a->n_terms != b->n_terms || a->is_eavesdropping != b->is_eavesdropping)
		return false;
	for (unsigned i = 0; i < a->n_terms; i++) {
		const struct match_term *left = &a->terms[i], *right = &b->terms[i];

		if (left->key != right->key || left->arg != right->arg || left->len != right->len ||
		    memcmp(a->text + left->at, b->text + right->at, left->len) != 0)
			return false;
	}
	return true;
}

char *rule_to_string(const struct match_rule *rule)
{
	struct match_value values[MATCH_MAX_TERMS];
	char text[MATCH_MAX_FORMAT];

	for (unsigned i = 0; i < rule->n_terms; i++) {
		const struct match_term *term = &rule->terms[i];

		values[i] = (struct match_value){
			.key = term->key,
			.arg = term->arg,
			.len = term->len,
			.text = rule->text + term->at,
		};
	}
	match_values_format(values, rule->n_terms, rule->is_eavesdropping, text);
	return strdup(text);
}
