/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The program: options, exit statuses, what it prints, pid files, signals. */
#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

/* One run that ends by itself. %C in an argument is the configuration file. */
struct run {
	int status;
	char *out, *err;
};

/* %C replaced; valid until the next one */
static const char *with_config(const struct sandbox *sandbox, const char *arg)
{
	const char *mark = strstr(arg, "%C");
	static char text[2][256];
	static unsigned int next;
	char *p = text[next++ % 2];

	if (!mark)
		return arg;
	snprintf(p, sizeof(text[0]), "%.*s%s/bus.conf", (int)(mark - arg), arg, sandbox->dir);
	return p;
}

static struct run run_subject(struct sandbox *sandbox, const char *const *args, const int *fds,
			      size_t n_fds)
{
	const char *argv[24];
	size_t n = subject_command(argv);
	struct run run;
	int status;

	/* without the engine's option: --version must be the only one */
	if (n > 1 && args[0] && !args[1]) {
		argv[0] = subject_program();
		n = 1;
	}
	unlink(sandbox_path(sandbox, "stderr"));
	for (; *args; args++)
		argv[n++] = with_config(sandbox, *args);
	argv[n] = NULL;
	status = sandbox_wait(sandbox, sandbox_spawn(sandbox, argv, fds, n_fds));
	expect(WIFEXITED(status));
	run.status = WEXITSTATUS(status);
	run.out = file_read(sandbox_path(sandbox, "stdout"));
	run.err = file_read(sandbox_path(sandbox, "stderr"));
	return run;
}

static void run_free(struct run *run)
{
	free(run->out);
	free(run->err);
}

static void write_config(struct sandbox *sandbox, const char *xml)
{
	char *text = config_text(sandbox, NULL, xml);

	file_write(sandbox_path(sandbox, "bus.conf"), text);
	free(text);
}

/* a line of output; a pid file may be written after the address is printed */
static char *wait_for_file(const char *path)
{
	int64_t deadline = now_ms() + WAIT_MS;
	char *text;

	while (!(text = file_read(path)) || !strchr(text, '\n')) {
		free(text);
		expect_lt(now_ms(), deadline);
		usleep(2000);
	}
	return text;
}

/* Options that start nothing */

static const struct option_case {
	const char *args[6];
	int status;
	bool prints_out, prints_err;
} option_cases[] = {
	{{"--version"}, 0, true, false},
	{{"--introspect"}, 0, true, false},
	{{"--help"}, 1, false, true},
	{{"-h"}, 1, false, true},
	{{"-?"}, 1, false, true},
	{{"--nonsense"}, 1, false, true},
	{{"positional"}, 1, false, true},
	{{"-x"}, 1, false, true},
	{{NULL}, 1, false, true},
	{{"--nofork"}, 1, false, true},
	{{"--session", "--system"}, 1, false, true},
	{{"--session", "--session"}, 1, false, true},
	{{"--session", "--config-file=%C"}, 1, false, true},
	{{"--config-file=%C", "--config-file=%C"}, 1, false, true},
	{{"--config-file"}, 1, false, true},
	{{"--config-file=/nonexistent"}, 1, false, true},
	{{"--config-file", "/nonexistent", "--nofork"}, 1, false, true},
	{{"--config-file=%C", "--print-address=nonsense", "--nofork"}, 1, false, true},
	{{"--config-file=%C", "--print-pid=-5", "--nofork"}, 1, false, true},
	/* a descriptor that is not open */
	{{"--config-file=%C", "--print-address=77", "--nofork"}, 1, false, true},
	{{"--config-file=%C", "--print-pid=77", "--nofork"}, 1, false, true},
	{{"--config-file=%C", "--address=nonsense", "--nofork"}, 1, false, true},
	/* no address of a bus that is not made */
	{{"--config-file=%C", "--print-address", "--nofork", "--bus=kernel:path=/nonexistent"},
	 1,
	 false,
	 true},
};

