/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Policy: why, see policy-explain.h
 *
 * Written along the tables of bus-proxyd.conf(5), one condition after the other,
 * on the rules as they were read.
 */
#include "policy-parser/policy-explain.h"

#include <errno.h>
#include <string.h>

#include "policy-parser/policy-private.h"
#include "policy-parser/policy-users.h"
#include "proxy/base/creds.h"

#define TYPE_SIGNAL 4

static const char *const miss_texts[POLICY_N_MISSES] = {
	[POLICY_MATCHES] = "matches",
	[POLICY_MISSES_NAME] = "is about another name",
	[POLICY_MISSES_TYPE] = "is about another type",
	[POLICY_MISSES_PATH] = "is about another path",
	[POLICY_MISSES_INTERFACE] = "is about another interface",
	[POLICY_MISSES_NO_INTERFACE] = "allows an interface, and the message names none",
	[POLICY_MISSES_MEMBER] = "is about another member",
	[POLICY_MISSES_ERROR] = "is about another error",
	[POLICY_MISSES_FDS] = "is about another number of descriptors",
	[POLICY_MISSES_BROADCAST] = "differs in send_broadcast",
	[POLICY_MISSES_REQUESTED] = "spares replies that were asked for",
	[POLICY_MISSES_UNREQUESTED] = "is for replies that were asked for",
	[POLICY_MISSES_EAVESDROP] = "differs in eavesdrop",
	[POLICY_MISSES_USER] = "is about another user",
};

const char *policy_miss_text(enum policy_miss miss)
{
	return miss_texts[miss];
}

static bool name_is_covered(const char *name, const char *by, bool is_prefix)
{
	size_t size = strlen(by);

	if (!is_prefix)
		return !strcmp(name, by);
	return size && !strncmp(name, by, size) && (!name[size] || name[size] == '.');
}

static bool peer_is_covered(const struct policy_peer *peer, const char *by, bool is_prefix)
{
	void *position = NULL;
	const char *name;

	if (!peer->unique_name)
		return peer->header_name && name_is_covered(peer->header_name, by, is_prefix);
	if (name_is_covered(peer->unique_name, by, is_prefix))
		return true;
	while (peer->next_name && (name = peer->next_name(peer->userdata, &position)))
		if (name_is_covered(name, by, is_prefix))
			return true;
	return false;
}

static bool differs(const char *rule, const char *message)
{
	return rule && message && strcmp(rule, message);
}

static enum policy_miss reply_misses(const struct policy_rule *rule,
				     const struct policy_message *message)
{
	bool is_requested = message->flags & POLICY_MESSAGE_REQUESTED;

	if (!(message->flags & POLICY_MESSAGE_REPLY))
		return POLICY_MATCHES;
	if (rule->is_allow && !is_requested && rule->requested_reply != POLICY_FALSE &&
	    rule->eavesdrop != POLICY_TRUE)
		return POLICY_MISSES_UNREQUESTED;
	if (!rule->is_allow && is_requested && rule->requested_reply != POLICY_TRUE)
		return POLICY_MISSES_REQUESTED;
	return POLICY_MATCHES;
}

static enum policy_miss broadcast_misses(const struct policy_rule *rule,
					 const struct policy_message *message)
{
	bool is_broadcast = message->type == TYPE_SIGNAL && !message->destination;

	if (rule->kind != POLICY_RULE_SEND || rule->broadcast == POLICY_UNSET)
		return POLICY_MATCHES;
	return is_broadcast == (rule->broadcast == POLICY_TRUE) ? POLICY_MATCHES
								: POLICY_MISSES_BROADCAST;
}

static enum policy_miss eavesdrop_misses(const struct policy_rule *rule,
					 const struct policy_message *message)
{
	bool is_eavesdropped = message->flags & POLICY_MESSAGE_EAVESDROPPED;

	if (rule->kind != POLICY_RULE_RECEIVE)
		return POLICY_MATCHES;
	if (rule->is_allow && is_eavesdropped && rule->eavesdrop != POLICY_TRUE)
		return POLICY_MISSES_EAVESDROP;
	if (!rule->is_allow && !is_eavesdropped && rule->eavesdrop == POLICY_TRUE)
		return POLICY_MISSES_EAVESDROP;
	return POLICY_MATCHES;
}

