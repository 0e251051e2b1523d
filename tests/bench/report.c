/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a run found, as a table for people: see report.h */
#include "tests/bench/report.h"

#include "tests/bench/goals.h"

#include <math.h>
#include <string.h>

void report_format_use(const struct report *report, char *text_out, size_t size)
{
	double others = 0, on_cpu = 0, stolen = 0;

	for (unsigned int i = 0; i < report->n_results; i++) {
		const struct machine_use *use = &report->results[i].use;

		others = fmax(others, use->others);
		on_cpu = fmax(on_cpu, use->others_on_cpu);
		stolen = fmax(stolen, use->stolen);
	}
	snprintf(text_out, size,
		 "Load average %.2f before, %.2f after.  At worst, during one measure, other "
		 "processes "
		 "used %.2f CPUs and %.0f %% of CPU %d, and the hypervisor took %.2f CPUs.",
		 report->load_before, report->load_after, others, 100 * on_cpu, report->cpu,
		 stolen);
}

void report_format_time(const struct report *report, char *text_out, size_t size)
{
	unsigned int fewest = MAX_ROUNDS, most = 0;
	int n;

	for (unsigned int i = 0; i < report->n_results; i++) {
		const struct result *result = &report->results[i];

		if (result->measure->flags & MEASURE_ONCE)
			continue;
		fewest = result->n_rounds < fewest ? result->n_rounds : fewest;
		most = result->n_rounds > most ? result->n_rounds : most;
	}
	if (fewest < most)
		n = snprintf(text_out, size, "%u to %u rounds of each measure", fewest, most);
	else
		n = snprintf(text_out, size, "%u rounds of each measure", most ?: 1);
	if (report->seconds && n > 0 && (size_t)n < size)
		snprintf(text_out + n, size - n, ", none played on or repeated after %u seconds",
			 report->seconds);
}

static void print_ratio(const struct report *report, const struct result *result,
			unsigned int against, unsigned int metric, FILE *f)
{
	bool is_judged = against < report->n_judged;
	struct spread ratio;
	char text[64];

	switch (result_ratio(result, against, metric, &ratio)) {
	case CELL_NONE:
		snprintf(text, sizeof(text), "-");
		break;
	case CELL_UNMEASURED:
		snprintf(text, sizeof(text), "? [%.2f %.2f]", ratio.low, ratio.high);
		break;
	default:
		if (is_judged && ratio.low < ratio.high)
			snprintf(text, sizeof(text), "%.2f [%.2f %.2f]", ratio.median, ratio.low,
				 ratio.high);
		else
			snprintf(text, sizeof(text), "%.2f", ratio.median);
	}
	fprintf(f, is_judged ? "   %18s" : "   %13s", text);
}

static void print_metric(const struct report *report, const struct result *result,
			 unsigned int metric, bool is_first, FILE *f)
{
	fprintf(f, "%-37s %-18s", is_first ? result->measure->name : "",
		result->measure->metrics[metric]);
	for (unsigned int c = 0; c < report->n_contenders; c++) {
		struct spread value;

		if (result_value(result, c, metric, &value))
			fprintf(f, " %11.2f", value.median);
		else
			fprintf(f, " %11s", "-");
	}
	for (unsigned int c = 0; c + 1 < report->n_contenders; c++)
		print_ratio(report, result, c, metric, f);
	fprintf(f, "\n");
}

struct verdicts {
	const struct report *report;
	FILE *f;
	unsigned int n[3], n_floors[3];
};

static void print_verdict(const struct judged *judged, void *userdata)
{
	struct verdicts *verdicts = userdata;
	char found[32] = "", limit[32] = "", bound[48];

	if (judged->is_floor)
		verdicts->n_floors[judged->verdict]++;
	else
		verdicts->n[judged->verdict]++;
	/* what holds everywhere is of interest where it does not */
	if (judged->is_floor && judged->verdict == VERDICT_MET)
		return;
	if (judged->verdict != VERDICT_UNMEASURED)
		snprintf(found, sizeof(found), "%.2f", judged->found);
	snprintf(bound, sizeof(bound), "<= %.2f%s%s", judged->bound, judged->against ? " of " : "",
		 judged->against ?: "");
	if (judged->limit > 0)
		snprintf(limit, sizeof(limit), " (relay %.2f)", judged->limit);
	fprintf(verdicts->f, "%-37s %-18s %-23s %8s%-13s  %s%s%s%s\n", judged->measure->name,
		judged->measure->metrics[judged->metric], bound, found, limit,
		verdict_text(judged->verdict), judged->is_floor ? " (floor)" : "",
		judged->subject ? ": " : "", judged->subject ?: "");
}

void report_print_table(const struct report *report, FILE *f)
{
	struct verdicts verdicts = {.report = report, .f = f};
	unsigned int last = report->n_contenders - 1;
	char text[256];

	fprintf(f, "\n%s, %u CPUs, %llu MiB, %s, on CPU %d\n", report->machine.model,
		report->machine.n_cpus, report->machine.memory_mib, report->machine.kernel,
		report->cpu);
	report_format_use(report, text, sizeof(text));
	fprintf(f, "%s\n", text);
	report_format_time(report, text, sizeof(text));
	fprintf(f, "%s.\n", text);
	for (unsigned int c = 0; c < report->n_contenders; c++)
		fprintf(f, "  %-12s %s\n", report->contenders[c].name,
			report->contenders[c].version);
	fprintf(f,
		"Less is better everywhere.  Figures are medians over the rounds; a ratio is %s's\n"
		"cost over the other's in the same round: median [quartiles].  Where the quartiles "
		"are\n"
		"more than %.0f %% of the median apart it is unmeasured, a question mark.  System "
		"calls\n"
		"are counted by ptrace, in a round of their own.\n\n",
		report->contenders[last].name, 100 * SPREAD_BOUND);

	fprintf(f, "%-37s %-18s", "", "");
	for (unsigned int c = 0; c <= last; c++)
		fprintf(f, " %11s", report->contenders[c].name);
	for (unsigned int c = 0; c < last; c++) {
		snprintf(text, sizeof(text), "/ %s", report->contenders[c].name);
		fprintf(f, c < report->n_judged ? "   %18s" : "   %13s", text);
	}
	fprintf(f, "\n");
	for (unsigned int i = 0; i < report->n_results; i++) {
		const struct result *result = &report->results[i];
		bool is_first = true;

		for (unsigned int m = 0; m < MAX_METRICS; m++) {
			if (!result->measure->metrics[m])
				continue;
			print_metric(report, result, m, is_first, f);
			is_first = false;
		}
	}

	fprintf(f, "\nGoals, and floors that do not hold:\n\n");
	goals_judge(report, print_verdict, &verdicts);
	fprintf(f, "\nGoals: %u met, %u missed, %u unmeasured.  Floors: %u, %u, %u.\n",
		verdicts.n[0], verdicts.n[1], verdicts.n[2], verdicts.n_floors[0],
		verdicts.n_floors[1], verdicts.n_floors[2]);
}
