/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The seam: address to carrier, and what is the same for all carriers
 *
 * An address names the carrier; the carrier makes the bus and from then on does
 * the work.  Here are the counters, the defaults of optional operations, and the
 * checks that no carrier should have to repeat.
 */
#include "kernel/engine/engine.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "kernel/engine/engine-carrier.h"

static const struct {
	const char *address;
	int (*open)(const struct engine_options *options, struct engine **engine_out);
} carriers[] = {
	{"embedded", engine_direct_open},
	{"embedded:pool", engine_pool_open},
};

/* for the carriers */

void engine_init(struct engine *engine, const struct engine_carrier *carrier,
		 const struct engine_options *options)
{
	*engine = (struct engine){.carrier = carrier};
	if (options->host)
		engine->host = *options->host;
}

void engine_wake(struct engine_conn *conn)
{
	struct engine_host *host = &conn->engine->host;

	if (host->wake)
		host->wake(host->userdata, conn);
}

void engine_lost(struct engine_conn *conn, uint64_t src_id, uint64_t n)
{
	struct engine_host *host = &conn->engine->host;

	conn->engine->stats.n_lost += n;
	if (host->lost)
		while (n--)
			host->lost(host->userdata, conn, src_id);
}

/* engine */

int engine_open(const char *address, const struct engine_options *options,
		struct engine **engine_out)
{
	static const char kernel[] = "kernel:path=";

	if (options->serve_dir && strcmp(address, "embedded"))
		return -EOPNOTSUPP;
	if (!strncmp(address, kernel, strlen(kernel)))
		return engine_kernel_open(address + strlen(kernel), options, engine_out);
	for (size_t i = 0; i < sizeof(carriers) / sizeof(carriers[0]); i++)
		if (!strcmp(address, carriers[i].address))
			return carriers[i].open(options, engine_out);
	return -EPROTONOSUPPORT;
}

void engine_set_host(struct engine *engine, const struct engine_host *host)
{
	assert(!engine->n_conns);
	engine->host = *host;
}

struct engine *engine_close(struct engine *engine)
{
	if (!engine)
		return NULL;
	assert(!engine->n_conns && !engine->n_policies);
	engine->carrier->close(engine);
	return NULL;
}

int engine_set_limits(struct engine *engine, const struct engine_limits *limits)
{
	if (!engine->carrier->set_limits)
		return -EOPNOTSUPP;
	return engine->carrier->set_limits(engine, limits);
}

void engine_get_stats(const struct engine *engine, struct engine_stats *stats_out)
{
	*stats_out = engine->stats;
}

const uint8_t *engine_bus_id(const struct engine *engine)
{
	return engine->bus_id;
}

uint64_t engine_id_offset(const struct engine *engine)
{
	return engine->id_offset;
}

bool engine_has_strangers(const struct engine *engine)
{
	return engine->has_strangers;
}

bool engine_needs_bloom(const struct engine *engine)
{
	return !engine->carrier->needs_bloom || engine->carrier->needs_bloom(engine);
}

void engine_bloom_parameters(const struct engine *engine, size_t *size_out, unsigned *n_hash_out)
{
	*size_out = engine->bloom_size;
	*n_hash_out = engine->bloom_n_hash;
}

void engine_expire(struct engine *engine, uint64_t now_ns)
{
	if (engine->carrier->expire)
		engine->carrier->expire(engine, now_ns);
}

int engine_poll_fd(const struct engine *engine)
{
	return engine->carrier->poll_fd ? engine->carrier->poll_fd(engine) : -1;
}

int engine_news_fd(const struct engine *engine)
{
	return engine->carrier->news_fd ? engine->carrier->news_fd(engine) : -1;
}

int engine_dispatch(struct engine *engine)
{
	return engine->carrier->dispatch ? engine->carrier->dispatch(engine) : 0;
}

/* connections */

int engine_connect(struct engine *engine, const struct engine_hello *hello,
		   struct engine_conn **conn_out)
{
	struct engine_conn *conn;
	int r;

	r = engine->carrier->connect(engine, hello, &conn);
	if (r < 0)
		return r;
	conn->engine = engine;
	conn->userdata = hello->userdata;
	engine->n_conns++;
	*conn_out = conn;
	return 0;
}

struct engine_conn *engine_conn_close(struct engine_conn *conn)
{
	struct engine *engine;

	if (!conn)
		return NULL;
	engine = conn->engine;
	engine->carrier->conn_close(conn);
	engine->n_conns--;
	return NULL;
}

