/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who may have a service started, and what a reload changes of what waits */
#include "tests/conformance/activation.h"

#define NAME  "org.example.Service"
#define OTHER "org.example.Other"

#define SLEEP "/bin/sleep 100"

/* what stands behind everything that the frame of the tests allows */
#define MANDATORY(rules) "<policy context=\"mandatory\">" rules "</policy>"

TEST(who_may_not_send_starts_nothing)
{
	struct activation_fixture f =
		activation_start(MANDATORY("<deny send_destination=\"" NAME
					   "\" send_interface=\"a.b\" send_member=\"Denied\"/>"),
				 NULL);
	char exec[256];
	uint32_t serial;

	snprintf(exec, sizeof(exec), "/bin/sh -c \"echo started >> %s/log\"",
		 f.subject->sandbox.dir);
	service_add(f.subject, NAME, exec, NULL);
	services_reload(&f);
	expect_error(conn_call(f.a, msg_call(NAME, "/", "a.b", "Denied")), "AccessDenied");
	expect_eq(file_lines(f.subject, "log"), 0u);
	/* who starts it is judged as somebody who talks to the driver */
	conn_send(f.a, start_msg(NAME));
	file_await(f.subject, "log", 1);
	/* nor does it come to wait with others */
	expect_error(conn_call(f.a, msg_call(NAME, "/", "a.b", "Denied")), "AccessDenied");
	serial = conn_send(f.a, msg_call(NAME, "/", "a.b", "Allowed"));
	conn_sync(f.a);
	expect_eq(request_name(f.b, NAME, 0), 1u);
	expect_next(f.b, MSG_SIGNAL, "NameAcquired");
	expect_next(f.b, MSG_CALL, "Allowed");
	expect_quiet(f.b);
	(void)serial;
	activation_stop(&f);
}

TEST(who_receives_is_asked_when_it_is_there)
{
	struct activation_fixture f = activation_start(
		MANDATORY("<deny receive_interface=\"a.b\" receive_member=\"Unwanted\"/>"), NULL);
	uint32_t serials[2];
	struct msg *reply;

	service_add(f.subject, NAME, SLEEP, NULL);
	services_reload(&f);
	serials[0] = conn_send(f.a, msg_call(NAME, "/", "a.b", "Unwanted"));
	serials[1] = conn_send(f.a, msg_call(NAME, "/", "a.b", "Wanted"));
	conn_sync(f.a);
	expect_quiet(f.a);
	expect_eq(request_name(f.b, NAME, 0), 1u);
	expect_next(f.b, MSG_SIGNAL, "NameAcquired");
	expect_next(f.b, MSG_CALL, "Wanted");
	expect_quiet(f.b);
	reply = conn_reply(f.a, serials[0]);
	/* on such a bus it is the service's side that looks: DIFFERENCES kernel-refusal-sender */
	expect_str(reply->sender, subject_is_pooled() ? f.b->unique : DRIVER_NAME);
	expect_error(reply, "AccessDenied");
	(void)serials[1];
	activation_stop(&f);
}

TEST(policy_of_the_moment_of_delivery_counts)
{
	struct activation_fixture f = activation_start(NULL, NULL);
	uint32_t serials[2];

	service_add(f.subject, NAME, SLEEP, NULL);
	services_reload(&f);
	serials[0] = conn_send(f.a, msg_call(NAME, "/", "a.b", "Forbidden"));
	serials[1] = conn_send(f.a, msg_call(NAME, "/", "a.b", "M"));
	conn_sync(f.a);
	expect(subject_reload(f.subject, f.c,
			      SERVICEDIR MANDATORY("<deny send_destination=\"" NAME
						   "\" send_interface=\"a.b\" "
						   "send_member=\"Forbidden\"/>")));
	expect_quiet(f.a);
	expect_eq(request_name(f.b, NAME, 0), 1u);
	expect_next(f.b, MSG_SIGNAL, "NameAcquired");
	expect_next(f.b, MSG_CALL, "M");
	expect_quiet(f.b);
	expect_error(conn_reply(f.a, serials[0]), "AccessDenied");
	(void)serials[1];
	activation_stop(&f);
}

