/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Services are started when somebody wants them: specification, "Message Bus Starting
 * Services".  Who waits for what, in which order it comes, and what is said when it does
 * not. */
#include "tests/conformance/activation.h"

#include <signal.h>
#include <sys/wait.h>

#define NAME "org.example.Service"

#define SLEEP "/bin/sleep 100"

/* what a program does, and what whoever wanted it hears */
static const struct {
	const char *name;
	const char *exec;
	const char *error;
	const char *text;
} failures[] = {
	{"t.Missing", "/no/such/program a b", "Spawn.ExecFailed",
	 "Failed to execute program t.Missing: No such file or directory"},
	{"t.Relative", "true", "Spawn.ExecFailed",
	 "Failed to execute program t.Relative: No such file or directory"},
	{"t.Directory", "/", "Spawn.ExecFailed",
	 "Failed to execute program t.Directory: Permission denied"},
	{"t.NotExecutable", "/etc/passwd", "Spawn.ExecFailed",
	 "Failed to execute program t.NotExecutable: Permission denied"},
	{"t.ExitsOne", "/bin/false", "Spawn.ChildExited",
	 "Process t.ExitsOne exited with status 1"},
	{"t.ExitsSeven", "/bin/sh -c 'exit 7'", "Spawn.ChildExited",
	 "Process t.ExitsSeven exited with status 7"},
	{"t.Killed", "/bin/sh -c 'kill -9 $$'", "Spawn.ChildSignaled",
	 "Process t.Killed received signal 9"},
	{"t.Quote", "/bin/sh -c 'no end", "InvalidArgs", "Unclosed quotes in command line"},
};

#define N_FAILURES (sizeof(failures) / sizeof(failures[0]))

TEST(each_way_to_fail_has_its_error)
{
	struct activation_fixture f = activation_start(NULL, NULL);

	for (size_t i = 0; i < N_FAILURES; i++)
		service_add(f.subject, failures[i].name, failures[i].exec, NULL);
	services_reload(&f);
	for (size_t i = 0; i < N_FAILURES; i++) {
		const char *name = failures[i].name;

		/* twice: a start that failed does not keep the next one from being tried */
		for (int k = 0; k < 2; k++) {
			expect_failure(conn_call(f.a, start_msg(name)), failures[i].error,
				       failures[i].text);
			expect_failure(conn_call(f.b, msg_call(name, "/", "a.b", "M")),
				       failures[i].error, failures[i].text);
		}
	}
	activation_stop(&f);
}

TEST(who_has_no_room_for_news_hears_of_it)
{
	struct activation_fixture f =
		activation_start("<limit name=\"max_outgoing_bytes\">50000</limit>", NULL);
	uint32_t serial;

	service_add(f.subject, NAME, "/bin/false", NULL);
	services_reload(&f);
	/* it reads nothing of what it asked for, until all that is between it and the bus is full
	 */
	add_match(f.a, "");
	for (int i = 0; i < 3000; i++) {
		request_name(f.b, "org.example.Name", 0);
		release_name(f.b, "org.example.Name");
		conn_drop(f.b);
	}
	serial = conn_send(f.a, msg_call(NAME, "/", "a.b", "M"));
	for (int i = 0; i < 2; i++)
		expect_error(conn_call(f.c, msg_call(NAME, "/", "a.b", "M")), "Spawn.ChildExited");
	while (conn_fill(f.a, 200))
		;
	expect_error(conn_reply(f.a, serial), "Spawn.ChildExited");
	activation_stop(&f);
}

TEST(what_has_no_file_is_unknown)
{
	static const char *const names[] = {"t.None", "bad", "", DRIVER_NAME};
	struct activation_fixture f = activation_start(NULL, NULL);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		expect_error(conn_call(f.a, start_msg(names[i])), "ServiceUnknown");
	expect_error(conn_call(f.a, start_msg(f.b->unique)), "ServiceUnknown");
	/* although it runs */
	expect_eq(request_name(f.b, NAME, 0), 1u);
	expect_error(conn_call(f.a, start_msg(NAME)), "ServiceUnknown");
	activation_stop(&f);
}

