/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Environment of what the bus starts
 *
 * The daemon's own, as it was at start, with what UpdateActivationEnvironment has
 * set since.  The daemon's own is left alone.
 */
#pragma once

#include <stddef.h>

struct htable;

/**
 * struct environment - all zero is an empty one
 * @variables: "NAME=value", owned; NULL-terminated, and NULL if there never was one
 * @n_variables: of them
 * @n_places: for how many there is room
 * @index: finds them by name
 */
struct environment {
	char **variables;
	size_t n_variables;
	size_t n_places;
	struct htable *index;
};

/* copies @variables (NULL-terminated), of each name the first; 0 or -ENOMEM */
int environment_init(struct environment *environment, char *const *variables);
void environment_deinit(struct environment *environment); /* idempotent */
/* sets or replaces one; 0 or -ENOMEM: then nothing has changed */
int environment_set(struct environment *environment, const char *name, const char *value);
/* the same with "NAME=value" */
int environment_put(struct environment *environment, const char *assignment);
/* forgets one; it need not be there */
void environment_unset(struct environment *environment, const char *name);
/* its value, or NULL */
const char *environment_get(const struct environment *environment, const char *name);
