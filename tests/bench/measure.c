/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is measured: see measure.h.
 *
 * The caller and the service of a call are processes of their own, as in real
 * life; the subscribers of a broadcast are connections of the calling process,
 * which drains them one by one.  CPU is what the daemon's process clock says
 * before and after a round, divided by the number of steps.
 */
#include "tests/bench/measure.h"

#include "tests/bench/spread.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	WINDOW = 64,		/* calls in flight when pipelined */
	BURST = 32,		/* messages per write of the flood */
	BURSTS_PER_BARRIER = 8, /* so that no receiver is ever more than this behind */
	N_RULES = 10000,
	N_WARM_UP = 200, /* connections before memory is looked at */
};

#define PATH	  "/org/example/Bench"
#define INTERFACE "org.example.Bench"

static double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}

/* the service: answers every call with an empty reply, all that is there at a time in one write */
static int serve(struct peer *peer)
{
	static uint8_t out[64 * 1024];
	struct template *reply;
	struct message m;
	size_t size = 0;
	int r;

	for (;;) {
		r = peer_read(peer, &m);
		if (r == -ETIMEDOUT) /* another contender's turn */
			continue;
		if (r < 0)
			return r;
		if (m.type == MSG_CALL && !(m.flags & MSG_NO_REPLY_EXPECTED)) {
			r = peer_reply(peer, &m, &reply);
			if (r < 0)
				return r;
			memcpy(out + size, reply->data, reply->size);
			size += reply->size;
		}
		if (size && (!peer_has_message(peer) || sizeof(out) - size < 256)) {
			r = peer_write(peer, out, size);
			if (r < 0)
				return r;
			size = 0;
		}
	}
}

static int start_service(struct stage *stage, char *name_out, size_t name_size)
{
	struct peer peer = PEER_NULL;
	pid_t parent = getpid();
	int r;

	r = peer_open(&peer, stage->contender->socket_path);
	/* services have names; this one is what the rules of "with-rules" are about */
	if (r >= 0)
		r = peer_call_driver(&peer, "RequestName", "su", "org.example.Bench", 0);
	if (r >= 0) {
		snprintf(name_out, name_size, "%s", peer.unique_name);
		stage->service = fork();
		if (stage->service < 0) {
			r = -errno;
			stage->service = 0;
		} else if (!stage->service) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			_exit(getppid() == parent && serve(&peer) == -ECONNRESET ? 0 : 1);
		}
	}
	peer_close(&peer);
	return r;
}

static int open_caller(struct stage *stage, int flags, unsigned int payload)
{
	uint8_t *body = NULL;
	char service[64];
	int r;

	r = start_service(stage, service, sizeof(service));
	if (r < 0)
		return r;
	r = peer_open(&stage->client, stage->contender->socket_path);
	if (r < 0)
		return r;
	if (payload) {
		body = calloc(1, 4 + payload);
		if (!body)
			return -ENOMEM;
		body_put_u32(body, 0, payload);
	}
	r = template_init(&stage->t, &(struct template_fields){
					     .type = MSG_CALL,
					     .flags = flags,
					     .destination = service,
					     .path = PATH,
					     .interface = INTERFACE,
					     .member = "Take",
					     .signature = payload ? "ay" : NULL,
					     .body = body,
					     .body_size = payload ? 4 + payload : 0,
				     });
	free(body);
	return r;
}

static int setup_call(struct stage *stage)
{
	return open_caller(stage, 0, stage->measure->arg);
}

/* n times @stage->t, each answered before the next */
static int play_calls(struct stage *stage, double *values_out)
{
	double cpu = contender_cpu_us(stage->contender);

	for (unsigned int i = 0; i < stage->n; i++) {
		double begin = now_us();
		int r = peer_call(&stage->client, &stage->t);

		if (r < 0)
			return r;
		stage->latencies_us[i] = now_us() - begin;
	}
	values_out[1] = (contender_cpu_us(stage->contender) - cpu) / stage->n;
	values_out[0] = spread_of(stage->latencies_us, stage->n).median;
	return 0;
}

