// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Handle
 *
 *	CONTROL  --BUS_MAKE-->      BUS_OWNER
 *	ENDPOINT --ENDPOINT_MAKE--> ENDPOINT_OWNER
 *	ENDPOINT --HELLO-->         CONNECTED
 *
 * A setup command that fails leaves the handle as it was.  Everything about a
 * command that has nothing to do with what it does is here, in the order of
 * reference 1.5 and 2.6: which number is known, in which state it is valid, is the
 * object still alive, does its kind admit the command; then the struct is copied
 * in, the command runs, and the struct is copied back.
 */
#include "kernel/core/args.h"
#include "kernel/core/connection-info.h"
#include "kernel/core/handle.h"
#include "kernel/core/limits.h"
#include "kernel/core/match.h"
#include "kernel/core/message.h"
#include "kernel/core/names.h"

/* kinds of connections, to admit a command */
#define KIND_ORDINARY  (1U << 0)
#define KIND_ACTIVATOR (1U << 1)
#define KIND_HOLDER    (1U << 2)
#define KIND_MONITOR   (1U << 3)
#define KIND_READER    (KIND_ORDINARY | KIND_ACTIVATOR | KIND_MONITOR)
#define KIND_ANY       (KIND_READER | KIND_HOLDER)

static const struct command {
	unsigned int nr;
	size_t size;
	enum kdbus_handle_state state;
	unsigned int kinds;
} commands[] = {
	{KDBUS_CMD_BUS_MAKE, sizeof(struct kdbus_cmd), KDBUS_HANDLE_CONTROL},
	{KDBUS_CMD_ENDPOINT_MAKE, sizeof(struct kdbus_cmd), KDBUS_HANDLE_ENDPOINT},
	{KDBUS_CMD_ENDPOINT_UPDATE, sizeof(struct kdbus_cmd), KDBUS_HANDLE_ENDPOINT_OWNER},
	{KDBUS_CMD_HELLO, sizeof(struct kdbus_cmd_hello), KDBUS_HANDLE_ENDPOINT},
	{KDBUS_CMD_UPDATE, sizeof(struct kdbus_cmd), KDBUS_HANDLE_CONNECTED, KIND_ANY},
	{KDBUS_CMD_BYEBYE, sizeof(struct kdbus_cmd), KDBUS_HANDLE_CONNECTED, KIND_ORDINARY},
	{KDBUS_CMD_FREE, sizeof(struct kdbus_cmd_free), KDBUS_HANDLE_CONNECTED, KIND_READER},
	{KDBUS_CMD_CONN_INFO, sizeof(struct kdbus_cmd_info), KDBUS_HANDLE_CONNECTED, KIND_ANY},
	{KDBUS_CMD_BUS_CREATOR_INFO, sizeof(struct kdbus_cmd_info), KDBUS_HANDLE_CONNECTED,
	 KIND_ANY},
	{KDBUS_CMD_LIST, sizeof(struct kdbus_cmd_list), KDBUS_HANDLE_CONNECTED, KIND_ANY},
	{KDBUS_CMD_SEND, sizeof(struct kdbus_cmd_send), KDBUS_HANDLE_CONNECTED, KIND_ORDINARY},
	{KDBUS_CMD_RECV, sizeof(struct kdbus_cmd_recv), KDBUS_HANDLE_CONNECTED, KIND_READER},
	{KDBUS_CMD_NAME_ACQUIRE, sizeof(struct kdbus_cmd), KDBUS_HANDLE_CONNECTED, KIND_ORDINARY},
	{KDBUS_CMD_NAME_RELEASE, sizeof(struct kdbus_cmd), KDBUS_HANDLE_CONNECTED, KIND_ORDINARY},
	{KDBUS_CMD_MATCH_ADD, sizeof(struct kdbus_cmd_match), KDBUS_HANDLE_CONNECTED,
	 KIND_ORDINARY},
	{KDBUS_CMD_MATCH_REMOVE, sizeof(struct kdbus_cmd_match), KDBUS_HANDLE_CONNECTED,
	 KIND_ORDINARY},
};

static const struct command *find_command(unsigned int nr)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (commands[i].nr == nr)
			return &commands[i];
	}
	return NULL;
}

