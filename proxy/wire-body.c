/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values: section "Marshaling (Wire Format)" of the specification
 *
 * One loop over the characters of the signature, and over the bytes at the same
 * time.  What is open lies on a stack of 64 frames, as that many containers may
 * lie in one another:
 *
 *	array	remembers where its element's signature starts and where the next
 *		outer array ends.  When an element is complete, the walk goes back
 *		to that start, or on behind it once the content is used up.
 *	struct	remembers nothing; also a dict entry.
 *	variant	remembers where the outer signature goes on.  The variant's own is in
 *		the message, NUL-terminated, and its end is the end of the variant.
 *
 * No value may pass @limit, the end of the innermost array, and each step consumes
 * either bytes or characters, so the walk is linear.  Two things could make it slow
 * for a sender that tries, and are dealt with: the long signature of an element
 * that is skipped again and again by empty arrays (struct skip_memo), and arrays of
 * elements of a fixed size, which are not walked at all where every bit pattern is
 * valid (fixed_size()).
 */
#include "proxy/wire-inner.h"

enum frame_kind {
	FRAME_ARRAY,
	FRAME_STRUCT,
	FRAME_VARIANT,
};

struct frame {
	const char *signature;
	uint32_t limit;
	uint32_t kind;
};

/* what wire_signature_skip() gave for the last few arrays; a signature of 255 has no room for
 * more than a few that are both long and different */
struct skip_memo {
	const char *from[8];
	const char *to[8];
	unsigned n;
};

static const char *skip_element(struct skip_memo *memo, const char *signature)
{
	const char *to;

	if (*signature != '(' && *signature != '{' && *signature != 'a')
		return signature + 1;
	for (unsigned i = 0; i < 8 && i < memo->n; i++)
		if (memo->from[i] == signature)
			return memo->to[i];
	to = wire_signature_skip(signature);
	memo->from[memo->n % 8] = signature;
	memo->to[memo->n % 8] = to;
	/* 8..15 once full: the slot goes round, and all eight count */
	memo->n = memo->n < 15 ? memo->n + 1 : 8;
	return to;
}

static inline int overrun(const struct wire_values *values)
{
	return values->limit < values->size ? WIRE_BAD_ARRAY : WIRE_TRUNCATED;
}

static inline int align(struct wire_values *values, uint32_t alignment)
{
	uint32_t at = wire_align(values->at, alignment);

	if (at > values->limit)
		return overrun(values);
	if (!wire_is_zero(values->base, values->at, at))
		return WIRE_BAD_PADDING;
	values->at = at;
	return WIRE_OK;
}

/* aligns, and moves behind a value of that size as well, which is at @at_out */
static inline int take(struct wire_values *values, uint32_t size, uint32_t *at_out)
{
	int r = align(values, size);

	if (r)
		return r;
	if (values->limit - values->at < size)
		return overrun(values);
	*at_out = values->at;
	values->at += size;
	return WIRE_OK;
}

static inline int take_u32(struct wire_values *values, uint32_t *value_out)
{
	uint32_t at;
	int r = take(values, 4, &at);

	if (r)
		return r;
	*value_out = wire_load_u32(values->base + at, values->is_big_endian);
	return WIRE_OK;
}

/* moves behind @len bytes and a NUL; @text_out points at the first */
static inline int take_text(struct wire_values *values, uint32_t len, const char **text_out)
{
	const char *text = (const char *)values->base + values->at;

	if (values->limit - values->at <= len)
		return overrun(values);
	if (text[len])
		return WIRE_BAD_STRING;
	values->at += len + 1;
	*text_out = text;
	return WIRE_OK;
}

static inline int check_string(struct wire_values *values, bool is_path)
{
	const char *text;
	uint32_t len;
	int r;

	r = take_u32(values, &len);
	if (r)
		return r;
	r = take_text(values, len, &text);
	if (r)
		return r;
	if (is_path)
		return wire_path_is_valid(text, len) ? WIRE_OK : WIRE_BAD_PATH;
	return wire_utf8_is_valid(text, len) ? WIRE_OK : WIRE_BAD_STRING;
}

/* a value of type g; the text and the number of complete types go out */
static inline int take_signature(struct wire_values *values, const char **text_out,
				 int *n_types_out)
{
	uint32_t len;
	int r;

	if (values->at == values->limit)
		return overrun(values);
	len = values->base[values->at++];
	r = take_text(values, len, text_out);
	if (r)
		return r;
	*n_types_out = wire_signature_count(*text_out, len);
	return *n_types_out < 0 ? WIRE_BAD_SIGNATURE : WIRE_OK;
}

