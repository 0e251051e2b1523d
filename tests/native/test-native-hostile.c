/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Native programs that mean harm: what they fill is theirs, and clients go on */
#include <stdlib.h>
#include <string.h>

#include "tests/native/stage.h"

#define CLIENT "com.example.Client"

/* @client has the name, and does not read what is sent to it */
static struct conn *victim_new(const struct stage *stage)
{
	struct conn *victim = conn_new(stage->subject->address);

	expect_eq(request_name(victim, CLIENT, 0), 1);
	add_match(victim, "type='signal',interface='com.example.Flood'");
	conn_drop(victim);
	return victim;
}

/* two clients have the bus to themselves, and one of them may still be called */
static void expect_unharmed(struct stage *stage, struct conn *victim)
{
	struct conn *other = conn_new(stage->subject->address);
	struct msg *call;
	uint32_t serial;
	char *owner;

	owner = name_owner(other, CLIENT);
	expect_str(owner, victim->unique);
	free(owner);
	serial = conn_send(other, msg_call(CLIENT, "/", "com.example.Client", "Work"));
	call = conn_find_call(victim, "Work");
	conn_send(victim, msg_to(msg_return(call), call->sender));
	expect_return(conn_reply(other, serial));
	msg_free(call);
	conn_sync(victim);
	conn_drop(victim);
	conn_close(other);
}

/* @name: who is flooded, by what, and what stops it */
static void flood(const char *name, const char *what, const char *outcome)
{
	struct conn *victim;
	struct stage stage;

	/* small limits, which are soon reached */
	stage_open(&stage, "<limit name='max_outgoing_bytes'>2000000</limit>"
			   "<limit name='max_outgoing_unix_fds'>64</limit>"
			   "<limit name='max_replies_per_connection'>100</limit>"
			   "<limit name='max_connections_per_user'>5000</limit>");
	victim = victim_new(&stage);
	/* up to 20000 messages with 16 files each: one call, but not one message's work */
	stage.client->more_ms = 4 * WAIT_MS;
	expect_str(native_does(&stage, "Flood", name, what), outcome);
	expect_unharmed(&stage, victim);
	/* and it is as before */
	expect_return(conn_call(stage.client, msg_append(native_call("Echo"), "s", "x")));
	conn_close(victim);
	stage_close(&stage);
}

TEST_TIMEOUT(calls_that_nobody_reads, 60)
{
	flood(CLIENT, "calls", "ENOBUFS");
}

TEST_TIMEOUT(calls_that_nobody_answers, 60)
{
	flood(CLIENT, "expecting", "EMLINK");
}

/* they go missing, which their sender does not hear */
TEST_TIMEOUT(signals_that_nobody_reads, 60)
{
	flood(CLIENT, "signals", "sent");
}

/* as much as if the bytes had come with the message */
TEST_TIMEOUT(memory_files_count_with_what_is_in_them, 60)
{
	flood(CLIENT, "files", "ENOBUFS");
}

TEST_TIMEOUT(descriptors_that_nobody_takes, 60)
{
	flood(NATIVE, "fds", "EMFILE");
}

/* of which each is a descriptor of the bus while it waits; a client has no use for these */
TEST_TIMEOUT(memory_files_that_nobody_takes, 60)
{
	flood(CLIENT, "memory-files", "sent");
	flood(NATIVE, "memory-files", "EMFILE");
}

TEST_TIMEOUT(calls_to_itself, 60)
{
	flood(NATIVE, "calls", "ENOBUFS");
}

TEST_TIMEOUT(a_thousand_connections, 60)
{
	flood(CLIENT, "connections", "sent");
}

/* what the owner of the bus says to who does not read it is kept for a while, and no more is asked
 */
TEST_TIMEOUT(questions_to_the_owner, 60)
{
	flood(CLIENT, "desk", "ENOBUFS");
}

TEST_TIMEOUT(nonsense_for_the_owner, 60)
{
	flood(CLIENT, "desk-lies", "ENOTNAM");
}

/* who reports speaks for himself */
TEST_TIMEOUT(forged_reports, 60)
{
	struct conn *monitor, *victim;
	struct stage stage;
	struct msg *msg;
	char *native;

	stage_open(&stage, NULL);
	victim = victim_new(&stage);
	native = name_owner(stage.client, NATIVE);
	monitor = conn_new(stage.subject->address);
	expect_return(conn_call(
		monitor, msg_append(msg_call("org.freedesktop.DBus", "/org/freedesktop/DBus",
					     "org.freedesktop.DBus.Monitoring", "BecomeMonitor"),
				    "asu", 0, 0u)));
	expect_str(native_does(&stage, "Flood", victim->unique, "desk-forged"), "ENOTNAM");
	msg = conn_find_call(monitor, "Said");
	expect_str(msg->sender, native);
	msg_free(msg);
	conn_send(victim, msg_signal("/", "com.example.Client", "End"));
	for (bool is_end = false; !is_end; msg_free(msg)) {
		msg = conn_next(monitor);
		is_end = msg->member && !strcmp(msg->member, "End");
		expect(!msg->member || strcmp(msg->member, "Heard") != 0);
	}
	free(native);
	conn_close(monitor);
	conn_close(victim);
	stage_close(&stage);
}
