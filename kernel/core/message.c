// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Message
 *
 * A message comes in one of two forms.  The ABI's is a struct kdbus_msg with
 * items in the memory of its sender; it is copied once, checked, and its payload
 * is handed to the host (reference 3.12).  A direct connection comes with the
 * fields and a payload the host has already.  Both end in struct kdbus_message,
 * which delivery.c takes to its receivers.
 *
 * What a pooled receiver finds in its slice (reference 4.2) is rendered here:
 * the sender's header and items, with PAYLOAD_VEC turned into PAYLOAD_OFF and
 * descriptors into -1, the metadata, and behind that the payload.  A direct
 * message gets the header and the items it would have had.
 */
#include "kernel/core/args.h"
#include "kernel/core/call.h"
#include "kernel/core/connection.h"
#include "kernel/core/delivery.h"
#include "kernel/core/limits.h"
#include "kernel/core/message-p1.h"
#include "kernel/core/message.h"
#include "kernel/core/metadata.h"
#include "kernel/core/names.h"
#include "kernel/core/reply.h"
#include "kernel/core/stage.h"

/* a pointer beyond this is no address of a process */
#define USER_ADDRESS_MAX (~0ULL >> 1)

static void kdbus_body_release(struct kref *kref)
{
	kvfree(container_of(kref, struct kdbus_body, kref));
}

struct kdbus_body *kdbus_body_ref(struct kdbus_body *body)
{
	if (body)
		kref_get(&body->kref);
	return body;
}

struct kdbus_body *kdbus_body_unref(struct kdbus_body *body)
{
	if (body)
		kref_put(&body->kref, kdbus_body_release);
	return NULL;
}

struct kdbus_body *kdbus_body_new(u64 size)
{
	struct kdbus_body *body;

	body = kvzalloc(offsetof(struct kdbus_body, msg) + KDBUS_ALIGN8(size), GFP_KERNEL_ACCOUNT);
	if (body)
		kref_init(&body->kref);
	return body;
}

/* the size of the ABI form of a notification, without its timestamp */
static u64 notification_size(const struct kdbus_message *msg)
{
	u64 size = 0;

	switch (msg->notification.type) {
	case KDBUS_ITEM_ID_ADD:
	case KDBUS_ITEM_ID_REMOVE:
		size = sizeof(struct kdbus_notify_id_change);
		break;
	case KDBUS_ITEM_NAME_ADD:
	case KDBUS_ITEM_NAME_REMOVE:
	case KDBUS_ITEM_NAME_CHANGE:
		size = sizeof(struct kdbus_notify_name_change) + msg->name->len + 1;
		break;
	}
	return sizeof(struct kdbus_msg) + KDBUS_ITEM_PADDED_SIZE(size);
}

/* the size of the ABI form of a message, payload not counted */
static u64 message_size(const struct kdbus_message *msg, u64 bloom_size)
{
	u64 size = sizeof(struct kdbus_msg);

	if (msg->body)
		return msg->body->msg.size;
	if (msg->dst_name)
		size += KDBUS_ITEM_PADDED_SIZE(msg->dst_name_len + 1);
	if (msg->bloom)
		size += KDBUS_ITEM_PADDED_SIZE(sizeof(struct kdbus_bloom_filter) + bloom_size);
	if (msg->payload_size > 0)
		size += KDBUS_ITEM_PADDED_SIZE(sizeof(struct kdbus_vec));
	if (msg->n_fds > 0)
		size += KDBUS_ITEM_PADDED_SIZE(msg->n_fds * sizeof(s32));
	return size;
}

u64 kdbus_message_direct_size(struct kdbus_message *msg)
{
	/* the same for all receivers of a broadcast */
	if (msg->direct_size)
		return msg->direct_size;
	if (msg->is_notification)
		msg->direct_size = notification_size(msg) +
				   KDBUS_ITEM_PADDED_SIZE(sizeof(struct kdbus_timestamp));
	else
		msg->direct_size = KDBUS_ALIGN8(message_size(msg, msg->src->bus->bloom.size)) +
				   KDBUS_ALIGN8(msg->payload_size + msg->extra_size);
	return msg->direct_size;
}

