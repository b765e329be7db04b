/* SPDX-License-Identifier: Apache-2.0
 *
 * aio_parts.c - what a new cycle is made of: its title, its folder, its tags.  A site that cannot make folders
 * or tags still gets its cycle, and the log says what is missing. */
#include "sinks/aio/aio.h"

#include "daemon/base/json.h"

#include <errno.h>
#include <string.h>

#define FOLDERS_KEPT 500
#define FAILS_MAX    6 /* look-ups that find no folder; then it is done without */

/* ---- its title ---- */

const char *aio_cycle_title(struct talk *t)
{
	const struct aio_conf *c = t->conf;
	struct buf name = BUF_LIMIT(64u << 10);
	const char *line = NULL;

	if (text_expand(t, c->cycle.name, t->run->vars, "cycle.name", &name)) {
		line = text_line(t->arena, name.data != NULL ? name.data : "", AIO_TITLE_MAX);
		if (line == NULL || *line == '\0')
			line = t->run->token;
	}
	buf_done(&name);
	return line;
}

bool aio_cycle_path(struct talk *t, const char **path, size_t *count)
{
	const struct aio_conf *c = t->conf;
	struct err err = ERR_NONE;
	int rc = text_path(&c->cycle.folder, t->run->vars, NULL, AIO_TITLE_MAX, t->arena, path, count, &err);

	if (rc == 0)
		return true;
	err_clear(&t->err);
	err_set(&t->err, rc, "cycle.folder: %s", err.text);
	return false;
}

/* ---- its folder ---- */

/* A path as a member's name. */
static const char *path_key(struct talk *t, const char *const *path, size_t count)
{
	struct buf b = BUF_LIMIT(64u << 10);

	for (size_t i = 0; i < count; i++)
		buf_printf(&b, "%s%s", i > 0 ? "\n" : "", path[i]);
	const char *text = arena_strndup(t->arena, b.data != NULL ? b.data : "", b.len);
	buf_done(&b);
	return text != NULL ? text : "";
}

static void keep_folder(struct talk *t, const char *id)
{
	const char *path[TEXT_DEPTH_MAX];
	cJSON *folders = sink_object(t->facts, "folders");
	size_t count;

	sink_set_string(sink_object(t->bookmark, "folder"), "id", id);
	if (!aio_cycle_path(t, path, &count))
		return;
	if (cJSON_GetArraySize(folders) >= FOLDERS_KEPT) {
		cJSON_DeleteItemFromObjectCaseSensitive(t->facts, "folders");
		folders = sink_object(t->facts, "folders");
	}
	sink_set_string(folders, path_key(t, path, count), id);
}

/* Some sites cannot make folders: the cycle is more than its folder. */
static void without_folder(struct talk *t, const char *why)
{
	cJSON *folder = sink_object(t->bookmark, "folder");

	sink_set_int(folder, "none", 1);
	sink_set_string(folder, "why", why);
}

enum ask aio_cycle_folder_ask(struct talk *t, struct request *r)
{
	const struct aio_conf *c = t->conf;
	cJSON *folder = cJSON_GetObjectItemCaseSensitive(t->bookmark, "folder");
	const char *path[TEXT_DEPTH_MAX];
	size_t count;

	if (aio_cycle(t) != NULL || c->cycle.folder.count == 0 || sink_string(folder, "id") != NULL ||
	    sink_bool(folder, "none"))
		return ASK_SKIP;
	if (!aio_cycle_path(t, path, &count))
		return ASK_PARK;
	if (count == 0)
		return ASK_SKIP;
	const cJSON *known = cJSON_GetObjectItemCaseSensitive(t->facts, "folders");
	const char *id = sink_string(known, path_key(t, path, count));
	if (id != NULL) {
		sink_set_string(sink_object(t->bookmark, "folder"), "id", id);
		return ASK_SKIP;
	}
	if (sink_int(folder, "fails", 0) >= FAILS_MAX) {
		without_folder(t, "making it failed, and the tree of folders does not show it");
		return ASK_SKIP;
	}
	if (sink_bool(sink_scratch(t), "tree") || aio_old(t, "hierarchy")) {
		sink_set_int(sink_scratch(t), "tree", 1);
		aio_get(t, r, "testcycle/folder");
		return ASK_SEND;
	}
	aio_put(t, r, "testcycle/folder/hierarchy");
	buf_puts(&r->body, "{\"folderHierarchy\":[");
	for (size_t i = 0; i < count; i++) {
		json_sep(&r->body);
		json_string(&r->body, path[i], strlen(path[i]));
	}
	buf_puts(&r->body, "]}");
	return aio_send(t, r, "folder of the cycle");
}

