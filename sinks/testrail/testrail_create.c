/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_create.c - sections and cases that are missing: made, and found again where an answer was lost.
 *
 * Neither call may be repeated blindly: duplicate names are allowed over there. */
#include "sinks/testrail/testrail.h"

#include "daemon/base/json.h"
#include "daemon/base/utf8.h"

#include <errno.h>
#include <string.h>

#define DENIED_MS 60000 /* then it is tried again: somebody may have given us the right */

static bool equal(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* A name as it was sent against one as it came back. */
static bool same_name(struct talk *t, const char *sent, const char *back)
{
	if (sent == NULL || back == NULL)
		return false;
	return equal(testrail_line(t->arena, sent), testrail_line(t->arena, back)) ||
	       equal(testrail_line(t->arena, sent), testrail_line(t->arena, testrail_plain(t->arena, back)));
}

static enum ask too_long(struct talk *t, const char *what)
{
	err_set(&t->err, -E2BIG, "%s: the request is too large", what);
	return ASK_PARK;
}

/* The section is not there any more: what is known of sections is forgotten and read again. */
static enum got section_gone(struct talk *t, const char *id)
{
	const char *why = arena_strdup(t->arena, t->err.text);

	if (id != NULL && *id != '\0')
		learned_gone(&t->learned, "section", sink_string(t->facts, "scope"), id);
	if (testrail_several(t->conf)) /* it may be the suite */
		cJSON_DeleteItemFromObjectCaseSensitive(t->facts, "suite");
	testrail_forget_sections(t);
	return sink_back(t, "%s", why != NULL ? why : "a section is gone");
}

static bool says_section(const struct talk *t, const struct reply *r)
{
	static const char *const section[] = { "section", "parent_id", "suite_id", NULL };

	return sink_says(sink_words(t->arena, r), section);
}

/* What may not be made is parked with the reason, and with it the tests that wait for it; the rest of the
 * run goes on. */
static enum ask park_rows(struct talk *t, const char *why)
{
	for (size_t i = 0; i < t->rows->count; i++)
		learned_parked(&t->learned, t->rows->row[i].id, why);
	return ASK_LEARN;
}

/* 403: we may not make such things here.  That is asked once for all of them, and not for every place. */
static enum got denied(struct talk *t)
{
	sink_set_string(t->bookmark, "denied", t->err.text);
	sink_set_int(t->bookmark, "denied_at", sink_int(sink_scratch(t), "asked", t->now_ms));
	err_clear(&t->err);
	return GOT_MORE;
}

static const char *still_denied(struct talk *t)
{
	const char *words = sink_string(t->bookmark, "denied");
	int64_t age = t->now_ms - sink_int(t->bookmark, "denied_at", 0);

	/* By our clock; in an answer the time is the server's. */
	sink_set_int(sink_scratch(t), "asked", t->now_ms);
	if (words == NULL || (age >= 0 && age < DENIED_MS))
		return words;
	cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "denied");
	cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "denied_at");
	return NULL;
}

/* ---- sections ---- */

static enum ask sections_not_wanted(struct talk *t)
{
	const struct testrail_conf *c = t->conf;

	for (size_t i = 0; i < t->rows->count; i++) {
		const struct row *row = &t->rows->row[i];
		const char *why = arena_printf(
			t->arena, "no section \"%.200s\", and create.sections is false", row->name);
		if (c->unmatched == UNMATCHED_IGNORE)
			learned_ignored(&t->learned, row->id, why);
		else
			learned_parked(&t->learned, row->id, why);
	}
	return ASK_LEARN;
}

/* Of several suites the first component of a place is one of them, by its name (the queue has found those) or
 * by its id.  Whether any row was such a one. */
static bool settle_suites(struct talk *t)
{
	bool any = false;

	for (size_t i = 0; testrail_several(t->conf) && i < t->rows->count; i++) {
		const struct row *row = &t->rows->row[i];
		if (row->remote_id != NULL && row->remote_id[0] != '\0')
			continue;
		any = true;
		if (testrail_suite_name(t, row->name) != NULL)
			learned_place(&t->learned, row->id, testrail_section_key(t, row->name, NULL));
		else
			learned_parked(
				&t->learned, row->id,
				arena_printf(t->arena,
					     "create.suite: \"%.200s\" is none of the suites that `suites` "
					     "names",
					     row->name));
	}
	return any;
}

