/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* D-Bus messages for tests: reading.  See message.h.
 *
 * A checker walks the bytes along a signature, first the header's and then the
 * body's; it is the specification's "Marshaling" chapter as code, slow and
 * plain.  The readers run only over what the checker has accepted.
 */
#include "tests/harness/message.h"
#include "tests/harness/tap.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct checker {
	struct reader r;
	const char *error;
	const char *text; /* the last string that was stepped over */
};

static bool wrong(struct checker *c, const char *error)
{
	if (!c->error)
		c->error = error;
	return false;
}

static size_t alignment_of(char type)
{
	return strchr("ygv", type) ? 1 : strchr("nq", type) ? 2 : strchr("xtd({", type) ? 8 : 4;
}

static bool is_basic(char type)
{
	return type && strchr("ybnqiuxtdhsog", type);
}

/* Steps over one complete type; NULL if none starts at p. */
static const char *complete_type(const char *p, int arrays, int structs)
{
	if (is_basic(*p) || *p == 'v')
		return p + 1;
	if (*p == 'a' && p[1] == '{') {
		if (arrays == 32 || structs == 32 || !is_basic(p[2]))
			return NULL;
		p = complete_type(p + 3, arrays + 1, structs + 1);
		return p && *p == '}' ? p + 1 : NULL;
	}
	if (*p == 'a')
		return arrays == 32 ? NULL : complete_type(p + 1, arrays + 1, structs);
	if (*p != '(' || structs == 32 || p[1] == ')')
		return NULL;
	p++;
	while (*p != ')') {
		p = complete_type(p, arrays, structs + 1);
		if (!p)
			return NULL;
	}
	return p + 1;
}

bool is_signature(const char *text)
{
	if (strlen(text) > 255)
		return false;
	while (*text) {
		text = complete_type(text, 0, 0);
		if (!text)
			return false;
	}
	return true;
}

static bool is_utf8(const uint8_t *p, size_t size)
{
	const uint8_t *end = p + size;

	while (p < end) {
		uint32_t c = *p++;
		int n = c < 0x80   ? 0
			: c < 0xc0 ? -1
			: c < 0xe0 ? 1
			: c < 0xf0 ? 2
			: c < 0xf8 ? 3
				   : -1;
		static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};

		if (n < 0 || end - p < n)
			return false;
		if (n)
			c &= 0x3f >> n;
		for (int i = 0; i < n; i++, p++) {
			if ((*p & 0xc0) != 0x80)
				return false;
			c = c << 6 | (*p & 0x3f);
		}
		if (!c || c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
			return false;
	}
	return true;
}

static bool is_word_char(char c, bool digits)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (digits && c >= '0' && c <= '9');
}

static bool is_path(const char *p)
{
	if (*p != '/')
		return false;
	if (!p[1])
		return true;
	while (*p == '/') {
		if (!is_word_char(*++p, true))
			return false;
		while (is_word_char(*p, true))
			p++;
	}
	return !*p;
}

/* Elements between dots; unique names may start with digits. */
static bool is_dotted(const char *p, const char *more, bool digits_first)
{
	int n_elements = 0;

	if (strlen(p) > 255)
		return false;
	for (;;) {
		if (!*p || !(is_word_char(*p, digits_first) || strchr(more, *p)))
			return false;
		while (*p && (is_word_char(*p, true) || strchr(more, *p)))
			p++;
		n_elements++;
		if (!*p)
			return n_elements >= 2;
		if (*p++ != '.')
			return false;
	}
}

static bool is_interface(const char *p)
{
	return is_dotted(p, "", false);
}

static bool is_member(const char *p)
{
	if (strlen(p) > 255 || !is_word_char(*p, false))
		return false;
	while (is_word_char(*p, true))
		p++;
	return !*p;
}

static bool is_bus_name(const char *p)
{
	return *p == ':' ? is_dotted(p + 1, "-", true) : is_dotted(p, "-", false);
}

