/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A driver on an engine, with a few callers: see driver-util.h */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/driver/driver-util.h"

/* operations */

static struct member *member_of(struct driver_caller *caller)
{
	return container_of(caller, struct member, caller);
}

static const struct creds *ops_caller_creds(void *userdata, const struct driver_caller *caller)
{
	(void)userdata;
	return &container_of(caller, struct member, caller)->creds;
}

static int ops_hello(void *userdata, struct driver_caller *caller)
{
	struct member *member = member_of(caller);
	struct engine_hello hello = {.creds = &member->creds, .userdata = member};
	struct bus *bus = userdata;
	int r;

	if (bus->hello_outcome)
		return bus->hello_outcome;
	r = engine_connect(bus->engine, &hello, &caller->conn);
	if (r)
		return r;
	unique_name_format(engine_conn_id(caller->conn), engine_id_offset(bus->engine),
			   member->unique_name);
	caller->unique_name = member->unique_name;
	return 0;
}

static int ops_pidfd(void *userdata, uint64_t id)
{
	struct bus *bus = userdata;

	return engine_find_conn(bus->engine, id) ? bus->pidfd : -1;
}

static int ops_creds(void *userdata, uint64_t id, const struct creds **creds_out)
{
	struct bus *bus = userdata;

	if (!bus->late_outcome)
		*creds_out = bus->late_creds;
	return bus->late_outcome;
}

static int ops_reload(void *userdata, char **text_out)
{
	struct bus *bus = userdata;

	bus->n_reloads++;
	if (bus->reload_outcome == 1) {
		*text_out = strdup("it is broken");
		return 1;
	}
	return bus->reload_outcome;
}

static int ops_set_environment(void *userdata, const char *name, const char *value)
{
	struct bus *bus = userdata;

	snprintf(bus->environment + strlen(bus->environment),
		 sizeof(bus->environment) - strlen(bus->environment), "%s=%s;", name, value);
	return 0;
}

static int ops_activatable(void *userdata, int (*fn)(void *fn_userdata, const char *name),
			   void *fn_userdata)
{
	struct bus *bus = userdata;

	for (const char *const *name = bus->activatable; name && *name; name++) {
		int r = fn(fn_userdata, *name);

		if (r)
			return r;
	}
	return 0;
}

/* names beginning with "s.": what they are called is how they are */
static int ops_start_service(void *userdata, struct driver_caller *caller, uint32_t serial,
			     const char *name)
{
	struct bus *bus = userdata;

	if (!strcmp(name, "s.running"))
		return DRIVER_START_RUNNING;
	if (!strcmp(name, "s.full"))
		return DRIVER_START_LIMIT;
	if (strcmp(name, "s.idle"))
		return DRIVER_START_UNKNOWN;
	bus->start_serial = serial;
	return 0;
}

static void ops_stats(void *userdata, struct driver_stats *stats_out)
{
	(void)userdata;
	*stats_out = (struct driver_stats){.n_active = 42, .n_incomplete = 7, .peak_names = 9};
}

static void ops_connection_stats(void *userdata, const struct driver_caller *caller,
				 struct driver_connection_stats *stats_out)
{
	(void)userdata;
	(void)caller;
	*stats_out = (struct driver_connection_stats){
		.incoming = {1, 2, 3, 4, 5},
		.outgoing = {6, UINT64_C(1) << 40, 8, 9, 10},
		.n_queued = 11,
		.n_dropped = 12,
	};
}

static int ops_connections(void *userdata,
			   int (*fn)(void *fn_userdata, const struct driver_caller *caller),
			   void *fn_userdata)
{
	struct bus *bus = userdata;

	for (int i = 0; i < BUS_CALLERS; i++) {
		int r = bus->members[i].caller.conn ? fn(fn_userdata, &bus->members[i].caller) : 0;

		if (r)
			return r;
	}
	return 0;
}

static const struct driver_ops ops = {
	.caller_creds = ops_caller_creds,
	.hello = ops_hello,
	.creds = ops_creds,
	.pidfd = ops_pidfd,
	.reload = ops_reload,
	.set_environment = ops_set_environment,
	.activatable = ops_activatable,
	.start_service = ops_start_service,
	.stats = ops_stats,
	.connection_stats = ops_connection_stats,
	.connections = ops_connections,
};

/* the bus */

static bool host_accepts(void *userdata, struct engine_conn *conn,
			 const struct engine_received *received, uint64_t *tag_out)
{
	(void)userdata;
	(void)conn;
	(void)received;
	*tag_out = 0;
	return false;
}

static const struct engine_host host = {.accepts = host_accepts};

static struct bus *new_bus(const char *address, const struct driver_limits *limits, bool strict)
{
	static uint32_t groups[] = {5, 5, 100};
	const struct engine_options options = {.host = &host, .strict = strict};
	struct bus *bus = calloc(1, sizeof(*bus));
	struct driver_options driver_options;