TEST(a_reload_loses_nothing_that_waits)
{
	enum { N = 100 };
	struct activation_fixture f = activation_start(NULL, NULL);
	uint32_t serials[N];

	service_add(f.subject, NAME, SLEEP, NULL);
	services_reload(&f);
	for (uint32_t i = 0; i < N; i++) {
		serials[i] = conn_send(i % 2 ? f.a : f.b,
				       msg_append(msg_call(NAME, "/", "a.b", "M"), "u", i));
		conn_sync(i % 2 ? f.a : f.b);
	}
	/* with the same file, with another one, with a rule about it, and with it only once more */
	services_reload(&f);
	service_add(f.subject, NAME, "/bin/false", NULL);
	services_reload(&f);
	expect(subject_reload(f.subject, f.a,
			      SERVICEDIR MANDATORY("<allow own=\"" NAME "\"/>"
						   "<allow send_destination=\"" NAME "\"/>")));
	expect(subject_reload(f.subject, f.a, SERVICEDIR));
	expect_eq(request_name(f.c, NAME, 0), 1u);
	expect_next(f.c, MSG_SIGNAL, "NameAcquired");
	for (uint32_t i = 0; i < N; i++) {
		struct msg *call = conn_next(f.c);
		uint32_t number;

		msg_read(call, "u", &number);
		expect_eq(number, i);
		conn_send(f.c, msg_return(call));
		msg_free(call);
	}
	for (uint32_t i = 0; i < N; i++)
		expect_return(conn_reply(i % 2 ? f.a : f.b, serials[i]));
	activation_stop(&f);
}

TEST(a_broken_reload_changes_nothing)
{
	struct activation_fixture f = activation_start(NULL, NULL);
	uint32_t serial;

	service_add(f.subject, NAME, SLEEP, NULL);
	services_reload(&f);
	serial = conn_send(f.a, msg_call(NAME, "/", "a.b", "M"));
	conn_sync(f.a);
	expect(!subject_reload(f.subject, f.c, "<broken>"));
	expect_eq(request_name(f.b, NAME, 0), 1u);
	expect_next(f.b, MSG_SIGNAL, "NameAcquired");
	expect_next(f.b, MSG_CALL, "M");
	expect_eq(release_name(f.b, NAME), 1u);
	conn_drop(f.b);
	/* it can be started still */
	conn_send(f.a, msg_call(NAME, "/", "a.b", "Again"));
	conn_sync(f.a);
	expect_eq(request_name(f.b, NAME, 0), 1u);
	expect_next(f.b, MSG_SIGNAL, "NameAcquired");
	expect_next(f.b, MSG_CALL, "Again");
	(void)serial;
	activation_stop(&f);
}

TEST(what_cannot_be_started_any_more_is_waited_for_to_the_end)
{
	struct activation_fixture f = activation_start(NULL, NULL);

	service_add(f.subject, NAME, SLEEP, NULL);
	services_reload(&f);
	conn_send(f.a, msg_call(NAME, "/", "a.b", "M"));
	conn_sync(f.a);
	service_remove(f.subject, NAME);
	services_reload(&f);
	expect_error(conn_call(f.b, msg_call(NAME, "/", "a.b", "M")), "ServiceUnknown");
	expect_error(conn_call(f.b, start_msg(NAME)), "ServiceUnknown");
	expect_quiet(f.a);
	expect_eq(request_name(f.c, NAME, 0), 1u);
	expect_next(f.c, MSG_SIGNAL, "NameAcquired");
	expect_next(f.c, MSG_CALL, "M");
	expect_eq(release_name(f.c, NAME), 1u);
	expect_error(conn_call(f.a, msg_call(NAME, "/", "a.b", "M")), "ServiceUnknown");
	activation_stop(&f);
}

TEST(what_cannot_be_started_any_more_may_fail)
{
	struct activation_fixture f;
	uint32_t serial;
	char xml[80];

	/* something has to come and go in that time */
	snprintf(xml, sizeof(xml), "<limit name=\"service_start_timeout\">%u</limit>",
		 600 * tap_patience());
	f = activation_start(xml, NULL);
	service_add(f.subject, NAME, SLEEP, NULL);
	services_reload(&f);
	serial = conn_send(f.a, msg_call(NAME, "/", "a.b", "M"));
	conn_sync(f.a);
	service_remove(f.subject, NAME);
	services_reload(&f);
	expect_error(conn_reply(f.a, serial), "TimedOut");
	expect_error(conn_call(f.a, msg_call(NAME, "/", "a.b", "M")), "ServiceUnknown");
	/* and come back */
	service_add(f.subject, NAME, "/bin/false", NULL);
	services_reload(&f);
	expect_error(conn_call(f.a, msg_call(NAME, "/", "a.b", "M")), "Spawn.ChildExited");
	activation_stop(&f);
}

