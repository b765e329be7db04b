/* SPDX-License-Identifier: Apache-2.0
 *
 * aio_cycle.c - the cycle over there: named, found by its title, made, closed.
 *
 * The run's token stands at the end of the objective, so that a cycle can be found when the answer to its
 * making was lost: by its exact title (no search goes by the objective), and then compared. */
#include "sinks/aio/aio.h"

#include "daemon/base/clock.h"
#include "daemon/base/json.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define OBJECTIVE (32u << 10)

/* What is made under its title for others to find is theirs, too, from the start: their runs stand in it. */
static bool ours_alone(const struct talk *t)
{
	const struct aio_conf *c = t->conf;

	return !c->cycle.reuse;
}

static void keep_cycle(struct talk *t, const cJSON *item, bool own)
{
	cJSON *cycle = sink_object(t->bookmark, "cycle");
	const char *key = sink_string(item, "key"), *id = sink_id(t->arena, item, "ID");

	sink_set_string(cycle, "id", id);
	sink_set_string(cycle, "key", key != NULL ? key : id);
	sink_set_int(cycle, "own", own);
	/* The address of Jira itself is in no answer, so there is no link for people. */
	learned_run(&t->learned, key != NULL ? key : id, NULL);
}

static bool is_cycle(struct talk *t, const cJSON *item)
{
	return sink_string(item, "key") != NULL || sink_id(t->arena, item, "ID") != NULL;
}

/* Why results cannot go there; NULL: they can. */
static const char *unusable(struct talk *t, const cJSON *item)
{
	const char *why = aio_forbidden(t, item, 2);

	if (sink_bool(item, "isClosed"))
		return "closed";
	if (sink_bool(item, "isArchived"))
		return "archived";
	return why;
}

/* ---- an existing cycle ---- */

enum ask aio_cycle_ask(struct talk *t, struct request *r)
{
	const struct aio_conf *c = t->conf;

	if (c->cycle.key == NULL || aio_cycle(t) != NULL)
		return ASK_SKIP;
	aio_get(t, r, "testcycle/{}/detail", c->cycle.key);
	return ASK_SEND;
}

enum got aio_cycle_got(struct talk *t, const struct reply *r)
{
	enum got got = GOT_NEXT;

	if (!sink_ok(r))
		return aio_refused(t, r, "cycle.key", GOT_PARK);
	cJSON *root = sink_json(r);
	if (!is_cycle(t, root)) {
		cJSON_Delete(root);
		return GOT_UNKNOWN;
	}
	const char *why = unusable(t, root), *key = sink_string(root, "key");
	if (why != NULL) {
		bool over = sink_bool(root, "isClosed") || sink_bool(root, "isArchived");
		sink_park(t, "cycle.key: the cycle %s is %s", key != NULL ? key : "", why);
		got = over ? GOT_CLOSED : GOT_PARK;
	} else {
		if (sink_bool(root, "isLockedForEdit"))
			aio_say(t,
				"the cycle %s is locked: it takes results of the cases it has, and no "
				"further "
				"cases",
				key != NULL ? key : "");
		keep_cycle(t, root, false);
	}
	cJSON_Delete(root);
	return got;
}

/* ---- found by its title ---- */

static void put_title_search(struct buf *b, const char *title)
{
	buf_puts(b, "{\"title\":{");
	json_field(b, "comparisonType", "EXACT_MATCH");
	json_field(b, "value", title);
	buf_puts(b, "}}");
}

/* A page of the cycles with this title, or where no search is known, of all. */
static void ask_cycles(struct talk *t, struct request *r, const char *title)
{
	if (aio_old(t, "cycle_search")) {
		aio_get(t, r, "testcycle");
	} else {
		aio_search(t, r, "testcycle/search");
		put_title_search(&r->body, title);
	}
	aio_page_args(r, sink_int(sink_scratch(t), "offset", 0));
}

static bool same_title(struct talk *t, const cJSON *item, const char *title)
{
	const char *own = sink_string(item, "title");
	const char *line = own != NULL ? text_line(t->arena, own, AIO_TITLE_MAX) : NULL;

	return line != NULL && strcmp(line, title) == 0;
}

enum ask aio_find_cycle_ask(struct talk *t, struct request *r)
{
	const struct aio_conf *c = t->conf;
	const char *searched = sink_string(t->bookmark, "searched");

	if (aio_cycle(t) != NULL || !c->cycle.reuse || c->cycle.key != NULL)
		return ASK_SKIP;
	const char *title = aio_cycle_title(t);
	if (title == NULL)
		return ASK_PARK;
	if (searched != NULL && strcmp(searched, title) == 0)
		return ASK_SKIP;
	ask_cycles(t, r, title);
	return aio_send(t, r, "search for the cycle");
}

