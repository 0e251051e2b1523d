/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Activation: services that are started when somebody wants them
 *
 * Each name that a service file provides is an activator of the engine: a message to it
 * waits there while nobody owns it, and moves to whoever owns it then.  Here is what
 * makes somebody own it, and what becomes of those who wait.
 *
 * One *start* at a time is under way for a name, whatever wants it: messages that wait,
 * and calls of StartServiceByName.  It ends in one of two ways, and everybody who waits
 * is told once: the name is owned, or there is an error.
 *
 *	IDLE --somebody waits--> STARTING --owned, failed, timed out--> IDLE
 *
 * Callbacks of the engine only take a note (activation_note_*()); activation_settle()
 * acts on the notes, once the command that caused them has returned.
 */
#pragma once

#include "driver-emu/driver.h"
#include "policy-parser/config.h"
#include "proxy/activation/spawn.h"
#include "proxy/base/htable.h"
#include "proxy/base/log.h"
#include "proxy/environment.h"
#include "proxy/holders.h"
#include "proxy/loop.h"

struct activatable;
struct client;
struct daemon;
struct message;
struct services;
struct services_watch;

/**
 * struct activation - all that can be started
 * @names: struct activatable by name
 * @held: the same, those that shall have an activator: struct holders_name
 * @starting: those that are, the oldest start first
 * @noted: those that something has happened to
 * @services: the files
 * @next_services: while a reload is being prepared: those that will be
 * @watch: tells when they change
 * @spawns: children
 * @n_entries: what waits: messages and calls of StartServiceByName
 * @told: variables that a call of UpdateActivationEnvironment sets
 * @untold: those of earlier ones that systemd will be told once it is there
 * @has_untold: there were calls, perhaps with none
 * @is_systemd: --systemd-activation
 * @is_changed: service files have been read since somebody looked
 * @is_stale: a name has an activator that has ceased to be activatable
 */
struct activation {
	struct daemon *daemon;
	struct htable names;
	struct list_head held;
	struct list_head starting;
	struct list_head noted;
	struct services *services;
	struct services *next_services;
	struct services_watch *watch;
	struct spawns spawns;
	uint32_t n_entries;
	struct environment told;
	struct environment untold;
	bool is_systemd;
	bool has_untold;
	bool is_changed;
	bool is_stale;
	struct log_limit log_started;
};

/* nothing can be started yet, and no directory is watched: a proxy of one client leaves it so; the
 * daemon has its loop and its configuration */
void activation_init(struct activation *activation, struct daemon *daemon, bool is_systemd);
/* the activators must be gone, see holders_free(); children live on; idempotent */
void activation_deinit(struct activation *activation);

/* WHAT CAN BE STARTED */

/* those of the configuration's directories that are the bus' to make */
void activation_make_directories(const struct config *config);

/**
 * activation_prepare() - read the service files of a configuration
 *
 * Until activation_commit() or activation_abort() @held is what will be, and everything
 * else as before.
 *
 * Return: 0 or -ENOMEM.  Broken files are logged, the others count.
 */
int activation_prepare(struct activation *activation, const struct config *config);
/* what was prepared holds from now on */
void activation_commit(struct activation *activation);
/* it never will; also where nothing was prepared */
void activation_abort(struct activation *activation);

/**
 * activation_refresh() - look whether service files have changed since
 *
 * Return: whether they had.
 */
bool activation_refresh(struct activation *activation);

/* ActivatableServicesChanged, to whoever wants it */
void activation_tell_changed(struct activation *activation);

/* the name, if it can be started; or NULL */
struct activatable *activation_find(const struct activation *activation, const char *name);

/* see driver_ops.activatable() */
int activation_list(const struct activation *activation,
		    int (*fn)(void *userdata, const char *name), void *userdata);

/* WHO WANTS IT */

/* what may_wait() returns for one entry too many */
#define ACTIVATION_LIMIT (-EUSERS)

/**
 * activation_may_wait() - may a message wait for a name?
 *
 * Return: 0, -EACCES (access_explain() knows why) or ACTIVATION_LIMIT.
 */
int activation_may_wait(struct activatable *activatable, struct client *sender,
			const struct message *message);
/* the same for a message of a connection of another process */
int activation_may_await(struct activatable *activatable, const struct engine_received *received,
			 const struct message *message);

/* a message waits, or the name has an owner: notes */
void activation_note_waits(struct activatable *activatable);
void activation_note_taken(struct activatable *activatable);

/* see driver_ops.start_service() */
int activation_start_service(struct activation *activation, struct client *client, uint32_t serial,
			     const char *name);

/* acts on what was noted */
void activation_settle_noted(struct activation *activation, struct client *client);

/**
 * activation_settle() - act on what was noted, if anything was
 * @client: whose message caused it; NULL: not known
 */
static inline void activation_settle(struct activation *activation, struct client *client)
{
	/* asked about each message, and hardly ever so */
	if (!list_empty(&activation->noted) || activation->is_stale)
		activation_settle_noted(activation, client);
}

/* whether a message would have something started that others are to hear of before it */
bool activation_comes_first(const struct activation *activation, const struct message *message);

/* a message of another process is about to wait: if so, they hear of that now */
void activation_announce(struct activation *activation, const struct message *message);

/* the end of a turn: children that ended, notes that are left */
void activation_turn(struct activation *activation);

/* its calls need no answer any more */
void activation_forget_client(struct client *client);

/**
 * activation_take_reason() - the answer to a call that the bus says is dead
 *
 * Where the bus itself tells the sender of a call that waited in vain, it does not say why.
 *
 * Return: the error, the caller's reference; NULL: it died of something else.
 */
struct message *activation_take_reason(struct client *client, uint64_t cookie);
/**
 * activation_take_lost() - the answer to a call of which the bus could not say that it is dead
 *
 * For when the client has received all that there was: what it had no room for does not come.
 *
 * Return: the error, the caller's reference, and monitors have got it; NULL: there is none.
 */
struct message *activation_take_lost(struct client *client);

/* SYSTEMD */

/* a signal to the driver: was it systemd's, that it cannot start something? */
void activation_hear(struct activation *activation, struct client *client,
		     const struct message *signal);
/* might it be? */
bool activation_may_hear(const struct message *signal);

/* systemd is to know a variable; 0 or -ENOMEM */
int activation_tell_variable(struct activation *activation, const char *name, const char *value);
/* these were all of one call; 0 or -ENOMEM */
int activation_tell_environment(struct activation *activation);