enum ask testrail_add_section_ask(struct talk *t, struct request *r)
{
	const struct testrail_conf *c = t->conf;
	const struct row *row = &t->rows->row[0];
	const char *name = testrail_line(t->arena, row->name), *suite, *parent;
	const char *why = still_denied(t);

	if (settle_suites(t))
		return ASK_LEARN;
	testrail_section_split(t, row->remote_id, &suite, &parent);
	if (!c->create.sections)
		return sections_not_wanted(t);
	if (why != NULL)
		return park_rows(t, why);
	testrail_post(r, "add_section", testrail_fact(t, "project", "id"));
	buf_putc(&r->body, '{');
	json_field(&r->body, "name", name != NULL && *name != '\0' ? name : "(no name)");
	if (suite != NULL)
		sink_put_id(&r->body, "suite_id", suite);
	if (parent != NULL)
		sink_put_id(&r->body, "parent_id", parent);
	buf_putc(&r->body, '}');
	return buf_error(&r->body) == 0 ? ASK_SEND : too_long(t, "add_section");
}

static void bind_section(struct talk *t, const struct row *row, const char *id)
{
	const char *suite, *parent;

	testrail_section_split(t, row->remote_id, &suite, &parent);
	id = testrail_section_key(t, suite, id);
	learned_place(&t->learned, row->id, id);
	learned_remote(&t->learned, "section", sink_string(t->facts, "scope"), id,
		       row->remote_id != NULL ? row->remote_id : "", row->name, NULL, NULL);
}

enum got testrail_add_section_got(struct talk *t, const struct reply *r)
{
	const struct row *row = &t->rows->row[0];

	if (!sink_ok(r)) {
		enum got got = testrail_refused(t, r, "add_section", GOT_REFUSED);
		if (got != GOT_REFUSED)
			return got;
		if (r->status == 403)
			return denied(t);
		if (says_section(t, r))
			return section_gone(t, row->remote_id);
		/* One section a request: it is known who is meant. */
		learned_parked(&t->learned, row->id, t->err.text);
		err_clear(&t->err);
		return GOT_MORE;
	}
	cJSON *root = sink_json(r);
	const char *id = sink_id(t->arena, root, "id");
	cJSON_Delete(root);
	if (id == NULL)
		return GOT_UNKNOWN;
	bind_section(t, row, id);
	return GOT_MORE;
}

enum ask testrail_add_section_look(struct talk *t, struct request *r)
{
	const char *suite, *parent;

	testrail_section_split(t, t->rows->row[0].remote_id, &suite, &parent);
	testrail_get(r, "get_sections", testrail_fact(t, "project", "id"));
	testrail_arg(r, "suite_id", suite);
	testrail_page_args(r, sink_int(sink_scratch(t), "offset", 0));
	return ASK_SEND;
}

/* A look-up that is refused because what it asks by is gone has found nothing; the list is read anew. */
static enum looked look_refused(struct talk *t, const struct reply *r, const char *what)
{
	testrail_refused(t, r, what, GOT_PARK);
	if (r->status != 400 && r->status != 404)
		return LOOKED_UNSURE;
	testrail_forget_sections(t);
	return LOOKED_NONE;
}

enum looked testrail_add_section_looked(struct talk *t, const struct reply *r)
{
	struct testrail_page page;
	const cJSON *item;

	if (!sink_ok(r))
		return look_refused(t, r, "look-up of a section");
	if (!testrail_page(r, "sections", &page))
		return LOOKED_UNSURE;
	const struct row *row = &t->rows->row[0];
	const char *suite, *wanted;
	testrail_section_split(t, row->remote_id, &suite, &wanted);
	cJSON_ArrayForEach(item, page.items)
	{
		const char *id = sink_id(t->arena, item, "id"),
			   *parent = sink_id(t->arena, item, "parent_id");
		if (id == NULL || (wanted == NULL ? parent != NULL : !equal(parent, wanted)) ||
		    !same_name(t, row->name, sink_string(item, "name")))
			continue;
		bind_section(t, row, id);
		cJSON_Delete(page.root);
		return LOOKED_ALL;
	}
	bool last = sink_turn_page(t, page.count, page.last);
	cJSON_Delete(page.root);
	return last ? LOOKED_NONE : LOOKED_MORE;
}

