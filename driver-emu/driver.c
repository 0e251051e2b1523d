/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Driver: from a message to the method that it calls
 *
 * What is checked, in this order:
 *
 *	no destination		the Peer object of the bus, see driver-peer.c
 *	type			unknown ones are refused; before Hello so is whatever is
 *				not Hello; afterwards signals, returns and errors are ignored
 *	interface, path, method	section "canonical path" of the tables
 *	privilege		for the methods that need one
 *	signature		of the whole body
 *
 * A method that has no effect and runs out of memory is answered NoMemory.  When one
 * that has effects does, nobody can tell the caller whether it had: the negative errno
 * goes up, and the caller is disconnected.
 *
 * See the specification, "Message Bus Messages", and dbus-daemon for the texts.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver-emu/driver-internal.h"

/* answers */

void driver_answer_deinit(struct driver_answer *answer)
{
	while (answer->n_messages)
		message_unref(answer->messages[--answer->n_messages]);
	while (answer->n_rules)
		match_rule_free(answer->rules[--answer->n_rules]);
	free(answer->rules);
	*answer = (struct driver_answer)DRIVER_ANSWER_NULL;
}

void driver_answer_add(struct driver_answer *answer, struct message *message)
{
	answer->messages[answer->n_messages++] = message;
}

const char *driver_caller_name(const struct driver_caller *caller)
{
	return caller->unique_name ?: UNIQUE_NAME_NOT_ACTIVE;
}

const struct creds *driver_caller_creds(const struct driver_call *call)
{
	return call->driver->ops->caller_creds(call->driver->userdata, call->caller);
}

void driver_reply_init(struct driver_call *call, struct wire_writer *writer)
{
	synthetic_return_init(writer, call->message->header.serial,
			      driver_caller_name(call->caller), call->method->out);
}

int driver_answer_finish(struct driver_answer *answer, struct wire_writer *writer)
{
	struct message *message;
	int r;

	r = message_new_finish(writer, &message);
	if (r)
		return r;
	driver_answer_add(answer, message);
	return 0;
}

int driver_reply_finish(struct driver_call *call, struct wire_writer *writer)
{
	return driver_answer_finish(call->answer, writer);
}

int driver_reply_string(struct driver_call *call, const char *text)
{
	struct wire_writer writer;

	driver_reply_init(call, &writer);
	wire_put_string(&writer, text);
	return driver_reply_finish(call, &writer);
}

int driver_reply_u32(struct driver_call *call, uint32_t value)
{
	struct wire_writer writer;

	driver_reply_init(call, &writer);
	wire_put_u32(&writer, value);
	return driver_reply_finish(call, &writer);
}

int driver_reply_bool(struct driver_call *call, bool value)
{
	struct wire_writer writer;

	driver_reply_init(call, &writer);
	wire_put_bool(&writer, value);
	return driver_reply_finish(call, &writer);
}

int driver_ack(struct driver_call *call)
{
	struct wire_writer writer;

	if (call->message->header.flags & WIRE_NO_REPLY_EXPECTED)
		return 0;
	driver_reply_init(call, &writer);
	return driver_reply_finish(call, &writer);
}

int driver_fail(struct driver_call *call, enum driver_error error, const char *format, ...)
{
	__cleanup(freep) char *text = NULL;
	struct message *message;
	va_list args;
	int r;

	va_start(args, format);
	r = vasprintf(&text, format, args);
	va_end(args);
	if (r < 0) {
		text = NULL;
		return -ENOMEM;
	}
	r = synthetic_error(call->message->header.serial, driver_caller_name(call->caller), error,
			    text, &message);
	if (r)
		return r;
	driver_answer_add(call->answer, message);
	return 0;
}

int driver_refuse(struct driver_call *call)
{
	const struct driver_caller *caller = call->caller;
	const struct creds *creds = driver_caller_creds(call);
	char comm[CREDS_MAX_COMM];

	creds_read_comm(creds, comm);
	return driver_fail(call, DRIVER_ERROR_ACCESS_DENIED,
			   "rejected attempt to call %s by connection %s (uid=%d pid=%d "
			   "comm=\"%s\") with uid %d",
			   call->method->name, driver_caller_name(caller), (int)creds->uid,
			   (int)creds->pid, comm, (int)creds->uid);
}

void driver_put_key(struct wire_writer *writer, const char *key, const char *signature)
{
	wire_put_struct(writer);
	wire_put_string(writer, key);
	wire_put_variant(writer, signature);
}