TEST(what_runs_becomes_startable_and_back)
{
	struct activation_fixture f = activation_start(NULL, NULL);

	services_reload(&f);
	expect_eq(request_name(f.b, NAME, 0), 1u);
	conn_drop(f.b);
	add_match(f.c, "member='NameOwnerChanged'");
	for (int i = 0; i < 3; i++) {
		service_add(f.subject, NAME, SLEEP, NULL);
		services_reload(&f);
		expect_eq(driver_u32(f.a, "StartServiceByName", "su", NAME, 0u), 2u);
		conn_send(f.a, msg_call(NAME, "/", "a.b", "M"));
		conn_sync(f.a);
		expect_next(f.b, MSG_CALL, "M");
		service_remove(f.subject, NAME);
		services_reload(&f);
		conn_send(f.a, msg_call(NAME, "/", "a.b", "M"));
		conn_sync(f.a);
		expect_next(f.b, MSG_CALL, "M");
	}
	/* it was never out of its owner's hands */
	expect_quiet(f.c);
	activation_stop(&f);
}

/* 1000 clients want the same slow service */
TEST_TIMEOUT(a_thousand_clients_and_one_process, 120)
{
	enum { N = 1000 };
	static struct conn *conns[N];
	static uint32_t serials[N];
	struct activation_fixture f =
		activation_start("<limit name=\"max_connections_per_user\">2000</limit>"
				 "<limit name=\"max_completed_connections\">2000</limit>"
				 "<limit name=\"max_pending_service_starts\">2000</limit>",
				 NULL);
	char exec[256];

	if (subject_is_pooled())
		skip("a pool for each of them is a lot");
	snprintf(exec, sizeof(exec), "/bin/sh -c \"echo started >> %s/log; exec /bin/sleep 100\"",
		 f.subject->sandbox.dir);
	service_add(f.subject, NAME, exec, NULL);
	services_reload(&f);
	for (int i = 0; i < N; i++)
		conns[i] = conn_new(f.subject->address);
	for (int i = 0; i < N; i++)
		serials[i] = conn_send(conns[i],
				       i % 2 ? start_msg(NAME) : msg_call(NAME, "/", "a.b", "M"));
	for (int i = 0; i < N; i++)
		conn_sync(conns[i]);
	file_await(f.subject, "log", 1);
	expect_eq(request_name(f.b, NAME, 0), 1u);
	expect_next(f.b, MSG_SIGNAL, "NameAcquired");
	for (int i = 0; i < N; i += 2) {
		struct msg *call = conn_next(f.b);

		conn_send(f.b, msg_return(call));
		msg_free(call);
	}
	expect_quiet(f.b);
	for (int i = 0; i < N; i++) {
		expect_return(conn_reply(conns[i], serials[i]));
		expect_quiet(conns[i]);
		conn_close(conns[i]);
	}
	expect_eq(file_lines(f.subject, "log"), 1u);
	activation_stop(&f);
}

/* and when it fails */
TEST_TIMEOUT(a_thousand_clients_and_one_failure, 120)
{
	enum { N = 1000 };
	static struct conn *conns[N];
	static uint32_t serials[N];
	struct activation_fixture f =
		activation_start("<limit name=\"max_connections_per_user\">2000</limit>"
				 "<limit name=\"max_completed_connections\">2000</limit>"
				 "<limit name=\"max_pending_service_starts\">2000</limit>",
				 NULL);
	char exec[512];

	if (subject_is_pooled())
		skip("a pool for each of them is a lot");
	snprintf(exec, sizeof(exec),
		 "/bin/sh -c \"echo started >> %s/log; while ! test -e %s/fail; do sleep 0.01; "
		 "done; exit 3\"",
		 f.subject->sandbox.dir, f.subject->sandbox.dir);
	service_add(f.subject, NAME, exec, NULL);
	services_reload(&f);
	for (int i = 0; i < N; i++)
		conns[i] = conn_new(f.subject->address);
	for (int i = 0; i < N; i++)
		serials[i] = conn_send(conns[i],
				       i % 2 ? start_msg(NAME) : msg_call(NAME, "/", "a.b", "M"));
	for (int i = 0; i < N; i++)
		conn_sync(conns[i]);
	file_write(sandbox_path(&f.subject->sandbox, "fail"), "");
	for (int i = 0; i < N; i++) {
		expect_failure(conn_reply(conns[i], serials[i]), "Spawn.ChildExited",
			       "Process " NAME " exited with status 3");
		expect_quiet(conns[i]);
		conn_close(conns[i]);
	}
	expect_eq(file_lines(f.subject, "log"), 1u);
	activation_stop(&f);
}
