/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Relaying: the header as the bus passes it on
 *
 * The bus vouches for SENDER, and for nothing it does not understand: unknown
 * fields, CONTAINER_INSTANCE and the SENDER that came are left out, ours is put
 * at the end.  Every field starts at a multiple of eight, so a field's bytes are
 * good at any place that a field can have, and are copied as they are.  Most
 * messages have nothing to leave out; their header is copied in one piece.
 */
#include "proxy/wire-inner.h"

/* a field of type s in front of its text: code, signature, length */
enum { TEXT_AT = 8 };

/* fields that pass */
static bool is_relayed(unsigned code)
{
	return code < WIRE_FIELD_CONTAINER_INSTANCE && code != WIRE_FIELD_SENDER;
}

static struct wire_span *span_of(struct wire_header *header, unsigned code)
{
	switch (code) {
	case WIRE_FIELD_PATH:
		return &header->path;
	case WIRE_FIELD_INTERFACE:
		return &header->interface;
	case WIRE_FIELD_MEMBER:
		return &header->member;
	case WIRE_FIELD_ERROR_NAME:
		return &header->error_name;
	case WIRE_FIELD_DESTINATION:
		return &header->destination;
	case WIRE_FIELD_SIGNATURE:
		return &header->signature;
	default:
		return NULL;
	}
}

/*
 * Copies the fields that pass; @out and @header_out may both be NULL.  Gives where the last of
 * them ends.
 */
static uint32_t copy_fields(const uint8_t *bytes, const struct wire_header *header, uint8_t *out,
			    struct wire_header *header_out)
{
	struct wire_reader reader = {
		.bytes = bytes,
		.size = WIRE_FIXED_SIZE + header->fields_size,
		.at = WIRE_FIXED_SIZE,
		.is_big_endian = header->is_big_endian,
	};
	uint32_t end = WIRE_FIXED_SIZE;

	while (reader.at < reader.size) {
		const char *variant = "v";
		struct wire_span *span;
		uint32_t start, to, code;

		wire_read_struct(&reader);
		start = reader.at;
		code = wire_read_byte(&reader);
		wire_read_skip(&reader, &variant);
		if (!is_relayed(code))
			continue;
		to = wire_align(end, 8);
		if (out) {
			memset(out + end, 0, to - end);
			memcpy(out + to, bytes + start, reader.at - start);
			span = span_of(header_out, code);
			if (span)
				span->at = span->at - start + to;
		}
		end = to + (reader.at - start);
	}
	return end;
}

static uint32_t kept_end(const uint8_t *bytes, const struct wire_header *header)
{
	if (!header->has_foreign)
		return WIRE_FIXED_SIZE + header->fields_size;
	return copy_fields(bytes, header, NULL, NULL);
}

uint32_t wire_relay_size(const uint8_t *bytes, const struct wire_header *header, size_t sender_len)
{
	uint32_t end = wire_align(kept_end(bytes, header), 8) + TEXT_AT + sender_len + 1;
	uint32_t size = wire_align(end, 8);

	if (end - WIRE_FIXED_SIZE > WIRE_MAX_ARRAY || header->body_size > WIRE_MAX_SIZE - size)
		return UINT32_MAX;
	return size;
}

void wire_relay_header(const uint8_t *bytes, const struct wire_header *header, const char *sender,
		       size_t sender_len, uint8_t *out, struct wire_header *header_out)
{
	bool is_big_endian = header->is_big_endian;
	uint32_t end, at;

	*header_out = *header;
	memcpy(out, bytes, WIRE_FIXED_SIZE);
	if (header->has_foreign) {
		end = copy_fields(bytes, header, out, header_out);
	} else {
		end = WIRE_FIXED_SIZE + header->fields_size;
		memcpy(out + WIRE_FIXED_SIZE, bytes + WIRE_FIXED_SIZE, header->fields_size);
	}

	at = wire_align(end, 8);
	memset(out + end, 0, at - end);
	memcpy(out + at, (const uint8_t[]){WIRE_FIELD_SENDER, 1, 's', 0}, 4);
	wire_store_u32(out + at + 4, sender_len, is_big_endian);
	memcpy(out + at + TEXT_AT, sender, sender_len);
	end = at + TEXT_AT + sender_len;
	out[end++] = 0;
	header_out->sender.at = at + TEXT_AT;
	header_out->sender.len = sender_len;
	header_out->has_foreign = true;
	header_out->fields_size = end - WIRE_FIXED_SIZE;
	header_out->header_size = wire_align(end, 8);
	memset(out + end, 0, header_out->header_size - end);
	wire_store_u32(out + 12, header_out->fields_size, is_big_endian);
}
