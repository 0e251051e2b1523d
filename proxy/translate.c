/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Translation: see translate.h.
 *
 *	D-Bus				kdbus
 *	call				EXPECT_REPLY, unless NO_REPLY_EXPECTED
 *	return, error			cookie_reply
 *	signal without destination	SIGNAL, broadcast
 *	signal with destination		plain unicast: a unicast with the SIGNAL flag would reach
 *					only who has a match for it
 *	serial				cookie
 *	destination :1.N		dst_id
 *	destination a.b			dst_name
 *
 * The payload is the D-Bus message itself, SENDER included.  What comes from a
 * client of this process is known to be good; any other payload is a stranger's
 * and is validated like a client's, and the bus' facts win over its header: SENDER
 * is the source's id, and serials that contradict the cookies drop the message.
 */
#include "proxy/translate.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "proxy/bloom.h"
#include "proxy/daemon.h"
#include "proxy/dispatch.h"
#include "proxy/eavesdrop.h"
#include "proxy/errand.h"
#include "proxy/monitor.h"

/* a name may change hands between look-up and SEND so often, and no more */
enum { NAME_RETRIES = 8 };

/* bytes of a message that is not waited for: what a stage has room for */
enum { MAX_ON_ITS_WAY = 2 * 1024 * 1024 };

/* byte 3 of a header */
enum { GVARIANT_VERSION = 2 };

static int translate_broadcast(struct client *client, struct engine_send *send,
			       const struct message *message)
{
	struct daemon *daemon = client->daemon;
	uint64_t bits[BLOOM_MAX_SIZE / sizeof(uint64_t)];
	struct bloom bloom;
	unsigned n_hash;
	size_t size;
	int r;

	send->flags |= KDBUS_MSG_SIGNAL;
	send->dst_id = KDBUS_DST_ID_BROADCAST;
	if (engine_needs_bloom(daemon->engine)) {
		engine_bloom_parameters(daemon->engine, &size, &n_hash);
		bloom_init(&bloom, bits, size, n_hash);
		bloom_add_message(&bloom, message);
		send->bloom = bits;
	}
	r = engine_send(client->caller.conn, send);
	/* each receiver's side will refuse it when it is there; who watches hears of it in order */
	if (!r && !engine_asks_may_deliver(daemon->engine))
		monitor_feed_refusals(daemon, client, message);
	return r;
}

/* on a bus that does not ask: may it wait for an owner of the name, if it has to? */
static int translate_may_wait(struct client *client, const struct engine_send *send,
			      const struct message *message)
{
	struct daemon *daemon = client->daemon;
	struct activatable *activatable;
	int r;

	if (!send->dst_name || send->flags & KDBUS_MSG_NO_AUTO_START)
		return 0;
	activatable = activation_find(&daemon->activation, send->dst_name);
	if (!activatable)
		return 0;
	r = activation_may_wait(activatable, client, message);
	if (!r)
		activation_note_waits(activatable);
	access_end_message(&daemon->access);
	return r;
}

/* on a bus that does not ask: may it go to the stranger who has the destination, if one has? */
static int translate_may_send(struct client *client, struct engine_send *send,
			      const struct message *message)
{
	struct daemon *daemon = client->daemon;
	__cleanup(freep) struct engine_stranger *stranger = NULL;
	int r;

	if (!engine_has_strangers(daemon->engine))
		return translate_may_wait(client, send, message);
	r = engine_get_stranger(client->caller.conn, send->dst_id, send->dst_name, &stranger);
	if (r == -ESRCH && send->dst_name)
		return translate_may_wait(client, send, message);
	/* nobody there: it is for SEND to say so */
	if (r == -ESRCH || r == -ENXIO)
		return 0;
	if (r < 0)
		return r;
	r = access_may_send(daemon, client, stranger, message,
			    send->cookie_reply ? POLICY_MESSAGE_REQUESTED : 0);
	access_end_message(&daemon->access);
	if (!r)
		send->dst_id = stranger->id;
	return r;
}

