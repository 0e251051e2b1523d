/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Message
 *
 * A message on its way: it lives on the stack of whoever sends it, until every
 * receiver has its queue entry.
 */
#ifndef KDBUS_MESSAGE_H
#define KDBUS_MESSAGE_H

#include "kernel/core/item.h"
#include "kernel/core/queue.h"

struct kdbus_call;
struct kdbus_stage;

/* more than any quota allows, and far from where sizes overflow */
#define KDBUS_EXTRA_MAX (1ULL << 40)

/**
 * struct kdbus_body - header and items of a message, as its sender gave them
 * @kref: the message, and each queue entry that has descriptors to install
 * @msg: the header, with the items behind it
 */
struct kdbus_body {
	struct kref kref;
	struct kdbus_msg msg;
};

/**
 * struct kdbus_message - a message on its way
 * @flags: KDBUS_MSG_*
 * @priority: lower is more urgent
 * @dst_id: as in struct kdbus_msg
 * @payload_type: KDBUS_PAYLOAD_*
 * @cookie: the sender's number
 * @cookie_reply: or timeout_ns, as in struct kdbus_msg
 * @dst_name: or NULL
 * @dst_name_len: without the NUL
 * @bloom: filter, of the size of the bus, or NULL
 * @bloom_generation: what goes with it
 * @payload: borrowed from the sender; NULL for a notification
 * @payload_size: bytes of its image
 * @extra_size: bytes of zeros and memory files that the image is without; at most
 *	KDBUS_EXTRA_MAX
 * @n_fds: descriptors in it, memory fds not counted
 * @n_memfds: those
 * @call: who waits for the reply; or NULL
 * @is_notification: @notification counts
 * @notification: of a notification
 * @name: destination or subject; a reference to it is in each queue entry
 * @stage: if its payload is not here yet; or NULL
 * @body: a reference; NULL for a direct message, until a receiver needs it
 * @host: for the host: what a direct connection sends
 * @src: who sends; NULL for a notification
 * @meta: identity of the sending task; NULL if nobody can want it
 * @seqnum: number on the bus
 * @monotonic_ns: when it was sent; 0 before anybody wanted to know
 * @realtime_ns: the same
 * @direct_size: of kdbus_message_direct_size(); 0 before anybody asked
 *
 * Those from @src on are filled in on the way.
 */
struct kdbus_message {
	u64 flags;
	s64 priority;
	u64 dst_id;
	u64 payload_type;
	u64 cookie;
	u64 cookie_reply;
	const char *dst_name;
	size_t dst_name_len;
	const u64 *bloom;
	u64 bloom_generation;
	struct kdbus_payload *payload;
	u64 payload_size;
	u64 extra_size;
	u32 n_fds;
	u32 n_memfds;
	struct kdbus_call *call;
	bool is_notification;
	struct kdbus_notification notification;
	struct kdbus_name_entry *name;
	struct kdbus_stage *stage;
	struct kdbus_body *body;
	const void *host;

	struct kdbus_conn *src;
	struct kdbus_meta *meta;
	u64 seqnum;
	u64 monotonic_ns;
	u64 realtime_ns;
	u64 direct_size;
};

static inline bool kdbus_message_is_broadcast(const struct kdbus_message *msg)
{
	return msg->dst_id == KDBUS_DST_ID_BROADCAST;
}

/* an answer, as far as it is for the sender to say */
static inline bool kdbus_message_is_reply(const struct kdbus_message *msg)
{
	return !(msg->flags & (KDBUS_MSG_EXPECT_REPLY | KDBUS_MSG_SIGNAL)) && msg->cookie_reply;
}

/* a message of @size bytes, header included, all zero; NULL if there is no memory */
struct kdbus_body *kdbus_body_new(u64 size);
struct kdbus_body *kdbus_body_ref(struct kdbus_body *body);
struct kdbus_body *kdbus_body_unref(struct kdbus_body *body);

/**
 * kdbus_message_restore() - the message that a queue entry is of
 * @src: who sent it
 * @entry: of no notification; @msg_out borrows all from it
 *
 * What nobody needs to put it into another queue is missing: the bloom filter, and who the
 * sending task was.
 */
void kdbus_message_restore(struct kdbus_message *msg_out, struct kdbus_conn *src,
			   const struct kdbus_queue_entry *entry);

/* bytes that a direct receiver, who gets no metadata but all of the payload in one piece, counts */
u64 kdbus_message_direct_size(struct kdbus_message *msg);

/**
 * kdbus_message_render() - header, items and metadata as @dst gets them
 * @msg: from its sender; gets a body if it had none
 * @dst: a pooled connection, the lock of which is held
 * @buffer: empty; padded to 8 at the end, the payload goes behind
 *
 * Return: 0 or -ENOMEM.
 */
int kdbus_message_render(struct kdbus_message *msg, struct kdbus_conn *dst,
			 struct kdbus_buffer *buffer);

/**
 * kdbus_conn_send() - SEND of a message that is not in the form of the ABI
 * @src: ordinary
 * @msg: filled in by the caller, up to @host.  SIGNAL needs no @bloom where nobody
 *	could look at it, unless the domain is strict
 *
 * Return: 0 or the errno of the ABI.
 */
int kdbus_conn_send(struct kdbus_conn *src, struct kdbus_message *msg);

/**
 * kdbus_cmd_send() - SEND
 * @waiter: for call_wake(); NULL if the host cannot wait
 * @call_out: with KDBUS_CALL_WAITS, to be ended by kdbus_call_end()
 *
 * Return: 0, KDBUS_CALL_WAITS, or the errno of the ABI.
 */
int kdbus_cmd_send(struct kdbus_conn *conn, struct kdbus_cmd_send *cmd, void *waiter,
		   struct kdbus_call **call_out);

#endif