TEST(everybody_hears_of_a_time_out)
{
	static const char text[] = "Failed to activate service '" NAME "': timed out "
				   "(service_start_timeout=300ms)";
	struct activation_fixture f =
		activation_start("<limit name=\"service_start_timeout\">300</limit>", NULL);
	uint32_t serials[4];

	/* to go away is no failure: it may be somewhere in the background */
	service_add(f.subject, NAME, "/bin/true", NULL);
	services_reload(&f);
	for (int i = 0; i < 2; i++) {
		serials[0] = conn_send(f.a, start_msg(NAME));
		serials[1] = conn_send(f.b, msg_call(NAME, "/", "a.b", "M"));
		serials[2] = conn_send(f.c, msg_to(msg_signal("/", "a.b", "S"), NAME));
		serials[3] = conn_send(f.c, start_msg(NAME));
		expect_failure(conn_reply(f.a, serials[0]), "TimedOut", text);
		expect_failure(conn_reply(f.b, serials[1]), "TimedOut", text);
		expect_failure(conn_reply(f.c, serials[2]), "TimedOut", text);
		expect_failure(conn_reply(f.c, serials[3]), "TimedOut", text);
		expect_quiet(f.a);
		expect_quiet(f.b);
		expect_quiet(f.c);
	}
	activation_stop(&f);
}

TEST(who_does_not_come_in_time_is_killed)
{
	struct activation_fixture f =
		activation_start("<limit name=\"service_start_timeout\">500</limit>", NULL);
	char exec[512], *text;
	int64_t deadline;

	snprintf(exec, sizeof(exec),
		 "/bin/sh -c \"trap '' TERM; echo $$ > %s/pid; while :; do /bin/sleep 0.05; done\"",
		 f.subject->sandbox.dir);
	service_add(f.subject, NAME, exec, NULL);
	services_reload(&f);
	expect_error(conn_call(f.a, start_msg(NAME)), "TimedOut");
	text = file_read(sandbox_path(&f.subject->sandbox, "pid"));
	expect(text != NULL);
	deadline = now_ms() + WAIT_MS;
	while (!kill(atoi(text), 0) && now_ms() < deadline)
		usleep(5000);
	expect_lt(now_ms(), deadline);
	free(text);
	activation_stop(&f);
}

TEST(order_when_the_name_is_taken)
{
	struct activation_fixture f = activation_start(NULL, NULL);
	uint32_t start, call, request;
	struct msg *msg;

	service_add(f.subject, NAME, SLEEP, NULL);
	services_reload(&f);
	add_match(f.a, "member='NameOwnerChanged',arg0='" NAME "'");
	add_match(f.b, "member='NameOwnerChanged',arg0='" NAME "'");
	call = conn_send(f.a, msg_call(NAME, "/", "a.b", "First"));
	start = conn_send(f.a, start_msg(NAME));
	conn_send(f.a, msg_flags(msg_call(NAME, "/", "a.b", "Second"), MSG_NO_REPLY));
	conn_sync(f.a);
	expect_quiet(f.a);

	request = conn_send(f.b, msg_append(driver_msg("RequestName"), "su", NAME, 0u));
	/* the owner: news, then its name, then what waited, and then the answer */
	expect_driver_signal(f.b, "NameOwnerChanged", NAME, "", f.b->unique);
	expect_driver_signal(f.b, "NameAcquired", NAME);
	msg = conn_next(f.b);
	expect_str(msg->member, "First");
	expect_str(msg->sender, f.a->unique);
	expect_eq(msg->serial, call);
	conn_send(f.b, msg_return(msg));
	msg_free(msg);
	expect_next(f.b, MSG_CALL, "Second");
	msg = conn_next(f.b);
	expect_eq(msg->reply_serial, request);
	expect_return(msg);
	/* who asked: news, then that it runs, then the answer to the call */
	expect_driver_signal(f.a, "NameOwnerChanged", NAME, "", f.b->unique);
	msg = conn_next(f.a);
	expect_eq(msg->reply_serial, start);
	expect_str(msg->signature, "u");
	expect_return(msg);
	msg = conn_next(f.a);
	expect_eq(msg->reply_serial, call);
	expect_return(msg);
	expect_eq(driver_u32(f.a, "StartServiceByName", "su", NAME, 0u), 2u);
	activation_stop(&f);
}

