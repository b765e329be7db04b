/* SPDX-License-Identifier: Apache-2.0
 *
 * aio_create.c - cases that are missing, and their folders.
 *
 * A folder's call is get-or-create.  A case is made one by one (there is no bulk call) and can never be
 * deleted, so where the answer was lost it is searched for by its automation key, or by its title; the
 * server itself refuses a second one of that key (uniqueAutoKey). */
#include "sinks/aio/aio.h"

#include "daemon/base/json.h"
#include "daemon/base/utf8.h"

#include <errno.h>
#include <string.h>

#define DENIED_MS 60000 /* then it is tried again: somebody may have given us the right */
#define FAILS_MAX 6     /* look-ups that find no folder; then it is done without */
#define ROOT      "0"   /* a folder that could not be had */

/* ---- folders ---- */

int aio_place(const void *conf, const struct vars *vars, const struct result *r, struct arena *a,
	      const char *const **path, size_t *count, struct err *err)
{
	const struct aio_conf *c = conf;
	const char **out = arena_calloc(a, TEXT_DEPTH_MAX, sizeof(char *));

	*count = 0;
	*path = out;
	if (out != NULL && c->mode == AIO_IMPORT)
		return 0; /* the importer makes cases, and puts them where it does */
	if (out == NULL)
		return err_set(err, -E2BIG, "create.folder: the path is too long");
	return text_path(&c->create.folder, vars, r, AIO_TITLE_MAX, a, out, count, err);
}

static const char *search_tree(struct talk *t, const cJSON *list, const char *const *path, size_t count)
{
	const cJSON *node;

	cJSON_ArrayForEach(node, list)
	{
		const char *name = sink_string(node, "name");
		if (name == NULL || strcmp(text_line(t->arena, name, AIO_TITLE_MAX), path[0]) != 0)
			continue;
		if (count == 1)
			return sink_id(t->arena, node, "ID");
		return search_tree(t, cJSON_GetObjectItemCaseSensitive(node, "children"), path + 1,
				   count - 1);
	}
	return NULL;
}

const char *aio_in_tree(struct talk *t, const cJSON *tree, const char *const *path, size_t count)
{
	const cJSON *inner = cJSON_GetObjectItemCaseSensitive(tree, "children");

	/* A list of roots; one site answers a single node that holds them. */
	if (count == 0)
		return NULL;
	return search_tree(t, cJSON_IsArray(tree) ? tree : inner, path, count);
}

/* The node below a parent, anywhere in the tree. */
static const cJSON *node_of(struct talk *t, const cJSON *list, const char *id)
{
	const cJSON *node, *found;

	cJSON_ArrayForEach(node, list)
	{
		const char *own = sink_id(t->arena, node, "ID");
		if (own != NULL && strcmp(own, id) == 0)
			return node;
		found = node_of(t, cJSON_GetObjectItemCaseSensitive(node, "children"), id);
		if (found != NULL)
			return found;
	}
	return NULL;
}

static bool top(const struct row *row)
{
	return row->remote_id == NULL || row->remote_id[0] == '\0' || strcmp(row->remote_id, ROOT) == 0;
}

static void bind_folder(struct talk *t, const char *id)
{
	const struct row *row = &t->rows->row[0];

	learned_place(&t->learned, row->id, id);
	learned_remote(&t->learned, "section", sink_string(t->facts, "scope"), id,
		       row->remote_id != NULL ? row->remote_id : "", row->name, NULL, NULL);
	cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "folder_fails");
}

static const char *folder_name(struct talk *t)
{
	const char *name = text_line(t->arena, t->rows->row[0].name, AIO_TITLE_MAX);

	return name != NULL && *name != '\0' ? name : "(no name)";
}

enum ask aio_folder_ask(struct talk *t, struct request *r)
{
	const struct row *row = &t->rows->row[0];
	const char *name = folder_name(t);

