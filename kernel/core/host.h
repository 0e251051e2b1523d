/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the core asks of its host
 *
 * The host is what the core runs in: the kernel with its tasks and files, or one
 * process.  The core calls it through one table.  Three objects pass through the
 * core as opaque pointers: the payload of a message (struct kdbus_payload), the
 * identity of a task (struct kdbus_meta), and the memory of a pool.
 *
 * "Caller" is the void pointer that the host gave to kdbus_handle_new() or that
 * hangs off a connection as kdbus_conn.host: by it the host knows for whom the
 * core works just now.
 *
 * Operations that may look at memory of the caller, or at the task that calls,
 * are marked [unlocked]: the core holds no lock when it calls them.  The others
 * may be called with locks held and must not call back into the core, except
 * where they say so.
 */
#ifndef KDBUS_HOST_H
#define KDBUS_HOST_H

#include "kernel/core/os.h"

struct kdbus_buffer;
struct kdbus_bus;
struct kdbus_candidates;
struct kdbus_conn;
struct kdbus_domain;
struct kdbus_message;
struct kdbus_meta;
struct kdbus_payload;
struct kdbus_queue_entry;

/**
 * struct kdbus_cred - who somebody is, as far as policy goes
 * @uid: real uid
 * @euid: effective uid
 * @egid: effective gid
 * @privileged: has CAP_IPC_OWNER over the domain
 * @host: for cred_in_group(); borrowed from the caller's host object
 */
struct kdbus_cred {
	kuid_t uid;
	kuid_t euid;
	kgid_t egid;
	bool privileged;
	const void *host;
};

/**
 * enum kdbus_part_type - what one part of a message consists of
 * @KDBUS_PART_BYTES: bytes in the memory of the caller
 * @KDBUS_PART_ZERO: a run of zero bytes
 * @KDBUS_PART_MEMFD: a range of a sealed memory file
 * @KDBUS_PART_FDS: descriptors
 */
enum kdbus_part_type {
	KDBUS_PART_BYTES,
	KDBUS_PART_ZERO,
	KDBUS_PART_MEMFD,
	KDBUS_PART_FDS,
};

/**
 * struct kdbus_part - one part of a message about to be sent
 * @type: which of the other members count
 * @address: BYTES
 * @size: bytes of BYTES, ZERO and MEMFD
 * @start: MEMFD: where the range starts
 * @fd: MEMFD
 * @fds: FDS
 * @n_fds: FDS
 */
struct kdbus_part {
	enum kdbus_part_type type;
	u64 address;
	u64 size;
	u64 start;
	s32 fd;
	const s32 *fds;
	u32 n_fds;
};

/* bytes of a part in the image of its payload: what aligns the next, if it is not there itself */
static inline u64 kdbus_part_image_size(const struct kdbus_part *part)
{
	switch (part->type) {
	case KDBUS_PART_BYTES:
		return part->size;
	case KDBUS_PART_ZERO:
	case KDBUS_PART_MEMFD:
		return part->size % 8;
	case KDBUS_PART_FDS:
		break;
	}
	return 0;
}

/**
 * struct kdbus_fake - metadata that a privileged peer gives instead of its own
 * @creds: or NULL
 * @pids: or NULL
 * @groups: supplementary groups; NULL with @n_groups 0 if not given
 * @n_groups: number of them
 * @has_groups: they were given, even if there are none
 * @seclabel: NUL-terminated, or NULL
 */
struct kdbus_fake {
	const struct kdbus_creds *creds;
	const struct kdbus_pids *pids;
	const u64 *groups;
	size_t n_groups;
	bool has_groups;
	const char *seclabel;
};