/* look-ups */

int driver_look_up(struct driver_call *call, const char *name, uint64_t attach_flags,
		   struct driver_record *record_out)
{
	struct engine_conn *conn = call->caller->conn;
	union {
		struct kdbus_cmd_info info;
		uint8_t room[sizeof(struct kdbus_cmd_info) + 16 + WIRE_MAX_NAME + 1];
	} cmd;
	struct driver_record record = {.conn = conn};
	size_t len = strlen(name);
	int r;

	if (strcmp(name, DRIVER_NAME) == 0) {
		*record_out = (struct driver_record){.is_driver = true};
		return 0;
	}
	cmd.info = (struct kdbus_cmd_info){
		.size = sizeof(cmd.info),
		.attach_flags = attach_flags,
	};
	if (name[0] == ':') {
		uint64_t id;

		if (!unique_name_parse(name, call->driver->id_offset, &id))
			return DRIVER_NOT_FOUND;
		cmd.info.id = id;
	} else {
		if (!wire_well_known_name_is_valid(name, len))
			return DRIVER_NOT_FOUND;
		cmd.info.items[0].size = 16 + len + 1;
		cmd.info.items[0].type = KDBUS_ITEM_NAME;
		memcpy(cmd.info.items[0].str, name, len + 1);
		cmd.info.size += cmd.info.items[0].size;
	}

	r = engine_command(conn, KDBUS_CMD_CONN_INFO, &cmd.info);
	if (r == -ESRCH || r == -ENXIO)
		return DRIVER_NOT_FOUND;
	if (r)
		return r;
	record.offset = cmd.info.offset;
	record.info = engine_slice(conn, cmd.info.offset);
	record.id = record.info->id;
	if (record.info->flags & ENGINE_NO_PEER) {
		driver_record_release(&record);
		return DRIVER_NOT_FOUND;
	}
	*record_out = record;
	return 0;
}

int driver_look_up_argument(struct driver_call *call, uint64_t attach_flags, const char *what,
			    const char **name_out, struct driver_record *record_out)
{
	const char *name = wire_read_string(&call->args, NULL);
	int r;

	*name_out = name;
	r = driver_look_up(call, name, attach_flags, record_out);
	if (r != DRIVER_NOT_FOUND)
		return r;
	r = driver_fail(call, DRIVER_ERROR_NAME_HAS_NO_OWNER,
			"Could not get %s of name '%s': no such name", what, name);
	return r ? r : DRIVER_NOT_FOUND;
}

void driver_record_release(struct driver_record *record)
{
	if (record->info)
		engine_slice_free(record->conn, record->offset);
	record->info = NULL;
}

/* dispatch */

static const struct driver_method *find_method(const struct driver_interface *interface,
					       const char *name)
{
	for (const struct driver_method *method = interface->methods; method->name; method++)
		if (strcmp(method->name, name) == 0)
			return method;
	return NULL;
}

/* finds call->method, or says what is wrong */
static enum driver_error resolve_method(struct driver_call *call)
{
	const char *name = message_interface(call->message),
		   *member = message_member(call->message);
	bool is_canonical = strcmp(message_path(call->message), DRIVER_PATH) == 0;
	bool is_known = false;

	for (const struct driver_interface *interface = driver_interfaces; interface->name;
	     interface++) {
		if (interface->is_canonical && !is_canonical)
			continue;
		if (name && strcmp(interface->name, name) != 0)
			continue;
		is_known = true;
		call->method = find_method(interface, member);
		if (call->method)
			return DRIVER_ERROR_NONE;
	}
	return is_known ? DRIVER_ERROR_UNKNOWN_METHOD : DRIVER_ERROR_UNKNOWN_INTERFACE;
}

static int forward(struct driver_call *call)
{
	const struct driver *driver = call->driver;
	enum driver_error error;
	int r;

	r = driver->ops->forward(driver->userdata, call->caller, call->message);
	if (!r || r == -ENOMEM)
		return r;
	error = driver_error_from_send(r, true) ?: DRIVER_ERROR_FAILED;
	return driver_fail(call, error, "%s", driver_error_text(error));
}