/* On a bus that does not ask, the policy is applied to whoever has the destination now, and
 * SEND verifies that it is still the same. */
static int translate_checked(struct client *client, struct engine_send *send,
			     const struct message *message)
{
	struct daemon *daemon = client->daemon;
	struct engine_conn *conn;
	int r = 0;

	for (int i = 0; i < NAME_RETRIES; i++) {
		if (send->dst_name)
			conn = engine_find_owner(daemon->engine, send->dst_name);
		else
			conn = engine_find_conn(daemon->engine, send->dst_id);
		if (conn) {
			/* an answer that nobody waits for is refused by SEND itself */
			r = access_may_deliver(daemon, client, engine_conn_userdata(conn), message,
					       send->cookie_reply ? POLICY_MESSAGE_REQUESTED : 0);
			access_end_message(&daemon->access);
			if (r < 0)
				return r;
			send->dst_id = engine_conn_id(conn);
		} else {
			r = translate_may_send(client, send, message);
			if (r < 0)
				return r;
		}
		r = engine_send(client->caller.conn, send);
		if (r != -EREMCHG)
			break;
		send->dst_id = KDBUS_DST_ID_NAME;
	}
	return r;
}

/* What is large counts against its sender, and is over when this is; who passes descriptors has no
 * copies left then, whose other ends would wait; nobody is to overhear what is not delivered; and
 * monitors of the owner are to hear of what it refuses before they hear of what follows.
 */
static bool translate_must_wait(const struct daemon *daemon, const struct message *message)
{
	return message->payload.size > MAX_ON_ITS_WAY || message->payload.n_fds ||
	       match_registry_n_eavesdropping(daemon->matches) ||
	       daemon->owner_watch & DESK_WATCH_MONITORS;
}

int translate_send(struct client *client, struct message *message)
{
	struct daemon *daemon = client->daemon;
	const struct wire_header *header = &message->header;
	const char *destination = message_destination(message);
	struct engine_send send = {
		.cookie = header->serial,
		.payload = &message->payload,
	};
	int r;

	if (header->flags & WIRE_NO_AUTO_START)
		send.flags |= KDBUS_MSG_NO_AUTO_START;
	if (!destination) {
		r = translate_broadcast(client, &send, message);
		access_end_message(&daemon->access);
		return r;
	}
	if (*destination != ':') {
		send.dst_id = KDBUS_DST_ID_NAME;
		send.dst_name = destination;
	} else if (!unique_name_parse(destination, daemon->id_offset, &send.dst_id)) {
		return -ENXIO;
	}
	if (header->type == WIRE_CALL && !(header->flags & WIRE_NO_REPLY_EXPECTED)) {
		if (daemon->limits.has_no_replies)
			return -EMLINK;
		send.flags |= KDBUS_MSG_EXPECT_REPLY;
		send.timeout_ns = ENGINE_NO_TIMEOUT;
		if (daemon->limits.reply_timeout_ns)
			send.timeout_ns = loop_now_ns() + daemon->limits.reply_timeout_ns;
	} else if (header->type == WIRE_RETURN || header->type == WIRE_ERROR) {
		send.cookie_reply = header->reply_serial;
	}
	if (engine_asks_may_deliver(daemon->engine) || engine_conn_is_judged(client->caller.conn)) {
		send.is_awaited = translate_must_wait(daemon, message);
		r = engine_send(client->caller.conn, &send);
		access_end_message(&daemon->access);
	} else {
		r = translate_checked(client, &send, message);
	}
	if (!r && match_registry_n_eavesdropping(daemon->matches))
		eavesdrop_feed(daemon, client, message);
	return r;
}

/* whether the header says the same as the engine about where it goes; of a unicast it may say
 * nothing */
