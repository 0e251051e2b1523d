/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Limits
 *
 * struct kdbus_limits belongs to a domain and may be changed at any time; what
 * is above a new limit already stays.  The constants are part of the ABI.
 */
#ifndef KDBUS_LIMITS_H
#define KDBUS_LIMITS_H

#include "kernel/core/os.h"

/* bytes of a command struct with its items, and of a message without payload */
#define KDBUS_CMD_MAX_SIZE 32768
#define KDBUS_MSG_MAX_SIZE 32768
/* P1 */
#define KDBUS_MSG_MAX_SIZE_P1  8192
#define KDBUS_MSG_MAX_ITEMS_P1 128

/* names without the terminating NUL */
#define KDBUS_NAME_MAX_LEN    255
#define KDBUS_SYSNAME_MAX_LEN 63

/* bytes of a bloom filter */
#define KDBUS_BLOOM_MIN_SIZE 8
#define KDBUS_BLOOM_MAX_SIZE 4096

/* well-known names that one policy holder or activator speaks for */
#define KDBUS_POLICY_MAX_NAMES 1

/* memory fds in one message */
#define KDBUS_MSG_MAX_MEMFDS 16

/* what a P1 domain lets out of metadata until it is told otherwise */
#define KDBUS_ATTACH_MASK_DEFAULT                                                                  \
	(KDBUS_ATTACH_TIMESTAMP | KDBUS_ATTACH_CREDS | KDBUS_ATTACH_PIDS |                         \
	 KDBUS_ATTACH_AUXGROUPS | KDBUS_ATTACH_NAMES | KDBUS_ATTACH_SECLABEL |                     \
	 KDBUS_ATTACH_CONN_DESCRIPTION)

/**
 * struct kdbus_limits - what a domain allows
 * @pool_size: nominal pool of a direct connection, in bytes
 * @vec_size: bytes of one PAYLOAD_VEC
 * @n_buses_user: buses one uid may have made
 * @n_conns_user: connections accounted to one uid
 * @n_names_conn: owner and queue entries of one connection
 * @n_matches_conn: matches of one connection
 * @n_replies_conn: expected replies of one connection that still count
 * @n_msgs_user: messages of one user in one queue
 * @n_fds_user: descriptors of one user in one queue
 * @n_fds_msg: descriptors in one message
 */
struct kdbus_limits {
	u64 pool_size;
	u64 vec_size;
	u32 n_buses_user;
	u32 n_conns_user;
	u32 n_names_conn;
	u32 n_matches_conn;
	u32 n_replies_conn;
	u32 n_msgs_user;
	u32 n_fds_user;
	u32 n_fds_msg;
};

/* as published */
#define KDBUS_LIMITS_DEFAULT                                                                       \
	{                                                                                          \
		.pool_size = 16 << 20, .vec_size = 2 << 20, .n_buses_user = 16,                    \
		.n_conns_user = 1024, .n_names_conn = 256, .n_matches_conn = 256,                  \
		.n_replies_conn = 128, .n_msgs_user = 256, .n_fds_user = 16, .n_fds_msg = 16,      \
	}

#endif
