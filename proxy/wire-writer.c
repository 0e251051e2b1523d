/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing messages: see wire-writer.h
 *
 * The buffer doubles.  The header is written in place; its two lengths are filled
 * in when they are known: that of the fields when the body begins, that of the
 * body at the end.
 */
#include "proxy/wire-writer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "proxy/base/cleanup.h"
#include "proxy/wire-inner.h"

enum { FIRST_CAPACITY = 256, MAX_UNUSED = 1024 };

/* of a string on the wire: its length, its text and a NUL */
#define STRING_SIZE(len) (sizeof(uint32_t) + (len) + 1)

/* makes room for @size bytes at @at, or says in @error why there is none; then there is none for
 * anything that follows either */
static bool grow(struct wire_writer *writer, size_t at, size_t size)
{
	size_t capacity = writer->capacity ?: FIRST_CAPACITY;
	uint8_t *bytes = NULL;

	if (writer->error)
		return false;
	if (size > WIRE_MAX_SIZE || at + size > WIRE_MAX_SIZE) {
		writer->error = -EMSGSIZE;
	} else {
		while (capacity < at + size)
			capacity *= 2;
		bytes = realloc(writer->bytes, capacity);
		if (!bytes)
			writer->error = -ENOMEM;
	}
	writer->capacity = bytes ? capacity : 0;
	if (bytes)
		writer->bytes = bytes;
	return bytes;
}

/* room for @size more bytes at the next multiple of @alignment, behind zero padding; or NULL */
static inline uint8_t *extend(struct wire_writer *writer, size_t size, size_t alignment)
{
	size_t at = (writer->size + alignment - 1) & ~(alignment - 1);

	if ((size > writer->capacity || at > writer->capacity - size) && !grow(writer, at, size))
		return NULL;
	while (writer->size < at)
		writer->bytes[writer->size++] = 0;
	writer->size = at + size;
	return writer->bytes + at;
}

static void put(struct wire_writer *writer, const void *bytes, size_t size, size_t alignment)
{
	uint8_t *p = extend(writer, size, alignment);

	if (p && size)
		memcpy(p, bytes, size);
}

void wire_writer_init(struct wire_writer *writer, enum wire_type type, uint8_t flags,
		      uint32_t serial)
{
	uint8_t *p;

	*writer = (struct wire_writer){0};
	p = extend(writer, WIRE_FIXED_SIZE, 1);
	if (!p)
		return;
	memset(p, 0, WIRE_FIXED_SIZE);
	p[0] = WIRE_HOST_IS_BIG ? 'B' : 'l';
	p[1] = type;
	p[2] = flags;
	p[3] = 1;
	memcpy(p + 8, &serial, sizeof(serial));
}

void wire_writer_deinit(struct wire_writer *writer)
{
	free(writer->bytes);
	*writer = (struct wire_writer){0};
}

/* a length and the text behind it */
static void set_string(uint8_t *p, const char *text, uint32_t len)
{
	memcpy(p, &len, sizeof(len));
	memcpy(p + sizeof(len), text, (size_t)len + 1);
}

void wire_put_field_string(struct wire_writer *writer, enum wire_field field, const char *text)
{
	bool is_path = field == WIRE_FIELD_PATH || field == WIRE_FIELD_CONTAINER_INSTANCE;
	uint8_t start[] = {field, 1, is_path ? 'o' : 's', 0};
	size_t len = strlen(text);
	uint8_t *p;

	assert(!writer->body_at);
	p = extend(writer, sizeof(start) + STRING_SIZE(len), 8);
	if (!p)
		return;
	memcpy(p, start, sizeof(start));
	set_string(p + sizeof(start), text, len);
}

void wire_put_field_u32(struct wire_writer *writer, enum wire_field field, uint32_t value)
{
	uint8_t start[] = {field, 1, 'u', 0};
	uint8_t *p;

	assert(!writer->body_at);
	p = extend(writer, sizeof(start) + sizeof(value), 8);
	if (!p)
		return;
	memcpy(p, start, sizeof(start));
	memcpy(p + sizeof(start), &value, sizeof(value));
}

void wire_put_body(struct wire_writer *writer, const char *signature)
{
	static const uint8_t start[] = {WIRE_FIELD_SIGNATURE, 1, 'g', 0};
	uint32_t fields_size;

	assert(!writer->body_at);
	if (signature[0]) {
		put(writer, start, sizeof(start), 8);
		wire_put_signature(writer, signature);
	}
	fields_size = writer->size - WIRE_FIXED_SIZE;
	extend(writer, 0, 8);
	if (writer->error)
		return;
	memcpy(writer->bytes + 12, &fields_size, sizeof(fields_size));
	writer->body_at = writer->size;
}

void wire_put_byte(struct wire_writer *writer, uint8_t value)
{
	put(writer, &value, sizeof(value), 1);
}

void wire_put_bool(struct wire_writer *writer, bool value)
{
	wire_put_u32(writer, value);
}

void wire_put_u32(struct wire_writer *writer, uint32_t value)
{
	put(writer, &value, sizeof(value), sizeof(value));
}

void wire_put_u64(struct wire_writer *writer, uint64_t value)
{
	put(writer, &value, sizeof(value), sizeof(value));
}

void wire_put_string(struct wire_writer *writer, const char *text)
{
	size_t len = strlen(text);
	uint8_t *p = extend(writer, STRING_SIZE(len), sizeof(uint32_t));

	if (p)
		set_string(p, text, len);
}

void wire_put_signature(struct wire_writer *writer, const char *signature)
{
	size_t len = strlen(signature);

	assert(len <= WIRE_MAX_SIGNATURE);
	wire_put_byte(writer, len);
	put(writer, signature, len + 1, 1);
}

void wire_put_bytes(struct wire_writer *writer, const void *bytes, size_t size)
{
	put(writer, bytes, size, 1);
}

void wire_put_variant(struct wire_writer *writer, const char *signature)
{
	wire_put_signature(writer, signature);
}

size_t wire_put_array(struct wire_writer *writer, unsigned element_alignment)
{
	size_t mark;

	wire_put_u32(writer, 0);
	mark = writer->size;
	extend(writer, 0, element_alignment);
	return mark;
}

void wire_end_array(struct wire_writer *writer, size_t mark, unsigned element_alignment)
{
	size_t start = (mark + element_alignment - 1) & ~((size_t)element_alignment - 1);
	uint32_t len;

	if (writer->error)
		return;
	if (writer->size - start > WIRE_MAX_ARRAY) {
		writer->error = -EMSGSIZE;
		return;
	}
	len = writer->size - start;
	memcpy(writer->bytes + mark - sizeof(len), &len, sizeof(len));
}

void wire_put_struct(struct wire_writer *writer)
{
	extend(writer, 0, 8);
}

int wire_writer_finish(struct wire_writer *writer, uint8_t **bytes_out, size_t *size_out)
{
	uint8_t *bytes = NULL;
	uint32_t body_size;
	int r;

	if (!writer->body_at)
		wire_put_body(writer, "");
	r = writer->error;
	if (!r) {
		body_size = writer->size - writer->body_at;
		memcpy(writer->bytes + 4, &body_size, sizeof(body_size));
		*size_out = writer->size;
		/* It may wait for long: where much is not used it moves to where it fits, and the
		 * next one has this room. */
		if (writer->capacity - writer->size > MAX_UNUSED)
			bytes = malloc(writer->size);
		if (bytes)
			memcpy(bytes, writer->bytes, writer->size);
		*bytes_out = bytes ?: steal(writer->bytes);
	}
	wire_writer_deinit(writer);
	return r;
}
