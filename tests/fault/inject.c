/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The daemon's side of inject.h: its calls of the system come here
 *
 * ld --wrap=NAME turns calls of NAME into calls of __wrap_NAME.  CALL() writes one
 * of them: what it returns when it fails, and the errnos that the kernel may give
 * for it while nothing is wrong with the arguments.  What would stand for a mistake
 * of the daemon's own (EBADF, EFAULT, EINVAL) does not happen.
 *
 * PART stands for a call that succeeds with one byte.
 */
#include "tests/fault/inject.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PART 0

static struct inject own;
static struct inject *inject = &own;
static struct inject_call *calls = &own.calls;

void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
int __real_open(const char *path, int flags, ...);
int __real_close(int fd);
int __real_fstat(int fd, struct stat *st);

/* without it nothing fails */
static void __attribute__((constructor)) inject_init(void)
{
	void *map = __real_mmap(NULL, sizeof(*inject), PROT_READ | PROT_WRITE, MAP_SHARED,
				INJECT_FD, 0);

	if (map == MAP_FAILED)
		return;
	__real_close(INJECT_FD);
	inject = map;
	calls = &inject->calls;
	fault_state = &inject->memory;
}

/* true: the call is to fail, errno says how; or, with errno PART, to do one byte */
static bool is_failing(const char *name, const int *errnos, unsigned int n)
{
	if (!n || !fault_is_next(&calls->state))
		return false;
	calls->n_variants = n;
	calls->error = errnos[calls->variant % n];
	snprintf(calls->name, sizeof(calls->name), "%s", name);
	errno = calls->error;
	return true;
}

#define FAILS(name, ...)                                                                           \
	is_failing(name, (const int[]){__VA_ARGS__},                                               \
		   sizeof((const int[]){__VA_ARGS__}) / sizeof(int))

