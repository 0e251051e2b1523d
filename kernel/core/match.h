/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Matches
 *
 * Which broadcasts a connection wants.  Guarded by the registry of the bus.
 */
#ifndef KDBUS_MATCH_H
#define KDBUS_MATCH_H

#include "kernel/core/message.h"

struct kdbus_conn;

/**
 * struct kdbus_matches - the matches of a connection that has any
 * @conn: the connection
 * @bus_link: in bus.matchers
 * @list: struct kdbus_match
 * @n: number of them
 */
struct kdbus_matches {
	struct kdbus_conn *conn;
	struct list_head bus_link;
	struct list_head list;
	u32 n;
};

/* does one of @matches want @msg; with the registry held */
bool kdbus_match_hits(const struct kdbus_matches *matches, const struct kdbus_message *msg);
/* with the registry held for writing */
void kdbus_match_remove_all(struct kdbus_conn *conn);

/* MATCH_ADD and MATCH_REMOVE; they take the registry */
int kdbus_cmd_match_add(struct kdbus_conn *conn, struct kdbus_cmd_match *cmd);
int kdbus_cmd_match_remove(struct kdbus_conn *conn, struct kdbus_cmd_match *cmd);

#endif