/* Titles are not unique: the oldest one that takes results is meant, always the same. */
static void weigh(struct talk *t, cJSON *pick, const cJSON *item, const char *title)
{
	const char *key = sink_string(item, "key");

	if (key == NULL || !same_title(t, item, title))
		return;
	const char *why = unusable(t, item);
	if (why != NULL) {
		sink_set_string(pick, "unusable", arena_printf(t->arena, "%s is %s", key, why));
		return;
	}
	sink_set_int(pick, "count", sink_int(pick, "count", 0) + 1);
	int64_t made = aio_time(item, "createdDate"), id = sink_int(item, "ID", INT64_MAX / 2);
	int64_t best = sink_int(pick, "made", INT64_MAX / 2),
		best_id = sink_int(pick, "number", INT64_MAX / 2);
	if (made == TIME_UNKNOWN)
		made = INT64_C(1) << 52;
	if (sink_string(pick, "key") != NULL && (made > best || (made == best && id >= best_id)))
		return;
	sink_set_string(pick, "key", key);
	sink_set_string(pick, "ID", sink_id(t->arena, item, "ID"));
	sink_set_int(pick, "made", made);
	sink_set_int(pick, "number", id);
}

static enum got found(struct talk *t, const cJSON *pick, const char *title)
{
	int64_t count = sink_int(pick, "count", 0);
	const char *why = sink_string(pick, "unusable");

	if (count == 0) {
		if (why != NULL)
			aio_say(t, "the cycle of that title cannot be used (%s): a new one is made", why);
		sink_set_string(t->bookmark, "searched", title);
		return GOT_NEXT;
	}
	if (count > 1)
		aio_say(t,
			"%lld cycles are called \"%.200s\": the oldest, %s, is taken (cycle.key would name "
			"one)",
			(long long)count, title, sink_string(pick, "key"));
	keep_cycle(t, pick, false);
	return GOT_NEXT;
}

enum got aio_find_cycle_got(struct talk *t, const struct reply *r)
{
	cJSON *scratch = sink_scratch(t);
	const char *title = aio_cycle_title(t);
	struct aio_page page;
	const cJSON *item;

	if (r->status == 404 && !aio_old(t, "cycle_search")) {
		aio_learn_old(t, "cycle_search", "the whole list of cycles is read instead");
		return GOT_MORE;
	}
	if (!sink_ok(r))
		return aio_refused(t, r, "search for the cycle", GOT_PARK);
	if (title == NULL || !aio_page(r, &page))
		return GOT_UNKNOWN;
	cJSON_ArrayForEach(item, page.items) weigh(t, sink_object(scratch, "pick"), item, title);
	bool last = sink_turn_page(t, page.count, page.last);
	cJSON_Delete(page.root);
	return last ? found(t, sink_object(scratch, "pick"), title) : GOT_MORE;
}

/* ---- made ---- */

static void put_ids(struct buf *b, const char *key, const struct config_strings *list)
{
	if (list->count == 0)
		return;
	json_key(b, key);
	buf_putc(b, '[');
	for (size_t i = 0; i < list->count; i++)
		sink_put_id(b, NULL, list->item[i]);
	buf_putc(b, ']');
}

static bool put_date(struct talk *t, struct buf *b, const char *key, const struct template *tpl,
		     const char *setting)
{
	char iso[CLOCK_ISO_SIZE];
	const char *text;

	if (tpl == NULL)
		return true;
	if (!aio_expanded(t, tpl, setting, &text))
		return false;
	if (text == NULL || *text == '\0')
		return true;
	int64_t ms = text_time(text);
	if (ms == TIME_UNKNOWN) {
		sink_park(t, "%s: \"%.100s\" is no date (2026-11-21, or with a time 2026-11-21T10:00:00Z)",
			  setting, text);
		return false;
	}
	/* The description's type is a date-time; a number would be seconds to one reader, milliseconds to the
	 * next. */
	json_field(b, key, clock_iso(ms, iso));
	return true;
}

static bool put_objective(struct talk *t, struct buf *b)
{
	const struct aio_conf *c = t->conf;
	struct buf text = BUF_LIMIT(OBJECTIVE);
	bool good = c->cycle.objective == NULL ||
		    text_expand(t, c->cycle.objective, t->run->vars, "cycle.objective", &text);

	if (good) {
		buf_printf(&text, "%s%s", text.len > 0 ? "\n\n" : "", t->run->token);
		good = buf_error(&text) == 0;
		if (!good)
			sink_park(t, "cycle.objective is longer than %u bytes", OBJECTIVE);
	}
	if (good)
		json_field_n(b, "objective", text.data, text.len);
	buf_done(&text);
	return good;
}

