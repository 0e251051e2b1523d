/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Nodes of the server: sockets that listen
 *
 * A node has the file mode that kdbusfs would give it, and belongs to the user who
 * made it; only the directory of another user's bus is ours, for all to enter.  A process without
 * the privilege to give files away leaves it its own and opens it to all; who may connect is then
 * decided at accept, where it is checked in any case.
 *
 * Sockets are bound below /proc/self/fd, as what a path may be is longer than what
 * fits into an address; under another name, and get their own when they listen: who waits for a
 * node to appear may connect at once.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "kernel/embedded/server-inner.h"

#define BACKLOG	  128
#define N_ACCEPTS 16
/* what no node is called */
#define UNNAMED ".new"

static mode_t node_mode(uint64_t flags)
{
	if (flags & KDBUS_MAKE_ACCESS_WORLD)
		return 0666;
	return flags & KDBUS_MAKE_ACCESS_GROUP ? 0660 : 0600;
}

/* gives @name to whom it belongs; without that privilege everybody gets at it */
static int give_away(int dir_fd, const char *name, const struct kdbus_embedded_cred *cred,
		     mode_t mode, mode_t open_mode)
{
	if ((cred->euid != geteuid() || cred->egid != getegid()) &&
	    fchownat(dir_fd, name, cred->euid, cred->egid, AT_SYMLINK_NOFOLLOW) < 0)
		mode = open_mode;
	return fchmodat(dir_fd, name, mode, 0) < 0 ? -errno : 0;
}

/* The directory of a bus stays ours whoever made the bus: who owns it could put something else,
 * a link to any file, in the place of a socket that is about to be given away. */
static int directory_give_away(struct kdbus_server *server, const char *bus,
			       const struct kdbus_embedded_cred *cred, mode_t mode)
{
	if (cred->euid != geteuid())
		return fchmodat(server->dir_fd, bus, 0755, 0) < 0 ? -errno : 0;
	return give_away(server->dir_fd, bus, cred,
			 0700 | (mode & 0060 ? 0050 : 0) | (mode & 0006 ? 0005 : 0), 0755);
}

/* the directory of @bus; -1 for that of the server */
static int directory_of(struct kdbus_server *server, const char *bus)
{
	int fd = openat(server->dir_fd, bus ? bus : ".",
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}

static int socket_listen(int dir_fd, const char *name, const struct server_node *node,
			 const struct kdbus_embedded_cred *cred, int *fd_out)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd, r;

	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" UNNAMED, dir_fd);
	/* of one that was killed */
	unlinkat(dir_fd, UNNAMED, 0);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		r = -errno;
		goto exit_fd;
	}
	r = give_away(dir_fd, UNNAMED, cred, node->mode, 0666);
	if (r < 0)
		goto exit_bound;
	if (listen(fd, BACKLOG) < 0 ||
	    renameat2(dir_fd, UNNAMED, dir_fd, name, RENAME_NOREPLACE) < 0) {
		r = errno == EEXIST ? -EADDRINUSE : -errno;
		goto exit_bound;
	}
	*fd_out = fd;
	return 0;

exit_bound:
	unlinkat(dir_fd, UNNAMED, 0);
exit_fd:
	close(fd);
	return r;
}

static void node_accept(struct kdbus_server *server, struct server_source *source, uint32_t events)
{
	struct server_node *node = container_of(source, struct server_node, source);
	int fd, r;

	for (int i = 0; i < N_ACCEPTS && source->fd >= 0; i++) {
		if (server->n_peers >= server->max_peers) {
			server_pause(server);
			return;
		}
		fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0) {
			/* what waits cannot be told that there is no room */
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			    errno == ENOBUFS)
				server_pause(server);
			return;
		}
		r = server_peer_accept(server, node, fd);
		if (r < 0)
			close(fd);
	}
}

static void node_free(struct server_node *node)
{
	kfree(node->bus);
	kfree(node->name);
	kfree(node);
}

