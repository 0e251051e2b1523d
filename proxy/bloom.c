/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bloom filter of a broadcast
 *
 * What is hashed, as "key:value":
 *
 *	message-type interface member path
 *	path-slash-prefix	the path and all that it lies in, with and without the
 *				slash at the end
 *	argN			arguments that are strings, object paths or signatures
 *	argN-dot-prefix		those, and all beginnings of them that end at or with
 *	argN-slash-prefix	a dot (or slash)
 *
 * up to the first argument of another kind.  That is what any library on kdbus ever
 * asked for; more bits than a receiver needs never hide a message from it.
 * Elements of arrays, which one library added under the number of the array, are not
 * hashed.
 *
 * An index takes as many bytes of the hashes as a bit number of the filter needs,
 * most significant first; one hash has eight, then the next key is used.
 */
#include <assert.h>
#include <string.h>

#include "proxy/base/siphash.h"
#include "proxy/bloom.h"

#define MAX_KEY	   32u
#define MAX_HASHED 1024u /* of a value: no rule is longer */

/* b9660bf0467047c18875c49c54b9bd15 and so on, as little-endian words */
static const struct siphash_key keys[] = {
	{{UINT64_C(0xc1477046f00b66b9), UINT64_C(0x15bdb9549cc47588)}},
	{{UINT64_C(0x394b71e0a254a1aa), UINT64_C(0x3b4ac59f2edde1bf)}},
	{{UINT64_C(0x124882cdbeaefd63), UINT64_C(0xc8a0facb26416ea1)}},
	{{UINT64_C(0x2d46d2322945be23), UINT64_C(0xf51737fe28520382)}},
	{{UINT64_C(0x39434f5aeebf3b56), UINT64_C(0x10fcf0df0894aaaf)}},
	{{UINT64_C(0xd346eac773c88031), UINT64_C(0x29094c9e0f7525aa)}},
	{{UINT64_C(0xd544a47b4b18f77d), UINT64_C(0x6d965365e0063c85)}},
	{{UINT64_C(0x714eb5936fe977f2), UINT64_C(0x35bf253988340c9a)}},
};

void bloom_init(struct bloom *bloom, void *bits, size_t size, unsigned n_hash)
{
	assert(size && size % 8 == 0 && size <= BLOOM_MAX_SIZE);
	bloom->size = size;
	bloom->n_hash = n_hash;
	bloom->bits = bits;
	memset(bits, 0, size);
}

void bloom_add(struct bloom *bloom, const char *key, const char *value, size_t len)
{
	uint64_t n_bits = 8 * (uint64_t)bloom->size, hash = 0;
	unsigned width = (63 - __builtin_clzll(n_bits) + 7) / 8, n_left = 0, n_key = 0;
	char text[MAX_KEY + MAX_HASHED];
	size_t n_text = strlen(key);

	assert(n_text < MAX_KEY);
	if (len > MAX_HASHED)
		return;
	memcpy(text, key, n_text);
	text[n_text++] = ':';
	memcpy(text + n_text, value, len);
	n_text += len;

	for (unsigned i = 0; i < bloom->n_hash; i++) {
		uint64_t bit = 0;

		for (unsigned byte = 0; byte < width; byte++) {
			if (!n_left) {
				/* a bus that asks for more than there is gets fewer bits */
				if (n_key == sizeof(keys) / sizeof(keys[0]))
					return;
				hash = siphash(text, n_text, &keys[n_key++]);
				n_left = 8;
			}
			bit = bit << 8 | (hash & 0xff);
			hash >>= 8;
			n_left--;
		}
		bit &= n_bits - 1;
		bloom->bits[bit / 64] |= UINT64_C(1) << bit % 64;
	}
}

/* the value, and what it has in front of a separator and up to it */
static void add_prefixes(struct bloom *bloom, const char *key, const char *value, size_t len,
			 char separator)
{
	bloom_add(bloom, key, value, len);
	for (size_t i = 0; i < len && i < MAX_HASHED; i++) {
		if (value[i] != separator)
			continue;
		if (i)
			bloom_add(bloom, key, value, i);
		if (i + 1 < len)
			bloom_add(bloom, key, value, i + 1);
	}
}

static void add_arguments(struct bloom *bloom, const struct message *message)
{
	struct wire_args args;
	const char *text;
	uint32_t len;

	wire_args_init(&args, &message->header, message->bytes, message_body(message));
	for (unsigned n = 0; wire_args_next(&args, &text, &len) && text; n++) {
		char key[MAX_KEY], *end = key;

		memcpy(end, "arg", 3);
		end += 3;
		if (n >= 10)
			*end++ = '0' + n / 10;
		*end++ = '0' + n % 10;
		*end = '\0';
		bloom_add(bloom, key, text, len);
		memcpy(end, "-dot-prefix", sizeof("-dot-prefix"));
		add_prefixes(bloom, key, text, len, '.');
		memcpy(end, "-slash-prefix", sizeof("-slash-prefix"));
		add_prefixes(bloom, key, text, len, '/');
	}
}

void bloom_add_message(struct bloom *bloom, const struct message *message)
{
	static const char *const types[] = {
		[WIRE_CALL] = "method_call",
		[WIRE_RETURN] = "method_return",
		[WIRE_ERROR] = "error",
		[WIRE_SIGNAL] = "signal",
	};
	const struct wire_header *header = &message->header;

	if (header->type && header->type < sizeof(types) / sizeof(types[0]))
		bloom_add(bloom, "message-type", types[header->type], strlen(types[header->type]));
	if (header->interface.at)
		bloom_add(bloom, "interface", message_interface(message), header->interface.len);
	if (header->member.at)
		bloom_add(bloom, "member", message_member(message), header->member.len);
	if (header->path.at) {
		bloom_add(bloom, "path", message_path(message), header->path.len);
		add_prefixes(bloom, "path-slash-prefix", message_path(message), header->path.len,
			     '/');
	}
	if (header->signature.len)
		add_arguments(bloom, message);
}
