/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Counters that several threads may touch
 *
 * Plain memory unless built with SHIM_THREADS: a locked instruction per
 * reference would be paid by a daemon that has one thread.
 */
#ifndef SHIM_LINUX_ATOMIC_H
#define SHIM_LINUX_ATOMIC_H

#include <linux/types.h>

#ifdef SHIM_THREADS
#define shim_fetch(p)	     __atomic_load_n((p), __ATOMIC_SEQ_CST)
#define shim_put(p, value)   __atomic_store_n((p), (value), __ATOMIC_SEQ_CST)
#define shim_add_fetch(p, n) __atomic_add_fetch((p), (n), __ATOMIC_SEQ_CST)
#else
#define shim_fetch(p)	     (*(p))
#define shim_put(p, value)   ((void)(*(p) = (value)))
#define shim_add_fetch(p, n) (*(p) += (n))
#endif

/* what was written before the one is seen after the other */
#ifdef SHIM_THREADS
#define smp_load_acquire(p)	    __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define smp_store_release(p, value) __atomic_store_n((p), (value), __ATOMIC_RELEASE)
#else
#define smp_load_acquire(p)	    (*(p))
#define smp_store_release(p, value) ((void)(*(p) = (value)))
#endif

static inline int atomic_read(const atomic_t *v)
{
	return shim_fetch(&v->counter);
}

static inline void atomic_set(atomic_t *v, int i)
{
	shim_put(&v->counter, i);
}

static inline int atomic_inc_return(atomic_t *v)
{
	return shim_add_fetch(&v->counter, 1);
}

static inline int atomic_dec_return(atomic_t *v)
{
	return shim_add_fetch(&v->counter, -1);
}

static inline s64 atomic64_read(const atomic64_t *v)
{
	return shim_fetch(&v->counter);
}

static inline void atomic64_set(atomic64_t *v, s64 i)
{
	shim_put(&v->counter, i);
}

static inline s64 atomic64_inc_return(atomic64_t *v)
{
	return shim_add_fetch(&v->counter, 1);
}

#endif
