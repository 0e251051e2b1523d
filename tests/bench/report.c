/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a run found, and how it is shown: see report.h */
#include "tests/bench/report.h"

#include "tests/bench/spread.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

/* over the rounds; a failed contender has none */
static struct spread value_of(const struct result *result, unsigned int contender,
			      unsigned int metric)
{
	double values[MAX_ROUNDS];

	memcpy(values, result->values[contender][metric], result->n_rounds * sizeof(*values));
	return spread_of(values, result->n_rounds);
}

/* of the last contender to contender @against, paired by round */
static struct spread ratio_of(const struct report *report, const struct result *result,
			      unsigned int against, unsigned int metric)
{
	const double *ours = result->values[report->n_contenders - 1][metric];
	const double *theirs = result->values[against][metric];
	double ratios[MAX_ROUNDS];

	for (unsigned int i = 0; i < result->n_rounds; i++)
		ratios[i] = theirs[i] > 0 ? ours[i] / theirs[i] : 0;
	return spread_of(ratios, result->n_rounds);
}

static bool has_ratio(const struct report *report, const struct result *result,
		      unsigned int against)
{
	return !result->failed[against] && !result->failed[report->n_contenders - 1];
}

static void read_cpu_model(char *model_out, size_t size)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256];

	snprintf(model_out, size, "unknown");
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

void report_print_table(const struct report *report)
{
	unsigned int last = report->n_contenders - 1;
	const char *subject = report->contenders[last].name;
	struct utsname uts;
	char model[128], text[64];

	uname(&uts);
	read_cpu_model(model, sizeof(model));
	printf("\n%s, Linux %s, all on CPU %d\n", model, uts.release, report->cpu);
	for (unsigned int c = 0; c < report->n_contenders; c++)
		printf("  %-12s %s\n", report->contenders[c].name, report->contenders[c].version);
	printf("Less is better everywhere.  Figures are medians over the rounds; a ratio is %s's\n"
	       "cost over the other's in the same round: median [quartiles].\n\n",
	       subject);

	printf("%-36s %-16s", "", "");
	for (unsigned int c = 0; c <= last; c++)
		printf(" %11s", report->contenders[c].name);
	for (unsigned int c = 0; c < last; c++) {
		snprintf(text, sizeof(text), "/ %s", report->contenders[c].name);
		printf("   %18s", text);
	}
	printf("\n");
	for (unsigned int i = 0; i < report->n_results; i++) {
		const struct result *result = &report->results[i];

		for (unsigned int m = 0; m < MAX_METRICS && result->measure->metrics[m]; m++) {
			printf("%-36s %-16s", m ? "" : result->measure->name,
			       result->measure->metrics[m]);
			for (unsigned int c = 0; c <= last; c++) {
				if (result->failed[c])
					printf(" %11s", "failed");
				else
					printf(" %11.2f", value_of(result, c, m).median);
			}
			for (unsigned int c = 0; c < last; c++) {
				struct spread ratio;

				if (!has_ratio(report, result, c)) {
					printf("   %18s", "-");
					continue;
				}
				ratio = ratio_of(report, result, c, m);
				if (result->n_rounds > 1)
					snprintf(text, sizeof(text), "%.2f [%.2f %.2f]",
						 ratio.median, ratio.low, ratio.high);
				else
					snprintf(text, sizeof(text), "%.2f", ratio.median);
				printf("   %18s", text);
			}
			printf("\n");
		}
	}
}

static void print_string(const char *string)
{
	putchar('"');
	for (; *string; string++) {
		if (*string == '"' || *string == '\\')
			putchar('\\');
		if ((unsigned char)*string >= 0x20)
			putchar(*string);
	}
	putchar('"');
}

static void print_spread(const char *name, struct spread spread, const char *separator)
{
	printf("%s", separator);
	print_string(name);
	printf(":{\"median\":%.4f,\"low\":%.4f,\"high\":%.4f}", spread.median, spread.low,
	       spread.high);
}

static void print_json_metric(const struct report *report, const struct result *result,
			      unsigned int metric, const char *separator)
{
	unsigned int last = report->n_contenders - 1;
	const char *comma = "";

	printf("%s\n  {\"measure\":\"%s\",\"metric\":\"%s\",\"rounds\":%u,\"values\":{", separator,
	       result->measure->id, result->measure->metrics[metric], result->n_rounds);
	for (unsigned int c = 0; c <= last; c++) {
		if (result->failed[c])
			continue;
		print_spread(report->contenders[c].name, value_of(result, c, metric), comma);
		comma = ",";
	}
	printf("},\"ratios\":{");
	comma = "";
	for (unsigned int c = 0; c < last; c++) {
		if (!has_ratio(report, result, c))
			continue;
		print_spread(report->contenders[c].name, ratio_of(report, result, c, metric),
			     comma);
		comma = ",";
	}
	printf("}}");
}

void report_print_json(const struct report *report)
{
	struct utsname uts;
	const char *separator = "";
	char model[128];

	uname(&uts);
	read_cpu_model(model, sizeof(model));
	printf("{\"machine\":");
	print_string(model);
	printf(",\"kernel\":");
	print_string(uts.release);
	printf(",\"cpu\":%d,\"contenders\":{", report->cpu);
	for (unsigned int c = 0; c < report->n_contenders; c++) {
		printf("%s", c ? "," : "");
		print_string(report->contenders[c].name);
		printf(":");
		print_string(report->contenders[c].version);
	}
	printf("},\"results\":[");
	for (unsigned int i = 0; i < report->n_results; i++) {
		const struct result *result = &report->results[i];

		for (unsigned int m = 0; m < MAX_METRICS && result->measure->metrics[m]; m++) {
			print_json_metric(report, result, m, separator);
			separator = ",";
		}
	}
	printf("\n]}\n");
}