static void render_header(const struct kdbus_message *msg, struct kdbus_msg *out)
{
	out->flags = msg->flags;
	out->priority = msg->priority;
	out->dst_id = msg->dst_id;
	out->src_id = msg->src ? msg->src->id : KDBUS_SRC_ID_KERNEL;
	out->payload_type = msg->payload_type;
	out->cookie = msg->cookie;
	out->cookie_reply = msg->cookie_reply;
}

static void render_notification(const struct kdbus_message *msg, bool is_p1,
				struct kdbus_buffer *buffer)
{
	const struct kdbus_notification *n = &msg->notification;
	struct kdbus_item *item;
	size_t size = notification_size(msg) - sizeof(struct kdbus_msg) - KDBUS_ITEM_HEADER_SIZE;

	switch (n->type) {
	case KDBUS_ITEM_ID_ADD:
	case KDBUS_ITEM_ID_REMOVE:
		item = kdbus_buffer_add_item(buffer, n->type, NULL, size);
		if (!item)
			return;
		item->id_change.id = n->type == KDBUS_ITEM_ID_ADD ? n->new_id : n->old_id;
		item->id_change.flags = n->type == KDBUS_ITEM_ID_ADD ? n->new_flags : n->old_flags;
		break;
	case KDBUS_ITEM_NAME_ADD:
	case KDBUS_ITEM_NAME_REMOVE:
	case KDBUS_ITEM_NAME_CHANGE:
		size = sizeof(struct kdbus_notify_name_change) + msg->name->len + 1;
		/* P1 counts the padding */
		if (is_p1)
			size = KDBUS_ALIGN8(size);
		item = kdbus_buffer_add_item(buffer, n->type, NULL, size);
		if (!item)
			return;
		item->name_change.old_id.id = n->old_id;
		item->name_change.old_id.flags = n->old_flags;
		item->name_change.new_id.id = n->new_id;
		item->name_change.new_id.flags = n->new_flags;
		memcpy(item->name_change.name, msg->name->name, msg->name->len);
		break;
	default:
		kdbus_buffer_add_item(buffer, n->type, NULL, 0);
		break;
	}
}

/* the items of a direct message, as they would have been sent */
static int message_make_body(struct kdbus_message *msg)
{
	u64 bloom_size = msg->src->bus->bloom.size;
	struct kdbus_body *body;
	struct kdbus_item *item;
	u64 size;

	if (msg->body)
		return 0;
	size = message_size(msg, bloom_size);
	body = kdbus_body_new(size);
	if (!body)
		return -ENOMEM;

	render_header(msg, &body->msg);
	body->msg.size = size;
	item = body->msg.items;
	if (msg->dst_name) {
		item->type = KDBUS_ITEM_DST_NAME;
		item->size = KDBUS_ITEM_SIZE(msg->dst_name_len + 1);
		memcpy(item->str, msg->dst_name, msg->dst_name_len);
		item = (struct kdbus_item *)kdbus_item_next(item);
	}
	if (msg->bloom) {
		item->type = KDBUS_ITEM_BLOOM_FILTER;
		item->size = KDBUS_ITEM_SIZE(sizeof(struct kdbus_bloom_filter) + bloom_size);
		item->bloom_filter.generation = msg->bloom_generation;
		memcpy(item->bloom_filter.data, msg->bloom, bloom_size);
		item = (struct kdbus_item *)kdbus_item_next(item);
	}
	if (msg->payload_size > 0) {
		item->type = KDBUS_ITEM_PAYLOAD_VEC;
		item->size = KDBUS_ITEM_SIZE(sizeof(struct kdbus_vec));
		item->vec.size = msg->payload_size;
		/* only zero means something */
		item->vec.address = 1;
		item = (struct kdbus_item *)kdbus_item_next(item);
	}
	if (msg->n_fds > 0) {
		item->type = KDBUS_ITEM_FDS;
		item->size = KDBUS_ITEM_SIZE(msg->n_fds * sizeof(s32));
	}
	msg->body = body;
	return 0;
}

