/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bus-bench - what a message costs on bus-proxyd, dbus-broker and dbus-daemon
 *
 * One run measures all of them, round by round in turn (A B C A B C ...), with
 * every process pinned to one CPU, so that the ratios mean something on a noisy
 * machine.  Each daemon is started fresh for each measure.  Beside them run a bare
 * relay and, for calls, no bus at all: what nobody can be faster than; and bus-proxyd with a
 * process for each client.  A contender
 * that is not installed is left out, and the report says so.  The report also says which
 * goals are met; the exit status tells only whether everything could be played.
 */
#include "tests/bench/contender.h"
#include "tests/bench/measure.h"
#include "tests/bench/report.h"
#include "tests/bench/run.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	ROUNDS_FULL = 15,
	ROUNDS_QUICK = 5,
	NOFILE_WANTED = 6000, /* for the idle connections, on both sides */
	QUICK_S = 25,	      /* nothing is repeated later than this in a run, with --quick */
	FULL_S = 1800,
	RUN_LIMIT_S = 3600, /* the alarm that ends a run which hangs all the same */
};

struct options {
	bool quick;
	bool only;
	bool json;
	unsigned int rounds; /* 0: as the mode says */
	unsigned int repeats;
	int cpu;	      /* -1: the last one we may use */
	const char *measure;  /* NULL: all */
	const char *output;   /* NULL: none */
	const char *results;  /* likewise */
	unsigned int seconds; /* of a measure; 0: as many as it takes */
};

static const char usage[] =
	"Usage: bus-bench [OPTION...]\n"
	"  --bus-proxyd=PATH  the bus-proxyd to measure (default: beside this program)\n"
	"  --only             that one alone\n"
	"  --also=PATH        one more daemon with the command line of dbus-daemon\n"
	"  --quick            fewer and shorter rounds, without the slowest measures\n"
	"  --rounds=N         rounds of each measure, at most 101\n"
	"  --repeats=N        of a measure whose rounds disagree, at most (5)\n"
	"  --measure=NAME     only that measure, or those whose names start so\n"
	"  --cpu=N            the CPU to run everything on\n"
	"  --json             results as JSON\n"
	"  --output=DIR       write RESULTS.md, results.json and a chart of each measure as well\n"
	"  --results=FILE     write that RESULTS.md there\n"
	"  --seconds=N        no measure is played on after so long, once it has had 5 rounds\n"
	"  --list             names of the measures\n";

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

static void print_list(void)
{
	for (unsigned int i = 0; i < n_measures; i++)
		printf("%-27s %s\n", measures[i].id, measures[i].name);
}

/* what is wanted: all, one, or those whose names begin so */
static bool is_wanted(const struct measure *measure, const char *wanted)
{
	if (!wanted)
		return true;
	for (unsigned int i = 0; i < n_measures; i++)
		if (!strcmp(measures[i].id, wanted))
			return !strcmp(measure->id, wanted);
	return !strncmp(measure->id, wanted, strlen(wanted));
}

static int write_path(const struct report *report, const char *path,
		      void (*print)(const struct report *report, FILE *f))
{
	FILE *f = fopen(path, "we");

	if (f)
		print(report, f);
	if (!f || fclose(f)) {
		fprintf(stderr, "bus-bench: %s: %s\n", path, strerror(errno));
		return 1;
	}
	return 0;
}

static int write_file(const struct report *report, const char *dir, const char *name,
		      void (*print)(const struct report *report, FILE *f))
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return write_path(report, path, print);
}

static int write_output(const struct report *report, const char *dir)
{
	if (mkdir(dir, 0777) < 0 && errno != EEXIST) {
		fprintf(stderr, "bus-bench: %s: %s\n", dir, strerror(errno));
		return 1;
	}
	report_draw(report, dir);
	return write_file(report, dir, "results.json", report_print_json) |
	       write_file(report, dir, "RESULTS.md", report_print_markdown);
}

static int show(const struct report *report, const struct options *options)
{
	if (!report->n_results) {
		fprintf(stderr, "bus-bench: no measure of that name, see --list\n");
		return 1;
	}
	if (options->json)
		report_print_json(report, stdout);
	else
		report_print_table(report, stdout);
	return (options->output ? write_output(report, options->output) : 0) |
	       (options->results ? write_path(report, options->results, report_print_markdown) : 0);
}

static double load_average(void)
{
	double load = 0;

	return getloadavg(&load, 1) == 1 ? load : 0;
}

/* those that results are judged against come first; returns how many there are */
static unsigned int count_judged(const struct contender *contenders, unsigned int n)
{
	unsigned int n_judged = 0;

	while (n_judged + 1 < n && contenders[n_judged].program &&
	       contenders[n_judged].kind != CONTENDER_PROXIES &&
	       strcmp(contenders[n_judged].name, "also"))
		n_judged++;
	return n_judged;
}

