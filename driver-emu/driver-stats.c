/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Debug.Stats: counters
 *
 * The standard keys, and some of ours: how many messages between clients passed SEND
 * and RECV, how many broadcasts a receiver could not take; and of a connection, how
 * many messages the engine holds for it, and how many copies it lost by not reading.
 * Keys whose value is not known are left out.
 *
 * See the specification, "org.freedesktop.DBus.Debug.Stats".
 */
#include <string.h>

#include "driver-emu/driver-internal.h"

#define OUR_KEY(name) "org.bus_proxyd." name

static void put_u32(struct wire_writer *writer, const char *key, uint32_t value)
{
	driver_put_key(writer, key, "u");
	wire_put_u32(writer, value);
}

static void put_u64(struct wire_writer *writer, const char *key, uint64_t value)
{
	driver_put_key(writer, key, "t");
	wire_put_u64(writer, value);
}

static void put_clamped(struct wire_writer *writer, const char *key, uint64_t value)
{
	put_u32(writer, key, value < UINT32_MAX ? value : UINT32_MAX);
}

static void put_traffic(struct wire_writer *writer, const char *const keys[5],
			const struct driver_traffic *traffic)
{
	put_u32(writer, keys[0], traffic->n_messages);
	put_clamped(writer, keys[1], traffic->n_bytes);
	put_u32(writer, keys[2], traffic->n_fds);
	put_clamped(writer, keys[3], traffic->peak_bytes);
	put_u32(writer, keys[4], traffic->peak_fds);
}

static void put_connection(struct driver_call *call, struct wire_writer *writer,
			   const struct driver_caller *caller)
{
	static const char *const incoming[] = {"IncomingMessages", "IncomingBytes", "IncomingFDs",
					       "PeakIncomingBytes", "PeakIncomingFDs"};
	static const char *const outgoing[] = {"OutgoingMessages", "OutgoingBytes", "OutgoingFDs",
					       "PeakOutgoingBytes", "PeakOutgoingFDs"};
	const struct driver *driver = call->driver;
	struct driver_connection_stats stats = {.n_queued = 0};

	put_u32(writer, "PeakBusNames", caller->peak_names ? caller->peak_names : 1);
	put_u32(writer, "MatchRules", caller->matches.n_rules);
	put_u32(writer, "PeakMatchRules", caller->matches.peak_rules);
	driver->ops->connection_stats(driver->userdata, caller, &stats);
	put_traffic(writer, incoming, &stats.incoming);
	put_traffic(writer, outgoing, &stats.outgoing);
	put_u32(writer, OUR_KEY("Queued"), stats.n_queued);
	put_u64(writer, OUR_KEY("Dropped"), stats.n_dropped);
}

int driver_run_get_stats(struct driver_call *call)
{
	const struct driver *driver = call->driver;
	struct driver_stats stats = {0};
	struct match_counts matches;
	struct engine_stats engine;
	struct wire_writer writer;
	uint32_t n_names;
	size_t mark;
	int r;

	r = driver_count_names(call, NULL, &n_names);
	if (r)
		return r;
	driver->ops->stats(driver->userdata, &stats);
	match_registry_get_counts(driver->matches, &matches);
	engine_get_stats(driver->engine, &engine);
	driver_reply_init(call, &writer);
	mark = wire_put_array(&writer, 8);
	put_u32(&writer, "Serial", SYNTHETIC_SERIAL);
	put_u32(&writer, "ActiveConnections", stats.n_active);
	put_u32(&writer, "IncompleteConnections", stats.n_incomplete);
	put_u32(&writer, "MatchRules", matches.n_rules);
	put_u32(&writer, "PeakMatchRules", matches.peak_rules);
	put_u32(&writer, "PeakMatchRulesPerConnection", matches.peak_rules_owner);
	put_u32(&writer, "BusNames", n_names);
	if (stats.peak_names)
		put_u32(&writer, "PeakBusNames", stats.peak_names);
	put_u32(&writer, "PeakBusNamesPerConnection", driver->peak_names ? driver->peak_names : 1);
	put_u64(&writer, OUR_KEY("Sends"), engine.n_sends);
	put_u64(&writer, OUR_KEY("Receives"), engine.n_recvs);
	put_u64(&writer, OUR_KEY("Lost"), engine.n_lost);
	wire_end_array(&writer, mark, 8);
	return driver_reply_finish(call, &writer);
}

/* the client with that connection, if it is one of the proxy's */
struct caller_search {
	uint64_t id;
	const struct driver_caller *found;
};

static int is_caller(void *userdata, const struct driver_caller *caller)
{
	struct caller_search *search = userdata;

	if (!caller->conn || engine_conn_id(caller->conn) != search->id)
		return 0;
	search->found = caller;
	return 1;
}

int driver_run_get_connection_stats(struct driver_call *call)
{
	__cleanup(driver_record_release) struct driver_record record = {0};
	const char *name;
	const struct driver *driver = call->driver;
	char unique_name[UNIQUE_NAME_SIZE];
	struct caller_search search;
	struct wire_writer writer;
	uint32_t n_names;
	size_t mark;
	int r;

	r = driver_look_up_argument(call, 0, "statistics", &name, &record);
	if (r)
		return driver_done(r);
	if (record.is_driver)
		return driver_fail(call, DRIVER_ERROR_INVALID_ARGS,
				   "GetConnectionStats is not meaningful for the message bus "
				   "\"%s\" itself",
				   DRIVER_NAME);
	r = driver_count_names(call, &record.id, &n_names);
	if (r)
		return r;

	driver_reply_init(call, &writer);
	mark = wire_put_array(&writer, 8);
	put_u32(&writer, "Serial", SYNTHETIC_SERIAL);
	driver_put_key(&writer, "UniqueName", "s");
	unique_name_format(record.id, driver->id_offset, unique_name);
	wire_put_string(&writer, unique_name);
	put_u32(&writer, "BusNames", n_names);
	search = (struct caller_search){.id = record.id};
	driver->ops->connections(driver->userdata, is_caller, &search);
	if (search.found)
		put_connection(call, &writer, search.found);
	wire_end_array(&writer, mark, 8);
	return driver_reply_finish(call, &writer);
}

static int put_rule(void *userdata, const char *text)
{
	wire_put_string(userdata, text);
	return 0;
}

static int put_rules(void *userdata, const struct driver_caller *caller)
{
	struct wire_writer *writer = userdata;
	size_t mark;

	wire_put_struct(writer);
	wire_put_string(writer, caller->unique_name);
	mark = wire_put_array(writer, 4);
	match_owner_for_each(&caller->matches, put_rule, writer);
	wire_end_array(writer, mark, 4);
	return 0;
}

int driver_run_get_all_match_rules(struct driver_call *call)
{
	const struct driver *driver = call->driver;
	struct wire_writer writer;
	size_t mark;

	driver_reply_init(call, &writer);
	mark = wire_put_array(&writer, 8);
	driver->ops->connections(driver->userdata, put_rules, &writer);
	wire_end_array(&writer, mark, 8);
	return driver_reply_finish(call, &writer);
}
