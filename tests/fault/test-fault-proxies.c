/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each allocation and each call of the system fails once, in the owner of a bus or in a proxy
 * process of a single client: at the owner's desk and on errands to it, whoever it was for gets an
 * error or loses its connection, and nobody else notices.  See scene.h. */
#include "tests/fault/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TIMEOUT_S 300

#define OBJECT	   "/object"
#define INTERFACE  "ca.st"
#define NAME	   "org.example.Cast"
#define MONITORING "org.freedesktop.DBus.Monitoring"
#define STATS	   "org.freedesktop.DBus.Debug.Stats"

/* who of the cast is who; the proxy that fails is A's */
enum { A, B, MONITOR };

static struct msg *driver_of(const char *interface, const char *member)
{
	return msg_call(DRIVER_NAME, DRIVER_PATH, interface, member);
}

static void two_join(struct scene *s)
{
	cast_join(s, A);
	cast_join(s, B);
}

/* who did nothing is still there */
static void finish_two(struct scene *s)
{
	conn_sync(s->cast[B]);
}

#define SWEEP(...)                                                                                 \
	for (enum fault_place place = AT_OWNER; place <= AT_PROXY; place++)                        \
	sweep(&(struct step){.place = place, __VA_ARGS__}, SERVICES)

#define SERVICES                                                                                   \
	"<servicedir>services</servicedir><limit name=\"service_start_timeout\">3000</limit>"

/* coming in */

static void prepare_join(struct scene *s)
{
	cast_join(s, B);
}

static void run_join(struct scene *s)
{
	struct conn *a = cast_open(s, A);

	if (try_login(a))
		ask_driver(a, "Hello", "");
}

TEST_TIMEOUT(joining, TIMEOUT_S)
{
	SWEEP(.prepare = prepare_join, .run = run_join, .finish = finish_two, .min_allocations = 10,
	      .min_calls = 10);
}

/* what the owner is asked */

static void run_questions(struct scene *s)
{
	struct conn *a = s->cast[A];

	ask_driver(a, "UpdateActivationEnvironment", "a{ss}", 1, "VARIABLE", "value");
	ask_anything(a, driver_of(STATS, "GetStats"));
	ask_anything(a, msg_append(driver_of(STATS, "GetConnectionStats"), "s", a->unique));
	ask_anything(a, driver_of(STATS, "GetAllMatchRules"));
	ask_driver(a, "StartServiceByName", "su", "org.example.Nobody", 0);
	ask_driver(a, "GetId", "");
}

TEST_TIMEOUT(questions, TIMEOUT_S)
{
	SWEEP(.prepare = two_join, .run = run_questions, .finish = finish_two, .min_allocations = 8,
	      .min_calls = 8);
}

static void run_reload(struct scene *s)
{
	ask_driver(s->cast[A], "ReloadConfig", "");
}

/* It was for all proxies.  The next one is whole, and there for one that comes now. */
static void finish_reload(struct scene *s)
{
	expect_return(conn_call(s->x, driver_msg("ReloadConfig")));
	expect_return(conn_call(cast_join(s, MONITOR), driver_msg("ReloadConfig")));
}

TEST_TIMEOUT(reload, TIMEOUT_S)
{
	SWEEP(.prepare = two_join, .run = run_reload, .finish = finish_reload, .min_allocations = 8,
	      .min_calls = 4);
}

/* services */

static void service_add(struct scene *s, const char *name, const char *exec)
{
	char file[128], text[256];

	snprintf(file, sizeof(file), "services/%s.service", name);
	snprintf(text, sizeof(text), "[D-BUS Service]\nName=%s\nExec=%s\n", name, exec);
	file_write(sandbox_path(&s->subject->sandbox, file), text);
}

static void setup_services(struct scene *s)
{
	expect_eq(mkdir(sandbox_path(&s->subject->sandbox, "services"), 0755), 0);
	service_add(s, "t.Missing", "/no/such/program");
	service_add(s, "t.False", "/bin/false");
	expect_return(conn_call(s->x, driver_msg("ReloadConfig")));
}

static void run_failing_starts(struct scene *s)
{
	struct conn *a = s->cast[A];

	ask_driver(a, "StartServiceByName", "su", "t.False", 0);
	ask_anything(a, msg_call("t.Missing", OBJECT, INTERFACE, "Ask"));
}

