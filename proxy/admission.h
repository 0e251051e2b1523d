/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Admission: who may come in, and how long one may take
 *
 * A connection is incomplete until it has said Hello.  There may be
 * max_incomplete_connections of them; then the next ones wait in the backlog of the
 * sockets, as they do at dbus-daemon, until one completes, leaves, or has taken
 * longer than auth_timeout.
 *
 * There it would be enough to open so many and say nothing to keep everybody out.  So when one
 * of those that hold the places does not use it for a while, the waiting are looked at: a
 * newcomer takes the place of whoever holds more than he, and root and the owner of the bus come
 * in anyway.  Who holds most is sent away.  Root's own places nobody takes.
 */
#pragma once

#include <stdbool.h>

#include "proxy/base/creds.h"

struct client;
struct daemon;

void admission_init(struct daemon *daemon);

/* may accept() be called?  If not, it is called again when it may */
bool admission_may_accept(struct daemon *daemon);
/* there are no descriptors left: nothing is accepted for a moment */
void admission_pause(struct daemon *daemon);

/* is there a place for one with @creds?  Somebody else may have to leave for it. */
bool admission_has_place(struct daemon *daemon, const struct creds *creds);
/* a new client has a place; its time begins */
void admission_enter(struct daemon *daemon, struct client *client);
/* its place is free: it has said Hello, or is gone */
void admission_leave(struct daemon *daemon, struct client *client);

/* limits may have changed, or descriptors may be free again */
void admission_update(struct daemon *daemon);
