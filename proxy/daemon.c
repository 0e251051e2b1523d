/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Daemon: see daemon.h.  What the engine and the driver ask of it is in daemon-host.c. */
#include "proxy/client-io.h"
#include "proxy/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "proxy/admission.h"
#include "proxy/daemon-host.h"
#include "proxy/listener.h"
#include "proxy/monitor.h"
#include "proxy/parties.h"
#include "proxy/per-client.h"

enum {
	CHUNK_SIZE = 256 * 1024,
	TAILS_MAX = 8,		 /* long messages moved at a time: a user's pipes are counted */
	MAX_MESSAGE_FDS = 253,	 /* what one sendmsg() can carry */
	MAX_OUTGOING_FDS = 1024, /* in answers, which nobody but the client is charged for */
	UNSENT_BYTES = 1 << 20,	 /* more than a batch that a socket has not taken yet */
	RETRY_MS = 20,		 /* when too many descriptors are in flight */
	LOG_INTERVAL_MS = 10000, /* rate limit of lines that clients cause */
	LOG_BURST = 20,
};

#define NS_PER_MS UINT64_C(1000000)

/* timers */

static void daemon_retry_expired(struct loop_timer *timer)
{
	struct daemon *daemon = container_of(timer, struct daemon, retry_timer);

	list_splice_tail_init(&daemon->waiting, &daemon->ready);
}

void daemon_retry_later(struct daemon *daemon, struct client *client)
{
	list_move_tail(&client->ready_link, &daemon->waiting);
	if (!loop_timer_is_armed(&daemon->retry_timer))
		loop_timer_arm(&daemon->loop, &daemon->retry_timer,
			       loop_now_ns() + RETRY_MS * NS_PER_MS);
}

static void daemon_reply_expired(struct loop_timer *timer)
{
	struct daemon *daemon = container_of(timer, struct daemon, reply_timer);

	engine_expire(daemon->engine, loop_now_ns());
}

/* signals */

