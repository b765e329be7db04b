/* SPDX-License-Identifier: Apache-2.0
 *
 * desk/files.c - files that clients hand over: their run, intake, its end. */
#include "daemon/desk/session.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct log_ctx log_ctx = { .who = "control" };

/* ---- open ---- */

static void read_set(struct session *s)
{
	const cJSON *set = control_field(&s->open, "set");
	size_t n = set != NULL ? (size_t)cJSON_GetArraySize(set) : 0;

	s->set.key = xcalloc(n + 1, sizeof(char *));
	s->set.value = xcalloc(n + 1, sizeof(char *));
	for (const cJSON *v = set != NULL ? set->child : NULL; v != NULL; v = v->next) {
		s->set.key[s->set.count] = v->string;
		s->set.value[s->set.count++] = v->valuestring;
	}
}

/* The facts of the job's CI system, as the job itself found them. */
static void read_ci(struct session *s)
{
	const cJSON *ci = control_field(&s->open, "ci");

	for (int f = 0; f < CI_FACT_COUNT && ci != NULL; f++) {
		const cJSON *v = cJSON_GetObjectItemCaseSensitive(ci, ci_fact_names[f]);
		s->ci.fact[f] = v != NULL && v->valuestring[0] != '\0' ? v->valuestring : NULL;
	}
}

static int read_sinks(struct session *s, struct err *err)
{
	const cJSON *list = control_field(&s->open, "sinks");
	const struct config *c = s->desk->app->config;

	s->sinks = xcalloc(list != NULL ? (size_t)cJSON_GetArraySize(list) + 1 : 1, sizeof(*s->sinks));
	for (const cJSON *v = list != NULL ? list->child : NULL; v != NULL; v = v->next) {
		if (config_find_sink(c, v->valuestring) == NULL)
			return err_set(err, -ENOENT, "--sink %s: no such sink is configured", v->valuestring);
		s->sinks[s->sink_count++] = v->valuestring;
	}
	return 0;
}

static const struct config_watch *watch_of(const struct session *s)
{
	const char *name = control_text(&s->open, "watch");

	return name != NULL ? config_find_watch(s->desk->app->config, name) : NULL;
}

void session_open(struct session *s, struct control_request *r)
{
	struct err err = ERR_NONE;

	if (s->open.json != NULL) {
		session_fail(s, EXIT_USAGE, "\"open\" comes once");
		return;
	}
	s->open = *r;
	r->json = NULL;
	read_set(s);
	read_ci(s);
	int rc = read_sinks(s, &err);
	if (rc == 0 && control_text(&s->open, "watch") != NULL && watch_of(s) == NULL)
		rc = err_set(&err, -ENOENT, "--watch %s: no such watch is configured",
			     control_text(&s->open, "watch"));
	if (rc < 0)
		session_fail(s, EXIT_USAGE, err.text);
	else
		session_send(s, session_reply("open"));
}

void session_context(struct session *s, struct control_request *r)
{
	cJSON *context = cJSON_DetachItemFromObjectCaseSensitive(r->json, "context");

	context_free(s->context);
	s->context = NULL;
	if (cJSON_IsObject(context))
		s->context = context_new(context, "resultd.json");
	else
		cJSON_Delete(context);
}

static int make_spec(struct session *s, const char *path, struct arena *a, struct runspec *out,
		     struct err *err)
{
	const char *source = control_text(&s->open, "source");
	const struct runspec_source from = {
		.run_key = control_text(&s->open, "run_key"),
		.run_name = control_text(&s->open, "run_name"),
		.set = &s->set,
		.context = s->context,
		.watch = watch_of(s),
		.path = path,
		.ci = &s->ci,
		.common_dir = control_text(&s->open, "common_dir"),
		.sinks = s->sinks,
		.sink_count = s->sink_count,
		.source = source != NULL && strcmp(source, "import") == 0 ? RUN_IMPORT : RUN_SUBMIT,
		.backfill = control_flag(&s->open, "backfill"),
	};

	return runspec_make(&from, s->desk->app->config, a, out, err);
}

/* ---- files ---- */

struct handed {
	struct session *session;
	int64_t id;
};

static cJSON *file_reply(int64_t id, const char *state, const char *reason)
{
	cJSON *o = session_reply("file");

	cJSON_AddNumberToObject(o, "id", (double)id);
	cJSON_AddStringToObject(o, "state", state);
	if (reason != NULL && reason[0] != '\0')
		cJSON_AddStringToObject(o, "reason", reason);
	return o;
}

static void on_taken(void *cookie, const struct intake_outcome *o)
{
	struct handed *h = cookie;
	struct session *s = h->session;
	char reason[1700] = "";

	if (o->err != NULL && o->err->code != 0)
		err_string(o->err, reason, sizeof(reason));
	cJSON *reply = file_reply(h->id, intake_state_name(o->state), reason);
	if (o->err != NULL && (o->err->code == -ENOSPC || o->err->code == -EDQUOT))
		cJSON_AddBoolToObject(reply, "full", true);
	cJSON_AddBoolToObject(reply, "complete", o->complete);
	cJSON_AddNumberToObject(reply, "cases", (double)o->cases);
	cJSON_AddNumberToObject(reply, "failed", (double)o->failed);
	cJSON_AddNumberToObject(reply, "run", (double)o->run);
	/* Whoever gave a new report need not ask which files it lacks where it lacks none.  One that was here, and is
	 * new to a sink only, was not read now. */
	if (o->state == INTAKE_ACCEPTED && (o->evidence != NULL || (o->cases > 0 && !o->known)))
		cJSON_AddNumberToObject(reply, "awaits",
					o->evidence != NULL ? (double)o->evidence->awaited : 0);
	if (o->state == INTAKE_ACCEPTED && o->warning_count > 0) {
		cJSON *list = cJSON_AddArrayToObject(reply, "warnings");
		for (size_t i = 0; i < o->warning_count; i++)
			cJSON_AddItemToArray(list, cJSON_CreateString(o->warnings[i]));
	}
	run_ids_add(&s->runs, o->run);
	session_add_base(s, watch_of(s), o->run, o->path);
	session_send(s, reply);
	if (o->state == INTAKE_ACCEPTED) {
		s->desk->counts.files++;
		log_info(&log_ctx, "accepted %s from user %ld: %llu cases", o->path, (long)s->peer.uid,
			 (unsigned long long)o->cases);
		desk_kick(s->desk, true);
	}
	free(h);
	session_release(s);
}

