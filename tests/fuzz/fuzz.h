/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzz targets
 *
 * A target is a program with one function, which libFuzzer calls, or replay.c.
 * It must take any bytes, leave nothing behind, and end by a signal or by
 * fuzz_expect() when something is wrong.
 */
#pragma once

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Descriptors that are open, of the first numbers.  What is left open need not have the lowest
 * number that is free.
 */
static inline unsigned fuzz_count_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 128; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* assert() that no flag switches off */
#define fuzz_expect(cond)                                                                          \
	do {                                                                                       \
		if (!(cond))                                                                       \
			abort();                                                                   \
	} while (0)
