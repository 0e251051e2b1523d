/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The benchmark's own client
 *
 * A blocking D-Bus client on a bare socket, small enough that what is measured
 * is the bus.  It shares no code with the project or with libdbus: a slow or a
 * wrong line of ours must not hide in both sides of a measurement.  It trusts
 * the bus: what it reads is checked as far as it steps through it, no further.
 *
 * It waits in recv().  The libraries wait in poll() and read then: the kernel wakes who is in
 * recv() once more for nothing, when what they sent is read.  @is_polling does as they do.
 *
 * Every read and write gives up after PEER_TIMEOUT_S with -ETIMEDOUT.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PEER_TIMEOUT_S = 20 };

enum {
	MSG_CALL = 1,
	MSG_RETURN = 2,
	MSG_ERROR = 3,
	MSG_SIGNAL = 4,
};

enum { MSG_NO_REPLY_EXPECTED = 1 };

/* a message to be sent, one contiguous block; the serial is patched per send */
struct template
{
	uint8_t *data; /* owned */
	size_t size;
};

/* what to put into a template; NULL and 0 leave a field out */
struct template_fields {
	int type;
	int flags;
	const char *destination;
	const char *path;
	const char *interface;
	const char *member;
	uint32_t reply_serial;
	uint32_t n_fds;
	const char *signature;
	const void *body;
	size_t body_size;
};

/* a received message; points into the peer's buffer until the next peer_read() */
struct message {
	int type;
	int flags;
	uint32_t serial;
	uint32_t reply_serial;	/* 0: none */
	const char *sender;	/* NULL: none */
	const char *error_name; /* NULL: none */
	const uint8_t *body;
	size_t body_size;
};

struct peer {
	int fd;
	bool is_polling;
	uint32_t serial; /* of the last message sent */
	char unique_name[64];
	uint8_t *buffer;
	size_t begin, end, capacity; /* unread bytes are [begin, end) */
	struct template reply;	     /* see peer_reply() */
	char reply_to[64];
};

#define PEER_NULL                                                                                  \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* 0 or -ENOMEM */
int template_init(struct template *t, const struct template_fields *fields);
void template_deinit(struct template *t);
/* the number that the message will be answered under */
void template_set_serial(struct template *t, uint32_t serial);

/**
 * peer_open() - connect, authenticate, say Hello
 * @peer: PEER_NULL
 * @path: of the bus's socket
 *
 * Authenticates in one write, as sd-bus does, and sends Hello once the bus has agreed.
 *
 * Return: 0; negative errno; -EPROTO when the bus answers anything else than
 * agreement.  To be closed with peer_close() in either case.
 */
int peer_open(struct peer *peer, const char *path);
/* the same on @fd, which is taken, and without Hello: the way to the controller of dbus-broker */
int peer_open_fd(struct peer *peer, int fd);
/* idempotent */
void peer_close(struct peer *peer);

/* sends @t under the next serial; 0 or negative errno */
int peer_send(struct peer *peer, struct template *t);
/* likewise, with the descriptor @fd, of which the bus gets a copy; @t has n_fds 1 */
int peer_send_with_fd(struct peer *peer, struct template *t, int fd);
/* writes @size bytes that hold whole messages */
int peer_write(struct peer *peer, const void *data, size_t size);
/* the next message of the buffer, reading as often as it takes; 0 or negative errno */
int peer_read(struct peer *peer, struct message *message_out);
/* whether a whole message is in the buffer already */
int peer_has_message(const struct peer *peer);
/* how many of the unread bytes are whole messages */
size_t peer_whole_size(const struct peer *peer);
/* reads once, as much as there is room for: that is at least what the front message lacks */
int peer_fill(struct peer *peer);
/* an empty answer to @call, into @reply_out, which the peer owns until the next call */
int peer_reply(struct peer *peer, const struct message *call, struct template **reply_out);

/**
 * peer_wait_answer() - read until the answer to the message sent last
 *
 * Signals that arrive before the answer are dropped.
 *
 * Return: 0; -EREMOTEIO for an error message, its name on stderr; negative errno.
 */
int peer_wait_answer(struct peer *peer);
/* peer_send() and peer_wait_answer() */
int peer_call(struct peer *peer, struct template *t);
/* reads until @n answers have come, to whatever was sent; likewise */
int peer_wait_answers(struct peer *peer, unsigned int n);
/* sends a call of @member of the bus driver; each 's' of @signature is @string, 'u' is @number */
int peer_send_driver(struct peer *peer, const char *member, const char *signature,
		     const char *string, uint32_t number);
/* peer_send_driver() and peer_wait_answer() */
int peer_call_driver(struct peer *peer, const char *member, const char *signature,
		     const char *string, uint32_t number);

/* appends a string or a u32 to a body; returns the new size.  @body has room. */
size_t body_put_string(uint8_t *body, size_t size, const char *string);
size_t body_put_u32(uint8_t *body, size_t size, uint32_t number);
