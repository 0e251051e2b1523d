/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Measures of memory: by how much the bus' resident set grows, divided by what it grew for.
 *
 * The kernel's own share (socket buffers, file structs) is in nobody's resident set.
 */
#include "tests/bench/measure.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	N_WARM_UP = 200, /* connections before memory is looked at */
	QUEUE_PAYLOAD = 4096,
	QUEUE_BARRIER = 64, /* messages from one question of how far the bus is to the next */
};

void peer_become_idle(struct peer *peer)
{
	free(peer->buffer);
	peer->buffer = NULL;
	peer->capacity = 0;
	peer->begin = peer->end = 0;
}

/* more connections until there are @n */
int open_idle(struct stage *stage, unsigned int n)
{
	for (; stage->n_subscribers < n; stage->n_subscribers++) {
		struct peer *peer = &stage->subscribers[stage->n_subscribers];
		int r;

		*peer = (struct peer)PEER_NULL;
		r = peer_open(peer, stage->contender->socket_path);
		peer_become_idle(peer);
		if (r < 0) {
			peer_close(peer);
			return r;
		}
	}
	return 0;
}

int setup_idle(struct stage *stage)
{
	stage->subscribers = calloc(N_WARM_UP + stage->measure->arg, sizeof(struct peer));
	return stage->subscribers ? 0 : -ENOMEM;
}

int setup_bystander(struct stage *stage)
{
	return peer_open(&stage->bystander, stage->contender->socket_path);
}

static int growth_per(const struct stage *stage, long long before, double n, double *values_out)
{
	long long after = contender_resident_bytes(stage->contender);

	if (before < 0 || after < 0)
		return -ENODATA;
	values_out[0] = (after - before) / n;
	return 0;
}

int play_idle(struct stage *stage, double *values_out)
{
	long long before;
	int r;

	r = open_idle(stage, N_WARM_UP);
	if (r < 0)
		return r;
	before = contender_resident_bytes(stage->contender);
	r = open_idle(stage, N_WARM_UP + stage->measure->arg);
	return r < 0 ? r : growth_per(stage, before, stage->measure->arg, values_out);
}

int play_rule_memory(struct stage *stage, double *values_out)
{
	long long before = contender_resident_bytes(stage->contender);
	int r = add_rules(&stage->bystander, stage->measure->key, stage->measure->arg);

	return r < 0 ? r : growth_per(stage, before, stage->measure->arg, values_out);
}

/* calls without an answer for somebody who never reads */
int setup_queue(struct stage *stage)
{
	uint8_t body[4 + QUEUE_PAYLOAD] = {0};
	int r;

	body_put_u32(body, 0, QUEUE_PAYLOAD);
	r = setup_bystander(stage);
	if (r >= 0)
		r = setup_client(stage);
	if (r < 0)
		return r;
	return template_init(&stage->t, &(struct template_fields){
						.type = MSG_CALL,
						.flags = MSG_NO_REPLY_EXPECTED,
						.destination = stage->bystander.unique_name,
						.path = "/org/example/Bench",
						.interface = "org.example.Bench",
						.member = "Take",
						.signature = "ay",
						.body = body,
						.body_size = sizeof(body),
					});
}

int play_queue(struct stage *stage, double *values_out)
{
	long long before = contender_resident_bytes(stage->contender);
	unsigned int n = stage->measure->arg / stage->t.size;

	for (unsigned int i = 0; i < n; i++) {
		int r = peer_send(&stage->client, &stage->t);

		if (r >= 0 && (i % QUEUE_BARRIER == 0 || i + 1 == n))
			r = peer_call_driver(&stage->client, "GetId", NULL, NULL, 0);
		if (r < 0)
			return r;
	}
	return growth_per(stage, before, (double)n * stage->t.size, values_out);
}
