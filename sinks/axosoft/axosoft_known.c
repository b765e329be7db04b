/* SPDX-License-Identifier: Apache-2.0
 *
 * axosoft_known.c - what is known of items: kept with a failure, read from the tracker's lists, many in one call;
 * and the one that is found by the mark in its name. */
#include "sinks/axosoft/axosoft.h"

#include "daemon/base/clock.h"
#include "daemon/base/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IDS_MAX = 100, NAMES_PAGE = 50 };

/* ---- what is known of an item ---- */

/* Many failures may share an item (of a group, of a summary): what one of them found out of it in this run holds
 * for the others, which ask no more. */
static const cJSON *fresher(struct talk *t, const cJSON *kept)
{
	const cJSON *read = cJSON_GetObjectItemCaseSensitive(t->bookmark, "read");
	const char *id = kept != NULL ? sink_string(kept, "id") : NULL;
	const cJSON *now = id != NULL ? cJSON_GetObjectItemCaseSensitive(read, id) : NULL;

	return now != NULL && sink_int(now, "run", 0) == t->run->id ? now : kept;
}

struct axosoft_item axosoft_item_of(struct talk *t, const struct row *row)
{
	struct axosoft_item item = { .done_ms = TIME_UNKNOWN };
	cJSON *kept = row->remote_json != NULL ? cJSON_Parse(row->remote_json) : NULL;
	const cJSON *json = fresher(t, kept);

	if (json != NULL) {
		item.id = arena_strdup(t->arena, sink_string(json, "id"));
		item.number = arena_strdup(t->arena, sink_string(json, "number"));
		item.step = arena_strdup(t->arena, sink_string(json, "step"));
		item.step_id = arena_strdup(t->arena, sink_string(json, "step_id"));
		item.set_step = arena_strdup(t->arena, sink_string(json, "set_step"));
		item.kept = arena_strdup(t->arena, sink_string(json, "kept"));
		item.ours = sink_bool(json, "ours");
		item.shared = sink_bool(json, "shared");
		item.touched = sink_bool(json, "touched");
		item.done = sink_bool(json, "done");
		item.missing = sink_bool(json, "missing");
		item.done_ms = sink_int(json, "done_ms", TIME_UNKNOWN);
		item.seen_run = sink_int(json, "run", 0);
	}
	cJSON_Delete(kept);
	return item;
}

void axosoft_learn_item(struct talk *t, const struct row *row, const struct axosoft_item *item)
{
	cJSON *json = cJSON_CreateObject();

	sink_set_string(json, "id", item->id);
	if (item->number != NULL)
		sink_set_string(json, "number", item->number);
	if (item->step != NULL)
		sink_set_string(json, "step", item->step);
	if (item->step_id != NULL)
		sink_set_string(json, "step_id", item->step_id);
	if (item->set_step != NULL)
		sink_set_string(json, "set_step", item->set_step);
	if (item->kept != NULL)
		sink_set_string(json, "kept", item->kept);
	sink_set_int(json, "ours", item->ours);
	if (item->shared)
		sink_set_int(json, "shared", 1);
	if (item->touched)
		sink_set_int(json, "touched", 1);
	sink_set_int(json, "done", item->done);
	sink_set_int(json, "missing", item->missing);
	if (item->done_ms != TIME_UNKNOWN)
		sink_set_int(json, "done_ms", item->done_ms);
	sink_set_int(json, "run", item->seen_run);
	char *text = cJSON_PrintUnformatted(json);
	learned_remote(&t->learned, "case", sink_string(t->facts, "scope"), row->remote_id, NULL, NULL, NULL,
		       text);
	free(text);
	if (item->shared && item->seen_run == t->run->id) {
		cJSON *read = cJSON_GetObjectItemCaseSensitive(t->bookmark, "read");
		if (read == NULL)
			read = cJSON_AddObjectToObject(t->bookmark, "read");
		cJSON_DeleteItemFromObjectCaseSensitive(read, item->id);
		cJSON_AddItemToObject(read, item->id, json);
		return;
	}
	cJSON_Delete(json);
}

/* "2026-11-20T10:00:00Z"; what lies before 1970 means "not yet" (1899-01-01). */
static int64_t stamp(const char *s)
{
	int y, m, d, h = 0, min = 0;

	if (s == NULL || sscanf(s, "%4d-%2d-%2dT%2d:%2d", &y, &m, &d, &h, &min) < 3 || y < 1971 || y > 9999 ||
	    m < 1 || m > 12)
		return TIME_UNKNOWN;
	int64_t days = clock_days(y, (unsigned)m, 0) + d;
	return ((days * 24 + h) * 60 + min) * INT64_C(60000);
}

