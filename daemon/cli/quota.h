/* SPDX-License-Identifier: Apache-2.0
 *
 * quota.h - a command's requests, in the daily quota that its state directory keeps. */
#ifndef RD_CLI_QUOTA_H
#define RD_CLI_QUOTA_H

#include "daemon/cli/cli.h"

#include <stdint.h>

/* Counts requests to this sink's tracker: by the process that holds the state directory, else by taking it for a
 * moment.  *wait_ms 0: they are counted and may leave; else nothing is, and they may in so long.  made: they have
 * left already.  -errno, err: they cannot be counted.  Where the sink has no daily quota, or there is no state
 * directory yet, they may leave uncounted: a command makes no directory, which would be the wrong user's. */
int quota_take(struct cli *cli, const char *command, const char *sink, unsigned requests, bool made,
	       int64_t *wait_ms, struct err *err);

#endif
