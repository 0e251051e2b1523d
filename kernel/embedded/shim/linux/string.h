/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SHIM_LINUX_STRING_H
#define SHIM_LINUX_STRING_H

#include <string.h>

#include <linux/err.h>
#include <linux/slab.h>

/* copies with a NUL in any case; length, or -E2BIG when @src did not fit */
static inline ssize_t strscpy(char *dst, const char *src, size_t size)
{
	size_t len = strnlen(src, size);

	if (len == size) {
		if (!size)
			return -E2BIG;
		memcpy(dst, src, size - 1);
		dst[size - 1] = '\0';
		return -E2BIG;
	}
	memcpy(dst, src, len + 1);
	return (ssize_t)len;
}

#endif
