/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The core in this process
 *
 * A domain, the table of host operations, and handles.  Operations that concern a
 * connection go to the hooks if it is direct, and to its handle if not.
 *
 * A handle's eventfd is written when the core says that the connection can be
 * received from, and emptied when it no longer can.  The core says so once per
 * time that the queue was empty.
 */
#include "kernel/embedded/embedded.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "kernel/core/handle.h"
#include "kernel/core/pool.h"
#include "kernel/embedded/host.h"
#include "kernel/embedded/namespace.h"

struct kdbus_embedded {
	struct kdbus_host_ops ops;
	struct kdbus_embedded_hooks hooks;
	void *userdata;
	struct kdbus_domain *domain;
	struct kdbus_cred self;
	struct kdbus_embedded_cred self_more;
	gid_t *self_groups;
	struct embedded_namespaces *self_namespaces;
	struct embedded_ids ids;
};

struct kdbus_embedded_handle {
	struct embedded_caller caller;
	struct kdbus_cred cred;
	struct kdbus_embedded_cred more; /* .groups owned */
	struct kdbus_handle *handle;
	int fd;
	const void *pool;
	size_t pool_size;
};

static struct kdbus_embedded *to_embedded(const struct kdbus_bus *bus)
{
	return bus->domain->host_data;
}

/* host operations */

static void host_caller_cred(void *data, struct kdbus_cred *cred_out)
{
	const struct embedded_caller *caller = data;

	*cred_out = *caller->cred;
}

static bool host_cred_in_group(const struct kdbus_cred *cred, kgid_t gid)
{
	const struct kdbus_embedded_cred *more = cred->host;

	for (uint32_t i = 0; i < more->n_groups; i++)
		if (more->groups[i] == __kgid_val(gid))
			return true;
	return false;
}

static kuid_t host_uid_make(void *caller, u64 uid)
{
	return KUIDT_INIT(embedded_uid_make(embedded_caller_namespaces(caller), uid));
}

static kgid_t host_gid_make(void *caller, u64 gid)
{
	return KGIDT_INIT(embedded_gid_make(embedded_caller_namespaces(caller), gid));
}

static bool host_uid_number(const struct kdbus_domain *domain, kuid_t uid, u32 *number_out)
{
	*number_out = __kuid_val(uid);
	return true;
}

static u64 clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static void host_clock(u64 *monotonic_ns_out, u64 *realtime_ns_out)
{
	*monotonic_ns_out = clock_ns(CLOCK_MONOTONIC);
	*realtime_ns_out = clock_ns(CLOCK_REALTIME);
}

static void host_random(void *dst, size_t size)
{
	uint8_t *pos = dst;
	ssize_t n;

	while (size > 0) {
		n = getrandom(pos, size, 0);
		BUG_ON(n < 0 && errno != EINTR);
		if (n > 0) {
			pos += n;
			size -= n;
		}
	}
}

static void handle_signal(struct kdbus_embedded_handle *handle)
{
	uint64_t one = 1;

	/* can only fail when it is readable for long */
	if (write(handle->fd, &one, sizeof(one)) < 0)
		return;
}

static void host_conn_emptied(struct kdbus_conn *conn)
{
	struct kdbus_embedded_handle *handle =
		container_of(conn->host, struct kdbus_embedded_handle, caller);
	uint64_t count;

	/* another process finds out by itself */
	if (handle->fd < 0)
		return;
	/* the core says so once for each time that it said the opposite */
	if (handle->fd >= 0 && read(handle->fd, &count, sizeof(count)) < 0)
		return;
}

static void host_conn_wake(struct kdbus_conn *conn)
{
	struct embedded_caller *caller = conn->host;

	if (caller->process)
		caller->process->ops->wake(caller->process);
	else if (!embedded_caller_is_direct(caller))
		handle_signal(container_of(caller, struct kdbus_embedded_handle, caller));
	else if (to_embedded(conn->bus)->hooks.wake)
		to_embedded(conn->bus)->hooks.wake(conn);
}

static void host_conn_lost(struct kdbus_conn *conn, u64 src_id)
{
	struct embedded_caller *caller = conn->host;

	/* RECV tells it to the peer of a handle */
	if (embedded_caller_is_direct(caller) && to_embedded(conn->bus)->hooks.lost)
		to_embedded(conn->bus)->hooks.lost(conn, src_id);
}

