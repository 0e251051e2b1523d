/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What one client may do to others
 *
 * An offender is a process of its own, of another user if we may, that never ends by
 * itself.  Each offence says what it costs the daemon at most, as the limits have it.
 */
#pragma once

#include <stdbool.h>

/* a service that cannot be started: its file has to be beside the configuration */
#define OFFENCE_SERVICE "of.fender"

/* The limits under which all this happens, as elements of the configuration. */
extern const char offence_limits[];

struct offence {
	const char *name;
	const char *text; /* for people */
	/* @victim: name of a good client */
	void (*run)(const char *path, const char *victim);
	long long max_bytes; /* what the daemon may grow by */
	bool is_wanted;	     /* the good have asked for it: what it takes to read is theirs */
};

extern const struct offence offences[];
extern const unsigned int n_offences;