static bool is_addressed_so(const struct daemon *daemon, const struct engine_received *received,
			    const char *destination)
{
	uint64_t id;

	if (!destination)
		return true;
	if (received->dst_id == KDBUS_DST_ID_BROADCAST)
		return false;
	if (*destination != ':')
		return received->dst_name && !strcmp(received->dst_name, destination);
	return unique_name_parse(destination, daemon->id_offset, &id) && id == received->dst_id;
}

/* whether the header says the same as the engine about what it answers */
static bool is_answering_so(const struct engine_received *received,
			    const struct wire_header *header)
{
	if (header->type == WIRE_RETURN || header->type == WIRE_ERROR)
		return header->reply_serial == received->cookie_reply;
	return !received->cookie_reply;
}

bool translate_is_message(const struct engine_received *received, struct message *message_out)
{
	const struct engine_payload *payload = received->payload;
	struct wire_header *header = &message_out->header;
	uint32_t header_size, size;

	if (received->payload_type != KDBUS_PAYLOAD_DBUS || payload->size < WIRE_FIXED_SIZE)
		return false;
	if (wire_frame(payload->data, &header_size, &size) || header_size > payload->size ||
	    wire_header_parse(payload->data, header))
		return false;
	if (!received->is_cut &&
	    (size != payload->size ||
	     wire_body_check(header, payload->data, (const uint8_t *)payload->data + header_size)))
		return false;
	if (header->n_fds != payload->n_fds)
		return false;
	message_out->bytes = (uint8_t *)payload->data;
	message_out->payload = *payload;
	return true;
}

bool translate_peek(const struct daemon *daemon, const struct engine_received *received,
		    struct message *message_out)
{
	if (!translate_is_message(received, message_out))
		return false;
	return message_out->header.serial == received->cookie &&
	       is_answering_so(received, &message_out->header) &&
	       is_addressed_so(daemon, received, message_destination(message_out));
}

/* An error in the place of the client, to a stranger who calls it and will get no answer: by a
 * rule, or because nobody here understands him.  The ABI has nothing else to tell him: a reply
 * that is owed ends with the connection that owes it. */
static int translate_answer(struct client *client, const struct engine_received *received,
			    enum driver_error name, const char *text)
{
	struct daemon *daemon = client->daemon;
	__cleanup(message_unrefp) struct message *error = NULL;
	char caller[UNIQUE_NAME_SIZE];
	struct engine_send send = {
		.dst_id = received->src_id,
		.cookie_reply = received->cookie,
		.is_awaited = true,
	};
	int r;

	if (!(received->flags & KDBUS_MSG_EXPECT_REPLY))
		return 0;
	unique_name_format(received->src_id, daemon->id_offset, caller);
	/* where the cookie is no serial, there is a cookie all the same */
	r = synthetic_error_from(client->unique_name, (uint32_t)received->cookie ?: 1, caller, name,
				 text, &error);
	if (r < 0)
		return r;
	send.cookie = error->header.serial;
	send.payload = &error->payload;
	daemon->is_answering = true;
	/* it may be gone, or not wait any more */
	if (!engine_send(client->caller.conn, &send))
		monitor_feed(daemon, error);
	daemon->is_answering = false;
	access_end_message(&daemon->access);
	return 0;
}

void translate_log_refused(struct daemon *daemon, const struct engine_received *received,
			   const struct message *message)
{
	char text[ACCESS_MAX_TEXT];

	if (!log_limit_pass(&daemon->log_denied))
		return;
	access_explain_received(daemon, received, message, true, text);
	log_notice("%s", text);
}

/* whether nobody has applied the policy yet */
static bool translate_is_unjudged(const struct daemon *daemon,
				  const struct engine_received *received)
{
	/* by the engine, by the owner of the bus, or when they were accepted */
	if (received->is_judged || engine_asks_may_deliver(daemon->engine) ||
	    received->dst_id == KDBUS_DST_ID_BROADCAST)
		return false;
	/* Of ours the sender's side has decided; but where the name could be started, it may have
	 * been about nobody, or about somebody else. */
	if (engine_find_conn(daemon->engine, received->src_id))
		return received->dst_name && !received->cookie_reply &&
		       (received->dst_id == KDBUS_DST_ID_NAME ||
			activation_find(&daemon->activation, received->dst_name));
	return engine_has_strangers(daemon->engine);
}