TEST(options)
{
	struct sandbox sandbox;

	sandbox_open(&sandbox);
	write_config(&sandbox, NULL);
	for (size_t i = 0; i < N_OF(option_cases); i++) {
		const struct option_case *c = &option_cases[i];
		struct run run = run_subject(&sandbox, c->args, NULL, 0);

		if (run.status != c->status || (*run.out != 0) != c->prints_out ||
		    (*run.err != 0) != c->prints_err)
			fail("%s %s: status %d, stdout \"%.60s\", stderr \"%.60s\"",
			     c->args[0] ?: "(nothing)", c->args[0] && c->args[1] ? c->args[1] : "",
			     run.status, run.out, run.err);
		run_free(&run);
	}
	sandbox_close(&sandbox);
}

TEST(version_and_introspection)
{
	struct sandbox sandbox;
	struct run run;

	sandbox_open(&sandbox);
	run = run_subject(&sandbox, (const char *[]){"--version", NULL}, NULL, 0);
	expect(strchr(run.out, '\n') != NULL);
	expect(strpbrk(run.out, "0123456789") != NULL);
	run_free(&run);
	run = run_subject(&sandbox, (const char *[]){"--introspect", NULL}, NULL, 0);
	expect(strstr(run.out, "<node") != NULL);
	expect(strstr(run.out, "<method name=\"GetNameOwner\"") != NULL);
	expect(strstr(run.out, "org.freedesktop.DBus.Monitoring") != NULL);
	run_free(&run);
	run = run_subject(&sandbox, (const char *[]){"--help", NULL}, NULL, 0);
	expect(strstr(run.err, "--print-address") != NULL);
	expect(strstr(run.err, "--config-file") != NULL);
	run_free(&run);
	sandbox_close(&sandbox);
}

/* A bus of which only the command line is given */

struct bus {
	struct sandbox sandbox;
	pid_t pid;
	int pipes[2][2]; /* what it prints to 20 and 21 */
};

static void bus_start(struct bus *bus, const char *const *args, const char *xml)
{
	const char *argv[24];
	size_t n = subject_command(argv);
	int fds[4];

	sandbox_open(&bus->sandbox);
	write_config(&bus->sandbox, xml);
	for (int i = 0; i < 2; i++) {
		expect_eq(pipe2(bus->pipes[i], O_CLOEXEC), 0);
		fds[2 * i] = bus->pipes[i][1];
		fds[2 * i + 1] = 20 + i;
	}
	argv[n++] = "--config-file";
	argv[n++] = sandbox_path(&bus->sandbox, "bus.conf");
	for (; *args; args++)
		argv[n++] = *args;
	argv[n] = NULL;
	bus->pid = sandbox_spawn(&bus->sandbox, argv, fds, 2);
	for (int i = 0; i < 2; i++)
		close(bus->pipes[i][1]);
}

/* the address that it has unless told otherwise */
static const char *bus_address(const struct bus *bus)
{
	static char address[128];

	snprintf(address, sizeof(address), "unix:path=%s/bus", bus->sandbox.dir);
	return address;
}

/* everything printed to one of the two; it is closed afterwards */
static char *bus_printed(struct bus *bus, int which)
{
	struct pollfd p = {bus->pipes[which][0], POLLIN, 0};
	struct blob blob = {0};
	char data[512];
	ssize_t n;

	do {
		if (poll(&p, 1, WAIT_MS) != 1)
			fail("a descriptor to print to stays open");
		n = read(p.fd, data, sizeof(data));
		expect_ge(n, 0);
		blob_bytes(&blob, data, n);
	} while (n);
	blob_u8(&blob, 0);
	return (char *)blob.data;
}

/* A client gets through first: until then a signal may find the bus unprepared. */
static void bus_stop(struct bus *bus, const char *address)
{
	conn_close(conn_new(address));
	expect_eq(kill(bus->pid, SIGTERM), 0);
	expect_eq(sandbox_wait(&bus->sandbox, bus->pid), 0);
	close(bus->pipes[0][0]);
	close(bus->pipes[1][0]);
	sandbox_close(&bus->sandbox);
}

static void expect_address(const char *text, const struct bus *bus)
{
	char want[128];

	snprintf(want, sizeof(want), "unix:path=%s/bus,guid=", bus->sandbox.dir);
	expect_eq(strlen(text), strlen(want) + 33);
	expect(!strncmp(text, want, strlen(want)));
	expect_eq(text[strlen(text) - 1], '\n');
}

