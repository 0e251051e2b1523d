/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SHIM_LINUX_PREFETCH_H
#define SHIM_LINUX_PREFETCH_H

#define prefetch(address)  __builtin_prefetch(address)
#define prefetchw(address) __builtin_prefetch(address, 1)

#endif
