/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the configuration parser is made of: numbers, paths, strings, messages, files */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy-parser/config.h"
#include "policy-parser/number.h"
#include "policy-parser/path.h"
#include "policy-parser/strings.h"
#include "tests/harness/tap.h"

TEST(numbers)
{
	static const struct {
		const char *text;
		int expected;
		long long number;
		const char *end;
	} rows[] = {
		{"0", 0, 0, ""},
		{"42", 0, 42, ""},
		{" \t\n+42 ", 0, 42, " "},
		{"-42", 0, -42, ""},
		{"0x1f", 0, 31, ""},
		{"0X1F", 0, 31, ""},
		{"017", 0, 15, ""},
		{"08", 0, 0, "8"},
		{"0x", 0, 0, "x"},
		{"12x", 0, 12, "x"},
		{"1.5", 0, 1, ".5"},
		{"9223372036854775807", 0, LLONG_MAX, ""},
		{"-9223372036854775808", 0, LLONG_MIN, ""},
		{"9223372036854775808", -ERANGE},
		{"-9223372036854775809", -ERANGE},
		{"", -EINVAL},
		{" ", -EINVAL},
		{"-", -EINVAL},
		{"x12", -EINVAL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *end = NULL;
		long long number = -1;
		int r = number_parse(rows[i].text, &number, &end);

		if (r != rows[i].expected)
			fail("'%s' gives %d", rows[i].text, r);
		if (r)
			continue;
		expect_eq(number, rows[i].number);
		expect_str(end, rows[i].end);
	}
}

TEST(paths)
{
	static const struct {
		const char *file;
		const char *path;
		const char *expected;
	} rows[] = {
		{"/a/b.conf", "c", "/a/c"},
		{"/a/b.conf", "/c", "/c"},
		{"/b.conf", "c", "/c"},
		{"b.conf", "c", "c"},
		{"d/b.conf", "c", "d/c"},
		{"d/b.conf", "", "d/"},
		{"/a/b.conf", "./c", "/a/c"},
		{"/a/b.conf", "././c/./d", "/a/c/d"},
		{"/a/b.conf", "//c///d//", "/c/d/"},
		{"/a/b.conf", "../c", "/a/../c"},
		{"/a/b.conf", ".c/.d", "/a/.c/.d"},
		{"/a/b.conf", "c/..d", "/a/c/..d"},
		{"/a/b.conf", ".", "/a/."},
		{"b.conf", "./c", "c"},
		{"", "./c//d", "c/d"},
		{"", "//c", "/c"},
		{"/a/b.conf", "/", "/"},
	};
	char *path;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		path = path_resolve(rows[i].file, rows[i].path);
		expect_str(path, rows[i].expected);
		free(path);
	}
	path = path_join("/a/", "/b");
	expect_str(path, "/a/b");
	free(path);
	path = path_join("a", "b/c");
	expect_str(path, "a/b/c");
	free(path);
}

TEST(strings_are_kept_once)
{
	struct strings strings = STRINGS_NULL;
	const char *first[1000];
	char text[16];

	for (unsigned i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "%u", i * 7919 % 1000);
		first[i] = strings_intern(&strings, text);
		expect_str(first[i], text);
	}
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "%u", i * 7919 % 1000);
		expect(strings_intern(&strings, text) == first[i]);
	}
	expect_str(strings_intern(&strings, ""), "");
	strings_deinit(&strings);
	strings_deinit(&strings);
}