static void expect_pid(const char *text, pid_t pid)
{
	char want[32];

	snprintf(want, sizeof(want), "%d\n", pid);
	expect_str(text, want);
}

TEST(prints_address_and_pid)
{
	static const char *const forms[][6] = {
		{"--nofork", "--print-address=20", "--print-pid=21"},
		{"--nofork", "--print-address", "20", "--print-pid", "21"},
		{"--print-pid=21", "--print-address=20", "--fork", "--nofork"},
	};

	for (size_t i = 0; i < N_OF(forms); i++) {
		struct bus bus;
		char *address, *pid;

		bus_start(&bus, forms[i], NULL);
		address = bus_printed(&bus, 0);
		expect_address(address, &bus);
		pid = bus_printed(&bus, 1);
		expect_pid(pid, bus.pid);
		conn_close(conn_new(address));
		free(address);
		free(pid);
		bus_stop(&bus, bus_address(&bus));
	}
}

TEST(prints_to_stdout_by_default)
{
	struct bus bus;
	char *text;

	bus_start(&bus, (const char *[]){"--nofork", "--print-address", NULL}, NULL);
	text = wait_for_file(sandbox_path(&bus.sandbox, "stdout"));
	expect_address(text, &bus);
	free(text);
	bus_stop(&bus, bus_address(&bus));
}

TEST(prints_nothing_unless_asked)
{
	struct pollfd p = {.events = POLLIN};
	struct bus bus;
	char *text;

	bus_start(&bus, (const char *[]){"--nofork", "--print-pid=21", NULL}, NULL);
	p.fd = bus.pipes[0][0];
	free(bus_printed(&bus, 1));
	expect_eq(poll(&p, 1, 0), 0);
	text = file_read(sandbox_path(&bus.sandbox, "stdout"));
	expect_str(text, "");
	free(text);
	bus_stop(&bus, bus_address(&bus));
}

TEST(options_that_change_nothing_here)
{
	struct bus bus;
	char *text;

	bus_start(&bus,
		  (const char *[]){"--fork", "--nofork", "--nosyslog", "--nopidfile",
				   "--systemd-activation", "--print-address=20", NULL},
		  NULL);
	text = bus_printed(&bus, 0);
	expect_address(text, &bus);
	bus_stop(&bus, text);
	free(text);
}

TEST(address_option_overrides_listen)
{
	struct sandbox where;
	char option[128], want[128], *text;
	struct bus bus;

	sandbox_open(&where);
	snprintf(option, sizeof(option), "--address=unix:path=%s/other", where.dir);
	snprintf(want, sizeof(want), "unix:path=%s/other,guid=", where.dir);
	bus_start(&bus, (const char *[]){"--nofork", option, "--print-address=20", NULL}, NULL);
	text = bus_printed(&bus, 0);
	expect(!strncmp(text, want, strlen(want)));
	expect_eq(access(sandbox_path(&bus.sandbox, "bus"), F_OK), -1);
	bus_stop(&bus, text);
	free(text);
	/* an empty one counts as not given */
	bus_start(&bus, (const char *[]){"--nofork", "--address=", "--print-address=20", NULL},
		  NULL);
	text = bus_printed(&bus, 0);
	expect_address(text, &bus);
	free(text);
	bus_stop(&bus, bus_address(&bus));
	sandbox_close(&where);
}

TEST(configuration_may_vanish_once_read)
{
	struct bus bus;
	char *text;

	bus_start(&bus, (const char *[]){"--nofork", "--print-address=20", NULL}, NULL);
	text = bus_printed(&bus, 0);
	unlink(sandbox_path(&bus.sandbox, "bus.conf"));
	conn_close(conn_new(text));
	free(text);
	bus_stop(&bus, bus_address(&bus));
}

/* Signals */

/* more clients than select() has descriptors for; what the bus starts gets the old limit back */
TEST(limit_of_descriptors_is_raised)
{
	enum { SOFT = 256, HARD = 1024 };
	struct rlimit limit;
	struct bus bus;

	if (subject_is_reference())
		skip("it raises the limit where it may go beyond the hard one, or not at all");
	expect_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){SOFT, HARD}), 0);
	bus_start(&bus, (const char *[]){"--nofork", "--print-pid=21", NULL}, NULL);
	free(bus_printed(&bus, 1));
	expect_eq(prlimit(bus.pid, RLIMIT_NOFILE, NULL, &limit), 0);
	expect_ge(limit.rlim_cur, HARD);
	expect_eq(limit.rlim_cur, limit.rlim_max);
	bus_stop(&bus, bus_address(&bus));
}