enum policy_miss policy_rule_misses(const struct policy_rule *rule,
				    const struct policy_message *message,
				    const struct policy_peer *peer)
{
	enum policy_miss miss;

	if (rule->type && rule->type != message->type)
		return POLICY_MISSES_TYPE;
	if (rule->name && !peer_is_covered(peer, rule->name, rule->is_prefix))
		return POLICY_MISSES_NAME;
	if (differs(rule->path, message->path))
		return POLICY_MISSES_PATH;
	if (rule->interface && !message->interface && rule->is_allow)
		return POLICY_MISSES_NO_INTERFACE;
	if (differs(rule->interface, message->interface))
		return POLICY_MISSES_INTERFACE;
	if (differs(rule->member, message->member))
		return POLICY_MISSES_MEMBER;
	if (differs(rule->error, message->error))
		return POLICY_MISSES_ERROR;
	if (message->n_fds < rule->min_fds || message->n_fds > rule->max_fds)
		return POLICY_MISSES_FDS;
	miss = broadcast_misses(rule, message);
	if (miss != POLICY_MATCHES)
		return miss;
	miss = reply_misses(rule, message);
	return miss != POLICY_MATCHES ? miss : eavesdrop_misses(rule, message);
}

/* EXPLANATIONS */

static bool has_group(const struct creds *creds, uint32_t gid)
{
	if (creds->gid == gid)
		return true;
	for (uint32_t i = 0; i < creds->n_groups; i++)
		if (creds->groups[i] == gid)
			return true;
	return false;
}

static bool user_is_meant(const struct policy *policy, const struct policy_rule *rule,
			  const struct creds *creds)
{
	const struct policy_users *users = policy->users;
	uint32_t id;

	if (!rule->name)
		return true;
	if (rule->kind == POLICY_RULE_USER)
		return (policy_users_parse_id(rule->name, &id) ||
			policy_users_find_user(users, rule->name, &id)) &&
		       id == creds->uid;
	if (!policy_users_parse_id(rule->name, &id) &&
	    !policy_users_find_group(users, rule->name, &id))
		return false;
	return policy_users_get_user_name(users, creds->uid)
		       ? policy_users_is_member(users, creds->uid, id)
		       : has_group(creds, id);
}

static bool kind_is_asked(enum policy_rule_kind kind, enum policy_rule_kind asked)
{
	return kind == asked || (asked == POLICY_RULE_USER && kind == POLICY_RULE_GROUP);
}

static enum policy_miss question_misses(const struct policy *policy,
					const struct policy_question *question,
					const struct policy_rule *rule)
{
	switch (rule->kind) {
	case POLICY_RULE_OWN:
		return !rule->name || name_is_covered(question->name, rule->name, rule->is_prefix)
			       ? POLICY_MATCHES
			       : POLICY_MISSES_NAME;
	case POLICY_RULE_USER:
	case POLICY_RULE_GROUP:
		return user_is_meant(policy, rule, question->creds) ? POLICY_MATCHES
								    : POLICY_MISSES_USER;
	default:
		return policy_rule_misses(rule, question->message, question->peer);
	}
}

/* the steps of all sections of a tier */
static void explain_tier(const struct policy *policy, const struct policy_question *question,
			 enum policy_section_kind kind, uint32_t id,
			 struct policy_explanation *explanation)
{
	const struct policy_rules *rules = policy->rules;
	uint32_t section_id;

	for (size_t i = 0; i < rules->n_sections; i++) {
		const struct policy_section *section = &rules->sections[i];

		if (section->kind != kind ||
		    !policy_section_resolve(section, policy->users, &section_id) ||
		    section_id != id)
			continue;
		for (uint32_t k = 0; k < section->n_rules; k++) {
			uint32_t index = section->first_rule + k;
			const struct policy_rule *rule = &rules->rules[index];
			struct policy_step *step = &explanation->steps[explanation->n_steps];

			if (!kind_is_asked(rule->kind, question->kind))
				continue;
			step->rule = index;
			step->miss = question_misses(policy, question, rule);
			explanation->n_steps++;
			if (step->miss != POLICY_MATCHES)
				continue;
			explanation->verdict.rule = index;
			explanation->verdict.is_allowed = rule->is_allow;
			explanation->verdict.log = rule->log;
			explanation->verdict.n_matched++;
		}
	}
}

static void explain_groups(const struct policy *policy, const struct policy_question *question,
			   struct policy_explanation *explanation)
{
	/* tiers are sorted by gid, and each gid is there once */
	for (size_t i = 0; i < policy->n_tiers; i++) {
		const struct policy_tier *tier = &policy->tiers[i];

		if (tier->kind == POLICY_SECTION_GROUP && has_group(question->creds, tier->id))
			explain_tier(policy, question, tier->kind, tier->id, explanation);
	}
}

void policy_explanation_deinit(struct policy_explanation *explanation)
{
	free(explanation->steps);
	*explanation = (struct policy_explanation)POLICY_EXPLANATION_NULL;
}

