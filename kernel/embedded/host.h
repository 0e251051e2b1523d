/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside the userspace host: what its parts know of each other */
#pragma once

#include "kernel/core/domain.h"
#include "kernel/embedded/embedded.h"

struct embedded_namespaces;
struct kdbus_call;
struct kdbus_embedded_handle;

/**
 * struct embedded_share - descriptors in messages of the processes of one user
 * @kref: references: of processes, and of messages that have descriptors
 * @link: for who makes it
 * @uid: of the user
 * @max: how many there may be
 * @n: how many there are
 */
struct embedded_share {
	struct kref kref;
	struct list_head link;
	u32 uid;
	int max;
	atomic_t n;
};

/**
 * struct embedded_process - another process, for which a handle works
 * @pid: its number, 0 if that is not known
 * @started: when it was, 0 if that is not known: who has its number and is younger is another one
 * @opener: where it was when it opened the node; a reference
 * @is_judged: the host applies its policy to what it sends and receives, whoever is at the other
 *end
 * @max_fds: descriptors that the messages of all processes together may hold
 * @share: and those of its user; a reference
 * @ops: what can be done with it
 *
 * The operations are called while a command of the handle runs, but for @wake, which
 * is called at any time, with locks held, and takes note only.
 *
 * @read: copy from its memory: 0 or -EFAULT
 * @write: copy to it: 0 or -EFAULT
 * @get_fd: our descriptor for its descriptor @number, borrowed; or -EBADF
 * @give_fd: a copy of @fd for it, to go to the next slot of the message; with -1 a
 *	slot without.  0, or a negative errno: it gets none
 * @max_payload: bytes of a message that may be taken into memory for it
 * @wake: there is something to receive, or its connection is dead
 */
struct embedded_process {
	pid_t pid;
	u64 started;
	struct embedded_namespaces *opener;
	bool is_judged;
	int max_fds;
	struct embedded_share *share;
	const struct embedded_process_ops {
		int (*read)(struct embedded_process *process, void *dst, u64 address, size_t size);
		int (*write)(struct embedded_process *process, u64 address, const void *src,
			     size_t size);
		int (*get_fd)(struct embedded_process *process, int number);
		int (*give_fd)(struct embedded_process *process, int fd);
		u64 max_payload;
		void (*wake)(struct embedded_process *process);
	} * ops;
};

/**
 * struct embedded_caller - "caller" of the host operations
 * @embedded: where
 * @process: who calls, if that is not this process; borrowed
 * @cred: with which rights; borrowed.  A handle has its own, and a direct connection those of
 *	this process: see embedded_caller_is_direct()
 *
 * First member of a handle, and of whatever makes direct connections.
 */
struct embedded_caller {
	struct kdbus_embedded *embedded;
	struct embedded_process *process;
	const struct kdbus_cred *cred;
};

/* credentials of this process: what direct connections have */
const struct kdbus_cred *embedded_self_cred(struct kdbus_embedded *embedded);
/* is it a connection of this process, with hooks; else it is a handle */
static inline bool embedded_caller_is_direct(const struct embedded_caller *caller)
{
	return caller->cred == embedded_self_cred(caller->embedded);
}
/* what the identities of connections have in common */
struct embedded_ids *embedded_shared_ids(struct kdbus_embedded *embedded);
/* and where it is; borrowed */
struct embedded_namespaces *embedded_self_namespaces(const struct kdbus_embedded *embedded);
/* where who calls was when it opened the node; borrowed */
struct embedded_namespaces *embedded_caller_namespaces(const struct embedded_caller *caller);
const struct kdbus_host_ops *embedded_host_ops(struct kdbus_embedded *embedded);

/* kdbus_embedded_open() for @process, which must outlive the handle; that has no eventfd */
int embedded_open_for(struct kdbus_embedded *embedded, const char *path,
		      const struct kdbus_embedded_cred *cred, struct embedded_process *process,
		      struct kdbus_embedded_handle **handle_out);
/* a command at @address of the process that the handle works for */
int embedded_command_at(struct kdbus_embedded_handle *handle, unsigned long nr, u64 address);

/**
 * struct embedded_waiter - somebody for whom a synchronous SEND waits
 * @wake: it is over: embedded_end() is due.  Called at any time, with locks held, and takes note
 *	only
 */
struct embedded_waiter {
	void (*wake)(struct embedded_waiter *waiter);
};

