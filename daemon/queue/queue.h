/* SPDX-License-Identifier: Apache-2.0
 *
 * queue.h - results that are still owed to somebody.
 *
 * What a call was told is on disk (committed and synced) when its callback fires, and stays until it is
 * settled.  Anything between the two may crash; nothing is lost.
 *
 * Calls and callbacks: loop thread only, except part_writer_* (worker threads).  Each call copies what it
 * needs before it returns.  Each callback fires exactly once, on a later turn of the loop, never before
 * the call has returned; `result` and all that it reaches lives until the callback returns, unless said
 * otherwise.  rc is 0 or a negative errno with err filled.  An error of the disk is not reported this
 * way: it ends the process through on_fatal (faults.md, rule F3); a full disk (-ENOSPC) is reported, and
 * the call may be made again.
 *
 * The database is touched by one thread and one connection (rule F1).  Writes that wait together are
 * committed together (rule F2). */
#ifndef RD_QUEUE_QUEUE_H
#define RD_QUEUE_QUEUE_H

#include "daemon/base/err.h"
#include "daemon/model/evidence.h"
#include "daemon/model/learned.h"
#include "daemon/model/rows.h"

struct uv_loop_s;
struct queue;

/* ---- life ---- */

struct queue_options {
	const char *path;       /* the database file, in an existing directory */
	struct uv_loop_s *loop; /* NULL: no thread; calls run inside queue_turn() (simulation, tools) */
	void (*on_fatal)(void *cookie, const struct err *err); /* loop thread; the process must end */
	/* Queue thread: the disk is full, and what an answer taught cannot be written.  True: there is room
	 * now, so it is tried once more.  NULL: there never is. */
	bool (*make_room)(void *cookie);
	void *cookie;
	bool expected;      /* there was a database here: one that is gone or empty was lost */
	size_t cache_bytes; /* page cache; 0: 8 MiB */
	uint64_t seed;      /* not 0: the tokens of runs follow from it (simulation) */
	uint32_t max_pages; /* not 0: the file grows no further (tests of a full disk) */
};
struct queue_opened {
	bool fresh;         /* a new database */
	bool replaced;      /* the old one was damaged and was moved aside, or is gone (rule F4) */
	char moved_to[512]; /* empty: there was nothing to move */
	uint64_t unknown;   /* deliveries found `sending`: now `unknown` */
};
/* Blocks (before the loop runs).  Refuses a network file system, a newer schema, a damaged file that it
 * cannot move aside: one line in err. */
int queue_open(const struct queue_options *options, struct queue **out, struct queue_opened *opened,
	       struct err *err);
/* No further callbacks after closed() has fired; what was called before is written first. */
void queue_close(struct queue *q, void (*closed)(void *cookie), void *cookie);
/* Without a loop: runs waiting calls and their callbacks; returns how many. */
size_t queue_turn(struct queue *q);

/* ---- intake: runs and parts ---- */

enum run_source { RUN_IMPORT, RUN_WATCH, RUN_SUBMIT };
struct run_spec {
	const char *key, *name; /* name NULL: the key */
	const char *variant;
	const char *vars_json; /* object of strings: template variables of the run; NULL: {} */
	enum run_source source;
	const char *watch; /* its name; NULL */
	bool backfill;
	const char *const *sinks; /* names; where the run is delivered */
	size_t sink_count;
	int64_t now_ms;
	/* Which run it is cannot be told: why.  Its deliveries are parked as a whole with these words, until they
	 * are retried, or until all of its content was taken under other keys: then they are given up.  NULL. */
	const char *hold;
};

struct part_spec {
	const char *path; /* as the user knows it */
	const char *kept; /* file name of the copy in the state directory; NULL: none */
	uint8_t sha256[32];
	uint64_t size;
	bool again;       /* send even what was sent before */
	bool late_append; /* an ended run of this key takes the part (`late: append`) */
	/* When the file came or was changed last (wall).  One that is older than a damage to the database may
	 * have been delivered already: it is held.  0: not known, never held. */
	int64_t changed_ms;
};

