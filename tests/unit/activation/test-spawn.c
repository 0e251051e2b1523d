/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs that the bus starts: how they begin, and that each end is told once */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy/activation/spawn.h"
#include "tests/harness/tap.h"

static struct loop loop;
static struct spawns spawns;
static unsigned n_ended;
static enum spawn_end last_end;
static int last_value;

static void ended(void *userdata, enum spawn_end end, int value)
{
	expect(userdata == &n_ended);
	n_ended++;
	last_end = end;
	last_value = value;
}

static bool turn(void *userdata)
{
	spawns_collect(&spawns);
	if (list_empty(&spawns.children))
		loop_stop(&loop);
	return false;
}

static void begin(void)
{
	expect_eq(loop_init(&loop), 0);
	spawns_init(&spawns, &loop);
}

/* until no child is left */
static void run(void)
{
	loop.is_stopped = false;
	expect_eq(loop_run(&loop, turn, NULL), 0);
}

static void end(void)
{
	spawns_deinit(&spawns);
	spawns_deinit(&spawns);
	loop_deinit(&loop);
	/* no child is left behind */
	expect_eq(waitpid(-1, NULL, WNOHANG), -1);
	expect_eq(errno, ECHILD);
}

static struct spawn *start(const char *program, const char *command, const struct rlimit *n_files)
{
	char *argv[] = {(char *)program, "-c", (char *)command, NULL};
	char *envp[] = {"A=1", "PATH=/usr/bin:/bin", NULL};
	struct spawn *spawn;

	expect_eq(spawn_start(&spawns, argv, envp, n_files, ended, &n_ended, &spawn), 0);
	return spawn;
}

static const struct {
	const char *program, *command;
	enum spawn_end end;
	int value;
} ends[] = {
	{"/bin/sh", "exit 0", SPAWN_EXITED, 0},
	{"/bin/sh", "exit 7", SPAWN_EXITED, 7},
	{"/bin/sh", "exit 127", SPAWN_EXITED, 127},
	{"/bin/sh", "kill -9 $$", SPAWN_SIGNALED, SIGKILL},
	{"/bin/sh", "kill -15 $$", SPAWN_SIGNALED, SIGTERM},
	{"/no/such/program", "", SPAWN_NOT_EXECUTED, ENOENT},
	{"sh", "exit 0", SPAWN_NOT_EXECUTED, ENOENT},
	{"/", "", SPAWN_NOT_EXECUTED, EACCES},
	{"/etc/passwd", "", SPAWN_NOT_EXECUTED, EACCES},
};

TEST(each_end_is_told_once)
{
	begin();
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		n_ended = 0;
		start(ends[i].program, ends[i].command, NULL);
		run();
		expect_eq(n_ended, 1u);
		expect_eq(last_end, ends[i].end);
		expect_eq(last_value, ends[i].value);
	}
	end();
}

TEST(nobody_is_told_of_what_is_forgotten)
{
	struct spawn *spawn;

	begin();
	expect_eq(spawn_forget(start("/bin/sh", "exit 7", NULL)), NULL);
	expect_eq(spawn_forget(start("/no/such/program", "", NULL)), NULL);
	run();
	expect_eq(n_ended, 0u);
	expect_eq(spawn_forget(NULL), NULL);
	expect_eq(spawn_kill(NULL), NULL);
	/* killed, it ends, and is not told of either */
	spawn = start("/bin/sh", "trap '' TERM; sleep 100", NULL);
	expect_eq(spawn_kill(spawn), NULL);
	run();
	expect_eq(n_ended, 0u);
	end();
}

TEST(many_at_once)
{
	begin();
	for (int i = 0; i < 100; i++)
		start("/bin/sh", "exit 3", NULL);
	run();
	expect_eq(n_ended, 100u);
	end();
}

/* what a child sees, as its exit status: 0 is fine */
static int check(const char *command, const struct rlimit *n_files)
{
	n_ended = 0;
	start("/bin/sh", command, n_files);
	run();
	expect_eq(last_end, SPAWN_EXITED);
	return last_value;
}

TEST(how_a_child_begins)
{
	struct rlimit limit;
	sigset_t mask;
	int fd;

	begin();
	/* things of the bus' that are none of its business */
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGHUP);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	fd = open("/dev/zero", O_RDONLY);
	expect_ge(fd, 0);
	/* as the bus does at start */
	expect_eq(close_range(3, ~0U, CLOSE_RANGE_CLOEXEC), 0);
	expect_eq(check("grep -q '^SigBlk:.0*$' /proc/self/status", NULL), 0);
	expect_eq(check("grep -q '^SigIgn:.0*$' /proc/self/status", NULL), 0);
	expect_eq(check("test \"$(ls /proc/self/fd | tr -d '\\n')\" = 0123", NULL), 0);
	expect_eq(check("test $(readlink /proc/self/fd/0) = /dev/null", NULL), 0);
	expect_eq(check("test \"$A\" = 1 && test -z \"$HOME\"", NULL), 0);
	limit = (struct rlimit){33, 44};
	expect_eq(check("test $(ulimit -Sn) = 33 && test $(ulimit -Hn) = 44", &limit), 0);
	close(fd);
	end();
}

TEST(without_descriptors_nothing_is_started)
{
	char *argv[] = {"/bin/true", NULL}, *envp[] = {NULL};
	struct rlimit old, limit;
	struct spawn *spawn = NULL;

	begin();
	expect_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	limit = old;
	/* one more than there are: too few for a pipe; two more: for the pidfd */
	for (rlim_t n = 1; n <= 2; n++) {
		int next = dup(0);

		close(next);
		limit.rlim_cur = next + n;
		expect_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
		expect_eq(spawn_start(&spawns, argv, envp, NULL, ended, &n_ended, &spawn),
			  n == 1 ? -EMFILE : 0);
	}
	expect_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	run();
	expect_eq(n_ended, 1u);
	end();
}
