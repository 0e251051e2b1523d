/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages written down as text: see message-text.h */
#include "tests/unit/proxy/message-text.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/harness/tap.h"

struct parser {
	const char *path;
	struct message_text *text;
	bool is_big_endian;
	size_t fields_end; /* 0: not known yet */
	size_t body_at;
	uint32_t *number_to; /* where the next number goes instead */
	uint32_t fields_size, body_size;
};

static void put(struct parser *parser, const void *bytes, size_t size)
{
	struct message_text *text = parser->text;

	text->bytes = realloc(text->bytes, text->size + size);
	memcpy(text->bytes + text->size, bytes, size);
	text->size += size;
}

static void align(struct parser *parser, size_t alignment)
{
	while (parser->text->size % alignment)
		put(parser, "", 1);
}

static void store(struct parser *parser, size_t at, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		parser->text->bytes[at + i] = value >> 8 * (parser->is_big_endian ? 3 - i : i);
}

static void put_bytes(struct parser *parser, const char *word)
{
	const char *star = strrchr(word, '*');
	size_t len = star ? (size_t)(star - word) : strlen(word), n = 0;
	unsigned long times = star ? strtoul(star + 1, NULL, 10) : 1;
	char bytes[512];

	if (word[0] == '"') {
		if (len < 2 || word[len - 1] != '"')
			fail("%s: %s does not end", parser->path, word);
		n = len - 2;
		memcpy(bytes, word + 1, n);
	} else {
		for (size_t i = 0; i < len; i += 2) {
			char digits[3] = {word[i], word[i + 1], '\0'}, *end;

			bytes[n++] = strtoul(digits, &end, 16);
			if (*end || i + 1 == len)
				fail("%s: %s is not hex", parser->path, word);
		}
	}
	while (times--)
		put(parser, bytes, n);
}

static void start_body(struct parser *parser)
{
	if (!parser->fields_end)
		parser->fields_end = parser->text->size;
	parser->fields_size = parser->fields_end - 16;
	align(parser, 8);
	parser->body_at = parser->text->size;
}

static void put_word(struct parser *parser, const char *word)
{
	if (!strcmp(word, "little") || !strcmp(word, "big")) {
		parser->is_big_endian = word[0] == 'b';
	} else if (!strcmp(word, "fields")) {
		expect_eq(parser->text->size, 16);
	} else if (!strcmp(word, "fields-end")) {
		parser->fields_end = parser->text->size;
	} else if (!strcmp(word, "body")) {
		start_body(parser);
	} else if (!strcmp(word, "fields-size") || !strcmp(word, "body-size")) {
		/* the last words of a file, behind all of the body */
		if (!parser->number_to)
			parser->body_size = parser->text->size - parser->body_at;
		parser->number_to = word[0] == 'f' ? &parser->fields_size : &parser->body_size;
	} else if (!strcmp(word, "pad")) {
		align(parser, 8);
	} else if (word[0] == '=') {
		uint32_t value = strtoul(word + 1, NULL, 10);

		if (parser->number_to) {
			*parser->number_to = value;
			return;
		}
		align(parser, 4);
		put(parser, "\0\0\0", 4);
		store(parser, parser->text->size - 4, value);
	} else {
		put_bytes(parser, word);
	}
}

void message_text_read(const char *path, struct message_text *text)
{
	struct parser parser = {.path = path, .text = text};
	FILE *file = fopen(path, "re");
	char line[1024], *save, *hash;

	*text = (struct message_text){0};
	if (!file)
		fail("%s: cannot be read", path);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "outcome: %79[^\n]", text->outcome) == 1)
			continue;
		hash = strchr(line, '#');
		if (hash)
			*hash = '\0';
		for (char *word = strtok_r(line, " \n", &save); word;
		     word = strtok_r(NULL, " \n", &save))
			put_word(&parser, word);
	}
	fclose(file);
	if (!parser.body_at)
		fail("%s: no body", path);
	if (!parser.number_to)
		parser.body_size = text->size - parser.body_at;
	store(&parser, 4, parser.body_size);
	store(&parser, 12, parser.fields_size);
}

void message_text_deinit(struct message_text *text)
{
	free(text->bytes);
	*text = (struct message_text){0};
}
