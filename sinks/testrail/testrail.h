/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail.h - what the files of the TestRail sink share: its configuration, its steps, its reading of
 * answers.  Outside this folder only the commands of administration include it, for paths and pages.
 *
 * facts (one object a sink):
 *   url       what the rest was learned from; another `url` in the configuration forgets everything
 *   login     {user, id}             project   {wanted, id, mode}
 *   suite     {wanted, project, id}; of several: {wanted, project, at, ids: {id: name}}
 *   statuses  {wanted, ids[6]}
 *   field     {wanted, missing}      scope     "p1", "p1/s2" or "p1/all" (several): of cases and sections
 *   case_fields, result_fields       {wanted, at, fields: [{n, l, t, r, i}]}: name, label, type, required, items
 *   templates, types, priorities     {wanted, id, ids: {name: id}}
 *   milestones, configs, plans       {of: project, ids: {name: id}}
 *   own_plans {plan: [runs of ours that are not done]}: plans that we made
 *   people    {e-mail: id}; "" where there is no such user
 *   cases     {scope, of, since, at, full_at} and, while a list is being read, {offset, last, began, tries, delta,
 *             suite, opened, sectioned, after}; of: the suites, where they are several; big: it is read section by
 *             section, of which `after` was the last one
 *   sections  {scope, at} and {offset, ...} likewise
 *   old       {login, add_cases, update_cases}: calls that this server does not know
 *   skew      ms by which the server's clock is behind ours, where that matters; negative
 *   required  {elapsed, status}: what an administrator, or the server, made required of results
 * bookmark (one object a delivery):
 *   run       {id, url, own, all, plan, entry, configs, size, digest}: plan: id or ""; configs: it has some
 *   suite     of several: the one whose run is `run`     runs  {suite: run}: of the others
 *   milestone {name, id}  plan {name, id}  configs {wanted, ids, todo}: what add-run needs
 *   assigned  failures given to somebody so far     steps_told  steps go into comments
 *   top       highest result id that we saw answered in that run
 *   closed    true once the run is closed over there
 *   backs     how often something remembered was wrong, since the last progress
 *   tests     {at, offset, ids, complete}: of a run that is not ours, while it is being extended
 *   doubt     cases that a refusal named; heal, heal_at: how far we went to mend that
 *   denied    words of a 403: sections or cases may not be made; denied_at
 *   relink    true where the run over there has to be given all its cases again */
#ifndef RD_SINKS_TESTRAIL_TESTRAIL_H
#define RD_SINKS_TESTRAIL_TESTRAIL_H

#include "sinks/match.h"
#include "sinks/sink.h"
#include "sinks/text.h"

#define TESTRAIL_PAGE        250 /* entities a list answers at most */
#define TESTRAIL_NAME_MAX    250 /* of titles, names, string fields */
#define TESTRAIL_FIELD_MAX   128
#define TESTRAIL_COMMENT_MAX (64u << 10)
#define TESTRAIL_FILE_MAX    (INT64_C(256) << 20) /* of an attachment */
#define TESTRAIL_LOOK_MS     300000 /* look-ups begin so long before the request: clocks differ */

struct testrail_conf {
	struct sink_common common; /* first: SINK_COMMON_KEYS */
	char *url, *user;
	struct secret *key;
	char *project, *suite;
	struct config_strings suites; /* names or ids, or "all"; none: one suite */
	struct {
		struct template *name, *description;
		bool close;
		bool own; /* nobody named one: each run of ours makes its own, for several suites */
	} plan;           /* name NULL: none */
	struct template *milestone, *refs;
	struct config_templates configs;
	struct {
		struct template *name, *description, *assigned_to, *start_on, *due_on;
		bool close, reuse, include_all;
		int64_t id; /* an existing run; 0: a new one */
	} run;
	struct config_ints match; /* index into testrail_match_words */
	char *automation_field;
	struct {
		bool cases, sections, field, configs, milestones;
		struct template *section, *suite; /* suite: of several */
		char *template, *type, *priority;
		struct config_map fields; /* values are templates */
	} create;
	struct {
		int cases, refs; /* enum testrail_update, testrail_refs */
	} update;
	int unmatched, several;        /* enum unmatched, several */
	char *statuses[VERDICT_COUNT]; /* by enum verdict */
	struct {
		struct template *comment, *version, *defects;
		struct config_strings assign_failed;
		struct config_map fields; /* values are templates */
	} result;
	int64_t batch;
	char field[TESTRAIL_FIELD_MAX]; /* automation_field as the API calls it; set by the check */
};

