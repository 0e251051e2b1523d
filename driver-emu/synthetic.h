/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Synthetic messages: what the bus itself says to its clients
 *
 * Each function returns one message, ready to be sent: sender
 * org.freedesktop.DBus, flag NO_REPLY_EXPECTED, native byte order.  All have the
 * same serial, which is never 0 and answers nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "driver-emu/driver-error.h"
#include "kernel/engine/engine.h"
#include "proxy/message.h"
#include "proxy/unique-name.h"

#define DRIVER_NAME	 "org.freedesktop.DBus"
#define DRIVER_PATH	 "/org/freedesktop/DBus"
#define DRIVER_INTERFACE "org.freedesktop.DBus"

#define SYNTHETIC_SERIAL UINT32_MAX

/* signals of the driver; @destination NULL: no DESTINATION field, one message for all */
int synthetic_name_owner_changed(const char *name, const char *old_owner, const char *new_owner,
				 const char *destination, struct message **message_out);
int synthetic_name_acquired(const char *name, const char *destination,
			    struct message **message_out);
int synthetic_name_lost(const char *name, const char *destination, struct message **message_out);
int synthetic_activatable_services_changed(struct message **message_out);

/**
 * synthetic_error() - an error as answer to a message
 * @reply_serial: serial of what is answered
 * @destination: its sender
 * @error: decides the name
 * @text: for people; NULL: the error's usual text
 */
int synthetic_error(uint32_t reply_serial, const char *destination, enum driver_error error,
		    const char *text, struct message **message_out);
/* the same from @sender, in whose place the bus says it */
int synthetic_error_from(const char *sender, uint32_t reply_serial, const char *destination,
			 enum driver_error error, const char *text, struct message **message_out);
/* the same with an error that somebody else named: a valid error name, and a text */
int synthetic_error_named(uint32_t reply_serial, const char *destination, const char *name,
			  const char *text, struct message **message_out);
/**
 * synthetic_return_init() - begin a method return
 * @signature: of the body; the values are then put by the caller, who ends with
 *	message_new_finish()
 */
void synthetic_return_init(struct wire_writer *writer, uint32_t reply_serial,
			   const char *destination, const char *signature);

/**
 * struct synthetic_change - a notification as D-Bus sees it
 * @name: what changed its owner
 * @old_owner, @new_owner: unique names, "" for nobody
 * @old_id, @new_id: the same as connection ids, 0 for nobody
 */
struct synthetic_change {
	const char *name; /* of the notification, or one of the two below */
	char old_owner[UNIQUE_NAME_SIZE];
	char new_owner[UNIQUE_NAME_SIZE];
	uint64_t old_id;
	uint64_t new_id;
};

/**
 * synthetic_change_init() - translate a notification of the engine
 * @offset: engine_id_offset()
 *
 * An activator and a connection that waits count as nobody.  Holders, activators
 * and monitors come and go unseen.
 *
 * Return: false if D-Bus clients see no change, or it is a REPLY_* notification.
 */
bool synthetic_change_init(struct synthetic_change *change,
			   const struct engine_notification *notification, uint64_t offset);
