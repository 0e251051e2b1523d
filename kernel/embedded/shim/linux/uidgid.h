/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SHIM_LINUX_UIDGID_H
#define SHIM_LINUX_UIDGID_H

#include <linux/types.h>

typedef struct {
	uid_t val;
} kuid_t;

typedef struct {
	gid_t val;
} kgid_t;

#define KUIDT_INIT(value) ((kuid_t){ value })
#define KGIDT_INIT(value) ((kgid_t){ value })
#define INVALID_UID	  KUIDT_INIT((uid_t)-1)
#define INVALID_GID	  KGIDT_INIT((gid_t)-1)

static inline uid_t __kuid_val(kuid_t uid)
{
	return uid.val;
}

static inline gid_t __kgid_val(kgid_t gid)
{
	return gid.val;
}

static inline bool uid_eq(kuid_t a, kuid_t b)
{
	return a.val == b.val;
}

static inline bool gid_eq(kgid_t a, kgid_t b)
{
	return a.val == b.val;
}

static inline bool uid_valid(kuid_t uid)
{
	return uid.val != (uid_t)-1;
}

static inline bool gid_valid(kgid_t gid)
{
	return gid.val != (gid_t)-1;
}

#endif
