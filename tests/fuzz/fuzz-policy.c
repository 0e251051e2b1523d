/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Users, questions in words, and everything that is done with rules
 *
 * The input has four parts, separated by lines "%%": a passwd and a group file, a
 * question, and the rules.  The index must answer as the explanation does, and two
 * policies that are one must not differ.
 */
#include <errno.h>
#include <string.h>

#include "policy-parser/config.h"
#include "policy-parser/policy-compile.h"
#include "policy-parser/policy-diff.h"
#include "policy-parser/policy-explain.h"
#include "policy-parser/policy-lint.h"
#include "policy-parser/policy-query.h"
#include "tests/fuzz/fuzz.h"

enum { PASSWD, GROUP, QUESTION, RULES, N_PARTS };

enum { MAX_WORDS = 24, MAX_RULES = 200, CONSOLE_UID = 1000 };

struct part {
	const char *bytes;
	size_t size;
};

static void split(const char *bytes, size_t size, struct part *parts)
{
	for (unsigned i = 0; i < N_PARTS && bytes; i++) {
		const char *end = i < N_PARTS - 1 ? memmem(bytes, size, "\n%%\n", 4) : NULL;

		parts[i].bytes = bytes;
		parts[i].size = end ? end - bytes : size;
		size -= end ? parts[i].size + 4 : size;
		bytes = end ? end + 4 : NULL;
	}
}

static int read_file(void *userdata, const char *path, size_t max, char **data_out,
		     size_t *size_out)
{
	static const char head[] = "<busconfig>", tail[] = "</busconfig>";
	const struct part *part = userdata;
	size_t n_head = sizeof(head) - 1, n_tail = sizeof(tail) - 1;

	if (strcmp(path, "/m.conf"))
		return -ENOENT;
	*data_out = malloc(n_head + part->size + n_tail);
	if (!*data_out)
		return -ENOMEM;
	memcpy(*data_out, head, n_head);
	if (part->size)
		memcpy(*data_out + n_head, part->bytes, part->size);
	memcpy(*data_out + n_head + part->size, tail, n_tail);
	*size_out = n_head + part->size + n_tail;
	return 0;
}

static int list_directory(void *userdata, const char *path,
			  int (*add)(void *add_userdata, const char *name), void *add_userdata)
{
	return -ENOENT;
}

static struct config *load(struct part *part)
{
	static const struct config_environment environment = {.datadir = "/usr/share"};
	const struct config_files provider = {
		.userdata = part, .read = read_file, .list = list_directory};
	const struct config_options options = {.environment = &environment, .files = &provider};
	struct config_messages messages = CONFIG_MESSAGES_NULL;
	struct config *config = NULL;

	config_load("/m.conf", &options, &config, &messages);
	config_messages_deinit(&messages);
	return config;
}

static struct policy_users *make_users(const struct part *parts)
{
	struct policy_users *users = NULL;

	fuzz_expect(!policy_users_new(&users));
	if (parts[PASSWD].bytes)
		fuzz_expect(
			!policy_users_add_passwd(users, parts[PASSWD].bytes, parts[PASSWD].size));
	if (parts[GROUP].bytes)
		fuzz_expect(!policy_users_add_group(users, parts[GROUP].bytes, parts[GROUP].size));
	return users;
}

static void check_users(const struct policy_users *users)
{
	for (uint32_t id = 0; id < 8; id++) {
		const char *name = policy_users_get_user_name(users, id);
		uint32_t found, primary, *groups, n_groups;

		if (!name)
			continue;
		fuzz_expect(policy_users_find_user(users, name, &found) && found == id);
		fuzz_expect(!policy_users_get_groups(users, id, &primary, &groups, &n_groups));
		for (uint32_t i = 0; i < n_groups; i++)
			fuzz_expect(policy_users_is_member(users, id, groups[i]) &&
				    (!i || groups[i] > groups[i - 1]));
		fuzz_expect(policy_users_is_member(users, id, primary));
		free(groups);
	}
}