/* ---- cases ---- */

/* What a row becomes over there. */
struct made {
	const char *title, *key; /* key NULL: the project has no field for it */
	const char *key_line;    /* the key as a field of one line would show it */
};

static struct made made_of(struct talk *t, const struct row *row)
{
	const struct testrail_conf *c = t->conf;
	const struct row_test *test = &row->tests[0];
	const struct result *r = test->results[test->result_count - 1];
	const char *name = r->name != NULL && *r->name != '\0' ? r->name : r->id;
	bool missing = sink_bool(cJSON_GetObjectItemCaseSensitive(t->facts, "field"), "missing");
	struct made m = { .title = testrail_line(t->arena, name != NULL ? name : "") };

	if (m.title == NULL || *m.title == '\0')
		m.title = "(no name)";
	/* As the queue compares it, so that the next run finds the case. */
	if (match_has(&c->match, MATCH_AUTOMATION) && !missing && r->id != NULL)
		m.key = utf8_key(t->arena, r->id, strlen(r->id), MATCH_KEY_MAX);
	if (m.key != NULL)
		m.key_line = testrail_line(t->arena, m.key);
	return m;
}

static struct made *made_of_all(struct talk *t, size_t n)
{
	struct made *all = arena_calloc(t->arena, n + 1, sizeof(*all));

	for (size_t i = 0; i < n && all != NULL; i++)
		all[i] = made_of(t, &t->rows->row[i]);
	return all;
}

static bool one_by_one(const struct talk *t)
{
	return sink_bool(cJSON_GetObjectItemCaseSensitive(t->facts, "old"), "add_cases");
}

static size_t in_request(const struct talk *t)
{
	if (one_by_one(t))
		return 1;
	return t->rows->count < t->batch || t->batch == 0 ? t->rows->count : t->batch;
}

static const struct result *result_of(const struct row *row)
{
	return row->tests[0].results[row->tests[0].result_count - 1];
}

static bool put_case(struct talk *t, struct buf *b, const struct row *row)
{
	const struct testrail_conf *c = t->conf;
	struct made m = made_of(t, row);

	json_sep(b);
	buf_putc(b, '{');
	json_field(b, "title", m.title);
	json_field(b, c->field, m.key);
	bool good = testrail_case_put(t, b, result_of(row));
	buf_putc(b, '}');
	return good;
}

enum ask testrail_add_cases_ask(struct talk *t, struct request *r)
{
	const char *why = still_denied(t), *suite, *place;
	bool single = one_by_one(t);

	if (why != NULL)
		return park_rows(t, why);
	testrail_section_split(t, t->rows->row[0].remote_id, &suite, &place);
	if (place == NULL) {
		err_set(&t->err, -EINVAL, "add_cases: the cases have no section to stand in");
		return ASK_PARK;
	}
	testrail_post(r, single ? "add_case" : "add_cases", place);
	if (!single)
		buf_puts(&r->body, "{\"cases\":[");
	for (size_t i = 0; i < in_request(t); i++) {
		if (!put_case(t, &r->body, &t->rows->row[i]))
			return ASK_PARK;
	}
	if (!single)
		buf_puts(&r->body, "]}");
	return buf_error(&r->body) == 0 ? ASK_SEND : too_long(t, "add_cases");
}

/* What a case over there calls itself: as it came, and with rich text undone; each as one line. */
struct back {
	const char *title[2], *key[2];
};

static struct back back_of(struct talk *t, const cJSON *item)
{
	const struct testrail_conf *c = t->conf;
	const char *title = sink_string(item, "title"), *key = sink_string(item, c->field);
	struct back b = { 0 };

	if (title != NULL) {
		const char *plain = testrail_plain(t->arena, title);
		b.title[0] = testrail_line(t->arena, title);
		b.title[1] = plain != NULL ? testrail_line(t->arena, plain) : NULL;
	}
	if (key != NULL) {
		const char *plain = testrail_plain(t->arena, key);
		b.key[0] = testrail_line(t->arena, key);
		b.key[1] = plain != NULL ? testrail_line(t->arena, plain) : NULL;
	}
	return b;
}