enum testrail_update { TESTRAIL_UPDATE_NONE, TESTRAIL_UPDATE_FIELDS };
enum testrail_refs { TESTRAIL_REFS_APPEND, TESTRAIL_REFS_REPLACE };

extern const struct config_key testrail_keys[];
int testrail_check(void *conf, struct err *err);

/* ---- requests (testrail_api.c) ---- */

/* "index.php?/api/v2/get_case/1"; id NULL: none. */
void testrail_get(struct request *r, const char *call, const char *id);
void testrail_post(struct request *r, const char *call, const char *id);   /* a write */
void testrail_arg(struct request *r, const char *name, const char *value); /* nothing where value is NULL */
void testrail_arg_int(struct request *r, const char *name, int64_t value);
void testrail_page_args(struct request *r, int64_t offset); /* nothing on the first page */

/* ---- answers ---- */

struct testrail_page {
	cJSON *root;
	const cJSON *items; /* an array */
	int64_t count;
	bool last;
};
/* Whether the member is this id, a number or a string. */
bool testrail_id_is(const cJSON *object, const char *name, const char *id);
/* Either shape of a list.  false: this is no such list. root is the caller's to delete. */
bool testrail_page(const struct reply *r, const char *entity, struct testrail_page *out);

/* What a refusal that no step knows better ends in: locked out, or `otherwise`; err says who refused what. */
enum got testrail_refused(struct talk *t, const struct reply *r, const char *doing, enum got otherwise);
bool testrail_says_closed(const char *words);
bool testrail_says_unknown_call(const struct reply *r, const char *words);
/* Ids named as "C12" (or "case 12") in a text, from *at on; false: no more. */
bool testrail_named_case(const char **at, char *id, size_t size);

/* ---- facts ---- */

const char *testrail_fact(const struct talk *t, const char *group, const char *name); /* NULL: unknown */
bool testrail_wanted(const struct talk *t, const char *group, const char *value);
const char *testrail_run_id(const struct talk *t); /* NULL: none yet */
void testrail_forget_run(struct talk *t);
/* Names of one kind in this project that facts know; id NULL: forgotten. */
const char *testrail_known(const struct talk *t, const char *group, const char *name);
void testrail_know(struct talk *t, const char *group, const char *name, const char *id);
/* What a template says for the run.  ASK_SEND: *text, not empty; ASK_SKIP: nothing; ASK_PARK: t->err. */
enum ask testrail_run_text(struct talk *t, const struct template *tpl, const char *key, const char **text);
bool testrail_digits(const char *s);
bool testrail_checking(const struct talk *t); /* `check --online`: there is no run */
/* "created_after" for a look-up of what was sent at t->sent_ms; "created_by" too. */
void testrail_arg_window(struct talk *t, struct request *r);

/* ---- several suites (testrail_suites.c) ---- */

bool testrail_several(const struct testrail_conf *c);
enum ask testrail_suites_ask(struct talk *t, struct request *r);
/* A page of the project's suites, which is the caller's to read where GOT_NEXT comes back. */
enum got testrail_suites_page(struct talk *t, const struct reply *r, struct testrail_page *page);
enum got testrail_suites_got(struct talk *t, const struct reply *r);
const char *testrail_suite_at(const struct talk *t, size_t i); /* ids in order; NULL: no more */
const char *testrail_suite_after(const struct talk *t, const char *id);
const char *testrail_suite_name(const struct talk *t, const char *id);
const char *testrail_suites_joined(struct talk *t); /* "2,5" */
/* The suite of the step: the selected one, or the only one; NULL: the project has one and needs no id. */
const char *testrail_suite(const struct talk *t);
/* Makes the run of this suite the one that bookmark.run is; nothing to do where there is one suite only. */
void testrail_select(struct talk *t, const char *suite);
void testrail_select_row(struct talk *t); /* the suite of the rows, which are of one suite */
bool testrail_has_runs(const struct talk *t);
const cJSON *testrail_run_of_suite(const struct talk *t, const char *suite);
/* Cases of ROWS_LINKS, suite by suite; *from begins at 0.  false: no more. */
struct testrail_cases {
	const char *suite; /* NULL: there is one only */
	const char *const *ids;
	size_t count;
};
bool testrail_cases_of(struct talk *t, size_t *from, struct testrail_cases *out);
const char *testrail_cases_digest(struct talk *t, const struct testrail_cases *cases);
/* Ids of sections as the queue knows them: "SUITE/SECTION" where suites are several; section NULL: the root. */
const char *testrail_section_key(struct talk *t, const char *suite, const char *section);
void testrail_section_split(struct talk *t, const char *key, const char **suite, const char **section);

