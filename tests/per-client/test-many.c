/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Many clients, each behind a proxy process of its own
 *
 * They come all at once, call one service, hear its signals, and leave; beside them, on the same
 * socket, runs the tour of quickstart: programs of others, of which each has a proxy as well.  In
 * the end the memory of the processes is printed.
 *
 * BP_MANY is how many.
 */
#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SERVICE "org.example.Many"
#define LIMITS                                                                                     \
	"<limit name=\"max_connections_per_user\">100000</limit>"                                  \
	"<limit name=\"max_incomplete_connections\">10000</limit>"                                 \
	"<limit name=\"auth_timeout\">240000</limit>"

enum { MAX_CLIENTS = 2000, MIN_ROUNDS = 3 };

static unsigned int env_number(const char *name, unsigned int otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoul(text, NULL, 0) : otherwise;
}

/* processes */

static pid_t parent_of(pid_t pid)
{
	char path[64], *text, *end;
	pid_t parent = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	text = file_read(path);
	end = text ? strrchr(text, ')') : NULL;
	if (end)
		sscanf(end, ") %*c %d", &parent);
	free(text);
	return parent;
}

static bool is_proxy(pid_t pid)
{
	char path[64], line[1024];
	ssize_t size;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	size = fd < 0 ? -1 : read(fd, line, sizeof(line));
	if (fd >= 0)
		close(fd);
	return size > 0 && memmem(line, size, "--per-client", strlen("--per-client") + 1);
}

/**
 * struct family - the processes of the bus
 * @owner: the one that all others have joined
 */
struct family {
	pid_t owner, proxies[MAX_CLIENTS];
	unsigned int n_proxies;
};

/* the children of the program that listens */
static void family_look(struct family *family, pid_t listener)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	pid_t pid;

	expect(dir != NULL);
	family->n_proxies = 0;
	while ((entry = readdir(dir))) {
		pid = atoi(entry->d_name);
		if (pid <= 0 || parent_of(pid) != listener)
			continue;
		/* a proxy that has ended has no name either; the owner is seen first */
		if (!is_proxy(pid)) {
			family->owner = family->owner ?: pid;
			continue;
		}
		expect_lt(family->n_proxies, MAX_CLIENTS);
		family->proxies[family->n_proxies++] = pid;
	}
	closedir(dir);
}

/* the same when there are @n proxies: those of clients that have gone may need a moment */
static void family_settle(struct family *family, pid_t listener, unsigned int n)
{
	int64_t deadline = now_ms() + WAIT_MS;

	do
		family_look(family, listener);
	while (family->n_proxies != n && now_ms() < deadline && !usleep(5000));
	expect_eq(family->n_proxies, n);
}

/**
 * struct memory - of a process, in KiB
 * @rss: with what it shares
 * @pss: with its part of that
 * @private: without; these two are 0 where nobody may see them
 */
struct memory {
	unsigned long rss, pss, private;
};

static unsigned long line_value(const char *text, const char *key)
{
	const char *line = text ? strstr(text, key) : NULL;

	return line ? strtoul(line + strlen(key), NULL, 10) : 0;
}

static struct memory memory_of(pid_t pid)
{
	struct subject process = {.pid = pid};
	struct memory memory = {.rss = subject_rss_kib(&process)};
	char path[64], *text;

	/* a proxy cannot be traced, so that only root can read this */
	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	text = file_read(path);
	memory.pss = line_value(text, "\nPss:");
	memory.private =
		line_value(text, "\nPrivate_Clean:") + line_value(text, "\nPrivate_Dirty:");
	free(text);
	return memory;
}

static void print_memory(const struct family *family)
{
	struct memory owner = memory_of(family->owner), sum = {0}, one;
	unsigned long max = 0;

	for (unsigned int i = 0; i < family->n_proxies; i++) {
		one = memory_of(family->proxies[i]);
		sum.rss += one.rss;
		sum.pss += one.pss;
		sum.private += one.private;
		max = one.private > max ? one.private : max;
	}
	note("KiB            resident  proportional  private");
	note("owner          %8lu  %12lu  %7lu", owner.rss, owner.pss, owner.private);
	note("each of %4u   %8lu  %12lu  %7lu (at most %lu)", family->n_proxies,
	     sum.rss / family->n_proxies, sum.pss / family->n_proxies,
	     sum.private / family->n_proxies, max);
}

/* the tour */

static bool has_program(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/usr/bin/%s", name);
	return access(path, X_OK) == 0;
}

static pid_t tour_start(const struct subject *subject)
{
	static const char *const needed[] = {"dbus-send", "dbus-monitor", "gdbus", "busctl"};
	char tour[4096], greeter[4096];
	int out;
	pid_t pid;

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (!has_program(needed[i])) {
			note("no tour: there is no %s", needed[i]);
			return 0;
		}
	}
	snprintf(tour, sizeof(tour), "%s/tests/tour/tour.sh", getenv("top_srcdir") ?: ".");
	snprintf(greeter, sizeof(greeter), "%s/greeter", getenv("top_builddir") ?: ".");
	pid = fork();
	expect_ge(pid, 0);
	if (!pid) {
		out = open(sandbox_path(&subject->sandbox, "tour"), O_CREAT | O_WRONLY, 0600);
		dup2(out, 1);
		dup2(out, 2);
		setenv("DBUS_SESSION_BUS_ADDRESS", subject->address, 1);
		unsetenv("DBUS_STARTER_ADDRESS");
		execl("/bin/sh", "sh", tour, greeter, NULL);
		_exit(127);
	}
	return pid;
}

