/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Services that systemd starts: what dbus-daemon and systemd say to each other.  The test
 * is systemd. */
#include "tests/conformance/activation.h"

#define SYSTEMD	     "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define ACTIVATOR    "org.freedesktop.systemd1.Activator"
#define NAME	     "org.example.Service"
#define OTHER	     "org.example.Other"

static const char *const with_systemd[] = {"--systemd-activation", NULL};

/* services "a.service" for both names and one that has no unit */
static struct activation_fixture systemd_start(const char *xml)
{
	struct activation_fixture f = activation_start(xml, with_systemd);

	service_add(f.subject, NAME, "/bin/false", "SystemdService=a.service\n");
	service_add(f.subject, OTHER, "/bin/false", "SystemdService=a.service\n");
	service_add(f.subject, "t.NoUnit", "/bin/false", NULL);
	services_reload(&f);
	return f;
}

/* f->c becomes systemd */
static void systemd_connect(struct activation_fixture *f)
{
	expect_eq(request_name(f->c, SYSTEMD, 0), 1u);
	expect_next(f->c, MSG_SIGNAL, "NameAcquired");
}

static void expect_request_at(struct conn *conn, const char *unit, const char *file, int line)
{
	struct msg *msg = conn_next_at(conn, file, line);
	const char *text;

	tap_expect_str(file, line, "member", "expected", msg->member, "ActivationRequest");
	expect_eq(msg->type, MSG_SIGNAL);
	expect_str(msg->interface, ACTIVATOR);
	expect_str(msg->path, DRIVER_PATH);
	expect_str(msg->sender, DRIVER_NAME);
	expect_str(msg->destination, SYSTEMD);
	expect_eq(msg->flags & MSG_NO_REPLY, MSG_NO_REPLY);
	msg_read(msg, "s", &text);
	tap_expect_str(file, line, "unit", "expected", text, unit);
	msg_free(msg);
}
#define expect_request(conn, unit) expect_request_at(conn, unit, __FILE__, __LINE__)

static void send_failure(struct conn *conn, const char *unit, const char *error, const char *text)
{
	struct msg *msg = msg_signal(SYSTEMD_PATH, ACTIVATOR, "ActivationFailure");

	conn_send(conn, msg_append(msg_to(msg, DRIVER_NAME), "sss", unit, error, text));
	conn_sync(conn);
}

static bool has_feature(struct conn *conn, const char *feature)
{
	struct msg *call = msg_call(DRIVER_NAME, DRIVER_PATH, DRIVER_NAME ".Properties", "Get");
	struct msg *reply = conn_call(conn, msg_append(call, "ss", DRIVER_NAME, "Features"));
	struct reader reader = msg_reader(reply);
	bool is_there = false;
	uint32_t end;

	expect_str(read_signature(&reader), "as");
	end = read_u32(&reader);
	end += reader.pos;
	while (reader.pos < end)
		is_there |= !strcmp(read_string(&reader), feature);
	msg_free(reply);
	return is_there;
}

TEST(it_is_a_feature)
{
	struct activation_fixture f = systemd_start(NULL), g = activation_start(NULL, NULL);

	expect(has_feature(f.a, "SystemdActivation"));
	expect(has_feature(f.a, "ActivatableServicesChanged"));
	expect(!has_feature(g.a, "SystemdActivation"));
	expect(has_feature(g.a, "ActivatableServicesChanged"));
	activation_stop(&f);
	activation_stop(&g);
}

TEST(systemd_is_asked)
{
	struct activation_fixture f = systemd_start(NULL);
	uint32_t call, start;
	struct msg *msg;

	systemd_connect(&f);
	call = conn_send(f.a, msg_call(NAME, "/", "a.b", "M"));
	start = conn_send(f.a, start_msg(NAME));
	conn_sync(f.a);
	conn_sync(f.c);
	expect_request(f.c, "a.service");
	expect_quiet(f.c);
	expect_eq(request_name(f.b, NAME, 0), 1u);
	expect_return(conn_reply(f.a, start));
	msg = conn_find_call(f.b, "M");
	conn_send(f.b, msg_return(msg));
	msg_free(msg);
	expect_return(conn_reply(f.a, call));
	activation_stop(&f);
}

