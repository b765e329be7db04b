/* SPDX-License-Identifier: Apache-2.0
 *
 * aio.h - what the files of the AIO Tests sink share: its configuration, its steps, its reading of answers.
 * Outside this folder only the commands of administration include it, for paths and pages.
 *
 * facts (one object a sink):
 *   url       what the rest was learned from; another `url` in the configuration forgets everything
 *   config    {wanted, at, key, statuses[6], create{}, cycle_fields[], run_fields[]}: the project, resolved
 *   scope     the project, as cases and folders are kept by
 *   cases     {scope, since, at, full_at} and, while a list is being read, {phase, offset, last, began, tries};
 *             doubt: a key was refused as one of no case
 *   folders   {path: id} of cycles; tags {name: id}
 *   old       calls that this server does not know (answered 404 once): {config, case_search, cycle_search,
 *             tags, hierarchy, case_hierarchy, migrate, migrate_cycle, bulk, state,
 *             run_files, run_list, step_files}
 *   adds      how a case comes into a cycle: 0 by the mark itself, 1 by a mark with addCaseToCycle, 2 singly
 *             where a mark refuses it
 * bookmark (one object a delivery):
 *   cycle     {id, key, own, found}; own: made by us, and not for others to find (cycle.reuse)
 *   searched  the title that no cycle had
 *   folder    {id} or {none, why, fails}: of the cycle that is to be made
 *   each      {case key: {run, tests: {test: {n, run}}}}: runs of a case that are posted while others are owed
 *             (attempts: each, several: each); run: the latest one
 *   missing   case keys that have to be added to the cycle singly; added: keys for which that was done; given: those
 *             of them whose adding was answered, and made the run that is to be marked
 *   steps     [{run, case, steps}]: runs whose steps are owed
 *   import    what the vendor's importer is doing with a report (aio_import.c)
 *   closed    true once the cycle is closed or locked over there, as configured
 *   backs     how often something remembered was wrong, since the last progress
 *   heal_at   when statuses were last read again because one was refused
 *   denied    words of a 403: cases may not be made; denied_at */
#ifndef RD_SINKS_AIO_AIO_H
#define RD_SINKS_AIO_AIO_H

#include "sinks/match.h"
#include "sinks/sink.h"
#include "sinks/text.h"

#define AIO_PAGE        100   /* entities a list answers at most (documented) */
#define AIO_TITLE_MAX   255   /* of a case's title (documented); cycles and folders are taken to be alike */
#define AIO_KEY_MAX     250   /* of an automation key; no limit is documented: what the queue compares */
#define AIO_COMMENT_MAX 32000 /* no limit is documented; Jira's own fields hold 32767 characters */
#define AIO_MIGRATE_MAX 1000  /* runs in one call (documented) */
#define AIO_LOOK_MS     30000 /* look-ups begin so long before the request: clocks differ */

enum aio_deployment { AIO_CLOUD, AIO_SERVER };
enum aio_attempts { AIO_LAST, AIO_EACH };
enum aio_mode { AIO_RESULTS, AIO_IMPORT };
enum aio_type { AIO_TYPE_AUTO, AIO_TYPE_JUNIT, AIO_TYPE_TESTNG };

struct aio_conf {
	struct sink_common common; /* first: SINK_COMMON_KEYS */
	int deployment;            /* enum aio_deployment */
	char *url, *user;
	struct secret *token, *password, *pat;
	char *project;
	struct {
		struct template *name, *objective, *start_on, *due_on;
		char *key; /* of an existing cycle; NULL: a new one */
		char *owner;
		bool reuse, close, lock;
		struct config_templates folder, tags, tasks;
		struct config_strings releases, components, sets;
		struct config_map fields;
	} cycle;
	struct config_ints match; /* index into match_words: enum match_by - 1 */
	struct {
		bool cases;
		struct config_templates folder;
		char *type, *priority, *status, *automation_status, *script_type;
	} create;
	int unmatched, several, attempts, mode;
	char *statuses[VERDICT_COUNT]; /* by enum verdict */
	struct {
		struct template *comment, *defects;
		struct config_map fields;
		bool steps;
	} result;
	struct {          /* mode: import */
		int type; /* enum aio_type */
		bool batch, ignore_class, update_datasets, force_update;
	} import;
	int64_t batch;
};

extern const struct config_key aio_keys[];
int aio_check(void *conf, struct err *err);

/* ---- requests (aio_api.c) ---- */

