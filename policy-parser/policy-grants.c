/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Policy for the engine: a compiled database, see policy-compile.h */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy-parser/policy-grants.h"
#include "proxy/base/cleanup.h"

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

/* PINNING */

static int compare_holders(const void *a, const void *b)
{
	const struct policy_holder *x = a, *y = b;

	return policy_holder_compare(x->name, strlen(x->name), x->is_wildcard, y->name,
				     strlen(y->name), y->is_wildcard);
}

/* at the end of @grants, where there is room for it */
static int grants_append(struct policy_grants *grants, const char *name, bool is_wildcard,
			 const struct policy_holder *like)
{
	static const struct policy_grant nothing = {{POLICY_WORLD, 0}, POLICY_SEE};
	static const struct policy_holder pin = {.grants = (struct policy_grant *)&nothing,
						 .n_grants = 1};
	struct policy_holder *holder = &grants->holders[grants->n_holders];

	if (!like)
		like = &pin;
	*holder = (struct policy_holder){
		.name = strdup(name),
		.is_wildcard = is_wildcard,
		.is_denied = like->is_denied,
		.grants = calloc(like->n_grants + 1, sizeof(*holder->grants)),
		.n_grants = like->n_grants,
	};
	grants->n_holders++;
	if (!holder->name || !holder->grants)
		return -ENOMEM;
	memcpy(holder->grants, like->grants, like->n_grants * sizeof(*holder->grants));
	return 0;
}

/* of several with one name the first stays */
static void grants_drop_twins(struct policy_grants *grants)
{
	size_t n = 0;

	for (size_t i = 0; i < grants->n_holders; i++) {
		struct policy_holder *holder = &grants->holders[i];

		if (n && !compare_holders(&grants->holders[n - 1], holder)) {
			free(holder->name);
			free(holder->grants);
			continue;
		}
		grants->holders[n++] = *holder;
	}
	grants->n_holders = n;
}

int policy_grants_pin(const struct policy_grants *grants, const char *const *names, size_t n_names,
		      struct policy_grants **grants_out)
{
	__cleanup(policy_grants_freep) struct policy_grants *pinned = calloc(1, sizeof(*pinned));
	int r = 0;

	if (!pinned)
		return -ENOMEM;
	pinned->holders = calloc(grants->n_holders + n_names + 1, sizeof(*pinned->holders));
	if (!pinned->holders)
		return -ENOMEM;
	/* entries without grants are none: who has to have one gets it as a pin */
	for (size_t i = 0; i < grants->n_holders && !r; i++)
		if (grants->holders[i].n_grants)
			r = grants_append(pinned, grants->holders[i].name,
					  grants->holders[i].is_wildcard, &grants->holders[i]);
	for (size_t i = 0; i < n_names && !r; i++)
		r = grants_append(pinned, names[i], false, policy_grants_find(grants, names[i]));
	if (r < 0)
		return r;
	qsort(pinned->holders, pinned->n_holders, sizeof(*pinned->holders), compare_holders);
	grants_drop_twins(pinned);
	*grants_out = steal(pinned);
	return 0;
}
