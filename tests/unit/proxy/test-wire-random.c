/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random and mutated messages: the validator against a second reading of the format */
#include <stdlib.h>
#include <string.h>

#include "proxy/wire.h"
#include "tests/harness/tap.h"
#include "tests/unit/proxy/naive-wire.h"
#include "tests/unit/proxy/wire-gen.h"

enum { N_MESSAGES = 200000 };

static unsigned n_proven;

static int check(const uint8_t *bytes, size_t size, struct wire_header *header)
{
	uint32_t header_size, total;
	int r;

	if (size < WIRE_FIXED_SIZE)
		return WIRE_TRUNCATED;
	r = wire_frame(bytes, &header_size, &total);
	if (r)
		return r;
	if (total != size)
		return WIRE_TRUNCATED;
	r = wire_header_parse(bytes, header);
	if (r)
		return r;
	return wire_body_check(header, bytes, bytes + header->header_size);
}

static void hexdump(const struct gen *gen)
{
	for (size_t i = 0; i < gen->size; i += 16) {
		char line[64] = "";

		for (size_t j = i; j < i + 16 && j < gen->size; j++) {
			static const char digits[] = "0123456789abcdef";
			char *p = line + 3 * (j - i);

			p[0] = digits[gen->bytes[j] >> 4];
			p[1] = digits[gen->bytes[j] & 15];
			p[2] = ' ';
		}
		note("%s", line);
	}
}

/* skipping argument by argument must end where the body ends */
static void expect_readable(const struct gen *gen, const struct wire_header *header)
{
	const char *signature =
		header->signature.at ? (const char *)gen->bytes + header->signature.at : "";
	struct wire_reader reader;

	wire_reader_init(&reader, header, gen->bytes + header->header_size);
	while (*signature)
		wire_read_skip(&reader, &signature);
	expect(!reader.failed);
	expect_eq(reader.at, header->body_size);
}

/* what is said of a message of which only the first bytes are there holds */
static void expect_proven(const struct gen *gen, const struct wire_header *header)
{
	const uint8_t *body = gen->bytes + header->header_size;
	uint8_t *any = malloc(header->body_size + 1);

	for (uint32_t there = 0; there <= header->body_size; there += 1 + there / 8) {
		uint8_t *head = malloc(there + 1);
		bool is_proven;

		memcpy(head, body, there);
		is_proven = wire_body_is_proven(header, gen->bytes, head, there);
		free(head);
		if (!is_proven)
			continue;
		n_proven++;
		memset(any, n_proven, header->body_size);
		memcpy(any, body, there);
		expect_eq(wire_body_check(header, gen->bytes, body), WIRE_OK);
		expect_eq(wire_body_check(header, gen->bytes, any), WIRE_OK);
	}
	free(any);
}

/* what passes is there in its old order with its old bytes, what does not is gone, the bus' own
 * SENDER is last */
static void expect_relayed(const struct gen *gen, const struct wire_header *header,
			   const char *sender)
{
	struct naive_field before[32], after[32];
	size_t n_before, n_after, j = 0, len = strlen(sender);
	struct wire_header promised, found;
	uint32_t size;
	uint8_t *out;

	size = wire_relay_size(gen->bytes, header, len);
	expect_eq(size % 8, 0);
	out = malloc(size + header->body_size);
	wire_relay_header(gen->bytes, header, sender, len, out, &promised);
	memcpy(out + size, gen->bytes + header->header_size, header->body_size);
	expect_eq(promised.header_size, size);
	expect(naive_message_is_valid(out, size + header->body_size));
	expect_eq(check(out, size + header->body_size, &found), WIRE_OK);
	expect_mem(&promised, sizeof(promised), &found, sizeof(found));

	n_before = naive_fields(gen->bytes, before, 32);
	n_after = naive_fields(out, after, 32);
	for (size_t i = 0; i < n_before; i++) {
		if (before[i].code == WIRE_FIELD_SENDER || before[i].code > WIRE_FIELD_UNIX_FDS)
			continue;
		expect_lt(j, n_after);
		expect_mem(out + after[j].at, after[j].size, gen->bytes + before[i].at,
			   before[i].size);
		j++;
	}
	expect_eq(j + 1, n_after);
	expect_eq(after[j].code, WIRE_FIELD_SENDER);
	expect_mem(out + found.sender.at, found.sender.len, sender, len);
	free(out);
}

TEST_TIMEOUT(random_valid_messages_pass_and_are_relayed, 120)
{
	static const char *const senders[] = {":1.0", ":1.42", ":not.active.yet",
					      ":1.18446744073709551615"};
	struct wire_header header;
	struct gen gen;

	gen_init(&gen, 1);
	for (int i = 0; i < N_MESSAGES / 4; i++) {
		int r;

		gen_message(&gen);
		r = check(gen.bytes, gen.size, &header);
		if (r || !naive_message_is_valid(gen.bytes, gen.size)) {
			hexdump(&gen);
			fail("valid message %d: %s", i, wire_outcome_text(r));
		}
		expect_readable(&gen, &header);
		expect_proven(&gen, &header);
		expect_relayed(&gen, &header, senders[i % 4]);
	}
	expect_gt(n_proven, 1000);
	gen_deinit(&gen);
}

TEST_TIMEOUT(random_mutated_messages_get_the_same_verdict, 240)
{
	unsigned n_outcomes[_WIRE_OUTCOME_MAX] = {0};
	struct wire_header header;
	struct gen gen;

	gen_init(&gen, 2);
	for (int i = 0; i < N_MESSAGES; i++) {
		int r;

		gen_message(&gen);
		for (unsigned n = 1 + gen_below(&gen, 2); n; n--)
			gen_mutate(&gen);
		r = check(gen.bytes, gen.size, &header);
		n_outcomes[r]++;
		if (!r != naive_message_is_valid(gen.bytes, gen.size)) {
			hexdump(&gen);
			fail("mutated message %d: %s", i, wire_outcome_text(r));
		}
		if (!r) {
			expect_readable(&gen, &header);
			expect_relayed(&gen, &header, ":1.7");
		}
	}
	/* everything that can be wrong was, but for what takes more than a change or two */
	for (int r = 0; r < _WIRE_OUTCOME_MAX; r++) {
		note("%7u %s", n_outcomes[r], wire_outcome_text(r));
		if (r != WIRE_LOCAL && r != WIRE_TOO_DEEP)
			expect_gt(n_outcomes[r], 0);
	}
	/* and neither verdict is rare */
	expect_gt(n_outcomes[WIRE_OK], N_MESSAGES / 10);
	expect_lt(n_outcomes[WIRE_OK], N_MESSAGES - N_MESSAGES / 10);
	gen_deinit(&gen);
}
