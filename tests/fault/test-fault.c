/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each allocation and each call of the system fails once, in a bus that serves: whoever it
 * was for notices, and nobody else.  See scene.h. */
#include "tests/fault/scene.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT_S 300

#define OBJECT	   "/object"
#define INTERFACE  "ca.st"
#define NAME	   "org.example.Cast"
#define INTROSPECT "org.freedesktop.DBus.Introspectable"
#define MONITORING "org.freedesktop.DBus.Monitoring"
#define PROPERTIES "org.freedesktop.DBus.Properties"
#define STATS	   "org.freedesktop.DBus.Debug.Stats"

static const struct inject *inject_shown; /* for tap_explain */

/* who of the cast is who */
enum { A, B, MONITOR, OTHER };

static struct msg *call_to(const struct conn *conn, const char *member)
{
	return msg_call(conn->unique, OBJECT, INTERFACE, member);
}

static struct msg *driver_of(const char *interface, const char *member)
{
	return msg_call(DRIVER_NAME, DRIVER_PATH, interface, member);
}

static struct msg *with_bytes(struct msg *msg, size_t size)
{
	struct blob body = {0};

	blob_u32(&body, size);
	blob_zero(&body, size);
	msg_body(msg, "ay", body.data, body.size);
	blob_free(&body);
	return msg;
}

static struct msg *with_fds(struct msg *msg, int n)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	for (int i = 0; i < n; i++)
		msg_attach(msg, fd);
	close(fd);
	return msg;
}

/* who did nothing is still there */
static void expect_there(struct conn *conn)
{
	conn_sync(conn);
}

static void two_join(struct scene *s)
{
	cast_join(s, A);
	cast_join(s, B);
}

/* coming in */

static void run_connect(struct scene *s)
{
	struct conn *conn = cast_open(s, A);

	if (try_login(conn))
		ask_driver(conn, "Hello", "");
}

TEST_TIMEOUT(connecting, TIMEOUT_S)
{
	sweep(&(struct step){.run = run_connect, .min_allocations = 5, .min_calls = 5}, NULL);
}

static void prepare_connect(struct scene *s)
{
	s->cast[A] = conn_auth(s->subject->address, true);
}

static void run_hello(struct scene *s)
{
	ask_driver(s->cast[A], "Hello", "");
}

TEST_TIMEOUT(hello, TIMEOUT_S)
{
	sweep(&(struct step){.prepare = prepare_connect,
			     .run = run_hello,
			     .min_allocations = 8,
			     .min_calls = 3},
	      NULL);
}

/* names */

static void prepare_names(struct scene *s)
{
	two_join(s);
	expect_eq(request_name(s->cast[B], NAME, 1), 1);
	expect_eq(request_name(s->cast[B], NAME ".Queued", 0), 1);
}

static void run_names(struct scene *s)
{
	struct conn *a = s->cast[A];

	ask_driver(a, "RequestName", "su", NAME ".New", 0);
	ask_driver(a, "RequestName", "su", NAME, 2);
	ask_driver(a, "RequestName", "su", NAME ".Queued", 0);
	ask_driver(a, "ListQueuedOwners", "s", NAME ".Queued");
	ask_driver(a, "ReleaseName", "s", NAME ".New");
	ask_driver(a, "ReleaseName", "s", NAME);
	ask_driver(a, "ReleaseName", "s", NAME ".Queued");
}

/* whatever became of it, the names are where one of them has them */
static void finish_names(struct scene *s)
{
	char *owner;

	conn_sync(s->cast[B]);
	expect_eq(request_name(s->cast[B], NAME, 2) > 0, 1);
	owner = name_owner(s->cast[B], NAME ".Queued");
	expect_str(owner, s->cast[B]->unique);
	free(owner);
}

TEST_TIMEOUT(names, TIMEOUT_S)
{
	sweep(&(struct step){.prepare = prepare_names,
			     .run = run_names,
			     .finish = finish_names,
			     .min_allocations = 30,
			     .min_calls = 14},
	      NULL);
}

