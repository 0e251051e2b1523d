/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reference counts; one that would leave its range is a bug and says so */
#ifndef SHIM_LINUX_REFCOUNT_H
#define SHIM_LINUX_REFCOUNT_H

#include <linux/atomic.h>
#include <linux/bug.h>

typedef struct {
	atomic_t refs;
} refcount_t;

#define REFCOUNT_INIT(n) { .refs = ATOMIC_INIT(n) }

static inline void refcount_set(refcount_t *r, int n)
{
	atomic_set(&r->refs, n);
}

static inline unsigned int refcount_read(const refcount_t *r)
{
	return (unsigned int)atomic_read(&r->refs);
}

static inline void refcount_inc(refcount_t *r)
{
	BUG_ON(atomic_inc_return(&r->refs) <= 1);
}

static inline bool __must_check refcount_inc_not_zero(refcount_t *r)
{
	return atomic_add_unless(&r->refs, 1, 0);
}

static inline bool __must_check refcount_dec_and_test(refcount_t *r)
{
	int left = atomic_dec_return(&r->refs);

	BUG_ON(left < 0);
	return left == 0;
}

static inline void refcount_dec(refcount_t *r)
{
	BUG_ON(refcount_dec_and_test(r));
}

#endif
