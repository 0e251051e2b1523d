/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Words for numbers of the ABI, for people */
#pragma once

#include <stdint.h>
#include <stdio.h>

/* "Activator" and so on; "Connection" for an ordinary one */
const char *name_of_kind(uint64_t hello_flags);
/* of a notification, or NULL */
const char *name_of_notification(uint64_t type);
/* " flag flag", what has no name as a number */
void print_message_flags(FILE *file, uint64_t flags);
void print_name_flags(FILE *file, uint64_t flags);
/* bytes that somebody else chose: what does not print is escaped */
void print_escaped(FILE *file, const char *text, size_t size);
