/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages of the ABI as bytes
 *
 * A message to be sent is a header and items in one buffer that the bus reads
 * once; its payload stays where it is and is pointed at, in pieces no larger
 * than a vec may be.
 *
 * A received one lies in the pool as header, items, metadata, and payload behind
 * (layout: linux/kdbus.h, struct kdbus_msg).  Its descriptors are ours whatever
 * else is wrong with it.  Bytes and descriptors move into one allocation with
 * the payload object, so that the slice can be freed at once, unless the caller gives a payload
 * object that can do with the bytes where they are.  Nothing in the slice is trusted to lie within
 * it.
 */
#include "kernel/engine/engine-message.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/engine/engine-items.h"
#include "proxy/base/list.h"

#define ALIGN8(size) (((size) + 7) & ~(size_t)7)

/* building */

static bool add_bloom(struct engine_items *items, const void *bits, size_t size)
{
	struct kdbus_bloom_filter *filter;

	filter = engine_items_add(items, KDBUS_ITEM_BLOOM_FILTER, NULL, sizeof(*filter) + size);
	if (!filter)
		return false;
	if (bits)
		memcpy(filter->data, bits, size);
	else
		memset(filter->data, 0xff, size);
	return true;
}

static bool add_bytes(struct engine_items *items, const void *data, size_t size)
{
	struct kdbus_vec vec;

	for (size_t done = 0; done < size; done += vec.size) {
		vec.size = size - done < ENGINE_VEC_SIZE_MAX ? size - done : ENGINE_VEC_SIZE_MAX;
		vec.address = (uintptr_t)data + done;
		if (!engine_items_add(items, KDBUS_ITEM_PAYLOAD_VEC, &vec, sizeof(vec)))
			return false;
	}
	return true;
}

struct kdbus_msg *engine_message_build(const struct engine_send *send, size_t bloom_size,
				       void *buffer)
{
	const struct engine_payload *payload = send->payload;
	struct kdbus_msg *msg = buffer;
	struct engine_items items;

	engine_items_init(&items, msg, sizeof(*msg), ENGINE_MSG_SIZE_MAX);
	msg->flags = send->flags;
	msg->dst_id = send->dst_id;
	msg->payload_type = KDBUS_PAYLOAD_DBUS;
	msg->cookie = send->cookie;
	if (send->flags & KDBUS_MSG_EXPECT_REPLY)
		msg->timeout_ns = send->timeout_ns;
	else
		msg->cookie_reply = send->cookie_reply;

	if (send->dst_name && !engine_items_add(&items, KDBUS_ITEM_DST_NAME, send->dst_name,
						strlen(send->dst_name) + 1))
		return NULL;
	if (send->flags & KDBUS_MSG_SIGNAL && !add_bloom(&items, send->bloom, bloom_size))
		return NULL;
	if (!add_bytes(&items, payload->data, payload->size))
		return NULL;
	if (payload->n_fds && !engine_items_add(&items, KDBUS_ITEM_FDS, payload->fds,
						payload->n_fds * sizeof(*payload->fds)))
		return NULL;
	return msg;
}

/* taking apart */

/* longest well-known name of the ABI, with its end */
#define NAME_SIZE_MAX 256

/**
 * struct message - what the pointers in a received message lead to
 * @name: a copy of its name: of the destination, or in a notification
 * @src_creds: engine_received.src_creds
 * @src_names: engine_received.src_names
 */
struct message {
	char name[NAME_SIZE_MAX];
	struct creds src_creds;
	char src_names[];
};

/**
 * struct payload - bytes and descriptors of a received message
 * @base: what the seam knows of it
 * @bytes: its data, and its fds behind
 */
struct payload {
	struct engine_payload base;
	unsigned char bytes[];
};

/**
 * struct slice - a message in a pool
 * @msg: its header
 * @size: bytes of the slice
 */
struct slice {
	const struct kdbus_msg *msg;
	size_t size;
};

#define slice_for_each_item(slice, at, item)                                                       \
	for ((at) = sizeof(*(slice)->msg);                                                         \
	     engine_items_next((slice)->msg, (slice)->msg->size, &(at), &(item));)

/* payload */

static bool vec_is_zeros(const struct kdbus_vec *vec)
{
	return vec->offset == ~UINT64_C(0);
}

