/* SPDX-License-Identifier: Apache-2.0
 *
 * template.c - a template is a list of parts, a part a list of choices: a text, or the name of a variable. */
#include "daemon/config/template.h"

#include "daemon/base/mem.h"
#include "daemon/config/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct choice {
	bool literal;
	char *s; /* the text, or the variable's name */
};

struct part {
	struct choice *choice; /* the first that is set is taken */
	size_t count;
	char *source; /* as it was written, for messages; NULL: plain text between variables */
};

struct template
{
	char *text;
	struct part *part;
	size_t count;
};

/* What is known at parse time; `prop` is open, since reports name their properties themselves. */
static const char *const known[] = {
	"run.key",
	"run.name",
	"run.started",
	"run.notes",
	"ci.system",
	"ci.job",
	"ci.build",
	"ci.url",
	"ci.branch",
	"ci.commit",
	"ci.node",
	"ci.attempt",
	/* where a failure is told (section `defects`) */
	"test.name",
	"test.class",
	"test.id",
	"failure.type",
	"failure.title",
	"failure.message",
	"failure.stack",
	"failure.tests",
	"failure.runs",
	"failure.first",
	"run.url",
};

const char *vars_get(const struct vars *vars, const char *name)
{
	for (; vars != NULL; vars = vars->next) {
		const char *value = vars->get(vars->cookie, name);
		if (value != NULL)
			return value;
	}
	return NULL;
}

static struct part *add_part(struct template *t)
{
	t->part = xrealloc(t->part, t->count + 1, sizeof(*t->part));
	t->part[t->count] = (struct part){ 0 };
	return &t->part[t->count++];
}

static void add_choice(struct part *p, bool literal, char *s)
{
	p->choice = xrealloc(p->choice, p->count + 1, sizeof(*p->choice));
	p->choice[p->count++] = (struct choice){ .literal = literal, .s = s };
}

static bool plain_name(const char *s, size_t len)
{
	if (len == 0 || (*s >= '0' && *s <= '9') || *s == '-')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", s[i]) == NULL)
			return false;
	}
	return true;
}

bool template_name_ok(const char *s, size_t len)
{
	return plain_name(s, len);
}

static int check_name(const char *name, struct err *err)
{
	const char *dot = strchr(name, '.');
	char quoted[WORD_QUOTED_SIZE], hint[NEAREST_SIZE];
	struct nearest near = NEAREST(name);

	if (dot == NULL) {
		if (plain_name(name, strlen(name)))
			return 0;
		return err_set(err, -EINVAL, "%s is not a variable's name; a fixed text stands in '...'",
			       word_quoted(name, quoted));
	}
	if (strncmp(name, "prop.", 5) == 0 && dot[1] != '\0')
		return 0;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(name, known[i]) == 0)
			return 0;
		nearest_offer(&near, known[i]);
	}
	return err_set(err, -EINVAL, "unknown variable %s%s", word_quoted(name, quoted),
		       nearest_hint(&near, hint));
}

/* 'text' with '' for a quote.  *at is behind the opening quote, and ends behind the closing one. */
static char *read_literal(const char *text, size_t *at)
{
	size_t i = *at, n = 0;
	char *s = xstrdup(text + i);

	for (; text[i] != '\0'; i++) {
		if (text[i] == '\'') {
			if (text[i + 1] != '\'')
				break;
			i++;
		}
		s[n++] = text[i];
	}
	s[n] = '\0';
	if (text[i] == '\0') {
		free(s);
		return NULL;
	}
	*at = i + 1;
	return s;
}

static size_t skip_spaces(const char *text, size_t i)
{
	while (text[i] == ' ')
		i++;
	return i;
}

/* One choice of the variable that begins at `start`; *at is at its first character, and ends at the `|` or
 * `}` behind it, or at the fault. */
static int read_choice(struct part *p, const char *text, size_t start, size_t *at, struct err *err)
{
	size_t i = skip_spaces(text, *at);

	*at = i;
	if (text[i] == '\'') {
		i++;
		char *literal = read_literal(text, &i);
		if (literal == NULL)
			return err_set(err, -EINVAL, "a ' that is not closed");
		add_choice(p, true, literal);
		i = skip_spaces(text, i);
		if (text[i] != '|' && text[i] != '}') {
			*at = i;
			return err_set(err, -EINVAL, "| or } is wanted here");
		}
		*at = i;
		return 0;
	}
	size_t len = strcspn(text + i, "|{}'");
	char *name = xstrndup(text + i, len);
	for (size_t n = len; n > 0 && name[n - 1] == ' '; n--)
		name[n - 1] = '\0';
	add_choice(p, false, name);
	if (text[i + len] == '\0') {
		*at = start;
		return err_set(err, -EINVAL, "a { that is not closed; {{ stands for the brace itself");
	}
	if (*name == '\0')
		return err_set(err, -EINVAL, "a variable's name is missing; {{ stands for the brace itself");
	if (text[i + len] == '{' || text[i + len] == '\'') {
		*at = i + len;
		return err_set(err, -EINVAL, "| or } is wanted here");
	}
	int rc = check_name(name, err);
	if (rc == 0)
		*at = i + len;
	return rc;
}

