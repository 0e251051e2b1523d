/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Test runner: see tap.h.
 *
 * The tests lie in a linker section of their own; the runner walks it, forks
 * for each test and turns the child's exit status into a TAP line.  Statuses:
 * 0 passed, 77 skipped, anything else failed.
 */
#include "tests/harness/tap.h"

#include <dirent.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern const struct tap_test __start_tap_tests[];
extern const struct tap_test __stop_tap_tests[];

enum { EXIT_SKIP = 77 };

void (*tap_explain)(void);

static void vprint_lines(const char *format, va_list args)
{
	char text[4096];
	char *save = NULL;

	vsnprintf(text, sizeof(text), format, args);
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		printf("# %s\n", line);
	fflush(stdout);
}

void note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprint_lines(format, args);
	va_end(args);
}

void skip(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprint_lines(format, args);
	va_end(args);
	exit(EXIT_SKIP);
}

void fail_at(const char *file, int line, const char *format, ...)
{
	va_list args;

	printf("# %s:%d:\n", file, line);
	va_start(args, format);
	vprint_lines(format, args);
	va_end(args);
	if (tap_explain)
		tap_explain();
	_exit(1);
}

void tap_expect_int(const char *file, int line, const char *ta, const char *tb, const char *op,
		    bool ok, long long a, long long b)
{
	if (!ok)
		fail_at(file, line, "expected %s %s %s, but %lld and %lld", ta, op, tb, a, b);
}

void tap_expect_str(const char *file, int line, const char *ta, const char *tb, const char *a,
		    const char *b)
{
	if (a == b || (a && b && !strcmp(a, b)))
		return;
	fail_at(file, line, "expected %s == %s, but \"%s\" and \"%s\"", ta, tb, a ?: "(null)",
		b ?: "(null)");
}

void tap_expect_mem(const char *file, int line, const char *ta, const char *tb, const void *a,
		    size_t a_size, const void *b, size_t b_size)
{
	const unsigned char *pa = a, *pb = b;
	size_t i;

	if (a_size == b_size && (!a_size || !memcmp(a, b, a_size)))
		return;
	for (i = 0; i < a_size && i < b_size && pa[i] == pb[i]; i++)
		;
	fail_at(file, line, "expected %s == %s: %zu and %zu bytes, first difference at %zu", ta, tb,
		a_size, b_size, i);
}

int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = -1; /* the directory itself */

	if (!dir)
		return -1;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

unsigned tap_patience(void)
{
	const char *factor = getenv("TAP_PATIENCE");

	return factor ? (unsigned)strtoul(factor, NULL, 10) : 1;
}

static void run_child(const struct tap_test *test)
{
	int before, after;

	alarm(test->timeout_s * tap_patience());
	before = count_fds();
	test->run();
	after = count_fds();
	if (before != after)
		fail_at(__FILE__, __LINE__, "%d descriptors open before, %d after", before, after);
	exit(0); /* not _exit: LeakSanitizer looks at exit */
}

/* returns whether the test counts as good */
static bool run_one(const struct tap_test *test, int number)
{
	const char *why = NULL;
	char status_text[64];
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(1);
	}
	if (!pid)
		run_child(test);
	if (waitpid(pid, &status, 0) < 0) {
		perror("waitpid");
		exit(1);
	}
	if (WIFEXITED(status) && !WEXITSTATUS(status)) {
		printf("ok %d - %s\n", number, test->name);
		return true;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIP) {
		printf("ok %d - %s # SKIP\n", number, test->name);
		return true;
	}
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
		why = "timed out";
	} else if (WIFSIGNALED(status)) {
		snprintf(status_text, sizeof(status_text), "signal %d", WTERMSIG(status));
		why = status_text;
	}
	if (why)
		printf("# %s\n", why);
	printf("not ok %d - %s\n", number, test->name);
	return false;
}

int main(int argc, char **argv)
{
	const struct tap_test *test;
	int number = 0, n_bad = 0;

	if (argc == 2 && !strcmp(argv[1], "--list")) {
		for (test = __start_tap_tests; test < __stop_tap_tests; test++)
			puts(test->name);
		return 0;
	}
	if (argc == 1) {
		printf("1..%d\n", (int)(__stop_tap_tests - __start_tap_tests));
		for (test = __start_tap_tests; test < __stop_tap_tests; test++)
			n_bad += !run_one(test, ++number);
		return n_bad != 0;
	}
	printf("1..%d\n", argc - 1);
	for (int i = 1; i < argc; i++) {
		for (test = __start_tap_tests; test < __stop_tap_tests; test++)
			if (!strcmp(test->name, argv[i]))
				break;
		if (test == __stop_tap_tests) {
			fprintf(stderr, "no such test: %s\n", argv[i]);
			return 2;
		}
		n_bad += !run_one(test, ++number);
	}
	return n_bad != 0;
}
