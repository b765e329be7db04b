/* SPDX-License-Identifier: Apache-2.0
 *
 * aio.h - what the files of the command `aio` share: paths below the project, pages, names as ids. */
#ifndef RD_CLI_AIO_H
#define RD_CLI_AIO_H

#include "daemon/base/json.h"
#include "daemon/cli/table.h"
#include "daemon/cli/verbs.h"
#include "daemon/evidence/name.h"

/* Begins a request for a path below the project: "{}" is replaced by the next argument, escaped.  write: not
 * for a POST that only asks or may be repeated.  Returns EXIT_OK, or EXIT_USAGE where no project is known. */
int tcms_begin(struct remote *r, const struct args *a, struct request *req, enum method method, bool write,
	       const char *path, ...);
void tcms_begin_arg(struct request *req, const char *name,
		    const char *value); /* nothing where value is NULL */

struct tcms_list {
	const char *path;         /* with at most one "{}" */
	const char *id;           /* for it */
	const char *body;         /* of a search; NULL: a GET */
	const char *doing;        /* "list cycles" */
	const char *const *query; /* name, value, ..., NULL; a NULL value is left out */
};
typedef bool tcms_item_fn(void *cookie, const cJSON *item); /* false: enough, this was the last */
/* more (NULL: no matter): there is more than fn wanted. */
int tcms_each(struct remote *r, const struct args *a, const struct tcms_list *l, int64_t offset,
	      tcms_item_fn *fn, void *cookie, bool *more);
int tcms_table(struct remote *r, const struct args *a, const struct tcms_list *l,
	       const struct column *columns, const char *none);
/* A list that is an array at once, without pages. */
int tcms_plain(struct remote *r, const struct args *a, const char *path, const char *doing,
	       const struct column *columns, const char *none);
/* GET of one thing; *out is the caller's. */
int tcms_read(struct remote *r, const struct args *a, const char *doing, cJSON **out, const char *path,
	      const char *one, const char *two, const char *query);

/* What a look (remote_sure()) reads. */
struct tcms_look {
	struct remote *r;
	const struct args *a;
	const char *path, *one, *two, *query; /* query: a flag that is set; NULL: none */
	cJSON *found;
};
int tcms_look_there(void *cookie); /* of a struct tcms_look: 1 where it is there, and found is the caller's */
int tcms_look_gone(void *cookie);  /* 1 where it is there no more */

/* Ends a write that makes one thing: rc is what came of preparing it.  Sends the body, which is freed in any case,
 * and shows what came back as a card. */
int tcms_told(struct remote *r, const struct args *a, int rc, struct request *req, struct buf *body,
	      const char *doing, const struct column *card);

/* A file of this machine that is to be sent. */
struct tcms_file {
	const char *path, *type; /* type: by its content and name, never NULL */
	char name[EVIDENCE_NAME_MAX + 1];
	int64_t size;
	char head[EVIDENCE_HEAD]; /* its first bytes */
	size_t head_len;
};
int tcms_file_look(const struct remote *r, const char *path, struct tcms_file *f);

/* Tells {status, successCount, errors: {key: {message}}, warnings}: an answer of 200 may still be a failure.
 * done: "runs are deleted".  The answer is deleted here. */
int tcms_counted(const struct remote *r, const struct args *a, cJSON *answer, const char *done);
/* Tells a batch that has just begun, with --wait when it is over; the batch is deleted here. */
int tcms_batch_begun(struct remote *r, const struct args *a, cJSON *batch);

/* --tag, --folder, --field and the like, as a body has them; each may send requests of its own (tags and
 * folders are made where they are missing).  kind: "testcycle" or "testcase". */
int tcms_put_tags(struct remote *r, const struct args *a, struct buf *b);
int tcms_put_folder(struct remote *r, const struct args *a, const char *kind, struct buf *b, bool as_id);
int tcms_put_fields(struct remote *r, const struct args *a, struct buf *b, bool update);
void tcms_put_texts(const struct args *a, const char *option, const char *key, struct buf *b);
int tcms_put_numbers(const struct remote *r, const struct args *a, const char *option, const char *key,
		     struct buf *b);
