/* SPDX-License-Identifier: Apache-2.0
 *
 * axosoft_files.c - evidence of failing tests, attached to the item that was made of them: one file a request, its
 * bytes as they are.
 *
 * Only items that this run has made get files; a known one has those of the run that made it.  What hangs on the
 * run and not on a test is nobody's item.  A file that was perhaps attached is looked for by its name, which no two
 * files of one item share, and by its size where the server tells one.
 * scratch: denied (words of a refusal that holds for all). */
#include "sinks/axosoft/axosoft.h"

#include <errno.h>
#include <string.h>

static const struct row_evidence *file_of(const struct talk *t)
{
	return t->rows->row[0].evidence;
}

void axosoft_evidence(const void *conf, struct evidence_policy *out)
{
	const struct axosoft_conf *c = conf;

	sink_evidence_policy(&c->common.evidence, out);
	out->of_results = true;
	out->report = false;
	if (!c->attachments || c->mode != AXOSOFT_CREATE)
		out->results = EVIDENCE_OF_NONE;
}

void axosoft_files_wanted(struct talk *t, const char *item)
{
	sink_set_int(sink_object(t->bookmark, "files"), item, 1);
}

static bool wanted(const struct talk *t, const char *item)
{
	return item != NULL && sink_bool(cJSON_GetObjectItemCaseSensitive(t->bookmark, "files"), item);
}

enum ask axosoft_attach_ask(struct talk *t, struct request *r)
{
	const struct row_evidence *e = file_of(t);
	const char *denied = sink_string(sink_scratch(t), "denied");

	if (denied != NULL) {
		learned_parked(&t->learned, t->rows->row[0].id, denied);
		return ASK_LEARN;
	}
	if (!wanted(t, e->remote_result)) {
		learned_ignored(&t->learned, t->rows->row[0].id, "its item was not made by this run");
		return ASK_LEARN;
	}
	axosoft_post(t, r, "%s/%s/attachments", axosoft_type_word(t->conf), e->remote_result);
	sink_arg(r, "file_name", e->name);
	if (e->test != NULL && e->test[0] != '\0')
		sink_arg(r, "description", arena_printf(t->arena, "%.200s", e->test));
	sink_upload(t, r, NULL);
	r->upload_raw = true;
	r->content_type = "application/octet-stream";
	if (r->upload_path != NULL)
		return ASK_SEND;
	err_set(&t->err, -ENOMEM, "the path of \"%.200s\" is too long", e->name);
	return ASK_PARK;
}

enum got axosoft_attach_got(struct talk *t, const struct reply *r)
{
	int64_t row = t->rows->row[0].id;

	if (!sink_ok(r)) {
		enum got got = axosoft_refused(t, r, "attachment", GOT_REFUSED);
		const char *words = arena_strdup(t->arena, t->err.text);
		if (got != GOT_REFUSED || (r->status != 403 && r->status != 404))
			return got;
		if (r->status == 403) { /* what one file is told all would be told */
			sink_set_string(sink_scratch(t), "denied", words);
			learned_parked(&t->learned, row, words);
		} else {
			learned_ignored(&t->learned, row, "its item is gone");
		}
		err_clear(&t->err);
		return GOT_MORE;
	}
	cJSON *root = sink_json(r);
	const cJSON *data = cJSON_GetObjectItemCaseSensitive(root, "data");
	const char *id = sink_id(t->arena, cJSON_IsObject(data) ? data : root, "id");
	cJSON_Delete(root);
	if (id == NULL)
		return GOT_UNKNOWN;
	learned_posted(&t->learned, row, id);
	return GOT_MORE;
}

enum ask axosoft_attach_look(struct talk *t, struct request *r)
{
	if (t->rows->count == 0 || file_of(t)->remote_result == NULL)
		return ASK_SKIP;
	cJSON_DeleteItemFromObjectCaseSensitive(sink_scratch(t), "token");
	if (axosoft_needs_token(t, r)) {
		sink_set_int(sink_scratch(t), "token", 1);
		return ASK_SEND;
	}
	axosoft_get(t, r, "%s/%s/attachments", axosoft_type_word(t->conf), file_of(t)->remote_result);
	return ASK_SEND;
}

enum looked axosoft_attach_looked(struct talk *t, const struct reply *r)
{
	const struct row_evidence *e = file_of(t);
	enum looked looked = LOOKED_NONE;
	const cJSON *item;

	if (sink_bool(sink_scratch(t), "token"))
		return axosoft_token_taken(t, r) ? LOOKED_MORE : LOOKED_UNSURE;
	if (r->status == 404)
		return LOOKED_NONE; /* with its item: the next upload says so */
	if (!sink_ok(r))
		return axosoft_refused(t, r, "look-up of a file", GOT_PARK) == GOT_BACK ? LOOKED_MORE
											: LOOKED_UNSURE;
	cJSON *root = sink_json(r);
	const cJSON *rows = cJSON_GetObjectItemCaseSensitive(root, "data");
	if (!cJSON_IsArray(rows)) {
		cJSON_Delete(root);
		return LOOKED_UNSURE;
	}
	cJSON_ArrayForEach(item, rows)
	{
		const char *name = sink_string(item, "file_name");
		if (looked == LOOKED_ALL || name == NULL || strcmp(name, e->name) != 0 ||
		    sink_int(item, "size", (int64_t)e->size) != (int64_t)e->size)
			continue;
		learned_posted(&t->learned, t->rows->row[0].id, sink_id(t->arena, item, "id"));
		looked = LOOKED_ALL;
	}
	cJSON_Delete(root);
	return looked;
}