/* in the copy of the sender's items: what only the receiver can know */
static void render_items(struct kdbus_msg *out, const void *end, u64 payload_offset)
{
	struct kdbus_item *item;
	u64 offset = payload_offset;
	size_t i, n;

	for (item = out->items; (const void *)item < end;
	     item = (struct kdbus_item *)kdbus_item_next(item)) {
		switch (item->type) {
		case KDBUS_ITEM_PAYLOAD_VEC:
			item->type = KDBUS_ITEM_PAYLOAD_OFF;
			if (item->vec.address) {
				item->vec.offset = offset;
				offset += item->vec.size;
			} else {
				item->vec.offset = ~0ULL;
				offset += item->vec.size % 8;
			}
			break;
		case KDBUS_ITEM_PAYLOAD_MEMFD:
			item->memfd.fd = -1;
			offset += item->memfd.size % 8;
			break;
		case KDBUS_ITEM_FDS:
			n = kdbus_item_payload_size(item) / sizeof(s32);
			for (i = 0; i < n; i++)
				item->fds[i] = -1;
			break;
		}
	}
}

int kdbus_message_render(struct kdbus_message *msg, struct kdbus_conn *dst,
			 struct kdbus_buffer *buffer)
{
	u64 size, items_size;
	struct kdbus_msg *out;
	int r;

	if (!kdbus_buffer_extend(buffer, sizeof(struct kdbus_msg)))
		return -ENOMEM;
	items_size = 0;
	if (msg->is_notification) {
		render_notification(msg, kdbus_conn_is_p1(dst), buffer);
	} else {
		r = message_make_body(msg);
		if (r < 0)
			return r;
		items_size = msg->body->msg.size - sizeof(struct kdbus_msg);
		if (items_size > 0) {
			void *items = kdbus_buffer_extend(buffer, KDBUS_ALIGN8(items_size));

			if (!items)
				return -ENOMEM;
			memcpy(items, msg->body->msg.items, items_size);
			buffer->padding = KDBUS_ALIGN8(items_size) - items_size;
		}
	}
	kdbus_metadata_add_message(msg, dst, buffer);
	if (buffer->error)
		return buffer->error;

	out = kdbus_buffer_data(buffer);
	size = buffer->size - buffer->padding;
	render_header(msg, out);
	out->size = size;
	if (!msg->is_notification)
		render_items(out, (u8 *)out->items + items_size, KDBUS_ALIGN8(size));
	return 0;
}

/* @size bytes more, which are in the image or are not, but for what aligns the next */
static void add_size(struct kdbus_message *msg, u64 size, bool is_in_image)
{
	if (is_in_image) {
		msg->payload_size += size;
		return;
	}
	msg->payload_size += size % 8;
	msg->extra_size += min_t(u64, size - size % 8, KDBUS_EXTRA_MAX - msg->extra_size);
}

void kdbus_message_restore(struct kdbus_message *msg_out, struct kdbus_conn *src,
			   const struct kdbus_queue_entry *entry)
{
	const struct kdbus_msg *msg = entry->body ? &entry->body->msg : NULL;
	const struct kdbus_item *item;

	*msg_out = (struct kdbus_message){
		.flags = entry->flags,
		.priority = entry->priority,
		.dst_id = entry->dst_id,
		.payload_type = entry->payload_type,
		.cookie = entry->cookie,
		.cookie_reply = entry->cookie_reply,
		.dst_name = entry->name ? entry->name->name : NULL,
		.dst_name_len = entry->name ? entry->name->len : 0,
		.payload = entry->payload,
		.n_fds = entry->n_fds,
		.name = entry->name,
		.body = entry->body,
		.src = src,
		.seqnum = atomic64_inc_return(&src->bus->last_seqnum),
	};
	if (!msg) {
		msg_out->payload_size = entry->payload_size;
		return;
	}
	kdbus_items_for_each(item, msg->items, (const u8 *)msg + msg->size) {
		if (item->type == KDBUS_ITEM_PAYLOAD_VEC) {
			add_size(msg_out, item->vec.size, item->vec.address);
		} else if (item->type == KDBUS_ITEM_PAYLOAD_MEMFD) {
			add_size(msg_out, item->memfd.size, false);
			msg_out->n_memfds++;
		}
	}
}

