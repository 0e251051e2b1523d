/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Errand: what the proxy of a single client has to do with the owner of the bus
 *
 * The other side of desk.h, on a bus that was joined.
 */
#pragma once

#include "proxy/desk.h"

/**
 * errand_ask() - have the owner answer a call of the client
 *
 * The client is held until the owner says that the call has taken effect.
 *
 * Return: 0 or the negative errno of engine_send().
 */
int errand_ask(struct client *client, const struct message *message);

/**
 * errand_report() - tell the owner of a message, if it wants to know
 * @kind: DESK_SAID, DESK_HEARD or DESK_PASSED
 *
 * Nothing to do on a bus of our own, and before Hello.  What the owner cannot take is lost.
 */
void errand_report(struct client *client, enum desk_kind kind, const struct message *message);

/* the client was admitted: it becomes a monitor, or is closed */
void errand_become_monitor(struct client *client);

/* whether it is the owner who sent this */
bool errand_is_from_owner(const struct daemon *daemon, const struct engine_received *received);

/**
 * errand_receive() - what the client gets of it
 * @message_out: the caller's reference; NULL: nothing
 *
 * The client may have been closed.
 *
 * Return: 0, or -ENOMEM: it can be tried again.
 */
int errand_receive(struct client *client, const struct engine_received *received,
		   struct message **message_out);
