/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* BecomeMonitor
 *
 * Only reads the rules: what a monitor loses and sees is the proxy's business, which
 * makes the caller one once the answer is queued.
 *
 * See the specification, "org.freedesktop.DBus.Monitoring.BecomeMonitor".
 */
#include <errno.h>
#include <stdlib.h>

#include "driver-emu/driver-internal.h"

/* takes the rule */
static int add_rule(struct driver_answer *answer, struct match_rule *rule)
{
	struct match_rule **rules;

	rules = reallocarray(answer->rules, answer->n_rules + 1, sizeof(*rules));
	if (!rules) {
		match_rule_free(rule);
		return -ENOMEM;
	}
	answer->rules = rules;
	answer->rules[answer->n_rules++] = rule;
	return 0;
}

/* an answer without monitor */
static int fail_rule(struct driver_call *call, int outcome, const char *reason)
{
	driver_answer_deinit(call->answer);
	return driver_fail(call,
			   outcome == MATCH_TOO_LONG ? DRIVER_ERROR_LIMITS_EXCEEDED
						     : DRIVER_ERROR_MATCH_RULE_INVALID,
			   "%s", reason);
}

int driver_run_become_monitor(struct driver_call *call)
{
	struct driver_answer *answer = call->answer;
	char reason[MATCH_MAX_REASON];
	struct wire_reader flags_reader = call->args;
	struct match_rule *rule;
	const char *signature = "as", *text;
	uint32_t end, len;
	int r;

	wire_read_skip(&flags_reader, &signature);
	if (wire_read_u32(&flags_reader))
		return driver_fail(call, DRIVER_ERROR_INVALID_ARGS,
				   "BecomeMonitor does not support any flags yet");

	end = wire_read_array(&call->args, 4);
	while (call->args.at < end && !call->args.failed) {
		if (answer->n_rules >= call->driver->limits.n_matches)
			return fail_rule(call, MATCH_TOO_LONG, "Too many match rules");
		text = wire_read_string(&call->args, &len);
		r = match_rule_parse(text, len, reason, &rule);
		if (r < 0)
			return r;
		if (r)
			return fail_rule(call, r, reason);
		/* a monitor eavesdrops anyway */
		match_rule_clear_eavesdropping(rule);
		r = add_rule(answer, rule);
		if (r)
			return r;
	}
	if (!answer->n_rules) {
		r = match_rule_parse("", 0, reason, &rule);
		if (r)
			return r;
		r = add_rule(answer, rule);
		if (r)
			return r;
	}
	answer->is_monitor = true;
	return driver_ack(call);
}
