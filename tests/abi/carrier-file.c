/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Carrier: files
 *
 * ABI_ROOT (/sys/fs/kdbus) is mounted, or a preload library pretends so.  Another
 * user is played by changing the effective ids of the thread around each call;
 * the profile is what was mounted.  ABI_CONTROL is the descriptor of what abi-run serves.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/abi/carrier.h"

struct file {
	int fd;
	bool is_other;
	struct abi_cred cred;
};

static const char *root(void)
{
	const char *path = getenv("ABI_ROOT");

	return path ? path : "/sys/fs/kdbus";
}

/* of this thread alone, which is what the system call does and the library's does not */
static void become(const struct file *file)
{
	if (!file->is_other)
		return;
	if (syscall(SYS_setgroups, file->cred.n_groups, file->cred.groups) < 0 ||
	    syscall(SYS_setresgid, -1, file->cred.gid, -1) < 0 ||
	    syscall(SYS_setresuid, file->cred.uid, file->cred.uid, 0) < 0)
		abort();
}

static void become_self(const struct file *file)
{
	if (!file->is_other)
		return;
	if (syscall(SYS_setresuid, 0, 0, 0) < 0 || syscall(SYS_setresgid, -1, 0, -1) < 0 ||
	    syscall(SYS_setgroups, 0, NULL) < 0)
		abort();
}

static int file_begin(bool p1)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/control", root());
	return access(path, W_OK) < 0 ? -errno : 0;
}

static void file_end(void)
{
}

static int file_open(const char *path, const struct abi_cred *cred, void **handle_out)
{
	struct file *file;
	char full[256];
	int r = 0;

	file = calloc(1, sizeof(*file));
	if (!file)
		return -ENOMEM;
	if (cred) {
		file->is_other = true;
		file->cred = *cred;
	}
	snprintf(full, sizeof(full), "%s/%s", root(), path);
	become(file);
	file->fd = open(full, O_RDWR | O_CLOEXEC);
	if (file->fd < 0)
		r = -errno;
	become_self(file);
	if (r < 0) {
		free(file);
		return r;
	}
	*handle_out = file;
	return 0;
}

static int file_ioctl(void *handle, unsigned long nr, void *cmd)
{
	struct file *file = handle;
	int r;

	become(file);
	r = ioctl(file->fd, nr, cmd) < 0 ? -errno : 0;
	become_self(file);
	return r;
}

static short file_poll(void *handle, short events, int timeout_ms)
{
	struct file *file = handle;
	struct pollfd pollfd = {.fd = file->fd, .events = events};

	if (poll(&pollfd, 1, timeout_ms) < 0)
		return POLLNVAL;
	return pollfd.revents;
}

static int file_mmap(void *handle, size_t length, int prot, bool is_private, uint64_t offset,
		     void **address_out)
{
	struct file *file = handle;

	*address_out =
		mmap(NULL, length, prot, is_private ? MAP_PRIVATE : MAP_SHARED, file->fd, offset);
	return *address_out == MAP_FAILED ? -errno : 0;
}

static void file_close(void *handle)
{
	struct file *file = handle;

	close(file->fd);
	free(file);
}

static int file_fd(void *handle)
{
	return ((struct file *)handle)->fd;
}

static bool file_exists(const char *path)
{
	char full[256];

	snprintf(full, sizeof(full), "%s/%s", root(), path);
	return access(full, F_OK) == 0;
}

static int file_set_attach_mask(uint64_t mask)
{
	const char *control = getenv("ABI_CONTROL");
	FILE *file;

	if (control)
		return abi_remote_control_mask(atoi(control), mask);
	file = fopen("/sys/module/kdbus/parameters/attach_flags_mask", "we");

	if (!file)
		return -errno;
	fprintf(file, "%llu", (unsigned long long)mask);
	return fclose(file) ? -EIO : 0;
}

const struct abi_carrier abi_file = {
	.name = "file",
	.features = ABI_CAN_CRED | ABI_IS_FILE | ABI_IS_APART,
	.begin = file_begin,
	.end = file_end,
	.open = file_open,
	.ioctl = file_ioctl,
	.poll = file_poll,
	.mmap = file_mmap,
	.close = file_close,
	.fd = file_fd,
	.exists = file_exists,
	.set_attach_mask = file_set_attach_mask,
};