/* it was refused, access_explain() knows why; 0 or -ENOMEM */
static int translate_refuse(struct client *client, const struct engine_received *received,
			    const struct message *message)
{
	struct daemon *daemon = client->daemon;
	struct engine_conn *conn = engine_find_conn(daemon->engine, received->src_id);
	struct client *src = conn ? engine_conn_userdata(conn) : NULL;
	char text[ACCESS_MAX_TEXT];

	if (src && !(received->flags & KDBUS_MSG_EXPECT_REPLY)) {
		dispatch_refused(src, message, -EACCES);
		return 0;
	}
	translate_log_refused(daemon, received, message);
	/* the rule is for the log */
	access_explain_received(daemon, received, message, false, text);
	return translate_answer(client, received, DRIVER_ERROR_ACCESS_DENIED, text);
}

/* 0: it may be delivered; 1: it was refused; or -ENOMEM */
static int translate_judge(struct client *client, const struct engine_received *received,
			   const struct message *message)
{
	struct daemon *daemon = client->daemon;
	int r;

	if (!translate_is_unjudged(daemon, received))
		return 0;
	r = access_may_take(daemon, received, client, message);
	if (r == -EACCES) {
		r = translate_refuse(client, received, message);
		r = r < 0 ? r : 1;
	}
	access_end_message(&daemon->access);
	return r;
}

/* @is_own: nobody else will receive them; otherwise they are copied.  0 or a negative errno */
static int translate_take_fds(struct engine_payload *payload, bool is_own, struct message *message)
{
	for (uint32_t i = 0; i < payload->n_fds; i++) {
		message->payload.fds[i] = payload->fds[i];
		if (is_own)
			payload->fds[i] = -1;
		else
			message->payload.fds[i] = fcntl(payload->fds[i], F_DUPFD_CLOEXEC, 3);
		if (message->payload.fds[i] < 0)
			return -errno;
	}
	return 0;
}

int translate_relay(const struct engine_received *received, const struct message *peek,
		    const char *sender, size_t sender_len, bool is_own,
		    struct message **message_out)
{
	__cleanup(message_unrefp) struct message *message = NULL;
	const struct wire_header *header = &peek->header;
	uint32_t relay_size;
	int r;

	relay_size = wire_relay_size(peek->bytes, header, sender_len);
	if (relay_size > WIRE_MAX_SIZE - header->body_size)
		return -EMSGSIZE;
	r = message_new((size_t)relay_size + header->body_size, header->n_fds, &message);
	if (r < 0)
		return r;
	wire_relay_header(peek->bytes, header, sender, sender_len, message->bytes,
			  &message->header);
	memcpy(message->bytes + relay_size, message_body(peek), header->body_size);
	/* a message without its descriptors is none */
	r = translate_take_fds(received->payload, is_own, message);
	if (r < 0)
		return r;
	*message_out = steal(message);
	return 0;
}

/* as clients get it */
static int translate_relay_peer(struct daemon *daemon, const struct engine_received *received,
				const struct message *peek, bool is_own,
				struct message **message_out)
{
	char sender[UNIQUE_NAME_SIZE];
	size_t sender_len;

	sender_len = unique_name_format(received->src_id, daemon->id_offset, sender);
	return translate_relay(received, peek, sender, sender_len, is_own, message_out);
}

int translate_overheard(struct daemon *daemon, const struct engine_received *received,
			struct message **message_out)
{
	struct message peek;

	*message_out = NULL;
	if (!translate_peek(daemon, received, &peek))
		return 0;
	return translate_relay_peer(daemon, received, &peek, false, message_out);
}

