/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Handle
 *
 * An open file: a node was opened, and commands arrive by number and address.
 */
#ifndef KDBUS_HANDLE_H
#define KDBUS_HANDLE_H

#include "kernel/core/call.h"
#include "kernel/core/connection.h"

/**
 * enum kdbus_handle_state - what a handle has become (reference 1.5)
 * @KDBUS_HANDLE_CONTROL: unset, on the control node
 * @KDBUS_HANDLE_ENDPOINT: unset, on an endpoint
 * @KDBUS_HANDLE_BUS_OWNER: BUS_MAKE succeeded
 * @KDBUS_HANDLE_ENDPOINT_OWNER: ENDPOINT_MAKE succeeded
 * @KDBUS_HANDLE_CONNECTED: HELLO succeeded
 */
enum kdbus_handle_state {
	KDBUS_HANDLE_CONTROL,
	KDBUS_HANDLE_ENDPOINT,
	KDBUS_HANDLE_BUS_OWNER,
	KDBUS_HANDLE_ENDPOINT_OWNER,
	KDBUS_HANDLE_CONNECTED,
};

/**
 * struct kdbus_handle - an open file
 * @domain: pinned
 * @host: "caller" to the host operations
 * @cred: of whoever opened it
 * @setup_lock: serialises what changes the state; outside of all other locks
 * @state: changes at most once, under @setup_lock; see kdbus_handle_state()
 * @ep: ENDPOINT: the node; ENDPOINT_OWNER: the one it made
 * @bus: BUS_OWNER
 * @conn: CONNECTED
 */
struct kdbus_handle {
	struct kdbus_domain *domain;
	void *host;
	struct kdbus_cred cred;
	struct mutex setup_lock;
	enum kdbus_handle_state state;
	struct kdbus_endpoint *ep;
	struct kdbus_bus *bus;
	struct kdbus_conn *conn;
};

/* what the handle is; what belongs to that state can be looked at */
static inline enum kdbus_handle_state kdbus_handle_state(const struct kdbus_handle *handle)
{
	/* together with what handle_become() was told after */
	return smp_load_acquire(&handle->state);
}

/**
 * kdbus_handle_new() - a node is opened
 * @domain: whose control node, if @ep is NULL
 * @ep: whose node
 * @host: "caller" to the host operations; must outlive the handle
 * @cred: of who opens
 *
 * Return: 0, -ESHUTDOWN (the node is dead) or -ENOMEM.
 */
int kdbus_handle_new(struct kdbus_domain *domain, struct kdbus_endpoint *ep, void *host,
		     const struct kdbus_cred *cred, struct kdbus_handle **handle_out);
/* the last close: what the handle made goes away */
struct kdbus_handle *kdbus_handle_free(struct kdbus_handle *handle);

/**
 * kdbus_handle_command() - ioctl
 * @nr: KDBUS_CMD_*
 * @address: of the command struct, in the memory of the caller
 *
 * Return: 0 or the negative errno of the ABI.
 */
int kdbus_handle_command(struct kdbus_handle *handle, unsigned int nr, u64 address);

/**
 * kdbus_handle_start() - the same for a host that can wait
 * @waiter: for call_wake(), which may be said before this returns
 * @call_out: with KDBUS_CALL_WAITS
 *
 * Return: 0, KDBUS_CALL_WAITS: a synchronous SEND is under way, and kdbus_handle_end() is to be
 * called before the handle is freed; or the negative errno of the ABI.
 */
int kdbus_handle_start(struct kdbus_handle *handle, unsigned int nr, u64 address, void *waiter,
		       struct kdbus_call **call_out);
/* the other half: kdbus_call_end(), and the result is written back.  0 or the errno of SEND */
int kdbus_handle_end(struct kdbus_handle *handle, struct kdbus_call *call, int error);

/**
 * kdbus_conn_command() - a command with its struct in memory of the core
 * @conn: who it is for
 * @nr: KDBUS_CMD_*, of a connection; not HELLO
 * @cmd: with items, 8-aligned, padded to 8; written back
 *
 * Return: 0 or the negative errno of the ABI.
 */
int kdbus_conn_command(struct kdbus_conn *conn, unsigned int nr, void *cmd);

/* what poll() would say (reference 10.1): POLLIN and so on as bits */
#define KDBUS_POLL_READABLE (1U << 0)
#define KDBUS_POLL_WRITABLE (1U << 1)
#define KDBUS_POLL_HANGUP   (1U << 2)
unsigned int kdbus_handle_poll(struct kdbus_handle *handle);

#endif
