/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.freedesktop.DBus.Peer, of the driver and of the bus as such
 *
 * A call without destination is for the program at the other end of the socket, as
 * between two programs without a bus.  dbus-daemon's library answers such calls by
 * itself, on every path, before Hello as well, whatever flags they have and without
 * SENDER or DESTINATION; some clients ping the bus that way.
 *
 * See the specification, "org.freedesktop.DBus.Peer".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "driver-emu/driver-internal.h"

#define PEER	       DRIVER_INTERFACE ".Peer"
#define INTROSPECTABLE DRIVER_INTERFACE ".Introspectable"
#define NO_MACHINE_ID  "The machine has no machine id"

#define EMPTY_NODE                                                                                 \
	"<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n"       \
	"\"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n"                      \
	"<node>\n</node>\n"

static bool read_machine_id(const char *path, char id_out[33])
{
	__cleanup(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char id[33];

	if (fd < 0 || read(fd, id, sizeof(id)) < 32 || strspn(id, "0123456789abcdefABCDEF") < 32)
		return false;
	memcpy(id_out, id, 32);
	id_out[32] = '\0';
	return true;
}

void driver_peer_init(struct driver *driver)
{
	if (!read_machine_id("/etc/machine-id", driver->machine_id))
		read_machine_id("/var/lib/dbus/machine-id", driver->machine_id);
}

int driver_run_ping(struct driver_call *call)
{
	return driver_ack(call);
}

int driver_run_get_machine_id(struct driver_call *call)
{
	if (!call->driver->machine_id[0])
		return driver_fail(call, DRIVER_ERROR_FAILED, NO_MACHINE_ID);
	return driver_reply_string(call, call->driver->machine_id);
}

static int peer_return(struct driver_answer *answer, const struct message *call, const char *text)
{
	struct wire_writer writer;

	wire_writer_init(&writer, WIRE_RETURN, WIRE_NO_REPLY_EXPECTED, SYNTHETIC_SERIAL);
	wire_put_field_u32(&writer, WIRE_FIELD_REPLY_SERIAL, call->header.serial);
	wire_put_body(&writer, text ? "s" : "");
	if (text)
		wire_put_string(&writer, text);
	return driver_answer_finish(answer, &writer);
}

static int peer_error(struct driver_answer *answer, const struct message *call,
		      enum driver_error error, const char *text)
{
	struct wire_writer writer;

	wire_writer_init(&writer, WIRE_ERROR, WIRE_NO_REPLY_EXPECTED, SYNTHETIC_SERIAL);
	wire_put_field_u32(&writer, WIRE_FIELD_REPLY_SERIAL, call->header.serial);
	wire_put_field_string(&writer, WIRE_FIELD_ERROR_NAME, driver_error_name(error));
	wire_put_body(&writer, "s");
	wire_put_string(&writer, text);
	return driver_answer_finish(answer, &writer);
}

int driver_peer_dispatch(struct driver *driver, const struct message *call,
			 struct driver_answer *answer)
{
	__cleanup(freep) char *text = NULL;
	const char *interface, *member;

	if (call->header.type != WIRE_CALL)
		return 0;
	interface = message_interface(call);
	member = message_member(call);
	if (interface && strcmp(interface, PEER) == 0) {
		if (strcmp(member, "Ping") == 0)
			return peer_return(answer, call, NULL);
		if (strcmp(member, "GetMachineId") == 0) {
			if (!driver->machine_id[0])
				return peer_error(answer, call, DRIVER_ERROR_FAILED, NO_MACHINE_ID);
			return peer_return(answer, call, driver->machine_id);
		}
	}
	if ((!interface || strcmp(interface, INTROSPECTABLE) == 0) &&
	    strcmp(member, "Introspect") == 0)
		return peer_return(answer, call, EMPTY_NODE);

	if (asprintf(&text,
		     "Method \"%s\" with signature \"%s\" on interface \"%s\" doesn't exist\n",
		     member, message_signature(call), interface ?: "(null)") < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return peer_error(answer, call, DRIVER_ERROR_UNKNOWN_METHOD, text);
}
