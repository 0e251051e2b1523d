/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kmalloc() and caches on top of malloc()
 *
 * A cache keeps the objects that were freed, up to CACHE_KEEP_MAX, and hands
 * out the one freed last: warm, and without a call into malloc().  An object on
 * the list has the link in its first word.  In a build with AddressSanitizer
 * nothing is kept, so that a use after free stays visible.
 *
 * The counters are of the process, like the kernel's; with SHIM_THREADS one
 * lock covers them and every free list.
 */
#include "kernel/embedded/shim/shim-alloc.h"

#include <stdlib.h>
#include <string.h>

#include <linux/bug.h>
#include <linux/kernel.h>
#include <linux/mempool.h>
#include <linux/slab.h>
#include <linux/mutex.h>

#ifdef __SANITIZE_ADDRESS__
#define CACHE_KEEP_MAX 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CACHE_KEEP_MAX 0
#endif
#endif
#ifndef CACHE_KEEP_MAX
#define CACHE_KEEP_MAX 1024
#endif

/* Up to here zeros are written: glibc's calloc() does not look at what was freed last, which
 * malloc() hands out at once. */
#define CLEAR_MAX 1024

struct free_object {
	struct free_object *next;
};

struct kmem_cache {
	struct free_object *free;
	unsigned int n_free;
	unsigned int n_used;
	size_t size;
	void (*ctor)(void *object);
};

static unsigned long n_objects;
static unsigned long fail_at;

#ifdef SHIM_THREADS
static DEFINE_MUTEX(slab_lock);
#define slab_enter() mutex_lock(&slab_lock)
#define slab_leave() mutex_unlock(&slab_lock)
#else
#define slab_enter() ((void)0)
#define slab_leave() ((void)0)
#endif

unsigned long shim_alloc_count(void)
{
	return n_objects;
}

void shim_alloc_fail_at(unsigned long n)
{
	fail_at = n;
}

bool shim_alloc_fail_disarm(void)
{
	bool has_failed = !fail_at;

	fail_at = 0;
	return has_failed;
}

/* counts one more object, unless it is the one that shall fail */
static bool slab_admit(void)
{
	bool is_admitted;

	slab_enter();
	is_admitted = likely(!fail_at) || --fail_at;
	if (is_admitted)
		n_objects++;
	slab_leave();
	return is_admitted;
}

static void slab_leave_object(void)
{
	slab_enter();
	BUG_ON(!n_objects);
	n_objects--;
	slab_leave();
}

void *kmalloc(size_t size, gfp_t flags)
{
	void *ptr;

	if (!slab_admit())
		return NULL;
	if (flags & __GFP_ZERO && size > CLEAR_MAX)
		ptr = calloc(1, size);
	else
		ptr = malloc(size ?: 1);
	if (!ptr)
		slab_leave_object();
	else if (flags & __GFP_ZERO && size <= CLEAR_MAX)
		memset(ptr, 0, size);
	return ptr;
}

void *kmalloc_array(size_t n, size_t size, gfp_t flags)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return kmalloc(bytes, flags);
}

void *krealloc(const void *ptr, size_t size, gfp_t flags)
{
	void *grown;

	if (!ptr)
		return kmalloc(size, flags);
	if (!slab_admit())
		return NULL;
	slab_leave_object();
	grown = realloc((void *)ptr, size ?: 1);
	return grown;
}

void kfree(const void *ptr)
{
	if (!ptr)
		return;
	slab_leave_object();
	free((void *)ptr);
}

void *kmemdup(const void *src, size_t size, gfp_t flags)
{
	void *copy = kmalloc(size, flags);

	return copy ? memcpy(copy, src, size) : NULL;
}

char *kmemdup_nul(const char *src, size_t size, gfp_t flags)
{
	char *copy = size < SIZE_MAX ? kmalloc(size + 1, flags) : NULL;

	if (!copy)
		return NULL;
	memcpy(copy, src, size);
	copy[size] = '\0';
	return copy;
}

