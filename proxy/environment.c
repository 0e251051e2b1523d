/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Environment: see environment.h.  An array in the form that execve() takes. */
#include "proxy/environment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/base/cleanup.h"

int environment_init(struct environment *environment, char *const *variables)
{
	size_t n = 0;

	*environment = (struct environment){0};
	while (variables[n])
		n++;
	environment->variables = calloc(n + 1, sizeof(*environment->variables));
	if (!environment->variables)
		return -ENOMEM;
	for (; environment->n_variables < n; environment->n_variables++) {
		char *copy = strdup(variables[environment->n_variables]);

		if (!copy) {
			environment_deinit(environment);
			return -ENOMEM;
		}
		environment->variables[environment->n_variables] = copy;
	}
	return 0;
}

void environment_deinit(struct environment *environment)
{
	for (size_t i = 0; i < environment->n_variables; i++)
		free(environment->variables[i]);
	free(environment->variables);
	*environment = (struct environment){0};
}

static char **environment_find(const struct environment *environment, const char *name, size_t len)
{
	for (size_t i = 0; i < environment->n_variables; i++) {
		char **variable = &environment->variables[i];

		if (!strncmp(*variable, name, len) && (*variable)[len] == '=')
			return variable;
	}
	return NULL;
}

/* takes @variable, whatever comes of it */
static int environment_take(struct environment *environment, char *taken_variable, size_t name_len)
{
	__cleanup(freep) char *variable = taken_variable;
	char **place = environment_find(environment, variable, name_len), **more;

	if (place) {
		free(*place);
		*place = steal(variable);
		return 0;
	}
	more = realloc(environment->variables, (environment->n_variables + 2) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	environment->variables = more;
	more[environment->n_variables++] = steal(variable);
	more[environment->n_variables] = NULL;
	return 0;
}

int environment_set(struct environment *environment, const char *name, const char *value)
{
	char *variable;

	if (asprintf(&variable, "%s=%s", name, value) < 0)
		return -ENOMEM;
	return environment_take(environment, variable, strlen(name));
}

int environment_put(struct environment *environment, const char *assignment)
{
	char *variable = strdup(assignment);

	if (!variable)
		return -ENOMEM;
	return environment_take(environment, variable, strcspn(variable, "="));
}

void environment_unset(struct environment *environment, const char *name)
{
	char **place = environment_find(environment, name, strlen(name));

	if (!place)
		return;
	free(*place);
	*place = environment->variables[--environment->n_variables];
	environment->variables[environment->n_variables] = NULL;
}

const char *environment_get(const struct environment *environment, const char *name)
{
	char **variable = environment_find(environment, name, strlen(name));

	return variable ? *variable + strlen(name) + 1 : NULL;
}
