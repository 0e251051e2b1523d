/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Counts the system calls of a process
 *
 * By ptrace, since that needs neither privileges nor a kernel that was built for
 * it.  It costs: each system call then takes some 10 us more, most of them two
 * switches to the tracer.  So nothing else is measured meanwhile; and where a bus
 * handles in one go what has come in meanwhile, it is more, and its calls are
 * fewer, than otherwise.
 */
#pragma once

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/types.h>

struct tracer {
	pid_t pid; /* 0: does not run */
	pthread_t thread;
	sem_t begun;
	atomic_bool must_stop;
	atomic_ulong n_calls;
	int error;
};

/* @pid is a child of ours.  0, or negative errno: -EPERM where ptrace is not allowed. */
int tracer_start(struct tracer *tracer, pid_t pid);
/* idempotent */
void tracer_stop(struct tracer *tracer);
