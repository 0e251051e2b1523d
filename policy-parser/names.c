/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names: see names.h. */
#include "policy-parser/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy-parser/config-private.h"

int names_add(void *userdata, const char *name)
{
	struct names *names = userdata;
	size_t length = strlen(name), suffix = strlen(names->suffix);
	int r;

	if (length < suffix || strcmp(name + length - suffix, names->suffix))
		return 0;
	if (names->n_items == names->max) {
		names->is_full = true;
		return -E2BIG;
	}
	r = config_grow(&names->items, names->n_items, &names->n_allocated, sizeof(*names->items));
	if (r < 0)
		return r;
	names->items[names->n_items] = strdup(name);
	if (!names->items[names->n_items])
		return -ENOMEM;
	names->n_items++;
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void names_sort(struct names *names)
{
	if (names->n_items)
		qsort(names->items, names->n_items, sizeof(*names->items), compare);
}

void names_deinit(struct names *names)
{
	for (size_t i = 0; i < names->n_items; i++)
		free(names->items[i]);
	free(names->items);
}