static void host_deadline_changed(struct kdbus_bus *bus, u64 deadline_ns)
{
	struct kdbus_embedded *embedded = to_embedded(bus);

	if (embedded->hooks.deadline)
		embedded->hooks.deadline(embedded->userdata, bus, deadline_ns);
}

static int host_may_deliver(struct kdbus_conn *src, struct kdbus_conn *dst,
			    const struct kdbus_message *msg, bool is_reply)
{
	struct kdbus_embedded *embedded = to_embedded(src->bus);

	return embedded->hooks.may_deliver(embedded->userdata, src, dst, msg, is_reply);
}

static void host_broadcast_candidates(struct kdbus_bus *bus, const struct kdbus_message *msg,
				      struct kdbus_candidates *candidates)
{
	struct kdbus_embedded *embedded = to_embedded(bus);

	embedded->hooks.broadcast_candidates(embedded->userdata, bus, msg, candidates);
}

static void host_overheard(struct kdbus_bus *bus, const struct kdbus_message *msg,
			   const struct kdbus_conn *dst)
{
	struct kdbus_embedded *embedded = to_embedded(bus);

	embedded->hooks.overheard(embedded->userdata, bus, msg, dst);
}

static int host_may_move(struct kdbus_conn *src, struct kdbus_conn *dst,
			 const struct kdbus_queue_entry *entry)
{
	struct kdbus_embedded *embedded = to_embedded(src->bus);

	return embedded->hooks.may_move(embedded->userdata, src, dst, entry);
}

static bool host_is_told(const struct kdbus_conn *src)
{
	struct kdbus_embedded *embedded = to_embedded(src->bus);

	return embedded->hooks.is_told(embedded->userdata, src);
}

static void host_undelivered(struct kdbus_conn *src, struct kdbus_conn *dst,
			     const struct kdbus_queue_entry *entry, int error)
{
	struct kdbus_embedded *embedded = to_embedded(src->bus);

	embedded->hooks.undelivered(embedded->userdata, src, dst, entry, error);
}

static void host_taken(struct kdbus_conn *activator)
{
	struct embedded_caller *caller = activator->host;

	if (embedded_caller_is_direct(caller) && to_embedded(activator->bus)->hooks.taken)
		to_embedded(activator->bus)->hooks.taken(activator);
}

static const struct kdbus_host_ops embedded_ops = {
	.page_size = 4096,
	.user_read = embedded_user_read,
	.user_write = embedded_user_write,
	.caller_cred = host_caller_cred,
	.cred_in_group = host_cred_in_group,
	.payload_import = embedded_payload_import,
	.payload_get = embedded_payload_get,
	.payload_put = embedded_payload_put,
	.payload_copy = embedded_payload_copy,
	.payload_install = embedded_payload_install,
	.pool_create = embedded_pool_create,
	.pool_destroy = embedded_pool_destroy,
	.pool_write = embedded_pool_write,
	.pool_copy = embedded_pool_copy,
	.meta_capture = embedded_meta_capture,
	.meta_fake = embedded_meta_fake,
	.meta_free = embedded_meta_free,
	.meta_export = embedded_meta_export,
	.cancel_get = embedded_cancel_get,
	.cancel_put = embedded_cancel_put,
	.uid_make = host_uid_make,
	.gid_make = host_gid_make,
	.uid_number = host_uid_number,
	.clock = host_clock,
	.random = host_random,
	.conn_wake = host_conn_wake,
	.conn_emptied = host_conn_emptied,
	.conn_lost = host_conn_lost,
	.call_wake = embedded_call_wake,
	.deadline_changed = host_deadline_changed,
	.taken = host_taken,
};

/* domain */

static void cred_set(struct kdbus_cred *cred, const struct kdbus_embedded_cred *more)
{
	*cred = (struct kdbus_cred){
		.uid = KUIDT_INIT(more->uid),
		.euid = KUIDT_INIT(more->euid),
		.egid = KGIDT_INIT(more->egid),
		.privileged = more->is_privileged,
		.host = more,
	};
}

