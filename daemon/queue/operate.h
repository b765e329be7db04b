/* SPDX-License-Identifier: Apache-2.0
 *
 * operate.h - what people and housekeeping do to the queue beside delivering from it: look closely, try
 * again, give up, carry away, forget.
 *
 * The rules of queue.h hold: loop thread, one answer a call, on a later turn. */
#ifndef RD_QUEUE_OPERATE_H
#define RD_QUEUE_OPERATE_H

#include "daemon/queue/queue.h"

/* ---- one delivery, closely (journal.c) ---- */

struct journal_line {
	int64_t at_ms;
	const char *step, *what, *text; /* what: became of it; text: the server's words, or ours; NULL */
	unsigned attempt, requests;
	int status; /* HTTP; 0: none */
};

struct reason_line {
	const char *reason;
	uint64_t count;          /* tests */
	const char *const *name; /* the first ones */
	size_t name_count;
};

struct delivery_detail {
	struct delivery_line line;
	const char *watch, *token;
	const char *intent_step; /* on its way, or maybe; NULL: nothing is */
	int64_t sent_ms;
	unsigned looks, intent_rows;
	const struct reason_line *parked, *ignored;
	size_t parked_count, ignored_count;
	struct reason_line owed; /* without a reason */
	/* Files by reason; and what the run's reports named and nobody has. */
	const struct reason_line *parked_files, *ignored_files;
	size_t parked_file_count, ignored_file_count;
	/* Defects: told, to be told; by reason: refused, left out. */
	uint64_t links_told, links_owed;
	const struct reason_line *parked_links, *ignored_links;
	size_t parked_link_count, ignored_link_count;
	struct evidence_counts evidence;
	const struct evidence_line *lost;
	size_t lost_count;
	const struct journal_line *journal; /* oldest first */
	size_t journal_count;
	uint64_t journal_left_out; /* older ones */
	const char *const *report; /* paths of the first ones */
	size_t report_count;
	uint64_t reports;
};
typedef void queue_detail_fn(void *cookie, int rc, const struct delivery_detail *d, const struct err *err);
/* -ENOENT: there is no such delivery.  journal_max: newest entries. */
void queue_detail(struct queue *q, int64_t delivery, size_t journal_max, queue_detail_fn *done, void *cookie);

/* ---- try again, give up (operate.c) ---- */

struct operated {
	uint64_t deliveries, tests, files;
};
typedef void queue_operated_fn(void *cookie, int rc, const struct operated *o, const struct err *err);

/* As queue_retry(); only tests (or deliveries) whose reason contains the text, in any case of letters.
 * Without ids: what is parked; with them also what was dropped.  -ENOENT names an id that is not there. */
void queue_retry_some(struct queue *q, const int64_t *id, size_t count, const char *reason, int64_t now_ms,
		      queue_operated_fn *done, void *cookie);
/* Gives deliveries up: nothing of them waits, and no later part brings them back; only queue_retry_some()
 * by id does.  What may be on its way stays noted, and would be looked up first. */
void queue_drop(struct queue *q, const int64_t *id, size_t count, const char *why, int64_t now_ms,
		queue_operated_fn *done, void *cookie);

/* What stands as `sending` though nobody is at it (its answer could not be written down) becomes `unknown`,
 * due now.  busy: deliveries whose talk is under way. */
void queue_reclaim(struct queue *q, const char *sink, const int64_t *busy, size_t busy_count, int64_t now_ms,
		   queue_done_fn *done, void *cookie);

/* ---- carrying away and bringing in (carry.c) ---- */

struct carried {
	uint64_t runs, parts, results, deliveries;
	uint64_t known; /* runs that were here already */
};
struct carry_out { /* called on the queue's thread; 0 or a negative errno with err filled ends it */
	int (*line)(void *cookie, const char *line, size_t len, struct err *err);
	/* Of the kept report; body: its bytes, NULL: they are in the file of that name. */
	int (*copy)(void *cookie, const char *kept, const void *body, size_t len, struct err *err);
	/* Of a file beneath STATE/evidence/; may come more than once.  NULL: they stay here. */
	int (*copy_evidence)(void *cookie, const char *kept, struct err *err);
	void *cookie; /* valid until done() */
};
typedef void queue_exported_fn(void *cookie, int rc, const struct carried *c, const int64_t *delivery,
			       const struct err *err);
