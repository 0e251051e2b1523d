/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random messages: see wire-gen.h */
#include "tests/unit/proxy/wire-gen.h"

#include <stdlib.h>
#include <string.h>

enum { N_FDS = 3 };

void gen_init(struct gen *gen, uint64_t seed)
{
	*gen = (struct gen){.state = seed};
}

void gen_deinit(struct gen *gen)
{
	free(gen->bytes);
	*gen = (struct gen){0};
}

/* splitmix64 */
static uint64_t gen_u64(struct gen *gen)
{
	uint64_t z = gen->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint32_t gen_below(struct gen *gen, uint32_t n)
{
	return (gen_u64(gen) >> 32) * n >> 32;
}

/* bytes at the end */

static void put(struct gen *gen, const void *bytes, size_t size)
{
	if (gen->size + size > gen->capacity) {
		gen->capacity = 2 * (gen->size + size) + 256;
		gen->bytes = realloc(gen->bytes, gen->capacity);
		if (!gen->bytes)
			abort();
	}
	if (size)
		memcpy(gen->bytes + gen->size, bytes, size);
	gen->size += size;
}

static void put_align(struct gen *gen, unsigned alignment)
{
	while (gen->size % alignment)
		put(gen, "", 1);
}

static void store(struct gen *gen, size_t at, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		gen->bytes[at + i] = value >> 8 * (gen->is_big_endian ? size - 1 - i : i);
}

static uint32_t load(const struct gen *gen, size_t at)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < 4; i++)
		value = value << 8 | gen->bytes[at + (gen->is_big_endian ? i : 3 - i)];
	return value;
}

static void put_number(struct gen *gen, uint64_t value, unsigned size)
{
	put_align(gen, size);
	put(gen, &value, size);
	store(gen, gen->size - size, value, size);
}

static void put_text(struct gen *gen, const char *text, unsigned size_of_len)
{
	put_number(gen, strlen(text), size_of_len);
	put(gen, text, strlen(text) + 1);
}

/* types */

static const char basic_types[] = "ybnqiuxtdhsog";

/* appends a complete type; @budget bounds it */
static void add_type(struct gen *gen, char *s, unsigned *budget, bool is_key)
{
	unsigned kind = gen_below(gen, 10);

	if (is_key || kind < 6 || *budget < 8) {
		s[strlen(s)] = basic_types[gen_below(gen, sizeof(basic_types) - 1)];
		*budget -= *budget ? 1 : 0;
		return;
	}
	*budget -= 4;
	switch (kind) {
	case 6:
		strcat(s, "v");
		break;
	case 7:
		strcat(s, "a");
		add_type(gen, s, budget, false);
		break;
	case 8:
		strcat(s, "a{");
		add_type(gen, s, budget, true);
		add_type(gen, s, budget, false);
		strcat(s, "}");
		break;
	default:
		strcat(s, "(");
		do {
			add_type(gen, s, budget, false);
		} while (gen_below(gen, 3));
		strcat(s, ")");
		break;
	}
}

/* @s has room for 256 and is empty */
static void random_types(struct gen *gen, char *s, unsigned n)
{
	unsigned budget = 40;

	memset(s, 0, 256);
	while (n--)
		add_type(gen, s, &budget, false);
}

/* values */

static const char *const texts[] = {
	"",
	"a",
	"hello",
	"org.freedesktop.DBus",
	"gr\xc3\xbc\xc3\x9f",
	"\xe2\x82\xac",
	"\xf0\x9f\x90\x8d",
	"\xef\xbf\xbf",
	"somewhat longer than eight bytes, or sixteen, and even longer than sixty-four of them",
};
static const char *const paths[] = {"/", "/a", "/org/freedesktop/DBus", "/_0/x"};
static const char *const signatures[] = {"", "s", "a{sv}", "(iay)v", "aaaai"};

#define N_OF(array)	 (sizeof(array) / sizeof((array)[0]))
#define PICK(gen, array) (array)[gen_below(gen, N_OF(array))]

static unsigned size_of(char type)
{
	if (strchr("y", type))
		return 1;
	if (strchr("nq", type))
		return 2;
	if (strchr("xtd", type))
		return 8;
	return 4;
}

/* puts a value of the type at the front; returns what is behind that type */
static const char *put_value(struct gen *gen, const char *s, unsigned depth)
{
	char types[256];
	const char *end = s + 1;
	size_t length_at, start;
	unsigned n;

	switch (*s) {
	case 'b':
		put_number(gen, gen_below(gen, 2), 4);
		break;
	case 'h':
		put_number(gen, gen_below(gen, N_FDS), 4);
		break;
	case 's':
		put_text(gen, PICK(gen, texts), 4);
		break;
	case 'o':
		put_text(gen, PICK(gen, paths), 4);
		break;
	case 'g':
		put_text(gen, PICK(gen, signatures), 1);
		break;
	case 'v':
		random_types(gen, types, 0);
		if (depth > 8) {
			strcpy(types, "y");
		} else {
			n = 12;
			add_type(gen, types, &n, false);
		}
		put_text(gen, types, 1);
		put_value(gen, types, depth + 1);
		break;
	case '(':
	case '{':
		put_align(gen, 8);
		while (*end != ')' && *end != '}')
			end = put_value(gen, end, depth + 1);
		end++;
		break;
	case 'a':
		n = depth > 4 ? gen_below(gen, 2) : gen_below(gen, 4);
		put_number(gen, 0, 4);
		length_at = gen->size - 4;
		put_align(gen, strchr("({", s[1]) ? 8 : strchr("gv", s[1]) ? 1 : size_of(s[1]));
		start = gen->size;
		while (n--)
			put_value(gen, s + 1, depth + 1);
		store(gen, length_at, gen->size - start, 4);
		/* the end of the element: put one more, and take it back */
		start = gen->size;
		end = put_value(gen, s + 1, depth + 1);
		gen->size = start;
		break;
	default:
		put_number(gen, gen_u64(gen), size_of(*s));
		break;
	}
	return end;
}

