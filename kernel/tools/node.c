/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A node: see node.h. */
#include "kernel/tools/node.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int node_open(struct node *node, const char *path)
{
	struct stat st;
	int r;

	*node = (struct node){.fd = -1};
	if (stat(path, &st) < 0)
		return -errno;
	if (S_ISSOCK(st.st_mode)) {
		r = remote_client_open(&node->remote, path, 0);
		if (r < 0)
			return r;
		node->is_remote = true;
		node->fd = node->remote.fd;
		return 0;
	}
	node->fd = open(path, O_RDWR | O_CLOEXEC);
	return node->fd < 0 ? -errno : 0;
}

void node_close(struct node *node)
{
	if (node->pool)
		munmap((void *)node->pool, node->pool_size);
	if (node->is_remote)
		remote_client_close(&node->remote);
	else if (node->fd >= 0)
		close(node->fd);
	*node = (struct node){.fd = -1};
}

int node_command(struct node *node, unsigned long nr, void *cmd)
{
	if (node->is_remote)
		return remote_client_command(&node->remote, nr, cmd);
	return ioctl(node->fd, nr, cmd) < 0 ? -errno : 0;
}

static int node_map(struct node *node, size_t size)
{
	void *pool;
	int r;

	if (node->is_remote) {
		r = remote_client_map(&node->remote, size, PROT_READ, MAP_SHARED, 0, &pool);
		if (r < 0)
			return r;
	} else {
		pool = mmap(NULL, size, PROT_READ, MAP_SHARED, node->fd, 0);
		if (pool == MAP_FAILED)
			return -errno;
	}
	node->pool = pool;
	node->pool_size = size;
	return 0;
}

int node_hello(struct node *node, uint64_t flags, uint64_t attach_recv, size_t pool_size,
	       const char *description, struct kdbus_cmd_hello *hello_out)
{
	union {
		struct kdbus_cmd_hello hello;
		uint64_t space[(sizeof(struct kdbus_cmd_hello) + 96) / 8];
	} cmd = {.hello = {.flags = flags,
			   .attach_flags_send = _KDBUS_ATTACH_ANY,
			   .attach_flags_recv = attach_recv,
			   .pool_size = pool_size}};
	struct kdbus_item *item = cmd.hello.items;
	size_t len = strlen(description) + 1;
	int r;

	item->size = offsetof(struct kdbus_item, str) + len;
	item->type = KDBUS_ITEM_CONN_DESCRIPTION;
	memcpy(item->str, description, len);
	cmd.hello.size = sizeof(cmd.hello) + ((item->size + 7) & ~UINT64_C(7));
	r = node_command(node, KDBUS_CMD_HELLO, &cmd.hello);
	if (!r)
		r = node_map(node, pool_size);
	if (r < 0)
		return r;
	node_free(node, cmd.hello.offset);
	*hello_out = cmd.hello;
	return 0;
}

void node_free(struct node *node, uint64_t offset)
{
	struct kdbus_cmd_free cmd = {.size = sizeof(cmd), .offset = offset};

	node_command(node, KDBUS_CMD_FREE, &cmd);
}
