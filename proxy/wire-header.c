/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The header: section "Message Format" of the specification
 *
 * The fixed part gives the sizes, all else is the array of fields, a(yv).  A
 * known field has a signature of one known character, so it is compared as four
 * bytes and read in place; only unknown fields go through the general walk.
 */
#include "proxy/wire-inner.h"

static const char *const outcome_texts[_WIRE_OUTCOME_MAX] = {
	[WIRE_OK] = "valid",
	[WIRE_BAD_ENDIAN] = "unknown byte order",
	[WIRE_BAD_TYPE] = "invalid message type",
	[WIRE_BAD_VERSION] = "unknown protocol version",
	[WIRE_BAD_SERIAL] = "serial number is 0",
	[WIRE_TOO_LONG] = "message or header exceeds the maximum length",
	[WIRE_BAD_PADDING] = "padding is not zero",
	[WIRE_BAD_FIELD_CODE] = "header field with code 0",
	[WIRE_BAD_FIELD_TYPE] = "header field of the wrong type",
	[WIRE_FIELD_TWICE] = "header field appears twice",
	[WIRE_FIELD_MISSING] = "required header field is missing",
	[WIRE_BAD_PATH] = "invalid object path",
	[WIRE_BAD_INTERFACE] = "invalid interface name",
	[WIRE_BAD_MEMBER] = "invalid member name",
	[WIRE_BAD_ERROR_NAME] = "invalid error name",
	[WIRE_BAD_REPLY_SERIAL] = "reply serial is 0",
	[WIRE_BAD_DESTINATION] = "invalid destination",
	[WIRE_BAD_SENDER] = "invalid sender",
	[WIRE_LOCAL] = "path or interface is reserved for local use",
	[WIRE_BAD_SIGNATURE] = "invalid signature",
	[WIRE_BAD_VARIANT] = "variant is not of exactly one type",
	[WIRE_BAD_STRING] = "invalid string",
	[WIRE_BAD_BOOLEAN] = "boolean is neither 0 nor 1",
	[WIRE_BAD_ARRAY] = "array length does not fit its elements",
	[WIRE_BAD_FD_INDEX] = "file descriptor index out of range",
	[WIRE_TOO_DEEP] = "values nest too deeply",
	[WIRE_TRUNCATED] = "value exceeds the message",
	[WIRE_TRAILING] = "bytes behind the last value",
	[WIRE_BODY_UNSIGNED] = "body without a signature",
};

const char *wire_outcome_text(int outcome)
{
	if (outcome < 0 || outcome >= _WIRE_OUTCOME_MAX)
		return "unknown";
	return outcome_texts[outcome];
}

static const char field_types[_WIRE_FIELD_MAX] = {
	[WIRE_FIELD_PATH] = 'o',	 [WIRE_FIELD_INTERFACE] = 's',
	[WIRE_FIELD_MEMBER] = 's',	 [WIRE_FIELD_ERROR_NAME] = 's',
	[WIRE_FIELD_REPLY_SERIAL] = 'u', [WIRE_FIELD_DESTINATION] = 's',
	[WIRE_FIELD_SENDER] = 's',	 [WIRE_FIELD_SIGNATURE] = 'g',
	[WIRE_FIELD_UNIX_FDS] = 'u',	 [WIRE_FIELD_CONTAINER_INSTANCE] = 'o',
};

/* types that are not listed require nothing */
static const uint16_t required_fields[] = {
	[WIRE_CALL] = 1 << WIRE_FIELD_PATH | 1 << WIRE_FIELD_MEMBER,
	[WIRE_RETURN] = 1 << WIRE_FIELD_REPLY_SERIAL,
	[WIRE_ERROR] = 1 << WIRE_FIELD_ERROR_NAME | 1 << WIRE_FIELD_REPLY_SERIAL,
	[WIRE_SIGNAL] = 1 << WIRE_FIELD_PATH | 1 << WIRE_FIELD_INTERFACE | 1 << WIRE_FIELD_MEMBER,
};

static bool is_text(const char *text, size_t len, const char *other, size_t other_len)
{
	return len == other_len && !memcmp(text, other, len);
}

#define IS_TEXT(text, len, literal) is_text(text, len, literal, sizeof(literal) - 1)

int wire_frame(const uint8_t *bytes, uint32_t *header_size_out, uint32_t *size_out)
{
	uint32_t fields_size, header_size, body_size;
	bool is_big_endian = bytes[0] == 'B';

	if (!is_big_endian && bytes[0] != 'l')
		return WIRE_BAD_ENDIAN;
	if (bytes[3] != 1)
		return WIRE_BAD_VERSION;
	body_size = wire_load_u32(bytes + 4, is_big_endian);
	fields_size = wire_load_u32(bytes + 12, is_big_endian);
	if (fields_size > WIRE_MAX_ARRAY)
		return WIRE_TOO_LONG;
	header_size = wire_align(WIRE_FIXED_SIZE + fields_size, 8);
	if (body_size > WIRE_MAX_SIZE - header_size)
		return WIRE_TOO_LONG;
	*header_size_out = header_size;
	*size_out = header_size + body_size;
	return WIRE_OK;
}

/* the value of a known field of type s, o or g */
static int set_text(struct wire_header *header, const uint8_t *bytes, unsigned code,
		    struct wire_span span)
{
	const char *text = (const char *)bytes + span.at;

