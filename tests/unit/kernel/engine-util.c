/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/kernel/engine-util.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/engine/engine-items.h"
#include "proxy/base/list.h"

/* the host */

static struct peer *peer_of(struct engine_conn *conn)
{
	return engine_conn_userdata(conn);
}

static bool peer_wants(const struct peer *peer, const struct engine_notification *notification)
{
	if (!notification)
		return peer->wants & WANT_SIGNALS;
	if (notification->type == KDBUS_ITEM_ID_ADD || notification->type == KDBUS_ITEM_ID_REMOVE)
		return peer->wants & WANT_IDS;
	return peer->wants & WANT_NAMES || notification->old_id == peer->id ||
	       notification->new_id == peer->id;
}

/* something that a test can recognise */
static uint64_t peer_tag(const struct peer *peer)
{
	return 0x100 + peer->id;
}

static void host_wake(void *userdata, struct engine_conn *conn)
{
	peer_of(conn)->n_wakes++;
}

static int host_may_deliver(void *userdata, struct engine_conn *src, struct engine_conn *dst,
			    const struct engine_send *send, bool is_reply)
{
	struct bus *bus = userdata;

	if (bus->deny && bus->deny_src == engine_conn_id(src) &&
	    bus->deny_dst == engine_conn_id(dst) && !is_reply)
		return bus->deny;
	return 0;
}

static void host_broadcast_candidates(void *userdata, const struct engine_broadcast *broadcast,
				      struct engine_candidates *candidates)
{
	struct bus *bus = userdata;

	for (unsigned i = 0; i < bus->n_peers; i++)
		if (bus->peers[i].conn && peer_wants(&bus->peers[i], broadcast->notification))
			engine_candidates_add(candidates, bus->peers[i].conn,
					      peer_tag(&bus->peers[i]));
}

static bool host_accepts(void *userdata, struct engine_conn *conn,
			 const struct engine_received *received, uint64_t *tag_out)
{
	const struct engine_notification *notification = NULL;

	if (received->src_id == KDBUS_SRC_ID_KERNEL)
		notification = &received->notification;
	if (!peer_wants(peer_of(conn), notification))
		return false;
	*tag_out = peer_tag(peer_of(conn));
	return true;
}

static void host_lost(void *userdata, struct engine_conn *conn, uint64_t src_id)
{
	peer_of(conn)->n_lost++;
	peer_of(conn)->lost_src = src_id;
}

static void host_deadline(void *userdata, uint64_t deadline_ns)
{
	struct bus *bus = userdata;

	bus->deadline_ns = deadline_ns;
}

static int host_may_wait(void *userdata, struct engine_conn *src, void *activator_userdata,
			 const struct engine_send *send)
{
	struct startable *startable = activator_userdata;

	expect(startable->bus == userdata);
	expect_str(send->dst_name, engine_activator_name(startable->activator));
	return startable->bus->deny_wait;
}

static void host_waits(void *userdata, void *activator_userdata)
{
	((struct startable *)activator_userdata)->n_waits++;
}

static void host_taken(void *userdata, void *activator_userdata)
{
	((struct startable *)activator_userdata)->n_taken++;
}

static void host_undelivered(void *userdata, struct engine_conn *src, struct engine_conn *dst,
			     const struct engine_received *message, int error)
{
	struct bus *bus = userdata;
	size_t used = strlen(bus->undelivered);

	expect_eq(message->src_id, engine_conn_id(src));
	snprintf(bus->undelivered + used, sizeof(bus->undelivered) - used, "%llu %llu %d %.*s\n",
		 (unsigned long long)engine_conn_id(src),
		 (unsigned long long)(dst ? engine_conn_id(dst) : 0), -error,
		 (int)message->payload->size, (const char *)message->payload->data);
}

static bool host_is_listening(void *userdata)
{
	return ((struct bus *)userdata)->listens;
}

static void __attribute__((format(printf, 2, 3))) bus_hear(struct bus *bus, const char *format, ...)
{
	size_t used = strlen(bus->heard);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(bus->heard + used, sizeof(bus->heard) - used, format, arguments);
	va_end(arguments);
}

static void host_news(void *userdata, const struct engine_notification *news)
{
	unsigned long long old_id = news->old_id, new_id = news->new_id;

	if (news->type == KDBUS_ITEM_ID_ADD)
		bus_hear(userdata, "+%llu ", new_id);
	else if (news->type == KDBUS_ITEM_ID_REMOVE)
		bus_hear(userdata, "-%llu ", old_id);
	else
		bus_hear(userdata, "%s:%llu>%llu ", news->name, old_id, new_id);
}

