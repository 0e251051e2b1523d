// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Asking about connections: CONN_INFO, BUS_CREATOR_INFO, LIST
 *
 * A result is a list of struct kdbus_info, built in memory while the registry is
 * held and published afterwards (reference 3.8 to 3.10, 6.6).
 */
#include "kernel/core/args.h"
#include "kernel/core/connection-info.h"
#include "kernel/core/metadata.h"
#include "kernel/core/names.h"

/* starts a record at the end of @buffer; its place is returned, for info_end() */
static size_t info_begin(struct kdbus_buffer *buffer, u64 id, u64 flags)
{
	size_t pos = buffer->size;
	struct kdbus_info *info;

	info = kdbus_buffer_extend(buffer, sizeof(*info));
	if (info) {
		info->id = id;
		info->flags = flags;
	}
	return pos;
}

static void info_end(struct kdbus_buffer *buffer, size_t pos)
{
	struct kdbus_info *info;

	if (buffer->error)
		return;
	info = (struct kdbus_info *)((u8 *)kdbus_buffer_data(buffer) + pos);
	info->size = buffer->size - pos;
}

/* whom CONN_INFO asks about */
static int info_find(struct kdbus_conn *conn, const struct kdbus_cmd_info *cmd, const char *name,
		     struct kdbus_conn **of_out)
{
	struct kdbus_name_entry *entry;
	struct kdbus_conn *of;

	if (name) {
		entry = kdbus_name_find(conn->bus, name, strlen(name));
		if (!entry || !kdbus_conn_may_see_name(conn, name))
			return -ESRCH;
		of = kdbus_name_holder(entry)->conn;
		if (cmd->id && cmd->id != of->id)
			return -ESRCH;
	} else {
		of = kdbus_bus_find_conn(conn->bus, cmd->id);
		if (!of || !kdbus_conn_may_see(conn, of))
			return -ENXIO;
	}
	*of_out = of;
	return 0;
}

static const struct kdbus_args_rule conn_info_rule = {
	.size = sizeof(struct kdbus_cmd_info),
	.n_args = 1,
	.args = {{KDBUS_ITEM_NAME}},
};

int kdbus_cmd_conn_info(struct kdbus_conn *conn, struct kdbus_cmd_info *cmd)
{
	struct kdbus_buffer buffer = KDBUS_BUFFER_INIT;
	const char *name = NULL;
	struct kdbus_args args;
	struct kdbus_conn *of;
	u64 attach_flags;
	size_t pos;
	int r;

	r = kdbus_args_parse_cmd(&conn_info_rule, conn->bus->domain, cmd, &args);
	if (r != 0)
		return r < 0 ? r : 0;
	r = kdbus_attach_flags_sanitize(cmd->attach_flags, &attach_flags);
	if (r < 0)
		return r;
	if (args.found[0])
		name = args.found[0]->str;
	else if (!cmd->id)
		return -EINVAL;

	down_read(&conn->bus->registry);
	if (!conn->is_connected)
		r = -ECONNRESET;
	else
		r = info_find(conn, cmd, name, &of);
	if (r >= 0) {
		pos = info_begin(&buffer, of->id, of->flags);
		kdbus_metadata_add_conn(of, conn, attach_flags, &buffer);
		info_end(&buffer, pos);
	}
	up_read(&conn->bus->registry);
	if (r < 0)
		return r;
	return kdbus_conn_publish(conn, &buffer, &cmd->offset, &cmd->info_size);
}

static const struct kdbus_args_rule creator_info_rule = {
	.size = sizeof(struct kdbus_cmd_info),
};

int kdbus_cmd_bus_creator_info(struct kdbus_conn *conn, struct kdbus_cmd_info *cmd)
{
	struct kdbus_buffer buffer = KDBUS_BUFFER_INIT;
	struct kdbus_bus *bus = conn->bus;
	struct kdbus_args args;
	u64 attach_flags;
	size_t pos;
	int r;

	r = kdbus_args_parse_cmd(&creator_info_rule, conn->bus->domain, cmd, &args);
	if (r != 0)
		return r < 0 ? r : 0;
	r = kdbus_attach_flags_sanitize(cmd->attach_flags, &attach_flags);
	if (r < 0)
		return r;

	attach_flags = kdbus_metadata_exported(bus->domain, attach_flags & bus->attach_flags);
	pos = info_begin(&buffer, bus->id, bus->flags);
	kdbus_buffer_add_item(&buffer, KDBUS_ITEM_MAKE_NAME, bus->name, strlen(bus->name) + 1);
	bus->domain->host->meta_export(
		bus->meta, conn, attach_flags & KDBUS_ATTACH_TASK, 0, &buffer);
	info_end(&buffer, pos);
	return kdbus_conn_publish(conn, &buffer, &cmd->offset, &cmd->info_size);
}

/* P1 has flags for names, not for who waits: everybody is shown with those of the holder */
static u64 listed_flags(const struct kdbus_name_owner *owner)
{
	const struct kdbus_bus *bus = owner->conn->bus;

	if (bus->domain->is_p1)
		owner = kdbus_name_holder(owner->entry);
	return kdbus_name_shown_flags(bus, owner->flags);
}

