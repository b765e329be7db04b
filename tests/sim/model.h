/* SPDX-License-Identifier: Apache-2.0
 *
 * model.h - a TestRail server in memory: what it holds, what it applied, and what it refuses.
 *
 * model_handle() applies one request and says what an honest server would answer; whether that answer ever
 * arrives is the network's business (world.c).  Time is given: the server's own clock, which never jumps.
 * Everything that was ever applied stays in `result`, also where somebody deleted it later: the oracle
 * reads it there. */
#ifndef RD_TESTS_SIM_MODEL_H
#define RD_TESTS_SIM_MODEL_H

#include "daemon/base/buf.h"
#include "daemon/net/message.h"

#include "tests/sim/rng.h"

enum poison { POISON_NONE, POISON_NAMED, POISON_MUTE };

struct model_section {
	int64_t id, parent, made_ms;
	char *name;
};
struct model_case {
	int64_t id, section, made_ms, updated_ms;
	char *title, *key;
	bool ours, deleted;
	enum poison poison;
};
struct model_test {
	int64_t id, case_id;
};
struct model_run {
	int64_t id, made_ms;
	char *name, *description;
	bool completed;
	struct model_test *test;
	size_t test_count, test_room;
};
struct model_result {
	int64_t id, run, test, case_id, made_ms;
	int status;
	char *comment;
	bool gone; /* its case was deleted */
};

struct model_file {                                   /* an attachment of a result, or of the run itself */
	int64_t id, run, result, test, size, made_ms; /* result, test 0: of the run */
	char *name;
};
struct model_upload { /* what an upload brings */
	const char *name;
	uint64_t size;
};
enum model_files { /* how the server takes files, and tells of them */
		   FILES_GOOD,
		   FILES_OLD,       /* lists do not say which result a file is of */
		   FILES_FORBIDDEN, /* none at results: they may not be edited */
		   FILES_MUTE,      /* takes them, and does not know the lists */
};

struct model {
	/* the rules of this server; set before the first request */
	int64_t lag_ms;    /* until lists show what was written */
	size_t page;       /* entities of a list's page at most */
	bool suites;       /* several suites: suite_id is needed */
	bool names_case;   /* results tell their case */
	bool bare_lists;   /* lists come whole, without an envelope (old servers) */
	bool no_add_cases; /* knows add_case only */
	size_t body_max;   /* 413 above this, of add_results and add_cases; 0: no limit */
	const char *const *poison_key;
	enum poison poison_how;
	size_t poison_count;
	enum model_files files;

	int64_t now_ms;
	int64_t next_id;
	struct model_section *section;
	size_t section_count, section_room;
	struct model_case *cases;
	size_t case_count, case_room;
	struct model_run *run;
	size_t run_count, run_room;
	struct model_result *result;
	size_t result_count, result_room;
	struct model_file *file;
	size_t file_count, file_room;
	char **words; /* every refusal that was ever given, once */
	size_t word_count, word_room;
	char broken[400]; /* a correct client never causes this */
};

struct answer {
	int status;
	struct buf body;
};

void model_init(struct model *m);
void model_done(struct model *m);
/* A case that somebody made by hand. */
int64_t model_put_case(struct model *m, const char *key, const char *title);
void model_delete_case(struct model *m, int64_t id);
struct model_case *model_case(struct model *m, int64_t id);
struct model_run *model_run(struct model *m, int64_t id);
bool model_is_write(const char *path);
/* The result that the file hangs on was not deleted since; true for those of the run. */
bool model_file_stays(const struct model *m, const struct model_file *f);
/* upload: NULL where the request brings no file. */
void model_handle(struct model *m, const char *path, const char *body, size_t body_len,
		  const struct model_upload *upload, struct answer *out);
/* A refusal by somebody between: its words count as given. */
void model_say(struct model *m, struct answer *out, int status, const char *words);

#endif
