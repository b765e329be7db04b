/* SPDX-License-Identifier: Apache-2.0
 *
 * aio_marks.c - runs marked in batches, what became of a batch whose answer was lost, and cases that have to
 * be brought into the cycle one by one.
 *
 * An answer of 200 may hold refusals: each case is settled by what is said of it alone. */
#include "sinks/aio/aio.h"

#include "daemon/base/clock.h"
#include "daemon/base/json.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define BODY_ENOUGH (1u << 20) /* no further run is begun behind this */

enum adds { ADDS_BY_MARK, ADDS_BY_QUERY, ADDS_SINGLY };

static bool single(const struct talk *t)
{
	return aio_old(t, "bulk");
}

static bool migrates(const struct talk *t)
{
	return t->run->backfill && !aio_old(t, "migrate");
}

/* ---- cases that a mark does not bring into the cycle ---- */

static const char *first_missing(const struct talk *t)
{
	const cJSON *missing = cJSON_GetObjectItemCaseSensitive(t->bookmark, "missing");

	return cJSON_IsArray(missing) && cJSON_IsString(missing->child) ? missing->child->valuestring : NULL;
}

/* The key has been dealt with; a mark that is refused for it once more parks it. */
static void brought(struct talk *t)
{
	cJSON *missing = cJSON_GetObjectItemCaseSensitive(t->bookmark, "missing");
	cJSON *item = cJSON_DetachItemFromArray(missing, 0);

	if (item != NULL)
		cJSON_AddItemToArray(sink_array(t->bookmark, "added"), item);
	if (missing != NULL && missing->child == NULL)
		cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "missing");
}

static enum ask missing_ask(struct talk *t, struct request *r)
{
	const char *key = first_missing(t);
	int64_t adds = sink_int(t->facts, "adds", ADDS_BY_MARK);

	if (adds != ADDS_SINGLY)
		sink_set_int(t->facts, "adds", ADDS_SINGLY);
	sink_set_int(sink_scratch(t), "adding", 1);
	aio_post(t, r, "testcycle/{}/testcase/{}", aio_cycle(t), key);
	return ASK_SEND;
}

static enum got missing_got(struct talk *t, const struct reply *r)
{
	if (!sink_ok(r)) {
		aio_refused(t, r, "add to the cycle", GOT_PARK);
		if (aio_says_closed(t->err.text))
			return GOT_CLOSED;
		/* The mark that follows is refused, and the case is parked with those words. */
		aio_say(t, "%s cannot be added to the cycle: %s", first_missing(t), t->err.text);
		err_clear(&t->err);
	} else {
		/* Adding made a run: it is the one that the mark goes to, in whose cycle ever. */
		cJSON_AddItemToArray(sink_array(t->bookmark, "given"), cJSON_CreateString(first_missing(t)));
	}
	brought(t);
	cJSON_DeleteItemFromObjectCaseSensitive(sink_scratch(t), "adding");
	return GOT_MORE;
}

static enum ask missing_look(struct talk *t, struct request *r)
{
	if (first_missing(t) == NULL)
		return ASK_SKIP;
	aio_get(t, r, "testcycle/{}/testcase", aio_cycle(t));
	aio_page_args(r, sink_int(sink_scratch(t), "offset", 0));
	return ASK_SEND;
}

static enum looked missing_looked(struct talk *t, const struct reply *r)
{
	const char *key = first_missing(t);
	struct aio_page page;
	const cJSON *item;
	bool hit = false;

	if (!sink_ok(r)) {
		aio_refused(t, r, "look-up in the cycle", GOT_PARK);
		return r->status == 404 ? LOOKED_NONE : LOOKED_UNSURE;
	}
	if (key == NULL || !aio_page(r, &page))
		return LOOKED_UNSURE;
	cJSON_ArrayForEach(item, page.items)
	{
		const char *own = aio_item_key(item);
		hit = hit || (own != NULL && strcasecmp(own, key) == 0);
	}
	bool last = sink_turn_page(t, page.count, page.last);
	cJSON_Delete(page.root);
	if (hit)
		brought(t);
	return hit ? LOOKED_ALL : last ? LOOKED_NONE : LOOKED_MORE;
}

/* Where a site is known to want it, the cases of a new cycle are added before a mark is refused for them.  In a
 * cycle that is not ours a second adding would be a further run: there the refusal tells. */
