/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ABI carrier: matches
 *
 * Every connection has permanent ones: for signals that are addressed
 * to it (the bus compares the destination as the sender wrote it, which is 0 in a
 * message that gives a name), and for changes of names that it had or gets.
 * Subscriptions add everything of one kind.  An entry that hits twice still
 * delivers once.
 */
#include <errno.h>

#include "kernel/engine/engine-abi.h"
#include "kernel/engine/engine-items.h"

/* cookies of our match entries; those of others count up from 0 */
#define COOKIE_PERMANENT     UINT64_MAX
#define COOKIE_SIGNALS	     (UINT64_MAX - 1)
#define COOKIE_NOTIFICATIONS (UINT64_MAX - 2)

static int conn_match(struct abi_conn *conn, uint64_t cookie, uint64_t type, const void *rule,
		      size_t size)
{
	uint64_t buffer[32];
	struct kdbus_cmd_match *cmd = (void *)buffer;
	struct engine_items items;

	engine_items_init(&items, cmd, sizeof(*cmd), sizeof(buffer));
	cmd->cookie = cookie;
	if (!engine_items_add(&items, type, rule, size))
		return -EMSGSIZE;
	return abi_conn_command(conn, KDBUS_CMD_MATCH_ADD, cmd);
}

static int conn_match_id(struct abi_conn *conn, uint64_t cookie, uint64_t type, uint64_t id)
{
	return conn_match(conn, cookie, type, &id, sizeof(id));
}

static int conn_match_name(struct abi_conn *conn, uint64_t cookie, uint64_t type, uint64_t old_id,
			   uint64_t new_id)
{
	struct kdbus_notify_name_change rule = {
		.old_id.id = old_id,
		.new_id.id = new_id,
	};

	return conn_match(conn, cookie, type, &rule, sizeof(rule));
}

static int conn_match_id_change(struct abi_conn *conn, uint64_t cookie, uint64_t type)
{
	struct kdbus_notify_id_change rule = {.id = KDBUS_MATCH_ID_ANY};

	return conn_match(conn, cookie, type, &rule, sizeof(rule));
}

static int conn_unmatch(struct abi_conn *conn, uint64_t cookie)
{
	struct kdbus_cmd_match cmd = {
		.size = sizeof(cmd),
		.cookie = cookie,
	};

	return abi_conn_command(conn, KDBUS_CMD_MATCH_REMOVE, &cmd);
}

int abi_match_permanent(struct abi_conn *conn)
{
	const uint64_t any = KDBUS_MATCH_ID_ANY, self = conn->base.id, cookie = COOKIE_PERMANENT;
	int r;

	r = conn_match_id(conn, cookie, KDBUS_ITEM_DST_ID, self);
	r = r ?: conn_match_id(conn, cookie, KDBUS_ITEM_DST_ID, KDBUS_DST_ID_NAME);
	r = r ?: conn_match_name(conn, cookie, KDBUS_ITEM_NAME_ADD, any, self);
	r = r ?: conn_match_name(conn, cookie, KDBUS_ITEM_NAME_REMOVE, self, any);
	r = r ?: conn_match_name(conn, cookie, KDBUS_ITEM_NAME_CHANGE, self, any);
	r = r ?: conn_match_name(conn, cookie, KDBUS_ITEM_NAME_CHANGE, any, self);
	return r;
}

static int conn_match_notifications(struct abi_conn *conn)
{
	const uint64_t any = KDBUS_MATCH_ID_ANY, cookie = COOKIE_NOTIFICATIONS;
	int r;

	r = conn_match_name(conn, cookie, KDBUS_ITEM_NAME_ADD, any, any);
	r = r ?: conn_match_name(conn, cookie, KDBUS_ITEM_NAME_REMOVE, any, any);
	r = r ?: conn_match_name(conn, cookie, KDBUS_ITEM_NAME_CHANGE, any, any);
	r = r ?: conn_match_id_change(conn, cookie, KDBUS_ITEM_ID_ADD);
	r = r ?: conn_match_id_change(conn, cookie, KDBUS_ITEM_ID_REMOVE);
	if (r < 0)
		conn_unmatch(conn, cookie);
	return r;
}

static int conn_match_signals(struct abi_conn *conn)
{
	return conn_match_id(conn, COOKIE_SIGNALS, KDBUS_ITEM_ID, KDBUS_MATCH_ID_ANY);
}

static int conn_subscribe_kind(struct abi_conn *conn, unsigned what, unsigned kind, uint64_t cookie,
			       int (*match)(struct abi_conn *conn))
{
	int r;

	if (!((what ^ conn->subscribed) & kind))
		return 0;
	r = what & kind ? match(conn) : conn_unmatch(conn, cookie);
	if (r < 0)
		return r;
	conn->subscribed ^= kind;
	return 0;
}

int abi_subscribe(struct engine_conn *base, unsigned what)
{
	struct abi_conn *conn = abi_conn(base);
	int r;

	r = conn_subscribe_kind(conn, what, ENGINE_SUBSCRIBE_SIGNALS, COOKIE_SIGNALS,
				conn_match_signals);
	if (r < 0)
		return r;
	return conn_subscribe_kind(conn, what, ENGINE_SUBSCRIBE_NOTIFICATIONS, COOKIE_NOTIFICATIONS,
				   conn_match_notifications);
}
