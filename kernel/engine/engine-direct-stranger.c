/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Strangers of the direct carrier
 *
 * A connection of another process has no object that the host knows.  What the host
 * needs to judge a message by is put together when it is sent: who the sender is by
 * the bus' own account, the names that it holds, and the payload in one piece.
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

/**
 * struct direct_stranger - a message, and who sent it
 * @payload: as it was sent; a reference
 * @received: what the host is shown; a reference to the payload in one piece
 * @creds: of the sender
 * @names: of the sender
 */
struct direct_stranger {
	struct engine_payload *payload;
	struct engine_received received;
	struct creds creds;
	char names[];
};

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

static int stranger_fill(struct direct_stranger *stranger, const struct kdbus_message *msg)
{
	struct engine_payload *payload = (struct engine_payload *)msg->payload;
	int r;

	r = embedded_conn_creds(msg->src, &stranger->creds);
	if (r < 0)
		return r;
	r = embedded_payload_flat(msg->payload, &stranger->received.payload);
	if (r < 0)
		return r;
	if (payload)
		stranger->payload = engine_payload_ref(payload);
	copy_names(msg->src, stranger->names);
	stranger->received.src_id = msg->src->id;
	stranger->received.src_creds = &stranger->creds;
	stranger->received.src_names = stranger->names;
	stranger->received.dst_id = msg->dst_id;
	stranger->received.dst_name = msg->dst_name;
	stranger->received.flags = msg->flags;
	stranger->received.cookie = msg->cookie;
	if (!(msg->flags & KDBUS_MSG_EXPECT_REPLY))
		stranger->received.cookie_reply = msg->cookie_reply;
	stranger->received.payload_type = msg->payload_type;
	return 0;
}

const struct engine_received *direct_stranger_look(struct direct_stranger **stranger,
						   const struct kdbus_message *msg)
{
	struct direct_stranger *looked = *stranger;

	if (looked && looked->payload && looked->payload == (struct engine_payload *)msg->payload)
		return &looked->received;
	direct_stranger_forget(stranger);
	looked = calloc(1, sizeof(*looked) + names_size(msg->src));
	if (!looked)
		return NULL;
	looked->creds = (struct creds)CREDS_NULL;
	*stranger = looked;
	if (stranger_fill(looked, msg) < 0) {
		direct_stranger_forget(stranger);
		return NULL;
	}
	return &looked->received;
}
