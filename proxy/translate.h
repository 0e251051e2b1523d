/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Translation between D-Bus messages and kdbus
 *
 * The one place where serials meet cookies, and unique names connection ids.
 */
#pragma once

#include "proxy/client.h"

/* tag of what the engine queued: the receiver's match rules want it */
#define TRANSLATE_TAG_MATCHED 1u

/**
 * translate_send() - send a client's message to where its header says
 * @message: of any type, with a destination other than the driver, or a signal
 *	without one
 *
 * Return: 0 or the negative errno of engine_send(); -ENXIO for a destination that
 * is a unique name and can be nobody's.
 */
int translate_send(struct client *client, struct message *message);

/**
 * translate_peek() - look at a message that is still the engine's
 * @received: not a notification
 * @message_out: describes the received bytes and is valid as long as they are;
 *	nothing to be released; its SENDER is what the bytes say
 *
 * Return: whether it is a D-Bus message that a client may get to see: valid, and its header
 * does not contradict the engine about serials and destination.  Of one that is cut, its
 * header.
 */
bool translate_peek(const struct daemon *daemon, const struct engine_received *received,
		    struct message *message_out);

/* the same but for what the engine says of it: whether it is a whole, valid D-Bus message */
bool translate_is_message(const struct engine_received *received, struct message *message_out);

/**
 * translate_relay() - a message of our own, of one that was received
 * @peek: what translate_peek() or translate_is_message() found
 * @sender: what SENDER becomes; @sender_len bytes, valid
 * @is_own: nobody else will receive its descriptors: they are moved, not copied
 * @message_out: the caller's reference
 *
 * Return: 0; -ENOMEM; or another errno: nobody can be given it.
 */
int translate_relay(const struct engine_received *received, const struct message *peek,
		    const char *sender, size_t sender_len, bool is_own,
		    struct message **message_out);

/**
 * translate_received() - what a client gets for what its connection received
 * @message_out: the caller's reference; NULL: the client gets to see nothing
 *
 * A message; or for a notification the signals that the client is to see, the
 * first of which is returned while a second becomes an answer that is due at once.
 *
 * Return: 0, or -ENOMEM: it can be tried again.
 */
int translate_received(struct client *client, const struct engine_received *received,
		       struct message **message_out);

/**
 * translate_overheard() - the message that clients would get for one that they do not get
 * @message_out: the caller's reference; NULL: it is none of D-Bus
 *
 * Return: 0 or a negative errno.
 */
int translate_overheard(struct daemon *daemon, const struct engine_received *received,
			struct message **message_out);

/* a line in the log: what was received was refused, access_explain_received() knows why */
void translate_log_refused(struct daemon *daemon, const struct engine_received *received,
			   const struct message *message);