char *kstrdup(const char *s, gfp_t flags)
{
	return s ? kmemdup(s, strlen(s) + 1, flags) : NULL;
}

char *kstrndup(const char *s, size_t max, gfp_t flags)
{
	return s ? kmemdup_nul(s, strnlen(s, max), flags) : NULL;
}

struct kmem_cache *kmem_cache_create(const char *name, unsigned int size, unsigned int align,
				     unsigned int flags, void (*ctor)(void *object))
{
	struct kmem_cache *cache;

	BUG_ON(align > __alignof__(max_align_t));
	cache = kzalloc(sizeof(*cache), GFP_KERNEL);
	if (!cache)
		return NULL;
	cache->size = max_t(size_t, size, sizeof(struct free_object));
	cache->ctor = ctor;
	return cache;
}

void kmem_cache_destroy(struct kmem_cache *cache)
{
	struct free_object *object;

	if (!cache)
		return;
	BUG_ON(cache->n_used);
	while ((object = cache->free)) {
		cache->free = object->next;
		free(object);
	}
	kfree(cache);
}

static struct free_object *cache_pop(struct kmem_cache *cache)
{
	struct free_object *object;

	slab_enter();
	object = cache->free;
	if (object) {
		cache->free = object->next;
		cache->n_free--;
	}
	cache->n_used++;
	slab_leave();
	return object;
}

void *kmem_cache_alloc(struct kmem_cache *cache, gfp_t flags)
{
	void *object;

	if (!slab_admit())
		return NULL;
	object = cache_pop(cache);
	if (!object)
		object = malloc(cache->size);
	if (!object) {
		slab_enter();
		cache->n_used--;
		slab_leave();
		slab_leave_object();
		return NULL;
	}
	if (flags & __GFP_ZERO)
		memset(object, 0, cache->size);
	if (cache->ctor)
		cache->ctor(object);
	return object;
}

void kmem_cache_free(struct kmem_cache *cache, void *object)
{
	struct free_object *kept = object;
	bool is_kept;

	if (!object)
		return;
	slab_leave_object();
	slab_enter();
	BUG_ON(!cache->n_used);
	cache->n_used--;
	is_kept = cache->n_free != CACHE_KEEP_MAX;
	if (is_kept) {
		kept->next = cache->free;
		cache->free = kept;
		cache->n_free++;
	}
	slab_leave();
	if (!is_kept)
		free(object);
}

/* pools */

struct mempool {
	struct kmem_cache *cache;
	int min_nr;
	int n_free;
	void *free[];
};

mempool_t *mempool_create_slab_pool(int min_nr, struct kmem_cache *cache)
{
	mempool_t *pool;

	pool = kzalloc(sizeof(*pool) + min_nr * sizeof(pool->free[0]), GFP_KERNEL);
	if (!pool)
		return NULL;
	pool->cache = cache;
	pool->min_nr = min_nr;
	while (pool->n_free < min_nr) {
		pool->free[pool->n_free] = kmem_cache_alloc(cache, GFP_KERNEL);
		if (!pool->free[pool->n_free]) {
			mempool_destroy(pool);
			return NULL;
		}
		pool->n_free++;
	}
	return pool;
}

void mempool_destroy(mempool_t *pool)
{
	if (!pool)
		return;
	while (pool->n_free)
		kmem_cache_free(pool->cache, pool->free[--pool->n_free]);
	kfree(pool);
}

void *mempool_alloc(mempool_t *pool, gfp_t flags)
{
	void *object = kmem_cache_alloc(pool->cache, flags);

	if (object)
		return object;
	slab_enter();
	if (pool->n_free)
		object = pool->free[--pool->n_free];
	slab_leave();
	return object;
}

void mempool_free(void *object, mempool_t *pool)
{
	bool is_kept;

	if (!object)
		return;
	slab_enter();
	is_kept = pool->n_free < pool->min_nr;
	if (is_kept)
		pool->free[pool->n_free++] = object;
	slab_leave();
	if (!is_kept)
		kmem_cache_free(pool->cache, object);
}
