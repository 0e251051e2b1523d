/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the benchmark makes of its figures: when a cell counts, and what is a goal met. */
#include "tests/bench/goals.h"
#include "tests/bench/result.h"
#include "tests/harness/tap.h"

#include <string.h>

enum { N_ROUNDS = 9 };

static const struct measure measured = {
	.id = "round-trip-0",
	.name = "round trip",
	.metrics = {"us", "CPU us", "system calls"},
};

static const struct contender contenders[] = {{.name = "dbus-broker"}, {.name = "ours"}};

/* theirs is 100 in each round, ours is @ours and every other round @noise more */
static struct result make_result(double ours, double noise)
{
	struct result result = {
		.measure = &measured,
		.n_contenders = 2,
		.n_rounds = N_ROUNDS,
		.is_played = {true, true},
	};

	for (unsigned int m = 0; m < 3; m++)
		for (unsigned int i = 0; i < N_ROUNDS; i++) {
			result.values[0][m][i] = 100;
			result.values[1][m][i] = ours + (i % 2) * noise;
		}
	return result;
}

TEST(ratios_that_agree_are_valid)
{
	struct result result = make_result(50, 4);
	struct spread ratio;

	expect_eq(result_ratio(&result, 0, METRIC_TIME, &ratio), CELL_VALID);
	expect(ratio.median == 0.5);
	expect(!result_is_spread(&result, 1));
}

TEST(ratios_that_disagree_are_unmeasured)
{
	struct result result = make_result(50, 30);
	struct spread ratio;

	expect_eq(result_ratio(&result, 0, METRIC_TIME, &ratio), CELL_UNMEASURED);
	expect(ratio.low == 0.5 && ratio.high == 0.8);
	expect(result_is_spread(&result, 1));
	/* nobody asked about that one */
	expect(!result_is_spread(&result, 0));
}

TEST(what_nobody_played_is_no_cell)
{
	struct result result = make_result(50, 30);
	struct spread ratio;

	result.is_played[0] = false;
	expect_eq(result_ratio(&result, 0, METRIC_TIME, &ratio), CELL_NONE);
	expect(!result_is_spread(&result, 1));
	expect_eq(result_ratio(&result, 0, METRIC_OTHER, &ratio), CELL_NONE);
}

TEST(another_try_replaces_what_is_spread_and_no_more)
{
	struct result result = make_result(50, 30), again = make_result(60, 0);
	struct spread ratio;

	/* this one was good the first time */
	for (unsigned int i = 0; i < N_ROUNDS; i++)
		result.values[1][METRIC_CPU][i] = 40;
	result_improve(&result, &again, 1);
	expect_eq(result_ratio(&result, 0, METRIC_TIME, &ratio), CELL_VALID);
	expect(ratio.median == 0.6);
	expect_eq(result_ratio(&result, 0, METRIC_CPU, &ratio), CELL_VALID);
	expect(ratio.median == 0.4);
}

TEST(another_try_that_is_worse_changes_nothing)
{
	struct result result = make_result(50, 15), again = make_result(60, 40);
	struct spread ratio;

	result_improve(&result, &again, 1);
	expect_eq(result_ratio(&result, 0, METRIC_TIME, &ratio), CELL_UNMEASURED);
	expect(ratio.low == 0.5);
}

struct verdicts {
	unsigned int n_goals[3], n_floors[3];
};

static void count(const struct judged *judged, void *userdata)
{
	struct verdicts *verdicts = userdata;

	expect(!strcmp(judged->against, "dbus-broker"));
	if (judged->is_floor)
		verdicts->n_floors[judged->verdict]++;
	else
		verdicts->n_goals[judged->verdict]++;
}

static struct verdicts judge(struct result result)
{
	struct report report = {
		.contenders = contenders,
		.n_contenders = 2,
		.n_judged = 1,
		.results = &result,
		.n_results = 1,
	};
	struct verdicts verdicts = {0};

	goals_judge(&report, count, &verdicts);
	return verdicts;
}

/* of an empty round trip: time at most 0.75, CPU at most 0.60 of dbus-broker's, and no more CPU */
TEST(a_cell_meets_its_goal_or_misses_it)
{
	struct verdicts verdicts;

	verdicts = judge(make_result(60, 0));
	expect_eq(verdicts.n_goals[VERDICT_MET], 2);
	expect_eq(verdicts.n_floors[VERDICT_MET], 1);
	verdicts = judge(make_result(70, 0));
	expect_eq(verdicts.n_goals[VERDICT_MET], 1);
	expect_eq(verdicts.n_goals[VERDICT_MISSED], 1);
	verdicts = judge(make_result(101, 0));
	expect_eq(verdicts.n_goals[VERDICT_MISSED], 2);
	expect_eq(verdicts.n_floors[VERDICT_MISSED], 1);
	verdicts = judge(make_result(10, 30));
	expect_eq(verdicts.n_goals[VERDICT_UNMEASURED], 2);
	expect_eq(verdicts.n_floors[VERDICT_UNMEASURED], 1);
}

static void expect_limit(const struct judged *judged, void *userdata)
{
	const double *limit = userdata;

	expect(judged->limit == *limit);
}

/* beside a cell stands what the bare relay takes, who has no bus to run */
TEST(a_cell_has_the_limit_beside_it)
{
	static const struct contender with_relay[] = {
		{.name = "dbus-broker"}, {.name = "relay"}, {.name = "ours"}};
	struct result result = make_result(50, 0);
	struct report report = {
		.contenders = with_relay,
		.n_contenders = 3,
		.n_judged = 1,
		.results = &result,
		.n_results = 1,
	};
	double limit = 0.5;

	result.n_contenders = 3;
	result.is_played[2] = true;
	memcpy(result.values[2], result.values[1], sizeof(result.values[2]));
	goals_judge(&report, expect_limit, &limit);
	limit = 0;
	result.is_played[1] = false;
	goals_judge(&report, expect_limit, &limit);
}
