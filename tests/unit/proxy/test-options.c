/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line is dbus-daemon's.
 *
 * Each row was tried on dbus-daemon 1.14.10; the rows of the last table are
 * where its answer is another one or where it does not know the option.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/options.h"
#include "tests/harness/tap.h"

struct row {
	const char *words; /* separated by blanks; "''" is the empty word, "_" a blank */
	enum options_outcome outcome;
	const char *error; /* a part of it, or NULL: none */
};

static char buffer[512];
static char *words[16];

static int split(const char *line)
{
	char *save = NULL;
	int n = 0;

	words[n++] = (char *)"bus-proxyd";
	snprintf(buffer, sizeof(buffer), "%s", line);
	for (char *word = strtok_r(buffer, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		for (char *c = word; *c; c++) {
			if (*c == '_')
				*c = ' ';
		}
		words[n++] = strcmp(word, "''") ? word : word + 2;
	}
	words[n] = NULL;
	return n;
}

static enum options_outcome parse(const char *line, struct options *options)
{
	return options_parse(split(line), words, options);
}

static void check_rows(const struct row *rows, size_t n_rows)
{
	for (size_t i = 0; i < n_rows; i++) {
		struct options options;
		enum options_outcome outcome = parse(rows[i].words, &options);

		if (outcome != rows[i].outcome)
			fail("'%s' gives %d, not %d (%s)", rows[i].words, outcome, rows[i].outcome,
			     options.error);
		if (rows[i].error ? !strstr(options.error, rows[i].error) : !!*options.error)
			fail("'%s' says '%s', not '%s'", rows[i].words, options.error,
			     rows[i].error ? rows[i].error : "");
	}
}

#define CHECK(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static const struct row outcomes[] = {
	{"", OPTIONS_USAGE, "No configuration file"},
	{"--help", OPTIONS_USAGE},
	{"-h", OPTIONS_USAGE},
	{"-?", OPTIONS_USAGE},
	{"--version", OPTIONS_VERSION},
	{"--introspect", OPTIONS_INTROSPECT},
	/* from left to right, and the first decides */
	{"--version --bogus", OPTIONS_VERSION},
	{"--bogus --version", OPTIONS_USAGE, "option: \"--bogus\""},
	{"--version --introspect", OPTIONS_VERSION},
	{"--introspect extra", OPTIONS_INTROSPECT},
	{"--config-file=f --introspect --version", OPTIONS_INTROSPECT},
	{"--session --introspect", OPTIONS_INTROSPECT},
	{"--config-file=f --version", OPTIONS_VERSION},
	{"--session --session --help", OPTIONS_ERROR, "--session"},
	{"--help --version", OPTIONS_USAGE},
	{"--config-file=f --help", OPTIONS_USAGE},
	/* nothing that is not in the table */
	{"--bogus --help", OPTIONS_USAGE, "Not an option"},
	{"--session=1", OPTIONS_USAGE, "Not an option"},
	{"--config-file=f extra", OPTIONS_USAGE, "Not an option"},
	{"--config-file=f --", OPTIONS_USAGE, "Not an option"},
	{"--config-file=f -- extra", OPTIONS_USAGE, "Not an option"},
	{"--config-file=f ''", OPTIONS_USAGE, "Not an option"},
	{"--config-file=f -", OPTIONS_USAGE, "Not an option"},
	{"--config-file=f -hx", OPTIONS_USAGE, "Not an option"},
	{"''", OPTIONS_USAGE, "Not an option"},
	{"--config-fileX", OPTIONS_USAGE, "Not an option"},
	{"--config-file=f --sess", OPTIONS_USAGE, "Not an option"},
	{"--config-file=f --nofork=1", OPTIONS_USAGE, "Not an option"},
	{"--config-file=f --ready-event-handle=1", OPTIONS_USAGE, "Not an option"},
	{"--config-file=f --ready-event-handle", OPTIONS_USAGE, "Not an option"},
	/* one configuration file */
	{"--config-file=f", OPTIONS_RUN},
	{"--config-file f", OPTIONS_RUN},
	{"--session", OPTIONS_RUN},
	{"--system", OPTIONS_RUN},
	{"--config-file", OPTIONS_USAGE, "No configuration file"},
	{"--config-file=", OPTIONS_USAGE, "No configuration file"},
	{"--config-file ''", OPTIONS_USAGE, "No configuration file"},
	{"--config-file --nofork", OPTIONS_USAGE, "No configuration file"},
	{"--config-file --session", OPTIONS_RUN},
	{"--config-file= --config-file=f", OPTIONS_RUN},
	{"--config-file=f --config-file", OPTIONS_ERROR, "f was given already"},
	{"--config-file=f --config-file=", OPTIONS_ERROR, "f was given already"},
	{"--config-file=f --config-file=f", OPTIONS_ERROR, "f was given already"},
	{"--config-file f f", OPTIONS_USAGE, "Not an option"},
	{"--session --config-file=f", OPTIONS_ERROR, "--session was given already"},
	{"--config-file=f --system", OPTIONS_ERROR, "--system: configuration file f"},
	{"--session --system", OPTIONS_ERROR, "--session was given already"},
	{"--system --session", OPTIONS_ERROR, "--system was given already"},
	{"--session --session", OPTIONS_ERROR, "--session was given already"},
	{"--print-address", OPTIONS_USAGE, "No configuration file"},
	{"--print-pid", OPTIONS_USAGE, "No configuration file"},
	/* descriptors */
	{"--config-file=f --print-address=x", OPTIONS_ERROR, "descriptor \"x\""},
	{"--config-file=f --print-address=1x", OPTIONS_ERROR, "descriptor \"1x\""},
	{"--config-file=f --print-address=1_", OPTIONS_ERROR, "descriptor \"1 \""},
	{"--config-file=f --print-address=-1", OPTIONS_ERROR, "descriptor \"-1\""},
	{"--config-file=f --print-address -1", OPTIONS_ERROR, "descriptor \"-1\""},
	{"--config-file=f --print-address=2147483648", OPTIONS_ERROR, "2147483648"},
	{"--config-file=f --print-address=4294967297", OPTIONS_ERROR, "4294967297"},
	{"--config-file=f --print-address=99999999999999999999", OPTIONS_ERROR, "999999"},
	{"--config-file=f --print-pid=x", OPTIONS_ERROR, "--print-pid: invalid"},
	{"--print-pid x --config-file=f", OPTIONS_ERROR, "--print-pid: invalid"},
	{"--print-address x --config-file=f", OPTIONS_ERROR, "--print-address: invalid"},
	{"--config-file=f --print-address=1 --print-address=1", OPTIONS_ERROR, "1 was given"},
	{"--config-file=f --print-pid=1 --print-pid=1", OPTIONS_ERROR, "1 was given"},
	{"--config-file=f --print-address= --print-address=", OPTIONS_RUN},
	{"--config-file=f --print-address 1 1", OPTIONS_USAGE, "Not an option"},
	{"--config-file=f --print-address -h", OPTIONS_USAGE},
	{"--config-file=f --print-address --version", OPTIONS_VERSION},
	{"--config-file=f --print-pid --help", OPTIONS_USAGE},
	/* addresses */
	{"--address=x --address=y --config-file=f", OPTIONS_ERROR, "x was given already"},
	{"--address x --address y", OPTIONS_ERROR, "x was given already"},
	{"--address=x --address= --config-file=f", OPTIONS_ERROR, "x was given already"},
	{"--address= --address=x --config-file=f", OPTIONS_RUN},
	{"--config-file=f --address --help", OPTIONS_USAGE},
	{"--config-file=f --address x --", OPTIONS_USAGE, "Not an option"},
	{"--address --nofork --config-file=f", OPTIONS_RUN},
	{"--address -x --config-file=f", OPTIONS_RUN},
	/* flags may be repeated */
	{"--config-file=f --nofork --nofork", OPTIONS_RUN},
	{"--config-file=f --nopidfile --nopidfile", OPTIONS_RUN},
	{"--config-file=f --systemd-activation --systemd-activation", OPTIONS_RUN},
	{"--config-file=f --nosyslog --syslog --syslog-only", OPTIONS_RUN},
};

