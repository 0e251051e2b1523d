/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pool: reference section 10.4, against a model that is a map of bytes */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/core/pool.h"
#include "kernel/embedded/shim/shim-alloc.h"
#include "tests/harness/tap.h"

#define POOL_SIZE 4096
#define N_UNITS	  (POOL_SIZE / 8)

static int create(void *caller, u64 size, const char *description, void **pool_out)
{
	*pool_out = NULL;
	return caller ? -ENOSPC : 0;
}

static void destroy(void *pool)
{
}

static const struct kdbus_host_ops host = {
	.pool_create = create,
	.pool_destroy = destroy,
};

static struct kdbus_pool *pool_new(void)
{
	struct kdbus_pool *pool;

	expect_eq(kdbus_pool_new(&host, NULL, POOL_SIZE, NULL, &pool), 0);
	return pool;
}

/* where best fit puts @n units: the lowest of the smallest gaps that are large enough */
static int model_find(const bool *map, int n)
{
	int best = -1, best_size = N_UNITS + 1;

	for (int start = 0; start < N_UNITS; start++) {
		int end = start;

		while (end < N_UNITS && !map[end])
			end++;
		if (end - start >= n && end - start < best_size) {
			best = start;
			best_size = end - start;
		}
		if (end > start)
			start = end;
	}
	return best;
}

static void check_slices(struct kdbus_pool *pool, const bool *map)
{
	struct kdbus_slice *slice;
	bool was_free = false;
	u64 pos = 0;

	list_for_each_entry(slice, &pool->slices, link) {
		bool is_free = !slice->is_held && !slice->is_published;

		expect_eq(slice->offset, pos);
		expect_gt(slice->size, 0);
		for (u64 i = 0; i < slice->size / 8; i++)
			expect_eq(map[slice->offset / 8 + i], !is_free);
		/* neighbours that are free are one */
		expect(!(is_free && was_free));
		was_free = is_free;
		pos += slice->size;
	}
	expect_eq(pos, POOL_SIZE);
}

TEST(random_use)
{
	struct kdbus_slice *slices[N_UNITS] = {};
	struct kdbus_pool *pool = pool_new();
	bool map[N_UNITS] = {};
	unsigned n_refused = 0;

	srandom(4711);
	for (int step = 0; step < 20000; step++) {
		if (random() % 5 < 3) {
			u64 size = random() % (step % 1000 < 500 ? 64 : 600) + 1;
			int n = KDBUS_ALIGN8(size) / 8, place = model_find(map, n);
			struct kdbus_slice *slice;
			int r = kdbus_slice_alloc(pool, size, &slice);

			expect_eq(r, place < 0 ? -EXFULL : 0);
			if (r < 0) {
				n_refused++;
				continue;
			}
			expect_eq(slice->offset, place * 8);
			expect_eq(slice->size, n * 8);
			expect(slice->is_held);
			slices[place] = slice;
			memset(map + place, true, n);
		} else {
			int place = random() % N_UNITS;
			struct kdbus_slice *slice = slices[place];
			u64 size;

			if (!slice) {
				expect_eq(kdbus_slice_unpublish(pool, place * 8), -ENXIO);
				continue;
			}
			/* freed when both have let go, in either order */
			size = slice->size;
			if (random() % 2) {
				kdbus_slice_publish(slice);
				kdbus_slice_put(pool, slice);
				check_slices(pool, map);
				expect_eq(kdbus_slice_unpublish(pool, place * 8), 0);
			} else if (random() % 2) {
				kdbus_slice_publish(slice);
				expect_eq(kdbus_slice_unpublish(pool, place * 8), 0);
				expect_eq(kdbus_slice_unpublish(pool, place * 8), -ENXIO);
				check_slices(pool, map);
				kdbus_slice_put(pool, slice);
			} else {
				kdbus_slice_put(pool, slice);
			}
			slices[place] = NULL;
			memset(map + place, false, size / 8);
		}
		if (step % 16 == 0)
			check_slices(pool, map);
	}
	/* it was full now and then, or it was no test */
	expect_gt(n_refused, 100);
	for (int i = 0; i < N_UNITS; i++)
		kdbus_slice_put(pool, slices[i]);
	memset(map, false, sizeof(map));
	check_slices(pool, map);
	expect(list_is_singular(&pool->slices));
	kdbus_pool_free(pool);
	expect_eq(shim_alloc_count(), 0);
}

TEST(whole_pool)
{
	struct kdbus_pool *pool = pool_new();
	struct kdbus_slice *slice, *other;

	expect_eq(kdbus_slice_alloc(pool, POOL_SIZE + 1, &slice), -EXFULL);
	expect_eq(kdbus_slice_alloc(pool, ~0ULL, &slice), -EXFULL);
	expect_eq(kdbus_slice_alloc(pool, POOL_SIZE, &slice), 0);
	expect_eq(kdbus_slice_alloc(pool, 1, &other), -EXFULL);
	kdbus_slice_put(pool, slice);
	expect_eq(kdbus_slice_alloc(pool, 1, &other), 0);
	expect_eq(other->offset, 0);
	kdbus_slice_put(pool, other);
	kdbus_pool_free(pool);
}

TEST(without_memory)
{
	struct kdbus_pool *pool;
	struct kdbus_slice *slice;

	for (int i = 1; i <= 2; i++) {
		shim_alloc_fail_at(i);
		expect_eq(kdbus_pool_new(&host, NULL, POOL_SIZE, NULL, &pool), -ENOMEM);
	}
	expect_eq(kdbus_pool_new(&host, &pool, POOL_SIZE, NULL, &pool), -ENOSPC);
	expect_eq(shim_alloc_count(), 0);
	pool = pool_new();
	shim_alloc_fail_at(1);
	expect_eq(kdbus_slice_alloc(pool, 8, &slice), -ENOMEM);
	expect_eq(kdbus_slice_alloc(pool, 8, &slice), 0);
	expect_eq(slice->offset, 0);
	kdbus_slice_put(pool, slice);
	kdbus_pool_free(pool);
	expect_eq(shim_alloc_count(), 0);
}
