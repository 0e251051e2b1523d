/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the bus and systemd say to each other */
#include <string.h>

#include "driver-emu/synthetic.h"
#include "proxy/activation/systemd.h"
#include "tests/harness/tap.h"

TEST(request)
{
	__cleanup(message_unrefp) struct message *message = NULL;
	struct wire_reader reader;

	expect_eq(systemd_new_request("a.service", &message), 0);
	expect_eq(message->header.type, WIRE_SIGNAL);
	expect_str(message_sender(message), DRIVER_NAME);
	expect_str(message_destination(message), SYSTEMD_NAME);
	expect_str(message_path(message), DRIVER_PATH);
	expect_str(message_interface(message), "org.freedesktop.systemd1.Activator");
	expect_str(message_member(message), "ActivationRequest");
	expect_str(message_signature(message), "s");
	wire_reader_init(&reader, &message->header, message_body(message));
	expect_str(wire_read_string(&reader, NULL), "a.service");
}

TEST(environment)
{
	char *const assignments[] = {"A=1", "B="};

	for (size_t n = 0; n <= 2; n++) {
		__cleanup(message_unrefp) struct message *message = NULL;
		struct wire_reader reader;
		uint32_t end;

		expect_eq(systemd_new_environment(":1.7", assignments, n, &message), 0);
		expect_eq(message->header.type, WIRE_CALL);
		expect_eq(message->header.flags, WIRE_NO_REPLY_EXPECTED);
		expect_str(message_destination(message), ":1.7");
		expect_str(message_member(message), "SetEnvironment");
		expect_str(message_signature(message), "as");
		wire_reader_init(&reader, &message->header, message_body(message));
		end = wire_read_array(&reader, 4);
		for (size_t i = 0; i < n; i++)
			expect_str(wire_read_string(&reader, NULL), assignments[i]);
		expect_eq(reader.at, end);
	}
}

/* a signal with these parts and three strings, of which the second is @error */
static struct message *make(enum wire_type type, const char *interface, const char *member,
			    const char *signature, const char *error)
{
	struct wire_writer writer;
	struct message *message;

	wire_writer_init(&writer, type, 0, 1);
	wire_put_field_string(&writer, WIRE_FIELD_PATH, "/a");
	wire_put_field_string(&writer, WIRE_FIELD_INTERFACE, interface);
	wire_put_field_string(&writer, WIRE_FIELD_MEMBER, member);
	wire_put_body(&writer, signature);
	for (size_t i = 0; signature[i]; i++)
		wire_put_string(&writer, i == 0 ? "a.service" : i == 1 ? error : "text");
	expect_eq(message_new_finish(&writer, &message), 0);
	return message;
}

static const struct {
	enum wire_type type;
	const char *interface, *member, *signature, *error;
	const char *expected; /* NULL: it is none */
} failures[] = {
#define ACTIVATOR "org.freedesktop.systemd1.Activator"
#define FAILURE	  "ActivationFailure"
	{WIRE_SIGNAL, ACTIVATOR, FAILURE, "sss", "a.b.Failed", "a.b.Failed"},
	{WIRE_SIGNAL, ACTIVATOR, FAILURE, "sss", "bad name", "org.freedesktop.DBus.Error.Failed"},
	{WIRE_SIGNAL, ACTIVATOR, FAILURE, "sss", "", "org.freedesktop.DBus.Error.Failed"},
	{WIRE_CALL, ACTIVATOR, FAILURE, "sss", "a.b.Failed", NULL},
	{WIRE_SIGNAL, "a.b", FAILURE, "sss", "a.b.Failed", NULL},
	{WIRE_SIGNAL, ACTIVATOR, "ActivationRequest", "sss", "a.b.Failed", NULL},
	{WIRE_SIGNAL, ACTIVATOR, FAILURE, "ss", "a.b.Failed", NULL},
	{WIRE_SIGNAL, ACTIVATOR, FAILURE, "ssss", "a.b.Failed", NULL},
	{WIRE_SIGNAL, ACTIVATOR, FAILURE, "", "a.b.Failed", NULL},
};

TEST(failure)
{
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		__cleanup(message_unrefp) struct message *message =
			make(failures[i].type, failures[i].interface, failures[i].member,
			     failures[i].signature, failures[i].error);
		struct systemd_failure failure = {0};

		expect_eq(systemd_read_failure(message, &failure), !!failures[i].expected);
		expect_str(failure.error, failures[i].expected);
		if (!failures[i].expected)
			continue;
		expect_str(failure.unit, "a.service");
		expect_str(failure.text, "text");
	}
}
