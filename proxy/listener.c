/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listener: see listener.h.
 *
 * Sockets are non-blocking.  A socket file is replaced if it is a socket, whoever
 * made it, and anything else in its place is an error; it is unlinked at the end by
 * the process that made it.
 */
#include "proxy/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "proxy/address.h"
#include "proxy/admission.h"
#include "proxy/base/cleanup.h"
#include "proxy/client-io.h"
#include "proxy/daemon.h"

enum {
	LISTENER_BACKLOG = 4096, /* the kernel caps it at somaxconn */
	ACCEPTS_PER_TURN = 32,
	NAME_TRIES = 16,
};

/* accepting */

static void listener_dispatch(struct loop_source *source, uint32_t events)
{
	struct listener *listener = container_of(source, struct listener, source);
	struct daemon *daemon = listener->daemon;
	bool is_crowd = listener->ready_turn + 1 == daemon->loop.n_turns;
	struct client *client;
	int fd, r;

	/* Most come alone.  To be told by accept4() that there is nobody else is as dear as to
	 * accept somebody; epoll says it for nothing. */
	listener->ready_turn = daemon->loop.n_turns;
	for (int i = 0; i < (is_crowd ? ACCEPTS_PER_TURN : 1); i++) {
		if (!admission_may_accept(daemon))
			return;
		fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			    errno == ENOMEM)
				admission_pause(daemon);
			/* all others are about the one connection that is gone */
			return;
		}
		r = client_new(daemon, fd, listener->guid, &client);
		/* Who has connected writes at once, most often before he is accepted: what epoll
		 * would say next is known. */
		if (!r)
			client_dispatch(&client->source, EPOLLIN);
		if (r < 0 && r != -EUSERS && log_limit_pass(&daemon->log_refused))
			log_warning("A connection could not be accepted: %s", strerror(-r));
	}
}

/* sockets */

static int socket_new(int *fd_out)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	*fd_out = fd;
	return 0;
}

static int socket_bind(int fd, const struct sockaddr_un *name, size_t path_len)
{
	if (bind(fd, (const struct sockaddr *)name,
		 offsetof(struct sockaddr_un, sun_path) + path_len) < 0 ||
	    listen(fd, LISTENER_BACKLOG) < 0)
		return -errno;
	return 0;
}

/* a socket that is in the way goes, whoever it belongs to; anything else stays */
static void remove_old_socket(const char *path)
{
	struct stat st;

	if (!lstat(path, &st) && S_ISSOCK(st.st_mode))
		unlink(path);
}

static int listen_path(const char *path, int *fd_out)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	size_t len = strlen(path);
	__cleanup(closep) int fd = -1;
	int r;

	if (len >= sizeof(name.sun_path))
		return -ENAMETOOLONG;
	memcpy(name.sun_path, path, len + 1);
	r = socket_new(&fd);
	if (r < 0)
		return r;
	remove_old_socket(path);
	r = socket_bind(fd, &name, len + 1);
	if (r < 0)
		return r;
	/* whoever may not connect is told so after authentication, not by the file system */
	if (chmod(path, 0777) < 0)
		return -errno;
	*fd_out = steal_fd(&fd);
	return 0;
}

static int listen_abstract(const char *text, int *fd_out)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	size_t len = strlen(text);
	__cleanup(closep) int fd = -1;
	int r;

	if (len >= sizeof(name.sun_path))
		return -ENAMETOOLONG;
	memcpy(name.sun_path + 1, text, len);
	r = socket_new(&fd);
	if (!r)
		r = socket_bind(fd, &name, len + 1);
	if (r < 0)
		return r;
	*fd_out = steal_fd(&fd);
	return 0;
}

static int random_bytes(void *bytes, size_t size)
{
	return getrandom(bytes, size, 0) == (ssize_t)size ? 0 : -EIO;
}

