/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the figures are meant to be
 *
 * Goals are a table of cells with a bound each; floors hold for all measures
 * alike.  They are met, missed or, where the cell is, unmeasured.
 */
#pragma once

#include "tests/bench/report.h"

enum verdict {
	VERDICT_MET,
	VERDICT_MISSED,
	VERDICT_UNMEASURED,
};

/* one cell beside its bound */
struct judged {
	const struct measure *measure;
	unsigned int metric;
	const char *subject; /* name of the contender, if it is not the last one; else NULL */
	const char *against; /* name of the contender the bound is a ratio to; NULL: absolute */
	double bound;
	double found; /* not with VERDICT_UNMEASURED */
	double limit; /* the same of the bare relay; 0: not known */
	enum verdict verdict;
	bool is_floor;
};

/* calls @each for each goal whose measure was played, and each floor; once for each cell */
void goals_judge(const struct report *report,
		 void (*each)(const struct judged *judged, void *userdata), void *userdata);
const char *verdict_text(enum verdict verdict);
