/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Launch helper: what it starts, how it fails, and what of its caller gets through
 *
 * The program is a build for tests: its configuration lies in FOLDER, and it stays
 * who it is.  tests/system/test-launch-helper.sh has the real one.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy/launch-helper/launch-exit.h"
#include "tests/harness/tap.h"

/* what it printed */
static char output[65536];

static void __attribute__((format(printf, 2, 3)))
put_file(const char *name, const char *format, ...)
{
	char path[512];
	va_list args;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", FOLDER, name);
	f = fopen(path, "we");
	if (!f)
		fail("%s: %s", path, strerror(errno));
	va_start(args, format);
	vfprintf(f, format, args);
	va_end(args);
	expect_eq(fclose(f), 0);
}

static const char *user_name(void)
{
	struct passwd *entry = getpwuid(getuid());

	if (!entry)
		skip("this user has no name");
	return entry->pw_name;
}

/* t.x in the directory @where, which is this user's and runs @exec */
static void put_service(const char *where, const char *exec)
{
	char leaf[64];

	snprintf(leaf, sizeof(leaf), "%s/t.x.service", where);
	put_file(leaf, "[D-BUS Service]\nName=t.x\nExec=%s\nUser=%s\n", exec, user_name());
}

/* a fresh folder, with a configuration that has the directories a and b, and t.x in a */
static void begin(void)
{
	expect_eq(system("rm -rf '" FOLDER "'"), 0);
	expect_eq(mkdir(FOLDER, 0700), 0);
	expect_eq(mkdir(FOLDER "/a", 0700), 0);
	expect_eq(mkdir(FOLDER "/b", 0700), 0);
	put_file("system.conf",
		 "<busconfig><type>system</type><user>%u</user>"
		 "<servicedir>a</servicedir><servicedir>b</servicedir></busconfig>\n",
		 getuid());
	put_service("a", "/bin/echo started");
}

static void end(void)
{
	expect_eq(system("rm -rf '" FOLDER "'"), 0);
}

/* runs the helper; what it prints is in output.  @before is called in the child.
 * Its wait status. */
static int run_with(char *const *argv, char *const *environment, void (*before)(void))
{
	size_t size = 0;
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	expect_eq(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	expect(pid >= 0);
	if (!pid) {
		dup2(fds[1], STDOUT_FILENO);
		dup2(fds[1], STDERR_FILENO);
		if (before)
			before();
		execve(HELPER, argv, environment);
		_exit(127);
	}
	close(fds[1]);
	while ((n = read(fds[0], output + size, sizeof(output) - 1 - size)) > 0)
		size += n;
	output[size] = '\0';
	close(fds[0]);
	expect_eq(waitpid(pid, &status, 0), pid);
	return status;
}

static int run(const char *name)
{
	int status = run_with((char *[]){"helper", (char *)name, NULL}, (char *[]){NULL}, NULL);

	if (!WIFEXITED(status))
		fail("status %#x", status);
	return WEXITSTATUS(status);
}

/* it runs t.x, and the output is @wanted */
static void expect_output(const char *wanted)
{
	int status = run("t.x");

	if (status)
		fail("status %d: %s", status, output);
	expect_str(output, wanted);
}

TEST(a_service_is_started)
{
	begin();
	expect_output("started\n");
	put_service("a", "/bin/echo a  'b  c' \"\" $HOME");
	expect_output("a b  c  $HOME\n");
	/* its status is the status */
	put_service("a", "/bin/sh -c 'exit 77'");
	expect_eq(run("t.x"), 77);
	end();
}

TEST(the_first_good_file_of_its_name_counts)
{
	begin();
	put_service("b", "/bin/echo second");
	expect_output("started\n");
	put_file("a/t.x.service", "broken");
	expect_output("second\n");
	put_file("a/t.x.service", "[D-BUS Service]\nName=t.y\nExec=/bin/false\nUser=root\n");
	expect_output("second\n");
	expect_eq(unlink(FOLDER "/a/t.x.service"), 0);
	expect_output("second\n");
	put_file("a/other.service", "[D-BUS Service]\nName=t.x\nExec=/bin/false\nUser=root\n");
	expect_output("second\n");
	end();
}

TEST(not_one_argument_is_answered_with_the_usage)
{
	char *none[] = {NULL};

	begin();
	expect_eq(run_with((char *[]){"helper", NULL}, none, NULL), 0);
	expect_str(output, "usage: bus-proxyd-launch-helper NAME\n");
	expect_eq(run_with((char *[]){"helper", "t.x", "t.x", NULL}, none, NULL), 0);
	expect_str(output, "usage: bus-proxyd-launch-helper NAME\n");
	/* the kernel makes one empty argument of none */
	expect_eq(run_with(none, none, NULL), 0);
	end();
}

TEST(exit_5_no_bus_name)
{
	static const char *const names[] = {
		"",	      "x",	    ".",	  "..",	     "t..x",
		"/",	      "../a/t.x",   "a/t.x",	  "t.x/",    "./t.x",
		"t./../x",    "t.x\n",	    "t.x ",	  " t.x",    ":1.5",
		":t.x",	      "--help",	    "--",	  "-t.x/..", "t.x.service/",
		"t.\xc3\xa4", "t.%s%s%s%n", "t.x\033[2J", "t.1x",
	};
	char longest[300];

	begin();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (run(names[i]) != LAUNCH_EXIT_NAME)
			fail("<%s>: %s", names[i], output);
		/* it is not repeated */
		expect_str(output, "bus-proxyd-launch-helper: that is no bus name\n");
	}
	memset(longest, 'a', sizeof(longest));
	memcpy(longest, "t.", 2);
	longest[255] = '\0';
	expect_eq(run(longest), LAUNCH_EXIT_NOT_FOUND);
	longest[255] = 'a';
	longest[256] = '\0';
	expect_eq(run(longest), LAUNCH_EXIT_NAME);
	end();
}

