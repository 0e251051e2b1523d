/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Activation: see activation.h.  Here: who waits for what, and what they are told.
 *
 * The messages that wait are the engine's.  A start that succeeds needs nothing done for
 * them: they have moved by then.  When one fails they are taken out one by one, and each
 * sender is answered with the reason; the engine itself then forgets the call.  Calls of
 * StartServiceByName are a list here.
 *
 * What belongs to one attempt - timer, child, unit - goes with it, in
 * activatable_set_state(): what a child of an earlier attempt does, or how it ends, is of
 * no interest to the next one.
 *
 * Answering may close a client, for want of memory, and a client that is closed takes
 * its calls out of the lists: so these are always emptied from the front.
 */
#include "proxy/activation/activation-internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/activation/services.h"
#include "proxy/activation/systemd.h"
#include "proxy/daemon.h"
#include "proxy/monitor.h"

/* result of StartServiceByName */
enum { START_SUCCESS = 1 };

/**
 * struct waiter - a call of StartServiceByName
 * @link: in activatable->waiters, in order
 * @client_link: in activation_waits.starts of @client
 * @serial: of the call
 */
struct waiter {
	struct list_head link;
	struct list_head client_link;
	struct activatable *activatable;
	struct client *client;
	uint32_t serial;
};

/* bound of what is kept for a client that never hears of its dead calls */
enum { MAX_REASONS = 1024 };

/**
 * struct reason - why a call is dead, from the moment on when the bus was made to say so
 * @link: in activation_waits.reasons of the client, in order
 * @error: the answer
 */
struct reason {
	struct list_head link;
	uint64_t cookie;
	struct message *error;
};

/**
 * struct activation_waits - of a client that ever had either
 * @starts: its calls of StartServiceByName that have no answer yet
 * @reasons: why some of its calls will have none, see activation_take_reason()
 */
struct activation_waits {
	struct list_head starts;
	struct list_head reasons;
};

/* NULL: there is no memory */
static struct activation_waits *client_waits(struct client *client)
{
	struct activation_waits *waits = client->waits;

	if (waits)
		return waits;
	waits = malloc(sizeof(*waits));
	if (!waits)
		return NULL;
	INIT_LIST_HEAD(&waits->starts);
	INIT_LIST_HEAD(&waits->reasons);
	client->waits = waits;
	return waits;
}

/* COUNTING */

static void activatable_count(struct activatable *activatable)
{
	struct activation *activation = activatable->activation;
	uint32_t n = activatable->n_waiters;

	if (activatable->held.activator)
		n += engine_activator_n_waiting(activatable->held.activator);
	activation->n_entries += n - activatable->n_entries;
	activatable->n_entries = n;
}

static bool activation_is_full(const struct activation *activation)
{
	return activation->n_entries >= activation->daemon->limits.driver.n_starts;
}

/* whether nobody has the name */
static bool activatable_is_free(const struct activatable *activatable)
{
	const struct daemon *daemon = activatable->activation->daemon;

	if (activatable->held.activator)
		return engine_activator_is_holder(activatable->held.activator);
	return !engine_find_owner(daemon->engine, activatable->name);
}

static void activatable_note(struct activatable *activatable)
{
	if (list_empty(&activatable->note_link))
		list_add_tail(&activatable->note_link, &activatable->activation->noted);
}

/* STATES */

static void activatable_set_state(struct activatable *activatable, enum activatable_state state)
{
	struct activation *activation = activatable->activation;
	struct daemon *daemon = activation->daemon;

	assert(activatable->state != state);
	activatable->state = state;
	if (state == ACTIVATABLE_STARTING) {
		list_add_tail(&activatable->link, &activation->starting);
		loop_timer_arm(&daemon->loop, &activatable->timer,
			       loop_now_ns() + daemon->limits.start_timeout_ns);
		return;
	}
	list_del(&activatable->link);
	loop_timer_disarm(&activatable->timer);
	activatable->child = spawn_forget(activatable->child);
	free(steal(activatable->unit));
	activatable->request = message_unref(activatable->request);
	activatable->asked_id = UINT64_MAX;
	if (!activatable_is_provided(activatable))
		activation->is_stale = true;
}

