/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Identity of a peer: see creds.h
 *
 * SO_PEERCRED is the one thing that must be there.  The other options depend on
 * the kernel and on whether the peer still lives; each of them may be absent.
 */
#include "proxy/base/creds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/base/cleanup.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5; libc's headers are older */
#endif

/*
 * Reads a socket option of unknown size, plus @extra bytes of room, and takes no more memory than
 * that: it stays as long as the connection.  NULL with 0 when the kernel has none to give.
 */
static int get_sized_option(int fd, int option, size_t extra, void **value_out, socklen_t *size_out)
{
	__cleanup(freep) void *longer = NULL;
	char some[256];
	void *value = some, *copy;
	socklen_t size = sizeof(some), room;

	for (;;) {
		room = size;
		if (getsockopt(fd, SOL_SOCKET, option, value, &size) >= 0)
			break;
		if (errno != ERANGE || size <= room) {
			*value_out = NULL;
			*size_out = 0;
			return 0;
		}
		/* the kernel says how much it is, which may have grown meanwhile */
		free(longer);
		longer = value = malloc(size);
		if (!longer)
			return -ENOMEM;
	}
	copy = malloc(size + extra);
	if (!copy)
		return -ENOMEM;
	*value_out = memcpy(copy, value, size);
	*size_out = size;
	return 0;
}

static int compare_gids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

void creds_sort_groups(uint32_t *groups, size_t n)
{
	qsort(groups, n, sizeof(*groups), compare_gids);
}

static int read_groups(struct creds *creds, int fd)
{
	bool has_primary = false;
	socklen_t size;
	void *value;
	int r;

	_Static_assert(sizeof(gid_t) == sizeof(uint32_t), "SO_PEERGROUPS gives gid_t");
	r = get_sized_option(fd, SO_PEERGROUPS, sizeof(uint32_t), &value, &size);
	if (r || !value)
		return r;
	creds->groups = value;
	creds->n_groups = size / sizeof(uint32_t);
	for (uint32_t i = 0; i < creds->n_groups && !has_primary; i++)
		has_primary = creds->groups[i] == creds->gid;
	creds->is_primary_extra = !has_primary;
	if (!has_primary)
		creds->groups[creds->n_groups++] = creds->gid;
	creds_sort_groups(creds->groups, creds->n_groups);
	return 0;
}

static int read_seclabel(struct creds *creds, int fd)
{
	socklen_t size;
	void *value;
	int r;

	r = get_sized_option(fd, SO_PEERSEC, 1, &value, &size);
	if (r || !value)
		return r;
	creds->seclabel = value;
	creds->seclabel[size] = '\0'; /* some LSMs count a NUL, some do not */
	if (!creds->seclabel[0]) {
		free(creds->seclabel);
		creds->seclabel = NULL;
	}
	return 0;
}

int creds_init_socket(struct creds *creds, int fd)
{
	struct creds c = CREDS_NULL;
	struct ucred ucred;
	socklen_t size = sizeof(ucred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &ucred, &size) < 0)
		return -errno;
	c.uid = ucred.uid;
	c.gid = ucred.gid;
	c.pid = ucred.pid;
	*creds = c;
	return 0;
}

int creds_complete(struct creds *creds, int fd)
{
	struct creds c = *creds;
	int r;

	if (creds->is_complete)
		return 0;
	r = c.uid == CREDS_UNKNOWN ? 0 : read_groups(&c, fd);
	if (r)
		return r;
	r = read_seclabel(&c, fd);
	if (r) {
		free(c.groups);
		return r;
	}
	c.is_complete = true;
	*creds = c;
	return 0;
}

int creds_get_pidfd(struct creds *creds, int fd)
{
	socklen_t size = sizeof(int);
	int pidfd;

	if (creds->pidfd < 0 && !getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size))
		creds->pidfd = pidfd;
	return creds->pidfd;
}

void creds_deinit(struct creds *creds)
{
	if (creds->pidfd >= 0)
		close(creds->pidfd);
	free(creds->groups);
	free(creds->seclabel);
	*creds = (struct creds)CREDS_NULL;
}

bool creds_has_group(const struct creds *creds, uint32_t gid)
{
	return creds->n_groups &&
	       bsearch(&gid, creds->groups, creds->n_groups, sizeof(gid), compare_gids);
}

void creds_read_comm(const struct creds *creds, char comm_out[CREDS_MAX_COMM])
{
	char path[32];
	FILE *file;

	*comm_out = '\0';
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)creds->pid);
	file = fopen(path, "re");
	if (!file)
		return;
	if (!fgets(comm_out, CREDS_MAX_COMM, file))
		*comm_out = '\0';
	comm_out[strcspn(comm_out, "\n")] = '\0';
	fclose(file);
	/* any bytes may be in it: neither a message nor a log may have them */
	for (char *c = comm_out; *c; c++)
		if (*c < ' ' || *c > '~' || *c == '"')
			*c = '?';
}