TEST(exit_3_the_configuration_cannot_be_used)
{
	begin();
	put_file("system.conf", "<busconfig>");
	expect_eq(run("t.x"), LAUNCH_EXIT_CONFIG);
	put_file("system.conf", "<busconfig><secret/></busconfig>");
	expect_eq(run("t.x"), LAUNCH_EXIT_CONFIG);
	expect(!strstr(output, "secret"));
	expect_eq(unlink(FOLDER "/system.conf"), 0);
	expect_eq(run("t.x"), LAUNCH_EXIT_CONFIG);
	expect_eq(mkfifo(FOLDER "/system.conf", 0600), 0);
	expect_eq(run("t.x"), LAUNCH_EXIT_CONFIG);
	end();
}

TEST(exit_7_the_caller_is_not_the_bus)
{
	static const char *const elements[] = {
		"",
		"<user>nosuch-user</user>",
		"<user>4294967295</user>",
		"<user>-1</user>",
	};

	begin();
	for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++) {
		put_file("system.conf", "<busconfig>%s<servicedir>a</servicedir></busconfig>",
			 elements[i]);
		if (run("t.x") != LAUNCH_EXIT_PERMISSIONS)
			fail("%s: %s", elements[i], output);
	}
	put_file("system.conf", "<busconfig><user>%u</user><servicedir>a</servicedir></busconfig>",
		 getuid() + 1);
	expect_eq(run("t.x"), LAUNCH_EXIT_PERMISSIONS);
	/* not even whether there is such a service */
	expect_eq(run("t.y"), LAUNCH_EXIT_PERMISSIONS);
	put_file("system.conf", "<busconfig><user>%s</user><servicedir>a</servicedir></busconfig>",
		 user_name());
	expect_output("started\n");
	end();
}

TEST(exit_6_no_such_service)
{
	begin();
	expect_eq(run("t.y"), LAUNCH_EXIT_NOT_FOUND);
	expect_str(output,
		   "bus-proxyd-launch-helper: t.y: there is no service file of this name\n");
	put_file("system.conf", "<busconfig><user>%u</user></busconfig>", getuid());
	expect_eq(run("t.x"), LAUNCH_EXIT_NOT_FOUND);
	put_file("system.conf",
		 "<busconfig><user>%u</user><servicedir>system.conf</servicedir>"
		 "<servicedir>none</servicedir></busconfig>",
		 getuid());
	expect_eq(run("t.x"), LAUNCH_EXIT_NOT_FOUND);
	end();
}

