/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Allocation flags: all but __GFP_ZERO are accepted and mean nothing here */
#ifndef SHIM_LINUX_GFP_H
#define SHIM_LINUX_GFP_H

#include <linux/types.h>

#define __GFP_ZERO	   0x1u
#define __GFP_ACCOUNT	   0x4u
#define GFP_NOWAIT	   0x8u
#define GFP_KERNEL	   0x10u
#define GFP_KERNEL_ACCOUNT (GFP_KERNEL | __GFP_ACCOUNT)

#endif
