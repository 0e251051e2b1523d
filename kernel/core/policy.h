/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Policy database
 *
 * Who may own, talk to and see which name.  A bus has one that holders and
 * activators fill, each custom endpoint has one of its own.  A database is
 * guarded by the registry of its bus.
 */
#ifndef KDBUS_POLICY_H
#define KDBUS_POLICY_H

#include "kernel/core/host.h"
#include "kernel/core/item.h"
#include "kernel/core/table.h"

/* what a query answers for a name that nobody wrote a rule for */
#define KDBUS_POLICY_NONE (-1)

/**
 * struct kdbus_policy_db - a set of entries, unique by name and wildcard
 * @entries: struct kdbus_policy_entry by name
 * @key: for hashing
 */
struct kdbus_policy_db {
	struct kdbus_table entries;
	siphash_key_t key;
};

/* Return: 0 or -ENOMEM */
int kdbus_policy_db_init(struct kdbus_policy_db *db, const siphash_key_t *key);
void kdbus_policy_db_deinit(struct kdbus_policy_db *db);

/**
 * kdbus_policy_parse() - read an upload (7.3)
 * @host: for ids
 * @caller: who uploads
 * @items: the items, others are skipped
 * @items_end: behind the last
 * @max_names: -E2BIG above that
 * @wildcards: names may end in ".*"
 * @list: the entries are appended; to be freed by kdbus_policy_list_free()
 *
 * Return: 0, -EINVAL, -E2BIG, -EEXIST (a name twice) or -ENOMEM.
 */
int kdbus_policy_parse(const struct kdbus_host_ops *host, void *caller,
		       const struct kdbus_item *items, const void *items_end, size_t max_names,
		       bool wildcards, struct list_head *list);
void kdbus_policy_list_free(struct list_head *list);

/**
 * kdbus_policy_replace() - make @list all that @owner has in @db
 * @owner: the connection or endpoint, just an address
 * @list: from kdbus_policy_parse(); taken over on success
 *
 * Return: 0, or -EEXIST when somebody else has one of the names; then nothing
 * has changed.
 */
int kdbus_policy_replace(struct kdbus_policy_db *db, const void *owner, struct list_head *list);
/**
 * kdbus_policy_take_over() - the same, but entries may pass from others
 * @may_take: may @owner have what @from has now
 *
 * Return: as kdbus_policy_replace()
 */
int kdbus_policy_take_over(struct kdbus_policy_db *db, const void *owner, struct list_head *list,
			   bool (*may_take)(const void *owner, const void *from));
/* entries of @owner go away */
void kdbus_policy_remove(struct kdbus_policy_db *db, const void *owner);

/**
 * kdbus_policy_query() - the highest access that @cred has to @name
 *
 * Return: KDBUS_POLICY_{SEE,TALK,OWN} or KDBUS_POLICY_NONE.
 */
int kdbus_policy_query(struct kdbus_policy_db *db, const struct kdbus_host_ops *host,
		       const struct kdbus_cred *cred, const char *name);

#endif