enum take {
	TAKE_NEW,       /* a part was begun: write it, then finish or abandon it */
	TAKE_DUPLICATE, /* same content, same key, every sink has it already */
	TAKE_RETARGET, /* content is here; further sinks, or variables that were missing, were added to its run */
};
struct taken {
	enum take what;
	int64_t run, part;
	char run_name[256]; /* with " (2)" where it is the next run of its key */
	bool run_ended;     /* of the run that holds the duplicate */
	uint64_t bad;       /* of content that is here: as part_summary had it; outlives its run */
	uint64_t cases;     /* of content that is here, as long as its run is */
	bool broke_off;     /* likewise: only its finished cases were taken */
};
typedef void queue_taken_fn(void *cookie, int rc, const struct taken *taken, const struct err *err);
/* Finds the open run of the key or opens the next one, and begins a part in it, or says duplicate.  Variables that
 * the run has not yet are added to it, and what was parked for want of one is due again.  A part
 * that is only begun is void after a crash, so it is the one thing that need not be on disk when it is told. */
void queue_take(struct queue *q, const struct run_spec *run, const struct part_spec *part,
		queue_taken_fn *done, void *cookie);

/* The same, but only the run: opened when there is none open (used to end runs and by --allow-empty). */
typedef void queue_done_fn(void *cookie, int rc, const struct err *err);

/* Worker thread: serialises results, gathers them into chunks and hands them over; waits while the queue
 * has too many bytes in hand, so memory stays bounded.  One thread a writer. */
struct part_writer;
struct part_writer *part_writer_new(struct queue *q, int64_t part);
int part_writer_add(struct part_writer *w, const struct result *r, struct err *err);
/* Evidence of the result that was added last, or of the run; becomes visible with the part.  Where nothing
 * was added yet it is of the run. */
int part_writer_evidence(struct part_writer *w, const struct evidence *e, bool of_run, struct err *err);
void part_writer_restart(struct part_writer *w); /* what was added so far is void */
/* Flushes the last chunk; the writer is freed.  Returns the sticky error, if any. */
int part_writer_end(struct part_writer *w, struct err *err);

struct part_summary {
	const char *format;
	bool complete;
	uint64_t suites, cases, passed, failed, error, skipped, flaky, known_failures;
	uint64_t
		bad; /* what makes the report a failed one: failures that nobody expects, also outside of cases */
	double duration_ms;
	int64_t started_ms;    /* earliest stamp, TIME_UNKNOWN */
	const char *warnings;  /* one a line; NULL */
	const char *vars_json; /* further template variables of the run, where they are not set yet; NULL */
	int64_t now_ms;
	/* The report itself, where it is too small for a file of its own (part_spec.kept is NULL then): it goes into
	 * the same transaction.  source_name: what its file would be called. */
	const char *source_name;
	const void *source; /* NULL: none */
	size_t source_len;
};
/* After part_writer_end(): makes the part visible, its deliveries due and its key known, all or none.
 * -EEXIST: the same content was finished meanwhile.  -ESTALE: a full disk took the part, which must be taken
 * again.  After any error but -ENOSPC the part is to be abandoned. */
void queue_finish_part(struct queue *q, int64_t part, const struct part_summary *summary, queue_done_fn *done,
		       void *cookie);
/* The part never was.  A reason (not NULL) is kept beside the path, for `status` (malformed reports).
 * -ENOSPC: it is given up all the same, as soon as the disk takes writes again. */
void queue_abandon_part(struct queue *q, int64_t part, const char *reason, queue_done_fn *done, void *cookie);
/* Nothing more will come for this run: its deliveries become due. */
void queue_end_run(struct queue *q, int64_t run, int64_t now_ms, queue_done_fn *done, void *cookie);

struct open_run {
	int64_t id;
	const char *key, *name, *watch;
	int64_t opened_ms, last_part_ms;
};
typedef void queue_runs_fn(void *cookie, int rc, const struct open_run *run, size_t count,
			   const struct err *err);
void queue_open_runs(struct queue *q, queue_runs_fn *done, void *cookie);

/* ---- evidence that comes late, and what is known of it (evidence.c) ---- */

