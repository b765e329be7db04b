/* SPDX-License-Identifier: Apache-2.0
 *
 * text.c - names, templates, paths and stamps for sinks.  Everything read here is foreign. */
#include "sinks/text.h"

#include "daemon/base/clock.h"
#include "daemon/base/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

/* Between the suites of a path until it is split; no text of a report holds it. */
#define JOINT      "\x1e"
#define PATH_BYTES (64u << 10)

const char *text_trim(const char *s, size_t *len)
{
	while (*len > 0 && isspace((unsigned char)*s)) {
		s++;
		--*len;
	}
	while (*len > 0 && isspace((unsigned char)s[*len - 1]))
		--*len;
	return s;
}

const char *text_line(struct arena *a, const char *text, size_t max)
{
	size_t len = strlen(text);
	const char *s = text_trim(text, &len);
	char *out = arena_strndup(a, s, len);

	if (out == NULL)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)out[i] < ' ' || out[i] == 0x7f)
			out[i] = ' ';
	}
	return utf8_key(a, out, len, max);
}

/* ---- templates ---- */

const char *text_unmarked(struct arena *a, const char *s)
{
	static const char begin[] = "[[ATTACHMENT|";
	const char *mark = strstr(s, begin), *end;

	if (mark == NULL)
		return s;
	char *out = arena_strdup(a, s), *to = out;
	if (out == NULL)
		return NULL;
	for (; mark != NULL && (end = strstr(mark, "]]")) != NULL; mark = strstr(s, begin)) {
		memcpy(to, s, (size_t)(mark - s));
		to += mark - s;
		s = end + 2;
	}
	memcpy(to, s, strlen(s) + 1);
	for (to += strlen(to); to > out && (to[-1] == ' ' || to[-1] == '\n' || to[-1] == '\t'); to--)
		to[-1] = '\0';
	return out;
}

bool text_expand(struct talk *t, const struct template *tpl, const struct vars *vars, const char *key,
		 struct buf *out)
{
	struct err err = ERR_NONE;
	int rc = template_expand(tpl, vars, out, &err);

	if (rc == 0)
		return true;
	err_clear(&t->err);
	err_set(&t->err, rc, "%s: %s", key, err.text);
	return false;
}

static const char *filled(const char *s)
{
	return s != NULL && *s != '\0' ? s : NULL;
}

static const char *suites(const struct result *r, const char *joint, struct arena *a)
{
	struct buf b = BUF_LIMIT(PATH_BYTES);
	const char *text = NULL;

	for (size_t i = 0; i < r->suite_count; i++) {
		if (b.len > 0)
			buf_puts(&b, joint);
		buf_puts(&b, r->suite[i]);
	}
	if (b.len > 0 && buf_error(&b) == 0)
		text = arena_strndup(a, b.data, b.len);
	buf_done(&b);
	return text;
}

static const char *property(const struct result *r, const char *name)
{
	for (size_t i = 0; i < r->property_count; i++) {
		if (r->properties[i].key != NULL && strcmp(r->properties[i].key, name) == 0)
			return filled(r->properties[i].value);
	}
	return NULL;
}

static const char *get_var(void *cookie, const char *name)
{
	const struct text_vars *v = cookie;
	const struct result *r = v->result;

	if (strcmp(name, "suite") == 0)
		return suites(r, v->joint, v->arena);
	if (strcmp(name, "class") == 0)
		return filled(r->class_name);
	if (strcmp(name, "name") == 0)
		return filled(r->name);
	if (strcmp(name, "id") == 0)
		return filled(r->id);
	if (strcmp(name, "variant") == 0)
		return filled(r->variant);
	if (strcmp(name, "report") == 0)
		return filled(r->report);
	return strncmp(name, "prop.", 5) == 0 ? property(r, name + 5) : NULL;
}

const struct vars *text_vars(struct text_vars *v, const struct result *r, const struct vars *next,
			     struct arena *a)
{
	*v = (struct text_vars){ .vars = { get_var, v, next }, .result = r, .arena = a, .joint = " / " };
	return &v->vars;
}

