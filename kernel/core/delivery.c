// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Delivery
 *
 * Five ways lead from SEND to a queue (reference 4.3): a broadcast, a reply, a
 * unicast signal, a request that expects a reply, and any other unicast.  The
 * registry is held for reading all the way, so the name that was looked up, the
 * policy that was asked and the names that go along as metadata belong to one
 * moment.  Where the payload is still with the sender that moment comes twice (stage.c):
 * what leads to a queue says whom the payload is for, before it changes anything.
 *
 * Who gets a broadcast is answered by two parties: connections with matches by
 * their matches, indexed connections by the host.  The two owners of a name that
 * changes hands always learn of it, if they are indexed.
 */
#include "kernel/core/connection.h"
#include "kernel/core/delivery.h"
#include "kernel/core/match.h"
#include "kernel/core/names.h"
#include "kernel/core/notify.h"
#include "kernel/core/reply.h"
#include "kernel/core/stage.h"

/* P1 numbers messages and connections together */
static u64 next_seqnum(struct kdbus_bus *bus)
{
	if (bus->domain->is_p1)
		return kdbus_domain_next_id(bus->domain);
	return atomic64_inc_return(&bus->last_seqnum);
}

static bool host_may_deliver(struct kdbus_message *msg, struct kdbus_conn *dst, bool is_reply,
			     int *error_out)
{
	const struct kdbus_host_ops *host = kdbus_conn_host(dst);

	*error_out = host->may_deliver ? host->may_deliver(msg->src, dst, msg, is_reply) : 0;
	return *error_out == 0;
}

/* may @dst get this broadcast, its wish apart */
static bool broadcast_is_allowed(struct kdbus_message *msg, struct kdbus_conn *dst)
{
	int r;

	/* in P1 nobody behind a custom endpoint learns of ids, and nobody hears himself */
	if (msg->is_notification && !msg->name)
		return !kdbus_conn_is_p1(dst) || !dst->ep->is_custom;
	if (msg->is_notification)
		return kdbus_conn_may_see_name(dst, msg->name->name);
	if (msg->src == dst && kdbus_conn_is_p1(dst))
		return false;
	return kdbus_conn_may_talk(dst, dst->cred, msg->src) &&
	       host_may_deliver(msg, dst, false, &r);
}

static void broadcast_to(struct kdbus_message *msg, struct kdbus_conn *dst, u64 tag)
{
	if (!broadcast_is_allowed(msg, dst))
		return;
	if (kdbus_queue_add(dst, msg, NULL, tag) < 0)
		kdbus_queue_lose(dst, msg->src ? msg->src->id : KDBUS_SRC_ID_KERNEL);
}

/* a copy of everything that goes anywhere, before it does; @dst NULL: to many */
static void copy_to_monitors(struct kdbus_bus *bus, struct kdbus_message *msg,
			     const struct kdbus_conn *dst)
{
	const struct kdbus_host_ops *host = bus->domain->host;
	struct kdbus_conn *conn;

	list_for_each_entry(conn, &bus->monitors, bus_link) {
		if (kdbus_queue_add(conn, msg, NULL, 0) < 0)
			kdbus_queue_lose(conn, msg->src ? msg->src->id : KDBUS_SRC_ID_KERNEL);
	}
	/* whoever makes direct connections knows what they send */
	if (host->overheard && !msg->is_notification && !kdbus_conn_is_direct(msg->src))
		host->overheard(bus, msg, dst);
}

void kdbus_candidates_add(struct kdbus_candidates *candidates, struct kdbus_conn *conn, u64 tag)
{
	lockdep_assert_held(&candidates->bus->broadcast_lock);

	if (!conn->is_connected)
		return;
	if (!conn->is_candidate) {
		conn->is_candidate = true;
		conn->candidate_next = NULL;
		conn->candidate_tag = 0;
		*candidates->end = conn;
		candidates->end = &conn->candidate_next;
	}
	conn->candidate_tag |= tag;
}

static void add_subject(struct kdbus_candidates *candidates, u64 id)
{
	struct kdbus_conn *conn;

	if (!id)
		return;
	conn = kdbus_bus_find_conn(candidates->bus, id);
	if (conn && kdbus_conn_is_indexed(conn))
		kdbus_candidates_add(candidates, conn, 0);
}

/* what a delivery to @conn looks at comes while somebody else has his: 3 % of a broadcast to 100 */
static void prefetch_receiver(const struct kdbus_conn *conn)
{
	prefetchw(conn);
	prefetchw(&conn->queue);
	prefetchw(&conn->queue.n_entries);
	prefetch(conn->host);
}

