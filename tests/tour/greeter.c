/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* greeter - the service of the tour
 *
 * An ordinary D-Bus service on sd-bus, such as anybody would write: it owns
 * org.example.Greeter and has a method, a signal and a property.  It knows
 * nothing of bus-proxyd.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>

static uint32_t n_greetings;

static int greet(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	char text[256];
	const char *name;
	int r;

	r = sd_bus_message_read(call, "s", &name);
	if (r < 0)
		return r;
	if (!*name)
		return sd_bus_error_set(error, "org.example.Greeter.Nobody", "Whom?");
	n_greetings++;
	snprintf(text, sizeof(text), "Hello, %s!", name);
	r = sd_bus_emit_signal(sd_bus_message_get_bus(call), "/org/example/Greeter",
			       "org.example.Greeter", "Greeted", "s", name);
	if (r < 0)
		return r;
	return sd_bus_reply_method_return(call, "s", text);
}

static const sd_bus_vtable greeter_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD_WITH_ARGS("Greet", SD_BUS_ARGS("s", name), SD_BUS_RESULT("s", greeting),
				greet, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_SIGNAL_WITH_ARGS("Greeted", SD_BUS_ARGS("s", name), 0),
	SD_BUS_PROPERTY("Greetings", "u", NULL, 0, 0),
	SD_BUS_VTABLE_END,
};

int main(void)
{
	sd_bus *bus = NULL;
	int r;

	r = sd_bus_open_user(&bus);
	if (r >= 0)
		r = sd_bus_add_object_vtable(bus, NULL, "/org/example/Greeter",
					     "org.example.Greeter", greeter_vtable, &n_greetings);
	if (r >= 0)
		r = sd_bus_request_name(bus, "org.example.Greeter", 0);
	while (r >= 0) {
		r = sd_bus_process(bus, NULL);
		if (!r)
			r = sd_bus_wait(bus, UINT64_MAX);
	}
	sd_bus_unref(bus);
	if (r == -ECONNRESET || r == -ENOTCONN) /* the bus has gone, and so do we */
		return 0;
	fprintf(stderr, "greeter: %s\n", strerror(-r));
	return 1;
}
