/* SPDX-License-Identifier: Apache-2.0
 *
 * sink.h - the contract of a sink: a const table of steps, pure functions over a bookmark and rows.
 *
 * A sink sees no curl, no loop, no queue and no clock.  Each step writes a request (ask), reads the answer
 * (got), and for writes that must not happen twice says how to find out whether one happened (look,
 * looked).  Dispatch walks the table from its first step each time a delivery is due: a step whose work
 * is done already says ASK_SKIP, from what stands in facts and bookmark.  So a restart, a late part and a
 * first delivery take the same road.
 *
 *   facts     JSON object of the sink: what holds for every run (user, project, statuses, cursors).
 *   bookmark  JSON object of the delivery: what was done for this run (remote run id, cursors).
 *
 * Both are the sink's own; they are saved in the transaction that saves what was learned, before the next
 * request leaves.  A step that finds them wrong (a deleted project, a deleted run) removes the members
 * and returns GOT_BACK.  Functions run on the loop thread, except place(), key() and ref(), which run on
 * the queue's thread and see nothing but their arguments. */
#ifndef RD_SINKS_SINK_H
#define RD_SINKS_SINK_H

#include "daemon/base/err.h"
#include "daemon/config/common.h"
#include "daemon/config/config.h"
#include "daemon/config/template.h"
#include "daemon/model/evidence.h"
#include "daemon/model/learned.h"
#include "daemon/model/rows.h"
#include "daemon/net/message.h"

#include <cjson/cJSON.h>

struct sink_run {
	int64_t id;
	const char *key, *name;
	const char *token;  /* "rd-" and 20 hex digits: for look-ups, out of people's sight */
	int64_t started_ms; /* earliest stamp of its results, else when it was opened */
	int64_t opened_ms;
	bool ended;                                                      /* nothing more will come */
	bool backfill;                                                   /* original times matter */
	unsigned long long tests, passed, failed, error, skipped, flaky; /* over tests so far */
	double duration_ms;
	const struct vars *vars; /* for templates */
};

struct talk {
	const void *conf; /* the sink's own struct */
	const struct sink_run *run;
	cJSON *facts, *bookmark;
	cJSON *scratch;           /* of this step, over GOT_MORE and LOOKED_MORE; not saved: for pages */
	const struct rows *rows;  /* what the step's .rows asked for; NULL otherwise */
	const char *sent;         /* in look/looked: the frozen body, NUL-terminated */
	int64_t sent_ms;          /* in look/looked: server time before it was sent, or ours */
	int64_t now_ms;           /* wall time, given */
	struct arena *arena;      /* until the step ends */
	struct learned learned;   /* got and looked fill it */
	struct err err;           /* why, for ASK_PARK, GOT_REFUSED, GOT_PARK, GOT_LOCKED */
	size_t batch;             /* rows a request holds at most now (configured, or learned from 413) */
	bool prove;               /* a step that proves the login asks, whatever is remembered */
	uint64_t unmatched;       /* tests that the last resolving step has left to the next one */
	const char *say;          /* got: a warning for the log, said once; lives in the arena */
	const char *evidence_dir; /* absolute: row->evidence->kept lies beneath it (request.upload_path) */
	/* Of the sink's talks, over processes: this one, and the last that has begun. */
	int64_t nth, newest;
	bool again; /* cases were looked for in an earlier talk of this delivery, too */
};

enum ask {
	ASK_SEND,
	ASK_SKIP,  /* nothing to do here: on to the next step */
	ASK_PARK,  /* cannot be asked, talk->err says why: the delivery is parked */
	ASK_LEARN, /* no request is needed: what ask() put into talk->learned (at least one row is
			 * settled by it) is noted, then this step is asked again with the rows left */
};

