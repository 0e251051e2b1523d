/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Proxies that are killed at any moment, and clients that count
 *
 * Workers call each other, send each other signals, and call a victim; all of it has numbers,
 * and each worker checks that it gets every number of every other worker once and in order,
 * whether the victim lives or not.  The victim does the same to them until its proxy is killed:
 * in the middle of its login, of a large message, of an answer.  What there is of it then ends
 * at the same number for all.
 *
 * One worker is a client of the owner itself.  Limits of the bus are just what all of them
 * need, so that a connection or a call which stays charged for somebody dead is missed soon.
 *
 * BP_KILLS is how often, BP_SEED what the chance begins with; it is printed.
 */
#include "tests/harness/proxied.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#define VICTIM "org.example.Victim"
#define RULES                                                                                      \
	"<limit name=\"max_connections_per_user\">7</limit>"                                       \
	"<limit name=\"max_replies_per_connection\">32</limit>"

enum {
	N_WORKERS = 5, /* the last one is the owner's */
	N_PEERS = 2,   /* those that each of them calls */
	WINDOW = 3,    /* calls to each peer, and signals, on the way */
	TO_VICTIM = 2, /* calls to the victim on the way */
	N_PENDING = N_PEERS * WINDOW + TO_VICTIM,
	MAX_IDS = 1 << 16,
	MAX_SERIALS = 1 << 20,
	LARGE_SIZE = 300000,
};

/**
 * struct pending - a call that waits for its answer
 * @serial: 0: none
 * @peer: number of a worker, or -1: the victim
 */
struct pending {
	uint32_t serial, number;
	int peer;
};

/**
 * struct worker - one that counts
 * @pid: of its proxy; 0: it has none
 * @called: by peer, the last number that it was called with
 * @answered: by peer, the last number that it has answered
 * @heard: by worker, the last number that it signalled
 * @calls_from: by worker, the last number that it called with
 * @n_ticks: own signals
 * @n_to_victim: calls to the victim that wait
 * @owner: who has the victim's name, as announced
 * @is_there: by id, who came and has not left, as announced
 * @victim_heard, @victim_calls: of the victim of the day
 * @is_to_victim: by serial, what answers a call of a victim
 */
struct worker {
	struct conn *conn;
	pid_t pid;
	struct pending pending[N_PENDING];
	uint32_t called[N_WORKERS], answered[N_WORKERS];
	uint32_t heard[N_WORKERS], calls_from[N_WORKERS];
	uint32_t n_ticks, n_victim_calls, n_to_victim;
	char owner[32];
	bool is_there[MAX_IDS], was_there[MAX_IDS];
	unsigned int n_there;
	uint32_t victim_heard, victim_calls;
	bool is_to_victim[MAX_SERIALS];
};

struct scene {
	struct bus bus;
	struct worker workers[N_WORKERS];
	struct conn *watcher; /* of the owner */
	unsigned int seed, n_answered, n_lost;
};

static char large[LARGE_SIZE + 1];

static unsigned int chance(struct scene *s, unsigned int n)
{
	return (unsigned int)rand_r(&s->seed) % n;
}

static unsigned int env_number(const char *name, unsigned int otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoul(text, NULL, 0) : otherwise;
}

static int worker_index(const struct scene *s, const char *unique)
{
	for (int i = 0; i < N_WORKERS; i++)
		if (!strcmp(s->workers[i].conn->unique, unique))
			return i;
	return -1;
}

/* what the workers do */

static void worker_call(struct worker *w, const char *destination, int peer, uint32_t number)
{
	struct pending *p = w->pending;

	while (p->serial)
		p++;
	expect_lt(p - w->pending, N_PENDING);
	p->peer = peer;
	p->number = number;
	p->serial = conn_send(w->conn,
			      msg_append(msg_call(destination, "/", "a.b", "Count"), "u", number));
}

static bool is_heard_by_all(const struct scene *s, int index)
{
	for (int i = 0; i < N_WORKERS; i++)
		if (s->workers[i].heard[index] + WINDOW <= s->workers[index].n_ticks)
			return false;
	return true;
}

static void worker_send(struct scene *s, int index)
{
	struct worker *w = &s->workers[index];

	for (int i = 1; i <= N_PEERS; i++) {
		int peer = (index + i) % N_WORKERS;

		if (w->called[peer] < w->answered[peer] + WINDOW)
			worker_call(w, s->workers[peer].conn->unique, peer, ++w->called[peer]);
	}
	if (w->n_to_victim < TO_VICTIM) {
		w->n_to_victim++;
		worker_call(w, VICTIM, -1, ++w->n_victim_calls);
	}
	if (is_heard_by_all(s, index))
		conn_send(w->conn, msg_append(msg_signal("/", "a.b", "Tick"), "u", ++w->n_ticks));
}