TEST(messages_of_each_type_start_it)
{
	struct activation_fixture f = activation_start(NULL, NULL);
	struct msg *messages[4], *none = msg_new(MSG_CALL);
	/* unrequested-reply: they are not delivered, and so nothing is started for them */
	unsigned n_messages = subject_is_reference() ? 4 : 2;
	char exec[256];

	snprintf(exec, sizeof(exec), "/bin/sh -c \"echo started >> %s/log\"",
		 f.subject->sandbox.dir);
	service_add(f.subject, NAME, exec, NULL);
	services_reload(&f);
	none->serial = 77;
	messages[0] = msg_to(msg_signal("/", "a.b", "S"), NAME);
	messages[1] = msg_flags(msg_call(NAME, "/", "a.b", "M"), MSG_NO_REPLY);
	messages[2] = msg_to(msg_return(none), NAME);
	messages[3] = msg_to(msg_error(none, "a.b.Error"), NAME);
	for (unsigned i = 0; i < 4; i++) {
		conn_send(f.a, messages[i]);
		conn_sync(f.a);
		if (i >= n_messages)
			continue;
		file_await(f.subject, "log", i + 1);
		expect_eq(request_name(f.b, NAME, 0), 1u);
		expect_eq(release_name(f.b, NAME), 1u);
		conn_drop(f.b);
	}
	expect_eq(file_lines(f.subject, "log"), n_messages);
	msg_free(none);
	activation_stop(&f);
}

TEST(an_unknown_type_starts_nothing)
{
	struct activation_fixture f = activation_start(NULL, NULL);
	struct msg *msg = msg_to(msg_new(42), NAME);
	char exec[256];
	uint32_t serial;

	snprintf(exec, sizeof(exec), "/bin/sh -c \"echo started >> %s/log\"",
		 f.subject->sandbox.dir);
	service_add(f.subject, NAME, exec, NULL);
	services_reload(&f);
	serial = conn_send(f.a, msg);
	expect_error(conn_reply(f.a, serial), "AccessDenied");
	expect(file_read(sandbox_path(&f.subject->sandbox, "log")) == NULL);
	activation_stop(&f);
}

TEST(no_auto_start)
{
	struct activation_fixture f = activation_start(NULL, NULL);
	uint32_t serial;

	service_add(f.subject, NAME, SLEEP, NULL);
	services_reload(&f);
	expect_error(conn_call(f.a, msg_flags(msg_call(NAME, "/", "a.b", "M"), MSG_NO_AUTO_START)),
		     "NameHasNoOwner");
	/* also while it is being started for somebody else */
	serial = conn_send(f.b, msg_call(NAME, "/", "a.b", "Waits"));
	conn_sync(f.b);
	expect_error(conn_call(f.a, msg_flags(msg_call(NAME, "/", "a.b", "M"), MSG_NO_AUTO_START)),
		     "NameHasNoOwner");
	expect_eq(request_name(f.c, NAME, 0), 1u);
	expect_next(f.c, MSG_SIGNAL, "NameAcquired");
	expect_next(f.c, MSG_CALL, "Waits");
	expect_quiet(f.c);
	(void)serial;
	activation_stop(&f);
}

TEST(a_name_that_waits_has_no_owner)
{
	struct activation_fixture f = activation_start(NULL, NULL);
	const char **names;
	struct msg *reply;
	uint32_t has_owner;
	size_t n;

	service_add(f.subject, NAME, SLEEP, NULL);
	services_reload(&f);
	add_match(f.a, "member='NameOwnerChanged'");
	for (int i = 0; i < 2; i++) {
		reply = driver_call(f.a, "NameHasOwner", "s", NAME);
		msg_read(reply, "b", &has_owner);
		expect_eq(has_owner, 0u);
		msg_free(reply);
		expect(name_owner(f.a, NAME) == NULL);
		expect_error(driver_call(f.a, "ListQueuedOwners", "s", NAME), "NameHasNoOwner");
		expect_error(driver_call(f.a, "GetConnectionUnixUser", "s", NAME),
			     "NameHasNoOwner");
		reply = conn_call(f.a, driver_msg("ListNames"));
		names = msg_read_strings(reply, &n);
		for (size_t k = 0; k < n; k++)
			expect(strcmp(names[k], NAME));
		free(names);
		msg_free(reply);
		/* and nobody hears that anything has changed */
		conn_send(f.b, msg_call(NAME, "/", "a.b", "M"));
		conn_sync(f.b);
		expect_quiet(f.a);
	}
	activation_stop(&f);
}

