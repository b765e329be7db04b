/* SPDX-License-Identifier: Apache-2.0
 *
 * model_inner.h - what the files of the server in memory share.
 *
 *   model.c         what it holds and says, its lists
 *   model_reads.c   calls that tell;  model_writes.c  calls that change;  model_files.c  attachments */
#ifndef RD_TESTS_SIM_MODEL_INNER_H
#define RD_TESTS_SIM_MODEL_INNER_H

#include "tests/sim/model.h"

#include <cjson/cJSON.h>

enum { US = 7, SUITE = 3, PROJECT = 1, PASSED = 1, BLOCKED, UNTESTED, RETEST, FAILED };

/* Room for one more at the end of a growing array. */
#define GROW(array, count, room)                                               \
	do {                                                                   \
		if ((count) == (room)) {                                       \
			(room) = (room) == 0 ? 32 : (room)*2;                  \
			(array) = xrealloc((array), (room), sizeof(*(array))); \
		}                                                              \
	} while (0)

/* ---- what was asked ---- */

struct ask {
	char call[64];
	int64_t id, second; /* 0: none */
	const char *args;   /* from the first '&' on; "" */
	const cJSON *body;
	const struct model_upload *upload; /* NULL: none */
};
bool ask_read(const char *path, struct ask *out);
int64_t ask_arg(const struct ask *a, const char *name, int64_t otherwise);
int64_t ask_member(const cJSON *object, const char *name, int64_t otherwise);
const char *ask_string(const cJSON *object, const char *name);

struct model_call { /* a row of the table of calls; the one with the name NULL ends it */
	const char *name;
	void (*handle)(struct model *m, const struct ask *a, struct answer *out);
	const char *fixed; /* in place of handle: the answer */
};
extern const struct model_call model_reads[], model_writes[], model_lists_of_files[], model_uploads[];

/* ---- what it says ---- */

void model_refuse(struct model *m, struct answer *out, int status, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* What no correct client does: refused, and remembered against it. */
void model_forbid(struct model *m, struct answer *out, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

struct list {
	struct model *m;
	const struct ask *ask;
	struct buf *b;
	const char *name;
	size_t offset, limit, seen, given;
	bool more;
};
struct list list_begin(struct model *m, const struct ask *a, struct answer *out, const char *name);
/* Whether the next entity is of this page; then it is written by the caller. */
bool list_next(struct list *l);
void list_end(struct list *l, struct answer *out);

void model_write_section(struct buf *b, const struct model_section *s);
void model_write_case(struct buf *b, const struct model_case *c);
void model_write_run(struct buf *b, const struct model_run *r);
void model_write_result(const struct model *m, struct buf *b, const struct model_result *r);

/* ---- what it holds ---- */

bool model_shown(const struct model *m, int64_t made_ms); /* lists have it by now */
bool model_has_section(const struct model *m, int64_t id);
int64_t model_put_section(struct model *m, const char *name, int64_t parent);
struct model_case *model_add_case(struct model *m, int64_t section, const char *title, const char *key,
				  bool ours);
struct model_test *model_test_of(struct model_run *run, int64_t case_id);
/* NULL: refused. */
struct model_run *model_asked_run(struct model *m, const struct ask *a, struct answer *out);
bool model_open_run(struct model *m, const struct model_run *r, struct answer *out);

#endif