static const struct kdbus_args_rule message_rule = {
	.size = sizeof(struct kdbus_msg),
	.flags = KDBUS_MSG_EXPECT_REPLY | KDBUS_MSG_NO_AUTO_START | KDBUS_MSG_SIGNAL,
	.n_args = 5,
	.args =
		{
			{KDBUS_ITEM_PAYLOAD_VEC, KDBUS_ARG_MULTIPLE},
			{KDBUS_ITEM_PAYLOAD_MEMFD, KDBUS_ARG_MULTIPLE},
			{KDBUS_ITEM_FDS},
			{KDBUS_ITEM_BLOOM_FILTER},
			{KDBUS_ITEM_DST_NAME},
		},
};

/*
 * message_check_header() - rows 7 to 13 of reference 3.12
 */
static int message_check_header(const struct kdbus_message *msg, u64 send_flags)
{
	if (msg->payload_type == KDBUS_PAYLOAD_KERNEL)
		return -EINVAL;
	if (kdbus_message_is_broadcast(msg)) {
		if (!(msg->flags & KDBUS_MSG_SIGNAL))
			return -EBADMSG;
		if (msg->cookie_reply)
			return -ENOTUNIQ;
	}
	if (msg->flags & KDBUS_MSG_EXPECT_REPLY) {
		if (!msg->cookie_reply)
			return -EINVAL;
		if (msg->flags & KDBUS_MSG_SIGNAL)
			return -ENOTUNIQ;
		return 0;
	}
	if (send_flags & KDBUS_SEND_SYNC_REPLY)
		return -EINVAL;
	if (msg->cookie_reply && (msg->flags & KDBUS_MSG_SIGNAL))
		return -EINVAL;
	return 0;
}

/*
 * message_check_combination() - rows 15 to 17: what does not go together
 *
 * What nobody could look at need not be there, unless the domain is strict.
 */
static int message_check_combination(const struct kdbus_conn *src, const struct kdbus_message *msg)
{
	bool is_signal = msg->flags & KDBUS_MSG_SIGNAL;
	bool is_strict = kdbus_conn_is_strict(src);

	if (is_signal != !!msg->bloom &&
	    (!is_signal || is_strict || msg->body || kdbus_bus_needs_bloom(src->bus)))
		return -EBADMSG;
	if (msg->dst_id == KDBUS_DST_ID_NAME && !msg->dst_name)
		return -EDESTADDRREQ;
	if (msg->n_fds > 0 && kdbus_message_is_broadcast(msg) && is_strict)
		return -ENOTUNIQ;
	return 0;
}

/* does any receiver's wish make it worth while to look at the task that sends */
static int message_capture(struct kdbus_conn *src, struct kdbus_message *msg)
{
	u64 wanted = READ_ONCE(src->bus->attach_wanted) & KDBUS_ATTACH_TASK;

	if (src->is_fake || !wanted)
		return 0;
	return kdbus_conn_host(src)->meta_capture(src->host, wanted, &msg->meta);
}

static int message_send(struct kdbus_conn *src, struct kdbus_message *msg)
{
	const struct kdbus_host_ops *host = kdbus_conn_host(src);
	int r;

	msg->src = src;
	r = message_capture(src, msg);
	if (r < 0)
		return r;
	r = kdbus_deliver(msg);
	host->meta_free(msg->meta);
	return r;
}

int kdbus_conn_send(struct kdbus_conn *src, struct kdbus_message *msg)
{
	int r;

	r = message_check_header(msg, 0);
	if (r < 0)
		return r;
	if (msg->n_fds > kdbus_limit(src->bus->domain, n_fds_msg))
		return -EMFILE;
	if (kdbus_message_is_broadcast(msg) && msg->dst_name)
		return -EBADMSG;
	r = message_check_combination(src, msg);
	if (r < 0)
		return r;
	r = message_send(src, msg);
	/* made for receivers that have a pool */
	msg->body = kdbus_body_unref(msg->body);
	return r;
}

static int check_vec(const struct kdbus_conn *src, const struct kdbus_vec *vec)
{
	if (vec->size > kdbus_limit(src->bus->domain, vec_size))
		return -EMSGSIZE;
	if (vec->address > USER_ADDRESS_MAX || vec->size > USER_ADDRESS_MAX - vec->address)
		return -EFAULT;
	return 0;
}

