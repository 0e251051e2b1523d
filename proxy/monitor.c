/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Monitors: see monitor.h. */
#include "proxy/monitor.h"

#include "proxy/daemon.h"
#include "proxy/errand.h"
#include "proxy/parties.h"

static void monitor_hit(void *userdata, struct match_owner *owner)
{
	struct message *message = userdata;
	struct client *client = client_from_matches(owner);

	/* a message with descriptors is shown to those that can take them */
	if (message->payload.n_fds && !client->is_fds_agreed)
		return;
	client_copy(client, message);
}

void monitor_feed(struct daemon *daemon, struct message *message)
{
	struct match_subject subject;

	if (!match_registry_n_nodes(daemon->monitor_matches))
		return;
	match_subject_init_message(&subject, message);
	parties_init(daemon, &subject, message_sender(message), message_destination(message));
	match_registry_find(daemon->monitor_matches, &subject, monitor_hit, message);
}

void monitor_feed_stranger(struct daemon *daemon, const struct engine_received *received,
			   struct message *message)
{
	struct match_subject subject;

	if (!match_registry_n_nodes(daemon->monitor_matches))
		return;
	match_subject_init_message(&subject, message);
	parties_init(daemon, &subject, NULL, message_destination(message));
	parties_init_sender(&subject, received, message_sender(message));
	match_registry_find(daemon->monitor_matches, &subject, monitor_hit, message);
}

void monitor_await_hello(struct daemon *daemon, struct message *message)
{
	daemon->hello = message;
}

void monitor_end_hello(struct daemon *daemon)
{
	if (daemon->hello)
		monitor_feed(daemon, daemon->hello);
	daemon->hello = NULL;
}

void monitor_end_hello_reply(struct daemon *daemon)
{
	if (daemon->hello_news)
		monitor_feed(daemon, daemon->hello_news);
	daemon->hello_news = message_unref(daemon->hello_news);
}

/* the Hello that made the connection @id */
static void monitor_feed_hello(struct daemon *daemon, uint64_t id)
{
	const struct message *hello = daemon->hello;
	__cleanup(message_unrefp) struct message *named = NULL;
	char unique_name[UNIQUE_NAME_SIZE];
	size_t len;

	daemon->hello = NULL;
	len = unique_name_format(id, daemon->id_offset, unique_name);
	if (!message_new_renamed(hello, unique_name, len, &named))
		monitor_feed(daemon, named);
}

static void monitor_feed_made(struct daemon *daemon, int r, struct message *message)
{
	/* without memory a monitor misses something; the bus goes on */
	if (r < 0)
		return;
	monitor_feed(daemon, message);
	message_unref(message);
}

void monitor_feed_refusal(struct daemon *daemon, const struct client *src,
			  const struct message *message)
{
	char text[ACCESS_MAX_TEXT];
	struct message *error = NULL;
	int r;

	if (!match_registry_n_nodes(daemon->monitor_matches))
		return;
	access_explain(daemon, src, message, true, text);
	r = synthetic_error(message->header.serial, src ? src->unique_name : DRIVER_NAME,
			    DRIVER_ERROR_ACCESS_DENIED, text, &error);
	monitor_feed_made(daemon, r, error);
}

struct monitor_judging {
	struct daemon *daemon;
	struct client *src;
	const struct message *message;
};

static void monitor_judge(void *userdata, struct match_owner *owner)
{
	const struct monitor_judging *judging = userdata;
	struct client *client = client_from_matches(owner);

	/* who cannot take descriptors does not miss the message: it is not for it */
	if (!client->caller.conn || (judging->message->header.n_fds && !client->is_fds_agreed))
		return;
	if (access_may_deliver(judging->daemon, judging->src, client, judging->message, 0) < 0)
		monitor_feed_refusal(judging->daemon, judging->src, judging->message);
}

void monitor_feed_refusals(struct daemon *daemon, struct client *src, const struct message *message)
{
	struct monitor_judging judging = {.daemon = daemon, .src = src, .message = message};
	struct match_subject subject;

	if (!match_registry_n_nodes(daemon->monitor_matches))
		return;
	match_subject_init_message(&subject, message);
	parties_init(daemon, &subject, message_sender(message), NULL);
	match_registry_find(daemon->matches, &subject, monitor_judge, &judging);
	access_end_message(&daemon->access);
}

void monitor_feed_refused_stranger(struct daemon *daemon, const struct engine_received *received,
				   const struct message *message)
{
	char text[ACCESS_MAX_TEXT], sender[UNIQUE_NAME_SIZE];
	struct message *error = NULL;
	int r;

	if (!match_registry_n_nodes(daemon->monitor_matches))
		return;
	access_explain_received(daemon, received, message, true, text);
	unique_name_format(received->src_id, daemon->id_offset, sender);
	r = synthetic_error(message->header.serial, sender, DRIVER_ERROR_ACCESS_DENIED, text,
			    &error);
	monitor_feed_made(daemon, r, error);
}

void monitor_feed_driver(struct daemon *daemon, struct client *client, struct message *message)
{
	errand_report(client, DESK_HEARD, message);
	if (!match_registry_n_nodes(daemon->monitor_matches))
		return;
	monitor_feed(daemon, message);
	if (!access_may_hear_driver(daemon, client, message))
		monitor_feed_refusal(daemon, NULL, message);
}

/* the same for a message that was just made, to whoever has the connection @id */
static void monitor_feed_made_driver(struct daemon *daemon, int r, struct message *message,
				     uint64_t id)
{
	struct engine_conn *conn = engine_find_conn(daemon->engine, id);
	struct client *client;

	if (r < 0)
		return;
	client = conn ? engine_conn_userdata(conn) : desk_look_up(daemon, id);
	if (client)
		monitor_feed_driver(daemon, client, message);
	else
		monitor_feed(daemon, message);
	message_unref(message);
}

void monitor_feed_notification(struct daemon *daemon,
			       const struct engine_notification *notification)
{
	bool is_hello = daemon->hello && notification->type == KDBUS_ITEM_ID_ADD;
	struct synthetic_change change;
	struct message *message = NULL;
	int r;

	if (!match_registry_n_nodes(daemon->monitor_matches))
		return;
	if (is_hello)
		monitor_feed_hello(daemon, notification->new_id);
	if (!synthetic_change_init(&change, notification, daemon->id_offset))
		return;
	if (*change.old_owner) {
		r = synthetic_name_lost(change.name, change.old_owner, &message);
		monitor_feed_made_driver(daemon, r, message, change.old_id);
	}
	r = synthetic_name_owner_changed(change.name, change.old_owner, change.new_owner, NULL,
					 &message);
	if (is_hello) {
		daemon->hello_news = r < 0 ? NULL : message;
		return;
	}
	monitor_feed_made(daemon, r, message);
	if (*change.new_owner && notification->type != KDBUS_ITEM_ID_ADD) {
		r = synthetic_name_acquired(change.name, change.new_owner, &message);
		monitor_feed_made_driver(daemon, r, message, change.new_id);
	}
}
