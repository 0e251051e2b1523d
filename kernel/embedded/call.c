/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waiting for the reply to a synchronous SEND
 *
 * The core says that there is something to wait for, and when it is over.  A caller in
 * this process waits in poll(), for an eventfd of its own and its CANCEL_FD.  The
 * eventfd is made only when there is nothing yet:
 *
 *	STARTED --woken--> WOKEN		the reply was there before one could wait
 *	   |
 *	WAITING --woken--> eventfd is written
 *
 * Others, who must not block, bring a waiter of their own (host.h): server-call.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "kernel/core/call.h"
#include "kernel/embedded/host.h"

struct cancel {
	int fd;
};

/* epoll refuses what cannot be polled */
static int check_pollable(int fd)
{
	struct epoll_event event = {.events = EPOLLIN};
	int epoll_fd, r = 0;

	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0)
		return -errno;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		r = errno == EPERM ? -EINVAL : -errno;
	close(epoll_fd);
	return r;
}

/*
 * Files that answer poll() at once, whoever has made them: a file system or a device in
 * userspace would be asked, and need not answer.
 */
static bool is_prompt(int fd)
{
	static const char *const kinds[] = {
		"anon_inode:[eventfd",	"anon_inode:[timerfd", "anon_inode:[pidfd",
		"anon_inode:[signalfd", "anon_inode:inotify",  "pidfd:",
	};
	char path[32], kind[32];
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0)
		return false;
	if (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode))
		return true;
	/* a path would begin with a slash */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, kind, sizeof(kind));
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (n >= (ssize_t)strlen(kinds[i]) && !strncmp(kind, kinds[i], strlen(kinds[i])))
			return true;
	return false;
}

int embedded_cancel_get(void *caller, s32 number, void **cancel_out)
{
	const struct embedded_caller *who = caller;
	int r, fd = embedded_caller_fd(caller, number);
	struct cancel *cancel;

	if (fd < 0 || fcntl(fd, F_GETFL) < 0 || (fcntl(fd, F_GETFL) & O_PATH))
		return -EBADF;
	/* for another process nobody here shall wait */
	if (who->process && !is_prompt(fd))
		return -EINVAL;
	r = check_pollable(fd);
	if (r < 0)
		return r;
	cancel = kmalloc(sizeof(*cancel), GFP_KERNEL_ACCOUNT);
	if (!cancel)
		return -ENOMEM;
	cancel->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (cancel->fd < 0) {
		r = -errno;
		kfree(cancel);
		return r;
	}
	*cancel_out = cancel;
	return 0;
}

void embedded_cancel_put(void *data)
{
	struct cancel *cancel = data;

	close(cancel->fd);
	kfree(cancel);
}

int embedded_call_cancel_fd(const struct kdbus_call *call)
{
	return call->cancel ? ((struct cancel *)call->cancel)->fd : -1;
}

void embedded_call_wake(void *data)
{
	struct embedded_waiter *waiter = data;

	waiter->wake(waiter);
}

enum blocked_state {
	STARTED,
	WAITING,
	WOKEN,
};

/**
 * struct blocked - a thread that waits
 * @waiter: what the core knows of it
 * @state: enum blocked_state
 * @fd: eventfd, once it is WAITING
 */
struct blocked {
	struct embedded_waiter waiter;
	atomic_int state;
	int fd;
};

static void blocked_wake(struct embedded_waiter *waiter)
{
	struct blocked *blocked = container_of(waiter, struct blocked, waiter);
	uint64_t one = 1;

	/* with a value that small it does not fail */
	if (atomic_exchange(&blocked->state, WOKEN) == WAITING &&
	    write(blocked->fd, &one, sizeof(one)) < 0)
		return;
}

/* time left until @deadline_ns; NULL: for ever */
static struct timespec *time_left(u64 deadline_ns, struct timespec *left)
{
	struct timespec now;
	u64 now_ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	now_ns = now.tv_sec * 1000000000ULL + now.tv_nsec;
	if (deadline_ns > (u64)INT64_MAX)
		return NULL;
	*left = (struct timespec){};
	if (deadline_ns > now_ns) {
		left->tv_sec = (deadline_ns - now_ns) / 1000000000;
		left->tv_nsec = (deadline_ns - now_ns) % 1000000000;
	}
	return left;
}

/* until the call is over, one way or another: what to say to embedded_end() */
static int blocked_wait(struct blocked *blocked, const struct kdbus_call *call)
{
	struct pollfd fds[] = {
		{.fd = blocked->fd, .events = POLLIN},
		{.fd = embedded_call_cancel_fd(call), .events = POLLIN},
	};
	struct timespec left;
	int n;

	for (;;) {
		n = ppoll(fds, 2, time_left(call->deadline_ns, &left), NULL);
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ETIMEDOUT;
		if (fds[0].revents)
			return 0;
		if (fds[1].revents & POLLIN)
			return -ECANCELED;
		/* it will say nothing else any more */
		fds[1].fd = -1;
	}
}

static int blocked_end(struct kdbus_embedded_handle *handle, struct blocked *blocked,
		       struct kdbus_call *call)
{
	int state = STARTED, r = 0;

	blocked->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (blocked->fd < 0)
		return embedded_end(handle, call, -errno);
	if (atomic_compare_exchange_strong(&blocked->state, &state, WAITING))
		r = blocked_wait(blocked, call);
	r = embedded_end(handle, call, r);
	close(blocked->fd);
	return r;
}

int kdbus_embedded_command(struct kdbus_embedded_handle *handle, unsigned long nr, void *cmd)
{
	struct blocked blocked = {.waiter.wake = blocked_wake};
	struct kdbus_call *call;
	int r;

	r = embedded_start_at(handle, nr, (uintptr_t)cmd, &blocked.waiter, &call);
	return r == KDBUS_CALL_WAITS ? blocked_end(handle, &blocked, call) : r;
}
