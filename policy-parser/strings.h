/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interned strings
 *
 * One copy of each, with one address, as long as the set lives.  Ordered by a
 * balanced tree rather than hashed: nobody can make it slow.
 */
#pragma once

#include <stddef.h>

struct strings {
	void *tree;
};

#define STRINGS_NULL                                                                               \
	{                                                                                          \
		NULL                                                                               \
	}

/* the strings of the set are gone afterwards; idempotent */
void strings_deinit(struct strings *strings);

/**
 * strings_intern() - the string of the set that equals @text
 *
 * Return: the string, or NULL: out of memory.
 */
const char *strings_intern(struct strings *strings, const char *text);
