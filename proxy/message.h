/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Message: the bytes of one D-Bus message, its parsed header, its descriptors
 *
 * Reference-counted through the payload, which is what the engine passes on; a
 * message that was sent to a hundred receivers is this one object.  Immutable
 * once it has been sent.  One allocation holds the object and its bytes.
 *
 * Of a long one for a single receiver the last bytes may be in a pipe (tail.h).
 */
#pragma once

#include "kernel/engine/engine.h"
#include "proxy/base/cleanup.h"
#include "proxy/base/list.h"
#include "proxy/tail.h"
#include "proxy/wire-writer.h"
#include "proxy/wire.h"

/**
 * struct message_account - what there is of the messages of one sender; part of that
 * @n_bytes, @n_messages, @n_fds: messages that are not gone, wherever they wait
 * @n_sent_bytes, @n_sent_fds: of those, calls and signals to somebody: what nobody asked for
 * @peak_bytes, @peak_fds: the most there ever were
 * @relieved: called when some are gone; NULL: nobody waits for that.  May only take note, but when
 *	the last is gone it may free the account, which has to last so long
 */
struct message_account {
	uint64_t n_bytes;
	uint64_t n_sent_bytes;
	uint32_t n_messages;
	uint32_t n_fds;
	uint32_t n_sent_fds;
	uint32_t peak_fds;
	uint64_t peak_bytes;
	void (*relieved)(struct message_account *account);
};

struct message {
	struct engine_payload payload;
	struct wire_header header;	 /* valid for payload.data */
	uint8_t *bytes;			 /* == payload.data */
	bool is_bytes_owned;		 /* in an allocation of their own */
	bool is_proven;			 /* while it is read: valid, whatever follows */
	struct tail *tail;		 /* of whose bytes the last are elsewhere; or NULL */
	struct message_account *account; /* or NULL */
};

/**
 * message_new() - a message of @size bytes, not yet written
 * @n_fds: room for so many descriptors; message->payload.fds[] starts as -1
 *
 * The caller fills message->bytes and message->header.
 *
 * Return: 0, -ENOMEM, or -EMSGSIZE beyond WIRE_MAX_SIZE.
 */
int message_new(size_t size, uint32_t n_fds, struct message **message_out);

/**
 * message_new_finish() - a message of what was written
 *
 * Parses its header again; with UNIX_FDS there, payload.fds[] has that many -1.
 * The writer is empty afterwards, whatever the result.
 *
 * Return: 0, what wire_writer_finish() returns, or -EINVAL for a field with a
 * value that the format does not allow.
 */
int message_new_finish(struct wire_writer *writer, struct message **message_out);

/**
 * message_new_renamed() - the same message from another sender
 * @sender: @sender_len bytes; valid as a bus name
 *
 * Its descriptors are duplicates.
 *
 * Return: 0, -ENOMEM, -EMSGSIZE beyond WIRE_MAX_SIZE, or the errno of fcntl().
 */
int message_new_renamed(const struct message *message, const char *sender, size_t sender_len,
			struct message **message_out);

/* counts the message in @account until it is gone; once */
void message_charge(struct message *message, struct message_account *account);

static inline struct message *message_ref(struct message *message)
{
	engine_payload_ref(&message->payload);
	return message;
}

static inline struct message *message_unref(struct message *message)
{
	if (message)
		engine_payload_unref(&message->payload);
	return NULL;
}
DEFINE_CLEANUP(struct message *, message_unref);

/* all of its bytes are in its memory afterwards */
static inline void message_gather(struct message *message)
{
	if (message->tail)
		tail_gather(message->tail);
}

static inline struct message *message_from_payload(struct engine_payload *payload)
{
	return container_of(payload, struct message, payload);
}

static inline const char *message_text(const struct message *message, struct wire_span span)
{
	return span.at ? (const char *)message->bytes + span.at : NULL;
}

static inline const uint8_t *message_body(const struct message *message)
{
	return message->bytes + message->header.header_size;
}

/* each NULL if the field is absent */
#define message_path(m)	       message_text(m, (m)->header.path)
#define message_interface(m)   message_text(m, (m)->header.interface)
#define message_member(m)      message_text(m, (m)->header.member)
#define message_error_name(m)  message_text(m, (m)->header.error_name)
#define message_destination(m) message_text(m, (m)->header.destination)
#define message_sender(m)      message_text(m, (m)->header.sender)

/* "" if absent */
static inline const char *message_signature(const struct message *message)
{
	return message_text(message, message->header.signature) ?: "";
}