/* ---- choosing by name (testrail_choose.c) ---- */

cJSON *testrail_begin(struct talk *t, const char *group, const char *wanted);
void testrail_consider(struct talk *t, cJSON *pick, const char *wanted, const cJSON *item);
const char *testrail_names(struct talk *t, const cJSON *pick);
const cJSON *testrail_picked(struct talk *t, const cJSON *pick, const char *what, const char *wanted);

/* ---- fields (testrail_fields.c) ---- */

enum testrail_field_type {
	TESTRAIL_STRING = 1,
	TESTRAIL_INTEGER,
	TESTRAIL_TEXT,
	TESTRAIL_URL,
	TESTRAIL_CHECKBOX,
	TESTRAIL_DROPDOWN,
	TESTRAIL_USER,
	TESTRAIL_DATE,
	TESTRAIL_MILESTONE,
	TESTRAIL_STEPS,
	TESTRAIL_STEP_RESULTS,
	TESTRAIL_MULTI,
};
#define TESTRAIL_CASE_FIELDS   "case_fields"
#define TESTRAIL_RESULT_FIELDS "result_fields"
/* A field of this project by its system name, its name without custom_, or its label; NULL: none such. */
const cJSON *testrail_field(const struct talk *t, const char *group, const char *name);
const char *testrail_field_name(const cJSON *field); /* its system name */
/* Appends "custom_x":value.  NULL: done; else what is wrong with the value, and nothing was appended. */
const char *testrail_field_put(struct talk *t, struct buf *b, const cJSON *field, const char *text);
const char *testrail_field_names(struct talk *t, const char *group);

/* The options of a field for this project; *applies: it is there for it at all. */
const cJSON *testrail_field_config(struct talk *t, const cJSON *field, bool *applies);
bool testrail_field_active(const cJSON *field);
/* Keeps a list that was read for these values, and whether such a one is known and not old. */
void testrail_fields_keep(struct talk *t, const char *group, const struct config_map *map,
			  const cJSON *items);
bool testrail_fields_fresh(const struct talk *t, const char *group, const struct config_map *map);

/* A value that somebody wants in a field: from the configuration, or from a property of the report. */
struct testrail_wish {
	const char *name, *text;
	const cJSON *field; /* NULL: a field that every site has, or none at all */
	bool reported;      /* a report's word: what is wrong with it is said, and stops nothing */
};
struct testrail_wishes {
	struct testrail_wish *item;
	size_t count;
	const char *trouble; /* a template that could not be filled: err of the talk says so */
};
/* Later wishes for one field take the place of earlier ones. */
struct testrail_wishes testrail_wishes(struct talk *t, const char *group, const struct config_map *map,
				       const char *key, const struct result *r, const char *prefix,
				       const struct vars *vars);
/* The wish for a field that every site has ("version"), taken out of the list; NULL: none. */
const struct testrail_wish *testrail_wish_take(struct testrail_wishes *w, const char *name);

/* ---- properties of reports ---- */

/* The next property whose name begins so, from *at on; NULL: no more. */
const struct property *testrail_property(const struct result *r, const char *prefix, size_t *at);

/* ---- people (testrail_people.c) ---- */

/* The id of a user, by e-mail address or number; NULL: not known. */
const char *testrail_user(const struct talk *t, const char *who);

