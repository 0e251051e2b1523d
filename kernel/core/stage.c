// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Stage
 *
 * Reading the memory of a sender may take for ever, if its faults are served by another process.
 * So no lock may be held meanwhile; and it shall go straight to the pool of the receiver, who is
 * known only to who holds one.  A host that can leave the bytes where they are
 * (payload_load()) has unicasts delivered in two turns:
 *
 *	with the registry held: who gets it, and may they; room in their queue and pool
 *	with nothing held:      the bytes are copied
 *	with the registry held: all of it again, and now it is delivered
 *
 * The first turn changes nothing that anybody could see, and is the last one if it finds that
 * the message is not to be delivered.  The second may find that everything is as it was, as the
 * generation of the bus tells, and then queues what is there.  If not, all is asked anew, and
 * the message may turn out to go to somebody else, or to look different: then its payload is
 * taken from the slice where it is.  The memory of the sender is never read a second time.
 *
 * A receiver that leaves meanwhile has its connection, which is disconnected, kept in memory by
 * a reference.  What it can see of a message that it never gets is the bytes that it was to get
 * when they were copied.
 *
 * Broadcasts are read before any of it: their receivers are many, all have to be found in one
 * moment, and each has its own pool.  So are monitors served from the slice of the receiver, or,
 * if there is none, from memory of the host.
 */
#include "kernel/core/connection.h"
#include "kernel/core/message.h"
#include "kernel/core/pool.h"
#include "kernel/core/queue.h"
#include "kernel/core/reply.h"
#include "kernel/core/stage.h"

int kdbus_stage_want(struct kdbus_message *msg, struct kdbus_conn *dst)
{
	struct kdbus_stage *stage = msg->stage;
	int r;

	if (!stage || stage->state != KDBUS_STAGE_SENDER)
		return 0;
	if (dst && !kdbus_conn_is_direct(dst)) {
		r = kdbus_queue_reserve(dst, msg);
		if (r >= 0) {
			stage->conn = kdbus_conn_ref(dst);
			stage->generation = dst->bus->generation;
			return KDBUS_STAGE_WANTED;
		}
		if (list_empty(&dst->bus->monitors)) {
			stage->state = KDBUS_STAGE_NOWHERE;
			stage->error = r;
			return 0;
		}
	}
	return KDBUS_STAGE_WANTED;
}

static int stage_load(struct kdbus_message *msg)
{
	const struct kdbus_host_ops *host = kdbus_conn_host(msg->src);
	struct kdbus_stage *stage = msg->stage;
	struct kdbus_slice *slice;
	void *memory;
	int r;

	if (!stage->entry)
		return host->payload_load(msg->src->host, msg->payload, stage->parts,
					  stage->n_parts, NULL, 0);
	/* nobody else touches a slice that is held, and it stays where it is */
	slice = stage->entry->slice;
	memory = stage->conn->pool->memory;
	r = host->pool_write(memory, slice->offset, kdbus_buffer_data(&stage->header),
			     stage->header_size);
	if (r < 0)
		return r;
	r = host->payload_load(msg->src->host, msg->payload, stage->parts, stage->n_parts, memory,
			       slice->offset + stage->header_size);
	if (r < 0)
		return r;
	return kdbus_slice_pad(stage->conn->pool, slice, stage->header_size + msg->payload_size);
}

void kdbus_stage_load(struct kdbus_message *msg)
{
	struct kdbus_stage *stage = msg->stage;
	int r;

	r = stage_load(msg);
	kdbus_buffer_deinit(&stage->header);
	if (r < 0) {
		/* its room is there for who asks whether there is any */
		kdbus_stage_end(msg);
		stage->state = KDBUS_STAGE_NOWHERE;
		stage->error = r;
	} else {
		stage->state = stage->entry ? KDBUS_STAGE_POOL : KDBUS_STAGE_HOST;
	}
}

void kdbus_stage_end(struct kdbus_message *msg)
{
	struct kdbus_stage *stage = msg->stage;

	if (!stage)
		return;
	if (stage->entry) {
		kdbus_queue_release(stage->conn, stage->entry);
		kdbus_reply_tell_rest(stage->conn);
	}
	stage->entry = NULL;
	stage->conn = kdbus_conn_unref(stage->conn);
}

int kdbus_stage_copy(struct kdbus_message *msg, struct kdbus_conn *conn, u64 offset)
{
	const struct kdbus_host_ops *host = kdbus_conn_host(conn);
	struct kdbus_stage *stage = msg->stage;

	if (!stage || stage->state == KDBUS_STAGE_HOST)
		return host->payload_copy(msg->payload, conn->pool->memory, offset);
	if (stage->state == KDBUS_STAGE_NOWHERE)
		return stage->error;
	if (WARN_ON(stage->state != KDBUS_STAGE_POOL || !stage->entry || !stage->entry->slice))
		return -EFAULT;
	return host->pool_copy(conn->pool->memory, offset, stage->conn->pool->memory,
			       stage->entry->slice->offset + stage->header_size, msg->payload_size);
}
