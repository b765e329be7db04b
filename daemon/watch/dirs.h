/* SPDX-License-Identifier: Apache-2.0
 *
 * dirs.h - directories under inotify: watch descriptor <-> relative path.
 *
 * The kernel gives one descriptor to one directory, whatever its name; the name here is the last one it
 * was seen by.  Loop thread only. */
#ifndef RD_WATCH_DIRS_H
#define RD_WATCH_DIRS_H

#include <stddef.h>
#include <stdint.h>

struct dirs;

struct dirs *dirs_new(void);
void dirs_free(struct dirs *d);
void dirs_put(struct dirs *d, int wd, const char *path, uint32_t generation);
const char *dirs_path(const struct dirs *d, int wd); /* NULL: not ours (any more) */
void dirs_remove(struct dirs *d, int wd);
size_t dirs_count(const struct dirs *d);
/* Removes those of another generation, one call of gone() each. */
void dirs_sweep(struct dirs *d, uint32_t generation, void (*gone)(void *cookie, int wd), void *cookie);

#endif