/* what they get */

static void take_call(struct scene *s, struct worker *w, const struct msg *msg)
{
	int from = worker_index(s, msg->sender);
	uint32_t number, serial;

	msg_read(msg, "u", &number);
	expect_eq(number, ++*(from < 0 ? &w->victim_calls : &w->calls_from[from]));
	serial = conn_send(w->conn, msg_append(msg_return(msg), "u", number));
	expect_lt(serial, MAX_SERIALS);
	w->is_to_victim[serial] = from < 0;
}

static struct pending *find_pending(struct worker *w, const struct msg *msg)
{
	for (int i = 0; i < N_PENDING; i++)
		if (msg->reply_serial && w->pending[i].serial == msg->reply_serial)
			return &w->pending[i];
	fail("%s gets an answer to %u, for which it does not wait: %s from %s", w->conn->unique,
	     msg->reply_serial, msg->error_name ?: "a return", msg->sender);
}

static void take_answer(struct scene *s, struct worker *w, const struct msg *msg)
{
	struct pending *p;
	uint32_t number;

	/* an answer to whom there is not any more */
	if (msg->reply_serial < MAX_SERIALS && w->is_to_victim[msg->reply_serial]) {
		w->is_to_victim[msg->reply_serial] = false;
		expect_eq(msg->type, MSG_ERROR);
		expect_str(msg->error_name, DRIVER_ERROR "ServiceUnknown");
		return;
	}
	p = find_pending(w, msg);
	if (msg->type == MSG_RETURN) {
		msg_read(msg, "u", &number);
		expect_eq(number, p->number);
	}
	if (p->peer < 0) {
		w->n_to_victim--;
		if (msg->type == MSG_RETURN)
			s->n_answered++;
		else if (!strcmp(msg->error_name, DRIVER_ERROR "NoReply"))
			s->n_lost++;
		else
			expect_str(msg->error_name, DRIVER_ERROR "ServiceUnknown");
	} else {
		expect_eq(msg->type, MSG_RETURN);
		expect_eq(number, ++w->answered[p->peer]);
	}
	p->serial = 0;
}

static void take_id(struct worker *w, const char *name, const char *old, const char *new)
{
	unsigned long id = strtoul(name + 3, NULL, 10);

	expect_lt(id, MAX_IDS);
	expect_eq(w->is_there[id], !!*old);
	expect_eq(w->was_there[id], !!*old);
	w->is_there[id] = *new;
	w->was_there[id] = true;
	w->n_there += *new ? 1 : -1;
}

static void take_change(struct worker *w, const struct msg *msg)
{
	const char *name, *old, *new;

	msg_read(msg, "sss", &name, &old, &new);
	if (*name == ':') {
		take_id(w, name, old, new);
		/* the victim's numbers begin anew */
		if (*new)
			w->victim_heard = w->victim_calls = 0;
	} else if (!strcmp(name, VICTIM)) {
		expect_str(old, w->owner);
		snprintf(w->owner, sizeof(w->owner), "%s", new);
	}
}

static void take_signal(struct scene *s, struct worker *w, const struct msg *msg)
{
	int from = worker_index(s, msg->sender);
	uint32_t number;

	if (!strcmp(msg->member, "NameOwnerChanged")) {
		take_change(w, msg);
	} else if (!strcmp(msg->member, "Tick")) {
		msg_read(msg, "u", &number);
		expect_eq(number, ++*(from < 0 ? &w->victim_heard : &w->heard[from]));
	}
}

static bool worker_take(struct scene *s, struct worker *w)
{
	struct msg *msg;

	if (!w->conn->inbox && !conn_fill(w->conn, 0))
		return false;
	expect(!w->conn->eof);
	while (w->conn->inbox) {
		msg = conn_recv(w->conn, 0);
		if (msg->type == MSG_CALL)
			take_call(s, w, msg);
		else if (msg->type == MSG_SIGNAL)
			take_signal(s, w, msg);
		else
			take_answer(s, w, msg);
		msg_free(msg);
	}
	return true;
}

static void scene_wait(struct scene *s, struct conn *victim, int timeout_ms)
{
	struct pollfd fds[N_WORKERS + 1];

	for (int i = 0; i < N_WORKERS; i++)
		fds[i] = (struct pollfd){.fd = s->workers[i].conn->fd, .events = POLLIN};
	fds[N_WORKERS] =
		(struct pollfd){.fd = victim && !victim->eof ? victim->fd : -1, .events = POLLIN};
	poll(fds, N_WORKERS + 1, timeout_ms);
}

static void scene_step(struct scene *s)
{
	for (int i = 0; i < N_WORKERS; i++)
		worker_send(s, i);
	for (int i = 0; i < N_WORKERS; i++)
		worker_take(s, &s->workers[i]);
}

