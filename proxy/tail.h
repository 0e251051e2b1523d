/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tail: the end of a long message, which stays in the kernel
 *
 * What an array of numbers holds needs no look: every bit pattern is valid.  So once the beginning
 * of a message proves that nothing else follows (wire_body_is_proven()), the rest goes from the
 * sender's socket into a pipe and from there, when all of it has come, into the receiver's: moved,
 * and never copied.  The message has memory for it all the same, so that at any time it can be
 * gathered, without fail, and is then a message like any other.
 *
 * A message with a tail has one receiver.  Whoever wants to give it to more, or to look at more
 * than its header, gathers it first.
 *
 * Pipes are few and belong to a pool.  Where all of them are in use, the message that has had its
 * own for longest is gathered: receivers that do not read keep nobody from being fast.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "proxy/base/list.h"

struct message;

enum {
	TAIL_MIN = 32 * 1024, /* a shorter one is copied as fast as it is moved */
	/* as much as fits into a pipe of 1 MiB in pages that are not full */
	TAIL_MAX = 2 * 1024 * 1024,
};

/**
 * struct tail - of one message
 * @link: in pool->busy or pool->idle
 * @message: whose; NULL: idle
 * @at: where in the message the first byte in the pipe belongs
 * @size: bytes in the pipe
 * @fds: the pipe: read from, written to
 */
struct tail {
	struct list_head link;
	struct tail_pool *pool;
	struct message *message;
	size_t at;
	size_t size;
	int fds[2];
};

/**
 * struct tail_pool - the pipes of a daemon
 * @busy: those in use, the oldest first
 * @n_max: how many there may be; 0: the kernel has no such pipes for us
 */
struct tail_pool {
	struct list_head idle;
	struct list_head busy;
	unsigned n;
	unsigned n_idle;
	unsigned n_max;
};

void tail_pool_init(struct tail_pool *pool, unsigned n_max);
/* no message may have a tail any more */
void tail_pool_deinit(struct tail_pool *pool);

/**
 * tail_begin() - what follows of @message goes into a pipe
 * @there: so much of it is in its memory, and is copied ahead of the rest: one splice() sends all
 *
 * Return: 0, or a negative errno: the message goes on without.
 */
int tail_begin(struct tail_pool *pool, struct message *message, size_t there);

/**
 * tail_fill() - move up to @size bytes out of a socket
 *
 * Descriptors that come with them are lost.
 *
 * Return: how many, 0 at its end, or a negative errno; -EAGAIN: there are none; -ENOSPC: the pipe
 * takes no more, which it may without being full of bytes.
 */
ssize_t tail_fill(struct tail *tail, int fd, size_t size);

/* Moves what there is into a socket, which must not block; how many bytes, or a negative errno.
 * SIGPIPE has to be ignored: splice() cannot be told not to send it. */
ssize_t tail_drain(struct tail *tail, int fd);

/* reads what there is into the message's memory; frees the tail */
void tail_gather(struct tail *tail);

/* forgets what there is; NULL is fine */
void tail_free(struct tail *tail);
