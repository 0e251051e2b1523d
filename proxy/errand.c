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
	if (!r)
		client->is_held = true;
	return r;
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
	struct message peek;

	*message_out = NULL;
	switch (DESK_KIND(received->cookie)) {
	case DESK_DONE:
		client->is_held = false;
		return 0;
	case DESK_GIVES_UP:
		client_close(client, "out of memory");
		return 0;
	case DESK_SAYS:
		if (!translate_is_message(received, &peek))
			return 0;
		return translate_relay(received, &peek, DRIVER_NAME, strlen(DRIVER_NAME), true,
				       message_out);
	default:
		return 0;
	}
}
