/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages about a configuration
 *
 * A growing array of finished lines.  Configurations may be large and wrong in
 * every line, so there is a bound; the first error is what a reader needs, so it
 * gets in whatever came before it.  Attribute values and file names end up in
 * log files and on terminals: control characters of theirs do not.
 */
#include "policy-parser/messages.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "proxy/base/cleanup.h"

enum {
	MAX_MESSAGES = 1000,
	FIRST_ALLOCATION = 8, /* a power of two */
};

void config_messages_deinit(struct config_messages *messages)
{
	for (size_t i = 0; i < messages->n_items; i++)
		free(messages->items[i].text);
	free(messages->items);
	*messages = (struct config_messages)CONFIG_MESSAGES_NULL;
}

static bool has_error(const struct config_messages *messages)
{
	for (size_t i = 0; i < messages->n_items; i++) {
		if (messages->items[i].severity == CONFIG_ERROR)
			return true;
	}
	return false;
}

/* the array is full whenever its length is a power of two: no need to store its size */
static int make_room(struct config_messages *messages)
{
	size_t n = messages->n_items;
	struct config_message *items;

	if (n && (n < FIRST_ALLOCATION || (n & (n - 1))))
		return 0;
	n = n ? 2 * n : FIRST_ALLOCATION;
	items = reallocarray(messages->items, n, sizeof(*items));
	if (!items)
		return -ENOMEM;
	messages->items = items;
	return 0;
}

static char *format_message(const char *file, unsigned line, unsigned column, const char *element,
			    const char *text)
{
	char place[32] = "";
	char *line_out;
	int r;

	if (line && column)
		snprintf(place, sizeof(place), ":%u:%u", line, column);
	else if (line)
		snprintf(place, sizeof(place), ":%u", line);
	r = asprintf(&line_out, "%s%s%s%s%s%s%s", file ? file : "", place, file || line ? ": " : "",
		     element ? "<" : "", element ? element : "", element ? ">: " : "", text);
	if (r < 0)
		return NULL;
	for (char *c = line_out; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
	return line_out;
}

int config_messages_add(struct config_messages *messages, enum config_severity severity,
			const char *file, unsigned line, unsigned column, const char *element,
			const char *format, ...)
{
	__cleanup(freep) char *text = NULL;
	__cleanup(freep) char *complete = NULL;
	va_list args;
	int r;

	if (messages->n_items >= MAX_MESSAGES &&
	    (severity != CONFIG_ERROR || has_error(messages))) {
		messages->n_dropped++;
		return 0;
	}
	va_start(args, format);
	r = vasprintf(&text, format, args);
	va_end(args);
	if (r < 0) {
		text = NULL;
		return -ENOMEM;
	}
	complete = format_message(file, line, column, element, text);
	if (!complete)
		return -ENOMEM;
	r = make_room(messages);
	if (r < 0)
		return r;
	messages->items[messages->n_items++] = (struct config_message){
		.severity = severity,
		.line = line,
		.text = steal(complete),
	};
	return 0;
}
