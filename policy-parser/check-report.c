/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bus-policy-check: lint, query and diff, printed
 *
 * Text is for people and may change; the members of the JSON objects stay.
 */
#include <errno.h>
#include <stdlib.h>

#include "policy-parser/check.h"

static char *rule_text(const struct policy *policy, uint32_t rule)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return NULL;
	policy_rule_print(&policy_get_rules(policy)->rules[rule], file);
	if (fclose(file)) {
		free(text);
		return NULL;
	}
	return text;
}

void check_print_rule(const struct check_report *report, const struct policy *policy, uint32_t rule)
{
	unsigned line;
	const char *place = policy_rule_place(policy, rule, &line);

	if (!place) {
		fputs("no rule", report->file);
		return;
	}
	fprintf(report->file, "%s:%u: ", place, line);
	policy_rule_print(&policy_get_rules(policy)->rules[rule], report->file);
}

void check_json_rule(struct json *json, const struct policy *policy, uint32_t rule)
{
	__cleanup(freep) char *text = NULL;
	unsigned line;
	const char *place = policy_rule_place(policy, rule, &line);

	if (!place)
		return;
	text = rule_text(policy, rule);
	json_string(json, "file", place);
	json_number(json, "line", line);
	json_string(json, "rule", text);
}

/* LINT */

static bool finding_is_note(enum policy_finding_kind kind)
{
	return kind == POLICY_FINDING_DENIES_BROADCASTS ||
	       kind == POLICY_FINDING_DENIES_NO_INTERFACE;
}

static void print_finding(const struct check_report *report, const struct policy *policy,
			  const struct policy_finding *finding)
{
	unsigned line;
	const char *place = policy_finding_place(policy, finding, &line);

	fprintf(report->file, "%s:%u: %s: ", place, line,
		finding_is_note(finding->kind) ? "note" : "warning");
	policy_finding_print(policy, finding, report->file);
	fprintf(report->file, " [%s]\n", policy_finding_name(finding->kind));
}

static int json_finding(struct json *json, const struct policy *policy,
			const struct policy_finding *finding)
{
	__cleanup(freep) char *text = NULL;
	size_t size;
	unsigned line;
	const char *place = policy_finding_place(policy, finding, &line);
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return -ENOMEM;
	policy_finding_print(policy, finding, file);
	if (fclose(file))
		return -ENOMEM;
	json_open_object(json, NULL);
	json_string(json, "kind", policy_finding_name(finding->kind));
	json_string(json, "severity", finding_is_note(finding->kind) ? "note" : "warning");
	json_string(json, "file", place);
	json_number(json, "line", line);
	json_string(json, "text", text);
	if (finding->other != POLICY_RULE_NONE) {
		json_open_object(json, "decided_by");
		check_json_rule(json, policy, finding->other);
		json_close_object(json);
	}
	json_close_object(json);
	return 0;
}

static int json_lint(const struct check_report *report, const struct policy *policy,
		     const struct policy_findings *findings, const struct config_messages *messages)
{
	struct json json = {.file = report->file};
	int r = 0;

	json_open_object(&json, NULL);
	json_open_array(&json, "messages");
	for (size_t i = 0; i < messages->n_items; i++) {
		json_open_object(&json, NULL);
		json_string(&json, "severity",
			    messages->items[i].severity == CONFIG_ERROR ? "error" : "warning");
		json_string(&json, "text", messages->items[i].text);
		json_close_object(&json);
	}
	json_close_array(&json);
	json_open_array(&json, "findings");
	for (size_t i = 0; !r && i < findings->n_findings; i++)
		r = json_finding(&json, policy, &findings->findings[i]);
	json_close_array(&json);
	json_close_object(&json);
	return r;
}