static void add_first(struct talk *t)
{
	const struct aio_conf *c = t->conf;
	const cJSON *added = cJSON_GetObjectItemCaseSensitive(t->bookmark, "added");

	if (sink_int(t->facts, "adds", ADDS_BY_MARK) != ADDS_SINGLY || !aio_own(t) ||
	    c->cycle.sets.count > 0 || first_missing(t) != NULL)
		return;
	for (size_t i = 0; i < t->rows->count; i++) {
		const struct row *row = &t->rows->row[i];
		struct aio_run next;
		aio_run_next(t, row, &next);
		if (next.first && !aio_listed(added, row->remote_id))
			cJSON_AddItemToArray(sink_array(t->bookmark, "missing"),
					     cJSON_CreateString(row->remote_id));
	}
}

/* ---- the batch ---- */

/* The runs of one request: those of the rows, in order, that want the same of createNewRun as the first.
 * In answers the same state gives the same runs; `limit` is how many were sent. */
static size_t runs_of(struct talk *t, struct aio_run *run, size_t limit)
{
	size_t n = 0;

	for (size_t i = 0; i < t->rows->count && n < limit; i++) {
		struct aio_run next;
		aio_run_next(t, &t->rows->row[i], &next);
		if (next.status == NULL || (n > 0 && next.fresh != run[0].fresh))
			continue;
		run[n++] = next;
	}
	return n;
}

static size_t limit_of(const struct talk *t)
{
	if (single(t))
		return 1;
	return t->batch > 0 && t->batch < t->rows->count ? t->batch : t->rows->count;
}

static struct aio_run *runs_room(struct talk *t)
{
	return arena_calloc(t->arena, t->rows->count + 1, sizeof(struct aio_run));
}

/* Rows without a run to post: all their verdicts are configured so. */
static bool ignore_none(struct talk *t)
{
	bool any = false;

	for (size_t i = 0; i < t->rows->count; i++) {
		struct aio_run next;
		aio_run_next(t, &t->rows->row[i], &next);
		if (next.status != NULL)
			continue;
		struct folded f = fold_row(&t->rows->row[i], SEVERAL_WORST, t->arena);
		learned_ignored(&t->learned, t->rows->row[i].id,
				arena_printf(t->arena, "statuses.%s is none", verdict_name(f.verdict)));
		any = true;
	}
	return any;
}

static bool put_entry(struct talk *t, struct buf *b, const struct aio_run *run)
{
	json_sep(b);
	buf_putc(b, '{');
	if (!single(t)) /* there the path names it */
		json_field(b, "testCaseKey", run->row->remote_id);
	bool good = aio_put_run(t, b, run, false);
	buf_putc(b, '}');
	return good;
}

enum ask aio_marks_ask(struct talk *t, struct request *r)
{
	const struct aio_conf *c = t->conf;
	struct aio_run *run = runs_room(t);
	size_t sent = 0;

	if (aio_cycle(t) == NULL || migrates(t) || run == NULL || c->mode == AIO_IMPORT)
		return ASK_SKIP;
	if (ignore_none(t))
		return ASK_LEARN;
	add_first(t);
	if (first_missing(t) != NULL)
		return missing_ask(t, r);
	size_t n = runs_of(t, run, limit_of(t));
	if (n == 0)
		return ASK_SKIP;
	if (single(t)) {
		aio_post(t, r, "testcycle/{}/testcase/{}/testrun", aio_cycle(t), run[0].row->remote_id);
	} else {
		aio_post(t, r, "testcycle/{}/bulk/testrun/update", aio_cycle(t));
		buf_puts(&r->body, "{\"testRuns\":[");
	}
	sink_arg(r, "createNewRun", run[0].fresh ? "true" : "false");
	if (sink_int(t->facts, "adds", ADDS_BY_MARK) == ADDS_BY_QUERY)
		sink_arg(r, "addCaseToCycle", "true");
	for (; sent < n && (sent == 0 || r->body.len < BODY_ENOUGH); sent++) {
		if (!put_entry(t, &r->body, &run[sent]))
			return ASK_PARK;
	}
	if (!single(t))
		buf_puts(&r->body, "]}");
	sink_set_int(sink_scratch(t), "sent", (int64_t)sent);
	return aio_send(t, r, "mark");
}

static size_t sent_count(struct talk *t)
{
	int64_t n = sink_int(sink_scratch(t), "sent", (int64_t)limit_of(t));

	return n > 0 && (size_t)n < t->rows->count ? (size_t)n : t->rows->count;
}

/* ---- answers ---- */

/* What is said of a case: under its key, as it was sent or in other letters. */
static const cJSON *said_of(const cJSON *map, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(map, key);

	return item != NULL ? item : cJSON_GetObjectItem(map, key);
}

