/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bus-hostile - what a hundred good clients notice of a bad one
 *
 * The daemon has one processor, everybody else the other.  The bad client has that
 * only while no good one wants it, so that what it costs the good is what the daemon
 * makes of it: the good ones and the daemon have real-time priority if we may give
 * it, else the bad one runs when nobody else does.  Neither processor ever sleeps,
 * in quiet legs as little as beside the bad one: what nobody wants is used up by a
 * process that does nothing else.  The ratio of each pair of legs is taken, and their
 * median shown.
 *
 * With --check it fails when anything of the good is lost, or when the daemon needs
 * more memory than the offender's limits allow it; with --strict also when the 99th
 * percentile of their round trips grows by more than a fifth.
 */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/spread.h"
#include "tests/hostile/load.h"
#include "tests/hostile/offence.h"

enum {
	MAX_ROUNDS = 101,
	MAX_CONTENDERS = 3,
	NOBODY = 65534,
	SETTLE_US = 100000,
	RUN_LIMIT_S = 900,
};

#define MAX_RATIO 1.2
/* what the allocator keeps, and the daemon's own */
#define SLACK_BYTES (4ll << 20)

struct options {
	const char *ours;
	const char *offence; /* prefix; NULL: all */
	unsigned int rounds;
	double seconds;
	bool is_alone; /* ours only */
	bool is_check, is_strict;
	bool is_measured; /* latencies are of interest */
};

static const char usage[] =
	"Usage: bus-hostile [OPTION...]\n"
	"  --bus-proxyd=PATH  the bus-proxyd to try (default: beside this program)\n"
	"  --alone            no other daemon\n"
	"  --offence=PREFIX   only those whose name starts so\n"
	"  --rounds=N         legs of each kind, at most 101\n"
	"  --seconds=S        of each leg\n"
	"  --check            fail on loss and on memory\n"
	"  --strict           fail on latency as well\n";

static bool is_realtime;

/* memory figures mean nothing then */
#ifdef __SANITIZE_ADDRESS__
static const bool is_sanitized = true;
#else
static const bool is_sanitized = false;
#endif

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* whoever is started by one who has it does not */
static int take_priority(pid_t pid)
{
	return sched_setscheduler(pid, SCHED_FIFO | SCHED_RESET_ON_FORK, &(struct sched_param){1});
}

/* two processors that we may use; the same one twice where there is only one */
static void find_cpus(int cpus[2])
{
	cpu_set_t set;
	int n = 0;

	cpus[0] = cpus[1] = 0;
	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return;
	for (int i = 0; i < CPU_SETSIZE && n < 2; i++) {
		if (!CPU_ISSET(i, &set))
			continue;
		cpus[n++] = i;
		if (n == 1)
			cpus[1] = i;
	}
}

static pid_t offender_start(void (*run)(const char *path, const char *victim),
			    const struct contender *c, const char *victim)
{
	pid_t parent = getpid(), pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	sched_setscheduler(0, is_realtime ? SCHED_OTHER : SCHED_IDLE, &(struct sched_param){0});
	if (!getuid() && (setgid(NOBODY) < 0 || setuid(NOBODY) < 0))
		_exit(1);
	run(c->socket_path, victim);
	_exit(0);
}

/* keeps a processor awake */
static pid_t spinner_start(int cpu)
{
	pid_t parent = getpid(), pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	pin(cpu);
	sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){0});
	for (volatile unsigned int n = 0;; n++)
		;
}

static void offender_stop(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* a leg beside somebody */
static int leg(struct load *load, void (*run)(const char *path, const char *victim),
	       const struct options *o, struct leg *leg_out)
{
	pid_t pid = run ? offender_start(run, load->contender, load->victim) : 0;
	int r;

	if (pid < 0)
		return -errno;
	/* well under way */
	usleep(SETTLE_US);
	r = load_run(load, o->seconds, leg_out);
	offender_stop(pid);
	return r < 0 ? r : load_settle(load);
}

static bool is_good(const char *verdict, const struct options *o)
{
	if (!strcmp(verdict, "LOSS") || !strcmp(verdict, "MEMORY"))
		return false;
	return strcmp(verdict, "late") || !o->is_strict;
}

/* the file of the service, there or not */
static void put_service(const struct contender *c, bool is_there)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/" OFFENCE_SERVICE ".service", c->dir);
	if (!is_there) {
		unlink(path);
		return;
	}
	file = fopen(path, "we");
	if (!file)
		return;
	fputs("[D-BUS Service]\nName=" OFFENCE_SERVICE "\nExec=/bin/false\n", file);
	fclose(file);
}