static void host_overheard(void *userdata, const struct engine_received *received, uint64_t dst_id)
{
	bus_hear(userdata, "%llu to %llu:%.*s ", (unsigned long long)received->src_id,
		 (unsigned long long)dst_id, (int)received->payload->size,
		 (const char *)received->payload->data);
}

/* bus */

static void bus_init(struct bus *bus, const char *address)
{
	*bus = (struct bus){
		.is_direct = !strcmp(address, "embedded"),
		.is_remote = !strcmp(address, "remote"),
		.deadline_ns = UINT64_MAX,
		.host = {
			.userdata = bus,
			.wake = host_wake,
			.may_deliver = host_may_deliver,
			.broadcast_candidates = host_broadcast_candidates,
			.accepts = host_accepts,
			.is_listening = host_is_listening,
			.news = host_news,
			.overheard = host_overheard,
			.lost = host_lost,
			.may_wait = host_may_wait,
			.waits = host_waits,
			.taken = host_taken,
			.undelivered = host_undelivered,
			.deadline = host_deadline,
		},
	};
}

/* the address of a domain that is not in this process */
static void bus_open_domain(struct bus *bus, struct engine_options *options)
{
	const char *carrier = getenv("ENGINE_CARRIER") ?: "socket", *seen_in = "/tmp";
	char *dir = bus->server.dir;

	bus->is_mounted = !strcmp(carrier, "mount");
	if (bus->is_mounted) {
		snprintf(dir, sizeof(bus->server.dir), "/tmp/test-engine-XXXXXX");
		expect(mkdtemp(dir) != NULL);
		expect_eq(engine_mount(dir, &options->limits), 0);
		options->owns_domain = true;
	} else {
		remote_server_start(&bus->server, false, &options->limits);
	}
	if (!strcmp(carrier, "run")) {
		seen_in = "/sys/fs/kdbus";
		setenv("KDBUS_RUN_ROOT", "/tmp", 1);
	}
	snprintf(bus->address, sizeof(bus->address), "kernel:path=%s%s", seen_in,
		 dir + strlen("/tmp"));
}

static void bus_close_domain(struct bus *bus)
{
	if (bus->is_mounted) {
		expect_eq(engine_unmount(bus->server.dir), 0);
		expect_eq(rmdir(bus->server.dir), 0);
	} else {
		remote_server_stop(&bus->server);
	}
}

void bus_open(struct bus *bus, const char *address, const struct engine_limits *limits)
{
	struct engine_options options = { .bus_name = "test", .host = &bus->host };

	bus_init(bus, address);
	if (limits)
		options.limits = *limits;
	if (bus->is_remote) {
		bus_open_domain(bus, &options);
		address = bus->address;
	}
	expect_eq(engine_open(address, &options, &bus->engine), 0);
}

void bus_join(struct bus *bus, const struct bus *other)
{
	struct engine_options options = { .host = &bus->host };
	char address[160];

	bus_init(bus, "joined");
	snprintf(address, sizeof(address), "kernel:path=%s/%u-test/bus", other->server.dir,
		 geteuid());
	expect_eq(engine_open(address, &options, &bus->engine), 0);
}

void bus_open_served(struct bus *bus)
{
	struct engine_options options = { .bus_name = "test", .host = &bus->host };

	bus_init(bus, "embedded");
	bus->is_served = true;
	snprintf(bus->server.dir, sizeof(bus->server.dir), "/tmp/test-engine-XXXXXX");
	expect(mkdtemp(bus->server.dir) != NULL);
	options.serve_dir = bus->server.dir;
	expect_eq(engine_open("embedded", &options, &bus->engine), 0);
}

void bus_close(struct bus *bus)
{
	for (unsigned i = 0; i < bus->n_peers; i++)
		peer_close(&bus->peers[i]);
	bus->engine = engine_close(bus->engine);
	expect_eq(payloads_alive(), 0u);
	if (bus->is_remote)
		bus_close_domain(bus);
	if (bus->is_served)
		expect_eq(rmdir(bus->server.dir), 0);
}

void bus_dispatch(struct bus *bus)
{
	struct pollfd pollfd = { .fd = engine_poll_fd(bus->engine), .events = POLLIN };

	while (pollfd.fd >= 0 && poll(&pollfd, 1, 0) > 0)
		expect_eq(engine_dispatch(bus->engine), 0);
}

/* peers */

