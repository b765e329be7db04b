/* SPDX-License-Identifier: Apache-2.0
 *
 * aio_migrate.c - backfills: runs with the time at which they were, a thousand in one call.
 *
 * Every call makes runs, so a lost answer is looked up: the cycle's runs are compared by case, status and
 * time.  The list that shows all runs of a case is asked for where a case was sent several, or where others
 * may have run it since: then a run of the past is not the latest one.  The other list shows that one alone, which is
 * enough else.  A server without the call gets ordinary marks, with the time in
 * the comment. */
#include "sinks/aio/aio.h"

#include "daemon/base/clock.h"
#include "daemon/base/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define BODY_ENOUGH (4u << 20) /* no further case is begun behind this */
#define SAME_MS     1000       /* stamps may come back in seconds */

static struct aio_run *room(struct talk *t)
{
	return arena_calloc(t->arena, AIO_MIGRATE_MAX + 1, sizeof(struct aio_run));
}

static bool ignore_none(struct talk *t, struct aio_run *run)
{
	bool any = false;

	for (size_t i = 0; i < t->rows->count; i++) {
		const struct row *row = &t->rows->row[i];
		if (aio_run_all(t, row, run, 1) > 0)
			continue;
		struct folded f = fold_row(row, SEVERAL_WORST, t->arena);
		learned_ignored(&t->learned, row->id,
				arena_printf(t->arena, "statuses.%s is none", verdict_name(f.verdict)));
		any = true;
	}
	return any;
}

/* Names of our own for what is made: unique in a request, the same when it is sent again. */
static const char *external(struct talk *t, const struct aio_run *run)
{
	long long of = run->test != NULL ? run->test->id : run->row->id;
	const char *text = arena_printf(t->arena, "%s/%lld/%zu", t->run->token, of, run->attempt);

	return text != NULL ? text : "";
}

static bool put_case(struct talk *t, struct buf *b, const struct aio_run *run, size_t n)
{
	bool good = true;

	json_sep(b);
	buf_putc(b, '{');
	json_field(b, "testCaseKey", run[0].row->remote_id);
	json_field(b, "externalCaseID", run[0].row->remote_id);
	json_key(b, "testRuns");
	buf_putc(b, '[');
	for (size_t i = 0; i < n && good; i++) {
		json_sep(b);
		buf_putc(b, '{');
		json_field(b, "externalRunID", external(t, &run[i]));
		good = aio_put_run(t, b, &run[i], true);
		buf_putc(b, '}');
	}
	buf_puts(b, "]}");
	return good;
}

enum ask aio_migrate_ask(struct talk *t, struct request *r)
{
	const struct aio_conf *c = t->conf;
	struct aio_run *run = room(t);
	size_t rows = 0, runs = 0;

	if (!t->run->backfill || c->mode == AIO_IMPORT || aio_old(t, "migrate") || aio_cycle(t) == NULL ||
	    run == NULL)
		return ASK_SKIP;
	if (ignore_none(t, run))
		return ASK_LEARN;
	aio_post(t, r, "testcycle/{}/testruns/bulk/migrate", aio_cycle(t));
	buf_puts(&r->body, "{\"testCases\":[");
	for (; rows < t->rows->count && r->body.len < BODY_ENOUGH; rows++) {
		size_t n = aio_run_all(t, &t->rows->row[rows], run, AIO_MIGRATE_MAX);
		if (rows > 0 && runs + n > AIO_MIGRATE_MAX)
			break;
		if (!put_case(t, &r->body, run, n))
			return ASK_PARK;
		runs += n;
	}
	buf_puts(&r->body, "]}");
	sink_set_int(sink_scratch(t), "rows", (int64_t)rows);
	return aio_send(t, r, "migrate");
}

static size_t rows_sent(struct talk *t)
{
	int64_t rows = sink_int(sink_scratch(t), "rows", (int64_t)t->rows->count);

	return rows >= 0 && (size_t)rows < t->rows->count ? (size_t)rows : t->rows->count;
}

/* ---- answers ---- */

static const char *error_of(const cJSON *item)
{
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(item, "error");
	const char *text = cJSON_IsString(error) ? error->valuestring : sink_string(error, "message");

	return text != NULL && *text != '\0' ? text : NULL;
}

