// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Connection
 *
 *	made --HELLO--> connected --BYEBYE, close, endpoint gone--> disconnected --> freed
 *
 * It is linked to its bus while connected, so whoever finds it there, with the
 * registry held, may deliver to it.  A disconnect is one sequence under the
 * registry lock (reference 10.3): when it is over, all who have to know have
 * their notification.  What is left then is what the peer itself may still look
 * at: the pool.
 *
 * HELLO and the disconnect are here; commands that ask about connections are in
 * connection-info.c, receiving is in connection-recv.c.
 */
#include "kernel/core/args.h"
#include "kernel/core/connection.h"
#include "kernel/core/match.h"
#include "kernel/core/metadata.h"
#include "kernel/core/names.h"
#include "kernel/core/notify.h"
#include "kernel/core/pool.h"
#include "kernel/core/reply.h"

enum hello_arg {
	HELLO_NAME,
	HELLO_CREDS,
	HELLO_PIDS,
	HELLO_SECLABEL,
	HELLO_DESCRIPTION,
	HELLO_POLICY_ACCESS,
	HELLO_AUXGROUPS,
	N_HELLO_ARGS,
};

static const struct kdbus_args_rule hello_rule = {
	.size = sizeof(struct kdbus_cmd_hello),
	.flags = KDBUS_HELLO_ACCEPT_FD | KDBUS_HELLO_SPECIAL,
	.flags_added = KDBUS_HELLO_APART,
	.n_args = N_HELLO_ARGS,
	.args =
		{
			[HELLO_NAME] = {KDBUS_ITEM_NAME},
			[HELLO_CREDS] = {KDBUS_ITEM_CREDS},
			[HELLO_PIDS] = {KDBUS_ITEM_PIDS},
			[HELLO_SECLABEL] = {KDBUS_ITEM_SECLABEL},
			[HELLO_DESCRIPTION] = {KDBUS_ITEM_CONN_DESCRIPTION},
			[HELLO_POLICY_ACCESS] = {KDBUS_ITEM_POLICY_ACCESS, KDBUS_ARG_MULTIPLE},
			[HELLO_AUXGROUPS] = {KDBUS_ITEM_AUXGROUPS, KDBUS_ARG_ADDITION},
		},
};

static bool hello_is_fake(const struct kdbus_args *args)
{
	return args->found[HELLO_CREDS] || args->found[HELLO_PIDS] || args->found[HELLO_SECLABEL] ||
	       args->found[HELLO_AUXGROUPS];
}

/* the rows of reference 3.4 that need no more than the arguments */
static int hello_check(struct kdbus_endpoint *ep, const struct kdbus_cred *cred, unsigned int mode,
		       const struct kdbus_cmd_hello *cmd, const struct kdbus_args *args)
{
	u64 special = args->flags & (KDBUS_HELLO_SPECIAL | KDBUS_HELLO_APART);
	const struct kdbus_item *name = args->found[HELLO_NAME];
	bool is_owner = kdbus_endpoint_is_owner(ep, cred);

	if (cmd->pool_size == 0 ||
	    (!(mode & KDBUS_CONN_DIRECT) && cmd->pool_size % ep->bus->domain->host->page_size))
		return -EINVAL;
	if (special & (special - 1))
		return -EINVAL;
	if (!name != !(special & (KDBUS_HELLO_ACTIVATOR | KDBUS_HELLO_POLICY_HOLDER)))
		return -EINVAL;
	if (name && !kdbus_name_is_valid(name->str, true))
		return -EINVAL;
	if ((special & KDBUS_HELLO_MONITOR) && ep->is_custom)
		return -EOPNOTSUPP;
	if (special && !is_owner)
		return -EPERM;
	if (hello_is_fake(args) && !is_owner)
		return -EPERM;
	return 0;
}

/* P1 goes by who said HELLO, all others by who opened the handle */
static int hello_set_cred(struct kdbus_conn *conn, const struct kdbus_cred *cred)
{
	struct kdbus_cred *own;

	if (!kdbus_conn_is_p1(conn)) {
		conn->cred = cred;
		return 0;
	}
	own = kmalloc(sizeof(*own), GFP_KERNEL_ACCOUNT);
	if (!own)
		return -ENOMEM;
	kdbus_conn_host(conn)->caller_cred(conn->host, own);
	conn->cred = own;
	return 0;
}

