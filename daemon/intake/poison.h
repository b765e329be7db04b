/* SPDX-License-Identifier: Apache-2.0
 *
 * poison.h - files that kill the process while they are read are set aside after the third time.
 *
 * Before a file goes into the parser its content's hash is noted in STATE/parsing/now; afterwards the note is
 * taken away.  A handler of SEGV, BUS, FPE, ILL and ABRT leaves a mark there.  At the next start the notes
 * that are left were in the parser when the process died: where it died of a signal of its own they count,
 * where somebody killed it they do not.  (faults.md, rule P1 and row 34)  The notes are not synced: a crash of
 * the process leaves them where they are, and after a crash of the machine nobody is to blame. */
#ifndef RD_POISON_H
#define RD_POISON_H

#include "daemon/base/digest.h"
#include "daemon/base/err.h"
#include "daemon/state.h"

#include <stdbool.h>

#define POISON_DEATHS 3

/* At start: counts what the last process left, and sets the handler.  Main thread. */
int poison_open(const struct state *s, struct err *err);

/* Any worker.  Deaths that this content has caused so far; at POISON_DEATHS it must not be parsed.  slot: for
 * poison_leave(), which comes in any case. */
unsigned poison_enter(const struct state *s, const uint8_t sha256[DIGEST_SIZE], int *slot);
/* well: it was read to its end, and its deaths are forgotten. */
void poison_leave(const struct state *s, const uint8_t sha256[DIGEST_SIZE], int slot, bool well);

#endif
