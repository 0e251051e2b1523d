/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Paths in a configuration */
#include "policy-parser/path.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* in place: the result is never longer */
static void simplify(char *path)
{
	const char *in = path;
	char *out = path;

	while (*in) {
		bool is_start = in == path || in[-1] == '/';

		if (is_start && in != path && *in == '/')
			in++;
		else if (is_start && in[0] == '.' && in[1] == '/')
			in += 2;
		else
			*out++ = *in++;
	}
	*out = 0;
}

static char *join(const char *directory, int directory_length, const char *path)
{
	char *joined;

	if (asprintf(&joined, "%.*s%s", directory_length, directory, path) < 0)
		return NULL;
	simplify(joined);
	return joined;
}

char *path_join(const char *directory, const char *path)
{
	char *joined;

	if (asprintf(&joined, "%s/%s", directory, path) < 0)
		return NULL;
	simplify(joined);
	return joined;
}

char *path_resolve(const char *file, const char *path)
{
	const char *slash = strrchr(file, '/');

	if (*path == '/' || !slash)
		return join("", 0, path);
	return join(file, slash - file + 1, path);
}
