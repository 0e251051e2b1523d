/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The machine: see machine.h.
 *
 * Others are whatever /proc/stat knows to have run and getrusage() does not know to
 * be ours.
 */
#include "tests/bench/machine.h"

#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static void read_model(char *model_out, size_t size)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256];

	snprintf(model_out, size, "unknown CPU");
	while (f && fgets(line, sizeof(line), f)) {
		char *colon = strchr(line, ':');

		if (strncmp(line, "model name", 10) || !colon)
			continue;
		line[strcspn(line, "\n")] = 0;
		snprintf(model_out, size, "%s", colon + 2);
		break;
	}
	if (f)
		fclose(f);
}

void machine_describe(struct machine *machine_out)
{
	long pages = sysconf(_SC_PHYS_PAGES), n_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct utsname uts;

	read_model(machine_out->model, sizeof(machine_out->model));
	uname(&uts);
	snprintf(machine_out->kernel, sizeof(machine_out->kernel), "%.40s %.60s %.20s", uts.sysname,
		 uts.release, uts.machine);
	machine_out->n_cpus = n_cpus > 0 ? n_cpus : 1;
	machine_out->memory_mib =
		(pages > 0 ? pages : 0) * (unsigned long long)sysconf(_SC_PAGESIZE) >> 20;
}

/* a line of /proc/stat, in clock ticks; guests are counted within user and nice */
static void read_cpu(FILE *f, const char *name, double *busy_out, double *stolen_out)
{
	unsigned long long user, nice, system, idle, iowait, irq, softirq, steal;
	char line[512], found[32];

	*busy_out = 0;
	*stolen_out = 0;
	rewind(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%31s %llu %llu %llu %llu %llu %llu %llu %llu", found, &user,
			   &nice, &system, &idle, &iowait, &irq, &softirq, &steal) != 9)
			continue;
		if (strcmp(found, name))
			continue;
		*busy_out = (double)(user + nice + system + irq + softirq) / sysconf(_SC_CLK_TCK);
		*stolen_out = (double)steal / sysconf(_SC_CLK_TCK);
		return;
	}
}

static double own_seconds(int who)
{
	struct rusage usage;

	if (getrusage(who, &usage) < 0)
		return 0;
	return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
	       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

void machine_sample(int cpu, struct machine_sample *sample_out)
{
	FILE *f = fopen("/proc/stat", "re");
	struct timespec now;
	char name[32];
	double stolen;

	*sample_out = (struct machine_sample){0};
	clock_gettime(CLOCK_MONOTONIC, &now);
	sample_out->wall = now.tv_sec + now.tv_nsec / 1e9;
	sample_out->own = own_seconds(RUSAGE_SELF) + own_seconds(RUSAGE_CHILDREN);
	if (!f)
		return;
	read_cpu(f, "cpu", &sample_out->busy, &sample_out->stolen);
	snprintf(name, sizeof(name), "cpu%d", cpu);
	if (cpu >= 0)
		read_cpu(f, name, &sample_out->busy_on_cpu, &stolen);
	fclose(f);
}

struct machine_use machine_used(const struct machine_sample *before,
				const struct machine_sample *after)
{
	double wall = after->wall - before->wall, own = after->own - before->own;
	double on_cpu = after->busy_on_cpu - before->busy_on_cpu;

	if (wall <= 0)
		return (struct machine_use){0};
	return (struct machine_use){
		.others = fmax(0, after->busy - before->busy - own) / wall,
		.others_on_cpu = after->busy_on_cpu > 0 ? fmax(0, on_cpu - own) / wall : 0,
		.stolen = (after->stolen - before->stolen) / wall,
	};
}
