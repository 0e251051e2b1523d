/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Traffic */
#pragma once

#include <stdint.h>

/* comes to the bus B again and again, as many peers one after the other that talk to each
 * other and to those of whoever else shares @ids, and waits to be killed; for a process of its
 * own, which does not keep the bus alive */
void hammer(unsigned seed, uint64_t *ids, unsigned n_ids) __attribute__((noreturn));