int check_report_lint(const struct check_report *report, const struct check_target *target,
		      const struct config_messages *messages)
{
	__cleanup(policy_findings_deinit) struct policy_findings findings = POLICY_FINDINGS_NULL;
	/* a file without a type is one of those that a system bus includes */
	bool is_system = target->config->type != CONFIG_TYPE_SESSION;
	int status = messages->n_items ? CHECK_FOUND : CHECK_GOOD;
	int r;

	r = policy_lint(target->policy, is_system ? POLICY_LINT_SYSTEM : 0, &findings);
	if (r < 0)
		return r;
	for (size_t i = 0; i < findings.n_findings; i++)
		if (!finding_is_note(findings.findings[i].kind))
			status = CHECK_FOUND;
	if (report->json) {
		r = json_lint(report, target->policy, &findings, messages);
		return r < 0 ? r : status;
	}
	for (size_t i = 0; i < findings.n_findings; i++)
		if (report->verbose || !finding_is_note(findings.findings[i].kind))
			print_finding(report, target->policy, &findings.findings[i]);
	return status;
}

/* QUERY */

static const char *const side_names[] = {
	[POLICY_RULE_SEND] = "send",
	[POLICY_RULE_RECEIVE] = "receive",
	[POLICY_RULE_OWN] = "own",
	[POLICY_RULE_USER] = "connect",
};

static void print_side(const struct check_report *report, const struct policy *policy,
		       enum policy_rule_kind kind, const struct policy_explanation *explanation)
{
	const struct policy_verdict *verdict = &explanation->verdict;

	fprintf(report->file, "%s: %s by ", side_names[kind],
		verdict->is_allowed ? "allowed" : "denied");
	if (verdict->rule == POLICY_RULE_NONE && kind == POLICY_RULE_USER)
		fputs("default: no rule is about this user", report->file);
	else
		check_print_rule(report, policy, verdict->rule);
	fputc('\n', report->file);
	if (verdict->log)
		fputs("\tand logged\n", report->file);
	for (size_t i = explanation->n_steps; i--;) {
		const struct policy_step *step = &explanation->steps[i];

		if (step->rule == verdict->rule || (step->miss && !report->verbose))
			continue;
		fputs(step->miss ? "\tignores " : "\toverrides ", report->file);
		check_print_rule(report, policy, step->rule);
		if (step->miss)
			fprintf(report->file, ": it %s", policy_miss_text(step->miss));
		fputc('\n', report->file);
	}
}

static void json_side(struct json *json, const struct policy *policy, enum policy_rule_kind kind,
		      const struct policy_explanation *explanation, bool verbose)
{
	json_open_object(json, NULL);
	json_string(json, "side", side_names[kind]);
	json_bool(json, "allowed", explanation->verdict.is_allowed);
	json_bool(json, "log", explanation->verdict.log);
	check_json_rule(json, policy, explanation->verdict.rule);
	json_open_array(json, "rules");
	for (size_t i = 0; i < explanation->n_steps; i++) {
		const struct policy_step *step = &explanation->steps[i];

		if (step->miss && !verbose)
			continue;
		json_open_object(json, NULL);
		check_json_rule(json, policy, step->rule);
		json_bool(json, "matches", step->miss == POLICY_MATCHES);
		if (step->miss)
			json_string(json, "reason", policy_miss_text(step->miss));
		json_close_object(json);
	}
	json_close_array(json);
	json_close_object(json);
}

/* one side of the question; *is_allowed_out: its answer */
static int report_side(const struct check_report *report, struct json *json,
		       const struct check_target *target, const struct policy_query *query,
		       enum policy_rule_kind kind, bool *is_allowed_out)
{
	const struct policy_query_side *asked =
		kind == POLICY_RULE_RECEIVE ? &query->receiver : &query->sender;
	const struct policy_query_side *other =
		kind == POLICY_RULE_RECEIVE ? &query->sender : &query->receiver;
	struct policy_question question = {
		.kind = kind,
		.creds = &asked->creds,
		.name = query->name,
		.message = &query->message,
		.peer = &other->peer,
		.owner_uid = query->has_owner ? query->owner_uid : target->owner_uid,
	};
	__cleanup(policy_explanation_deinit) struct policy_explanation explanation =
		POLICY_EXPLANATION_NULL;
	int r;

	r = policy_explain(target->policy, &question, &explanation);
	if (r < 0)
		return r;
	if (report->json)
		json_side(json, target->policy, kind, &explanation, report->verbose);
	else
		print_side(report, target->policy, kind, &explanation);
	*is_allowed_out = explanation.verdict.is_allowed;
	return 0;
}