struct awaited_evidence {
	int64_t id;
	const char *part; /* path of its report as the user knows it */
	const char *kept; /* of that report's copy; NULL */
	const char *named, *name;
	enum evidence_origin origin;
	bool of_run, bad; /* bad: its result failed, or passed only in the end */
};
typedef void queue_awaited_fn(void *cookie, int rc, const struct awaited_evidence *e, size_t count,
			      const struct err *err);
/* What reports of the run named and nobody has found yet, of parts that are visible, behind the id `after`
 * (0: from the first), at most max, in the order of ids.  run 0: of all runs. */
void queue_evidence_awaited(struct queue *q, int64_t run, int64_t after, size_t max, queue_awaited_fn *done,
			    void *cookie);
/* Settles one: found (KEPT), or given up (MISSING, REFUSED).  Deliveries of its run that want it are due
 * then.  -EALREADY where it is settled; -ENOENT where its run is gone. */
void queue_evidence_found(struct queue *q, int64_t id, const struct evidence *e, int64_t now_ms,
			  queue_done_fn *done, void *cookie);

/* Files beside reports that no report names (evidence_late.c). */
struct found_file {
	const char *named;    /* path, as it is stored */
	const char *relative; /* what tells whose it is: beneath the folder of the run */
	uint64_t size;
};
struct file_owner {
	int64_t result; /* reference of the result that the file fits best; 0: none, or several tests alike */
	bool bad;       /* as in awaited_evidence */
	bool known;     /* the run has a file of this name and size already; nothing else is filled */
};
/* Queue thread: how well a file fits a test; 0: not at all; FITS_CLASS: it is of the test's class at large, whose
 * first test that went wrong has it, else the first. */
enum { FITS_CLASS = 1 << 8 };
typedef unsigned queue_fits_fn(const char *relative, const char *class_name, const char *name);
typedef void queue_owners_fn(void *cookie, int rc, const struct file_owner *owner, size_t count,
			     const struct err *err);
/* Looks through all results of the run that are visible, in slices.  early: what was put by is among the files, and
 * not `known` for that. */
void queue_evidence_owners(struct queue *q, int64_t run, const struct found_file *file, size_t count,
			   bool early, queue_fits_fn *fits, queue_owners_fn *done, void *cookie);
/* Settled files become evidence of these results (0: of the run); its deliveries are due.  What the same
 * result has already, by content, is left out.  What is EARLY is only put by: it belongs to nobody, until it is given
 * again as another's, or, where nobody does that before the run ends, to the run.  early: ids of such that go.
 * -ENOENT: the run has no report. */
struct evidence_add {
	int64_t run;
	const struct evidence *e;
	const int64_t *result;
	size_t count;
	const int64_t *early;
	size_t early_count;
	int64_t now_ms;
};
void queue_evidence_add(struct queue *q, const struct evidence_add *what, queue_done_fn *done, void *cookie);
/* What was put by for this run, in the order of `named`; at most max. */
typedef void queue_early_fn(void *cookie, int rc, const struct evidence *e, const int64_t *id, size_t count,
			    const struct err *err);
void queue_evidence_early(struct queue *q, int64_t run, size_t max, queue_early_fn *done, void *cookie);

struct evidence_counts {
	uint64_t kept, awaited, missing, refused; /* by state; each naming counts */
	uint64_t bytes;                           /* of what is kept, each content once */
};
struct evidence_line {
	const char *named, *reason, *part; /* part: the report's path */
	enum evidence_state state;         /* MISSING or REFUSED */
};
typedef void queue_evidence_fn(void *cookie, int rc, const struct evidence_counts *counts,
			       const struct evidence_line *line, size_t count, const struct err *err);
/* Of one run (0: of all): how much there is, and what is missing or was refused, each once, at most max. */
void queue_evidence(struct queue *q, int64_t run, size_t max, queue_evidence_fn *done, void *cookie);

/* ---- dispatch ---- */

enum delivery_state {
	DELIVERY_WAITING,
	DELIVERY_SENDING,
	DELIVERY_UNKNOWN,
	DELIVERY_PARKED,
	DELIVERY_DELIVERED,
	DELIVERY_DROPPED /* given up by a person */
};
const char *delivery_state_name(enum delivery_state s);

