/* SPDX-License-Identifier: Apache-2.0
 *
 * axosoft.h - failures become work items in Axosoft: what the files of this sink share.
 *
 * A row is one failure: the failing tests of a run that share a fingerprint (axosoft_text.c), with its history
 * over the runs.  What is done about it is decided by axosoft_decide(), a pure function; the steps only carry it
 * out.  What is known of its item stands in the row's remote_json (struct axosoft_item).
 *
 * Sources: Axosoft's own pages and clients ("Accessing Axosoft Data", "Username/Password Grant Type", node-axosoft,
 * AxosoftAPI.NET).  An update is a POST to the item; lists are asked for with page and page_size. */
#ifndef RD_SINKS_AXOSOFT_H
#define RD_SINKS_AXOSOFT_H

#include "sinks/sink.h"

enum axosoft_type { AXOSOFT_FEATURES, AXOSOFT_DEFECTS, AXOSOFT_INCIDENTS };
enum axosoft_mode { AXOSOFT_OFF, AXOSOFT_DRY_RUN, AXOSOFT_LINK_ONLY, AXOSOFT_CREATE };
enum axosoft_by { AXOSOFT_BY_CAUSE, AXOSOFT_BY_TEST, AXOSOFT_BY_BOTH };
enum axosoft_closed { AXOSOFT_REOPEN, AXOSOFT_REPLACE, AXOSOFT_LEAVE };

enum {
	AXOSOFT_NAME_MAX = 145,   /* characters of a title: servers were seen to take 150 */
	AXOSOFT_STRING_MAX = 250, /* of a field of type string */
	AXOSOFT_TOKEN_SIZE = 256,
	AXOSOFT_FP_SIZE = 24, /* "fp-" and 20 hex digits, NUL */
};

struct axosoft_conf {
	char *url, *version;
	struct secret *token, *password, *client_secret;
	char *user, *client_id;
	int header, grant; /* authorization | x-authorization; get | post */
	int item_type, mode, by;
	char *project, *workflow_step, *reopen_step, *close_step;
	struct {
		struct config_map fields, types, as, labels, max_length;
		struct config_strings required, sticky;
	} push;
	struct config_strings branches, ignore;
	struct {
		int64_t runs, age_ms;
	} after;
	struct {
		int64_t per_run, per_day, calls;
		bool summary;
	} caps;
	struct {
		int64_t suite, outage; /* different failures; 0: never */
		bool outage_summary;
	} group;
	struct {
		int closed;
		int64_t within_ms;
		bool comment;
		int64_t close_after; /* runs in which its tests passed; 0: never */
	} known;
	int64_t hold_close_ms;
	bool attachments;
	struct sink_common common;
	/* Granted for user and password, and for which run: held in memory alone, and no configuration. */
	char granted[AXOSOFT_TOKEN_SIZE];
	int64_t granted_for;
};

extern const struct config_key axosoft_keys[];
int axosoft_check(void *conf, struct err *err);
const char *axosoft_type_word(const struct axosoft_conf *c); /* "features" */
/* The kind of a field: as configured, else as its name says.  "" where it has none of its own. */
const char *axosoft_field_type(const struct axosoft_conf *c, const char *name);

/* ---- what is to be done (axosoft_flood.c) ---- */

struct axosoft_item {            /* what is known of the item of a failure */
	const char *id, *number; /* NULL: there is none */
	const char *step;        /* its workflow step by name, or NULL */
	const char *step_id;     /* and by id, as it was seen */
	const char *set_step;    /* where this program put it; NULL: unknown */
	const char *kept; /* JSON of the fields that its successor takes over (push.sticky); NULL: none */
	bool ours;        /* this program made it */
	bool shared;      /* it stands for further failures: a summary, or one of a suite */
	bool touched;     /* work on it was noted */
	bool done, missing;
	int64_t done_ms;  /* when it was completed; TIME_UNKNOWN */
	int64_t seen_run; /* the run that looked at it last */
};
enum axosoft_do {
	AXOSOFT_DO_NOTHING, /* why says it */
	AXOSOFT_DO_LOOK,    /* at the item, before anything is decided */
	AXOSOFT_DO_LINK,
	AXOSOFT_DO_COMMENT,
	AXOSOFT_DO_REOPEN,
	AXOSOFT_DO_CLOSE,
	AXOSOFT_DO_MAKE,
	AXOSOFT_DO_GATHER, /* into the run's one summary */
	AXOSOFT_DO_GROUP,  /* into the one item of its suite */
};
struct axosoft_case {
	int64_t now_ms, run;
	const struct row_failure *history; /* NULL: seen for the first time */
	struct axosoft_item item;
	bool passed;                     /* its tests passed in this run */
	bool flaky;                      /* a test of it failed and passed in this run */
	bool none_passed;                /* no test of the run did */
	bool told;                       /* the item has this run's comment already */
	bool summary_known, group_known; /* the run has its summary; the suite its item */
	int64_t made_run, made_day;      /* items made so far, by this run and today */
};
enum axosoft_do axosoft_decide(const struct axosoft_conf *c, const struct axosoft_case *x, const char **why);

/* ---- texts (axosoft_text.c) ---- */