static const char *run_id(struct talk *t, const cJSON *answer)
{
	const char *id = sink_id(t->arena, answer, "testRunID");

	/* The description's example has other letters than its schema. */
	return id != NULL ? id : sink_id(t->arena, answer, "testRunId");
}

/* What is said of the runs of a case: how many have ids, and the first error. */
struct said {
	const cJSON *runs; /* by the names that we gave them */
	const char *words, *last;
	size_t made;
};

static struct said read_said(struct talk *t, const cJSON *answer)
{
	struct said s = { .runs = cJSON_GetObjectItemCaseSensitive(answer, "migrateRunResponseMap"),
			  .words = error_of(answer) };
	const cJSON *run;

	cJSON_ArrayForEach(run, s.runs)
	{
		const char *own = run_id(t, run);
		if (own != NULL) {
			s.last = own;
			s.made++;
		}
		if (s.words == NULL)
			s.words = error_of(run);
	}
	return s;
}

/* id: of the runs that were sent for the row, in order; NULL: not known, or where not all were made, refused. */
static void settle_tests(struct talk *t, const struct row *row, const struct aio_run *run,
			 const char *const *id, size_t n, bool all)
{
	for (size_t i = 0; i < row->test_count; i++) {
		const struct row_test *test = &row->tests[i];
		const char *last = NULL;
		size_t sent = 0, made = 0;
		for (size_t k = 0; k < n; k++) {
			if (run[k].test != test)
				continue;
			sent++;
			made += id[k] != NULL;
			last = id[k] != NULL ? id[k] : last;
		}
		if (sent > 0 && (all || made == sent))
			learned_posted_test(&t->learned, row->id, test->id, last);
		else if (sent == 0 && !test->settled && aio_unsent(t, test))
			aio_ignore_test(t, row, test);
	}
}

static bool settle_row(struct talk *t, const struct row *row, struct aio_run *run, const cJSON *answer)
{
	struct said said = read_said(t, answer);
	size_t n = aio_run_all(t, row, run, AIO_MIGRATE_MAX);
	const char **id = arena_calloc(t->arena, n + 1, sizeof(*id));
	size_t known = 0;

	if (said.words != NULL && said.made == 0)
		return aio_run_refused(t, row, said.words) == AIO_FAULT_AGAIN;
	if (n == 0 || id == NULL || run[0].test == NULL) {
		if (said.words != NULL)
			learned_parked(&t->learned, row->id, said.words);
		else
			learned_posted(&t->learned, row->id, said.last);
		return false;
	}
	for (size_t k = 0; k < n; k++) {
		id[k] = run_id(t, cJSON_GetObjectItemCaseSensitive(said.runs, external(t, &run[k])));
		known += id[k] != NULL;
	}
	/* A server that names them otherwise: they are there, all the same. */
	for (size_t k = 0; k < n && known == 0 && said.words == NULL; k++)
		id[k] = said.last;
	settle_tests(t, row, run, id, n, said.words == NULL);
	/* Some of its runs are there: none may be made twice. */
	if (said.words != NULL)
		learned_parked(&t->learned, row->id, said.words);
	return false;
}

static enum got settle(struct talk *t, const cJSON *root)
{
	const cJSON *map = cJSON_GetObjectItemCaseSensitive(root, "migrateCycleCaseResponseMap");
	struct aio_run *run = room(t);
	size_t n = rows_sent(t);
	bool any = false, again = false;

	for (size_t i = 0; i < n && run != NULL; i++) {
		const struct row *row = &t->rows->row[i];
		const cJSON *answer = cJSON_GetObjectItemCaseSensitive(map, row->remote_id);
		if (answer == NULL)
			continue;
		any = true;
		again = settle_row(t, row, run, answer) || again;
	}
	if (any)
		cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "backs");
	if (again)
		err_set(&t->err, -ESTALE, "a status was refused: they are read again");
	const char *words = error_of(root);
	if (any || words == NULL)
		return again ? GOT_BACK : any ? GOT_MORE : GOT_UNKNOWN;
	err_clear(&t->err);
	err_set(&t->err, -EPROTO, "migrate: %.900s", words);
	return aio_says_closed(words) ? GOT_CLOSED : GOT_REFUSED;
}

