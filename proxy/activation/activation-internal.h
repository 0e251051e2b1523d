/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Activation, what its parts share
 *
 * activation.c	who waits for what, and what they are told
 * activation-names.c	what can be started
 * activation-start.c	how it is started
 */
#pragma once

#include "proxy/activation/activation.h"

struct service;

enum activatable_state {
	ACTIVATABLE_IDLE,
	ACTIVATABLE_STARTING,
};

/**
 * struct activatable - a name that can be started
 * @node: in activation->names
 * @held: its activator; holders' own.  Without memory it may have none: then nobody can
 *	send to it, but it can be asked for
 * @service: its service file; NULL: systemd itself, which comes by itself, or it cannot
 *	be started any more and stays for those who wait
 * @next_service: while a reload is being prepared
 * @is_builtin: systemd itself
 * @link: in activation->starting
 * @note_link: in activation->noted
 * @is_taken: note: it has an owner
 * @timer: while STARTING
 * @child: while it runs
 * @uses_helper: @child is the launch helper
 * @unit: that systemd is to start
 * @request: what systemd is told as soon as it is there; monitors have been shown it
 * @asked_id: id of the one that was told, UINT64_MAX: none
 * @wanted_by: connection of another process that has sent it something
 * @waiters: calls of StartServiceByName: struct waiter
 * @n_waiters: of them
 * @n_entries: what waits, as counted in activation->n_entries
 */
struct activatable {
	struct htable_node node;
	struct activation *activation;
	struct holders_name held;
	const struct service *service;
	const struct service *next_service;
	struct list_head link;
	struct list_head note_link;
	struct loop_timer timer;
	struct spawn *child;
	char *unit;
	struct message *request;
	uint64_t asked_id;
	uint64_t wanted_by;
	struct list_head waiters;
	uint32_t n_waiters;
	uint32_t n_entries;
	enum activatable_state state;
	bool is_builtin : 1;
	bool is_taken : 1;
	bool uses_helper : 1;
	char name[];
};

static inline bool activatable_is_provided(const struct activatable *activatable)
{
	return activatable->service || activatable->is_builtin;
}

/* activation.c */

/* idle, nobody waits, no timer; the rest is zero */
void activatable_init(struct activatable *activatable, struct activation *activation);

/**
 * activatable_has_come() - does somebody have the name, of whom only the note is missing?
 *
 * To be asked before a start fails that was not begun just now: an owner without a proxy
 * may have come in the same turn.  It is noted then.
 */
bool activatable_has_come(struct activatable *activatable);

/**
 * activatable_fail() - the start has failed: whoever waits is told
 * @error: name
 * @text: for people
 */
void activatable_fail(struct activatable *activatable, const char *error, const char *text);

/* activation-names.c */

/* names that are not needed any more lose their activators and go */
void activation_release(struct activation *activation);

/* activation-start.c */

/* begins to start it; what fails at once fails as if later.  STARTING by now. */
void activatable_launch(struct activatable *activatable, const struct client *client);

/* what systemd is to be told to start it, unless that has been made; 0 or -ENOMEM */
int activatable_make_request(struct activatable *activatable);

/* systemd as a client of the bus, or of a proxy; NULL: it is not there */
struct client *activation_find_systemd(const struct activation *activation);

/* systemd gets what was to be said to it before it had its name */
void activation_serve_systemd(struct activation *activation);
