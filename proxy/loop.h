/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Event loop
 *
 * One thread, level-triggered epoll.  A source is embedded in what owns it and
 * lives from loop_add() to loop_remove(); it may be removed at any time, by
 * itself or by others, also while a batch of events is being dispatched.  What
 * holds a source is freed by its owner at the end of the turn, not in a callback
 * (see daemon_turn()).
 *
 * Work is done in turns: wait, dispatch what is ready, then one call of the
 * end-of-turn function, which flushes what the turn produced.
 *
 * Timers are a sorted list: timers of one duration are added in order, so adding
 * is O(1) in practice.  No clock is read in a turn that neither adds nor runs a
 * timer.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "proxy/base/list.h"
#include "proxy/base/loop-source.h"

struct loop_timer {
	struct list_head link; /* empty while not armed */
	uint64_t deadline_ns;
	void (*expired)(struct loop_timer *timer);
};

struct loop {
	int epoll_fd;
	int timer_fd;
	bool is_stopped;
	struct list_head timers; /* earliest first */
	uint64_t armed_ns;	 /* what timer_fd is set to, 0: disarmed */
	struct loop_source timer_source;
	struct epoll_event *batch; /* being dispatched */
	int n_batch;
	int batch_at;		   /* the one that is */
	uint64_t n_turns;	   /* of which this is the last */
	struct loop_source *first; /* whose events come before all others; or NULL */
};

/* CLOCK_MONOTONIC */
uint64_t loop_now_ns(void);

int loop_init(struct loop *loop);
/* idempotent; sources must be removed before */
void loop_deinit(struct loop *loop);

/* starts to watch source->fd for @events (EPOLLIN, EPOLLOUT; 0 is fine); 0 or a negative errno */
int loop_add(struct loop *loop, struct loop_source *source, uint32_t events);
/* watches for @events from now on; no system call where nothing changes */
int loop_modify(struct loop *loop, struct loop_source *source, uint32_t events);
/* forgets the source and events of it that are still to be dispatched; does not close the fd */
void loop_remove(struct loop *loop, struct loop_source *source);

/* whether other sources than this one have events that nobody has looked at */
bool loop_has_others(const struct loop *loop, const struct loop_source *source);

static inline void loop_timer_init(struct loop_timer *timer,
				   void (*expired)(struct loop_timer *timer))
{
	INIT_LIST_HEAD(&timer->link);
	timer->deadline_ns = 0;
	timer->expired = expired;
}

static inline bool loop_timer_is_armed(const struct loop_timer *timer)
{
	return !list_empty(&timer->link);
}

/* (re)arms; @deadline_ns is CLOCK_MONOTONIC */
void loop_timer_arm(struct loop *loop, struct loop_timer *timer, uint64_t deadline_ns);
/* harmless on one that is not armed */
void loop_timer_disarm(struct loop_timer *timer);

/**
 * loop_run() - go on until loop_stop()
 * @turn: called at the end of each turn; true: there is more to do at once, do not wait
 *
 * Return: 0, or the negative errno of epoll_wait().
 */
int loop_run(struct loop *loop, bool (*turn)(void *userdata), void *userdata);

static inline void loop_stop(struct loop *loop)
{
	loop->is_stopped = true;
}
