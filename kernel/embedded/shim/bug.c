/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The end of a process that has broken its own rules.  The one place of the
 * libraries that writes: there is no caller left to tell.
 */
#include <stdio.h>
#include <stdlib.h>

#include <linux/bug.h>
#include <linux/lockdep.h>

#ifdef SHIM_THREADS
__thread const struct shim_lock *shim_read_held[SHIM_READ_HELD_MAX];
#endif

void shim_bug(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: bug: %s\n", file, line, what);
	abort();
}
