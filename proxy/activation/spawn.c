/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs that the bus starts: see spawn.h.
 *
 * The child has a pipe that exec closes: what comes out of it is why exec failed.  Its
 * end is seen on a pidfd, so that no SIGCHLD is needed and nobody else's child is ever
 * waited for.  Both are read when the loop says so; whoever started it is told at the end
 * of the turn.
 *
 * A child that nobody asks about any more stays in the list until it can be reaped.
 */
#include "proxy/activation/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy/base/cleanup.h"
#include "proxy/base/reap.h"

/* glibc has it under this name from 2.36 on, elsewhere it may be missing */
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

/**
 * struct spawn - a child
 * @link: in spawns->children or spawns->ended
 * @exec: the pipe; fd -1 once the program runs, or could not
 * @exit: pidfd
 * @ended: NULL: nobody asks
 */
struct spawn {
	struct list_head link;
	struct spawns *spawns;
	pid_t pid;
	struct loop_source exec;
	struct loop_source exit;
	spawn_ended_fn ended;
	void *userdata;
	enum spawn_end end;
	int value;
};

/* THE CHILD: nothing but system calls */

/* a bus may be protected from the OOM killer; what it starts has to ask for that itself */
static void child_reset_oom_score(void)
{
	int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
	char score[16];
	ssize_t size;

	if (fd < 0)
		return;
	size = read(fd, score, sizeof(score));
	if (size > 0 && score[0] == '-' && pwrite(fd, "0", 1, 0) < 0)
		errno = 0; /* less than was asked for is no reason not to start */
	close(fd);
}

