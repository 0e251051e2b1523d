/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests of other processes, taken apart
 *
 * Bytes in, pointers into them out: no descriptor is touched and nothing is
 * allocated.  Whoever sent them may have written anything.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "kernel/embedded/remote-protocol.h"

/**
 * struct remote_call - a request that holds together
 * @head: copy of its head
 * @segments: head.n_segments of them
 * @numbers: head.n_numbers of them
 * @freed: head.n_freed of them
 * @bytes: of the segments that are in the packet
 * @file_size: bytes that the segments want to have in the file
 * @has_staged: some are in the stage
 *
 * Pointers are into the request.
 */
struct remote_call {
	struct remote_request head;
	const struct remote_segment *segments;
	const int32_t *numbers;
	const uint64_t *freed;
	const uint8_t *bytes;
	uint64_t file_size;
	bool has_staged;
};

/**
 * remote_call_parse() - check a packet
 * @packet: aligned to 8
 * @size: its bytes
 * @n_fds: descriptors that came along
 *
 * Return: 0 or -EBADMSG.
 */
int remote_call_parse(const void *packet, size_t size, uint32_t n_fds,
		      struct remote_call *call_out);

/**
 * struct remote_range - where memory of the caller is
 * @place: REMOTE_IN_*
 * @bytes: in the packet
 * @offset: in the file or the stage
 */
struct remote_range {
	enum remote_place place;
	const uint8_t *bytes;
	uint64_t offset;
};

/**
 * struct remote_cursor - a segment, and where its bytes are; begins as zeros
 * @index: which
 * @packet_offset: behind remote_call.bytes, if it is not in the file
 * @file_offset: in the file, if it is there
 */
struct remote_cursor {
	uint32_t index;
	uint64_t packet_offset;
	uint64_t file_offset;
};

/**
 * remote_call_find() - look up an address
 * @cursor: where to begin; afterwards the segment that has it
 *
 * Return: 0, or -EFAULT if no segment has all of @address to @address + @size.
 */
int remote_call_find(const struct remote_call *call, uint64_t address, uint64_t size,
		     struct remote_cursor *cursor, struct remote_range *range_out);