static bool check_padding(struct checker *c, size_t alignment)
{
	while (c->r.pos % alignment) {
		if (c->r.pos >= c->r.size)
			return wrong(c, "padding beyond the end");
		if (c->r.data[c->r.pos++])
			return wrong(c, "padding is not zero");
	}
	return true;
}

static bool check_space(struct checker *c, size_t size)
{
	return c->r.size - c->r.pos >= size || wrong(c, "value beyond the end");
}

static bool check_text(struct checker *c, char type)
{
	const uint8_t *p;
	size_t length;

	if (type == 'g') {
		if (!check_space(c, 1))
			return false;
		length = c->r.data[c->r.pos++];
	} else {
		if (!check_padding(c, 4) || !check_space(c, 4))
			return false;
		length = read_u32(&c->r);
	}
	if (!check_space(c, length + 1))
		return false;
	p = c->r.data + c->r.pos;
	c->r.pos += length + 1;
	if (p[length] || memchr(p, 0, length))
		return wrong(c, "string ends in the wrong place");
	if (!is_utf8(p, length))
		return wrong(c, "string is not UTF-8");
	if (type == 'o' && !is_path((const char *)p))
		return wrong(c, "bad object path");
	if (type == 'g' && !is_signature((const char *)p))
		return wrong(c, "bad signature");
	c->text = (const char *)p;
	return true;
}

static bool check_value(struct checker *c, const char *type, int depth);

static bool check_array(struct checker *c, const char *element, int depth)
{
	uint32_t length;
	size_t end;

	if (!check_padding(c, 4) || !check_space(c, 4))
		return false;
	length = read_u32(&c->r);
	if (length > 1 << 26)
		return wrong(c, "array too long");
	if (!check_padding(c, alignment_of(*element)) || !check_space(c, length))
		return false;
	end = c->r.pos + length;
	if (*element == 'y') {
		c->r.pos = end;
		return true;
	}
	while (c->r.pos < end)
		if (!check_value(c, element, depth + 1))
			return false;
	return c->r.pos == end || wrong(c, "array does not end with an element");
}

/* one complete type; the signature itself has been checked */
static bool check_value(struct checker *c, const char *type, int depth)
{
	static const char fixed[] = "ybnqiuhxtd", sizes[] = {1, 4, 2, 2, 4, 4, 4, 8, 8, 8};
	const char *variant;
	size_t size;

	if (depth > 64)
		return wrong(c, "value nested too deeply");
	switch (*type) {
	case 's':
	case 'o':
	case 'g':
		return check_text(c, *type);
	case 'v':
		if (!check_text(c, 'g'))
			return false;
		variant = complete_type(c->text, 0, 0);
		if (!variant || *variant)
			return wrong(c, "variant without exactly one type");
		return check_value(c, c->text, depth + 1);
	case 'a':
		return check_array(c, type + 1, depth);
	case '(':
	case '{':
		if (!check_padding(c, 8))
			return false;
		for (type++; *type != ')' && *type != '}'; type = complete_type(type, 0, 0))
			if (!check_value(c, type, depth + 1))
				return false;
		return true;
	}
	size = sizes[strchr(fixed, *type) - fixed];
	if (!check_padding(c, size) || !check_space(c, size))
		return false;
	if (*type != 'b')
		c->r.pos += size;
	else if (read_u32(&c->r) > 1)
		return wrong(c, "boolean is neither 0 nor 1");
	return true;
}

