/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Configuration files that exist in memory alone */
#pragma once

#include "policy-parser/config.h"

/**
 * struct memory_file - a file, or a directory, or one that cannot be read
 * @path: the list of files ends with a NULL
 * @text: contents; NULL: reading fails with @error
 * @size: of @text; 0: up to its NUL
 * @error: negative errno
 *
 * Directories are there when files in them are, at whatever depth.
 */
struct memory_file {
	const char *path;
	const char *text;
	size_t size;
	int error;
};

/* a provider that serves @files, which it borrows; names are listed in reverse order */
struct config_files memory_files(const struct memory_file *files);

/**
 * memory_load() - load "/m.conf" out of @files
 * @environment: or NULL
 */
int memory_load(const struct memory_file *files, unsigned flags,
		const struct config_environment *environment, struct config **config_out,
		struct config_messages *messages);

/* load "/m.conf" that consists of @body in a <busconfig> */
int memory_load_body(const char *body, struct config **config_out,
		     struct config_messages *messages);
