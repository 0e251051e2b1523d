/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Expected replies
 *
 * A reply is made with a message that expects one, and tracks it until it is
 * resolved: answered, timed out, or the replier is gone.  It counts against the
 * requester until, besides, the request has left the queue of the replier, and
 * the requester has been told, if nobody answers.
 * Everything is under bus.reply_lock, which the functions take.
 */
#ifndef KDBUS_REPLY_H
#define KDBUS_REPLY_H

#include "kernel/core/os.h"

struct kdbus_bus;
struct kdbus_call;
struct kdbus_conn;
struct kdbus_message;
struct kdbus_name_entry;
struct kdbus_queue_entry;

/* a deadline so far away is none: no timer is kept for it */
#define KDBUS_REPLY_NEVER (1ULL << 62)

/**
 * struct kdbus_reply - an expected reply
 * @by_cookie: in requester.requests while pending
 * @owed_link: in replier.owed while pending, then in requester.untold or in requester.unread
 * @by_deadline: in bus.deadlines while @has_deadline: while pending, or interrupted, or untold
 * @requester: who waits; NULL when it has gone
 * @replier: who has to answer, while pending
 * @name: to which the request was addressed, or NULL; a reference
 * @cookie: of the request
 * @deadline_ns: when it is too late, or to be tried again
 * @untold: KDBUS_ITEM_REPLY_*: what the requester does not know yet; else 0
 * @call_link: in requester.calls, if the call is synchronous
 * @call: who waits for it there; or NULL
 * @answer: what has come for that; counted in the queue of the requester, but not in it
 * @error: what the call ends with; 0 if that is not known, or there is an answer
 * @is_sync: the call is synchronous
 * @is_interrupted: nobody waits just now, but may come back until the deadline
 * @is_answering: it is resolved, and the answer is on its way
 * @is_seen: monitors know what is @untold
 * @is_pending: not resolved
 * @is_queued: the request was not received yet
 * @has_deadline: there is a moment that is waited for
 */
struct kdbus_reply {
	struct rb_node by_cookie;
	struct list_head owed_link;
	struct rb_node by_deadline;
	struct kdbus_conn *requester;
	struct kdbus_conn *replier;
	struct kdbus_name_entry *name;
	u64 cookie;
	u64 deadline_ns;
	u64 untold;
	struct list_head call_link;
	struct kdbus_call *call;
	struct kdbus_queue_entry *answer;
	int error;
	bool is_sync;
	bool is_interrupted;
	bool is_answering;
	bool is_seen;
	bool is_pending;
	bool is_queued;
	bool has_deadline;
};

int kdbus_reply_init_cache(void);
void kdbus_reply_exit_cache(void);

/**
 * kdbus_reply_new() - expect a reply, with the request counted as queued
 * @msg: the request; its sender waits, with msg.call if there is one
 * @replier: who has to answer
 *
 * Return: 0, -EMLINK, -EEXIST (the same pair has the same cookie pending; not in
 * a strict domain) or -ENOMEM.
 */
int kdbus_reply_new(const struct kdbus_message *msg, struct kdbus_conn *replier,
		    struct kdbus_reply **reply_out);
/* the request could not be queued, or nobody will get it; who waits is told by somebody else */
void kdbus_reply_cancel(struct kdbus_bus *bus, struct kdbus_reply *reply);
/* the request was taken out of the queue, to be received; @reply may be NULL */
void kdbus_reply_received(struct kdbus_bus *bus, struct kdbus_reply *reply);
/* the request was thrown away: if somebody still waits he gets REPLY_DEAD; with the registry.
 * Return: whether somebody did
 */
bool kdbus_reply_dropped(struct kdbus_bus *bus, struct kdbus_reply *reply);

/* would kdbus_reply_take() find one */
bool kdbus_reply_is_expected(struct kdbus_conn *requester, struct kdbus_conn *replier, u64 cookie);
/**
 * kdbus_reply_take() - @replier answers
 * @reply_out: if it is waited for in a call (is_sync) it wants kdbus_reply_answer(); if not, and the
 *	domain is not strict, kdbus_reply_end(); or NULL
 *
 * Return: whether @requester waited for that; from now on it does not.
 */
bool kdbus_reply_take(struct kdbus_conn *requester, struct kdbus_conn *replier, u64 cookie,
		      struct kdbus_reply **reply_out);
/* the answer was queued, or could not be (@is_lost): then the requester gets REPLY_DEAD instead */
void kdbus_reply_end(struct kdbus_bus *bus, struct kdbus_reply *reply, bool is_lost);

/**
 * kdbus_reply_answer() - what a call was waiting for
 * @answer: from kdbus_queue_make(), or NULL
 * @error: why there is none
 *
 * Return: whether somebody wants it; if not, the answer stays with the caller.
 */
bool kdbus_reply_answer(struct kdbus_bus *bus, struct kdbus_reply *reply,
			struct kdbus_queue_entry *answer, int error);

/* is there an interrupted call with that cookie; from now on @call waits for it */
bool kdbus_reply_resume(struct kdbus_call *call, u64 cookie);

/**
 * kdbus_reply_leave() - @call waits no more
 * @error: as to kdbus_call_end()
 * @answer_out: with 0: what has come, to be released by kdbus_queue_release()
 *
 * Return: 0 or the errno of SEND.
 */
int kdbus_reply_leave(struct kdbus_bus *bus, struct kdbus_call *call, int error,
		      struct kdbus_queue_entry **answer_out);

/* the request has passed to @replier, who has to answer now; @reply may be NULL */
void kdbus_reply_redirect(struct kdbus_bus *bus, struct kdbus_reply *reply,
			  struct kdbus_conn *replier);
/* the same for all requests addressed to @name that @from owes an answer, received ones as well,
 * but not for those of @from and @to themselves (reference 4.5)
 */
void kdbus_reply_redirect_name(struct kdbus_conn *from, struct kdbus_conn *to,
			       const struct kdbus_name_entry *name);

/* nobody waits for what @conn asked for */
void kdbus_reply_forget(struct kdbus_conn *conn);
/* REPLY_DEAD to all who wait for @conn: the latest first, unless the domain is strict */
void kdbus_reply_disconnect(struct kdbus_conn *conn);
/* @conn is told what it has had no room for, as far as there is some now; with the registry */
void kdbus_reply_tell(struct kdbus_conn *conn);
/* the same after something has left its queue or its pool; takes the registry if there is anything */
void kdbus_reply_tell_rest(struct kdbus_conn *conn);
/* REPLY_TIMEOUT to those whose deadline is not after @now_ns; with the registry held */
void kdbus_reply_expire(struct kdbus_bus *bus, u64 now_ns);

#endif
