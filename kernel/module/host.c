// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The table of host operations, and those that are small
 *
 * One delayed work per mount serves the deadlines of all its buses: it is due when
 * the earliest one is, looks at every bus, and finds out when it is due next.  A
 * bus says when its earliest deadline changes, with a lock held; so that only
 * makes the work come earlier.
 */
#include <linux/file.h>
#include <linux/jiffies.h>
#include <linux/poll.h>
#include <linux/random.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>
#include <linux/user_namespace.h>

#include "kernel/core/bus.h"
#include "kernel/module/module.h"

/* deadlines beyond are looked at anew when that much time is over */
#define EXPIRE_MAX_NS (3600ULL * NSEC_PER_SEC)

static int host_user_read(void *caller, void *dst, u64 address, size_t size)
{
	if (address > ULONG_MAX)
		return -EFAULT;
	return copy_from_user(dst, u64_to_user_ptr(address), size) ? -EFAULT : 0;
}

static int host_user_write(void *caller, u64 address, const void *src, size_t size)
{
	if (address > ULONG_MAX)
		return -EFAULT;
	return copy_to_user(u64_to_user_ptr(address), src, size) ? -EFAULT : 0;
}

void kdbusfs_cred(const struct kdbus_fs *fs, const struct cred *opener, struct kdbus_cred *cred_out)
{
	*cred_out = (struct kdbus_cred){
		.uid = opener->uid,
		.euid = opener->euid,
		.egid = opener->egid,
		.privileged = ns_capable_noaudit(fs->user_ns, CAP_IPC_OWNER),
		.host = opener,
	};
}

static void host_caller_cred(void *caller, struct kdbus_cred *cred_out)
{
	struct kdbus_file *self = caller;
	enum kdbus_handle_state state = kdbus_handle_state(self->handle);
	const struct cred *old = self->setup_cred;

	kdbusfs_cred(self->fs, current_cred(), cred_out);
	/* setup commands run one at a time, and what they find out may stay */
	if (state == KDBUS_HANDLE_CONTROL || state == KDBUS_HANDLE_ENDPOINT) {
		self->setup_cred = get_current_cred();
		put_cred(old);
	}
}

static bool host_cred_in_group(const struct kdbus_cred *cred, kgid_t gid)
{
	const struct group_info *groups = ((const struct cred *)cred->host)->group_info;
	int i;

	for (i = 0; i < groups->ngroups; i++) {
		if (gid_eq(groups->gid[i], gid))
			return true;
	}
	return false;
}

static int host_cancel_get(void *caller, s32 fd, void **cancel_out)
{
	struct file *file = fd < 0 ? NULL : fget(fd);

	if (!file)
		return -EBADF;
	if (!file_can_poll(file)) {
		fput(file);
		return -EINVAL;
	}
	*cancel_out = file;
	return 0;
}

static void host_cancel_put(void *cancel)
{
	fput(cancel);
}

static kuid_t host_uid_make(void *caller, u64 uid)
{
	return uid < U32_MAX ? make_kuid(current_user_ns(), uid) : INVALID_UID;
}

static kgid_t host_gid_make(void *caller, u64 gid)
{
	return gid < U32_MAX ? make_kgid(current_user_ns(), gid) : INVALID_GID;
}

static bool host_uid_number(const struct kdbus_domain *domain, kuid_t uid, u32 *number_out)
{
	const struct kdbus_fs *fs = domain->host_data;
	uid_t number = from_kuid(fs->user_ns, uid);

	if (number == (uid_t)-1)
		return false;
	*number_out = number;
	return true;
}

static void host_clock(u64 *monotonic_ns_out, u64 *realtime_ns_out)
{
	*monotonic_ns_out = ktime_get_ns();
	*realtime_ns_out = ktime_get_real_ns();
}

static void host_random(void *dst, size_t size)
{
	get_random_bytes(dst, size);
}

static void host_conn_wake(struct kdbus_conn *conn)
{
	struct kdbus_file *self = conn->host;

	wake_up_poll(&self->wait, EPOLLIN | EPOLLRDNORM | EPOLLERR | EPOLLHUP);
}

