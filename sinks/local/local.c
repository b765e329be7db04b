/* SPDX-License-Identifier: Apache-2.0
 *
 * local.c - a folder that people like to open, filled like any tracker: a table of steps; where things lie in
 * it, and the files beside the pages.
 *
 * Every request here may be repeated: an append carries its offset and cuts off what lies beyond it, a
 * replacement replaces.  So none is marked as a write, no intent is recorded, and what was interrupted is
 * simply asked again from the bookmark.  For the same reason got() may work out anew what ask() sent: both
 * call the same pure function over the same rows and the same bookmark. */
#include "sinks/local/local.h"

#include <errno.h>
#include <string.h>

enum { BATCH = 2000, SLUG_BYTES = 60 };

/* ---- names ---- */

static void slug(const char *name, struct buf *out)
{
	bool gap = false;

	for (; name != NULL && *name != '\0' && out->len < SLUG_BYTES; name++) {
		unsigned char c = (unsigned char)*name;
		if (c >= 'A' && c <= 'Z')
			c = (unsigned char)(c - 'A' + 'a');
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) {
			gap = true;
			continue;
		}
		if (gap && out->len > 0)
			buf_putc(out, '-');
		gap = false;
		buf_putc(out, (char)c);
	}
	if (out->len == 0)
		buf_puts(out, "run");
}

/* The run's number may come again when a state directory is made anew; its token does not. */
void local_folder(const struct sink_run *run, struct buf *out)
{
	const char *token = run->token;

	slug(run->name, out);
	if (token != NULL && strncmp(token, "rd-", 3) == 0 && strspn(token + 3, "0123456789abcdef") >= 8)
		buf_printf(out, "-%.8s", token + 3);
	else
		buf_printf(out, "-%lld", (long long)run->id);
}

/* The name that was taken first stays, whatever becomes of the run's name. */
const char *local_folder_of(struct talk *t)
{
	const char *known = sink_string(t->bookmark, "folder");
	struct buf name = BUF_LIMIT(256);

	if (known != NULL)
		return known;
	local_folder(t->run, &name);
	known = arena_strndup(t->arena, name.data, name.len);
	buf_done(&name);
	return known != NULL ? known : "run";
}

void local_remember_folder(struct talk *t)
{
	if (sink_string(t->bookmark, "folder") == NULL)
		sink_set_string(t->bookmark, "folder", local_folder_of(t));
}

void local_path_in(struct talk *t, struct request *r, const char *file)
{
	buf_printf(&r->path, "%s/%s", local_folder_of(t), file);
}

/* ---- answers ---- */

enum got local_refused(struct talk *t, const struct reply *r)
{
	if (r->error[0] != '\0')
		err_set(&t->err, -EIO, "%s", r->error);
	else
		err_set(&t->err, -EIO, "the folder answered %d", r->status);
	return GOT_PARK;
}

/* Nothing is half done here and nothing is undecided, so whatever passes by itself is waited for. */
static enum answer_class classify(const struct reply *r)
{
	switch (r->status) {
	case 400:
	case 404:
	case 405:
	case 416:
		return ANSWER_ITEM;
	case 403:
		return ANSWER_LOCKED;
	case 500:
	case 503:
	case 507:
		return ANSWER_WAIT;
	}
	return ANSWER_DEFAULT;
}

/* ---- files: beside the page ---- */

static enum ask files_ask(struct talk *t, struct request *r)
{
	const struct row_evidence *e = t->rows->row[0].evidence;

	r->method = METHOD_PUT;
	buf_printf(&r->path, "%s/files/%s/%s", local_folder_of(t), e->of_run ? "run" : e->remote_result,
		   e->name);
	sink_upload(t, r, NULL);
	return ASK_SEND;
}

static enum got files_got(struct talk *t, const struct reply *r)
{
	const struct row_evidence *e = t->rows->row[0].evidence;
	cJSON *files = cJSON_GetObjectItemCaseSensitive(t->bookmark, "files");
	int64_t n = sink_int(t->bookmark, "file_count", 0);

	if (r->status == 400) {
		learned_parked(&t->learned, t->rows->row[0].id, r->error);
		return GOT_MORE;
	}
	if (!sink_ok(r))
		return local_refused(t, r);
	if (!cJSON_IsArray(files))
		files = cJSON_AddArrayToObject(t->bookmark, "files");
	if (cJSON_GetArraySize(files) < FILES_MAX) {
		cJSON *one = cJSON_CreateArray();
		cJSON_AddItemToArray(one, cJSON_CreateString(e->of_run ? "run" : e->remote_result));
		cJSON_AddItemToArray(one, cJSON_CreateString(e->name));
		cJSON_AddItemToArray(one, cJSON_CreateNumber((double)e->size));
		cJSON_AddItemToArray(one, cJSON_CreateString(e->test));
		cJSON_AddItemToArray(files, one);
	}
	sink_set_int(t->bookmark, "file_count", n + 1);
	learned_posted(&t->learned, t->rows->row[0].id, e->name);
	return GOT_MORE;
}

/* The run may end while the pages of the open run are written, so a final look follows. */
static const struct step local_steps[] = {
	{ .name = "take", .resolve = true }, /* there are no cases to find: every test is owed as it is */
	{ .name = "results", .rows = ROWS_ALL, .ask = local_results_ask, .got = local_results_got },
	{ .name = "files", .rows = ROWS_EVIDENCE, .ask = files_ask, .got = files_got },
	{ .name = "defects", .rows = ROWS_DEFECTS, .ask = local_defects_ask, .got = local_defects_got },
	{ .name = "shown", .ask = local_shown_ask, .got = local_shown_got },
	{ .name = "page", .ask = local_page_ask, .got = local_page_got },
	{ .name = "index", .exclusive = true, .ask = local_index_ask, .got = local_index_got },
	{ .name = "last-page", .final = true, .ask = local_page_ask, .got = local_page_got },
	{ .name = "last-index",
	  .final = true,
	  .exclusive = true,
	  .ask = local_index_ask,
	  .got = local_index_got },
	{ 0 },
};

/* ---- descriptor ---- */

static void endpoint(const void *conf, struct endpoint *out)
{
	const struct local_conf *c = conf;

	*out = (struct endpoint){
		.url = c->dir,
		.scope = c->dir,
		.verify = true,
		.parallel = 2,
		.folder = true,
		.folder_mode = (unsigned)c->dir_mode,
	};
}

static size_t batch(const void *conf)
{
	(void)conf;
	return BATCH;
}

/* Of what trackers are told apart by, nothing matters here: results leave at once and may be repeated. */
static const struct sink_common *common(const void *conf)
{
	static const struct sink_common none = { .on_unknown = ON_UNKNOWN_RESEND, .verify = true };

	(void)conf;
	return &none;
}

static void evidence(const void *conf, struct evidence_policy *out)
{
	(void)conf;
	*out = (struct evidence_policy){ .results = EVIDENCE_OF_ALL };
}

/* A page is not closed: what is found out later still goes there. */
static void links(const void *conf, struct sink_links *out)
{
	(void)conf;
	*out = (struct sink_links){ .tells = true };
}

const struct sink sink_local = {
	.name = "local",
	.run_word = "folder",
	.keys = local_keys,
	.conf_size = sizeof(struct local_conf),
	.steps = local_steps,
	.endpoint = endpoint,
	.classify = classify,
	.batch = batch,
	.common = common,
	.evidence = evidence,
	.links = links,
};