/* questions */

static void run_questions(struct scene *s)
{
	struct conn *a = s->cast[A];

	ask_driver(a, "ListNames", "");
	ask_driver(a, "ListActivatableNames", "");
	ask_driver(a, "NameHasOwner", "s", NAME);
	ask_driver(a, "GetNameOwner", "s", s->cast[B]->unique);
	ask_driver(a, "GetConnectionUnixUser", "s", s->cast[B]->unique);
	ask_driver(a, "GetConnectionUnixProcessID", "s", s->cast[B]->unique);
	ask_driver(a, "GetConnectionCredentials", "s", s->cast[B]->unique);
	ask_driver(a, "GetId", "");
	ask_anything(a, driver_of(INTROSPECT, "Introspect"));
	ask_anything(a, msg_append(driver_of(PROPERTIES, "GetAll"), "s", DRIVER_NAME));
	ask_anything(a, driver_of(STATS, "GetStats"));
	ask_anything(a, msg_append(driver_of(STATS, "GetConnectionStats"), "s", a->unique));
	ask_anything(a, driver_of(STATS, "GetAllMatchRules"));
	ask_anything(a, msg_call(NULL, "/", "org.freedesktop.DBus.Peer", "GetMachineId"));
	ask_driver(a, "UpdateActivationEnvironment", "a{ss}", 1, "VARIABLE", "value");
}

static void finish_two(struct scene *s)
{
	expect_there(s->cast[B]);
}

TEST_TIMEOUT(questions, TIMEOUT_S)
{
	sweep(&(struct step){.prepare = two_join,
			     .run = run_questions,
			     .finish = finish_two,
			     .min_allocations = 30,
			     .min_calls = 30},
	      NULL);
}

/* match rules */

static void run_matches(struct scene *s)
{
	static const char *const rules[] = {
		"",
		"type='signal',sender='" NAME "',path='" OBJECT "',interface='" INTERFACE "'",
		"path_namespace='" OBJECT "',arg0namespace='a.b',arg3='x',arg5path='/y/'",
	};
	struct conn *a = s->cast[A];

	for (int i = 0; i < 3; i++)
		ask_driver(a, "AddMatch", "s", rules[i]);
	for (int i = 0; i < 3; i++)
		ask_driver(a, "RemoveMatch", "s", rules[i]);
	ask_driver(a, "AddMatch", "s", rules[2]);
	ask_driver(a, "AddMatch", "s", "type='nonsense'");
}

TEST_TIMEOUT(match_rules, TIMEOUT_S)
{
	sweep(&(struct step){.prepare = two_join,
			     .run = run_matches,
			     .finish = finish_two,
			     .min_allocations = 20,
			     .min_calls = 16},
	      NULL);
}

/* messages */

/* A has sent calls; B answers those that have come.  A hears of each of them. */
static uint32_t serials[8];
static unsigned int n_serials;

static void ask_later(struct conn *conn, struct msg *call)
{
	serials[n_serials++] = conn_send(conn, call);
}

static void run_calls(struct scene *s)
{
	struct conn *a = s->cast[A], *b = s->cast[B];

	n_serials = 0;
	ask_later(a, call_to(b, "Ask"));
	ask_later(a, with_bytes(call_to(b, "Ask"), 3000));
	ask_later(a, with_fds(call_to(b, "Ask"), 3));
	ask_later(a, msg_call(NAME, OBJECT, INTERFACE, "Ask"));
	conn_send(a, msg_flags(call_to(b, "Tell"), MSG_NO_REPLY));
	conn_send(a, msg_to(msg_signal(OBJECT, INTERFACE, "Told"), b->unique));
	ask_driver(a, "GetId", "");
}

static void prepare_calls(struct scene *s)
{
	two_join(s);
	expect_eq(request_name(s->cast[B], NAME, 0), 1);
	conn_drop(s->cast[B]);
}