TEST(exit_8_its_service_file_cannot_be_used)
{
	begin();
	put_file("a/t.x.service", "[D-BUS Service]\nName=t.y\nExec=/bin/true\nUser=root\n");
	expect_eq(run("t.x"), LAUNCH_EXIT_FILE);
	put_file("a/t.x.service", "secret");
	expect_eq(run("t.x"), LAUNCH_EXIT_FILE);
	expect(!strstr(output, "secret"));
	put_file("a/t.x.service", "[D-BUS Service]\nName=t.x\nUser=root\n");
	expect_eq(run("t.x"), LAUNCH_EXIT_FILE);
	put_file("a/t.x.service", "[D-BUS Service]\nName=t.x\nExec=/bin/true\nUser=\\q\n");
	expect_eq(run("t.x"), LAUNCH_EXIT_FILE);
	expect_eq(truncate(FOLDER "/a/t.x.service", 1ll << 40), 0);
	expect_eq(run("t.x"), LAUNCH_EXIT_FILE);
	expect_eq(unlink(FOLDER "/a/t.x.service"), 0);
	expect_eq(mkfifo(FOLDER "/a/t.x.service", 0600), 0);
	expect_eq(run("t.x"), LAUNCH_EXIT_FILE);
	expect_eq(unlink(FOLDER "/a/t.x.service"), 0);
	expect_eq(symlink("/dev/zero", FOLDER "/a/t.x.service"), 0);
	expect_eq(run("t.x"), LAUNCH_EXIT_FILE);
	expect_eq(unlink(FOLDER "/a/t.x.service"), 0);
	expect_eq(mkdir(FOLDER "/a/t.x.service", 0700), 0);
	expect_eq(run("t.x"), LAUNCH_EXIT_FILE);
	end();
}

TEST(exit_1_no_user)
{
	begin();
	put_file("a/t.x.service", "[D-BUS Service]\nName=t.x\nExec=/bin/true\n");
	expect_eq(run("t.x"), LAUNCH_EXIT_FAILED);
	end();
}

TEST(exit_4_the_user_cannot_be_taken)
{
	static const char *const users[] = {"", "nosuch-user", "0", "65534", "root ", "root:", "/"};

	begin();
	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
		put_file("a/t.x.service", "[D-BUS Service]\nName=t.x\nExec=/bin/true\nUser=%s\n",
			 users[i]);
		if (run("t.x") != LAUNCH_EXIT_SETUP)
			fail("<%s>: %s", users[i], output);
	}
	end();
}

TEST(exit_10_exec_cannot_be_split)
{
	begin();
	put_service("a", "/bin/echo \"started");
	expect_eq(run("t.x"), LAUNCH_EXIT_ARGUMENTS);
	end();
}

TEST(exit_9_nothing_to_execute)
{
	/* DIFFERENCES helper-relative-exec: dbus-daemon's would run the one of its working
	 * directory */
	static const char *const commands[] = {
		"",
		"  ",
		"#",
		"\"\"",
		"true",
		"./a/program",
		"a/program",
		"/nonexistent/program",
		"/",
		"/dev/null",
		FOLDER "/a/data",
	};

	begin();
	put_file("a/data", "x");
	put_file("a/program", "#!/bin/sh\necho started\n");
	expect_eq(chmod(FOLDER "/a/program", 0700), 0);
	expect_eq(chdir(FOLDER), 0);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		put_service("a", commands[i]);
		if (run("t.x") != LAUNCH_EXIT_EXEC)
			fail("<%s>: %s", commands[i], output);
	}
	put_service("a", FOLDER "/a/program");
	expect_output("started\n");
	end();
}

