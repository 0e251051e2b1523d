/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The machine: what it is, and what else it does meanwhile */
#pragma once

#include <stdio.h>

struct machine {
	char model[128];  /* of the CPU */
	char kernel[128]; /* its name and release */
	unsigned int n_cpus;
	unsigned long long memory_mib;
};

/* what was used up to now, in seconds */
struct machine_sample {
	double wall, busy, busy_on_cpu, stolen, own;
};

/* Between two samples, in CPUs: 1 is one of them all the time.  Clock ticks are coarse: what
 * takes less than a second is known to a few percent. */
struct machine_use {
	double others;	      /* what other processes used */
	double others_on_cpu; /* on the CPU that everything was pinned to; 0: was not pinned */
	double stolen;	      /* what the hypervisor gave to other machines */
};

void machine_describe(struct machine *machine_out);
/* @cpu: -1 unless pinned */
void machine_sample(int cpu, struct machine_sample *sample_out);
/* all children that ran in between have been waited for */
struct machine_use machine_used(const struct machine_sample *before,
				const struct machine_sample *after);
