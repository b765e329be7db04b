/* SPDX-License-Identifier: Apache-2.0
 *
 * ceiling.h - how large the state directory itself is: database and log, kept reports, evidence; against
 * keep.max_size.  What local sinks lay out (STATE/runs) is theirs, and the ballast is space.h's.
 *
 *   fine   all goes on
 *   near   from 90 % on: no evidence is kept any more (results go first), and runs that are done go before
 *          their time
 *   full   nothing new is taken in; what waits is sent, and never removed
 *
 * A mark is left only with some room to spare, so that nothing flutters.  The folders are walked now and then,
 * and what comes and goes in between is counted.  Any thread. */
#ifndef RD_CEILING_H
#define RD_CEILING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ceiling_level { CEILING_FINE, CEILING_NEAR, CEILING_FULL };
const char *ceiling_level_name(enum ceiling_level l);

struct ceiling;
struct ceiling_view {
	enum ceiling_level level;
	int64_t bytes, max_size; /* bytes: -1 where nobody had to know yet */
};

/* max_size 0: there is none.  every_ms: how long a walk holds. */
struct ceiling *ceiling_new(const char *state_dir, int64_t max_size, int64_t every_ms);
void ceiling_free(struct ceiling *c);
void ceiling_mark(struct ceiling *c, int64_t max_size); /* another keep.max_size */

/* The last walk is too long ago, or there was none and the disk holds enough for the mark to matter. */
bool ceiling_due(struct ceiling *c);
bool ceiling_known(struct ceiling *c); /* false: nothing can be said before a walk that is due */
void ceiling_walk(struct ceiling *c);  /* blocks: looks at each file's size */
/* So much came, or (negative) went. */
void ceiling_add(struct ceiling *c, int64_t bytes);
enum ceiling_level ceiling_look(struct ceiling *c);
void ceiling_view(struct ceiling *c, struct ceiling_view *out);
/* One line of what is wrong; NULL where it is not full. */
const char *ceiling_words(struct ceiling *c, char *text, size_t size);

#endif
