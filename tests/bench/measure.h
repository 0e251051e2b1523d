/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is measured
 *
 * A measure is set up once on each contender and then played in short rounds,
 * one contender after the other, so that what the machine does meanwhile hits
 * all of them alike.  Each round gives one value per metric.  Every metric is
 * a cost: less is better, and so is a ratio below 1.
 */
#pragma once

#include "tests/bench/contender.h"
#include "tests/bench/peer.h"

#include <sys/types.h>

enum { MAX_METRICS = 2 };

struct measure;

/* one contender's side of one measure */
struct stage {
	const struct measure *measure;
	struct contender *contender;
	unsigned int n; /* steps of a round */

	struct peer client;
	struct peer *subscribers; /* owned, n_subscribers */
	unsigned int n_subscribers;
	struct peer bystander; /* owns match rules that match nothing */
	pid_t service;	       /* 0: none */
	struct template t;     /* what the client sends */
	double *latencies_us;  /* owned, n */
};

struct measure {
	const char *id;			  /* for --measure and JSON */
	const char *name;		  /* for people */
	const char *metrics[MAX_METRICS]; /* units; NULL: there is one metric only */
	int (*setup)(struct stage *stage);
	/* one round; writes a value per metric */
	int (*play)(struct stage *stage, double *values_out);
	unsigned int arg;     /* payload bytes, or number of subscribers, connections, rules */
	unsigned int n_full;  /* steps of a round */
	unsigned int n_quick; /* likewise with --quick; 0: left out there */
	int once;	      /* a second round on the same daemon would say nothing */
};

extern const struct measure measures[];
extern const unsigned int n_measures;

/* @stage is zeroed; @contender runs.  0 or negative errno, to be closed in either case. */
int stage_open(struct stage *stage, const struct measure *measure, struct contender *contender,
	       unsigned int n);
/* idempotent; ends the service */
void stage_close(struct stage *stage);
