/* SPDX-License-Identifier: Apache-2.0
 *
 * aio_import.c - mode: import.  The report itself is handed to the vendor's importer, at once or as a batch
 * that is asked after; what became of each case is read from the answer (or, of a batch, from the cycle) and
 * settles the results.  Files follow, by the run ids that were told.
 *
 * bookmark.import holds
 *   runs     {case key: run id}   errors  {name or key: words}: of what was told and is not settled yet
 *   words    of a report that was refused as a whole
 *   answered when the last report was dealt with, on the clock of the server
 *   names    {automation key: case key}, where that key is the method's name alone (import.ignore_class)
 *   batch    the id of a batch that is under way; since: when it was sent; listing, offset: the cycle is read */
#include "sinks/aio/aio.h"

#include "daemon/base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool importing(const struct talk *t)
{
	const struct aio_conf *c = t->conf;

	return c->mode == AIO_IMPORT;
}

static bool is_report(const struct talk *t)
{
	const struct row_evidence *e = t->rows->row[0].evidence;

	return e->of_run && e->origin == EVIDENCE_REPORT;
}

static cJSON *state(struct talk *t)
{
	return sink_object(t->bookmark, "import");
}

/* ---- upload ---- */

/* TestNG's own report has one name everywhere; the key says it where somebody renamed it. */
static const char *type_of(const struct talk *t)
{
	const struct aio_conf *c = t->conf;
	const char *name = t->rows->row[0].evidence->name;

	if (c->import.type == AIO_TYPE_AUTO)
		return strcasestr(name, "testng") != NULL ? "TestNG" : "JUnit";
	return c->import.type == AIO_TYPE_TESTNG ? "TestNG" : "JUnit";
}

static const char *yes(bool b)
{
	return b ? "true" : "false";
}

static enum ask upload(struct talk *t, struct request *r)
{
	const struct aio_conf *c = t->conf;
	const char *const form[] = { "createNewRun",
				     yes(!aio_own(t)),
				     "addCaseToCycle",
				     "true",
				     "createCase",
				     yes(c->create.cases),
				     "ignoreClassInAutoKey",
				     yes(c->import.ignore_class),
				     "updateDatasets",
				     yes(c->import.update_datasets),
				     "forceUpdateCase",
				     yes(c->import.force_update),
				     NULL };
	const char **kept = arena_alloc(t->arena, sizeof(form));

	aio_post(t, r, c->import.batch ? "testcycle/{}/import/results/batch" : "testcycle/{}/import/results",
		 aio_cycle(t));
	sink_arg(r, "type", type_of(t));
	sink_upload(t, r, "file");
	if (r->upload_path == NULL || kept == NULL) {
		err_set(&t->err, -ENOMEM, "the path of the report is too long");
		return ASK_PARK;
	}
	memcpy(kept, form, sizeof(form));
	r->upload_form = kept;
	if (r->upload_type == NULL || strcmp(r->upload_type, "application/octet-stream") == 0)
		r->upload_type = "application/xml";
	return ASK_SEND;
}

static void ask_cases(struct talk *t, struct request *r, int64_t offset)
{
	aio_get(t, r, "testcycle/{}/testcase", aio_cycle(t));
	aio_page_args(r, offset);
}

enum ask aio_import_ask(struct talk *t, struct request *r)
{
	const char *batch = sink_string(state(t), "batch");

	if (!importing(t) || aio_cycle(t) == NULL) {
		cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "import");
		return ASK_SKIP;
	}
	if (!is_report(t))
		return aio_evidence_ask(t, r);
	if (batch == NULL)
		return upload(t, r);
	if (sink_bool(state(t), "listing"))
		ask_cases(t, r, sink_int(state(t), "offset", 0));
	else
		aio_get(t, r, "batch/{}", batch);
	return ASK_SEND;
}

/* ---- what was told ---- */

/* The case of an entry may be new: kept, so that its test is matched to it. */
static void learn_entry(struct talk *t, const cJSON *entry, const char *key)
{
	const struct aio_conf *c = t->conf;
	const char *class = sink_string(entry, "className"), *name = sink_string(entry, "name");

	if (!c->create.cases || name == NULL || class == NULL || *class == '\0')
		return;
	learned_remote(&t->learned, "case", sink_string(t->facts, "scope"), key, NULL, name,
		       arena_printf(t->arena, "%s.%s", class, name), NULL);
}

