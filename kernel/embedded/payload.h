/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Payload of messages in this process
 *
 * What the core knows as struct kdbus_payload is a struct engine_payload: the
 * sender's own object when the message came from a direct connection, one that
 * was imported from the parts of the ABI when it came from a handle.
 */
#pragma once

#include "kernel/engine/engine.h"

struct kdbus_payload;

static inline struct kdbus_payload *embedded_payload(struct engine_payload *payload)
{
	return (struct kdbus_payload *)payload;
}

/**
 * embedded_payload_flat() - a payload as a direct receiver wants it
 * @payload: of either kind; NULL, that of a message without any, gives an empty one
 * @flat_out: a reference; all bytes in one piece.  The same object, unless it was
 *	imported with runs of zeros or memory files.  What is too much (128 MiB), or
 *	cannot be read from its file, becomes an empty one without descriptors
 *
 * Return: 0 or -ENOMEM.
 */
int embedded_payload_flat(struct kdbus_payload *payload, struct engine_payload **flat_out);
/* the same of no more than the first @max bytes of what has to be put together */
int embedded_payload_flat_part(struct kdbus_payload *payload, size_t max, bool *is_cut_out,
			       struct engine_payload **flat_out);
/* whether it is a sender's own object */
bool embedded_payload_is_direct(struct kdbus_payload *payload);
