/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the wire-*.c files share: loads, alignment, and the walk over values */
#pragma once

#include <string.h>

#include "proxy/wire.h"

#define WIRE_HOST_IS_BIG (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

/* the highest total depth and the 32 of each kind in a signature; section "Valid Signatures" */
#define WIRE_MAX_SIGNATURE 255u
#define WIRE_MAX_NESTED	   32u

static inline uint16_t wire_load_u16(const uint8_t *bytes, bool is_big_endian)
{
	uint16_t value;

	memcpy(&value, bytes, sizeof(value));
	return is_big_endian == WIRE_HOST_IS_BIG ? value : __builtin_bswap16(value);
}

static inline uint32_t wire_load_u32(const uint8_t *bytes, bool is_big_endian)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return is_big_endian == WIRE_HOST_IS_BIG ? value : __builtin_bswap32(value);
}

static inline uint64_t wire_load_u64(const uint8_t *bytes, bool is_big_endian)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof(value));
	return is_big_endian == WIRE_HOST_IS_BIG ? value : __builtin_bswap64(value);
}

static inline void wire_store_u32(uint8_t *bytes, uint32_t value, bool is_big_endian)
{
	if (is_big_endian != WIRE_HOST_IS_BIG)
		value = __builtin_bswap32(value);
	memcpy(bytes, &value, sizeof(value));
}

/* @at is at most WIRE_MAX_SIZE plus a little: the sum cannot wrap */
static inline uint32_t wire_align(uint32_t at, uint32_t alignment)
{
	return (at + alignment - 1) & ~(alignment - 1);
}

/* are the bytes from @at up to @end zero? */
static inline bool wire_is_zero(const uint8_t *bytes, uint32_t at, uint32_t end)
{
	uint8_t any = 0;

	for (; at < end; at++)
		any |= bytes[at];
	return !any;
}

/* the same where @end is a multiple of 8, at least 8, and @at is less than 8 in front of it:
 * padding */
static inline bool wire_is_padding(const uint8_t *bytes, uint32_t at, uint32_t end)
{
	uint32_t n_bits = 8 * (end - at);
	uint64_t last;

	if (at == end)
		return true;
	memcpy(&last, bytes + end - 8, sizeof(last));
	return !(WIRE_HOST_IS_BIG ? last << (64 - n_bits) : last >> (64 - n_bits));
}

/* alignment of the type that begins with @code */
static inline uint32_t wire_alignment(char code)
{
	switch (code) {
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

/**
 * wire_signature_count() - check a signature
 *
 * Return: how many complete types it has, or -1 if it is not valid.
 */
int wire_signature_count(const char *signature, size_t len);

/* the first character behind the complete type at @signature; its end if that is not complete */
const char *wire_signature_skip(const char *signature);

/**
 * struct wire_values - bytes that shall hold values
 * @base: where alignment counts from
 * @at: where the next value is; moves
 * @limit: where the innermost array ends, or all of it: no value may pass it
 * @size: where all of it ends
 * @n_fds: every h must be below; 2^32 where nothing says how many there are
 */
struct wire_values {
	const uint8_t *base;
	uint32_t at;
	uint32_t limit;
	uint32_t size;
	uint64_t n_fds;
	bool is_big_endian;
};

/**
 * wire_values_check() - walk the values that a signature announces
 * @signature: valid, NUL-terminated
 * @depth: how many containers are around the values
 *
 * Return: WIRE_OK, with @values->at behind the last value, or what is wrong.
 */
int wire_values_check(struct wire_values *values, const char *signature, unsigned depth);