#define CALL(type, name, parameters, arguments, failed, ...)                                       \
	type __real_##name parameters;                                                             \
	type __wrap_##name parameters;                                                             \
	type __wrap_##name parameters                                                              \
	{                                                                                          \
		return FAILS(#name, __VA_ARGS__) ? (failed) : __real_##name arguments;             \
	}

/* events */

CALL(int, epoll_create1, (int flags), (flags), -1, EMFILE, ENFILE, ENOMEM)
CALL(int, eventfd, (unsigned int value, int flags), (value, flags), -1, EMFILE, ENFILE, ENOMEM)
CALL(int, signalfd, (int fd, const sigset_t *mask, int flags), (fd, mask, flags), -1, EMFILE,
     ENFILE, ENOMEM)
CALL(int, timerfd_create, (int clock, int flags), (clock, flags), -1, EMFILE, ENFILE, ENOMEM)

int __real_epoll_ctl(int fd, int op, int target, struct epoll_event *event);
int __wrap_epoll_ctl(int fd, int op, int target, struct epoll_event *event);
int __wrap_epoll_ctl(int fd, int op, int target, struct epoll_event *event)
{
	/* the others need nothing that there may be no more of */
	if (op == EPOLL_CTL_ADD && FAILS("epoll_ctl", ENOMEM, ENOSPC))
		return -1;
	return __real_epoll_ctl(fd, op, target, event);
}

int __real_epoll_wait(int fd, struct epoll_event *events, int n, int timeout);
int __wrap_epoll_wait(int fd, struct epoll_event *events, int n, int timeout);
int __wrap_epoll_wait(int fd, struct epoll_event *events, int n, int timeout)
{
	int r;

	if (FAILS("epoll_wait", EINTR))
		return -1;
	__atomic_store_n(&inject->is_waiting, timeout != 0, __ATOMIC_SEQ_CST);
	r = __real_epoll_wait(fd, events, n, timeout);
	__atomic_store_n(&inject->is_waiting, false, __ATOMIC_SEQ_CST);
	return r;
}

/* sockets */

CALL(int, accept4, (int fd, struct sockaddr *name, socklen_t *size, int flags),
     (fd, name, size, flags), -1, ECONNABORTED, EINTR, EAGAIN, EMFILE, ENFILE, ENOBUFS, ENOMEM,
     EPERM)
CALL(int, socket, (int domain, int type, int protocol), (domain, type, protocol), -1, EMFILE,
     ENFILE, ENOBUFS, EACCES)
CALL(int, socketpair, (int domain, int type, int protocol, int fds[2]),
     (domain, type, protocol, fds), -1, EMFILE, ENFILE, ENOMEM)
CALL(int, bind, (int fd, const struct sockaddr *name, socklen_t size), (fd, name, size), -1,
     EADDRINUSE, EACCES, ENOENT, ENOMEM)
CALL(int, listen, (int fd, int backlog), (fd, backlog), -1, EADDRINUSE)
CALL(int, getsockname, (int fd, struct sockaddr *name, socklen_t *size), (fd, name, size), -1,
     ENOBUFS)
CALL(int, getsockopt, (int fd, int level, int option, void *value, socklen_t *size),
     (fd, level, option, value, size), -1, ENOBUFS, ENOMEM)
CALL(int, setsockopt, (int fd, int level, int option, const void *value, socklen_t size),
     (fd, level, option, value, size), -1, ENOBUFS, ENOMEM)

/* packets come and go whole */
static bool is_stream(int fd)
{
	socklen_t size = sizeof(int);
	int type = 0;

	return __real_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

/* the first byte of what a message says where its bytes are */
static struct msghdr first_byte(const struct msghdr *header, struct iovec *iov)
{
	struct msghdr part = *header;

	for (size_t i = 0; i < header->msg_iovlen; i++) {
		*iov = header->msg_iov[i];
		if (iov->iov_len)
			break;
	}
	iov->iov_len = iov->iov_len ? 1 : 0;
	part.msg_iov = iov;
	part.msg_iovlen = 1;
	return part;
}

ssize_t __real_recvmsg(int fd, struct msghdr *header, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *header, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *header, int flags)
{
	struct msghdr part;
	struct iovec iov;
	ssize_t n;

	if (!(is_stream(fd) ? FAILS("recvmsg", EAGAIN, EINTR, ENOMEM, ENOBUFS, ECONNRESET, PART)
			    : FAILS("recvmsg", EAGAIN, EINTR, ENOMEM, ENOBUFS, ECONNRESET)))
		return __real_recvmsg(fd, header, flags);
	if (errno != PART)
		return -1;
	part = first_byte(header, &iov);
	n = __real_recvmsg(fd, &part, flags);
	header->msg_flags = part.msg_flags;
	header->msg_controllen = part.msg_controllen;
	return n;
}

ssize_t __real_sendmsg(int fd, const struct msghdr *header, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *header, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *header, int flags)
{
	struct msghdr part;
	struct iovec iov;

	/* EPIPE takes a peer that does not read; descriptors are what there may be too many of */
	if (!(header->msg_controllen
		      ? FAILS("sendmsg", EAGAIN, EINTR, ENOBUFS, ENOMEM, ETOOMANYREFS, PART)
		      : FAILS("sendmsg", EAGAIN, EINTR, ENOBUFS, ENOMEM, PART)))
		return __real_sendmsg(fd, header, flags);
	if (errno != PART)
		return -1;
	if (!is_stream(fd)) {
		errno = EAGAIN;
		return -1;
	}
	part = first_byte(header, &iov);
	return __real_sendmsg(fd, &part, flags);
}

/* likewise */
CALL(ssize_t, sendto,
     (int fd, const void *data, size_t size, int flags, const struct sockaddr *name,
      socklen_t name_size),
     (fd, data, size, flags, name, name_size),
     errno == PART ? __real_sendto(fd, data, size > 0, flags, name, name_size) : -1, EAGAIN, EINTR,
     ENOBUFS, ENOMEM, PART)

CALL(ssize_t, send, (int fd, const void *data, size_t size, int flags), (fd, data, size, flags),
     errno == PART ? __real_send(fd, data, size > 0, flags) : -1, EAGAIN, EINTR, ENOBUFS, ENOMEM,
     EPIPE, PART)

/* into a pipe, out of a pipe; EINVAL: the kernel does not do this with such a socket */
CALL(ssize_t, splice,
     (int from, off64_t *from_at, int to, off64_t *to_at, size_t size, unsigned int flags),
     (from, from_at, to, to_at, size, flags),
     errno == PART ? __real_splice(from, from_at, to, to_at, size > 0, flags) : -1, EAGAIN, EINTR,
     ENOMEM, ENOBUFS, EINVAL, PART)

/* files */

CALL(int, inotify_init1, (int flags), (flags), -1, EMFILE, ENFILE, ENOMEM)
CALL(int, inotify_add_watch, (int fd, const char *path, uint32_t mask), (fd, path, mask), -1,
     ENOMEM, ENOSPC, ENOENT, EACCES)
CALL(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at), -1,
     EINTR, EIO)

/* a pipe gives what is in it */
static bool is_pipe_with_bytes(int fd)
{
	struct stat st;
	int n = 0;

	return !__real_fstat(fd, &st) && S_ISFIFO(st.st_mode) && !ioctl(fd, FIONREAD, &n) && n;
}

ssize_t __real_read(int fd, void *data, size_t size);
ssize_t __wrap_read(int fd, void *data, size_t size);
ssize_t __wrap_read(int fd, void *data, size_t size)
{
	if (!is_pipe_with_bytes(fd) && FAILS("read", EAGAIN, EINTR, EIO))
		return -1;
	return __real_read(fd, data, size);
}

CALL(ssize_t, pread, (int fd, void *data, size_t size, off_t at), (fd, data, size, at), -1, EINTR,
     EIO)
CALL(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size),
     errno == PART ? __real_write(fd, data, size > 0) : -1, EAGAIN, EINTR, ENOSPC, EPIPE, PART)
