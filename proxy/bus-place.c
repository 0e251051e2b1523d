/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the kdbus bus is: see bus-place.h
 *
 * A domain in the kernel is mounted where an embedded bus would be served, so that other
 * programs find the one as the other.
 */
#include "proxy/bus-place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/base/log.h"
#include "proxy/daemon.h"

static const char *mount_hint(int error)
{
	switch (error) {
	case -ENODEV:
		return "the kernel has no kdbus (is kdbus.ko loaded?)";
	case -EPERM:
		return "only root may mount it; --bus=kernel:path=DIRECTORY uses what is mounted";
	case -EADDRINUSE:
		return "there is another bus";
	default:
		return strerror(-error);
	}
}

/* a domain with the limits of the configuration */
static int place_mount(struct bus_place *place, const struct config *config)
{
	struct engine_limits limits;
	int r;

	daemon_get_engine_limits(config, &limits);
	r = engine_mount(place->directory, &limits);
	if (r < 0)
		return r;
	place->is_mounted = true;
	if (asprintf(&place->address, "kernel:path=%s", place->directory) < 0) {
		place->address = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int place_copy(struct bus_place *place, const char *address)
{
	place->address = strdup(address);
	return place->address ? 0 : -ENOMEM;
}

int bus_place_choose(const struct options *options, const struct config *config,
		     struct bus_place *place_out)
{
	const char *wanted = options->bus ?: "embedded";
	bool is_auto = !strcmp(wanted, "auto");
	bool is_kernel = is_auto || !strcmp(wanted, "kernel");
	int r;

	*place_out = (struct bus_place){0};
	r = options_engine_dir(options, is_kernel, &place_out->directory);
	if (r < 0) {
		log_error("Not a directory for the bus: \"%s\": %s", options->engine_socket ?: "",
			  strerror(-r));
		return r;
	}
	if (is_kernel) {
		r = place_mount(place_out, config);
		if (!r) {
			log_notice("The bus is in the kernel, mounted at %s", place_out->directory);
			return 0;
		}
		if (!is_auto || r == -ENOMEM) {
			log_error("Failed to mount kdbusfs at %s: %s", place_out->directory,
				  mount_hint(r));
			return r;
		}
		log_notice("The bus is embedded, as kdbusfs cannot be mounted at %s: %s",
			   place_out->directory, mount_hint(r));
		wanted = "embedded";
	}
	if (options->engine_socket)
		place_out->served = place_out->directory;
	return place_copy(place_out, wanted);
}

void bus_place_deinit(struct bus_place *place)
{
	int r = 0;

	if (place->is_mounted)
		r = engine_unmount(place->directory);
	/* who gave up the privilege leaves it to the next bus */
	if (r < 0 && r != -EPERM)
		log_warning("Failed to unmount %s: %s", place->directory, strerror(-r));
	free(place->address);
	free(place->directory);
	*place = (struct bus_place){0};
}
