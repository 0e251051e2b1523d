/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A process that serves a domain in a directory, for tests */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "kernel/engine/engine.h"

/**
 * struct remote_server - a child that serves
 * @dir: where; removed by remote_server_stop()
 * @pid: of the child
 * @stop_fd: tells it to end
 */
struct remote_server {
	char dir[64];
	pid_t pid;
	int stop_fd;
};

/* a domain without a bus; @limits: NULL for the published ones */
void remote_server_start(struct remote_server *server, bool strict,
			 const struct engine_limits *limits);
/* with a bus of its own, "<uid>-own" */
void remote_server_start_with_bus(struct remote_server *server);
/* strict, in a directory that there is */
void remote_server_start_in(struct remote_server *server, const char *dir);
/* ends it, which must leave nothing behind */
void remote_server_stop(struct remote_server *server);
