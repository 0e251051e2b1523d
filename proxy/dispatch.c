/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Dispatch: see dispatch.h.
 *
 * In this order, per message:
 *
 *	from a monitor			the client is closed
 *	no destination, not a signal	the bus' Peer object; nobody else sees it
 *	to org.freedesktop.DBus		the driver
 *	before Hello			the client is closed
 *	type unknown			refused, if its destination exists
 *	anything else			SEND; what SEND refuses is answered with an error
 *
 * dbus-daemon answers whatever cannot be delivered, not only calls, and calls that
 * expect no reply as well; so do we.
 */
#include "proxy/dispatch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proxy/daemon.h"
#include "proxy/eavesdrop.h"
#include "proxy/errand.h"
#include "proxy/monitor.h"
#include "proxy/translate.h"

/* in units of daemon.work; what is refused is explained rule by rule */
enum {
	DRIVER_WORK = 4,
	DENIED_WORK = 16,
};

static void dispatch_error(struct client *client, const struct message *message,
			   enum driver_error error, const char *text)
{
	__cleanup(message_unrefp) struct message *reply = NULL;
	size_t len;

	if (synthetic_error(message->header.serial, client_sender(client, &len), error, text,
			    &reply) < 0) {
		client_out_of_memory(client);
		return;
	}
	monitor_feed_driver(client->daemon, client, reply);
	client_answer(client, reply);
}

/* refused by the policy: the log always says by which rule, the sender may not know */
static void dispatch_denied(struct client *client, const struct message *message)
{
	struct daemon *daemon = client->daemon;
	bool may_know = client->caller.flags & DRIVER_CALLER_PRIVILEGED;
	char text[ACCESS_MAX_TEXT];

	daemon->work += DENIED_WORK;
	/* what the owner of the bus has refused is in its log; it has met its refusal in the engine
	 */
	if (!client->is_told && !(client->is_elsewhere && daemon->is_in_engine) &&
	    log_limit_pass(&daemon->log_denied)) {
		access_explain(daemon, client, message, true, text);
		log_notice("%s", text);
	}
	access_explain(daemon, client, message, may_know, text);
	dispatch_error(client, message, DRIVER_ERROR_ACCESS_DENIED, text);
}

/* to monitors, here or elsewhere; for what the engine does not get to see */
static void dispatch_show(struct client *client, struct message *message)
{
	monitor_feed(client->daemon, message);
	errand_report(client, DESK_SAID, message);
}

/* why the client of a call that could not be answered at all is closed */
static const char *dispatch_failure(int r)
{
	switch (r) {
	case -ENOMEM:
		return "out of memory";
	case -ECONNRESET:
	case -ENOTCONN:
	case -EPIPE:
	case -ESHUTDOWN:
		return "connection to the bus was lost";
	default:
		return strerror(-r);
	}
}

static void dispatch_driver(struct client *client, struct message *message)
{
	struct daemon *daemon = client->daemon;
	__cleanup(driver_answer_deinit) struct driver_answer answer = DRIVER_ANSWER_NULL;
	bool is_addressed = message->header.destination.at;
	bool is_hello = client->state == CLIENT_HELLO;
	int r;

	daemon->work += DRIVER_WORK;
	/* answers come in the order of what is answered: what was refused is answered first */
	if (client->caller.conn && engine_conn_settle(client->caller.conn) < 0) {
		client_close(client, "connection to the bus was lost");
		return;
	}
	/* what is addressed to nobody is a matter between the client and the bus */
	if (is_addressed && is_hello)
		monitor_await_hello(daemon, message);
	else if (is_addressed && !client->is_reported)
		dispatch_show(client, message);
	if (is_addressed && access_may_call_driver(daemon, client, message) < 0) {
		monitor_end_hello(daemon);
		dispatch_denied(client, message);
		return;
	}
	r = driver_dispatch(daemon->driver, &client->caller, message, &answer);
	monitor_end_hello(daemon);
	if (r < 0 || !answer.n_messages)
		monitor_end_hello_reply(daemon);
	if (r < 0) {
		client_close(client, dispatch_failure(r));
		return;
	}
	activation_settle(&daemon->activation, client);
	/* where monitors are elsewhere they could not be told before */
	if (is_addressed && is_hello)
		errand_report(client, DESK_SAID, message);
	for (unsigned i = 0; i < answer.n_messages; i++) {
		if (is_addressed)
			monitor_feed_driver(daemon, client, answer.messages[i]);
		monitor_end_hello_reply(daemon);
		/* who is elsewhere becomes a monitor there, and says so then */
		if (!client->is_elsewhere || !answer.is_monitor)
			client_answer(client, answer.messages[i]);
	}
	/* what failed has not reached the driver; of what waits for the owner he sees for himself
	 */
	if (is_addressed && client->state == CLIENT_ACTIVE && !client->is_held &&
	    !(answer.n_messages && answer.messages[0]->header.type == WIRE_ERROR))
		eavesdrop_feed_driver(daemon, client, message);
	if (!answer.is_monitor || client->state == CLIENT_CLOSED)
		return;
	r = client_become_monitor(client, answer.rules, answer.n_rules);
	if (r < 0)
		client_close(client, dispatch_failure(r));
}

/* The driver itself ignores signals.  Monitors see what it is told behind what follows from it. */
static void dispatch_hint(struct client *client, struct message *message)
{
	struct daemon *daemon = client->daemon;
	int r;

	/* the owner sees to all of it */
	if (daemon->is_joined && activation_may_hear(message) && !errand_ask(client, message))
		return;
	r = access_may_call_driver(daemon, client, message);
	if (!r)
		activation_hear(&daemon->activation, client, message);
	dispatch_show(client, message);
	if (r < 0)
		dispatch_denied(client, message);
	else
		eavesdrop_feed_driver(daemon, client, message);
}

