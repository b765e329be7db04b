/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_api.c - how TestRail's API v2 is spoken: paths, both shapes of lists, refusals in words.  Pure
 * functions.  The whole API path stands behind "index.php?", so every argument is joined with '&'. */
#include "sinks/testrail/testrail.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define TEXT_SHOWN 900
#define KNOWN_MAX  100 /* names of one kind that facts hold */

/* ---- requests ---- */

static void path(struct request *r, const char *call, const char *id)
{
	buf_puts(&r->path, "index.php?/api/v2/");
	buf_puts(&r->path, call);
	if (id == NULL)
		return;
	buf_putc(&r->path, '/');
	sink_escape(&r->path, id);
}

void testrail_get(struct request *r, const char *call, const char *id)
{
	r->method = METHOD_GET;
	r->write = false;
	path(r, call, id);
}

void testrail_post(struct request *r, const char *call, const char *id)
{
	r->method = METHOD_POST;
	r->write = true;
	path(r, call, id);
}

void testrail_arg(struct request *r, const char *name, const char *value)
{
	if (value == NULL)
		return;
	buf_printf(&r->path, "&%s=", name);
	sink_escape(&r->path, value);
}

void testrail_arg_int(struct request *r, const char *name, int64_t value)
{
	buf_printf(&r->path, "&%s=%lld", name, (long long)value);
}

/* Servers before 6.7 know neither argument and answer everything at once; newer ones begin at 0 with 250
 * by themselves.  `next` is not followed: some servers leave out index.php or say limit=0 there. */
void testrail_page_args(struct request *r, int64_t offset)
{
	if (offset <= 0)
		return;
	testrail_arg_int(r, "limit", TESTRAIL_PAGE);
	testrail_arg_int(r, "offset", offset);
}

/* ---- answers ---- */

bool testrail_id_is(const cJSON *object, const char *name, const char *id)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
	char text[32];

	if (cJSON_IsString(item))
		return id != NULL && strcmp(item->valuestring, id) == 0;
	if (!cJSON_IsNumber(item) || id == NULL)
		return false;
	snprintf(text, sizeof(text), "%.0f", item->valuedouble);
	return strcmp(text, id) == 0;
}

bool testrail_page(const struct reply *r, const char *entity, struct testrail_page *out)
{
	*out = (struct testrail_page){ .root = sink_json(r) };
	if (cJSON_IsArray(out->root)) {
		out->items = out->root;
		out->last = true;
	} else {
		out->items = cJSON_GetObjectItemCaseSensitive(out->root, entity);
	}
	if (!cJSON_IsArray(out->items)) {
		cJSON_Delete(out->root);
		*out = (struct testrail_page){ 0 };
		return false;
	}
	out->count = cJSON_GetArraySize(out->items);
	if (out->items == out->root)
		return true;
	const cJSON *links = cJSON_GetObjectItemCaseSensitive(out->root, "_links");
	const cJSON *next = cJSON_GetObjectItemCaseSensitive(links, "next");
	if (cJSON_IsObject(links))
		out->last = !cJSON_IsString(next) || next->valuestring[0] == '\0';
	else
		out->last = out->count < sink_int(out->root, "limit", TESTRAIL_PAGE);
	if (out->count == 0)
		out->last = true;
	return true;
}

bool testrail_says_closed(const char *words)
{
	static const char *const closed[] = { "completed", "closed",   "not active",
					      "inactive",  "archived", NULL };
	static const char *const what[] = { "run", "plan", "operation", NULL };

	return sink_says(words, closed) && sink_says(words, what);
}

bool testrail_says_unknown_call(const struct reply *r, const char *words)
{
	static const char *const unknown[] = { "invalid uri", "unknown method", "unknown api",
					       "unsupported method", NULL };

	return r->status == 404 || sink_says(words, unknown);
}

bool testrail_named_case(const char **at, char *id, size_t size)
{
	const char *s = *at;

	for (; *s != '\0'; s++) {
		const char *digits = NULL;
		bool fresh = s == *at || !isalnum((unsigned char)s[-1]);
		if (!fresh)
			continue;
		if ((*s == 'C' || *s == 'c') && isdigit((unsigned char)s[1])) {
			digits = s + 1;
		} else if (strncasecmp(s, "case", 4) == 0) {
			digits = s + 4;
			if (strncasecmp(digits, "_id", 3) == 0 || strncasecmp(digits, " id", 3) == 0)
				digits += 3;
			digits += strspn(digits, " :#=\"");
			if (*digits == 'C' || *digits == 'c')
				digits++;
		}
		if (digits == NULL)
			continue;
		size_t n = strspn(digits, "0123456789");
		if (n == 0 || n >= size || isalnum((unsigned char)digits[n]) || digits[n] == '_')
			continue;
		memcpy(id, digits, n);
		id[n] = '\0';
		*at = digits + n;
		return true;
	}
	*at = s;
	return false;
}

