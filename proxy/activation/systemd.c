/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the bus and systemd say to each other: see systemd.h.
 *
 * These are signals and a call between two that know each other, described in no
 * specification: the driver emits a directed signal where one would expect a call.
 * Messages in and out; nothing here knows who is on the bus.
 */
#include "proxy/activation/systemd.h"

#include <string.h>

#include "driver-emu/synthetic.h"

#define ACTIVATOR_INTERFACE "org.freedesktop.systemd1.Activator"
#define MANAGER_INTERFACE   "org.freedesktop.systemd1.Manager"
#define MANAGER_PATH	    "/org/freedesktop/systemd1"

static void begin(struct wire_writer *writer, enum wire_type type, const char *destination,
		  const char *path, const char *interface, const char *member)
{
	wire_writer_init(writer, type, WIRE_NO_REPLY_EXPECTED, SYNTHETIC_SERIAL);
	wire_put_field_string(writer, WIRE_FIELD_PATH, path);
	wire_put_field_string(writer, WIRE_FIELD_INTERFACE, interface);
	wire_put_field_string(writer, WIRE_FIELD_MEMBER, member);
	wire_put_field_string(writer, WIRE_FIELD_DESTINATION, destination);
	wire_put_field_string(writer, WIRE_FIELD_SENDER, DRIVER_NAME);
}

int systemd_new_request(const char *unit, struct message **message_out)
{
	struct wire_writer writer;

	begin(&writer, WIRE_SIGNAL, SYSTEMD_NAME, DRIVER_PATH, ACTIVATOR_INTERFACE,
	      "ActivationRequest");
	wire_put_body(&writer, "s");
	wire_put_string(&writer, unit);
	return message_new_finish(&writer, message_out);
}

int systemd_new_environment(const char *destination, char *const *assignments, size_t n_assignments,
			    struct message **message_out)
{
	struct wire_writer writer;
	size_t mark;

	begin(&writer, WIRE_CALL, destination, MANAGER_PATH, MANAGER_INTERFACE, "SetEnvironment");
	wire_put_body(&writer, "as");
	mark = wire_put_array(&writer, 4);
	for (size_t i = 0; i < n_assignments; i++)
		wire_put_string(&writer, assignments[i]);
	wire_end_array(&writer, mark, 4);
	return message_new_finish(&writer, message_out);
}

bool systemd_read_failure(const struct message *signal, struct systemd_failure *failure_out)
{
	const char *interface = message_interface(signal), *member = message_member(signal);
	struct systemd_failure failure;
	struct wire_reader reader;

	if (signal->header.type != WIRE_SIGNAL || strcmp(interface, ACTIVATOR_INTERFACE) ||
	    strcmp(member, "ActivationFailure") || strcmp(message_signature(signal), "sss"))
		return false;
	wire_reader_init(&reader, &signal->header, message_body(signal));
	failure.unit = wire_read_string(&reader, NULL);
	failure.error = wire_read_string(&reader, NULL);
	failure.text = wire_read_string(&reader, NULL);
	if (!wire_error_name_is_valid(failure.error, strlen(failure.error)))
		failure.error = driver_error_name(DRIVER_ERROR_FAILED);
	*failure_out = failure;
	return true;
}
