/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Counts the system calls of a process: see tracer.h.
 *
 * A thread of its own is the tracer, for only the thread that attached may wait
 * for the stops.  It can let go of a process only while that one is stopped, so
 * tracer_stop() sends a SIGCONT, which means nothing to a process that runs; the
 * thread sees it first, swallows it and detaches.
 */
#include "tests/bench/tracer.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

static bool is_entry(pid_t pid)
{
	struct __ptrace_syscall_info info = {0};

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(info), &info) <= 0)
		return false;
	return info.op == PTRACE_SYSCALL_INFO_ENTRY;
}

static void *tracer_run(void *userdata)
{
	struct tracer *tracer = userdata;
	bool is_begun = false;
	int status;

	if (ptrace(PTRACE_SEIZE, tracer->pid, NULL, (void *)PTRACE_O_TRACESYSGOOD) < 0 ||
	    ptrace(PTRACE_INTERRUPT, tracer->pid, NULL, NULL) < 0) {
		tracer->error = -errno;
		sem_post(&tracer->begun);
		return NULL;
	}
	for (;;) {
		long signal = 0;

		if (waitpid(tracer->pid, &status, __WALL) < 0 || !WIFSTOPPED(status))
			break;
		if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			if (is_entry(tracer->pid))
				atomic_fetch_add(&tracer->n_calls, 1);
		} else if (status >> 16 == PTRACE_EVENT_STOP) {
			if (!is_begun)
				sem_post(&tracer->begun);
			is_begun = true;
		} else if (WSTOPSIG(status) == SIGCONT && atomic_load(&tracer->must_stop)) {
			ptrace(PTRACE_DETACH, tracer->pid, NULL, NULL);
			return NULL;
		} else {
			signal = WSTOPSIG(status);
		}
		ptrace(PTRACE_SYSCALL, tracer->pid, NULL, (void *)signal);
	}
	/* it has ended */
	if (!is_begun) {
		tracer->error = -ECHILD;
		sem_post(&tracer->begun);
	}
	return NULL;
}

int tracer_start(struct tracer *tracer, pid_t pid)
{
	int r;

	*tracer = (struct tracer){.pid = pid};
	sem_init(&tracer->begun, 0, 0);
	r = -pthread_create(&tracer->thread, NULL, tracer_run, tracer);
	if (r < 0) {
		tracer->pid = 0;
		return r;
	}
	while (sem_wait(&tracer->begun) < 0)
		;
	r = tracer->error;
	if (r < 0) {
		pthread_join(tracer->thread, NULL);
		tracer->pid = 0;
	}
	return r;
}

void tracer_stop(struct tracer *tracer)
{
	if (!tracer->pid)
		return;
	atomic_store(&tracer->must_stop, true);
	kill(tracer->pid, SIGCONT);
	pthread_join(tracer->thread, NULL);
	sem_destroy(&tracer->begun);
	tracer->pid = 0;
}