static void finish_calls(struct scene *s)
{
	struct conn *a = s->cast[A], *b = s->cast[B];
	struct msg *msg;

	conn_sync(b);
	while ((msg = b->inbox)) {
		msg = conn_next(b);
		if (msg->type == MSG_CALL && !strcmp(msg->member, "Ask"))
			conn_send(b, msg_return(msg));
		msg_free(msg);
	}
	for (unsigned int i = 0; i < n_serials; i++)
		msg_free(conn_reply_or_end(a, serials[i]));
}

TEST_TIMEOUT(calls, TIMEOUT_S)
{
	sweep(&(struct step){.prepare = prepare_calls,
			     .run = run_calls,
			     .finish = finish_calls,
			     .min_allocations = 20,
			     .min_calls = 4},
	      NULL);
}

static struct msg *asked[4];

static void prepare_answers(struct scene *s)
{
	struct conn *a, *b;

	two_join(s);
	a = s->cast[A];
	b = s->cast[B];
	n_serials = 0;
	for (int i = 0; i < 4; i++) {
		ask_later(a, call_to(b, "Ask"));
		asked[i] = conn_find_call(b, "Ask");
	}
}

static void run_answers(struct scene *s)
{
	struct conn *b = s->cast[B];

	conn_send(b, msg_return(asked[0]));
	conn_send(b, with_fds(msg_return(asked[1]), 2));
	conn_send(b, with_bytes(msg_error(asked[2], "some.Error"), 2000));
	ask_driver(b, "GetId", "");
}

/* what was not answered is as soon as nobody can answer it any more */
static void finish_answers(struct scene *s)
{
	struct conn *a = s->cast[A];

	expect_there(a);
	s->cast[B] = conn_close(s->cast[B]);
	for (int i = 0; i < 4; i++) {
		asked[i] = msg_free(asked[i]);
		msg_free(conn_reply(a, serials[i]));
	}
}

TEST_TIMEOUT(answers, TIMEOUT_S)
{
	sweep(&(struct step){.prepare = prepare_answers,
			     .run = run_answers,
			     .finish = finish_answers,
			     .min_allocations = 4,
			     .min_calls = 4},
	      NULL);
}

static void prepare_broadcasts(struct scene *s)
{
	two_join(s);
	add_match(s->cast[B], "interface='" INTERFACE "'");
}

static void run_broadcasts(struct scene *s)
{
	struct conn *a = s->cast[A];

	conn_send(a, msg_signal(OBJECT, INTERFACE, "One"));
	conn_send(a, with_fds(msg_signal(OBJECT, INTERFACE, "Two"), 1));
	conn_send(a, with_bytes(msg_signal(OBJECT, INTERFACE, "Three"), 3000));
	ask_driver(a, "GetId", "");
}

TEST_TIMEOUT(broadcasts, TIMEOUT_S)
{
	sweep(&(struct step){.prepare = prepare_broadcasts,
			     .run = run_broadcasts,
			     .finish = finish_two,
			     .min_allocations = 8,
			     .min_calls = 4},
	      NULL);
}

/* in many parts, each way */
static void run_large(struct scene *s)
{
	struct conn *a = s->cast[A], *b = s->cast[B];

	n_serials = 0;
	ask_later(a, with_bytes(call_to(b, "Ask"), 1 << 20));
	/* B reads when it is asked to */
	while (!a->eof && !b->eof && (!b->inbox || b->inbox->type != MSG_CALL) && !a->inbox) {
		conn_fill(b, 10);
		conn_fill(a, 0);
	}
}

TEST_TIMEOUT(large_message, TIMEOUT_S)
{
	sweep(&(struct step){.prepare = two_join,
			     .run = run_large,
			     .finish = finish_calls,
			     .min_allocations = 3,
			     .min_calls = 10},
	      NULL);
}

/* B does not read: what is for it waits, in the daemon */
static void run_slow(struct scene *s)
{
	struct conn *a = s->cast[A], *b = s->cast[B];

	n_serials = 0;
	for (int i = 0; i < 6; i++)
		ask_later(a, with_bytes(call_to(b, "Ask"), 100000));
	ask_driver(a, "RequestName", "su", NAME, 0);
	ask_driver(a, "GetId", "");
}

