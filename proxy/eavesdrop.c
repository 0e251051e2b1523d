/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Eavesdroppers: see eavesdrop.h.
 *
 * Copies wait as answers do, due at what the bus has queued to the eavesdropper by
 * now; where it does not keep up they are dropped and counted.
 */
#include "proxy/eavesdrop.h"

#include <string.h>

#include "proxy/daemon.h"
#include "proxy/errand.h"
#include "proxy/parties.h"

struct eavesdropping {
	struct daemon *daemon;
	struct client *src; /* NULL: a stranger */
	const struct engine_received *received;
	struct message *message;
	const char *addressee; /* NULL: the driver */
};

static void eavesdrop_hit(void *userdata, struct match_owner *owner)
{
	struct eavesdropping *eavesdropping = userdata;
	struct client *client = client_from_matches(owner);
	struct message *message = eavesdropping->message;
	int r;

	if (eavesdropping->addressee && !strcmp(eavesdropping->addressee, client->unique_name))
		return;
	if (message->payload.n_fds && !client->is_fds_agreed)
		return;
	/* to whom it does not answer, a reply is none that was asked for */
	if (eavesdropping->src)
		r = access_may_deliver(eavesdropping->daemon, eavesdropping->src, client, message,
				       POLICY_MESSAGE_EAVESDROPPED);
	else
		r = access_may_receive(eavesdropping->daemon, eavesdropping->received, client,
				       message, POLICY_MESSAGE_EAVESDROPPED);
	if (r < 0)
		return;
	client_copy(client, message);
}

void eavesdrop_feed(struct daemon *daemon, struct client *src, struct message *message)
{
	struct eavesdropping eavesdropping = {.daemon = daemon, .src = src, .message = message};
	__cleanup(freep) struct engine_stranger *stranger = NULL;
	char addressee[UNIQUE_NAME_SIZE];
	const char *destination = message_destination(message);
	struct match_subject subject;

	if (!match_registry_n_eavesdropping(daemon->matches) || !src->identity)
		return;
	match_subject_init_message(&subject, message);
	parties_init(daemon, &subject, src->unique_name, destination);
	if (strcmp(destination, DRIVER_NAME) != 0) {
		/* nobody has it yet: it waits; unless it is none of ours who has it */
		if (!subject.receiver.unique_name) {
			if (engine_get_stranger(src->caller.conn, 0, destination, &stranger) < 0)
				return;
			unique_name_format(stranger->id, daemon->id_offset, addressee);
			subject.receiver.unique_name = addressee;
		}
		eavesdropping.addressee = subject.receiver.unique_name;
	}
	match_registry_find(daemon->matches, &subject, eavesdrop_hit, &eavesdropping);
	access_end_message(&daemon->access);
}

void eavesdrop_feed_stranger(struct daemon *daemon, const struct engine_received *received,
			     uint64_t dst_id, struct message *message)
{
	struct eavesdropping eavesdropping = {
		.daemon = daemon, .received = received, .message = message};
	char addressee[UNIQUE_NAME_SIZE];
	struct match_subject subject;

	if (!match_registry_n_eavesdropping(daemon->matches))
		return;
	unique_name_format(dst_id, daemon->id_offset, addressee);
	eavesdropping.addressee = addressee;
	match_subject_init_message(&subject, message);
	subject.is_broadcast = false;
	parties_init(daemon, &subject, NULL, addressee);
	parties_init_sender(&subject, received, message_sender(message));
	match_registry_find(daemon->matches, &subject, eavesdrop_hit, &eavesdropping);
	access_end_message(&daemon->access);
}

void eavesdrop_feed_driver(struct daemon *daemon, struct client *src, struct message *message)
{
	__cleanup(message_unrefp) struct message *named = NULL;

	errand_report(src, DESK_PASSED, message);
	if (!match_registry_n_eavesdropping(daemon->matches))
		return;
	if (!strcmp(message_sender(message), src->unique_name))
		eavesdrop_feed(daemon, src, message);
	else if (!message_new_renamed(message, src->unique_name, src->unique_name_len, &named))
		eavesdrop_feed(daemon, src, named);
}