static bool put_tasks(struct talk *t, struct buf *b)
{
	const struct aio_conf *c = t->conf;
	const char *task;

	if (c->cycle.tasks.count == 0)
		return true;
	json_key(b, "jiraTaskIDs");
	buf_putc(b, '[');
	for (size_t i = 0; i < c->cycle.tasks.count; i++) {
		if (!aio_expanded(t, c->cycle.tasks.item[i], "cycle.tasks", &task))
			return false;
		if (task == NULL || *task == '\0')
			continue;
		json_sep(b);
		json_string(b, task, strlen(task));
	}
	buf_putc(b, ']');
	return true;
}

/* Only the documented wrapper is kept over there; a plain list of ids would be dropped silently. */
static bool put_tags(struct talk *t, struct buf *b)
{
	const struct aio_conf *c = t->conf;
	const cJSON *known = cJSON_GetObjectItemCaseSensitive(t->facts, "tags");
	const char *name;

	if (c->cycle.tags.count == 0 || known == NULL)
		return true;
	json_key(b, "tags");
	buf_putc(b, '[');
	for (size_t i = 0; i < c->cycle.tags.count; i++) {
		if (!aio_expanded(t, c->cycle.tags.item[i], "cycle.tags", &name))
			return false;
		const char *id = name != NULL ? sink_string(known, name) : NULL;
		if (id == NULL)
			continue;
		json_sep(b);
		buf_puts(b, "{\"tag\":{");
		sink_put_id(b, "ID", id);
		buf_puts(b, "}}");
	}
	buf_putc(b, ']');
	return true;
}

static const char *folder_id(const struct talk *t)
{
	return sink_string(cJSON_GetObjectItemCaseSensitive(t->bookmark, "folder"), "id");
}

static void put_folder(struct talk *t, struct buf *b, bool flat)
{
	const char *id = folder_id(t);

	if (id == NULL)
		return;
	if (flat) {
		sink_put_id(b, "folderID", id);
		return;
	}
	json_key(b, "folder");
	buf_putc(b, '{');
	sink_put_id(b, "ID", id);
	buf_putc(b, '}');
}

static bool back_dated(const struct talk *t)
{
	const struct aio_conf *c = t->conf;

	return t->run->backfill && !aio_old(t, "migrate_cycle") && c->cycle.sets.count == 0;
}

static bool put_cycle(struct talk *t, struct buf *b, const char *title)
{
	const struct aio_conf *c = t->conf;
	char iso[CLOCK_ISO_SIZE];
	bool sets = c->cycle.sets.count > 0;

	buf_putc(b, '{');
	json_field(b, "title", title);
	if (sets) {
		json_key(b, "sourceIDs");
		buf_putc(b, '[');
		for (size_t i = 0; i < c->cycle.sets.count; i++) {
			json_sep(b);
			json_string(b, c->cycle.sets.item[i], strlen(c->cycle.sets.item[i]));
		}
		buf_putc(b, ']');
	}
	put_folder(t, b, sets);
	json_field(b, "ownedByID", c->cycle.owner);
	put_ids(b, "jiraReleaseIDs", &c->cycle.releases);
	put_ids(b, "jiraComponentIDs", &c->cycle.components);
	if (back_dated(t))
		json_field(b, "createdDate", clock_iso(t->run->started_ms, iso));
	bool good = put_objective(t, b) && put_tasks(t, b) && put_tags(t, b) &&
		    put_date(t, b, "startDate", c->cycle.start_on, "cycle.start_on") &&
		    put_date(t, b, "endDate", c->cycle.due_on, "cycle.due_on") &&
		    aio_put_fields(t, b, "cycle_fields", "customFields", false, t->run->vars);
	buf_putc(b, '}');
	return good;
}

enum ask aio_add_cycle_ask(struct talk *t, struct request *r)
{
	const struct aio_conf *c = t->conf;

	if (aio_cycle(t) != NULL || c->cycle.key != NULL)
		return ASK_SKIP;
	const char *title = aio_cycle_title(t);
	if (title == NULL || !put_cycle(t, &r->body, title))
		return ASK_PARK;
	if (c->cycle.sets.count > 0)
		aio_post(t, r, "testcycle/testset/create");
	else
		aio_post(t, r, back_dated(t) ? "testcycle/detail/migrate" : "testcycle/detail");
	return aio_send(t, r, "new cycle");
}

static void say_folder(struct talk *t)
{
	const cJSON *folder = cJSON_GetObjectItemCaseSensitive(t->bookmark, "folder");
	const char *why = sink_string(folder, "why");

	if (sink_bool(folder, "none"))
		aio_say(t, "the cycle is made without its folder: %s", why != NULL ? why : "");
}

static enum got add_refused(struct talk *t, const struct reply *r)
{
	static const char *const folder[] = { "folder", NULL };
	enum got got = aio_refused(t, r, "new cycle", GOT_PARK);
	const char *text = arena_strdup(t->arena, t->err.text);

