/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SHIM_LINUX_OVERFLOW_H
#define SHIM_LINUX_OVERFLOW_H

#include <linux/kernel.h>

#define check_add_overflow(a, b, d) __builtin_add_overflow(a, b, d)

#endif
