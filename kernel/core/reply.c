// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Expected replies
 *
 * A pending reply hangs in up to three places: with the requester by cookie, where
 * the answer looks for it; with the replier in a list, for the case that it goes
 * away; and with the bus by deadline, if it has one that can come.  It leaves all
 * three at once when it is resolved.
 *
 *	pending, queued --received--> pending --resolved--> freed
 *	       |
 *	    resolved
 *	       v
 *	    queued --received--> freed
 *
 * A resolved one whose request is still queued waits in a list of the requester,
 * against which it counts.  When the requester goes away it becomes nobody's, and
 * the queue entry of the request has the last reference.
 *
 * A request that passes from an activator to the owner of its name, or back, takes its
 * reply along: another connection has to answer then.
 *
 * Who waits is told by a notification that nobody will answer.  If there is no room for that, or
 * no memory, the reply waits in a list of the requester, and still counts against it, until
 * something has left its queue or its pool; in a strict domain the notification is lost
 * (reference 4.8).
 *
 * Synchronous calls (call.c) have a fourth place, a list of the requester.  What becomes
 * of the reply is kept in it, and whoever waits is woken; it is freed when besides nobody
 * waits, nor may come back.
 *
 * Several replies may share a cookie.  The newest that fits is the one that is
 * found; so equal ones are sorted newest first.
 */
#include "kernel/core/call.h"
#include "kernel/core/connection.h"
#include "kernel/core/message.h"
#include "kernel/core/names.h"
#include "kernel/core/notify.h"
#include "kernel/core/reply.h"

/* for memory is waited so long: nothing else tells when there is some */
#define RETRY_NS 100000000ULL

static struct kmem_cache *reply_cache;

int kdbus_reply_init_cache(void)
{
	reply_cache = KMEM_CACHE(kdbus_reply, SLAB_ACCOUNT);
	return reply_cache ? 0 : -ENOMEM;
}

void kdbus_reply_exit_cache(void)
{
	kmem_cache_destroy(reply_cache);
	reply_cache = NULL;
}

/* order in requester.requests: cookie, replier, newest first */
static int reply_compare(u64 cookie, const struct kdbus_conn *replier,
			 const struct kdbus_reply *other)
{
	if (cookie != other->cookie)
		return cookie < other->cookie ? -1 : 1;
	if (replier->id != other->replier->id)
		return replier->id < other->replier->id ? -1 : 1;
	return 0;
}

static struct kdbus_reply *reply_find(struct kdbus_conn *requester,
				      const struct kdbus_conn *replier, u64 cookie)
{
	struct rb_node *node = requester->requests.rb_node;
	struct kdbus_reply *reply, *found = NULL;
	int order;

	while (node) {
		reply = rb_entry(node, struct kdbus_reply, by_cookie);
		order = reply_compare(cookie, replier, reply);
		if (order == 0)
			found = reply;
		node = order <= 0 ? node->rb_left : node->rb_right;
	}
	return found;
}

static void reply_insert(struct kdbus_reply *reply)
{
	struct rb_root *root = &reply->requester->requests;
	struct rb_node **link = &root->rb_node, *parent = NULL;
	struct kdbus_reply *other;

	while (*link) {
		parent = *link;
		other = rb_entry(parent, struct kdbus_reply, by_cookie);
		if (reply_compare(reply->cookie, reply->replier, other) <= 0)
			link = &parent->rb_left;
		else
			link = &parent->rb_right;
	}
	rb_link_node(&reply->by_cookie, parent, link);
	rb_insert_color(&reply->by_cookie, root);
}

static void reply_insert_deadline(struct kdbus_bus *bus, struct kdbus_reply *reply)
{
	struct rb_node **link = &bus->deadlines.rb_root.rb_node, *parent = NULL;
	bool is_first = true;

	while (*link) {
		parent = *link;
		if (reply->deadline_ns <
		    rb_entry(parent, struct kdbus_reply, by_deadline)->deadline_ns) {
			link = &parent->rb_left;
		} else {
			link = &parent->rb_right;
			is_first = false;
		}
	}
	rb_link_node(&reply->by_deadline, parent, link);
	rb_insert_color_cached(&reply->by_deadline, &bus->deadlines, is_first);
}

/* tells the host when the earliest deadline has changed */
static void reply_announce_deadline(struct kdbus_bus *bus)
{
	struct rb_node *first = rb_first_cached(&bus->deadlines);
	u64 deadline = U64_MAX;

	if (first)
		deadline = rb_entry(first, struct kdbus_reply, by_deadline)->deadline_ns;
	if (deadline == bus->next_deadline)
		return;
	bus->next_deadline = deadline;
	bus->domain->host->deadline_changed(bus, deadline);
}

