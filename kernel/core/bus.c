// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Bus
 *
 * Made by BUS_MAKE, it lives until its owner lets go: then every endpoint dies,
 * and with it every connection.  The object itself stays until the last
 * endpoint and connection that refer to it are gone.
 */
#include "kernel/core/args.h"
#include "kernel/core/bus.h"
#include "kernel/core/connection.h"
#include "kernel/core/endpoint.h"
#include "kernel/core/limits.h"
#include "kernel/core/metadata.h"
#include "kernel/core/reply.h"

int kdbus_attach_flags_sanitize(u64 flags, u64 *flags_out)
{
	if (flags == _KDBUS_ATTACH_ANY)
		flags = _KDBUS_ATTACH_ALL;
	if (flags & ~(u64)_KDBUS_ATTACH_ALL)
		return -EINVAL;
	*flags_out = flags;
	return 0;
}

/* RFC 4122, version 4 */
static void make_uuid(const struct kdbus_host_ops *host, u8 id128[16])
{
	host->random(id128, 16);
	id128[6] = (id128[6] & 0x0f) | 0x40;
	id128[8] = (id128[8] & 0x3f) | 0x80;
}

static void kdbus_bus_release(struct kref *kref)
{
	struct kdbus_bus *bus = container_of(kref, struct kdbus_bus, kref);

	WARN_ON(!list_empty(&bus->conns) || !list_empty(&bus->endpoints));
	kdbus_policy_db_deinit(&bus->policy);
	kdbus_table_deinit(&bus->names);
	kdbus_table_deinit(&bus->conns_by_id);
	mutex_destroy(&bus->broadcast_lock);
	mutex_destroy(&bus->reply_lock);
	bus->domain->host->meta_free(bus->meta);
	kdbus_user_unref(bus->creator);
	kdbus_domain_unref(bus->domain);
	kfree(bus->name);
	kfree(bus);
}

struct kdbus_bus *kdbus_bus_ref(struct kdbus_bus *bus)
{
	kref_get(&bus->kref);
	return bus;
}

struct kdbus_bus *kdbus_bus_unref(struct kdbus_bus *bus)
{
	if (bus)
		kref_put(&bus->kref, kdbus_bus_release);
	return NULL;
}

/* everything but what depends on the arguments; freed by kdbus_bus_unref() */
static int kdbus_bus_new(struct kdbus_domain *domain, const char *name, struct kdbus_bus **bus_out)
{
	struct kdbus_bus *bus;
	int r;

	bus = kzalloc(sizeof(*bus), GFP_KERNEL_ACCOUNT);
	if (!bus)
		return -ENOMEM;

	kref_init(&bus->kref);
	bus->domain = kdbus_domain_ref(domain);
	INIT_LIST_HEAD(&bus->domain_link);
	init_rwsem(&bus->registry);
	INIT_LIST_HEAD(&bus->endpoints);
	INIT_LIST_HEAD(&bus->conns);
	INIT_LIST_HEAD(&bus->monitors);
	INIT_LIST_HEAD(&bus->matchers);
	mutex_init(&bus->broadcast_lock);
	mutex_init(&bus->reply_lock);
	bus->deadlines = RB_ROOT_CACHED;
	bus->next_deadline = U64_MAX;
	domain->host->random(&bus->key, sizeof(bus->key));
	make_uuid(domain->host, bus->id128);

	r = -ENOMEM;
	bus->name = kstrdup(name, GFP_KERNEL_ACCOUNT);
	if (!bus->name)
		goto exit_bus;
	r = kdbus_table_init(&bus->conns_by_id);
	if (r < 0)
		goto exit_bus;
	r = kdbus_table_init(&bus->names);
	if (r < 0)
		goto exit_bus;
	r = kdbus_policy_db_init(&bus->policy, &bus->key);
	if (r < 0)
		goto exit_bus;

	*bus_out = bus;
	return 0;

exit_bus:
	kdbus_bus_unref(bus);
	return r;
}

struct kdbus_bus *kdbus_bus_find(struct kdbus_domain *domain, const char *name)
{
	struct kdbus_bus *bus, *found = NULL;

	mutex_lock(&domain->lock);
	list_for_each_entry(bus, &domain->buses, domain_link) {
		if (strcmp(bus->name, name) == 0) {
			found = kdbus_bus_ref(bus);
			break;
		}
	}
	mutex_unlock(&domain->lock);
	return found;
}

/* makes the bus visible, if its name is free */
static int kdbus_bus_link(struct kdbus_bus *bus)
{
	struct kdbus_domain *domain = bus->domain;
	struct kdbus_bus *other;
	int r = 0;

	mutex_lock(&domain->lock);
	if (domain->is_dead) {
		r = -ESHUTDOWN;
		goto exit_unlock;
	}
	list_for_each_entry(other, &domain->buses, domain_link) {
		if (strcmp(other->name, bus->name) == 0) {
			r = -EEXIST;
			goto exit_unlock;
		}
	}
	r = kdbus_user_add_bus(bus->creator);
	if (r < 0)
		goto exit_unlock;
	bus->id = kdbus_domain_next_id(domain);
	list_add_tail(&bus->domain_link, &domain->buses);
exit_unlock:
	mutex_unlock(&domain->lock);
	return r;
}

