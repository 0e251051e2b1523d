/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Synchronous calls
 *
 * A SEND with SYNC_REPLY, from when its request is with the replier until its caller has
 * the reply or gives up (reference 4.6).
 */
#ifndef KDBUS_CALL_H
#define KDBUS_CALL_H

#include "kernel/core/connection.h"

/* what SEND says when there is something to wait for */
#define KDBUS_CALL_WAITS 1

/**
 * struct kdbus_call - somebody who waits
 * @conn: whose call it is; outlives it
 * @waiter: the host's, for call_wake()
 * @cancel: the host's, or NULL: a file that ends it
 * @deadline_ns: absolute; for the host, which need not look at it if it calls kdbus_bus_expire()
 * @reply: what is waited for
 * @cmd: the command; its result is written there
 * @address: of the command in the memory of the caller
 */
struct kdbus_call {
	struct kdbus_conn *conn;
	void *waiter;
	void *cancel;
	u64 deadline_ns;
	struct kdbus_reply *reply;
	struct kdbus_cmd_send *cmd;
	u64 address;
};

/* Return: 0 or -ENOMEM */
int kdbus_call_new(struct kdbus_conn *conn, void *waiter, struct kdbus_cmd_send *cmd,
		   struct kdbus_call **call_out);
/* of one that does not wait; NULL is fine */
struct kdbus_call *kdbus_call_free(struct kdbus_call *call);

/**
 * kdbus_call_end() - nobody waits any more
 * @error: why: 0 after call_wake(); -ECANCELED, -ETIMEDOUT; or any other, by which the caller
 *	is interrupted and may come back with the same cookie
 *
 * A reply that has come is taken, whatever @error says.  Called as the caller, with no lock
 * held.
 *
 * Return: 0, with the reply in call.cmd; or the errno of SEND.
 */
int kdbus_call_end(struct kdbus_call *call, int error);

#endif
