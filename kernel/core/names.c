// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Well-known names
 *
 * A name is registered while somebody owns it, or an activator stands in.  Its
 * owners form a queue: the first is the primary owner, the others wait.  What is
 * sent to the name goes to the primary owner, else to the activator.
 *
 * Every change happens under the registry lock, is complete before anybody is
 * told, and is told before the lock is dropped (reference section 6).  Two
 * details follow the D-Bus specification where the ABI leaves room, and are
 * different in a strict domain: where a request that may replace, but cannot,
 * is queued; and in which order a connection that goes away lets go.  A third is
 * in kdbus_name_tell_change().
 */
#include "kernel/core/activator.h"
#include "kernel/core/args.h"
#include "kernel/core/connection.h"
#include "kernel/core/names.h"
#include "kernel/core/notify.h"

/* what a request leaves in the flags of an owner */
#define NAME_STORED_FLAGS (KDBUS_NAME_ALLOW_REPLACEMENT | KDBUS_NAME_QUEUE)
/* what a request may contain */
#define NAME_REQUEST_FLAGS (NAME_STORED_FLAGS | KDBUS_NAME_REPLACE_EXISTING)

struct kdbus_name_entry *kdbus_name_entry_ref(struct kdbus_name_entry *entry)
{
	if (entry)
		kref_get(&entry->kref);
	return entry;
}

static void kdbus_name_entry_release(struct kref *kref)
{
	kfree(container_of(kref, struct kdbus_name_entry, kref));
}

struct kdbus_name_entry *kdbus_name_entry_unref(struct kdbus_name_entry *entry)
{
	if (entry)
		kref_put(&entry->kref, kdbus_name_entry_release);
	return NULL;
}

static u32 hash_name(struct kdbus_bus *bus, const char *name, size_t len)
{
	return siphash(name, len, &bus->key);
}

struct kdbus_name_entry *kdbus_name_find(struct kdbus_bus *bus, const char *name, size_t len)
{
	u32 hash = hash_name(bus, name, len);
	struct kdbus_name_entry *entry;

	kdbus_table_for_each_possible(entry, &bus->names, by_name, hash) {
		if (entry->by_name.hash == hash && entry->len == len &&
		    memcmp(entry->name, name, len) == 0)
			return entry;
	}
	return NULL;
}

static struct kdbus_name_owner *kdbus_name_primary(struct kdbus_name_entry *entry)
{
	return list_first_entry_or_null(&entry->owners, struct kdbus_name_owner, entry_link);
}

struct kdbus_name_owner *kdbus_name_holder(struct kdbus_name_entry *entry)
{
	return kdbus_name_primary(entry) ?: entry->activator;
}

bool kdbus_name_is_held_by(const struct kdbus_conn *conn, const char *name)
{
	struct kdbus_name_entry *entry = kdbus_name_find(conn->bus, name, strlen(name));

	return entry && kdbus_name_holder(entry)->conn == conn;
}

/* the entry of @name, made if there is none; one without owner must not outlive the lock */
static struct kdbus_name_entry *kdbus_name_entry_get(struct kdbus_bus *bus, const char *name)
{
	struct kdbus_name_entry *entry;
	size_t len = strlen(name);

	entry = kdbus_name_find(bus, name, len);
	if (entry)
		return entry;

	entry = kzalloc(sizeof(*entry) + len + 1, GFP_KERNEL_ACCOUNT);
	if (!entry)
		return NULL;
	kref_init(&entry->kref);
	INIT_LIST_HEAD(&entry->owners);
	entry->len = len;
	memcpy(entry->name, name, len);
	kdbus_table_add(&bus->names, &entry->by_name, hash_name(bus, name, len));
	return entry;
}

/* takes a name that nobody has any more out of the registry */
static void kdbus_name_entry_drop_unused(struct kdbus_bus *bus, struct kdbus_name_entry *entry)
{
	if (kdbus_name_holder(entry))
		return;
	kdbus_table_remove(&bus->names, &entry->by_name);
	kdbus_name_entry_unref(entry);
}

static struct kdbus_name_owner *kdbus_name_owner_find(struct kdbus_name_entry *entry,
						      struct kdbus_conn *conn)
{
	struct list_head *a = conn->names.next, *b = entry->owners.next;
	struct kdbus_name_owner *owner;

	if (entry->activator && entry->activator->conn == conn)
		return entry->activator;

	/* either list would do: the shorter one decides how long it takes */
	for (; a != &conn->names && b != &entry->owners; a = a->next, b = b->next) {
		owner = list_entry(a, struct kdbus_name_owner, conn_link);
		if (owner->entry == entry)
			return owner;
		owner = list_entry(b, struct kdbus_name_owner, entry_link);
		if (owner->conn == conn)
			return owner;
	}
	return NULL;
}

