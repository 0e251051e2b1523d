/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What tests may ask of the allocator behind linux/slab.h */
#ifndef SHIM_ALLOC_H
#define SHIM_ALLOC_H

#include <stdbool.h>

/* number of objects that are allocated just now */
unsigned long shim_alloc_count(void);
/* the @n-th allocation from now fails, once; 1 is the next one, 0 is never */
void shim_alloc_fail_at(unsigned long n);
/* whether the failure asked for last has happened; if not, it no longer will */
bool shim_alloc_fail_disarm(void);

#endif
