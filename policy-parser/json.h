/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON, written to a stream
 *
 * Commas and indentation come by themselves.  Names are NULL in arrays and for the
 * outermost value.  Whether the stream took it is for the caller to ask in the end.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/**
 * struct json - a document being written
 * @file: borrowed
 * @depth: objects and arrays that are open
 * @has_items: the innermost one is not empty
 */
struct json {
	FILE *file;
	unsigned depth;
	bool has_items;
};

/* what is written from then on, up to the close of the same kind, is in it */
void json_open_object(struct json *json, const char *name);
void json_close_object(struct json *json);
void json_open_array(struct json *json, const char *name);
void json_close_array(struct json *json);
/* bytes that are not UTF-8 become U+FFFD; NULL: null */
void json_string(struct json *json, const char *name, const char *value);
/* in decimal */
void json_number(struct json *json, const char *name, long long value);
/* true or false */
void json_bool(struct json *json, const char *name, bool value);