static void prepare_slow(struct scene *s)
{
	two_join(s);
	add_match(s->cast[B], "");
}

TEST_TIMEOUT(slow_reader, TIMEOUT_S)
{
	sweep(&(struct step){.prepare = prepare_slow,
			     .run = run_slow,
			     .finish = finish_calls,
			     .min_allocations = 10,
			     .min_calls = 6},
	      NULL);
}

/* More long messages than there are pipes for those that are moved: each has one for a while. */
static void run_many_large(struct scene *s)
{
	struct conn *a = s->cast[A], *b = s->cast[B];

	for (int i = 0; i < 20; i++)
		conn_send(a, with_bytes(msg_to(msg_signal(OBJECT, INTERFACE, "Told"), b->unique),
					100000));
	ask_driver(a, "GetId", "");
}

TEST_TIMEOUT(more_than_there_are_pipes, TIMEOUT_S)
{
	sweep(&(struct step){.prepare = two_join,
			     .run = run_many_large,
			     .finish = finish_two,
			     .min_allocations = 20,
			     .min_calls = 20},
	      NULL);
}

/* refusals */

#define DENIED                                                                                     \
	"<policy context=\"mandatory\"><deny send_interface=\"ca.st.Denied\"/>"                    \
	"<deny own=\"org.example.Denied\"/></policy>"

static void run_refused(struct scene *s)
{
	struct conn *a = s->cast[A];

	ask_anything(a, msg_call("org.example.Nobody", OBJECT, INTERFACE, "Ask"));
	ask_anything(a, msg_flags(msg_call("org.example.Nobody", OBJECT, INTERFACE, "Ask"),
				  MSG_NO_AUTO_START));
	ask_anything(a, msg_call(":1.4000", OBJECT, INTERFACE, "Ask"));
	ask_anything(a, msg_call(s->cast[B]->unique, OBJECT, "ca.st.Denied", "Ask"));
	ask_driver(a, "RequestName", "su", "org.example.Denied", 0);
	ask_driver(a, "NoSuchMethod", "");
	ask_driver(a, "GetNameOwner", "s", "org.example.Nobody");
	ask_driver(a, "GetNameOwner", "u", 5);
	ask_driver(a, "StartServiceByName", "su", "org.example.Nobody", 0);
}

TEST_TIMEOUT(refusals, TIMEOUT_S)
{
	sweep(&(struct step){.prepare = two_join,
			     .run = run_refused,
			     .finish = finish_two,
			     .min_allocations = 20,
			     .min_calls = 16},
	      DENIED);
}

/* what breaks the protocol */
static void run_malformed(struct scene *s)
{
	conn_text(s->cast[A], "this is no message, is it?");
	while (!s->cast[A]->eof)
		conn_fill(s->cast[A], WAIT_MS);
}

TEST_TIMEOUT(malformed_message, TIMEOUT_S)
{
	sweep(&(struct step){.prepare = two_join,
			     .run = run_malformed,
			     .finish = finish_two,
			     .min_calls = 2},
	      NULL);
}

/* monitors */

static void run_become_monitor(struct scene *s)
{
	struct msg *call = driver_of(MONITORING, "BecomeMonitor");

	msg_append(call, "asu", 2, "type='signal'", "interface='" INTERFACE "'", 0);
	ask_anything(s->cast[A], call);
}

static void prepare_become_monitor(struct scene *s)
{
	two_join(s);
	add_match(s->cast[A], "interface='a.b'");
	expect_eq(request_name(s->cast[A], NAME, 0), 1);
}

TEST_TIMEOUT(becoming_a_monitor, TIMEOUT_S)
{
	sweep(&(struct step){.prepare = prepare_become_monitor,
			     .run = run_become_monitor,
			     .finish = finish_two,
			     .min_allocations = 10,
			     .min_calls = 3},
	      NULL);
}

