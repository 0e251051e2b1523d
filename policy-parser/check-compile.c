/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bus-policy-check: what an engine would be told, printed */
#include <errno.h>
#include <string.h>

#include "policy-parser/check.h"

static const char *const kind_names[] = {
	[POLICY_USER] = "user", [POLICY_GROUP] = "group", [POLICY_WORLD] = "world"};

static const char *const access_names[] = {
	[POLICY_SEE] = "see", [POLICY_TALK] = "talk", [POLICY_OWN] = "own"};

static const char *const obstacle_names[] = {
	[POLICY_OBSTACLE_CALL] = "call",     [POLICY_OBSTACLE_RECEIVE_CALL] = "receive-call",
	[POLICY_OBSTACLE_SIGNAL] = "signal", [POLICY_OBSTACLE_SEND_SIGNAL] = "send-signal",
	[POLICY_OBSTACLE_OWN] = "own",	     [POLICY_OBSTACLE_SHARED] = "shared",
};

/* of the uid in an obstacle: "WHO may not ..." */
static const char *const obstacle_texts[] = {
	[POLICY_OBSTACLE_CALL] = "may not send it every call",
	[POLICY_OBSTACLE_RECEIVE_CALL] = "may own it, and does not receive every call from there",
	[POLICY_OBSTACLE_SIGNAL] = "does not receive every signal from it",
	[POLICY_OBSTACLE_SEND_SIGNAL] = "may own it, and may not send every signal there",
	[POLICY_OBSTACLE_OWN] = "may not own it with every set of groups",
	[POLICY_OBSTACLE_SHARED] = "may own it as well, and may not be talked to",
};

static void print_principal(FILE *file, const struct policy_users *users,
			    const struct policy_principal *principal)
{
	const char *name = NULL;

	fputs(kind_names[principal->kind], file);
	if (principal->kind == POLICY_USER)
		name = policy_users_get_user_name(users, principal->id);
	else if (principal->kind == POLICY_GROUP)
		name = policy_users_get_group_name(users, principal->id);
	if (name)
		fprintf(file, " %s", name);
	else if (principal->kind != POLICY_WORLD)
		fprintf(file, " %u", principal->id);
}

static void print_uid(FILE *file, const struct policy_users *users, uint32_t uid)
{
	const char *name = policy_users_get_user_name(users, uid);

	if (uid == POLICY_UID_OTHER)
		fputs("somebody else", file);
	else if (uid == POLICY_UID_UNRESOLVED)
		fputs("somebody with a name that nobody has yet", file);
	else if (name)
		fprintf(file, "user %s", name);
	else
		fprintf(file, "user %u", uid);
}

static void print_obstacle(const struct check_report *report, const struct policy *policy,
			   const struct policy_users *users, const struct policy_obstacle *obstacle)
{
	FILE *file = report->file;

	fputs("\tnot ", file);
	print_principal(file, users, &obstacle->principal);
	fprintf(file, " %s: ", access_names[obstacle->access]);
	print_uid(file, users, obstacle->uid);
	fprintf(file, " %s", obstacle_texts[obstacle->kind]);
	if (obstacle->rule != POLICY_RULE_NONE) {
		fputs(": ", file);
		check_print_rule(report, policy, obstacle->rule);
	} else if (obstacle->kind != POLICY_OBSTACLE_SHARED) {
		fputs(": no rule allows it", file);
	}
	fputc('\n', file);
}

/* plain grants that depend on the peers having no other names */
static bool holder_is_conditional(const struct policy_holder *plain,
				  const struct policy_holder *strict)
{
	if (plain->n_grants != strict->n_grants)
		return true;
	for (size_t i = 0; i < plain->n_grants; i++)
		if (plain->grants[i].principal.kind != strict->grants[i].principal.kind ||
		    plain->grants[i].principal.id != strict->grants[i].principal.id ||
		    plain->grants[i].access != strict->grants[i].access)
			return true;
	return false;
}

