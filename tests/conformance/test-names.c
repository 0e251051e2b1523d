/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names and their queues: RequestName, ReleaseName, ListQueuedOwners, and the
 * signals that tell of it, in their order.
 *
 * The table test plays short scenes: who asks for what with which flags, what
 * the answer is, and how the queue then looks.
 */
#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALLOW = 1, REPLACE = 2, NO_QUEUE = 4 };
enum { PRIMARY = 1, IN_QUEUE, EXISTS, ALREADY };
enum { RELEASED = 1, NON_EXISTENT, NOT_OWNER };
enum { N_CLIENTS = 4 };

#define NAME "org.example.Name"

struct step {
	char client; /* 'A'..'D'; 0 ends the scene */
	int flags;   /* of RequestName; -1: ReleaseName; -2: leaves the bus */
	unsigned int result;
	const char *queue; /* "AB": A owns, B waits; "": nobody */
};
enum { RELEASE = -1, LEAVE = -2 };

static const struct step scenes[][8] = {
	/* an unowned name */
	{{'A', 0, PRIMARY, "A"}, {'A', 0, ALREADY, "A"}, {'A', RELEASE, RELEASED, ""}},
	{{'A', RELEASE, NON_EXISTENT, ""}},
	{{'A', 0xff, PRIMARY, "A"}},
	/* waiting */
	{{'A', 0, PRIMARY, "A"},
	 {'B', 0, IN_QUEUE, "AB"},
	 {'C', 0, IN_QUEUE, "ABC"},
	 {'B', 0, IN_QUEUE, "ABC"},
	 {'A', RELEASE, RELEASED, "BC"},
	 {'B', LEAVE, 0, "C"}},
	/* a waiting one goes */
	{{'A', 0, PRIMARY, "A"},
	 {'B', 0, IN_QUEUE, "AB"},
	 {'B', RELEASE, RELEASED, "A"},
	 {'B', RELEASE, NOT_OWNER, "A"},
	 {'C', RELEASE, NOT_OWNER, "A"}},
	{{'A', 0, PRIMARY, "A"},
	 {'B', 0, IN_QUEUE, "AB"},
	 {'C', 0, IN_QUEUE, "ABC"},
	 {'B', LEAVE, 0, "AC"}},
	/* not waiting */
	{{'A', 0, PRIMARY, "A"}, {'B', NO_QUEUE, EXISTS, "A"}},
	{{'A', 0, PRIMARY, "A"}, {'B', NO_QUEUE | REPLACE, EXISTS, "A"}},
	/* asking with DO_NOT_QUEUE leaves the queue */
	{{'A', 0, PRIMARY, "A"},
	 {'B', 0, IN_QUEUE, "AB"},
	 {'C', 0, IN_QUEUE, "ABC"},
	 {'B', NO_QUEUE, EXISTS, "AC"}},
	/* replacing needs both sides */
	{{'A', ALLOW, PRIMARY, "A"}, {'B', 0, IN_QUEUE, "AB"}},
	{{'A', 0, PRIMARY, "A"}, {'B', REPLACE, IN_QUEUE, "AB"}},
	{{'A', ALLOW, PRIMARY, "A"}, {'B', REPLACE, PRIMARY, "BA"}},
	{{'A', ALLOW, PRIMARY, "A"}, {'B', REPLACE | NO_QUEUE, PRIMARY, "BA"}},
	/* the replaced one does not wait if it never wanted to */
	{{'A', ALLOW | NO_QUEUE, PRIMARY, "A"}, {'B', REPLACE, PRIMARY, "B"}},
	/* it goes to the second place, in front of those who waited */
	{{'A', ALLOW, PRIMARY, "A"}, {'C', 0, IN_QUEUE, "AC"}, {'B', REPLACE, PRIMARY, "BAC"}},
	/* REPLACE without permission: right behind the owner */
	{{'A', 0, PRIMARY, "A"},
	 {'B', 0, IN_QUEUE, "AB"},
	 {'C', REPLACE, IN_QUEUE, "ACB"},
	 {'D', REPLACE, IN_QUEUE, "ADCB"},
	 {'B', REPLACE, IN_QUEUE, "ABDC"}},
	/* a waiting one replaces */
	{{'A', ALLOW, PRIMARY, "A"},
	 {'B', 0, IN_QUEUE, "AB"},
	 {'C', 0, IN_QUEUE, "ABC"},
	 {'C', REPLACE, PRIMARY, "CAB"}},
	/* the latest flags count: the owner withdraws its permission, or gives it */
	{{'A', ALLOW, PRIMARY, "A"}, {'A', 0, ALREADY, "A"}, {'B', REPLACE, IN_QUEUE, "AB"}},
	{{'A', 0, PRIMARY, "A"}, {'A', ALLOW, ALREADY, "A"}, {'B', REPLACE, PRIMARY, "BA"}},
	{{'A', 0, PRIMARY, "A"},
	 {'A', ALLOW | NO_QUEUE, ALREADY, "A"},
	 {'B', REPLACE, PRIMARY, "B"}},
	/* the latest flags of a waiting one count when it gets the name */
	{{'A', 0, PRIMARY, "A"},
	 {'B', 0, IN_QUEUE, "AB"},
	 {'B', ALLOW, IN_QUEUE, "AB"},
	 {'A', RELEASE, RELEASED, "B"},
	 {'C', REPLACE, PRIMARY, "CB"}},
	{{'A', 0, PRIMARY, "A"},
	 {'B', ALLOW, IN_QUEUE, "AB"},
	 {'B', 0, IN_QUEUE, "AB"},
	 {'A', RELEASE, RELEASED, "B"},
	 {'C', REPLACE, IN_QUEUE, "BC"}},
	/* the owner leaves the bus */
	{{'A', 0, PRIMARY, "A"}, {'A', LEAVE, 0, ""}},
	{{'A', 0, PRIMARY, "A"}, {'B', 0, IN_QUEUE, "AB"}, {'A', LEAVE, 0, "B"}},
};