/* {"assigned_to":{"id":7,"type":"user"}}: rebuilt from what is understood of it. */
static const char *read_kept(struct talk *t, const cJSON *row)
{
	const struct axosoft_conf *c = t->conf;
	struct buf b = BUF_LIMIT(4096);
	size_t n = 0;

	for (size_t i = 0; i < c->push.sticky.count; i++) {
		const char *name = c->push.sticky.item[i];
		const cJSON *ref = cJSON_GetObjectItemCaseSensitive(row, name);
		const char *id = axosoft_id(t->arena, ref, "id"), *type = sink_string(ref, "type");
		if (id == NULL || strcmp(id, "0") == 0) /* nobody */
			continue;
		buf_putc(&b, n++ == 0 ? '{' : ',');
		json_string(&b, name, strlen(name));
		buf_printf(&b, ":{\"id\":%s", id);
		if (strcmp(name, "assigned_to") == 0)
			json_field(&b, "type", type != NULL && strcmp(type, "team") == 0 ? "team" : "user");
		buf_putc(&b, '}');
	}
	if (n > 0)
		buf_putc(&b, '}');
	const char *text = n > 0 ? arena_strndup(t->arena, b.data, b.len) : NULL;
	buf_done(&b);
	return text;
}

static void read_item(struct talk *t, const cJSON *row, struct axosoft_item *item)
{
	const cJSON *step = cJSON_GetObjectItemCaseSensitive(row, "workflow_step");
	const struct axosoft_conf *c = t->conf;
	const char *closed = c->close_step != NULL ? axosoft_step_id(t, "close") : NULL;
	const char *at = axosoft_id(t->arena, step, "id");

	item->id = axosoft_id(t->arena, row, "id");
	item->number = sink_id(t->arena, row, "number");
	item->step_id = at;
	if (item->set_step == NULL)
		item->set_step = at; /* nothing better is known */
	item->kept = read_kept(t, row);
	item->step = arena_strdup(t->arena, sink_string(step, "name"));
	item->done_ms = stamp(sink_string(row, "completion_date"));
	item->done = sink_bool(row, "is_completed") || sink_int(row, "percent_complete", 0) >= 100 ||
		     (closed != NULL && at != NULL && strcmp(closed, at) == 0);
	item->missing = sink_bool(row, "archived");
	item->touched = !item->done && sink_int(row, "percent_complete", 0) > 0;
	item->seen_run = t->run->id;
}

const cJSON *axosoft_data(const cJSON *root)
{
	return cJSON_GetObjectItemCaseSensitive(root, "data");
}

/* The columns of a list, those that a successor takes over among them. */
static const char *columns(const struct talk *t)
{
	const struct axosoft_conf *c = t->conf;
	struct buf b = BUF_LIMIT(1024);

	buf_puts(&b, "id,number,name,workflow_step,is_completed,completion_date,percent_complete,archived");
	for (size_t i = 0; i < c->push.sticky.count; i++)
		buf_printf(&b, ",%s", c->push.sticky.item[i]);
	const char *text = arena_strndup(t->arena, b.data, b.len);
	buf_done(&b);
	return text;
}

/* ---- known items, many in one call ---- */

static bool unseen(struct talk *t, const struct row *row, struct axosoft_item *item)
{
	*item = axosoft_item_of(t, row);
	return item->id != NULL && item->seen_run != t->run->id;
}

/* "991,1004": several failures may share one. */
static bool listed(const struct buf *ids, const char *id)
{
	size_t len = strlen(id);

	for (const char *s = ids->data; s != NULL && *s != '\0';
	     s = strchr(s, ',') != NULL ? strchr(s, ',') + 1 : "")
		if (strncmp(s, id, len) == 0 && (s[len] == ',' || s[len] == '\0'))
			return true;
	return false;
}

static void list_args(struct talk *t, struct request *r, int64_t size)
{
	char text[24];

	sink_arg(r, "page", sink_bool(t->facts, "from_0") ? "0" : "1");
	snprintf(text, sizeof(text), "%lld", (long long)size);
	sink_arg(r, "page_size", text);
}

/* Whether the first page is page 0, which is not documented: page 1 of a list that has rows shows none.  Learned, and
 * the list is to be asked for again. */
bool axosoft_from_0(struct talk *t, const cJSON *root)
{
	const cJSON *meta = cJSON_GetObjectItemCaseSensitive(root, "metadata");

	if (cJSON_GetArraySize(axosoft_data(root)) > 0 || sink_int(meta, "total_count", 0) <= 0 ||
	    sink_bool(t->facts, "from_0"))
		return false;
	sink_set_int(t->facts, "from_0", 1);
	return true;
}

void axosoft_ask_items(struct talk *t, struct request *r, const char *ids, size_t count)
{
	axosoft_get(t, r, "%s", axosoft_type_word(t->conf));
	sink_arg(r, "filters", arena_printf(t->arena, "id=in[%s]", ids));
	sink_arg(r, "columns", columns(t));
	list_args(t, r, (int64_t)count);
}

/* Those that are asked for next, each once; returns how many they are. */
static size_t next_ids(struct talk *t, struct buf *ids)
{
	size_t most = (size_t)sink_int(sink_scratch(t), "most", IDS_MAX), n = 0;
	struct axosoft_item item;

	for (size_t i = 0; i < t->rows->count && n < most; i++) {
		if (!unseen(t, &t->rows->row[i], &item) || listed(ids, item.id))
			continue;
		buf_printf(ids, "%s%s", n > 0 ? "," : "", item.id);
		n++;
	}
	return n;
}