static int hello_make_meta(struct kdbus_conn *conn, const struct kdbus_args *args)
{
	const struct kdbus_host_ops *host = kdbus_conn_host(conn);
	const struct kdbus_item *groups = args->found[HELLO_AUXGROUPS];
	struct kdbus_fake fake = {};

	conn->is_fake = hello_is_fake(args);
	if (!conn->is_fake)
		return host->meta_capture(conn->host, KDBUS_ATTACH_TASK, &conn->meta);

	if (args->found[HELLO_CREDS])
		fake.creds = &args->found[HELLO_CREDS]->creds;
	if (args->found[HELLO_PIDS])
		fake.pids = &args->found[HELLO_PIDS]->pids;
	if (args->found[HELLO_SECLABEL])
		fake.seclabel = args->found[HELLO_SECLABEL]->str;
	if (groups) {
		if (kdbus_item_payload_size(groups) % sizeof(u64) != 0)
			return -EINVAL;
		fake.has_groups = true;
		fake.groups = groups->data64;
		fake.n_groups = kdbus_item_payload_size(groups) / sizeof(u64);
	}
	return host->meta_fake(conn->host, &fake, &conn->meta);
}

/* who the connection, and what it sends, is accounted to */
static int hello_find_user(struct kdbus_conn *conn, const struct kdbus_args *args)
{
	const struct kdbus_item *creds = args->found[HELLO_CREDS];
	kuid_t uid = conn->cred->uid, fake_uid;

	if (conn->ep->user) {
		conn->user = kdbus_user_ref(conn->ep->user);
		return 0;
	}
	if (creds && conn->cred->privileged && !conn->ep->is_custom && !kdbus_conn_is_p1(conn)) {
		fake_uid = kdbus_conn_host(conn)->uid_make(conn->host, creds->creds.uid);
		if (uid_valid(fake_uid))
			uid = fake_uid;
	}
	return kdbus_user_get(conn->bus->domain, uid, &conn->user);
}

/* what privileged owners have for policy, activation, monitoring and the bus itself takes no room
 * from those of the same user who are there to talk
 */
static bool kdbus_conn_is_counted(const struct kdbus_conn *conn)
{
	return kdbus_conn_is_strict(conn) || !conn->cred->privileged ||
	       !(kdbus_conn_has_policy(conn) || kdbus_conn_is_apart(conn) ||
		 kdbus_conn_is_monitor(conn));
}

/* @owner and @from have policy; an entry passes between holder and activator of one user */
static bool kdbus_conn_may_take_policy(const void *owner, const void *from)
{
	const struct kdbus_conn *to = owner, *old = from;

	return !kdbus_conn_is_strict(to) && uid_eq(to->cred->euid, old->cred->euid) &&
	       kdbus_conn_is_activator(to) != kdbus_conn_is_activator(old);
}

static void kdbus_conn_release(struct kref *kref)
{
	struct kdbus_conn *conn = container_of(kref, struct kdbus_conn, kref);
	struct kdbus_result *result;
	struct hlist_node *tmp;

	WARN_ON(conn->is_connected);
	if (kdbus_conn_is_direct(conn)) {
		hlist_for_each_entry_safe(result, tmp, &conn->results, link) {
			hlist_del_init(&result->link);
			kvfree(result);
		}
	} else {
		kdbus_pool_free(conn->pool);
	}
	kdbus_queue_deinit(&conn->queue);
	if (kdbus_conn_is_p1(conn))
		kfree(conn->cred);
	kdbus_conn_host(conn)->meta_free(conn->meta);
	kdbus_user_unref(conn->user);
	kdbus_endpoint_unref(conn->ep);
	mutex_destroy(&conn->lock);
	kfree(conn->description);
	kfree(conn);
}

struct kdbus_conn *kdbus_conn_ref(struct kdbus_conn *conn)
{
	kref_get(&conn->kref);
	return conn;
}

struct kdbus_conn *kdbus_conn_unref(struct kdbus_conn *conn)
{
	if (conn)
		kref_put(&conn->kref, kdbus_conn_release);
	return NULL;
}

/* a connection that nobody can find yet; freed by kdbus_conn_unref() */
static int kdbus_conn_new(struct kdbus_endpoint *ep, void *host, const struct kdbus_cred *cred,
			  unsigned int mode, const struct kdbus_args *args,
			  struct kdbus_conn **conn_out)
{
	const struct kdbus_item *description = args->found[HELLO_DESCRIPTION];
	struct kdbus_conn *conn;
	int r;

