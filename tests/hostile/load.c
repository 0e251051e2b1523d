/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A hundred good clients: see load.h. */
#include "tests/hostile/load.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/spread.h"

enum {
	INTERVAL_US = 10000, /* of the calls of a pair */
	TICK_EVERY = 8,	     /* calls per broadcast */
	MAX_LATENCIES = 1 << 20,
	DRAIN_US = 10000000,
	SAMPLE_US = 20000,
	SETTLE_MS = 50,
	MAX_EVENTS = 64,
};

#define LOAD_INTERFACE "go.od"

static double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}

/* the number is the last thing in it */
static void put_number(struct template *t, uint32_t number)
{
	memcpy(t->data + t->size - 4, &number, 4);
}

static int watch(struct load *load, struct peer *peer, unsigned int index, bool is_service)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = 2 * index + is_service};

	return epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, peer->fd, &event) < 0 ? -errno : 0;
}

static int tick_init(struct pair *pair)
{
	return template_init(&pair->tick, &(struct template_fields){
						  .type = MSG_SIGNAL,
						  .path = "/",
						  .interface = LOAD_INTERFACE,
						  .member = "Tick",
						  .signature = "u",
						  .body = (const uint8_t[4]){0},
						  .body_size = 4,
					  });
}

static int pair_open(struct load *load, unsigned int index)
{
	const uint8_t number[4] = {0};
	struct pair *pair = &load->pairs[index];
	const char *path = load->contender->socket_path;
	char rule[160];
	int r;

	r = peer_open(&pair->caller, path);
	if (r >= 0 && index != LOAD_VICTIM)
		r = peer_open(&pair->service, path);
	if (r < 0)
		return r;
	if (index == LOAD_VICTIM)
		strcpy(pair->service.unique_name, load->victim);
	snprintf(rule, sizeof(rule), "type='signal',interface='" LOAD_INTERFACE "',sender='%s'",
		 pair->service.unique_name);
	r = peer_call_driver(&pair->caller, "AddMatch", "s", rule, 0);
	/* and whatever an offender has to say to everybody */
	if (r >= 0)
		r = peer_call_driver(&pair->caller, "AddMatch", "s", "interface='to.all'", 0);
	if (r >= 0)
		r = template_init(&pair->call, &(struct template_fields){
						       .type = MSG_CALL,
						       .destination = pair->service.unique_name,
						       .path = "/",
						       .interface = LOAD_INTERFACE,
						       .member = "Ask",
						       .signature = "u",
						       .body = number,
						       .body_size = 4,
					       });
	if (r >= 0)
		r = tick_init(pair);
	if (r >= 0)
		r = watch(load, &pair->caller, index, false);
	if (r >= 0 && index != LOAD_VICTIM)
		r = watch(load, &pair->service, index, true);
	return r;
}

static uint32_t number_of(const struct message *m)
{
	uint32_t number = 0;

	if (m->body_size == 4)
		memcpy(&number, m->body, 4);
	return number;
}

static int service_hear(struct load *load, struct pair *pair, const struct message *m)
{
	struct template *reply;
	int r;

	/* what is not numbered is not ours */
	if (m->type != MSG_CALL || m->body_size != 4)
		return 0;
	load->n_wrong += number_of(m) != ++pair->n_heard;
	r = peer_reply(&pair->service, m, &reply);
	if (r >= 0)
		r = peer_write(&pair->service, reply->data, reply->size);
	if (r < 0 || pair->n_heard % TICK_EVERY)
		return r;
	put_number(&pair->tick, ++pair->n_ticks);
	return peer_send(&pair->service, &pair->tick);
}

/* the victim's process */
static void __attribute__((noreturn)) serve(const char *path, int name_fd)
{
	struct pair pair = {.service = PEER_NULL};
	struct load own = {0};
	struct message m;
	int r;

	r = tick_init(&pair);
	if (r >= 0)
		r = peer_open(&pair.service, path);
	if (r >= 0 && write(name_fd, pair.service.unique_name, 64) != 64)
		r = -EPIPE;
	while (r >= 0) {
		r = peer_read(&pair.service, &m);
		/* nobody has anything to say just now */
		if (r == -ETIMEDOUT)
			r = 0;
		else if (r >= 0)
			r = service_hear(&own, &pair, &m);
		/* its caller waits for an answer that does not come */
		if (own.n_wrong)
			r = -EPROTO;
	}
	_exit(1);
}

static int victim_start(struct load *load)
{
	pid_t parent = getpid();
	int fds[2], r = 0;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	load->victim_pid = fork();
	if (!load->victim_pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		/* behind those who are measured */
		sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){0});
		serve(load->contender->socket_path, fds[1]);
	}
	close(fds[1]);
	if (load->victim_pid < 0 || read(fds[0], load->victim, 64) != 64)
		r = -EPIPE;
	close(fds[0]);
	return r;
}

int load_open(struct load *load, const struct contender *contender)
{
	int r;

	*load = (struct load){.contender = contender};
	load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (load->epoll_fd < 0)
		return -errno;
	load->pairs = calloc(LOAD_PAIRS + 1, sizeof(*load->pairs));
	load->latencies_us = calloc(MAX_LATENCIES, sizeof(*load->latencies_us));
	if (!load->pairs || !load->latencies_us)
		return -ENOMEM;
	for (unsigned int i = 0; i <= LOAD_VICTIM; i++) {
		load->pairs[i].caller = (struct peer)PEER_NULL;
		load->pairs[i].service = (struct peer)PEER_NULL;
	}
	r = victim_start(load);
	for (unsigned int i = 0; i <= LOAD_VICTIM && r >= 0; i++)
		r = pair_open(load, i);
	return r;
}