	expect(bus);
	bus->pidfd = -1;
	expect_eq(engine_open(address, &options, &bus->engine), 0);
	expect_eq(match_registry_new(0, &bus->matches), 0);
	driver_options = (struct driver_options){
		.engine = bus->engine,
		.guid = "0123456789abcdef0123456789abcdef",
		.matches = bus->matches,
		.ops = &ops,
		.userdata = bus,
		.limits = limits ? *limits : (struct driver_limits){512, 512, 9},
	};
	expect_eq(driver_new(&driver_options, &bus->driver), 0);
	for (int i = 0; i < BUS_CALLERS; i++) {
		struct member *member = &bus->members[i];

		member->bus = bus;
		member->creds = (struct creds){
			.uid = 1000 + i,
			.gid = 100,
			.pid = strict ? getpid() : 4000 + i,
			.pidfd = -1,
			/* a strict bus takes no groups, nor a process that does not exist */
			.n_groups = strict ? 0 : sizeof(groups) / sizeof(groups[0]),
			.groups = groups,
			.seclabel = "label",
		};
		match_owner_init(&member->caller.matches);
	}
	return bus;
}

struct bus *bus_new(const char *address, const struct driver_limits *limits)
{
	return new_bus(address, limits, false);
}

struct bus *bus_new_strict(const char *address)
{
	return new_bus(address, NULL, true);
}

void bus_free(struct bus *bus)
{
	driver_answer_deinit(&bus->answer);
	for (int i = 0; i < BUS_CALLERS; i++) {
		match_registry_clear(bus->matches, &bus->members[i].caller.matches);
		engine_conn_close(bus->members[i].caller.conn);
	}
	driver_free(bus->driver);
	match_registry_free(bus->matches);
	engine_close(bus->engine);
	free(bus);
}

void bus_drain(struct member *member)
{
	struct engine_received received;

	engine_conn_position(member->caller.conn);
	while (engine_recv(member->caller.conn, &received) == 0)
		engine_received_release(&received);
}

void bus_hello(struct bus *bus, unsigned n_members)
{
	const struct request request = {.member = "Hello"};

	for (unsigned i = 0; i < n_members; i++) {
		expect_eq(bus_dispatch(bus, &bus->members[i], &request), 0);
		expect_eq(bus->answer.n_messages, 2);
	}
	for (unsigned i = 0; i < n_members; i++)
		bus_drain(&bus->members[i]);
}

/* calls */

static void put_field(struct wire_writer *writer, enum wire_field field, const char *text,
		      const char *usual)
{
	if (!text)
		text = usual;
	if (*text)
		wire_put_field_string(writer, field, text);
}

struct message *request_message(const struct request *request)
{
	const char *signature = request->signature ? request->signature : "";
	struct wire_writer writer;
	struct message *message;
	size_t mark;
	int n = 0;

	wire_writer_init(&writer, request->type ? request->type : WIRE_CALL, request->flags, 77);
	put_field(&writer, WIRE_FIELD_DESTINATION, request->destination, DRIVER_NAME);
	put_field(&writer, WIRE_FIELD_PATH, request->path, DRIVER_PATH);
	put_field(&writer, WIRE_FIELD_INTERFACE, request->interface, DRIVER_INTERFACE);
	put_field(&writer, WIRE_FIELD_MEMBER, request->member, "M");
	if (request->type == WIRE_RETURN || request->type == WIRE_ERROR)
		wire_put_field_u32(&writer, WIRE_FIELD_REPLY_SERIAL, 3);
	if (request->type == WIRE_ERROR)
		wire_put_field_string(&writer, WIRE_FIELD_ERROR_NAME, "e.E");
	wire_put_body(&writer, signature);
	for (const char *type = signature; *type; type++, n++) {
		const char *const *texts = request->args[n].texts;

		if (*type == 'u') {
			wire_put_u32(&writer, request->args[n].number);
		} else if (*type == 'v') {
			wire_put_variant(&writer, "u");
			wire_put_u32(&writer, request->args[n].number);
		} else if (strncmp(type, "as", 2) == 0) {
			mark = wire_put_array(&writer, 4);
			for (; texts && *texts; texts++)
				wire_put_string(&writer, *texts);
			wire_end_array(&writer, mark, 4);
			type++;
		} else if (strncmp(type, "a{ss}", 5) == 0) {
			mark = wire_put_array(&writer, 8);
			for (; texts && *texts; texts += 2) {
				wire_put_struct(&writer);
				wire_put_string(&writer, texts[0]);
				wire_put_string(&writer, texts[1]);
			}
			wire_end_array(&writer, mark, 8);
			type += 4;
		} else {
			wire_put_string(&writer, request->args[n].text);
		}
	}
	expect_eq(message_new_finish(&writer, &message), 0);
	return message;
}

int bus_dispatch(struct bus *bus, struct member *member, const struct request *request)
{
	struct message *message = request_message(request);
	int r;

	driver_answer_deinit(&bus->answer);
	r = driver_dispatch(bus->driver, &member->caller, message, &bus->answer);
	message_unref(message);
	return r;
}

/* dumps */

