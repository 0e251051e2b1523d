/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* UTF-8: section "Basic Types" of the specification, STRING
 *
 * The Unicode definition: no overlong forms, no surrogates, nothing beyond
 * U+10FFFF; noncharacters are allowed.  NUL is not, as a string ends there.
 *
 * Most text is ASCII, and most of that short.  Long text goes in blocks of a
 * fixed size, a loop that the compiler turns into vector instructions; what is
 * left goes by eight bytes.
 */
#include "proxy/wire-inner.h"

enum { BLOCK = 64 };

#define ONES  UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

/* Is every byte of the block in 1..127?  A byte minus one has the high bit for 0, or for 129
 * and more; the byte itself has it for 128 and more. */
static inline bool block_is_plain(const uint8_t *p)
{
	uint8_t any = 0;

	for (int i = 0; i < BLOCK; i++)
		any |= p[i] | (uint8_t)(p[i] - 1);
	return !(any & 0x80);
}

/* the same for eight bytes: the subtraction borrows only across a byte that is 0 itself */
static inline bool word_is_plain(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return !((word | (word - ONES)) & HIGHS);
}

static inline bool is_tail(uint8_t byte)
{
	return (byte & 0xc0) == 0x80;
}

/* bytes of the multi-byte sequence at @p, of which @left are there; 0 if it is none */
static unsigned sequence_size(const uint8_t *p, size_t left)
{
	if (p[0] < 0xc2) /* a tail byte, or an overlong form of ASCII */
		return 0;
	if (p[0] < 0xe0)
		return left >= 2 && is_tail(p[1]) ? 2 : 0;
	if (p[0] < 0xf0) {
		if (left < 3 || !is_tail(p[1]) || !is_tail(p[2]))
			return 0;
		if (p[0] == 0xe0 && p[1] < 0xa0) /* overlong */
			return 0;
		if (p[0] == 0xed && p[1] >= 0xa0) /* surrogates */
			return 0;
		return 3;
	}
	if (p[0] > 0xf4 || left < 4 || !is_tail(p[1]) || !is_tail(p[2]) || !is_tail(p[3]))
		return 0;
	if (p[0] == 0xf0 && p[1] < 0x90) /* overlong */
		return 0;
	if (p[0] == 0xf4 && p[1] >= 0x90) /* beyond U+10FFFF */
		return 0;
	return 4;
}

bool wire_utf8_is_valid(const char *text, size_t len)
{
	const uint8_t *p = (const uint8_t *)text;
	const uint8_t *end = p + len;

	while (end - p >= BLOCK && block_is_plain(p))
		p += BLOCK;
	for (;;) {
		while (end - p >= 8 && word_is_plain(p))
			p += 8;
		/* something else among the next eight, or less than eight left */
		for (const uint8_t *stop = end - p >= 8 ? p + 8 : end; p < stop;) {
			unsigned n;

			if (*p < 0x80) {
				if (!*p)
					return false;
				p++;
				continue;
			}
			n = sequence_size(p, end - p);
			if (!n)
				return false;
			p += n;
		}
		if (p == end)
			return true;
	}
}