static struct kdbus_name_owner *kdbus_name_owner_new(struct kdbus_name_entry *entry,
						     struct kdbus_conn *conn, u64 flags)
{
	struct kdbus_name_owner *owner;

	owner = kzalloc(sizeof(*owner), GFP_KERNEL_ACCOUNT);
	if (!owner)
		return NULL;
	owner->entry = entry;
	owner->conn = conn;
	owner->flags = flags;
	INIT_LIST_HEAD(&owner->entry_link);
	list_add_tail(&owner->conn_link, &conn->names);
	conn->n_names++;
	return owner;
}

static void kdbus_name_owner_free(struct kdbus_name_owner *owner)
{
	list_del_init(&owner->entry_link);
	list_del_init(&owner->conn_link);
	owner->conn->n_names--;
	kfree(owner);
}

static void set_primary(struct kdbus_name_owner *owner)
{
	owner->flags &= ~KDBUS_NAME_IN_QUEUE;
	owner->flags |= KDBUS_NAME_PRIMARY;
}

static void set_queued(struct kdbus_name_owner *owner)
{
	owner->flags &= ~KDBUS_NAME_PRIMARY;
	owner->flags |= KDBUS_NAME_IN_QUEUE;
}

/* P1 keeps the request as it was */
static u64 stored_flags(const struct kdbus_conn *conn, u64 flags)
{
	return flags & (kdbus_conn_is_p1(conn) ? NAME_REQUEST_FLAGS : NAME_STORED_FLAGS);
}

static void set_stored_flags(struct kdbus_name_owner *owner, u64 flags)
{
	owner->flags &= ~NAME_REQUEST_FLAGS;
	owner->flags |= stored_flags(owner->conn, flags);
}

u64 kdbus_name_shown_flags(const struct kdbus_bus *bus, u64 flags)
{
	if (!bus->domain->is_p1)
		return flags;
	return flags & (NAME_REQUEST_FLAGS | KDBUS_NAME_ACTIVATOR);
}

/*
 * kdbus_name_tell_change() - @owner holds the name now, in place of @old
 *
 * What waits at an activator passes to the owner, and what the owner has not read passes back:
 * before anybody is told (reference 4.9), unless the domain is not strict.  Then the owner learns
 * first that the name is its own, as D-Bus has it.
 */
static void kdbus_name_tell_change(struct kdbus_name_owner *owner, struct kdbus_conn *old,
				   u64 old_flags)
{
	struct kdbus_name_entry *entry = owner->entry;
	bool moves = kdbus_conn_is_activator(old) || kdbus_conn_is_activator(owner->conn);
	bool is_strict = kdbus_conn_is_strict(old);

	if (moves && is_strict)
		kdbus_activator_move(entry, old, owner->conn);
	kdbus_notify_name(old->bus, KDBUS_ITEM_NAME_CHANGE, old, old_flags, owner->conn,
			  owner->flags, entry);
	if (moves && !is_strict)
		kdbus_activator_move(entry, old, owner->conn);
}

/* @owner becomes the primary owner in place of @old, which has or had @old_flags */
static void kdbus_name_take(struct kdbus_name_owner *owner, struct kdbus_conn *old, u64 old_flags)
{
	struct kdbus_name_entry *entry = owner->entry;
	struct kdbus_bus *bus = owner->conn->bus;

	list_move(&owner->entry_link, &entry->owners);
	set_primary(owner);

	if (!old) {
		kdbus_notify_name(bus, KDBUS_ITEM_NAME_ADD, NULL, 0, owner->conn, owner->flags,
				  entry);
		return;
	}
	kdbus_name_tell_change(owner, old, old_flags);
}

/* puts a waiting @owner at its place */
static void kdbus_name_enqueue(struct kdbus_name_owner *owner, bool is_new, u64 flags)
{
	struct kdbus_name_entry *entry = owner->entry;

	if (!kdbus_conn_is_strict(owner->conn) && (flags & KDBUS_NAME_REPLACE_EXISTING))
		list_move(&owner->entry_link, &kdbus_name_primary(entry)->entry_link);
	else if (is_new)
		list_move_tail(&owner->entry_link, &entry->owners);
}

