/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SHIM_LINUX_RWSEM_H
#define SHIM_LINUX_RWSEM_H

#include <linux/lockdep.h>

struct rw_semaphore {
	struct shim_lock dep;
#ifdef SHIM_THREADS
	pthread_rwlock_t rwlock;
#endif
};

#ifdef SHIM_THREADS
#define SHIM_RWSEM_INIT { .rwlock = PTHREAD_RWLOCK_INITIALIZER }
#else
#define SHIM_RWSEM_INIT { { 0 } }
#endif
#define DECLARE_RWSEM(name) struct rw_semaphore name = SHIM_RWSEM_INIT

static inline void init_rwsem(struct rw_semaphore *sem)
{
	*sem = (struct rw_semaphore)SHIM_RWSEM_INIT;
}

static inline void down_read(struct rw_semaphore *sem)
{
	shim_lock_check(&sem->dep);
#ifdef SHIM_THREADS
	pthread_rwlock_rdlock(&sem->rwlock);
#endif
	shim_lock_read(&sem->dep);
}

static inline void up_read(struct rw_semaphore *sem)
{
	shim_unlock_read(&sem->dep);
#ifdef SHIM_THREADS
	pthread_rwlock_unlock(&sem->rwlock);
#endif
}

static inline void down_write(struct rw_semaphore *sem)
{
	shim_lock_check(&sem->dep);
#ifdef SHIM_THREADS
	pthread_rwlock_wrlock(&sem->rwlock);
#endif
	shim_lock_write(&sem->dep);
}

static inline void up_write(struct rw_semaphore *sem)
{
	shim_unlock_write(&sem->dep);
#ifdef SHIM_THREADS
	pthread_rwlock_unlock(&sem->rwlock);
#endif
}

static inline bool rwsem_is_locked(const struct rw_semaphore *sem)
{
	return shim_fetch(&sem->dep.state) != 0;
}

#endif
