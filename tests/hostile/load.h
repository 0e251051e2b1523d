/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A hundred good clients
 *
 * Fifty pairs in one process.  In each pair one calls the other at a steady rate, and
 * the other answers and tells of it by a broadcast now and then.  Calls, answers and
 * broadcasts are numbered, so what is lost, doubled or out of order is seen.
 *
 * One more pair has its second half, the victim, in a process of its own, which
 * others may write to: what that takes to read is not the business of the rest.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/bench/contender.h"
#include "tests/bench/peer.h"

enum { LOAD_PAIRS = 50, LOAD_VICTIM = LOAD_PAIRS };

struct pair {
	struct peer caller, service;
	struct template call, tick;
	uint32_t n_calls, n_heard, n_answers; /* numbers of the last ones */
	uint32_t n_ticks, n_ticks_heard;
	double due_us, sent_us; /* the next call; the one that waits for its answer */
	bool is_waiting;
};

struct load {
	const struct contender *contender;
	int epoll_fd;
	struct pair *pairs; /* owned, LOAD_PAIRS and that of the victim */
	char victim[64];    /* its name */
	pid_t victim_pid;
	double *latencies_us; /* owned; of the leg */
	unsigned int n_latencies;
	long long most_resident; /* bytes of the daemon, of the leg */
	unsigned int n_wrong;	 /* lost, doubled, out of order */
};

/* what a leg showed */
struct leg {
	double p50_us, p99_us, cpu_us; /* of round trips; of the daemon in all */
	unsigned int n_calls;
	unsigned int n_wrong;
	long long most_resident;
};

/* 0 or negative errno; to be closed in either case */
int load_open(struct load *load, const struct contender *contender);
void load_close(struct load *load);
/* all talk for @seconds, and then wait for what is due to them; 0 or negative errno */
int load_run(struct load *load, double seconds, struct leg *leg_out);
/* hears whatever is on its way, until nothing comes any more; 0 or negative errno */
int load_settle(struct load *load);
