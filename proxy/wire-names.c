/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names: object paths, interfaces, members, errors, bus names
 *
 * Sections "Valid Object Paths" and "Valid Names" of the specification.  All of
 * them are elements between separators, and differ in what an element may start
 * with, what it may contain and how many are needed.  All are ASCII, so nobody
 * needs to look at them as UTF-8 as well.
 */
#include "proxy/wire-inner.h"

enum {
	CLASS_LETTER = 1, /* A-Z a-z _ */
	CLASS_DIGIT = 2,
	CLASS_HYPHEN = 4,
};

static const uint8_t classes[256] = {
	['A' ... 'Z'] = CLASS_LETTER, ['a' ... 'z'] = CLASS_LETTER, ['_'] = CLASS_LETTER,
	['0' ... '9'] = CLASS_DIGIT,  ['-'] = CLASS_HYPHEN,
};

/*
 * Elements separated by dots: none empty, each starting with a character out of
 * @first and going on with @rest.  Gives their number, or 0 if it is no such thing.
 */
static unsigned count_elements(const char *name, size_t len, uint8_t first, uint8_t rest)
{
	unsigned n = 0;
	size_t i = 0;

	if (!len || len > WIRE_MAX_NAME)
		return 0;
	for (;;) {
		if (i == len || !(classes[(uint8_t)name[i]] & first))
			return 0;
		do {
			i++;
		} while (i < len && classes[(uint8_t)name[i]] & rest);
		n++;
		if (i == len)
			return n;
		if (name[i++] != '.')
			return 0;
	}
}

bool wire_path_is_valid(const char *path, size_t len)
{
	size_t i = 0;

	if (!len)
		return false;
	if (len == 1)
		return path[0] == '/';
	while (i < len) {
		if (path[i++] != '/')
			return false;
		if (i == len || !(classes[(uint8_t)path[i]] & (CLASS_LETTER | CLASS_DIGIT)))
			return false;
		do {
			i++;
		} while (i < len && classes[(uint8_t)path[i]] & (CLASS_LETTER | CLASS_DIGIT));
	}
	return true;
}

bool wire_interface_is_valid(const char *name, size_t len)
{
	return count_elements(name, len, CLASS_LETTER, CLASS_LETTER | CLASS_DIGIT) >= 2;
}

bool wire_error_name_is_valid(const char *name, size_t len)
{
	return wire_interface_is_valid(name, len);
}

bool wire_member_is_valid(const char *name, size_t len)
{
	return count_elements(name, len, CLASS_LETTER, CLASS_LETTER | CLASS_DIGIT) == 1;
}

bool wire_well_known_name_is_valid(const char *name, size_t len)
{
	return count_elements(name, len, CLASS_LETTER | CLASS_HYPHEN,
			      CLASS_LETTER | CLASS_DIGIT | CLASS_HYPHEN) >= 2;
}

bool wire_namespace_is_valid(const char *name, size_t len)
{
	return count_elements(name, len, CLASS_LETTER | CLASS_HYPHEN,
			      CLASS_LETTER | CLASS_DIGIT | CLASS_HYPHEN) >= 1;
}

/*
 * As dbus-daemon has it: behind the colon anything goes as long as a dot is
 * followed by a character of an element.  Such names cannot exist, so they end
 * as unknown destinations and not as a violation of the protocol.
 */
static bool unique_name_is_valid(const char *name, size_t len)
{
	if (len > WIRE_MAX_NAME)
		return false;
	for (size_t i = 1; i < len; i++) {
		if (name[i] == '.' && ++i == len)
			return false;
		if (!classes[(uint8_t)name[i]])
			return false;
	}
	return true;
}

bool wire_bus_name_is_valid(const char *name, size_t len)
{
	if (len && name[0] == ':')
		return unique_name_is_valid(name, len);
	return wire_well_known_name_is_valid(name, len);
}