static char letter_of(const char *unique, struct conn *const *clients)
{
	for (int c = 0; c < N_CLIENTS; c++)
		if (clients[c] && !strcmp(unique, clients[c]->unique))
			return 'A' + c;
	return '?';
}

/* The queue in letters; waits until it is as wanted, because a client that
 * leaves is not waited for otherwise. */
static void expect_queue(struct conn *asking, struct conn *const *clients, const char *want,
			 size_t scene, size_t step)
{
	int64_t deadline = now_ms() + WAIT_MS;
	char queue[16];
	char *owner;

	do {
		struct msg *reply = driver_call(asking, "ListQueuedOwners", "s", NAME);
		char *p = queue;

		if (reply->type == MSG_ERROR) {
			expect_error(reply, "NameHasNoOwner");
		} else {
			const char **names = msg_read_strings(reply, NULL);

			for (size_t i = 0; names[i]; i++)
				*p++ = letter_of(names[i], clients);
			free(names);
			msg_free(reply);
		}
		*p = 0;
	} while (strcmp(queue, want) && now_ms() < deadline);
	if (strcmp(queue, want))
		fail("scene %zu, step %zu: queue is %s, not %s", scene, step, queue, want);
	owner = name_owner(asking, NAME);
	expect_str(owner, *want ? clients[*want - 'A']->unique : NULL);
	expect_eq(driver_u32(asking, "NameHasOwner", "s", NAME), *want != 0);
	free(owner);
}

TEST(table_of_requests)
{
	struct subject *subject = subject_start(NULL);
	struct conn *asking = conn_new(subject->address);

	for (size_t s = 0; s < sizeof(scenes) / sizeof(scenes[0]); s++) {
		struct conn *clients[N_CLIENTS];

		for (size_t c = 0; c < N_CLIENTS; c++)
			clients[c] = conn_new(subject->address);
		for (size_t i = 0; scenes[s][i].client; i++) {
			const struct step *step = &scenes[s][i];
			struct conn **client = &clients[step->client - 'A'];
			uint32_t result = 0;

			if (step->flags == LEAVE)
				*client = conn_close(*client);
			else if (step->flags == RELEASE)
				result = release_name(*client, NAME);
			else
				result = request_name(*client, NAME, step->flags);
			if (result != step->result)
				fail("scene %zu, step %zu: %u, not %u", s, i, result, step->result);
			expect_queue(asking, clients, step->queue, s, i);
		}
		for (size_t c = 0; c < N_CLIENTS; c++)
			conn_close(clients[c]);
		expect_queue(asking, (struct conn *[N_CLIENTS]){NULL}, "", s, 99);
	}
	conn_close(asking);
	subject_stop(subject);
}

/* Errors */

static const struct bad_name {
	const char *name, *what;
} bad_names[] = {
	{"", "empty"},
	{"name", "one element"},
	{".a.b", "leading dot"},
	{"a.b.", "trailing dot"},
	{"a..b", "empty element"},
	{"a.1b", "element with a digit first"},
	{"1a.b", "first element with a digit first"},
	{"a.b c", "blank"},
	{"a.\xc3\xa4", "not ASCII"},
	{"a/b.c", "slash"},
	{":1.0", "unique name"},
	{":a.b", "unique name"},
	{DRIVER_NAME, "the driver's name"},
};