	switch (code) {
	case WIRE_FIELD_PATH:
		if (!wire_path_is_valid(text, span.len))
			return WIRE_BAD_PATH;
		if (IS_TEXT(text, span.len, "/org/freedesktop/DBus/Local"))
			return WIRE_LOCAL;
		header->path = span;
		return WIRE_OK;
	case WIRE_FIELD_INTERFACE:
		if (!wire_interface_is_valid(text, span.len))
			return WIRE_BAD_INTERFACE;
		if (IS_TEXT(text, span.len, "org.freedesktop.DBus.Local"))
			return WIRE_LOCAL;
		header->interface = span;
		return WIRE_OK;
	case WIRE_FIELD_MEMBER:
		if (!wire_member_is_valid(text, span.len))
			return WIRE_BAD_MEMBER;
		header->member = span;
		return WIRE_OK;
	case WIRE_FIELD_ERROR_NAME:
		if (!wire_error_name_is_valid(text, span.len))
			return WIRE_BAD_ERROR_NAME;
		header->error_name = span;
		return WIRE_OK;
	case WIRE_FIELD_DESTINATION:
		if (!wire_bus_name_is_valid(text, span.len))
			return WIRE_BAD_DESTINATION;
		header->destination = span;
		return WIRE_OK;
	case WIRE_FIELD_SENDER:
		if (!wire_bus_name_is_valid(text, span.len))
			return WIRE_BAD_SENDER;
		header->sender = span;
		header->has_foreign = true;
		return WIRE_OK;
	case WIRE_FIELD_SIGNATURE:
		if (!wire_signature_is_valid(text, span.len))
			return WIRE_BAD_SIGNATURE;
		header->signature = span;
		return WIRE_OK;
	default: /* WIRE_FIELD_CONTAINER_INSTANCE */
		header->has_foreign = true;
		return wire_path_is_valid(text, span.len) ? WIRE_OK : WIRE_BAD_PATH;
	}
}

/* a known field at @at_io, behind its signature */
static int parse_known(struct wire_header *header, const uint8_t *bytes, unsigned code,
		       uint32_t end, uint32_t *at_io)
{
	struct wire_span span;
	uint32_t at = *at_io;
	uint32_t value;

	if (field_types[code] == 'g') {
		if (at == end)
			return WIRE_TRUNCATED;
		value = bytes[at++];
	} else {
		if (end - at < 4)
			return WIRE_TRUNCATED;
		value = wire_load_u32(bytes + at, header->is_big_endian);
		at += 4;
	}
	if (field_types[code] == 'u') {
		*at_io = at;
		if (code == WIRE_FIELD_UNIX_FDS) {
			header->n_fds = value;
			return WIRE_OK;
		}
		header->reply_serial = value;
		return value ? WIRE_OK : WIRE_BAD_REPLY_SERIAL;
	}
	if (value >= end - at)
		return WIRE_TRUNCATED;
	if (bytes[at + value])
		return WIRE_BAD_STRING;
	span.at = at;
	span.len = value;
	*at_io = at + value + 1;
	return set_text(header, bytes, code, span);
}

/* a field with a code that we do not know: any variant; the array, the struct and itself are
 * around its content */
static int parse_unknown(struct wire_header *header, const uint8_t *bytes, uint32_t end,
			 uint32_t *at_io)
{
	struct wire_values values = {
		.base = bytes,
		.at = *at_io,
		.limit = end,
		.size = end,
		.n_fds = UINT64_C(1) << 32,
		.is_big_endian = header->is_big_endian,
	};
	int r = wire_values_check(&values, "v", 2);

	if (r)
		return r;
	header->has_foreign = true;
	*at_io = values.at;
	return WIRE_OK;
}

int wire_header_parse(const uint8_t *bytes, struct wire_header *header_out)
{
	struct wire_header *header = header_out;
	uint32_t header_size, size, end, at;
	unsigned seen = 0;
	int r;

	r = wire_frame(bytes, &header_size, &size);
	if (r)
		return r;
	memset(header, 0, sizeof(*header));
	header->is_big_endian = bytes[0] == 'B';
	header->type = bytes[1];
	header->flags = bytes[2];
	header->serial = wire_load_u32(bytes + 8, header->is_big_endian);
	header->fields_size = wire_load_u32(bytes + 12, header->is_big_endian);
	header->header_size = header_size;
	header->body_size = size - header_size;
	if (!header->type)
		return WIRE_BAD_TYPE;
	if (!header->serial)
		return WIRE_BAD_SERIAL;

	end = WIRE_FIXED_SIZE + header->fields_size;
	for (at = WIRE_FIXED_SIZE; at < end;) {
		uint32_t start = wire_align(at, 8);
		unsigned code;

		/* a code and a signature of one character at least */
		if (start > end || end - start < 4)
			return WIRE_TRUNCATED;
		if (!wire_is_padding(bytes, at, start))
			return WIRE_BAD_PADDING;
		code = bytes[start];
		if (!code)
			return WIRE_BAD_FIELD_CODE;
		if (code >= _WIRE_FIELD_MAX) {
			at = start + 1;
			r = parse_unknown(header, bytes, end, &at);
		} else {
			if (seen & 1u << code)
				return WIRE_FIELD_TWICE;
			seen |= 1u << code;
			if (bytes[start + 1] != 1 || bytes[start + 2] != field_types[code] ||
			    bytes[start + 3])
				return WIRE_BAD_FIELD_TYPE;
			at = start + 4;
			r = parse_known(header, bytes, code, end, &at);
		}
		if (r)
			return r;
	}
	if (!wire_is_padding(bytes, end, header_size))
		return WIRE_BAD_PADDING;
	if (header->type < sizeof(required_fields) / sizeof(required_fields[0]) &&
	    required_fields[header->type] & ~seen)
		return WIRE_FIELD_MISSING;
	return WIRE_OK;
}
