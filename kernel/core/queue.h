/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Queue
 *
 * What a connection has not received yet, and how much of it is whose.  Guarded
 * by the lock of the connection.
 */
#ifndef KDBUS_QUEUE_H
#define KDBUS_QUEUE_H

#include "kernel/core/host.h"

struct kdbus_body;
struct kdbus_name_entry;
struct kdbus_reply;
struct kdbus_slice;
struct kdbus_user;

/**
 * struct kdbus_notification - a change the bus itself reports
 * @type: KDBUS_ITEM_{ID_ADD,ID_REMOVE,NAME_ADD,NAME_REMOVE,NAME_CHANGE,REPLY_TIMEOUT,REPLY_DEAD}
 * @old_id: NAME_*: who held it; ID_REMOVE: who left; else 0
 * @old_flags: name flags or HELLO flags that go with it
 * @new_id: NAME_*: who holds it now; ID_ADD: who came; else 0
 * @new_flags: what goes with that
 *
 * The name of NAME_* is beside it, as an entry.
 */
struct kdbus_notification {
	u64 type;
	u64 old_id;
	u64 old_flags;
	u64 new_id;
	u64 new_flags;
};

/**
 * struct kdbus_quota - what one user has in one queue
 * @user: a reference; NULL for notifications
 * @memory: bytes of slices, or what would be slices
 * @n_msgs: messages
 * @n_fds: descriptors
 */
struct kdbus_quota {
	struct kdbus_user *user;
	u64 memory;
	u32 n_msgs;
	u32 n_fds;
};

/**
 * struct kdbus_queue_entry - a message in the queue of one receiver
 * @link: in queue.entries
 * @by_priority: in queue.by_priority, unless the receiver is direct
 * @payload_size: if it is direct: bytes of the payload's image
 * @priority: lower is more urgent
 * @position: consecutive per queue, from 1
 * @user: instead, between two queues: who is charged; a reference
 * @tag: what the host said about this receiver of a broadcast
 * @src_id: KDBUS_SRC_ID_KERNEL for a notification
 * @cookie_reply: or timeout_ns, as in struct kdbus_msg
 * @dst_id: as the sender gave it; this and the next four of a message only
 * @flags: KDBUS_MSG_*
 * @cookie: the sender's number
 * @payload_type: KDBUS_PAYLOAD_*
 * @notification: of a notification only
 * @name: to which the message was addressed, or of which the notification tells
 * @payload: a reference, or NULL
 * @body: a reference, if RECV has descriptors to install into a slice, or if the message may
 *	pass to somebody else
 * @reply: is_queued by this entry, or NULL
 * @slice: where it is in the pool; NULL for a direct receiver
 * @memory: bytes it counts
 * @n_fds: descriptors it counts
 * @quota: index in queue.quotas
 */
struct kdbus_queue_entry {
	struct list_head link;
	union {
		struct rb_node by_priority;
		u64 payload_size;
	};
	s64 priority;
	union {
		u64 position;
		struct kdbus_user *user;
	};
	u64 tag;
	u64 src_id;
	u64 cookie_reply;
	union {
		struct {
			u64 dst_id;
			u64 flags;
			u64 cookie;
			u64 payload_type;
		};
		struct kdbus_notification notification;
	};
	struct kdbus_name_entry *name;
	struct kdbus_payload *payload;
	struct kdbus_body *body;
	struct kdbus_reply *reply;
	struct kdbus_slice *slice;
	u64 memory;
	u32 n_fds;
	u32 quota;
};

/**
 * struct kdbus_queue - the queue of a connection
 * @entries: oldest first
 * @last_position: of the entry added last
 * @memory: bytes they count together
 * @peak_memory, @peak_fds: the most there ever were
 * @n_fds: descriptors they count together
 * @n_entries: number of them
 * @n_quotas: number of slots
 * @quotas: slots; one whose messages are gone is free for another user
 * @n_lost: broadcasts that went missing since RECV told last
 * @by_priority: as @entries, unless the connection is direct
 */
