/* SPDX-License-Identifier: Apache-2.0
 *
 * fixture.h - a real queue in a temporary directory, without a thread: every call is run to its end, so a
 * test reads from top to bottom. */
#ifndef RD_TESTS_QUEUE_FIXTURE_H
#define RD_TESTS_QUEUE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/base/clock.h"
#include "daemon/base/digest.h"
#include "daemon/base/mem.h"
#include "daemon/queue/queue.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))
#define NOW    1800000000000LL

struct fx {
	char dir[64], path[96];
	struct queue *q;
	struct queue_opened opened;
	struct err err, fatal;
	uint32_t max_pages;

	/* of the last call */
	bool answered;
	int rc;
	struct taken taken;
	struct owed owed;
	struct rows *rows;
	struct delivery *delivery;
	struct due due[64];
	size_t due_count;
	int64_t next_ms;
	struct queue_status status;
	struct run_line run;
	char text[64][256]; /* names and reasons of lists */
	struct delivery_line line[16];
	uint64_t number[64];
	size_t count;
	bool closed;
};

static UNUSED void fx_fatal(void *cookie, const struct err *err)
{
	((struct fx *)cookie)->fatal = *err;
}

static UNUSED int fx_try_open(struct fx *f)
{
	f->err = ERR_NONE;
	return queue_open(&(struct queue_options){ .path = f->path,
						   .on_fatal = fx_fatal,
						   .cookie = f,
						   .seed = 7,
						   .max_pages = f->max_pages },
			  &f->q, &f->opened, &f->err);
}

static UNUSED void fx_open(struct fx *f)
{
	if (fx_try_open(f) < 0)
		fail_msg("queue_open: %s", f->err.text);
}

static UNUSED void fx_closed(void *cookie)
{
	((struct fx *)cookie)->closed = true;
}

static UNUSED void fx_close(struct fx *f)
{
	rows_free(f->rows);
	delivery_free(f->delivery);
	f->rows = NULL;
	f->delivery = NULL;
	if (f->q == NULL)
		return;
	f->closed = false;
	queue_close(f->q, fx_closed, f);
	while (!f->closed)
		queue_turn(f->q);
	f->q = NULL;
}

/* As after kill -9: the files are what they are, and the process that had them is gone. */
static UNUSED void fx_crash(struct fx *f)
{
	char command[512], copy[96];

	(void)snprintf(copy, sizeof(copy), "%s/crash", f->dir);
	(void)snprintf(command, sizeof(command), "mkdir -p %s && cp %s* %s/", copy, f->path, copy);
	assert_int_equal(system(command), 0);
	fx_close(f);
	(void)snprintf(command, sizeof(command), "rm -f %s* && mv %s/queue.db* %s/", f->path, copy, f->dir);
	assert_int_equal(system(command), 0);
	fx_open(f);
}

static UNUSED int fx_setup(void **state)
{
	struct fx *f = xcalloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/rd-queue-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(f->path, sizeof(f->path), "%s/queue.db", f->dir);
	fx_open(f);
	*state = f;
	return 0;
}

