/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands built item by item: see command.h */
#include "tests/harness/command.h"

#include <string.h>

#include "tests/harness/tap.h"

#define ALIGN8(n)   (((n) + 7) & ~7ULL)
#define ITEM_HEADER offsetof(struct kdbus_item, data)

void cmd_init(struct cmd *cmd, size_t fixed_size, uint64_t flags)
{
	memset(cmd, 0, fixed_size);
	cmd->cmd.size = fixed_size;
	cmd->cmd.flags = flags;
}

struct kdbus_item *cmd_add(struct cmd *cmd, uint64_t type, const void *data, size_t size)
{
	size_t pos = ALIGN8(cmd->size);
	struct kdbus_item *item = (void *)((uint8_t *)cmd + pos);

	expect_le(pos + ALIGN8(ITEM_HEADER + size), sizeof(*cmd));
	memset(item, 0, ALIGN8(ITEM_HEADER + size));
	item->size = ITEM_HEADER + size;
	item->type = type;
	if (data && size > 0)
		memcpy(item->data, data, size);
	cmd->size = pos + item->size;
	return item;
}

void cmd_add_str(struct cmd *cmd, uint64_t type, const char *str)
{
	cmd_add(cmd, type, str, strlen(str) + 1);
}

void cmd_add_u64(struct cmd *cmd, uint64_t type, uint64_t value)
{
	cmd_add(cmd, type, &value, sizeof(value));
}

void cmd_add_access(struct cmd *cmd, uint64_t type, uint64_t access, uint64_t id)
{
	struct kdbus_policy_access record = {.type = type, .access = access, .id = id};

	cmd_add(cmd, KDBUS_ITEM_POLICY_ACCESS, &record, sizeof(record));
}

void cmd_add_name_change(struct cmd *cmd, uint64_t type, uint64_t old_id, uint64_t new_id,
			 const char *name)
{
	struct kdbus_item *item;

	item = cmd_add(cmd, type, NULL,
		       sizeof(struct kdbus_notify_name_change) + (name ? strlen(name) + 1 : 0));
	item->name_change.old_id.id = old_id;
	item->name_change.new_id.id = new_id;
	if (name)
		strcpy(item->name_change.name, name);
}

void cmd_add_id_change(struct cmd *cmd, uint64_t type, uint64_t id)
{
	struct kdbus_notify_id_change change = {.id = id};

	cmd_add(cmd, type, &change, sizeof(change));
}
