/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Desk: see desk.h.
 *
 * For each connection that has ever sent something to the desk there is a struct client,
 * without a socket: what the driver, the policy and activation know as the caller.  It is made
 * when its first message is accepted, as the engine says then who that is, and goes with its
 * connection - but not before what it sent has been looked at: who says something and leaves has
 * said it.
 *
 * What is queued for it are answers as any other client's.  They are sent at the end of the turn,
 * and tried again later where its queue is full.  Who does not read them is refused
 * what he asks for next, so there is an end to what is kept for him.
 */
#include "proxy/desk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proxy/daemon.h"
#include "proxy/dispatch.h"
#include "proxy/eavesdrop.h"
#include "proxy/monitor.h"
#include "proxy/per-client.h"
#include "proxy/translate.h"

enum {
	TURN_MESSAGES = 32,
	TURN_WORK = 512,  /* of daemon.work */
	MAX_ANSWERS = 64, /* that wait for one who asks for more */
};

/**
 * struct desk_client - somebody who has sent something to the desk
 * @client: how the rest of the daemon knows it
 * @node: in desk.clients
 * @id: of its connection
 * @said: serial of what it reported last that it said
 * @n_done: calls that have taken effect, which it has not been told
 * @is_admitted: the last of these was BecomeMonitor
 * @is_apart: its connection is: it stands for a monitor
 * @is_gone: in desk.gone
 * @gone_at: position of the desk's queue up to which there may be messages of it; 0: not known
 */
struct desk_client {
	struct client client;
	struct htable_node node;
	uint64_t id;
	uint32_t said;
	uint32_t n_done;
	bool is_admitted;
	bool is_apart;
	bool is_gone;
	uint64_t gone_at;
};

static struct desk_client *desk_client(struct client *client)
{
	return container_of(client, struct desk_client, client);
}

/* those who ask */

static int creds_copy(const struct creds *from, struct creds *to)
{
	*to = (struct creds){
		.uid = from->uid,
		.gid = from->gid,
		.pid = from->pid,
		.pidfd = -1,
		.n_groups = from->n_groups,
		.is_primary_extra = from->is_primary_extra,
	};
	if (from->seclabel)
		to->seclabel = strdup(from->seclabel);
	if (from->n_groups)
		to->groups = calloc(from->n_groups, sizeof(*to->groups));
	if ((from->seclabel && !to->seclabel) || (from->n_groups && !to->groups)) {
		creds_deinit(to);
		return -ENOMEM;
	}
	if (from->n_groups)
		memcpy(to->groups, from->groups, from->n_groups * sizeof(*to->groups));
	return 0;
}

static struct desk_client *desk_find(struct desk *desk, uint64_t id)
{
	struct desk_client *entry;
	uint64_t hash;

	/* whoever comes and goes is looked for, and mostly nobody has ever asked */
	if (!desk->clients.n_entries)
		return NULL;
	hash = htable_hash(&id, sizeof(id));
	htable_for_each_match(entry, &desk->clients, node, hash)
		if (entry->id == id)
			return entry;
	return NULL;
}

static struct desk_client *desk_client_new(struct daemon *daemon, uint64_t id,
					   const struct creds *creds)
{
	struct desk *desk = &daemon->desk;
	struct desk_client *entry;
	struct client *client;

	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	client = &entry->client;
	if (creds_copy(creds, &client->creds) < 0) {
		free(entry);
		return NULL;
	}
	client->daemon = daemon;
	client->source.fd = -1;
	client->state = CLIENT_ACTIVE;
	client->is_elsewhere = true;
	client->is_anonymous = creds->uid == CREDS_UNKNOWN;
	client->unique_name_len = unique_name_format(id, daemon->id_offset, client->unique_name);
	outbound_init(&client->out);
	match_owner_init(&client->caller.matches);
	INIT_LIST_HEAD(&client->ready_link);
	client->caller.unique_name = client->unique_name;
	client->caller.conn = desk->conn;
	client->caller.flags = DRIVER_CALLER_ELSEWHERE;
	if (!client->is_anonymous && (!creds->uid || creds->uid == daemon->owner_uid))
		client->caller.flags |= DRIVER_CALLER_PRIVILEGED;
	entry->id = id;
	entry->is_apart = id > UNIQUE_NAME_MAX_ID;
	htable_add(&desk->clients, &entry->node, htable_hash(&id, sizeof(id)));
	list_add_tail(&client->link, &desk->list);
	return entry;
}

