/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kdbus-run's library: paths
 *
 * Nodes are sockets where the program expects regular files; directories are as they
 * should be.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/tools/preload.h"

static const char *root(void)
{
	return getenv(PRELOAD_ROOT_VARIABLE);
}

const char *preload_path(const char *path, char room[], size_t size)
{
	const char *rest;

	if (!path || preload_is_inside() || !root() ||
	    strncmp(path, PRELOAD_MOUNT, strlen(PRELOAD_MOUNT)) != 0)
		return path;
	rest = path + strlen(PRELOAD_MOUNT);
	if (*rest && *rest != '/')
		return path;
	if ((size_t)snprintf(room, size, "%s%s", root(), rest) >= size) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	return room;
}

/* is @path in the server's directory, or that itself? */
static bool is_served(const char *path)
{
	size_t len = root() ? strlen(root()) : 0;

	return len && !strncmp(path, root(), len) && (path[len] == '/' || !path[len]);
}

bool preload_is_node(const char *path)
{
	struct stat st;
	bool is_node;

	if (!is_served(path))
		return false;
	preload_enter();
	is_node = !stat(path, &st) && S_ISSOCK(st.st_mode);
	preload_leave();
	return is_node;
}

/* opening */

#define TAKES_MODE(flags) (((flags)&O_CREAT) || ((flags)&O_TMPFILE) == O_TMPFILE)

#define OPEN(real, path, flags, ...)                                                               \
	({                                                                                         \
		char room[PATH_MAX];                                                               \
		const char *meant = preload_path(path, room, sizeof(room));                        \
		int fd = -1;                                                                       \
                                                                                                   \
		if (meant && meant == room && !((flags) & (O_PATH | O_DIRECTORY)) &&               \
		    preload_is_node(meant))                                                        \
			fd = preload_open(meant, flags);                                           \
		else if (meant)                                                                    \
			fd = REAL(real)(__VA_ARGS__);                                              \
		fd;                                                                                \
	})

static mode_t mode_of(int flags, va_list arguments)
{
	return TAKES_MODE(flags) ? va_arg(arguments, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = mode_of(flags, arguments);
	va_end(arguments);
	return OPEN(open, path, flags, meant, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = mode_of(flags, arguments);
	va_end(arguments);
	return OPEN(open64, path, flags, meant, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = mode_of(flags, arguments);
	va_end(arguments);
	return OPEN(openat, path, flags, dir, meant, flags, mode);
}

int openat64(int dir, const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = mode_of(flags, arguments);
	va_end(arguments);
	return OPEN(openat64, path, flags, dir, meant, flags, mode);
}

/* what fortified programs call */
int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags)
{
	return open(path, flags);
}

int __open64_2(const char *path, int flags);
int __open64_2(const char *path, int flags)
{
	return open64(path, flags);
}

/* looking */

/* a node is a regular file, and nobody can write to a directory */
static int as_file(const char *path, struct stat *st, int r)
{
	if (r || !is_served(path))
		return r;
	if (S_ISSOCK(st->st_mode))
		st->st_mode = (st->st_mode & ~(mode_t)S_IFMT) | S_IFREG;
	else if (S_ISDIR(st->st_mode))
		st->st_mode &= ~(mode_t)0222;
	return r;
}

int stat(const char *restrict path, struct stat *restrict st)
{
	char room[PATH_MAX];
	const char *meant = preload_path(path, room, sizeof(room));

	if (!meant)
		return -1;
	return meant == path ? REAL(stat)(path, st) : as_file(meant, st, REAL(stat)(meant, st));
}

int lstat(const char *restrict path, struct stat *restrict st)
{
	char room[PATH_MAX];
	const char *meant = preload_path(path, room, sizeof(room));

	if (!meant)
		return -1;
	return meant == path ? REAL(lstat)(path, st) : as_file(meant, st, REAL(lstat)(meant, st));
}

int fstatat(int dir, const char *restrict path, struct stat *restrict st, int flags)
{
	char room[PATH_MAX];
	const char *meant = preload_path(path, room, sizeof(room));

	if (!meant)
		return -1;
	if (meant == path)
		return REAL(fstatat)(dir, path, st, flags);
	return as_file(meant, st, REAL(fstatat)(dir, meant, st, flags));
}

int fstat(int fd, struct stat *st)
{
	struct preload_handle *handle = preload_find(fd);

	return handle ? preload_stat(handle, fd, st) : REAL(fstat)(fd, st);
}

int access(const char *path, int mode)
{
	char room[PATH_MAX];
	const char *meant = preload_path(path, room, sizeof(room));

	return meant ? REAL(access)(meant, mode) : -1;
}

int faccessat(int dir, const char *path, int mode, int flags)
{
	char room[PATH_MAX];
	const char *meant = preload_path(path, room, sizeof(room));

	return meant ? REAL(faccessat)(dir, meant, mode, flags) : -1;
}

DIR *opendir(const char *path)
{
	char room[PATH_MAX];
	const char *meant = preload_path(path, room, sizeof(room));

	return meant ? REAL(opendir)(meant) : NULL;
}

int scandir(const char *restrict path, struct dirent ***restrict entries_out,
	    int (*filter)(const struct dirent *),
	    int (*compare)(const struct dirent **, const struct dirent **))
{
	char room[PATH_MAX];
	const char *meant = preload_path(path, room, sizeof(room));

	return meant ? REAL(scandir)(meant, entries_out, filter, compare) : -1;
}

/* sockets in no directory but the server's are anything to this program */
struct dirent *readdir(DIR *dir)
{
	struct dirent *entry = REAL(readdir)(dir);

	if (entry && entry->d_type == DT_SOCK && !preload_is_inside() && root())
		entry->d_type = DT_REG;
	return entry;
}
