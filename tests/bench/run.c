/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One measure on all contenders: see run.h. */
#include "tests/bench/run.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

enum {
	TRACED_SHARE = 10, /* of a round's steps: each takes that much longer */
	FEWEST_ROUNDS = 5, /* from which something can be said */
};

static cpu_set_t all_cpus;

void run_remember_cpus(void)
{
	CPU_ZERO(&all_cpus);
	sched_getaffinity(0, sizeof(all_cpus), &all_cpus);
}

int run_pin(int *cpu)
{
	cpu_set_t set;

	for (int i = 0; *cpu < 0 && i < CPU_SETSIZE; i++)
		if (CPU_ISSET(CPU_SETSIZE - 1 - i, &all_cpus))
			*cpu = CPU_SETSIZE - 1 - i;
	CPU_ZERO(&set);
	CPU_SET(*cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) < 0 ? -errno : 0;
}

static void failed(const struct contender *c, const struct measure *m, int r)
{
	fprintf(stderr, "bus-bench: %s on %s failed: %s\n", m->id, c->name, strerror(-r));
}

static int open_stage(struct stage *stage, struct contender *contender,
		      const struct measure *measure, unsigned int n)
{
	double warm_up[MAX_METRICS];
	int r;

	r = contender_start(contender);
	if (r >= 0)
		r = stage_open(stage, measure, contender, n);
	if (r >= 0 && !(measure->flags & MEASURE_ONCE))
		r = measure->play(stage, warm_up);
	return r;
}

/* one more round, in which nothing but system calls counts */
static int count_calls(struct stage *stage, double *calls_out)
{
	double values[MAX_METRICS] = {0};
	unsigned int n = stage->n;
	int r;

	*calls_out = NAN;
	/* of one process */
	if (!stage->contender->pid || stage->contender->kind == CONTENDER_PROXIES)
		return 0;
	r = tracer_start(&stage->tracer, stage->contender->pid);
	if (r < 0) {
		fprintf(stderr, "bus-bench: cannot count system calls: %s\n", strerror(-r));
		return 0;
	}
	stage->n = n / TRACED_SHARE ?: 1;
	r = stage->measure->play(stage, values);
	stage->n = n;
	tracer_stop(&stage->tracer);
	if (r >= 0)
		*calls_out = values[METRIC_CALLS];
	return r;
}

static bool play(struct contender *contenders, unsigned int n_contenders,
		 const struct measure *measure, const struct run_options *options, double until_us,
		 struct result *result)
{
	struct stage stages[MAX_CONTENDERS] = {0};
	bool ok = true;
	int r;

	for (unsigned int c = 0; c < n_contenders; c++) {
		if (!measure_suits(measure, &contenders[c]))
			continue;
		r = open_stage(&stages[c], &contenders[c], measure, options->n);
		result->is_played[c] = r >= 0;
		if (r < 0) {
			failed(&contenders[c], measure, r);
			ok = false;
		}
	}
	for (unsigned int round = 0; round <= result->n_rounds; round++) {
		bool is_last;

		if (round >= FEWEST_ROUNDS && round < result->n_rounds && now_us() > until_us)
			result->n_rounds = round;
		is_last = round == result->n_rounds;
		if (is_last && !measure->metrics[METRIC_CALLS])
			break;
		for (unsigned int c = 0; c < n_contenders; c++) {
			double values[MAX_METRICS] = {0};

			if (!result->is_played[c])
				continue;
			if (is_last)
				r = count_calls(&stages[c], &result->values[c][METRIC_CALLS][0]);
			else
				r = measure->play(&stages[c], values);
			if (r < 0) {
				failed(&contenders[c], measure, r);
				result->is_played[c] = false;
				ok = false;
			}
			for (unsigned int m = 0; !is_last && m < MAX_METRICS; m++)
				if (m != METRIC_CALLS)
					result->values[c][m][round] = values[m];
		}
	}
	/* daemons first, that nobody waits until they have cleared up after many clients */
	for (unsigned int c = 0; c < n_contenders; c++)
		contender_stop(&contenders[c]);
	for (unsigned int c = 0; c < n_contenders; c++)
		stage_close(&stages[c]);
	return ok;
}

static bool play_sampled(struct contender *contenders, unsigned int n_contenders,
			 const struct measure *measure, const struct run_options *options,
			 double until_us, struct result *result)
{
	int cpu = measure->flags & MEASURE_FREE ? -1 : options->cpu;
	struct machine_sample before, after;
	bool ok;

	*result = (struct result){
		.measure = measure,
		.n_contenders = n_contenders,
		.n_rounds = measure->flags & MEASURE_ONCE ? 1 : options->n_rounds,
	};
	machine_sample(cpu, &before);
	ok = play(contenders, n_contenders, measure, options, until_us, result);
	machine_sample(cpu, &after);
	result->use = machine_used(&before, &after);
	return ok;
}

bool run_measure(struct contender *contenders, unsigned int n_contenders,
		 const struct measure *measure, const struct run_options *options,
		 struct result *result_out)
{
	static struct result again;
	double until_us = options->measure_us ? now_us() + options->measure_us : INFINITY;
	int cpu = options->cpu;
	bool ok;

	if (measure->flags & MEASURE_FREE)
		sched_setaffinity(0, sizeof(all_cpus), &all_cpus);
	ok = play_sampled(contenders, n_contenders, measure, options, until_us, result_out);
	while (ok && result_out->n_repeats < options->n_repeats &&
	       now_us() < options->repeat_until_us && now_us() < until_us &&
	       result_is_spread(result_out, options->n_judged)) {
		result_out->n_repeats++;
		ok = play_sampled(contenders, n_contenders, measure, options, until_us, &again);
		/* metrics of both must pair up */
		if (ok && again.n_rounds == result_out->n_rounds)
			result_improve(result_out, &again, options->n_judged);
	}
	if (measure->flags & MEASURE_FREE)
		run_pin(&cpu);
	return ok;
}