static void daemon_signalled(struct loop_source *source, uint32_t events)
{
	struct daemon *daemon = container_of(source, struct daemon, signal_source);
	struct signalfd_siginfo info;

	if (read(source->fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGTERM) {
		sd_notify(0, "STOPPING=1");
		loop_stop(&daemon->loop);
	} else if (info.ssi_signo == SIGHUP) {
		__cleanup(freep) char *text = NULL;

		/* what there is to say was logged */
		daemon_reload(daemon, &text);
	}
}

static int daemon_init_signals(struct daemon *daemon)
{
	sigset_t mask;
	int r;

	/* a client that went away is told by errno */
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
		return -errno;
	daemon->signal_source.fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (daemon->signal_source.fd < 0)
		return -errno;
	daemon->signal_source.dispatch = daemon_signalled;
	r = loop_add(&daemon->loop, &daemon->signal_source, EPOLLIN);
	return r;
}

/* signals of the bus' own */

static void daemon_broadcast_hit(void *userdata, struct match_owner *owner)
{
	client_signal(client_from_matches(owner), userdata);
}

void daemon_broadcast(struct daemon *daemon, struct message *message)
{
	struct match_subject subject;

	monitor_feed(daemon, message);
	match_subject_init_message(&subject, message);
	parties_init(daemon, &subject, message_sender(message), NULL);
	match_registry_find(daemon->matches, &subject, daemon_broadcast_hit, message);
}

/* limits */

static uint64_t limit_value(const struct config *config, enum config_limit_id id, uint64_t max)
{
	uint64_t value = config->limits[id].value;

	return value < max ? value : max;
}

static uint64_t limit_ns(const struct config *config, enum config_limit_id id)
{
	int64_t ms = config->limits[id].value;

	return ms < 0 ? 0 : (uint64_t)ms * NS_PER_MS;
}

void daemon_set_limits(struct daemon *daemon, const struct config *config)
{
	struct daemon_limits *limits = &daemon->limits;

	limits->inbound.max_message_size =
		limit_value(config, CONFIG_LIMIT_MAX_MESSAGE_SIZE, WIRE_MAX_SIZE);
	limits->inbound.max_message_fds =
		limit_value(config, CONFIG_LIMIT_MAX_MESSAGE_UNIX_FDS, MAX_MESSAGE_FDS);
	limits->auth_timeout_ns = limit_ns(config, CONFIG_LIMIT_AUTH_TIMEOUT);
	limits->pending_fd_timeout_ns = limit_ns(config, CONFIG_LIMIT_PENDING_FD_TIMEOUT);
	limits->reply_timeout_ns = limit_ns(config, CONFIG_LIMIT_REPLY_TIMEOUT);
	limits->start_timeout_ns = limit_ns(config, CONFIG_LIMIT_SERVICE_START_TIMEOUT);
	limits->max_outgoing_bytes =
		limit_value(config, CONFIG_LIMIT_MAX_OUTGOING_BYTES, UINT32_MAX);
	limits->max_outgoing_fds =
		limit_value(config, CONFIG_LIMIT_MAX_OUTGOING_UNIX_FDS, MAX_OUTGOING_FDS);
	limits->max_incoming_bytes =
		limit_value(config, CONFIG_LIMIT_MAX_INCOMING_BYTES, UINT32_MAX);
	limits->max_incoming_fds =
		limit_value(config, CONFIG_LIMIT_MAX_INCOMING_UNIX_FDS, MAX_OUTGOING_FDS);
	/* where both come to the same, whoever sends to one that does not read gets errors: that
	 * one is not to stop it */
	if (limits->max_incoming_bytes >= limits->max_outgoing_bytes)
		limits->max_incoming_bytes += limits->inbound.max_message_size + UNSENT_BYTES;
	if (limits->max_incoming_fds >= limits->max_outgoing_fds)
		limits->max_incoming_fds += limits->inbound.max_message_fds + MAX_MESSAGE_FDS;
	limits->inbound.min_tail = TAIL_MIN;
	limits->max_incomplete =
		limit_value(config, CONFIG_LIMIT_MAX_INCOMPLETE_CONNECTIONS, UINT32_MAX);
	limits->max_completed =
		limit_value(config, CONFIG_LIMIT_MAX_COMPLETED_CONNECTIONS, UINT32_MAX);
	limits->has_no_replies = !config->limits[CONFIG_LIMIT_MAX_REPLIES_PER_CONNECTION].value;
	limits->has_no_users = !config->limits[CONFIG_LIMIT_MAX_CONNECTIONS_PER_USER].value;
	limits->driver.n_names =
		limit_value(config, CONFIG_LIMIT_MAX_NAMES_PER_CONNECTION, UINT32_MAX);
	limits->driver.n_matches =
		limit_value(config, CONFIG_LIMIT_MAX_MATCH_RULES_PER_CONNECTION, UINT32_MAX);
	limits->driver.n_starts =
		limit_value(config, CONFIG_LIMIT_MAX_PENDING_SERVICE_STARTS, UINT32_MAX);
}

void daemon_get_engine_limits(const struct config *config, struct engine_limits *limits_out)
{
	uint64_t bytes = limit_value(config, CONFIG_LIMIT_MAX_OUTGOING_BYTES, UINT32_MAX / 2);
	uint32_t n_fds = limit_value(config, CONFIG_LIMIT_MAX_OUTGOING_UNIX_FDS, UINT32_MAX);

	*limits_out = (struct engine_limits){
		/* a sender gets a third of half a pool: so much that it is max_outgoing_bytes */
		.pool_size = (6 * bytes + 4096) & ~UINT64_C(4095),
		.n_conns_user =
			limit_value(config, CONFIG_LIMIT_MAX_CONNECTIONS_PER_USER, UINT32_MAX),
		.n_names_conn =
			limit_value(config, CONFIG_LIMIT_MAX_NAMES_PER_CONNECTION, UINT32_MAX),
		.n_replies_conn =
			limit_value(config, CONFIG_LIMIT_MAX_REPLIES_PER_CONNECTION, UINT32_MAX),
		/* 0 would be the default */
		.n_fds_user = n_fds ? n_fds : 1,
		.n_fds_msg =
			limit_value(config, CONFIG_LIMIT_MAX_MESSAGE_UNIX_FDS, MAX_MESSAGE_FDS),
		/* the bytes are the limit */
		.n_msgs_user = UINT32_MAX,
	};
}

/* life */

static void format_guid(const uint8_t bytes[16], char guid_out[33])
{
	for (int i = 0; i < 16; i++)
		snprintf(guid_out + 2 * i, 3, "%02x", bytes[i]);
}

/* where native programs look for a bus of that type */
static const char *daemon_bus_name(const struct config *config)
{
	switch (config->type) {
	case CONFIG_TYPE_SYSTEM:
		return "system";
	case CONFIG_TYPE_SESSION:
		return "user";
	default:
		return "bus";
	}
}

static int daemon_watch_engine(struct daemon *daemon)
{
	int r = 0;

	daemon->engine_source.fd = engine_poll_fd(daemon->engine);
	daemon->engine_source.dispatch = daemon_host_engine_ready;
	if (daemon->engine_source.fd >= 0)
		r = loop_add(&daemon->loop, &daemon->engine_source, EPOLLIN);
	daemon->news_source.fd = engine_news_fd(daemon->engine);
	daemon->news_source.dispatch = daemon_host_news;
	if (r < 0 || daemon->news_source.fd < 0)
		return r;
	/* what its owner has said is to hold for all that is sent since */
	daemon->loop.first = &daemon->news_source;
	return loop_add(&daemon->loop, &daemon->news_source, EPOLLIN);
}

static int daemon_init_engine(struct daemon *daemon, const struct daemon_options *options)
{
	struct engine_options engine_options = {
		.bus_name = daemon_bus_name(daemon->config),
		.host = &daemon->host,
		.serve_dir = options->engine_dir,
		.has_epoll = true,
		.epoll_fd = daemon->loop.epoll_fd,
		.owns_domain = options->owns_domain,
	};
	int r = 0;

	daemon_host_init(&daemon->host, daemon);
	daemon_get_engine_limits(daemon->config, &engine_options.limits);
	if (daemon->is_joined) {
		engine_set_host(daemon->engine, &daemon->host);
		r = engine_set_limits(daemon->engine, &engine_options.limits);
	} else {
		r = engine_open(options->engine ?: "embedded", &engine_options, &daemon->engine);
	}
	if (r < 0)
		return r;
	daemon->id_offset = engine_id_offset(daemon->engine);
	format_guid(engine_bus_id(daemon->engine), daemon->guid);
	return daemon_watch_engine(daemon);
}

static int daemon_init_environment(struct daemon *daemon)
{
	/* what the service manager says to the bus is not for what the bus starts */
	static const char *const own[] = {
		"LISTEN_FDNAMES", "LISTEN_FDS",	  "LISTEN_PID",	   "LISTEN_PIDFDID",
		"NOTIFY_SOCKET",  "WATCHDOG_PID", "WATCHDOG_USEC",
	};
	int r;

	r = environment_init(&daemon->environment, environ);
	for (size_t i = 0; !r && i < sizeof(own) / sizeof(own[0]); i++)
		environment_unset(&daemon->environment, own[i]);
	return r;
}

static int daemon_init_holders(struct daemon *daemon)
{
	int r;

	activation_make_directories(daemon->config);
	r = holders_new(daemon->engine, &daemon->holders);
	if (!r)
		r = activation_prepare(&daemon->activation, daemon->config);
	if (r < 0)
		return r;
	r = holders_load(daemon->holders, daemon->access.policy, daemon->owner_uid,
			 &daemon->activation.held);
	if (r < 0) {
		/* less is granted, to peers that need not even be there */
		log_warning("Peers without a proxy are granted nothing");
		r = holders_replace(daemon->holders, NULL, &daemon->activation.held);
	}
	if (!r)
		activation_commit(&daemon->activation);
	return r;
}

int daemon_new(struct config *config, const struct daemon_options *options,
	       struct daemon **daemon_out)
{
	__cleanup(daemon_freep) struct daemon *daemon = NULL;
	struct driver_options driver_options = {0};
	int r;

	daemon = calloc(1, sizeof(*daemon));
	if (!daemon) {
		engine_close(options->joined);
		return -ENOMEM;
	}
	daemon->engine = options->joined;
	daemon->is_joined = options->joined;
	INIT_LIST_HEAD(&daemon->listeners);
	INIT_LIST_HEAD(&daemon->clients);
	desk_init(&daemon->desk);
	INIT_LIST_HEAD(&daemon->ready);
	INIT_LIST_HEAD(&daemon->long_reads);
	INIT_LIST_HEAD(&daemon->flushing);
	INIT_LIST_HEAD(&daemon->waiting);
	INIT_LIST_HEAD(&daemon->dead);
	tail_pool_init(&daemon->tails, TAILS_MAX);
	admission_init(daemon);
	loop_timer_init(&daemon->retry_timer, daemon_retry_expired);
	loop_timer_init(&daemon->reply_timer, daemon_reply_expired);
	log_limit_init(&daemon->log_refused, LOG_INTERVAL_MS, LOG_BURST);
	log_limit_init(&daemon->log_lost, LOG_INTERVAL_MS, LOG_BURST);
	log_limit_init(&daemon->log_denied, LOG_INTERVAL_MS, LOG_BURST);
	log_limit_init(&daemon->log_unreadable, LOG_INTERVAL_MS, 1);
	learned_users_init(daemon);
	daemon->signal_source.fd = -1;
	daemon->engine_source.fd = -1;
	daemon->news_source.fd = -1;
	daemon->owner_uid = geteuid();
	daemon->loop.epoll_fd = -1;
	daemon->loop.timer_fd = -1;
	daemon->config = config;
	if (config->auth & CONFIG_AUTH_EXTERNAL)
		daemon->mechanisms |= AUTH_EXTERNAL;
	if (config->auth & CONFIG_AUTH_ANONYMOUS)
		daemon->mechanisms |= AUTH_ANONYMOUS;
	daemon_set_limits(daemon, config);

	daemon->chunk.capacity = CHUNK_SIZE;
	daemon->chunk.bytes = malloc(CHUNK_SIZE);
	if (!daemon->chunk.bytes)
		r = -ENOMEM;
	else
		r = loop_init(&daemon->loop);
	if (!r)
		r = access_load(&daemon->access, config, &daemon->learned_users);
	if (!r)
		activation_init(&daemon->activation, daemon, options->systemd_activation);
	if (!r)
		r = daemon_init_environment(daemon);
	if (!r)
		r = daemon_init_signals(daemon);
	if (!r)
		r = match_registry_new(0, &daemon->matches);
	if (!r)
		r = match_registry_new(MATCH_REGISTRY_MONITORS, &daemon->monitor_matches);
	if (!r)
		r = daemon_init_engine(daemon, options);
	if (!r && !daemon->is_joined)
		r = daemon_init_holders(daemon);
	if (!r) {
		driver_options.engine = daemon->engine;
		driver_options.guid = daemon->guid;
		driver_options.matches = daemon->matches;
		driver_options.ops = daemon->is_joined ? &daemon_joined_ops : &daemon_driver_ops;
		driver_options.userdata = daemon;
		driver_options.limits = daemon->limits.driver;
		if (options->systemd_activation)
			driver_options.flags |= DRIVER_SYSTEMD_ACTIVATION;
		if (config->servicehelper)
			driver_options.flags |= DRIVER_FIXED_ENVIRONMENT;
		r = driver_new(&driver_options, &daemon->driver);
	}
	if (r < 0) {
		daemon->config = NULL;
		return r;
	}
	daemon->is_served = options->engine_dir;
	if (daemon->is_served) {
		r = desk_open(daemon);
		if (r < 0) {
			daemon->config = NULL;
			return r;
		}
		per_client_publish(daemon);
	}
	*daemon_out = steal(daemon);
	return 0;
}

static void daemon_free_dead(struct daemon *daemon)
{
	struct client *client, *tmp;

	list_for_each_entry_safe(client, tmp, &daemon->dead, link)
		client_free(client);
}

struct daemon *daemon_free(struct daemon *daemon)
{
	struct client *client, *tmp;

	if (!daemon)
		return NULL;
	list_for_each_entry_safe(client, tmp, &daemon->clients, link)
		client_close(client, NULL);
	daemon_free_dead(daemon);
	listeners_close(&daemon->listeners, &daemon->loop);
	desk_close(daemon);
	driver_free(daemon->driver);
	if (daemon->engine_source.fd >= 0)
		loop_remove(&daemon->loop, &daemon->engine_source);
	if (daemon->news_source.fd >= 0)
		loop_remove(&daemon->loop, &daemon->news_source);
	holders_free(daemon->holders);
	activation_deinit(&daemon->activation);
	engine_close(daemon->engine);
	match_registry_free(daemon->matches);
	match_registry_free(daemon->monitor_matches);
	if (daemon->signal_source.fd >= 0)
		close(daemon->signal_source.fd);
	learned_users_deinit(&daemon->learned_users);
	loop_deinit(&daemon->loop);
	environment_deinit(&daemon->environment);
	access_deinit(&daemon->access);
	reserve_deinit(&daemon->reserve);
	tail_pool_deinit(&daemon->tails);
	free(daemon->chunk.bytes);
	config_free(daemon->config);
	free(daemon);
	return NULL;
}

int daemon_listen(struct daemon *daemon, struct list_head *listeners)
{
	struct listener *listener;
	int r;

	list_splice_tail_init(listeners, &daemon->listeners);
	list_for_each_entry(listener, &daemon->listeners, link) {
		listener->daemon = daemon;
		r = loop_add(&daemon->loop, &listener->source, EPOLLIN);
		if (r < 0)
			return r;
	}
	return 0;
}

/* each that is ready is flushed; what becomes ready meanwhile has its turn next time */
static void daemon_flush(struct daemon *daemon)
{
	struct list_head *flushing = &daemon->flushing;
	struct client *client, *next;

	list_splice_tail_init(&daemon->ready, flushing);
	while ((client = list_first_entry_or_null(flushing, struct client, ready_link))) {
		list_del(&client->ready_link);
		next = list_first_entry_or_null(flushing, struct client, ready_link);
		if (next)
			client_prefetch(next);
		client_flush(client);
	}
}

/* the end of a turn: true when there is more to do at once */
static bool daemon_turn(void *userdata)
{
	struct daemon *daemon = userdata;
	bool has_more;

	activation_turn(&daemon->activation);
	has_more = desk_turn(daemon);
	if (daemon->is_served)
		per_client_announce(daemon);
	client_read_long(daemon);
	daemon_flush(daemon);
	if (!list_empty(&daemon->dead))
		daemon_free_dead(daemon);
	/* what is for other processes, whoever it came from */
	if (daemon->is_served)
		engine_dispatch(daemon->engine);
	if (daemon->is_joined && list_empty(&daemon->clients))
		loop_stop(&daemon->loop);
	return has_more || !list_empty(&daemon->ready);
}

int daemon_run(struct daemon *daemon)
{
	/* what asks is a process of its own, which is for the owner to have */
	if (!daemon->is_joined)
		learned_users_ask(daemon);
	return loop_run(&daemon->loop, daemon_turn, daemon);
}
