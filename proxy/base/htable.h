/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hash table: intrusive, growing, keyed
 *
 * Buckets are lists of nodes that lie in the entries, so adding never fails: a
 * table that gets no memory to grow becomes slower, not wrong.  The number of
 * buckets is a power of two that follows the number of entries, up and down.  The
 * hash is SipHash with a key of this process, so that clients, who choose the
 * names, cannot choose the buckets.
 *
 *	hash = htable_hash(name, len);
 *	htable_for_each_match(entry, &table, node, hash)
 *		if (!strcmp(entry->name, name))
 *			return entry;
 *
 * Adding and removing are O(1) amortised.  A table must not be moved.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "proxy/base/list.h"

struct htable_node {
	struct hlist_node link;
	uint64_t hash;
};

struct htable {
	struct hlist_head *buckets; /* owned, or &first */
	size_t n_buckets;
	size_t n_entries;
	struct hlist_head first; /* the one bucket of a table that never grew */
};

void htable_init(struct htable *table);
/* the entries are the caller's: all of them are out of the table by now */
void htable_deinit(struct htable *table);

/* for this process alone: differs from one to the next */
uint64_t htable_hash(const void *key, size_t size);

/* @node belongs to the table until htable_remove(); equal hashes are fine */
void htable_add(struct htable *table, struct htable_node *node, uint64_t hash);
/* may move all other nodes between buckets, so it ends a walk */
void htable_remove(struct htable *table, struct htable_node *node);
/* removes without shrinking: the one thing that a walk may do to the node it is at */
void htable_unlink(struct htable *table, struct htable_node *node);

static inline struct hlist_head *htable_bucket(const struct htable *table, uint64_t hash)
{
	return &table->buckets[hash & (table->n_buckets - 1)];
}

static inline struct htable_node *htable_next_match_(struct hlist_node *link, uint64_t hash)
{
	for (; link; link = link->next) {
		struct htable_node *node = container_of(link, struct htable_node, link);

		if (node->hash == hash)
			return node;
	}
	return NULL;
}

#define htable_entry_(ptr, type, member)                                                           \
	({                                                                                         \
		struct htable_node *htable_ptr_ = (ptr);                                           \
		htable_ptr_ ? container_of(htable_ptr_, type, member) : NULL;                      \
	})

/* the entries that were added with @hash; the caller compares keys */
#define htable_for_each_match(pos, table, member, hash)                                            \
	for ((pos) = htable_entry_(htable_next_match_(htable_bucket(table, hash)->first, hash),    \
				   __typeof__(*(pos)), member);                                    \
	     (pos); (pos) = htable_entry_(htable_next_match_((pos)->member.link.next, hash),       \
					  __typeof__(*(pos)), member))

/* all entries, in no order; htable_unlink() of @pos is fine */
#define htable_for_each_safe(pos, tmp, i, table, member)                                           \
	for ((i) = 0; (i) < (table)->n_buckets; (i)++)                                             \
		hlist_for_each_entry_safe (pos, tmp, &(table)->buckets[i], member.link)
