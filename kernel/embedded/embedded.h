/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The core in this process
 *
 * A userspace host of kernel/core: a domain without mount and module.  It serves
 * two kinds of callers.  Code of this process makes direct connections with
 * kdbus_cmd_hello() and is told through hooks what happens to them: that is the
 * carrier "embedded" of the engine.  Everything else opens nodes by path and gets
 * handles, on which the ABI's commands run: kdbus_embedded_command() is ioctl,
 * kdbus_embedded_pool() is mmap, kdbus_embedded_fd() is what poll() looks at.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kdbus_bus;
struct kdbus_candidates;
struct kdbus_conn;
struct kdbus_cred;
struct kdbus_domain;
struct kdbus_embedded;
struct kdbus_embedded_handle;
struct kdbus_limits;
struct kdbus_message;
struct kdbus_queue_entry;

/**
 * struct kdbus_embedded_hooks - what concerns direct connections
 *
 * Called with locks of the core held: may take note, and look at names where
 * struct kdbus_host_ops says so.  Each may be NULL.
 *
 * @wake: @conn has something to receive
 * @lost: a broadcast from @src_id went missing for @conn
 * @deadline: the earliest reply deadline of @bus is @deadline_ns
 * @may_deliver, @broadcast_candidates, @overheard, @may_move, @is_told, @undelivered: as in struct
 *	kdbus_host_ops
 * @taken: the same, of an activator that is a direct connection
 */
struct kdbus_embedded_hooks {
	void (*wake)(struct kdbus_conn *conn);
	void (*lost)(struct kdbus_conn *conn, uint64_t src_id);
	void (*deadline)(void *userdata, struct kdbus_bus *bus, uint64_t deadline_ns);
	int (*may_deliver)(void *userdata, struct kdbus_conn *src, struct kdbus_conn *dst,
			   const struct kdbus_message *msg, bool is_reply);
	void (*broadcast_candidates)(void *userdata, struct kdbus_bus *bus,
				     const struct kdbus_message *msg,
				     struct kdbus_candidates *candidates);
	void (*overheard)(void *userdata, struct kdbus_bus *bus, const struct kdbus_message *msg,
			  const struct kdbus_conn *dst);
	int (*may_move)(void *userdata, struct kdbus_conn *src, struct kdbus_conn *dst,
			const struct kdbus_queue_entry *entry);
	bool (*is_told)(void *userdata, const struct kdbus_conn *src);
	void (*undelivered)(void *userdata, struct kdbus_conn *src, struct kdbus_conn *dst,
			    const struct kdbus_queue_entry *entry, int error);
	void (*taken)(struct kdbus_conn *activator);
};

/**
 * struct kdbus_embedded_options - how to make a domain
 * @limits: NULL for the published ones
 * @strict: the ABI as published
 * @p1: the older of the two published revisions; implies @strict
 * @reads_late: messages of handles are read when it is known where they go, as the kernel does; for
 *	tests, as memory that never comes is no matter in one process
 * @hooks: or NULL; copied
 * @userdata: for @hooks
 */
struct kdbus_embedded_options {
	const struct kdbus_limits *limits;
	bool strict;
	bool p1;
	bool reads_late;
	const struct kdbus_embedded_hooks *hooks;
	void *userdata;
};

/**
 * struct kdbus_embedded_cred - who opens a node
 * @uid, @euid, @gid, @egid: as the core shall see them
 * @is_privileged: has CAP_IPC_OWNER over the domain
 * @n_groups, @groups: supplementary groups; copied
 */
struct kdbus_embedded_cred {
	uint32_t uid;
	uint32_t euid;
	uint32_t gid;
	uint32_t egid;
	bool is_privileged;
	uint32_t n_groups;
	const uint32_t *groups;
};

/* Return: 0 or -ENOMEM */
int kdbus_embedded_new(const struct kdbus_embedded_options *options,
		       struct kdbus_embedded **embedded_out);
/* all handles must have been closed and all direct connections be gone; NULL is fine */
struct kdbus_embedded *kdbus_embedded_free(struct kdbus_embedded *embedded);
struct kdbus_domain *kdbus_embedded_domain(struct kdbus_embedded *embedded);

/**
 * kdbus_embedded_open() - open a node
 * @path: "control", or "<uid>-<bus>/<endpoint>"
 * @cred: who opens, and who calls later on; NULL: this process, which is privileged
 *
 * Return: 0, -ENOENT, -EACCES, -ESHUTDOWN, -ENOMEM, or the errno of eventfd().
 */
int kdbus_embedded_open(struct kdbus_embedded *embedded, const char *path,
			const struct kdbus_embedded_cred *cred,
			struct kdbus_embedded_handle **handle_out);
/* the last close; NULL is fine */
struct kdbus_embedded_handle *kdbus_embedded_close(struct kdbus_embedded_handle *handle);

/**
 * kdbus_embedded_command() - ioctl
 * @nr: KDBUS_CMD_*
 * @cmd: its struct in the memory of this process, written back as the ABI says
 *
 * A synchronous SEND blocks the thread, until the reply comes from another one, or the call is
 * over for another reason; -EINTR when a signal was handled.
 *
 * Return: 0 or the negative errno of the ABI.
 */
int kdbus_embedded_command(struct kdbus_embedded_handle *handle, unsigned long nr, void *cmd);

/**
 * kdbus_embedded_pool() - mmap
 *
 * The mapping is read-only and stays until the handle is closed.
 *
 * Return: 0, -EBADFD if the handle is not connected, or the errno of mmap().
 */
int kdbus_embedded_pool(struct kdbus_embedded_handle *handle, const void **address_out,
			size_t *size_out);

/**
 * kdbus_embedded_mmap() - mmap with all its arguments
 * @length, @prot, @flags, @offset: as to mmap()
 * @address_out: a mapping of the caller's, which outlives the handle
 *
 * Return: 0, -EBADFD if the handle is not connected, -EPERM for PROT_WRITE, -EFAULT if
 * @length is more than the pool, or the errno of mmap().
 */
int kdbus_embedded_mmap(struct kdbus_embedded_handle *handle, size_t length, int prot, int flags,
			uint64_t offset, void **address_out);
/* P1: metadata for which @mask has no attach flag leaves nobody */
void kdbus_embedded_set_attach_mask(struct kdbus_embedded *embedded, uint64_t mask);

/* an eventfd, the handle's; readable while there is something to receive, and for ever once the
 * connection is dead */
int kdbus_embedded_fd(const struct kdbus_embedded_handle *handle);
/* what poll() of the ABI would say: POLLIN, POLLOUT, POLLERR, POLLHUP and their kin */
short kdbus_embedded_poll(struct kdbus_embedded_handle *handle);

/* the bus that the handle owns, or on which it is; NULL if it has not come so far */
struct kdbus_bus *kdbus_embedded_bus(struct kdbus_embedded_handle *handle);
/* REPLY_TIMEOUT for all replies of all buses whose deadline is not after @now_ns */
void kdbus_embedded_expire(struct kdbus_embedded *embedded, uint64_t now_ns);
