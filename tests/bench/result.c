/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a run found: see result.h. */
#include "tests/bench/result.h"

#include <math.h>
#include <string.h>

/* system calls are counted in one round of their own */
static unsigned int n_values(const struct result *result, unsigned int metric)
{
	return metric == METRIC_CALLS ? 1 : result->n_rounds;
}

static bool has_metric(const struct result *result, unsigned int contender, unsigned int metric)
{
	if (!result->measure->metrics[metric] || !result->is_played[contender])
		return false;
	for (unsigned int i = 0; i < n_values(result, metric); i++)
		if (isnan(result->values[contender][metric][i]))
			return false;
	return true;
}

bool result_value(const struct result *result, unsigned int contender, unsigned int metric,
		  struct spread *value_out)
{
	unsigned int n = n_values(result, metric);
	double values[MAX_ROUNDS];

	if (!has_metric(result, contender, metric))
		return false;
	memcpy(values, result->values[contender][metric], n * sizeof(*values));
	*value_out = spread_of(values, n);
	return true;
}

enum cell result_ratio(const struct result *result, unsigned int against, unsigned int metric,
		       struct spread *ratio_out)
{
	return result_ratio_of(result, result->n_contenders - 1, against, metric, ratio_out);
}

enum cell result_ratio_of(const struct result *result, unsigned int subject, unsigned int against,
			  unsigned int metric, struct spread *ratio_out)
{
	unsigned int n = n_values(result, metric);
	const double *theirs = result->values[against][metric];
	const double *ours = result->values[subject][metric];
	double ratios[MAX_ROUNDS];

	/* what compares a bus with itself already is not to be compared once more */
	if (metric == METRIC_OTHER || !has_metric(result, subject, metric) ||
	    !has_metric(result, against, metric))
		return CELL_NONE;
	for (unsigned int i = 0; i < n; i++) {
		if (theirs[i] <= 0)
			return CELL_NONE;
		ratios[i] = ours[i] / theirs[i];
	}
	*ratio_out = spread_of(ratios, n);
	return spread_width(ratio_out) > SPREAD_BOUND ? CELL_UNMEASURED : CELL_VALID;
}

/* the widest spread of what is judged: ratios, or a bus compared with itself */
static double widest(const struct result *result, unsigned int metric, unsigned int n_judged)
{
	struct spread value;
	double width = 0;

	if (metric == METRIC_OTHER)
		return result_value(result, result->n_contenders - 1, metric, &value)
			       ? spread_width(&value)
			       : 0;
	for (unsigned int c = 0; c < n_judged; c++) {
		struct spread ratio;

		if (result_ratio(result, c, metric, &ratio) != CELL_NONE)
			width = fmax(width, spread_width(&ratio));
	}
	return width;
}

bool result_is_spread(const struct result *result, unsigned int n_judged)
{
	for (unsigned int m = 0; m < MAX_METRICS; m++)
		if (widest(result, m, n_judged) > SPREAD_BOUND)
			return true;
	return false;
}

void result_improve(struct result *result, const struct result *again, unsigned int n_judged)
{
	/* metrics are taken as a whole, for ratios pair what was found in the same round */
	for (unsigned int m = 0; m < MAX_METRICS; m++) {
		double width = widest(result, m, n_judged);

		if (width <= SPREAD_BOUND || widest(again, m, n_judged) >= width)
			continue;
		for (unsigned int c = 0; c < result->n_contenders; c++)
			memcpy(result->values[c][m], again->values[c][m],
			       sizeof(result->values[c][m]));
		result->use = again->use;
	}
}