static void waiter_free(struct waiter *waiter)
{
	list_del(&waiter->link);
	list_del(&waiter->client_link);
	waiter->activatable->n_waiters--;
	free(waiter);
}

/* @message: NULL: there was no memory for one; the reference is used up */
static void activation_answer(struct activation *activation, struct client *client,
			      struct message *message)
{
	if (!message) {
		client_close(client, "out of memory");
		return;
	}
	monitor_feed_driver(activation->daemon, client, message);
	client_answer(client, message);
	message_unref(message);
}

static struct message *make_error(const struct client *client, uint32_t serial, const char *error,
				  const char *text)
{
	struct message *message;

	if (synthetic_error_named(serial, client->unique_name, error, text, &message) < 0)
		return NULL;
	return message;
}

static struct message *make_success(const struct client *client, uint32_t serial)
{
	struct wire_writer writer;
	struct message *message;

	synthetic_return_init(&writer, serial, client->unique_name, "u");
	wire_put_u32(&writer, START_SUCCESS);
	return message_new_finish(&writer, &message) < 0 ? NULL : message;
}

static struct waiter *activatable_next_waiter(struct activatable *activatable)
{
	return list_first_entry_or_null(&activatable->waiters, struct waiter, link);
}

static void activatable_succeed(struct activatable *activatable)
{
	struct activation *activation = activatable->activation;
	struct waiter *waiter;

	if (log_limit_pass(&activation->log_started))
		log_info("Successfully activated service '%s'", activatable->name);
	activatable_set_state(activatable, ACTIVATABLE_IDLE);
	while ((waiter = activatable_next_waiter(activatable))) {
		struct client *client = waiter->client;
		struct message *message = make_success(client, waiter->serial);

		waiter_free(waiter);
		activation_answer(activation, client, message);
	}
	activatable_count(activatable);
}

static void reason_free(struct reason *reason)
{
	list_del(&reason->link);
	message_unref(reason->error);
	free(reason);
}

/* without memory the client hears that there is no reply, which is true as well */
static void client_keep_reason(struct client *client, uint64_t cookie, struct message *error)
{
	struct activation_waits *waits = client_waits(client);
	struct reason *reason = calloc(1, sizeof(*reason));
	size_t n = 0;

	if (!waits || !reason || !error) {
		free(reason);
		message_unref(error);
		return;
	}
	reason->cookie = cookie;
	reason->error = error;
	list_add_tail(&reason->link, &waits->reasons);
	list_for_each_entry(reason, &waits->reasons, link)
		n++;
	if (n > MAX_REASONS)
		reason_free(list_first_entry_or_null(&waits->reasons, struct reason, link));
}

struct message *activation_take_reason(struct client *client, uint64_t cookie)
{
	struct message *error;
	struct reason *reason;

	if (!client->waits)
		return NULL;
	list_for_each_entry(reason, &client->waits->reasons, link) {
		if (reason->cookie != cookie)
			continue;
		error = message_ref(reason->error);
		reason_free(reason);
		return error;
	}
	return NULL;
}

struct message *activation_take_lost(struct client *client)
{
	struct message *error;
	struct reason *reason;

	if (!client->waits)
		return NULL;
	reason = list_first_entry_or_null(&client->waits->reasons, struct reason, link);
	if (!reason)
		return NULL;
	error = message_ref(reason->error);
	reason_free(reason);
	monitor_feed_driver(client->daemon, client, error);
	return error;
}

/* a message that waited in vain */
static void activation_refuse(struct activation *activation, const struct engine_received *received,
			      const char *error, const char *text)
{
	struct engine_conn *conn = engine_find_conn(activation->daemon->engine, received->src_id);
	struct client *client = conn ? engine_conn_userdata(conn) : NULL;
	struct message *message;

	if (received->src_is_judged && !received->is_reply_dead)
		client = desk_find_client(activation->daemon, received->src_id);
	if (!client)
		return;
	message = make_error(client, received->cookie, error, text);
	if (received->is_reply_dead)
		client_keep_reason(client, received->cookie, message);
	else
		activation_answer(activation, client, message);
}

