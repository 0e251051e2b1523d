/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Strangers of the direct carrier
 *
 * A connection of another process has no object that the host knows.  What the host
 * needs to judge a message by is put together when it is sent: who the stranger is by
 * the bus' own account, the names that it holds, and, of what it sends, the payload in
 * one piece.
 *
 * A message that is being delivered has no name but its payload, of which we keep a
 * reference: so none with the same address can come before we let go of it.
 */
#include "kernel/engine/engine-direct-stranger.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/core/connection.h"
#include "kernel/core/message.h"
#include "kernel/core/names.h"
#include "kernel/embedded/host.h"
#include "kernel/embedded/payload.h"

/* Of what is in memory files so much is read in a SEND, which costs its sender nothing whatever
 * the size, and may yet be refused. */
#define LOOK_MAX (256u * 1024)

/**
 * struct direct_stranger - a connection, and a message of it
 * @stranger: who it is
 * @payload: of the message as it was sent; a reference
 * @received: what the host is shown; a reference to the payload in one piece
 * @creds: of the connection
 * @names: of the connection
 */
struct direct_stranger {
	struct engine_stranger stranger;
	struct engine_payload *payload;
	struct engine_received received;
	struct creds creds;
	char names[];
};

/* struct engine_peer is what the core has, under another name */
static const struct kdbus_conn *peer_conn(const struct engine_peer *peer)
{
	return (const struct kdbus_conn *)peer;
}

bool direct_is_judged(const struct kdbus_conn *conn)
{
	const struct embedded_caller *caller = conn->host;

	return !kdbus_conn_is_direct(conn) && caller->process && caller->process->is_judged;
}

bool engine_peer_is_judged(const struct engine_peer *peer)
{
	return direct_is_judged(peer_conn(peer));
}

uint64_t engine_peer_id(const struct engine_peer *peer)
{
	return peer_conn(peer)->id;
}

const char *engine_peer_next_name(const struct engine_peer *peer, void **position, bool *queued_out)
{
	const struct kdbus_conn *conn = peer_conn(peer);
	const struct list_head *link = *position ? *position : &conn->names;
	const struct kdbus_name_owner *owner;

	link = link->next;
	if (link == &conn->names)
		return NULL;
	owner = list_entry(link, struct kdbus_name_owner, conn_link);
	*position = (void *)link;
	*queued_out = !(owner->flags & KDBUS_NAME_PRIMARY);
	return owner->entry->name;
}

static size_t names_size(const struct kdbus_conn *conn)
{
	const struct kdbus_name_owner *owner;
	size_t size = 1;

	list_for_each_entry(owner, &conn->names, conn_link)
		size += strlen(owner->entry->name) + 1;
	return size;
}

/* those that it holds, not those that it waits for */
static void copy_names(const struct kdbus_conn *conn, char *names)
{
	const struct kdbus_name_owner *owner;

	list_for_each_entry(owner, &conn->names, conn_link)
		if (owner->flags & KDBUS_NAME_PRIMARY)
			names = stpcpy(names, owner->entry->name) + 1;
	*names = '\0';
}

static struct direct_stranger *stranger_new(const struct kdbus_conn *conn)
{
	struct direct_stranger *stranger;

	stranger = calloc(1, sizeof(*stranger) + names_size(conn));
	if (!stranger)
		return NULL;
	if (embedded_conn_creds(conn, &stranger->creds) < 0) {
		free(stranger);
		return NULL;
	}
	copy_names(conn, stranger->names);
	stranger->stranger = (struct engine_stranger){
		.id = conn->id,
		.creds = &stranger->creds,
		.names = stranger->names,
	};
	stranger->received.src_id = conn->id;
	stranger->received.src_creds = &stranger->creds;
	stranger->received.src_names = stranger->names;
	stranger->received.src_is_judged = direct_is_judged(conn);
	return stranger;
}

void direct_stranger_forget(struct direct_stranger **stranger)
{
	if (!*stranger)
		return;
	engine_payload_unref((*stranger)->received.payload);
	engine_payload_unref((*stranger)->payload);
	creds_deinit(&(*stranger)->creds);
	free(*stranger);
	*stranger = NULL;
}

/* the message as whoever receives it will see it, at least its beginning */
static int stranger_take_payload(struct direct_stranger *stranger, struct kdbus_payload *payload,
				 size_t max)
{
	int r;

	r = embedded_payload_flat_part(payload, max, &stranger->received.is_cut,
				       &stranger->received.payload);
	if (r < 0)
		return r;
	if (payload)
		stranger->payload = engine_payload_ref((struct engine_payload *)payload);
	return 0;
}

const struct engine_stranger *direct_stranger_meet(struct direct_stranger **stranger,
						   const struct kdbus_conn *conn)
{
	direct_stranger_forget(stranger);
	*stranger = stranger_new(conn);
	return *stranger ? &(*stranger)->stranger : NULL;
}

const struct engine_received *direct_stranger_look(struct direct_stranger **stranger,
						   const struct kdbus_message *msg, bool is_whole)
{
	struct direct_stranger *looked = *stranger;
	struct engine_received *received;

	if (looked && looked->payload && looked->payload == (struct engine_payload *)msg->payload &&
	    !(is_whole && looked->received.is_cut))
		return &looked->received;
	if (!direct_stranger_meet(stranger, msg->src))
		return NULL;
	looked = *stranger;
	received = &looked->received;
	if (stranger_take_payload(looked, msg->payload, is_whole ? SIZE_MAX : LOOK_MAX) < 0) {
		direct_stranger_forget(stranger);
		return NULL;
	}
	received->dst_id = msg->dst_id;
	received->dst_name = msg->dst_name;
	received->flags = msg->flags;
	received->cookie = msg->cookie;
	if (!(msg->flags & KDBUS_MSG_EXPECT_REPLY))
		received->cookie_reply = msg->cookie_reply;
	received->payload_type = msg->payload_type;
	return received;
}

const struct engine_received *direct_stranger_remember(struct direct_stranger **stranger,
						       const struct kdbus_conn *src,
						       const struct kdbus_queue_entry *entry)
{
	struct engine_received *received;

	if (!direct_stranger_meet(stranger, src))
		return NULL;
	received = &(*stranger)->received;
	if (stranger_take_payload(*stranger, entry->payload, LOOK_MAX) < 0) {
		direct_stranger_forget(stranger);
		return NULL;
	}
	received->dst_id = entry->dst_id;
	received->dst_name = entry->name ? entry->name->name : NULL;
	received->flags = entry->flags;
	received->cookie = entry->cookie;
	if (!(entry->flags & KDBUS_MSG_EXPECT_REPLY))
		received->cookie_reply = entry->cookie_reply;
	received->payload_type = entry->payload_type;
	return received;
}
