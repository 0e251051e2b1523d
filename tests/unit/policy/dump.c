/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A configuration as text, without the places it comes from */
#include "tests/unit/policy/dump.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/harness/tap.h"

static const char *const section_kinds[] = {
	"default", "group", "user", "at_console", "not_at_console", "mandatory",
};

static void dump_text(FILE *out, const char *name, const char *text)
{
	if (text)
		fprintf(out, " %s=%s", name, text);
}

static void dump_tristate(FILE *out, const char *name, unsigned value)
{
	static const char *const values[] = {NULL, "false", "true"};

	dump_text(out, name, values[value]);
}

static void dump_rule(FILE *out, const struct policy_rule *rule)
{
	static const char *const kinds[] = {"send", "receive", "own", "user", "group"};
	static const char *const types[] = {NULL, "method_call", "method_return", "error",
					    "signal"};

	fprintf(out, "%s %s", rule->is_allow ? "allow" : "deny", kinds[rule->kind]);
	dump_text(out, rule->is_prefix ? "prefix" : "name", rule->name);
	dump_text(out, "type", types[rule->type]);
	dump_text(out, "path", rule->path);
	dump_text(out, "interface", rule->interface);
	dump_text(out, "member", rule->member);
	dump_text(out, "error", rule->error);
	dump_tristate(out, "requested_reply", rule->requested_reply);
	dump_tristate(out, "eavesdrop", rule->eavesdrop);
	dump_tristate(out, "broadcast", rule->broadcast);
	if (rule->min_fds)
		fprintf(out, " min_fds=%u", rule->min_fds);
	if (rule->max_fds != POLICY_MAX_FDS)
		fprintf(out, " max_fds=%u", rule->max_fds);
	if (rule->log)
		fprintf(out, " log");
}

const char *rule_dump(const struct policy_rule *rule)
{
	static char text[1024];
	FILE *out = fmemopen(text, sizeof(text), "w");

	expect(out != NULL);
	dump_rule(out, rule);
	fclose(out);
	return text;
}

char *config_dump(const struct config *config)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	expect(out != NULL);
	fprintf(out, "type %d %s\n", config->type, config->type_name ? config->type_name : "-");
	fprintf(out, "user %s\n", config->user ? config->user : "-");
	fprintf(out, "flags %d%d%d%d\n", config->fork, config->keep_umask, config->syslog,
		config->allow_anonymous);
	fprintf(out, "pidfile %s\n", config->pidfile ? config->pidfile : "-");
	fprintf(out, "auth %x\n", config->auth);
	fprintf(out, "apparmor %d\n", config->apparmor);
	fprintf(out, "servicehelper %s\n", config->servicehelper ? config->servicehelper : "-");
	for (size_t i = 0; i < config->n_listen; i++)
		fprintf(out, "listen %s\n", config->listen[i].address);
	for (size_t i = 0; i < config->n_servicedirs; i++)
		fprintf(out, "servicedir %s %x\n", config->servicedirs[i].path,
			config->servicedirs[i].flags);
	for (size_t i = 0; i < config->n_selinux; i++)
		fprintf(out, "associate %s %s\n", config->selinux[i].own,
			config->selinux[i].context);
	for (unsigned i = 0; i < CONFIG_LIMIT_N; i++) {
		if (config->limits[i].is_set)
			fprintf(out, "limit %s %lld\n", config_limit_name(i),
				(long long)config->limits[i].value);
	}
	for (size_t i = 0; i < config->policy.n_sections; i++) {
		const struct policy_section *section = &config->policy.sections[i];

		fprintf(out, "policy %s %s\n", section_kinds[section->kind],
			section->name ? section->name : "-");
		for (size_t j = 0; j < section->n_rules; j++) {
			const struct policy_rule *rule =
				&config->policy.rules[section->first_rule + j];

			expect_eq(rule->section, i);
			fprintf(out, "  ");
			dump_rule(out, rule);
			fputc('\n', out);
		}
	}
	fclose(out);
	return text;
}