static int check_bloom(const struct kdbus_conn *src, const struct kdbus_item *item)
{
	u64 size = kdbus_item_payload_size(item) - sizeof(struct kdbus_bloom_filter);

	if (size % 8 != 0)
		return -EFAULT;
	return size == src->bus->bloom.size ? 0 : -EDOM;
}

/*
 * message_collect_item() - row 14, for one item
 *
 * On success the item has found its way into @msg or @part; *@part_used says which.
 */
static int message_collect_item(struct kdbus_conn *src, const struct kdbus_item *item,
				struct kdbus_message *msg, struct kdbus_part *part,
				bool *part_used_out)
{
	int r;

	*part_used_out = true;
	switch (item->type) {
	case KDBUS_ITEM_PAYLOAD_VEC:
		r = check_vec(src, &item->vec);
		if (r < 0)
			return r;
		part->type = item->vec.address ? KDBUS_PART_BYTES : KDBUS_PART_ZERO;
		part->address = item->vec.address;
		part->size = item->vec.size;
		add_size(msg, item->vec.size, item->vec.address);
		return 0;
	case KDBUS_ITEM_PAYLOAD_MEMFD:
		if (item->memfd.start + item->memfd.size < item->memfd.size)
			return -EMSGSIZE;
		if (msg->n_memfds >= KDBUS_MSG_MAX_MEMFDS)
			return -E2BIG;
		part->type = KDBUS_PART_MEMFD;
		part->fd = item->memfd.fd;
		part->start = item->memfd.start;
		part->size = item->memfd.size;
		add_size(msg, item->memfd.size, false);
		msg->n_memfds++;
		return 0;
	case KDBUS_ITEM_FDS:
		part->type = KDBUS_PART_FDS;
		part->fds = item->fds;
		part->n_fds = kdbus_item_payload_size(item) / sizeof(s32);
		if (part->n_fds > kdbus_limit(src->bus->domain, n_fds_msg))
			return -EMFILE;
		msg->n_fds = part->n_fds;
		return 0;
	case KDBUS_ITEM_BLOOM_FILTER:
		*part_used_out = false;
		msg->bloom = item->bloom_filter.data;
		msg->bloom_generation = item->bloom_filter.generation;
		return check_bloom(src, item);
	case KDBUS_ITEM_DST_NAME:
		*part_used_out = false;
		if (!kdbus_name_is_valid(item->str, false))
			return -EINVAL;
		if (kdbus_message_is_broadcast(msg) && !kdbus_conn_is_p1(src))
			return -EBADMSG;
		msg->dst_name = item->str;
		msg->dst_name_len = kdbus_item_payload_size(item) - 1;
		return 0;
	}
	/* NEGOTIATE in a message that is really sent */
	return -EINVAL;
}

/* walks the items of @msg->body: the parts of the payload in order, the rest into @msg; on error
 * those parts that come before what is wrong
 */
static int message_collect_items(struct kdbus_conn *src, struct kdbus_message *msg,
				 const void *items_end, struct kdbus_part *parts,
				 size_t *n_parts_out)
{
	struct kdbus_items_p1 seen = {};
	const struct kdbus_item *item;
	bool part_used;
	int r;

	kdbus_items_for_each(item, msg->body->msg.items, items_end) {
		if (kdbus_conn_is_p1(src)) {
			r = kdbus_message_check_item_p1(src, msg, item, &seen);
			if (r < 0)
				return r;
		}
		r = message_collect_item(src, item, msg, &parts[*n_parts_out], &part_used);
		if (r < 0)
			return r;
		*n_parts_out += part_used;
	}
	return 0;
}

/* rows 6 to 18: everything that is checked before anybody is looked for */
static int message_prepare(struct kdbus_conn *src, struct kdbus_message *msg, u64 send_flags,
			   const void *items_end, struct kdbus_stage *stage,
			   struct kdbus_part *parts)
{
	const struct kdbus_host_ops *host = kdbus_conn_host(src);
	bool is_p1 = kdbus_conn_is_p1(src), stays;
	size_t n_parts = 0;
	int r, w;

