/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Configurations on the file system: the name of their directory is the verdict
 *
 * tests/data/valid-configs/FILE.conf loads.  invalid-configs/FILE.conf does not, and its first
 * error is the one that "<!-- error: line N: TEXT -->" announces; N is 0 when the line does
 * not matter.  All FILE.conf of one directory of equiv-configs/ mean the same.  What has another
 * suffix, or lies deeper, is there to be included.
 *
 * The files that dbus-tests installs, and the stock configurations, are tried
 * where there are some.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/cleanup.h"
#include "tests/harness/tap.h"
#include "tests/unit/policy/dump.h"

#define INSTALLED "/usr/lib/dbus-1.0/installed-tests/dbus/data/"

static char directory[4096];

static void use_data(const char *name)
{
	const char *top = getenv("top_srcdir");

	snprintf(directory, sizeof(directory), "%s/tests/data/%s", top ? top : ".", name);
}

static void use_installed(const char *name)
{
	snprintf(directory, sizeof(directory), INSTALLED "%s", name);
	if (access(directory, F_OK))
		skip("no %s", directory);
}

static int is_conf(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return length > 5 && !strcmp(entry->d_name + length - 5, ".conf");
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static bool is_directory(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* calls @fn for each file of the directory; there must be some */
static void for_each_conf(void (*fn)(const char *path))
{
	struct dirent **entries;
	int n = scandir(directory, &entries, is_conf, alphasort);
	int n_files = 0;

	if (n < 0)
		fail("no directory %s", directory);
	for (int i = 0; i < n; i++) {
		char path[8192];

		snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
		free(entries[i]);
		if (is_directory(path))
			continue;
		fn(path);
		n_files++;
	}
	free(entries);
	note("%d files", n_files);
	expect_gt(n_files, 0);
}

static struct config *load(const char *path, int expected, struct config_messages *messages)
{
	struct config_environment environment;
	const struct config_options options = {.environment = &environment};
	struct config *config = NULL;
	int r;

	config_environment_init(&environment);
	r = config_load(path, &options, &config, messages);
	if (r != expected)
		fail("%s: %d (%s)", path, r,
		     messages->n_items ? messages->items[0].text : "no message");
	return config;
}

static void check_valid(const char *path)
{
	struct config_messages messages = CONFIG_MESSAGES_NULL;

	config_free(load(path, 0, &messages));
	config_messages_deinit(&messages);
}

static void check_refused(const char *path)
{
	struct config_messages messages = CONFIG_MESSAGES_NULL;

	load(path, CONFIG_REFUSED, &messages);
	expect_ge(messages.n_items, 1);
	config_messages_deinit(&messages);
}

/* the announcement is in the first line of a file */
static void read_expected(const char *path, unsigned *line, char *text, size_t size)
{
	__cleanup(freep) char *format = NULL;
	char first[512];
	FILE *file = fopen(path, "re");
	char *end;
	int at = 0;

	expect(file != NULL);
	expect(fgets(first, sizeof(first), file) != NULL);
	fclose(file);
	if (sscanf(first, "<!-- error: line %u: %n", line, &at) != 1 || !at)
		fail("%s does not announce its error", path);
	end = strstr(first, " -->");
	expect(end != NULL);
	*end = 0;
	snprintf(text, size, "%s", first + at);
}

static void check_invalid(const char *path)
{
	struct config_messages messages = CONFIG_MESSAGES_NULL;
	char text[512];
	unsigned line;

	read_expected(path, &line, text, sizeof(text));
	load(path, CONFIG_REFUSED, &messages);
	expect_ge(messages.n_items, 1);
	if (!strstr(messages.items[0].text, text) || (line && messages.items[0].line != line))
		fail("%s: expected line %u: %s; got %s", path, line, text, messages.items[0].text);
	config_messages_deinit(&messages);
}

static char *first_dump;

static void check_equal(const char *path)
{
	struct config_messages messages = CONFIG_MESSAGES_NULL;
	struct config *config = load(path, 0, &messages);
	char *dump = config_dump(config);

	if (!first_dump) {
		first_dump = strdup(dump);
	} else if (strcmp(first_dump, dump)) {
		note("%s", first_dump);
		note("%s", dump);
		fail("%s differs", path);
	}
	free(dump);
	config_free(config);
	config_messages_deinit(&messages);
}

static void for_each_equiv(void)
{
	char parent[sizeof(directory)];
	struct dirent **entries;
	int n;

	memcpy(parent, directory, sizeof(parent));
	n = scandir(parent, &entries, is_visible, alphasort);
	expect_gt(n, 0);
	for (int i = 0; i < n; i++) {
		if (snprintf(directory, sizeof(directory), "%s/%s", parent, entries[i]->d_name) >=
		    (int)sizeof(directory))
			fail("%s is too long", parent);
		free(entries[i]);
		for_each_conf(check_equal);
		free(first_dump);
		first_dump = NULL;
	}
	free(entries);
}

TEST(valid_configs)
{
	use_data("valid-configs");
	for_each_conf(check_valid);
}

TEST(invalid_configs)
{
	use_data("invalid-configs");
	for_each_conf(check_invalid);
}

TEST(equiv_configs)
{
	use_data("equiv-configs");
	for_each_equiv();
}

TEST(broken_files_of_a_directory)
{
	struct config_messages messages = CONFIG_MESSAGES_NULL;
	struct config *config;

	use_data("valid-configs/broken-file-of-includedir.conf");
	config = load(directory, 0, &messages);
	expect_eq(config->policy.n_rules, 2);
	expect_str(config->policy.rules[0].name, "kept");
	expect(!config->policy.rules[0].is_allow);
	expect_str(config->policy.rules[1].name, "fine");
	/* two for each of six, why and what of it */
	expect_eq(messages.n_items, 12);
	config_free(config);
	config_messages_deinit(&messages);
}

TEST(files_that_are_none)
{
	struct config_messages messages = CONFIG_MESSAGES_NULL;

	load("/dev/null", CONFIG_REFUSED, &messages);
	expect_str(messages.items[0].text, "/dev/null is not a regular file");
	config_messages_deinit(&messages);
	load("/", CONFIG_REFUSED, &messages);
	expect_str(messages.items[0].text, "cannot read /: Is a directory");
	config_messages_deinit(&messages);
	load("/nonexistent/file", CONFIG_REFUSED, &messages);
	expect_str(messages.items[0].text, "/nonexistent/file: No such file or directory");
	config_messages_deinit(&messages);
}

TEST(relative_paths_are_relative_to_the_working_directory)
{
	struct config_messages messages = CONFIG_MESSAGES_NULL;
	struct config *config;

	use_data("valid-configs");
	expect_eq(chdir(directory), 0);
	config = load("./every-element.conf", 0, &messages);
	expect_str(config->file, "every-element.conf");
	expect_str(config->servicedirs[0].path, "services");
	expect_eq(config->policy.n_rules, 3);
	config_free(config);
	config_messages_deinit(&messages);
}

TEST(installed_valid_configs)
{
	use_installed("valid-config-files");
	for_each_conf(check_valid);
}

TEST(installed_valid_system_configs)
{
	use_installed("valid-config-files-system");
	for_each_conf(check_valid);
}

TEST(installed_invalid_configs)
{
	use_installed("invalid-config-files");
	for_each_conf(check_refused);
}

TEST(installed_equiv_configs)
{
	use_installed("equiv-config-files");
	for_each_equiv();
}

static struct config *load_stock(const char *path)
{
	struct config_messages messages = CONFIG_MESSAGES_NULL;
	struct config *config;

	if (access(path, R_OK))
		skip("no %s", path);
	config = load(path, 0, &messages);
	for (size_t i = 0; i < messages.n_items; i++)
		note("%s", messages.items[i].text);
	config_messages_deinit(&messages);
	return config;
}

TEST(stock_session_config)
{
	struct config *config = load_stock("/usr/share/dbus-1/session.conf");

	expect_eq(config->type, CONFIG_TYPE_SESSION);
	expect_ge(config->policy.n_rules, 3);
	config_free(config);
}

TEST(stock_system_config)
{
	struct config *config = load_stock("/usr/share/dbus-1/system.conf");

	expect_eq(config->type, CONFIG_TYPE_SYSTEM);
	expect_gt(config->policy.n_rules, 20);
	config_free(config);
}

/* ours, with what this machine adds to it */
static struct config *load_ours(const char *name)
{
	struct config_messages messages = CONFIG_MESSAGES_NULL;
	bool is_made = !strcmp(name, "system.conf");
	const char *top = getenv(is_made ? "top_builddir" : "top_srcdir");
	struct config *config;

	snprintf(directory, sizeof(directory), "%s/conf/%s", top ? top : ".", name);
	config = load(directory, 0, &messages);
	config_messages_deinit(&messages);
	return config;
}

TEST(session_config)
{
	struct config *config = load_ours("session.conf");

	expect_eq(config->type, CONFIG_TYPE_SESSION);
	expect(config->keep_umask && !config->fork && !config->syslog && !config->allow_anonymous);
	expect_eq(config->auth, CONFIG_AUTH_EXTERNAL);
	expect_eq(config->n_listen, 1);
	expect_gt(config->n_servicedirs, 0);
	expect_str(config->servicehelper, NULL);
	expect_str(rule_dump(&config->policy.rules[0]), "allow own");
	expect_str(rule_dump(&config->policy.rules[1]), "allow send eavesdrop=true");
	expect_str(rule_dump(&config->policy.rules[2]), "allow receive eavesdrop=true");
	config_free(config);
}

TEST(session_config_has_the_limits_of_the_stock_one)
{
	struct config *stock = load_stock("/usr/share/dbus-1/session.conf");
	struct config *ours = load_ours("session.conf");

	for (unsigned i = 0; i < CONFIG_LIMIT_N; i++) {
		if (ours->limits[i].value != stock->limits[i].value)
			fail("%s: %lld, not %lld", config_limit_name(i),
			     (long long)ours->limits[i].value, (long long)stock->limits[i].value);
	}
	config_free(stock);
	config_free(ours);
}

/* sections of one kind that follow each other are one section */
static void join_sections(char *dump)
{
	char header[256] = "", *to = dump;

	for (char *line = dump, *end; (end = strchr(line, '\n')); line = end + 1) {
		size_t size = end + 1 - line;

		if (!strncmp(line, "policy ", 7)) {
			bool is_same = !strncmp(line, header, size) && !header[size];

			expect_lt(size, sizeof(header));
			snprintf(header, sizeof(header), "%.*s", (int)size, line);
			if (is_same)
				continue;
		}
		memmove(to, line, size);
		to += size;
	}
	*to = '\0';
}

TEST(system_config_means_what_the_stock_one_means)
{
	struct config *stock = load_stock("/usr/share/dbus-1/system.conf");
	struct config *ours = load_ours("system.conf");
	char *stock_dump, *our_dump;

	/* each names the program that came with it */
	expect(strstr(ours->servicehelper, "/bus-proxyd-launch-helper"));
	ours->servicehelper = stock->servicehelper;
	stock_dump = config_dump(stock);
	our_dump = config_dump(ours);
	join_sections(stock_dump);
	join_sections(our_dump);
	expect_str(our_dump, stock_dump);
	free(stock_dump);
	free(our_dump);
	config_free(stock);
	config_free(ours);
}
