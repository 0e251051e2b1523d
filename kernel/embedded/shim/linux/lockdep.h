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
 * whoever holds that; each thread remembers what it holds for reading.
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

#ifdef SHIM_THREADS
#define SHIM_READ_HELD_MAX 16
extern __thread const struct shim_lock *shim_read_held[SHIM_READ_HELD_MAX];

/* where this thread remembers @dep; NULL looks for a free place */
static inline const struct shim_lock **shim_read_slot(const struct shim_lock *dep)
{
	for (int i = 0; i < SHIM_READ_HELD_MAX; i++)
		if (shim_read_held[i] == dep)
			return &shim_read_held[i];
	return NULL;
}
#endif

static inline bool shim_lock_is_reader(const struct shim_lock *dep)
{
#ifdef SHIM_THREADS
	return shim_read_slot(dep);
#else
	return dep->state > 0;
#endif
}

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
	BUG_ON(shim_lock_is_writer(dep) || shim_lock_is_reader(dep));
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
#ifdef SHIM_THREADS
	const struct shim_lock **slot = shim_read_slot(NULL);

	BUG_ON(!slot);
	*slot = dep;
#endif
}

static inline void shim_unlock_read(struct shim_lock *dep)
{
	BUG_ON(!shim_lock_is_reader(dep));
#ifdef SHIM_THREADS
	*shim_read_slot(dep) = NULL;
#endif
	shim_add_fetch(&dep->state, -1);
}

#define lockdep_is_held(lock)                                                                      \
	(shim_lock_is_writer(&(lock)->dep) || shim_lock_is_reader(&(lock)->dep))

#define lockdep_assert_held(lock)	BUG_ON(!lockdep_is_held(lock))
#define lockdep_assert_held_write(lock) BUG_ON(!shim_lock_is_writer(&(lock)->dep))

#endif
