/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stage
 *
 * A payload on its way from the memory of its sender to the pool of its receiver.
 */
#ifndef KDBUS_STAGE_H
#define KDBUS_STAGE_H

#include "kernel/core/item.h"
#include "kernel/core/message.h"

struct kdbus_queue_entry;

/* deliver no further: nothing has happened yet, and kdbus_stage_load() is due */
#define KDBUS_STAGE_WANTED 1

/**
 * enum kdbus_stage_state - where the bytes are
 * @KDBUS_STAGE_SENDER: in the memory of the sender
 * @KDBUS_STAGE_HOST: where payload_copy() takes them from
 * @KDBUS_STAGE_POOL: in a slice
 * @KDBUS_STAGE_NOWHERE: they could not be had
 */
enum kdbus_stage_state {
	KDBUS_STAGE_SENDER,
	KDBUS_STAGE_HOST,
	KDBUS_STAGE_POOL,
	KDBUS_STAGE_NOWHERE,
};

/**
 * struct kdbus_stage - a payload that the host leaves with its sender until it is wanted
 * @parts: where it is there
 * @n_parts: number of them
 * @state: where it is now
 * @error: NOWHERE: why
 * @conn: in whose pool it is, or will be; a reference, or NULL
 * @entry: with the slice; counts in the queue of @conn but is not in it.  NULL once it is, too
 * @header: what the slice is to begin with; empty once it does
 * @header_size: bytes of that
 * @generation: of the bus when @header was made
 */
struct kdbus_stage {
	const struct kdbus_part *parts;
	size_t n_parts;
	enum kdbus_stage_state state;
	int error;
	struct kdbus_conn *conn;
	struct kdbus_queue_entry *entry;
	struct kdbus_buffer header;
	size_t header_size;
	u64 generation;
};

/**
 * kdbus_stage_want() - somebody is to get a message now, if its payload is here
 * @msg: about to be delivered; nothing of it is yet
 * @dst: who; NULL: only such as get copies
 *
 * With the registry held.
 *
 * Return: 0, or KDBUS_STAGE_WANTED.
 */
int kdbus_stage_want(struct kdbus_message *msg, struct kdbus_conn *dst);
/* reads the payload from the memory of the sender.  With no lock held; whether that could be done
 * is said when the message is delivered
 */
void kdbus_stage_load(struct kdbus_message *msg);
/* the message is delivered, or never will be; with no lock held */
void kdbus_stage_end(struct kdbus_message *msg);

/**
 * kdbus_stage_copy() - write the payload of a message to a pool
 * @conn: whose; its lock is held
 * @offset: in its pool
 *
 * Return: 0, -EFAULT, or another errno of payload_load().
 */
int kdbus_stage_copy(struct kdbus_message *msg, struct kdbus_conn *conn, u64 offset);

/* is there an entry for @msg in @conn already */
static inline bool kdbus_stage_is_in(const struct kdbus_message *msg, const struct kdbus_conn *conn)
{
	const struct kdbus_stage *stage = msg->stage;

	return stage && stage->state == KDBUS_STAGE_POOL && stage->conn == conn && stage->entry;
}

#endif