enum got {
	GOT_NEXT,    /* this step is done */
	GOT_MORE,    /* ask this step again (next page, next batch) */
	GOT_AGAIN,   /* a batch is done, and the next one needs steps before this one: from the first again */
	GOT_BACK,    /* something remembered was wrong and is forgotten now: from the first step again */
	GOT_LATER,   /* something is under way over there: this step is asked again after a while */
	GOT_UNKNOWN, /* not the answer that is due (HTML, cut short): treat as a lost answer */
	GOT_REFUSED, /* the request is refused as a whole: rows are split until the culprit stands alone
			 * and is parked; a step without rows parks the delivery */
	GOT_PARK,    /* park the delivery: what is wrong here, a retry will not mend */
	GOT_CLOSED,  /* the run over there takes nothing any more */
	GOT_LOCKED,  /* an operator must act (login, permission on everything): the sink pauses */
};

enum looked {
	LOOKED_ALL,    /* it had happened; learned is filled as got() would have */
	LOOKED_SOME,   /* rows found are in learned; the rest is still owed */
	LOOKED_NONE,   /* it had not happened */
	LOOKED_MORE,   /* ask look() for the next page */
	LOOKED_UNSURE, /* the look-up itself went wrong: stays unknown */
};

struct step {
	const char *name;    /* stands in logs, `queue show` and the bookmark of an intent */
	enum rows_kind rows; /* loaded before ask(); where none are there the step is skipped */
	bool resolve;        /* no request: new results of the run are matched to cases here */
	bool defer;          /* resolve: only by references that lead `match`, before any list is read */
	size_t batch;        /* rows at most, where the sink's own number does not hold; 0: it does */
	bool exclusive;      /* one delivery of the sink at a time (login, lists, creation) */
	bool shared; /* exclusive, and among all sinks of one tracker: what is found or made by its name */
	bool gate;   /* waits for a full batch, `linger`, or the end of the run */
	bool check;  /* read-only, and proves the configuration: `check --online` walks these */
	bool proves; /* the first one: what it reads says whether a 403 is about everything (talk->prove) */
	bool final;  /* only when the run has ended, all is settled and nothing is parked */
	enum ask (*ask)(struct talk *t, struct request *r);
	enum got (*got)(struct talk *t, const struct reply *r);
	/* The answer to a read passed the limit of size (request.reply_max) and was not taken: how to go on.
	 * NULL: the same is asked again later, as if no answer had come. */
	enum got (*large)(struct talk *t);
	enum ask (*look)(struct talk *t, struct request *r); /* NULL: repeat-safe */
	/* To send it twice doubles nothing; it is looked up, and waited for, because the first one must not come
	 * after what follows it.  `on_unknown: hold` is not about such a step. */
	bool repeats;
	enum looked (*looked)(struct talk *t, const struct reply *r);
};

enum match_by { MATCH_NONE, MATCH_REF, MATCH_AUTOMATION, MATCH_TITLE };
enum unmatched { UNMATCHED_PARK, UNMATCHED_IGNORE, UNMATCHED_CREATE };

struct match_plan {
	enum match_by order[3]; /* MATCH_NONE ends it */
	enum unmatched unmatched;
	const char *scope; /* of the remote cases and sections; borrowed from facts */
	const char *trust; /* references that begin so need no list that shows them; NULL: none */
	size_t place_max;  /* bytes of a place's name over there */
	bool grouped; /* rows.h: rows of ROWS_RESULTS are of one group, ids of ROWS_LINKS are sorted by it */
};

/* How an answer with an error status is read; the table of faults.md by default. */
enum answer_class {
	ANSWER_DEFAULT, /* by status */
	ANSWER_OK,
	ANSWER_ITEM,
	ANSWER_LOCKED,
	ANSWER_WAIT,
	ANSWER_UNKNOWN,
	ANSWER_TOO_LARGE,
	ANSWER_MISSING,
	ANSWER_FORBIDDEN, /* 403 on one thing */
};

/* What a sink does with defects that another one has made of a run's failures. */
struct sink_links {
	bool tells; /* it has a step with .rows = ROWS_DEFECTS, and is wanted to */
	bool ends;  /* it closes its run over there, behind which nothing can be told any more */
};

