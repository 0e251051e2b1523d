/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* proxy/loop: sources, timers and what may happen while they are dispatched */
#include "proxy/loop.h"

#include <unistd.h>

#include "tests/harness/tap.h"

static struct loop loop;
static struct loop_source sources[2];
static struct loop_timer timers[3];
static int n_calls;
static char order[8];

static bool turn_until_stopped(void *userdata)
{
	return false;
}

static void remove_the_other(struct loop_source *source, uint32_t events)
{
	n_calls++;
	loop_remove(&loop, &sources[source == &sources[0]]);
	loop_stop(&loop);
}

TEST(a_source_removed_in_its_own_batch_is_not_dispatched)
{
	int pipes[2][2];

	expect_eq(loop_init(&loop), 0);
	for (int i = 0; i < 2; i++) {
		expect_eq(pipe(pipes[i]), 0);
		expect_eq(write(pipes[i][1], "x", 1), 1);
		sources[i].fd = pipes[i][0];
		sources[i].dispatch = remove_the_other;
		expect_eq(loop_add(&loop, &sources[i], EPOLLIN), 0);
	}
	expect_eq(loop_run(&loop, turn_until_stopped, NULL), 0);
	expect_eq(n_calls, 1);
	for (int i = 0; i < 2; i++) {
		close(pipes[i][0]);
		close(pipes[i][1]);
	}
	loop_deinit(&loop);
}

static void timer_expired(struct loop_timer *timer)
{
	order[n_calls++] = '0' + (timer - timers);
	if (n_calls == 2)
		loop_stop(&loop);
}

TEST(timers_run_in_the_order_of_their_deadlines)
{
	uint64_t now = loop_now_ns();

	expect_eq(loop_init(&loop), 0);
	for (int i = 0; i < 3; i++)
		loop_timer_init(&timers[i], timer_expired);
	loop_timer_arm(&loop, &timers[0], now + 30000000);
	loop_timer_arm(&loop, &timers[1], now + 10000000);
	loop_timer_arm(&loop, &timers[2], now + 20000000);
	loop_timer_disarm(&timers[2]);
	expect(!loop_timer_is_armed(&timers[2]));
	expect_eq(loop_run(&loop, turn_until_stopped, NULL), 0);
	expect_str(order, "10");
	loop_deinit(&loop);
}

static void disarm_next(struct loop_timer *timer)
{
	n_calls++;
	loop_timer_disarm(&timers[1]);
	loop_stop(&loop);
}

TEST(a_timer_may_disarm_one_that_is_due_as_well)
{
	expect_eq(loop_init(&loop), 0);
	loop_timer_init(&timers[0], disarm_next);
	loop_timer_init(&timers[1], disarm_next);
	/* both in the past, the first at the beginning of time */
	loop_timer_arm(&loop, &timers[0], 0);
	loop_timer_arm(&loop, &timers[1], 1);
	expect_eq(loop_run(&loop, turn_until_stopped, NULL), 0);
	expect_eq(n_calls, 1);
	loop_deinit(&loop);
}

static bool count_turns(void *userdata)
{
	if (++n_calls == 5)
		loop_stop(&loop);
	return true;
}

TEST(a_busy_turn_does_not_wait)
{
	expect_eq(loop_init(&loop), 0);
	expect_eq(loop_run(&loop, count_turns, NULL), 0);
	expect_eq(n_calls, 5);
	loop_deinit(&loop);
}
