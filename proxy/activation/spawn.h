/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs that the bus starts
 *
 * A child begins as the bus would like to have been begun itself: no signal blocked or
 * ignored, stdin empty, no descriptor beyond stderr, and with no protection from the
 * OOM killer that the bus may have.  Stdout, stderr, working directory, session and
 * umask are those of the bus.
 */
#pragma once

#include <sys/types.h>

#include "proxy/loop.h"

struct rlimit;
struct spawn;

enum spawn_end {
	SPAWN_NOT_EXECUTED, /* value: errno of execve(), or of what had to be done before it */
	SPAWN_EXITED,	    /* value: the status */
	SPAWN_SIGNALED,	    /* value: the signal */
};

typedef void (*spawn_ended_fn)(void *userdata, enum spawn_end end, int value);

/**
 * struct spawns - children that have not been reaped
 * @children: alive, as far as is known
 * @ended: not any more
 */
struct spawns {
	struct loop *loop;
	struct list_head children;
	struct list_head ended;
};

void spawns_init(struct spawns *spawns, struct loop *loop);
/* children live on, and nobody is told of their end; idempotent */
void spawns_deinit(struct spawns *spawns);

/**
 * spawns_collect() - tell of the children that ended
 *
 * At the end of a turn of the loop: what a child had told the bus before it ended has
 * been read then.
 */
void spawns_collect(struct spawns *spawns);

/**
 * spawn_start() - start a program
 * @argv, @envp: NULL-terminated, borrowed; @argv[0] is a path, which is not searched for
 * @n_files: RLIMIT_NOFILE of the child, soft and hard; NULL: that of the bus
 * @ended: called once, from spawns_collect()
 * @spawn_out: good until @ended is called or spawn_forget(); not the caller's to free
 *
 * A program that cannot be executed is something that @ended tells.
 *
 * Return: 0 or the negative errno of fork() or of what it needs.
 */
int spawn_start(struct spawns *spawns, char *const *argv, char *const *envp,
		const struct rlimit *n_files, spawn_ended_fn ended, void *userdata,
		struct spawn **spawn_out);

/* its end is of no interest any more; NULL is fine; returns NULL */
struct spawn *spawn_forget(struct spawn *spawn);
/* the same, and it ends now */
struct spawn *spawn_kill(struct spawn *spawn);
