/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading values, in both byte orders; what a reader does when there is nothing to read */
#include <string.h>

#include "proxy/wire.h"
#include "tests/harness/tap.h"

static void reader_of(struct wire_reader *reader, const void *bytes, uint32_t size,
		      bool is_big_endian)
{
	struct wire_header header = {.body_size = size, .is_big_endian = is_big_endian};

	wire_reader_init(reader, &header, bytes);
}

TEST(numbers_in_both_byte_orders)
{
	static const uint8_t bytes[] = {1, 0, 1, 2, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 1, 0, 0, 0};
	struct wire_reader reader;

	reader_of(&reader, bytes, sizeof(bytes), true);
	expect_eq(wire_read_byte(&reader), 1);
	expect_eq(wire_read_u16(&reader), 0x0102);
	expect(wire_read_bool(&reader));
	expect(wire_read_u64(&reader) == UINT64_C(0x0102030405060708));
	expect_eq(wire_read_u32(&reader), 0x01000000);
	expect(!reader.failed);

	reader_of(&reader, bytes, sizeof(bytes), false);
	expect_eq(wire_read_byte(&reader), 1);
	expect_eq(wire_read_u16(&reader), 0x0201);
	expect_eq(wire_read_u32(&reader), 0x01000000);
	expect(wire_read_u64(&reader) == UINT64_C(0x0807060504030201));
	expect(wire_read_bool(&reader));
	expect(!reader.failed);
	expect_eq(reader.at, sizeof(bytes));
}

TEST(strings_arrays_structs)
{
	/* s "hi", a(yu) of two, g "ay" */
	static const uint8_t bytes[] = {2, 0, 0, 0, 'h', 'i', 0, 0, 16, 0,   0,	  0,
					0, 0, 0, 0, 7,	 0,   0, 0, 1,	0,   0,	  0,
					8, 0, 0, 0, 2,	 0,   0, 0, 2,	'a', 'y', 0};
	struct wire_reader reader;
	uint32_t len, end, n = 0;

	reader_of(&reader, bytes, sizeof(bytes), false);
	expect_str(wire_read_string(&reader, &len), "hi");
	expect_eq(len, 2);
	end = wire_read_array(&reader, 8);
	expect_eq(reader.at, 16);
	expect_eq(end, 32);
	while (reader.at < end) {
		wire_read_struct(&reader);
		expect_eq(wire_read_byte(&reader), 7 + n);
		expect_eq(wire_read_u32(&reader), ++n);
	}
	expect_eq(n, 2);
	expect_str(wire_read_signature(&reader, &len), "ay");
	expect_eq(len, 2);
	expect(!reader.failed);
}

static void expect_poisoned(struct wire_reader *reader)
{
	const char *signature = "s";
	uint32_t len = 5;

	expect(reader->failed);
	expect_eq(wire_read_byte(reader), 0);
	expect(!wire_read_bool(reader));
	expect_eq(wire_read_u16(reader), 0);
	expect_eq(wire_read_u32(reader), 0);
	expect(wire_read_u64(reader) == 0);
	expect_str(wire_read_string(reader, &len), "");
	expect_eq(len, 0);
	expect_str(wire_read_signature(reader, NULL), "");
	/* loops over arrays end */
	expect_ge(reader->at, wire_read_array(reader, 8));
	wire_read_struct(reader);
	wire_read_skip(reader, &signature);
	expect_str(signature, "");
	expect(reader->failed);
}

TEST(what_does_not_fit_poisons)
{
	static const struct {
		const char *bytes;
		uint32_t size;
		char type;
	} cases[] = {
		{"", 0, 'y'},
		{"\0", 1, 'q'},
		{"\0\0\0", 3, 'u'},
		{"\0\0\0\0\0\0\0", 7, 't'},
		{"\3\0\0\0ab", 6, 's'},	       /* longer than there is */
		{"\2\0\0\0ab", 6, 's'},	       /* no room for the NUL */
		{"\1\0\0\0ab", 6, 's'},	       /* no NUL */
		{"\377\377\377\377a", 5, 's'}, /* a length that could wrap */
		{"\2a", 2, 'g'},
		{"\5\0\0\0abcd", 8, 'a'},
		{"\377\377\377\377", 4, 'a'},
		{"\0\0\0\0", 4, 'A'}, /* no room for the padding to 8 */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wire_reader reader;

		reader_of(&reader, cases[i].bytes, cases[i].size, false);
		switch (cases[i].type) {
		case 'y':
			wire_read_byte(&reader);
			break;
		case 'q':
			wire_read_u16(&reader);
			break;
		case 'u':
			wire_read_u32(&reader);
			break;
		case 't':
			wire_read_u64(&reader);
			break;
		case 's':
			expect_str(wire_read_string(&reader, NULL), "");
			break;
		case 'g':
			expect_str(wire_read_signature(&reader, NULL), "");
			break;
		case 'a':
			expect_eq(wire_read_array(&reader, 1), 0);
			break;
		case 'A':
			expect_eq(wire_read_array(&reader, 8), 0);
			break;
		}
		expect_poisoned(&reader);
	}
}