/* whether @item is a part of the payload that can be had, and how long it is */
static bool slice_payload_item(const struct slice *slice, const struct engine_item *item,
			       size_t *size_out)
{
	const struct kdbus_memfd *memfd = item->data;
	const struct kdbus_vec *vec = item->data;

	if (item->type == KDBUS_ITEM_PAYLOAD_MEMFD) {
		*size_out = memfd->size;
		return item->size == sizeof(*memfd) && memfd->fd >= 0;
	}
	*size_out = vec->size;
	if (item->size != sizeof(*vec))
		return false;
	return vec_is_zeros(vec) ||
	       (vec->offset <= slice->size && vec->size <= slice->size - vec->offset);
}

static bool item_is_payload(const struct engine_item *item)
{
	return item->type == KDBUS_ITEM_PAYLOAD_OFF || item->type == KDBUS_ITEM_PAYLOAD_MEMFD;
}

/* bytes of all parts together, 0 if some part cannot be had or there is too much */
static size_t slice_payload_size(const struct slice *slice)
{
	struct engine_item item;
	size_t at, size, total = 0;

	slice_for_each_item(slice, at, item) {
		if (!item_is_payload(&item))
			continue;
		if (!slice_payload_item(slice, &item, &size) || size > ENGINE_PAYLOAD_MAX - total)
			return 0;
		total += size;
	}
	return total;
}