TEST(systemd_is_asked_as_soon_as_it_is_there)
{
	struct activation_fixture f = systemd_start(NULL);
	uint32_t request;

	conn_send(f.a, msg_call(SYSTEMD, "/", "a.b", "ToSystemd"));
	conn_send(f.a, msg_call(NAME, "/", "a.b", "M"));
	conn_sync(f.a);
	request = conn_send(f.c, msg_append(driver_msg("RequestName"), "su", SYSTEMD, 0u));
	expect_next(f.c, MSG_SIGNAL, "NameAcquired");
	expect_next(f.c, MSG_CALL, "ToSystemd");
	expect_request(f.c, "a.service");
	expect_return(conn_reply(f.c, request));
	expect_quiet(f.c);
	activation_stop(&f);
}

TEST(systemd_needs_no_file_and_is_not_listed)
{
	struct activation_fixture f = systemd_start(NULL);
	struct msg *reply = conn_call(f.a, driver_msg("ListActivatableNames"));
	const char **names;
	uint32_t start;
	size_t n;

	names = msg_read_strings(reply, &n);
	expect_eq(n, 4u);
	for (size_t i = 0; i < n; i++)
		expect(strcmp(names[i], SYSTEMD));
	free(names);
	msg_free(reply);
	start = conn_send(f.a, start_msg(SYSTEMD));
	conn_sync(f.a);
	systemd_connect(&f);
	expect_return(conn_reply(f.a, start));
	activation_stop(&f);
}

TEST(failure_reaches_all_who_wait_for_the_unit)
{
	struct activation_fixture f = systemd_start(NULL);
	uint32_t serials[3];

	systemd_connect(&f);
	serials[0] = conn_send(f.a, msg_call(NAME, "/", "a.b", "M"));
	serials[1] = conn_send(f.a, start_msg(NAME));
	serials[2] = conn_send(f.a, msg_call(OTHER, "/", "a.b", "M"));
	conn_sync(f.a);
	expect_request(f.c, "a.service");
	expect_request(f.c, "a.service");
	/* of another unit; and from somebody else */
	send_failure(f.c, "b.service", "a.b.Wrong", "wrong unit");
	send_failure(f.b, "a.service", "a.b.Wrong", "wrong sender");
	expect_quiet(f.a);
	send_failure(f.c, "a.service", "a.b.Failed", "right");
	for (int i = 0; i < 3; i++)
		expect_failure(conn_reply(f.a, serials[i]), "a.b.Failed", "right");
	/* nobody waits any more: the next start begins anew */
	send_failure(f.c, "a.service", "a.b.Late", "late");
	serials[0] = conn_send(f.a, msg_call(NAME, "/", "a.b", "M"));
	conn_sync(f.a);
	expect_request(f.c, "a.service");
	expect_eq(request_name(f.b, NAME, 0), 1u);
	expect_next(f.b, MSG_SIGNAL, "NameAcquired");
	expect_next(f.b, MSG_CALL, "M");
	expect_quiet(f.a);
	activation_stop(&f);
}

TEST(a_unit_that_does_not_come_times_out)
{
	struct activation_fixture f =
		systemd_start("<limit name=\"service_start_timeout\">300</limit>");

	/* with systemd, and without */
	for (int i = 0; i < 2; i++) {
		expect_failure(conn_call(f.a, msg_call(NAME, "/", "a.b", "M")), "TimedOut",
			       "Failed to activate service '" NAME
			       "': timed out (service_start_timeout=300ms)");
		expect_error(conn_call(f.a, start_msg(NAME)), "TimedOut");
		if (!i)
			systemd_connect(&f);
	}
	expect_request(f.c, "a.service");
	expect_request(f.c, "a.service");
	expect_quiet(f.c);
	activation_stop(&f);
}

TEST(what_has_no_unit_is_executed)
{
	struct activation_fixture f = systemd_start(NULL), g = activation_start(NULL, NULL);

	systemd_connect(&f);
	expect_error(conn_call(f.a, start_msg("t.NoUnit")), "Spawn.ChildExited");
	expect_quiet(f.c);
	/* and so is what has one, on a bus that was not told to use it */
	service_add(g.subject, NAME, "/bin/false", "SystemdService=a.service\n");
	services_reload(&g);
	expect_error(conn_call(g.a, start_msg(NAME)), "Spawn.ChildExited");
	activation_stop(&f);
	activation_stop(&g);
}