static UNUSED int fx_teardown(void **state)
{
	struct fx *f = *state;
	char command[128];

	fx_close(f);
	(void)snprintf(command, sizeof(command), "rm -rf %s", f->dir);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

/* ---- calls, run to their end ---- */

static UNUSED void fx_begin(struct fx *f)
{
	f->answered = false;
	f->err = ERR_NONE;
	f->count = 0;
}

static UNUSED int fx_wait(struct fx *f)
{
	assert_false(f->answered); /* never before the call has returned */
	for (int i = 0; i < 100000 && !f->answered; i++)
		queue_turn(f->q);
	assert_true(f->answered);
	return f->rc;
}

static UNUSED void fx_set(struct fx *f, int rc, const struct err *err)
{
	assert_false(f->answered);
	f->answered = true;
	f->rc = rc;
	if (rc < 0) {
		assert_non_null(err);
		f->err = *err;
	}
}

static UNUSED void fx_done(void *cookie, int rc, const struct err *err)
{
	fx_set(cookie, rc, err);
}

static UNUSED void fx_on_taken(void *cookie, int rc, const struct taken *taken, const struct err *err)
{
	struct fx *f = cookie;

	if (rc == 0)
		f->taken = *taken;
	fx_set(f, rc, err);
}

struct fx_take {
	const char *key, *content; /* content: what is hashed */
	const char *name, *vars;
	const char *sinks[4]; /* none: "rail" */
	bool again, append, backfill;
	int64_t now_ms;
};

static UNUSED int fx_take(struct fx *f, const struct fx_take *t)
{
	struct run_spec run = { .key = t->key,
				.name = t->name,
				.vars_json = t->vars,
				.source = RUN_IMPORT,
				.watch = "nightly",
				.backfill = t->backfill,
				.now_ms = t->now_ms != 0 ? t->now_ms : NOW };
	struct part_spec part = { .path = t->content,
				  .kept = "kept.xml",
				  .size = 10,
				  .again = t->again,
				  .late_append = t->append };
	const char *sinks[4] = { "rail" };
	struct digest *d = digest_new();

	digest_add(d, t->content, strlen(t->content));
	digest_get(d, part.sha256);
	digest_free(d);
	run.sink_count = 1;
	if (t->sinks[0] != NULL)
		for (run.sink_count = 0; run.sink_count < 4 && t->sinks[run.sink_count] != NULL;
		     run.sink_count++)
			sinks[run.sink_count] = t->sinks[run.sink_count];
	run.sinks = sinks;
	fx_begin(f);
	queue_take(f->q, &run, &part, fx_on_taken, f);
	memset(&run, 0, sizeof(run)); /* everything was copied */
	memset(sinks, 0, sizeof(sinks));
	return fx_wait(f);
}

struct fx_result {
	const char *class_name, *name;
	enum outcome outcome;
	const char *suite[3];
	const char *refs[4];
	const char *param;
	int64_t started_ms; /* 0: unknown */
	const char *message;
};

static UNUSED void fx_make(const struct fx_result *r, struct result *out, char id[1024], const char **params)
{
	*out = (struct result){ .class_name = r->class_name,
				.name = r->name,
				.outcome = r->outcome,
				.duration_ms = 5,
				.started_ms = r->started_ms == 0 ? TIME_UNKNOWN : r->started_ms };
	if (r->class_name != NULL)
		(void)snprintf(id, 1024, "%s.%s", r->class_name, r->name);
	else
		(void)snprintf(id, 1024, "%s", r->name);
	out->id = id;
	while (out->suite_count < 3 && r->suite[out->suite_count] != NULL)
		out->suite_count++;
	out->suite = r->suite;
	while (out->ref_count < 4 && r->refs[out->ref_count] != NULL)
		out->ref_count++;
	out->refs = r->refs;
	if (r->param != NULL) {
		params[0] = r->param;
		out->params = params;
		out->param_count = 1;
	}
	if (r->message != NULL)
		out->failure.message = (struct text){ r->message, strlen(r->message), strlen(r->message) };
}

static UNUSED void fx_add(struct part_writer *w, const struct fx_result *r, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct result result;
		char id[1024];
		const char *params[1];
		fx_make(&r[i], &result, id, params);
		assert_int_equal(part_writer_add(w, &result, NULL), 0);
	}
}

static UNUSED int fx_finish(struct fx *f, int64_t part, int64_t now_ms)
{
	struct part_summary s = { .format = "junit",
				  .complete = true,
				  .duration_ms = 5,
				  .started_ms = TIME_UNKNOWN,
				  .now_ms = now_ms };

	fx_begin(f);
	queue_finish_part(f->q, part, &s, fx_done, f);
	return fx_wait(f);
}

