/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* D-Bus wire format, version 1
 *
 * Pure functions over bytes: no I/O, no allocation, no libc beyond memcpy() and
 * friends in what validates, so that it could run inside the kernel one day.
 * Both byte orders; nothing is ever swapped in place.
 *
 * What a client sends goes through three steps:
 *
 *	wire_frame()		the first 16 bytes: how long is all of it?
 *	wire_header_parse()	the header: fields found and checked
 *	wire_body_check()	the body: every value checked against the signature
 *
 * and out again with the bus' own SENDER:
 *
 *	wire_relay_size()	how long the header gets
 *	wire_relay_header()	unknown fields, CONTAINER_INSTANCE and SENDER go, ours comes
 *
 * The body is never touched.  Offsets in struct wire_header count from the first
 * byte of the message, so a header stays valid for a copy of the bytes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_FIXED_SIZE 16u		    /* the part of the header that has a fixed size */
#define WIRE_MAX_SIZE	(UINT32_C(1) << 27) /* header and body */
#define WIRE_MAX_ARRAY	(UINT32_C(1) << 26) /* content of an array, the fields included */
#define WIRE_MAX_NAME	255u		    /* bus, interface, error and member names */
#define WIRE_MAX_DEPTH	64u		    /* containers inside one another, variants included */
#define WIRE_MAX_ARGS	64u		    /* arguments that match rules can name */

enum wire_type {
	WIRE_CALL = 1,
	WIRE_RETURN = 2,
	WIRE_ERROR = 3,
	WIRE_SIGNAL = 4,
};

enum wire_flags {
	WIRE_NO_REPLY_EXPECTED = 1,
	WIRE_NO_AUTO_START = 2,
	WIRE_ALLOW_INTERACTIVE_AUTHORIZATION = 4,
};

enum wire_field {
	WIRE_FIELD_PATH = 1,
	WIRE_FIELD_INTERFACE = 2,
	WIRE_FIELD_MEMBER = 3,
	WIRE_FIELD_ERROR_NAME = 4,
	WIRE_FIELD_REPLY_SERIAL = 5,
	WIRE_FIELD_DESTINATION = 6,
	WIRE_FIELD_SENDER = 7,
	WIRE_FIELD_SIGNATURE = 8,
	WIRE_FIELD_UNIX_FDS = 9,
	WIRE_FIELD_CONTAINER_INSTANCE = 10,
	_WIRE_FIELD_MAX,
};

/* outcomes: 0 is good, the others say what is wrong; wire_outcome_text() */
enum wire_outcome {
	WIRE_OK = 0,
	WIRE_BAD_ENDIAN,
	WIRE_BAD_TYPE, /* message type 0 */
	WIRE_BAD_VERSION,
	WIRE_BAD_SERIAL, /* serial 0 */
	WIRE_TOO_LONG,	 /* fields, or all of it, above the format's limits */
	WIRE_BAD_PADDING,
	WIRE_BAD_FIELD_CODE, /* 0 */
	WIRE_BAD_FIELD_TYPE,
	WIRE_FIELD_TWICE,
	WIRE_FIELD_MISSING,
	WIRE_BAD_PATH,
	WIRE_BAD_INTERFACE,
	WIRE_BAD_MEMBER,
	WIRE_BAD_ERROR_NAME,
	WIRE_BAD_REPLY_SERIAL,
	WIRE_BAD_DESTINATION,
	WIRE_BAD_SENDER,
	WIRE_LOCAL, /* the path or interface reserved for client libraries */
	WIRE_BAD_SIGNATURE,
	WIRE_BAD_VARIANT, /* not exactly one complete type */
	WIRE_BAD_STRING,  /* length, NUL or UTF-8 */
	WIRE_BAD_BOOLEAN,
	WIRE_BAD_ARRAY,	   /* length does not fit the elements */
	WIRE_BAD_FD_INDEX, /* h beyond UNIX_FDS */
	WIRE_TOO_DEEP,
	WIRE_TRUNCATED,	    /* a value goes beyond the end */
	WIRE_TRAILING,	    /* bytes behind the last value */
	WIRE_BODY_UNSIGNED, /* a body and no signature */
	_WIRE_OUTCOME_MAX,
};

/**
 * struct wire_span - where a string lies
 * @at: offset of its first byte; 0: the field is absent
 * @len: without the NUL that follows it
 */
struct wire_span {
	uint32_t at;
	uint32_t len;
};

/**
 * struct wire_header - a header that was parsed
 * @type, @flags, @serial: as sent; unknown types and flags are fine
 * @is_big_endian: the byte order of all of it
 * @has_foreign: there are fields that must not be relayed as they are: unknown
 *	ones, CONTAINER_INSTANCE, SENDER
 * @fields_size: bytes of the field array, without the padding behind it
 * @header_size: where the body starts
 * @body_size: bytes of the body
 * @reply_serial: 0 if absent
 * @n_fds: 0 if absent
 */
struct wire_header {
	uint8_t type;
	uint8_t flags;
	bool is_big_endian;
	bool has_foreign;
	uint32_t serial;
	uint32_t fields_size;
	uint32_t header_size;
	uint32_t body_size;
	uint32_t reply_serial;
	uint32_t n_fds;
	struct wire_span path;
	struct wire_span interface;
	struct wire_span member;
	struct wire_span error_name;
	struct wire_span destination;
	struct wire_span sender;
	struct wire_span signature;
};

