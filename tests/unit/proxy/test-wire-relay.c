/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Relaying: exactly what passes and what does not; test-wire-random does it at random */
#include <stdlib.h>
#include <string.h>

#include "proxy/wire.h"
#include "tests/harness/tap.h"

/* a header of fields that are given one by one, each padded to 8 */
struct header_text {
	uint8_t bytes[512];
	uint32_t size;
	bool is_big_endian;
};

static void put(struct header_text *text, const void *bytes, size_t size)
{
	memcpy(text->bytes + text->size, bytes, size);
	text->size += size;
}

static void pad(struct header_text *text)
{
	while (text->size % 8)
		put(text, "", 1);
}

static void store(struct header_text *text, size_t at, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		text->bytes[at + i] = value >> 8 * (text->is_big_endian ? 3 - i : i);
}

static void begin(struct header_text *text, bool is_big_endian)
{
	memset(text, 0, sizeof(*text));
	text->is_big_endian = is_big_endian;
	text->size = WIRE_FIXED_SIZE;
	memcpy(text->bytes, is_big_endian ? "B\1\0\1" : "l\1\0\1", 4);
	store(text, 8, 77);
}

static void field(struct header_text *text, unsigned code, const char *type, const char *value)
{
	pad(text);
	put(text, (uint8_t[]){code, 1, type[0], 0}, 4);
	store(text, text->size, strlen(value));
	text->size += 4;
	put(text, value, strlen(value) + 1);
	store(text, 12, text->size - WIRE_FIXED_SIZE);
}

static void expect_relay(struct header_text *in, struct header_text *want)
{
	struct wire_header header, promised, found;
	uint8_t *out;
	uint32_t size;

	pad(in);
	pad(want);
	expect_eq(wire_header_parse(in->bytes, &header), WIRE_OK);
	size = wire_relay_size(in->bytes, &header, 4);
	expect_eq(size, want->size);
	out = malloc(size);
	memset(out, 0xee, size);
	wire_relay_header(in->bytes, &header, ":1.7", 4, out, &promised);
	expect_mem(out, size, want->bytes, want->size);
	expect_eq(wire_header_parse(out, &found), WIRE_OK);
	expect_mem(&promised, sizeof(promised), &found, sizeof(found));
	free(out);
}

static void add_path(struct header_text *text)
{
	field(text, WIRE_FIELD_PATH, "o", "/long/enough/path");
}

static void add_member(struct header_text *text)
{
	field(text, WIRE_FIELD_MEMBER, "s", "Do");
}

static void add_sender(struct header_text *text)
{
	field(text, WIRE_FIELD_SENDER, "s", ":1.7");
}

TEST(sender_is_put_at_the_end)
{
	for (int big = 0; big < 2; big++) {
		struct header_text in, want;

		begin(&in, big);
		add_path(&in);
		add_member(&in);
		begin(&want, big);
		add_path(&want);
		add_member(&want);
		add_sender(&want);
		expect_relay(&in, &want);
	}
}

TEST(sender_that_came_is_left_out_wherever_it_is)
{
	for (int place = 0; place < 6; place++) {
		struct header_text in, want;

		begin(&in, place & 1);
		if (place / 2 == 0)
			field(&in, WIRE_FIELD_SENDER, "s", ":1.12345678");
		add_path(&in);
		if (place / 2 == 1)
			field(&in, WIRE_FIELD_SENDER, "s", "a.b");
		add_member(&in);
		if (place / 2 == 2)
			field(&in, WIRE_FIELD_SENDER, "s", ":1.7");
		begin(&want, place & 1);
		add_path(&want);
		add_member(&want);
		add_sender(&want);
		expect_relay(&in, &want);
	}
}

TEST(unknown_fields_and_container_instance_are_left_out)
{
	for (int big = 0; big < 2; big++) {
		struct header_text in, want;

		begin(&in, big);
		field(&in, 99, "s", "unknown");
		add_member(&in);
		field(&in, WIRE_FIELD_CONTAINER_INSTANCE, "o", "/c");
		field(&in, 99, "s", "again");
		field(&in, 11, "o", "/next/to/be/known");
		add_path(&in);
		field(&in, 255, "s", "");
		begin(&want, big);
		add_member(&want);
		add_path(&want);
		add_sender(&want);
		expect_relay(&in, &want);
	}
}

TEST(type_flags_and_serial_stay)
{
	struct header_text in, want;

	begin(&in, false);
	in.bytes[1] = 200;
	in.bytes[2] = 0xff;
	field(&in, 99, "s", "all that there is");
	begin(&want, false);
	want.bytes[1] = 200;
	want.bytes[2] = 0xff;
	add_sender(&want);
	expect_relay(&in, &want);
}

/* a message at the limits gets too long by its SENDER: no receiver would take it */
TEST(what_would_be_too_long_is_beyond_all_limits)
{
	struct wire_header header = {.fields_size = 64, .header_size = 80};
	const uint8_t none[1] = {0};

	/* ":1.7" takes 16 bytes, and 13 of the fields */
	header.body_size = WIRE_MAX_SIZE - 80 - 16;
	expect_eq(wire_relay_size(none, &header, 4), 96);
	header.body_size++;
	expect_eq(wire_relay_size(none, &header, 4), UINT32_MAX);
	header.body_size = 0;
	header.fields_size = WIRE_MAX_ARRAY - 16;
	header.header_size = WIRE_MAX_ARRAY;
	expect_eq(wire_relay_size(none, &header, 4), WIRE_MAX_ARRAY + 16);
	header.fields_size = WIRE_MAX_ARRAY - 8;
	expect_eq(wire_relay_size(none, &header, 4), UINT32_MAX);
}
