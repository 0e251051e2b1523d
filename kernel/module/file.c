// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Open nodes
 *
 * A file is a handle of the core.  Commands go to it as they come: all numbers are
 * of 64 bits, so that programs of 32 use the same structs.
 *
 * A synchronous SEND waits here, for its reply, its file to cancel it, a signal,
 * or its deadline:
 *
 *	KDBUS_CALL_WAITS --woken, cancelled, too late--> ended
 *	        |  \--signal--> -ERESTARTSYS, the call stays open
 *	        \--------------- the same command again --/
 *
 * The restarted command finds its call by its cookie, and waits again.
 */
#include <linux/compat.h>
#include <linux/hrtimer.h>
#include <linux/pid_namespace.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>

#include "kernel/core/pool.h"
#include "kernel/module/module.h"

/**
 * struct call_waiter - a task that waits for a reply
 * @wait: where
 * @is_over: the core says that there is something to see
 */
struct call_waiter {
	wait_queue_head_t wait;
	bool is_over;
};

/* under bus.reply_lock, which kdbus_handle_end() takes too: the waiter is still there */
void kdbusfs_call_wake(void *data)
{
	struct call_waiter *waiter = data;

	WRITE_ONCE(waiter->is_over, true);
	wake_up(&waiter->wait);
}

static int file_open(struct inode *inode, struct file *file)
{
	struct kdbus_fs *fs = inode->i_sb->s_fs_info;
	struct kdbus_file *self;
	int r;

	self = kzalloc(sizeof(*self), GFP_KERNEL_ACCOUNT);
	if (!self)
		return -ENOMEM;
	self->fs = fs;
	self->opener = file->f_cred;
	init_waitqueue_head(&self->wait);
	kdbusfs_cred(fs, self->opener, &self->cred);
	r = kdbus_handle_new(fs->domain, inode->i_private, self, &self->cred, &self->handle);
	if (r < 0) {
		kfree(self);
		return r;
	}
	file->private_data = self;
	return 0;
}

static int file_release(struct inode *inode, struct file *file)
{
	struct kdbus_file *self = file->private_data;

	kdbus_handle_free(self->handle);
	put_cred(self->setup_cred);
	if (self->pid_ns)
		put_pid_ns(self->pid_ns);
	path_put(&self->root);
	kfree(self);
	return 0;
}

/* what kdbus_handle_end() shall be told, or 1: nothing has happened yet */
static int call_look(struct call_waiter *waiter, struct file *cancel)
{
	if (READ_ONCE(waiter->is_over))
		return 0;
	if (cancel && (vfs_poll(cancel, NULL) & EPOLLIN))
		return -ECANCELED;
	if (signal_pending(current))
		return -ERESTARTSYS;
	return 1;
}

static int call_wait(struct file *file, struct call_waiter *waiter, const struct kdbus_call *call)
{
	ktime_t deadline = ns_to_ktime(min_t(u64, call->deadline_ns, KTIME_MAX));
	struct file *cancel = call->cancel;
	struct poll_wqueues table;
	bool is_late = false;
	int r;

	/* wakes this task whenever either of the two may have something to say */
	poll_initwait(&table);
	poll_wait(file, &waiter->wait, &table.pt);
	if (cancel)
		vfs_poll(cancel, &table.pt);
	for (;;) {
		r = call_look(waiter, cancel);
		if (r <= 0)
			break;
		if (is_late) {
			r = -ETIMEDOUT;
			break;
		}
		set_current_state(TASK_INTERRUPTIBLE);
		if (!table.triggered)
			is_late = !schedule_hrtimeout_range(&deadline, 0, HRTIMER_MODE_ABS);
		__set_current_state(TASK_RUNNING);
		/* what wakes up after this is seen next time, what did before it is looked at now
		 */
		smp_store_mb(table.triggered, 0);
	}
	poll_freewait(&table);
	return r;
}

static long file_ioctl(struct file *file, unsigned int nr, unsigned long address)
{
	struct kdbus_file *self = file->private_data;
	struct call_waiter waiter = {};
	struct kdbus_call *call;
	int r;

	init_waitqueue_head(&waiter.wait);
	r = kdbus_handle_start(self->handle, nr, address, &waiter, &call);
	if (r == KDBUS_CALL_WAITS)
		r = kdbus_handle_end(self->handle, call, call_wait(file, &waiter, call));
	return r;
}

static __poll_t file_poll(struct file *file, poll_table *table)
{
	struct kdbus_file *self = file->private_data;
	unsigned int state;
	__poll_t events = 0;

	poll_wait(file, &self->wait, table);
	state = kdbus_handle_poll(self->handle);
	if (state & KDBUS_POLL_READABLE)
		events |= EPOLLIN | EPOLLRDNORM;
	if (state & KDBUS_POLL_WRITABLE)
		events |= EPOLLOUT | EPOLLWRNORM;
	if (state & KDBUS_POLL_HANGUP)
		events |= EPOLLERR | EPOLLHUP;
	return events;
}

static int file_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct kdbus_file *self = file->private_data;

	if (kdbus_handle_state(self->handle) != KDBUS_HANDLE_CONNECTED)
		return -EBADFD;
	return kdbusfs_pool_mmap(self->handle->conn->pool->memory, vma);
}

const struct file_operations kdbusfs_file_ops = {
	.owner = THIS_MODULE,
	.open = file_open,
	.release = file_release,
	.unlocked_ioctl = file_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.poll = file_poll,
	.mmap = file_mmap,
	.llseek = noop_llseek,
};
