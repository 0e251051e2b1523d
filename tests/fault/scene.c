/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scenes: see scene.h. */
#include "tests/fault/scene.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	SAMPLE_STRIDE = 4,
	N_ENDS = 3, /* so many runs without a failure in a row: there are no more */
};

#define BYSTANDER_PATH "/bystander"
#define BYSTANDER      "by.stander"

/* for tap_explain */
static const struct scene *playing;
static unsigned long playing_n;
static const struct inject_call *playing_calls; /* NULL: it is an allocation that fails */

static void explain(void)
{
	const struct inject_call *calls = playing_calls;

	if (!calls)
		note("allocation %lu", playing_n);
	else
		note("call %lu%s, variant %u: %s: %s", playing_n,
		     calls == &playing->inject->calls ? "" : " of a child", calls->variant,
		     calls->name, calls->error ? strerror(calls->error) : "in part");
}

unsigned int fault_stride(void)
{
	const char *text = getenv("FAULT_STRIDE");

	return text ? strtoul(text, NULL, 10) : SAMPLE_STRIDE;
}

/* the daemon */

struct inject *inject_open(int *fd_out)
{
	int fd = memfd_create("inject", MFD_CLOEXEC);
	struct inject *inject;

	expect_ge(fd, 0);
	expect_eq(ftruncate(fd, sizeof(*inject)), 0);
	inject = mmap(NULL, sizeof(*inject), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	expect(inject != MAP_FAILED);
	*fd_out = fd;
	return inject;
}

void inject_close(struct inject *inject)
{
	munmap(inject, sizeof(*inject));
}

struct subject *inject_start(const char *xml, int fd, int *status_out, char **stderr_out)
{
	static const char *const args[] = {"--systemd-activation", NULL};
	const int fds[] = {fd, INJECT_FD};
	struct subject_options options = {
		.xml = xml,
		.args = args,
		.program = "tests/fault/bus-proxyd",
		.fds = fds,
		.n_fds = 1,
	};

	return subject_try(&options, status_out, stderr_out);
}

static bool is_idle(const struct scene *s)
{
	return __atomic_load_n(&s->inject->is_waiting, __ATOMIC_SEQ_CST);
}

void wait_until_idle(const struct scene *s)
{
	int64_t deadline = now_ms() + WAIT_MS;
	int n = 0;

	/* for longer than it takes to wake up */
	while (n < 4) {
		if (now_ms() > deadline)
			fail("the bus does not rest");
		n = is_idle(s) ? n + 1 : 0;
		usleep(40);
	}
}

static long n_live(const struct scene *s)
{
	return __atomic_load_n(&s->inject->memory.n_live, __ATOMIC_SEQ_CST);
}

/* the cast */

struct conn *cast_join(struct scene *s, unsigned int i)
{
	s->cast[i] = conn_new(s->subject->address);
	return s->cast[i];
}

struct msg *ask(struct conn *conn, struct msg *call)
{
	return conn_reply_or_end(conn, conn_send(conn, call));
}

void ask_anything(struct conn *conn, struct msg *call)
{
	msg_free(ask(conn, call));
}

/* the bystanders */

static void tick(struct scene *s)
{
	struct msg *msg = msg_signal(BYSTANDER_PATH, BYSTANDER, "Tick");

	conn_send(s->y, msg_append(msg, "u", ++s->n_ticks));
}

static void expect_tick(struct scene *s)
{
	struct msg *msg = conn_find_signal(s->x, "Tick");
	uint32_t n;

	msg_read(msg, "u", &n);
	expect_eq(n, s->n_ticks);
	msg_free(msg);
}

static void bystanders_begin(struct scene *s)
{
	s->pending = conn_send(s->x, msg_call(s->y->unique, BYSTANDER_PATH, BYSTANDER, "Ask"));
	s->call = conn_find_call(s->y, "Ask");
	tick(s);
	expect_tick(s);
}

static void bystanders_end(struct scene *s)
{
	tick(s);
	conn_send(s->y, msg_append(msg_return(s->call), "u", s->n_ticks));
	s->call = msg_free(s->call);
	expect_tick(s);
	expect_return(conn_reply(s->x, s->pending));
	/* what else came was the bus' news, and the cast's */
	conn_drop(s->x);
	conn_drop(s->y);
}

static void bystanders_call(struct scene *s)
{
	bystanders_begin(s);
	bystanders_end(s);
}

/* a new one finds exactly those that there are */
static void newcomer(const struct scene *s)
{
	struct conn *conn = conn_new(s->subject->address);
	struct msg *reply = driver_call(conn, "ListNames", "");
	const char **names;
	size_t n;

	expect_eq(reply->type, MSG_RETURN);
	names = msg_read_strings(reply, &n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], DRIVER_NAME) && strcmp(names[i], s->x->unique) &&
		    strcmp(names[i], s->y->unique) && strcmp(names[i], conn->unique))
			fail("%s is still there", names[i]);
	expect_eq(n, 4);
	free(names);
	msg_free(reply);
	conn_close(conn);
}

/* a scene */

static void scene_open(struct scene *s, const char *xml)
{
	char *text = NULL;
	int fd, status;

	*s = (struct scene){.inject = inject_open(&fd)};
	s->subject = inject_start(xml, fd, &status, &text);
	close(fd);
	if (!s->subject)
		fail("the subject does not start: %s", text ?: "");
	s->x = conn_new(s->subject->address);
	s->y = conn_new(s->subject->address);
	add_match(s->x, "type='signal'");
	conn_drop(s->x);
	wait_until_idle(s);
}

