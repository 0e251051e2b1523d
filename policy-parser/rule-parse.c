/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <allow> and <deny>: attributes in, rule out
 *
 * The attributes fall into groups.  Those of "own", "user" and "group" stand
 * alone.  The send_ and the receive_ ones each make a rule about messages, never
 * both; eavesdrop, min_fds and max_fds modify either, and eavesdrop alone makes a
 * receive rule.  log goes with everything and makes no rule.  The rest of the
 * restrictions are the conflicts below.  Names, paths and members are not
 * checked: a rule about a name that cannot exist is a rule that never matches.
 */
#include "policy-parser/rule-parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "policy-parser/number.h"

struct rule_parser {
	const struct config_xml_element *element;
	struct policy_rule rule;
	char *reason;
	size_t reason_size;
};

/* the attribute, or NULL */
#define GET(p, name) ((p)->element->attributes[CONFIG_ATTRIBUTE_##name])

static int invalid(struct rule_parser *p, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int invalid(struct rule_parser *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(p->reason, p->reason_size, format, args);
	va_end(args);
	return POLICY_RULE_INVALID;
}

static bool has_any(struct rule_parser *p, enum config_attribute first, enum config_attribute last)
{
	for (unsigned i = first; i <= last; i++) {
		if (p->element->attributes[i])
			return true;
	}
	return false;
}

static bool has_send(struct rule_parser *p)
{
	return has_any(p, CONFIG_ATTRIBUTE_SEND_INTERFACE, CONFIG_ATTRIBUTE_SEND_BROADCAST);
}

static bool has_receive(struct rule_parser *p)
{
	return has_any(p, CONFIG_ATTRIBUTE_RECEIVE_INTERFACE,
		       CONFIG_ATTRIBUTE_RECEIVE_REQUESTED_REPLY);
}

static const char *no_constraint(const char *value)
{
	return value && !strcmp(value, "*") ? NULL : value;
}

/* "*" is no constraint as a name; as a prefix it is nothing special */
static void set_name(struct policy_rule *rule, const char *name, const char *prefix)
{
	rule->name = prefix ? prefix : no_constraint(name);
	rule->is_prefix = !!prefix;
}

/* attributes that stand alone: the kind of rule each makes */
static const struct {
	enum config_attribute attribute;
	enum policy_rule_kind kind;
} lonely[] = {
	{CONFIG_ATTRIBUTE_OWN, POLICY_RULE_OWN},
	{CONFIG_ATTRIBUTE_OWN_PREFIX, POLICY_RULE_OWN},
	{CONFIG_ATTRIBUTE_USER, POLICY_RULE_USER},
	{CONFIG_ATTRIBUTE_GROUP, POLICY_RULE_GROUP},
};

static int find_kind(struct rule_parser *p, enum policy_rule_kind *kind_out)
{
	bool is_send = has_send(p);
	bool is_receive = has_receive(p);
	bool is_modified = GET(p, EAVESDROP) || GET(p, MIN_FDS) || GET(p, MAX_FDS);
	unsigned n_lonely = 0;

	for (size_t i = 0; i < sizeof(lonely) / sizeof(lonely[0]); i++) {
		if (!p->element->attributes[lonely[i].attribute])
			continue;
		*kind_out = lonely[i].kind;
		n_lonely++;
	}
	if (n_lonely > 1 || (n_lonely && (is_send || is_receive || is_modified)))
		return invalid(p, "own, own_prefix, user and group go neither together nor with "
				  "attributes of messages");
	if (n_lonely)
		return 0;
	if (is_send && is_receive)
		return invalid(p, "attributes of sending and of receiving do not go together");
	if (!is_send && !is_receive && !GET(p, EAVESDROP))
		return invalid(p, "has no attribute that makes a rule");
	*kind_out = is_send ? POLICY_RULE_SEND : POLICY_RULE_RECEIVE;
	return 0;
}

static int parse_boolean(struct rule_parser *p, enum config_attribute attribute,
			 enum policy_tristate *value_out)
{
	const char *value = p->element->attributes[attribute];

	if (!value)
		*value_out = POLICY_UNSET;
	else if (!strcmp(value, "true"))
		*value_out = POLICY_TRUE;
	else if (!strcmp(value, "false"))
		*value_out = POLICY_FALSE;
	else
		return invalid(p, "%s is \"true\" or \"false\", not \"%.100s\"",
			       config_attribute_name(attribute), value);
	return 0;
}

static int parse_type(struct rule_parser *p, enum config_attribute attribute, uint8_t *type_out)
{
	/* by their number on the wire */
	static const char *const types[] = {"*", "method_call", "method_return", "error", "signal"};
	const char *value = p->element->attributes[attribute];

	if (!value)
		value = "*";
	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (!strcmp(value, types[i])) {
			*type_out = i;
			return 0;
		}
	}
	return invalid(p, "%s: \"%.100s\" is not a type of message",
		       config_attribute_name(attribute), value);
}

