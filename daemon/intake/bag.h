/* SPDX-License-Identifier: Apache-2.0
 *
 * bag.h - a report as a bag of hashes, one a case, to be compared with others.
 *
 * Loosely, by class, method and verdict: what one TestNG run wrote in several forms agrees in no more (times are
 * rounded and names decorated differently).  Exactly, with parameters and times: a merged file is a copy of its
 * parts to the digit.  Blocks: worker threads, or a command without a loop. */
#ifndef RD_BAG_H
#define RD_BAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bag {
	uint64_t *key; /* sorted, repeats kept */
	size_t count, room;
};
enum bag_compare { BAG_LOOSE, BAG_LOOSE_NO_SKIPS, BAG_EXACT };

/* Reads a report of at most so many cases.  False where it cannot be compared: unreadable, broken off, too
 * large; the bag is empty then. */
bool bag_read(const char *path, enum bag_compare how, size_t room, struct bag *out);
void bag_done(struct bag *b);
void bag_put(struct bag *b, uint64_t key); /* not in its place yet: bag_sort() */
void bag_sort(struct bag *b);
void bag_add(struct bag *to, const struct bag *from);
/* Is every key of part in whole, as often?  Nothing is in everything, but that proves nothing. */
bool bag_holds(const struct bag *whole, const struct bag *part);
/* Takes part, which whole holds, out of it: the same case does not excuse two files. */
void bag_take(struct bag *whole, const struct bag *part);

struct stat;
int bag_open(const char *path, struct stat *st); /* a descriptor; -1: no regular file, or it cannot be read */

#endif