/* Without its class a test is known over there by a key that is not its own here. */
static void note_name(struct talk *t, const char *name, const char *key)
{
	const struct aio_conf *c = t->conf;

	if (c->import.ignore_class && name != NULL && *name != '\0')
		sink_set_string(sink_object(state(t), "names"), name, key);
}

/* What an earlier report was told of the same test is over. */
static void forget_error(struct talk *t, const cJSON *entry)
{
	cJSON *errors = cJSON_GetObjectItemCaseSensitive(state(t), "errors");
	const char *class = sink_string(entry, "className"), *name = sink_string(entry, "name");
	const char *const told[] = {
		entry->string,
		sink_string(entry, "tcKey"),
		name,
		class != NULL && name != NULL ? arena_printf(t->arena, "%s.%s", class, name) : NULL,
	};

	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		if (told[i] != NULL)
			cJSON_DeleteItemFromObjectCaseSensitive(errors, told[i]);
	}
}

static void read_done(struct talk *t, const cJSON *done)
{
	cJSON *runs = sink_object(state(t), "runs");
	const cJSON *entry;

	cJSON_ArrayForEach(entry, done)
	{
		const char *key = sink_string(entry, "tcKey");
		const cJSON *list = cJSON_GetObjectItemCaseSensitive(entry, "runId");
		const cJSON *last = cJSON_IsArray(list) && list->child != NULL ? list->child->prev : list;
		if (key == NULL)
			continue;
		forget_error(t, entry);
		char id[32] = "";
		if (cJSON_IsNumber(last))
			snprintf(id, sizeof(id), "%.0f", last->valuedouble);
		sink_set_string(runs, key, id);
		note_name(t, sink_string(entry, "name"), key);
		learn_entry(t, entry, key);
	}
}

static void read_errors(struct talk *t, const cJSON *all)
{
	cJSON *errors = sink_object(state(t), "errors");
	const cJSON *entry;

	cJSON_ArrayForEach(entry, all)
	{
		const char *words =
			cJSON_IsString(entry) ? entry->valuestring : sink_string(entry, "message");
		if (entry->string != NULL)
			sink_set_string(errors, entry->string,
					words != NULL ? words : "refused without a word");
	}
}

/* The report is dealt with, whatever became of its cases. */
static enum got dealt(struct talk *t, const struct reply *r)
{
	static const char *const over[] = { "batch", "since", "listing", "offset" };

	for (size_t i = 0; i < sizeof(over) / sizeof(over[0]); i++)
		cJSON_DeleteItemFromObjectCaseSensitive(state(t), over[i]);
	if (r->server_ms != TIME_UNKNOWN)
		sink_set_int(state(t), "answered", r->server_ms);
	learned_posted(&t->learned, t->rows->row[0].id, NULL);
	return GOT_MORE;
}

static enum got refused(struct talk *t, const char *words)
{
	sink_set_string(state(t), "words", words);
	cJSON_DeleteItemFromObjectCaseSensitive(state(t), "batch");
	learned_parked(&t->learned, t->rows->row[0].id, words);
	err_clear(&t->err);
	return GOT_MORE;
}

/* From when on a change may be the work of the report: it was sent after the one before was dealt with. */
static int64_t work_since(struct talk *t, int64_t sent_ms)
{
	int64_t answered = sink_int(state(t), "answered", 0);
	int64_t from = sent_ms != TIME_UNKNOWN ? sent_ms - AIO_LOOK_MS : 0;

	return answered > from ? answered : from;
}

static enum got upload_got(struct talk *t, const struct reply *r)
{
	cJSON *root = sink_json(r);
	const char *batch = sink_id(t->arena, root, "batchId"), *status = sink_string(root, "status");
	const cJSON *done = cJSON_GetObjectItemCaseSensitive(root, "processedData");
	const cJSON *errors = cJSON_GetObjectItemCaseSensitive(root, "errors");
	enum got got = GOT_UNKNOWN;

	if (batch != NULL) {
		sink_set_string(state(t), "batch", batch);
		sink_set_int(state(t), "since", work_since(t, t->now_ms));
		got = GOT_MORE;
	} else if (status != NULL) {
		read_done(t, done);
		read_errors(t, errors);
		const char *words = sink_words(t->arena, r);
		bool none = strcasecmp(status, "FAILED") == 0 && !cJSON_IsObject(errors);
		got = none ? refused(t, words) : dealt(t, r);
	}
	cJSON_Delete(root);
	return got;
}

