/* SPDX-License-Identifier: Apache-2.0
 *
 * retry.h - when to try again, and how fast to go: pure functions of the time that they are given. */
#ifndef RD_RETRY_H
#define RD_RETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Full jitter above a floor: uniform(base, min(cap, base * 2^tries)), base 5 s, cap 15 min.  seed is any
 * number; the same one gives the same wait.  (faults.md, rule R1) */
int64_t retry_wait_ms(unsigned tries, uint64_t seed);

/* The wait before the n-th look-up of an unknown outcome: 5 s, 30 s, 2 min.  (rule A2) */
#define LOOKS_MAX 3
int64_t retry_look_ms(unsigned looks);

/* What a 429 asks for: max(Retry-After, 1 s), 60 s where it is absent (-1), at most an hour.  After `limited` of
 * them in a row at least 1 s, 2 s, 4 s .. a minute: a server that says "2 seconds" for an hour is not asked 1,800
 * times, and limits are by the minute. */
int64_t retry_limited_ms(int64_t retry_after_s, unsigned limited);

/* A 503 of a server that says so both of too many calls a second and of too many a day, after `fails` of them in a
 * row: seconds at first, then ever longer, an hour at last, for the day has to turn.  What the server asks for goes
 * first, up to a day.  (Axosoft: 25 calls a second, 1,000 a day, 503 past either; no header is documented.) */
int64_t retry_quota_ms(unsigned fails, int64_t retry_after_s);

/* A token bucket that is kept as one number: the time at which it will be full again (GCRA).  Four fifths
 * of the server's limit are used; of the burst a fifth is kept for look-ups. */
struct pace {
	double interval_ms; /* between two requests at the sustained rate; 0: no limit */
	double burst;
	double full_at_ms;
	int64_t blocked_until_ms; /* told by the server; same clock as now_ms */
	/* Requests of the last 24 hours, where only so many may be made: a ring, oldest at `day_first`. */
	int64_t *day;
	size_t day_max, day_first, day_count; /* day_max 0: no such limit */
};
#define PACE_DAY_MS (INT64_C(24) * 3600 * 1000)
void pace_init(struct pace *p, double rate_per_minute);
void pace_init_day(struct pace *p, size_t per_day); /* after pace_init() */
void pace_done(struct pace *p);
/* 0: a request may leave now; else the milliseconds to wait.  Takes nothing. */
int64_t pace_wait_ms(const struct pace *p, int64_t now_ms, bool look);
int64_t pace_day_wait_ms(const struct pace *p, int64_t now_ms); /* the part of it that is the day's */
void pace_take(struct pace *p, int64_t now_ms);
/* Requests that were made at a time that lies behind now_ms, by an earlier process; oldest first. */
void pace_made(struct pace *p, int64_t at_ms, unsigned requests);
/* The server named its limit: from now on no more than that, if it is less than what was configured.  True where
 * it is. */
bool pace_learn(struct pace *p, double rate_per_minute);
/* A rate in what a server says of its limit ("API Rate Limit Exceeded - 180 per minute maximum allowed."); 0:
 * none.  Source: TestRail's error handling page; others word it alike. */
double pace_in_words(const char *text, size_t len);

#endif