void load_close(struct load *load)
{
	if (load->victim_pid > 0) {
		kill(load->victim_pid, SIGKILL);
		waitpid(load->victim_pid, NULL, 0);
	}
	for (unsigned int i = 0; load->pairs && i <= LOAD_VICTIM; i++) {
		peer_close(&load->pairs[i].caller);
		peer_close(&load->pairs[i].service);
		template_deinit(&load->pairs[i].call);
		template_deinit(&load->pairs[i].tick);
	}
	free(load->pairs);
	free(load->latencies_us);
	if (load->epoll_fd >= 0)
		close(load->epoll_fd);
	*load = (struct load){.epoll_fd = -1};
}

static int caller_hear(struct load *load, struct pair *pair, const struct message *m)
{
	if (m->type == MSG_SIGNAL && m->body_size == 4) {
		load->n_wrong += number_of(m) != ++pair->n_ticks_heard;
	} else if (m->type == MSG_RETURN || m->type == MSG_ERROR) {
		load->n_wrong += !pair->is_waiting || m->type == MSG_ERROR ||
				 m->reply_serial != pair->caller.serial;
		pair->is_waiting = false;
		pair->n_answers++;
		if (pair != &load->pairs[LOAD_VICTIM] && load->n_latencies < MAX_LATENCIES)
			load->latencies_us[load->n_latencies++] = now_us() - pair->sent_us;
	}
	return 0;
}

static int hear(struct load *load, uint64_t who)
{
	struct pair *pair = &load->pairs[who / 2];
	struct peer *peer = who % 2 ? &pair->service : &pair->caller;
	struct message m;
	int r;

	do {
		r = peer_read(peer, &m);
		if (r < 0)
			return r;
		r = who % 2 ? service_hear(load, pair, &m) : caller_hear(load, pair, &m);
	} while (r >= 0 && peer_has_message(peer));
	return r;
}

/* sends what is due; *next_us_out: when the next is */
static int call_due(struct load *load, double now, double *next_us_out)
{
	double next_us = now + INTERVAL_US;

	for (unsigned int i = 0; i <= LOAD_VICTIM; i++) {
		struct pair *pair = &load->pairs[i];
		int r;

		if (!pair->is_waiting && pair->due_us <= now) {
			put_number(&pair->call, ++pair->n_calls);
			pair->is_waiting = true;
			pair->sent_us = now_us();
			pair->due_us += INTERVAL_US;
			if (pair->due_us < now)
				pair->due_us = now;
			r = peer_send(&pair->caller, &pair->call);
			if (r < 0)
				return r;
		}
		if (!pair->is_waiting && pair->due_us < next_us)
			next_us = pair->due_us;
	}
	*next_us_out = next_us;
	return 0;
}

static int turn(struct load *load, double until_us)
{
	struct epoll_event events[MAX_EVENTS];
	double left_us = until_us - now_us();
	struct timespec timeout = {0};
	int n, r = 0;

	if (left_us > 0)
		timeout.tv_nsec = left_us < 999999 ? left_us * 1000 : 999999999;
	n = epoll_pwait2(load->epoll_fd, events, MAX_EVENTS, &timeout, NULL);
	for (int i = 0; i < n && r >= 0; i++)
		r = hear(load, events[i].data.u64);
	return r;
}

int load_settle(struct load *load)
{
	double end = now_us() + DRAIN_US;
	struct epoll_event event;
	int r = 0;

	while (r >= 0 && now_us() < end && epoll_wait(load->epoll_fd, &event, 1, SETTLE_MS) > 0)
		r = turn(load, 0);
	return r;
}

static void sample_memory(struct load *load)
{
	long long resident = contender_resident_bytes(load->contender);

	if (resident > load->most_resident)
		load->most_resident = resident;
}

static bool is_complete(const struct load *load)
{
	for (unsigned int i = 0; i <= LOAD_VICTIM; i++) {
		const struct pair *pair = &load->pairs[i];

		if (pair->is_waiting || pair->n_answers != pair->n_calls)
			return false;
		/* the victim keeps its own accounts */
		if (i == LOAD_VICTIM)
			continue;
		if (pair->n_heard != pair->n_calls || pair->n_ticks_heard != pair->n_ticks)
			return false;
	}
	return true;
}

int load_run(struct load *load, double seconds, struct leg *leg_out)
{
	double start = now_us(), end = start + seconds * 1e6, now = start, next, sampled = 0;
	double cpu = contender_cpu_us(load->contender);
	int r = 0;

	load->n_latencies = 0;
	load->n_wrong = 0;
	load->most_resident = 0;
	for (unsigned int i = 0; i <= LOAD_VICTIM; i++)
		load->pairs[i].due_us = start + INTERVAL_US / LOAD_PAIRS * i;
	while (r >= 0 && (now = now_us()) < end) {
		if (now - sampled > SAMPLE_US) {
			sample_memory(load);
			sampled = now;
		}
		r = call_due(load, now, &next);
		if (r >= 0)
			r = turn(load, next < end ? next : end);
	}
	cpu = contender_cpu_us(load->contender) - cpu;
	while (r >= 0 && !is_complete(load) && now_us() < end + DRAIN_US)
		r = turn(load, now_us() + SAMPLE_US);
	if (r < 0)
		return r;
	if (!is_complete(load))
		return -ETIMEDOUT;
	*leg_out = (struct leg){
		.p50_us = quantile_of(load->latencies_us, load->n_latencies, 0.5),
		.p99_us = quantile_of(load->latencies_us, load->n_latencies, 0.99),
		.cpu_us = cpu,
		.n_calls = load->n_latencies,
		.n_wrong = load->n_wrong,
		.most_resident = load->most_resident,
	};
	return 0;
}
