/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kdbus interface as bytes: worked layouts, filled in through the structs
 * of the header.  The numbers themselves are checked by the compiler, in
 * uapi-check.h.
 */
#include <string.h>

#include "kernel/include/uapi/linux/kdbus.h"
#include "tests/harness/tap.h"
#include "tests/unit/kernel/uapi-check.h"

/* the buffers below have room to spare: a struct kdbus_item is larger than most items */
#define ITEM_HEADER offsetof(struct kdbus_item, data)

static uint64_t word(const void *base, size_t offset)
{
	uint64_t value;

	memcpy(&value, (const char *)base + offset, sizeof(value));
	return value;
}

TEST(hello_with_a_description)
{
	uint64_t buffer[256 / 8] = {0};
	struct kdbus_cmd_hello *hello = (void *)buffer;
	struct kdbus_item *item = hello->items;

	hello->flags = KDBUS_HELLO_ACCEPT_FD;
	hello->attach_flags_send = _KDBUS_ATTACH_ALL;
	hello->attach_flags_recv = _KDBUS_ATTACH_ALL;
	hello->pool_size = 16777216;
	item->size = ITEM_HEADER + sizeof("abc");
	item->type = KDBUS_ITEM_CONN_DESCRIPTION;
	memcpy(item->str, "abc", sizeof("abc"));
	hello->size = 120;

	expect_eq(word(buffer, 0), 120u);
	expect_eq(word(buffer, 8), 1u);
	expect_eq(word(buffer, 24), 0x3fffu);
	expect_eq(word(buffer, 32), 0x3fffu);
	expect_eq(word(buffer, 56), 16777216u);
	expect_eq(word(buffer, 96), 20u);
	expect_eq(word(buffer, 104), 0x100du);
	expect_mem((char *)buffer + 112, 8, "abc\0\0\0\0", 8);
}

TEST(name_add_notification)
{
	uint64_t buffer[256 / 8] = {0};
	struct kdbus_msg *msg = (void *)buffer;
	struct kdbus_item *item = msg->items;

	msg->size = 160;
	msg->flags = KDBUS_MSG_SIGNAL;
	msg->dst_id = KDBUS_DST_ID_BROADCAST;
	msg->src_id = KDBUS_SRC_ID_KERNEL;
	msg->payload_type = KDBUS_PAYLOAD_KERNEL;
	item->size = ITEM_HEADER + sizeof(item->name_change) + sizeof("a.b");
	item->type = KDBUS_ITEM_NAME_ADD;
	item->name_change.new_id.id = 5;
	item->name_change.new_id.flags = KDBUS_NAME_PRIMARY;
	memcpy(item->name_change.name, "a.b", sizeof("a.b"));
	item = (void *)((char *)item + 56);
	item->size = ITEM_HEADER + sizeof(item->timestamp);
	item->type = KDBUS_ITEM_TIMESTAMP;
	item->timestamp.seqnum = 1;
	item->timestamp.monotonic_ns = 2;
	item->timestamp.realtime_ns = 3;

	expect_eq(word(buffer, 0), 160u);
	expect_eq(word(buffer, 8), 4u);
	expect_eq(word(buffer, 24), UINT64_MAX);
	expect_eq(word(buffer, 64), 52u);
	expect_eq(word(buffer, 72), 0x8000u);
	expect_eq(word(buffer, 80), 0u);
	expect_eq(word(buffer, 96), 5u);
	expect_eq(word(buffer, 104), 0x20u);
	expect_mem((char *)buffer + 112, 8, "a.b\0\0\0\0", 8);
	expect_eq(word(buffer, 120), 40u);
	expect_eq(word(buffer, 128), 0x1000u);
	expect_eq(word(buffer, 152), 3u);
}

TEST(attach_flag_n_is_item_n_of_the_metadata)
{
	static const struct {
		uint64_t flag;
		uint64_t type;
	} pairs[] = {
		{KDBUS_ATTACH_TIMESTAMP, KDBUS_ITEM_TIMESTAMP},
		{KDBUS_ATTACH_CREDS, KDBUS_ITEM_CREDS},
		{KDBUS_ATTACH_PIDS, KDBUS_ITEM_PIDS},
		{KDBUS_ATTACH_AUXGROUPS, KDBUS_ITEM_AUXGROUPS},
		{KDBUS_ATTACH_NAMES, KDBUS_ITEM_OWNED_NAME},
		{KDBUS_ATTACH_TID_COMM, KDBUS_ITEM_TID_COMM},
		{KDBUS_ATTACH_PID_COMM, KDBUS_ITEM_PID_COMM},
		{KDBUS_ATTACH_EXE, KDBUS_ITEM_EXE},
		{KDBUS_ATTACH_CMDLINE, KDBUS_ITEM_CMDLINE},
		{KDBUS_ATTACH_CGROUP, KDBUS_ITEM_CGROUP},
		{KDBUS_ATTACH_CAPS, KDBUS_ITEM_CAPS},
		{KDBUS_ATTACH_SECLABEL, KDBUS_ITEM_SECLABEL},
		{KDBUS_ATTACH_AUDIT, KDBUS_ITEM_AUDIT},
		{KDBUS_ATTACH_CONN_DESCRIPTION, KDBUS_ITEM_CONN_DESCRIPTION},
	};
	uint64_t all = 0;

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		expect_eq(pairs[i].flag, 1ULL << (pairs[i].type - _KDBUS_ITEM_ATTACH_BASE));
		all |= pairs[i].flag;
	}
	expect_eq(all, (uint64_t)_KDBUS_ATTACH_ALL);
}
