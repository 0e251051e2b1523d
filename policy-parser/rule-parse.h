/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <allow> and <deny>: attributes in, rule out */
#pragma once

#include <stddef.h>

#include "policy-parser/config-xml.h"
#include "policy-parser/rule.h"

/* outcomes */
enum {
	POLICY_RULE_INVALID = 1,
};

/**
 * policy_rule_parse() - what the attributes of a rule mean together
 * @element: an <allow> or <deny>
 * @rule_out: strings are those of @element, "*" not being one; section is 0
 * @reason: POLICY_RULE_INVALID: why
 * @reason_size: bytes of @reason
 *
 * Return: 0 or POLICY_RULE_INVALID.
 */
int policy_rule_parse(const struct config_xml_element *element, struct policy_rule *rule_out,
		      char *reason, size_t reason_size);
