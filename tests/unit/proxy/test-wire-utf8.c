/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* UTF-8: all that is short, and everything that is interesting at every place of long text */
#include <string.h>

#include "proxy/wire.h"
#include "tests/harness/tap.h"
#include "tests/unit/proxy/naive-wire.h"

static void compare(const uint8_t *bytes, size_t len)
{
	if (wire_utf8_is_valid((const char *)bytes, len) !=
	    naive_utf8_is_valid((const char *)bytes, len))
		fail("%zu bytes %02x %02x %02x %02x", len, bytes[0], bytes[1], bytes[2], bytes[3]);
}

TEST_TIMEOUT(all_texts_of_up_to_three_bytes, 120)
{
	for (uint32_t i = 0; i < 1 << 24; i++) {
		uint8_t bytes[4] = {i >> 16, i >> 8, i};

		compare(bytes, 3);
		if (!(i & 0xff))
			compare(bytes, 2);
		if (!(i & 0xffff))
			compare(bytes, 1);
	}
	expect(wire_utf8_is_valid("", 0));
}

TEST(all_starts_of_four_bytes)
{
	static const uint8_t tails[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff};
	enum { N = sizeof(tails) };

	for (uint32_t i = 0; i < 1 << 16; i++)
		for (uint32_t j = 0; j < N * N; j++)
			compare((uint8_t[]){i >> 8, i, tails[j / N], tails[j % N]}, 4);
}

static const struct {
	const char *text;
	bool is_valid;
} pieces[] = {
	{"\x7f", true},
	{"\xc2\x80", true},		 /* U+0080 */
	{"\xdf\xbf", true},		 /* U+07FF */
	{"\xe0\xa0\x80", true},		 /* U+0800 */
	{"\xed\x9f\xbf", true},		 /* U+D7FF */
	{"\xee\x80\x80", true},		 /* U+E000 */
	{"\xef\xb7\x90", true},		 /* U+FDD0, a noncharacter */
	{"\xef\xbf\xbf", true},		 /* U+FFFF, a noncharacter */
	{"\xf0\x90\x80\x80", true},	 /* U+10000 */
	{"\xf4\x8f\xbf\xbf", true},	 /* U+10FFFF, a noncharacter */
	{"\x80", false},		 /* a tail alone */
	{"\xc3", false},		 /* a start alone */
	{"\xc0\xaf", false},		 /* overlong */
	{"\xc1\xbf", false},		 /* overlong */
	{"\xe0\x9f\xbf", false},	 /* overlong */
	{"\xf0\x8f\xbf\xbf", false},	 /* overlong */
	{"\xed\xa0\x80", false},	 /* surrogate */
	{"\xed\xbf\xbf", false},	 /* surrogate */
	{"\xf4\x90\x80\x80", false},	 /* U+110000 */
	{"\xf5\x80\x80\x80", false},	 /* beyond */
	{"\xf8\x88\x80\x80\x80", false}, /* five bytes */
	{"\xe2\x82", false},		 /* cut */
	{"\xf0\x9f\x90", false},	 /* cut */
	{"\xff", false},
	{"\xfe", false},
};

/* blocks and words have borders: put each piece at every place, and the end everywhere behind */
TEST(every_piece_at_every_place)
{
	char text[300];

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		size_t len = strlen(pieces[i].text);

		for (size_t at = 0; at < 140; at++) {
			for (size_t behind = 0; behind < 80; behind += behind < 10 ? 1 : 7) {
				memset(text, 'x', sizeof(text));
				memcpy(text + at, pieces[i].text, len);
				if (wire_utf8_is_valid(text, at + len + behind) !=
				    pieces[i].is_valid)
					fail("piece %zu at %zu, %zu behind", i, at, behind);
			}
		}
	}
}

TEST(nul_is_refused_at_every_place)
{
	char text[200];

	for (size_t at = 0; at < sizeof(text); at++) {
		memset(text, 'x', sizeof(text));
		expect(wire_utf8_is_valid(text, sizeof(text)));
		text[at] = '\0';
		expect(!wire_utf8_is_valid(text, sizeof(text)));
		/* bytes around it that a borrow could hide it behind */
		memset(text, '\1', sizeof(text));
		text[at] = '\0';
		expect(!wire_utf8_is_valid(text, sizeof(text)));
	}
}
