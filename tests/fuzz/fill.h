/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands of kdbus out of bytes
 *
 * The input is taken byte by byte and means zeros when it is at its end.  What is filled is
 * well-formed most of the time, with names, numbers, flags and descriptors that somebody
 * knows, and has a flaw here and there.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/include/uapi/linux/kdbus.h"

#define POOL_SIZE (1024u * 1024)
#define N(array)  (sizeof(array) / sizeof((array)[0]))

/* 64-bit words in which a struct has room */
#define FILL_WORDS 5000

/**
 * struct fill_command - a struct that can be filled
 * @nr: the command; 0 for a message
 * @fixed: bytes of the fixed part
 * @flags: those it knows
 * @items: types it knows
 * @n_items: number of them
 */
struct fill_command {
	unsigned long nr;
	size_t fixed;
	uint64_t flags;
	const uint64_t *items;
	size_t n_items;
};

extern const struct fill_command fill_commands[];
extern const size_t n_fill_commands;
extern const struct fill_command fill_message;

/* what is left of the input */
extern const uint8_t *fill_input;
extern size_t fill_left;

void fill_start(const uint8_t *bytes, size_t size);
uint8_t take(void);
/* 0 to @n - 1 */
unsigned take_below(unsigned n);
/* a number that means something to somebody */
uint64_t take_value(void);
const char *take_name(void);

/* descriptors of several kinds, of which the second is a sealed memory file; names of
 * buses with a uid, the third with a wrong one; readable memory */
extern int fill_fds[8];
extern char fill_uid_names[3][32];
extern unsigned char fill_bytes[8192];
/* once */
void fill_open_fds(void);

/* fields and items at @space; where the struct is, which may be a bad place */
void *fill_struct(uint64_t *space, const struct fill_command *command);
