/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connection */
#ifndef KDBUS_CONNECTION_H
#define KDBUS_CONNECTION_H

#include "kernel/core/endpoint.h"
#include "kernel/core/item.h"
#include "kernel/core/queue.h"

struct kdbus_matches;
struct kdbus_pool;

/* the special kinds; none of them: an ordinary connection */
#define KDBUS_HELLO_SPECIAL                                                                        \
	(KDBUS_HELLO_ACTIVATOR | KDBUS_HELLO_POLICY_HOLDER | KDBUS_HELLO_MONITOR)

/* an addition of ours: part of the bus rather than a peer on it; like the special kinds but that it
 * sends and receives
 */
#define KDBUS_HELLO_APART (1ULL << 32)

/* how a connection is reached, decided by whoever calls kdbus_cmd_hello() */
#define KDBUS_CONN_DIRECT  (1U << 0)
#define KDBUS_CONN_INDEXED (1U << 1)
/* messages that are for it alone carry no metadata: the host judges them for it */
#define KDBUS_CONN_PLAIN (1U << 2)

/**
 * struct kdbus_conn - a connection
 *
 * A bus has thousands of them, most of which say nothing: what few need hangs off pointers.
 *
 * What each message that is sent or received looks at:
 *
 * @kref: who made it, and each payload on its way to its pool
 * @mode: KDBUS_CONN_*
 * @is_owner: as good as the bus' owner
 * @is_connected: false once the disconnect has begun; written with both locks
 * @is_armed: the host has to be told when there is something in @queue; under @lock
 * @bus: of @ep
 * @host: the host's object: "caller" to the host operations; until it is disconnected
 * @id: its number on the bus
 * @flags: KDBUS_HELLO_*
 * @by_id: in bus.conns_by_id
 * @user: who it is accounted to
 * @cred: of whoever opened the handle; borrowed from the host, but for P1: its own
 * @candidate_next: the next one in the list of candidates, under bus.broadcast_lock
 * @candidate_tag: what the host said about this candidate
 * @is_candidate: it is in that list
 * @lock: the members marked so, and these:
 * @pool_size: bytes; of a direct connection, nominal
 * @queue: what it has not received yet
 * @pool: memory; not of a direct connection
 * @results: instead: struct kdbus_result that a direct connection has not freed yet
 *
 * What a call and its reply look at, under bus.reply_lock:
 *
 * @requests: struct kdbus_reply it waits for
 * @owed: struct kdbus_reply it has to give, oldest first
 * @unread: those of its requests that are resolved but still count
 * @n_requests: replies that count against it
 * @n_untold: number of @untold
 * @untold: those that nobody will answer, of which it has not been told yet, oldest first
 * @calls: struct kdbus_reply of its synchronous calls, resolved or not
 * @tell_again: somebody wanted to tell while another did
 *
 * The rest:
 *
 * @is_fake: @meta was given by the peer
 * @attach_send: metadata it may be asked for; under @lock
 * @attach_recv: metadata it wants with messages; under @lock
 * @n_names: number of them
 * @names: struct kdbus_name_owner
 * @ep: where it entered; pinned
 * @bus_link: in bus.conns or bus.monitors
 * @matches: NULL if it has none
 * @meta: its identity, frozen at HELLO
 * @description: or NULL
 */
struct kdbus_conn {
	struct kref kref;
	u8 mode;
	bool is_owner;
	bool is_connected;
	bool is_armed;
	struct kdbus_bus *bus;
	void *host;
	u64 id;
	u64 flags;
	struct kdbus_table_node by_id;
	struct kdbus_user *user;
	const struct kdbus_cred *cred;
	struct kdbus_conn *candidate_next;
	u64 candidate_tag;
	struct mutex lock;
	bool is_candidate;
	bool is_fake;
	bool tell_again;
	u64 pool_size;
	struct kdbus_queue queue;
	union {
		struct kdbus_pool *pool;
		struct hlist_head results;
	};

	struct rb_root requests;
	struct list_head owed;
	struct list_head unread;
	u32 n_requests;
	u32 n_untold;
	struct list_head untold;
	struct list_head calls;

	u32 attach_send;
	u32 attach_recv;
	u32 n_names;
	struct list_head names;
	struct kdbus_endpoint *ep;
	struct list_head bus_link;
	struct kdbus_matches *matches;
	struct kdbus_meta *meta;
	char *description;
};

static inline bool kdbus_conn_is_ordinary(const struct kdbus_conn *conn)
{
	return !(conn->flags & KDBUS_HELLO_SPECIAL);
}

static inline bool kdbus_conn_is_apart(const struct kdbus_conn *conn)
{
	return conn->flags & KDBUS_HELLO_APART;
}

static inline bool kdbus_conn_is_activator(const struct kdbus_conn *conn)
{
	return conn->flags & KDBUS_HELLO_ACTIVATOR;
}

/* holders and activators */
static inline bool kdbus_conn_has_policy(const struct kdbus_conn *conn)
{
	return conn->flags & (KDBUS_HELLO_ACTIVATOR | KDBUS_HELLO_POLICY_HOLDER);
}

static inline bool kdbus_conn_is_monitor(const struct kdbus_conn *conn)
{
	return conn->flags & KDBUS_HELLO_MONITOR;
}

static inline bool kdbus_conn_is_direct(const struct kdbus_conn *conn)
{
	return conn->mode & KDBUS_CONN_DIRECT;
}

static inline bool kdbus_conn_is_indexed(const struct kdbus_conn *conn)
{
	return conn->mode & KDBUS_CONN_INDEXED;
}

static inline bool kdbus_conn_is_plain(const struct kdbus_conn *conn)
{
	return conn->mode & KDBUS_CONN_PLAIN;
}

