/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Unique names: ":1.N" outside, connection ids inside
 *
 * N is the id minus the offset of the bus (engine_id_offset()).  Nothing else in
 * the tree knows how the two belong together.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNIQUE_NAME_SIZE 24 /* ":1.", 20 digits, NUL */

/* beyond are the ids of what is part of the bus: nobody has a name for them */
#define UNIQUE_NAME_MAX_ID ((UINT64_C(1) << 48) - 1)

/* the sender that a client has before its Hello */
#define UNIQUE_NAME_NOT_ACTIVE ":not.active.yet"

/**
 * unique_name_format() - the name of a connection
 * @id: not below @offset
 *
 * Return: length of the name.
 */
size_t unique_name_format(uint64_t id, uint64_t offset, char name_out[UNIQUE_NAME_SIZE]);

/**
 * unique_name_parse() - which connection does @name mean?
 *
 * Strict: ":1." and a decimal number without leading zeros, such as
 * unique_name_format() writes.  Other unique names are valid ones, but nobody's.
 *
 * Return: whether @name has that form and stands for an id that a connection
 * can have; only then @id_out is written.
 */
bool unique_name_parse(const char *name, uint64_t offset, uint64_t *id_out);