	if (aio_old(t, "case_hierarchy") || sink_int(t->bookmark, "folder_fails", 0) >= FAILS_MAX) {
		/* Some sites cannot make folders: the cases stand where they can. */
		learned_place(&t->learned, row->id, top(row) ? ROOT : row->remote_id);
		return ASK_LEARN;
	}
	aio_put(t, r, "testcase/folder/hierarchy");
	buf_putc(&r->body, '{');
	if (!top(row))
		sink_put_id(&r->body, "baseFolderId", row->remote_id);
	json_key(&r->body, "folderHierarchy");
	buf_putc(&r->body, '[');
	json_string(&r->body, name, strlen(name));
	buf_puts(&r->body, "]}");
	return aio_send(t, r, "folder of cases");
}

enum got aio_folder_got(struct talk *t, const struct reply *r)
{
	const struct row *row = &t->rows->row[0];

	if (r->status == 404) {
		aio_learn_old(t, "case_hierarchy", "folders cannot be made here, cases are made without");
		return GOT_MORE;
	}
	if (!sink_ok(r)) {
		aio_refused(t, r, "folder of cases", GOT_REFUSED);
		learned_parked(&t->learned, row->id, t->err.text);
		err_clear(&t->err);
		return GOT_MORE;
	}
	cJSON *root = sink_json(r);
	const char *id = sink_id(t->arena, root, "ID");
	cJSON_Delete(root);
	if (id == NULL)
		return GOT_UNKNOWN;
	bind_folder(t, id);
	return GOT_MORE;
}

/* The call may be repeated; it is looked up all the same, because it fails for ever on some sites. */
enum ask aio_folder_look(struct talk *t, struct request *r)
{
	aio_get(t, r, "testcase/folder");
	return ASK_SEND;
}

enum looked aio_folder_looked(struct talk *t, const struct reply *r)
{
	const struct row *row = &t->rows->row[0];
	const char *name = folder_name(t), *id = NULL;

	cJSON *root = sink_ok(r) ? sink_json(r) : NULL;
	if (sink_ok(r) && root == NULL)
		return LOOKED_UNSURE;
	if (root != NULL && top(row)) {
		id = aio_in_tree(t, root, &name, 1);
	} else if (root != NULL) {
		const cJSON *parent = node_of(t, cJSON_IsArray(root) ? root : root->child, row->remote_id);
		id = aio_in_tree(t, cJSON_GetObjectItemCaseSensitive(parent, "children"), &name, 1);
	}
	cJSON_Delete(root);
	if (id != NULL) {
		bind_folder(t, id);
		return LOOKED_ALL;
	}
	sink_set_int(t->bookmark, "folder_fails", sink_int(t->bookmark, "folder_fails", 0) + 1);
	return LOOKED_NONE;
}

/* ---- cases ---- */

struct made {
	const char *title, *key; /* key NULL: the test has none */
};

static struct made made_of(struct talk *t, const struct row *row)
{
	const struct row_test *test = &row->tests[0];
	const struct result *r = test->results[test->result_count - 1];
	const char *name = r->name != NULL && *r->name != '\0' ? r->name : r->id;
	struct made m = { .title = text_line(t->arena, name != NULL ? name : "", AIO_TITLE_MAX) };

	if (m.title == NULL || *m.title == '\0')
		m.title = "(no name)";
	/* As the queue compares it, so that the next run finds the case. */
	if (r->id != NULL && *r->id != '\0')
		m.key = utf8_key(t->arena, r->id, strlen(r->id), AIO_KEY_MAX);
	return m;
}

static void put_choice(struct talk *t, struct buf *b, const char *key)
{
	const cJSON *all = cJSON_GetObjectItemCaseSensitive(aio_config(t), "create");
	const cJSON *one = cJSON_GetObjectItemCaseSensitive(all, key);

	if (one == NULL)
		return;
	json_key(b, key);
	buf_putc(b, '{');
	if (sink_string(one, "id") != NULL)
		sink_put_id(b, "ID", sink_string(one, "id"));
	json_field(b, "name", sink_string(one, "name"));
	buf_putc(b, '}');
}

