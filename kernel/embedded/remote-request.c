/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests of other processes, taken apart: see remote-request.h
 *
 * Where a segment's bytes are is found by walking: only vectors of a message come in
 * numbers, and they are asked for in the order in which they were sent, which the
 * cursor makes use of.
 */
#include "kernel/embedded/remote-request.h"

#include <errno.h>
#include <string.h>

static uint64_t padded(uint64_t size)
{
	return (size + 7) & ~UINT64_C(7);
}

/* @size bytes of the packet at *@at, which moves behind them and their padding */
static const void *take(const void *packet, size_t packet_size, size_t *at, uint64_t size)
{
	const uint8_t *taken = (const uint8_t *)packet + *at;

	if (size > packet_size - *at || padded(size) > packet_size - *at)
		return NULL;
	*at += padded(size);
	return taken;
}

static bool head_is_good(const struct remote_request *head, uint32_t n_fds)
{
	if (head->version != REMOTE_VERSION || head->has_file > 1)
		return false;
	if (head->n_segments > REMOTE_SEGMENTS_MAX || head->n_numbers > REMOTE_FDS_MAX ||
	    head->n_freed > REMOTE_WINDOW)
		return false;
	switch (head->op) {
	case REMOTE_COMMAND:
	case REMOTE_SEND:
		return n_fds == head->n_numbers + head->has_file;
	case REMOTE_INSTALLED:
		return !n_fds && !head->n_segments && !head->has_file;
	case REMOTE_STAGE:
		return n_fds == 1 && head->has_file && !head->n_segments && !head->n_numbers;
	case REMOTE_OPEN:
	case REMOTE_POLL:
	case REMOTE_POOL:
	case REMOTE_PUBLISHED:
	case REMOTE_CLOSE:
	case REMOTE_COLLECT:
	case REMOTE_STREAM:
	case REMOTE_FREE:
	case REMOTE_CONFIRM:
		return !n_fds && !head->n_segments && !head->n_numbers && !head->has_file;
	}
	return false;
}

/* counts what the segment wants to have, and where */
static bool segment_is_good(struct remote_call *call, const struct remote_segment *segment,
			    uint64_t *in_packet)
{
	switch (segment->place) {
	case REMOTE_IN_PACKET:
		*in_packet += padded(segment->size);
		return !segment->offset;
	case REMOTE_IN_FILE:
		call->file_size += segment->size;
		return !segment->offset && call->head.has_file;
	case REMOTE_IN_STAGE:
		call->has_staged = true;
		return true;
	}
	return false;
}

/* the packet has all the bytes that the segments say, and no others */
static bool segments_are_good(struct remote_call *call, uint64_t n_bytes)
{
	uint64_t total = 0, in_packet = 0;

	for (uint32_t i = 0; i < call->head.n_segments; i++) {
		const struct remote_segment *segment = &call->segments[i];

		if (segment->size > REMOTE_BYTES_MAX - total ||
		    segment->size > UINT64_MAX - segment->address ||
		    !segment_is_good(call, segment, &in_packet))
			return false;
		total += segment->size;
	}
	return in_packet == n_bytes;
}

int remote_call_parse(const void *packet, size_t size, uint32_t n_fds, struct remote_call *call_out)
{
	struct remote_call call = {0};
	size_t at = sizeof(call.head);

	if (size < sizeof(call.head))
		return -EBADMSG;
	memcpy(&call.head, packet, sizeof(call.head));
	if (!head_is_good(&call.head, n_fds))
		return -EBADMSG;
	call.segments = take(packet, size, &at, call.head.n_segments * sizeof(*call.segments));
	if (!call.segments)
		return -EBADMSG;
	call.numbers = take(packet, size, &at, call.head.n_numbers * sizeof(*call.numbers));
	if (!call.numbers)
		return -EBADMSG;
	call.freed = take(packet, size, &at, call.head.n_freed * sizeof(*call.freed));
	if (!call.freed)
		return -EBADMSG;
	call.bytes = (const uint8_t *)packet + at;
	if (!segments_are_good(&call, size - at))
		return -EBADMSG;
	*call_out = call;
	return 0;
}

static void cursor_advance(const struct remote_call *call, struct remote_cursor *cursor)
{
	const struct remote_segment *segment = &call->segments[cursor->index];

	if (segment->place == REMOTE_IN_FILE)
		cursor->file_offset += segment->size;
	else if (segment->place == REMOTE_IN_PACKET)
		cursor->packet_offset += padded(segment->size);
	if (++cursor->index == call->head.n_segments)
		*cursor = (struct remote_cursor){0};
}

static bool segment_has(const struct remote_segment *segment, uint64_t address, uint64_t size)
{
	return address >= segment->address && size <= segment->size &&
	       address - segment->address <= segment->size - size;
}

int remote_call_find(const struct remote_call *call, uint64_t address, uint64_t size,
		     struct remote_cursor *cursor, struct remote_range *range_out)
{
	for (uint32_t i = 0; i < call->head.n_segments; i++) {
		const struct remote_segment *segment = &call->segments[cursor->index];
		uint64_t skipped = address - segment->address;

		if (!segment_has(segment, address, size)) {
			cursor_advance(call, cursor);
			continue;
		}
		*range_out = (struct remote_range){.place = segment->place};
		switch (segment->place) {
		case REMOTE_IN_PACKET:
			range_out->bytes = call->bytes + cursor->packet_offset + skipped;
			break;
		case REMOTE_IN_FILE:
			range_out->offset = cursor->file_offset + skipped;
			break;
		default:
			range_out->offset = segment->offset + skipped;
			break;
		}
		return 0;
	}
	return -EFAULT;
}