	conn = kzalloc(sizeof(*conn), GFP_KERNEL_ACCOUNT);
	if (!conn)
		return -ENOMEM;
	kref_init(&conn->kref);
	conn->ep = kdbus_endpoint_ref(ep);
	conn->bus = ep->bus;
	conn->host = host;
	conn->flags = args->flags;
	conn->mode = mode;
	conn->is_armed = true;
	conn->is_owner = kdbus_endpoint_is_owner(ep, cred);
	kdbus_table_node_init(&conn->by_id);
	INIT_LIST_HEAD(&conn->bus_link);
	INIT_LIST_HEAD(&conn->names);
	mutex_init(&conn->lock);
	kdbus_queue_init(&conn->queue);
	INIT_HLIST_HEAD(&conn->results);
	conn->requests = RB_ROOT;
	INIT_LIST_HEAD(&conn->owed);
	INIT_LIST_HEAD(&conn->unread);
	INIT_LIST_HEAD(&conn->untold);
	INIT_LIST_HEAD(&conn->calls);

	r = hello_set_cred(conn, cred);
	if (r < 0)
		goto exit_conn;
	if (description) {
		conn->description = kstrdup(description->str, GFP_KERNEL_ACCOUNT);
		if (!conn->description) {
			r = -ENOMEM;
			goto exit_conn;
		}
	}
	r = hello_make_meta(conn, args);
	if (r < 0)
		goto exit_conn;
	r = hello_find_user(conn, args);
	if (r < 0)
		goto exit_conn;

	*conn_out = conn;
	return 0;

exit_conn:
	kdbus_conn_unref(conn);
	return r;
}

/* ids that the bus itself gives out; a strict domain has one counter for all */
static u64 kdbus_conn_next_id(struct kdbus_conn *conn)
{
	struct kdbus_bus *bus = conn->bus;

	if (bus->domain->strict)
		return kdbus_domain_next_id(bus->domain);
	if (kdbus_conn_is_ordinary(conn) && !kdbus_conn_is_apart(conn))
		return ++bus->last_conn_id;
	return KDBUS_SPECIAL_ID_BASE + bus->last_special_id++;
}

/* what a holder or an activator comes with
 * @name: as it was given
 * @list: what it uploads
 * @error: what is wrong with that; it is said after what is wrong with the name
 */
struct hello_policy {
	const char *name;
	struct list_head list;
	int error;
};

static void hello_parse_policy(struct kdbus_conn *conn, const struct kdbus_args *args,
			       struct hello_policy *policy)
{
	policy->name = args->found[HELLO_NAME]->str;
	policy->error = kdbus_policy_parse(kdbus_conn_host(conn), conn->host, args->items,
					   args->items_end, KDBUS_POLICY_MAX_NAMES,
					   !kdbus_conn_is_activator(conn), &policy->list);
}

/* all of it, or nothing; nobody is told yet */
static int hello_take_policy(struct kdbus_conn *conn, struct hello_policy *policy)
{
	bool is_activator = kdbus_conn_is_activator(conn);
	int r;

	if (is_activator) {
		r = kdbus_name_activate(conn, policy->name);
		if (r < 0)
			return r;
	}
	r = policy->error;
	if (r >= 0)
		r = kdbus_policy_take_over(&conn->bus->policy, conn, &policy->list,
					   kdbus_conn_may_take_policy);
	if (r < 0 && is_activator)
		kdbus_name_deactivate(conn);
	return r;
}

/* the last steps of HELLO, none of which can fail half way */
static int kdbus_conn_connect(struct kdbus_conn *conn, struct hello_policy *policy)
{
	struct kdbus_bus *bus = conn->bus;
	int r;

	lockdep_assert_held_write(&bus->registry);

	if (conn->ep->is_dead)
		return -ESHUTDOWN;
	if (kdbus_conn_has_policy(conn)) {
		r = hello_take_policy(conn, policy);
		if (r < 0)
			return r;
	}
	conn->id = kdbus_conn_next_id(conn);
	conn->is_connected = true;
	WRITE_ONCE(bus->attach_wanted, bus->attach_wanted | conn->attach_recv);
	kdbus_table_add(&bus->conns_by_id, &conn->by_id, (u32)conn->id);
	list_add_tail(&conn->bus_link, kdbus_conn_is_monitor(conn) ? &bus->monitors : &bus->conns);

	/* not to itself, which has neither matches nor rules yet */
	if (!kdbus_conn_is_monitor(conn))
		kdbus_notify_id(KDBUS_ITEM_ID_ADD, conn);
	if (kdbus_conn_is_activator(conn))
		kdbus_name_announce_activator(conn);
	if (kdbus_conn_is_indexed(conn))
		bus->n_indexed++;
	return 0;
}