static const char *message(const cJSON *item)
{
	const char *text = sink_string(item, "message");

	if (text != NULL && *text != '\0')
		return text;
	return cJSON_IsString(item) && item->valuestring[0] != '\0' ? item->valuestring : NULL;
}

static void say_warning(struct talk *t, const cJSON *root)
{
	const cJSON *all = cJSON_GetObjectItemCaseSensitive(root, "warnings");
	const cJSON *first = cJSON_IsObject(all) ? all->child : NULL;

	if (first == NULL)
		return;
	const cJSON *text = cJSON_IsArray(first) ? first->child : first;
	if (cJSON_IsString(text) && first->string != NULL && t->say == NULL)
		aio_say(t, "the server warns of %.60s: %.300s", first->string, text->valuestring);
}

/* A request of one run is refused, for t->err.  Where its row stands alone the refusal goes on as one: a batch
 * that is refused for one reason from end to end is told so from a few rows, and parked as one group. */
static enum got one_refused(struct talk *t, const struct aio_run *run, const char *words, const char *text)
{
	enum aio_fault fault = aio_run_fault(t, run->row, words);

	if (fault == AIO_FAULT_PARKED && t->rows->count == 1)
		return GOT_REFUSED;
	if (fault == AIO_FAULT_PARKED)
		learned_parked(&t->learned, run->row->id, text);
	err_clear(&t->err);
	return fault == AIO_FAULT_AGAIN ? GOT_BACK : GOT_MORE;
}

/* Nothing is said of any case: taken as a whole. */
static enum got whole(struct talk *t, const cJSON *root, const struct aio_run *run, size_t n)
{
	const char *status = sink_string(root, "status");
	const cJSON *errors = cJSON_GetObjectItemCaseSensitive(root, "errors");
	const char *words = cJSON_IsObject(errors) || cJSON_IsArray(errors) ? message(errors->child) : NULL;

	if (words == NULL)
		words = message(root);
	if (status != NULL && strcasecmp(status, "FAILED") == 0) {
		err_clear(&t->err);
		err_set(&t->err, -EPROTO, "mark: %.900s", words != NULL ? words : "refused without a word");
		if (words != NULL && aio_says_closed(words))
			return GOT_CLOSED;
		return words != NULL && n == 1 ? one_refused(t, run, words, words) : GOT_REFUSED;
	}
	if (status != NULL && strcasecmp(status, "SUCCESS") == 0 && sink_int(root, "errorCount", 0) == 0) {
		for (size_t i = 0; i < n; i++)
			aio_run_done(t, &run[i], NULL);
		return GOT_MORE;
	}
	return GOT_UNKNOWN;
}

static enum got bulk_got(struct talk *t, const cJSON *root, const struct aio_run *run, size_t n)
{
	const cJSON *errors = cJSON_GetObjectItemCaseSensitive(root, "errors");
	const cJSON *done = cJSON_GetObjectItemCaseSensitive(root, "processedData");
	bool any = false, back = false;
	const char *closed = NULL;

	if (sink_string(root, "status") == NULL && done == NULL)
		return GOT_UNKNOWN;
	say_warning(t, root);
	for (size_t i = 0; i < n; i++) {
		const char *key = run[i].row->remote_id, *words = message(said_of(errors, key));
		const cJSON *answer = said_of(done, key);
		if (words != NULL) {
			enum aio_fault fault = aio_run_refused(t, run[i].row, words);
			any = true;
			back = back || fault == AIO_FAULT_AGAIN;
			if (fault == AIO_FAULT_CLOSED)
				closed = words;
		} else if (answer != NULL) {
			aio_run_done(t, &run[i], sink_id(t->arena, answer, "ID"));
			any = true;
		}
	}
	if (closed != NULL) {
		err_clear(&t->err);
		err_set(&t->err, -EROFS, "mark: %.900s", closed);
		return GOT_CLOSED;
	}
	if (!any)
		return whole(t, root, run, n);
	return back ? GOT_BACK : GOT_MORE;
}

static enum got single_got(struct talk *t, const cJSON *root, const struct aio_run *run)
{
	const char *id = sink_id(t->arena, root, "ID");

	if (id == NULL)
		return GOT_UNKNOWN;
	aio_run_done(t, run, id);
	return GOT_MORE;
}

/* 404 may mean the cycle, or the call: asking for the cycle itself tells which. */
static enum got missing_call(struct talk *t, const char *text)
{
	static const char *const cycle[] = { "cycle", NULL };
	const struct aio_conf *c = t->conf;
	bool own = aio_own(t);