static int self_init(struct kdbus_embedded *embedded)
{
	struct kdbus_embedded_cred *more = &embedded->self_more;
	int n;

	n = getgroups(0, NULL);
	if (n < 0)
		return -errno;
	embedded->self_groups = kcalloc(n + 1, sizeof(gid_t), GFP_KERNEL_ACCOUNT);
	if (!embedded->self_groups)
		return -ENOMEM;
	n = getgroups(n, embedded->self_groups);
	if (n < 0)
		return -errno;
	*more = (struct kdbus_embedded_cred){
		.uid = getuid(),
		.euid = geteuid(),
		.gid = getgid(),
		.egid = getegid(),
		.is_privileged = true,
		.n_groups = n,
		.groups = embedded->self_groups,
	};
	cred_set(&embedded->self, more);
	return embedded_namespaces_self(&embedded->self_namespaces);
}

static void self_deinit(struct kdbus_embedded *embedded)
{
	embedded_ids_deinit(&embedded->ids);
	embedded_namespaces_put(embedded->self_namespaces);
	kfree(embedded->self_groups);
}

int kdbus_embedded_new(const struct kdbus_embedded_options *options,
		       struct kdbus_embedded **embedded_out)
{
	struct kdbus_embedded *embedded;
	int r;

	r = kdbus_core_init();
	if (r < 0)
		return r;
	embedded = kzalloc(sizeof(*embedded), GFP_KERNEL_ACCOUNT);
	if (!embedded) {
		r = -ENOMEM;
		goto exit_core;
	}
	embedded_ids_init(&embedded->ids);
	r = self_init(embedded);
	if (r < 0)
		goto exit_self;
	embedded->ops = embedded_ops;
	embedded->userdata = options->userdata;
	if (options->hooks)
		embedded->hooks = *options->hooks;
	if (options->reads_late)
		embedded->ops.payload_load = embedded_payload_load;
	if (embedded->hooks.may_deliver)
		embedded->ops.may_deliver = host_may_deliver;
	if (embedded->hooks.broadcast_candidates)
		embedded->ops.broadcast_candidates = host_broadcast_candidates;
	if (embedded->hooks.overheard)
		embedded->ops.overheard = host_overheard;
	if (embedded->hooks.may_move)
		embedded->ops.may_move = host_may_move;
	if (embedded->hooks.is_told)
		embedded->ops.is_told = host_is_told;
	if (embedded->hooks.undelivered)
		embedded->ops.undelivered = host_undelivered;
	r = kdbus_domain_new(&embedded->ops, embedded, options->limits, options->strict,
			     options->p1, &embedded->domain);
	if (r < 0)
		goto exit_self;
	*embedded_out = embedded;
	return 0;

exit_self:
	self_deinit(embedded);
	kfree(embedded);
exit_core:
	kdbus_core_exit();
	return r;
}

struct kdbus_embedded *kdbus_embedded_free(struct kdbus_embedded *embedded)
{
	if (!embedded)
		return NULL;
	kdbus_domain_kill(embedded->domain);
	kdbus_domain_unref(embedded->domain);
	self_deinit(embedded);
	kfree(embedded);
	kdbus_core_exit();
	return NULL;
}

struct kdbus_domain *kdbus_embedded_domain(struct kdbus_embedded *embedded)
{
	return embedded->domain;
}

const struct kdbus_cred *embedded_self_cred(struct kdbus_embedded *embedded)
{
	return &embedded->self;
}

struct embedded_ids *embedded_shared_ids(struct kdbus_embedded *embedded)
{
	return &embedded->ids;
}

struct embedded_namespaces *embedded_self_namespaces(const struct kdbus_embedded *embedded)
{
	return embedded->self_namespaces;
}

struct embedded_namespaces *embedded_caller_namespaces(const struct embedded_caller *caller)
{
	return caller->process ? caller->process->opener : caller->embedded->self_namespaces;
}