static void prepare_monitored(struct scene *s)
{
	struct msg *call = driver_of(MONITORING, "BecomeMonitor");

	prepare_calls(s);
	cast_join(s, MONITOR);
	expect_return(conn_call(s->cast[MONITOR], msg_append(call, "asu", 0, 0)));
	expect_driver_signal(s->cast[MONITOR], "NameLost", s->cast[MONITOR]->unique);
	s->cast[OTHER] = conn_auth(s->subject->address, true);
}

static void run_monitored(struct scene *s)
{
	run_calls(s);
	ask_driver(s->cast[A], "RequestName", "su", NAME ".New", 0);
	ask_anything(s->cast[A], msg_call(s->cast[B]->unique, OBJECT, "ca.st.Denied", "Ask"));
	ask_driver(s->cast[OTHER], "Hello", "");
}

/* may have missed something */
static void expect_monitor_there(struct scene *s)
{
	struct conn *monitor = s->cast[MONITOR];

	while (conn_fill(monitor, 0))
		;
	expect(!monitor->eof);
	conn_drop(monitor);
}

static void finish_monitored(struct scene *s)
{
	finish_calls(s);
	expect_monitor_there(s);
}

TEST_TIMEOUT(monitored, TIMEOUT_S)
{
	sweep(&(struct step){.prepare = prepare_monitored,
			     .run = run_monitored,
			     .finish = finish_monitored,
			     .min_allocations = 50,
			     .min_calls = 10},
	      DENIED);
}

/* reloads */

static void run_reload(struct scene *s)
{
	ask_driver(s->cast[A], "ReloadConfig", "");
}

static void finish_reload(struct scene *s)
{
	expect_there(s->cast[B]);
	/* whichever configuration is in force, it is whole */
	expect_error(conn_call(s->cast[B], msg_call(s->x->unique, OBJECT, "ca.st.Denied", "Ask")),
		     "AccessDenied");
	/* users whose file could not be opened are known again */
	expect_return(conn_call(s->cast[B], driver_msg("ReloadConfig")));
}

TEST_TIMEOUT(reload, TIMEOUT_S)
{
	sweep(&(struct step){.prepare = two_join,
			     .run = run_reload,
			     .finish = finish_reload,
			     .min_allocations = 100,
			     .min_calls = 10},
	      DENIED);
}

/* NSS is asked in a process of its own */
TEST_TIMEOUT(reload_with_unknown_users, TIMEOUT_S)
{
	sweep(&(struct step){.prepare = two_join,
			     .run = run_reload,
			     .finish = finish_reload,
			     .min_allocations = 100,
			     .min_calls = 10},
	      DENIED "<policy user=\"no.such.user\"><allow own=\"a.b\"/></policy>");
}

static void run_hangup_signal(struct scene *s)
{
	expect_eq(kill(s->subject->pid, SIGHUP), 0);
	usleep(2000);
	ask_driver(s->cast[A], "GetId", "");
}

TEST_TIMEOUT(reload_by_signal, TIMEOUT_S)
{
	sweep(&(struct step){.prepare = two_join,
			     .run = run_hangup_signal,
			     .finish = finish_reload,
			     .min_allocations = 100,
			     .min_calls = 10},
	      DENIED);
}

/* going */

static void prepare_leaving(struct scene *s)
{
	struct conn *a, *b;

	prepare_monitored(s);
	a = s->cast[A];
	b = s->cast[B];
	expect_eq(request_name(a, NAME ".Mine", 0), 1);
	expect_eq(request_name(a, NAME, 0), 2);
	expect_eq(request_name(b, NAME ".Mine", 0), 2);
	add_match(a, "interface='a.b'");
	n_serials = 0;
	ask_later(a, call_to(b, "Ask"));
	serials[0] = conn_send(b, call_to(a, "Ask"));
	conn_sync(b);
	conn_sync(a);
}

/* the innocent one of the cast learns that it will get no answer, unless it is cut off */
static void run_leaving(struct scene *s)
{
	s->cast[A] = conn_close(s->cast[A]);
	usleep(500);
	wait_until_idle(s);
}

