/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Monitors: clients that called BecomeMonitor
 *
 * They are fed here, in the order in which the bus accepts messages, and before
 * delivery.  A monitor has no connection of the engine any more; its copies wait as
 * answers, and where it does not keep up they are dropped and counted.
 */
#pragma once

#include "proxy/message.h"

struct daemon;
struct engine_notification;

/* a message that the bus accepted or made */
void monitor_feed(struct daemon *daemon, struct message *message);

/* a notification, as the signals that it becomes for D-Bus clients */
void monitor_feed_notification(struct daemon *daemon,
			       const struct engine_notification *notification);
