/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Server: see server.h
 *
 * One epoll set with the sockets that listen (server-node.c), those of the peers
 * (server-peer.c, server-stream.c), what their calls wait for (server-call.c) and a timer.  A batch
 * of events is dispatched; what is closed on the way is freed behind the batch, for an event of it
 * may still be in there.
 *
 * The directory is locked through a file in it that nobody else can open, so that
 * leftovers of a server that was killed can be told from another server's nodes.
 */
#include "kernel/embedded/server-inner.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define N_EVENTS  64
#define LOCK_FILE ".lock"
#define RETRY_NS  UINT64_C(200000000)

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * UINT64_C(1000000000) + now.tv_nsec;
}

/* sources */

/* one that was closed in this batch has no descriptor any more */
static void source_dispatch(struct loop_source *base, uint32_t events)
{
	struct server_source *source = container_of(base, struct server_source, base);

	if (source->fd >= 0)
		source->ready(source->server, source, events);
}

int server_watch(struct kdbus_server *server, struct server_source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = &source->base};
	int op = source->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (source->events == events)
		return 0;
	source->server = server;
	source->base.dispatch = source_dispatch;
	if (!events)
		op = EPOLL_CTL_DEL;
	if (epoll_ctl(server->epoll_fd, op, source->fd, &event) < 0)
		return -errno;
	source->events = events;
	return 0;
}

void server_unwatch(struct kdbus_server *server, struct server_source *source)
{
	if (source->fd < 0)
		return;
	/* a copy of it may live on in another process */
	if (source->events)
		epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	close(source->fd);
	source->fd = -1;
	source->events = 0;
}

/* the timer */

static void timer_set(struct kdbus_server *server)
{
	struct kdbus_domain *domain = kdbus_embedded_domain(server->embedded);
	uint64_t deadline_ns = server->retry_ns ? server->retry_ns : UINT64_MAX;
	struct itimerspec timer = {};
	struct kdbus_bus *bus;

	list_for_each_entry(bus, &domain->buses, domain_link)
		if (bus->next_deadline < deadline_ns)
			deadline_ns = bus->next_deadline;
	/* 0 disarms it */
	if (deadline_ns < INT64_MAX) {
		timer.it_value.tv_sec = deadline_ns / 1000000000;
		timer.it_value.tv_nsec = deadline_ns % 1000000000 + !deadline_ns;
	}
	timerfd_settime(server->timer.fd, TFD_TIMER_ABSTIME, &timer, NULL);
}

void kdbus_server_deadline(struct kdbus_server *server)
{
	timer_set(server);
}

static void pause_nodes(struct kdbus_server *server, bool pauses)
{
	struct server_node *node;

	list_for_each_entry(node, &server->nodes, link)
		server_watch(server, &node->source, pauses ? 0 : EPOLLIN);
}

void server_pause(struct kdbus_server *server)
{
	if (server->retry_ns)
		return;
	server->retry_ns = now_ns() + RETRY_NS;
	pause_nodes(server, true);
	timer_set(server);
}

static void timer_ready(struct kdbus_server *server, struct server_source *source, uint32_t events)
{
	uint64_t count, now = now_ns();

	if (read(source->fd, &count, sizeof(count)) < 0)
		return;
	if (server->retry_ns && server->retry_ns <= now) {
		server->retry_ns = 0;
		pause_nodes(server, false);
	}
	kdbus_embedded_expire(server->embedded, now);
	timer_set(server);
}

/* what is to be done is done behind each batch */
static void kick_ready(struct kdbus_server *server, struct server_source *source, uint32_t events)
{
	uint64_t count;

	if (read(source->fd, &count, sizeof(count)) < 0)
		return;
}

/* the directory */

