/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The program that is started for a service: what it finds, and what of it counts */
#include "tests/conformance/activation.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#define NAME "org.example.Service"

/* starts a shell that writes what a command says, and returns that; the caller frees */
static char *run_in_child(struct activation_fixture *f, const char *command)
{
	const char *dir = f->subject->sandbox.dir;
	char exec[1024], *text;

	unlink(sandbox_path(&f->subject->sandbox, "out"));
	unlink(sandbox_path(&f->subject->sandbox, "done"));
	snprintf(exec, sizeof(exec), "/bin/sh -c \"(%s) > %s/out; echo > %s/done\"", command, dir,
		 dir);
	service_add(f->subject, NAME, exec, NULL);
	services_reload(f);
	conn_send(f->b, msg_call(NAME, "/", "a.b", "M"));
	file_await(f->subject, "done", 1);
	/* that one is over: it counts as activated */
	expect_eq(request_name(f->c, NAME, 0), 1u);
	expect_eq(release_name(f->c, NAME), 1u);
	text = file_read(sandbox_path(&f->subject->sandbox, "out"));
	expect(text != NULL);
	return text;
}

/* the value of a variable in the output of env; static; NULL: not there */
static const char *find_variable(const char *env, const char *name)
{
	static char value[4096];
	size_t len = strlen(name);

	for (const char *line = env; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, len) || line[len] != '=')
			continue;
		snprintf(value, sizeof(value), "%.*s", (int)strcspn(line + len + 1, "\n"),
			 line + len + 1);
		return value;
	}
	return NULL;
}

TEST(environment)
{
	struct activation_fixture f;
	char *env;

	/* what a service manager would say to the bus */
	setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
	setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/system", 1);
	setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/session", 1);
	setenv("BP_INHERITED", "from the bus", 1);
	f = activation_start(NULL, NULL);
	env = run_in_child(&f, "env");
	expect_str(find_variable(env, "DBUS_STARTER_ADDRESS"), f.subject->address);
	expect_str(find_variable(env, "DBUS_STARTER_BUS_TYPE"), "session");
	expect_str(find_variable(env, "DBUS_SESSION_BUS_ADDRESS"), f.subject->address);
	expect_str(find_variable(env, "DBUS_SYSTEM_BUS_ADDRESS"), "unix:path=/nonexistent/system");
	expect_str(find_variable(env, "BP_INHERITED"), "from the bus");
	if (!subject_is_reference())
		expect_str(find_variable(env, "NOTIFY_SOCKET"), NULL);
	free(env);
	activation_stop(&f);
}

TEST(environment_by_type)
{
	static const struct {
		const char *xml, *type, *variable;
	} types[] = {
		{"<type>system</type>", "system", "DBUS_SYSTEM_BUS_ADDRESS"},
		{"<type>other</type>", "other", NULL},
	};

	unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
	unsetenv("DBUS_SESSION_BUS_ADDRESS");
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct activation_fixture f = activation_start(types[i].xml, NULL);
		char *env = run_in_child(&f, "env");

		expect_str(find_variable(env, "DBUS_STARTER_ADDRESS"), f.subject->address);
		expect_str(find_variable(env, "DBUS_STARTER_BUS_TYPE"), types[i].type);
		expect_str(find_variable(env, "DBUS_SESSION_BUS_ADDRESS"), NULL);
		expect_str(find_variable(env, "DBUS_SYSTEM_BUS_ADDRESS"),
			   types[i].variable ? f.subject->address : NULL);
		free(env);
		activation_stop(&f);
	}
}

TEST(environment_is_changed_for_what_is_started_later)
{
	struct activation_fixture f = activation_start(NULL, NULL);
	struct msg *msg = driver_msg("UpdateActivationEnvironment");
	char *env;

	expect_return(conn_call(f.a, msg_append(msg, "a{ss}", 3u, "BP_NEW", "new", "HOME",
						"/changed", "DBUS_STARTER_ADDRESS", "wrong")));
	env = run_in_child(&f, "env");
	expect_str(find_variable(env, "BP_NEW"), "new");
	expect_str(find_variable(env, "HOME"), "/changed");
	expect_str(find_variable(env, "DBUS_STARTER_ADDRESS"), f.subject->address);
	free(env);
	/* and again */
	msg = driver_msg("UpdateActivationEnvironment");
	expect_return(conn_call(f.a, msg_append(msg, "a{ss}", 1u, "BP_NEW", "")));
	env = run_in_child(&f, "env");
	expect_str(find_variable(env, "BP_NEW"), "");
	free(env);
	activation_stop(&f);
}

