/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Allocations that fail
 *
 *	for (unsigned long n = 1;; n++) {
 *		fault_at(n);
 *		r = thing_new(&thing);
 *		if (!fault_disarm())
 *			break;
 *		expect_eq(r, -ENOMEM);
 *	}
 *	expect_eq(r, 0);
 *
 * For programs that are linked with $(fault_ldflags) and libfault.a: the calls of
 * malloc() and its relatives in the program and its static libraries come here.
 * Those inside of libc do not, so asprintf() and the like are caught themselves.
 */
#pragma once

#include <stdbool.h>

/**
 * struct fault_state - what is counted, and which one fails
 * @n_done: how many there were
 * @fail_at: the one that fails, once; 0: none
 * @has_failed: whether it has
 * @n_live: blocks of memory that are in use
 */
struct fault_state {
	unsigned long n_done, fail_at;
	bool has_failed;
	long n_live;
};

/* where allocations are counted: a state of this process, unless it is pointed elsewhere */
extern struct fault_state *fault_state;

/* the @n-th allocation from now on fails, once; 0: none does, but they are counted */
void fault_at(unsigned long n);
/* ends it; did an allocation fail? */
bool fault_disarm(void);
/* allocations since fault_at() */
unsigned long fault_count(void);
/* counts one more; is it the one that fails? */
bool fault_is_next(struct fault_state *state);
