/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who comes to the server: what is known of a process from its socket, and whether it may
 *
 * The modes of a node are those of the file that it stands for.  Credentials, groups and the
 * namespaces that the process is in are found out once, as an open file keeps them.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "kernel/embedded/namespace.h"
#include "kernel/embedded/server-inner.h"

/* handles of one user besides those that are connections */
#define HANDLES_MORE 64
/* of all descriptors that messages may hold, those of one user */
#define USER_SHARE 4

/* the ABI tells of supplementary groups as they are */
static void drop_extra_group(struct creds *creds)
{
	uint32_t n = 0;

	if (!creds->is_primary_extra)
		return;
	for (uint32_t i = 0; i < creds->n_groups; i++)
		if (creds->groups[i] != creds->gid)
			creds->groups[n++] = creds->groups[i];
	creds->n_groups = n;
	creds->is_primary_extra = false;
}

static bool may_open(const struct server_node *node, const struct creds *creds)
{
	if (creds->uid == 0)
		return true;
	if (creds->uid == node->uid)
		return node->mode & 0200;
	if (creds_has_group(creds, node->gid))
		return node->mode & 0020;
	return node->mode & 0002;
}

/* so many that nobody but he who opens and opens will ever meet it */
static bool has_too_many(struct kdbus_server *server, u32 uid)
{
	const struct kdbus_limits *limits = &kdbus_embedded_domain(server->embedded)->limits;
	const struct server_peer *peer;
	u64 n = 0;

	/* proxies open for others, who are counted where they say Hello */
	if (uid == 0 || uid == geteuid())
		return false;
	list_for_each_entry(peer, &server->peers, link)
		n += peer->creds.uid == uid;
	return n >= (u64)limits->n_conns_user + HANDLES_MORE;
}

static char *node_path(const struct server_node *node)
{
	size_t bus_len = node->bus ? strlen(node->bus) : 0, name_len = strlen(node->name);
	char *path = kmalloc(bus_len + name_len + 2, GFP_KERNEL_ACCOUNT), *end = path;

	if (!path)
		return NULL;
	if (node->bus) {
		memcpy(end, node->bus, bus_len);
		end += bus_len;
		*end++ = '/';
	}
	memcpy(end, node->name, name_len + 1);
	return path;
}

/* who is root, or as we are, may speak for others */
static struct embedded_share *share_of(struct kdbus_server *server, u32 uid)
{
	struct embedded_share *share;
	bool is_all = uid == 0 || uid == geteuid();

	list_for_each_entry(share, &server->shares, link)
		if (share->uid == uid)
			return embedded_share_get(share);
	share = embedded_share_new(uid, is_all ? server->max_fds : server->max_fds / USER_SHARE);
	if (share)
		list_add_tail(&share->link, &server->shares);
	return share;
}

/*
 * The number of a process that has gone may be somebody else's by now.  The socket knows, where
 * the kernel is asked for it: 6.5.
 */
static bool is_gone(struct server_peer *peer)
{
	struct pollfd pollfd = {.events = POLLIN};
	bool is_gone;

	pollfd.fd = creds_get_pidfd(&peer->creds, peer->source.fd);
	if (pollfd.fd < 0)
		return false;
	is_gone = poll(&pollfd, 1, 0) > 0;
	close(pollfd.fd);
	peer->creds.pidfd = -1;
	return is_gone;
}

static int peer_find_namespaces(struct server_peer *peer)
{
	struct embedded_namespaces *self = embedded_self_namespaces(peer->server->embedded);
	struct embedded_process *process = &peer->process;
	int r;

	process->started = process->pid > 0 ? embedded_process_started(process->pid) : 0;
	r = embedded_namespaces_new(self, process->pid, &process->opener);
	if (r < 0)
		return r;
	if (process->pid > 0 && is_gone(peer)) {
		embedded_namespaces_put(process->opener);
		process->opener = embedded_namespaces_get(self);
		process->started = 0;
	}
	return 0;
}

int server_peer_accept(struct kdbus_server *server, const struct server_node *node, int fd)
{
	struct server_peer *peer;
	int r;

	peer = kzalloc(sizeof(*peer), GFP_KERNEL_ACCOUNT);
	if (!peer)
		return -ENOMEM;
	server_peer_init(peer, server, fd);
	r = creds_init_socket(&peer->creds, fd);
	if (!r)
		r = creds_complete(&peer->creds, fd);
	if (r < 0)
		goto exit_peer;
	r = -EACCES;
	if (!may_open(node, &peer->creds))
		goto exit_peer;
	r = -EMFILE;
	if (has_too_many(server, peer->creds.uid))
		goto exit_peer;
	r = -ENOMEM;
	peer->path = node_path(node);
	if (!peer->path)
		goto exit_peer;
	drop_extra_group(&peer->creds);
	peer->process.pid = peer->creds.pid;
	r = -ENOMEM;
	peer->process.share = share_of(server, peer->creds.uid);
	if (!peer->process.share)
		goto exit_peer;
	r = peer_find_namespaces(peer);
	if (r < 0)
		goto exit_peer;
	peer->cred = (struct kdbus_embedded_cred){
		.uid = peer->creds.uid,
		.euid = peer->creds.uid,
		.gid = peer->creds.gid,
		.egid = peer->creds.gid,
		/* root of a user namespace has no power over ours */
		.is_privileged = peer->creds.uid == 0 && peer->process.opener->is_ours,
		.n_groups = peer->creds.n_groups,
		.groups = peer->creds.groups,
	};
	r = server_watch(server, &peer->source, EPOLLIN);
	if (r < 0)
		goto exit_peer;
	list_add_tail(&peer->link, &server->peers);
	server->n_peers++;
	return 0;

exit_peer:
	server_peer_free(peer);
	return r;
}