static int run(struct contender *contenders, unsigned int n_contenders,
	       const struct options *options)
{
	struct report report = {
		.contenders = contenders,
		.n_contenders = n_contenders,
		.n_judged = count_judged(contenders, n_contenders),
		.cpu = options->cpu,
		.load_before = load_average(),
		.seconds = options->seconds,
	};
	struct run_options run_options = {
		.n_rounds = options->rounds ?: (options->quick ? ROUNDS_QUICK : ROUNDS_FULL),
		.n_judged = report.n_judged,
		.n_repeats = options->repeats,
		.cpu = options->cpu,
		.measure_us = 1e6 * options->seconds,
		.repeat_until_us = now_us() + 1e6 * (options->quick ? QUICK_S : FULL_S),
	};
	bool ok = true;
	int r;

	machine_describe(&report.machine);
	report.results = calloc(n_measures, sizeof(*report.results));
	if (!report.results) {
		perror("bus-bench");
		return 1;
	}
	for (unsigned int i = 0; i < n_measures; i++) {
		const struct measure *m = &measures[i];

		if (!is_wanted(m, options->measure))
			continue;
		run_options.n = options->quick ? m->n_quick : m->n_full;
		if (!run_options.n && options->measure)
			run_options.n = m->n_full;
		if (!run_options.n)
			continue;
		fprintf(stderr, "bus-bench: %s\n", m->name);
		if (!run_measure(contenders, n_contenders, m, &run_options,
				 &report.results[report.n_results++]))
			ok = false;
	}
	report.load_after = load_average();
	r = show(&report, options);
	free(report.results);
	return ok ? r : 1;
}

static int parse_options(int argc, char **argv, struct options *o, const char **ours_out,
			 const char **also_out)
{
	enum {
		OURS,
		ONLY,
		ALSO,
		QUICK,
		ROUNDS,
		REPEATS,
		MEASURE,
		CPU,
		JSON,
		OUTPUT,
		RESULTS,
		SECONDS,
		LIST
	};
	static const struct option table[] = {
		{"bus-proxyd", required_argument, NULL, OURS},
		{"only", no_argument, NULL, ONLY},
		{"also", required_argument, NULL, ALSO},
		{"quick", no_argument, NULL, QUICK},
		{"rounds", required_argument, NULL, ROUNDS},
		{"repeats", required_argument, NULL, REPEATS},
		{"measure", required_argument, NULL, MEASURE},
		{"cpu", required_argument, NULL, CPU},
		{"json", no_argument, NULL, JSON},
		{"output", required_argument, NULL, OUTPUT},
		{"results", required_argument, NULL, RESULTS},
		{"seconds", required_argument, NULL, SECONDS},
		{"list", no_argument, NULL, LIST},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", table, NULL)) >= 0) {
		switch (option) {
		case OURS:
			*ours_out = optarg;
			break;
		case ONLY:
			o->only = true;
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
		case REPEATS:
			o->repeats = strtoul(optarg, NULL, 10);
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
		case OUTPUT:
			o->output = optarg;
			break;
		case RESULTS:
			o->results = optarg;
			break;
		case SECONDS:
			o->seconds = strtoul(optarg, NULL, 10);
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

/* those that can be run, in the order of the table; returns how many, 0 when ours is not one */
static unsigned int find_contenders(struct contender *contenders_out, const char *ours,
				    const char *also, bool only_ours)
{
	const struct contender wanted[] = {
		{.name = "dbus-daemon", .program = "dbus-daemon"},
		{.name = "dbus-broker", .program = "dbus-broker", .kind = CONTENDER_BROKER},
		{.name = "relay", .kind = CONTENDER_RELAY},
		{.name = "direct", .kind = CONTENDER_DIRECT},
		{.name = "also", .program = also},
		{.name = "per-client", .program = ours, .kind = CONTENDER_PROXIES},
		{.name = "bus-proxyd", .program = ours},
	};
	const unsigned int n_wanted = sizeof(wanted) / sizeof(wanted[0]);
	bool has_ours = false;
	unsigned int n = 0;

	for (unsigned int i = only_ours ? n_wanted - 1 : 0; i < n_wanted; i++) {
		if (!wanted[i].program && wanted[i].kind == CONTENDER_DAEMON)
			continue;
		contenders_out[n] = wanted[i];
		contenders_out[n].controller = -1;
		has_ours = contender_probe(&contenders_out[n]);
		if (has_ours)
			n++;
		else
			fprintf(stderr, "bus-bench: %s (%s) cannot be run and is left out\n",
				wanted[i].name, wanted[i].program);
	}
	return has_ours ? n : 0;
}

int main(int argc, char **argv)
{
	struct options options = {.cpu = -1, .repeats = MAX_REPEATS};
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
	run_remember_cpus();
	r = run_pin(&options.cpu);
	if (r < 0) {
		fprintf(stderr, "bus-bench: CPU %d: %s\n", options.cpu, strerror(-r));
		return 1;
	}
	raise_nofile();

	n = find_contenders(contenders, ours, also, options.only);
	if (!n)
		return 1;
	return run(contenders, n, &options);
}
