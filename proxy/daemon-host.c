/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the engine and the driver ask of the daemon: callbacks that look something
 * up or take a note, and never call back.
 */
#include "proxy/daemon-host.h"

#include <errno.h>
#include <string.h>

#include "proxy/daemon.h"
#include "proxy/dispatch.h"
#include "proxy/eavesdrop.h"
#include "proxy/monitor.h"
#include "proxy/errand.h"
#include "proxy/parties.h"
#include "proxy/per-client.h"
#include "proxy/translate.h"

static struct client *client_of(const struct engine_conn *conn)
{
	return engine_conn_userdata(conn);
}

/* engine */

static void host_wake(void *userdata, struct engine_conn *conn)
{
	struct daemon *daemon = userdata;

	if (desk_is_conn(&daemon->desk, conn))
		daemon->desk.is_ready = true;
	else
		client_set_ready(client_of(conn));
}

static int host_may_deliver(void *userdata, struct engine_conn *src, struct engine_conn *dst,
			    const struct engine_send *send, bool is_reply)
{
	const struct message *message = message_from_payload(send->payload);
	struct daemon *daemon = userdata;
	int r;

	daemon->work++;
	r = access_may_deliver(userdata, client_of(src), client_of(dst), message,
			       is_reply ? POLICY_MESSAGE_REQUESTED : 0);
	if (r < 0 && send->dst_id == KDBUS_DST_ID_BROADCAST)
		monitor_feed_refusal(userdata, client_of(src), message);
	return r;
}

/* who sent it is not ours to answer: the log says by which rule it was refused */
static int host_refused(struct daemon *daemon, int r, const struct engine_received *received,
			const struct message *message)
{
	if (r == -EACCES && received->dst_id == KDBUS_DST_ID_BROADCAST)
		monitor_feed_refused_stranger(daemon, received, message);
	else if (r == -EACCES)
		translate_log_refused(daemon, received, message);
	access_end_message(&daemon->access);
	return r;
}

static int host_may_receive(void *userdata, struct engine_conn *dst,
			    const struct engine_received *received, bool is_reply)
{
	struct daemon *daemon = userdata;
	struct message message;
	int r;

	if (desk_is_conn(&daemon->desk, dst))
		return desk_may_receive(daemon, received);
	/* what is no message of ours is dropped where it arrives; of what is cut nobody knows */
	if (!translate_peek(daemon, received, &message))
		return received->is_cut ? -EMSGSIZE : 0;
	r = access_may_receive(daemon, received, client_of(dst), &message,
			       is_reply ? POLICY_MESSAGE_REQUESTED : 0);
	return host_refused(daemon, r, received, &message);
}

static int host_may_send(void *userdata, struct engine_conn *src, const struct engine_stranger *dst,
			 const struct engine_send *send, bool is_reply)
{
	const struct message *message = message_from_payload(send->payload);
	struct daemon *daemon = userdata;
	int r;

	/* what the bus says itself, or in a client's place */
	if (daemon->is_answering || desk_is_conn(&daemon->desk, src))
		return 0;
	r = access_may_send(daemon, client_of(src), dst, message,
			    is_reply ? POLICY_MESSAGE_REQUESTED : 0);
	if (r < 0 && send->dst_id == KDBUS_DST_ID_BROADCAST)
		monitor_feed_refusal(daemon, client_of(src), message);
	return r;
}

static int host_may_pass(void *userdata, const struct engine_stranger *dst,
			 const struct engine_received *received, bool is_reply)
{
	struct daemon *daemon = userdata;
	struct message message;
	int r;

	daemon->work++;
	/* as in host_may_receive() */
	if (!translate_peek(daemon, received, &message))
		return received->is_cut ? -EMSGSIZE : 0;
	r = access_may_relay(daemon, received, dst, &message,
			     is_reply ? POLICY_MESSAGE_REQUESTED : 0);
	return host_refused(daemon, r, received, &message);
}

