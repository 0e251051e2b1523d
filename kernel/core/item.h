/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Items
 *
 * Items and lists of items in memory of the core: walking, checking, and
 * building them.  Building goes through struct kdbus_buffer.
 */
#ifndef KDBUS_ITEM_H
#define KDBUS_ITEM_H

#include "kernel/core/os.h"

#define KDBUS_ITEM_HEADER_SIZE offsetof(struct kdbus_item, data)

/* bytes of an item that carries @size bytes, and the same up to the next item */
#define KDBUS_ITEM_SIZE(size)	     (KDBUS_ITEM_HEADER_SIZE + (u64)(size))
#define KDBUS_ITEM_PADDED_SIZE(size) KDBUS_ALIGN8(KDBUS_ITEM_SIZE(size))

static inline u64 kdbus_item_payload_size(const struct kdbus_item *item)
{
	return item->size - KDBUS_ITEM_HEADER_SIZE;
}

static inline const struct kdbus_item *kdbus_item_next(const struct kdbus_item *item)
{
	return (const struct kdbus_item *)((const u8 *)item + KDBUS_ALIGN8(item->size));
}

/* for lists that kdbus_items_check() or the core itself has made sure of; @end_: the first byte
 * behind the last item, padded or not
 */
#define kdbus_items_for_each(item, first, end_)                                                    \
	for (item = (first); (const u8 *)item < (const u8 *)(end_); item = kdbus_item_next(item))

/**
 * kdbus_item_validate() - is the payload of one item what its type demands
 * @item: complete in memory
 *
 * Return: 0, -EINVAL, -ENAMETOOLONG (MAKE_NAME, CONN_DESCRIPTION), -EBADF (memfd).
 */
int kdbus_item_validate(const struct kdbus_item *item);

/**
 * kdbus_items_check() - is this a list of whole items
 * @items: start of the list, 8-aligned
 * @size: bytes; padding of the last item may be missing
 *
 * Return: 0 or -EINVAL.
 */
int kdbus_items_check(const void *items, u64 size);

/* is @name a name of a bus, an endpoint or a connection (1.4); @size with the NUL */
int kdbus_sysname_check(const char *name, u64 size);
/* does @name start with @uid, in decimal, and a dash */
bool kdbus_sysname_has_uid(const char *name, u32 uid);
/* is @name, NUL-terminated, a well-known name; with @wildcard the last label may be "*" */
bool kdbus_name_is_valid(const char *name, bool wildcard);

/**
 * struct kdbus_buffer - memory that grows while items and records are appended
 * @mem: see struct kdbus_result; NULL before the first byte
 * @size: bytes appended, padding included
 * @capacity: bytes there is room for
 * @padding: bytes of padding behind what was appended last
 * @error: -ENOMEM once something did not fit; everything after it is ignored
 */
struct kdbus_buffer {
	struct kdbus_result *mem;
	size_t size;
	size_t capacity;
	size_t padding;
	int error;
};

/**
 * struct kdbus_result - a finished buffer
 * @link: results a direct connection has published
 * @size: bytes in @data
 * @data: the bytes
 */
struct kdbus_result {
	struct hlist_node link;
	size_t size;
	u8 data[] __aligned(8);
};

#define KDBUS_BUFFER_INIT                                                                          \
	{                                                                                          \
	}

void kdbus_buffer_deinit(struct kdbus_buffer *buffer);
/* room for @size bytes, zeroed; NULL if there is no memory */
void *kdbus_buffer_extend(struct kdbus_buffer *buffer, size_t size);
/* one item; @data may be NULL to leave the payload zero; NULL if there is no memory */
struct kdbus_item *kdbus_buffer_add_item(struct kdbus_buffer *buffer, u64 type, const void *data,
					 size_t size);
/* the memory, which no longer belongs to the buffer; NULL if the buffer is empty */
struct kdbus_result *kdbus_buffer_steal(struct kdbus_buffer *buffer);

/* only for a buffer with bytes in it */
static inline void *kdbus_buffer_data(struct kdbus_buffer *buffer)
{
	return buffer->mem->data;
}

#endif
