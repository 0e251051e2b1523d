/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bugs of our own
 *
 * WARN_ON() is as deadly as BUG_ON(): the kernel's log would be read by
 * somebody, this process has none, and a test must not pass over it.
 */
#ifndef SHIM_LINUX_BUG_H
#define SHIM_LINUX_BUG_H

#include <linux/compiler.h>

/* says which assumption failed, on stderr, and aborts */
void shim_bug(const char *file, int line, const char *what)
	__attribute__((__noreturn__, __cold__));

#define BUG_ON(cond)                                                                               \
	do {                                                                                       \
		if (unlikely(cond))                                                                \
			shim_bug(__FILE__, __LINE__, #cond);                                       \
	} while (0)
#define WARN_ON(cond)                                                                              \
	({                                                                                         \
		BUG_ON(cond);                                                                      \
		false;                                                                             \
	})

#endif
