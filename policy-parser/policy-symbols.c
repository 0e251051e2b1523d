/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Symbols: see policy-symbols.h
 *
 * The strings are those of the configuration, but what is looked up comes from
 * clients: the hash is keyed.  It is kept beside each string, so that growing
 * reads no string and a search compares the right one alone.
 */
#include "policy-parser/policy-symbols.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/base/htable.h"

#define MIN_SLOTS 64

struct policy_symbol_slot {
	const char *text; /* NULL: free */
	uint64_t hash;
	uint32_t size;
	uint32_t symbol;
};

void policy_symbols_deinit(struct policy_symbols *symbols)
{
	free(symbols->slots);
	*symbols = (struct policy_symbols)POLICY_SYMBOLS_NULL;
}

/* the slot of a string, or the free one where it belongs */
static struct policy_symbol_slot *slots_search(struct policy_symbol_slot *slots, size_t n_slots,
					       uint64_t hash, const char *text, size_t size)
{
	for (size_t i = hash;; i++) {
		struct policy_symbol_slot *slot = &slots[i & (n_slots - 1)];

		if (!slot->text ||
		    (slot->hash == hash && slot->size == size && !memcmp(slot->text, text, size)))
			return slot;
	}
}

static int symbols_grow(struct policy_symbols *symbols)
{
	size_t n_slots = symbols->n_slots ? 2 * symbols->n_slots : MIN_SLOTS;
	struct policy_symbol_slot *slots = calloc(n_slots, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < symbols->n_slots; i++) {
		const struct policy_symbol_slot *slot = &symbols->slots[i];

		if (slot->text)
			*slots_search(slots, n_slots, slot->hash, slot->text, slot->size) = *slot;
	}
	free(symbols->slots);
	symbols->slots = slots;
	symbols->n_slots = n_slots;
	return 0;
}

int policy_symbols_add(struct policy_symbols *symbols, const char *text, uint32_t *symbol_out)
{
	size_t size = strlen(text);
	uint64_t hash = htable_hash(text, size);
	struct policy_symbol_slot *slot;
	int r;

	if (2 * (symbols->n_symbols + 1) > symbols->n_slots) {
		r = symbols_grow(symbols);
		if (r < 0)
			return r;
	}
	slot = slots_search(symbols->slots, symbols->n_slots, hash, text, size);
	if (!slot->text)
		*slot = (struct policy_symbol_slot){text, hash, size, ++symbols->n_symbols};
	*symbol_out = slot->symbol;
	return 0;
}

uint32_t policy_symbols_find(const struct policy_symbols *symbols, const char *text, size_t size)
{
	if (!symbols->n_symbols)
		return POLICY_SYMBOL_NONE;
	return slots_search(symbols->slots, symbols->n_slots, htable_hash(text, size), text, size)
		->symbol;
}
