// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Activators
 *
 * A connection of the kind ACTIVATOR stands in for a name that nobody owns: what is
 * sent to the name waits in its queue, under its quota.  When the name gets an owner the
 * messages pass to it, in order; when the owner lets go and no other follows, those that
 * it has not read pass back (reference 6.4).
 *
 *	sent --> activator's queue --owner comes--> owner's queue --read--> gone
 *			^                                 |
 *			+---------owner goes--------------+
 *
 * Whoever expects a reply expects it from the holder of the message.  In a strict domain
 * the requests to the name that were read already follow as well; otherwise who has read a
 * request answers it, whether it has a name or not, as in D-Bus.
 *
 * Not strict, a move is a second delivery: the host is asked whether the message may go to
 * this owner, a message whose sender has gone is dropped, and one that does not arrive is
 * answered: by the host, if it knows the sender, else by REPLY_DEAD.
 */
#include "kernel/core/activator.h"
#include "kernel/core/connection.h"
#include "kernel/core/pool.h"
#include "kernel/core/reply.h"

/* @entry is in no queue, and nobody gets it */
static void move_forget(struct kdbus_conn *from, struct kdbus_queue_entry *entry)
{
	if (entry->slice) {
		mutex_lock(&from->lock);
		kdbus_slice_put(from->pool, entry->slice);
		mutex_unlock(&from->lock);
	}
	kdbus_queue_entry_free(kdbus_conn_host(from), entry);
}

/* @error kept @entry from @to; all who have to know are told.  @is_lost: for want of room, and not
 * because it may not have it.
 */
static void move_failed(struct kdbus_conn *to, struct kdbus_conn *src,
			struct kdbus_queue_entry *entry, int error, bool is_lost)
{
	const struct kdbus_host_ops *host = kdbus_conn_host(to);
	struct kdbus_reply *reply = entry->reply;
	struct kdbus_bus *bus = to->bus;

	entry->reply = NULL;
	if (kdbus_conn_is_strict(to)) {
		kdbus_queue_lose(to, entry->src_id);
		kdbus_reply_received(bus, reply);
		return;
	}
	if (!kdbus_conn_is_activator(to) && kdbus_conn_is_told(src, reply) && host->undelivered) {
		if (reply)
			kdbus_reply_cancel(bus, reply);
		host->undelivered(src, to, entry, error);
		return;
	}
	if (is_lost)
		kdbus_queue_lose(to, entry->src_id);
	kdbus_reply_dropped(bus, reply);
}

static int move_is_allowed(struct kdbus_conn *to, struct kdbus_conn *src,
			   const struct kdbus_queue_entry *entry)
{
	const struct kdbus_host_ops *host = kdbus_conn_host(to);

	if (!src || kdbus_conn_is_activator(to) || kdbus_conn_is_strict(to) || !host->may_move)
		return 0;
	return host->may_move(src, to, entry);
}

/* signals wait for owners that want all that is directed at them; of others it is not known */
static bool move_is_wanted(struct kdbus_conn *to, struct kdbus_conn *src,
			   const struct kdbus_queue_entry *entry)
{
	if (kdbus_conn_is_strict(to))
		return true;
	if (!src)
		return false;
	return !(entry->flags & KDBUS_MSG_SIGNAL) || kdbus_conn_is_activator(to) ||
	       kdbus_conn_is_indexed(to);
}

static void move_entry(struct kdbus_conn *from, struct kdbus_conn *to,
		       struct kdbus_queue_entry *entry)
{
	struct kdbus_conn *src = kdbus_bus_find_conn(to->bus, entry->src_id);
	struct kdbus_reply *reply = entry->reply;
	bool is_allowed;
	int r;

	if (!move_is_wanted(to, src, entry)) {
		entry->reply = NULL;
		kdbus_reply_received(to->bus, reply);
		move_forget(from, entry);
		return;
	}
	if (!kdbus_conn_is_strict(to))
		kdbus_reply_redirect(to->bus, reply, to);
	r = move_is_allowed(to, src, entry);
	is_allowed = r >= 0;
	if (is_allowed)
		r = kdbus_queue_attach(to, from, src, entry);
	if (r < 0) {
		move_failed(to, src, entry, r, is_allowed);
		move_forget(from, entry);
	}
}

void kdbus_activator_move(struct kdbus_name_entry *name, struct kdbus_conn *from,
			  struct kdbus_conn *to)
{
	const struct kdbus_host_ops *host = kdbus_conn_host(to);
	struct kdbus_queue_entry *entry, *tmp;
	struct kdbus_user *user;
	LIST_HEAD(entries);

	lockdep_assert_held_write(&to->bus->registry);

	kdbus_queue_detach(from, name, &entries);
	if (kdbus_conn_is_strict(to))
		kdbus_reply_redirect_name(from, to, name);
	list_for_each_entry_safe(entry, tmp, &entries, link) {
		list_del_init(&entry->link);
		user = entry->user;
		move_entry(from, to, entry);
		kdbus_user_unref(user);
	}
	if (kdbus_conn_is_activator(from) && host->taken)
		host->taken(from);
}
