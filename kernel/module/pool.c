// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Memory of a pool: a shmem file
 *
 * It is filled page by page through the page cache, and its peer maps it for
 * reading; there is no descriptor for it.  Seals keep everybody from changing its
 * size or writing to it, whatever way to the file somebody with privileges may
 * find.  Pages come into being when they are written first, and are charged to
 * the memory cgroup of who sends.
 */
#include <linux/fs_struct.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/pid_namespace.h>
#include <linux/shmem_fs.h>

#include "kernel/module/compat.h"
#include "kernel/module/module.h"

/* shmem says that there is no space when there is no memory for an inode or a page of it */
static int pool_error(long error)
{
	return error == -ENOSPC ? -ENOMEM : error;
}

int kdbusfs_pool_create(void *caller, u64 size, const char *description, void **pool_out)
{
	struct kdbus_file *self = caller;
	struct pid_namespace *pid_ns;
	struct path root;
	struct file *file;
	char *name;

	if (size > MAX_LFS_FILESIZE)
		return -EINVAL;
	name = kasprintf(GFP_KERNEL_ACCOUNT, "kdbus-conn%s%s", description ? ":" : "",
			 description ?: "");
	if (!name)
		return -ENOMEM;
	file = shmem_file_setup(name, size, VM_NORESERVE);
	kfree(name);
	if (IS_ERR(file))
		return pool_error(PTR_ERR(file));
	SHMEM_I(file_inode(file))->seals =
		F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE;

	/* a pool is made by HELLO, one at a time, and before anybody sees the connection */
	pid_ns = self->pid_ns;
	self->pid_ns = get_pid_ns(task_active_pid_ns(current));
	if (pid_ns)
		put_pid_ns(pid_ns);
	root = self->root;
	get_fs_root(current->fs, &self->root);
	path_put(&root);

	*pool_out = file;
	return 0;
}

void kdbusfs_pool_destroy(void *pool)
{
	fput(pool);
}

static struct page *pool_page(struct file *pool, u64 offset)
{
	return shmem_read_mapping_page(pool->f_mapping, offset >> PAGE_SHIFT);
}

int kdbusfs_pool_write(void *pool, u64 offset, const void *src, size_t size)
{
	struct page *page;
	size_t start, n;
	char *address;

	while (size > 0) {
		start = offset_in_page(offset);
		n = min_t(size_t, size, PAGE_SIZE - start);
		page = pool_page(pool, offset);
		if (IS_ERR(page))
			return pool_error(PTR_ERR(page));
		address = kmap_local_page(page);
		memcpy(address + start, src, n);
		kunmap_local(address);
		flush_dcache_page(page);
		set_page_dirty(page);
		put_page(page);

		offset += n;
		src += n;
		size -= n;
		/* whoever is being killed has to tell others of it: there is no way out here */
		cond_resched();
	}
	return 0;
}

int kdbusfs_pool_read(void *pool, u64 offset, u64 address, u64 size)
{
	size_t start, n, n_left;
	struct page *page;
	char *dst;

	while (size > 0) {
		start = offset_in_page(offset);
		n = min_t(u64, size, PAGE_SIZE - start);
		page = pool_page(pool, offset);
		if (IS_ERR(page))
			return pool_error(PTR_ERR(page));
		/* a fault may need the lock of any page, even of this one: it is not held */
		dst = kmap_local_page(page);
		n_left = copy_from_user(dst + start, u64_to_user_ptr(address), n);
		kunmap_local(dst);
		flush_dcache_page(page);
		set_page_dirty(page);
		put_page(page);
		if (fatal_signal_pending(current))
			return -EINTR;
		if (n_left > 0)
			return -EFAULT;

		offset += n;
		address += n;
		size -= n;
		cond_resched();
	}
	return 0;
}

int kdbusfs_pool_copy(void *pool, u64 offset, void *src_pool, u64 src_offset, size_t size)
{
	struct page *page;
	char *address;
	size_t start, n;
	int r;

	while (size > 0) {
		start = offset_in_page(src_offset);
		n = min_t(size_t, size, PAGE_SIZE - start);
		page = pool_page(src_pool, src_offset);
		if (IS_ERR(page))
			return pool_error(PTR_ERR(page));
		address = kmap_local_page(page);
		r = kdbusfs_pool_write(pool, offset, address + start, n);
		kunmap_local(address);
		put_page(page);
		if (r < 0)
			return r;

		offset += n;
		src_offset += n;
		size -= n;
	}
	return 0;
}

int kdbusfs_pool_mmap(void *data, struct vm_area_struct *vma)
{
	struct file *pool = data;

	if (vma->vm_flags & VM_WRITE)
		return -EPERM;
	if (vma->vm_end - vma->vm_start > i_size_read(file_inode(pool)))
		return -EFAULT;
	compat_vm_forbid_write(vma);
	vma_set_file(vma, pool);
	return compat_mmap(pool, vma);
}
