/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bus configuration: what its own files share */
#pragma once

#include "policy-parser/config.h"
#include "policy-parser/strings.h"

/**
 * struct config_private - what users of a configuration do not see
 * @strings: all its strings
 * @n_*_allocated: elements that the array has room for
 */
struct config_private {
	struct strings strings;
	size_t n_listen_allocated;
	size_t n_servicedirs_allocated;
	size_t n_sections_allocated;
	size_t n_rules_allocated;
	size_t n_selinux_allocated;
};

/* an empty configuration: all defaults; -ENOMEM */
int config_new(struct config **config_out);

/**
 * config_grow() - make room for one more
 * @items: address of the array
 * @n_items: elements in use
 * @n_allocated: elements there is room for, updated
 * @size: of an element
 *
 * Return: 0 or -ENOMEM.
 */
int config_grow(void *items, size_t n_items, size_t *n_allocated, size_t size);

/* the limit of that name; false if there is none */
bool config_find_limit(const char *name, enum config_limit_id *id_out);
/* the largest value it takes */
int64_t config_limit_max(enum config_limit_id id);
