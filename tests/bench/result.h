/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a run found
 *
 * A value is known per measure, metric, contender and round.  Absolute figures
 * are medians over the rounds; a ratio is taken within each round, where both
 * sides met the same machine.  Where the ratios of the rounds lie too far apart
 * their median says nothing: that cell counts as unmeasured.
 */
#pragma once

#include "tests/bench/contender.h"
#include "tests/bench/machine.h"
#include "tests/bench/measure.h"
#include "tests/bench/spread.h"

enum {
	MAX_CONTENDERS = 8,
	MAX_ROUNDS = 101,
	MAX_REPEATS = 5,
};

/* how far the quartiles of the ratios may be apart, as a share of their median */
#define SPREAD_BOUND 0.20

/* one measure's outcome */
struct result {
	const struct measure *measure;
	unsigned int n_contenders;
	unsigned int n_rounds;
	unsigned int n_repeats;
	bool is_played[MAX_CONTENDERS]; /* false: failed, or it is no measure for that one */
	double values[MAX_CONTENDERS][MAX_METRICS][MAX_ROUNDS];
	struct machine_use use;
};

enum cell {
	CELL_NONE,	 /* there is nothing to compare */
	CELL_UNMEASURED, /* the rounds disagree */
	CELL_VALID,
};

/* Of @contender; false: there is none. */
bool result_value(const struct result *result, unsigned int contender, unsigned int metric,
		  struct spread *value_out);
/* Of @subject's values to those of @against.  @ratio_out is written unless there is nothing to
 * compare. */
enum cell result_ratio_of(const struct result *result, unsigned int subject, unsigned int against,
			  unsigned int metric, struct spread *ratio_out);
/* Of the last contender's values to those of @against.  @ratio_out is written unless there is
 * nothing to compare. */
enum cell result_ratio(const struct result *result, unsigned int against, unsigned int metric,
		       struct spread *ratio_out);
/* is one of the ratios to the first @n_judged contenders unmeasured? */
bool result_is_spread(const struct result *result, unsigned int n_judged);
/* takes over the metrics in which @again, another try of all, is the steadier one */
void result_improve(struct result *result, const struct result *again, unsigned int n_judged);
