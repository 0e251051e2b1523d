/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scope cleanup
 *
 * Two words, used everywhere or nowhere in a function, never mixed with goto:
 *
 *	__cleanup(message_unrefp) struct message *m = NULL;
 *	...
 *	*m_out = steal(m);	// the success line
 *	return 0;
 */
#pragma once

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef __cleanup
#define __cleanup(fn) __attribute__((__cleanup__(fn)))
#endif

/* the value of @ptr, which becomes NULL: ownership moves to the reader */
#define steal(ptr)                                                                                 \
	({                                                                                         \
		__typeof__(ptr) steal_value_ = (ptr);                                              \
		(ptr) = NULL;                                                                      \
		steal_value_;                                                                      \
	})

/* the descriptor in @fd, which becomes -1 */
static inline int steal_fd(int *fd)
{
	int value = *fd;

	*fd = -1;
	return value;
}

static inline void freep(void *ptr)
{
	free(*(void **)ptr);
}

static inline void closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* defines NAMEp() for use with __cleanup() from a NAME() that takes NULL */
#define DEFINE_CLEANUP(type, name)                                                                 \
	static inline void name##p(type *ptr)                                                      \
	{                                                                                          \
		if (*ptr)                                                                          \
			name(*ptr);                                                                \
	}                                                                                          \
	struct cleanup_needs_a_semicolon
