/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of what is measured, and how one of them begins and ends: see measure.h. */
#include "tests/bench/measure.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#define P50   "p50 us", "bus CPU us", "system calls"
#define P99   "p99 us", "bus CPU us", "system calls"
#define EACH  "us each", "bus CPU us each", "system calls each"
#define RULES EACH, "CPU / without them"
#define BARE  (MEASURE_RELAY | MEASURE_DIRECT)

/* clang-format off */
#define ROUND_TRIP(id, name, size, full, quick, flags) \
	{"round-trip-" id, "round trip, " name " call", {P50}, setup_call, play_calls, size, full, quick, BARE | flags, NULL}
#define FAN_OUT(id, name, n, full, quick, flags) \
	{"fan-out-" id, "signal to " name ", per delivery", {EACH}, setup_fan_out, play_fan_out, n, full, quick, MEASURE_RELAY | flags, NULL}
#define OTHER_RULES(key) \
	{"rules-" key, "signal, 10000 other rules by " key, {RULES}, setup_rules, play_rules, 10000, 200, 0, 0, key}, \
	{"rules-100k-" key, "signal, 100000 other rules by " key, {RULES}, setup_rules, play_rules, 100000, 40, 0, 0, key}

const struct measure measures[] = {
	ROUND_TRIP("0", "empty", 0, 2000, 1000, 0),
	ROUND_TRIP("1k", "1 KiB", 1 << 10, 2000, 0, 0),
	ROUND_TRIP("8k", "8 KiB", 8 << 10, 1500, 750, 0),
	ROUND_TRIP("64k", "64 KiB", 64 << 10, 500, 250, 0),
	ROUND_TRIP("256k", "256 KiB", 256 << 10, 200, 0, 0),
	ROUND_TRIP("1m", "1 MiB", 1 << 20, 60, 30, 0),
	ROUND_TRIP("free-0", "all CPUs, empty", 0, 2000, 0, MEASURE_FREE),
	ROUND_TRIP("free-64k", "all CPUs, 64 KiB", 64 << 10, 500, 0, MEASURE_FREE),
	ROUND_TRIP("free-1m", "all CPUs, 1 MiB", 1 << 20, 60, 0, MEASURE_FREE),
	ROUND_TRIP("poll-0", "in poll(), empty", 0, 2000, 0, MEASURE_POLL),
	ROUND_TRIP("poll-64k", "in poll(), 64 KiB", 64 << 10, 500, 0, MEASURE_POLL),
	{"round-trip-idle", "round trip beside 5000 idle", {P50}, setup_call_beside_idle, play_calls, 5000, 1000, 0, 0, NULL},
	{"pipelined", "calls and replies, 64 in flight", {EACH}, setup_call, play_pipelined, 0, 6400, 3200, BARE, NULL},
	{"flood", "calls without reply, 32 per write", {EACH}, setup_flood, play_flood, 0, 8192, 4096, BARE, NULL},
	{"flood-single", "calls without reply, 1 per write", {EACH}, setup_flood, play_single_flood, 0, 4096, 0, BARE, NULL},
	FAN_OUT("1", "1", 1, 2000, 1000, 0),
	FAN_OUT("10", "10", 10, 400, 200, 0),
	FAN_OUT("100", "100", 100, 80, 40, 0),
	FAN_OUT("1000", "1000", 1000, 12, 0, 0),
	FAN_OUT("poll-10", "10 in poll()", 10, 400, 0, MEASURE_POLL),
	FAN_OUT("poll-100", "100 in poll()", 100, 80, 0, MEASURE_POLL),
	OTHER_RULES("sender"),
	OTHER_RULES("interface"),
	OTHER_RULES("member"),
	OTHER_RULES("path"),
	OTHER_RULES("path_namespace"),
	OTHER_RULES("destination"),
	OTHER_RULES("arg0"),
	OTHER_RULES("arg1"),
	OTHER_RULES("arg0path"),
	OTHER_RULES("arg0namespace"),
	{"connect", "connect, authenticate, Hello, close", {EACH}, setup_client, play_connect, 0, 400, 200, MEASURE_RELAY | MEASURE_ASK, NULL},
	{"connect-poll", "connect ... close, in poll()", {EACH}, setup_client, play_connect, 0, 400, 0, MEASURE_RELAY | MEASURE_ASK | MEASURE_POLL, NULL},
	{"owner-lookup", "GetNameOwner", {P50}, setup_owner_lookup, play_calls, 0, 2000, 1000, 0, NULL},
	{"owner-lookup-100k", "GetNameOwner among 100000 names", {P50}, setup_owner_lookup, play_calls, 100000, 1000, 0, 0, NULL},
	{"credentials", "GetConnectionCredentials", {P50}, setup_credentials, play_calls, 0, 1000, 0, 0, NULL},
	{"names", "RequestName and ReleaseName", {EACH}, setup_client, play_names, 0, 1000, 500, 0, NULL},
	{"match", "AddMatch and RemoveMatch", {EACH}, setup_client, play_match, 0, 1000, 0, 0, NULL},
	{"slow-reader", "round trip beside a slow reader", {P99}, setup_slow_reader, play_slow_reader, 0, 1000, 0, 0, NULL},
	{"idle-memory", "memory of 5000 idle connections", {"bytes each"}, setup_idle, play_idle, 5000, 1, 1, MEASURE_ONCE, NULL},
	{"rule-memory", "memory of 10000 match rules", {"bytes each"}, setup_bystander, play_rule_memory, 10000, 1, 0, MEASURE_ONCE, "arg0"},
	{"queue-memory", "memory of 64 MiB that nobody reads", {"bytes per byte"}, setup_queue, play_queue, 64 << 20, 1, 0, MEASURE_ONCE, NULL},
};
/* clang-format on */
const unsigned int n_measures = sizeof(measures) / sizeof(measures[0]);