TEST(monitors_see_the_request_before_its_cause)
{
	static const char *const expected[] = {"ActivationRequest", "First", "Second"};
	struct activation_fixture f = systemd_start(NULL);
	struct msg *become =
		msg_call(DRIVER_NAME, DRIVER_PATH, DRIVER_NAME ".Monitoring", "BecomeMonitor");
	struct conn *monitor = conn_new(f.subject->address);
	unsigned n_seen = 0;

	expect_return(conn_call(monitor, msg_append(become, "asu", 0u, 0u)));
	conn_send(f.a, msg_call(NAME, "/", "a.b", "First"));
	conn_sync(f.a);
	conn_send(f.a, msg_call(NAME, "/", "a.b", "Second"));
	conn_sync(f.a);
	systemd_connect(&f);
	expect_request(f.c, "a.service");
	expect_eq(request_name(f.b, NAME, 0), 1u);
	msg_free(driver_call(f.b, "GetNameOwner", "s", NAME));
	/* each once, when it was queued, and not when it is delivered */
	for (;;) {
		struct msg *msg = conn_next(monitor);
		const char *member = msg->member ?: "";
		bool is_last = msg->type == MSG_CALL && !strcmp(member, "GetNameOwner");

		for (unsigned i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
			if (!strcmp(member, expected[i]))
				expect_eq(n_seen++, i);
		msg_free(msg);
		if (is_last)
			break;
	}
	expect_eq(n_seen, 3u);
	conn_close(monitor);
	activation_stop(&f);
}

static void expect_environment_at(struct conn *conn, const char *first, const char *second,
				  const char *file, int line)
{
	struct msg *msg = conn_next_at(conn, file, line);
	const char **strings;
	size_t n;

	tap_expect_str(file, line, "member", "expected", msg->member, "SetEnvironment");
	expect_eq(msg->type, MSG_CALL);
	expect_str(msg->interface, "org.freedesktop.systemd1.Manager");
	expect_str(msg->path, SYSTEMD_PATH);
	expect_str(msg->sender, DRIVER_NAME);
	expect_eq(msg->flags & MSG_NO_REPLY, MSG_NO_REPLY);
	strings = msg_read_strings(msg, &n);
	tap_expect_str(file, line, "variable", "expected", n > 0 ? strings[0] : NULL, first);
	tap_expect_str(file, line, "variable", "expected", n > 1 ? strings[1] : NULL, second);
	free(strings);
	msg_free(msg);
}
#define expect_environment(conn, first, second)                                                    \
	expect_environment_at(conn, first, second, __FILE__, __LINE__)

static struct msg *update_environment(struct conn *conn, const char *name, const char *value)
{
	struct msg *msg = driver_msg("UpdateActivationEnvironment");

	return conn_call(conn, name ? msg_append(msg, "a{ss}", 1u, name, value)
				    : msg_append(msg, "a{ss}", 0u));
}

TEST(systemd_hears_of_the_environment)
{
	struct activation_fixture f = systemd_start(NULL);

	/* what was said before it came */
	expect_return(update_environment(f.a, "EARLY", "1"));
	systemd_connect(&f);
	expect_environment(f.c, "EARLY=1", NULL);
	expect_return(update_environment(f.a, "NOW", "a=b"));
	conn_sync(f.c);
	expect_environment(f.c, "NOW=a=b", NULL);
	expect_return(update_environment(f.a, NULL, NULL));
	conn_sync(f.c);
	expect_environment(f.c, NULL, NULL);
	expect_quiet(f.c);
	activation_stop(&f);
}

TEST(who_is_not_privileged_is_no_systemd)
{
	struct activation_fixture f =
		systemd_start("<policy context=\"mandatory\"><allow user=\"*\"/></policy>");
	struct conn *nobody = conn_new_nobody(f.subject->address);
	uint32_t call;

	expect_eq(request_name(nobody, SYSTEMD, 0), 1u);
	call = conn_send(f.a, msg_call(NAME, "/", "a.b", "M"));
	conn_sync(f.a);
	conn_drop(nobody);
	send_failure(nobody, "a.service", "a.b.Wrong", "wrong user");
	expect_quiet(f.a);
	expect_eq(request_name(f.b, NAME, 0), 1u);
	expect_next(f.b, MSG_SIGNAL, "NameAcquired");
	expect_next(f.b, MSG_CALL, "M");
	(void)call;
	conn_close(nobody);
	activation_stop(&f);
}
