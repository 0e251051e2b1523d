/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SipHash-2-4: two rounds per word of input, four to finish.  The last word
 * holds the rest of the input and, in its highest byte, the length.
 */
#include "proxy/base/siphash.h"

#include <endian.h>
#include <string.h>

static inline uint64_t rotate(uint64_t x, unsigned int n)
{
	return x << n | x >> (64 - n);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32) + v[3];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

static inline void sip_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	sip_round(v);
	v[0] ^= word;
}

uint64_t siphash(const void *data, size_t size, const struct siphash_key *key)
{
	const unsigned char *p = size ? data : (const void *)"", *end = p + size / 8 * 8;
	uint64_t v[4] = {
		key->key[0] ^ UINT64_C(0x736f6d6570736575),
		key->key[1] ^ UINT64_C(0x646f72616e646f6d),
		key->key[0] ^ UINT64_C(0x6c7967656e657261),
		key->key[1] ^ UINT64_C(0x7465646279746573),
	};
	uint64_t word;

	for (; p != end; p += 8) {
		memcpy(&word, p, sizeof(word));
		sip_word(v, le64toh(word));
	}
	word = (uint64_t)size << 56;
	for (size_t i = 0; i < size % 8; i++)
		word |= (uint64_t)end[i] << (8 * i);
	sip_word(v, word);
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
