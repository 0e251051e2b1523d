/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs written for kdbusfs, beside D-Bus clients on the same bus
 *
 * native-peer.c is such a program; here are its clients, who know D-Bus alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#define NAME "com.example.Native"

/**
 * struct stage - a bus, a native service on it, and a client
 * @nodes: where the bus is served
 * @subject: the bus
 * @native: process of the service
 * @client: D-Bus
 */
struct stage {
	struct sandbox nodes;
	struct subject *subject;
	pid_t native;
	struct conn *client;
};

static const char *built(const char *name)
{
	static char paths[2][512];
	static unsigned n;
	char *path = paths[n++ % 2];

	snprintf(path, 512, "%s/%s", getenv("top_builddir") ?: ".", name);
	return path;
}

static void stage_open(struct stage *stage)
{
	char served[160], option[160];
	const char *const args[] = {served, NULL};
	const char *argv[] = {built("kdbus-run"), option, built("tests/native/native-peer"),
			      "serves", NULL};

	sandbox_open(&stage->nodes);
	snprintf(served, sizeof(served), "--engine-socket=%s",
		 sandbox_path(&stage->nodes, "kdbus"));
	snprintf(option, sizeof(option), "--directory=%s", sandbox_path(&stage->nodes, "kdbus"));
	stage->subject = subject_start_with(&(struct subject_options){.args = args});
	stage->client = conn_new(stage->subject->address);
	add_match(stage->client, "type='signal',member='NameOwnerChanged',arg0='" NAME "'");
	/* the library comes in front of a sanitizer's, and has none */
	setenv("ASAN_OPTIONS", "verify_asan_link_order=0:detect_leaks=0", 1);
	stage->native = sandbox_spawn(&stage->subject->sandbox, argv, NULL, 0);
	msg_free(conn_find_signal(stage->client, "NameOwnerChanged"));
}

static struct msg *native_call(const char *member)
{
	return msg_call(NAME, "/", NAME, member);
}

static void stage_close(struct stage *stage)
{
	int status;

	expect_return(conn_call(stage->client, native_call("Quit")));
	status = sandbox_wait(&stage->subject->sandbox, stage->native);
	if (status)
		note("%s", file_read(sandbox_path(&stage->subject->sandbox, "stdout")));
	expect_eq(status, 0);
	msg_free(conn_find_signal(stage->client, "NameOwnerChanged"));
	conn_close(stage->client);
	subject_stop(stage->subject);
	sandbox_close(&stage->nodes);
}

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

	stage_open(&stage);
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

	stage_open(&stage);
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

	stage_open(&stage);
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

	stage_open(&stage);
	serial = conn_send(stage.client, native_call("Hear"));
	conn_send(stage.client, msg_signal("/", "com.example.Client", "Hello"));
	reply = conn_reply(stage.client, serial);
	msg_read(reply, "s", &text);
	expect_str(text, "Hello");
	msg_free(reply);
	stage_close(&stage);
}

/* the bus knows as much about it as about others */
TEST_TIMEOUT(it_is_a_peer_like_others, 60)
{
	struct stage stage;
	char *owner;

	stage_open(&stage);
	owner = name_owner(stage.client, NAME);
	expect(owner != NULL);
	expect_eq(driver_u32(stage.client, "GetConnectionUnixUser", "s", NAME), geteuid());
	expect_eq(driver_u32(stage.client, "GetConnectionUnixUser", "s", owner), geteuid());
	free(owner);
	stage_close(&stage);
}
