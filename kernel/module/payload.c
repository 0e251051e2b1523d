// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Payload of messages
 *
 * SEND takes hold of the files of a message before it looks for the receiver.  Bytes stay
 * with their sender until it is known whose they will be, and are copied straight to
 * that pool.  Those of a broadcast, of which many have to get the same, go to memory of the
 * kernel first, which is charged to the sender's memory cgroup, and from there to the pools.
 *
 * Either way no lock is held while memory of the sender is read, which may take for ever if its
 * faults are served by another process: that stalls the sender alone, and a fatal signal
 * ends it.  All is read once.
 */
#include <linux/file.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/net.h>
#include <linux/refcount.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/socket.h>
#include <linux/uaccess.h>
#include <net/sock.h>

#include "kernel/module/compat.h"
#include "kernel/module/module.h"

#define SEALS_NEEDED (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

/* what is not copied to a pool at once: more does not fit the share of one user in any pool that
 * makes sense
 */
#define IMAGE_MAX (256UL << 20)

/* so many bytes are copied between two looks for a signal */
#define CHUNK (1UL << 20)

/**
 * struct kdbus_payload - what a message carries
 * @refcount: the message, and each receiver who needs the files
 * @is_faulty: bytes could not be read
 * @size: bytes of @image
 * @image: see payload_copy() in kernel/core/host.h; NULL while the bytes are with their sender, and
 *	if they have gone to a pool
 * @n_memfds: number of @memfds
 * @n_fds: number of @fds
 * @fds: what other descriptors stand for, behind @memfds
 * @memfds: the sealed memory files, in order
 */
struct kdbus_payload {
	refcount_t refcount;
	bool is_faulty;
	size_t size;
	u8 *image;
	size_t n_memfds;
	size_t n_fds;
	struct file **fds;
	struct file *memfds[];
};

static void payload_free(struct kdbus_payload *payload)
{
	size_t i;

	for (i = 0; i < payload->n_memfds; i++)
		fput(payload->memfds[i]);
	for (i = 0; i < payload->n_fds; i++)
		fput(payload->fds[i]);
	kvfree(payload->image);
	kfree(payload);
}

/* reference 3.12 row 18 */
static int import_memfd(const struct kdbus_file *self, const struct kdbus_part *part,
			struct kdbus_payload *payload)
{
	struct file *file;
	int r = 0;

	file = fget(part->fd);
	if (!file)
		return -EBADF;
	if (!shmem_mapping(file->f_mapping))
		r = -EMEDIUMTYPE;
	else if ((READ_ONCE(SHMEM_I(file_inode(file))->seals) & SEALS_NEEDED) != SEALS_NEEDED)
		r = -ETXTBSY;
	else if (part->start + part->size > i_size_read(file_inode(file)))
		r = self->fs->domain->is_p1 ? -EBADF : -EFAULT;
	if (r < 0) {
		fput(file);
		return r;
	}
	payload->memfds[payload->n_memfds++] = file;
	return 0;
}

/* a file of io_uring keeps those that were registered with it; nothing else tells that it is one */
static bool file_is_uring(const struct file *file)
{
	const struct dentry *dentry = file->f_path.dentry;

	return dentry->d_sb->s_magic == ANON_INODE_FS_MAGIC &&
	       strcmp(dentry->d_name.name, "[io_uring]") == 0;
}

/* what may hold descriptors that hold it: nobody would ever free such a ring */
static bool file_is_refused(struct file *file)
{
	struct socket *sock;

	if (file->f_mode & FMODE_PATH)
		return false;
	if (file->f_op == &kdbusfs_file_ops || file_is_uring(file))
		return true;
	sock = sock_from_file(file);
	return sock && sock->ops->family == PF_UNIX;
}

static int import_fds(const struct kdbus_part *part, struct kdbus_payload *payload)
{
	struct file *file;
	u32 i;

	for (i = 0; i < part->n_fds; i++) {
		file = part->fds[i] < 0 ? NULL : fget_raw(part->fds[i]);
		if (!file)
			return -EBADF;
		if (file_is_refused(file)) {
			fput(file);
			return -EOPNOTSUPP;
		}
		payload->fds[payload->n_fds++] = file;
	}
	return 0;
}

/* to memory of the kernel */
static int read_bytes(u8 *dst, u64 address, u64 left)
{
	size_t n;

	while (left > 0) {
		n = min_t(u64, left, CHUNK);
		if (copy_from_user(dst, u64_to_user_ptr(address), n))
			return fatal_signal_pending(current) ? -EINTR : -EFAULT;
		if (fatal_signal_pending(current))
			return -EINTR;
		dst += n;
		address += n;
		left -= n;
		cond_resched();
	}
	return 0;
}

static int read_part(const struct kdbus_part *part, void *pool, u64 offset, u8 *image)
{
	static const u8 zeros[8];
	u64 size = kdbus_part_image_size(part);

	if (part->type != KDBUS_PART_BYTES) {
		if (pool)
			return kdbusfs_pool_write(pool, offset, zeros, size);
		memset(image, 0, size);
		return 0;
	}
	if (part->address > ULONG_MAX)
		return -EFAULT;
	if (pool)
		return kdbusfs_pool_read(pool, offset, part->address, size);
	return read_bytes(image, part->address, size);
}