static enum got batch_got(struct talk *t, const struct reply *r)
{
	static const char *const going[] = { "UPLOADED", "QUEUED", "SCHEDULED", "RUNNING", NULL };
	cJSON *root = sink_json(r);
	const char *status = sink_string(root, "status"), *words = sink_string(root, "errorMsg");
	enum got got = GOT_UNKNOWN;

	status = status != NULL ? arena_strdup(t->arena, status) : NULL;
	words = words != NULL ? arena_strdup(t->arena, words) : NULL;
	cJSON_Delete(root);
	if (status == NULL)
		return got;
	if (sink_says(status, going)) {
		err_set(&t->err, -EAGAIN, "the batch is %.40s over there", status);
		return GOT_LATER;
	}
	if (strcasecmp(status, "COMPLETED") == 0 || strcasecmp(status, "FINISHED_WITH_ERROR") == 0) {
		/* Only the count of what failed is told: the cycle shows the rest. */
		sink_set_int(state(t), "listing", 1);
		return GOT_MORE;
	}
	return refused(t, arena_printf(t->arena, "the batch ended as %.40s: %.400s", status,
				       words != NULL ? words : "without a word"));
}

/* Cases of the cycle whose latest run was changed since the report was sent, into `runs`.  How many, without
 * those whose run is known of an earlier report, which may have been answered in the same second. */
static size_t note_changed(struct talk *t, const cJSON *items, int64_t since_ms, cJSON *runs)
{
	const cJSON *item, *known = cJSON_GetObjectItemCaseSensitive(state(t), "runs");
	size_t n = 0;

	cJSON_ArrayForEach(item, items)
	{
		const char *key = aio_item_key(item);
		const cJSON *latest = aio_latest(item);
		int64_t at = aio_time(latest, "updatedDate");
		if (at == TIME_UNKNOWN)
			at = aio_time(latest, "createdDate");
		const char *id = sink_id(t->arena, latest, "ID");
		if (key == NULL || id == NULL || at == TIME_UNKNOWN || at < since_ms)
			continue;
		const cJSON *test = cJSON_GetObjectItemCaseSensitive(item, "testCase");
		const char *before = sink_string(known, key);
		if (before == NULL || strcmp(before, id) != 0)
			n++;
		sink_set_string(runs, key, id);
		note_name(t, sink_string(test, "automationKey"), key);
		aio_learn_case(t, test);
	}
	return n;
}

static enum got list_got(struct talk *t, const struct reply *r)
{
	struct aio_page page;

	if (!aio_page(r, &page))
		return GOT_UNKNOWN;
	note_changed(t, page.items, sink_int(state(t), "since", 0), sink_object(state(t), "runs"));
	sink_set_int(state(t), "offset", sink_int(state(t), "offset", 0) + page.count);
	bool last = page.last;
	cJSON_Delete(page.root);
	return last ? dealt(t, r) : GOT_MORE;
}

enum got aio_import_got(struct talk *t, const struct reply *r)
{
	bool batch = sink_string(state(t), "batch") != NULL;

	if (!is_report(t))
		return aio_evidence_got(t, r);
	if (!sink_ok(r)) {
		enum got got = aio_refused(t, r, "import", GOT_REFUSED);
		const char *text = arena_strdup(t->arena, t->err.text);
		if (got == GOT_PARK)
			return got;
		return aio_says_closed(text) ? GOT_CLOSED : refused(t, text);
	}
	if (!batch)
		return upload_got(t, r);
	return sink_bool(state(t), "listing") ? list_got(t, r) : batch_got(t, r);
}

/* ---- did it happen? ---- */

enum ask aio_import_look(struct talk *t, struct request *r)
{
	if (aio_cycle(t) == NULL || t->rows->count == 0)
		return ASK_SKIP;
	if (!is_report(t))
		return aio_evidence_look(t, r);
	ask_cases(t, r, sink_int(sink_scratch(t), "offset", 0));
	return ASK_SEND;
}

enum looked aio_import_looked(struct talk *t, const struct reply *r)
{
	cJSON *scratch = sink_scratch(t);
	struct aio_page page;
	const cJSON *item;