static void finish_leaving(struct scene *s)
{
	struct conn *b = s->cast[B];
	char *owner;

	expect_error(conn_reply(b, serials[0]), "NoReply");
	owner = name_owner(b, NAME ".Mine");
	expect_str(owner, b->unique);
	free(owner);
	expect_monitor_there(s);
}

TEST_TIMEOUT(leaving, TIMEOUT_S)
{
	sweep(&(struct step){.prepare = prepare_leaving,
			     .run = run_leaving,
			     .finish = finish_leaving,
			     .min_allocations = 10,
			     .min_calls = 4},
	      NULL);
}

/* time-outs */

static void run_timeout(struct scene *s)
{
	n_serials = 0;
	ask_later(s->cast[A], call_to(s->cast[B], "Ask"));
	for (unsigned int i = 0; i < n_serials; i++)
		msg_free(conn_reply_or_end(s->cast[A], serials[i]));
}

TEST_TIMEOUT(time_out, TIMEOUT_S)
{
	sweep(&(struct step){.prepare = two_join,
			     .run = run_timeout,
			     .finish = finish_two,
			     .min_allocations = 4,
			     .min_calls = 4,
			     .is_slow = true},
	      "<limit name=\"reply_timeout\">100</limit>");
}

/* services */

#define SERVICES                                                                                   \
	"<servicedir>services</servicedir><limit name=\"service_start_timeout\">3000</limit>"

static void service_add(struct scene *s, const char *name, const char *exec)
{
	char file[128], text[256];

	snprintf(file, sizeof(file), "services/%s.service", name);
	snprintf(text, sizeof(text), "[D-BUS Service]\nName=%s\nExec=%s\n", name, exec);
	file_write(sandbox_path(&s->subject->sandbox, file), text);
}

static void service_remove(struct scene *s, const char *name)
{
	char file[128];

	snprintf(file, sizeof(file), "services/%s.service", name);
	unlink(sandbox_path(&s->subject->sandbox, file));
}

static void setup_services(struct scene *s)
{
	expect_eq(mkdir(sandbox_path(&s->subject->sandbox, "services"), 0755), 0);
	service_add(s, "t.Missing", "/no/such/program");
	service_add(s, "t.False", "/bin/false");
	service_add(s, "t.Comes", "/bin/true");
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
	sweep(&(struct step){.setup = setup_services,
			     .prepare = two_join,
			     .run = run_failing_starts,
			     .finish = finish_two,
			     .min_allocations = 20,
			     .min_calls = 20,
			     .has_children = true},
	      SERVICES);
}

/* The program does nothing: B is the service.  Who asked is answered by it, or hears why not. */
static void run_start(struct scene *s)
{
	struct conn *a = s->cast[A], *b = s->cast[B];

	n_serials = 0;
	ask_later(a, msg_call("t.Comes", OBJECT, INTERFACE, "Ask"));
	ask_later(a, with_fds(msg_call("t.Comes", OBJECT, INTERFACE, "Ask"), 1));
	ask_later(a, msg_append(driver_msg("StartServiceByName"), "su", "t.Comes", 0));
	ask_driver(a, "GetId", "");
	ask_driver(b, "RequestName", "su", "t.Comes", 0);
}

static void finish_start(struct scene *s)
{
	/* it may have been B's request that failed */
	if (!s->cast[B]->eof)
		ask_driver(s->cast[B], "RequestName", "su", "t.Comes", 0);
	if (s->cast[B]->eof) {
		conn_close(s->cast[B]);
		cast_join(s, B);
		ask_driver(s->cast[B], "RequestName", "su", "t.Comes", 0);
	}
	finish_calls(s);
}

TEST_TIMEOUT(services_that_start, TIMEOUT_S)
{
	sweep(&(struct step){.setup = setup_services,
			     .prepare = two_join,
			     .run = run_start,
			     .finish = finish_start,
			     .min_allocations = 20,
			     .min_calls = 20,
			     .has_children = true},
	      SERVICES);
}

