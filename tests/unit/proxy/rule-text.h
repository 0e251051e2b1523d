/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Match rules from outside: what tests compare them by */
#pragma once

#include "proxy/match.h"

/* whether RemoveMatch of one removes the other: the same terms, whatever the text was */
bool rule_equals(const struct match_rule *a, const struct match_rule *b);

/* a text that parses to an equal rule, from malloc(); NULL without memory */
char *rule_to_string(const struct match_rule *rule);
