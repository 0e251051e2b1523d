/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Policy for the engine: what the files about compiled databases share */
#pragma once

#include "policy-parser/policy-compile.h"

/* the order of entries: by name, a wildcard behind the name it begins with */
int policy_holder_compare(const char *a_name, size_t a_size, bool a_is_wildcard, const char *b_name,
			  size_t b_size, bool b_is_wildcard);

/* the entry for exactly this name or wildcard, whether it has grants or not; or NULL */
const struct policy_holder *policy_grants_find_entry(const struct policy_grants *grants,
						     const char *name, size_t size,
						     bool is_wildcard);
