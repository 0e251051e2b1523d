/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tail: see tail.h.
 *
 * A pipe counts its buffers, not its bytes.  A sender that writes little at a time
 * fills it with little: then tail_fill() says so, and the message is gathered.
 */
#include "proxy/tail.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "proxy/message.h"

enum {
	PIPE_SIZE = 1024 * 1024, /* what anybody may have */
	IDLE_MAX = 1,		 /* what is at hand for the next */
};

void tail_pool_init(struct tail_pool *pool, unsigned n_max)
{
	*pool = (struct tail_pool){.n_max = n_max};
	INIT_LIST_HEAD(&pool->idle);
	INIT_LIST_HEAD(&pool->busy);
}

static void tail_destroy(struct tail *tail)
{
	list_del(&tail->link);
	tail->pool->n--;
	close(tail->fds[0]);
	close(tail->fds[1]);
	free(tail);
}

void tail_pool_deinit(struct tail_pool *pool)
{
	struct tail *tail, *tmp;

	assert(list_empty(&pool->busy));
	list_for_each_entry_safe(tail, tmp, &pool->idle, link)
		tail_destroy(tail);
	pool->n_idle = 0;
}

static int tail_new(struct tail_pool *pool, struct tail **tail_out)
{
	struct tail *tail;
	int r;

	tail = malloc(sizeof(*tail));
	if (!tail)
		return -ENOMEM;
	*tail = (struct tail){.pool = pool};
	if (pipe2(tail->fds, O_CLOEXEC | O_NONBLOCK) < 0) {
		r = -errno;
		free(tail);
		return r;
	}
	INIT_LIST_HEAD(&tail->link);
	pool->n++;
	/* a user who has many pipes gets small ones, which are of no use */
	if (fcntl(tail->fds[0], F_SETPIPE_SZ, PIPE_SIZE) < PIPE_SIZE) {
		tail_destroy(tail);
		return -EPERM;
	}
	*tail_out = tail;
	return 0;
}

int tail_begin(struct tail_pool *pool, struct message *message, size_t there)
{
	struct tail *tail;
	ssize_t size;
	int r;

	if (!pool->n_max)
		return -EOPNOTSUPP;
	if (pool->n == pool->n_max && list_empty(&pool->idle))
		tail_gather(list_first_entry(&pool->busy, struct tail, link));
	tail = list_first_entry_or_null(&pool->idle, struct tail, link);
	if (tail) {
		pool->n_idle--;
	} else {
		r = tail_new(pool, &tail);
		if (r < 0)
			return r;
	}
	list_move_tail(&tail->link, &pool->busy);
	tail->message = message;
	tail->at = 0;
	tail->size = 0;
	message->tail = tail;
	/* an empty pipe has room for it */
	size = write(tail->fds[1], message->bytes, there);
	if (size > 0)
		tail->size = size;
	if (size == (ssize_t)there)
		return 0;
	r = size < 0 ? -errno : -ENOMEM;
	tail_free(tail);
	return r;
}

ssize_t tail_fill(struct tail *tail, int fd, size_t size)
{
	ssize_t n = splice(fd, NULL, tail->fds[1], NULL, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	int there = 0, r = -errno;

	if (n >= 0) {
		tail->size += n;
		return n;
	}
	/* who has nothing to give, and who takes nothing, say the same */
	if (r == -EAGAIN && !ioctl(fd, FIONREAD, &there) && there)
		return -ENOSPC;
	return r;
}

ssize_t tail_drain(struct tail *tail, int fd)
{
	ssize_t n =
		splice(tail->fds[0], NULL, fd, NULL, tail->size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (n < 0)
		return -errno;
	tail->at += n;
	tail->size -= n;
	return n;
}

static void tail_read(struct tail *tail)
{
	while (tail->size) {
		ssize_t n = read(tail->fds[0], tail->message->bytes + tail->at, tail->size);

		if (n < 0 && errno == EINTR)
			continue;
		/* what is in a pipe of one's own can be read */
		assert(n > 0);
		tail->at += n;
		tail->size -= n;
	}
}

void tail_free(struct tail *tail)
{
	struct tail_pool *pool;
	bool is_kept;

	if (!tail)
		return;
	pool = tail->pool;
	is_kept = pool->n_idle < IDLE_MAX;
	/* it is empty for the next */
	if (is_kept)
		tail_read(tail);
	tail->message->tail = NULL;
	tail->message = NULL;
	if (!is_kept) {
		tail_destroy(tail);
		return;
	}
	list_move_tail(&tail->link, &pool->idle);
	pool->n_idle++;
}

void tail_gather(struct tail *tail)
{
	tail_read(tail);
	tail_free(tail);
}
