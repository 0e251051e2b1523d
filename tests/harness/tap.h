/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Test runner
 *
 *	TEST(parses_empty_rule)
 *	{
 *		expect_eq(match_rule_parse(...), 0);
 *	}
 *
 * A test program is a set of TEST()s linked with libtap.a, which has main().
 * Each test runs in a process of its own, is ended by an alarm (default 30 s; TAP_PATIENCE in
 * the environment multiplies it),
 * and fails when it leaves more or fewer descriptors open than it found.
 * Output is TAP.
 *
 *	test-foo		run all
 *	test-foo NAME...	run these, in the given order
 *	test-foo --list		print the names
 *
 * expect_*() ends the test at the first failure and prints both operands.
 * NDEBUG has no influence: nothing here is assert().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tap_test {
	const char *name;
	void (*run)(void);
	unsigned int timeout_s;
	void *pad; /* a power of two in size, so that the section is an array */
};

#define TEST_TIMEOUT(test_name, seconds)                                                           \
	static void test_name(void);                                                               \
	static const struct tap_test tap_##test_name                                               \
		__attribute__((used, section("tap_tests"), aligned(32))) = {#test_name, test_name, \
									    seconds, NULL};        \
	static void test_name(void)

#define TEST(test_name) TEST_TIMEOUT(test_name, 30)

/* ends the running test as skipped */
void skip(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* ends the running test as failed */
void fail_at(const char *file, int line, const char *format, ...)
	__attribute__((noreturn, format(printf, 3, 4)));
/* how many times slower than usual it is here: TAP_PATIENCE, or 1 */
unsigned tap_patience(void);
/* prints a diagnostic line */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* when it is set: called when the test has failed, to note() the circumstances */
extern void (*tap_explain)(void);
/* number of descriptors open in this process */
int count_fds(void);

void tap_expect_int(const char *file, int line, const char *ta, const char *tb, const char *op,
		    bool ok, long long a, long long b);
void tap_expect_str(const char *file, int line, const char *ta, const char *tb, const char *a,
		    const char *b);
void tap_expect_mem(const char *file, int line, const char *ta, const char *tb, const void *a,
		    size_t a_size, const void *b, size_t b_size);

#define fail(...) fail_at(__FILE__, __LINE__, __VA_ARGS__)
#define expect(cond)                                                                               \
	do {                                                                                       \
		if (!(cond))                                                                       \
			fail_at(__FILE__, __LINE__, "%s is false", #cond);                         \
	} while (0)
#define tap_cmp(a, op, b)                                                                          \
	do {                                                                                       \
		__typeof__(a) tap_a_ = (a);                                                        \
		__typeof__(b) tap_b_ = (b);                                                        \
		tap_expect_int(__FILE__, __LINE__, #a, #b, #op, tap_a_ op tap_b_,                  \
			       (long long)tap_a_, (long long)tap_b_);                              \
	} while (0)
#define expect_eq(a, b) tap_cmp(a, ==, b)
#define expect_ne(a, b) tap_cmp(a, !=, b)
#define expect_lt(a, b) tap_cmp(a, <, b)
#define expect_le(a, b) tap_cmp(a, <=, b)
#define expect_gt(a, b) tap_cmp(a, >, b)
#define expect_ge(a, b) tap_cmp(a, >=, b)
/* NULL is equal to NULL alone */
#define expect_str(a, b) tap_expect_str(__FILE__, __LINE__, #a, #b, a, b)
#define expect_mem(a, a_size, b, b_size)                                                           \
	tap_expect_mem(__FILE__, __LINE__, #a, #b, a, a_size, b, b_size)