/**
 * struct kdbus_host_ops - the operations of a host
 *
 * @page_size: of what the size of a pool has to be a multiple
 *
 * @user_read: copy from the memory of the caller: 0 or -EFAULT [unlocked]
 * @user_write: copy to it: 0 or -EFAULT [unlocked]
 * @caller_cred: the credentials of the task that calls now [unlocked]
 * @cred_in_group: is @gid among the supplementary groups
 *
 * @payload_import: take hold of the parts of a message, in order; errors are those
 *	of SEND (3.12 row 18).  Bytes that cannot be read are not reported here but
 *	by payload_copy(), because SEND looks at the receiver first; if @stays they are
 *	not even looked at [unlocked]
 * @payload_load: optional; without it nothing stays.  Read the bytes of a payload that was imported
 *	with @stays: to @offset of @pool, as payload_copy() would write them, or if @pool is NULL
 *	to where payload_copy() finds them.  0, -EFAULT, or another errno of SEND.  Called
 *	once, or never [unlocked]
 * @payload_get: one more reference
 * @payload_put: one less
 * @payload_copy: write the image of @payload to a pool: all BYTES one after the
 *	other, and in place of a ZERO or MEMFD part @size modulo 8 zero bytes.
 *	0 or -EFAULT.  @pool NULL: only say whether all bytes could be read
 * @payload_install: put the descriptors of @payload into the process that calls:
 *	those of MEMFD parts into @memfds_out, those of FDS into @fds_out, each
 *	unless NULL, in order; one that finds no place becomes -1.  Returns how many
 *	of @fds_out and @memfds_out found none [unlocked]
 *
 * @pool_create: @size bytes of memory that peers may map read-only
 * @pool_destroy: the core needs it no more; mappings stay readable
 * @pool_write: copy @src to @offset of the pool
 * @pool_copy: copy @size bytes from @src_offset of another pool to @offset
 *
 * @meta_capture: metadata of the task that calls, for the attach flags @mask at
 *	least [unlocked]
 * @meta_fake: metadata as given; -EINVAL for ids that have no meaning to the
 *	caller [unlocked]
 * @meta_free: it is needed no more; NULL is fine
 * @meta_export: append the items for which the bit of the attach flags is in
 *	@granted, or is in @visible and @to may see it in its procfs, in the order of
 *	the ABI and translated for @to
 *
 * @cancel_get: take hold of the file of a caller that shall end a synchronous SEND when it is
 *	readable: 0, -EBADF, or -EINVAL if it cannot be polled [unlocked]
 * @cancel_put: it is needed no more [unlocked]
 *
 * @uid_make: @uid as the caller means it, or INVALID_UID
 * @gid_make: @gid as the caller means it, or INVALID_GID
 * @uid_number: the number of @uid in names of nodes of @domain: false if it has none
 *
 * @clock: monotonic and real time in ns
 * @random: unpredictable bytes
 *
 * @conn_wake: @conn has become readable, or was disconnected
 * @conn_emptied: @conn, which has a pool, is not readable any more; conn_wake() comes again
 * @conn_lost: a broadcast from @src_id (0: a notification) went missing for @conn
 * @call_wake: who waits with @waiter, given to kdbus_handle_start(), need not wait any more
 * @deadline_changed: the earliest reply deadline of @bus is now @deadline_ns
 *	(U64_MAX: none); kdbus_bus_expire() is due then
 *
 * @may_deliver: optional; may @msg go from @src to @dst: 0 or what SEND shall
 *	return (a broadcast leaves @dst out).  @is_reply: a pending call is answered.
 *	Called with the registry held, may look at names
 * @broadcast_candidates: optional; which indexed connections want @msg: to be
 *	answered by kdbus_candidates_add().  Called with the registry held, may look
 *	at names.  Without it no indexed connection gets a broadcast
 * @overheard: optional; @msg is about to go to @dst (NULL: a broadcast), and monitors have got
 *	their copies.  Not called for notifications, nor for what direct connections send.  Called
 *	with the registry held, may look at names
 *
 * The next four are about messages that waited at an activator, are optional and called with
 * the registry held; never in a strict domain.
 *
 * @may_move: may what @src sent pass to @dst, the new owner of the name: 0 or an errno
 * @is_told: is it for the host to tell @src, which is not direct, what became of it, as it does
 *	of those that are?
 * @undelivered: it did not, because of @error.  Only if @src is direct, or told; it is for the
 *	host to answer it.  Without this operation there is a REPLY_DEAD
 * @taken: the name of @activator has got an owner, and the messages are with it
 */
