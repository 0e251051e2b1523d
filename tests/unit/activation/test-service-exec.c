/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line of Exec; the arguments are those that dbus-daemon starts a program with */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/activation/service-exec.h"
#include "tests/harness/fault.h"
#include "tests/harness/tap.h"

static void expect_split(const char *exec, const char *const *words)
{
	char **argv;
	size_t n;

	if (service_exec_split(exec, &argv))
		fail("<%s> is refused", exec);
	for (n = 0; argv[n] || words[n]; n++) {
		if (!argv[n] || !words[n] || strcmp(argv[n], words[n]))
			fail("<%s>: argument %zu is <%s>, expected <%s>", exec, n,
			     argv[n] ? argv[n] : "(none)", words[n] ? words[n] : "(none)");
	}
	free(argv);
}

static const struct {
	const char *exec;
	const char *words[8];
} cases[] = {
	{"x", {"x"}},
	{"x a b", {"x", "a", "b"}},
	{"x   a \t b", {"x", "a", "b"}},
	{"  x a", {"x", "a"}},
	{"x a\tb\nc", {"x", "a", "b", "c"}},
	/* other white space is none */
	{"x a\rb \x0b \x0c \x01", {"x", "a\rb", "\x0b", "\x0c", "\x01"}},
	{"x \xc3\xa4 \"\xc3\xa4 \"", {"x", "\xc3\xa4", "\xc3\xa4 "}},
	/* quotes */
	{"x \"a b\" 'c d'", {"x", "a b", "c d"}},
	{"x a\"b c\"d e'f g'h", {"x", "ab cd", "ef gh"}},
	{"x 'a'\"b\"c", {"x", "abc"}},
	{"x \"'\" '\"'", {"x", "'", "\""}},
	{"x \"\" ''", {"x", "", ""}},
	{"x a \"\" b", {"x", "a", "", "b"}},
	{"\"\" a", {"", "a"}},
	{"\"x\" a", {"x", "a"}},
	{"x \"a\nb\tc\"", {"x", "a\nb\tc"}},
	/* backslashes */
	{"x \\a\\tb", {"x", "atb"}},
	{"x a\\ b", {"x", "a b"}},
	{"x \\\"a b\\\"", {"x", "\"a", "b\""}},
	{"x \\'a b\\'", {"x", "'a", "b'"}},
	{"x \\\\", {"x", "\\"}},
	{"x 'a\\b'", {"x", "a\\b"}},
	{"x \"a\\b\\'\"", {"x", "a\\b\\'"}},
	{"x \"\\$b\\`c\\\\d\\\"e\\n\"", {"x", "$b`c\\d\"e\\n"}},
	{"x a\\\nb \\\nc", {"x", "ab", "c"}},
	{"x \"a\\\nb\"", {"x", "a\nb"}},
	/* comments, even inside of a word; the end of the line is part of them */
	{"x a#b c", {"x", "a"}},
	{"x#a", {"x"}},
	{"x a# \"", {"x", "a"}},
	{"x \"#\" '#' \\#a", {"x", "#", "#", "#a"}},
	{"x a\"b#c\" d", {"x", "ab#c", "d"}},
	{"x \"\"#c d", {"x", ""}},
	{"x a\n#c\nb", {"x", "a", "b"}},
	{"x a#c\nb", {"x", "ab"}},
	{"#c\nx a", {"x", "a"}},
	/* nothing is expanded */
	{"x $HOME ~ * %f %% `a`", {"x", "$HOME", "~", "*", "%f", "%%", "`a`"}},
	{"x a;b|c>d&e (f) {g} =", {"x", "a;b|c>d&e", "(f)", "{g}", "="}},
};

TEST(words_are_those_of_a_shell_without_expansion)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_split(cases[i].exec, cases[i].words);
}

/* DIFFERENCES exec-empty-arguments: dbus-daemon has an empty argument more in all of these, and
 * finds a quote unclosed where nothing is behind the '#' */
static const struct {
	const char *exec;
	const char *words[4];
} ours[] = {
	{"x a ", {"x", "a"}},	 {"x ", {"x"}},
	{"x a\t\t", {"x", "a"}}, {"x a\n\nb", {"x", "a", "b"}},
	{"\nx", {"x"}},		 {"x a #b", {"x", "a"}},
	{"x #b", {"x"}},	 {"x a #", {"x", "a"}},
};

TEST(what_is_empty_and_not_quoted_is_no_argument)
{
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		expect_split(ours[i].exec, ours[i].words);
}

TEST(unbalanced_quotes_are_refused)
{
	static const char *const bad[] = {
		"\"",	 "'",	   "x \"",    "x '",   "x a \"b",    "x \"a\\\"", "x 'a\\'b'",
		"x a\\", "x a \\", "x \"a\\", "x \"#", "x 'a b' 'c", "x \"a'",	  "\\",
	};
	char **argv = NULL;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (service_exec_split(bad[i], &argv) != SERVICE_EXEC_INVALID)
			fail("<%s>", bad[i]);
	}
	expect(!argv);
}

TEST(nothing_is_no_command)
{
	static const char *const empty[] = {"",	  " ",	    "\t\n ", "#",
					    "#x", " # x\n", "\\\n",  "\\\n #"};
	char **argv = NULL;

	for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
		if (service_exec_split(empty[i], &argv) != SERVICE_EXEC_EMPTY)
			fail("<%s>", empty[i]);
	}
	expect(!argv);
}

TEST(as_many_arguments_as_fit)
{
	enum { N = 4096 };
	static char exec[2 * N];
	char **argv;

	for (size_t i = 0; i < N; i++)
		memcpy(exec + 2 * i, "a ", 2);
	exec[2 * N - 1] = '\0';
	expect_eq(service_exec_split(exec, &argv), 0);
	for (size_t i = 0; i < N; i++)
		expect_str(argv[i], "a");
	expect(!argv[N]);
	free(argv);
}

TEST(memory_may_run_out)
{
	char **argv;

	fault_at(1);
	expect_eq(service_exec_split("x a b", &argv), -ENOMEM);
	expect(fault_disarm());
}
