/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* "embedded:pool": the ABI carrier over the bus in this process
 *
 * A call into the embedded host in place of an ioctl, and nothing else: so that
 * everything above the seam can be tested on what the ABI gives, without a
 * module.
 */
#include <errno.h>
#include <stdlib.h>

#include "kernel/core/domain.h"
#include "kernel/embedded/embedded.h"
#include "kernel/engine/engine-carrier.h"
#include "kernel/engine/engine-transport.h"

/**
 * struct pool_transport - the bus in this process
 * @base: what the ABI carrier knows
 * @embedded: the domain, owned
 * @host: whom to tell of deadlines; NULL: nobody
 */
struct pool_transport {
	struct engine_transport base;
	struct kdbus_embedded *embedded;
	const struct engine_host *host;
};

static struct pool_transport *pool_transport(struct engine_transport *base)
{
	return container_of(base, struct pool_transport, base);
}

static struct kdbus_embedded_handle *embedded_handle(struct engine_handle *handle)
{
	return (struct kdbus_embedded_handle *)handle;
}

static void pool_free(struct engine_transport *base)
{
	struct pool_transport *transport = pool_transport(base);

	kdbus_embedded_free(transport->embedded);
	free(transport);
}

static int pool_set_limits(struct engine_transport *base, const struct engine_limits *limits)
{
	engine_limits_apply(limits, kdbus_embedded_domain(pool_transport(base)->embedded));
	return 0;
}

static void pool_expire(struct engine_transport *base, uint64_t now_ns)
{
	kdbus_embedded_expire(pool_transport(base)->embedded, now_ns);
}

static void pool_deadline(void *userdata, struct kdbus_bus *bus, uint64_t deadline_ns)
{
	const struct engine_host *host = ((struct pool_transport *)userdata)->host;

	if (host && host->deadline)
		host->deadline(host->userdata, deadline_ns);
}

static int pool_open(struct engine_transport *base, const char *node,
		     struct engine_handle **handle_out)
{
	return kdbus_embedded_open(pool_transport(base)->embedded, node, NULL,
				   (struct kdbus_embedded_handle **)handle_out);
}

static void pool_close(struct engine_handle *handle)
{
	kdbus_embedded_close(embedded_handle(handle));
}

static int pool_command(struct engine_handle *handle, unsigned long nr, void *cmd)
{
	return kdbus_embedded_command(embedded_handle(handle), nr, cmd);
}

static int pool_map(struct engine_handle *handle, size_t size, const void **address_out)
{
	const void *address;
	size_t mapped;
	int r;

	r = kdbus_embedded_pool(embedded_handle(handle), &address, &mapped);
	if (r < 0)
		return r;
	if (mapped < size)
		return -EBADFD;
	*address_out = address;
	return 0;
}

static int pool_poll_fd(struct engine_handle *handle)
{
	return kdbus_embedded_fd(embedded_handle(handle));
}

static const struct engine_transport_ops pool_transport_ops = {
	.free = pool_free,
	.set_limits = pool_set_limits,
	.expire = pool_expire,
	.open = pool_open,
	.close = pool_close,
	.command = pool_command,
	.map_pool = pool_map,
	.poll_fd = pool_poll_fd,
};

int engine_pool_open(const struct engine_options *options, struct engine **engine_out)
{
	static const struct kdbus_embedded_hooks hooks = { .deadline = pool_deadline };
	struct kdbus_embedded_options embedded_options = {
		.strict = options->strict,
		.hooks = &hooks,
	};
	struct pool_transport *transport;
	int r;

	transport = calloc(1, sizeof(*transport));
	if (!transport)
		return -ENOMEM;
	transport->base.ops = &pool_transport_ops;
	transport->base.id_offset = options->strict ? 0 : 1;
	transport->base.has_auxgroups = !options->strict;
	transport->host = options->host;
	embedded_options.userdata = transport;
	r = kdbus_embedded_new(&embedded_options, &transport->embedded);
	if (r < 0) {
		free(transport);
		return r;
	}
	engine_limits_apply(&options->limits, kdbus_embedded_domain(transport->embedded));
	return engine_abi_open(&transport->base, NULL, options, engine_out);
}
