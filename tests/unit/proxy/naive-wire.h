/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A second reading of the wire format
 *
 * Written from the specification to be plain, not fast: recursive, names by regular
 * expressions, the header read as the value "yyyyuua(yv)" that it is.  It shares
 * nothing with the code it is compared with.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum naive_name {
	NAIVE_PATH,
	NAIVE_INTERFACE,
	NAIVE_MEMBER,
	NAIVE_BUS_NAME,
	NAIVE_WELL_KNOWN,
	NAIVE_NAMESPACE,
	_NAIVE_NAME_MAX,
};

bool naive_name_is_valid(enum naive_name kind, const char *name, size_t len);
bool naive_utf8_is_valid(const char *text, size_t len);
bool naive_signature_is_valid(const char *signature, size_t len);

/* @size bytes that are one whole message, or not */
bool naive_message_is_valid(const uint8_t *bytes, size_t size);

/* a body and its signature alone */
bool naive_body_is_valid(const char *signature, size_t signature_len, const uint8_t *body,
			 size_t size, bool is_big_endian, uint32_t n_fds);

/**
 * struct naive_field - a header field of a valid message
 * @at, @size: all of it, from its code to the end of its value
 */
struct naive_field {
	uint8_t code;
	size_t at, size;
};

/* the fields of a valid message in order, at most @max; returns how many there are */
size_t naive_fields(const uint8_t *bytes, struct naive_field *fields, size_t max);
