// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Synchronous calls
 *
 *	SEND --> waits --reply, or there will be none--> woken --> ended
 *	           |  \--cancelled, too late--------------------> ended
 *	           v
 *	      interrupted --SEND with the same cookie--> waits
 *
 * The core does not wait: SEND says that there is something to wait for, the host waits
 * in whatever way it can, and ends the call.  What is waited for is an expected reply
 * (reply.c), which is resolved as any other; only that its answer goes neither to a queue
 * nor into a notification, but stays with it until the caller takes it.  So does that of
 * an interrupted call, until its deadline.
 */
#include "kernel/core/call.h"
#include "kernel/core/message.h"
#include "kernel/core/pool.h"
#include "kernel/core/reply.h"

int kdbus_call_new(struct kdbus_conn *conn, void *waiter, struct kdbus_cmd_send *cmd,
		   struct kdbus_call **call_out)
{
	struct kdbus_call *call;

	call = kzalloc(sizeof(*call), GFP_KERNEL_ACCOUNT);
	if (!call)
		return -ENOMEM;
	call->conn = conn;
	call->waiter = waiter;
	call->cmd = cmd;
	*call_out = call;
	return 0;
}

struct kdbus_call *kdbus_call_free(struct kdbus_call *call)
{
	if (!call)
		return NULL;
	if (call->cancel)
		kdbus_conn_host(call->conn)->cancel_put(call->cancel);
	kfree(call);
	return NULL;
}

int kdbus_call_end(struct kdbus_call *call, int error)
{
	struct kdbus_conn *conn = call->conn;
	struct kdbus_queue_entry *answer;
	bool is_connected;
	int r;

	/* when a bus or an endpoint goes it is over for the replier as well, maybe a moment
	 * earlier: once the registry is free it is over for both
	 */
	down_read(&conn->bus->registry);
	is_connected = conn->is_connected;
	up_read(&conn->bus->registry);
	r = kdbus_reply_leave(conn->bus, call, error, &answer);
	if (r < 0)
		return r == -EPIPE && !is_connected ? -ECONNRESET : r;
	return kdbus_conn_take_answer(conn, answer, &call->cmd->reply);
}
