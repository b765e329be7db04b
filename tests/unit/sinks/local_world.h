/* SPDX-License-Identifier: Apache-2.0
 *
 * local_world.h - dispatch, queue and folder made small, for tests of the local sink.
 *
 * The walk is what dispatch does: rows that are owed are handed to the step, the bookmark goes through
 * text after every answer, and an answer can be lost before or after its request was applied. */
#ifndef RD_TESTS_LOCAL_WORLD_H
#define RD_TESTS_LOCAL_WORLD_H

#include "sinks/local/local.h"

#include "daemon/base/clock.h"
#include "daemon/base/executor.h"
#include "daemon/base/file.h"
#include "daemon/base/mem.h"
#include "daemon/model/result_json.h"
#include "daemon/net/folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW      1795255200000 /* 2026-11-21T10:00:00Z */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- a folder in memory ---- */

struct file {
	char path[256];
	struct buf data;
};

enum fault { FAULT_NONE, FAULT_BEFORE, FAULT_AFTER, FAULT_TWICE };

struct world {
	struct file file[16];
	size_t files;
	/* the run's tests: how many executions each has, and how many of them were posted */
	size_t tests;
	uint8_t *execs, *posted;
	void (*make)(size_t i, unsigned exec, struct arena *a, struct result *out);
	struct sink_run run;
	struct local_conf conf;
	char *bookmark;
	int64_t now_ms;
	size_t rows_max;
	unsigned requests;
	unsigned fault_at; /* of which request, from 1; 0: all of them */
	enum fault fault;
	size_t bookmark_most, body_most;
	char url[512], remote_id[128];
	enum got last;
	char err[256];
	struct transport *real; /* instead of the folder in memory */
	struct executor *executor;
};

static struct file *file_find(struct world *w, const char *path)
{
	for (size_t i = 0; i < w->files; i++) {
		if (strcmp(w->file[i].path, path) == 0)
			return &w->file[i];
	}
	return NULL;
}

static struct file *file_make(struct world *w, const char *path)
{
	struct file *f = file_find(w, path);

	if (f != NULL)
		return f;
	assert_true(w->files < COUNT(w->file));
	f = &w->file[w->files++];
	snprintf(f->path, sizeof(f->path), "%s", path);
	f->data = BUF_LIMIT(SIZE_MAX / 4);
	return f;
}

static void file_remove(struct world *w, const char *path)
{
	struct file *f = file_find(w, path);

	assert_non_null(f);
	buf_done(&f->data);
	*f = w->file[--w->files];
}

static struct file *file_ending(struct world *w, const char *end)
{
	for (size_t i = 0; i < w->files; i++) {
		const char *at = strstr(w->file[i].path, end);
		if (at != NULL && at[strlen(end)] == '\0' && (at == w->file[i].path || end[0] == '/'))
			return &w->file[i];
	}
	fail_msg("no file %s", end);
	return NULL;
}

static void real_done(void *cookie, const struct reply *reply)
{
	struct reply *out = cookie;

	out->exchange = reply->exchange;
	out->status = reply->status;
	buf_append(&out->body, reply->body.data, reply->body.len);
	snprintf(out->error, sizeof(out->error), "%s", reply->error);
}

static void play(struct world *w, const struct request *r, struct reply *reply)
{
	assert_int_equal(buf_error(&r->body), 0);
	assert_null(strstr(r->path.data, ".."));
	assert_int_not_equal(r->path.data[0], '/');
	if (r->body.len > w->body_most)
		w->body_most = r->body.len;
	if (w->real != NULL) {
		struct endpoint to;
		sink_local.endpoint(&w->conf, &to);
		transport_send(w->real, &to, r, real_done, reply);
		executor_reap(w->executor);
		assert_int_equal(reply->exchange, EXCHANGE_ANSWERED);
		return;
	}
	reply->exchange = EXCHANGE_ANSWERED;
	reply->status = 200;
	struct file *f = file_find(w, r->path.data);
	switch (r->method) {
	case METHOD_GET:
		if (f == NULL)
			reply->status = 404;
		else
			buf_append(&reply->body, f->data.data, f->data.len);
		assert_true(r->reply_max == 0 || reply->body.len <= r->reply_max);
		break;
	case METHOD_PUT:
		f = file_make(w, r->path.data);
		buf_reset(&f->data);
		buf_append(&f->data, r->body.data, r->body.len);
		break;
	case METHOD_POST:
		if (r->offset > (f != NULL ? f->data.len : 0)) {
			reply->status = 416;
			break;
		}
		f = file_make(w, r->path.data);
		f->data.len = r->offset;
		buf_append(&f->data, r->body.data, r->body.len);
		break;
	case METHOD_DELETE:
		fail();
	}
}