/* 0 if somebody has that name just now */
static int dispatch_resolve(struct client *client, const struct message *message)
{
	const char *destination = message_destination(message);
	size_t size = strlen(destination) + 1;
	union {
		struct kdbus_cmd_info cmd;
		uint8_t bytes[sizeof(struct kdbus_cmd_info) + sizeof(struct kdbus_item) +
			      WIRE_MAX_NAME + 8];
	} info = {.cmd.size = sizeof(info.cmd)};
	struct kdbus_item *item = info.cmd.items;
	uint64_t id;
	int r;

	if (*destination == ':') {
		if (!unique_name_parse(destination, client->daemon->id_offset, &id))
			return -ENXIO;
		info.cmd.id = id;
	} else {
		item->size = offsetof(struct kdbus_item, str) + size;
		item->type = KDBUS_ITEM_NAME;
		memcpy(item->str, destination, size);
		info.cmd.size += (item->size + 7) & ~7ULL;
	}
	r = engine_command(client->caller.conn, KDBUS_CMD_CONN_INFO, &info.cmd);
	if (!r)
		engine_slice_free(client->caller.conn, info.cmd.offset);
	return r;
}

void dispatch_refused(struct client *client, const struct message *message, int r)
{
	bool no_auto_start = message->header.flags & WIRE_NO_AUTO_START;
	enum driver_error error = driver_error_from_send(r, no_auto_start);
	const char *destination = message_destination(message);
	char text[WIRE_MAX_NAME + sizeof(DRIVER_TOO_MANY_STARTS) + 16];

	if (r == -EACCES) {
		dispatch_denied(client, message);
		return;
	}
	if (r == ACTIVATION_LIMIT) {
		snprintf(text, sizeof(text), DRIVER_TOO_MANY_STARTS, destination,
			 client->daemon->limits.driver.n_starts);
		dispatch_error(client, message, DRIVER_ERROR_LIMITS_EXCEEDED, text);
		return;
	}
	switch (error) {
	case DRIVER_ERROR_NONE:
		/* a reply that nobody waits for */
		return;
	case DRIVER_ERROR_SERVICE_UNKNOWN:
		snprintf(text, sizeof(text), "The name %s was not provided by any .service files",
			 destination);
		break;
	case DRIVER_ERROR_NAME_HAS_NO_OWNER:
		snprintf(text, sizeof(text), "Name \"%s\" does not exist", destination);
		break;
	default:
		dispatch_error(client, message, error, NULL);
		return;
	}
	dispatch_error(client, message, error, text);
}

static bool is_known_type(const struct message *message)
{
	return message->header.type >= WIRE_CALL && message->header.type <= WIRE_SIGNAL;
}

/* of a type that nobody knows: refused, if there is anybody to refuse it for */
static void dispatch_unknown(struct client *client, const struct message *message)
{
	const char *destination = message_destination(message);

	if (!dispatch_resolve(client, message) ||
	    activation_find(&client->daemon->activation, destination))
		dispatch_error(client, message, DRIVER_ERROR_ACCESS_DENIED,
			       "Message type is unknown");
	else
		dispatch_refused(client, message, *destination == ':' ? -ENXIO : -ESRCH);
}

/* a service file may have come that nobody has told us of yet */
static bool dispatch_finds_service(struct client *client, const struct message *message)
{
	struct activation *activation = &client->daemon->activation;
	const char *destination = message_destination(message);

	return destination && *destination != ':' && activation_refresh(activation) &&
	       activation_find(activation, destination);
}

static void dispatch_to_peers(struct client *client, struct message *message)
{
	struct activation *activation = &client->daemon->activation;
	/* monitors see what the bus says to have something started in front of its cause */
	bool is_late = activation_comes_first(activation, message);
	int r;

	if (!is_late)
		monitor_feed(client->daemon, message);
	r = translate_send(client, message);
	if (r == -ESRCH && dispatch_finds_service(client, message))
		r = translate_send(client, message);
	activation_settle(activation, client);
	if (is_late)
		monitor_feed(client->daemon, message);
	if (r < 0) {
		errand_report(client, DESK_SAID, message);
		dispatch_refused(client, message, r);
	}
}

static void dispatch(struct client *client, struct message *message)
{
	const char *destination = message_destination(message);

	if (client->state == CLIENT_MONITOR) {
		client_close(client, "a monitor must not send messages");
		return;
	}
	if (!destination && message->header.type != WIRE_SIGNAL) {
		dispatch_driver(client, message);
		return;
	}
	if (destination && !strcmp(destination, DRIVER_NAME)) {
		if (message->header.type == WIRE_SIGNAL && client->state == CLIENT_ACTIVE)
			dispatch_hint(client, message);
		else
			dispatch_driver(client, message);
		return;
	}
	if (client->state == CLIENT_HELLO) {
		client_close(client, "sent a message to others before Hello");
		return;
	}
	if (is_known_type(message)) {
		dispatch_to_peers(client, message);
		return;
	}
	dispatch_show(client, message);
	dispatch_unknown(client, message);
}

void dispatch_message(struct client *client, struct message *message)
{
	client->daemon->work += 1 + message->payload.size / DAEMON_BYTES_PER_WORK;
	if (client->caller.conn)
		engine_conn_begin(client->caller.conn);
	dispatch(client, message);
	/* answers that come later are not about the last command */
	if (client->caller.conn)
		engine_conn_begin(client->caller.conn);
}