TEST(bad_names_are_invalid)
{
	struct subject *subject = subject_start(NULL);
	struct conn *conn = conn_new(subject->address);
	char name[300];

	for (size_t i = 0; i < sizeof(bad_names) / sizeof(bad_names[0]); i++) {
		struct msg *reply;

		reply = driver_call(conn, "RequestName", "su", bad_names[i].name, 0);
		if (reply->type != MSG_ERROR)
			fail("RequestName takes %s", bad_names[i].what);
		expect_error(reply, "InvalidArgs");
		reply = driver_call(conn, "ReleaseName", "s", bad_names[i].name);
		if (reply->type != MSG_ERROR)
			fail("ReleaseName takes %s", bad_names[i].what);
		expect_error(reply, "InvalidArgs");
	}
	memset(name, 'a', sizeof(name));
	name[1] = '.';
	name[256] = 0;
	expect_error(driver_call(conn, "RequestName", "su", name, 0), "InvalidArgs");
	name[255] = 0;
	expect_eq(request_name(conn, name, 0), PRIMARY);
	expect_eq(release_name(conn, name), RELEASED);
	expect_eq(request_name(conn, "a-b._c-.-", 0), PRIMARY);
	conn_close(conn);
	subject_stop(subject);
}

TEST(limit_of_names)
{
	struct subject *subject =
		subject_start("<limit name=\"max_names_per_connection\">3</limit>");
	struct conn *a = conn_new(subject->address), *b = conn_new(subject->address);

	expect_eq(request_name(b, "b.one", 0), PRIMARY);
	expect_eq(request_name(a, "a.one", 0), PRIMARY);
	/* a place in a queue counts, and so does the unique name */
	expect_eq(request_name(a, "b.one", 0), IN_QUEUE);
	expect_error(driver_call(a, "RequestName", "su", "a.two", 0), "LimitsExceeded");
	/* even what would change nothing */
	expect_error(driver_call(a, "RequestName", "su", "a.one", 0), "LimitsExceeded");
	expect_error(driver_call(a, "RequestName", "su", "b.one", NO_QUEUE), "LimitsExceeded");
	expect_eq(release_name(a, "b.one"), RELEASED);
	expect_eq(request_name(a, "a.two", 0), PRIMARY);
	conn_close(a);
	conn_close(b);
	subject_stop(subject);
}

TEST(queued_owners_of_odd_names)
{
	struct subject *subject = subject_start(NULL);
	struct conn *conn = conn_new(subject->address);
	struct msg *reply = driver_call(conn, "ListQueuedOwners", "s", DRIVER_NAME);
	const char **names = msg_read_strings(reply, NULL);

	expect_str(names[0], DRIVER_NAME);
	expect_str(names[1], NULL);
	free(names);
	msg_free(reply);
	reply = driver_call(conn, "ListQueuedOwners", "s", conn->unique);
	names = msg_read_strings(reply, NULL);
	expect_str(names[0], conn->unique);
	expect_str(names[1], NULL);
	free(names);
	msg_free(reply);
	expect_error(driver_call(conn, "ListQueuedOwners", "s", ":1.77"), "NameHasNoOwner");
	expect_error(driver_call(conn, "ListQueuedOwners", "s", "bad"), "NameHasNoOwner");
	expect_error(driver_call(conn, "ListQueuedOwners", "s", ""), "NameHasNoOwner");
	conn_close(conn);
	subject_stop(subject);
}

/* The order of signals and replies */

struct trio {
	struct subject *subject;
	struct conn *a, *b, *watch; /* all three see NameOwnerChanged */
};

static struct trio trio_start(void)
{
	struct trio t = {subject_start(NULL)};
	struct conn **conns[] = {&t.a, &t.b, &t.watch};

	for (int i = 0; i < 3; i++)
		*conns[i] = conn_new(t.subject->address);
	for (int i = 0; i < 3; i++)
		add_match(*conns[i], "type='signal',member='NameOwnerChanged',arg0='" NAME "'");
	return t;
}

static void trio_stop(struct trio *t)
{
	conn_close(t->a);
	conn_close(t->b);
	conn_close(t->watch);
	subject_stop(t->subject);
}

static struct msg *request(int flags)
{
	return msg_append(driver_msg("RequestName"), "su", NAME, flags);
}

