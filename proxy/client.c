/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Client: see client.h.  Reading and writing its socket is client-io.c's business. */
#include "proxy/client.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proxy/admission.h"
#include "proxy/client-io.h"
#include "proxy/daemon.h"
#include "proxy/monitor.h"

/* in units of daemon.work: to make it, and to keep it */
enum { ANSWER_WORK = 4 };

/* which states may follow which */
static const uint8_t client_next_states[] = {
	[CLIENT_AUTH] = 1 << CLIENT_HELLO | 1 << CLIENT_CLOSED,
	[CLIENT_HELLO] = 1 << CLIENT_ACTIVE | 1 << CLIENT_CLOSED,
	[CLIENT_ACTIVE] = 1 << CLIENT_MONITOR | 1 << CLIENT_CLOSED,
	[CLIENT_MONITOR] = 1 << CLIENT_CLOSED,
	[CLIENT_CLOSED] = 0,
};

static bool is_incomplete(enum client_state state)
{
	return state == CLIENT_AUTH || state == CLIENT_HELLO;
}

void client_set_state(struct client *client, enum client_state state)
{
	struct daemon *daemon = client->daemon;
	enum client_state old = client->state;

	assert(client_next_states[old] & 1 << state);
	client->state = state;
	if (is_incomplete(old) && !is_incomplete(state)) {
		admission_leave(daemon, client);
		client->position = 0;
		if (state != CLIENT_CLOSED)
			daemon->counts.n_active++;
	} else if (state == CLIENT_CLOSED) {
		daemon->counts.n_active--;
	}
	if (old == CLIENT_AUTH && client->auth) {
		auth_deinit(client->auth);
		free(client->auth);
		client->auth = NULL;
	}
}

/* some of what it has sent has been received */
static void client_relieved(struct message_account *account)
{
	struct client *client = container_of(account, struct client, account);

	if (!client_must_pause(client))
		client_set_ready(client);
}

void client_await_relief(struct client *client, bool is_awaited)
{
	client->account.relieved = is_awaited ? client_relieved : NULL;
}

/* the same of one that is gone */
static void client_forgotten(struct message_account *account)
{
	if (!account->n_messages)
		free(container_of(account, struct client, account));
}

int client_new(struct daemon *daemon, int fd, const char *guid, struct client **client_out)
{
	struct client *client;
	int r;

	client = malloc(sizeof(*client));
	if (!client)
		goto no_memory;
	*client = (struct client){.auth = malloc(sizeof(*client->auth))};
	if (!client->auth)
		goto no_memory;
	r = creds_init_socket(&client->creds, fd);
	if (r < 0)
		goto failed;
	client->daemon = daemon;
	client->source.fd = fd;
	client->source.dispatch = client_dispatch;
	r = admission_has_place(daemon, &client->creds) ? 0 : -EUSERS;
	if (!r)
		r = loop_add(&daemon->loop, &client->source, EPOLLIN);
	if (r < 0) {
		creds_deinit(&client->creds);
		goto failed;
	}
	auth_init(client->auth, client->creds.uid, guid, daemon->mechanisms, true);
	outbound_init(&client->out);
	match_owner_init(&client->caller.matches);
	client->caller.unique_name = NULL;
	INIT_LIST_HEAD(&client->ready_link);
	list_add_tail(&client->link, &daemon->clients);
	admission_enter(daemon, client);
	*client_out = client;
	return 0;

no_memory:
	r = -ENOMEM;
failed:
	if (client)
		free(client->auth);
	free(client);
	close(fd);
	return r;
}

/* the line that says who was closed, why, and what it had not read */
static void client_log_closed(struct client *client, const char *why)
{
	struct driver_connection_stats stats;

	if (!log_limit_pass(&client->daemon->log_refused))
		return;
	client_get_stats(client, &stats);
	log_notice("Disconnected %s (uid=%d pid=%d, %llu bytes queued): %s",
		   *client->unique_name ? client->unique_name : "a client without a name",
		   (int)client->creds.uid, (int)client->creds.pid,
		   (unsigned long long)stats.outgoing.n_bytes, why);
}