/* ---- what is posted for a row (testrail_entry.c) ---- */

size_t testrail_entry_count(const struct talk *t, const struct row *row); /* entries with a status */
size_t testrail_folded_count(const struct talk *t, const struct row *row);
/* The status of the row's ith entry; -1: it is none. */
int64_t testrail_folded_at(const struct talk *t, const struct row *row, size_t i, struct folded *f);
/* Appends an entry.  nth: failures assigned so far, for assign_failed.  *lacks: a required field that got no
 * value; NULL: none.  false: t->err says why it cannot be written. */
bool testrail_entry_put(struct talk *t, struct buf *b, const struct row *row, const struct folded *f,
			int64_t status, int64_t *nth, const char **lacks);
/* Parks the rows that lack a required field; whether there were any. */
bool testrail_entries_park_lacking(struct talk *t, bool *ask);

/* ---- what stands in a case (testrail_case_fields.c, testrail_lists.c) ---- */

/* Appends what a new case holds besides title and automation id; false: t->err says what the configuration
 * has wrong. */
bool testrail_case_put(struct talk *t, struct buf *b, const struct result *r);
/* Appends what a test itself says of its case, without references, which are returned; NULL: none. */
const char *testrail_case_reported(struct talk *t, struct buf *b, const struct result *r);
/* What is kept of a case that was read, so that only what differs is updated; NULL: nothing. */
const char *testrail_case_json(struct talk *t, const cJSON *item);
/* Why the case of a row was not updated; NULL: no reason. */
const char *testrail_update_trouble(const struct talk *t, const char *case_id);
void testrail_update_batch_done(struct talk *t);
enum ask testrail_update_cases_ask(struct talk *t, struct request *r);
enum got testrail_update_cases_got(struct talk *t, const struct reply *r);
/* The id of a template, type or priority ("template_id"): of that name, or where wanted is NULL the one that
 * the configuration names; NULL: none. */
const char *testrail_listed(const struct talk *t, const char *field, const char *wanted);
/* What is wrong with what a test wants of its case's fields; NULL: nothing. */
const char *testrail_case_troubles(struct talk *t, const struct result *r);

/* ---- text ---- */

/* What a rich-text field means: paragraph wrapper and entities removed, ends trimmed. */
const char *testrail_plain(struct arena *a, const char *html);
/* As it can stand in a name or title: one line, ends trimmed, at most 250 bytes (with a stable hash). */
static inline const char *testrail_line(struct arena *a, const char *s)
{
	return text_line(a, s, TESTRAIL_NAME_MAX);
}
/* A time in UNIX seconds: "2026-12-01", "2026-12-01T10:00:00Z", "12/01/2026", UNIX seconds, or from base_ms
 * on "+14d" (w, d, h, m).  -1: it is none. */
int64_t testrail_when(const char *s, int64_t base_ms);
/* "1h 5m 3s", rounded up; NULL where unknown, nothing, or nonsense. */
const char *testrail_elapsed(char *buf, size_t size, double duration_ms);
bool testrail_is_span(const char *s); /* "1h 5m 3s" */
/* Whether a text that the server gave back is the one that we sent, whatever it made of its markup. */
bool testrail_same_text(const char *sent, const char *got);
/* The text of a template in a string; NULL: it could not be filled, t->err says why. */
const char *testrail_filled(struct talk *t, const char *text, const struct vars *vars, const char *key);
/* Whole items of a list that is separated by commas, joined by ", ", no repeats, at most max bytes. */
const char *testrail_list_cut(const struct talk *t, const char *list, size_t max);
const char *testrail_trim(const struct talk *t, const char *s, size_t len);

/* The path of the section that a case is made in (testrail_place.c). */
int testrail_place(const void *conf, const struct vars *vars, const struct result *r, struct arena *a,
		   const char *const **path, size_t *count, struct err *err);

/* ---- steps ---- */

