/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The seam: entries of the bus' policy
 *
 * One connection of the kind POLICY_HOLDER for each entry, as the ABI allows one name
 * per holder.  The commands are built here; where they go is the carrier's business.
 * What a holder has is replaced as a whole or not at all; the order among several is
 * for the caller to choose.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/engine/engine-carrier.h"
#include "kernel/engine/engine-items.h"

/* of an item, with the padding behind it */
#define ITEM_SIZE(size) (((size) + 16 + 7) & ~(size_t)7)

/**
 * struct engine_policy - an entry
 * @engine: where it belongs
 * @holder: carrier: the connection
 * @name: as it was given
 */
struct engine_policy {
	struct engine *engine;
	void *holder;
	char name[];
};

void *engine_policy_command(size_t fixed, const char *name,
			    const struct kdbus_policy_access *grants, size_t n_grants)
{
	size_t len = strlen(name) + 1;
	size_t room = fixed + ITEM_SIZE(len) + n_grants * ITEM_SIZE(sizeof(*grants));
	void *cmd = malloc(room);
	struct engine_items items;

	if (!cmd)
		return NULL;
	engine_items_init(&items, cmd, fixed, room);
	engine_items_add(&items, KDBUS_ITEM_NAME, name, len);
	for (size_t i = 0; i < n_grants; i++)
		engine_items_add(&items, KDBUS_ITEM_POLICY_ACCESS, &grants[i], sizeof(grants[i]));
	return cmd;
}

int engine_policy_add(struct engine *engine, const char *name,
		      const struct kdbus_policy_access *grants, size_t n_grants,
		      struct engine_policy **policy_out)
{
	size_t len = strlen(name) + 1;
	struct engine_policy *policy;
	struct kdbus_cmd_hello *cmd;
	int r;

	policy = malloc(sizeof(*policy) + len);
	if (!policy)
		return -ENOMEM;
	policy->engine = engine;
	memcpy(policy->name, name, len);
	cmd = engine_policy_command(sizeof(*cmd), name, grants, n_grants);
	if (!cmd) {
		r = -ENOMEM;
		goto exit_policy;
	}
	cmd->flags = KDBUS_HELLO_POLICY_HOLDER;
	/* the least there is: nothing is ever put into it */
	cmd->pool_size = sysconf(_SC_PAGESIZE);
	r = engine->carrier->holder_open(engine, cmd, &policy->holder);
	free(cmd);
	if (r < 0)
		goto exit_policy;
	engine->n_policies++;
	*policy_out = policy;
	return 0;

exit_policy:
	free(policy);
	return r;
}

int engine_policy_replace(struct engine_policy *policy, const struct kdbus_policy_access *grants,
			  size_t n_grants)
{
	struct engine *engine = policy->engine;
	struct kdbus_cmd *cmd;
	int r;

	cmd = engine_policy_command(sizeof(*cmd), policy->name, grants, n_grants);
	if (!cmd)
		return -ENOMEM;
	r = engine->carrier->holder_update(engine, policy->holder, cmd);
	free(cmd);
	return r;
}

struct engine_policy *engine_policy_remove(struct engine_policy *policy)
{
	if (!policy)
		return NULL;
	policy->engine->carrier->holder_close(policy->engine, policy->holder);
	policy->engine->n_policies--;
	free(policy);
	return NULL;
}
