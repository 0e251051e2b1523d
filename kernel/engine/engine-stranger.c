/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The seam: what the bus knows of a connection that is not ours
 *
 * CONN_INFO, on whatever carrier, and what it says in one piece of memory: the struct, the
 * credentials, the groups, the names.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/engine/engine-carrier.h"
#include "kernel/engine/engine-items.h"

#define NAME_MAX_SIZE 256

/**
 * struct known - one stranger
 * @base: what the caller gets
 * @creds: of it
 * @rest: groups, then names
 */
struct known {
	struct engine_stranger base;
	struct creds creds;
	uint32_t rest[];
};

static uint32_t id_of(uint64_t id)
{
	return id < CREDS_UNKNOWN ? id : CREDS_UNKNOWN;
}

static size_t name_len(const struct engine_item *item)
{
	const struct kdbus_name *name = item->data;
	size_t room = item->size - sizeof(*name), len;

	if (item->type != KDBUS_ITEM_OWNED_NAME || item->size <= sizeof(*name))
		return 0;
	len = strnlen(name->name, room);
	return len < room ? len : 0;
}

static void known_set_groups(struct known *known, const struct engine_item *item)
{
	const uint64_t *groups = item->data;

	for (size_t i = 0; i < item->size / sizeof(uint64_t); i++)
		known->rest[known->creds.n_groups++] = id_of(groups[i]);
}

static void known_set_creds(struct known *known, const struct kdbus_creds *ids)
{
	known->creds.uid = id_of(ids->euid);
	known->creds.gid = id_of(ids->egid);
	known->rest[known->creds.n_groups++] = known->creds.gid;
}

static void known_fill(struct known *known, const struct kdbus_info *info, char *names)
{
	size_t at = offsetof(struct kdbus_info, items), len;
	const struct kdbus_pids *pids;
	struct engine_item item;

	known->base =
		(struct engine_stranger){.id = info->id, .creds = &known->creds, .names = names};
	known->creds = (struct creds)CREDS_NULL;
	known->creds.groups = known->rest;
	while (engine_items_next(info, info->size, &at, &item)) {
		len = name_len(&item);
		if (len) {
			memcpy(names, ((const struct kdbus_name *)item.data)->name, len + 1);
			names += len + 1;
		} else if (item.type == KDBUS_ITEM_CREDS &&
			   item.size >= sizeof(struct kdbus_creds)) {
			known_set_creds(known, item.data);
		} else if (item.type == KDBUS_ITEM_PIDS && item.size >= sizeof(*pids)) {
			pids = item.data;
			known->creds.pid = pids->pid <= INT_MAX ? pids->pid : 0;
		} else if (item.type == KDBUS_ITEM_AUXGROUPS) {
			known_set_groups(known, &item);
		}
	}
	*names = '\0';
	creds_sort_groups(known->creds.groups, known->creds.n_groups);
}

static int known_new(const struct kdbus_info *info, struct engine_stranger **stranger_out)
{
	size_t at = offsetof(struct kdbus_info, items), n_groups = 0, n_names = 1;
	struct engine_item item;
	struct known *known;

	if (info->flags & KDBUS_HELLO_ACTIVATOR)
		return -ESRCH;
	while (engine_items_next(info, info->size, &at, &item)) {
		n_names += name_len(&item) + 1;
		if (item.type == KDBUS_ITEM_AUXGROUPS)
			n_groups += item.size / sizeof(uint64_t);
		else if (item.type == KDBUS_ITEM_CREDS)
			n_groups++;
	}
	known = malloc(sizeof(*known) + n_groups * sizeof(uint32_t) + n_names);
	if (!known)
		return -ENOMEM;
	known_fill(known, info, (char *)(known->rest + n_groups));
	*stranger_out = &known->base;
	return 0;
}

int engine_get_stranger(struct engine_conn *conn, uint64_t id, const char *name,
			struct engine_stranger **stranger_out)
{
	struct engine_items items;
	union {
		struct kdbus_cmd_info cmd;
		uint64_t room[(sizeof(struct kdbus_cmd_info) + 16 + NAME_MAX_SIZE) / 8];
	} query;
	int r;

	engine_items_init(&items, &query, sizeof(query.cmd), sizeof(query));
	query.cmd.id = id;
	query.cmd.attach_flags = KDBUS_ATTACH_CREDS | KDBUS_ATTACH_PIDS | KDBUS_ATTACH_AUXGROUPS |
				 KDBUS_ATTACH_NAMES;
	if (name && !engine_items_add(&items, KDBUS_ITEM_NAME, name, strlen(name) + 1))
		return -ESRCH;
	r = engine_command(conn, KDBUS_CMD_CONN_INFO, &query.cmd);
	if (r < 0)
		return r;
	r = known_new(engine_slice(conn, query.cmd.offset), stranger_out);
	engine_slice_free(conn, query.cmd.offset);
	return r;
}