static void child_reset_signals(void)
{
	/* as the kernel has it: all zero is the default.  sigaction() would leave out those that
	 * libc keeps for itself, which may be ignored by inheritance. */
	static const unsigned long action[8];
	sigset_t none;

	for (int i = 1; i < _NSIG; i++)
		syscall(SYS_rt_sigaction, i, action, NULL, _NSIG / 8);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int child_prepare(const struct rlimit *n_files)
{
	int fd = open("/dev/null", O_RDONLY);

	if (fd < 0 || dup2(fd, STDIN_FILENO) < 0)
		return errno;
	/* those of the bus close themselves on exec, and so does what libraries opened */
	if (fd != STDIN_FILENO)
		close(fd);
	if (n_files && setrlimit(RLIMIT_NOFILE, n_files) < 0)
		return errno;
	child_reset_oom_score();
	child_reset_signals();
	return 0;
}

static void __attribute__((noreturn))
child_run(char *const *argv, char *const *envp, const struct rlimit *n_files, int fd)
{
	int error = child_prepare(n_files);

	if (!error) {
		execve(argv[0], argv, envp);
		error = errno;
	}
	/* who does not read it sees the status */
	if (write(fd, &error, sizeof(error)) < 0)
		_exit(126);
	_exit(127);
}

/* THE BUS */

static void spawn_close(struct spawn *spawn, struct loop_source *source)
{
	if (source->fd < 0)
		return;
	loop_remove(spawn->spawns->loop, source);
	close(steal_fd(&source->fd));
}

static void spawn_free(struct spawn *spawn)
{
	spawn_close(spawn, &spawn->exec);
	spawn_close(spawn, &spawn->exit);
	list_del(&spawn->link);
	free(spawn);
}

/* exec has happened, one way or the other */
static void spawn_executed(struct spawn *spawn)
{
	int error;

	if (spawn->exec.fd >= 0 && read(spawn->exec.fd, &error, sizeof(error)) == sizeof(error)) {
		spawn->end = SPAWN_NOT_EXECUTED;
		spawn->value = error;
	}
	spawn_close(spawn, &spawn->exec);
}

static void spawn_exec_ready(struct loop_source *source, uint32_t events)
{
	spawn_executed(container_of(source, struct spawn, exec));
}

static void spawn_exit_ready(struct loop_source *source, uint32_t events)
{
	struct spawn *spawn = container_of(source, struct spawn, exit);
	siginfo_t info = {.si_pid = 0};

	if (waitid(P_PIDFD, source->fd, &info, WEXITED | WNOHANG) < 0)
		info.si_code = CLD_EXITED; /* somebody ignores SIGCHLD for us: no more is known */
	else if (!info.si_pid)
		return;
	spawn_executed(spawn);
	if (spawn->end != SPAWN_NOT_EXECUTED) {
		spawn->end = info.si_code == CLD_EXITED ? SPAWN_EXITED : SPAWN_SIGNALED;
		spawn->value = info.si_status;
	}
	spawn_close(spawn, &spawn->exit);
	list_move_tail(&spawn->link, &spawn->spawns->ended);
}

void spawns_init(struct spawns *spawns, struct loop *loop)
{
	spawns->loop = loop;
	INIT_LIST_HEAD(&spawns->children);
	INIT_LIST_HEAD(&spawns->ended);
	/* inherited, it would reap children before anybody has seen how they ended */
	signal(SIGCHLD, SIG_DFL);
}

void spawns_deinit(struct spawns *spawns)
{
	struct spawn *spawn, *tmp;

	list_for_each_entry_safe(spawn, tmp, &spawns->children, link)
		spawn_free(spawn);
	list_for_each_entry_safe(spawn, tmp, &spawns->ended, link)
		spawn_free(spawn);
}

void spawns_collect(struct spawns *spawns)
{
	struct spawn *spawn;

	while ((spawn = list_first_entry_or_null(&spawns->ended, struct spawn, link))) {
		if (spawn->ended)
			spawn->ended(spawn->userdata, spawn->end, spawn->value);
		spawn_free(spawn);
	}
}

static int spawn_watch(struct spawn *spawn)
{
	struct loop *loop = spawn->spawns->loop;
	int r;

	spawn->exec.dispatch = spawn_exec_ready;
	spawn->exit.dispatch = spawn_exit_ready;
	r = loop_add(loop, &spawn->exec, EPOLLIN);
	if (!r)
		r = loop_add(loop, &spawn->exit, EPOLLIN);
	return r;
}

/* a child that cannot be watched is none */
static void spawn_abandon(struct spawn *spawn)
{
	reap(spawn->pid);
}

static int spawn_fork(struct spawn *spawn, char *const *argv, char *const *envp,
		      const struct rlimit *n_files)
{
	sigset_t all, old;
	int fds[2], r = 0;

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	/* no handler of the bus may run in the child */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	spawn->pid = fork();
	if (!spawn->pid)
		child_run(argv, envp, n_files, fds[1]);
	if (spawn->pid < 0)
		r = -errno;
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(fds[1]);
	if (r < 0) {
		close(fds[0]);
		return r;
	}
	spawn->exec.fd = fds[0];
	/* it has not been reaped: the number is its */
	spawn->exit.fd = syscall(SYS_pidfd_open, spawn->pid, 0);
	if (spawn->exit.fd < 0)
		r = -errno;
	if (!r)
		r = spawn_watch(spawn);
	if (r < 0)
		spawn_abandon(spawn);
	return r;
}

int spawn_start(struct spawns *spawns, char *const *argv, char *const *envp,
		const struct rlimit *n_files, spawn_ended_fn ended, void *userdata,
		struct spawn **spawn_out)
{
	struct spawn *spawn = calloc(1, sizeof(*spawn));
	int r;

	if (!spawn)
		return -ENOMEM;
	spawn->spawns = spawns;
	spawn->exec.fd = -1;
	spawn->exit.fd = -1;
	spawn->end = SPAWN_EXITED;
	spawn->ended = ended;
	spawn->userdata = userdata;
	list_add_tail(&spawn->link, &spawns->children);
	r = spawn_fork(spawn, argv, envp, n_files);
	if (r < 0) {
		spawn_free(spawn);
		return r;
	}
	*spawn_out = spawn;
	return 0;
}

struct spawn *spawn_forget(struct spawn *spawn)
{
	if (spawn)
		spawn->ended = NULL;
	return NULL;
}

struct spawn *spawn_kill(struct spawn *spawn)
{
	/* in the list of the living it has not been reaped, and the number is still its */
	if (spawn && spawn->exit.fd >= 0)
		kill(spawn->pid, SIGKILL);
	return spawn_forget(spawn);
}
