/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A second reading of the wire format: see naive-wire.h */
#include "tests/unit/proxy/naive-wire.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

/* names */

static const char *const patterns[_NAIVE_NAME_MAX] = {
	[NAIVE_PATH] = "^(/|(/[A-Za-z0-9_]+)+)$",
	[NAIVE_INTERFACE] = "^[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*)+$",
	[NAIVE_MEMBER] = "^[A-Za-z_][A-Za-z0-9_]*$",
	/* unique names as dbus-daemon takes them */
	[NAIVE_BUS_NAME] =
		"^(:([.]?[A-Za-z0-9_-])*|[A-Za-z_-][A-Za-z0-9_-]*([.][A-Za-z_-][A-Za-z0-9_-]*)+)$",
	[NAIVE_WELL_KNOWN] = "^[A-Za-z_-][A-Za-z0-9_-]*([.][A-Za-z_-][A-Za-z0-9_-]*)+$",
	[NAIVE_NAMESPACE] = "^[A-Za-z_-][A-Za-z0-9_-]*([.][A-Za-z_-][A-Za-z0-9_-]*)*$",
};

bool naive_name_is_valid(enum naive_name kind, const char *name, size_t len)
{
	static regex_t compiled[_NAIVE_NAME_MAX];
	static bool is_compiled[_NAIVE_NAME_MAX];
	char *copy;
	int r;

	if (!is_compiled[kind] &&
	    regcomp(&compiled[kind], patterns[kind], REG_EXTENDED | REG_NOSUB))
		abort();
	is_compiled[kind] = true;
	if (memchr(name, '\0', len) || (kind != NAIVE_PATH && len > 255))
		return false;
	copy = strndup(name, len);
	r = regexec(&compiled[kind], copy, 0, NULL, 0);
	free(copy);
	return !r;
}

/* text: decodes to code points, and asks whether each would be encoded the same way */

static size_t encode_utf8(uint32_t code, uint8_t *out)
{
	if (code < 0x80) {
		out[0] = code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = 0xc0 | code >> 6;
		out[1] = 0x80 | (code & 63);
		return 2;
	}
	if (code < 0x10000) {
		out[0] = 0xe0 | code >> 12;
		out[1] = 0x80 | (code >> 6 & 63);
		out[2] = 0x80 | (code & 63);
		return 3;
	}
	out[0] = 0xf0 | code >> 18;
	out[1] = 0x80 | (code >> 12 & 63);
	out[2] = 0x80 | (code >> 6 & 63);
	out[3] = 0x80 | (code & 63);
	return 4;
}