/*
 * Size of the struct or dict entry at @signature if all of its bits are free: only numbers, no
 * padding inside or between two of them; else 0.  @depth_out is how deep it nests.
 */
static uint32_t fixed_size(const char *signature, unsigned *depth_out)
{
	unsigned depth = 0, deepest = 0;
	uint32_t at = 0;

	do {
		uint32_t size = 8;

		switch (*signature++) {
		case '(':
		case '{':
			if (at % 8)
				return 0;
			if (++depth > deepest)
				deepest = depth;
			continue;
		case ')':
		case '}':
			depth--;
			continue;
		case 'y':
			size = 1;
			break;
		case 'n':
		case 'q':
			size = 2;
			break;
		case 'i':
		case 'u':
			size = 4;
			break;
		case 'x':
		case 't':
		case 'd':
			break;
		default:
			return 0;
		}
		if (at % size)
			return 0;
		at += size;
	} while (depth);
	*depth_out = deepest;
	return at % 8 ? 0 : at;
}

static int check_booleans(const struct wire_values *values, uint32_t len)
{
	const uint8_t *p = values->base + values->at;
	uint32_t any = 0;

	for (uint32_t i = 0; i < len; i += 4)
		any |= wire_load_u32(p + i, values->is_big_endian);
	return any & ~UINT32_C(1) ? WIRE_BAD_BOOLEAN : WIRE_OK;
}

static int check_fd_indexes(const struct wire_values *values, uint32_t len)
{
	const uint8_t *p = values->base + values->at;

	for (uint32_t i = 0; i < len; i += 4)
		if (wire_load_u32(p + i, values->is_big_endian) >= values->n_fds)
			return WIRE_BAD_FD_INDEX;
	return WIRE_OK;
}

/*
 * Deals with an array's content if there is no need to walk it.  @is_done_out tells; then
 * values->at is behind it.
 */
static int check_fixed_array(struct wire_values *values, const char *signature, uint32_t len,
			     unsigned depth, bool *is_done_out)
{
	unsigned nested = 0;
	uint32_t size;
	int r = WIRE_OK;

	switch (*signature) {
	case 'y':
		size = 1;
		break;
	case 'n':
	case 'q':
		size = 2;
		break;
	case 'b':
	case 'h':
	case 'i':
	case 'u':
		size = 4;
		break;
	case 'x':
	case 't':
	case 'd':
		size = 8;
		break;
	case '(':
	case '{':
		size = fixed_size(signature, &nested);
		break;
	default:
		size = 0;
		break;
	}
	*is_done_out = size;
	if (!size)
		return WIRE_OK;
	if (depth + nested > WIRE_MAX_DEPTH)
		return WIRE_TOO_DEEP;
	if (len % size)
		return WIRE_BAD_ARRAY;
	if (*signature == 'b')
		r = check_booleans(values, len);
	else if (*signature == 'h')
		r = check_fd_indexes(values, len);
	values->at += len;
	return r;
}

