/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages of the ABI as bytes
 *
 * Building a struct kdbus_msg out of what engine_send() was given, and taking one
 * apart that lies in a pool.  No commands, no files but those that travel.
 */
#ifndef KERNEL_ENGINE_ENGINE_MESSAGE_H
#define KERNEL_ENGINE_ENGINE_MESSAGE_H

#include "kernel/engine/engine.h"

/* the ABI's limits for a message */
#define ENGINE_MSG_SIZE_MAX (32u * 1024)
#define ENGINE_VEC_SIZE_MAX (2u * 1024 * 1024)
/* bytes of payload that are taken from a peer: the largest D-Bus message */
#define ENGINE_PAYLOAD_MAX (128u * 1024 * 1024)

/**
 * engine_message_build() - the message to give to SEND
 * @send: what to say; a SIGNAL without a filter gets one that every mask accepts
 * @bloom_size: bytes of a filter on this bus
 * @buffer: room for ENGINE_MSG_SIZE_MAX bytes, aligned to 8
 *
 * Return: the message, in @buffer, or NULL if it does not fit.
 */
struct kdbus_msg *engine_message_build(const struct engine_send *send, size_t bloom_size,
				       void *buffer);

/**
 * engine_message_parse() - what a slice with a message says
 * @address: the slice, aligned to 8; does not change
 * @size: its bytes
 * @view: NULL, or a payload with a @release: if all bytes lie in one piece in the slice, and there
 *	are no descriptors, this becomes the payload, with its reference; else there is a copy, and
 *	@view is as it was
 * @received_out: all but @position, @tag, @ops; to be released by
 *	engine_message_release()
 *
 * The bus wrote the slice, but what is in it came from a peer.  Descriptors in
 * it are owned by the result or closed, on failure too.  A payload that cannot be
 * had (larger than ENGINE_PAYLOAD_MAX, a part out of bounds, a file that cannot
 * be read) is delivered as one of no bytes, and descriptors of which some
 * could not be installed as none, which no reader takes for a valid message: so
 * that whoever waits for it is told, and nothing hangs.
 *
 * Return: 0, -EBADMSG if this is no message, -ENOMEM.
 */
int engine_message_parse(const void *address, size_t size, struct engine_payload *view,
			 struct engine_received *received_out);

/* frees what engine_message_parse() allocated; the payload may live on */
void engine_message_release(struct engine_received *received);

#endif
