/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Process: see process.h. */
#include "proxy/process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy/base/cleanup.h"

enum { NOFILE_WANTED = 65536 };

/* as process_prepare() found it; a property of the process as the limit itself is */
static struct rlimit original_nofile = {RLIM_INFINITY, RLIM_INFINITY};

static void cap_freep(cap_t *caps)
{
	if (*caps)
		cap_free(*caps);
}

static int process_open_null(int target)
{
	int fd = open("/dev/null", O_RDWR);

	if (fd < 0)
		return -errno;
	if (fd == target)
		return 0;
	if (dup2(fd, target) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	close(fd);
	return 0;
}

static int process_raise_nofile(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &original_nofile) < 0)
		return -errno;
	limit = original_nofile;
	/* as root the hard limit is ours to raise: so far as dbus-daemon does */
	if (limit.rlim_max < NOFILE_WANTED && !geteuid())
		limit.rlim_max = NOFILE_WANTED;
	limit.rlim_cur = limit.rlim_max;
	/* best effort: with less it serves fewer clients */
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
		limit = original_nofile;
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	return 0;
}

int process_prepare(void)
{
	int r;

	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		r = process_open_null(fd);
		if (r < 0)
			return r;
	}
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return -errno;
	return process_raise_nofile();
}

struct rlimit process_original_nofile(void)
{
	return original_nofile;
}

static void __attribute__((noreturn)) process_await(pid_t child, int fd)
{
	int status;
	char byte;

	if (read(fd, &byte, 1) == 1)
		_exit(0);
	if (waitpid(child, &status, 0) == child && WIFEXITED(status))
		_exit(WEXITSTATUS(status));
	_exit(1);
}

int process_fork(bool keep_umask, int *ready_fd_out)
{
	int fds[2], r;
	pid_t child;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child < 0) {
		r = -errno;
		close(fds[0]);
		close(fds[1]);
		return r;
	}
	if (child) {
		close(fds[1]);
		process_await(child, fds[0]);
	}
	close(fds[0]);
	r = process_open_null(STDIN_FILENO);
	if (r >= 0 && chdir("/") < 0)
		r = -errno;
	if (r < 0) {
		close(fds[1]);
		return r;
	}
	setsid();
	if (!keep_umask)
		umask(022);
	*ready_fd_out = fds[1];
	return 0;
}

int process_detach(void)
{
	int r;

	r = process_open_null(STDOUT_FILENO);
	if (!r)
		r = process_open_null(STDERR_FILENO);
	return r;
}

void process_ready(int *ready_fd)
{
	char byte = 0;

	if (*ready_fd < 0)
		return;
	/* where the parent is gone, nobody needs to know */
	if (write(*ready_fd, &byte, 1) < 0)
		errno = 0;
	close(steal_fd(ready_fd));
}

static int process_find_user(const char *user, struct passwd **entry_out)
{
	unsigned long uid;
	char *end;

	errno = 0;
	*entry_out = getpwnam(user);
	if (*entry_out)
		return 0;
	uid = strtoul(user, &end, 10);
	if (end != user && !*end && uid < UINT32_MAX)
		*entry_out = getpwuid(uid);
	if (*entry_out)
		return 0;
	return errno && errno != ENOENT ? -errno : -ENOENT;
}

/* the kernel has cleared them with the uid, the others as well; that none but @capability is left
 * is not left to it */
static int process_set_capability(int capability)
{
	__cleanup(cap_freep) cap_t set = cap_init();
	cap_value_t value = capability;

	if (!set)
		return -errno;
	if (capability >= 0 && (cap_set_flag(set, CAP_PERMITTED, 1, &value, CAP_SET) < 0 ||
				cap_set_flag(set, CAP_EFFECTIVE, 1, &value, CAP_SET) < 0))
		return -errno;
	return cap_set_proc(set) < 0 ? -errno : 0;
}

int process_become(const char *user, int capability)
{
	struct passwd *entry;
	int r;

	r = process_find_user(user, &entry);
	if (r < 0)
		return r;
	if (geteuid() || !entry->pw_uid)
		return 0;
	if (capability >= 0 && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return -errno;
	if (initgroups(entry->pw_name, entry->pw_gid) < 0 ||
	    setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) < 0 ||
	    setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) < 0)
		return -errno;
	return process_set_capability(capability);
}

int process_print(int fd, const char *text)
{
	int r = 0;

	if (dprintf(fd, "%s\n", text) < 0)
		r = -errno;
	if (fd > 2)
		close(fd);
	return r;
}

int process_check_pidfile(const char *path)
{
	struct stat st;

	if (!lstat(path, &st))
		return -EEXIST;
	return errno == ENOENT ? 0 : -errno;
}

int process_write_pidfile(const char *path)
{
	int fd, r = 0;

	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	if (dprintf(fd, "%lu\n", (unsigned long)getpid()) < 0)
		r = -errno;
	if (close(fd) < 0 && !r)
		r = -errno;
	if (r)
		unlink(path);
	return r;
}
