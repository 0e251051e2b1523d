/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who may connect */
#pragma once

#include <stdbool.h>

#include "proxy/base/creds.h"

struct daemon;

/**
 * permission_to_connect() - whether a peer that has authenticated may stay
 *
 * The bus' own uid may.  Then the configuration's rules about users decide, the
 * last that applies; an anonymous peer needs <allow_anonymous/>.
 */
bool permission_to_connect(const struct daemon *daemon, const struct creds *creds);
