/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Permission to connect: see permission.h.
 *
 * Rules about users are "bus-global": they stand in default and mandatory
 * sections, and the last one that applies decides.  Users are compared by number.
 */
#include "proxy/permission.h"

#include <stdlib.h>

#include "proxy/daemon.h"

static bool permission_rule_applies(const struct policy_rule *rule, const struct creds *creds)
{
	unsigned long uid;
	char *end;

	if (rule->kind != POLICY_RULE_USER)
		return false;
	if (!rule->name)
		return true;
	uid = strtoul(rule->name, &end, 10);
	return !*end && end != rule->name && uid == creds->uid;
}

static bool permission_of_section(const struct policy_rules *policy, enum policy_section_kind kind,
				  const struct creds *creds, bool is_allowed)
{
	for (size_t i = 0; i < policy->n_rules; i++) {
		const struct policy_rule *rule = &policy->rules[i];

		if (policy->sections[rule->section].kind == kind &&
		    permission_rule_applies(rule, creds))
			is_allowed = rule->is_allow;
	}
	return is_allowed;
}

bool permission_to_connect(const struct daemon *daemon, const struct creds *creds)
{
	const struct policy_rules *policy = &daemon->config->policy;
	bool is_allowed;

	if (creds->uid == CREDS_UNKNOWN)
		return daemon->config->allow_anonymous;
	is_allowed = creds->uid == daemon->owner_uid;
	is_allowed = permission_of_section(policy, POLICY_SECTION_DEFAULT, creds, is_allowed);
	return permission_of_section(policy, POLICY_SECTION_MANDATORY, creds, is_allowed);
}
