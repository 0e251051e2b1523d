/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Items, names, buffers and tables: reference sections 1.4 and 2.7 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/core/item.h"
#include "kernel/core/table.h"
#include "kernel/embedded/shim/shim-alloc.h"
#include "tests/harness/tap.h"

/* an item of @type with a payload of @size bytes */
static struct kdbus_item *item_make(uint64_t type, const void *data, size_t size)
{
	static uint64_t space[1024];
	struct kdbus_item *item = (void *)space;

	memset(space, 0, sizeof(space));
	item->size = KDBUS_ITEM_HEADER_SIZE + size;
	item->type = type;
	if (data)
		memcpy(item->data, data, size);
	return item;
}

TEST(fixed_sizes)
{
	static const struct {
		uint64_t type;
		size_t size;
	} cases[] = {
		{KDBUS_ITEM_CANCEL_FD, 4},
		{KDBUS_ITEM_BLOOM_PARAMETER, 16},
		{KDBUS_ITEM_ATTACH_FLAGS_SEND, 8},
		{KDBUS_ITEM_ATTACH_FLAGS_RECV, 8},
		{KDBUS_ITEM_ID, 8},
		{KDBUS_ITEM_DST_ID, 8},
		{KDBUS_ITEM_TIMESTAMP, 24},
		{KDBUS_ITEM_CREDS, 64},
		{KDBUS_ITEM_PIDS, 24},
		{KDBUS_ITEM_AUDIT, 8},
		{KDBUS_ITEM_POLICY_ACCESS, 24},
		{KDBUS_ITEM_ID_ADD, 16},
		{KDBUS_ITEM_ID_REMOVE, 16},
		{KDBUS_ITEM_REPLY_TIMEOUT, 0},
		{KDBUS_ITEM_REPLY_DEAD, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (size_t size = 0; size <= 72; size++)
			expect_eq(kdbus_item_validate(item_make(cases[i].type, NULL, size)),
				  size == cases[i].size ? 0 : -EINVAL);
}

TEST(multiples)
{
	for (size_t size = 0; size <= 40; size++) {
		expect_eq(kdbus_item_validate(item_make(KDBUS_ITEM_NEGOTIATE, NULL, size)),
			  size % 8 == 0 ? 0 : -EINVAL);
		expect_eq(kdbus_item_validate(item_make(KDBUS_ITEM_FDS, NULL, size)),
			  size % 4 == 0 ? 0 : -EINVAL);
		expect_eq(kdbus_item_validate(item_make(KDBUS_ITEM_AUXGROUPS, NULL, size)),
			  size % 4 == 0 ? 0 : -EINVAL);
		expect_eq(kdbus_item_validate(item_make(KDBUS_ITEM_BLOOM_FILTER, NULL, size)),
			  size >= 8 ? 0 : -EINVAL);
		expect_eq(kdbus_item_validate(item_make(KDBUS_ITEM_BLOOM_MASK, NULL, size)), 0);
	}
}

TEST(strings)
{
	static const uint64_t types[] = {
		KDBUS_ITEM_NAME, KDBUS_ITEM_DST_NAME, KDBUS_ITEM_PID_COMM, KDBUS_ITEM_TID_COMM,
		KDBUS_ITEM_EXE,	 KDBUS_ITEM_CMDLINE,  KDBUS_ITEM_CGROUP,   KDBUS_ITEM_SECLABEL,
	};
	static const struct {
		const char *data;
		size_t size;
		int result;
	} cases[] = {
		{"", 0, -EINVAL},   {"\0", 1, 0},	   {"a\0", 2, 0},
		{"ab", 2, -EINVAL}, {"a\0\0", 3, -EINVAL}, {"\0a\0", 3, -EINVAL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		for (size_t j = 0; j < ARRAY_SIZE(cases); j++)
			expect_eq(kdbus_item_validate(
					  item_make(types[i], cases[j].data, cases[j].size)),
				  cases[j].result);
}

TEST(vectors_and_memory_files)
{
	struct kdbus_memfd memfd = {.size = 1, .fd = 3};
	struct kdbus_vec vec = {.size = 1};

	expect_eq(kdbus_item_validate(item_make(KDBUS_ITEM_PAYLOAD_VEC, &vec, 16)), 0);
	expect_eq(kdbus_item_validate(item_make(KDBUS_ITEM_PAYLOAD_OFF, &vec, 16)), 0);
	expect_eq(kdbus_item_validate(item_make(KDBUS_ITEM_PAYLOAD_VEC, &vec, 15)), -EINVAL);
	vec.size = 0;
	expect_eq(kdbus_item_validate(item_make(KDBUS_ITEM_PAYLOAD_VEC, &vec, 16)), -EINVAL);
	expect_eq(kdbus_item_validate(item_make(KDBUS_ITEM_PAYLOAD_MEMFD, &memfd, 24)), 0);
	expect_eq(kdbus_item_validate(item_make(KDBUS_ITEM_PAYLOAD_MEMFD, &memfd, 23)), -EINVAL);
	memfd.fd = -1;
	expect_eq(kdbus_item_validate(item_make(KDBUS_ITEM_PAYLOAD_MEMFD, &memfd, 24)), -EBADF);
	memfd.size = 0;
	expect_eq(kdbus_item_validate(item_make(KDBUS_ITEM_PAYLOAD_MEMFD, &memfd, 24)), -EINVAL);
}

TEST(capabilities)
{
	uint32_t caps[16] = {40};

	expect_eq(kdbus_item_validate(item_make(KDBUS_ITEM_CAPS, caps, 36)), 0);
	expect_eq(kdbus_item_validate(item_make(KDBUS_ITEM_CAPS, caps, 35)), -EINVAL);
	expect_eq(kdbus_item_validate(item_make(KDBUS_ITEM_CAPS, caps, 3)), -EINVAL);
	caps[0] = UINT32_MAX;
	expect_eq(kdbus_item_validate(item_make(KDBUS_ITEM_CAPS, caps, 64)), -EINVAL);
}

TEST(name_changes)
{
	uint8_t data[40] = {};

	expect_eq(kdbus_item_validate(item_make(KDBUS_ITEM_NAME_ADD, data, 31)), -EINVAL);
	expect_eq(kdbus_item_validate(item_make(KDBUS_ITEM_NAME_ADD, data, 32)), 0);
	expect_eq(kdbus_item_validate(item_make(KDBUS_ITEM_NAME_CHANGE, data, 33)), 0);
	expect_eq(kdbus_item_validate(item_make(KDBUS_ITEM_NAME_REMOVE, data, 34)), -EINVAL);
	data[32] = 'a';
	expect_eq(kdbus_item_validate(item_make(KDBUS_ITEM_NAME_REMOVE, data, 34)), 0);
	expect_eq(kdbus_item_validate(item_make(KDBUS_ITEM_NAME_REMOVE, data, 33)), -EINVAL);
}

TEST(system_names)
{
	static const struct {
		const char *name;
		int result;
	} cases[] = {
		{"a", 0},	  {"0", 0},	   {"_", 0},	     {"0-a.b_c", 0},
		{"-", -EINVAL},	  {".", -EINVAL},  {"a-", -EINVAL},  {"a.", -EINVAL},
		{"-a", -EINVAL},  {".a", -EINVAL}, {"a b", -EINVAL}, {"a@b", -EINVAL},
		{"a/b", -EINVAL}, {"", -EINVAL},
	};
	char name[80];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_eq(kdbus_sysname_check(cases[i].name, strlen(cases[i].name) + 1),
			  cases[i].result);
	expect_eq(kdbus_sysname_check("a\0b", 4), -EINVAL);
	expect_eq(kdbus_sysname_check("ab", 2), -EINVAL);
	memset(name, 'a', sizeof(name));
	name[63] = '\0';
	expect_eq(kdbus_sysname_check(name, 64), 0);
	name[63] = 'a';
	name[64] = '\0';
	expect_eq(kdbus_sysname_check(name, 65), -ENAMETOOLONG);
	/* whatever is in it */
	expect_eq(kdbus_sysname_check("", 65), -ENAMETOOLONG);
}

TEST(uid_prefix)
{
	expect(kdbus_sysname_has_uid("0-a", 0));
	expect(kdbus_sysname_has_uid("4294967295-a", 4294967295));
	expect(!kdbus_sysname_has_uid("00-a", 0));
	expect(!kdbus_sysname_has_uid("10-a", 1));
	expect(!kdbus_sysname_has_uid("1-a", 10));
	expect(!kdbus_sysname_has_uid("1", 1));
}

TEST(well_known_names)
{
	static const struct {
		const char *name;
		bool is_valid, is_wildcard;
	} cases[] = {
		{"a.b", true},		{"org.freedesktop.DBus", true},
		{"_a.-b", true},	{"a.b1", true},
		{"a", false},		{"", false},
		{".", false},		{"a.", false},
		{".a", false},		{"a..b", false},
		{"a.1b", false},	{"1a.b", false},
		{":1.2", false},	{"a b.c", false},
		{"a.b*", false},	{"a*.b", false},
		{"a.*.b", false},	{"*", false},
		{"a.b.*", false, true}, {"a.*", false, true},
		{"a.b.**", false},	{"*.a", false},
		{"\xc3\xa4.b", false},
	};
	char name[300];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		expect_eq(kdbus_name_is_valid(cases[i].name, false), cases[i].is_valid);
		expect_eq(kdbus_name_is_valid(cases[i].name, true),
			  cases[i].is_valid || cases[i].is_wildcard);
	}
	memset(name, 'a', sizeof(name));
	name[1] = '.';
	name[255] = '\0';
	expect(kdbus_name_is_valid(name, false));
	name[255] = 'a';
	name[256] = '\0';
	expect(!kdbus_name_is_valid(name, false));
}

/* items of all sizes; every byte of padding is zero */
TEST(buffers)
{
	struct kdbus_buffer buffer = KDBUS_BUFFER_INIT;
	const struct kdbus_item *item;
	struct kdbus_result *result;
	uint8_t data[64];
	size_t n = 0;

	memset(data, 0xee, sizeof(data));
	for (size_t size = 0; size < sizeof(data); size++) {
		expect(kdbus_buffer_add_item(&buffer, size + 100, data, size));
		expect_eq(buffer.padding, (8 - size % 8) % 8);
		expect_eq(buffer.size % 8, 0);
	}
	result = kdbus_buffer_steal(&buffer);
	expect_eq(buffer.size, 0);
	expect_eq(kdbus_items_check(result->data, result->size), 0);
	kdbus_items_for_each(item, (void *)result->data, result->data + result->size) {
		expect_eq(item->type, n + 100);
		expect_eq(kdbus_item_payload_size(item), n);
		expect_mem(item->data, n, data, n);
		for (size_t i = n; i % 8; i++)
			expect_eq(item->data[i], 0);
		n++;
	}
	expect_eq(n, sizeof(data));
	kvfree(result);
	expect(!kdbus_buffer_steal(&buffer));
}

/* one failure is remembered; what was there can still be freed */
TEST(buffer_without_memory)
{
	struct kdbus_buffer buffer = KDBUS_BUFFER_INIT;
	uint8_t data[4096] = {};

	expect(kdbus_buffer_extend(&buffer, 8));
	shim_alloc_fail_at(1);
	expect(!kdbus_buffer_add_item(&buffer, 1, data, sizeof(data)));
	expect_eq(buffer.error, -ENOMEM);
	expect(!kdbus_buffer_extend(&buffer, 8));
	expect_eq(buffer.size, 8);
	kdbus_buffer_deinit(&buffer);
	expect(!kdbus_buffer_extend(&buffer, SIZE_MAX));
	kdbus_buffer_deinit(&buffer);
	expect_eq(shim_alloc_count(), 0);
}

TEST(lists_of_items)
{
	uint64_t space[8] = {17, 1, 0, 24, 2, 0};

	expect_eq(kdbus_items_check(space, 0), 0);
	expect_eq(kdbus_items_check(space, 17), 0);
	expect_eq(kdbus_items_check(space, 24), 0);
	expect_eq(kdbus_items_check(space, 16), -EINVAL);
	expect_eq(kdbus_items_check(space, 25), -EINVAL);
	expect_eq(kdbus_items_check(space, 48), 0);
	expect_eq(kdbus_items_check(space, 47), -EINVAL);
	space[3] = 15;
	expect_eq(kdbus_items_check(space, 48), -EINVAL);
	space[3] = ~0ULL;
	expect_eq(kdbus_items_check(space, 48), -EINVAL);
	space[3] = ~0ULL - 6;
	expect_eq(kdbus_items_check(space, 48), -EINVAL);
}

struct number {
	struct kdbus_table_node node;
	uint32_t value;
};

static struct number *number_find(struct kdbus_table *table, uint32_t hash, uint32_t value)
{
	struct number *number;

	kdbus_table_for_each_possible(number, table, node, hash)
		if (number->value == value)
			return number;
	return NULL;
}

/* 3000 entries, some of which share a hash, through several growths, one of which fails */
TEST(tables)
{
	struct number *numbers = calloc(3000, sizeof(*numbers));
	struct kdbus_table table;

	expect_eq(kdbus_table_init(&table), 0);
	for (uint32_t i = 0; i < 3000; i++) {
		if (i == 9)
			shim_alloc_fail_at(1);
		numbers[i].value = i;
		kdbus_table_node_init(&numbers[i].node);
		kdbus_table_add(&table, &numbers[i].node, i / 3 * 64);
	}
	expect_eq(table.n_entries, 3000);
	expect_ge(table.mask, 1500);
	for (uint32_t i = 0; i < 3000; i++) {
		expect(number_find(&table, i / 3 * 64, i) == &numbers[i]);
		expect(!number_find(&table, i / 3 * 64, i + 3000));
	}
	for (uint32_t i = 0; i < 3000; i += 2) {
		kdbus_table_remove(&table, &numbers[i].node);
		kdbus_table_remove(&table, &numbers[i].node);
	}
	expect_eq(table.n_entries, 1500);
	for (uint32_t i = 0; i < 3000; i++)
		expect_eq(!number_find(&table, i / 3 * 64, i), i % 2 == 0);
	for (uint32_t i = 1; i < 3000; i += 2)
		kdbus_table_remove(&table, &numbers[i].node);
	kdbus_table_deinit(&table);
	free(numbers);
	expect_eq(shim_alloc_count(), 0);
}
