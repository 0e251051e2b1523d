/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tests/data/messages: what is in valid/ is, what is in invalid/ is not and for the reason given
 *
 * Adding a case is adding a file.  The plain checker must agree.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/wire.h"
#include "tests/harness/tap.h"
#include "tests/unit/proxy/message-text.h"
#include "tests/unit/proxy/naive-wire.h"

static int check(const uint8_t *bytes, size_t size)
{
	uint32_t header_size, total;
	struct wire_header header;
	uint8_t *head, *body;
	int r;

	expect_ge(size, WIRE_FIXED_SIZE);
	r = wire_frame(bytes, &header_size, &total);
	if (r)
		return r;
	expect_eq(total, size);
	/* each in memory of its own, so that a read too far is seen */
	head = malloc(header_size);
	memcpy(head, bytes, header_size);
	body = malloc(size - header_size + 1);
	memcpy(body, bytes + header_size, size - header_size);
	r = wire_header_parse(head, &header);
	if (!r)
		r = wire_body_check(&header, head, body);
	free(head);
	free(body);
	return r;
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void expect_directory(const char *name, bool is_valid)
{
	struct dirent **entries;
	char directory[512], path[1024];
	int n;

	snprintf(directory, sizeof(directory), "%s/tests/data/messages/%s",
		 getenv("top_srcdir") ?: ".", name);
	n = scandir(directory, &entries, is_visible, alphasort);
	expect_gt(n, 10);
	for (int i = 0; i < n; i++) {
		struct message_text text;
		const char *outcome;

		snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
		message_text_read(path, &text);
		outcome = wire_outcome_text(check(text.bytes, text.size));
		if (strcmp(outcome, is_valid ? "valid" : text.outcome))
			fail("%s: %s, and not %s", path, outcome,
			     is_valid ? "valid" : text.outcome);
		if (naive_message_is_valid(text.bytes, text.size) != is_valid)
			fail("%s: the plain checker does not agree", path);
		message_text_deinit(&text);
		free(entries[i]);
	}
	free(entries);
	note("%d messages", n);
}

TEST(valid_messages)
{
	expect_directory("valid", true);
}

TEST(invalid_messages)
{
	expect_directory("invalid", false);
}

TEST(every_outcome_has_a_text)
{
	for (int i = 0; i < _WIRE_OUTCOME_MAX; i++)
		expect_gt(strlen(wire_outcome_text(i)), 4);
	expect_str(wire_outcome_text(-1), "unknown");
	expect_str(wire_outcome_text(_WIRE_OUTCOME_MAX), "unknown");
}