static void reply_forget_deadline(struct kdbus_bus *bus, struct kdbus_reply *reply)
{
	if (!reply->has_deadline)
		return;
	reply->has_deadline = false;
	rb_erase_cached(&reply->by_deadline, &bus->deadlines);
	reply_announce_deadline(bus);
}

static void reply_want_deadline(struct kdbus_bus *bus, struct kdbus_reply *reply)
{
	if (reply->has_deadline || reply->deadline_ns >= KDBUS_REPLY_NEVER)
		return;
	reply->has_deadline = true;
	reply_insert_deadline(bus, reply);
	reply_announce_deadline(bus);
}

/* after one of the reasons to keep it has gone */
static void reply_free_unused(struct kdbus_reply *reply)
{
	if (reply->is_pending || reply->is_queued || reply->call || reply->is_interrupted ||
	    reply->is_answering || reply->untold)
		return;
	WARN_ON(reply->answer || reply->has_deadline);
	list_del_init(&reply->call_link);
	list_del_init(&reply->owed_link);
	if (reply->requester)
		reply->requester->n_requests--;
	kdbus_name_entry_unref(reply->name);
	kmem_cache_free(reply_cache, reply);
}

/* @reply may be gone afterwards */
static void reply_resolve(struct kdbus_bus *bus, struct kdbus_reply *reply)
{
	rb_erase(&reply->by_cookie, &reply->requester->requests);
	list_move_tail(&reply->owed_link, &reply->requester->unread);
	if (!reply->is_interrupted)
		reply_forget_deadline(bus, reply);
	reply->replier = NULL;
	reply->is_pending = false;
	reply_free_unused(reply);
}

/* the requester is to be told */
static void reply_want_told(struct kdbus_reply *reply, u64 type)
{
	struct kdbus_conn *requester = reply->requester;

	reply->untold = type;
	reply->is_seen = false;
	list_move_tail(&reply->owed_link, &requester->untold);
	WRITE_ONCE(requester->n_untold, requester->n_untold + 1);
}

/* nobody will answer, as @error says in a call, and a notification of @type otherwise; who is to
 * be told by kdbus_reply_tell(), or NULL
 */
static struct kdbus_conn *reply_fail(struct kdbus_bus *bus, struct kdbus_reply *reply, int error,
				     u64 type)
{
	struct kdbus_conn *requester = reply->is_sync ? NULL : reply->requester;

	if (reply->is_sync) {
		reply->error = error;
		if (reply->call)
			bus->domain->host->call_wake(reply->call->waiter);
	} else {
		reply->untold = type;
	}
	reply_resolve(bus, reply);
	if (requester)
		reply_want_told(reply, type);
	return requester;
}

/* it is known, or nobody is there any more who wants to know; @reply may be gone afterwards */
static void reply_forget_untold(struct kdbus_bus *bus, struct kdbus_reply *reply)
{
	struct kdbus_conn *requester = reply->requester;

	reply->untold = 0;
	reply_forget_deadline(bus, reply);
	WRITE_ONCE(requester->n_untold, requester->n_untold - 1);
	list_move_tail(&reply->owed_link, &requester->unread);
	reply_free_unused(reply);
}

/* the first of those that @conn does not know; whether there may be more to do */
static bool tell_first(struct kdbus_conn *conn, u64 now_ns)
{
	struct kdbus_bus *bus = conn->bus;
	u64 monotonic_ns, realtime_ns;
	struct kdbus_reply *reply;
	bool again;
	int r;

	mutex_lock(&bus->reply_lock);
	reply = list_first_entry_or_null(&conn->untold, struct kdbus_reply, owed_link);
	/* whoever comes meanwhile does not find it, and may have made the room that is missing */
	conn->tell_again = !reply && conn->n_untold > 0;
	if (reply)
		list_del_init(&reply->owed_link);
	mutex_unlock(&bus->reply_lock);
	if (!reply)
		return false;

	r = kdbus_notify_reply(conn, reply->untold, reply->cookie, reply->is_seen);

	mutex_lock(&bus->reply_lock);
	reply->is_seen = true;
	if (r < 0 && !kdbus_conn_is_strict(conn)) {
		list_add(&reply->owed_link, &conn->untold);
		if (r == -ENOMEM) {
			reply_forget_deadline(bus, reply);
			bus->domain->host->clock(&monotonic_ns, &realtime_ns);
			reply->deadline_ns = max_t(u64, monotonic_ns, now_ns) + RETRY_NS;
			reply_want_deadline(bus, reply);
		}
	} else {
		reply_forget_untold(bus, reply);
		r = 0;
	}
	again = r >= 0 || conn->tell_again;
	mutex_unlock(&bus->reply_lock);
	return again;
}

