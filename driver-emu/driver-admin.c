/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bus as a whole, and what can be started on it
 *
 * What is activatable, how the configuration is read, and what happens to the
 * environment is known to the proxy: see struct driver_ops.
 *
 * See the specification, "Message Bus Messages".
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "driver-emu/driver-internal.h"

/* results of StartServiceByName */
enum {
	START_ALREADY_RUNNING = 2,
};

int driver_run_get_id(struct driver_call *call)
{
	return driver_reply_string(call, call->driver->guid);
}

int driver_run_reload_config(struct driver_call *call)
{
	__cleanup(freep) char *text = NULL;
	struct wire_writer writer;
	int r;

	r = call->driver->ops->reload(call->driver->userdata, &text);
	/* nothing has changed, whatever the reason */
	if (r)
		return driver_fail(call, DRIVER_ERROR_FAILED, "%s",
				   text ?: driver_error_text(DRIVER_ERROR_FAILED));
	/* answered even if no answer is wanted: installers wait for it */
	driver_reply_init(call, &writer);
	return driver_reply_finish(call, &writer);
}

static int for_each_activatable(struct driver_call *call,
				int (*fn)(void *userdata, const char *name), void *userdata)
{
	const struct driver *driver = call->driver;

	if (!driver->ops->activatable)
		return 0;
	return driver->ops->activatable(driver->userdata, fn, userdata);
}

static int put_name(void *userdata, const char *name)
{
	wire_put_string(userdata, name);
	return 0;
}

int driver_run_list_activatable_names(struct driver_call *call)
{
	struct wire_writer writer;
	size_t mark;

	driver_reply_init(call, &writer);
	mark = wire_put_array(&writer, 4);
	wire_put_string(&writer, DRIVER_NAME);
	for_each_activatable(call, put_name, &writer);
	wire_end_array(&writer, mark, 4);
	return driver_reply_finish(call, &writer);
}

static int is_name(void *userdata, const char *name)
{
	return strcmp(userdata, name) == 0;
}

int driver_run_start_service(struct driver_call *call)
{
	__cleanup(driver_record_release) struct driver_record record = {0};
	const char *name = wire_read_string(&call->args, NULL);
	int r = DRIVER_NOT_FOUND;

	/* COMPAT: a name that runs, but could not be started, is unknown here */
	if (for_each_activatable(call, is_name, (void *)name))
		r = driver_look_up(call, name, 0, &record);
	if (r < 0)
		return r;
	if (r == DRIVER_NOT_FOUND)
		return driver_fail(call, DRIVER_ERROR_SERVICE_UNKNOWN,
				   "The name %s was not provided by any .service files", name);
	return driver_reply_u32(call, START_ALREADY_RUNNING);
}

int driver_run_update_environment(struct driver_call *call)
{
	const struct driver *driver = call->driver;
	uint32_t end;
	int r;

	if (!driver->ops->set_environment)
		return driver_fail(call, DRIVER_ERROR_ACCESS_DENIED,
				   "Cannot change the environment of what this bus starts");
	end = wire_read_array(&call->args, 8);
	while (call->args.at < end && !call->args.failed) {
		const char *name, *value;

		wire_read_struct(&call->args);
		name = wire_read_string(&call->args, NULL);
		value = wire_read_string(&call->args, NULL);
		r = driver->ops->set_environment(driver->userdata, name, value);
		if (r)
			return r;
	}
	return driver_ack(call);
}