static int directory_open(struct kdbus_server *server)
{
	struct stat st;

	if (mkdir(server->path, 0755) < 0 && errno != EEXIST)
		return -errno;
	server->dir_fd = open(server->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (server->dir_fd < 0)
		return -errno;
	if (fstat(server->dir_fd, &st) < 0)
		return -errno;
	/* who else could write to it could put his own nodes there */
	if (st.st_uid != geteuid() || st.st_mode & 022)
		return -EPERM;
	if (fchmod(server->dir_fd, 0755) < 0)
		return -errno;
	server->lock_fd =
		openat(server->dir_fd, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (server->lock_fd < 0)
		return -errno;
	if (flock(server->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EADDRINUSE : -errno;
	server_node_clean(server);
	return 0;
}

static void directory_close(struct kdbus_server *server)
{
	if (server->lock_fd >= 0) {
		unlinkat(server->dir_fd, LOCK_FILE, 0);
		close(server->lock_fd);
	}
	if (server->dir_fd >= 0)
		close(server->dir_fd);
}

/* life */

static int server_open(struct kdbus_server *server)
{
	const struct kdbus_embedded_cred self = {.euid = geteuid(), .egid = getegid()};
	struct rlimit limit;
	int r;

	/* a socket and a pool each; the rest is for everything else */
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	server->max_peers = limit.rlim_cur < UINT32_MAX ? limit.rlim_cur / 4 : UINT32_MAX / 4;
	/* up to three each */
	server->max_calls = server->max_peers / 4;
	server->max_fds = server->max_peers / 4;
	server->max_stages = server->max_peers / 2;
	if (!server->is_guest)
		server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (server->epoll_fd < 0)
		return -errno;
	server->timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (server->timer.fd < 0)
		return -errno;
	server->timer.ready = timer_ready;
	r = server_watch(server, &server->timer, EPOLLIN);
	if (r < 0)
		return r;
	server->kick.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (server->kick.fd < 0)
		return -errno;
	server->kick.ready = kick_ready;
	r = server_watch(server, &server->kick, EPOLLIN);
	if (r < 0)
		return r;
	r = directory_open(server);
	if (r < 0)
		return r;
	return server_node_open(server, NULL, NULL, "control", KDBUS_MAKE_ACCESS_WORLD, &self);
}

int kdbus_server_new(struct kdbus_embedded *embedded, const char *path, int epoll_fd,
		     struct kdbus_server **server_out)
{
	struct kdbus_server *server;
	int r;

	server = kzalloc(sizeof(*server), GFP_KERNEL_ACCOUNT);
	if (!server)
		return -ENOMEM;
	server->embedded = embedded;
	server->dir_fd = -1;
	server->lock_fd = -1;
	server->epoll_fd = epoll_fd;
	server->is_guest = epoll_fd >= 0;
	/* our turn comes, whoever has sent something */
	server->is_busy = server->is_guest;
	server->published_fd = -1;
	server->timer.fd = -1;
	server->kick.fd = -1;
	INIT_LIST_HEAD(&server->streaming);
	INIT_LIST_HEAD(&server->nodes);
	INIT_LIST_HEAD(&server->peers);
	INIT_LIST_HEAD(&server->shares);
	INIT_LIST_HEAD(&server->closed_nodes);
	INIT_LIST_HEAD(&server->closed_peers);
	INIT_LIST_HEAD(&server->closed_calls);
	server->path = kstrdup(path, GFP_KERNEL_ACCOUNT);
	r = server->path ? server_open(server) : -ENOMEM;
	if (r < 0) {
		kdbus_server_free(server);
		return r;
	}
	*server_out = server;
	return 0;
}

struct kdbus_server *kdbus_server_free(struct kdbus_server *server)
{
	if (!server)
		return NULL;
	while (!list_empty(&server->peers))
		server_peer_close(list_first_entry(&server->peers, struct server_peer, link));
	while (!list_empty(&server->nodes))
		server_node_close(server,
				  list_last_entry(&server->nodes, struct server_node, link));
	server_call_free_closed(server);
	server_peer_free_closed(server);
	server_node_free_closed(server);
	/* messages may keep them */
	while (!list_empty(&server->shares))
		list_del_init(server->shares.next);
	directory_close(server);
	server_unwatch(server, &server->timer);
	server_unwatch(server, &server->kick);
	if (server->epoll_fd >= 0 && !server->is_guest)
		close(server->epoll_fd);
	if (server->published_fd >= 0)
		close(server->published_fd);
	kfree(server->path);
	kfree(server);
	return NULL;
}

int kdbus_server_add_bus(struct kdbus_server *server, struct kdbus_bus *bus)
{
	const struct kdbus_embedded_cred self = {.euid = geteuid(), .egid = getegid()};

	return server_node_open(server, NULL, bus->name, bus->default_ep->name, bus->flags, &self);
}

void kdbus_server_publish(struct kdbus_server *server, int fd)
{
	struct server_peer *peer;

	if (server->published_fd >= 0)
		close(server->published_fd);
	server->published_fd = fd;
	server->generation++;
	list_for_each_entry(peer, &server->peers, link)
		server_peer_news(peer);
}

int kdbus_server_fd(const struct kdbus_server *server)
{
	return server->is_guest ? -1 : server->epoll_fd;
}

void kdbus_server_finish(struct kdbus_server *server)
{
	server->n_batches++;
	server_stream_flush(server);
	server_call_free_closed(server);
	server_peer_free_closed(server);
	server_node_free_closed(server);
}

int kdbus_server_dispatch(struct kdbus_server *server)
{
	struct epoll_event events[N_EVENTS];
	struct loop_source *source;
	int n;

	n = epoll_wait(server->epoll_fd, events, N_EVENTS, 0);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	server->is_busy = true;
	for (int i = 0; i < n; i++) {
		source = events[i].data.ptr;
		source->dispatch(source, events[i].events);
	}
	kdbus_server_finish(server);
	server->is_busy = false;
	return 0;
}
