/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a run found, drawn by gnuplot: see report.h.
 *
 * A chart per measure, a panel per metric, a bar per contender: the median, with
 * a line from the lower to the upper quartile.
 */
#include "tests/bench/report.h"

#include <stdlib.h>

static unsigned int count_metrics(const struct measure *measure)
{
	unsigned int n = 0;

	for (unsigned int m = 0; m < MAX_METRICS; m++)
		n += !!measure->metrics[m];
	return n;
}

static void draw_metric(const struct report *report, const struct result *result,
			unsigned int metric, FILE *gnuplot)
{
	fprintf(gnuplot, "$data << EOD\n");
	for (unsigned int c = 0; c < report->n_contenders; c++) {
		struct spread value;

		if (result_value(result, c, metric, &value))
			fprintf(gnuplot, "%s %g %g %g\n", report->contenders[c].name, value.median,
				value.low, value.high);
	}
	fprintf(gnuplot,
		"EOD\n"
		"set title \"%s\" noenhanced\n"
		"plot [-0.6:*][0:*] $data using 0:2:xtic(1) with boxes lc rgb '#6a8fc0' notitle, "
		"$data using 0:2:3:4 with yerrorbars pt -1 lc rgb '#303030' notitle\n",
		result->measure->metrics[metric]);
}

static void draw(const struct report *report, const struct result *result, const char *dir,
		 FILE *gnuplot)
{
	unsigned int n = count_metrics(result->measure);

	fprintf(gnuplot,
		"set terminal svg size %u,360 font 'sans,11' background rgb 'white'\n"
		"set output '%s/%s.svg'\n"
		"set boxwidth 0.7\nset style fill solid\nset xtics rotate by -35 noenhanced\n"
		"set multiplot layout 1,%u title \"%s\" noenhanced\n",
		320 * n, dir, result->measure->id, n, result->measure->name);
	for (unsigned int m = 0; m < MAX_METRICS; m++)
		if (result->measure->metrics[m])
			draw_metric(report, result, m, gnuplot);
	fprintf(gnuplot, "unset multiplot\nunset output\n");
}

void report_draw(const struct report *report, const char *dir)
{
	FILE *gnuplot;

	if (system("command -v gnuplot >/dev/null 2>&1")) {
		fprintf(stderr, "bus-bench: without gnuplot there are no charts\n");
		return;
	}
	gnuplot = popen("gnuplot", "w");
	if (!gnuplot) {
		perror("bus-bench: gnuplot");
		return;
	}
	for (unsigned int i = 0; i < report->n_results; i++)
		draw(report, &report->results[i], dir, gnuplot);
	if (pclose(gnuplot))
		fprintf(stderr, "bus-bench: gnuplot failed\n");
}
