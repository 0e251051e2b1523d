// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Pool
 *
 * Best fit, the lower part of the chosen block first, neighbours joined as soon
 * as they are free (reference 10.4): placement follows from what was allocated
 * and freed alone, which peers and their tests may rely on.
 *
 * A slice is referred to by the core while a message is queued in it and by the
 * peer from when it was told of the offset until FREE.
 */
#include "kernel/core/pool.h"

static bool slice_is_free(const struct kdbus_slice *slice)
{
	return !slice->is_held && !slice->is_published;
}

static struct kdbus_slice *slice_new(u64 offset, u64 size)
{
	struct kdbus_slice *slice;

	slice = kzalloc(sizeof(*slice), GFP_KERNEL_ACCOUNT);
	if (!slice)
		return NULL;
	INIT_LIST_HEAD(&slice->link);
	slice->offset = offset;
	slice->size = size;
	return slice;
}

static void pool_add_free(struct kdbus_pool *pool, struct kdbus_slice *slice)
{
	struct rb_node **link = &pool->free_slices.rb_node, *parent = NULL;
	struct kdbus_slice *other;

	while (*link) {
		parent = *link;
		other = rb_entry(parent, struct kdbus_slice, node);
		if (slice->size < other->size ||
		    (slice->size == other->size && slice->offset < other->offset))
			link = &parent->rb_left;
		else
			link = &parent->rb_right;
	}
	rb_link_node(&slice->node, parent, link);
	rb_insert_color(&slice->node, &pool->free_slices);
}

static void pool_add_busy(struct kdbus_pool *pool, struct kdbus_slice *slice)
{
	struct rb_node **link = &pool->busy_slices.rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		if (slice->offset < rb_entry(parent, struct kdbus_slice, node)->offset)
			link = &parent->rb_left;
		else
			link = &parent->rb_right;
	}
	rb_link_node(&slice->node, parent, link);
	rb_insert_color(&slice->node, &pool->busy_slices);
}

int kdbus_pool_new(const struct kdbus_host_ops *host, void *caller, u64 size,
		   const char *description, struct kdbus_pool **pool_out)
{
	struct kdbus_slice *slice;
	struct kdbus_pool *pool;
	int r;

	pool = kzalloc(sizeof(*pool), GFP_KERNEL_ACCOUNT);
	if (!pool)
		return -ENOMEM;
	slice = slice_new(0, size);
	if (!slice) {
		r = -ENOMEM;
		goto exit_pool;
	}
	r = host->pool_create(caller, size, description, &pool->memory);
	if (r < 0)
		goto exit_slice;

	pool->host = host;
	pool->size = size;
	INIT_LIST_HEAD(&pool->slices);
	list_add(&slice->link, &pool->slices);
	pool_add_free(pool, slice);

	*pool_out = pool;
	return 0;

exit_slice:
	kfree(slice);
exit_pool:
	kfree(pool);
	return r;
}

struct kdbus_pool *kdbus_pool_free(struct kdbus_pool *pool)
{
	struct kdbus_slice *slice, *tmp;

	if (!pool)
		return NULL;
	list_for_each_entry_safe(slice, tmp, &pool->slices, link) {
		WARN_ON(slice->is_held);
		list_del_init(&slice->link);
		kfree(slice);
	}
	pool->host->pool_destroy(pool->memory);
	kfree(pool);
	return NULL;
}

/* the smallest free slice of at least @size bytes, the lowest among equals */
static struct kdbus_slice *pool_find_free(struct kdbus_pool *pool, u64 size)
{
	struct rb_node *node = pool->free_slices.rb_node;
	struct kdbus_slice *slice, *best = NULL;

	while (node) {
		slice = rb_entry(node, struct kdbus_slice, node);
		if (slice->size >= size) {
			best = slice;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return best;
}

int kdbus_slice_alloc(struct kdbus_pool *pool, u64 size, struct kdbus_slice **slice_out)
{
	struct kdbus_slice *slice, *rest;

	if (size > pool->size)
		return -EXFULL;
	size = KDBUS_ALIGN8(size);
	slice = pool_find_free(pool, size);
	if (!slice)
		return -EXFULL;

	if (slice->size > size) {
		rest = slice_new(slice->offset + size, slice->size - size);
		if (!rest)
			return -ENOMEM;
		rb_erase(&slice->node, &pool->free_slices);
		slice->size = size;
		list_add(&rest->link, &slice->link);
		pool_add_free(pool, rest);
	} else {
		rb_erase(&slice->node, &pool->free_slices);
	}

	slice->is_held = true;
	pool_add_busy(pool, slice);
	*slice_out = slice;
	return 0;
}

/* @slice, which is in no tree, takes over the free slice behind it */
static void slice_join_next(struct kdbus_pool *pool, struct kdbus_slice *slice)
{
	struct kdbus_slice *next;

	if (list_is_last(&slice->link, &pool->slices))
		return;
	next = list_next_entry(slice, link);
	if (!slice_is_free(next))
		return;
	rb_erase(&next->node, &pool->free_slices);
	slice->size += next->size;
	list_del_init(&next->link);
	kfree(next);
}

static void slice_free_unused(struct kdbus_pool *pool, struct kdbus_slice *slice)
{
	struct kdbus_slice *prev;

	if (!slice_is_free(slice))
		return;

	rb_erase(&slice->node, &pool->busy_slices);
	slice_join_next(pool, slice);
	if (slice->link.prev != &pool->slices) {
		prev = list_prev_entry(slice, link);
		if (slice_is_free(prev)) {
			rb_erase(&prev->node, &pool->free_slices);
			prev->size += slice->size;
			list_del_init(&slice->link);
			kfree(slice);
			slice = prev;
		}
	}
	pool_add_free(pool, slice);
}

void kdbus_slice_put(struct kdbus_pool *pool, struct kdbus_slice *slice)
{
	if (!slice)
		return;
	slice->is_held = false;
	slice_free_unused(pool, slice);
}

void kdbus_slice_publish(struct kdbus_slice *slice)
{
	slice->is_published = true;
}

int kdbus_slice_unpublish(struct kdbus_pool *pool, u64 offset)
{
	struct rb_node *node = pool->busy_slices.rb_node;
	struct kdbus_slice *slice;

	while (node) {
		slice = rb_entry(node, struct kdbus_slice, node);
		if (offset < slice->offset) {
			node = node->rb_left;
		} else if (offset > slice->offset) {
			node = node->rb_right;
		} else {
			if (!slice->is_published)
				return -ENXIO;
			slice->is_published = false;
			slice_free_unused(pool, slice);
			return 0;
		}
	}
	return -ENXIO;
}

int kdbus_slice_write(struct kdbus_pool *pool, struct kdbus_slice *slice, u64 offset,
		      const void *src, size_t size)
{
	return pool->host->pool_write(pool->memory, slice->offset + offset, src, size);
}

int kdbus_slice_pad(struct kdbus_pool *pool, struct kdbus_slice *slice, u64 offset)
{
	static const u8 zeros[8];

	if (offset == slice->size)
		return 0;
	return kdbus_slice_write(pool, slice, offset, zeros, slice->size - offset);
}
