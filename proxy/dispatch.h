/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Dispatch: what becomes of a message that a client sent */
#pragma once

#include "proxy/client.h"

/**
 * dispatch_message() - let a message take effect
 * @message: whole and valid, SENDER filled in; borrowed
 *
 * By the time this returns the message has reached the queues of its receivers,
 * or the driver has done what it asks, or its sender's error is queued.  The
 * client may have been closed.
 */
void dispatch_message(struct client *client, struct message *message);

/**
 * dispatch_refused() - tell the sender of a message that it will not be delivered
 * @r: what engine_send() returned, or would have
 */
void dispatch_refused(struct client *client, const struct message *message, int r);