/* A whole part; the run's id. */
static UNUSED int64_t fx_part(struct fx *f, const struct fx_take *t, const struct fx_result *r, size_t count)
{
	assert_int_equal(fx_take(f, t), 0);
	assert_int_equal(f->taken.what, TAKE_NEW);
	struct part_writer *w = part_writer_new(f->q, f->taken.part);
	fx_add(w, r, count);
	assert_int_equal(part_writer_end(w, NULL), 0);
	int64_t run = f->taken.run;
	assert_int_equal(fx_finish(f, f->taken.part, t->now_ms != 0 ? t->now_ms : NOW), 0);
	return run;
}

static UNUSED int fx_end_run(struct fx *f, int64_t run)
{
	fx_begin(f);
	queue_end_run(f->q, run, NOW + 1, fx_done, f);
	return fx_wait(f);
}

static UNUSED void fx_on_due(void *cookie, int rc, const struct due *due, size_t count, int64_t next_ms,
			     const struct err *err)
{
	struct fx *f = cookie;

	f->due_count = count;
	if (count > 0)
		memcpy(f->due, due, count * sizeof(*due));
	f->next_ms = next_ms;
	fx_set(f, rc, err);
}

static UNUSED size_t fx_due(struct fx *f, const char *sink, int64_t now_ms)
{
	fx_begin(f);
	queue_due(f->q, sink, now_ms, NULL, 0, 64, 64, fx_on_due, f);
	assert_int_equal(fx_wait(f), 0);
	return f->due_count;
}

/* The only due delivery of the sink. */
static UNUSED int64_t fx_only(struct fx *f, const char *sink)
{
	assert_int_equal(fx_due(f, sink, NOW + 1000000), 1);
	return f->due[0].delivery;
}

static UNUSED void fx_on_owed(void *cookie, int rc, const struct owed *owed, const struct err *err)
{
	struct fx *f = cookie;

	if (rc == 0)
		f->owed = *owed;
	fx_set(f, rc, err);
}

static UNUSED const char *fx_ref(const void *cookie, const char *ref, struct arena *a)
{
	(void)cookie;
	return ref[0] == 'C' ? arena_strdup(a, ref + 1) : NULL;
}

/* The suite path is the place; a suite named "unset" lacks a variable. */
static UNUSED int fx_place(const void *cookie, const struct result *r, struct arena *a,
			   const char *const **path, size_t *count, struct err *err)
{
	(void)cookie;
	(void)a;
	if (r->suite_count > 0 && strcmp(r->suite[0], "unset") == 0)
		return err_set(err, -EINVAL, "the variable \"x\" is not set");
	*path = r->suite;
	*count = r->suite_count;
	return 0;
}

static UNUSED const struct resolver fx_matching = {
	.order = { RESOLVE_REF, RESOLVE_AUTOMATION, RESOLVE_TITLE },
	.match = true,
	.park_unmatched = true,
	.scope = "p1",
	.ref = fx_ref,
	.place = fx_place,
	.place_max = 60,
};
static UNUSED const struct resolver fx_creating = {
	.order = { RESOLVE_REF, RESOLVE_AUTOMATION },
	.match = true,
	.create = true,
	.scope = "p1",
	.ref = fx_ref,
	.place = fx_place,
	.place_max = 60,
};
static UNUSED const struct resolver fx_all = { .match = false };

static UNUSED int fx_resolve(struct fx *f, int64_t delivery, const struct resolver *r)
{
	fx_begin(f);
	queue_resolve(f->q, delivery, r, fx_on_owed, f);
	return fx_wait(f);
}

static UNUSED struct owed fx_owed(struct fx *f, int64_t delivery)
{
	fx_begin(f);
	queue_owed(f->q, delivery, fx_on_owed, f);
	assert_int_equal(fx_wait(f), 0);
	return f->owed;
}