int kdbus_name_acquire(struct kdbus_conn *conn, const char *name, u64 flags, u64 *return_flags_out)
{
	struct kdbus_bus *bus = conn->bus;
	struct kdbus_name_owner *owner, *primary, *activator;
	struct kdbus_name_entry *entry;
	bool is_new, replaces, waits;
	u64 old_flags;
	int r;

	entry = kdbus_name_entry_get(bus, name);
	if (!entry)
		return -ENOMEM;

	primary = kdbus_name_primary(entry);
	activator = entry->activator;
	owner = kdbus_name_owner_find(entry, conn);
	is_new = !owner;

	if (primary && primary->conn == conn) {
		if (kdbus_conn_is_p1(conn))
			return -EALREADY;
		set_stored_flags(primary, flags);
		*return_flags_out = primary->flags;
		return 0;
	}

	replaces = !primary || ((primary->flags & KDBUS_NAME_ALLOW_REPLACEMENT) &&
				(flags & KDBUS_NAME_REPLACE_EXISTING));
	waits = !replaces && (flags & KDBUS_NAME_QUEUE);

	/* P1 queues whoever asks, once more if need be, and takes no silence for giving up */
	if (kdbus_conn_is_p1(conn) && !replaces) {
		owner = NULL;
		is_new = true;
	}
	if (!owner && conn->n_names >= kdbus_limit(bus->domain, n_names_conn)) {
		r = -E2BIG;
		goto exit_drop;
	}
	if (!replaces && !waits) {
		*return_flags_out = kdbus_conn_is_p1(conn) ? 0 : stored_flags(conn, flags);
		if (!owner) {
			r = -EEXIST;
			goto exit_drop;
		}
		/* it waited, and no longer wants to */
		kdbus_name_owner_free(owner);
		return 0;
	}

	if (!owner) {
		owner = kdbus_name_owner_new(entry, conn, KDBUS_NAME_IN_QUEUE);
		if (!owner) {
			r = -ENOMEM;
			goto exit_drop;
		}
	}
	set_stored_flags(owner, flags);

	if (waits) {
		kdbus_name_enqueue(owner, is_new, flags);
		*return_flags_out = owner->flags | (is_new ? KDBUS_NAME_ACQUIRED : 0);
		return 0;
	}

	if (primary) {
		struct kdbus_conn *old = primary->conn;

		old_flags = primary->flags;
		if (!(primary->flags & KDBUS_NAME_QUEUE)) {
			kdbus_name_owner_free(primary);
		} else {
			set_queued(primary);
			if (kdbus_conn_is_p1(conn))
				list_move_tail(&primary->entry_link, &entry->owners);
		}
		kdbus_name_take(owner, old, old_flags);
	} else if (activator) {
		old_flags = activator->flags;
		set_queued(activator);
		kdbus_name_take(owner, activator->conn, old_flags);
	} else {
		kdbus_name_take(owner, NULL, 0);
	}
	*return_flags_out = owner->flags | KDBUS_NAME_ACQUIRED;
	return 0;

exit_drop:
	kdbus_name_entry_drop_unused(bus, entry);
	return r;
}

static void kdbus_name_owner_release(struct kdbus_name_owner *owner)
{
	struct kdbus_name_entry *entry = owner->entry;
	struct kdbus_conn *conn = owner->conn;
	struct kdbus_name_owner *next;
	u64 flags = owner->flags;

	if (entry->activator == owner)
		entry->activator = NULL;
	kdbus_name_owner_free(owner);

	if (flags & KDBUS_NAME_IN_QUEUE) {
		kdbus_name_entry_drop_unused(conn->bus, entry);
		return;
	}

	next = kdbus_name_holder(entry);
	if (next) {
		set_primary(next);
		kdbus_name_tell_change(next, conn, flags);
		return;
	}

	/* no longer registered when it is told, but there to be told of */
	kdbus_name_entry_ref(entry);
	kdbus_name_entry_drop_unused(conn->bus, entry);
	kdbus_notify_name(conn->bus, KDBUS_ITEM_NAME_REMOVE, conn, flags, NULL, 0, entry);
	kdbus_name_entry_unref(entry);
}

int kdbus_name_release(struct kdbus_conn *conn, const char *name)
{
	struct kdbus_name_entry *entry;
	struct kdbus_name_owner *owner;

	entry = kdbus_name_find(conn->bus, name, strlen(name));
	if (!entry)
		return -ESRCH;
	/* in P1 the owner may be waiting, too */
	owner = kdbus_name_primary(entry);
	if (!owner || owner->conn != conn)
		owner = kdbus_name_owner_find(entry, conn);
	if (!owner)
		return -EADDRINUSE;
	kdbus_name_owner_release(owner);
	return 0;
}

void kdbus_name_release_all(struct kdbus_conn *conn)
{
	struct kdbus_name_owner *owner;

	while (!list_empty(&conn->names)) {
		if (kdbus_conn_is_strict(conn))
			owner = list_first_entry(&conn->names, struct kdbus_name_owner, conn_link);
		else
			owner = list_last_entry(&conn->names, struct kdbus_name_owner, conn_link);
		kdbus_name_owner_release(owner);
	}
}