const char *aio_base(const struct aio_conf *c); /* what goes before "project/": "" or "rest/.../" */
/* Path below the project: "{}" is replaced by the next argument, escaped. */
void aio_get(struct talk *t, struct request *r, const char *path, ...);
void aio_search(struct talk *t, struct request *r, const char *path, ...); /* a POST that only asks */
void aio_post(struct talk *t, struct request *r, const char *path, ...);   /* a write */
void aio_put(struct talk *t, struct request *r, const char *path, ...);
void aio_page_args(struct request *r, int64_t offset);
/* Ends the body.  What does not fit parks the delivery with `what` in its words. */
enum ask aio_send(struct talk *t, struct request *r, const char *what);

/* ---- answers ---- */

struct aio_page {
	cJSON *root;
	const cJSON *items; /* an array */
	int64_t count;
	bool last;
};
bool aio_page(const struct reply *r, struct aio_page *out); /* false: no list; root is the caller's */
/* A stamp in seconds, in milliseconds (told apart by magnitude) or as text; TIME_UNKNOWN. */
int64_t aio_time(const cJSON *object, const char *name);

enum got aio_refused(struct talk *t, const struct reply *r, const char *doing, enum got otherwise);
void aio_say(struct talk *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool aio_says_closed(const char *words); /* the cycle takes nothing any more */
/* Why the object may not be changed ("permission" without the bits); NULL: it may, or nothing is said. */
const char *aio_forbidden(struct talk *t, const cJSON *object, int bits);

/* ---- facts ---- */

cJSON *aio_config(const struct talk *t);
bool aio_old(const struct talk *t, const char *call);
/* Notes that the server does not know a call, and says so once. */
void aio_learn_old(struct talk *t, const char *call, const char *instead);
const char *aio_cycle(const struct talk *t); /* its key; NULL: none yet */
bool aio_own(const struct talk *t);          /* we made the cycle, and for us alone */
void aio_forget_cycle(struct talk *t);
const char *aio_status(const struct talk *t, enum verdict v); /* its name over there; NULL: none is sent */
/* Values of `fields` for a request: an array "customFields" (or wrapped for updates). */
bool aio_put_fields(struct talk *t, struct buf *b, const char *group, const char *key, bool update,
		    const struct vars *vars);

/* ---- steps ---- */

enum ask aio_config_ask(struct talk *t, struct request *r);
enum got aio_config_got(struct talk *t, const struct reply *r);
enum ask aio_cases_ask(struct talk *t, struct request *r);
enum got aio_cases_got(struct talk *t, const struct reply *r);
void aio_learn_case(struct talk *t, const cJSON *item);

enum ask aio_folder_ask(struct talk *t, struct request *r);
enum got aio_folder_got(struct talk *t, const struct reply *r);
enum ask aio_folder_look(struct talk *t, struct request *r);
enum looked aio_folder_looked(struct talk *t, const struct reply *r);
enum ask aio_create_ask(struct talk *t, struct request *r);
enum got aio_create_got(struct talk *t, const struct reply *r);
enum ask aio_create_look(struct talk *t, struct request *r);
enum looked aio_create_looked(struct talk *t, const struct reply *r);
int aio_place(const void *conf, const struct vars *vars, const struct result *r, struct arena *a,
	      const char *const **path, size_t *count, struct err *err);
/* The id of a folder in a tree of them, by names from the root; NULL: it is not there. */
const char *aio_in_tree(struct talk *t, const cJSON *tree, const char *const *path, size_t count);

enum ask aio_cycle_ask(struct talk *t, struct request *r);
enum got aio_cycle_got(struct talk *t, const struct reply *r);
enum ask aio_cycle_folder_ask(struct talk *t, struct request *r);
enum got aio_cycle_folder_got(struct talk *t, const struct reply *r);
enum ask aio_cycle_folder_look(struct talk *t, struct request *r);
enum looked aio_cycle_folder_looked(struct talk *t, const struct reply *r);
enum ask aio_tags_ask(struct talk *t, struct request *r);
enum got aio_tags_got(struct talk *t, const struct reply *r);
enum ask aio_find_cycle_ask(struct talk *t, struct request *r);
enum got aio_find_cycle_got(struct talk *t, const struct reply *r);
enum ask aio_add_cycle_ask(struct talk *t, struct request *r);
enum got aio_add_cycle_got(struct talk *t, const struct reply *r);
enum ask aio_add_cycle_look(struct talk *t, struct request *r);
enum looked aio_add_cycle_looked(struct talk *t, const struct reply *r);
enum ask aio_close_ask(struct talk *t, struct request *r);
enum got aio_close_got(struct talk *t, const struct reply *r);
/* The folder names and the title that a new cycle gets; false: t->err says why not. */
bool aio_cycle_path(struct talk *t, const char **path, size_t *count);
const char *aio_cycle_title(struct talk *t);
/* A template as one line; false: t->err says which variable is not set. */
bool aio_expanded(struct talk *t, const struct template *tpl, const char *key, const char **out);

enum ask aio_marks_ask(struct talk *t, struct request *r);
enum got aio_marks_got(struct talk *t, const struct reply *r);
enum ask aio_marks_look(struct talk *t, struct request *r);
enum looked aio_marks_looked(struct talk *t, const struct reply *r);

/* ---- runs (aio_runs.c): what is posted for a row ---- */

struct aio_run {
	const struct row *row;
	struct folded f;
	const struct row_test *test; /* the one that it is of; NULL: of all tests of the row */
	size_t attempt;              /* among the runs that the test is owed */
	const char *status;          /* NULL: none is sent for it */
	bool first;                  /* nothing was posted for the case before */
	bool fresh;                  /* a run of its own (createNewRun), not the latest one overwritten */
	bool last;                   /* with it the row is done */
};
bool aio_given(const struct talk *t,
	       const char *key);         /* its first run in the cycle is the one that adding it made */
bool aio_touched(const struct row *row); /* something of it has been posted before */
bool aio_listed(const cJSON *list, const char *key);
/* The run that is owed next for a row. */
void aio_run_next(struct talk *t, const struct row *row, struct aio_run *out);
/* All runs that a row is owed, for a migration: up to max; how many.  The same call gives the same runs. */
size_t aio_run_all(struct talk *t, const struct row *row, struct aio_run *out, size_t max);
/* {"testCaseKey":..., "testRunStatus":..., ...}, without the braces.  migrate: with its times. */
bool aio_put_run(struct talk *t, struct buf *b, const struct aio_run *run, bool migrate);
/* The run is over there: its row is settled, or its next run is owed. */
void aio_run_done(struct talk *t, const struct aio_run *run, const char *run_id);
/* One test of several, whose verdicts are all not to be sent (aio_unsent()). */
bool aio_unsent(struct talk *t, const struct row_test *test);
void aio_ignore_test(struct talk *t, const struct row *row, const struct row_test *test);
int64_t aio_run_started(const struct talk *t, const struct folded *f);
/* What a refusal of one case means. */
enum aio_fault {
	AIO_FAULT_PARKED,
	AIO_FAULT_LATER, /* it has to be added to the cycle first, or is matched anew */
	AIO_FAULT_AGAIN, /* statuses are read anew: from the first step */
	AIO_FAULT_CLOSED,
};
enum aio_fault aio_run_fault(struct talk *t, const struct row *row, const char *words);
/* The same, and its row is parked where that is what it means. */
enum aio_fault aio_run_refused(struct talk *t, const struct row *row, const char *words);
/* The page of the cycle's cases: latest run of an item, and the case's key. */
const cJSON *aio_latest(const cJSON *item);
const char *aio_item_key(const cJSON *item);
const char *aio_run_status(struct talk *t, const cJSON *run,
			   const char *sent); /* sent where it is that one */

enum ask aio_migrate_ask(struct talk *t, struct request *r);
enum got aio_migrate_got(struct talk *t, const struct reply *r);
enum ask aio_migrate_look(struct talk *t, struct request *r);
enum looked aio_migrate_looked(struct talk *t, const struct reply *r);

/* Defects, told to runs that are posted (aio_defects.c). */
enum ask aio_defects_ask(struct talk *t, struct request *r);
enum got aio_defects_got(struct talk *t, const struct reply *r);
enum ask aio_defects_look(struct talk *t, struct request *r);
enum looked aio_defects_looked(struct talk *t, const struct reply *r);

void aio_evidence(const void *conf, struct evidence_policy *out);
enum ask aio_evidence_ask(struct talk *t, struct request *r);
enum got aio_evidence_got(struct talk *t, const struct reply *r);
enum ask aio_evidence_look(struct talk *t, struct request *r);
enum looked aio_evidence_looked(struct talk *t, const struct reply *r);

enum ask aio_import_ask(struct talk *t, struct request *r);
enum got aio_import_got(struct talk *t, const struct reply *r);
enum ask aio_import_look(struct talk *t, struct request *r);
enum looked aio_import_looked(struct talk *t, const struct reply *r);
enum ask aio_import_cases_ask(struct talk *t, struct request *r);
enum ask aio_import_results_ask(struct talk *t, struct request *r);
enum got aio_import_none_got(struct talk *t, const struct reply *r);

enum ask aio_steps_ask(struct talk *t, struct request *r);
enum got aio_steps_got(struct talk *t, const struct reply *r);
void aio_steps_owe(struct talk *t, const struct aio_run *run, const char *run_id);

#endif
