/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Median and quartiles: interpolated between the two values around each */
#include "tests/bench/spread.h"

#include <stdlib.h>

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double at_fraction(const double *sorted, unsigned int n, double fraction)
{
	double position = fraction * (n - 1);
	unsigned int i = position;

	if (i + 1 >= n)
		return sorted[n - 1];
	return sorted[i] + (position - i) * (sorted[i + 1] - sorted[i]);
}

struct spread spread_of(double *values, unsigned int n)
{
	qsort(values, n, sizeof(*values), compare_doubles);
	return (struct spread){
		.low = at_fraction(values, n, 0.25),
		.median = at_fraction(values, n, 0.5),
		.high = at_fraction(values, n, 0.75),
	};
}

double spread_width(const struct spread *spread)
{
	return spread->median > 0 ? (spread->high - spread->low) / spread->median : 0;
}

double quantile_of(double *values, unsigned int n, double fraction)
{
	qsort(values, n, sizeof(*values), compare_doubles);
	return at_fraction(values, n, fraction);
}
