/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SHIM_LINUX_SIPHASH_H
#define SHIM_LINUX_SIPHASH_H

#include <linux/types.h>

#include "proxy/base/siphash.h"

typedef struct siphash_key siphash_key_t;

#endif
