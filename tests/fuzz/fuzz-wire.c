/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages.  The first byte chooses what the rest is:
 *
 *	0	a message: checked, read, relayed
 *	1, 2	a signature with its length, then a body in one byte order or the other:
 *		deep into values without a header in the way
 *	3	a name, a path, a signature, a text
 *
 * Every verdict is compared with that of the plain checker of the unit tests, and what is said of a
 * body from its first bytes with what is said of all of it.
 */
#include <string.h>

#include "proxy/wire.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/proxy/naive-wire.h"

enum { N_FDS = 2 };

/* a copy with nothing behind it; at least one byte, so that it is never NULL */
static uint8_t *copy_of(const void *bytes, size_t size)
{
	uint8_t *copy = malloc(size ?: 1);

	fuzz_expect(copy);
	if (size)
		memcpy(copy, bytes, size);
	return copy;
}

static void read_all(const struct wire_header *header, const uint8_t *bytes, const uint8_t *body)
{
	struct wire_reader reader;
	struct wire_args args;
	const char *signature, *text;
	uint32_t len;

	wire_reader_init(&reader, header, body);
	signature = header->signature.at ? (const char *)bytes + header->signature.at : "";
	while (*signature)
		wire_read_skip(&reader, &signature);
	fuzz_expect(!reader.failed && reader.at == header->body_size);

	wire_args_init(&args, header, bytes, body);
	while (wire_args_next(&args, &text, &len))
		if (text)
			fuzz_expect(strlen(text) == len);
	fuzz_expect(!args.reader.failed);
}

/* what the first bytes of a body prove holds whatever follows them */
static void prove(const struct wire_header *header, const uint8_t *bytes, const uint8_t *body)
{
	uint8_t *any = copy_of(body, header->body_size);
	uint32_t there = header->body_size;

	do {
		uint8_t *head = copy_of(body, there);

		if (wire_body_is_proven(header, bytes, head, there)) {
			fuzz_expect(wire_body_check(header, bytes, body) == WIRE_OK);
			for (uint32_t i = there; i < header->body_size; i++)
				any[i] ^= 0xff;
			fuzz_expect(wire_body_check(header, bytes, any) == WIRE_OK);
		}
		free(head);
		there = there > 64 ? there / 2 : there - 1;
	} while (there && there < header->body_size);
	free(any);
}

/* what did not pass: whatever comes out, nothing behind the end may be read */
static void read_any(const struct wire_header *header, const uint8_t *bytes, const uint8_t *body)
{
	const char *signature = (const char *)bytes + header->signature.at;
	struct wire_reader reader;

	wire_reader_init(&reader, header, body);
	while (*signature)
		wire_read_skip(&reader, &signature);
	fuzz_expect(reader.at <= header->body_size);
	while (!reader.failed) {
		uint32_t end = wire_read_array(&reader, 8);

		fuzz_expect(reader.at <= header->body_size && end <= header->body_size);
		wire_read_bool(&reader);
		wire_read_byte(&reader);
	}
}

static void relay(const struct wire_header *header, const uint8_t *bytes, const uint8_t *body)
{
	static const char sender[] = ":1.42";
	uint32_t size = wire_relay_size(bytes, header, sizeof(sender) - 1);
	struct wire_header promised, found;
	uint8_t *out = malloc(size + header->body_size);

	fuzz_expect(out);
	wire_relay_header(bytes, header, sender, sizeof(sender) - 1, out, &promised);
	fuzz_expect(promised.header_size == size);
	fuzz_expect(wire_header_parse(out, &found) == WIRE_OK);
	fuzz_expect(!memcmp(&promised, &found, sizeof(found)));
	fuzz_expect(wire_body_check(&found, out, body) == WIRE_OK);
	memcpy(out + size, body, header->body_size);
	fuzz_expect(naive_message_is_valid(out, size + header->body_size));
	free(out);
}

static void fuzz_message(const uint8_t *bytes, size_t size)
{
	uint32_t header_size, total;
	struct wire_header header;
	uint8_t *head, *body;
	bool is_valid = naive_message_is_valid(bytes, size);

	if (size < WIRE_FIXED_SIZE || wire_frame(bytes, &header_size, &total) || total != size) {
		fuzz_expect(!is_valid);
		return;
	}
	head = copy_of(bytes, header_size);
	body = copy_of(bytes + header_size, size - header_size);
	if (wire_header_parse(head, &header)) {
		fuzz_expect(!is_valid);
	} else if (wire_body_check(&header, head, body)) {
		fuzz_expect(!is_valid);
		prove(&header, head, body);
	} else {
		prove(&header, head, body);
		fuzz_expect(is_valid);
		read_all(&header, head, body);
		relay(&header, head, body);
	}
	free(body);
	free(head);
}

static void fuzz_body(const uint8_t *bytes, size_t size, bool is_big_endian)
{
	struct wire_header header = {.is_big_endian = is_big_endian, .n_fds = N_FDS};
	uint8_t *head, *body;
	size_t len;
	int r;

	if (!size || size - 1 < bytes[0])
		return;
	/* one byte in front of it, as an offset of 0 says that there is none */
	len = bytes[0];
	head = malloc(len + 2);
	fuzz_expect(head);
	memcpy(head + 1, bytes + 1, len);
	head[len + 1] = '\0';
	header.signature.at = 1;
	header.signature.len = len;
	header.body_size = size - 1 - len;
	body = copy_of(bytes + 1 + len, header.body_size);
	if (!wire_signature_is_valid((char *)head + 1, len)) {
		fuzz_expect(!naive_signature_is_valid((char *)head + 1, len));
	} else {
		r = wire_body_check(&header, head, body);
		prove(&header, head, body);
		fuzz_expect(!r == naive_body_is_valid((char *)head + 1, len, body, header.body_size,
						      is_big_endian, N_FDS));
		if (!r)
			read_all(&header, head, body);
		else
			read_any(&header, head, body);
	}
	free(body);
	free(head);
}

static void fuzz_text(const uint8_t *bytes, size_t size)
{
	char *text = (char *)copy_of(bytes, size);

	fuzz_expect(wire_path_is_valid(text, size) == naive_name_is_valid(NAIVE_PATH, text, size));
	fuzz_expect(wire_interface_is_valid(text, size) ==
		    naive_name_is_valid(NAIVE_INTERFACE, text, size));
	fuzz_expect(wire_error_name_is_valid(text, size) ==
		    naive_name_is_valid(NAIVE_INTERFACE, text, size));
	fuzz_expect(wire_member_is_valid(text, size) ==
		    naive_name_is_valid(NAIVE_MEMBER, text, size));
	fuzz_expect(wire_bus_name_is_valid(text, size) ==
		    naive_name_is_valid(NAIVE_BUS_NAME, text, size));
	fuzz_expect(wire_well_known_name_is_valid(text, size) ==
		    naive_name_is_valid(NAIVE_WELL_KNOWN, text, size));
	fuzz_expect(wire_namespace_is_valid(text, size) ==
		    naive_name_is_valid(NAIVE_NAMESPACE, text, size));
	fuzz_expect(wire_signature_is_valid(text, size) == naive_signature_is_valid(text, size));
	fuzz_expect(wire_utf8_is_valid(text, size) == naive_utf8_is_valid(text, size));
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	if (!size)
		return 0;
	switch (bytes[0]) {
	case 0:
		fuzz_message(bytes + 1, size - 1);
		break;
	case 1:
	case 2:
		fuzz_body(bytes + 1, size - 1, bytes[0] == 2);
		break;
	case 3:
		fuzz_text(bytes + 1, size - 1);
		break;
	}
	return 0;
}