bool naive_utf8_is_valid(const char *text, size_t len)
{
	const uint8_t *p = (const uint8_t *)text;

	while (len) {
		uint8_t again[4];
		uint32_t code;
		size_t n;

		if (*p < 0x80)
			n = 1, code = *p;
		else if ((*p & 0xe0) == 0xc0)
			n = 2, code = *p & 31;
		else if ((*p & 0xf0) == 0xe0)
			n = 3, code = *p & 15;
		else if ((*p & 0xf8) == 0xf0)
			n = 4, code = *p & 7;
		else
			return false;
		if (n > len)
			return false;
		for (size_t i = 1; i < n; i++)
			code = code << 6 | (p[i] & 63);
		if (!code || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
			return false;
		if (encode_utf8(code, again) != n || memcmp(again, p, n))
			return false;
		p += n;
		len -= n;
	}
	return true;
}

/* signatures: gives how long the complete type at the front is, 0 if there is none */

static size_t type_length(const char *s, size_t len, unsigned arrays, unsigned structs)
{
	size_t n, at;

	if (!len)
		return 0;
	if (*s && strchr("ybnqiuxtdhsogv", *s))
		return 1;
	if (*s == '(') {
		if (structs == 32)
			return 0;
		for (at = 1; at < len && s[at] != ')'; at += n) {
			n = type_length(s + at, len - at, arrays, structs + 1);
			if (!n)
				return 0;
		}
		return at < len && at > 1 ? at + 1 : 0;
	}
	if (*s != 'a' || arrays == 32)
		return 0;
	if (len > 1 && s[1] == '{') {
		if (len < 4 || !s[2] || !strchr("ybnqiuxtdhsog", s[2]))
			return 0;
		n = type_length(s + 3, len - 3, arrays + 1, structs);
		return n && 3 + n < len && s[3 + n] == '}' ? 3 + n + 1 : 0;
	}
	n = type_length(s + 1, len - 1, arrays + 1, structs);
	return n ? n + 1 : 0;
}

bool naive_signature_is_valid(const char *signature, size_t len)
{
	if (len > 255)
		return false;
	while (len) {
		size_t n = type_length(signature, len, 0, 0);

		if (!n)
			return false;
		signature += n;
		len -= n;
	}
	return true;
}

/* values */

struct naive {
	const uint8_t *bytes;
	size_t size;
	size_t at;
	bool is_big_endian;
	bool has_fds; /* indexes are checked */
	uint32_t n_fds;
};

static bool naive_align(struct naive *n, size_t alignment)
{
	while (n->at % alignment) {
		if (n->at >= n->size || n->bytes[n->at])
			return false;
		n->at++;
	}
	return true;
}

static bool naive_number(struct naive *n, unsigned size, uint64_t *value_out)
{
	uint64_t value = 0;

	if (!naive_align(n, size) || n->at + size > n->size)
		return false;
	for (unsigned i = 0; i < size; i++) {
		uint64_t byte = n->bytes[n->at + i];

		value |= byte << 8 * (n->is_big_endian ? size - 1 - i : i);
	}
	n->at += size;
	*value_out = value;
	return true;
}

static bool naive_text(struct naive *n, uint64_t len, const char **text_out)
{
	if (n->at + len + 1 > n->size || n->bytes[n->at + len])
		return false;
	*text_out = (const char *)n->bytes + n->at;
	n->at += len + 1;
	return true;
}

static unsigned naive_alignment(char type)
{
	switch (type) {
	case 'y':
	case 'g':
	case 'v':
		return 1;
	case 'n':
	case 'q':
		return 2;
	case 'b':
	case 'i':
	case 'u':
	case 'h':
	case 's':
	case 'o':
	case 'a':
		return 4;
	default:
		return 8;
	}
}

/* one value of the complete type that is all of @s; @depth containers are around it */
static bool naive_value(struct naive *n, const char *s, size_t len, unsigned depth)
{
	size_t outer = n->size, end, at, m;
	const char *text;
	uint64_t value;

	if (strchr("av({", *s) && depth == 64)
		return false;
	switch (*s) {
	case 'y':
		return naive_number(n, 1, &value);
	case 'n':
	case 'q':
		return naive_number(n, 2, &value);
	case 'i':
	case 'u':
		return naive_number(n, 4, &value);
	case 'x':
	case 't':
	case 'd':
		return naive_number(n, 8, &value);
	case 'b':
		return naive_number(n, 4, &value) && value <= 1;
	case 'h':
		return naive_number(n, 4, &value) && (!n->has_fds || value < n->n_fds);
	case 's':
		return naive_number(n, 4, &value) && naive_text(n, value, &text) &&
		       naive_utf8_is_valid(text, value);
	case 'o':
		return naive_number(n, 4, &value) && naive_text(n, value, &text) &&
		       naive_name_is_valid(NAIVE_PATH, text, value);
	case 'g':
		return naive_number(n, 1, &value) && naive_text(n, value, &text) &&
		       naive_signature_is_valid(text, value);
	case 'v':
		return naive_number(n, 1, &value) && naive_text(n, value, &text) && value &&
		       naive_signature_is_valid(text, value) &&
		       type_length(text, value, 0, 0) == value &&
		       naive_value(n, text, value, depth + 1);
	case '(':
	case '{':
		if (!naive_align(n, 8))
			return false;
		for (at = 1; at < len - 1; at += m) {
			m = type_length(s + at, len - at, 0, 0);
			if (!naive_value(n, s + at, m, depth + 1))
				return false;
		}
		return true;
	default: /* a */
		if (!naive_number(n, 4, &value) || value > 1 << 26 ||
		    !naive_align(n, naive_alignment(s[1])) || n->at + value > n->size)
			return false;
		end = n->at + value;
		n->size = end;
		while (n->at < end)
			if (!naive_value(n, s + 1, len - 1, depth + 1))
				return false;
		n->size = outer;
		return true;
	}
}

static bool naive_values(struct naive *n, const char *s, size_t len)
{
	while (len) {
		size_t m = type_length(s, len, 0, 0);

		if (!naive_value(n, s, m, 0))
			return false;
		s += m;
		len -= m;
	}
	return true;
}

bool naive_body_is_valid(const char *signature, size_t signature_len, const uint8_t *body,
			 size_t size, bool is_big_endian, uint32_t n_fds)
{
	struct naive n = {body, size, 0, is_big_endian, true, n_fds};

	return naive_signature_is_valid(signature, signature_len) &&
	       naive_values(&n, signature, signature_len) && n.at == size;
}

/* messages */

static bool is(const char *text, size_t len, const char *other)
{
	return len == strlen(other) && !memcmp(text, other, len);
}

/* the value of the known field @code, whose variant has the signature @type */
static bool naive_field_is_valid(struct naive n, unsigned code, char type)
{
	static const char types[] = {0, 'o', 's', 's', 's', 'u', 's', 's', 'g', 'u', 'o'};
	const char *text = NULL;
	uint64_t value;

	if (type != types[code])
		return false;
	if (!naive_number(&n, type == 'g' ? 1 : 4, &value))
		return false;
	if (type != 'u' && !naive_text(&n, value, &text))
		return false;
	switch (code) {
	case 1:
		return !is(text, value, "/org/freedesktop/DBus/Local");
	case 2:
		return naive_name_is_valid(NAIVE_INTERFACE, text, value) &&
		       !is(text, value, "org.freedesktop.DBus.Local");
	case 3:
		return naive_name_is_valid(NAIVE_MEMBER, text, value);
	case 4:
		return naive_name_is_valid(NAIVE_INTERFACE, text, value);
	case 5:
		return value;
	case 6:
	case 7:
		return naive_name_is_valid(NAIVE_BUS_NAME, text, value);
	default: /* a path or a signature was checked as any value of its type */
		return true;
	}
}

size_t naive_fields(const uint8_t *bytes, struct naive_field *fields, size_t max)
{
	struct naive n = {bytes, 16, 12, bytes[0] == 'B'};
	size_t n_fields = 0;
	uint64_t size;

	naive_number(&n, 4, &size);
	n.size = 16 + size;
	while (n.at < n.size) {
		struct naive_field field;

		naive_align(&n, 8);
		field.at = n.at;
		field.code = n.bytes[n.at++];
		naive_value(&n, "v", 1, 2);
		field.size = n.at - field.at;
		if (n_fields < max)
			fields[n_fields] = field;
		n_fields++;
	}
	return n_fields;
}

bool naive_message_is_valid(const uint8_t *bytes, size_t size)
{
	static const char *const required[] = {"", "13", "5", "45", "123"};
	struct naive n = {bytes, size};
	uint64_t body_size, serial, fields_size;
	bool seen[256] = {false};
	const char *signature = "";
	size_t signature_len = 0;

	if (size < 16 || (bytes[0] != 'l' && bytes[0] != 'B') || !bytes[1] || bytes[3] != 1)
		return false;
	n.is_big_endian = bytes[0] == 'B';
	n.at = 4;
	naive_number(&n, 4, &body_size);
	naive_number(&n, 4, &serial);
	naive_number(&n, 4, &fields_size);
	if (!serial || fields_size > 1 << 26 || (16 + fields_size + 7) / 8 * 8 + body_size != size)
		return false;
	n.size = 16 + fields_size;
	while (n.at < n.size) {
		struct naive inside;
		uint8_t code;

		if (!naive_align(&n, 8) || n.at == n.size)
			return false;
		code = bytes[n.at++];
		inside = n;
		if (!code || !naive_value(&n, "v", 1, 2))
			return false;
		if (code > 10)
			continue;
		if (seen[code] || bytes[inside.at] != 1)
			return false;
		seen[code] = true;
		inside.at += 3;
		if (!naive_field_is_valid(inside, code, bytes[inside.at - 2]))
			return false;
		if (code == 8) {
			signature_len = bytes[inside.at];
			signature = (const char *)bytes + inside.at + 1;
		} else if (code == 9) {
			uint64_t n_fds;

			naive_number(&inside, 4, &n_fds);
			n.n_fds = n_fds;
		}
	}
	n.size = size;
	if (!naive_align(&n, 8))
		return false;
	for (const char *p = bytes[1] < 5 ? required[bytes[1]] : ""; *p; p++)
		if (!seen[*p - '0'])
			return false;
	return naive_body_is_valid(signature, signature_len, bytes + n.at, size - n.at,
				   n.is_big_endian, n.n_fds);
}
