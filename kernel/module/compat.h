/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What differs between the kernels that the module builds for
 *
 * The oldest is 6.1.  A test of the version stands only where a signature or the
 * type of a member has changed, which stable kernels do not take over.  Every
 * wrapper has the prefix compat_; nothing else of the module looks at the version.
 */
#ifndef KDBUS_MODULE_COMPAT_H
#define KDBUS_MODULE_COMPAT_H

#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/security.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "kdbus.ko needs Linux 6.1 or newer"
#endif

static inline void compat_vm_forbid_write(struct vm_area_struct *vma)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_clear(vma, VM_MAYWRITE);
#else
	vma->vm_flags &= ~VM_MAYWRITE;
#endif
}

static inline int compat_mmap(struct file *file, struct vm_area_struct *vma)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
	return vfs_mmap(file, vma);
#else
	return call_mmap(file, vma);
#endif
}

static inline void compat_inode_init_times(struct inode *inode)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	simple_inode_init_ts(inode);
#else
	inode->i_atime = current_time(inode);
	inode->i_mtime = inode->i_atime;
	inode->i_ctime = inode->i_atime;
#endif
}

/* the executable, with a reference, or NULL */
static inline struct file *compat_get_exe_file(struct mm_struct *mm)
{
	struct file *file;

	rcu_read_lock();
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	file = get_file_rcu(&mm->exe_file);
#else
	file = rcu_dereference(mm->exe_file);
	if (file && !get_file_rcu(file))
		file = NULL;
#endif
	rcu_read_unlock();
	return file;
}

/* a new descriptor for @file, which keeps its reference; asks the security modules */
static inline int compat_receive_fd(struct file *file)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	return receive_fd(file, NULL, O_CLOEXEC);
#else
	return receive_fd(file, O_CLOEXEC);
#endif
}

static inline void compat_set_dentry_ops(struct super_block *sb,
					 const struct dentry_operations *ops)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
	set_default_d_op(sb, ops);
#else
	sb->s_d_op = ops;
#endif
}

/* defines the operation d_revalidate as @name, by way of name_dentry(dentry, flags) */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
#define COMPAT_D_REVALIDATE(name)                                                                  \
	static int name(struct inode *dir, const struct qstr *qstr, struct dentry *dentry,         \
			unsigned int flags)                                                        \
	{                                                                                          \
		return name##_dentry(dentry, flags);                                               \
	}
#else
#define COMPAT_D_REVALIDATE(name)                                                                  \
	static int name(struct dentry *dentry, unsigned int flags)                                 \
	{                                                                                          \
		return name##_dentry(dentry, flags);                                               \
	}
#endif

/* the label of @cred in memory of its own; NULL if there is none */
static inline char *compat_dup_seclabel(const struct cred *cred)
{
	char *copy = NULL;
	u32 secid = 0;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
	struct lsm_context context;

	security_cred_getsecid(cred, &secid);
	if (security_secid_to_secctx(secid, &context) < 0)
		return NULL;
	if (context.len > 0)
		copy = kmemdup_nul(context.context, context.len, GFP_KERNEL_ACCOUNT);
	security_release_secctx(&context);
#else
	char *label;
	u32 size;

	security_cred_getsecid(cred, &secid);
	if (security_secid_to_secctx(secid, &label, &size) < 0)
		return NULL;
	if (size > 0)
		copy = kmemdup_nul(label, size, GFP_KERNEL_ACCOUNT);
	security_release_secctx(label, size);
#endif
	return copy;
}

#endif