TEST(sigterm_ends_cleanly)
{
	struct bus bus;
	char *text;
	struct conn *conn;

	bus_start(&bus, (const char *[]){"--nofork", "--print-address=20", NULL}, NULL);
	text = bus_printed(&bus, 0);
	conn = conn_new(text);
	expect_eq(kill(bus.pid, SIGTERM), 0);
	expect_eq(sandbox_wait(&bus.sandbox, bus.pid), 0);
	expect_eof(conn);
	expect_eq(access(sandbox_path(&bus.sandbox, "bus"), F_OK), -1);
	conn_close(conn);
	free(text);
	close(bus.pipes[0][0]);
	close(bus.pipes[1][0]);
	sandbox_close(&bus.sandbox);
}

TEST(sighup_reloads)
{
	struct subject *subject = subject_start(NULL);
	struct conn *conn = conn_new(subject->address);
	struct sandbox *sandbox = &subject->sandbox;

	add_match(conn, "type='signal',member='ActivatableServicesChanged'");
	write_config(sandbox, "<limit name=\"max_match_rules_per_connection\">1</limit>");
	expect_eq(kill(subject->pid, SIGHUP), 0);
	expect_next(conn, MSG_SIGNAL, "ActivatableServicesChanged");
	expect_error(driver_call(conn, "AddMatch", "s", "interface='a.b'"), "LimitsExceeded");
	/* a broken file changes nothing and ends nothing */
	file_write(sandbox_path(sandbox, "bus.conf"), "<busconfig>");
	expect_eq(kill(subject->pid, SIGHUP), 0);
	expect_error(driver_call(conn, "AddMatch", "s", "interface='a.b'"), "LimitsExceeded");
	write_config(sandbox, NULL);
	expect_return(conn_call(conn, driver_msg("ReloadConfig")));
	add_match(conn, "interface='a.b'");
	conn_close(conn);
	subject_stop(subject);
}

/* What a service manager is told */

static void expect_notified(int fd, const char *want)
{
	struct pollfd p = {fd, POLLIN, 0};
	char data[512];
	ssize_t n;

	for (;;) {
		if (poll(&p, 1, WAIT_MS) != 1)
			fail("no %s", want);
		n = recv(fd, data, sizeof(data) - 1, 0);
		expect_gt(n, 0);
		data[n] = 0;
		if (strstr(data, want))
			return;
	}
}

TEST(service_manager_is_notified)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	struct sandbox where;
	struct subject *subject;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	sandbox_open(&where);
	strcpy(sa.sun_path, sandbox_path(&where, "notify"));
	expect_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	setenv("NOTIFY_SOCKET", sa.sun_path, 1);
	subject = subject_start(NULL);
	expect_notified(fd, "READY=1");
	expect_eq(kill(subject->pid, SIGHUP), 0);
	expect_notified(fd, "RELOADING=1");
	expect_notified(fd, "READY=1");
	subject_stop(subject);
	expect_notified(fd, "STOPPING=1");
	close(fd);
	sandbox_close(&where);
}

TEST(a_daemon_lets_go_of_the_pipe_that_it_was_started_with)
{
	char command[512], line[256], *text;
	const char *argv[3] = {NULL};
	struct sandbox sandbox;
	size_t n = subject_command(argv);
	int n_lines = 0, pid = 0;
	FILE *pipe;

	sandbox_open(&sandbox);
	text = config_text(&sandbox, NULL, NULL);
	file_write(sandbox_path(&sandbox, "bus.conf"), text);
	free(text);
	snprintf(command, sizeof(command),
		 "exec %s %s %s --fork --print-address=1 --print-pid=1 --config-file=%s", argv[0],
		 n > 1 ? argv[1] : "", n > 2 ? argv[2] : "", sandbox_path(&sandbox, "bus.conf"));
	pipe = popen(command, "r");
	expect(pipe);
	/* as a program does that reads all of the output: it ends while the bus runs */
	while (fgets(line, sizeof(line), pipe)) {
		pid = atoi(line);
		n_lines++;
	}
	expect_eq(n_lines, 2);
	expect_gt(pid, 0);
	expect_eq(pclose(pipe), 0);
	expect_eq(kill(pid, SIGTERM), 0);
	for (int i = 0; !kill(pid, 0) && i < 1000; i++)
		usleep(10000);
	sandbox_close(&sandbox);
}