static enum ask search_case(struct talk *t, struct request *r, const struct made *m)
{
	aio_search(t, r, "testcase/search");
	aio_page_args(r, 0);
	buf_putc(&r->body, '{');
	json_key(&r->body, m->key != NULL ? "automationKey" : "title");
	buf_putc(&r->body, '{');
	json_field(&r->body, "comparisonType", "EXACT_MATCH");
	json_field(&r->body, "value", m->key != NULL ? m->key : m->title);
	buf_puts(&r->body, "}}");
	return aio_send(t, r, "search for a case");
}

static const char *still_denied(struct talk *t)
{
	const char *words = sink_string(t->bookmark, "denied");
	int64_t age = t->now_ms - sink_int(t->bookmark, "denied_at", 0);

	if (words == NULL || (age > -DENIED_MS && age < DENIED_MS))
		return words;
	cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "denied");
	cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "denied_at");
	return NULL;
}

enum ask aio_create_ask(struct talk *t, struct request *r)
{
	const struct aio_conf *c = t->conf;
	const struct row *row = &t->rows->row[0];
	const char *why = still_denied(t);
	struct made m = made_of(t, row);

	if (c->mode == AIO_IMPORT)
		return ASK_SKIP; /* the importer makes them */
	if (why != NULL) {
		for (size_t i = 0; i < t->rows->count; i++)
			learned_parked(&t->learned, t->rows->row[i].id, why);
		return ASK_LEARN;
	}
	if (sink_bool(sink_scratch(t), "exists"))
		return search_case(t, r, &m);
	aio_post(t, r, "testcase");
	if (m.key != NULL)
		sink_arg(r, "uniqueAutoKey", "true");
	buf_putc(&r->body, '{');
	json_field(&r->body, "title", m.title);
	json_field(&r->body, "automationKey", m.key);
	put_choice(t, &r->body, "status");
	put_choice(t, &r->body, "automationStatus");
	put_choice(t, &r->body, "scriptType");
	put_choice(t, &r->body, "type");
	put_choice(t, &r->body, "priority");
	if (!top(row)) {
		json_key(&r->body, "folder");
		buf_putc(&r->body, '{');
		sink_put_id(&r->body, "ID", row->remote_id);
		buf_putc(&r->body, '}');
	}
	buf_putc(&r->body, '}');
	return aio_send(t, r, "new case");
}

static void bind_case(struct talk *t, const struct made *m, const char *key)
{
	const struct row *row = &t->rows->row[0];

	learned_case(&t->learned, row->id, key);
	learned_remote(&t->learned, "case", sink_string(t->facts, "scope"), key, row->remote_id, m->title,
		       m->key, NULL);
}

/* The case that a search shows; of several the one that was made first. */
static const char *found_case(struct talk *t, const cJSON *items, const struct made *m)
{
	const char *key = NULL;
	int64_t oldest = INT64_MAX;
	const cJSON *item;

	cJSON_ArrayForEach(item, items)
	{
		const char *own = sink_string(item, m->key != NULL ? "automationKey" : "title");
		const char *id = sink_string(item, "key");
		int64_t number = sink_int(item, "ID", INT64_MAX - 1);
		if (id == NULL || sink_bool(item, "isArchived") || number >= oldest)
			continue;
		/* A list that leaves the key out has it from the criterion. */
		if (own != NULL &&
		    strcmp(text_line(t->arena, own, AIO_TITLE_MAX),
			   text_line(t->arena, m->key != NULL ? m->key : m->title, AIO_TITLE_MAX)) != 0)
			continue;
		key = id;
		oldest = number;
	}
	return key != NULL ? arena_strdup(t->arena, key) : NULL;
}

static enum got search_got(struct talk *t, const struct reply *r, const struct made *m)
{
	const struct row *row = &t->rows->row[0];
	struct aio_page page;

