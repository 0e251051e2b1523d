/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the engine and the driver ask of the daemon */
#pragma once

#include "driver-emu/driver.h"
#include "kernel/engine/engine.h"
#include "proxy/loop.h"

struct daemon;

extern const struct driver_ops daemon_driver_ops;
/* the same on a bus that another process owns */
extern const struct driver_ops daemon_joined_ops;

/* the operations for the engine of @daemon */
void daemon_host_init(struct engine_host *host, struct daemon *daemon);

/* engine_poll_fd() is ready: dispatch of daemon->engine_source */
void daemon_host_engine_ready(struct loop_source *source, uint32_t events);
/* loop: the owner of the bus has left something */
void daemon_host_news(struct loop_source *source, uint32_t events);
