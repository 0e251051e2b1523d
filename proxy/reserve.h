/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reserve: memory that a write may come to need when it cannot stop any more
 *
 * What was taken out of a client's queue and does not go into its socket has to be
 * kept, or the client has lost it: and that would be the client's end, for want of
 * memory that somebody else may have used up.  So room for it is set aside before
 * anything is taken.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct engine_received;
struct message;

/**
 * struct unsent - messages that a socket has not taken yet
 * @n_sent: bytes of the first that are gone
 * @messages: with their references
 */
struct unsent {
	size_t n_sent;
	struct message *messages[];
};

/**
 * struct reserve - of a daemon
 * @unsent: room for @n_unsent messages
 * @held: room for one thing that was received and could not be made a message
 */
struct reserve {
	struct unsent *unsent;
	uint32_t n_unsent;
	struct engine_received *held;
};

/* makes it whole again: 0 or -ENOMEM */
int reserve_fill(struct reserve *reserve, uint32_t n_unsent);
void reserve_deinit(struct reserve *reserve);
