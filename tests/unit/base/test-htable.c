/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hash table: against an array, while it grows and shrinks, and without memory to do so */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proxy/base/htable.h"
#include "tests/harness/fault.h"
#include "tests/harness/tap.h"

enum { N_ENTRIES = 5000 };

struct entry {
	struct htable_node node;
	int key;
	bool is_there;
};

static struct entry entries[N_ENTRIES];

static uint64_t hash_of(int key)
{
	return htable_hash(&key, sizeof(key));
}

static struct entry *find(const struct htable *table, int key)
{
	struct entry *entry;

	htable_for_each_match(entry, table, node, hash_of(key))
		if (entry->key == key)
			return entry;
	return NULL;
}

static void add(struct htable *table, int key)
{
	entries[key].key = key;
	entries[key].is_there = true;
	htable_add(table, &entries[key].node, hash_of(key));
}

static void expect_entries(struct htable *table)
{
	size_t n = 0;

	for (int key = 0; key < N_ENTRIES; key++) {
		expect_eq(find(table, key), entries[key].is_there ? &entries[key] : NULL);
		n += entries[key].is_there;
	}
	expect_eq(table->n_entries, n);
}

static void empty(struct htable *table)
{
	struct entry *entry;
	struct hlist_node *tmp;
	size_t i, n = 0, n_before = table->n_entries;

	htable_for_each_safe(entry, tmp, i, table, node) {
		htable_unlink(table, &entry->node);
		entry->is_there = false;
		n++;
	}
	expect_eq(n, n_before);
	htable_deinit(table);
}

TEST(grows_and_shrinks)
{
	struct htable table;

	htable_init(&table);
	expect_eq(find(&table, 1), NULL);
	for (int key = 0; key < N_ENTRIES; key++)
		add(&table, key);
	expect_entries(&table);
	expect_ge(table.n_buckets, N_ENTRIES);
	expect_lt(table.n_buckets, 4 * N_ENTRIES);
	for (int key = 0; key < N_ENTRIES - 10; key++) {
		htable_remove(&table, &entries[key].node);
		entries[key].is_there = false;
	}
	expect_entries(&table);
	expect_le(table.n_buckets, 128);
	empty(&table);
}

TEST(random_against_an_array)
{
	struct htable table;
	uint32_t random = 1;

	htable_init(&table);
	for (int i = 0; i < 200000; i++) {
		int key = (random = random * 1664525 + 1013904223) >> 8;

		/* the number of entries goes up and down */
		key %= i / 20000 % 2 ? 50 : N_ENTRIES;
		expect_eq(find(&table, key), entries[key].is_there ? &entries[key] : NULL);
		if (entries[key].is_there) {
			htable_remove(&table, &entries[key].node);
			entries[key].is_there = false;
		} else {
			add(&table, key);
		}
	}
	expect_entries(&table);
	empty(&table);
}

TEST(equal_hashes)
{
	struct entry a = {.key = 1}, b = {.key = 2}, *entry;
	struct htable table;
	int sum = 0;

	htable_init(&table);
	htable_add(&table, &a.node, 7);
	htable_add(&table, &b.node, 7);
	htable_for_each_match(entry, &table, node, 7)
		sum += entry->key;
	expect_eq(sum, 3);
	htable_remove(&table, &a.node);
	htable_for_each_match(entry, &table, node, 7)
		expect_eq(entry->key, 2);
	htable_remove(&table, &b.node);
	htable_deinit(&table);
}

TEST(without_memory_it_is_slow_and_right)
{
	struct htable table;

	htable_init(&table);
	for (int key = 0; key < 200; key++) {
		fault_at(1);
		add(&table, key);
		fault_disarm();
	}
	expect_eq(table.n_buckets, 1);
	expect_entries(&table);
	/* and catches up once there is some */
	add(&table, 200);
	expect_gt(table.n_buckets, 1);
	for (int key = 201; key < 1000; key++)
		add(&table, key);
	for (int key = 0; key < 1000; key++) {
		fault_at(1);
		htable_remove(&table, &entries[key].node);
		entries[key].is_there = false;
		fault_disarm();
	}
	expect_entries(&table);
	htable_deinit(&table);
}

TEST(hash_is_of_all_bytes)
{
	expect(htable_hash("name", 4) == htable_hash("name", 4));
	expect(htable_hash("name", 4) != htable_hash("nam", 3));
	expect(htable_hash("name", 4) != htable_hash("namf", 4));
	expect(htable_hash(NULL, 0) == htable_hash("", 0));
}

/* names that collide here collide nowhere else: the same program, started again */
TEST(hash_is_of_this_process)
{
	static const char variable[] = "TEST_HTABLE_HASH";
	const char *other = getenv(variable);
	char self[256] = "", ours[32];

	snprintf(ours, sizeof(ours), "%llx", (unsigned long long)htable_hash("name", 4));
	if (other) {
		expect(strcmp(ours, other));
		return;
	}
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		skip("needs /proc");
	setenv(variable, ours, 1);
	/* its output is not ours; its exit status is */
	if (!freopen("/dev/null", "we", stdout))
		fail("no /dev/null");
	execl(self, self, "hash_is_of_this_process", NULL);
	fail("%s cannot be started", self);
}