static bool check_field(struct checker *c, struct msg *msg, unsigned int code)
{
	static const char *const types[] = {
		NULL, "o", "s", "s", "s", "u", "s", "s", "g", "u",
	};
	char **const strings[] = {
		NULL, &msg->path,	 &msg->interface, &msg->member,	   &msg->error_name,
		NULL, &msg->destination, &msg->sender,	  &msg->signature, NULL,
	};
	bool (*const grammars[])(const char *) = {
		NULL, is_path,	   is_interface, is_member,    is_interface,
		NULL, is_bus_name, is_bus_name,	 is_signature, NULL,
	};
	const char *type;
	uint32_t *number;

	if (!check_text(c, 'g'))
		return false;
	type = c->text;
	if (strlen(type) == 0 || *complete_type(type, 0, 0))
		return wrong(c, "header field without exactly one type");
	if (!code)
		return wrong(c, "header field 0");
	if (code > FIELD_UNIX_FDS) {
		msg->n_unknown_fields++;
		return check_value(c, type, 0);
	}
	if (strcmp(type, types[code]))
		return wrong(c, "header field of a wrong type");
	if (!strings[code]) {
		number = code == FIELD_UNIX_FDS ? &msg->unix_fds : &msg->reply_serial;
		if (*number)
			return wrong(c, "header field twice");
		if (!check_padding(c, 4) || !check_space(c, 4))
			return false;
		*number = read_u32(&c->r);
		return *number || code == FIELD_UNIX_FDS || wrong(c, "reply serial 0");
	}
	if (*strings[code])
		return wrong(c, "header field twice");
	if (!check_text(c, *types[code]))
		return false;
	if (!grammars[code](c->text))
		return wrong(c, "header field against its grammar");
	*strings[code] = strdup(c->text);
	return *strings[code] || wrong(c, "out of memory");
}

static bool check_required(struct checker *c, const struct msg *msg)
{
	switch (msg->type) {
	case 0:
		return wrong(c, "type 0");
	case MSG_CALL:
		return (msg->path && msg->member) || wrong(c, "call without path or member");
	case MSG_RETURN:
		return msg->reply_serial || wrong(c, "return without reply serial");
	case MSG_ERROR:
		return (msg->reply_serial && msg->error_name) ||
		       wrong(c, "error without name or reply serial");
	case MSG_SIGNAL:
		return (msg->path && msg->interface && msg->member) ||
		       wrong(c, "signal without path, interface or member");
	}
	return true;
}

static bool check_message(struct checker *c, struct msg *msg)
{
	uint32_t body_size, fields_size;
	const char *type;
	size_t end;

	if (c->r.size < MSG_HEADER_SIZE || msg_size(c->r.data) != c->r.size)
		return wrong(c, "bad fixed header");
	msg->endian = c->r.data[0];
	msg->type = c->r.data[1];
	msg->flags = c->r.data[2];
	msg->version = c->r.data[3];
	c->r.pos = 4;
	body_size = read_u32(&c->r);
	msg->serial = read_u32(&c->r);
	fields_size = read_u32(&c->r);
	if (!msg->serial)
		return wrong(c, "serial 0");
	end = MSG_HEADER_SIZE + fields_size;
	while (c->r.pos < end) {
		if (!check_padding(c, 8) || !check_space(c, 1))
			return false;
		if (!check_field(c, msg, c->r.data[c->r.pos++]))
			return false;
	}
	if (c->r.pos != end)
		return wrong(c, "header fields end in the wrong place");
	if (!check_padding(c, 8) || !check_required(c, msg))
		return false;
	msg->body.big = c->r.big;
	blob_bytes(&msg->body, c->r.data + c->r.pos, body_size);
	for (type = msg->signature ?: ""; *type; type = complete_type(type, 0, 0))
		if (!check_value(c, type, 0))
			return false;
	return c->r.pos == c->r.size || wrong(c, "body longer than its signature");
}

size_t msg_size(const uint8_t *header)
{
	struct reader r = {header, MSG_HEADER_SIZE, 4, header[0] == 'B'};
	uint64_t body_size = read_u32(&r), fields_size;

	if ((header[0] != 'l' && header[0] != 'B') || header[3] != 1)
		return 0;
	read_u32(&r);
	fields_size = read_u32(&r);
	fields_size = (fields_size + 7) & ~(uint64_t)7;
	body_size += MSG_HEADER_SIZE + fields_size;
	return body_size <= MSG_MAX_SIZE ? body_size : 0;
}

const char *msg_parse(const uint8_t *data, size_t size, struct msg **msg_out)
{
	struct checker c = {.r = {data, size, 0, size && data[0] == 'B'}};
	struct msg *msg = msg_new(0);

	if (!check_message(&c, msg)) {
		msg_free(msg);
		return c.error;
	}
	blob_bytes(&msg->raw, data, size);
	*msg_out = msg;
	return NULL;
}

