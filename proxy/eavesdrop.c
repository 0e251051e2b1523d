/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Eavesdroppers: see eavesdrop.h.
 *
 * Copies wait as answers do, due at what the bus has queued to the eavesdropper by
 * now; where it does not keep up they are dropped and counted.
 */
#include "proxy/eavesdrop.h"

#include <string.h>

#include "proxy/daemon.h"
#include "proxy/parties.h"

struct eavesdropping {
	struct daemon *daemon;
	struct client *src;
	struct message *message;
	const char *addressee; /* NULL: the driver */
};

static void eavesdrop_hit(void *userdata, struct match_owner *owner)
{
	struct eavesdropping *eavesdropping = userdata;
	struct client *client = client_from_matches(owner);
	struct message *message = eavesdropping->message;

	if (eavesdropping->addressee && !strcmp(eavesdropping->addressee, client->unique_name))
		return;
	if (message->payload.n_fds && !client->is_fds_agreed)
		return;
	/* to whom it does not answer, a reply is none that was asked for */
	if (access_may_deliver(eavesdropping->daemon, eavesdropping->src, client, message,
			       POLICY_MESSAGE_EAVESDROPPED) < 0)
		return;
	client_copy(client, message);
}

void eavesdrop_feed(struct daemon *daemon, struct client *src, struct message *message)
{
	struct eavesdropping eavesdropping = {daemon, src, message, NULL};
	const char *destination = message_destination(message);
	struct match_subject subject;

	if (!match_registry_n_eavesdropping(daemon->matches) || !src->identity)
		return;
	match_subject_init_message(&subject, message);
	parties_init(daemon, &subject, src->unique_name, destination);
	if (strcmp(destination, DRIVER_NAME) != 0) {
		eavesdropping.addressee = subject.receiver.unique_name;
		/* nobody has it yet: it waits */
		if (!eavesdropping.addressee)
			return;
	}
	match_registry_find(daemon->matches, &subject, eavesdrop_hit, &eavesdropping);
	access_end_message(&daemon->access);
}

void eavesdrop_feed_driver(struct daemon *daemon, struct client *src, struct message *message)
{
	__cleanup(message_unrefp) struct message *named = NULL;

	if (!match_registry_n_eavesdropping(daemon->matches))
		return;
	if (!strcmp(message_sender(message), src->unique_name))
		eavesdrop_feed(daemon, src, message);
	else if (!message_new_renamed(message, src->unique_name, src->unique_name_len, &named))
		eavesdrop_feed(daemon, src, named);
}
