/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Launch helper: which service file */
#pragma once

#include "policy-parser/config.h"
#include "proxy/activation/service-file.h"

/**
 * launch_find() - find the service file of a name
 * @config: says in which directories
 * @files: where bytes come from
 * @name: a well-known bus name; its grammar has neither slashes nor empty elements
 * @file_out: to be released with service_file_deinit()
 *
 * Return: 0, or an enum launch_exit.
 */
int launch_find(const struct config *config, const struct config_files *files, const char *name,
		struct service_file *file_out);