/**
 * embedded_start_at() - embedded_command_at() for one who can wait
 * @waiter: who; outlives the call
 * @call_out: with KDBUS_CALL_WAITS: a synchronous SEND is under way.  The handle may run other
 *	commands meanwhile, and must not be closed before embedded_end()
 *
 * Return: 0, KDBUS_CALL_WAITS (kernel/core/call.h) or a negative errno.
 */
int embedded_start_at(struct kdbus_embedded_handle *handle, unsigned long nr, u64 address,
		      struct embedded_waiter *waiter, struct kdbus_call **call_out);
/**
 * embedded_end() - what came of it, written to where the command is
 * @error: 0 after wake(); -ECANCELED or -ETIMEDOUT; -EINTR leaves it open for one who comes back
 *	with the same cookie
 *
 * Return: 0 or the negative errno of SEND.
 */
int embedded_end(struct kdbus_embedded_handle *handle, struct kdbus_call *call, int error);
/* our copy of its CANCEL_FD, borrowed; or -1 */
int embedded_call_cancel_fd(const struct kdbus_call *call);
/* what the handle has become; for a connection, NULL if not */
struct kdbus_conn *embedded_handle_conn(struct kdbus_embedded_handle *handle);
struct kdbus_endpoint *embedded_handle_endpoint(struct kdbus_embedded_handle *handle);

/* memory.c: another address space, for all the core knows */
int embedded_user_read(void *caller, void *dst, u64 address, size_t size);
int embedded_user_write(void *caller, u64 address, const void *src, size_t size);

/* pool.c */
int embedded_pool_create(void *caller, u64 size, const char *description, void **pool_out);
void embedded_pool_destroy(void *pool);
int embedded_pool_write(void *pool, u64 offset, const void *src, size_t size);
int embedded_pool_copy(void *pool, u64 offset, void *src_pool, u64 src_offset, size_t size);
/* maps a part of the pool a second time, as to mmap() */
int embedded_pool_mmap(void *pool, size_t length, int prot, int flags, u64 offset,
		       void **address_out);
/* its memory, for reading, and a descriptor, borrowed, that can do no more than that */
const void *embedded_pool_data(void *pool);
int embedded_pool_fd(void *pool);
/* maps all of it, read-only: 0 or an errno of mmap() */
int embedded_pool_map(void *pool, const void **address_out, size_t *size_out);

/* payload.c */
/* NULL if there is no memory; the link is of a list of its own */
struct embedded_share *embedded_share_new(u32 uid, int max);
struct embedded_share *embedded_share_get(struct embedded_share *share);
/* NULL is fine */
void embedded_share_put(struct embedded_share *share);
/* our descriptor for the caller's @number, borrowed; or -EBADF */
int embedded_caller_fd(const struct embedded_caller *caller, int number);
int embedded_payload_import(void *caller, const struct kdbus_part *parts, size_t n_parts,
			    bool stays, struct kdbus_payload **payload_out);
int embedded_payload_load(void *caller, struct kdbus_payload *payload,
			  const struct kdbus_part *parts, size_t n_parts, void *pool, u64 offset);
struct kdbus_payload *embedded_payload_get(struct kdbus_payload *payload);
void embedded_payload_put(struct kdbus_payload *payload);
int embedded_payload_copy(struct kdbus_payload *payload, void *pool, u64 offset);
unsigned int embedded_payload_install(void *caller, struct kdbus_payload *payload, s32 *memfds_out,
				      s32 *fds_out);

/* call.c */
int embedded_cancel_get(void *caller, s32 fd, void **cancel_out);
void embedded_cancel_put(void *cancel);
void embedded_call_wake(void *waiter);

struct creds;
struct meta_ids;

/**
 * struct embedded_ids - who connections say that they are, where many say the same
 * @lock: all members, and the references to what is found here
 * @slots: by uid, the last that one of its users gave; borrowed
 */
struct embedded_ids {
	struct mutex lock;
	struct meta_ids *slots[16];
};

/* meta.c */
void embedded_ids_init(struct embedded_ids *ids);
/* nobody is left */
void embedded_ids_deinit(struct embedded_ids *ids);
/* who @conn is, as far as its peers are told: 0 or -ENOMEM */
int embedded_conn_creds(const struct kdbus_conn *conn, struct creds *creds_out);
int embedded_meta_capture(void *caller, u64 mask, struct kdbus_meta **meta_out);
int embedded_meta_fake(void *caller, const struct kdbus_fake *fake, struct kdbus_meta **meta_out);
void embedded_meta_free(struct kdbus_meta *meta);
void embedded_meta_export(struct kdbus_meta *meta, struct kdbus_conn *to, u64 granted, u64 visible,
			  struct kdbus_buffer *buffer);
