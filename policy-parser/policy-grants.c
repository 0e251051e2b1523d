/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Policy for the engine: a compiled database, see policy-compile.h */
#include <string.h>

#include "policy-parser/policy-grants.h"

struct policy_grants *policy_grants_free(struct policy_grants *grants)
{
	if (!grants)
		return NULL;
	for (size_t i = 0; i < grants->n_holders; i++) {
		free(grants->holders[i].name);
		free(grants->holders[i].grants);
		free(grants->holders[i].obstacles);
	}
	free(grants->holders);
	free(grants);
	return NULL;
}

int policy_holder_compare(const char *a_name, size_t a_size, bool a_is_wildcard, const char *b_name,
			  size_t b_size, bool b_is_wildcard)
{
	int r = strncmp(a_name, b_name, a_size < b_size ? a_size : b_size);

	if (r)
		return r;
	if (a_size != b_size)
		return a_size < b_size ? -1 : 1;
	return a_is_wildcard - b_is_wildcard;
}

const struct policy_holder *policy_grants_find_entry(const struct policy_grants *grants,
						     const char *name, size_t size,
						     bool is_wildcard)
{
	size_t low = 0, high = grants->n_holders;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct policy_holder *holder = &grants->holders[middle];
		int r = policy_holder_compare(holder->name, strlen(holder->name),
					      holder->is_wildcard, name, size, is_wildcard);

		if (!r)
			return holder;
		if (r < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct policy_holder *policy_grants_find(const struct policy_grants *grants, const char *name)
{
	const struct policy_holder *holder;
	const char *dot = strrchr(name, '.');

	holder = policy_grants_find_entry(grants, name, strlen(name), false);
	if (holder && holder->n_grants)
		return holder;
	holder = dot ? policy_grants_find_entry(grants, name, dot - name, true) : NULL;
	return holder && holder->n_grants ? holder : NULL;
}