struct due {
	int64_t delivery, run;
	const char *sink;
	int64_t due_ms;
	enum delivery_state state;
	bool backfill;
};
typedef void queue_due_fn(void *cookie, int rc, const struct due *due, size_t count, int64_t next_ms,
			  const struct err *err);
/* Deliveries of one sink that are due (waiting or unknown, due_ms <= now), live before backfill, oldest
 * first, at most max, and at most backfills of a backfill.  next_ms: when the next one will be (INT64_MAX: none).
 * busy: deliveries to leave out.  Claims nothing: one process, one dispatch. */
void queue_due(struct queue *q, const char *sink, int64_t now_ms, const int64_t *busy, size_t busy_count,
	       size_t max, size_t backfills, queue_due_fn *done, void *cookie);

/* All deliveries of one sink whose last write may or may not have happened, due or not. */
void queue_doubts(struct queue *q, const char *sink, queue_due_fn *done, void *cookie);

struct delivery {
	int64_t id, run;
	char *sink;
	enum delivery_state state;
	char *step;              /* of the intent, for sending/unknown; NULL */
	char *frozen;            /* body of the intent; NULL */
	int64_t sent_ms;         /* of the intent */
	unsigned attempt, looks; /* of the intent; look-ups made since it became unknown */
	char *bookmark, *facts;  /* JSON; facts are the sink's */
	char *run_key, *run_name, *run_token, *vars_json;
	int64_t opened_ms, started_ms, since_ms;
	bool run_ended, backfill;
	bool matched; /* cases were looked for before, for results of it */
	unsigned long long tests, passed, failed, error, skipped, flaky;
	double duration_ms;
};
/* The callback takes ownership; delivery_free() is its duty. */
typedef void queue_delivery_fn(void *cookie, int rc, struct delivery *d, const struct err *err);
void queue_load(struct queue *q, int64_t delivery, queue_delivery_fn *done, void *cookie);
void delivery_free(struct delivery *d);

/* What dispatch needs to decide whether to send now (step.gate, step.final). */
struct owed {
	uint64_t owed;                    /* cases with results to send */
	uint64_t parked, ignored, posted; /* tests */
	int64_t oldest_ms;                /* arrival of the oldest owed one; INT64_MAX: none */
	bool run_ended;
	uint64_t parts_loading;   /* of the run: begun, not finished */
	uint64_t unbound, places; /* of what is owed: without a case yet; sections to be made for them */
	uint64_t unmatched;       /* of what is owed: not looked for in all the ways yet */
	bool unseen;              /* results came that queue_resolve() has not seen yet */
	int64_t wait_ms;          /* of queue_resolve(): to be asked again after so long; 0: it is done */
	/* Files: to be sent now, refused, not found yet (its run has to end first). */
	uint64_t evidence_owed, evidence_parked, evidence_awaited;
	uint64_t evidence_waiting; /* for their results, or for the run, to be there */
	/* Defects to be told to results: now, refused; and whether their tracker has still to speak. */
	bool links_owed, links_parked, links_awaited;
	int64_t ended_ms; /* when the run ended; INT64_MAX: it has not */
};

/* Functions of a sink, by value: the queue calls them on its own thread. */
enum resolve_by { RESOLVE_NONE, RESOLVE_REF, RESOLVE_AUTOMATION, RESOLVE_TITLE };
struct resolver {
	enum resolve_by order[3];
	bool match;                  /* false: the sink has no cases; every test is owed as it is */
	bool create, park_unmatched; /* else ignored */
	bool defer;      /* by the references that lead the order only; the rest stays unmatched */
	char trust[64];  /* references that begin so are taken though no list shows them, unless
				      * they are known to be gone; "": none */
	char scope[128]; /* of kind "case" and "section" in the remote cache */
	/* The sink of failures whose defects are told to what is posted here (links.c); "": none. */
	char defects_of[128];
	size_t place_max;
	const struct evidence_policy *evidence; /* what the sink takes; NULL: none */
	const char *(*ref)(const void *cookie, const char *ref, struct arena *a);
	int (*place)(const void *cookie, const struct result *r, struct arena *a, const char *const **path,
		     size_t *count, struct err *err);
	/* Not NULL: what is owed are the failures of the run, once it has ended (failures.c): tests that failed,
	 * gathered by this fingerprint, which becomes the remote id of their row.  NULL where one counts for
	 * nothing. */
	const char *(*cause)(const void *cookie, const struct result *r, struct arena *a);
	bool idle;   /* cause: nothing of this run counts */
	bool passes; /* cause: a failure that something is known of and whose tests passed is a row, too */
	char commit[128];   /* cause: of the run; "": unknown */
	const void *cookie; /* must stay valid until done() */
};
typedef void queue_owed_fn(void *cookie, int rc, const struct owed *owed, const struct err *err);
/* Matches results that came since the last time to remote cases, in the plan's order; finds places for
 * those to be created; parks or ignores the rest ("no case for: ..."). */
