/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The seam: what the owner of a bus leaves for those who join it
 *
 * One sealed memory file, which the carrier passes on.  Readers copy it: so it matters
 * little who wrote it and what he could still do.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/engine/engine-carrier.h"

/* more than any configuration has */
#define PUBLISHED_MAX (64u * 1024 * 1024)

static int write_all(int fd, const void *bytes, size_t size)
{
	ssize_t n;

	for (size_t done = 0; done < size; done += n) {
		n = write(fd, (const char *)bytes + done, size - done);
		if (n < 0)
			return -errno;
	}
	return 0;
}

int engine_publish(struct engine *engine, const void *bytes, size_t size)
{
	int fd, r;

	if (!engine->carrier->publish)
		return -EOPNOTSUPP;
	fd = memfd_create("bus-published", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	r = write_all(fd, bytes, size);
	if (!r && fcntl(fd, F_ADD_SEALS,
			F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		r = -errno;
	if (r < 0) {
		close(fd);
		return r;
	}
	return engine->carrier->publish(engine, fd);
}

static int read_all(int fd, void *bytes, size_t size)
{
	ssize_t n;

	for (size_t done = 0; done < size; done += n) {
		n = pread(fd, (char *)bytes + done, size - done, done);
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
	}
	return 0;
}

static int read_file(int fd, void **bytes_out, size_t *size_out)
{
	struct stat st;
	void *bytes;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size > PUBLISHED_MAX)
		return -EFBIG;
	bytes = malloc(st.st_size + 1);
	if (!bytes)
		return -ENOMEM;
	r = read_all(fd, bytes, st.st_size);
	if (r < 0) {
		free(bytes);
		return r;
	}
	*bytes_out = bytes;
	*size_out = st.st_size;
	return 0;
}

int engine_get_published(struct engine *engine, void **bytes_out, size_t *size_out)
{
	int fd, r;

	if (!engine->carrier->get_published)
		return -EOPNOTSUPP;
	r = engine->carrier->get_published(engine, &fd);
	if (r < 0)
		return r;
	r = read_file(fd, bytes_out, size_out);
	close(fd);
	return r;
}