struct kdbus_queue {
	struct list_head entries;
	u64 last_position;
	u64 memory;
	u64 peak_memory;
	u32 peak_fds;
	u32 n_fds;
	u32 n_entries;
	u32 n_quotas;
	struct kdbus_quota *quotas;
	u64 n_lost;
	struct rb_root by_priority;
};

int kdbus_queue_init_cache(void);
void kdbus_queue_exit_cache(void);

void kdbus_queue_init(struct kdbus_queue *queue);
/* the queue must be empty */
void kdbus_queue_deinit(struct kdbus_queue *queue);

/**
 * kdbus_queue_add() - put a message into the queue of @dst
 * @dst: connected or not; its lock is taken
 * @msg: message or notification
 * @reply: the answer it expects, or NULL; on success the entry has it
 * @tag: for the entry
 *
 * Return: 0, -ECONNRESET, -ECOMM, -ENOBUFS, -EMFILE, -EXFULL, -EFAULT or -ENOMEM;
 * on error nothing has changed.
 */
int kdbus_queue_add(struct kdbus_conn *dst, struct kdbus_message *msg, struct kdbus_reply *reply,
		    u64 tag);
/**
 * kdbus_queue_make() - the entry of a message that will not be queued
 * @dst: who gets it; it has a pool
 * @entry_out: to be released by kdbus_queue_release(); until then it counts as a queued one
 *
 * Return: as kdbus_queue_add()
 */
int kdbus_queue_make(struct kdbus_conn *dst, struct kdbus_message *msg,
		     struct kdbus_queue_entry **entry_out);
/**
 * kdbus_queue_reserve() - room for a message, the payload of which is yet to come
 * @dst: who gets it; it has a pool
 * @msg: has a stage, which gets the entry and the header
 *
 * Return: as kdbus_queue_add(), but for -EFAULT
 */
int kdbus_queue_reserve(struct kdbus_conn *dst, struct kdbus_message *msg);
/* frees an entry of kdbus_queue_make() or kdbus_queue_reserve(), and its slice unless that was
 * published
 */
void kdbus_queue_release(struct kdbus_conn *dst, struct kdbus_queue_entry *entry);
/* a broadcast from @src_id (0: a notification) could not be queued to @dst, whose lock is taken */
void kdbus_queue_lose(struct kdbus_conn *dst, u64 src_id);

/* if @conn, which has a pool, is not readable any more, the host learns of it, and of what comes
 * next; with its lock held
 */
void kdbus_queue_rearm(struct kdbus_conn *conn);

/**
 * kdbus_queue_detach() - take messages out that were addressed to a name
 * @conn: whose queue; its lock is taken
 * @name: which name
 * @list: they are appended, oldest first.  Each keeps its reply and slice, and has @user: until
 *	kdbus_queue_attach(), or kdbus_queue_entry_free() after user and slice are dropped
 */
void kdbus_queue_detach(struct kdbus_conn *conn, const struct kdbus_name_entry *name,
			struct list_head *list);

/**
 * kdbus_queue_attach() - put a message into a queue that was in another one
 * @dst: connected or not; its lock is taken
 * @from: where it was
 * @src: who sent it; NULL if it has gone
 * @entry: taken over on success.  In any case its slice is, @user is not
 *
 * Return: as kdbus_queue_add(), or -ENXIO: it would have to be rendered anew, and @src is NULL.
 */
int kdbus_queue_attach(struct kdbus_conn *dst, struct kdbus_conn *from, struct kdbus_conn *src,
		       struct kdbus_queue_entry *entry);

/* the oldest entry, or NULL */
struct kdbus_queue_entry *kdbus_queue_first(struct kdbus_queue *queue);
/* the most urgent entry, the oldest of equals, or NULL */
struct kdbus_queue_entry *kdbus_queue_most_urgent(struct kdbus_queue *queue);
/* takes @entry out of the queue, and out of the quota */
void kdbus_queue_remove(struct kdbus_queue *queue, struct kdbus_queue_entry *entry);
/* drops its references, except reply and slice, which must be gone; NULL is fine */
void kdbus_queue_entry_free(const struct kdbus_host_ops *host, struct kdbus_queue_entry *entry);

#endif
