/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Monitors: clients that called BecomeMonitor
 *
 * They are fed here, in the order in which the bus accepts messages, and before
 * delivery.  A monitor has no connection of the engine any more; its copies wait as
 * answers, and where it does not keep up they are dropped and counted.
 */
#pragma once

#include "proxy/message.h"

struct client;
struct daemon;
struct engine_notification;
struct engine_received;

/* a message that the bus accepted or made */
void monitor_feed(struct daemon *daemon, struct message *message);

/* a message of a connection of another process, wherever it goes */
void monitor_feed_stranger(struct daemon *daemon, const struct engine_received *received,
			   struct message *message);

/* a message of @src (NULL: the driver) was refused for one receiver, of which its sender does
 * not hear; access_explain() says why */
void monitor_feed_refusal(struct daemon *daemon, const struct client *src,
			  const struct message *message);

/* the same of a broadcast, for each of our clients that would have it and may not; where the
 * engine does not ask about them one by one */
void monitor_feed_refusals(struct daemon *daemon, struct client *src,
			   const struct message *message);

/* monitor_feed_refusal() of a message of a connection of another process */
void monitor_feed_refused_stranger(struct daemon *daemon, const struct engine_received *received,
				   const struct message *message);

/* a message of the driver to @client, and that it was refused if it is */
void monitor_feed_driver(struct daemon *daemon, struct client *client, struct message *message);

/**
 * monitor_await_hello() - a call is dispatched that may turn out to be a Hello
 *
 * Monitors see a Hello under the name that it brought, and before the news of that
 * name: it is fed when the engine reports the connection, or as it is by
 * monitor_end_hello() if none was made.  The news itself stand behind the reply:
 * monitor_end_hello_reply() feeds them.
 */
void monitor_await_hello(struct daemon *daemon, struct message *message);
void monitor_end_hello(struct daemon *daemon);
void monitor_end_hello_reply(struct daemon *daemon);

/* a notification, as the signals that it becomes for D-Bus clients */
void monitor_feed_notification(struct daemon *daemon,
			       const struct engine_notification *notification);