/* DIFFERENCES reload-strict */
TEST(a_broken_file_of_an_includedir_stops_a_reload)
{
	static const char config[] =
		"<limit "
		"name=\"max_match_rules_per_connection\">%d</limit><includedir>d</includedir>";
	struct subject *subject;
	struct conn *conn;
	char xml[160];

	snprintf(xml, sizeof(xml), config, 1);
	subject = subject_start(xml);
	conn = conn_new(subject->address);
	add_match(conn, "interface='a.b'");
	expect_eq(mkdir(sandbox_path(&subject->sandbox, "d"), 0755), 0);
	file_write(sandbox_path(&subject->sandbox, "d/bad.conf"), "<busconfig><nonsense/>");
	snprintf(xml, sizeof(xml), config, 2);
	write_config(&subject->sandbox, xml);
	if (subject_is_reference()) {
		expect_return(conn_call(conn, driver_msg("ReloadConfig")));
		add_match(conn, "interface='a.b'");
	} else {
		expect_error(conn_call(conn, driver_msg("ReloadConfig")), "Failed");
		expect_error(driver_call(conn, "AddMatch", "s", "interface='a.b'"),
			     "LimitsExceeded");
	}
	conn_close(conn);
	subject_stop(subject);
}

/* Pid files */

TEST(pid_file)
{
	struct sandbox where;
	char xml[160], path[128], *text;
	struct bus bus;
	struct run run;

	sandbox_open(&where);
	snprintf(path, sizeof(path), "%s/pid", where.dir);
	snprintf(xml, sizeof(xml), "<pidfile>%s</pidfile>", path);
	bus_start(&bus, (const char *[]){"--nofork", "--print-address=20", NULL}, xml);
	free(bus_printed(&bus, 0));
	text = wait_for_file(path);
	expect_pid(text, bus.pid);
	free(text);
	bus_stop(&bus, bus_address(&bus));
	expect_eq(access(path, F_OK), -1);

	/* one that is there already, stale or not, is left alone and refused */
	file_write(path, "12345\n");
	write_config(&where, xml);
	run = run_subject(&where, (const char *[]){"--config-file=%C", "--nofork", NULL}, NULL, 0);
	expect_eq(run.status, 1);
	expect(strstr(run.err, path) != NULL);
	run_free(&run);
	text = file_read(path);
	expect_str(text, "12345\n");
	free(text);
	/* before listening */
	expect_eq(access(sandbox_path(&where, "bus"), F_OK), -1);

	bus_start(&bus, (const char *[]){"--nofork", "--nopidfile", "--print-address=20", NULL},
		  xml);
	free(bus_printed(&bus, 0));
	bus_stop(&bus, bus_address(&bus));
	text = file_read(path);
	expect_str(text, "12345\n");
	free(text);
	sandbox_close(&where);
}

/* Daemons */

static void expect_forks(const char *const *args, const char *xml)
{
	char *address, *text;
	struct bus bus;
	char stat_path[64], cwd[64] = "";
	int pid, parent, group, session;

	/* the daemon's parent ends; we inherit it */
	expect_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	bus_start(&bus, args, xml);
	expect_eq(sandbox_wait(&bus.sandbox, bus.pid), 0);
	/* printed by then */
	address = bus_printed(&bus, 0);
	expect_address(address, &bus);
	text = bus_printed(&bus, 1);
	pid = atoi(text);
	expect_gt(pid, 1);
	expect_ne(pid, bus.pid);
	free(text);
	sandbox_watch(&bus.sandbox, pid);
	conn_close(conn_new(address));
	snprintf(stat_path, sizeof(stat_path), "/proc/%d/stat", pid);
	text = file_read(stat_path);
	expect_eq(sscanf(strrchr(text, ')') + 1, " %*c %d %d %d", &parent, &group, &session), 3);
	expect_eq(session, pid);
	free(text);
	snprintf(stat_path, sizeof(stat_path), "/proc/%d/cwd", pid);
	expect_gt(readlink(stat_path, cwd, sizeof(cwd) - 1), 0);
	expect_str(cwd, "/");
	expect_eq(kill(pid, SIGTERM), 0);
	expect_eq(sandbox_wait(&bus.sandbox, pid), 0);
	free(address);
	close(bus.pipes[0][0]);
	close(bus.pipes[1][0]);
	sandbox_close(&bus.sandbox);
}