TEST(outcomes_are_those_of_dbus_daemon)
{
	CHECK(outcomes);
}

static const struct row own_outcomes[] = {
	/* dbus-daemon 1.14 takes what starts with dashes for the value, and fails on it */
	{"--config-file=f --print-address --bogus", OPTIONS_USAGE, "Not an option"},
	{"--config-file=f --print-address --print-address", OPTIONS_RUN},
	{"--config-file=f --print-pid --print-pid", OPTIONS_RUN},
	{"--config-file=f --address --bogus", OPTIONS_USAGE, "Not an option"},
	{"--config-file --config-file f", OPTIONS_RUN},
	{"--address --address x --config-file=f", OPTIONS_RUN},
	{"--config-file --print-address", OPTIONS_USAGE, "No configuration file"},
	/* and these are ours */
	{"--config-file=f --bus=embedded", OPTIONS_RUN},
	{"--config-file=f --bus embedded:pool", OPTIONS_RUN},
	{"--config-file=f --bus=a --bus=b", OPTIONS_ERROR, "a was given already"},
	{"--config-file=f --engine-socket", OPTIONS_RUN},
	{"--per-client --session", OPTIONS_RUN},
	{"--per-client --bus=kernel:path=/b", OPTIONS_RUN},
	{"--per-client", OPTIONS_USAGE, "No configuration file"},
	{"--per-client --config-file=f", OPTIONS_USAGE, "--per-client: the owner"},
	{"--config-file=f --engine-socket=/d --engine-socket", OPTIONS_ERROR,
	 "/d was given already"},
	{"--config-file=f --strict", OPTIONS_RUN},
	{"--config-file=f --strict=1", OPTIONS_USAGE, "Not an option"},
};

