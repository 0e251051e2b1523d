/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Service files: one, from its bytes
 *
 *	[D-BUS Service]
 *	Name=com.example.Thing
 *	Exec=/usr/libexec/thing --quiet
 *	User=root
 *
 * Specification, section "Message Bus Starting Services".  The format is that of
 * desktop entries as dbus-daemon reads it, which is stricter than most: nothing
 * stands in front of a '#', a key or a group; an escape that is not known, in
 * whatever key of whatever group, spoils the whole file.  The first of two groups
 * or keys counts, and keys with a locale mean nothing.
 *
 * One pass over the lines; nothing is copied but the values that are wanted.
 */
#include "proxy/activation/service-file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/wire.h"

static const char group_name[] = "D-BUS Service";

/**
 * struct parser - a file being read
 * @at, @end: what is left of it
 * @line: number of the line that was read last
 * @is_in_group: below the group that is ours
 * @had_group: it was there
 */
struct parser {
	const char *at;
	const char *end;
	unsigned line;
	bool is_in_group;
	bool had_group;
	struct service_file file;
	struct service_file_error *error;
};

/* a piece of the file */
struct slice {
	const char *at;
	size_t size;
};

static int refuse(const struct parser *parser, unsigned line, const char *text)
{
	parser->error->line = line;
	parser->error->text = text;
	return SERVICE_FILE_INVALID;
}

/* the next line, without its end: "\n", "\r\n" or "\r"; false: there is none */
static bool next_line(struct parser *parser, struct slice *line_out)
{
	const char *at = parser->at;

	if (at == parser->end)
		return false;
	while (at < parser->end && *at != '\n' && *at != '\r')
		at++;
	line_out->at = parser->at;
	line_out->size = at - parser->at;
	if (parser->end - at >= 2 && at[0] == '\r' && at[1] == '\n')
		at++;
	parser->at = at < parser->end ? at + 1 : at;
	parser->line++;
	return true;
}

static bool is_blank(struct slice line)
{
	while (line.size && strchr(" \t\f", line.at[line.size - 1]))
		line.size--;
	return !line.size;
}

static int parse_group(struct parser *parser, struct slice line)
{
	struct slice name = {line.at + 1, line.size - 2};

	if (line.size < 3 || line.at[line.size - 1] != ']')
		return refuse(parser, parser->line, "a group without a name or its ']'");
	for (size_t i = 0; i < name.size; i++) {
		unsigned char c = name.at[i];

		if (c < 0x20 || c >= 0x7f || c == '[' || c == ']')
			return refuse(parser, parser->line, "the group has an invalid name");
	}
	parser->is_in_group = !parser->had_group && name.size == strlen(group_name) &&
			      !memcmp(name.at, group_name, name.size);
	if (parser->is_in_group)
		parser->had_group = true;
	return 0;
}

/* what the character behind a backslash stands for, or 0 */
static char unescape(char c)
{
	switch (c) {
	case 's':
		return ' ';
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case 'r':
		return '\r';
	case '\\':
		return '\\';
	default:
		return 0;
	}
}

/* @copy: of as many bytes as @value and one more, or NULL: only look whether it is valid */
static bool unescape_value(struct slice value, char *copy)
{
	size_t n = 0;

	for (size_t i = 0; i < value.size; i++) {
		char c = value.at[i];

		if (c == '\\') {
			c = ++i < value.size ? unescape(value.at[i]) : 0;
			if (!c)
				return false;
		}
		if (copy)
			copy[n++] = c;
	}
	if (copy)
		copy[n] = '\0';
	return true;
}

/* where the value of a key goes, or NULL: nobody wants it */
static char **find_value(struct parser *parser, struct slice key)
{
	const struct {
		const char *key;
		char **value;
		unsigned *line;
	} wanted[] = {
		{"Name", &parser->file.name, &parser->file.name_line},
		{"Exec", &parser->file.exec, &parser->file.exec_line},
		{"User", &parser->file.user, NULL},
		{"SystemdService", &parser->file.systemd_service, NULL},
		{"AssumedAppArmorLabel", &parser->file.apparmor_label, NULL},
	};

	if (!parser->is_in_group)
		return NULL;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (key.size != strlen(wanted[i].key) || memcmp(key.at, wanted[i].key, key.size))
			continue;
		if (*wanted[i].value)
			return NULL;
		if (wanted[i].line)
			*wanted[i].line = parser->line;
		return wanted[i].value;
	}
	return NULL;
}

static bool is_key_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-';
}

static int parse_key(struct parser *parser, struct slice line)
{
	struct slice key = {line.at, 0};
	struct slice value;
	size_t at = 0;
	char **copy;

	while (at < line.size && is_key_char(line.at[at]))
		at++;
	key.size = at;
	if (!key.size)
		return refuse(parser, parser->line, "neither a key, a group nor a comment");
	/* COMPAT: a key with a locale is not looked at any further */
	if (at < line.size && line.at[at] == '[')
		return 0;
	while (at < line.size && line.at[at] == ' ')
		at++;
	if (at == line.size || line.at[at] != '=')
		return refuse(parser, parser->line, "no '=' behind the key");
	at++;
	while (at < line.size && line.at[at] == ' ')
		at++;
	value = (struct slice){line.at + at, line.size - at};
	if (!unescape_value(value, NULL))
		return refuse(parser, parser->line, "an unknown escape");
	copy = find_value(parser, key);
	if (!copy)
		return 0;
	*copy = malloc(value.size + 1);
	if (!*copy)
		return -ENOMEM;
	unescape_value(value, *copy);
	return 0;
}

static int parse_lines(struct parser *parser)
{
	bool has_group = false;
	struct slice line;

	while (next_line(parser, &line)) {
		int r;

		if (is_blank(line) || line.at[0] == '#')
			continue;
		if (line.at[0] == '[') {
			has_group = true;
			r = parse_group(parser, line);
		} else if (has_group) {
			r = parse_key(parser, line);
		} else {
			r = refuse(parser, parser->line, "a key in front of the first group");
		}
		if (r)
			return r;
	}
	return 0;
}

static int check(const struct parser *parser)
{
	const struct service_file *file = &parser->file;

	if (!parser->had_group)
		return refuse(parser, 0, "no group [D-BUS Service]");
	if (!file->name)
		return refuse(parser, 0, "no Name");
	if (!file->exec)
		return refuse(parser, 0, "no Exec");
	if (!wire_well_known_name_is_valid(file->name, strlen(file->name)))
		return refuse(parser, file->name_line, "Name is no well-known bus name");
	if (!strcmp(file->name, "org.freedesktop.DBus"))
		return refuse(parser, file->name_line, "Name is that of the bus itself");
	return 0;
}

int service_file_parse(const char *bytes, size_t size, struct service_file *file_out,
		       struct service_file_error *error_out)
{
	struct parser parser = {.at = bytes, .end = bytes + size, .error = error_out};
	int r;

	if (size > SERVICE_FILE_MAX_SIZE)
		r = refuse(&parser, 0, "larger than 128 KiB");
	else if (!wire_utf8_is_valid(bytes, size))
		r = refuse(&parser, 0, "not UTF-8");
	else
		r = parse_lines(&parser);
	if (!r)
		r = check(&parser);
	if (r) {
		service_file_deinit(&parser.file);
		return r;
	}
	*file_out = parser.file;
	return 0;
}

void service_file_deinit(struct service_file *file)
{
	free(file->name);
	free(file->exec);
	free(file->user);
	free(file->systemd_service);
	free(file->apparmor_label);
	*file = (struct service_file){0};
}
