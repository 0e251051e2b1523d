/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands and messages of kdbus, built item by item
 *
 * A struct cmd is on the stack of who fills it: cmd_init() with the size of the fixed
 * part, that part's fields by name, then cmd_add_*().  It is what the ABI wants as it
 * is; how it gets to the bus is not known here.  What is added need not be valid, it
 * must only have room: else the test ends.
 *
 * Of the project there is nothing in it but the ABI's header, and of the system the C
 * library.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kernel/include/uapi/linux/kdbus.h"

/* all types of items that say something; without NEGOTIATE, which any command may carry */
#define ITEM_TYPES                                                                                 \
	KDBUS_ITEM_PAYLOAD_VEC, KDBUS_ITEM_PAYLOAD_OFF, KDBUS_ITEM_PAYLOAD_MEMFD, KDBUS_ITEM_FDS,  \
		KDBUS_ITEM_CANCEL_FD, KDBUS_ITEM_BLOOM_PARAMETER, KDBUS_ITEM_BLOOM_FILTER,         \
		KDBUS_ITEM_BLOOM_MASK, KDBUS_ITEM_DST_NAME, KDBUS_ITEM_MAKE_NAME,                  \
		KDBUS_ITEM_ATTACH_FLAGS_SEND, KDBUS_ITEM_ATTACH_FLAGS_RECV, KDBUS_ITEM_ID,         \
		KDBUS_ITEM_NAME, KDBUS_ITEM_DST_ID, KDBUS_ITEM_TIMESTAMP, KDBUS_ITEM_CREDS,        \
		KDBUS_ITEM_PIDS, KDBUS_ITEM_AUXGROUPS, KDBUS_ITEM_OWNED_NAME, KDBUS_ITEM_TID_COMM, \
		KDBUS_ITEM_PID_COMM, KDBUS_ITEM_EXE, KDBUS_ITEM_CMDLINE, KDBUS_ITEM_CGROUP,        \
		KDBUS_ITEM_CAPS, KDBUS_ITEM_SECLABEL, KDBUS_ITEM_AUDIT,                            \
		KDBUS_ITEM_CONN_DESCRIPTION, KDBUS_ITEM_POLICY_ACCESS, KDBUS_ITEM_NAME_ADD,        \
		KDBUS_ITEM_NAME_REMOVE, KDBUS_ITEM_NAME_CHANGE, KDBUS_ITEM_ID_ADD,                 \
		KDBUS_ITEM_ID_REMOVE, KDBUS_ITEM_REPLY_TIMEOUT, KDBUS_ITEM_REPLY_DEAD

/**
 * struct cmd - a command or message under construction
 * @size: of the fixed part and of what was added so far, the last item not padded
 */
struct cmd {
	union {
		uint64_t size;
		struct kdbus_cmd cmd;
		struct kdbus_cmd_hello hello;
		struct kdbus_cmd_free free;
		struct kdbus_cmd_info info;
		struct kdbus_cmd_list list;
		struct kdbus_cmd_send send;
		struct kdbus_cmd_recv recv;
		struct kdbus_cmd_match match;
		struct kdbus_msg msg;
		uint64_t space[8192];
	};
};

/* no items yet; the rest of the fixed part is zeros */
void cmd_init(struct cmd *cmd, size_t fixed_size, uint64_t flags);
/* @data NULL: @size zero bytes; the item, to be filled in */
struct kdbus_item *cmd_add(struct cmd *cmd, uint64_t type, const void *data, size_t size);
void cmd_add_str(struct cmd *cmd, uint64_t type, const char *str);
void cmd_add_u64(struct cmd *cmd, uint64_t type, uint64_t value);
void cmd_add_access(struct cmd *cmd, uint64_t type, uint64_t access, uint64_t id);
/* @name NULL: any */
void cmd_add_name_change(struct cmd *cmd, uint64_t type, uint64_t old_id, uint64_t new_id,
			 const char *name);
void cmd_add_id_change(struct cmd *cmd, uint64_t type, uint64_t id);