static void desk_client_free(struct desk_client *entry)
{
	struct client *client = &entry->client;
	struct daemon *daemon = client->daemon;

	activation_forget_client(client);
	match_registry_clear(client->state == CLIENT_MONITOR ? daemon->monitor_matches
							     : daemon->matches,
			     &client->caller.matches);
	outbound_deinit(&client->out);
	htable_remove(&daemon->desk.clients, &entry->node);
	list_del(&client->ready_link);
	list_del(&client->link);
	policy_identity_unref(client->identity);
	creds_deinit(&client->creds);
	free(entry);
}

static struct desk_client *desk_meet(struct daemon *daemon, const struct engine_received *received)
{
	struct desk_client *entry = desk_find(&daemon->desk, received->src_id);

	if (!entry && received->src_creds)
		entry = desk_client_new(daemon, received->src_id, received->src_creds);
	return entry;
}

int desk_know(struct daemon *daemon, const struct engine_received *received)
{
	return desk_meet(daemon, received) ? 0 : -ENOMEM;
}

int desk_may_receive(struct daemon *daemon, const struct engine_received *received)
{
	struct desk_client *entry = desk_meet(daemon, received);

	if (!entry)
		return -ENOMEM;
	return entry->client.out.n_answers >= MAX_ANSWERS || client_is_overfull(&entry->client)
		       ? -ENOBUFS
		       : 0;
}

void desk_note(struct daemon *daemon, const struct engine_notification *notification)
{
	struct desk_client *entry;

	if (notification->type != KDBUS_ITEM_ID_REMOVE)
		return;
	entry = desk_find(&daemon->desk, notification->old_id);
	if (!entry || entry->is_gone)
		return;
	entry->is_gone = true;
	list_move_tail(&entry->client.link, &daemon->desk.gone);
}

/* those whose last message has been looked at; @is_empty: so have been all */
static void desk_free_gone(struct desk *desk, bool is_empty)
{
	struct desk_client *entry, *tmp;

	list_for_each_entry_safe(entry, tmp, &desk->gone, client.link) {
		if (!is_empty && (!entry->gone_at || entry->gone_at > desk->position))
			continue;
		desk_client_free(entry);
	}
}

static void desk_mark_gone(struct desk *desk)
{
	struct desk_client *entry;

	list_for_each_entry(entry, &desk->gone, client.link)
		if (!entry->gone_at)
			entry->gone_at = engine_conn_position(desk->conn);
}

/* what they send */

/* who asks is known by now, but perhaps not to the policy */
static int desk_identify(struct client *client)
{
	struct daemon *daemon = client->daemon;
	int r;

	if (client->identity)
		return 0;
	r = access_learn(daemon, client);
	return r < 0 ? r : access_identify(&daemon->access, client);
}

struct client *desk_find_client(struct daemon *daemon, uint64_t id)
{
	struct desk_client *entry = desk_find(&daemon->desk, id);

	if (!entry || entry->is_gone)
		return NULL;
	if (desk_identify(&entry->client) < 0) {
		desk_give_up(&entry->client);
		return NULL;
	}
	return &entry->client;
}

struct client *desk_find_owner(struct daemon *daemon, const char *name)
{
	const struct engine_peer *peer = engine_find_peer(daemon->engine, 0, name);
	__cleanup(freep) struct engine_stranger *stranger = NULL;
	struct desk *desk = &daemon->desk;
	uint64_t id;

	if (!desk->conn || !peer || !engine_peer_is_judged(peer))
		return NULL;
	id = engine_peer_id(peer);
	if (!desk_find(desk, id) && (engine_get_stranger(desk->conn, id, NULL, &stranger) < 0 ||
				     !desk_client_new(daemon, id, stranger->creds)))
		return NULL;
	return desk_find_client(daemon, id);
}

uint64_t desk_client_id(const struct client *client)
{
	return container_of(client, const struct desk_client, client)->id;
}

/* whether its connection takes descriptors */
static bool desk_takes_fds(const struct desk_client *entry)
{
	struct engine_conn *conn = entry->client.daemon->desk.conn;
	struct kdbus_cmd_info cmd = {.size = sizeof(cmd), .id = entry->id};
	const struct kdbus_info *info;
	bool takes;

	if (engine_command(conn, KDBUS_CMD_CONN_INFO, &cmd) < 0)
		return false;
	info = engine_slice(conn, cmd.offset);
	takes = info->flags & KDBUS_HELLO_ACCEPT_FD;
	engine_slice_free(conn, cmd.offset);
	return takes;
}