/* A talk that saw this and waits for more to come, for ever. */
static UNUSED int fx_await(struct fx *f, int64_t delivery, const struct owed *saw, int64_t now_ms)
{
	struct note n = {
		.step = "end", .settle = SETTLE_WAIT, .due_ms = INT64_MAX, .now_ms = now_ms, .saw = saw
	};

	fx_begin(f);
	queue_note(f->q, delivery, &n, fx_done, f);
	return fx_wait(f);
}

static UNUSED void fx_on_rows(void *cookie, int rc, struct rows *rows, const struct err *err)
{
	struct fx *f = cookie;

	rows_free(f->rows);
	f->rows = rows;
	fx_set(f, rc, err);
}

static UNUSED struct rows *fx_rows(struct fx *f, int64_t delivery, enum rows_kind kind, size_t count)
{
	fx_begin(f);
	queue_rows(f->q, delivery, kind, (struct rows_limit){ .count = count, .bytes = 1 << 20 }, fx_on_rows,
		   f);
	assert_int_equal(fx_wait(f), 0);
	assert_non_null(f->rows);
	assert_int_equal(f->rows->kind, kind);
	return f->rows;
}

static UNUSED struct rows *fx_frozen(struct fx *f, int64_t delivery, enum rows_kind kind)
{
	fx_begin(f);
	queue_rows_frozen(f->q, delivery, kind, fx_on_rows, f);
	assert_int_equal(fx_wait(f), 0);
	return f->rows;
}

static UNUSED int fx_intend(struct fx *f, int64_t delivery, const char *step, const struct rows *rows,
			    const char *body)
{
	fx_begin(f);
	queue_intend(f->q, delivery, step, rows, body, body == NULL ? 0 : strlen(body), NOW + 5, fx_done, f);
	return fx_wait(f);
}

/* Settles with what was learned; learned is emptied. */
static UNUSED int fx_note(struct fx *f, int64_t delivery, enum settle settle, struct learned *learned,
			  const char *reason)
{
	struct note n = { .step = "step",
			  .settle = settle,
			  .learned = learned,
			  .due_ms = NOW + 100,
			  .now_ms = NOW + 50,
			  .reason = reason,
			  .requests = 1 };

	fx_begin(f);
	queue_note(f->q, delivery, &n, fx_done, f);
	if (learned != NULL) {
		struct arena *arena = learned->arena;
		learned_done(learned);
		arena_reset(arena);
		learned_init(learned, arena);
	}
	return fx_wait(f);
}

static UNUSED void fx_on_delivery(void *cookie, int rc, struct delivery *d, const struct err *err)
{
	struct fx *f = cookie;

	delivery_free(f->delivery);
	f->delivery = d;
	fx_set(f, rc, err);
}

static UNUSED struct delivery *fx_load(struct fx *f, int64_t delivery)
{
	fx_begin(f);
	queue_load(f->q, delivery, fx_on_delivery, f);
	assert_int_equal(fx_wait(f), 0);
	return f->delivery;
}

static UNUSED void fx_on_status(void *cookie, int rc, const struct queue_status *s, const struct err *err)
{
	struct fx *f = cookie;

	f->status = *s;
	fx_set(f, rc, err);
}

static UNUSED struct queue_status *fx_status(struct fx *f)
{
	fx_begin(f);
	queue_status(f->q, fx_on_status, f);
	assert_int_equal(fx_wait(f), 0);
	return &f->status;
}

static UNUSED void fx_on_run(void *cookie, int rc, const struct run_line *run, const struct err *err)
{
	struct fx *f = cookie;

	if (rc == 0)
		f->run = *run;
	f->run.key = f->run.name = NULL;
	fx_set(f, rc, err);
}

static UNUSED int fx_run(struct fx *f, int64_t run)
{
	fx_begin(f);
	queue_run(f->q, run, fx_on_run, f);
	return fx_wait(f);
}

