/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bloom filter of a broadcast, for the matches of native peers
 *
 * The scheme that D-Bus libraries used on kdbus, so that a mask computed by one of
 * them hits what we send: strings of the form "key:value", hashed by SipHash-2-4
 * with eight keys that everybody knows.  Which message parts are hashed is listed in
 * bloom.c.  A filter never decides alone: receivers look at the message again.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "proxy/message.h"

#define BLOOM_MAX_SIZE 4096u /* bytes; the ABI's limit */

/**
 * struct bloom - a filter that is being built
 * @size: bytes; the bus' parameter
 * @n_hash: bits per word; the bus' parameter
 * @bits: @size / 8 words in host order, as in struct kdbus_bloom_filter
 */
struct bloom {
	size_t size;
	unsigned n_hash;
	uint64_t *bits;
};

/* @bits: @size bytes, borrowed, cleared here; @size a multiple of 8 up to BLOOM_MAX_SIZE */
void bloom_init(struct bloom *bloom, void *bits, size_t size, unsigned n_hash);

/* adds "@key:@value" */
void bloom_add(struct bloom *bloom, const char *key, const char *value, size_t len);

/* adds everything that a mask may ask about @message */
void bloom_add_message(struct bloom *bloom, const struct message *message);
