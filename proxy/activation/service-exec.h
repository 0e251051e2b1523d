/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Service files: the command line of Exec */
#pragma once

/* outcomes */
enum {
	SERVICE_EXEC_INVALID = 1, /* a quote that has no other, or a backslash at the end */
	SERVICE_EXEC_EMPTY,	  /* nothing to execute */
};

/**
 * service_exec_split() - split a command line into arguments
 * @exec: as service_file_parse() gives it
 * @argv_out: at least one argument, and NULL behind the last; one block, for free()
 *
 * Blanks separate, both quotes and the backslash quote as they do in a shell, '#'
 * starts a comment.  Nothing is expanded.
 *
 * Return: 0, SERVICE_EXEC_*, or -ENOMEM.
 */
int service_exec_split(const char *exec, char ***argv_out);
