/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading values
 *
 * For bodies that passed wire_body_check().  Bounds are checked all the same, and
 * the first read that does not fit poisons the reader, so that a caller which
 * walks by the wrong signature gets zeros and not somebody else's memory.  A
 * poisoned reader stands at the end, where loops over arrays stop.
 */
#include "proxy/wire-inner.h"

void wire_reader_init(struct wire_reader *reader, const struct wire_header *header,
		      const uint8_t *body)
{
	*reader = (struct wire_reader){
		.bytes = body,
		.size = header->body_size,
		.is_big_endian = header->is_big_endian,
	};
}

static void poison(struct wire_reader *reader)
{
	reader->failed = true;
	reader->at = reader->size;
}

static void align(struct wire_reader *reader, uint32_t alignment)
{
	uint32_t at = wire_align(reader->at, alignment);

	if (at > reader->size)
		poison(reader);
	else
		reader->at = at;
}

/* the next @size bytes, or NULL */
static const uint8_t *take(struct wire_reader *reader, uint32_t size, uint32_t alignment)
{
	align(reader, alignment);
	if (reader->failed || reader->size - reader->at < size) {
		poison(reader);
		return NULL;
	}
	reader->at += size;
	return reader->bytes + reader->at - size;
}

uint8_t wire_read_byte(struct wire_reader *reader)
{
	const uint8_t *p = take(reader, 1, 1);

	return p ? *p : 0;
}

bool wire_read_bool(struct wire_reader *reader)
{
	return wire_read_u32(reader);
}

uint16_t wire_read_u16(struct wire_reader *reader)
{
	const uint8_t *p = take(reader, 2, 2);

	return p ? wire_load_u16(p, reader->is_big_endian) : 0;
}

uint32_t wire_read_u32(struct wire_reader *reader)
{
	const uint8_t *p = take(reader, 4, 4);

	return p ? wire_load_u32(p, reader->is_big_endian) : 0;
}

uint64_t wire_read_u64(struct wire_reader *reader)
{
	const uint8_t *p = take(reader, 8, 8);

	return p ? wire_load_u64(p, reader->is_big_endian) : 0;
}

static const char *read_text(struct wire_reader *reader, uint32_t len, uint32_t *len_out)
{
	const char *text = NULL;

	/* the NUL counts as well; a length near 2^32 must not wrap */
	if (len < reader->size)
		text = (const char *)take(reader, len + 1, 1);
	else
		poison(reader);
	if (text && text[len]) {
		poison(reader);
		text = NULL;
	}
	if (len_out)
		*len_out = text ? len : 0;
	return text ?: "";
}

const char *wire_read_string(struct wire_reader *reader, uint32_t *len_out)
{
	uint32_t len = wire_read_u32(reader);

	return read_text(reader, len, len_out);
}

const char *wire_read_signature(struct wire_reader *reader, uint32_t *len_out)
{
	uint32_t len = wire_read_byte(reader);

	return read_text(reader, len, len_out);
}

uint32_t wire_read_array(struct wire_reader *reader, unsigned element_alignment)
{
	uint32_t len = wire_read_u32(reader);

	align(reader, element_alignment);
	if (reader->failed || len > reader->size - reader->at) {
		poison(reader);
		return 0;
	}
	return reader->at + len;
}

void wire_read_struct(struct wire_reader *reader)
{
	align(reader, 8);
}

/*
 * Variants may lie in one another; what comes behind each that is open is on the stack.  Arrays
 * are skipped by their length.
 */
void wire_read_skip(struct wire_reader *reader, const char **signature)
{
	struct {
		const char *signature;
		unsigned n_brackets;
	} stack[WIRE_MAX_DEPTH];
	const char *p = *signature;
	unsigned n = 0, n_brackets = 0;

	do {
		switch (*p++) {
		case 'y':
			wire_read_byte(reader);
			break;
		case 'n':
		case 'q':
			wire_read_u16(reader);
			break;
		case 'b':
		case 'i':
		case 'u':
		case 'h':
			wire_read_u32(reader);
			break;
		case 'x':
		case 't':
		case 'd':
			wire_read_u64(reader);
			break;
		case 's':
		case 'o':
			wire_read_string(reader, NULL);
			break;
		case 'g':
			wire_read_signature(reader, NULL);
			break;
		case '(':
		case '{':
			wire_read_struct(reader);
			n_brackets++;
			continue;
		case ')':
		case '}':
			n_brackets--;
			break;
		case 'a':
			reader->at = wire_read_array(reader, wire_alignment(*p));
			if (reader->failed)
				poison(reader);
			p = wire_signature_skip(p);
			break;
		case 'v':
			if (n == WIRE_MAX_DEPTH) {
				poison(reader);
				break;
			}
			stack[n].signature = p;
			stack[n].n_brackets = n_brackets;
			n++;
			n_brackets = 0;
			p = wire_read_signature(reader, NULL);
			continue;
		default: /* no type: the end of a signature that promised more */
			poison(reader);
			break;
		}
		if (reader->failed) {
			*signature = "";
			return;
		}
		/* a value is complete; is it the last thing in variants? */
		while (n && !n_brackets) {
			n--;
			p = stack[n].signature;
			n_brackets = stack[n].n_brackets;
		}
	} while (n || n_brackets);
	*signature = p;
}

void wire_args_init(struct wire_args *args, const struct wire_header *header, const uint8_t *bytes,
		    const uint8_t *body)
{
	wire_reader_init(&args->reader, header, body);
	args->signature = header->signature.at ? (const char *)bytes + header->signature.at : "";
	args->n = 0;
}

char wire_args_next(struct wire_args *args, const char **text_out, uint32_t *len_out)
{
	char code = *args->signature;

	*text_out = NULL;
	*len_out = 0;
	if (!code || args->n == WIRE_MAX_ARGS)
		return 0;
	args->n++;
	switch (code) {
	case 's':
	case 'o':
		*text_out = wire_read_string(&args->reader, len_out);
		args->signature++;
		break;
	case 'g':
		*text_out = wire_read_signature(&args->reader, len_out);
		args->signature++;
		break;
	default:
		wire_read_skip(&args->reader, &args->signature);
		break;
	}
	return args->reader.failed ? 0 : code;
}