static bool is_made(const struct back *b, const struct made *m)
{
	if (m->key != NULL && b->key[0] != NULL)
		return equal(b->key[0], m->key_line) || equal(b->key[1], m->key_line);
	return equal(b->title[0], m->title) || equal(b->title[1], m->title);
}

static void bind(struct talk *t, size_t i, const struct made *m, const char *id)
{
	const struct row *row = &t->rows->row[i];
	const char *suite, *section;

	testrail_section_split(t, row->remote_id, &suite, &section);
	learned_case(&t->learned, row->id, id);
	learned_remote(&t->learned, "case", sink_string(t->facts, "scope"), id,
		       testrail_several(t->conf) ? suite : section, m->title, m->key, NULL);
}

/* Pairs answers with what was asked for: by what they hold, and only then, where as many came as were
 * asked for, by position (a server may have changed the text).  Returns how many were bound. */
static size_t bind_answers(struct talk *t, const cJSON *items, size_t n)
{
	size_t count = (size_t)cJSON_GetArraySize(items), bound = 0, i = 0, rest_count = 0;
	struct made *made = made_of_all(t, n);
	bool *taken = arena_calloc(t->arena, n + 1, sizeof(*taken));
	const char **rest = arena_calloc(t->arena, count + 1, sizeof(char *));
	const cJSON *item;

	if (made == NULL || taken == NULL || rest == NULL)
		return 0;
	cJSON_ArrayForEach(item, items)
	{
		const char *id = sink_id(t->arena, item, "id");
		struct back back = back_of(t, item);
		size_t found = n;
		/* Mostly the one at the same place; else any. */
		for (size_t k = 0; k < n && found == n && id != NULL; k++) {
			size_t at = (i + k) % n;
			if (!taken[at] && is_made(&back, &made[at]))
				found = at;
		}
		if (found < n) {
			taken[found] = true;
			bind(t, found, &made[found], id);
			bound++;
		} else if (id != NULL) {
			rest[rest_count++] = id;
		}
		i++;
	}
	if (count != n)
		return bound;
	for (size_t k = 0, next = 0; k < n && next < rest_count; k++) {
		if (taken[k])
			continue;
		bind(t, k, &made[k], rest[next++]);
		bound++;
	}
	return bound;
}

static enum got add_cases_refused(struct talk *t, const struct reply *r)
{
	cJSON *old = sink_object(t->facts, "old");
	bool single = sink_bool(old, "add_cases");
	enum got got = testrail_refused(t, r, single ? "add_case" : "add_cases", GOT_REFUSED);

	if (got != GOT_REFUSED)
		return got;
	if (r->status == 403)
		return denied(t);
	if (testrail_says_unknown_call(r, t->err.text)) {
		/* Servers before 7.5 know add_case only.  Where they do not know that either, it was not the
		 * call that is missing but the section. */
		sink_set_int(old, "add_cases", !single);
		if (!single) {
			err_clear(&t->err);
			return GOT_MORE;
		}
		return section_gone(t, t->rows->row[0].remote_id);
	}
	return says_section(t, r) ? section_gone(t, t->rows->row[0].remote_id) : got;
}

enum got testrail_add_cases_got(struct talk *t, const struct reply *r)
{
	if (!sink_ok(r))
		return add_cases_refused(t, r);
	cJSON *root = sink_json(r);
	const cJSON *items = cJSON_IsArray(root) ? root : cJSON_GetObjectItemCaseSensitive(root, "cases");
	size_t bound = 0;
	if (cJSON_IsArray(items)) {
		bound = bind_answers(t, items, in_request(t));
	} else if (cJSON_IsObject(root)) {
		const char *id = one_by_one(t) ? sink_id(t->arena, root, "id") : NULL;
		if (id != NULL) {
			struct made m = made_of(t, &t->rows->row[0]);
			bind(t, 0, &m, id);
			bound = 1;
		}
	}
	cJSON_Delete(root);
	return bound > 0 ? GOT_MORE : GOT_UNKNOWN;
}

enum ask testrail_add_cases_look(struct talk *t, struct request *r)
{
	const char *suite, *section;

