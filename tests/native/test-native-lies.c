/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What native programs send that is no D-Bus message, or says what is not so
 *
 * No client gets to see it, and nobody waits for ever.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/native/stage.h"

#define CLIENT "com.example.Client"

static void open_with_client(struct stage *stage)
{
	stage_open(stage, NULL);
	expect_eq(request_name(stage->client, CLIENT, 0), 1);
	add_match(stage->client, "type='signal',interface='com.example.Lie'");
	conn_drop(stage->client);
}

static const char *const invalid[] = {"serial", "destination", "short", "empty", "huge", "type"};

#define N_INVALID (sizeof(invalid) / sizeof(invalid[0]))

TEST_TIMEOUT(a_call_that_is_malformed_is_answered, 60)
{
	struct stage stage;

	open_with_client(&stage);
	for (unsigned i = 0; i < N_INVALID; i++) {
		note("%s", invalid[i]);
		expect_str(native_does(&stage, "Lie", CLIENT, invalid[i]),
			   "org.freedesktop.DBus.Error.InvalidArgs");
	}
	expect_quiet(stage.client);
	/* one line of all of them */
	expect_logged(&stage, "malformed");
	expect_eq(n_logged(&stage, "malformed"), 1u);
	stage_close(&stage);
}

TEST_TIMEOUT(a_call_of_another_version_is_not_supported, 60)
{
	struct stage stage;

	open_with_client(&stage);
	expect_str(native_does(&stage, "Lie", CLIENT, "version"),
		   "org.freedesktop.DBus.Error.NotSupported");
	expect_quiet(stage.client);
	expect_logged(&stage, "of another version");
	stage_close(&stage);
}

TEST_TIMEOUT(a_signal_that_is_malformed_reaches_no_client, 60)
{
	struct stage stage;

	open_with_client(&stage);
	for (unsigned i = 0; i < N_INVALID; i++)
		expect_str(native_does(&stage, "LieToAll", "", invalid[i]), "sent");
	expect_str(native_does(&stage, "LieToAll", "", "version"), "sent");
	expect_quiet(stage.client);
	expect_str(native_does(&stage, "LieToAll", "", "none"), "sent");
	msg_free(conn_find_signal(stage.client, "Signal"));
	stage_close(&stage);
}

/* the client hears from the bus that there is no answer that it could have */
TEST_TIMEOUT(an_answer_that_is_malformed_is_replaced, 60)
{
	static const char *const more[] = {"reply", "signal"};
	struct stage stage;

	open_with_client(&stage);
	for (unsigned i = 0; i < N_INVALID; i++)
		if (strcmp(invalid[i], "serial") != 0)
			expect_error(conn_call(stage.client, msg_append(native_call("AnswerLying"),
									"s", invalid[i])),
				     "Failed");
	for (unsigned i = 0; i < 2; i++)
		expect_error(conn_call(stage.client,
				       msg_append(native_call("AnswerLying"), "s", more[i])),
			     "Failed");
	expect_error(
		conn_call(stage.client, msg_append(native_call("AnswerLying"), "s", "version")),
		"NotSupported");
	expect_return(conn_call(stage.client, msg_append(native_call("AnswerLying"), "s", "none")));
	stage_close(&stage);
}

/* what the header says about its sender is nothing to anybody */
TEST_TIMEOUT(the_sender_is_who_sent_it, 60)
{
	struct stage stage;
	struct msg *msg;
	char *unique;

	open_with_client(&stage);
	unique = name_owner(stage.client, NATIVE);
	expect_str(native_does(&stage, "LieToAll", "", "sender"), "sent");
	msg = conn_find_signal(stage.client, "Signal");
	expect_str(msg->sender, unique);
	msg_free(msg);
	msg = conn_call(stage.client, msg_append(native_call("AnswerLying"), "s", "sender"));
	expect_eq(msg->type, MSG_RETURN);
	expect_str(msg->sender, unique);
	msg_free(msg);
	free(unique);
	stage_close(&stage);
}
