/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel as a host of the core: what its parts know of each other
 */
#ifndef KDBUS_MODULE_H
#define KDBUS_MODULE_H

#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/path.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "kernel/core/domain.h"
#include "kernel/core/handle.h"
#include "kernel/core/host.h"

/* "DBus" */
#define KDBUSFS_MAGIC 0x44427573

/**
 * struct kdbus_fs - a mounted kdbusfs
 * @domain: what it shows; a reference
 * @user_ns: of who mounted it: what ids in names of nodes mean; pinned by the superblock
 * @expire: runs when the earliest deadline of a reply in the domain has come
 * @due_lock: the next member
 * @due_ns: when @expire is to run; U64_MAX: not at all
 * @link: in the list of all of them, for the module parameter
 */
struct kdbus_fs {
	struct kdbus_domain *domain;
	struct user_namespace *user_ns;
	struct delayed_work expire;
	spinlock_t due_lock;
	u64 due_ns;
	struct list_head link;
};

/**
 * struct kdbus_file - an open node, "caller" of the host operations
 * @fs: where
 * @handle: what the core knows of it
 * @opener: who opened it; pinned by the open file
 * @cred: the same for the core
 * @setup_cred: who gave the setup command that runs, or made the connection; a reference, or NULL
 * @pid_ns: of who said HELLO; a reference, or NULL
 * @root: likewise; of a connection only
 * @wait: who waits for the file to become readable
 */
struct kdbus_file {
	struct kdbus_fs *fs;
	struct kdbus_handle *handle;
	const struct cred *opener;
	struct kdbus_cred cred;
	const struct cred *setup_cred;
	struct pid_namespace *pid_ns;
	struct path root;
	wait_queue_head_t wait;
};

/* fs.c */
extern struct file_system_type kdbusfs_type;
/* P1: what leaves every domain from now on */
void kdbusfs_set_attach_mask(u64 mask);

/* file.c */
extern const struct file_operations kdbusfs_file_ops;
/* somebody for whom a synchronous SEND waits need not wait any more */
void kdbusfs_call_wake(void *waiter);

/* host.c */
extern const struct kdbus_host_ops kdbusfs_host_ops;
void kdbusfs_expire(struct work_struct *work);
/* what @opener may do on @fs; valid while @opener is */
void kdbusfs_cred(const struct kdbus_fs *fs, const struct cred *opener,
		  struct kdbus_cred *cred_out);

/* pool.c */
int kdbusfs_pool_create(void *caller, u64 size, const char *description, void **pool_out);
void kdbusfs_pool_destroy(void *pool);
int kdbusfs_pool_write(void *pool, u64 offset, const void *src, size_t size);
/* from the memory of who calls, which may take for ever: 0, -EFAULT, -EINTR or -ENOMEM */
int kdbusfs_pool_read(void *pool, u64 offset, u64 address, u64 size);
int kdbusfs_pool_copy(void *pool, u64 offset, void *src_pool, u64 src_offset, size_t size);
int kdbusfs_pool_mmap(void *pool, struct vm_area_struct *vma);

/* payload.c */
int kdbusfs_payload_import(void *caller, const struct kdbus_part *parts, size_t n_parts, bool stays,
			   struct kdbus_payload **payload_out);
int kdbusfs_payload_load(void *caller, struct kdbus_payload *payload,
			 const struct kdbus_part *parts, size_t n_parts, void *pool, u64 offset);
struct kdbus_payload *kdbusfs_payload_get(struct kdbus_payload *payload);
void kdbusfs_payload_put(struct kdbus_payload *payload);
int kdbusfs_payload_copy(struct kdbus_payload *payload, void *pool, u64 offset);
unsigned int kdbusfs_payload_install(void *caller, struct kdbus_payload *payload, s32 *memfds_out,
				     s32 *fds_out);

/* meta.c */
int kdbusfs_meta_capture(void *caller, u64 mask, struct kdbus_meta **meta_out);
int kdbusfs_meta_fake(void *caller, const struct kdbus_fake *fake, struct kdbus_meta **meta_out);
void kdbusfs_meta_free(struct kdbus_meta *meta);
void kdbusfs_meta_export(struct kdbus_meta *meta, struct kdbus_conn *to, u64 granted, u64 visible,
			 struct kdbus_buffer *buffer);

#endif
