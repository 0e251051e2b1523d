/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the direct carrier tells its host of messages that come from outside */
#ifndef KERNEL_ENGINE_ENGINE_DIRECT_STRANGER_H
#define KERNEL_ENGINE_ENGINE_DIRECT_STRANGER_H

#include "kernel/engine/engine.h"

struct direct_stranger;
struct kdbus_conn;
struct kdbus_message;
struct kdbus_queue_entry;

/* has the host taken on to judge what it sends and receives? */
bool direct_is_judged(const struct kdbus_conn *conn);

/* All keep what they found out in @stranger, until the next call for it; the registry is held.
 * Return NULL if there is no memory. */

/* who a connection is */
const struct engine_stranger *direct_stranger_meet(struct direct_stranger **stranger,
						   const struct kdbus_conn *conn);

/**
 * direct_stranger_look() - a message of a stranger, as a receiver would see it
 * @msg: being delivered; asked about once more it is not looked at again, as a broadcast asks
 *	for each receiver
 * @is_whole: however large it is; otherwise it may be cut
 */
const struct engine_received *direct_stranger_look(struct direct_stranger **stranger,
						   const struct kdbus_message *msg, bool is_whole);
/* the same for a message that has waited in a queue */
const struct engine_received *direct_stranger_remember(struct direct_stranger **stranger,
						       const struct kdbus_conn *src,
						       const struct kdbus_queue_entry *entry);
/* lets go of it */
void direct_stranger_forget(struct direct_stranger **stranger);

#endif