/* appends the template under the next serial; returns the new size */
static size_t append(struct stage *stage, uint8_t *out, size_t size)
{
	template_set_serial(&stage->t, ++stage->client.serial);
	memcpy(out + size, stage->t.data, stage->t.size);
	return size + stage->t.size;
}

/* keeps WINDOW calls in flight; refills the window with what one read brought */
static int play_pipelined(struct stage *stage, double *values_out)
{
	double begin = now_us(), cpu = contender_cpu_us(stage->contender);
	unsigned int n_sent = 0, n_answered = 0;
	uint8_t out[WINDOW * 512];
	struct message m;
	int r;

	if (stage->t.size > 512)
		return -EMSGSIZE;
	while (n_answered < stage->n) {
		size_t size = 0;

		for (; n_sent < stage->n && n_sent - n_answered < WINDOW; n_sent++)
			size = append(stage, out, size);
		r = peer_write(&stage->client, out, size);
		if (r < 0)
			return r;
		do {
			r = peer_read(&stage->client, &m);
			if (r < 0)
				return r;
			if (m.type == MSG_ERROR)
				return -EREMOTEIO;
			n_answered += m.type == MSG_RETURN;
		} while (peer_has_message(&stage->client));
	}
	/* a call and its answer: two messages */
	values_out[0] = (now_us() - begin) / (2 * stage->n);
	values_out[1] = (contender_cpu_us(stage->contender) - cpu) / (2 * stage->n);
	return 0;
}

static int setup_flood(struct stage *stage)
{
	return open_caller(stage, MSG_NO_REPLY_EXPECTED, 0);
}

static int play_flood(struct stage *stage, double *values_out)
{
	double begin = now_us(), cpu = contender_cpu_us(stage->contender);
	unsigned int n_sent, n_bursts = 0;
	uint8_t out[BURST * 512];
	int r;

	if (stage->t.size > 512)
		return -EMSGSIZE;
	for (n_sent = 0; n_sent < stage->n; n_sent += BURST) {
		size_t size = 0;

		for (int i = 0; i < BURST; i++)
			size = append(stage, out, size);
		r = peer_write(&stage->client, out, size);
		if (r < 0)
			return r;
		if (++n_bursts % BURSTS_PER_BARRIER)
			continue;
		stage->t.data[2] = 0; /* this one is answered */
		r = peer_call(&stage->client, &stage->t);
		stage->t.data[2] = MSG_NO_REPLY_EXPECTED;
		if (r < 0)
			return r;
	}
	values_out[0] = (now_us() - begin) / n_sent;
	values_out[1] = (contender_cpu_us(stage->contender) - cpu) / n_sent;
	return 0;
}

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
	return template_init(&stage->t, &(struct template_fields){
						.type = MSG_SIGNAL,
						.flags = MSG_NO_REPLY_EXPECTED,
						.path = PATH,
						.interface = INTERFACE,
						.member = "Tick",
						.signature = "s",
						.body = body,
						.body_size = size,
					});
}

static int setup_fan_out(struct stage *stage)
{
	return open_broadcaster(stage, stage->measure->arg);
}

/* n signals, each received by all before the next is sent; values are per delivery */
static int play_fan_out(struct stage *stage, double *values_out)
{
	double begin = now_us(), cpu = contender_cpu_us(stage->contender);
	unsigned int n_deliveries = stage->n * stage->n_subscribers;
	struct message m;
	int r;

	for (unsigned int i = 0; i < stage->n; i++) {
		r = peer_send(&stage->client, &stage->t);
		if (r < 0)
			return r;
		for (unsigned int k = 0; k < stage->n_subscribers; k++) {
			do {
				r = peer_read(&stage->subscribers[k], &m);
				if (r < 0)
					return r;
			} while (m.serial != stage->client.serial ||
				 strcmp(m.sender ?: "", stage->client.unique_name));
		}
	}
	values_out[0] = (now_us() - begin) / n_deliveries;
	values_out[1] = (contender_cpu_us(stage->contender) - cpu) / n_deliveries;
	return 0;
}

