/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Desk: where the proxies of single clients find the owner of the bus
 *
 * What the owner alone knows or does (enum desk_kind, DESK_ASKS) it is asked for by the
 * client's own call, sent to the desk on the client's own connection of the engine: so the
 * engine says who asks, and no proxy has to be believed.  The desk is a connection that is part
 * of the bus (ENGINE_HELLO_APART); those that join learn its id with the rules.
 *
 *	proxy				owner
 *	the call	--ASKS-->	takes effect
 *			<--SAYS--	its answers, now or later
 *			<--DONE--	it has taken effect: the client may go on
 *
 * BecomeMonitor is asked twice: by the client, which is told that it may (ADMITS), and by a
 * connection apart that its proxy has made in the place of the client's own, and that is
 * shown (SHOWS) what monitors see.
 *
 * Nobody waits: the proxy keeps what its client sends next until DONE, and all that the
 * desk says stands in the queue of the client's connection, in the order of the bus.
 *
 * While the owner has monitors, or eavesdroppers, it says so (DESK_WATCH_*), and proxies
 * report what passes between them and their clients and nobody else sees.
 */
#pragma once

#include "proxy/base/htable.h"
#include "proxy/client.h"

struct daemon;
struct engine_notification;
struct engine_received;

/**
 * enum desk_kind - what a message from or to the desk is: the upper half of its cookie
 * @DESK_ASKS: a call of the client that the owner answers
 * @DESK_SAID: report: the client said this; to the driver, or nobody got it
 * @DESK_HEARD: report: the driver said this to the client
 * @DESK_PASSED: report: this call of the driver was not refused
 * @DESK_SAYS: for the client
 * @DESK_DONE: the call has taken effect; the payload means nothing
 * @DESK_ADMITS: instead of DONE: the client may become a monitor; the payload means nothing
 * @DESK_SHOWS: for the client, which is a monitor
 * @DESK_GIVES_UP: there was no memory: the client is to be disconnected
 *
 * The lower half is the serial of the message.
 */
enum desk_kind {
	DESK_ASKS = 1,
	DESK_SAID,
	DESK_HEARD,
	DESK_PASSED,
	DESK_SAYS,
	DESK_DONE,
	DESK_ADMITS,
	DESK_SHOWS,
	DESK_GIVES_UP,
};

#define DESK_COOKIE(kind, serial) ((uint64_t)(kind) << 32 | (serial))
#define DESK_KIND(cookie)	  ((cookie) >> 32)

#define DESK_WATCH_MONITORS	 (1u << 0)
#define DESK_WATCH_EAVESDROPPERS (1u << 1)

/**
 * struct desk - the owner's side
 * @conn: NULL: the bus is not served to others
 * @position: how far its queue has been received
 * @clients: struct desk_client by id
 * @list: the same, by their client.link
 * @gone: those whose connection is no more, but who may have asked for something still
 * @done: the message that says so
 * @watch: DESK_WATCH_* as the proxies know it
 * @is_ready: there may be something to receive
 * @unwatch_timer: until then they are not told that nobody watches any more
 */
struct desk {
	struct engine_conn *conn;
	uint64_t position;
	struct htable clients;
	struct list_head list;
	struct list_head gone;
	struct message *done;
	unsigned watch;
	bool is_ready;
	struct loop_timer unwatch_timer;
};

/* nothing is there yet */
void desk_init(struct desk *desk);
/* the daemon has its engine, and its driver; 0 or a negative errno */
int desk_open(struct daemon *daemon);
/* before the engine goes; idempotent */
void desk_close(struct daemon *daemon);

/* whether it is the desk's own connection */
static inline bool desk_is_conn(const struct desk *desk, const struct engine_conn *conn)
{
	return conn && conn == desk->conn;
}

/* from the engine's callbacks */

/**
 * desk_may_receive() - may a message of a stranger wait for the desk?
 *
 * Return: 0; -ENOBUFS: he has not read what it said to him; -ENOMEM.
 */
int desk_may_receive(struct daemon *daemon, const struct engine_received *received);
/* a message of somebody who may have to be told what has become of it waits; 0 or -ENOMEM */
int desk_know(struct daemon *daemon, const struct engine_received *received);
/* a message of a stranger to the desk, which is accepted: what is a report is shown to monitors */
void desk_overheard(struct daemon *daemon, const struct engine_received *received);
/* somebody is gone, perhaps */
void desk_note(struct daemon *daemon, const struct engine_notification *notification);

/**
 * desk_turn() - the end of a turn: answers what there is, in moderation
 *
 * Return: whether there is more to do at once.
 */
bool desk_turn(struct daemon *daemon);

/* the client with that connection, if it is known, and who that is to the policy; may be called
 * from the engine's callbacks */
struct client *desk_look_up(struct daemon *daemon, uint64_t id);
/* the client with that connection, which is known; NULL: there is none any more, or no memory, in
 * which case it is disconnected */
struct client *desk_find_client(struct daemon *daemon, uint64_t id);
/* the client of a proxy that has that name; NULL: none, or no memory */
struct client *desk_find_owner(struct daemon *daemon, const char *name);
/* of a client that is elsewhere: its connection */
uint64_t desk_client_id(const struct client *client);

/* of a client that is elsewhere: sends what is queued for it; see client_flush() */
void desk_flush(struct client *client);
/* it may become a monitor; see client_become_monitor() */
void desk_admit(struct client *client);
/* it cannot be answered; see client_close() */
void desk_give_up(struct client *client);

/* what monitors and eavesdroppers of the owner are to be told, DESK_WATCH_* */
unsigned desk_get_watch(const struct daemon *daemon);
