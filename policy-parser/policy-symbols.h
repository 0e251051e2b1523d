/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Symbols: the strings of a policy's rules, as numbers
 *
 * What a message says is looked up once, and compared with rules as a number from
 * then on.  Strings that no rule mentions have no number, and match no rule.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* no such string in any rule */
#define POLICY_SYMBOL_NONE 0

/**
 * struct policy_symbols - open addressing, at most half full
 * @slots: a power of two of them, @n_slots; NULL while empty
 * @n_symbols: numbers 1 to here are in use
 */
struct policy_symbols {
	struct policy_symbol_slot *slots;
	size_t n_slots;
	uint32_t n_symbols;
};

#define POLICY_SYMBOLS_NULL                                                                        \
	{                                                                                          \
		NULL, 0, 0                                                                         \
	}

/* idempotent */
void policy_symbols_deinit(struct policy_symbols *symbols);

/**
 * policy_symbols_add() - the number of a string, given out if it has none
 * @text: borrowed for as long as the table lives
 *
 * Return: 0 or -ENOMEM.
 */
int policy_symbols_add(struct policy_symbols *symbols, const char *text, uint32_t *symbol_out);

/* the number of a string, or POLICY_SYMBOL_NONE */
uint32_t policy_symbols_find(const struct policy_symbols *symbols, const char *text, size_t size);
