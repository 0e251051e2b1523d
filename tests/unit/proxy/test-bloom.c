/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* proxy/bloom.h: the filter that libraries on kdbus expect */
#include <string.h>

#include "proxy/bloom.h"
#include "tests/harness/tap.h"

static bool has_bit(const uint64_t *bits, unsigned bit)
{
	return bits[bit / 64] >> bit % 64 & 1;
}

static unsigned count_bits(const uint64_t *bits, size_t size)
{
	unsigned n = 0;

	for (size_t i = 0; i < size / 8; i++)
		n += __builtin_popcountll(bits[i]);
	return n;
}

TEST(vectors_of_the_default_parameters)
{
	static const struct {
		const char *key, *value;
		unsigned bits[8];
	} vectors[] = {
		{"message-type", "signal", {388, 108, 102, 383, 132, 138, 312, 309}},
		{"message-type", "method_call", {53, 167, 220, 139, 14, 293, 330, 225}},
		{"interface",
		 "org.freedesktop.DBus.Properties",
		 {161, 251, 247, 319, 33, 92, 379, 91}},
		{"member", "PropertiesChanged", {282, 213, 482, 155, 372, 498, 29, 306}},
		{"path", "/org/freedesktop/systemd1", {445, 346, 272, 287, 27, 430, 216, 152}},
		{"path-slash-prefix", "/org", {408, 258, 295, 132, 82, 68, 420, 264}},
		{"arg0", "foobar", {13, 4, 232, 128, 14, 116, 404, 168}},
		{"arg0-dot-prefix", "com.example", {444, 395, 120, 228, 29, 445, 90, 162}},
	};

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct bloom bloom;
		uint64_t bits[8];

		bloom_init(&bloom, bits, sizeof(bits), 8);
		bloom_add(&bloom, vectors[i].key, vectors[i].value, strlen(vectors[i].value));
		for (int b = 0; b < 8; b++)
			if (!has_bit(bits, vectors[i].bits[b]))
				fail("%s:%s lacks bit %u", vectors[i].key, vectors[i].value,
				     vectors[i].bits[b]);
		expect_eq(count_bits(bits, sizeof(bits)), 8);
	}
}

/* does the filter of the message answer this question? */
static bool hits(const uint64_t *filter, const char *key, const char *value)
{
	struct bloom bloom;
	uint64_t mask[8];

	bloom_init(&bloom, mask, sizeof(mask), 8);
	bloom_add(&bloom, key, value, strlen(value));
	for (int i = 0; i < 8; i++)
		if ((filter[i] & mask[i]) != mask[i])
			return false;
	return true;
}

static struct message *make_signal(void)
{
	struct wire_writer writer;
	struct message *message;
	size_t mark;

	wire_writer_init(&writer, WIRE_SIGNAL, 0, 1);
	wire_put_field_string(&writer, WIRE_FIELD_PATH, "/a/b");
	wire_put_field_string(&writer, WIRE_FIELD_INTERFACE, "x.Y");
	wire_put_field_string(&writer, WIRE_FIELD_MEMBER, "M");
	wire_put_body(&writer, "sosasu");
	wire_put_string(&writer, "a.b.c");
	wire_put_string(&writer, "/p/q");
	wire_put_string(&writer, "end");
	mark = wire_put_array(&writer, 4);
	wire_put_string(&writer, "element");
	wire_end_array(&writer, mark, 4);
	wire_put_u32(&writer, 7);
	expect_eq(message_new_finish(&writer, &message), 0);
	return message;
}

TEST(all_leading_strings_of_a_message_are_in)
{
	static const char *const in[][2] = {
		{"message-type", "signal"},
		{"interface", "x.Y"},
		{"member", "M"},
		{"path", "/a/b"},
		{"path-slash-prefix", "/a/b"},
		{"path-slash-prefix", "/a"},
		{"path-slash-prefix", "/"},
		{"arg0", "a.b.c"},
		{"arg0-dot-prefix", "a"},
		{"arg0-dot-prefix", "a.b"},
		{"arg0-dot-prefix", "a.b.c"},
		{"arg1", "/p/q"},
		{"arg1-slash-prefix", "/"},
		{"arg1-slash-prefix", "/p/"},
		{"arg1-slash-prefix", "/p"},
		{"arg2", "end"},
	};
	static const char *const out[][2] = {
		{"message-type", "error"}, {"interface", "x"},	     {"path", "/a"},
		{"arg0", "a.b"},	   {"arg1", "a.b.c"},	     {"arg3", "element"},
		{"arg2", "element"},	   {"arg0-dot-prefix", "b"}, {"path-slash-prefix", "/b"},
	};
	struct message *message = make_signal();
	/* large, so that a bit is not there by accident */
	struct bloom bloom;
	uint64_t bits[8];

	bloom_init(&bloom, bits, sizeof(bits), 8);
	bloom_add_message(&bloom, message);
	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++)
		if (!hits(bits, in[i][0], in[i][1]))
			fail("%s:%s is missing", in[i][0], in[i][1]);
	for (size_t i = 0; i < sizeof(out) / sizeof(out[0]); i++)
		if (hits(bits, out[i][0], out[i][1]))
			fail("%s:%s is there", out[i][0], out[i][1]);
	message_unref(message);
}

TEST(any_parameters_of_a_bus)
{
	static const struct {
		size_t size;
		unsigned n_hash, most;
	} cases[] = {{8, 1, 1}, {8, 64, 64}, {4096, 8, 8}, {4096, 1000, 32}, {24, 5, 5}};
	uint64_t bits[BLOOM_MAX_SIZE / 8];
	char text[3000];

	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bloom bloom;

		bloom_init(&bloom, bits, cases[i].size, cases[i].n_hash);
		bloom_add(&bloom, "member", "M", 1);
		expect_ge(count_bits(bits, cases[i].size), 1);
		expect_le(count_bits(bits, cases[i].size), cases[i].most);
		/* what no rule can ask for is left out */
		bloom_init(&bloom, bits, cases[i].size, cases[i].n_hash);
		bloom_add(&bloom, "arg0", text, sizeof(text));
		expect_eq(count_bits(bits, cases[i].size), 0);
	}
}
