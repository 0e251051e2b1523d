/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Eavesdroppers: privileged clients with match rules that say eavesdrop='true'
 *
 * Unlike monitors they go on as ordinary clients, and see only what has reached its
 * addressee: messages of other clients, calls to the driver that succeeded, and their own; of
 * what the driver says to others nothing.  Each copy is subject to the rules of its sender and
 * of the eavesdropper.  Broadcasts come to them as to anybody.
 */
#pragma once

#include "proxy/message.h"

struct client;
struct daemon;
struct engine_received;

/**
 * eavesdrop_feed() - @message of @src has taken effect
 *
 * To be called behind its delivery.  Costs nothing while nobody eavesdrops.
 */
void eavesdrop_feed(struct daemon *daemon, struct client *src, struct message *message);

/**
 * eavesdrop_feed_stranger() - @message of a connection of another process takes effect
 * @received: the same message; who sent it is in there
 * @dst_id: who gets it
 */
void eavesdrop_feed_stranger(struct daemon *daemon, const struct engine_received *received,
			     uint64_t dst_id, struct message *message);

/* the same for a message to the driver, as yet by the name that its sender had before */
void eavesdrop_feed_driver(struct daemon *daemon, struct client *src, struct message *message);