TEST(fork_option)
{
	expect_forks((const char *[]){"--fork", "--print-address=20", "--print-pid=21", NULL},
		     NULL);
}

TEST(fork_element)
{
	expect_forks((const char *[]){"--print-address=20", "--print-pid=21", NULL}, "<fork/>");
}

TEST(fork_writes_the_pid_file_of_the_daemon)
{
	struct sandbox where;
	char xml[160], path[128], *text, *pid;
	struct bus bus;

	sandbox_open(&where);
	expect_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	snprintf(path, sizeof(path), "%s/pid", where.dir);
	snprintf(xml, sizeof(xml), "<pidfile>%s</pidfile>", path);
	bus_start(&bus, (const char *[]){"--fork", "--print-pid=21", NULL}, xml);
	expect_eq(sandbox_wait(&bus.sandbox, bus.pid), 0);
	pid = bus_printed(&bus, 1);
	sandbox_watch(&bus.sandbox, atoi(pid));
	text = wait_for_file(path);
	expect_str(text, pid);
	free(text);
	bus.pid = atoi(pid);
	free(pid);
	bus_stop(&bus, bus_address(&bus));
	expect_eq(access(path, F_OK), -1);
	sandbox_close(&where);
}

/* test-suites and service managers start it so */
TEST(started_with_standard_descriptors_closed)
{
	static const char script[] = "exec 0<&- 1>&- 2>&-; exec \"$@\"";
	const char *argv[16] = {"sh", "-c", script, "sh"};
	struct sandbox sandbox;
	int pipe_fds[2], fds[2];
	char data[256];
	size_t n = 4;
	pid_t pid;

	sandbox_open(&sandbox);
	write_config(&sandbox, NULL);
	expect_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
	n += subject_command(argv + n);
	argv[n++] = "--config-file";
	argv[n++] = sandbox_path(&sandbox, "bus.conf");
	argv[n++] = "--nofork";
	argv[n++] = "--print-address=8";
	argv[n] = NULL;
	fds[0] = pipe_fds[1];
	fds[1] = 8;
	pid = sandbox_spawn(&sandbox, argv, fds, 1);
	close(pipe_fds[1]);
	n = read(pipe_fds[0], data, sizeof(data) - 1);
	expect_gt(n, 40);
	data[n] = 0;
	conn_close(conn_new(data));
	expect_eq(kill(pid, SIGTERM), 0);
	expect_eq(sandbox_wait(&sandbox, pid), 0);
	close(pipe_fds[0]);
	sandbox_close(&sandbox);
}

/* Configurations that are refused: the file is named */
TEST(broken_configuration)
{
	static const char *const broken[] = {
		"",
		"nonsense",
		"<busconfig>",
		"<other/>",
		"<busconfig><listen>unix:path=/tmp/x",
		"<busconfig><nonsense/><listen>unix:tmpdir=/tmp</listen></busconfig>",
		"<busconfig><listen>unix:tmpdir=/tmp</listen><limit name=\"none\">1</limit>"
		"</busconfig>",
		"<busconfig></busconfig>",
	};
	struct sandbox sandbox;

	sandbox_open(&sandbox);
	for (size_t i = 0; i < N_OF(broken); i++) {
		struct run run;

		file_write(sandbox_path(&sandbox, "bus.conf"), broken[i]);
		run = run_subject(&sandbox, (const char *[]){"--config-file=%C", "--nofork", NULL},
				  NULL, 0);
		if (run.status != 1 || !*run.err)
			fail("%s: status %d, \"%s\"", broken[i], run.status, run.err);
		run_free(&run);
	}
	sandbox_close(&sandbox);
}