/* a socket with a name of its own in @dir: "dbus-" and ten random letters and digits */
static int listen_dir(const char *dir, char **path_out, int *fd_out)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	__cleanup(freep) char *path = NULL;
	struct stat st;
	uint8_t bytes[10];
	int r = -EEXIST;

	for (int i = 0; i < NAME_TRIES && r == -EEXIST; i++) {
		char suffix[sizeof(bytes) + 1] = {0};

		r = random_bytes(bytes, sizeof(bytes));
		if (r < 0)
			return r;
		for (size_t j = 0; j < sizeof(bytes); j++)
			suffix[j] = letters[bytes[j] % (sizeof(letters) - 1)];
		free(steal(path));
		if (asprintf(&path, "%s/dbus-%s", dir, suffix) < 0) {
			path = NULL;
			return -ENOMEM;
		}
		r = lstat(path, &st) ? listen_path(path, fd_out) : -EEXIST;
	}
	if (r < 0)
		return r;
	*path_out = steal(path);
	return 0;
}

/* listeners */

static struct listener *listener_free(struct listener *listener)
{
	if (!listener)
		return NULL;
	if (listener->source.fd >= 0)
		close(listener->source.fd);
	if (listener->unlink_path)
		unlink(listener->unlink_path);
	free(listener->unlink_path);
	free(listener->address);
	free(listener);
	return NULL;
}
DEFINE_CLEANUP(struct listener *, listener_free);

static int listener_new(struct listener **listener_out)
{
	struct listener *listener;
	uint8_t guid[16];
	int r;

	r = random_bytes(guid, sizeof(guid));
	if (r < 0)
		return r;
	listener = calloc(1, sizeof(*listener));
	if (!listener)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(guid); i++)
		snprintf(listener->guid + 2 * i, 3, "%02x", guid[i]);
	listener->source.fd = -1;
	listener->source.dispatch = listener_dispatch;
	INIT_LIST_HEAD(&listener->link);
	*listener_out = listener;
	return 0;
}

static int listener_set_address(struct listener *listener, const char *key, const char *value)
{
	__cleanup(freep) char *escaped = address_escape(value);

	if (!escaped || asprintf(&listener->address, "unix:%s=%s", key, escaped) < 0) {
		listener->address = NULL;
		return -ENOMEM;
	}
	return 0;
}

/* a socket file of our own */
static int listener_open_path(struct listener *listener, const char *path)
{
	int r;

	r = listen_path(path, &listener->source.fd);
	if (r < 0)
		return r;
	listener->unlink_path = strdup(path);
	return listener->unlink_path ? listener_set_address(listener, "path", path) : -ENOMEM;
}

static int listener_open_dir(struct listener *listener, const char *dir)
{
	int r;

	r = listen_dir(dir, &listener->unlink_path, &listener->source.fd);
	return r < 0 ? r : listener_set_address(listener, "path", listener->unlink_path);
}

static int listener_open_runtime(struct listener *listener)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");
	__cleanup(freep) char *path = NULL;

	if (!dir || !*dir)
		return -ENOENT;
	if (asprintf(&path, "%s/bus", dir) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	return listener_open_path(listener, path);
}

static int listener_open_abstract(struct listener *listener, const char *name)
{
	int r = listen_abstract(name, &listener->source.fd);

	return r < 0 ? r : listener_set_address(listener, "abstract", name);
}

/* a socket that was passed to us; it keeps its file */
static int listener_adopt(struct listener *listener, int fd)
{
	struct sockaddr_un name = {0};
	socklen_t size = sizeof(name);

	listener->source.fd = fd;
	if (sd_is_socket(fd, AF_UNIX, SOCK_STREAM, 1) <= 0)
		return -EPROTOTYPE;
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	if (getsockname(fd, (struct sockaddr *)&name, &size) < 0)
		return -errno;
	if (size > offsetof(struct sockaddr_un, sun_path) && !name.sun_path[0]) {
		char text[sizeof(name.sun_path)] = {0};

		memcpy(text, name.sun_path + 1, size - offsetof(struct sockaddr_un, sun_path) - 1);
		return listener_set_address(listener, "abstract", text);
	}
	return listener_set_address(listener, "path", name.sun_path);
}