static bool tour_has_ended(const struct subject *subject, pid_t pid)
{
	int status;
	char *text;

	if (waitpid(pid, &status, WNOHANG) != pid)
		return false;
	if (status) {
		text = file_read(sandbox_path(&subject->sandbox, "tour"));
		note("%s", text ?: "");
		fail("the tour ended with %#x", status);
	}
	return true;
}

/* clients */

/**
 * struct crowd - the clients and their service
 * @came, @left: by number of a client, how often the service heard of that
 */
struct crowd {
	struct subject *subject;
	struct conn *service, *clients[MAX_CLIENTS];
	unsigned int n, came[MAX_CLIENTS], left[MAX_CLIENTS];
};

static void crowd_open(struct crowd *c)
{
	c->service = conn_new(c->subject->address);
	expect_eq(request_name(c->service, SERVICE, 0), 1u);
	add_match(c->service, "type='signal',member='NameOwnerChanged'");
	/* their proxies start beside each other */
	for (unsigned int i = 0; i < c->n; i++)
		c->clients[i] = conn_open(c->subject->address);
	for (unsigned int i = 0; i < c->n; i++) {
		conn_login(c->clients[i], true);
		conn_hello(c->clients[i]);
		add_match(c->clients[i], "type='signal',sender='" SERVICE "',member='Tick'");
	}
}

/* each calls, is answered, and hears one signal */
static void crowd_round(struct crowd *c, uint32_t round)
{
	uint32_t *serials = calloc(c->n, sizeof(*serials)), number;
	struct msg *msg;

	expect(serials != NULL);
	for (unsigned int i = 0; i < c->n; i++)
		serials[i] =
			conn_send(c->clients[i], msg_append(msg_call(SERVICE, "/", "a.b", "Ask"),
							    "u", round * c->n + i));
	for (unsigned int i = 0; i < c->n; i++) {
		msg = conn_find_call(c->service, "Ask");
		msg_read(msg, "u", &number);
		expect_eq(number / c->n, round);
		expect_str(msg->sender, c->clients[number % c->n]->unique);
		conn_send(c->service, msg_append(msg_return(msg), "u", number));
		msg_free(msg);
	}
	conn_send(c->service, msg_append(msg_signal("/", "a.b", "Tick"), "u", round));
	for (unsigned int i = 0; i < c->n; i++) {
		msg = conn_reply(c->clients[i], serials[i]);
		msg_read(msg, "u", &number);
		expect_eq(number, round * c->n + i);
		msg_free(msg);
		msg = conn_next(c->clients[i]);
		expect_str(msg->member, "Tick");
		msg_read(msg, "u", &number);
		expect_eq(number, round);
		msg_free(msg);
	}
	free(serials);
}

/* what the service has heard; without waiting */
static void crowd_hear(struct crowd *c)
{
	const char *name, *old, *new;
	struct msg *msg;

	conn_fill(c->service, 10);
	while (c->service->inbox) {
		msg = conn_recv(c->service, 0);
		if (msg->member && !strcmp(msg->member, "NameOwnerChanged")) {
			msg_read(msg, "sss", &name, &old, &new);
			for (unsigned int i = 0; i < c->n; i++)
				if (!strcmp(name, c->clients[i]->unique))
					++*(*new ? &c->came[i] : &c->left[i]);
		}
		msg_free(msg);
	}
}

static bool have_all_left(const struct crowd *c)
{
	for (unsigned int i = 0; i < c->n; i++)
		if (!c->left[i])
			return false;
	return true;
}

static void crowd_leave(struct crowd *c)
{
	int64_t deadline = now_ms() + 3 * WAIT_MS;

	for (unsigned int i = 0; i < c->n; i++)
		shutdown(c->clients[i]->fd, SHUT_RDWR);
	while (!have_all_left(c) && now_ms() < deadline)
		crowd_hear(c);
	for (unsigned int i = 0; i < c->n; i++) {
		expect_eq(c->came[i], 1u);
		expect_eq(c->left[i], 1u);
		conn_close(c->clients[i]);
	}
}

/* a descriptor for each client, on both ends of its proxy */
static void raise_limits(void)
{
	struct rlimit limit;

	expect_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	expect_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

TEST_TIMEOUT(clients_come_call_hear_and_leave, 280)
{
	static struct crowd c;
	static struct family family;
	struct subject owner = {0};
	uint32_t round = 0;
	unsigned int n_fds;
	char *log;
	pid_t tour;

	raise_limits();
	c.n = env_number("BP_MANY", 40);
	expect_lt(c.n, MAX_CLIENTS - 20);
	setenv("BP_SUBJECT", "per-client", 1);
	c.subject = subject_start(LIMITS);
	family_look(&family, c.subject->pid);
	owner.pid = family.owner;
	n_fds = subject_n_fds(&owner);
	crowd_open(&c);
	tour = tour_start(c.subject);
	do
		crowd_round(&c, round++);
	while (round < MIN_ROUNDS || (tour && !tour_has_ended(c.subject, tour)));
	family_settle(&family, c.subject->pid, c.n + 1);
	note("%u clients, %u rounds", c.n, round);
	print_memory(&family);
	crowd_leave(&c);
	conn_close(c.service);
	expect_eq(subject_settle_fds(&owner, n_fds), n_fds);
	log = file_read(sandbox_path(&c.subject->sandbox, "stderr"));
	if (log && strstr(log, "bus-proxyd"))
		fail("something was to be said: %s", log);
	free(log);
	subject_stop(c.subject);
}
