/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ABI carrier over remote-client.h: a bus that another process serves
 *
 * The process that serves watches the reply deadlines of all its buses.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernel/engine/engine-carrier.h"
#include "kernel/engine/engine-transport.h"
#include "kernel/engine/remote-client.h"
#include "kernel/engine/remote-stream.h"
#include "proxy/base/list.h"

/**
 * struct remote_transport - a directory with nodes
 * @base: what the ABI carrier knows
 * @directory: where they are
 */
struct remote_transport {
	struct engine_transport base;
	char *directory;
};

/**
 * struct remote_pool - mapping of a pool
 * @base: a reference of those who keep it
 * @refcount: of them, and of the handle
 * @address: where it is
 * @size: its bytes
 */
struct remote_pool {
	struct engine_kept_pool base;
	unsigned refcount;
	void *address;
	size_t size;
};

/**
 * struct remote_handle - an open node
 * @client: it
 * @pool: mapping of its pool, a reference; or NULL
 */
struct remote_handle {
	struct remote_client client;
	struct remote_pool *pool;
};

static struct remote_transport *remote_transport(struct engine_transport *base)
{
	return container_of(base, struct remote_transport, base);
}

static struct remote_handle *remote_handle(struct engine_handle *handle)
{
	return (struct remote_handle *)handle;
}

static void remote_free(struct engine_transport *base)
{
	struct remote_transport *transport = remote_transport(base);

	free(transport->directory);
	free(transport);
}

static int remote_open(struct engine_transport *base, const char *node,
		       struct engine_handle **handle_out)
{
	struct remote_handle *handle;
	char *path;
	int r;

	handle = calloc(1, sizeof(*handle));
	if (!handle)
		return -ENOMEM;
	if (asprintf(&path, "%s/%s", remote_transport(base)->directory, node) < 0) {
		free(handle);
		return -ENOMEM;
	}
	r = remote_client_open(&handle->client, path, 0);
	free(path);
	if (r < 0) {
		free(handle);
		return r;
	}
	*handle_out = (struct engine_handle *)handle;
	return 0;
}

static void pool_release(struct engine_kept_pool *base)
{
	struct remote_pool *pool = container_of(base, struct remote_pool, base);

	if (--pool->refcount)
		return;
	munmap(pool->address, pool->size);
	free(pool);
}

static void remote_close(struct engine_handle *base)
{
	struct remote_handle *handle = remote_handle(base);

	if (handle->pool)
		pool_release(&handle->pool->base);
	remote_client_close_last(&handle->client);
	free(handle);
}

static int remote_command(struct engine_handle *handle, unsigned long nr, void *cmd)
{
	struct remote_client *client = &remote_handle(handle)->client;

	/* most queues are empty behind the first message */
	if (nr == KDBUS_CMD_RECV && !client->stream && remote_client_is_empty(client))
		return -EAGAIN;
	return remote_client_command(client, nr, cmd);
}

static int remote_map(struct engine_handle *base, size_t size, const void **address_out)
{
	struct remote_handle *handle = remote_handle(base);
	struct remote_pool *pool;
	int r;

	pool = malloc(sizeof(*pool));
	if (!pool)
		return -ENOMEM;
	*pool = (struct remote_pool){.base.release = pool_release, .refcount = 1, .size = size};
	r = remote_client_map(&handle->client, size, PROT_READ, MAP_SHARED, 0, &pool->address);
	if (r < 0) {
		free(pool);
		return r;
	}
	handle->pool = pool;
	*address_out = pool->address;
	return 0;
}

static uint64_t remote_position(struct engine_handle *handle)
{
	return remote_handle(handle)->client.position;
}

static int remote_published(struct engine_handle *handle, int *fd_out)
{
	return remote_client_published(&remote_handle(handle)->client, fd_out, NULL);
}

static int remote_poll_fd(struct engine_handle *handle)
{
	return remote_handle(handle)->client.fd;
}

/* streams */

static struct remote_stream *handle_stream(struct engine_handle *handle)
{
	return remote_handle(handle)->client.stream;
}

static int stream_open(struct engine_handle *handle,
		       void (*told)(void *userdata, const struct engine_stream_news *news),
		       void *userdata)
{
	int r;

	r = remote_client_stream(&remote_handle(handle)->client);
	if (r < 0)
		return r;
	handle_stream(handle)->told = told;
	handle_stream(handle)->userdata = userdata;
	return 0;
}

static int stream_post(struct engine_handle *handle, struct kdbus_cmd_send *cmd)
{
	return remote_stream_post(handle_stream(handle), cmd);
}

static int stream_settle(struct engine_handle *handle)
{
	return remote_stream_settle(handle_stream(handle));
}

static int stream_confirm(struct engine_handle *handle)
{
	return remote_stream_confirm(handle_stream(handle));
}

static int stream_read(struct engine_handle *handle, bool waits)
{
	return remote_stream_read(handle_stream(handle), waits);
}

static int stream_take(struct engine_handle *handle, struct engine_slice_at *slice_out)
{
	struct remote_message message;
	int r;

	r = remote_stream_take(handle_stream(handle), &message);
	if (r)
		return r == REMOTE_STREAM_ASK ? ENGINE_STREAM_ASK : r;
	*slice_out = (struct engine_slice_at){.offset = message.offset, .size = message.size};
	return 0;
}

static int stream_free(struct engine_handle *handle, const struct engine_slice_at *slice)
{
	const struct remote_message message = {.offset = slice->offset, .size = slice->size};

	return remote_stream_free(handle_stream(handle), &message);
}

static uint64_t stream_n_dropped(struct engine_handle *handle)
{
	struct remote_stream *stream = handle_stream(handle);
	uint64_t n = stream->n_dropped;

	stream->n_dropped = 0;
	return n;
}

static struct engine_kept_pool *stream_keep_pool(struct engine_handle *handle)
{
	struct remote_pool *pool = remote_handle(handle)->pool;

	pool->refcount++;
	return &pool->base;
}

static const struct engine_stream_ops remote_stream_ops = {
	.open = stream_open,
	.post = stream_post,
	.settle = stream_settle,
	.confirm = stream_confirm,
	.read = stream_read,
	.take = stream_take,
	.free = stream_free,
	.n_dropped = stream_n_dropped,
	.keep_pool = stream_keep_pool,
};

static const struct engine_transport_ops remote_transport_ops = {
	.free = remote_free,
	.open = remote_open,
	.close = remote_close,
	.command = remote_command,
	.map_pool = remote_map,
	.position = remote_position,
	.published = remote_published,
	.poll_fd = remote_poll_fd,
	.stream = &remote_stream_ops,
};

int engine_remote_open(const char *directory, const char *endpoint,
		       const struct engine_options *options, struct engine **engine_out)
{
	struct remote_transport *transport;

	transport = calloc(1, sizeof(*transport));
	if (!transport)
		return -ENOMEM;
	transport->directory = strdup(directory);
	if (!transport->directory) {
		free(transport);
		return -ENOMEM;
	}
	transport->base.ops = &remote_transport_ops;
	transport->base.has_strangers = true;
	transport->base.has_auxgroups = true;
	return engine_abi_open(&transport->base, endpoint, options, engine_out);
}