/* {a|b|'text'}; *at is at the brace, and ends behind the closing one. */
static int read_variable(struct template *t, const char *text, size_t *at, struct err *err)
{
	struct part *p = add_part(t);
	size_t start = *at, i = start;

	do {
		i++;
		int rc = read_choice(p, text, start, &i, err);
		if (rc < 0) {
			*at = i;
			return rc;
		}
	} while (text[i] == '|');
	p->source = xstrndup(text + start, i + 1 - start);
	*at = i + 1;
	return 0;
}

/* Text up to the next variable, with doubled braces undone. */
static int read_plain(struct template *t, const char *text, size_t *at, struct err *err)
{
	size_t i = *at, n = 0;
	char *s = xstrdup(text + i);
	int rc = 0;

	for (; text[i] != '\0'; i++) {
		if (text[i] == '{' || text[i] == '}') {
			if (text[i + 1] == text[i])
				i++;
			else if (text[i] == '{')
				break;
			else {
				rc = err_set(err, -EINVAL,
					     "a } without its {; }} stands for the brace itself");
				break;
			}
		}
		s[n++] = text[i];
	}
	s[n] = '\0';
	add_choice(add_part(t), true, s);
	*at = i;
	return rc;
}

int template_parse(const char *text, struct template **out, size_t *at, struct err *err)
{
	struct template *t = xcalloc(1, sizeof(*t));
	size_t i = 0;
	int rc = 0;

	t->text = xstrdup(text);
	while (rc == 0 && text[i] != '\0') {
		if (text[i] == '{' && text[i + 1] != '{')
			rc = read_variable(t, text, &i, err);
		else
			rc = read_plain(t, text, &i, err);
	}
	if (rc < 0) {
		if (at != NULL)
			*at = i;
		template_free(t);
		return rc;
	}
	*out = t;
	return 0;
}

void template_free(struct template *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->count; i++) {
		for (size_t j = 0; j < t->part[i].count; j++)
			free(t->part[i].choice[j].s);
		free(t->part[i].choice);
		free(t->part[i].source);
	}
	free(t->part);
	free(t->text);
	free(t);
}

const char *template_text(const struct template *t)
{
	return t->text;
}

bool template_constant(const struct template *t)
{
	for (size_t i = 0; i < t->count; i++) {
		if (t->part[i].source != NULL)
			return false;
	}
	return true;
}

const char *template_uses(const struct template *t, const char *prefix)
{
	size_t len = strlen(prefix);

	for (size_t i = 0; t != NULL && i < t->count; i++) {
		for (size_t j = 0; j < t->part[i].count; j++) {
			const struct choice *c = &t->part[i].choice[j];
			if (!c->literal && strncmp(c->s, prefix, len) == 0)
				return c->s;
		}
	}
	return NULL;
}

/* An empty value is as good as none while there is another choice, and better than none at the end. */
static const char *part_value(const struct part *p, const struct vars *vars)
{
	const char *empty = NULL;

	for (size_t i = 0; i < p->count; i++) {
		const struct choice *c = &p->choice[i];
		const char *value = c->literal ? c->s : vars_get(vars, c->s);
		if (value != NULL && (*value != '\0' || c->literal))
			return value;
		if (value != NULL)
			empty = value;
	}
	return empty;
}

int template_expand(const struct template *t, const struct vars *vars, struct buf *out, struct err *err)
{
	size_t before = out->len;

	for (size_t i = 0; i < t->count; i++) {
		const char *value = part_value(&t->part[i], vars);
		if (value == NULL) {
			out->len = before;
			if (out->data != NULL && before < out->cap)
				out->data[before] = '\0';
			return err_set(err, -ENOENT,
				       t->part[i].count > 1 ? "none of %s is set" : "%s is not set",
				       t->part[i].source);
		}
		buf_puts(out, value);
	}
	if (buf_error(out) < 0)
		return err_set(err, buf_error(out), "the text of the template is too long");
	return 0;
}