TEST_TIMEOUT(services_that_do_not_start, TIMEOUT_S)
{
	SWEEP(.setup = setup_services, .prepare = two_join, .run = run_failing_starts,
	      .finish = finish_two, .min_allocations = 8, .min_calls = 8);
}

/* monitors */

static struct msg *become_monitor_msg(void)
{
	return msg_append(driver_of(MONITORING, "BecomeMonitor"), "asu", 0, 0);
}

/* what A becomes, and what it is shown */
static void run_becoming(struct scene *s)
{
	struct conn *a = s->cast[A], *b = s->cast[B];
	struct msg *reply = ask(a, become_monitor_msg());

	msg_free(reply);
	conn_send(b, msg_signal(OBJECT, INTERFACE, "Told"));
	ask_driver(b, "GetId", "");
}

TEST_TIMEOUT(becoming_a_monitor, TIMEOUT_S)
{
	SWEEP(.prepare = two_join, .run = run_becoming, .min_allocations = 8, .min_calls = 8);
}

static void prepare_watched(struct scene *s)
{
	two_join(s);
	cast_join(s, MONITOR);
	expect_return(conn_call(s->cast[MONITOR], become_monitor_msg()));
	conn_drop(s->cast[MONITOR]);
}

/* A's proxy reports what the owner does not see */
static void run_watched(struct scene *s)
{
	struct conn *a = s->cast[A];

	ask_driver(a, "RequestName", "su", NAME, 0);
	ask_driver(a, "GetNameOwner", "s", NAME);
	ask_driver(a, "NoSuchMethod", "");
	ask_anything(a, msg_call("org.example.Nobody", OBJECT, INTERFACE, "Ask"));
	conn_send(a, msg_to(msg_signal(OBJECT, INTERFACE, "Told"), s->cast[B]->unique));
	ask_driver(a, "ReleaseName", "s", NAME);
}

TEST_TIMEOUT(being_watched, TIMEOUT_S)
{
	SWEEP(.prepare = prepare_watched, .run = run_watched, .finish = finish_two,
	      .min_allocations = 8, .min_calls = 8);
}

/* between two of them */

static uint32_t serials[4];

static void run_calls(struct scene *s)
{
	struct conn *a = s->cast[A], *b = s->cast[B];
	struct blob body = {0};
	struct msg *large;

	blob_u32(&body, 100000);
	blob_zero(&body, 100000);
	large = msg_call(b->unique, OBJECT, INTERFACE, "Ask");
	msg_body(large, "ay", body.data, body.size);
	blob_free(&body);
	serials[0] = conn_send(a, msg_call(b->unique, OBJECT, INTERFACE, "Ask"));
	serials[1] = conn_send(a, msg_call(NAME, OBJECT, INTERFACE, "Ask"));
	serials[2] = conn_send(a, large);
	ask_driver(a, "AddMatch", "s", "interface='" INTERFACE "'");
	conn_send(a, msg_signal(OBJECT, INTERFACE, "Told"));
	ask_driver(a, "GetNameOwner", "s", NAME);
}

static void prepare_calls(struct scene *s)
{
	two_join(s);
	expect_eq(request_name(s->cast[B], NAME, 0), 1u);
	conn_drop(s->cast[B]);
}

static void finish_calls(struct scene *s)
{
	struct conn *a = s->cast[A], *b = s->cast[B];
	struct msg *msg;

	/* its proxy has received: it may have been that which failed */
	ask_driver(b, "GetId", "");
	while ((msg = b->inbox)) {
		msg = conn_next(b);
		if (msg->type == MSG_CALL && !strcmp(msg->member, "Ask") && !b->eof)
			conn_send(b, msg_return(msg));
		msg_free(msg);
	}
	for (unsigned int i = 0; i < 3; i++)
		msg_free(conn_reply_or_end(a, serials[i]));
}

TEST_TIMEOUT(calls, TIMEOUT_S)
{
	SWEEP(.prepare = prepare_calls, .run = run_calls, .finish = finish_calls,
	      .min_allocations = 8, .min_calls = 8);
}

/* going */

static void run_leaving(struct scene *s)
{
	s->cast[A] = conn_close(s->cast[A]);
	wait_until_idle(s);
}

TEST_TIMEOUT(leaving, TIMEOUT_S)
{
	/* to its proxy it is the end as well */
	sweep(&(struct step){.place = AT_OWNER,
			     .prepare = prepare_watched,
			     .run = run_leaving,
			     .finish = finish_two,
			     .min_allocations = 4,
			     .min_calls = 2},
	      SERVICES);
}