bool activatable_has_come(struct activatable *activatable)
{
	if (activatable_is_free(activatable))
		return false;
	activation_note_taken(activatable);
	return true;
}

void activatable_fail(struct activatable *activatable, const char *error, const char *text)
{
	struct activation *activation = activatable->activation;
	struct engine_received received;
	struct waiter *waiter;

	activatable_set_state(activatable, ACTIVATABLE_IDLE);
	while ((waiter = activatable_next_waiter(activatable))) {
		struct client *client = waiter->client;
		struct message *message = make_error(client, waiter->serial, error, text);

		waiter_free(waiter);
		activation_answer(activation, client, message);
	}
	while (activatable->held.activator &&
	       !engine_activator_drop(activatable->held.activator, &received)) {
		activation_refuse(activation, &received, error, text);
		engine_received_release(&received);
	}
	activatable_count(activatable);
}

static void activatable_expired(struct loop_timer *timer)
{
	struct activatable *activatable = container_of(timer, struct activatable, timer);
	struct activation *activation = activatable->activation;
	char text[WIRE_MAX_NAME + 96];

	if (activatable_has_come(activatable))
		return;
	snprintf(text, sizeof(text),
		 "Failed to activate service '%.*s': timed out (service_start_timeout=%lums)",
		 WIRE_MAX_NAME, activatable->name,
		 (unsigned long)(activation->daemon->limits.start_timeout_ns / 1000000));
	if (log_limit_pass(&activation->log_started))
		log_info("%s", text);
	activatable->child = spawn_kill(activatable->child);
	activatable_fail(activatable, driver_error_name(DRIVER_ERROR_START_TIMED_OUT), text);
}

void activatable_init(struct activatable *activatable, struct activation *activation)
{
	activatable->activation = activation;
	activatable->state = ACTIVATABLE_IDLE;
	activatable->asked_id = UINT64_MAX;
	activatable->held.name = activatable->name;
	activatable->held.userdata = activatable;
	INIT_LIST_HEAD(&activatable->held.link);
	INIT_LIST_HEAD(&activatable->link);
	INIT_LIST_HEAD(&activatable->note_link);
	INIT_LIST_HEAD(&activatable->waiters);
	loop_timer_init(&activatable->timer, activatable_expired);
}

/* NOTES */

/* @r: what the policy says */
static int activatable_may_wait(struct activatable *activatable, int r)
{
	if (r < 0)
		return r;
	return activation_is_full(activatable->activation) ? ACTIVATION_LIMIT : 0;
}

int activation_may_wait(struct activatable *activatable, struct client *sender,
			const struct message *message)
{
	struct daemon *daemon = activatable->activation->daemon;

	/* it waits for those who asked when it could be started still */
	if (!activatable_is_provided(activatable))
		return -ESRCH;
	return activatable_may_wait(activatable, access_may_wait(daemon, sender, message));
}

int activation_may_await(struct activatable *activatable, const struct engine_received *received,
			 const struct message *message)
{
	struct daemon *daemon = activatable->activation->daemon;

	if (!activatable_is_provided(activatable))
		return -ESRCH;
	activatable->wanted_by = received->src_id;
	return activatable_may_wait(activatable, access_may_await(daemon, received, message));
}

void activation_note_waits(struct activatable *activatable)
{
	activatable_count(activatable);
	activatable_note(activatable);
}

void activation_note_taken(struct activatable *activatable)
{
	activatable_count(activatable);
	activatable->is_taken = true;
	activatable_note(activatable);
}

int activation_start_service(struct activation *activation, struct client *client, uint32_t serial,
			     const char *name)
{
	struct activatable *activatable;
	struct activation_waits *waits;
	struct waiter *waiter;

	activation_refresh(activation);
	activatable = activation_find(activation, name);
	if (!activatable || !activatable_is_provided(activatable))
		return DRIVER_START_UNKNOWN;
	if (!activatable_is_free(activatable))
		return DRIVER_START_RUNNING;
	if (activation_is_full(activation))
		return DRIVER_START_LIMIT;
	waits = client_waits(client);
	if (!waits)
		return -ENOMEM;
	waiter = calloc(1, sizeof(*waiter));
	if (!waiter)
		return -ENOMEM;
	waiter->activatable = activatable;
	waiter->client = client;
	waiter->serial = serial;
	list_add_tail(&waiter->link, &activatable->waiters);
	list_add_tail(&waiter->client_link, &waits->starts);
	activatable->n_waiters++;
	activatable_count(activatable);
	activatable_note(activatable);
	return 0;
}

