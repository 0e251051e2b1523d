/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* proxy/environment: what UpdateActivationEnvironment changes */
#include "proxy/environment.h"

#include <stdio.h>
#include <time.h>

#include "tests/harness/tap.h"

TEST(variables_are_copied_set_and_replaced)
{
	char *const variables[] = {"A=1", "AB=2", "ODD", NULL};
	struct environment environment;

	expect_eq(environment_init(&environment, variables), 0);
	expect_str(environment_get(&environment, "A"), "1");
	expect_eq(environment_set(&environment, "A", "x=y"), 0);
	expect_eq(environment_set(&environment, "C", ""), 0);
	expect_eq(environment.n_variables, 4);
	expect_eq(environment.variables[4], NULL);
	expect_str(environment_get(&environment, "A"), "x=y");
	expect_str(environment_get(&environment, "AB"), "2");
	expect_str(environment_get(&environment, "C"), "");
	expect_str(environment_get(&environment, "ODD"), NULL);
	expect_str(environment_get(&environment, "B"), NULL);
	environment_deinit(&environment);
	environment_deinit(&environment);
}

TEST(an_empty_one)
{
	char *const none[] = {NULL};
	struct environment environment;

	expect_eq(environment_init(&environment, none), 0);
	expect_eq(environment_set(&environment, "A", "1"), 0);
	expect_str(environment.variables[0], "A=1");
	environment_deinit(&environment);
}

TEST(assignments_are_put_and_variables_unset)
{
	char *const variables[] = {"A=1", "B=2", "C=3", NULL};
	struct environment environment;

	expect_eq(environment_init(&environment, variables), 0);
	expect_eq(environment_put(&environment, "B=x=y"), 0);
	expect_eq(environment_put(&environment, "D="), 0);
	expect_str(environment_get(&environment, "B"), "x=y");
	expect_str(environment_get(&environment, "D"), "");
	environment_unset(&environment, "A");
	environment_unset(&environment, "NONE");
	expect_str(environment_get(&environment, "A"), NULL);
	expect_eq(environment.n_variables, 3);
	expect_eq(environment.variables[3], NULL);
	expect_str(environment_get(&environment, "C"), "3");
	environment_deinit(&environment);
}

TEST(a_name_ends_at_the_first_equals_sign)
{
	char *const variables[] = {"A=1", "A=2", "ODD", NULL};
	struct environment environment;

	expect_eq(environment_init(&environment, variables), 0);
	expect_eq(environment.n_variables, 2);
	expect_str(environment_get(&environment, "A"), "1");
	expect_eq(environment_set(&environment, "A=B", "3"), 0);
	expect_eq(environment_set(&environment, "", "4"), 0);
	expect_eq(environment.n_variables, 3);
	expect_str(environment_get(&environment, "A"), "B=3");
	expect_str(environment_get(&environment, ""), "4");
	environment_unset(&environment, "A");
	expect_str(environment.variables[0], "=4");
	expect_str(environment.variables[1], "ODD");
	environment_deinit(&environment);
}

/* as many as a call can bring must not keep the bus: with a search per variable it were minutes */
TEST(many_of_them)
{
	struct environment environment = {0};
	clock_t begin = clock();
	char name[16];

	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 200000; i++) {
			snprintf(name, sizeof(name), "K%u", i);
			expect_eq(environment_set(&environment, name, round ? "b" : "a"), 0);
		}
	}
	expect_eq(environment.n_variables, 200000);
	expect_str(environment_get(&environment, "K123456"), "b");
	environment_deinit(&environment);
	expect_lt((clock() - begin) / CLOCKS_PER_SEC, 20);
}