static int listeners_open_systemd(struct list_head *listeners)
{
	int n = sd_listen_fds(1), r = 0;

	if (n < 0)
		return n;
	if (!n)
		return -ENOENT;
	for (int i = 0; i < n && !r; i++) {
		__cleanup(listener_freep) struct listener *listener = NULL;

		r = listener_new(&listener);
		if (!r)
			r = listener_adopt(listener, SD_LISTEN_FDS_START + i);
		if (!r) {
			list_add_tail(&listener->link, listeners);
			steal(listener);
		}
	}
	return r;
}

static int listeners_open_one(struct list_head *listeners, const struct address *address)
{
	__cleanup(listener_freep) struct listener *listener = NULL;
	int r;

	if (address->kind == ADDRESS_SYSTEMD)
		return listeners_open_systemd(listeners);
	r = listener_new(&listener);
	if (r < 0)
		return r;
	switch (address->kind) {
	case ADDRESS_UNIX_PATH:
		r = listener_open_path(listener, address->value);
		break;
	case ADDRESS_UNIX_ABSTRACT:
		r = listener_open_abstract(listener, address->value);
		break;
	case ADDRESS_UNIX_DIR:
	case ADDRESS_UNIX_TMPDIR:
		r = listener_open_dir(listener, address->value);
		break;
	case ADDRESS_UNIX_RUNTIME:
		r = listener_open_runtime(listener);
		break;
	default:
		return -EPROTONOSUPPORT;
	}
	if (r < 0)
		return r;
	list_add_tail(&listener->link, listeners);
	steal(listener);
	return 0;
}

/* an alternative that could be meant for us failed: that is what the caller hears of */
static void explain(char error[LISTENER_MAX_ERROR], const struct address *address, int r)
{
	switch (address->kind) {
	case ADDRESS_UNSUPPORTED:
		snprintf(error, LISTENER_MAX_ERROR, "transport \"%s\" is not supported",
			 address->value);
		break;
	case ADDRESS_UNKNOWN:
		snprintf(error, LISTENER_MAX_ERROR, "unknown address type \"%s\"", address->value);
		break;
	case ADDRESS_SYSTEMD:
		snprintf(error, LISTENER_MAX_ERROR,
			 "no usable socket was passed to this process: %s", strerror(-r));
		break;
	default:
		snprintf(error, LISTENER_MAX_ERROR, "failed to listen on \"%s\": %s",
			 address->value ?: "$XDG_RUNTIME_DIR/bus", strerror(-r));
		break;
	}
}

int listeners_open(struct list_head *listeners, const char *text, char error[LISTENER_MAX_ERROR])
{
	__cleanup(address_list_deinit) struct address_list list = ADDRESS_LIST_NULL;
	const char *reason;
	int r;

	r = address_parse(text, &list, &reason);
	if (r) {
		snprintf(error, LISTENER_MAX_ERROR, "address \"%s\": %s", text,
			 r < 0 ? strerror(-r) : reason);
		return r < 0 ? r : -EINVAL;
	}
	r = -EINVAL;
	for (size_t i = 0; i < list.n_addresses; i++) {
		r = listeners_open_one(listeners, &list.addresses[i]);
		if (!r)
			return 0;
		explain(error, &list.addresses[i], r);
	}
	return r;
}

void listeners_close(struct list_head *listeners, struct loop *loop)
{
	struct listener *listener, *tmp;

	list_for_each_entry_safe(listener, tmp, listeners, link) {
		list_del(&listener->link);
		if (loop)
			loop_remove(loop, &listener->source);
		listener_free(listener);
	}
}

char *listeners_address(const struct list_head *listeners)
{
	struct listener *listener;
	size_t size;
	char *text;
	FILE *stream;

	stream = open_memstream(&text, &size);
	if (!stream)
		return NULL;
	list_for_each_entry_reverse(listener, listeners, link)
		fprintf(stream, "%s%s,guid=%s", list_is_last(&listener->link, listeners) ? "" : ";",
			listener->address, listener->guid);
	if (ferror(stream)) {
		fclose(stream);
		free(text);
		return NULL;
	}
	return fclose(stream) ? NULL : text;
}