struct kdbus_host_ops {
	u64 page_size;

	int (*user_read)(void *caller, void *dst, u64 address, size_t size);
	int (*user_write)(void *caller, u64 address, const void *src, size_t size);
	void (*caller_cred)(void *caller, struct kdbus_cred *cred_out);
	bool (*cred_in_group)(const struct kdbus_cred *cred, kgid_t gid);

	int (*payload_import)(void *caller, const struct kdbus_part *parts, size_t n_parts,
			      bool stays, struct kdbus_payload **payload_out);
	int (*payload_load)(void *caller, struct kdbus_payload *payload,
			    const struct kdbus_part *parts, size_t n_parts, void *pool, u64 offset);
	struct kdbus_payload *(*payload_get)(struct kdbus_payload *payload);
	void (*payload_put)(struct kdbus_payload *payload);
	int (*payload_copy)(struct kdbus_payload *payload, void *pool, u64 offset);
	unsigned int (*payload_install)(void *caller, struct kdbus_payload *payload,
					s32 *memfds_out, s32 *fds_out);

	int (*pool_create)(void *caller, u64 size, const char *description, void **pool_out);
	void (*pool_destroy)(void *pool);
	int (*pool_write)(void *pool, u64 offset, const void *src, size_t size);
	int (*pool_copy)(void *pool, u64 offset, void *src_pool, u64 src_offset, size_t size);

	int (*meta_capture)(void *caller, u64 mask, struct kdbus_meta **meta_out);
	int (*meta_fake)(void *caller, const struct kdbus_fake *fake, struct kdbus_meta **meta_out);
	void (*meta_free)(struct kdbus_meta *meta);
	void (*meta_export)(struct kdbus_meta *meta, struct kdbus_conn *to, u64 granted,
			    u64 visible, struct kdbus_buffer *buffer);

	int (*cancel_get)(void *caller, s32 fd, void **cancel_out);
	void (*cancel_put)(void *cancel);

	kuid_t (*uid_make)(void *caller, u64 uid);
	kgid_t (*gid_make)(void *caller, u64 gid);
	bool (*uid_number)(const struct kdbus_domain *domain, kuid_t uid, u32 *number_out);

	void (*clock)(u64 *monotonic_ns_out, u64 *realtime_ns_out);
	void (*random)(void *dst, size_t size);

	void (*conn_wake)(struct kdbus_conn *conn);
	void (*conn_emptied)(struct kdbus_conn *conn);
	void (*conn_lost)(struct kdbus_conn *conn, u64 src_id);
	void (*call_wake)(void *waiter);
	void (*deadline_changed)(struct kdbus_bus *bus, u64 deadline_ns);

	int (*may_deliver)(struct kdbus_conn *src, struct kdbus_conn *dst,
			   const struct kdbus_message *msg, bool is_reply);
	void (*broadcast_candidates)(struct kdbus_bus *bus, const struct kdbus_message *msg,
				     struct kdbus_candidates *candidates);
	void (*overheard)(struct kdbus_bus *bus, const struct kdbus_message *msg,
			  const struct kdbus_conn *dst);

	int (*may_move)(struct kdbus_conn *src, struct kdbus_conn *dst,
			const struct kdbus_queue_entry *entry);
	bool (*is_told)(const struct kdbus_conn *src);
	void (*undelivered)(struct kdbus_conn *src, struct kdbus_conn *dst,
			    const struct kdbus_queue_entry *entry, int error);
	void (*taken)(struct kdbus_conn *activator);
};

#endif