static void broadcast_to_indexed(struct kdbus_bus *bus, struct kdbus_message *msg)
{
	const struct kdbus_host_ops *host = bus->domain->host;
	struct kdbus_candidates candidates = {.bus = bus};
	struct kdbus_conn *conn, *next;

	candidates.end = &candidates.first;
	mutex_lock(&bus->broadcast_lock);
	if (host->broadcast_candidates)
		host->broadcast_candidates(bus, msg, &candidates);
	if (msg->is_notification && msg->name) {
		add_subject(&candidates, msg->notification.old_id);
		add_subject(&candidates, msg->notification.new_id);
	}
	for (conn = candidates.first; conn; conn = next) {
		next = conn->candidate_next;
		if (next)
			prefetch_receiver(next);
		conn->is_candidate = false;
		broadcast_to(msg, conn, conn->candidate_tag);
	}
	mutex_unlock(&bus->broadcast_lock);
}

void kdbus_deliver_broadcast(struct kdbus_bus *bus, struct kdbus_message *msg)
{
	struct kdbus_matches *matches;

	lockdep_assert_held(&bus->registry);

	if (msg->is_notification)
		msg->seqnum = next_seqnum(bus);
	copy_to_monitors(bus, msg, NULL);

	list_for_each_entry(matches, &bus->matchers, bus_link) {
		if (kdbus_match_hits(matches, msg))
			broadcast_to(msg, matches->conn, 0);
	}
	/* the host hears of a change even if no connection is there to be told */
	if (bus->n_indexed > 0 || msg->is_notification)
		broadcast_to_indexed(bus, msg);
}

int kdbus_deliver_notification(struct kdbus_conn *dst, struct kdbus_message *msg, bool is_seen)
{
	lockdep_assert_held(&dst->bus->registry);

	msg->seqnum = next_seqnum(dst->bus);
	if (!is_seen)
		copy_to_monitors(dst->bus, msg, dst);
	return kdbus_queue_add(dst, msg, NULL, 0);
}

/* who gets a unicast; a name the host has not checked is checked when it is not found */
static int resolve(struct kdbus_bus *bus, struct kdbus_message *msg, struct kdbus_conn **dst_out)
{
	struct kdbus_name_entry *entry;
	struct kdbus_conn *conn;

	if (!msg->dst_name) {
		conn = kdbus_bus_find_conn(bus, msg->dst_id);
		if (!conn || !kdbus_conn_is_ordinary(conn))
			return -ENXIO;
		*dst_out = conn;
		return 0;
	}

	entry = kdbus_name_find(bus, msg->dst_name, msg->dst_name_len);
	if (!entry)
		return kdbus_name_is_valid(msg->dst_name, false) ? -ESRCH : -EINVAL;
	conn = kdbus_name_holder(entry)->conn;
	if (msg->dst_id != KDBUS_DST_ID_NAME && msg->dst_id != conn->id)
		return -EREMCHG;
	if ((msg->flags & KDBUS_MSG_NO_AUTO_START) && kdbus_conn_is_activator(conn))
		return -EADDRNOTAVAIL;

	msg->name = entry;
	*dst_out = conn;
	return 0;
}

/* the reply to a synchronous call; whatever becomes of it, its caller learns of it */
static int deliver_answer(struct kdbus_message *msg, struct kdbus_conn *dst,
			  struct kdbus_reply *reply)
{
	struct kdbus_queue_entry *answer = NULL;
	int r;

	if (host_may_deliver(msg, dst, true, &r)) {
		copy_to_monitors(dst->bus, msg, dst);
		r = kdbus_queue_make(dst, msg, &answer);
	}
	if (kdbus_reply_answer(dst->bus, reply, answer, r == -ECOMM ? -EREMOTEIO : r))
		return r;
	/* the caller has given up just now */
	if (answer) {
		kdbus_queue_release(dst, answer);
		kdbus_reply_tell(dst);
	}
	return -ECONNRESET;
}

/* The one who waits has only this answer to wait for: he learns that it did not get through, unless
 * the domain is strict.
 */
static int deliver_reply(struct kdbus_message *msg, struct kdbus_conn *dst)
{
	struct kdbus_reply *reply;
	bool is_lost = false;
	int r;

	if (msg->stage && kdbus_reply_is_expected(dst, msg->src, msg->cookie_reply) &&
	    host_may_deliver(msg, dst, true, &r)) {
		r = kdbus_stage_want(msg, dst);
		if (r != 0)
			return r;
	}
	if (!kdbus_reply_take(dst, msg->src, msg->cookie_reply, &reply))
		return kdbus_conn_is_p1(dst) ? -EPERM : -EBADSLT;
	if (reply && reply->is_sync)
		return deliver_answer(msg, dst, reply);
	if (host_may_deliver(msg, dst, true, &r)) {
		copy_to_monitors(dst->bus, msg, dst);
		r = kdbus_queue_add(dst, msg, NULL, 0);
		is_lost = r < 0;
	}
	if (reply)
		kdbus_reply_end(dst->bus, reply, is_lost);
	return r;
}

