/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hash table: see htable.h
 *
 * More than one entry per bucket makes the table double, less than one in eight
 * makes it half: far enough apart that a table at the border does not flutter.
 */
#include "proxy/base/htable.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>

#include "proxy/base/siphash.h"

enum { FEWEST_BUCKETS = 8 };

static struct siphash_key the_key;

/* Before main(), so that no look-up has to ask.  Early at boot the kernel may have no random
 * numbers to give yet; what it gave this process at exec is there in any case. */
__attribute__((constructor)) static void choose_key(void)
{
	const void *given = (const void *)getauxval(AT_RANDOM);

	if (getrandom(&the_key, sizeof(the_key), GRND_NONBLOCK) != sizeof(the_key) && given)
		memcpy(&the_key, given, sizeof(the_key));
}

uint64_t htable_hash(const void *key, size_t size)
{
	return siphash(key, size, &the_key);
}

void htable_init(struct htable *table)
{
	*table = (struct htable){.n_buckets = 1};
	table->buckets = &table->first;
}

void htable_deinit(struct htable *table)
{
	assert(!table->n_entries);
	if (table->buckets != &table->first)
		free(table->buckets);
	htable_init(table);
}

static void resize(struct htable *table, size_t n_buckets)
{
	struct hlist_head *buckets = calloc(n_buckets, sizeof(*buckets)), *old = table->buckets;
	size_t n_old = table->n_buckets;
	struct htable_node *node;
	struct hlist_node *tmp;

	if (!buckets)
		return;
	table->buckets = buckets;
	table->n_buckets = n_buckets;
	for (size_t i = 0; i < n_old; i++) {
		hlist_for_each_entry_safe(node, tmp, &old[i], link) {
			hlist_del(&node->link);
			hlist_add_head(&node->link, htable_bucket(table, node->hash));
		}
	}
	if (old != &table->first)
		free(old);
}

void htable_add(struct htable *table, struct htable_node *node, uint64_t hash)
{
	if (table->n_entries >= table->n_buckets)
		resize(table, table->n_buckets == 1 ? FEWEST_BUCKETS : 2 * table->n_buckets);
	node->hash = hash;
	hlist_add_head(&node->link, htable_bucket(table, hash));
	table->n_entries++;
}

void htable_unlink(struct htable *table, struct htable_node *node)
{
	assert(table->n_entries);
	hlist_del(&node->link);
	table->n_entries--;
}

void htable_remove(struct htable *table, struct htable_node *node)
{
	htable_unlink(table, node);
	if (table->n_buckets > FEWEST_BUCKETS && table->n_entries < table->n_buckets / 8)
		resize(table, table->n_buckets / 2);
}