/* messages */

static const char *const interfaces[] = {"org.freedesktop.DBus", "a.b", "_._0.c9"};
static const char *const members[] = {"Hello", "x", "_9"};
static const char *const names[] = {"org.freedesktop.DBus", ":1.5", ":1", "a-b.c"};

static void put_field(struct gen *gen, unsigned code, const char *signature)
{
	char types[256];
	unsigned budget = 12;

	put_align(gen, 8);
	put_number(gen, code, 1);
	switch (code) {
	case 1:
	case 10:
		put_text(gen, "o", 1);
		put_text(gen, PICK(gen, paths), 4);
		break;
	case 2:
	case 4:
		put_text(gen, "s", 1);
		put_text(gen, PICK(gen, interfaces), 4);
		break;
	case 3:
		put_text(gen, "s", 1);
		put_text(gen, PICK(gen, members), 4);
		break;
	case 5:
		put_text(gen, "u", 1);
		put_number(gen, 1 + gen_below(gen, 1000), 4);
		break;
	case 6:
	case 7:
		put_text(gen, "s", 1);
		put_text(gen, PICK(gen, names), 4);
		break;
	case 8:
		put_text(gen, "g", 1);
		put_text(gen, signature, 1);
		break;
	case 9:
		put_text(gen, "u", 1);
		put_number(gen, N_FDS, 4);
		break;
	default:
		memset(types, 0, sizeof(types));
		add_type(gen, types, &budget, false);
		put_text(gen, types, 1);
		put_value(gen, types, 3);
		break;
	}
}

void gen_message(struct gen *gen)
{
	static const char *const required[] = {"", "\1\3", "\5", "\4\5", "\1\2\3", ""};
	unsigned type = 1 + gen_below(gen, 5);
	uint8_t fields[16];
	char signature[256];
	unsigned n = 0;
	size_t body_at;

	gen->size = 0;
	gen->is_big_endian = gen_below(gen, 2);
	random_types(gen, signature, gen_below(gen, 6));

	/* the required ones, some of the others, an unknown one, shuffled */
	for (unsigned code = 1; code <= 10; code++) {
		bool is_needed =
			strchr(required[type], code) || (code == 9 && strchr(signature, 'h')) ||
			(code == 9 && strchr(signature, 'v')) || (code == 8 && signature[0]);

		if (is_needed || !gen_below(gen, 5))
			fields[n++] = code;
	}
	for (unsigned i = gen_below(gen, 4); i > 2; i--)
		fields[n++] = 11 + gen_below(gen, 245);
	for (unsigned i = n; i > 1; i--) {
		unsigned j = gen_below(gen, i);
		uint8_t swap = fields[j];

		fields[j] = fields[i - 1];
		fields[i - 1] = swap;
	}

	put(gen, gen->is_big_endian ? "B" : "l", 1);
	put_number(gen, type < 5 ? type : 5 + gen_below(gen, 251), 1);
	put_number(gen, gen_below(gen, 256), 1);
	put_number(gen, 1, 1);
	put_number(gen, 0, 4);
	put_number(gen, 1 + gen_below(gen, 1000000), 4);
	put_number(gen, 0, 4);
	for (unsigned i = 0; i < n; i++)
		put_field(gen, fields[i], signature);
	store(gen, 12, gen->size - 16, 4);
	put_align(gen, 8);
	body_at = gen->size;
	for (const char *s = signature; *s;)
		s = put_value(gen, s, 0);
	store(gen, 4, gen->size - body_at, 4);
}

void gen_mutate(struct gen *gen)
{
	static const uint32_t lengths[] = {
		0,	 1,	     2,		 3,	     4,		7,
		8,	 9,	     255,	 256,	     1 << 26,	(1 << 26) + 1,
		1 << 27, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff};
	static const char codes[] = "ybnqiuxtdhsogva(){}\0r";
	size_t at = gen_below(gen, gen->size);

	switch (gen_below(gen, 6)) {
	case 0: /* a bit */
		gen->bytes[at] ^= 1 << gen_below(gen, 8);
		break;
	case 1: /* a byte */
		gen->bytes[at] = gen_below(gen, 256);
		break;
	case 2: /* a type, or something that looks like one */
		gen->bytes[at] = codes[gen_below(gen, sizeof(codes) - 1)];
		break;
	case 3: /* a length */
		at &= ~(size_t)3;
		if (at + 4 <= gen->size)
			store(gen, at, PICK(gen, lengths), 4);
		break;
	case 4: /* a byte more or less in the same place */
		gen->bytes[at] += gen_below(gen, 2) ? 1 : -1;
		break;
	default: /* a bigger or smaller body, with the length to fit */
		if (gen_below(gen, 2)) {
			put(gen, "", 1);
			store(gen, 4, load(gen, 4) + 1, 4);
		} else if (gen->size > 16) {
			gen->size--;
			store(gen, 4, load(gen, 4) - 1, 4);
		}
		break;
	}
}
