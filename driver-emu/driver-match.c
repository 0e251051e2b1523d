/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* AddMatch and RemoveMatch
 *
 * The rules are in the registry, where broadcasts are looked up; the engine learns
 * only which kinds of broadcasts a connection may want at all.  It is told before a
 * rule is added and after one is removed, so that it never knows of too little.
 *
 * See the specification, "org.freedesktop.DBus.AddMatch".
 */
#include "driver-emu/driver-internal.h"

static int subscribe(struct driver_caller *caller, unsigned wants)
{
	unsigned what = 0;

	if (wants & MATCH_WANTS_SIGNALS)
		what |= ENGINE_SUBSCRIBE_SIGNALS;
	if (wants & MATCH_WANTS_NOTIFICATIONS)
		what |= ENGINE_SUBSCRIBE_NOTIFICATIONS;
	return engine_conn_subscribe(caller->conn, what);
}

/* the rule that is the only argument; NULL in @rule_out when there is none and the call has
 * been answered */
static int read_rule(struct driver_call *call, struct match_rule **rule_out)
{
	char reason[MATCH_MAX_REASON];
	struct match_rule *rule;
	const char *text;
	uint32_t len;
	int r;

	*rule_out = NULL;
	text = wire_read_string(&call->args, &len);
	r = match_rule_parse(text, len, reason, &rule);
	switch (r) {
	case MATCH_OK:
		break;
	case MATCH_INVALID:
		return driver_fail(call, DRIVER_ERROR_MATCH_RULE_INVALID, "%s", reason);
	case MATCH_TOO_LONG:
		return driver_fail(call, DRIVER_ERROR_LIMITS_EXCEEDED, "%s", reason);
	default:
		return r;
	}
	*rule_out = rule;
	return 0;
}

int driver_run_add_match(struct driver_call *call)
{
	__cleanup(match_rule_freep) struct match_rule *rule = NULL;
	struct driver_caller *caller = call->caller;
	unsigned wants, new_wants;
	int r;

	if (caller->matches.n_rules >= call->driver->limits.n_matches)
		return driver_fail(call, DRIVER_ERROR_LIMITS_EXCEEDED,
				   "Connection \"%s\" is not allowed to add more match rules "
				   "(increase limits in configuration file if required; "
				   "max_match_rules_per_connection=%u)",
				   caller->unique_name, call->driver->limits.n_matches);
	r = read_rule(call, &rule);
	if (!rule)
		return r;
	if (match_rule_is_eavesdropping(rule) && !(caller->flags & DRIVER_CALLER_PRIVILEGED))
		return driver_refuse(call);

	wants = match_owner_wants(&caller->matches);
	new_wants = wants | match_rule_wants(rule);
	if (new_wants != wants) {
		r = subscribe(caller, new_wants);
		if (r)
			return r;
	}
	/* what was sent until now is judged by the rules until now */
	engine_conn_position(caller->conn);
	r = match_registry_add(call->driver->matches, &caller->matches, rule);
	if (r)
		return r;
	return driver_ack(call);
}

int driver_run_remove_match(struct driver_call *call)
{
	__cleanup(match_rule_freep) struct match_rule *rule = NULL;
	struct driver_caller *caller = call->caller;
	unsigned wants;
	int r;

	r = read_rule(call, &rule);
	if (!rule)
		return r;
	wants = match_owner_wants(&caller->matches);
	engine_conn_position(caller->conn);
	r = match_registry_remove(call->driver->matches, &caller->matches, rule);
	if (r == MATCH_NOT_FOUND)
		return driver_fail(call, DRIVER_ERROR_MATCH_RULE_NOT_FOUND, "%s",
				   driver_error_text(DRIVER_ERROR_MATCH_RULE_NOT_FOUND));
	/* what comes although no rule wants it any more is filtered */
	if (match_owner_wants(&caller->matches) != wants)
		subscribe(caller, match_owner_wants(&caller->matches));
	return driver_ack(call);
}
