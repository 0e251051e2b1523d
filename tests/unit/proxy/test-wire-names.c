/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names: specification, sections "Valid Object Paths" and "Valid Names" */
#include <string.h>

#include "proxy/wire.h"
#include "tests/harness/tap.h"
#include "tests/unit/proxy/naive-wire.h"

static const struct {
	const char *what;
	bool (*is_valid)(const char *name, size_t len);
	enum naive_name naive;
} kinds[] = {
	{"path", wire_path_is_valid, NAIVE_PATH},
	{"interface", wire_interface_is_valid, NAIVE_INTERFACE},
	{"error name", wire_error_name_is_valid, NAIVE_INTERFACE},
	{"member", wire_member_is_valid, NAIVE_MEMBER},
	{"bus name", wire_bus_name_is_valid, NAIVE_BUS_NAME},
	{"well-known name", wire_well_known_name_is_valid, NAIVE_WELL_KNOWN},
	{"namespace", wire_namespace_is_valid, NAIVE_NAMESPACE},
};

enum { N_KINDS = sizeof(kinds) / sizeof(kinds[0]) };

/* every text of up to five characters out of one for each class */
TEST_TIMEOUT(all_short_names_get_the_verdict_of_the_plain_checker, 60)
{
	static const char letters[] = "aZ0_-./: \0";
	unsigned n_valid[N_KINDS] = {0};

	for (unsigned len = 0; len <= 5; len++) {
		unsigned total = 1;

		for (unsigned i = 0; i < len; i++)
			total *= sizeof(letters) - 1;
		for (unsigned i = 0; i < total; i++) {
			char name[6] = "";

			for (unsigned j = 0, rest = i; j < len; j++, rest /= sizeof(letters) - 1)
				name[j] = letters[rest % (sizeof(letters) - 1)];
			for (unsigned k = 0; k < N_KINDS; k++) {
				bool is_valid = kinds[k].is_valid(name, len);

				if (is_valid != naive_name_is_valid(kinds[k].naive, name, len))
					fail("%s \"%s\": %d", kinds[k].what, name, is_valid);
				n_valid[k] += is_valid;
			}
		}
	}
	for (unsigned k = 0; k < N_KINDS; k++)
		expect_gt(n_valid[k], 10);
}

/* which bytes may stand in an element at all */
TEST(every_byte_in_every_kind)
{
	for (unsigned c = 0; c < 256; c++) {
		char path[] = {'/', c}, name[] = {'a', '.', c}, member[] = {c};

		expect_eq(wire_path_is_valid(path, 2), naive_name_is_valid(NAIVE_PATH, path, 2));
		expect_eq(wire_interface_is_valid(name, 3),
			  naive_name_is_valid(NAIVE_INTERFACE, name, 3));
		expect_eq(wire_bus_name_is_valid(name, 3),
			  naive_name_is_valid(NAIVE_BUS_NAME, name, 3));
		expect_eq(wire_member_is_valid(member, 1),
			  naive_name_is_valid(NAIVE_MEMBER, member, 1));
	}
}

TEST(names_have_255_characters_at_most_and_paths_any_number)
{
	char text[1024];

	memset(text, 'a', sizeof(text));
	expect(wire_member_is_valid(text, 255));
	expect(!wire_member_is_valid(text, 256));
	expect(wire_namespace_is_valid(text, 255));
	expect(!wire_namespace_is_valid(text, 256));
	text[1] = '.';
	expect(wire_interface_is_valid(text, 255));
	expect(!wire_interface_is_valid(text, 256));
	expect(wire_error_name_is_valid(text, 255));
	expect(!wire_error_name_is_valid(text, 256));
	expect(wire_well_known_name_is_valid(text, 255));
	expect(!wire_well_known_name_is_valid(text, 256));
	expect(wire_bus_name_is_valid(text, 255));
	expect(!wire_bus_name_is_valid(text, 256));
	text[0] = ':';
	expect(wire_bus_name_is_valid(text, 255));
	expect(!wire_bus_name_is_valid(text, 256));
	memset(text, 'a', sizeof(text));
	text[0] = '/';
	expect(wire_path_is_valid(text, sizeof(text)));
}

static const struct {
	const char *name;
	bool is_valid;
} bus_names[] = {
	{"org.freedesktop.DBus", true},
	{"org.freedesktop", true},
	{"org", false},
	{"", false},
	{"a.b-c", true},
	{"-a.-b", true},
	{"a.9b", false},
	{"a..b", false},
	{".a.b", false},
	{"a.b.", false},
	{":1.5", true},
	{":1.5.7", true},
	{":a-b._", true},
	{":not.active.yet", true},
	/* dbus-daemon is laxer than the specification */
	{":", true},
	{":1", true},
	{":.1", true},
	{":.1.2", true},
	{":.", false},
	{":1.", false},
	{":1..2", false},
	{":1:2", false},
	{"a.b:1", false},
};

TEST(table_of_bus_names)
{
	for (size_t i = 0; i < sizeof(bus_names) / sizeof(bus_names[0]); i++)
		if (wire_bus_name_is_valid(bus_names[i].name, strlen(bus_names[i].name)) !=
		    bus_names[i].is_valid)
			fail("\"%s\"", bus_names[i].name);
}