/* drops a message that the client's rules keep from it */
static bool is_heard(struct client *client, struct message *message)
{
	if (access_may_hear_driver(client->daemon, client, message))
		return true;
	message_unref(message);
	return false;
}

/* what the bus says to the client: monitors see it, and the client if it may; 0 */
static int translate_hear_driver(struct client *client, struct message **message)
{
	monitor_feed(client->daemon, *message);
	errand_report(client, DESK_HEARD, *message);
	if (!is_heard(client, *message))
		*message = NULL;
	return 0;
}

/* the client has called somebody whose answer it cannot have; 0 or -ENOMEM */
static int translate_no_answer(struct client *client, const struct engine_received *received,
			       enum driver_error error, const char *text,
			       struct message **message_out)
{
	int r;

	r = synthetic_error(received->cookie_reply, client->unique_name, error, text, message_out);
	return r < 0 ? r : translate_hear_driver(client, message_out);
}

/* whether it is a message of a version of D-Bus that no client here speaks */
static bool is_other_version(const struct engine_received *received)
{
	const uint8_t *bytes = received->payload->data;

	return received->payload->size > 3 && bytes[3] == GVARIANT_VERSION;
}

/* Nobody waits for ever: who called the client is told that it was not understood, and the client
 * that it cannot understand what it was answered. */
static int translate_unreadable(struct client *client, const struct engine_received *received,
				struct message **message_out)
{
	static const char other[] = "Only messages of version 1 of the protocol are understood";
	static const char broken[] = "What was sent is no valid message";
	struct daemon *daemon = client->daemon;
	bool is_other = is_other_version(received);
	const char *text = is_other ? other : broken;
	char sender[UNIQUE_NAME_SIZE];

	if (log_limit_pass(&daemon->log_unreadable)) {
		unique_name_format(received->src_id, daemon->id_offset, sender);
		log_warning("%s (uid=%d pid=%d) cannot be given a message from %s: %s",
			    client->unique_name, (int)client->creds.uid, (int)client->creds.pid,
			    sender, is_other ? "of another version" : "malformed");
	}
	if (!received->cookie_reply)
		return translate_answer(
			client, received,
			is_other ? DRIVER_ERROR_NOT_SUPPORTED : DRIVER_ERROR_INVALID_ARGS, text);
	return translate_no_answer(client, received,
				   is_other ? DRIVER_ERROR_NOT_SUPPORTED : DRIVER_ERROR_FAILED,
				   text, message_out);
}

/* a payload that did not come from a client of this process */
static int translate_stranger(struct client *client, const struct engine_received *received,
			      struct message **message_out)
{
	struct daemon *daemon = client->daemon;
	/* what the direct carrier hands over others may get as well */
	bool is_own = !engine_asks_may_deliver(daemon->engine);
	struct message peek;
	int r;

	*message_out = NULL;
	if (!translate_peek(daemon, received, &peek))
		return translate_unreadable(client, received, message_out);
	r = translate_judge(client, received, &peek);
	if (r > 0 && received->cookie_reply)
		return translate_no_answer(client, received, DRIVER_ERROR_ACCESS_DENIED, NULL,
					   message_out);
	if (r)
		return r < 0 ? r : 0;
	r = translate_relay_peer(daemon, received, &peek, is_own, message_out);
	return r && r != -ENOMEM ? translate_unreadable(client, received, message_out) : r;
}

/* who answers what will not be answered any more */
static int translate_no_reply(struct client *client, const struct engine_notification *notification,
			      struct message **message_out)
{
	enum driver_error error = notification->type == KDBUS_ITEM_REPLY_DEAD
					  ? DRIVER_ERROR_PEER_GONE
					  : DRIVER_ERROR_TIMED_OUT;
	struct message *message = NULL;
	int r = 0;

