/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Launch helper: which service file
 *
 * NAME.service in the first directory that has a good one: the rule of
 * services_load(), for directories whose files are all called as they should be.
 * What is broken, or says that it is for another name, is passed over, and
 * remembered as the reason if nothing else is found.
 */
#include "proxy/launch-helper/launch-find.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy-parser/path.h"
#include "proxy/activation/services.h"
#include "proxy/launch-helper/launch-exit.h"

/* 0, or an enum launch_exit */
static int read_file(const struct config_files *files, const char *path, const char *name,
		     struct service_file *file_out)
{
	struct service_file_error error;
	struct service_file file;
	int r;

	r = service_file_read(files, path, &file, &error);
	if (r == -ENOMEM)
		return LAUNCH_EXIT_NO_MEMORY;
	if (r == -ENOENT || r == -ENOTDIR || r == -ENAMETOOLONG)
		return LAUNCH_EXIT_NOT_FOUND;
	if (r)
		return LAUNCH_EXIT_FILE;
	if (strcmp(file.name, name)) {
		service_file_deinit(&file);
		return LAUNCH_EXIT_FILE;
	}
	*file_out = file;
	return 0;
}

int launch_find(const struct config *config, const struct config_files *files, const char *name,
		struct service_file *file_out)
{
	int result = LAUNCH_EXIT_NOT_FOUND;
	char *leaf;

	if (asprintf(&leaf, "%s.service", name) < 0)
		return LAUNCH_EXIT_NO_MEMORY;
	for (size_t i = 0; i < config->n_servicedirs; i++) {
		char *path = path_join(config->servicedirs[i].path, leaf);
		int r;

		if (!path) {
			result = LAUNCH_EXIT_NO_MEMORY;
			break;
		}
		r = read_file(files, path, name, file_out);
		free(path);
		if (r != LAUNCH_EXIT_NOT_FOUND)
			result = r;
		if (!r || r == LAUNCH_EXIT_NO_MEMORY)
			break;
	}
	free(leaf);
	return result;
}