void queue_resolve(struct queue *q, int64_t delivery, const struct resolver *resolver, queue_owed_fn *done,
		   void *cookie);
void queue_owed(struct queue *q, int64_t delivery, queue_owed_fn *done, void *cookie);

/* The callback takes ownership of rows (rows_free); count == 0 and id_count == 0: none. */
typedef void queue_rows_fn(void *cookie, int rc, struct rows *rows, const struct err *err);
void queue_rows(struct queue *q, int64_t delivery, enum rows_kind kind, struct rows_limit limit,
		queue_rows_fn *done, void *cookie);
/* The rows that the delivery's intent froze, in the same order. */
void queue_rows_frozen(struct queue *q, int64_t delivery, enum rows_kind kind, queue_rows_fn *done,
		       void *cookie);

/* Before the first byte of a write leaves: state `sending`, step, attempt + 1, frozen body, rows. */
void queue_intend(struct queue *q, int64_t delivery, const char *step, const struct rows *rows,
		  const char *body, size_t body_len, int64_t sent_ms, queue_done_fn *done, void *cookie);

enum settle {
	SETTLE_GO_ON,     /* the intent is over, the delivery goes on now (rows not learned are owed) */
	SETTLE_WAIT,      /* the intent is over, due again at due_ms */
	SETTLE_KEEP,      /* the intent stays (unknown outcome): due again at due_ms, looks + 1 */
	SETTLE_SPLIT,     /* refused as a whole: its rows are halved; a single one is parked */
	SETTLE_PARK,      /* the delivery is parked with reason; rows are owed still */
	SETTLE_DELIVERED, /* all settled; where tests are parked the state is `parked` */
};
struct note {
	const char *step;
	enum settle settle;
	const struct learned *learned; /* NULL: nothing */
	const char *bookmark, *facts;  /* JSON; NULL: unchanged */
	int64_t due_ms, now_ms;
	const char *reason; /* the server's words, or ours; NULL: cleared */
	int status;         /* HTTP, for the journal; 0 */
	unsigned requests;  /* made since the last note */
	/* SETTLE_WAIT for what may come (a part, the end of the run, a file, a defect): what was known of the
	 * delivery when that was decided.  What has come since makes it due at once.  NULL: it waits anyhow. */
	const struct owed *saw;
};
/* One transaction: learned, bookmark, facts, state, and a row in the delivery's journal. */
void queue_note(struct queue *q, int64_t delivery, const struct note *note, queue_done_fn *done,
		void *cookie);

/* Per limit scope and per sink, across restarts: no request before this time; 0 clears. */
void queue_block(struct queue *q, const char *scope, int64_t until_ms, const char *reason,
		 queue_done_fn *done, void *cookie);
struct block {
	const char *scope, *reason;
	int64_t until_ms;
};
typedef void queue_blocks_fn(void *cookie, int rc, const struct block *block, size_t count,
			     const struct err *err);
void queue_blocks(struct queue *q, queue_blocks_fn *done, void *cookie);

/* Requests that were made since a time (ours, wall), oldest first, as the journal has them: what an earlier
 * process has used of a rate.  Those of its last moments that were not noted any more are missing. */
struct made {
	const char *sink;
	int64_t at_ms;
	unsigned requests;
};
typedef void queue_made_fn(void *cookie, int rc, const struct made *made, size_t count,
			   const struct err *err);
void queue_made(struct queue *q, int64_t since_ms, queue_made_fn *done, void *cookie);