/* leaves the engine: names are released and calls answered; nothing of it is delivered any more */
static void client_disconnect(struct client *client)
{
	struct daemon *daemon = client->daemon;

	activation_forget_client(client);
	match_registry_clear(client->state == CLIENT_MONITOR ? daemon->monitor_matches
							     : daemon->matches,
			     &client->caller.matches);
	client_drop_held(client);
	if (client->state != CLIENT_AUTH)
		client->asked = message_unref(client->asked);
	client->caller.conn = engine_conn_close(client->caller.conn);
}

void client_close(struct client *client, const char *why)
{
	struct daemon *daemon = client->daemon;

	if (client->is_elsewhere) {
		desk_give_up(client);
		return;
	}
	if (client->state == CLIENT_CLOSED)
		return;
	if (why)
		client_log_closed(client, why);
	client_disconnect(client);
	client_set_state(client, CLIENT_CLOSED);
	loop_remove(&daemon->loop, &client->source);
	close(steal_fd(&client->source.fd));
	client_forget_fds(client);
	inbound_deinit(&client->in);
	outbound_deinit(&client->out);
	client_await_relief(client, false);
	list_del(&client->ready_link);
	list_del(&client->long_link);
	list_move_tail(&client->link, &daemon->dead);
}

void client_free(struct client *client)
{
	assert(client->state == CLIENT_CLOSED);
	list_del(&client->link);
	policy_identity_unref(client->identity);
	creds_deinit(&client->creds);
	if (client->account.n_messages)
		client->account.relieved = client_forgotten;
	else
		free(client);
}

void client_set_ready(struct client *client)
{
	if (client->state == CLIENT_CLOSED || !list_empty(&client->ready_link))
		return;
	/* a full socket keeps nobody from sending: who writes before reading would wait for us */
	if (client->is_blocked && !client->is_read_paused && !client->in.kept)
		return;
	list_add_tail(&client->ready_link, &client->daemon->ready);
}

bool client_is_overfull(const struct client *client)
{
	const struct daemon_limits *limits = &client->daemon->limits;

	return client->out.n_answer_bytes > limits->max_outgoing_bytes ||
	       client->out.n_answer_fds > limits->max_outgoing_fds;
}

bool client_must_pause(const struct client *client)
{
	const struct daemon_limits *limits = &client->daemon->limits;
	const struct message_account *account = &client->account;

	if (client_is_overfull(client))
		return true;
	/* of who is gone the rest is not much, and is to be heard; and a single message passes */
	if (client->is_hung_up)
		return false;
	if (client->is_held)
		return true;
	return (account->n_sent_bytes && account->n_sent_bytes >= limits->max_incoming_bytes) ||
	       (account->n_sent_fds && account->n_sent_fds >= limits->max_incoming_fds);
}

/* position up to which the bus has queued to the client by now */
static uint64_t client_queued(struct client *client)
{
	return client->caller.conn ? engine_conn_position(client->caller.conn) : 0;
}

/* the same, of the moment when what is answered took effect */
static uint64_t client_answered(struct client *client)
{
	return client->caller.conn ? engine_conn_answer_position(client->caller.conn) : 0;
}

void client_answer(struct client *client, struct message *message)
{
	int r;

	if (client->state == CLIENT_CLOSED ||
	    !access_may_hear_driver(client->daemon, client, message))
		return;
	client->daemon->work += ANSWER_WORK + message->payload.size / DAEMON_BYTES_PER_WORK;
	if (client->is_told)
		r = outbound_answer_first(&client->out, message);
	else
		r = outbound_answer(&client->out, message, client_answered(client));
	if (r < 0) {
		client_out_of_memory(client);
		return;
	}
	client_set_ready(client);
}

void client_out_of_memory(struct client *client)
{
	struct daemon *daemon = client->daemon;

	if (!daemon->is_in_engine) {
		client_close(client, "out of memory");
		return;
	}
	client->is_doomed = true;
	daemon->has_doomed = true;
}

void client_close_doomed(struct daemon *daemon)
{
	struct client *client, *tmp;

	if (!daemon->has_doomed)
		return;
	daemon->has_doomed = false;
	list_for_each_entry_safe(client, tmp, &daemon->clients, link)
		if (client->is_doomed)
			client_close(client, "out of memory");
}

void client_signal(struct client *client, struct message *message)
{
	if (!access_may_hear_driver(client->daemon, client, message))
		return;
	if (outbound_answer(&client->out, message, client_queued(client)) < 0)
		client->daemon->counts.n_lost++;
	else
		client_set_ready(client);
}

