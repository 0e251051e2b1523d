/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SipHash-2-4
 *
 * A keyed hash for tables whose keys are chosen by clients: who does not know
 * the key cannot make keys collide.  By Aumasson and Bernstein, "SipHash: a
 * fast short-input PRF" (2012).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/**
 * struct siphash_key - a secret, drawn at random when a table is made
 * @key: the two halves
 */
struct siphash_key {
	uint64_t key[2];
};

/**
 * siphash() - hash bytes
 * @data: may be NULL if @size is 0; no alignment needed
 *
 * Return: 64 bits, the same on every machine for the same key and bytes if the
 * halves of the key were read as little-endian words.
 */
uint64_t siphash(const void *data, size_t size, const struct siphash_key *key);