struct host_search {
	struct engine_candidates *candidates;
	bool has_fds;
};

static void host_hit(void *userdata, struct match_owner *owner)
{
	const struct client *client = client_from_matches(owner);
	const struct host_search *search = userdata;

	/* who cannot take descriptors does not miss the message: it is not for it */
	if (client->caller.conn && (!search->has_fds || client->is_fds_agreed))
		engine_candidates_add(search->candidates, client->caller.conn,
				      TRANSLATE_TAG_MATCHED);
}

static void host_find(struct daemon *daemon, struct match_subject *subject, bool has_fds,
		      struct engine_candidates *candidates)
{
	match_registry_find(daemon->matches, subject, host_hit,
			    &(struct host_search){.candidates = candidates, .has_fds = has_fds});
}

static void host_count_names(struct daemon *daemon, const struct synthetic_change *change)
{
	struct daemon_counts *counts = &daemon->counts;

	if (*change->name == ':') {
		counts->n_ids += !*change->old_owner;
		counts->n_ids -= !*change->new_owner;
	}
	counts->n_names += !*change->old_owner;
	counts->n_names -= !*change->new_owner;
	if (counts->n_names > counts->peak_names)
		counts->peak_names = counts->n_names;
}

static void host_notification_candidates(struct daemon *daemon,
					 const struct engine_notification *notification,
					 struct engine_candidates *candidates)
{
	struct synthetic_change change;
	struct match_subject subject;

	desk_note(daemon, notification);
	if (!synthetic_change_init(&change, notification, daemon->id_offset))
		return;
	host_count_names(daemon, &change);
	monitor_feed_notification(daemon, notification);
	match_subject_init_change(&subject, change.name, change.old_owner, change.new_owner);
	host_find(daemon, &subject, false, candidates);
}

static void host_subject_init(struct daemon *daemon, struct match_subject *subject,
			      const struct engine_received *received, const struct message *message,
			      char sender[UNIQUE_NAME_SIZE])
{
	match_subject_init_message(subject, message);
	unique_name_format(received->src_id, daemon->id_offset, sender);
	parties_init_sender(subject, received, sender);
}

static void host_stranger_candidates(struct daemon *daemon, const struct engine_received *received,
				     struct engine_candidates *candidates)
{
	char sender[UNIQUE_NAME_SIZE];
	struct match_subject subject;
	struct message message;

	/* rules look at arguments as well, and so much is no news */
	if (received->is_cut || !translate_peek(daemon, received, &message))
		return;
	host_subject_init(daemon, &subject, received, &message, sender);
	host_find(daemon, &subject, message.header.n_fds, candidates);
}

static void host_broadcast_candidates(void *userdata, const struct engine_broadcast *broadcast,
				      struct engine_candidates *candidates)
{
	struct daemon *daemon = userdata;
	const struct message *message;
	struct match_subject subject;

	if (broadcast->notification) {
		host_notification_candidates(daemon, broadcast->notification, candidates);
		return;
	}
	if (broadcast->received) {
		host_stranger_candidates(daemon, broadcast->received, candidates);
		return;
	}
	message = message_from_payload(broadcast->send->payload);
	match_subject_init_message(&subject, message);
	parties_init(daemon, &subject, message_sender(message), NULL);
	host_find(daemon, &subject, message->header.n_fds, candidates);
}

static bool host_is_listening(void *userdata)
{
	const struct daemon *daemon = userdata;

	return desk_get_watch(daemon);
}

static void host_overheard(void *userdata, const struct engine_received *received, uint64_t dst_id)
{
	__cleanup(message_unrefp) struct message *message = NULL;
	struct daemon *daemon = userdata;

	/* monitors are shown what is said there, not how it gets there */
	if (daemon->desk.conn && dst_id == engine_conn_id(daemon->desk.conn)) {
		desk_overheard(daemon, received);
		return;
	}
	/* without memory a monitor misses something; what is not of D-Bus it cannot be shown */
	if (translate_overheard(daemon, received, &message) < 0 || !message)
		return;
	activation_announce(&daemon->activation, message);
	monitor_feed_stranger(daemon, received, message);
	if (dst_id != KDBUS_DST_ID_BROADCAST)
		eavesdrop_feed_stranger(daemon, received, dst_id, message);
}

