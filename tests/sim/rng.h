/* SPDX-License-Identifier: Apache-2.0
 *
 * rng.h - the one source of chance of a simulated world: the same seed, the same story. */
#ifndef RD_TESTS_SIM_RNG_H
#define RD_TESTS_SIM_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
	uint64_t state;
};

static inline uint64_t rng_next(struct rng *r)
{
	uint64_t x = r->state += 0x9e3779b97f4a7c15u;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

/* 0 .. n-1 */
static inline int64_t rng_below(struct rng *r, int64_t n)
{
	return n <= 1 ? 0 : (int64_t)(rng_next(r) % (uint64_t)n);
}

static inline int64_t rng_between(struct rng *r, int64_t low, int64_t high)
{
	return low + rng_below(r, high - low + 1);
}

/* n times in a thousand */
static inline bool rng_often(struct rng *r, unsigned n)
{
	return rng_next(r) % 1000 < n;
}

#endif
