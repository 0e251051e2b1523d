/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Event loop: see loop.h.
 *
 * The list of timers is the truth; timer_fd is set no later than its head.  It
 * is left armed when the head goes away: a spare wake-up is cheaper than a
 * system call per disarmed timer.
 */
#include "proxy/loop.h"

#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { LOOP_BATCH = 128 };

uint64_t loop_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void loop_set_timer(struct loop *loop)
{
	struct itimerspec spec = {{0}};
	struct loop_timer *first;

	first = list_first_entry_or_null(&loop->timers, struct loop_timer, link);
	if (!first || (loop->armed_ns && loop->armed_ns <= first->deadline_ns))
		return;
	loop->armed_ns = first->deadline_ns;
	spec.it_value.tv_sec = first->deadline_ns / 1000000000;
	spec.it_value.tv_nsec = first->deadline_ns % 1000000000;
	if (!first->deadline_ns)
		spec.it_value.tv_nsec = 1; /* 0 would disarm */
	timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

static void loop_timers_dispatch(struct loop_source *source, uint32_t events)
{
	struct loop *loop = container_of(source, struct loop, timer_source);
	struct loop_timer *timer;
	uint64_t count, now;

	if (read(loop->timer_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return;
	loop->armed_ns = 0;
	now = loop_now_ns();
	/* the head is looked up each time: a callback may disarm any other timer */
	while ((timer = list_first_entry_or_null(&loop->timers, struct loop_timer, link)) &&
	       timer->deadline_ns <= now) {
		list_del(&timer->link);
		timer->expired(timer);
	}
	loop_set_timer(loop);
}

int loop_init(struct loop *loop)
{
	int r;

	*loop = (struct loop){.epoll_fd = -1, .timer_fd = -1};
	INIT_LIST_HEAD(&loop->timers);
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return -errno;
	loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (loop->timer_fd < 0) {
		r = -errno;
		loop_deinit(loop);
		return r;
	}
	loop->timer_source.fd = loop->timer_fd;
	loop->timer_source.dispatch = loop_timers_dispatch;
	r = loop_add(loop, &loop->timer_source, EPOLLIN);
	if (r < 0)
		loop_deinit(loop);
	return r;
}

void loop_deinit(struct loop *loop)
{
	if (loop->timer_fd >= 0)
		close(loop->timer_fd);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	loop->timer_fd = -1;
	loop->epoll_fd = -1;
}

int loop_add(struct loop *loop, struct loop_source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, source->fd, &event) < 0)
		return -errno;
	source->events = events;
	return 0;
}

int loop_modify(struct loop *loop, struct loop_source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	if (source->events == events)
		return 0;
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event) < 0)
		return -errno;
	source->events = events;
	return 0;
}

void loop_remove(struct loop *loop, struct loop_source *source)
{
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	for (int i = 0; i < loop->n_batch; i++)
		if (loop->batch[i].data.ptr == source)
			loop->batch[i].data.ptr = NULL;
}

bool loop_has_others(const struct loop *loop, const struct loop_source *source)
{
	struct epoll_event events[2];
	int n;

	for (int i = loop->batch_at + 1; i < loop->n_batch; i++)
		if (loop->batch[i].data.ptr && loop->batch[i].data.ptr != source)
			return true;
	/* none is taken: they stay ready */
	n = epoll_wait(loop->epoll_fd, events, 2, 0);
	for (int i = 0; i < n; i++)
		if (events[i].data.ptr != source)
			return true;
	return false;
}

void loop_timer_arm(struct loop *loop, struct loop_timer *timer, uint64_t deadline_ns)
{
	struct loop_timer *before;

	list_del(&timer->link);
	timer->deadline_ns = deadline_ns;
	list_for_each_entry_reverse(before, &loop->timers, link)
		if (before->deadline_ns <= deadline_ns)
			break;
	list_add(&timer->link, &before->link);
	loop_set_timer(loop);
}

void loop_timer_disarm(struct loop_timer *timer)
{
	list_del(&timer->link);
}

static void loop_put_first(struct loop *loop)
{
	struct epoll_event *batch = loop->batch, event;

	for (int i = 1; loop->first && i < loop->n_batch; i++) {
		if (batch[i].data.ptr != loop->first)
			continue;
		event = batch[0];
		batch[0] = batch[i];
		batch[i] = event;
	}
}

int loop_run(struct loop *loop, bool (*turn)(void *userdata), void *userdata)
{
	struct epoll_event batch[LOOP_BATCH];
	bool is_busy = turn(userdata);

	while (!loop->is_stopped) {
		int n = epoll_wait(loop->epoll_fd, batch, LOOP_BATCH, is_busy ? 0 : -1);

		if (n < 0) {
			if (errno != EINTR)
				return -errno;
			n = 0;
		}
		loop->batch = batch;
		loop->n_batch = n;
		loop->n_turns++;
		loop_put_first(loop);
		for (int i = 0; i < n; i++) {
			struct loop_source *source = batch[i].data.ptr;

			loop->batch_at = i;
			if (source)
				source->dispatch(source, batch[i].events);
		}
		loop->n_batch = 0;
		is_busy = turn(userdata);
	}
	return 0;
}
