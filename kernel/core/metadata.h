/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Metadata
 *
 * What a receiver or an inquirer learns of a peer (reference section 8).  The
 * identity of a task is the host's; the names, the description and the time are
 * the bus' own.
 */
#ifndef KDBUS_METADATA_H
#define KDBUS_METADATA_H

#include "kernel/core/item.h"
#include "kernel/core/message.h"

/* attach flags the items of which come from a task */
#define KDBUS_ATTACH_TASK                                                                          \
	(_KDBUS_ATTACH_ALL &                                                                       \
	 ~(u64)(KDBUS_ATTACH_TIMESTAMP | KDBUS_ATTACH_NAMES | KDBUS_ATTACH_CONN_DESCRIPTION))

/* attach flags a sender cannot refuse */
#define KDBUS_ATTACH_IMPLICIT                                                                      \
	((u64)(KDBUS_ATTACH_CONN_DESCRIPTION | KDBUS_ATTACH_TIMESTAMP | KDBUS_ATTACH_NAMES |       \
	       KDBUS_ATTACH_AUXGROUPS | KDBUS_ATTACH_CREDS | KDBUS_ATTACH_PIDS))

/* attach flags a receiver gets anyway if its procfs shows them */
#define KDBUS_ATTACH_VISIBLE                                                                       \
	((u64)(KDBUS_ATTACH_TID_COMM | KDBUS_ATTACH_PID_COMM | KDBUS_ATTACH_SECLABEL |             \
	       KDBUS_ATTACH_CMDLINE | KDBUS_ATTACH_CGROUP | KDBUS_ATTACH_AUDIT |                   \
	       KDBUS_ATTACH_CAPS | KDBUS_ATTACH_EXE))

/* P1: those of @mask that leave @domain at all */
static inline u64 kdbus_metadata_exported(const struct kdbus_domain *domain, u64 mask)
{
	return domain->is_p1 ? mask & READ_ONCE(domain->attach_mask) : mask;
}

/* what goes with @msg to @dst, the lock of which is held; also the registry */
void kdbus_metadata_add_message(struct kdbus_message *msg, struct kdbus_conn *dst,
				struct kdbus_buffer *buffer);
/* what @conn may learn of @of, restricted to @mask; with the registry held */
void kdbus_metadata_add_conn(struct kdbus_conn *of, struct kdbus_conn *conn, u64 mask,
			     struct kdbus_buffer *buffer);

#endif