bool measure_suits(const struct measure *measure, const struct contender *contender)
{
	switch (contender->kind) {
	case CONTENDER_RELAY:
		return measure->flags & MEASURE_RELAY;
	case CONTENDER_DIRECT:
	case CONTENDER_PROXIES:
		return measure->flags & MEASURE_DIRECT;
	default:
		return true;
	}
}

int stage_open(struct stage *stage, const struct measure *measure, struct contender *contender,
	       unsigned int n)
{
	int r;

	stage->measure = measure;
	stage->contender = contender;
	stage->n = n;
	stage->client = (struct peer)PEER_NULL;
	stage->bystander = (struct peer)PEER_NULL;
	stage->latencies_us = calloc(n, sizeof(*stage->latencies_us));
	if (!stage->latencies_us)
		return -ENOMEM;
	r = measure->setup(stage);
	stage->client.is_polling = measure->flags & MEASURE_POLL;
	for (unsigned int i = 0; i < stage->n_subscribers; i++)
		stage->subscribers[i].is_polling = measure->flags & MEASURE_POLL;
	return r < 0 || measure->flags & MEASURE_ASK ? r : contender_go_live(contender);
}

void stage_close(struct stage *stage)
{
	if (!stage->measure)
		return;
	tracer_stop(&stage->tracer);
	if (stage->service) {
		kill(stage->service, SIGKILL);
		waitpid(stage->service, NULL, 0);
	}
	if (stage->without) {
		contender_stop(&stage->without_contender);
		stage_close(stage->without);
		free(stage->without);
	}
	for (unsigned int i = 0; i < stage->n_subscribers; i++)
		peer_close(&stage->subscribers[i]);
	free(stage->subscribers);
	peer_close(&stage->client);
	peer_close(&stage->bystander);
	template_deinit(&stage->t);
	template_deinit(&stage->other);
	free(stage->latencies_us);
	*stage = (struct stage){0};
}
