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

static int put_name(void *userdata, const char *name)
{
	wire_put_string(userdata, name);
	return 0;
}

int driver_run_list_activatable_names(struct driver_call *call)
{
	const struct driver *driver = call->driver;
	struct wire_writer writer;
	size_t mark;
	int r;

	driver_reply_init(call, &writer);
	mark = wire_put_array(&writer, 4);
	wire_put_string(&writer, DRIVER_NAME);
	if (driver->ops->activatable)
		r = driver->ops->activatable(driver->userdata, put_name, &writer);
	else
		r = driver_list_activators(call, put_name, &writer);
	if (r) {
		wire_writer_deinit(&writer);
		return r;
	}
	wire_end_array(&writer, mark, 4);
	return driver_reply_finish(call, &writer);
}

int driver_run_start_service(struct driver_call *call)
{
	const char *name = wire_read_string(&call->args, NULL);
	const struct driver *driver = call->driver;
	int r;

	r = driver->ops->start_service(driver->userdata, call->caller, call->message->header.serial,
				       name);
	switch (r) {
	case DRIVER_START_RUNNING:
		return driver_reply_u32(call, START_ALREADY_RUNNING);
	case DRIVER_START_UNKNOWN:
		/* COMPAT: so is a name that runs, but could not be started */
		return driver_fail(call, DRIVER_ERROR_SERVICE_UNKNOWN,
				   "The name %s was not provided by any .service files", name);
	case DRIVER_START_LIMIT:
		return driver_fail(call, DRIVER_ERROR_LIMITS_EXCEEDED, DRIVER_TOO_MANY_STARTS, name,
				   driver->limits.n_starts);
	default:
		return r;
	}
}

int driver_run_update_environment(struct driver_call *call)
{
	const struct driver *driver = call->driver;
	uint32_t end;
	int r;

	if (driver->flags & DRIVER_FIXED_ENVIRONMENT)
		return driver_fail(call, DRIVER_ERROR_ACCESS_DENIED,
				   "Cannot change activation environment on a system bus.");
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
	if (driver->ops->environment_changed) {
		r = driver->ops->environment_changed(driver->userdata);
		if (r)
			return r;
	}
	return driver_ack(call);
}
