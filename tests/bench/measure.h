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
#include "tests/bench/tracer.h"

#include <sys/types.h>

/* Of every measure that plays rounds the first three are: time, CPU time of the bus, its system
 * calls.  A value that there is none of is NAN. */
enum {
	METRIC_TIME,
	METRIC_CPU,
	METRIC_CALLS,
	METRIC_OTHER,
	MAX_METRICS,
};

enum {
	MEASURE_ONCE = 1 << 0,	 /* a second round on the same daemon would say nothing */
	MEASURE_FREE = 1 << 1,	 /* on all CPUs; others are on one */
	MEASURE_RELAY = 1 << 2,	 /* a bare relay can do it as well ... */
	MEASURE_DIRECT = 1 << 3, /* ... and a socket pair */
	MEASURE_POLL = 1 << 4,	 /* clients wait in poll() */
	MEASURE_ASK = 1 << 5,	 /* a relay answers, and passes nothing on */
};

struct measure;

/* one contender's side of one measure */
struct stage {
	const struct measure *measure;
	struct contender *contender;
	unsigned int n; /* steps of a round */

	struct peer client;
	struct peer *subscribers; /* owned, n_subscribers */
	unsigned int n_subscribers;
	struct peer bystander; /* has match rules that match nothing, or names */
	pid_t service;	       /* 0: none */
	struct template t;     /* what the client sends */
	struct template other; /* and beside it */
	double *latencies_us;  /* owned, n */

	/* the same measure without what it is about, on a daemon of its own; owned, NULL: none */
	struct stage *without;
	struct contender without_contender;

	struct tracer tracer; /* runs in the round that counts system calls */
	double begin_us, begin_cpu_us;
	unsigned long begin_calls;
};

struct measure {
	const char *id;			  /* for --measure, JSON and charts */
	const char *name;		  /* for people */
	const char *metrics[MAX_METRICS]; /* units; NULL: it has not got that one */
	int (*setup)(struct stage *stage);
	/* one round; writes a value per metric */
	int (*play)(struct stage *stage, double *values_out);
	unsigned int arg;     /* payload bytes, or number of subscribers, connections, rules */
	unsigned int n_full;  /* steps of a round */
	unsigned int n_quick; /* likewise with --quick; 0: left out there */
	int flags;
	const char *key; /* of the match rules */
};

extern const struct measure measures[];
extern const unsigned int n_measures;

/* whether @contender can be measured so */
bool measure_suits(const struct measure *measure, const struct contender *contender);

/* @stage is zeroed; @contender runs.  0 or negative errno, to be closed in either case. */
int stage_open(struct stage *stage, const struct measure *measure, struct contender *contender,
	       unsigned int n);
/* idempotent; ends the service, and the daemon that the stage has for itself */
void stage_close(struct stage *stage);

double now_us(void);
/* around what is measured */
void meter_begin(struct stage *stage);
/* writes what passed since, divided by @n: time, CPU, system calls */
void meter_end(const struct stage *stage, unsigned int n, double *values_out);

/* measures of calls: measure-call.c */
int setup_call(struct stage *stage);
int setup_call_beside_idle(struct stage *stage);
int setup_flood(struct stage *stage);
int setup_slow_reader(struct stage *stage);
int play_calls(struct stage *stage, double *values_out);
int play_pipelined(struct stage *stage, double *values_out);
int play_flood(struct stage *stage, double *values_out);
int play_single_flood(struct stage *stage, double *values_out);
int play_slow_reader(struct stage *stage, double *values_out);

/* measures of signals: measure-signal.c */
int setup_fan_out(struct stage *stage);
int setup_rules(struct stage *stage);
int play_fan_out(struct stage *stage, double *values_out);
int play_rules(struct stage *stage, double *values_out);
/* @n rules of @peer which match nothing and differ in @key */
int add_rules(struct peer *peer, const char *key, unsigned int n);

/* measures of the bus driver: measure-driver.c */
int setup_client(struct stage *stage);
int setup_owner_lookup(struct stage *stage);
int setup_credentials(struct stage *stage);
int play_connect(struct stage *stage, double *values_out);
int play_names(struct stage *stage, double *values_out);
int play_match(struct stage *stage, double *values_out);

/* measures of memory: measure-memory.c */
int setup_idle(struct stage *stage);
int setup_bystander(struct stage *stage);
int setup_queue(struct stage *stage);
int play_idle(struct stage *stage, double *values_out);
int play_rule_memory(struct stage *stage, double *values_out);
int play_queue(struct stage *stage, double *values_out);
/* @peer's socket and identity are kept, its buffer is not: of many that only are there */
void peer_become_idle(struct peer *peer);
int open_idle(struct stage *stage, unsigned int n);