TEST(descriptors)
{
	struct activation_fixture f = activation_start(NULL, NULL);
	char *text;

	/* ls has one of its own; the shell's redirection is stdout */
	text = run_in_child(&f, "ls /proc/self/fd");
	expect_str(text, "0\n1\n2\n3\n");
	free(text);
	text = run_in_child(&f, "readlink /proc/self/fd/0");
	expect_str(text, "/dev/null\n");
	free(text);
	activation_stop(&f);
}

TEST(signals_are_as_usual)
{
	struct activation_fixture f = activation_start(NULL, NULL);
	unsigned long long blocked, ignored;
	char *text;

	text = run_in_child(&f, "grep -E '^Sig(Blk|Ign)' /proc/self/status");
	expect_eq(sscanf(text, "SigBlk: %llx SigIgn: %llx", &blocked, &ignored), 2);
	expect_eq(blocked, 0ull);
	/* DIFFERENCES child-sigpipe; and the reference passes on what it was started with itself.
	 */
	if (subject_is_reference())
		expect_ne(ignored & 1ull << (SIGPIPE - 1), 0ull);
	else
		expect_eq(ignored, 0ull);
	free(text);
	activation_stop(&f);
}

TEST(limit_of_descriptors_is_that_of_the_bus_at_start)
{
	struct activation_fixture f;
	struct rlimit limit = {512, 4096};
	char *text;

	expect_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	/* the harness sets soft and hard limit to the same where it is told one */
	f = activation_start(NULL, NULL);
	text = run_in_child(&f, "ulimit -Sn");
	expect_str(text, "4096\n");
	free(text);
	activation_stop(&f);
}

TEST(working_directory_session_and_umask_are_those_of_the_bus)
{
	struct activation_fixture f = activation_start(NULL, NULL);
	char *text, cwd[512], expected[1024];

	snprintf(expected, sizeof(expected), "/proc/%d/cwd", f.subject->pid);
	cwd[readlink(expected, cwd, sizeof(cwd) - 1)] = '\0';
	snprintf(expected, sizeof(expected), "%s\n%d\n", cwd, (int)getsid(f.subject->pid));
	text = run_in_child(&f, "pwd; cut -d' ' -f6 /proc/self/stat");
	expect_str(text, expected);
	free(text);
	activation_stop(&f);
}

TEST(late_end_of_an_attempt_is_nothing_to_the_next)
{
	struct activation_fixture f = activation_start(NULL, NULL);
	char exec[512];
	uint32_t serial;

	/* the first one lives on after its name has come and gone, and then fails */
	snprintf(exec, sizeof(exec),
		 "/bin/sh -c \"echo x >> %s/log; while ! test -e %s/fail; do sleep 0.01; done; "
		 "rm %s/fail; exit 7\"",
		 f.subject->sandbox.dir, f.subject->sandbox.dir, f.subject->sandbox.dir);
	service_add(f.subject, NAME, exec, NULL);
	services_reload(&f);
	conn_send(f.a, start_msg(NAME));
	file_await(f.subject, "log", 1);
	expect_eq(request_name(f.b, NAME, 0), 1u);
	expect_eq(release_name(f.b, NAME), 1u);
	conn_drop(f.b);
	conn_sync(f.a);
	conn_drop(f.a);
	service_add(f.subject, NAME, "/bin/sleep 100", NULL);
	services_reload(&f);
	serial = conn_send(f.a, msg_call(NAME, "/", "a.b", "M"));
	conn_sync(f.a);
	file_write(sandbox_path(&f.subject->sandbox, "fail"), "");
	while (!access(sandbox_path(&f.subject->sandbox, "fail"), F_OK))
		usleep(5000);
	usleep(50000);
	conn_sync(f.a);
	expect_quiet(f.a);
	expect_eq(request_name(f.b, NAME, 0), 1u);
	expect_next(f.b, MSG_SIGNAL, "NameAcquired");
	expect_next(f.b, MSG_CALL, "M");
	(void)serial;
	activation_stop(&f);
}

