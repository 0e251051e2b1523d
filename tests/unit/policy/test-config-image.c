/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Configurations that went through bytes are what they were, and bytes that were tampered
 * with are refused or are a configuration
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy-parser/config-image.h"
#include "policy-parser/policy.h"
#include "policy-parser/policy-users.h"
#include "tests/harness/tap.h"
#include "tests/unit/policy/dump.h"

static struct config *load_file(const char *name)
{
	struct config_messages messages = CONFIG_MESSAGES_NULL;
	struct config *config = NULL;
	char path[512];

	snprintf(path, sizeof(path), "%s/tests/data/valid-configs/%s", getenv("top_srcdir") ?: ".",
		 name);
	if (config_load(path, NULL, &config, &messages))
		fail("%s: %s", path, messages.n_items ? messages.items[0].text : "no message");
	config_messages_deinit(&messages);
	return config;
}

static void expect_equal(const struct config *a, const struct config *b)
{
	char rule[1024];

	expect_eq(a->type, b->type);
	expect_str(a->type_name, b->type_name);
	expect_str(a->file, b->file);
	expect_eq(a->auth, b->auth);
	expect_eq(a->allow_anonymous, b->allow_anonymous);
	for (int i = 0; i < CONFIG_LIMIT_N; i++)
		expect_eq(a->limits[i].value, b->limits[i].value);
	expect_eq(a->policy.n_sections, b->policy.n_sections);
	expect_eq(a->policy.n_rules, b->policy.n_rules);
	for (size_t i = 0; i < a->policy.n_sections; i++) {
		expect_eq(a->policy.sections[i].kind, b->policy.sections[i].kind);
		expect_str(a->policy.sections[i].name, b->policy.sections[i].name);
		expect_str(a->policy.sections[i].file, b->policy.sections[i].file);
		expect_eq(a->policy.sections[i].line, b->policy.sections[i].line);
		expect_eq(a->policy.sections[i].n_rules, b->policy.sections[i].n_rules);
	}
	for (size_t i = 0; i < a->policy.n_rules; i++) {
		snprintf(rule, sizeof(rule), "%s", rule_dump(&a->policy.rules[i]));
		expect_str(rule_dump(&b->policy.rules[i]), rule);
		expect_eq(a->policy.rules[i].line, b->policy.rules[i].line);
		expect_eq(a->policy.rules[i].section, b->policy.rules[i].section);
	}
}

TEST(every_configuration_comes_back)
{
	char path[512];
	struct dirent *entry;
	unsigned n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/tests/data/valid-configs", getenv("top_srcdir") ?: ".");
	dir = opendir(path);
	expect(dir != NULL);
	while ((entry = readdir(dir))) {
		struct config *config, *copy;
		void *image;
		size_t size;

		if (!strstr(entry->d_name, ".conf"))
			continue;
		config = load_file(entry->d_name);
		expect_eq(config_image_make(config, &image, &size), 0);
		expect_eq(config_image_load(image, size, &copy), 0);
		expect_equal(config, copy);
		free(image);
		config_free(copy);
		config_free(config);
		n++;
	}
	closedir(dir);
	expect_gt(n, 10u);
}

/* what comes out of tampered bytes can be used */
static void use(struct config *config)
{
	struct policy_users *users;
	struct policy *policy;

	expect_eq(policy_users_new(&users), 0);
	expect_eq(policy_new(&config->policy, users, 1000, &policy), 0);
	policy_unref(policy);
	policy_users_unref(users);
	config_free(config);
}

TEST(tampered_bytes_do_no_harm)
{
	struct config *config = load_file("every-rule.conf"), *copy;
	unsigned n_refused = 0;
	uint8_t *image;
	size_t size;
	void *made;
	int r;

	expect_eq(config_image_make(config, &made, &size), 0);
	image = malloc(size);
	for (size_t i = 0; i < size; i++) {
		memcpy(image, made, size);
		image[i] ^= 1u << i % 8;
		r = config_image_load(image, size, &copy);
		expect(r == 0 || r == -EBADMSG);
		n_refused += r < 0;
		if (!r)
			use(copy);
	}
	expect_gt(n_refused, (unsigned)size / 8);
	for (size_t i = 0; i < size; i++)
		expect_eq(config_image_load(made, i, &copy), -EBADMSG);
	free(image);
	free(made);
	config_free(config);
}
