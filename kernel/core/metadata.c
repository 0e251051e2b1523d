// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Metadata
 *
 * A peer that gave false metadata at HELLO attaches none of its task's to what it
 * sends.  In a domain that is not strict it attaches what it gave, so that the
 * peers of a proxy see the proxy's client.
 */
#include "kernel/core/connection.h"
#include "kernel/core/metadata.h"
#include "kernel/core/names.h"

static void add_names(const struct kdbus_conn *conn, struct kdbus_buffer *buffer)
{
	struct kdbus_name_owner *owner;
	struct kdbus_item *item;

	list_for_each_entry(owner, &conn->names, conn_link) {
		if (!(owner->flags & KDBUS_NAME_PRIMARY))
			continue;
		item = kdbus_buffer_add_item(buffer, KDBUS_ITEM_OWNED_NAME, NULL,
					     sizeof(struct kdbus_name) + owner->entry->len + 1);
		if (!item)
			return;
		item->name.flags = kdbus_name_shown_flags(conn->bus, owner->flags);
		memcpy(item->name.name, owner->entry->name, owner->entry->len);
	}
}

static void add_bus_items(const struct kdbus_conn *conn, u64 mask, struct kdbus_buffer *buffer)
{
	if (mask & KDBUS_ATTACH_NAMES)
		add_names(conn, buffer);
	if ((mask & KDBUS_ATTACH_CONN_DESCRIPTION) && conn->description)
		kdbus_buffer_add_item(buffer, KDBUS_ITEM_CONN_DESCRIPTION, conn->description,
				      strlen(conn->description) + 1);
}

static void add_timestamp(struct kdbus_message *msg, const struct kdbus_host_ops *host,
			  struct kdbus_buffer *buffer)
{
	struct kdbus_timestamp timestamp;

	/* one time for all receivers */
	if (!msg->monotonic_ns)
		host->clock(&msg->monotonic_ns, &msg->realtime_ns);
	timestamp.seqnum = msg->seqnum;
	timestamp.monotonic_ns = msg->monotonic_ns;
	timestamp.realtime_ns = msg->realtime_ns;
	kdbus_buffer_add_item(buffer, KDBUS_ITEM_TIMESTAMP, &timestamp, sizeof(timestamp));
}

void kdbus_metadata_add_message(struct kdbus_message *msg, struct kdbus_conn *dst,
				struct kdbus_buffer *buffer)
{
	const struct kdbus_domain *domain = dst->bus->domain;
	const struct kdbus_host_ops *host = domain->host;
	struct kdbus_conn *src = msg->src;
	struct kdbus_meta *meta;
	u64 granted, visible;

	if (!src) {
		granted = kdbus_metadata_exported(domain, dst->attach_recv);
		if (!domain->is_p1 || (granted & KDBUS_ATTACH_TIMESTAMP))
			add_timestamp(msg, host, buffer);
		return;
	}
	if (kdbus_conn_is_plain(dst) && msg->dst_id != KDBUS_DST_ID_BROADCAST)
		return;

	granted = dst->attach_recv & src->attach_send;
	visible = 0;
	if (!domain->is_p1) {
		granted |= dst->attach_recv & KDBUS_ATTACH_IMPLICIT;
		visible = dst->attach_recv & KDBUS_ATTACH_VISIBLE;
	}
	granted = kdbus_metadata_exported(domain, granted);
	meta = src->is_fake && !kdbus_conn_is_strict(src) ? src->meta : msg->meta;
	if (meta)
		host->meta_export(meta, dst, granted & KDBUS_ATTACH_TASK, visible, buffer);
	add_bus_items(src, granted, buffer);
	if (granted & KDBUS_ATTACH_TIMESTAMP)
		add_timestamp(msg, host, buffer);
}

void kdbus_metadata_add_conn(struct kdbus_conn *of, struct kdbus_conn *conn, u64 mask,
			     struct kdbus_buffer *buffer)
{
	u64 granted = kdbus_metadata_exported(conn->bus->domain, mask & of->attach_send);

	if (of->meta && (granted & KDBUS_ATTACH_TASK))
		kdbus_conn_host(conn)->meta_export(of->meta, conn, granted & KDBUS_ATTACH_TASK, 0,
						   buffer);
	add_bus_items(of, granted, buffer);
}
