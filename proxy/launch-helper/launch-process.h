/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Launch helper: what a process takes over from the one that started it */
#pragma once

#include <stdbool.h>

/* In the build that is installed the checks that need root are made.  Where this is 0,
 * in the one for tests, it may be run by whoever builds, and stays that user. */
#ifndef LAUNCH_HELPER_NEEDS_ROOT
#define LAUNCH_HELPER_NEEDS_ROOT 1
#endif

/**
 * launch_prepare() - take over nothing
 *
 * To be called first.  No environment; descriptors 0 to 2 and no others; no timer,
 * no signal ignored or blocked; umask 022; the working directory is /.
 *
 * Return: 0 or a negative errno.
 */
int launch_prepare(void);

/**
 * launch_is_permitted() - whether whoever runs this may do so
 * @user: name or number of the user that the bus runs as, or NULL: there is none
 *
 * That is this user alone, and the program must be setuid root.
 */
bool launch_is_permitted(const char *user);

/**
 * launch_become() - be another user from now on, with that user's groups
 * @user: a name
 *
 * Also gives back what limits may have been taken away.  No capability is left,
 * unless the user is root, and there is no way back.
 *
 * Return: 0, or a negative errno; then the process must end, as it may be anybody.
 */
int launch_become(const char *user);