	if (sink_says(text, cycle) || single(t)) {
		if (!own && c->cycle.key != NULL) {
			sink_park(t, "%s", text);
			return GOT_PARK;
		}
		aio_forget_cycle(t);
		return sink_back(t, "%s", text);
	}
	err_clear(&t->err);
	aio_learn_old(t, "bulk", "runs are marked one by one");
	return GOT_MORE;
}

static enum got marks_refused(struct talk *t, const struct reply *r, const struct aio_run *run, size_t n)
{
	const char *words = sink_words(t->arena, r);
	enum got got = aio_refused(t, r, "mark", r->status == 403 ? GOT_PARK : GOT_REFUSED);
	const char *text = arena_strdup(t->arena, t->err.text);
	bool any = false, back = false;

	if (got != GOT_REFUSED || text == NULL)
		return got;
	if (aio_says_closed(words))
		return GOT_CLOSED;
	/* The refusal names its cases: they are settled, the rest goes on. */
	for (size_t i = 0; i < n; i++) {
		const char *at = strcasestr(words, run[i].row->remote_id);
		size_t len = strlen(run[i].row->remote_id);
		if (at == NULL || (at[len] >= '0' && at[len] <= '9'))
			continue;
		back = aio_run_refused(t, run[i].row, words) == AIO_FAULT_AGAIN || back;
		any = true;
	}
	if (!any && n == 1 && r->status != 404)
		return one_refused(t, run, text, text);
	if (any) {
		if (!back)
			err_clear(&t->err);
		return back ? GOT_BACK : GOT_MORE;
	}
	return r->status == 404 ? missing_call(t, text) : GOT_REFUSED;
}

enum got aio_marks_got(struct talk *t, const struct reply *r)
{
	struct aio_run *run = runs_room(t);
	size_t n = run != NULL ? runs_of(t, run, sent_count(t)) : 0;

	if (sink_bool(sink_scratch(t), "adding"))
		return missing_got(t, r);
	if (n == 0)
		return GOT_UNKNOWN;
	if (!sink_ok(r))
		return marks_refused(t, r, run, n);
	cJSON *root = sink_json(r);
	enum got got = !cJSON_IsObject(root) ? GOT_UNKNOWN
		       : single(t)           ? single_got(t, root, run)
					     : bulk_got(t, root, run, n);
	if (got == GOT_BACK && t->err.code == 0)
		err_set(&t->err, -ESTALE,
			"some cases were refused: their keys or the statuses are looked at again");
	cJSON_Delete(root);
	return got;
}

/* What was sent was a case for the cycle, and no mark. */
static bool sent_adding(const struct talk *t)
{
	return t->sent == NULL || *t->sent == '\0'; /* its body is empty */
}

/* ---- did it happen? ----
 *
 * The cycle's cases are read by pages; each shows its latest run.  scratch.found: the run's id by case. */

enum ask aio_marks_look(struct talk *t, struct request *r)
{
	if (aio_cycle(t) == NULL)
		return ASK_SKIP;
	if (sent_adding(t))
		return missing_look(t, r);
	aio_get(t, r, "testcycle/{}/testcase", aio_cycle(t));
	aio_page_args(r, sink_int(sink_scratch(t), "offset", 0));
	return ASK_SEND;
}

static const struct row *row_of(const struct talk *t, const char *key)
{
	for (size_t i = 0; i < t->rows->count; i++) {
		const char *own = t->rows->row[i].remote_id;
		if (own != NULL && strcasecmp(own, key) == 0)
			return &t->rows->row[i];
	}
	return NULL;
}

static bool since(const struct talk *t, const cJSON *run, const char *stamp)
{
	int64_t at = aio_time(run, stamp);

	return at != TIME_UNKNOWN && t->sent_ms != TIME_UNKNOWN && at >= t->sent_ms - AIO_LOOK_MS;
}

/* Whether a case came into the cycle without a mark: from a set, or since it was added. */
static bool stood_before(const struct talk *t, const char *key)
{
	const struct aio_conf *c = t->conf;

	return c->cycle.sets.count > 0 ||
	       aio_listed(cJSON_GetObjectItemCaseSensitive(t->bookmark, "added"), key);
}