/* ---- paths ---- */

/* A path that is too deep keeps its first levels; what lies below shares the last one. */
static int add_levels(const char *text, size_t name_max, struct arena *a, const char **path, size_t *count)
{
	for (const char *s = text; *s != '\0' && *count < TEXT_DEPTH_MAX;) {
		size_t len = strcspn(s, JOINT);
		const char *part = arena_strndup(a, s, len);
		const char *name = part != NULL ? text_line(a, part, name_max) : NULL;
		if (name == NULL)
			return -E2BIG;
		if (*name != '\0')
			path[(*count)++] = name;
		s += len + (s[len] != '\0');
	}
	return 0;
}

int text_path(const struct config_templates *list, const struct vars *vars, const struct result *r,
	      size_t name_max, struct arena *a, const char *path[TEXT_DEPTH_MAX], size_t *count,
	      struct err *err)
{
	struct buf text = BUF_LIMIT(PATH_BYTES);
	struct text_vars own;
	int rc = 0;

	*count = 0;
	if (r != NULL) {
		vars = text_vars(&own, r, vars, a);
		own.joint = JOINT;
	}
	for (size_t i = 0; i < list->count && rc == 0; i++) {
		/* A report without suites has no level for them; other variables must be set. */
		if (r != NULL && r->suite_count == 0 && strcmp(template_text(list->item[i]), "{suite}") == 0)
			continue;
		buf_reset(&text);
		rc = template_expand(list->item[i], vars, &text, err);
		if (rc == 0 && (buf_error(&text) < 0 ||
				(text.data != NULL && add_levels(text.data, name_max, a, path, count) < 0)))
			rc = err_set(err, -E2BIG, "the path of the folder is too long");
	}
	buf_done(&text);
	return rc;
}

/* ---- stamps ---- */

static bool number(const char **s, int digits, int64_t *out)
{
	*out = 0;
	for (int i = 0; i < digits; i++, ++*s) {
		if (!isdigit((unsigned char)**s))
			return false;
		*out = *out * 10 + (**s - '0');
	}
	return true;
}

static bool zone(const char *s, int64_t *minutes)
{
	int64_t h, m = 0;
	bool minus = *s == '-';

	*minutes = 0;
	if (*s == '\0' || strcasecmp(s, "z") == 0)
		return true;
	if (*s != '+' && *s != '-')
		return false;
	s++;
	if (!number(&s, 2, &h))
		return false;
	s += *s == ':';
	if (*s != '\0' && !number(&s, 2, &m))
		return false;
	*minutes = (h * 60 + m) * (minus ? -1 : 1);
	return *s == '\0' && h < 24 && m < 60;
}

int64_t text_time(const char *s)
{
	int64_t y, mo, d, h = 0, mi = 0, sec = 0, ms = 0, offset = 0;

	if (!number(&s, 4, &y) || *s++ != '-' || !number(&s, 2, &mo) || *s++ != '-' || !number(&s, 2, &d) ||
	    mo < 1 || mo > 12 || d < 1 || d > 31)
		return TIME_UNKNOWN;
	if (*s == 'T' || *s == ' ') {
		s++;
		if (!number(&s, 2, &h) || *s++ != ':' || !number(&s, 2, &mi) || h > 24 || mi > 59)
			return TIME_UNKNOWN;
		if (*s == ':') {
			s++;
			if (!number(&s, 2, &sec) || sec > 60)
				return TIME_UNKNOWN;
		}
		if (*s == '.') {
			int64_t unit = 100;
			for (s++; isdigit((unsigned char)*s); s++, unit /= 10)
				ms += (*s - '0') * unit;
		}
	}
	if (!zone(s, &offset))
		return TIME_UNKNOWN;
	return ((clock_days(y, (unsigned)mo, (unsigned)d) * 24 + h) * 60 + mi - offset) * 60000 + sec * 1000 +
	       ms;
}
