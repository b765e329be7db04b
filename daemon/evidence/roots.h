/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence/roots.h - the folders that a report's evidence may lie beneath, and opening what a report names
 * beneath them and nowhere else.  (faults.md, rules S4 and S5)
 *
 * A name is the word of whoever wrote the report: links are never followed, ".." is undone as text before
 * anything is opened, and an absolute path counts only where it lies beneath one of the folders.  The folders
 * themselves are the user's word.  Blocks: worker threads, one at a time per struct. */
#ifndef RD_EVIDENCE_ROOTS_H
#define RD_EVIDENCE_ROOTS_H

#include "daemon/base/err.h"

struct evidence_roots;
struct evidence_roots *evidence_roots_new(void);
void evidence_roots_free(struct evidence_roots *r);

/* In the order in which names are looked for.  A folder that is not there, or is there already, is left
 * out. */
void evidence_roots_add(struct evidence_roots *r, const char *path);
/* A folder beneath one of the user's that was not named by the user itself: no link below top is followed. */
void evidence_roots_add_beneath(struct evidence_roots *r, const char *top, const char *relative);

/* Opens what is named, from the first folder on.  0: *fd and *path (absolute, heap) are the caller's.
 * -ENOENT: nowhere to be found, which may change; err empty.  Any other: refused, err says why in words that
 * stand behind the name (-EXDEV outside, -ELOOP a link, -EINVAL no regular file, ...). */
int evidence_roots_open(struct evidence_roots *r, const char *named, int *fd, char **path, struct err *err);

/* For globs: the index-th folder; NULL behind the last one.  *fd stays the roots'. */
const char *evidence_roots_at(const struct evidence_roots *r, size_t index, int *fd);

#endif