CALL(ssize_t, writev, (int fd, const struct iovec *iov, int n), (fd, iov, n), -1, EAGAIN, EINTR,
     ENOSPC, EPIPE)

int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	va_list args;
	int mode = 0;

	if (FAILS("open", EINTR, EMFILE, ENFILE, ENOENT, EACCES, ENOMEM))
		return -1;
	if (flags & O_CREAT) {
		va_start(args, flags);
		mode = va_arg(args, int);
		va_end(args);
	}
	return __real_open(path, flags, mode);
}

int __wrap_close(int fd);
int __wrap_close(int fd)
{
	int r = __real_close(fd);

	/* the descriptor is gone in any case */
	return r < 0 || FAILS("close", EINTR, EIO) ? -1 : 0;
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...)
{
	va_list args;
	long value;

	va_start(args, command);
	value = va_arg(args, long);
	va_end(args);
	/* it is asked whether standard descriptors are there: that is an answer, no failure */
	if (command == F_SETPIPE_SZ ? FAILS("F_SETPIPE_SZ", EPERM, ENOMEM)
				    : command != F_GETFD && FAILS("fcntl", EMFILE))
		return -1;
	return __real_fcntl(fd, command, value);
}

CALL(int, dup2, (int from, int to), (from, to), -1, EMFILE, EBUSY, EINTR)
CALL(int, pipe2, (int fds[2], int flags), (fds, flags), -1, EMFILE, ENFILE)
CALL(int, memfd_create, (const char *name, unsigned int flags), (name, flags), -1, EMFILE, ENFILE,
     ENOMEM)
CALL(int, ftruncate, (int fd, off_t size), (fd, size), -1, EINTR, ENOSPC)
CALL(void *, mmap, (void *address, size_t size, int protection, int flags, int fd, off_t offset),
     (address, size, protection, flags, fd, offset), MAP_FAILED, ENOMEM)
