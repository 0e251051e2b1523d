/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs of system calls on kdbusfs, out of bytes */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "tests/qemu/kcov.h"

#define PROGRAM_MAX  512
#define PROGRAM_RUNS 3

#define PROGRAM_ARENA (8ul << 20)

/* domains that programs choose from: mount points */
#define PROGRAM_DOMAINS 3

/**
 * struct program_stage - where programs run
 * @domains: mount points: a strict one, one of ours, one of the older revision
 * @arena: PROGRAM_ARENA bytes of shared memory, for what commands point to
 * @kcov: for the threads of a program
 */
struct program_stage {
	const char *domains[PROGRAM_DOMAINS];
	uint8_t *arena;
	struct kcov kcov[PROGRAM_RUNS];
};

/* in a process of its own, which ends with it; by a signal if the kernel told a lie */
void program_run(struct program_stage *stage, const uint8_t *bytes, size_t size)
	__attribute__((noreturn));
