/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* "kernel:path=...": what the path is decides how it is reached
 *
 *	directory	a domain, in which a bus is made; "control" in it is the node
 *	node		the endpoint of a bus that there is, which we join
 *
 * A node that is a socket belongs to a process that serves its embedded bus
 * (engine-remote.c), one that is a file to the kernel (engine-ioctl.c).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kernel/engine/engine-carrier.h"

/* splits the path of an endpoint: the directory, and the node below it, "<bus>/<endpoint>" */
static int split_endpoint(const char *path, char **directory_out, const char **node_out)
{
	const char *slash = strrchr(path, '/');

	if (!slash || slash == path)
		return -EINVAL;
	do {
		slash--;
	} while (slash > path && *slash != '/');
	if (*slash != '/')
		return -EINVAL;
	*directory_out = slash == path ? strdup("/") : strndup(path, slash - path);
	if (!*directory_out)
		return -ENOMEM;
	*node_out = slash + 1;
	return 0;
}

/* of the node "control" in a directory; one that is a socket where there is none: who opens
 * it finds out */
static int control_mode(const char *directory, mode_t *mode_out)
{
	struct stat st;
	char *path;
	int r;

	if (asprintf(&path, "%s/control", directory) < 0)
		return -ENOMEM;
	r = stat(path, &st);
	free(path);
	*mode_out = r < 0 ? S_IFSOCK : st.st_mode;
	return 0;
}

int engine_kernel_open(const char *path, const struct engine_options *options,
		       struct engine **engine_out)
{
	const char *endpoint = NULL;
	char *directory;
	struct stat st;
	mode_t mode;
	int r;

	if (stat(path, &st) < 0)
		return -errno;
	mode = st.st_mode;
	if (S_ISDIR(mode)) {
		r = control_mode(path, &mode);
		directory = r < 0 ? NULL : strdup(path);
		r = r < 0 || directory ? r : -ENOMEM;
	} else {
		r = split_endpoint(path, &directory, &endpoint);
	}
	if (r < 0)
		return r;
	if (S_ISSOCK(mode))
		r = engine_remote_open(directory, endpoint, options, engine_out);
	else if (S_ISREG(mode))
		r = engine_ioctl_open(directory, endpoint, options, engine_out);
	else
		r = -EPROTONOSUPPORT;
	free(directory);
	return r;
}