/* ---- the walk ---- */

static struct rows *rows_owed(struct world *w)
{
	struct rows *rows = xcalloc(1, sizeof(*rows));
	struct row *row;

	rows->arena = ARENA_LIMIT(SIZE_MAX / 4);
	rows->kind = ROWS_ALL;
	rows->row = row = arena_calloc(&rows->arena, w->rows_max, sizeof(*row));
	for (size_t i = 0; i < w->tests; i++) {
		if (w->posted[i] >= w->execs[i])
			continue;
		if (rows->count == w->rows_max) {
			rows->more = true;
			break;
		}
		struct row_test *test = arena_calloc(&rows->arena, 1, sizeof(*test));
		struct result *result = arena_calloc(&rows->arena, w->execs[i], sizeof(*result));
		const struct result **list =
			arena_calloc(&rows->arena, w->execs[i], sizeof(const struct result *));
		for (unsigned e = 0; e < w->execs[i]; e++) {
			w->make(i, e, &rows->arena, &result[e]);
			list[e] = &result[e];
		}
		*test = (struct row_test){ .results = list,
					   .result_count = w->execs[i],
					   .posted_before = w->posted[i] > 0 };
		row[rows->count++] = (struct row){ .id = (int64_t)i + 1000, .tests = test, .test_count = 1 };
	}
	return rows;
}

static void count_run(struct world *w)
{
	struct sink_run *run = &w->run;

	run->tests = run->passed = run->failed = run->error = run->skipped = run->flaky = 0;
	run->duration_ms = 0;
	for (size_t i = 0; i < w->tests; i++) {
		struct arena a = ARENA_LIMIT(SIZE_MAX / 4);
		struct result r[8];
		const struct result *list[8];
		if (w->execs[i] == 0)
			continue;
		for (unsigned e = 0; e < w->execs[i]; e++) {
			w->make(i, e, &a, &r[e]);
			list[e] = &r[e];
		}
		struct row_test test = { .results = list, .result_count = w->execs[i] };
		struct folded f = fold_test(&test, &a);
		run->tests++;
		run->passed += f.verdict == VERDICT_PASSED || f.verdict == VERDICT_FLAKY;
		run->flaky += f.verdict == VERDICT_FLAKY;
		run->failed += f.verdict == VERDICT_FAILED || f.verdict == VERDICT_KNOWN_FAILURE;
		run->error += f.verdict == VERDICT_ERROR;
		run->skipped += f.verdict == VERDICT_SKIPPED;
		run->duration_ms += f.duration_ms > 0 ? f.duration_ms : 0;
		arena_done(&a);
	}
}

static void learn(struct world *w, const struct talk *t, const struct rows *rows)
{
	for (size_t i = 0; i < t->learned.count; i++) {
		const struct learned_item *item = &t->learned.item[i];
		assert_int_equal(item->what, LEARNED_POSTED);
		assert_non_null(rows);
		size_t test = (size_t)(item->row - 1000);
		assert_true(test < w->tests && w->posted[test] < w->execs[test]);
		w->posted[test] = w->execs[test];
	}
	if (t->learned.url != NULL)
		snprintf(w->url, sizeof(w->url), "%s", t->learned.url);
	if (t->learned.remote_id != NULL)
		snprintf(w->remote_id, sizeof(w->remote_id), "%s", t->learned.remote_id);
}

