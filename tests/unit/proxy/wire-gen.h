/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random messages, valid ones and nearly valid ones
 *
 * The same seed gives the same messages on every machine.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gen {
	uint64_t state;
	bool is_big_endian;
	size_t size;
	size_t capacity;
	uint8_t *bytes; /* owned */
};

void gen_init(struct gen *gen, uint64_t seed);
void gen_deinit(struct gen *gen);
/* below @n, which is not 0 */
uint32_t gen_below(struct gen *gen, uint32_t n);

/* makes gen->bytes a valid message: any type, any byte order, fields in any order, unknown ones
 * among them, a body of any types */
void gen_message(struct gen *gen);
/* makes one small change somewhere in gen->bytes */
void gen_mutate(struct gen *gen);
