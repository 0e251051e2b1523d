/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parties: see parties.h.
 *
 * Only connections of this process can be asked for their names.  For a
 * well-known destination whose owner is not one of them (the driver, or nobody)
 * the name itself is all that is known.
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

static void party_init(struct match_party *party, struct daemon *daemon, const char *name)
{
	struct engine_conn *conn = NULL;
	uint64_t id;

	*party = (struct match_party){0};
	if (!name)
		return;
	party->unique_name = name;
	if (unique_name_parse(name, daemon->id_offset, &id)) {
		conn = engine_find_conn(daemon->engine, id);
	} else if (*name != ':' && strcmp(name, DRIVER_NAME)) {
		party->unique_name = NULL;
		conn = engine_find_owner(daemon->engine, name);
		if (conn)
			party->unique_name =
				((struct client *)engine_conn_userdata(conn))->unique_name;
	}
	if (conn) {
		party->names = parties_conn_names;
		party->context = conn;
	} else if (*name != ':') {
		party->names = parties_one_name;
		party->context = (void *)name;
	}
}

void parties_init(struct daemon *daemon, struct match_subject *subject, const char *sender,
		  const char *destination)
{
	party_init(&subject->sender, daemon, sender);
	party_init(&subject->receiver, daemon, destination);
}
