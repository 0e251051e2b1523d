/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What monitors and eavesdroppers see of native programs: as much as of others, and each once */
#include <stdlib.h>
#include <string.h>

#include "tests/native/stage.h"

#define CLIENT "com.example.Client"

/* @member NULL: everything */
static struct conn *monitor_new(const struct stage *stage)
{
	struct conn *monitor = conn_new(stage->subject->address);

	expect_return(conn_call(
		monitor, msg_append(msg_call("org.freedesktop.DBus", "/org/freedesktop/DBus",
					     "org.freedesktop.DBus.Monitoring", "BecomeMonitor"),
				    "asu", 0, 0u)));
	return monitor;
}

/* skips what comes before it; it must have no second one up to the call of @end */
static void expect_seen_once(struct conn *monitor, const char *member, uint8_t type,
			     const char *sender)
{
	struct msg *msg = conn_find(monitor, type, member);

	expect_str(msg->sender, sender);
	msg_free(msg);
	for (msg = monitor->inbox; msg; msg = msg->next)
		if (msg->member && !strcmp(msg->member, member))
			fail("%s was seen twice", member);
}

/* the last thing that happens, so that all before it is in the inbox */
static void await_end(struct stage *stage, struct conn *monitor)
{
	struct msg *msg, **link;

	conn_send(stage->client, msg_signal("/", "com.example.Client", "End"));
	msg = conn_find_signal(monitor, "End");
	msg_free(msg);
	for (link = &monitor->inbox; *link; link = &(*link)->next)
		;
}

TEST_TIMEOUT(monitors_see_what_passes_between_native_and_hosted, 60)
{
	struct stage stage;
	struct conn *monitor;
	char *unique;

	stage_open(&stage, NULL);
	unique = name_owner(stage.client, NATIVE);
	monitor = monitor_new(&stage);
	conn_sync(stage.client);
	/* a call, and a signal and a return of the native program */
	add_match(stage.client, "type='signal',member='Said'");
	expect_return(conn_call(stage.client, msg_append(native_call("Signal"), "s", "hello")));
	msg_free(conn_find_signal(stage.client, "Said"));
	await_end(&stage, monitor);
	expect_seen_once(monitor, "Signal", MSG_CALL, stage.client->unique);
	expect_seen_once(monitor, "Said", MSG_SIGNAL, unique);
	conn_drop(monitor);
	/* its calls, and what is answered */
	expect_eq(request_name(stage.client, CLIENT, 0), 1);
	expect_str(native_does(&stage, "Tell", CLIENT, "com.example.Some.Directed"), "sent");
	await_end(&stage, monitor);
	expect_seen_once(monitor, "Directed", MSG_SIGNAL, unique);
	conn_close(monitor);
	free(unique);
	stage_close(&stage);
}

TEST_TIMEOUT(monitors_see_what_passes_between_native_programs, 60)
{
	struct stage stage;
	struct conn *monitor;
	char *unique;

	stage_open(&stage, NULL);
	unique = name_owner(stage.client, NATIVE);
	monitor = monitor_new(&stage);
	/* to itself: neither end is a client */
	expect_str(native_does(&stage, "Tell", NATIVE, "com.example.Some.Native"), "sent");
	expect_str(native_does(&stage, "LieToAll", "", "short"), "sent");
	await_end(&stage, monitor);
	expect_seen_once(monitor, "Native", MSG_SIGNAL, unique);
	conn_close(monitor);
	free(unique);
	stage_close(&stage);
}

/* DIFFERENCES kernel-monitor-refusals */
TEST_TIMEOUT(monitors_see_what_is_refused_when_it_arrives, 60)
{
	/* where the bus is in the kernel the client's side refuses, and knows not what was seen */
	bool has_said = false, is_refused = !strcmp(subject_name(), "kernel");
	struct conn *monitor;
	struct stage stage;
	struct msg *msg;
	char *unique;

	stage_open(&stage, "<policy context='mandatory'>"
			   "  <deny receive_interface='" NATIVE "' receive_member='Said'/>"
			   "</policy>");
	unique = name_owner(stage.client, NATIVE);
	add_match(stage.client, "type='signal',member='Said'");
	monitor = monitor_new(&stage);
	expect_return(conn_call(stage.client, msg_append(native_call("Signal"), "s", "hello")));
	while (!has_said || !is_refused) {
		msg = conn_next(monitor);
		if (msg->type == MSG_ERROR) {
			expect_str(msg->error_name, "org.freedesktop.DBus.Error.AccessDenied");
			expect_str(msg->sender, "org.freedesktop.DBus");
			expect_str(msg->destination, unique);
			expect(has_said && !is_refused);
			is_refused = true;
		}
		has_said |= msg->member && !strcmp(msg->member, "Said");
		msg_free(msg);
	}
	conn_close(monitor);
	free(unique);
	stage_close(&stage);
}

TEST_TIMEOUT(eavesdroppers_see_it_as_well, 60)
{
	struct conn *eavesdropper;
	struct stage stage;
	struct msg *msg;
	char *unique;

	stage_open(&stage, "<policy context='mandatory'>"
			   "  <allow eavesdrop='true'/>"
			   "  <allow send_destination='*' eavesdrop='true'/>"
			   "</policy>");
	unique = name_owner(stage.client, NATIVE);
	eavesdropper = conn_new(stage.subject->address);
	add_match(eavesdropper, "eavesdrop='true',interface='com.example.Some'");
	add_match(eavesdropper, "eavesdrop='true',interface='" NATIVE "',member='Echo'");
	conn_drop(eavesdropper);
	expect_eq(request_name(stage.client, CLIENT, 0), 1);
	expect_str(native_does(&stage, "Tell", CLIENT, "com.example.Some.ToClient"), "sent");
	expect_str(native_does(&stage, "Tell", NATIVE, "com.example.Some.ToNative"), "sent");
	expect_return(conn_call(stage.client, msg_append(native_call("Echo"), "s", "x")));
	msg = conn_next(eavesdropper);
	expect_str(msg->member, "ToClient");
	expect_str(msg->sender, unique);
	msg_free(msg);
	msg = conn_next(eavesdropper);
	expect_str(msg->member, "ToNative");
	msg_free(msg);
	msg = conn_next(eavesdropper);
	expect_str(msg->member, "Echo");
	msg_free(msg);
	expect_quiet(eavesdropper);
	conn_close(eavesdropper);
	free(unique);
	stage_close(&stage);
}
