/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asking about connections */
#ifndef KDBUS_CONNECTION_INFO_H
#define KDBUS_CONNECTION_INFO_H

#include "kernel/core/connection.h"

/* CONN_INFO, BUS_CREATOR_INFO, LIST; the results are to be freed by FREE */
int kdbus_cmd_conn_info(struct kdbus_conn *conn, struct kdbus_cmd_info *cmd);
int kdbus_cmd_bus_creator_info(struct kdbus_conn *conn, struct kdbus_cmd_info *cmd);
int kdbus_cmd_list(struct kdbus_conn *conn, struct kdbus_cmd_list *cmd);

#endif