/* the rule that is in everybody's way is the first one */
static bool obstacle_is_known(const struct policy_holder *holder,
			      const struct policy_obstacle *obstacle)
{
	const struct policy_obstacle *first = &holder->obstacles[0];

	return obstacle != first && first->principal.kind == POLICY_WORLD &&
	       obstacle->access == first->access && obstacle->kind == first->kind &&
	       obstacle->rule == first->rule;
}

static void print_holder(const struct check_report *report, const struct policy *policy,
			 const struct policy_users *users, const struct policy_holder *holder,
			 const struct policy_holder *strict)
{
	FILE *file = report->file;

	fprintf(file, "%s%s\n", holder->name, holder->is_wildcard ? ".*" : "");
	for (size_t i = 0; i < holder->n_grants; i++) {
		fputc('\t', file);
		print_principal(file, users, &holder->grants[i].principal);
		fprintf(file, " %s\n", access_names[holder->grants[i].access]);
	}
	if (holder_is_conditional(holder, strict))
		fputs("\tas long as no peer has another name that rules deny something about\n",
		      file);
	for (size_t i = 0; i < holder->n_obstacles; i++)
		if (report->verbose || !obstacle_is_known(holder, &holder->obstacles[i]))
			print_obstacle(report, policy, users, &holder->obstacles[i]);
}

static void json_principal(struct json *json, const struct policy_principal *principal)
{
	json_string(json, "principal", kind_names[principal->kind]);
	if (principal->kind != POLICY_WORLD)
		json_number(json, "id", principal->id);
}

static void json_obstacle(struct json *json, const struct policy *policy,
			  const struct policy_obstacle *obstacle)
{
	json_open_object(json, NULL);
	json_principal(json, &obstacle->principal);
	json_string(json, "access", access_names[obstacle->access]);
	json_string(json, "reason", obstacle_names[obstacle->kind]);
	if (obstacle->uid < POLICY_UID_UNRESOLVED)
		json_number(json, "uid", obstacle->uid);
	check_json_rule(json, policy, obstacle->rule);
	json_close_object(json);
}

static void json_holder(struct json *json, const struct policy *policy,
			const struct policy_holder *holder, const struct policy_holder *strict)
{
	json_open_object(json, NULL);
	json_string(json, "name", holder->name);
	json_bool(json, "wildcard", holder->is_wildcard);
	json_bool(json, "conditional", holder_is_conditional(holder, strict));
	json_open_array(json, "grants");
	for (size_t i = 0; i < holder->n_grants; i++) {
		json_open_object(json, NULL);
		json_principal(json, &holder->grants[i].principal);
		json_string(json, "access", access_names[holder->grants[i].access]);
		json_close_object(json);
	}
	json_close_array(json);
	json_open_array(json, "withheld");
	for (size_t i = 0; i < holder->n_obstacles; i++)
		json_obstacle(json, policy, &holder->obstacles[i]);
	json_close_array(json);
	json_close_object(json);
}

int check_report_compile(const struct check_report *report, const struct check_target *target,
			 const struct policy_users *users, unsigned flags)
{
	__cleanup(policy_grants_freep) struct policy_grants *grants = NULL;
	__cleanup(policy_grants_freep) struct policy_grants *strict = NULL;
	struct json json = {.file = report->file};
	int r;

	r = policy_compile(target->policy, target->engine_uid, flags | POLICY_COMPILE_EXPLAIN,
			   &grants);
	if (r < 0)
		return r;
	r = policy_compile(target->policy, target->engine_uid, POLICY_COMPILE_STRICT, &strict);
	if (r < 0)
		return r;
	if (report->json) {
		json_open_object(&json, NULL);
		json_number(&json, "bus_owner", target->engine_uid);
		json_open_array(&json, "holders");
	}
	/* both have the same names */
	for (size_t i = 0; i < grants->n_holders; i++) {
		if (report->json)
			json_holder(&json, target->policy, &grants->holders[i],
				    &strict->holders[i]);
		else
			print_holder(report, target->policy, users, &grants->holders[i],
				     &strict->holders[i]);
	}
	if (report->json) {
		json_close_array(&json);
		json_close_object(&json);
	}
	return CHECK_GOOD;
}
