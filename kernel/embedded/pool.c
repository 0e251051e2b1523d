/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory of a pool: a memfd, mapped here for writing
 *
 * Readers get a mapping of their own, which cannot be made writable because it
 * comes from a descriptor that was opened for reading, and because the file is
 * sealed against any other writer than the mapping that was made first: the
 * descriptor may go to another process.  Nor can anybody change the size.  The file is sparse: a
 * pool costs what is in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/embedded/host.h"

struct embedded_pool {
	int fd; /* for reading */
	size_t size;
	uint8_t *data;
};

static int pool_open(size_t size, const char *description, int *fd_out, void **data_out)
{
	char name[96], path[32];
	void *data;
	int fd, r;

	snprintf(name, sizeof(name), "kdbus-conn%s%s", description ? ":" : "",
		 description ? description : "");
	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, size) < 0) {
		r = -errno;
		goto exit_fd;
	}
	data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED) {
		r = -errno;
		goto exit_fd;
	}
	if (fcntl(fd, F_ADD_SEALS,
		  F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) < 0) {
		r = -errno;
		goto exit_map;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	*fd_out = open(path, O_RDONLY | O_CLOEXEC);
	if (*fd_out < 0) {
		r = -errno;
		goto exit_map;
	}
	close(fd);
	*data_out = data;
	return 0;

exit_map:
	munmap(data, size);
exit_fd:
	close(fd);
	return r;
}

int embedded_pool_create(void *caller, u64 size, const char *description, void **pool_out)
{
	struct embedded_pool *pool;
	void *data = NULL;
	int r;

	if (size > SIZE_MAX || size > INT64_MAX)
		return -EINVAL;
	pool = kzalloc(sizeof(*pool), GFP_KERNEL_ACCOUNT);
	if (!pool)
		return -ENOMEM;
	r = pool_open(size, description, &pool->fd, &data);
	if (r < 0) {
		kfree(pool);
		return r;
	}
	pool->data = data;
	pool->size = size;
	*pool_out = pool;
	return 0;
}

void embedded_pool_destroy(void *data)
{
	struct embedded_pool *pool = data;

	munmap(pool->data, pool->size);
	close(pool->fd);
	kfree(pool);
}

int embedded_pool_write(void *data, u64 offset, const void *src, size_t size)
{
	struct embedded_pool *pool = data;

	BUG_ON(offset > pool->size || size > pool->size - offset);
	if (size > 0)
		memcpy(pool->data + offset, src, size);
	return 0;
}

int embedded_pool_copy(void *data, u64 offset, void *src_data, u64 src_offset, size_t size)
{
	struct embedded_pool *src = src_data;

	BUG_ON(src_offset > src->size || size > src->size - src_offset);
	return embedded_pool_write(data, offset, src->data + src_offset, size);
}

int embedded_pool_mmap(void *data, size_t length, int prot, int flags, u64 offset,
		       void **address_out)
{
	struct embedded_pool *pool = data;
	void *address;

	address = mmap(NULL, length, prot, flags, pool->fd, offset);
	if (address == MAP_FAILED)
		return -errno;
	*address_out = address;
	return 0;
}

const void *embedded_pool_data(void *data)
{
	return ((struct embedded_pool *)data)->data;
}

int embedded_pool_fd(void *data)
{
	return ((struct embedded_pool *)data)->fd;
}

int embedded_pool_map(void *data, const void **address_out, size_t *size_out)
{
	struct embedded_pool *pool = data;
	void *address;

	address = mmap(NULL, pool->size, PROT_READ, MAP_SHARED, pool->fd, 0);
	if (address == MAP_FAILED)
		return -errno;
	*address_out = address;
	*size_out = pool->size;
	return 0;
}
