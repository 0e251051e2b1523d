/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* proxy/unique-name.h: ":1.N" and nothing else */
#include "proxy/unique-name.h"
#include "tests/harness/tap.h"

static const struct {
	uint64_t id, offset;
	const char *name;
} pairs[] = {
	{1, 1, ":1.0"},
	{1, 0, ":1.1"},
	{42, 1, ":1.41"},
	{10, 0, ":1.10"},
	{(UINT64_C(1) << 48) - 1, 0, ":1.281474976710655"},
	{(UINT64_C(1) << 48) - 1, 1, ":1.281474976710654"},
};

TEST(names_and_ids_belong_together)
{
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char name[UNIQUE_NAME_SIZE];
		uint64_t id = 0;

		expect_eq(unique_name_format(pairs[i].id, pairs[i].offset, name),
			  __builtin_strlen(pairs[i].name));
		expect_str(name, pairs[i].name);
		expect(unique_name_parse(pairs[i].name, pairs[i].offset, &id));
		expect(id == pairs[i].id);
	}
}

TEST(other_names_are_nobodys)
{
	static const char *const names[] = {
		"",
		":",
		":1",
		":1.",
		":1.01",
		":1.00",
		":1.+1",
		":1.-1",
		":1. 1",
		":1.1 ",
		":1.1.1",
		":1.1a",
		":1.a",
		":2.1",
		"1.1",
		"a.b",
		":1.0x1",
		":1..1",
		":.1",
		":11",
		/* what is part of the bus */
		":1.281474976710656",
		":1.18446744073709551614",
		":1.18446744073709551615",
		":1.18446744073709551616",
		":1.99999999999999999999",
		":not.active.yet",
	};
	uint64_t id = 7;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (unique_name_parse(names[i], 0, &id))
			fail("\"%s\" was taken for %llu", names[i], (unsigned long long)id);
	expect_eq(id, 7);
	/* with an offset the greatest numbers overflow, and without one 0 is nobody */
	expect(!unique_name_parse(":1.18446744073709551614", 1, &id));
	expect(!unique_name_parse(":1.18446744073709551614", 2, &id));
	expect(!unique_name_parse(":1.0", 0, &id));
	expect(unique_name_parse(":1.0", 1, &id));
}