void kdbus_embedded_expire(struct kdbus_embedded *embedded, uint64_t now_ns)
{
	struct kdbus_bus *bus;
	u64 last_id = 0;

	/* ids grow along the list, which may change while no lock is held */
	do {
		struct kdbus_bus *next = NULL;

		mutex_lock(&embedded->domain->lock);
		list_for_each_entry(bus, &embedded->domain->buses, domain_link) {
			if (bus->id > last_id) {
				next = kdbus_bus_ref(bus);
				break;
			}
		}
		mutex_unlock(&embedded->domain->lock);
		bus = next;
		if (bus) {
			last_id = bus->id;
			kdbus_bus_expire(bus, now_ns);
			kdbus_bus_unref(bus);
		}
	} while (bus);
}

/* handles */

/* "<bus>/<endpoint>", or NULL for "control" */
static int find_endpoint(struct kdbus_embedded *embedded, const char *path,
			 struct kdbus_endpoint **ep_out)
{
	const char *slash = strchr(path, '/');
	struct kdbus_endpoint *ep = NULL;
	struct kdbus_bus *bus;
	char *name;

	if (!slash) {
		*ep_out = NULL;
		return strcmp(path, "control") == 0 ? 0 : -ENOENT;
	}
	name = kstrndup(path, slash - path, GFP_KERNEL_ACCOUNT);
	if (!name)
		return -ENOMEM;
	bus = kdbus_bus_find(embedded->domain, name);
	kfree(name);
	if (!bus)
		return -ENOENT;
	ep = kdbus_endpoint_find(bus, slash + 1);
	kdbus_bus_unref(bus);
	if (!ep)
		return -ENOENT;
	*ep_out = ep;
	return 0;
}

/* what the modes of the files say (reference 1.3) */
static bool may_open(const struct kdbus_endpoint *ep, const struct kdbus_cred *cred)
{
	if (!ep || cred->privileged || uid_eq(cred->euid, ep->owner_uid))
		return true;
	if (ep->flags & KDBUS_MAKE_ACCESS_WORLD)
		return true;
	return (ep->flags & KDBUS_MAKE_ACCESS_GROUP) &&
	       (gid_eq(cred->egid, ep->owner_gid) || host_cred_in_group(cred, ep->owner_gid));
}

static int handle_set_cred(struct kdbus_embedded_handle *handle,
			   const struct kdbus_embedded_cred *cred)
{
	handle->more = *cred;
	handle->more.groups = NULL;
	if (cred->n_groups > 0) {
		handle->more.groups = kmemdup(cred->groups, cred->n_groups * sizeof(*cred->groups),
					      GFP_KERNEL_ACCOUNT);
		if (!handle->more.groups)
			return -ENOMEM;
	}
	cred_set(&handle->cred, &handle->more);
	return 0;
}

int embedded_open_for(struct kdbus_embedded *embedded, const char *path,
		      const struct kdbus_embedded_cred *cred, struct embedded_process *process,
		      struct kdbus_embedded_handle **handle_out)
{
	struct kdbus_embedded_handle *handle;
	struct kdbus_endpoint *ep;
	int r;

	r = find_endpoint(embedded, path, &ep);
	if (r < 0)
		return r;
	handle = kzalloc(sizeof(*handle), GFP_KERNEL_ACCOUNT);
	if (!handle) {
		r = -ENOMEM;
		goto exit_ep;
	}
	handle->caller.embedded = embedded;
	handle->caller.process = process;
	handle->caller.cred = &handle->cred;
	r = handle_set_cred(handle, cred ?: &embedded->self_more);
	if (r < 0)
		goto exit_handle;
	if (!may_open(ep, &handle->cred)) {
		r = -EACCES;
		goto exit_groups;
	}
	handle->fd = process ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (handle->fd < 0 && !process) {
		r = -errno;
		goto exit_groups;
	}
	r = kdbus_handle_new(embedded->domain, ep, &handle->caller, &handle->cred, &handle->handle);
	if (r < 0)
		goto exit_fd;
	kdbus_endpoint_unref(ep);
	*handle_out = handle;
	return 0;

exit_fd:
	if (handle->fd >= 0)
		close(handle->fd);
exit_groups:
	kfree(handle->more.groups);
exit_handle:
	kfree(handle);
exit_ep:
	kdbus_endpoint_unref(ep);
	return r;
}

int kdbus_embedded_open(struct kdbus_embedded *embedded, const char *path,
			const struct kdbus_embedded_cred *cred,
			struct kdbus_embedded_handle **handle_out)
{
	return embedded_open_for(embedded, path, cred, NULL, handle_out);
}