/* poll() asks for the state */
static void host_conn_emptied(struct kdbus_conn *conn)
{
}

/* RECV tells */
static void host_conn_lost(struct kdbus_conn *conn, u64 src_id)
{
}

static unsigned long delay_until(u64 deadline_ns)
{
	u64 now = ktime_get_ns();

	if (deadline_ns <= now)
		return 0;
	/* not before it: rounded up, and one for the tick that has begun */
	return nsecs_to_jiffies(min_t(u64, deadline_ns - now, EXPIRE_MAX_NS)) + 1;
}

/* the work shall run no later than that */
static void expire_want(struct kdbus_fs *fs, u64 deadline_ns)
{
	spin_lock(&fs->due_lock);
	if (deadline_ns < fs->due_ns) {
		fs->due_ns = deadline_ns;
		mod_delayed_work(system_unbound_wq, &fs->expire, delay_until(deadline_ns));
	}
	spin_unlock(&fs->due_lock);
}

static void host_deadline_changed(struct kdbus_bus *bus, u64 deadline_ns)
{
	expire_want(bus->domain->host_data, deadline_ns);
}

/* the next bus after the one with number @id; a reference, or NULL */
static struct kdbus_bus *next_bus(struct kdbus_domain *domain, u64 id)
{
	struct kdbus_bus *bus, *next = NULL;

	mutex_lock(&domain->lock);
	/* numbers grow along the list */
	list_for_each_entry(bus, &domain->buses, domain_link) {
		if (bus->id > id) {
			next = kdbus_bus_ref(bus);
			break;
		}
	}
	mutex_unlock(&domain->lock);
	return next;
}

void kdbusfs_expire(struct work_struct *work)
{
	struct kdbus_fs *fs = container_of(to_delayed_work(work), struct kdbus_fs, expire);
	u64 id = 0, deadline = U64_MAX, now = ktime_get_ns();
	struct kdbus_bus *bus;

	spin_lock(&fs->due_lock);
	fs->due_ns = U64_MAX;
	spin_unlock(&fs->due_lock);
	while ((bus = next_bus(fs->domain, id))) {
		id = bus->id;
		kdbus_bus_expire(bus, now);
		mutex_lock(&bus->reply_lock);
		deadline = min(deadline, bus->next_deadline);
		mutex_unlock(&bus->reply_lock);
		kdbus_bus_unref(bus);
	}
	expire_want(fs, deadline);
}

const struct kdbus_host_ops kdbusfs_host_ops = {
	.page_size = PAGE_SIZE,
	.user_read = host_user_read,
	.user_write = host_user_write,
	.caller_cred = host_caller_cred,
	.cred_in_group = host_cred_in_group,
	.payload_import = kdbusfs_payload_import,
	.payload_load = kdbusfs_payload_load,
	.payload_get = kdbusfs_payload_get,
	.payload_put = kdbusfs_payload_put,
	.payload_copy = kdbusfs_payload_copy,
	.payload_install = kdbusfs_payload_install,
	.pool_create = kdbusfs_pool_create,
	.pool_destroy = kdbusfs_pool_destroy,
	.pool_write = kdbusfs_pool_write,
	.pool_copy = kdbusfs_pool_copy,
	.meta_capture = kdbusfs_meta_capture,
	.meta_fake = kdbusfs_meta_fake,
	.meta_free = kdbusfs_meta_free,
	.meta_export = kdbusfs_meta_export,
	.cancel_get = host_cancel_get,
	.cancel_put = host_cancel_put,
	.uid_make = host_uid_make,
	.gid_make = host_gid_make,
	.uid_number = host_uid_number,
	.clock = host_clock,
	.random = host_random,
	.conn_wake = host_conn_wake,
	.conn_emptied = host_conn_emptied,
	.conn_lost = host_conn_lost,
	.call_wake = kdbusfs_call_wake,
	.deadline_changed = host_deadline_changed,
};
