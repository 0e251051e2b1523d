/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where buses are: see directory.h. */
#include "kernel/tools/directory.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

bool directory_has_buses(const char *directory, bool is_served)
{
	char path[PATH_MAX];
	struct stat st;

	return (size_t)snprintf(path, sizeof(path), "%s/control", directory) < sizeof(path) &&
	       !stat(path, &st) && (!is_served || S_ISSOCK(st.st_mode));
}

const char *directory_find(bool is_served, char *room)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (runtime && snprintf(room, PATH_MAX, "%s/kdbus", runtime) < PATH_MAX &&
	    directory_has_buses(room, is_served))
		return room;
	if (!is_served && directory_has_buses("/sys/fs/kdbus", false))
		return "/sys/fs/kdbus";
	return directory_has_buses("/run/kdbus", is_served) ? "/run/kdbus" : NULL;
}
