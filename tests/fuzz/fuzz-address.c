/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listen addresses: what is read, printed and read again is the same */
#include <stdio.h>
#include <string.h>

#include "proxy/address.h"
#include "tests/fuzz/fuzz.h"

static void expect_round_trip(const struct address *address)
{
	static const char *const keys[] = {
		[ADDRESS_UNIX_PATH] = "path",
		[ADDRESS_UNIX_ABSTRACT] = "abstract",
		[ADDRESS_UNIX_DIR] = "dir",
		[ADDRESS_UNIX_TMPDIR] = "tmpdir",
	};
	struct address_list again;
	const char *reason;
	char *escaped, *text;
	size_t size;

	escaped = address_escape(address->value);
	fuzz_expect(escaped);
	size = strlen(escaped) + 32;
	text = malloc(size);
	fuzz_expect(text);
	snprintf(text, size, "unix:%s=%s", keys[address->kind], escaped);
	fuzz_expect(address_parse(text, &again, &reason) == 0);
	fuzz_expect(again.n_addresses == 1 && again.addresses[0].kind == address->kind);
	fuzz_expect(!strcmp(again.addresses[0].value, address->value));
	address_list_deinit(&again);
	free(text);
	free(escaped);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct address_list list;
	const char *reason = NULL;
	char *text = malloc(size + 1);
	int r;

	fuzz_expect(text);
	if (size)
		memcpy(text, bytes, size);
	text[size] = '\0';
	r = address_parse(text, &list, &reason);
	if (r) {
		fuzz_expect(r == ADDRESS_INVALID && reason);
		free(text);
		return 0;
	}
	fuzz_expect(list.n_addresses > 0);
	for (size_t i = 0; i < list.n_addresses; i++)
		if (list.addresses[i].kind <= ADDRESS_UNIX_TMPDIR)
			expect_round_trip(&list.addresses[i]);
	address_list_deinit(&list);
	address_list_deinit(&list);
	free(text);
	return 0;
}
