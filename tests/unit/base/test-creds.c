/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Identity of the peer of a socket: of ourselves, as the one peer there always is */
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy/base/creds.h"
#include "tests/harness/fault.h"
#include "tests/harness/tap.h"

static void read_own(struct creds *creds)
{
	int fds[2];

	expect_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	expect_eq(creds_init_socket(creds, fds[0]), 0);
	/* nobody has asked for them yet */
	expect_eq(creds->groups, NULL);
	expect_eq(creds->seclabel, NULL);
	expect_eq(creds_complete(creds, fds[0]), 0);
	close(fds[0]);
	close(fds[1]);
	/* what is known is not asked for again */
	expect_eq(creds_complete(creds, -1), 0);
}

TEST(of_ourselves)
{
	struct creds creds;
	gid_t groups[1024];
	int n;

	read_own(&creds);
	expect_eq(creds.uid, geteuid());
	expect_eq(creds.gid, getegid());
	expect_eq(creds.pid, getpid());
	n = getgroups(1024, groups);
	for (int i = 0; i < n; i++)
		expect(creds_has_group(&creds, groups[i]));
	expect(creds_has_group(&creds, creds.gid));
	expect(!creds_has_group(&creds, 0xfffffff0));
	if (creds.seclabel)
		expect_gt(strlen(creds.seclabel), 0);
	creds_deinit(&creds);
	expect_eq(creds.uid, CREDS_UNKNOWN);
	expect_eq(creds.pidfd, -1);
	creds_deinit(&creds);
}

static void expect_groups(const gid_t *groups, uint32_t n, uint32_t n_found)
{
	struct creds creds;

	if (setgroups(n, groups))
		skip("needs the right to set groups");
	read_own(&creds);
	expect_eq(creds.n_groups, n_found);
	expect(creds_has_group(&creds, getegid()));
	for (uint32_t i = 0; i < n; i++)
		expect(creds_has_group(&creds, groups[i]));
	for (uint32_t i = 1; i < n_found; i++)
		expect_le(creds.groups[i - 1], creds.groups[i]);
	creds_deinit(&creds);
}

/* the primary group is added unless it is there; duplicates stay; dbus-daemon does the same */
TEST(groups)
{
	gid_t many[100];

	expect_groups((gid_t[]){7}, 1, 2);
	expect_groups((gid_t[]){70, 5, 7, 7}, 4, 5);
	expect_groups((gid_t[]){70, 5, getegid(), 7}, 4, 4);
	expect_groups(NULL, 0, 1);
	/* more than fit the first try */
	for (int i = 0; i < 100; i++)
		many[i] = 5000 - i;
	expect_groups(many, 100, 101);
}

/* however late they are asked for */
TEST(groups_are_those_of_the_moment_of_connecting)
{
	gid_t then[] = {7, 70}, now[] = {5};
	struct creds creds;
	int fds[2];

	if (setgroups(2, then))
		skip("needs the right to set groups");
	expect_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	expect_eq(creds_init_socket(&creds, fds[0]), 0);
	expect_eq(setgroups(1, now), 0);
	close(fds[1]);
	expect_eq(creds_complete(&creds, fds[0]), 0);
	expect(creds_has_group(&creds, 7));
	expect(creds_has_group(&creds, 70));
	expect(!creds_has_group(&creds, 5));
	creds_deinit(&creds);
	close(fds[0]);
}

/* who is made nobody in between has no groups */
TEST(nobody_has_no_groups)
{
	struct creds creds;
	int fds[2];

	expect_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	expect_eq(creds_init_socket(&creds, fds[0]), 0);
	creds.uid = CREDS_UNKNOWN;
	expect_eq(creds_complete(&creds, fds[0]), 0);
	expect_eq(creds.n_groups, 0);
	creds_deinit(&creds);
	close(fds[0]);
	close(fds[1]);
}

/* the peer is dead: what the kernel noted stays, the pidfd may be absent */
TEST(of_a_peer_that_is_gone)
{
	struct creds creds;
	int fds[2], status;
	pid_t pid;

	expect_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	close(fds[1]);
	pid = fork();
	if (!pid)
		_exit(0);
	expect_eq(waitpid(pid, &status, 0), pid);
	expect_eq(creds_init_socket(&creds, fds[0]), 0);
	expect_eq(creds.uid, geteuid());
	creds_deinit(&creds);
	close(fds[0]);
}

TEST(of_what_is_no_socket)
{
	struct creds creds = CREDS_NULL;
	int fds[2];

	expect_eq(pipe(fds), 0);
	expect_eq(creds_init_socket(&creds, fds[0]), -ENOTSOCK);
	expect_eq(creds_init_socket(&creds, -1), -EBADF);
	expect_eq(creds.uid, CREDS_UNKNOWN);
	close(fds[0]);
	close(fds[1]);
}

TEST(nothing_is_known)
{
	struct creds creds = CREDS_NULL;

	expect(!creds_has_group(&creds, 0));
	expect(!creds_has_group(&creds, CREDS_UNKNOWN));
	creds_deinit(&creds);
}

TEST(every_allocation_may_fail)
{
	struct creds creds = CREDS_NULL;
	int fds[2], r;

	expect_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	expect_eq(creds_init_socket(&creds, fds[0]), 0);
	for (unsigned long n = 1;; n++) {
		fault_at(n);
		r = creds_complete(&creds, fds[0]);
		if (!fault_disarm())
			break;
		expect_eq(r, -ENOMEM);
		expect_eq(creds.groups, NULL);
		expect(!creds.is_complete);
	}
	expect_eq(r, 0);
	creds_deinit(&creds);
	close(fds[0]);
	close(fds[1]);
}
