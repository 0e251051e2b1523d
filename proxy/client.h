/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Client: one classic D-Bus connection and what it has
 *
 * A client owns its socket and, from Hello on, one connection of the engine.
 * Everything else that belongs to it hangs off these two: match rules, bytes
 * half read and half written, answers that wait for their turn.
 *
 *	AUTH --BEGIN--> HELLO --Hello--> ACTIVE --BecomeMonitor--> MONITOR
 *	   \_______________\________________\_________________________\--> CLOSED
 *
 * client_set_state() is the one place where the state changes.  A client that is
 * CLOSED has left all look-ups and its socket is closed; its memory goes at the
 * end of the turn, so that whoever is up the call chain may still look at it.
 */
#pragma once

#include "driver-emu/driver.h"
#include "kernel/engine/engine.h"
#include "proxy/auth.h"
#include "proxy/inbound.h"
#include "proxy/loop.h"
#include "proxy/outbound.h"
#include "proxy/unique-name.h"

struct activation_waits;
struct client_fds_timer;
struct daemon;
struct listener;
struct policy_identity;

enum client_state {
	CLIENT_AUTH,	/* authenticating */
	CLIENT_HELLO,	/* authenticated, no name yet */
	CLIENT_ACTIVE,	/* a peer on the bus */
	CLIENT_MONITOR, /* only listens */
	CLIENT_CLOSED,
};

/**
 * struct client - one classic D-Bus connection
 *
 * There may be many, most of which say nothing: what few need hangs off pointers.  Sorted by what
 * looks at it, so that a message touches few cache lines.
 *
 * Whoever sends or receives:
 *
 * @source: the socket
 * @daemon: whose client it is
 * @unique_name_len: of @unique_name
 * @is_fds_agreed: NEGOTIATE_UNIX_FD
 * @is_anonymous: ANONYMOUS: no uid counts
 * @is_blocked: the socket is full
 * @is_write_broken: the other end does not read any more: what is left to be read
 *	from it is still taken
 * @is_hung_up: nobody is at the other end
 * @is_read_paused: it does not read the answers that it asks for, or has sent more than its
 *	receivers read: so it is not read from, and what has been read already waits in in.kept;
 *	so it does while others have their turn
 * @is_told: what the bus says is about what has just come to be received: due at once
 * @is_doomed: to be closed as soon as the engine has returned
 * @is_greedy: others had to wait for it lately: so it is read from in small pieces
 * @is_lengthy: it sends long messages that are moved (tail.h): so heads are read alone
 * @is_roomy: its socket has been made larger, as it is sent long messages
 * @is_roomier: and larger still, as they are moved
 * @is_elsewhere: on the bus that is ours a client that another process serves: no socket, and
 *	@caller.conn is the desk's (desk.h)
 * @is_reported: the call being dispatched has been shown to monitors
 * @is_held: on a bus that was joined: it is not read from until the owner has done what it asks
 * @is_admitted: which was to become a monitor, as it may
 * @is_turning: it is about to: nothing is written to it yet
 * @n_dropped: copies that it could not take as a monitor or an eavesdropper
 * @ready_link: in daemon->ready while there may be something to write
 * @identity: the rules that apply to it, from Hello on
 *
 * Receivers:
 *
 * @position: how far the connection's queue has been received
 * @began_ns: when it came, while AUTH or HELLO; nothing waits for a position then
 * @held: what was received, and there was no memory to make a message of; NULL mostly
 * @waits: its calls that wait for services, or have waited in vain; activation's own, NULL mostly
 * @caller: what the driver sees of it: its connection of the engine (from Hello on,
 *	NULL again as a monitor), its name, and its match rules or monitor rules
 *
 * Senders, and receivers their beginnings:
 *
 * @in: bytes from the socket
 * @out: bytes to it
 *
 * Senders:
 *
 * @account: its messages that others have not received yet; the client's memory stays until
 *	there are none
 * @unique_name: "" before Hello
 *
 * Hardly anything:
 *
 * @link: in daemon->clients, or daemon->dead once CLOSED
 * @incomplete_link: in daemon->incomplete, oldest first, while AUTH or HELLO
 * @long_link: in daemon->long_reads while a long message of its is to be read on
 * @auth: the conversation, in AUTH only
 * @asked: ACTIVE on a bus that was joined: the call that @is_held is about
 * @fds_timer: how long descriptors may stay that no message has claimed, or an unfinished
 *	message that has some; NULL if there never were any
 * @next_identity: while a reload is being prepared: the rules that will apply
 * @creds: who it is
 */