#define SYSTEMD "org.freedesktop.systemd1"

static const char *const units[] = {"a.service", "b.service", "c.service"};

#define N_UNITS (sizeof(units) / sizeof(units[0]))

static void setup_units(struct scene *s)
{
	char name[64], text[256];

	expect_eq(mkdir(sandbox_path(&s->subject->sandbox, "services"), 0755), 0);
	for (size_t i = 0; i < N_UNITS; i++) {
		snprintf(name, sizeof(name), "services/t.Unit%zu.service", i);
		snprintf(text, sizeof(text),
			 "[D-BUS Service]\nName=t.Unit%zu\nExec=/bin/false\nSystemdService=%s\n", i,
			 units[i]);
		file_write(sandbox_path(&s->subject->sandbox, name), text);
	}
	expect_return(conn_call(s->x, driver_msg("ReloadConfig")));
}

/* all wait for systemd, which B is about to be */
static void prepare_units(struct scene *s)
{
	struct conn *a = s->cast[A];
	char name[16];

	two_join(s);
	a = s->cast[A];
	n_serials = 0;
	for (size_t i = 0; i < N_UNITS; i++) {
		snprintf(name, sizeof(name), "t.Unit%zu", i);
		ask_later(a, msg_call(name, OBJECT, INTERFACE, "Ask"));
	}
	conn_sync(a);
}

static void run_systemd(struct scene *s)
{
	ask_driver(s->cast[B], "RequestName", "su", SYSTEMD, 0);
}

static unsigned int take_requests(struct conn *conn)
{
	unsigned int n = 0;
	struct msg *msg;

	while (conn->inbox) {
		msg = conn_next(conn);
		n += msg->member && !strcmp(msg->member, "ActivationRequest");
		msg_free(msg);
	}
	return n;
}

/* who comes in the place of a systemd that was lost is asked what that one was not */
static void finish_systemd(struct scene *s)
{
	struct conn *b = s->cast[B];
	unsigned int n;

	n = take_requests(b);
	if (b->eof) {
		conn_close(b);
		b = cast_join(s, B);
	}
	ask_driver(b, "RequestName", "su", SYSTEMD, 0);
	conn_sync(b);
	n += take_requests(b);
	expect_eq(n, N_UNITS);
	for (size_t i = 0; i < N_UNITS; i++)
		conn_send(b,
			  msg_append(msg_to(msg_signal("/org/freedesktop/systemd1",
						       SYSTEMD ".Activator", "ActivationFailure"),
					    DRIVER_NAME),
				     "sss", units[i], "t.Error", "no"));
	finish_calls(s);
}

TEST_TIMEOUT(systemd, TIMEOUT_S)
{
	sweep(&(struct step){.setup = setup_units,
			     .prepare = prepare_units,
			     .run = run_systemd,
			     .finish = finish_systemd,
			     .min_allocations = 5,
			     .min_calls = 3},
	      SERVICES);
}

static void run_service_files(struct scene *s)
{
	struct conn *a = s->cast[A];

	service_add(s, "t.New", "/bin/false");
	ask_driver(a, "StartServiceByName", "su", "t.New", 0);
	service_remove(s, "t.New");
	ask_driver(a, "ListActivatableNames", "");
	service_add(s, "t.New", "/bin/false");
	ask_driver(a, "ReloadConfig", "");
}

/* what was missed is found by a reload at the latest */
static void finish_service_files(struct scene *s)
{
	service_remove(s, "t.New");
	expect_return(conn_call(s->cast[B], driver_msg("ReloadConfig")));
	expect_error(conn_call(s->cast[B],
			       msg_append(driver_msg("StartServiceByName"), "su", "t.New", 0)),
		     "ServiceUnknown");
	expect_error(conn_call(s->cast[B],
			       msg_append(driver_msg("StartServiceByName"), "su", "t.False", 0)),
		     "Spawn.ChildExited");
}

