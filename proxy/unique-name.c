/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Unique names
 *
 * By hand rather than with snprintf() and strtoull(): a unique name is written
 * for every message that is delivered, and read for every one addressed by it.
 * See the specification, "Valid Names, Bus names".
 */
#include <string.h>

#include "proxy/unique-name.h"

static const char prefix[3] = {':', '1', '.'};

size_t unique_name_format(uint64_t id, uint64_t offset, char name_out[UNIQUE_NAME_SIZE])
{
	char digits[20];
	uint64_t number = id - offset;
	size_t n = 0, len = sizeof(prefix);

	do
		digits[n++] = '0' + number % 10;
	while (number /= 10);

	memcpy(name_out, prefix, sizeof(prefix));
	while (n)
		name_out[len++] = digits[--n];
	name_out[len] = '\0';
	return len;
}

bool unique_name_parse(const char *name, uint64_t offset, uint64_t *id_out)
{
	uint64_t number = 0, id;

	if (strncmp(name, prefix, sizeof(prefix)) != 0)
		return false;
	name += sizeof(prefix);
	if (!*name || (name[0] == '0' && name[1]))
		return false;
	for (; *name; name++) {
		if (*name < '0' || *name > '9' ||
		    __builtin_mul_overflow(number, UINT64_C(10), &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*name - '0'), &number))
			return false;
	}
	/* 0 is the ABI's "nobody" */
	if (__builtin_add_overflow(number, offset, &id) || id == 0 || id > UNIQUE_NAME_MAX_ID)
		return false;
	*id_out = id;
	return true;
}
