/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a run found, as JSON: see report.h.
 *
 * One line per metric.  A ratio that counts as unmeasured is among "unmeasured",
 * with its quartiles.
 */
#include "tests/bench/goals.h"
#include "tests/bench/report.h"

static void print_string(const char *string, FILE *f)
{
	putc('"', f);
	for (; *string; string++) {
		if (*string == '"' || *string == '\\')
			putc('\\', f);
		if ((unsigned char)*string >= 0x20)
			putc(*string, f);
	}
	putc('"', f);
}

static void print_spread(const char *name, struct spread spread, const char *separator, FILE *f)
{
	fputs(separator, f);
	print_string(name, f);
	fprintf(f, ":{\"median\":%.4f,\"low\":%.4f,\"high\":%.4f}", spread.median, spread.low,
		spread.high);
}

static void print_ratios(const struct report *report, const struct result *result,
			 unsigned int metric, const char *name, enum cell wanted, FILE *f)
{
	const char *comma = "";

	fprintf(f, ",\"%s\":{", name);
	for (unsigned int c = 0; c + 1 < report->n_contenders; c++) {
		struct spread ratio;

		if (result_ratio(result, c, metric, &ratio) != wanted)
			continue;
		print_spread(report->contenders[c].name, ratio, comma, f);
		comma = ",";
	}
	fprintf(f, "}");
}

static void print_metric(const struct report *report, const struct result *result,
			 unsigned int metric, const char *separator, FILE *f)
{
	const char *comma = "";

	fprintf(f,
		"%s\n  {\"measure\":\"%s\",\"metric\":\"%s\",\"rounds\":%u,\"repeats\":%u,"
		"\"others\":%.3f,\"values\":{",
		separator, result->measure->id, result->measure->metrics[metric],
		metric == METRIC_CALLS ? 1 : result->n_rounds, result->n_repeats,
		result->use.others);
	for (unsigned int c = 0; c < report->n_contenders; c++) {
		struct spread value;

		if (!result_value(result, c, metric, &value))
			continue;
		print_spread(report->contenders[c].name, value, comma, f);
		comma = ",";
	}
	fprintf(f, "}");
	print_ratios(report, result, metric, "ratios", CELL_VALID, f);
	print_ratios(report, result, metric, "unmeasured", CELL_UNMEASURED, f);
	fprintf(f, "}");
}

struct goal_printer {
	FILE *f;
	const char *separator;
};

static void print_goal(const struct judged *judged, void *userdata)
{
	struct goal_printer *printer = userdata;
	FILE *f = printer->f;

	fprintf(f, "%s\n  {\"measure\":\"%s\",\"metric\":\"%s\",\"bound\":%.4f", printer->separator,
		judged->measure->id, judged->measure->metrics[judged->metric], judged->bound);
	if (judged->subject) {
		fprintf(f, ",\"subject\":");
		print_string(judged->subject, f);
	}
	if (judged->against) {
		fprintf(f, ",\"against\":");
		print_string(judged->against, f);
	}
	if (judged->verdict != VERDICT_UNMEASURED)
		fprintf(f, ",\"found\":%.4f", judged->found);
	if (judged->limit > 0)
		fprintf(f, ",\"limit\":%.4f", judged->limit);
	fprintf(f, ",\"floor\":%s,\"verdict\":\"%s\"}", judged->is_floor ? "true" : "false",
		verdict_text(judged->verdict));
	printer->separator = ",";
}

void report_print_json(const struct report *report, FILE *f)
{
	struct goal_printer printer = {.f = f, .separator = ""};
	const char *separator = "";

	fprintf(f, "{\"machine\":");
	print_string(report->machine.model, f);
	fprintf(f, ",\"kernel\":");
	print_string(report->machine.kernel, f);
	fprintf(f,
		",\"cpus\":%u,\"memory_mib\":%llu,\"cpu\":%d,\"load_before\":%.2f,\"load_after\":%."
		"2f,"
		"\"spread_bound\":%.2f,\"contenders\":{",
		report->machine.n_cpus, report->machine.memory_mib, report->cpu,
		report->load_before, report->load_after, SPREAD_BOUND);
	for (unsigned int c = 0; c < report->n_contenders; c++) {
		fprintf(f, "%s", c ? "," : "");
		print_string(report->contenders[c].name, f);
		fprintf(f, ":");
		print_string(report->contenders[c].version, f);
	}
	fprintf(f, "},\"results\":[");
	for (unsigned int i = 0; i < report->n_results; i++) {
		const struct result *result = &report->results[i];

		for (unsigned int m = 0; m < MAX_METRICS; m++) {
			if (!result->measure->metrics[m])
				continue;
			print_metric(report, result, m, separator, f);
			separator = ",";
		}
	}
	fprintf(f, "\n],\"goals\":[");
	goals_judge(report, print_goal, &printer);
	fprintf(f, "\n]}\n");
}