/* false: it failed, or is not as it should be */
static bool try_offence(struct contender *c, const struct offence *offence, const struct options *o,
			const int cpus[2], bool is_judged)
{
	double ratios[MAX_ROUNDS], quiet_p99[MAX_ROUNDS], p99[MAX_ROUNDS], cpu = 0;
	unsigned int n_wrong = 0, n_calls = 0;
	long long base, most = 0;
	struct load load;
	struct spread ratio;
	const char *verdict = "";
	int r;

	/* it inherits its processor */
	pin(cpus[0]);
	r = contender_start(c);
	pin(cpus[1]);
	if (r < 0) {
		printf("%-12s %-15s cannot be started: %s\n", c->name, offence->name, strerror(-r));
		return false;
	}
	if (is_realtime)
		take_priority(c->pid);
	put_service(c, true);
	r = load_open(&load, c);
	base = contender_resident_bytes(c);
	for (unsigned int i = 0; i < o->rounds && r >= 0; i++) {
		struct leg quiet = {0}, beside = {0};

		r = leg(&load, NULL, o, &quiet);
		if (r >= 0)
			r = leg(&load, offence->run, o, &beside);
		quiet_p99[i] = quiet.p99_us;
		p99[i] = beside.p99_us;
		ratios[i] = beside.p99_us / quiet.p99_us;
		cpu += beside.cpu_us / (o->seconds * 1e6 * o->rounds);
		n_wrong += quiet.n_wrong + beside.n_wrong;
		n_calls += beside.n_calls;
		if (beside.most_resident - base > most)
			most = beside.most_resident - base;
	}
	load_close(&load);
	put_service(c, false);
	contender_stop(c);
	if (r < 0) {
		printf("%-12s %-15s the good ones failed: %s\n", c->name, offence->name,
		       strerror(-r));
		return false;
	}
	ratio = spread_of(ratios, o->rounds);
	if (n_wrong)
		verdict = "LOSS";
	else if (!is_sanitized && most > offence->max_bytes + SLACK_BYTES)
		verdict = "MEMORY";
	else if (ratio.median > MAX_RATIO)
		verdict = offence->is_wanted ? "(wanted)" : "late";
	printf("%-12s %-15s %7u %6u %8.0f %8.0f %6.2f %5.0f%% %8.1f %8.0f  %s\n", c->name,
	       offence->name, n_calls, n_wrong, quantile_of(quiet_p99, o->rounds, 0.5),
	       quantile_of(p99, o->rounds, 0.5), ratio.median, 100 * cpu, most / 1048576.0,
	       offence->max_bytes / 1048576.0, verdict);
	fflush(stdout);
	return !is_judged || is_good(verdict, o);
}

static int parse_options(int argc, char **argv, struct options *o)
{
	enum { OURS, ALONE, OFFENCE, ROUNDS, SECONDS, CHECK, STRICT };
	static const struct option table[] = {
		{"bus-proxyd", required_argument, NULL, OURS},
		{"alone", no_argument, NULL, ALONE},
		{"offence", required_argument, NULL, OFFENCE},
		{"rounds", required_argument, NULL, ROUNDS},
		{"seconds", required_argument, NULL, SECONDS},
		{"check", no_argument, NULL, CHECK},
		{"strict", no_argument, NULL, STRICT},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", table, NULL)) >= 0) {
		switch (option) {
		case OURS:
			o->ours = optarg;
			break;
		case ALONE:
			o->is_alone = true;
			break;
		case OFFENCE:
			o->offence = optarg;
			break;
		case ROUNDS:
			o->rounds = strtoul(optarg, NULL, 10);
			break;
		case SECONDS:
			o->seconds = strtod(optarg, NULL);
			break;
		case STRICT:
			o->is_strict = true;
			o->is_check = true;
			break;
		case CHECK:
			o->is_check = true;
			o->is_measured = o->is_strict;
			break;
		default:
			return -EINVAL;
		}
	}
	if (optind != argc || !o->rounds || o->rounds > MAX_ROUNDS || o->seconds <= 0)
		return -EINVAL;
	return 0;
}

static bool run(const struct options *o)
{
	struct contender contenders[MAX_CONTENDERS] = {
		{.name = "bus-proxyd", .program = o->ours},
		{.name = "dbus-broker", .program = "dbus-broker", .kind = CONTENDER_BROKER},
		{.name = "dbus-daemon", .program = "dbus-daemon"},
	};
	unsigned int n = o->is_alone ? 1 : MAX_CONTENDERS;
	struct options brief = *o; /* for those that are not judged */
	pid_t spinners[2] = {0};
	bool good = true;
	int cpus[2];

	brief.rounds = (o->rounds + 2) / 3;
	find_cpus(cpus);
	/* who does not ask for latency need not disturb others */
	for (int i = 0; i < 2 && o->is_measured; i++)
		spinners[i] = spinner_start(cpus[i]);
	if (o->is_measured)
		is_realtime = !take_priority(0);
	printf("%-12s %-15s %7s %6s %8s %8s %6s %6s %8s %8s\n", "", "", "calls", "lost", "quiet",
	       "beside", "ratio", "bus", "memory", "bound");
	printf("%-12s %-15s %7s %6s %8s %8s %6s %6s %8s %8s\n", "daemon", "offence", "", "",
	       "p99 us", "p99 us", "", "CPU", "MiB", "MiB");
	for (unsigned int i = 0; i < n_offences; i++) {
		if (o->offence && strncmp(offences[i].name, o->offence, strlen(o->offence)))
			continue;
		for (unsigned int c = 0; c < n; c++) {
			contenders[c].controller = -1;
			contenders[c].limits = offence_limits;
			if (c && !contender_probe(&contenders[c]))
				continue;
			if (!try_offence(&contenders[c], &offences[i], c ? &brief : o, cpus,
					 !c && o->is_check))
				good = false;
		}
	}
	for (int i = 0; i < 2; i++)
		offender_stop(spinners[i]);
	return good;
}

int main(int argc, char **argv)
{
	struct options options = {.rounds = 9, .seconds = 0.4, .is_measured = true};
	char beside[4096];

	if (parse_options(argc, argv, &options) < 0) {
		fputs(usage, stderr);
		return 2;
	}
	if (!options.ours) {
		char *slash = strrchr(argv[0], '/');

		snprintf(beside, sizeof(beside), "%.*sbus-proxyd",
			 slash ? (int)(slash - argv[0] + 1) : 0, argv[0]);
		options.ours = beside;
	}
	signal(SIGPIPE, SIG_IGN);
	alarm(RUN_LIMIT_S);
	return run(&options) ? 0 : 1;
}
