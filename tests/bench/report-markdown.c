/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a run found, as Markdown that can be kept: see report.h. */
#include "tests/bench/goals.h"
#include "tests/bench/report.h"

#include <time.h>

static void print_cell(FILE *f, const char *format, double number)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	fprintf(f, format, number);
#pragma GCC diagnostic pop
}

/* three digits that count */
static void print_value(FILE *f, double value)
{
	print_cell(f, value >= 100 ? " %.0f |" : value >= 10 ? " %.1f |" : " %.2f |", value);
}

static void print_row(const struct report *report, const struct result *result, unsigned int metric,
		      bool is_first, FILE *f)
{
	struct spread found;

	fprintf(f, "| %s | %s |", is_first ? result->measure->name : "",
		result->measure->metrics[metric]);
	for (unsigned int c = 0; c < report->n_contenders; c++) {
		if (result_value(result, c, metric, &found))
			print_value(f, found.median);
		else
			fprintf(f, " |");
	}
	for (unsigned int c = 0; c < report->n_judged; c++) {
		switch (result_ratio(result, c, metric, &found)) {
		case CELL_NONE:
			fprintf(f, " |");
			break;
		case CELL_UNMEASURED:
			fprintf(f, " unmeasured (%.2f to %.2f) |", found.low, found.high);
			break;
		default:
			print_cell(f, " %.2f |", found.median);
		}
	}
	fprintf(f, "\n");
}

struct goal_rows {
	FILE *f;
	bool is_floor;
	unsigned int n[3];
};

static void print_goal(const struct judged *judged, void *userdata)
{
	struct goal_rows *rows = userdata;

	if (judged->is_floor != rows->is_floor)
		return;
	rows->n[judged->verdict]++;
	if (judged->is_floor && judged->verdict == VERDICT_MET)
		return;
	fprintf(rows->f, "| %s%s%s | %s | %.2f%s%s |", judged->measure->name,
		judged->subject ? ", " : "", judged->subject ?: "",
		judged->measure->metrics[judged->metric], judged->bound,
		judged->against ? " of " : "", judged->against ?: "");
	if (judged->verdict == VERDICT_UNMEASURED)
		fprintf(rows->f, " |");
	else
		print_value(rows->f, judged->found);
	if (judged->limit > 0)
		print_value(rows->f, judged->limit);
	else
		fprintf(rows->f, " |");
	fprintf(rows->f, " %s |\n", verdict_text(judged->verdict));
}

static void print_goals(const struct report *report, bool is_floor, FILE *f)
{
	struct goal_rows rows = {.f = f, .is_floor = is_floor};

	fprintf(f, "\n| measure | metric | at most | found | relay | |\n"
		   "| --- | --- | --- | --- | --- | --- |\n");
	goals_judge(report, print_goal, &rows);
	fprintf(f, "\n%u met, %u missed, %u unmeasured.\n", rows.n[VERDICT_MET],
		rows.n[VERDICT_MISSED], rows.n[VERDICT_UNMEASURED]);
}

void report_print_markdown(const struct report *report, FILE *f)
{
	unsigned int last = report->n_contenders - 1;
	char text[256], date[32] = "";
	time_t now = time(NULL);
	struct tm tm;

	if (gmtime_r(&now, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d", &tm);
	fprintf(f, "# What a message costs\n\nWritten by bus-bench on %s.\n\n", date);
	fprintf(f,
		"%s, %u CPUs, %llu MiB, %s.  All processes on CPU %d, unless it says \"all "
		"CPUs\".\n",
		report->machine.model, report->machine.n_cpus, report->machine.memory_mib,
		report->machine.kernel, report->cpu);
	report_format_use(report, text, sizeof(text));
	fprintf(f, "%s\n", text);
	report_format_time(report, text, sizeof(text));
	fprintf(f, "%s.\n\n", text);
	for (unsigned int c = 0; c <= last; c++)
		fprintf(f, "* %s: %s\n", report->contenders[c].name, report->contenders[c].version);
	fprintf(f,
		"\nLess is better everywhere.  Figures are medians over the rounds; a ratio is "
		"%s's cost over\n"
		"the other's in the same round, where both met the same machine, and its median is "
		"shown.  Where\n"
		"the quartiles of the rounds' ratios are more than %.0f %% of the median apart, "
		"the measure was\n"
		"repeated on fresh daemons, up to %d times; what was still apart then counts as "
		"unmeasured.\n"
		"System calls are counted by ptrace, in a round of their own.\n\n",
		report->contenders[last].name, 100 * SPREAD_BOUND, MAX_REPEATS);
	fprintf(f, "| measure | metric |");
	for (unsigned int c = 0; c <= last; c++)
		fprintf(f, " %s |", report->contenders[c].name);
	for (unsigned int c = 0; c < report->n_judged; c++)
		fprintf(f, " / %s |", report->contenders[c].name);
	fprintf(f, "\n| --- | --- |");
	for (unsigned int c = 0; c <= last + report->n_judged; c++)
		fprintf(f, " ---: |");
	fprintf(f, "\n");
	for (unsigned int i = 0; i < report->n_results; i++) {
		const struct result *result = &report->results[i];
		bool is_first = true;

		for (unsigned int m = 0; m < MAX_METRICS; m++) {
			if (!result->measure->metrics[m])
				continue;
			print_row(report, result, m, is_first, f);
			is_first = false;
		}
	}
	fprintf(f,
		"\n## Goals\n\nBeside what was found stands what the bare relay takes, which reads "
		"messages, writes\nthem and does nothing else.\n");
	print_goals(report, false, f);
	fprintf(f, "\n## Floors\n\nNo measure may take more CPU time than this.  Shown is what "
		   "does not hold.\n");
	print_goals(report, true, f);
}