struct client {
	struct loop_source source;
	struct daemon *daemon;
	uint8_t state;
	uint8_t unique_name_len;
	bool is_fds_agreed : 1;
	bool is_anonymous : 1;
	bool is_blocked : 1;
	bool is_write_broken : 1;
	bool is_hung_up : 1;
	bool is_read_paused : 1;
	bool is_told : 1;
	bool is_doomed : 1;
	bool is_greedy : 1;
	bool is_lengthy : 1;
	bool is_roomy : 1;
	bool is_roomier : 1;
	bool is_elsewhere : 1;
	bool is_reported : 1;
	bool is_held : 1;
	bool is_admitted : 1;
	bool is_turning : 1;
	uint32_t n_dropped;
	struct list_head ready_link;
	struct policy_identity *identity;

	union {
		uint64_t position;
		uint64_t began_ns;
	};
	struct engine_received *held;
	struct activation_waits *waits;
	struct driver_caller caller;

	struct inbound in;
	struct outbound out;

	struct message_account account;
	char unique_name[UNIQUE_NAME_SIZE];

	struct list_head link;
	union {
		struct list_head incomplete_link;
		struct list_head long_link; /* ACTIVE */
	};
	union {
		struct auth *auth;
		struct message *asked;
	};
	struct client_fds_timer *fds_timer;
	struct policy_identity *next_identity;
	struct creds creds;
};

/**
 * client_new() - a client for a socket that was just accepted
 * @fd: taken, also on failure
 * @guid: of the listening address; borrowed for the client's life
 * @client_out: the daemon's, which has it watched
 *
 * Return: 0 or a negative errno; -EUSERS: there is no place for it, as the log says.
 */
int client_new(struct daemon *daemon, int fd, const char *guid, struct client **client_out);

/* enters CLOSED; @why goes to the log when it is not NULL */
void client_close(struct client *client, const char *why);
/* frees what client_close() left; the daemon calls it at the end of a turn */
void client_free(struct client *client);

/* the one place where the state changes; asserts that the change is one of the diagram */
void client_set_state(struct client *client, enum client_state state);

static inline struct client *client_from_matches(struct match_owner *matches)
{
	return container_of(matches, struct client, caller.matches);
}

/* there may be something to write to it, or to read that is there already: looked at at the end of
 * the turn, or once its socket takes something again */
void client_set_ready(struct client *client);

/* more answers wait for it than it may have */
bool client_is_overfull(const struct client *client);
/* what it has sent and what it does not read are so much that it is not to be read from */
bool client_must_pause(const struct client *client);
/* whether to look at it again once some of what it has sent has been received */
void client_await_relief(struct client *client, bool is_awaited);

/* writes a batch of what there is; called by the end of a turn */
void client_flush(struct client *client);
/* what that looks at comes into the cache while somebody else is written to */
static inline void client_prefetch(const struct client *client)
{
	for (size_t at = 0; at < offsetof(struct client, out.unsent); at += 64)
		__builtin_prefetch((const char *)client + at, 1);
}

/**
 * client_answer() - queue what the bus itself has to say to the client
 * @message: borrowed
 *
 * It is written behind everything that the bus has queued to the client by now.
 * A client for which there is no memory is closed.
 */
void client_answer(struct client *client, struct message *message);

/* closes a client that an answer could not be made for; at once, or where the engine is at work,
 * and does not want to be called, by client_close_doomed() */
void client_out_of_memory(struct client *client);
void client_close_doomed(struct daemon *daemon);

/* a signal of the bus that the client's rules want: lost and counted without memory */
void client_signal(struct client *client, struct message *message);

/* a copy for a monitor or an eavesdropper: dropped and counted where it does not keep up */
void client_copy(struct client *client, struct message *message);

/* what SENDER of its messages says: ":not.active.yet" before Hello */
const char *client_sender(const struct client *client, size_t *len_out);

/* the conversation is over, message bytes follow; closes it if it may not connect */
void client_authenticated(struct client *client);

/* Hello: becomes a connection of the engine; 0, enum driver_hello, or a negative errno */
int client_hello(struct client *client);

/* BecomeMonitor: @rules are borrowed; 0 or a negative errno: to be closed, if it is not yet */
int client_become_monitor(struct client *client, struct match_rule *const *rules, size_t n_rules);

/* the same on a bus that was joined: the owner feeds it from now on, on a connection apart */
int client_move_apart(struct client *client);

/* what is under way from it and to it */
void client_get_stats(const struct client *client, struct driver_connection_stats *stats_out);

/* of its connection, wherever that is; it has one */
uint64_t client_id(const struct client *client);

/* its process, as a descriptor that stays the client's; -1: not known */
int client_pidfd(struct client *client);
/* has @creds say all that can be known: 0 or -ENOMEM */
int client_complete_creds(struct client *client);
