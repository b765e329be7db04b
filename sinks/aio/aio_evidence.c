/* SPDX-License-Identifier: Apache-2.0
 *
 * aio_evidence.c - files: to the run whose id the server returned, or to the cycle; one a request.
 *
 * An attachment can never be deleted over there, so an upload whose answer was lost is looked for by name and
 * size (names are unique at one run) before it is sent again.  Types that are not on the vendor's list are
 * not sent at all. */
#include "sinks/aio/aio.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static const struct row_evidence *file_of(const struct talk *t)
{
	return t->rows->row[0].evidence;
}

void aio_evidence(const void *conf, struct evidence_policy *out)
{
	const struct aio_conf *c = conf;

	sink_evidence_policy(&c->common.evidence, out);
	if (c->mode == AIO_IMPORT)
		out->report = true; /* it is what is sent */
}

/* The documented list, and every image. */
static bool allowed(const struct row_evidence *e)
{
	static const char *const list[] = { "pdf",     "txt",  "csv",  "doc", "docx", "ppt", "pptx", "xls",
					    "xlsx",    "json", "yaml", "xml", "gif",  "mov", "webm", "mp4",
					    "feature", "zip",  "rar",  "sas", "pcap", "wav", "html", "htm",
					    "log",     "msg",  "eml",  "pem", "s2p" };
	const char *dot = strrchr(e->name, '.');

	if (strncmp(e->type, "image/", 6) == 0)
		return true;
	for (size_t i = 0; dot != NULL && i < sizeof(list) / sizeof(list[0]); i++) {
		if (strcasecmp(dot + 1, list[i]) == 0)
			return true;
	}
	return false;
}

static enum ask park(struct talk *t, const char *words)
{
	learned_parked(&t->learned, t->rows->row[0].id, words);
	return ASK_LEARN;
}

/* Where a server has no call for a run by its id, the latest run of the case is the same one. */
static bool by_case(const struct talk *t)
{
	return aio_old(t, "run_files") && t->rows->row[0].remote_id != NULL;
}

enum ask aio_evidence_ask(struct talk *t, struct request *r)
{
	const struct row_evidence *e = file_of(t);
	const char *denied = sink_string(aio_scratch(t), e->of_run ? "denied_cycle" : "denied_run");

	if (aio_cycle(t) == NULL)
		return ASK_SKIP;
	if (denied != NULL)
		return park(t, denied);
	if (!allowed(e))
		return park(t, arena_printf(t->arena, "AIO Tests takes no files like \"%.100s\" (%.60s)",
					    e->name, e->type));
	if (e->of_run)
		aio_post(t, r, "testcycle/{}/attachment", aio_cycle(t));
	else if (by_case(t))
		aio_post(t, r, "testcycle/{}/testcase/{}/attachment", aio_cycle(t),
			 t->rows->row[0].remote_id);
	else
		aio_post(t, r, "testcycle/{}/testrun/{}/attachment", aio_cycle(t), e->remote_result);
	sink_upload(t, r, "file");
	if (r->upload_path != NULL)
		return ASK_SEND;
	err_set(&t->err, -ENOMEM, "the path of \"%.200s\" is too long", e->name);
	return ASK_PARK;
}

/* What holds for all of them is asked once a walk. */
static enum got deny(struct talk *t)
{
	const char *words = arena_strdup(t->arena, t->err.text);

	sink_set_string(aio_scratch(t), file_of(t)->of_run ? "denied_cycle" : "denied_run", words);
	learned_parked(&t->learned, t->rows->row[0].id, words);
	err_clear(&t->err);
	return GOT_MORE;
}

static enum got upload_refused(struct talk *t, const struct reply *r)
{
	static const char *const thing[] = { "run", "cycle", "case", NULL };
	const char *words = sink_words(t->arena, r);

	aio_refused(t, r, "attachment", GOT_REFUSED);
	if (r->status == 403 || aio_says_closed(words))
		return deny(t);
	if (r->status == 404 && !aio_says(words, thing)) {
		if (!file_of(t)->of_run && !aio_old(t, "run_files")) {
			err_clear(&t->err);
			aio_learn_old(t, "run_files", "files go to the latest run of their case");
			return GOT_MORE;
		}
		return deny(t);
	}
	return GOT_REFUSED; /* one file: it is parked alone */
}

enum got aio_evidence_got(struct talk *t, const struct reply *r)
{
	if (!aio_ok(r))
		return upload_refused(t, r);
	cJSON *root = sink_json(r);
	const char *id = sink_id(t->arena, root, "ID");
	cJSON_Delete(root);
	if (id == NULL)
		return GOT_UNKNOWN;
	learned_posted(&t->learned, t->rows->row[0].id, id);
	return GOT_MORE;
}

/* ---- did it happen? ---- */

enum ask aio_evidence_look(struct talk *t, struct request *r)
{
	if (aio_cycle(t) == NULL || t->rows->count == 0)
		return ASK_SKIP;
	if (file_of(t)->of_run) {
		aio_get(t, r, "testcycle/{}/detail", aio_cycle(t));
		aio_arg(r, "needAttachments", "true");
	} else {
		aio_get(t, r, "testcycle/{}/testrun/{}", aio_cycle(t), file_of(t)->remote_result);
	}
	return ASK_SEND;
}

enum looked aio_evidence_looked(struct talk *t, const struct reply *r)
{
	const struct row_evidence *e = file_of(t);
	enum looked looked = LOOKED_NONE;
	const cJSON *item;

	if (!aio_ok(r)) {
		aio_refused(t, r, "look-up of a file", GOT_PARK);
		/* What it was to hang on is gone: the next upload says so. */
		return r->status == 404 || r->status == 400 ? LOOKED_NONE : LOOKED_UNSURE;
	}
	cJSON *root = sink_json(r);
	if (!cJSON_IsObject(root)) {
		cJSON_Delete(root);
		return LOOKED_UNSURE;
	}
	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(root, "attachments"))
	{
		const char *name = sink_string(item, "name");
		if (name == NULL || strcmp(name, e->name) != 0 ||
		    sink_int(item, "size", (int64_t)e->size) != (int64_t)e->size)
			continue;
		learned_posted(&t->learned, t->rows->row[0].id, sink_id(t->arena, item, "ID"));
		looked = LOOKED_ALL;
		break;
	}
	cJSON_Delete(root);
	return looked;
}
