/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Holders: the policy, in the engine
 *
 * What can be said of the rules in the terms of the bus' own policy is said there, for
 * peers that talk to it without a proxy: one entry per name.  Clients of ours have no
 * part in it.
 *
 * The entry of a name that can be started is the name's activator: a message for the
 * name waits there until somebody owns it.
 */
#pragma once

#include "kernel/engine/engine.h"
#include "policy-parser/policy-compile.h"
#include "proxy/base/list.h"

struct holders;

/**
 * struct holders_name - a name whose entry is an activator
 * @link: in a list of them, which is the owner's
 * @name: a well-known name, borrowed
 * @userdata: what the engine's host hears of the activator by
 * @activator: written by holders; NULL: there is none
 * @is_wanted, @is_new, @before: holders' own
 *
 * It stays where it is as long as it has an activator.
 */
struct holders_name {
	struct list_head link;
	const char *name;
	void *userdata;
	struct engine_activator *activator;
	bool is_wanted, is_new;
	struct list_head before;
};

/* none, yet; @engine must outlive them.  0 or -ENOMEM */
int holders_new(struct engine *engine, struct holders **holders_out);
/* the engine has no policy any more; NULL is fine */
struct holders *holders_free(struct holders *holders);

/**
 * holders_load() - the engine gets the policy
 * @owner_uid: of the bus
 * @names: those that are to have an activator: struct holders_name; who has one and is not
 *	in the list loses it
 *
 * At no point in between is anything granted that neither the old policy nor the new
 * one grants.  A policy of very many rules grants nothing, see MAX_RULES.
 *
 * Return: 0, -ENOMEM or an errno of engine_policy_add(), which is logged.  Then the old
 * policy is in the engine, and the same names have activators as before; or fewer or none
 * of all this, if not even that could be brought back.
 */
int holders_load(struct holders *holders, struct policy *policy, uint32_t owner_uid,
		 struct list_head *names);

/* other names with the same policy */
int holders_rename(struct holders *holders, struct list_head *names);

/* as holders_load() with what was compiled already; @grants is taken on success */
int holders_replace(struct holders *holders, struct policy_grants *grants, struct list_head *names);

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
