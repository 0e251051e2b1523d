/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parties: who sends a message and whom it is for, as match rules ask for them */
#pragma once

#include "proxy/match.h"

struct daemon;

struct parties {
	struct daemon *daemon;
	const char *destination_name; /* a well-known destination, when its owner cannot be seen */
};

/**
 * parties_init() - fill in the sender and receiver of a subject
 * @sender, @destination: as in the header; either may be NULL
 *
 * Names are those that the parties own at the time of the look-up.  @parties
 * must live as long as @subject.
 */
void parties_init(struct parties *parties, struct daemon *daemon, struct match_subject *subject,
		  const char *sender, const char *destination);
