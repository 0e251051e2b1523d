/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SHIM_LINUX_MUTEX_H
#define SHIM_LINUX_MUTEX_H

#include <linux/lockdep.h>

struct mutex {
	struct shim_lock dep;
#ifdef SHIM_THREADS
	pthread_mutex_t mutex;
#endif
};

#ifdef SHIM_THREADS
#define SHIM_MUTEX_INIT { .mutex = PTHREAD_MUTEX_INITIALIZER }
#else
#define SHIM_MUTEX_INIT { { 0 } }
#endif
#define DEFINE_MUTEX(name) struct mutex name = SHIM_MUTEX_INIT

static inline void mutex_init(struct mutex *lock)
{
	*lock = (struct mutex)SHIM_MUTEX_INIT;
}

static inline void mutex_destroy(struct mutex *lock)
{
	BUG_ON(shim_fetch(&lock->dep.state));
#ifdef SHIM_THREADS
	pthread_mutex_destroy(&lock->mutex);
#endif
}

static inline void mutex_lock(struct mutex *lock)
{
	shim_lock_check(&lock->dep);
#ifdef SHIM_THREADS
	pthread_mutex_lock(&lock->mutex);
#endif
	shim_lock_write(&lock->dep);
}

/* nobody is killed alone here */
static inline int __must_check mutex_lock_killable(struct mutex *lock)
{
	mutex_lock(lock);
	return 0;
}

static inline void mutex_unlock(struct mutex *lock)
{
	shim_unlock_write(&lock->dep);
#ifdef SHIM_THREADS
	pthread_mutex_unlock(&lock->mutex);
#endif
}

#endif