TEST(outcomes_where_dbus_daemon_differs)
{
	CHECK(own_outcomes);
}

TEST(nothing_is_set_by_default)
{
	struct options options;

	expect_eq(parse("--session", &options), OPTIONS_RUN);
	expect_eq(options.file, OPTIONS_FILE_SESSION);
	expect_str(options.config_file, NULL);
	expect_str(options.address, NULL);
	expect_str(options.bus, NULL);
	expect_str(options.engine_socket, NULL);
	expect_eq(options.print_address_fd, -1);
	expect_eq(options.print_pid_fd, -1);
	expect_eq(options.fork, OPTIONS_FORK_CONFIG);
	expect_eq(options.syslog, OPTIONS_SYSLOG_CONFIG);
	expect(!options.no_pidfile);
	expect(!options.systemd_activation);
	expect(!options.strict);
}

TEST(each_option_sets_its_member)
{
	struct options options;

	expect_eq(parse("--config-file=f --address=a:b --bus=embedded --nopidfile "
			"--systemd-activation --strict",
			&options),
		  OPTIONS_RUN);
	expect_eq(options.file, OPTIONS_FILE_NAMED);
	expect_str(options.config_file, "f");
	expect_str(options.address, "a:b");
	expect_str(options.bus, "embedded");
	expect(options.no_pidfile);
	expect(options.systemd_activation);
	expect(options.strict);

	expect_eq(parse("--address a:b --bus=c --config-file g", &options), OPTIONS_RUN);
	expect_str(options.config_file, "g");
	expect_str(options.address, "a:b");
	expect_str(options.bus, "c");
	expect_eq(parse("--system", &options), OPTIONS_RUN);
	expect_eq(options.file, OPTIONS_FILE_SYSTEM);
	expect_eq(parse("--address= --config-file g", &options), OPTIONS_RUN);
	expect_str(options.address, NULL);
}

static void expect_dir(const char *words, bool is_needed, const char *runtime_dir, int r,
		       const char *dir)
{
	struct options options;
	char *found = NULL;

	if (runtime_dir)
		setenv("XDG_RUNTIME_DIR", runtime_dir, true);
	else
		unsetenv("XDG_RUNTIME_DIR");
	expect_eq(parse(words, &options), OPTIONS_RUN);
	expect_eq(options_engine_dir(&options, is_needed, &found), r);
	expect_str(found, dir);
	free(found);
}

static void expect_engine_dir(const char *words, const char *runtime_dir, int r, const char *dir)
{
	expect_dir(words, false, runtime_dir, r, dir);
}

TEST(engine_is_served_in_the_runtime_directory_or_where_it_is_said)
{
	expect_engine_dir("--session", "/run/user/1", 0, NULL);
	expect_engine_dir("--session --engine-socket", "/run/user/1", 0, "/run/user/1/kdbus");
	expect_engine_dir("--session --engine-socket", "", 0, "/run/kdbus");
	expect_engine_dir("--session --engine-socket=", NULL, 0, "/run/kdbus");
	expect_engine_dir("--engine-socket /there --session", "/run/user/1", 0, "/there");
	expect_engine_dir("--engine-socket=there --session", "/run/user/1", -EINVAL, NULL);
}

