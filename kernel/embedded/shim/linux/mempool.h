/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Objects of a cache that are set aside for when there is no memory
 *
 * As in the kernel a freed object goes to the reserve first, as long as that is not
 * full.  There is no waiting for one: mempool_alloc() is for GFP_NOWAIT alone.
 */
#ifndef SHIM_LINUX_MEMPOOL_H
#define SHIM_LINUX_MEMPOOL_H

#include <linux/gfp.h>

struct kmem_cache;

typedef struct mempool mempool_t;

mempool_t *mempool_create_slab_pool(int min_nr, struct kmem_cache *cache);
/* nothing may be in use; NULL is fine */
void mempool_destroy(mempool_t *pool);
/* from the cache, else from the reserve, else NULL */
void *mempool_alloc(mempool_t *pool, gfp_t flags);
void mempool_free(void *object, mempool_t *pool);

#endif
