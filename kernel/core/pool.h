/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pool
 *
 * The memory that messages and results are put into, for the peer to read, and
 * its division into slices.  Guarded by the lock of its connection.
 */
#ifndef KDBUS_POOL_H
#define KDBUS_POOL_H

#include "kernel/core/host.h"

/**
 * struct kdbus_slice - a part of a pool
 * @link: all slices of the pool, by address
 * @node: of the free ones by size, of the others by offset
 * @offset: where it starts
 * @size: bytes, a multiple of 8
 * @is_held: the core refers to it
 * @is_published: the peer was told of it and has not freed it
 *
 * Free when neither of the last two is set.
 */
struct kdbus_slice {
	struct list_head link;
	struct rb_node node;
	u64 offset;
	u64 size;
	bool is_held;
	bool is_published;
};

/**
 * struct kdbus_pool - memory shared with a peer
 * @host: whose the memory is
 * @memory: the host's object
 * @size: bytes
 * @slices: struct kdbus_slice, by address; they cover all of it
 * @free_slices: by size, then offset
 * @busy_slices: by offset
 */
struct kdbus_pool {
	const struct kdbus_host_ops *host;
	void *memory;
	u64 size;
	struct list_head slices;
	struct rb_root free_slices;
	struct rb_root busy_slices;
};

/* Return: 0, -ENOMEM, or what the host says; [unlocked] as pool_create() is */
int kdbus_pool_new(const struct kdbus_host_ops *host, void *caller, u64 size,
		   const char *description, struct kdbus_pool **pool_out);
struct kdbus_pool *kdbus_pool_free(struct kdbus_pool *pool);

/**
 * kdbus_slice_alloc() - the lower end of the smallest free slice that is large enough
 * @size: bytes, more than 0
 * @slice_out: held by the core
 *
 * Return: 0, -EXFULL, -ENOMEM.
 */
int kdbus_slice_alloc(struct kdbus_pool *pool, u64 size, struct kdbus_slice **slice_out);
/* the core refers to it no more; NULL is fine */
void kdbus_slice_put(struct kdbus_pool *pool, struct kdbus_slice *slice);
/* the peer is told of it */
void kdbus_slice_publish(struct kdbus_slice *slice);
/* FREE: 0, or -ENXIO if no slice that was published starts at @offset */
int kdbus_slice_unpublish(struct kdbus_pool *pool, u64 offset);
/* zeros from @offset within @slice to its end, which is in the same 8 bytes */
int kdbus_slice_pad(struct kdbus_pool *pool, struct kdbus_slice *slice, u64 offset);
/* copies to @offset within @slice */
int kdbus_slice_write(struct kdbus_pool *pool, struct kdbus_slice *slice, u64 offset,
		      const void *src, size_t size);

#endif