struct reader msg_reader(const struct msg *msg)
{
	return (struct reader){msg->body.data, msg->body.size, 0, msg->endian == 'B'};
}

void read_align(struct reader *r, size_t alignment)
{
	r->pos += -r->pos & (alignment - 1);
}

static uint64_t read_number(struct reader *r, size_t size)
{
	uint64_t value = 0;

	read_align(r, size);
	if (r->size < r->pos + size)
		fail("the test reads beyond the end of a message");
	for (size_t i = 0; i < size; i++)
		value |= (uint64_t)r->data[r->pos + (r->big ? size - 1 - i : i)] << (8 * i);
	r->pos += size;
	return value;
}

uint8_t read_u8(struct reader *r)
{
	return read_number(r, 1);
}

uint16_t read_u16(struct reader *r)
{
	return read_number(r, 2);
}

uint32_t read_u32(struct reader *r)
{
	return read_number(r, 4);
}

uint64_t read_u64(struct reader *r)
{
	return read_number(r, 8);
}

static const char *read_text(struct reader *r, size_t length)
{
	r->pos += length + 1;
	return (const char *)r->data + r->pos - length - 1;
}

const char *read_string(struct reader *r)
{
	return read_text(r, read_u32(r));
}

const char *read_signature(struct reader *r)
{
	return read_text(r, read_u8(r));
}

void read_skip(struct reader *r, const char **signature)
{
	struct checker c = {.r = *r};

	if (!check_value(&c, *signature, 0))
		fail("the test misreads a message: %s", c.error);
	*r = c.r;
	*signature = complete_type(*signature, 0, 0);
}

void msg_read(const struct msg *msg, const char *signature, ...)
{
	struct reader r = msg_reader(msg);
	va_list args;

	if (strncmp(msg->signature ?: "", signature, strlen(signature)))
		fail("expected values \"%s\", but the message has \"%s\"", signature,
		     msg->signature ?: "");
	va_start(args, signature);
	for (; *signature; signature++) {
		switch (*signature) {
		case 'y':
			*va_arg(args, uint8_t *) = read_u8(&r);
			break;
		case 'n':
		case 'q':
			*va_arg(args, uint16_t *) = read_u16(&r);
			break;
		case 'b':
		case 'i':
		case 'u':
		case 'h':
			*va_arg(args, uint32_t *) = read_u32(&r);
			break;
		case 'x':
		case 't':
			*va_arg(args, uint64_t *) = read_u64(&r);
			break;
		case 's':
		case 'o':
			*va_arg(args, const char **) = read_string(&r);
			break;
		case 'g':
			*va_arg(args, const char **) = read_signature(&r);
			break;
		default:
			fail("msg_read reads no %c", *signature);
		}
	}
	va_end(args);
}

const char **msg_read_strings(const struct msg *msg, size_t *n_out)
{
	struct reader r = msg_reader(msg);
	const char **strings = NULL;
	size_t n = 0, end;

	expect_str(msg->signature, "as");
	end = 4 + read_u32(&r);
	do {
		strings = realloc(strings, (n + 1) * sizeof(*strings));
		if (!strings)
			fail("out of memory");
		strings[n++] = r.pos < end ? read_string(&r) : NULL;
	} while (strings[n - 1]);
	if (n_out)
		*n_out = n - 1;
	return strings;
}

bool msg_find(const struct msg *msg, const char *key, const char **signature_out,
	      struct reader *reader_out)
{
	struct reader r = msg_reader(msg);
	size_t end;

	expect_str(msg->signature, "a{sv}");
	end = read_u32(&r);
	read_align(&r, 8);
	end += r.pos;
	while (r.pos < end) {
		const char *name, *type = "v", *signature;
		struct reader value;

		read_align(&r, 8);
		name = read_string(&r);
		value = r;
		if (!strcmp(name, key)) {
			signature = read_signature(&value);
			*signature_out = signature;
			*reader_out = value;
			return true;
		}
		read_skip(&r, &type);
	}
	return false;
}