	if (!is_p1 && msg->body->msg.src_id != 0 && msg->body->msg.src_id != src->id)
		return -EINVAL;
	if (is_p1)
		r = kdbus_message_check_header_p1(msg, send_flags);
	else
		r = message_check_header(msg, send_flags);
	if (r < 0)
		return r;
	r = message_collect_items(src, msg, items_end, parts, &n_parts);
	if (r >= 0 && !is_p1)
		r = message_check_combination(src, msg);
	/* P1 imports as it goes: what is wrong with an earlier item is said first */
	if (n_parts > 0 && (r >= 0 || is_p1)) {
		stays = host->payload_load && msg->payload_size > 0 &&
			!kdbus_message_is_broadcast(msg);
		w = host->payload_import(src->host, parts, n_parts, stays, &msg->payload);
		if (w < 0)
			return w;
		if (stays) {
			stage->parts = parts;
			stage->n_parts = n_parts;
			msg->stage = stage;
		}
	}
	if (r >= 0 && is_p1)
		r = kdbus_message_finish_p1(src, msg);
	return r;
}

/* room for all parts that the items of @msg can be */
static struct kdbus_part *message_alloc_parts(const struct kdbus_message *msg,
					      const void *items_end)
{
	const struct kdbus_item *item;
	size_t n_items = 0;

	kdbus_items_for_each(item, msg->body->msg.items, items_end)
		n_items++;
	return kvcalloc(n_items + 1, sizeof(struct kdbus_part), GFP_KERNEL_ACCOUNT);
}

/*
 * message_read() - copy a message in: 2.6 steps 1 to 3
 */
static int message_read(struct kdbus_conn *src, u64 address, struct kdbus_body **body_out)
{
	const struct kdbus_host_ops *host = kdbus_conn_host(src);
	struct kdbus_body *body;
	u64 size;
	int r;

	if (!IS_ALIGNED(address, 8))
		return -EFAULT;
	r = host->user_read(src->host, &size, address, sizeof(size));
	if (r < 0)
		return r;
	if (size < sizeof(struct kdbus_msg))
		return -EINVAL;
	if (kdbus_conn_is_p1(src) && size > KDBUS_MSG_MAX_SIZE_P1)
		return -EINVAL;
	if (size > KDBUS_MSG_MAX_SIZE)
		return -EMSGSIZE;

	body = kdbus_body_new(size);
	if (!body)
		return -ENOMEM;
	r = host->user_read(src->host, &body->msg, address, size);
	if (r < 0)
		goto exit_body;
	if (body->msg.size != size) {
		r = -EINVAL;
		goto exit_body;
	}
	*body_out = body;
	return 0;

exit_body:
	kdbus_body_unref(body);
	return r;
}

/* reads and checks the message at @address: row 3, and what is to be said about negotiation */
static int message_parse(struct kdbus_conn *src, u64 address, struct kdbus_body **body_out,
			 struct kdbus_args *args_out)
{
	struct kdbus_body *body;
	int r, w;

	r = message_read(src, address, &body);
	if (r < 0)
		return r;
	if (kdbus_conn_is_p1(src))
		r = kdbus_message_parse_p1(&body->msg, args_out);
	else
		r = kdbus_args_parse(&message_rule, src->bus->domain, &body->msg, args_out);
	if (r < 0)
		goto exit_body;
	if (args_out->is_answered) {
		w = kdbus_conn_host(src)->user_write(src->host, address, &body->msg,
						     body->msg.size);
		if (w < 0) {
			r = w;
			goto exit_body;
		}
	}
	*body_out = body;
	return r;

exit_body:
	kdbus_body_unref(body);
	return r;
}

static const struct kdbus_args_rule send_rule = {
	.size = sizeof(struct kdbus_cmd_send),
	.flags = KDBUS_SEND_SYNC_REPLY,
	.n_args = 1,
	.args = {{KDBUS_ITEM_CANCEL_FD}},
};

/* SYNC_REPLY: sends it, unless a call that was interrupted is resumed */
static int send_call(struct kdbus_conn *conn, struct kdbus_message *msg, struct kdbus_call *call)
{
	u64 monotonic_ns, realtime_ns;
	int r;

	if (!call->waiter)
		return -EOPNOTSUPP;
	if (kdbus_reply_resume(call, msg->cookie))
		return KDBUS_CALL_WAITS;
	kdbus_conn_host(conn)->clock(&monotonic_ns, &realtime_ns);
	if (msg->cookie_reply <= monotonic_ns)
		return -ETIMEDOUT;
	call->deadline_ns = msg->cookie_reply;
	msg->call = call;
	r = message_send(conn, msg);
	return r < 0 ? r : KDBUS_CALL_WAITS;
}