static void scene_close(struct scene *s)
{
	conn_close(s->x);
	conn_close(s->y);
	subject_stop(s->subject);
	inject_close(s->inject);
}

/* what there is once nothing changes any more: NSS may still be asked */
static void note_state(struct scene *s)
{
	int64_t since = now_ms();

	while (now_ms() - since < 100) {
		unsigned int n_fds = subject_n_fds(s->subject);

		if (n_fds != s->n_fds || n_live(s) != s->n_live || !is_idle(s))
			since = now_ms();
		s->n_fds = n_fds;
		s->n_live = n_live(s);
		usleep(1000);
	}
}

static bool has_children(const struct subject *subject)
{
	char path[64], *text;
	bool has_some;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", subject->pid, subject->pid);
	text = file_read(path);
	has_some = text && *text;
	free(text);
	return has_some;
}

static void wait_until_childless(const struct scene *s)
{
	int64_t deadline = now_ms() + WAIT_MS;

	while (has_children(s->subject)) {
		if (now_ms() > deadline)
			fail("a child does not end");
		usleep(200);
	}
}

static void expect_as_before(struct scene *s)
{
	int64_t deadline = now_ms() + WAIT_MS;
	unsigned int n_fds;

	do {
		wait_until_idle(s);
		n_fds = subject_n_fds(s->subject);
	} while ((n_fds != s->n_fds || n_live(s) != s->n_live || has_children(s->subject)) &&
		 now_ms() < deadline);
	expect(!has_children(s->subject));
	expect_eq(n_fds, s->n_fds);
	expect_eq(n_live(s), s->n_live);
}

static void arm(struct fault_state *state, unsigned long n)
{
	state->n_done = 0;
	state->has_failed = false;
	__atomic_store_n(&state->fail_at, n, __ATOMIC_SEQ_CST);
}

static bool disarm(struct fault_state *state)
{
	__atomic_store_n(&state->fail_at, 0, __ATOMIC_SEQ_CST);
	return state->has_failed;
}

/* one run, with the @n-th of @state failing; has it? */
static bool play(struct scene *s, const struct step *step, struct fault_state *state,
		 unsigned long n)
{
	bool has_failed;

	playing_n = n;
	if (step->prepare)
		step->prepare(s);
	if (!step->is_slow)
		bystanders_begin(s);
	wait_until_idle(s);
	arm(state, n);
	step->run(s);
	/* who asked may have its answer before a child of the daemon has run at all */
	if (step->has_children)
		wait_until_childless(s);
	wait_until_idle(s);
	has_failed = disarm(state);
	if (step->finish)
		step->finish(s);
	if (step->is_slow)
		bystanders_call(s);
	else
		bystanders_end(s);
	for (int i = 0; i < N_CAST; i++)
		s->cast[i] = conn_close(s->cast[i]);
	newcomer(s);
	bystanders_call(s);
	return has_failed;
}

static bool play_and_check(struct scene *s, const struct step *step, struct fault_state *state,
			   unsigned long n)
{
	bool has_failed = play(s, step, state, n);

	expect_as_before(s);
	return has_failed;
}

/* how many there were until no more failed */
static unsigned long sweep_memory(struct scene *s, const struct step *step)
{
	unsigned int stride = fault_stride(), n_ends = 0, n_failed = 0;
	unsigned long n;

	for (n = 1; n_ends < N_ENDS; n += stride) {
		bool has_failed = play_and_check(s, step, &s->inject->memory, n);

		n_ends = has_failed ? 0 : n_ends + 1;
		n_failed += has_failed;
	}
	note("%u failures of allocations", n_failed);
	return n_failed * stride;
}

static unsigned long sweep_calls(struct scene *s, const struct step *step,
				 struct inject_call *calls)
{
	unsigned int stride = fault_stride(), n_ends = 0, n_failed = 0, n_tried = 0;
	unsigned int variant = 0;
	unsigned long n;

	playing_calls = calls;
	for (n = 1; n_ends < N_ENDS; n += stride) {
		calls->n_variants = 1;
		for (variant = 0; variant < calls->n_variants; variant++) {
			/* a sample takes one way of each */
			calls->variant = stride > 1 ? n / stride : variant;
			if (!play_and_check(s, step, &calls->state, n))
				break;
			n_tried++;
			if (stride > 1)
				variant = calls->n_variants;
		}
		n_ends = variant ? 0 : n_ends + 1;
		n_failed += variant > 0;
	}
	playing_calls = NULL;
	note("%u calls failed in %u ways", n_failed, n_tried);
	return n_failed * stride;
}

void sweep(const struct step *step, const char *xml)
{
	struct scene s;

	scene_open(&s, xml);
	if (step->setup)
		step->setup(&s);
	playing = &s;
	tap_explain = explain;
	/* what is allocated the first time only is there afterwards */
	for (int i = 0; i < 2; i++)
		play(&s, step, &s.inject->memory, 0);
	note_state(&s);
	expect_ge(sweep_memory(&s, step), step->min_allocations);
	expect_ge(sweep_calls(&s, step, &s.inject->calls), step->min_calls);
	if (step->has_children)
		expect_ge(sweep_calls(&s, step, &s.inject->child_calls), 4);
	tap_explain = NULL;
	scene_close(&s);
}