/* Whether the latest run of a case is the one that was sent. */
static bool is_sent(struct talk *t, const cJSON *entry, const struct aio_run *run, const cJSON *latest)
{
	const cJSON *each = cJSON_GetObjectItemCaseSensitive(t->bookmark, "each");
	const char *before = sink_string(cJSON_GetObjectItemCaseSensitive(each, run->row->remote_id), "run");
	const char *id = sink_id(t->arena, latest, "ID");
	const cJSON *comment, *comments = cJSON_GetObjectItemCaseSensitive(latest, "comments");

	if (id == NULL || aio_run_status(t, latest, sink_string(entry, "testRunStatus")) == NULL)
		return false;
	cJSON_ArrayForEach(comment, comments)
	{
		const char *text =
			cJSON_IsString(comment) ? comment->valuestring : sink_string(comment, "comment");
		if (run->fresh && text != NULL && strstr(text, t->run->token) != NULL)
			return before == NULL || strcmp(before, id) != 0;
	}
	/* Among others each run of ours carries its token: one with comments and without it is theirs. */
	if (run->fresh && !aio_own(t) && cJSON_GetArraySize(comments) > 0)
		return false;
	if (run->fresh && before != NULL)
		return strcmp(before, id) != 0;
	if (run->fresh)
		return since(t, latest, "createdDate");
	/* The only run of a case in a cycle of ours: who should have set its status?  Where it stood there before its
	 * mark, its first status may be the one that was sent. */
	bool marked = sink_int(latest, "effort", -1) == sink_int(entry, "effort", -1);
	if (!aio_touched(run->row))
		return marked || !stood_before(t, run->row->remote_id);
	return marked && since(t, latest, "updatedDate");
}

static cJSON *sent_entries(struct talk *t)
{
	cJSON *root = cJSON_Parse(t->sent != NULL ? t->sent : "");
	cJSON *list = cJSON_DetachItemFromObjectCaseSensitive(root, "testRuns");

	if (cJSON_IsArray(list)) {
		cJSON_Delete(root);
		return list;
	}
	cJSON_Delete(list);
	list = cJSON_CreateArray();
	if (root == NULL)
		return list;
	/* One run alone: the first that is owed. */
	struct aio_run *run = runs_room(t);
	if (run != NULL && runs_of(t, run, 1) == 1)
		sink_set_string(root, "testCaseKey", run[0].row->remote_id);
	cJSON_AddItemToArray(list, root);
	return list;
}

static void note_page(struct talk *t, const cJSON *items, const cJSON *entries)
{
	cJSON *found = sink_object(sink_scratch(t), "found");
	const cJSON *item, *entry;

	cJSON_ArrayForEach(item, items)
	{
		const char *key = aio_item_key(item);
		const cJSON *latest = aio_latest(item);
		const struct row *row = key != NULL ? row_of(t, key) : NULL;
		struct aio_run run;
		if (row == NULL || latest == NULL)
			continue;
		aio_run_next(t, row, &run);
		cJSON_ArrayForEach(entry, entries)
		{
			const char *sent = sink_string(entry, "testCaseKey");
			if (sent != NULL && strcasecmp(sent, key) == 0 && is_sent(t, entry, &run, latest))
				sink_set_string(found, row->remote_id, sink_id(t->arena, latest, "ID"));
		}
	}
}

static enum looked settle_found(struct talk *t, const cJSON *entries)
{
	const cJSON *item, *found = cJSON_GetObjectItemCaseSensitive(sink_scratch(t), "found");
	int count = cJSON_GetArraySize(found);

	if (count == 0)
		return LOOKED_NONE;
	cJSON_ArrayForEach(item, found)
	{
		const struct row *row = row_of(t, item->string);
		struct aio_run run;
		if (row == NULL || !cJSON_IsString(item))
			continue;
		aio_run_next(t, row, &run);
		aio_run_done(t, &run, arena_strdup(t->arena, item->valuestring));
	}
	return count >= cJSON_GetArraySize(entries) ? LOOKED_ALL : LOOKED_SOME;
}

enum looked aio_marks_looked(struct talk *t, const struct reply *r)
{
	cJSON *scratch = sink_scratch(t);
	struct aio_page page;

	if (sent_adding(t))
		return missing_looked(t, r);
	if (!sink_ok(r)) {
		aio_refused(t, r, "look-up of runs", GOT_PARK);
		if (r->status != 404)
			return LOOKED_UNSURE;
		/* The cycle is gone, and the runs with it: the next walk makes another. */
		aio_forget_cycle(t);
		return LOOKED_NONE;
	}
	if (!aio_page(r, &page))
		return LOOKED_UNSURE;
	cJSON *entries = sent_entries(t);
	note_page(t, page.items, entries);
	int hits = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(scratch, "found"));
	int count = cJSON_GetArraySize(entries);
	bool over = sink_turn_page(t, page.count, page.last || hits >= count);
	cJSON_Delete(page.root);
	if (over && hits > 0 && hits < count)
		over = !sink_reads_again(t);
	enum looked looked = over ? settle_found(t, entries) : LOOKED_MORE;
	cJSON_Delete(entries);
	return looked;
}
