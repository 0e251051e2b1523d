/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Policy: looking into rule sets, see policy-private.h */
#include <string.h>

#include "policy-parser/policy-private.h"

static const struct policy_list *lists_find(const struct policy_list *lists, uint32_t n_lists,
					    uint32_t symbol)
{
	uint32_t low = 0, high = n_lists;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (lists[middle].symbol < symbol)
			low = middle + 1;
		else
			high = middle;
	}
	return low < n_lists && lists[low].symbol == symbol ? &lists[low] : NULL;
}

const struct policy_list *policy_set_find(const struct policy_rule_set *set, uint32_t symbol,
					  bool is_prefix)
{
	return is_prefix ? lists_find(set->prefixes, set->n_prefixes, symbol)
			 : lists_find(set->names, set->n_names, symbol);
}

size_t policy_next_prefix(const char *name, size_t name_size, size_t size)
{
	const char *dot;

	if (size == name_size)
		return 0;
	dot = memchr(name + size + 1, '.', name_size - size - 1);
	return dot ? (size_t)(dot - name) : name_size;
}