/* @now_ns: it may be later than the clock says */
static void tell_untold(struct kdbus_conn *conn, u64 now_ns)
{
	while (tell_first(conn, now_ns))
		;
}

void kdbus_reply_tell(struct kdbus_conn *conn)
{
	tell_untold(conn, 0);
}

void kdbus_reply_tell_rest(struct kdbus_conn *conn)
{
	if (READ_ONCE(conn->n_untold) == 0)
		return;
	down_read(&conn->bus->registry);
	kdbus_reply_tell(conn);
	up_read(&conn->bus->registry);
}

int kdbus_reply_new(const struct kdbus_message *msg, struct kdbus_conn *replier,
		    struct kdbus_reply **reply_out)
{
	struct kdbus_conn *requester = msg->src;
	struct kdbus_bus *bus = requester->bus;
	struct kdbus_reply *reply;
	int r;

	reply = kmem_cache_zalloc(reply_cache, GFP_KERNEL_ACCOUNT);
	if (!reply)
		return -ENOMEM;
	reply->requester = requester;
	reply->replier = replier;
	reply->cookie = msg->cookie;
	/* the ABI has it in the same place */
	reply->deadline_ns = msg->cookie_reply;
	reply->is_pending = true;
	reply->is_queued = true;
	INIT_LIST_HEAD(&reply->call_link);

	mutex_lock(&bus->reply_lock);
	if (!bus->domain->strict && reply_find(requester, replier, msg->cookie)) {
		r = -EEXIST;
		goto exit_unlock;
	}
	if (requester->n_requests >= kdbus_limit(bus->domain, n_replies_conn)) {
		r = -EMLINK;
		goto exit_unlock;
	}
	reply->name = kdbus_name_entry_ref(msg->name);
	requester->n_requests++;
	reply_insert(reply);
	list_add_tail(&reply->owed_link, &replier->owed);
	if (msg->call) {
		reply->is_sync = true;
		reply->call = msg->call;
		msg->call->reply = reply;
		list_add_tail(&reply->call_link, &requester->calls);
	}
	reply_want_deadline(bus, reply);
	mutex_unlock(&bus->reply_lock);

	*reply_out = reply;
	return 0;

exit_unlock:
	mutex_unlock(&bus->reply_lock);
	kmem_cache_free(reply_cache, reply);
	return r;
}

void kdbus_reply_cancel(struct kdbus_bus *bus, struct kdbus_reply *reply)
{
	mutex_lock(&bus->reply_lock);
	reply->is_queued = false;
	reply->call = NULL;
	if (reply->is_pending)
		reply_resolve(bus, reply);
	else
		reply_free_unused(reply);
	mutex_unlock(&bus->reply_lock);
}

void kdbus_reply_received(struct kdbus_bus *bus, struct kdbus_reply *reply)
{
	if (!reply)
		return;
	mutex_lock(&bus->reply_lock);
	reply->is_queued = false;
	reply_free_unused(reply);
	mutex_unlock(&bus->reply_lock);
}

bool kdbus_reply_dropped(struct kdbus_bus *bus, struct kdbus_reply *reply)
{
	struct kdbus_conn *requester = NULL;
	bool is_told = false;

	if (!reply)
		return false;
	mutex_lock(&bus->reply_lock);
	reply->is_queued = false;
	if (reply->is_pending) {
		is_told = true;
		requester = reply_fail(bus, reply, -EPIPE, KDBUS_ITEM_REPLY_DEAD);
	} else {
		reply_free_unused(reply);
	}
	mutex_unlock(&bus->reply_lock);

	if (requester)
		kdbus_reply_tell(requester);
	return is_told;
}

static void reply_redirect(struct kdbus_reply *reply, struct kdbus_conn *replier)
{
	rb_erase(&reply->by_cookie, &reply->requester->requests);
	reply->replier = replier;
	reply_insert(reply);
	list_move_tail(&reply->owed_link, &replier->owed);
}

