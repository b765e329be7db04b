/* SPDX-License-Identifier: Apache-2.0
 *
 * aio_evidence.c - files: to the run whose id the server returned, to the step of it that the report names,
 * or to the cycle; one a request.
 *
 * An attachment can never be deleted over there, so an upload whose answer was lost is looked for by name and
 * size (names are unique at one run) before it is sent again.  Types that are not on the vendor's list are
 * not sent at all.  scratch holds
 *   denied_run, denied_cycle   words that hold for all of them
 *   steps    {run, ids}: of the run whose files are sent; reading: it is being asked for them
 *   gone     words about something that is not there: the cycle is asked for; there: it is there */
#include "sinks/aio/aio.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static const struct row_evidence *file_of(const struct talk *t)
{
	return t->rows->row[0].evidence;
}

void aio_evidence(const void *conf, struct evidence_policy *out)
{
	const struct aio_conf *c = conf;

	sink_evidence_policy(&c->common.evidence, out);
	if (c->mode == AIO_IMPORT)
		out->report = true; /* it is what is sent */
}

/* The documented list, and every image. */
static bool allowed(const struct row_evidence *e)
{
	static const char *const list[] = { "pdf",     "txt",  "csv",  "doc", "docx", "ppt", "pptx", "xls",
					    "xlsx",    "json", "yaml", "xml", "gif",  "mov", "webm", "mp4",
					    "feature", "zip",  "rar",  "sas", "pcap", "wav", "html", "htm",
					    "log",     "msg",  "eml",  "pem", "s2p" };
	const char *dot = strrchr(e->name, '.');

	if (strncmp(e->type, "image/", 6) == 0)
		return true;
	for (size_t i = 0; dot != NULL && i < sizeof(list) / sizeof(list[0]); i++) {
		if (strcasecmp(dot + 1, list[i]) == 0)
			return true;
	}
	return false;
}

static enum ask park(struct talk *t, const char *words)
{
	learned_parked(&t->learned, t->rows->row[0].id, words);
	return ASK_LEARN;
}

/* Where a server has no call for a run by its id, the latest run of the case is the same one. */
static bool by_case(const struct talk *t)
{
	return aio_old(t, "run_files") && t->rows->row[0].remote_id != NULL;
}

/* ---- files of steps ---- */

/* What was read of the run's steps; NULL: nothing yet. */
static cJSON *steps_read(struct talk *t)
{
	cJSON *steps = cJSON_GetObjectItemCaseSensitive(sink_scratch(t), "steps");
	const char *run = sink_string(steps, "run");

	return run != NULL && strcmp(run, file_of(t)->remote_result) == 0 ? steps : NULL;
}

static void steps_are(struct talk *t, cJSON *ids)
{
	cJSON *scratch = sink_scratch(t);

	cJSON_DeleteItemFromObjectCaseSensitive(scratch, "steps");
	cJSON *steps = cJSON_AddObjectToObject(scratch, "steps");
	sink_set_string(steps, "run", file_of(t)->remote_result);
	cJSON_AddItemToObject(steps, "ids", ids);
}

static bool of_step(const struct talk *t)
{
	const struct row_evidence *e = file_of(t);

	return !e->of_run && e->step > 0 && !aio_old(t, "step_files") && !by_case(t);
}

/* The run's step that the file is of; NULL: it has no such step, so the file is of the run. */
static const char *step_id(struct talk *t)
{
	const cJSON *ids = of_step(t) ? cJSON_GetObjectItemCaseSensitive(steps_read(t), "ids") : NULL;
	const cJSON *id = cJSON_GetArrayItem(ids, (int)file_of(t)->step - 1);

	return cJSON_IsString(id) ? id->valuestring : NULL;
}

/* Which steps a run has stands in the run alone; read once for its files. */
static enum got steps_got(struct talk *t, const struct reply *r)
{
	cJSON *root = sink_ok(r) ? sink_json(r) : NULL, *ids;
	const cJSON *step;

