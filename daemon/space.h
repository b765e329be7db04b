/* SPDX-License-Identifier: Apache-2.0
 *
 * space.h - how much room the state directory has left, and what may be done with it.  (faults.md, rule K1)
 *
 *   fine   all goes on
 *   low    below keep.low_water: nothing new is taken in
 *   out    below a quarter of it: nothing is sent either, since its outcome might not be recorded
 *
 * The ballast, a file of 8 MiB, is removed when the disk is out of room, or full, so that what is on its
 * way can be written down; it is made again when there is room.  A mark is left only with some room to
 * spare, so that nothing flutters.  Any thread may ask; looks are at most one a while apart. */
#ifndef RD_SPACE_H
#define RD_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum space_level { SPACE_FINE, SPACE_LOW, SPACE_OUT };
const char *space_level_name(enum space_level l);

struct space;
struct space_view {
	enum space_level level;
	int64_t free_bytes, low_water, out_water, ballast_bytes;
};

/* low_water 0: there are no marks; the ballast is kept all the same. */
struct space *space_new(const char *state_dir, int64_t low_water);
void space_hold_ballast(struct space *s);            /* from now on: whoever sends has something to record */
void space_mark(struct space *s, int64_t low_water); /* another keep.low_water */
void space_free(struct space *s);
enum space_level space_look(struct space *s); /* looks at the disk, unless that was a moment ago */
void space_view(struct space *s, struct space_view *out);
/* The disk was full just now: true where the ballast made room, so that it may be tried again. */
bool space_give_way(struct space *s);
/* One line of what is wrong; NULL where nothing is. */
const char *space_words(struct space *s, char *text, size_t size);

#endif