enum got aio_migrate_got(struct talk *t, const struct reply *r)
{
	static const char *const cycle[] = { "cycle", NULL };
	const struct aio_conf *c = t->conf;

	if (!sink_ok(r)) {
		const char *words = sink_words(t->arena, r);
		enum got got = aio_refused(t, r, "migrate", GOT_REFUSED);
		if (r->status == 404 && !sink_says(words, cycle)) {
			err_clear(&t->err);
			aio_learn_old(t, "migrate",
				      "runs are dated today, their comments say when they were");
			return GOT_NEXT;
		}
		if (r->status == 404 && (aio_own(t) || c->cycle.key == NULL)) {
			const char *text = arena_strdup(t->arena, t->err.text);
			aio_forget_cycle(t);
			return sink_back(t, "%s", text);
		}
		if (got == GOT_REFUSED && aio_says_closed(words))
			return GOT_CLOSED;
		return r->status == 404 ? GOT_PARK : got;
	}
	cJSON *root = sink_json(r);
	enum got got = cJSON_IsObject(root) ? settle(t, root) : GOT_UNKNOWN;
	cJSON_Delete(root);
	return got;
}

/* ---- did it happen? ----
 *
 * scratch.found: by case, the ids of the runs that were sent for it, in their order; null: not there. */

static bool several_sent(const cJSON *cases)
{
	const cJSON *entry;

	cJSON_ArrayForEach(entry, cases)
	{
		if (cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(entry, "testRuns")) > 1)
			return true;
	}
	return false;
}

/* Whether the list of all runs is what is asked for. */
static bool wants_all(const struct talk *t, const cJSON *cases)
{
	return (several_sent(cases) || !aio_own(t)) && !aio_old(t, "run_list");
}

enum ask aio_migrate_look(struct talk *t, struct request *r)
{
	cJSON *sent = cJSON_Parse(t->sent != NULL ? t->sent : "");
	bool all = wants_all(t, cJSON_GetObjectItemCaseSensitive(sent, "testCases"));

	cJSON_Delete(sent);
	if (aio_cycle(t) == NULL)
		return ASK_SKIP;
	aio_get(t, r, all ? "testcycle/{}/testrun" : "testcycle/{}/testcase", aio_cycle(t));
	aio_page_args(r, sink_int(sink_scratch(t), "offset", 0));
	return ASK_SEND;
}

static bool is_sent(struct talk *t, const cJSON *run, const cJSON *theirs)
{
	int64_t ours = aio_time(run, "createdDate"), at = aio_time(theirs, "createdDate");
	int64_t apart = ours > at ? ours - at : at - ours;

	return aio_run_status(t, theirs, sink_string(run, "testRunStatus")) != NULL && ours != TIME_UNKNOWN &&
	       at != TIME_UNKNOWN && apart <= SAME_MS;
}

static void note_case(struct talk *t, const cJSON *entry, const cJSON *item)
{
	cJSON *found = sink_object(sink_scratch(t), "found");
	const cJSON *sent = cJSON_GetObjectItemCaseSensitive(entry, "testRuns");
	const cJSON *theirs = cJSON_GetObjectItemCaseSensitive(item, "runs");
	const char *key = sink_string(entry, "testCaseKey");
	int n = cJSON_GetArraySize(sent);
	cJSON *ids = cJSON_CreateArray();
	bool any = false;

	/* Both from the newest on: runs are made in the order of the request, and listed the newest first. */
	const cJSON *at = cJSON_IsArray(theirs) ? theirs->child : aio_latest(item);
	const cJSON *run = cJSON_GetArrayItem(sent, n - 1);
	for (int i = n - 1; i >= 0 && run != NULL; i--, run = run->prev) {
		const cJSON *hit = at;
		while (hit != NULL && !is_sent(t, run, hit))
			hit = cJSON_IsArray(theirs) ? hit->next : NULL;
		const char *id = hit != NULL ? sink_id(t->arena, hit, "ID") : NULL;
		cJSON_InsertItemInArray(ids, 0, id != NULL ? cJSON_CreateString(id) : cJSON_CreateNull());
		any = any || id != NULL;
		if (hit != NULL)
			at = cJSON_IsArray(theirs) ? hit->next : NULL;
	}
	if (!any) {
		cJSON_Delete(ids);
		return;
	}
	cJSON_DeleteItemFromObjectCaseSensitive(found, key);
	cJSON_AddItemToObject(found, key, ids);
}

