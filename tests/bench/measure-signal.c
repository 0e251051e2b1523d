/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Measures of signals: how many receive them, and how many match rules do not match.
 *
 * The subscribers are connections of the sending process, which drains them one by
 * one.  What rules cost that do not match is a comparison of a bus with itself: a
 * second daemon of the same kind, without the rules, plays the same rounds.
 */
#include "tests/bench/measure.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RULES_IN_FLIGHT = 32 };

#define PATH	  "/org/example/Bench"
#define INTERFACE "org.example.Bench"

static int open_subscribers(struct stage *stage, unsigned int n)
{
	stage->subscribers = calloc(n, sizeof(*stage->subscribers));
	if (!stage->subscribers)
		return -ENOMEM;
	for (; stage->n_subscribers < n; stage->n_subscribers++) {
		struct peer *peer = &stage->subscribers[stage->n_subscribers];
		int r;

		*peer = (struct peer)PEER_NULL;
		r = peer_open(peer, stage->contender->socket_path);
		if (r < 0) {
			peer_close(peer);
			return r;
		}
	}
	return 0;
}

static int open_broadcaster(struct stage *stage, unsigned int n_subscribers)
{
	uint8_t body[32];
	size_t size;
	int r;

	r = open_subscribers(stage, n_subscribers);
	for (unsigned int i = 0; r >= 0 && i < n_subscribers; i++)
		r = peer_call_driver(&stage->subscribers[i], "AddMatch", "s",
				     "type='signal',interface='" INTERFACE "',member='Tick'", 0);
	if (r >= 0)
		r = peer_open(&stage->client, stage->contender->socket_path);
	if (r < 0)
		return r;
	size = body_put_string(body, 0, "tick");
	size = body_put_string(body, size, "tock");
	return template_init(&stage->t, &(struct template_fields){
						.type = MSG_SIGNAL,
						.flags = MSG_NO_REPLY_EXPECTED,
						.path = PATH,
						.interface = INTERFACE,
						.member = "Tick",
						.signature = "ss",
						.body = body,
						.body_size = size,
					});
}

int setup_fan_out(struct stage *stage)
{
	return open_broadcaster(stage, stage->measure->arg);
}

/* the signal sent last?  A relay does not say who sent it. */
static bool is_tick(const struct stage *stage, const struct message *m)
{
	return m->type == MSG_SIGNAL && m->serial == stage->client.serial &&
	       (!m->sender || !strcmp(m->sender, stage->client.unique_name));
}

/* n signals, each received by all before the next is sent; values are per delivery */
int play_fan_out(struct stage *stage, double *values_out)
{
	struct message m;
	int r;

	meter_begin(stage);
	for (unsigned int i = 0; i < stage->n; i++) {
		r = peer_send(&stage->client, &stage->t);
		if (r < 0)
			return r;
		for (unsigned int k = 0; k < stage->n_subscribers; k++) {
			do {
				r = peer_read(&stage->subscribers[k], &m);
				if (r < 0)
					return r;
			} while (!is_tick(stage, &m));
		}
	}
	meter_end(stage, stage->n * stage->n_subscribers, values_out);
	return 0;
}

/* match rules which differ in one key; each has one %d */
static const struct {
	const char *key;
	const char *rule;
} rules[] = {
	{"sender", "type='signal',interface='" INTERFACE "',sender='org.example.r%d'"},
	{"interface", "type='signal',interface='org.example.r%d',member='Tick'"},
	{"member", "type='signal',interface='" INTERFACE "',member='r%d'"},
	{"path", "type='signal',interface='" INTERFACE "',path='/org/example/r%d'"},
	{"path_namespace",
	 "type='signal',interface='" INTERFACE "',path_namespace='/org/example/r%d'"},
	{"destination", "type='signal',interface='" INTERFACE "',destination=':7.%d'"},
	{"arg0", "type='signal',interface='" INTERFACE "',arg0='r%d'"},
	{"arg1", "type='signal',interface='" INTERFACE "',arg1='r%d'"},
	{"arg0path", "type='signal',interface='" INTERFACE "',arg0path='/r%d/'"},
	{"arg0namespace", "type='signal',interface='" INTERFACE "',arg0namespace='org.r%d'"},
};

int add_rules(struct peer *peer, const char *key, unsigned int n)
{
	const char *format = NULL;
	unsigned int n_waiting = 0;
	char rule[128];
	int r = 0;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (!strcmp(rules[i].key, key))
			format = rules[i].rule;
	if (!format)
		return -EINVAL;
	for (unsigned int i = 0; r >= 0 && i < n; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(rule, sizeof(rule), format, i);
#pragma GCC diagnostic pop
		r = peer_send_driver(peer, "AddMatch", "s", rule, 0);
		if (r >= 0 && (++n_waiting == RULES_IN_FLIGHT || i + 1 == n)) {
			r = peer_wait_answers(peer, n_waiting);
			n_waiting = 0;
		}
	}
	return r;
}

int setup_rules(struct stage *stage)
{
	struct stage *without;
	int r;

	without = calloc(1, sizeof(*without));
	if (!without)
		return -ENOMEM;
	stage->without = without;
	*without = (struct stage){
		.measure = stage->measure,
		.contender = &stage->without_contender,
		.n = stage->n,
		.client = PEER_NULL,
		.bystander = PEER_NULL,
	};
	stage->without_contender = *stage->contender;
	r = contender_start(&stage->without_contender);
	if (r >= 0)
		r = open_broadcaster(without, 1);
	if (r >= 0)
		r = open_broadcaster(stage, 1);
	if (r >= 0)
		r = setup_bystander(stage);
	return r < 0 ? r : add_rules(&stage->bystander, stage->measure->key, stage->measure->arg);
}

int play_rules(struct stage *stage, double *values_out)
{
	double without[MAX_METRICS];
	int r;

	stage->without->n = stage->n;
	r = play_fan_out(stage->without, without);
	if (r >= 0)
		r = play_fan_out(stage, values_out);
	if (r >= 0)
		values_out[METRIC_OTHER] = without[METRIC_CPU] > 0
						   ? values_out[METRIC_CPU] / without[METRIC_CPU]
						   : NAN;
	return r;
}
