/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One measure on all contenders */
#pragma once

#include "tests/bench/result.h"

struct run_options {
	unsigned int n;		/* steps of a round */
	unsigned int n_rounds;	/* likewise rounds */
	unsigned int n_judged;	/* the first so many contenders: their ratios must not be spread */
	unsigned int n_repeats; /* at most */
	int cpu;		/* where all processes are, but for measures on all CPUs */
	double measure_us;	/* no round begins and no repeat after so long; 0: no matter */
	double repeat_until_us; /* no repeat begins later than that, on the clock of now_us() */
};

/* the CPUs that measures on all of them use: those of now */
void run_remember_cpus(void);
/* puts this process and its children to come on one CPU, -1: the last; 0 or negative errno */
int run_pin(int *cpu);
/**
 * run_measure() - play a measure on all contenders in turn
 *
 * On daemons that are started for it, and repeated on fresh ones while the rounds disagree.
 *
 * Return: whether all of it could be played.  What failed is said on stderr.
 */
bool run_measure(struct contender *contenders, unsigned int n_contenders,
		 const struct measure *measure, const struct run_options *options,
		 struct result *result_out);