static int hello_publish_bloom(struct kdbus_conn *conn, struct kdbus_cmd_hello *cmd)
{
	struct kdbus_buffer buffer = KDBUS_BUFFER_INIT;

	if (kdbus_conn_is_direct(conn)) {
		cmd->offset = conn->pool_size;
		cmd->items_size = 0;
		return 0;
	}
	kdbus_buffer_add_item(&buffer, KDBUS_ITEM_BLOOM_PARAMETER, &conn->bus->bloom,
			      sizeof(conn->bus->bloom));
	return kdbus_conn_publish(conn, &buffer, &cmd->offset, &cmd->items_size);
}

int kdbus_cmd_hello(struct kdbus_endpoint *ep, void *host, const struct kdbus_cred *cred,
		    unsigned int mode, struct kdbus_cmd_hello *cmd, struct kdbus_conn **conn_out)
{
	struct kdbus_bus *bus = ep->bus;
	u64 attach_send, attach_recv, offset, items_size;
	struct hello_policy policy = {};
	struct kdbus_conn *conn;
	struct kdbus_args args;
	int r;

	INIT_LIST_HEAD(&policy.list);
	r = kdbus_args_parse_cmd(&hello_rule, bus->domain, cmd, &args);
	if (r < 0)
		return r;
	if (r == KDBUS_ARGS_NEGOTIATED) {
		*conn_out = NULL;
		return 0;
	}
	r = hello_check(ep, cred, mode, cmd, &args);
	if (r < 0)
		return r;
	r = kdbus_attach_flags_sanitize(cmd->attach_flags_send, &attach_send);
	if (r < 0)
		return r;
	r = kdbus_attach_flags_sanitize(cmd->attach_flags_recv, &attach_recv);
	if (r < 0)
		return r;
	if (bus->attach_required & ~attach_send)
		return -ECONNREFUSED;

	r = kdbus_conn_new(ep, host, cred, mode, &args, &conn);
	if (r < 0)
		return r;
	conn->attach_send = attach_send;
	conn->attach_recv = attach_recv;
	conn->pool_size = cmd->pool_size;
	if (!kdbus_conn_is_direct(conn)) {
		r = kdbus_pool_new(bus->domain->host, host, cmd->pool_size, conn->description,
				   &conn->pool);
		if (r < 0)
			goto exit_conn;
	}
	if (kdbus_conn_is_counted(conn)) {
		r = kdbus_user_add_conn(conn->user);
		if (r < 0)
			goto exit_conn;
	}
	offset = cmd->offset;
	items_size = cmd->items_size;
	r = hello_publish_bloom(conn, cmd);
	if (r < 0)
		goto exit_user;
	if (kdbus_conn_has_policy(conn))
		hello_parse_policy(conn, &args, &policy);
	kdbus_bus_lock(bus);
	r = kdbus_conn_connect(conn, &policy);
	kdbus_bus_unlock(bus);
	if (r < 0)
		goto exit_cmd;

	cmd->bus_flags = bus->flags;
	cmd->id = conn->id;
	memcpy(cmd->id128, bus->id128, sizeof(cmd->id128));
	*conn_out = conn;
	return 0;

exit_cmd:
	cmd->offset = offset;
	cmd->items_size = items_size;
	kdbus_policy_list_free(&policy.list);
exit_user:
	if (kdbus_conn_is_counted(conn))
		kdbus_user_remove_conn(conn->user);
exit_conn:
	kdbus_conn_unref(conn);
	return r;
}

/* throws away what was not received; all who waited for an answer were or will be told */
static void kdbus_conn_flush(struct kdbus_conn *conn)
{
	const struct kdbus_host_ops *host = kdbus_conn_host(conn);
	struct kdbus_queue_entry *entry;
	struct kdbus_reply *reply;

	for (;;) {
		mutex_lock(&conn->lock);
		entry = kdbus_queue_first(&conn->queue);
		if (!entry) {
			mutex_unlock(&conn->lock);
			return;
		}
		kdbus_queue_remove(&conn->queue, entry);
		if (entry->slice)
			kdbus_slice_put(conn->pool, entry->slice);
		reply = entry->reply;
		entry->reply = NULL;
		mutex_unlock(&conn->lock);

		kdbus_reply_received(conn->bus, reply);
		kdbus_queue_entry_free(host, entry);
	}
}