/* what is wrong, for the log; static */
const char *wire_outcome_text(int outcome);

/* validation */

/**
 * wire_frame() - sizes, out of the fixed part of a header
 * @bytes: WIRE_FIXED_SIZE bytes
 * @header_size_out: where the body starts
 * @size_out: header and body; at most WIRE_MAX_SIZE
 *
 * Return: WIRE_OK or what is wrong.
 */
int wire_frame(const uint8_t *bytes, uint32_t *header_size_out, uint32_t *size_out);

/**
 * wire_header_parse() - check a header and find its fields
 * @bytes: at least as many as wire_frame() said the header has
 *
 * Checks section "Message Protocol" of the specification: the fixed part, each
 * known field's type, value and number, unknown fields' structure, the padding,
 * and that the type's required fields are there.
 *
 * Return: WIRE_OK or what is wrong; @header_out is valid for WIRE_OK alone.
 */
int wire_header_parse(const uint8_t *bytes, struct wire_header *header_out);

/**
 * wire_body_check() - check a body against its signature
 * @bytes: the message, header_size bytes at least (the signature is in there)
 * @body: body_size bytes, 8-aligned in the message but not necessarily in memory
 */
int wire_body_check(const struct wire_header *header, const uint8_t *bytes, const uint8_t *body);

/**
 * wire_body_is_proven() - is a body valid whatever the rest of it is?
 * @there: so many of its first bytes are there
 *
 * True if it ends with an array of numbers, and @there reaches into that.  False says nothing.
 */
bool wire_body_is_proven(const struct wire_header *header, const uint8_t *bytes,
			 const uint8_t *body, uint32_t there);

/* Is it one valid signature: any number of complete types? */
bool wire_signature_is_valid(const char *signature, size_t len);

/* names: section "Valid Names"; @len without NUL */
bool wire_path_is_valid(const char *path, size_t len);
bool wire_interface_is_valid(const char *name, size_t len);
bool wire_member_is_valid(const char *name, size_t len);
bool wire_error_name_is_valid(const char *name, size_t len);
/* any bus name, with dbus-daemon's laxer unique names (":1", ":", ":.1") */
bool wire_bus_name_is_valid(const char *name, size_t len);
bool wire_well_known_name_is_valid(const char *name, size_t len);
/* like a well-known name, of which one element is enough */
bool wire_namespace_is_valid(const char *name, size_t len);
/* UTF-8 without surrogates, overlong forms, NUL and what lies beyond U+10FFFF */
bool wire_utf8_is_valid(const char *text, size_t len);

/* relaying */

/* size of the header (padding included) once SENDER is @sender_len bytes; UINT32_MAX if that made
 * fields or message longer than the format allows, so that no receiver would take it */
uint32_t wire_relay_size(const uint8_t *bytes, const struct wire_header *header, size_t sender_len);

/**
 * wire_relay_header() - write the header that the bus passes on
 * @bytes, @header: as received
 * @sender: the true sender
 * @out: room for wire_relay_size() bytes
 * @header_out: describes @out, with the body behind it
 *
 * In the byte order of the message.  Fields keep their order; SENDER is last.
 */
void wire_relay_header(const uint8_t *bytes, const struct wire_header *header, const char *sender,
		       size_t sender_len, uint8_t *out, struct wire_header *header_out);

/* reading values: of messages that passed wire_body_check() */

/**
 * struct wire_reader - walks a body
 *
 * A read that does not fit the bytes poisons the reader: it and all later ones
 * give 0 or "", and @failed is set.
 */
struct wire_reader {
	const uint8_t *bytes;
	uint32_t size;
	uint32_t at;
	bool is_big_endian;
	bool failed;
};

void wire_reader_init(struct wire_reader *reader, const struct wire_header *header,
		      const uint8_t *body);
uint8_t wire_read_byte(struct wire_reader *reader);
bool wire_read_bool(struct wire_reader *reader);
uint16_t wire_read_u16(struct wire_reader *reader);
uint32_t wire_read_u32(struct wire_reader *reader);
uint64_t wire_read_u64(struct wire_reader *reader);
/* strings and object paths; @len_out may be NULL */
const char *wire_read_string(struct wire_reader *reader, uint32_t *len_out);
const char *wire_read_signature(struct wire_reader *reader, uint32_t *len_out);
/* returns the offset at which the array's content ends: read while reader->at is below it */
uint32_t wire_read_array(struct wire_reader *reader, unsigned element_alignment);
/* aligns to 8, before a struct or dict entry */
void wire_read_struct(struct wire_reader *reader);
/* skips one complete value of the type at *@signature, and moves *@signature behind it */
void wire_read_skip(struct wire_reader *reader, const char **signature);

/**
 * struct wire_args - the leading top-level arguments, as match rules look at them
 *
 * Goes argument by argument; stops for good behind the 64th.
 */
struct wire_args {
	struct wire_reader reader;
	const char *signature;
	unsigned n; /* arguments given so far */
};

void wire_args_init(struct wire_args *args, const struct wire_header *header, const uint8_t *bytes,
		    const uint8_t *body);
/* type code of the next argument, or 0 after the last; @text_out is NULL unless it is s, o or g */
char wire_args_next(struct wire_args *args, const char **text_out, uint32_t *len_out);
