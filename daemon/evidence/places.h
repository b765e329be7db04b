/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence/places.h - which folders a report's evidence may lie beneath, as names: decided where the report
 * is met, opened (evidence/roots.h) where its evidence is captured, now or later.  Pure but for opening. */
#ifndef RD_EVIDENCE_PLACES_H
#define RD_EVIDENCE_PLACES_H

#include "daemon/config/config.h"
#include "daemon/evidence/roots.h"

struct evidence_place {
	char *top;  /* NULL: path is absolute and a user's word */
	char *path; /* beneath top: no link below top is followed */
};
struct evidence_places {
	struct evidence_place *item;
	size_t count;
};

void evidence_places_add(struct evidence_places *p, const char *top, const char *path);
void evidence_places_copy(const struct evidence_places *from, struct evidence_places *to);
void evidence_places_done(struct evidence_places *p);
struct evidence_roots *evidence_places_open(const struct evidence_places *p); /* blocks */

/* Of a report that a watch met: its folder, the watch's path as this report fills its {captures} (the
 * workspace), the watch's `roots`.  root: what the watch walks (watch_root()); path: of the report, absolute,
 * beneath it. */
void evidence_places_watch(const struct config_watch *w, const char *root, const char *path,
			   struct evidence_places *out);
/* Only the watch's `roots`, for a report that a user named. */
void evidence_places_roots(const struct config_watch *w, const char *path, struct evidence_places *out);
/* The part of path (absolute) that matches the watch's own path; NULL where none does.  Heap. */
char *evidence_workspace(const struct config_watch *w, const char *path);

#endif
