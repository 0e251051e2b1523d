/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs written for kdbusfs, beside D-Bus clients on the same bus
 *
 * native-peer.c is such a program; here are its clients, who know D-Bus alone.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/native/stage.h"

/* calls it with a text, which it is to answer with */
static void expect_echo(struct stage *stage, const char *member, const char *text)
{
	struct msg *reply;
	const char *echo;

	reply = conn_call(stage->client, msg_append(native_call(member), "s", text));
	expect_eq(reply->type, MSG_RETURN);
	msg_read(reply, "s", &echo);
	expect_str(echo, text);
	msg_free(reply);
}

TEST_TIMEOUT(calls_pass_in_both_directions, 60)
{
	struct stage stage;
	struct msg *call, *reply;
	const char *who;
	uint32_t serial;

	stage_open(&stage, NULL);
	expect_echo(&stage, "Echo", "hello");
	serial = conn_send(stage.client, native_call("CallBack"));
	call = conn_find_call(stage.client, "Who");
	conn_send(stage.client,
		  msg_append(msg_to(msg_return(call), call->sender), "s", "a client"));
	reply = conn_reply(stage.client, serial);
	msg_read(reply, "s", &who);
	expect_str(who, "a client");
	expect_str(reply->sender, call->sender);
	msg_free(call);
	msg_free(reply);
	stage_close(&stage);
}

TEST_TIMEOUT(a_payload_may_be_a_memory_file, 60)
{
	struct stage stage;
	char *text = malloc(300001);

	stage_open(&stage, NULL);
	expect_echo(&stage, "EchoInFile", "from a file");
	memset(text, 'x', 300000);
	text[300000] = '\0';
	expect_echo(&stage, "EchoInFile", text);
	expect_echo(&stage, "Echo", text);
	free(text);
	stage_close(&stage);
}

TEST_TIMEOUT(a_handle_is_inherited, 60)
{
	struct stage stage;

	stage_open(&stage, NULL);
	expect_echo(&stage, "EchoFromChild", "one");
	expect_echo(&stage, "EchoFromChild", "two");
	expect_echo(&stage, "Echo", "three");
	stage_close(&stage);
}

TEST_TIMEOUT(it_hears_signals_of_clients, 60)
{
	struct stage stage;
	struct msg *reply;
	const char *text;
	uint32_t serial;

	stage_open(&stage, NULL);
	serial = conn_send(stage.client, native_call("Hear"));
	conn_send(stage.client, msg_signal("/", "com.example.Client", "Hello"));
	reply = conn_reply(stage.client, serial);
	msg_read(reply, "s", &text);
	expect_str(text, "Hello");
	msg_free(reply);
	stage_close(&stage);
}

static bool is_listed(struct stage *stage, const char *name)
{
	struct msg *reply = conn_call(stage->client, driver_msg("ListNames"));
	bool is_there = false;
	const char **names;
	size_t n;

	names = msg_read_strings(reply, &n);
	for (size_t i = 0; i < n; i++)
		is_there |= !strcmp(names[i], name);
	free(names);
	msg_free(reply);
	return is_there;
}

/* signals of it are for those who match it by the name that it owns, or by its arguments */
TEST_TIMEOUT(its_signals_are_matched_like_others, 60)
{
	static const char *const hit[] = {
		"type='signal',sender='" NATIVE "'",
		"type='signal',interface='com.example.Native',member='Said'",
		"type='signal',interface='com.example.Native',arg0='hello'",
	};
	static const char *const miss[] = {
		"type='signal',sender='com.example.Other'",
		"type='signal',interface='com.example.Native',arg0='other'",
		"type='signal',path='/other'",
	};
	struct stage stage;
	struct msg *msg;
	const char *text;
	char *owner;

	stage_open(&stage, NULL);
	owner = name_owner(stage.client, NATIVE);
	for (unsigned i = 0; i < 3; i++) {
		add_match(stage.client, hit[i]);
		expect_return(
			conn_call(stage.client, msg_append(native_call("Signal"), "s", "hello")));
		msg = conn_find_signal(stage.client, "Said");
		expect_str(msg->sender, owner);
		msg_read(msg, "s", &text);
		expect_str(text, "hello");
		msg_free(msg);
		expect_quiet(stage.client);
		remove_match(stage.client, hit[i]);
		add_match(stage.client, miss[i]);
		expect_return(
			conn_call(stage.client, msg_append(native_call("Signal"), "s", "hello")));
		expect_quiet(stage.client);
	}
	free(owner);
	stage_close(&stage);
}

/* the bus knows as much about it as about others */
TEST_TIMEOUT(it_is_a_peer_like_others, 60)
{
	struct stage stage;
	char *owner;

	stage_open(&stage, NULL);
	owner = name_owner(stage.client, NATIVE);
	expect(owner != NULL);
	expect_eq(driver_u32(stage.client, "GetConnectionUnixUser", "s", NATIVE), geteuid());
	expect_eq(driver_u32(stage.client, "GetConnectionUnixUser", "s", owner), geteuid());
	expect_ge(driver_u32(stage.client, "GetConnectionUnixProcessID", "s", NATIVE),
		  (uint32_t)stage.native);
	expect(is_listed(&stage, NATIVE));
	expect(is_listed(&stage, owner));
	free(owner);
	stage_close(&stage);
}
