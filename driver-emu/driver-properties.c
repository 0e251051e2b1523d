/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Properties of the driver: what this bus can do
 *
 * All are constant.  Features names only what is true: when other names can be started
 * there is a signal; header fields that are not known are removed before anybody sees
 * them.
 *
 * See the specification, "org.freedesktop.DBus.Properties" and "Message Bus
 * Properties".
 */
#include <string.h>

#include "driver-emu/driver-internal.h"

static void put_strings(struct wire_writer *writer, const char *const *strings, size_t n)
{
	size_t mark = wire_put_array(writer, 4);

	for (size_t i = 0; i < n; i++)
		wire_put_string(writer, strings[i]);
	wire_end_array(writer, mark, 4);
}

void driver_put_features(struct driver *driver, struct wire_writer *writer)
{
	static const char *const features[] = {
		"ActivatableServicesChanged", "HeaderFiltering",
		"SystemdActivation", /* the last one */
	};
	bool has_systemd = driver->flags & DRIVER_SYSTEMD_ACTIVATION;

	put_strings(writer, features, sizeof(features) / sizeof(features[0]) - !has_systemd);
}

void driver_put_interfaces(struct driver *driver, struct wire_writer *writer)
{
	size_t mark = wire_put_array(writer, 4);

	(void)driver;
	for (const struct driver_interface *interface = driver_interfaces; interface->name;
	     interface++)
		if (interface->is_advertised)
			wire_put_string(writer, interface->name);
	wire_end_array(writer, mark, 4);
}

static int fail_interface(struct driver_call *call, const char *name)
{
	return driver_fail(call, DRIVER_ERROR_UNKNOWN_INTERFACE, "Interface \"%s\" not found",
			   name);
}

/* the property that the first two arguments name; NULL when there is none and the call has
 * been answered */
static int find_property(struct driver_call *call, const struct driver_property **property_out)
{
	const char *interface_name = wire_read_string(&call->args, NULL);
	const char *name = wire_read_string(&call->args, NULL);
	const struct driver_interface *interface = driver_find_interface(interface_name);

	*property_out = NULL;
	if (!interface)
		return fail_interface(call, interface_name);
	for (const struct driver_property *property = interface->properties;
	     property && property->name; property++) {
		if (strcmp(property->name, name) == 0) {
			*property_out = property;
			return 0;
		}
	}
	return driver_fail(call, DRIVER_ERROR_UNKNOWN_PROPERTY, "Property \"%s.%s\" not found",
			   interface_name, name);
}

int driver_run_get_property(struct driver_call *call)
{
	const struct driver_property *property;
	struct wire_writer writer;
	int r;

	r = find_property(call, &property);
	if (!property)
		return r;
	driver_reply_init(call, &writer);
	wire_put_variant(&writer, property->signature);
	property->put(call->driver, &writer);
	return driver_reply_finish(call, &writer);
}

int driver_run_get_all_properties(struct driver_call *call)
{
	const char *name = wire_read_string(&call->args, NULL);
	const struct driver_interface *interface = driver_find_interface(name);
	struct wire_writer writer;
	size_t mark;

	if (!interface)
		return fail_interface(call, name);
	driver_reply_init(call, &writer);
	mark = wire_put_array(&writer, 8);
	for (const struct driver_property *property = interface->properties;
	     property && property->name; property++) {
		driver_put_key(&writer, property->name, property->signature);
		property->put(call->driver, &writer);
	}
	wire_end_array(&writer, mark, 8);
	return driver_reply_finish(call, &writer);
}

int driver_run_set_property(struct driver_call *call)
{
	const struct driver_property *property;
	int r;

	r = find_property(call, &property);
	if (!property)
		return r;
	return driver_fail(call, DRIVER_ERROR_PROPERTY_READ_ONLY,
			   "Property '" DRIVER_INTERFACE ".%s' cannot be set", property->name);
}