/* does @dst want this signal, which is directed at it */
static bool wants_signal(struct kdbus_conn *dst, struct kdbus_message *msg)
{
	/* D-Bus starts services for any message */
	if (kdbus_conn_is_activator(dst) && !kdbus_conn_is_strict(dst))
		return true;
	return kdbus_conn_is_indexed(dst) || (dst->matches && kdbus_match_hits(dst->matches, msg));
}

/* the payload is for @dst, or for monitors alone, or for nobody */
static int stage_signal(struct kdbus_message *msg, struct kdbus_conn *dst)
{
	int r;

	if (wants_signal(dst, msg) && kdbus_conn_may_talk(dst, dst->cred, msg->src) &&
	    host_may_deliver(msg, dst, false, &r))
		return kdbus_stage_want(msg, dst);
	return list_empty(&dst->bus->monitors) ? 0 : kdbus_stage_want(msg, NULL);
}

/* nobody learns whether it arrived, unless the host says no */
static int deliver_unicast_signal(struct kdbus_message *msg, struct kdbus_conn *dst)
{
	int r;

	if (msg->stage) {
		r = stage_signal(msg, dst);
		if (r != 0)
			return r;
	}
	copy_to_monitors(dst->bus, msg, dst);
	if (!wants_signal(dst, msg))
		return 0;
	if (!kdbus_conn_may_talk(dst, dst->cred, msg->src))
		return 0;
	if (!host_may_deliver(msg, dst, false, &r))
		return r;
	kdbus_queue_add(dst, msg, NULL, 0);
	return 0;
}

static int deliver_unicast(struct kdbus_message *msg, const struct kdbus_cred *cred,
			   struct kdbus_conn *dst)
{
	struct kdbus_reply *reply = NULL;
	int r;

	if (!kdbus_conn_may_talk(msg->src, cred, dst))
		return -EPERM;
	if (!host_may_deliver(msg, dst, false, &r))
		return r;
	r = kdbus_stage_want(msg, dst);
	if (r != 0)
		return r;
	if (msg->flags & KDBUS_MSG_EXPECT_REPLY) {
		r = kdbus_reply_new(msg, dst, &reply);
		if (r < 0)
			return r;
	}
	copy_to_monitors(dst->bus, msg, dst);
	r = kdbus_queue_add(dst, msg, reply, 0);
	if (r < 0 && reply)
		kdbus_reply_cancel(dst->bus, reply);
	return r;
}

/* one turn: what SEND returns, or KDBUS_STAGE_WANTED */
static int deliver_locked(struct kdbus_message *msg, const struct kdbus_cred *cred)
{
	struct kdbus_bus *bus = msg->src->bus;
	struct kdbus_conn *dst;
	int r;

	if (!msg->src->is_connected)
		return -ECONNRESET;
	if (!msg->seqnum)
		msg->seqnum = next_seqnum(bus);
	if (kdbus_message_is_broadcast(msg)) {
		kdbus_deliver_broadcast(bus, msg);
		return 0;
	}

	r = resolve(bus, msg, &dst);
	if (r < 0)
		return r;
	if (kdbus_message_is_reply(msg))
		return deliver_reply(msg, dst);
	if (msg->flags & KDBUS_MSG_SIGNAL)
		return deliver_unicast_signal(msg, dst);
	return deliver_unicast(msg, cred, dst);
}

int kdbus_deliver(struct kdbus_message *msg)
{
	struct kdbus_conn *src = msg->src;
	const struct kdbus_cred *cred = src->cred;
	struct kdbus_cred caller;
	int r;

	/* a direct connection is its host: who opened it is who calls */
	if (!kdbus_conn_is_direct(src)) {
		kdbus_conn_host(src)->caller_cred(src->host, &caller);
		cred = &caller;
	}

	down_read(&src->bus->registry);
	r = deliver_locked(msg, cred);
	up_read(&src->bus->registry);
	if (r == KDBUS_STAGE_WANTED) {
		kdbus_stage_load(msg);
		down_read(&src->bus->registry);
		r = deliver_locked(msg, cred);
		up_read(&src->bus->registry);
	}
	kdbus_stage_end(msg);
	return r;
}
