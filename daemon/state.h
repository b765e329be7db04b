/* SPDX-License-Identifier: Apache-2.0
 *
 * state.h - the state directory: who holds it, and what lies where in it.
 *
 *   lock        flock()ed by the process that holds the directory; its text says who that is
 *   queue.db    the queue
 *   reports/    source reports, by content: ab/abcdef....xml.zst (or .xml.gz as it came); small ones are in the queue
 *   evidence/   files that belong to results and runs, by content
 *   tmp/        copies that are not yet accepted; emptied at start
 *   parsing/    what is in the parser just now (poison.h)
 *   runs/       the local sink's default place
 */
#ifndef RD_STATE_H
#define RD_STATE_H

#include "daemon/base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct state {
	char *dir;
	int lock_fd;
};

/* Makes the directory (0700) and takes the lock.  -EAGAIN where another process holds it: err says who. */
int state_open(const char *dir, const char *command, struct state *out, struct err *err);
void state_close(struct state *s);
/* What only stands here once there was a database: it was delivered from, or reports were kept. */
bool state_lived(const struct state *s);

char *state_path(const struct state *s, const char *name); /* DIR/name; the caller frees */
/* Where a report of this content is kept; name is what the queue stores.  Both are the caller's. */
void state_report_path(const struct state *s, const uint8_t sha256[32], const char *suffix, char **name,
		       char **path);

/* $XDG_STATE_HOME/resultd, ~/.local/state/resultd, or /var/lib/resultd for root; the caller frees. */
char *state_default_dir(void);

#endif
