// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Notifications
 *
 * A notification is a message without sender.  It is made on the stack and
 * delivered at once, so one that nobody wants costs nothing but the question, and
 * every receiver gets all of them in the order of what they report.
 */
#include "kernel/core/connection.h"
#include "kernel/core/delivery.h"
#include "kernel/core/names.h"
#include "kernel/core/notify.h"

static void notify_broadcast(struct kdbus_bus *bus, const struct kdbus_notification *notification,
			     struct kdbus_name_entry *name)
{
	struct kdbus_message msg = {
		.flags = KDBUS_MSG_SIGNAL,
		.dst_id = KDBUS_DST_ID_BROADCAST,
		.payload_type = KDBUS_PAYLOAD_KERNEL,
		.is_notification = true,
		.notification = *notification,
		.name = name,
	};

	kdbus_deliver_broadcast(bus, &msg);
}

void kdbus_notify_id(u64 type, struct kdbus_conn *conn)
{
	struct kdbus_notification notification = {.type = type};

	if (type == KDBUS_ITEM_ID_ADD) {
		notification.new_id = conn->id;
		notification.new_flags = conn->flags;
	} else {
		notification.old_id = conn->id;
		notification.old_flags = conn->flags;
	}
	notify_broadcast(conn->bus, &notification, NULL);
}

void kdbus_notify_name(struct kdbus_bus *bus, u64 type, struct kdbus_conn *old_conn, u64 old_flags,
		       struct kdbus_conn *new_conn, u64 new_flags, struct kdbus_name_entry *entry)
{
	struct kdbus_notification notification = {
		.type = type,
		.old_id = old_conn ? old_conn->id : 0,
		.old_flags = kdbus_name_shown_flags(bus, old_flags),
		.new_id = new_conn ? new_conn->id : 0,
		.new_flags = kdbus_name_shown_flags(bus, new_flags),
	};

	notify_broadcast(bus, &notification, entry);
}

int kdbus_notify_reply(struct kdbus_conn *requester, u64 type, u64 cookie, bool is_seen)
{
	struct kdbus_message msg = {
		.flags = kdbus_conn_is_p1(requester) ? KDBUS_MSG_SIGNAL : 0,
		.dst_id = requester->id,
		.payload_type = KDBUS_PAYLOAD_KERNEL,
		.cookie_reply = cookie,
		.is_notification = true,
		.notification = {.type = type},
	};

	return kdbus_deliver_notification(requester, &msg, is_seen);
}
