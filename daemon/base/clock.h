/* SPDX-License-Identifier: Apache-2.0
 *
 * clock.h - the only place that asks the time.
 *
 * Wall time (UTC, ms since 1970) is for what is stored or shown; monotonic time (ms from an arbitrary
 * start, never back) is for timers and waits.  Tests and the simulation replace the source.  Any thread;
 * replace only while no other thread asks. */
#ifndef RD_BASE_CLOCK_H
#define RD_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define TIME_UNKNOWN INT64_MIN

struct clock_source {
	int64_t (*wall_ms)(void *cookie);
	int64_t (*mono_ms)(void *cookie);
	void *cookie;
};

int64_t clock_wall_ms(void);
int64_t clock_mono_ms(void);
/* Processor time of the calling thread; never replaced: it bounds work, it orders nothing. */
int64_t clock_thread_ms(void);
void clock_replace(const struct clock_source *source); /* NULL: the machine's own again */

/* "2026-11-21T10:00:00.000Z" (24 characters).  Returns buf; "" for TIME_UNKNOWN. */
#define CLOCK_ISO_SIZE 32
const char *clock_iso(int64_t wall_ms, char buf[CLOCK_ISO_SIZE]);
/* Days from 1970-01-01 to a date of the Gregorian calendar, before it too; month and day as written. */
int64_t clock_days(int64_t year, unsigned month, unsigned day);

#endif