int kdbus_handle_new(struct kdbus_domain *domain, struct kdbus_endpoint *ep, void *host,
		     const struct kdbus_cred *cred, struct kdbus_handle **handle_out)
{
	struct kdbus_handle *handle;

	if (ep ? READ_ONCE(ep->is_dead) : READ_ONCE(domain->is_dead))
		return -ESHUTDOWN;

	handle = kzalloc(sizeof(*handle), GFP_KERNEL_ACCOUNT);
	if (!handle)
		return -ENOMEM;
	handle->domain = kdbus_domain_ref(domain);
	handle->host = host;
	handle->cred = *cred;
	mutex_init(&handle->setup_lock);
	handle->state = ep ? KDBUS_HANDLE_ENDPOINT : KDBUS_HANDLE_CONTROL;
	handle->ep = ep ? kdbus_endpoint_ref(ep) : NULL;

	*handle_out = handle;
	return 0;
}

struct kdbus_handle *kdbus_handle_free(struct kdbus_handle *handle)
{
	if (!handle)
		return NULL;

	switch (handle->state) {
	case KDBUS_HANDLE_CONTROL:
	case KDBUS_HANDLE_ENDPOINT:
		break;
	case KDBUS_HANDLE_BUS_OWNER:
		kdbus_bus_kill(handle->bus);
		kdbus_bus_unref(handle->bus);
		break;
	case KDBUS_HANDLE_ENDPOINT_OWNER:
		kdbus_endpoint_kill(handle->ep);
		break;
	case KDBUS_HANDLE_CONNECTED:
		kdbus_conn_disconnect(handle->conn);
		kdbus_conn_unref(handle->conn);
		break;
	}
	kdbus_endpoint_unref(handle->ep);
	kdbus_domain_unref(handle->domain);
	mutex_destroy(&handle->setup_lock);
	kfree(handle);
	return NULL;
}

static bool conn_is_dead(struct kdbus_conn *conn)
{
	bool is_dead;

	mutex_lock(&conn->lock);
	is_dead = !conn->is_connected;
	mutex_unlock(&conn->lock);
	return is_dead;
}

static bool endpoint_is_dead(struct kdbus_endpoint *ep)
{
	bool is_dead;

	down_read(&ep->bus->registry);
	is_dead = ep->is_dead;
	up_read(&ep->bus->registry);
	return is_dead;
}

static bool domain_is_dead(struct kdbus_domain *domain)
{
	bool is_dead;

	mutex_lock(&domain->lock);
	is_dead = domain->is_dead;
	mutex_unlock(&domain->lock);
	return is_dead;
}

static int admit_conn(struct kdbus_conn *conn, const struct command *command)
{
	unsigned int kind = KIND_ORDINARY;

	if (conn_is_dead(conn))
		return -ECONNRESET;
	if (conn->flags & KDBUS_HELLO_ACTIVATOR)
		kind = KIND_ACTIVATOR;
	else if (conn->flags & KDBUS_HELLO_POLICY_HOLDER)
		kind = KIND_HOLDER;
	else if (conn->flags & KDBUS_HELLO_MONITOR)
		kind = KIND_MONITOR;
	return command->kinds & kind ? 0 : -EOPNOTSUPP;
}

/* all that is decided before the struct is read */
static int handle_admit(struct kdbus_handle *handle, const struct command *command)
{
	enum kdbus_handle_state state = kdbus_handle_state(handle);

	if (state != command->state)
		return -EBADFD;

	switch (state) {
	case KDBUS_HANDLE_CONTROL:
		return domain_is_dead(handle->domain) ? -ESHUTDOWN : 0;
	case KDBUS_HANDLE_ENDPOINT:
		if (endpoint_is_dead(handle->ep))
			return -ESHUTDOWN;
		if (command->nr == KDBUS_CMD_ENDPOINT_MAKE &&
		    !kdbus_endpoint_is_owner(handle->ep, &handle->cred))
			return -EPERM;
		return 0;
	case KDBUS_HANDLE_ENDPOINT_OWNER:
		return endpoint_is_dead(handle->ep) ? -ESHUTDOWN : 0;
	case KDBUS_HANDLE_CONNECTED:
		return admit_conn(handle->conn, command);
	case KDBUS_HANDLE_BUS_OWNER:
		break;
	}
	return -EBADFD;
}

