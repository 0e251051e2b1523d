/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Environment: see environment.h.
 *
 * An array in the form that execve() takes, whose strings lie in struct variable, and an
 * index of them: one call may set as many variables as fit into a message.  A variable's
 * name ends at the first '=', whatever whoever set it thought.
 */
#include "proxy/environment.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/base/cleanup.h"
#include "proxy/base/htable.h"

/* of the array */
enum { FIRST_PLACES = 16 };

/**
 * struct variable - one
 * @node: in environment->index; what has no '=' is in none
 * @place: in environment->variables
 * @name_len: of it
 * @text: "NAME=value", what the array points to
 */
struct variable {
	struct htable_node node;
	size_t place;
	size_t name_len;
	char text[];
};

static struct variable *variable_of(char *text)
{
	return container_of(text, struct variable, text[0]);
}

/* "@name=@value", or with @value NULL, @name alone, which then is the whole text */
static struct variable *variable_new(const char *name, const char *value)
{
	size_t size = strlen(name) + (value ? 1 + strlen(value) : 0) + 1;
	struct variable *variable = malloc(sizeof(*variable) + size);

	if (!variable)
		return NULL;
	*variable = (struct variable){.place = 0};
	snprintf(variable->text, size, "%s%s%s", name, value ? "=" : "", value ?: "");
	variable->name_len = strcspn(variable->text, "=");
	return variable;
}

static struct variable *environment_find(const struct environment *environment, const char *name,
					 size_t len)
{
	uint64_t hash = htable_hash(name, len);
	struct variable *variable;

	if (!environment->index)
		return NULL;
	htable_for_each_match(variable, environment->index, node, hash)
		if (variable->name_len == len && !memcmp(variable->text, name, len))
			return variable;
	return NULL;
}

/* room for @n variables and the NULL behind them */
static int environment_reserve(struct environment *environment, size_t n)
{
	size_t n_places = environment->n_places ?: FIRST_PLACES;
	char **more;

	if (!environment->index) {
		environment->index = malloc(sizeof(*environment->index));
		if (!environment->index)
			return -ENOMEM;
		htable_init(environment->index);
	}
	while (n_places < n + 1)
		n_places *= 2;
	if (n_places == environment->n_places)
		return 0;
	more = reallocarray(environment->variables, n_places, sizeof(*more));
	if (!more)
		return -ENOMEM;
	environment->variables = more;
	environment->n_places = n_places;
	more[environment->n_variables] = NULL;
	return 0;
}

/* there is room */
static void environment_append(struct environment *environment, struct variable *variable)
{
	variable->place = environment->n_variables++;
	environment->variables[variable->place] = variable->text;
	environment->variables[environment->n_variables] = NULL;
	if (variable->text[variable->name_len])
		htable_add(environment->index, &variable->node,
			   htable_hash(variable->text, variable->name_len));
}

int environment_init(struct environment *environment, char *const *variables)
{
	size_t n = 0;
	int r;

	*environment = (struct environment){0};
	while (variables[n])
		n++;
	r = environment_reserve(environment, n);
	for (size_t i = 0; i < n && !r; i++) {
		struct variable *variable;

		/* getenv() knows the first of two */
		if (environment_find(environment, variables[i], strcspn(variables[i], "=")))
			continue;
		variable = variable_new(variables[i], NULL);
		if (variable)
			environment_append(environment, variable);
		else
			r = -ENOMEM;
	}
	if (r < 0)
		environment_deinit(environment);
	return r;
}

void environment_deinit(struct environment *environment)
{
	for (size_t i = 0; i < environment->n_variables; i++) {
		struct variable *variable = variable_of(environment->variables[i]);

		if (variable->text[variable->name_len])
			htable_unlink(environment->index, &variable->node);
		free(variable);
	}
	if (environment->index)
		htable_deinit(environment->index);
	free(environment->index);
	free(environment->variables);
	*environment = (struct environment){0};
}

/* takes @variable, whatever comes of it; NULL: there was no memory */
static int environment_take(struct environment *environment, struct variable *variable)
{
	struct variable *old;
	int r = -ENOMEM;

	if (variable)
		r = environment_reserve(environment, environment->n_variables + 1);
	if (r < 0) {
		free(variable);
		/* one that is empty holds nothing */
		if (!environment->n_variables)
			environment_deinit(environment);
		return r;
	}
	old = environment_find(environment, variable->text, variable->name_len);
	if (!old) {
		environment_append(environment, variable);
		return 0;
	}
	variable->place = old->place;
	environment->variables[variable->place] = variable->text;
	htable_add(environment->index, &variable->node, old->node.hash);
	htable_remove(environment->index, &old->node);
	free(old);
	return 0;
}

int environment_set(struct environment *environment, const char *name, const char *value)
{
	return environment_take(environment, variable_new(name, value));
}

int environment_put(struct environment *environment, const char *assignment)
{
	return environment_take(environment, variable_new(assignment, NULL));
}

void environment_unset(struct environment *environment, const char *name)
{
	struct variable *variable = environment_find(environment, name, strlen(name));
	char *last;

	if (!variable)
		return;
	last = environment->variables[--environment->n_variables];
	variable_of(last)->place = variable->place;
	environment->variables[variable->place] = last;
	environment->variables[environment->n_variables] = NULL;
	htable_remove(environment->index, &variable->node);
	free(variable);
}

const char *environment_get(const struct environment *environment, const char *name)
{
	const struct variable *variable = environment_find(environment, name, strlen(name));

	return variable ? variable->text + variable->name_len + 1 : NULL;
}