TEST(a_bus_in_the_kernel_is_mounted_where_one_would_be_served)
{
	expect_dir("--session --bus=kernel", true, "/run/user/1", 0, "/run/user/1/kdbus");
	expect_dir("--system --bus=kernel", true, NULL, 0, "/run/kdbus");
	expect_dir("--session --bus=auto --engine-socket=/there", true, "/run/user/1", 0, "/there");
}

TEST(last_of_contradicting_flags_holds)
{
	static const struct {
		const char *words;
		enum options_fork fork;
		enum options_syslog syslog;
	} rows[] = {
		{"--session --fork", OPTIONS_FORK_YES, OPTIONS_SYSLOG_CONFIG},
		{"--session --fork --nofork", OPTIONS_FORK_NO, OPTIONS_SYSLOG_CONFIG},
		{"--session --nofork --fork", OPTIONS_FORK_YES, OPTIONS_SYSLOG_CONFIG},
		{"--session --syslog", OPTIONS_FORK_CONFIG, OPTIONS_SYSLOG_YES},
		{"--session --syslog --nosyslog", OPTIONS_FORK_CONFIG, OPTIONS_SYSLOG_NO},
		{"--session --nosyslog --syslog-only", OPTIONS_FORK_CONFIG, OPTIONS_SYSLOG_ONLY},
		{"--syslog-only --syslog --session", OPTIONS_FORK_CONFIG, OPTIONS_SYSLOG_YES},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct options options;

		expect_eq(parse(rows[i].words, &options), OPTIONS_RUN);
		expect_eq(options.fork, rows[i].fork);
		expect_eq(options.syslog, rows[i].syslog);
	}
}

TEST(descriptors_are_numbers_of_c)
{
	static const struct {
		const char *words;
		int address_fd;
		int pid_fd;
	} rows[] = {
		{"--session --print-address", 1, -1},
		{"--session --print-address=", 1, -1},
		{"--session --print-address ''", 1, -1},
		{"--print-address --session", 1, -1},
		{"--session --print-address=7", 7, -1},
		{"--session --print-address 7", 7, -1},
		{"--session --print-address=0", 0, -1},
		{"--session --print-address=0x10", 16, -1},
		{"--session --print-address=010", 8, -1},
		{"--session --print-address=_+1", 1, -1},
		{"--session --print-address=2147483647", 2147483647, -1},
		{"--session --print-address 3 --print-address", 3, -1},
		{"--session --print-pid", -1, 1},
		{"--session --print-pid=5 --print-address=6", 6, 5},
		{"--print-pid --print-address --session", 1, 1},
		{"--print-address --print-pid --session", 1, 1},
		{"--print-address 5 --nofork --session", 5, -1},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct options options;

		if (parse(rows[i].words, &options) != OPTIONS_RUN)
			fail("'%s': %s", rows[i].words, options.error);
		expect_eq(options.print_address_fd, rows[i].address_fd);
		expect_eq(options.print_pid_fd, rows[i].pid_fd);
	}
}

TEST(no_words_at_all)
{
	struct options options;

	expect_eq(options_parse(0, words, &options), OPTIONS_USAGE);
}

TEST(usage_names_every_option)
{
	static const char *const names[] = {
		" [--help]",	    " [--version]",
		" [--introspect]",  " [--session]",
		" [--system]",	    " [--config-file=FILE]",
		" [--address=",	    " [--print-address[=DESCRIPTOR]]",
		" [--nofork]",	    " [--print-pid[=DESCRIPTOR]]",
		" [--fork]",	    " [--nopidfile]",
		" [--syslog]",	    " [--syslog-only]",
		" [--nosyslog]",    " [--systemd-activation]",
		" [--bus=ADDRESS]", " [--engine-socket[=DIRECTORY]]",
		" [--per-client]",  " [--strict]\n",
	};
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	expect(stream != NULL);
	options_print_usage("NAME", stream);
	fclose(stream);
	expect(!strncmp(text, "NAME [", 6));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strstr(text, names[i]))
			fail("no%s in %s", names[i], text);
	}
	free(text);
}

TEST(config_file_is_the_named_one_or_a_stock_one)
{
	struct options options;

	expect_eq(parse("--config-file=/nonexistent/f", &options), OPTIONS_RUN);
	expect_str(options_config_file(&options), "/nonexistent/f");
	expect_eq(parse("--session", &options), OPTIONS_RUN);
	expect(strstr(options_config_file(&options), "/session.conf") != NULL);
	expect_eq(parse("--system", &options), OPTIONS_RUN);
	expect(strstr(options_config_file(&options), "/system.conf") != NULL);
}