/* One visit of the delivery.  False where an answer was lost on the way: come again. */
static bool visit(struct world *w)
{
	struct talk t = { .conf = &w->conf, .run = &w->run, .now_ms = w->now_ms, .batch = w->rows_max };
	bool alive = true;

	t.facts = cJSON_CreateObject();
	for (const struct step *s = sink_local.steps; alive && s->name != NULL; s++) {
		struct arena arena = ARENA_LIMIT(SIZE_MAX / 4);
		enum got got = s->resolve ? GOT_NEXT : GOT_MORE;
		t.scratch = cJSON_CreateObject();
		t.arena = &arena;
		while (alive && got == GOT_MORE) {
			struct request request;
			struct reply reply;
			if (s->rows == ROWS_EVIDENCE || s->rows == ROWS_DEFECTS) /* this world has none */
				break;
			struct rows *rows = s->rows == ROWS_ALL ? rows_owed(w) : NULL;
			if (rows != NULL && rows->count == 0) {
				rows_free(rows);
				break;
			}
			t.bookmark = cJSON_Parse(w->bookmark);
			assert_non_null(t.bookmark);
			t.rows = rows;
			t.err = ERR_NONE;
			request_init(&request);
			reply_init(&reply);
			learned_init(&t.learned, &arena);
			enum ask ask = s->ask(&t, &request);
			if (ask == ASK_SEND) {
				w->requests++;
				bool now = w->fault_at == 0 || w->fault_at == w->requests;
				if (!now || w->fault != FAULT_BEFORE)
					play(w, &request, &reply);
				if (now && w->fault == FAULT_TWICE) {
					reply_done(&reply);
					reply_init(&reply);
					play(w, &request, &reply);
				}
				alive = !now || (w->fault != FAULT_BEFORE && w->fault != FAULT_AFTER);
			} else {
				assert_int_equal(ask, ASK_SKIP);
			}
			if (ask == ASK_SKIP) {
				got = GOT_NEXT;
			} else if (alive) {
				got = s->got(&t, &reply);
				learn(w, &t, rows);
				free(w->bookmark);
				w->bookmark = cJSON_PrintUnformatted(t.bookmark);
				if (strlen(w->bookmark) > w->bookmark_most)
					w->bookmark_most = strlen(w->bookmark);
			}
			learned_done(&t.learned);
			cJSON_Delete(t.bookmark);
			request_done(&request);
			reply_done(&reply);
			rows_free(rows);
		}
		cJSON_Delete(t.scratch);
		arena_done(&arena);
		w->last = got;
		if (got == GOT_PARK) {
			snprintf(w->err, sizeof(w->err), "%.200s", t.err.text);
			break;
		}
	}
	cJSON_Delete(t.facts);
	return alive;
}

static const char *no_vars(void *cookie, const char *name)
{
	(void)cookie;
	(void)name;
	return NULL;
}
static const struct vars none = { .get = no_vars };

static void world_init(struct world *w, size_t tests,
		       void (*make)(size_t, unsigned, struct arena *, struct result *))
{
	*w = (struct world){ .tests = tests, .make = make, .rows_max = 2000, .now_ms = NOW };
	w->execs = xcalloc(tests + 1, 1);
	w->posted = xcalloc(tests + 1, 1);
	memset(w->execs, 1, tests);
	w->bookmark = xstrdup("{}");
	w->conf.dir = xstrdup("/srv/test results");
	w->conf.dir_mode = 0755;
	w->run = (struct sink_run){
		.id = 7,
		.key = "nightly/17",
		.name = "Nightly #17",
		.token = "rd-3fa2b1c04d5e6f708192",
		.started_ms = NOW - 60000,
		.opened_ms = NOW - 1000,
		.vars = &none,
	};
}

static void world_done(struct world *w)
{
	for (size_t i = 0; i < w->files; i++)
		buf_done(&w->file[i].data);
	free(w->execs);
	free(w->posted);
	free(w->bookmark);
	free(w->conf.dir);
}

static void deliver(struct world *w)
{
	count_run(w);
	assert_true(visit(w));
	assert_int_not_equal(w->last, GOT_PARK);
}

#endif
