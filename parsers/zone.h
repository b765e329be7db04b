/* SPDX-License-Identifier: Apache-2.0
 *
 * zone.h - what a zone-less stamp means.
 *
 * libc knows one zone a process, and setting it is not safe beside other threads, so the few rules of a
 * zone file (RFC 8536) are read here.  A struct zone is immutable after zone_open(). */
#ifndef RD_PARSERS_ZONE_H
#define RD_PARSERS_ZONE_H

#include "daemon/base/err.h"

#include <stdint.h>

struct zone;

/* name: NULL or "UTC", "local", "+09:00", or an IANA name ("Europe/Berlin").  -ENOENT for a zone that this
 * machine does not know, -EINVAL for what is no zone name. */
int zone_open(const char *name, struct zone **out, struct err *err);
/* UTC of a local wall time, both in ms since 1970 of their clock.  An hour that comes twice is taken the
 * first time; one that never comes is taken as if the clock had not been moved yet. */
int64_t zone_to_utc(const struct zone *z, int64_t local_ms);
void zone_free(struct zone *z);

#endif
