/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Users and groups
 *
 * A table made of the bytes of passwd(5) and group(5) files: names to numbers,
 * and the groups of a uid.  It asks nobody: whoever makes it reads the files, and
 * feeds it whatever another source (NSS, in a process of its own) says in the
 * same two formats.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/base/cleanup.h"

struct policy_users;

/**
 * policy_users_new() - an empty table
 * @users_out: a reference
 *
 * Return: 0 or -ENOMEM.
 */
int policy_users_new(struct policy_users **users_out);

/**
 * policy_users_new_overlay() - a table on top of another
 * @base: asked about what the new table does not have; a reference is taken
 * @users_out: a reference
 *
 * Return: 0 or -ENOMEM.
 */
int policy_users_new_overlay(struct policy_users *base, struct policy_users **users_out);
struct policy_users *policy_users_ref(struct policy_users *users);
/* NULL is fine */
struct policy_users *policy_users_unref(struct policy_users *users);
DEFINE_CLEANUP(struct policy_users *, policy_users_unref);

/**
 * policy_users_add_passwd() - what a passwd file says
 * @text, @size: its bytes; lines that are no entries are skipped
 *
 * Of two entries with one name the earlier counts, across calls, too.
 *
 * Return: 0 or -ENOMEM: some entries may have been added.
 */
int policy_users_add_passwd(struct policy_users *users, const char *text, size_t size);
/* policy_users_add_group() - the same for a group file */
int policy_users_add_group(struct policy_users *users, const char *text, size_t size);

/* policy_users_load() - read two files; one that does not exist is empty.
 * Return: 0 or a negative errno */
int policy_users_load(struct policy_users *users, const char *passwd_path, const char *group_path);

/* true, and the id, if there is an entry of this name */
bool policy_users_find_user(const struct policy_users *users, const char *name, uint32_t *uid_out);
bool policy_users_find_group(const struct policy_users *users, const char *name, uint32_t *gid_out);
/* the first name with this id, or NULL */
const char *policy_users_get_user_name(const struct policy_users *users, uint32_t uid);
const char *policy_users_get_group_name(const struct policy_users *users, uint32_t gid);

/* whether the user with this uid is in the group, as primary or other, by the table */
bool policy_users_is_member(const struct policy_users *users, uint32_t uid, uint32_t gid);

/**
 * policy_users_get_groups() - all groups of a user, by the table
 * @primary_out: of its entry
 * @groups_out: to be freed; the primary one included, sorted, each once
 *
 * Return: 0, -ENOENT (no such uid in the table), or -ENOMEM.
 */
int policy_users_get_groups(const struct policy_users *users, uint32_t uid, uint32_t *primary_out,
			    uint32_t **groups_out, uint32_t *n_groups_out);

/**
 * policy_users_parse_id() - a number in the place of a name
 *
 * Decimal digits alone, and less than UINT32_MAX (which means "no id" to the kernel).
 */
bool policy_users_parse_id(const char *text, uint32_t *id_out);