/* the bystander adds N_RULES rules that match nothing and differ in @key */
static int add_rules(struct stage *stage, const char *key)
{
	char rule[128];
	int r = 0;

	for (int i = 0; r >= 0 && i < N_RULES; i++) {
		snprintf(rule, sizeof(rule), "type='signal',interface='" INTERFACE "',%s='r%05d'",
			 key, i);
		r = peer_call_driver(&stage->bystander, "AddMatch", "s", rule, 0);
	}
	return r;
}

static int setup_bystander(struct stage *stage)
{
	return peer_open(&stage->bystander, stage->contender->socket_path);
}

static int open_with_rules(struct stage *stage, const char *key)
{
	int r = open_broadcaster(stage, 1);

	if (r >= 0)
		r = setup_bystander(stage);
	return r < 0 ? r : add_rules(stage, key);
}

static int setup_rules_arg0(struct stage *stage)
{
	return open_with_rules(stage, "arg0");
}

static int setup_rules_member(struct stage *stage)
{
	return open_with_rules(stage, "member");
}

static int setup_client(struct stage *stage)
{
	return peer_open(&stage->client, stage->contender->socket_path);
}

/* connect, authenticate, Hello, close */
static int play_connect(struct stage *stage, double *values_out)
{
	double begin = now_us(), cpu = contender_cpu_us(stage->contender);
	int r;

	for (unsigned int i = 0; i < stage->n; i++) {
		struct peer peer = PEER_NULL;

		r = peer_open(&peer, stage->contender->socket_path);
		peer_close(&peer);
		if (r < 0)
			return r;
	}
	r = peer_call_driver(&stage->client, "GetId", NULL, NULL, 0);
	values_out[0] = (now_us() - begin) / stage->n;
	values_out[1] = (contender_cpu_us(stage->contender) - cpu) / stage->n;
	return r;
}

static int setup_owner_lookup(struct stage *stage)
{
	static const char name[] = "org.example.Bench";
	uint8_t body[64];
	size_t size;
	int r;

	r = setup_client(stage);
	if (r >= 0)
		r = peer_call_driver(&stage->client, "RequestName", "su", name, 0);
	if (r < 0)
		return r;
	size = body_put_string(body, 0, name);
	return template_init(&stage->t, &(struct template_fields){
						.type = MSG_CALL,
						.destination = "org.freedesktop.DBus",
						.path = "/org/freedesktop/DBus",
						.interface = "org.freedesktop.DBus",
						.member = "GetNameOwner",
						.signature = "s",
						.body = body,
						.body_size = size,
					});
}

static int play_names(struct stage *stage, double *values_out)
{
	double begin = now_us(), cpu = contender_cpu_us(stage->contender);

	for (unsigned int i = 0; i < stage->n; i++) {
		static const char name[] = "org.example.Taken";
		int r;

		r = peer_call_driver(&stage->client, "RequestName", "su", name, 0);
		if (r >= 0)
			r = peer_call_driver(&stage->client, "ReleaseName", "s", name, 0);
		if (r < 0)
			return r;
	}
	values_out[0] = (now_us() - begin) / stage->n;
	values_out[1] = (contender_cpu_us(stage->contender) - cpu) / stage->n;
	return 0;
}

static int setup_idle(struct stage *stage)
{
	stage->subscribers = calloc(N_WARM_UP + stage->measure->arg, sizeof(struct peer));
	return stage->subscribers ? 0 : -ENOMEM;
}

/* more connections until there are @n */
static int open_idle(struct stage *stage, unsigned int n)
{
	for (; stage->n_subscribers < n; stage->n_subscribers++) {
		struct peer *peer = &stage->subscribers[stage->n_subscribers];
		int r;

		*peer = (struct peer)PEER_NULL;
		r = peer_open(peer, stage->contender->socket_path);
		free(peer->buffer);
		peer->buffer = NULL;
		peer->capacity = 0;
		peer->begin = peer->end = 0;
		if (r < 0) {
			peer_close(peer);
			return r;
		}
	}
	return 0;
}