void activation_forget_client(struct client *client)
{
	struct activation_waits *waits = client->waits;
	struct waiter *waiter;
	struct reason *reason;

	if (!waits)
		return;
	while ((reason = list_first_entry_or_null(&waits->reasons, struct reason, link)))
		reason_free(reason);
	while ((waiter = list_first_entry_or_null(&waits->starts, struct waiter, client_link))) {
		struct activatable *activatable = waiter->activatable;

		waiter_free(waiter);
		activatable_count(activatable);
	}
	free(waits);
	client->waits = NULL;
}

bool activation_comes_first(const struct activation *activation, const struct message *message)
{
	const char *destination = message_destination(message);
	const struct activatable *activatable;

	if (!activation->is_systemd || !destination || message->header.flags & WIRE_NO_AUTO_START)
		return false;
	activatable = activation_find(activation, destination);
	return activatable && activatable->state == ACTIVATABLE_IDLE && activatable->service &&
	       activatable->service->systemd_service && activatable_is_free(activatable);
}

void activation_announce(struct activation *activation, const struct message *message)
{
	/* without memory it is tried again when it is needed */
	if (activation_comes_first(activation, message))
		activatable_make_request(activation_find(activation, message_destination(message)));
}

static void activatable_settle(struct activatable *activatable, struct client *client)
{
	struct activation *activation = activatable->activation;

	activatable_count(activatable);
	if (activatable->is_taken) {
		activatable->is_taken = false;
		if (activatable->state == ACTIVATABLE_STARTING)
			activatable_succeed(activatable);
		if (activatable->is_builtin)
			activation_serve_systemd(activation);
	}
	if (activatable->state != ACTIVATABLE_IDLE)
		return;
	if (activatable->n_entries && activatable_is_free(activatable)) {
		activatable_set_state(activatable, ACTIVATABLE_STARTING);
		activatable_launch(
			activatable,
			client ?: desk_find_client(activation->daemon, activatable->wanted_by));
	} else {
		activatable->request = message_unref(activatable->request);
	}
}

void activation_settle_noted(struct activation *activation, struct client *client)
{
	struct activatable *activatable;

	/* messages have moved, and the policy was asked about them */
	access_end_message(&activation->daemon->access);
	client_close_doomed(activation->daemon);
	if (!list_empty(&activation->noted))
		activation_refresh(activation);
	while ((activatable = list_first_entry_or_null(&activation->noted, struct activatable,
						       note_link))) {
		list_del(&activatable->note_link);
		activatable_settle(activatable, client);
	}
	if (activation->is_stale)
		activation_release(activation);
}

void activation_turn(struct activation *activation)
{
	spawns_collect(&activation->spawns);
	activation_settle(activation, NULL);
}

/* SYSTEMD */

bool activation_may_hear(const struct message *signal)
{
	struct systemd_failure failure;

	return systemd_read_failure(signal, &failure);
}

void activation_hear(struct activation *activation, struct client *client,
		     const struct message *signal)
{
	struct activatable *activatable, *tmp;
	struct systemd_failure failure;

	if (!activation->is_systemd || !systemd_read_failure(signal, &failure))
		return;
	if (!(client->caller.flags & DRIVER_CALLER_PRIVILEGED) || !client->caller.conn ||
	    activation_find_systemd(activation) != client)
		return;
	if (log_limit_pass(&activation->log_started))
		log_info("Activation via systemd failed for unit '%s': %s", failure.unit,
			 failure.text);
	list_for_each_entry_safe(activatable, tmp, &activation->starting, link)
		if (activatable->unit && !strcmp(activatable->unit, failure.unit) &&
		    !activatable_has_come(activatable))
			activatable_fail(activatable, failure.error, failure.text);
}
