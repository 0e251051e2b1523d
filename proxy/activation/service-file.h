/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Service files: one, from its bytes */
#pragma once

#include <stddef.h>

#include "proxy/base/cleanup.h"

/* a file may have so many bytes, as dbus-daemon's limit has it */
#define SERVICE_FILE_MAX_SIZE (128 * 1024)

/**
 * struct service_file - what a service file says
 * @name: a well-known bus name
 * @exec: the command line, to be split by service_exec_split(); may be empty
 * @user: whom to run it as, or NULL
 * @systemd_service: the unit that provides the name, or NULL
 * @apparmor_label: AssumedAppArmorLabel, or NULL
 * @name_line, @exec_line: where it says so
 */
struct service_file {
	char *name;
	char *exec;
	char *user;
	char *systemd_service;
	char *apparmor_label;
	unsigned name_line;
	unsigned exec_line;
};

/**
 * struct service_file_error - why a file is no service file
 * @line: 0: the file as a whole
 * @text: a constant
 */
struct service_file_error {
	unsigned line;
	const char *text;
};

/* outcomes */
enum {
	SERVICE_FILE_INVALID = 1,
};

/**
 * service_file_parse() - read a service file
 * @bytes: any bytes, @size of them
 * @file_out: to be released with service_file_deinit()
 * @error_out: written for SERVICE_FILE_INVALID alone
 *
 * Specification, section "Message Bus Starting Services".
 *
 * Return: 0, SERVICE_FILE_INVALID, or -ENOMEM.
 */
int service_file_parse(const char *bytes, size_t size, struct service_file *file_out,
		       struct service_file_error *error_out);
/* idempotent */
void service_file_deinit(struct service_file *file);
