/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Items of the ABI: a header of 16 bytes, a payload, and padding to 8 that the
 * item's size does not count.  Memory in, memory out.
 */
#include "kernel/engine/engine-items.h"

#include <string.h>

#define HEADER_SIZE  offsetof(struct kdbus_item, data)
#define ALIGN8(size) (((size) + 7) & ~(size_t)7)

void engine_items_init(struct engine_items *items, void *base, size_t fixed, size_t room)
{
	memset(base, 0, fixed);
	*(uint64_t *)base = fixed;
	*items = (struct engine_items){ .base = base, .room = room };
}

void *engine_items_add(struct engine_items *items, uint64_t type, const void *data, size_t size)
{
	uint64_t *used = items->base;
	struct kdbus_item *item = (void *)((char *)items->base + *used);
	size_t left = items->room - *used;

	if (left < HEADER_SIZE || size > left - HEADER_SIZE)
		return NULL;
	memset(item, 0, HEADER_SIZE + ALIGN8(size));
	item->size = HEADER_SIZE + size;
	item->type = type;
	if (data)
		memcpy(item->data, data, size);
	*used += HEADER_SIZE + ALIGN8(size);
	return item->data;
}

bool engine_items_next(const void *base, size_t end, size_t *at, struct engine_item *item_out)
{
	const struct kdbus_item *item;

	if (*at >= end || end - *at < HEADER_SIZE)
		return false;
	item = (const void *)((const char *)base + *at);
	if (item->size < HEADER_SIZE || item->size > end - *at)
		return false;
	*item_out = (struct engine_item){
		.type = item->type,
		.data = item->data,
		.size = item->size - HEADER_SIZE,
	};
	*at += ALIGN8(item->size);
	return true;
}
