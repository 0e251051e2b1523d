/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bus configuration as bytes, for another process of the same build
 *
 * What a proxy needs that serves a client of a bus whose owner has read the
 * configuration: type, authentication, limits and all rules with their places.  What only
 * the owner acts on (addresses, service directories, pid file) is not there.
 */
#pragma once

#include <stddef.h>

#include "policy-parser/config.h"

/**
 * config_image_make() - write a configuration down
 * @image_out: from malloc(), aligned to 8
 *
 * Return: 0, -ENOMEM, or -EFBIG: the strings do not fit.
 */
int config_image_make(const struct config *config, void **image_out, size_t *size_out);

/**
 * config_image_load() - read it again
 * @image: anything, aligned to 8; not needed any more afterwards
 *
 * Return: 0, -EBADMSG (it is not what config_image_make() wrote), or -ENOMEM.
 */
int config_image_load(const void *image, size_t size, struct config **config_out);