void kdbus_conn_disconnect_locked(struct kdbus_conn *conn)
{
	struct kdbus_bus *bus = conn->bus;
	bool is_strict = bus->domain->strict;

	lockdep_assert_held_write(&bus->registry);

	if (!conn->is_connected)
		return;

	/* no new operations, nobody delivers to it */
	mutex_lock(&conn->lock);
	conn->is_connected = false;
	bus->domain->host->conn_wake(conn);
	mutex_unlock(&conn->lock);

	if (kdbus_conn_has_policy(conn))
		kdbus_policy_remove(&bus->policy, conn);
	kdbus_table_remove(&bus->conns_by_id, &conn->by_id);
	list_del_init(&conn->bus_link);
	if (kdbus_conn_is_indexed(conn))
		bus->n_indexed--;
	kdbus_match_remove_all(conn);

	kdbus_name_release_all(conn);

	/* D-Bus says who is gone before it says what will not be answered */
	if (!is_strict && !kdbus_conn_is_monitor(conn))
		kdbus_notify_id(KDBUS_ITEM_ID_REMOVE, conn);
	kdbus_reply_forget(conn);
	kdbus_reply_disconnect(conn);
	kdbus_conn_flush(conn);
	if (is_strict && !kdbus_conn_is_monitor(conn))
		kdbus_notify_id(KDBUS_ITEM_ID_REMOVE, conn);

	if (kdbus_conn_is_counted(conn))
		kdbus_user_remove_conn(conn->user);
}

void kdbus_conn_disconnect(struct kdbus_conn *conn)
{
	kdbus_bus_lock(conn->bus);
	kdbus_conn_disconnect_locked(conn);
	kdbus_bus_unlock(conn->bus);
}

static const struct kdbus_args_rule byebye_rule = {
	.size = sizeof(struct kdbus_cmd),
};

int kdbus_cmd_byebye(struct kdbus_conn *conn, struct kdbus_cmd *cmd)
{
	struct kdbus_args args;
	bool is_empty;
	int r;

	if (!kdbus_conn_is_ordinary(conn))
		return -EOPNOTSUPP;
	r = kdbus_args_parse_cmd(&byebye_rule, conn->bus->domain, cmd, &args);
	if (r != 0)
		return r < 0 ? r : 0;

	kdbus_bus_lock(conn->bus);
	mutex_lock(&conn->lock);
	is_empty = !kdbus_queue_first(&conn->queue);
	mutex_unlock(&conn->lock);
	if (!conn->is_connected)
		r = -ECONNRESET;
	else if (!is_empty)
		r = -EBUSY;
	else
		kdbus_conn_disconnect_locked(conn);
	kdbus_bus_unlock(conn->bus);
	return r;
}

enum update_arg {
	UPDATE_SEND,
	UPDATE_RECV,
	UPDATE_NAME,
	UPDATE_POLICY_ACCESS,
	N_UPDATE_ARGS,
};

static const struct kdbus_args_rule update_rule = {
	.size = sizeof(struct kdbus_cmd),
	.n_args = N_UPDATE_ARGS,
	.args =
		{
			[UPDATE_SEND] = {KDBUS_ITEM_ATTACH_FLAGS_SEND},
			[UPDATE_RECV] = {KDBUS_ITEM_ATTACH_FLAGS_RECV},
			[UPDATE_NAME] = {KDBUS_ITEM_NAME, KDBUS_ARG_MULTIPLE},
			[UPDATE_POLICY_ACCESS] = {KDBUS_ITEM_POLICY_ACCESS, KDBUS_ARG_MULTIPLE},
		},
};

/* that of an activator stays with its name */
static int update_policy(struct kdbus_conn *conn, const struct kdbus_item *name,
			 struct list_head *policy)
{
	if (kdbus_conn_is_activator(conn) && !kdbus_name_is_activated_by(conn, name->str))
		return -EINVAL;
	return kdbus_policy_replace(&conn->bus->policy, conn, policy);
}