int kdbus_name_activate(struct kdbus_conn *conn, const char *name)
{
	struct kdbus_name_entry *entry;
	struct kdbus_name_owner *owner;

	entry = kdbus_name_entry_get(conn->bus, name);
	if (!entry)
		return -ENOMEM;
	if (entry->activator)
		return -EEXIST;
	owner = kdbus_name_owner_new(entry, conn, KDBUS_NAME_ACTIVATOR);
	if (!owner) {
		kdbus_name_entry_drop_unused(conn->bus, entry);
		return -ENOMEM;
	}
	if (kdbus_name_primary(entry))
		set_queued(owner);
	else
		set_primary(owner);
	entry->activator = owner;
	return 0;
}

void kdbus_name_deactivate(struct kdbus_conn *conn)
{
	struct kdbus_name_owner *owner =
		list_first_entry(&conn->names, struct kdbus_name_owner, conn_link);
	struct kdbus_name_entry *entry = owner->entry;

	entry->activator = NULL;
	kdbus_name_owner_free(owner);
	kdbus_name_entry_drop_unused(conn->bus, entry);
}

bool kdbus_name_is_activated_by(const struct kdbus_conn *conn, const char *name)
{
	struct kdbus_name_entry *entry = kdbus_name_find(conn->bus, name, strlen(name));

	return entry && entry->activator && entry->activator->conn == conn;
}

void kdbus_name_announce_activator(struct kdbus_conn *conn)
{
	struct kdbus_name_owner *owner =
		list_first_entry(&conn->names, struct kdbus_name_owner, conn_link);

	if (owner->flags & KDBUS_NAME_PRIMARY)
		kdbus_notify_name(conn->bus, KDBUS_ITEM_NAME_ADD, NULL, 0, conn, owner->flags,
				  owner->entry);
}

static const struct kdbus_args_rule name_acquire_rule = {
	.size = sizeof(struct kdbus_cmd),
	.flags = KDBUS_NAME_REPLACE_EXISTING | KDBUS_NAME_ALLOW_REPLACEMENT | KDBUS_NAME_QUEUE,
	.n_args = 1,
	.args = {{KDBUS_ITEM_NAME, KDBUS_ARG_MANDATORY}},
};

int kdbus_cmd_name_acquire(struct kdbus_conn *conn, struct kdbus_cmd *cmd)
{
	struct kdbus_cred cred;
	struct kdbus_args args;
	const char *name;
	int r;

	if (!kdbus_conn_is_ordinary(conn))
		return -EOPNOTSUPP;
	r = kdbus_args_parse_cmd(&name_acquire_rule, conn->bus->domain, cmd, &args);
	if (r != 0)
		return r < 0 ? r : 0;

	name = args.found[0]->str;
	if (!kdbus_name_is_valid(name, false))
		return -EINVAL;
	kdbus_conn_host(conn)->caller_cred(conn->host, &cred);

	kdbus_bus_lock(conn->bus);
	if (!conn->is_connected)
		r = -ECONNRESET;
	else if (kdbus_conn_is_p1(conn) &&
		 conn->n_names >= kdbus_limit(conn->bus->domain, n_names_conn))
		r = -E2BIG;
	else if (!kdbus_conn_may_own(conn, &cred, name))
		r = -EPERM;
	else
		r = kdbus_name_acquire(conn, name, args.flags, &cmd->return_flags);
	kdbus_bus_unlock(conn->bus);
	/* all that P1 says */
	if (kdbus_conn_is_p1(conn))
		cmd->return_flags &= KDBUS_NAME_IN_QUEUE;
	return r;
}

static const struct kdbus_args_rule name_release_rule = {
	.size = sizeof(struct kdbus_cmd),
	.n_args = 1,
	.args = {{KDBUS_ITEM_NAME, KDBUS_ARG_MANDATORY}},
};

int kdbus_cmd_name_release(struct kdbus_conn *conn, struct kdbus_cmd *cmd)
{
	struct kdbus_args args;
	int r;

	if (!kdbus_conn_is_ordinary(conn))
		return -EOPNOTSUPP;
	r = kdbus_args_parse_cmd(&name_release_rule, conn->bus->domain, cmd, &args);
	if (r != 0)
		return r < 0 ? r : 0;

	kdbus_bus_lock(conn->bus);
	r = conn->is_connected ? kdbus_name_release(conn, args.found[0]->str) : -ECONNRESET;
	kdbus_bus_unlock(conn->bus);
	return r;
}