int bus_try_connect(struct bus *bus, uint64_t flags, unsigned user, struct peer **peer_out)
{
	struct creds creds = {
		.uid = 1000 + user,
		.gid = 1000,
		.pid = getpid(),
		.pidfd = -1,
	};
	struct peer *peer = &bus->peers[bus->n_peers];
	struct engine_hello hello = { .flags = flags, .creds = &creds, .userdata = peer };
	int r;

	expect_lt(bus->n_peers, (unsigned)BUS_PEERS_MAX);
	*peer = (struct peer){ .bus = bus };
	r = engine_connect(bus->engine, &hello, &peer->conn);
	if (r < 0)
		return r;
	bus->n_peers++;
	peer->id = engine_conn_id(peer->conn);
	*peer_out = peer;
	return 0;
}

struct peer *bus_connect(struct bus *bus, unsigned user)
{
	struct peer *peer;

	expect_eq(bus_try_connect(bus, KDBUS_HELLO_ACCEPT_FD, user, &peer), 0);
	return peer;
}

void peer_close(struct peer *peer)
{
	struct engine_conn *conn = peer->conn;

	peer->conn = NULL;
	engine_conn_close(conn);
}

void peer_want(struct peer *peer, unsigned wants)
{
	unsigned what = 0;

	if (wants & WANT_SIGNALS)
		what |= ENGINE_SUBSCRIBE_SIGNALS;
	if (wants & (WANT_NAMES | WANT_IDS))
		what |= ENGINE_SUBSCRIBE_NOTIFICATIONS;
	/* what was queued until now is judged by the old wishes */
	engine_conn_position(peer->conn);
	expect_eq(engine_conn_subscribe(peer->conn, what), 0);
	peer->wants = wants;
}

static int peer_name_command(struct peer *peer, unsigned long nr, const char *name, uint64_t flags,
			     uint64_t *flags_out)
{
	uint64_t buffer[64];
	struct kdbus_cmd *cmd = (void *)buffer;
	struct engine_items items;
	int r;

	engine_items_init(&items, cmd, sizeof(*cmd), sizeof(buffer));
	cmd->flags = flags;
	expect(engine_items_add(&items, KDBUS_ITEM_NAME, name, strlen(name) + 1) != NULL);
	r = engine_command(peer->conn, nr, cmd);
	if (flags_out)
		*flags_out = cmd->return_flags;
	return r;
}

int peer_acquire(struct peer *peer, const char *name, uint64_t flags, uint64_t *flags_out)
{
	return peer_name_command(peer, KDBUS_CMD_NAME_ACQUIRE, name, flags, flags_out);
}

int peer_release(struct peer *peer, const char *name)
{
	return peer_name_command(peer, KDBUS_CMD_NAME_RELEASE, name, 0, NULL);
}

/* activators */

void startable_open(struct startable *startable, struct bus *bus, const char *name)
{
	*startable = (struct startable){ .bus = bus };
	expect_eq(engine_activator_add(bus->engine, name, NULL, 0, startable,
				       &startable->activator),
		  0);
}

void startable_close(struct startable *startable)
{
	startable->activator = engine_activator_remove(startable->activator);
}

void startable_expect(struct startable *startable, const char *format, ...)
{
	struct engine_received received;
	char expected[256], line[256];
	va_list args;

	va_start(args, format);
	vsnprintf(expected, sizeof(expected), format, args);
	va_end(args);
	expect_eq(engine_activator_drop(startable->activator, &received), 0);
	received_describe(&received, line, sizeof(line));
	expect_str(line, expected);
	engine_received_release(&received);
}

/* payloads */

struct test_payload {
	struct engine_payload base;
	int fds[64];
	char bytes[];
};

static unsigned n_payloads;

unsigned payloads_alive(void)
{
	return n_payloads;
}

static void payload_release(struct engine_payload *base)
{
	for (uint32_t i = 0; i < base->n_fds; i++)
		close(base->fds[i]);
	free(container_of(base, struct test_payload, base));
	n_payloads--;
}

struct engine_payload *payload_new(const void *bytes, size_t size, const int *fds, unsigned n_fds)
{
	struct test_payload *payload = malloc(sizeof(*payload) + size);

	expect(payload != NULL);
	expect_le(n_fds, 64u);
	payload->base = (struct engine_payload){
		.refcount = 1,
		.n_fds = n_fds,
		.size = size,
		.data = payload->bytes,
		.fds = payload->fds,
		.release = payload_release,
	};
	memcpy(payload->bytes, bytes, size);
	if (n_fds)
		memcpy(payload->fds, fds, n_fds * sizeof(*fds));
	n_payloads++;
	return &payload->base;
}

/* messages */