/* The same of these sinks alone, for a daily quota: all of them, a line a minute (of its last), with what commands
 * spent, and what deliveries made that are forgotten by now. */
void queue_spent(struct queue *q, const char *const *sink, size_t count, int64_t since_ms,
		 queue_made_fn *done, void *cookie);

/* Requests that no delivery makes.  sink: the one that they go to, then the others that share its quota.  most: of
 * any 24 hours; where it would be passed nothing is spent, and wait_ms says how long that will be so.  0: they are
 * counted whatever was made. */
struct spend {
	const char *const *sink;
	size_t count;
	unsigned requests;
	uint64_t most;
	int64_t now_ms;
};
typedef void queue_spend_fn(void *cookie, int rc, int64_t wait_ms, const struct err *err);
void queue_spend(struct queue *q, const struct spend *what, queue_spend_fn *done, void *cookie);

/* ---- what people see ---- */

struct delivery_line {
	int64_t id, run;
	const char *sink, *run_key, *run_name, *reason, *step, *remote_id, *url;
	enum delivery_state state;
	int64_t since_ms, due_ms, settled_ms;
	uint64_t tests, posted, parked, ignored, owed, requests;
	unsigned attempt;
	bool run_ended;
	/* Files; owed: also those that wait for their result or are not found yet. */
	uint64_t evidence_posted, evidence_parked, evidence_ignored, evidence_owed;
};
typedef void queue_lines_fn(void *cookie, int rc, const struct delivery_line *line, size_t count,
			    const struct err *err);
/* run 0: all.  unsettled: only what is neither delivered nor dropped. At most max lines, newest first. */
void queue_lines(struct queue *q, int64_t run, bool unsettled, size_t max, queue_lines_fn *done,
		 void *cookie);

struct parked_line {
	const char *sink, *name, *reason;
	int64_t delivery;
	uint64_t count;
	bool file; /* a file, not a test */
};
typedef void queue_parked_fn(void *cookie, int rc, const struct parked_line *line, size_t count,
			     const struct err *err);
/* Parked tests by name and reason, then parked files. delivery 0: all. */
void queue_parked(struct queue *q, int64_t delivery, size_t max, queue_parked_fn *done, void *cookie);

/* What one sink owes, over all its deliveries that are still known. */
struct sink_status {
	char sink[128];
	uint64_t deliveries[6];                 /* by state */
	int64_t oldest_ms;                      /* of what is neither delivered nor dropped; INT64_MAX */
	int64_t due_ms;                         /* when the next of those that wait is due; INT64_MAX */
	uint64_t owed, posted, parked, ignored; /* tests; owed: matched and still to be sent */
	uint64_t files_owed, files_posted, files_parked;
	uint64_t requests;
};
enum { STATUS_SINKS = 64 };

struct queue_status {
	struct sink_status sink[STATUS_SINKS]; /* sinks that a delivery names, also of other days */
	size_t sink_count;
	uint64_t runs, open_runs, parts, parts_bad, results, chunks;
	uint64_t sources, source_bytes; /* reports that are kept in the database itself */
	uint64_t deliveries[6];         /* by state */
	int64_t oldest_ms;              /* oldest unsettled delivery; INT64_MAX */
	uint64_t bytes;                 /* database and its WAL */
	struct evidence_counts evidence;
	uint64_t evidence_owed, evidence_parked; /* over all deliveries that are not settled */
};
typedef void queue_status_fn(void *cookie, int rc, const struct queue_status *s, const struct err *err);
void queue_status(struct queue *q, queue_status_fn *done, void *cookie);

/* Parked deliveries and tests become due again (ids of deliveries; count 0: all). */
void queue_retry(struct queue *q, const int64_t *id, size_t count, int64_t now_ms, queue_done_fn *done,
		 void *cookie);

struct run_line {
	int64_t id;
	const char *key, *name;
	bool ended;
	uint64_t tests, passed, failed, error, skipped, flaky, known_failures;
};
/* Counts are of tests, over all parts that are finished: equal identities count once. */
typedef void queue_run_fn(void *cookie, int rc, const struct run_line *run, const struct err *err);
void queue_run(struct queue *q, int64_t run, queue_run_fn *done, void *cookie);

#endif