static int call_method(struct driver_call *call)
{
	const char *signature = message_signature(call->message);
	const struct driver_caller *caller = call->caller;
	const struct driver_method *method = call->method;

	if ((method->flags & DRIVER_METHOD_CANONICAL) &&
	    strcmp(message_path(call->message), DRIVER_PATH) != 0)
		return driver_fail(call, DRIVER_ERROR_ACCESS_DENIED,
				   "Method '%s' is only available at the canonical object path "
				   "'" DRIVER_PATH "'",
				   method->name);
	if ((method->flags & DRIVER_METHOD_PRIVILEGED) &&
	    !(caller->flags & DRIVER_CALLER_PRIVILEGED))
		return driver_refuse(call);
	if ((caller->flags & DRIVER_CALLER_ELSEWHERE) && !(method->flags & DRIVER_METHOD_OWNER))
		return driver_fail(call, DRIVER_ERROR_NOT_SUPPORTED,
				   "%s is not for the owner of the bus to answer", method->name);
	if (strcmp(signature, method->in) != 0)
		return driver_fail(call, DRIVER_ERROR_INVALID_ARGS,
				   "Call to %s has wrong args (%s, expected %s)\n", method->name,
				   signature, method->in);
	if (call->driver->ops->forward && (method->flags & DRIVER_METHOD_OWNER))
		return forward(call);
	wire_reader_init(&call->args, &call->message->header, message_body(call->message));
	return method->run(call);
}

static int dispatch_call(struct driver_call *call)
{
	enum driver_error error = resolve_method(call);

	if (!call->caller->conn && (error || !(call->method->flags & DRIVER_METHOD_EARLY)))
		return driver_fail(call, DRIVER_ERROR_ACCESS_DENIED,
				   "Client tried to send a message other than Hello without being "
				   "registered");
	if (error)
		return driver_fail(call, error, "%s does not understand message %s", DRIVER_NAME,
				   message_member(call->message));
	return call_method(call);
}

static int dispatch(struct driver_call *call)
{
	switch (call->message->header.type) {
	case WIRE_CALL:
		return dispatch_call(call);
	case WIRE_RETURN:
	case WIRE_ERROR:
	case WIRE_SIGNAL:
		if (call->caller->conn)
			return 0;
		return driver_fail(call, DRIVER_ERROR_ACCESS_DENIED,
				   "Client tried to send a message other than Hello without being "
				   "registered");
	default:
		return driver_fail(call, DRIVER_ERROR_ACCESS_DENIED,
				   "Message bus will not accept messages of unknown type\n");
	}
}

int driver_dispatch(struct driver *driver, struct driver_caller *caller,
		    const struct message *message, struct driver_answer *answer_out)
{
	__cleanup(driver_answer_deinit) struct driver_answer answer = DRIVER_ANSWER_NULL;
	struct driver_call call = {
		.driver = driver,
		.caller = caller,
		.message = message,
		.answer = &answer,
	};
	int r;

	if (!message->header.destination.at)
		r = driver_peer_dispatch(driver, message, &answer);
	else
		r = dispatch(&call);
	if (r == -ENOMEM && !(call.method && call.method->flags & DRIVER_METHOD_EFFECT)) {
		driver_answer_deinit(&answer);
		r = synthetic_error(message->header.serial, driver_caller_name(caller),
				    DRIVER_ERROR_NO_MEMORY, NULL, &answer.messages[0]);
		if (!r)
			answer.n_messages = 1;
	}
	if (r)
		return r;
	*answer_out = answer;
	answer = (struct driver_answer)DRIVER_ANSWER_NULL;
	return 0;
}

/* drivers */

int driver_new(const struct driver_options *options, struct driver **driver_out)
{
	struct driver *driver;
	int r;

	driver = calloc(1, sizeof(*driver));
	if (!driver)
		return -ENOMEM;
	driver->flags = options->flags;
	driver->engine = options->engine;
	driver->matches = options->matches;
	driver->ops = options->ops;
	driver->userdata = options->userdata;
	driver->limits = options->limits;
	driver->id_offset = engine_id_offset(options->engine);
	snprintf(driver->guid, sizeof(driver->guid), "%s", options->guid);
	driver_peer_init(driver);
	r = driver_creds_init(driver);
	if (r) {
		driver_free(driver);
		return r;
	}
	*driver_out = driver;
	return 0;
}

struct driver *driver_free(struct driver *driver)
{
	if (driver) {
		free(driver->groups);
		free(driver);
	}
	return NULL;
}

void driver_set_limits(struct driver *driver, const struct driver_limits *limits)
{
	driver->limits = *limits;
}
