/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Authentication: the server's side of the conversation in front of a connection
 *
 * Bytes in, bytes and a verdict out; no I/O.  Section "Authentication Protocol"
 * of the specification, with what dbus-daemon does where the specification is
 * silent.  The caller reads bytes, feeds them, sends what auth_take_output()
 * gives, and goes on with message bytes where auth_feed() stopped.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUTH_EXTERNAL  (1u << 0)
#define AUTH_ANONYMOUS (1u << 1)

#define AUTH_MAX_LINE	 16384u /* bytes not yet parsed, CRLF included */
#define AUTH_MAX_OUTPUT	 16384u /* answers not yet taken */
#define AUTH_MAX_REJECTS 6u

enum auth_outcome {
	AUTH_MORE = 1, /* all bytes consumed, the conversation goes on */
	AUTH_DONE,     /* BEGIN was seen; the bytes behind it are message bytes */
	AUTH_FAILED,   /* close, after the output was sent; auth_reason() */
};

struct auth {
	uint32_t uid;	     /* what the socket says, CREDS_UNKNOWN if nothing */
	const char *guid;    /* of the listening address, 32 hex digits; borrowed */
	unsigned mechanisms; /* AUTH_*: enabled ones */
	bool can_fds;	     /* the transport can pass descriptors */

	bool is_anonymous;  /* valid once done */
	bool is_fds_agreed; /* valid once done */

	/* private */
	uint8_t state;
	uint8_t mechanism;
	uint8_t n_rejects;
	bool has_nul;
	uint32_t n_line, line_capacity;
	uint32_t n_output, output_capacity;
	char *line;   /* bytes of a line that is not complete */
	char *output; /* answers not yet taken */
	const char *reason;
};

void auth_init(struct auth *auth, uint32_t uid, const char *guid, unsigned mechanisms,
	       bool can_fds);
void auth_deinit(struct auth *auth); /* idempotent */

/**
 * auth_feed() - go on with the conversation
 * @consumed_out: how many of the bytes were used: all, unless AUTH_DONE
 *
 * Return: enum auth_outcome or -ENOMEM.
 */
int auth_feed(struct auth *auth, const char *bytes, size_t size, size_t *consumed_out);

/* what is to be sent, *@size_out bytes, valid until the next call for @auth; then forgotten */
const char *auth_take_output(struct auth *auth, size_t *size_out);

/* why AUTH_FAILED, for the log */
const char *auth_reason(const struct auth *auth);
