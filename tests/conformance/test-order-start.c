/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What comes before what when a service is started: see test-order.c.
 *
 *	StartServiceByName			success_comes_after_the_change_of_owner
 *						a_service_that_runs_is_told_of_in_line
 *	what waited for the name		what_waits_arrives_before_request_name_is_answered
 *						what_waits_arrives_in_order
 *						what_waited_comes_before_what_is_sent_later
 *	UpdateActivationEnvironment		update_environment_waits_for_nobody
 *
 * The service is the test itself: what the service file names ends at once, as a program
 * that goes into the background does, and a client of the test takes the name.
 */
#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME "org.example.Started"
enum { STARTED = 1, ALREADY_RUNNING };

struct fixture {
	struct subject *subject;
	struct conn *a, *b, *service;
};

static struct fixture fixture_start(void)
{
	const char *const args[] = {"--systemd-activation", NULL};
	/* next to the configuration */
	const char *xml = "<servicedir>.</servicedir>";
	struct fixture f = {subject_start_with(&(struct subject_options){xml, .args = args})};

	f.a = conn_new(f.subject->address);
	f.b = conn_new(f.subject->address);
	f.service = conn_new(f.subject->address);
	file_write(sandbox_path(&f.subject->sandbox, NAME ".service"),
		   "[D-BUS Service]\nName=" NAME "\nExec=/bin/true\n");
	expect(subject_reload(f.subject, f.a, xml));
	for (int c = 0; c < 3; c++) {
		struct conn *conn = c == 0 ? f.a : c == 1 ? f.b : f.service;

		/* ActivatableServicesChanged may have come */
		conn_sync(conn);
		conn_drop(conn);
	}
	return f;
}

static void fixture_stop(struct fixture *f)
{
	conn_close(f->a);
	conn_close(f->b);
	conn_close(f->service);
	subject_stop(f->subject);
}

static uint32_t send_start(struct conn *conn)
{
	return conn_send(conn, msg_append(driver_msg("StartServiceByName"), "su", NAME, 0));
}

static struct msg *numbered(uint32_t i)
{
	struct msg *msg = i % 3 == 0   ? msg_flags(msg_call(NAME, "/", "a.b", "N"), MSG_NO_REPLY)
			  : i % 3 == 1 ? msg_to(msg_signal("/", "a.b", "N"), NAME)
				       : msg_call(NAME, "/", "a.b", "N");

	return msg_append(msg, "u", i);
}

/* ... and answers it, if it wants an answer */
static void expect_numbered(struct conn *conn, uint32_t i)
{
	struct msg *msg = conn_next(conn);
	uint32_t value;

	expect_str(msg->member, "N");
	msg_read(msg, "u", &value);
	expect_eq(value, i);
	if (msg->type == MSG_CALL && !(msg->flags & MSG_NO_REPLY))
		conn_send(conn, msg_return(msg));
	msg_free(msg);
}

static void expect_number_reply(struct conn *conn, uint32_t serial, uint32_t want)
{
	struct msg *msg = conn_next(conn);
	uint32_t value;

	expect_eq(msg->type, MSG_RETURN);
	expect_eq(msg->reply_serial, serial);
	msg_read(msg, "u", &value);
	expect_eq(value, want);
	msg_free(msg);
}

/* for who follows the signals the name has an owner when he hears that it was started */
TEST(success_comes_after_the_change_of_owner)
{
	struct fixture f = fixture_start();

	add_match(f.a, "type='signal',member='NameOwnerChanged',arg0='" NAME "'");
	for (int i = 0; i < 20; i++) {
		uint32_t first = send_start(f.a), second = send_start(f.a), other = send_start(f.b);
		uint32_t request;

		conn_sync(f.a);
		conn_sync(f.b);
		request =
			conn_send(f.service, msg_append(driver_msg("RequestName"), "su", NAME, 0));
		expect_driver_signal(f.a, "NameOwnerChanged", NAME, "", f.service->unique);
		expect_number_reply(f.a, first, STARTED);
		expect_number_reply(f.a, second, STARTED);
		expect_number_reply(f.b, other, STARTED);
		expect_driver_signal(f.service, "NameAcquired", NAME);
		expect_number_reply(f.service, request, 1);
		expect_eq(release_name(f.service, NAME), 1);
		expect_driver_signal(f.a, "NameOwnerChanged", NAME, f.service->unique, "");
		conn_drop(f.service);
	}
	fixture_stop(&f);
}

