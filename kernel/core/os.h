/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the core takes from its surroundings
 *
 * The one place where the core names headers that are not its own.  All of them
 * are pure helpers: containers, reference counts, locks, memory, small integers
 * and strings.  In the kernel they are the kernel's; in userspace the files of
 * kernel/embedded/shim/linux/ stand in, with the same semantics.  Whatever needs
 * a task, a file, a clock or the memory of somebody else is in host.h.
 */
#ifndef KDBUS_OS_H
#define KDBUS_OS_H

#include <linux/atomic.h>
#include <linux/bug.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mempool.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/prefetch.h>
#include <linux/rbtree.h>
#include <linux/rwsem.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/uidgid.h>

#include <linux/kdbus.h>

/* offsets and sizes of items, slices and commands are multiples of this */
#define KDBUS_ALIGN8(size) ALIGN((u64)(size), 8)

#endif
