/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Errors: their names and usual texts, and what an errno of SEND means to a sender
 *
 * Texts are those of dbus-daemon where it has one, as people and tools look for
 * them.  They are for people: no code may depend on one.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>

#include "driver-emu/driver-error.h"

#define NAME(name) "org.freedesktop.DBus.Error." name

static const struct {
	const char *name;
	const char *text;
} errors[_DRIVER_ERROR_MAX] = {
	[DRIVER_ERROR_ACCESS_DENIED] = {NAME("AccessDenied"), "Access denied"},
	[DRIVER_ERROR_ADT_AUDIT_DATA_UNKNOWN] = {NAME("AdtAuditDataUnknown"),
						 "No audit session data"},
	[DRIVER_ERROR_FAILED] = {NAME("Failed"), "Failed"},
	[DRIVER_ERROR_INVALID_ARGS] = {NAME("InvalidArgs"), "Invalid arguments"},
	[DRIVER_ERROR_LIMITS_EXCEEDED] = {NAME("LimitsExceeded"), "A limit of the bus is exceeded"},
	[DRIVER_ERROR_MATCH_RULE_INVALID] = {NAME("MatchRuleInvalid"), "Invalid match rule"},
	[DRIVER_ERROR_MATCH_RULE_NOT_FOUND] = {NAME("MatchRuleNotFound"),
					       "The given match rule wasn't found and can't be "
					       "removed"},
	[DRIVER_ERROR_NAME_HAS_NO_OWNER] = {NAME("NameHasNoOwner"), "The name has no owner"},
	[DRIVER_ERROR_NO_MEMORY] = {NAME("NoMemory"), "Not enough memory"},
	[DRIVER_ERROR_NOT_SUPPORTED] = {NAME("NotSupported"),
					"The receiver cannot take file descriptors"},
	[DRIVER_ERROR_PEER_GONE] = {NAME("NoReply"), "Message recipient disconnected from message "
						     "bus without replying"},
	[DRIVER_ERROR_TIMED_OUT] = {NAME("NoReply"), "Message did not receive a reply (timeout by "
						     "message bus)"},
	[DRIVER_ERROR_PROPERTY_READ_ONLY] = {NAME("PropertyReadOnly"), "Property cannot be set"},
	[DRIVER_ERROR_SELINUX_CONTEXT_UNKNOWN] = {NAME("SELinuxSecurityContextUnknown"),
						  "No SELinux security context"},
	[DRIVER_ERROR_SERVICE_UNKNOWN] = {NAME("ServiceUnknown"), "No such service"},
	[DRIVER_ERROR_SPAWN_CHILD_EXITED] = {NAME("Spawn.ChildExited"), "The service exited"},
	[DRIVER_ERROR_SPAWN_CHILD_SIGNALED] = {NAME("Spawn.ChildSignaled"),
					       "Launched child was signaled, it probably crashed"},
	[DRIVER_ERROR_SPAWN_CONFIG_INVALID] = {NAME("Spawn.ConfigInvalid"),
					       "Invalid configuration (missing or empty <user>?)"},
	[DRIVER_ERROR_SPAWN_EXEC_FAILED] = {NAME("Spawn.ExecFailed"),
					    "Cannot launch daemon, file not found or permissions "
					    "invalid"},
	[DRIVER_ERROR_SPAWN_FAILED_TO_SETUP] = {NAME("Spawn.FailedToSetup"),
						"Failed to setup environment correctly"},
	[DRIVER_ERROR_SPAWN_FILE_INVALID] = {NAME("Spawn.FileInvalid"),
					     "Cannot do system-bus activation with no user\n"},
	[DRIVER_ERROR_SPAWN_FORK_FAILED] = {NAME("Spawn.ForkFailed"), "Failed to fork"},
	[DRIVER_ERROR_SPAWN_PERMISSIONS_INVALID] = {NAME("Spawn.PermissionsInvalid"),
						    "The permission of the setuid helper is not "
						    "correct"},
	[DRIVER_ERROR_SPAWN_SERVICE_NOT_FOUND] = {NAME("Spawn.ServiceNotFound"),
						  "Bus name not found in system service "
						  "directory"},
	[DRIVER_ERROR_SPAWN_SERVICE_NOT_VALID] = {NAME("Spawn.ServiceNotValid"),
						  "Bus name is not valid or missing"},
	[DRIVER_ERROR_START_TIMED_OUT] = {NAME("TimedOut"), "The service did not start in time"},
	[DRIVER_ERROR_UNIX_PROCESS_ID_UNKNOWN] = {NAME("UnixProcessIdUnknown"),
						  "Process id unknown"},
	[DRIVER_ERROR_UNKNOWN_INTERFACE] = {NAME("UnknownInterface"), "No such interface"},
	[DRIVER_ERROR_UNKNOWN_METHOD] = {NAME("UnknownMethod"), "No such method"},
	[DRIVER_ERROR_UNKNOWN_PROPERTY] = {NAME("UnknownProperty"), "No such property"},
};

const char *driver_error_name(enum driver_error error)
{
	assert(error > DRIVER_ERROR_NONE && error < _DRIVER_ERROR_MAX);
	return errors[error].name;
}

const char *driver_error_text(enum driver_error error)
{
	assert(error > DRIVER_ERROR_NONE && error < _DRIVER_ERROR_MAX);
	return errors[error].text;
}

enum driver_error driver_error_from_send(int r, bool no_auto_start)
{
	switch (r) {
	case 0:
	case -EREMCHG:
	case -EBADSLT:
		return DRIVER_ERROR_NONE;
	case -ESRCH:
	case -ENXIO:
		return no_auto_start ? DRIVER_ERROR_NAME_HAS_NO_OWNER
				     : DRIVER_ERROR_SERVICE_UNKNOWN;
	case -EADDRNOTAVAIL:
		return DRIVER_ERROR_NAME_HAS_NO_OWNER;
	case -EPERM:
	case -EACCES:
	case -EEXIST: /* a call with the serial of one that is still pending */
		return DRIVER_ERROR_ACCESS_DENIED;
	case -ENOBUFS:
	case -EXFULL:
	case -EMLINK:
	case -EDQUOT:
	case -EMFILE:
	case -EMSGSIZE:
	case -E2BIG:
		return DRIVER_ERROR_LIMITS_EXCEEDED;
	case -ENOMEM:
		return DRIVER_ERROR_NO_MEMORY;
	case -ECOMM:
	case -EOPNOTSUPP:
	case -ENOTUNIQ: /* descriptors on a broadcast */
		return DRIVER_ERROR_NOT_SUPPORTED;
	case -ECONNRESET:
	case -EPIPE:
		return DRIVER_ERROR_PEER_GONE;
	case -ETIMEDOUT:
		return DRIVER_ERROR_TIMED_OUT;
	default:
		return DRIVER_ERROR_FAILED;
	}
}