/* what a SEND needs besides the message: somebody to wait, and what may end that */
static int send_make_call(struct kdbus_conn *conn, struct kdbus_cmd_send *cmd,
			  const struct kdbus_args *args, void *waiter, struct kdbus_call **call_out)
{
	const struct kdbus_item *cancel = args->found[0];
	struct kdbus_call *call;
	int r;

	*call_out = NULL;
	if (!(args->flags & KDBUS_SEND_SYNC_REPLY) && !cancel)
		return 0;
	r = kdbus_call_new(conn, waiter, cmd, &call);
	if (r < 0)
		return r;
	if (cancel) {
		r = kdbus_conn_host(conn)->cancel_get(conn->host, cancel->fds[0], &call->cancel);
		if (r < 0) {
			kdbus_call_free(call);
			return r;
		}
	}
	*call_out = call;
	return 0;
}

static int send_message(struct kdbus_conn *conn, struct kdbus_message *msg, u64 send_flags,
			const void *items_end, struct kdbus_call *call)
{
	struct kdbus_stage stage = {};
	struct kdbus_part *parts;
	int r;

	msg->flags = msg->body->msg.flags;
	msg->priority = msg->body->msg.priority;
	msg->dst_id = msg->body->msg.dst_id;
	msg->payload_type = msg->body->msg.payload_type;
	msg->cookie = msg->body->msg.cookie;
	msg->cookie_reply = msg->body->msg.cookie_reply;

	parts = message_alloc_parts(msg, items_end);
	if (!parts)
		return -ENOMEM;
	r = message_prepare(conn, msg, send_flags, items_end, &stage, parts);
	if (r >= 0) {
		if (send_flags & KDBUS_SEND_SYNC_REPLY)
			r = send_call(conn, msg, call);
		else
			r = message_send(conn, msg);
	}
	msg->stage = NULL;
	kvfree(parts);
	return r;
}

int kdbus_cmd_send(struct kdbus_conn *conn, struct kdbus_cmd_send *cmd, void *waiter,
		   struct kdbus_call **call_out)
{
	const struct kdbus_host_ops *host = kdbus_conn_host(conn);
	struct kdbus_args args, msg_args;
	bool is_p1 = kdbus_conn_is_p1(conn);
	struct kdbus_message msg = {};
	struct kdbus_call *call = NULL;
	bool is_negotiation;
	int r;

	if (!kdbus_conn_is_ordinary(conn))
		return -EOPNOTSUPP;
	r = kdbus_args_parse_cmd(&send_rule, conn->bus->domain, cmd, &args);
	if (r < 0)
		return r;
	is_negotiation = r == KDBUS_ARGS_NEGOTIATED;
	if (is_negotiation && (!cmd->msg_address || is_p1))
		return 0;

	if (is_p1) {
		r = send_make_call(conn, cmd, &args, waiter, &call);
		if (r < 0)
			return r;
	}
	r = message_parse(conn, cmd->msg_address, &msg.body, &msg_args);
	if (r < 0)
		goto exit_call;
	if (is_negotiation || r == KDBUS_ARGS_NEGOTIATED) {
		r = is_negotiation ? 0 : -EINVAL;
		goto exit_body;
	}
	if (!is_p1) {
		r = send_make_call(conn, cmd, &args, waiter, &call);
		if (r < 0)
			goto exit_body;
	}

	r = send_message(conn, &msg, args.flags, msg_args.items_end, call);
	if (r == KDBUS_CALL_WAITS) {
		*call_out = call;
		call = NULL;
	} else if (r == 0) {
		cmd->reply.offset = conn->pool_size;
		cmd->reply.msg_size = 0;
		cmd->reply.return_flags = 0;
	}
	if (msg.payload)
		host->payload_put(msg.payload);
exit_body:
	kdbus_body_unref(msg.body);
exit_call:
	kdbus_call_free(call);
	return r;
}
