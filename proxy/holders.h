/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Holders: the policy, in the engine
 *
 * What can be said of the rules in the terms of the bus' own policy is said there, for
 * peers that talk to it without a proxy: one entry per name.  Clients of ours have no
 * part in it.
 */
#pragma once

#include "kernel/engine/engine.h"
#include "policy-parser/policy-compile.h"

struct holders;

/* none, yet; @engine must outlive them.  0 or -ENOMEM */
int holders_new(struct engine *engine, struct holders **holders_out);
/* the engine has no policy any more; NULL is fine */
struct holders *holders_free(struct holders *holders);

/**
 * holders_load() - the engine gets the policy
 * @owner_uid: of the bus
 *
 * At no point in between is anything granted that neither the old policy nor the new
 * one grants.  A policy of very many rules grants nothing, see MAX_RULES.
 *
 * Return: 0, -ENOMEM or an errno of engine_policy_add(), which is logged.  Then the old
 * policy is in the engine; or none, if not even that could be brought back.
 */
int holders_load(struct holders *holders, struct policy *policy, uint32_t owner_uid);

/* same with what was compiled already; @grants is taken on success */
int holders_replace(struct holders *holders, struct policy_grants *grants);

/* the parts of holders_replace() */

/**
 * holders_take() - one step of a plan
 * @step: its grants are exchanged for those that the entry had
 *
 * Return: 0, or an errno of engine_policy_add(); then nothing has changed.
 */
int holders_take(struct holders *holders, struct policy_plan_step *step);
/* takes back the @step that was taken last; as holders_take() */
int holders_take_back(struct holders *holders, struct policy_plan_step *step);
