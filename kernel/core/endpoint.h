/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Endpoint */
#ifndef KDBUS_ENDPOINT_H
#define KDBUS_ENDPOINT_H

#include "kernel/core/bus.h"

/**
 * struct kdbus_endpoint - where connections enter a bus
 * @kref: the bus or the owner's handle, each handle opened on it, and connections
 * @bus: pinned
 * @bus_link: in bus.endpoints, under bus.registry
 * @name: of its file
 * @flags: KDBUS_MAKE_*
 * @owner_uid, @owner_gid: of its file
 * @user: to whom everything that comes through it is accounted; NULL on the
 *	default endpoint, where everybody has his own
 * @policy: of a custom endpoint, under bus.registry
 * @is_custom: not the one that came with the bus
 * @is_dead: under bus.registry
 */
struct kdbus_endpoint {
	struct kref kref;
	struct kdbus_bus *bus;
	struct list_head bus_link;
	char *name;
	u64 flags;
	kuid_t owner_uid;
	kgid_t owner_gid;
	struct kdbus_user *user;
	struct kdbus_policy_db policy;
	bool is_custom;
	bool is_dead;
};

/**
 * kdbus_endpoint_new() - an endpoint that nobody can find yet
 * @bus: its bus
 * @name: copied
 * @flags: KDBUS_MAKE_*
 * @cred: who makes it, and owns its file
 * @is_custom: it filters
 *
 * Return: 0 or -ENOMEM.
 */
int kdbus_endpoint_new(struct kdbus_bus *bus, const char *name, u64 flags,
		       const struct kdbus_cred *cred, bool is_custom,
		       struct kdbus_endpoint **ep_out);
struct kdbus_endpoint *kdbus_endpoint_ref(struct kdbus_endpoint *ep);
struct kdbus_endpoint *kdbus_endpoint_unref(struct kdbus_endpoint *ep);
/* removes it from the bus and disconnects all who came through it */
void kdbus_endpoint_kill(struct kdbus_endpoint *ep);
/* is @cred in the place of the bus' owner on this endpoint (1.6) */
bool kdbus_endpoint_is_owner(const struct kdbus_endpoint *ep, const struct kdbus_cred *cred);
/* the endpoint @name of @bus with a reference, or NULL */
struct kdbus_endpoint *kdbus_endpoint_find(struct kdbus_bus *bus, const char *name);

/**
 * kdbus_cmd_endpoint_make() - ENDPOINT_MAKE
 * @ep: the default endpoint, on a handle of which the command came
 * @caller: the host's object for who calls
 * @cmd: struct kdbus_cmd
 * @ep_out: written on success; to be let go by kdbus_endpoint_kill() and
 *	kdbus_endpoint_unref().  NULL if the caller only negotiated
 *
 * Return: 0 or the errno of the ABI.
 */
int kdbus_cmd_endpoint_make(struct kdbus_endpoint *ep, void *caller, struct kdbus_cmd *cmd,
			    struct kdbus_endpoint **ep_out);
/* ENDPOINT_UPDATE */
int kdbus_cmd_endpoint_update(struct kdbus_endpoint *ep, void *caller, struct kdbus_cmd *cmd);

#endif
