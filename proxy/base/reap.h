/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The end of a child */
#pragma once

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

/* ends a child that has not been waited for, if it has not ended, and waits for it */
static inline void reap(pid_t pid)
{
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}