static void host_news(void *userdata, const struct engine_notification *notification)
{
	monitor_feed_notification(userdata, notification);
}

static bool host_accepts_notification(struct client *client,
				      const struct engine_notification *notification,
				      uint64_t *tag_out)
{
	struct daemon *daemon = client->daemon;
	struct synthetic_change change;
	struct match_subject subject;
	uint64_t self = engine_conn_id(client->caller.conn);

	if (!synthetic_change_init(&change, notification, daemon->id_offset))
		return false;
	match_subject_init_change(&subject, change.name, change.old_owner, change.new_owner);
	if (match_owner_accepts(daemon->matches, &client->caller.matches, &subject)) {
		*tag_out = TRANSLATE_TAG_MATCHED;
		return true;
	}
	*tag_out = 0;
	return change.old_id == self || change.new_id == self;
}

/* the policy, for a broadcast that the engine did not ask about */
static bool host_may_hear(struct client *client, const struct engine_received *received,
			  const struct message *message)
{
	int r = access_may_take(client->daemon, received, client, message);

	access_end_message(&client->daemon->access);
	return !r;
}

/* for engines that deliver more than is wanted */
static bool host_accepts(void *userdata, struct engine_conn *conn,
			 const struct engine_received *received, uint64_t *tag_out)
{
	struct client *client = client_of(conn);
	struct daemon *daemon = userdata;
	char sender[UNIQUE_NAME_SIZE];
	struct match_subject subject;
	struct message message;

	if (received->src_id == KDBUS_SRC_ID_KERNEL)
		return host_accepts_notification(client, &received->notification, tag_out);
	if (!translate_peek(daemon, received, &message))
		return false;
	host_subject_init(daemon, &subject, received, &message, sender);
	*tag_out = TRANSLATE_TAG_MATCHED;
	return match_owner_accepts(daemon->matches, &client->caller.matches, &subject) &&
	       host_may_hear(client, received, &message);
}

static void host_lost(void *userdata, struct engine_conn *conn, uint64_t src_id)
{
	struct daemon *daemon = userdata;
	struct client *client = client_of(conn);
	char sender[UNIQUE_NAME_SIZE] = "the bus or several";

	daemon->counts.n_lost++;
	if (desk_is_conn(&daemon->desk, conn))
		return;
	if (!log_limit_pass(&daemon->log_lost))
		return;
	if (src_id)
		unique_name_format(src_id, daemon->id_offset, sender);
	log_warning("%s (uid=%d pid=%d) does not read: message from %s lost", client->unique_name,
		    (int)client->creds.uid, (int)client->creds.pid, sender);
}

static int host_may_wait(void *userdata, struct engine_conn *src, void *activator_userdata,
			 const struct engine_send *send)
{
	return activation_may_wait(activator_userdata, client_of(src),
				   message_from_payload(send->payload));
}

static int host_may_await(void *userdata, void *activator_userdata,
			  const struct engine_received *received)
{
	struct daemon *daemon = userdata;
	struct message message;
	int r;

	/* who takes the name may understand it, and if it is one of ours is asked then */
	if (!translate_peek(daemon, received, &message))
		return 0;
	r = activation_may_await(activator_userdata, received, &message);
	/* whoever is told what becomes of it must be known by then */
	if (!r && received->src_is_judged)
		r = desk_know(daemon, received);
	return host_refused(daemon, r, received, &message);
}

static void host_waits(void *userdata, void *activator_userdata)
{
	activation_note_waits(activator_userdata);
}

static void host_taken(void *userdata, void *activator_userdata)
{
	activation_note_taken(activator_userdata);
}

