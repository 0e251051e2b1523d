/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ABI carrier over kdbusfs: a bus in the kernel
 *
 * A handle is an open file, a command an ioctl on it, and the pool a mapping of it.
 * Nothing is kept here that the file does not have.
 *
 * The domain is whoever's who mounted it.  If that is this process (engine-mount.c), its
 * limits are those of the configuration, and follow it; else they are what they are.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/engine/engine-carrier.h"
#include "kernel/engine/engine-transport.h"
#include "proxy/base/list.h"

/**
 * struct ioctl_transport - a domain
 * @base: what the ABI carrier knows
 * @directory: where it is mounted
 * @is_own: for us alone
 */
struct ioctl_transport {
	struct engine_transport base;
	char *directory;
	bool is_own;
};

/**
 * struct ioctl_handle - an open node
 * @fd: it
 * @pool: mapping of its pool, or NULL
 * @pool_size: bytes of that
 */
struct ioctl_handle {
	int fd;
	void *pool;
	size_t pool_size;
};

static struct ioctl_transport *ioctl_transport(struct engine_transport *base)
{
	return container_of(base, struct ioctl_transport, base);
}

static struct ioctl_handle *ioctl_handle(struct engine_handle *handle)
{
	return (struct ioctl_handle *)handle;
}

static void ioctl_free(struct engine_transport *base)
{
	struct ioctl_transport *transport = ioctl_transport(base);

	free(transport->directory);
	free(transport);
}

static int ioctl_set_limits(struct engine_transport *base, const struct engine_limits *limits)
{
	const struct ioctl_transport *transport = ioctl_transport(base);

	if (!transport->is_own)
		return -EOPNOTSUPP;
	return engine_mount_set_limits(transport->directory, limits);
}

static int ioctl_open(struct engine_transport *base, const char *node,
		      struct engine_handle **handle_out)
{
	struct ioctl_handle *handle;
	char *path;
	int r = 0;

	handle = calloc(1, sizeof(*handle));
	if (!handle)
		return -ENOMEM;
	if (asprintf(&path, "%s/%s", ioctl_transport(base)->directory, node) < 0) {
		free(handle);
		return -ENOMEM;
	}
	handle->fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (handle->fd < 0)
		r = -errno;
	free(path);
	if (r < 0) {
		free(handle);
		return r;
	}
	*handle_out = (struct engine_handle *)handle;
	return 0;
}

static void ioctl_close(struct engine_handle *base)
{
	struct ioctl_handle *handle = ioctl_handle(base);

	if (handle->pool)
		munmap(handle->pool, handle->pool_size);
	close(handle->fd);
	free(handle);
}

static int ioctl_command(struct engine_handle *handle, unsigned long nr, void *cmd)
{
	return ioctl(ioctl_handle(handle)->fd, nr, cmd) < 0 ? -errno : 0;
}

static int ioctl_map(struct engine_handle *base, size_t size, const void **address_out)
{
	struct ioctl_handle *handle = ioctl_handle(base);
	void *pool;

	pool = mmap(NULL, size, PROT_READ, MAP_SHARED, handle->fd, 0);
	if (pool == MAP_FAILED)
		return -errno;
	handle->pool = pool;
	handle->pool_size = size;
	*address_out = pool;
	return 0;
}

static int ioctl_poll_fd(struct engine_handle *handle)
{
	return ioctl_handle(handle)->fd;
}

static const struct engine_transport_ops ioctl_transport_ops = {
	.free = ioctl_free,
	.set_limits = ioctl_set_limits,
	.open = ioctl_open,
	.close = ioctl_close,
	.command = ioctl_command,
	.map_pool = ioctl_map,
	.poll_fd = ioctl_poll_fd,
};

int engine_ioctl_open(const char *directory, const char *endpoint,
		      const struct engine_options *options, struct engine **engine_out)
{
	struct ioctl_transport *transport;

	transport = calloc(1, sizeof(*transport));
	if (!transport)
		return -ENOMEM;
	transport->directory = strdup(directory);
	if (!transport->directory) {
		free(transport);
		return -ENOMEM;
	}
	transport->base.ops = &ioctl_transport_ops;
	transport->is_own = options->owns_domain;
	transport->base.has_strangers = true;
	transport->base.has_auxgroups = !options->strict;
	return engine_abi_open(&transport->base, endpoint, options, engine_out);
}