static inline const struct kdbus_host_ops *kdbus_conn_host(const struct kdbus_conn *conn)
{
	return conn->bus->domain->host;
}

static inline bool kdbus_conn_is_strict(const struct kdbus_conn *conn)
{
	return conn->bus->domain->strict;
}

static inline bool kdbus_conn_is_p1(const struct kdbus_conn *conn)
{
	return conn->bus->domain->is_p1;
}

/**
 * kdbus_cmd_hello() - HELLO
 * @ep: where; pinned by the connection
 * @host: the host's object, "caller" from now on
 * @cred: of whoever opened the handle; must outlive the connection
 * @mode: KDBUS_CONN_*
 * @cmd: struct kdbus_cmd_hello.  A direct connection gets no slice: what would be
 *	in it is struct kdbus_bus.bloom
 * @conn_out: written on success; to be let go by kdbus_conn_disconnect() and
 *	kdbus_conn_unref().  NULL if the caller only negotiated
 *
 * Return: 0 or the errno of the ABI.
 */
int kdbus_cmd_hello(struct kdbus_endpoint *ep, void *host, const struct kdbus_cred *cred,
		    unsigned int mode, struct kdbus_cmd_hello *cmd, struct kdbus_conn **conn_out);
/* the last one goes after the disconnect */
struct kdbus_conn *kdbus_conn_ref(struct kdbus_conn *conn);
struct kdbus_conn *kdbus_conn_unref(struct kdbus_conn *conn);

/* the disconnect sequence (10.3); fine when it has happened already */
void kdbus_conn_disconnect(struct kdbus_conn *conn);
/* the same with the registry held for writing */
void kdbus_conn_disconnect_locked(struct kdbus_conn *conn);

/* BYEBYE, UPDATE, FREE */
int kdbus_cmd_byebye(struct kdbus_conn *conn, struct kdbus_cmd *cmd);
int kdbus_cmd_update(struct kdbus_conn *conn, struct kdbus_cmd *cmd);
int kdbus_cmd_free(struct kdbus_conn *conn, struct kdbus_cmd_free *cmd);
/* RECV of a pooled connection */
int kdbus_cmd_recv(struct kdbus_conn *conn, struct kdbus_cmd_recv *cmd);

/**
 * kdbus_conn_recv() - RECV of a direct connection
 * @entry_out: the oldest message; to be freed by kdbus_queue_entry_free()
 *
 * When the queue is empty afterwards the host is told of the next one by conn_wake().
 *
 * Return: 0, -EAGAIN or -ECONNRESET.
 */
int kdbus_conn_recv(struct kdbus_conn *conn, struct kdbus_queue_entry **entry_out);
/**
 * kdbus_conn_drop() - take the oldest message out, which nobody will ever answer
 * @conn: direct
 * @entry_out: to be freed by kdbus_queue_entry_free()
 * @is_reply_dead_out: somebody who waited for a reply has got REPLY_DEAD, and not who is told
 *
 * Return: 0, -EAGAIN or -ECONNRESET.
 */
int kdbus_conn_drop(struct kdbus_conn *conn, struct kdbus_queue_entry **entry_out,
		    bool *is_reply_dead_out);
/**
 * kdbus_conn_is_told() - is it for the host to tell what became of a message that waited?
 * @src: its sender, NULL: gone
 * @reply: that it waits for, or NULL
 */
bool kdbus_conn_is_told(const struct kdbus_conn *src, const struct kdbus_reply *reply);
/**
 * kdbus_conn_take_answer() - give the answer to a synchronous call to its caller
 * @conn: whose call it was; with a pool
 * @answer: from kdbus_queue_make(); gone afterwards
 * @info: where it is
 *
 * Called as the caller, with no lock held.
 *
 * Return: 0 or -ECONNRESET.
 */
int kdbus_conn_take_answer(struct kdbus_conn *conn, struct kdbus_queue_entry *answer,
			   struct kdbus_msg_info *info);
/* would RECV have something to say; takes conn.lock */
bool kdbus_conn_is_readable(struct kdbus_conn *conn);

/**
 * kdbus_conn_publish() - hand the result of a command to the peer
 * @buffer: the result; empty afterwards
 * @offset_out: where the peer finds it
 * @size_out: its bytes
 *
 * Return: 0, -EXFULL, -ENOMEM.
 */
int kdbus_conn_publish(struct kdbus_conn *conn, struct kdbus_buffer *buffer, u64 *offset_out,
		       u64 *size_out);
/* memory of a result of a direct connection that was not freed yet, or NULL */
const void *kdbus_conn_result(struct kdbus_conn *conn, u64 offset);

/* policy; with the registry held (7.4) */

/* may @conn, for which @cred acts, own @name */
bool kdbus_conn_may_own(struct kdbus_conn *conn, const struct kdbus_cred *cred, const char *name);
/* may @conn, which is not as good as the owner, and for which @cred acts, talk to @to */
bool kdbus_conn_query_talk(struct kdbus_conn *conn, const struct kdbus_cred *cred,
			   struct kdbus_conn *to);
/* the same, of anybody: who is as good as the owner is not behind a custom endpoint, and needs no
 * policy
 */
static inline bool kdbus_conn_may_talk(struct kdbus_conn *conn, const struct kdbus_cred *cred,
				       struct kdbus_conn *to)
{
	return conn->is_owner || kdbus_conn_query_talk(conn, cred, to);
}
bool kdbus_conn_may_see_name(struct kdbus_conn *conn, const char *name);
bool kdbus_conn_may_see(struct kdbus_conn *conn, struct kdbus_conn *whom);

#endif
