/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Signatures: specification, section "Valid Signatures" */
#include <stdio.h>
#include <string.h>

#include "proxy/wire-inner.h"
#include "tests/harness/tap.h"
#include "tests/unit/proxy/naive-wire.h"

/* every text of up to six characters: two basic types, a variant, all brackets, no type */
TEST_TIMEOUT(all_short_signatures_get_the_verdict_of_the_plain_checker, 60)
{
	static const char letters[] = "yhva(){}e";
	unsigned n_valid = 0;

	for (unsigned len = 0; len <= 6; len++) {
		unsigned total = 1;

		for (unsigned i = 0; i < len; i++)
			total *= sizeof(letters) - 1;
		for (unsigned i = 0; i < total; i++) {
			char text[7] = "";
			bool is_valid;

			for (unsigned j = 0, rest = i; j < len; j++, rest /= sizeof(letters) - 1)
				text[j] = letters[rest % (sizeof(letters) - 1)];
			is_valid = wire_signature_is_valid(text, len);
			if (is_valid != naive_signature_is_valid(text, len))
				fail("\"%s\": %d", text, is_valid);
			n_valid += is_valid;
		}
	}
	expect_gt(n_valid, 1000);
}

TEST(every_byte_as_a_type)
{
	for (unsigned c = 0; c < 256; c++) {
		char text = c;

		expect_eq(wire_signature_is_valid(&text, 1), c && strchr("ybnqiuxtdhsogv", c));
	}
}

static const struct {
	const char *signature;
	int n_types; /* -1: not valid */
} counts[] = {
	{"", 0},	  {"s", 1},	    {"su", 2},	       {"a{sv}", 1},	{"aaay", 1},
	{"(y(s)u)ai", 2}, {"a{s(iu)}v", 2}, {"a{ya{yay}}", 1}, {"()", -1},	{"(", -1},
	{")", -1},	  {"a", -1},	    {"a{sv", -1},      {"a{sv)", -1},	{"(s}", -1},
	{"{sv}", -1},	  {"a{vs}", -1},    {"a{(s)s}", -1},   {"a{asv}", -1},	{"a{s}", -1},
	{"a{}", -1},	  {"a{sss}", -1},   {"a(a{sv)}", -1},  {"a{i(u})", -1},
};

TEST(number_of_complete_types)
{
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		const char *signature = counts[i].signature;

		if (wire_signature_count(signature, strlen(signature)) != counts[i].n_types)
			fail("\"%s\": %d", signature,
			     wire_signature_count(signature, strlen(signature)));
	}
	expect_eq(wire_signature_count("s\0s", 3), -1);
}

static bool nested_is_valid(const char *open, unsigned n, const char *inner, const char *close)
{
	char text[512] = "";

	for (unsigned i = 0; i < n; i++)
		strcat(text, open);
	strcat(text, inner);
	for (unsigned i = 0; i < n; i++)
		strcat(text, close);
	expect_eq(wire_signature_is_valid(text, strlen(text)),
		  naive_signature_is_valid(text, strlen(text)));
	return wire_signature_is_valid(text, strlen(text));
}

TEST(arrays_and_structs_nest_32_deep_each)
{
	char both[512] = "";

	expect(nested_is_valid("a", 32, "y", ""));
	expect(!nested_is_valid("a", 33, "y", ""));
	expect(nested_is_valid("(", 32, "y", ")"));
	expect(!nested_is_valid("(", 33, "y", ")"));
	expect(nested_is_valid("a{y", 32, "y", "}"));
	expect(!nested_is_valid("a{y", 33, "y", "}"));
	expect(nested_is_valid("a(", 32, "y", ")"));
	/* all of them at once, each to its limit */
	for (int i = 0; i < 32; i++)
		strcat(both, "a{y");
	for (int i = 0; i < 32; i++)
		strcat(both, "(");
	strcat(both, "y");
	for (int i = 0; i < 32; i++)
		strcat(both, ")");
	for (int i = 0; i < 32; i++)
		strcat(both, "}");
	expect(wire_signature_is_valid(both, strlen(both)));
	expect(naive_signature_is_valid(both, strlen(both)));
	/* side by side they do not add up */
	memset(both, 0, sizeof(both));
	for (int i = 0; i < 60; i++)
		strcat(both, "a(y)");
	expect(wire_signature_is_valid(both, strlen(both)));
}

TEST(length_is_255_at_most)
{
	char text[256];

	memset(text, 'y', sizeof(text));
	expect(wire_signature_is_valid(text, 255));
	expect(!wire_signature_is_valid(text, 256));
}

TEST(skipping_a_type)
{
	static const char *const types[] = {"y", "ay", "aaas", "a{sv}", "(y(s)a{y(u)})", "v"};
	char text[64];

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		snprintf(text, sizeof(text), "%s(rest)", types[i]);
		expect_str(wire_signature_skip(text), "(rest)");
	}
	/* never behind the end */
	expect_str(wire_signature_skip(""), "");
	expect_str(wire_signature_skip("a"), "");
	expect_str(wire_signature_skip("a{s"), "");
	expect_str(wire_signature_skip(")"), "");
}