int server_node_open(struct kdbus_server *server, struct server_peer *owner, const char *bus,
		     const char *name, uint64_t flags, const struct kdbus_embedded_cred *cred)
{
	bool makes_directory = bus && strcmp(name, "bus") == 0;
	mode_t mode = node_mode(flags);
	struct server_node *node;
	int dir_fd, r;

	node = kzalloc(sizeof(*node), GFP_KERNEL_ACCOUNT);
	if (!node)
		return -ENOMEM;
	node->source = (struct server_source){.fd = -1, .ready = node_accept};
	node->owner = owner;
	node->uid = cred->euid;
	node->gid = cred->egid;
	node->mode = mode;
	node->name = kstrdup(name, GFP_KERNEL_ACCOUNT);
	node->bus = bus ? kstrdup(bus, GFP_KERNEL_ACCOUNT) : NULL;
	r = -ENOMEM;
	if (!node->name || (bus && !node->bus))
		goto exit_node;

	r = 0;
	/* one that we cannot write to any more would be of no use */
	if (makes_directory && mkdirat(server->dir_fd, bus, 0700) < 0)
		r = -errno;
	if (r < 0)
		goto exit_node;
	dir_fd = directory_of(server, bus);
	r = dir_fd < 0 ? dir_fd : socket_listen(dir_fd, name, node, cred, &node->source.fd);
	if (r >= 0 && makes_directory)
		r = directory_give_away(server, bus, cred, mode);
	if (dir_fd >= 0)
		close(dir_fd);
	if (r >= 0)
		r = server_watch(server, &node->source, server->retry_ns ? 0 : EPOLLIN);
	if (r < 0)
		goto exit_directory;
	list_add_tail(&node->link, &server->nodes);
	return 0;

exit_directory:
	server_unwatch(server, &node->source);
	if (makes_directory) {
		dir_fd = directory_of(server, bus);
		if (dir_fd >= 0) {
			unlinkat(dir_fd, name, 0);
			close(dir_fd);
		}
		unlinkat(server->dir_fd, bus, AT_REMOVEDIR);
	}
exit_node:
	node_free(node);
	return r;
}

void server_node_close(struct kdbus_server *server, struct server_node *node)
{
	int dir_fd = directory_of(server, node->bus);

	server_unwatch(server, &node->source);
	if (dir_fd >= 0) {
		unlinkat(dir_fd, node->name, 0);
		close(dir_fd);
	}
	/* not as long as there are others in it */
	if (node->bus)
		unlinkat(server->dir_fd, node->bus, AT_REMOVEDIR);
	list_move_tail(&node->link, &server->closed_nodes);
}

static struct server_node *find_owned(const struct kdbus_server *server,
				      const struct server_peer *owner)
{
	struct server_node *node;

	list_for_each_entry(node, &server->nodes, link)
		if (node->owner == owner)
			return node;
	return NULL;
}

void server_node_close_owned(struct kdbus_server *server, const struct server_peer *owner)
{
	struct server_node *owned = find_owned(server, owner), *node, *tmp;

	if (!owned)
		return;
	/* a bus takes its endpoints with it, whoever made them */
	if (strcmp(owned->name, "bus") == 0)
		list_for_each_entry_safe(node, tmp, &server->nodes, link)
			if (node != owned && node->bus && strcmp(node->bus, owned->bus) == 0)
				server_node_close(server, node);
	server_node_close(server, owned);
}

static void clean_directory(int dir_fd, void (*clean)(int dir_fd, const struct dirent *entry))
{
	struct dirent *entry;
	DIR *dir;

	dir = fdopendir(dir_fd);
	if (!dir) {
		close(dir_fd);
		return;
	}
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' || strcmp(entry->d_name, UNNAMED) == 0)
			clean(dir_fd, entry);
	closedir(dir);
}

static void clean_endpoint(int dir_fd, const struct dirent *entry)
{
	struct stat st;

	if (fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(st.st_mode))
		unlinkat(dir_fd, entry->d_name, 0);
}

static void clean_bus(int dir_fd, const struct dirent *entry)
{
	int fd = openat(dir_fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0) {
		clean_endpoint(dir_fd, entry);
		return;
	}
	clean_directory(fd, clean_endpoint);
	/* of what is not ours it is not empty now */
	unlinkat(dir_fd, entry->d_name, AT_REMOVEDIR);
}

void server_node_clean(struct kdbus_server *server)
{
	int fd = directory_of(server, NULL);

	if (fd >= 0)
		clean_directory(fd, clean_bus);
}

void server_node_free_closed(struct kdbus_server *server)
{
	struct server_node *node, *tmp;

	list_for_each_entry_safe(node, tmp, &server->closed_nodes, link)
		node_free(node);
	INIT_LIST_HEAD(&server->closed_nodes);
}