static void dump(FILE *out, struct wire_reader *reader, const char **type)
{
	const char *code = *type, *element, *separator = "";
	unsigned alignment;
	uint32_t end;

	++*type;
	switch (*code) {
	case 'y':
		fprintf(out, "%u", wire_read_byte(reader));
		break;
	case 'b':
		fprintf(out, wire_read_bool(reader) ? "true" : "false");
		break;
	case 'u':
	case 'h':
		fprintf(out, "%u", wire_read_u32(reader));
		break;
	case 't':
		fprintf(out, "%llu", (unsigned long long)wire_read_u64(reader));
		break;
	case 's':
	case 'o':
		fprintf(out, "\"%s\"", wire_read_string(reader, NULL));
		break;
	case 'v':
		element = wire_read_signature(reader, NULL);
		fprintf(out, "%s ", element);
		dump(out, reader, &element);
		break;
	case '{':
		wire_read_struct(reader);
		dump(out, reader, type);
		fprintf(out, ": ");
		dump(out, reader, type);
		++*type;
		break;
	case 'a':
		alignment = **type == '{' ? 8 : **type == 'y' ? 1 : 4;
		end = wire_read_array(reader, alignment);
		fprintf(out, "[");
		element = *type;
		while (reader->at < end && !reader->failed) {
			*type = element;
			fprintf(out, "%s", separator);
			dump(out, reader, type);
			separator = ", ";
		}
		/* an empty array leaves its element type to be skipped */
		*type = element + (*element == '{' ? strcspn(element, "}") + 1 : 1);
		fprintf(out, "]");
		break;
	default:
		fail("type %c is not known here", *code);
	}
}

static void dump_message(FILE *out, const struct message *message)
{
	static const char *const types[] = {"", "call", "return", "error", "signal"};
	const char *signature = message_signature(message);
	struct wire_reader reader;

	expect_eq(wire_body_check(&message->header, message->bytes, message_body(message)),
		  WIRE_OK);
	fprintf(out, "%s", types[message->header.type]);
	if (message_error_name(message))
		fprintf(out, " %s",
			message_error_name(message) + strlen("org.freedesktop.DBus.Error."));
	if (message_member(message))
		fprintf(out, " %s", message_member(message));
	if (message->header.type != WIRE_ERROR && *signature)
		fprintf(out, " %s", signature);
	wire_reader_init(&reader, &message->header, message_body(message));
	while (*signature) {
		fprintf(out, " ");
		dump(out, &reader, &signature);
	}
	expect(!reader.failed);
	expect_eq(reader.at, reader.size);
}

const char *message_dump(const struct message *message)
{
	static char text[16384];
	FILE *out = fmemopen(text, sizeof(text), "w");

	expect(out);
	dump_message(out, message);
	fclose(out);
	return text;
}

/* expectations */

static void check_answer(const struct message *message, const char *destination, bool is_peer,
			 const char *file, int line)
{
	if (!(message->header.flags & WIRE_NO_REPLY_EXPECTED) || !message->header.serial)
		fail_at(file, line, "flags or serial of an answer");
	if (message->header.type == WIRE_RETURN || message->header.type == WIRE_ERROR)
		tap_expect_int(file, line, "reply serial", "77",
			       "==", message->header.reply_serial == 77,
			       message->header.reply_serial, 77);
	tap_expect_str(file, line, "destination", "caller", message_destination(message),
		       is_peer ? NULL : destination);
	tap_expect_str(file, line, "sender", "driver", message_sender(message),
		       is_peer ? NULL : DRIVER_NAME);
}

void expect_request(struct bus *bus, struct member *member, const struct request *request,
		    const char *expected, const char *file, int line)
{
	bool is_peer = request->destination && !*request->destination;
	size_t len = strlen(expected), size;
	char *text = NULL;
	FILE *out;
	int r;

	r = bus_dispatch(bus, member, request);
	if (r)
		fail_at(file, line, "driver_dispatch(%s) = %d", request->member, r);
	out = open_memstream(&text, &size);
	if (!out)
		fail_at(file, line, "out of memory");
	for (unsigned i = 0; i < bus->answer.n_messages; i++) {
		const struct message *message = bus->answer.messages[i];

		check_answer(message, member->caller.unique_name ?: UNIQUE_NAME_NOT_ACTIVE, is_peer,
			     file, line);
		fprintf(out, "%s%s", i ? "; " : "", message_dump(message));
	}
	fclose(out);
	if (len >= 3 && strcmp(expected + len - 3, "...") == 0 &&
	    strncmp(text, expected, len - 3) == 0)
		expected = text;
	tap_expect_str(file, line, request->member ? request->member : "a message", "expected",
		       text, expected);
	free(text);
}

void expect_call(const char *file, int line, struct bus *bus, struct member *member,
		 const char *method, const char *signature, const char *expected, ...)
{
	struct request request = {.member = method, .signature = signature};
	va_list args;

	va_start(args, expected);
	for (int i = 0; signature[i]; i++) {
		if (signature[i] == 'u')
			request.args[i].number = va_arg(args, uint32_t);
		else
			request.args[i].text = va_arg(args, const char *);
	}
	va_end(args);
	expect_request(bus, member, &request, expected, file, line);
}
