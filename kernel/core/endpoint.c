// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Endpoint
 *
 * The default endpoint comes with the bus and lets everybody see everything.  A
 * custom one has a policy of its own, empty at first, which is asked in addition
 * to that of the bus; nobody who comes through it counts as owner, and all who do
 * share one accounting user.
 */
#include "kernel/core/args.h"
#include "kernel/core/connection.h"
#include "kernel/core/endpoint.h"

int kdbus_endpoint_new(struct kdbus_bus *bus, const char *name, u64 flags,
		       const struct kdbus_cred *cred, bool is_custom,
		       struct kdbus_endpoint **ep_out)
{
	struct kdbus_endpoint *ep;
	int r;

	ep = kzalloc(sizeof(*ep), GFP_KERNEL_ACCOUNT);
	if (!ep)
		return -ENOMEM;
	kref_init(&ep->kref);
	ep->bus = kdbus_bus_ref(bus);
	INIT_LIST_HEAD(&ep->bus_link);
	ep->flags = flags;
	ep->owner_uid = cred->euid;
	ep->owner_gid = cred->egid;
	ep->is_custom = is_custom;

	r = -ENOMEM;
	ep->name = kstrdup(name, GFP_KERNEL_ACCOUNT);
	if (!ep->name)
		goto exit_ep;
	if (is_custom) {
		r = kdbus_policy_db_init(&ep->policy, &bus->key);
		if (r < 0)
			goto exit_ep;
		r = kdbus_user_new_anonymous(bus->domain, &ep->user);
		if (r < 0)
			goto exit_ep;
	}

	*ep_out = ep;
	return 0;

exit_ep:
	kdbus_endpoint_unref(ep);
	return r;
}

static void kdbus_endpoint_release(struct kref *kref)
{
	struct kdbus_endpoint *ep = container_of(kref, struct kdbus_endpoint, kref);

	kdbus_policy_db_deinit(&ep->policy);
	kdbus_user_unref(ep->user);
	kdbus_bus_unref(ep->bus);
	kfree(ep->name);
	kfree(ep);
}

struct kdbus_endpoint *kdbus_endpoint_ref(struct kdbus_endpoint *ep)
{
	kref_get(&ep->kref);
	return ep;
}

struct kdbus_endpoint *kdbus_endpoint_unref(struct kdbus_endpoint *ep)
{
	if (ep)
		kref_put(&ep->kref, kdbus_endpoint_release);
	return NULL;
}

/* the first connection of the list that came through @ep */
static struct kdbus_conn *find_conn(struct kdbus_endpoint *ep, struct list_head *conns)
{
	struct kdbus_conn *conn;

	list_for_each_entry(conn, conns, bus_link) {
		if (conn->ep == ep)
			return conn;
	}
	return NULL;
}

void kdbus_endpoint_kill(struct kdbus_endpoint *ep)
{
	struct kdbus_bus *bus = ep->bus;
	struct kdbus_conn *conn;

	kdbus_bus_lock(bus);
	WRITE_ONCE(ep->is_dead, true);
	list_del_init(&ep->bus_link);
	/* a disconnect changes the lists, of itself only */
	while ((conn = find_conn(ep, &bus->conns)) || (conn = find_conn(ep, &bus->monitors)))
		kdbus_conn_disconnect_locked(conn);
	kdbus_bus_unlock(bus);
}

bool kdbus_endpoint_is_owner(const struct kdbus_endpoint *ep, const struct kdbus_cred *cred)
{
	return !ep->is_custom && (cred->privileged || uid_eq(cred->euid, ep->bus->owner_uid));
}

struct kdbus_endpoint *kdbus_endpoint_find(struct kdbus_bus *bus, const char *name)
{
	struct kdbus_endpoint *ep, *found = NULL;

	down_read(&bus->registry);
	list_for_each_entry(ep, &bus->endpoints, bus_link) {
		if (strcmp(ep->name, name) == 0) {
			found = kdbus_endpoint_ref(ep);
			break;
		}
	}
	up_read(&bus->registry);
	return found;
}

/* makes the endpoint visible, if its name is free */
static int kdbus_endpoint_link(struct kdbus_endpoint *ep)
{
	struct kdbus_bus *bus = ep->bus;
	struct kdbus_endpoint *other;
	int r = 0;

	kdbus_bus_lock(bus);
	list_for_each_entry(other, &bus->endpoints, bus_link) {
		if (strcmp(other->name, ep->name) == 0) {
			r = -EEXIST;
			break;
		}
	}
	if (r == 0 && READ_ONCE(bus->is_dead))
		r = -ESHUTDOWN;
	if (r == 0)
		list_add_tail(&ep->bus_link, &bus->endpoints);
	kdbus_bus_unlock(bus);
	return r;
}

static const struct kdbus_args_rule endpoint_make_rule = {
	.size = sizeof(struct kdbus_cmd),
	.flags = KDBUS_MAKE_ACCESS_GROUP | KDBUS_MAKE_ACCESS_WORLD,
	.n_args = 1,
	.args = {{KDBUS_ITEM_MAKE_NAME, KDBUS_ARG_MANDATORY}},
};

int kdbus_cmd_endpoint_make(struct kdbus_endpoint *ep, void *caller, struct kdbus_cmd *cmd,
			    struct kdbus_endpoint **ep_out)
{
	struct kdbus_bus *bus = ep->bus;
	struct kdbus_endpoint *made;
	struct kdbus_args args;
	struct kdbus_cred cred;
	int r;

	r = kdbus_args_parse_cmd(&endpoint_make_rule, bus->domain, cmd, &args);
	if (r < 0)
		return r;
	if (r == KDBUS_ARGS_NEGOTIATED) {
		*ep_out = NULL;
		return 0;
	}
	bus->domain->host->caller_cred(caller, &cred);
	if (!kdbus_domain_owns_name(bus->domain, cred.euid, args.found[0]->str))
		return -EINVAL;

	r = kdbus_endpoint_new(bus, args.found[0]->str, args.flags, &cred, true, &made);
	if (r < 0)
		return r;
	r = kdbus_endpoint_link(made);
	if (r < 0) {
		kdbus_endpoint_unref(made);
		return r;
	}
	*ep_out = made;
	return 0;
}

static const struct kdbus_args_rule endpoint_update_rule = {
	.size = sizeof(struct kdbus_cmd),
	.n_args = 2,
	.args =
		{
			{KDBUS_ITEM_NAME, KDBUS_ARG_MULTIPLE},
			{KDBUS_ITEM_POLICY_ACCESS, KDBUS_ARG_MULTIPLE},
		},
};

int kdbus_cmd_endpoint_update(struct kdbus_endpoint *ep, void *caller, struct kdbus_cmd *cmd)
{
	struct kdbus_bus *bus = ep->bus;
	struct kdbus_args args;
	LIST_HEAD(policy);
	int r;

	r = kdbus_args_parse_cmd(&endpoint_update_rule, bus->domain, cmd, &args);
	if (r != 0)
		return r < 0 ? r : 0;

	r = kdbus_policy_parse(bus->domain->host, caller, args.items, args.items_end, SIZE_MAX,
			       true, &policy);
	if (r >= 0) {
		kdbus_bus_lock(bus);
		r = kdbus_policy_replace(&ep->policy, ep, &policy);
		kdbus_bus_unlock(bus);
	}
	kdbus_policy_list_free(&policy);
	return r;
}
