/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bus-bench - what a message costs on bus-proxyd, dbus-broker and dbus-daemon
 *
 * One run measures all of them, round by round in turn (A B C A B C ...), with
 * every process pinned to one CPU, so that the ratios mean something on a noisy
 * machine.  Each daemon is started fresh for each measure.  A contender that
 * is not installed is left out, and the report says so.  Nothing here judges a
 * figure: the exit status tells whether everything could be measured.
 */
#include "tests/bench/contender.h"
#include "tests/bench/measure.h"
#include "tests/bench/report.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	ROUNDS_FULL = 15,
	ROUNDS_QUICK = 5,
	NOFILE_WANTED = 6000, /* for the idle connections, on both sides */
	RUN_LIMIT_S = 900,    /* the alarm that ends a run which hangs all the same */
};

struct options {
	bool quick;
	bool json;
	unsigned int rounds; /* 0: as the mode says */
	int cpu;	     /* -1: the last one we may use */
	const char *measure; /* NULL: all */
};

static const char usage[] =
	"Usage: bus-bench [OPTION...]\n"
	"  --bus-proxyd=PATH  the bus-proxyd to measure (default: beside this program)\n"
	"  --also=PATH        one more daemon with the command line of dbus-daemon\n"
	"  --quick            fewer and shorter rounds, without the slowest measures\n"
	"  --rounds=N         rounds of each measure, at most 101\n"
	"  --measure=PREFIX   only the measures whose name starts so\n"
	"  --cpu=N            the CPU to run everything on\n"
	"  --json             results as JSON\n"
	"  --list             names of the measures\n";

static int pin_to_cpu(int *cpu)
{
	cpu_set_t set;

	if (*cpu < 0) {
		if (sched_getaffinity(0, sizeof(set), &set) < 0)
			return -errno;
		for (int i = 0; i < CPU_SETSIZE; i++)
			if (CPU_ISSET(i, &set))
				*cpu = i;
	}
	CPU_ZERO(&set);
	CPU_SET(*cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) < 0 ? -errno : 0;
}

static void raise_nofile(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= NOFILE_WANTED)
		return;
	limit.rlim_cur = NOFILE_WANTED;
	if (limit.rlim_max < NOFILE_WANTED)
		limit.rlim_max = NOFILE_WANTED;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		fprintf(stderr, "bus-bench: cannot have %d descriptors: %s\n", NOFILE_WANTED,
			strerror(errno));
}

static void measure_failed(const struct contender *c, const struct measure *m, int r)
{
	fprintf(stderr, "bus-bench: %s on %s failed: %s\n", m->id, c->name, strerror(-r));
}

/* one measure on all contenders; returns whether all of it could be measured */
static bool run_measure(struct contender *contenders, unsigned int n_contenders,
			const struct measure *measure, unsigned int n, unsigned int n_rounds,
			struct result *result)
{
	struct stage stages[MAX_CONTENDERS] = {0};
	double warm_up[MAX_METRICS];
	bool ok = true;
	int r;

	result->measure = measure;
	result->n_rounds = measure->once ? 1 : n_rounds;
	for (unsigned int c = 0; c < n_contenders; c++) {
		r = contender_start(&contenders[c]);
		if (r >= 0)
			r = stage_open(&stages[c], measure, &contenders[c], n);
		if (r >= 0 && !measure->once)
			r = measure->play(&stages[c], warm_up);
		if (r < 0) {
			measure_failed(&contenders[c], measure, r);
			result->failed[c] = r;
			ok = false;
		}
	}
	for (unsigned int round = 0; round < result->n_rounds; round++) {
		for (unsigned int c = 0; c < n_contenders; c++) {
			double values[MAX_METRICS] = {0};

			if (result->failed[c])
				continue;
			r = measure->play(&stages[c], values);
			if (r < 0) {
				measure_failed(&contenders[c], measure, r);
				result->failed[c] = r;
				ok = false;
			}
			for (unsigned int m = 0; m < MAX_METRICS; m++)
				result->values[c][m][round] = values[m];
		}
	}
	for (unsigned int c = 0; c < n_contenders; c++) {
		stage_close(&stages[c]);
		contender_stop(&contenders[c]);
	}
	return ok;
}

static void print_list(void)
{
	for (unsigned int i = 0; i < n_measures; i++)
		printf("%-16s %s\n", measures[i].id, measures[i].name);
}

