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
void __real_free(void *ptr);
int __real_vasprintf(char **text_out, const char *format, va_list args);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *ptr, size_t size);
void *__wrap_reallocarray(void *ptr, size_t n, size_t size);
void __wrap_free(void *ptr);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);
int __wrap_asprintf(char **text_out, const char *format, ...);
int __wrap_vasprintf(char **text_out, const char *format, va_list args);
FILE *__real_open_memstream(char **text_out, size_t *size_out);
FILE *__wrap_open_memstream(char **text_out, size_t *size_out);
void *__real_tsearch(const void *key, void **root, int (*compare)(const void *, const void *));
void *__wrap_tsearch(const void *key, void **root, int (*compare)(const void *, const void *));

static struct fault_state own_state;
struct fault_state *fault_state = &own_state;

void fault_at(unsigned long n)
{
	fault_state->n_done = 0;
	fault_state->fail_at = n;
	fault_state->has_failed = false;
}

bool fault_disarm(void)
{
	fault_state->fail_at = 0;
	return fault_state->has_failed;
}

unsigned long fault_count(void)
{
	return fault_state->n_done;
}

bool fault_is_next(struct fault_state *state)
{
	if (++state->n_done != state->fail_at)
		return false;
	state->has_failed = true;
	return true;
}

static bool is_failing(void)
{
	if (!fault_is_next(fault_state))
		return false;
	errno = ENOMEM;
	return true;
}

/* a block that free() will be called for */
static void *live(void *ptr)
{
	fault_state->n_live += ptr != NULL;
	return ptr;
}

void *__wrap_malloc(size_t size)
{
	return is_failing() ? NULL : live(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return is_failing() ? NULL : live(__real_calloc(n, size));
}

void *__wrap_realloc(void *ptr, size_t size)
{
	void *more = is_failing() ? NULL : __real_realloc(ptr, size);

	return ptr ? more : live(more);
}

void *__wrap_reallocarray(void *ptr, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return __wrap_realloc(ptr, bytes);
}

void __wrap_free(void *ptr)
{
	fault_state->n_live -= ptr != NULL;
	__real_free(ptr);
}

char *__wrap_strdup(const char *text)
{
	return is_failing() ? NULL : live(__real_strdup(text));
}

char *__wrap_strndup(const char *text, size_t size)
{
	return is_failing() ? NULL : live(__real_strndup(text, size));
}

int __wrap_vasprintf(char **text_out, const char *format, va_list args)
{
	int r;

	/* what libc leaves behind after a failure is undefined: make use of it visible */
	if (is_failing()) {
		*text_out = (char *)(uintptr_t)0xdead;
		return -1;
	}
	r = __real_vasprintf(text_out, format, args);
	if (r >= 0)
		live(*text_out);
	return r;
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
	FILE *stream = is_failing() ? NULL : __real_open_memstream(text_out, size_out);

	/* for the text, which is there for the caller to free in any case */
	live(stream);
	return stream;
}

void *__wrap_tsearch(const void *key, void **root, int (*compare)(const void *, const void *))
{
	return is_failing() ? NULL : __real_tsearch(key, root, compare);
}
