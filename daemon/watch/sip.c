/* SPDX-License-Identifier: Apache-2.0
 *
 * sip.c - SipHash-2-4, after the paper of Aumasson and Bernstein. */
#include "daemon/watch/sip.h"

#include <string.h>
#include <sys/random.h>
#include <time.h>

struct state {
	uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static void rounds(struct state *s, unsigned count)
{
	while (count-- > 0) {
		s->v0 += s->v1;
		s->v2 += s->v3;
		s->v1 = rotate(s->v1, 13) ^ s->v0;
		s->v3 = rotate(s->v3, 16) ^ s->v2;
		s->v0 = rotate(s->v0, 32);
		s->v2 += s->v1;
		s->v0 += s->v3;
		s->v1 = rotate(s->v1, 17) ^ s->v2;
		s->v3 = rotate(s->v3, 21) ^ s->v0;
		s->v2 = rotate(s->v2, 32);
	}
}

static void absorb(struct state *s, uint64_t word)
{
	s->v3 ^= word;
	rounds(s, 2);
	s->v0 ^= word;
}

static uint64_t little(const unsigned char *p, size_t len)
{
	uint64_t word = 0;

	for (size_t i = 0; i < len; i++)
		word |= (uint64_t)p[i] << 8 * i;
	return word;
}

uint64_t sip_hash(struct sip_key key, const void *data, size_t len)
{
	const unsigned char *p = data;
	struct state s = {
		.v0 = key.k0 ^ 0x736f6d6570736575,
		.v1 = key.k1 ^ 0x646f72616e646f6d,
		.v2 = key.k0 ^ 0x6c7967656e657261,
		.v3 = key.k1 ^ 0x7465646279746573,
	};
	size_t left = len;

	for (; left >= 8; left -= 8, p += 8)
		absorb(&s, little(p, 8));
	absorb(&s, little(p, left) | (uint64_t)len << 56);
	s.v2 ^= 0xff;
	rounds(&s, 4);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

struct sip_key sip_random_key(void)
{
	struct sip_key key;

	if (getrandom(&key, sizeof(key), 0) != sizeof(key)) { /* only before the kernel has any */
		struct timespec now;

		clock_gettime(CLOCK_MONOTONIC, &now);
		key.k0 = (uint64_t)now.tv_nsec;
		key.k1 = (uint64_t)now.tv_sec;
	}
	return key;
}
