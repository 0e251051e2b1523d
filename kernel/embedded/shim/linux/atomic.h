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
#define shim_fetch(p)	       __atomic_load_n((p), __ATOMIC_SEQ_CST)
#define shim_put(p, value)     __atomic_store_n((p), (value), __ATOMIC_SEQ_CST)
#define shim_add_fetch(p, n)   __atomic_add_fetch((p), (n), __ATOMIC_SEQ_CST)
#define shim_swap_in(p, value) __atomic_exchange_n((p), (value), __ATOMIC_SEQ_CST)
#define shim_cas(p, old, value)                                                                    \
	__atomic_compare_exchange_n((p), (old), (value), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
#else
#define shim_fetch(p)	     (*(p))
#define shim_put(p, value)   ((void)(*(p) = (value)))
#define shim_add_fetch(p, n) (*(p) += (n))
#define shim_swap_in(p, value)                                                                     \
	({                                                                                         \
		__typeof__(*(p)) swap_old_ = *(p);                                                 \
		*(p) = (value);                                                                    \
		swap_old_;                                                                         \
	})
#define shim_cas(p, old, value)                                                                    \
	(*(p) == *(old) ? (*(p) = (value), true) : (*(old) = *(p), false))
#endif

#define ATOMIC_INIT(i)	 { (i) }
#define ATOMIC64_INIT(i) { (i) }

#define SHIM_ATOMIC(type, value_type, name)                                                        \
	static inline value_type name##_read(const type *v)                                        \
	{                                                                                          \
		return shim_fetch(&v->counter);                                                    \
	}                                                                                          \
	static inline void name##_set(type *v, value_type i)                                       \
	{                                                                                          \
		shim_put(&v->counter, i);                                                          \
	}                                                                                          \
	static inline value_type name##_add_return(value_type i, type *v)                          \
	{                                                                                          \
		return shim_add_fetch(&v->counter, i);                                             \
	}                                                                                          \
	static inline value_type name##_sub_return(value_type i, type *v)                          \
	{                                                                                          \
		return shim_add_fetch(&v->counter, -i);                                            \
	}                                                                                          \
	static inline void name##_add(value_type i, type *v)                                       \
	{                                                                                          \
		name##_add_return(i, v);                                                           \
	}                                                                                          \
	static inline void name##_sub(value_type i, type *v)                                       \
	{                                                                                          \
		name##_sub_return(i, v);                                                           \
	}                                                                                          \
	static inline void name##_inc(type *v)                                                     \
	{                                                                                          \
		name##_add_return(1, v);                                                           \
	}                                                                                          \
	static inline void name##_dec(type *v)                                                     \
	{                                                                                          \
		name##_sub_return(1, v);                                                           \
	}                                                                                          \
	static inline value_type name##_inc_return(type *v)                                        \
	{                                                                                          \
		return name##_add_return(1, v);                                                    \
	}                                                                                          \
	static inline value_type name##_dec_return(type *v)                                        \
	{                                                                                          \
		return name##_sub_return(1, v);                                                    \
	}                                                                                          \
	static inline bool name##_dec_and_test(type *v)                                            \
	{                                                                                          \
		return !name##_sub_return(1, v);                                                   \
	}                                                                                          \
	static inline value_type name##_xchg(type *v, value_type i)                                \
	{                                                                                          \
		return shim_swap_in(&v->counter, i);                                               \
	}                                                                                          \
	static inline value_type name##_cmpxchg(type *v, value_type old, value_type i)             \
	{                                                                                          \
		shim_cas(&v->counter, &old, i);                                                    \
		return old;                                                                        \
	}                                                                                          \
	struct shim_atomic_needs_a_semicolon

SHIM_ATOMIC(atomic_t, int, atomic);
SHIM_ATOMIC(atomic64_t, s64, atomic64);

/* adds 1 unless the counter is @u; whether it did */
static inline bool atomic_add_unless(atomic_t *v, int a, int u)
{
	int old = atomic_read(v);

	do {
		if (old == u)
			return false;
	} while (!shim_cas(&v->counter, &old, old + a));
	return true;
}

#endif
