/* SPDX-License-Identifier: Apache-2.0
 *
 * scalar.h - numbers and stamps as producers write them.
 *
 * Each function takes the raw attribute and says whether it made sense; what makes none is "unknown" and
 * worth a warning, never an error.  Pure functions but for struct scalar_commas, which remembers what the
 * commas of one file have meant so far. */
#ifndef RD_PARSERS_SCALAR_H
#define RD_PARSERS_SCALAR_H

#include "daemon/base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "1,234" alone is ambiguous: other values of the same file decide, else it is thousands. */
struct scalar_commas {
	bool decimal;  /* a comma was seen that can only be a decimal mark */
	bool grouping; /* a comma was seen that can only group thousands */
	bool guessed;  /* one that could be either was taken for thousands */
};

/* Seconds (or what the unit in the text says: "80.803us", "12ms", "3s", "1.5m", "2h").  "2,120.532",
 * "1.234,5", "0,160", "6.2057e-5".  Empty, negative, NaN, infinite, "00:01": false. */
bool scalar_duration(const char *s, struct scalar_commas *commas, double *seconds);

struct zone;
struct scalar_clock {
	const struct zone *zone; /* of zone-less stamps; NULL: UTC */
	int64_t now_ms;          /* a stamp more than a day after it makes no sense; TIME_UNKNOWN: no check */
};
/* Wall time in ms.  ISO 8601 with `T` or a space, date only, fraction of any length, `Z`, `+05:30`,
 * `+0530`, `+05`, `GMT+05:30`, zone abbreviations (one of several meanings is that of clock->zone); epoch
 * seconds or milliseconds; RFC 1123; asctime; TestNG's Date.toString().  *zoned tells whether the text named
 * its zone.  false: not understood, or outside 2000..now + 1 day. */
bool scalar_stamp(const char *s, const struct scalar_clock *clock, int64_t *wall_ms, bool *zoned);

/* A count in a header: "5", " 5 ", "+5", "5.0".  false: absent, empty, no number. */
bool scalar_count(const char *s, uint64_t *out);

/* A source line: > 0, else false. */
bool scalar_line(const char *s, int64_t *out);

#endif