	cJSON_DeleteItemFromObjectCaseSensitive(sink_scratch(t), "reading");
	if (sink_ok(r) && !cJSON_IsObject(root)) {
		cJSON_Delete(root);
		return GOT_UNKNOWN;
	}
	ids = cJSON_CreateArray();
	cJSON_ArrayForEach(step, cJSON_GetObjectItemCaseSensitive(root, "testRunSteps"))
	{
		const char *id = sink_id(t->arena, step, "ID");
		cJSON_AddItemToArray(ids, id != NULL ? cJSON_CreateString(id) : cJSON_CreateNull());
	}
	steps_are(t, ids); /* where it cannot be read: none, and the upload to the run says why */
	cJSON_Delete(root);
	return GOT_MORE;
}

/* No such step, or no such call: the run takes the file. */
static enum got step_refused(struct talk *t, const struct reply *r, const char *words)
{
	const char *id = step_id(t);

	if (r->status == 404 && strstr(words, id) == NULL)
		aio_learn_old(t, "step_files", "files of steps go to their run");
	steps_are(t, cJSON_CreateArray());
	err_clear(&t->err);
	return GOT_MORE;
}

/* ---- is the cycle gone? ---- */

/* A run that is not known may have gone alone, or with its cycle: then everything is owed again. */
static enum got gone_got(struct talk *t, const struct reply *r)
{
	const struct aio_conf *c = t->conf;
	cJSON *scratch = sink_scratch(t);
	const char *words = arena_strdup(t->arena, sink_string(scratch, "gone"));

	cJSON_DeleteItemFromObjectCaseSensitive(scratch, "gone");
	if (sink_ok(r)) {
		sink_set_int(scratch, "there", 1);
		learned_parked(&t->learned, t->rows->row[0].id, words);
		return GOT_MORE;
	}
	aio_refused(t, r, "look at the cycle", GOT_PARK);
	if (r->status != 404 || (!aio_own(t) && c->cycle.key != NULL)) {
		err_clear(&t->err);
		learned_parked(&t->learned, t->rows->row[0].id, words);
		return GOT_MORE;
	}
	aio_forget_cycle(t);
	return sink_back(t, "%s", words != NULL ? words : "the cycle is gone");
}

/* ---- upload ---- */

static void put_path(struct talk *t, struct request *r)
{
	const struct row_evidence *e = file_of(t);
	const char *cycle = aio_cycle(t), *step = step_id(t);

	if (e->of_run)
		aio_post(t, r, "testcycle/{}/attachment", cycle);
	else if (step != NULL)
		aio_post(t, r, "testcycle/{}/testrun/{}/testrunstep/{}/attachment", cycle, e->remote_result,
			 step);
	else if (by_case(t))
		aio_post(t, r, "testcycle/{}/testcase/{}/attachment", cycle, t->rows->row[0].remote_id);
	else
		aio_post(t, r, "testcycle/{}/testrun/{}/attachment", cycle, e->remote_result);
}

enum ask aio_evidence_ask(struct talk *t, struct request *r)
{
	const struct row_evidence *e = file_of(t);
	const char *denied = sink_string(sink_scratch(t), e->of_run ? "denied_cycle" : "denied_run");

	if (aio_cycle(t) == NULL)
		return ASK_SKIP;
	if (denied != NULL)
		return park(t, denied);
	if (!allowed(e))
		return park(t, arena_printf(t->arena, "AIO Tests takes no files like \"%.100s\" (%.60s)",
					    e->name, e->type));
	if (sink_string(sink_scratch(t), "gone") != NULL) {
		aio_get(t, r, "testcycle/{}/detail", aio_cycle(t));
		return ASK_SEND;
	}
	if (of_step(t) && steps_read(t) == NULL) {
		sink_set_int(sink_scratch(t), "reading", 1);
		aio_get(t, r, "testcycle/{}/testrun/{}", aio_cycle(t), e->remote_result);
		return ASK_SEND;
	}
	put_path(t, r);
	sink_upload(t, r, "file");
	if (r->upload_path != NULL)
		return ASK_SEND;
	err_set(&t->err, -ENOMEM, "the path of \"%.200s\" is too long", e->name);
	return ASK_PARK;
}

