/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domain of our own: kdbusfs, mounted with the limits of the configuration
 *
 * The mount outlives who made it when that has given up its privileges since, or was
 * killed.  What is left then is a domain without a bus, which the next one takes over.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "kernel/core/limits.h"
#include "kernel/engine/engine-carrier.h"

#define KDBUSFS_MAGIC 0x44427573
#define MOUNT_FLAGS   (MS_NOSUID | MS_NOEXEC | MS_NODEV)

/* all of them, so that a remount leaves none as it was */
static int format_options(const struct engine_limits *limits, char *text, size_t size)
{
	static const struct kdbus_limits published = KDBUS_LIMITS_DEFAULT;
	int n;

	n = snprintf(text, size,
		     "pool_size=%llu,conns=%u,names=%u,matches=%u,replies=%u,msgs=%u,fds=%u,"
		     "msg_fds=%u",
		     (unsigned long long)(limits->pool_size ?: published.pool_size),
		     limits->n_conns_user ?: published.n_conns_user,
		     limits->n_names_conn ?: published.n_names_conn,
		     limits->n_matches_conn ?: published.n_matches_conn,
		     limits->n_replies_conn ?: published.n_replies_conn,
		     limits->n_msgs_user ?: published.n_msgs_user,
		     limits->n_fds_user ?: published.n_fds_user,
		     limits->n_fds_msg ?: published.n_fds_msg);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

static int mount_with(const char *directory, unsigned long flags,
		      const struct engine_limits *limits)
{
	char text[256];
	int r;

	r = format_options(limits, text, sizeof(text));
	if (r < 0)
		return r;
	return mount("kdbus", directory, "kdbusfs", MOUNT_FLAGS | flags, text) < 0 ? -errno : 0;
}

static bool is_mounted(const char *directory)
{
	struct statfs st;

	return statfs(directory, &st) == 0 && st.f_type == KDBUSFS_MAGIC;
}

/* 0, -EADDRINUSE, or what failed; a bus is a directory beside "control" */
static int check_unused(const char *directory)
{
	DIR *entries = opendir(directory);
	struct dirent *entry;
	bool has_bus = false;

	if (!entries)
		return -errno;
	while ((entry = readdir(entries)))
		has_bus |= *entry->d_name != '.' && strcmp(entry->d_name, "control") != 0;
	closedir(entries);
	return has_bus ? -EADDRINUSE : 0;
}

static int mount_new(const char *directory, const struct engine_limits *limits)
{
	bool is_made = mkdir(directory, 0755) == 0;
	int r;

	if (!is_made && errno != EEXIST)
		return -errno;
	r = mount_with(directory, 0, limits);
	if (r < 0 && is_made)
		rmdir(directory);
	return r;
}

int engine_mount(const char *directory, const struct engine_limits *limits)
{
	int r;

	if (!is_mounted(directory))
		return mount_new(directory, limits);
	r = check_unused(directory);
	return r < 0 ? r : mount_with(directory, MS_REMOUNT, limits);
}

int engine_mount_set_limits(const char *directory, const struct engine_limits *limits)
{
	return mount_with(directory, MS_REMOUNT, limits);
}

int engine_unmount(const char *directory)
{
	return umount2(directory, MNT_DETACH) < 0 ? -errno : 0;
}