int policy_explain(const struct policy *policy, const struct policy_question *question,
		   struct policy_explanation *explanation)
{
	const struct creds *creds = question->creds;
	bool is_known = creds->uid != CREDS_UNKNOWN;

	*explanation = (struct policy_explanation)POLICY_EXPLANATION_NULL;
	explanation->verdict.rule = POLICY_RULE_NONE;
	explanation->steps = calloc(policy->rules->n_rules + 1, sizeof(*explanation->steps));
	if (!explanation->steps)
		return -ENOMEM;
	if (question->kind == POLICY_RULE_USER)
		explanation->verdict.is_allowed = is_known && creds->uid == question->owner_uid;
	if (question->kind == POLICY_RULE_USER && !is_known)
		return 0;
	explain_tier(policy, question, POLICY_SECTION_DEFAULT, 0, explanation);
	/* who may connect is for sections that hold for everybody to say */
	if (is_known && question->kind != POLICY_RULE_USER) {
		explain_groups(policy, question, explanation);
		explain_tier(policy, question, POLICY_SECTION_USER, creds->uid, explanation);
		explain_tier(policy, question,
			     creds->uid >= policy->first_console_uid
				     ? POLICY_SECTION_AT_CONSOLE
				     : POLICY_SECTION_NOT_AT_CONSOLE,
			     0, explanation);
	}
	explain_tier(policy, question, POLICY_SECTION_MANDATORY, 0, explanation);
	return 0;
}

/* RULES AS TEXT */

static void print_attribute(FILE *file, const char *prefix, const char *name, const char *value)
{
	if (!value)
		return;
	fprintf(file, " %s%s=\"", prefix, name);
	for (; *value; value++) {
		switch (*value) {
		case '&':
			fputs("&amp;", file);
			break;
		case '<':
			fputs("&lt;", file);
			break;
		case '"':
			fputs("&quot;", file);
			break;
		default:
			fputc((unsigned char)*value < ' ' || *value == 0x7f ? '?' : *value, file);
		}
	}
	fputc('"', file);
}

static void print_tristate(FILE *file, const char *prefix, const char *name, unsigned value)
{
	if (value != POLICY_UNSET)
		print_attribute(file, prefix, name, value == POLICY_TRUE ? "true" : "false");
}

static void print_message_rule(const struct policy_rule *rule, const char *prefix, FILE *file)
{
	static const char *const types[] = {NULL, "method_call", "method_return", "error",
					    "signal"};
	const char *name = rule->kind == POLICY_RULE_RECEIVE ? "sender"
			   : rule->is_prefix		     ? "destination_prefix"
							     : "destination";
	bool has_no_condition = !rule->name && !rule->type && !rule->path && !rule->interface &&
				!rule->member && !rule->error &&
				rule->requested_reply == POLICY_UNSET &&
				rule->broadcast == POLICY_UNSET &&
				(rule->kind == POLICY_RULE_SEND || rule->eavesdrop == POLICY_UNSET);

	print_attribute(file, prefix, name, has_no_condition ? "*" : rule->name);
	print_attribute(file, prefix, "type", types[rule->type]);
	print_attribute(file, prefix, "path", rule->path);
	print_attribute(file, prefix, "interface", rule->interface);
	print_attribute(file, prefix, "member", rule->member);
	print_attribute(file, prefix, "error", rule->error);
	print_tristate(file, prefix, "requested_reply", rule->requested_reply);
	print_tristate(file, prefix, "broadcast", rule->broadcast);
	print_tristate(file, "", "eavesdrop", rule->eavesdrop);
	if (rule->min_fds)
		fprintf(file, " min_fds=\"%u\"", rule->min_fds);
	if (rule->max_fds < POLICY_MAX_FDS)
		fprintf(file, " max_fds=\"%u\"", rule->max_fds);
}

void policy_rule_print(const struct policy_rule *rule, FILE *file)
{
	fputs(rule->is_allow ? "<allow" : "<deny", file);
	switch (rule->kind) {
	case POLICY_RULE_SEND:
		print_message_rule(rule, "send_", file);
		break;
	case POLICY_RULE_RECEIVE:
		print_message_rule(rule, "receive_", file);
		break;
	case POLICY_RULE_OWN:
		print_attribute(file, "", rule->is_prefix ? "own_prefix" : "own",
				rule->name ?: "*");
		break;
	case POLICY_RULE_USER:
		print_attribute(file, "", "user", rule->name ?: "*");
		break;
	case POLICY_RULE_GROUP:
		print_attribute(file, "", "group", rule->name ?: "*");
		break;
	}
	if (rule->log)
		fputs(" log=\"true\"", file);
	fputs("/>", file);
}