void client_copy(struct client *client, struct message *message)
{
	message_gather(message);
	if (client_is_overfull(client) ||
	    outbound_answer(&client->out, message, client_queued(client)) < 0) {
		client->n_dropped++;
		client->daemon->counts.n_lost++;
		if (log_limit_pass(&client->daemon->log_lost))
			log_warning("%s %s (uid=%d pid=%d) does not keep up: message lost",
				    client->state == CLIENT_MONITOR ? "Monitor" : "Eavesdropper",
				    client->unique_name, (int)client->creds.uid,
				    (int)client->creds.pid);
		return;
	}
	client_set_ready(client);
}

const char *client_sender(const struct client *client, size_t *len_out)
{
	if (client->unique_name_len) {
		*len_out = client->unique_name_len;
		return client->unique_name;
	}
	*len_out = strlen(UNIQUE_NAME_NOT_ACTIVE);
	return UNIQUE_NAME_NOT_ACTIVE;
}

/* who came without saying who it is has no identity but its process */
static void client_set_anonymous(struct client *client)
{
	client->is_anonymous = true;
	client->creds.uid = CREDS_UNKNOWN;
	client->creds.gid = CREDS_UNKNOWN;
	free(client->creds.groups);
	client->creds.groups = NULL;
	client->creds.n_groups = 0;
}

void client_authenticated(struct client *client)
{
	struct daemon *daemon = client->daemon;
	char rule[ACCESS_MAX_RULE], why[ACCESS_MAX_RULE + 32];

	client->is_fds_agreed = client->auth->is_fds_agreed;
	if (client->auth->is_anonymous)
		client_set_anonymous(client);
	client_set_state(client, CLIENT_HELLO);
	if (access_learn(daemon, client) < 0) {
		client_close(client, "the users of this machine could not be read");
		return;
	}
	if (access_need_groups(&daemon->access, client) < 0) {
		client_close(client, "out of memory");
		return;
	}
	if (!access_may_connect(daemon, client, rule)) {
		snprintf(why, sizeof(why), "may not connect to this bus%s", rule);
		client_close(client, why);
		return;
	}
	if (client->is_fds_agreed)
		client->caller.flags |= DRIVER_CALLER_FDS;
	if (!client->is_anonymous && (!client->creds.uid || client->creds.uid == daemon->owner_uid))
		client->caller.flags |= DRIVER_CALLER_PRIVILEGED;
}

/* can others than this process look at what the bus records of a client? */
static bool daemon_shows_creds(const struct daemon *daemon)
{
	return daemon->is_served || engine_has_strangers(daemon->engine);
}

int client_hello(struct client *client)
{
	struct daemon *daemon = client->daemon;
	struct engine_hello hello = {
		.flags = client->is_fds_agreed ? KDBUS_HELLO_ACCEPT_FD : 0,
		.creds = &client->creds,
		.userdata = client,
	};
	int r;

	if (daemon->counts.n_active >= daemon->limits.max_completed)
		return DRIVER_HELLO_LIMIT;
	if (daemon->limits.has_no_users)
		return DRIVER_HELLO_USER_LIMIT;
	r = daemon_shows_creds(daemon) ? client_complete_creds(client) : 0;
	r = r ?: access_identify(&daemon->access, client);
	if (r < 0)
		return r;
	r = engine_connect(daemon->engine, &hello, &client->caller.conn);
	if (r < 0) {
		client->identity = policy_identity_unref(client->identity);
		return r == -EMFILE ? DRIVER_HELLO_USER_LIMIT : r;
	}
	client->unique_name_len = unique_name_format(engine_conn_id(client->caller.conn),
						     daemon->id_offset, client->unique_name);
	client->caller.unique_name = client->unique_name;
	client_set_state(client, CLIENT_ACTIVE);
	return 0;
}

static int client_lose_name(struct client *client, const char *name)
{
	__cleanup(message_unrefp) struct message *message = NULL;
	int r;

	r = synthetic_name_lost(name, client->unique_name, &message);
	if (r < 0)
		return r;
	monitor_feed(client->daemon, message);
	return outbound_answer(&client->out, message, 0);
}

