/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random choices that a seed repeats, the same on every machine (splitmix64) */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct random {
	uint64_t state;
};

static inline uint64_t random_next(struct random *random)
{
	uint64_t z = random->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static inline unsigned random_below(struct random *random, unsigned n)
{
	return random_next(random) % n;
}

static inline bool random_percent(struct random *random, unsigned percent)
{
	return random_below(random, 100) < percent;
}

/* one element of an array */
#define random_pick(random, array)                                                                 \
	((array)[random_below(random, sizeof(array) / sizeof((array)[0]))])
