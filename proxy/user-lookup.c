/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* User look-up: see user-lookup.h. */
#include "proxy/user-lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proxy/base/reap.h"

enum {
	TIMEOUT_S = 10,
	MAX_ANSWER = 1 << 20,
	FIRST_FD = 3, /* behind the standard ones */
};

/* the child */

static void print_user(FILE *file, const struct passwd *entry)
{
	fprintf(file, "u%s:x:%u:%u:::\n", entry->pw_name, entry->pw_uid, entry->pw_gid);
}

static void print_group(FILE *file, const struct group *entry)
{
	fprintf(file, "g%s:x:%u:", entry->gr_name, entry->gr_gid);
	for (char **member = entry->gr_mem; *member; member++)
		fprintf(file, "%s%s", member == entry->gr_mem ? "" : ",", *member);
	fputc('\n', file);
}

static void __attribute__((noreturn))
look_up(int fd, const char *(*next)(void *userdata, bool *is_group_out), void *userdata)
{
	sigset_t none;
	const char *name;
	FILE *file;
	bool is_group;

	/* what the bus blocks and ignores is its own business */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	alarm(TIMEOUT_S + 1);
	/* a client that the bus closes meanwhile is to notice at once, and modules of NSS have
	 * no business with its sockets */
	if (dup2(fd, FIRST_FD) < 0)
		_exit(1);
	close_range(FIRST_FD + 1, ~0U, 0);
	file = fdopen(FIRST_FD, "w");
	while (file && (name = next(userdata, &is_group))) {
		struct passwd *user = is_group ? NULL : getpwnam(name);
		struct group *group = is_group ? getgrnam(name) : NULL;

		if (user)
			print_user(file, user);
		if (group)
			print_group(file, group);
	}
	if (file)
		fclose(file);
	_exit(0);
}

/* the bus */

static void user_lookup_end(struct user_lookup *lookup)
{
	if (!lookup->pid)
		return;
	loop_remove(lookup->loop, &lookup->source);
	close(lookup->source.fd);
	loop_timer_disarm(&lookup->timer);
	/* it has closed its end and is gone already, or it is late and has to go */
	reap(lookup->pid);
	lookup->pid = 0;
}

static void user_lookup_finish(struct user_lookup *lookup)
{
	char *answer = lookup->answer;
	size_t size = lookup->size;

	lookup->answer = NULL;
	lookup->size = 0;
	user_lookup_end(lookup);
	lookup->done(lookup, answer ?: "", size);
	free(answer);
}

static void user_lookup_ready(struct loop_source *source, uint32_t events)
{
	struct user_lookup *lookup = container_of(source, struct user_lookup, source);
	char bytes[4096], *more;
	ssize_t n;

	n = read(source->fd, bytes, sizeof(bytes));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	more = n > 0 && lookup->size < MAX_ANSWER ? realloc(lookup->answer, lookup->size + n)
						  : NULL;
	if (!more) {
		user_lookup_finish(lookup);
		return;
	}
	memcpy(more + lookup->size, bytes, n);
	lookup->answer = more;
	lookup->size += n;
}

static void user_lookup_expired(struct loop_timer *timer)
{
	/* what has been answered by now is all there is */
	user_lookup_finish(container_of(timer, struct user_lookup, timer));
}

void user_lookup_init(struct user_lookup *lookup, struct loop *loop,
		      void (*done)(struct user_lookup *lookup, const char *answer, size_t size))
{
	*lookup = (struct user_lookup){.loop = loop, .done = done};
	lookup->source.dispatch = user_lookup_ready;
	loop_timer_init(&lookup->timer, user_lookup_expired);
}

void user_lookup_deinit(struct user_lookup *lookup)
{
	user_lookup_end(lookup);
	free(lookup->answer);
	lookup->answer = NULL;
	lookup->size = 0;
}

int user_lookup_start(struct user_lookup *lookup,
		      const char *(*next)(void *userdata, bool *is_group_out), void *userdata)
{
	int fds[2], r;
	pid_t pid;

	user_lookup_deinit(lookup);
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	pid = fork();
	if (pid < 0) {
		r = -errno;
		close(fds[0]);
		close(fds[1]);
		return r;
	}
	if (!pid) {
		close(fds[0]);
		fcntl(fds[1], F_SETFL, 0);
		look_up(fds[1], next, userdata);
	}
	close(fds[1]);
	lookup->pid = pid;
	lookup->source.fd = fds[0];
	r = loop_add(lookup->loop, &lookup->source, EPOLLIN);
	if (r < 0) {
		close(fds[0]);
		reap(pid);
		lookup->pid = 0;
		return r;
	}
	loop_timer_arm(lookup->loop, &lookup->timer,
		       loop_now_ns() + TIMEOUT_S * UINT64_C(1000000000));
	return 0;
}