uint64_t engine_conn_id(const struct engine_conn *conn)
{
	return conn->id;
}

void *engine_conn_userdata(const struct engine_conn *conn)
{
	return conn->userdata;
}

struct engine_conn *engine_find_conn(struct engine *engine, uint64_t id)
{
	return engine->carrier->find_conn(engine, id);
}

int engine_conn_subscribe(struct engine_conn *conn, unsigned what)
{
	const struct engine_carrier *carrier = conn->engine->carrier;

	return carrier->subscribe ? carrier->subscribe(conn, what) : 0;
}

int engine_command(struct engine_conn *conn, unsigned long nr, void *cmd)
{
	assert(nr != KDBUS_CMD_HELLO && nr != KDBUS_CMD_SEND && nr != KDBUS_CMD_RECV);
	return conn->engine->carrier->command(conn, nr, cmd);
}

const void *engine_slice(struct engine_conn *conn, uint64_t offset)
{
	return conn->engine->carrier->slice(conn, offset);
}

void engine_slice_free(struct engine_conn *conn, uint64_t offset)
{
	conn->engine->carrier->slice_free(conn, offset);
}

/* names */

const struct engine_peer *engine_find_peer(struct engine *engine, uint64_t id, const char *name)
{
	return engine->carrier->find_peer ? engine->carrier->find_peer(engine, id, name) : NULL;
}

struct engine_conn *engine_find_owner(struct engine *engine, const char *name)
{
	return engine->carrier->find_owner(engine, name);
}

const char *engine_conn_next_name(struct engine_conn *conn, void **position, bool *queued_out)
{
	return conn->engine->carrier->next_name(conn, position, queued_out);
}

uint32_t engine_conn_n_names(struct engine_conn *conn)
{
	void *position = NULL;
	uint32_t n = 0;
	bool queued;

	if (conn->engine->carrier->n_names)
		return conn->engine->carrier->n_names(conn);
	while (engine_conn_next_name(conn, &position, &queued))
		n++;
	return n;
}

bool engine_asks_may_deliver(const struct engine *engine)
{
	return engine->carrier->asks_may_deliver;
}

/* messages */

int engine_send(struct engine_conn *conn, const struct engine_send *send)
{
	struct engine *engine = conn->engine;
	int r;

	r = engine->carrier->send(conn, send);
	if (r < 0)
		return r;
	engine->stats.n_sends++;
	return 0;
}

int engine_conn_settle(struct engine_conn *conn)
{
	return conn->engine->carrier->settle ? conn->engine->carrier->settle(conn) : 0;
}

int engine_conn_hasten(struct engine_conn *conn)
{
	return conn->engine->carrier->hasten ? conn->engine->carrier->hasten(conn) : 0;
}

bool engine_conn_is_judged(const struct engine_conn *conn)
{
	return conn->is_judged;
}

bool engine_conn_get_queue(const struct engine_conn *conn, struct engine_queue *queue_out)
{
	const struct engine_carrier *carrier = conn->engine->carrier;

	if (!carrier->get_queue)
		return false;
	carrier->get_queue(conn, queue_out);
	return true;
}

uint64_t engine_conn_position(struct engine_conn *conn)
{
	return conn->engine->carrier->position(conn);
}

void engine_conn_begin(struct engine_conn *conn)
{
	if (conn->engine->carrier->begin)
		conn->engine->carrier->begin(conn);
}

uint64_t engine_conn_answer_position(struct engine_conn *conn)
{
	if (conn->engine->carrier->answer_position)
		return conn->engine->carrier->answer_position(conn);
	return engine_conn_position(conn);
}

int engine_recv(struct engine_conn *conn, struct engine_received *received_out)
{
	struct engine *engine = conn->engine;
	int r;

	r = engine->carrier->recv(conn, received_out);
	if (r < 0)
		return r;
	received_out->ops = engine->carrier;
	if (received_out->error)
		engine->stats.n_sends--;
	else if (received_out->src_id == KDBUS_SRC_ID_KERNEL)
		engine->stats.n_notifications++;
	else
		engine->stats.n_recvs++;
	return 0;
}

void engine_received_release(struct engine_received *received)
{
	if (!received->ops)
		return;
	received->ops->received_release(received);
	received->ops = NULL;
}

/* candidates */

void engine_candidates_add(struct engine_candidates *candidates, struct engine_conn *conn,
			   uint64_t tag)
{
	conn->engine->carrier->candidates_add(candidates, conn, tag);
}
