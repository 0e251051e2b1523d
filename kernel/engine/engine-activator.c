/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The seam: activators
 *
 * One connection of the kind ACTIVATOR for each name that can be started, which holds
 * the name's entry of the policy as well.  The messages that wait are in its queue, in
 * the bus; nothing of them is kept here.  The commands are built here; where they go is
 * the carrier's business.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/engine/engine-carrier.h"

/* told by carriers */

void engine_activator_waits(struct engine_activator *activator)
{
	struct engine_host *host = &activator->engine->host;

	if (host->waits)
		host->waits(host->userdata, activator->userdata);
}

void engine_activator_taken(struct engine_activator *activator)
{
	struct engine_host *host = &activator->engine->host;

	if (host->taken)
		host->taken(host->userdata, activator->userdata);
}

int engine_activator_add(struct engine *engine, const char *name,
			 const struct kdbus_policy_access *grants, size_t n_grants, void *userdata,
			 struct engine_activator **activator_out)
{
	size_t len = strlen(name) + 1;
	struct engine_activator *activator;
	struct kdbus_cmd_hello *cmd;
	int r;

	activator = malloc(sizeof(*activator) + len);
	if (!activator)
		return -ENOMEM;
	*activator = (struct engine_activator){.engine = engine, .userdata = userdata};
	memcpy(activator->name, name, len);
	cmd = engine_policy_command(sizeof(*cmd), name, grants, n_grants);
	if (!cmd) {
		r = -ENOMEM;
		goto exit_activator;
	}
	/* what the owner takes is not known before there is one */
	cmd->flags = KDBUS_HELLO_ACTIVATOR | KDBUS_HELLO_ACCEPT_FD;
	r = engine->carrier->activator_open(activator, cmd);
	free(cmd);
	if (r < 0)
		goto exit_activator;
	engine->n_policies++;
	*activator_out = activator;
	return 0;

exit_activator:
	free(activator);
	return r;
}

int engine_activator_replace(struct engine_activator *activator,
			     const struct kdbus_policy_access *grants, size_t n_grants)
{
	struct kdbus_cmd *cmd;
	int r;

	cmd = engine_policy_command(sizeof(*cmd), activator->name, grants, n_grants);
	if (!cmd)
		return -ENOMEM;
	r = activator->engine->carrier->activator_update(activator, cmd);
	free(cmd);
	return r;
}

struct engine_activator *engine_activator_remove(struct engine_activator *activator)
{
	if (!activator)
		return NULL;
	activator->engine->carrier->activator_close(activator);
	activator->engine->n_policies--;
	free(activator);
	return NULL;
}

const char *engine_activator_name(const struct engine_activator *activator)
{
	return activator->name;
}

bool engine_activator_is_holder(const struct engine_activator *activator)
{
	return activator->engine->carrier->activator_is_holder(activator);
}

uint32_t engine_activator_n_waiting(const struct engine_activator *activator)
{
	return activator->engine->carrier->activator_n_waiting(activator);
}

int engine_activator_drop(struct engine_activator *activator, struct engine_received *received_out)
{
	int r;

	r = activator->engine->carrier->activator_drop(activator, received_out);
	if (r < 0)
		return r;
	received_out->ops = activator->engine->carrier;
	return 0;
}
