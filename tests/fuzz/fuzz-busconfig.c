/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Configurations
 *
 * The input is a set of files, separated by lines "%%": the main file, two that
 * can be included as "a" and "b", and two of the directory "d".  What loads must
 * be consistent, what does not must say why, and strict accepts no more than not
 * strict.
 */
#include <errno.h>
#include <string.h>

#include "policy-parser/config.h"
#include "tests/fuzz/fuzz.h"

enum { N_FILES = 5 };

static const char *const paths[N_FILES] = {"/m.conf", "/a", "/b", "/d/1.conf", "/d/2.conf"};

struct file {
	const char *bytes;
	size_t size;
};

static int read_file(void *userdata, const char *path, size_t max, char **data_out,
		     size_t *size_out)
{
	static const struct {
		const char *path;
		int error;
	} unreadable[] = {{"/denied", -EACCES}, {"/fifo", -EINVAL}, {"/huge", -EFBIG}};
	const struct file *files = userdata;

	for (unsigned i = 0; i < sizeof(unreadable) / sizeof(unreadable[0]); i++) {
		if (!strcmp(path, unreadable[i].path))
			return unreadable[i].error;
	}
	for (unsigned i = 0; i < N_FILES; i++) {
		if (strcmp(path, paths[i]) || !files[i].bytes)
			continue;
		/* exactly as large, so that one read too far is seen */
		*data_out = malloc(files[i].size);
		if (files[i].size && !*data_out)
			return -ENOMEM;
		if (files[i].size)
			memcpy(*data_out, files[i].bytes, files[i].size);
		*size_out = files[i].size;
		return 0;
	}
	return -ENOENT;
}

static int list_directory(void *userdata, const char *path,
			  int (*add)(void *add_userdata, const char *name), void *add_userdata)
{
	static const char *const names[] = {"2.conf", "1.conf", "1", "."};
	const struct file *files = userdata;

	if (strcmp(path, "/d") || !files[N_FILES - 1].bytes)
		return -ENOENT;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int r = add(add_userdata, names[i]);

		if (r)
			return r;
	}
	return 0;
}

static void split(const char *bytes, size_t size, struct file *files)
{
	for (unsigned i = 0; i < N_FILES && bytes; i++) {
		const char *end = i < N_FILES - 1 ? memmem(bytes, size, "\n%%\n", 4) : NULL;

		files[i].bytes = bytes;
		files[i].size = end ? end - bytes : size;
		size -= end ? files[i].size + 4 : size;
		bytes = end ? end + 4 : NULL;
	}
}

static void check_rules(const struct policy_rules *policy)
{
	size_t n = 0;

	for (size_t i = 0; i < policy->n_sections; i++) {
		const struct policy_section *section = &policy->sections[i];

		fuzz_expect(section->file && section->line);
		fuzz_expect(section->first_rule == n);
		fuzz_expect(!section->name == (section->kind != POLICY_SECTION_USER &&
					       section->kind != POLICY_SECTION_GROUP));
		for (size_t j = 0; j < section->n_rules; j++, n++) {
			const struct policy_rule *rule = &policy->rules[n];

			fuzz_expect(rule->section == i && rule->line);
			fuzz_expect(!rule->member || rule->kind <= POLICY_RULE_RECEIVE);
			fuzz_expect(rule->max_fds <= POLICY_MAX_FDS && rule->type <= 4);
			fuzz_expect(!rule->is_prefix || rule->name);
		}
	}
	fuzz_expect(n == policy->n_rules);
}

static void check_config(const struct config *config)
{
	fuzz_expect(!strcmp(config->file, "/m.conf"));
	fuzz_expect(config->auth);
	for (size_t i = 0; i < config->n_listen; i++)
		fuzz_expect(*config->listen[i].address && config->listen[i].place.line);
	for (size_t i = 0; i < config->n_servicedirs; i++) {
		for (size_t j = 0; j < i; j++)
			fuzz_expect(config->servicedirs[i].path != config->servicedirs[j].path);
	}
	for (unsigned i = 0; i < CONFIG_LIMIT_N; i++)
		fuzz_expect(config->limits[i].value >= 0 || !config->limits[i].is_set);
	check_rules(&config->policy);
}

static void check_messages(const struct config_messages *messages, int r)
{
	bool has_error = false;

	for (size_t i = 0; i < messages->n_items; i++) {
		has_error |= messages->items[i].severity == CONFIG_ERROR;
		for (const char *c = messages->items[i].text; *c; c++)
			fuzz_expect((unsigned char)*c >= ' ' && *c != 0x7f);
	}
	fuzz_expect(r != CONFIG_REFUSED || has_error);
}

static int load(struct file *files, unsigned flags)
{
	static const struct config_environment environment = {
		.xdg_runtime_dir = "/run/user/0",
		.home = "/root",
		.datadir = "/usr/share",
		.selinux_root = "/",
		.is_selinux_enabled = true,
		.is_selinux_enforcing = true,
		.has_apparmor = true,
	};
	const struct config_files provider = {
		.userdata = files,
		.read = read_file,
		.list = list_directory,
	};
	const struct config_options options = {
		.flags = flags,
		.environment = &environment,
		.files = &provider,
	};
	struct config_messages messages = CONFIG_MESSAGES_NULL;
	struct config *config = NULL;
	int r;

	r = config_load("/m.conf", &options, &config, &messages);
	fuzz_expect(!config == !!r);
	check_messages(&messages, r);
	if (config) {
		check_config(config);
		config_check_bus(config, &options, &messages);
	}
	config_free(config);
	config_messages_deinit(&messages);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct file files[N_FILES] = {0};
	int r;

	split((const char *)bytes, size, files);
	r = load(files, 0);
	fuzz_expect(!r || r == CONFIG_REFUSED);
	fuzz_expect(load(files, CONFIG_STRICT) || !r);
	return 0;
}
