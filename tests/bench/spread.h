/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Median and quartiles */
#pragma once

struct spread {
	double low, median, high;
};

/* of @n > 0 values, which are sorted for it */
struct spread spread_of(double *values, unsigned int n);
/* how far the quartiles are apart, as a share of the median */
double spread_width(const struct spread *spread);
/* of @n > 0 values, which are sorted for it: the value that this fraction of them does not exceed
 */
double quantile_of(double *values, unsigned int n, double fraction);
