/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The end of a child */
#pragma once

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

/* Ends a child that has not been waited for, if it has not ended, and waits for it.  One that has
 * become another user by now cannot be ended, and may live for ever: nobody waits for it. */
static inline void reap(pid_t pid)
{
	if (kill(pid, SIGKILL) < 0)
		return;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}
