/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* D-Bus messages for tests: writing.  See message.h; reading is in parse.c. */
#include "tests/harness/message.h"
#include "tests/harness/tap.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void blob_free(struct blob *blob)
{
	free(blob->data);
	*blob = (struct blob){.big = blob->big};
}

static uint8_t *blob_grow(struct blob *blob, size_t size)
{
	if (blob->capacity - blob->size < size) {
		blob->capacity = (blob->size + size) * 2;
		blob->data = realloc(blob->data, blob->capacity);
		if (!blob->data)
			fail("out of memory");
	}
	blob->size += size;
	return blob->data + blob->size - size;
}

void blob_bytes(struct blob *blob, const void *data, size_t size)
{
	if (size)
		memcpy(blob_grow(blob, size), data, size);
}

void blob_zero(struct blob *blob, size_t size)
{
	if (size)
		memset(blob_grow(blob, size), 0, size);
}

void blob_align(struct blob *blob, size_t alignment)
{
	blob_zero(blob, -blob->size & (alignment - 1));
}

/* the size low bytes of value, in the blob's order */
static void blob_number(struct blob *blob, uint64_t value, size_t size)
{
	uint8_t *p;

	blob_align(blob, size);
	p = blob_grow(blob, size);
	for (size_t i = 0; i < size; i++)
		p[blob->big ? size - 1 - i : i] = value >> (8 * i);
}

void blob_u8(struct blob *blob, uint8_t value)
{
	blob_number(blob, value, 1);
}

void blob_u16(struct blob *blob, uint16_t value)
{
	blob_number(blob, value, 2);
}

void blob_u32(struct blob *blob, uint32_t value)
{
	blob_number(blob, value, 4);
}

void blob_u64(struct blob *blob, uint64_t value)
{
	blob_number(blob, value, 8);
}

void blob_string(struct blob *blob, const char *text)
{
	blob_u32(blob, strlen(text));
	blob_bytes(blob, text, strlen(text) + 1);
}

void blob_signature(struct blob *blob, const char *text)
{
	blob_u8(blob, strlen(text));
	blob_bytes(blob, text, strlen(text) + 1);
}

void blob_put_u32(struct blob *blob, size_t offset, uint32_t value)
{
	for (size_t i = 0; i < 4; i++)
		blob->data[offset + (blob->big ? 3 - i : i)] = value >> (8 * i);
}

void blob_hex(struct blob *blob, const char *hex)
{
	int high = -1;

	for (; *hex; hex++) {
		int digit;

		if (*hex == ' ')
			continue;
		digit = isdigit((unsigned char)*hex) ? *hex - '0' : (*hex | 0x20) - 'a' + 10;
		if (high < 0) {
			high = digit;
			continue;
		}
		blob_u8(blob, high << 4 | digit);
		high = -1;
	}
}

static char *copy(const char *text)
{
	char *p;

	if (!text)
		return NULL;
	p = strdup(text);
	if (!p)
		fail("out of memory");
	return p;
}

struct msg *msg_new(uint8_t type)
{
	struct msg *msg = calloc(1, sizeof(*msg));

	if (!msg)
		fail("out of memory");
	msg->endian = 'l';
	msg->type = type;
	msg->version = 1;
	return msg;
}

struct msg *msg_call(const char *destination, const char *path, const char *interface,
		     const char *member)
{
	struct msg *msg = msg_new(MSG_CALL);

	msg->destination = copy(destination);
	msg->path = copy(path);
	msg->interface = copy(interface);
	msg->member = copy(member);
	return msg;
}

struct msg *msg_signal(const char *path, const char *interface, const char *member)
{
	struct msg *msg = msg_new(MSG_SIGNAL);

	msg->path = copy(path);
	msg->interface = copy(interface);
	msg->member = copy(member);
	return msg;
}

struct msg *msg_return(const struct msg *call)
{
	struct msg *msg = msg_new(MSG_RETURN);

	msg->reply_serial = call->serial;
	msg->destination = copy(call->sender);
	msg->flags = MSG_NO_REPLY;
	return msg;
}

struct msg *msg_error(const struct msg *call, const char *error_name)
{
	struct msg *msg = msg_return(call);

	msg->type = MSG_ERROR;
	msg->error_name = copy(error_name);
	return msg;
}

struct msg *msg_free(struct msg *msg)
{
	if (!msg)
		return NULL;
	for (unsigned int i = 0; i < msg->n_fds; i++)
		close(msg->fds[i]);
	free(msg->path);
	free(msg->interface);
	free(msg->member);
	free(msg->error_name);
	free(msg->destination);
	free(msg->sender);
	free(msg->signature);
	blob_free(&msg->extra);
	blob_free(&msg->body);
	blob_free(&msg->raw);
	free(msg);
	return NULL;
}

struct msg *msg_flags(struct msg *msg, uint8_t flags)
{
	msg->flags = flags;
	return msg;
}

struct msg *msg_to(struct msg *msg, const char *destination)
{
	free(msg->destination);
	msg->destination = copy(destination);
	return msg;
}

struct msg *msg_big(struct msg *msg)
{
	msg->endian = 'B';
	msg->body.big = true;
	msg->extra.big = true;
	return msg;
}

static size_t type_alignment(char type)
{
	switch (type) {
	case 'y':
	case 'g':
	case 'v':
		return 1;
	case 'n':
	case 'q':
		return 2;
	case 'x':
	case 't':
	case 'd':
	case '(':
	case '{':
		return 8;
	default:
		return 4;
	}
}

/* the end of the complete type that starts at type */
static const char *type_end(const char *type)
{
	int depth = 0;

	while (*type == 'a')
		type++;
	do {
		if (*type == '(' || *type == '{')
			depth++;
		else if (*type == ')' || *type == '}')
			depth--;
		type++;
	} while (depth && *type);
	return type;
}

