/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Admission: see admission.h.
 *
 *	OPEN	places are free
 *	PAUSED	none are: nothing is accepted; those that hold them may be about to complete
 *	CROWDED	somebody has had a place for PATIENCE_MS: everything is accepted, and most of it
 *		closed at once, so that the backlog cannot be filled by those that want to
 *		keep others out
 *
 * From PAUSED and CROWDED back to OPEN as soon as a place is free.
 */
#include "proxy/admission.h"

#include "proxy/daemon.h"
#include "proxy/listener.h"

enum {
	FDS_PAUSE_MS = 200, /* when there are no descriptors left */
	PATIENCE_MS = 2000,
	MAX_CANDIDATES = 16, /* how many of the oldest are looked at as to who gives way */
};

#define NS_PER_MS UINT64_C(1000000)

static bool is_trusted(const struct daemon *daemon, const struct creds *creds)
{
	return !creds->uid || creds->uid == daemon->owner_uid;
}

static struct client *oldest(struct daemon *daemon)
{
	return list_first_entry_or_null(&daemon->incomplete, struct client, incomplete_link);
}

/* the oldest of those that may be sent away */
static struct client *oldest_stranger(struct daemon *daemon)
{
	struct client *client;

	list_for_each_entry(client, &daemon->incomplete, incomplete_link)
		if (!is_trusted(daemon, &client->creds))
			return client;
	return NULL;
}

static bool is_stale(const struct client *client)
{
	return loop_now_ns() - client->began_ns >= PATIENCE_MS * NS_PER_MS;
}

/* none at all would be a bus that nobody can use */
static bool is_full(const struct daemon *daemon)
{
	uint32_t max = daemon->limits.max_incomplete;

	return daemon->counts.n_incomplete >= (max ? max : 1);
}

/* pausing */

static void admission_set_paused(struct daemon *daemon, bool is_paused)
{
	struct listener *listener;

	if (daemon->is_accept_paused == is_paused)
		return;
	daemon->is_accept_paused = is_paused;
	list_for_each_entry(listener, &daemon->listeners, link)
		loop_modify(&daemon->loop, &listener->source, is_paused ? 0 : EPOLLIN);
}

bool admission_may_accept(struct daemon *daemon)
{
	struct client *client;

	if (!is_full(daemon)) {
		daemon->is_crowded = false;
		return true;
	}
	if (daemon->is_crowded)
		return true;
	client = oldest_stranger(daemon);
	if (client && is_stale(client)) {
		daemon->is_crowded = true;
		return true;
	}
	admission_set_paused(daemon, true);
	if (client)
		loop_timer_arm(&daemon->loop, &daemon->accept_timer,
			       client->began_ns + PATIENCE_MS * NS_PER_MS);
	return false;
}

void admission_pause(struct daemon *daemon)
{
	if (log_limit_pass(&daemon->log_refused))
		log_warning("No file descriptors left: new connections have to wait");
	admission_set_paused(daemon, true);
	daemon->is_short_of_fds = true;
	loop_timer_arm(&daemon->loop, &daemon->accept_timer,
		       loop_now_ns() + FDS_PAUSE_MS * NS_PER_MS);
}

static void admission_accept_expired(struct loop_timer *timer)
{
	struct daemon *daemon = container_of(timer, struct daemon, accept_timer);

	daemon->is_short_of_fds = false;
	admission_set_paused(daemon, false);
}

/* giving way */

static uint32_t count_of(struct daemon *daemon, uint32_t uid)
{
	struct client *client;
	uint32_t n = 0;

	list_for_each_entry(client, &daemon->incomplete, incomplete_link)
		n += client->creds.uid == uid;
	return n;
}

/* who gives way to one of @uid: whose user holds more, or an old one of its own */
static struct client *find_victim(struct daemon *daemon, uint32_t uid)
{
	uint32_t n = count_of(daemon, uid), n_candidates = 0;
	struct client *client;

	list_for_each_entry(client, &daemon->incomplete, incomplete_link) {
		uint32_t other = client->creds.uid;

		if (is_trusted(daemon, &client->creds))
			continue;
		if (other == uid ? is_stale(client) : count_of(daemon, other) > n)
			return client;
		if (++n_candidates == MAX_CANDIDATES)
			break;
	}
	return NULL;
}

bool admission_has_place(struct daemon *daemon, const struct creds *creds)
{
	struct client *victim;

	if (!is_full(daemon))
		return true;
	victim = find_victim(daemon, creds->uid);
	if (victim)
		client_close(victim, "did not say Hello while others waited");
	else if (!is_trusted(daemon, creds) && log_limit_pass(&daemon->log_refused))
		log_notice("Too many connections of uid %d that do not say Hello: one more was "
			   "closed",
			   (int)creds->uid);
	return victim || is_trusted(daemon, creds);
}

/* places */

static void admission_watch(struct daemon *daemon)
{
	struct client *client = oldest(daemon);

	if (!client)
		loop_timer_disarm(&daemon->auth_timer);
	else
		loop_timer_arm(&daemon->loop, &daemon->auth_timer,
			       client->began_ns + daemon->limits.auth_timeout_ns);
}

static void admission_auth_expired(struct loop_timer *timer)
{
	struct daemon *daemon = container_of(timer, struct daemon, auth_timer);
	uint64_t now = loop_now_ns();
	struct client *client;

	while ((client = oldest(daemon)) &&
	       now - client->began_ns >= daemon->limits.auth_timeout_ns)
		client_close(client, "did not say Hello in time");
	admission_watch(daemon);
}

void admission_enter(struct daemon *daemon, struct client *client)
{
	client->began_ns = loop_now_ns();
	list_add_tail(&client->incomplete_link, &daemon->incomplete);
	daemon->counts.n_incomplete++;
	/* it runs for whoever was the oldest at some time: nobody is gone before his time */
	if (!loop_timer_is_armed(&daemon->auth_timer))
		admission_watch(daemon);
}

void admission_leave(struct daemon *daemon, struct client *client)
{
	list_del(&client->incomplete_link);
	daemon->counts.n_incomplete--;
	if (!is_full(daemon) && !daemon->is_short_of_fds)
		admission_set_paused(daemon, false);
}

void admission_update(struct daemon *daemon)
{
	admission_watch(daemon);
	if (!is_full(daemon) && !daemon->is_short_of_fds)
		admission_set_paused(daemon, false);
}

void admission_init(struct daemon *daemon)
{
	INIT_LIST_HEAD(&daemon->incomplete);
	loop_timer_init(&daemon->accept_timer, admission_accept_expired);
	loop_timer_init(&daemon->auth_timer, admission_auth_expired);
}