CALL(int, chmod, (const char *path, mode_t mode), (path, mode), -1, EPERM, EROFS)
CALL(int, chdir, (const char *path), (path), -1, EACCES)
CALL(int, access, (const char *path, int mode), (path, mode), -1, EACCES, ENOMEM)
CALL(int, stat, (const char *path, struct stat *st), (path, st), -1, EACCES, ENOMEM)
CALL(int, lstat, (const char *path, struct stat *st), (path, st), -1, EACCES, ENOMEM)
CALL(int, fstat, (int fd, struct stat *st), (fd, st), -1, ENOMEM)
CALL(int, fstatfs, (int fd, struct statfs *st), (fd, st), -1, EINTR, ENOSYS)
CALL(ssize_t, readlink, (const char *path, char *text, size_t size), (path, text, size), -1, EACCES,
     ENOMEM)
CALL(char *, realpath, (const char *path, char *text), (path, text), NULL, ENOMEM, EACCES, ENOENT)
CALL(int, unlink, (const char *path), (path), -1, EACCES, EROFS)

CALL(DIR *, opendir, (const char *path), (path), NULL, EMFILE, ENOENT, EACCES, ENOMEM)
CALL(struct dirent *, readdir, (DIR * dir), (dir), NULL, EIO)
CALL(FILE *, fopen, (const char *path, const char *mode), (path, mode), NULL, EMFILE, ENOENT,
     EACCES, ENOMEM)
CALL(FILE *, fdopen, (int fd, const char *mode), (fd, mode), NULL, ENOMEM)
CALL(FILE *, fmemopen, (void *data, size_t size, const char *mode), (data, size, mode), NULL,
     ENOMEM)

/* processes */

pid_t __real_fork(void);
pid_t __wrap_fork(void);
pid_t __wrap_fork(void)
{
	pid_t pid;

	if (FAILS("fork", EAGAIN, ENOMEM))
		return -1;
	pid = __real_fork();
	if (!pid) {
		calls = &inject->child_calls;
		fault_state = &inject->child_memory;
	}
	return pid;
}

CALL(int, execve, (const char *path, char *const argv[], char *const envp[]), (path, argv, envp),
     -1, ENOMEM, EACCES, ENOENT, EIO)
CALL(int, setrlimit, (int resource, const struct rlimit *limit), (resource, limit), -1, EPERM)
CALL(pid_t, waitpid, (pid_t pid, int *status, int options), (pid, status, options), -1, EINTR)
CALL(int, close_range, (unsigned int first, unsigned int last, int flags), (first, last, flags), -1,
     EMFILE, ENOMEM)
CALL(ssize_t, getrandom, (void *data, size_t size, unsigned int flags), (data, size, flags), -1,
     EINTR)
CALL(ssize_t, process_vm_readv,
     (pid_t pid, const struct iovec *to, unsigned long n_to, const struct iovec *from,
      unsigned long n_from, unsigned long flags),
     (pid, to, n_to, from, n_from, flags), -1, EPERM, ENOSYS, ENOMEM)
CALL(ssize_t, process_vm_writev,
     (pid_t pid, const struct iovec *from, unsigned long n_from, const struct iovec *to,
      unsigned long n_to, unsigned long flags),
     (pid, from, n_from, to, n_to, flags), -1, EPERM, ENOSYS, ENOMEM)
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
	long arguments[6];
	va_list args;

	va_start(args, number);
	for (int i = 0; i < 6; i++)
		arguments[i] = va_arg(args, long);
	va_end(args);
	if (number == SYS_pidfd_open && FAILS("pidfd_open", EMFILE, ENFILE, ENOMEM))
		return -1;
	return __real_syscall(number, arguments[0], arguments[1], arguments[2], arguments[3],
			      arguments[4], arguments[5]);
}
CALL(int, sd_notify, (int unset, const char *text), (unset, text), -errno, ENOBUFS)