static void ask_side(struct policy *policy, struct policy_query *query, enum policy_rule_kind kind)
{
	bool is_receive = kind == POLICY_RULE_RECEIVE;
	struct policy_query_side *asked = is_receive ? &query->receiver : &query->sender;
	struct policy_query_side *other = is_receive ? &query->sender : &query->receiver;
	struct policy_question question = {
		.kind = kind,
		.creds = &asked->creds,
		.name = query->name,
		.message = &query->message,
		.peer = &other->peer,
		.owner_uid = query->owner_uid,
	};
	struct policy_explanation explanation = POLICY_EXPLANATION_NULL;
	struct policy_identity *identity = NULL;
	struct policy_verdict verdict;

	fuzz_expect(!policy_identity_get(policy, &asked->creds, &identity));
	if (kind == POLICY_RULE_USER)
		policy_may_connect(policy, &asked->creds, query->owner_uid, &verdict);
	else if (kind == POLICY_RULE_OWN)
		policy_may_own(identity, query->name, &verdict);
	else if (is_receive)
		policy_may_receive(identity, &query->message, &other->peer, &verdict);
	else
		policy_may_send(identity, &query->message, &other->peer, &verdict);
	fuzz_expect(!policy_explain(policy, &question, &explanation));
	fuzz_expect(verdict.is_allowed == explanation.verdict.is_allowed &&
		    verdict.rule == explanation.verdict.rule &&
		    verdict.log == explanation.verdict.log);
	policy_explanation_deinit(&explanation);
	policy_identity_unref(identity);
}

static void ask(struct policy *policy, const struct policy_users *users, const struct part *part)
{
	struct policy_query query = POLICY_QUERY_NULL;
	char *copy = strndup(part->bytes ?: "", part->size), *rest = copy, *word;
	char error[POLICY_QUERY_MAX_ERROR];
	const char *words[MAX_WORDS];
	size_t n_words = 0;
	int r;

	fuzz_expect(copy);
	while (n_words < MAX_WORDS && (word = strsep(&rest, " ")))
		if (*word)
			words[n_words++] = word;
	r = policy_query_init(&query, users, words, n_words, error);
	fuzz_expect(!r || (r == POLICY_QUERY_BAD && *error));
	if (!r && query.kind == POLICY_QUERY_CONNECT)
		ask_side(policy, &query, POLICY_RULE_USER);
	if (!r && query.kind == POLICY_QUERY_OWN)
		ask_side(policy, &query, POLICY_RULE_OWN);
	if (!r && query.kind == POLICY_QUERY_MESSAGE && query.sender.has_creds)
		ask_side(policy, &query, POLICY_RULE_SEND);
	if (!r && query.kind == POLICY_QUERY_MESSAGE && query.receiver.has_creds)
		ask_side(policy, &query, POLICY_RULE_RECEIVE);
	policy_query_deinit(&query);
	free(copy);
}

static void compile(struct policy *policy, unsigned flags)
{
	struct policy_grants *grants = NULL;
	struct policy_plan *plan = NULL;

	fuzz_expect(!policy_compile(policy, 0, flags, &grants));
	for (size_t i = 0; i < grants->n_holders; i++)
		fuzz_expect(*grants->holders[i].name);
	fuzz_expect(!policy_plan_new(grants, grants, &plan) && !plan->n_steps);
	policy_plan_free(plan);
	fuzz_expect(!policy_plan_new(NULL, grants, &plan));
	policy_plan_free(plan);
	policy_grants_free(grants);
}

static void use(struct policy *policy)
{
	struct policy_findings findings = POLICY_FINDINGS_NULL;
	struct policy_differences differences = POLICY_DIFFERENCES_NULL;
	FILE *file = fopen("/dev/null", "we");

	fuzz_expect(file);
	fuzz_expect(!policy_lint(policy, POLICY_LINT_SYSTEM, &findings));
	for (size_t i = 0; i < findings.n_findings; i++)
		policy_finding_print(policy, &findings.findings[i], file);
	fclose(file);
	policy_findings_deinit(&findings);
	compile(policy, 0);
	compile(policy, POLICY_COMPILE_STRICT | POLICY_COMPILE_EXPLAIN);
	fuzz_expect(!policy_diff(policy, policy, 0, &differences) && !differences.n_differences);
	policy_differences_deinit(&differences);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct part parts[N_PARTS] = {0};
	struct policy_users *users;
	struct config *config;
	struct policy *policy = NULL;

	split((const char *)bytes, size, parts);
	users = make_users(parts);
	check_users(users);
	config = load(&parts[RULES]);
	/* what takes long is no finding */
	if (config && config->policy.n_rules <= MAX_RULES) {
		fuzz_expect(!policy_new(&config->policy, users, CONSOLE_UID, &policy));
		ask(policy, users, &parts[QUESTION]);
		use(policy);
	}
	policy_unref(policy);
	policy_users_unref(users);
	config_free(config);
	return 0;
}
