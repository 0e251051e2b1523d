/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bus configuration: the loading of one, shared by the files that do it */
#pragma once

#include "policy-parser/config-private.h"
#include "policy-parser/config-xml.h"

/**
 * struct source - a file being read
 * @includer: the file that includes it, or NULL: the main file
 * @path: interned
 * @depth: number of files in front of it in the chain
 * @is_broken: something in it is wrong
 * @has_section: the <policy> that was opened last was a good one
 */
struct source {
	struct source *includer;
	const char *path;
	unsigned depth;
	bool is_broken;
	bool has_section;
};

/**
 * struct loader - a configuration being loaded
 * @config: what there is so far; @auth has only what was named
 * @source: the file that is being read
 * @n_files, @n_bytes, @n_elements: what was read so far
 * @is_over: a bound was exceeded, which ends it all
 */
struct loader {
	struct config *config;
	struct config_messages *messages;
	const struct config_files *files;
	const struct config_environment *environment;
	unsigned flags;
	struct source *source;
	size_t n_files;
	size_t n_bytes;
	size_t n_elements;
	bool is_over;
};

/* outcomes of loading a file */
enum {
	SOURCE_MISSING = 1,
	SOURCE_BROKEN,
};

/**
 * source_load() - read a file of the configuration
 * @path: interned
 * @element: the element that names it, for messages, or NULL
 *
 * Return: 0; SOURCE_MISSING; SOURCE_BROKEN: messages say why; or a negative errno, to be
 * passed up.
 */
int source_load(struct loader *loader, const char *path, const struct config_xml_element *element);

/* <include> and <includedir> */
int include_file(struct loader *loader, const struct config_xml_element *element);
int include_directory(struct loader *loader, const struct config_xml_element *element);

/* <servicedir> and the standard lists */
int servicedirs_add(struct loader *loader, const struct config_xml_element *element);
int servicedirs_add_session(struct loader *loader, const struct config_xml_element *element);
int servicedirs_add_system(struct loader *loader, const struct config_xml_element *element);

/* says what is wrong with an element, or with the file if it is NULL; 0 or -ENOMEM */
int loader_refuse(struct loader *loader, const struct config_xml_element *element,
		  const char *format, ...) __attribute__((format(printf, 3, 4)));
/* the same, and the file stays good */
int loader_warn(struct loader *loader, const struct config_xml_element *element, const char *format,
		...) __attribute__((format(printf, 3, 4)));
/* says that a bound is exceeded; the negative errno that ends the loading */
int loader_give_up(struct loader *loader, const struct config_xml_element *element,
		   const char *format, ...) __attribute__((format(printf, 3, 4)));
/* the one copy of @text; NULL: out of memory */
const char *loader_intern(struct loader *loader, const char *text);
