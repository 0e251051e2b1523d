/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Driver: org.freedesktop.DBus, as a function from calls to answers
 *
 * The proxy hands over a message that is addressed to the driver (or to nobody,
 * and is no signal); the driver makes it take effect on the engine and returns the
 * answer as objects.  It never sends and never waits.  The order that D-Bus
 * promises is the proxy's business: after driver_dispatch() it asks for
 * engine_conn_position() and queues the answer behind everything up to there.
 *
 * Methods, their paths, signatures and flags are one table (driver-methods.c);
 * introspection is generated from it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "driver-emu/driver-error.h"
#include "driver-emu/synthetic.h"
#include "kernel/engine/engine.h"
#include "proxy/base/creds.h"
#include "proxy/match.h"
#include "proxy/message.h"

struct driver;

#define DRIVER_CALLER_PRIVILEGED (1u << 0) /* root, or the uid that the bus runs as */
#define DRIVER_CALLER_FDS	 (1u << 1) /* agreed on descriptor passing */
#define DRIVER_CALLER_ELSEWHERE	 (1u << 2) /* has a driver of its own, which forwards to us */

/**
 * struct driver_caller - who calls; embedded in the proxy's client
 * @conn: its connection, NULL before Hello
 * @unique_name: of @conn, NULL before Hello; not copied
 * @matches: its rules, in the registry that the driver was given; the driver
 *	subscribes @conn to what they need
 * @flags: DRIVER_CALLER_*
 * @peak_names: the most names that it ever had or waited for
 */
struct driver_caller {
	struct engine_conn *conn;
	const char *unique_name;
	struct match_owner matches;
	uint32_t flags;
	uint32_t peak_names;
};

/**
 * struct driver_limits - the configured limits that the driver itself enforces
 * @n_names: max_names_per_connection; the unique name and queued entries count
 * @n_matches: max_match_rules_per_connection
 * @n_starts: max_pending_service_starts, which the proxy enforces
 */
struct driver_limits {
	uint32_t n_names;
	uint32_t n_matches;
	uint32_t n_starts;
};

/**
 * struct driver_stats - counters of the proxy, for Debug.Stats
 * @n_active: connections after Hello, monitors included
 * @n_incomplete: before it
 * @peak_names: the most names that there ever were; 0: not known
 */
struct driver_stats {
	uint32_t n_active;
	uint32_t n_incomplete;
	uint32_t peak_names;
};

/**
 * struct driver_traffic - messages of one connection on their way
 * @n_messages, @n_bytes, @n_fds: now
 * @peak_bytes, @peak_fds: the most there ever were
 */
struct driver_traffic {
	uint32_t n_messages;
	uint64_t n_bytes;
	uint32_t n_fds;
	uint64_t peak_bytes;
	uint32_t peak_fds;
};

/**
 * struct driver_connection_stats - the same of one connection
 * @incoming: from it, and not received by all whom they are for
 * @outgoing: for it, and not written to its socket
 * @n_queued: of those, messages that the engine holds
 * @n_dropped: copies that it could not take as an eavesdropper
 */
struct driver_connection_stats {
	struct driver_traffic incoming;
	struct driver_traffic outgoing;
	uint32_t n_queued;
	uint64_t n_dropped;
};

/* what driver_ops.hello() may answer, besides 0 and a negative errno */
enum driver_hello {
	DRIVER_HELLO_LIMIT = 1,	 /* max_completed_connections */
	DRIVER_HELLO_USER_LIMIT, /* max_connections_per_user */
};

/* text of LimitsExceeded: the name, and the limit as uint32_t */
#define DRIVER_TOO_MANY_STARTS                                                                     \
	"The maximum number of pending activations has been reached, activation of %s failed "     \
	"(max_pending_service_starts=%u)"

/* what driver_ops.start_service() may answer besides */
enum driver_start {
	DRIVER_START_RUNNING = 1, /* somebody has the name */
	DRIVER_START_UNKNOWN,	  /* no such name */
	DRIVER_START_LIMIT,	  /* max_pending_service_starts */
};

#define DRIVER_MAX_RULE 512

/**
 * struct driver_ops - what only the proxy can do
 *
 * @userdata is that of driver_options.  What is optional may be NULL; with forward() so is what
 * only methods need that are forwarded (DRIVER_METHOD_OWNER).
 */
