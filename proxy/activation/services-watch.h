/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Services: when their directories change
 *
 * inotify on the directories of service files.  What is seen waits a moment, as
 * packages bring many files; whoever must not miss a change meanwhile asks
 * services_watch_settle().
 */
#pragma once

#include "policy-parser/config.h"
#include "proxy/base/cleanup.h"
#include "proxy/loop.h"

/* from the first change to changed() */
#define SERVICES_WATCH_DELAY_NS (100 * 1000000ull)

struct services_watch;

/**
 * services_watch_new() - watch nothing, for now
 * @loop: outlives the watch
 * @changed: service files may have changed since the last call of it, or since
 *	services_watch_set(); called from the loop or from services_watch_settle(), and may
 *	call services_watch_set().  It must not free the watch.
 * @userdata: passed to it
 *
 * Return: 0 or a negative errno.
 */
int services_watch_new(struct loop *loop, void (*changed)(void *userdata), void *userdata,
		       struct services_watch **watch_out);
struct services_watch *services_watch_free(struct services_watch *watch);
DEFINE_CLEANUP(struct services_watch *, services_watch_free);

/**
 * services_watch_set() - say which directories to watch
 * @dirs: those with CONFIG_SERVICEDIR_UNWATCHED are left out; copied
 *
 * A directory that does not exist is noticed when it appears.  Call it before
 * the directories are read, so that nothing falls in between.
 *
 * Return: 0, or the first negative errno; all directories for which it worked are
 * watched all the same.
 */
int services_watch_set(struct services_watch *watch, const struct config_servicedir *dirs,
		       size_t n_dirs);

/* looks now, and if there was a change calls changed() now rather than after the delay */
void services_watch_settle(struct services_watch *watch);
