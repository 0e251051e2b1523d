/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parties: who sends a message and whom it is for, as match rules ask for them */
#pragma once

#include "proxy/match.h"

struct daemon;
struct engine_received;

/**
 * parties_init() - fill in the sender and receiver of a subject
 * @sender, @destination: as in the header; either may be NULL; borrowed
 *
 * Names are those that the parties own at the time of the look-up.
 */
void parties_init(struct daemon *daemon, struct match_subject *subject, const char *sender,
		  const char *destination);

/* the sender of a message of a connection of another process; @unique_name is borrowed */
void parties_init_sender(struct match_subject *subject, const struct engine_received *received,
			 const char *unique_name);

/* the names in a list of strings, the last of which is empty: match_party.names */
int parties_listed_names(void *names, match_name_fn fn, void *userdata);