int check_report_query(const struct check_report *report, const struct check_target *target,
		       const struct policy_query *query)
{
	static const enum policy_rule_kind kinds[] = {
		[POLICY_QUERY_CONNECT] = POLICY_RULE_USER,
		[POLICY_QUERY_OWN] = POLICY_RULE_OWN,
		[POLICY_QUERY_MESSAGE] = POLICY_RULE_SEND,
	};
	struct json json = {.file = report->file};
	bool is_allowed = true, is_receiver_allowed = true;
	int r = 0;

	if (report->json) {
		json_open_object(&json, NULL);
		json_open_array(&json, "sides");
	}
	if (query->sender.has_creds)
		r = report_side(report, &json, target, query, kinds[query->kind], &is_allowed);
	if (!r && query->receiver.has_creds)
		r = report_side(report, &json, target, query, POLICY_RULE_RECEIVE,
				&is_receiver_allowed);
	is_allowed = is_allowed && is_receiver_allowed;
	if (report->json) {
		json_close_array(&json);
		json_bool(&json, "allowed", is_allowed);
		json_close_object(&json);
	} else if (!r) {
		fprintf(report->file, "%s\n", is_allowed ? "allowed" : "denied");
	}
	return r < 0 ? r : is_allowed ? CHECK_GOOD : CHECK_FOUND;
}

/* DIFF */

static void print_verdict(const struct check_report *report, const struct policy *policy,
			  const char *when, const struct policy_verdict *verdict)
{
	fprintf(report->file, "\t%s: %s by ", when, verdict->is_allowed ? "allowed" : "denied");
	check_print_rule(report, policy, verdict->rule);
	fputc('\n', report->file);
}

static void json_verdict(struct json *json, const struct policy *policy, const char *when,
			 const struct policy_verdict *verdict)
{
	json_open_object(json, when);
	json_bool(json, "allowed", verdict->is_allowed);
	check_json_rule(json, policy, verdict->rule);
	json_close_object(json);
}

static void print_differences(const struct check_report *report, const struct policy *before,
			      const struct policy *after,
			      const struct policy_differences *differences)
{
	for (size_t i = 0; i < differences->n_differences; i++) {
		const struct policy_difference *difference = differences->differences[i];

		fprintf(report->file, "%c %s\n", difference->after.is_allowed ? '+' : '-',
			difference->words);
		print_verdict(report, before, "before", &difference->before);
		print_verdict(report, after, "after", &difference->after);
		if (difference->n_questions > 1)
			fprintf(report->file, "\tand %lu more questions that these rules decide\n",
				difference->n_questions - 1);
	}
}

static void json_differences(const struct check_report *report, const struct policy *before,
			     const struct policy *after,
			     const struct policy_differences *differences)
{
	struct json json = {.file = report->file};

	json_open_object(&json, NULL);
	json_number(&json, "questions", differences->n_questions);
	json_open_array(&json, "differences");
	for (size_t i = 0; i < differences->n_differences; i++) {
		const struct policy_difference *difference = differences->differences[i];

		json_open_object(&json, NULL);
		json_string(&json, "kind", side_names[difference->kind]);
		json_string(&json, "query", difference->words);
		json_number(&json, "questions", difference->n_questions);
		json_verdict(&json, before, "before", &difference->before);
		json_verdict(&json, after, "after", &difference->after);
		json_close_object(&json);
	}
	json_close_array(&json);
	json_close_object(&json);
}

int check_report_diff(const struct check_report *report, const struct check_target *before,
		      const struct check_target *after)
{
	__cleanup(policy_differences_deinit) struct policy_differences differences =
		POLICY_DIFFERENCES_NULL;
	int r;

	r = policy_diff(before->policy, after->policy, before->owner_uid, &differences);
	if (r < 0)
		return r;
	if (report->json)
		json_differences(report, before->policy, after->policy, &differences);
	else
		print_differences(report, before->policy, after->policy, &differences);
	return differences.n_differences ? CHECK_FOUND : CHECK_GOOD;
}
