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

int kdbus_endpoint_new(struct kdbus_bus *bus, const char *name, u64 flags, bool is_custom,
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

	down_write(&bus->registry);
	ep->is_dead = true;
	list_del_init(&ep->bus_link);
	/* a disconnect changes the lists, of itself only */
	while ((conn = find_conn(ep, &bus->conns)) || (conn = find_conn(ep, &bus->monitors)))
		kdbus_conn_disconnect_locked(conn);
	up_write(&bus->registry);
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
