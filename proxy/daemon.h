/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Daemon: the bus' owner and all that it owns
 *
 * It makes the bus on the engine, listens, and serves every client from one
 * event loop.  There is no other mutable state in the proxy than what hangs off
 * this object.
 *
 * A turn of the loop: sockets are read and their messages sent into the engine,
 * which wakes the clients they are for; at the end of the turn each of those is
 * drained into one write (client_flush()), and clients that were closed are
 * freed.
 */
#pragma once

#include "driver-emu/driver.h"
#include "kernel/engine/engine.h"
#include "policy-parser/config.h"
#include "proxy/access.h"
#include "proxy/activation/activation.h"
#include "proxy/base/log.h"
#include "proxy/client.h"
#include "proxy/desk.h"
#include "proxy/environment.h"
#include "proxy/holders.h"
#include "proxy/inbound.h"
#include "proxy/learned-users.h"
#include "proxy/loop.h"
#include "proxy/match.h"
#include "proxy/reserve.h"

/* numbers that Stats shows and the limits look at */
struct daemon_counts {
	uint32_t n_incomplete; /* AUTH and HELLO */
	uint32_t n_active;     /* ACTIVE and MONITOR */
	uint64_t n_lost;       /* broadcasts that did not reach a receiver */
	uint32_t n_names;      /* unique ones as well; where the engine reports their news */
	uint32_t n_ids;	       /* of these the unique ones, whoever's */
	uint32_t peak_names;
};

struct daemon_limits {
	struct inbound_limits inbound;
	uint64_t auth_timeout_ns;
	uint64_t pending_fd_timeout_ns;
	uint64_t reply_timeout_ns; /* 0: never */
	uint64_t max_incoming_bytes;
	uint32_t max_incoming_fds;
	uint64_t start_timeout_ns;
	uint64_t max_outgoing_bytes;
	uint32_t max_outgoing_fds;
	uint32_t max_incomplete;
	uint32_t max_completed;
	bool has_no_replies; /* max_replies_per_connection is 0, which the engine cannot say */
	bool has_no_users;   /* max_connections_per_user is */
	struct driver_limits driver;
};

/* what makes large messages more work than small ones */
enum { DAEMON_BYTES_PER_WORK = 1024 };

struct daemon {
	struct loop loop;
	struct config *config;
	unsigned mechanisms;   /* AUTH_*; as they were at start, whatever a reload says */
	bool is_joined;	       /* the bus is another process': there is one client (per-client.h) */
	bool is_served;	       /* the bus is ours, and others may join it */
	uint64_t owner_desk;   /* of a bus that was joined: the id of its owner's desk */
	unsigned owner_watch;  /* DESK_WATCH_* */
	uint64_t rules_serial; /* of the rules: published by us, or by the owner and in force */
	uint32_t owner_uid;
	char guid[33]; /* of the bus */
	uint64_t id_offset;
	struct daemon_limits limits;
	struct daemon_counts counts;
	struct environment environment;

	struct engine_host host;
	struct engine *engine;
	struct loop_source engine_source; /* fd -1 where the engine needs no polling */
	struct loop_source news_source;	  /* of the owner of a bus that was joined; or fd -1 */
	struct loop_timer reply_timer;

	struct access access;
	struct holders *holders; /* what the engine knows of the policy */
	struct learned_users learned_users;
	struct activation activation;
	struct driver *driver;
	struct desk desk;
	struct match_registry *matches;
	struct match_registry *monitor_matches;

	struct list_head listeners;
	struct loop_timer accept_timer; /* while accept() is paused: see admission.c */
	bool is_accept_paused;
	bool is_short_of_fds;
	bool is_crowded;

	struct list_head clients;
	struct list_head incomplete;
	struct list_head long_reads; /* first come, first read: client_read_long() */
	struct list_head ready;
	struct list_head flushing; /* of ready, those whose turn it is */
	struct list_head waiting;  /* for descriptors in flight to land */
	struct list_head dead;
	struct loop_timer auth_timer;
	struct loop_timer retry_timer;

	bool is_in_engine; /* and must not call it: see client_out_of_memory() */
	bool has_doomed;
	bool is_answering; /* in a client's place: see translate.c */

	struct message *hello;	    /* being dispatched: see monitor_await_hello() */
	struct message *hello_news; /* what monitors get behind its reply */
	struct loop_source signal_source;
	uint64_t work;		    /* done so far: to deliver a small message is 1 */
	struct inbound_chunk chunk; /* what sockets are read into */
	struct reserve reserve;	    /* for what they do not take */
	struct tail_pool tails;	    /* of long messages under way */

	struct log_limit log_refused; /* of clients that broke the protocol */
	struct log_limit log_lost;
	struct log_limit log_denied;
	struct log_limit log_unreadable; /* of what strangers send */
};

/**
 * struct daemon_options - what the command line adds to the configuration
 * @engine: address of the engine
 * @engine_dir: where to serve it to other processes, or NULL
 * @owns_domain: @engine is a domain for this bus alone
 * @joined: instead of making a bus: one that another process owns; taken, also on failure
 * @systemd_activation: systemd starts services
 */
struct daemon_options {
	const char *engine;
	const char *engine_dir;
	bool owns_domain;
	struct engine *joined;
	bool systemd_activation;
};

/**
 * daemon_new() - make the bus
 * @config: taken on success
 *
 * Return: 0 or a negative errno.
 */
int daemon_new(struct config *config, const struct daemon_options *options,
	       struct daemon **daemon_out);
struct daemon *daemon_free(struct daemon *daemon);
DEFINE_CLEANUP(struct daemon *, daemon_free);

/* starts to accept on sockets that listen already; @listeners is empty afterwards */
int daemon_listen(struct daemon *daemon, struct list_head *listeners);

/* serves until SIGTERM, or until the only client of a joined bus has left; 0 or a negative errno */
int daemon_run(struct daemon *daemon);

/**
 * daemon_reload() - read the configuration again
 * @text_out: why it is refused; to be freed by the caller
 *
 * What a reload applies: limits, rules and service files.  What stays as it was at start: type,
 * user, fork, pidfile, listen addresses and authentication.
 *
 * Return: 0, CONFIG_REFUSED or a negative errno; then the old configuration is in
 * force, whole.
 */
int daemon_reload(struct daemon *daemon, char **text_out);

/* applies the limits of a configuration to the proxy and the driver */
void daemon_set_limits(struct daemon *daemon, const struct config *config);
/* what they mean for the engine's domain */
void daemon_get_engine_limits(const struct config *config, struct engine_limits *limits_out);

/* a signal of the bus itself, to everybody whose rules want it */
void daemon_broadcast(struct daemon *daemon, struct message *message);

/* the client is flushed again after a while */
void daemon_retry_later(struct daemon *daemon, struct client *client);
