/* SPDX-License-Identifier: Apache-2.0
 *
 * talking.h - a talk built by hand: the real configuration, facts and bookmark that go through text after
 * every answer (as they go through the queue), and replies made of JSON. */
#ifndef RD_TESTS_TALKING_H
#define RD_TESTS_TALKING_H

#include "daemon/base/clock.h"
#include "daemon/config/config.h"
#include "sinks/sink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(a)   (sizeof(a) / sizeof((a)[0]))
#define TALK_NOW   INT64_C(1795255200000) /* 2026-11-21T10:00:00Z */
#define TALK_TOKEN "rd-0123456789abcdef0123"

struct talking {
	const struct sink *sink;
	struct config *config;
	struct arena arena;
	struct sink_run run;
	struct vars vars;
	struct talk t;
	struct request request;
	struct rows rows;
	const struct step *step;
	char *sent;
};

static inline const char *talking_var(void *cookie, const char *name)
{
	static const char *const vars[][2] = {
		{ "run.name", "nightly #17" },
		{ "run.key", "nightly/17" },
		{ "job", "nightly" },
		{ "ci.commit", "abc123" },
	};

	(void)cookie;
	for (size_t i = 0; i < COUNT(vars); i++) {
		if (strcmp(vars[i][0], name) == 0)
			return vars[i][1];
	}
	return NULL;
}

/* Reads a configuration with one sink; `more` is YAML of four spaces' indentation. */
static inline struct config *talking_config(const struct sink *sink, const char *more, char *fault,
					    size_t size)
{
	static struct config_sink_type type; /* lives as long as the configuration does */
	struct buf text = BUF_LIMIT(1 << 20);
	struct config_faults faults = { 0 };
	struct config *config = NULL;

	type = (struct config_sink_type){ sink->name, sink->keys, sink->conf_size, sink->check };
	/* Defects have a section of their own, which makes one more sink. */
	buf_printf(&text, "%s    type: %s\n%s", sink->cause != NULL ? "defects:\n" : "sinks:\n  it:\n",
		   sink->name, more);
	config_parse(text.data, text.len, "t.yaml", "/tmp", &type, 1, false, &config, &faults);
	fault[0] = '\0';
	if (faults.count > 0)
		snprintf(fault, size, "%s", faults.item[0].text);
	config_faults_done(&faults);
	buf_done(&text);
	return config;
}

static inline void talking_start(struct talking *w, const struct sink *sink, const char *more)
{
	char fault[1024];

	*w = (struct talking){ .sink = sink, .arena = ARENA_LIMIT((size_t)64 << 20) };
	w->config = talking_config(sink, more, fault, sizeof(fault));
	if (w->config == NULL)
		fail_msg("configuration: %s", fault);
	w->vars = (struct vars){ .get = talking_var };
	w->run = (struct sink_run){ .id = 1,
				    .key = "nightly/17",
				    .name = "nightly #17",
				    .token = TALK_TOKEN,
				    .started_ms = TALK_NOW,
				    .opened_ms = TALK_NOW,
				    .ended = true,
				    .vars = &w->vars };
	w->t = (struct talk){ .conf = w->config->sink[0].conf,
			      .run = &w->run,
			      .facts = cJSON_CreateObject(),
			      .bookmark = cJSON_CreateObject(),
			      .now_ms = TALK_NOW,
			      .arena = &w->arena,
			      .batch = sink->batch != NULL ? sink->batch(w->config->sink[0].conf) : 250,
			      .sent_ms = TALK_NOW };
	w->rows.arena = ARENA_LIMIT((size_t)64 << 20);
	learned_init(&w->t.learned, &w->arena);
	request_init(&w->request);
}

static inline void talking_end(struct talking *w)
{
	request_done(&w->request);
	learned_done(&w->t.learned);
	cJSON_Delete(w->t.facts);
	cJSON_Delete(w->t.bookmark);
	cJSON_Delete(w->t.scratch);
	arena_done(&w->rows.arena);
	arena_done(&w->arena);
	config_free(w->config);
	free(w->sent);
}

static inline void talking_facts(struct talking *w, const char *json)
{
	cJSON_Delete(w->t.facts);
	w->t.facts = cJSON_Parse(json);
	assert_non_null(w->t.facts);
}

static inline void talking_bookmark(struct talking *w, const char *json)
{
	cJSON_Delete(w->t.bookmark);
	w->t.bookmark = cJSON_Parse(json);
	assert_non_null(w->t.bookmark);
}

static inline const struct step *talking_step(const struct talking *w, const char *name)
{
	const struct step *s = w->sink->steps;

	while (s->name != NULL && strcmp(s->name, name) != 0)
		s++;
	assert_non_null(s->name);
	return s;
}

/* What the step before left is gone, as between steps of a real talk. */
static inline void talking_fresh(struct talking *w)
{
	request_done(&w->request);
	request_init(&w->request);
	learned_done(&w->t.learned);
	learned_init(&w->t.learned, &w->arena);
	err_clear(&w->t.err);
}

static inline enum ask talking_ask(struct talking *w, const char *step)
{
	talking_fresh(w);
	cJSON_Delete(w->t.scratch);
	w->t.scratch = cJSON_CreateObject();
	w->step = talking_step(w, step);
	w->t.rows = w->step->rows != ROWS_NONE ? &w->rows : NULL;
	return w->step->ask(&w->t, &w->request);
}