enum ask axosoft_known_ask(struct talk *t, struct request *r)
{
	struct buf ids = BUF_LIMIT(16u << 10);
	size_t n = next_ids(t, &ids);

	if (n > 0)
		axosoft_ask_items(t, r, ids.data, n);
	buf_done(&ids);
	return n > 0 ? ASK_SEND : ASK_SKIP;
}

static const cJSON *row_of(struct talk *t, const cJSON *rows, const char *id)
{
	const cJSON *row;

	cJSON_ArrayForEach(row, rows)
	{
		const char *shown = axosoft_id(t->arena, row, "id");
		if (shown != NULL && strcmp(shown, id) == 0)
			return row;
	}
	return NULL;
}

/* What the list says of those that were asked for and that it shows; gone: of those that it does not show.  Returns
 * how many failures have learned something. */
static size_t learn_known(struct talk *t, const cJSON *rows, const struct buf *ids, bool gone)
{
	struct axosoft_item item;
	size_t n = 0;

	for (size_t i = 0; i < t->rows->count; i++) {
		if (!unseen(t, &t->rows->row[i], &item) || !listed(ids, item.id))
			continue;
		const cJSON *row = row_of(t, rows, item.id);
		if ((row == NULL) != gone)
			continue;
		item.missing = gone; /* deleted, or archived: such ones are not listed */
		item.seen_run = t->run->id;
		if (row != NULL)
			read_item(t, row, &item);
		axosoft_learn_item(t, &t->rows->row[i], &item);
		n++;
	}
	return n;
}

/* What is not shown is gone only where the list is whole: it may hold fewer rows than were asked for, and the first
 * page may be page 0.  Where it is not known to be whole, the others are asked for again, by themselves; where none was
 * shown, in smaller pieces, so that each may stand alone at last. */
static enum got take_known(struct talk *t, const cJSON *root, const struct buf *ids, size_t asked)
{
	const cJSON *rows = axosoft_data(root), *meta = cJSON_GetObjectItemCaseSensitive(root, "metadata");
	int64_t shown = cJSON_GetArraySize(rows), total = sink_int(meta, "total_count", -1),
		page = sink_int(meta, "page_size", 0);
	bool full = page > 0 && page < (int64_t)asked && shown >= page;
	bool whole = asked == 1 || (total == shown && !full);
	size_t found = learn_known(t, rows, ids, false);

	if (axosoft_from_0(t, root))
		return GOT_MORE;
	if (found == 0 && (shown > 0 || total > 0)) {
		err_set(&t->err, -EPROTO, "look-up of known items: the list shows none that was asked for");
		return GOT_UNKNOWN;
	}
	if (whole)
		(void)learn_known(t, rows, ids, true);
	else if (found == 0)
		sink_set_int(sink_scratch(t), "most", (int64_t)asked / 2);
	return GOT_MORE;
}

enum got axosoft_known_got(struct talk *t, const struct reply *r)
{
	struct buf ids = BUF_LIMIT(16u << 10);

	if (!sink_ok(r))
		return axosoft_refused(t, r, "look-up of known items", GOT_PARK);
	cJSON *root = sink_json(r);
	size_t asked = next_ids(t, &ids);
	enum got got = !cJSON_IsArray(axosoft_data(root)) ? GOT_UNKNOWN
		       : asked == 0                       ? GOT_NEXT
							  : take_known(t, root, &ids, asked);
	buf_done(&ids);
	cJSON_Delete(root);
	return got;
}

/* ---- by the mark in its name ---- */

void axosoft_ask_marked(struct talk *t, struct request *r, const char *mark)
{
	axosoft_get(t, r, "%s", axosoft_type_word(t->conf));
	sink_arg(r, "search_field", "name");
	sink_arg(r, "search_string", arena_printf(t->arena, "\"%s\"", mark));
	sink_arg(r, "columns", columns(t));
	list_args(t, r, NAMES_PAGE);
}

/* The item whose name holds the mark, exactly, and which is not the one of the id `but`; the newest that is open
 * goes first. */
bool axosoft_find_marked(struct talk *t, const cJSON *rows, const char *mark, const char *but,
			 struct axosoft_item *out)
{
	const char *wanted = arena_printf(t->arena, "[%s]", mark);
	const cJSON *row;
	bool found = false;

	cJSON_ArrayForEach(row, rows)
	{
		const char *name = sink_string(row, "name");
		struct axosoft_item item = { .ours = true, .set_step = axosoft_step_id(t, "bug") };
		if (name == NULL || wanted == NULL || strstr(name, wanted) == NULL)
			continue;
		read_item(t, row, &item);
		if (item.id != NULL && (but == NULL || strcmp(item.id, but) != 0) && (!found || !item.done)) {
			*out = item;
			found = true;
		}
	}
	return found;
}
