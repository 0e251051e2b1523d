/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a run found, and how it is shown
 *
 * A value is known per measure, metric, contender and round.  Absolute figures
 * are medians over the rounds; a ratio is taken within each round, where both
 * sides met the same machine, and its median and quartiles are shown.
 */
#pragma once

#include "tests/bench/contender.h"
#include "tests/bench/measure.h"

enum {
	MAX_CONTENDERS = 4,
	MAX_ROUNDS = 101,
};

/* one measure's outcome */
struct result {
	const struct measure *measure;
	unsigned int n_rounds;
	int failed[MAX_CONTENDERS]; /* 0, or the negative errno it failed with */
	double values[MAX_CONTENDERS][MAX_METRICS][MAX_ROUNDS];
};

struct report {
	const struct contender *contenders; /* borrowed; the last is compared with the others */
	unsigned int n_contenders;
	int cpu;
	struct result *results; /* owned, n_results */
	unsigned int n_results;
};

void report_print_table(const struct report *report);
void report_print_json(const struct report *report);