TEST(its_environment_is_its_own)
{
	static char huge[100000] = "HUGE=";
	char *environment[] = {"DBUS_STARTER_ADDRESS=unix:path=/evil",
			       "DBUS_STARTER_BUS_TYPE=session",
			       "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/evil",
			       "DBUS_SESSION_BUS_ADDRESS=unix:path=/evil",
			       "DBUS_VERBOSE=1",
			       "LD_LIBRARY_PATH=/evil",
			       "GLIBC_TUNABLES=glibc.malloc.check=3",
			       "MALLOC_TRACE=" FOLDER "/trace",
			       "LOCPATH=/evil",
			       "LC_ALL=xx_XX.evil",
			       "LANGUAGE=xx",
			       "NLSPATH=/evil",
			       "TZ=/evil",
			       "IFS=x",
			       "PATH=/evil",
			       "HOME=/evil",
			       "HOSTALIASES=/evil",
			       "XDG_DATA_DIRS=/evil",
			       "XDG_RUNTIME_DIR=/evil",
			       "XDG_DATA_HOME=/evil",
			       "NOTIFY_SOCKET=/evil",
			       "LISTEN_FDS=3",
			       "=",
			       "no equals sign",
			       huge,
			       NULL};
	int status;

	memset(huge + 5, 'x', sizeof(huge) - 6);
	begin();
	put_service("a", "/usr/bin/env");
	status = run_with((char *[]){"helper", "t.x", NULL}, environment, NULL);
	expect_eq(status, 0);
	expect_str(output, "DBUS_STARTER_ADDRESS=unix:path=/run/dbus/system_bus_socket\n"
			   "DBUS_STARTER_BUS_TYPE=system\n");
	expect(access(FOLDER "/trace", F_OK) < 0);
	end();
}

static void open_many(void)
{
	for (unsigned i = 0; i < 50; i++) {
		if (open("/", O_RDONLY) < 0)
			_exit(126);
	}
	if (dup2(0, 900) < 0)
		_exit(126);
}

static void close_standard(void)
{
	close(STDIN_FILENO);
	close(STDERR_FILENO);
}

TEST(descriptors_stay_behind)
{
	char *argv[] = {"helper", "t.x", NULL};
	char *none[] = {NULL};

	begin();
	/* the last one is that of ls itself */
	put_service("a", "/bin/ls /proc/self/fd");
	expect_eq(run_with(argv, none, open_many), 0);
	expect_str(output, "0\n1\n2\n3\n");
	expect_eq(run_with(argv, none, close_standard), 0);
	expect_str(output, "0\n1\n2\n3\n");
	/* what is opened does not become the standard error, or the input */
	put_service("a", "/bin/sh -c 'readlink /proc/$$/fd/0 /proc/$$/fd/2'");
	expect_eq(run_with(argv, none, close_standard), 0);
	expect_str(output, "/dev/null\n/dev/null\n");
	put_file("a/t.x.service", "broken");
	expect_eq(WEXITSTATUS(run_with(argv, none, close_standard)), LAUNCH_EXIT_FILE);
	end();
}

static void spoil_signals(void)
{
	const struct itimerval soon = {.it_value.tv_usec = 300000};
	sigset_t all;

	/* the kernel's struct sigaction; signal() would keep 32 and 33 to itself */
	for (int i = 1; i < 65; i++)
		syscall(SYS_rt_sigaction, i, (unsigned long[16]){(unsigned long)SIG_IGN}, NULL, 8);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	setitimer(ITIMER_VIRTUAL, &soon, NULL);
	setitimer(ITIMER_PROF, &soon, NULL);
}

TEST(signals_and_timers_stay_behind)
{
	char *argv[] = {"helper", "t.x", NULL};
	char *none[] = {NULL};

	begin();
	put_service("a", "/bin/grep -E '^Sig(Blk|Ign)' /proc/self/status");
	expect_eq(run_with(argv, none, spoil_signals), 0);
	expect_str(output, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
	put_service("a", "/bin/sleep 0.6");
	expect_eq(run_with(argv, none, spoil_signals), 0);
	end();
}

static void spoil_places(void)
{
	if (chdir(FOLDER "/a") < 0)
		_exit(126);
	umask(0);
}

TEST(umask_and_working_directory_stay_behind)
{
	begin();
	put_service("a", "/bin/sh -c 'umask; pwd'");
	expect_eq(run_with((char *[]){"helper", "t.x", NULL}, (char *[]){NULL}, spoil_places), 0);
	expect_str(output, "0022\n/\n");
	end();
}

static void break_output(void)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		_exit(126);
	dup2(fds[1], STDERR_FILENO);
	close(fds[0]);
}

TEST(nobody_reads_its_errors)
{
	int status;

	begin();
	status = run_with((char *[]){"helper", "t.y", NULL}, (char *[]){NULL}, break_output);
	expect(WIFEXITED(status));
	expect_eq(WEXITSTATUS(status), LAUNCH_EXIT_NOT_FOUND);
	end();
}
