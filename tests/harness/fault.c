/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Allocations that fail: see fault.h
 *
 * ld --wrap=NAME turns calls of NAME into calls of __wrap_NAME, and gives the
 * original as __real_NAME.
 */
#include "tests/harness/fault.h"

#include <errno.h>
#include <search.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *ptr, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);
int __real_vasprintf(char **text_out, const char *format, va_list args);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *ptr, size_t size);
void *__wrap_reallocarray(void *ptr, size_t n, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);
int __wrap_asprintf(char **text_out, const char *format, ...);
int __wrap_vasprintf(char **text_out, const char *format, va_list args);
FILE *__real_open_memstream(char **text_out, size_t *size_out);
FILE *__wrap_open_memstream(char **text_out, size_t *size_out);
void *__real_tsearch(const void *key, void **root, int (*compare)(const void *, const void *));
void *__wrap_tsearch(const void *key, void **root, int (*compare)(const void *, const void *));

static unsigned long n_done, fail_at_n;
static bool has_failed;

void fault_at(unsigned long n)
{
	n_done = 0;
	fail_at_n = n;
	has_failed = false;
}

bool fault_disarm(void)
{
	fail_at_n = 0;
	return has_failed;
}

unsigned long fault_count(void)
{
	return n_done;
}

static bool is_failing(void)
{
	if (++n_done != fail_at_n)
		return false;
	has_failed = true;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return is_failing() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return is_failing() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *ptr, size_t size)
{
	return is_failing() ? NULL : __real_realloc(ptr, size);
}

void *__wrap_reallocarray(void *ptr, size_t n, size_t size)
{
	size_t bytes;

	if (is_failing() || __builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return __real_realloc(ptr, bytes);
}

char *__wrap_strdup(const char *text)
{
	return is_failing() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t size)
{
	return is_failing() ? NULL : __real_strndup(text, size);
}

int __wrap_vasprintf(char **text_out, const char *format, va_list args)
{
	/* what libc leaves behind after a failure is undefined: make use of it visible */
	if (is_failing()) {
		*text_out = (char *)(uintptr_t)0xdead;
		return -1;
	}
	return __real_vasprintf(text_out, format, args);
}

int __wrap_asprintf(char **text_out, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = __wrap_vasprintf(text_out, format, args);
	va_end(args);
	return r;
}

FILE *__wrap_open_memstream(char **text_out, size_t *size_out)
{
	return is_failing() ? NULL : __real_open_memstream(text_out, size_out);
}

void *__wrap_tsearch(const void *key, void **root, int (*compare)(const void *, const void *))
{
	return is_failing() ? NULL : __real_tsearch(key, root, compare);
}