static bool scene_is_settled(const struct scene *s)
{
	for (int i = 0; i < N_WORKERS; i++) {
		const struct worker *w = &s->workers[i];

		for (int j = 0; j < N_PENDING; j++)
			if (w->pending[j].serial)
				return false;
		for (int j = 0; j < N_WORKERS; j++)
			if (w->heard[j] != s->workers[j].n_ticks)
				return false;
	}
	return true;
}

/* until everything is answered and heard; nothing new is sent */
static void scene_settle(struct scene *s)
{
	int64_t deadline = now_ms() + WAIT_MS;

	while (!scene_is_settled(s)) {
		if (now_ms() > deadline)
			fail("some calls are not answered, or signals not heard");
		scene_wait(s, NULL, 10);
		for (int i = 0; i < N_WORKERS; i++)
			worker_take(s, &s->workers[i]);
	}
	for (int i = 0; i < N_WORKERS; i++) {
		conn_sync(s->workers[i].conn);
		worker_take(s, &s->workers[i]);
	}
}

static struct scene *the_scene;

static void explain(void)
{
	const struct scene *s = the_scene;

	for (int i = 0; i < N_WORKERS; i++) {
		const struct worker *w = &s->workers[i];

		if (!w->conn || !w->conn->unique)
			continue;
		note("worker %d, %s, has heard %u %u %u %u %u and %u of the victim", i,
		     w->conn->unique, w->heard[0], w->heard[1], w->heard[2], w->heard[3],
		     w->heard[4], w->victim_heard);
		for (int j = 0; j < N_PENDING; j++)
			if (w->pending[j].serial)
				note("    waits for answer %u of %d", w->pending[j].number,
				     w->pending[j].peer);
	}
}

static void worker_open(struct scene *s, int index)
{
	struct worker *w = &s->workers[index];

	if (index == N_WORKERS - 1) {
		w->conn = conn_new(s->bus.address);
	} else {
		struct proxied p = proxied_new(&s->bus);

		w->conn = p.conn;
		w->pid = p.pid;
	}
}

static void scene_open(struct scene *s)
{
	the_scene = s;
	tap_explain = explain;
	bus_open(&s->bus, RULES);
	s->watcher = conn_new(s->bus.address);
	for (int i = 0; i < N_WORKERS; i++)
		worker_open(s, i);
	/* when all are there: nobody hears of the workers */
	for (int i = 0; i < N_WORKERS; i++)
		add_match(s->workers[i].conn, "type='signal'");
	for (int i = 0; i < N_WORKERS; i++) {
		conn_sync(s->workers[i].conn);
		conn_drop(s->workers[i].conn);
	}
}

static void scene_close(struct scene *s)
{
	for (int i = 0; i < N_WORKERS; i++) {
		struct proxied p = {s->workers[i].pid, s->workers[i].conn};

		if (p.pid)
			proxied_close(&s->bus, &p);
		else
			conn_close(p.conn);
	}
	conn_close(s->watcher);
	bus_close(&s->bus);
}

/* the victim */

/**
 * struct victim - one that is killed
 * @numbers: by worker, the last one that it called with
 * @n_waiting: calls that it has had no answer to
 */
struct victim {
	struct conn *conn;
	uint32_t numbers[N_WORKERS], n_ticks, n_waiting;
};

/* without waiting for anything: it may be dead */
static void victim_knock(struct conn *v)
{
	char text[100], uid[16], *p = text;

	sprintf(uid, "%u", getuid());
	*p++ = '\0';
	p += sprintf(p, "AUTH EXTERNAL ");
	for (const char *digit = uid; *digit; digit++)
		p += sprintf(p, "%02x", *digit);
	p += sprintf(p, "\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n");
	conn_write(v, text, p - text);
	conn_send(v, driver_msg("Hello"));
	conn_send(v, msg_append(driver_msg("RequestName"), "su", VICTIM, 0u));
	conn_send(v, msg_append(driver_msg("AddMatch"), "s", "type='signal'"));
}

static void victim_enter(struct conn *v)
{
	conn_login(v, true);
	conn_hello(v);
	expect_eq(request_name(v, VICTIM, 0), 1u);
	add_match(v, "type='signal',interface='a.b'");
}

static void victim_send(struct scene *s, struct victim *v)
{
	unsigned int to = chance(s, N_WORKERS);
	const char *unique = s->workers[to].conn->unique;
	struct msg *msg = msg_call(unique, "/", "a.b", "Count");

	if (chance(s, 6) == 0) {
		msg_append(msg, "us", ++v->numbers[to], large);
	} else {
		msg_append(msg, "u", ++v->numbers[to]);
		if (chance(s, 4) == 0)
			msg_attach(msg, STDERR_FILENO);
	}
	v->n_waiting++;
	conn_send(v->conn, msg);
	conn_send(v->conn, msg_append(msg_signal("/", "a.b", "Tick"), "u", ++v->n_ticks));
}

