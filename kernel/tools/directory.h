/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where buses are: the directory of a server, or the file system */
#pragma once

#include <stdbool.h>

/* are there buses in @directory; @is_served: of a server, not the file system's */
bool directory_has_buses(const char *directory, bool is_served);

/**
 * directory_find() - that of the session, of the kernel, or of the system
 * @is_served: not of the kernel
 * @room: PATH_MAX bytes
 *
 * Return: the directory, perhaps in @room; NULL if there is none.
 */
const char *directory_find(bool is_served, char *room);
