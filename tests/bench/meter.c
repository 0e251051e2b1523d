/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Time, CPU time and system calls of what lies between two points: see measure.h.
 * CPU is what the clock of the bus' process says, so that what its clients do is
 * no part of it. */
#include "tests/bench/measure.h"

#include <math.h>
#include <time.h>

double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}

void meter_begin(struct stage *stage)
{
	stage->begin_calls = atomic_load(&stage->tracer.n_calls);
	stage->begin_cpu_us = contender_cpu_us(stage->contender);
	stage->begin_us = now_us();
}

void meter_end(const struct stage *stage, unsigned int n, double *values_out)
{
	values_out[METRIC_TIME] = (now_us() - stage->begin_us) / n;
	values_out[METRIC_CPU] = (contender_cpu_us(stage->contender) - stage->begin_cpu_us) / n;
	values_out[METRIC_CALLS] = NAN;
	if (stage->tracer.pid)
		values_out[METRIC_CALLS] =
			(double)(atomic_load(&stage->tracer.n_calls) - stage->begin_calls) / n;
}
