/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bus configuration: directories of service files
 *
 * <servicedir> adds one, the standard lists add several.  A directory that is
 * there already is not added again: the first of two service files for one name
 * wins, so a second look could not find anything.
 *
 * Directories below /run and /etc, and the one of the session's runtime
 * directory, are written by generators and administrators rather than packages:
 * their files have to be named after the name, and they are read on reload only.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy-parser/config-load.h"
#include "policy-parser/path.h"

enum {
	MAX_SERVICEDIRS = 1000,
};

#define STRICT (CONFIG_SERVICEDIR_STRICT_NAMES | CONFIG_SERVICEDIR_UNWATCHED)

/* takes @path, which may be NULL: out of memory */
static int add(struct loader *loader, const struct config_xml_element *element, char *path,
	       unsigned flags)
{
	struct config *config = loader->config;
	struct config_servicedir servicedir = {.flags = flags};
	int r;

	if (!path)
		return -ENOMEM;
	servicedir.path = loader_intern(loader, path);
	free(path);
	if (!servicedir.path)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_servicedirs; i++) {
		if (config->servicedirs[i].path == servicedir.path)
			return 0;
	}
	if (config->n_servicedirs == MAX_SERVICEDIRS)
		return loader_give_up(loader, element, "more than %d directories", MAX_SERVICEDIRS);
	r = config_grow(&config->servicedirs, config->n_servicedirs,
			&config->private->n_servicedirs_allocated, sizeof(servicedir));
	if (r < 0)
		return r;
	config->servicedirs[config->n_servicedirs++] = servicedir;
	return 0;
}

int servicedirs_add(struct loader *loader, const struct config_xml_element *element)
{
	return add(loader, element, path_resolve(loader->source->path, element->text), 0);
}

/* @leaf below each of the directories of a search path */
static int add_search_path(struct loader *loader, const struct config_xml_element *element,
			   const char *search_path, const char *leaf)
{
	while (*search_path) {
		size_t length = strcspn(search_path, ":");

		if (length) {
			char *directory = strndup(search_path, length);
			int r;

			if (!directory)
				return -ENOMEM;
			r = add(loader, element, path_join(directory, leaf), 0);
			free(directory);
			if (r < 0)
				return r;
		}
		search_path += length;
		search_path += *search_path == ':';
	}
	return 0;
}

int servicedirs_add_session(struct loader *loader, const struct config_xml_element *element)
{
	const struct config_environment *environment = loader->environment;
	static const char leaf[] = "dbus-1/services";
	const char *data_dirs = environment->xdg_data_dirs;
	int r = 0;

	if (environment->xdg_runtime_dir)
		r = add(loader, element, path_join(environment->xdg_runtime_dir, leaf), STRICT);
	if (r < 0)
		return r;
	if (environment->xdg_data_home)
		r = add(loader, element, path_join(environment->xdg_data_home, leaf), 0);
	else if (environment->home)
		r = add(loader, element,
			path_join(environment->home, ".local/share/dbus-1/services"), 0);
	if (r < 0)
		return r;
	r = add_search_path(loader, element, data_dirs ? data_dirs : "/usr/local/share:/usr/share",
			    leaf);
	if (r < 0)
		return r;
	return add(loader, element, path_join(environment->datadir, leaf), 0);
}

int servicedirs_add_system(struct loader *loader, const struct config_xml_element *element)
{
	static const char leaf[] = "dbus-1/system-services";
	int r;

	r = add(loader, element, path_join("/etc", leaf), STRICT);
	if (r < 0)
		return r;
	r = add(loader, element, path_join("/run", leaf), STRICT);
	if (r < 0)
		return r;
	r = add_search_path(loader, element, "/usr/local/share:/usr/share", leaf);
	if (r < 0)
		return r;
	r = add(loader, element, path_join(loader->environment->datadir, leaf), 0);
	if (r < 0)
		return r;
	return add(loader, element, path_join("/lib", leaf), 0);
}