int kdbus_cmd_update(struct kdbus_conn *conn, struct kdbus_cmd *cmd)
{
	const struct kdbus_item *send, *recv;
	struct kdbus_bus *bus = conn->bus;
	u64 attach_send = 0, attach_recv = 0;
	struct kdbus_args args;
	LIST_HEAD(policy);
	bool has_policy;
	int r;

	r = kdbus_args_parse_cmd(&update_rule, conn->bus->domain, cmd, &args);
	if (r != 0)
		return r < 0 ? r : 0;

	send = args.found[UPDATE_SEND];
	recv = args.found[UPDATE_RECV];
	has_policy = args.found[UPDATE_NAME] || args.found[UPDATE_POLICY_ACCESS];
	if (send) {
		if (!kdbus_conn_is_ordinary(conn) && !kdbus_conn_is_monitor(conn))
			return -EOPNOTSUPP;
		r = kdbus_attach_flags_sanitize(send->data64[0], &attach_send);
		if (r < 0)
			return r;
		if (bus->attach_required & ~attach_send)
			return -EINVAL;
	}
	if (recv) {
		if (conn->flags & KDBUS_HELLO_POLICY_HOLDER)
			return -EOPNOTSUPP;
		r = kdbus_attach_flags_sanitize(recv->data64[0], &attach_recv);
		if (r < 0)
			return r;
	}
	if (has_policy) {
		if (!kdbus_conn_has_policy(conn) ||
		    (kdbus_conn_is_activator(conn) && kdbus_conn_is_strict(conn)))
			return -EOPNOTSUPP;
		r = kdbus_policy_parse(bus->domain->host, conn->host, args.items, args.items_end,
				       KDBUS_POLICY_MAX_NAMES, true, &policy);
		if (r < 0)
			goto exit_policy;
	}

	kdbus_bus_lock(bus);
	if (!conn->is_connected)
		r = -ECONNRESET;
	else if (has_policy)
		r = update_policy(conn, args.found[UPDATE_NAME], &policy);
	if (r >= 0) {
		mutex_lock(&conn->lock);
		if (send)
			conn->attach_send = attach_send;
		if (recv)
			conn->attach_recv = attach_recv;
		mutex_unlock(&conn->lock);
		if (recv)
			WRITE_ONCE(bus->attach_wanted, bus->attach_wanted | attach_recv);
	}
	kdbus_bus_unlock(bus);
exit_policy:
	kdbus_policy_list_free(&policy);
	return r;
}

bool kdbus_conn_may_own(struct kdbus_conn *conn, const struct kdbus_cred *cred, const char *name)
{
	const struct kdbus_host_ops *host = kdbus_conn_host(conn);

	if (conn->ep->is_custom &&
	    kdbus_policy_query(&conn->ep->policy, host, cred, name) < KDBUS_POLICY_OWN)
		return false;
	return conn->is_owner ||
	       kdbus_policy_query(&conn->bus->policy, host, cred, name) >= KDBUS_POLICY_OWN;
}

/* the highest access that a database gives to any name @to holds */
static int query_names(struct kdbus_policy_db *db, const struct kdbus_host_ops *host,
		       const struct kdbus_cred *cred, struct kdbus_conn *to)
{
	struct kdbus_name_owner *owner;
	int access = KDBUS_POLICY_NONE;

	list_for_each_entry(owner, &to->names, conn_link) {
		if (!(owner->flags & KDBUS_NAME_PRIMARY))
			continue;
		access = max(access, kdbus_policy_query(db, host, cred, owner->entry->name));
		if (access >= KDBUS_POLICY_OWN)
			break;
	}
	return access;
}

bool kdbus_conn_query_talk(struct kdbus_conn *conn, const struct kdbus_cred *cred,
			   struct kdbus_conn *to)
{
	const struct kdbus_host_ops *host = kdbus_conn_host(conn);

	if (conn->ep->is_custom &&
	    query_names(&conn->ep->policy, host, cred, to) < KDBUS_POLICY_TALK)
		return false;
	return uid_eq(cred->euid, to->cred->uid) ||
	       query_names(&conn->bus->policy, host, cred, to) >= KDBUS_POLICY_TALK;
}

bool kdbus_conn_may_see_name(struct kdbus_conn *conn, const char *name)
{
	return !conn->ep->is_custom || kdbus_policy_query(&conn->ep->policy, kdbus_conn_host(conn),
							  conn->cred, name) >= KDBUS_POLICY_SEE;
}

bool kdbus_conn_may_see(struct kdbus_conn *conn, struct kdbus_conn *whom)
{
	return !conn->ep->is_custom || query_names(&conn->ep->policy, kdbus_conn_host(conn),
						   conn->cred, whom) >= KDBUS_POLICY_SEE;
}
