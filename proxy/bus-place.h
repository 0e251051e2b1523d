/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the kdbus bus is: what --bus and --engine-socket come to
 *
 *	kernel		in the kernel, in a domain that is mounted for this bus
 *	auto		the same if that can be, else embedded
 *	anything else	an address of the engine, as it stands
 */
#pragma once

#include <stdbool.h>

#include "policy-parser/config.h"
#include "proxy/options.h"

/**
 * struct bus_place - where it is
 * @address: for the engine, or NULL: the engine's choice
 * @served: directory in which an embedded bus is served to other processes, or NULL
 * @is_mounted: what is at @directory was mounted for this bus
 * @directory: of the bus, or NULL
 */
struct bus_place {
	char *address;
	const char *served;
	bool is_mounted;
	char *directory;
};

/**
 * bus_place_choose() - decide, and mount
 * @place_out: written whatever the outcome; bus_place_deinit() when the bus is gone
 *
 * To be called with all privileges, as to mount takes them.  Says in the log which it
 * took if there was a choice, and what went wrong.
 *
 * Return: 0 or a negative errno.
 */
int bus_place_choose(const struct options *options, const struct config *config,
		     struct bus_place *place_out);
/* the mount goes, if this process still may do that */
void bus_place_deinit(struct bus_place *place);