struct kdbus_embedded_handle *kdbus_embedded_close(struct kdbus_embedded_handle *handle)
{
	if (!handle)
		return NULL;
	if (handle->pool)
		munmap((void *)handle->pool, handle->pool_size);
	kdbus_handle_free(handle->handle);
	if (handle->fd >= 0)
		close(handle->fd);
	kfree(handle->more.groups);
	kfree(handle);
	return NULL;
}

int embedded_command_at(struct kdbus_embedded_handle *handle, unsigned long nr, u64 address)
{
	if (nr > UINT32_MAX)
		return -ENOTTY;
	return kdbus_handle_command(handle->handle, nr, address);
}

int embedded_start_at(struct kdbus_embedded_handle *handle, unsigned long nr, u64 address,
		      struct embedded_waiter *waiter, struct kdbus_call **call_out)
{
	if (nr > UINT32_MAX)
		return -ENOTTY;
	return kdbus_handle_start(handle->handle, nr, address, waiter, call_out);
}

int embedded_end(struct kdbus_embedded_handle *handle, struct kdbus_call *call, int error)
{
	return kdbus_handle_end(handle->handle, call, error);
}

struct kdbus_conn *embedded_handle_conn(struct kdbus_embedded_handle *handle)
{
	return kdbus_handle_state(handle->handle) == KDBUS_HANDLE_CONNECTED ? handle->handle->conn
									    : NULL;
}

struct kdbus_endpoint *embedded_handle_endpoint(struct kdbus_embedded_handle *handle)
{
	return kdbus_handle_state(handle->handle) == KDBUS_HANDLE_ENDPOINT_OWNER
		       ? handle->handle->ep
		       : NULL;
}

int kdbus_embedded_pool(struct kdbus_embedded_handle *handle, const void **address_out,
			size_t *size_out)
{
	int r;

	if (kdbus_handle_state(handle->handle) != KDBUS_HANDLE_CONNECTED)
		return -EBADFD;
	if (!handle->pool) {
		r = embedded_pool_map(handle->handle->conn->pool->memory, &handle->pool,
				      &handle->pool_size);
		if (r < 0)
			return r;
	}
	*address_out = handle->pool;
	*size_out = handle->pool_size;
	return 0;
}

int kdbus_embedded_mmap(struct kdbus_embedded_handle *handle, size_t length, int prot, int flags,
			uint64_t offset, void **address_out)
{
	const struct kdbus_conn *conn;

	if (kdbus_handle_state(handle->handle) != KDBUS_HANDLE_CONNECTED)
		return -EBADFD;
	conn = handle->handle->conn;
	if (prot & PROT_WRITE)
		return -EPERM;
	if (ALIGN((u64)length, to_embedded(conn->bus)->ops.page_size) > conn->pool_size)
		return -EFAULT;
	return embedded_pool_mmap(conn->pool->memory, length, prot, flags, offset, address_out);
}

void kdbus_embedded_set_attach_mask(struct kdbus_embedded *embedded, uint64_t mask)
{
	WRITE_ONCE(embedded->domain->attach_mask, mask);
}

int kdbus_embedded_fd(const struct kdbus_embedded_handle *handle)
{
	return handle->fd;
}

short kdbus_embedded_poll(struct kdbus_embedded_handle *handle)
{
	unsigned int poll = kdbus_handle_poll(handle->handle);
	short events = 0;

	if (poll & KDBUS_POLL_HANGUP)
		events |= POLLERR | POLLHUP;
	if (poll & KDBUS_POLL_WRITABLE)
		events |= POLLOUT | POLLWRNORM;
	if (poll & KDBUS_POLL_READABLE)
		events |= POLLIN | POLLRDNORM;
	return events;
}

struct kdbus_bus *kdbus_embedded_bus(struct kdbus_embedded_handle *handle)
{
	switch (kdbus_handle_state(handle->handle)) {
	case KDBUS_HANDLE_BUS_OWNER:
		return handle->handle->bus;
	case KDBUS_HANDLE_CONNECTED:
		return handle->handle->conn->bus;
	default:
		return NULL;
	}
}