/* Whether the tree shows the folder; it is kept then. */
static bool tree_shows(struct talk *t, const struct reply *r)
{
	const char *path[TEXT_DEPTH_MAX];
	size_t count;
	cJSON *root = sink_ok(r) ? sink_json(r) : NULL;
	const char *id =
		root != NULL && aio_cycle_path(t, path, &count) ? aio_in_tree(t, root, path, count) : NULL;

	cJSON_Delete(root);
	err_clear(&t->err);
	if (id != NULL)
		keep_folder(t, id);
	return id != NULL;
}

enum got aio_cycle_folder_got(struct talk *t, const struct reply *r)
{
	if (sink_bool(sink_scratch(t), "tree")) {
		if (!tree_shows(t, r)) {
			const char *why = sink_string(sink_scratch(t), "why");
			without_folder(t, why != NULL ? why : "this server cannot make folders");
		}
		return GOT_NEXT;
	}
	if (!sink_ok(r)) {
		aio_refused(t, r, "folder of the cycle", GOT_PARK);
		sink_set_string(sink_scratch(t), "why", t->err.text);
		sink_set_int(sink_scratch(t), "tree", 1);
		if (r->status == 404)
			aio_learn_old(t, "hierarchy", "a folder that is not there yet is done without");
		err_clear(&t->err);
		return GOT_MORE;
	}
	cJSON *root = sink_json(r);
	const char *id = sink_id(t->arena, root, "ID");
	cJSON_Delete(root);
	if (id == NULL)
		return GOT_UNKNOWN;
	keep_folder(t, id);
	return GOT_NEXT;
}

/* The call may be repeated; it is looked up all the same, because it fails for ever on some sites. */
enum ask aio_cycle_folder_look(struct talk *t, struct request *r)
{
	aio_get(t, r, "testcycle/folder");
	return ASK_SEND;
}

enum looked aio_cycle_folder_looked(struct talk *t, const struct reply *r)
{
	cJSON *folder = sink_object(t->bookmark, "folder");

	if (tree_shows(t, r))
		return LOOKED_ALL;
	sink_set_int(folder, "fails", sink_int(folder, "fails", 0) + 1);
	return LOOKED_NONE;
}

/* ---- its tags ---- */

bool aio_expanded(struct talk *t, const struct template *tpl, const char *key, const char **out)
{
	struct buf text = BUF_LIMIT(4096);
	bool good = text_expand(t, tpl, t->run->vars, key, &text);

	*out = good ? text_line(t->arena, text.data != NULL ? text.data : "", AIO_TITLE_MAX) : NULL;
	buf_done(&text);
	return good;
}

/* Get-or-create: asked once for all tags that are not known by their ids. */
enum ask aio_tags_ask(struct talk *t, struct request *r)
{
	const struct aio_conf *c = t->conf;
	const cJSON *known = cJSON_GetObjectItemCaseSensitive(t->facts, "tags");
	const char *name;
	size_t owed = 0;

	if (aio_cycle(t) != NULL || c->cycle.tags.count == 0 || aio_old(t, "tags") ||
	    sink_bool(t->bookmark, "tagless"))
		return ASK_SKIP;
	buf_putc(&r->body, '[');
	for (size_t i = 0; i < c->cycle.tags.count; i++) {
		if (!aio_expanded(t, c->cycle.tags.item[i], "cycle.tags", &name))
			return ASK_PARK;
		if (name == NULL || *name == '\0' || sink_string(known, name) != NULL)
			continue;
		json_sep(&r->body);
		buf_putc(&r->body, '{');
		json_field(&r->body, "name", name);
		buf_putc(&r->body, '}');
		owed++;
	}
	buf_putc(&r->body, ']');
	if (owed == 0)
		return ASK_SKIP;
	aio_post(t, r, "tag");
	return aio_send(t, r, "tags");
}

enum got aio_tags_got(struct talk *t, const struct reply *r)
{
	const cJSON *item;

	if (r->status == 404) {
		aio_learn_old(t, "tags", "cycles are made without tags");
		return GOT_NEXT;
	}
	if (!sink_ok(r)) {
		/* Who may not make tags still has results. */
		aio_refused(t, r, "tags", GOT_PARK);
		aio_say(t, "the cycle is made without tags that are not there yet: %s", t->err.text);
		sink_set_int(t->bookmark, "tagless", 1);
		err_clear(&t->err);
		return GOT_NEXT;
	}
	cJSON *root = sink_json(r);
	bool list = cJSON_IsArray(root);
	cJSON_ArrayForEach(item, root)
	{
		const char *name = sink_string(item, "name"), *id = sink_id(t->arena, item, "ID");
		if (list && name != NULL && id != NULL)
			sink_set_string(sink_object(t->facts, "tags"), name, id);
	}
	cJSON_Delete(root);
	/* What it left out is not asked for again and again. */
	if (list)
		sink_set_int(t->bookmark, "tagless", 1);
	return list ? GOT_NEXT : GOT_UNKNOWN;
}