void kdbus_reply_redirect(struct kdbus_bus *bus, struct kdbus_reply *reply,
			  struct kdbus_conn *replier)
{
	if (!reply)
		return;
	mutex_lock(&bus->reply_lock);
	if (reply->is_pending)
		reply_redirect(reply, replier);
	mutex_unlock(&bus->reply_lock);
}

void kdbus_reply_redirect_name(struct kdbus_conn *from, struct kdbus_conn *to,
			       const struct kdbus_name_entry *name)
{
	struct kdbus_bus *bus = from->bus;
	struct kdbus_reply *reply, *tmp;

	mutex_lock(&bus->reply_lock);
	list_for_each_entry_safe(reply, tmp, &from->owed, owed_link) {
		if (reply->name == name && reply->requester != from && reply->requester != to)
			reply_redirect(reply, to);
	}
	mutex_unlock(&bus->reply_lock);
}

bool kdbus_reply_is_expected(struct kdbus_conn *requester, struct kdbus_conn *replier, u64 cookie)
{
	struct kdbus_bus *bus = requester->bus;
	bool is_expected;

	mutex_lock(&bus->reply_lock);
	is_expected = reply_find(requester, replier, cookie);
	mutex_unlock(&bus->reply_lock);
	return is_expected;
}

bool kdbus_reply_take(struct kdbus_conn *requester, struct kdbus_conn *replier, u64 cookie,
		      struct kdbus_reply **reply_out)
{
	struct kdbus_bus *bus = requester->bus;
	struct kdbus_reply *reply;

	*reply_out = NULL;
	mutex_lock(&bus->reply_lock);
	reply = reply_find(requester, replier, cookie);
	if (reply && (reply->is_sync || !bus->domain->strict)) {
		reply->is_answering = true;
		*reply_out = reply;
	}
	if (reply)
		reply_resolve(bus, reply);
	mutex_unlock(&bus->reply_lock);
	return reply;
}

void kdbus_reply_end(struct kdbus_bus *bus, struct kdbus_reply *reply, bool is_lost)
{
	struct kdbus_conn *requester = reply->requester;

	mutex_lock(&bus->reply_lock);
	reply->is_answering = false;
	if (is_lost)
		reply_want_told(reply, KDBUS_ITEM_REPLY_DEAD);
	else
		reply_free_unused(reply);
	mutex_unlock(&bus->reply_lock);
	if (is_lost)
		kdbus_reply_tell(requester);
}

bool kdbus_reply_answer(struct kdbus_bus *bus, struct kdbus_reply *reply,
			struct kdbus_queue_entry *answer, int error)
{
	bool is_wanted;

	mutex_lock(&bus->reply_lock);
	reply->is_answering = false;
	is_wanted = reply->call || reply->is_interrupted;
	if (is_wanted) {
		reply->answer = answer;
		reply->error = error;
	}
	if (reply->call)
		bus->domain->host->call_wake(reply->call->waiter);
	reply_free_unused(reply);
	mutex_unlock(&bus->reply_lock);
	return is_wanted;
}

bool kdbus_reply_resume(struct kdbus_call *call, u64 cookie)
{
	struct kdbus_bus *bus = call->conn->bus;
	struct kdbus_reply *reply;

	mutex_lock(&bus->reply_lock);
	list_for_each_entry(reply, &call->conn->calls, call_link) {
		if (!reply->is_interrupted || reply->cookie != cookie)
			continue;
		reply->is_interrupted = false;
		reply->call = call;
		call->reply = reply;
		call->deadline_ns = reply->deadline_ns;
		if (!reply->is_pending) {
			reply_forget_deadline(bus, reply);
			if (!reply->is_answering)
				bus->domain->host->call_wake(call->waiter);
		}
		break;
	}
	mutex_unlock(&bus->reply_lock);
	return call->reply;
}

int kdbus_reply_leave(struct kdbus_bus *bus, struct kdbus_call *call, int error,
		      struct kdbus_queue_entry **answer_out)
{
	struct kdbus_reply *reply = call->reply;
	bool is_over = error == -ECANCELED || error == -ETIMEDOUT;
	int r = error;

	mutex_lock(&bus->reply_lock);
	reply->call = NULL;
	if (reply->answer) {
		r = 0;
		*answer_out = reply->answer;
		reply->answer = NULL;
	} else if (reply->error) {
		r = reply->error;
	} else {
		/* it was woken for nothing, and may come back */
		r = error ?: -EINTR;
		reply->is_interrupted = !is_over;
		if (reply->is_interrupted)
			reply_want_deadline(bus, reply);
	}
	if (reply->is_pending && !reply->is_interrupted)
		reply_resolve(bus, reply);
	else
		reply_free_unused(reply);
	mutex_unlock(&bus->reply_lock);
	return r;
}