/* Names that go into logs, the queue and pages: what could steer a terminal is refused at the door. */
static bool path_ok(const char *path)
{
	if (path[0] != '/')
		return false;
	for (; *path != '\0'; path++)
		if ((unsigned char)*path < 0x20 || *path == 0x7f)
			return false;
	return true;
}

void session_file(struct session *s, struct control_request *r)
{
	struct app *a = s->desk->app;
	const char *path = control_text(r, "path");
	int64_t id = control_number(r, "id");
	struct arena arena = ARENA_LIMIT(1 << 20);
	struct runspec spec;
	struct err err = ERR_NONE;
	char full[512];

	if (s->open.json == NULL || path == NULL || !path_ok(path)) {
		session_fail(s, EXIT_USAGE, "a file comes after \"open\", with an absolute path");
	} else if (app_full(a, full, sizeof(full))) {
		cJSON *o = file_reply(id, "retry", full);
		cJSON_AddBoolToObject(o, "full", true);
		session_send(s, o);
	} else if (make_spec(s, path, &arena, &spec, &err) < 0) {
		session_send(s, file_reply(id, "unreadable", err.text));
	} else {
		const char *zone = control_text(&s->open, "timezone");
		struct handed *h = xcalloc(1, sizeof(*h));
		h->session = s;
		h->id = id;
		const struct intake_job job = {
			.path = path,
			.root_fd = -1,
			.opened = true,
			.fd = r->fd,
			.run = &spec.run,
			.again = control_flag(&s->open, "again"),
			.timezone = zone != NULL ? zone : spec.timezone,
			.variant = spec.variant,
		};
		session_hold(s);
		intake_take(a->intake, &job, on_taken, h);
	}
	arena_done(&arena);
}

/* Which run a file would join: files that tell the same are only compared within one. */
void session_key(struct session *s, struct control_request *r)
{
	const char *path = control_text(r, "path");
	struct arena a = ARENA_LIMIT(1 << 20);
	struct runspec spec;
	struct err err = ERR_NONE;

	if (s->open.json == NULL || path == NULL || !path_ok(path)) {
		session_fail(s, EXIT_USAGE, "a key is asked for after \"open\", with an absolute path");
		return;
	}
	cJSON *o = session_reply("key");
	cJSON_AddNumberToObject(o, "id", (double)control_number(r, "id"));
	if (make_spec(s, path, &a, &spec, &err) == 0)
		cJSON_AddStringToObject(o, "key", spec.run.key);
	session_send(s, o);
	arena_done(&a);
}

/* ---- the end of runs ---- */

struct ending {
	struct session *session;
	struct run_ids runs;
	size_t at;
	char words[512]; /* what went wrong */
};

static void end_next(struct ending *e);

static void on_ended(void *cookie, int rc, const struct err *err)
{
	struct ending *e = cookie;

	if (rc < 0)
		snprintf(e->words, sizeof(e->words), "cannot end the run: %s", err->text);
	end_next(e);
}

static void on_looked(void *cookie, const struct evidence_tally *tally, const struct err *err)
{
	struct ending *e = cookie;
	struct session *s = e->session;

	(void)tally;
	(void)err;
	queue_end_run(s->desk->app->queue, e->runs.id[e->at++], clock_wall_ms(), on_ended, e);
}

static void end_next(struct ending *e)
{
	struct session *s = e->session;

	if (e->at < e->runs.count) {
		if (session_look(s, watch_of(s), e->runs.id[e->at], on_looked, e))
			return;
		queue_end_run(s->desk->app->queue, e->runs.id[e->at++], clock_wall_ms(), on_ended, e);
		return;
	}
	desk_kick(s->desk, false);
	cJSON *o = session_reply("end");
	if (e->words[0] != '\0')
		cJSON_AddStringToObject(o, "reason", e->words);
	session_send(s, o);
	run_ids_done(&e->runs);
	free(e);
	session_release(s);
}

bool session_joined(const struct session *s, int64_t run)
{
	for (size_t i = 0; i < s->runs.count; i++)
		if (s->runs.id[i] == run)
			return true;
	return false;
}

/* Only runs that its own files joined: nobody ends another's. */
void session_end(struct session *s, struct control_request *r)
{
	struct ending *e = xcalloc(1, sizeof(*e));

	e->session = s;
	for (const cJSON *v = control_field(r, "runs")->child; v != NULL; v = v->next) {
		if (!session_joined(s, (int64_t)v->valuedouble))
			continue;
		run_ids_add(&e->runs, (int64_t)v->valuedouble);
		run_ids_add(&s->ended, (int64_t)v->valuedouble);
	}
	session_hold(s);
	end_next(e);
}
