// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Growing hash table
 *
 * Growing moves all entries at once.  That happens at powers of two only, so the
 * cost per entry is constant over time; a failed growth is retried at the next
 * addition.  It never shrinks.
 */
#include "kernel/core/table.h"

#define KDBUS_TABLE_MIN_SIZE 8

int kdbus_table_init(struct kdbus_table *table)
{
	struct hlist_head *buckets;

	buckets = kcalloc(KDBUS_TABLE_MIN_SIZE, sizeof(*buckets), GFP_KERNEL_ACCOUNT);
	if (!buckets)
		return -ENOMEM;

	table->buckets = buckets;
	table->mask = KDBUS_TABLE_MIN_SIZE - 1;
	table->n_entries = 0;
	return 0;
}

void kdbus_table_deinit(struct kdbus_table *table)
{
	WARN_ON(table->n_entries > 0);
	kvfree(table->buckets);
	table->buckets = NULL;
}

static void kdbus_table_grow(struct kdbus_table *table)
{
	u32 i, n = table->mask + 1, mask = 2 * n - 1;
	struct kdbus_table_node *node;
	struct hlist_head *buckets;
	struct hlist_node *tmp;

	buckets = kvcalloc(2 * (size_t)n, sizeof(*buckets), GFP_KERNEL_ACCOUNT);
	if (!buckets)
		return;

	for (i = 0; i < n; i++) {
		hlist_for_each_entry_safe(node, tmp, &table->buckets[i], link) {
			hlist_del_init(&node->link);
			hlist_add_head(&node->link, &buckets[node->hash & mask]);
		}
	}
	kvfree(table->buckets);
	table->buckets = buckets;
	table->mask = mask;
}

void kdbus_table_add(struct kdbus_table *table, struct kdbus_table_node *node, u32 hash)
{
	if (table->n_entries > table->mask && table->mask < U32_MAX / 2)
		kdbus_table_grow(table);

	node->hash = hash;
	hlist_add_head(&node->link, &table->buckets[hash & table->mask]);
	table->n_entries++;
}

void kdbus_table_remove(struct kdbus_table *table, struct kdbus_table_node *node)
{
	if (!kdbus_table_node_is_linked(node))
		return;
	hlist_del_init(&node->link);
	table->n_entries--;
}