static void expect_next_reply(struct conn *conn, uint32_t serial, uint32_t value)
{
	struct msg *reply = conn_next(conn);
	uint32_t result;

	expect_eq(reply->type, MSG_RETURN);
	expect_eq(reply->reply_serial, serial);
	msg_read(reply, "u", &result);
	expect_eq(result, value);
	msg_free(reply);
}

TEST(order_when_a_name_is_taken)
{
	struct trio t = trio_start();
	uint32_t serial = conn_send(t.a, request(0));

	expect_driver_signal(t.a, "NameOwnerChanged", NAME, "", t.a->unique);
	expect_driver_signal(t.a, "NameAcquired", NAME);
	expect_next_reply(t.a, serial, PRIMARY);
	expect_quiet(t.a);
	expect_driver_signal(t.watch, "NameOwnerChanged", NAME, "", t.a->unique);
	expect_quiet(t.watch);
	trio_stop(&t);
}

TEST(order_when_a_name_is_replaced)
{
	struct trio t = trio_start();
	uint32_t serial;

	request_name(t.a, NAME, ALLOW);
	conn_sync(t.b);
	conn_sync(t.watch);
	conn_drop(t.a);
	conn_drop(t.b);
	conn_drop(t.watch);
	serial = conn_send(t.b, request(REPLACE));
	expect_driver_signal(t.b, "NameOwnerChanged", NAME, t.a->unique, t.b->unique);
	expect_driver_signal(t.b, "NameAcquired", NAME);
	expect_next_reply(t.b, serial, PRIMARY);
	expect_quiet(t.b);
	expect_driver_signal(t.a, "NameLost", NAME);
	expect_driver_signal(t.a, "NameOwnerChanged", NAME, t.a->unique, t.b->unique);
	expect_quiet(t.a);
	expect_driver_signal(t.watch, "NameOwnerChanged", NAME, t.a->unique, t.b->unique);
	expect_quiet(t.watch);
	trio_stop(&t);
}

TEST(order_when_a_name_is_released_to_the_next)
{
	struct trio t = trio_start();
	uint32_t serial;

	request_name(t.a, NAME, 0);
	expect_eq(request_name(t.b, NAME, 0), IN_QUEUE);
	conn_sync(t.a);
	conn_drop(t.a);
	conn_drop(t.b);
	serial = conn_send(t.a, msg_append(driver_msg("ReleaseName"), "s", NAME));
	expect_driver_signal(t.a, "NameLost", NAME);
	expect_driver_signal(t.a, "NameOwnerChanged", NAME, t.a->unique, t.b->unique);
	expect_next_reply(t.a, serial, RELEASED);
	expect_quiet(t.a);
	expect_driver_signal(t.b, "NameOwnerChanged", NAME, t.a->unique, t.b->unique);
	expect_driver_signal(t.b, "NameAcquired", NAME);
	expect_quiet(t.b);
	trio_stop(&t);
}

TEST(order_when_a_name_is_released_to_nobody)
{
	struct trio t = trio_start();
	uint32_t serial;

	request_name(t.a, NAME, 0);
	conn_drop(t.a);
	serial = conn_send(t.a, msg_append(driver_msg("ReleaseName"), "s", NAME));
	expect_driver_signal(t.a, "NameLost", NAME);
	expect_driver_signal(t.a, "NameOwnerChanged", NAME, t.a->unique, "");
	expect_next_reply(t.a, serial, RELEASED);
	trio_stop(&t);
}

TEST(waiting_and_giving_up_is_not_announced)
{
	struct trio t = trio_start();

	request_name(t.a, NAME, 0);
	conn_sync(t.watch);
	conn_sync(t.b);
	conn_drop(t.a);
	conn_drop(t.b);
	conn_drop(t.watch);
	expect_eq(request_name(t.b, NAME, 0), IN_QUEUE);
	expect_eq(request_name(t.b, NAME, REPLACE), IN_QUEUE);
	expect_eq(release_name(t.b, NAME), RELEASED);
	expect_eq(request_name(t.b, NAME, NO_QUEUE), EXISTS);
	expect_eq(request_name(t.a, NAME, ALLOW), ALREADY);
	expect_quiet(t.a);
	expect_quiet(t.b);
	expect_quiet(t.watch);
	trio_stop(&t);
}

TEST(name_acquired_and_lost_are_addressed_and_private)
{
	struct trio t = trio_start();
	struct conn *other = conn_new(t.subject->address);
	struct msg *msg;

	add_match(other, "type='signal',member='NameAcquired'");
	add_match(other, "type='signal',member='NameLost'");
	request_name(t.a, NAME, 0);
	msg = conn_find_signal(t.a, "NameAcquired");
	expect_str(msg->destination, t.a->unique);
	msg_free(msg);
	release_name(t.a, NAME);
	msg = conn_find_signal(t.a, "NameLost");
	expect_str(msg->destination, t.a->unique);
	msg_free(msg);
	msg = conn_find_signal(t.a, "NameOwnerChanged");
	expect_str(msg->destination, NULL);
	msg_free(msg);
	expect_quiet(other);
	conn_close(other);
	trio_stop(&t);
}

