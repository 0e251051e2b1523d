/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Policy: two of them, see policy-diff.h
 *
 * Differences are kept by the pair of rules that decide: thousands of questions may
 * have their answers from one rule that was added.
 */
#include "policy-parser/policy-diff.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "policy-parser/policy-private.h"
#include "policy-parser/policy-users.h"
#include "proxy/base/creds.h"

/* what no rule is about, as long as nobody writes it on purpose */
#define OTHER_NAME	 "other.name.of.no.rule"
#define OTHER_INTERFACE	 "other.interface.of.no.rule"
#define OTHER_MEMBER	 "OtherMemberOfNoRule"
#define OTHER_PATH	 "/other/path/of/no/rule"
#define OTHER_ERROR	 "other.error.of.no.rule"
#define SOME_UNIQUE_NAME ":0.0"

#define N_POLICIES 2

/**
 * struct asker - somebody who asks
 * @creds: borrowed groups
 * @identities: in each of the policies
 */
struct asker {
	struct creds creds;
	struct policy_identity *identities[N_POLICIES];
};

/* a difference and how it is found again */
struct kept {
	struct htable_node node;
	struct policy_difference difference;
};

struct differ {
	struct policy *policies[N_POLICIES];
	uint32_t owner_uid;
	struct asker *askers;
	size_t n_askers;
	struct htable kept;
	struct policy_differences *differences;
	size_t n_allocated;
};

static void differ_deinit(struct differ *differ)
{
	struct hlist_node *tmp;
	struct kept *kept;
	size_t i;

	htable_for_each_safe(kept, tmp, i, &differ->kept, node)
		htable_unlink(&differ->kept, &kept->node);
	htable_deinit(&differ->kept);
	for (i = 0; i < differ->n_askers; i++) {
		for (unsigned k = 0; k < N_POLICIES; k++)
			policy_identity_unref(differ->askers[i].identities[k]);
		free(differ->askers[i].creds.groups);
	}
	free(differ->askers);
}

void policy_differences_deinit(struct policy_differences *differences)
{
	for (size_t i = 0; i < differences->n_differences; i++)
		free(container_of(differences->differences[i], struct kept, difference));
	free(differences->differences);
	*differences = (struct policy_differences)POLICY_DIFFERENCES_NULL;
}

/* WHO ASKS */

