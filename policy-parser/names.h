/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names: those entries of a directory that are wanted */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/**
 * struct names - names that end in @suffix
 * @suffix: borrowed
 * @max: number of them that there may be
 * @items: owned
 * @n_items: number of them
 * @n_allocated: there is room for
 * @is_full: there were more than @max
 *
 * Starts with @suffix and @max and all else 0.
 */
struct names {
	const char *suffix;
	size_t max;
	char **items;
	size_t n_items;
	size_t n_allocated;
	bool is_full;
};

/* for config_files.list(), with struct names; 0, -ENOMEM, or -E2BIG when it is full */
int names_add(void *userdata, const char *name);
/* bytewise, so that the order is the same everywhere */
void names_sort(struct names *names);
void names_deinit(struct names *names);