int wire_values_check(struct wire_values *values, const char *signature, unsigned depth)
{
	struct frame stack[WIRE_MAX_DEPTH];
	struct skip_memo memo;
	unsigned n = 0;

	memo.n = 0;
	for (;;) {
		uint32_t at, len;
		const char *text;
		bool is_done;
		int r, n_types;

		switch (*signature++) {
		case '\0':
			if (!n)
				return WIRE_OK;
			/* the end of a variant: structs end with brackets, arrays below */
			n--;
			signature = stack[n].signature;
			break;
		case 'y':
			if (values->at == values->limit)
				return overrun(values);
			values->at++;
			break;
		case 'n':
		case 'q':
			r = take(values, 2, &at);
			if (r)
				return r;
			break;
		case 'i':
		case 'u':
			r = take(values, 4, &at);
			if (r)
				return r;
			break;
		case 'x':
		case 't':
		case 'd':
			r = take(values, 8, &at);
			if (r)
				return r;
			break;
		case 'b':
			r = take_u32(values, &len);
			if (r)
				return r;
			if (len > 1)
				return WIRE_BAD_BOOLEAN;
			break;
		case 'h':
			r = take_u32(values, &len);
			if (r)
				return r;
			if (len >= values->n_fds)
				return WIRE_BAD_FD_INDEX;
			break;
		case 's':
			r = check_string(values, false);
			if (r)
				return r;
			break;
		case 'o':
			r = check_string(values, true);
			if (r)
				return r;
			break;
		case 'g':
			r = take_signature(values, &text, &n_types);
			if (r)
				return r;
			break;
		case 'v':
			r = take_signature(values, &text, &n_types);
			if (r)
				return r;
			if (n_types != 1)
				return WIRE_BAD_VARIANT;
			if (depth + n == WIRE_MAX_DEPTH)
				return WIRE_TOO_DEEP;
			stack[n].kind = FRAME_VARIANT;
			stack[n].signature = signature;
			n++;
			signature = text;
			continue;
		case '(':
		case '{':
			r = align(values, 8);
			if (r)
				return r;
			if (depth + n == WIRE_MAX_DEPTH)
				return WIRE_TOO_DEEP;
			stack[n++].kind = FRAME_STRUCT;
			continue;
		case ')':
		case '}':
			n--;
			break;
		case 'a':
			r = take_u32(values, &len);
			if (r)
				return r;
			if (len > WIRE_MAX_ARRAY)
				return WIRE_BAD_ARRAY;
			/* this padding exists in front of an empty array as well */
			r = align(values, wire_alignment(*signature));
			if (r)
				return r;
			if (depth + n == WIRE_MAX_DEPTH)
				return WIRE_TOO_DEEP;
			if (len > values->limit - values->at)
				return overrun(values);
			if (!len) {
				signature = skip_element(&memo, signature);
				break;
			}
			r = check_fixed_array(values, signature, len, depth + n + 1, &is_done);
			if (r)
				return r;
			if (is_done) {
				signature = skip_element(&memo, signature);
				break;
			}
			stack[n].kind = FRAME_ARRAY;
			stack[n].signature = signature;
			stack[n].limit = values->limit;
			n++;
			values->limit = values->at + len;
			continue;
		}

		/* a value is complete, and with it each array that it fills to the end */
		while (n && stack[n - 1].kind == FRAME_ARRAY) {
			if (values->at < values->limit) {
				signature = stack[n - 1].signature;
				break;
			}
			values->limit = stack[--n].limit;
		}
	}
}

int wire_body_check(const struct wire_header *header, const uint8_t *bytes, const uint8_t *body)
{
	struct wire_values values = {
		.base = body,
		.limit = header->body_size,
		.size = header->body_size,
		.n_fds = header->n_fds,
		.is_big_endian = header->is_big_endian,
	};
	int r;

	if (!header->signature.len)
		return header->body_size ? WIRE_BODY_UNSIGNED : WIRE_OK;
	r = wire_values_check(&values, (const char *)bytes + header->signature.at, 0);
	if (r)
		return r;
	return values.at == values.size ? WIRE_OK : WIRE_TRAILING;
}

/* of a number of which every bit pattern is valid; 0: it is none */
static uint32_t number_size(char type)
{
	switch (type) {
	case 'y':
		return 1;
	case 'n':
	case 'q':
		return 2;
	case 'i':
	case 'u':
		return 4;
	case 'x':
	case 't':
	case 'd':
		return 8;
	default:
		return 0;
	}
}

bool wire_body_is_proven(const struct wire_header *header, const uint8_t *bytes,
			 const uint8_t *body, uint32_t there)
{
	const char *signature = (const char *)bytes + header->signature.at;
	uint32_t n = header->signature.len, size, len;
	char front[WIRE_MAX_SIGNATURE + 1];
	struct wire_values values = {
		.base = body,
		.limit = there,
		.size = there,
		.n_fds = header->n_fds,
		.is_big_endian = header->is_big_endian,
	};

	/* an array of numbers which is not the element of another array */
	if (n < 2 || signature[n - 2] != 'a' || (n > 2 && signature[n - 3] == 'a'))
		return false;
	size = number_size(signature[n - 1]);
	if (!size)
		return false;
	memcpy(front, signature, n - 2);
	front[n - 2] = '\0';
	if (wire_values_check(&values, front, 0) || take_u32(&values, &len) || align(&values, size))
		return false;
	return len <= WIRE_MAX_ARRAY && len % size == 0 && len == header->body_size - values.at;
}
