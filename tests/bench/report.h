/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How what a run found is shown: for people, for programs, to be kept */
#pragma once

#include "tests/bench/contender.h"
#include "tests/bench/machine.h"
#include "tests/bench/result.h"

#include <stdio.h>

struct report {
	const struct contender *contenders; /* borrowed; the last is compared with the others */
	unsigned int n_contenders;
	unsigned int n_judged; /* the first so many: only their ratios must not be spread */
	struct machine machine;
	int cpu;
	unsigned int seconds;		/* that a measure might take; 0: no matter */
	double load_before, load_after; /* averages of the last minute */
	struct result *results;		/* owned, n_results */
	unsigned int n_results;
};

void report_print_table(const struct report *report, FILE *f);
void report_print_json(const struct report *report, FILE *f);
void report_print_markdown(const struct report *report, FILE *f);
/* one SVG per measure, into @dir, by gnuplot; without it: a message */
void report_draw(const struct report *report, const char *dir);

/* how long measures might take, as one line without an end */
void report_format_time(const struct report *report, char *text_out, size_t size);
/* what the other processes of the machine did, as one line without an end */
void report_format_use(const struct report *report, char *text_out, size_t size);