/* to a client of a proxy; what was refused is in the log */
static void host_undelivered_stranger(struct daemon *daemon, const struct engine_received *received,
				      int error)
{
	struct client *client = desk_look_up(daemon, received->src_id);
	struct message message;

	if (!client)
		return;
	/* who waits is not to wait for ever */
	if (!received->payload || !translate_peek(daemon, received, &message)) {
		desk_give_up(client);
		return;
	}
	daemon->is_in_engine = true;
	dispatch_refused(client, &message, error);
	daemon->is_in_engine = false;
}

static void host_undelivered(void *userdata, struct engine_conn *src, struct engine_conn *dst,
			     const struct engine_received *received, int error)
{
	struct daemon *daemon = userdata;

	if (!src)
		host_undelivered_stranger(daemon, received, error);
	if (!src || !received->is_shared)
		return;
	daemon->is_in_engine = true;
	dispatch_refused(client_of(src), message_from_payload(received->payload), error);
	daemon->is_in_engine = false;
	access_end_message(&daemon->access);
}

static void host_deadline(void *userdata, uint64_t deadline_ns)
{
	struct daemon *daemon = userdata;

	/* the far future stands for never */
	if (deadline_ns >= ENGINE_NO_TIMEOUT)
		loop_timer_disarm(&daemon->reply_timer);
	else
		loop_timer_arm(&daemon->loop, &daemon->reply_timer, deadline_ns);
}

void daemon_host_init(struct engine_host *host, struct daemon *daemon)
{
	*host = (struct engine_host){
		.userdata = daemon,
		.wake = host_wake,
		.may_deliver = host_may_deliver,
		.may_receive = host_may_receive,
		.may_send = host_may_send,
		.may_pass = host_may_pass,
		.broadcast_candidates = host_broadcast_candidates,
		.is_listening = host_is_listening,
		.overheard = host_overheard,
		/* the owner has the monitors */
		.news = daemon->is_joined ? NULL : host_news,
		.accepts = host_accepts,
		.lost = host_lost,
		.deadline = host_deadline,
		.may_wait = host_may_wait,
		.may_await = host_may_await,
		.waits = host_waits,
		.taken = host_taken,
		.undelivered = host_undelivered,
	};
}

void daemon_host_engine_ready(struct loop_source *source, uint32_t events)
{
	struct daemon *daemon = container_of(source, struct daemon, engine_source);

	engine_dispatch(daemon->engine);
}

void daemon_host_news(struct loop_source *source, uint32_t events)
{
	per_client_reload(container_of(source, struct daemon, news_source));
}

/* driver */

static struct client *client_of_caller(const struct driver_caller *caller)
{
	return container_of(caller, struct client, caller);
}

static const struct creds *ops_caller_creds(void *userdata, const struct driver_caller *caller)
{
	return &client_of_caller(caller)->creds;
}

static int ops_hello(void *userdata, struct driver_caller *caller)
{
	return client_hello(client_of_caller(caller));
}

static bool ops_may_own(void *userdata, struct driver_caller *caller, const char *name,
			char rule_out[DRIVER_MAX_RULE])
{
	struct client *client = client_of_caller(caller);
	struct daemon *daemon = userdata;
	struct policy_verdict verdict;

	if (policy_may_own(client->identity, name, &verdict))
		return true;
	access_print_rule(daemon, &verdict, rule_out, DRIVER_MAX_RULE);
	if (log_limit_pass(&daemon->log_denied))
		log_notice("Connection \"%s\" (uid=%d pid=%d) is not allowed to own the service "
			   "\"%s\"%s",
			   client->unique_name, (int)client->creds.uid, (int)client->creds.pid,
			   name, rule_out);
	if (!(caller->flags & DRIVER_CALLER_PRIVILEGED))
		*rule_out = '\0';
	return false;
}

static int ops_pidfd(void *userdata, uint64_t id)
{
	struct daemon *daemon = userdata;
	struct engine_conn *conn = engine_find_conn(daemon->engine, id);

	return conn ? client_pidfd(client_of(conn)) : -1;
}

