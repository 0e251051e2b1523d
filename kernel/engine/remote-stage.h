/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The stage of a stream: memory that the server reads payload from
 * (kernel/embedded/remote-protocol.h)
 *
 * It is made when there is something to put there for the first time, and belongs to the stream.
 */
#ifndef KERNEL_ENGINE_REMOTE_STAGE_H
#define KERNEL_ENGINE_REMOTE_STAGE_H

#include <stdint.h>

struct remote_client;

/* bytes of a stage: more than that goes in a file of its own */
#define REMOTE_STAGE_SIZE (2u * 1024 * 1024)
/* pieces of it that are in use */
#define REMOTE_STAGE_PIECES 64

/**
 * struct remote_piece - a piece that is in use
 * @start: where it is
 * @n: number of the SEND after which it is not
 */
struct remote_piece {
	uint32_t start;
	uint64_t n;
};

/**
 * struct remote_stage - a stage
 * @bytes: its memory, shared with the server; NULL: there is none, and there will be none
 * @pieces: from @first on, in a circle, oldest first
 * @first: index of the oldest
 * @n_pieces: number of them
 * @end: where the newest ends
 */
struct remote_stage {
	uint8_t *bytes;
	struct remote_piece pieces[REMOTE_STAGE_PIECES];
	uint32_t first;
	uint32_t n_pieces;
	uint32_t end;
};

/* makes the stage of a stream, unless there is one; 0, or a negative errno: -EMFILE if there cannot
 * be one, and -ECONNRESET */
int remote_stage_open(struct remote_client *client);
/* NULL is fine */
struct remote_stage *remote_stage_free(struct remote_stage *stage);

/**
 * remote_stage_take() - a piece of the stage
 * @size: of it
 * @n: number of the SEND that it is for
 * @offset_out: where it is
 *
 * Return: 0, or -EAGAIN: so much is not there before some SEND is over.
 */
int remote_stage_take(struct remote_stage *stage, uint32_t size, uint64_t n, uint32_t *offset_out);
/* all SENDs up to @n are over */
void remote_stage_release(struct remote_stage *stage, uint64_t n);

#endif
