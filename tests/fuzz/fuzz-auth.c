/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Authentication.  The first byte chooses mechanisms and how the rest is cut; however it is cut,
 * the conversation must be the same. */
#include <string.h>

#include "proxy/auth.h"
#include "tests/fuzz/fuzz.h"

enum { OUTPUT_SIZE = 1 << 18 };

struct outcome {
	int r;
	size_t consumed;
	size_t n_output;
	bool is_anonymous, is_fds_agreed;
	char output[OUTPUT_SIZE];
};

static void converse(const char *bytes, size_t size, uint8_t choice, size_t piece,
		     struct outcome *outcome)
{
	struct auth auth;
	size_t at = 0;

	auth_init(&auth, 1000, "0123456789abcdef0123456789abcdef", choice & 3, !(choice & 4));
	memset(outcome, 0, offsetof(struct outcome, output));
	outcome->r = AUTH_MORE;
	while (at < size && outcome->r == AUTH_MORE) {
		size_t n = size - at < piece ? size - at : piece, consumed, n_output;
		/* a copy with nothing behind it */
		char *copy = malloc(n);
		const char *output;

		fuzz_expect(copy);
		memcpy(copy, bytes + at, n);
		outcome->r = auth_feed(&auth, copy, n, &consumed);
		free(copy);
		fuzz_expect(outcome->r > 0 && consumed <= n);
		fuzz_expect(consumed == n || outcome->r == AUTH_DONE);
		at += consumed;
		output = auth_take_output(&auth, &n_output);
		fuzz_expect(outcome->n_output + n_output <= OUTPUT_SIZE);
		if (n_output)
			memcpy(outcome->output + outcome->n_output, output, n_output);
		outcome->n_output += n_output;
	}
	outcome->consumed = at;
	outcome->is_anonymous = auth.is_anonymous;
	outcome->is_fds_agreed = auth.is_fds_agreed;
	if (outcome->r == AUTH_FAILED)
		fuzz_expect(auth_reason(&auth)[0]);
	auth_deinit(&auth);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct outcome by_one, by_piece;
	uint8_t choice;

	if (!size)
		return 0;
	choice = bytes[0];
	/* small enough for all answers, which are at most 29 bytes for two */
	if (size > 8192)
		size = 8192;
	converse((const char *)bytes + 1, size - 1, choice, 1, &by_one);
	converse((const char *)bytes + 1, size - 1, choice, 2 + (choice >> 3), &by_piece);
	fuzz_expect(by_one.r == by_piece.r);
	fuzz_expect(by_one.n_output == by_piece.n_output);
	fuzz_expect(!memcmp(by_one.output, by_piece.output, by_one.n_output));
	if (by_one.r == AUTH_DONE) {
		fuzz_expect(by_one.consumed == by_piece.consumed);
		fuzz_expect(by_one.is_anonymous == by_piece.is_anonymous);
		fuzz_expect(by_one.is_fds_agreed == by_piece.is_fds_agreed);
	}
	/* all of it at once, with answers that pile up */
	converse((const char *)bytes + 1, size - 1, choice, SIZE_MAX, &by_piece);
	return 0;
}
