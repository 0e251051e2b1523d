/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interned strings
 *
 * tsearch() of the C library over nodes that are the strings themselves.  A
 * configuration of a hundred thousand rules repeats a few thousand names.
 */
#include "policy-parser/strings.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

void strings_deinit(struct strings *strings)
{
	tdestroy(strings->tree, free);
	strings->tree = NULL;
}

const char *strings_intern(struct strings *strings, const char *text)
{
	char *const *node;
	char *copy;

	node = tfind(text, &strings->tree, compare);
	if (node)
		return *node;
	copy = strdup(text);
	if (!copy)
		return NULL;
	node = tsearch(copy, &strings->tree, compare);
	if (!node) {
		free(copy);
		return NULL;
	}
	return *node;
}