/* "fp-" and 20 hex digits; NULL where the result is no failure that counts (an ignored one). */
const char *axosoft_fingerprint(const struct axosoft_conf *c, const struct result *r, struct arena *a);
/* The mark of a suite's one item: alike in form, and never that of a failure. */
const char *axosoft_suite_mark(const char *suite, struct arena *a);
/* The text without what changes from run to run: numbers, addresses, GUIDs, paths, times. */
void axosoft_normalise(struct buf *out, const char *text, size_t len);
void axosoft_html(struct buf *out, const char *text, size_t len); /* escaped, lines broken */

/* ---- speaking (axosoft_api.c) ---- */

void axosoft_get(struct talk *t, struct request *r, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void axosoft_post(struct talk *t, struct request *r, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A token has to be asked for first: r asks for it. */
bool axosoft_needs_token(struct talk *t, struct request *r);
void axosoft_grant(struct talk *t, const char *token);
bool axosoft_token_taken(struct talk *t, const struct reply *r); /* false: err says why */
/* Its page for people.  Clients name items by their number there; by id where it is not known. */
const char *axosoft_item_url(struct talk *t, const struct axosoft_item *item);
/* Of an error: err is filled; GOT_BACK where a new token may help, GOT_LOCKED, or otherwise. */
enum got axosoft_refused(struct talk *t, const struct reply *r, const char *doing, enum got otherwise);
/* An id as it may go into a path or a body: digits only, else NULL. */
const char *axosoft_id(struct arena *a, const cJSON *object, const char *name);

/* ---- what is known of items (axosoft_known.c) ---- */

struct axosoft_item axosoft_item_of(struct talk *t, const struct row *row);
/* Keeps it with the failure; and for others that share it, where it was read in this run. */
void axosoft_learn_item(struct talk *t, const struct row *row, const struct axosoft_item *item);
const cJSON *axosoft_data(const cJSON *root);           /* what an answer is about; NULL: nothing */
bool axosoft_from_0(struct talk *t, const cJSON *root); /* of a list; it is to be asked for again */
void axosoft_ask_items(struct talk *t, struct request *r, const char *ids, size_t count); /* "991,1004" */
void axosoft_ask_marked(struct talk *t, struct request *r, const char *mark);
/* The item whose name holds the mark, exactly, and which is not the one of the id `but` (NULL: any); the newest that
 * is open goes first. */
bool axosoft_find_marked(struct talk *t, const cJSON *rows, const char *mark, const char *but,
			 struct axosoft_item *out);

/* ---- steps ---- */

enum ask axosoft_token_ask(struct talk *t, struct request *r);
enum got axosoft_token_got(struct talk *t, const struct reply *r);
enum ask axosoft_project_ask(struct talk *t, struct request *r);
enum got axosoft_project_got(struct talk *t, const struct reply *r);
enum ask axosoft_steps_ask(struct talk *t, struct request *r);
enum got axosoft_steps_got(struct talk *t, const struct reply *r);
enum ask axosoft_lists_ask(struct talk *t, struct request *r);
enum got axosoft_lists_got(struct talk *t, const struct reply *r);
enum ask axosoft_known_ask(struct talk *t, struct request *r);
enum got axosoft_known_got(struct talk *t, const struct reply *r);
enum ask axosoft_file_ask(struct talk *t, struct request *r);
enum got axosoft_file_got(struct talk *t, const struct reply *r);
enum ask axosoft_file_look(struct talk *t, struct request *r);
enum looked axosoft_file_looked(struct talk *t, const struct reply *r);
enum ask axosoft_summary_ask(struct talk *t, struct request *r);

/* Files of the failing tests, to items that this run has made (axosoft_files.c). */
void axosoft_evidence(const void *conf, struct evidence_policy *out);
void axosoft_files_wanted(struct talk *t, const char *item); /* it was made now */
enum ask axosoft_attach_ask(struct talk *t, struct request *r);
enum got axosoft_attach_got(struct talk *t, const struct reply *r);
enum ask axosoft_attach_look(struct talk *t, struct request *r);
enum looked axosoft_attach_looked(struct talk *t, const struct reply *r);

/* Whether what push.fields says without variables can be sent: choices that are there, dates, and the like. */
int axosoft_push_fits(struct talk *t);
/* Of a picklist that was read: the id of a name (or of an id); NULL with err filled. */
const char *axosoft_choose(struct talk *t, const char *list, const char *field, const char *value);
/* After a name was not found in a list that is not fresh: r asks for it again.  false: there is no such list. */
bool axosoft_list_stale(struct talk *t, struct request *r);
enum got axosoft_list_got(struct talk *t, const struct reply *r);
const char *axosoft_step_id(const struct talk *t, const char *which); /* "bug", "reopen", "close"; NULL */

/* ---- the item (axosoft_body.c) ---- */

/* {"notify_customer":false,"item":{...}}.  old: the item that this one follows (id NULL: none).  Below 0 with err:
 * a field cannot be filled. */
int axosoft_body(struct talk *t, const struct row *row, const char *mark, const struct axosoft_item *old,
		 struct buf *out);
/* One item for several failures. */
int axosoft_summary_body(struct talk *t, const char *mark, size_t rows, struct buf *out);
int axosoft_group_body(struct talk *t, const struct row *row, const char *mark, struct buf *out);
const char *axosoft_comment(struct talk *t, const struct row *row, const struct axosoft_item *item,
			    bool flaky);

#endif
