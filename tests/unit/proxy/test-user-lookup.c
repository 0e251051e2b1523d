/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* proxy/user-lookup: the rest of the world is asked by a child */
#include "proxy/user-lookup.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/harness/tap.h"

static struct loop loop;
static char answer_seen[256];
static int n_done;

static void done(struct user_lookup *lookup, const char *answer, size_t size)
{
	n_done++;
	expect_lt(size, sizeof(answer_seen));
	memcpy(answer_seen, answer, size);
	answer_seen[size] = '\0';
	loop_stop(&loop);
}

static bool turn(void *userdata)
{
	return false;
}

static const char *next_known(void *userdata, bool *is_group_out)
{
	static const char *const names[] = {"root", "no-such-user", "root", NULL};
	int *n = userdata;

	*is_group_out = *n == 2;
	return names[(*n)++];
}

TEST(who_exists_is_found)
{
	struct user_lookup lookup;
	int n = 0;

	expect_eq(loop_init(&loop), 0);
	user_lookup_init(&lookup, &loop, done);
	expect_eq(user_lookup_start(&lookup, next_known, &n), 0);
	expect_eq(loop_run(&loop, turn, NULL), 0);
	expect_eq(n_done, 1);
	expect(!strncmp(answer_seen, "uroot:x:0:0:::\ngroot:x:0:", 25));
	expect_eq(lookup.pid, 0);
	user_lookup_deinit(&lookup);
	loop_deinit(&loop);
}

static const char *next_never(void *userdata, bool *is_group_out)
{
	for (;;)
		pause();
	return NULL;
}

TEST(giving_up_leaves_no_child)
{
	struct user_lookup lookup;
	int n = 0, pid;

	expect_eq(loop_init(&loop), 0);
	user_lookup_init(&lookup, &loop, done);
	expect_eq(user_lookup_start(&lookup, next_never, NULL), 0);
	pid = lookup.pid;
	/* another one takes its place */
	expect_eq(user_lookup_start(&lookup, next_known, &n), 0);
	expect_eq(kill(pid, 0), -1);
	expect_eq(loop_run(&loop, turn, NULL), 0);
	expect_eq(n_done, 1);
	expect_eq(user_lookup_start(&lookup, next_never, NULL), 0);
	pid = lookup.pid;
	user_lookup_deinit(&lookup);
	expect_eq(kill(pid, 0), -1);
	expect_eq(n_done, 1);
	loop_deinit(&loop);
}

/* what the bus closes is closed, whatever the child is doing */
TEST(no_descriptor_stays_with_the_child)
{
	struct user_lookup lookup;
	struct pollfd poll_fd = {.events = POLLIN};
	int fds[2];

	expect_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	expect_eq(loop_init(&loop), 0);
	user_lookup_init(&lookup, &loop, done);
	expect_eq(user_lookup_start(&lookup, next_never, NULL), 0);
	close(fds[0]);
	poll_fd.fd = fds[1];
	expect_eq(poll(&poll_fd, 1, 5000), 1);
	user_lookup_deinit(&lookup);
	loop_deinit(&loop);
	close(fds[1]);
}