/* Everything that is owed of these deliveries (count 0: of all): their runs, reports, results and what has
 * been posted.  -EINVAL where one may be on its way, unless forced.  Changes nothing. */
void queue_export(struct queue *q, const int64_t *id, size_t count, bool force, const struct carry_out *out,
		  queue_exported_fn *done, void *cookie);

struct carry_in {
	/* Queue thread: the next line without its newline, which the queue may write to; 1, 0 at the end, or a
	 * negative errno. */
	int (*line)(void *cookie, char **line, struct err *err);
	bool (*kept_ok)(const char *kept);
	void *cookie;
};
typedef void queue_imported_fn(void *cookie, int rc, const struct carried *c, const struct err *err);
/* All or none.  A run whose token is here already is left as it is. */
void queue_import(struct queue *q, const struct carry_in *in, int64_t now_ms, queue_imported_fn *done,
		  void *cookie);

/* ---- forgetting (retention.c) ---- */

struct retire {
	int64_t before_ms; /* runs that were settled before go */
	int64_t now_ms;
	int64_t every_ms; /* nothing is done where it was done less than this ago */
	/* Queue thread: the kept copy that no part names any more.  Called before the commit, for a run that
	 * is marked as going already; called again after a crash. */
	void (*remove)(void *cookie, const char *kept);
	/* The same for a blob of evidence that no row names any more; NULL: they stay.  A capture that has
	 * taken hold of the blob, and whose row is not stored yet, is for the callee to know: it then leaves
	 * the blob where it is. */
	void (*remove_evidence)(void *cookie, const char *kept);
	bool (*stop)(void *cookie); /* queue thread: true ends it at the next slice; NULL: never */
	/* Queue thread: true when enough went.  Not NULL: runs go before their time to make room, which is no
	 * regular pass, and the file shrinks after each. */
	bool (*enough)(void *cookie);
	void *cookie; /* valid until done() */
};
struct retired {
	bool skipped; /* it was done a moment ago */
	uint64_t runs, reports, chunks, evidence;
};
typedef void queue_retired_fn(void *cookie, int rc, const struct retired *r, const struct err *err);
/* Slices, each a transaction; ends early where the queue is being closed.  A run that is going is no run to
 * anybody else any more, so its keys answer "duplicate" and no sink can be added to it. */
void queue_retire(struct queue *q, const struct retire *what, queue_retired_fn *done, void *cookie);

struct seen_key {
	const char *run_key, *path; /* path: where the file was last; NULL */
	int64_t last_ms;            /* when it was met last */
	uint8_t sha256[32];
	bool there; /* to queue_forget(): the file is there still */
};
typedef void queue_seen_fn(void *cookie, int rc, const struct seen_key *key, size_t count,
			   const struct err *err);
/* Keys of reports that were not met since before_ms and whose run is gone, at most max. */
void queue_forgettable(struct queue *q, int64_t before_ms, int64_t now_ms, size_t max, queue_seen_fn *done,
		       void *cookie);
/* What was taken under this key, whichever of its runs it went to, and at most so many. */
void queue_known(struct queue *q, const char *run_key, size_t max, queue_seen_fn *done, void *cookie);
/* Forgets those whose file is gone (and that were not met meanwhile); the others count as met now. */
void queue_forget(struct queue *q, const struct seen_key *key, size_t count, int64_t before_ms,
		  int64_t now_ms, queue_done_fn *done, void *cookie);
/* Queue thread: remove() for each of these kept copies that no part names. */
void queue_sweep(struct queue *q, const char *const *kept, size_t count,
		 void (*remove)(void *cookie, const char *kept), void *remove_cookie, queue_done_fn *done,
		 void *cookie);

/* The same for blobs of evidence: what is left of parts that were given up, or lost by a crash. */
void queue_sweep_evidence(struct queue *q, const char *const *kept, size_t count,
			  void (*remove)(void *cookie, const char *kept), void *remove_cookie,
			  queue_done_fn *done, void *cookie);

#endif