static UNUSED void fx_on_parked(void *cookie, int rc, const struct parked_line *line, size_t count,
				const struct err *err)
{
	struct fx *f = cookie;

	f->count = count;
	for (size_t i = 0; i < count && i < 64; i++) {
		(void)snprintf(f->text[i], sizeof(f->text[i]), "%s|%s|%s", line[i].sink, line[i].name,
			       line[i].reason);
		f->number[i] = line[i].count;
	}
	fx_set(f, rc, err);
}

static UNUSED size_t fx_parked(struct fx *f, int64_t delivery)
{
	fx_begin(f);
	queue_parked(f->q, delivery, 64, fx_on_parked, f);
	assert_int_equal(fx_wait(f), 0);
	return f->count;
}

static UNUSED void fx_on_lines(void *cookie, int rc, const struct delivery_line *line, size_t count,
			       const struct err *err)
{
	struct fx *f = cookie;

	f->count = count;
	for (size_t i = 0; i < count && i < 16; i++) {
		f->line[i] = line[i];
		(void)snprintf(f->text[i], sizeof(f->text[i]), "%s|%s|%s|%s", line[i].sink, line[i].run_name,
			       line[i].remote_id == NULL ? "" : line[i].remote_id,
			       line[i].reason == NULL ? "" : line[i].reason);
	}
	fx_set(f, rc, err);
}

static UNUSED size_t fx_lines(struct fx *f, int64_t run, bool unsettled)
{
	fx_begin(f);
	queue_lines(f->q, run, unsettled, 16, fx_on_lines, f);
	assert_int_equal(fx_wait(f), 0);
	return f->count;
}

static UNUSED int fx_retry(struct fx *f, const int64_t *id, size_t count)
{
	fx_begin(f);
	queue_retry(f->q, id, count, NOW + 200, fx_done, f);
	return fx_wait(f);
}

static UNUSED int fx_abandon(struct fx *f, int64_t part, const char *reason)
{
	fx_begin(f);
	queue_abandon_part(f->q, part, reason, fx_done, f);
	return fx_wait(f);
}

/* Cases known over there: { id, alias, title }, ended by an id of NULL. */
static UNUSED void fx_cases(struct fx *f, int64_t delivery, const char *const (*row)[3])
{
	struct arena arena = ARENA_LIMIT(1 << 20);
	struct learned l;

	learned_init(&l, &arena);
	for (; (*row)[0] != NULL; row++)
		learned_remote(&l, "case", "p1", (*row)[0], "7", (*row)[2], (*row)[1], "{\"x\":1}");
	assert_int_equal(fx_note(f, delivery, SETTLE_GO_ON, &l, NULL), 0);
	learned_done(&l);
	arena_done(&arena);
}

static UNUSED const struct row *fx_row_of(const struct rows *rows, const char *remote_id)
{
	for (size_t i = 0; i < rows->count; i++)
		if (rows->row[i].remote_id != NULL && strcmp(rows->row[i].remote_id, remote_id) == 0)
			return &rows->row[i];
	return NULL;
}

/* Posts all that is owed, in batches; how many rows that were. */
static UNUSED size_t fx_post_all(struct fx *f, int64_t delivery, enum rows_kind kind)
{
	struct arena arena = ARENA_LIMIT(1 << 20);
	struct learned l;
	size_t total = 0;

	learned_init(&l, &arena);
	for (;;) {
		struct rows *rows = fx_rows(f, delivery, kind, 100);
		if (rows->count == 0)
			break;
		assert_int_equal(fx_intend(f, delivery, "post", rows, "body"), 0);
		for (size_t i = 0; i < rows->count; i++)
			learned_posted(&l, rows->row[i].id, "r1");
		total += rows->count;
		assert_int_equal(fx_note(f, delivery, SETTLE_GO_ON, &l, NULL), 0);
	}
	learned_done(&l);
	arena_done(&arena);
	return total;
}

#endif
