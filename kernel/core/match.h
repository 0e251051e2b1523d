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

/* does a match of @conn want @msg; with the registry held */
bool kdbus_match_hits(struct kdbus_conn *conn, const struct kdbus_message *msg);
/* with the registry held for writing */
void kdbus_match_remove_all(struct kdbus_conn *conn);

/* MATCH_ADD and MATCH_REMOVE; they take the registry */
int kdbus_cmd_match_add(struct kdbus_conn *conn, struct kdbus_cmd_match *cmd);
int kdbus_cmd_match_remove(struct kdbus_conn *conn, struct kdbus_cmd_match *cmd);

#endif
