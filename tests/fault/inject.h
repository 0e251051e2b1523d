/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Failures inside of a daemon, told from outside
 *
 * tests/fault/bus-proxyd is the daemon, linked so that its allocations and its
 * calls of the system are counted and one of them can be made to fail.  What is
 * counted and what fails stands in memory that the test and the daemon share: the
 * daemon is started with it as descriptor INJECT_FD.  So one daemon is swept over
 * many failures without being started anew.
 *
 * Calls made inside of the C library and of other libraries are theirs: they
 * appear as the call that the daemon made (fopen(), not its open()).  Expat takes
 * its memory through the daemon's functions and is covered.
 */
#pragma once

#include <stdbool.h>

#include "tests/harness/fault.h"

enum { INJECT_FD = 21 };

/**
 * struct inject_call - one kind of what is counted
 * @state: of what is counted
 * @variant: which of its ways the call that fails takes, from 0
 * @n_variants: how many it has; written by the call that failed
 * @error: the errno that it failed with; 0: it did less than it was asked for
 * @name: what failed
 */
struct inject_call {
	struct fault_state state;
	unsigned int variant;
	unsigned int n_variants;
	int error;
	char name[24];
};

/**
 * struct inject - the shared memory
 * @memory: allocations
 * @calls: calls of the system
 * @child_memory, @child_calls: the same in processes that the daemon has forked
 * @is_waiting: the daemon waits for events
 */
struct inject {
	struct fault_state memory;
	struct inject_call calls;
	struct fault_state child_memory;
	struct inject_call child_calls;
	bool is_waiting;
};
