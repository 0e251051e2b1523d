/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file of which nothing is ever read: that of a file system whose server does not answer */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/**
 * struct stuck_file - it, and its server, a thread of this process
 * @path: of the file
 * @place: where the file system is mounted
 * @fd: by which it is served; who forks closes it in the child
 * @is_async: the kernel need not wait for what it reads
 * @is_read: somebody waits for its bytes
 * @thread: the server
 */
struct stuck_file {
	char path[64];
	const char *place;
	int fd;
	bool is_async;
	atomic_bool is_read;
	pthread_t thread;
};

#define STUCK_FILE_SIZE (16 * 4096UL)

/* of @file, of which @place and @is_async are given; false: this kernel has no FUSE */
bool stuck_file_begin(struct stuck_file *file);
/* whoever waits gets an error */
void stuck_file_abort(struct stuck_file *file);
/* nobody has it open any more */
void stuck_file_end(struct stuck_file *file);