/* what it hears of the end of its names: the unique one first, and no NameOwnerChanged */
static int client_lose_names(struct client *client)
{
	void *position = NULL;
	const char *name;
	bool is_queued;
	int r;

	r = client_lose_name(client, client->unique_name);
	while (!r && (name = engine_conn_next_name(client->caller.conn, &position, &is_queued)))
		if (!is_queued)
			r = client_lose_name(client, name);
	return r;
}

/* what it still hears as a peer */
static int client_say_farewell(struct client *client)
{
	int r;

	activation_forget_client(client);
	match_registry_clear(client->daemon->matches, &client->caller.matches);
	r = client_drain(client);
	return r < 0 ? r : client_lose_names(client);
}

int client_move_apart(struct client *client)
{
	struct daemon *daemon = client->daemon;
	struct engine_hello hello = {
		.flags = ENGINE_HELLO_APART | (client->is_fds_agreed ? KDBUS_HELLO_ACCEPT_FD : 0),
		.creds = &client->creds,
		.userdata = client,
	};
	struct engine_conn *conn;
	int r;

	r = client_say_farewell(client);
	r = r ?: engine_connect(daemon->engine, &hello, &conn);
	if (r < 0)
		return r;
	client_drop_held(client);
	engine_conn_close(client->caller.conn);
	client->caller.conn = conn;
	client->position = 0;
	client_set_state(client, CLIENT_MONITOR);
	client_set_ready(client);
	return 0;
}

int client_become_monitor(struct client *client, struct match_rule *const *rules, size_t n_rules)
{
	struct daemon *daemon = client->daemon;
	int r;

	if (client->is_elsewhere) {
		desk_admit(client);
		return 0;
	}
	r = client_say_farewell(client);
	if (client->state == CLIENT_CLOSED)
		return r;
	client_set_state(client, CLIENT_MONITOR);
	client->caller.conn = engine_conn_close(client->caller.conn);
	for (size_t i = 0; i < n_rules && !r; i++)
		r = match_registry_add(daemon->monitor_matches, &client->caller.matches, rules[i]);
	client_set_ready(client);
	return r;
}

uint64_t client_id(const struct client *client)
{
	return client->is_elsewhere ? desk_client_id(client) : engine_conn_id(client->caller.conn);
}

int client_pidfd(struct client *client)
{
	return creds_get_pidfd(&client->creds, client->source.fd);
}

int client_complete_creds(struct client *client)
{
	/* of who is elsewhere the bus knows all that there is to know */
	return client->is_elsewhere ? 0 : creds_complete(&client->creds, client->source.fd);
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void client_get_stats(const struct client *client, struct driver_connection_stats *stats_out)
{
	const struct message_account *account = &client->account;
	struct driver_traffic *in = &stats_out->incoming, *out = &stats_out->outgoing;
	struct engine_queue queue;

	*stats_out = (struct driver_connection_stats){.n_dropped = client->n_dropped};
	/* what is unfinished is no message yet */
	*in = (struct driver_traffic){
		.n_messages = account->n_messages,
		.n_bytes = account->n_bytes + inbound_n_bytes(&client->in),
		.n_fds = account->n_fds + inbound_n_fds(&client->in),
		.peak_bytes = account->peak_bytes,
		.peak_fds = account->peak_fds,
	};
	outbound_count(&client->out, &out->n_messages, &out->n_bytes, &out->n_fds);
	out->peak_bytes = client->out.peak_bytes;
	out->peak_fds = client->out.peak_fds;
	if (client->caller.conn && engine_conn_get_queue(client->caller.conn, &queue)) {
		stats_out->n_queued = queue.n_msgs;
		out->n_messages += queue.n_msgs;
		out->n_bytes += queue.n_bytes;
		out->n_fds += queue.n_fds;
		/* the two had their peaks at different times perhaps: at least so much it was */
		out->peak_bytes = max_u64(out->peak_bytes, queue.peak_bytes);
		out->peak_fds = max_u64(out->peak_fds, queue.peak_fds);
	}
	out->peak_bytes = max_u64(out->peak_bytes, out->n_bytes);
	out->peak_fds = max_u64(out->peak_fds, out->n_fds);
	in->peak_bytes = max_u64(in->peak_bytes, in->n_bytes);
	in->peak_fds = max_u64(in->peak_fds, in->n_fds);
}
