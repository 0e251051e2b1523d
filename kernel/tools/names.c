/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Words: see names.h. */
#include "kernel/tools/names.h"

#include <ctype.h>
#include <inttypes.h>
#include <stddef.h>

#include "kernel/include/uapi/linux/kdbus.h"

struct word {
	uint64_t value;
	const char *word;
};

static const struct word kinds[] = {
	{KDBUS_HELLO_ACTIVATOR, "activator"},
	{KDBUS_HELLO_POLICY_HOLDER, "policy holder"},
	{KDBUS_HELLO_MONITOR, "monitor"},
	{0},
};

static const struct word notifications[] = {
	{KDBUS_ITEM_NAME_ADD, "name added"},	   {KDBUS_ITEM_NAME_REMOVE, "name removed"},
	{KDBUS_ITEM_NAME_CHANGE, "name changed"},  {KDBUS_ITEM_ID_ADD, "connection added"},
	{KDBUS_ITEM_ID_REMOVE, "connection gone"}, {KDBUS_ITEM_REPLY_TIMEOUT, "reply is late"},
	{KDBUS_ITEM_REPLY_DEAD, "no reply"},	   {0},
};

static const struct word message_flags[] = {
	{KDBUS_MSG_EXPECT_REPLY, "expects-reply"},
	{KDBUS_MSG_NO_AUTO_START, "no-auto-start"},
	{KDBUS_MSG_SIGNAL, "signal"},
	{0},
};

static const struct word name_flags[] = {
	{KDBUS_NAME_REPLACE_EXISTING, "replaces"},
	{KDBUS_NAME_ALLOW_REPLACEMENT, "replaceable"},
	{KDBUS_NAME_QUEUE, "queues"},
	{KDBUS_NAME_IN_QUEUE, "waits"},
	{KDBUS_NAME_ACTIVATOR, "activator"},
	{0},
};

const char *name_of_kind(uint64_t hello_flags)
{
	for (const struct word *word = kinds; word->word; word++)
		if (hello_flags & word->value)
			return word->word;
	return "connection";
}

const char *name_of_notification(uint64_t type)
{
	for (const struct word *word = notifications; word->word; word++)
		if (type == word->value)
			return word->word;
	return NULL;
}

static void print_flags(FILE *file, const struct word *words, uint64_t flags)
{
	for (; words->word; words++) {
		if (flags & words->value)
			fprintf(file, " %s", words->word);
		flags &= ~words->value;
	}
	if (flags)
		fprintf(file, " %#" PRIx64, flags);
}

void print_message_flags(FILE *file, uint64_t flags)
{
	print_flags(file, message_flags, flags);
}

void print_name_flags(FILE *file, uint64_t flags)
{
	/* nothing special */
	print_flags(file, name_flags, flags & ~KDBUS_NAME_PRIMARY);
}

void print_escaped(FILE *file, const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		unsigned char c = text[i];

		if (c < 0x80 && isprint(c) && c != '\\')
			putc(c, file);
		else
			fprintf(file, "\\x%02x", c);
	}
}
