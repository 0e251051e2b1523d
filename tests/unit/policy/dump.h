/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A configuration as text, without the places it comes from */
#pragma once

#include "policy-parser/config.h"

/* to be freed; two configurations with equal dumps mean the same */
char *config_dump(const struct config *config);
/* the same of one rule, in a buffer that the next call overwrites */
const char *rule_dump(const struct policy_rule *rule);