	if (r->status == 404 && back_dated(t)) {
		aio_learn_old(t, "migrate_cycle",
			      "the cycle is dated today, its start date says when it was");
		err_clear(&t->err);
		return GOT_MORE;
	}
	if (got != GOT_PARK || text == NULL)
		return got;
	if ((r->status == 400 || r->status == 404) && folder_id(t) != NULL && sink_says(text, folder)) {
		/* Deleted over there since we learned of it. */
		cJSON_DeleteItemFromObjectCaseSensitive(t->facts, "folders");
		cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "folder");
		return sink_back(t, "%s", text);
	}
	if (r->status == 400 && strcasestr(text, "tag") != NULL &&
	    cJSON_GetObjectItemCaseSensitive(t->facts, "tags") != NULL) {
		cJSON_DeleteItemFromObjectCaseSensitive(t->facts, "tags");
		cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "tagless");
		return sink_back(t, "%s", text);
	}
	return got;
}

enum got aio_add_cycle_got(struct talk *t, const struct reply *r)
{
	if (!sink_ok(r))
		return add_refused(t, r);
	cJSON *root = sink_json(r);
	bool made = is_cycle(t, root);
	if (made) {
		keep_cycle(t, root, ours_alone(t));
		say_folder(t);
	}
	cJSON_Delete(root);
	return made ? GOT_NEXT : GOT_UNKNOWN;
}

static const char *sent_title(struct talk *t)
{
	cJSON *sent = cJSON_Parse(t->sent != NULL ? t->sent : "");
	const char *title = sink_string(sent, "title");

	title = title != NULL ? arena_strdup(t->arena, title) : NULL;
	cJSON_Delete(sent);
	return title;
}

enum ask aio_add_cycle_look(struct talk *t, struct request *r)
{
	const char *title = sent_title(t);

	if (title == NULL)
		return ASK_SKIP;
	ask_cycles(t, r, title);
	return aio_send(t, r, "look-up of the cycle");
}

enum looked aio_add_cycle_looked(struct talk *t, const struct reply *r)
{
	struct aio_page page;
	bool hit = false;
	const cJSON *item;

	if (r->status == 404 && !aio_old(t, "cycle_search")) {
		aio_learn_old(t, "cycle_search", "the whole list of cycles is read instead");
		return LOOKED_MORE;
	}
	if (!sink_ok(r)) {
		aio_refused(t, r, "look-up of the cycle", GOT_PARK);
		return LOOKED_UNSURE;
	}
	if (!aio_page(r, &page))
		return LOOKED_UNSURE;
	cJSON_ArrayForEach(item, page.items)
	{
		const char *objective = sink_string(item, "objective");
		if (hit || objective == NULL || strstr(objective, t->run->token) == NULL ||
		    !is_cycle(t, item))
			continue;
		hit = true;
		keep_cycle(t, item, ours_alone(t));
	}
	bool last = sink_turn_page(t, page.count, page.last);
	cJSON_Delete(page.root);
	return hit ? LOOKED_ALL : last ? LOOKED_NONE : LOOKED_MORE;
}

/* ---- the end ---- */

enum ask aio_close_ask(struct talk *t, struct request *r)
{
	const struct aio_conf *c = t->conf;
	int64_t done = sink_int(t->bookmark, "closed", 0); /* 1: locked, 2: closed */
	bool lock = c->cycle.lock && done < 1, close = c->cycle.close && done < 2;

	if (aio_cycle(t) == NULL || aio_old(t, "state") || (!lock && !close))
		return ASK_SKIP;
	aio_put(t, r, "testcycle/{}/state", aio_cycle(t));
	buf_putc(&r->body, '{');
	json_field(&r->body, "name", lock ? "LOCKED" : "CLOSED");
	json_field_bool(&r->body, "value", true);
	buf_putc(&r->body, '}');
	return ASK_SEND;
}

enum got aio_close_got(struct talk *t, const struct reply *r)
{
	const struct aio_conf *c = t->conf;
	int64_t done = sink_int(t->bookmark, "closed", 0);
	bool locking = c->cycle.lock && done < 1;
	static const char *const already[] = { "already", NULL };

	if (r->status == 404) {
		/* Deleted: nothing is left to close.  Or a server that cannot. */
		if (strcasestr(sink_words(t->arena, r), "cycle") == NULL)
			aio_learn_old(t, "state", "cycles are left open");
		sink_set_int(t->bookmark, "closed", 2);
		return GOT_NEXT;
	}
	if (!sink_ok(r)) {
		enum got got = aio_refused(t, r, "close", GOT_PARK);
		/* Closed already: our first answer was lost. */
		if (r->status != 400 || (!sink_says(t->err.text, already) && !aio_says_closed(t->err.text)))
			return got;
		err_clear(&t->err);
	}
	sink_set_int(t->bookmark, "closed", locking ? 1 : 2);
	return GOT_MORE;
}
