/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SHIM_LINUX_KERNEL_H
#define SHIM_LINUX_KERNEL_H

#include_next <linux/kernel.h>

#include <linux/bug.h>
#include <linux/compiler.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/types.h>

#define U32_MAX ((u32)~0U)
#define U64_MAX ((u64)~0ULL)
#ifndef SIZE_MAX
#define SIZE_MAX (~(size_t)0)
#endif

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define ALIGN(x, a)	  (((x) + ((__typeof__(x))(a)-1)) & ~((__typeof__(x))(a)-1))
#define IS_ALIGNED(x, a)  (((x) & ((__typeof__(x))(a)-1)) == 0)

#endif
