/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence.h - evidence of one report, captured while the report is read: files that it names, data: URLs,
 * the whole of texts that were cut, the report itself.
 *
 * Evidence never fails a report: what cannot be kept is a row that says why.  What is named and not there
 * yet is awaited, and looked for again by evidence/gather.h.  Worker threads; one at a time per struct. */
#ifndef RD_EVIDENCE_H
#define RD_EVIDENCE_H

#include "daemon/config/config.h"
#include "daemon/evidence/roots.h"
#include "daemon/evidence/store.h"
#include "daemon/model/evidence.h"
#include "daemon/model/result.h"
#include "daemon/queue/queue.h"
#include "parsers/parser.h"

/* What the sinks want together (names as in run_spec; none: every sink); what it reaches lives in a and in
 * the configuration.  results NONE and no report: nothing is captured. */
void evidence_policy_of(const struct config *config, const char *const *sinks, size_t count, struct arena *a,
			struct evidence_policy *out);
bool evidence_asked(const struct evidence_policy *p);

/* One file that is open, as evidence: kept, or refused with a reason, or (it is still being written) awaited.
 * The fields of *e but named, name (both may be set before; name NULL: made of named), origin are filled;
 * strings live in a.  of_run and bad: as evidence_wanted().  false: nobody asked for it, and it is no evidence. */
bool evidence_keep_file(struct evidence_batch *b, const struct evidence_policy *policy, int fd, bool of_run,
			bool bad, struct arena *a, struct evidence *e);

struct evidence_take {
	struct evidence_store *store;
	const struct evidence_policy *policy;
	struct evidence_roots *roots; /* NULL: somebody else will look for what is named: it is awaited */
};
struct evidence_tally {
	uint64_t kept, awaited, refused, missing;
	char **note; /* "NAME: why", distinct, of what was refused or is missing */
	size_t note_count;
	uint64_t more; /* such without a note of their own */
};
void evidence_tally_add(struct evidence_tally *t, const struct evidence *e);
void evidence_tally_done(struct evidence_tally *t);

struct evidence_capture;
/* Everything in take must outlive it. */
struct evidence_capture *evidence_capture_new(const struct evidence_take *take, struct part_writer *w);
void evidence_capture_free(struct evidence_capture *c);
void evidence_capture_restart(struct evidence_capture *c); /* the document comes again */
/* A result that part_writer_add() has just been given. */
int evidence_capture_result(struct evidence_capture *c, const struct result *r, struct err *err);
/* Something that the report names for no test. */
int evidence_capture_run(struct evidence_capture *c, const char *named, const char *name, struct err *err);
/* The parser's events of texts that are longer than what is kept of them. */
void evidence_capture_text_begin(struct evidence_capture *c, enum text_kind kind);
void evidence_capture_text(struct evidence_capture *c, const char *data, size_t len);
void evidence_capture_text_end(struct evidence_capture *c);
/* The report itself, from fd's start, without the values that redacted() hides; gzip undone. */
int evidence_capture_report(struct evidence_capture *c, int fd, const char *path,
			    bool (*redacted)(void *cookie, const char *name), void *cookie, struct err *err);
/* All that was kept is on disk: before part_writer_end(), and before the part is finished. */
int evidence_capture_end(struct evidence_capture *c, struct err *err);
const struct evidence_tally *evidence_capture_tally(const struct evidence_capture *c);

/* The hints of a result as they are stored with it: contents that stand in data: URLs are left out.  In a. */
const struct evidence_hint *evidence_short_hints(const struct result *r, struct arena *a);

#endif