int tcms_put_date(const struct remote *r, const struct args *a, const char *option, const char *key,
		  struct buf *b);
int tcms_put_effort(const struct remote *r, const struct args *a, struct buf *b);
/* --defect, numbers of issues, joined to those that a run has. */
int tcms_put_defects(const struct remote *r, const struct args *a, struct buf *b);
/* Criteria of a search from options of the same meaning. */
void tcms_criterion_text(const struct args *a, const char *option, const char *key, bool exact,
			 struct buf *b);
void tcms_criterion_texts(const struct args *a, const char *option, const char *key, struct buf *b);
int tcms_criterion_numbers(const struct remote *r, const struct args *a, const char *option, const char *key,
			   struct buf *b);
/* The option names statuses, which are looked up: of runs, else of cases. */
int tcms_criterion_statuses(struct remote *r, const struct args *a, const char *option, bool of_runs,
			    struct buf *b);
int tcms_criterion_flag(const struct remote *r, const struct args *a, const char *option, const char *key,
			struct buf *b);

int tcms_config_show(struct remote *r, const struct args *a);
int tcms_statuses(struct remote *r, const struct args *a);
int tcms_tags(struct remote *r, const struct args *a);
int tcms_tags_add(struct remote *r, const struct args *a);
int tcms_folders(struct remote *r, const struct args *a);
int tcms_folders_add(struct remote *r, const struct args *a);
int tcms_fields(struct remote *r, const struct args *a);
int tcms_field_types(struct remote *r, const struct args *a);

int tcms_cycles_list(struct remote *r, const struct args *a);
int tcms_cycles_search(struct remote *r, const struct args *a);
int tcms_cycles_show(struct remote *r, const struct args *a);
int tcms_cycles_summary(struct remote *r, const struct args *a);
int tcms_cycles_cases(struct remote *r, const struct args *a);
int tcms_cycles_create(struct remote *r, const struct args *a);
int tcms_cycles_create_from_set(struct remote *r, const struct args *a);
int tcms_cycles_state(struct remote *r, const struct args *a, const char *state, bool value);
int tcms_cycles_delete(struct remote *r, const struct args *a);

int tcms_cases_list(struct remote *r, const struct args *a);
int tcms_cases_search(struct remote *r, const struct args *a);
int tcms_cases_show(struct remote *r, const struct args *a);
int tcms_cases_create(struct remote *r, const struct args *a);
int tcms_sets_list(struct remote *r, const struct args *a);
int tcms_sets_cases(struct remote *r, const struct args *a);
int tcms_traceability(struct remote *r, const struct args *a);

int tcms_cycles_update(struct remote *r, const struct args *a);
int tcms_cases_update(struct remote *r, const struct args *a);
int tcms_runs_steps(struct remote *r, const struct args *a);
int tcms_cycles_attach(struct remote *r, const struct args *a);
int tcms_cases_attach(struct remote *r, const struct args *a);
int tcms_runs_attach(struct remote *r, const struct args *a);
int tcms_attachments_get(struct remote *r, const struct args *a);
int tcms_cases_export(struct remote *r, const struct args *a);
int tcms_cycles_cleanup(struct remote *r, const struct args *a);
int tcms_sets_add(struct remote *r, const struct args *a);
int tcms_sets_create(struct remote *r, const struct args *a);
int tcms_batch(struct remote *r, const struct args *a);
int tcms_cases_import(struct remote *r, const struct args *a);
int tcms_runs_import(struct remote *r, const struct args *a);
int tcms_runs_change(struct remote *r, const struct args *a);
int tcms_runs_migrate(struct remote *r, const struct args *a);
int tcms_cycles_add(struct remote *r, const struct args *a);
int tcms_parameters(struct remote *r, const struct args *a);

int tcms_runs_list(struct remote *r, const struct args *a);
int tcms_runs_latest(struct remote *r, const struct args *a);
int tcms_runs_show(struct remote *r, const struct args *a);
int tcms_runs_reset(struct remote *r, const struct args *a);
int tcms_runs_update(struct remote *r, const struct args *a);
int tcms_runs_delete(struct remote *r, const struct args *a);
int tcms_runs_comment(struct remote *r, const struct args *a);

#endif