/* What commands of administration need to know of a sink, beside its endpoint. */
struct sink_admin {
	const char *project; /* as the configuration names it; NULL: it does not */
	const char *base;    /* goes before the path of each request ("rest/api/"); never NULL */
};

/* What a write of a dry run would do. */
struct imagined {
	struct buf words; /* one line, for people; empty: only the numbers tell */
	size_t results, files;
};

struct sink {
	const char *name;     /* `type:` in the configuration */
	const char *run_word; /* "run", "cycle": for messages */
	const struct config_key *keys;
	size_t conf_size;
	const struct step *steps; /* ended by a zero row */
	/* After all keys are read: what no single key can check. */
	int (*check)(void *conf, struct err *err);
	void (*endpoint)(const void *conf, struct endpoint *out);
	void (*plan)(const void *conf, const cJSON *facts, struct match_plan *out); /* NULL: no matching */
	/* The remote id that a reference names ("C12" -> "12"), or NULL where it is not for this sink. */
	const char *(*ref)(const void *conf, const char *ref, struct arena *a);
	/* Path of the section or folder that a created case goes to; 0 entries: the root. */
	int (*place)(const void *conf, const struct vars *vars, const struct result *r, struct arena *a,
		     const char *const **path, size_t *count, struct err *err);
	/* A reading of error answers that differs from the table; NULL: none. */
	enum answer_class (*classify)(const struct reply *r);
	size_t (*batch)(const void *conf); /* rows a request holds at most */
	const struct sink_common *(*common)(const void *conf);
	/* Which evidence this sink takes; what out reaches is borrowed from conf.  NULL: none.  A sink that
	 * takes some has a step with .rows = ROWS_EVIDENCE, behind the one that posts results: it gets one
	 * file at a time, once its result has been posted with an id (or the run has one: learned_run), and
	 * answers with learned_posted(row, attachment id), learned_parked() or learned_ignored().  Files
	 * are parked apart from their results and counted apart; `final` steps wait for them too.  A
	 * refusal (GOT_REFUSED) parks the file alone. */
	void (*evidence)(const void *conf, struct evidence_policy *out);
	/* Not NULL: this sink takes failures, not tests, once a run has ended (queue.h, struct resolver).  The
	 * fingerprint of a failed result, NULL where it counts for nothing; on the queue's thread. */
	const char *(*cause)(const void *conf, const struct result *r, struct arena *a);
	bool (*counts)(const void *conf, const struct vars *vars); /* whether this run does at all */
	/* A dry run: the body that the server would answer a write with, ids made up, in t->arena; the step's
	 * got() is given it, and the walk goes on.  NULL: not known, the step is passed over.  A sink without
	 * this has its steps that write passed over. */
	const char *(*imagine)(struct talk *t, const struct request *r, struct imagined *out);
	/* How long others wait with the end of a run over there for what this sink makes of its failures. */
	int64_t (*holds_ms)(const void *conf);
	/* NULL: the sink tells no defects. */
	void (*links)(const void *conf, struct sink_links *out);
	/* For commands of administration; what out reaches is borrowed from conf.  NULL: there are none. */
	void (*admin)(const void *conf, struct sink_admin *out);
};

/* The list of sinks, ended by NULL.  (sink.c) */
extern const struct sink *const sink_list[];
const struct sink *sink_find(const char *name);

/* --- shared by sinks --- */

/* JSON of a reply body, NULL where it is empty or not JSON (old servers put a line before it: skipped). */
cJSON *sink_json(const struct reply *r);
/* The server's own words, one clean line, cut: what a JSON body says (message, error_description, error,
 * errorMessages, errors by field ..), the title of a page, else the text as it stands.  Never NULL.
 * (words.c) */