static int parse_fds(struct rule_parser *p, enum config_attribute attribute, uint32_t *n_fds)
{
	const char *value = p->element->attributes[attribute];
	const char *end;
	long long number;

	if (!value)
		return 0;
	if (number_parse(value, &number, &end) || number < 0 || number > POLICY_MAX_FDS)
		return invalid(p, "%s is a number from 0 to %u, not \"%.100s\"",
			       config_attribute_name(attribute), POLICY_MAX_FDS, value);
	*n_fds = number;
	return 0;
}

static int check_send(struct rule_parser *p)
{
	const char *destination = GET(p, SEND_DESTINATION);
	const char *broadcast = GET(p, SEND_BROADCAST);

	if (destination && GET(p, SEND_DESTINATION_PREFIX))
		return invalid(p,
			       "send_destination and send_destination_prefix do not go together");
	if (no_constraint(destination) && broadcast && !strcmp(broadcast, "true"))
		return invalid(p, "can never match: a broadcast has no send_destination");
	return 0;
}

/* the attributes that send and receive rules have in common */
static int parse_message(struct rule_parser *p, bool is_send)
{
	struct policy_rule *rule = &p->rule;
	const char *prefix = is_send ? "send" : "receive";
	enum policy_tristate requested_reply, eavesdrop;
	int r;

	/* the attributes as written: even "*" conflicts */
	rule->interface = is_send ? GET(p, SEND_INTERFACE) : GET(p, RECEIVE_INTERFACE);
	rule->member = is_send ? GET(p, SEND_MEMBER) : GET(p, RECEIVE_MEMBER);
	rule->error = is_send ? GET(p, SEND_ERROR) : GET(p, RECEIVE_ERROR);
	rule->path = is_send ? GET(p, SEND_PATH) : GET(p, RECEIVE_PATH);
	if (rule->member && !rule->interface && !rule->path)
		return invalid(p,
			       "%s_member needs %s_interface or %s_path: not every message has an "
			       "interface",
			       prefix, prefix, prefix);
	if (rule->error && (rule->interface || rule->member))
		return invalid(p, "%s_error does not go with %s_interface or %s_member", prefix,
			       prefix, prefix);
	rule->interface = no_constraint(rule->interface);
	rule->member = no_constraint(rule->member);
	rule->error = no_constraint(rule->error);
	rule->path = no_constraint(rule->path);

	r = parse_type(p, is_send ? CONFIG_ATTRIBUTE_SEND_TYPE : CONFIG_ATTRIBUTE_RECEIVE_TYPE,
		       &rule->type);
	if (r)
		return r;
	r = parse_boolean(p,
			  is_send ? CONFIG_ATTRIBUTE_SEND_REQUESTED_REPLY
				  : CONFIG_ATTRIBUTE_RECEIVE_REQUESTED_REPLY,
			  &requested_reply);
	if (r)
		return r;
	r = parse_boolean(p, CONFIG_ATTRIBUTE_EAVESDROP, &eavesdrop);
	if (r)
		return r;
	rule->requested_reply = requested_reply;
	rule->eavesdrop = eavesdrop;
	r = parse_fds(p, CONFIG_ATTRIBUTE_MIN_FDS, &rule->min_fds);
	if (r)
		return r;
	return parse_fds(p, CONFIG_ATTRIBUTE_MAX_FDS, &rule->max_fds);
}

static int parse_send(struct rule_parser *p)
{
	struct policy_rule *rule = &p->rule;
	enum policy_tristate broadcast;
	int r;

	r = check_send(p);
	if (r)
		return r;
	r = parse_boolean(p, CONFIG_ATTRIBUTE_SEND_BROADCAST, &broadcast);
	if (r)
		return r;
	rule->broadcast = broadcast;
	set_name(rule, GET(p, SEND_DESTINATION), GET(p, SEND_DESTINATION_PREFIX));
	return parse_message(p, true);
}

static int parse_receive(struct rule_parser *p)
{
	set_name(&p->rule, GET(p, RECEIVE_SENDER), NULL);
	return parse_message(p, false);
}

int policy_rule_parse(const struct config_xml_element *element, struct policy_rule *rule_out,
		      char *reason, size_t reason_size)
{
	struct rule_parser p = {
		.element = element,
		.reason = reason,
		.reason_size = reason_size,
	};
	const char *log = GET(&p, LOG);
	enum policy_rule_kind kind;
	int r;

	r = find_kind(&p, &kind);
	if (r)
		return r;
	p.rule = (struct policy_rule){
		.line = element->line,
		.kind = kind,
		.is_allow = element->id == CONFIG_ELEMENT_ALLOW,
		.log = log && !strcmp(log, "true"),
		.max_fds = POLICY_MAX_FDS,
	};
	switch (kind) {
	case POLICY_RULE_SEND:
		r = parse_send(&p);
		break;
	case POLICY_RULE_RECEIVE:
		r = parse_receive(&p);
		break;
	case POLICY_RULE_OWN:
		set_name(&p.rule, GET(&p, OWN), GET(&p, OWN_PREFIX));
		break;
	case POLICY_RULE_USER:
		set_name(&p.rule, GET(&p, USER), NULL);
		break;
	case POLICY_RULE_GROUP:
		set_name(&p.rule, GET(&p, GROUP), NULL);
		break;
	}
	if (r)
		return r;
	*rule_out = p.rule;
	return 0;
}