enum got testrail_refused(struct talk *t, const struct reply *r, const char *doing, enum got otherwise)
{
	static const char *const off[] = {
		"api is disabled",       "api is not enabled",      "api access", "enable the api",
		"authentication failed", "unsupported http method", NULL
	};
	const char *words = sink_words(t->arena, r);

	err_clear(&t->err);
	err_set(&t->err, -EPROTO, "%s: %.*s (HTTP %d)", doing, TEXT_SHOWN, words, r->status);
	return sink_says(words, off) ? GOT_LOCKED : otherwise;
}

/* ---- facts ---- */

const char *testrail_fact(const struct talk *t, const char *group, const char *name)
{
	return sink_string(cJSON_GetObjectItemCaseSensitive(t->facts, group), name);
}

bool testrail_wanted(const struct talk *t, const char *group, const char *value)
{
	const char *wanted = testrail_fact(t, group, "wanted");

	return wanted != NULL && strcmp(wanted, value != NULL ? value : "") == 0;
}

const char *testrail_run_id(const struct talk *t)
{
	return sink_string(cJSON_GetObjectItemCaseSensitive(t->bookmark, "run"), "id");
}

/* facts: GROUP {of: project, ids: {name: id}} */
const char *testrail_known(const struct talk *t, const char *group, const char *name)
{
	const cJSON *g = cJSON_GetObjectItemCaseSensitive(t->facts, group);
	const char *of = sink_string(g, "of"), *project = testrail_fact(t, "project", "id");

	if (of == NULL || project == NULL || strcmp(of, project) != 0)
		return NULL;
	return sink_string(cJSON_GetObjectItemCaseSensitive(g, "ids"), name);
}

void testrail_know(struct talk *t, const char *group, const char *name, const char *id)
{
	const char *project = testrail_fact(t, "project", "id");
	const char *was = testrail_known(t, group, name);
	cJSON *g = sink_object(t->facts, group);
	const char *of = sink_string(g, "of");

	if (was != NULL && id != NULL && strcmp(was, id) == 0)
		return; /* and nothing moves: the id may be the very text that stands there */
	if (project != NULL && (of == NULL || strcmp(of, project) != 0)) {
		cJSON_DeleteItemFromObjectCaseSensitive(g, "ids");
		sink_set_string(g, "of", project);
	}
	cJSON *ids = sink_object(g, "ids");
	cJSON_DeleteItemFromObjectCaseSensitive(ids, name);
	if (id == NULL)
		return;
	if (cJSON_GetArraySize(ids) >= KNOWN_MAX)
		cJSON_Delete(cJSON_DetachItemViaPointer(ids, ids->child));
	sink_set_string(ids, name, id);
}

enum ask testrail_run_text(struct talk *t, const struct template *tpl, const char *key, const char **text)
{
	struct buf b = BUF_LIMIT(64u << 10);

	*text = "";
	if (tpl == NULL)
		return ASK_SKIP;
	bool good = text_expand(t, tpl, t->run->vars, key, &b);
	const char *trimmed = good && b.len > 0 ? testrail_trim(t, b.data, b.len) : "";
	buf_done(&b);
	if (!good && testrail_checking(t)) {
		err_clear(&t->err); /* there is no run yet that could fill it */
		return ASK_SKIP;
	}
	if (!good)
		return ASK_PARK;
	if (trimmed == NULL || *trimmed == '\0')
		return ASK_SKIP;
	*text = trimmed;
	return ASK_SEND;
}

bool testrail_checking(const struct talk *t)
{
	return t->run->token[0] == '\0';
}

void testrail_forget_run(struct talk *t)
{
	cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "run");
	cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "tests");
	if (testrail_several(t->conf)) { /* those of the other suites stand */
		learned_group_gone(&t->learned, testrail_suite(t));
		return;
	}
	cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "top");
	cJSON_DeleteItemFromObjectCaseSensitive(t->bookmark, "closed");
	/* What was posted into it went with it. */
	learned_run_gone(&t->learned);
}

void testrail_arg_window(struct talk *t, struct request *r)
{
	/* sent_ms may be of our own clock. */
	int64_t skew = sink_int(t->facts, "skew", 0);
	int64_t after = (t->sent_ms + (skew < 0 ? skew : 0) - TESTRAIL_LOOK_MS) / 1000;

	testrail_arg_int(r, "created_after", after > 0 ? after : 0);
	testrail_arg(r, "created_by", testrail_fact(t, "login", "id"));
}