TEST(list_activatable_names)
{
	struct activation_fixture f = activation_start(NULL, NULL);

	service_add(f.subject, NAME, SLEEP, NULL);
	services_reload(&f);
	expect(is_activatable(f.a, NAME));
	expect(!is_activatable(f.a, "org.example.Other"));
	service_add(f.subject, "org.example.Other", SLEEP, NULL);
	service_remove(f.subject, NAME);
	services_reload(&f);
	expect(!is_activatable(f.a, NAME));
	expect(is_activatable(f.a, "org.example.Other"));
	expect_error(conn_call(f.a, msg_call(NAME, "/", "a.b", "M")), "ServiceUnknown");
	expect_error(conn_call(f.a, start_msg(NAME)), "ServiceUnknown");
	activation_stop(&f);
}

TEST(changes_are_noticed_without_a_reload)
{
	struct activation_fixture f = activation_start(NULL, NULL);

	services_reload(&f);
	add_match(f.b, "member='ActivatableServicesChanged'");
	service_add(f.subject, NAME, SLEEP, NULL);
	msg_free(conn_find_signal(f.b, "ActivatableServicesChanged"));
	expect(is_activatable(f.a, NAME));
	service_remove(f.subject, NAME);
	/* one change may be told more than once */
	while (is_activatable(f.a, NAME))
		msg_free(conn_find_signal(f.b, "ActivatableServicesChanged"));
	activation_stop(&f);
}

TEST(one_process_for_all)
{
	struct activation_fixture f = activation_start(NULL, NULL);
	uint32_t serials[10];
	char exec[256];

	snprintf(exec, sizeof(exec), "/bin/sh -c \"echo started >> %s/log; exec /bin/sleep 100\"",
		 f.subject->sandbox.dir);
	service_add(f.subject, NAME, exec, NULL);
	services_reload(&f);
	for (int i = 0; i < 10; i++)
		serials[i] = conn_send(i % 2 ? f.a : f.b,
				       i % 3 ? start_msg(NAME) : msg_call(NAME, "/", "a.b", "M"));
	conn_sync(f.a);
	conn_sync(f.b);
	file_await(f.subject, "log", 1);
	expect_eq(request_name(f.c, NAME, 0), 1u);
	expect_next(f.c, MSG_SIGNAL, "NameAcquired");
	for (int i = 0; i < 10; i += 3) {
		struct msg *call = conn_next(f.c);

		conn_send(f.c, msg_return(call));
		msg_free(call);
	}
	expect_quiet(f.c);
	for (int i = 0; i < 10; i++)
		expect_return(conn_reply(i % 2 ? f.a : f.b, serials[i]));
	expect_eq(file_lines(f.subject, "log"), 1u);
	activation_stop(&f);
}

