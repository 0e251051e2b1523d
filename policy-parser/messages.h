/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages about a configuration
 *
 * The parser neither logs nor prints: what it has to say is collected here, and
 * whoever asked for the configuration prints it.
 */
#pragma once

#include <stddef.h>

enum config_severity {
	CONFIG_WARNING, /* the configuration works, not quite as somebody meant it */
	CONFIG_ERROR,	/* it, or the file of an <includedir> named there, was refused */
};

/**
 * struct config_message - one line to be printed
 * @severity: how bad
 * @line: where; 0: about the file as a whole
 * @text: the whole line without a newline, "FILE:LINE:COLUMN: <ELEMENT>: what"
 *	or "FILE: what"; no control characters
 */
struct config_message {
	enum config_severity severity;
	unsigned line;
	char *text;
};

/**
 * struct config_messages - messages, in the order they came up
 * @items: the messages
 * @n_items: how many
 * @n_dropped: how many more there would have been
 */
struct config_messages {
	struct config_message *items;
	size_t n_items;
	size_t n_dropped;
};

#define CONFIG_MESSAGES_NULL                                                                       \
	{                                                                                          \
		0                                                                                  \
	}

/* releases the messages; idempotent */
void config_messages_deinit(struct config_messages *messages);

/**
 * config_messages_add() - add one
 * @file: or NULL
 * @line: 0: leave out line and column
 * @column: 0: leave out the column
 * @element: name of the element, or NULL
 * @format: what there is to say; control characters are replaced
 *
 * Past the 1000th message only @n_dropped grows, except that the first error is always kept.
 *
 * Return: 0 or -ENOMEM.
 */
int config_messages_add(struct config_messages *messages, enum config_severity severity,
			const char *file, unsigned line, unsigned column, const char *element,
			const char *format, ...) __attribute__((format(printf, 7, 8)));
