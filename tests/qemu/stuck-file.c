/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A server of FUSE that says that there is a file, and then nothing: see stuck-file.h
 *
 * It speaks as little of the protocol as it can; Documentation/filesystems/fuse.rst of Linux.
 */
#include "tests/qemu/stuck-file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/harness/tap.h"

#define NODE_FILE 2

static struct fuse_attr attr_of(uint64_t node)
{
	if (node == NODE_FILE)
		return (struct fuse_attr){
			.ino = node, .mode = S_IFREG | 0444, .nlink = 1, .size = STUCK_FILE_SIZE};
	return (struct fuse_attr){.ino = node, .mode = S_IFDIR | 0555, .nlink = 2};
}

static void answer(const struct stuck_file *file, const struct fuse_in_header *in, int error,
		   const void *data, size_t size)
{
	struct fuse_out_header out = {
		.len = sizeof(out) + size,
		.error = error,
		.unique = in->unique,
	};
	struct iovec parts[] = {{&out, sizeof(out)}, {(void *)data, size}};

	/* who has asked may be gone */
	(void)!writev(file->fd, parts, size > 0 ? 2 : 1);
}

static void serve(struct stuck_file *file, const struct fuse_in_header *in)
{
	const struct fuse_init_in *init_in = (const void *)(in + 1);
	struct fuse_init_out init = {
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.max_readahead = STUCK_FILE_SIZE,
		.flags = file->is_async ? FUSE_ASYNC_READ : 0,
		.max_background = 16,
		.max_write = 4096,
	};
	struct fuse_entry_out entry = {.nodeid = NODE_FILE, .attr = attr_of(NODE_FILE)};
	struct fuse_attr_out attr = {.attr = attr_of(in->nodeid)};
	struct fuse_open_out opened = {};

	switch (in->opcode) {
	case FUSE_INIT:
		/* an older kernel speaks of less */
		if (init_in->minor < init.minor)
			init.minor = init_in->minor;
		answer(file, in, 0, &init, sizeof(init));
		break;
	case FUSE_LOOKUP:
		answer(file, in, 0, &entry, sizeof(entry));
		break;
	case FUSE_GETATTR:
		answer(file, in, 0, &attr, sizeof(attr));
		break;
	case FUSE_OPEN:
		answer(file, in, 0, &opened, sizeof(opened));
		break;
	case FUSE_READ:
		file->is_read = true;
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	case FUSE_RELEASE:
		answer(file, in, 0, NULL, 0);
		break;
	default:
		answer(file, in, -ENOSYS, NULL, 0);
		break;
	}
}

static void *server_thread(void *data)
{
	static union {
		struct fuse_in_header head;
		char bytes[2 * FUSE_MIN_READ_BUFFER];
	} in;
	struct stuck_file *file = data;

	/* until it is unmounted */
	for (;;) {
		if (read(file->fd, &in, sizeof(in)) >= (ssize_t)sizeof(in.head))
			serve(file, &in.head);
		else if (errno != EINTR && errno != ENOENT)
			return NULL;
	}
}

bool stuck_file_begin(struct stuck_file *file)
{
	char options[64];

	file->fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (file->fd < 0)
		return false;
	mkdir(file->place, 0755);
	snprintf(file->path, sizeof(file->path), "%s/file", file->place);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", file->fd);
	expect_eq(mount("stuck", file->place, "fuse", MS_NOSUID | MS_NODEV, options), 0);
	file->is_read = false;
	expect_eq(pthread_create(&file->thread, NULL, server_thread, file), 0);
	return true;
}

void stuck_file_abort(struct stuck_file *file)
{
	/* that it is still in use is no matter here */
	umount2(file->place, MNT_FORCE);
}

void stuck_file_end(struct stuck_file *file)
{
	/* pages that are being read keep it from going away */
	stuck_file_abort(file);
	umount2(file->place, MNT_DETACH);
	expect_eq(pthread_join(file->thread, NULL), 0);
	close(file->fd);
}
