/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the events of an epoll set are about that several have a part in */
#pragma once

#include <stdint.h>

/**
 * struct loop_source - a descriptor that is watched; data.ptr of its events
 * @fd: it
 * @events: what epoll is asked for just now
 * @dispatch: called with what epoll says
 */
struct loop_source {
	int fd;
	uint32_t events;
	void (*dispatch)(struct loop_source *source, uint32_t events);
};
