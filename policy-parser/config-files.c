/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bus configuration: its files on the file system
 *
 * Regular files only: a fifo or a device would keep the daemon waiting or feed it
 * for ever.  The size is bounded while reading, as a file may grow.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy-parser/config.h"
#include "proxy/base/cleanup.h"

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static int read_all(int fd, size_t expected, size_t max, char **data_out, size_t *size_out)
{
	__cleanup(freep) char *data = NULL;
	size_t allocated = 0;
	size_t size = 0;
	ssize_t n;

	/* room for one byte more shows the end of the file, or that it is too large */
	do {
		if (size == allocated) {
			size_t wanted = allocated ? 2 * allocated : expected + 1;
			char *grown;

			if (wanted > max + 1)
				wanted = max + 1;
			grown = realloc(data, wanted);
			if (!grown)
				return -ENOMEM;
			data = grown;
			allocated = wanted;
		}
		n = read(fd, data + size, allocated - size);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			size += n;
		if (size > max)
			return -EFBIG;
	} while (n);
	*data_out = steal(data);
	*size_out = size;
	return 0;
}

static int files_read(void *userdata, const char *path, size_t max, char **data_out,
		      size_t *size_out)
{
	__cleanup(closep) int fd = -1;
	struct stat st;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size > max)
		return -EFBIG;
	return read_all(fd, st.st_size, max, data_out, size_out);
}

static int files_list(void *userdata, const char *path,
		      int (*add)(void *add_userdata, const char *name), void *add_userdata)
{
	__cleanup(closedirp) DIR *dir = NULL;

	dir = opendir(path);
	if (!dir)
		return -errno;
	for (;;) {
		struct dirent *entry;
		int r;

		errno = 0;
		entry = readdir(dir);
		if (!entry)
			return -errno;
		r = add(add_userdata, entry->d_name);
		if (r)
			return r;
	}
}

const struct config_files config_files_system = {
	.read = files_read,
	.list = files_list,
};