/* After GOT_MORE: what the step keeps in scratch is there. */
static inline enum ask talking_ask_more(struct talking *w)
{
	talking_fresh(w);
	return w->step->ask(&w->t, &w->request);
}

static inline enum ask talking_look(struct talking *w, bool first)
{
	talking_fresh(w);
	if (first) {
		cJSON_Delete(w->t.scratch);
		w->t.scratch = cJSON_CreateObject();
	}
	return w->step->look(&w->t, &w->request);
}

/* The frozen body of what was asked last. */
static inline void talking_freeze(struct talking *w)
{
	free(w->sent);
	w->sent = strdup(w->request.body.data != NULL ? w->request.body.data : "");
	w->t.sent = w->sent;
}

static inline void talking_saved(struct talking *w)
{
	char *facts = cJSON_PrintUnformatted(w->t.facts), *bookmark = cJSON_PrintUnformatted(w->t.bookmark);

	talking_facts(w, facts);
	talking_bookmark(w, bookmark);
	free(facts);
	free(bookmark);
}

static inline void talking_reply(struct reply *r, int status, const char *body)
{
	reply_init(r);
	r->exchange = EXCHANGE_ANSWERED;
	r->status = status;
	r->server_ms = TALK_NOW;
	buf_puts(&r->body, body);
}

static inline enum got talking_got(struct talking *w, int status, const char *body)
{
	struct reply r;

	talking_reply(&r, status, body);
	enum got got = w->step->got(&w->t, &r);
	reply_done(&r);
	talking_saved(w);
	return got;
}

static inline enum looked talking_looked(struct talking *w, int status, const char *body)
{
	struct reply r;

	talking_reply(&r, status, body);
	enum looked looked = w->step->looked(&w->t, &r);
	reply_done(&r);
	talking_saved(w);
	return looked;
}

#define assert_path(w, expected) assert_string_equal((w)->request.path.data, "index.php?/api/v2/" expected)
#define assert_body(w, expected) assert_string_equal((w)->request.body.data, expected)

static inline size_t talking_count(const struct talking *w, enum learned_kind what)
{
	size_t n = 0;

	for (size_t i = 0; i < w->t.learned.count; i++)
		n += w->t.learned.item[i].what == what;
	return n;
}

/* The nth thing of a kind that was learned. */
static inline const struct learned_item *talking_learned(const struct talking *w, enum learned_kind what,
							 size_t nth)
{
	for (size_t i = 0; i < w->t.learned.count; i++) {
		if (w->t.learned.item[i].what == what && nth-- == 0)
			return &w->t.learned.item[i];
	}
	fail_msg("not learned: kind %d", (int)what);
	return NULL;
}

/* ---- rows ---- */

static inline struct text talking_text(const char *s)
{
	return (struct text){ s, s != NULL ? strlen(s) : 0, s != NULL ? strlen(s) : 0 };
}

static inline struct result *talking_result(struct talking *w, const char *id, enum outcome outcome,
					    double duration_ms, const char *message)
{
	struct result *r = arena_calloc(&w->rows.arena, 1, sizeof(*r));
	const char *dot = strrchr(id, '.');

	r->id = arena_strdup(&w->rows.arena, id);
	r->name = dot != NULL ? r->id + (dot - id) + 1 : r->id;
	r->class_name = dot != NULL ? arena_strndup(&w->rows.arena, id, (size_t)(dot - id)) : NULL;
	r->outcome = outcome;
	r->duration_ms = duration_ms;
	r->started_ms = TIME_UNKNOWN;
	r->failure.message = talking_text(message);
	return r;
}

/* Adds a test of the given executions to a new row, or to the last one. */
static inline void talking_test(struct talking *w, bool new_row, const char *remote_id,
				const struct result *const *results, size_t count)
{
	struct arena *a = &w->rows.arena;

	if (w->rows.row == NULL)
		w->rows.row = arena_calloc(a, 600, sizeof(*w->rows.row));
	if (new_row) {
		struct row *row = &w->rows.row[w->rows.count++];
		row->id = 100 + (int64_t)w->rows.count;
		row->remote_id = arena_strdup(a, remote_id);
		row->tests = arena_calloc(a, 40, sizeof(*row->tests));
	}
	struct row *row = &w->rows.row[w->rows.count - 1];
	struct row_test *tests = arena_calloc(a, row->test_count + 1, sizeof(*tests));
	const struct result **copy = arena_calloc(a, count, sizeof(*copy));
	if (row->test_count > 0)
		memcpy(tests, row->tests, row->test_count * sizeof(*tests));
	memcpy(copy, results, count * sizeof(*copy));
	tests[row->test_count++] = (struct row_test){ .results = copy, .result_count = count };
	row->tests = tests;
}

/* A row of one test, executed once. */
static inline void talking_row(struct talking *w, const char *remote_id, const char *id, enum outcome outcome,
			       double duration_ms, const char *message)
{
	const struct result *r = talking_result(w, id, outcome, duration_ms, message);

	talking_test(w, true, remote_id, &r, 1);
}

static inline void talking_no_rows(struct talking *w)
{
	arena_reset(&w->rows.arena);
	struct arena a = w->rows.arena;
	w->rows = (struct rows){ .arena = a };
}

static inline void talking_links(struct talking *w, size_t new_ids, size_t count, const char *const *ids)
{
	w->rows.ids = ids;
	w->rows.id_count = count;
	w->rows.new_ids = new_ids;
}

#endif