/* the second call of BecomeMonitor, of which nobody but its proxy knows; 0 or a negative errno */
static int desk_become_monitor(struct desk_client *entry, struct message *message)
{
	__cleanup(driver_answer_deinit) struct driver_answer answer = DRIVER_ANSWER_NULL;
	struct client *client = &entry->client;
	struct daemon *daemon = client->daemon;
	int r;

	if (client->state == CLIENT_MONITOR || entry->is_gone)
		return -EINVAL;
	r = access_may_call_driver(daemon, client, message);
	r = r ?: driver_dispatch(daemon->driver, &client->caller, message, &answer);
	if (!r && !answer.is_monitor)
		r = -EINVAL;
	if (r < 0)
		return r;
	client->is_fds_agreed = desk_takes_fds(entry);
	client_set_state(client, CLIENT_MONITOR);
	for (size_t i = 0; i < answer.n_rules && !r; i++)
		r = match_registry_add(daemon->monitor_matches, &client->caller.matches,
				       answer.rules[i]);
	return r;
}

static int desk_asked(struct desk_client *entry, struct message *message)
{
	struct client *client = &entry->client;
	const char *destination = message_destination(message);
	int r;

	/* what a monitor's proxy asks is a call; and systemd says by signals what it could not do
	 */
	if (!destination || strcmp(destination, DRIVER_NAME) != 0 ||
	    (message->header.type != WIRE_CALL &&
	     (message->header.type != WIRE_SIGNAL || entry->is_apart)))
		return -EBADMSG;
	if (entry->is_apart) {
		r = desk_become_monitor(entry, message);
		if (r < 0)
			return r;
	} else {
		client->is_reported = entry->said == message->header.serial;
		entry->said = 0;
		dispatch_message(client, message);
	}
	entry->n_done++;
	client_set_ready(client);
	return 0;
}

/* the message as the bus has it, whatever it says of its sender; 0 or a negative errno */
static int desk_read(struct desk_client *entry, const struct engine_received *received,
		     struct message **message_out)
{
	const struct client *client = &entry->client;
	bool is_heard = DESK_KIND(received->cookie) == DESK_HEARD;
	const char *sender = is_heard ? DRIVER_NAME : client->unique_name;
	struct message peek;

	if (!translate_is_message(received, &peek) ||
	    peek.header.serial != (uint32_t)received->cookie)
		return -EBADMSG;
	return translate_relay(received, &peek, sender, strlen(sender), false, message_out);
}

/* @entry may say of itself what it likes, and of nobody else */
static void desk_heard(struct desk_client *entry, struct message *message)
{
	const char *destination = message_destination(message);

	if (destination && !strcmp(destination, entry->client.unique_name))
		monitor_feed_driver(entry->client.daemon, &entry->client, message);
}

struct client *desk_look_up(struct daemon *daemon, uint64_t id)
{
	struct desk_client *entry = desk_find(&daemon->desk, id);

	/* without memory a monitor misses something */
	if (!entry ||
	    (!entry->client.identity && access_identify(&daemon->access, &entry->client) < 0))
		return NULL;
	return &entry->client;
}

void desk_overheard(struct daemon *daemon, const struct engine_received *received)
{
	__cleanup(message_unrefp) struct message *message = NULL;
	struct client *client = desk_look_up(daemon, received->src_id);
	unsigned kind = DESK_KIND(received->cookie);
	struct desk_client *entry;

	if (!client || kind == DESK_ASKS)
		return;
	entry = desk_client(client);
	if (desk_read(entry, received, &message) < 0)
		return;
	switch (kind) {
	case DESK_SAID:
		entry->said = message->header.serial;
		monitor_feed_stranger(daemon, received, message);
		break;
	case DESK_HEARD:
		desk_heard(entry, message);
		break;
	case DESK_PASSED:
		eavesdrop_feed_driver(daemon, client, message);
		break;
	}
}

static int desk_take(struct desk_client *entry, const struct engine_received *received)
{
	__cleanup(message_unrefp) struct message *message = NULL;
	int r;

	/* a report has been looked at when it was accepted, in the order of the bus */
	if (DESK_KIND(received->cookie) != DESK_ASKS)
		return 0;
	r = desk_identify(&entry->client);
	if (!r)
		r = desk_read(entry, received, &message);
	return r < 0 ? r : desk_asked(entry, message);
}

bool desk_turn(struct daemon *daemon)
{
	struct desk *desk = &daemon->desk;
	uint64_t start = daemon->work;
	struct engine_received received;
	struct desk_client *entry;
	int r = 0;

	if (!desk->conn)
		return false;
	desk_mark_gone(desk);
	for (int i = 0; desk->is_ready && i < TURN_MESSAGES && daemon->work - start < TURN_WORK;
	     i++) {
		r = engine_recv(desk->conn, &received);
		if (r < 0) {
			desk->is_ready = false;
			break;
		}
		desk->position = received.position;
		daemon->work += 1 + received.payload->size / DAEMON_BYTES_PER_WORK;
		entry = desk_find(desk, received.src_id);
		/* who asked is not to wait for ever */
		if (entry && desk_take(entry, &received) < 0)
			desk_give_up(&entry->client);
		engine_received_release(&received);
	}
	desk_free_gone(desk, !desk->is_ready);
	return desk->is_ready;
}

