/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parties: see parties.h.
 *
 * Connections of this process can be asked for their names, and on a bus that is ours those of
 * others.  For a well-known destination whose owner is not one of them (the driver, or
 * nobody) the name itself is all that is known.
 */
#include "proxy/parties.h"

#include <string.h>

#include "proxy/daemon.h"

static int parties_conn_names(void *context, match_name_fn fn, void *userdata)
{
	void *position = NULL;
	const char *name;
	bool queued;
	int r = 0;

	while (!r && (name = engine_conn_next_name(context, &position, &queued)))
		r = fn(userdata, name, queued);
	return r;
}

static int parties_one_name(void *context, match_name_fn fn, void *userdata)
{
	return fn(userdata, context, false);
}

int parties_listed_names(void *names, match_name_fn fn, void *userdata)
{
	int r;

	for (const char *name = names; *name; name += strlen(name) + 1) {
		r = fn(userdata, name, false);
		if (r)
			return r;
	}
	return 0;
}

void parties_init_sender(struct match_subject *subject, const struct engine_received *received,
			 const char *unique_name)
{
	subject->sender = (struct match_party){.unique_name = unique_name};
	if (!received->src_names)
		return;
	subject->sender.names = parties_listed_names;
	subject->sender.context = (void *)received->src_names;
}

static int parties_peer_names(void *context, match_name_fn fn, void *userdata)
{
	void *position = NULL;
	const char *name;
	bool queued;
	int r = 0;

	while (!r && (name = engine_peer_next_name(context, &position, &queued)))
		r = fn(userdata, name, queued);
	return r;
}

/* somebody of another process, perhaps; @name_out: of whoever has a well-known name */
static void party_init_elsewhere(struct match_party *party, struct daemon *daemon, uint64_t id,
				 const char *name, char name_out[UNIQUE_NAME_SIZE])
{
	const struct engine_peer *peer;

	if (!daemon->is_served)
		return;
	peer = engine_find_peer(daemon->engine, id, *name == ':' ? NULL : name);
	if (!peer)
		return;
	party->names = parties_peer_names;
	party->context = (void *)peer;
	if (*name == ':')
		return;
	unique_name_format(engine_peer_id(peer), daemon->id_offset, name_out);
	party->unique_name = name_out;
}

/* @room: for its unique name */
static void party_init(struct match_party *party, struct daemon *daemon, const char *name,
		       char room[UNIQUE_NAME_SIZE])
{
	struct engine_conn *conn = NULL;
	uint64_t id = 0;

	*party = (struct match_party){0};
	if (!name)
		return;
	party->unique_name = name;
	if (!strcmp(name, DRIVER_NAME)) {
		party->names = parties_one_name;
		party->context = (void *)name;
		return;
	}
	if (unique_name_parse(name, daemon->id_offset, &id)) {
		conn = engine_find_conn(daemon->engine, id);
	} else if (*name != ':') {
		party->unique_name = NULL;
		conn = engine_find_owner(daemon->engine, name);
		if (conn)
			party->unique_name =
				((struct client *)engine_conn_userdata(conn))->unique_name;
		party->names = parties_one_name;
		party->context = (void *)name;
	}
	if (conn) {
		party->names = parties_conn_names;
		party->context = conn;
	} else {
		party_init_elsewhere(party, daemon, id, name, room);
	}
}

void parties_init(struct daemon *daemon, struct match_subject *subject, const char *sender,
		  const char *destination)
{
	char unused[UNIQUE_NAME_SIZE];

	/* who sends is told by a unique name */
	party_init(&subject->sender, daemon, sender, unused);
	party_init(&subject->receiver, daemon, destination, subject->receiver_name);
}