TEST(a_service_that_runs_is_told_of_in_line)
{
	struct fixture f = fixture_start();

	expect_eq(request_name(f.service, NAME, 0), 1);
	conn_drop(f.service);
	for (int i = 0; i < 20; i++) {
		uint32_t serial;

		conn_send(f.a,
			  msg_flags(msg_call(f.a->unique, "/", "a.b", "Before"), MSG_NO_REPLY));
		serial = send_start(f.a);
		conn_send(f.a, msg_flags(msg_call(f.a->unique, "/", "a.b", "After"), MSG_NO_REPLY));
		expect_next(f.a, MSG_CALL, "Before");
		expect_number_reply(f.a, serial, ALREADY_RUNNING);
		expect_next(f.a, MSG_CALL, "After");
	}
	expect_quiet(f.service);
	fixture_stop(&f);
}

/* a service has its name before the first call, and has the calls before it goes on */
TEST(what_waits_arrives_before_request_name_is_answered)
{
	struct fixture f = fixture_start();

	for (int i = 0; i < 20; i++) {
		struct msg *call;
		uint32_t request;

		conn_send(f.a, msg_call(NAME, "/", "a.b", "First"));
		conn_sync(f.a);
		conn_send(f.b, msg_call(NAME, "/", "a.b", "Second"));
		conn_sync(f.b);
		request =
			conn_send(f.service, msg_append(driver_msg("RequestName"), "su", NAME, 0));
		expect_driver_signal(f.service, "NameAcquired", NAME);
		call = conn_next(f.service);
		expect_str(call->member, "First");
		conn_send(f.service, msg_return(call));
		msg_free(call);
		call = conn_next(f.service);
		expect_str(call->member, "Second");
		conn_send(f.service, msg_return(call));
		msg_free(call);
		expect_number_reply(f.service, request, 1);
		expect_return(conn_next(f.a));
		expect_return(conn_next(f.b));
		expect_eq(release_name(f.service, NAME), 1);
		conn_drop(f.service);
	}
	fixture_stop(&f);
}

TEST(what_waits_arrives_in_order)
{
	enum { N = 100 };
	struct fixture f = fixture_start();

	for (uint32_t i = 0; i < N; i++)
		conn_send(f.a, numbered(i));
	conn_sync(f.a);
	conn_send(f.service, msg_append(driver_msg("RequestName"), "su", NAME, 0));
	expect_driver_signal(f.service, "NameAcquired", NAME);
	for (uint32_t i = 0; i < N; i++)
		expect_numbered(f.service, i);
	expect_return(conn_next(f.service));
	expect_quiet(f.service);
	fixture_stop(&f);
}

TEST(what_waited_comes_before_what_is_sent_later)
{
	enum { N = 60 };
	struct fixture f = fixture_start();

	for (uint32_t round = 0; round < 20; round++) {
		for (uint32_t i = 0; i < N / 2; i++)
			conn_send(f.a, numbered(i));
		/* whichever of the two the bus looks at first */
		conn_send(f.service, msg_append(driver_msg("RequestName"), "su", NAME, 0));
		for (uint32_t i = N / 2; i < N; i++)
			conn_send(f.a, numbered(i));
		conn_sync(f.a);
		conn_sync(f.service);
		msg_free(conn_find_signal(f.service, "NameAcquired"));
		for (uint32_t i = 0; i < N;) {
			/* the answer to RequestName is somewhere between them */
			if (f.service->inbox && f.service->inbox->type == MSG_RETURN) {
				msg_free(conn_next(f.service));
				continue;
			}
			expect_numbered(f.service, i++);
		}
		expect_eq(release_name(f.service, NAME), 1);
		conn_drop(f.service);
		conn_sync(f.a);
		conn_drop(f.a);
	}
	fixture_stop(&f);
}

/* With systemd the bus tells it what is to be in the environment; a systemd that does not
 * answer makes nobody wait, neither who asked nor others. */
TEST(update_environment_waits_for_nobody)
{
	struct fixture f = fixture_start();
	uint32_t first;

	expect_eq(request_name(f.service, "org.freedesktop.systemd1", 0), 1);
	conn_drop(f.service);
	first = conn_send(f.a, msg_append(driver_msg("UpdateActivationEnvironment"), "a{ss}", 1,
					  "BP_TEST", "1"));
	conn_send(f.a, driver_msg("GetId"));
	conn_send(f.a, msg_flags(msg_call(f.service->unique, "/", "a.b", "Behind"), MSG_NO_REPLY));
	for (uint32_t i = 0; i < 2; i++) {
		struct msg *msg = conn_next(f.a);

		expect_eq(msg->reply_serial, first + i);
		expect_return(msg);
	}
	/* told first, and not waited for */
	expect_next(f.service, MSG_CALL, "SetEnvironment");
	expect_next(f.service, MSG_CALL, "Behind");
	expect_quiet(f.service);
	fixture_stop(&f);
}