enum ask testrail_login_ask(struct talk *t, struct request *r);
enum got testrail_login_got(struct talk *t, const struct reply *r);
enum ask testrail_project_ask(struct talk *t, struct request *r);
enum got testrail_project_got(struct talk *t, const struct reply *r);
enum ask testrail_suite_ask(struct talk *t, struct request *r);
enum got testrail_suite_got(struct talk *t, const struct reply *r);
enum ask testrail_statuses_ask(struct talk *t, struct request *r);
enum got testrail_statuses_got(struct talk *t, const struct reply *r);
enum ask testrail_field_ask(struct talk *t, struct request *r);
enum got testrail_field_got(struct talk *t, const struct reply *r);

enum ask testrail_add_field_ask(struct talk *t, struct request *r);
enum got testrail_add_field_got(struct talk *t, const struct reply *r);
enum ask testrail_add_field_look(struct talk *t, struct request *r);
enum looked testrail_add_field_looked(struct talk *t, const struct reply *r);
enum ask testrail_result_fields_ask(struct talk *t, struct request *r);
enum got testrail_result_fields_got(struct talk *t, const struct reply *r);
enum ask testrail_lists_ask(struct talk *t, struct request *r);
enum got testrail_lists_got(struct talk *t, const struct reply *r);
enum ask testrail_people_ask(struct talk *t, struct request *r);
enum got testrail_people_got(struct talk *t, const struct reply *r);

enum ask testrail_doubts_ask(struct talk *t, struct request *r);
enum got testrail_doubts_got(struct talk *t, const struct reply *r);
enum ask testrail_cases_ask(struct talk *t, struct request *r);
enum got testrail_cases_got(struct talk *t, const struct reply *r);
enum got testrail_cases_large(struct talk *t);
enum ask testrail_sections_ask(struct talk *t, struct request *r);
enum got testrail_sections_got(struct talk *t, const struct reply *r);
/* Keeps a case or section that was read or made. */
void testrail_learn_case(struct talk *t, const cJSON *item);
void testrail_learn_section(struct talk *t, const cJSON *item);
void testrail_forget_cases(struct talk *t);
void testrail_forget_sections(struct talk *t);

enum ask testrail_add_section_ask(struct talk *t, struct request *r);
enum got testrail_add_section_got(struct talk *t, const struct reply *r);
enum ask testrail_add_section_look(struct talk *t, struct request *r);
enum looked testrail_add_section_looked(struct talk *t, const struct reply *r);
enum ask testrail_add_cases_ask(struct talk *t, struct request *r);
enum got testrail_add_cases_got(struct talk *t, const struct reply *r);
enum ask testrail_add_cases_look(struct talk *t, struct request *r);
enum looked testrail_add_cases_looked(struct talk *t, const struct reply *r);

const char *testrail_milestone_id(const struct talk *t); /* NULL: none */
void testrail_forget_milestone(struct talk *t);
enum ask testrail_milestone_ask(struct talk *t, struct request *r);
enum got testrail_milestone_got(struct talk *t, const struct reply *r);
enum ask testrail_add_milestone_ask(struct talk *t, struct request *r);
enum got testrail_add_milestone_got(struct talk *t, const struct reply *r);
enum ask testrail_add_milestone_look(struct talk *t, struct request *r);
enum looked testrail_add_milestone_looked(struct talk *t, const struct reply *r);

const cJSON *testrail_config_ids(const struct talk *t); /* an array of ids as strings; NULL: none */
void testrail_forget_configs(struct talk *t);
enum ask testrail_configs_ask(struct talk *t, struct request *r);
enum got testrail_configs_got(struct talk *t, const struct reply *r);
enum ask testrail_add_config_ask(struct talk *t, struct request *r);
enum got testrail_add_config_got(struct talk *t, const struct reply *r);
enum ask testrail_add_config_look(struct talk *t, struct request *r);
enum looked testrail_add_config_looked(struct talk *t, const struct reply *r);

const char *testrail_plan_id(const struct talk *t); /* NULL: none */
void testrail_forget_plan(struct talk *t);
enum ask testrail_plan_ask(struct talk *t, struct request *r);
enum got testrail_plan_got(struct talk *t, const struct reply *r);
enum ask testrail_add_plan_ask(struct talk *t, struct request *r);
enum got testrail_add_plan_got(struct talk *t, const struct reply *r);
enum ask testrail_add_plan_look(struct talk *t, struct request *r);
enum looked testrail_add_plan_looked(struct talk *t, const struct reply *r);
enum ask testrail_close_plan_ask(struct talk *t, struct request *r);
enum got testrail_close_plan_got(struct talk *t, const struct reply *r);