static bool bloom_is_valid(const struct kdbus_bloom_parameter *bloom)
{
	return bloom->size >= KDBUS_BLOOM_MIN_SIZE && bloom->size <= KDBUS_BLOOM_MAX_SIZE &&
	       bloom->size % 8 == 0 && bloom->n_hash >= 1;
}

static const struct kdbus_args_rule bus_make_rule = {
	.size = sizeof(struct kdbus_cmd),
	.flags = KDBUS_MAKE_ACCESS_GROUP | KDBUS_MAKE_ACCESS_WORLD,
	.n_args = 4,
	.args =
		{
			{KDBUS_ITEM_MAKE_NAME, KDBUS_ARG_MANDATORY},
			{KDBUS_ITEM_BLOOM_PARAMETER, KDBUS_ARG_MANDATORY},
			{KDBUS_ITEM_ATTACH_FLAGS_SEND},
			{KDBUS_ITEM_ATTACH_FLAGS_RECV, KDBUS_ARG_P1},
		},
};

int kdbus_cmd_bus_make(struct kdbus_domain *domain, void *caller, struct kdbus_cmd *cmd,
		       struct kdbus_bus **bus_out)
{
	const struct kdbus_host_ops *host = domain->host;
	const struct kdbus_bloom_parameter *bloom;
	struct kdbus_endpoint *ep;
	u64 attach_flags = 0, attach_required = 0;
	struct kdbus_args args;
	struct kdbus_cred cred;
	struct kdbus_bus *bus;
	int r;

	r = kdbus_args_parse_cmd(&bus_make_rule, domain, cmd, &args);
	if (r < 0)
		return r;
	if (r == KDBUS_ARGS_NEGOTIATED) {
		*bus_out = NULL;
		return 0;
	}

	bloom = &args.found[1]->bloom_parameter;
	if (!bloom_is_valid(bloom))
		return -EINVAL;
	if (args.found[3]) {
		r = kdbus_attach_flags_sanitize(args.found[3]->data64[0], &attach_required);
		if (r < 0)
			return r;
	}
	if (args.found[2]) {
		r = kdbus_attach_flags_sanitize(args.found[2]->data64[0], &attach_flags);
		if (r < 0)
			return r;
	}
	host->caller_cred(caller, &cred);
	if (!kdbus_domain_owns_name(domain, cred.euid, args.found[0]->str))
		return -EINVAL;

	r = kdbus_bus_new(domain, args.found[0]->str, &bus);
	if (r < 0)
		return r;
	bus->flags = args.flags;
	bus->bloom = *bloom;
	bus->owner_uid = cred.euid;
	bus->owner_gid = cred.egid;
	bus->attach_flags = attach_flags;
	bus->attach_required = attach_required;
	r = kdbus_user_get(domain, cred.uid, &bus->creator);
	if (r < 0)
		goto exit_bus;
	r = host->meta_capture(caller, KDBUS_ATTACH_TASK, &bus->meta);
	if (r < 0)
		goto exit_bus;
	r = kdbus_endpoint_new(bus, "bus", args.flags, &cred, false, &ep);
	if (r < 0)
		goto exit_bus;
	r = kdbus_bus_link(bus);
	if (r < 0)
		goto exit_ep;

	kdbus_bus_lock(bus);
	list_add_tail(&ep->bus_link, &bus->endpoints);
	bus->default_ep = ep;
	kdbus_bus_unlock(bus);
	*bus_out = bus;
	return 0;

exit_ep:
	kdbus_endpoint_unref(ep);
exit_bus:
	kdbus_bus_unref(bus);
	return r;
}

void kdbus_bus_kill(struct kdbus_bus *bus)
{
	struct kdbus_endpoint *ep;

	mutex_lock(&bus->domain->lock);
	if (bus->is_dead) {
		mutex_unlock(&bus->domain->lock);
		return;
	}
	WRITE_ONCE(bus->is_dead, true);
	list_del_init(&bus->domain_link);
	mutex_unlock(&bus->domain->lock);
	kdbus_user_remove_bus(bus->creator);

	for (;;) {
		kdbus_bus_lock(bus);
		ep = list_first_entry_or_null(&bus->endpoints, struct kdbus_endpoint, bus_link);
		if (ep)
			kdbus_endpoint_ref(ep);
		kdbus_bus_unlock(bus);
		if (!ep)
			break;
		kdbus_endpoint_kill(ep);
		kdbus_endpoint_unref(ep);
	}
	bus->default_ep = kdbus_endpoint_unref(bus->default_ep);
}

struct kdbus_conn *kdbus_bus_find_conn(struct kdbus_bus *bus, u64 id)
{
	struct kdbus_conn *conn;

	lockdep_assert_held(&bus->registry);

	kdbus_table_for_each_possible(conn, &bus->conns_by_id, by_id, (u32)id) {
		if (conn->id == id)
			return conn;
	}
	return NULL;
}

bool kdbus_bus_needs_bloom(const struct kdbus_bus *bus)
{
	return bus->domain->strict || !list_empty(&bus->matchers);
}

void kdbus_bus_expire(struct kdbus_bus *bus, u64 now_ns)
{
	down_read(&bus->registry);
	kdbus_reply_expire(bus, now_ns);
	up_read(&bus->registry);
}