static void victim_take(struct victim *v)
{
	struct msg *msg;
	uint32_t number;

	conn_fill(v->conn, 0);
	while (v->conn->inbox) {
		msg = conn_recv(v->conn, 0);
		if (msg->type == MSG_CALL) {
			msg_read(msg, "u", &number);
			conn_send(v->conn, msg_append(msg_return(msg), "u", number));
		} else if (msg->type == MSG_RETURN) {
			v->n_waiting--;
		}
		msg_free(msg);
	}
}

/* kills it from another process, after that time */
static pid_t killer_start(pid_t victim, unsigned int after_us)
{
	pid_t pid = fork();

	expect_ge(pid, 0);
	if (!pid) {
		usleep(after_us);
		kill(victim, SIGKILL);
		_exit(0);
	}
	return pid;
}

static bool has_ended(pid_t pid)
{
	siginfo_t info = {0};

	expect_eq(waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
	return info.si_pid;
}

/* until nobody but the workers and the watcher is on the bus */
static void await_departure(struct scene *s)
{
	int64_t deadline = now_ms() + WAIT_MS;
	size_t n;

	do {
		struct msg *reply = conn_call(s->watcher, driver_msg("ListNames"));

		free(msg_read_strings(reply, &n));
		msg_free(reply);
		if (now_ms() > deadline)
			fail("the killed one stays on the bus");
	} while (n > N_WORKERS + 2);
}

static void expect_gone(struct scene *s)
{
	const struct worker *first = &s->workers[0];
	char *owner = name_owner(s->watcher, VICTIM);

	expect_str(owner, NULL);
	for (int i = 0; i < N_WORKERS; i++) {
		const struct worker *w = &s->workers[i];

		expect_str(w->owner, "");
		expect_eq(w->n_there, 0u);
		expect_eq(w->victim_heard, first->victim_heard);
	}
}

static void round_of(struct scene *s)
{
	struct proxied p = proxied_open(&s->bus);
	struct victim v = {.conn = p.conn};
	bool is_known = chance(s, 4), listens = chance(s, 3);
	pid_t killer;

	if (is_known)
		victim_enter(v.conn);
	killer = killer_start(p.pid, chance(s, is_known ? 30000 : 15000));
	if (!is_known)
		victim_knock(v.conn);
	while (!has_ended(p.pid)) {
		scene_step(s);
		if (is_known && v.n_waiting < WINDOW * N_WORKERS)
			victim_send(s, &v);
		if (is_known && listens)
			victim_take(&v);
		scene_wait(s, v.conn, 1);
	}
	expect_eq(waitpid(killer, NULL, 0), killer);
	expect_eq(sandbox_wait(&s->bus.sandbox, p.pid), SIGKILL);
	conn_close(v.conn);
	for (int i = 0; i < 3; i++)
		scene_step(s);
	await_departure(s);
	scene_settle(s);
	expect_gone(s);
}

TEST_TIMEOUT(others_notice_nothing, 280)
{
	static struct scene s;
	struct subject owner = {0};
	unsigned int n_kills = env_number("BP_KILLS", 12), seed, n_fds, n_mappings = 0;
	size_t own_kib = 0;

	expect_eq(getrandom(&seed, sizeof(seed), 0), (ssize_t)sizeof(seed));
	s.seed = seed = env_number("BP_SEED", seed);
	note("BP_SEED=%u", seed);
	memset(large, 'x', LARGE_SIZE);
	scene_open(&s);
	owner.pid = s.bus.owner;
	n_fds = subject_n_fds(&owner);
	for (unsigned int i = 0; i < n_kills; i++) {
		round_of(&s);
		/* What the first ones leave is kept for the next.  The pages of a pool stay,
		 * and those of the workers live on: they are left out. */
		if (i == n_kills / 2) {
			own_kib = subject_own_kib(&owner);
			n_mappings = subject_n_mappings(&owner);
		}
	}
	note("%u kills; %u answers and %u signals between others; the killed had answered %u calls "
	     "and owed %u",
	     n_kills, s.workers[0].answered[1], s.workers[0].n_ticks, s.n_answered, s.n_lost);
	expect_gt(s.workers[0].answered[1], n_kills);
	expect_eq(subject_settle_fds(&owner, n_fds), n_fds);
	if (!subject_is_sanitized()) {
		expect_lt(subject_own_kib(&owner), own_kib + 512);
		/* the heap may have given some back, or want one or two for what is large */
		expect_lt(subject_n_mappings(&owner), n_mappings + 4);
	}
	scene_close(&s);
}