TEST(unsubscribed_client_sees_its_own_names_only)
{
	struct subject *subject = subject_start(NULL);
	struct conn *a = conn_new(subject->address), *b = conn_new(subject->address);

	expect_eq(request_name(a, NAME, ALLOW), PRIMARY);
	expect_driver_signal(a, "NameAcquired", NAME);
	expect_eq(request_name(b, NAME, REPLACE), PRIMARY);
	expect_driver_signal(b, "NameAcquired", NAME);
	expect_driver_signal(a, "NameLost", NAME);
	expect_quiet(a);
	expect_quiet(b);
	conn_close(a);
	conn_close(b);
	subject_stop(subject);
}

TEST(names_of_a_leaving_client_go_latest_first)
{
	struct subject *subject = subject_start(NULL);
	struct conn *a = conn_new(subject->address), *next = conn_new(subject->address);
	struct conn *watch = conn_new(subject->address);
	char unique[32];

	add_match(watch, "type='signal',sender='" DRIVER_NAME "',member='NameOwnerChanged'");
	request_name(a, "n.one", 0);
	request_name(a, "n.two", 0);
	request_name(a, "n.three", 0);
	request_name(next, "n.two", 0);
	conn_sync(watch);
	conn_drop(watch);
	strcpy(unique, a->unique);
	conn_close(a);
	expect_driver_signal(watch, "NameOwnerChanged", "n.three", unique, "");
	expect_driver_signal(watch, "NameOwnerChanged", "n.two", unique, next->unique);
	expect_driver_signal(watch, "NameOwnerChanged", "n.one", unique, "");
	expect_driver_signal(watch, "NameOwnerChanged", unique, unique, "");
	expect_quiet(watch);
	expect_driver_signal(next, "NameAcquired", "n.two");
	conn_close(next);
	conn_close(watch);
	subject_stop(subject);
}

/* the same for the whole bus, as a monitor sees it: each of these once, in this order */
TEST(order_in_which_the_bus_announces_a_change)
{
	enum { ALL, A, B };
	static const struct {
		const char *what;
		int to;
	} want[] = {
		/* a takes it */
		{"NameOwnerChanged", ALL},
		{"NameAcquired", A},
		{"return", A},
		/* b replaces it */
		{"NameLost", A},
		{"NameOwnerChanged", ALL},
		{"NameAcquired", B},
		{"return", B},
		/* b gives it back */
		{"NameLost", B},
		{"NameOwnerChanged", ALL},
		{"NameAcquired", A},
		{"return", B},
	};
	struct trio t = trio_start();
	const char *const names[] = {"", t.a->unique, t.b->unique};
	struct conn *monitor = conn_new(t.subject->address);

	expect_return(conn_call(
		monitor, msg_append(msg_call(DRIVER_NAME, DRIVER_PATH,
					     "org.freedesktop.DBus.Monitoring", "BecomeMonitor"),
				    "asu", 2, "type='signal',arg0='" NAME "'",
				    "type='method_return',sender='" DRIVER_NAME "'", 0)));
	conn_drop(monitor);
	request_name(t.a, NAME, ALLOW);
	request_name(t.b, NAME, REPLACE);
	release_name(t.b, NAME);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		struct msg *msg = conn_next(monitor);

		expect_str(msg->member ?: "return", want[i].what);
		expect_str(msg->destination ?: "", names[want[i].to]);
		msg_free(msg);
	}
	conn_close(monitor);
	trio_stop(&t);
}

/* more than one page of anything, and beyond what one kdbus connection may own */
TEST(many_names)
{
	struct subject *subject = subject_start("<limit name=\"max_names_per_connection\">"
						"1000</limit>");
	struct conn *conn = conn_new(subject->address), *other = conn_new(subject->address);
	struct msg *reply;
	char name[32];
	size_t n;

	for (int i = 0; i < 600; i++) {
		sprintf(name, "many.names.n%d", i);
		expect_eq(request_name(conn, name, 0), PRIMARY);
	}
	reply = conn_call(other, driver_msg("ListNames"));
	free(msg_read_strings(reply, &n));
	msg_free(reply);
	expect_eq(n, 603);
	conn_close(conn);
	conn_close(other);
	subject_stop(subject);
}
