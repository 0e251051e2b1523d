/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Policy for the engine
 *
 * The part of a policy that a kdbus policy database can hold, for peers that talk
 * to the engine without a proxy: per name, who may talk to its owner and who may own
 * it.  The database knows grants alone, and nothing of what is in a message; so a
 * grant is given only where the rules allow every message that it enables, and for each
 * grant withheld the rule that stood in its way can be named.
 *
 * What a grant enables: calls to the owner and signals from it (TALK), owning the
 * name and talking to who owns it otherwise (OWN).  The bus owner and peers of one
 * user need no grant, and nobody can take away from them what they may do.
 *
 * A database asks for the names that a peer has, one by one; a policy looks at all of
 * them.  Plainly compiled, a rule about one name says nothing about another that the
 * same peer may have; with POLICY_COMPILE_STRICT it is as if every peer had all the
 * names that it may own, which is sound without exception and leaves little over.
 */
#pragma once

#include "policy-parser/policy.h"

/* rules about other names of the same peers count */
#define POLICY_COMPILE_STRICT (1u << 0)
/* say what is missing, and why: for people */
#define POLICY_COMPILE_EXPLAIN (1u << 1)

/* the numbers are those of the kdbus interface */
enum policy_principal_kind {
	POLICY_USER = 1,
	POLICY_GROUP = 2,
	POLICY_WORLD = 3,
};

enum policy_access {
	POLICY_SEE,
	POLICY_TALK,
	POLICY_OWN,
};

/* who is given something; @id is a uid, a gid, or 0 */
struct policy_principal {
	enum policy_principal_kind kind;
	uint32_t id;
};

struct policy_grant {
	struct policy_principal principal;
	enum policy_access access;
};

enum policy_obstacle_kind {
	POLICY_OBSTACLE_CALL,	      /* may not send it every call */
	POLICY_OBSTACLE_RECEIVE_CALL, /* an owner does not receive every call from there */
	POLICY_OBSTACLE_SIGNAL,	      /* does not receive every signal from it */
	POLICY_OBSTACLE_SEND_SIGNAL,  /* an owner may not send every signal there */
	POLICY_OBSTACLE_OWN,	      /* may own it, but not with any set of groups */
	POLICY_OBSTACLE_SHARED,	      /* may own it, but not talk to others that own it */
};

/* the uid in an obstacle: anybody whom no section is for; somebody with a name nobody has */
#define POLICY_UID_OTHER      UINT32_MAX
#define POLICY_UID_UNRESOLVED (UINT32_MAX - 1)

/**
 * struct policy_obstacle - why a grant was withheld; one reason of perhaps several
 * @principal, @access: the grant
 * @kind: what is in the way
 * @uid: of whose rules this is: the principal's own uid, one of those that a group or
 *	WORLD consists of, or an owner's; or POLICY_UID_*
 * @rule: index of the rule, or POLICY_RULE_NONE: no rule allows it in the first place
 */
struct policy_obstacle {
	struct policy_principal principal;
	enum policy_access access;
	enum policy_obstacle_kind kind;
	uint32_t uid;
	uint32_t rule;
};

/**
 * struct policy_holder - an entry of the database
 * @name: a name; of a wildcard what it begins with, without ".*": it covers one more
 *	element, and not the names that have an entry of their own
 * @is_wildcard: it is one
 * @is_denied: some rule denies something about this very name: who has it and another
 *	that others are granted TALK on may be open to more than the rules allow
 * @grants: users, then groups, then WORLD; none: the database needs no such entry
 * @obstacles: with POLICY_COMPILE_EXPLAIN: what is missing, and why
 */
struct policy_holder {
	char *name;
	bool is_wildcard;
	bool is_denied;
	struct policy_grant *grants;
	size_t n_grants;
	struct policy_obstacle *obstacles;
	size_t n_obstacles;
};

/**
 * struct policy_grants - a database
 * @holders: by name, a wildcard behind the name it begins with
 */
struct policy_grants {
	struct policy_holder *holders;
	size_t n_holders;
};

/**
 * policy_compile() - what an engine may be told of a policy
 * @owner_uid: of the bus
 * @flags: POLICY_COMPILE_*
 * @grants_out: to be released with policy_grants_free()
 *
 * Sections for names that nobody has grant nothing, but what they deny is taken
 * into account: somebody could have the name before the next compilation.
 *
 * Return: 0 or -ENOMEM.
 */
int policy_compile(struct policy *policy, uint32_t owner_uid, unsigned flags,
		   struct policy_grants **grants_out);
/* NULL is fine */
struct policy_grants *policy_grants_free(struct policy_grants *grants);
DEFINE_CLEANUP(struct policy_grants *, policy_grants_free);

/**
 * policy_grants_find() - the entry that a database would use for a name
 *
 * The name's own, or the wildcard that covers it, or NULL.  Entries without grants are
 * not in the database.
 */
const struct policy_holder *policy_grants_find(const struct policy_grants *grants,
					       const char *name);

/**
 * policy_grants_pin() - a database in which certain names have entries of their own
 * @names: well-known names; in any order, some perhaps twice
 * @grants_out: a copy of @grants, to be released with policy_grants_free()
 *
 * An entry that is added says what held before: what the wildcard above it grants, or
 * else that everybody may see it, which grants nothing.
 *
 * Return: 0 or -ENOMEM.
 */
int policy_grants_pin(const struct policy_grants *grants, const char *const *names, size_t n_names,
		      struct policy_grants **grants_out);

/* UPLOAD */

enum policy_step_kind {
	POLICY_STEP_CREATE, /* a holder with @grants */
	POLICY_STEP_UPDATE, /* a holder that is there gets @grants */
	POLICY_STEP_CLOSE,  /* a holder goes */
};

/**
 * struct policy_plan_step - one change, atomic for the engine
 * @name, @is_wildcard: the entry; @name belongs to the policy_grants it comes from
 * @grants: what it holds from then on; at least WORLD, SEE, which grants nothing but
 *	keeps a wildcard from covering the name
 */
struct policy_plan_step {
	enum policy_step_kind kind;
	const char *name;
	bool is_wildcard;
	struct policy_grant *grants;
	size_t n_grants;
};

/* steps in the order in which to take them */
struct policy_plan {
	struct policy_plan_step *steps;
	size_t n_steps;
};

/**
 * policy_plan_new() - the order in which to replace one database by another
 * @from: in the engine; NULL: nothing is
 * @to: wanted; NULL: nothing
 * @plan_out: to be released with policy_plan_free(), before @from and @to
 *
 * First everything is taken away that @to does not have, then everything given that
 * @from did not have: at no point in between is more open than in @from, and later
 * than in @to; and what both give to one principal is not interrupted.
 *
 * Return: 0 or -ENOMEM.
 */
int policy_plan_new(const struct policy_grants *from, const struct policy_grants *to,
		    struct policy_plan **plan_out);
/* NULL is fine */
struct policy_plan *policy_plan_free(struct policy_plan *plan);
DEFINE_CLEANUP(struct policy_plan *, policy_plan_free);
