/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Paths in a configuration */
#pragma once

/**
 * path_join() - @path below @directory
 *
 * Doubled slashes and "." are taken out, so that a file keeps one name however it
 * is reached; ".." is not, as what it means is for the file system to say.
 *
 * Return: to be freed, or NULL: out of memory.
 */
char *path_join(const char *directory, const char *path);

/**
 * path_resolve() - @path as written in @file
 *
 * A relative path is relative to the directory that @file lies in.
 *
 * Return: to be freed, or NULL: out of memory.
 */
char *path_resolve(const char *file, const char *path);
