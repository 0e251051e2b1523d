/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Growing hash table
 *
 * Chained; the number of buckets doubles when there are more entries than
 * buckets.  The caller brings the hash and compares keys itself; keys that a
 * peer can choose must be hashed with a secret (siphash).  Entries are embedded
 * and not owned.
 */
#ifndef KDBUS_TABLE_H
#define KDBUS_TABLE_H

#include "kernel/core/os.h"

/**
 * struct kdbus_table_node - embedded in an entry
 * @link: chain of the bucket
 * @hash: kept, so that growing needs no key
 */
struct kdbus_table_node {
	struct hlist_node link;
	u32 hash;
};

/**
 * struct kdbus_table - the table
 * @buckets: array of @mask + 1 chains
 * @mask: number of buckets, a power of two, minus one
 * @n_entries: entries in all chains
 */
struct kdbus_table {
	struct hlist_head *buckets;
	u32 mask;
	u32 n_entries;
};

/* Return: 0 or -ENOMEM */
int kdbus_table_init(struct kdbus_table *table);
/* the table must be empty; fine on a zeroed one */
void kdbus_table_deinit(struct kdbus_table *table);
/* never fails: a table that cannot grow gets longer chains */
void kdbus_table_add(struct kdbus_table *table, struct kdbus_table_node *node, u32 hash);
/* no-op for a node that is in no table */
void kdbus_table_remove(struct kdbus_table *table, struct kdbus_table_node *node);

static inline void kdbus_table_node_init(struct kdbus_table_node *node)
{
	INIT_HLIST_NODE(&node->link);
}

static inline bool kdbus_table_node_is_linked(const struct kdbus_table_node *node)
{
	return !hlist_unhashed(&node->link);
}

/* all entries of the chain in which one with this @hash_ would be */
#define kdbus_table_for_each_possible(pos, table, member, hash_)                                   \
	hlist_for_each_entry(pos, &(table)->buckets[(hash_) & (table)->mask], member.link)

#endif