/* DIFFERENCES kernel-starts */
TEST(max_pending_service_starts)
{
	static const char text[] = "The maximum number of pending activations has been reached, "
				   "activation of t.Other failed (max_pending_service_starts=3)";
	struct activation_fixture f =
		activation_start("<limit name=\"max_pending_service_starts\">3</limit>"
				 "<limit name=\"service_start_timeout\">600</limit>",
				 NULL);

	/* it does not see how many wait for a name: only the activator's queue does */
	bool counts_names = subject_is_pooled();
	const char *second = counts_names ? "t.Second" : NAME;
	const char *third = counts_names ? "t.Third" : NAME;

	service_add(f.subject, NAME, SLEEP, NULL);
	service_add(f.subject, "t.Second", SLEEP, NULL);
	service_add(f.subject, "t.Third", SLEEP, NULL);
	service_add(f.subject, "t.Other", SLEEP, NULL);
	services_reload(&f);
	/* all is released in the end: so it can be done again */
	for (int i = 0; i < 2; i++) {
		uint32_t serials[4], n = 0;

		/* what is counted is who waits, not for what */
		serials[n++] = conn_send(f.a, msg_call(NAME, "/", "a.b", "M"));
		if (counts_names)
			serials[n++] = conn_send(f.a, msg_call(NAME, "/", "a.b", "M"));
		serials[n++] = conn_send(f.a, start_msg(second));
		serials[n++] = conn_send(f.a, msg_call(third, "/", "a.b", "M"));
		conn_sync(f.a);
		expect_failure(conn_call(f.b, msg_call("t.Other", "/", "a.b", "M")),
			       "LimitsExceeded", text);
		expect_failure(conn_call(f.b, start_msg("t.Other")), "LimitsExceeded", text);
		for (uint32_t k = 0; k < n; k++)
			expect_error(conn_reply(f.a, serials[k]), "TimedOut");
	}
	activation_stop(&f);
}

TEST(who_is_gone_leaves_nothing_behind)
{
	struct activation_fixture f = activation_start(NULL, NULL);
	struct conn *gone;

	service_add(f.subject, NAME, SLEEP, NULL);
	services_reload(&f);
	gone = conn_new(f.subject->address);
	add_match(f.c, "member='NameOwnerChanged'");
	conn_send(gone, msg_call(NAME, "/", "a.b", "OfWhoIsGone"));
	conn_send(gone, start_msg(NAME));
	conn_sync(gone);
	conn_send(f.a, msg_call(NAME, "/", "a.b", "OfWhoStays"));
	conn_sync(f.a);
	conn_close(gone);
	msg_free(conn_find_signal(f.c, "NameOwnerChanged"));
	expect_eq(request_name(f.b, NAME, 0), 1u);
	expect_next(f.b, MSG_SIGNAL, "NameAcquired");
	expect_next(f.b, MSG_CALL, "OfWhoStays");
	expect_quiet(f.b);
	activation_stop(&f);
}

TEST(descriptors_wait_as_well)
{
	struct activation_fixture f = activation_start(NULL, NULL);
	struct msg *call;
	int fds[2];
	char byte;

	service_add(f.subject, NAME, SLEEP, NULL);
	services_reload(&f);
	expect_eq(pipe(fds), 0);
	call = msg_append(msg_call(NAME, "/", "a.b", "M"), "h", 0u);
	conn_send(f.a, msg_attach(call, fds[1]));
	conn_sync(f.a);
	close(fds[1]);
	expect_eq(request_name(f.b, NAME, 0), 1u);
	call = conn_find_call(f.b, "M");
	expect_eq(call->n_fds, 1u);
	expect_eq(write(call->fds[0], "x", 1), 1);
	expect_eq(read(fds[0], &byte, 1), 1);
	msg_free(call);
	close(fds[0]);
	activation_stop(&f);
}

TEST(a_service_that_takes_no_descriptors)
{
	struct activation_fixture f = activation_start(NULL, NULL);
	struct conn *simple = conn_auth(f.subject->address, false);
	struct msg *call;
	uint32_t serial;

	conn_hello(simple);
	service_add(f.subject, NAME, SLEEP, NULL);
	services_reload(&f);
	call = msg_append(msg_call(NAME, "/", "a.b", "WithOne"), "h", 0u);
	serial = conn_send(f.a, msg_attach(call, 0));
	conn_send(f.a, msg_call(NAME, "/", "a.b", "WithNone"));
	conn_sync(f.a);
	expect_eq(request_name(simple, NAME, 0), 1u);
	expect_next(simple, MSG_SIGNAL, "NameAcquired");
	expect_next(simple, MSG_CALL, "WithNone");
	/* a pooled bus does not say why */
	expect_error(conn_reply(f.a, serial), !subject_is_pooled() ? "NotSupported" : "NoReply");
	conn_close(simple);
	activation_stop(&f);
}
