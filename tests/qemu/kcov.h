/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a thread runs of the kernel, as far as that was built to tell */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* addresses one trace has room for; more than that only costs each fork time */
#define KCOV_SIZE (16 * 1024)

/**
 * struct kcov - a trace
 * @fd: -1: the kernel has none
 * @area: the number of addresses, and the addresses
 */
struct kcov {
	int fd;
	uint64_t *area;
};

/* 0, or a negative errno and @kcov may be used all the same: it stays empty.  A process and
 * its children share it */
int kcov_open(struct kcov *kcov);
/* the calling thread, until kcov_stop() or its end; one thread at a time */
void kcov_start(struct kcov *kcov);
void kcov_stop(struct kcov *kcov);
/* marks in @seen, of a power of two @n_seen bytes, which steps from one place to the next
 * there were since kcov_start(); how many of them are new */
unsigned kcov_merge(const struct kcov *kcov, uint8_t *seen, size_t n_seen);
