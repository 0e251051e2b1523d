/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Delivery
 *
 * From a sender to the queues of the receivers.
 */
#ifndef KDBUS_DELIVERY_H
#define KDBUS_DELIVERY_H

#include "kernel/core/bus.h"
#include "kernel/core/message.h"

/**
 * struct kdbus_candidates - who wants a broadcast
 * @bus: where
 * @first: struct kdbus_conn, by candidate_next; in the order in which they were added
 * @end: where the next one is linked
 */
struct kdbus_candidates {
	struct kdbus_bus *bus;
	struct kdbus_conn *first;
	struct kdbus_conn **end;
};

/* for the host, from within broadcast_candidates(): @conn, which is indexed, wants it; @tag is
 * or-ed to what was said before
 */
void kdbus_candidates_add(struct kdbus_candidates *candidates, struct kdbus_conn *conn, u64 tag);

/**
 * kdbus_deliver() - take a message where it is addressed to (reference 4.3)
 * @msg: checked, with a sender
 *
 * Takes the registry.
 *
 * Return: 0 or the errno of SEND.
 */
int kdbus_deliver(struct kdbus_message *msg);
/* a broadcast or a broadcast notification; with the registry held */
void kdbus_deliver_broadcast(struct kdbus_bus *bus, struct kdbus_message *msg);
/* a notification for one; @is_seen: monitors have it already; with the registry held.
 * Return: as kdbus_queue_add()
 */
int kdbus_deliver_notification(struct kdbus_conn *dst, struct kdbus_message *msg, bool is_seen);

#endif