	if (notification->type == KDBUS_ITEM_REPLY_DEAD)
		message = activation_take_reason(client, notification->cookie_reply);
	if (!message)
		r = synthetic_error(notification->cookie_reply, client->unique_name, error, NULL,
				    &message);
	if (r < 0)
		return r;
	*message_out = message;
	return translate_hear_driver(client, message_out);
}

/* In the order of D-Bus: who loses a name hears that first, who gets it hears that last. */
static int translate_notification(struct client *client, const struct engine_received *received,
				  struct message **message_out)
{
	uint64_t self = engine_conn_id(client->caller.conn);
	struct message *messages[3];
	struct synthetic_change change;
	bool is_own_id;
	unsigned n = 0, n_put = 0;
	int r = 0;

	if (received->notification.type == KDBUS_ITEM_REPLY_DEAD ||
	    received->notification.type == KDBUS_ITEM_REPLY_TIMEOUT)
		return translate_no_reply(client, &received->notification, message_out);
	*message_out = NULL;
	if (!synthetic_change_init(&change, &received->notification, client->daemon->id_offset))
		return 0;
	is_own_id = received->notification.type == KDBUS_ITEM_ID_ADD ||
		    received->notification.type == KDBUS_ITEM_ID_REMOVE;
	if (change.old_id == self && !is_own_id) {
		r = synthetic_name_lost(change.name, client->unique_name, &messages[n]);
		n += !r && is_heard(client, messages[n]);
	}
	if (!r && (received->tag & TRANSLATE_TAG_MATCHED)) {
		r = synthetic_name_owner_changed(change.name, change.old_owner, change.new_owner,
						 NULL, &messages[n]);
		n += !r && is_heard(client, messages[n]);
	}
	if (!r && change.new_id == self && !is_own_id) {
		r = synthetic_name_acquired(change.name, client->unique_name, &messages[n]);
		n += !r && is_heard(client, messages[n]);
	}
	/* answers that were due earlier have been taken before anything is received */
	for (unsigned i = 1; i < n && !r; i++) {
		r = outbound_answer_first(&client->out, messages[n - i]);
		n_put += !r;
	}
	while (r < 0 && n_put--)
		message_unref(outbound_take_answer(&client->out, UINT64_MAX));
	for (unsigned i = r < 0 ? 0 : 1; i < n; i++)
		message_unref(messages[i]);
	if (r < 0)
		return r;
	if (n)
		*message_out = messages[0];
	return 0;
}

/* The owner of the bus has refused what the client sent, and has said so in its log.  It has all of
 * the rules, but what it says is a number: which of them it was is found out once more. */
static int translate_refused(struct client *client, const struct engine_received *received)
{
	struct message *message = message_from_payload(received->payload);
	struct daemon *daemon = client->daemon;
	__cleanup(freep) struct engine_stranger *stranger = NULL;
	const char *destination = message_destination(message);
	uint64_t id = 0;

	if (received->error == -EACCES && destination &&
	    (*destination != ':' || unique_name_parse(destination, daemon->id_offset, &id)) &&
	    !engine_get_stranger(client->caller.conn, id, id ? NULL : destination, &stranger))
		access_may_send(daemon, client, stranger, message,
				message->header.reply_serial ? POLICY_MESSAGE_REQUESTED : 0);
	errand_report(client, DESK_SAID, message);
	client->is_told = true;
	dispatch_refused(client, message, received->error);
	client->is_told = false;
	access_end_message(&daemon->access);
	return 0;
}

int translate_received(struct client *client, const struct engine_received *received,
		       struct message **message_out)
{
	if (received->error) {
		*message_out = NULL;
		return translate_refused(client, received);
	}
	if (received->src_id == KDBUS_SRC_ID_KERNEL)
		return translate_notification(client, received, message_out);
	if (errand_is_from_owner(client->daemon, received))
		return errand_receive(client, received, message_out);
	if (!received->is_shared)
		return translate_stranger(client, received, message_out);
	*message_out = message_ref(message_from_payload(received->payload));
	return 0;
}
