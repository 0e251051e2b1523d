/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Errand: see errand.h.
 *
 * Neither side waits for the other: a client that is held (client.is_held) is not read from, and
 * all else goes on.  Nothing of this outlives the connection, whose end tells both sides.
 */
#include "proxy/errand.h"

#include <errno.h>
#include <string.h>

#include "proxy/daemon.h"
#include "proxy/translate.h"

static int errand_send(struct client *client, enum desk_kind kind, const struct message *message)
{
	struct engine_send send = {
		.dst_id = client->daemon->owner_desk,
		.cookie = DESK_COOKIE(kind, message->header.serial),
		.payload = (struct engine_payload *)&message->payload,
		.is_awaited = true,
	};

	return engine_send(client->caller.conn, &send);
}

int errand_ask(struct client *client, const struct message *message)
{
	int r;

	r = errand_send(client, DESK_ASKS, message);
	if (r < 0)
		return r;
	message_unref(client->asked);
	client->asked = message_ref((struct message *)message);
	client->is_held = true;
	return 0;
}

/* what it asked for has happened */
static void errand_done(struct client *client)
{
	client->is_held = false;
	client->is_turning = false;
	client->asked = message_unref(client->asked);
}

/* In this order, as where the bus is ours: what it received before, the answer, and the loss of its
 * names; and then what it monitors. */
static int errand_move(struct client *client)
{
	__cleanup(message_unrefp) struct message *answer = NULL;
	struct message *call = client->asked;
	struct wire_writer writer;
	int r = 0;

	if (!(call->header.flags & WIRE_NO_REPLY_EXPECTED)) {
		synthetic_return_init(&writer, call->header.serial, client->unique_name, "");
		r = message_new_finish(&writer, &answer);
		if (!r)
			client_answer(client, answer);
	}
	r = r ?: client_move_apart(client);
	return r < 0 ? r : errand_send(client, DESK_ASKS, call);
}

void errand_become_monitor(struct client *client)
{
	client->is_admitted = false;
	if (errand_move(client) < 0)
		client_close(client, "it could not become a monitor");
	else
		client->is_turning = true;
}

/* what a monitor is shown has the senders that it has */
static int errand_relay(const struct engine_received *received, const char *sender,
			struct message **message_out)
{
	struct message peek;

	if (!translate_is_message(received, &peek))
		return 0;
	sender = sender ?: message_sender(&peek);
	if (!sender)
		return 0;
	return translate_relay(received, &peek, sender, strlen(sender), true, message_out);
}

void errand_report(struct client *client, enum desk_kind kind, const struct message *message)
{
	struct daemon *daemon = client->daemon;
	unsigned wanted = kind == DESK_PASSED ? DESK_WATCH_EAVESDROPPERS : DESK_WATCH_MONITORS;

	if (!(daemon->owner_watch & wanted) || !client->caller.conn)
		return;
	if (errand_send(client, kind, message) < 0)
		daemon->counts.n_lost++;
}

bool errand_is_from_owner(const struct daemon *daemon, const struct engine_received *received)
{
	return daemon->owner_desk && received->src_id == daemon->owner_desk;
}

int errand_receive(struct client *client, const struct engine_received *received,
		   struct message **message_out)
{
	*message_out = NULL;
	switch (DESK_KIND(received->cookie)) {
	case DESK_DONE:
		errand_done(client);
		return 0;
	case DESK_ADMITS:
		client->is_admitted = client->asked && client->state == CLIENT_ACTIVE;
		return 0;
	case DESK_GIVES_UP:
		client_close(client, "out of memory");
		return 0;
	case DESK_SAYS:
		return errand_relay(received, DRIVER_NAME, message_out);
	case DESK_SHOWS:
		return errand_relay(received, NULL, message_out);
	default:
		return 0;
	}
}
