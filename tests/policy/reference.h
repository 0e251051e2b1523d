/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dbus-daemon with a random policy, and clients of several users
 *
 * Needs root, to become the users.  What is observed is kept as facts, to be
 * compared with an evaluator as often as one likes: nothing of it depends on what
 * our side thinks of it.
 */
#pragma once

#include "proxy/base/creds.h"
#include "tests/harness/client.h"
#include "tests/harness/daemon.h"
#include "tests/policy/generate.h"

#define N_CLIENTS    5
#define MAX_MESSAGES 512

/* in the place of an index of a client */
enum {
	TO_EVERYBODY = -1,
	TO_DRIVER = -2,
	TO_NOBODY = -3, /* a name that could be activated */
};

/**
 * struct party - a client
 * @creds: as the socket has them
 * @conn: NULL: was not let in
 * @unique: would be, too
 * @is_listening: has a match rule for signals
 * @is_eavesdropping: has one for everything
 * @asked, @holds, @was_told, @is_first: by name: was it asked for; granted, be it in
 *	the queue; did NameAcquired come; is it the owner
 */
struct party {
	struct creds creds;
	struct conn *conn;
	const char *unique;
	bool is_listening;
	bool is_eavesdropping;
	bool asked[GENERATE_N_NAMES];
	bool holds[GENERATE_N_NAMES];
	bool was_told[GENERATE_N_NAMES];
	bool is_first[GENERATE_N_NAMES];
};

/**
 * struct sent - a message, and what became of it
 * @sender: index of a client
 * @receiver: the client it is addressed to, or TO_*
 * @destination: in the header, NULL for a broadcast
 * @flags: POLICY_MESSAGE_REPLY, POLICY_MESSAGE_REQUESTED
 * @reply_serial: if @flags say so
 * @expects_reply: a call without NO_REPLY_EXPECTED
 * @is_delivered: by client
 * @is_refused: the error said so
 * @is_refused_by_receiver, @n_matched: more of what it said
 */
struct sent {
	int sender;
	int receiver;
	const char *destination;
	struct random_message message;
	unsigned flags;
	uint32_t serial;
	uint32_t reply_serial;
	bool expects_reply;
	bool is_answered;
	bool is_delivered[N_CLIENTS];
	bool is_refused;
	bool is_refused_by_receiver;
	unsigned n_matched;
};

/**
 * struct reference - one configuration and what was seen
 * @random: all choices
 * @universe: whom its rules are about
 * @sandbox: borrowed
 * @config_path: the configuration
 * @pid, @address: of dbus-daemon
 * @has_connect: has rules about who may connect
 */
struct reference {
	struct random random;
	struct universe universe;
	const struct sandbox *sandbox;
	char config_path[256];
	pid_t pid;
	char *address;
	bool has_connect;
	struct party parties[N_CLIENTS];
	struct sent sent[MAX_MESSAGES];
	unsigned n_sent;
};

/* users and groups of this machine; ends the test as skipped if there are too few */
void reference_find_users(struct universe *universe);

/**
 * reference_seat_users() - have dbus-daemon think that users sit at the console
 * @n_users: the last ones, whose uids are the highest
 *
 * It asks logind, by the files that logind keeps for its library: this process and
 * those it starts get a /run of their own.
 *
 * Return: false: that is not possible here.
 */
bool reference_seat_users(const struct universe *universe, unsigned n_users);

/* starts dbus-daemon, sends @n_messages, ends it */
void reference_run(struct reference *reference, const struct sandbox *sandbox,
		   const struct universe *universe, uint64_t seed, unsigned n_messages);
void reference_deinit(struct reference *reference);
