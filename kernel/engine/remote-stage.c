/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stage: see remote-stage.h
 *
 * Pieces are taken one behind the other, and come free in the same order, as SENDs are over in the
 * order in which they were sent.  One is never in two parts, so behind the last that fits it goes
 * on at the start.  When nothing is in use it begins there anew: what was used last is in the
 * caches, and no more memory is touched than was ever in use at a time.
 */
#include "kernel/engine/remote-stage.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/engine/remote-inner.h"
#include "kernel/engine/remote-stream.h"

/* pieces begin where a line of the caches does */
#define ALIGNMENT 64u

/* 0, -EMFILE: the server has no room for it, or -ECONNRESET */
static int stage_hand_over(struct remote_client *client, int fd)
{
	struct remote_packet answer;
	int r;

	r = remote_client_exchange(client, REMOTE_STAGE, 0, fd, &answer);
	if (r < 0)
		return r;
	while (answer.n_fds > 0)
		close(answer.fds[--answer.n_fds]);
	return answer.answer.result < 0 ? -EMFILE : 0;
}

/* without memory or descriptors there is none */
static int stage_make(struct remote_client *client, struct remote_stage *stage)
{
	uint8_t *bytes;
	int fd, r;

	fd = memfd_create("kdbus-stage", MFD_CLOEXEC);
	if (fd < 0)
		return -EMFILE;
	if (ftruncate(fd, REMOTE_STAGE_SIZE) < 0)
		goto exit_fd;
	bytes = mmap(NULL, REMOTE_STAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (bytes == MAP_FAILED)
		goto exit_fd;
	r = stage_hand_over(client, fd);
	close(fd);
	if (r < 0)
		munmap(bytes, REMOTE_STAGE_SIZE);
	else
		stage->bytes = bytes;
	return r;

exit_fd:
	close(fd);
	return -EMFILE;
}

int remote_stage_open(struct remote_client *client)
{
	struct remote_stage *stage = client->stream->stage;

	if (stage)
		return stage->bytes ? 0 : -EMFILE;
	stage = calloc(1, sizeof(*stage));
	if (!stage)
		return -EMFILE;
	client->stream->stage = stage;
	return stage_make(client, stage);
}

struct remote_stage *remote_stage_free(struct remote_stage *stage)
{
	if (stage && stage->bytes)
		munmap(stage->bytes, REMOTE_STAGE_SIZE);
	free(stage);
	return NULL;
}

/* where @size bytes can be; false: nowhere just now */
static bool stage_find(const struct remote_stage *stage, uint32_t size, uint32_t *offset_out)
{
	uint32_t start = stage->pieces[stage->first].start;

	if (!stage->n_pieces) {
		*offset_out = 0;
		return size <= REMOTE_STAGE_SIZE;
	}
	*offset_out = stage->end;
	/* it has gone on at the start */
	if (stage->end <= start)
		return size <= start - stage->end;
	if (size <= REMOTE_STAGE_SIZE - stage->end)
		return true;
	*offset_out = 0;
	return size <= start;
}

int remote_stage_take(struct remote_stage *stage, uint32_t size, uint64_t n, uint32_t *offset_out)
{
	uint32_t offset, at;

	size = (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
	if (stage->n_pieces == REMOTE_STAGE_PIECES || !stage_find(stage, size, &offset))
		return -EAGAIN;
	at = (stage->first + stage->n_pieces++) % REMOTE_STAGE_PIECES;
	stage->pieces[at] = (struct remote_piece){.start = offset, .n = n};
	stage->end = offset + size;
	*offset_out = offset;
	return 0;
}

void remote_stage_release(struct remote_stage *stage, uint64_t n)
{
	while (stage->n_pieces > 0 && stage->pieces[stage->first].n <= n) {
		stage->first = (stage->first + 1) % REMOTE_STAGE_PIECES;
		stage->n_pieces--;
	}
}
