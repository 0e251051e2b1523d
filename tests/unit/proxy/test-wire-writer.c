/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing: what was written is a valid message with these values; every allocation may fail */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/wire-writer.h"
#include "tests/harness/fault.h"
#include "tests/harness/tap.h"
#include "tests/unit/proxy/naive-wire.h"

static int write_one(uint8_t **bytes_out, size_t *size_out)
{
	struct wire_writer writer;
	size_t mark, inner;

	wire_writer_init(&writer, WIRE_SIGNAL, WIRE_NO_REPLY_EXPECTED, 42);
	wire_put_field_string(&writer, WIRE_FIELD_PATH, "/a/b");
	wire_put_field_string(&writer, WIRE_FIELD_INTERFACE, "a.b");
	wire_put_field_string(&writer, WIRE_FIELD_MEMBER, "Changed");
	wire_put_field_string(&writer, WIRE_FIELD_SENDER, "org.freedesktop.DBus");
	wire_put_field_u32(&writer, WIRE_FIELD_REPLY_SERIAL, 9);
	wire_put_body(&writer, "ybusta{sv}(go)auay");
	wire_put_byte(&writer, 7);
	wire_put_bool(&writer, true);
	wire_put_u32(&writer, 8);
	wire_put_string(&writer, "text");
	wire_put_u64(&writer, 9);
	mark = wire_put_array(&writer, 8);
	for (int i = 0; i < 40; i++) {
		wire_put_struct(&writer);
		wire_put_string(&writer, "key");
		wire_put_variant(&writer, "as");
		inner = wire_put_array(&writer, 4);
		wire_put_string(&writer, "element");
		wire_end_array(&writer, inner, 4);
	}
	wire_end_array(&writer, mark, 8);
	wire_put_struct(&writer);
	wire_put_signature(&writer, "a{sv}");
	wire_put_string(&writer, "/o");
	mark = wire_put_array(&writer, 4);
	wire_end_array(&writer, mark, 4);
	mark = wire_put_array(&writer, 1);
	wire_put_bytes(&writer, "abc", 3);
	wire_end_array(&writer, mark, 1);
	return wire_writer_finish(&writer, bytes_out, size_out);
}

static void expect_one(const uint8_t *bytes, size_t size)
{
	struct wire_header header;
	struct wire_reader reader;
	uint32_t end, n = 0;

	expect(naive_message_is_valid(bytes, size));
	expect_eq(wire_header_parse(bytes, &header), WIRE_OK);
	expect_eq(header.type, WIRE_SIGNAL);
	expect_eq(header.flags, WIRE_NO_REPLY_EXPECTED);
	expect_eq(header.serial, 42);
	expect_eq(header.reply_serial, 9);
	expect_str((const char *)bytes + header.path.at, "/a/b");
	expect_str((const char *)bytes + header.sender.at, "org.freedesktop.DBus");
	wire_reader_init(&reader, &header, bytes + header.header_size);
	expect_eq(wire_read_byte(&reader), 7);
	expect(wire_read_bool(&reader));
	expect_eq(wire_read_u32(&reader), 8);
	expect_str(wire_read_string(&reader, NULL), "text");
	expect(wire_read_u64(&reader) == 9);
	end = wire_read_array(&reader, 8);
	for (; reader.at < end; n++) {
		wire_read_struct(&reader);
		expect_str(wire_read_string(&reader, NULL), "key");
		expect_str(wire_read_signature(&reader, NULL), "as");
		expect_eq(wire_read_array(&reader, 4), reader.at + 12);
		expect_str(wire_read_string(&reader, NULL), "element");
	}
	expect_eq(n, 40);
	expect(!reader.failed);
}

TEST(what_is_written_can_be_read)
{
	uint8_t *bytes;
	size_t size;

	expect_eq(write_one(&bytes, &size), 0);
	expect_one(bytes, size);
	free(bytes);
}

TEST(every_allocation_may_fail)
{
	uint8_t *bytes;
	size_t size;
	int r;

	for (unsigned long n = 1;; n++) {
		fault_at(n);
		r = write_one(&bytes, &size);
		if (!fault_disarm()) {
			expect_gt(n, 2);
			break;
		}
		expect_eq(r, -ENOMEM);
	}
	expect_eq(r, 0);
	free(bytes);
}

TEST(a_message_without_body)
{
	struct wire_writer writer;
	struct wire_header header;
	uint8_t *bytes;
	size_t size;

	for (int is_explicit = 0; is_explicit < 2; is_explicit++) {
		wire_writer_init(&writer, WIRE_RETURN, 0, 1);
		wire_put_field_u32(&writer, WIRE_FIELD_REPLY_SERIAL, 1);
		if (is_explicit)
			wire_put_body(&writer, "");
		expect_eq(wire_writer_finish(&writer, &bytes, &size), 0);
		expect_eq(size, 24);
		expect_eq(wire_header_parse(bytes, &header), WIRE_OK);
		expect_eq(header.signature.at, 0);
		expect_eq(header.body_size, 0);
		free(bytes);
	}
}

TEST(deinit_is_idempotent)
{
	struct wire_writer writer;

	wire_writer_init(&writer, WIRE_RETURN, 0, 1);
	wire_put_field_u32(&writer, WIRE_FIELD_REPLY_SERIAL, 1);
	wire_writer_deinit(&writer);
	wire_writer_deinit(&writer);
}

TEST(longer_than_the_format_allows)
{
	struct wire_writer writer;
	uint8_t *bytes = NULL, *much;
	size_t size, mark;

	much = calloc(1, WIRE_MAX_ARRAY + 1);
	wire_writer_init(&writer, WIRE_RETURN, 0, 1);
	wire_put_field_u32(&writer, WIRE_FIELD_REPLY_SERIAL, 1);
	wire_put_body(&writer, "ay");
	mark = wire_put_array(&writer, 1);
	wire_put_bytes(&writer, much, WIRE_MAX_ARRAY + 1);
	wire_end_array(&writer, mark, 1);
	wire_put_u32(&writer, 1);
	expect_eq(wire_writer_finish(&writer, &bytes, &size), -EMSGSIZE);

	wire_writer_init(&writer, WIRE_RETURN, 0, 1);
	wire_put_field_u32(&writer, WIRE_FIELD_REPLY_SERIAL, 1);
	wire_put_body(&writer, "ay");
	wire_put_bytes(&writer, much, WIRE_MAX_ARRAY);
	wire_put_bytes(&writer, much, WIRE_MAX_ARRAY);
	expect_eq(wire_writer_finish(&writer, &bytes, &size), -EMSGSIZE);
	expect_eq(bytes, NULL);
	free(much);
}