TEST_TIMEOUT(service_files, TIMEOUT_S)
{
	sweep(&(struct step){.setup = setup_services,
			     .prepare = two_join,
			     .run = run_service_files,
			     .finish = finish_service_files,
			     .min_allocations = 50,
			     .min_calls = 40},
	      SERVICES);
}

/* the beginning and the end */

/* a daemon that has one failure while it starts; NULL: it has ended as it should */
static struct subject *start_with(struct inject *inject, int fd)
{
	struct subject *subject;
	char *text = NULL;
	int status = 0;

	subject = inject_start(DENIED, fd, &status, &text);
	/* the address is printed first */
	while (subject && !__atomic_load_n(&inject->is_waiting, __ATOMIC_SEQ_CST)) {
		siginfo_t info = {0};

		waitid(P_PID, subject->pid, &info, WEXITED | WNOHANG | WNOWAIT);
		if (info.si_pid) {
			status = subject_reap(subject, &text);
			subject = NULL;
		}
		usleep(200);
	}
	if (!subject) {
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 1)
			fail("wait status %x, and on stderr: %s", status, text ?: "");
		if (!text || !strchr(text, ' '))
			fail("it ends without a word");
	}
	free(text);
	return subject;
}

/* has something failed? */
static bool start_once(struct inject *inject, int fd, struct fault_state *state, unsigned long n)
{
	unsigned int variant = inject->calls.variant;
	struct subject *subject;

	*inject = (struct inject){.calls.variant = variant};
	state->fail_at = n;
	subject = start_with(inject, fd);
	state->fail_at = 0;
	if (!subject)
		return true;
	/* it can do without */
	conn_close(conn_new(subject->address));
	subject_stop(subject);
	return state->has_failed;
}

/* has something failed? */
static bool stop_once(struct inject *inject, int fd, struct fault_state *state, unsigned long n)
{
	unsigned int variant = inject->calls.variant;
	struct subject *subject;
	struct conn *a, *b;

	*inject = (struct inject){.calls.variant = variant};
	subject = start_with(inject, fd);
	a = conn_new(subject->address);
	b = conn_new(subject->address);
	add_match(a, "");
	conn_send(a, call_to(b, "Ask"));
	msg_free(conn_find_call(b, "Ask"));
	state->n_done = 0;
	state->fail_at = n;
	subject_stop(subject);
	conn_close(a);
	conn_close(b);
	return state->has_failed;
}

static void explain_start(void)
{
	const struct inject *inject = inject_shown;

	note("allocation %lu, call %lu (variant %u, %s: %s)", inject->memory.n_done,
	     inject->calls.state.n_done, inject->calls.variant, inject->calls.name,
	     strerror(inject->calls.error));
}

static void sweep_daemons(bool (*once)(struct inject *inject, int fd, struct fault_state *state,
				       unsigned long n))
{
	unsigned int stride = fault_stride() == 1 ? 1 : fault_stride() * 3, n_failed = 0;
	struct inject *inject;
	unsigned long n;
	int fd;

	inject = inject_open(&fd);
	inject_shown = inject;
	tap_explain = explain_start;
	for (n = 1; once(inject, fd, &inject->memory, n); n += stride)
		n_failed++;
	note("%u failures of allocations", n_failed);
	n_failed = 0;
	for (n = 1;; n += stride) {
		unsigned int variant = 0;

		do {
			inject->calls.variant = stride > 1 ? n / stride : variant;
			if (!once(inject, fd, &inject->calls.state, n))
				break;
			n_failed++;
		} while (stride == 1 && ++variant < inject->calls.n_variants);
		if (!inject->calls.state.has_failed)
			break;
	}
	note("calls failed in %u ways", n_failed);
	expect_ge(n_failed * stride, 10);
	tap_explain = NULL;
	inject_close(inject);
	close(fd);
}

TEST_TIMEOUT(starting, TIMEOUT_S)
{
	sweep_daemons(start_once);
}

TEST_TIMEOUT(ending, TIMEOUT_S)
{
	sweep_daemons(stop_once);
}