int kdbus_conn_command(struct kdbus_conn *conn, unsigned int nr, void *cmd)
{
	const struct command *command = find_command(nr);
	int r;

	if (!command)
		return -ENOTTY;
	if (command->state != KDBUS_HANDLE_CONNECTED)
		return -EBADFD;
	r = admit_conn(conn, command);
	if (r < 0)
		return r;

	switch (nr) {
	case KDBUS_CMD_UPDATE:
		return kdbus_cmd_update(conn, cmd);
	case KDBUS_CMD_BYEBYE:
		return kdbus_cmd_byebye(conn, cmd);
	case KDBUS_CMD_FREE:
		return kdbus_cmd_free(conn, cmd);
	case KDBUS_CMD_CONN_INFO:
		return kdbus_cmd_conn_info(conn, cmd);
	case KDBUS_CMD_BUS_CREATOR_INFO:
		return kdbus_cmd_bus_creator_info(conn, cmd);
	case KDBUS_CMD_LIST:
		return kdbus_cmd_list(conn, cmd);
	case KDBUS_CMD_SEND:
		return kdbus_cmd_send(conn, cmd, NULL, NULL);
	case KDBUS_CMD_RECV:
		return kdbus_cmd_recv(conn, cmd);
	case KDBUS_CMD_NAME_ACQUIRE:
		return kdbus_cmd_name_acquire(conn, cmd);
	case KDBUS_CMD_NAME_RELEASE:
		return kdbus_cmd_name_release(conn, cmd);
	case KDBUS_CMD_MATCH_ADD:
		return kdbus_cmd_match_add(conn, cmd);
	case KDBUS_CMD_MATCH_REMOVE:
		return kdbus_cmd_match_remove(conn, cmd);
	}
	return -ENOTTY;
}

static void handle_become(struct kdbus_handle *handle, enum kdbus_handle_state state)
{
	/* who sees it sees what belongs to it, too: kdbus_handle_state() */
	smp_store_release(&handle->state, state);
}

static int handle_bus_make(struct kdbus_handle *handle, struct kdbus_cmd *cmd)
{
	struct kdbus_bus *bus;
	int r;

	r = kdbus_cmd_bus_make(handle->domain, handle->host, cmd, &bus);
	if (r < 0 || !bus)
		return r;
	handle->bus = bus;
	handle_become(handle, KDBUS_HANDLE_BUS_OWNER);
	return 0;
}

static int handle_hello(struct kdbus_handle *handle, struct kdbus_cmd_hello *cmd)
{
	struct kdbus_conn *conn;
	int r;

	r = kdbus_cmd_hello(handle->ep, handle->host, &handle->cred, 0, cmd, &conn);
	if (r < 0 || !conn)
		return r;
	handle->conn = conn;
	handle_become(handle, KDBUS_HANDLE_CONNECTED);
	return 0;
}

static int handle_endpoint_make(struct kdbus_handle *handle, struct kdbus_cmd *cmd)
{
	struct kdbus_endpoint *made;
	int r;

	r = kdbus_cmd_endpoint_make(handle->ep, handle->host, cmd, &made);
	if (r < 0 || !made)
		return r;
	kdbus_endpoint_unref(handle->ep);
	handle->ep = made;
	handle_become(handle, KDBUS_HANDLE_ENDPOINT_OWNER);
	return 0;
}

static int handle_run(struct kdbus_handle *handle, unsigned int nr, void *cmd, void *waiter,
		      struct kdbus_call **call_out)
{
	switch (nr) {
	case KDBUS_CMD_SEND:
		return kdbus_cmd_send(handle->conn, cmd, waiter, call_out);
	case KDBUS_CMD_BUS_MAKE:
		return handle_bus_make(handle, cmd);
	case KDBUS_CMD_HELLO:
		return handle_hello(handle, cmd);
	case KDBUS_CMD_ENDPOINT_MAKE:
		return handle_endpoint_make(handle, cmd);
	case KDBUS_CMD_ENDPOINT_UPDATE:
		return kdbus_cmd_endpoint_update(handle->ep, handle->host, cmd);
	}
	return kdbus_conn_command(handle->conn, nr, cmd);
}

/* reference 2.6, steps 1 to 3 */
static int copy_in(struct kdbus_handle *handle, const struct command *command, u64 address,
		   struct kdbus_cmd **cmd_out)
{
	const struct kdbus_host_ops *host = handle->domain->host;
	struct kdbus_cmd *cmd;
	u64 size;
	int r;

