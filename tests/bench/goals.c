/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the figures are meant to be: see goals.h. */
#include "tests/bench/goals.h"

#include <string.h>

static const char broker[] = "dbus-broker";

/* what no cell may exceed: its CPU time, as a share of the same of */
static const struct {
	const char *against;
	double bound;
} floors[] = {
	{"dbus-broker", 1.0},
	{"dbus-daemon", 0.5},
};

/* against: NULL for a bound on the value itself */
static const struct {
	const char *measure;
	unsigned int metric;
	const char *against;
	double bound;
} goals[] = {
	{"round-trip-0", METRIC_TIME, broker, 0.75},
	{"round-trip-0", METRIC_CPU, broker, 0.60},
	{"round-trip-1k", METRIC_TIME, broker, 0.75},
	{"round-trip-1k", METRIC_CPU, broker, 0.60},
	{"round-trip-8k", METRIC_TIME, broker, 0.75},
	{"round-trip-8k", METRIC_CPU, broker, 0.60},
	{"round-trip-64k", METRIC_TIME, broker, 0.80},
	{"round-trip-64k", METRIC_CPU, broker, 0.75},
	{"round-trip-1m", METRIC_TIME, broker, 0.75},
	{"round-trip-1m", METRIC_CPU, broker, 0.50},
	{"pipelined", METRIC_TIME, broker, 1 / 1.8},
	{"pipelined", METRIC_CPU, broker, 0.40},
	{"flood", METRIC_TIME, broker, 1 / 3.0},
	{"flood", METRIC_CPU, broker, 0.25},
	{"fan-out-10", METRIC_CPU, broker, 0.60},
	{"fan-out-100", METRIC_CPU, broker, 0.60},
	{"fan-out-1000", METRIC_CPU, broker, 0.60},
	{"rules-sender", METRIC_OTHER, NULL, 1.3},
	{"rules-interface", METRIC_OTHER, NULL, 1.3},
	{"rules-member", METRIC_OTHER, NULL, 1.3},
	{"rules-path", METRIC_OTHER, NULL, 1.3},
	{"rules-path_namespace", METRIC_OTHER, NULL, 1.3},
	{"rules-destination", METRIC_OTHER, NULL, 1.3},
	{"rules-arg0", METRIC_OTHER, NULL, 1.3},
	{"rules-arg1", METRIC_OTHER, NULL, 1.3},
	{"rules-arg0path", METRIC_OTHER, NULL, 1.3},
	{"rules-arg0namespace", METRIC_OTHER, NULL, 1.3},
	{"rule-memory", 0, NULL, 400},
	{"idle-memory", 0, NULL, 1000},
	{"connect", METRIC_TIME, broker, 1 / 1.5},
	{"connect", METRIC_CPU, broker, 0.55},
	{"owner-lookup", METRIC_TIME, broker, 0.75},
	{"names", METRIC_TIME, broker, 1 / 1.3},
	{"slow-reader", METRIC_TIME, broker, 1.0},
	{"queue-memory", 0, NULL, 1.15},
};

/* of bus-proxyd with a process for each client */
static const struct {
	const char *measure;
	unsigned int metric;
	const char *against;
	double bound;
} proxy_goals[] = {
	{"round-trip-0", METRIC_TIME, broker, 2.0},
	{"round-trip-1k", METRIC_TIME, broker, 2.0},
	{"round-trip-8k", METRIC_TIME, broker, 2.0},
	{"round-trip-64k", METRIC_TIME, broker, 2.0},
	{"round-trip-256k", METRIC_TIME, broker, 3.0},
	{"round-trip-1m", METRIC_TIME, broker, 3.0},
};

static int find_contender(const struct report *report, const char *name)
{
	for (unsigned int c = 0; c < report->n_contenders; c++)
		if (!strcmp(report->contenders[c].name, name))
			return c;
	return -1;
}

static const struct result *find_result(const struct report *report, const char *id)
{
	for (unsigned int i = 0; i < report->n_results; i++)
		if (!strcmp(report->results[i].measure->id, id))
			return &report->results[i];
	return NULL;
}

/* what the bare relay takes of @against's, 0 where that is not known */
static double limit_of(const struct report *report, const struct result *result,
		       unsigned int metric, unsigned int against)
{
	int relay = find_contender(report, "relay");
	struct spread found;

	if (relay < 0 || result_ratio_of(result, relay, against, metric, &found) != CELL_VALID)
		return 0;
	return found.median;
}

static struct judged judge(const struct report *report, const struct result *result,
			   unsigned int subject, unsigned int metric, const char *against,
			   double bound)
{
	int contender = against ? find_contender(report, against) : -1;
	struct judged judged = {
		.measure = result->measure,
		.metric = metric,
		.subject = subject + 1 < report->n_contenders ? report->contenders[subject].name
							      : NULL,
		.against = against,
		.bound = bound,
		.verdict = VERDICT_UNMEASURED,
	};
	struct spread found;

	if (against) {
		if (contender < 0)
			return judged;
		judged.limit = limit_of(report, result, metric, contender);
		if (result_ratio_of(result, subject, contender, metric, &found) != CELL_VALID)
			return judged;
	} else if (!result_value(result, subject, metric, &found) ||
		   spread_width(&found) > SPREAD_BOUND) {
		return judged;
	}
	judged.found = found.median;
	judged.verdict = found.median <= bound ? VERDICT_MET : VERDICT_MISSED;
	return judged;
}

void goals_judge(const struct report *report,
		 void (*each)(const struct judged *judged, void *userdata), void *userdata)
{
	unsigned int last = report->n_contenders - 1;
	int proxies = find_contender(report, "per-client");
	struct judged judged;

	for (size_t i = 0; i < sizeof(goals) / sizeof(goals[0]); i++) {
		const struct result *result = find_result(report, goals[i].measure);

		if (!result)
			continue;
		judged = judge(report, result, last, goals[i].metric, goals[i].against,
			       goals[i].bound);
		each(&judged, userdata);
	}
	for (size_t i = 0; i < sizeof(proxy_goals) / sizeof(proxy_goals[0]); i++) {
		const struct result *result = find_result(report, proxy_goals[i].measure);

		if (!result || proxies < 0)
			continue;
		judged = judge(report, result, proxies, proxy_goals[i].metric,
			       proxy_goals[i].against, proxy_goals[i].bound);
		each(&judged, userdata);
	}
	for (size_t f = 0; f < sizeof(floors) / sizeof(floors[0]); f++) {
		if (find_contender(report, floors[f].against) < 0)
			continue;
		for (unsigned int i = 0; i < report->n_results; i++) {
			if (report->results[i].measure->flags & MEASURE_ONCE)
				continue;
			judged = judge(report, &report->results[i], last, METRIC_CPU,
				       floors[f].against, floors[f].bound);
			judged.is_floor = true;
			each(&judged, userdata);
		}
	}
}

const char *verdict_text(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_MET:
		return "met";
	case VERDICT_MISSED:
		return "missed";
	default:
		return "unmeasured";
	}
}
