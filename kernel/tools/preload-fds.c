/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kdbus-run's library: descriptors
 *
 * epoll and select need nothing: the socket is readable when the handle would be.  poll()
 * also tells what a socket does not have, so it asks.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "kernel/include/uapi/linux/kdbus.h"
#include "kernel/tools/preload.h"

/* commands */

int ioctl(int fd, unsigned long nr, ...)
{
	bool is_command = _IOC_TYPE(nr) == KDBUS_IOCTL_MAGIC;
	struct preload_handle *handle;
	va_list arguments;
	void *argument;

	va_start(arguments, nr);
	argument = va_arg(arguments, void *);
	va_end(arguments);

	handle = is_command ? preload_adopt(fd) : preload_find(fd);
	if (!handle || nr == FIOCLEX || nr == FIONCLEX || nr == FIONBIO)
		return REAL(ioctl)(fd, nr, argument);
	if (!is_command) {
		errno = ENOTTY;
		return -1;
	}
	return preload_command(handle, nr, argument);
}

void *mmap(void *address, size_t size, int prot, int flags, int fd, off_t offset)
{
	struct preload_handle *handle = flags & MAP_ANONYMOUS ? NULL : preload_find(fd);

	if (handle)
		return preload_map(handle, address, size, prot, flags, offset);
	return REAL(mmap)(address, size, prot, flags, fd, offset);
}

void *mmap64(void *address, size_t size, int prot, int flags, int fd, off_t offset)
	__attribute__((alias("mmap")));

/* nothing can be read but by RECV */

#define REFUSE_IO(fd)                                                                              \
	do {                                                                                       \
		if (preload_find(fd)) {                                                            \
			errno = EINVAL;                                                            \
			return -1;                                                                 \
		}                                                                                  \
	} while (0)

ssize_t read(int fd, void *bytes, size_t size)
{
	REFUSE_IO(fd);
	return REAL(read)(fd, bytes, size);
}

ssize_t readv(int fd, const struct iovec *iov, int n)
{
	REFUSE_IO(fd);
	return REAL(readv)(fd, iov, n);
}

ssize_t write(int fd, const void *bytes, size_t size)
{
	REFUSE_IO(fd);
	return REAL(write)(fd, bytes, size);
}

ssize_t writev(int fd, const struct iovec *iov, int n)
{
	REFUSE_IO(fd);
	return REAL(writev)(fd, iov, n);
}

/* copies */

int close(int fd)
{
	return preload_forget(fd) ? 0 : REAL(close)(fd);
}

int dup(int fd)
{
	int copy = REAL(dup)(fd);

	preload_add_copy(fd, copy);
	return copy;
}

int dup3(int fd, int copy, int flags)
{
	int r;

	if (fd != copy && fcntl(fd, F_GETFD) >= 0)
		preload_forget(copy);
	r = REAL(dup3)(fd, copy, flags);
	if (r >= 0 && fd != copy)
		preload_add_copy(fd, copy);
	return r;
}

int dup2(int fd, int copy)
{
	return fd == copy ? REAL(dup2)(fd, copy) : dup3(fd, copy, 0);
}

int fcntl(int fd, int command, ...)
{
	va_list arguments;
	void *argument;
	int r;

	va_start(arguments, command);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	r = REAL(fcntl)(fd, command, argument);
	if (r >= 0 && (command == F_DUPFD || command == F_DUPFD_CLOEXEC))
		preload_add_copy(fd, r);
	return r;
}

int fcntl64(int fd, int command, ...) __attribute__((alias("fcntl")));

/* poll */

/* what is the case for handles now; the number of those for which anything is */
static int ask_handles(struct pollfd *fds, nfds_t n)
{
	int n_ready = 0;

	for (nfds_t i = 0; i < n; i++) {
		struct preload_handle *handle = preload_find(fds[i].fd);

		if (!handle)
			continue;
		fds[i].revents = preload_poll(handle) & (fds[i].events | POLLERR | POLLHUP);
		n_ready += fds[i].revents != 0;
	}
	return n_ready;
}

static bool has_handles(const struct pollfd *fds, nfds_t n)
{
	for (nfds_t i = 0; i < n; i++)
		if (preload_find(fds[i].fd))
			return true;
	return false;
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/*
 * Handles say what is the case when they are asked.  Then the sockets are polled: those of
 * handles for bytes to read, which mean that it is time to ask again.
 */
static int poll_handles(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
			const sigset_t *mask)
{
	struct pollfd *sockets = malloc(n * sizeof(*sockets));
	int64_t end = timeout ? now_ns() + timeout->tv_sec * INT64_C(1000000000) + timeout->tv_nsec
			      : INT64_MAX;
	int n_ready, n_others, r;

	if (!sockets) {
		errno = ENOMEM;
		return -1;
	}
	for (;;) {
		struct timespec left = {0};
		int64_t now = now_ns();

		n_ready = ask_handles(fds, n);
		n_others = 0;
		for (nfds_t i = 0; i < n; i++) {
			sockets[i] = fds[i];
			if (preload_find(fds[i].fd))
				sockets[i].events = fds[i].events & POLLIN;
		}
		if (!n_ready && timeout && end > now) {
			left.tv_sec = (end - now) / 1000000000;
			left.tv_nsec = (end - now) % 1000000000;
		}
		r = REAL(ppoll)(sockets, n, n_ready || timeout ? &left : NULL, mask);
		if (r < 0)
			break;
		for (nfds_t i = 0; i < n; i++) {
			if (preload_find(fds[i].fd))
				continue;
			fds[i].revents = sockets[i].revents;
			n_others += fds[i].revents != 0;
		}
		r = n_ready + n_others;
		if (r || (timeout && now_ns() >= end))
			break;
	}
	free(sockets);
	return r;
}

int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
	if (preload_is_inside() || !has_handles(fds, n))
		return REAL(ppoll)(fds, n, timeout, mask);
	return poll_handles(fds, n, timeout, mask);
}

int poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	struct timespec timeout = {.tv_sec = timeout_ms / 1000,
				   .tv_nsec = timeout_ms % 1000 * 1000000L};

	if (preload_is_inside() || !has_handles(fds, n))
		return REAL(poll)(fds, n, timeout_ms);
	return poll_handles(fds, n, timeout_ms < 0 ? NULL : &timeout, NULL);
}