const char *sink_words(struct arena *a, const struct reply *r);
const char *sink_string(const cJSON *object, const char *name); /* NULL where not a string */
/* An id that may be a number or a string, as text; NULL where absent or null. */
const char *sink_id(struct arena *a, const cJSON *object, const char *name);
const char *sink_id_of(struct arena *a, const cJSON *item);
bool sink_bool(const cJSON *object, const char *name); /* true, 1, "1" */
int64_t sink_int(const cJSON *object, const char *name, int64_t otherwise);
void sink_set_string(cJSON *object, const char *name, const char *value); /* replaces */
void sink_set_int(cJSON *object, const char *name, int64_t value);
cJSON *sink_object(cJSON *parent, const char *name); /* made where it is missing, or something else */
cJSON *sink_array(cJSON *parent, const char *name);  /* an array, likewise */
/* Whether a list was asked for since this talk began: then it shows what somebody has mended before that. */
bool sink_read_since(const struct talk *t, const cJSON *list);
void sink_reads(const struct talk *t, cJSON *list); /* it is asked for now */
cJSON *sink_scratch(struct talk *t);                /* t->scratch, made where it is missing */
/* Lists are read page by page, by the offset in scratch.  Behind a page of `count` items; returns `last`. */
bool sink_turn_page(struct talk *t, int64_t count, bool last);
/* What leaves the list over there between two pages (is deleted, or completed) moves the next one up, and what stood on
 * the edge is on neither.  So before something is made or sent because several pages do not show it, they are read once
 * more.  Returns whether they are to be: from the first page, what was found being kept by the caller.  A look-up that
 * has found nothing need not ask: it is made again anyway. */
bool sink_reads_again(struct talk *t);
static inline bool sink_ok(const struct reply *r)
{
	return r->status >= 200 && r->status < 300;
}
bool sink_says(const char *words, const char *const *any); /* one of them is in it, in any case */

/* Percent-encodes a value for a query. */
void sink_escape(struct buf *b, const char *value);
/* "?name=value" behind a path, or "&name=value" where it has a query already. */
void sink_arg(struct request *r, const char *name, const char *value);
/* Appends "key":id, key NULL: the id alone; a number where it is one. */
void sink_put_id(struct buf *b, const char *key, const char *id);

/* Parks, for a reason that the text gives. */
enum got sink_park(struct talk *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Something remembered was wrong and has been removed: again from the first step, but not for ever
 * ("backs" in the bookmark counts). */
enum got sink_back(struct talk *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What every tracker's endpoint is: the address, whose limit counts all who ask it, and the common keys.
 * Borrows both; the login is the sink's to add. */
struct endpoint sink_endpoint(const char *url, const struct sink_common *common);

/* "991, 992": at most max bytes, whole ids only. */
void sink_defect_ids(const struct row *row, struct buf *out, size_t max);
/* A line each: "Defect 991 (In progress): https://...". */
void sink_defect_lines(const struct row *row, struct buf *out);

/* What the keys of SINK_EVIDENCE_KEYS say; borrows from the configuration. */
void sink_evidence_policy(const struct sink_evidence *conf, struct evidence_policy *out);
/* Makes the request an upload of the row's file, under its own name, in the form's part `field`.  Where
 * memory ends upload_path stays NULL. */
void sink_upload(struct talk *t, struct request *r, const char *field);

/* Several tests and attempts folded into what is posted for one case (`several`, design.md 3). */
enum several { SEVERAL_WORST, SEVERAL_EACH, SEVERAL_LAST };
struct folded {
	const struct result *result; /* the one that decides */
	enum verdict verdict;
	double duration_ms;           /* sum over tests of their last attempts; < 0 unknown */
	const struct row_test *tests; /* all that went in */
	size_t test_count;
};
/* A test that ran once is its own only attempt. */
size_t fold_attempts(const struct result *r);
struct attempt fold_attempt(const struct result *r, size_t i);
struct folded fold_test(const struct row_test *test, struct arena *a);
struct folded fold_row(const struct row *row, enum several how, struct arena *a);
/* The plain text for people: failure, earlier attempts, other tests of the case; at most max bytes. */
void fold_comment(struct buf *b, const struct folded *f, size_t max);

#endif