	testrail_section_split(t, t->rows->row[0].remote_id, &suite, &section);
	testrail_get(r, "get_cases", testrail_fact(t, "project", "id"));
	testrail_arg(r, "suite_id", suite);
	testrail_arg(r, "section_id", section);
	testrail_arg_window(t, r);
	testrail_page_args(r, sink_int(sink_scratch(t), "offset", 0));
	return ASK_SEND;
}

static bool was_sent(struct talk *t, const cJSON *sent, const struct made *m)
{
	const struct testrail_conf *c = t->conf;
	const cJSON *item, *all = cJSON_GetObjectItemCaseSensitive(sent, "cases");

	if (!cJSON_IsArray(all))
		return equal(sink_string(sent, "title"), m->title) &&
		       (m->key == NULL || equal(sink_string(sent, c->field), m->key));
	cJSON_ArrayForEach(item, all)
	{
		if (equal(sink_string(item, "title"), m->title) &&
		    (m->key == NULL || equal(sink_string(item, c->field), m->key)))
			return true;
	}
	return false;
}

/* Which case each row has become, so far: an array in scratch, ids and nulls. */
static const char **found_read(struct talk *t)
{
	const char **id = arena_calloc(t->arena, t->rows->count + 1, sizeof(char *));
	const cJSON *item, *found = cJSON_GetObjectItemCaseSensitive(sink_scratch(t), "found");
	size_t i = 0;

	cJSON_ArrayForEach(item, found)
	{
		if (id != NULL && i < t->rows->count && cJSON_IsString(item))
			id[i] = arena_strdup(t->arena, item->valuestring);
		i++;
	}
	return id;
}

static void found_write(struct talk *t, const char *const *id)
{
	cJSON *scratch = sink_scratch(t);

	cJSON_DeleteItemFromObjectCaseSensitive(scratch, "found");
	cJSON *found = cJSON_AddArrayToObject(scratch, "found");
	for (size_t i = 0; i < t->rows->count; i++)
		cJSON_AddItemToArray(found, id[i] != NULL ? cJSON_CreateString(id[i]) : cJSON_CreateNull());
}

static void note_found(struct talk *t, const cJSON *items, const struct made *made, const char **found)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, items)
	{
		const char *id = sink_id(t->arena, item, "id");
		struct back back = back_of(t, item);
		bool known = id == NULL;
		for (size_t i = 0; i < t->rows->count && !known; i++)
			known = equal(found[i], id);
		for (size_t i = 0; i < t->rows->count && !known; i++) {
			if (found[i] != NULL || !is_made(&back, &made[i]))
				continue;
			found[i] = id;
			known = true;
		}
	}
}

static enum looked bind_found(struct talk *t, const struct made *made, const char *const *found)
{
	cJSON *sent = cJSON_Parse(t->sent != NULL ? t->sent : "");
	size_t sent_count = 0, found_count = 0;

	for (size_t i = 0; i < t->rows->count; i++) {
		found_count += found[i] != NULL;
		sent_count += found[i] != NULL || was_sent(t, sent, &made[i]);
	}
	cJSON_Delete(sent);
	if (found_count == 0)
		return LOOKED_NONE;
	if (found_count < sent_count && sink_reads_again(t))
		return LOOKED_MORE;
	for (size_t i = 0; i < t->rows->count; i++) {
		if (found[i] != NULL)
			bind(t, i, &made[i], found[i]);
	}
	return found_count == sent_count ? LOOKED_ALL : LOOKED_SOME;
}

enum looked testrail_add_cases_looked(struct talk *t, const struct reply *r)
{
	struct testrail_page page;

	if (!sink_ok(r))
		return look_refused(t, r, "look-up of new cases");
	if (!testrail_page(r, "cases", &page))
		return LOOKED_UNSURE;
	struct made *made = made_of_all(t, t->rows->count);
	const char **found = found_read(t);
	bool room = made != NULL && found != NULL;
	if (room)
		note_found(t, page.items, made, found);
	bool last = sink_turn_page(t, page.count, page.last);
	cJSON_Delete(page.root);
	if (!room)
		return LOOKED_UNSURE;
	enum looked looked = last ? bind_found(t, made, found) : LOOKED_MORE;
	if (looked == LOOKED_MORE)
		found_write(t, found);
	return looked;
}
