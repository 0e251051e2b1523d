/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The core of kdbus
 *
 * Objects, and who owns whom
 *
 *	domain			an isolated world of buses: a mount, or an engine
 *	  user			accounting, one per uid that has something
 *	  bus			lives until its owner closes; has a default endpoint
 *	    endpoint		where connections enter; custom ones filter
 *	    policy db		who may own, talk to and see what
 *	    name entry		a registered name: queue of owners, activator
 *	    connection		a peer
 *	      pool		memory its messages are put into (pooled connections)
 *	      queue		messages not yet received, with the quota of each sender
 *	      match		which broadcasts it wants
 *	      name owner	its place in the queue of one name
 *	    reply		tracks one message that expects an answer
 *	      call		somebody who does nothing but wait for it
 *	handle			an open file, on which the commands arrive
 *
 * Every object is reached from the one above it, and holds a reference upwards:
 * a connection pins its endpoint, that its bus, that its domain.  Downwards
 * objects are linked, not owned: the bus finds its connections, but a connection
 * is let go by the handle that made it, and stays for the sake of a payload that
 * is on its way to its pool (stage.c).  Two objects are shared by
 * reference count where their life has no single owner: name entries (queued
 * messages remember what name they were addressed to) and replies (they count
 * against the caller until they are resolved and the request has been received).
 *
 * A message exists twice: struct kdbus_message on the stack of whoever sends it,
 * and struct kdbus_queue_entry for each receiver.  What both share is the
 * payload, an object of the host, and for receivers with a pool the body.
 *
 * Direct and pooled
 *
 * A pooled connection is what the ABI describes.  A direct one is made by code in
 * the same process: its RECV hands out the queue entry itself, so there is no
 * pool, and results of commands are heap memory whose address is the "offset".
 * Quota counts what the slice would have been.  An indexed connection, further,
 * has no matches: the host knows what broadcasts it wants.
 *
 * Locks, outermost first.  This is the one place where the order is written down;
 * tests/stress/ is for ThreadSanitizer to find who does not keep to it.
 *
 *	handle.setup_lock	what a handle becomes
 *	domain.lock		list of buses
 *	bus.registry		(rwsem) connections, endpoints, names, policies,
 *				matches; what it guards stays put while a message
 *				is routed, so SEND takes it for reading and every
 *				change of who is who takes it for writing
 *	bus.broadcast_lock	the candidates of one broadcast
 *	conn.lock		queue, quota, pool and attach flags of one
 *				connection; never two at a time
 *	bus.reply_lock		all replies of the bus, and their deadlines
 *	domain.users_lock	users and what is accounted to them
 *
 * Notifications are delivered at once, under the registry lock of the change they
 * report; so every receiver gets them in the order of the changes.
 *
 * Host operations marked [unlocked] in host.h are called with none of these.
 */
#ifndef KDBUS_DOMAIN_H
#define KDBUS_DOMAIN_H

#include "kernel/core/host.h"
#include "kernel/core/limits.h"
#include "kernel/core/table.h"

/**
 * struct kdbus_user - what is accounted to one uid
 * @domain: where it counts; whoever refers to a user pins its domain too
 * @by_uid: entry in the domain, unless anonymous
 * @uid: whose
 * @n_refs: each bus, connection and endpoint, and each quota with a message
 * @n_buses: buses made
 * @n_conns: connections
 *
 * All under domain.users_lock.
 */
struct kdbus_user {
	struct kdbus_domain *domain;
	struct kdbus_table_node by_uid;
	kuid_t uid;
	u32 n_refs;
	u32 n_buses;
	u32 n_conns;
};

/**
 * struct kdbus_domain - an isolated world of buses
 * @kref: the host, and each bus
 * @host: what the core asks for
 * @host_data: for the host
 * @strict: the published ABI without our additions
 * @is_p1: of the two published revisions the older one; implies @strict
 * @attach_mask: P1: metadata that leaves the domain at all; read without a lock
 * @limits: read without a lock, each member on its own
 * @last_id: last id given to a bus, or, when strict, to a connection, or, of P1, to a
 *	message
 * @lock: the next two members
 * @buses: list of struct kdbus_bus
 * @is_dead: the host has let go
 * @users_lock: the next member, and every user
 * @users: struct kdbus_user by uid
 */
struct kdbus_domain {
	struct kref kref;
	const struct kdbus_host_ops *host;
	void *host_data;
	bool strict;
	bool is_p1;
	u64 attach_mask;
	struct kdbus_limits limits;
	atomic64_t last_id;

	struct mutex lock;
	struct list_head buses;
	bool is_dead;

	struct mutex users_lock;
	struct kdbus_table users;
};

/* a limit, which may change at any time */
#define kdbus_limit(domain, which) READ_ONCE((domain)->limits.which)

/* caches of the core, shared by all domains; calls nest */
int kdbus_core_init(void);
void kdbus_core_exit(void);

/**
 * kdbus_domain_new() - an empty domain
 * @host: must outlive the domain
 * @host_data: for the host
 * @limits: copied; NULL for the published ones
 * @strict: the published ABI without our additions
 * @is_p1: the older revision of it
 *
 * Return: 0 or -ENOMEM.
 */
int kdbus_domain_new(const struct kdbus_host_ops *host, void *host_data,
		     const struct kdbus_limits *limits, bool strict, bool is_p1,
		     struct kdbus_domain **domain_out);
struct kdbus_domain *kdbus_domain_ref(struct kdbus_domain *domain);
struct kdbus_domain *kdbus_domain_unref(struct kdbus_domain *domain);
/* no bus can be made any more; buses that exist live on until their owners close */
void kdbus_domain_kill(struct kdbus_domain *domain);
/* from now on */
void kdbus_domain_set_limits(struct kdbus_domain *domain, const struct kdbus_limits *limits);
/* a number that was never used in this domain */
u64 kdbus_domain_next_id(struct kdbus_domain *domain);
/* may @uid make a node called @name: it has to start with the number of @uid (1.4) */
bool kdbus_domain_owns_name(const struct kdbus_domain *domain, kuid_t uid, const char *name);

/**
 * kdbus_user_get() - the user of a uid
 *
 * The reference is dropped by kdbus_user_unref().
 *
 * Return: 0 or -ENOMEM.
 */
int kdbus_user_get(struct kdbus_domain *domain, kuid_t uid, struct kdbus_user **user_out);
/* a user of nobody else's, for a custom endpoint */
int kdbus_user_new_anonymous(struct kdbus_domain *domain, struct kdbus_user **user_out);
struct kdbus_user *kdbus_user_ref(struct kdbus_user *user);
struct kdbus_user *kdbus_user_unref(struct kdbus_user *user);
/* one bus or one connection more: 0 or -EMFILE */
int kdbus_user_add_bus(struct kdbus_user *user);
int kdbus_user_add_conn(struct kdbus_user *user);
/* one less */
void kdbus_user_remove_bus(struct kdbus_user *user);
void kdbus_user_remove_conn(struct kdbus_user *user);

#endif
