/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Well-known names
 *
 * All functions want the registry of the bus held; those that change something,
 * for writing.
 */
#ifndef KDBUS_NAMES_H
#define KDBUS_NAMES_H

#include "kernel/core/bus.h"

struct kdbus_conn;

/**
 * struct kdbus_name_entry - a registered name
 * @kref: the registry, and each queued message addressed to or telling of the name
 * @by_name: in bus.names while registered
 * @owners: struct kdbus_name_owner, the primary owner first
 * @activator: holds the name when nobody else does; or NULL
 * @len: of @name
 * @name: NUL-terminated
 *
 * A name that is given up and registered again later is another entry.
 */
struct kdbus_name_entry {
	struct kref kref;
	struct kdbus_table_node by_name;
	struct list_head owners;
	struct kdbus_name_owner *activator;
	size_t len;
	char name[];
};

/**
 * struct kdbus_name_owner - the place of a connection in the queue of a name
 * @entry: the name
 * @conn: who
 * @entry_link: in entry.owners; not linked for an activator
 * @conn_link: in conn.names, in the order in which they were asked for
 * @flags: KDBUS_NAME_{ALLOW_REPLACEMENT,QUEUE} as asked for, and
 *	KDBUS_NAME_{PRIMARY,IN_QUEUE,ACTIVATOR}
 */
struct kdbus_name_owner {
	struct kdbus_name_entry *entry;
	struct kdbus_conn *conn;
	struct list_head entry_link;
	struct list_head conn_link;
	u64 flags;
};

struct kdbus_name_entry *kdbus_name_entry_ref(struct kdbus_name_entry *entry);
struct kdbus_name_entry *kdbus_name_entry_unref(struct kdbus_name_entry *entry);

/* the entry, or NULL; @len without the NUL */
struct kdbus_name_entry *kdbus_name_find(struct kdbus_bus *bus, const char *name, size_t len);
/* who gets what is sent to the name: the primary owner, else the activator */
struct kdbus_name_owner *kdbus_name_holder(struct kdbus_name_entry *entry);
/* KDBUS_NAME_* of an owner as peers are told: P1 knows less of them */
u64 kdbus_name_shown_flags(const struct kdbus_bus *bus, u64 flags);
/* does @conn hold @name; waiting does not count */
bool kdbus_name_is_held_by(const struct kdbus_conn *conn, const char *name);

/**
 * kdbus_name_acquire() - the outcome table of NAME_ACQUIRE (6.3)
 * @name: valid, and @conn may own it
 * @flags: KDBUS_NAME_*, as asked for
 * @return_flags_out: written on success and with -EEXIST
 *
 * Return: 0, -EEXIST, -E2BIG or -ENOMEM.
 */
int kdbus_name_acquire(struct kdbus_conn *conn, const char *name, u64 flags, u64 *return_flags_out);
/* NAME_RELEASE: 0, -ESRCH, -EADDRINUSE */
int kdbus_name_release(struct kdbus_conn *conn, const char *name);
/* everything @conn owns or waits for: the latest first, unless the domain is strict */
void kdbus_name_release_all(struct kdbus_conn *conn);

/**
 * kdbus_name_activate() - @conn becomes the activator of a name
 * @name: valid, no wildcard
 *
 * Nobody is told yet.
 *
 * Return: 0, -EEXIST (it has one) or -ENOMEM.
 */
int kdbus_name_activate(struct kdbus_conn *conn, const char *name);
/* takes that back */
void kdbus_name_deactivate(struct kdbus_conn *conn);
/* is @conn the activator of @name */
bool kdbus_name_is_activated_by(const struct kdbus_conn *conn, const char *name);
/* tells it: NAME_ADD, if nobody owns the name */
void kdbus_name_announce_activator(struct kdbus_conn *conn);

/* NAME_ACQUIRE and NAME_RELEASE; they take the registry */
int kdbus_cmd_name_acquire(struct kdbus_conn *conn, struct kdbus_cmd *cmd);
int kdbus_cmd_name_release(struct kdbus_conn *conn, struct kdbus_cmd *cmd);

#endif