	if (!IS_ALIGNED(address, 8))
		return -EFAULT;
	r = host->user_read(handle->host, &size, address, sizeof(size));
	if (r < 0)
		return r;
	if (size < command->size)
		return -EINVAL;
	if (size > KDBUS_CMD_MAX_SIZE)
		return -EMSGSIZE;

	/* padding behind the last item may be missing */
	cmd = kvzalloc(KDBUS_ALIGN8(size), GFP_KERNEL_ACCOUNT);
	if (!cmd)
		return -ENOMEM;
	r = host->user_read(handle->host, cmd, address, size);
	if (r < 0)
		goto exit_cmd;
	if (cmd->size != size) {
		r = -EINVAL;
		goto exit_cmd;
	}
	*cmd_out = cmd;
	return 0;

exit_cmd:
	kvfree(cmd);
	return r;
}

/* the fixed part; and items that ask what there is, in which the answer was written */
static int copy_out(struct kdbus_handle *handle, const struct command *command, u64 address,
		    const struct kdbus_cmd *cmd)
{
	const struct kdbus_host_ops *host = handle->domain->host;
	const struct kdbus_item *items, *item;
	u64 items_size = cmd->size - command->size;
	int r;

	r = host->user_write(handle->host, address, cmd, command->size);
	if (r < 0)
		return r;

	items = (const struct kdbus_item *)((const u8 *)cmd + command->size);
	if (kdbus_items_check(items, items_size) < 0)
		return 0;
	kdbus_items_for_each(item, items, (const u8 *)items + items_size) {
		if (item->type != KDBUS_ITEM_NEGOTIATE)
			continue;
		r = host->user_write(handle->host, address + ((const u8 *)item - (const u8 *)cmd),
				     item, item->size);
		if (r < 0)
			return r;
	}
	return 0;
}

int kdbus_handle_command(struct kdbus_handle *handle, unsigned int nr, u64 address)
{
	return kdbus_handle_start(handle, nr, address, NULL, NULL);
}

int kdbus_handle_start(struct kdbus_handle *handle, unsigned int nr, u64 address, void *waiter,
		       struct kdbus_call **call_out)
{
	const struct command *command = find_command(nr);
	bool is_setup;
	struct kdbus_cmd *cmd;
	int r, w;

	if (!command)
		return -ENOTTY;

	is_setup =
		command->state == KDBUS_HANDLE_CONTROL || command->state == KDBUS_HANDLE_ENDPOINT;
	/* whoever holds it may be stuck in memory of his own */
	if (is_setup && mutex_lock_killable(&handle->setup_lock) < 0)
		return -EINTR;
	r = handle_admit(handle, command);
	if (r < 0)
		goto exit_unlock;
	r = copy_in(handle, command, address, &cmd);
	if (r < 0)
		goto exit_unlock;

	r = handle_run(handle, nr, cmd, waiter, call_out);
	if (r == KDBUS_CALL_WAITS) {
		(*call_out)->address = address;
		goto exit_unlock;
	}
	w = copy_out(handle, command, address, cmd);
	if (r >= 0 && w < 0)
		r = w;
	kvfree(cmd);
exit_unlock:
	if (is_setup)
		mutex_unlock(&handle->setup_lock);
	return r;
}

int kdbus_handle_end(struct kdbus_handle *handle, struct kdbus_call *call, int error)
{
	struct kdbus_cmd_send *cmd = call->cmd;
	int r, w;

	r = kdbus_call_end(call, error);
	w = copy_out(handle, find_command(KDBUS_CMD_SEND), call->address, (struct kdbus_cmd *)cmd);
	if (r >= 0 && w < 0)
		r = w;
	kdbus_call_free(call);
	kvfree(cmd);
	return r;
}

unsigned int kdbus_handle_poll(struct kdbus_handle *handle)
{
	if (kdbus_handle_state(handle) != KDBUS_HANDLE_CONNECTED || conn_is_dead(handle->conn))
		return KDBUS_POLL_HANGUP;
	return KDBUS_POLL_WRITABLE |
	       (kdbus_conn_is_readable(handle->conn) ? KDBUS_POLL_READABLE : 0);
}