TEST(who_claims_another_name)
{
	struct activation_fixture f =
		activation_start("<limit name=\"service_start_timeout\">400</limit>", NULL);
	uint32_t serial;

	service_add(f.subject, NAME, "/bin/sleep 100", NULL);
	service_add(f.subject, "org.example.Other", "/bin/sleep 100", NULL);
	services_reload(&f);
	serial = conn_send(f.a, msg_call(NAME, "/", "a.b", "M"));
	conn_sync(f.a);
	expect_eq(request_name(f.b, "org.example.Other", 0), 1u);
	expect_error(conn_reply(f.a, serial), "TimedOut");
	activation_stop(&f);
}

/* children that ended are not left behind, and neither is anything of the bus' */
TEST(nothing_stays_of_many_failures)
{
	struct activation_fixture f = activation_start(NULL, NULL);
	unsigned n_fds;
	char path[64], *children;

	if (subject_is_reference())
		skip("its children are reaped by and by");
	service_add(f.subject, NAME, "/bin/false", NULL);
	services_reload(&f);
	expect_error(conn_call(f.a, start_msg(NAME)), "Spawn.ChildExited");
	n_fds = subject_n_fds(f.subject);
	for (int i = 0; i < 50; i++)
		expect_error(conn_call(f.a, msg_call(NAME, "/", "a.b", "M")), "Spawn.ChildExited");
	expect_eq(subject_settle_fds(f.subject, n_fds), n_fds);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", f.subject->pid, f.subject->pid);
	children = file_read(path);
	expect_str(children ?: "", "");
	free(children);
	activation_stop(&f);
}

static void expect_logged(struct subject *subject, const char *text)
{
	char *log = file_read(sandbox_path(&subject->sandbox, "stderr"));

	if (!strstr(log ?: "", text))
		fail("\"%s\" is not in the log", text);
	free(log);
}

TEST(the_log_says_what_is_started_and_for_whom)
{
	struct activation_fixture f = activation_start(NULL, NULL);
	char text[256];

	service_add(f.subject, NAME, "/bin/false", NULL);
	services_reload(&f);
	expect_error(conn_call(f.a, start_msg(NAME)), "Spawn.ChildExited");
	snprintf(text, sizeof(text),
		 "Activating service name='" NAME "' requested by '%s' (uid=%d pid=%d comm=\"",
		 f.a->unique, geteuid(), getpid());
	expect_logged(f.subject, text);
	expect_logged(f.subject,
		      "Activated service '" NAME "' failed: Process " NAME " exited with status 1");
	service_add(f.subject, NAME, "/bin/sleep 100", NULL);
	services_reload(&f);
	conn_send(f.b, msg_call(NAME, "/", "a.b", "M"));
	conn_sync(f.b);
	expect_eq(request_name(f.c, NAME, 0), 1u);
	conn_sync(f.c);
	expect_logged(f.subject, "Successfully activated service '" NAME "'");
	activation_stop(&f);
}

/* of the messages that waited in vain nothing stays charged to who sent them */
TEST(quota_is_given_back)
{
	enum { N = 20, SIZE = 10000 };
	struct activation_fixture f =
		activation_start("<limit name=\"max_outgoing_bytes\">100000</limit>", NULL);
	static uint8_t bytes[4 + SIZE];
	unsigned n_refused[2] = {0};
	uint32_t serials[N], size = SIZE;
	char exec[256];

	memcpy(bytes, &size, sizeof(size));
	snprintf(exec, sizeof(exec),
		 "/bin/sh -c \"while ! test -e %s/fail; do sleep 0.01; done; exit 1\"",
		 f.subject->sandbox.dir);
	service_add(f.subject, NAME, exec, NULL);
	services_reload(&f);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < N; i++)
			serials[i] = conn_send(f.a, msg_body(msg_call(NAME, "/", "a.b", "M"), "ay",
							     bytes, sizeof(bytes)));
		conn_sync(f.a);
		file_write(sandbox_path(&f.subject->sandbox, "fail"), "");
		for (int i = 0; i < N; i++) {
			struct msg *reply = conn_reply(f.a, serials[i]);

			if (!strcmp(reply->error_name ?: "", DRIVER_ERROR "LimitsExceeded"))
				n_refused[round]++;
			else
				expect_str(reply->error_name, DRIVER_ERROR "Spawn.ChildExited");
			msg_free(reply);
		}
		unlink(sandbox_path(&f.subject->sandbox, "fail"));
	}
	expect_eq(n_refused[0], n_refused[1]);
	/* the other subject has no bound for what waits */
	if (!subject_is_reference())
		expect_gt(n_refused[0], 0u);
	activation_stop(&f);
}