	if (!sink_ok(r))
		return aio_refused(t, r, "search for a case", GOT_PARK);
	if (!aio_page(r, &page))
		return GOT_UNKNOWN;
	const char *key = found_case(t, page.items, m), *words = sink_string(sink_scratch(t), "words");
	cJSON_Delete(page.root);
	if (key != NULL)
		bind_case(t, m, key);
	else
		learned_parked(&t->learned, row->id, words != NULL ? words : "the case cannot be made");
	cJSON_DeleteItemFromObjectCaseSensitive(sink_scratch(t), "exists");
	return GOT_MORE;
}

static enum got create_refused(struct talk *t, const struct reply *r, const struct made *m)
{
	static const char *const twin[] = { "already", "exist", "unique", "duplicate", NULL };
	static const char *const folder[] = { "folder", NULL };
	const struct row *row = &t->rows->row[0];
	const char *words = sink_words(t->arena, r);

	aio_refused(t, r, "new case", GOT_REFUSED);
	if (r->status == 403) {
		/* That is asked once for all of them. */
		sink_set_string(t->bookmark, "denied", t->err.text);
		sink_set_int(t->bookmark, "denied_at", t->now_ms);
		err_clear(&t->err);
		return GOT_MORE;
	}
	if (r->status == 400 && sink_says(words, folder) && !top(row)) {
		learned_gone(&t->learned, "section", sink_string(t->facts, "scope"), row->remote_id);
		return sink_back(t, "%s", arena_strdup(t->arena, t->err.text));
	}
	if ((r->status == 400 || r->status == 409) && m->key != NULL && sink_says(words, twin)) {
		sink_set_int(sink_scratch(t), "exists", 1);
		sink_set_string(sink_scratch(t), "words", t->err.text);
		err_clear(&t->err);
		return GOT_MORE;
	}
	learned_parked(&t->learned, row->id, t->err.text);
	err_clear(&t->err);
	return GOT_MORE;
}

enum got aio_create_got(struct talk *t, const struct reply *r)
{
	struct made m = made_of(t, &t->rows->row[0]);

	if (sink_bool(sink_scratch(t), "exists"))
		return search_got(t, r, &m);
	if (!sink_ok(r))
		return create_refused(t, r, &m);
	cJSON *root = sink_json(r);
	const char *key = sink_string(root, "key");
	key = key != NULL && *key != '\0' ? arena_strdup(t->arena, key) : NULL;
	cJSON_Delete(root);
	if (key == NULL)
		return GOT_UNKNOWN;
	bind_case(t, &m, key);
	return GOT_MORE;
}

/* What was sent, not what would be sent today: the configuration may have changed since. */
static struct made sent_case(struct talk *t)
{
	cJSON *sent = cJSON_Parse(t->sent != NULL ? t->sent : "");
	struct made m = { 0 };
	const char *title = sink_string(sent, "title"), *key = sink_string(sent, "automationKey");

	if (title != NULL)
		m.title = arena_strdup(t->arena, title);
	if (key != NULL)
		m.key = arena_strdup(t->arena, key);
	cJSON_Delete(sent);
	return m;
}

enum ask aio_create_look(struct talk *t, struct request *r)
{
	struct made m = sent_case(t);

	return m.title != NULL ? search_case(t, r, &m) : ASK_SKIP;
}

enum looked aio_create_looked(struct talk *t, const struct reply *r)
{
	struct made m = sent_case(t);
	struct aio_page page;

	if (!sink_ok(r)) {
		aio_refused(t, r, "look-up of a new case", GOT_PARK);
		return LOOKED_UNSURE;
	}
	if (m.title == NULL || !aio_page(r, &page))
		return LOOKED_UNSURE;
	const char *key = found_case(t, page.items, &m);
	cJSON_Delete(page.root);
	if (key == NULL)
		return LOOKED_NONE;
	bind_case(t, &m, key);
	return LOOKED_ALL;
}
