/* SPDX-License-Identifier: Apache-2.0
 *
 * collect_inner.h - what the files of the collector share, and nobody else:
 *   collect.c        the watches, the tick, opening and closing
 *   collect_files.c  a settled file on its way through intake; files that are looked at again later
 *   collect_runs.c   the runs that are open: their markers, their evidence, their end
 * Loop thread only. */
#ifndef RD_COLLECT_INNER_H
#define RD_COLLECT_INNER_H

#include "daemon/intake/archive.h"
#include "daemon/base/list.h"
#include "daemon/base/log.h"
#include "daemon/intake/collect.h"
#include "daemon/evidence/run.h"
#include "daemon/intake/known.h"
#include "daemon/once.h"
#include "daemon/intake/sift.h"
#include "daemon/watch/watch.h"

/* A run that is open here and fed by a watch. */
struct gathering {
	struct list link;
	int64_t run;
	char *key;
	const struct config_watch *watch;
	int64_t opened_ms, last_ms; /* mono; the wall clock may jump */
	int64_t first_mtime_ms;     /* of its first report: an older marker is the last run's */
	bool ending, marked;
	bool keep;                     /* somebody wants it open: it only grows old */
	struct evidence_run *evidence; /* NULL: its watch has no source here */
	struct list spent;             /* of struct spent: what `after` is to take away */
	size_t spent_count;
};

/* A report that was taken and is moved or deleted when its run ends: until then files may come that tell what it
 * tells (a merged file, another form of the same results), and only beside it they are known for what they are. */
struct spent {
	struct list link;
	struct source *source;
	char *relative;
	int64_t mtime_ms;
};

/* A file that is looked at again later: it broke off, changed, or the disk was full. */
struct retry {
	struct list link;
	struct source *source;
	char *relative;
	int64_t at_ms, first_ms, wait_ms; /* mono */
	int64_t mtime_ms;
	bool incomplete;
	char *key;
};

/* A marker that was seen while its run was not known here yet: its first report was still in intake, or what is
 * open was still being read. */
struct mark {
	struct list link;
	char *key;
	int64_t mtime_ms, seen_ms;
};

/* A report that waits for a context file to tell which run it belongs to; its content was taken all the same. */
struct unkeyed {
	struct list link;
	char *relative;
};

struct source {
	struct list link;
	struct collect *collect;
	const struct config_watch *watch;
	struct watch *w;
	char *root; /* what relative paths are relative to; files in intake outlive the watch */
	struct list folders;
	struct list unkeyed;
	size_t unkeyed_count;
	int64_t since_ms; /* wall: `existing` files are older */
};

/* Where a run of the source had files: what was there when it ended is not the next one's. */
struct folder {
	struct list link;
	char *path;
	int64_t until_ms; /* wall */
};

struct collect {
	struct collect_options opt;
	struct list sources, gatherings, retries, marks;
	uv_timer_t tick;
	size_t busy, closing, endings; /* files in intake; runs that are being ended, or asked about */
	bool stopping, held;
	bool loaded; /* runs that an earlier process left open are known */
	void (*done)(void *cookie);
	void *cookie;
	struct collect_counts counts;
	struct sift *sift;
	struct archive *archive;
	struct known *known;
	struct once said; /* about context files, and keys that cannot be told */
};

/* ---- collect.c ---- */

/* Something has come that time passes for: a run, a retry, a marker, a file. */
void collect_tick_on(struct collect *c);
/* There is room again for what waits in the directories. */
void collect_resume(struct collect *c);

/* ---- collect_files.c ---- */

/* A file that stays as it is: false where it cannot be taken now and is to be offered again.
 * again: the retry that asks, freed by the caller; NULL: none does. */
bool collect_take(struct source *s, const char *relative, int64_t mtime_ms, const struct retry *again);
/* More became known of what was taken: offers again what waited for that.  cookie: the collector. */
void collect_on_sifted(void *cookie);
void collect_check_retries(struct collect *c, int64_t now_mono_ms);
void collect_free_retry(struct retry *r);
/* What the job says of itself, beside the file or in a folder above it, beneath the watch's own path; what could
 * not be used is said once.  path: absolute.  *code: 0, or why it could not be read.  NULL: nothing. */
struct context *collect_context(struct source *s, const char *path, int *code);
/* A context file came: reports beneath its folder that waited for one are offered again. */
void collect_key_again(struct source *s, const char *context);
void collect_free_unkeyed(struct source *s, struct unkeyed *u);

/* ---- collect_runs.c ---- */

struct gathering *collect_find_run(struct collect *c, int64_t run);
struct gathering *collect_find_key(struct collect *c, const char *key);
/* path: of the report that brought it; NULL: not known.  mtime_ms: of that report. */
struct gathering *collect_add_run(struct collect *c, int64_t run, const char *key,
				  const struct config_watch *watch, const char *path, int64_t mtime_ms);
/* to: where its reports are put away; NULL: they are met again at the next start, as duplicates. */
void collect_free_run(struct gathering *g, struct archive *to);
/* The file was taken: `after` is done to it when run g ends; g NULL: now. */
void collect_spend(struct collect *c, struct gathering *g, struct source *s, const char *relative,
		   int64_t mtime_ms);
void collect_free_folder(struct folder *f);
/* A marker of the run was seen, before or after its reports. */
void collect_mark(struct collect *c, const char *key, int64_t mtime_ms);
void collect_check_marks(struct collect *c, int64_t now_mono_ms);
void collect_free_mark(struct mark *m);
/* Ends what is quiet, old or marked; evidence is looked for. */
void collect_check_runs(struct collect *c, int64_t now_mono_ms);
/* The run has ended and nobody will end it again: what its late report names is looked for now. */
void collect_look_late(struct collect *c, int64_t run, const struct source *s, const char *key);
/* queue_open_runs_fn: runs that an earlier process left open are open here again. */
void collect_on_open_runs(void *cookie, int rc, const struct open_run *run, size_t count,
			  const struct err *err);

#endif
