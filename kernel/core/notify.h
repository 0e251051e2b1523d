/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Notifications
 *
 * What the bus itself reports (reference 4.9).  All functions want the registry
 * of the bus held, and deliver before they return; a notification that cannot be
 * delivered is lost for that receiver.
 */
#ifndef KDBUS_NOTIFY_H
#define KDBUS_NOTIFY_H

#include "kernel/core/bus.h"

struct kdbus_conn;
struct kdbus_name_entry;

/* ID_ADD or ID_REMOVE of @conn */
void kdbus_notify_id(u64 type, struct kdbus_conn *conn);
/* NAME_ADD (@old_conn NULL), NAME_REMOVE (@new_conn NULL) or NAME_CHANGE of @entry */
void kdbus_notify_name(struct kdbus_bus *bus, u64 type, struct kdbus_conn *old_conn, u64 old_flags,
		       struct kdbus_conn *new_conn, u64 new_flags, struct kdbus_name_entry *entry);
/* REPLY_TIMEOUT or REPLY_DEAD for the request @cookie of @requester; @is_seen: monitors have it
 * already.  Return: as kdbus_queue_add()
 */
int kdbus_notify_reply(struct kdbus_conn *requester, u64 type, u64 cookie, bool is_seen);

#endif
