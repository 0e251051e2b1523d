/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scenes: see scene.h. */
#include "tests/fault/scene.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
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
	bool is_child = calls == &playing->inject->child_calls;

	if (!calls)
		note("allocation %lu", playing_n);
	else
		note("call %lu%s, variant %u: %s: %s", playing_n,
		     is_child ? " of a child" : "", calls->variant,
		     calls->name, calls->error ? strerror(calls->error) : "in part");
}

unsigned int fault_stride(void)
{
	const char *text = getenv("FAULT_STRIDE");

	return text ? strtoul(text, NULL, 10) : SAMPLE_STRIDE;
}

/* a sample is smaller where each run starts processes */
static unsigned int scene_stride(const struct scene *s)
{
	unsigned int stride = fault_stride();

	return s->place == AT_BUS || stride == 1 ? stride : stride * 3;
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

struct subject *inject_start_with(const char *xml, const char *arg, int fd, int *status_out,
				  char **stderr_out)
{
	const char *const args[] = {"--systemd-activation", arg, NULL};
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

struct subject *inject_start(const char *xml, int fd, int *status_out, char **stderr_out)
{
	return inject_start_with(xml, NULL, fd, status_out, stderr_out);
}

static bool has_ended(pid_t pid)
{
	siginfo_t info = {0};

	expect_eq(waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
	return info.si_pid;
}

static bool is_idle(const struct scene *s)
{
	if (s->pids[0] && s->place == AT_PROXY && !has_ended(s->pids[0]) &&
	    !__atomic_load_n(&s->proxy_inject->is_waiting, __ATOMIC_SEQ_CST))
		return false;
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

static struct conn *proxy_start(struct scene *s, unsigned int i)
{
	bool is_failing = s->place == AT_PROXY && !i;
	const char *argv[] = {NULL, "--per-client", s->engine, NULL};
	int pair[2], fds[4] = {-1, 0, s->proxy_fd, INJECT_FD};
	char program[4096];

	snprintf(program, sizeof(program), "%s/%sbus-proxyd", getenv("top_builddir") ?: ".",
		 is_failing ? "tests/fault/" : "");
	argv[0] = program;
	expect_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	fds[0] = pair[1];
	s->pids[i] = sandbox_spawn(&s->proxies, argv, fds, is_failing ? 2 : 1);
	close(pair[1]);
	return conn_take_fd(pair[0]);
}

struct conn *cast_open(struct scene *s, unsigned int i)
{
	s->cast[i] = s->place == AT_BUS ? conn_open(s->subject->address) : proxy_start(s, i);
	return s->cast[i];
}

struct conn *cast_join(struct scene *s, unsigned int i)
{
	struct conn *conn = cast_open(s, i);

	conn_login(conn, true);
	conn_hello(conn);
	return conn;
}

static off_t log_size(const struct scene *s)
{
	struct stat bus = {0}, proxies = {0};

	stat(sandbox_path(&s->subject->sandbox, "stderr"), &bus);
	stat(sandbox_path(&s->proxies, "stderr"), &proxies);
	return bus.st_size + proxies.st_size;
}

/* the failure looks as if the client had gone, or did not read: that is no news */
static bool has_left(void)
{
	int error = playing_calls ? playing_calls->error : ENOMEM;

	return !error || error == ECONNRESET || error == EPIPE || error == EAGAIN;
}

/* its proxy goes with it: by itself, and not by a signal */
static void cast_leave(struct scene *s, unsigned int i, off_t log_was)
{
	bool is_cut_off = s->cast[i] && s->cast[i]->eof;
	int status;

	s->cast[i] = conn_close(s->cast[i]);
	if (!s->pids[i])
		return;
	status = sandbox_wait(&s->proxies, s->pids[i]);
	s->pids[i] = 0;
	expect(WIFEXITED(status));
	/* why has been said */
	if (is_cut_off && !has_left())
		expect_gt(log_size(s), log_was);
}

bool try_login(struct conn *conn)
{
	char text[64], *p = text, uid[16], *line;

	p += sprintf(p, "AUTH EXTERNAL ");
	sprintf(uid, "%u", getuid());
	for (const char *digit = uid; *digit; digit++)
		p += sprintf(p, "%02x", *digit);
	strcpy(p, "\r\n");
	conn_write(conn, "", 1);
	conn_text(conn, text);
	line = conn_line(conn);
	free(line);
	if (!line)
		return false;
	conn_text(conn, "NEGOTIATE_UNIX_FD\r\n");
	line = conn_line(conn);
	free(line);
	if (!line)
		return false;
	return conn_text(conn, "BEGIN\r\n");
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

static void open_engine(struct scene *s, char option_out[128])
{
	sandbox_open(&s->proxies);
	s->proxy_inject = inject_open(&s->proxy_fd);
	snprintf(option_out, 128, "--engine-socket=%s", sandbox_path(&s->proxies, "kdbus"));
	snprintf(s->engine, sizeof(s->engine), "--bus=kernel:path=%s/%u-user/bus",
		 sandbox_path(&s->proxies, "kdbus"), geteuid());
}

static void scene_open(struct scene *s, const char *xml, enum fault_place place)
{
	char *text = NULL, option[128];
	int fd, status;

	*s = (struct scene){.inject = inject_open(&fd), .place = place};
	if (place != AT_BUS)
		open_engine(s, option);
	s->subject = inject_start_with(xml, place == AT_BUS ? NULL : option, fd, &status, &text);
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
	if (s->place == AT_BUS)
		return;
	sandbox_check(&s->proxies);
	sandbox_close(&s->proxies);
	inject_close(s->proxy_inject);
	close(s->proxy_fd);
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
	off_t log_was = log_size(s);
	bool has_failed;

	playing_n = n;
	if (s->place == AT_PROXY)
		*s->proxy_inject = (struct inject){.calls.variant = s->proxy_inject->calls.variant};
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
		cast_leave(s, i, log_was);
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
static unsigned long sweep_memory(struct scene *s, const struct step *step,
				  struct fault_state *memory)
{
	unsigned int stride = scene_stride(s), n_ends = 0, n_failed = 0;
	unsigned long n;

	for (n = 1; n_ends < N_ENDS; n += stride) {
		bool has_failed = play_and_check(s, step, memory, n);

		n_ends = has_failed ? 0 : n_ends + 1;
		n_failed += has_failed;
	}
	note("%u failures of allocations", n_failed);
	return n_failed * stride;
}

static unsigned long sweep_calls(struct scene *s, const struct step *step,
				 struct inject_call *calls)
{
	unsigned int stride = scene_stride(s), n_ends = 0, n_failed = 0, n_tried = 0;
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
	struct inject *inject;
	struct scene s;

	scene_open(&s, xml, step->place);
	inject = step->place == AT_PROXY ? s.proxy_inject : s.inject;
	if (step->setup)
		step->setup(&s);
	playing = &s;
	tap_explain = explain;
	/* what is allocated the first time only is there afterwards */
	for (int i = 0; i < 2; i++)
		play(&s, step, &inject->memory, 0);
	note_state(&s);
	expect_ge(sweep_memory(&s, step, &inject->memory), step->min_allocations);
	expect_ge(sweep_calls(&s, step, &inject->calls), step->min_calls);
	if (step->has_children)
		expect_ge(sweep_calls(&s, step, &s.inject->child_calls), 4);
	tap_explain = NULL;
	scene_close(&s);
}