/* what they are told */

/* the queue of who is told is full just now, or there is no memory */
static bool is_passing(int r)
{
	return r == -ENOBUFS || r == -EXFULL || r == -ENOMEM || r == -EMFILE || r == -EDQUOT;
}

static int desk_send(struct client *client, enum desk_kind kind, struct message *message)
{
	struct engine_send send = {
		.dst_id = desk_client(client)->id,
		.cookie = DESK_COOKIE(kind, message->header.serial),
		.payload = &message->payload,
	};

	return engine_send(client->daemon->desk.conn, &send);
}

/* false: later */
static bool desk_send_answers(struct client *client)
{
	enum desk_kind kind = client->state == CLIENT_MONITOR ? DESK_SHOWS : DESK_SAYS;
	struct message *message;
	int r;

	while ((message = outbound_take_answer(&client->out, UINT64_MAX))) {
		r = desk_send(client, kind, message);
		if (is_passing(r) && outbound_answer_first(&client->out, message) < 0)
			client->is_doomed = true;
		message_unref(message);
		if (is_passing(r))
			return false;
	}
	return true;
}

/* that its calls have taken effect; false: later */
static bool desk_send_done(struct client *client)
{
	struct desk_client *entry = desk_client(client);
	struct message *done = client->daemon->desk.done;

	for (; entry->n_done; entry->n_done--) {
		bool is_admitted = entry->is_admitted && entry->n_done == 1;

		if (is_passing(desk_send(client, is_admitted ? DESK_ADMITS : DESK_DONE, done)))
			return false;
		entry->is_admitted = entry->is_admitted && !is_admitted;
	}
	return true;
}

static bool desk_send_all(struct client *client)
{
	/* a monitor is one before it is shown anything */
	bool is_done_first = client->state == CLIENT_MONITOR;

	if (is_done_first && !desk_send_done(client))
		return false;
	if (!desk_send_answers(client) || !desk_send_done(client))
		return false;
	if (client->is_doomed &&
	    is_passing(desk_send(client, DESK_GIVES_UP, client->daemon->desk.done)))
		return false;
	client->is_doomed = false;
	return true;
}

void desk_flush(struct client *client)
{
	if (!desk_client(client)->is_gone && !desk_send_all(client))
		daemon_retry_later(client->daemon, client);
}

void desk_admit(struct client *client)
{
	desk_client(client)->is_admitted = true;
}

void desk_give_up(struct client *client)
{
	client->is_doomed = true;
	client_set_ready(client);
}

/* who watches */

unsigned desk_get_watch(const struct daemon *daemon)
{
	unsigned watch = 0;

	if (match_registry_n_nodes(daemon->monitor_matches))
		watch |= DESK_WATCH_MONITORS;
	if (match_registry_n_eavesdropping(daemon->matches))
		watch |= DESK_WATCH_EAVESDROPPERS;
	return watch;
}

/* life */

void desk_init(struct desk *desk)
{
	htable_init(&desk->clients);
	INIT_LIST_HEAD(&desk->list);
	INIT_LIST_HEAD(&desk->gone);
	loop_timer_init(&desk->unwatch_timer, per_client_unwatch);
}

int desk_open(struct daemon *daemon)
{
	const struct creds self = {
		.uid = geteuid(), .gid = getegid(), .pid = getpid(), .pidfd = -1};
	struct engine_hello hello = {
		.flags = KDBUS_HELLO_ACCEPT_FD | ENGINE_HELLO_APART,
		.creds = &self,
		.description = "org.freedesktop.DBus",
	};
	struct desk *desk = &daemon->desk;
	int r;

	r = synthetic_name_lost(DRIVER_NAME, DRIVER_NAME, &desk->done);
	return r < 0 ? r : engine_connect(daemon->engine, &hello, &desk->conn);
}

void desk_close(struct daemon *daemon)
{
	struct desk *desk = &daemon->desk;
	struct desk_client *entry, *tmp;

	loop_timer_disarm(&desk->unwatch_timer);
	list_splice_tail_init(&desk->list, &desk->gone);
	list_for_each_entry_safe(entry, tmp, &desk->gone, client.link)
		desk_client_free(entry);
	desk->conn = engine_conn_close(desk->conn);
	desk->done = message_unref(desk->done);
	htable_deinit(&desk->clients);
}
