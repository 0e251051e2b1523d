/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Learned users: what NSS has said of names that the files do not know
 *
 * Kept for the life of the bus, and asked for again after each reload.
 */
#pragma once

#include "proxy/user-lookup.h"

struct daemon;
struct policy_users;

struct learned_users {
	struct user_lookup lookup;
	char *passwd, *group; /* lines, NUL-terminated; NULL: none */
};

/* user_lookup_init() and empty tables */
void learned_users_init(struct daemon *daemon);
void learned_users_deinit(struct learned_users *learned); /* idempotent */

/* adds them to a table behind what the files say; 0 or -ENOMEM */
int learned_users_add(const struct learned_users *learned, struct policy_users *users);

/* asks for all names that the policy in force does not know; when there are answers, the
 * policy is compiled again and put in force */
void learned_users_ask(struct daemon *daemon);
