/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* User look-up: names of users and groups that the files do not know
 *
 * The other sources of the system (NSS) may block, and may ask for their part over
 * this very bus.  So they are asked by a child process, which has a time limit; the
 * bus goes on meanwhile, with the sections of these names out of force.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "proxy/loop.h"

/**
 * struct user_lookup - one look-up, which may be repeated
 * @done: called when there is an answer: lines in the formats of passwd and group
 *	files, each preceded by "u" or "g"; possibly none
 */
struct user_lookup {
	struct loop *loop;
	struct loop_source source;
	struct loop_timer timer;
	int pid; /* 0: none is going on */
	char *answer;
	size_t size;
	void (*done)(struct user_lookup *lookup, const char *answer, size_t size);
};

void user_lookup_init(struct user_lookup *lookup, struct loop *loop,
		      void (*done)(struct user_lookup *lookup, const char *answer, size_t size));
/* ends one that is going on; idempotent */
void user_lookup_deinit(struct user_lookup *lookup);

/**
 * user_lookup_start() - ask for names
 * @next: gives one name per call, NULL at the end, and what it is of
 *
 * One that is going on is given up.
 *
 * Return: 0, or a negative errno (then @done is not called).
 */
int user_lookup_start(struct user_lookup *lookup,
		      const char *(*next)(void *userdata, bool *is_group_out), void *userdata);
