/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Errors that the bus answers with
 *
 * The only place that knows their names.
 */
#pragma once

#include <stdbool.h>

enum driver_error {
	DRIVER_ERROR_NONE = 0,
	DRIVER_ERROR_ACCESS_DENIED,
	DRIVER_ERROR_ADT_AUDIT_DATA_UNKNOWN,
	DRIVER_ERROR_FAILED,
	DRIVER_ERROR_INVALID_ARGS,
	DRIVER_ERROR_LIMITS_EXCEEDED,
	DRIVER_ERROR_MATCH_RULE_INVALID,
	DRIVER_ERROR_MATCH_RULE_NOT_FOUND,
	DRIVER_ERROR_NAME_HAS_NO_OWNER,
	DRIVER_ERROR_NO_MEMORY,
	DRIVER_ERROR_NOT_SUPPORTED,
	DRIVER_ERROR_PEER_GONE, /* NoReply: the callee disconnected */
	DRIVER_ERROR_TIMED_OUT, /* NoReply: the configured time passed */
	DRIVER_ERROR_PROPERTY_READ_ONLY,
	DRIVER_ERROR_SELINUX_CONTEXT_UNKNOWN,
	DRIVER_ERROR_SERVICE_UNKNOWN,
	DRIVER_ERROR_SPAWN_CHILD_EXITED,
	DRIVER_ERROR_SPAWN_CHILD_SIGNALED,
	DRIVER_ERROR_SPAWN_CONFIG_INVALID,
	DRIVER_ERROR_SPAWN_EXEC_FAILED,
	DRIVER_ERROR_SPAWN_FAILED_TO_SETUP,
	DRIVER_ERROR_SPAWN_FILE_INVALID,
	DRIVER_ERROR_SPAWN_FORK_FAILED,
	DRIVER_ERROR_SPAWN_PERMISSIONS_INVALID,
	DRIVER_ERROR_SPAWN_SERVICE_NOT_FOUND,
	DRIVER_ERROR_SPAWN_SERVICE_NOT_VALID,
	DRIVER_ERROR_START_TIMED_OUT, /* TimedOut: a service did not own its name in time */
	DRIVER_ERROR_UNIX_PROCESS_ID_UNKNOWN,
	DRIVER_ERROR_UNKNOWN_INTERFACE,
	DRIVER_ERROR_UNKNOWN_METHOD,
	DRIVER_ERROR_UNKNOWN_PROPERTY,
	_DRIVER_ERROR_MAX,
};

/* "org.freedesktop.DBus.Error...." */
const char *driver_error_name(enum driver_error error);

/* what to say when nothing more exact is known */
const char *driver_error_text(enum driver_error error);

/**
 * driver_error_from_send() - what the sender of a message is told
 * @r: negative errno of engine_send(), for its destination or in general
 * @no_auto_start: whether the message said NO_AUTO_START
 *
 * Return: the error; DRIVER_ERROR_NONE for what is to be dropped in silence (a
 * reply that nobody waits for), or tried again (-EREMCHG).
 */
enum driver_error driver_error_from_send(int r, bool no_auto_start);