TEST(message_has_its_place)
{
	struct config_messages messages = CONFIG_MESSAGES_NULL;

	expect_eq(config_messages_add(&messages, CONFIG_ERROR, "/f", 3, 4, "limit", "%d", 5), 0);
	expect_eq(config_messages_add(&messages, CONFIG_WARNING, "/f", 3, 0, "limit", "a"), 0);
	expect_eq(config_messages_add(&messages, CONFIG_WARNING, "/f", 0, 0, NULL, "a\nb\x1b"), 0);
	expect_eq(config_messages_add(&messages, CONFIG_ERROR, NULL, 0, 0, NULL, "a"), 0);
	expect_eq(messages.n_items, 4);
	expect_str(messages.items[0].text, "/f:3:4: <limit>: 5");
	expect_eq(messages.items[0].line, 3);
	expect_str(messages.items[1].text, "/f:3: <limit>: a");
	expect_str(messages.items[2].text, "/f: a?b?");
	expect_eq(messages.items[2].severity, CONFIG_WARNING);
	expect_str(messages.items[3].text, "a");
	config_messages_deinit(&messages);
	config_messages_deinit(&messages);
	expect_eq(messages.n_items, 0);
}

static char directory[] = "/tmp/bus-proxyd-test-XXXXXX";

static int read_in(const char *name, size_t max, char **data_out, size_t *size_out)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return config_files_system.read(NULL, path, max, data_out, size_out);
}

static void write_in(const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "we");
	expect(file != NULL);
	fputs(text, file);
	fclose(file);
}

static int collect(void *userdata, const char *name)
{
	unsigned *seen = userdata;

	if (!strcmp(name, "stop"))
		return -ECANCELED;
	*seen |= !strcmp(name, "full") ? 1 : !strcmp(name, "empty") ? 2 : 0;
	return 0;
}

TEST(files_are_read_whole_or_not_at_all)
{
	char *data = NULL;
	size_t size = 0;
	unsigned seen = 0;
	char path[256];

	expect(mkdtemp(directory) != NULL);
	write_in("full", "0123456789");
	write_in("empty", "");
	snprintf(path, sizeof(path), "%s/fifo", directory);
	expect_eq(mkfifo(path, 0600), 0);
	snprintf(path, sizeof(path), "%s/link", directory);
	expect_eq(symlink("nowhere", path), 0);

	expect_eq(read_in("full", 10, &data, &size), 0);
	expect_mem(data, size, "0123456789", 10);
	free(data);
	expect_eq(read_in("full", 9, &data, &size), -EFBIG);
	expect_eq(read_in("empty", 9, &data, &size), 0);
	expect_eq(size, 0);
	free(data);
	expect_eq(read_in("fifo", 9, &data, &size), -EINVAL);
	expect_eq(read_in(".", 9, &data, &size), -EISDIR);
	expect_eq(read_in("link", 9, &data, &size), -ENOENT);
	expect_eq(read_in("nothing", 9, &data, &size), -ENOENT);
	expect_eq(read_in("full/x", 9, &data, &size), -ENOTDIR);

	expect_eq(config_files_system.list(NULL, directory, collect, &seen), 0);
	expect_eq(seen, 3);
	write_in("stop", "");
	expect_eq(config_files_system.list(NULL, directory, collect, &seen), -ECANCELED);
	expect_eq(config_files_system.list(NULL, "/nonexistent", collect, &seen), -ENOENT);
	snprintf(path, sizeof(path), "%s/full", directory);
	expect_eq(config_files_system.list(NULL, path, collect, &seen), -ENOTDIR);

	for (const char *const *name =
		     (const char *const[]){"full", "empty", "fifo", "link", "stop", NULL};
	     *name; name++) {
		snprintf(path, sizeof(path), "%s/%s", directory, *name);
		unlink(path);
	}
	rmdir(directory);
}

/* a file of /proc says that it has no bytes */
TEST(size_of_a_file_is_not_trusted)
{
	char *data = NULL;
	size_t size = 0;

	expect_eq(config_files_system.read(NULL, "/proc/self/status", 1 << 20, &data, &size), 0);
	expect_gt(size, 100);
	expect(!memcmp(data, "Name:", 5));
	free(data);
	expect_eq(config_files_system.read(NULL, "/proc/self/status", 100, &data, &size), -EFBIG);
}