static void note_page(struct talk *t, const cJSON *items, const cJSON *cases)
{
	const cJSON *item, *entry;

	cJSON_ArrayForEach(item, items)
	{
		const char *key = aio_item_key(item);
		if (key == NULL || aio_latest(item) == NULL)
			continue;
		cJSON_ArrayForEach(entry, cases)
		{
			const char *sent = sink_string(entry, "testCaseKey");
			if (sent != NULL && strcasecmp(sent, key) == 0)
				note_case(t, entry, item);
		}
	}
}

static void settle_case(struct talk *t, const struct row *row, struct aio_run *run, const cJSON *ids)
{
	size_t n = aio_run_all(t, row, run, AIO_MIGRATE_MAX), count = (size_t)cJSON_GetArraySize(ids);
	const char **id = arena_calloc(t->arena, count + 1, sizeof(*id));
	const char *latest = NULL;
	size_t at = 0;
	const cJSON *item;

	cJSON_ArrayForEach(item, ids)
	{
		if (id != NULL && cJSON_IsString(item))
			latest = id[at] = arena_strdup(t->arena, item->valuestring);
		at++;
	}
	if (n != count || n == 0 || id == NULL || run[0].test == NULL) { /* statuses were mapped anew since */
		learned_posted(&t->learned, row->id, latest);
		return;
	}
	/* A call makes all runs of a case; the list may have shown only the latest one. */
	for (size_t k = 0; k < n; k++)
		id[k] = id[k] != NULL ? id[k] : latest;
	settle_tests(t, row, run, id, n, true);
}

static enum looked settle_found(struct talk *t, size_t cases)
{
	const cJSON *found = cJSON_GetObjectItemCaseSensitive(sink_scratch(t), "found");
	struct aio_run *run = room(t);
	size_t n = 0;

	for (size_t i = 0; i < t->rows->count && run != NULL; i++) {
		const struct row *row = &t->rows->row[i];
		const cJSON *ids = row->remote_id != NULL
					   ? cJSON_GetObjectItemCaseSensitive(found, row->remote_id)
					   : NULL;
		if (ids == NULL)
			continue;
		settle_case(t, row, run, ids);
		n++;
	}
	return n == 0 ? LOOKED_NONE : n >= cases ? LOOKED_ALL : LOOKED_SOME;
}

enum looked aio_migrate_looked(struct talk *t, const struct reply *r)
{
	static const char *const cycle[] = { "cycle", NULL };
	cJSON *sent = cJSON_Parse(t->sent != NULL ? t->sent : "");
	const cJSON *cases = cJSON_GetObjectItemCaseSensitive(sent, "testCases");
	size_t count = (size_t)cJSON_GetArraySize(cases);
	bool all = wants_all(t, cases);
	cJSON *scratch = sink_scratch(t);
	enum looked looked = LOOKED_UNSURE;
	struct aio_page page;

	if (!sink_ok(r)) {
		aio_refused(t, r, "look-up of runs", GOT_PARK);
		if (r->status == 404 && all && !sink_says(sink_words(t->arena, r), cycle)) {
			err_clear(&t->err);
			aio_learn_old(t, "run_list",
				      "files of several results of a case go to its latest run");
			looked = LOOKED_MORE;
		} else if (r->status == 404) {
			aio_forget_cycle(t);
			looked = LOOKED_NONE;
		}
	} else if (aio_page(r, &page)) {
		note_page(t, page.items, cases);
		bool over = sink_turn_page(t, page.count, page.last);
		int hits = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(scratch, "found"));
		if (over && hits > 0 && (size_t)hits < count)
			over = !sink_reads_again(t);
		looked = over ? settle_found(t, count) : LOOKED_MORE;
		cJSON_Delete(page.root);
	}
	cJSON_Delete(sent);
	return looked;
}