/* va_list in a struct: passed on by address whatever type it is */
struct values {
	va_list args;
};

static void append_types(struct blob *blob, const char *type, const char *end,
			 struct values *values);

static const char *append_one(struct blob *blob, const char *type, struct values *values)
{
	const char *end = type_end(type), *variant;
	size_t length_at, start;
	union {
		double number;
		uint64_t bits;
	} real;
	unsigned int n;

	switch (*type) {
	case 'y':
		blob_u8(blob, va_arg(values->args, int));
		break;
	case 'n':
	case 'q':
		blob_u16(blob, va_arg(values->args, int));
		break;
	case 'b':
	case 'i':
	case 'u':
	case 'h':
		blob_u32(blob, va_arg(values->args, uint32_t));
		break;
	case 'x':
	case 't':
		blob_u64(blob, va_arg(values->args, uint64_t));
		break;
	case 'd':
		real.number = va_arg(values->args, double);
		blob_u64(blob, real.bits);
		break;
	case 's':
	case 'o':
		blob_string(blob, va_arg(values->args, const char *));
		break;
	case 'g':
		blob_signature(blob, va_arg(values->args, const char *));
		break;
	case 'v':
		variant = va_arg(values->args, const char *);
		blob_signature(blob, variant);
		append_types(blob, variant, variant + strlen(variant), values);
		break;
	case 'a':
		n = va_arg(values->args, unsigned int);
		blob_u32(blob, 0);
		length_at = blob->size - 4;
		blob_align(blob, type_alignment(type[1]));
		start = blob->size;
		while (n--)
			append_one(blob, type + 1, values);
		blob_put_u32(blob, length_at, blob->size - start);
		break;
	case '(':
	case '{':
		blob_align(blob, 8);
		append_types(blob, type + 1, end - 1, values);
		break;
	default:
		fail("bad signature in the test: %s", type);
	}
	return end;
}

static void append_types(struct blob *blob, const char *type, const char *end,
			 struct values *values)
{
	while (type < end)
		type = append_one(blob, type, values);
}

static void extend_signature(struct msg *msg, const char *more)
{
	size_t old = msg->signature ? strlen(msg->signature) : 0;
	char *signature = realloc(msg->signature, old + strlen(more) + 1);

	if (!signature)
		fail("out of memory");
	strcpy(signature + old, more);
	msg->signature = signature;
}

struct msg *msg_append(struct msg *msg, const char *signature, ...)
{
	struct values values;

	va_start(values.args, signature);
	append_types(&msg->body, signature, signature + strlen(signature), &values);
	va_end(values.args);
	extend_signature(msg, signature);
	return msg;
}

struct msg *msg_body(struct msg *msg, const char *signature, const void *data, size_t size)
{
	if (signature)
		extend_signature(msg, signature);
	blob_bytes(&msg->body, data, size);
	return msg;
}

struct msg *msg_attach(struct msg *msg, int fd)
{
	expect_lt(msg->n_fds, MSG_MAX_FDS);
	msg->fds[msg->n_fds] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	expect_ge(msg->fds[msg->n_fds], 0);
	msg->n_fds++;
	msg->unix_fds++;
	return msg;
}

static void append_field(struct blob *blob, int code, const char *signature, ...)
{
	struct values values;

	blob_align(blob, 8);
	blob_u8(blob, code);
	blob_signature(blob, signature);
	va_start(values.args, signature);
	append_types(blob, signature, signature + strlen(signature), &values);
	va_end(values.args);
}

struct msg *msg_field(struct msg *msg, uint8_t code, const char *signature, ...)
{
	struct values values;

	blob_align(&msg->extra, 8);
	blob_u8(&msg->extra, code);
	blob_signature(&msg->extra, signature);
	va_start(values.args, signature);
	append_types(&msg->extra, signature, signature + strlen(signature), &values);
	va_end(values.args);
	return msg;
}

void msg_encode(const struct msg *msg, struct blob *out)
{
	struct blob b = {.big = msg->endian == 'B'};

	blob_u8(&b, msg->endian);
	blob_u8(&b, msg->type);
	blob_u8(&b, msg->flags);
	blob_u8(&b, msg->version);
	blob_u32(&b, msg->body.size);
	blob_u32(&b, msg->serial);
	blob_u32(&b, 0);
	if (msg->path)
		append_field(&b, FIELD_PATH, "o", msg->path);
	if (msg->interface)
		append_field(&b, FIELD_INTERFACE, "s", msg->interface);
	if (msg->member)
		append_field(&b, FIELD_MEMBER, "s", msg->member);
	if (msg->error_name)
		append_field(&b, FIELD_ERROR_NAME, "s", msg->error_name);
	if (msg->reply_serial)
		append_field(&b, FIELD_REPLY_SERIAL, "u", msg->reply_serial);
	if (msg->destination)
		append_field(&b, FIELD_DESTINATION, "s", msg->destination);
	if (msg->sender)
		append_field(&b, FIELD_SENDER, "s", msg->sender);
	if (msg->signature)
		append_field(&b, FIELD_SIGNATURE, "g", msg->signature);
	if (msg->unix_fds)
		append_field(&b, FIELD_UNIX_FDS, "u", msg->unix_fds);
	if (msg->extra.size) {
		blob_align(&b, 8);
		blob_bytes(&b, msg->extra.data, msg->extra.size);
	}
	blob_put_u32(&b, 12, b.size - MSG_HEADER_SIZE);
	blob_align(&b, 8);
	blob_bytes(&b, msg->body.data, msg->body.size);
	if (!out->size) {
		blob_free(out);
		*out = b;
		return;
	}
	blob_bytes(out, b.data, b.size);
	blob_free(&b);
}
