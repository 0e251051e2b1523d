/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who holds which lock
 *
 * Every lock of the shim begins with a struct shim_lock named "dep".  With one
 * thread that is all there is to a lock: it costs a store, excludes nobody, and
 * a lock taken twice, released unheld or missing where it is asserted aborts.
 * Taking a rwsem for reading twice counts as twice: it deadlocks as soon as a
 * writer waits in between.
 *
 * Built with SHIM_THREADS a lock has a pthread lock too, and "dep" belongs to
 * whoever holds that.  Readers are counted, not remembered.
 */
#ifndef SHIM_LINUX_LOCKDEP_H
#define SHIM_LINUX_LOCKDEP_H

#include <linux/atomic.h>
#include <linux/bug.h>

#ifdef SHIM_THREADS
#include <pthread.h>
#endif

struct shim_lock {
	int state; /* -1: a writer, else number of readers */
#ifdef SHIM_THREADS
	pthread_t writer; /* valid with -1 */
#endif
};

static inline bool shim_lock_is_writer(const struct shim_lock *dep)
{
#ifdef SHIM_THREADS
	return shim_fetch(&dep->state) == -1 && shim_fetch(&dep->writer) == pthread_self();
#else
	return dep->state == -1;
#endif
}

/* before waiting: the caller must not be the one it will wait for */
static inline void shim_lock_check(const struct shim_lock *dep)
{
#ifdef SHIM_THREADS
	BUG_ON(shim_lock_is_writer(dep));
#else
	BUG_ON(dep->state);
#endif
}

static inline void shim_lock_write(struct shim_lock *dep)
{
	BUG_ON(shim_fetch(&dep->state));
#ifdef SHIM_THREADS
	shim_put(&dep->writer, pthread_self());
#endif
	shim_put(&dep->state, -1);
}

static inline void shim_unlock_write(struct shim_lock *dep)
{
	BUG_ON(!shim_lock_is_writer(dep));
	shim_put(&dep->state, 0);
}

static inline void shim_lock_read(struct shim_lock *dep)
{
	BUG_ON(shim_add_fetch(&dep->state, 1) <= 0);
}

static inline void shim_unlock_read(struct shim_lock *dep)
{
	BUG_ON(shim_add_fetch(&dep->state, -1) < 0);
}

#define lockdep_assert_held_write(lock) BUG_ON(!shim_lock_is_writer(&(lock)->dep))
#define lockdep_assert_held_read(lock)	BUG_ON(shim_fetch(&(lock)->dep.state) <= 0)
#define lockdep_assert_held(lock)                                                                  \
	BUG_ON(shim_fetch(&(lock)->dep.state) <= 0 && !shim_lock_is_writer(&(lock)->dep))
#define lockdep_assert_not_held(lock) shim_lock_check(&(lock)->dep)
#define lockdep_is_held(lock)                                                                      \
	(shim_fetch(&(lock)->dep.state) > 0 || shim_lock_is_writer(&(lock)->dep))

#endif
