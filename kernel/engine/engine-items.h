/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Items of the ABI: appending them to a struct, and walking over received ones */
#ifndef KERNEL_ENGINE_ENGINE_ITEMS_H
#define KERNEL_ENGINE_ENGINE_ITEMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/include/uapi/linux/kdbus.h"

/**
 * struct engine_items - items being appended to a command or message
 * @base: the struct; its first member, the size, is kept up to date
 * @room: bytes that @base has room for
 */
struct engine_items {
	void *base;
	size_t room;
};

/* @base begins a struct with @fixed bytes, which become 0; aligned to 8, as is @room */
void engine_items_init(struct engine_items *items, void *base, size_t fixed, size_t room);

/**
 * engine_items_add() - append an item
 * @data: its payload, or NULL: zero bytes
 * @size: bytes of that
 *
 * Return: the payload in its place, or NULL if there is no room.
 */
void *engine_items_add(struct engine_items *items, uint64_t type, const void *data, size_t size);

/**
 * struct engine_item - one item of a walk
 * @type: KDBUS_ITEM_*
 * @data: payload, aligned to 8
 * @size: bytes of that
 */
struct engine_item {
	uint64_t type;
	const void *data;
	size_t size;
};

/**
 * engine_items_next() - the item at an offset
 * @base: start of the struct the items are in
 * @end: offset of the end of the items
 * @at: offset of the item; afterwards that of the next
 *
 * Return: whether there was one; one that leaves its bounds ends the walk.
 */
bool engine_items_next(const void *base, size_t end, size_t *at, struct engine_item *item_out);

#endif