TEST(skipping_what_a_body_does_not_have_poisons)
{
	static const struct {
		const char *signature;
		const char *bytes;
		uint32_t size;
	} cases[] = {
		{"(uu)", "\0\0\0\0", 4},
		{"v", "\1s\0", 3},
		{"v", "\1", 1},
		{"as", "\7\0\0\0", 4},
		{"v", "\0\0", 2}, /* a variant without a type */
		/* signatures of variants that nobody checked */
		{"v", "\2(y\0\0\0\0\0\0", 9},
		{"v", "\1)\0\0\0\0\0", 7},
		{"v", "\1!\0\0", 4},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *signature = cases[i].signature;
		struct wire_reader reader;

		reader_of(&reader, cases[i].bytes, cases[i].size, false);
		wire_read_skip(&reader, &signature);
		expect_str(signature, "");
		expect_poisoned(&reader);
	}
}

/* nor is the end of a signature passed that nobody checked */
TEST(skipping_an_array_without_element)
{
	const char *signature = "v";
	struct wire_reader reader;

	reader_of(&reader, "\2a{\0\0\0\0\0", 8, false);
	wire_read_skip(&reader, &signature);
	expect_str(signature, "");
	expect_eq(reader.at, 8);
}

/* a variant that holds a variant, and so on: more than a valid body has */
TEST(skipping_is_bounded)
{
	uint8_t bytes[3 * 200];
	const char *signature = "v";
	struct wire_reader reader;

	for (size_t i = 0; i < sizeof(bytes); i += 3)
		memcpy(bytes + i, "\1v", 3);
	reader_of(&reader, bytes, sizeof(bytes), false);
	wire_read_skip(&reader, &signature);
	expect(reader.failed);
}

/* args: as many bytes as types, all of them y but for some s, o and g */
TEST(args_are_given_one_by_one)
{
	static const char head[] = "\0su(y)oga{sv}v";
	static const uint8_t body[] = {1, 0, 0, 0, 'a', 0, 0, 0, 5, 0,	 0, 0,	 0,   0, 0,
				       0, 9, 0, 0, 0,	1, 0, 0, 0, '/', 0, 1,	 's', 0, 0,
				       0, 0, 0, 0, 0,	0, 0, 0, 0, 0,	 1, 'y', 0,   3};
	struct wire_header header = {.signature = {1, sizeof(head) - 2}, .body_size = sizeof(body)};
	const char *text = "", *want[] = {"a", NULL, NULL, "/", "s", NULL, NULL};
	const char codes[] = "su(ogav";
	struct wire_args args;
	uint32_t len;

	expect_eq(wire_body_check(&header, (const uint8_t *)head, body), WIRE_OK);
	wire_args_init(&args, &header, (const uint8_t *)head, body);
	for (size_t i = 0; i < sizeof(codes) - 1; i++) {
		expect_eq(wire_args_next(&args, &text, &len), codes[i]);
		expect_str(text, want[i]);
		expect_eq(len, text ? strlen(text) : 0);
	}
	expect_eq(wire_args_next(&args, &text, &len), 0);
	expect_eq(wire_args_next(&args, &text, &len), 0);
	expect_str(text, NULL);
}

TEST(args_end_behind_the_64th)
{
	struct wire_header header = {.signature = {1, 100}, .body_size = 100};
	uint8_t head[102], body[100] = {0};
	struct wire_args args;
	const char *text;
	uint32_t len;

	memset(head, 'y', sizeof(head));
	head[101] = 0;
	wire_args_init(&args, &header, head, body);
	for (int i = 0; i < 64; i++)
		expect_eq(wire_args_next(&args, &text, &len), 'y');
	expect_eq(wire_args_next(&args, &text, &len), 0);
	expect_eq(wire_args_next(&args, &text, &len), 0);
}

TEST(args_of_a_message_without_body)
{
	struct wire_header header = {.signature = {0, 0}};
	struct wire_args args;
	const char *text;
	uint32_t len;

	wire_args_init(&args, &header, NULL, NULL);
	expect_eq(wire_args_next(&args, &text, &len), 0);
}