	if (!is_report(t))
		return aio_evidence_looked(t, r);
	if (!sink_ok(r)) {
		aio_refused(t, r, "look-up of the import", GOT_PARK);
		return LOOKED_UNSURE;
	}
	if (!aio_page(r, &page))
		return LOOKED_UNSURE;
	int64_t since = work_since(t, t->sent_ms);
	/* Kept apart to the end: a look-up that is broken off and begun anew counts the same runs again. */
	cJSON *found = sink_object(scratch, "runs");
	int64_t hits = sink_int(scratch, "hits", 0) + (int64_t)note_changed(t, page.items, since, found);
	sink_set_int(scratch, "hits", hits);
	bool last = sink_turn_page(t, page.count, page.last);
	cJSON_Delete(page.root);
	if (!last)
		return LOOKED_MORE;
	if (hits == 0)
		return LOOKED_NONE;
	cJSON_ArrayForEach(item, found)
		sink_set_string(sink_object(state(t), "runs"), item->string, item->valuestring);
	dealt(t, r);
	return LOOKED_ALL;
}

/* ---- results ---- */

static const char *error_of(const cJSON *errors, const struct row *row)
{
	const char *words = row->remote_id != NULL ? sink_string(errors, row->remote_id) : NULL;

	for (size_t i = 0; i < row->test_count && words == NULL; i++) {
		const struct row_test *test = &row->tests[i];
		const struct result *r = test->results[test->result_count - 1];
		words = r->id != NULL ? sink_string(errors, r->id) : NULL;
		if (words == NULL && r->name != NULL)
			words = sink_string(errors, r->name);
	}
	return words;
}

static enum ask settle(struct talk *t, bool bound)
{
	cJSON *s = state(t), *runs = cJSON_GetObjectItemCaseSensitive(s, "runs");
	const cJSON *errors = cJSON_GetObjectItemCaseSensitive(s, "errors");
	const char *whole = sink_string(s, "words");
	bool settled = false;

	for (size_t i = 0; i < t->rows->count; i++) {
		const struct row *row = &t->rows->row[i];
		const char *id = bound && row->remote_id != NULL ? sink_string(runs, row->remote_id) : NULL;
		const char *words = error_of(errors, row);
		if (words != NULL || id == NULL) {
			if (words == NULL)
				words = whole != NULL ? whole : "the importer's answer does not name it";
			learned_parked(&t->learned, row->id, words);
			continue;
		}
		id = *id != '\0' ? arena_strdup(t->arena, id) : NULL;
		learned_posted(&t->learned, row->id, id);
		cJSON_DeleteItemFromObjectCaseSensitive(runs, row->remote_id);
		settled = true;
	}
	/* Its time is in whole seconds, and no ids tell any more what was done in the one of the answer. */
	int64_t answered = sink_int(s, "answered", 0);
	if (settled && answered % 1000 == 0)
		sink_set_int(s, "answered", answered + 999);
	return ASK_LEARN;
}

/* The case that the importer marked for a test by the method's name. */
static const char *case_by_name(struct talk *t, const struct row *row)
{
	const struct row_test *test = row->test_count > 0 ? &row->tests[0] : NULL;
	const struct result *r = test != NULL ? test->results[test->result_count - 1] : NULL;

	return r != NULL && r->name != NULL
		       ? sink_string(cJSON_GetObjectItemCaseSensitive(state(t), "names"), r->name)
		       : NULL;
}

/* Tests for which we know no case: the importer may; else it made none and found none. */
enum ask aio_import_cases_ask(struct talk *t, struct request *r)
{
	const struct aio_conf *c = t->conf;
	bool ignore = c->unmatched == UNMATCHED_IGNORE && !c->create.cases, any = false;

	(void)r;
	if (!importing(t) || aio_cycle(t) == NULL)
		return ASK_SKIP;
	for (size_t i = 0; i < t->rows->count; i++) {
		const struct row *row = &t->rows->row[i];
		const char *key = case_by_name(t, row);
		if (key != NULL)
			learned_case(&t->learned, row->id, arena_strdup(t->arena, key));
		else if (ignore)
			learned_ignored(&t->learned, row->id, "the importer found no case");
		else
			continue;
		any = true;
	}
	return any ? ASK_LEARN : settle(t, false);
}

enum ask aio_import_results_ask(struct talk *t, struct request *r)
{
	(void)r;
	return importing(t) && aio_cycle(t) != NULL ? settle(t, true) : ASK_SKIP;
}

enum got aio_import_none_got(struct talk *t, const struct reply *r)
{
	(void)t;
	(void)r;
	return GOT_NEXT; /* nothing was asked */
}
