/* SPDX-License-Identifier: Apache-2.0
 *
 * aio_migrate.c - backfills: runs with the time at which they were, a thousand in one call.
 *
 * Every call makes runs, so a lost answer is looked up: the cycle's runs are compared by case, status and
 * time.  A server without the call gets ordinary marks, with the time in the comment. */
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
static void put_external(struct talk *t, struct buf *b, const struct aio_run *run)
{
	char text[96];

	snprintf(text, sizeof(text), "%s/%lld/%zu", t->run->token, (long long)run->row->id, run->index);
	json_field(b, "externalRunID", text);
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
		put_external(t, b, &run[i]);
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
	sink_set_int(aio_scratch(t), "rows", (int64_t)rows);
	return aio_send(t, r, "migrate");
}

static size_t rows_sent(struct talk *t)
{
	int64_t rows = sink_int(aio_scratch(t), "rows", (int64_t)t->rows->count);

	return rows >= 0 && (size_t)rows < t->rows->count ? (size_t)rows : t->rows->count;
}

/* ---- answers ---- */

static const char *error_of(const cJSON *item)
{
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(item, "error");
	const char *text = cJSON_IsString(error) ? error->valuestring : sink_string(error, "message");

	return text != NULL && *text != '\0' ? text : NULL;
}

/* All runs of a case: the first error, or the id of the last run. */
static const char *run_errors(struct talk *t, const cJSON *answer, const char **id)
{
	const cJSON *run, *map = cJSON_GetObjectItemCaseSensitive(answer, "migrateRunResponseMap");
	const char *words = error_of(answer);

	cJSON_ArrayForEach(run, map)
	{
		const char *own = sink_id(t->arena, run, "testRunID");
		if (own == NULL) /* the description's example has other letters than its schema */
			own = sink_id(t->arena, run, "testRunId");
		if (own != NULL)
			*id = own;
		if (words == NULL)
			words = error_of(run);
	}
	return words;
}

static enum got settle(struct talk *t, const cJSON *root)
{
	const cJSON *map = cJSON_GetObjectItemCaseSensitive(root, "migrateCycleCaseResponseMap");
	size_t n = rows_sent(t);
	bool any = false, again = false;

	for (size_t i = 0; i < n; i++) {
		const struct row *row = &t->rows->row[i];
		const cJSON *answer = cJSON_GetObjectItemCaseSensitive(map, row->remote_id);
		const char *id = NULL, *words = answer != NULL ? run_errors(t, answer, &id) : NULL;
		if (answer == NULL)
			continue;
		any = true;
		if (words != NULL && id == NULL)
			again = aio_run_refused(t, row, words) == AIO_FAULT_AGAIN || again;
		else if (words != NULL) /* some of its runs are there: none may be made twice */
			learned_parked(&t->learned, row->id, words);
		else
			learned_posted(&t->learned, row->id, id);
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

	if (!aio_ok(r)) {
		const char *words = sink_words(t->arena, r);
		enum got got = aio_refused(t, r, "migrate", GOT_REFUSED);
		if (r->status == 404 && !aio_says(words, cycle)) {
			err_clear(&t->err);
			aio_learn_old(t, "migrate",
				      "runs are dated today, their comments say when they were");
			return GOT_NEXT;
		}
		if (r->status == 404 && aio_own(t)) {
			const char *text = arena_strdup(t->arena, t->err.text);
			aio_forget_cycle(t);
			return aio_back(t, "%s", text);
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

/* ---- did it happen? ---- */

enum ask aio_migrate_look(struct talk *t, struct request *r)
{
	if (aio_cycle(t) == NULL)
		return ASK_SKIP;
	aio_get(t, r, "testcycle/{}/testcase", aio_cycle(t));
	aio_page_args(r, sink_int(aio_scratch(t), "offset", 0));
	return ASK_SEND;
}

/* The last run that was sent for a case is its latest one: runs are made in the order of the request, and a
 * case's runs together. */
static bool is_sent(struct talk *t, const cJSON *entry, const cJSON *latest)
{
	const cJSON *runs = cJSON_GetObjectItemCaseSensitive(entry, "testRuns");
	const cJSON *run;

	cJSON_ArrayForEach(run, runs)
	{
		int64_t ours = aio_time(run, "createdDate"), theirs = aio_time(latest, "createdDate");
		int64_t apart = ours > theirs ? ours - theirs : theirs - ours;
		if (aio_run_status(t, latest, sink_string(run, "testRunStatus")) != NULL &&
		    ours != TIME_UNKNOWN && theirs != TIME_UNKNOWN && apart <= SAME_MS)
			return true;
	}
	return false;
}

static void note_page(struct talk *t, const cJSON *items, const cJSON *cases)
{
	cJSON *found = aio_object(aio_scratch(t), "found");
	const cJSON *item, *entry;

	cJSON_ArrayForEach(item, items)
	{
		const char *key = aio_item_key(item);
		const cJSON *latest = aio_latest(item);
		if (key == NULL || latest == NULL)
			continue;
		cJSON_ArrayForEach(entry, cases)
		{
			const char *sent = sink_string(entry, "testCaseKey");
			if (sent != NULL && strcasecmp(sent, key) == 0 && is_sent(t, entry, latest))
				sink_set_string(found, sent, sink_id(t->arena, latest, "ID"));
		}
	}
}

static enum looked settle_found(struct talk *t, size_t cases)
{
	const cJSON *found = cJSON_GetObjectItemCaseSensitive(aio_scratch(t), "found");
	size_t n = 0;

	for (size_t i = 0; i < t->rows->count; i++) {
		const struct row *row = &t->rows->row[i];
		const cJSON *hit = row->remote_id != NULL
					   ? cJSON_GetObjectItemCaseSensitive(found, row->remote_id)
					   : NULL;
		if (hit == NULL)
			continue;
		learned_posted(&t->learned, row->id,
			       cJSON_IsString(hit) ? arena_strdup(t->arena, hit->valuestring) : NULL);
		n++;
	}
	return n == 0 ? LOOKED_NONE : n >= cases ? LOOKED_ALL : LOOKED_SOME;
}

enum looked aio_migrate_looked(struct talk *t, const struct reply *r)
{
	cJSON *scratch = aio_scratch(t);
	struct aio_page page;

	if (!aio_ok(r)) {
		aio_refused(t, r, "look-up of runs", GOT_PARK);
		if (r->status != 404)
			return LOOKED_UNSURE;
		aio_forget_cycle(t);
		return LOOKED_NONE;
	}
	if (!aio_page(r, &page))
		return LOOKED_UNSURE;
	cJSON *sent = cJSON_Parse(t->sent != NULL ? t->sent : "");
	const cJSON *cases = cJSON_GetObjectItemCaseSensitive(sent, "testCases");
	size_t count = (size_t)cJSON_GetArraySize(cases);
	note_page(t, page.items, cases);
	cJSON_Delete(sent);
	sink_set_int(scratch, "offset", sink_int(scratch, "offset", 0) + page.count);
	bool last = page.last;
	cJSON_Delete(page.root);
	return last ? settle_found(t, count) : LOOKED_MORE;
}
