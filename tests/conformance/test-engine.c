/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* It is a kdbus bus: every message between two clients passes SEND and RECV.
 *
 * The statistics have the counters of the seam to the engine; the clients count
 * what they send and what they get.  Both must agree to the last message.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

enum { N_CLIENTS = 5, N_ROUNDS = 40 };

struct counters {
	uint64_t n_sends, n_receives, n_lost;
};

static uint64_t counter(const struct msg *stats, const char *key)
{
	const char *signature;
	struct reader value;

	if (!msg_find(stats, key, &signature, &value))
		fail("%s is not in the statistics", key);
	expect_eq(signature[0], 't');
	return read_u64(&value);
}

static struct counters read_counters(struct conn *conn)
{
	struct counters counters;
	struct msg *reply;

	reply = conn_call(conn, msg_call(DRIVER_NAME, DRIVER_PATH,
					 "org.freedesktop.DBus.Debug.Stats", "GetStats"));
	counters.n_sends = counter(reply, "org.bus_proxyd.Sends");
	counters.n_receives = counter(reply, "org.bus_proxyd.Receives");
	counters.n_lost = counter(reply, "org.bus_proxyd.Lost");
	expect_return(reply);
	return counters;
}

/* calls @to, which answers; both by name and by number */
static void talk(struct conn *from, struct conn *to, const char *destination)
{
	struct msg *call;
	uint32_t serial;

	serial = conn_send(from, msg_append(msg_call(destination, "/", "a.b", "Ask"), "s", "?"));
	call = conn_find_call(to, "Ask");
	conn_send(to, msg_return(call));
	msg_free(call);
	expect_return(conn_reply(from, serial));
}

TEST(every_message_passes_send_and_recv)
{
	uint64_t n_sends = 0, n_receives = 0;
	struct counters before, after;
	struct conn *clients[N_CLIENTS];
	struct subject *subject;

	if (subject_is_reference())
		skip("it is not one");
	subject = subject_start(NULL);
	for (int i = 0; i < N_CLIENTS; i++) {
		clients[i] = conn_new(subject->address);
		/* client i hears the broadcasts of the members M0 to Mi */
		for (int j = 0; j <= i; j++) {
			char rule[64];

			snprintf(rule, sizeof(rule), "interface='a.b',member='M%d'", j);
			add_match(clients[i], rule);
		}
	}
	request_name(clients[1], "org.example.One", 0);
	before = read_counters(clients[0]);
	for (int round = 0; round < N_ROUNDS; round++) {
		char member[8];

		talk(clients[0], clients[1], "org.example.One");
		talk(clients[1], clients[2], clients[2]->unique);
		/* to oneself */
		conn_send(clients[3], msg_to(msg_signal("/", "a.b", "Mine"), clients[3]->unique));
		msg_free(conn_find_signal(clients[3], "Mine"));
		n_sends += 5;
		n_receives += 5;
		/* what the driver does is no message between clients */
		conn_sync(clients[4]);
		/* a broadcast that nobody hears was sent all the same */
		snprintf(member, sizeof(member), "M%d", round % (N_CLIENTS + 1));
		conn_send(clients[4], msg_signal("/", "a.b", member));
		n_sends++;
		n_receives += N_CLIENTS - round % (N_CLIENTS + 1);
	}
	for (int i = 0; i < N_CLIENTS; i++) {
		conn_sync(clients[i]);
		conn_drop(clients[i]);
	}
	after = read_counters(clients[0]);
	expect_eq(after.n_sends - before.n_sends, n_sends);
	expect_eq(after.n_receives - before.n_receives, n_receives);
	expect_eq(after.n_lost, 0);
	for (int i = 0; i < N_CLIENTS; i++)
		conn_close(clients[i]);
	subject_stop(subject);
}
