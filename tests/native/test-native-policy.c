/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The policy between native programs and D-Bus clients: both sides' rules, whoever sends */
#include <stdlib.h>
#include <string.h>

#include "tests/native/stage.h"

#define CLIENT "com.example.Client"

static const char rules[] =
	"<policy context='mandatory'>"
	"  <deny send_interface='com.example.NotSent'/>"
	"  <deny send_destination='" CLIENT "' send_interface='com.example.NotForClient'/>"
	"  <deny send_destination='" NATIVE "' send_interface='com.example.NotForNative'/>"
	"  <deny receive_sender='" NATIVE "' receive_interface='com.example.NotFromNative'/>"
	"  <deny receive_sender='" CLIENT "' receive_interface='com.example.NotFromClient'/>"
	"</policy>";

static void open_with_rules(struct stage *stage)
{
	stage_open(stage, rules);
	expect_eq(request_name(stage->client, CLIENT, 0), 1);
	conn_drop(stage->client);
}

/* The native program calls the client, which answers; what the program says of that. */
static void expect_called(struct stage *stage, const char *method)
{
	struct msg *call, *reply;
	const char *said;
	uint32_t serial;

	serial = conn_send(stage->client, msg_append(native_call("Call"), "ss", CLIENT, method));
	call = conn_find_call(stage->client, strrchr(method, '.') + 1);
	conn_send(stage->client, msg_to(msg_return(call), call->sender));
	reply = conn_reply(stage->client, serial);
	msg_read(reply, "s", &said);
	expect_str(said, "return");
	msg_free(call);
	msg_free(reply);
}

/* Where the bus is in the kernel only the receiving side looks, and a call is answered by it.
 * DIFFERENCES kernel-native-sender */
static const char *refused(bool is_call)
{
	if (strcmp(subject_name(), "kernel"))
		return "EPERM";
	return is_call ? "org.freedesktop.DBus.Error.AccessDenied" : "sent";
}

TEST_TIMEOUT(calls_of_a_native_sender_are_subject_to_both_sides_rules, 60)
{
	struct stage stage;

	open_with_rules(&stage);
	expect_called(&stage, "com.example.Some.Thing");
	expect_str(native_does(&stage, "Call", CLIENT, "com.example.NotSent.Thing"), refused(true));
	expect_str(native_does(&stage, "Call", CLIENT, "com.example.NotForClient.Thing"),
		   refused(true));
	expect_str(native_does(&stage, "Call", CLIENT, "com.example.NotFromNative.Thing"),
		   refused(true));
	/* nothing of that has arrived, and the log names who, what and the rule */
	expect_quiet(stage.client);
	expect_logged(&stage, "Rejected send message");
	expect_logged(&stage, "Rejected receive message");
	expect_logged(&stage, "interface=\"com.example.NotFromNative\"");
	expect_logged(&stage, "comm=\"native-peer\"");
	expect_logged(&stage, "rule=\"");
	expect_called(&stage, "com.example.Some.Thing");
	stage_close(&stage);
}

TEST_TIMEOUT(signals_of_a_native_sender_are_subject_to_both_sides_rules, 60)
{
	struct stage stage;

	open_with_rules(&stage);
	add_match(stage.client, "type='signal',member='Thing'");
	/* who refuses a broadcast refuses it for himself: its sender does not know */
	expect_str(native_does(&stage, "Tell", "", "com.example.NotSent.Thing"), "sent");
	expect_str(native_does(&stage, "Tell", "", "com.example.NotForClient.Thing"), "sent");
	expect_str(native_does(&stage, "Tell", "", "com.example.NotFromNative.Thing"), "sent");
	expect_quiet(stage.client);
	expect_str(native_does(&stage, "Tell", "", "com.example.Some.Thing"), "sent");
	msg_free(conn_find_signal(stage.client, "Thing"));
	expect_str(native_does(&stage, "Tell", CLIENT, "com.example.NotSent.Thing"),
		   refused(false));
	expect_quiet(stage.client);
	stage_close(&stage);
}

TEST_TIMEOUT(calls_to_a_native_receiver_are_subject_to_both_sides_rules, 60)
{
	struct stage stage;
	char *unique;

	open_with_rules(&stage);
	unique = name_owner(stage.client, NATIVE);
	expect_error(conn_call(stage.client, msg_call(NATIVE, "/", "com.example.NotSent", "Thing")),
		     "AccessDenied");
	expect_error(
		conn_call(stage.client, msg_call(NATIVE, "/", "com.example.NotForNative", "Thing")),
		"AccessDenied");
	/* whatever it is called by: it is what it owns */
	expect_error(
		conn_call(stage.client, msg_call(unique, "/", "com.example.NotForNative", "Thing")),
		"AccessDenied");
	expect_error(conn_call(stage.client,
			       msg_call(NATIVE, "/", "com.example.NotFromClient", "Thing")),
		     "AccessDenied");
	expect_logged(&stage, "destination=\"" NATIVE "\" (uid=");
	free(unique);
	stage_close(&stage);
}

/* signals of a client pass by the native program where a rule says so */
TEST_TIMEOUT(signals_to_a_native_receiver_are_subject_to_both_sides_rules, 60)
{
	struct stage stage;
	struct msg *reply;
	const char *heard;
	uint32_t serial;

	open_with_rules(&stage);
	serial = conn_send(stage.client, native_call("Hear"));
	conn_send(stage.client, msg_signal("/", "com.example.NotSent", "First"));
	conn_send(stage.client, msg_signal("/", "com.example.NotForNative", "Second"));
	conn_send(stage.client, msg_signal("/", "com.example.NotFromClient", "Third"));
	conn_send(stage.client, msg_signal("/", "com.example.Some", "Last"));
	reply = conn_reply(stage.client, serial);
	msg_read(reply, "s", &heard);
	/* kdbus itself does not look into messages: DIFFERENCES kernel-native-receiver */
	expect_str(heard, strcmp(subject_name(), "kernel") ? "Last" : "First");
	msg_free(reply);
	stage_close(&stage);
}

/* who answers does not need a rule for it */
TEST_TIMEOUT(replies_pass, 60)
{
	struct stage stage;

	stage_open(&stage, "<policy context='mandatory'>"
			   "  <deny receive_requested_reply='false' receive_type='method_return'/>"
			   "  <deny send_requested_reply='false' send_type='method_return'/>"
			   "</policy>");
	expect_eq(request_name(stage.client, CLIENT, 0), 1);
	expect_called(&stage, "com.example.Some.Thing");
	stage_close(&stage);
}
