/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bus */
#ifndef KDBUS_BUS_H
#define KDBUS_BUS_H

#include "kernel/core/domain.h"
#include "kernel/core/policy.h"

struct kdbus_conn;
struct kdbus_endpoint;

/* ids of connections that are not ordinary start here, unless the domain is strict: the others
 * are dense from 1
 */
#define KDBUS_SPECIAL_ID_BASE (1ULL << 48)

/**
 * struct kdbus_bus - a bus
 * @kref: the owner's handle, and each endpoint
 * @domain: pinned
 * @domain_link: in domain.buses
 * @name: of its directory
 * @id: number of the bus
 * @id128: UUID
 * @flags: KDBUS_MAKE_*
 * @bloom: size of filters and number of hashes
 * @owner_uid: effective uid of the creator
 * @owner_gid: effective gid of the creator
 * @creator: who it is accounted to
 * @meta: identity of the creator
 * @attach_flags: what BUS_CREATOR_INFO may reveal of it
 * @attach_required: P1: what each connection has to be willing to send
 * @key: for hashing names
 * @last_seqnum: last number given to a message
 * @attach_wanted: attach flags that any connection ever wanted; grows with the
 *	registry held for writing, read without it
 * @registry: see domain.h; guards all down to @generation
 * @endpoints: list of struct kdbus_endpoint
 * @default_ep: the one that came with the bus; a reference
 * @conns_by_id: struct kdbus_conn
 * @conns: all but monitors, in the order of HELLO
 * @monitors: the others
 * @matchers: struct kdbus_matches, of each connection that has any
 * @n_indexed: indexed connections
 * @names: struct kdbus_name_entry
 * @policy: what holders and activators uploaded
 * @last_conn_id: last id given to an ordinary connection, unless strict
 * @last_special_id: the same for the others
 * @is_dead: the owner has let go
 * @generation: of what is found with the registry held: it has changed, if anything has
 * @broadcast_lock: held while the host answers broadcast_candidates()
 * @reply_lock: the members below, and all replies
 * @deadlines: struct kdbus_reply by deadline, those that have one
 * @next_deadline: what the host was told last
 */
struct kdbus_bus {
	struct kref kref;
	struct kdbus_domain *domain;
	struct list_head domain_link;
	char *name;
	u64 id;
	u8 id128[16];
	u64 flags;
	struct kdbus_bloom_parameter bloom;
	kuid_t owner_uid;
	kgid_t owner_gid;
	struct kdbus_user *creator;
	struct kdbus_meta *meta;
	u64 attach_flags;
	u64 attach_required;
	siphash_key_t key;
	atomic64_t last_seqnum;
	u64 attach_wanted;

	struct rw_semaphore registry;
	struct list_head endpoints;
	struct kdbus_endpoint *default_ep;
	struct kdbus_table conns_by_id;
	struct list_head conns;
	struct list_head monitors;
	struct list_head matchers;
	u32 n_indexed;
	struct kdbus_table names;
	struct kdbus_policy_db policy;
	u64 last_conn_id;
	u64 last_special_id;
	bool is_dead;
	u64 generation;

	struct mutex broadcast_lock;

	struct mutex reply_lock;
	struct rb_root_cached deadlines;
	u64 next_deadline;
};

/**
 * kdbus_cmd_bus_make() - BUS_MAKE
 * @domain: where
 * @caller: the host's object for who calls
 * @cmd: struct kdbus_cmd
 * @bus_out: written on success, a reference; to be let go by kdbus_bus_kill() and
 *	kdbus_bus_unref().  NULL if the caller only negotiated
 *
 * Return: 0 or the errno of the ABI.
 */
int kdbus_cmd_bus_make(struct kdbus_domain *domain, void *caller, struct kdbus_cmd *cmd,
		       struct kdbus_bus **bus_out);
/* removes the bus and disconnects all who are on it */
void kdbus_bus_kill(struct kdbus_bus *bus);
struct kdbus_bus *kdbus_bus_ref(struct kdbus_bus *bus);
struct kdbus_bus *kdbus_bus_unref(struct kdbus_bus *bus);

/* takes the registry for writing */
static inline void kdbus_bus_lock(struct kdbus_bus *bus)
{
	down_write(&bus->registry);
	bus->generation++;
}

static inline void kdbus_bus_unlock(struct kdbus_bus *bus)
{
	up_write(&bus->registry);
}

/* the bus of that name, with a reference, or NULL */
struct kdbus_bus *kdbus_bus_find(struct kdbus_domain *domain, const char *name);
/* the connection with that id, or NULL; with the registry held */
struct kdbus_conn *kdbus_bus_find_conn(struct kdbus_bus *bus, u64 id);
/* is there anybody whose matches look at bloom filters; with the registry held, or by one who
 * needs no exact answer
 */
bool kdbus_bus_needs_bloom(const struct kdbus_bus *bus);
/* REPLY_TIMEOUT for every reply whose deadline is not after @now_ns */
void kdbus_bus_expire(struct kdbus_bus *bus, u64 now_ns);

/* attach flags as they are stored: ANY becomes ALL.  0 or -EINVAL */
int kdbus_attach_flags_sanitize(u64 flags, u64 *flags_out);

#endif