/* the answers to calls that were interrupted, and for which nobody will come back */
static void release_answers(struct kdbus_conn *conn, struct list_head *answers)
{
	struct kdbus_queue_entry *answer, *tmp;

	list_for_each_entry_safe(answer, tmp, answers, link) {
		list_del_init(&answer->link);
		kdbus_queue_release(conn, answer);
	}
}

/* @reply may be gone afterwards */
static void reply_abandon(struct kdbus_bus *bus, struct kdbus_reply *reply,
			  struct list_head *answers)
{
	reply->is_interrupted = false;
	reply_forget_deadline(bus, reply);
	if (reply->answer)
		list_add_tail(&reply->answer->link, answers);
	reply->answer = NULL;
	if (reply->is_pending)
		reply_resolve(bus, reply);
	else
		reply_free_unused(reply);
}

/* synchronous calls of @conn, which goes: who waits is woken, who does not comes no more */
static void reply_end_calls(struct kdbus_conn *conn, struct list_head *answers)
{
	struct kdbus_bus *bus = conn->bus;
	struct kdbus_reply *reply, *tmp;

	list_for_each_entry_safe(reply, tmp, &conn->calls, call_link) {
		list_del_init(&reply->call_link);
		reply->error = -ECONNRESET;
		if (reply->call)
			bus->domain->host->call_wake(reply->call->waiter);
		reply_abandon(bus, reply, answers);
	}
}

void kdbus_reply_forget(struct kdbus_conn *conn)
{
	struct kdbus_bus *bus = conn->bus;
	struct kdbus_reply *reply, *tmp;
	struct rb_node *node;
	LIST_HEAD(answers);

	mutex_lock(&bus->reply_lock);
	reply_end_calls(conn, &answers);
	while ((node = rb_first(&conn->requests))) {
		reply = rb_entry(node, struct kdbus_reply, by_cookie);
		reply_resolve(bus, reply);
	}
	list_for_each_entry_safe(reply, tmp, &conn->untold, owed_link)
		reply_forget_untold(bus, reply);
	list_for_each_entry_safe(reply, tmp, &conn->unread, owed_link) {
		list_del_init(&reply->owed_link);
		reply->requester = NULL;
	}
	mutex_unlock(&bus->reply_lock);
	release_answers(conn, &answers);
}

void kdbus_reply_disconnect(struct kdbus_conn *conn)
{
	bool is_strict = kdbus_conn_is_strict(conn);
	struct kdbus_bus *bus = conn->bus;
	struct kdbus_conn *requester;
	struct kdbus_reply *reply;

	for (;;) {
		mutex_lock(&bus->reply_lock);
		if (list_empty(&conn->owed)) {
			mutex_unlock(&bus->reply_lock);
			return;
		}
		if (is_strict)
			reply = list_first_entry(&conn->owed, struct kdbus_reply, owed_link);
		else
			reply = list_last_entry(&conn->owed, struct kdbus_reply, owed_link);
		requester = reply_fail(bus, reply, -EPIPE, KDBUS_ITEM_REPLY_DEAD);
		mutex_unlock(&bus->reply_lock);

		if (requester)
			kdbus_reply_tell(requester);
	}
}

void kdbus_reply_expire(struct kdbus_bus *bus, u64 now_ns)
{
	struct kdbus_reply *reply;
	struct kdbus_conn *conn;
	struct rb_node *node;
	LIST_HEAD(answers);

	for (;;) {
		mutex_lock(&bus->reply_lock);
		node = rb_first_cached(&bus->deadlines);
		reply = node ? rb_entry(node, struct kdbus_reply, by_deadline) : NULL;
		if (!reply || reply->deadline_ns > now_ns) {
			mutex_unlock(&bus->reply_lock);
			return;
		}
		conn = reply->requester;
		if (reply->untold)
			reply_forget_deadline(bus, reply);
		else if (reply->is_interrupted)
			reply_abandon(bus, reply, &answers);
		else
			reply_fail(bus, reply, -ETIMEDOUT, KDBUS_ITEM_REPLY_TIMEOUT);
		mutex_unlock(&bus->reply_lock);

		release_answers(conn, &answers);
		tell_untold(conn, now_ns);
	}
}
