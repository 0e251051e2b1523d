/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Launch helper: how it ends when it could not start the service
 *
 * The numbers are those of dbus-daemon-launch-helper, so that either bus can use
 * either helper.  The bus answers with the errors org.freedesktop.DBus.Error.* that are
 * named here, most of them of the group Spawn.
 */
#pragma once

enum launch_exit {
	LAUNCH_EXIT_FAILED = 1,	     /* ChildExited: the file has no User; anything else */
	LAUNCH_EXIT_NO_MEMORY = 2,   /* NoMemory */
	LAUNCH_EXIT_CONFIG = 3,	     /* ConfigInvalid: the configuration cannot be read */
	LAUNCH_EXIT_SETUP = 4,	     /* FailedToSetup: no such user, or it cannot become it */
	LAUNCH_EXIT_NAME = 5,	     /* ServiceNotValid: not a bus name */
	LAUNCH_EXIT_NOT_FOUND = 6,   /* ServiceNotFound: no NAME.service */
	LAUNCH_EXIT_PERMISSIONS = 7, /* PermissionsInvalid: not setuid, or not run by <user> */
	LAUNCH_EXIT_FILE = 8,	     /* PermissionsInvalid, too: NAME.service cannot be used */
	LAUNCH_EXIT_EXEC = 9,	     /* ExecFailed */
	LAUNCH_EXIT_ARGUMENTS = 10,  /* InvalidArgs: Exec cannot be split */
	LAUNCH_EXIT_SIGNALED = 11,   /* ChildSignaled; not used by ours, which is the service */
};