static int play_idle(struct stage *stage, double *values_out)
{
	long long before, after;
	int r;

	r = open_idle(stage, N_WARM_UP);
	if (r < 0)
		return r;
	before = contender_resident_bytes(stage->contender);
	r = open_idle(stage, N_WARM_UP + stage->measure->arg);
	if (r < 0)
		return r;
	after = contender_resident_bytes(stage->contender);
	if (before < 0 || after < 0)
		return -ENODATA;
	values_out[0] = (double)(after - before) / stage->measure->arg;
	return 0;
}

static int play_rule_memory(struct stage *stage, double *values_out)
{
	long long before, after;
	int r;

	before = contender_resident_bytes(stage->contender);
	r = add_rules(stage, "arg0");
	if (r < 0)
		return r;
	after = contender_resident_bytes(stage->contender);
	if (before < 0 || after < 0)
		return -ENODATA;
	values_out[0] = (double)(after - before) / N_RULES;
	return 0;
}

#define P50  "p50 us", "bus CPU us"
#define EACH "us each", "bus CPU us each"

/* clang-format off */
const struct measure measures[] = {
	{"round-trip-0", "round trip, empty call", {P50}, setup_call, play_calls, 0, 2000, 1000},
	{"round-trip-8k", "round trip, 8 KiB call", {P50}, setup_call, play_calls, 8 << 10, 1500, 750},
	{"round-trip-64k", "round trip, 64 KiB call", {P50}, setup_call, play_calls, 64 << 10, 500, 250},
	{"round-trip-1m", "round trip, 1 MiB call", {P50}, setup_call, play_calls, 1 << 20, 60, 30},
	{"pipelined", "calls and replies, 64 in flight", {EACH}, setup_call, play_pipelined, 0, 6400, 3200},
	{"flood", "calls without reply, 32 per write", {EACH}, setup_flood, play_flood, 0, 8192, 4096},
	{"fan-out-1", "signal to 1 subscriber", {EACH}, setup_fan_out, play_fan_out, 1, 2000, 1000},
	{"fan-out-10", "signal to 10, per delivery", {EACH}, setup_fan_out, play_fan_out, 10, 400, 200},
	{"fan-out-100", "signal to 100, per delivery", {EACH}, setup_fan_out, play_fan_out, 100, 80, 40},
	{"rules-member", "signal, 10000 other rules by member", {EACH}, setup_rules_member, play_fan_out, 1, 200, 0},
	{"rules-arg0", "signal, 10000 other rules by arg0", {EACH}, setup_rules_arg0, play_fan_out, 1, 100, 0},
	{"connect", "connect, authenticate, Hello, close", {EACH}, setup_client, play_connect, 0, 400, 200},
	{"owner-lookup", "GetNameOwner", {P50}, setup_owner_lookup, play_calls, 0, 2000, 1000},
	{"names", "RequestName and ReleaseName", {EACH}, setup_client, play_names, 0, 1000, 500},
	{"idle-memory", "memory of 5000 idle connections", {"bytes each"}, setup_idle, play_idle, 5000, 1, 1, 1},
	{"rule-memory", "memory of 10000 match rules", {"bytes each"}, setup_bystander, play_rule_memory, 0, 1, 0, 1},
};
/* clang-format on */
const unsigned int n_measures = sizeof(measures) / sizeof(measures[0]);

int stage_open(struct stage *stage, const struct measure *measure, struct contender *contender,
	       unsigned int n)
{
	stage->measure = measure;
	stage->contender = contender;
	stage->n = n;
	stage->client = (struct peer)PEER_NULL;
	stage->bystander = (struct peer)PEER_NULL;
	stage->latencies_us = calloc(n, sizeof(*stage->latencies_us));
	if (!stage->latencies_us)
		return -ENOMEM;
	return measure->setup(stage);
}

void stage_close(struct stage *stage)
{
	if (!stage->measure)
		return;
	if (stage->service) {
		kill(stage->service, SIGKILL);
		waitpid(stage->service, NULL, 0);
	}
	for (unsigned int i = 0; i < stage->n_subscribers; i++)
		peer_close(&stage->subscribers[i]);
	free(stage->subscribers);
	peer_close(&stage->client);
	peer_close(&stage->bystander);
	template_deinit(&stage->t);
	free(stage->latencies_us);
	*stage = (struct stage){0};
}
