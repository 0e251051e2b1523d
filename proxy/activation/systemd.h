/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the bus and systemd say to each other
 *
 * Started with --systemd-activation, the bus asks systemd to start the unit that a
 * service file names, and hears from it when that fails.
 */
#pragma once

#include <stdbool.h>

#include "proxy/message.h"

#define SYSTEMD_NAME "org.freedesktop.systemd1"

/* ActivationRequest: the unit shall be started; 0 or a negative errno */
int systemd_new_request(const char *unit, struct message **message_out);

/* SetEnvironment, to @destination: @assignments are "NAME=value"; 0 or a negative errno */
int systemd_new_environment(const char *destination, char *const *assignments, size_t n_assignments,
			    struct message **message_out);

/**
 * struct systemd_failure - what ActivationFailure says
 * @unit: that could not be started
 * @error: name of the error for those who wait; valid
 * @text: for people
 *
 * Valid as long as the message.
 */
struct systemd_failure {
	const char *unit;
	const char *error;
	const char *text;
};

/* whether a signal is one; who may say so is for the caller to check */
bool systemd_read_failure(const struct message *signal, struct systemd_failure *failure_out);