/* the bytes of all parts, to a pool, or to @image */
static int read_parts(const struct kdbus_part *parts, size_t n_parts, void *pool, u64 offset,
		      u8 *image)
{
	size_t i, pos = 0;
	int r;

	for (i = 0; i < n_parts; i++) {
		/* of descriptors there is nothing */
		if (!kdbus_part_image_size(&parts[i]))
			continue;
		r = read_part(&parts[i], pool, offset + pos, image ? image + pos : NULL);
		if (r < 0)
			return r;
		pos += kdbus_part_image_size(&parts[i]);
	}
	return 0;
}

static int payload_read_image(struct kdbus_payload *payload, const struct kdbus_part *parts,
			      size_t n_parts)
{
	if (payload->size > IMAGE_MAX)
		return -EMSGSIZE;
	if (payload->size == 0)
		return 0;
	payload->image = kvmalloc(payload->size, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!payload->image)
		return -ENOMEM;
	return read_parts(parts, n_parts, NULL, 0, payload->image);
}

static int payload_new(const struct kdbus_part *parts, size_t n_parts,
		       struct kdbus_payload **payload_out)
{
	size_t i, n_memfds = 0, n_fds = 0, size = 0;
	struct kdbus_payload *payload;

	for (i = 0; i < n_parts; i++) {
		/* the same bytes may be named many times */
		if (check_add_overflow(size, kdbus_part_image_size(&parts[i]), &size) ||
		    size > MAX_LFS_FILESIZE)
			return -EMSGSIZE;
		if (parts[i].type == KDBUS_PART_MEMFD)
			n_memfds++;
		if (parts[i].type == KDBUS_PART_FDS)
			n_fds += parts[i].n_fds;
	}

	payload = kzalloc(struct_size(payload, memfds, n_memfds + n_fds), GFP_KERNEL_ACCOUNT);
	if (!payload)
		return -ENOMEM;
	refcount_set(&payload->refcount, 1);
	payload->size = size;
	payload->fds = payload->memfds + n_memfds;
	*payload_out = payload;
	return 0;
}

static int import_files(const struct kdbus_file *self, const struct kdbus_part *parts,
			size_t n_parts, struct kdbus_payload *payload)
{
	size_t i;
	int r;

	for (i = 0; i < n_parts; i++) {
		switch (parts[i].type) {
		case KDBUS_PART_BYTES:
		case KDBUS_PART_ZERO:
			continue;
		case KDBUS_PART_MEMFD:
			r = import_memfd(self, &parts[i], payload);
			break;
		case KDBUS_PART_FDS:
			r = import_fds(&parts[i], payload);
			break;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

int kdbusfs_payload_import(void *caller, const struct kdbus_part *parts, size_t n_parts, bool stays,
			   struct kdbus_payload **payload_out)
{
	struct kdbus_payload *payload;
	int r;

	r = payload_new(parts, n_parts, &payload);
	if (r < 0)
		return r;
	r = import_files(caller, parts, n_parts, payload);
	if (r < 0)
		goto exit_payload;
	if (!stays) {
		r = payload_read_image(payload, parts, n_parts);
		if (r == -EFAULT)
			payload->is_faulty = true;
		else if (r < 0)
			goto exit_payload;
	}
	*payload_out = payload;
	return 0;

exit_payload:
	payload_free(payload);
	return r;
}

int kdbusfs_payload_load(void *caller, struct kdbus_payload *payload,
			 const struct kdbus_part *parts, size_t n_parts, void *pool, u64 offset)
{
	if (pool)
		return read_parts(parts, n_parts, pool, offset, NULL);
	return payload_read_image(payload, parts, n_parts);
}

struct kdbus_payload *kdbusfs_payload_get(struct kdbus_payload *payload)
{
	refcount_inc(&payload->refcount);
	return payload;
}

void kdbusfs_payload_put(struct kdbus_payload *payload)
{
	if (payload && refcount_dec_and_test(&payload->refcount))
		payload_free(payload);
}

int kdbusfs_payload_copy(struct kdbus_payload *payload, void *pool, u64 offset)
{
	if (payload->is_faulty || !payload->image)
		return -EFAULT;
	if (!pool)
		return 0;
	return kdbusfs_pool_write(pool, offset, payload->image, payload->size);
}

static unsigned int install(struct file **files, size_t n_files, s32 *fds_out)
{
	unsigned int n_missing = 0;
	size_t i;
	int fd;

	for (i = 0; i < n_files; i++) {
		fd = compat_receive_fd(files[i]);
		if (fd < 0)
			n_missing++;
		fds_out[i] = fd < 0 ? -1 : fd;
	}
	return n_missing;
}

unsigned int kdbusfs_payload_install(void *caller, struct kdbus_payload *payload, s32 *memfds_out,
				     s32 *fds_out)
{
	unsigned int n_missing = 0;

	if (memfds_out)
		n_missing += install(payload->memfds, payload->n_memfds, memfds_out);
	if (fds_out)
		n_missing += install(payload->fds, payload->n_fds, fds_out);
	return n_missing;
}
