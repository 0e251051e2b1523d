/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Launch helper: what a process takes over from the one that started it
 *
 * Whoever may start a setuid program chooses more for it than its arguments: its
 * environment, descriptors, signals, timers, limits, umask and working directory,
 * all of which would go on to the service, which may be root's.  None of it does.
 * What the kernel takes care of by itself when a setuid program is started: the
 * dynamic linker's variables, being traced, being dumped, ambient capabilities.
 *
 * Users and groups are looked up by NSS, which loads modules and may ask other
 * processes: a service's groups have to be those that a login would get.  It
 * happens after the environment has gone, so nothing there can tell it where to look.
 *
 * Exit codes are the business of main().
 */
#include "proxy/launch-helper/launch-process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "policy-parser/policy-users.h"

#define MIB (1024ul * 1024)

/* what a service may expect; as far as this process may grant it */
static const struct {
	__typeof__(RLIMIT_CPU) resource;
	struct rlimit limit;
} limits[] = {
	{RLIMIT_CPU, {RLIM_INFINITY, RLIM_INFINITY}},
	{RLIMIT_FSIZE, {RLIM_INFINITY, RLIM_INFINITY}},
	{RLIMIT_DATA, {RLIM_INFINITY, RLIM_INFINITY}},
	{RLIMIT_AS, {RLIM_INFINITY, RLIM_INFINITY}},
	{RLIMIT_RSS, {RLIM_INFINITY, RLIM_INFINITY}},
	{RLIMIT_STACK, {8 * MIB, RLIM_INFINITY}},
	{RLIMIT_CORE, {0, RLIM_INFINITY}},
	/* more than 1024 would be a surprise for who uses select() */
	{RLIMIT_NOFILE, {1024, 512 * 1024}},
};

/* opens 0, 1 and 2 where they are closed: what is opened next must not take their place */
static int open_standard_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		if (fd <= STDERR_FILENO && fcntl(fd, F_SETFD, 0) < 0)
			return -errno;
	} while (fd <= STDERR_FILENO);
	close(fd);
	return 0;
}

static void reset_signals(void)
{
	static const struct itimerval never;
	/* the kernel's struct sigaction, SIG_DFL and no flags: all zeros */
	static const unsigned long by_default[16];
	sigset_t none;

	setitimer(ITIMER_REAL, &never, NULL);
	setitimer(ITIMER_VIRTUAL, &never, NULL);
	setitimer(ITIMER_PROF, &never, NULL);
	/* not by sigaction(), which keeps two of them to itself */
	for (int i = 1; i < _NSIG; i++)
		syscall(SYS_rt_sigaction, i, by_default, NULL, _NSIG / 8);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

int launch_prepare(void)
{
	int r;

	if (clearenv())
		return -ENOMEM;
	r = open_standard_fds();
	if (r < 0)
		return r;
	if (close_range(STDERR_FILENO + 1, ~0u, 0) < 0)
		return -errno;
	reset_signals();
	umask(022);
	return chdir("/") < 0 ? -errno : 0;
}

bool launch_is_permitted(const char *user)
{
	struct passwd *entry;
	uint32_t uid;

	if (!user)
		return false;
	entry = getpwnam(user);
	if (entry)
		uid = entry->pw_uid;
	else if (!policy_users_parse_id(user, &uid))
		return false;
	return getuid() == uid && (!LAUNCH_HELPER_NEEDS_ROOT || !geteuid());
}

/* a limit that cannot be raised is one that the machine's administrator has set */
static void reset_limit(int resource, const struct rlimit *wanted)
{
	struct rlimit limit;

	if (!setrlimit(resource, wanted) || getrlimit(resource, &limit) < 0)
		return;
	limit.rlim_cur = wanted->rlim_cur < limit.rlim_max ? wanted->rlim_cur : limit.rlim_max;
	setrlimit(resource, &limit);
}

/* those that have no usual value, such as of processes, are those of the first process */
static void reset_limits(void)
{
	struct rlimit limit;

	for (int i = 0; i < (int)RLIM_NLIMITS; i++)
		if (!prlimit(1, i, NULL, &limit))
			reset_limit(i, &limit);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		reset_limit(limits[i].resource, &limits[i].limit);
}

/* all of the three of each kind */
static bool is_user(uid_t uid, gid_t gid)
{
	uid_t uids[3];
	gid_t gids[3];

	return !getresuid(&uids[0], &uids[1], &uids[2]) &&
	       !getresgid(&gids[0], &gids[1], &gids[2]) && uids[0] == uid && uids[1] == uid &&
	       uids[2] == uid && gids[0] == gid && gids[1] == gid && gids[2] == gid;
}

/* the inheritable ones would outlive the user and the exec */
static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};

	return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

int launch_become(const char *user)
{
	struct passwd *entry;
	uid_t uid;
	gid_t gid;

	errno = 0;
	entry = getpwnam(user);
	if (!entry)
		return errno ? -errno : -ENOENT;
	/* NSS may have left something open */
	if (close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		return -errno;
	if (!LAUNCH_HELPER_NEEDS_ROOT)
		return 0;
	uid = entry->pw_uid;
	gid = entry->pw_gid;
	/* the caller is out of the way from here on; and root may see the first process' limits */
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return -errno;
	reset_limits();
	if (initgroups(user, gid) < 0 || setresgid(gid, gid, gid) < 0 ||
	    setresuid(uid, uid, uid) < 0)
		return -errno;
	if (uid && drop_capabilities() < 0)
		return -EPERM;
	/* nothing of the above may have failed silently */
	if (!is_user(uid, gid) || (uid && !setuid(0)))
		return -EPERM;
	return 0;
}