static bool memfd_read(const struct kdbus_memfd *memfd, unsigned char *dst)
{
	size_t done = 0;
	ssize_t n;

	if (memfd->start > INT64_MAX - ENGINE_PAYLOAD_MAX)
		return false;
	while (done < memfd->size) {
		n = pread(memfd->fd, dst + done, memfd->size - done, memfd->start + done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += n;
	}
	return true;
}

/* @dst has room for slice_payload_size() bytes, which is not 0 */
static bool slice_copy_payload(const struct slice *slice, unsigned char *dst)
{
	const struct kdbus_memfd *memfd;
	const struct kdbus_vec *vec;
	struct engine_item item;
	size_t at;

	slice_for_each_item(slice, at, item) {
		if (item.type == KDBUS_ITEM_PAYLOAD_OFF) {
			vec = item.data;
			if (vec_is_zeros(vec))
				memset(dst, 0, vec->size);
			else
				memcpy(dst, (const char *)slice->msg + vec->offset, vec->size);
			dst += vec->size;
		} else if (item.type == KDBUS_ITEM_PAYLOAD_MEMFD) {
			memfd = item.data;
			if (!memfd_read(memfd, dst))
				return false;
			dst += memfd->size;
		}
	}
	return true;
}

/* descriptors */

static size_t item_n_fds(const struct engine_item *item)
{
	return item->type == KDBUS_ITEM_FDS ? item->size / sizeof(int) : 0;
}

/* number of descriptors that were sent along, 0 if one of them could not be installed */
static size_t slice_n_fds(const struct slice *slice)
{
	struct engine_item item;
	size_t at, total = 0;
	const int *fds;

	slice_for_each_item(slice, at, item) {
		fds = item.data;
		for (size_t i = 0; i < item_n_fds(&item); i++)
			if (fds[i] < 0)
				return 0;
		total += item_n_fds(&item);
	}
	return total;
}

/* @dst has room for slice_n_fds() descriptors, or is NULL: then they are closed */
static void slice_take_fds(const struct slice *slice, int *dst)
{
	const struct kdbus_memfd *memfd;
	struct engine_item item;
	const int *fds;
	size_t at;

	slice_for_each_item(slice, at, item) {
		memfd = item.data;
		if (item.type == KDBUS_ITEM_PAYLOAD_MEMFD && item.size == sizeof(*memfd) &&
		    memfd->fd >= 0)
			close(memfd->fd);
		fds = item.data;
		for (size_t i = 0; i < item_n_fds(&item); i++) {
			if (dst)
				*dst++ = fds[i];
			else if (fds[i] >= 0)
				close(fds[i]);
		}
	}
}

static void payload_release(struct engine_payload *base)
{
	for (uint32_t i = 0; i < base->n_fds; i++)
		close(base->fds[i]);
	free(container_of(base, struct payload, base));
}

/* where the payload is, in one piece and without descriptors; NULL: it is not so */
static const void *slice_find_piece(const struct slice *slice, size_t *size_out)
{
	const struct kdbus_vec *vec;
	size_t at, size, start = 0, total = 0;
	struct engine_item item;

	slice_for_each_item(slice, at, item) {
		if (item.type == KDBUS_ITEM_PAYLOAD_MEMFD || item.type == KDBUS_ITEM_FDS)
			return NULL;
		if (item.type != KDBUS_ITEM_PAYLOAD_OFF)
			continue;
		vec = item.data;
		if (!slice_payload_item(slice, &item, &size) || vec_is_zeros(vec) ||
		    (total && vec->offset != start + total))
			return NULL;
		if (!total)
			start = vec->offset;
		total += size;
	}
	if (!total || total > ENGINE_PAYLOAD_MAX)
		return NULL;
	*size_out = total;
	return (const char *)slice->msg + start;
}

/* takes the descriptors of the slice, on failure too */
static int slice_take_payload(const struct slice *slice, struct engine_payload *view,
			      struct engine_payload **payload_out)
{
	size_t n_bytes = slice_payload_size(slice), n_fds = slice_n_fds(slice);
	size_t fds_at = ALIGN8(n_bytes), size;
	struct payload *payload;
	const void *piece;

	piece = view ? slice_find_piece(slice, &size) : NULL;
	if (piece) {
		view->data = piece;
		view->size = size;
		*payload_out = view;
		return 0;
	}

	payload = malloc(sizeof(*payload) + fds_at + n_fds * sizeof(int));
	if (!payload) {
		slice_take_fds(slice, NULL);
		return -ENOMEM;
	}
	payload->base = (struct engine_payload){
		.refcount = 1,
		.n_fds = n_fds,
		.data = payload->bytes,
		.fds = (int *)(payload->bytes + fds_at),
		.release = payload_release,
	};
	if (n_bytes && slice_copy_payload(slice, payload->bytes))
		payload->base.size = n_bytes;
	slice_take_fds(slice, n_fds ? payload->base.fds : NULL);
	*payload_out = &payload->base;
	return 0;
}

/* names and notifications */

/* @str has @size bytes, its end included; NULL if it does not end there or does not fit */
static const char *message_set_name(struct message *message, const char *str, size_t size)
{
	if (!size || size > sizeof(message->name) || str[size - 1])
		return NULL;
	return memcpy(message->name, str, size);
}

static const char *slice_dst_name(const struct slice *slice, struct message *message)
{
	struct engine_item item;
	size_t at;

	slice_for_each_item(slice, at, item)
		if (item.type == KDBUS_ITEM_DST_NAME)
			return message_set_name(message, item.data, item.size);
	return NULL;
}

/* credentials */

/* the payload of the first item of that type if it has @size bytes at least, else NULL */
static const void *slice_find_item(const struct slice *slice, uint64_t type, size_t size)
{
	struct engine_item item;
	size_t at;

	slice_for_each_item(slice, at, item)
		if (item.type == type && item.size >= size)
			return item.data;
	return NULL;
}

/* ids of the ABI have 64 bits */
static uint32_t id_of(uint64_t id)
{
	return id < CREDS_UNKNOWN ? id : CREDS_UNKNOWN;
}

static int creds_set_groups(struct creds *creds, const uint64_t *groups, size_t n)
{
	creds->groups = malloc((n + 1) * sizeof(*creds->groups));
	if (!creds->groups)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		creds->groups[i] = id_of(groups[i]);
	creds->groups[n] = creds->gid;
	creds->n_groups = n + 1;
	creds_sort_groups(creds->groups, creds->n_groups);
	return 0;
}

static int slice_copy_creds(const struct slice *slice, struct creds *creds)
{
	const struct kdbus_creds *ids = slice_find_item(slice, KDBUS_ITEM_CREDS, sizeof(*ids));
	const struct kdbus_pids *pids = slice_find_item(slice, KDBUS_ITEM_PIDS, sizeof(*pids));
	struct engine_item item;
	size_t at;

	*creds = (struct creds)CREDS_NULL;
	if (!ids)
		return 0;
	creds->uid = id_of(ids->euid);
	creds->gid = id_of(ids->egid);
	if (pids && pids->pid <= INT_MAX)
		creds->pid = pids->pid;
	slice_for_each_item(slice, at, item)
		if (item.type == KDBUS_ITEM_AUXGROUPS)
			return creds_set_groups(creds, item.data, item.size / sizeof(uint64_t));
	return creds_set_groups(creds, NULL, 0);
}

/* room for what slice_copy_src_names() writes, 0 where it is not wanted */
static size_t slice_src_names_size(const struct slice *slice)
{
	struct engine_item item;
	size_t at, total = 1;

	if (slice->msg->dst_id != KDBUS_DST_ID_BROADCAST &&
	    !slice_find_item(slice, KDBUS_ITEM_CREDS, 0))
		return 0;
	slice_for_each_item(slice, at, item)
		if (item.type == KDBUS_ITEM_OWNED_NAME)
			total += item.size;
	return total;
}

static void slice_copy_src_names(const struct slice *slice, char *names)
{
	struct engine_item item;
	size_t at;

	slice_for_each_item(slice, at, item) {
		const struct kdbus_name *name = item.data;
		size_t len;

		if (item.type != KDBUS_ITEM_OWNED_NAME || item.size <= sizeof(*name))
			continue;
		len = strnlen(name->name, item.size - sizeof(*name));
		if (!len || len == item.size - sizeof(*name))
			continue;
		names = (char *)memcpy(names, name->name, len + 1) + len + 1;
	}
	*names = '\0';
}

static int notification_set_id(struct engine_notification *notification,
			       const struct engine_item *item)
{
	const struct kdbus_notify_id_change *change = item->data;

	if (item->size != sizeof(*change))
		return -EBADMSG;
	if (item->type == KDBUS_ITEM_ID_ADD) {
		notification->new_id = change->id;
		notification->new_flags = change->flags;
	} else {
		notification->old_id = change->id;
		notification->old_flags = change->flags;
	}
	return 0;
}

static int notification_set_name(struct engine_notification *notification,
				 const struct engine_item *item, struct message *message)
{
	const struct kdbus_notify_name_change *change = item->data;

	if (item->size < sizeof(*change))
		return -EBADMSG;
	notification->old_id = change->old_id.id;
	notification->old_flags = change->old_id.flags;
	notification->new_id = change->new_id.id;
	notification->new_flags = change->new_id.flags;
	notification->name = message_set_name(message, change->name, item->size - sizeof(*change));
	return notification->name ? 0 : -EBADMSG;
}

/* a notification is the first item of its message */
static int slice_notification(const struct slice *slice, struct message *message,
			      struct engine_notification *notification_out)
{
	struct engine_notification notification = {
		.cookie_reply = slice->msg->cookie_reply,
	};
	struct engine_item item;
	size_t at = sizeof(*slice->msg);
	int r = 0;

	if (!engine_items_next(slice->msg, slice->msg->size, &at, &item))
		return -EBADMSG;
	notification.type = item.type;
	switch (item.type) {
	case KDBUS_ITEM_ID_ADD:
	case KDBUS_ITEM_ID_REMOVE:
		r = notification_set_id(&notification, &item);
		break;
	case KDBUS_ITEM_NAME_ADD:
	case KDBUS_ITEM_NAME_REMOVE:
	case KDBUS_ITEM_NAME_CHANGE:
		r = notification_set_name(&notification, &item, message);
		break;
	case KDBUS_ITEM_REPLY_TIMEOUT:
	case KDBUS_ITEM_REPLY_DEAD:
		break;
	default:
		return -EBADMSG;
	}
	if (r < 0)
		return r;
	*notification_out = notification;
	return 0;
}

int engine_message_parse(const void *address, size_t size, struct engine_payload *view,
			 struct engine_received *received_out)
{
	struct slice slice = {.msg = address, .size = size};
	const struct kdbus_msg *msg = address;
	struct engine_received received;
	struct message *message;
	size_t names_size;
	int r;

	if (size < sizeof(*msg) || msg->size < sizeof(*msg) || msg->size > size)
		return -EBADMSG;
	names_size = slice_src_names_size(&slice);
	message = malloc(sizeof(*message) + names_size);
	if (!message) {
		slice_take_fds(&slice, NULL);
		return -ENOMEM;
	}
	r = slice_copy_creds(&slice, &message->src_creds);
	if (r < 0) {
		slice_take_fds(&slice, NULL);
		free(message);
		return r;
	}
	received = (struct engine_received){
		.src_id = msg->src_id,
		.src_creds = message->src_creds.groups ? &message->src_creds : NULL,
		.carrier = message,
	};
	if (names_size) {
		slice_copy_src_names(&slice, message->src_names);
		received.src_names = message->src_names;
	}
	if (msg->src_id == KDBUS_SRC_ID_KERNEL) {
		r = slice_notification(&slice, message, &received.notification);
	} else {
		received.dst_id = msg->dst_id;
		received.dst_name = slice_dst_name(&slice, message);
		received.flags = msg->flags;
		received.cookie = msg->cookie;
		if (!(msg->flags & KDBUS_MSG_EXPECT_REPLY))
			received.cookie_reply = msg->cookie_reply;
		received.payload_type = msg->payload_type;
		r = slice_take_payload(&slice, view, &received.payload);
	}
	if (r < 0) {
		creds_deinit(&message->src_creds);
		free(message);
		return r;
	}
	*received_out = received;
	return 0;
}

void engine_message_release(struct engine_received *received)
{
	struct message *message = received->carrier;

	received->payload = engine_payload_unref(received->payload);
	if (message)
		creds_deinit(&message->src_creds);
	free(message);
	received->carrier = NULL;
}