/* Members that runs, plans and entries share: description with the token, dates, references. */
bool testrail_put_description(struct talk *t, struct buf *b, const struct template *tpl, const char *key);
bool testrail_put_dates(struct talk *t, struct buf *b);
bool testrail_put_run_refs(struct talk *t, struct buf *b);
bool testrail_put_assignee(struct talk *t, struct buf *b);
const char *testrail_run_name(struct talk *t); /* as it stands over there; NULL: t->err */
void testrail_put_case_ids(struct buf *b, const char *const *ids, size_t count);
/* Keeps a run that was made, found or named.  entry: of a plan, or NULL. */
void testrail_keep_run(struct talk *t, const cJSON *item, const char *entry, bool own);
/* Every case of the rows (of several suites: of this one) is part of the run over there now. */
void testrail_linked(struct talk *t, const struct testrail_cases *cases);
/* What came back from closing a run or a plan.  GOT_NEXT: it is closed, maybe was before, or is gone: `missing`
 * is what a refusal calls it then ("plan_id"). */
enum got testrail_closed(struct talk *t, const struct reply *r, const char *call, const char *const *missing);
enum got testrail_run_refused(struct talk *t, const struct reply *r, const char *doing);
/* The run in a plan that we take: of that name, or (NULL) of our token; its entry, too.  NULL: none. */
const cJSON *testrail_run_in_plan(struct talk *t, const cJSON *plan, const char *name, const char **entry);
bool testrail_same_configs(struct talk *t, const cJSON *run);
enum got testrail_reuse_entries(struct talk *t, const struct reply *r);
enum ask testrail_reuse_ask(struct talk *t, struct request *r);
enum got testrail_reuse_got(struct talk *t, const struct reply *r);
enum ask testrail_add_shared_run_ask(struct talk *t, struct request *r);

enum ask testrail_run_ask(struct talk *t, struct request *r);
enum got testrail_run_got(struct talk *t, const struct reply *r);
enum ask testrail_add_run_ask(struct talk *t, struct request *r);
enum got testrail_add_run_got(struct talk *t, const struct reply *r);
enum ask testrail_add_run_look(struct talk *t, struct request *r);
enum looked testrail_add_run_looked(struct talk *t, const struct reply *r);
/* In looked(): whether the request had all cases.  Parts that came since are not in the run yet, though they
 * stand among the ids. */
bool testrail_all_sent(const struct talk *t);
enum ask testrail_extend_ask(struct talk *t, struct request *r);
enum got testrail_extend_got(struct talk *t, const struct reply *r);
enum ask testrail_extend_look(struct talk *t, struct request *r);
enum looked testrail_extend_looked(struct talk *t, const struct reply *r);
enum ask testrail_close_ask(struct talk *t, struct request *r);
enum got testrail_close_got(struct talk *t, const struct reply *r);

/* What became of entries that were sent ({"results": [...]}, t->sent), whoever wrote them. */
enum ask testrail_results_ask(struct talk *t, struct request *r);
enum got testrail_results_got(struct talk *t, const struct reply *r);
enum ask testrail_results_look(struct talk *t, struct request *r);
enum looked testrail_results_looked(struct talk *t, const struct reply *r);

/* An id that was answered in our run: look-ups leave out what was there before. */
void testrail_results_seen(struct talk *t, const char *id);

/* Defects, told to results that are posted (testrail_defects.c). */
enum ask testrail_defects_ask(struct talk *t, struct request *r);
enum got testrail_defects_got(struct talk *t, const struct reply *r);

const char *testrail_imagine(struct talk *t, const struct request *r, struct imagined *out);

void testrail_evidence(const void *conf, struct evidence_policy *out);
enum ask testrail_evidence_ask(struct talk *t, struct request *r);
enum got testrail_evidence_got(struct talk *t, const struct reply *r);
enum ask testrail_evidence_look(struct talk *t, struct request *r);
enum looked testrail_evidence_looked(struct talk *t, const struct reply *r);

#endif