static void list_name(struct kdbus_conn *conn, const struct kdbus_name_owner *owner,
		      struct kdbus_buffer *buffer)
{
	struct kdbus_item *item;
	size_t pos;

	if (!kdbus_conn_may_see_name(conn, owner->entry->name))
		return;
	pos = info_begin(buffer, owner->conn->id, owner->conn->flags);
	item = kdbus_buffer_add_item(buffer, KDBUS_ITEM_OWNED_NAME, NULL,
				     sizeof(struct kdbus_name) + owner->entry->len + 1);
	if (item) {
		item->name.flags = listed_flags(owner);
		memcpy(item->name.name, owner->entry->name, owner->entry->len);
	}
	info_end(buffer, pos);
}

/* does LIST with @flags ask for this entry */
static bool list_wants(u64 flags, const struct kdbus_name_owner *owner)
{
	if (owner->flags & KDBUS_NAME_ACTIVATOR)
		return flags & KDBUS_LIST_ACTIVATORS;
	if (owner->flags & KDBUS_NAME_IN_QUEUE)
		return flags & KDBUS_LIST_QUEUED;
	return flags & KDBUS_LIST_NAMES;
}

/* LIST of P1: what an owner's names have for activators, its names, and those it waits for */
static void list_conn_p1(struct kdbus_conn *conn, struct kdbus_conn *of, u64 flags,
			 struct kdbus_buffer *buffer)
{
	const struct kdbus_name_owner *owner, *activator;
	bool is_activator = kdbus_conn_is_activator(of);
	size_t size = buffer->size;

	if (is_activator && !(flags & KDBUS_LIST_ACTIVATORS))
		return;
	list_for_each_entry(owner, &of->names, conn_link) {
		if (owner->flags & KDBUS_NAME_IN_QUEUE)
			continue;
		activator = owner->entry->activator;
		if ((flags & KDBUS_LIST_ACTIVATORS) && activator && activator != owner)
			list_name(conn, activator, buffer);
		if ((flags & KDBUS_LIST_NAMES) || is_activator)
			list_name(conn, owner, buffer);
	}
	list_for_each_entry(owner, &of->names, conn_link) {
		if ((owner->flags & KDBUS_NAME_IN_QUEUE) && !is_activator &&
		    (flags & KDBUS_LIST_QUEUED))
			list_name(conn, owner, buffer);
	}
	if (buffer->size == size && (flags & KDBUS_LIST_UNIQUE))
		info_end(buffer, info_begin(buffer, of->id, of->flags));
}

static void list_conn(struct kdbus_conn *conn, struct kdbus_conn *of, u64 flags,
		      struct kdbus_buffer *buffer)
{
	const struct kdbus_name_owner *owner;
	bool is_listed = false;

	list_for_each_entry(owner, &of->names, conn_link) {
		if (!list_wants(flags, owner))
			continue;
		list_name(conn, owner, buffer);
		is_listed = true;
	}
	if (!is_listed && (flags & KDBUS_LIST_UNIQUE))
		info_end(buffer, info_begin(buffer, of->id, of->flags));
}

/* an addition of ours: one name, its queue in order */
static void list_queue(struct kdbus_conn *conn, const char *name, u64 flags,
		       struct kdbus_buffer *buffer)
{
	struct kdbus_name_entry *entry = kdbus_name_find(conn->bus, name, strlen(name));
	const struct kdbus_name_owner *owner;

	if (!entry)
		return;
	list_for_each_entry(owner, &entry->owners, entry_link) {
		if (list_wants(flags, owner))
			list_name(conn, owner, buffer);
	}
	if (entry->activator && list_wants(flags, entry->activator))
		list_name(conn, entry->activator, buffer);
}

static const struct kdbus_args_rule list_rule = {
	.size = sizeof(struct kdbus_cmd_list),
	.flags = KDBUS_LIST_UNIQUE | KDBUS_LIST_NAMES | KDBUS_LIST_ACTIVATORS | KDBUS_LIST_QUEUED,
	.n_args = 1,
	.args = {{KDBUS_ITEM_NAME, KDBUS_ARG_ADDITION}},
};

int kdbus_cmd_list(struct kdbus_conn *conn, struct kdbus_cmd_list *cmd)
{
	struct kdbus_buffer buffer = KDBUS_BUFFER_INIT;
	struct kdbus_bus *bus = conn->bus;
	struct kdbus_args args;
	struct kdbus_conn *of;
	int r;

	r = kdbus_args_parse_cmd(&list_rule, conn->bus->domain, cmd, &args);
	if (r != 0)
		return r < 0 ? r : 0;

	down_read(&bus->registry);
	if (!conn->is_connected) {
		r = -ECONNRESET;
	} else if (args.found[0]) {
		list_queue(conn, args.found[0]->str, args.flags, &buffer);
	} else {
		list_for_each_entry(of, &bus->conns, bus_link) {
			if (bus->domain->is_p1)
				list_conn_p1(conn, of, args.flags, &buffer);
			else
				list_conn(conn, of, args.flags, &buffer);
		}
	}
	up_read(&bus->registry);
	if (r < 0)
		return r;
	return kdbus_conn_publish(conn, &buffer, &cmd->offset, &cmd->list_size);
}
