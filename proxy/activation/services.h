/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Services: all service files of a configuration
 *
 *	struct services *services;
 *	int r = services_load(config->servicedirs, config->n_servicedirs, NULL, NULL, &messages,
 *			      &services);
 *	...
 *	service = services_find(services, "com.example.Thing");
 *
 * An object is a picture of the directories at one moment and does not change; a
 * reload makes another one.
 */
#pragma once

#include <stddef.h>

#include "policy-parser/config.h"
#include "policy-parser/messages.h"
#include "proxy/activation/service-file.h"
#include "proxy/base/cleanup.h"

/**
 * struct service - a name that can be started
 * @name: the name
 * @exec: the command line, not split; may be empty
 * @user: or NULL
 * @systemd_service: or NULL
 * @apparmor_label: or NULL
 * @path: of the service file
 * @exec_line: where in there the command line stands
 */
struct service {
	const char *name;
	const char *exec;
	const char *user;
	const char *systemd_service;
	const char *apparmor_label;
	const char *path;
	unsigned exec_line;
};

struct services;

/**
 * services_load() - read all service files
 * @dirs: in the order in which they win
 * @files: where bytes come from; NULL: config_files_system
 * @previous: what was loaded before, or NULL: what is said about that already is not said
 *	again
 * @messages: gets one CONFIG_WARNING about each file or directory that does not work as
 *	somebody meant it; the others work all the same
 * @services_out: to be released with services_free()
 *
 * Of two files for one name the one in the earlier directory counts, within a
 * directory the one that is called NAME.service, then the bytewise first.
 * Directories that do not exist are empty.
 *
 * Return: 0, or -ENOMEM, -EMFILE or -ENFILE: the machine failed us, nothing is known.
 */
int services_load(const struct config_servicedir *dirs, size_t n_dirs,
		  const struct config_files *files, const struct services *previous,
		  struct config_messages *messages, struct services **services_out);
struct services *services_free(struct services *services);
DEFINE_CLEANUP(struct services *, services_free);

/* how many names */
size_t services_count(const struct services *services);
/* the @i-th of them; they are sorted bytewise by their names */
const struct service *services_at(const struct services *services, size_t i);
/* the service of that name, or NULL */
const struct service *services_find(const struct services *services, const char *name);

/**
 * service_file_read() - read one service file
 * @files: where bytes come from
 * @path: the file; nothing but a regular one is read
 * @file_out: to be released with service_file_deinit()
 * @error_out: written for SERVICE_FILE_INVALID alone
 *
 * Return: 0, SERVICE_FILE_INVALID, -ENOENT, or another negative errno.
 */
int service_file_read(const struct config_files *files, const char *path,
		      struct service_file *file_out, struct service_file_error *error_out);
