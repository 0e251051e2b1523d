/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON, written to a stream: see json.h */
#include "policy-parser/json.h"

#include <stdint.h>

/* size of the character at @text, 0 if it is none */
static size_t utf8_size(const unsigned char *text)
{
	uint32_t c = text[0];
	size_t size = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < size; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	/* longer than need be, surrogates, beyond the last one */
	if ((c == 0xe0 && text[1] < 0xa0) || (c == 0xed && text[1] >= 0xa0) ||
	    (c == 0xf0 && text[1] < 0x90) || (c == 0xf4 && text[1] >= 0x90))
		return 0;
	return size;
}

static void put_string(FILE *file, const char *text)
{
	const unsigned char *c = (const unsigned char *)text;

	fputc('"', file);
	while (*c) {
		size_t size = utf8_size(c);

		if (!size) {
			fputs("\\ufffd", file);
			size = 1;
		} else if (*c == '"' || *c == '\\') {
			fprintf(file, "\\%c", *c);
		} else if (*c < ' ' || *c == 0x7f) {
			fprintf(file, "\\u%04x", *c);
		} else {
			fwrite(c, 1, size, file);
		}
		c += size;
	}
	fputc('"', file);
}

static void begin_item(struct json *json, const char *name)
{
	if (json->has_items)
		fputc(',', json->file);
	if (json->depth)
		fprintf(json->file, "\n%*s", 2 * json->depth, "");
	json->has_items = true;
	if (name) {
		put_string(json->file, name);
		fputs(": ", json->file);
	}
}

static void open_items(struct json *json, const char *name, char bracket)
{
	begin_item(json, name);
	fputc(bracket, json->file);
	json->depth++;
	json->has_items = false;
}

static void close_items(struct json *json, char bracket)
{
	json->depth--;
	if (json->has_items)
		fprintf(json->file, "\n%*s", 2 * json->depth, "");
	fputc(bracket, json->file);
	json->has_items = true;
	if (!json->depth)
		fputc('\n', json->file);
}

void json_open_object(struct json *json, const char *name)
{
	open_items(json, name, '{');
}

void json_close_object(struct json *json)
{
	close_items(json, '}');
}

void json_open_array(struct json *json, const char *name)
{
	open_items(json, name, '[');
}

void json_close_array(struct json *json)
{
	close_items(json, ']');
}

void json_string(struct json *json, const char *name, const char *value)
{
	begin_item(json, name);
	if (value)
		put_string(json->file, value);
	else
		fputs("null", json->file);
}

void json_number(struct json *json, const char *name, long long value)
{
	begin_item(json, name);
	fprintf(json->file, "%lld", value);
}

void json_bool(struct json *json, const char *name, bool value)
{
	begin_item(json, name);
	fputs(value ? "true" : "false", json->file);
}