static int run(struct contender *contenders, unsigned int n_contenders,
	       const struct options *options)
{
	struct report report = {
		.contenders = contenders,
		.n_contenders = n_contenders,
		.cpu = options->cpu,
	};
	unsigned int n_rounds = options->rounds ?: (options->quick ? ROUNDS_QUICK : ROUNDS_FULL);
	bool ok = true;

	report.results = calloc(n_measures, sizeof(*report.results));
	if (!report.results) {
		perror("bus-bench");
		return 1;
	}
	for (unsigned int i = 0; i < n_measures; i++) {
		const struct measure *m = &measures[i];
		unsigned int n = options->quick ? m->n_quick : m->n_full;

		if (options->measure && strncmp(m->id, options->measure, strlen(options->measure)))
			continue;
		if (!n && options->measure)
			n = m->n_full;
		if (!n)
			continue;
		fprintf(stderr, "bus-bench: %s\n", m->name);
		if (!run_measure(contenders, n_contenders, m, n, n_rounds,
				 &report.results[report.n_results++]))
			ok = false;
	}
	if (!report.n_results) {
		fprintf(stderr, "bus-bench: no measure of that name, see --list\n");
		ok = false;
	} else if (options->json) {
		report_print_json(&report);
	} else {
		report_print_table(&report);
	}
	free(report.results);
	return ok ? 0 : 1;
}

static int parse_options(int argc, char **argv, struct options *o, const char **ours_out,
			 const char **also_out)
{
	enum { OURS, ALSO, QUICK, ROUNDS, MEASURE, CPU, JSON, LIST };
	static const struct option table[] = {
		{"bus-proxyd", required_argument, NULL, OURS},
		{"also", required_argument, NULL, ALSO},
		{"quick", no_argument, NULL, QUICK},
		{"rounds", required_argument, NULL, ROUNDS},
		{"measure", required_argument, NULL, MEASURE},
		{"cpu", required_argument, NULL, CPU},
		{"json", no_argument, NULL, JSON},
		{"list", no_argument, NULL, LIST},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", table, NULL)) >= 0) {
		switch (option) {
		case OURS:
			*ours_out = optarg;
			break;
		case ALSO:
			*also_out = optarg;
			break;
		case QUICK:
			o->quick = true;
			break;
		case ROUNDS:
			o->rounds = strtoul(optarg, NULL, 10);
			if (!o->rounds || o->rounds > MAX_ROUNDS)
				return -EINVAL;
			break;
		case MEASURE:
			o->measure = optarg;
			break;
		case CPU:
			o->cpu = atoi(optarg);
			break;
		case JSON:
			o->json = true;
			break;
		case LIST:
			print_list();
			exit(0);
		default:
			return -EINVAL;
		}
	}
	return optind == argc ? 0 : -EINVAL;
}

/* those that can be run, in the order of the table; returns how many */
static unsigned int find_contenders(struct contender *contenders_out, const char *ours,
				    const char *also)
{
	const struct contender wanted[MAX_CONTENDERS] = {
		{.name = "dbus-daemon", .program = "dbus-daemon"},
		{.name = "dbus-broker", .program = "dbus-broker", .kind = CONTENDER_BROKER},
		{.name = "also", .program = also},
		{.name = "bus-proxyd", .program = ours},
	};
	unsigned int n = 0;

	for (unsigned int i = 0; i < MAX_CONTENDERS; i++) {
		if (!wanted[i].program)
			continue;
		contenders_out[n] = wanted[i];
		contenders_out[n].controller = -1;
		if (contender_probe(&contenders_out[n]))
			n++;
		else
			fprintf(stderr, "bus-bench: %s (%s) cannot be run and is left out\n",
				wanted[i].name, wanted[i].program);
	}
	return n;
}

int main(int argc, char **argv)
{
	struct options options = {.cpu = -1};
	const char *ours = NULL, *also = NULL;
	struct contender contenders[MAX_CONTENDERS];
	char beside[4096];
	unsigned int n;
	int r;

	if (parse_options(argc, argv, &options, &ours, &also) < 0) {
		fputs(usage, stderr);
		return 2;
	}
	if (!ours) {
		char *slash = strrchr(argv[0], '/');

		snprintf(beside, sizeof(beside), "%.*sbus-proxyd",
			 slash ? (int)(slash - argv[0] + 1) : 0, argv[0]);
		ours = beside;
	}

	signal(SIGPIPE, SIG_IGN);
	alarm(RUN_LIMIT_S);
	r = pin_to_cpu(&options.cpu);
	if (r < 0) {
		fprintf(stderr, "bus-bench: CPU %d: %s\n", options.cpu, strerror(-r));
		return 1;
	}
	raise_nofile();

	n = find_contenders(contenders, ours, also);
	if (!n) {
		fprintf(stderr, "bus-bench: there is nothing to measure\n");
		return 1;
	}
	return run(contenders, n, &options);
}
