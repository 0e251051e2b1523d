/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random policies and messages over a small universe, in which rules and messages meet
 *
 * dbus-daemon forgets rules in front of one that only looks unconditional (see
 * DIFFERENCES.md).  With GENERATE_COMPARABLE there are no such rules, but for the
 * first one of each kind, which has nothing in front of it.
 */
#pragma once

#include <stdio.h>

#include "tests/policy/random.h"

#define GENERATE_N_USERS  4
#define GENERATE_N_GROUPS 4

/* well-known names of the universe; nobody owns the last one */
#define GENERATE_N_NAMES 5
extern const char *const generate_names[GENERATE_N_NAMES];

/* no shapes that dbus-daemon takes for unconditional ones */
#define GENERATE_COMPARABLE (1u << 0)
/* rules about who may connect */
#define GENERATE_CONNECT (1u << 1)
/* few conditions per rule, so that much is allowed or denied as a whole */
#define GENERATE_BROAD (1u << 2)
/* sections for a user and a group that do not exist, "nosuch" */
#define GENERATE_UNRESOLVED (1u << 3)

/**
 * struct universe - whom rules are about
 * @uids, @gids: that exist
 * @unique_names: of connections, mentioned now and then; @n_unique of them
 */
struct universe {
	uint32_t uids[GENERATE_N_USERS];
	uint32_t gids[GENERATE_N_GROUPS];
	const char *const *unique_names;
	unsigned n_unique;
};

/* <policy> elements */
void generate_policy(struct random *random, const struct universe *universe, unsigned flags,
		     FILE *file);

/**
 * struct random_message - a message without its addressee
 * @type: of the wire
 * @path, @interface, @member, @error: NULL: absent
 * @n_fds: descriptors
 */
struct random_message {
	uint8_t type;
	const char *path;
	const char *interface;
	const char *member;
	const char *error;
	unsigned n_fds;
};

/* of the type @type, with all fields that it must have; 0: any */
struct random_message generate_message(struct random *random, uint8_t type);