int peer_send(struct peer *peer, struct engine_send send, const char *text)
{
	int r;

	send.payload = payload_new(text, strlen(text), NULL, 0);
	r = engine_send(peer->conn, &send);
	engine_payload_unref(send.payload);
	return r;
}

int peer_unicast(struct peer *from, uint64_t dst_id, const char *text)
{
	return peer_send(from, (struct engine_send){ .dst_id = dst_id, .cookie = 1 }, text);
}

int peer_broadcast(struct peer *from, const char *text)
{
	static const uint8_t bloom[64];
	struct engine_send send = {
		.flags = KDBUS_MSG_SIGNAL,
		.dst_id = KDBUS_DST_ID_BROADCAST,
		.cookie = 1,
		.bloom = engine_needs_bloom(from->bus->engine) ? bloom : NULL,
	};

	return peer_send(from, send, text);
}

int peer_unicast_name(struct peer *from, const char *name, const char *text)
{
	return peer_send(from, (struct engine_send){ .dst_name = name, .cookie = 1 }, text);
}

int peer_call_name(struct peer *from, const char *name, uint64_t cookie, uint64_t timeout_ns)
{
	struct engine_send send = {
		.flags = KDBUS_MSG_EXPECT_REPLY,
		.dst_name = name,
		.cookie = cookie,
		.timeout_ns = timeout_ns,
	};

	return peer_send(from, send, "call");
}

int peer_call(struct peer *from, uint64_t dst_id, uint64_t cookie, uint64_t timeout_ns)
{
	struct engine_send send = {
		.flags = KDBUS_MSG_EXPECT_REPLY,
		.dst_id = dst_id,
		.cookie = cookie,
		.timeout_ns = timeout_ns,
	};

	return peer_send(from, send, "call");
}

int peer_reply(struct peer *from, uint64_t dst_id, uint64_t cookie_reply, const char *text)
{
	struct engine_send send = {
		.dst_id = dst_id,
		.cookie = 1,
		.cookie_reply = cookie_reply,
	};

	return peer_send(from, send, text);
}

void received_describe(const struct engine_received *received, char *line, size_t size)
{
	const struct engine_notification *n = &received->notification;
	unsigned long long old_id = n->old_id, new_id = n->new_id, cookie = n->cookie_reply;

	if (received->src_id != KDBUS_SRC_ID_KERNEL) {
		snprintf(line, size, "%llu %.*s", (unsigned long long)received->src_id,
			 (int)received->payload->size, (const char *)received->payload->data);
		return;
	}
	switch (n->type) {
	case KDBUS_ITEM_ID_ADD:
		snprintf(line, size, "+id %llu", new_id);
		break;
	case KDBUS_ITEM_ID_REMOVE:
		snprintf(line, size, "-id %llu", old_id);
		break;
	case KDBUS_ITEM_NAME_ADD:
		snprintf(line, size, "+name %s %llu", n->name, new_id);
		break;
	case KDBUS_ITEM_NAME_REMOVE:
		snprintf(line, size, "-name %s %llu", n->name, old_id);
		break;
	case KDBUS_ITEM_NAME_CHANGE:
		snprintf(line, size, "name %s %llu %llu", n->name, old_id, new_id);
		break;
	case KDBUS_ITEM_REPLY_DEAD:
		snprintf(line, size, "dead %llu", cookie);
		break;
	case KDBUS_ITEM_REPLY_TIMEOUT:
		snprintf(line, size, "timeout %llu", cookie);
		break;
	default:
		snprintf(line, size, "notification %llx", (unsigned long long)n->type);
		break;
	}
}

void peer_expect(struct peer *peer, const char *format, ...)
{
	struct engine_received received;
	char expected[256], line[256];
	va_list args;

	va_start(args, format);
	vsnprintf(expected, sizeof(expected), format, args);
	va_end(args);
	if (engine_recv(peer->conn, &received) < 0)
		fail("peer %llu got nothing instead of \"%s\"", (unsigned long long)peer->id,
		     expected);
	received_describe(&received, line, sizeof(line));
	expect_str(line, expected);
	engine_received_release(&received);
}

void peer_expect_empty(struct peer *peer)
{
	struct engine_received received;
	char line[256];
	int r;

	r = engine_recv(peer->conn, &received);
	if (r == 0) {
		received_describe(&received, line, sizeof(line));
		fail("peer %llu also got \"%s\"", (unsigned long long)peer->id, line);
	}
	expect_eq(r, -EAGAIN);
}

unsigned peer_drain(struct peer *peer)
{
	struct engine_received received;
	unsigned n = 0;

	while (engine_recv(peer->conn, &received) == 0) {
		engine_received_release(&received);
		n++;
	}
	return n;
}