static int ops_creds(void *userdata, uint64_t id, const struct creds **creds_out)
{
	struct daemon *daemon = userdata;
	struct engine_conn *conn = engine_find_conn(daemon->engine, id);
	struct client *client = conn ? client_of(conn) : NULL;
	int r = client ? client_complete_creds(client) : 0;

	if (!r)
		*creds_out = client ? &client->creds : NULL;
	return r;
}

static int ops_reload(void *userdata, char **text_out)
{
	return daemon_reload(userdata, text_out);
}

static int ops_set_environment(void *userdata, const char *name, const char *value)
{
	struct daemon *daemon = userdata;
	int r;

	r = environment_set(&daemon->environment, name, value);
	if (!r)
		r = activation_tell_variable(&daemon->activation, name, value);
	return r;
}

static int ops_environment_changed(void *userdata)
{
	struct daemon *daemon = userdata;

	return activation_tell_environment(&daemon->activation);
}

static int ops_start_service(void *userdata, struct driver_caller *caller, uint32_t serial,
			     const char *name)
{
	struct daemon *daemon = userdata;

	return activation_start_service(&daemon->activation, client_of_caller(caller), serial,
					name);
}

static int ops_activatable(void *userdata, int (*fn)(void *fn_userdata, const char *name),
			   void *fn_userdata)
{
	struct daemon *daemon = userdata;

	activation_refresh(&daemon->activation);
	return activation_list(&daemon->activation, fn, fn_userdata);
}

/* whoever is on the bus without us has an id as well */
static uint32_t host_n_elsewhere(const struct daemon *daemon)
{
	const struct client *client;
	uint32_t n_own = 0;

	if (!daemon->is_served)
		return 0;
	list_for_each_entry(client, &daemon->clients, link)
		n_own += client->state == CLIENT_ACTIVE;
	return daemon->counts.n_ids - n_own;
}

static void ops_stats(void *userdata, struct driver_stats *stats_out)
{
	const struct daemon *daemon = userdata;

	*stats_out = (struct driver_stats){
		.n_active = daemon->counts.n_active + host_n_elsewhere(daemon),
		.n_incomplete = daemon->counts.n_incomplete,
		.peak_names = daemon->counts.peak_names,
	};
}

static void ops_connection_stats(void *userdata, const struct driver_caller *caller,
				 struct driver_connection_stats *stats_out)
{
	client_get_stats(container_of(caller, struct client, caller), stats_out);
}

static int ops_connections(void *userdata,
			   int (*fn)(void *fn_userdata, const struct driver_caller *caller),
			   void *fn_userdata)
{
	struct daemon *daemon = userdata;
	struct client *client;
	int r;

	list_for_each_entry(client, &daemon->clients, link) {
		if (client->state != CLIENT_ACTIVE && client->state != CLIENT_MONITOR)
			continue;
		r = fn(fn_userdata, &client->caller);
		if (r)
			return r;
	}
	return 0;
}

const struct driver_ops daemon_driver_ops = {
	.caller_creds = ops_caller_creds,
	.hello = ops_hello,
	.may_own = ops_may_own,
	.creds = ops_creds,
	.pidfd = ops_pidfd,
	.reload = ops_reload,
	.set_environment = ops_set_environment,
	.environment_changed = ops_environment_changed,
	.start_service = ops_start_service,
	.activatable = ops_activatable,
	.stats = ops_stats,
	.connection_stats = ops_connection_stats,
	.connections = ops_connections,
};

static int ops_forward(void *userdata, struct driver_caller *caller, const struct message *call)
{
	return errand_ask(client_of_caller(caller), call);
}

const struct driver_ops daemon_joined_ops = {
	.caller_creds = ops_caller_creds,
	.hello = ops_hello,
	.may_own = ops_may_own,
	.creds = ops_creds,
	.pidfd = ops_pidfd,
	.forward = ops_forward,
};
