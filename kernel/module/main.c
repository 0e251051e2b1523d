// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * kdbus.ko
 *
 * The core of kernel/core with the kernel as its host: the file system type
 * kdbusfs, each mount of which is a domain, and /sys/fs/kdbus to mount one at.
 * The module exports no symbol.
 *
 *	fs.c		superblock, mount options, directories
 *	file.c		open nodes: ioctl, poll, mmap, waiting for a reply
 *	host.c		the table of host operations, and the small ones
 *	payload.c	what a message carries: bytes, files
 *	pool.c		memory that is mapped by its peer
 *	meta.c		who a task is, to whom
 *	compat.h	what differs between kernels
 *
 * The core has one set of caches, which lives as long as the module; that is
 * pinned by each mount and each open file.
 */
#include <linux/init.h>
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sysfs.h>

#include "kernel/module/module.h"

static u64 attach_flags_mask = KDBUS_ATTACH_MASK_DEFAULT;

static int attach_flags_mask_set(const char *value, const struct kernel_param *param)
{
	unsigned long long mask;
	int r;

	r = kstrtoull(value, 0, &mask);
	if (r < 0)
		return r;
	if (mask == _KDBUS_ATTACH_ANY)
		mask = _KDBUS_ATTACH_ALL;
	if (mask & ~(unsigned long long)_KDBUS_ATTACH_ALL)
		return -EINVAL;
	WRITE_ONCE(attach_flags_mask, mask);
	kdbusfs_set_attach_mask(mask);
	return 0;
}

static int attach_flags_mask_get(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%llu\n", (unsigned long long)READ_ONCE(attach_flags_mask));
}

static const struct kernel_param_ops attach_flags_mask_ops = {
	.set = attach_flags_mask_set,
	.get = attach_flags_mask_get,
};
module_param_cb(attach_flags_mask, &attach_flags_mask_ops, NULL, 0644);
MODULE_PARM_DESC(attach_flags_mask, "Metadata that leaves a domain mounted with p1");

static int __init kdbus_init(void)
{
	int r;

	r = kdbus_core_init();
	if (r < 0)
		return r;
	kdbusfs_set_attach_mask(attach_flags_mask);
	r = sysfs_create_mount_point(fs_kobj, "kdbus");
	if (r < 0)
		goto exit_core;
	r = register_filesystem(&kdbusfs_type);
	if (r < 0)
		goto exit_mount_point;
	return 0;

exit_mount_point:
	sysfs_remove_mount_point(fs_kobj, "kdbus");
exit_core:
	kdbus_core_exit();
	return r;
}

static void __exit kdbus_exit(void)
{
	unregister_filesystem(&kdbusfs_type);
	sysfs_remove_mount_point(fs_kobj, "kdbus");
	kdbus_core_exit();
}

module_init(kdbus_init);
module_exit(kdbus_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("D-Bus message transport");
MODULE_ALIAS_FS("kdbusfs");