static int add_asker(struct differ *differ, uint32_t uid, const uint32_t *groups, uint32_t n_groups)
{
	struct asker *asker = &differ->askers[differ->n_askers];
	int r;

	*asker = (struct asker){.creds = CREDS_NULL};
	asker->creds.uid = uid;
	asker->creds.groups = calloc(n_groups + 1, sizeof(*groups));
	differ->n_askers++;
	if (!asker->creds.groups)
		return -ENOMEM;
	if (n_groups)
		memcpy(asker->creds.groups, groups, n_groups * sizeof(*groups));
	asker->creds.n_groups = n_groups;
	for (unsigned i = 0; i < N_POLICIES; i++) {
		r = policy_identity_get(differ->policies[i], &asker->creds, &asker->identities[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

/* with the groups of the user database, if it has the user */
static int add_user(struct differ *differ, uint32_t uid)
{
	__cleanup(freep) uint32_t *groups = NULL;
	uint32_t primary, n_groups = 0;
	int r;

	r = policy_users_get_groups(differ->policies[0]->users, uid, &primary, &groups, &n_groups);
	if (r < 0 && r != -ENOENT)
		return r;
	return add_asker(differ, uid, groups, n_groups);
}

static bool uid_is_mentioned(const struct differ *differ, uint32_t uid)
{
	for (unsigned i = 0; i < N_POLICIES; i++)
		if (policy_find_tier(differ->policies[i], POLICY_SECTION_USER, uid) <
		    differ->policies[i]->n_tiers)
			return true;
	return policy_users_get_user_name(differ->policies[0]->users, uid);
}

static uint32_t find_other_uid(const struct differ *differ, uint32_t below)
{
	while (below && uid_is_mentioned(differ, --below))
		;
	return below;
}

static int add_mentioned(struct differ *differ, const struct policy *policy, uint32_t other_uid)
{
	int r = 0;

	for (size_t i = 0; !r && i < policy->n_tiers; i++) {
		const struct policy_tier *tier = &policy->tiers[i];

		/* the second policy adds what the first one does not mention */
		if (policy != differ->policies[0] &&
		    policy_find_tier(differ->policies[0], tier->kind, tier->id) <
			    differ->policies[0]->n_tiers)
			continue;
		if (tier->kind == POLICY_SECTION_USER)
			r = add_user(differ, tier->id);
		else if (tier->kind == POLICY_SECTION_GROUP)
			r = add_asker(differ, other_uid, &tier->id, 1);
	}
	for (size_t i = 0; !r && i < policy->n_connects; i++) {
		const struct policy_connect *connect = &policy->connects[i];

		if (!connect->is_any)
			r = connect->is_group ? add_asker(differ, other_uid, &connect->id, 1)
					      : add_user(differ, connect->id);
	}
	return r;
}

static int add_askers(struct differ *differ)
{
	uint32_t first_console = differ->policies[0]->first_console_uid;
	uint32_t other_uid = find_other_uid(differ, UINT32_MAX);
	size_t n_max = 4;
	int r;

	for (unsigned i = 0; i < N_POLICIES; i++)
		n_max += differ->policies[i]->n_tiers + differ->policies[i]->n_connects;
	differ->askers = calloc(n_max, sizeof(*differ->askers));
	if (!differ->askers)
		return -ENOMEM;
	r = add_asker(differ, other_uid, NULL, 0);
	if (!r && first_console && first_console < other_uid)
		r = add_asker(differ, find_other_uid(differ, first_console), NULL, 0);
	r = r ? r : add_user(differ, differ->owner_uid);
	for (unsigned i = 0; !r && i < N_POLICIES; i++)
		r = add_mentioned(differ, differ->policies[i], other_uid);
	return r ? r : add_asker(differ, CREDS_UNKNOWN, NULL, 0);
}

/* ANSWERS */

static int differences_grow(struct differ *differ)
{
	size_t wanted = differ->n_allocated ? 2 * differ->n_allocated : 16;
	struct policy_difference **grown;

	if (differ->differences->n_differences < differ->n_allocated)
		return 0;
	grown = reallocarray(differ->differences->differences, wanted, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	differ->differences->differences = grown;
	differ->n_allocated = wanted;
	return 0;
}

/* a difference that is kept; *is_new_out: it has no words yet */
static int differ_keep(struct differ *differ, enum policy_rule_kind kind,
		       const struct policy_verdict *verdicts, struct policy_difference **kept_out,
		       bool *is_new_out)
{
	uint32_t key[] = {kind, verdicts[0].rule, verdicts[1].rule};
	uint64_t hash = htable_hash(key, sizeof(key));
	struct kept *kept;
	int r;

	htable_for_each_match(kept, &differ->kept, node, hash) {
		const struct policy_difference *difference = &kept->difference;

		if (difference->kind == kind && difference->before.rule == key[1] &&
		    difference->after.rule == key[2]) {
			*kept_out = &kept->difference;
			*is_new_out = false;
			return 0;
		}
	}
	r = differences_grow(differ);
	if (r < 0)
		return r;
	kept = calloc(1, sizeof(*kept));
	if (!kept)
		return -ENOMEM;
	kept->difference.kind = kind;
	kept->difference.before = verdicts[0];
	kept->difference.after = verdicts[1];
	differ->differences->differences[differ->differences->n_differences++] = &kept->difference;
	htable_add(&differ->kept, &kept->node, hash);
	*kept_out = &kept->difference;
	*is_new_out = true;
	return 0;
}

static void words_add(struct policy_difference *difference, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void words_add(struct policy_difference *difference, const char *format, ...)
{
	size_t n = strlen(difference->words);
	va_list args;

	va_start(args, format);
	vsnprintf(difference->words + n, sizeof(difference->words) - n, format, args);
	va_end(args);
}

static void words_add_text(struct policy_difference *difference, const char *key, const char *value)
{
	if (value)
		words_add(difference, " %s=%s", key, value);
}

static void words_add_asker(struct policy_difference *difference, const struct asker *asker,
			    const char *prefix)
{
	if (asker->creds.uid == CREDS_UNKNOWN) {
		words_add(difference, " %suser=anonymous", prefix);
		return;
	}
	words_add(difference, " %suser=%u %sgroups=", prefix, asker->creds.uid, prefix);
	for (uint32_t i = 0; i < asker->creds.n_groups; i++)
		words_add(difference, i ? ",%u" : "%u", asker->creds.groups[i]);
}

/* OWNING AND CONNECTING */

static int ask_connect(struct differ *differ, const struct asker *asker)
{
	struct policy_verdict verdicts[N_POLICIES];
	struct policy_difference *difference;
	bool is_new;
	int r;

	differ->differences->n_questions++;
	for (unsigned i = 0; i < N_POLICIES; i++)
		policy_may_connect(differ->policies[i], &asker->creds, differ->owner_uid,
				   &verdicts[i]);
	if (verdicts[0].is_allowed == verdicts[1].is_allowed)
		return 0;
	r = differ_keep(differ, POLICY_RULE_USER, verdicts, &difference, &is_new);
	if (r < 0)
		return r;
	difference->n_questions++;
	if (is_new) {
		words_add(difference, "connect");
		words_add_asker(difference, asker, "");
		words_add(difference, " bus-owner=%u", differ->owner_uid);
	}
	return 0;
}

static int ask_own(struct differ *differ, const struct asker *asker, const char *name)
{
	struct policy_verdict verdicts[N_POLICIES];
	struct policy_difference *difference;
	bool is_new;
	int r;

	differ->differences->n_questions++;
	for (unsigned i = 0; i < N_POLICIES; i++)
		policy_may_own(asker->identities[i], name, &verdicts[i]);
	if (verdicts[0].is_allowed == verdicts[1].is_allowed)
		return 0;
	r = differ_keep(differ, POLICY_RULE_OWN, verdicts, &difference, &is_new);
	if (r < 0)
		return r;
	difference->n_questions++;
	if (is_new) {
		words_add(difference, "own");
		words_add_asker(difference, asker, "");
		words_add_text(difference, "name", name);
	}
	return 0;
}

/* MESSAGES */

static const char *next_name(void *userdata, void **position)
{
	if (*position)
		return NULL;
	*position = userdata;
	return userdata;
}

static void message_words(struct policy_difference *difference, bool is_send,
			  const struct asker *asker, const struct policy_message *message,
			  const char *name)
{
	static const char *const types[] = {"", "method_call", "method_return", "error", "signal"};
	const char *side = is_send ? "sender-" : "receiver-";
	const char *other = is_send ? "receiver-names" : "sender-names";

	words_add(difference, "message");
	words_add_asker(difference, asker, side);
	words_add_text(difference, other, name);
	words_add_text(difference, "type", types[message->type]);
	words_add_text(difference, "destination", message->destination);
	words_add_text(difference, "path", message->path);
	words_add_text(difference, "interface", message->interface);
	words_add_text(difference, "member", message->member);
	words_add_text(difference, "error", message->error);
	if (message->n_fds)
		words_add(difference, " fds=%u", message->n_fds);
	if (message->flags & POLICY_MESSAGE_REPLY)
		words_add(difference, " reply=%s",
			  message->flags & POLICY_MESSAGE_REQUESTED ? "requested" : "unrequested");
	if (message->flags & POLICY_MESSAGE_EAVESDROPPED)
		words_add(difference, " eavesdrop=true");
}

static int ask_message(struct differ *differ, const struct asker *asker, bool is_send,
		       const struct policy_message *facts, const char *name)
{
	bool is_driver = !strcmp(name, "org.freedesktop.DBus");
	struct policy_peer peer = {
		.unique_name = is_driver	? NULL
			       : name[0] == ':' ? name
						: SOME_UNIQUE_NAME,
		.next_name = name[0] == ':' ? NULL : next_name,
		.userdata = (void *)name,
		.header_name = is_driver ? name : NULL,
	};
	struct policy_verdict verdicts[N_POLICIES];
	struct policy_difference *difference;
	bool is_new;
	int r;

	differ->differences->n_questions++;
	for (unsigned i = 0; i < N_POLICIES; i++) {
		struct policy_message message = *facts;

		if (is_send)
			policy_may_send(asker->identities[i], &message, &peer, &verdicts[i]);
		else
			policy_may_receive(asker->identities[i], &message, &peer, &verdicts[i]);
	}
	if (verdicts[0].is_allowed == verdicts[1].is_allowed)
		return 0;
	r = differ_keep(differ, is_send ? POLICY_RULE_SEND : POLICY_RULE_RECEIVE, verdicts,
			&difference, &is_new);
	if (r < 0)
		return r;
	difference->n_questions++;
	if (is_new)
		message_words(difference, is_send, asker, facts, name);
	return 0;
}

/* with a reply serial and without, meant for the receiver and not */
static int ask_flags(struct differ *differ, const struct asker *asker, bool is_send,
		     struct policy_message *message, const char *name)
{
	static const unsigned flags[] = {
		0,
		POLICY_MESSAGE_REPLY,
		POLICY_MESSAGE_REPLY | POLICY_MESSAGE_REQUESTED,
		POLICY_MESSAGE_EAVESDROPPED,
	};
	bool is_reply = message->type == 2 || message->type == 3;
	int r = 0;

	for (unsigned i = 0; !r && i < 4; i++) {
		bool has_serial = flags[i] & POLICY_MESSAGE_REPLY;

		/* replies have a serial, others hardly ever do */
		if (is_reply != has_serial || ((flags[i] & POLICY_MESSAGE_EAVESDROPPED) &&
					       (is_send || !message->destination)))
			continue;
		message->flags = flags[i];
		r = ask_message(differ, asker, is_send, message, name);
	}
	return r;
}

/* directed, and a signal to everybody as well; the fields that the type must have */
static int ask_type(struct differ *differ, const struct asker *asker,
		    const struct policy_rule *rule, struct policy_message message, uint8_t type,
		    const char *name)
{
	bool is_send = rule->kind == POLICY_RULE_SEND;
	int r;

	message.type = type;
	if (type == 1 || type == POLICY_TYPE_SIGNAL) {
		message.path = message.path ?: OTHER_PATH;
		message.member = message.member ?: OTHER_MEMBER;
	}
	if (type == POLICY_TYPE_SIGNAL)
		message.interface = message.interface ?: OTHER_INTERFACE;
	if (type == 3)
		message.error = message.error ?: OTHER_ERROR;
	message.destination = is_send ? name : SOME_UNIQUE_NAME;
	r = ask_flags(differ, asker, is_send, &message, name);
	if (r || type != POLICY_TYPE_SIGNAL)
		return r;
	message.destination = NULL;
	return ask_flags(differ, asker, is_send, &message, name);
}

/* all types, or the rule's */
static int ask_types(struct differ *differ, const struct asker *asker,
		     const struct policy_rule *rule, const struct policy_message *message)
{
	const char *name = rule->name ?: OTHER_NAME;
	int r = 0;

	for (uint8_t type = 1; !r && type <= 4; type++)
		if (!rule->type || rule->type == type)
			r = ask_type(differ, asker, rule, *message, type, name);
	return r;
}

/* what the rule is about, and the same with one thing changed */
static int ask_about(struct differ *differ, const struct asker *asker,
		     const struct policy_rule *rule)
{
	const struct policy_message base = {
		.path = rule->path,
		.interface = rule->interface,
		.member = rule->member,
		.error = rule->error,
		.n_fds = rule->min_fds,
	};
	struct policy_message other = base;
	int r;

	r = ask_types(differ, asker, rule, &base);
	if (!r && rule->path) {
		other.path = OTHER_PATH;
		r = ask_types(differ, asker, rule, &other);
		other = base;
	}
	for (unsigned i = 0; !r && i < 2; i++) {
		other.interface = i ? NULL : OTHER_INTERFACE;
		r = ask_types(differ, asker, rule, &other);
		other = base;
	}
	if (!r && rule->member) {
		other.member = OTHER_MEMBER;
		r = ask_types(differ, asker, rule, &other);
		other = base;
	}
	if (!r && rule->min_fds) {
		other.n_fds = rule->min_fds - 1;
		r = ask_types(differ, asker, rule, &other);
	}
	if (!r && rule->max_fds < POLICY_MAX_FDS) {
		other.n_fds = rule->max_fds + 1;
		r = ask_types(differ, asker, rule, &other);
	}
	return r;
}

static int ask_rule(struct differ *differ, const struct asker *asker,
		    const struct policy_rule *rule)
{
	__cleanup(freep) char *below = NULL;
	struct policy_rule narrow = *rule;
	int r;

	if (rule->kind > POLICY_RULE_OWN)
		return 0;
	if (rule->kind == POLICY_RULE_OWN)
		r = ask_own(differ, asker, rule->name ?: OTHER_NAME);
	else
		r = ask_about(differ, asker, rule);
	if (r || !rule->is_prefix)
		return r;
	if (asprintf(&below, "%s.OtherNameOfNoRule", rule->name) < 0) {
		below = NULL;
		return -ENOMEM;
	}
	narrow.name = below;
	return rule->kind == POLICY_RULE_OWN ? ask_own(differ, asker, below)
					     : ask_about(differ, asker, &narrow);
}

static int ask_all(struct differ *differ)
{
	int r = 0;

	for (size_t i = 0; !r && i < differ->n_askers; i++) {
		const struct asker *asker = &differ->askers[i];

		if (asker->creds.uid != CREDS_UNKNOWN)
			r = ask_connect(differ, asker);
		for (unsigned k = 0; !r && k < N_POLICIES; k++) {
			const struct policy_rules *rules = differ->policies[k]->rules;

			for (size_t n = 0; !r && n < rules->n_rules; n++)
				r = ask_rule(differ, asker, &rules->rules[n]);
		}
	}
	return r;
}

int policy_diff(struct policy *before, struct policy *after, uint32_t owner_uid,
		struct policy_differences *differences)
{
	__cleanup(differ_deinit) struct differ differ = {
		.policies = {before, after},
		.owner_uid = owner_uid,
		.differences = differences,
	};
	int r;

	htable_init(&differ.kept);
	*differences = (struct policy_differences)POLICY_DIFFERENCES_NULL;
	r = add_askers(&differ);
	r = r ? r : ask_all(&differ);
	if (r < 0) {
		/* the table must not outlive what is in it */
		differ_deinit(&differ);
		differ = (struct differ){.n_askers = 0};
		htable_init(&differ.kept);
		policy_differences_deinit(differences);
	}
	return r;
}