struct driver_ops {
	/* Who the caller is; as long as it. */
	const struct creds *(*caller_creds)(void *userdata, const struct driver_caller *caller);
	/* Connects the caller to the engine: sets ->conn and ->unique_name.
	 * 0, enum driver_hello, or a negative errno.  A caller whose answer cannot
	 * be made afterwards is to be disconnected. */
	int (*hello)(void *userdata, struct driver_caller *caller);
	/* May the caller own the name?  If not, @rule_out says by which rule, as far as
	 * the caller may know: "" or text to be put behind a sentence.  NULL: it may. */
	bool (*may_own)(void *userdata, struct driver_caller *caller, const char *name,
			char rule_out[DRIVER_MAX_RULE]);
	/* Who the connection @id is, with groups and label; NULL: what the bus recorded is all
	 * that is known.  Borrowed for the call.  0 or -ENOMEM.  Optional. */
	int (*creds)(void *userdata, uint64_t id, const struct creds **creds_out);
	/* The pidfd of the connection @id, borrowed; -1: not known.  Optional. */
	int (*pidfd)(void *userdata, uint64_t id);
	/* Has the owner of the bus answer the call.  0: the caller gets its answer later,
	 * from the proxy; or the negative errno of engine_send().  Optional: the bus is ours. */
	int (*forward)(void *userdata, struct driver_caller *caller, const struct message *call);
	/* Reads the configuration again.  0; 1 when it is refused: *@text_out, to be
	 * freed by the caller, says why (NULL: no more is known); or a negative errno, the
	 * same.  Nothing has changed then. */
	int (*reload)(void *userdata, char **text_out);
	/* One variable of the environment of what gets started.  0 or -ENOMEM. */
	int (*set_environment)(void *userdata, const char *name, const char *value);
	/* The variables that one call sets are all set.  0 or -ENOMEM.  Optional. */
	int (*environment_changed)(void *userdata);
	/* Starts what has the name @name.  0: @caller will get its answer to the call
	 * @serial later, from the proxy; enum driver_start; or -ENOMEM. */
	int (*start_service)(void *userdata, struct driver_caller *caller, uint32_t serial,
			     const char *name);
	/* Calls @fn for each activatable name until it returns non-zero, and returns
	 * that.  Without the driver's own.  Optional: those that have an activator. */
	int (*activatable)(void *userdata, int (*fn)(void *fn_userdata, const char *name),
			   void *fn_userdata);
	void (*stats)(void *userdata, struct driver_stats *stats_out);
	void (*connection_stats)(void *userdata, const struct driver_caller *caller,
				 struct driver_connection_stats *stats_out);
	/* Calls @fn for each client that has a unique name, until it returns non-zero,
	 * and returns that. */
	int (*connections)(void *userdata,
			   int (*fn)(void *fn_userdata, const struct driver_caller *caller),
			   void *fn_userdata);
};

#define DRIVER_SYSTEMD_ACTIVATION (1u << 0) /* systemd starts services: a feature */
#define DRIVER_FIXED_ENVIRONMENT  (1u << 1) /* nobody may change what services inherit */

/**
 * struct driver_options - how to make a driver
 * @flags: DRIVER_*
 * @engine: borrowed
 * @guid: of the bus, 32 hex digits; copied
 * @matches: registry of all callers' rules; borrowed
 * @ops, @userdata: borrowed
 */
struct driver_options {
	unsigned flags;
	struct engine *engine;
	const char *guid;
	struct match_registry *matches;
	const struct driver_ops *ops;
	void *userdata;
	struct driver_limits limits;
};

#define DRIVER_MAX_MESSAGES 2

/**
 * struct driver_answer - what came of a call
 * @messages: to be queued to the caller, in this order; references
 * @is_monitor: the caller becomes a monitor once @messages are queued
 * @rules: what it monitors; the caller's
 */
struct driver_answer {
	struct message *messages[DRIVER_MAX_MESSAGES];
	unsigned n_messages;
	bool is_monitor;
	struct match_rule **rules;
	size_t n_rules;
};

#define DRIVER_ANSWER_NULL                                                                         \
	{                                                                                          \
		.n_messages = 0                                                                    \
	}

/* idempotent */
void driver_answer_deinit(struct driver_answer *answer);

/**
 * driver_new() - make a driver
 *
 * Reads the machine id and the identity of this process: to be called after the
 * last fork() and change of user.
 *
 * Return: 0, -ENOMEM.
 */
int driver_new(const struct driver_options *options, struct driver **driver_out);
struct driver *driver_free(struct driver *driver);
/* new limits; what exceeds them stays */
void driver_set_limits(struct driver *driver, const struct driver_limits *limits);

/**
 * driver_dispatch() - let a message to the driver take effect
 * @call: any type; its destination is the driver, or absent (then it is no
 *	signal).  Its header says nothing about who sent it: @caller does.
 * @answer_out: written on success; to be deinitialised by the caller
 *
 * A message that needs no answer leaves @answer_out empty.
 *
 * Return: 0.  A negative errno: the caller must be disconnected, as the message
 * may have had its effect and the answer cannot be told.
 */
int driver_dispatch(struct driver *driver, struct driver_caller *caller, const struct message *call,
		    struct driver_answer *answer_out);

/* the introspection data of the canonical path; NULL when out of memory; from malloc() */
char *driver_introspect(void);
