/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Measures of calls: one at a time, many in flight, floods of those that want no answer.
 *
 * The caller and the service are processes of their own, as in real life.
 */
#include "tests/bench/measure.h"

#include "tests/bench/spread.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	WINDOW = 64,		    /* calls in flight when pipelined */
	BURST = 32,		    /* messages per write of the flood */
	MESSAGES_PER_BARRIER = 256, /* so that no receiver is ever more than this behind */
	SLOW_PAYLOAD = 4096,
};

#define PATH	  "/org/example/Bench"
#define INTERFACE "org.example.Bench"

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

/* forks the service, which takes @peer along */
static int start_service(struct stage *stage, struct peer *peer)
{
	pid_t parent = getpid();

	peer->is_polling = stage->measure->flags & MEASURE_POLL;
	stage->service = fork();
	if (stage->service < 0) {
		stage->service = 0;
		return -errno;
	}
	if (stage->service)
		return 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* what the parent has open to the bus is the parent's alone to close */
	if (stage->client.fd >= 0)
		close(stage->client.fd);
	_exit(getppid() == parent && serve(peer) == -ECONNRESET ? 0 : 1);
}

static int open_service(struct stage *stage, char *name_out, size_t name_size)
{
	struct peer peer = PEER_NULL;
	int r;

	r = peer_open(&peer, stage->contender->socket_path);
	/* services have names; this one is what the rules of "with-rules" are about */
	if (r >= 0)
		r = peer_call_driver(&peer, "RequestName", "su", "org.example.Bench", 0);
	if (r >= 0) {
		snprintf(name_out, name_size, "%s", peer.unique_name);
		r = start_service(stage, &peer);
	}
	peer_close(&peer);
	return r;
}

/* both ends of one socket pair, and no bus between them */
static int open_direct(struct stage *stage)
{
	struct peer peer = PEER_NULL;
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	stage->client.fd = pair[0];
	peer.fd = pair[1];
	r = start_service(stage, &peer);
	peer_close(&peer);
	return r;
}

static int make_call(struct template *t, const char *destination, int flags, unsigned int payload)
{
	uint8_t *body = NULL;
	int r;

	if (payload) {
		body = calloc(1, 4 + payload);
		if (!body)
			return -ENOMEM;
		body_put_u32(body, 0, payload);
	}
	r = template_init(t, &(struct template_fields){
				     .type = MSG_CALL,
				     .flags = flags,
				     .destination = destination,
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

static int open_caller(struct stage *stage, int flags, unsigned int payload)
{
	char service[64] = ":1.0";
	int r;

	if (stage->contender->kind == CONTENDER_DIRECT) {
		r = open_direct(stage);
	} else {
		r = open_service(stage, service, sizeof(service));
		if (r >= 0)
			r = peer_open(&stage->client, stage->contender->socket_path);
	}
	return r < 0 ? r : make_call(&stage->t, service, flags, payload);
}

int setup_call(struct stage *stage)
{
	return open_caller(stage, 0, stage->measure->arg);
}

int setup_call_beside_idle(struct stage *stage)
{
	int r;

	stage->subscribers = calloc(stage->measure->arg, sizeof(*stage->subscribers));
	if (!stage->subscribers)
		return -ENOMEM;
	r = open_idle(stage, stage->measure->arg);
	return r < 0 ? r : open_caller(stage, 0, 0);
}

/* n times @stage->t, each answered before the next */
int play_calls(struct stage *stage, double *values_out)
{
	meter_begin(stage);
	for (unsigned int i = 0; i < stage->n; i++) {
		double begin = now_us();
		int r = peer_call(&stage->client, &stage->t);

		if (r < 0)
			return r;
		stage->latencies_us[i] = now_us() - begin;
	}
	meter_end(stage, stage->n, values_out);
	values_out[METRIC_TIME] = spread_of(stage->latencies_us, stage->n).median;
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
int play_pipelined(struct stage *stage, double *values_out)
{
	unsigned int n_sent = 0, n_answered = 0;
	uint8_t out[WINDOW * 512];
	struct message m;
	int r;

	if (stage->t.size > 512)
		return -EMSGSIZE;
	meter_begin(stage);
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
	meter_end(stage, 2 * stage->n, values_out);
	return 0;
}

int setup_flood(struct stage *stage)
{
	return open_caller(stage, MSG_NO_REPLY_EXPECTED, 0);
}

/* the template once, as a call that is answered */
static int barrier(struct stage *stage)
{
	int r;

	stage->t.data[2] = 0;
	r = peer_call(&stage->client, &stage->t);
	stage->t.data[2] = MSG_NO_REPLY_EXPECTED;
	return r;
}

/* @burst messages per write */
static int flood(struct stage *stage, unsigned int burst, double *values_out)
{
	uint8_t out[BURST * 512];
	unsigned int n_sent;
	int r;

	if (stage->t.size > 512)
		return -EMSGSIZE;
	meter_begin(stage);
	for (n_sent = 0; n_sent < stage->n; n_sent += burst) {
		size_t size = 0;

		for (unsigned int i = 0; i < burst; i++)
			size = append(stage, out, size);
		r = peer_write(&stage->client, out, size);
		if (r >= 0 && (n_sent + burst) % MESSAGES_PER_BARRIER == 0)
			r = barrier(stage);
		if (r < 0)
			return r;
	}
	/* all of them are through */
	r = barrier(stage);
	meter_end(stage, n_sent, values_out);
	return r;
}

int play_flood(struct stage *stage, double *values_out)
{
	return flood(stage, BURST, values_out);
}

int play_single_flood(struct stage *stage, double *values_out)
{
	return flood(stage, 1, values_out);
}

/* one connection is sent to and never reads */
int setup_slow_reader(struct stage *stage)
{
	int r;

	r = peer_open(&stage->bystander, stage->contender->socket_path);
	if (r >= 0)
		r = make_call(&stage->other, stage->bystander.unique_name, MSG_NO_REPLY_EXPECTED,
			      SLOW_PAYLOAD);
	return r < 0 ? r : open_caller(stage, 0, stage->measure->arg);
}

/* calls between messages that pile up for somebody else: the slowest percent of them counts */
int play_slow_reader(struct stage *stage, double *values_out)
{
	meter_begin(stage);
	for (unsigned int i = 0; i < stage->n; i++) {
		double begin;
		int r;

		r = peer_send(&stage->client, &stage->other);
		begin = now_us();
		if (r >= 0)
			r = peer_call(&stage->client, &stage->t);
		if (r < 0)
			return r;
		stage->latencies_us[i] = now_us() - begin;
	}
	meter_end(stage, stage->n, values_out);
	values_out[METRIC_TIME] = quantile_of(stage->latencies_us, stage->n, 0.99);
	return 0;
}
