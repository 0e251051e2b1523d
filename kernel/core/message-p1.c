// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Messages as P1 checks them
 *
 * Header, items, combination, sender: in this order.  An item is validated when
 * its turn comes, so what is wrong with the first of two is what is reported.
 *
 * A receiver finds the destination, the payload and the descriptors in this
 * order, and no bloom filter.  The filter is kept behind the message, where only
 * the matches look.
 */
#include "kernel/core/connection.h"
#include "kernel/core/limits.h"
#include "kernel/core/message-p1.h"

int kdbus_message_parse_p1(struct kdbus_msg *msg, struct kdbus_args *args_out)
{
	u64 items_size = msg->size - sizeof(*msg);

	if (msg->flags &
	    ~(u64)(KDBUS_MSG_EXPECT_REPLY | KDBUS_MSG_NO_AUTO_START | KDBUS_MSG_SIGNAL))
		return -EINVAL;
	if (kdbus_items_check(msg->items, items_size) < 0)
		return -EINVAL;
	*args_out = (struct kdbus_args){
		.items = msg->items,
		.items_end = (u8 *)msg->items + items_size,
		.flags = msg->flags,
	};
	return 0;
}

int kdbus_message_check_header_p1(const struct kdbus_message *msg, u64 send_flags)
{
	if (msg->payload_type == KDBUS_PAYLOAD_KERNEL)
		return -EINVAL;
	if (!(msg->flags & KDBUS_MSG_EXPECT_REPLY)) {
		if (send_flags & KDBUS_SEND_SYNC_REPLY)
			return -EINVAL;
		return msg->cookie_reply && (msg->flags & KDBUS_MSG_SIGNAL) ? -EINVAL : 0;
	}
	if (!msg->cookie_reply || !msg->cookie)
		return -EINVAL;
	if (kdbus_message_is_broadcast(msg))
		return -ENOTUNIQ;
	return msg->flags & KDBUS_MSG_SIGNAL ? -EINVAL : 0;
}

static int check_once(bool *has)
{
	if (*has)
		return -EEXIST;
	*has = true;
	return 0;
}

int kdbus_message_check_item_p1(const struct kdbus_conn *src, const struct kdbus_message *msg,
				const struct kdbus_item *item, struct kdbus_items_p1 *seen)
{
	int r;

	if (seen->n_items++ >= KDBUS_MSG_MAX_ITEMS_P1)
		return -E2BIG;
	r = kdbus_item_validate(item);
	if (r < 0)
		return r;

	switch (item->type) {
	case KDBUS_ITEM_PAYLOAD_VEC:
		if (check_add_overflow(seen->vec_size, item->vec.size, &seen->vec_size) ||
		    seen->vec_size > kdbus_limit(src->bus->domain, vec_size))
			return -EMSGSIZE;
		return 0;
	case KDBUS_ITEM_FDS:
		r = check_once(&seen->has_fds);
		if (r < 0)
			return r;
		return kdbus_message_is_broadcast(msg) ? -ENOTUNIQ : 0;
	case KDBUS_ITEM_BLOOM_FILTER:
		return check_once(&seen->has_bloom);
	case KDBUS_ITEM_DST_NAME:
		return check_once(&seen->has_name);
	}
	return 0;
}

static int check_combination(const struct kdbus_conn *src, const struct kdbus_message *msg)
{
	bool is_signal = msg->flags & KDBUS_MSG_SIGNAL;

	if (msg->dst_id == KDBUS_DST_ID_NAME && !msg->dst_name)
		return -EDESTADDRREQ;
	if (kdbus_message_is_broadcast(msg) && (msg->dst_name || !is_signal))
		return -EBADMSG;
	if (is_signal != !!msg->bloom)
		return -EBADMSG;
	if (msg->body->msg.src_id != 0 && msg->body->msg.src_id != src->id)
		return -EINVAL;
	return 0;
}

/* which of three groups an item of a message is delivered in; the filter is in none */
static unsigned int item_group(const struct kdbus_item *item)
{
	switch (item->type) {
	case KDBUS_ITEM_DST_NAME:
		return 0;
	case KDBUS_ITEM_FDS:
		return 2;
	case KDBUS_ITEM_BLOOM_FILTER:
		return 3;
	}
	return 1;
}

/* copies the items of @group to @pos; where they end, not padded */
static u8 *copy_group(const struct kdbus_msg *from, unsigned int group, u8 *pos,
		      struct kdbus_message *msg)
{
	const struct kdbus_item *item;
	u8 *end = pos;

	kdbus_items_for_each(item, from->items, (const u8 *)from + from->size) {
		if (item_group(item) != group)
			continue;
		pos = (u8 *)(uintptr_t)KDBUS_ALIGN8((uintptr_t)end);
		memcpy(pos, item, item->size);
		end = pos + item->size;
		if (item->type == KDBUS_ITEM_DST_NAME)
			msg->dst_name = ((struct kdbus_item *)pos)->str;
		else if (item->type == KDBUS_ITEM_BLOOM_FILTER)
			msg->bloom = ((struct kdbus_item *)pos)->bloom_filter.data;
	}
	return end;
}

int kdbus_message_finish_p1(const struct kdbus_conn *src, struct kdbus_message *msg)
{
	struct kdbus_body *body;
	u8 *end;
	int r;

	r = check_combination(src, msg);
	if (r < 0)
		return r;
	/* the padding of what was last may be missing */
	body = kdbus_body_new(KDBUS_ALIGN8(msg->body->msg.size) + 8);
	if (!body)
		return -ENOMEM;
	memcpy(&body->msg, &msg->body->msg, sizeof(body->msg));
	end = copy_group(&msg->body->msg, 0, (u8 *)body->msg.items, msg);
	end = copy_group(&msg->body->msg, 1, end, msg);
	end = copy_group(&msg->body->msg, 2, end, msg);
	body->msg.size = end - (u8 *)&body->msg;
	copy_group(&msg->body->msg, 3, end, msg);
	kdbus_body_unref(msg->body);
	msg->body = body;
	return 0;
}