/* What holds for all of them is asked once a walk. */
static enum got deny(struct talk *t)
{
	const char *words = arena_strdup(t->arena, t->err.text);

	sink_set_string(sink_scratch(t), file_of(t)->of_run ? "denied_cycle" : "denied_run", words);
	learned_parked(&t->learned, t->rows->row[0].id, words);
	err_clear(&t->err);
	return GOT_MORE;
}

static enum got upload_refused(struct talk *t, const struct reply *r)
{
	static const char *const thing[] = { "run", "cycle", "case", NULL };
	const char *words = sink_words(t->arena, r);

	aio_refused(t, r, "attachment", GOT_REFUSED);
	if (r->status == 403 || aio_says_closed(words))
		return deny(t);
	if (step_id(t) != NULL && (r->status == 404 || strcasestr(words, "step") != NULL))
		return step_refused(t, r, words);
	if (r->status == 404 && !sink_says(words, thing)) {
		if (!file_of(t)->of_run && !aio_old(t, "run_files")) {
			err_clear(&t->err);
			aio_learn_old(t, "run_files", "files go to the latest run of their case");
			return GOT_MORE;
		}
		return deny(t);
	}
	if (r->status == 404 && !sink_bool(sink_scratch(t), "there")) {
		sink_set_string(sink_scratch(t), "gone", t->err.text);
		err_clear(&t->err);
		return GOT_MORE;
	}
	return GOT_REFUSED; /* one file: it is parked alone */
}

enum got aio_evidence_got(struct talk *t, const struct reply *r)
{
	if (sink_string(sink_scratch(t), "gone") != NULL)
		return gone_got(t, r);
	if (sink_bool(sink_scratch(t), "reading"))
		return steps_got(t, r);
	if (!sink_ok(r))
		return upload_refused(t, r);
	cJSON *root = sink_json(r);
	const char *id = sink_id(t->arena, root, "ID");
	cJSON_Delete(root);
	if (id == NULL)
		return GOT_UNKNOWN;
	learned_posted(&t->learned, t->rows->row[0].id, id);
	return GOT_MORE;
}

/* ---- did it happen? ---- */

enum ask aio_evidence_look(struct talk *t, struct request *r)
{
	if (aio_cycle(t) == NULL || t->rows->count == 0)
		return ASK_SKIP;
	if (file_of(t)->of_run) {
		aio_get(t, r, "testcycle/{}/detail", aio_cycle(t));
		sink_arg(r, "needAttachments", "true");
	} else {
		aio_get(t, r, "testcycle/{}/testrun/{}", aio_cycle(t), file_of(t)->remote_result);
	}
	return ASK_SEND;
}

static bool look_among(struct talk *t, const cJSON *owner)
{
	const struct row_evidence *e = file_of(t);
	const cJSON *item;

	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(owner, "attachments"))
	{
		const char *name = sink_string(item, "name");
		if (name == NULL || strcmp(name, e->name) != 0 ||
		    sink_int(item, "size", (int64_t)e->size) != (int64_t)e->size)
			continue;
		learned_posted(&t->learned, t->rows->row[0].id, sink_id(t->arena, item, "ID"));
		return true;
	}
	return false;
}

enum looked aio_evidence_looked(struct talk *t, const struct reply *r)
{
	const cJSON *step;

	if (!sink_ok(r)) {
		aio_refused(t, r, "look-up of a file", GOT_PARK);
		/* What it was to hang on is gone: the next upload says so. */
		return r->status == 404 || r->status == 400 ? LOOKED_NONE : LOOKED_UNSURE;
	}
	cJSON *root = sink_json(r);
	if (!cJSON_IsObject(root)) {
		cJSON_Delete(root);
		return LOOKED_UNSURE;
	}
	/* Names are unique among the files of a run, those of its steps included. */
	bool found = look_among(t, root);
	cJSON_ArrayForEach(step, cJSON_GetObjectItemCaseSensitive(root, "testRunSteps")) found =
		found || look_among(t, step);
	cJSON_Delete(root);
	return found ? LOOKED_ALL : LOOKED_NONE;
}
