/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reference counts; one that would leave its range is a bug and says so */
#ifndef SHIM_LINUX_REFCOUNT_H
#define SHIM_LINUX_REFCOUNT_H

#include <linux/atomic.h>
#include <linux/bug.h>

typedef struct {
	atomic_t refs;
} refcount_t;

static inline void refcount_set(refcount_t *r, int n)
{
	atomic_set(&r->refs, n);
}

static inline void refcount_inc(refcount_t *r)
{
	BUG_ON(atomic_inc_return(&r->refs) <= 1);
}

static inline bool __must_check refcount_dec_and_test(refcount_t *r)
{
	int left = atomic_dec_return(&r->refs);

	BUG_ON(left < 0);
	return left == 0;
}

#endif
