/* SPDX-License-Identifier: Apache-2.0
 *
 * testrail_place.c - the section that a case is made in: create.section, split into a path, and where suites
 * are several the suite before it.  Pure functions; testrail_place() is called on the queue's thread.
 *
 * What separates sections stands in the template.  A suite, or another text of a report, that holds the
 * separator itself stays one component: a guard behind it tells the two apart until the path is split. */
#include "sinks/testrail/testrail.h"

#include <errno.h>
#include <string.h>

/* Between components of {suite}, and behind separators that are text; no text of a report holds them. */
#define JOINT        "\x1e"
#define GUARD        "\x1d"
#define SPLIT        " / "
#define ROOT_SECTION "Tests"
#define PATH_BYTES   (64u << 10)

/* ---- texts that will be split ---- */

struct place_vars {
	struct vars vars;
	struct text_vars plain; /* the same, as they are */
};

static const char *guarded(const char *const *texts, size_t count, struct arena *a)
{
	struct buf b = BUF_LIMIT(PATH_BYTES);
	const char *text = NULL;

	for (size_t i = 0; i < count; i++) {
		if (b.len > 0)
			buf_puts(&b, JOINT);
		for (const char *s = texts[i]; *s != '\0'; s++) {
			buf_putc(&b, *s);
			if (strncmp(s, SPLIT, 3) == 0)
				buf_puts(&b, GUARD);
		}
	}
	if (b.len > 0 && buf_error(&b) == 0)
		text = arena_strndup(a, b.data, b.len);
	buf_done(&b);
	return text;
}

static const char *get_var(void *cookie, const char *name)
{
	const struct place_vars *v = cookie;
	const struct result *r = v->plain.result;

	if (strcmp(name, "suite") == 0)
		return guarded(r->suite, r->suite_count, v->plain.arena);
	const char *text = v->plain.vars.get(v->plain.vars.cookie, name);
	return text != NULL ? guarded(&text, 1, v->plain.arena) : NULL;
}

/* ---- the path ---- */

/* Where the next component ends; *next: where the one after it begins, NULL at the end. */
static const char *component_end(const char *s, const char **next)
{
	for (; *s != '\0'; s++) {
		if (*s == JOINT[0]) {
			*next = s + 1;
			return s;
		}
		if (strncmp(s, SPLIT, 3) == 0) {
			*next = s + 3;
			return s;
		}
	}
	*next = NULL;
	return s;
}

static const char *component(const char *s, size_t len, struct arena *a)
{
	char *out = arena_alloc(a, len + 1);
	size_t n = 0;

	if (out == NULL)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		if (s[i] != GUARD[0])
			out[n++] = s[i] == JOINT[0] ? '/' : s[i];
	}
	out[n] = '\0';
	return testrail_line(a, out);
}

/* Deeper paths keep their first components; what lies below shares the last one. */
static int split(const char *text, const char **path, size_t *count, struct arena *a)
{
	for (const char *next = text; next != NULL;) {
		const char *s = next, *end = component_end(s, &next);
		if (*count == TEXT_DEPTH_MAX - 1)
			end = s + strlen(s);
		const char *name = component(s, (size_t)(end - s), a);
		if (name == NULL)
			return -E2BIG;
		if (*name != '\0')
			path[(*count)++] = name;
		if (*count == TEXT_DEPTH_MAX)
			break;
	}
	return 0;
}

static int too_long(struct err *err)
{
	return err_set(err, -E2BIG, "create.section: the path is too long");
}

/* The components that the template gives; none where the report names no suite. */
static int from_template(const struct testrail_conf *c, const struct vars *vars, bool suites,
			 const char **path, size_t *count, struct arena *a, struct err *err)
{
	struct buf text = BUF_LIMIT(PATH_BYTES);
	int rc = 0;

	if (c->create.section == NULL ||
	    (!suites && strcmp(template_text(c->create.section), "{suite}") == 0))
		return 0;
	rc = template_expand(c->create.section, vars, &text, err);
	if (rc == 0 && buf_error(&text) < 0)
		rc = too_long(err);
	if (rc == 0 && text.data != NULL && split(text.data, path, count, a) < 0)
		rc = too_long(err);
	buf_done(&text);
	return rc;
}

/* Of several suites a place begins with the one that the case is to lie in. */
static int suite_component(const struct testrail_conf *c, const struct vars *vars, const struct result *r,
			   struct arena *a, const char **path, size_t *count, struct err *err)
{
	struct text_vars own;
	struct buf text = BUF_LIMIT(PATH_BYTES);

	if (!testrail_several(c) || c->create.suite == NULL)
		return 0;
	int rc = template_expand(c->create.suite, text_vars(&own, r, vars, a), &text, err);
	if (rc == 0 && buf_error(&text) < 0)
		rc = err_set(err, -E2BIG, "create.suite: the text is too long");
	const char *name = rc == 0 && text.len > 0 ? testrail_line(a, text.data) : NULL;
	buf_done(&text);
	if (rc == 0 && (name == NULL || *name == '\0'))
		rc = err_set(err, -EINVAL, "create.suite is empty for \"%.200s\"",
			     r->id != NULL ? r->id : "");
	if (rc == 0)
		path[(*count)++] = name;
	return rc;
}

int testrail_place(const void *conf, const struct vars *vars, const struct result *r, struct arena *a,
		   const char *const **path, size_t *count, struct err *err)
{
	struct place_vars own = { .vars = { get_var, &own, vars } };
	const char **out = arena_calloc(a, TEXT_DEPTH_MAX, sizeof(char *));

	text_vars(&own.plain, r, NULL, a);
	*count = 0;
	*path = out;
	if (out == NULL)
		return too_long(err);
	bool suites = get_var(&own, "suite") != NULL;
	int rc = suite_component(conf, vars, r, a, out, count, err);
	size_t first = *count;
	if (rc == 0)
		rc = from_template(conf, &own.vars, suites, out, count, a, err);
	if (rc < 0 || *count > first)
		return rc;
	/* A report without suites still has to put its cases somewhere. */
	const char *name = r->class_name != NULL ? testrail_line(a, r->class_name) : NULL;
	out[(*count)++] = name != NULL && *name != '\0' ? name : ROOT_SECTION;
	return 0;
}
