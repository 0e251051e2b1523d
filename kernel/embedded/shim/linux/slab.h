/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Allocation
 *
 * All objects are counted, those of caches too, and the Nth allocation from now
 * can be made to fail: shim-alloc.h.
 */
#ifndef SHIM_LINUX_SLAB_H
#define SHIM_LINUX_SLAB_H

#include <linux/compiler.h>
#include <linux/gfp.h>

#define SLAB_ACCOUNT 0x1u

struct kmem_cache;

void *kmalloc(size_t size, gfp_t flags) __attribute__((__malloc__));
/* NULL when @n * @size does not fit a size_t */
void *kmalloc_array(size_t n, size_t size, gfp_t flags);
void *krealloc(const void *ptr, size_t size, gfp_t flags);
void kfree(const void *ptr);

char *kstrdup(const char *s, gfp_t flags);
char *kstrndup(const char *s, size_t max, gfp_t flags);
void *kmemdup(const void *src, size_t size, gfp_t flags);
/* @size bytes and a NUL behind them */
char *kmemdup_nul(const char *src, size_t size, gfp_t flags);

struct kmem_cache *kmem_cache_create(const char *name, unsigned int size, unsigned int align,
				     unsigned int flags, void (*ctor)(void *object));
/* no object of the cache may be left */
void kmem_cache_destroy(struct kmem_cache *cache);
void *kmem_cache_alloc(struct kmem_cache *cache, gfp_t flags);
void kmem_cache_free(struct kmem_cache *cache, void *object);

#define KMEM_CACHE(tag, flags)                                                                     \
	kmem_cache_create(#tag, sizeof(struct tag), __alignof__(struct tag), (flags), NULL)

static inline void *kzalloc(size_t size, gfp_t flags)
{
	return kmalloc(size, flags | __GFP_ZERO);
}

static inline void *kcalloc(size_t n, size_t size, gfp_t flags)
{
	return kmalloc_array(n, size, flags | __GFP_ZERO);
}

static inline void *kmem_cache_zalloc(struct kmem_cache *cache, gfp_t flags)
{
	return kmem_cache_alloc(cache, flags | __GFP_ZERO);
}

#define kvmalloc(size, flags)	 kmalloc(size, flags)
#define kvzalloc(size, flags)	 kzalloc(size, flags)
#define kvcalloc(n, size, flags) kcalloc(n, size, flags)
#define kvfree(ptr)		 kfree(ptr)

#endif
