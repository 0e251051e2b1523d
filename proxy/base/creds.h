/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Identity of a peer
 *
 * Read from the socket, never from /proc: SO_PEERCRED at accept, and SO_PEERGROUPS, SO_PEERSEC and
 * SO_PEERPIDFD when somebody asks for them first.  The socket pins who connected, so late is as
 * good as at accept.  Carried as this one object from the listener to the engine, the driver and
 * the policy.  What is not known is absent: uid and gid CREDS_UNKNOWN, pid 0, pidfd -1, seclabel
 * NULL.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CREDS_UNKNOWN UINT32_MAX

struct creds {
	uint32_t uid;
	uint32_t gid;
	pid_t pid;
	int pidfd; /* owned, or -1; creds_get_pidfd() */
	uint32_t n_groups;
	bool is_primary_extra; /* the primary one is not among the supplementary ones */
	bool is_complete;      /* groups and label have been asked for; creds_complete() */
	uint32_t *groups;      /* owned; sorted, duplicates kept, the primary one included */
	char *seclabel;	       /* owned, NUL-terminated, or NULL */
};

#define CREDS_NULL                                                                                 \
	{                                                                                          \
		.uid = CREDS_UNKNOWN, .gid = CREDS_UNKNOWN, .pidfd = -1                            \
	}

/**
 * creds_init_socket() - read who the peer of a connected socket is
 * @creds: written on success, without groups and label; to be released with creds_deinit()
 * @fd: an AF_UNIX socket
 *
 * Return: 0, or the errno of SO_PEERCRED.
 */
int creds_init_socket(struct creds *creds, int fd);

/**
 * creds_complete() - read the groups and the security label, unless that has been done
 * @fd: the socket that @creds was read from
 *
 * Most connections come and go without anybody asking.  A kernel without one of the options
 * leaves that member absent; who has no uid has no groups.
 *
 * Return: 0 or -ENOMEM: nothing has changed.
 */
int creds_complete(struct creds *creds, int fd);

/**
 * creds_get_pidfd() - the peer's process as a descriptor
 * @fd: the socket that @creds was read from
 *
 * Asked of the socket when it is wanted first, and then kept in @creds: a connection that
 * nobody asks about costs one descriptor instead of two.
 *
 * Return: the descriptor, which stays the creds'; -1 when the kernel cannot tell.
 */
int creds_get_pidfd(struct creds *creds, int fd);
#define CREDS_MAX_COMM 32

/* what the process calls itself, in printable characters; "" of one that is gone, or that this
 * process may not look at */
void creds_read_comm(const struct creds *creds, char comm_out[CREDS_MAX_COMM]);
/* idempotent */
void creds_deinit(struct creds *creds);
/* the order that creds_has_group() needs */
void creds_sort_groups(uint32_t *groups, size_t n);
bool creds_has_group(const struct creds *creds, uint32_t gid);
