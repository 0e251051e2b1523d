/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Process: what the daemon does to itself at start, as dbus-daemon(1) describes it */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

/* 0, 1 and 2 are open afterwards (on /dev/null where the caller had closed them), and no other
 * descriptor survives an exec; the limit of descriptors is raised to what is allowed */
int process_prepare(void);

/**
 * process_original_nofile() - the limit of descriptors that the bus was started with
 *
 * What it starts gets this one back, by setrlimit() between fork and exec: programs that
 * use select() cannot live with more.
 */
struct rlimit process_original_nofile(void);

/**
 * process_fork() - go on as a daemon
 * @keep_umask: leave the umask alone, else it becomes 022
 * @ready_fd_out: in the child: to be given to process_ready()
 *
 * Returns in the child only, in a session of its own, in / and with stdin on
 * /dev/null.  The parent waits for process_ready() or the child's end and exits
 * with the status that this means.
 *
 * Return: 0, or a negative errno in the caller.
 */
int process_fork(bool keep_umask, int *ready_fd_out);
/* lets go of the caller's stdout and stderr, so that who reads them sees their end; 0 or a
 * negative errno */
int process_detach(void);
/* lets the parent exit with status 0; closes the descriptor; -1 is fine */
void process_ready(int *ready_fd);

/**
 * process_become() - give up what only root may, and be another user from now on
 * @user: name or number; borrowed
 * @capability: CAP_* to keep, or -1: none
 *
 * Takes the user's groups, and keeps no other capability: sockets, files and the log are
 * open by then.  Nothing happens if the process is not root: then it could not.  What it
 * starts has no capability.
 *
 * Return: 0, -ENOENT: no such user, or another negative errno.
 */
int process_become(const char *user, int capability);

/* writes @text and a newline to @fd and closes it, unless it is one of the standard ones;
 * 0 or a negative errno */
int process_print(int fd, const char *text);

/* 0, -EEXIST, or another negative errno */
int process_check_pidfile(const char *path);
/* creates it with the pid of this process; 0 or a negative errno */
int process_write_pidfile(const char *path);
